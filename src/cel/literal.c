/* SPDX-License-Identifier: Apache-2.0 */
/* String and bytes literals: prefixes, quotes and escapes of the language definition. */
#include "cel/cel_internal.h"
#include "cel/text_internal.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* count digits of base 8 or 16 at *s, which moves behind them. */
static bool digits(struct str *s, size_t count, uint32_t base, uint32_t *ret)
{
	uint32_t value = 0;

	if (s->len < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		int digit = hex_value(s->ptr[i]);

		if (digit < 0 || (uint32_t)digit >= base)
			return false;
		value = value * base + (uint32_t)digit;
	}
	*s = str_sub(s->ptr + count, s->len - count);
	*ret = value;
	return true;
}

static bool escape_simple(char c, char *ret)
{
	static const char names[] = "abfnrtv\\'\"`?";
	static const char values[] = "\a\b\f\n\r\t\v\\'\"`?";
	const char *found = c ? strchr(names, c) : NULL;

	if (!found)
		return false;
	*ret = values[found - names];
	return true;
}

/* What stands behind a backslash; *s moves behind it. Escapes never make the text longer than it is
 * written. */
static bool escape(struct str *s, bool is_bytes, char *to, size_t *len)
{
	uint32_t point;
	bool is_octal;
	char c;

	if (s->len == 0)
		return false;
	c = s->ptr[0];
	is_octal = c >= '0' && c <= '3';
	if (!is_octal)
		*s = str_sub(s->ptr + 1, s->len - 1);
	if (!is_octal && escape_simple(c, &to[*len])) {
		(*len)++;
		return true;
	}
	if (is_octal ? !digits(s, 3, 8, &point)
		     : !((c == 'x' || c == 'X') ? digits(s, 2, 16, &point)
			 : is_bytes		? false
			 : c == 'u'		? digits(s, 4, 16, &point)
			 : c == 'U'		? digits(s, 8, 16, &point)
						: false))
		return false;
	if (is_bytes) {
		to[(*len)++] = (char)point;
		return true;
	}
	if (!text_is_point(point))
		return false;
	*len += text_put_point(point, to + *len);
	return true;
}

static bool unescape(struct str s, bool is_raw, bool is_bytes, char *to, size_t *ret_len)
{
	size_t len = 0;

	while (s.len > 0) {
		char c = s.ptr[0];

		s = str_sub(s.ptr + 1, s.len - 1);
		if (c == '\r') { /* line ends in triple-quoted text are '\n' */
			if (s.len > 0 && s.ptr[0] == '\n')
				s = str_sub(s.ptr + 1, s.len - 1);
			c = '\n';
		}
		if (c == '\\' && !is_raw) {
			if (!escape(&s, is_bytes, to, &len))
				return false;
		} else {
			to[len++] = c;
		}
	}
	*ret_len = len;
	return true;
}

bool cel_literal_string(struct arena *arena, struct str token, struct cel_value *ret)
{
	struct str s = token;
	bool is_raw = false;
	bool is_bytes = false;
	size_t quotes;
	size_t len;
	char *text;

	for (; s.len > 0 && s.ptr[0] != '"' && s.ptr[0] != '\'';
	     s = str_sub(s.ptr + 1, s.len - 1)) {
		is_raw |= s.ptr[0] == 'r' || s.ptr[0] == 'R';
		is_bytes |= s.ptr[0] == 'b' || s.ptr[0] == 'B';
	}
	quotes = s.len >= 6 && s.ptr[1] == s.ptr[0] && s.ptr[2] == s.ptr[0] ? 3 : 1;
	if (s.len < 2 * quotes)
		return false;
	s = str_slice(s, quotes, s.len - quotes);
	text = arena_alloc(arena, s.len + 4);
	if (!unescape(s, is_raw, is_bytes, text, &len))
		return false;
	*ret = (struct cel_value){ .kind = is_bytes ? CEL_BYTES : CEL_STRING,
				   .ptr = text,
				   .len = len };
	return is_bytes || str_is_utf8(str_sub(text, len));
}
