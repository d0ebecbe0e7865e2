/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CustomResourceDefinition is refused for, part by part, in upstream's words. Pure; schemas
 * are read where they lie, in a frozen copy of the definition's own tree.
 */
#ifndef CUBE_API_KINDS_CRD_H
#define CUBE_API_KINDS_CRD_H

#include "api/structural.h"

/* Rules that came later than definitions that break them: who broke one before may go on. */
enum crd_rule {
	CRD_RULE_SETS_ATOMIC = 1 << 0,	   /* items of sets are replaced as a whole */
	CRD_RULE_KEYS_PRESENT = 1 << 1,	   /* keys of list maps are required or have a default */
	CRD_RULE_DEFAULTS_PRUNED = 1 << 2, /* defaults have no unknown fields */
};

struct crd_schema_check {
	struct field_errors *errors;
	unsigned tolerated;	       /* enum crd_rule */
	unsigned broken;	       /* likewise: what was found, told or not */
	bool is_survey;		       /* expressions are not looked at */
	struct structural_names names; /* while defaults are looked at */
	struct map wrong; /* nodes that something was found in, or below; while it runs */
};

/* openAPIV3Schema of one version: its form, its defaults, its rules. */
void crd_schema_check(struct crd_schema_check *check, yyjson_val *schema,
		      const struct field_path *path);
/* Defaults where they stand: pruned, valid, true to their rules. */
void crd_defaults_check(struct crd_schema_check *check, yyjson_val *schema,
			const struct field_path *path);
/* x-kubernetes-validations of one node, but for their expressions. */
void crd_rules_check(struct crd_schema_check *check, yyjson_val *schema,
		     const struct field_path *path);
/* Of a version. What all versions have alike is told of at the definition's spec, where older
 * versions of the API had it. */
enum crd_part {
	CRD_PART_SCHEMA = 1 << 0,
	CRD_PART_SUBRESOURCES = 1 << 1,
	CRD_PART_COLUMNS = 1 << 2,
	CRD_PART_SELECTABLE = 1 << 3,
};

/* deprecationWarning. */
void crd_warning_check(yyjson_val *version, const struct field_path *path,
		       struct field_errors *errors);
/* Sub-resources, columns and selectable fields of one version, as far as parts has them. */
struct crd_parts {
	yyjson_val *version;
	unsigned parts;
	bool has_schema; /* which stands at the same place */
	bool is_alike;	 /* told of at the definition's spec */
};
void crd_parts_check(const struct crd_parts *parts, const struct field_path *path,
		     struct field_errors *errors);

/* Refusals that show a value as upstream's server has it. alike: what stands at the spec. */
void crd_invalid_versions(struct field_errors *errors, const struct field_path *path,
			  yyjson_val *versions, unsigned alike, const char *detail);
void crd_invalid_schema(struct field_errors *errors, const struct field_path *path,
			yyjson_val *schema, const char *detail);
struct str crd_rule_text(struct arena *arena, yyjson_val *rule);
void crd_invalid_val(struct field_errors *errors, const struct field_path *path, yyjson_val *value,
		     const char *detail);

#endif
