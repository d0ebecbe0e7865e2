/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders, tmpfs mounts and files below a pod's folder, host paths with their checks. What
 * containers can write to is never followed: names are resolved from descriptors of folders that
 * only root may change.
 */
#include "kubelet/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "kubelet/atomic_writer.h"
#include "linux/mounts.h"

static int open_dir(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_os(err, "open %s", path) : fd;
}

/* The volume's own folder, made when missing. */
static int volume_dir(const struct volume_set *set, const struct volume *v, mode_t mode,
		      char **ret_path, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	struct str path;
	int fd;

	arena_init(&arena, 1 << 20);
	path = volume_path(set, v, &arena);
	*ret_path = str_dup_c(path);
	if (fd_make_dirs(AT_FDCWD, *ret_path, 0750, err) < 0)
		return -1;
	fd = open_dir(*ret_path, err);
	if (fd >= 0 && fchmod(fd, mode) < 0) {
		fd_close(&fd);
		return err_os(err, "mode of %s", *ret_path);
	}
	return fd;
}

static bool is_tmpfs(int fd)
{
	struct statfs fs;
	struct stat st, parent;

	return fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC && fstat(fd, &st) == 0 &&
	       fstatat(fd, "..", &parent, 0) == 0 && st.st_dev != parent.st_dev;
}

static int give_to_group(int fd, const struct volume_set *set, mode_t mode, struct err *err)
{
	if (set->has_group && fchown(fd, (uid_t)-1, (gid_t)set->group) < 0)
		return err_os(err, "group of volume");
	if (fchmod(fd, set->has_group ? mode | S_ISGID | 0070 : mode) < 0)
		return err_os(err, "mode of volume");
	return 0;
}

/* Mounts a tmpfs on the folder unless one is there; *fd becomes the mounted folder. */
static int mount_tmpfs(int *fd, const char *path, int64_t size_bytes, mode_t mode, struct err *err)
{
	char options[64];
	int rc;

	if (is_tmpfs(*fd))
		return 0;
	if (size_bytes > 0)
		(void)snprintf(options, sizeof(options), "mode=%o,size=%lld", mode,
			       (long long)size_bytes); /* fits */
	else
		(void)snprintf(options, sizeof(options), "mode=%o", mode); /* fits */
	rc = mount_fs("tmpfs", "tmpfs", *fd, MS_NOSUID | MS_NODEV, options);
	if (rc < 0)
		return err_neg(err, rc, "mount tmpfs on %s", path);
	fd_close(fd);
	*fd = open_dir(path, err);
	return *fd < 0 ? -1 : 0;
}

static int make_empty_dir(const struct volume_set *set, const struct volume *v, struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_FD fd = volume_dir(set, v, 0777, &path, err);

	if (fd < 0)
		return -1;
	if (v->kind == VOLUME_MEMORY && mount_tmpfs(&fd, path, v->size_bytes, 0777, err) < 0)
		return -1;
	return give_to_group(fd, set, 0777, err);
}

static int make_files(const struct volume_set *set, const struct volume *v, struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_FD fd = volume_dir(set, v, 0755, &path, err);

	if (fd < 0 || (v->secret && mount_tmpfs(&fd, path, 0, 0755, err) < 0))
		return -1;
	return atomic_write(fd, v->files, v->file_count, set->has_group ? set->group : -1, NULL,
			    err);
}

static int check_host_path(const char *path, const struct stat *st, enum host_path_type type,
			   struct err *err)
{
	static const struct {
		mode_t format;
		const char *what;
	} wanted[] = {
		[HOST_PATH_DIRECTORY_OR_CREATE] = { S_IFDIR, "a directory" },
		[HOST_PATH_DIRECTORY] = { S_IFDIR, "a directory" },
		[HOST_PATH_FILE_OR_CREATE] = { S_IFREG, "a file" },
		[HOST_PATH_FILE] = { S_IFREG, "a file" },
		[HOST_PATH_SOCKET] = { S_IFSOCK, "a socket file" },
		[HOST_PATH_CHAR_DEVICE] = { S_IFCHR, "a character device" },
		[HOST_PATH_BLOCK_DEVICE] = { S_IFBLK, "a block device" },
	};

	if (type == HOST_PATH_UNSET || (st && (st->st_mode & S_IFMT) == wanted[type].format))
		return 0;
	return err_set(err, ERR_INVALID, "hostPath type check failed: %s is not %s", path,
		       wanted[type].what);
}

static int make_host_path(const struct volume *v, struct err *err)
{
	AUTO_FREE char *path = str_dup_c(v->host_path);
	AUTO_FD fd = -1;
	struct stat st;
	bool exists = stat(path, &st) == 0;

	if (!exists && errno != ENOENT)
		return err_os(err, "hostPath %s", path);
	if (!exists && v->host_type == HOST_PATH_DIRECTORY_OR_CREATE)
		return fd_make_dirs(AT_FDCWD, path, 0755, err);
	if (!exists && v->host_type == HOST_PATH_FILE_OR_CREATE) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		return fd < 0 ? err_os(err, "make %s", path) : 0;
	}
	/* Without a type upstream's runtime makes a folder where nothing is. */
	if (!exists && v->host_type == HOST_PATH_UNSET)
		return fd_make_dirs(AT_FDCWD, path, 0755, err);
	return check_host_path(path, exists ? &st : NULL, v->host_type, err);
}

int volumes_make(const struct volume_set *set, struct err *err)
{
	AUTO_FREE char *pod_dir = str_dup_c(set->pod_dir);
	struct err cause;

	if (fd_make_dirs(AT_FDCWD, pod_dir, 0750, err) < 0)
		return -1;
	for (size_t i = 0; i < set->count; i++) {
		const struct volume *v = &set->volumes[i];
		int rc = v->kind == VOLUME_FILES       ? make_files(set, v, &cause)
			 : v->kind == VOLUME_HOST_PATH ? make_host_path(v, &cause)
						       : make_empty_dir(set, v, &cause);

		if (rc < 0)
			return err_set(err, cause.code,
				       "MountVolume.SetUp failed for volume \"" STR_FMT "\" : %s",
				       STR_ARG(v->name), cause.msg);
	}
	return 0;
}

/* <dir_fd>/<plugin>/<volume>: lets go of what is mounted there. */
static void unmount_below(int volumes_fd, const char *plugin)
{
	int fd = openat(volumes_fd, plugin, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		fd_close(&fd);
		return;
	}
	while ((e = readdir(dir))) {
		AUTO_FREE char *path = mem_printf("/proc/self/fd/%d/%s", dirfd(dir), e->d_name);

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		while (umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) ==
		       0) /* until nothing is mounted there (EINVAL) */
			;
	}
	closedir(dir);
}

int volumes_clear(const char *pod_dir, struct err *err)
{
	AUTO_FREE char *volumes = mem_printf("%s/volumes", pod_dir);
	int fd = open(volumes, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		fd_close(&fd);
		return fd_remove_tree(AT_FDCWD, pod_dir, err);
	}
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unmount_below(dirfd(dir), e->d_name);
	closedir(dir);
	return fd_remove_tree(AT_FDCWD, pod_dir, err);
}
