/* SPDX-License-Identifier: Apache-2.0 */
/* What the walkers over typed values share. */
#ifndef CUBE_API_TYPED_INTERNAL_H
#define CUBE_API_TYPED_INTERNAL_H

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
/* The type that a STRUCT's fields are of. */
struct schema_at typed_struct(struct typed t);
/* What the member of a STRUCT or MAP is. *ret_declared: as a field of a struct. */
struct typed typed_member(struct typed t, enum typed_form form, struct str name,
			  bool *ret_declared);
struct typed typed_item(struct typed t);
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
