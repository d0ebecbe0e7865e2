/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is particular to a kind when its objects are written, as a table of pure functions
 * (src/api/kinds/<kind>.c); every slot may be NULL. Nothing here does I/O: clock and random values
 * come in with the edit, addresses and ports are allocated by the registry between prepare and
 * validate. Called by api/object.h only.
 */
#ifndef CUBE_API_STRATEGY_H
#define CUBE_API_STRATEGY_H

#include "api/field.h"
#include "api/kind.h"
#include "api/table.h"
#include "codec/json.h"

/* One object being written. */
struct edit {
	const struct kind *kind;
	yyjson_mut_doc *doc;
	yyjson_mut_val *root;	/* what is being written; changed in place */
	yyjson_val *old;	/* the stored object, NULL on create */
	struct arena *arena;	/* of the request */
	int64_t now_ns;		/* wall clock */
	struct str user;	/* who asks, empty when unknown */
	struct str subresource; /* "", "status", "scale", ... */
	bool lacks_defaults;	/* of a definition, which are more than there may be */
};

struct strategy {
	/* Defaults that depend on other fields; static ones of the schema come first. Also called
	 * for stored objects read in another version. Must be idempotent. */
	void (*default_object)(struct edit *e);
	bool keeps_status_on_create;  /* Node: the client's status stays */
	const char *const *immutable; /* dotted paths that an update must not change;
					 NULL-terminated, NULL = none */
	/* Dotted paths whose values validate() judges under another name: the schema does not say the
	 * same again. NULL-terminated, NULL = none. */
	const char *const *judged;
	/* Before validation: what the client may not set is dropped or taken from old. Status and
	 * generation are handled for every kind (KIND_HAS_STATUS, KIND_HAS_GENERATION). */
	void (*prepare_create)(struct edit *e);
	void (*prepare_update)(struct edit *e);
	void (*prepare_status_update)(struct edit *e);
	/* All checks of the object as it is (create and update). */
	void (*validate)(struct edit *e, struct field_errors *errors);
	/* Further checks against old. */
	void (*validate_update)(struct edit *e, struct field_errors *errors);
	void (*validate_status_update)(struct edit *e, struct field_errors *errors);
	/* Warnings for the Warning header. */
	void (*warn)(struct edit *e, struct notices *notices);
	/* Check of metadata.name; NULL = DNS subdomain. Returns NULL when fine, else the detail of
	 * Invalid value. */
	const char *(*name_problem)(struct str name, bool is_prefix);
	/* Cells of the Table form, one call to a cell_* function per column. NULL = name and age.
	 */
	void (*cells)(struct cells *c);
	/* Rows of a list in this order, equal ones by name; NULL = by name alone. */
	int64_t (*row_rank)(const struct obj *obj);
	/* Value of a selectable field that is not simply at that path; false = use the path. */
	bool (*selectable)(const struct obj *obj, struct str field, struct str *ret_value);
};

#endif
