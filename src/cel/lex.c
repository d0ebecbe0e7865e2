/* SPDX-License-Identifier: Apache-2.0 */
/* Text → tokens, as the grammar of the language definition has them. White space and comments fall
 * away here. */
#include "cel/cel_internal.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_ident_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char at(struct str s, size_t i)
{
	return i < s.len ? s.ptr[i] : '\0';
}

static size_t skip_space(struct str s, size_t i)
{
	for (; i < s.len; i++) {
		if (at(s, i) == '/' && at(s, i + 1) == '/') {
			while (i < s.len && s.ptr[i] != '\n')
				i++;
			if (i == s.len)
				break;
		} else if (!strchr(" \t\r\n\f", s.ptr[i]) || !s.ptr[i]) {
			break;
		}
	}
	return i;
}

/* Length of a string literal with its prefix at i; 0 when there is none, SIZE_MAX when it does not
 * end. */
static size_t string_length(struct str s, size_t i, bool *ret_bytes)
{
	bool raw = false;
	bool bytes = false;
	size_t n = i;
	char quote;

	for (int prefix = 0; prefix < 2 && at(s, n) && strchr("rRbB", s.ptr[n]); prefix++, n++) {
		bool is_raw = s.ptr[n] == 'r' || s.ptr[n] == 'R';

		if (is_raw ? raw : bytes)
			return 0;
		raw |= is_raw;
		bytes |= !is_raw;
	}
	quote = at(s, n);
	if (quote != '"' && quote != '\'')
		return 0;
	*ret_bytes = bytes;
	if (at(s, n + 1) == quote && at(s, n + 2) == quote) {
		for (n += 3; n < s.len; n++) {
			if (s.ptr[n] == '\\' && !raw)
				n++;
			else if (s.ptr[n] == quote && at(s, n + 1) == quote &&
				 at(s, n + 2) == quote)
				return n + 3 - i;
		}
		return SIZE_MAX;
	}
	for (n++; n < s.len && s.ptr[n] != '\n' && s.ptr[n] != '\r'; n++) {
		if (s.ptr[n] == '\\' && !raw && at(s, n + 1) != '\n' && at(s, n + 1) != '\r')
			n++;
		else if (s.ptr[n] == quote)
			return n + 1 - i;
	}
	return SIZE_MAX;
}

static size_t digits(struct str s, size_t i)
{
	while (is_digit(at(s, i)))
		i++;
	return i;
}

static size_t exponent(struct str s, size_t i)
{
	size_t n = i + 1;

	if (at(s, i) != 'e' && at(s, i) != 'E')
		return i;
	if (at(s, n) == '+' || at(s, n) == '-')
		n++;
	return is_digit(at(s, n)) ? digits(s, n) : i;
}

static struct cel_token lex_number(struct str s, size_t i)
{
	struct cel_token token = { .kind = CEL_TOKEN_INT, .offset = (uint32_t)i };
	size_t n;

	if (s.ptr[i] == '0' && (at(s, i + 1) == 'x' || at(s, i + 1) == 'X') &&
	    is_hex(at(s, i + 2))) {
		n = i + 2;
		while (is_hex(at(s, n)))
			n++;
	} else {
		n = digits(s, i);
		if (at(s, n) == '.' && is_digit(at(s, n + 1))) {
			n = exponent(s, digits(s, n + 1));
			token.kind = CEL_TOKEN_DOUBLE;
		} else if (n > i && exponent(s, n) > n) {
			n = exponent(s, n);
			token.kind = CEL_TOKEN_DOUBLE;
		}
	}
	if (token.kind == CEL_TOKEN_INT && (at(s, n) == 'u' || at(s, n) == 'U')) {
		token.kind = CEL_TOKEN_UINT;
		n++;
	}
	token.text = str_sub(s.ptr + i, n - i);
	return token;
}

static struct cel_token lex_word(struct str s, size_t i)
{
	static const struct {
		const char *text;
		enum cel_token_kind kind;
	} words[] = {
		{ "true", CEL_TOKEN_TRUE },
		{ "false", CEL_TOKEN_FALSE },
		{ "null", CEL_TOKEN_NULL },
		{ "in", CEL_TOKEN_IN },
	};
	struct cel_token token = { .kind = CEL_TOKEN_IDENT, .offset = (uint32_t)i };
	size_t n = i;

	while (is_ident_start(at(s, n)) || is_digit(at(s, n)))
		n++;
	token.text = str_sub(s.ptr + i, n - i);
	for (size_t w = 0; w < ARRAY_COUNT(words); w++)
		if (str_eq_c(token.text, words[w].text))
			token.kind = words[w].kind;
	return token;
}

/* One code point, for a message. */
static struct str one_point(struct str s, size_t i)
{
	size_t n = 1;

	while (i + n < s.len && ((unsigned char)s.ptr[i + n] & 0xc0) == 0x80)
		n++;
	return str_sub(s.ptr + i, n);
}

static struct cel_token lex_punctuation(struct cel_source *source, size_t i)
{
	static const char *const twos[] = { "==", "!=", "<=", ">=", "&&", "||" };
	struct str s = source->text;
	struct cel_token token = { .kind = CEL_TOKEN_PUNCTUATION, .offset = (uint32_t)i };

	for (size_t t = 0; t < ARRAY_COUNT(twos); t++) {
		if (at(s, i) == twos[t][0] && at(s, i + 1) == twos[t][1]) {
			token.text = str_sub(s.ptr + i, 2);
			return token;
		}
	}
	if (s.ptr[i] && strchr("<>[]{}().,-!?:+*/%", s.ptr[i])) {
		token.text = str_sub(s.ptr + i, 1);
		return token;
	}
	token.kind = CEL_TOKEN_BAD;
	token.text = one_point(s, i);
	cel_message(source, token.offset, "Syntax error: token recognition error at: '" STR_FMT "'",
		    STR_ARG(token.text));
	return token;
}

struct cel_token cel_lex(struct cel_source *source, uint32_t *pos)
{
	struct str s = source->text;
	size_t i = skip_space(s, *pos);
	struct cel_token token = { .kind = CEL_TOKEN_END,
				   .offset = (uint32_t)i,
				   .text = STR("<EOF>") };
	bool bytes = false;
	size_t len;

	*pos = (uint32_t)i;
	if (i >= s.len)
		return token;
	len = string_length(s, i, &bytes);
	if (len == SIZE_MAX) {
		token.kind = CEL_TOKEN_BAD;
		token.text = str_sub(s.ptr + i, s.len - i);
		cel_message(source, token.offset,
			    "Syntax error: token recognition error at: '" STR_FMT "'",
			    STR_ARG(token.text));
		return token;
	}
	if (len) {
		token.kind = bytes ? CEL_TOKEN_BYTES : CEL_TOKEN_STRING;
		token.text = str_sub(s.ptr + i, len);
	} else if (is_digit(s.ptr[i]) || (s.ptr[i] == '.' && is_digit(at(s, i + 1)))) {
		token = lex_number(s, i);
	} else if (is_ident_start(s.ptr[i])) {
		token = lex_word(s, i);
	} else {
		token = lex_punctuation(source, i);
	}
	*pos = (uint32_t)(i + token.text.len);
	return token;
}
