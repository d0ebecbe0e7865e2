/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time are int64_t nanoseconds since 1970 UTC (wall) or since boot (monotonic), durations int64_t in the
 * unit their name says. What others wrote may lie outside of what these reach, in the years 0 to 9999: struct
 * time_point. The text forms are those of RFC 3339 and of Go durations. Reading the clock is not here: it goes
 * through loop/env.h (or linux/ in single-threaded programs).
 */
#ifndef CUBE_BASE_TIME_H
#define CUBE_BASE_TIME_H

#include <stdint.h>
#include "base/err.h"
#include "base/str.h"

#define TIME_NS_PER_SECOND INT64_C(1000000000)
#define TIME_NS_PER_MS INT64_C(1000000)
#define TIME_TEXT_BYTES 40

/* "2024-01-02T03:04:05Z" (metav1.Time); returns to. */
const char *time_format(int64_t wall_ns, char to[TIME_TEXT_BYTES]);
/* "2024-01-02T03:04:05.123456Z" (metav1.MicroTime). */
const char *time_format_micro(int64_t wall_ns, char to[TIME_TEXT_BYTES]);
/* "2024-01-02T03:04:05.123456789Z", always nine digits (CRI logs). */
const char *time_format_nano(int64_t wall_ns, char to[TIME_TEXT_BYTES]);
/* RFC 3339 with any offset and fraction, 1677 to 2262. */
int time_parse(struct str text, int64_t *ret_wall_ns, struct err *err) MUST_CHECK;

struct time_point {
	int64_t seconds; /* since 1970 UTC */
	int64_t rest_ns; /* 0 to 999999999 */
};
/* The years 0 to 9999, which are all that text can hold. */
bool time_point_is_valid(const struct time_point *t) PURE;
int time_point_parse(struct str text, struct time_point *ret, struct err *err) MUST_CHECK;
/* fraction_digits is 0, 6 or 9; what is left over is cut off. t is valid. */
const char *time_point_format(const struct time_point *t, int fraction_digits, char to[TIME_TEXT_BYTES]);

/* "1h30m", "300ms", "1.5s", "-2m", "0" as Go's time.ParseDuration. */
int time_parse_duration(struct str text, int64_t *ret_ns, struct err *err) MUST_CHECK;
const char *time_format_duration(int64_t ns, char to[TIME_TEXT_BYTES]);       /* "1h30m0s", as Go */
/* "5s", "3m20s", "2d4h", "3y50d", "<invalid>" for negative ones: ages as kubectl prints them. */
const char *time_format_age(int64_t ns, char to[TIME_TEXT_BYTES]);

#endif
