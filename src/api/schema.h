/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schema tables: every type and field of the API, compiled from the files of api/schema into
 * constant tables that hold offsets instead of pointers, so that they stay shared file pages. A
 * CustomResourceDefinition makes a schema_set of its own at run time. Decoding, defaults, patches,
 * apply, OpenAPI and printing all walk these tables.
 */
#ifndef CUBE_API_SCHEMA_H
#define CUBE_API_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"

/* What a value (for lists and maps: each element) is. */
enum schema_value {
	SCHEMA_STRING,
	SCHEMA_INT32,
	SCHEMA_INT64,
	SCHEMA_BOOL,
	SCHEMA_DOUBLE,
	SCHEMA_BYTES /* base64 */,
	SCHEMA_TIME,
	SCHEMA_MICROTIME,
	SCHEMA_DURATION,
	SCHEMA_QUANTITY,
	SCHEMA_INT_OR_STRING,
	SCHEMA_RAW /* any object, kept as it is */,
	SCHEMA_ANY /* any JSON value */,
	SCHEMA_FIELDSET /* managedFields' fieldsV1: any object */,
	SCHEMA_OBJECT /* of type ref */,
	SCHEMA_OR_LIST,
	SCHEMA_OR_BOOL,
	SCHEMA_OR_STRINGS, /* JSONSchemaProps unions */
	SCHEMA_VALUE_COUNT,
};

enum schema_shape {
	SCHEMA_ONE,
	SCHEMA_LIST,
	SCHEMA_MAP,
	SCHEMA_MAP_OF_LISTS,
	SCHEMA_LIST_OF_LISTS
};

enum schema_list { SCHEMA_LIST_ATOMIC, SCHEMA_LIST_SET, SCHEMA_LIST_MAP };

enum schema_flag {
	SCHEMA_REQUIRED = 1 << 0, /* OpenAPI "required" */
	SCHEMA_NONEMPTY = 1 << 1,
	SCHEMA_ALWAYS = 1 << 2,	 /* written even when it is empty */
	SCHEMA_POINTER = 1 << 3, /* zero and absent differ: 0, false and "" are kept */
	SCHEMA_PATCH_MERGE =
		1 << 4, /* strategic merge patch: merged by merge_key (objects) or by value */
	SCHEMA_PATCH_RETAIN = 1 << 5, /* strategic merge patch: retainKeys */
	SCHEMA_ATOMIC = 1 << 6,	      /* map or struct replaced as a whole by apply */
	SCHEMA_CLOSED = 1 << 7,	      /* values lists all that is allowed */
	SCHEMA_IMMUTABLE = 1 << 8,
	SCHEMA_INLINE = 1 << 9,
	SCHEMA_PRESERVE = 1 << 10, /* x-kubernetes-preserve-unknown-fields */
	SCHEMA_EMBEDDED = 1 << 11, /* x-kubernetes-embedded-resource */
	SCHEMA_NULLABLE = 1 << 12,
	SCHEMA_DEFAULT = 1 << 13, /* its extra has a static default */
	SCHEMA_WRAPPED = 1 << 14, /* a list that is a message {items=1} in protobuf */
};

#define SCHEMA_NONE 0xffff    /* no type, no extra */
#define SCHEMA_BUILTIN 0x8000 /* in a ref of a run-time set: index into the built-in set */

struct schema_field {
	uint32_t name;	/* offset into strings; NUL-terminated */
	uint32_t doc;	/* likewise; 0 = none */
	uint16_t flags; /* enum schema_flag */
	uint16_t ref;	/* type index for SCHEMA_OBJECT, else SCHEMA_NONE */
	uint16_t extra; /* index into extras, or SCHEMA_NONE */
	uint16_t proto; /* protobuf field number, 0 = none */
	uint8_t name_len;
	uint8_t value; /* enum schema_value */
	uint8_t shape; /* enum schema_shape */
	uint8_t list;  /* enum schema_list */
};

/* What few fields have. String offsets; 0 = absent. */
struct schema_extra {
	uint32_t default_json; /* static default as JSON text */
	uint32_t values;       /* "A|B|C": closed (SCHEMA_CLOSED) or known values */
	uint32_t merge_key;    /* patchMergeKey */
	uint32_t list_keys;    /* "containerPort,protocol" */
	uint32_t format;
	uint32_t go_type; /* name in Go decoding errors when it is not that of the value:
			     "v1.RestartPolicy" */
	int32_t min, max; /* values, when has_min / has_max */
	uint32_t items_max, bytes_max; /* 0 = no limit */
	bool has_min, has_max;
};

struct schema_type {
	uint32_t name;	    /* "core/v1.PodSpec" */
	uint32_t go_name;   /* "PodSpec": what Go calls it in decoding errors */
	uint32_t full_name; /* "io.k8s.api.core.v1.PodSpec": what OpenAPI calls it */
	uint32_t doc;
	uint32_t first_field; /* index into fields, sorted by name */
	uint16_t field_count;
	uint16_t kind;	/* index into kind_table when it is a served kind, else SCHEMA_NONE */
	uint16_t flags; /* SCHEMA_ATOMIC, SCHEMA_PRESERVE */
	uint16_t default_count; /* own fields with a static default */
	uint32_t gvk;		/* "apps/v1/Deployment", 0 = none; what OpenAPI announces */
};

struct yyjson_val;
struct structural_names;

struct schema_set {
	const char *strings;
	const struct schema_type *types;
	const struct schema_field *fields;
	const struct schema_extra *extras;
	uint32_t type_count, field_count, extra_count;
	struct yyjson_val *const *trees; /* of a run-time set, one per type: the structural schema
					    that goes on where the table ends. NULL = none */
	struct structural_names *names;	 /* of the trees */
};

/* A type in its set: what walkers carry. */
struct schema_at {
	const struct schema_set *set;
	const struct schema_type *type; /* NULL = none */
};

extern const struct schema_set schema_builtin;

struct schema_at
schema_find(struct str name); /* built in, "core/v1.PodSpec"; type NULL when unknown */
struct schema_at schema_ref(struct schema_at at,
			    const struct schema_field *field); /* the type of its elements */
const struct schema_field *schema_field(struct schema_at at,
					struct str name); /* NULL when unknown */
/* What goes on where the table of a root type ends; NULL = nothing. */
static inline struct yyjson_val *schema_tree(struct schema_at at)
{
	return at.type && at.set->trees ? at.set->trees[at.type - at.set->types] : NULL;
}
static inline const struct schema_field *schema_fields(struct schema_at at)
{
	return at.set->fields + at.type->first_field;
}
const struct schema_extra *schema_extra(struct schema_at at,
					const struct schema_field *field); /* never NULL */
static inline struct str schema_str(const struct schema_set *set, uint32_t offset)
{
	return str_from(set->strings + offset);
}
static inline struct str schema_name(const struct schema_set *set, const struct schema_field *field)
{
	return str_sub(set->strings + field->name, field->name_len);
}
/* "a|b|c" holds value. */
bool schema_values_have(struct str values, struct str value) PURE;
/* A field by dotted path from a type ("spec.template.spec.containers"; lists and maps are stepped
 * through). *ret_at is the type that holds it. */
const struct schema_field *schema_path(struct schema_at at, const char *path,
				       struct schema_at *ret_at);

#endif
