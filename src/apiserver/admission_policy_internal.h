/* SPDX-License-Identifier: Apache-2.0 */
/* Policies compiled, for the files that ask them. */
#ifndef CUBE_APISERVER_ADMISSION_POLICY_INTERNAL_H
#define CUBE_APISERVER_ADMISSION_POLICY_INTERNAL_H

#include "apiserver/admission_activation.h"
#include "apiserver/admission_policy.h"
#include "apiserver/limits.h"
#include "cel/limits.h"
#include "store/store.h"

enum policy_action {
	POLICY_DENIES = 1 << 0,
	POLICY_WARNS = 1 << 1,
	POLICY_AUDITS = 1 << 2,
};

struct policy_binding {
	const struct obj *obj; /* counted */
	struct arena arena;
	const struct admission_filter *filter; /* NULL: it concerns all that its policy does */
	struct str problem;		       /* why there is no filter */
	unsigned actions;		       /* enum policy_action */
};

struct policy_validation {
	struct admission_expression expression, message_expression;
	bool has_message_expression;
	struct str message, reason;
};

struct policy_annotation {
	struct str key;
	struct admission_expression value;
};

struct policy_mutation {
	bool is_json_patch; /* else an apply configuration */
	struct admission_expression expression;
};

struct policy {
	const struct obj *obj; /* counted */
	struct arena arena;
	struct admission_set *set;
	const struct admission_filter *filter;
	struct str problem; /* why there is no filter */
	const struct admission_conditions *conditions;
	bool fails_open, may_be_asked_again;
	yyjson_val *param_kind; /* NULL: none */
	struct policy_validation *validations;
	size_t validation_count;
	struct policy_annotation *annotations;
	size_t annotation_count;
	struct policy_mutation *mutations;
	size_t mutation_count;
	/* of the index: */
	struct policy_binding **bindings;
	size_t binding_count;
};

/* The policies of one kind, and its bindings. */
struct policy_family {
	struct policies *owner;
	const struct kind *policy_kind, *binding_kind;
	struct policy **policies; /* by name */
	size_t policy_count;
	struct policy_binding **bindings;
	size_t binding_count;
	struct store_watcher policy_watcher, binding_watcher;
	bool is_stale;
	bool is_off; /* the plug-in is */
};

struct policies {
	struct registry *registry;
	struct policy_family validating, mutating;
};

/* The family as its committed objects are now. */
const struct policy_family *policy_family_fresh(struct policy_family *family);

/* 1: the policy concerns the request, and *ret_kind is the kind whose rule matched. 0: it does not.
 * < 0: it cannot be used: *ret_problem says why. */
int policy_match(struct policies *policies, const struct policy *policy,
		 const struct admission_request *request, struct arena *arena,
		 const struct kind **ret_kind, struct str *ret_problem) MUST_CHECK;
int policy_binding_match(const struct policy_binding *binding,
			 const struct admission_request *request, struct arena *arena,
			 struct str *ret_problem) MUST_CHECK;

/* What all policies together may cost one write, in units of CEL. A policy's own budget, as
 * upstream has it, is per binding and parameter: of those there may be any number. */
#define POLICY_WRITE_COST_MAX (8 * CEL_BUDGET_MAX)

struct policy_params {
	struct blob **blobs; /* counted */
	size_t count;
	bool is_none; /* one evaluation, without a parameter */
};

/* Of a policy that matches. < 0: *ret_problem says why. */
int policy_params_collect(struct policies *policies, const struct policy *policy,
			  const struct policy_binding *binding,
			  const struct admission_request *request, struct arena *arena,
			  struct policy_params *ret, struct str *ret_problem) MUST_CHECK;
void policy_params_deinit(struct policy_params *params);

#endif
