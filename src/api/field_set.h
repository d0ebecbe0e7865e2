/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of fields of an object: what managedFields' fieldsV1 say. A set is a tree; each node stands
 * for one path, may be a member itself, and holds its children in canonical order: fields, list
 * items by keys, by value, by index. Sets live in an arena, are never changed once they are part of
 * another one, and share nodes. NULL is the empty set; a node that is no member has children.
 */
#ifndef CUBE_API_FIELD_SET_H
#define CUBE_API_FIELD_SET_H

#include "base/arena.h"
#include "codec/json.h"

struct field_set {
	struct str name; /* `f:spec`, `k:{"name":"a"}`, `v:"x"`, `i:0`; of the root: empty */
	struct field_set *children; /* the first */
	struct field_set *next;	    /* sibling */
	bool is_member;
};

/* ---- building ---- */

/* A node without name and children. */
struct field_set *field_set_leaf(struct arena *arena);
/* Puts children that came in any order into a list in canonical order; of equal names one node. */
struct field_set *field_set_sort(struct arena *arena, struct field_set *children);
/* The node with these children (NULL-terminated dotted paths of fields as members). */
struct field_set *field_set_of_paths(struct arena *arena, const char *const *paths);

/* ---- operations; results share nodes with their operands ---- */

struct field_set *field_set_union(struct arena *arena, const struct field_set *a,
				  const struct field_set *b);
struct field_set *field_set_intersection(struct arena *arena, const struct field_set *a,
					 const struct field_set *b);
/* Members of a that are not members of b; and, when deep, not below one either. */
struct field_set *field_set_difference(struct arena *arena, const struct field_set *a,
				       const struct field_set *b, bool is_deep);
/* Members without members below them. */
struct field_set *field_set_leaves(struct arena *arena, const struct field_set *set);
bool field_set_equal(const struct field_set *a, const struct field_set *b);
int field_set_name_cmp(struct str a, struct str b); /* canonical order of nodes' names */

/* Calls fn with each member's path as messages print it: `.spec.ports[port=80,protocol="TCP"]`. */
void field_set_each(const struct field_set *set, struct arena *arena,
		    void (*fn)(void *arg, struct str path), void *arg);
/* A node's name alone, as it stands in a path. */
struct str field_set_name_text(struct arena *arena, struct str name);

/* ---- fieldsV1 ---- */

/* Canonical also where the text is not. ERR_INVALID: something is not a path element. */
int field_set_read(struct arena *arena, yyjson_val *fields, struct field_set **ret,
		   struct err *err) MUST_CHECK;
/* Names were borrowed from the tree; now they are in the arena. Only for a set just read. */
void field_set_keep(struct arena *arena, struct field_set *set);
/* `{"f:spec":{"f:replicas":{}}}` */
void field_set_write(const struct field_set *set, struct buf *to);

#endif
