/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removal of a tree that may be hostile: links are removed, not followed; mount points are refused; depth costs neither
 * stack nor descriptors, because a directory that lies too deep is moved to the top and emptied from there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/path.h"

#define DEPTH_MAX 32
/* A pass that meets a directory being written to by somebody else is repeated this often. */
#define PASSES_MAX 64

struct removal {
	int top_fd; /* where directories that lie too deep are moved */
	unsigned int moved_count;
	struct err *err;
};

static int open_dir(int dir_fd, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	int fd;

	do {
		fd = (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
	} while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd;
}

static int move_to_top(struct removal *r, int dir_fd, const char *name)
{
	char moved[40];

	for (;;) {
		snprintf(moved, sizeof(moved), ".removing-%u", r->moved_count++);
		if (renameat2(dir_fd, name, r->top_fd, moved, RENAME_NOREPLACE) == 0 || errno == ENOENT)
			return 0;
		if (errno != EEXIST)
			return err_os(r->err, "remove '%s'", name);
	}
}

static int empty_dir(struct removal *r, int fd, int depth);

static int remove_entry(struct removal *r, int dir_fd, const char *name, int depth)
{
	AUTO_FD fd = -1;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return err_os(r->err, "remove '%s'", name);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno == EBUSY)
		return err_os(r->err, "remove '%s': a mount point", name);
	if (errno != ENOTEMPTY && errno != EEXIST)
		return err_os(r->err, "remove '%s'", name);
	if (depth >= DEPTH_MAX)
		return move_to_top(r, dir_fd, name);
	fd = open_dir(dir_fd, name);
	if (fd < 0)
		return err_os(r->err, "remove '%s'", name);
	if (depth == 0)
		r->top_fd = fd;
	for (int pass = 0; pass < PASSES_MAX; pass++) {
		unsigned int moved_before = r->moved_count;

		if (empty_dir(r, fd, depth + 1) < 0)
			return -1;
		if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST)
			break;
		if (depth == 0 && r->moved_count != moved_before)
			pass = 0;
	}
	return err_os(r->err, "remove '%s'", name);
}

static int empty_dir(struct removal *r, int fd, int depth)
{
	int own_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own_fd < 0 ? NULL : fdopendir(own_fd);
	struct dirent *entry;
	int result = 0;

	if (!dir) {
		fd_close(&own_fd);
		return err_os(r->err, "list directory");
	}
	while (result == 0 && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = remove_entry(r, fd, entry->d_name, depth);
	}
	closedir(dir);
	return result;
}

int fd_remove_tree(int dir_fd, const char *path, struct err *err)
{
	struct removal r = { .top_fd = -1, .err = err };
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	AUTO_FD parent = -1;
	char parent_path[PATH_MAX] = ".";

	if (!path_is_name(str_from(name)))
		return err_set(err, ERR_INVALID, "remove '%s': it does not end in a file name", path);
	if (slash && str_copy_to(str_sub(path, slash == path ? 1 : (size_t)(slash - path)), parent_path,
				 sizeof(parent_path)) < 0)
		return err_set(err, ERR_INVALID, "path of %zu bytes is too long", strlen(path));
	parent = openat(dir_fd, parent_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 && errno == ENOENT)
		return 0;
	if (parent < 0)
		return err_os(err, "open directory '%s'", parent_path);
	if (remove_entry(&r, parent, name, 0) < 0)
		return err_wrap(err, "remove tree '%s'", path);
	return 0;
}
