/* SPDX-License-Identifier: Apache-2.0 */
/* Timestamps and durations: texts, getters with time zones. Zones are UTC and fixed offsets: this
 * folder reads no files. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/time.h"
#include "cel/value_internal.h"

#define SECONDS_MAX 253402300799 /* the end of year 9999 */
#define SECONDS_PER_DAY 86400

struct civil {
	int64_t year;
	unsigned month, day;  /* from 1 */
	unsigned day_of_year; /* from 0 */
	unsigned day_of_week; /* Sunday is 0 */
	unsigned second_of_day;
};

/* Days since 1970 of a date in the Gregorian calendar; the year begins in March, so that leap days
 * come last. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static struct civil civil_of(int64_t seconds)
{
	int64_t days = seconds / SECONDS_PER_DAY - (seconds % SECONDS_PER_DAY < 0);
	int64_t shifted = days + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t of_era = shifted - era * 146097;
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * of_year + 2) / 153;
	struct civil c;

	c.day = (unsigned)(of_year - (153 * month + 2) / 5 + 1);
	c.month = (unsigned)(month < 10 ? month + 3 : month - 9);
	c.year = year_of_era + era * 400 + (c.month <= 2);
	c.day_of_year = (unsigned)(days - days_of(c.year, 1, 1));
	c.day_of_week = (unsigned)(((days + 4) % 7 + 7) % 7);
	c.second_of_day = (unsigned)(seconds - days * SECONDS_PER_DAY);
	return c;
}

struct cel_value cel_timestamp(struct cel_frame *f, int64_t seconds, int32_t nanos)
{
	if (seconds < CEL_TIMESTAMP_SECONDS_MIN || seconds > SECONDS_MAX)
		return cel_fail(f, "timestamp overflow");
	return (struct cel_value){ .kind = CEL_TIMESTAMP, .integer = seconds, .nanos = nanos };
}

/* count digits at *s. */
static bool take_digits(struct str *s, size_t count, int64_t *ret)
{
	uint64_t value;

	if (s->len < count ||
	    num_parse_u64(str_sub(s->ptr, count), 9999, "digits", &value, NULL) < 0)
		return false;
	*s = str_sub(s->ptr + count, s->len - count);
	*ret = (int64_t)value;
	return true;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	return month == 12
		       ? 31
		       : days_of(year, (unsigned)month + 1, 1) - days_of(year, (unsigned)month, 1);
}

static bool take_fraction(struct str *s, int32_t *ret_nanos)
{
	int32_t nanos = 0;
	int32_t unit = 100000000;

	*ret_nanos = 0;
	if (!str_strip_prefix(s, STR(".")) && !str_strip_prefix(s, STR(",")))
		return true;
	if (s->len == 0 || s->ptr[0] < '0' || s->ptr[0] > '9')
		return false;
	for (; s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9';
	     *s = str_sub(s->ptr + 1, s->len - 1), unit /= 10)
		nanos += unit * (s->ptr[0] - '0');
	*ret_nanos = nanos;
	return true;
}

/* "Z", "+02:00": seconds east of UTC. */
static bool take_offset(struct str *s, int64_t *ret)
{
	int64_t hours;
	int64_t minutes;
	bool west;

	*ret = 0;
	if (str_strip_prefix(s, STR("Z")))
		return true;
	west = str_strip_prefix(s, STR("-"));
	if (!west && !str_strip_prefix(s, STR("+")))
		return false;
	if (!take_digits(s, 2, &hours) || !str_strip_prefix(s, STR(":")) ||
	    !take_digits(s, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

bool cel_parse_timestamp(struct str text, struct cel_value *ret)
{
	int64_t year, month, day, hour, minute, second, offset, seconds;
	int32_t nanos;

	if (!take_digits(&text, 4, &year) || !str_strip_prefix(&text, STR("-")) ||
	    !take_digits(&text, 2, &month) || !str_strip_prefix(&text, STR("-")) ||
	    !take_digits(&text, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return false;
	seconds = days_of(year, (unsigned)month, (unsigned)day) * SECONDS_PER_DAY;
	if (text.len == 0) { /* format "date" */
		*ret = (struct cel_value){ .kind = CEL_TIMESTAMP, .integer = seconds };
		return seconds >= CEL_TIMESTAMP_SECONDS_MIN;
	}
	if (!str_strip_prefix(&text, STR("T")) || !take_digits(&text, 2, &hour) ||
	    !str_strip_prefix(&text, STR(":")) || !take_digits(&text, 2, &minute) ||
	    !str_strip_prefix(&text, STR(":")) || !take_digits(&text, 2, &second) ||
	    !take_fraction(&text, &nanos) || !take_offset(&text, &offset) || text.len > 0)
		return false;
	if (hour > 23 || minute > 59 || second > 59)
		return false;
	seconds += hour * 3600 + minute * 60 + second - offset;
	*ret = (struct cel_value){
		.kind = CEL_TIMESTAMP, .integer = seconds, .nanos = nanos, .zone_seconds = offset
	};
	return seconds >= CEL_TIMESTAMP_SECONDS_MIN && seconds <= SECONDS_MAX;
}

bool cel_parse_duration(struct str text, int64_t *ret_ns)
{
	return time_parse_duration(text, ret_ns, NULL) == 0;
}

/* In the zone that it was written in. */
struct cel_value cel_timestamp_text(struct cel_frame *f, struct cel_value v)
{
	struct civil c = civil_of(v.integer + v.zone_seconds);
	int minutes = abs((int)v.zone_seconds) / 60;
	char fraction[16] = "";
	char zone[16] = "Z";
	char text[64];

	if (v.nanos) {
		int len = snprintf(fraction, sizeof(fraction), ".%09d", v.nanos);

		while (fraction[len - 1] == '0')
			fraction[--len] = '\0';
	}
	if (v.zone_seconds != 0)
		snprintf(zone, sizeof(zone), "%c%02d:%02d", v.zone_seconds < 0 ? '-' : '+',
			 minutes / 60, minutes % 60);
	snprintf(text, sizeof(text), "%04d-%02u-%02uT%02u:%02u:%02u%s%s", (int)c.year, c.month,
		 c.day, c.second_of_day / 3600, c.second_of_day / 60 % 60, c.second_of_day % 60,
		 fraction, zone);
	return cel_text(f, str_from(text));
}

/* Seconds with a fraction: "3600s", "0.5s". */
struct cel_value cel_duration_text(struct cel_frame *f, struct cel_value v)
{
	uint64_t ns = v.integer < 0 ? 0 - (uint64_t)v.integer : (uint64_t)v.integer;
	char text[48];
	int len = snprintf(text, sizeof(text), "%s%llu.%09llu", v.integer < 0 ? "-" : "",
			   (unsigned long long)(ns / TIME_NS_PER_SECOND),
			   (unsigned long long)(ns % TIME_NS_PER_SECOND));

	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	text[len++] = 's';
	return cel_text(f, str_sub(text, (size_t)len));
}

/* ---- getters ---- */

/* The zone of a call's last argument: "", "UTC", "+02:00", "-8:00". */
static bool zone_offset(struct str zone, int64_t *ret)
{
	struct str hours_text;
	struct str minutes_text;
	int64_t hours;
	uint64_t minutes;

	*ret = 0;
	if (zone.len == 0 || str_eq_c(zone, "UTC") || str_eq_c(zone, "Z"))
		return true;
	if (!str_cut(zone, ':', &hours_text, &minutes_text))
		return false;
	(void)str_strip_prefix(&hours_text, STR("+")); /* a sign is allowed */
	if (num_parse_i64(hours_text, -23, 23, "hours", &hours, NULL) < 0 ||
	    num_parse_u64(minutes_text, 59, "minutes", &minutes, NULL) < 0)
		return false;
	*ret = hours * 3600 + (zone.ptr[0] == '-' ? -60 : 60) * (int64_t)minutes;
	return true;
}

enum part {
	YEAR,
	MONTH,
	DATE,
	DAY_OF_MONTH,
	DAY_OF_WEEK,
	DAY_OF_YEAR,
	HOURS,
	MINUTES,
	SECONDS,
	MILLISECONDS
};

static const char *const part_names[] = {
	"getFullYear",	"getMonth", "getDate",	  "getDayOfMonth", "getDayOfWeek",
	"getDayOfYear", "getHours", "getMinutes", "getSeconds",	   "getMilliseconds",
};

static int64_t part_of(enum part part, const struct civil *c, int32_t nanos)
{
	switch (part) {
	case YEAR:
		return c->year;
	case MONTH:
		return c->month - 1;
	case DATE:
		return c->day;
	case DAY_OF_MONTH:
		return c->day - 1;
	case DAY_OF_WEEK:
		return c->day_of_week;
	case DAY_OF_YEAR:
		return c->day_of_year;
	case HOURS:
		return c->second_of_day / 3600;
	case MINUTES:
		return c->second_of_day / 60 % 60;
	case SECONDS:
		return c->second_of_day % 60;
	case MILLISECONDS:
		return nanos / 1000000;
	}
	return 0;
}

static enum part part_named(struct str name)
{
	size_t i = 0;

	while (i + 1 < ARRAY_COUNT(part_names) && !str_eq_c(name, part_names[i]))
		i++;
	return (enum part)i;
}

static struct cel_value get_in(struct cel_frame *f, struct cel_value t, int64_t offset)
{
	struct civil c = civil_of(t.integer + offset);

	return cel_int(part_of(part_named(f->node->name), &c, t.nanos));
}

static struct cel_value get(struct cel_frame *f, const struct cel_value *args)
{
	return get_in(f, args[0], 0);
}

static struct cel_value get_zone(struct cel_frame *f, const struct cel_value *args)
{
	int64_t offset;

	if (!zone_offset(cel_str(args[1]), &offset))
		return cel_fail(f, "unknown time zone " STR_FMT, STR_ARG(cel_str(args[1])));
	return get_in(f, args[0], offset);
}

static struct cel_value get_duration(struct cel_frame *f, const struct cel_value *args)
{
	int64_t ns = args[0].integer;

	switch (part_named(f->node->name)) {
	case HOURS:
		return cel_int(ns / (3600 * TIME_NS_PER_SECOND));
	case MINUTES:
		return cel_int(ns / (60 * TIME_NS_PER_SECOND));
	case SECONDS:
		return cel_int(ns / TIME_NS_PER_SECOND);
	default:
		return cel_int(ns / TIME_NS_PER_MS);
	}
}

#define GETTER(function)                                                                          \
	{                                                                                         \
		.name = (function),                                                               \
		.member = true,                                                                   \
		.count = 1,                                                                       \
		.parameters = { &cel_type_timestamp },                                            \
		.result = &cel_type_int,                                                          \
		.call = get,                                                                      \
	},                                                                                        \
	{                                                                                         \
		.name = (function), .member = true, .count = 2,                                   \
		.parameters = { &cel_type_timestamp, &cel_type_string }, .result = &cel_type_int, \
		.call = get_zone,                                                                 \
	}
#define DURATION_GETTER(function)                                              \
	{                                                                      \
		.name = (function), .member = true, .count = 1,                \
		.parameters = { &cel_type_duration }, .result = &cel_type_int, \
		.call = get_duration,                                          \
	}

const struct cel_function cel_library_time[] = {
	GETTER("getFullYear"),
	GETTER("getMonth"),
	GETTER("getDate"),
	GETTER("getDayOfMonth"),
	GETTER("getDayOfWeek"),
	GETTER("getDayOfYear"),
	GETTER("getHours"),
	GETTER("getMinutes"),
	GETTER("getSeconds"),
	GETTER("getMilliseconds"),
	DURATION_GETTER("getHours"),
	DURATION_GETTER("getMinutes"),
	DURATION_GETTER("getSeconds"),
	DURATION_GETTER("getMilliseconds"),
	{ 0 },
};
