/* SPDX-License-Identifier: Apache-2.0 */
/* The server against nghttp2's client: multiplexing, limits, resets, floods, windows, draining. */
#include <nghttp2/nghttp2.h>
#include "net_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/num.h"

#define STREAMS 64
#define BIG_BYTES (4u << 20)

struct answer {
	int status;
	size_t bytes;
	bool closed;
	uint32_t error_code;
	const char *body;
	size_t body_left;
	char text[64];
};

struct client {
	struct fixture *f;
	int fd;
	struct io_watch watch;
	nghttp2_session *session;
	struct answer answers[2 * STREAMS];
	bool goaway, eof, reading, got_big;
	uint32_t goaway_code;
	size_t closed_count;
};

static struct answer *answer_at(struct client *c, int32_t id)
{
	return &c->answers[(id - 1) / 2 % (2 * STREAMS)];
}

static void flush(struct client *c)
{
	const uint8_t *bytes;
	ssize_t len;

	while ((len = nghttp2_session_mem_send(c->session, &bytes)) > 0) {
		for (ssize_t at = 0; at < len;) {
			ssize_t n = send(c->fd, bytes + at, (size_t)(len - at), MSG_NOSIGNAL | MSG_DONTWAIT);

			if (n < 0 && errno == EAGAIN) {
				fixture_run_for(c->f, 1);
				continue;
			}
			if (n < 0)
				return;
			at += n;
		}
	}
}

static void on_io(struct io_watch *watch, int events)
{
	struct client *c = CONTAINER_OF(watch, struct client, watch);
	uint8_t bytes[65536];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n > 0) {
		assert_int_equal(nghttp2_session_mem_recv(c->session, bytes, (size_t)n), n);
	} else if (n == 0 || errno != EAGAIN) {
		c->eof = true;
		io_stop(watch);
	}
	flush(c);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
	uint64_t status;

	if (name_len == 7 && memcmp(name, ":status", 7) == 0 &&
	    num_parse_u64(str_sub((const char *)value, value_len), 599, "status", &status, NULL) == 0)
		answer_at(arg, frame->hd.stream_id)->status = (int)status;
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len, void *arg)
{
	struct answer *a = answer_at(arg, id);

	if (a->bytes + len < sizeof(a->text))
		memcpy(a->text + a->bytes, bytes, len);
	a->bytes += len;
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *arg)
{
	struct client *c = arg;

	answer_at(c, id)->closed = true;
	answer_at(c, id)->error_code = error_code;
	c->closed_count++;
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct client *c = arg;

	if (frame->hd.type == NGHTTP2_GOAWAY) {
		c->goaway = true;
		c->goaway_code = frame->goaway.error_code;
	}
	return 0;
}

static void client_open(struct client *c, struct fixture *f)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_settings_entry window = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 8 << 20 };
	struct err err;
	bool done;

	memset(c, 0, sizeof(*c));
	c->f = f;
	c->fd = address_connect(&f->address, &done, &err);
	assert_true(c->fd >= 0);
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_client_new(&c->session, callbacks, c);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &window, 1);
	nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, 16 << 20);
	c->watch.fn = on_io;
	if (io_start(f->env, &c->watch, c->fd, IO_READ, &err) < 0)
		fail_msg("%s", err.msg);
}

static void client_close(struct client *c)
{
	io_stop(&c->watch);
	close(c->fd);
	nghttp2_session_del(c->session);
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t to_bytes, uint32_t *flags,
			 nghttp2_data_source *source, void *arg)
{
	struct answer *a = answer_at(arg, id);
	size_t len = NUM_MIN(to_bytes, a->body_left);

	memcpy(to, a->body, len);
	a->body += len;
	a->body_left -= len;
	if (a->body_left == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)len;
}

#define NV(name, value) { (uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value), 0 }

static int32_t ask(struct client *c, const char *method, const char *path, struct str body, const char *extra)
{
	nghttp2_nv nv[] = { NV(":method", method), NV(":scheme", "http"), NV(":authority", "x"), NV(":path", path),
			    NV("extra", extra ? extra : "") };
	nghttp2_data_provider provider = { .read_callback = read_body };
	int32_t id = nghttp2_submit_request(c->session, NULL, nv, extra ? 5 : 4, body.ptr ? &provider : NULL, NULL);

	assert_true(id > 0);
	*answer_at(c, id) = (struct answer){ .body = body.ptr, .body_left = body.len };
	flush(c);
	return id;
}

static struct answer *wait_answer(struct client *c, int32_t id)
{
	fixture_run_until(c->f, &answer_at(c, id)->closed);
	return answer_at(c, id);
}

/* --- the service --- */

struct service {
	struct http_exchange *held[STREAMS];
	size_t held_count, closed_count, body_bytes;
	bool closed, drained, asked, server_drained, paused;
	struct blob *blob;
	uint64_t source_left;
	bool source_breaks;
	struct http_hold late;
};

static void on_closed(void *arg, struct http_exchange *x)
{
	struct service *s = arg;

	s->closed = true;
	s->closed_count++;
	for (size_t i = 0; i < s->held_count; i++) {
		if (s->held[i] == x)
			s->held[i] = NULL;
	}
	http_abort(x);
}

static void on_drained(void *arg, struct http_exchange *x)
{
	((struct service *)arg)->drained = true;
}

static void on_body(void *arg, struct http_exchange *x, struct str bytes, bool last)
{
	struct service *s = arg;

	assert_false(s->paused && bytes.len > (1u << 20)); /* at most a window */
	s->body_bytes += bytes.len;
	if (last)
		http_respond_bytes(x, 200, STR("text/plain"), STR("streamed"));
}

static const struct http_exchange_events events = { .on_body = on_body,
						    .on_closed = on_closed,
						    .on_drained = on_drained };

static int fill(void *arg, struct http_piece *to, size_t max)
{
	struct service *s = arg;

	if (s->source_left == 0)
		return s->source_breaks ? -1 : 0;
	s->source_left--;
	to[0] = HTTP_BLOB(s->blob);
	return 1;
}

static void on_headers(void *arg, struct http_exchange *x)
{
	if (str_eq(x->path, STR("/streamed"))) {
		http_stream_body(x);
		http_set_events(x, &events, arg);
		if (((struct service *)arg)->paused)
			http_body_pause(x);
	} else if (str_eq(x->path, STR("/small"))) {
		http_set_body_max(x, 10);
	}
}

static void on_request(void *arg, struct http_exchange *x)
{
	struct service *s = arg;

	s->asked = true;
	assert_int_equal(x->version, 20);
	if (str_eq(x->path, STR("/hold")) || str_eq(x->path, STR("/stream"))) {
		s->held[s->held_count++] = x;
		http_set_events(x, &events, s);
		if (str_eq(x->path, STR("/stream")))
			http_start(x, 200, NULL);
	} else if (str_eq(x->path, STR("/source"))) {
		struct http_source source = { fill, NULL, s, (int64_t)(s->source_left * s->blob->len) +
						(s->source_breaks ? 1 : 0) };

		http_respond_source(x, 200, NULL, &source);
	} else if (str_eq(x->path, STR("/streamed"))) {
		s->held[s->held_count++] = x;
	} else if (str_eq(x->path, STR("/late"))) {
		http_hold(x, &s->late);
		http_respond(x, 200, NULL, (struct http_piece[]){ HTTP_BYTES(STR("late")) }, 1);
	} else if (str_eq(x->path, STR("/late-end"))) {
		http_start(x, 200, NULL);
		http_send(x, (struct http_piece[]){ HTTP_BYTES(STR("first")) }, 1);
		s->held[s->held_count++] = x;
	} else {
		http_respond(x, 200, NULL, (struct http_piece[]){ HTTP_BYTES(x->method_text), HTTP_BYTES(x->body) }, 2);
	}
}

static const struct http_handlers handlers = { .on_headers = on_headers, .on_request = on_request };

static void open_both(struct fixture *f, struct service *s, struct client *c, const struct http_server_limits *limits)
{
	memset(s, 0, sizeof(*s));
	s->blob = blob_alloc(5000);
	memset(s->blob->bytes, 'y', 5000);
	fixture_open(f, &handlers, s, false, limits);
	client_open(c, f);
}

static void close_both(struct fixture *f, struct service *s, struct client *c)
{
	client_close(c);
	fixture_close(f);
	assert_int_equal(s->blob->refs, 1);
	blob_unref(s->blob);
}

/* Breaks if bodies get lost or mixed up between streams, either way. */
static void test_requests(void **state)
{
	struct fixture f;
	struct service s;
	struct client *c = NEW(struct client);
	char *big = mem_zalloc(BIG_BYTES);
	int32_t ids[STREAMS];
	struct answer *a;

	open_both(&f, &s, c, &(struct http_server_limits){ .body_bytes_max = BIG_BYTES });
	for (int i = 0; i < STREAMS; i++)
		ids[i] = ask(c, i % 2 ? "POST" : "GET", "/", i % 2 ? STR("hello") : STR_NONE, NULL);
	for (int i = 0; i < STREAMS; i++) {
		a = wait_answer(c, ids[i]);
		assert_int_equal(a->status, 200);
		assert_string_equal(a->text, i % 2 ? "POSThello" : "GET");
	}
	a = wait_answer(c, ask(c, "POST", "/", str_sub(big, BIG_BYTES), NULL));
	assert_int_equal(a->status, 200);
	assert_int_equal(a->bytes, BIG_BYTES + 4);
	a = wait_answer(c, ask(c, "HEAD", "/", STR_NONE, NULL));
	assert_int_equal(a->status, 200);
	assert_int_equal(a->bytes, 0);
	a = wait_answer(c, ask(c, "PUT", "/streamed", str_sub(big, BIG_BYTES), NULL));
	assert_string_equal(a->text, "streamed");
	assert_int_equal(s.body_bytes, BIG_BYTES);
	assert_int_equal(http_server_connection_count(f.server), 1);
	mem_free(big);
	close_both(&f, &s, c);
	mem_free(c);
}

/* Breaks if an answer that is held back leaves too early or never, or keeps others of its connection waiting. */
static void test_held_answers(void **state)
{
	struct fixture f;
	struct service s;
	struct client *c = NEW(struct client);
	struct answer *a;
	int32_t late, other;

	open_both(&f, &s, c, NULL);
	late = ask(c, "GET", "/late", STR_NONE, NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(wait_answer(c, ask(c, "GET", "/", STR_NONE, NULL))->status, 200);
	assert_int_equal(answer_at(c, late)->status, 0);
	http_release(&s.late);
	a = wait_answer(c, late);
	assert_int_equal(a->status, 200);
	assert_string_equal(a->text, "late");
	/* Held when it has begun: what is left of it waits. */
	late = ask(c, "GET", "/late-end", STR_NONE, NULL);
	while (answer_at(c, late)->bytes < 5)
		fixture_run_for(&f, 1);
	http_hold(s.held[0], &s.late);
	http_send(s.held[0], (struct http_piece[]){ HTTP_BYTES(STR(" last")) }, 1);
	http_end(s.held[0]);
	other = ask(c, "HEAD", "/", STR_NONE, NULL);
	assert_int_equal(wait_answer(c, other)->status, 200);
	assert_string_equal(answer_at(c, late)->text, "first");
	http_release(&s.late);
	assert_string_equal(wait_answer(c, late)->text, "first last");
	/* The client has lost interest: releasing does no harm. */
	s.asked = false;
	late = ask(c, "GET", "/late", STR_NONE, NULL);
	fixture_run_until(&f, &s.asked);
	nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, late, NGHTTP2_CANCEL);
	flush(c);
	assert_int_equal(wait_answer(c, ask(c, "GET", "/", STR_NONE, NULL))->status, 200);
	http_release(&s.late);
	assert_int_equal(wait_answer(c, ask(c, "GET", "/", STR_NONE, NULL))->status, 200);
	close_both(&f, &s, c);
	mem_free(c);
}

/* Breaks if a limit does not hold at one beyond it, or already bites at it. */
static void test_limits(void **state)
{
	static const struct http_server_limits limits = { .head_bytes_max = 1000, .stream_max = 4 };
	struct fixture f;
	struct service s;
	struct client *c = NEW(struct client);
	char extra[1200];
	size_t spent = 4 * 32 + strlen(":methodGET:schemehttp:authorityx:path/") + 32 + strlen("extra");
	struct answer *a;

	open_both(&f, &s, c, &limits);
	a = wait_answer(c, ask(c, "POST", "/small", STR("0123456789"), NULL));
	assert_int_equal(a->status, 200);
	a = wait_answer(c, ask(c, "POST", "/small", STR("01234567890"), NULL));
	assert_int_equal(a->status, 413);
	memset(extra, 'e', sizeof(extra));
	extra[1000 - spent] = 0;
	a = wait_answer(c, ask(c, "GET", "/", STR_NONE, extra));
	assert_int_equal(a->status, 200);
	extra[1000 - spent] = 'e';
	extra[1000 - spent + 1] = 0;
	a = wait_answer(c, ask(c, "GET", "/", STR_NONE, extra));
	assert_int_equal(a->status, 431);
	/* The client's own library keeps to the number of streams: only four arrive. */
	for (int i = 0; i < 6; i++)
		(void)ask(c, "GET", "/hold", STR_NONE, NULL);
	fixture_run_for(&f, 10);
	assert_int_equal(s.held_count, 4);
	close_both(&f, &s, c);
	assert_int_equal(s.closed_count, 4);
	mem_free(c);
}

/* Breaks if a cancelled stream is not reported, or its connection suffers. */
static void test_cancel(void **state)
{
	struct fixture f;
	struct service s;
	struct client *c = NEW(struct client);
	int32_t id;

	open_both(&f, &s, c, NULL);
	id = ask(c, "GET", "/stream", STR_NONE, NULL);
	fixture_run_until(&f, &s.asked);
	nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
	flush(c);
	fixture_run_until(&f, &s.closed);
	assert_int_equal(wait_answer(c, ask(c, "GET", "/", STR_NONE, NULL))->status, 200);
	close_both(&f, &s, c);
	mem_free(c);
}

/* Breaks if a stream is not told that its bytes have gone, or a paused reader delays other streams. */
static void test_windows(void **state)
{
	struct fixture f;
	struct service s;
	struct client *c = NEW(struct client);
	struct http_chunk chunk; /* its frame is of HTTP/1.1 */
	int32_t id;
	size_t sent = 0;

	open_both(&f, &s, c, NULL);
	id = ask(c, "GET", "/stream", STR_NONE, NULL);
	fixture_run_until(&f, &s.asked);
	nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, id, 8 << 20);
	http_chunk_make(&chunk, &HTTP_BLOB(s.blob), 1);
	for (; sent < BIG_BYTES * 4; sent += s.blob->len)
		http_send_chunk(s.held[0], &chunk);
	http_chunk_deinit(&chunk);
	assert_int_equal(http_queued_bytes(s.held[0]), sent);
	assert_false(s.drained);
	fixture_run_until(&f, &s.drained);
	assert_true(http_queued_bytes(s.held[0]) <= HTTP_DRAINED_LOW_BYTES);
	http_end(s.held[0]);
	assert_int_equal(wait_answer(c, id)->bytes, sent);
	/* A paused reader closes its window: the rest of the client's body stays with it. */
	char *big = mem_zalloc(BIG_BYTES);
	s.paused = true;
	s.asked = false;
	s.held_count = 0;
	id = ask(c, "PUT", "/streamed", str_sub(big, BIG_BYTES), NULL);
	fixture_run_until(&f, &s.asked);
	fixture_run_for(&f, 20);
	assert_true(answer_at(c, id)->body_left > 0);
	assert_int_equal(wait_answer(c, ask(c, "GET", "/", STR_NONE, NULL))->status, 200);
	s.paused = false;
	http_body_resume(s.held[0]);
	assert_string_equal(wait_answer(c, id)->text, "streamed");
	assert_int_equal(s.body_bytes, BIG_BYTES);
	mem_free(big);
	close_both(&f, &s, c);
	mem_free(c);
}

/* Breaks if a body made on demand is cut, or a broken one passes for complete. */
static void test_sources(void **state)
{
	struct fixture f;
	struct service s;
	struct client *c = NEW(struct client);
	struct answer *a;

	open_both(&f, &s, c, NULL);
	s.source_left = 1000;
	a = wait_answer(c, ask(c, "GET", "/source", STR_NONE, NULL));
	assert_int_equal(a->bytes, 5000000);
	assert_int_equal(a->error_code, 0);
	s.source_left = 3;
	s.source_breaks = true;
	a = wait_answer(c, ask(c, "GET", "/source", STR_NONE, NULL));
	assert_int_not_equal(a->error_code, 0);
	close_both(&f, &s, c);
	mem_free(c);
}

/* Breaks if one client can keep the server busy with frames that cost the client nothing. */
static void test_floods(void **state)
{
	static const char *const kinds[] = { "reset", "ping", "settings" };

	for (size_t kind = 0; kind < ARRAY_COUNT(kinds); kind++) {
		struct fixture f;
		struct service s;
		struct client *c = NEW(struct client);

		open_both(&f, &s, c, NULL);
		for (int i = 0; i < 5000 && !c->goaway && !c->eof; i++) {
			if (kind == 0) {
				nghttp2_nv nv[] = { NV(":method", "GET"), NV(":scheme", "http"), NV(":authority", "x"),
						    NV(":path", "/") };
				int32_t id = nghttp2_submit_request(c->session, NULL, nv, 4, NULL, NULL);

				flush(c);
				nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
			} else if (kind == 1) {
				nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
			} else {
				nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, NULL, 0);
			}
			flush(c);
			if (i % 32 == 0)
				fixture_run_for(&f, 0);
		}
		fixture_run_until(&f, &c->eof);
		if (!c->goaway || c->goaway_code != NGHTTP2_ENHANCE_YOUR_CALM)
			fail_msg("%s: not told to calm down", kinds[kind]);
		close_both(&f, &s, c);
		mem_free(c);
	}
}

/* Breaks if a client can have its streams reset by us for ever, one after the other. */
static void test_forced_resets(void **state)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	/* A request, and a window that grows beyond all bounds. */
	unsigned char frames[] = { 0, 0, 6, 1, 5, 0, 0, 0, 0, 0x82, 0x86, 0x84, 0x41, 1, 'x',
				   0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff };
	struct fixture f;
	struct service s;
	struct client *c = NEW(struct client);
	struct raw raw;
	bool is_told = false;

	open_both(&f, &s, c, NULL);
	raw_open(&raw, &f);
	raw_send(&raw, preface, sizeof(preface) - 1);
	raw_send(&raw, "\0\0\0\4\0\0\0\0\0", 9);
	for (int i = 0; i < 5000 && !raw.eof; i++) {
		for (int at = 0; at < 2; at++) {
			frames[5 + 15 * at + 2] = (unsigned char)((2 * i + 1) >> 8);
			frames[5 + 15 * at + 3] = (unsigned char)(2 * i + 1);
		}
		raw_send(&raw, (const char *)frames, sizeof(frames));
		if (i % 32 == 0)
			fixture_run_for(&f, 0);
	}
	raw_wait_eof(&raw);
	for (size_t at = 0; at + 8 <= raw.in.len; at++)
		is_told |= memcmp(raw.in.ptr + at, "\x07\0\0\0\0\0", 6) == 0; /* GOAWAY */
	assert_true(is_told);
	raw_close(&raw);
	close_both(&f, &s, c);
	mem_free(c);
}

/* Breaks if a client that asks and keeps its window shut holds what was answered for ever. */
static void test_stall(void **state)
{
	static const struct http_server_limits limits = { .send_timeout_ms = 60 };
	const nghttp2_settings_entry shut = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0 };

	for (int moves = 0; moves < 2; moves++) {
		struct fixture f;
		struct service s;
		struct client *c = NEW(struct client);
		int32_t id;

		open_both(&f, &s, c, &limits);
		nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &shut, 1);
		s.source_left = 1000;
		id = ask(c, "GET", "/source", STR_NONE, NULL);
		fixture_run_for(&f, 30);
		assert_false(c->goaway || c->eof);
		if (moves) { /* who takes ten bytes at a time, again and again, goes on */
			nghttp2_submit_window_update(c->session, NGHTTP2_FLAG_NONE, id, 10);
			flush(c);
			fixture_run_for(&f, 200);
			assert_false(c->goaway || c->eof);
			assert_true(answer_at(c, id)->bytes > 0);
		} else {
			fixture_run_until(&f, &c->eof);
			assert_true(c->goaway);
		}
		close_both(&f, &s, c);
		mem_free(c);
	}
}

/* Breaks if bytes that are not HTTP/2 frames do harm. */
static void test_garbage(void **state)
{
	struct fixture f;
	struct service s;
	struct client *c = NEW(struct client);
	struct raw raw;
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

	open_both(&f, &s, c, NULL);
	raw_open(&raw, &f);
	raw_send(&raw, preface, sizeof(preface) - 1);
	raw_send(&raw, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
	raw_wait_eof(&raw);
	raw_close(&raw);
	close_both(&f, &s, c);
	mem_free(c);
}

static void server_drained(void *arg)
{
	((struct service *)arg)->server_drained = true;
}

/* Breaks if draining cuts a running stream or does not tell the client to go. */
static void test_drain(void **state)
{
	struct fixture f;
	struct service s;
	struct client *c = NEW(struct client);
	int32_t id;

	open_both(&f, &s, c, NULL);
	id = ask(c, "GET", "/hold", STR_NONE, NULL);
	fixture_run_until(&f, &s.asked);
	http_server_drain(f.server, 5000, server_drained, &s);
	fixture_run_until(&f, &c->goaway);
	assert_int_equal(c->goaway_code, NGHTTP2_NO_ERROR);
	http_respond_bytes(s.held[0], 200, STR("text/plain"), STR("still"));
	assert_string_equal(wait_answer(c, id)->text, "still");
	fixture_run_until(&f, &s.server_drained);
	close_both(&f, &s, c);
	mem_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_held_answers), cmocka_unit_test(test_limits), cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_windows), cmocka_unit_test(test_sources), cmocka_unit_test(test_floods),
		cmocka_unit_test(test_forced_resets),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_garbage), cmocka_unit_test(test_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
