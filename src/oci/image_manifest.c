/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding and encoding of manifests, indexes and docker-archive lists; choice of a platform. */
#include "oci/image_manifest.h"

#include <sys/utsname.h>
#include "codec/json.h"
#include "oci/image_config.h"

bool oci_digest_is_valid(struct str digest)
{
	if (digest.len != 71 || !str_strip_prefix(&digest, STR("sha256:")))
		return false;
	for (size_t i = 0; i < digest.len; i++) {
		char c = digest.ptr[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

struct str oci_digest_hex(struct str digest)
{
	return str_slice(digest, 7, digest.len);
}

/* A string that may be missing; anything else is refused by name. */
static int take_str(yyjson_val *object, const char *key, struct arena *arena, struct str *ret,
		    struct err *err)
{
	yyjson_val *v = json_key(object, str_from(key));

	*ret = STR_NONE;
	if (!v || yyjson_is_null(v))
		return 0;
	if (!yyjson_is_str(v))
		return err_set(err, ERR_PARSE, "manifest: field \"%s\" must be a string", key);
	*ret = str_in(arena, json_str(v));
	return 0;
}

static int decode_platform(yyjson_val *v, struct arena *arena, struct oci_platform *ret,
			   struct err *err)
{
	if (!v || yyjson_is_null(v))
		return 0;
	if (!yyjson_is_obj(v))
		return err_set(err, ERR_PARSE, "manifest: field \"platform\" must be an object");
	if (take_str(v, "os", arena, &ret->os, err) < 0 ||
	    take_str(v, "architecture", arena, &ret->architecture, err) < 0 ||
	    take_str(v, "variant", arena, &ret->variant, err) < 0)
		return -1;
	return 0;
}

static int decode_descriptor(yyjson_val *v, struct arena *arena, struct oci_descriptor *ret,
			     struct err *err)
{
	yyjson_val *annotations = json_key(v, STR("annotations"));
	struct str name;

	*ret = (struct oci_descriptor){ 0 };
	if (!yyjson_is_obj(v))
		return err_set(err, ERR_PARSE, "manifest: descriptor must be an object");
	if (take_str(v, "mediaType", arena, &ret->media_type, err) < 0 ||
	    take_str(v, "digest", arena, &ret->digest, err) < 0 ||
	    decode_platform(json_key(v, STR("platform")), arena, &ret->platform, err) < 0)
		return -1;
	if (!oci_digest_is_valid(ret->digest))
		return err_set(err, ERR_PARSE, "manifest: invalid digest \"" STR_FMT "\"",
			       STR_ARG(str_slice(ret->digest, 0, 100)));
	ret->size_bytes = json_int(json_key(v, STR("size")), -1);
	if (ret->size_bytes < 0 || ret->size_bytes > OCI_BLOB_BYTES_MAX)
		return err_set(err, ERR_PARSE, "manifest: invalid size of " STR_FMT,
			       STR_ARG(ret->digest));
	name = json_str(json_key(annotations, STR("io.containerd.image.name")));
	if (name.len == 0)
		name = json_str(json_key(annotations, STR("org.opencontainers.image.ref.name")));
	ret->image_name = str_in(arena, name);
	ret->reference_type = str_in(
		arena, json_str(json_key(annotations, STR("vnd.docker.reference.type"))));
	return 0;
}

static int decode_items(yyjson_val *list, size_t max, struct arena *arena, struct oci_manifest *m,
			struct err *err)
{
	struct oci_descriptor *items;
	size_t count = yyjson_arr_size(list), i = 0;

	if (!yyjson_is_arr(list))
		return err_set(err, ERR_PARSE, "manifest: field \"%s\" must be a list",
			       m->is_index ? "manifests" : "layers");
	if (count > max)
		return err_set(err, ERR_TOO_LARGE, "manifest: more than %zu entries", max);
	items = arena_array(arena, count ? count : 1, sizeof(*items));
	JSON_EACH (item, list) {
		if (decode_descriptor(item, arena, &items[i++], err) < 0)
			return -1;
	}
	m->items = items;
	m->item_count = count;
	return 0;
}

int oci_manifest_decode(struct str bytes, struct arena *arena, struct oci_manifest *ret,
			struct err *err)
{
	AUTO_JSON doc = json_parse(bytes, OCI_MANIFEST_BYTES_MAX, err);
	struct oci_manifest m = { 0 };
	yyjson_val *root, *manifests;
	struct str media_type;

	if (!doc)
		return err_wrap(err, "manifest");
	root = yyjson_doc_get_root(doc);
	if (!yyjson_is_obj(root))
		return err_set(err, ERR_PARSE, "manifest: must be an object");
	if (json_int(json_key(root, STR("schemaVersion")), 0) != 2)
		return err_set(err, ERR_UNSUPPORTED, "manifest: unsupported schema version");
	if (take_str(root, "mediaType", arena, &media_type, err) < 0)
		return -1;
	manifests = json_key(root, STR("manifests"));
	m.is_index = manifests && !json_key(root, STR("config"));
	if (manifests && !m.is_index)
		return err_set(err, ERR_PARSE,
			       "manifest: both an index and a manifest"); /* CVE-2021-41190 */
	if (media_type.len && m.is_index != (str_eq_c(media_type, OCI_MEDIA_INDEX) ||
					     str_eq_c(media_type, DOCKER_MEDIA_INDEX)))
		return err_set(err, ERR_PARSE, "manifest: content does not fit media type " STR_FMT,
			       STR_ARG(str_slice(media_type, 0, 100)));
	if (m.is_index) {
		if (decode_items(manifests, OCI_INDEX_ENTRIES_MAX, arena, &m, err) < 0)
			return -1;
	} else {
		if (decode_descriptor(json_key(root, STR("config")), arena, &m.config, err) < 0)
			return err_wrap(err, "config");
		if (decode_items(json_key(root, STR("layers")), OCI_IMAGE_LAYERS_MAX, arena, &m,
				 err) < 0)
			return -1;
	}
	*ret = m;
	return 0;
}

static void encode_descriptor(yyjson_mut_doc *doc, yyjson_mut_val *to,
			      const struct oci_descriptor *d)
{
	json_set_str(doc, to, "mediaType", d->media_type);
	json_set_str(doc, to, "digest", d->digest);
	json_set_int(doc, to, "size", d->size_bytes);
}

int oci_manifest_encode(const struct oci_manifest *manifest, struct buf *to, struct err *err)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *layers;

	json_set_int(doc, root, "schemaVersion", 2);
	json_set_str(doc, root, "mediaType", STR(OCI_MEDIA_MANIFEST));
	encode_descriptor(doc, json_set_object(doc, root, "config"), &manifest->config);
	layers = json_set_array(doc, root, "layers");
	for (size_t i = 0; i < manifest->item_count; i++)
		encode_descriptor(doc, json_append_object(doc, layers), &manifest->items[i]);
	json_mut_write(root, to);
	return buf_check(to, "manifest", err);
}

static struct str machine_architecture(const char *machine)
{
	static const struct {
		const char *machine, *go;
	} names[] = {
		{ "x86_64", "amd64" },	  { "aarch64", "arm64" },   { "armv7l", "arm" },
		{ "armv6l", "arm" },	  { "i686", "386" },	    { "ppc64le", "ppc64le" },
		{ "s390x", "s390x" },	  { "riscv64", "riscv64" }, { "loongarch64", "loong64" },
		{ "mips64", "mips64le" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		if (strcmp(machine, names[i].machine) == 0)
			return str_from(names[i].go);
	}
	return STR("unknown");
}

int oci_platform_parse(struct str text, struct oci_platform *ret, struct err *err)
{
	struct oci_platform p = { 0 };
	struct str rest;
	struct utsname host;

	if (text.len == 0) {
		p.os = STR("linux");
		p.architecture = uname(&host) == 0 ? machine_architecture(host.machine)
						   : STR("unknown");
		*ret = p;
		return 0;
	}
	if (!str_cut(text, '/', &p.os, &rest) || p.os.len == 0)
		return err_set(err, ERR_BAD_REQUEST,
			       "\"" STR_FMT
			       "\" is an invalid component of platform: specify os/arch",
			       STR_ARG(str_slice(text, 0, 100)));
	str_cut(rest, '/', &p.architecture, &p.variant);
	if (p.architecture.len == 0 || str_find_char(p.variant, '/', 0) != SIZE_MAX)
		return err_set(err, ERR_BAD_REQUEST, "\"" STR_FMT "\" is an invalid platform",
			       STR_ARG(str_slice(text, 0, 100)));
	if (str_eq_c(p.architecture, "x86_64"))
		p.architecture = STR("amd64");
	else if (str_eq_c(p.architecture, "aarch64"))
		p.architecture = STR("arm64");
	*ret = p;
	return 0;
}

/* 0 = does not fit; more is better. */
static int platform_fit(const struct oci_descriptor *d, const struct oci_platform *want)
{
	struct str variant = d->platform.variant;

	if (d->reference_type.len)
		return 0;
	if (!str_eq(d->platform.os, want->os) ||
	    !str_eq(d->platform.architecture, want->architecture))
		return 0;
	if (want->variant.len)
		return str_eq(variant, want->variant) ? 3 : 0;
	/* Without a wish: the plain one, or arm64's only common variant. */
	if (variant.len == 0)
		return 3;
	return str_eq_c(variant, "v8") || str_eq_c(variant, "v7") ? 2 : 1;
}

const struct oci_descriptor *oci_index_choose(const struct oci_manifest *index,
					      const struct oci_platform *platform)
{
	const struct oci_descriptor *best = NULL;
	int best_fit = 0;

	for (size_t i = 0; i < index->item_count; i++) {
		int fit = platform_fit(&index->items[i], platform);

		if (fit > best_fit) {
			best = &index->items[i];
			best_fit = fit;
		}
	}
	if (!best && index->item_count == 1 && index->items[0].platform.os.len == 0)
		return &index->items[0];
	return best;
}

static int decode_names(yyjson_val *list, size_t max, struct arena *arena, struct str_list *ret,
			struct err *err)
{
	struct str *items;
	size_t i = 0;

	*ret = (struct str_list){ 0 };
	if (!list || yyjson_is_null(list))
		return 0;
	if (!yyjson_is_arr(list) || yyjson_arr_size(list) > max)
		return err_set(err, ERR_PARSE, "manifest.json: invalid list");
	items = arena_array(arena, yyjson_arr_size(list) + 1, sizeof(*items));
	JSON_EACH (item, list) {
		if (!yyjson_is_str(item))
			return err_set(err, ERR_PARSE, "manifest.json: list of strings expected");
		items[i++] = str_in(arena, json_str(item));
	}
	*ret = (struct str_list){ items, i };
	return 0;
}

int oci_archive_decode(struct str bytes, struct arena *arena, struct oci_archive *ret,
		       struct err *err)
{
	AUTO_JSON doc = json_parse(bytes, OCI_MANIFEST_BYTES_MAX, err);
	struct oci_archive_image *images;
	yyjson_val *root;
	size_t i = 0;

	if (!doc)
		return err_wrap(err, "manifest.json");
	root = yyjson_doc_get_root(doc);
	if (!yyjson_is_arr(root) || yyjson_arr_size(root) > OCI_INDEX_ENTRIES_MAX)
		return err_set(err, ERR_PARSE, "manifest.json: must be a list of at most %d images",
			       OCI_INDEX_ENTRIES_MAX);
	images = arena_array(arena, yyjson_arr_size(root) + 1, sizeof(*images));
	JSON_EACH (item, root) {
		struct oci_archive_image *image = &images[i++];

		if (take_str(item, "Config", arena, &image->config, err) < 0 ||
		    decode_names(json_key(item, STR("Layers")), OCI_IMAGE_LAYERS_MAX, arena,
				 &image->layers, err) < 0 ||
		    decode_names(json_key(item, STR("RepoTags")), OCI_INDEX_ENTRIES_MAX, arena,
				 &image->tags, err) < 0)
			return -1;
		if (image->config.len == 0)
			return err_set(err, ERR_PARSE, "manifest.json: image without \"Config\"");
	}
	*ret = (struct oci_archive){ images, i };
	return 0;
}
