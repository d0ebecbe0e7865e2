/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types with variables. A variable is a CEL_PARAM whose source is its binding; binding can be
 * undone, because an overload that does not fit must leave no trace.
 */
#ifndef CUBE_CEL_UNIFY_INTERNAL_H
#define CUBE_CEL_UNIFY_INTERNAL_H

#include "cel/function_internal.h"

struct unify_variable {
	const struct cel_type *bound;
	unsigned id;
};

struct unify_change {
	struct unify_change *older;
	struct unify_variable *variable;
	const struct cel_type *bound;
};

struct unifier {
	struct arena *arena;
	struct unify_change *changes;
	unsigned variable_count;
};

const struct cel_type *unify_fresh(struct unifier *u);
/* type with its row parameters A and B replaced. */
const struct cel_type *unify_instantiate(struct unifier *u, const struct cel_type *type,
					 const struct cel_type *a, const struct cel_type *b);
/* Whether a value of type from fits where to is expected; binds variables. On false bindings may
 * have changed: unify_undo(u, what u->changes was before). */
bool unify_assign(struct unifier *u, const struct cel_type *to, const struct cel_type *from);
void unify_undo(struct unifier *u, struct unify_change *before);
/* Variables replaced by what they are bound to; free ones stay, or become dyn. */
const struct cel_type *unify_resolve(struct unifier *u, const struct cel_type *type,
				     bool free_is_dyn);
const struct cel_type *unify_general(const struct cel_type *a,
				     const struct cel_type *b); /* the less specific one */

#endif
