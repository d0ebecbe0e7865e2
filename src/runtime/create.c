/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See create.h. One clone3 makes the process in all its new namespaces; joining a user namespace together with making
 * others needs the order reversed, so those are then unshared by the child (unshare_later).
 */
#include "runtime/create.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "linux/link_move.h"
#include "linux/process.h"
#include "linux/rootpath.h"
#include "runtime/cgroup_plan.h"
#include "runtime/console.h"
#include "runtime/hooks.h"
#include "runtime/host_root.h"
#include "runtime/label.h"
#include "runtime/selfexe.h"
#include "runtime/systemd.h"
#include "runtime/userns.h"

#define HELPER_FAILED (-4096) /* no error number */

struct making {
	const struct create *create;
	struct container *c;
	struct init init;
	struct cgroup_plan plan;
	int sock;       /* ours; init.sock is the child's */
	int keeper;     /* pidfd of the first process of a systemd unit */
	bool is_waiting, is_execing; /* READY, EXECING came */
	struct created *out;
};

static int plan_namespaces(struct making *m, struct err *err)
{
	const struct oci_list *list = &m->create->spec->linux_part->namespaces;
	struct init *init = &m->init;
	bool joins_user = false;

	for (size_t i = 0; i < ARRAY_COUNT(init->join_fds); i++)
		init->join_fds[i] = -1;
	for (size_t i = 0; i < list->count; i++) {
		const struct oci_namespace *ns = OCI_ITEM(*list, struct oci_namespace, i);
		uint64_t flag = namespace_flag(oci_namespace_names[ns->type].name);
		size_t slot = 0;

		while (namespace_all[slot] != flag)
			slot++;
		if (!ns->path || !ns->path[0]) {
			init->new_namespaces |= flag;
			m->c->namespaces |= flag;
			continue;
		}
		init->join_fds[slot] = open(ns->path, O_RDONLY | O_CLOEXEC);
		if (init->join_fds[slot] < 0)
			return err_os(err, "linux.namespaces[%zu].path: %s", i, ns->path);
		m->c->namespaces |= flag;
		m->c->joined_namespaces |= flag;
		joins_user |= flag == CLONE_NEWUSER;
	}
	/* our own cgroup namespace must be rooted where we are once we have joined our cgroups */
	if (init->new_namespaces & CLONE_NEWCGROUP) {
		init->new_namespaces &= ~(uint64_t)CLONE_NEWCGROUP;
		init->unshare_later |= CLONE_NEWCGROUP;
	}
	init->joins_user = joins_user;
	init->program.has_userns = joins_user || (init->new_namespaces & CLONE_NEWUSER);
	return 0;
}

/* Engines and what runs inside expect more hierarchies than have a limit: that of the processes,
 * and whoever mounts cgroups sees all of them. */
static uint32_t expected_controllers(const struct oci_spec *spec)
{
	for (size_t i = 0; i < spec->mounts.count; i++) {
		const char *type = OCI_ITEM(spec->mounts, struct oci_mount, i)->type;

		if (type && strcmp(type, "cgroup") == 0)
			return CGROUP_BIT(CGROUP_UNIFIED) - 1;
	}
	return CGROUP_BIT(CGROUP_PIDS);
}

/* A folder that is there already is taken over, but not with somebody else's processes, whom we
 * would kill one day. */
static int check_unused(struct cgroup *cgroup, struct err *err)
{
	bool found = cgroup_attach(cgroup, cgroup->has_unified ? CGROUP_UNIFIED : CGROUP_PIDS) == 0;

	if (!cgroup->is_v2)
		found |= cgroup_attach(cgroup, CGROUP_FREEZER) == 0;
	if (!found)
		return 0;
	if (cgroup_has_own_processes(cgroup))
		return err_set(err, ERR_CONFLICT,
			       "linux.cgroupsPath: container's cgroup is not empty: %s",
			       cgroup->path);
	if (cgroup_is_frozen(cgroup))
		return err_set(err, ERR_CONFLICT,
			       "linux.cgroupsPath: container's cgroup unexpectedly frozen: %s",
			       cgroup->path);
	return 0;
}

/* systemd makes no scope without a process in it, and the container's first one is cloned into the
 * cgroup that is not there yet: until then this one keeps the place. */
static int start_scope(struct making *m, const char **ret_path, struct err *err)
{
	struct systemd_start start = { m->create->spec->linux_part->cgroups_path, m->create->ignore_cgroup_errors,
				       &m->plan, 0 };
	struct container *c = m->c;

	start.pid = process_clone(0, -1, &m->keeper);
	if (start.pid < 0)
		return err_neg(err, start.pid, "make a process for the unit");
	if (start.pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
			pause();
		_exit(0);
	}
	if (systemd_start(&start, c, m->init.arena, ret_path, err) < 0)
		return -1;
	cgroup_deinit(&c->cgroup);
	return cgroup_init(&c->cgroup, *ret_path) < 0 ? err_set(err, ERR_INTERNAL, "cgroup %s", *ret_path) : 0;
}

void container_end_keeper(int *keeper)
{
	int status;

	if (*keeper >= 0 && (process_signal(*keeper, SIGKILL) < 0 || process_wait(*keeper, &status) < 0))
		log_debug("runtime", "the unit's first process is gone already");
	fd_close(keeper);
}

/* A user without privileges may have no cgroup at all, if nothing asks for one. */
static int no_cgroup(struct making *m, const char *path, int failed, struct err *err)
{
	const char *asked = m->create->spec->linux_part->cgroups_path;

	if (!m->create->ignore_cgroup_errors && !userns_is_nested())
		return err_neg(err, failed, "make cgroup %s", path);
	if (asked && asked[0])
		return err_set(err, ERR_FORBIDDEN,
			       "linux.cgroupsPath: unable to apply cgroup configuration: make cgroup %s: %s", path,
			       failed == -EACCES || failed == -EPERM ? "permission denied" : "no such hierarchy");
	cgroup_plan_drop_devices(&m->plan);
	if (m->plan.count)
		return err_set(err, ERR_FORBIDDEN,
			       "linux.resources: rootless needs no limits + no cgrouppath when no permission is "
			       "granted for cgroups");
	m->c->has_cgroup = false;
	return 0;
}

static int make_cgroups(struct making *m, struct err *err)
{
	const struct oci_linux *l = m->create->spec->linux_part;
	struct container *c = m->c;
	const char *path;
	uint32_t owner;
	int failed;

	if (m->create->systemd_cgroup)
		path = "/";
	else if (cgroup_plan_path(l->cgroups_path, c->id, m->init.arena, &path, err) < 0)
		return -1;
	failed = cgroup_init(&c->cgroup, path);
	if (failed < 0) {
		if (l->resources && !m->create->ignore_cgroup_errors)
			return err_neg(err, failed, "no cgroup file system at /sys/fs/cgroup");
		return 0;
	}
	if (cgroup_plan(l->resources, c->cgroup.is_v2, m->init.arena, &m->plan, err) < 0)
		return -1;
	if (geteuid() != 0)
		cgroup_plan_drop_devices(&m->plan);
	if (m->create->systemd_cgroup ? start_scope(m, &path, err) < 0 : check_unused(&c->cgroup, err) < 0)
		return -1;
	m->plan.optional = expected_controllers(m->create->spec);
	if (m->create->systemd_cgroup)
		m->plan.optional |= CGROUP_BIT(CGROUP_SYSTEMD);
	c->has_cgroup = true;
	if (symlinkat(path, c->dir_fd, CONTAINER_CGROUP) < 0)
		return err_os(err, "note the cgroup's path");
	/* One hierarchy in which all of its processes can be found: v2 where there is one. */
	failed = c->cgroup.has_unified ? cgroup_make(&c->cgroup, CGROUP_UNIFIED) : -ENOENT;
	/* a user may have been given those of v1 alone */
	if (failed < 0 && !c->cgroup.is_v2 && (!c->cgroup.has_unified || m->create->ignore_cgroup_errors))
		failed = m->plan.controllers && geteuid() == 0 ? 0 : cgroup_make(&c->cgroup, CGROUP_FREEZER);
	if (failed < 0)
		return no_cgroup(m, path, failed, err);
	failed = c->cgroup.is_v2 ? cgroup_accept_type(&c->cgroup, m->plan.controllers) : 0;
	if (failed < 0)
		return err_neg(err, failed, "linux.cgroupsPath: cannot enter threaded cgroup %s%s", path,
			       failed == -EOPNOTSUPP ? " with domain controllers" : "");
	if (cgroup_plan_apply(&m->plan, &c->cgroup, err) < 0) {
		if (!m->create->ignore_cgroup_errors || m->plan.count)
			return -1;
	}
	if (c->cgroup.is_v2 && cgroup_plan_owner(m->create->spec, &owner) &&
	    (failed = cgroup_delegate(&c->cgroup, owner)) < 0 && !m->create->ignore_cgroup_errors)
		return err_neg(err, failed, "give cgroup %s to user %u", path, owner);
	m->init.cgroup = &c->cgroup;
	if (!(m->init.new_namespaces & CLONE_NEWUSER))
		m->init.cgroup_join = c->cgroup.joined & ~CGROUP_BIT(CGROUP_UNIFIED);
	return 0;
}

static int listen_for_start(struct making *m, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" CONTAINER_START, m->c->dir_fd);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
		return err_os(err, "make the start socket");
	m->init.start_fd = fd_take(&fd);
	return 0;
}

/* Callers may write where a mount goes as the host sees it. */
static void strip_root(struct making *m)
{
	const struct oci_list *mounts = &m->create->spec->mounts;
	size_t len = strlen(m->init.rootfs);

	for (size_t i = 0; i < mounts->count; i++) {
		struct oci_mount *one = OCI_ITEM(*mounts, struct oci_mount, i);

		if (len > 1 && strncmp(one->destination, m->init.rootfs, len) == 0 && one->destination[len] == '/')
			one->destination += len;
	}
}

static int prepare_rootfs_path(struct making *m, struct err *err)
{
	const struct create *cr = m->create;
	struct arena *arena = m->init.arena;
	struct stat st;

	if (cr->overlay || (cr->is_sandbox && !(cr->spec->root && cr->spec->root->path))) {
		if (mkdirat(m->c->dir_fd, "rootfs", 0700) < 0 && errno != EEXIST)
			return err_os(err, "make %s/%s/rootfs", cr->root, cr->id);
		m->init.rootfs = str_printf_in(arena, "%s/%s/rootfs", cr->root, cr->id).ptr;
	} else if (!cr->spec->root || !cr->spec->root->path) {
		return err_set(err, ERR_INVALID, "root.path: required field is missing");
	} else if (!cr->spec->root->path[0]) {
		return err_set(err, ERR_INVALID, "root.path: must not be empty");
	} else if (cr->spec->root->path[0] == '/') {
		m->init.rootfs = cr->spec->root->path;
	} else {
		m->init.rootfs = str_printf_in(arena, "%s/%s", cr->bundle, cr->spec->root->path).ptr;
	}
	if (stat(m->init.rootfs, &st) < 0)
		return err_os(err, "root.path: %s", m->init.rootfs);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "root.path: %s is not a directory", m->init.rootfs);
	m->c->rootfs = m->init.rootfs;
	strip_root(m);
	if (m->c->namespaces & CLONE_NEWNS)
		return 0;
	if (cr->overlay || cr->is_sandbox || m->init.program.has_userns)
		return err_set(err, ERR_UNSUPPORTED,
			       "linux.namespaces: a namespace of type \"mount\" is needed with one of type \"user\"");
	return host_root_mount(m->c, err);
}

/* What podman asks for with --group-add keep-groups: access by a group that has no number in the user namespace. */
static int keep_groups(struct making *m, struct err *err)
{
	const struct oci_spec *spec = m->create->spec;

	for (size_t i = 0; i < spec->annotations.count; i++) {
		const struct oci_pair *pair = &spec->annotations.items[i];

		if (strcmp(pair->key, "run.oci.keep_original_groups") == 0)
			m->init.program.keeps_groups = strcmp(pair->value, "1") == 0;
	}
	if (m->init.program.keeps_groups && spec->process->user->additional_gids.count)
		return err_set(err, ERR_INVALID,
			       "process.user.additionalGids: not together with the annotation "
			       "run.oci.keep_original_groups");
	return 0;
}

static int prepare_program(struct making *m, struct err *err)
{
	const struct create *cr = m->create;
	struct program *program = &m->init.program;

	memcpy(program->stdio, cr->stdio, sizeof(cr->stdio));
	program->preserve_fds = cr->preserve_fds;
	program->personality = cr->spec->linux_part->personality;
	program->memory_policy = cr->spec->linux_part->memory_policy;
	if (program_open_host(program, err) < 0)
		return -1;
	if (cr->is_sandbox)
		return 0;
	if (!(m->init.new_namespaces & CLONE_NEWNS))
		program->exe_fd = selfexe_prepare();
	if (!cr->spec->process) /* config.md, "Process": required when start is called, and then missed */
		return cr->wait_for_start ? 0 : err_set(err, ERR_INVALID, PROCESS_MISSING);
	if (program_prepare(program, cr->spec->process, err) < 0 || keep_groups(m, err) < 0)
		return -1;
	if (cr->spec->linux_part->seccomp) {
		AUTO_FD cache = open(cr->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (seccomp_compile(cr->spec->linux_part->seccomp, cache, &program->seccomp, err) < 0)
			return -1;
	}
	return 0;
}

static struct str state_text(struct making *m, enum container_status status)
{
	char *json = container_state_json(m->c, status, false);
	struct str text = str_in(m->init.arena, str_from(json));

	free(json);
	return text;
}

/* In a user namespace of its own it may not open the files any more. */
static int join_for_child(struct making *m, struct err *err)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)m->c->pid);
	for (int i = 0; i < CGROUP_UNIFIED && m->c->has_cgroup; i++) {
		int failed = m->c->cgroup.dir_fds[i] < 0
				     ? 0
				     : cgroup_write(m->c->cgroup.dir_fds[i], "cgroup.procs", pid);

		if (failed < 0)
			return err_neg(err, failed, "join cgroup %s", m->c->cgroup.path);
	}
	return 0;
}

static int run_parent_hooks(struct making *m, struct err *err)
{
	const struct oci_hooks *hooks = m->create->spec->hooks;
	struct hooks_occasion prestart = { .name = "prestart", .cwd = m->create->bundle,
					   .state = state_text(m, CONTAINER_CREATED) };
	struct hooks_occasion create_runtime = { .name = "createRuntime", .cwd = m->create->bundle,
						 .state = state_text(m, CONTAINER_CREATING) };

	/* prestart is deprecated: hooks of it were made for a runtime that made and started containers in one step */
	if (hooks_run(&hooks->prestart, &prestart, err) < 0)
		return -1;
	return hooks_run(&hooks->create_runtime, &create_runtime, err);
}

static int move_devices(struct making *m, struct err *err)
{
	const struct oci_list *list = &m->create->spec->linux_part->net_devices;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)m->c->pid);
	AUTO_FD netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return err_os(err, "linux.netDevices: open the network namespace");
	for (size_t i = 0; i < list->count; i++) {
		const struct oci_net_device *d = OCI_ITEM(*list, struct oci_net_device, i);
		int failed = link_move(d->name, netns, d->new_name);

		if (failed < 0)
			return err_neg(err, failed, "linux.netDevices.%s: move it as %s", d->name, d->new_name);
	}
	return 0;
}

static int answer(struct making *m, struct err *err)
{
	char go = INIT_GO;

	return send(m->sock, &go, 1, MSG_NOSIGNAL) == 1 ? 0 : err_os(err, "speak to the container's first process");
}

static int open_bind(struct making *m, const char *message, size_t len, struct err *err)
{
	AUTO_FD tree = -1;
	size_t index = 0;

	if (len == 1 + sizeof(index))
		memcpy(&index, message + 1, sizeof(index));
	if (bind_open_within(&m->init, index, m->c->pidfd, &tree, err) < 0)
		return err_wrap(err, "mounts[%zu]", index);
	return init_send(m->sock, INIT_GO, tree, err);
}

/* One message of the child; 0 at the end of the stream. */
static int handle_message(struct making *m, const char *message, size_t len, int *fd, struct err *err)
{
	switch (message[0]) {
	case INIT_USERNS:
		if (userns_map(m->create->spec, m->c->pid, err) < 0 || join_for_child(m, err) < 0)
			return -1;
		return answer(m, err);
	case INIT_NETWORK:
		if (move_devices(m, err) < 0)
			return -1;
		return answer(m, err);
	case INIT_BIND:
		return open_bind(m, message, len, err);
	case INIT_HOOKS:
		if (run_parent_hooks(m, err) < 0)
			return -1;
		return answer(m, err);
	case INIT_CONSOLE:
		if (m->create->console_socket >= 0)
			return console_send(m->create->console_socket, *fd, err);
		m->out->master = fd_take(fd);
		return 0;
	case INIT_LISTENER:
		return console_send_listener(&m->init.program.seccomp, m->c, *fd, err);
	case INIT_READY:
		m->is_waiting = true;
		return 0;
	case INIT_EXECING:
		m->is_execing = true;
		return 0;
	case INIT_ERROR:
		if (len == 1 + sizeof(struct err) && err) {
			memcpy(err, message + 1, sizeof(*err));
			err->msg[sizeof(err->msg) - 1] = '\0';
		}
		return -1;
	default:
		return err_set(err, ERR_INTERNAL, "the container's first process sent '%c'", message[0]);
	}
}

static COLD int died(struct making *m, struct err *err)
{
	int status = 0;

	if (process_wait(m->c->pidfd, &status) < 0)
		return err_os(err, "wait for the container's first process");
	fd_close(&m->c->pidfd);
	m->c->pid = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && cgroup_oom_kills(&m->c->cgroup) > 0)
		return err_set(err, ERR_NO_SPACE, "linux.resources.memory.limit: too small to start in");
	if (WIFSIGNALED(status))
		return err_set(err, ERR_INTERNAL, "the container's first process was killed by signal %d",
			       WTERMSIG(status));
	return err_set(err, ERR_INTERNAL, "the container's first process ended with status %d", WEXITSTATUS(status));
}

/* Serves the child until it has exec'd or waits for start. */
static int serve_child(struct making *m, struct err *err)
{
	char message[2 + sizeof(struct err)];
	size_t fd_count;
	ssize_t got;

	for (;;) {
		AUTO_FD fd = -1;

		got = fd_recv_fds(m->sock, message, sizeof(message), &fd, 1, &fd_count, err);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		if (handle_message(m, message, (size_t)got, &fd, err) < 0)
			return -1;
		if (m->is_waiting)
			return 0;
	}
	return m->is_execing ? 0 : died(m, err);
}

/* New namespaces in a user namespace that is joined: whoever goes there cannot come back, so a helper does and makes
 * the process as our child. */
static pid_t clone_through_helper(struct making *m, int cgroup_fd, int pid_fd)
{
	int pair[2], helper_fd = -1, status = 0;
	struct err err;
	size_t count = 0;
	pid_t pid;
	char kind;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = process_clone(0, -1, &helper_fd);
	if (pid == 0) {
		int pidfd = -1;

		if (init_join_cgroups(&m->init, &err) < 0 || init_join(&m->init, &err) < 0)
			init_fail(m->init.sock, &err);
		if (pid_fd >= 0 && setns(pid_fd, CLONE_NEWPID) < 0) {
			err_os(&err, "linux.namespaces: join the pid namespace");
			init_fail(m->init.sock, &err);
		}
		m->init.has_joined = true;
		pid = process_clone(m->init.new_namespaces | CLONE_PARENT, cgroup_fd, &pidfd);
		if (pid == 0)
			return 0;
		if (pid < 0) {
			err_neg(&err, pid, "linux.namespaces: make the container's first process");
			init_fail(m->init.sock, &err);
		}
		_exit(fd_send_fds(pair[1], STR("P"), &pidfd, 1, &err) < 0);
	}
	close(pair[1]);
	if (pid > 0 && process_wait(helper_fd, &status) < 0)
		pid = -ECHILD;
	fd_close(&helper_fd);
	if (pid > 0 && fd_recv_fds(pair[0], &kind, 1, &m->c->pidfd, 1, &count, &err) >= 0 && count == 1)
		pid = process_pid_of(m->c->pidfd);
	else if (pid > 0)
		pid = HELPER_FAILED;
	close(pair[0]);
	return pid;
}

static pid_t make_child(struct making *m, int cgroup_fd)
{
	if (m->init.joins_user && m->init.new_namespaces)
		return clone_through_helper(m, cgroup_fd, -1);
	return process_clone(m->init.new_namespaces, cgroup_fd, &m->c->pidfd);
}

/* A pid namespace takes effect for children only, so it is we who join it, for the moment of the clone. */
static pid_t clone_in_pid_namespace(struct making *m, int cgroup_fd)
{
	const struct init *init = &m->init;
	int join_fd = -1;
	AUTO_FD own = -1;
	pid_t pid;

	for (size_t i = 0; i < ARRAY_COUNT(init->join_fds); i++) {
		if (namespace_all[i] == CLONE_NEWPID)
			join_fd = init->join_fds[i];
	}
	if (join_fd < 0)
		return make_child(m, cgroup_fd);
	/* without privileges that is possible from within the user namespace only */
	if (geteuid() != 0 && init->joins_user)
		return clone_through_helper(m, cgroup_fd, join_fd);
	own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(join_fd, CLONE_NEWPID) < 0)
		return -errno;
	pid = make_child(m, cgroup_fd);
	if (pid != 0 && setns(own, CLONE_NEWPID) < 0)
		log_debug("runtime", "back to our pid namespace: %m");
	return pid;
}

static int clone_child(struct making *m, struct err *err)
{
	struct init *init = &m->init;
	int pair[2], failed, cgroup_fd = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_os(err, "socketpair");
	m->sock = pair[0];
	init->sock = pair[1];
	if (userns_time_offsets(m->create->spec, &init->new_namespaces, &init->unshare_later, err) < 0)
		return -1;
	if ((init->new_namespaces & CLONE_NEWNS) && init->program.has_userns && geteuid() == 0 &&
	    bind_open_all(init, err) < 0)
		return -1;
	if ((init->new_namespaces & CLONE_NEWUSER) && geteuid() == 0 && device_open_all(init, err) < 0)
		return -1;
	if (m->c->has_cgroup)
		cgroup_fd = m->c->cgroup.dir_fds[CGROUP_UNIFIED];
	log_debug("runtime", "nsexec started: nsexec container setup");
	pid = clone_in_pid_namespace(m, cgroup_fd);
	/* v2 asks for the right to leave the cgroup we are in as well; on a hybrid host it is not needed */
	if (pid == -EACCES && cgroup_fd >= 0 && m->create->ignore_cgroup_errors && !m->c->cgroup.is_v2) {
		failed = cgroup_unmake(&m->c->cgroup, CGROUP_UNIFIED);
		pid = failed < 0 ? failed : clone_in_pid_namespace(m, -1);
	}
	if (pid == HELPER_FAILED)
		return serve_child(m, err); /* it says why */
	if (pid < 0)
		return err_neg(err, pid, "linux.namespaces: make the container's first process");
	if (pid == 0) {
		close(pair[0]);
		init_main(init);
	}
	m->c->pid = pid;
	fd_close(&init->sock);
	return 0;
}

/* The one that keeps the unit's place is in its cgroup: a limit of one process would leave no room for the container's.
 * Returns whether the limit was raised, to be lowered again when that one is gone. */
static bool make_room(struct making *m)
{
	const struct cgroup *cgroup = &m->c->cgroup;
	int fd = cgroup->dir_fds[cgroup->is_v2 ? CGROUP_UNIFIED : CGROUP_PIDS];
	uint64_t max;

	return m->keeper >= 0 && fd >= 0 && cgroup_read_u64(fd, "pids.max", &max) == 0 && max == 1 &&
	       cgroup_write(fd, "pids.max", "2") == 0;
}

static int lower_limit(struct making *m, struct err *err)
{
	const struct cgroup *cgroup = &m->c->cgroup;
	int failed = cgroup_write(cgroup->dir_fds[cgroup->is_v2 ? CGROUP_UNIFIED : CGROUP_PIDS], "pids.max", "1");

	return failed < 0 ? err_neg(err, failed, "linux.resources.pids.limit") : 0;
}

/* The limit first: what is born meanwhile would count as the container's. */
static int end_keeper(struct making *m, bool has_room, struct err *err)
{
	if (has_room && lower_limit(m, err) < 0)
		return -1;
	container_end_keeper(&m->keeper);
	return 0;
}

static int make(struct making *m, struct err *err)
{
	struct init *init = &m->init;
	const struct create *cr = m->create;
	bool has_room;
	char state;

	if (label_check("linux.mountLabel", cr->spec->linux_part->mount_label, err) < 0 ||
	    (cr->spec->process && label_check("process.selinuxLabel", cr->spec->process->selinux_label, err) < 0))
		return -1;
	if (geteuid() != 0 && userns_check_rootless(cr->spec, err) < 0)
		return -1;
	if (plan_namespaces(m, err) < 0 || prepare_rootfs_path(m, err) < 0 || prepare_program(m, err) < 0)
		return -1;
	if (make_cgroups(m, err) < 0)
		return -1;
	if (geteuid() != 0 && !m->c->has_cgroup && container_outlives_init(m->c))
		log_warn("runtime", "Creating a rootless container with no cgroup and no private pid namespace. Such "
				    "configuration is strongly discouraged (as it is impossible to properly kill all "
				    "container's processes).");
	if (cr->wait_for_start && listen_for_start(m, err) < 0)
		return -1;
	m->c->created_ns = process_wall_ns();
	if (cr->spec->hooks) {
		init->has_hooks_before_pivot = cr->spec->hooks->prestart.count || cr->spec->hooks->create_runtime.count;
		m->c->has_poststop = cr->spec->hooks->poststop.count > 0;
	}
	if (cr->notify_at && (notify_make_dir(m->c, cr->notify_at, err) < 0 ||
			     (!cr->wait_for_start && notify_open(m->c, &m->out->notify, err) < 0)))
		return -1;
	has_room = make_room(m);
	if (clone_child(m, err) < 0)
		return -1;
	if (m->c->cgroup.is_v2 && end_keeper(m, has_room, err) < 0)
		return -1;
	/* While the child builds its root on the other processor: */
	if (process_start_ticks(m->c->pid, &m->c->start_ticks, &state) < 0)
		return err_set(err, ERR_INTERNAL, "the container's first process is gone");
	if (cr->config.len && fd_replace_file(m->c->dir_fd, cr->config_name, cr->config, 0600, false, err) < 0)
		return -1;
	if (container_save(m->c, err) < 0)
		return -1;
	if (serve_child(m, err) < 0)
		return -1;
	/* those of v1 the child joins by itself: until then systemd must not find them empty, and take them away */
	if (!m->c->cgroup.is_v2 && end_keeper(m, has_room, err) < 0)
		return -1;
	if (!cr->wait_for_start)
		m->out->started_ns = process_wall_ns();
	return 0;
}

void container_undo(struct container *c)
{
	struct err inner;
	int status;

	if (c->pidfd >= 0 && (process_signal(c->pidfd, SIGKILL) < 0 || process_wait(c->pidfd, &status) < 0))
		log_debug("runtime", "the container's first process is gone already");
	fd_close(&c->pidfd);
	if (container_destroy(c, &inner) < 0)
		log_warn("runtime", "clean up: %s", inner.msg);
}

static void release(struct making *m)
{
	struct init *init = &m->init;

	fd_close(&m->sock);
	fd_close(&init->sock);
	fd_close(&init->start_fd);
	fd_close(&init->program.host_proc_fd);
	fd_close(&init->program.exe_fd);
	for (size_t i = 0; i < ARRAY_COUNT(init->join_fds); i++)
		fd_close(&init->join_fds[i]);
	for (size_t i = 0; init->bind_fds && i < init->spec->mounts.count; i++)
		fd_close(&init->bind_fds[i]);
	for (size_t i = 0; init->device_fds && i < init->spec->linux_part->devices.count; i++)
		fd_close(&init->device_fds[i]);
	seccomp_free(&init->program.seccomp);
}

static void begin(struct making *m, const struct create *create, struct arena *arena, struct container *c)
{
	*m = (struct making){ .create = create, .c = c, .sock = -1, .keeper = -1 };
	container_blank(c);
	c->id = create->id;
	c->root = create->root;
	c->bundle = create->bundle;
	c->annotations = create->spec->annotations;
	m->init = (struct init){
		.spec = create->spec,
		.arena = arena,
		.bundle = create->bundle,
		.overlay = create->overlay,
		.is_sandbox = create->is_sandbox,
		.no_pivot = create->no_pivot,
		.wait_for_start = create->wait_for_start,
		.relays_terminal = create->relays_terminal,
		.keeps_keyring = create->keeps_keyring,
		.may_be_entered = geteuid() != 0 && access("/proc/self/exe", W_OK) < 0,
		.sock = -1,
		.start_fd = -1,
		.null_fd = -1,
		.container = c,
		.program = { .host_proc_fd = -1, .exe_fd = -1, .error_sock = -1 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(m->init.join_fds); i++)
		m->init.join_fds[i] = -1;
}

int container_create(const struct create *create, struct arena *arena, struct container *ret, struct created *ret_more,
		     struct err *err)
{
	struct making m;
	int failed;

	*ret_more = (struct created){ .master = -1, .notify = { .sock = -1 } };
	begin(&m, create, arena, ret);
	m.out = ret_more;
	if (container_id_check(create->id, err) < 0 || container_make_dir(ret, create->dir_may_exist, err) < 0 ||
	    container_lock(ret, err) < 0)
		return -1;
	failed = make(&m, err);
	container_unlock(ret);
	container_end_keeper(&m.keeper);
	if (failed < 0) {
		fd_close(&ret_more->master);
		fd_close(&ret_more->notify.sock);
		container_undo(ret);
	}
	release(&m);
	return failed;
}

int container_prepare(const struct create *create, struct arena *arena, struct container *ret, int *ret_keeper,
		      struct err *err)
{
	struct making m;
	int failed;

	begin(&m, create, arena, ret);
	if (container_id_check(create->id, err) < 0 || container_make_dir(ret, create->dir_may_exist, err) < 0 ||
	    container_lock(ret, err) < 0)
		return -1;
	failed = plan_namespaces(&m, err);
	if (failed == 0)
		failed = prepare_rootfs_path(&m, err);
	if (failed == 0)
		failed = make_cgroups(&m, err);
	if (failed < 0) {
		container_end_keeper(&m.keeper);
		container_undo(ret);
	} else {
		ret->has_poststop = create->spec->hooks && create->spec->hooks->poststop.count > 0;
		*ret_keeper = fd_take(&m.keeper);
	}
	release(&m);
	return failed;
}

static int run_state_hooks(struct container *c, const struct oci_list *hooks, const char *name,
			   enum container_status status, struct err *err)
{
	char *json;
	int failed;

	if (hooks->count == 0)
		return 0;
	json = container_state_json(c, status, false);
	failed = hooks_run(hooks,
			   &(struct hooks_occasion){ .name = name, .cwd = c->bundle, .state = str_from(json) }, err);
	free(json);
	return failed;
}

int container_started(struct container *c, const struct oci_spec *spec, struct err *err)
{
	return spec->hooks ? run_state_hooks(c, &spec->hooks->poststart, "poststart", CONTAINER_RUNNING, err) : 0;
}

int container_start(struct container *c, const struct oci_spec *spec, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char message[1 + sizeof(struct err)];
	struct err inner;
	size_t fd_count;
	ssize_t got;
	AUTO_FD sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO_FD name = openat(c->dir_fd, CONTAINER_START, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (sock < 0)
		return err_os(err, "socket");
	/* Who takes the name away is the one who starts. Once it is connected to, the program may run, end and have
	 * its container deleted before we are back. */
	if (name < 0 || unlinkat(c->dir_fd, CONTAINER_START, 0) < 0)
		return err_set(err, ERR_CONFLICT, "cannot start a container that has been started");
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", name);
	if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(err, ERR_CONFLICT, "cannot start a container that is not in the created state");
	for (;;) {
		AUTO_FD fd = -1;

		got = fd_recv_fds(sock, message, sizeof(message), &fd, 1, &fd_count, err);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		if (message[0] == INIT_LISTENER && spec->linux_part->seccomp) {
			struct seccomp_program to = {
				.listener_path = spec->linux_part->seccomp->listener_path,
				.listener_metadata = spec->linux_part->seccomp->listener_metadata
			};

			if (console_send_listener(&to, c, fd, err) < 0)
				return -1;
		} else if (got == sizeof(message)) {
			memcpy(&inner, message + 1, sizeof(inner));
			return err_set(err, inner.code, "%.470s", inner.msg);
		}
	}
	if (container_started(c, spec, err) == 0)
		return 0;
	/* the specification: an error, and the container is stopped */
	if (process_signal(c->pidfd, SIGKILL) < 0)
		log_debug("runtime", "the container's first process is gone already");
	return -1;
}

int container_delete(struct container *c, const struct oci_spec *spec, bool keep_dir, struct err *err)
{
	struct err inner;
	int failed;

	if (!keep_dir) {
		if (container_destroy(c, err) < 0)
			return -1;
	} else if (c->has_cgroup) {
		failed = cgroup_kill(&c->cgroup);
		if (failed == 0)
			failed = cgroup_remove(&c->cgroup, 10000);
		if (failed < 0)
			return err_neg(err, failed, "remove cgroup %s", c->cgroup.path);
	}
	if (spec && spec->hooks &&
	    run_state_hooks(c, &spec->hooks->poststop, "poststop", CONTAINER_STOPPED, &inner) < 0)
		log_warn("runtime", "%s", inner.msg);
	return 0;
}
