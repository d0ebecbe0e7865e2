/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server against hand-written HTTP/1: framing, limits at their bound and one beyond it, slow
 * and vanishing clients, back-pressure, streams, upgrades, draining.
 */
#include "net_fixture.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/num.h"

#define BIG_BYTES (8u << 20)

struct service {
	struct fixture f;
	struct raw raw;
	struct http_exchange *held; /* of /hold and /stream */
	struct blob *blob;
	uint64_t source_left;
	bool source_breaks, source_released;
	bool closed, drained, server_drained, was_asked;
	struct buf streamed;
	bool stream_last;
	int64_t pause_ms; /* of /paced, after every piece */
	struct timer resume;
	struct http_exchange *paused;
	struct conn *upgraded;
	bool upgraded_closed;
	int requests;
};

static int fill(void *arg, struct http_piece *to, size_t max)
{
	struct service *s = arg;

	if (s->source_left == 0)
		return s->source_breaks ? -1 : 0;
	for (size_t i = 0; i < max && i < 8; i++) {
		if (s->source_left == 0)
			return (int)i;
		to[i] = HTTP_BLOB(s->blob);
		s->source_left--;
	}
	return (int)(max < 8 ? max : 8);
}

static void release(void *arg)
{
	((struct service *)arg)->source_released = true;
}

static void on_closed(void *arg, struct http_exchange *x)
{
	((struct service *)arg)->closed = true;
}

static void on_drained(void *arg, struct http_exchange *x)
{
	((struct service *)arg)->drained = true;
}

static void on_body(void *arg, struct http_exchange *x, struct str bytes, bool last)
{
	struct service *s = arg;

	buf_put_str(&s->streamed, bytes);
	s->stream_last = last;
	if (last)
		http_respond_bytes(x, 200, STR("text/plain"), STR("streamed"));
}

static void on_resume(struct timer *timer)
{
	http_body_resume(CONTAINER_OF(timer, struct service, resume)->paused);
}

static void on_paced_body(void *arg, struct http_exchange *x, struct str bytes, bool last)
{
	struct service *s = arg;

	buf_put_str(&s->streamed, bytes);
	if (last) {
		timer_stop(&s->resume);
		http_respond_bytes(x, 200, STR("text/plain"), STR("paced"));
		return;
	}
	s->paused = x;
	http_body_pause(x);
	timer_start(&s->resume, s->pause_ms);
}

static const struct http_exchange_events paced_events = { .on_body = on_paced_body };

static const struct http_exchange_events exchange_events = { .on_body = on_body, .on_drained = on_drained,
							      .on_closed = on_closed };

static size_t upgraded_read(void *arg, struct conn *c, struct str bytes)
{
	conn_write_bytes(c, bytes); /* echo */
	return bytes.len;
}

static void upgraded_closed(void *arg, struct conn *c, const struct err *err)
{
	struct service *s = arg;

	s->upgraded_closed = true;
	conn_close(c);
	s->upgraded = NULL;
}

static const struct conn_events upgraded_events = { .on_read = upgraded_read, .on_closed = upgraded_closed };

static void upgrade(struct service *s, struct http_exchange *x)
{
	struct http_header header = HTTP_HEADER(STR("Upgrade"), STR("echo"));
	struct err err;

	if (http_upgrade(x, &(struct http_headers){ &header, 1 }, &s->upgraded, &err) < 0) {
		http_respond_bytes(x, 400, STR("text/plain"), str_from(err.msg));
		return;
	}
	assert_non_null(http_conn_peer(s->upgraded));
	conn_set_events(s->upgraded, &upgraded_events, s);
}

static void on_headers(void *arg, struct http_exchange *x)
{
	struct service *s = arg;

	if (str_eq(x->path, STR("/streamed"))) {
		http_stream_body(x);
		http_set_events(x, &exchange_events, s);
	} else if (str_eq(x->path, STR("/paced"))) {
		http_stream_body(x);
		timer_init(&s->resume, s->f.env, on_resume);
		http_set_events(x, &paced_events, s);
	} else if (str_eq(x->path, STR("/small"))) {
		http_set_body_max(x, 10);
	} else if (str_eq(x->path, STR("/denied"))) {
		http_respond_bytes(x, 401, STR("text/plain"), STR("who are you"));
	}
}

static void on_request(void *arg, struct http_exchange *x)
{
	struct service *s = arg;

	s->requests++;
	s->was_asked = true;
	if (str_eq(x->path, STR("/hold")) || str_eq(x->path, STR("/stream"))) {
		s->held = x;
		http_set_events(x, &exchange_events, s);
		if (str_eq(x->path, STR("/stream")))
			http_start(x, 200, NULL);
	} else if (str_eq(x->path, STR("/source"))) {
		struct http_source source = { fill, release, s, s->source_breaks ? -1 : (int64_t)(s->source_left *
			s->blob->len) };

		http_respond_source(x, 200, NULL, &source);
	} else if (str_eq(x->path, STR("/upgrade"))) {
		upgrade(s, x);
	} else if (!str_eq(x->path, STR("/streamed")) && !str_eq(x->path, STR("/paced"))) {
		http_respond(x, 200, NULL, (struct http_piece[]){ HTTP_BYTES(x->method_text), HTTP_BYTES(STR(":")),
								   HTTP_BYTES(x->body) }, 3);
	}
}

static const struct http_handlers handlers = { .on_headers = on_headers, .on_request = on_request };

static void open_service(struct service *s, const struct http_server_limits *limits)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->streamed, FIXTURE_BYTES_MAX);
	s->blob = blob_alloc(4096);
	memset(s->blob->bytes, 'z', 4096);
	fixture_open(&s->f, &handlers, s, false, limits);
	raw_open(&s->raw, &s->f);
}

static void close_service(struct service *s)
{
	if (s->held)
		http_abort(s->held);
	raw_close(&s->raw);
	conn_close(s->upgraded);
	fixture_close(&s->f);
	buf_deinit(&s->streamed);
	assert_int_equal(s->blob->refs, 1);
	blob_unref(s->blob);
}

static void say(struct service *s, const char *text)
{
	raw_send(&s->raw, text, strlen(text));
}

/* Breaks if pipelined requests are answered out of order, or a body's end is misjudged. */
static void test_pipelining(void **state)
{
	struct service s;

	open_service(&s, NULL);
	say(&s, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
		"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
		"chunked\r\n\r\n3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n"
		"PUT /c HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
		"GET /d HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_wait_for(&s.raw, "GET:");
	assert_non_null(strstr(s.raw.in.ptr, "POST:hello"));
	assert_non_null(strstr(strstr(s.raw.in.ptr, "POST:hello"), "POST:abcde"));
	assert_non_null(strstr(strstr(s.raw.in.ptr, "POST:abcde"), "PUT:"));
	assert_int_equal(s.requests, 4);
	/* Byte by byte, too. */
	for (const char *c = "\r\nPOST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nslow"; *c; c++) {
		raw_send(&s.raw, c, 1);
		fixture_run_for(&s.f, 0);
	}
	raw_wait_for(&s.raw, "POST:slow");
	close_service(&s);
}

/* Breaks if what is not HTTP, or is ambiguous, gets anything but an error and a closed connection. */
static void test_malformed(void **state)
{
	static const struct {
		const char *name, *request, *want;
	} cases[] = {
		{ "no host", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 " },
		{ "two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400 " },
		{ "not HTTP", "\x16\x03\x01\x02\x01", "HTTP/1.1 400 " },
		{ "no version", "GET /\r\n\r\n", "HTTP/1.1 400 " },
		{ "space in name", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "HTTP/1.1 400 " },
		{ "folded header", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", "HTTP/1.1 400 " },
		{ "host of other bytes", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
		  "HTTP/1.1 400 Bad Request: malformed Host header\r\n" },
		{ "no host, said so", "GET / HTTP/1.1\r\nA: b\r\n\r\n",
		  "HTTP/1.1 400 Bad Request: missing required Host header\r\n" },
		{ "other expectation", "GET / HTTP/1.1\r\nHost: x\r\nExpect: foo\r\n\r\n",
		  "HTTP/1.1 417 Expectation Failed\r\n" },
		{ "other coding before chunks",
		  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 501 " },
		{ "other coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 " },
		{ "two codings",
		  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
		  "HTTP/1.1 501 " },
		{ "chunked twice",
		  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "HTTP/1.1 501 " },
		{ "two lengths",
		  "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
		  "HTTP/1.1 400 " },
		{ "bad length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\n",
		  "HTTP/1.1 400 " },
		{ "bad chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		  "HTTP/1.1 400 " },
		{ "huge length",
		  "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
		  "HTTP/1.1 400 " },
		{ "version 3", "GET / HTTP/3.0\r\nHost: x\r\n\r\n",
		  "HTTP/1.1 505 HTTP Version Not Supported: unsupported protocol version\r\n" },
		{ "no such version", "GET / HTTP/x.0\r\nHost: x\r\n\r\n", "HTTP/1.1 400 " },
		{ "method of other bytes", "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 " },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct service s;

		open_service(&s, NULL);
		say(&s, cases[i].request);
		raw_wait_eof(&s.raw);
		if (!str_has_prefix(buf_str(&s.raw.in), str_from(cases[i].want)))
			fail_msg("%s: %s", cases[i].name, s.raw.in.ptr);
		assert_int_equal(s.requests, 0);
		close_service(&s);
	}
}

/* Breaks if a length beside chunks counts, is seen by anybody, or what follows is taken for a request. */
static void test_length_beside_chunks(void **state)
{
	struct service s;

	open_service(&s, NULL);
	say(&s, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: Chunked\r\n\r\n"
		"4\r\nwhol\r\n1\r\ne\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_wait_eof(&s.raw);
	assert_non_null(strstr(s.raw.in.ptr, "Connection: close\r\n"));
	assert_non_null(strstr(s.raw.in.ptr, "POST:whole"));
	assert_int_equal(s.requests, 1);
	close_service(&s);
}

static void send_head_of(struct service *s, size_t head_bytes)
{
	struct buf head;

	buf_init(&head, FIXTURE_BYTES_MAX);
	buf_put_c(&head, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
	while (head.len < head_bytes - 4)
		buf_put_char(&head, 'a');
	buf_put_c(&head, "\r\n\r\n");
	raw_send(&s->raw, head.ptr, head.len);
	buf_deinit(&head);
}

static void send_headers(struct service *s, int count)
{
	char line[32];

	say(s, "GET / HTTP/1.1\r\nHost: x\r\n");
	for (int i = 1; i < count; i++) {
		snprintf(line, sizeof(line), "H%d: v\r\n", i);
		say(s, line);
	}
	say(s, "\r\n");
}

/* Breaks if a limit does not hold at one beyond it, or already bites at it. */
static void test_limits(void **state)
{
	static const struct http_server_limits limits = { .head_bytes_max = 1000, .header_count_max = 20,
							  .body_bytes_max = 100 };
	static const struct {
		const char *name;
		size_t head_bytes;
		int headers;
		const char *request, *want;
	} cases[] = {
		{ "largest head", .head_bytes = 1000, .want = "HTTP/1.1 200 " },
		{ "head beyond", .head_bytes = 1001, .want = "HTTP/1.1 431 " },
		{ "most headers", .headers = 20, .want = "HTTP/1.1 200 " },
		{ "headers beyond", .headers = 21, .want = "HTTP/1.1 431 " },
		{ "body at its own limit",
		  .request = "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789",
		  .want = "HTTP/1.1 200 " },
		{ "body beyond",
		  .request = "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n01234567890",
		  .want = "HTTP/1.1 413 " },
		{ "chunks at the limit",
		  .request = "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
			     "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
		  .want = "HTTP/1.1 200 " },
		{ "chunks beyond",
		  .request = "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
			     "5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n",
		  .want = "HTTP/1.1 413 " },
		{ "server's limit",
		  .request = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n",
		  .want = "HTTP/1.1 413 " },
		{ "denied before the body",
		  .request = "POST /denied HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		  .want = "HTTP/1.1 401 " },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct service s;

		open_service(&s, &limits);
		if (cases[i].head_bytes)
			send_head_of(&s, cases[i].head_bytes);
		else if (cases[i].headers)
			send_headers(&s, cases[i].headers);
		else
			say(&s, cases[i].request);
		raw_wait_for(&s.raw, "\r\n\r\n");
		if (!str_has_prefix(buf_str(&s.raw.in), str_from(cases[i].want)))
			fail_msg("%s: %s", cases[i].name, s.raw.in.ptr);
		if (!strstr(cases[i].want, "200"))
			raw_wait_eof(&s.raw); /* what else came is not taken for a request */
		close_service(&s);
	}
}

/* Breaks if more connections than allowed are served. */
static void test_connection_limit(void **state)
{
	static const struct http_server_limits limits = { .connection_max = 2 };
	struct service s;
	struct raw second, third;

	open_service(&s, &limits);
	say(&s, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_wait_for(&s.raw, "GET:");
	raw_open(&second, &s.f);
	raw_send(&second, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	raw_wait_for(&second, "GET:");
	raw_open(&third, &s.f);
	raw_wait_eof(&third);
	assert_int_equal(http_server_connection_count(s.f.server), 2);
	raw_close(&second);
	raw_close(&third);
	close_service(&s);
}

/* Breaks if connections that say nothing keep others out. */
static void test_silent_crowd(void **state)
{
	static const struct http_server_limits limits = { .connection_max = 2 };
	struct service s;
	struct raw silent, later;

	open_service(&s, &limits); /* with one connection, that said nothing either */
	raw_open(&silent, &s.f);
	raw_open(&later, &s.f);
	raw_wait_eof(&s.raw);
	raw_send(&later, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	raw_wait_for(&later, "GET:");
	assert_int_equal(http_server_connection_count(s.f.server), 2);
	raw_close(&silent);
	raw_close(&later);
	close_service(&s);
}

/* Breaks if connections on which nothing is asked any more keep others out, or one goes for them that is in use. */
static void test_idle_crowd(void **state)
{
	static const struct http_server_limits limits = { .connection_max = 2, .idle_kept_ms = 20 };
	static const char get[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct service s;
	struct raw idle, early, later;

	open_service(&s, &limits);
	say(&s, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_wait_for(&s.raw, "chunked");
	raw_open(&idle, &s.f);
	raw_send(&idle, get, strlen(get));
	raw_wait_for(&idle, "GET:");
	raw_open(&early, &s.f); /* the idle one may be about to ask again */
	raw_wait_eof(&early);
	fixture_run_for(&s.f, 40);
	raw_open(&later, &s.f);
	raw_wait_eof(&idle);
	raw_send(&later, get, strlen(get));
	raw_wait_for(&later, "GET:");
	assert_int_equal(http_server_connection_count(s.f.server), 2);
	raw_close(&idle);
	raw_close(&early);
	raw_close(&later);
	http_end(s.held);
	s.held = NULL;
	close_service(&s);
}

/* Breaks if connections take the descriptors that files and children need. */
static void test_descriptor_limit(void **state)
{
	static const struct http_server_limits limits = { .fd_max = 1 };
	struct service s;
	struct raw later;

	open_service(&s, &limits); /* there is nobody to go for its connection */
	raw_wait_eof(&s.raw);
	assert_int_equal(http_server_connection_count(s.f.server), 0);
	raw_open(&later, &s.f);
	raw_wait_eof(&later);
	raw_close(&later);
	close_service(&s);
}

/* Breaks if a client that stops in the middle keeps its connection for ever. */
static void test_slow_clients(void **state)
{
	static const struct http_server_limits limits = { .header_timeout_ms = 40, .body_timeout_ms = 40,
							  .idle_timeout_ms = 40 };
	static const struct {
		const char *request, *want;
	} cases[] = {
		{ "", "" }, /* never says a word */
		{ "GET / HTTP/1.1\r\nHo", "HTTP/1.1 408 " },
		{ "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhal", "HTTP/1.1 408 " },
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 " }, /* idle afterwards */
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct service s;

		open_service(&s, &limits);
		say(&s, cases[i].request);
		raw_wait_eof(&s.raw);
		assert_true(str_has_prefix(buf_str(&s.raw.in), str_from(cases[i].want)));
		close_service(&s);
	}
}

/* Breaks if old and odd but legal clients are not served as they must be. */
static void test_manners(void **state)
{
	static const struct {
		const char *name, *request, *want, *want_not;
		bool half_close, closes;
	} cases[] = {
		{ "HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "Connection: close", NULL, .closes = true },
		{ "close asked", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		  "Connection: close", NULL, .closes = true },
		{ "half-closed", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET:", NULL, .half_close = true,
		  .closes = true },
		{ "HEAD", "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "Content-Length: 5\r\n", "HEAD:" },
		{ "continue",
		  "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
		  "HTTP/1.1 100 Continue\r\n\r\n", "200" },
		{ "absolute form", "GET http://x/hello HTTP/1.1\r\nHost: x\r\n\r\n", "GET:", NULL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct service s;

		open_service(&s, NULL);
		say(&s, cases[i].request);
		if (cases[i].half_close)
			shutdown(s.raw.fd, SHUT_WR);
		raw_wait_for(&s.raw, cases[i].want);
		if (cases[i].closes)
			raw_wait_eof(&s.raw);
		else
			fixture_run_for(&s.f, 5);
		if (cases[i].want_not && strstr(s.raw.in.ptr, cases[i].want_not))
			fail_msg("%s: %s", cases[i].name, s.raw.in.ptr);
		close_service(&s);
	}
}

/* Breaks if a handler that answers late, after its client has gone, touches freed memory or is not
 * told. */
static void test_vanished_client(void **state)
{
	struct service s;
	struct raw gone;

	open_service(&s, NULL);
	raw_open(&gone, &s.f);
	raw_send(&gone, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n", 31);
	fixture_run_until(&s.f, &s.was_asked);
	struct linger reset = { .l_onoff = 1 };
	setsockopt(gone.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	raw_close(&gone);
	fixture_run_until(&s.f, &s.closed);
	assert_true(http_is_closed(s.held));
	http_respond_bytes(s.held, 200, STR("text/plain"), STR("too late"));
	s.held = NULL;
	/* A stream ends with its client's half-close, as it can never end by itself. */
	s.closed = s.was_asked = false;
	say(&s, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_wait_for(&s.raw, "chunked");
	shutdown(s.raw.fd, SHUT_WR);
	fixture_run_until(&s.f, &s.closed);
	close_service(&s);
}

/* Breaks if a slow reader makes the server buffer without telling, or a stream loses bytes. */
static void test_back_pressure(void **state)
{
	struct service s;
	struct str chunk;
	size_t sent = 0;

	open_service(&s, NULL);
	chunk = blob_str(s.blob);
	say(&s, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_wait_for(&s.raw, "chunked");
	io_update(&s.raw.watch, 0); /* stops reading */
	while (http_queued_bytes(s.held) < (1u << 20)) {
		http_send(s.held, &HTTP_BLOB(s.blob), 1);
		sent += chunk.len;
		if (sent % (256u << 10) == 0)
			fixture_run_for(&s.f, 1);
		assert_true(sent < (64u << 20));
	}
	s.drained = false; /* the kernel took a lot at first */
	io_update(&s.raw.watch, IO_READ);
	fixture_run_until(&s.f, &s.drained);
	assert_true(http_queued_bytes(s.held) <= HTTP_DRAINED_LOW_BYTES);
	http_end(s.held);
	s.held = NULL;
	raw_wait_for(&s.raw, "\r\n0\r\n\r\n");
	assert_true(s.raw.in.len > sent);
	close_service(&s);
}

/* Breaks if what goes to many is framed wrongly for one of them, copied for each, or kept for ever. */
static void test_shared_chunk(void **state)
{
	const struct http_piece pieces[] = { HTTP_BYTES(STR("seventeen ")), HTTP_BYTES(STR("letters")) };
	struct http_chunk chunk;
	struct service s;

	http_chunk_make(&chunk, pieces, ARRAY_COUNT(pieces));
	assert_true(str_eq_c(chunk.body, "seventeen letters"));
	open_service(&s, NULL);
	say(&s, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_wait_for(&s.raw, "chunked");
	http_send_chunk(s.held, &chunk);
	http_send_chunk(s.held, &chunk);
	assert_int_equal(chunk.framed->refs, 3);
	http_end(s.held);
	s.held = NULL;
	raw_wait_for(&s.raw, "\r\n\r\n11\r\nseventeen letters\r\n11\r\nseventeen letters\r\n0\r\n\r\n");
	assert_int_equal(chunk.framed->refs, 1);
	close_service(&s);
	open_service(&s, NULL);
	say(&s, "GET /stream HTTP/1.0\r\n\r\n"); /* knows no chunks */
	raw_wait_for(&s.raw, "close");
	http_send_chunk(s.held, &chunk);
	http_end(s.held);
	s.held = NULL;
	raw_wait_for(&s.raw, "\r\n\r\nseventeen letters");
	close_service(&s);
	http_chunk_deinit(&chunk);
}

/* Breaks if a stream that nobody reads may fill the memory. */
static void test_queue_limit(void **state)
{
	struct service s;
	struct blob *big = blob_alloc(1u << 20);
	size_t sent = 0;

	memset(big->bytes, 'q', big->len);
	open_service(&s, NULL);
	say(&s, "GET /stream HTTP/1.0\r\n\r\n");
	raw_wait_for(&s.raw, "close");
	io_update(&s.raw.watch, 0);
	for (; sent < CONN_QUEUE_BYTES_MAX; sent += big->len)
		http_send(s.held, &HTTP_BLOB(big), 1); /* not sent before the loop's next turn */
	assert_int_equal(http_queued_bytes(s.held), CONN_QUEUE_BYTES_MAX);
	http_send(s.held, &HTTP_BYTES(STR("x")), 1);
	fixture_run_until(&s.f, &s.closed);
	close_service(&s);
	assert_int_equal(big->refs, 1);
	blob_unref(big);
}

/* Breaks if a reader that takes nothing at all is kept for ever. */
static void test_stuck_reader(void **state)
{
	static const struct http_server_limits limits = { .send_timeout_ms = 60 };
	struct service s;

	open_service(&s, &limits);
	say(&s, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_wait_for(&s.raw, "chunked");
	io_update(&s.raw.watch, 0);
	for (int i = 0; i < 4096 && !s.closed; i++) {
		http_send(s.held, &HTTP_BLOB(s.blob), 1);
		if (i % 64 == 0)
			fixture_run_for(&s.f, 0);
	}
	fixture_run_until(&s.f, &s.closed);
	close_service(&s);
}

/* Breaks if a large body made on demand is cut, copied whole into memory, or a broken one passes
 * for complete. */
static void test_sources(void **state)
{
	struct service s;

	open_service(&s, NULL);
	s.source_left = BIG_BYTES / 4096;
	say(&s, "GET /source HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_wait_for(&s.raw, "GET:");
	assert_true(s.raw.in.len > BIG_BYTES);
	assert_true(s.source_released);
	s.source_left = 3;
	s.source_breaks = true;
	s.source_released = false;
	say(&s, "GET /source HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_wait_eof(&s.raw);
	assert_true(s.source_released);
	assert_false(str_has_suffix(buf_str(&s.raw.in), STR("0\r\n\r\n")));
	close_service(&s);
}

/* --- those who ask for much --- */

#define CROWD_COUNT 4
#define CROWD_BYTES (24u << 20)
#define CROWD_TURN_BYTES_MAX (4u << 20)

struct crowd {
	struct fixture f;
	struct blob *blob;
	struct task turn; /* once in each turn of the loop */
	size_t pulled_bytes, turn_bytes_max;
	atomic_int done_count;
	bool done;
};

struct crowd_list {
	struct crowd *crowd;
	size_t left_bytes;
};

static int crowd_fill(void *arg, struct http_piece *to, size_t max)
{
	struct crowd_list *list = arg;

	if (list->left_bytes == 0)
		return 0;
	to[0] = HTTP_BLOB(list->crowd->blob);
	list->left_bytes -= list->crowd->blob->len;
	list->crowd->pulled_bytes += list->crowd->blob->len;
	return 1;
}

static void on_crowd_request(void *arg, struct http_exchange *x)
{
	struct crowd_list *list = ARENA_NEW(&x->arena, struct crowd_list);

	*list = (struct crowd_list){ arg, CROWD_BYTES };
	http_respond_source(x, 200, NULL,
			    &(struct http_source){
				    .fill = crowd_fill, .arg = list, .length_bytes = CROWD_BYTES });
}

static void on_crowd_turn(struct task *task)
{
	struct crowd *crowd = CONTAINER_OF(task, struct crowd, turn);

	crowd->turn_bytes_max = NUM_MAX(crowd->turn_bytes_max, crowd->pulled_bytes);
	crowd->pulled_bytes = 0;
	crowd->done = atomic_load(&crowd->done_count) == CROWD_COUNT;
	env_defer(crowd->f.env, &crowd->turn);
}

/* Takes as fast as it comes, from a thread of its own, so that the server's socket never fills. */
static void *read_crowd(void *arg)
{
	static const char request[] = "GET /much HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct crowd *crowd = arg;
	char *bytes = mem_alloc(1u << 20);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t total = 0;
	ssize_t n;

	if (fd >= 0 &&
	    connect(fd, (const struct sockaddr *)&crowd->f.address.socket,
		    crowd->f.address.socket_bytes) == 0 &&
	    send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0) {
		while ((n = recv(fd, bytes, 1u << 20, 0)) > 0)
			total += (size_t)n;
	}
	fd_close(&fd);
	mem_free(bytes);
	atomic_fetch_add(&crowd->done_count, 1);
	return total > CROWD_BYTES ? arg : NULL;
}

/* Breaks if whoever asks for much, and takes it fast, keeps the loop from everybody else. */
static void test_turns(void **state)
{
	static const struct http_handlers crowd_handlers = { .on_request = on_crowd_request };
	struct crowd crowd = { .blob = blob_alloc(2048) };
	pthread_t threads[CROWD_COUNT];

	memset(crowd.blob->bytes, 'z', crowd.blob->len);
	fixture_open(&crowd.f, &crowd_handlers, &crowd, false, NULL);
	task_init(&crowd.turn, on_crowd_turn);
	env_defer(crowd.f.env, &crowd.turn);
	for (int i = 0; i < CROWD_COUNT; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_crowd, &crowd), 0);
	fixture_run_until(&crowd.f, &crowd.done);
	for (int i = 0; i < CROWD_COUNT; i++) {
		void *all;

		pthread_join(threads[i], &all);
		assert_non_null(all);
	}
	assert_in_range(crowd.turn_bytes_max, 1, CROWD_TURN_BYTES_MAX);
	env_cancel(crowd.f.env, &crowd.turn);
	fixture_close(&crowd.f);
	blob_unref(crowd.blob);
}

/* Breaks if a streamed body is bounded, reordered or not ended. */
static void test_streamed_body(void **state)
{
	struct service s;
	char *body = mem_zalloc(BIG_BYTES);
	char head[128];

	open_service(&s, NULL);
	snprintf(head, sizeof(head), "PUT /streamed HTTP/1.1\r\nHost: x\r\nContent-Length: %u\r\n\r\n", BIG_BYTES);
	say(&s, head);
	for (size_t i = 0; i < BIG_BYTES; i += 4)
		body[i] = (char)(i >> 12);
	raw_send(&s.raw, body, BIG_BYTES);
	raw_wait_for(&s.raw, "streamed");
	assert_int_equal(s.streamed.len, BIG_BYTES);
	assert_memory_equal(s.streamed.ptr, body, BIG_BYTES);
	mem_free(body);
	close_service(&s);
}

/* Breaks if a handler that holds the body back with its last piece never sees the end, or if its pause counts as the
 * client's. */
static void test_paced_body(void **state)
{
	static const char *const bodies[] = {
		"Content-Length: 10\r\n\r\n0123456789",
		"Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n",
	};
	static const char head[] = "PUT /paced HTTP/1.1\r\nHost: x\r\n";
	struct http_server_limits limits = { .body_timeout_ms = 40 };
	struct service s;

	open_service(&s, &limits);
	s.pause_ms = 100;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		buf_reset(&s.streamed);
		buf_reset(&s.raw.in);
		raw_send(&s.raw, head, sizeof(head) - 1);
		raw_send(&s.raw, bodies[i], strlen(bodies[i]));
		raw_wait_for(&s.raw, "paced");
		assert_int_equal(s.streamed.len, 10);
		assert_memory_equal(s.streamed.ptr, "0123456789", 10);
	}
	close_service(&s);
}

/* Breaks if an upgraded connection loses the bytes that came with the request, or stays with the
 * server. */
static void test_upgrade(void **state)
{
	struct service s;

	open_service(&s, NULL);
	say(&s, "GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly");
	raw_wait_for(&s.raw, "\r\n\r\nearly");
	assert_true(str_has_prefix(buf_str(&s.raw.in), STR("HTTP/1.1 101 Switching Protocols\r\n")));
	say(&s, "later");
	raw_wait_for(&s.raw, "later");
	assert_int_equal(http_server_connection_count(s.f.server), 0);
	shutdown(s.raw.fd, SHUT_WR);
	fixture_run_until(&s.f, &s.upgraded_closed);
	close_service(&s);
	/* HTTP/1.0 cannot be upgraded. */
	open_service(&s, NULL);
	say(&s, "GET /upgrade HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
	raw_wait_for(&s.raw, "only HTTP/1.1 connections can be upgraded");
	close_service(&s);
}

static void server_drained(void *arg)
{
	((struct service *)arg)->server_drained = true;
}

/* Breaks if draining cuts a running request, accepts new connections, or never ends. */
static void test_drain(void **state)
{
	struct service s;
	struct raw idle;

	open_service(&s, NULL);
	raw_open(&idle, &s.f);
	raw_send(&idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	raw_wait_for(&idle, "GET:");
	s.was_asked = false;
	say(&s, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	fixture_run_until(&s.f, &s.was_asked);
	http_server_drain(s.f.server, 5000, server_drained, &s);
	raw_wait_eof(&idle);
	assert_false(s.server_drained);
	http_respond_bytes(s.held, 200, STR("text/plain"), STR("still served"));
	s.held = NULL;
	raw_wait_for(&s.raw, "still served");
	raw_wait_eof(&s.raw);
	assert_non_null(strstr(s.raw.in.ptr, "Connection: close"));
	fixture_run_until(&s.f, &s.server_drained);
	raw_close(&idle);
	close_service(&s);
	/* At the deadline the rest is cut. */
	open_service(&s, NULL);
	say(&s, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	fixture_run_until(&s.f, &s.was_asked);
	http_server_drain(s.f.server, 20, server_drained, &s);
	fixture_run_until(&s.f, &s.server_drained);
	assert_true(s.closed);
	close_service(&s);
}

#define IDLE_STREAMS 500
#define IDLE_STREAM_BYTES_MAX 4096

struct idle {
	struct http_exchange *list[IDLE_STREAMS];
	size_t count;
	bool all;
};

static void on_idle_request(void *arg, struct http_exchange *x)
{
	struct idle *idle = arg;

	http_start(x, 200, NULL);
	idle->list[idle->count++] = x;
	idle->all = idle->count == IDLE_STREAMS;
}

/* Breaks if an open watch costs more than its budget: ten thousand of them must be affordable. */
static void test_idle_memory(void **state)
{
	static const struct http_handlers idle_handlers = { .on_request = on_idle_request };
	static const char request[] =
		"GET "
		"/api/v1/namespaces/default/"
		"pods?watch=true&resourceVersion=12345&allowWatchBookmarks=true HTTP/1.1\r\n"
		"Host: 127.0.0.1:6443\r\nUser-Agent: kubectl/v1.32.0 (linux/amd64) "
		"kubernetes/abcdef0\r\n"
		"Accept: application/json\r\nAuthorization: Bearer "
		"0123456789012345678901234567890123456789\r\n\r\n";
	struct fixture f;
	struct idle *idle = NEW(struct idle);
	int fds[IDLE_STREAMS];
	size_t before, after;
	bool done;

#ifdef __SANITIZE_ADDRESS__
	mem_free(idle);
	skip(); /* the sanitizer's allocator has no such figures */
#endif
	fixture_open(&f, &idle_handlers, idle, false, NULL);
	before = mallinfo2().uordblks;
	for (int i = 0; i < IDLE_STREAMS; i++) {
		fds[i] = address_connect(&f.address, &done, NULL);
		assert_true(fds[i] >= 0);
		assert_int_equal(send(fds[i], request, sizeof(request) - 1, MSG_NOSIGNAL), sizeof(request) - 1);
	}
	fixture_run_until(&f, &idle->all);
	after = mallinfo2().uordblks;
	print_message("%zu bytes a stream\n", (after - before) / IDLE_STREAMS);
	assert_true((after - before) / IDLE_STREAMS <= IDLE_STREAM_BYTES_MAX);
	for (int i = 0; i < IDLE_STREAMS; i++) {
		http_abort(idle->list[i]);
		close(fds[i]);
	}
	fixture_close(&f);
	mem_free(idle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipelining), cmocka_unit_test(test_malformed), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_length_beside_chunks),
		cmocka_unit_test(test_connection_limit),
		cmocka_unit_test(test_silent_crowd), cmocka_unit_test(test_idle_crowd),
		cmocka_unit_test(test_descriptor_limit),
		cmocka_unit_test(test_slow_clients),
		cmocka_unit_test(test_manners), cmocka_unit_test(test_vanished_client),
		cmocka_unit_test(test_back_pressure), cmocka_unit_test(test_shared_chunk),
		cmocka_unit_test(test_queue_limit),
		cmocka_unit_test(test_stuck_reader),
		cmocka_unit_test(test_sources), cmocka_unit_test(test_turns), cmocka_unit_test(test_streamed_body),
		cmocka_unit_test(test_paced_body), cmocka_unit_test(test_upgrade),
		cmocka_unit_test(test_drain), cmocka_unit_test(test_idle_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
