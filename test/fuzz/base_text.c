/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base's readers of text from outside: times, durations, numbers, paths, UTF-8. What is accepted must come back as the
 * same value from its own canonical form; a cleaned path must stay cleaned and below the root.
 */
#include <math.h>
#include <stdint.h>
#include "base/assert.h"
#include "base/num.h"
#include "base/path.h"
#include "base/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void try_times(struct str s)
{
	char text[TIME_TEXT_BYTES];
	struct time_point t, same;
	int64_t ns, again;
	struct err err;

	if (time_point_parse(s, &t, &err) == 0)
		ASSERT(time_point_parse(str_from(time_point_format(&t, 9, text)), &same, &err) == 0 &&
		       same.seconds == t.seconds && same.rest_ns == t.rest_ns);

	if (time_parse(s, &ns, &err) == 0) {
		ASSERT(time_parse(str_from(time_format_nano(ns, text)), &again, &err) == 0 && again == ns);
		time_format_micro(ns, text);
	}
	if (time_parse_duration(s, &ns, &err) == 0) {
		ASSERT(time_parse_duration(str_from(time_format_duration(ns, text)), &again, &err) == 0 && again == ns);
		time_format_age(ns, text);
	}
}

static void try_numbers(struct str s)
{
	uint64_t u;
	int64_t i;
	uint32_t octal;
	double d;
	struct err err;

	if (num_parse_u64(s, 1000, "n", &u, &err) == 0)
		ASSERT(u <= 1000);
	if (num_parse_i64(s, -5, 5, "n", &i, &err) == 0)
		ASSERT(i >= -5 && i <= 5);
	if (num_parse_octal(s, 0777, "n", &octal, &err) == 0)
		ASSERT(octal <= 0777);
	if (num_parse_double(s, "n", &d, &err) == 0)
		ASSERT(isfinite(d));
}

static void try_path(struct str s)
{
	AUTO_ARENA arena = { 0 };
	struct str clean;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	clean = path_clean(&arena, s);
	ASSERT(str_eq(path_clean(&arena, clean), clean));
	if (path_is_absolute(s))
		ASSERT(path_is_below(clean, STR("/")) && !str_contains(clean, STR("/../")) &&
		       !str_has_suffix(clean, STR("/..")));
	ASSERT(path_base(s).len <= s.len && path_dir(s).len <= s.len + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct str s = str_sub((const char *)bytes, len);

	try_times(s);
	try_numbers(s);
	try_path(s);
	/* What is UTF-8 stays so when it is cut where another piece of it begins. */
	if (len && str_is_utf8(s) && (bytes[len - 1] & 0x80) == 0)
		ASSERT(str_is_utf8(str_slice(s, 0, len - 1)));
	return 0;
}
