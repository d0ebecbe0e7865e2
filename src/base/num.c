/* SPDX-License-Identifier: Apache-2.0 */
/* Strict number parsing: the whole text or an error that quotes it. Independent of the locale. */
#include "base/num.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#define DOUBLE_TEXT_MAX 320

static int parse_digits(struct str s, unsigned int base, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!s.len)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		unsigned int digit = (unsigned int)(unsigned char)s.ptr[i] - '0';

		if (digit >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value)) {
			/* Go on: a later character may not be a digit at all, which is the better message. */
			for (i++; i < s.len; i++) {
				if ((unsigned int)(unsigned char)s.ptr[i] - '0' >= base)
					return -EINVAL;
			}
			return -ERANGE;
		}
	}
	if (value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int num_parse_u64(struct str s, uint64_t max, const char *what, uint64_t *ret, struct err *err)
{
	int r = parse_digits(s, 10, max, ret);

	if (r == -EINVAL)
		return err_set(err, ERR_INVALID, "%s: '" STR_FMT "' is not a number", what, STR_ARG(s));
	if (r < 0)
		return err_set(err, ERR_INVALID, "%s: " STR_FMT " is more than %llu", what, STR_ARG(s),
			       (unsigned long long)max);
	return 0;
}

int num_parse_i64(struct str s, int64_t min, int64_t max, const char *what, int64_t *ret, struct err *err)
{
	struct str digits = s;
	bool negative = str_strip_prefix(&digits, STR("-"));
	uint64_t magnitude;
	int64_t value = 0;
	int r = parse_digits(digits, 10, negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &magnitude);

	if (r == -EINVAL)
		return err_set(err, ERR_INVALID, "%s: '" STR_FMT "' is not a number", what, STR_ARG(s));
	if (r == 0)
		value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	if (r < 0 || value < min || value > max)
		return err_set(err, ERR_INVALID, "%s: " STR_FMT " is not within %lld and %lld", what, STR_ARG(s),
			       (long long)min, (long long)max);
	*ret = value;
	return 0;
}

int num_parse_octal(struct str s, uint32_t max, const char *what, uint32_t *ret, struct err *err)
{
	uint64_t value;
	int r = parse_digits(s, 8, max, &value);

	if (r == -EINVAL)
		return err_set(err, ERR_INVALID, "%s: '" STR_FMT "' is not an octal number", what, STR_ARG(s));
	if (r < 0)
		return err_set(err, ERR_INVALID, "%s: " STR_FMT " is more than 0%o", what, STR_ARG(s), max);
	*ret = (uint32_t)value;
	return 0;
}

static size_t skip_digits(struct str s, size_t at)
{
	while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
		at++;
	return at;
}

/* [-] digits [. digits] [e [+-] digits] */
static bool is_decimal(struct str s)
{
	size_t at = s.len && s.ptr[0] == '-', start = at;

	at = skip_digits(s, at);
	if (at == start)
		return false;
	if (at < s.len && s.ptr[at] == '.') {
		start = ++at;
		at = skip_digits(s, at);
		if (at == start)
			return false;
	}
	if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
		at++;
		if (at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-'))
			at++;
		start = at;
		at = skip_digits(s, at);
		if (at == start)
			return false;
	}
	return at == s.len;
}

int num_parse_double(struct str s, const char *what, double *ret, struct err *err)
{
	char text[DOUBLE_TEXT_MAX + 1];
	double value;
	locale_t locale;

	if (!is_decimal(s) || str_copy_to(s, text, sizeof(text)) < 0)
		return err_set(err, ERR_INVALID, "%s: '" STR_FMT "' is not a number", what, STR_ARG(s));
	/* The "C" locale is a constant of the C library: making it allocates nothing. */
	locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	value = strtod_l(text, NULL, locale);
	freelocale(locale);
	if (!isfinite(value))
		return err_set(err, ERR_INVALID, "%s: " STR_FMT " is out of range", what, STR_ARG(s));
	*ret = value;
	return 0;
}
