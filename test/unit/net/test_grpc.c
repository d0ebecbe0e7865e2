/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC framing in whatever pieces it comes, and the text forms; the cipher of data at rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/cipher.h"
#include "net/grpc.h"

static void test_pieces(void **state)
{
	/* Messages must come out whole however the bytes are cut. */
	AUTO_BUF stream = { 0 };

	buf_init(&stream, 4096);
	grpc_frame(STR("one"), &stream);
	grpc_frame(STR(""), &stream);
	grpc_frame(STR("three"), &stream);
	for (size_t step = 1; step <= stream.len; step++) {
		struct grpc_reader r;
		AUTO_BUF seen = { 0 };
		struct err err;

		buf_init(&seen, 100);
		grpc_reader_init(&r, 5);
		for (size_t at = 0; at < stream.len; at += step) {
			struct str rest = str_slice(buf_str(&stream), at,
						    at + step > stream.len ? stream.len
									   : at + step);
			struct str message;

			while (grpc_reader_next(&r, &rest, &message, &err) > 0)
				buf_printf(&seen, "[" STR_FMT "]", STR_ARG(message));
		}
		assert_string_equal(seen.ptr, "[one][][three]");
		grpc_reader_deinit(&r);
	}
}

static void test_refused(void **state)
{
	/* Too long and compressed messages must be refused before their bytes are kept. */
	struct grpc_reader r;
	struct str rest = str_sub("\0\0\0\0\6", 5), message;
	struct err err;

	grpc_reader_init(&r, 5);
	assert_true(grpc_reader_next(&r, &rest, &message, &err) < 0);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	rest = str_sub("\1\0\0\0\1x", 6);
	assert_true(grpc_reader_next(&r, &rest, &message, &err) < 0);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	grpc_reader_deinit(&r);
}

static void test_texts(void **state)
{
	/* grpc-message and grpc-timeout as the protocol has them. */
	AUTO_BUF text = { 0 };
	char back[32];

	buf_init(&text, 100);
	grpc_message_encode(STR("50% \n\xc3\xa4"), &text);
	assert_string_equal(text.ptr, "50%25 %0A%C3%A4");
	grpc_message_decode(buf_str(&text), back, sizeof(back));
	assert_string_equal(back, "50% \n\xc3\xa4");
	grpc_message_decode(STR("%zz%4"), back, sizeof(back));
	assert_string_equal(back, "%zz%4");
	grpc_message_decode(STR("abcdef"), back, 4);
	assert_string_equal(back, "abc");
	assert_int_equal(grpc_timeout_parse(STR("5S")), 5000);
	assert_int_equal(grpc_timeout_parse(STR("100m")), 100);
	assert_int_equal(grpc_timeout_parse(STR("1n")), 1);
	assert_int_equal(grpc_timeout_parse(STR("S")), -1);
	assert_int_equal(grpc_timeout_parse(STR("123456789S")), -1);
	assert_int_equal(grpc_timeout_parse(STR("5x")), -1);
}

static void test_cipher(void **state)
{
	/* What was sealed must come back with the same key and context, and with nothing else. */
	static const char nonce[CIPHER_NONCE_BYTES] = "0123456789abcdef";
	static const struct str keys[] = { STR_INIT("0123456789abcdef"),
					   STR_INIT("0123456789abcdef01234567"),
					   STR_INIT("0123456789abcdef0123456789abcdef") };

	for (int cipher = CIPHER_AES_GCM; cipher <= CIPHER_AES_CBC; cipher++) {
		for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
			AUTO_BUF sealed = { 0 }, back = { 0 };
			struct err err;

			buf_init(&sealed, 1000);
			buf_init(&back, 1000);
			assert_int_equal(cipher_seal(cipher, keys[i], STR("/a"), nonce,
						     STR("secret text"), &sealed, &err),
					 0);
			assert_false(str_contains(buf_str(&sealed), STR("secret")));
			assert_int_equal(cipher_open(cipher, keys[i], STR("/a"), buf_str(&sealed),
						     &back, &err),
					 0);
			assert_true(str_eq_c(buf_str(&back), "secret text"));
			assert_true(cipher_open(cipher, keys[(i + 1) % 3], STR("/a"),
						buf_str(&sealed), &back, &err) < 0);
			assert_true(cipher_open(cipher, keys[i], STR("/a"),
						str_slice(buf_str(&sealed), 0, 20), &back,
						&err) < 0);
			if (cipher == CIPHER_AES_GCM) /* moved to another key */
				assert_true(cipher_open(cipher, keys[i], STR("/b"),
							buf_str(&sealed), &back, &err) < 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_cipher),
	};

	return cmocka_run_group_tests_name("net_grpc", tests, NULL, NULL);
}
