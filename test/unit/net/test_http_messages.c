/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers as messages of a WebSocket: the handshake in upstream's words, one message for each send in
 * each form, what a client may say meanwhile, and both ways to end.
 */
#include "net_fixture.h"

#include <stdio.h>
#include "net/http_messages.h"
#include "net/websocket.h"

static const struct http_messages_protocol protocols[] = {
	{ STR_INIT(""), HTTP_MESSAGE_BINARY },
	{ STR_INIT("binary.k8s.io"), HTTP_MESSAGE_BINARY },
	{ STR_INIT("base64.binary.k8s.io"), HTTP_MESSAGE_BASE64 },
};

struct service {
	struct fixture f;
	struct raw raw;
	struct http_messages_options options;
	struct http_exchange *x;
	int status;
	bool asked, closed;
	enum err_code refused;
};

static void on_closed(void *arg, struct http_exchange *x)
{
	struct service *s = arg;

	s->closed = true;
	s->x = NULL;
	http_abort(x);
}

static const struct http_exchange_events events = { .on_closed = on_closed };

static void on_request(void *arg, struct http_exchange *x)
{
	struct service *s = arg;
	struct err err = { 0 };

	s->asked = true;
	if (http_messages_accept(x, &s->options, &err) < 0) {
		s->refused = err.code;
		return;
	}
	if (s->status != 200) {
		http_respond_bytes(x, s->status, STR("text/plain"), STR("no such log"));
		return;
	}
	s->x = x;
	http_set_events(x, &events, s);
	http_start(x, 200, NULL);
}

static const struct http_handlers handlers = { .on_request = on_request };

static void open_service(struct service *s, bool any_protocol)
{
	memset(s, 0, sizeof(*s));
	s->status = 200;
	s->options = (struct http_messages_options){ .form = HTTP_MESSAGE_TEXT };
	if (!any_protocol)
		s->options = (struct http_messages_options){ protocols, ARRAY_COUNT(protocols),
							     .has_greeting = true };
	fixture_open(&s->f, &handlers, s, false, NULL);
	raw_open(&s->raw, &s->f);
}

static void close_service(struct service *s)
{
	raw_close(&s->raw);
	fixture_close(&s->f);
}

static void ask(struct service *s, const char *more)
{
	char request[1024];
	int len = snprintf(request, sizeof(request),
			   "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
			   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", more);

	raw_send(&s->raw, request, (size_t)len);
	fixture_run_until(&s->f, &s->asked);
}

static bool has_bytes(struct service *s, const char *bytes, size_t len)
{
	return memmem(s->raw.in.ptr, s->raw.in.len, bytes, len) != NULL;
}

#define VERSION "Sec-WebSocket-Version: 13\r\n"

/* Breaks if a handshake that cannot be is answered in other words than upstream's, or the error of a
 * handler goes anywhere but into a plain answer. */
static void test_refusals(void **state)
{
	static const struct {
		const char *headers, *status, *part;
		enum err_code code;
	} cases[] = {
		{ VERSION "Sec-WebSocket-Protocol: channel.k8s.io\r\n", "403", "Forbidden", ERR_FORBIDDEN },
		{ "Sec-WebSocket-Version: 8\r\n", "400", "missing or bad WebSocket Version", ERR_BAD_REQUEST },
		{ "", "400", "Sec-WebSocket-Version: 13\r\n", ERR_BAD_REQUEST },
	};
	struct service s;

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		open_service(&s, false);
		ask(&s, cases[i].headers);
		raw_wait_for(&s.raw, cases[i].part);
		assert_memory_equal(s.raw.in.ptr + 9, cases[i].status, 3);
		assert_int_equal(s.refused, cases[i].code);
		close_service(&s);
	}
	open_service(&s, false);
	s.status = 404;
	ask(&s, VERSION);
	raw_wait_for(&s.raw, "no such log");
	assert_true(has_bytes(&s, "HTTP/1.1 404 Not Found\r\n", 24));
	close_service(&s);
}

static void say(struct service *s, const char *a, const char *b)
{
	struct http_piece pieces[] = { HTTP_BYTES(str_from(a)), HTTP_BYTES(str_from(b)) };

	http_send(s->x, pieces, 2);
}

/* Breaks if a message is cut, joined with another, of the wrong type, or the end is not told. */
static void test_forms(void **state)
{
	struct service s;

	open_service(&s, false);
	ask(&s, VERSION "Sec-WebSocket-Protocol: other, binary.k8s.io\r\n");
	raw_wait_for(&s.raw, "Sec-WebSocket-Protocol: binary.k8s.io\r\n");
	assert_true(has_bytes(&s, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", 52));
	say(&s, "on", "e");
	say(&s, "", "");
	say(&s, "two", "");
	http_end(s.x);
	raw_wait_eof(&s.raw);
	assert_true(has_bytes(&s, "\r\n\r\n\x82\0\x82\3one\x82\3two\x88\2\3\xe8", 20));
	close_service(&s);

	open_service(&s, false);
	ask(&s, VERSION "Sec-WebSocket-Protocol: base64.binary.k8s.io\r\n");
	say(&s, "hel", "lo");
	http_end(s.x);
	raw_wait_eof(&s.raw);
	assert_true(has_bytes(&s, "\r\n\r\n\x81\0\x81\10aGVsbG8=\x88\2\3\xe8", 20));
	close_service(&s);

	open_service(&s, true);
	ask(&s, VERSION "Sec-WebSocket-Protocol: anything\r\n");
	raw_wait_for(&s.raw, "Sec-WebSocket-Protocol: anything\r\n");
	say(&s, "{\"type\"", ":\"ADDED\"}\n");
	raw_wait_for(&s.raw, "ADDED");
	assert_true(has_bytes(&s, "\r\n\r\n\x81\x11{\"type\":\"ADDED\"}\n", 23));
	http_end(s.x);
	close_service(&s);
}

/* Breaks if what a client says is kept or taken for something, a ping stays unanswered, or its leaving
 * unnoticed. */
static void test_client_speaks(void **state)
{
	static const char large[] = "\x82\xff\0\0\0\0\0\x20\0\0mask"; /* of 2 MiB: skipped, never kept */
	char zeros[16384] = { 0 };
	struct service s;

	open_service(&s, true);
	ask(&s, VERSION);
	raw_send(&s.raw, large, sizeof(large) - 1);
	for (size_t i = 0; i < (2u << 20) / sizeof(zeros); i++)
		raw_send(&s.raw, zeros, sizeof(zeros));
	raw_send(&s.raw, "\x89\x84mas", 5);
	raw_send(&s.raw, "k\x1d\x08\x1d\x0c", 5); /* "ping" behind its mask */
	raw_wait_for(&s.raw, "\x8a\4ping");
	say(&s, "still", " here");
	raw_wait_for(&s.raw, "still here");
	raw_send(&s.raw, "\x88\x82mask\x6e\x89", 8);
	fixture_run_until(&s.f, &s.closed);
	raw_wait_eof(&s.raw);
	assert_true(has_bytes(&s, "\x88\2\3\xe8", 4));
	close_service(&s);
}

/* Breaks if a frame that RFC 6455 forbids is taken. */
static void test_bad_frames(void **state)
{
	static const struct {
		const char *frame;
		size_t len;
	} cases[] = {
		{ "\x82\x01" "a", 3 }, /* without a mask */
		{ "\xc2\x81maska", 7 }, /* a reserved bit */
		{ "\x83\x81maska", 7 }, /* no such type */
		{ "\x09\x80mask", 6 }, /* a ping in parts */
		{ "\x89\xfe\0\x7emask", 8 }, /* a ping that is too long */
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct service s;

		open_service(&s, true);
		ask(&s, VERSION);
		raw_send(&s.raw, cases[i].frame, cases[i].len);
		fixture_run_until(&s.f, &s.closed);
		raw_wait_eof(&s.raw);
		assert_true(has_bytes(&s, "\x88\2\3\xea", 4));
		close_service(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_client_speaks),
		cmocka_unit_test(test_bad_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
