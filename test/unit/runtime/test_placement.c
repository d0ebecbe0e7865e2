/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a program would be put on other CPUs or memory nodes than its list says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "runtime/placement.h"

static void lists_become_bits(void **state)
{
	static const struct {
		const char *list;
		uint64_t first, second; /* words */
	} good[] = {
		{ "0", 1, 0 },
		{ "0-3,7", 0x8f, 0 },
		{ "63-64", UINT64_C(1) << 63, 1 },
		{ "1, 2", 6, 0 },
		{ "5-5,5", 32, 0 },
	};
	static const char *const bad[] = { "", "a", "1-", "-1", "3-1", "1,,2", "1024", "0-99999999999", "0x1" };
	uint64_t bits[PLACEMENT_WORDS];
	struct err err;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(placement_parse(good[i].list, "f", bits, &err), 0);
		assert_true(bits[0] == good[i].first && bits[1] == good[i].second && bits[2] == 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(placement_parse(bad[i], "f", bits, &err), -1);
}

static void unknown_words_are_named(void **state)
{
	struct err err;
	static const char *bad_flag = "MPOL_F_X";

	assert_int_equal(placement_set_memory(NULL, &err), 0);
	assert_int_equal(placement_set_memory(&(struct oci_memory_policy){ .mode = "MPOL_X" }, &err), -1);
	assert_string_equal(err.msg, "linux.memoryPolicy.mode: invalid memory policy mode \"MPOL_X\"");
	assert_int_equal(placement_set_memory(&(struct oci_memory_policy){
		.mode = "MPOL_BIND", .nodes = "0", .flags = { &bad_flag, 1 } }, &err), -1);
	assert_string_equal(err.msg, "linux.memoryPolicy.flags: invalid memory policy flag \"MPOL_F_X\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_become_bits),
		cmocka_unit_test(unknown_words_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
