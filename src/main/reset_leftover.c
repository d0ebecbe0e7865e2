/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a process is, is decided by what cannot be forged from outside and outlives the files: the
 * mount namespace, the folder a monitor holds open, the program, the overlay a root is made of.
 * Processes are signalled by pidfd that was opened before the check.
 */
#include "main/reset_leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/path.h"
#include "linux/cgroup.h"
#include "linux/process.h"

#define MONITOR_END_MS 3000
#define CGROUP_END_MS 2000
#define MOUNTS_BYTES_MAX ((size_t)64 << 20)

/* --- processes --- */

static bool is_same_namespace(pid_t pid)
{
	char path[64];
	struct stat own, other;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	return stat("/proc/self/ns/mnt", &own) == 0 && stat(path, &other) == 0 &&
	       own.st_ino == other.st_ino && own.st_dev == other.st_dev;
}

static bool link_of(pid_t pid, const char *name, char *to, size_t to_bytes)
{
	char path[320];
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	len = readlink(path, to, to_bytes - 1);
	if (len < 0)
		return false;
	to[len] = '\0';
	return true;
}

static bool is_runtime_program(pid_t pid)
{
	char target[PATH_MAX];
	struct str exe;

	if (!link_of(pid, "exe", target, sizeof(target)))
		return false;
	exe = str_from(target);
	(void)str_strip_suffix(&exe, STR(" (deleted)")); /* rebuilt or removed meanwhile */
	return str_eq(path_base(exe), STR("cube-oci"));
}

static bool holds_state(pid_t pid, struct str states_dir)
{
	char path[64], target[PATH_MAX];
	DIR *dir;
	struct dirent *entry;
	bool found = false;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		char name[sizeof("fd/") + NAME_MAX];

		(void)snprintf(name, sizeof(name), "fd/%s", entry->d_name);
		found = link_of(pid, name, target, sizeof(target)) &&
			path_is_below(str_from(target), states_dir);
	}
	(void)closedir(dir); /* was only read */
	return found;
}

static bool has_ended(int pidfd, int wait_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, wait_ms) > 0;
}

static bool end_process(int pidfd, int wait_ms)
{
	int r = process_signal(pidfd, SIGKILL);

	return r == -ESRCH || (r == 0 && has_ended(pidfd, wait_ms));
}

static int each_process(void (*fn)(void *arg, pid_t pid), void *arg, struct err *err)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir)
		return err_os(err, "list processes");
	while ((entry = readdir(dir))) {
		uint64_t pid;

		if (num_parse_u64(str_from(entry->d_name), INT32_MAX, "pid", &pid, NULL) == 0)
			fn(arg, (pid_t)pid);
	}
	(void)closedir(dir); /* was only read */
	return 0;
}

struct search {
	struct str states_dir;
	unsigned int left;
};

static void kill_child(pid_t pid, pid_t child)
{
	AUTO_FD fd = process_pidfd(child);
	char path[64];
	AUTO_BUF text = { 0 };
	struct str rest, word;

	/* Asked after the pidfd was opened: "pid (name) state ppid ...", the name may hold
	 * anything. */
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
	buf_init(&text, 4096);
	if (fd < 0 || fd_read_file(AT_FDCWD, path, 4096, &text, NULL) < 0)
		return;
	rest = buf_str(&text);
	rest = str_slice(rest, str_rfind_char(rest, ')') + 2, rest.len);
	if (str_next_part(&rest, ' ', &word) && str_next_part(&rest, ' ', &word)) {
		uint64_t parent;

		if (num_parse_u64(word, INT32_MAX, "pid", &parent, NULL) == 0 &&
		    (pid_t)parent == pid)
			(void)end_process(fd, MONITOR_END_MS); /* the monitor is asked next */
	}
}

static void kill_children(pid_t pid)
{
	char path[64];
	AUTO_BUF text = { 0 };
	struct str rest, word;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	buf_init(&text, (size_t)1 << 20);
	if (fd_read_file(AT_FDCWD, path, (size_t)1 << 20, &text, NULL) < 0)
		return;
	rest = buf_str(&text);
	while (str_next_part(&rest, ' ', &word)) {
		uint64_t child;

		if (num_parse_u64(word, INT32_MAX, "pid", &child, NULL) == 0)
			kill_child(pid, (pid_t)child);
	}
}

/* Its container ended, a monitor clears up and ends by itself; one that does not is killed. */
static void end_monitor(void *arg, pid_t pid)
{
	struct search *search = arg;
	AUTO_FD fd = process_pidfd(pid);

	if (fd < 0 || !is_runtime_program(pid) || !is_same_namespace(pid) ||
	    !holds_state(pid, search->states_dir))
		return;
	kill_children(pid);
	if (!has_ended(fd, MONITOR_END_MS) && !end_process(fd, MONITOR_END_MS))
		search->left++;
}

int leftover_end_monitors(struct str states_dir, struct err *err)
{
	struct search search = { .states_dir = states_dir };

	if (each_process(end_monitor, &search, err) < 0)
		return -1;
	return search.left ? err_set(err, ERR_TIMEOUT, "%u monitors do not end", search.left) : 0;
}

/* --- cgroups --- */

struct clearing {
	struct str data_dir;
	bool whole;
	unsigned int killed, others;
};

static bool has_root_in(pid_t pid, struct str data_dir)
{
	AUTO_BUF text = { 0 };
	char path[64], upper[PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
	(void)snprintf(upper, sizeof(upper), "upperdir=" STR_FMT "/", STR_ARG(data_dir));
	buf_init(&text, MOUNTS_BYTES_MAX);
	return fd_read_file(AT_FDCWD, path, MOUNTS_BYTES_MAX, &text, NULL) == 0 &&
	       str_contains(buf_str(&text), str_from(upper));
}

static int clear_process(void *arg, pid_t pid)
{
	struct clearing *clearing = arg;
	AUTO_FD fd = process_pidfd(pid);

	if (fd < 0 || has_ended(fd, 0))
		return 0; /* also when nobody has reaped it yet */
	if (!clearing->whole && !is_runtime_program(pid) && !has_root_in(pid, clearing->data_dir)) {
		clearing->others++;
		return 0;
	}
	clearing->killed++;
	return end_process(fd, CGROUP_END_MS) ? 0 : -EBUSY;
}

static void attach_all(struct cgroup *c)
{
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
		int r = cgroup_attach(c, (enum cgroup_controller)i);

		(void)r; /* those that it has */
	}
}

int leftover_remove_cgroup(const char *path, bool whole, struct str data_dir, struct err *err)
{
	struct clearing clearing = { .data_dir = data_dir, .whole = whole };
	struct cgroup c;
	int r = cgroup_init(&c, path);

	if (r < 0)
		return r == -ENOENT ? 0 : err_neg(err, r, "cgroup %s", path);
	attach_all(&c);
	do {
		clearing.killed = clearing.others = 0;
		r = cgroup_each_pid(&c, clear_process, &clearing);
	} while (r == 0 && clearing.killed);
	if (clearing.others == 0 && (r == 0 || r == -ENOENT))
		r = cgroup_remove(&c, CGROUP_END_MS);
	cgroup_deinit(&c);
	return r < 0 && r != -ENOENT ? err_neg(err, r, "remove cgroup %s", path) : 0;
}

void leftover_remove_empty_cgroup(const char *path)
{
	struct cgroup top;

	if (strcmp(path, "/") == 0 || cgroup_init(&top, "/") < 0)
		return;
	attach_all(&top);
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		if (top.dir_fds[i] >= 0)
			(void)unlinkat(top.dir_fds[i], path + 1, AT_REMOVEDIR); /* in use: stays */
	cgroup_deinit(&top);
}

/* --- mounts --- */

/* Octal escapes of mountinfo: space, tab, newline, backslash. In place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		uint32_t c;

		if (from[0] == '\\' && strnlen(from, 4) == 4 &&
		    num_parse_octal(str_sub(from + 1, 3), 255, "byte", &c, NULL) == 0) {
			*to = (char)c;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static bool mount_point(struct str line, char to[PATH_MAX])
{
	struct str word = { 0 };

	for (int i = 0; i < 5; i++)
		if (!str_next_part(&line, ' ', &word))
			return false;
	if (str_copy_to(word, to, PATH_MAX) < 0)
		return false;
	unescape(to);
	return true;
}

int leftover_unmount(struct str dir, struct err *err)
{
	char real[PATH_MAX], point[PATH_MAX];
	AUTO_BUF text = { 0 };
	struct str rest;

	if (!realpath(dir.ptr, real))
		return errno == ENOENT ? 0 : err_os(err, "find %s", dir.ptr);
	buf_init(&text, MOUNTS_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTS_BYTES_MAX, &text, err) < 0)
		return -1;
	/* The kernel lists what is on top later. */
	rest = str_trim(buf_str(&text));
	while (rest.len) {
		size_t at = str_rfind_char(rest, '\n');
		size_t from = at == SIZE_MAX ? 0 : at + 1;

		if (mount_point(str_slice(rest, from, rest.len), point) &&
		    path_is_below(str_from(point), str_from(real)) && strcmp(point, real) != 0 &&
		    umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL)
			return err_os(err, "unmount %s", point);
		rest = str_slice(rest, 0, from ? from - 1 : 0);
	}
	return 0;
}
