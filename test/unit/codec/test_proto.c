/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol buffers: bytes as protoc's own encoder makes them, both ways; damaged and hostile ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "codec/limits.h"
#include "codec/proto.h"

struct leaf {
	struct str name;
	int64_t number;
};
struct tree {
	bool flag;
	int32_t small;
	uint64_t big;
	struct str *words;
	size_t words_count;
	int64_t *numbers;
	size_t numbers_count;
	struct leaf *one;
	struct leaf *leaves;
	size_t leaves_count;
	struct tree *child;
};

static const struct proto_field leaf_fields[] = {
	PROTO_FIELD(1, BYTES, leaf, name),
	PROTO_FIELD(2, INT64, leaf, number),
	{ 0 },
};
static const struct proto_message leaf_message = PROTO_MESSAGE_OF(leaf, leaf_fields);
static const struct proto_message tree_message;
static const struct proto_field tree_fields[] = {
	PROTO_FIELD(1, BOOL, tree, flag),
	PROTO_FIELD(2, INT32, tree, small),
	PROTO_FIELD(3, UINT64, tree, big),
	PROTO_LIST(4, BYTES, tree, words),
	PROTO_LIST(5, INT64, tree, numbers),
	PROTO_SUB(6, tree, one, leaf_message),
	PROTO_SUBS(70, tree, leaves, leaf_message),
	PROTO_SUB(8, tree, child, tree_message),
	{ 0 },
};
static const struct proto_message tree_message = PROTO_MESSAGE_OF(tree, tree_fields);

#define BYTES_OF(literal) str_sub(literal, sizeof(literal) - 1)

static void test_round(void **state)
{
	/* The bytes must be those of the reference encoder: 150 is 96 01, -1 has ten bytes, 70
	 * needs two for its tag. */
	struct str expected = BYTES_OF(
		"\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x18\x96\x01\x22\x01"
		"a\x22\x00\x2a\x03\x01\x96\x01\x32\x05\x0a\x01n\x10\x02\xb2\x04\x00\xb2\x04\x02\x10"
		"\x07");
	struct str words[] = { STR("a"), STR("") };
	int64_t numbers[] = { 1, 150 };
	struct leaf one = { .name = STR("n"), .number = 2 },
		    leaves[] = { { .number = 0 }, { .number = 7 } };
	struct tree tree = { .flag = true,
			     .small = -1,
			     .big = 150,
			     .words = words,
			     .words_count = 2,
			     .numbers = numbers,
			     .numbers_count = 2,
			     .one = &one,
			     .leaves = leaves,
			     .leaves_count = 2 };
	struct tree back;
	AUTO_ARENA arena = { 0 };
	AUTO_BUF buf = { 0 };
	struct err err;

	arena_init(&arena, 1 << 20);
	buf_init(&buf, 1 << 16);
	proto_encode(&tree_message, &tree, &buf);
	assert_int_equal(buf.len, expected.len);
	assert_memory_equal(buf.ptr, expected.ptr, expected.len);
	assert_int_equal(proto_size(&tree_message, &tree), expected.len);
	assert_int_equal(proto_decode(&tree_message, expected, &arena, &back, &err), 0);
	assert_true(back.flag && back.small == -1 && back.big == 150);
	assert_true(back.words_count == 2 && str_eq_c(back.words[0], "a") &&
		    back.words[1].len == 0);
	assert_true(back.numbers_count == 2 && back.numbers[1] == 150);
	assert_true(str_eq_c(back.one->name, "n") && back.leaves_count == 2 &&
		    back.leaves[1].number == 7);
	assert_null(back.child);
}

static void test_explicit(void **state)
{
	static const struct proto_field fields[] = { PROTO_EXPLICIT(2, INT32, tree, small), { 0 } };
	static const struct proto_message message = PROTO_MESSAGE_OF(tree, fields);
	struct tree tree = { .small = 0 };
	AUTO_BUF buf = { 0 };

	buf_init(&buf, 16);
	proto_encode(&message, &tree, &buf);
	assert_int_equal(proto_size(&message, &tree), 2);
	assert_true(str_eq(buf_str(&buf), BYTES_OF("\x10\x00")));
}

static void test_others_forms(void **state)
{
	/* What another encoder may do must be understood: unpacked lists, unknown fields, a message
	 * in two parts. */
	struct str bytes = BYTES_OF("\x28\x01\x28\x02" /* 5: 1, 5: 2 */
				    "\x7a\x02zz\x79"
				    "12345678\x7d"
				    "1234\x78\x05" /* 15 in each wire type */
				    "\x32\x03\x0a\x01n\x32\x02\x10\x09");
	struct tree back;
	AUTO_ARENA arena = { 0 };
	struct err err;

	arena_init(&arena, 1 << 20);
	assert_int_equal(proto_decode(&tree_message, bytes, &arena, &back, &err), 0);
	assert_true(back.numbers_count == 2 && back.numbers[0] == 1 && back.numbers[1] == 2);
	assert_true(str_eq_c(back.one->name, "n") && back.one->number == 9);
}

static void test_damaged(void **state)
{
	/* Damage must be an error, never a read beyond the bytes. */
	static const struct str bad[] = {
		STR_INIT("\x08"), /* no value */
		STR_INIT("\x22\x05"
			 "ab"),						  /* longer than the rest */
		STR_INIT("\x32\x02\x0a\x05"),				  /* likewise, within */
		STR_INIT("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), /* more than 64 bits */
		STR_INIT("\x03"),
		STR_INIT("\x06"),
		STR_INIT("\x07"),     /* groups; no such wire type */
		STR_INIT("\x00\x01"), /* field 0 */
		STR_INIT("\x79"
			 "1234"), /* 8 bytes wanted */
	};
	struct tree back;
	AUTO_ARENA arena = { 0 };
	struct err err;

	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_true(proto_decode(&tree_message, bad[i], &arena, &back, &err) < 0);
		assert_int_equal(err.code, ERR_PARSE);
	}
}

static void test_limits(void **state)
{
	/* Depth and number of list items must be bounded. */
	struct tree back, *trees = test_calloc(PROTO_DEPTH_MAX + 2, sizeof(*trees));
	AUTO_ARENA arena = { 0 };
	AUTO_BUF buf = { 0 };
	struct err err;

	arena_init(&arena, 64 << 20);
	buf_init(&buf, 1 << 20);
	for (int i = 0; i <= PROTO_DEPTH_MAX; i++)
		trees[i].child = &trees[i + 1];
	proto_encode(&tree_message, &trees[1], &buf);
	assert_int_equal(proto_decode(&tree_message, buf_str(&buf), &arena, &back, &err), 0);
	buf_reset(&buf);
	proto_encode(&tree_message, &trees[0], &buf);
	assert_true(proto_decode(&tree_message, buf_str(&buf), &arena, &back, &err) < 0);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	buf_reset(&buf);
	for (int i = 0; i < PROTO_ITEMS_MAX; i++)
		buf_put(&buf, "\x22\x00", 2);
	assert_int_equal(proto_decode(&tree_message, buf_str(&buf), &arena, &back, &err), 0);
	buf_put(&buf, "\x22\x00", 2);
	assert_true(proto_decode(&tree_message, buf_str(&buf), &arena, &back, &err) < 0);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	test_free(trees);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_explicit),
		cmocka_unit_test(test_others_forms),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("codec_proto", tests, NULL, NULL);
}
