/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantities. Digits are read into 128 bits with a decimal or binary scale, then brought to 10^-9.
 * The canonical form has no fraction, and the largest suffix for which that is so.
 */
#include "codec/quantity.h"

#include <stdio.h>
#include <string.h>
#include "base/attr.h"

#define NANO 9
#define QUANTITY_DIGITS_MAX 30
#define QUANTITY_NANO_MAX ((__int128)INT64_MAX * 1000000000) /* values are capped at 2^63-1 */

static const struct {
	const char *text;
	int exponent; /* of 10, or of 1024 when binary */
	bool binary;
} suffixes[] = {
	{ "", 0, false },   { "n", -9, false }, { "u", -6, false }, { "m", -3, false },
	{ "k", 3, false },  { "M", 6, false },	{ "G", 9, false },  { "T", 12, false },
	{ "P", 15, false }, { "E", 18, false }, { "Ki", 1, true },  { "Mi", 2, true },
	{ "Gi", 3, true },  { "Ti", 4, true },	{ "Pi", 5, true },  { "Ei", 6, true },
};

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_PARSE, "%s", what);
}

static const char not_a_quantity[] = "quantities must match the regular expression "
				     "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
static const char bad_suffix[] = "unable to parse quantity's suffix";
static const char bad_number[] = "unable to parse numeric part of quantity";

/* What stands behind the digits. */
static int parse_suffix(struct str text, int *ret_exponent, bool *ret_binary,
			enum quantity_format *ret_format, struct err *err)
{
	int exponent = 0;

	for (size_t i = 0; i < ARRAY_COUNT(suffixes); i++) {
		if (!str_eq_c(text, suffixes[i].text))
			continue;
		*ret_exponent = suffixes[i].exponent;
		*ret_binary = suffixes[i].binary;
		*ret_format = suffixes[i].binary ? QUANTITY_BINARY_SI : QUANTITY_DECIMAL_SI;
		return 0;
	}
	if (text.len < 2 || (text.ptr[0] != 'e' && text.ptr[0] != 'E'))
		return bad(err, bad_suffix);
	for (size_t i = 1 + (text.ptr[1] == '-' || text.ptr[1] == '+'); i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9' || exponent > 1000)
			return bad(err, bad_suffix);
		exponent = exponent * 10 + (text.ptr[i] - '0');
	}
	if (text.len == 2 && (text.ptr[1] == '-' || text.ptr[1] == '+'))
		return bad(err, bad_suffix);
	*ret_exponent = text.ptr[1] == '-' ? -exponent : exponent;
	*ret_binary = false;
	*ret_format = QUANTITY_DECIMAL_EXPONENT;
	return 0;
}

/* digits × 10^scale × 1024^binary_scale in 10^-9, rounded up, capped. */
static __int128 scale_to_nano(unsigned __int128 digits, int scale, int binary_scale)
{
	bool rest = false;

	for (int i = 0; i < binary_scale; i++) {
		if (digits > (unsigned __int128)QUANTITY_NANO_MAX)
			return QUANTITY_NANO_MAX;
		digits *= 1024;
	}
	scale += NANO;
	for (; scale > 0 && digits; scale--) {
		if (digits > (unsigned __int128)QUANTITY_NANO_MAX)
			return QUANTITY_NANO_MAX;
		digits *= 10;
	}
	for (; scale < 0 && digits; scale++) {
		rest |= digits % 10 != 0;
		digits /= 10;
	}
	digits += rest;
	return digits > (unsigned __int128)QUANTITY_NANO_MAX ? QUANTITY_NANO_MAX : (__int128)digits;
}

/* Has the form of one, although it is none. */
static bool looks_like_suffix(struct str text)
{
	size_t i = 0;

	while (i < text.len && text.ptr[i] && strchr("eEinumkKMGTP", text.ptr[i]))
		i++;
	i += i < text.len && (text.ptr[i] == '-' || text.ptr[i] == '+');
	while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
		i++;
	return i == text.len;
}

int quantity_parse(struct str text, struct quantity *ret, struct err *err)
{
	unsigned __int128 digits = 0;
	bool negative, dot = false, any = false, binary = false, rest = false;
	int scale = 0, exponent = 0;
	size_t i = 0, digit_count = 0;
	enum quantity_format format = QUANTITY_DECIMAL_SI;

	if (!text.len)
		return bad(err, not_a_quantity);
	negative = text.ptr[0] == '-';
	i += text.ptr[0] == '-' || text.ptr[0] == '+';
	for (; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '.' && !dot) {
			dot = true;
			continue;
		}
		if (c < '0' || c > '9')
			break;
		any = true;
		if (digit_count >= QUANTITY_DIGITS_MAX) {
			rest |= c != '0';
			scale += !dot;
			continue;
		}
		digits = digits * 10 + (unsigned int)(c - '0');
		digit_count += digits != 0;
		scale -= dot;
	}
	if (!any)
		return bad(err, i < text.len && text.ptr[i] == '.' ? bad_number : not_a_quantity);
	if (parse_suffix(str_slice(text, i, text.len), &exponent, &binary, &format, err) < 0)
		return bad(err, looks_like_suffix(str_slice(text, i, text.len)) ? bad_suffix
										: not_a_quantity);
	if (scale < -NANO * 2)
		rest |= digits != 0;
	ret->nano = scale_to_nano(digits, scale + (binary ? 0 : exponent), binary ? exponent : 0);
	if (rest && ret->nano == 0)
		ret->nano = 1;
	if (negative)
		ret->nano = -ret->nano;
	/* Upstream keeps a binary suffix only for values that are not below 1024 in it and have no
	 * fraction. */
	if (format == QUANTITY_BINARY_SI && ret->nano > -(__int128)1024000000000 &&
	    ret->nano < (__int128)1024000000000)
		format = QUANTITY_DECIMAL_SI;
	ret->format = format;
	return 0;
}

static size_t put_number(char *to, bool negative, unsigned __int128 number, const char *suffix)
{
	char digits[48];
	size_t len = 0, at = 0;

	do {
		digits[len++] = (char)('0' + (int)(number % 10));
		number /= 10;
	} while (number);
	if (negative)
		to[at++] = '-';
	while (len)
		to[at++] = digits[--len];
	for (; *suffix; suffix++)
		to[at++] = *suffix;
	to[at] = '\0';
	return at;
}

static size_t format_binary(bool negative, unsigned __int128 whole, char *to)
{
	static const char *const texts[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
	size_t i = 0;

	while (whole && whole % 1024 == 0 && i + 1 < ARRAY_COUNT(texts)) {
		whole /= 1024;
		i++;
	}
	return put_number(to, negative, whole, texts[i]);
}

size_t quantity_format(const struct quantity *q, char to[QUANTITY_TEXT_BYTES])
{
	static const char *const decimal[] = { "n", "u", "m", "", "k", "M", "G", "T", "P", "E" };
	static const char *const exponent[] = { "e-9", "e-6", "e-3", "",    "e3",
						"e6",  "e9",  "e12", "e15", "e18" };
	bool negative = q->nano < 0;
	unsigned __int128 number = negative ? (unsigned __int128)-q->nano
					    : (unsigned __int128)q->nano;
	size_t i = 0;

	if (!number)
		return put_number(to, false, 0, "");
	if (q->format == QUANTITY_BINARY_SI && number % 1000000000 == 0)
		return format_binary(negative, number / 1000000000, to);
	while (number % 1000 == 0 && i + 1 < ARRAY_COUNT(decimal)) {
		number /= 1000;
		i++;
	}
	return put_number(to, negative, number,
			  q->format == QUANTITY_DECIMAL_EXPONENT ? exponent[i] : decimal[i]);
}

int quantity_cmp(const struct quantity *a, const struct quantity *b)
{
	return a->nano < b->nano ? -1 : a->nano > b->nano;
}

static __int128 capped(__int128 nano)
{
	return nano > QUANTITY_NANO_MAX	   ? QUANTITY_NANO_MAX
	       : nano < -QUANTITY_NANO_MAX ? -QUANTITY_NANO_MAX
					   : nano;
}

void quantity_add(struct quantity *sum, const struct quantity *q)
{
	if (sum->nano == 0)
		sum->format = q->format;
	sum->nano = capped(sum->nano + q->nano);
}

static int64_t scaled(const struct quantity *q, __int128 unit)
{
	__int128 value = q->nano / unit;

	if (q->nano % unit)
		value += q->nano > 0 ? 1 : -1;
	return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

int64_t quantity_value(const struct quantity *q)
{
	return scaled(q, 1000000000);
}

int64_t quantity_milli(const struct quantity *q)
{
	return scaled(q, 1000000);
}

struct quantity quantity_of(int64_t value, enum quantity_format format)
{
	return (struct quantity){ .nano = capped((__int128)value * 1000000000), .format = format };
}

struct quantity quantity_of_milli(int64_t milli, enum quantity_format format)
{
	return (struct quantity){ .nano = (__int128)milli * 1000000, .format = format };
}

int64_t quantity_text_value(struct str text, int64_t fallback)
{
	struct quantity q;

	return quantity_parse(text, &q, NULL) < 0 ? fallback : quantity_value(&q);
}

int64_t quantity_text_milli(struct str text, int64_t fallback)
{
	struct quantity q;

	return quantity_parse(text, &q, NULL) < 0 ? fallback : quantity_milli(&q);
}
