/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of fields that were written when the schema was another one. Lists and objects that are
 * replaced as a whole by now are owned as a whole by who owned anything in them. The other way
 * needs nothing: who owned the whole owns what he applies next.
 */
#include "api/typed_internal.h"

/* A list or object of declared type whose parts are nobody's own. */
static bool is_whole(struct typed t)
{
	return typed_form(t, NULL) == TYPED_LEAF &&
	       (typed_is_map(typed_form_to_check(t, NULL)) || typed_is_plain_list(t, NULL));
}

/* False: the schema says nothing of it. */
static bool child_type(struct typed t, struct str name, struct typed *ret)
{
	enum typed_form form = typed_form(t, NULL);
	bool declared;

	if (!str_has_prefix(name, STR("f:"))) {
		*ret = typed_item(t);
		return typed_is_list(form);
	}
	if (!typed_is_map(form))
		return false;
	*ret = typed_member(t, form, str_sub(name.ptr + 2, name.len - 2), &declared);
	return declared || form == TYPED_MAP;
}

struct field_set *typed_reconcile(struct typed_walk *walk, struct typed t, struct field_set *set)
{
	struct field_set *children = NULL, **last = &children, *now;
	bool is_changed = false;

	if (!set || !set->children)
		return set;
	if (is_whole(t)) {
		now = field_set_leaf(walk->arena);
		now->name = set->name;
		return now;
	}
	for (struct field_set *child = set->children; child; child = child->next) {
		struct field_set *copy = ARENA_NEW(walk->arena, struct field_set);
		struct typed inside;

		now = child_type(t, child->name, &inside) ? typed_reconcile(walk, inside, child)
							  : child;
		is_changed = is_changed || now != child;
		*copy = *now;
		copy->next = NULL;
		*last = copy;
		last = &copy->next;
	}
	if (!is_changed)
		return set;
	now = ARENA_NEW(walk->arena, struct field_set);
	*now = *set;
	now->children = children;
	now->next = NULL;
	return now;
}
