/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms of times and durations: the exact wording clients parse and people read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include "base/time.h"

#define S TIME_NS_PER_SECOND
#define HOUR (3600 * S)
#define DAY (24 * HOUR)

static const struct {
	const char *text;
	int64_t ns;
	const char *second, *micro;
} times[] = {
	{ "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z" },
	{ "2024-02-29T12:34:56.789Z", INT64_C(1709210096789000000), "2024-02-29T12:34:56Z",
	  "2024-02-29T12:34:56.789000Z" },
	{ "2024-01-02T03:04:05+02:30", INT64_C(1704155645000000000), "2024-01-02T00:34:05Z",
	  "2024-01-02T00:34:05.000000Z" },
	{ "2023-12-31T23:30:00-01:00", INT64_C(1704069000000000000), "2024-01-01T00:30:00Z",
	  "2024-01-01T00:30:00.000000Z" },
	{ "1969-12-31T23:59:59.999999999Z", -1, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999999Z" },
	{ "2000-03-01t00:00:00.5z", INT64_C(951868800500000000), "2000-03-01T00:00:00Z",
	  "2000-03-01T00:00:00.500000Z" },
	{ "1900-03-01T00:00:00Z", INT64_C(-2203891200000000000), "1900-03-01T00:00:00Z",
	  "1900-03-01T00:00:00.000000Z" },
	{ "2016-12-31T23:59:60Z", INT64_C(1483228800000000000), "2017-01-01T00:00:00Z",
	  "2017-01-01T00:00:00.000000Z" },
};

static void test_times(void **state)
{
	/* Reading and writing of times must agree with RFC 3339 to the nanosecond. */
	char text[TIME_TEXT_BYTES];

	for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
		struct err err = { 0 };
		int64_t ns = 0;

		if (time_parse(str_from(times[i].text), &ns, &err) < 0)
			fail_msg("%s: %s", times[i].text, err.msg);
		assert_int_equal(ns, times[i].ns);
		assert_string_equal(time_format(ns, text), times[i].second);
		assert_string_equal(time_format_micro(ns, text), times[i].micro);
	}
	assert_string_equal(time_format_nano(1, text), "1970-01-01T00:00:00.000000001Z");
	assert_string_equal(time_format_nano(S, text), "1970-01-01T00:00:01.000000000Z");
}

static void test_every_day(void **state)
{
	/* Each day of the calendar must come back as itself. */
	char text[TIME_TEXT_BYTES];

	for (int64_t day = -106000; day < 106000; day += 1) {
		int64_t ns = 0;

		time_format(day * DAY, text);
		assert_int_equal(time_parse(str_from(text), &ns, NULL), 0);
		assert_int_equal(ns, day * DAY);
	}
}

static void test_points(void **state)
{
	/* What others wrote in years that nanoseconds do not reach must come back as it was. */
	static const struct {
		const char *text;
		int64_t seconds, rest_ns;
		const char *micro;
	} cases[] = {
		{ "0001-01-01T00:00:02Z", INT64_C(-62135596798), 0, "0001-01-01T00:00:02.000000Z" },
		{ "0000-01-01T00:00:00Z", INT64_C(-62167219200), 0, "0000-01-01T00:00:00.000000Z" },
		{ "9999-12-31T23:59:59.123456789Z", INT64_C(253402300799), 123456789, "9999-12-31T23:59:59.123456Z" },
		{ "1969-12-31T23:59:59.5Z", -1, 500000000, "1969-12-31T23:59:59.500000Z" },
	};
	char text[TIME_TEXT_BYTES];
	struct time_point t;

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		assert_int_equal(time_point_parse(str_from(cases[i].text), &t, NULL), 0);
		assert_int_equal(t.seconds, cases[i].seconds);
		assert_int_equal(t.rest_ns, cases[i].rest_ns);
		assert_string_equal(time_point_format(&t, 6, text), cases[i].micro);
	}
	assert_int_equal(time_point_parse(STR("0000-01-01T00:00:00+00:01"), &t, NULL), -1);
	assert_int_equal(time_point_parse(STR("9999-12-31T23:59:59-00:01"), &t, NULL), -1);
	assert_false(time_point_is_valid(&(struct time_point){ INT64_MAX, 0 }));
	assert_false(time_point_is_valid(&(struct time_point){ INT64_MIN, 0 }));
	assert_false(time_point_is_valid(&(struct time_point){ 0, S }));
	assert_false(time_point_is_valid(&(struct time_point){ 0, -1 }));
}

static const char *const bad_times[] = {
	"", "2024", "2024-01-02", "2024-01-02T03:04:05", "2024-01-02 03:04:05Z", "2024-13-01T00:00:00Z",
	"2024-00-01T00:00:00Z", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2024-04-31T00:00:00Z",
	"2024-01-02T24:00:00Z", "2024-01-02T03:60:05Z", "2024-01-02T03:04:61Z", "2024-01-02T03:04:05.Z",
	"2024-01-02T03:04:05ZZ", "2024-01-02T03:04:05+0200", "2024-01-02T03:04:05+24:00", "2024-1-2T3:4:5Z",
	"-024-01-02T03:04:05Z", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2024-01-02T03:04:05,5Z",
};

static void test_bad_times(void **state)
{
	/* What is no time must be refused and left unset. */
	for (size_t i = 0; i < ARRAY_COUNT(bad_times); i++) {
		struct err err = { 0 };
		int64_t ns = 42;

		assert_int_equal(time_parse(str_from(bad_times[i]), &ns, &err), -1);
		assert_int_equal(err.code, ERR_PARSE);
		assert_int_equal(ns, 42);
	}
}

static const struct {
	const char *text;
	int64_t ns;
	const char *canonical;
} durations[] = {
	{ "0", 0, "0s" },
	{ "0s", 0, "0s" },
	{ "+5s", 5 * S, "5s" },
	{ "1h30m", 90 * 60 * S, "1h30m0s" },
	{ "300ms", 300000000, "300ms" },
	{ "1.5s", 1500000000, "1.5s" },
	{ "-2m", -120 * S, "-2m0s" },
	{ "1.5h", 90 * 60 * S, "1h30m0s" },
	{ ".5s", 500000000, "500ms" },
	{ "5.s", 5 * S, "5s" },
	{ "1us", 1000, "1\u00b5s" },
	{ "1.5\u00b5s", 1500, "1.5\u00b5s" },
	{ "1\u03bcs", 1000, "1\u00b5s" },
	{ "17ns", 17, "17ns" },
	{ "1h0m0.000000001s", HOUR + 1, "1h0m0.000000001s" },
	{ "2562047h47m16.854775807s", INT64_MAX, "2562047h47m16.854775807s" },
	{ "-2562047h47m16.854775808s", INT64_MIN, "-2562047h47m16.854775808s" },
	{ "0.3333333333333333333h", 1200 * S - 1, "19m59.999999999s" },
};

static void test_durations(void **state)
{
	/* Durations must be read and written as Go's time package does. */
	char text[TIME_TEXT_BYTES];

	for (size_t i = 0; i < ARRAY_COUNT(durations); i++) {
		struct err err = { 0 };
		int64_t ns = 42;

		if (time_parse_duration(str_from(durations[i].text), &ns, &err) < 0)
			fail_msg("%s: %s", durations[i].text, err.msg);
		if (ns != durations[i].ns)
			fail_msg("%s: %" PRId64, durations[i].text, ns);
		assert_string_equal(time_format_duration(ns, text), durations[i].canonical);
	}
}

static const char *const bad_durations[] = {
	"", "-", "+", ".", "s", "5", "5x", "1h-5m", "--5s", " 5s", "5s ", "1e3s", "9223372036854775808ns",
	"2562047h47m16.854775808s", "99999999999999999999h", "5S", ".s",
};

static void test_bad_durations(void **state)
{
	/* What Go refuses must be refused. */
	for (size_t i = 0; i < ARRAY_COUNT(bad_durations); i++) {
		int64_t ns = 42;

		if (time_parse_duration(str_from(bad_durations[i]), &ns, NULL) == 0)
			fail_msg("accepted: '%s'", bad_durations[i]);
		assert_int_equal(ns, 42);
	}
}

static const struct {
	int64_t ns;
	const char *text;
} ages[] = {
	{ -2 * S, "<invalid>" }, { -S, "0s" }, { 0, "0s" }, { 119 * S, "119s" }, { 120 * S, "2m" },
	{ 200 * S, "3m20s" }, { 600 * S, "10m" }, { 179 * 60 * S, "179m" }, { 3 * HOUR, "3h" },
	{ 3 * HOUR + 60 * S, "3h1m" }, { 8 * HOUR + 60 * S, "8h" }, { 47 * HOUR, "47h" }, { 48 * HOUR, "2d" },
	{ 52 * HOUR, "2d4h" }, { 8 * DAY + HOUR, "8d" }, { 729 * DAY, "729d" }, { 730 * DAY, "2y" },
	{ (3 * 365 + 50) * DAY, "3y50d" }, { 9 * 365 * DAY + DAY, "9y" },
};

static void test_ages(void **state)
{
	/* Ages must read as kubectl prints them. */
	char text[TIME_TEXT_BYTES];

	for (size_t i = 0; i < ARRAY_COUNT(ages); i++)
		assert_string_equal(time_format_age(ages[i].ns, text), ages[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_points), cmocka_unit_test(test_bad_times),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_bad_durations),
		cmocka_unit_test(test_ages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
