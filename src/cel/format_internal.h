/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of format(): their directives, and what each may be used on. */
#ifndef CUBE_CEL_FORMAT_INTERNAL_H
#define CUBE_CEL_FORMAT_INTERNAL_H

#include "cel/cel.h"

#define CEL_FORMAT_PRECISION 6
#define CEL_FORMAT_PRECISION_MAX 64

struct cel_format_clause {
	char letter;
	unsigned kinds;	     /* bit per enum cel_kind */
	const char *problem; /* of other kinds; the kind's name follows */
};

struct cel_directive {
	const struct cel_format_clause *clause;
	int precision;
};

/* The directive behind the '%' at text[*i]; *i moves behind it. < 0: err says what is wrong. */
int cel_directive_read(struct str text, size_t *i, struct cel_directive *ret,
		       struct err *err) MUST_CHECK;
bool cel_format_takes(const struct cel_format_clause *clause, enum cel_kind kind) PURE;

#endif
