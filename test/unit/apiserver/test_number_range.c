/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when two Services could get one address or port, or when a freed one could not be had
 * again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apiserver/number_range.h"
#include "sim/env_sim.h"

struct taken {
	bool numbers[256];
	uint32_t seen_first, seen_last; /* of what was asked about */
};

static bool is_taken(void *arg, uint32_t number)
{
	struct taken *t = arg;

	t->seen_first = number < t->seen_first ? number : t->seen_first;
	t->seen_last = number > t->seen_last ? number : t->seen_last;
	return t->numbers[number];
}

static void test_take_all(void **state)
{
	struct sim *sim = sim_new(1);
	struct number_range range;
	struct taken taken = { .seen_first = 1000 };
	uint32_t number, low_count = 0;

	number_range_init(&range, 100, 64);
	assert_int_equal(range.band_count, 16);
	for (int i = 0; i < 48; i++) {
		assert_true(number_range_pick(&range, sim_env(sim, "a"), is_taken, &taken, &number));
		assert_true(number >= 116 && number < 164);
		assert_false(taken.numbers[number]);
		taken.numbers[number] = true;
	}
	for (int i = 0; i < 16; i++) {
		assert_true(number_range_pick(&range, sim_env(sim, "a"), is_taken, &taken, &number));
		low_count += number < 116;
		taken.numbers[number] = true;
	}
	assert_int_equal(low_count, 16);
	assert_false(number_range_pick(&range, sim_env(sim, "a"), is_taken, &taken, &number));
	taken.numbers[107] = false;
	assert_true(number_range_pick(&range, sim_env(sim, "a"), is_taken, &taken, &number));
	assert_int_equal(number, 107);
	assert_int_equal(taken.seen_first, 100);
	assert_int_equal(taken.seen_last, 163);
	sim_free(sim);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *cidr, *address;
		int64_t offset; /* -1: not of this range; -2: not a network */
		const char *text;
	} cases[] = {
		{ "10.96.0.0/24", "10.96.0.1", 1, "10.96.0.1" },
		{ "10.96.0.0/24", "10.96.0.254", 254, "10.96.0.254" },
		{ "10.96.0.0/24", "10.96.0.255", -1, NULL },
		{ "10.96.0.0/24", "10.96.0.0", -1, NULL },
		{ "10.96.0.0/24", "10.97.0.1", -1, NULL },
		{ "10.96.0.0/24", "11.96.0.1", -1, NULL },
		{ "10.96.0.0/12", "10.97.1.2", 0x10102, "10.97.1.2" },
		{ "10.96.0.77/24", "10.96.0.7", 7, "10.96.0.7" },
		{ "10.0.0.0/8", "10.255.0.1", -1, NULL },
		{ "fd00::/108", "fd00::1:2", 0x10002, "fd00::1:2" },
		{ "fd00::/108", "fd01::1", -1, NULL },
		{ "10.96.0.0/24", "nonsense", -1, NULL },
		{ "10.96.0.0/30", "", -2, NULL },
		{ "10.96.0.0", "", -2, NULL },
		{ "10.96.0.0/33", "", -2, NULL },
		{ "hello/8", "", -2, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address_range range;
		struct err err = { 0 };
		char text[SERVICE_ADDRESS_BYTES];
		uint32_t offset = 0;
		int r = address_range_init(&range, str_from(cases[i].cidr), &err);

		print_message("%s %s\n", cases[i].cidr, cases[i].address);
		assert_int_equal(r, cases[i].offset == -2 ? -1 : 0);
		if (r < 0)
			continue;
		assert_int_equal(address_range_offset(&range, str_from(cases[i].address), &offset),
				 cases[i].offset >= 0);
		if (cases[i].offset >= 0) {
			assert_int_equal(offset, cases[i].offset);
			assert_string_equal(address_range_text(&range, offset, text),
					    cases[i].text);
		}
		address_range_deinit(&range);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_take_all),
					    cmocka_unit_test(test_addresses) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
