/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structural schemas of custom resources (OpenAPI v3 as apiextensions allows it), walked in the
 * definition's own tree: pruning, defaults, values in upstream's words. Pure. A schema of NULL
 * knows nothing and keeps everything. What is looked for is bounded by the object's own depth and
 * size times the schema's junctors.
 */
#ifndef CUBE_API_STRUCTURAL_H
#define CUBE_API_STRUCTURAL_H

#include "api/field.h"
#include "base/map.h"

/* Members of schemas that have many of them, by name: made as they are looked for. Belongs to who
 * owns the schema and goes before it. */
struct structural_names {
	struct map nodes;
};

void structural_names_init(struct structural_names *names);
void structural_names_deinit(struct structural_names *names);
#define AUTO_STRUCTURAL_NAMES CLEANUP(structural_names_deinit) struct structural_names

struct structural {
	yyjson_val *schema;
	struct structural_names *names; /* NULL: looked for one by one */
};

/* v without what the schema does not know; of members given twice the last. Both are named in
 * notices, which may be NULL. */
yyjson_mut_val *structural_copy(yyjson_mut_doc *doc, yyjson_val *v, struct structural s,
				const struct field_path *path, struct notices *notices);
/* Without members that are null where null is not allowed and there is no default. */
void structural_drop_nulls(yyjson_mut_val *v, struct structural s);
/* Whether the schema knows all of v, metadata of inner objects apart. */
bool structural_is_pruned(yyjson_val *v, struct structural s);
/* Adds defaults where members are missing, or null where null is not allowed. False: they are more
 * than CUSTOM_DEFAULTS_MAX values, and not all of them are there. */
bool structural_default(yyjson_mut_doc *doc, yyjson_mut_val *v, struct structural s);
/* What is wrong with v. What is as in old (NULL = there is none) is not looked at again. */
void structural_validate(yyjson_mut_val *v, yyjson_val *old, struct structural s,
			 struct field_errors *errors);
/* The same of one member, in words that know nothing of what it is a member of. */
void structural_validate_member(yyjson_mut_val *v, yyjson_val *old, struct structural s,
				const char *name, struct field_errors *errors);
/* The same of what has no place in an object, told of at path. */
void structural_validate_at(yyjson_mut_val *v, struct structural s, const struct field_path *path,
			    struct field_errors *errors);
/* Elements that stand twice in lists that are sets or maps; none is told of when old (NULL = there
 * is none) had such, too. */
void structural_validate_lists(yyjson_mut_val *v, yyjson_val *old, struct structural s,
			       struct field_errors *errors);
/* Type and metadata of the objects inside of v that are resources. */
void structural_validate_resources(yyjson_mut_val *v, struct structural s,
				   const struct field_path *path, struct field_errors *errors);
/* Metadata of the objects inside of v, as its type wants it. repairs: what is of a wrong type goes,
 * else *err says where it is. */
int structural_decode_resources(yyjson_mut_doc *doc, yyjson_mut_val *v, struct structural s,
				bool repairs, struct err *err) MUST_CHECK;
/* What a rule found, below path. */
struct cel_problem;
void structural_report(struct field_errors *errors, const struct field_path *path,
		       const struct cel_problem *problem);
/* Formats that are not known for a type hold anything. */
bool structural_format_is_known(struct str type, struct str format) PURE;
/* "nullable" and the like. */
static inline bool structural_is(yyjson_val *schema, const char *extension)
{
	return yyjson_is_true(yyjson_obj_get(schema, extension));
}
/* Schema of a member or of items; NULL = unknown. */
yyjson_val *structural_member(struct structural_names *names, yyjson_val *schema, struct str key);
/* The same of properties alone. */
yyjson_val *structural_property(struct structural_names *names, yyjson_val *schema, struct str key);

#endif
