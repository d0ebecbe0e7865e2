/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms: URLs, percent encoding, queries, addresses, header lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/mem.h"
#include "net/address.h"
#include "net/http.h"
#include "net/limits.h"
#include "net/url.h"

/* Breaks if a URL's parts are cut in the wrong place, or a bad one passes. */
static void test_url_parse(void **state)
{
	static const struct {
		const char *text, *host, *path, *query;
		enum url_scheme scheme;
		uint16_t port;
		const char *failure;
	} cases[] = {
		{ "http://a", "a", "/", "", URL_HTTP, 80 },
		{ "https://a.b:8443/x/y?c=d#frag", "a.b", "/x/y", "c=d", URL_HTTPS, 8443 },
		{ "https://[::1]:6443/", "::1", "/", "", URL_HTTPS, 6443 },
		{ "http://u:p@h/", "h", "/", "", URL_HTTP, 80 },
		{ "http://h?q", "h", "/", "q", URL_HTTP, 80 },
		{ "http://h:/x", "h", "/x", "", URL_HTTP, 80 },
		{ "unix:///run/x.sock:/v1/a?b", "/run/x.sock", "/v1/a", "b", URL_UNIX, 0 },
		{ "unix:///run/x.sock", "/run/x.sock", "/", "", URL_UNIX, 0 },
		{ "unix://%2Frun%2Fx/path", "%2Frun%2Fx", "/path", "", URL_UNIX, 0 },
		{ "ftp://a", .failure = "must start with" },
		{ "http://", .failure = "no host" },
		{ "http://:80/", .failure = "no host" },
		{ "http://a:65536/", .failure = "port" },
		{ "http://a:8x/", .failure = "port" },
		{ "http://[::1/", .failure = "missing ']'" },
		{ "http://[::1]x/", .failure = "behind ']'" },
		{ "http://a b/", .failure = "space" },
		{ "http://a/\r\nX: y", .failure = "control" },
		{ "http://a%41/", .failure = "percent sign" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct url url;
		struct err err = { 0 };
		int r = url_parse(str_from(cases[i].text), &url, &err);

		if (cases[i].failure) {
			assert_int_equal(r, -1);
			if (!strstr(err.msg, cases[i].failure))
				fail_msg("%s: %s", cases[i].text, err.msg);
			continue;
		}
		if (r < 0)
			fail_msg("%s: %s", cases[i].text, err.msg);
		assert_int_equal(url.scheme, cases[i].scheme);
		assert_int_equal(url.port, cases[i].port);
		assert_true(str_eq_c(url.host, cases[i].host));
		assert_true(str_eq_c(url.path, cases[i].path));
		assert_true(str_eq_c(url.query, cases[i].query));
	}
}

/* Breaks if a URL may be longer than its limit. */
static void test_url_limit(void **state)
{
	char *text = mem_alloc(URL_BYTES_MAX + 2);
	struct url url;
	struct err err;

	memset(text, 'a', URL_BYTES_MAX + 1);
	memcpy(text, "http://h/", 9);
	assert_int_equal(url_parse(str_sub(text, URL_BYTES_MAX), &url, &err), 0);
	assert_int_equal(url_parse(str_sub(text, URL_BYTES_MAX + 1), &url, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	mem_free(text);
}

/* Breaks if a redirect leads somewhere else than RFC 3986 says. */
static void test_resolve(void **state)
{
	static const struct {
		const char *base, *reference, *want;
	} cases[] = {
		{ "https://h:1/a/b?q", "/c", "https://h:1/c" },
		{ "https://h/a/b", "c", "https://h/a/c" },
		{ "https://h/a/b", "?x", "https://h/a/b?x" },
		{ "https://h/a", "//other/c", "https://other/c" },
		{ "https://h/a", "http://other/c", "http://other/c" },
		{ "unix:///s:/a", "/c", "unix:///s:/c" },
		{ "unix:///s:/a", "http://other/", NULL },
		{ "https://h/a", "/\x01", NULL },
	};
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct url base;
		struct str got;
		int r;

		assert_int_equal(url_parse(str_from(cases[i].base), &base, NULL), 0);
		r = url_resolve(&base, str_from(cases[i].reference), &arena, &got, NULL);
		assert_int_equal(r, cases[i].want ? 0 : -1);
		if (cases[i].want)
			assert_true(str_eq_c(got, cases[i].want));
	}
}

/* Breaks if escapes are decoded wrongly, twice, or past the end. */
static void test_decode(void **state)
{
	static const struct {
		const char *in, *plain, *form;
	} cases[] = {
		{ "", "", "" }, { "abc", "abc", "abc" }, { "a+b", "a+b", "a b" }, { "%41%2f%2F", "A//", "A//" },
		{ "%2541", "%41", "%41" }, { "a%20", "a ", "a " }, { "%", NULL, NULL }, { "%4", NULL, NULL },
		{ "a%4", NULL, NULL }, { "%zz", NULL, NULL }, { "%e2%82%ac", "\xe2\x82\xac", "\xe2\x82\xac" },
	};
	AUTO_ARENA arena = { 0 };
	AUTO_BUF encoded = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct str got;
		int r = url_decode(str_from(cases[i].in), &arena, &got, NULL);

		assert_int_equal(r, cases[i].plain ? 0 : -1);
		if (r == 0)
			assert_true(str_eq_c(got, cases[i].plain));
		r = url_decode_form(str_from(cases[i].in), &arena, &got, NULL);
		assert_int_equal(r, cases[i].form ? 0 : -1);
		if (r == 0)
			assert_true(str_eq_c(got, cases[i].form));
	}
	buf_init(&encoded, 100);
	url_encode(&encoded, STR("a/b c~\xff"));
	url_encode_path(&encoded, STR("/x y:@$&+,;=?#%*"));
	assert_string_equal(encoded.ptr, "a%2Fb%20c~%FF/x%20y:@$&+,;=%3F%23%25%2A");
}

/* Breaks if repeated keys, keys without values or bad escapes in a query are misread. */
static void test_query(void **state)
{
	AUTO_ARENA arena = { 0 };
	struct str query = STR("a=1&&b&a=%32&c=x%3Dy+z&=v"), key, value;
	struct err err;
	bool yes;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	static const char *const want[][2] = { { "a", "1" }, { "b", "" }, { "a", "2" }, { "c", "x=y z" }, { "", "v" } };
	for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
		assert_int_equal(query_next(&query, &arena, &key, &value, &err), 1);
		assert_true(str_eq_c(key, want[i][0]) && str_eq_c(value, want[i][1]));
	}
	assert_int_equal(query_next(&query, &arena, &key, &value, &err), 0);
	query = STR("a=%g");
	assert_int_equal(query_next(&query, &arena, &key, &value, &err), -1);
	assert_string_equal(err.msg, "invalid URL escape \"%g\"");
	assert_int_equal(query_get(STR("a=1&b=2&b=3"), STR("b"), &arena, &value, &err), 1);
	assert_true(str_eq_c(value, "2"));
	assert_int_equal(query_get(STR("a=1"), STR("b"), &arena, &value, &err), 0);
	assert_int_equal(query_get_bool(STR("w=true"), STR("w"), &arena, &yes, &err), 0);
	assert_true(yes);
	assert_int_equal(query_get_bool(STR("w"), STR("w"), &arena, &yes, &err), 0);
	assert_true(yes);
	assert_int_equal(query_get_bool(STR("w=0"), STR("w"), &arena, &yes, &err), 0);
	assert_false(yes);
	assert_int_equal(query_get_bool(STR("w=maybe"), STR("w"), &arena, &yes, &err), -1);
}

/* Breaks if addresses do not survive being written and read. */
static void test_address(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
		bool is_loopback;
	} cases[] = {
		{ "127.0.0.1:80", "127.0.0.1:80", true }, { "[::1]:6443", "[::1]:6443", true },
		{ "10.0.0.1:1", "10.0.0.1:1", false }, { ":8080", "0.0.0.0:8080", false },
		{ "[::ffff:127.0.0.1]:5", "127.0.0.1:5", true }, { "unix:/run/a", "unix:/run/a", true },
		{ "unix:///run/a", "unix:/run/a", true }, { "localhost:80", NULL }, { "1.2.3.4", NULL },
		{ "::1:80", NULL }, { "1.2.3.4:65536", NULL }, { "1.2.3.4:", NULL }, { "unix:", NULL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct address a;
		char text[ADDRESS_TEXT_BYTES];
		int r = address_parse(str_from(cases[i].text), &a, NULL);

		if (r != (cases[i].want ? 0 : -1))
			fail_msg("%s", cases[i].text);
		if (!cases[i].want)
			continue;
		assert_string_equal(address_format(&a, text), cases[i].want);
		assert_int_equal(address_is_loopback(&a), cases[i].is_loopback);
	}
}

/* Breaks if headers are missed because of case, repetition or spacing. */
static void test_headers(void **state)
{
	struct http_header list[] = { HTTP_HEADER(STR("Connection"), STR("keep-alive, Upgrade")),
				      HTTP_HEADER(STR("X"), STR("1")), HTTP_HEADER(STR("x"), STR("2")) };
	struct http_headers h = { list, ARRAY_COUNT(list) };
	size_t cursor = 0;
	struct str value;

	assert_true(http_header_has_token(&h, STR("connection"), STR("upgrade")));
	assert_false(http_header_has_token(&h, STR("connection"), STR("close")));
	assert_true(http_header_next(&h, STR("X"), &cursor, &value) && str_eq_c(value, "1"));
	assert_true(http_header_next(&h, STR("X"), &cursor, &value) && str_eq_c(value, "2"));
	assert_false(http_header_next(&h, STR("X"), &cursor, &value));
	assert_null(http_header_get(&h, STR("Y")).ptr);
	assert_false(http_is_token(STR("a b")));
	assert_false(http_is_token(STR("")));
	assert_false(http_is_value(STR("a\r\nb")));
	assert_true(http_is_value(STR("a\tb \xc3\xa9")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_parse), cmocka_unit_test(test_url_limit), cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_decode), cmocka_unit_test(test_query), cmocka_unit_test(test_address),
		cmocka_unit_test(test_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
