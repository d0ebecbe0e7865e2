/* SPDX-License-Identifier: Apache-2.0 */
/* See process.h. clone3 has no libc wrapper; it is used without a stack, so that it behaves like fork(). */
#include "linux/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/num.h"

pid_t process_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = (flags & CLONE_PARENT) ? 0 : SIGCHLD,
	};
	long pid;

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	/* seccomp profiles hide clone3, whose arguments they cannot look at, as if the kernel had none */
	if (pid < 0 && errno == ENOSYS && flags == 0 && cgroup_fd < 0)
		pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
	if (pid < 0)
		return -errno;
	if (pid > 0)
		*ret_pidfd = pidfd;
	return (pid_t)pid;
}

int process_pidfd(pid_t pid)
{
	int fd = pidfd_open(pid, 0);

	return fd < 0 ? -errno : fd;
}

pid_t process_pid_of(int pidfd)
{
	char path[40], text[512];
	const char *at;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (got < 0)
		return -errno;
	text[got] = '\0';
	at = strstr(text, "\nPid:");
	got = at ? strtol(at + 5, NULL, 10) : 0;
	return got > 0 ? (pid_t)got : -ESRCH;
}

int process_signal(int pidfd, int signal)
{
	return pidfd_send_signal(pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int process_wait(int pidfd, int *ret_status)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	while (waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	*ret_status = si.si_code == CLD_EXITED ? (si.si_status & 0xff) << 8 : si.si_status & 0x7f;
	return 0;
}

int process_start_ticks(pid_t pid, uint64_t *ret_ticks, char *ret_state)
{
	char path[32], text[512];
	struct str rest, field;
	ssize_t got;
	char *end;
	uint64_t ticks;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	got = read(fd, text, sizeof(text) - 1);
	if (got <= 0)
		return got < 0 ? -errno : -ESRCH;
	text[got] = '\0';
	end = strrchr(text, ')'); /* the name before it may hold anything */
	if (!end || end[1] != ' ')
		return -EINVAL;
	rest = str_from(end + 2);
	*ret_state = rest.ptr[0];
	for (int i = 3; i <= 22; i++) {
		if (!str_next_part(&rest, ' ', &field))
			return -EINVAL;
	}
	if (num_parse_u64(field, UINT64_MAX, "start time", &ticks, NULL) < 0)
		return -EINVAL;
	*ret_ticks = ticks;
	return 0;
}

int process_set_subreaper(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

int64_t process_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t process_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static const struct {
	uint64_t flag;
	char oci_name[8], file[8];
} namespaces[] = {
	{ CLONE_NEWUSER, "user", "user" },   { CLONE_NEWPID, "pid", "pid" },
	{ CLONE_NEWNS, "mount", "mnt" },     { CLONE_NEWNET, "network", "net" },
	{ CLONE_NEWIPC, "ipc", "ipc" },      { CLONE_NEWUTS, "uts", "uts" },
	{ CLONE_NEWCGROUP, "cgroup", "cgroup" }, { CLONE_NEWTIME, "time", "time" },
};
const uint64_t namespace_all[8] = {
	CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNS,     CLONE_NEWNET,
	CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP, CLONE_NEWTIME,
};

uint64_t namespace_flag(const char *oci_name)
{
	for (size_t i = 0; i < ARRAY_COUNT(namespaces); i++) {
		if (strcmp(namespaces[i].oci_name, oci_name) == 0)
			return namespaces[i].flag;
	}
	return 0;
}

const char *namespace_file(uint64_t flag)
{
	for (size_t i = 0; i < ARRAY_COUNT(namespaces); i++) {
		if (namespaces[i].flag == flag)
			return namespaces[i].file;
	}
	return "";
}

uint64_t process_foreign_namespaces(pid_t pid)
{
	uint64_t foreign = 0;

	for (size_t i = 0; i < ARRAY_COUNT(namespace_all); i++) {
		const char *name = namespace_file(namespace_all[i]);
		char own[40], theirs[40];
		struct stat ours, other;

		snprintf(own, sizeof(own), "/proc/self/ns/%s", name);
		snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", (int)pid, name);
		if (stat(own, &ours) == 0 && stat(theirs, &other) == 0 && ours.st_ino != other.st_ino)
			foreign |= namespace_all[i];
	}
	return foreign;
}
