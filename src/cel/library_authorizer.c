/* SPDX-License-Identifier: Apache-2.0 */
/* The authorizer: builders collect what is asked, check() asks whoever evaluates. */
#include "cel/opaque_internal.h"

static const struct cel_attributes nothing = { 0 };

struct cel_value cel_authorizer_value(void)
{
	return cel_make_opaque(&cel_type_authorizer, &nothing);
}

struct cel_value cel_resource_check_value(const struct cel_attributes *attributes)
{
	return cel_make_opaque(&cel_type_resource_check, attributes);
}

static struct cel_attributes *copy(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_attributes *attributes = cel_take_small(f, sizeof(*attributes));

	*attributes = *(const struct cel_attributes *)args[0].opaque;
	return attributes;
}

static struct cel_value path(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_attributes *attributes = copy(f, args);

	if (args[1].len == 0)
		return cel_fail(f, "path must not be empty");
	attributes->path = cel_str(args[1]);
	return cel_make_opaque(&cel_type_path_check, attributes);
}

static struct cel_value group(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_attributes *attributes = copy(f, args);

	attributes->group = cel_str(args[1]);
	return cel_make_opaque(&cel_type_group_check, attributes);
}

static struct cel_value service_account(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_attributes *attributes = copy(f, args);

	attributes->service_account_namespace = cel_str(args[1]);
	attributes->service_account_name = cel_str(args[2]);
	if (args[1].len == 0 || args[2].len == 0)
		return cel_fail(f, "Invalid service account %s",
				args[1].len == 0 ? "namespace" : "name");
	return cel_make_opaque(&cel_type_authorizer, attributes);
}

static struct cel_value resource(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_attributes *attributes = copy(f, args);

	attributes->resource = cel_str(args[1]);
	return cel_make_opaque(&cel_type_resource_check, attributes);
}

/* Steps that narrow a resource check. */
static struct cel_value narrow(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_attributes *attributes = copy(f, args);
	struct str step = f->node->name;
	struct str value = cel_str(args[1]);

	if (str_eq_c(step, "subresource")) {
		attributes->subresource = value;
	} else if (str_eq_c(step, "namespace")) {
		attributes->namespace = value;
	} else if (str_eq_c(step, "name")) {
		attributes->name = value;
	} else if (str_eq_c(step, "fieldSelector")) {
		attributes->field_selector = value;
		attributes->has_field_selector = true;
	} else {
		attributes->label_selector = value;
		attributes->has_label_selector = true;
	}
	return cel_make_opaque(&cel_type_resource_check, attributes);
}

static struct cel_value check(struct cel_frame *f, const struct cel_value *args)
{
	const struct cel_authorizer *authorizer = f->evaluation->authorizer;
	struct cel_decision_value *decision = cel_take_small(f, sizeof(*decision));
	struct cel_attributes *attributes = copy(f, args);
	struct err err = { 0 };

	*decision = (struct cel_decision_value){ 0 };
	attributes->verb = cel_str(args[1]);
	if (!authorizer)
		return cel_fail(f, "no authorizer");
	if (authorizer->check(authorizer, attributes, f->evaluation->arena, &decision->decision,
			      &decision->reason, &err) < 0) {
		struct cel_value text = cel_text(f, str_from(err.msg));

		decision->error = cel_str(text);
	}
	return cel_make_opaque(&cel_type_decision, decision);
}

static struct cel_value allowed(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(((const struct cel_decision_value *)args[0].opaque)->decision ==
			CEL_ALLOWED);
}

static struct cel_value reason(struct cel_frame *f, const struct cel_value *args)
{
	return cel_string(((const struct cel_decision_value *)args[0].opaque)->reason);
}

static struct cel_value errored(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(((const struct cel_decision_value *)args[0].opaque)->error.len > 0);
}

static struct cel_value error(struct cel_frame *f, const struct cel_value *args)
{
	return cel_string(((const struct cel_decision_value *)args[0].opaque)->error);
}

/* Columns: function, of, result, C function, cost. */
#define STEP(function, of, returns, fn, rule)                                                \
	{                                                                                    \
		.name = (function), .member = true, .count = 2,                              \
		.parameters = { (of), &cel_type_string }, .result = (returns), .call = (fn), \
		.cost = (rule),                                                              \
	}
#define TOLD(function, returns, fn)                                                      \
	{                                                                                \
		.name = (function), .member = true, .count = 1,                          \
		.parameters = { &cel_type_decision }, .result = (returns), .call = (fn), \
	}

const struct cel_function cel_library_authorizer[] = {
	STEP("path", &cel_type_authorizer, &cel_type_path_check, path, CEL_COST_ONE),
	STEP("check", &cel_type_path_check, &cel_type_decision, check, CEL_COST_AUTHORIZE),
	STEP("group", &cel_type_authorizer, &cel_type_group_check, group, CEL_COST_ONE),
	STEP("resource", &cel_type_group_check, &cel_type_resource_check, resource, CEL_COST_ONE),
	STEP("subresource", &cel_type_resource_check, &cel_type_resource_check, narrow,
	     CEL_COST_ONE),
	STEP("namespace", &cel_type_resource_check, &cel_type_resource_check, narrow, CEL_COST_ONE),
	STEP("name", &cel_type_resource_check, &cel_type_resource_check, narrow, CEL_COST_ONE),
	STEP("fieldSelector", &cel_type_resource_check, &cel_type_resource_check, narrow,
	     CEL_COST_SELECTOR),
	STEP("labelSelector", &cel_type_resource_check, &cel_type_resource_check, narrow,
	     CEL_COST_SELECTOR),
	STEP("check", &cel_type_resource_check, &cel_type_decision, check, CEL_COST_AUTHORIZE),
	{ .name = "serviceAccount",
	  .member = true,
	  .count = 3,
	  .parameters = { &cel_type_authorizer, &cel_type_string, &cel_type_string },
	  .result = &cel_type_authorizer,
	  .call = service_account },
	TOLD("allowed", &cel_type_bool, allowed),
	TOLD("reason", &cel_type_string, reason),
	TOLD("errored", &cel_type_bool, errored),
	TOLD("error", &cel_type_string, error),
	{ 0 },
};
