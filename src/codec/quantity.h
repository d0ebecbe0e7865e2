/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantities ("100m", "1.5Gi", "2e3") exactly: value × 10^-9 kept in 128 bits, which covers
 * upstream's range; the format is remembered so that the canonical form comes out as upstream
 * prints it.
 */
#ifndef CUBE_CODEC_QUANTITY_H
#define CUBE_CODEC_QUANTITY_H

#include "base/err.h"
#include "base/str.h"

enum quantity_format { QUANTITY_DECIMAL_SI, QUANTITY_BINARY_SI, QUANTITY_DECIMAL_EXPONENT };

struct quantity {
	__int128 nano; /* the value times 10^9; finer parts were rounded up (away from zero) */
	enum quantity_format format;
};

#define QUANTITY_TEXT_BYTES 64

/* ERR_PARSE in upstream's words: "quantities must match the regular expression ...". Too large
 * values are capped. */
int quantity_parse(struct str text, struct quantity *ret, struct err *err) MUST_CHECK;
/* The canonical text ("1500m" for "1.5", "1536Mi" for "1.5Gi"); returns its length; to is
 * NUL-terminated. */
size_t quantity_format(const struct quantity *q, char to[QUANTITY_TEXT_BYTES]);
int quantity_cmp(const struct quantity *a, const struct quantity *b) PURE;
void quantity_add(struct quantity *sum,
		  const struct quantity *q); /* keeps sum's format unless sum is zero */
int64_t quantity_value(const struct quantity *q) PURE; /* whole units, rounded up, saturating */
int64_t quantity_milli(const struct quantity *q) PURE; /* thousandths, rounded up, saturating */
struct quantity quantity_of(int64_t value, enum quantity_format format);
struct quantity quantity_of_milli(int64_t milli, enum quantity_format format);
/* For readers of stored objects: fallback when text is empty or bad. */
int64_t quantity_text_value(struct str text, int64_t fallback) PURE;
int64_t quantity_text_milli(struct str text, int64_t fallback) PURE;

#endif
