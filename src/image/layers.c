/* SPDX-License-Identifier: Apache-2.0 */
/* The layer folders. "size" beside "fs" says how many bytes the files have. */
#include "image/layers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "image/limits.h"
#include "image/unpack.h"
#include "oci/image_manifest.h"

#define LINK_DIGITS 8

int layers_init(struct layers *l, int dir_fd, const char *dir_path, struct err *err)
{
	*l = (struct layers){ .layers_fd = -1, .links_fd = -1 };
	if (fd_make_dirs(dir_fd, "layers", 0700, err) < 0 ||
	    fd_make_dirs(dir_fd, "l", 0700, err) < 0)
		return -1;
	l->layers_fd = openat(dir_fd, "layers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	l->links_fd = openat(dir_fd, "l", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->layers_fd < 0 || l->links_fd < 0)
		return err_os(err, "open layers");
	l->links_path = mem_printf("%s/l", dir_path);
	return 0;
}

void layers_deinit(struct layers *l)
{
	fd_close(&l->layers_fd);
	fd_close(&l->links_fd);
	mem_free(l->links_path);
}

void layers_chain(struct str below, struct str diff_id, char ret[IMAGE_DIGEST_BYTES])
{
	char text[2 * IMAGE_DIGEST_BYTES];

	if (below.len == 0) {
		snprintf(ret, IMAGE_DIGEST_BYTES, STR_FMT, STR_ARG(diff_id));
		return;
	}
	snprintf(text, sizeof(text), STR_FMT " " STR_FMT, STR_ARG(below), STR_ARG(diff_id));
	digest_of(str_from(text), ret);
}

static int chain_name(struct str chain, char to[65], struct err *err)
{
	if (!oci_digest_is_valid(chain))
		return err_set(err, ERR_PARSE, "invalid chain ID");
	return str_copy_to(oci_digest_hex(chain), to, 65);
}

static bool layers_has(const struct layers *l, struct str chain)
{
	char name[65];

	return chain_name(chain, name, NULL) == 0 && faccessat(l->layers_fd, name, F_OK, 0) == 0;
}

static int open_fs(const struct layers *l, const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/fs", name);
	return openat(l->layers_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Unpacks into the folder `name`, which the caller removes on failure. */
static int unpack_to(struct layers *l, const struct layers_install *in, const char *name,
		     struct err *err)
{
	AUTO_FD archive = content_open(in->content, in->blob, err);
	AUTO_FD dir = -1;
	AUTO_FD root = -1;
	int below[IMAGE_LAYERS_MAX];
	struct unpack unpack = { .below_fds = below, .cancel = in->cancel };
	char hex[65], size[32];
	int r;

	if (archive < 0)
		return -1;
	if (mkdirat(l->layers_fd, name, 0700) < 0)
		return err_os(err, "make layer folder");
	dir = openat(l->layers_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || mkdirat(dir, "fs", 0755) < 0 || fchmodat(dir, "fs", 0755, 0) < 0)
		return err_os(err, "make layer folder");
	root = openat(dir, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_os(err, "open layer folder");
	for (size_t i = in->chain_count - 1; i > 0; i--) {
		int fd = chain_name(in->chains[i - 1], hex, NULL) == 0 ? open_fs(l, hex) : -1;

		if (fd >= 0)
			below[unpack.below_count++] = fd;
	}
	unpack.archive_fd = archive;
	unpack.root_fd = root;
	r = unpack_layer(&unpack, err);
	for (size_t i = 0; i < unpack.below_count; i++)
		close(below[i]);
	if (r < 0)
		return -1;
	if (!str_eq_c(in->diff_id, unpack.diff_id))
		return err_set(err, ERR_PARSE,
			       "wrong diff id calculated on extraction \"%s\", expected \"" STR_FMT
			       "\"",
			       unpack.diff_id, STR_ARG(in->diff_id));
	snprintf(size, sizeof(size), "%lld\n", (long long)unpack.bytes);
	return fd_replace_file(dir, "size", str_from(size), 0600, false, err);
}

/* What cannot be removed now is at the next sweep. */
static void drop_folder(struct layers *l, const char *name)
{
	struct err err = { 0 };

	if (fd_remove_tree(l->layers_fd, name, &err) < 0)
		log_debug("image", "remove %s: %s", name, err.msg);
}

int layers_install(struct layers *l, const struct layers_install *install, struct err *err)
{
	struct str chain = install->chains[install->chain_count - 1];
	char hex[65], name[24];

	if (install->chain_count > IMAGE_LAYERS_MAX)
		return err_set(err, ERR_TOO_LARGE, "image has more than %u layers",
			       IMAGE_LAYERS_MAX);
	if (chain_name(chain, hex, err) < 0)
		return -1;
	if (layers_has(l, chain))
		return 0;
	snprintf(name, sizeof(name), "new-%u", atomic_fetch_add(&l->next, 1));
	if (unpack_to(l, install, name, err) < 0) {
		drop_folder(l, name);
		return -1;
	}
	if (renameat(l->layers_fd, name, l->layers_fd, hex) == 0)
		return 0;
	if (errno != EEXIST && errno != ENOTEMPTY) {
		err_os(err, "store layer");
		drop_folder(l, name);
		return -1;
	}
	return fd_remove_tree(l->layers_fd, name, err); /* somebody else was faster */
}

/* The shortest link that is this layer's: another layer may have the same first digits, by chance
 * or on purpose. */
static int find_link(struct layers *l, const char hex[65], char to[65], struct err *err)
{
	char target[80], there[80];

	snprintf(target, sizeof(target), "../layers/%s/fs", hex);
	for (size_t digits = LINK_DIGITS; digits <= 64; digits += 8) {
		ssize_t n;

		snprintf(to, 65, "%.*s", (int)digits, hex);
		if (symlinkat(target, l->links_fd, to) == 0)
			return 0;
		if (errno != EEXIST)
			return err_os(err, "link layer");
		n = readlinkat(l->links_fd, to, there, sizeof(there));
		if (n == (ssize_t)strlen(target) && memcmp(there, target, (size_t)n) == 0)
			return 0;
	}
	return err_set(err, ERR_INTERNAL, "link layer: all names taken");
}

static int64_t read_size(const struct layers *l, const char *hex)
{
	AUTO_BUF text = { 0 };
	char path[80];
	uint64_t size = 0;

	buf_init(&text, 64);
	snprintf(path, sizeof(path), "%s/size", hex);
	if (fd_read_file(l->layers_fd, path, 64, &text, NULL) < 0 ||
	    num_parse_u64(str_trim(buf_str(&text)), INT64_MAX, "size", &size, NULL) < 0)
		return 0;
	return (int64_t)size;
}

int layers_path(struct layers *l, struct str chain, struct arena *arena, struct str *ret_path,
		int64_t *ret_bytes, struct err *err)
{
	char hex[65], link[65];

	if (chain_name(chain, hex, err) < 0)
		return -1;
	if (!layers_has(l, chain))
		return err_set(err, ERR_NOT_FOUND, "layer " STR_FMT " is missing", STR_ARG(chain));
	if (find_link(l, hex, link, err) < 0)
		return -1;
	*ret_path = str_printf_in(arena, "%s/%s", l->links_path, link);
	*ret_bytes = read_size(l, hex);
	return 0;
}

static DIR *open_dir(int fd, struct err *err)
{
	AUTO_FD copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;

	if (!dir) {
		err_os(err, "list layers");
		return NULL;
	}
	(void)fd_take(&copy); /* the DIR's now */
	return dir;
}

static bool keep_name(const char *name, bool (*keep)(void *arg, struct str chain), void *arg)
{
	char chain[IMAGE_DIGEST_BYTES + 256];

	snprintf(chain, sizeof(chain), "sha256:%s", name);
	return oci_digest_is_valid(str_from(chain)) && keep(arg, str_from(chain));
}

int layers_sweep(struct layers *l, bool (*keep)(void *arg, struct str chain), void *arg,
		 struct err *err)
{
	DIR *dir = open_dir(l->layers_fd, err);
	struct dirent *e;
	int r = 0;

	if (!dir)
		return -1;
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.' || keep_name(e->d_name, keep, arg))
			continue;
		if (fd_remove_tree(l->layers_fd, e->d_name, err) < 0)
			r = -1;
	}
	closedir(dir);
	dir = open_dir(l->links_fd, err);
	if (!dir)
		return -1;
	while ((e = readdir(dir))) { /* links to what is gone */
		if (e->d_name[0] != '.' && faccessat(l->links_fd, e->d_name, F_OK, 0) < 0)
			(void)unlinkat(l->links_fd, e->d_name, 0); /* harmless when it stays */
	}
	closedir(dir);
	return r;
}
