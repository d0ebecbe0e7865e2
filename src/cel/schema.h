/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types from structural schemas (openAPIV3Schema of a CustomResourceDefinition): what rules see,
 * and how large it can be. The sizes are upstream's, so that the same rules are too expensive.
 * Types borrow names from the schema's tree.
 */
#ifndef CUBE_CEL_SCHEMA_H
#define CUBE_CEL_SCHEMA_H

#include "cel/cel.h"

/* NULL when expressions do not see values of this schema (no type, arrays without items).
 * is_resource: the root of a custom resource or an embedded one; apiVersion, kind, metadata.name
 * and metadata.generateName are there then. */
const struct cel_type *cel_schema_type(struct arena *arena, yyjson_val *schema, bool is_resource);

#endif
