/* SPDX-License-Identifier: Apache-2.0 */
/* What the walkers over typed values share. */
#ifndef CUBE_API_TYPED_INTERNAL_H
#define CUBE_API_TYPED_INTERNAL_H

#include "api/limits.h"
#include "api/typed.h"
#include "codec/json_index.h"

enum typed_form {
	TYPED_LEAF /* replaced as a whole */,
	TYPED_STRUCT,
	TYPED_MAP,
	TYPED_KEYED /* list of objects with keys */,
	TYPED_SET /* list of scalars, each once */,
};

/* v decides where the schema does not; may be NULL. */
enum typed_form typed_form(struct typed t, yyjson_val *v);
/* What the member of a STRUCT or MAP is. *ret_declared: as a field of a struct. */
struct typed typed_member(struct typed t, enum typed_form form, struct str name,
			  bool *ret_declared);
struct typed typed_item(struct typed t);
/* The keys of a KEYED list, in the schema's order; how many. */
size_t typed_keys(struct typed t, struct str keys[FIELD_SET_KEYS_MAX]);
/* Members that are not declared may be there all the same. */
bool typed_is_open(struct typed t, enum typed_form form);
/* Of a scalar: what apply insists on. */
enum typed_scalar { TYPED_ANY, TYPED_TEXT, TYPED_NUMBER, TYPED_BOOL };
enum typed_scalar typed_scalar(struct typed t);
/* Atomic values are checked like the others; only what they are made of is nobody's own. */
enum typed_form typed_form_to_check(struct typed t, yyjson_val *v);
/* A list whose items have no names of their own. */
bool typed_is_plain_list(struct typed t, yyjson_val *v);

/* The same questions to a tree. */
enum typed_form typed_tree_form(yyjson_val *tree, yyjson_val *v);
enum typed_form typed_tree_form_to_check(yyjson_val *tree, yyjson_val *v);
struct typed typed_tree_root(struct schema_at at, yyjson_val *tree, bool is_open);
struct typed typed_tree_member(struct typed t, struct str name, bool *ret_declared);
size_t typed_tree_keys(yyjson_val *tree, struct str keys[FIELD_SET_KEYS_MAX]);
yyjson_val *typed_tree_key_default(yyjson_val *tree, struct str key);
bool typed_tree_is_open(struct typed t);
enum typed_scalar typed_tree_scalar(yyjson_val *tree);

/* The name that a set's node has. Of an item: empty when it has no keys or is no scalar. */
struct str typed_member_name(struct typed_walk *walk, struct str name);
struct str typed_item_name(struct typed_walk *walk, struct typed t, enum typed_form form,
			   yyjson_val *item);
static inline bool typed_is_map(enum typed_form form)
{
	return form == TYPED_STRUCT || form == TYPED_MAP;
}
static inline bool typed_is_list(enum typed_form form)
{
	return form == TYPED_KEYED || form == TYPED_SET;
}
/* Neither members nor items: null, {}, [] or nothing at all. */
static inline bool typed_is_empty(yyjson_val *v)
{
	return !v || !yyjson_is_ctn(v) || !unsafe_yyjson_get_len(v);
}

/* Items of a list by their names; those without one are not in it. */
struct typed_items {
	struct str *names;
	yyjson_val **items;
	size_t count;
	struct json_index index;
};
void typed_items_init(struct typed_items *items, struct typed_walk *walk, struct typed t,
		      enum typed_form form, yyjson_val *list);
void typed_items_deinit(struct typed_items *items);
#define AUTO_TYPED_ITEMS CLEANUP(typed_items_deinit) struct typed_items

#endif
