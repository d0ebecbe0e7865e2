/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exec: worker (user beneath the container's root, job) -> spawn of `cube-oci exec --job` -> answer
 * -> its exit. The program's stdio are pipes, or a terminal whose master comes over a socket; the
 * caller gets our ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "container/config.h"
#include "container/limits.h"
#include "container/service_internal.h"
#include "container/user.h"
#include "oci/monitor.h"

struct exec {
	struct container_exec *request;
	struct container_service *service;
	struct arena arena;
	struct work work;
	struct task refuse;
	struct child child;
	struct io_watch ready;
	struct buf answer;
	int job_fd, ready_fd, console_fd;
	/* copies, so that the container may go away meanwhile */
	char id[CONTAINER_ID_BYTES];
	const char *state_path;
	pid_t container_pid;
	struct container_spec spec;
	struct container_user container_user;
	struct config_exec process;
	struct str user;
	bool privileged, failed, started, child_ended;
	int wait_status;
	struct err err;
};

static void exec_free(struct exec *x)
{
	io_stop(&x->ready);
	fd_close(&x->job_fd);
	fd_close(&x->ready_fd);
	fd_close(&x->console_fd);
	buf_deinit(&x->answer);
	arena_deinit(&x->arena);
	x->service->busy--;
	mem_free(x);
}

static void close_ends(struct container_exec *request)
{
	fd_close(&request->stdin_fd);
	fd_close(&request->stdout_fd);
	fd_close(&request->stderr_fd);
}

static void exec_refused(struct exec *x, const struct err *why)
{
	struct container_exec *request = x->request;
	struct err err = *why;

	if (x->child.pid && !x->child_ended)
		env_child_forget(&x->child);
	close_ends(request);
	request->impl = NULL;
	exec_free(x);
	request->started(request, &err);
}

static int exit_code_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static void exec_over(struct exec *x)
{
	struct container_exec *request = x->request;

	request->exit_code = exit_code_of(x->wait_status);
	request->impl = NULL;
	exec_free(x);
	request->exited(request, request->exit_code);
}

/* The master of the terminal lies in the socket before the answer is written. */
static int take_terminal(struct exec *x, struct err *err)
{
	struct container_exec *request = x->request;
	int fds[1];
	size_t count = 0;
	char byte;
	AUTO_FD master = -1;

	if (fd_recv_fds(x->console_fd, &byte, 1, fds, 1, &count, err) < 0)
		return err_wrap(err, "terminal");
	if (count != 1)
		return err_set(err, ERR_INTERNAL, "terminal: the runtime sent none");
	master = fds[0];
	if (fd_set_nonblock(master, true, err) < 0)
		return -1;
	if (request->want_stdin) {
		request->stdin_fd = fcntl(master, F_DUPFD_CLOEXEC, 0);
		if (request->stdin_fd < 0)
			return err_os(err, "terminal");
	}
	request->stdout_fd = fd_take(&master);
	return 0;
}

static void exec_answered(struct exec *x)
{
	AUTO_JSON doc = json_parse(str_trim(buf_str(&x->answer)), CONTAINER_ANSWER_BYTES_MAX,
				   &x->err);
	struct container_exec *request = x->request;
	struct str error;

	if (!doc) {
		if (x->answer.len == 0)
			err_set(&x->err, ERR_INTERNAL, "cube-oci exec ended without an answer");
		request->exit_code = 255;
		exec_refused(x, &x->err);
		return;
	}
	error = json_get_str(yyjson_doc_get_root(doc), "error");
	if (error.len) {
		request->exit_code = (int)json_get_int(yyjson_doc_get_root(doc), "exitCode", 126);
		err_set(&x->err, ERR_BAD_REQUEST, "OCI runtime exec failed: exec failed: " STR_FMT,
			STR_ARG(error));
		exec_refused(x, &x->err);
		return;
	}
	request->pid = (pid_t)json_get_int(yyjson_doc_get_root(doc), "pid", 0);
	if (request->terminal && take_terminal(x, &x->err) < 0) {
		request->exit_code = 255;
		exec_refused(x, &x->err);
		return;
	}
	x->started = true;
	fd_close(&x->ready_fd);
	fd_close(&x->console_fd);
	request->started(request, NULL);
	if (x->child_ended)
		exec_over(x);
}

static void exec_ready(struct io_watch *watch, int events)
{
	struct exec *x = CONTAINER_OF(watch, struct exec, ready);
	void *room = buf_room(&x->answer, 4096);
	ssize_t n = room ? read(x->ready_fd, room, 4096) : 0;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		buf_added(&x->answer, (size_t)n);
		if (str_find_char(buf_str(&x->answer), '\n', 0) == SIZE_MAX)
			return;
	}
	io_stop(&x->ready);
	exec_answered(x);
}

static void exec_ended(struct child *child, int wait_status)
{
	struct exec *x = CONTAINER_OF(child, struct exec, child);

	x->child_ended = true;
	x->wait_status = wait_status;
	if (x->started)
		exec_over(x);
}

/* --- descriptors and spawn --- */

struct ends {
	struct child_fd fds[6];
	size_t count;
	int theirs[6];
	size_t theirs_count;
};

static int add_pipe(struct ends *e, int *ret_ours, int number, bool we_write, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_os(err, "pipe");
	*ret_ours = fds[we_write ? 1 : 0];
	e->theirs[e->theirs_count++] = fds[we_write ? 0 : 1];
	e->fds[e->count++] = (struct child_fd){ fds[we_write ? 0 : 1], number };
	return fd_set_nonblock(*ret_ours, true, err);
}

static int make_ends(struct exec *x, struct ends *e, struct err *err)
{
	struct container_exec *request = x->request;
	int pair[2];

	e->fds[e->count++] = (struct child_fd){ x->job_fd, MONITOR_JOB_FD };
	if (add_pipe(e, &x->ready_fd, MONITOR_READY_FD, false, err) < 0)
		return -1;
	if (request->terminal) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			return err_os(err, "socketpair");
		x->console_fd = pair[0];
		e->theirs[e->theirs_count++] = pair[1];
		e->fds[e->count++] = (struct child_fd){ pair[1], MONITOR_CONSOLE_FD };
		return 0;
	}
	if (request->want_stdin && add_pipe(e, &request->stdin_fd, 0, true, err) < 0)
		return -1;
	if (request->want_stdout && add_pipe(e, &request->stdout_fd, 1, false, err) < 0)
		return -1;
	return request->want_stderr ? add_pipe(e, &request->stderr_fd, 2, false, err) : 0;
}

static int spawn_exec(struct exec *x, struct err *err)
{
	const char *argv[] = { "cube-oci", "exec", "--job", NULL };
	struct ends ends = { 0 };
	int r = make_ends(x, &ends, err);

	if (r == 0) {
		struct child_spec spec = { .path = x->service->oci_path,
					   .argv = argv,
					   .fds = ends.fds,
					   .fd_count = ends.count,
					   .new_session = true };

		x->child.on_exit = exec_ended;
		x->ready.fn = exec_ready;
		r = io_start(x->service->env, &x->ready, x->ready_fd, IO_READ, err);
		if (r == 0)
			r = fd_set_nonblock(x->ready_fd, true, err);
		if (r == 0)
			r = env_spawn(x->service->env, &spec, &x->child, err);
		if (r < 0)
			x->child.pid = 0;
	}
	for (size_t i = 0; i < ends.theirs_count; i++)
		close(ends.theirs[i]);
	return r;
}

/* --- the job --- */

static int exec_user(struct exec *x, struct container_user *ret, struct err *err)
{
	char path[64];
	AUTO_FD root = -1;
	struct user_lookup lookup = { .root_fds = &root, .root_count = 1, .user = x->user };

	if (x->user.len == 0) {
		*ret = x->container_user;
		return 0;
	}
	snprintf(path, sizeof(path), "/proc/%d/root", (int)x->container_pid);
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_os(err, "open the container's root");
	return user_find(&lookup, &x->arena, ret, err);
}

static int build_exec_job(struct exec *x, struct err *err)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	struct container_user user;
	struct container_spec privileged = { .privileged = true };
	AUTO_BUF text = { 0 };

	if (exec_user(x, &user, err) < 0 ||
	    config_capabilities(x->privileged ? &privileged : &x->spec, &x->process.capabilities,
				err) < 0)
		return -1;
	x->process.user = &user;
	x->process.spec = &x->spec;
	x->process.no_new_privileges = x->spec.no_new_privileges && !x->privileged;
	json_set_int(doc, root, "version", MONITOR_JOB_VERSION);
	json_set_str(doc, root, "id", str_from(x->id));
	json_set_str(doc, root, "stateDir", str_from(x->state_path));
	config_process(&x->process, doc, json_set_object(doc, root, "process"));
	buf_init(&text, MONITOR_JOB_BYTES_MAX);
	json_mut_write(root, &text);
	if (buf_check(&text, "exec job", err) < 0)
		return -1;
	x->job_fd = fd_sealed("cube-exec", buf_str(&text), err);
	return x->job_fd < 0 ? -1 : 0;
}

static void exec_run(struct work *work)
{
	struct exec *x = CONTAINER_OF(work, struct exec, work);

	x->failed = build_exec_job(x, &x->err) < 0;
}

static void exec_prepared(struct work *work)
{
	struct exec *x = CONTAINER_OF(work, struct exec, work);

	if (x->failed || spawn_exec(x, &x->err) < 0) {
		x->request->exit_code = 126;
		exec_refused(x, &x->err);
		return;
	}
	fd_close(&x->job_fd);
}

static void exec_refuse(struct task *task)
{
	struct exec *x = CONTAINER_OF(task, struct exec, refuse);

	exec_refused(x, &x->err);
}

/* Everything the worker needs, copied. */
static void copy_inputs(struct exec *x, const struct unit *u)
{
	struct container_exec *request = x->request;
	struct container_spec spec = u->spec;
	struct config_input env_input = { .spec = &spec,
					  .image = u->c.image ? &u->c.image->config : NULL,
					  .user = &u->user };
	struct str *argv;

	spec_copy(&u->spec, &x->arena, &x->spec);
	x->state_path = str_c_in(&x->arena, str_from(u->state_path));
	x->container_pid = u->c.pid;
	x->container_user = u->user;
	x->container_user.home = str_in(&x->arena, u->user.home);
	if (u->user.group_count) {
		uint32_t *groups = arena_array(&x->arena, u->user.group_count, sizeof(*groups));

		memcpy(groups, u->user.groups, u->user.group_count * sizeof(*groups));
		x->container_user.groups = groups;
	}
	x->user = str_in(&x->arena, request->user);
	argv = arena_array(&x->arena, request->argv.count + 1, sizeof(*argv));
	for (size_t i = 0; i < request->argv.count; i++)
		argv[i] = str_in(&x->arena, request->argv.items[i]);
	x->process.argv = (struct str_list){ argv, request->argv.count };
	/* The container's environment with the request's on top. */
	argv = arena_array(&x->arena, u->spec.env.count + request->env.count + 1, sizeof(*argv));
	for (size_t i = 0; i < u->spec.env.count; i++)
		argv[i] = str_in(&x->arena, u->spec.env.items[i]);
	for (size_t i = 0; i < request->env.count; i++)
		argv[u->spec.env.count + i] = str_in(&x->arena, request->env.items[i]);
	spec.env = (struct str_list){ argv, u->spec.env.count + request->env.count };
	spec.terminal = request->terminal;
	env_input.hostname = u->spec.hostname.len ? u->spec.hostname
						  : str_slice(str_from(u->c.id), 0, 12);
	if (u->c.sandbox && u->c.sandbox->spec->hostname.len)
		env_input.hostname = u->c.sandbox->spec->hostname;
	env_input.hostname = str_in(&x->arena, env_input.hostname);
	x->process.env = config_env(&env_input, &x->arena);
	x->process.working_dir = request->working_dir.len  ? request->working_dir
				 : u->spec.working_dir.len ? u->spec.working_dir
				 : u->c.image		   ? u->c.image->config.working_dir
							   : STR("/");
	x->process.working_dir = str_in(&x->arena, x->process.working_dir);
	x->process.terminal = request->terminal;
	x->process.rows = request->rows;
	x->process.columns = request->columns;
	x->privileged = request->privileged;
}

void container_exec_start(struct container_service *service, struct str id,
			  struct container_exec *exec)
{
	struct container *container = container_get(service, id);
	struct exec *x = NEW(struct exec);

	x->request = exec;
	x->service = service;
	x->job_fd = x->ready_fd = x->console_fd = -1;
	arena_init(&x->arena, 64u << 20);
	buf_init(&x->answer, CONTAINER_ANSWER_BYTES_MAX);
	task_init(&x->refuse, exec_refuse);
	exec->stdin_fd = exec->stdout_fd = exec->stderr_fd = -1;
	exec->pid = 0;
	exec->exit_code = 126;
	exec->impl = x;
	service->busy++;
	if (!container)
		err_set(&x->err, ERR_NOT_FOUND, "No such container: " STR_FMT, STR_ARG(id));
	else if (container->status != CONTAINER_RUNNING)
		err_set(&x->err, ERR_CONFLICT, "container %s is not running", container->id);
	else if (container->spec->is_sandbox)
		err_set(&x->err, ERR_BAD_REQUEST, "cannot exec in a sandbox");
	else if (exec->argv.count == 0 || exec->argv.items[0].len == 0)
		err_set(&x->err, ERR_BAD_REQUEST, "No exec command specified");
	if (x->err.code != ERR_NONE) {
		env_defer(service->env, &x->refuse);
		return;
	}
	snprintf(x->id, sizeof(x->id), "%s", container->id);
	copy_inputs(x, unit_of(container));
	x->work.run = exec_run;
	x->work.done = exec_prepared;
	env_work(service->env, &x->work);
}

void container_exec_resize(struct container_exec *exec, uint16_t rows, uint16_t columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };
	int fd = exec->stdout_fd >= 0 ? exec->stdout_fd : exec->stdin_fd;

	if (exec->terminal && fd >= 0)
		(void)ioctl(fd, TIOCSWINSZ, &size); /* the program may be gone */
}

void container_exec_kill(struct container_exec *exec)
{
	struct exec *x = exec->impl;

	/* cube-oci passes its own end on: the program is its child and dies with it. The pid is the
	 * program's; while our child lives it has not been reaped. */
	if (x && x->started && !x->child_ended && exec->pid > 0)
		(void)kill(exec->pid, SIGKILL); /* gone already: exited follows */
}
