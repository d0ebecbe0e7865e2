/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic of estimates: ranges that saturate. */
#ifndef CUBE_CEL_COST_INTERNAL_H
#define CUBE_CEL_COST_INTERNAL_H

#include "cel/function_internal.h"

struct cost_range {
	uint64_t min, max;
};

struct cost_range cost_add(struct cost_range a, struct cost_range b);
struct cost_range cost_multiply(struct cost_range a, struct cost_range b);
struct cost_range cost_union(struct cost_range a, struct cost_range b);

/* One overload of a call: what it costs without its arguments, and the size of its result when that
 * is known. */
struct cost_call {
	const struct cel_node *node;
	const struct cel_function *row;
	struct cost_range
		sizes[CEL_PARAMETERS_MAX]; /* of all arguments, the target of a member included */
	struct cost_range element;	   /* size of the elements of the first argument */
	struct cost_range cost;
	struct cost_range result;
	bool has_result;
};

void cost_of_call(struct cost_call *call);

#endif
