/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-side apply: what a client applied laid over the live object, what it applied before and
 * applies no more taken out, and who owns what afterwards. Pure.
 */
#ifndef CUBE_API_APPLY_H
#define CUBE_API_APPLY_H

#include "api/field_owners.h"

/* A field that another one owns and that this apply would change. */
struct apply_conflict {
	struct str who;	 /* `"kubectl" using apps/v1` */
	struct str path; /* `.spec.replicas` */
};

struct apply {
	struct arena *arena;
	struct schema_at schema;
	yyjson_val *live; /* the present object; NULL: there is none */
	yyjson_val *config;
	struct field_writer writer;
	bool force;

	/* what comes of it */
	bool config_fits; /* the schema: what is refused then is no fault of config's form */
	struct field_owners owners;
	struct apply_conflict *conflicts;
	size_t conflict_count;
};

/* The object that results, without managedFields and not decoded yet; a->owners say who owns what.
 * NULL: ERR_CONFLICT with a->conflicts, ERR_INVALID when config does not fit the schema,
 * ERR_BAD_REQUEST when it brings managedFields of its own. */
yyjson_mut_doc *apply_config(struct apply *a, struct err *err) MUST_CHECK;
/* `Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas` */
struct str apply_conflicts_text(const struct apply *a);

#endif
