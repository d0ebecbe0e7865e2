/* SPDX-License-Identifier: Apache-2.0 */
/* Making files, links, folders and devices, each with owner, mode, attributes and times, in the
 * order that keeps them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/num.h"
#include "image/unpack_internal.h"

struct folder_times {
	struct timespec mtime;
	size_t path_len;
};

static struct timespec entry_mtime(const struct tar_entry *e)
{
	/* What the usual file systems can hold. */
	int64_t seconds = NUM_MIN(e->mtime_seconds, INT64_C(0x3fffffff0));

	seconds = NUM_MAX(seconds, INT64_C(-0x7fffffff));
	return (struct timespec){ .tv_sec = seconds, .tv_nsec = e->mtime_ns };
}

/* trusted.overlay.* of a stranger would let a layer reach into others; security modules' labels
 * belong to this host. */
static bool xattr_is_allowed(struct str name)
{
	return (str_has_prefix(name, STR("user.")) &&
		!str_has_prefix(name, STR("user.overlay."))) ||
	       str_eq_c(name, "security.capability") || str_eq_c(name, "system.posix_acl_access") ||
	       str_eq_c(name, "system.posix_acl_default");
}

static int set_xattrs(const struct tar_entry *e, int fd, struct err *err)
{
	for (size_t i = 0; i < e->xattr_count; i++) {
		const struct tar_xattr *x = &e->xattrs[i];

		if (!xattr_is_allowed(x->name))
			continue;
		/* A file system without them, or user.* on what cannot have them: as other tools
		 * do. */
		if (fsetxattr(fd, x->name.ptr, x->value.ptr, x->value.len, 0) < 0 &&
		    errno != EOPNOTSUPP && errno != EPERM)
			return err_os(err, "set attribute " STR_FMT, STR_ARG(x->name));
	}
	return 0;
}

/* chown clears set-uid bits and capabilities, so it comes first. */
static int set_metadata(const struct tar_entry *e, int fd, struct err *err)
{
	if (fchown(fd, e->uid, e->gid) < 0)
		return err_os(err, "chown");
	if (fchmod(fd, e->mode) < 0)
		return err_os(err, "chmod");
	return set_xattrs(e, fd, err);
}

static int write_at(int fd, struct str bytes, int64_t offset, struct err *err)
{
	while (bytes.len) {
		ssize_t n = pwrite(fd, bytes.ptr, bytes.len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(err, "write");
		bytes = str_slice(bytes, (size_t)n, bytes.len);
		offset += n;
	}
	return 0;
}

static int make_file(struct unpacking *u, const struct tar_entry *e, const char *name,
		     struct err *err)
{
	AUTO_FD fd = openat(u->parent_fd, name,
			    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct timespec times[2] = { entry_mtime(e), entry_mtime(e) };
	int64_t offset, end = 0;
	struct str piece;
	int more;

	if (fd < 0)
		return err_os(err, "create");
	while ((more = tar_data(&u->tar, &offset, &piece, err)) > 0) {
		if (write_at(fd, piece, offset, err) < 0)
			return -1;
		end = offset + (int64_t)piece.len;
	}
	if (more < 0)
		return -1;
	if (end < e->size_bytes && ftruncate(fd, e->size_bytes) < 0)
		return err_os(err, "truncate");
	if (set_metadata(e, fd, err) < 0)
		return -1;
	if (futimens(fd, times) < 0)
		return err_os(err, "set times");
	return 0;
}

int unpack_folder_at(struct unpacking *u, const struct tar_entry *e, int fd, struct err *err)
{
	struct folder_times times = { .mtime = entry_mtime(e), .path_len = u->path.len };

	buf_put(&u->folders, &times, sizeof(times));
	buf_put(&u->folders, u->path.ptr, u->path.len + 1);
	if (buf_failed(&u->folders))
		return err_set(err, ERR_TOO_LARGE, "layer has too many folders");
	return set_metadata(e, fd, err);
}

static int make_folder(struct unpacking *u, const struct tar_entry *e, const struct place *place,
		       struct err *err)
{
	AUTO_FD fd = -1;

	if (!place->folder_exists && mkdirat(u->parent_fd, place->name, 0700) < 0)
		return err_os(err, "make folder");
	fd = openat(u->parent_fd, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, "open folder");
	return unpack_folder_at(u, e, fd, err);
}

int unpack_folder_times(struct unpacking *u, struct err *err)
{
	struct folder_times times;

	for (size_t at = 0; at < u->folders.len; at += sizeof(times) + times.path_len + 1) {
		const char *path = u->folders.ptr + at + sizeof(times);
		struct timespec both[2];
		AUTO_FD fd = -1;

		memcpy(&times, u->folders.ptr + at, sizeof(times));
		both[0] = both[1] = times.mtime;
		fd = fd_open_beneath(u->unpack->root_fd, path[0] ? path : ".",
				     O_RDONLY | O_DIRECTORY, 0, NULL);
		if (fd < 0) /* replaced by a later entry */
			continue;
		if (futimens(fd, both) < 0)
			return err_os(err, "set times");
	}
	return 0;
}

/* Owner, mode and times of what cannot be opened: links and devices. */
static int set_metadata_by_name(struct unpacking *u, const struct tar_entry *e, const char *name,
				struct err *err)
{
	struct timespec times[2] = { entry_mtime(e), entry_mtime(e) };

	if (fchownat(u->parent_fd, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_os(err, "chown");
	/* Just made by us in a folder that nobody else can reach, and no link. */
	if (e->type != TAR_SYMLINK && fchmodat(u->parent_fd, name, e->mode, 0) < 0)
		return err_os(err, "chmod");
	if (utimensat(u->parent_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_os(err, "set times");
	return 0;
}

static int make_symlink(struct unpacking *u, const struct tar_entry *e, const char *name,
			struct err *err)
{
	if (e->link.len == 0)
		return err_set(err, ERR_PARSE, "symbolic link without a target");
	if (symlinkat(e->link.ptr, u->parent_fd, name) < 0)
		return err_os(err, "symlink");
	return set_metadata_by_name(u, e, name, err);
}

static int make_hardlink(struct unpacking *u, const struct tar_entry *e, const char *name,
			 struct err *err)
{
	struct str target;
	size_t slash;
	AUTO_FD dir = -1;
	const char *base;

	if (unpack_clean_path(e->link, &u->link, err) < 0)
		return err_wrap(err, "hard link");
	target = buf_str(&u->link);
	if (target.len == 0)
		return err_set(err, ERR_PARSE, "hard link to the root");
	slash = str_rfind_char(target, '/');
	base = slash == SIZE_MAX ? u->link.ptr : u->link.ptr + slash + 1;
	if (slash != SIZE_MAX)
		u->link.ptr[slash] = '\0';
	dir = fd_open_beneath(u->unpack->root_fd, slash == SIZE_MAX ? "." : u->link.ptr,
			      O_RDONLY | O_DIRECTORY, 0, err);
	if (dir < 0)
		return err_wrap(err, "hard link to \"" STR_FMT "\"",
				STR_ARG(str_slice(e->link, 0, 200)));
	if (linkat(dir, base, u->parent_fd, name, 0) < 0)
		return err_os(err, "hard link to \"" STR_FMT "\"",
			      STR_ARG(str_slice(e->link, 0, 200)));
	return 0;
}

static int make_device(struct unpacking *u, const struct tar_entry *e, const char *name,
		       struct err *err)
{
	mode_t type = e->type == TAR_CHAR ? S_IFCHR : e->type == TAR_BLOCK ? S_IFBLK : S_IFIFO;
	dev_t device = e->type == TAR_FIFO ? 0 : makedev(e->device_major, e->device_minor);

	if (mknodat(u->parent_fd, name, type | 0600, device) < 0)
		return err_os(err, "make device");
	return set_metadata_by_name(u, e, name, err);
}

int unpack_make(struct unpacking *u, const struct tar_entry *e, const struct place *place,
		struct err *err)
{
	switch (e->type) {
	case TAR_FILE:
		return make_file(u, e, place->name, err);
	case TAR_DIR:
		return make_folder(u, e, place, err);
	case TAR_SYMLINK:
		return make_symlink(u, e, place->name, err);
	case TAR_HARDLINK:
		return make_hardlink(u, e, place->name, err);
	case TAR_CHAR:
	case TAR_BLOCK:
	case TAR_FIFO:
		return make_device(u, e, place->name, err);
	}
	return err_set(err, ERR_INTERNAL, "unknown entry type");
}
