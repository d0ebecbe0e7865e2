/* SPDX-License-Identifier: Apache-2.0 */
/* See rootfs.h: id-mapped binds and tmpfs with a copy of what lies beneath. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "linux/process.h"
#include "linux/rootpath.h"
#include "runtime/rootfs.h"

#define COPY_DEPTH_MAX 64

static int write_map(int host_proc_fd, pid_t pid, const char *file, const struct oci_list *maps)
{
	char path[48], text[4096];
	size_t len = 0;

	for (size_t i = 0; i < maps->count; i++) {
		const struct oci_id_map *map = OCI_ITEM(*maps, struct oci_id_map, i);
		int n = snprintf(text + len, sizeof(text) - len, "%u %u %u\n", (unsigned)map->container_id.value,
				 (unsigned)map->host_id.value, (unsigned)map->size.value);

		if (n < 0 || (len += (size_t)n) >= sizeof(text))
			return -E2BIG;
	}
	snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
	return fd_write_file(host_proc_fd, path, str_sub(text, len), NULL) < 0 ? -errno : 0;
}

/* A user namespace exists as long as a process or descriptor holds it: a child lends one for a moment. */
static int make_userns(int host_proc_fd, const struct oci_list *uids, const struct oci_list *gids, struct err *err)
{
	AUTO_FD pidfd = -1;
	char path[48];
	int status, failed, fd = -1;
	pid_t pid = process_clone(CLONE_NEWUSER, -1, &pidfd);

	if (pid < 0)
		return err_neg(err, pid, "make a user namespace");
	if (pid == 0) {
		for (;;)
			pause();
	}
	/* the host's /proc knows it by another number than the pid namespace we may be in */
	pid = process_pid_of(pidfd);
	failed = pid < 0 ? (int)pid : write_map(host_proc_fd, pid, "uid_map", uids);
	if (failed == 0)
		failed = write_map(host_proc_fd, pid, "gid_map", gids);
	if (failed == 0) {
		snprintf(path, sizeof(path), "%d/ns/user", (int)pid);
		fd = openat(host_proc_fd, path, O_RDONLY | O_CLOEXEC);
		failed = fd < 0 ? -errno : 0;
	}
	if (process_signal(pidfd, SIGKILL) < 0 || process_wait(pidfd, &status) < 0)
		failed = failed ? failed : -ECHILD;
	if (failed < 0) {
		fd_close(&fd);
		return err_neg(err, failed, "map ids");
	}
	return fd;
}

static int dup_joined(const struct init *init)
{
	for (size_t i = 0; i < ARRAY_COUNT(init->join_fds); i++) {
		if (namespace_all[i] == CLONE_NEWUSER)
			return fcntl(init->join_fds[i], F_DUPFD_CLOEXEC, 3);
	}
	return -1;
}

int rootfs_idmap(struct init *init, const struct oci_mount *m, int tree_fd, bool recursive, struct err *err)
{
	int failed;
	AUTO_FD userns = -1;

	const struct oci_linux *l = init->spec->linux_part;

	if (!m->uid_mappings.count && init->joins_user) {
		userns = dup_joined(init);
	} else if (m->uid_mappings.count || init->bind_fds) {
		/* in the host's terms: made by a child of ours in the namespace we are in */
		userns = m->uid_mappings.count
				 ? make_userns(init->program.host_proc_fd, &m->uid_mappings, &m->gid_mappings, err)
				 : make_userns(init->program.host_proc_fd, &l->uid_mappings, &l->gid_mappings, err);
		if (userns < 0)
			return -1;
	} else {
		userns = openat(init->program.host_proc_fd, "self/ns/user", O_RDONLY | O_CLOEXEC);
	}
	if (userns < 0)
		return err_os(err, "open the user namespace");
	failed = mount_set_idmap(tree_fd, recursive, userns);
	return failed < 0 ? err_neg(err, failed, "map ids (does the file system support it?)") : 0;
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st, struct err *err)
{
	AUTO_FD from = openat(from_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	AUTO_FD to = openat(to_dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
	char block[16384];
	ssize_t got;

	if (from < 0 || to < 0)
		return err_os(err, "copy %s", name);
	while ((got = read(from, block, sizeof(block))) > 0) {
		if (fd_write_all(to, block, (size_t)got, err) < 0)
			return err_wrap(err, "copy %s", name);
	}
	if (got < 0 || fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return err_os(err, "copy %s", name);
	return 0;
}

static int copy_dir(int from_fd, int to_fd, int depth, struct err *err);

static int copy_entry(int from_fd, int to_fd, const char *name, int depth, struct err *err)
{
	char link[PATH_MAX];
	struct stat st;
	ssize_t len;

	if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_os(err, "copy %s", name);
	if (S_ISREG(st.st_mode))
		return copy_file(from_fd, to_fd, name, &st, err);
	if (S_ISLNK(st.st_mode)) {
		len = readlinkat(from_fd, name, link, sizeof(link) - 1);
		if (len < 0)
			return err_os(err, "copy %s", name);
		link[len] = '\0';
		if (symlinkat(link, to_fd, name) < 0 ||
		    fchownat(to_fd, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
			return err_os(err, "copy %s", name);
		return 0;
	}
	if (!S_ISDIR(st.st_mode)) {
		if (mknodat(to_fd, name, st.st_mode, st.st_rdev) < 0)
			return err_os(err, "copy %s", name);
		return 0;
	}
	if (depth >= COPY_DEPTH_MAX)
		return err_set(err, ERR_TOO_LARGE, "copy %s: folders nest deeper than %d", name, COPY_DEPTH_MAX);
	if (mkdirat(to_fd, name, 0700) < 0)
		return err_os(err, "copy %s", name);
	AUTO_FD from = openat(from_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	AUTO_FD to = openat(to_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0 || to < 0)
		return err_os(err, "copy %s", name);
	if (copy_dir(from, to, depth + 1, err) < 0)
		return -1;
	if (fchown(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 07777) < 0)
		return err_os(err, "copy %s", name);
	return 0;
}

static int copy_dir(int from_fd, int to_fd, int depth, struct err *err)
{
	int list = fcntl(from_fd, F_DUPFD_CLOEXEC, 3);
	DIR *dir = list < 0 ? NULL : fdopendir(list);
	struct dirent *entry;
	int failed = 0;

	if (!dir)
		return err_os(err, "list a folder");
	while (failed == 0 && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			failed = copy_entry(from_fd, to_fd, entry->d_name, depth, err);
	}
	closedir(dir);
	return failed;
}

int rootfs_tmpfs_copy(int root_fd, const struct oci_mount *m, const struct mount_options *options, const char *text,
		      struct err *err)
{
	unsigned long flags = options->flags & ~(unsigned long)MS_RDONLY;
	int failed;

	AUTO_FD below = rootpath_open(root_fd, m->destination, O_RDONLY | O_DIRECTORY, 0);
	if (below < 0)
		return err_neg(err, below, "open %s", m->destination);
	failed = mount_fs("tmpfs", m->source ? m->source : "tmpfs", below, flags, text[0] ? text : NULL);
	if (failed < 0)
		return err_neg(err, failed, "mount tmpfs");
	AUTO_FD above = rootpath_open(root_fd, m->destination, O_RDONLY | O_DIRECTORY, 0);
	if (above < 0)
		return err_neg(err, above, "reopen %s", m->destination);
	if (copy_dir(below, above, 0, err) < 0)
		return -1;
	failed = mount_set(above, false, options->attr_set, options->attr_clear);
	return failed < 0 ? err_neg(err, failed, "set options") : 0;
}
