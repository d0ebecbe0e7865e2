/* SPDX-License-Identifier: Apache-2.0 */
/* What kinds that keep pods of a template running have in common. */
#ifndef CUBE_API_KINDS_WORKLOAD_H
#define CUBE_API_KINDS_WORKLOAD_H

#include "api/rules.h"

/* Sets what is missing or null. object may be NULL. */
void default_str(struct edit *e, yyjson_mut_val *object, const char *key, const char *value);
void default_int(struct edit *e, yyjson_mut_val *object, const char *key, int64_t value);
/* 0, "0" or "0%" (or missing). */
bool is_zero_amount(yyjson_mut_val *v);
/* A percentage above 100. */
bool is_above_all(yyjson_mut_val *v);
/* Numbers of a status: none is negative, none above that of another one. */
struct count_limit {
	const char *count, *limit; /* limit NULL = none */
	const char *detail;
};
void counts_check(struct edit *e, const struct count_limit *limits, struct field_errors *errors);

#endif
