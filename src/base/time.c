/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text forms of times and durations. Calendar arithmetic is the proleptic Gregorian one, for years 0 to 9999 in text;
 * int64_t nanoseconds reach from 1677 to 2262, and time_parse refuses what lies beyond.
 */
#include "base/time.h"

#include <stdio.h>

static const int64_t ns_minute = 60 * TIME_NS_PER_SECOND;
static const int64_t ns_hour = 3600 * TIME_NS_PER_SECOND;

struct civil {
	int64_t year;
	int month, day, hour, minute, second;
};

/* Days since 1970-01-01. The year is taken to begin in March, so that the leap day is its last. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
	int64_t era, year_of_era, day_of_year, day_of_era;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	year_of_era = year - era * 400;
	day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static void civil_from_seconds(int64_t seconds, struct civil *ret)
{
	int64_t days = seconds / 86400, rest = seconds % 86400, era, day_of_era, year_of_era, day_of_year, march_month;

	if (rest < 0) {
		rest += 86400;
		days--;
	}
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	day_of_era = days - era * 146097;
	year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	march_month = (5 * day_of_year + 2) / 153;
	ret->day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
	ret->month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
	ret->year = year_of_era + era * 400 + (ret->month <= 2);
	ret->hour = (int)(rest / 3600);
	ret->minute = (int)(rest / 60 % 60);
	ret->second = (int)(rest % 60);
}

/* Seconds rounded down, and the rest in nanoseconds, 0 <= rest < 1 s. */
static int64_t split_seconds(int64_t ns, int64_t *ret_rest_ns)
{
	int64_t seconds = ns / TIME_NS_PER_SECOND, rest = ns % TIME_NS_PER_SECOND;

	if (rest < 0) {
		rest += TIME_NS_PER_SECOND;
		seconds--;
	}
	*ret_rest_ns = rest;
	return seconds;
}

static char *put_digits(char *to, int64_t value, int digits)
{
	for (int i = digits - 1; i >= 0; i--) {
		to[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return to + digits;
}

const char *time_point_format(const struct time_point *t, int fraction_digits, char to[TIME_TEXT_BYTES])
{
	int64_t fraction = t->rest_ns;
	struct civil c;
	char *at = to;

	for (int i = fraction_digits; i < 9; i++)
		fraction /= 10;
	civil_from_seconds(t->seconds, &c);
	at = put_digits(at, c.year, 4);
	*at++ = '-';
	at = put_digits(at, c.month, 2);
	*at++ = '-';
	at = put_digits(at, c.day, 2);
	*at++ = 'T';
	at = put_digits(at, c.hour, 2);
	*at++ = ':';
	at = put_digits(at, c.minute, 2);
	*at++ = ':';
	at = put_digits(at, c.second, 2);
	if (fraction_digits) {
		*at++ = '.';
		at = put_digits(at, fraction, fraction_digits);
	}
	*at++ = 'Z';
	*at = '\0';
	return to;
}

static const char *format_wall(int64_t wall_ns, int fraction_digits, char to[TIME_TEXT_BYTES])
{
	struct time_point t;

	t.seconds = split_seconds(wall_ns, &t.rest_ns);
	return time_point_format(&t, fraction_digits, to);
}

const char *time_format(int64_t wall_ns, char to[TIME_TEXT_BYTES])
{
	return format_wall(wall_ns, 0, to);
}

const char *time_format_micro(int64_t wall_ns, char to[TIME_TEXT_BYTES])
{
	return format_wall(wall_ns, 6, to);
}

const char *time_format_nano(int64_t wall_ns, char to[TIME_TEXT_BYTES])
{
	return format_wall(wall_ns, 9, to);
}

/* Exactly count digits. */
static bool take_digits(struct str *s, size_t count, int *ret)
{
	int value = 0;

	if (s->len < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (s->ptr[i] < '0' || s->ptr[i] > '9')
			return false;
		value = value * 10 + (s->ptr[i] - '0');
	}
	*s = str_slice(*s, count, s->len);
	*ret = value;
	return true;
}

static bool take_char(struct str *s, char upper, char lower)
{
	if (!s->len || (s->ptr[0] != upper && s->ptr[0] != lower))
		return false;
	*s = str_slice(*s, 1, s->len);
	return true;
}

static bool take_fraction(struct str *s, int64_t *ret_ns)
{
	int64_t ns = 0, unit = TIME_NS_PER_SECOND / 10;
	size_t at = 0;

	for (; at < s->len && s->ptr[at] >= '0' && s->ptr[at] <= '9'; at++, unit /= 10)
		ns += (s->ptr[at] - '0') * unit;
	*s = str_slice(*s, at, s->len);
	*ret_ns = ns;
	return at > 0;
}

/* "Z" or "+hh:mm". */
static bool take_offset(struct str *s, int64_t *ret_seconds)
{
	int hour, minute;
	bool negative;

	*ret_seconds = 0;
	if (take_char(s, 'Z', 'z'))
		return true;
	negative = take_char(s, '-', '-');
	if (!negative && !take_char(s, '+', '+'))
		return false;
	if (!take_digits(s, 2, &hour) || !take_char(s, ':', ':') || !take_digits(s, 2, &minute) || hour > 23 ||
	    minute > 59)
		return false;
	*ret_seconds = (negative ? -1 : 1) * (hour * 3600 + minute * 60);
	return true;
}

static bool is_date(int year, int month, int day)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (leap && month == 2);
}

bool time_point_is_valid(const struct time_point *t)
{
	return t->seconds >= days_from_civil(0, 1, 1) * 86400 && t->seconds < days_from_civil(10000, 1, 1) * 86400 &&
	       t->rest_ns >= 0 && t->rest_ns < TIME_NS_PER_SECOND;
}

int time_point_parse(struct str text, struct time_point *ret, struct err *err)
{
	int year, month, day, hour, minute, second;
	int64_t fraction_ns = 0, offset;
	struct time_point t;
	struct str s = text;

	if (!take_digits(&s, 4, &year) || !take_char(&s, '-', '-') || !take_digits(&s, 2, &month) ||
	    !take_char(&s, '-', '-') || !take_digits(&s, 2, &day) || !take_char(&s, 'T', 't') ||
	    !take_digits(&s, 2, &hour) || !take_char(&s, ':', ':') || !take_digits(&s, 2, &minute) ||
	    !take_char(&s, ':', ':') || !take_digits(&s, 2, &second) ||
	    (take_char(&s, '.', '.') && !take_fraction(&s, &fraction_ns)) || !take_offset(&s, &offset) || s.len)
		return err_set(err, ERR_PARSE, "time '" STR_FMT "': must be like 2006-01-02T15:04:05Z", STR_ARG(text));
	/* A leap second is taken as the second after. */
	if (!is_date(year, month, day) || hour > 23 || minute > 59 || second > 60)
		return err_set(err, ERR_PARSE, "time '" STR_FMT "': no such date or time of day", STR_ARG(text));
	t.seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
	t.rest_ns = fraction_ns;
	if (!time_point_is_valid(&t))
		return err_set(err, ERR_PARSE, "time '" STR_FMT "': out of range", STR_ARG(text));
	*ret = t;
	return 0;
}

int time_parse(struct str text, int64_t *ret_wall_ns, struct err *err)
{
	struct time_point t;
	int64_t ns;

	if (time_point_parse(text, &t, err) < 0)
		return -1;
	if (__builtin_mul_overflow(t.seconds, TIME_NS_PER_SECOND, &ns) || __builtin_add_overflow(ns, t.rest_ns, &ns))
		return err_set(err, ERR_PARSE, "time '" STR_FMT "': out of range", STR_ARG(text));
	*ret_wall_ns = ns;
	return 0;
}

static const struct {
	struct str name;
	int64_t ns;
} duration_units[] = { /* "ms" before "m" */
	{ STR_INIT("ns"), 1 },
	{ STR_INIT("us"), 1000 },
	{ STR_INIT("\u00b5s"), 1000 },
	{ STR_INIT("\u03bcs"), 1000 },
	{ STR_INIT("ms"), 1000000 },
	{ STR_INIT("s"), 1000000000 },
	{ STR_INIT("m"), INT64_C(60000000000) },
	{ STR_INIT("h"), INT64_C(3600000000000) },
};

static int64_t take_unit(struct str *s)
{
	for (size_t i = 0; i < ARRAY_COUNT(duration_units); i++) {
		if (str_strip_prefix(s, duration_units[i].name))
			return duration_units[i].ns;
	}
	return 0;
}

/* One "1.5h"; false when it is malformed or too large. Adds to *sum, which counts downwards: INT64_MIN has no
 * positive. */
static bool take_term(struct str *s, int64_t *sum)
{
	int64_t whole = 0, fraction = 0, scale = 1, unit;
	size_t digits = 0;

	for (; s->len && s->ptr[0] >= '0' && s->ptr[0] <= '9'; *s = str_slice(*s, 1, s->len), digits++) {
		if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, s->ptr[0] - '0', &whole))
			return false;
	}
	if (take_char(s, '.', '.')) {
		for (; s->len && s->ptr[0] >= '0' && s->ptr[0] <= '9'; *s = str_slice(*s, 1, s->len), digits++) {
			if (scale < INT64_C(1000000000000000)) {
				fraction = fraction * 10 + (s->ptr[0] - '0');
				scale *= 10;
			}
		}
	}
	unit = digits ? take_unit(s) : 0;
	if (!unit || __builtin_mul_overflow(whole, unit, &whole) || __builtin_sub_overflow(*sum, whole, sum))
		return false;
	/* fraction * unit may pass 64 bits; the quotient cannot. */
	fraction = (int64_t)((__int128)fraction * unit / scale);
	return !__builtin_sub_overflow(*sum, fraction, sum);
}

int time_parse_duration(struct str text, int64_t *ret_ns, struct err *err)
{
	struct str s = text;
	bool negative = take_char(&s, '-', '-');
	int64_t sum = 0;

	if (!negative)
		take_char(&s, '+', '+');
	if (str_eq_c(s, "0")) {
		*ret_ns = 0;
		return 0;
	}
	if (!s.len)
		return err_set(err, ERR_PARSE, "time: invalid duration \"" STR_FMT "\"", STR_ARG(text));
	while (s.len) {
		if (!take_term(&s, &sum))
			return err_set(err, ERR_PARSE, "time: invalid duration \"" STR_FMT "\"", STR_ARG(text));
	}
	if (!negative && sum == INT64_MIN)
		return err_set(err, ERR_PARSE, "time: invalid duration \"" STR_FMT "\"", STR_ARG(text));
	*ret_ns = negative ? sum : -sum;
	return 0;
}

/* value / unit with up to digits digits behind the point, trailing zeros dropped. */
static char *put_decimal(char *at, uint64_t value, uint64_t unit, int digits)
{
	uint64_t rest = value % unit;

	at += snprintf(at, 24, "%llu", (unsigned long long)(value / unit));
	if (!rest)
		return at;
	*at++ = '.';
	at = put_digits(at, (int64_t)rest, digits);
	while (at[-1] == '0')
		at--;
	return at;
}

const char *time_format_duration(int64_t ns, char to[TIME_TEXT_BYTES])
{
	uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	char *at = to;

	if (ns < 0)
		*at++ = '-';
	if (left >= (uint64_t)TIME_NS_PER_SECOND) {
		if (left >= (uint64_t)ns_hour)
			at += snprintf(at, 24, "%lluh", (unsigned long long)(left / (uint64_t)ns_hour));
		if (left >= (uint64_t)ns_minute)
			at += snprintf(at, 24, "%llum", (unsigned long long)(left / (uint64_t)ns_minute % 60));
		at = put_decimal(at, left % (uint64_t)ns_minute, (uint64_t)TIME_NS_PER_SECOND, 9);
	} else if (left >= 1000000) {
		at = put_decimal(at, left, 1000000, 6);
		*at++ = 'm';
	} else if (left >= 1000) {
		at = put_decimal(at, left, 1000, 3);
		memcpy(at, "\u00b5", 2);
		at += 2;
	} else {
		at += snprintf(at, 24, "%llu", (unsigned long long)left);
		if (left)
			*at++ = 'n';
	}
	*at++ = 's';
	*at = '\0';
	return to;
}

/* "<major><unit>" or, when minor is not 0, "<major><unit><minor><minor_unit>". */
static const char *two_units(char to[TIME_TEXT_BYTES], int64_t major, const char *unit, int64_t minor,
			     const char *minor_unit)
{
	if (minor)
		snprintf(to, TIME_TEXT_BYTES, "%lld%s%lld%s", (long long)major, unit, (long long)minor, minor_unit);
	else
		snprintf(to, TIME_TEXT_BYTES, "%lld%s", (long long)major, unit);
	return to;
}

const char *time_format_age(int64_t ns, char to[TIME_TEXT_BYTES])
{
	int64_t seconds = ns / TIME_NS_PER_SECOND, minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

	/* A clock that is a little ahead is no reason for "<invalid>". */
	if (seconds < -1) {
		memcpy(to, "<invalid>", sizeof("<invalid>"));
		return to;
	}
	if (seconds < 0)
		return two_units(to, 0, "s", 0, "");
	if (seconds < 120)
		return two_units(to, seconds, "s", 0, "");
	if (minutes < 10)
		return two_units(to, minutes, "m", seconds % 60, "s");
	if (minutes < 180)
		return two_units(to, minutes, "m", 0, "");
	if (hours < 8)
		return two_units(to, hours, "h", minutes % 60, "m");
	if (hours < 48)
		return two_units(to, hours, "h", 0, "");
	if (hours < 24 * 8)
		return two_units(to, days, "d", hours % 24, "h");
	if (hours < 24 * 365 * 2)
		return two_units(to, days, "d", 0, "");
	if (hours < 24 * 365 * 8)
		return two_units(to, days / 365, "y", days % 365, "d");
	return two_units(to, days / 365, "y", 0, "");
}
