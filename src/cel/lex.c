/* SPDX-License-Identifier: Apache-2.0 */
/* Text → tokens, as the grammar of the language definition has them. White space and comments fall
 * away here. */
#include "base/num.h"
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

/* How many characters the escape behind the backslash at i has; *ret_bad: where it is none. */
static size_t escape_length(struct str s, size_t i, size_t *ret_bad)
{
	char c = at(s, i + 1);
	size_t count = c == 'x' || c == 'X' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;

	*ret_bad = SIZE_MAX;
	if (c && strchr("abfnrtv\"'\\?`", c))
		return 2;
	if (c >= '0' && c <= '3') {
		for (size_t k = i + 2; k < i + 4; k++)
			if (at(s, k) < '0' || at(s, k) > '7')
				*ret_bad = NUM_MIN(*ret_bad, k);
		return 4;
	}
	for (size_t k = i + 2; k < i + 2 + count; k++)
		if (!is_hex(at(s, k)))
			*ret_bad = NUM_MIN(*ret_bad, k);
	if (!count)
		*ret_bad = i + 1;
	return 2 + count;
}

/* A literal: its length; 0: there is none at all. bad: where it breaks off. */
struct literal {
	size_t len, bad;
	bool is_bytes, has_prefix;
};

static void end_of_string(struct str s, size_t n, size_t quotes, bool raw, struct literal *ret)
{
	char quote = s.ptr[n - 1];
	size_t bad;

	while (n < s.len && (quotes == 3 || (s.ptr[n] != '\n' && s.ptr[n] != '\r'))) {
		if (s.ptr[n] == quote &&
		    (quotes == 1 || (at(s, n + 1) == quote && at(s, n + 2) == quote))) {
			ret->len = n + quotes;
			return;
		}
		if (s.ptr[n] != '\\' || raw) {
			n++;
			continue;
		}
		n += escape_length(s, n, &bad);
		if (bad != SIZE_MAX) {
			ret->bad = NUM_MIN(bad, s.len);
			return;
		}
	}
	ret->bad = n;
}

/* A string literal with its prefix at i. */
static struct literal find_string(struct str s, size_t i)
{
	struct literal found = { .bad = SIZE_MAX };
	bool raw = false;
	size_t n = i, quotes;

	for (int prefix = 0; prefix < 2 && at(s, n) && strchr("rRbB", s.ptr[n]); prefix++, n++) {
		bool is_raw = s.ptr[n] == 'r' || s.ptr[n] == 'R';

		if (prefix && (raw || !is_raw)) /* only as br */
			return found;
		raw |= is_raw;
		found.is_bytes |= !is_raw;
	}
	if (at(s, n) != '"' && at(s, n) != '\'')
		return found;
	found.has_prefix = n > i;
	quotes = at(s, n + 1) == s.ptr[n] && at(s, n + 2) == s.ptr[n] ? 3 : 1;
	end_of_string(s, n + quotes, quotes, raw, &found);
	if (!found.len && quotes == 3) { /* nothing in quotes, and a third one */
		found.len = n + 2;
		found.bad = SIZE_MAX;
	}
	if (found.len)
		found.len -= i;
	return found;
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

/* From i up to and with the character that fits nothing: what is passed over. */
static struct cel_token refuse(struct cel_source *source, size_t i, size_t bad)
{
	struct str s = source->text;
	size_t end = NUM_MIN(bad + 1, s.len);
	AUTO_BUF shown = { 0 };

	while (end < s.len && ((unsigned char)s.ptr[end] & 0xc0) == 0x80)
		end++;
	buf_init(&shown, CEL_ERROR_BYTES_MAX);
	for (size_t k = i; k < end; k++)
		if (s.ptr[k] == '\n' || s.ptr[k] == '\r' || s.ptr[k] == '\t')
			buf_put_c(&shown, s.ptr[k] == '\n'   ? "\\n"
					  : s.ptr[k] == '\r' ? "\\r"
							     : "\\t");
		else
			buf_put_char(&shown, s.ptr[k]);
	cel_message(source, (uint32_t)i, "Syntax error: token recognition error at: '" STR_FMT "'",
		    STR_ARG(buf_str(&shown)));
	return (struct cel_token){ .kind = CEL_TOKEN_BAD,
				   .offset = (uint32_t)i,
				   .text = str_sub(s.ptr + i, end - i) };
}

/* `a/b.c`, a field's name with what identifiers do not have. */
static struct cel_token lex_escaped(struct cel_source *source, size_t i)
{
	struct str s = source->text;
	size_t n = i + 1;

	while (is_ident_start(at(s, n)) || is_digit(at(s, n)) ||
	       (at(s, n) && strchr(".-/ ", at(s, n))))
		n++;
	if (at(s, n) != '`' || n == i + 1)
		return refuse(source, i, n);
	return (struct cel_token){ .kind = CEL_TOKEN_ESCAPED,
				   .offset = (uint32_t)i,
				   .text = str_sub(s.ptr + i, n + 1 - i) };
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
	/* half of what is two is told with what stands there instead */
	return refuse(source, i, strchr("=&|", s.ptr[i]) && s.ptr[i] ? i + 1 : i);
}

static struct cel_token lex_one(struct cel_source *source, size_t i)
{
	struct str s = source->text;
	struct literal literal = find_string(s, i);

	if (literal.len)
		return (struct cel_token){ .kind = literal.is_bytes ? CEL_TOKEN_BYTES
								    : CEL_TOKEN_STRING,
					   .offset = (uint32_t)i,
					   .text = str_sub(s.ptr + i, literal.len) };
	if (literal.bad != SIZE_MAX && !literal.has_prefix)
		return refuse(source, i, literal.bad);
	if (is_digit(s.ptr[i]) || (s.ptr[i] == '.' && is_digit(at(s, i + 1))))
		return lex_number(s, i);
	if (is_ident_start(s.ptr[i]))
		return lex_word(s, i);
	return s.ptr[i] == '`' ? lex_escaped(source, i) : lex_punctuation(source, i);
}

struct cel_token cel_lex(struct cel_source *source, uint32_t *pos)
{
	struct cel_token token = { .kind = CEL_TOKEN_BAD };

	while (token.kind == CEL_TOKEN_BAD) {
		size_t i = skip_space(source->text, *pos);

		token = (struct cel_token){ .kind = CEL_TOKEN_END,
					    .offset = (uint32_t)i,
					    .text = STR("<EOF>") };
		*pos = (uint32_t)i;
		if (i < source->text.len) {
			token = lex_one(source, i);
			*pos = (uint32_t)(i + token.text.len);
		}
	}
	return token;
}
