/* SPDX-License-Identifier: Apache-2.0 */
/* What openapi.c (documents and paths) and openapi_schema.c (types) share. */
#ifndef CUBE_API_OPENAPI_INTERNAL_H
#define CUBE_API_OPENAPI_INTERNAL_H

#include "api/kind.h"
#include "api/schema.h"
#include "codec/json.h"

struct openapi {
	yyjson_mut_doc *doc;
	yyjson_mut_val *schemas; /* components.schemas or definitions */
	bool v3;
	/* Types that were referred to and are still to be written, each once. */
	bool *seen; /* by type index of schema_builtin */
	uint32_t *queue;
	size_t queue_count, queue_done;
};

/* {"$ref": ...} to a type by its index; remembers that it has to be written. */
void openapi_ref(struct openapi *o, yyjson_mut_val *at, struct schema_at type);
/* The same for one by name: "meta/v1.Status". */
void openapi_ref_name(struct openapi *o, yyjson_mut_val *at, const char *name);
/* Writes all types referred to so far, and what they refer to. */
void openapi_write_types(struct openapi *o);
void openapi_put_gvk(struct openapi *o, yyjson_mut_val *at, struct str group, struct str version,
		     struct str kind);

/*
 * What OpenAPI v2 has no words for, and what its readers misread: where unknown fields are kept or
 * null is allowed, they would take the fields that are named for the only ones.
 */
void openapi_strip_v2(yyjson_mut_val *schema);

#endif
