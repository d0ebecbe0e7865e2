/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, arenas, shared blobs and heap memory: limits, ownership, alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/mem.h"

static void test_buf_limit(void **state)
{
	/* A buffer must take exactly max_bytes; one more fails it until reset and leaves what was there. */
	AUTO_BUF b = { 0 };
	struct err err;

	buf_init(&b, 10);
	assert_int_equal(b.ptr[0], 0);
	buf_put_c(&b, "0123456789");
	assert_false(buf_failed(&b));
	assert_int_equal(buf_check(&b, "body", &err), 0);
	buf_put_char(&b, 'x');
	assert_true(buf_failed(&b));
	buf_put_c(&b, "");
	assert_true(str_eq_c(buf_str(&b), "0123456789"));
	assert_int_equal(buf_check(&b, "body", &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_string_equal(err.msg, "body is larger than 10 bytes");
	buf_reset(&b);
	buf_printf(&b, "%s", "0123456789");
	assert_false(buf_failed(&b));
	buf_reset(&b);
	buf_printf(&b, "%s", "0123456789x");
	assert_true(buf_failed(&b));
	assert_int_equal(b.len, 0);
	assert_null(buf_room(&b, 1));
}

static void test_buf_limit_within_capacity(void **state)
{
	/* The limit must hold for formatted text too when memory beyond it is there already. */
	AUTO_BUF b = { 0 };

	buf_init(&b, 5);
	buf_put_c(&b, "abc"); /* capacity is 64 now */
	buf_printf(&b, "%s", "def");
	assert_true(buf_failed(&b));
	assert_true(str_eq_c(buf_str(&b), "abc"));
	assert_int_equal(b.ptr[3], 0);
}

static void test_buf_growth(void **state)
{
	/* Appending piece by piece, consuming and taking must never lose or repeat a byte. */
	AUTO_BUF b = { 0 };
	struct str taken;
	char *room;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "%04d,", i);
	assert_int_equal(b.len, 50000);
	assert_memory_equal(b.ptr + 49995, "9999,", 6);
	buf_consume(&b, 5);
	assert_memory_equal(b.ptr, "0001,", 5);
	room = buf_room(&b, 3);
	memcpy(room, "end", 3);
	buf_added(&b, 3);
	taken = buf_take(&b);
	assert_int_equal(taken.len, 49998);
	assert_true(str_has_suffix(taken, STR("9999,end")));
	assert_int_equal(taken.ptr[taken.len], 0);
	mem_free((void *)taken.ptr);
	assert_int_equal(b.len, 0);
	buf_put_c(&b, "again");
	assert_true(str_eq_c(buf_str(&b), "again"));
	buf_deinit(&b);
	taken = buf_take(&b);
	assert_string_equal(taken.ptr, "");
	mem_free((void *)taken.ptr);
}

static void test_arena(void **state)
{
	/* Arena memory must be cleared, aligned, apart from each other, and usable again after a reset. */
	AUTO_ARENA a = { 0 };

	arena_init(&a, ARENA_DEFAULT_MAX);
	for (int round = 0; round < 3; round++) {
		unsigned char *before = NULL;

		for (size_t i = 1; i < 3000; i++) {
			unsigned char *p = arena_alloc(&a, i);

			assert_int_equal((uintptr_t)p % 16, 0);
			for (size_t k = 0; k < i; k++)
				assert_int_equal(p[k], 0);
			memset(p, 0xff, i);
			assert_true(!before || before[i - 2] == 0xff);
			before = p;
		}
		assert_true(a.used_bytes >= 3000 * 2999 / 2);
		arena_reset(&a);
		assert_int_equal(a.used_bytes, 0);
	}
}

static void count_free(void *parsed)
{
	(*(int *)parsed)++;
}

static void test_blob(void **state)
{
	/* Bytes and their parsed form must live exactly as long as the last reference. */
	int freed = 0;
	struct blob *b = blob_new(STR("bytes"));

	b->parsed = &freed;
	b->parsed_free = count_free;
	{
		AUTO_BLOB second = blob_ref(b);

		assert_ptr_equal(second, b);
		blob_unref(b);
		assert_int_equal(freed, 0);
		assert_true(str_eq_c(blob_str(second), "bytes"));
		assert_int_equal(second->bytes[5], 0);
	}
	assert_int_equal(freed, 1);
	assert_null(blob_ref(NULL));
	blob_unref(NULL);
}

static void test_mem(void **state)
{
	/* Ownership must move out of AUTO_FREE, and secrets must compare right at every place. */
	char *kept;

	{
		AUTO_FREE char *text = mem_printf("%s-%d", "x", 7);

		kept = TAKE(text);
		assert_null(text);
	}
	assert_string_equal(kept, "x-7");
	mem_free(kept);
	assert_true(mem_equal_secret("abc", "abc", 3));
	assert_false(mem_equal_secret("abc", "abd", 3));
	assert_false(mem_equal_secret("xbc", "abc", 3));
	assert_true(mem_equal_secret("", "", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_limit), cmocka_unit_test(test_buf_limit_within_capacity),
		cmocka_unit_test(test_buf_growth), cmocka_unit_test(test_arena), cmocka_unit_test(test_blob),
		cmocka_unit_test(test_mem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
