/* SPDX-License-Identifier: Apache-2.0 */
/* A scanner of the grammar, without recursion: what is open is a stack of its own. */
#include "codec/json_syntax.h"

#include <stdio.h>
#include <string.h>
#include "codec/limits.h"

struct scan {
	struct str text;
	size_t at;
	char open[JSON_DEPTH_MAX + 1]; /* what is not closed yet: '{' or '[' */
	size_t depth;
	struct buf *to;
};

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* -1 at the end. */
static int peek(const struct scan *s)
{
	return s->at < s->text.len ? (unsigned char)s->text.ptr[s->at] : -1;
}

static int peek_after_space(struct scan *s)
{
	while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\r' || peek(s) == '\n')
		s->at++;
	return peek(s);
}

static void put_character(struct buf *to, int c)
{
	static const char names[] = "a\ab\bf\fn\nr\rt\tv\v";

	buf_put_char(to, '\'');
	for (size_t i = 0; i + 1 < sizeof(names) - 1; i += 2)
		if (names[i + 1] == c) {
			buf_printf(to, "\\%c'", names[i]);
			return;
		}
	if (c == '\'' || c == '\\')
		buf_printf(to, "\\%c", c);
	else if (c < 0x20 || c == 0x7f)
		buf_printf(to, "\\x%02x", (unsigned)c);
	else if (c >= 0x80 && c < 0xa0)
		buf_printf(to, "\\u%04x", (unsigned)c);
	else if (c >= 0xa0) /* a byte is a character of its own here */
		buf_printf(to, "%c%c", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
	else
		buf_put_char(to, (char)c);
	buf_put_char(to, '\'');
}

static int fail(struct scan *s, const char *where)
{
	int c = peek(s);

	if (c < 0) {
		buf_put_c(s->to, "unexpected end of JSON input");
		return -1;
	}
	buf_put_c(s->to, "invalid character ");
	put_character(s->to, c);
	buf_put_char(s->to, ' ');
	buf_put_c(s->to, where);
	return -1;
}

static int read_escape(struct scan *s)
{
	int c = peek(s);

	if (c < 0 || !strchr("bfnrt\\/\"u", c))
		return fail(s, "in string escape code");
	s->at++;
	for (int i = 0; c == 'u' && i < 4; i++, s->at++) {
		int digit = peek(s);

		if (!is_digit(digit) && !(digit >= 'a' && digit <= 'f') &&
		    !(digit >= 'A' && digit <= 'F'))
			return fail(s, "in \\u hexadecimal character escape");
	}
	return 0;
}

static int read_string(struct scan *s)
{
	s->at++;
	for (;;) {
		int c = peek(s);

		if (c < 0x20)
			return fail(s, "in string literal");
		s->at++;
		if (c == '"')
			return 0;
		if (c == '\\' && read_escape(s) < 0)
			return -1;
	}
}

static int read_digits(struct scan *s, const char *where)
{
	if (!is_digit(peek(s)))
		return fail(s, where);
	while (is_digit(peek(s)))
		s->at++;
	return 0;
}

static int read_number(struct scan *s)
{
	if (peek(s) == '-')
		s->at++;
	if (peek(s) == '0')
		s->at++;
	else if (read_digits(s, "in numeric literal") < 0)
		return -1;
	if (peek(s) == '.') {
		s->at++;
		if (read_digits(s, "after decimal point in numeric literal") < 0)
			return -1;
	}
	if (peek(s) != 'e' && peek(s) != 'E')
		return 0;
	s->at++;
	if (peek(s) == '+' || peek(s) == '-')
		s->at++;
	return read_digits(s, "in exponent of numeric literal");
}

static int read_word(struct scan *s)
{
	const char *word = peek(s) == 't' ? "true" : peek(s) == 'f' ? "false" : "null";

	for (size_t i = 0; word[i]; i++, s->at++)
		if (peek(s) != word[i]) {
			char where[64];

			snprintf(where, sizeof(where), "in literal %s (expecting '%c')", word,
				 word[i]);
			return fail(s, where);
		}
	return 0;
}

static int read_key(struct scan *s)
{
	if (peek_after_space(s) != '"')
		return fail(s, "looking for beginning of object key string");
	if (read_string(s) < 0)
		return -1;
	if (peek_after_space(s) != ':')
		return fail(s, "after object key");
	s->at++;
	return 0;
}

/* 1: it is open, and not empty. */
static int read_open(struct scan *s, int c)
{
	if (s->depth == JSON_DEPTH_MAX) {
		buf_put_c(s->to, "exceeded max depth");
		return -1;
	}
	s->at++;
	if (peek_after_space(s) == (c == '{' ? '}' : ']')) {
		s->at++;
		return 0;
	}
	s->open[s->depth++] = (char)c;
	return c == '{' && read_key(s) < 0 ? -1 : 1;
}

/* One value that stands alone, or the beginning of one that has others inside: 1. */
static int read_value(struct scan *s)
{
	int c = peek_after_space(s);

	if (c == '{' || c == '[')
		return read_open(s, c);
	if (c == '"')
		return read_string(s);
	if (c == '-' || is_digit(c))
		return read_number(s);
	if (c == 't' || c == 'f' || c == 'n')
		return read_word(s);
	return fail(s, "looking for beginning of value");
}

/* After a value: what is closed, up to where the next one begins. 1: there is none. */
static int read_rest(struct scan *s)
{
	while (s->depth) {
		bool is_list = s->open[s->depth - 1] == '[';
		int c = peek_after_space(s);

		if (c != ',' && c != (is_list ? ']' : '}'))
			return fail(s, is_list ? "after array element"
					       : "after object key:value pair");
		s->at++;
		if (c == ',')
			return is_list ? 0 : read_key(s);
		s->depth--;
	}
	if (peek_after_space(s) >= 0)
		return fail(s, "after top-level value");
	return 1;
}

bool json_syntax_problem(struct str text, struct buf *to)
{
	struct scan s = { .text = text, .to = to };
	int progress = 0;

	while (!progress) {
		while ((progress = read_value(&s)) > 0)
			continue;
		if (!progress)
			progress = read_rest(&s);
	}
	return progress < 0;
}
