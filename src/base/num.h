/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers: strict parsing, checked arithmetic, alignment. */
#ifndef CUBE_BASE_NUM_H
#define CUBE_BASE_NUM_H

#include <stdint.h>
#include "base/err.h"
#include "base/str.h"

/* Decimal, the whole string, no sign for u64, no white space, no leading '+'. err names what and quotes the text. */
int num_parse_u64(struct str s, uint64_t max, const char *what, uint64_t *ret, struct err *err) MUST_CHECK;
int num_parse_i64(struct str s, int64_t min, int64_t max, const char *what, int64_t *ret, struct err *err) MUST_CHECK;
int num_parse_octal(struct str s, uint32_t max, const char *what, uint32_t *ret, struct err *err) MUST_CHECK;
int num_parse_double(struct str s, const char *what, double *ret, struct err *err) MUST_CHECK; /* locale-free */

#define NUM_MIN(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define NUM_MAX(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })

#endif
