/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: a call goes through its states by events of its connection, of the name lookup and of
 * timers. Whatever ends it goes through call_end(), once; on_end is always called from a task,
 * never from inside http_client_start. A kept connection that turns out dead before a byte of the
 * answer came is replaced once by a new one. resolving → connecting → asking → head → body → ended
 * (→ resolving, when redirected or retried)
 */
#include "net/http_client_internal.h"
#include "net/limits.h"
#include "net/lookup.h"

#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/num.h"

#define CONNECT_TIMEOUT_MS 15000 /* one address */

/* --- end of a call --- */

static void call_release_source(struct http_call *call)
{
	if (call->has_source && call->request.source->release)
		call->request.source->release(call->request.source->arg);
	call->has_source = call->source_open = false;
}

static void free_call(struct http_call *call)
{
	list_remove(&call->link);
	timer_stop(&call->deadline);
	timer_stop(&call->idle);
	lookup_cancel(call->lookup);
	conn_close(call->conn);
	call_release_source(call);
	arena_deinit(&call->arena);
	mem_free(call);
}

static void run_ended(struct task *task)
{
	struct http_client *c = CONTAINER_OF(task, struct http_client, task);
	struct list *node;

	while ((node = list_pop_front(&c->ended))) {
		struct http_call *call = LIST_ENTRY(node, struct http_call, link);
		const struct http_call_events *events = call->events;

		if (events->on_end)
			events->on_end(call->arg, call, call->failed ? &call->err : NULL);
		free_call(call);
	}
}

void call_end(struct http_call *call)
{
	struct http_client *c = call->client;

	if (call->ended)
		return;
	call->ended = true;
	timer_stop(&call->deadline);
	timer_stop(&call->idle);
	conn_close(call->conn);
	call->conn = NULL;
	list_remove(&call->link);
	list_push_back(&c->ended, &call->link);
	env_defer(c->env, &c->task);
}

/* call->err is filled. */
void call_fail(struct http_call *call)
{
	if (call->ended)
		return;
	call->failed = true;
	if (!call->request.bare_errors)
		(void)err_wrap(&call->err, "%.*s " STR_FMT, (int)NUM_MIN(call->request.method.len, (size_t)16),
			       call->request.method.ptr, STR_ARG(str_slice(call->url_text, 0, 200)));
	call_end(call);
}

static void on_deadline(struct timer *timer)
{
	struct http_call *call = CONTAINER_OF(timer, struct http_call, deadline);

	(void)err_set(&call->err, ERR_TIMEOUT, "not answered within %lld ms", (long long)call->request.deadline_ms);
	call_fail(call);
}

static void on_idle(struct timer *timer)
{
	struct http_call *call = CONTAINER_OF(timer, struct http_call, idle);

	if (call->conn && !call->in_head && !call->in_body && call->address_next < call->address_count) {
		call_connect_next(call); /* this address does not answer */
		return;
	}
	(void)err_set(&call->err, ERR_TIMEOUT, "nothing came for too long");
	call_fail(call);
}

void call_touch(struct http_call *call)
{
	if (call->request.idle_timeout_ms > 0)
		timer_start_slack(&call->idle, call->request.idle_timeout_ms, call->request.idle_timeout_ms / 8);
	else
		timer_stop(&call->idle);
}

/* --- connecting --- */

static int tls_for(struct http_call *call, struct ssl_st **ret)
{
	struct http_client *c = call->client;
	struct tls_client *tls = c->options.tls ? c->options.tls : c->own_tls;
	static const struct tls_client_options system_authorities;

	if (call->url.scheme != URL_HTTPS) {
		*ret = NULL;
		return 0;
	}
	if (!tls) {
		if (tls_client_new(&system_authorities, &c->own_tls, &call->err) < 0)
			return -1;
		tls = c->own_tls;
	}
	return tls_client_session(tls, call->url.host, ret, &call->err);
}

void call_connect_next(struct http_call *call)
{
	struct ssl_st *tls = NULL;
	bool done;
	int fd = -1;

	conn_close(call->conn);
	call->conn = NULL;
	while (fd < 0 && call->address_next < call->address_count)
		fd = address_connect(&call->addresses[call->address_next++], &done, &call->err);
	if (fd < 0 || tls_for(call, &tls) < 0) {
		if (fd >= 0)
			close(fd);
		call_fail(call);
		return;
	}
	call->reused = false;
	timer_start_slack(&call->idle, CONNECT_TIMEOUT_MS, CONNECT_TIMEOUT_MS / 8);
	/* Writable at once when it is connected already: one path for both. */
	call->conn = conn_new_connecting(call->client->pool, fd, tls, &call_conn_events, call);
}

static void on_looked_up(void *arg, const struct address *addresses, size_t count, const struct err *err)
{
	struct http_call *call = arg;

	call->lookup = NULL;
	if (call->ended)
		return; /* timed out meanwhile */
	if (count == 0) {
		call->err = *err;
		call_fail(call);
		return;
	}
	memcpy(call->addresses, addresses, count * sizeof(addresses[0]));
	call->address_count = count;
	call_connect_next(call);
}

static void look_up(struct http_call *call, struct str host, uint16_t port)
{
	struct http_client *client = call->client;

	if (!client->options.resolve_inline) {
		call->lookup = lookup_start(client->env, host, port, on_looked_up, call);
		return;
	}
	if (lookup_now(host, port, call->addresses, &call->address_count, &call->err) < 0)
		call_fail(call);
	else
		call_connect_next(call);
}

/* From the URL: a kept connection, a numeric address, a socket, or a name to be looked up. */
void call_resolve(struct http_call *call)
{
	struct str unix_path = call->request.unix_path;
	bool elsewhere = call->request.connect_host.len > 0;
	struct str host = elsewhere ? call->request.connect_host : call->url.host;
	uint16_t port = elsewhere ? call->request.connect_port : call->url.port;

	if (call->url.scheme == URL_UNIX)
		unix_path = url_unix_path(&call->url, &call->arena);
	call->key = str_printf_in(&call->arena, "%d|" STR_FMT "|%u|" STR_FMT "|" STR_FMT "|%u", (int)call->url.scheme,
				  STR_ARG(call->url.host), call->url.port, STR_ARG(unix_path), STR_ARG(host), port);
	call->in_head = call->in_body = call->answered = false;
	call->address_count = call->address_next = 0;
	if (!call->retried && (call->conn = call_take_kept(call))) {
		call->reused = true;
		conn_set_events(call->conn, &call_conn_events, call);
		call_ask(call);
		return;
	}
	if (unix_path.len > 0) {
		if (address_from_unix(unix_path, &call->addresses[0], &call->err) < 0) {
			call_fail(call);
			return;
		}
		call->address_count = 1;
		call_connect_next(call);
	} else if (host.len > 0 && address_from_ip(host, port, &call->addresses[0], NULL) == 0) {
		call->address_count = 1;
		call_connect_next(call);
	} else {
		look_up(call, host, port);
	}
}

/* --- interface --- */

struct http_client *http_client_new(const struct http_client_options *options)
{
	struct http_client *c = NEW(struct http_client);

	c->options = *options;
	c->env = options->env;
	if (c->options.idle_max == 0)
		c->options.idle_max = HTTP_POOL_IDLE_MAX;
	c->user_agent = str_dup_c(options->user_agent.len > 0 ? options->user_agent : STR("cube"));
	c->pool = conn_pool_new(c->env);
	list_init(&c->idle);
	list_init(&c->calls);
	list_init(&c->ended);
	task_init(&c->task, run_ended);
	return c;
}

void http_client_free(struct http_client *c)
{
	struct list *node;

	if (!c)
		return;
	while ((node = list_first(&c->calls)))
		free_call(LIST_ENTRY(node, struct http_call, link));
	while ((node = list_first(&c->ended)))
		free_call(LIST_ENTRY(node, struct http_call, link));
	http_pool_clear(c);
	env_cancel(c->env, &c->task);
	conn_pool_free(c->pool);
	tls_client_free(c->own_tls);
	mem_free(c->user_agent);
	mem_free(c);
}

static void copy_request(struct http_call *call, const struct http_request *from)
{
	struct http_request *to = &call->request;
	struct arena *arena = &call->arena;

	*to = *from;
	to->method = from->method.len > 0 ? str_in(arena, from->method) : STR("GET");
	to->url = str_in(arena, from->url);
	to->bearer_token = str_in(arena, from->bearer_token);
	to->basic_user = str_in(arena, from->basic_user);
	to->basic_password = str_in(arena, from->basic_password);
	to->unix_path = str_in(arena, from->unix_path);
	to->connect_host = str_in(arena, from->connect_host);
	to->headers.list = arena_array(arena, from->headers.count + 1, sizeof(struct http_header));
	for (size_t i = 0; i < from->headers.count; i++) {
		to->headers.list[i].name = str_in(arena, from->headers.list[i].name);
		to->headers.list[i].value = str_in(arena, from->headers.list[i].value);
	}
	if (from->source) {
		struct http_source *source = ARENA_NEW(arena, struct http_source);

		*source = *from->source;
		call->has_source = true;
		to->source = source;
	}
}

/* What would let a caller's text break the request apart. */
static int check_request(const struct http_request *r, struct err *err)
{
	if (!http_is_token(r->method))
		return err_set(err, ERR_BAD_REQUEST, "invalid method");
	for (size_t i = 0; i < r->headers.count; i++) {
		if (!http_is_token(r->headers.list[i].name) || !http_is_value(r->headers.list[i].value))
			return err_set(err, ERR_BAD_REQUEST, "invalid header '" STR_FMT "'",
				       STR_ARG(r->headers.list[i].name));
	}
	return http_is_value(r->bearer_token) ? 0 : err_set(err, ERR_BAD_REQUEST, "invalid token");
}

struct http_call *http_client_start(struct http_client *c, const struct http_request *request,
				    const struct http_call_events *events, void *arg)
{
	struct http_call *call = NEW(struct http_call);

	call->client = c;
	call->events = events;
	call->arg = arg;
	list_push_back(&c->calls, &call->link);
	arena_init(&call->arena, HTTP_CALL_BYTES_MAX);
	timer_init(&call->deadline, c->env, on_deadline);
	timer_init(&call->idle, c->env, on_idle);
	copy_request(call, request);
	call->url_text = call->request.url;
	if (url_parse(call->url_text, &call->url, &call->err) < 0 || check_request(&call->request, &call->err) < 0) {
		call_fail(call);
		return call;
	}
	if (request->deadline_ms > 0)
		timer_start(&call->deadline, request->deadline_ms);
	call_resolve(call);
	return call;
}

/* The memory goes in a later turn: this may be called from inside an event of the call. */
void http_call_cancel(struct http_call *call)
{
	static const struct http_call_events none;

	call->events = &none;
	call_end(call);
	call_release_source(call);
}

void http_call_pause(struct http_call *call)
{
	call->paused = true;
	if (call->conn)
		conn_pause(call->conn);
}

void http_call_resume(struct http_call *call)
{
	if (!call->paused)
		return;
	call->paused = false;
	if (!call->conn || call->ended)
		return;
	if (call->in_body && call->complete) {
		call_answer_complete(call, true);
		return;
	}
	conn_resume(call->conn);
}
