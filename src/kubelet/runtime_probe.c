/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One attempt of a probe or hook on the real machine: exec through the container service, HTTP and
 * TCP over sockets on the loop. Texts of failures are upstream's, because events carry them. Each
 * attempt ends exactly once: by its answer or by its time being up.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "api/version.h"
#include "base/mem.h"
#include "base/num.h"
#include "kubelet/limits.h"
#include "kubelet/runtime_internal.h"
#include "net/address.h"
#include "net/http_client.h"
#include "net/tls.h"

#define PROBE_REDIRECTS_MAX 10

struct attempt {
	struct runtime *runtime;
	struct runtime_probe *op;
	struct arena arena;
	struct timer deadline;
	struct task begin;
	/* exec */
	struct container_exec exec;
	struct io_watch out, err;
	bool exec_started, timed_out;
	/* HTTP */
	struct http_call *call;
	int status;
	char url[2048];
	/* TCP */
	struct io_watch connecting;
	int fd;
	struct buf output;
};

static void attempt_end(struct attempt *a, enum runtime_probe_result result, const struct err *err)
{
	struct runtime_probe *op = a->op;
	AUTO_FREE char *text = NULL;
	struct err kept;

	if (err)
		kept = *err;
	timer_stop(&a->deadline);
	io_stop(&a->connecting);
	fd_close(&a->fd);
	if (a->call)
		http_call_cancel(a->call);
	text = str_dup_c(str_slice(buf_str(&a->output), 0, KUBELET_PROBE_BODY_BYTES_MAX));
	buf_deinit(&a->output);
	arena_deinit(&a->arena);
	mem_free(a);
	op->ret_result = result;
	op->ret_output = str_from(text);
	op->op.done(&op->op, err ? &kept : NULL);
}

/* --- exec --- */

static void exec_drain(struct attempt *a, int fd)
{
	char bytes[4096];
	ssize_t len;

	while (fd >= 0 && (len = read(fd, bytes, sizeof(bytes))) > 0)
		buf_put(&a->output, bytes,
			NUM_MIN((size_t)len, KUBELET_EXEC_OUTPUT_BYTES_MAX - a->output.len));
}

static void out_readable(struct io_watch *watch, int events)
{
	struct attempt *a = CONTAINER_OF(watch, struct attempt, out);

	exec_drain(a, a->exec.stdout_fd);
	if (events & IO_HANGUP)
		io_stop(watch);
}

static void err_readable(struct io_watch *watch, int events)
{
	struct attempt *a = CONTAINER_OF(watch, struct attempt, err);

	exec_drain(a, a->exec.stderr_fd);
	if (events & IO_HANGUP)
		io_stop(watch);
}

static void exec_exited(struct container_exec *exec, int exit_code)
{
	struct attempt *a = CONTAINER_OF(exec, struct attempt, exec);

	io_stop(&a->out);
	io_stop(&a->err);
	exec_drain(a, a->exec.stdout_fd);
	exec_drain(a, a->exec.stderr_fd);
	fd_close(&a->exec.stdout_fd);
	fd_close(&a->exec.stderr_fd);
	if (a->timed_out) {
		buf_reset(&a->output);
		buf_put_c(&a->output, "command timed out");
	}
	a->op->ret_exit_code = exit_code;
	attempt_end(a, exit_code == 0 && !a->timed_out ? PROBE_SUCCESS : PROBE_FAILURE, NULL);
}

static void exec_started(struct container_exec *exec, const struct err *err)
{
	struct attempt *a = CONTAINER_OF(exec, struct attempt, exec);

	if (err && (exec->exit_code == 126 || exec->exit_code == 127)) {
		buf_put_c(&a->output, err->msg);
		attempt_end(a, PROBE_FAILURE, NULL);
		return;
	}
	if (err) {
		attempt_end(a, PROBE_UNKNOWN, err);
		return;
	}
	a->exec_started = true;
	a->out.fn = out_readable;
	a->err.fn = err_readable;
	if (a->timed_out)
		container_exec_kill(&a->exec);
	if (io_start(a->runtime->env, &a->out, exec->stdout_fd, IO_READ, NULL) < 0 ||
	    io_start(a->runtime->env, &a->err, exec->stderr_fd, IO_READ, NULL) < 0)
		container_exec_kill(&a->exec); /* unread pipes would hold it up */
}

static void exec_begin(struct attempt *a)
{
	a->exec = (struct container_exec){
		.argv = { a->op->command, a->op->command_count },
		.want_stdout = true,
		.want_stderr = true,
		.started = exec_started,
		.exited = exec_exited,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
	};
	container_exec_start(a->runtime->containers, a->op->container_id, &a->exec);
}

/* --- HTTP --- */

static void http_headers(void *arg, struct http_call *call, const struct http_reply *reply)
{
	struct attempt *a = arg;

	(void)call;
	a->status = reply->status;
}

static void http_body(void *arg, struct http_call *call, struct str bytes)
{
	struct attempt *a = arg;

	(void)call;
	if (a->output.len < KUBELET_PROBE_BODY_BYTES_MAX)
		buf_put_str(&a->output,
			    str_slice(bytes, 0, KUBELET_PROBE_BODY_BYTES_MAX - a->output.len));
}

static void http_end_event(void *arg, struct http_call *call, const struct err *err)
{
	struct attempt *a = arg;
	bool good = a->status >= 200 && a->status < 400;

	(void)call;
	a->call = NULL;
	if (a->status == 0 && err) {
		buf_reset(&a->output);
		buf_printf(&a->output, "Get \"%s\": %s", a->url, err->msg);
		attempt_end(a, PROBE_FAILURE, NULL);
		return;
	}
	if (!good && !a->op->discard_status) {
		buf_reset(&a->output);
		buf_printf(&a->output, "HTTP probe failed with statuscode: %d", a->status);
	}
	attempt_end(a, good || a->op->discard_status ? PROBE_SUCCESS : PROBE_FAILURE, NULL);
}

static const struct http_call_events http_events = {
	.on_headers = http_headers,
	.on_body = http_body,
	.on_end = http_end_event,
};

static int http_client_ready(struct runtime *r, struct err *err)
{
	struct tls_client_options tls = {
		.insecure = true
	}; /* probes do not verify, as upstream's */
	struct http_client_options options = { .env = r->env,
					       .user_agent = STR("kube-probe/" KUBERNETES_MAJOR
								 "." KUBERNETES_MINOR) };

	if (r->http)
		return 0;
	if (tls_client_new(&tls, &r->tls, err) < 0)
		return -1;
	options.tls = r->tls;
	options.idle_max = 1; /* a probe tests that a new connection works */
	r->http = http_client_new(&options);
	return 0;
}

static struct str authority_of(struct attempt *a)
{
	bool v6 = str_find_char(a->op->host, ':', 0) != SIZE_MAX;

	return str_printf_in(&a->arena, v6 ? "[" STR_FMT "]:%u" : STR_FMT ":%u",
			     STR_ARG(a->op->host), a->op->port);
}

static void http_begin(struct attempt *a)
{
	struct http_header *headers = arena_array(&a->arena, a->op->header_count + 3,
						  sizeof(*headers));
	struct http_request request = { .method = STR("GET"), .redirect_max = PROBE_REDIRECTS_MAX };
	struct str path = a->op->path;
	bool has_accept = false;
	struct err err;

	if (http_client_ready(a->runtime, &err) < 0) {
		attempt_end(a, PROBE_UNKNOWN, &err);
		return;
	}
	if (str_is_empty(path) || path.ptr[0] != '/')
		path = str_printf_in(&a->arena, "/" STR_FMT, STR_ARG(path));
	request.url = str_printf_in(&a->arena, "%s://" STR_FMT STR_FMT,
				    a->op->https ? "https" : "http", STR_ARG(authority_of(a)),
				    STR_ARG(path));
	if (str_copy_to(str_slice(request.url, 0, sizeof(a->url) - 1), a->url, sizeof(a->url)) < 0)
		a->url[0] = 0;
	for (size_t i = 0; i < a->op->header_count; i++) {
		headers[request.headers.count++] = HTTP_HEADER(a->op->headers[i].name,
							       a->op->headers[i].value);
		has_accept = has_accept || str_eq_nocase(a->op->headers[i].name, STR("Accept"));
	}
	if (!has_accept)
		headers[request.headers.count++] = HTTP_HEADER(STR("Accept"), STR("*/*"));
	headers[request.headers.count++] = HTTP_HEADER(STR("Connection"), STR("close"));
	request.headers.list = headers;
	a->call = http_client_start(a->runtime->http, &request, &http_events, a);
}

/* --- TCP --- */

static void tcp_failed(struct attempt *a, int error)
{
	buf_printf(&a->output, "dial tcp " STR_FMT ": connect: %s", STR_ARG(authority_of(a)),
		   error == ECONNREFUSED ? "connection refused" : strerror(error));
	attempt_end(a, PROBE_FAILURE, NULL);
}

static void tcp_ready(struct io_watch *watch, int events)
{
	struct attempt *a = CONTAINER_OF(watch, struct attempt, connecting);
	socklen_t len = sizeof(int);
	int error = 0;

	(void)events;
	if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error)
		tcp_failed(a, error);
	else
		attempt_end(a, PROBE_SUCCESS, NULL);
}

static void tcp_begin(struct attempt *a)
{
	struct address address;
	struct err err;
	bool done;

	if (address_from_ip(a->op->host, a->op->port, &address, &err) < 0) {
		attempt_end(a, PROBE_UNKNOWN, &err);
		return;
	}
	a->fd = address_connect(&address, &done, &err);
	if (a->fd < 0) {
		tcp_failed(a, err.os_errno ? err.os_errno : EIO);
		return;
	}
	if (done) {
		attempt_end(a, PROBE_SUCCESS, NULL);
		return;
	}
	a->connecting.fn = tcp_ready;
	if (io_start(a->runtime->env, &a->connecting, a->fd, IO_WRITE, &err) < 0)
		attempt_end(a, PROBE_UNKNOWN, &err);
}

/* --- all --- */

static void attempt_late(struct timer *timer)
{
	struct attempt *a = CONTAINER_OF(timer, struct attempt, deadline);

	switch (a->op->kind) {
	case PROBE_EXEC: /* ends with the program */
		a->timed_out = true;
		if (a->exec_started)
			container_exec_kill(&a->exec);
		return;
	case PROBE_HTTP:
		buf_reset(&a->output);
		buf_printf(&a->output,
			   "Get \"%s\": context deadline exceeded (Client.Timeout exceeded while "
			   "awaiting headers)",
			   a->url);
		break;
	case PROBE_TCP:
	case PROBE_GRPC:
		buf_printf(&a->output, "dial tcp " STR_FMT ": i/o timeout",
			   STR_ARG(authority_of(a)));
		break;
	}
	attempt_end(a, PROBE_FAILURE, NULL);
}

static void attempt_begin(struct task *task)
{
	struct attempt *a = CONTAINER_OF(task, struct attempt, begin);
	struct err err;

	switch (a->op->kind) {
	case PROBE_EXEC:
		exec_begin(a);
		break;
	case PROBE_HTTP:
		http_begin(a);
		break;
	case PROBE_TCP:
		tcp_begin(a);
		break;
	case PROBE_GRPC:
		(void)err_set(&err, ERR_UNSUPPORTED,
			      "gRPC probes are not supported yet"); /* always -1 */
		attempt_end(a, PROBE_UNKNOWN, &err);
		break;
	}
}

void runtime_probe(struct pod_runtime *rt, struct runtime_probe *op)
{
	struct attempt *a = NEW(struct attempt);

	a->runtime = runtime_of(rt);
	a->op = op;
	a->fd = -1;
	arena_init(&a->arena, (size_t)1 << 20);
	buf_init(&a->output, KUBELET_EXEC_OUTPUT_BYTES_MAX);
	timer_init(&a->deadline, a->runtime->env, attempt_late);
	timer_start(&a->deadline, NUM_MAX(op->timeout_ms, INT64_C(1)));
	task_init(&a->begin, attempt_begin);
	env_defer(a->runtime->env, &a->begin); /* done never comes from inside the call */
}

void runtime_probe_close(struct runtime *r)
{
	if (r->http)
		http_client_free(r->http);
	tls_client_free(r->tls);
}
