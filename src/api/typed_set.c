/* SPDX-License-Identifier: Apache-2.0 */
/* Which fields a value has, and which differ between two. */
#include "api/typed_internal.h"

static void add_child(struct field_set *parent, struct field_set *child, struct str name)
{
	child->name = name;
	child->next = parent->children;
	parent->children = child;
}

static struct field_set *finish(struct typed_walk *walk, struct field_set *node)
{
	if (!node->children)
		return node->is_member ? node : NULL;
	node->children = field_set_sort(walk->arena, node->children);
	return node;
}

/* ---- the fields of one value ---- */

static void set_of_items(struct typed_walk *walk, struct typed t, enum typed_form form,
			 yyjson_val *v, struct field_set *node)
{
	JSON_EACH (item, v) {
		struct str name = typed_item_name(walk, t, form, item);
		struct field_set *child = typed_set(walk, typed_item(t), item);

		if (!name.len)
			continue;
		if (!child)
			child = field_set_leaf(walk->arena);
		child->is_member = true;
		add_child(node, child, name);
	}
}

struct field_set *typed_set(struct typed_walk *walk, struct typed t, yyjson_val *v)
{
	enum typed_form form = typed_form(t, v);
	struct field_set *node;

	if (form == TYPED_LEAF)
		return field_set_leaf(walk->arena);
	node = ARENA_NEW(walk->arena, struct field_set);
	if (typed_is_list(form))
		set_of_items(walk, t, form, v, node);
	JSON_MEMBERS (key, value, typed_is_map(form) ? v : NULL) {
		bool declared;
		struct typed inside = typed_member(t, form, json_str(key), &declared);
		struct field_set *child = typed_set(walk, inside, value);

		if (!declared || yyjson_is_null(value) ||
		    (yyjson_is_obj(value) && !yyjson_obj_size(value))) {
			if (!child)
				child = field_set_leaf(walk->arena);
			child->is_member = true;
		}
		if (child)
			add_child(node, child, typed_member_name(walk, json_str(key)));
	}
	return finish(walk, node);
}

/* ---- two values ---- */

struct pair {
	struct field_set changed, removed; /* nodes being built */
};

static void add_diff(struct pair *pair, struct typed_diff diff, struct str name)
{
	if (diff.changed)
		add_child(&pair->changed, diff.changed, name);
	if (diff.removed)
		add_child(&pair->removed, diff.removed, name);
}

static void compare_member(struct typed_walk *walk, struct typed t, enum typed_form form,
			   yyjson_val *key, yyjson_val *old, yyjson_val *now, struct pair *pair)
{
	bool declared;
	struct typed inside = typed_member(t, form, json_str(key), &declared);
	struct typed_diff diff = typed_compare(walk, inside, old, now);

	if (diff.changed || diff.removed)
		add_diff(pair, diff, typed_member_name(walk, json_str(key)));
}

static void compare_members(struct typed_walk *walk, struct typed t, enum typed_form form,
			    yyjson_val *old, yyjson_val *now, struct pair *pair)
{
	AUTO_JSON_INDEX index = { .slots = NULL };
	AUTO_JSON_INDEX there = { .slots = NULL };

	json_index_init(&index, yyjson_is_obj(old) ? yyjson_obj_size(old) : 0);
	json_index_init(&there, yyjson_is_obj(now) ? yyjson_obj_size(now) : 0);
	JSON_MEMBERS (key, value, yyjson_is_obj(old) ? old : NULL)
		(void)json_index_add(&index, json_str(key), value);
	JSON_MEMBERS (key, value, yyjson_is_obj(now) ? now : NULL) {
		(void)json_index_add(&there, json_str(key), value);
		compare_member(walk, t, form, key, json_index_get(&index, json_str(key)), value,
			       pair);
	}
	JSON_MEMBERS (key, value, yyjson_is_obj(old) ? old : NULL)
		if (!json_index_get(&there, json_str(key)))
			compare_member(walk, t, form, key, value, NULL, pair);
}

static void compare_items(struct typed_walk *walk, struct typed t, enum typed_form form,
			  yyjson_val *old, yyjson_val *now, struct pair *pair)
{
	AUTO_TYPED_ITEMS before = { .names = NULL };
	AUTO_TYPED_ITEMS after = { .names = NULL };
	struct typed inside = typed_item(t);

	typed_items_init(&before, walk, t, form, old);
	typed_items_init(&after, walk, t, form, now);
	for (size_t i = 0; i < after.count; i++)
		if (after.names[i].len)
			add_diff(pair,
				 typed_compare(walk, inside,
					       json_index_get(&before.index, after.names[i]),
					       after.items[i]),
				 after.names[i]);
	for (size_t i = 0; i < before.count; i++)
		if (before.names[i].len && !json_index_get(&after.index, before.names[i]))
			add_diff(pair, typed_compare(walk, inside, before.items[i], NULL),
				 before.names[i]);
}

static struct typed_diff compare_leaf(struct typed_walk *walk, yyjson_val *old, yyjson_val *now)
{
	struct typed_diff diff = { NULL, NULL };

	if (!now)
		diff.removed = field_set_leaf(walk->arena);
	else if (!old || !json_equal(old, now))
		diff.changed = field_set_leaf(walk->arena);
	return diff;
}

struct typed_diff typed_compare(struct typed_walk *walk, struct typed t, yyjson_val *old,
				yyjson_val *now)
{
	enum typed_form form = typed_form(t, now && !yyjson_is_null(now) ? now : old);
	struct pair pair = { .changed = { .is_member = !old }, .removed = { .is_member = !now } };
	struct typed_diff diff = { NULL, NULL };

	if (!old && !now)
		return diff;
	if (form == TYPED_LEAF || (typed_is_empty(old) && typed_is_empty(now)))
		return compare_leaf(walk, old, now);
	if (typed_is_map(form))
		compare_members(walk, t, form, old, now, &pair);
	else
		compare_items(walk, t, form, old, now, &pair);
	if (pair.changed.is_member || pair.changed.children) {
		diff.changed = ARENA_NEW(walk->arena, struct field_set);
		*diff.changed = pair.changed;
		diff.changed = finish(walk, diff.changed);
	}
	if (pair.removed.is_member || pair.removed.children) {
		diff.removed = ARENA_NEW(walk->arena, struct field_set);
		*diff.removed = pair.removed;
		diff.removed = finish(walk, diff.removed);
	}
	return diff;
}

/* ---- sets ---- */

struct field_set *typed_named(struct typed_walk *walk, struct typed t, const struct field_set *set)
{
	struct field_set *node, **end;
	enum typed_form form = typed_form(t, NULL);

	if (!set)
		return NULL;
	if (!t.field && !t.at.type)
		form = TYPED_MAP;
	node = ARENA_NEW(walk->arena, struct field_set);
	*node = (struct field_set){ .name = set->name, .is_member = set->is_member };
	end = &node->children;
	for (const struct field_set *child = set->children; child; child = child->next) {
		bool declared = false;
		struct typed inside = typed_item(t);
		struct field_set *copy;

		if (child->name.ptr[0] == 'f')
			inside = typed_member(t, form, str_slice(child->name, 2, child->name.len),
					      &declared);
		copy = typed_named(walk, inside, child);
		copy->is_member = copy->is_member || declared;
		*end = copy;
		end = &copy->next;
	}
	return node;
}
