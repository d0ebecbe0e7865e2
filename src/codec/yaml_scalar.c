/* SPDX-License-Identifier: Apache-2.0 */
/* Resolution of plain scalars. Time stamps stay strings, as they do in trees that Go decodes. */
#include "codec/yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/num.h"
#include "codec/base64.h"

#define NUMBER_BYTES_MAX 400

enum scalar_type {
	SCALAR_STRING,
	SCALAR_NULL,
	SCALAR_TRUE,
	SCALAR_FALSE,
	SCALAR_INT,
	SCALAR_UINT,
	SCALAR_DOUBLE,
	SCALAR_NOT_JSON,
};

struct scalar {
	enum scalar_type type;
	int64_t i64;
	uint64_t u64;
	double real;
};

static const struct {
	const char *text;
	enum scalar_type type;
} words[] = {
	{ "", SCALAR_NULL },	      { "~", SCALAR_NULL },	    { "null", SCALAR_NULL },
	{ "Null", SCALAR_NULL },      { "NULL", SCALAR_NULL },	    { "y", SCALAR_TRUE },
	{ "Y", SCALAR_TRUE },	      { "yes", SCALAR_TRUE },	    { "Yes", SCALAR_TRUE },
	{ "YES", SCALAR_TRUE },	      { "true", SCALAR_TRUE },	    { "True", SCALAR_TRUE },
	{ "TRUE", SCALAR_TRUE },      { "on", SCALAR_TRUE },	    { "On", SCALAR_TRUE },
	{ "ON", SCALAR_TRUE },	      { "n", SCALAR_FALSE },	    { "N", SCALAR_FALSE },
	{ "no", SCALAR_FALSE },	      { "No", SCALAR_FALSE },	    { "NO", SCALAR_FALSE },
	{ "false", SCALAR_FALSE },    { "False", SCALAR_FALSE },    { "FALSE", SCALAR_FALSE },
	{ "off", SCALAR_FALSE },      { "Off", SCALAR_FALSE },	    { "OFF", SCALAR_FALSE },
	{ ".inf", SCALAR_NOT_JSON },  { ".Inf", SCALAR_NOT_JSON },  { ".INF", SCALAR_NOT_JSON },
	{ "+.inf", SCALAR_NOT_JSON }, { "+.Inf", SCALAR_NOT_JSON }, { "+.INF", SCALAR_NOT_JSON },
	{ "-.inf", SCALAR_NOT_JSON }, { "-.Inf", SCALAR_NOT_JSON }, { "-.INF", SCALAR_NOT_JSON },
	{ ".nan", SCALAR_NOT_JSON },  { ".NaN", SCALAR_NOT_JSON },  { ".NAN", SCALAR_NOT_JSON },
};

/* Digits of base with '_' taken out; false when there is anything else or it passes 64 bits. */
static bool parse_digits(const char *digits, unsigned int base, uint64_t *ret)
{
	uint64_t sum = 0;

	if (!*digits)
		return false;
	for (; *digits; digits++) {
		char c = *digits;
		unsigned int digit = c >= '0' && c <= '9'   ? (unsigned int)(c - '0')
				     : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10
				     : c >= 'A' && c <= 'F' ? (unsigned int)(c - 'A') + 10
							    : 99;

		if (digit >= base || __builtin_mul_overflow(sum, base, &sum) ||
		    __builtin_add_overflow(sum, digit, &sum))
			return false;
	}
	*ret = sum;
	return true;
}

static bool parse_int(const char *text, struct scalar *ret)
{
	bool negative = *text == '-';
	unsigned int base = 10;
	uint64_t magnitude;

	if (*text == '-' || *text == '+')
		text++;
	if (text[0] == '0' && text[1]) {
		base = text[1] == 'x' || text[1] == 'X'	  ? 16
		       : text[1] == 'b' || text[1] == 'B' ? 2
							  : 8;
		text += base != 8 || text[1] == 'o' || text[1] == 'O' ? 2 : 1;
	}
	if (!parse_digits(text, base, &magnitude))
		return false;
	if (negative) {
		if (magnitude > (uint64_t)INT64_MAX + 1)
			return false;
		*ret = (struct scalar){ .type = SCALAR_INT, .i64 = (int64_t)(0 - magnitude) };
	} else if (magnitude <= INT64_MAX) {
		*ret = (struct scalar){ .type = SCALAR_INT, .i64 = (int64_t)magnitude };
	} else {
		*ret = (struct scalar){ .type = SCALAR_UINT, .u64 = magnitude };
	}
	return true;
}

/* [-+]? (\.[0-9]+ | [0-9]+ (\.[0-9]*)?) ([eE][-+]?[0-9]+)? */
static bool is_float(const char *text)
{
	size_t whole, fraction = 0;

	text += *text == '-' || *text == '+';
	whole = strspn(text, "0123456789");
	text += whole;
	if (*text == '.') {
		fraction = strspn(++text, "0123456789");
		text += fraction;
	}
	if (!whole && !fraction)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '-' || *text == '+';
		if (!strspn(text, "0123456789"))
			return false;
		text += strspn(text, "0123456789");
	}
	return !*text;
}

static struct scalar parse_number(struct str text)
{
	struct scalar scalar = { .type = SCALAR_STRING };
	char digits[NUMBER_BYTES_MAX];
	struct str bare;
	size_t len = 0;

	if (text.len >= sizeof(digits))
		return scalar;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\0')
			return scalar;
		if (text.ptr[i] != '_')
			digits[len++] = text.ptr[i];
	}
	digits[len] = '\0';
	if (parse_int(digits, &scalar))
		return scalar;
	if (!is_float(digits))
		return (struct scalar){ .type = SCALAR_STRING };
	bare = str_sub(digits + (digits[0] == '+'), len - (digits[0] == '+'));
	if (num_parse_double(bare, "number", &scalar.real, NULL) < 0)
		scalar.real = strtod(bare.ptr, NULL); /* ".5" and "5." */
	scalar.type = isfinite(scalar.real) ? SCALAR_DOUBLE : SCALAR_NOT_JSON;
	return scalar;
}

static struct scalar resolve(struct str text)
{
	char c = text.len ? text.ptr[0] : '\0';

	for (size_t i = 0; text.len <= 5 && i < ARRAY_COUNT(words); i++) {
		if (str_eq_c(text, words[i].text))
			return (struct scalar){ .type = words[i].type };
	}
	if ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')
		return parse_number(text);
	return (struct scalar){ .type = SCALAR_STRING };
}

bool yaml_scalar_is_string(struct str text)
{
	return resolve(text).type == SCALAR_STRING;
}

/* !!binary as text; JSON can only hold it when it is UTF-8. */
static yyjson_mut_val *binary_value(yyjson_mut_doc *doc, struct str text, const char **ret_problem)
{
	AUTO_BUF bytes = { 0 };

	buf_init(&bytes, text.len);
	if (base64_decode(text, &bytes, NULL) < 0) {
		*ret_problem = "!!binary value contains invalid base64 data";
		return NULL;
	}
	if (!str_is_utf8(buf_str(&bytes))) {
		*ret_problem = "!!binary value is not text";
		return NULL;
	}
	return json_new_str(doc, buf_str(&bytes));
}

yyjson_mut_val *yaml_scalar_value(yyjson_mut_doc *doc, struct str text, bool plain, struct str tag,
				  const char **ret_problem)
{
	struct scalar scalar;

	if (str_eq_c(tag, "tag:yaml.org,2002:binary"))
		return binary_value(doc, text, ret_problem);
	if (str_eq_c(tag, "tag:yaml.org,2002:str") || str_eq_c(tag, "!") ||
	    (!plain && str_is_empty(tag)))
		return json_new_str(doc, text);
	scalar = resolve(text);
	switch (scalar.type) {
	case SCALAR_NULL:
		return yyjson_mut_null(doc);
	case SCALAR_TRUE:
	case SCALAR_FALSE:
		return yyjson_mut_bool(doc, scalar.type == SCALAR_TRUE);
	case SCALAR_INT:
		return str_eq_c(tag, "tag:yaml.org,2002:float")
			       ? yyjson_mut_real(doc, (double)scalar.i64)
		       : scalar.i64 < 0 ? yyjson_mut_sint(doc, scalar.i64)
					: yyjson_mut_uint(doc, (uint64_t)scalar.i64);
	case SCALAR_UINT:
		return yyjson_mut_uint(doc, scalar.u64);
	case SCALAR_DOUBLE:
		return yyjson_mut_real(doc, scalar.real);
	case SCALAR_NOT_JSON:
		*ret_problem = "JSON has no number for infinity or not-a-number";
		return NULL;
	case SCALAR_STRING:
		break;
	}
	return json_new_str(doc, text);
}

yyjson_mut_val *yaml_scalar_key(yyjson_mut_doc *doc, yyjson_mut_val *value,
				const char **ret_problem)
{
	AUTO_BUF text = { 0 };

	if (yyjson_mut_is_str(value))
		return value;
	if (yyjson_mut_is_null(value) || yyjson_mut_is_ctn(value)) {
		*ret_problem = "map keys must be strings, numbers or booleans";
		return NULL;
	}
	buf_init(&text, NUMBER_BYTES_MAX);
	json_mut_write(value, &text);
	return json_new_str(doc, buf_str(&text));
}
