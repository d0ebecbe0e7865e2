/* SPDX-License-Identifier: Apache-2.0 */
/* How much an expression may be, estimate and use. Numbers that upstream has are upstream's. */
#ifndef CUBE_CEL_LIMITS_H
#define CUBE_CEL_LIMITS_H

#include "codec/limits.h"

/* ---- text ---- */
#define CEL_TEXT_POINTS_MAX 100000 /* code points of an expression */
#define CEL_TEXT_BYTES_MAX (4 * CEL_TEXT_POINTS_MAX)
#define CEL_DEPTH_MAX 250	/* nesting of an expression as written */
#define CEL_NODES_MAX 200000	/* of the tree, macros expanded */
#define CEL_TREE_DEPTH_MAX 1000 /* of the tree, macros expanded and chains of operators counted */
#define CEL_ERRORS_MAX 100	/* messages for one expression */
#define CEL_ERROR_BYTES_MAX (64u << 10)
#define CEL_VARIABLES_MAX 64
#define CEL_TYPE_DEPTH_MAX 64 /* nesting of types in the checker */

/* ---- cost ---- */
#define CEL_EXPRESSION_ESTIMATE_MAX 10000000ull /* StaticEstimatedCostLimit */
#define CEL_CRD_ESTIMATE_MAX 100000000ull	/* StaticEstimatedCRDCostLimit */
#define CEL_CALL_COST_MAX 1000000ull		/* PerCallLimit: one evaluation */
#define CEL_BUDGET_MAX 10000000ull		/* RuntimeCELCostBudget: one object or policy */
#define CEL_REQUEST_BYTES_MAX (3u << 20)	/* what sizes without a limit are estimated from */

/* ---- evaluation: what upstream's cost does not count but this machine pays ---- */
#define CEL_EVALUATION_BYTES_MAX ((size_t)64 << 20)
#define CEL_EVALUATION_WORK_MAX 100000000ull /* elements and bytes looked at */
#define CEL_VALUE_DEPTH_MAX JSON_DEPTH_MAX
#define CEL_PROBLEMS_MAX 200 /* that rules report of one object */
#define CEL_COMPILE_RESERVE_BYTES \
	((size_t)32 << 20) /* of the arena: past it no more is compiled into it */

_Static_assert(CEL_CALL_COST_MAX <= CEL_BUDGET_MAX, "a call fits into the budget");
_Static_assert(CEL_EXPRESSION_ESTIMATE_MAX <= CEL_CRD_ESTIMATE_MAX, "a rule fits into its CRD");

#endif
