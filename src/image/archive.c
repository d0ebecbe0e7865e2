/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image archives: an OCI layout, what `docker save` writes (old and new: the new is both), or a
 * plain root file system. Which one it is, the names of the files tell; then the files go to the
 * content store, and what describes them is read from there. Names in an archive are only keys of a
 * map: no path is ever opened.
 */
#include "image/archive_internal.h"

#include <unistd.h>
#include "base/fd.h"
#include "base/map.h"
#include "codec/tar.h"
#include "image/inflate.h"
#include "image/limits.h"
#include "image/unpack_internal.h"
#include "oci/image_manifest.h"

struct file {
	struct str digest; /* or for a link: */
	struct str link;
};

struct archive {
	struct archive_source *source;
	struct map files; /* cleaned name → struct file */
	size_t count;
};

enum archive_kind { ARCHIVE_ROOT_FS, ARCHIVE_DOCKER, ARCHIVE_OCI };

static int rewind_source(struct archive_source *source, struct err *err)
{
	return lseek(source->fd, 0, SEEK_SET) < 0 ? err_os(err, "import: seek") : 0;
}

static int clean_name(struct str name, struct buf *to, struct err *err)
{
	return unpack_clean_path(name, to, err) < 0 ? err_wrap(err, "archive") : 0;
}

/* Reads names until they tell. */
static int find_kind_in(struct tar_reader *tar, struct buf *name, enum archive_kind *ret,
			struct err *err)
{
	const struct tar_entry *e;
	bool has_manifest = false;
	int more;

	*ret = ARCHIVE_ROOT_FS;
	while ((more = tar_next(tar, &e, err)) > 0) {
		if (e->type != TAR_FILE)
			continue;
		if (clean_name(e->path, name, err) < 0)
			return -1;
		if (str_eq_c(buf_str(name), "index.json") ||
		    str_eq_c(buf_str(name), "oci-layout")) {
			*ret = ARCHIVE_OCI;
			return 0;
		}
		has_manifest |= str_eq_c(buf_str(name), "manifest.json");
	}
	if (more < 0)
		return -1;
	if (has_manifest)
		*ret = ARCHIVE_DOCKER;
	return 0;
}

static int find_kind(struct archive_source *source, enum archive_kind *ret, struct err *err)
{
	AUTO_INFLATE in = inflate_new(source->fd, source->cancel);
	AUTO_BUF name = { 0 };
	struct tar_reader tar;
	int r;

	buf_init(&name, TAR_PATH_BYTES_MAX);
	tar_init(&tar, inflate_next, in);
	r = find_kind_in(&tar, &name, ret, err);
	tar_deinit(&tar);
	return r;
}

static int store_file(struct archive *a, struct tar_reader *tar, const struct tar_entry *e,
		      struct file *file, struct err *err)
{
	AUTO_CONTENT w = { .fd = -1 };
	char digest[IMAGE_DIGEST_BYTES];
	int64_t offset, at = 0;
	struct str piece;
	int more;

	if (content_begin(a->source->content, &w, err) < 0)
		return -1;
	while ((more = tar_data(tar, &offset, &piece, err)) > 0) {
		if (offset != at)
			return err_set(err, ERR_UNSUPPORTED, "archive: sparse file");
		if (content_write(&w, piece, err) < 0)
			return -1;
		at += (int64_t)piece.len;
	}
	if (more < 0 || content_commit(&w, STR_NONE, e->size_bytes, digest, err) < 0)
		return -1;
	file->digest = str_in(a->source->arena, str_from(digest));
	return 0;
}

static int store_files_in(struct archive *a, struct tar_reader *tar, struct buf *name,
			  struct err *err)
{
	const struct tar_entry *e;
	int more;

	while ((more = tar_next(tar, &e, err)) > 0) {
		struct file *file;

		if (e->type != TAR_FILE && e->type != TAR_SYMLINK && e->type != TAR_HARDLINK)
			continue;
		if (++a->count > ARCHIVE_FILES_MAX)
			return err_set(err, ERR_TOO_LARGE, "archive has more than %u files",
				       ARCHIVE_FILES_MAX);
		if (clean_name(e->path, name, err) < 0)
			return -1;
		file = ARENA_NEW(a->source->arena, struct file);
		if (e->type == TAR_FILE) {
			if (store_file(a, tar, e, file, err) < 0)
				return -1;
		} else if (e->type == TAR_HARDLINK) {
			file->link = str_in(a->source->arena, e->link);
		} else { /* relative to its own folder */
			size_t slash = str_rfind_char(buf_str(name), '/');

			file->link = str_printf_in(
				a->source->arena, STR_FMT "/" STR_FMT,
				STR_ARG(str_slice(buf_str(name), 0, slash == SIZE_MAX ? 0 : slash)),
				STR_ARG(e->link));
		}
		(void)map_put(&a->files, buf_str(name), file); /* the last one of a name counts */
	}
	return more;
}

static int store_files(struct archive *a, struct err *err)
{
	AUTO_INFLATE in = inflate_new(a->source->fd, a->source->cancel);
	AUTO_BUF name = { 0 };
	struct tar_reader tar;
	int r;

	buf_init(&name, TAR_PATH_BYTES_MAX);
	tar_init(&tar, inflate_next, in);
	r = store_files_in(a, &tar, &name, err);
	tar_deinit(&tar);
	return r;
}

/* Digest of a named file, through at most a few links. */
static int file_digest(struct archive *a, struct str name, struct str *ret, struct err *err)
{
	AUTO_BUF clean = { 0 };
	struct str at = name;

	buf_init(&clean, TAR_PATH_BYTES_MAX);
	for (int i = 0; i < 8; i++) {
		struct file *file;

		if (clean_name(at, &clean, err) < 0)
			return -1;
		file = map_get(&a->files, buf_str(&clean));
		if (!file)
			break;
		if (file->digest.len) {
			*ret = file->digest;
			return 0;
		}
		at = file->link;
	}
	return err_set(err, ERR_PARSE, "archive: file \"" STR_FMT "\" is missing",
		       STR_ARG(str_slice(name, 0, 200)));
}

static int read_file(struct archive *a, struct str name, size_t max_bytes, struct str *ret,
		     struct err *err)
{
	AUTO_BUF text = { 0 };
	struct str digest;

	buf_init(&text, max_bytes);
	if (file_digest(a, name, &digest, err) < 0 ||
	    content_read(a->source->content, digest, max_bytes, &text, err) < 0)
		return -1;
	*ret = str_in(a->source->arena, buf_str(&text));
	return 0;
}

static struct str_list add_name(struct arena *arena, struct str_list names, struct str extra)
{
	struct str *all = arena_array(arena, names.count + 2, sizeof(*all));
	size_t count = 0;

	for (size_t i = 0; i < names.count; i++) {
		if (names.items[i].len)
			all[count++] = names.items[i];
	}
	if (extra.len)
		all[count++] = extra;
	return (struct str_list){ all, count };
}

/* --- docker save --- */

static int put_manifest(struct archive_source *source, const struct oci_manifest *manifest,
			struct str *ret_digest, struct err *err)
{
	AUTO_BUF text = { 0 };
	char digest[IMAGE_DIGEST_BYTES];

	buf_init(&text, OCI_MANIFEST_BYTES_MAX);
	if (oci_manifest_encode(manifest, &text, err) < 0 ||
	    content_put(source->content, buf_str(&text), digest, err) < 0)
		return -1;
	*ret_digest = str_in(source->arena, str_from(digest));
	return 0;
}

static struct oci_descriptor describe(struct archive_source *source, struct str media_type,
				      struct str digest)
{
	return (struct oci_descriptor){ .media_type = media_type,
					.digest = digest,
					.size_bytes = content_size(source->content, digest) };
}

/* Layers of old archives may be compressed whatever their name says; the media type says how. */
static struct str layer_media_type(struct archive_source *source, struct str digest)
{
	AUTO_FD fd = content_open(source->content, digest, NULL);
	unsigned char magic[4] = { 0 };

	if (fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic)) {
		if (magic[0] == 0x1f && magic[1] == 0x8b)
			return STR(OCI_MEDIA_LAYER "+gzip");
		if (memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0)
			return STR(OCI_MEDIA_LAYER "+zstd");
	}
	return STR(OCI_MEDIA_LAYER);
}

static int read_docker_image(struct archive *a, const struct oci_archive_image *from,
			     struct archive_image *to, struct err *err)
{
	struct archive_source *source = a->source;
	struct oci_manifest manifest = { 0 };
	struct oci_descriptor *layers;
	struct str digest;

	if (file_digest(a, from->config, &digest, err) < 0)
		return -1;
	manifest.config = describe(source, STR(OCI_MEDIA_CONFIG), digest);
	layers = arena_array(source->arena, from->layers.count + 1, sizeof(*layers));
	for (size_t i = 0; i < from->layers.count; i++) {
		if (file_digest(a, from->layers.items[i], &digest, err) < 0)
			return -1;
		layers[i] = describe(source, layer_media_type(source, digest), digest);
	}
	manifest.items = layers;
	manifest.item_count = from->layers.count;
	to->names = add_name(source->arena, from->tags, source->reference);
	return put_manifest(source, &manifest, &to->manifest, err);
}

static int read_docker(struct archive *a, struct archive_image **ret, size_t *ret_count,
		       struct err *err)
{
	struct oci_archive list;
	struct archive_image *images;
	struct str text;

	if (read_file(a, STR("manifest.json"), OCI_MANIFEST_BYTES_MAX, &text, err) < 0 ||
	    oci_archive_decode(text, a->source->arena, &list, err) < 0)
		return -1;
	images = arena_array(a->source->arena, list.image_count + 1, sizeof(*images));
	for (size_t i = 0; i < list.image_count; i++) {
		if (read_docker_image(a, &list.images[i], &images[i], err) < 0)
			return -1;
	}
	*ret = images;
	*ret_count = list.image_count;
	return 0;
}

/* --- OCI layout --- */

static int find_manifest(struct archive *a, const struct oci_descriptor *d, int depth,
			 struct str *ret, struct err *err)
{
	struct oci_platform platform;
	struct oci_manifest m;
	struct str text;
	const struct oci_descriptor *chosen;

	text = str_printf_in(a->source->arena, "blobs/sha256/" STR_FMT,
			     STR_ARG(oci_digest_hex(d->digest)));
	if (read_file(a, text, OCI_MANIFEST_BYTES_MAX, &text, err) < 0 ||
	    oci_manifest_decode(text, a->source->arena, &m, err) < 0)
		return -1;
	if (!content_has(a->source->content, d->digest))
		return err_set(err, ERR_PARSE, "archive: blob " STR_FMT " has another digest",
			       STR_ARG(d->digest));
	if (!m.is_index) {
		*ret = d->digest;
		return 0;
	}
	if (depth >= PULL_INDEX_DEPTH_MAX)
		return err_set(err, ERR_PARSE, "index is nested too deeply");
	if (oci_platform_parse(STR(""), &platform, err) < 0)
		return -1;
	chosen = oci_index_choose(&m, &platform);
	if (!chosen)
		return err_set(err, ERR_NOT_FOUND,
			       "no match for platform in manifest " STR_FMT ": not found",
			       STR_ARG(d->digest));
	return find_manifest(a, chosen, depth + 1, ret, err);
}

/* "latest" alone is no name for an image. */
static struct str layout_name(const struct oci_descriptor *d)
{
	bool whole = str_find_char(d->image_name, ':', 0) != SIZE_MAX ||
		     str_find_char(d->image_name, '/', 0) != SIZE_MAX;

	return whole ? d->image_name : STR_NONE;
}

static int read_oci(struct archive *a, struct archive_image **ret, size_t *ret_count,
		    struct err *err)
{
	struct archive_image *images;
	struct oci_manifest index;
	struct str text;
	size_t count = 0;

	if (read_file(a, STR("index.json"), OCI_MANIFEST_BYTES_MAX, &text, err) < 0 ||
	    oci_manifest_decode(text, a->source->arena, &index, err) < 0)
		return err_wrap(err, "index.json");
	if (!index.is_index)
		return err_set(err, ERR_PARSE, "index.json: is not an index");
	images = arena_array(a->source->arena, index.item_count + 1, sizeof(*images));
	for (size_t i = 0; i < index.item_count; i++) {
		struct str name = layout_name(&index.items[i]);

		if (index.items[i].reference_type.len)
			continue;
		if (find_manifest(a, &index.items[i], 0, &images[count].manifest, err) < 0)
			return -1;
		images[count].names = add_name(a->source->arena, (struct str_list){ &name, 1 },
					       a->source->reference);
		count++;
	}
	*ret = images;
	*ret_count = count;
	return 0;
}

/* --- root file system --- */

/* The file as it is becomes the layer; what it unpacks to has to be known for the config. */
static int read_root_fs(struct archive_source *source, struct archive_image **ret,
			size_t *ret_count, struct err *err)
{
	AUTO_CONTENT w = { .fd = -1 };
	AUTO_BUF text = { 0 };
	struct oci_image_config config = source->config ? *source->config
							: (struct oci_image_config){ 0 };
	struct oci_manifest manifest = { .item_count = 1 };
	struct oci_descriptor layer;
	struct oci_platform platform;
	char diff_id[IMAGE_DIGEST_BYTES], digest[IMAGE_DIGEST_BYTES], buffer[65536];
	struct str id = { diff_id, IMAGE_DIGEST_BYTES - 1 }, piece;
	ssize_t n;

	if (source->reference.len == 0)
		return err_set(err, ERR_BAD_REQUEST,
			       "a root file system needs a name for its image");
	if (content_begin(source->content, &w, err) < 0)
		return -1;
	while ((n = read(source->fd, buffer, sizeof(buffer))) > 0) {
		if (content_write(&w, str_sub(buffer, (size_t)n), err) < 0)
			return -1;
	}
	if (n < 0)
		return err_os(err, "import: read");
	if (content_commit(&w, STR_NONE, -1, digest, err) < 0 || rewind_source(source, err) < 0)
		return -1;
	{
		AUTO_INFLATE in = inflate_new(source->fd, source->cancel);

		do {
			if (inflate_next(in, &piece, err) < 0)
				return -1;
		} while (piece.len);
		inflate_digest(in, diff_id);
	}
	if (oci_platform_parse(STR(""), &platform, err) < 0)
		return -1;
	config.os = config.os.len ? config.os : platform.os;
	config.architecture = config.architecture.len ? config.architecture : platform.architecture;
	config.diff_ids = (struct str_list){ &id, 1 };
	buf_init(&text, OCI_IMAGE_CONFIG_BYTES_MAX);
	layer = describe(source, layer_media_type(source, str_from(digest)),
			 str_in(source->arena, str_from(digest)));
	if (oci_image_config_encode(&config, &text, err) < 0 ||
	    content_put(source->content, buf_str(&text), digest, err) < 0)
		return -1;
	manifest.config = describe(source, STR(OCI_MEDIA_CONFIG), str_from(digest));
	manifest.items = &layer;
	*ret = ARENA_NEW(source->arena, struct archive_image);
	*ret_count = 1;
	(*ret)->names = add_name(source->arena, (struct str_list){ 0 }, source->reference);
	return put_manifest(source, &manifest, &(*ret)->manifest, err);
}

int archive_read_images(struct archive_source *source, struct archive_image **ret,
			size_t *ret_count, struct err *err)
{
	struct archive a = { .source = source };
	enum archive_kind kind;
	int r;

	if (find_kind(source, &kind, err) < 0 || rewind_source(source, err) < 0)
		return -1;
	if (kind == ARCHIVE_ROOT_FS)
		return read_root_fs(source, ret, ret_count, err);
	map_init(&a.files);
	r = store_files(&a, err);
	if (r == 0)
		r = kind == ARCHIVE_OCI ? read_oci(&a, ret, ret_count, err)
					: read_docker(&a, ret, ret_count, err);
	map_deinit(&a.files);
	return r;
}
