/* SPDX-License-Identifier: Apache-2.0 */
/* See rootpath.h. openat2 answers EAGAIN when a rename raced with "..": the call is simply repeated. */
#include "linux/rootpath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/defence.h"
#include "base/fd.h"

#define RACE_TRIES_MAX 128
#define LINKS_MAX 40 /* as the kernel follows */

static int open_how(int root_fd, const char *path, struct open_how how)
{
	long fd;

	if (!defence(DEFENCE_BENEATH_ROOT)) {
		how.resolve = 0;
		path += strspn(path, "/");
	}
	for (int i = 0; i < RACE_TRIES_MAX; i++) {
		fd = syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

int rootpath_open(int root_fd, const char *path, int flags, mode_t mode)
{
	return open_how(root_fd, path, (struct open_how){
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = mode,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	});
}

int rootpath_open_plain(int root_fd, const char *path)
{
	return open_how(root_fd, path, (struct open_how){
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
	});
}

static int make_dir(int root_fd, const char *path, mode_t mode, int links_left);
static int make_file(int root_fd, const char *path, mode_t mode, int links_left);

/* path is a link that leads nowhere yet: what it names is made, as its author expects of whoever mounts there. */
static int make_linked(int root_fd, int parent_fd, const char *path, mode_t mode, int links_left,
		       int (*make)(int root_fd, const char *path, mode_t mode, int links_left))
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char target[PATH_MAX], whole[PATH_MAX];
	ssize_t len = readlinkat(parent_fd, name, target, sizeof(target) - 1);

	if (len < 0)
		return -errno;
	if (links_left == 0)
		return -ELOOP;
	target[len] = '\0';
	if (target[0] == '/')
		return make(root_fd, target, mode, links_left - 1);
	if (snprintf(whole, sizeof(whole), "%.*s/%s", slash ? (int)(slash - path) : 0, path, target) >=
	    (int)sizeof(whole))
		return -ENAMETOOLONG;
	return make(root_fd, whole, mode, links_left - 1);
}

static int make_parent(int root_fd, const char *path, const char **ret_name, int links_left)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, len);
	dir[len] = '\0';
	*ret_name = slash ? slash + 1 : path;
	if (**ret_name == '\0' || strcmp(*ret_name, ".") == 0 || strcmp(*ret_name, "..") == 0)
		return -EINVAL;
	return make_dir(root_fd, len ? dir : "/", 0755, links_left);
}

static int make_dir(int root_fd, const char *path, mode_t mode, int links_left)
{
	char plain[PATH_MAX];
	size_t len = strlen(path);
	const char *name;
	int fd;

	if (len >= sizeof(plain))
		return -ENAMETOOLONG;
	fd = rootpath_open(root_fd, path, O_PATH | O_DIRECTORY, 0);
	if (fd != -ENOENT)
		return fd;
	while (len > 0 && path[len - 1] == '/')
		len--;
	memcpy(plain, path, len);
	plain[len] = '\0';
	AUTO_FD parent = make_parent(root_fd, plain, &name, links_left);
	if (parent < 0)
		return parent;
	if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
		return -errno;
	fd = rootpath_open(root_fd, plain, O_PATH | O_DIRECTORY, 0);
	return fd == -ENOENT ? make_linked(root_fd, parent, plain, mode, links_left, make_dir) : fd;
}

static int make_file(int root_fd, const char *path, mode_t mode, int links_left)
{
	const char *name;
	int fd = rootpath_open(root_fd, path, O_PATH, 0);

	if (fd != -ENOENT)
		return fd;
	AUTO_FD parent = make_parent(root_fd, path, &name, links_left);
	if (parent < 0)
		return parent;
	AUTO_FD made = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, mode);
	if (made < 0 && errno != EEXIST)
		return -errno;
	fd = rootpath_open(root_fd, path, O_PATH, 0);
	return fd == -ENOENT ? make_linked(root_fd, parent, path, mode, links_left, make_file) : fd;
}

int rootpath_make_dir(int root_fd, const char *path, mode_t mode)
{
	return make_dir(root_fd, path, mode, LINKS_MAX);
}

int rootpath_make_file(int root_fd, const char *path, mode_t mode)
{
	return make_file(root_fd, path, mode, LINKS_MAX);
}

int rootpath_parent(int root_fd, const char *path, const char **ret_name)
{
	return make_parent(root_fd, path, ret_name, LINKS_MAX);
}

const char *rootpath_proc(int fd, char to[ROOTPATH_PROC_BYTES])
{
	snprintf(to, ROOTPATH_PROC_BYTES, "/proc/self/fd/%d", fd);
	return to;
}
