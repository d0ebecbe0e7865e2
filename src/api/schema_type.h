/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What expressions that are only checked know of an object: its type from the schema tables, or
 * from the definition of a custom kind. Types below are made when they are asked for, so that
 * recursive ones end; all live in the arena and borrow the schema.
 */
#ifndef CUBE_API_SCHEMA_TYPE_H
#define CUBE_API_SCHEMA_TYPE_H

#include "api/schema.h"
#include "cel/cel.h"

const struct cel_type *schema_type_new(struct arena *arena, struct schema_at at);
/* openAPIV3Schema of a version; with the metadata that every object has. NULL: nothing is known. */
const struct cel_type *schema_type_custom(struct arena *arena, yyjson_val *schema);

#endif
