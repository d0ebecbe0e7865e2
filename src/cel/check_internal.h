/* SPDX-License-Identifier: Apache-2.0 */
/* What check.c and check_call.c share. */
#ifndef CUBE_CEL_CHECK_INTERNAL_H
#define CUBE_CEL_CHECK_INTERNAL_H

#include "cel/unify_internal.h"

#define CHECK_LOCALS_MAX (3 * CEL_DEPTH_MAX)

struct check_local {
	struct str name;
	const struct cel_type *type;
};

struct checker {
	struct cel_source *source;
	struct unifier unifier;
	struct check_local
		locals[CHECK_LOCALS_MAX]; /* of the folds around; the index is the slot */
	size_t local_count;
	uint32_t slot_count;
	uint64_t variables_used;
	unsigned format_depth; /* calls of format() around: their lists may be of anything */
};

void check_node(struct checker *c, struct cel_node *node);
void check_call(struct checker *c, struct cel_node *node);
void check_struct(struct checker *c, struct cel_node *node);
void check_set(struct cel_node *node, const struct cel_type *type);
const struct cel_type *check_type(struct checker *c,
				  const struct cel_node *node); /* what is known of it by now */
void check_type_text(struct checker *c, const struct cel_type *type, struct buf *to);
/* The type of a field of operand; node gets the place of a message and, for objects, the field. */
const struct cel_type *check_field(struct checker *c, struct cel_node *node,
				   const struct cel_node *operand, struct str name, bool optional);
/* "a.b.c" when node is nothing but names. */
bool check_qualified(struct checker *c, const struct cel_node *node, unsigned depth,
		     struct str *ret);

#endif
