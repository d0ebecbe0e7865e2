/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exec and port-forward streams, spoken by hand: negotiation in upstream's words, channels of each
 * WebSocket protocol, SPDY with its compression, end of input, pause, status.
 */
#include "net_fixture.h"

#include <stdio.h>
#include <sys/socket.h>
#include <zlib.h>
#include "net/remote_stream.h"
#include "net/spdy.h"
#include "net/websocket.h"

struct service {
	struct fixture f;
	struct raw raw;
	struct remote_stream_options options;
	struct remote_stream *r;
	struct port_forward *forward;
	bool ready, stdin_closed, closed, refused, has_data, free_on_data, pause_on_data, resumes, resized;
	struct buf data;
	uint16_t width, height;
	uint32_t opened_id;
	uint16_t opened_port;
	bool opened, forward_closed;
};

static void on_ready(void *arg, struct remote_stream *r)
{
	((struct service *)arg)->ready = true;
}

static void on_data(void *arg, struct remote_stream *r, enum remote_channel channel, struct str bytes)
{
	struct service *s = arg;
	struct err err;

	if (channel == REMOTE_RESIZE) {
		s->resized = remote_resize_decode(bytes, &s->width, &s->height, &err) == 0;
		return;
	}
	buf_put_str(&s->data, bytes);
	s->has_data = true;
	if (s->free_on_data) {
		remote_stream_free(r);
		s->r = NULL;
	} else if (s->pause_on_data) {
		remote_stream_pause(r, channel);
		if (s->resumes)
			remote_stream_resume(r, channel);
	} else {
		remote_stream_send(r, REMOTE_STDOUT, bytes);
	}
}

static void on_channel_closed(void *arg, struct remote_stream *r, enum remote_channel channel)
{
	if (channel == REMOTE_STDIN)
		((struct service *)arg)->stdin_closed = true;
}

static void on_closed(void *arg, struct remote_stream *r)
{
	struct service *s = arg;

	s->closed = true;
	remote_stream_free(r);
	s->r = NULL;
}

static const struct remote_stream_events events = { .on_ready = on_ready, .on_data = on_data,
						    .on_channel_closed = on_channel_closed, .on_closed = on_closed };

static void on_forward_open(void *arg, struct port_forward *f, uint32_t id, uint16_t port)
{
	struct service *s = arg;

	s->opened = true;
	s->opened_id = id;
	s->opened_port = port;
}

static void on_forward_data(void *arg, struct port_forward *f, uint32_t id, struct str bytes)
{
	buf_put_str(&((struct service *)arg)->data, bytes);
	((struct service *)arg)->has_data = true;
	port_forward_send(f, id, bytes);
	if (str_has_prefix(bytes, STR("last words")))
		port_forward_close(f, id, STR("over"));
}

static void on_forward_eof(void *arg, struct port_forward *f, uint32_t id)
{
	port_forward_close(f, id, STR(""));
}

static void on_forward_closed(void *arg, struct port_forward *f)
{
	((struct service *)arg)->forward_closed = true;
	((struct service *)arg)->forward = NULL;
	port_forward_free(f);
}

static const struct port_forward_events forward_events = { .on_open = on_forward_open, .on_data = on_forward_data,
	.on_eof = on_forward_eof, .on_end = on_forward_eof, .on_closed = on_forward_closed };

static void on_request(void *arg, struct http_exchange *x)
{
	struct service *s = arg;
	struct err err;
	uint16_t ports[] = { 80, 443 };

	if (str_eq(x->path, STR("/portforward"))) {
		struct port_forward_options options = { ports, 2, &forward_events, s };

		s->refused = port_forward_accept(x, &options, &s->forward, &err) < 0;
		return;
	}
	s->options.events = &events;
	s->options.arg = s;
	s->refused = remote_stream_accept(x, &s->options, &s->r, &err) < 0;
}

static const struct http_handlers handlers = { .on_request = on_request };

static void open_service(struct service *s, bool tty)
{
	memset(s, 0, sizeof(*s));
	s->options = (struct remote_stream_options){
		.has_stdin = true, .has_stdout = true, .has_stderr = true, .tty = tty
	};
	buf_init(&s->data, FIXTURE_BYTES_MAX);
	fixture_open(&s->f, &handlers, s, false, NULL);
	raw_open(&s->raw, &s->f);
}

static void close_service(struct service *s)
{
	remote_stream_free(s->r);
	port_forward_free(s->forward);
	raw_close(&s->raw);
	fixture_close(&s->f);
	buf_deinit(&s->data);
}

static void say(struct service *s, const char *text)
{
	raw_send(&s->raw, text, strlen(text));
}

#define WS_HEAD "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

/* Breaks if a request that cannot be upgraded is answered in other words than upstream's. */
static void test_refusals(void **state)
{
	static const struct {
		const char *request, *status, *part;
	} cases[] = {
		{ "GET /exec HTTP/1.1\r\nHost: x\r\n\r\n", "400",
		  "unable to upgrade: X-Stream-Protocol-Version is required\n" },
		{ "POST /exec HTTP/1.1\r\nHost: x\r\nX-Stream-Protocol-Version: "
		  "v4.channel.k8s.io\r\n\r\n",
		  "400", "unable to upgrade: missing upgrade headers in request" },
		{ "POST /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
		  "X-Stream-Protocol-Version: v9.channel.k8s.io, v8\r\n\r\n",
		  "403",
		  "unable to upgrade: unable to negotiate protocol: client supports [v9.channel.k8s.io "
		  "v8], server accepts "
		  "[v4.channel.k8s.io v3.channel.k8s.io v2.channel.k8s.io channel.k8s.io]\n" },
		{ "GET /exec HTTP/1.1\r\n" WS_HEAD "Sec-WebSocket-Protocol: v9.channel.k8s.io\r\n\r\n",
		  "403", "Forbidden" },
		{ "GET /exec HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: "
		  "websocket\r\nSec-WebSocket-Version: 12\r\n"
		  "Sec-WebSocket-Key: a\r\n\r\n",
		  "400", "Sec-WebSocket-Version: 13" },
		{ "POST /exec HTTP/1.1\r\n" WS_HEAD "Content-Length: 0\r\n\r\n", "400", "Bad Request" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct service s;

		open_service(&s, false);
		say(&s, cases[i].request);
		raw_wait_for(&s.raw, cases[i].part);
		assert_memory_equal(s.raw.in.ptr + 9, cases[i].status, 3);
		assert_true(s.refused);
		close_service(&s);
	}
}

static void send_frame(struct service *s, int opcode, const char *payload, size_t len)
{
	char frame[4096];
	size_t at = 0;

	assert_true(len < 65536 && len + 8 < sizeof(frame));
	frame[at++] = (char)opcode; /* 0x80 is final */
	if (len < 126) {
		frame[at++] = (char)(0x80 | len);
	} else {
		frame[at++] = (char)(0x80 | 126);
		frame[at++] = (char)(len >> 8);
		frame[at++] = (char)len;
	}
	memcpy(frame + at, "mask", 4);
	at += 4;
	for (size_t i = 0; i < len; i++)
		frame[at++] = (char)(payload[i] ^ "mask"[i % 4]);
	raw_send(&s->raw, frame, at);
}

static bool has_bytes(struct service *s, const char *bytes, size_t len)
{
	return memmem(s->raw.in.ptr, s->raw.in.len, bytes, len) != NULL;
}

/* Breaks if a channel's bytes do not arrive as sent, in binary or base64, or the end of input is
 * missed. */
static void test_websocket_channels(void **state)
{
	struct service s;

	open_service(&s, true);
	say(&s, "GET /exec HTTP/1.1\r\n" WS_HEAD
		"Sec-WebSocket-Protocol: v9.channel.k8s.io, v5.channel.k8s.io, v4.channel.k8s.io\r\n\r\n");
	raw_wait_for(&s.raw, "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n");
	assert_non_null(strstr(s.raw.in.ptr, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	fixture_run_until(&s.f, &s.ready);
	assert_true(has_bytes(&s, "\x82\x01\x01", 3)); /* the empty message that says so */
	send_frame(&s, 0x82, "\0hello", 6);
	raw_wait_for(&s.raw, "hello");
	assert_true(has_bytes(&s, "\x82\x06\x01hello", 8));
	send_frame(&s, 0x02, "\0in ", 4); /* in two parts, with a ping between */
	send_frame(&s, 0x89, "ping", 4);
	send_frame(&s, 0x80, "parts", 5);
	raw_wait_for(&s.raw, "in parts");
	assert_true(has_bytes(&s, "\x8a\x04ping", 6));
	send_frame(&s, 0x82, "\4{\"Width\":120,\"Height\":40}", 26);
	fixture_run_until(&s.f, &s.resized);
	assert_int_equal(s.width, 120);
	assert_int_equal(s.height, 40);
	send_frame(&s, 0x82, "\1nonsense", 9); /* not ours to receive */
	send_frame(&s, 0x82, "\xff\0", 2);
	fixture_run_until(&s.f, &s.stdin_closed);
	remote_stream_send(s.r, REMOTE_STDERR, STR("not with a terminal"));
	remote_stream_finish(s.r, STR("{\"status\":\"Success\"}"));
	fixture_run_until(&s.f, &s.closed);
	raw_wait_eof(&s.raw);
	assert_true(has_bytes(&s, "\x82\x15\x03{\"status\":\"Success\"}\x88\x02\x03\xe8", 27));
	assert_false(has_bytes(&s, "terminal", 8));
	close_service(&s);

	open_service(&s, false);
	say(&s, "GET /exec HTTP/1.1\r\n" WS_HEAD "Sec-WebSocket-Protocol: base64.channel.k8s.io\r\n\r\n");
	fixture_run_until(&s.f, &s.ready);
	assert_false(remote_stream_wants_status(s.r));
	send_frame(&s, 0x81, "0aGVsbG8=", 9);
	fixture_run_until(&s.f, &s.has_data);
	assert_string_equal(s.data.ptr, "hello");
	raw_wait_for(&s.raw, "1aGVsbG8=");
	send_frame(&s, 0x88, "\x03\xe8", 2);
	fixture_run_until(&s.f, &s.closed);
	close_service(&s);
}

/* Breaks if frames that RFC 6455 forbids are taken, or freeing inside an event does harm. */
static void test_websocket_bad(void **state)
{
	static const struct {
		const char *name, *frame;
		size_t len;
	} cases[] = {
		{ "unmasked", "\x82\x02\0a", 4 },
		{ "reserved bit", "\xc2\x82mask\0a", 8 },
		{ "unknown opcode", "\x83\x82mask\0a", 8 },
		{ "fragmented ping", "\x09\x80mask", 6 },
		{ "part of nothing", "\x80\x82mask\x6d\0", 8 },
		{ "message within another", "\x02\x81mask\x6d\x82\x81mask\x6d", 14 },
		{ "too large", "\x82\xff\0\0\0\0\0\x10\0\1mask", 14 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct service s;

		open_service(&s, false);
		say(&s, "GET /exec HTTP/1.1\r\n" WS_HEAD "\r\n");
		fixture_run_until(&s.f, &s.ready);
		raw_send(&s.raw, cases[i].frame, cases[i].len);
		fixture_run_until(&s.f, &s.closed);
		assert_int_equal(s.data.len, 0);
		close_service(&s);
	}
	struct service s;
	open_service(&s, false);
	s.free_on_data = true;
	say(&s, "GET /exec HTTP/1.1\r\n" WS_HEAD "\r\n");
	fixture_run_until(&s.f, &s.ready);
	send_frame(&s, 0x82, "\0a", 2);
	send_frame(&s, 0x82, "\0b", 2);
	raw_wait_eof(&s.raw);
	assert_int_equal(s.data.len, 1);
	close_service(&s);
}

/* Pings by the ten thousand, from a client that does not read: more than the kernel's buffers hold. */
static void flood(struct service *s)
{
	static const char payload[125];
	char frames[100 * 131], *at = frames;
	int bytes = 4096;

	setsockopt(s->raw.fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	io_update(&s->raw.watch, 0);
	for (int i = 0; i < 100; i++) {
		memcpy(at, "\x89\xfd\0\0\0\0", 6);
		memcpy(at + 6, payload, sizeof(payload));
		at += 131;
	}
	for (int i = 0; i < 600; i++) {
		raw_send(&s->raw, frames, sizeof(frames));
		fixture_run_for(&s->f, 0);
	}
	fixture_run_for(&s->f, 5);
}

/* Breaks if a client that asks whether we are there, and does not listen, makes us remember all its questions. */
static void test_pings(void **state)
{
	struct service s;

	open_service(&s, false);
	say(&s, "GET /exec HTTP/1.1\r\n" WS_HEAD "\r\n");
	fixture_run_until(&s.f, &s.ready);
	flood(&s);
	assert_false(s.closed);
	assert_in_range(remote_stream_queued_bytes(s.r), 1, WEBSOCKET_PONG_QUEUE_BYTES_MAX + 256);
	close_service(&s);

	open_service(&s, false);
	say(&s, "GET /portforward HTTP/1.1\r\n" WS_HEAD "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n");
	fixture_run_until(&s.f, &s.opened);
	flood(&s);
	assert_false(s.forward_closed);
	assert_in_range(port_forward_queued_bytes(s.forward, 1), 1, WEBSOCKET_PONG_QUEUE_BYTES_MAX + 256);
	close_service(&s);
}

/* Breaks if a paused command's input is lost or still delivered. */
static void test_pause(void **state)
{
	struct service s;

	open_service(&s, false);
	s.pause_on_data = true;
	say(&s, "GET /exec HTTP/1.1\r\n" WS_HEAD "\r\n");
	fixture_run_until(&s.f, &s.ready);
	send_frame(&s, 0x82, "\0one", 4);
	send_frame(&s, 0x82, "\0two", 4);
	fixture_run_until(&s.f, &s.has_data);
	fixture_run_for(&s.f, 10);
	assert_string_equal(s.data.ptr, "one");
	s.pause_on_data = s.has_data = false;
	remote_stream_resume(s.r, REMOTE_STDIN);
	fixture_run_until(&s.f, &s.has_data);
	assert_string_equal(s.data.ptr, "onetwo");
	/* From within the event, with more in the same piece: nothing comes twice or from elsewhere. */
	s.pause_on_data = s.resumes = true;
	buf_reset(&s.data);
	raw_send(&s.raw, "\x82\x84mask\x6dtau\x82\x84mask\x6dgwu\x82\x82mask\x6d\x40", 28);
	for (int i = 0; i < 1000 && s.data.len < 7; i++)
		fixture_run_for(&s.f, 1);
	assert_int_equal(s.data.len, 7);
	assert_false(s.closed);
	close_service(&s);
}

/* --- SPDY, the client's side --- */

static void put_u32(struct buf *to, uint32_t value)
{
	buf_put(to, (char[]){ (char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value }, 4);
}

static void put_text(struct buf *to, const char *text)
{
	put_u32(to, (uint32_t)strlen(text));
	buf_put_c(to, text);
}

static void syn_stream(struct service *s, z_stream *z, uint32_t id, const char *const (*headers)[2], int count)
{
	struct buf block, frame;
	char packed[1024];

	buf_init(&block, 4096);
	buf_init(&frame, 4096);
	put_u32(&block, (uint32_t)count);
	for (int i = 0; i < count; i++) {
		put_text(&block, headers[i][0]);
		put_text(&block, headers[i][1]);
	}
	z->next_in = (uint8_t *)block.ptr;
	z->avail_in = (uInt)block.len;
	z->next_out = (uint8_t *)packed;
	z->avail_out = sizeof(packed);
	assert_int_equal(deflate(z, Z_SYNC_FLUSH), Z_OK);
	put_u32(&frame, 0x80030001);
	put_u32(&frame, (uint32_t)(10 + sizeof(packed) - z->avail_out));
	put_u32(&frame, id);
	put_u32(&frame, 0);
	buf_put(&frame, "\0\0", 2);
	buf_put(&frame, packed, sizeof(packed) - z->avail_out);
	raw_send(&s->raw, frame.ptr, frame.len);
	buf_deinit(&block);
	buf_deinit(&frame);
}

static void data_frame(struct service *s, uint32_t id, const char *bytes, bool is_last)
{
	uint8_t header[8];

	spdy_data_header(id, strlen(bytes), is_last, header);
	raw_send(&s->raw, (char *)header, sizeof(header));
	say(s, bytes);
}

static void open_deflate(z_stream *z)
{
	uint8_t dictionary[SPDY_DICTIONARY_BYTES];

	memset(z, 0, sizeof(*z));
	spdy_dictionary(dictionary);
	assert_int_equal(deflateInit(z, 9), Z_OK);
	assert_int_equal(deflateSetDictionary(z, dictionary, sizeof(dictionary)), Z_OK);
}

#define SPDY_HEAD "Host: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"

/* Breaks if kubectl before 1.30 cannot run a command. */
static void test_spdy(void **state)
{
	static const char *const types[] = { "error", "stdin", "stdout", "stderr" };
	struct service s;
	z_stream z;

	open_deflate(&z);
	open_service(&s, false);
	say(&s, "POST /exec HTTP/1.1\r\n" SPDY_HEAD "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n"
		"X-Stream-Protocol-Version: channel.k8s.io\r\n\r\n");
	raw_wait_for(&s.raw, "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n");
	for (uint32_t i = 0; i < 4; i++) {
		assert_false(s.ready);
		syn_stream(&s, &z, 2 * i + 1, (const char *const[][2]){ { "streamtype", types[i] } }, 1);
	}
	fixture_run_until(&s.f, &s.ready);
	raw_send(&s.raw, "\x80\x03\0\6\0\0\0\4\0\0\0\1", 12); /* PING 1 */
	data_frame(&s, 3, "to stdin", false);
	raw_wait_for(&s.raw, "to stdin");
	assert_true(has_bytes(&s, "\x80\x03\0\6\0\0\0\4\0\0\0\1", 12));
	assert_true(has_bytes(&s, "\0\0\0\5\0\0\0\x08to stdin", 16));
	data_frame(&s, 3, "", true);
	fixture_run_until(&s.f, &s.stdin_closed);
	remote_stream_finish(s.r, STR("{}"));
	raw_wait_eof(&s.raw);
	assert_true(has_bytes(&s, "\0\0\0\5\1\0\0\0", 8));        /* end of stdout */
	assert_true(has_bytes(&s, "\0\0\0\1\1\0\0\2{}", 10));     /* status and end of error */
	close_service(&s);
	deflateEnd(&z);
}

/* Breaks if malformed SPDY does harm, or a client that never makes its streams is taken for ready. */
static void test_spdy_bad(void **state)
{
	static const struct {
		const char *frame;
		size_t len;
	} cases[] = {
		{ "\x80\x02\0\1\0\0\0\0", 8 },                          /* SPDY/2 */
		{ "\x80\x03\0\1\0\0\0\4\0\0\0\1", 12 },                 /* cut SYN_STREAM */
		{ "\x80\x03\0\1\0\0\0\x0c\0\0\0\1\0\0\0\0\0\0zz", 20 }, /* no zlib */
		{ "\x80\x03\0\1\0\xff\xff\xff", 8 },                    /* larger than allowed */
		{ "\x80\x03\0\6\0\0\0\1a", 9 },                         /* PING of one byte */
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct service s;

		open_service(&s, false);
		say(&s, "POST /exec HTTP/1.1\r\n" SPDY_HEAD "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n");
		raw_wait_for(&s.raw, "\r\n\r\n");
		raw_send(&s.raw, cases[i].frame, cases[i].len);
		fixture_run_until(&s.f, &s.closed);
		assert_false(s.ready);
		close_service(&s);
	}
}

/* Breaks if port forwarding pairs streams wrongly, or loses bytes, over SPDY or over WebSocket
 * channels. */
static void test_port_forward(void **state)
{
	struct service s;
	z_stream z;

	open_deflate(&z);
	open_service(&s, false);
	say(&s, "POST /portforward HTTP/1.1\r\n" SPDY_HEAD "X-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n");
	raw_wait_for(&s.raw, "X-Stream-Protocol-Version: portforward.k8s.io\r\n");
	syn_stream(&s, &z, 1, (const char *const[][2]){ { "streamtype", "error" }, { "port", "8080" },
							 { "requestid", "0" } }, 3);
	syn_stream(&s, &z, 3, (const char *const[][2]){ { "streamtype", "data" }, { "port", "8080" },
							 { "requestid", "0" } }, 3);
	fixture_run_until(&s.f, &s.opened);
	assert_int_equal(s.opened_port, 8080);
	data_frame(&s, 3, "there and back", false);
	raw_wait_for(&s.raw, "there and back");
	data_frame(&s, 3, "", true);
	raw_wait_for(&s.raw, "there and back");
	close_service(&s);
	deflateEnd(&z);

	open_service(&s, false);
	say(&s, "GET /portforward HTTP/1.1\r\n" WS_HEAD "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n");
	fixture_run_until(&s.f, &s.opened);
	assert_true(has_bytes(&s, "\x82\x03\0\x50\0\x82\x03\1\x50\0\x82\x03\2\xbb\1\x82\x03\3\xbb\1", 20));
	send_frame(&s, 0x82, "\2to 443", 7);
	raw_wait_for(&s.raw, "to 443");
	assert_true(has_bytes(&s, "\x82\7\2to 443", 9));
	send_frame(&s, 0x02, "\2in", 3);
	send_frame(&s, 0x80, " parts", 6); /* whose first byte is no channel */
	raw_wait_for(&s.raw, "in parts");
	send_frame(&s, 0x82, "\2last words", 11);
	raw_wait_for(&s.raw, "\3over");
	assert_false(has_bytes(&s, "\x88\2", 2)); /* the other port is open */
	send_frame(&s, 0x82, "\0last words too", 15);
	fixture_run_until(&s.f, &s.forward_closed);
	raw_wait_for(&s.raw, "\1over");
	raw_wait_for(&s.raw, "\x88\2\3\xe8");
	close_service(&s);

	open_service(&s, false);
	say(&s, "GET /portforward HTTP/1.1\r\n" WS_HEAD "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n");
	fixture_run_until(&s.f, &s.opened);
	shutdown(s.raw.fd, SHUT_RDWR);
	fixture_run_until(&s.f, &s.forward_closed);
	close_service(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_websocket_channels),
		cmocka_unit_test(test_websocket_bad), cmocka_unit_test(test_pings),
		cmocka_unit_test(test_pause), cmocka_unit_test(test_spdy),
		cmocka_unit_test(test_spdy_bad), cmocka_unit_test(test_port_forward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
