/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions and operators: one row per overload. The checker picks the overloads that fit, the
 * evaluator calls the first whose parameters have the kinds of the arguments, the estimator reads
 * the cost rule.
 */
#ifndef CUBE_CEL_FUNCTION_INTERNAL_H
#define CUBE_CEL_FUNCTION_INTERNAL_H

#include "cel/cel_internal.h"

#define CEL_PARAMETERS_MAX 4

/* What a call costs, estimated and when it is made; the arguments' own costs come on top. */
enum cel_cost_rule {
	CEL_COST_ONE,
	CEL_COST_EQUAL, /* the smaller one is traversed */
	CEL_COST_ADD_TEXT,
	CEL_COST_ADD_LIST,
	CEL_COST_IN_LIST,
	CEL_COST_LOGICAL,
	CEL_COST_CONDITIONAL,
	CEL_COST_INDEX,
	CEL_COST_AFFIX, /* startsWith, endsWith */
	CEL_COST_MATCHES,
	CEL_COST_CONTAINS,
	CEL_COST_TO_BYTES,
	CEL_COST_TO_STRING,
	CEL_COST_QUOTE,
	CEL_COST_FORMAT,
	CEL_COST_LIST_TRAVERSAL,
	CEL_COST_SAME_LENGTH, /* lowerAscii, ... */
	CEL_COST_ESCAPE,      /* global, of its argument: url(), jsonpatch.escapeKey() */
	CEL_COST_REPLACE,
	CEL_COST_SPLIT,
	CEL_COST_JOIN,
	CEL_COST_FIND,
	CEL_COST_PARSE, /* quantity(), ip(), ... */
	CEL_COST_CANONICAL,
	CEL_COST_CONTAINS_IP,
	CEL_COST_CONTAINS_IP_STRING,
	CEL_COST_CONTAINS_CIDR,
	CEL_COST_CONTAINS_CIDR_STRING,
	CEL_COST_VALIDATE,
	CEL_COST_AUTHORIZE,
	CEL_COST_SELECTOR,
	CEL_COST_SETS,
	CEL_COST_SETS_TWICE,
	CEL_COST_QUADRATIC, /* distinct */
	CEL_COST_SORT,	    /* linear when it is estimated, quadratic when it is made */
	CEL_COST_FALLBACK,  /* or(), orValue(): one when it is estimated, nothing when it is made */
	CEL_COST_LINEAR,    /* reverse, slice, flatten, sort, range */
};

/* One evaluation of one program. */
struct cel_frame {
	struct cel_evaluation *evaluation;
	const struct cel_program *program;
	const struct cel_node *node; /* the call that is being made */
	struct cel_value *slots;
};

struct cel_function {
	const char *name; /* "_+_", "size", "optional.of" */
	bool member;
	uint8_t count;
	const struct cel_type *parameters[CEL_PARAMETERS_MAX];
	const struct cel_type *result;
	/* Arguments are of the parameters' kinds and no errors. NULL: the evaluator knows the
	 * operator. */
	struct cel_value (*call)(struct cel_frame *frame, const struct cel_value *args);
	enum cel_cost_rule cost;
	bool conversion;  /* computed beforehand when its argument is a constant */
	bool lazy;	  /* evaluates its second argument only when the first is optional.none() */
	unsigned feature; /* enum cel_feature it needs; 0 = always there */
};

/* Tables, each ended by a row without a name. */
extern const struct cel_function cel_library_convert[], cel_library_string[], cel_library_text[],
	cel_library_time[], cel_library_list[], cel_library_lists[], cel_library_optional[],
	cel_library_regex[], cel_library_url[], cel_library_ip[], cel_library_quantity[],
	cel_library_format[], cel_library_semver[], cel_library_authorizer[], cel_library_patch[];
extern const struct cel_function *const cel_libraries[];
extern const size_t cel_library_count;

/* Parameters of generic functions. */
extern const struct cel_type cel_param_a, cel_param_b, cel_list_a, cel_map_ab, cel_optional_a,
	cel_type_of_a, cel_list_string, cel_list_int, cel_list_list_a, cel_optional_dyn,
	cel_map_string_list, cel_optional_format;

/* Type names as values: "int", "list", ...; NULL when there is none of this name. */
const struct cel_type *cel_named_type(struct str name);

/* Fills types, slots, fields and overloads in. Messages when something does not fit. *ret_slots:
 * slots that folds need. */
void cel_check(struct cel_source *source, struct cel_node *root, uint32_t *ret_slots,
	       uint64_t *ret_variables);
/* Of calls of format() on a constant text: messages for values that do not fit it. */
void cel_check_formats(struct cel_source *source, struct cel_node *root);
/* Computes constants beforehand, compiles constant patterns; messages for constants that cannot be
 * converted. */
void cel_optimise(struct cel_source *source, struct cel_node *root);
/* Fills cost and sizes in. */
void cel_estimate(struct cel_source *source, struct cel_node *root);

#endif
