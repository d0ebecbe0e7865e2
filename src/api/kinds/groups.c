/* SPDX-License-Identifier: Apache-2.0 */
/* Roles and bindings, PriorityClass, RuntimeClass, APIService. */
#include "api/kinds/cells.h"
#include "api/kinds/pod_spec.h"
#include "api/kinds/workload.h"
#include "api/meta.h"
#include "api/selector.h"
#include "base/time.h"
#include "codec/json_index.h"

/* ---- rbac ---- */

#define RBAC_GROUP "rbac.authorization.k8s.io"

static void binding_default(struct edit *e)
{
	default_str(e, yyjson_mut_obj_get(e->root, "roleRef"), "apiGroup", RBAC_GROUP);
	JSON_MUT_EACH (subject, yyjson_mut_obj_get(e->root, "subjects")) {
		struct str kind = json_mut_get_str(subject, "kind");

		if (str_eq_c(kind, "User") || str_eq_c(kind, "Group"))
			default_str(e, subject, "apiGroup", RBAC_GROUP);
	}
}

static void check_subject(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str kind = json_mut_get_str(v, "kind"), name = json_mut_get_str(v, "name"),
		   group = json_mut_get_str(v, "apiGroup");
	bool is_account = str_eq_c(kind, "ServiceAccount");

	if (!name.len)
		field_required(s->errors, FIELD_NAME(path, "name"), "");
	else if (is_account && name_subdomain_problem(name))
		field_invalid_str(s->errors, FIELD_NAME(path, "name"), name,
				  name_subdomain_problem(name));
	if (is_account && group.len)
		field_error_add(s->errors, FIELD_UNSUPPORTED, FIELD_NAME(path, "apiGroup"),
				"\"" STR_FMT "\": supported values: \"\"", STR_ARG(group));
	if (is_account && !json_mut_get_str(v, "namespace").len)
		field_required(s->errors, FIELD_NAME(path, "namespace"), "");
	if (schema_values_have(STR("User|Group"), kind) && !str_eq_c(group, RBAC_GROUP))
		field_unsupported(s->errors, FIELD_NAME(path, "apiGroup"), group, RBAC_GROUP);
	if (!schema_values_have(STR("ServiceAccount|User|Group"), kind))
		field_unsupported(s->errors, FIELD_NAME(path, "kind"), kind,
				  "ServiceAccount|User|Group");
}

static void check_role_ref(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule rules[] = { RULE_NEED_NAME("name", name_path_segment_problem),
					     { 0 } };
	struct str group = json_mut_get_str(v, "apiGroup"), kind = json_mut_get_str(v, "kind");
	const char *kinds = kind_is_namespaced(s->edit->kind) ? "Role|ClusterRole" : "ClusterRole";

	if (!str_eq_c(group, RBAC_GROUP))
		field_unsupported(s->errors, FIELD_NAME(path, "apiGroup"), group, RBAC_GROUP);
	if (!schema_values_have(str_from(kinds), kind))
		field_unsupported(s->errors, FIELD_NAME(path, "kind"), kind, kinds);
	rules_check(s, rules, path, v);
}

static const struct rule binding_rules[] = {
	RULE_CALL("roleRef", check_role_ref),
	RULE_CALL_EACH("subjects", check_subject),
	{ 0 },
};

static void binding_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, binding_rules, errors);
}

static void binding_validate_update(struct edit *e, struct field_errors *errors)
{
	if (!json_mixed_equal(yyjson_mut_obj_get(e->root, "roleRef"),
			      yyjson_obj_get(e->old, "roleRef")))
		field_invalid_val(errors, FIELD_NAME(NULL, "roleRef"),
				  yyjson_mut_obj_get(e->root, "roleRef"), "cannot change roleRef");
}

const struct strategy strategy_binding = {
	.default_object = binding_default,
	.validate = binding_validate,
	.validate_update = binding_validate_update,
	.name_problem = name_is_path_segment,
	.cells = binding_cells,
};

static void check_policy_rule(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	static const struct rule resource_rules[] = {
		RULE_NEED("apiGroups", "resource rules must supply at least one api group"),
		RULE_NEED("resources", "resource rules must supply at least one resource"),
		{ 0 },
	};
	yyjson_mut_val *urls = yyjson_mut_obj_get(v, "nonResourceURLs");
	const struct field_path *here = FIELD_NAME(path, "nonResourceURLs");

	if (!json_mut_get_count(v, "verbs"))
		field_required(s->errors, FIELD_NAME(path, "verbs"),
			       "verbs must contain at least one value");
	if (!yyjson_mut_arr_size(urls)) {
		rules_check(s, resource_rules, path, v);
		return;
	}
	if (kind_is_namespaced(s->edit->kind))
		field_invalid_val(s->errors, here, urls,
				  "namespaced rules cannot apply to non-resource URLs");
	if (json_mut_get_count(v, "apiGroups") || json_mut_get_count(v, "resources") ||
	    json_mut_get_count(v, "resourceNames"))
		field_invalid_val(s->errors, here, urls,
				  "rules cannot apply to both regular resources and non-resource "
				  "URLs");
}

static const struct rule aggregation_rules[] = {
	RULE_NEED("clusterRoleSelectors",
		  "at least one clusterRoleSelector required if aggregationRule is non-nil"),
	RULE_CALL_EACH("clusterRoleSelectors", rule_selector),
	{ 0 },
};

static const struct rule role_rules[] = {
	RULE_CALL_EACH("rules", check_policy_rule),
	RULE_INSIDE("aggregationRule", aggregation_rules),
	{ 0 },
};

static void role_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, role_rules, errors);
}

const struct strategy strategy_role = { .validate = role_validate,
					.name_problem = name_is_path_segment };

/* ---- scheduling, node, aggregation ---- */

static const struct rule preemption_rules[] = {
	RULE_CALL("preemptionPolicy", rule_preemption_policy),
	{ 0 },
};

/* Two classes are everywhere; their values are fixed. */
static void priorityclass_validate(struct edit *e, struct field_errors *errors)
{
	static const struct {
		const char *name;
		int64_t value;
	} system_classes[] = { { "system-node-critical", 2000001000 },
			       { "system-cluster-critical", 2000000000 } };
	int64_t value = json_mut_get_int(e->root, "value", 0);
	struct str name = json_mut_get_str(e->root, "metadata.name");
	struct str wrong = str_printf_in(e->arena, STR_FMT " is not a known system priority class",
					 STR_ARG(name));

	for (size_t i = 0; i < ARRAY_COUNT(system_classes); i++)
		if (str_eq_c(name, system_classes[i].name))
			wrong = value == system_classes[i].value
					? STR_NONE
					: str_printf_in(e->arena,
							"value of %s PriorityClass must be %lld",
							system_classes[i].name,
							(long long)system_classes[i].value);
	if (str_has_prefix(name, STR("system-")) && wrong.len)
		field_error_add(
			errors, FIELD_FORBIDDEN, FIELD_NAME(FIELD_NAME(NULL, "metadata"), "name"),
			"priority class names with 'system-' prefix are reserved for system "
			"use only. error: " STR_FMT,
			STR_ARG(wrong));
	else if (value > 1000000000 && !str_has_prefix(name, STR("system-")))
		field_forbidden(errors, FIELD_NAME(NULL, "value"),
				"maximum allowed value of a user defined priority is 1000000000");
	rules_check_edit(e, preemption_rules, errors);
}

static void priorityclass_validate_update(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *policy = yyjson_mut_obj_get(e->root, "preemptionPolicy");

	/* As upstream spells it. */
	if (json_mut_get_int(e->root, "value", 0) != json_get_int(e->old, "value", 0))
		field_forbidden(errors, FIELD_NAME(NULL, "Value"),
				"may not be changed in an update.");
	if (!json_mixed_equal(policy, yyjson_obj_get(e->old, "preemptionPolicy")))
		field_invalid_val(errors, FIELD_NAME(NULL, "preemptionPolicy"), policy,
				  "field is immutable");
}

const struct strategy strategy_priorityclass = {
	.validate = priorityclass_validate,
	.validate_update = priorityclass_validate_update,
};

static void check_handler(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str handler = json_mut_str(v);

	if (name_label_problem(handler))
		field_invalid_str(s->errors, path, handler, name_label_problem(handler));
}

static void check_pod_overhead(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	rule_overhead(s, path, yyjson_mut_obj_get(v, "podFixed"));
}

static void check_tolerations(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	rule_tolerations(s, path, v);
	json_index_init(&seen, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (toleration, v) {
		if (json_index_add(&seen, toleration_text_in_mut(s->errors->arena, toleration),
				   toleration))
			field_duplicate_val(s->errors, FIELD_INDEX(path, i), toleration);
		i++;
	}
}

static const struct rule scheduling_rules[] = {
	RULE_CALL("nodeSelector", rule_labels),
	RULE_CALL("tolerations", check_tolerations),
	{ 0 },
};

static const struct rule runtimeclass_rules[] = {
	RULE_CALL("handler", check_handler),
	RULE_CALL("overhead", check_pod_overhead),
	RULE_INSIDE("scheduling", scheduling_rules),
	{ 0 },
};

static void runtimeclass_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, runtimeclass_rules, errors);
}

static const char *const runtimeclass_immutable[] = { "handler", NULL };

const struct strategy strategy_runtimeclass = {
	.validate = runtimeclass_validate,
	.immutable = runtimeclass_immutable,
};

static const struct rule apiservice_spec_rules[] = {
	RULE_NAME("group", name_subdomain_problem),
	RULE_ANY_NAME("version", name_label1035_problem),
	RULE_RANGE("groupPriorityMinimum", 1, 20000, "must be positive and less than 20000"),
	RULE_RANGE("versionPriority", 1, 1000, "must be positive and less than 1000"),
	{ 0 },
};

static const struct rule apiservice_service_rules[] = {
	RULE_NEED("namespace", ""),
	RULE_NEED("name", ""),
	RULE_RANGE("port", 1, 65535, "port is not valid: must be between 1 and 65535, inclusive"),
	{ 0 },
};

static void check_service(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *service = yyjson_mut_obj_get(v, "service");
	struct str bundle = json_mut_get_str(v, "caBundle");
	bool insecure = json_mut_get_bool(v, "insecureSkipTLSVerify", false);
	const struct field_path *skip = FIELD_NAME(path, "insecureSkipTLSVerify");

	if (service) {
		rules_check(s, apiservice_service_rules, FIELD_NAME(path, "service"), service);
		if (insecure && bundle.len)
			field_error_add(s->errors, FIELD_INVALID, skip,
					"true: may not be true if caBundle is present");
		return;
	}
	if (bundle.len)
		field_invalid_str(s->errors, FIELD_NAME(path, "caBundle"),
				  str_printf_in(s->errors->arena, "%zu bytes", bundle.len / 4 * 3),
				  "local APIServices may not have a caBundle");
	if (insecure)
		field_error_add(s->errors, FIELD_INVALID, skip,
				"true: local APIServices may not have insecureSkipTLSVerify");
}

static const struct rule apiservice_rules[] = {
	RULE_INSIDE("spec", apiservice_spec_rules),
	RULE_CALL("spec", check_service),
	{ 0 },
};

/* What this server answers itself is there as soon as it is known. */
static void apiservice_prepare_create(struct edit *e)
{
	char now[TIME_TEXT_BYTES];
	yyjson_mut_val *condition;

	if (json_mut_get(e->root, "spec.service"))
		return;
	condition = json_append_object(
		e->doc,
		json_set_array(e->doc, json_set_object(e->doc, e->root, "status"), "conditions"));
	json_set_str(e->doc, condition, "type", STR("Available"));
	json_set_str(e->doc, condition, "status", STR("True"));
	json_set_str(e->doc, condition, "lastTransitionTime",
		     str_from(time_format(e->now_ns, now)));
	json_set_str(e->doc, condition, "reason", STR("Local"));
	json_set_str(e->doc, condition, "message", STR("Local APIServices are always available"));
}

static void apiservice_validate_status(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "status"), "conditions");
	size_t i = 0;

	JSON_MUT_EACH (condition, json_mut_get(e->root, "status.conditions")) {
		struct str status = json_mut_get_str(condition, "status");
		const struct field_path *here = FIELD_INDEX(path, i++);

		if (!str_eq_c(status, "True") && !str_eq_c(status, "False") &&
		    !str_eq_c(status, "Unknown"))
			field_unsupported(errors, FIELD_NAME(here, "status"), status,
					  "False|True|Unknown");
	}
}

static void apiservice_validate(struct edit *e, struct field_errors *errors)
{
	struct str name = json_mut_get_str(e->root, "metadata.name");
	struct str want = str_printf_in(e->arena, STR_FMT "." STR_FMT,
					STR_ARG(json_mut_get_str(e->root, "spec.version")),
					STR_ARG(json_mut_get_str(e->root, "spec.group")));

	if (!str_eq(name, want))
		field_invalid_str(
			errors, FIELD_NAME(FIELD_NAME(NULL, "metadata"), "name"), name,
			str_printf_in(e->arena,
				      "must be `spec.version+\".\"+spec.group`: \"" STR_FMT "\"",
				      STR_ARG(want))
				.ptr);
	if (!json_mut_get_str(e->root, "spec.group").len &&
	    !str_eq_c(json_mut_get_str(e->root, "spec.version"), "v1"))
		field_required(errors, FIELD_NAME(FIELD_NAME(NULL, "spec"), "group"),
			       "only v1 may have an empty group and it better be legacy kube");
	rules_check_edit(e, apiservice_rules, errors);
}

const struct strategy strategy_apiservice = {
	.prepare_status_update = meta_keep_for_status,
	.prepare_create = apiservice_prepare_create,
	.validate = apiservice_validate,
	.validate_status_update = apiservice_validate_status,
	.name_problem = name_is_path_segment,
	.cells = apiservice_cells,
};
