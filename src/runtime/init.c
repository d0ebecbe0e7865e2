/* SPDX-License-Identifier: Apache-2.0 */
/* See init.h. Nothing here allocates more than a little: the process may already live under a tiny memory limit. */
#include "runtime/init.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/defence.h"
#include "base/fd.h"
#include "base/log.h"
#include "linux/process.h"
#include "runtime/hooks.h"
#include "runtime/placement.h"
#include "runtime/selfexe.h"
#include "runtime/userns.h"

int init_send(int sock, enum init_message kind, int fd, struct err *err)
{
	char byte = (char)kind;

	return fd_send_fds(sock, str_sub(&byte, 1), &fd, fd >= 0 ? 1 : 0, err);
}

void init_fail(int sock, const struct err *err)
{
	char message[1 + sizeof(struct err)];

	message[0] = INIT_ERROR;
	memcpy(message + 1, err, sizeof(*err));
	if (send(sock, message, sizeof(message), MSG_NOSIGNAL) < 0)
		_exit(126); /* nobody is left to be told */
	_exit(err->code == ERR_NOT_FOUND ? 127 : 126);
}

/* Sends kind and waits for the parent to say go; its death ends us. */
static int ask(struct init *init, enum init_message kind, struct err *err)
{
	ssize_t got;
	char answer;

	if (init_send(init->sock, kind, -1, err) < 0)
		return -1;
	do {
		got = recv(init->sock, &answer, 1, 0);
	} while (got < 0 && errno == EINTR);
	if (got != 1 || answer != INIT_GO)
		_exit(125); /* the parent gave up and knows why */
	return 0;
}

static bool is_joined_here(const struct init *init, size_t slot)
{
	return init->join_fds[slot] >= 0 && namespace_all[slot] != CLONE_NEWPID;
}

/* All that we may join as who we are; done says which. Mounts come last: they change what paths mean. */
static void join_allowed(struct init *init, bool *done)
{
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < ARRAY_COUNT(init->join_fds); i++) {
			uint64_t flag = namespace_all[i];

			if (is_joined_here(init, i) && flag != CLONE_NEWUSER && (flag == CLONE_NEWNS) == (pass == 1))
				done[i] = setns(init->join_fds[i], (int)flag) == 0;
		}
	}
}

/* The user namespace decides what we may do: what it does not own is joined before it, as root of the host; what only
 * its own root may join, after it. */
int init_join(struct init *init, struct err *err)
{
	bool done[ARRAY_COUNT(init->join_fds)] = { false };

	join_allowed(init, done);
	for (int pass = 0; pass < 3; pass++) {
		for (size_t i = 0; i < ARRAY_COUNT(init->join_fds); i++) {
			uint64_t flag = namespace_all[i];
			int turn = flag == CLONE_NEWUSER ? 0 : flag == CLONE_NEWNS ? 2 : 1;

			if (is_joined_here(init, i) && !done[i] && turn == pass &&
			    setns(init->join_fds[i], (int)flag) < 0)
				return err_os(err, "linux.namespaces: join the %s namespace", namespace_file(flag));
		}
	}
	return 0;
}

static int enter_user_namespace(struct init *init, struct err *err)
{
	bool is_new = init->new_namespaces & CLONE_NEWUSER;

	if (!is_new && !init->joins_user)
		return 0;
	if (is_new && ask(init, INIT_USERNS, err) < 0)
		return -1;
	if (program_become_root(init->spec->process, err) < 0)
		return -1;
	/* inherited groups are the host's; with setgroups denied there is nothing to drop them with */
	if (defence(DEFENCE_GROUPS) && !init->program.keeps_groups && setgroups(0, NULL) < 0 && errno != EPERM)
		return err_os(err, "drop supplementary groups");
	return 0;
}

int init_join_cgroups(struct init *init, struct err *err)
{
	for (int i = 0; init->cgroup && i < CGROUP_CONTROLLER_COUNT; i++) {
		int failed;

		if (!(init->cgroup_join & CGROUP_BIT(i)) || init->cgroup->dir_fds[i] < 0)
			continue;
		failed = cgroup_join(init->cgroup, (enum cgroup_controller)i);
		if (failed < 0)
			return err_neg(err, failed, "join cgroup %s of controller %s", init->cgroup->path,
				       cgroup_name((enum cgroup_controller)i));
	}
	return 0;
}

static int set_names(struct init *init, struct err *err)
{
	const struct oci_spec *spec = init->spec;
	bool own = ((init->new_namespaces | init->unshare_later) & CLONE_NEWUTS) != 0;

	for (size_t i = 0; i < ARRAY_COUNT(init->join_fds); i++)
		own |= namespace_all[i] == CLONE_NEWUTS && init->join_fds[i] >= 0;
	if (spec->hostname && spec->hostname[0]) {
		if (!own)
			return err_set(err, ERR_INVALID, "hostname: needs a namespace of type \"uts\"");
		if (sethostname(spec->hostname, strlen(spec->hostname)) < 0)
			return err_os(err, "hostname");
	}
	if (spec->domainname && spec->domainname[0]) {
		if (!own)
			return err_set(err, ERR_INVALID, "domainname: needs a namespace of type \"uts\"");
		if (setdomainname(spec->domainname, strlen(spec->domainname)) < 0)
			return err_os(err, "domainname");
	}
	return 0;
}

static int raise_loopback(struct init *init, struct err *err)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	if (!((init->new_namespaces | init->unshare_later) & CLONE_NEWNET))
		return 0;
	AUTO_FD sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &request) < 0)
		return err_os(err, "raise the loopback interface");
	return 0;
}

/* The sandbox's first process: reaps what is left to it and waits to be ended. */
static NORETURN void pause_main(struct init *init)
{
	static const int ends[] = { SIGTERM, SIGINT, SIGCHLD };
	sigset_t set;
	int got;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_COUNT(ends); i++)
		sigaddset(&set, ends[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || prctl(PR_SET_NAME, "pause", 0, 0, 0) < 0 ||
	    init_send(init->sock, INIT_EXECING, -1, NULL) < 0 ||
	    capability_apply(&(struct capability_sets){ 0 }) < 0 || close_range(0, ~0u, 0) < 0)
		_exit(126);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		got = sigwaitinfo(&set, NULL);
		if (got == SIGTERM || got == SIGINT)
			_exit(0);
	}
}

static void end_waiting(int signal)
{
	_exit(128 + signal);
}

/* The first process of a pid namespace gets no signal it has no handler for; exec takes the handlers away again. */
static int end_by_signals(struct err *err)
{
	static const int ends[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction action = { .sa_handler = end_waiting };

	for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
		if (sigaction(ends[i], &action, NULL) < 0)
			return err_os(err, "handle signals");
	}
	return 0;
}

/* Without privileges one may enter the namespaces of a dumpable process only. In a user namespace that is new, nobody
 * is there who could trace us but whom our own user sends, with no more capabilities than we have. */
static int let_enter(const struct init *init, struct err *err)
{
	if (!init->may_be_entered || init->joins_user || !init->program.has_userns)
		return 0;
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 ? err_os(err, "be dumpable") : 0;
}

/* Waits for `start` to connect. Returns the connection, over which a failure to exec is reported. */
static int wait_for_start(struct init *init, struct err *err)
{
	int keep = 3 + init->program.preserve_fds;
	int sock;

	if (end_by_signals(err) < 0 || let_enter(init, err) < 0 || init_send(init->sock, INIT_READY, -1, err) < 0)
		return -1;
	fd_close(&init->sock);
	/* this may take hours: let go of all that our maker had open, the daemon's end of its answer above all */
	if (init->start_fd != keep && dup3(init->start_fd, keep, O_CLOEXEC) < 0)
		return err_os(err, "keep the start socket");
	init->start_fd = keep;
	log_set(LOG_ERROR, LOG_OCI_TEXT, 2); /* the log is closed with the rest */
	if (close_range((unsigned)keep + 1, ~0u, 0) < 0)
		return err_os(err, "close descriptors");
	do {
		sock = accept4(init->start_fd, NULL, NULL, SOCK_CLOEXEC);
	} while (sock < 0 && errno == EINTR);
	if (sock < 0)
		_exit(125);
	init->sock = init->program.error_sock = sock;
	return 0;
}

struct str init_state(const struct init *init, enum container_status status)
{
	struct container self = *init->container;
	struct str text;
	char *json;

	self.pid = getpid();
	json = container_state_json(&self, status, false);
	text = str_in(init->arena, str_from(json));
	free(json);
	return text;
}

static int run_start_hooks(void *arg, struct err *err)
{
	struct init *init = arg;
	const struct oci_hooks *hooks = init->spec->hooks;

	if (!hooks || hooks->start_container.count == 0)
		return 0;
	/* in the container nothing of the host's environment is to be seen */
	return hooks_run(&hooks->start_container,
			 &(struct hooks_occasion){ .name = "startContainer",
						   .environment = init->program.environment,
						   .state = init_state(init, CONTAINER_CREATED) },
			 err);
}

static int protect_program(struct init *init, struct err *err)
{
	struct err detach;

	if (init->new_namespaces & CLONE_NEWNS)
		init->program.exe_fd = selfexe_find();
	if (selfexe_detach(init->program.exe_fd, &detach) < 0 &&
	    !(detach.code == ERR_UNSUPPORTED && (geteuid() != 0 || init->new_namespaces & CLONE_NEWUSER)))
		return err_set(err, ERR_INTERNAL, "protect the runtime's program: %s", detach.msg);
	fd_close(&init->program.exe_fd);
	return 0;
}

static int setup(struct init *init, struct err *err)
{
	/* Before anything else: here it is not yet charged to the container, and we have all
	 * capabilities we ever will. */
	if (!init->is_sandbox && defence(DEFENCE_PROGRAM_FILE) && protect_program(init, err) < 0)
		return -1;
	if (setsid() < 0)
		return err_os(err, "make a session");
	if (!init->keeps_keyring && container_join_keyring(init->container, &init->program, err) < 0)
		return -1;
	/* another user namespace's root may not write the host's files any more */
	if (init->joins_user && !init->has_joined && init_join_cgroups(init, err) < 0)
		return -1;
	if ((!init->has_joined && init_join(init, err) < 0) || enter_user_namespace(init, err) < 0)
		return -1;
	if (init->unshare_later & CLONE_NEWTIME) {
		if (userns_enter_time(init->spec, init->program.host_proc_fd, err) < 0)
			return -1;
		init->unshare_later &= ~(uint64_t)CLONE_NEWTIME;
	}
	/* Nobody in the namespaces we just joined may trace us or look at our descriptors. */
	if (prctl(PR_SET_DUMPABLE, !defence(DEFENCE_UNDUMPABLE), 0, 0, 0) < 0)
		return err_os(err, "make the process undumpable");
	if (!init->joins_user && init_join_cgroups(init, err) < 0)
		return -1;
	if (init->unshare_later && unshare((int)init->unshare_later) < 0)
		return err_os(err, "make namespaces");
	if (placement_set_cpus(NULL, "processors", err) < 0)
		return -1;
	if (init->spec->linux_part->net_devices.count > 0 && ask(init, INIT_NETWORK, err) < 0)
		return -1;
	if (set_names(init, err) < 0 || raise_loopback(init, err) < 0)
		return -1;
	if (rootfs_setup(init, err) < 0)
		return -1;
	return 0;
}

void init_main(struct init *init)
{
	struct err err;

	log_debug("runtime", "child process in init()");
	init->program.error_sock = init->sock;
	if (setup(init, &err) < 0)
		init_fail(init->sock, &err);
	if (init->is_sandbox) {
		if (init->wait_for_start && wait_for_start(init, &err) < 0)
			init_fail(init->sock, &err);
		pause_main(init);
	}
	if (init->spec->process && program_enter(&init->program, &err) < 0)
		init_fail(init->sock, &err);
	if (init->wait_for_start && wait_for_start(init, &err) < 0)
		init_fail(init->sock, &err);
	if (!init->spec->process) {
		err_set(&err, ERR_INVALID, PROCESS_MISSING);
		init_fail(init->sock, &err);
	}
	init->program.before_exec = run_start_hooks;
	init->program.before_exec_arg = init;
	log_debug("runtime", "init: closing the pipe to signal completion"); /* runc's words, looked for */
	if (program_exec(&init->program, &err) < 0)
		init_fail(init->sock, &err);
	UNREACHABLE();
	_exit(125);
}
