/* SPDX-License-Identifier: Apache-2.0 */
/* One layer, entry by entry; where an entry goes and what stood there before. What it is made of is unpack_entry.c. */
#include "image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "image/inflate.h"
#include "image/limits.h"
#include "image/unpack_internal.h"

static int entry_refuse(const struct tar_entry *e, const char *why, struct err *err)
{
	return err_set(err, ERR_PARSE, "layer entry \"" STR_FMT "\": %s", STR_ARG(str_slice(e->path, 0, 200)), why);
}

/* "./a//b/../c/" becomes "a/c", the root "". */
int unpack_clean_path(struct str path, struct buf *to, struct err *err)
{
	struct str rest = path, part;

	buf_reset(to);
	while (str_next_part(&rest, '/', &part)) {
		if (part.len == 0 || str_eq_c(part, "."))
			continue;
		if (str_eq_c(part, "..")) {
			size_t slash;

			if (to->len == 0)
				return err_set(err, ERR_PARSE, "path leaves the root");
			slash = str_rfind_char(buf_str(to), '/');
			to->len = slash == SIZE_MAX ? 0 : slash;
			to->ptr[to->len] = '\0';
			continue;
		}
		if (part.len > 255)
			return err_set(err, ERR_PARSE, "name is longer than 255 bytes");
		if (to->len)
			buf_put_char(to, '/');
		buf_put_str(to, part);
	}
	return buf_check(to, "path", err);
}

static void unpack_forget_parent(struct unpacking *u)
{
	fd_close(&u->parent_fd);
}

static int set_opaque(int dir_fd, const char *name, struct err *err)
{
	AUTO_FD fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
		return err_os(err, "mark folder opaque");
	return 0;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* Owner and mode of a folder that only lower layers describe. */
static void inherit_folder(struct unpacking *u, const char *path, int fd)
{
	struct stat st;

	for (size_t i = 0; i < u->unpack->below_count; i++) {
		AUTO_FD below = fd_open_beneath(u->unpack->below_fds[i], path, O_PATH | O_DIRECTORY, 0, NULL);

		if (below < 0 || fstat(below, &st) < 0)
			continue;
		/* Only a nicety: without it the folder is root's, 0755. */
		if (fchown(fd, st.st_uid, st.st_gid) == 0)
			(void)fchmod(fd, st.st_mode & 07777);
		return;
	}
}

static int make_parent(struct unpacking *u, const char *path, int *ret_fd, struct err *err);

/* Opens a folder beneath the root, making what is missing on the way. */
static int open_folder(struct unpacking *u, const char *path, int *ret_fd, struct err *err)
{
	struct err why = { 0 };
	int fd;

	if (path[0] == '\0') {
		fd = openat(u->unpack->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return err_os(err, "open layer folder");
		*ret_fd = fd;
		return 0;
	}
	fd = fd_open_beneath(u->unpack->root_fd, path, O_RDONLY | O_DIRECTORY, 0, &why);
	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	if (why.os_errno != ENOENT && why.os_errno != ENOTDIR)
		return err_set(err, why.code, "%s", why.msg);
	return make_parent(u, path, ret_fd, err);
}

static int make_parent(struct unpacking *u, const char *path, int *ret_fd, struct err *err)
{
	struct str whole = str_from(path), name;
	size_t slash = str_rfind_char(whole, '/');
	AUTO_FREE char *above = str_dup_c(slash == SIZE_MAX ? STR("") : str_slice(whole, 0, slash));
	AUTO_FD above_fd = -1;
	AUTO_FD fd = -1;
	struct stat st;
	bool was_whiteout = false;

	name = slash == SIZE_MAX ? whole : str_slice(whole, slash + 1, whole.len);
	if (open_folder(u, above, &above_fd, err) < 0)
		return -1;
	if (fstatat(above_fd, name.ptr, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		was_whiteout = is_whiteout(&st);
		if (!was_whiteout)
			return err_set(err, ERR_PARSE, "\"%s\" is not a folder", path);
		if (unlinkat(above_fd, name.ptr, 0) < 0)
			return err_os(err, "replace \"%s\"", path);
	}
	if (mkdirat(above_fd, name.ptr, 0755) < 0)
		return err_os(err, "make folder \"%s\"", path);
	fd = openat(above_fd, name.ptr, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0755) < 0)
		return err_os(err, "make folder \"%s\"", path);
	if (was_whiteout) {
		if (set_opaque(above_fd, name.ptr, err) < 0)
			return -1;
	} else {
		inherit_folder(u, path, fd);
	}
	*ret_fd = fd_take(&fd);
	return 0;
}

/* The folder that u->path lies in; remembered, because archives are mostly in order. */
static int enter_parent(struct unpacking *u, const char **ret_name, struct err *err)
{
	struct str path = buf_str(&u->path), dir;
	size_t slash = str_rfind_char(path, '/');

	dir = slash == SIZE_MAX ? STR("") : str_slice(path, 0, slash);
	*ret_name = slash == SIZE_MAX ? path.ptr : path.ptr + slash + 1;
	if (u->parent_fd >= 0 && str_eq(dir, buf_str(&u->parent_path)))
		return 0;
	unpack_forget_parent(u);
	buf_reset(&u->parent_path);
	buf_put_str(&u->parent_path, dir);
	return open_folder(u, u->parent_path.ptr, &u->parent_fd, err);
}

/* Makes room for the entry. *ret_exists: a folder is there and stays; *ret_hid: a whiteout stood there. */
static int clear_place(struct unpacking *u, const char *name, const struct tar_entry *e, struct place *ret,
		       struct err *err)
{
	struct stat st;

	*ret = (struct place){ .name = name };
	if (fstatat(u->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_os(err, "stat");
	}
	if (S_ISDIR(st.st_mode) && e->type == TAR_DIR) {
		ret->folder_exists = true;
		return 0;
	}
	ret->was_whiteout = is_whiteout(&st);
	if (S_ISDIR(st.st_mode)) {
		if (fd_remove_tree(u->parent_fd, name, err) < 0)
			return -1;
		unpack_forget_parent(u);
		return enter_parent(u, &ret->name, err);
	}
	if (unlinkat(u->parent_fd, name, 0) < 0)
		return err_os(err, "replace");
	return 0;
}

/* ".wh.x" hides x of the layers below; ".wh..wh..opq" hides all that the folder holds there. */
static int apply_whiteout(struct unpacking *u, const char *name, const struct tar_entry *e, struct err *err)
{
	const char *hidden = name + 4;
	struct stat st;

	if (strcmp(hidden, ".wh..opq") == 0)
		return set_opaque(u->parent_fd, ".", err);
	if (strncmp(hidden, ".wh.", 4) == 0) /* AUFS's own files */
		return 0;
	if (hidden[0] == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return entry_refuse(e, "invalid whiteout name", err);
	if (mknodat(u->parent_fd, hidden, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	if (errno != EEXIST || fstatat(u->parent_fd, hidden, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_os(err, "make whiteout");
	/* What the layer itself brings stays; what is below a folder of it does not. */
	return S_ISDIR(st.st_mode) ? set_opaque(u->parent_fd, hidden, err) : 0;
}

static int unpack_entry(struct unpacking *u, const struct tar_entry *e, struct err *err)
{
	const char *name;
	struct place place;

	if (unpack_clean_path(e->path, &u->path, err) < 0)
		return -1;
	if (u->path.len == 0) {
		if (e->type != TAR_DIR)
			return entry_refuse(e, "is the root, but not a folder", err);
		return unpack_folder_at(u, e, u->unpack->root_fd, err);
	}
	if (enter_parent(u, &name, err) < 0)
		return -1;
	if (strncmp(name, ".wh.", 4) == 0)
		return apply_whiteout(u, name, e, err);
	if (clear_place(u, name, e, &place, err) < 0 || unpack_make(u, e, &place, err) < 0)
		return -1;
	if (place.was_whiteout && e->type == TAR_DIR)
		return set_opaque(u->parent_fd, place.name, err);
	return 0;
}

static int unpack_all(struct unpacking *u, struct err *err)
{
	const struct tar_entry *e;
	int more;

	while ((more = tar_next(&u->tar, &e, err)) > 0) {
		if (++u->unpack->entries > UNPACK_ENTRIES_MAX)
			return err_set(err, ERR_TOO_LARGE, "layer has more than %u entries", UNPACK_ENTRIES_MAX);
		u->unpack->bytes += e->size_bytes;
		if (e->size_bytes > UNPACK_BYTES_MAX || u->unpack->bytes > UNPACK_BYTES_MAX)
			return err_set(err, ERR_TOO_LARGE, "layer unpacks to more than %lld bytes",
				       (long long)UNPACK_BYTES_MAX);
		if (unpack_entry(u, e, err) < 0)
			return err_wrap(err, "unpack \"" STR_FMT "\"", STR_ARG(str_slice(e->path, 0, 200)));
	}
	if (more < 0 || tar_drain(&u->tar, err) < 0)
		return -1;
	return unpack_folder_times(u, err);
}

int unpack_layer(struct unpack *unpack, struct err *err)
{
	AUTO_INFLATE in = inflate_new(unpack->archive_fd, unpack->cancel);
	struct unpacking u = { .unpack = unpack, .parent_fd = -1 };
	int r;

	unpack->bytes = 0;
	unpack->entries = 0;
	tar_init(&u.tar, inflate_next, in);
	buf_init(&u.path, TAR_PATH_BYTES_MAX);
	buf_init(&u.link, TAR_PATH_BYTES_MAX);
	buf_init(&u.parent_path, TAR_PATH_BYTES_MAX);
	buf_init(&u.folders, UNPACK_FOLDER_BYTES_MAX);
	r = unpack_all(&u, err);
	unpack_forget_parent(&u);
	tar_deinit(&u.tar);
	buf_deinit(&u.path);
	buf_deinit(&u.link);
	buf_deinit(&u.parent_path);
	buf_deinit(&u.folders);
	if (r < 0)
		return -1;
	inflate_digest(in, unpack->diff_id);
	unpack->compression = inflate_compression(in);
	return 0;
}
