/* SPDX-License-Identifier: Apache-2.0 */
/* The formats of strings that upstream checks, as it does; others are words only. */
#include <arpa/inet.h>
#include <stdio.h>
#include "api/structural_internal.h"
#include "base/time.h"
#include "codec/base64.h"
#include "codec/ip.h"
#include "codec/name.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool are_hex(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_hex(s.ptr[i]))
			return false;
	return true;
}

/* "d3-d2-d4": d is a digit, a figure how many of it, anything else itself. */
static bool is_like(struct str s, const char *pattern)
{
	size_t at = 0;

	for (; *pattern; pattern++) {
		size_t count = 1;

		if (*pattern != 'd') {
			if (at == s.len || s.ptr[at++] != *pattern)
				return false;
			continue;
		}
		if (is_digit(pattern[1]))
			count = (size_t)(*++pattern - '0');
		for (; count; count--)
			if (at == s.len || !is_digit(s.ptr[at++]))
				return false;
	}
	return at == s.len;
}

/* --- addresses --- */

static bool is_ipv4(struct str s)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr address;

	return str_copy_to(s, text, sizeof(text)) == 0 && inet_pton(AF_INET, text, &address) == 1;
}

static bool is_ipv6(struct str s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	return str_copy_to(s, text, sizeof(text)) == 0 && inet_pton(AF_INET6, text, &address) == 1;
}

/* 6, 8 or 20 bytes, "01:23:…", "01-23-…" or "0123.4567.…" */
static bool is_mac(struct str s)
{
	char between = s.len > 4 ? s.ptr[s.ptr[4] == '.' ? 4 : 2] : 0;
	size_t digits = between == '.' ? 4 : 2, groups = (s.len + 1) / (digits + 1), bytes;

	if ((between != ':' && between != '-' && between != '.') || (s.len + 1) % (digits + 1))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (i % (digits + 1) == digits ? s.ptr[i] != between : !is_hex(s.ptr[i]))
			return false;
	bytes = groups * digits / 2;
	return bytes == 6 || bytes == 8 || bytes == 20;
}

static bool is_long_name(struct str s)
{
	return !name_subdomain_problem(s);
}

/* Beyond ASCII, all that is a letter or a symbol; what is not is not told apart. */
static bool is_host_letter(char c, bool may_be_digit)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80 ||
	       (may_be_digit && c >= '0' && c <= '9');
}

/* One label, with a dash behind its first character at most; or several, of which the last has two
 * letters at least and neither digits nor dashes. */
static bool is_hostname(struct str s)
{
	struct str rest = s, label;
	bool is_one = str_find_char(s, '.', 0) == SIZE_MAX;

	if (!s.len || s.len > 255)
		return false;
	for (bool more = true; more;) {
		more = str_cut(rest, '.', &label, &rest);
		if (!label.len || label.len > 63 || (!more && !is_one && label.len < 2))
			return false;
		for (size_t i = 0; i < label.len; i++) {
			bool is_end = i == 0 || i + 1 == label.len;
			bool may_be_dash = is_one ? i == 1 : more;

			if (label.ptr[i] == '-' ? is_end || !may_be_dash
						: !is_host_letter(label.ptr[i], more || is_one))
				return false;
		}
	}
	return true;
}

static bool is_short_name(struct str s)
{
	return !name_label_problem(s);
}

static bool is_atom(char c)
{
	return c > ' ' && c != 0x7f && !memchr("()<>[]:;@\\,\"", c, 12);
}

/* name@host, or a name in front of it: "A <a@b>". */
static bool is_email(struct str s)
{
	size_t open = str_find_char(s, '<', 0), at;

	if (open != SIZE_MAX) {
		if (s.ptr[s.len - 1] != '>')
			return false;
		s = str_slice(s, open + 1, s.len - 1);
	}
	at = str_find_char(s, '@', 0);
	if (at == SIZE_MAX || !at || at + 1 == s.len)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		bool is_dot = s.ptr[i] == '.';

		if (i != at && !is_atom(s.ptr[i]))
			return false;
		if (is_dot &&
		    (!i || i + 1 == s.len || i + 1 == at || i == at + 1 || s.ptr[i + 1] == '.'))
			return false;
	}
	return true;
}

/* As the line of a request has it: absolute, or a path. */
static bool is_uri(struct str s)
{
	size_t colon = str_find_char(s, ':', 0);

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 || c == 0x7f || (c == ' ' && i < str_find_char(s, '?', 0)))
			return false;
		if (c == '%' && (i + 2 >= s.len || !are_hex(str_slice(s, i + 1, i + 3))) &&
		    i < str_find_char(s, '?', 0))
			return false;
	}
	if (s.len && s.ptr[0] == '/')
		return true;
	if (colon == SIZE_MAX || !colon || is_digit(s.ptr[0]))
		return false;
	for (size_t i = 0; i < colon; i++) {
		char c = (char)(s.ptr[i] | 0x20);

		if ((c < 'a' || c > 'z') && !is_digit(s.ptr[i]) &&
		    !(i && (s.ptr[i] == '+' || s.ptr[i] == '-' || s.ptr[i] == '.')))
			return false;
	}
	return colon + 1 < s.len;
}

/* --- times --- */

static bool is_date_time(struct str s)
{
	struct time_point t;

	return time_point_parse(s, &t, NULL) == 0;
}

static bool is_date(struct str s)
{
	char text[32];
	struct time_point t;

	if (s.len != 10)
		return false;
	(void)snprintf(text, sizeof(text), STR_FMT "T00:00:00Z", STR_ARG(s)); /* it fits */
	return time_point_parse(str_from(text), &t, NULL) == 0;
}

static bool is_unit(struct str unit)
{
	static const char units[] =
		"ns|us|\xc2\xb5s|\xce\xbcs|ms|s|m|h|nano|nanos|nanosecond|nanoseconds|micro|micros|"
		"microsecond|microseconds|milli|millis|millisecond|milliseconds|sec|secs|second|"
		"seconds|min|mins|minute|minutes|hr|hrs|hour|hours|d|day|days|w|wk|week|weeks";
	struct str rest = str_from(units), part;

	while (str_next_part(&rest, '|', &part))
		if (str_eq(part, unit))
			return true;
	return false;
}

/* "1h30m", "22 ns", "3 days" */
static bool is_duration(struct str s)
{
	if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'))
		s = str_slice(s, 1, s.len);
	if (str_eq_c(s, "0"))
		return true;
	if (!s.len)
		return false;
	while (s.len) {
		size_t digits = 0, unit, dots = 0;

		while (digits < s.len && (is_digit(s.ptr[digits]) || s.ptr[digits] == '.'))
			dots += s.ptr[digits++] == '.';
		if (digits == dots || dots > 1)
			return false;
		while (digits < s.len && s.ptr[digits] == ' ')
			digits++;
		for (unit = digits; unit < s.len && !is_digit(s.ptr[unit]) && s.ptr[unit] != '.';)
			unit++;
		if (!is_unit(str_trim(str_slice(s, digits, unit))))
			return false;
		s = str_slice(s, unit, s.len);
	}
	return true;
}

/* --- numbers in text --- */

/* Dashes may stand anywhere, or be left out; version 0: any. */
static bool is_uuid_of(struct str s, char version, bool has_variant)
{
	static const size_t dashes[] = { 8, 12, 16, 20 }; /* digits in front of them */
	size_t digits = 0, dash = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		while (dash < 4 && digits > dashes[dash])
			dash++;
		if (c == '-' && dash < 4 && digits == dashes[dash]) {
			dash++;
			continue;
		}
		if (!is_hex(c) || (version && digits == 12 && c != version) ||
		    (has_variant && digits == 16 && !strchr("89abAB", c)))
			return false;
		digits++;
	}
	return digits == 32;
}

static bool is_uuid(struct str s)
{
	return is_uuid_of(s, 0, false);
}

static bool is_uuid3(struct str s)
{
	return is_uuid_of(s, '3', false);
}

static bool is_uuid4(struct str s)
{
	return is_uuid_of(s, '4', true);
}

static bool is_uuid5(struct str s)
{
	return is_uuid_of(s, '5', true);
}

/* Digits without dashes and spaces; SIZE_MAX: there is something else, or more than fit. */
static size_t digits_of(struct str s, const char *others, char *to, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (strchr("- ", s.ptr[i]) && s.ptr[i])
			continue;
		if (count == size ||
		    (!is_digit(s.ptr[i]) && (!s.ptr[i] || !strchr(others, s.ptr[i]))))
			return SIZE_MAX;
		to[count++] = s.ptr[i];
	}
	return count;
}

static bool is_isbn10(struct str s)
{
	char digits[10];
	int sum = 0;

	if (digits_of(s, "X", digits, sizeof(digits)) != sizeof(digits))
		return false;
	for (int i = 0; i < 10; i++) {
		if (digits[i] == 'X' && i != 9)
			return false;
		sum += (i + 1) * (digits[i] == 'X' ? 10 : digits[i] - '0');
	}
	return sum % 11 == 0;
}

static bool is_isbn13(struct str s)
{
	char digits[13];
	int sum = 0;

	if (digits_of(s, "", digits, sizeof(digits)) != sizeof(digits))
		return false;
	for (int i = 0; i < 13; i++)
		sum += (i % 2 ? 3 : 1) * (digits[i] - '0');
	return sum % 10 == 0;
}

static bool is_isbn(struct str s)
{
	return is_isbn10(s) || is_isbn13(s);
}

static int number_at(const char *digits, size_t len)
{
	int number = 0;

	for (size_t i = 0; i < len; i++)
		number = number * 10 + (digits[i] - '0');
	return number;
}

/* The issuers that upstream knows, by first digits and length. */
static bool is_issued(const char *digits, size_t len)
{
	static const struct {
		int from, to;
		size_t digits, len;
	} rows[] = { { 4, 4, 1, 13 },	    { 4, 4, 1, 16 },	   { 51, 55, 2, 16 },
		     { 6011, 6011, 4, 16 }, { 650, 659, 3, 15 },   { 34, 34, 2, 15 },
		     { 37, 37, 2, 15 },	    { 300, 305, 3, 14 },   { 36, 36, 2, 14 },
		     { 38, 38, 2, 14 },	    { 2131, 2131, 4, 15 }, { 1800, 1800, 4, 15 },
		     { 35, 35, 2, 16 } };

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		int number = number_at(digits, rows[i].digits);

		if (len == rows[i].len && number >= rows[i].from && number <= rows[i].to)
			return true;
	}
	return false;
}

static bool is_creditcard(struct str s)
{
	char digits[16];
	size_t len = digits_of(s, "", digits, sizeof(digits));
	int sum = 0;

	if (len == SIZE_MAX || len < 13 || !is_issued(digits, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		int digit = digits[len - 1 - i] - '0';

		if (i % 2)
			digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
		sum += digit;
	}
	return sum % 10 == 0;
}

static bool is_ssn(struct str s)
{
	static const char *const forms[] = { "d3-d2-d4", "d3 d2 d4", "d9",
					     "d3-d2 d4", "d3 d2-d4", "d5-d4",
					     "d5 d4",	 "d3-d6",    "d3 d6" };

	for (size_t i = 0; i < ARRAY_COUNT(forms); i++)
		if (is_like(s, forms[i]))
			return true;
	return false;
}

/* --- colours and bytes --- */

static bool is_hexcolor(struct str s)
{
	(void)str_strip_prefix(&s, STR("#")); /* it may be missing */
	return (s.len == 3 || s.len == 6) && are_hex(s);
}

static bool is_rgbcolor(struct str s)
{
	struct str part;
	size_t count = 0;

	if (!str_strip_prefix(&s, STR("rgb(")) || !str_strip_suffix(&s, STR(")")))
		return false;
	while (str_next_part(&s, ',', &part)) {
		char digits[3];
		size_t len;

		part = str_trim(part);
		len = digits_of(part, "", digits, sizeof(digits));
		if (!len || len != part.len || (len > 1 && digits[0] == '0') ||
		    number_at(digits, len) > 255)
			return false;
		count++;
	}
	return count == 3;
}

static bool is_bson(struct str s)
{
	return s.len == 24 && are_hex(s);
}

static bool is_byte(struct str s)
{
	AUTO_BUF bytes = { 0 };

	buf_init(&bytes, s.len);
	return s.len && s.len % 4 == 0 && base64_decode(s, &bytes, NULL) == 0;
}

static bool is_anything(struct str s)
{
	return true;
}

static const struct {
	const char *name;
	bool (*is)(struct str s);
} formats[] = {
	{ "bsonobjectid", is_bson },
	{ "byte", is_byte },
	{ "cidr", cidr_is_valid },
	{ "creditcard", is_creditcard },
	{ "date", is_date },
	{ "datetime", is_date_time },
	{ "duration", is_duration },
	{ "email", is_email },
	{ "hexcolor", is_hexcolor },
	{ "hostname", is_hostname },
	{ "ipv4", is_ipv4 },
	{ "ipv6", is_ipv6 },
	{ "isbn", is_isbn },
	{ "isbn10", is_isbn10 },
	{ "isbn13", is_isbn13 },
	{ "k8s-long-name", is_long_name },
	{ "k8s-short-name", is_short_name },
	{ "mac", is_mac },
	{ "password", is_anything },
	{ "rgbcolor", is_rgbcolor },
	{ "ssn", is_ssn },
	{ "uri", is_uri },
	{ "uuid", is_uuid },
	{ "uuid3", is_uuid3 },
	{ "uuid4", is_uuid4 },
	{ "uuid5", is_uuid5 },
};

/* Dashes do not count. */
static bool is_named(struct str format, const char *name)
{
	size_t i = 0;

	for (;; name++) {
		while (i < format.len && format.ptr[i] == '-')
			i++;
		if (*name == '-')
			continue;
		if (!*name || i == format.len || format.ptr[i++] != *name)
			return !*name && i == format.len;
	}
}

bool structural_format_is_known(struct str type, struct str format)
{
	if (str_eq_c(type, "integer"))
		return str_eq_c(format, "int32") || str_eq_c(format, "int64");
	if (str_eq_c(type, "number"))
		return str_eq_c(format, "float") || str_eq_c(format, "double");
	for (size_t i = 0; i < ARRAY_COUNT(formats) && (!type.len || str_eq_c(type, "string")); i++)
		if (is_named(format, formats[i].name))
			return true;
	return false;
}

bool structural_format_is(struct str format, struct str value)
{
	for (size_t i = 0; i < ARRAY_COUNT(formats); i++)
		if (is_named(format, formats[i].name))
			return formats[i].is(value);
	return true;
}
