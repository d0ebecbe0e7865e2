/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A short-lived index over the keys of an object, so that merging and comparing large hostile
 * objects stays linear. Keys are borrowed. Lives on the stack; only objects of more than 32 members
 * touch the heap.
 */
#ifndef CUBE_CODEC_JSON_INDEX_H
#define CUBE_CODEC_JSON_INDEX_H

#include "base/str.h"

#define JSON_INDEX_INLINE 64

struct json_index_slot {
	struct str key;
	uint64_t hash;
	void *value; /* NULL = free */
};

struct json_index {
	struct json_index_slot *slots;
	size_t slot_count; /* a power of two, at least twice count */
	size_t count;
	struct json_index_slot inline_slots[JSON_INDEX_INLINE];
};

/* count is how many there will be: more make it grow. */
void json_index_init(struct json_index *index, size_t count);
void json_index_deinit(struct json_index *index);
void *json_index_get(const struct json_index *index, struct str key);
/* Returns what was there (and stays), or NULL when value (not NULL) was put. */
void *json_index_add(struct json_index *index, struct str key, void *value);

struct yyjson_val;
struct yyjson_mut_val;
/* Initialised with the items of list: by the text of their member key, or by their own where key is
 * NULL. Of several alike the first. NULL and what is no list have none. */
void json_index_init_of(struct json_index *index, struct yyjson_val *list, const char *key);
void json_index_init_of_mut(struct json_index *index, struct yyjson_mut_val *list, const char *key);
/* With the members of object, likewise. */
void json_index_init_members(struct json_index *index, struct yyjson_val *object);
void json_index_init_members_mut(struct json_index *index, struct yyjson_mut_val *object);

#define AUTO_JSON_INDEX CLEANUP(json_index_deinit) struct json_index

#endif
