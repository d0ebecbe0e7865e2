/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions of admission evaluated against one request, within a budget: what their variables
 * stand for, match conditions, and the authorizer that expressions ask.
 *
 *	admission_activation_init(&activation, set, &request);
 *	activation.authorizer = &authorizer.cel;
 *	verdict = admission_conditions_decide(conditions, &activation, &why);
 *	admission_activation_deinit(&activation);
 */
#ifndef CUBE_APISERVER_ADMISSION_ACTIVATION_H
#define CUBE_APISERVER_ADMISSION_ACTIVATION_H

#include "api/admission_expression.h"
#include "apiserver/admission_match.h"

#define ADMISSION_CONDITIONS_COST_MAX (CEL_BUDGET_MAX / 4) /* as upstream */

struct registry;
struct admission_lookup;

/* One request against the expressions of one set. */
struct admission_activation {
	/* the caller may set these after init */
	const struct kind *matched;	     /* the kind whose rule matched; the request's own */
	struct cel_value object, old_object; /* as that kind has them; the request's own */
	struct cel_value params;	     /* none: cel_null() */
	const struct cel_authorizer *authorizer;
	uint64_t budget;      /* what is left of CEL_BUDGET_MAX */
	uint64_t *write_left; /* what all policies together may still cost; NULL: no limit */
	/* own */
	const struct admission_set *set;
	const struct admission_request *request;
	struct arena scratch;
	struct cel_value values[ADMISSION_NAME_COUNT];
	struct admission_lookup *variables;
	yyjson_mut_doc *request_doc;
	bool is_bound;
};

void admission_activation_init(struct admission_activation *a, const struct admission_set *set,
			       const struct admission_request *request);
void admission_activation_deinit(struct admission_activation *a);
/* What the caller sets was changed: what was computed from it is forgotten. */
void admission_activation_reset(struct admission_activation *a);

enum admission_outcome {
	ADMISSION_VALUE,	 /* *ret */
	ADMISSION_ERROR,	 /* *ret_why */
	ADMISSION_OUT_OF_BUDGET, /* *ret_why; nothing more can be evaluated */
};

/* Results and texts live until reset or deinit. */
enum admission_outcome admission_evaluate(const struct admission_expression *e,
					  struct admission_activation *a, struct cel_value *ret,
					  struct str *ret_why) MUST_CHECK;

struct admission_conditions; /* immutable; in the set's arena */

/* [{name, expression}], borrowed; fails_open: failurePolicy Ignore. */
const struct admission_conditions *
admission_conditions_new(struct admission_set *set, yyjson_val *conditions, bool fails_open);

enum admission_verdict { ADMISSION_SKIPPED, ADMISSION_MATCHED, ADMISSION_FAILED };

/* All conditions hold (or there are none); one does not, or they fail open and could not be
 * evaluated; or, with failurePolicy Fail, they could not be evaluated: *ret_why says so. Has a
 * budget of its own. */
enum admission_verdict admission_conditions_decide(const struct admission_conditions *conditions,
						   struct admission_activation *a,
						   struct str *ret_why) MUST_CHECK;

/* ---- the authorizer of expressions ---- */

struct admission_authorizer {
	struct cel_authorizer cel;
	struct registry *registry;
	const struct user *user;
	struct review_wait *wait;
	bool is_waiting; /* wait will be told; what was found out until then may be wrong */
};

/* All are borrowed; wait is told of answers from outside, NULL: nobody waits for any. */
void admission_authorizer_init(struct admission_authorizer *a, struct registry *registry,
			       const struct user *user, struct review_wait *wait);

#endif
