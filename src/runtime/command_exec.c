/* SPDX-License-Identifier: Apache-2.0 */
/* The command exec, from flags, from a process file, or from a daemon's sealed job (oci/monitor.h). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "linux/process.h"
#include "oci/monitor.h"
#include "runtime/commands.h"
#include "runtime/console.h"
#include "runtime/exec.h"

/* Everything of one exec; strings live in the arena or the documents. */
struct running {
	struct arena *arena;
	struct container container;
	struct oci_spec spec;
	yyjson_doc *spec_doc, *process_doc;
	struct buf text;
	struct oci_process process;
};

static void running_close(struct running *r)
{
	yyjson_doc_free(r->spec_doc);
	yyjson_doc_free(r->process_doc);
	buf_deinit(&r->text);
	container_close(&r->container);
}

static int open_container(struct running *r, const char *root, const char *id, bool ignore_paused, struct err *err)
{
	if (container_open(root, id, r->arena, &r->container, err) < 0)
		return -1;
	if (r->container.status == CONTAINER_PAUSED && !ignore_paused && defence(DEFENCE_PAUSED))
		return err_set(
			err, ERR_CONFLICT,
			"cannot exec in a paused container (use --ignore-paused to override)");
	if (r->container.status != CONTAINER_RUNNING && r->container.status != CONTAINER_CREATED &&
	    r->container.status != CONTAINER_PAUSED)
		return err_set(err, ERR_CONFLICT, "cannot exec in a stopped container");
	return container_spec(&r->container, r->arena, &r->spec, &r->spec_doc, err);
}

static void append(struct arena *arena, struct oci_strings *list, const char *item)
{
	const char **items = arena_array(arena, list->count + 2, sizeof(*items));

	if (list->count)
		memcpy(items, list->items, list->count * sizeof(*items));
	items[list->count++] = item;
	list->items = items;
}

static int parse_user(struct running *r, const char *text, struct err *err)
{
	struct oci_user *user = ARENA_NEW(r->arena, struct oci_user);
	struct str uid, gid;
	bool has_gid = str_cut(str_from(text), ':', &uid, &gid);

	*user = *r->process.user;
	if (num_parse_u64(uid, UINT32_MAX - 1, "--user", &user->uid.value, err) < 0 ||
	    (has_gid && num_parse_u64(gid, UINT32_MAX - 1, "--user", &user->gid.value, err) < 0))
		return -1;
	r->process.user = user;
	return 0;
}

static int apply_lists(struct running *r, const struct command_line *line, struct err *err)
{
	struct oci_capabilities *caps = ARENA_NEW(r->arena, struct oci_capabilities);
	struct oci_user *user = r->process.user;
	const char *value;
	uint64_t gid;

	for (size_t i = 0; (value = command_value_at(line, "env", i)) != NULL; i++)
		append(r->arena, &r->process.env, value);
	for (size_t i = 0; (value = command_value_at(line, "additional-gids", i)) != NULL; i++) {
		uint32_t *items = arena_array(r->arena, user->additional_gids.count + 1, sizeof(*items));

		if (num_parse_u64(str_from(value), UINT32_MAX - 1, "--additional-gids", &gid, err) < 0)
			return -1;
		if (user->additional_gids.count)
			memcpy(items, user->additional_gids.items, user->additional_gids.count * sizeof(*items));
		items[user->additional_gids.count++] = (uint32_t)gid;
		user->additional_gids.items = items;
	}
	if (r->process.capabilities)
		*caps = *r->process.capabilities;
	for (size_t i = 0; (value = command_value_at(line, "cap", i)) != NULL; i++) {
		struct oci_strings *sets[] = { &caps->bounding, &caps->effective, &caps->permitted };

		for (size_t k = 0; k < ARRAY_COUNT(sets); k++)
			append(r->arena, sets[k], value);
		/* of no use to a program that inherits nothing */
		if (caps->inheritable.count)
			append(r->arena, &caps->ambient, value);
		r->process.capabilities = caps;
	}
	return 0;
}

/* The container's own process with what the flags change. */
static int from_flags(struct running *r, const struct command_line *line, struct err *err)
{
	const char *user = command_value(line, "user");

	if (!r->spec.process)
		return err_set(err, ERR_INVALID, "container \"%s\" has no process to take defaults from: use --process",
			       r->container.id);
	r->process = *r->spec.process;
	r->process.terminal = command_has(line, "tty");
	r->process.console_size = NULL;
	if (line->arg_count < 2)
		return err_set(err, ERR_BAD_REQUEST, "exec: a command is needed");
	r->process.args = (struct oci_strings){ (const char **)(uintptr_t)(line->args + 1),
						(size_t)line->arg_count - 1 };
	if (command_value(line, "cwd"))
		r->process.cwd = command_value(line, "cwd");
	if (command_value(line, "apparmor"))
		r->process.apparmor_profile = command_value(line, "apparmor");
	if (command_value(line, "process-label"))
		r->process.selinux_label = command_value(line, "process-label");
	/* as crun has it: who may exec into the container says so for this program anew */
	r->process.no_new_privileges = command_has(line, "no-new-privs");
	if (user && parse_user(r, user, err) < 0)
		return -1;
	if (apply_lists(r, line, err) < 0)
		return -1;
	return oci_process_check(r->arena, &r->process, "process", err);
}

/* What is left out is as the container's process has it: else the program could do what the container may not. */
static void inherit(struct running *r)
{
	const struct oci_process *own = r->spec.process;
	struct oci_process *p = &r->process;

	if (!own)
		return;
	if (!p->user)
		p->user = own->user;
	if (!p->capabilities)
		p->capabilities = own->capabilities;
	if (!p->rlimits.count)
		p->rlimits = own->rlimits;
	if (!p->apparmor_profile || !p->apparmor_profile[0])
		p->apparmor_profile = own->apparmor_profile;
	if (!p->selinux_label || !p->selinux_label[0])
		p->selinux_label = own->selinux_label;
}

static int from_file(struct running *r, const char *path, struct err *err)
{
	if (fd_read_file(AT_FDCWD, path, OCI_SPEC_BYTES_MAX, &r->text, err) < 0 ||
	    oci_json_parse(buf_str(&r->text), "process file", &r->process_doc, err) < 0 ||
	    field_decode(&oci_process_table, yyjson_doc_get_root(r->process_doc), r->arena, &r->process, err) < 0)
		return -1;
	inherit(r);
	return oci_process_check(r->arena, &r->process, "process", err);
}

static int controller_number(struct str name)
{
	for (int i = 0; i < CGROUP_UNIFIED; i++) {
		if (str_eq_c(name, cgroup_name((enum cgroup_controller)i)))
			return i;
	}
	return -1;
}

/* --cgroup, once for all controllers or for some of v1's each. */
static int parse_cgroup(struct running *r, const char *text, const char **to, struct err *err)
{
	bool is_v2 = r->container.cgroup.is_v2;
	struct str names, path, name;
	const char *sub;

	if (!str_cut(str_from(text), ':', &names, &path)) {
		path = names;
		names = STR("");
	}
	for (struct str rest = path; str_next_part(&rest, '/', &name);) {
		if (str_eq_c(name, ".."))
			return err_set(err, ERR_INVALID,
				       "--cgroup: bad sub cgroup path: %s is not a sub cgroup path", text);
	}
	while (path.len > 0 && path.ptr[0] == '/') {
		path.ptr++;
		path.len--;
	}
	sub = str_c_in(r->arena, path);
	if (names.len == 0) {
		for (int i = 0; i <= CGROUP_UNIFIED; i++)
			to[i] = (i == CGROUP_UNIFIED) == is_v2 ? sub : NULL;
		return 0;
	}
	while (str_next_part(&names, ',', &name)) {
		int number = is_v2 ? -1 : controller_number(name);

		if (number < 0 || r->container.cgroup.dir_fds[number] < 0)
			return err_set(err, ERR_INVALID,
				       "--cgroup: unknown controller " STR_FMT " in %s",
				       STR_ARG(name), text);
		to[number] = sub;
	}
	return 0;
}

static int parse_cgroups(struct running *r, const struct command_line *line,
			 const char *const **ret, struct err *err)
{
	const char **to = arena_array(r->arena, CGROUP_CONTROLLER_COUNT, sizeof(*to));
	const char *value;

	memset(to, 0, CGROUP_CONTROLLER_COUNT * sizeof(*to));
	*ret = command_has(line, "cgroup") ? to : NULL;
	for (size_t i = 0; (value = command_value_at(line, "cgroup", i)) != NULL; i++) {
		if (parse_cgroup(r, value, to, err) < 0)
			return -1;
	}
	return 0;
}

static int status_code(int wait_status)
{
	return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

static int failure_code(const struct err *err)
{
	return err->code == ERR_NOT_FOUND ? 127 : err->code == ERR_FORBIDDEN ? 126 : 255;
}

static int exec_flags(struct running *r, const struct command_line *line, int *ret_status, struct err *err)
{
	const char *socket = command_value(line, "console-socket");
	const char *preserve = command_value(line, "preserve-fds");
	const char *process = command_value(line, "process");
	bool detach = command_has(line, "detach");
	struct exec exec = { .container = &r->container,
			     .spec = &r->spec,
			     .process = &r->process,
			     .console_socket = -1 };
	int master = -1, status = 0;
	AUTO_FD pidfd = -1;
	AUTO_FD pidfd_socket = -1;
	uint64_t count = 0;
	pid_t pid;

	/* whatever keeps the program from running, told apart from its own statuses */
	*ret_status = 255;
	if (open_container(r, line->globals->root, line->args[0],
			   command_has(line, "ignore-paused"), err) < 0)
		return -1;
	if ((process ? from_file(r, process, err) : from_flags(r, line, err)) < 0)
		return -1;
	if (preserve && command_preserved_fds(preserve, &count, err) < 0)
		return -1;
	if (parse_cgroups(r, line, &exec.cgroups, err) < 0)
		return -1;
	exec.preserve_fds = (int)count;
	if (r->process.terminal && detach && !socket)
		return err_set(
			err, ERR_INVALID,
			"cannot allocate tty if runc will detach without setting console socket");
	if (socket && r->process.terminal) {
		exec.console_socket = console_connect(socket, "--console-socket", err);
		if (exec.console_socket < 0)
			return -1;
	}
	if (command_pidfd_socket(line, &pidfd_socket, err) < 0 ||
	    container_exec(&exec, &pid, &pidfd, &master, err) < 0)
		return -1;
	if (command_send_pidfd(pidfd_socket, pidfd, err) < 0 ||
	    command_write_pid(command_value(line, "pid-file"), pid, err) < 0)
		return -1;
	*ret_status = 0;
	if (detach)
		return 0;
	if (console_relay(master, pidfd, NULL, &status, err) < 0)
		return -1;
	*ret_status = status_code(status);
	return 0;
}

struct exec_job {
	struct oci_u64 version;
	const char *id, *state_dir;
	struct oci_process *process;
};
static const struct field exec_job_fields[] = {
	{ .name = "version",
	  .type = FIELD_U64,
	  .offset = offsetof(struct exec_job, version),
	  .is_required = true },
	{ .name = "id",
	  .type = FIELD_STRING,
	  .offset = offsetof(struct exec_job, id),
	  .is_required = true },
	{ .name = "stateDir",
	  .type = FIELD_STRING,
	  .offset = offsetof(struct exec_job, state_dir),
	  .is_required = true },
	{ .name = "process",
	  .type = FIELD_OBJECT,
	  .offset = offsetof(struct exec_job, process),
	  .is_required = true,
	  .with.sub = &oci_process_table },
	{ 0 },
};
static const struct field_table exec_job_table = { sizeof(struct exec_job), exec_job_fields };

static int read_job(struct running *r, struct exec_job *ret, struct err *err)
{
	/* lseek: the descriptor's offset is shared with whoever made it */
	if (lseek(MONITOR_JOB_FD, 0, SEEK_SET) < 0)
		return err_os(err, "read the job on fd %d", MONITOR_JOB_FD);
	if (fd_read_file(AT_FDCWD, "/proc/self/fd/3", MONITOR_JOB_BYTES_MAX, &r->text, err) < 0 ||
	    oci_json_parse(buf_str(&r->text), "job", &r->process_doc, err) < 0 ||
	    field_decode(&exec_job_table, yyjson_doc_get_root(r->process_doc), r->arena, ret, err) < 0)
		return -1;
	if (ret->version.value != MONITOR_JOB_VERSION)
		return err_set(err, ERR_UNSUPPORTED, "version: expected %d", MONITOR_JOB_VERSION);
	r->process = *ret->process;
	return 0;
}

static void answer(yyjson_mut_doc *doc)
{
	char *text = yyjson_mut_write(doc, YYJSON_WRITE_NEWLINE_AT_END, NULL);

	yyjson_mut_doc_free(doc);
	/* a daemon that is gone meanwhile needs no answer */
	if (text && fd_write_all(MONITOR_READY_FD, text, strlen(text), NULL) < 0)
		text[0] = '\0';
	free(text);
	close(MONITOR_READY_FD);
}

static int start_job(struct running *r, pid_t *ret_pid, int *ret_pidfd, struct err *err)
{
	struct exec_job job;
	struct exec exec = { .container = &r->container,
			     .spec = &r->spec,
			     .process = &r->process,
			     .console_socket = -1 };
	int master = -1;

	if (read_job(r, &job, err) < 0)
		return -1;
	if (open_container(r, str_c_in(r->arena, path_dir(str_from(job.state_dir))), job.id, false, err) < 0)
		return -1;
	inherit(r);
	if (oci_process_check(r->arena, &r->process, "process", err) < 0)
		return -1;
	if (r->process.terminal)
		exec.console_socket = MONITOR_CONSOLE_FD;
	return container_exec(&exec, ret_pid, ret_pidfd, &master, err);
}

static int exec_job(struct running *r, int *ret_status, struct err *err)
{
	yyjson_mut_doc *doc;
	yyjson_mut_val *root;
	AUTO_FD pidfd = -1;
	int status = 0, failed;
	pid_t pid = 0;

	if (fd_set_cloexec(MONITOR_JOB_FD, true, err) < 0 || fd_set_cloexec(MONITOR_READY_FD, true, err) < 0)
		return -1;
	if (fcntl(MONITOR_CONSOLE_FD, F_SETFD, FD_CLOEXEC) < 0)
		close(MONITOR_CONSOLE_FD); /* only given for terminals */
	failed = start_job(r, &pid, &pidfd, err);
	doc = yyjson_mut_doc_new(NULL);
	root = yyjson_mut_obj(doc);
	yyjson_mut_doc_set_root(doc, root);
	if (failed < 0) {
		*ret_status = failure_code(err);
		yyjson_mut_obj_add_str(doc, root, "error", err->msg);
		yyjson_mut_obj_add_int(doc, root, "exitCode", *ret_status);
	} else {
		yyjson_mut_obj_add_int(doc, root, "pid", pid);
		yyjson_mut_obj_add_int(doc, root, "startedNs", process_wall_ns());
	}
	answer(doc);
	if (failed < 0)
		return -1;
	/* the program has its stdio: its readers must see the end when it ends, not when we do */
	close(0);
	close(1);
	close(2);
	if (process_wait(pidfd, &status) < 0)
		return err_os(err, "wait for the program");
	*ret_status = status_code(status);
	return 0;
}

int command_exec(const struct command_line *line, int *ret_status, struct err *err)
{
	struct running r = { 0 };
	AUTO_ARENA arena = { 0 };
	int failed;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&r.text, OCI_SPEC_BYTES_MAX);
	container_blank(&r.container);
	r.arena = &arena;
	if (command_has(line, "job"))
		failed = exec_job(&r, ret_status, err);
	else if (line->arg_count < 1)
		failed = err_set(err, ERR_BAD_REQUEST, "usage: cube-oci exec [flags] ID COMMAND [ARG...]");
	else
		failed = exec_flags(&r, line, ret_status, err);
	running_close(&r);
	return failed;
}
