/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec and attach: bytes between a client's streams (WebSocket or SPDY) and a program's stdio. Each
 * side is paused while the other has too much queued. A session lives until the client is gone and,
 * for exec, the program has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "codec/json.h"
#include "kubelet/server.h"
#include "net/remote_stream.h"
#include "net/url.h"

#define STDIN_QUEUE_MAX ((size_t)1 << 20)

struct session {
	struct client_stream stream;
	struct kubelet *kubelet;
	struct remote_stream *remote; /* NULL once the client is gone */
	struct arena arena;
	char id[RUNTIME_ID_BYTES];
	struct remote_stream_options options;
	bool is_attach;
	/* exec */
	struct container_exec exec;
	struct io_watch in, out, err;
	struct buf input; /* for the program's stdin, not taken yet */
	bool input_ended, starting, running, finishing;
	/* attach */
	struct container_attach attach;
	bool attached, attach_ready; /* asked for; answered: until then input waits in `input` */
};

static void session_end_if_idle(struct session *s)
{
	if (s->remote || s->starting || s->running || s->attached)
		return;
	io_stop(&s->in);
	io_stop(&s->out);
	io_stop(&s->err);
	fd_close(&s->exec.stdin_fd);
	fd_close(&s->exec.stdout_fd);
	fd_close(&s->exec.stderr_fd);
	list_remove(&s->stream.link);
	buf_deinit(&s->input);
	arena_deinit(&s->arena);
	kubelet_operation_end(s->kubelet);
	mem_free(s);
}

/* --- the closing status --- */

static void session_finish(struct session *s, int exit_code, const struct err *err)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *details, *cause;
	char text[ERR_MSG_BYTES + 96] = "", number[16];
	AUTO_BUF body = { 0 };

	s->finishing = true;
	if (!s->remote)
		return;
	(void)json_set_object(doc, root, "metadata"); /* empty, but there */
	json_set_str(doc, root, "status", err || exit_code ? STR("Failure") : STR("Success"));
	if (err) {
		(void)snprintf(text, sizeof(text),
			       "Internal error occurred: error executing command in container: %s",
			       err->msg); /* cut is fine */
		json_set_str(doc, root, "message", str_from(text));
		json_set_str(doc, root, "reason", STR("InternalError"));
		json_set_int(doc, root, "code", 500);
	} else if (exit_code) {
		(void)snprintf(
			text, sizeof(text),
			"command terminated with non-zero exit code: command terminated with exit "
			"code %d",
			exit_code); /* fits */
		json_set_str(doc, root, "message", str_from(text));
		json_set_str(doc, root, "reason", STR("NonZeroExitCode"));
		details = json_set_object(doc, root, "details");
		cause = json_append_object(doc, json_set_array(doc, details, "causes"));
		json_set_str(doc, cause, "reason", STR("ExitCode"));
		(void)snprintf(number, sizeof(number), "%d", exit_code); /* fits */
		json_set_str(doc, cause, "message", str_from(number));
	}
	if (!remote_stream_wants_status(s->remote)) {
		remote_stream_finish(s->remote, str_from(text));
		return;
	}
	buf_init(&body, 1 << 16);
	json_mut_write(root, &body);
	remote_stream_finish(s->remote, buf_str(&body));
}

/* --- exec: program → client --- */

static void copy_out(struct session *s, struct io_watch *watch, int *fd,
		     enum remote_channel channel)
{
	char bytes[SERVER_READ_BYTES];
	ssize_t len = read(*fd, bytes, sizeof(bytes));

	if (len > 0) {
		if (s->remote)
			remote_stream_send(s->remote, channel, str_sub(bytes, (size_t)len));
		if (s->remote && remote_stream_queued_bytes(s->remote) > SERVER_QUEUE_HIGH_BYTES)
			io_update(watch, 0); /* until on_drained */
		return;
	}
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	io_stop(watch); /* end of file, or EIO of a terminal nobody holds any more */
	fd_close(fd);
}

static void out_readable(struct io_watch *watch, int events)
{
	struct session *s = CONTAINER_OF(watch, struct session, out);

	(void)events;
	copy_out(s, watch, &s->exec.stdout_fd, REMOTE_STDOUT);
}

static void err_readable(struct io_watch *watch, int events)
{
	struct session *s = CONTAINER_OF(watch, struct session, err);

	(void)events;
	copy_out(s, watch, &s->exec.stderr_fd, REMOTE_STDERR);
}

/* What is still in the pipe when the program is over; whoever inherited the other end is not waited
 * for. */
static void drain_out(struct session *s, int *fd, enum remote_channel channel)
{
	char bytes[SERVER_READ_BYTES];
	ssize_t len;

	while (*fd >= 0 && s->remote && (len = read(*fd, bytes, sizeof(bytes))) > 0)
		remote_stream_send(s->remote, channel, str_sub(bytes, (size_t)len));
	fd_close(fd);
}

/* --- exec: client → program --- */

static void flush_input(struct session *s)
{
	while (s->input.len > 0 && s->exec.stdin_fd >= 0) {
		ssize_t len = write(s->exec.stdin_fd, s->input.ptr, s->input.len);

		if (len > 0) {
			buf_consume(&s->input, (size_t)len);
		} else if (len < 0 && errno == EAGAIN) {
			io_update(&s->in, IO_WRITE);
			if (s->remote && s->input.len > SERVER_QUEUE_HIGH_BYTES)
				remote_stream_pause(s->remote, REMOTE_STDIN);
			return;
		} else if (len < 0 && errno != EINTR) { /* it has closed its stdin */
			buf_reset(&s->input);
			s->input_ended = true;
		}
	}
	if (io_is_started(&s->in))
		io_update(&s->in, 0);
	if (s->input_ended && s->exec.stdin_fd >= 0) {
		io_stop(&s->in);
		fd_close(&s->exec.stdin_fd);
	}
	if (s->remote)
		remote_stream_resume(s->remote, REMOTE_STDIN);
}

static void in_writable(struct io_watch *watch, int events)
{
	(void)events;
	flush_input(CONTAINER_OF(watch, struct session, in));
}

/* --- exec: life --- */

static void exec_exited(struct container_exec *exec, int exit_code)
{
	struct session *s = CONTAINER_OF(exec, struct session, exec);

	s->running = false;
	io_stop(&s->in);
	io_stop(&s->out);
	io_stop(&s->err);
	drain_out(s, &s->exec.stdout_fd, REMOTE_STDOUT);
	drain_out(s, &s->exec.stderr_fd, REMOTE_STDERR);
	fd_close(&s->exec.stdin_fd);
	session_finish(s, exit_code, NULL);
	session_end_if_idle(s);
}

static void exec_started(struct container_exec *exec, const struct err *err)
{
	struct session *s = CONTAINER_OF(exec, struct session, exec);
	struct env *env = s->kubelet->env;
	struct err watch_err;

	s->starting = false;
	if (err) {
		s->exec.stdin_fd = s->exec.stdout_fd = s->exec.stderr_fd = -1;
		if (exec->exit_code == 126 || exec->exit_code == 127)
			session_finish(s, exec->exit_code, err);
		else
			session_finish(s, 0, err);
		session_end_if_idle(s);
		return;
	}
	s->running = true;
	s->in.fn = in_writable;
	s->out.fn = out_readable;
	s->err.fn = err_readable;
	if ((s->exec.stdin_fd >= 0 && io_start(env, &s->in, s->exec.stdin_fd, 0, &watch_err) < 0) ||
	    (s->exec.stdout_fd >= 0 &&
	     io_start(env, &s->out, s->exec.stdout_fd, IO_READ, &watch_err) < 0) ||
	    (s->exec.stderr_fd >= 0 &&
	     io_start(env, &s->err, s->exec.stderr_fd, IO_READ, &watch_err) < 0) ||
	    !s->remote) {
		container_exec_kill(&s->exec);
		return;
	}
	flush_input(s);
}

static void exec_begin(struct session *s)
{
	s->starting = true;
	s->exec.terminal = s->options.tty;
	s->exec.want_stdin = s->options.has_stdin;
	s->exec.want_stdout = s->options.has_stdout || s->options.tty;
	s->exec.want_stderr = s->options.has_stderr && !s->options.tty;
	s->exec.started = exec_started;
	s->exec.exited = exec_exited;
	container_exec_start(s->kubelet->options.containers, str_from(s->id), &s->exec);
}

/* --- attach --- */

static void attach_input(struct session *s, struct str bytes)
{
	size_t queued;

	if (container_attach_write(&s->attach, bytes, &queued, NULL) == 0 &&
	    queued > SERVER_QUEUE_HIGH_BYTES)
		remote_stream_pause(s->remote, REMOTE_STDIN);
}

static void attach_started(struct container_attach *attach, const struct err *err)
{
	struct session *s = CONTAINER_OF(attach, struct session, attach);

	if (err) {
		s->attached = false;
		session_finish(s, 0, err);
	} else if (!s->remote) {
		container_attach_close(attach);
		s->attached = false;
	} else {
		s->attach_ready = true;
		if (s->exec.rows)
			container_attach_resize(attach, s->exec.rows, s->exec.columns);
		remote_stream_resume(s->remote, REMOTE_STDIN);
		if (s->input.len > 0)
			attach_input(s, buf_str(&s->input));
		buf_reset(&s->input);
		if (s->input_ended)
			container_attach_end_input(attach);
	}
	session_end_if_idle(s);
}

static void attach_output(struct container_attach *attach, int stream, struct str bytes)
{
	struct session *s = CONTAINER_OF(attach, struct session, attach);

	if (!s->remote)
		return;
	remote_stream_send(s->remote, stream == 2 ? REMOTE_STDERR : REMOTE_STDOUT, bytes);
	if (remote_stream_queued_bytes(s->remote) > SERVER_QUEUE_HIGH_BYTES)
		container_attach_pause(attach, true);
}

static void attach_writable(struct container_attach *attach)
{
	struct session *s = CONTAINER_OF(attach, struct session, attach);

	if (s->remote)
		remote_stream_resume(s->remote, REMOTE_STDIN);
}

static void attach_closed(struct container_attach *attach)
{
	struct session *s = CONTAINER_OF(attach, struct session, attach);

	container_attach_close(attach);
	s->attached = s->attach_ready = false;
	session_finish(s, 0, NULL);
	session_end_if_idle(s);
}

static void attach_begin(struct session *s)
{
	s->attached = true;
	s->attach = (struct container_attach){
		.want_stdin = s->options.has_stdin,
		.want_stdout = s->options.has_stdout || s->options.tty,
		.want_stderr = s->options.has_stderr && !s->options.tty,
		.started = attach_started,
		.output = attach_output,
		.writable = attach_writable,
		.closed = attach_closed,
		.owner = s,
	};
	container_attach_start(s->kubelet->options.containers, str_from(s->id), &s->attach);
}

/* --- the client's side --- */

static void on_ready(void *arg, struct remote_stream *r)
{
	struct session *s = arg;

	(void)r;
	if (s->is_attach)
		attach_begin(s);
	else
		exec_begin(s);
}

static void on_resize(struct session *s, struct str bytes)
{
	uint16_t columns, rows;

	if (remote_resize_decode(bytes, &columns, &rows, NULL) < 0)
		return; /* as upstream: a size that makes no sense is ignored */
	s->exec.rows = rows;
	s->exec.columns = columns;
	if (s->attach_ready)
		container_attach_resize(&s->attach, rows, columns);
	else if (s->running)
		container_exec_resize(&s->exec, rows, columns);
}

static void on_data(void *arg, struct remote_stream *r, enum remote_channel channel,
		    struct str bytes)
{
	struct session *s = arg;

	if (channel == REMOTE_RESIZE) {
		on_resize(s, bytes);
		return;
	}
	if (channel != REMOTE_STDIN)
		return;
	if (s->attach_ready) {
		attach_input(s, bytes);
		return;
	}
	buf_put_str(&s->input, bytes);
	if (s->running)
		flush_input(s);
	else if (s->input.len > SERVER_QUEUE_HIGH_BYTES)
		remote_stream_pause(r, REMOTE_STDIN);
}

static void on_channel_closed(void *arg, struct remote_stream *r, enum remote_channel channel)
{
	struct session *s = arg;

	(void)r;
	if (channel != REMOTE_STDIN)
		return;
	if (s->attach_ready)
		container_attach_end_input(&s->attach);
	s->input_ended = true;
	if (s->running)
		flush_input(s);
}

static void on_drained(void *arg, struct remote_stream *r)
{
	struct session *s = arg;

	(void)r;
	if (s->is_attach && s->attached)
		container_attach_pause(&s->attach, false);
	if (io_is_started(&s->out))
		io_update(&s->out, IO_READ);
	if (io_is_started(&s->err))
		io_update(&s->err, IO_READ);
}

static void on_closed(void *arg, struct remote_stream *r)
{
	struct session *s = arg;

	s->remote = NULL;
	remote_stream_free(r);
	/* A program with a terminal or an open stdin has nobody left to talk to. */
	if (s->running && !s->finishing) {
		if (s->options.tty || !s->options.has_stdin)
			container_exec_kill(&s->exec);
		s->input_ended = true;
		buf_reset(&s->input);
		flush_input(s);
	}
	if (s->attached) {
		container_attach_close(&s->attach);
		s->attached = s->attach_ready = false;
	}
	session_end_if_idle(s);
}

static void session_stop(struct client_stream *stream)
{
	struct session *s = CONTAINER_OF(stream, struct session, stream);

	list_remove(&stream->link);
	if (s->running)
		container_exec_kill(&s->exec);
	if (s->remote)
		on_closed(s, s->remote);
}

static const struct remote_stream_events session_events = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_channel_closed = on_channel_closed,
	.on_drained = on_drained,
	.on_closed = on_closed,
};

/* --- requests --- */

/* Either spelling: the kubelet's (input, output, error, tty) and the API's (stdin, stdout, stderr,
 * tty). */
static int stream_options(struct server_request *r, struct remote_stream_options *o,
			  struct err *err)
{
	static const struct {
		struct str key;
		size_t offset;
	} keys[] = {
		{ STR_INIT("input"), offsetof(struct remote_stream_options, has_stdin) },
		{ STR_INIT("stdin"), offsetof(struct remote_stream_options, has_stdin) },
		{ STR_INIT("output"), offsetof(struct remote_stream_options, has_stdout) },
		{ STR_INIT("stdout"), offsetof(struct remote_stream_options, has_stdout) },
		{ STR_INIT("error"), offsetof(struct remote_stream_options, has_stderr) },
		{ STR_INIT("stderr"), offsetof(struct remote_stream_options, has_stderr) },
		{ STR_INIT("tty"), offsetof(struct remote_stream_options, tty) },
	};

	*o = (struct remote_stream_options){ .tty = false };
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		bool *to = (bool *)((char *)o + keys[i].offset), value;

		if (query_get_bool(r->query, keys[i].key, &r->x->arena, &value, err) < 0)
			return -1;
		*to = *to || value;
	}
	if (!o->has_stdin && !o->has_stdout && !o->has_stderr)
		return err_set(err, ERR_BAD_REQUEST,
			       "you must specify at least 1 of stdin, stdout, stderr");
	if (o->tty)
		o->has_stderr = false;
	return 0;
}

static int command_decode(struct server_request *r, struct session *s, struct err *err)
{
	struct str query = r->query, key, value;
	struct str *argv = NULL;
	size_t count = 0, cap = 0;
	int rc;

	while ((rc = query_next(&query, &r->x->arena, &key, &value, err)) > 0) {
		if (!str_eq(key, STR("command")))
			continue;
		if (count == cap) {
			struct str *more = arena_array(&s->arena, cap = cap ? cap * 2 : 8,
						       sizeof(*more));

			if (count)
				memcpy(more, argv, count * sizeof(*argv));
			argv = more;
		}
		argv[count++] = str_in(&s->arena, value);
	}
	s->exec.argv = (struct str_list){ argv, count };
	if (rc == 0 && count == 0)
		return err_set(err, ERR_BAD_REQUEST,
			       "you must specify at least one command for the container");
	return rc;
}

static void serve_session(struct server_request *r, bool is_attach)
{
	struct session *s;
	struct pod *pod;
	struct err err;
	int index;

	pod = server_find(r, &index);
	if (!pod)
		return;
	if (index < 0 || pod->state.containers[index].phase != RUN_RUNNING) {
		server_refuse(r->x, 500, "InternalError",
			      "unable to upgrade connection: container not found (\"" STR_FMT "\")",
			      STR_ARG(index < 0 ? r->parts[2] : pod->spec.containers[index].name));
		return;
	}
	s = NEW(struct session);
	s->kubelet = r->kubelet;
	s->is_attach = is_attach;
	s->exec.stdin_fd = s->exec.stdout_fd = s->exec.stderr_fd = -1;
	arena_init(&s->arena, (size_t)4 << 20);
	buf_init(&s->input, STDIN_QUEUE_MAX + SERVER_QUEUE_HIGH_BYTES);
	memcpy(s->id, pod->state.containers[index].id, sizeof(s->id));
	kubelet_operation_begin(s->kubelet);
	s->stream.end = session_stop;
	list_push_back(&s->kubelet->client_streams, &s->stream.link);
	if (stream_options(r, &s->options, &err) < 0 ||
	    (!is_attach && command_decode(r, s, &err) < 0)) {
		server_refuse(r->x, 400, "BadRequest", "%s", err.msg);
		session_end_if_idle(s);
		return;
	}
	/* A container without a terminal has none to attach to. */
	if (is_attach)
		s->options.tty = s->options.tty &&
				 json_get_bool(pod->spec.containers[index].json, "tty", false);
	s->options.events = &session_events;
	s->options.arg = s;
	if (remote_stream_accept(r->x, &s->options, &s->remote, &err) < 0) {
		s->remote = NULL; /* the exchange was answered */
		session_end_if_idle(s);
	}
}

void serve_exec(struct server_request *r)
{
	serve_session(r, false);
}

void serve_attach(struct server_request *r)
{
	serve_session(r, true);
}
