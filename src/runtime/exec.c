/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See exec.h. The process is cloned into the container's pid namespace and cgroups and joins the
 * other namespaces by the pidfd of the first process, all at once, so that they are those of one
 * and the same container. It is undumpable from before it enters until execve: nothing in there can
 * trace it or open its descriptors.
 */
#include "runtime/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/defence.h"
#include "base/fd.h"
#include "base/log.h"
#include "linux/process.h"
#include "linux/terminal.h"
#include "runtime/console.h"
#include "runtime/host_root.h"
#include "runtime/init.h"
#include "runtime/label.h"
#include "runtime/placement.h"
#include "runtime/selfexe.h"

static int open_terminal(const struct exec *exec, struct program *program, int sock, struct err *err)
{
	const struct oci_process *p = exec->process;
	struct statfs fs;
	int failed;
	AUTO_FD master = -1;
	AUTO_FD slave = -1;
	AUTO_FD pts = open("/dev/pts", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (pts < 0 || fstatfs(pts, &fs) < 0 || (fs.f_type != DEVPTS_SUPER_MAGIC && defence(DEFENCE_TERMINAL)))
		return err_set(err, ERR_INVALID, "process.terminal: the container has no devpts on /dev/pts");
	failed = terminal_open(pts, "ptmx", &master, &slave);
	if (failed == 0 && exec->console_socket < 0)
		failed = terminal_keep_newlines(slave);
	if (failed == 0 && p->console_size)
		failed = terminal_resize(master, (uint16_t)p->console_size->height.value,
					 (uint16_t)p->console_size->width.value);
	if (failed == 0)
		failed = terminal_control(slave);
	if (failed < 0)
		return err_neg(err, failed, "process.terminal");
	if (p->user->uid.value && fchown(slave, (uid_t)p->user->uid.value, (gid_t)-1) < 0)
		return err_os(err, "process.terminal: change the owner");
	if (init_send(sock, INIT_CONSOLE, master, err) < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		program->stdio[i] = -1;
		if (dup2(slave, i) < 0)
			return err_os(err, "process.terminal: stdio");
	}
	return 0;
}

static bool is_given(const char *list)
{
	return list && list[0];
}

/* Neither the first CPUs nor those of whoever called us must stay the only ones once the cgroup decides. */
static int move_finally(const struct oci_cpu_affinity *affinity, struct err *err)
{
	const char *final = affinity && is_given(affinity->final) ? affinity->final : NULL;

	return placement_set_cpus(final, "process.execCPUAffinity.final", err);
}

/* In words that callers of other runtimes look for. */
static COLD int not_joined(const char *path, const char *sub, int failed, struct err *err)
{
	if (failed == -ENOENT)
		return err_set(err, ERR_NOT_FOUND,
			       "error adding pid %d to cgroups: %s/%s/cgroup.procs: no such file or directory",
			       (int)getpid(), path, sub);
	return err_neg(err, failed, "error adding pid %d to cgroups %s/%s", (int)getpid(), path,
		       sub);
}

static int join_cgroups(const struct exec *exec, struct err *err)
{
	const struct cgroup *cgroup = &exec->container->cgroup;

	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
		const char *sub = exec->cgroups ? exec->cgroups[i] : NULL;
		int failed;

		/* the process was cloned into the v2 one */
		if (cgroup->dir_fds[i] < 0 || (i == CGROUP_UNIFIED && !sub))
			continue;
		if (!sub) {
			failed = cgroup_join(cgroup, (enum cgroup_controller)i);
		} else {
			AUTO_FD dir = openat(cgroup->dir_fds[i], sub[0] ? sub : ".",
					     O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

			failed = dir < 0 ? -errno
					 : cgroup_write(dir,
							i == CGROUP_UNIFIED ? "cgroup.procs"
									    : "tasks",
							"0");
		}
		if (failed < 0)
			return not_joined(cgroup->path, sub ? sub : "", failed, err);
	}
	return 0;
}

/* Not through /proc/<pid>/root: where that leads is up to the first process. */
static int enter_root(const struct container *c, struct err *err)
{
	AUTO_FD root = open(c->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return err_os(err, "open the root %s", c->rootfs);
	return host_root_enter(root, err);
}

static int enter(const struct exec *exec, struct program *program, int sock, struct err *err)
{
	struct container *c = exec->container;
	uint64_t done = CLONE_NEWPID | (program->is_in_userns ? CLONE_NEWUSER : 0);
	uint64_t namespaces = c->namespaces & ~done;
	struct err detach;

	if (defence(DEFENCE_PROGRAM_FILE) && selfexe_detach(program->exe_fd, &detach) < 0 &&
	    !(detach.code == ERR_UNSUPPORTED && (geteuid() != 0 || program->is_in_userns)))
		return err_set(err, ERR_INTERNAL, "protect the runtime's program: %s", detach.msg);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setsid() < 0)
		return err_os(err, "make a session");
	if (container_join_keyring(c, program, err) < 0 || join_cgroups(exec, err) < 0)
		return -1;
	if (move_finally(exec->process->exec_cpu_affinity, err) < 0)
		return -1;
	if (namespaces && setns(c->pidfd, (int)namespaces) < 0)
		return err_os(err, "join the container's namespaces");
	if (!(namespaces & CLONE_NEWNS) && enter_root(c, err) < 0)
		return -1;
	if (c->namespaces & CLONE_NEWUSER) {
		if (program_become_root(exec->spec->process, err) < 0)
			return -1;
		/* becoming another user made us undumpable for good measure, and kept so */
		if (defence(DEFENCE_GROUPS) && setgroups(0, NULL) < 0 && errno != EPERM)
			return err_os(err, "drop supplementary groups");
		if (!defence(DEFENCE_UNDUMPABLE) && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
			return err_os(err, "be dumpable");
	}
	if (exec->process->terminal && open_terminal(exec, program, sock, err) < 0)
		return -1;
	return program_enter(program, err);
}

static NORETURN void child_main(const struct exec *exec, struct program *program, int sock)
{
	char message[1 + sizeof(struct err)];
	struct err err;

	log_debug("runtime", "child process in init()");
	program->error_sock = sock;
	if (enter(exec, program, sock, &err) == 0 && program_exec(program, &err) == 0)
		_exit(0);
	message[0] = INIT_ERROR;
	memcpy(message + 1, &err, sizeof(err));
	if (send(sock, message, sizeof(message), MSG_NOSIGNAL) < 0)
		_exit(126);
	_exit(126);
}

static int serve(const struct exec *exec, const struct program *program, int sock, int *ret_master, struct err *err)
{
	char message[2 + sizeof(struct err)];
	struct err inner;
	bool execing = false;
	size_t fd_count;
	ssize_t got;

	for (;;) {
		AUTO_FD fd = -1;

		got = fd_recv_fds(sock, message, sizeof(message), &fd, 1, &fd_count, err);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		if (message[0] == INIT_EXECING) {
			execing = true;
		} else if (message[0] == INIT_LISTENER) {
			if (console_send_listener(&program->seccomp, exec->container, fd, err) < 0)
				return -1;
		} else if (message[0] == INIT_CONSOLE && exec->console_socket >= 0) {
			if (console_send(exec->console_socket, fd, err) < 0)
				return -1;
		} else if (message[0] == INIT_CONSOLE) {
			*ret_master = fd_take(&fd);
		} else if (got == 1 + (ssize_t)sizeof(struct err)) {
			memcpy(&inner, message + 1, sizeof(inner));
			inner.msg[sizeof(inner.msg) - 1] = '\0';
			return err_set(err, inner.code, "%s", inner.msg);
		}
	}
	return execing ? 0 : err_set(err, ERR_INTERNAL, "the process died before it could exec");
}

/* Without privileges one may enter a pid namespace only from within the user namespace, which is a way without return:
 * another process goes there and makes the one that is to be ours. */
static pid_t clone_as_user(const struct exec *exec, int cgroup_fd, int *ret_pidfd)
{
	struct container *c = exec->container;
	int pair[2], helper_fd = -1, status = 0;
	size_t count = 0;
	struct err err;
	pid_t pid;
	char kind;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = process_clone(0, -1, &helper_fd);
	if (pid == 0) {
		int pidfd = -1;

		if (setns(c->pidfd, (int)(c->namespaces & (CLONE_NEWUSER | CLONE_NEWPID))) < 0)
			_exit(errno);
		pid = process_clone(CLONE_PARENT, cgroup_fd, &pidfd);
		if (pid == -EBUSY || pid == -EOPNOTSUPP)
			pid = process_clone(CLONE_PARENT, -1, &pidfd);
		if (pid == 0)
			return 0;
		_exit(pid < 0 ? (int)-pid : fd_send_fds(pair[1], STR("P"), &pidfd, 1, &err) < 0 ? EPIPE : 0);
	}
	close(pair[1]);
	if (pid > 0 && process_wait(helper_fd, &status) < 0)
		pid = -ECHILD;
	fd_close(&helper_fd);
	if (pid > 0 && (!WIFEXITED(status) || WEXITSTATUS(status)))
		pid = WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
	if (pid > 0)
		pid = fd_recv_fds(pair[0], &kind, 1, ret_pidfd, 1, &count, &err) >= 0 && count == 1
			      ? process_pid_of(*ret_pidfd)
			      : -EPIPE;
	close(pair[0]);
	return pid;
}

/* Clones into the pid namespace of the container and back to ours. */
static pid_t clone_inside(const struct exec *exec, int *ret_pidfd)
{
	struct container *c = exec->container;
	bool is_elsewhere = exec->cgroups && exec->cgroups[CGROUP_UNIFIED];
	int cgroup_fd = c->has_cgroup && !is_elsewhere ? c->cgroup.dir_fds[CGROUP_UNIFIED] : -1;
	AUTO_FD own = -1;
	pid_t pid;

	if (geteuid() != 0 && (c->namespaces & CLONE_NEWUSER))
		return clone_as_user(exec, cgroup_fd, ret_pidfd);
	if (!(c->namespaces & CLONE_NEWPID))
		return process_clone(0, cgroup_fd, ret_pidfd);
	own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(c->pidfd, CLONE_NEWPID) < 0)
		return -errno;
	pid = process_clone(0, cgroup_fd, ret_pidfd);
	/* EBUSY: controllers are enabled for folders below the container's: join the leaf its first process is in */
	if (pid == -EBUSY || pid == -EOPNOTSUPP)
		pid = process_clone(0, -1, ret_pidfd);
	if (pid != 0 && setns(own, CLONE_NEWPID) < 0)
		log_debug("runtime", "back to our pid namespace: %m");
	return pid;
}

int container_exec(const struct exec *exec, pid_t *ret_pid, int *ret_pidfd, int *ret_master, struct err *err)
{
	struct container *c = exec->container;
	const struct oci_linux *l = exec->spec->linux_part;
	struct program program = {
		.stdio = { -1, -1, -1 }, .host_proc_fd = -1, .exe_fd = -1, .preserve_fds = exec->preserve_fds,
		.personality = l->personality, .memory_policy = l->memory_policy,
		.has_userns = c->namespaces & CLONE_NEWUSER,
		.is_in_userns = geteuid() != 0 && (c->namespaces & CLONE_NEWUSER),
	};
	int pair[2], failed, status;
	AUTO_FD pidfd = -1;
	pid_t pid;

	if (program_prepare(&program, exec->process, err) < 0 ||
	    label_check("process.selinuxLabel", exec->process->selinux_label, err) < 0)
		return -1;
	/* on ourselves: with cgroup v2 the child is born in the cgroup */
	if (exec->process->exec_cpu_affinity && is_given(exec->process->exec_cpu_affinity->initial) &&
	    placement_set_cpus(exec->process->exec_cpu_affinity->initial,
			       "process.execCPUAffinity.initial", err) < 0)
		return -1;
	placement_log();
	if (l->seccomp) {
		AUTO_FD cache = open(c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (seccomp_compile(l->seccomp, cache, &program.seccomp, err) < 0)
			return -1;
	}
	program.exe_fd = selfexe_prepare();
	if (program_open_host(&program, err) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		seccomp_free(&program.seccomp);
		return err_os(err, "prepare the program");
	}
	log_debug("runtime", "nsexec container setup");
	pid = clone_inside(exec, &pidfd);
	if (pid == 0) {
		close(pair[0]);
		child_main(exec, &program, pair[1]);
	}
	close(pair[1]);
	failed = pid < 0 ? err_neg(err, pid, "make a process in container \"%s\"", c->id) :
			   serve(exec, &program, pair[0], ret_master, err);
	close(pair[0]);
	fd_close(&program.host_proc_fd);
	fd_close(&program.exe_fd);
	seccomp_free(&program.seccomp);
	if (failed < 0) {
		if (pid > 0 && (process_signal(pidfd, SIGKILL) < 0 || process_wait(pidfd, &status) < 0))
			log_debug("runtime", "the process is gone already");
		fd_close(ret_master);
		return -1;
	}
	*ret_pid = pid;
	*ret_pidfd = fd_take(&pidfd);
	return 0;
}
