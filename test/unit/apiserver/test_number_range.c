/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when two Services could get one address or port, or when a freed one could not be had
 * again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apiserver/service_networks.h"
#include "sim/env_sim.h"

struct taken {
	bool numbers[256];
	uint64_t seen_first, seen_last; /* of what was asked about */
};

static bool is_taken(void *arg, uint64_t number)
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
	uint64_t number, low_count = 0;

	number_range_init(&range, 100, 64);
	assert_int_equal(range.band_count, 16);
	for (int i = 0; i < 48; i++) {
		assert_true(
			number_range_pick(&range, sim_env(sim, "a"), is_taken, &taken, &number));
		assert_true(number >= 116 && number < 164);
		assert_false(taken.numbers[number]);
		taken.numbers[number] = true;
	}
	for (int i = 0; i < 16; i++) {
		assert_true(
			number_range_pick(&range, sim_env(sim, "a"), is_taken, &taken, &number));
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
		{ "10.0.0.0/8", "10.255.0.1", 0xff0001, "10.255.0.1" },
		{ "fd00::/108", "fd00::1:2", 0x10002, "fd00::1:2" },
		{ "fd00::/108", "fd01::1", -1, NULL },
		{ "fd00::/108", "fd00::", -1, NULL },
		{ "fd00::/125", "fd00::7", 7, "fd00::7" },
		{ "fd00::/64", "FD00:0:0:0:1::2", 0x1000000000002, "fd00::1:0:0:2" },
		{ "fd00::/64", "fd00:0:0:1::", -1, NULL },
		{ "fd00::/64", "10.0.0.1", -1, NULL },
		{ "fd00::/63", "", -2, NULL },
		{ "fd00::/126", "", -2, NULL },
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
		uint64_t offset = 0;
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

static void test_networks(void **state)
{
	static const struct {
		const char *list, *says; /* NULL: it is taken */
		bool is_v6_first, is_dual;
	} cases[] = {
		{ "10.96.0.0/12", NULL, false, false },
		{ "fd00::/108", NULL, true, false },
		{ "10.96.0.0/12,fd00::/108", NULL, false, true },
		{ "fd00::/64,10.0.0.0/8", NULL, true, true },
		{ "", "--service-cluster-ip-range must contain at least one valid cidr" },
		{ "10.96.0.0", "service-cluster-ip-range[0] is not a valid cidr" },
		{ "10.96.0.0/12,", "service-cluster-ip-range[1] is not an ip net" },
		{ "10.96.0.0/12,fd00::", "service-cluster-ip-range[1] is not an ip net" },
		{ "10.96.0.0/12,10.0.0.0/16",
		  "--service-cluster-ip-range[0] and --service-cluster-ip-range[1] must be of "
		  "different IP family" },
		{ "10.96.0.0/12,fd00::/108,10.0.0.0/16",
		  "--service-cluster-ip-range must not contain more than two entries" },
		{ "fd00::/63", "specified --service-cluster-ip-range is too large; for 128-bit "
			       "addresses, the mask must be >= 64" },
		{ "10.96.0.0/30", "the service cluster IP range must be at least 8 IP addresses, "
				  "10.96.0.0/30 is not" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct service_networks networks;
		struct service_families families;
		struct err err = { 0 };
		int r = service_networks_init(&networks, str_from(cases[i].list), &err);

		print_message("%s\n", cases[i].list);
		assert_string_equal(err.msg, cases[i].says ? cases[i].says : "");
		assert_int_equal(r, cases[i].says ? -1 : 0);
		if (r < 0)
			continue;
		families = service_networks_families(&networks);
		assert_int_equal(families.is_v6_first, cases[i].is_v6_first);
		assert_int_equal(families.is_dual, cases[i].is_dual);
		assert_int_equal(service_networks_of(&networks, true) != NULL,
				 cases[i].is_dual || cases[i].is_v6_first);
		service_networks_deinit(&networks);
	}
}

/* All addresses but a few are free, and numbers do not run over. */
static bool is_low(void *arg, uint64_t number)
{
	return number < 1000;
}

static void test_wide(void **state)
{
	struct sim *sim = sim_new(1);
	struct address_range range;
	uint64_t number;
	char text[SERVICE_ADDRESS_BYTES];

	assert_int_equal(address_range_init(&range, STR("fd00::/64"), NULL), 0);
	assert_true(range.offsets.count == UINT64_MAX);
	for (int i = 0; i < 1000; i++) {
		assert_true(number_range_pick(&range.offsets, sim_env(sim, "a"), is_low, NULL,
					      &number));
		assert_true(number >= 1000);
		address_range_text(&range, number, text);
		assert_memory_equal(text, "fd00::", 5);
	}
	address_range_deinit(&range);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_take_all),
					    cmocka_unit_test(test_addresses),
					    cmocka_unit_test(test_networks),
					    cmocka_unit_test(test_wide) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
