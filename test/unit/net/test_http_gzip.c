/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Breaks when a compressed answer is not what was to be sent, when it goes on for a client that
 * left, or when there may be any number of them at a time.
 */
#include "net_fixture.h"

#include <stdlib.h>
#include <zlib.h>
#include "net/http_gzip.h"

#define PIECE_BYTES (64u << 10)

struct service {
	struct fixture f;
	struct raw raw;
	struct http_gzip gzip;
	struct blob *blob; /* noise: it stays as long as it is */
	size_t left;	   /* pieces still to come */
	bool breaks, released;
};

static int fill(void *arg, struct http_piece *to, size_t max)
{
	struct service *s = arg;

	if (!s->left)
		return s->breaks ? -1 : 0;
	s->left--;
	to[0] = HTTP_BLOB(s->blob);
	return 1;
}

static void release(void *arg)
{
	struct service *s = arg;

	assert_false(s->released);
	s->released = true;
}

static void on_request(void *arg, struct http_exchange *x)
{
	struct service *s = arg;
	struct http_source source = {
		.fill = fill, .release = release, .arg = s, .length_bytes = -1
	};
	struct http_headers headers = { 0 };

	s->released = false;
	http_respond_gzip(&s->gzip, x, 200, &headers, &source);
}

static void open_service(struct service *s)
{
	static const struct http_handlers handlers = { .on_request = on_request };
	uint32_t noise = 1;

	*s = (struct service){ 0 };
	fixture_open(&s->f, &handlers, s, false, NULL);
	s->gzip.env = s->f.env;
	s->blob = blob_alloc(PIECE_BYTES);
	for (size_t i = 0; i < PIECE_BYTES; i++) {
		noise = noise * 1664525 + 1013904223;
		s->blob->bytes[i] = (char)(noise >> 24);
	}
	raw_open(&s->raw, &s->f);
}

static void close_service(struct service *s)
{
	raw_close(&s->raw);
	fixture_close(&s->f);
	blob_unref(s->blob);
}

static void ask(struct service *s)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";

	raw_send(&s->raw, request, sizeof(request) - 1);
}

static void join_chunks(const char *body, struct buf *to)
{
	for (;;) {
		char *end;
		size_t len = strtoul(body, &end, 16);

		if (!len)
			return;
		buf_put(to, end + 2, len);
		body = end + 2 + len + 2;
	}
}

static void test_whole(void **state)
{
	struct service s;
	AUTO_BUF packed = { 0 }, plain = { 0 };
	z_stream z = { 0 };

	open_service(&s);
	s.left = 40;
	ask(&s);
	raw_wait_for(&s.raw, "\r\n0\r\n\r\n");
	assert_non_null(
		strstr(s.raw.in.ptr, "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n"));
	assert_true(s.released);
	assert_int_equal(s.gzip.count, 0);
	buf_init(&packed, (size_t)16 << 20);
	buf_init(&plain, (size_t)16 << 20);
	join_chunks(strstr(s.raw.in.ptr, "\r\n\r\n") + 4, &packed);
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (unsigned char *)packed.ptr;
	z.avail_in = (unsigned)packed.len;
	z.next_out = buf_room(&plain, 40 * PIECE_BYTES + 1);
	z.avail_out = 40 * PIECE_BYTES + 1;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, 40 * PIECE_BYTES);
	for (size_t i = 0; i < 40; i++)
		assert_memory_equal(plain.ptr + i * PIECE_BYTES, s.blob->bytes, PIECE_BYTES);
	inflateEnd(&z);
	close_service(&s);
}

/* A client that reads nothing holds what was made for it, not the rest; one that leaves ends it. */
static void test_client_leaves(void **state)
{
	struct service s;

	open_service(&s);
	s.left = 100000;
	io_stop(&s.raw.watch);
	ask(&s);
	fixture_run_for(&s.f, 300);
	assert_int_equal(s.gzip.count, 1);
	assert_true(s.left > 90000);
	assert_false(s.released);
	raw_close(&s.raw);
	fixture_run_until(&s.f, &s.released);
	assert_int_equal(s.gzip.count, 0);
	raw_open(&s.raw, &s.f);
	close_service(&s);
}

static void test_source_breaks(void **state)
{
	struct service s;

	open_service(&s);
	s.left = 1;
	s.breaks = true;
	ask(&s);
	raw_wait_eof(&s.raw);
	assert_null(strstr(s.raw.in.ptr, "\r\n0\r\n\r\n"));
	fixture_run_until(&s.f, &s.released);
	assert_int_equal(s.gzip.count, 0);
	close_service(&s);
}

static void test_wanted(void **state)
{
	static const struct {
		const char *accepts;
		enum http_method method;
		size_t bytes, count;
		bool want;
	} cases[] = {
		{ "gzip", HTTP_GET, HTTP_GZIP_BYTES_MIN, 0, true },
		{ "deflate, gzip", HTTP_GET, HTTP_GZIP_BYTES_MIN, HTTP_GZIP_ANSWERS_MAX - 1, true },
		{ "gzip", HTTP_GET, HTTP_GZIP_BYTES_MIN, HTTP_GZIP_ANSWERS_MAX, false },
		{ "gzip", HTTP_GET, HTTP_GZIP_BYTES_MIN - 1, 0, false },
		{ "gzip", HTTP_HEAD, HTTP_GZIP_BYTES_MIN, 0, false },
		{ "deflate", HTTP_GET, HTTP_GZIP_BYTES_MIN, 0, false },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct http_header header = HTTP_HEADER(STR("Accept-Encoding"),
							str_from(cases[i].accepts));
		struct http_exchange x = { .method = cases[i].method, .headers = { &header, 1 } };
		struct http_gzip gzip = { .count = cases[i].count };

		assert_int_equal(http_gzip_is_wanted(&gzip, &x, cases[i].bytes), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_client_leaves),
		cmocka_unit_test(test_source_breaks),
		cmocka_unit_test(test_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
