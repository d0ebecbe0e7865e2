/* SPDX-License-Identifier: Apache-2.0 */
/* A regular expression in use by one call: compiled beforehand when it is a constant, else now. */
#ifndef CUBE_CEL_PATTERN_INTERNAL_H
#define CUBE_CEL_PATTERN_INTERNAL_H

#include "cel/function_internal.h"
#include "codec/regex.h"

struct cel_pattern {
	const struct regex *regex;
	struct arena scratch;
	struct regex_search search;
};

/* False: *ret_error says why. cel_pattern_close is due either way. */
bool cel_pattern_open(struct cel_frame *f, struct str text, struct cel_pattern *pattern,
		      struct cel_value *ret_error);
bool cel_pattern_charge(struct cel_frame *f, struct cel_pattern *pattern, enum regex_result result);
void cel_pattern_close(struct cel_pattern *pattern);

#endif
