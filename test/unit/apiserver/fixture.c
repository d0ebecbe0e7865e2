/* SPDX-License-Identifier: Apache-2.0 */
/* A server and a plain HTTP/1.1 connection to it, on one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fixture.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "apiserver/user.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/time.h"

#define WAIT_MS 20000

static void free_user(void *user)
{
	user_free(user);
}

/* What a certificate would have said. */
static void on_request(void *arg, struct http_exchange *x)
{
	struct http_fixture *f = arg;
	struct str groups[2] = { STR("system:authenticated"), str_from(f->group) };

	if (f->user && !x->peer->attachment) {
		x->peer->attachment = user_new(str_from(f->user), groups, f->group ? 2 : 1);
		x->peer->attachment_free = free_user;
	}
	apiserver_http_handlers()->on_request(f->apiserver, x);
}

static void on_headers(void *arg, struct http_exchange *x)
{
	struct http_fixture *f = arg;

	apiserver_http_handlers()->on_headers(f->apiserver, x);
}

static void on_limit(struct timer *t)
{
	struct http_fixture *f = CONTAINER_OF(t, struct http_fixture, limit);

	f->timed_out = true;
	loop_stop(f->loop);
}

static bool is_complete(struct http_fixture *f)
{
	struct str all = buf_str(&f->received);
	size_t end = str_find(all, STR("\r\n\r\n"), 0), at;

	if (f->want_text)
		return str_contains(all, str_from(f->want_text));
	if (end == SIZE_MAX)
		return false;
	at = str_find(all, STR("Content-Length: "), 0);
	if (at == SIZE_MAX)
		at = str_find(all, STR("content-length: "), 0);
	if (at != SIZE_MAX && at < end)
		return all.len >= end + 4 + strtoul(all.ptr + at + 16, NULL, 10);
	return str_has_suffix(all, STR("0\r\n\r\n")) || str_has_prefix(all, STR("HTTP/1.1 304"));
}

static void on_readable(struct io_watch *w, int events)
{
	struct http_fixture *f = CONTAINER_OF(w, struct http_fixture, watch);
	char bytes[65536];
	ssize_t n = read(f->fd, bytes, sizeof(bytes));

	if (n > 0)
		buf_put(&f->received, bytes, (size_t)n);
	if (n <= 0 || is_complete(f))
		loop_stop(f->loop);
}

static void wait_complete(struct http_fixture *f)
{
	struct err err = { 0 };

	if (f->want_text && is_complete(f))
		return;
	f->timed_out = false;
	timer_init(&f->limit, f->env, on_limit);
	timer_start(&f->limit, WAIT_MS);
	f->watch = (struct io_watch){ .fn = on_readable };
	assert_int_equal(io_start(f->env, &f->watch, f->fd, IO_READ, &err), 0);
	loop_run(f->loop);
	io_stop(&f->watch);
	timer_stop(&f->limit);
	assert_false(f->timed_out);
}

void http_fixture_connect(struct http_fixture *f, struct http_fixture *of)
{
	int fds[2];
	struct err err = { 0 };

	if (of != f)
		*f = (struct http_fixture){ .loop = of->loop,
					    .env = of->env,
					    .server = of->server };
	buf_init(&f->received, (size_t)64 << 20);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	f->fd = fds[0];
	assert_int_equal(http_server_adopt(f->server, fds[1], &err), 0);
}

void http_fixture_disconnect(struct http_fixture *f)
{
	fd_close(&f->fd);
	buf_deinit(&f->received);
}

static void on_ready(void *arg, const struct err *err)
{
	struct http_fixture *f = arg;

	if (err)
		print_message("%s\n", err->msg);
	assert_null(err);
	loop_stop(f->loop);
}

void http_fixture_open(struct http_fixture *f)
{
	http_fixture_open_with(f, (struct apiserver_options){ 0 });
}

void http_fixture_open_with(struct http_fixture *f, struct apiserver_options options)
{
	struct http_server_options http = { 0 };
	struct err err = { 0 };

	*f = (struct http_fixture){ .fd = -1, .user = "admin", .group = "system:masters" };
	f->loop = loop_new();
	f->env = loop_env(f->loop);
	f->disk = store_disk_new();
	assert_int_equal(store_open_memory(f->env, f->disk, NULL, &f->store, &err), 0);
	options.env = f->env;
	options.store = f->store;
	if (!options.service_cidr.len)
		options.service_cidr = STR("10.96.0.0/24");
	options.advertise_address = STR("192.0.2.1");
	options.secure_port = 6443;
	assert_int_equal(apiserver_new(&options, &f->apiserver, &err), 0);
	apiserver_start(f->apiserver, on_ready, f);
	if (!apiserver_is_ready(f->apiserver))
		loop_run(f->loop);
	assert_true(apiserver_is_ready(f->apiserver));
	f->handlers = (struct http_handlers){ .on_headers = on_headers, .on_request = on_request };
	http = (struct http_server_options){ .env = f->env, .handlers = &f->handlers, .arg = f };
	f->server = http_server_new(&http);
	http_fixture_connect(f, f);
}

void http_fixture_close(struct http_fixture *f)
{
	http_fixture_disconnect(f);
	http_server_free(f->server);
	store_close(f->store);
	apiserver_free(f->apiserver);
	store_disk_free(f->disk);
	loop_free(f->loop);
}

void http_fixture_send(struct http_fixture *f, const char *method, const char *path,
		       const char *headers, const char *body)
{
	AUTO_BUF out = { 0 };
	struct err err = { 0 };

	buf_init(&out, (size_t)16 << 20);
	buf_printf(&out, "%s %s HTTP/1.1\r\nHost: x\r\n%s", method, path, headers ? headers : "");
	if (body)
		buf_printf(&out, "Content-Length: %zu\r\n", strlen(body));
	buf_printf(&out, "\r\n%s", body ? body : "");
	buf_reset(&f->received);
	assert_int_equal(fd_set_nonblock(f->fd, false, &err), 0);
	assert_int_equal(fd_write_all(f->fd, out.ptr, out.len, &err), 0);
	assert_int_equal(fd_set_nonblock(f->fd, true, &err), 0);
}

int http_fixture_do(struct http_fixture *f, const char *method, const char *path,
		    const char *headers, const char *body, const char **ret_body)
{
	size_t end;

	http_fixture_send(f, method, path, headers, body);
	f->want_text = NULL;
	wait_complete(f);
	end = str_find(buf_str(&f->received), STR("\r\n\r\n"), 0);
	assert_true(end != SIZE_MAX);
	if (ret_body)
		*ret_body = f->received.ptr + end + 4;
	return (int)strtol(f->received.ptr + sizeof("HTTP/1.1 ") - 1, NULL, 10);
}

#define PATIENCE_NS (60 * TIME_NS_PER_SECOND)

void http_fixture_until(struct http_fixture *f, const char *path, int status, const char *text)
{
	int64_t end = env_mono_ns(f->env) + PATIENCE_NS;
	const char *body;

	while (http_fixture_do(f, "GET", path, NULL, NULL, &body) != status ||
	       (text && !strstr(body, text)))
		assert_true(env_mono_ns(f->env) < end);
}

const char *http_fixture_head(struct http_fixture *f)
{
	return f->received.ptr;
}

void http_fixture_stream(struct http_fixture *f, const char *path, const char *text)
{
	http_fixture_send(f, "GET", path, NULL, NULL);
	http_fixture_wait(f, text);
}

void http_fixture_wait(struct http_fixture *f, const char *text)
{
	f->want_text = text;
	wait_complete(f);
	f->want_text = NULL;
}

/* --- audit --- */

void run_step(struct http_fixture *f, const struct step *step)
{
	const char *answer, *headers = "Content-Type: application/json\r\n";
	char body[8192], want[2048];
	int status;

	if (!strcmp(step->method, "PATCH"))
		headers = "Content-Type: application/merge-patch+json\r\n";
	snprintf(body, sizeof(body), "%s", step->body ? step->body : "");
	for (char *c = body; *c; c++)
		*c = *c == '\'' ? '"' : *c == '`' ? '\'' : *c;
	status = http_fixture_do(f, step->method, step->path, step->body ? headers : NULL,
				 step->body ? body : NULL, &answer);
	snprintf(want, sizeof(want), "%s", step->want ? step->want : "");
	for (char *c = want; *c; c++)
		*c = *c == '`' ? '\'' : *c;
	if (status != step->status || !strstr(answer, want))
		fail_msg("%s %s %s\nwant %d %s\n got %d %s", step->method, step->path, body,
			 step->status, want, status, answer);
	if (step->warning && !strstr(http_fixture_head(f), step->warning))
		fail_msg("%s %s\nwant %s\n got %s", step->method, step->path, step->warning,
			 http_fixture_head(f));
}

void run_steps(const struct step *steps, size_t count)
{
	struct http_fixture f;

	http_fixture_open(&f);
	for (size_t i = 0; i < count; i++)
		run_step(&f, &steps[i]);
	http_fixture_close(&f);
}

void audited_init(struct audited *a, const char *policy)
{
	int fd;

	*a = (struct audited){ 0 };
	(void)snprintf(a->path, sizeof(a->path), "/tmp/cube-audit.XXXXXX"); /* fits */
	fd = mkstemp(a->path);
	assert_true(fd >= 0);
	close(fd);
	buf_init(&a->text, 1u << 24);
	a->policy = json_parse(str_from(policy), SIZE_MAX, NULL);
	a->log.path = a->path;
	a->options.policy = yyjson_doc_get_root(a->policy);
	a->options.log = &a->log;
}

void audited_deinit(struct audited *a)
{
	json_free(a->policy);
	buf_deinit(&a->text);
	unlink(a->path);
}

static void read_log(struct audited *a)
{
	FILE *file = fopen(a->path, "r");
	char block[65536];
	size_t len;

	assert_non_null(file);
	buf_reset(&a->text);
	while ((len = fread(block, 1, sizeof(block), file)) > 0)
		buf_put(&a->text, block, len);
	fclose(file);
	buf_put_char(&a->text, '\0');
}

void audited_expect(struct audited *a, struct http_fixture *f, const char *part)
{
	const char *answer;

	for (int i = 0; i < 2000; i++) {
		read_log(a);
		if (strstr(a->text.ptr, part))
			return;
		assert_int_equal(http_fixture_do(f, "GET", "/version", NULL, NULL, &answer), 200);
	}
	fail_msg("no %s in %s", part, a->text.ptr);
}
