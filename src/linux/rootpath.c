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

int rootpath_make_dir(int root_fd, const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t len = strlen(path);
	const char *name;
	char *slash;
	int fd;

	if (len >= sizeof(part))
		return -ENAMETOOLONG;
	fd = rootpath_open(root_fd, path, O_PATH | O_DIRECTORY, 0);
	if (fd != -ENOENT)
		return fd;
	memcpy(part, path, len + 1);
	while (len > 0 && part[len - 1] == '/')
		part[--len] = '\0';
	slash = strrchr(part, '/');
	name = slash ? slash + 1 : part;
	if (strcmp(name, "..") == 0 || strcmp(name, ".") == 0 || *name == '\0')
		return -EINVAL;
	if (slash)
		*slash = '\0';
	AUTO_FD parent = slash ? rootpath_make_dir(root_fd, *part ? part : "/", mode) :
			 rootpath_open(root_fd, ".", O_PATH | O_DIRECTORY, 0);
	if (parent < 0)
		return parent;
	if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
		return -errno;
	return rootpath_open(root_fd, path, O_PATH | O_DIRECTORY, 0);
}

int rootpath_parent(int root_fd, const char *path, const char **ret_name)
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
	return rootpath_make_dir(root_fd, len ? dir : "/", 0755);
}

int rootpath_make_file(int root_fd, const char *path, mode_t mode)
{
	const char *name;
	int fd = rootpath_open(root_fd, path, O_PATH, 0);

	if (fd != -ENOENT)
		return fd;
	AUTO_FD parent = rootpath_parent(root_fd, path, &name);
	if (parent < 0)
		return parent;
	AUTO_FD made = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, mode);
	if (made < 0 && errno != EEXIST)
		return -errno;
	return rootpath_open(root_fd, path, O_PATH, 0);
}

const char *rootpath_proc(int fd, char to[ROOTPATH_PROC_BYTES])
{
	snprintf(to, ROOTPATH_PROC_BYTES, "/proc/self/fd/%d", fd);
	return to;
}
