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

/* NaCl's own test of secretbox; and what is not that box. */
static void test_secretbox(void **state)
{
	static const char key[] =
		"\x1b\x27\x55\x64\x73\xe9\x85\xd4\x62\xcd\x51\x19\x7a\x9a\x46\xc7\x60\x09"
		"\x54\x9e\xac\x64\x74\xf2\x06\xc4\xee\x08\x44\xf6\x83\x89";
	static const char nonce[] =
		"\x69\x69\x6e\xe9\x55\xb6\x2b\x73\xcd\x62\xbd\xa8\x75\xfc\x73\xd6\x82\x19"
		"\xe0\x03\x6b\x7a\x0b\x37";
	static const char text[] =
		"\xbe\x07\x5f\xc5\x3c\x81\xf2\xd5\xcf\x14\x13\x16\xeb\xeb\x0c\x7b\x52\x28"
		"\xc5\x2a\x4c\x62\xcb\xd4\x4b\x66\x84\x9b\x64\x24\x4f\xfc\xe5\xec\xba\xaf"
		"\x33\xbd\x75\x1a\x1a\xc7\x28\xd4\x5e\x6c\x61\x29\x6c\xdc\x3c\x01\x23\x35"
		"\x61\xf4\x1d\xb6\x6c\xce\x31\x4a\xdb\x31\x0e\x3b\xe8\x25\x0c\x46\xf0\x6d"
		"\xce\xea\x3a\x7f\xa1\x34\x80\x57\xe2\xf6\x55\x6a\xd6\xb1\x31\x8a\x02\x4a"
		"\x83\x8f\x21\xaf\x1f\xde\x04\x89\x77\xeb\x48\xf5\x9f\xfd\x49\x24\xca\x1c"
		"\x60\x90\x2e\x52\xf0\xa0\x89\xbc\x76\x89\x70\x40\xe0\x82\xf9\x37\x76\x38"
		"\x48\x64\x5e\x07\x05";
	static const char want[] =
		"\xf3\xff\xc7\x70\x3f\x94\x00\xe5\x2a\x7d\xfb\x4b\x3d\x33\x05\xd9\x8e\x99"
		"\x3b\x9f\x48\x68\x12\x73\xc2\x96\x50\xba\x32\xfc\x76\xce\x48\x33\x2e\xa7"
		"\x16\x4d\x96\xa4\x47\x6f\xb8\xc5\x31\xa1\x18\x6a\xc0\xdf\xc1\x7c\x98\xdc"
		"\xe8\x7b\x4d\xa7\xf0\x11\xec\x48\xc9\x72\x71\xd2\xc2\x0f\x9b\x92\x8f\xe2"
		"\x27\x0d\x6f\xb8\x63\xd5\x17\x38\xb4\x8e\xee\xe3\x14\xa7\xcc\x8a\xb9\x32"
		"\x16\x45\x48\xe5\x26\xae\x90\x22\x43\x68\x51\x7a\xcf\xea\xbd\x6b\xb3\x73"
		"\x2b\xc0\xe9\xda\x99\x83\x2b\x61\xca\x01\xb6\xde\x56\x24\x4a\x9e\x88\xd5"
		"\xf9\xb3\x79\x73\xf6\x22\xa4\x3d\x14\xa6\x59\x9b\x1f\x65\x4c\xb4\x5a\x74"
		"\xe3\x55\xa5";
	struct str k = str_sub(key, sizeof(key) - 1);
	AUTO_BUF sealed = { 0 }, back = { 0 };
	struct err err;

	buf_init(&sealed, 1000);
	buf_init(&back, 1000);
	assert_int_equal(cipher_seal(CIPHER_SECRETBOX, k, STR_NONE, nonce,
				     str_sub(text, sizeof(text) - 1), &sealed, &err),
			 0);
	assert_memory_equal(sealed.ptr, nonce, sizeof(nonce) - 1);
	assert_int_equal(sealed.len, sizeof(nonce) - 1 + sizeof(want) - 1);
	assert_memory_equal(sealed.ptr + sizeof(nonce) - 1, want, sizeof(want) - 1);
	assert_int_equal(
		cipher_open(CIPHER_SECRETBOX, k, STR_NONE, buf_str(&sealed), &back, &err), 0);
	assert_true(str_eq(buf_str(&back), str_sub(text, sizeof(text) - 1)));
	for (size_t len = 0; len < sealed.len; len++)
		assert_true(cipher_open(CIPHER_SECRETBOX, k, STR_NONE,
					str_slice(buf_str(&sealed), 0, len), &back, &err) < 0);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.ptr[i] ^= 4;
		assert_true(cipher_open(CIPHER_SECRETBOX, k, STR_NONE, buf_str(&sealed), &back,
					&err) < 0);
		sealed.ptr[i] ^= 4;
	}
	assert_false(cipher_is_key(CIPHER_SECRETBOX, str_slice(k, 0, 24)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_cipher),
		cmocka_unit_test(test_secretbox),
	};

	return cmocka_run_group_tests_name("net_grpc", tests, NULL, NULL);
}
