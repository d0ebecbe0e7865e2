/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x-kubernetes-validations of a CustomResourceDefinition: all rules of a schema compiled once, then
 * run on objects. What upstream refuses is refused in its words, and costs what it costs there.
 * Paths are told as text below the schema or the object,
 * ".properties[spec].x-kubernetes-validations[0].rule" and "spec.list[2].name"; whoever reports
 * knows what stands in front.
 */
#ifndef CUBE_CEL_RULES_H
#define CUBE_CEL_RULES_H

#include "cel/schema.h"

#define CEL_MESSAGE_BYTES_MAX 5120 /* what a messageExpression results in */

enum cel_reason {
	CEL_REASON_INVALID,
	CEL_REASON_FORBIDDEN,
	CEL_REASON_REQUIRED,
	CEL_REASON_DUPLICATE
};

struct cel_problem {
	enum cel_reason reason;
	struct str path;
	struct str value; /* of "Invalid value: ...": the expression, the schema type of what could
			     not be validated, or what is wrong */
	struct str detail;
	yyjson_val *rule;  /* told of as a whole instead of value; may be NULL */
	bool is_bare;	   /* value is printed as it is, not as text */
	bool has_no_value; /* of objects and lists that are wrong */
	bool ratcheted; /* what failed is as it was before this update: a warning, not an error */
};

struct cel_problems {
	void (*report)(struct cel_problems *problems,
		       const struct cel_problem *problem); /* strings live during the call */
	struct str base; /* what stands in front of paths, where a text names one */
	/* Rules of a schema that has something wrong are not looked at; may be NULL. */
	bool (*is_skipped)(struct cel_problems *problems, yyjson_val *schema);
};

struct cel_rules; /* immutable, may be shared */

/* The rules of schema, which is borrowed. NULL: it has none, or problems were reported (then
 * *ret_failed is true). */
const struct cel_rules *cel_rules_compile(struct arena *arena, yyjson_val *schema,
					  struct cel_problems *problems, bool *ret_failed);
/* The same for a schema inside of another. */
const struct cel_rules *cel_rules_compile_part(struct arena *arena, yyjson_val *schema,
					       struct cel_problems *problems, bool *ret_failed);
/* The type of the root, for cel_json() and cel_json_mut(). */
const struct cel_type *cel_rules_type(const struct cel_rules *rules) PURE;

struct cel_rules_run {
	struct arena *scratch; /* ARENA_DEFAULT_MAX; reset it when the run is over */
	struct cel_problems *problems;
	uint64_t budget; /* CEL_BUDGET_MAX; what is left afterwards */
};

/* Runs all rules on self; old is the object that is replaced, NULL when it is new. Rules about
 * oldSelf run where there is one. */
void cel_rules_run(const struct cel_rules *rules, struct cel_rules_run *run, struct cel_value self,
		   const struct cel_value *old);

#endif
