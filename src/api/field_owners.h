/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who set which fields of an object: metadata.managedFields as a table that updates and applies
 * change. Pure; all lives in an arena. What was read is borrowed from the tree it was read from.
 */
#ifndef CUBE_API_FIELD_OWNERS_H
#define CUBE_API_FIELD_OWNERS_H

#include "api/versioned.h"

/* One entry. Updates are told apart by name, version and sub-resource, applies by name and
 * sub-resource. */
struct field_owner {
	struct str name;
	struct str api_version;
	struct str subresource;
	struct str time; /* RFC 3339; empty = none */
	struct field_set *set;
	bool is_applied;
};

struct field_owners {
	struct arena *arena;
	struct field_owner *items;
	size_t count, room;
};

/* Who writes now, and what of it is not his to write. */
struct field_writer {
	struct str name; /* empty: "unknown" */
	struct str api_version;
	struct str subresource;
	struct str time;
	const struct field_set *reset; /* fields the server takes from elsewhere; NULL = none */
	const struct version_converter *versions; /* that other owners wrote in; NULL = all alike */
};

void field_owners_init(struct field_owners *owners, struct arena *arena);
/* ERR_INVALID says what is wrong with which entry. */
int field_owners_read(struct field_owners *owners, yyjson_val *list, struct err *err) MUST_CHECK;
/* What was read is kept in the arena: the tree may go. */
void field_owners_keep(struct field_owners *owners);
/* The list asks for all entries to be forgotten: [] or [{}]. */
bool field_owners_is_reset(yyjson_val *list);
/* NULL when there is none. */
struct field_owner *field_owners_find(struct field_owners *owners,
				      const struct field_writer *writer, bool is_applied);
struct field_owner *field_owners_add(struct field_owners *owners, const struct field_writer *writer,
				     bool is_applied);
/* Drops entries that own nothing (more). */
void field_owners_prune(struct field_owners *owners);

/* An object was made by writer. False: nothing in it is his. */
bool field_owners_create(struct field_owners *owners, struct schema_at at, yyjson_val *object,
			 const struct field_writer *writer);
/* old became now by writer: what he changed is his alone, what is gone nobody's. Fails when one of
 * the two cannot be converted to a version that an owner wrote in. */
int field_owners_update(struct field_owners *owners, struct schema_at at, yyjson_val *old,
			yyjson_val *now, const struct field_writer *writer,
			struct err *err) MUST_CHECK;
/* The sets as their versions' schemas of today have them; live is the object, in writer's version.
 */
int field_owners_reconcile(struct field_owners *owners, struct typed_walk *walk,
			   struct versioned live, const struct field_writer *writer,
			   struct err *err) MUST_CHECK;
/* What differs between old and now, which are in writer's version, in the version of each owner:
 * ret_diffs[i] of items[i]; [count] is writer's own. Owners of versions that are none lose their
 * set. */
int field_owners_compare(struct field_owners *owners, struct typed_walk *walk, struct versioned old,
			 struct versioned now, const struct field_writer *writer,
			 struct typed_diff **ret_diffs, struct err *err) MUST_CHECK;
/* Fields of every object that are nobody's: identity and what the server counts. */
const struct field_set *field_owners_nobodys(void);

/* The JSON text of managedFields in canonical order. */
void field_owners_write(struct field_owners *owners, struct buf *to);
/* The same for the one entry of an object just made, straight from its tree; false: there is none.
 */
bool field_owners_write_created(struct arena *arena, struct schema_at at, yyjson_val *object,
				const struct field_writer *writer, struct buf *to);
/* Whether two lists say the same but for times. */
bool field_owners_same(yyjson_val *a, yyjson_val *b);

#endif
