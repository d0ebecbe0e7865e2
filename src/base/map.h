/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two maps from byte strings to pointers. struct map is a hash table; struct omap keeps keys in bytewise order
 * and iterates ranges. Both copy their keys and do not own the values. struct map hashes alike in each process: where
 * strangers choose many keys, take struct omap, which no choice of keys can slow.
 */
#ifndef CUBE_BASE_MAP_H
#define CUBE_BASE_MAP_H

#include "base/str.h"

struct map_slot;

struct map {
	struct map_slot *slots;
	size_t count;
	size_t slot_count; /* a power of two, or 0 */
	size_t used_count; /* live and deleted */
};

void map_init(struct map *m);
void map_deinit(struct map *m);
void map_deinit_values(struct map *m); /* and frees its values, which are of mem_alloc */
void *map_get(const struct map *m, struct str key);
void *map_put(struct map *m, struct str key, void *value); /* value not NULL; returns the value replaced, or NULL */
void *map_remove(struct map *m, struct str key);           /* returns what was there, or NULL */
/* Iteration in unspecified order: *cursor starts at 0; false at the end. The map must not change, except that
 * the key just returned may be removed. */
bool map_next(const struct map *m, size_t *cursor, struct str *ret_key, void **ret_value);

struct omap_node;

struct omap {
	struct omap_node *root;
	size_t count;
	uint32_t seed; /* of the tree's shape; behaviour does not depend on it */
};

void omap_init(struct omap *m);
void omap_deinit(struct omap *m);
void *omap_get(const struct omap *m, struct str key);
void *omap_put(struct omap *m, struct str key, void *value); /* as map_put */
void *omap_remove(struct omap *m, struct str key);
/* First entry with key >= from / key > from; false when there is none. The key stays valid while its entry lives. */
bool omap_at_least(const struct omap *m, struct str from, struct str *ret_key, void **ret_value);
bool omap_after(const struct omap *m, struct str from, struct str *ret_key, void **ret_value);
/* Walks entries whose key starts with prefix, in order, calling fn until it returns false. O(n), no changes inside. */
void omap_walk_prefix(const struct omap *m, struct str prefix,
		      bool (*fn)(void *arg, struct str key, void *value), void *arg);
/* The same, leaving out keys below from. */
void omap_walk_range(const struct omap *m, struct str from, struct str prefix,
		     bool (*fn)(void *arg, struct str key, void *value), void *arg);

#endif
