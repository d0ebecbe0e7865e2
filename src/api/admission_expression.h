/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions of admission compiled: the variables that webhooks' match conditions and the
 *expressions of admission policies see, and what they must result in. Pure; evaluated by
 * apiserver/admission_activation.h, and compiled too when such objects are validated. Messages are
 * upstream's.
 *
 *	set = admission_set_new(&arena, ADMISSION_HAS_VARIABLES, NULL);
 *	admission_set_add_variables(set, spec.variables);
 *	admission_compile(set, text, &admission_result_bool, &expression);
 */
#ifndef CUBE_API_ADMISSION_EXPRESSION_H
#define CUBE_API_ADMISSION_EXPRESSION_H

#include "cel/cel.h"

enum admission_feature {
	ADMISSION_HAS_PARAMS = 1 << 0,
	ADMISSION_HAS_VARIABLES = 1 << 1, /* policies */
	ADMISSION_MUTATES = 1 << 2,	  /* Object{}, JSONPatch{} */
};

/* Types that are known when expressions are only checked; NULL: dyn. */
struct admission_types {
	const struct cel_type *object, *params;
};

/* The order in which values are handed to programs; those that a set does not declare are left out.
 */
enum admission_name {
	ADMISSION_OBJECT,
	ADMISSION_OLD_OBJECT,
	ADMISSION_NAMESPACE_OBJECT,
	ADMISSION_REQUEST,
	ADMISSION_PARAMS,
	ADMISSION_VARIABLES,
	ADMISSION_AUTHORIZER,
	ADMISSION_REQUEST_RESOURCE,
	ADMISSION_NAME_COUNT,
};

struct admission_expression {
	struct str text;
	const struct cel_program *program; /* NULL: */
	struct str problem;		   /* why it does not compile: "compilation failed: ..." */
};

struct admission_variable {
	struct str name;
	struct admission_expression expression;
	struct cel_field field;
};

/* An environment and the variables that were compiled in it. */
struct admission_set {
	struct arena *arena;
	unsigned features;			/* enum admission_feature */
	struct cel_env env, without_authorizer; /* the second is a prefix of the first */
	struct cel_variable declared[ADMISSION_NAME_COUNT];
	enum admission_name names[ADMISSION_NAME_COUNT]; /* of declared */
	struct cel_type variables_type;
	struct admission_variable *variables;
	size_t variable_count;
};

/* In the arena, like all that is compiled; types may be NULL. */
struct admission_set *admission_set_new(struct arena *arena, unsigned features,
					const struct admission_types *types);

/* What an expression must result in: one type, or one of two; none: anything. */
struct admission_result {
	const struct cel_type *types[2];
	bool no_authorizer; /* `authorizer` is not declared */
};

extern const struct admission_result admission_result_bool, admission_result_message,
	admission_result_annotation, admission_result_any, admission_result_object,
	admission_result_patch;

/* Text is borrowed. */
void admission_compile(struct admission_set *set, struct str text,
		       const struct admission_result *result, struct admission_expression *ret);
/* [{name, expression}], each seeing those before it. Borrowed. */
void admission_set_add_variables(struct admission_set *set, yyjson_val *variables);

extern const struct cel_type admission_type_request, admission_type_namespace;

#endif
