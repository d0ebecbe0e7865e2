/* SPDX-License-Identifier: Apache-2.0 */
/* Assignability with type variables, after the rules of the language definition. Depth is
 * CEL_TYPE_DEPTH_MAX at most. */
#include "cel/unify_internal.h"

const struct cel_type *unify_fresh(struct unifier *u)
{
	struct cel_type *type = ARENA_NEW(u->arena, struct cel_type);
	struct unify_variable *variable = ARENA_NEW(u->arena, struct unify_variable);

	variable->id = u->variable_count++;
	*type = (struct cel_type){
		.kind = CEL_PARAM,
		.name = str_printf_in(u->arena, "_var%u", variable->id),
		.source = variable,
		.size_max = CEL_SIZE_UNKNOWN,
	};
	return type;
}

static struct unify_variable *variable_of(const struct cel_type *type)
{
	return (struct unify_variable *)(uintptr_t)type->source;
}

static void bind(struct unifier *u, const struct cel_type *type, const struct cel_type *bound)
{
	struct unify_change *change = ARENA_NEW(u->arena, struct unify_change);
	struct unify_variable *variable = variable_of(type);

	*change = (struct unify_change){ u->changes, variable, variable->bound };
	u->changes = change;
	variable->bound = bound;
}

void unify_undo(struct unifier *u, struct unify_change *before)
{
	for (; u->changes != before; u->changes = u->changes->older)
		u->changes->variable->bound = u->changes->bound;
}

static bool has_parts(const struct cel_type *type)
{
	return type->element != NULL;
}

/* A copy with other parts, unless they are the same. */
static const struct cel_type *with_parts(struct unifier *u, const struct cel_type *type,
					 const struct cel_type *key, const struct cel_type *element)
{
	struct cel_type *copy;

	if (key == type->key && element == type->element)
		return type;
	copy = ARENA_NEW(u->arena, struct cel_type);
	*copy = *type;
	copy->key = key;
	copy->element = element;
	return copy;
}

const struct cel_type *unify_instantiate(struct unifier *u, const struct cel_type *type,
					 const struct cel_type *a, const struct cel_type *b)
{
	const struct cel_type *key = type->key;

	if (type == &cel_param_a)
		return a;
	if (type == &cel_param_b)
		return b;
	if (!has_parts(type))
		return type;
	if (key)
		key = unify_instantiate(u, key, a, b);
	return with_parts(u, type, key, unify_instantiate(u, type->element, a, b));
}

static const struct cel_type *resolve(struct unifier *u, const struct cel_type *type,
				      bool free_is_dyn, unsigned depth)
{
	const struct cel_type *key = type->key;

	if (depth == CEL_TYPE_DEPTH_MAX)
		return &cel_type_dyn;
	if (type->kind == CEL_PARAM) {
		const struct cel_type *bound = variable_of(type)->bound;

		if (bound)
			return resolve(u, bound, free_is_dyn, depth + 1);
		return free_is_dyn ? &cel_type_dyn : type;
	}
	if (!has_parts(type))
		return type;
	if (key)
		key = resolve(u, key, free_is_dyn, depth + 1);
	return with_parts(u, type, key, resolve(u, type->element, free_is_dyn, depth + 1));
}

const struct cel_type *unify_resolve(struct unifier *u, const struct cel_type *type,
				     bool free_is_dyn)
{
	return resolve(u, type, free_is_dyn, 0);
}

static bool is_wild(const struct cel_type *type)
{
	return type->kind == CEL_DYN || type->kind == CEL_ERROR;
}

/* Objects are the same type when they are described alike: copies of a type occur (nullable, list
 * items). */
static bool same_name(const struct cel_type *a, const struct cel_type *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == CEL_OBJECT)
		return a == b || (a->fields == b->fields && a->source == b->source &&
				  str_eq(a->name, b->name));
	if (a->kind == CEL_OPAQUE)
		return a == b;
	return true;
}

static bool exact(const struct cel_type *a, const struct cel_type *b, unsigned depth)
{
	if (a == b)
		return true;
	if (!same_name(a, b) || a->kind == CEL_PARAM || depth == CEL_TYPE_DEPTH_MAX)
		return false;
	if ((a->key && b->key && !exact(a->key, b->key, depth + 1)) || !a->element != !b->element)
		return false;
	return !a->element || exact(a->element, b->element, depth + 1);
}

static bool less_specific(const struct cel_type *a, const struct cel_type *b, unsigned depth)
{
	if (a->kind == CEL_DYN || a->kind == CEL_PARAM)
		return true;
	if (b->kind == CEL_DYN || b->kind == CEL_PARAM || !same_name(a, b) ||
	    depth == CEL_TYPE_DEPTH_MAX)
		return false;
	if (a->kind == CEL_TYPE || !a->element || !b->element)
		return true;
	if (a->key && b->key && !less_specific(a->key, b->key, depth + 1))
		return false;
	return less_specific(a->element, b->element, depth + 1);
}

const struct cel_type *unify_general(const struct cel_type *a, const struct cel_type *b)
{
	return less_specific(a, b, 0) ? a : b;
}

/* True when variable does not occur in what type is bound to. */
static bool not_inside(const struct cel_type *variable, const struct cel_type *type, unsigned depth)
{
	if (type == variable || depth == CEL_TYPE_DEPTH_MAX)
		return false;
	if (type->kind == CEL_PARAM)
		return !variable_of(type)->bound ||
		       not_inside(variable, variable_of(type)->bound, depth + 1);
	if (type->key && !not_inside(variable, type->key, depth + 1))
		return false;
	return !type->element || not_inside(variable, type->element, depth + 1);
}

static bool assign(struct unifier *u, const struct cel_type *to, const struct cel_type *from,
		   unsigned depth);

/* Whether other can stand for variable; *ret_bound: it had been bound before. */
static bool substitute(struct unifier *u, const struct cel_type *other,
		       const struct cel_type *variable, bool *ret_bound, unsigned depth)
{
	const struct cel_type *bound = variable_of(variable)->bound;

	*ret_bound = true;
	if (other == variable)
		return true;
	if (bound) {
		const struct cel_type *general;

		if (exact(other, bound, 0))
			return true;
		if (!assign(u, other, bound, depth + 1))
			return false;
		general = unify_general(other, bound);
		if (general != bound && not_inside(variable, general, 0))
			bind(u, variable, general);
		return true;
	}
	*ret_bound = false;
	if (!not_inside(variable, other, 0))
		return false;
	bind(u, variable, other);
	return true;
}

static bool takes_null(const struct cel_type *type)
{
	return type->kind == CEL_NULL || type->kind == CEL_TIMESTAMP ||
	       type->kind == CEL_DURATION || type->kind == CEL_OBJECT || type->kind == CEL_OPAQUE ||
	       type->kind == CEL_OPTIONAL;
}

static bool assign_parts(struct unifier *u, const struct cel_type *to, const struct cel_type *from,
			 unsigned depth)
{
	if (!to->element || !from->element)
		return true;
	if (to->key && from->key && !assign(u, to->key, from->key, depth + 1))
		return false;
	return assign(u, to->element, from->element, depth + 1);
}

static bool assign(struct unifier *u, const struct cel_type *to, const struct cel_type *from,
		   unsigned depth)
{
	bool bound;

	if (depth == CEL_TYPE_DEPTH_MAX)
		return false;
	if (from->kind == CEL_PARAM) {
		if (substitute(u, to, from, &bound, depth))
			return true;
		if (bound)
			return false;
	}
	if (to->kind == CEL_PARAM)
		return substitute(u, from, to, &bound, depth);
	if (is_wild(to) || is_wild(from))
		return true;
	if (to->kind == CEL_NULL)
		return takes_null(from);
	if (from->kind == CEL_NULL)
		return takes_null(to);
	if (to->kind == CEL_TYPE)
		return from->kind == CEL_TYPE;
	return same_name(to, from) && assign_parts(u, to, from, depth);
}

bool unify_assign(struct unifier *u, const struct cel_type *to, const struct cel_type *from)
{
	return assign(u, to, from, 0);
}
