/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: a call goes through its states by events of its connection, of the name lookup and of
 * timers. Whatever ends it goes through end_call(), once; on_end is always called from a task,
 * never from inside http_client_start. A kept connection that turns out dead before a byte of the
 * answer came is replaced once by a new one. resolving → connecting → asking → head → body → ended
 * (→ resolving, when redirected or retried)
 */
#include "net/http_client.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/address.h"
#include "net/llhttp_names.h"

#define ADDRESSES_MAX 8
#define CONNECT_TIMEOUT_MS 15000 /* one address */
#define POOL_KEEP_MS 60000
#define QUEUE_HIGH_BYTES (256u << 10)
#define SOURCE_PIECES 64
#define CALL_ARENA_MAX ((size_t)16 << 20)

struct http_client {
	struct http_client_options options;
	struct env *env;
	struct conn_pool *pool;
	struct tls_client *own_tls; /* system authorities */
	char *user_agent;
	struct list idle;           /* longest idle first */
	size_t idle_count;
	struct list calls;
	struct list ended;          /* calls whose on_end is due */
	struct task task;
};

struct idle_conn {
	struct http_client *client;
	struct list link;
	struct conn *conn;
	struct timer timer;
	struct str key;
};

/* Lives on its own: the call may be cancelled while a thread looks the name up. */
struct lookup {
	struct work work;
	struct http_call *call; /* NULL: nobody waits any more */
	char *host;
	uint16_t port;
	struct address addresses[ADDRESSES_MAX];
	size_t count;
	int failure;
};

struct http_call {
	struct http_client *client;
	const struct http_call_events *events;
	void *arg;
	struct list link;
	struct arena arena;
	struct http_request request; /* everything but pieces copied into the arena */
	struct str url_text;
	struct url url;
	struct str key;              /* of the pool: scheme, host, port */
	struct lookup *lookup;
	struct address addresses[ADDRESSES_MAX];
	size_t address_count, address_next;
	struct conn *conn;
	llhttp_t parser;
	struct http_reply reply;
	size_t header_cap;
	size_t scanned_bytes;
	uint64_t source_left_bytes;
	int redirect_count;
	struct timer deadline, idle;
	struct err err;
	bool has_deadline, reused, retried, answered, has_source, source_open, drop_credentials, replace_method;
	bool in_head, in_body, complete, keep_alive, in_parser, paused, ended, failed, redirecting, no_body;
};

static void connect_next(struct http_call *call);
static void resolve(struct http_call *call);

/* --- end of a call --- */

static void release_source(struct http_call *call)
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
	if (call->lookup)
		call->lookup->call = NULL;
	conn_close(call->conn);
	release_source(call);
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

static void end_call(struct http_call *call)
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
static void fail(struct http_call *call)
{
	if (call->ended)
		return;
	call->failed = true;
	(void)err_wrap(&call->err, "%.*s " STR_FMT, (int)NUM_MIN(call->request.method.len, (size_t)16),
		       call->request.method.ptr, STR_ARG(str_slice(call->url_text, 0, 200)));
	end_call(call);
}

static void on_deadline(struct timer *timer)
{
	struct http_call *call = CONTAINER_OF(timer, struct http_call, deadline);

	(void)err_set(&call->err, ERR_TIMEOUT, "not answered within %lld ms", (long long)call->request.deadline_ms);
	fail(call);
}

static void on_idle(struct timer *timer)
{
	struct http_call *call = CONTAINER_OF(timer, struct http_call, idle);

	if (call->conn && !call->in_head && !call->in_body && call->address_next < call->address_count) {
		connect_next(call); /* this address does not answer */
		return;
	}
	(void)err_set(&call->err, ERR_TIMEOUT, "nothing came for too long");
	fail(call);
}

static void touch(struct http_call *call)
{
	if (call->request.idle_timeout_ms > 0)
		timer_start_slack(&call->idle, call->request.idle_timeout_ms, call->request.idle_timeout_ms / 8);
	else
		timer_stop(&call->idle);
}

/* --- pool --- */

static void drop_idle(struct idle_conn *kept)
{
	timer_stop(&kept->timer);
	list_remove(&kept->link);
	kept->client->idle_count--;
	mem_free((void *)kept->key.ptr);
	mem_free(kept);
}

static void on_kept_too_long(struct timer *timer)
{
	struct idle_conn *kept = CONTAINER_OF(timer, struct idle_conn, timer);
	struct conn *conn = kept->conn;

	drop_idle(kept);
	conn_close(conn);
}

static size_t on_idle_read(void *arg, struct conn *conn, struct str bytes)
{
	drop_idle(arg);
	conn_close(conn); /* an answer to nothing */
	return bytes.len;
}

static void on_idle_closed(void *arg, struct conn *conn, const struct err *err)
{
	drop_idle(arg);
	conn_close(conn);
}

static const struct conn_events idle_events = { .on_read = on_idle_read, .on_closed = on_idle_closed };

static void keep(struct http_call *call)
{
	struct http_client *c = call->client;
	struct idle_conn *kept;

	if (c->idle_count >= c->options.idle_max) {
		struct idle_conn *oldest = LIST_ENTRY(list_first(&c->idle), struct idle_conn, link);
		struct conn *conn = oldest->conn;

		drop_idle(oldest);
		conn_close(conn);
	}
	kept = NEW(struct idle_conn);
	kept->client = c;
	kept->conn = call->conn;
	kept->key = str_dup(call->key);
	list_push_back(&c->idle, &kept->link);
	c->idle_count++;
	timer_init(&kept->timer, c->env, on_kept_too_long);
	timer_start_slack(&kept->timer, POOL_KEEP_MS, POOL_KEEP_MS / 4);
	conn_set_events(call->conn, &idle_events, kept);
	call->conn = NULL;
}

static struct conn *take_kept(struct http_call *call)
{
	struct http_client *c = call->client;

	for (struct list *node = c->idle.prev; node != &c->idle; node = node->prev) {
		struct idle_conn *kept = LIST_ENTRY(node, struct idle_conn, link);
		struct conn *conn = kept->conn;

		if (!str_eq(kept->key, call->key) || conn_is_broken(conn))
			continue;
		drop_idle(kept);
		return conn;
	}
	return NULL;
}

/* --- answer --- */

static struct http_call *of_parser(llhttp_t *parser)
{
	return CONTAINER_OF(parser, struct http_call, parser);
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
	struct http_call *call = of_parser(parser);
	struct http_headers *h = &call->reply.headers;

	if (h->count >= 4 * HTTP_HEADER_COUNT_MAX)
		return -1;
	if (h->count == call->header_cap) {
		size_t cap = call->header_cap ? call->header_cap * 2 : 16;
		struct http_header *list = arena_array(&call->arena, cap, sizeof(*list));

		if (h->count > 0)
			memcpy(list, h->list, h->count * sizeof(*list));
		h->list = list;
		call->header_cap = cap;
	}
	h->list[h->count++] = HTTP_HEADER(str_sub(at, len), STR_NONE);
	return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
	struct http_headers *h = &of_parser(parser)->reply.headers;

	if (h->count == 0 || h->list[h->count - 1].value.ptr)
		return -1;
	h->list[h->count - 1].value = str_trim(str_sub(at, len));
	return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
	struct http_call *call = of_parser(parser);

	call->reply.status = llhttp_get_status_code(parser);
	call->reply.length_bytes = (parser->flags & F_CONTENT_LENGTH) ? (int64_t)parser->content_length : -1;
	call->reply.url = call->url_text;
	call->no_body = str_eq(call->request.method, STR("HEAD"));
	call->keep_alive = llhttp_should_keep_alive(parser);
	return call->no_body ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
	struct http_call *call = of_parser(parser);

	if (call->redirecting)
		return 0;
	if (call->events->on_body)
		call->events->on_body(call->arg, call, str_sub(at, len));
	return call->paused || call->ended ? HPE_PAUSED : 0;
}

static int on_message_complete(llhttp_t *parser)
{
	of_parser(parser)->complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t parser_settings = {
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

static bool is_redirect(const struct http_call *call)
{
	int status = call->reply.status;

	return call->request.redirect_max > 0 && http_header_get(&call->reply.headers, STR("Location")).ptr &&
	       (status == 301 || status == 302 || status == 303 || status == 307 || status == 308);
}

/* Starts again at the Location. */
static void follow(struct http_call *call)
{
	struct str location = http_header_get(&call->reply.headers, STR("Location"));
	int status = call->reply.status;
	struct url url;

	call->redirecting = false;
	if (++call->redirect_count > NUM_MIN(call->request.redirect_max, HTTP_REDIRECTS_MAX)) {
		(void)err_set(&call->err, ERR_INTERNAL, "stopped after %d redirects", call->redirect_count - 1);
		fail(call);
		return;
	}
	if (url_resolve(&call->url, location, &call->arena, &call->url_text, &call->err) < 0 ||
	    url_parse(call->url_text, &url, &call->err) < 0) {
		fail(call);
		return;
	}
	if ((status == 307 || status == 308) && call->request.source) {
		(void)err_set(&call->err, ERR_UNSUPPORTED, "redirected, but the body cannot be sent twice");
		fail(call);
		return;
	}
	if (url.scheme != call->url.scheme || url.port != call->url.port || !str_eq(url.host, call->url.host))
		call->drop_credentials = true;
	call->url = url;
	if (status == 303 || ((status == 301 || status == 302) && str_eq(call->request.method, STR("POST")))) {
		if (!str_eq(call->request.method, STR("HEAD")))
			call->request.method = STR("GET");
		call->request.pieces = NULL;
		call->request.piece_count = 0;
		call->replace_method = true;
	}
	resolve(call);
}

static void answer_complete(struct http_call *call, bool all_taken)
{
	bool reusable = call->keep_alive && all_taken && !call->source_open && !conn_holds_pieces(call->conn) &&
			conn_queued_bytes(call->conn) == 0;

	call->in_body = false;
	if (reusable)
		keep(call);
	if (!call->redirecting) {
		end_call(call);
		return;
	}
	conn_close(call->conn);
	call->conn = NULL;
	follow(call);
}

static void upgraded(struct http_call *call)
{
	struct conn *conn = call->conn;

	if (!call->events->on_upgraded) {
		(void)err_set(&call->err, ERR_PARSE, "unexpected answer 101");
		fail(call);
		return;
	}
	if (call->events->on_headers)
		call->events->on_headers(call->arg, call, &call->reply);
	if (call->ended)
		return;
	call->conn = NULL;
	call->events->on_upgraded(call->arg, call, conn);
	end_call(call);
}

static void broken_answer(struct http_call *call)
{
	const char *reason = llhttp_get_error_reason(&call->parser);

	(void)err_set(&call->err, ERR_PARSE, "malformed answer: %s", reason ? reason : "not HTTP");
	fail(call);
}

static void read_head(struct http_call *call, struct str head)
{
	struct str copy = str_in(&call->arena, head);
	llhttp_errno_t outcome;
	int status;

	call->reply = (struct http_reply){ 0 };
	call->header_cap = 0;
	call->scanned_bytes = 0;
	call->complete = false;
	llhttp_init(&call->parser, HTTP_RESPONSE, &parser_settings);
	outcome = llhttp_execute(&call->parser, copy.ptr, copy.len);
	if (outcome != HPE_OK && outcome != HPE_PAUSED && outcome != HPE_PAUSED_UPGRADE) {
		broken_answer(call);
		return;
	}
	status = call->reply.status;
	if (status == 101) {
		upgraded(call);
		return;
	}
	if (status < 200)
		return; /* 100 Continue and its like: the answer is still to come */
	call->in_head = false;
	call->in_body = true;
	call->redirecting = is_redirect(call);
	if (!call->redirecting && call->events->on_headers)
		call->events->on_headers(call->arg, call, &call->reply);
}

/* Bytes taken. */
static size_t read_body(struct http_call *call, struct str bytes)
{
	llhttp_errno_t outcome;

	if (llhttp_get_errno(&call->parser) == HPE_PAUSED)
		llhttp_resume(&call->parser);
	call->in_parser = true;
	outcome = llhttp_execute(&call->parser, bytes.ptr, bytes.len);
	call->in_parser = false;
	if (outcome == HPE_OK)
		return bytes.len;
	if (outcome == HPE_PAUSED || outcome == HPE_PAUSED_UPGRADE)
		return (size_t)(llhttp_get_error_pos(&call->parser) - bytes.ptr);
	if (!call->ended)
		broken_answer(call);
	return bytes.len;
}

/* Bytes of the head, 0 when incomplete; too long a one ends the call. */
static size_t head_bytes(struct http_call *call, struct str bytes)
{
	size_t from = call->scanned_bytes > 3 ? NUM_MIN(call->scanned_bytes - 3, bytes.len) : 0;
	size_t end = str_find(bytes, STR("\r\n\r\n"), from);

	if (end != SIZE_MAX && end + 4 <= HTTP_REPLY_HEAD_BYTES_MAX)
		return end + 4;
	call->scanned_bytes = bytes.len;
	if (end == SIZE_MAX && bytes.len < NUM_MIN(HTTP_REPLY_HEAD_BYTES_MAX, CONN_UNREAD_BYTES_MAX))
		return 0;
	(void)err_set(&call->err, ERR_TOO_LARGE, "the answer's headers are too large");
	fail(call);
	return 0;
}

static size_t on_read(void *arg, struct conn *conn, struct str bytes)
{
	struct http_call *call = arg;
	size_t taken = 0;

	call->answered = true;
	touch(call);
	while (call->conn == conn && !call->paused && taken < bytes.len) {
		struct str rest = str_slice(bytes, taken, bytes.len);

		if (call->in_head) {
			size_t head = head_bytes(call, rest);

			if (head == 0)
				break;
			taken += head;
			read_head(call, str_slice(rest, 0, head));
		} else {
			taken += read_body(call, rest);
		}
		if (call->conn == conn && call->in_body && call->complete && !call->ended && !call->paused)
			answer_complete(call, taken == bytes.len);
	}
	return taken;
}

static bool may_retry(const struct http_call *call)
{
	return call->reused && !call->answered && !call->retried && !call->request.source;
}

static void retry(struct http_call *call)
{
	call->retried = true;
	conn_close(call->conn);
	call->conn = NULL;
	resolve(call);
}

static void on_eof(void *arg, struct conn *conn)
{
	struct http_call *call = arg;

	if (may_retry(call)) {
		retry(call);
		return;
	}
	if (call->in_body && llhttp_message_needs_eof(&call->parser)) {
		call->keep_alive = false;
		answer_complete(call, true);
		return;
	}
	(void)err_set(&call->err, ERR_CLOSED, call->in_body ? "the answer was cut off" : "closed without an answer");
	fail(call);
}

static void on_closed(void *arg, struct conn *conn, const struct err *err)
{
	struct http_call *call = arg;

	if (may_retry(call)) {
		retry(call);
		return;
	}
	if (!call->in_head && !call->in_body && call->address_next < call->address_count) {
		connect_next(call);
		return;
	}
	call->err = *err;
	fail(call);
}

/* --- request --- */

static void pump(struct http_call *call)
{
	const struct http_source *source = call->request.source;
	struct http_piece pieces[SOURCE_PIECES];
	char size[24];

	while (call->source_open && conn_queued_bytes(call->conn) < QUEUE_HIGH_BYTES) {
		int count = source->fill(source->arg, pieces, SOURCE_PIECES);
		uint64_t len = 0;

		for (int i = 0; i < count; i++)
			len += pieces[i].bytes.len;
		if (count < 0 || (source->length_bytes >= 0 && (len > call->source_left_bytes ||
								 (count == 0 && call->source_left_bytes > 0)))) {
			(void)err_set(&call->err, ERR_CANCELLED, "the body broke off");
			fail(call);
			return;
		}
		call->source_left_bytes -= len;
		/* An empty chunk in the middle would end the body. */
		if (source->length_bytes < 0 && (len > 0 || count == 0)) {
			snprintf(size, sizeof(size), "%llx\r\n", (unsigned long long)len);
			conn_write_bytes(call->conn, str_from(size));
		}
		conn_write(call->conn, pieces, (size_t)count, false);
		if (source->length_bytes < 0 && (len > 0 || count == 0))
			conn_write(call->conn, &HTTP_BYTES(STR("\r\n")), 1, false);
		conn_flush(call->conn);
		if (count == 0) {
			call->source_open = false; /* released with the call: pieces of it may be queued */
		}
	}
}

static void on_drained(void *arg, struct conn *conn)
{
	struct http_call *call = arg;

	touch(call);
	if (call->source_open)
		pump(call);
}

static void put_basic(struct buf *to, const struct http_request *request)
{
	AUTO_BUF plain = { 0 };
	unsigned char *encoded;

	buf_init(&plain, HTTP_HEAD_BYTES_MAX);
	buf_put_str(&plain, request->basic_user);
	buf_put_char(&plain, ':');
	buf_put_str(&plain, request->basic_password);
	encoded = mem_alloc(plain.len / 3 * 4 + 5);
	EVP_EncodeBlock(encoded, (const unsigned char *)plain.ptr, (int)plain.len);
	buf_printf(to, "Authorization: Basic %s\r\n", (char *)encoded);
	mem_wipe(plain.ptr, plain.len);
	mem_free(encoded);
}

static bool is_credential(struct str name)
{
	return str_eq_nocase(name, STR("Authorization")) || str_eq_nocase(name, STR("Cookie"));
}

static void put_headers(struct http_call *call, struct buf *to)
{
	const struct http_request *r = &call->request;
	const struct http_headers *h = &r->headers;

	for (size_t i = 0; i < h->count; i++) {
		if (call->drop_credentials && is_credential(h->list[i].name))
			continue;
		if (call->replace_method && str_eq_nocase(h->list[i].name, STR("Content-Type")))
			continue;
		buf_printf(to, STR_FMT ": " STR_FMT "\r\n", STR_ARG(h->list[i].name), STR_ARG(h->list[i].value));
	}
	if (!http_header_get(h, STR("Host")).ptr)
		buf_printf(to, "Host: " STR_FMT "\r\n", STR_ARG(call->url.authority));
	if (!http_header_get(h, STR("User-Agent")).ptr)
		buf_printf(to, "User-Agent: %s\r\n", call->client->user_agent);
	if (!call->drop_credentials && r->bearer_token.len > 0)
		buf_printf(to, "Authorization: Bearer " STR_FMT "\r\n", STR_ARG(r->bearer_token));
	else if (!call->drop_credentials && r->basic_user.len > 0)
		put_basic(to, r);
}

static void put_framing(struct http_call *call, struct buf *to)
{
	const struct http_request *r = &call->request;
	size_t len = 0;
	bool wants_length = r->piece_count > 0 || str_eq(r->method, STR("POST")) || str_eq(r->method, STR("PUT")) ||
			    str_eq(r->method, STR("PATCH"));

	for (size_t i = 0; i < r->piece_count; i++)
		len += r->pieces[i].bytes.len;
	if (r->source && r->source->length_bytes < 0)
		buf_put_c(to, "Transfer-Encoding: chunked\r\n");
	else if (r->source)
		buf_printf(to, "Content-Length: %lld\r\n", (long long)r->source->length_bytes);
	else if (wants_length)
		buf_printf(to, "Content-Length: %zu\r\n", len);
}

/* The connection is up. */
static void ask(struct http_call *call)
{
	const struct http_request *r = &call->request;
	struct str head;
	AUTO_BUF to = { 0 };

	buf_init(&to, HTTP_REPLY_HEAD_BYTES_MAX);
	buf_printf(&to, STR_FMT " " STR_FMT, STR_ARG(r->method), STR_ARG(call->url.path));
	if (call->url.has_query)
		buf_printf(&to, "?" STR_FMT, STR_ARG(call->url.query));
	buf_put_c(&to, " HTTP/1.1\r\n");
	put_headers(call, &to);
	put_framing(call, &to);
	buf_put_c(&to, "\r\n");
	if (buf_check(&to, "request headers", &call->err) < 0) {
		fail(call);
		return;
	}
	call->in_head = true;
	call->answered = false;
	call->scanned_bytes = 0;
	head = str_in(&call->arena, buf_str(&to));
	conn_write(call->conn, &HTTP_BYTES(head), 1, false);
	conn_write(call->conn, r->pieces, r->piece_count, false);
	touch(call);
	if (r->source) {
		call->source_open = true;
		call->source_left_bytes = r->source->length_bytes < 0 ? UINT64_MAX : (uint64_t)r->source->length_bytes;
		pump(call);
	}
}

static void on_ready(void *arg, struct conn *conn)
{
	ask(arg);
}

static const struct conn_events call_events = {
	.on_ready = on_ready,
	.on_read = on_read,
	.on_eof = on_eof,
	.on_drained = on_drained,
	.on_closed = on_closed,
};

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

static void connect_next(struct http_call *call)
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
		fail(call);
		return;
	}
	call->reused = false;
	timer_start_slack(&call->idle, CONNECT_TIMEOUT_MS, CONNECT_TIMEOUT_MS / 8);
	/* Writable at once when it is connected already: one path for both. */
	call->conn = conn_new_connecting(call->client->pool, fd, tls, &call_events, call);
}

static void lookup_run(struct work *work)
{
	struct lookup *l = CONTAINER_OF(work, struct lookup, work);
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *list = NULL;

	l->failure = getaddrinfo(l->host, NULL, &hints, &list);
	for (struct addrinfo *at = list; at && l->count < ADDRESSES_MAX; at = at->ai_next) {
		struct address *to = &l->addresses[l->count++];

		memcpy(&to->socket, at->ai_addr, at->ai_addrlen);
		to->socket_bytes = at->ai_addrlen;
		if (at->ai_family == AF_INET)
			((struct sockaddr_in *)&to->socket)->sin_port = htons(l->port);
		else
			((struct sockaddr_in6 *)&to->socket)->sin6_port = htons(l->port);
	}
	if (list)
		freeaddrinfo(list);
}

static void lookup_done(struct work *work)
{
	struct lookup *l = CONTAINER_OF(work, struct lookup, work);
	struct http_call *call = l->call;

	if (call) {
		call->lookup = NULL;
		memcpy(call->addresses, l->addresses, sizeof(call->addresses));
		call->address_count = l->count;
		if (call->ended) {
			; /* timed out meanwhile */
		} else if (l->count > 0) {
			connect_next(call);
		} else {
			(void)err_set(&call->err, ERR_UNAVAILABLE, "look up %s: %s", l->host, gai_strerror(l->failure));
			fail(call);
		}
	}
	mem_free(l->host);
	mem_free(l);
}

static void look_up(struct http_call *call)
{
	struct lookup *l = NEW(struct lookup);

	l->call = call;
	l->host = str_dup_c(call->url.host);
	l->port = call->url.port;
	l->work.run = lookup_run;
	l->work.done = lookup_done;
	call->lookup = l;
	if (call->client->options.resolve_inline) {
		lookup_run(&l->work);
		lookup_done(&l->work);
	} else {
		env_work(call->client->env, &l->work);
	}
}

/* From the URL: a kept connection, a numeric address, a socket, or a name to be looked up. */
static void resolve(struct http_call *call)
{
	struct str unix_path = call->request.unix_path;

	if (call->url.scheme == URL_UNIX)
		unix_path = url_unix_path(&call->url, &call->arena);
	call->key = str_printf_in(&call->arena, "%d|" STR_FMT "|%u|" STR_FMT, (int)call->url.scheme,
				  STR_ARG(call->url.host), call->url.port, STR_ARG(unix_path));
	call->in_head = call->in_body = call->answered = false;
	call->address_count = call->address_next = 0;
	if (!call->retried && (call->conn = take_kept(call))) {
		call->reused = true;
		conn_set_events(call->conn, &call_events, call);
		ask(call);
		return;
	}
	if (unix_path.len > 0) {
		if (address_from_unix(unix_path, &call->addresses[0], &call->err) < 0) {
			fail(call);
			return;
		}
		call->address_count = 1;
		connect_next(call);
	} else if (call->url.host.len > 0 &&
		   address_from_ip(call->url.host, call->url.port, &call->addresses[0], NULL) == 0) {
		call->address_count = 1;
		connect_next(call);
	} else {
		look_up(call);
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
	while ((node = list_first(&c->idle)))
		on_kept_too_long(&LIST_ENTRY(node, struct idle_conn, link)->timer);
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
	arena_init(&call->arena, CALL_ARENA_MAX);
	timer_init(&call->deadline, c->env, on_deadline);
	timer_init(&call->idle, c->env, on_idle);
	copy_request(call, request);
	call->url_text = call->request.url;
	if (url_parse(call->url_text, &call->url, &call->err) < 0 || check_request(&call->request, &call->err) < 0) {
		fail(call);
		return call;
	}
	if (request->deadline_ms > 0)
		timer_start(&call->deadline, request->deadline_ms);
	resolve(call);
	return call;
}

/* The memory goes in a later turn: this may be called from inside an event of the call. */
void http_call_cancel(struct http_call *call)
{
	static const struct http_call_events none;

	call->events = &none;
	end_call(call);
	release_source(call);
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
		answer_complete(call, true);
		return;
	}
	conn_resume(call->conn);
}
