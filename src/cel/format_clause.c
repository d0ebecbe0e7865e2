/* SPDX-License-Identifier: Apache-2.0 */
/* The directives of format(), for who checks a text and who fills it. */
#include "cel/format_internal.h"

#define BIT(kind) (1u << (kind))
#define INTEGERS (BIT(CEL_INT) | BIT(CEL_UINT))
#define REALS (BIT(CEL_DOUBLE) | BIT(CEL_STRING)) /* 'NaN' and 'Infinity' are texts */

static const struct cel_format_clause clauses[] = {
	{ 's',
	  INTEGERS | BIT(CEL_DOUBLE) | BIT(CEL_BOOL) | BIT(CEL_STRING) | BIT(CEL_BYTES) |
		  BIT(CEL_TIMESTAMP) | BIT(CEL_DURATION) | BIT(CEL_TYPE) | BIT(CEL_NULL) |
		  BIT(CEL_LIST) | BIT(CEL_MAP) | BIT(CEL_OBJECT),
	  "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, "
	  "types, durations, and timestamps, was given " },
	{ 'd', INTEGERS, "decimal clause can only be used on integers, was given " },
	{ 'f', REALS, "fixed-point clause can only be used on doubles, was given " },
	{ 'e', REALS, "scientific clause can only be used on doubles, was given " },
	{ 'b', INTEGERS | BIT(CEL_BOOL),
	  "only integers and bools can be formatted as binary, was given " },
	{ 'x', INTEGERS | BIT(CEL_STRING) | BIT(CEL_BYTES),
	  "only integers, byte buffers, and strings can be formatted as hex, was given " },
	{ 'X', INTEGERS | BIT(CEL_STRING) | BIT(CEL_BYTES),
	  "only integers, byte buffers, and strings can be formatted as hex, was given " },
	{ 'o', INTEGERS, "octal clause can only be used on integers, was given " },
};

#define CANNOT_PARSE "could not parse formatting clause: "

bool cel_format_takes(const struct cel_format_clause *clause, enum cel_kind kind)
{
	return kind == CEL_DYN || clause->kinds >> kind & 1;
}

/* ".3" at *i, which moves behind it. */
static int read_precision(struct str s, size_t *i, int *ret, struct err *err)
{
	size_t start;
	int precision = 0;

	*ret = CEL_FORMAT_PRECISION;
	if (s.ptr[*i] != '.')
		return 0;
	for (start = ++*i; *i < s.len && s.ptr[*i] >= '0' && s.ptr[*i] <= '9' &&
			   precision <= CEL_FORMAT_PRECISION_MAX;
	     ++*i)
		precision = 10 * precision + (s.ptr[*i] - '0');
	if (*i == s.len)
		return err_set(err, ERR_INVALID,
			       CANNOT_PARSE "error while parsing precision: could not find end of "
					    "precision specifier");
	if (*i == start)
		return err_set(err, ERR_INVALID,
			       CANNOT_PARSE "error while parsing precision: error while converting "
					    "precision to integer: strconv.Atoi: parsing \"\": "
					    "invalid syntax");
	if (precision > CEL_FORMAT_PRECISION_MAX)
		return err_set(err, ERR_INVALID,
			       CANNOT_PARSE
			       "error while parsing precision: precision is more than %d",
			       CEL_FORMAT_PRECISION_MAX);
	*ret = precision;
	return 0;
}

int cel_directive_read(struct str text, size_t *i, struct cel_directive *ret, struct err *err)
{
	if (++*i >= text.len)
		return err_set(err, ERR_INVALID, "unexpected end of string");
	if (read_precision(text, i, &ret->precision, err) < 0)
		return -1;
	for (size_t k = 0; k < ARRAY_COUNT(clauses); k++) {
		if (clauses[k].letter == text.ptr[*i]) {
			ret->clause = &clauses[k];
			++*i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, CANNOT_PARSE "unrecognized formatting clause \"%c\"",
		       text.ptr[*i]);
}
