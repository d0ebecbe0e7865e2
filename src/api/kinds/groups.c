/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of the named groups that differ from the rest in little: immutable fields, a few defaults
 * and checks, their rows. */
#include "api/kinds/cells.h"
#include "api/kinds/pod_spec.h"
#include "api/meta.h"
#include "api/selector.h"
#include "base/time.h"

static void default_str(struct edit *e, yyjson_mut_val *object, const char *key, const char *value)
{
	if (yyjson_mut_is_obj(object) && !json_mut_get_str(object, key).len)
		json_set_str(e->doc, object, key, str_from(value));
}

/* ---- autoscaling ---- */

static void add_policy(struct edit *e, yyjson_mut_val *policies, const char *type, int64_t value)
{
	yyjson_mut_val *policy = json_append_object(e->doc, policies);

	json_set_str(e->doc, policy, "type", str_from(type));
	json_set_int(e->doc, policy, "value", value);
	json_set_int(e->doc, policy, "periodSeconds", 15);
}

static void autoscaler_default(struct edit *e)
{
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec"),
		       *behavior = yyjson_mut_obj_get(spec, "behavior"), *rules;

	if (e->kind != &kind_horizontalpodautoscaler)
		return;
	if (!yyjson_mut_arr_size(yyjson_mut_obj_get(spec, "metrics"))) {
		yyjson_mut_val *metric = json_append_object(
			e->doc, json_set_array(e->doc, spec, "metrics"));

		json_set_str(e->doc, metric, "type", STR("Resource"));
		json_set_path_str(e->doc, metric, "resource.name", STR("cpu"));
		json_set_path_str(e->doc, metric, "resource.target.type", STR("Utilization"));
		json_set_path_int(e->doc, metric, "resource.target.averageUtilization", 80);
	}
	if (!yyjson_mut_is_obj(behavior))
		return;
	rules = json_ensure_object(e->doc, behavior, "scaleUp");
	default_str(e, rules, "selectPolicy", "Max");
	if (!yyjson_mut_obj_get(rules, "stabilizationWindowSeconds"))
		json_set_int(e->doc, rules, "stabilizationWindowSeconds", 0);
	if (!yyjson_mut_obj_get(rules, "policies")) {
		yyjson_mut_val *policies = json_set_array(e->doc, rules, "policies");

		add_policy(e, policies, "Pods", 4);
		add_policy(e, policies, "Percent", 100);
	}
	rules = json_ensure_object(e->doc, behavior, "scaleDown");
	default_str(e, rules, "selectPolicy", "Max");
	if (!yyjson_mut_obj_get(rules, "policies"))
		add_policy(e, json_set_array(e->doc, rules, "policies"), "Percent", 100);
}

static void autoscaler_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	int64_t least = json_mut_get_int(e->root, "spec.minReplicas", 1),
		most = json_mut_get_int(e->root, "spec.maxReplicas", 0);

	if (least < 1)
		field_invalid_int(errors, FIELD_NAME(path, "minReplicas"), least,
				  "must be greater than or equal to 1");
	if (most < 1)
		field_invalid_int(errors, FIELD_NAME(path, "maxReplicas"), most,
				  "must be greater than 0");
	else if (most < least)
		field_invalid_int(errors, FIELD_NAME(path, "maxReplicas"), most,
				  "must be greater than or equal to `minReplicas`");
	if (!json_mut_get_str(e->root, "spec.scaleTargetRef.kind").len)
		field_required(errors, FIELD_NAME(FIELD_NAME(path, "scaleTargetRef"), "kind"), "");
	if (!json_mut_get_str(e->root, "spec.scaleTargetRef.name").len)
		field_required(errors, FIELD_NAME(FIELD_NAME(path, "scaleTargetRef"), "name"), "");
}

const struct strategy strategy_autoscaler = {
	.default_object = autoscaler_default,
	.validate = autoscaler_validate,
	.cells = autoscaler_cells,
};

/* ---- policy ---- */

static void disruption_budget_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec");

	if (yyjson_mut_obj_get(spec, "minAvailable") && yyjson_mut_obj_get(spec, "maxUnavailable"))
		field_invalid_val(errors, path, spec,
				  "minAvailable and maxUnavailable cannot be both set");
	selector_validate(yyjson_mut_obj_get(spec, "selector"), FIELD_NAME(path, "selector"),
			  errors);
}

const struct strategy strategy_disruption_budget = {
	.validate = disruption_budget_validate,
	.cells = disruption_budget_cells,
};

/* ---- networking ---- */

static void ingress_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	size_t i = 0;

	if (!json_mut_get_count(e->root, "spec.rules") &&
	    !json_mut_get(e->root, "spec.defaultBackend"))
		field_invalid_val(errors, path, yyjson_mut_obj_get(e->root, "spec"),
				  "either `defaultBackend` or `rules` must be specified");
	JSON_MUT_EACH (rule, json_mut_get(e->root, "spec.rules")) {
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(path, "rules"), i++);
		struct str host = json_mut_get_str(rule, "host");
		const char *problem = !host.len ? NULL
				      : str_has_prefix(host, STR("*"))
					      ? name_subdomain_wildcard_problem(host)
					      : name_subdomain_problem(host);

		if (problem)
			field_invalid_str(errors, FIELD_NAME(here, "host"), host, problem);
		if (yyjson_mut_obj_get(rule, "http") && !json_mut_get_count(rule, "http.paths"))
			field_required(errors, FIELD_NAME(FIELD_NAME(here, "http"), "paths"), "");
	}
}

const struct strategy strategy_ingress = { .validate = ingress_validate, .cells = ingress_cells };

static const char *const ingressclass_immutable[] = { "spec.controller", NULL };

const struct strategy strategy_ingressclass = { .immutable = ingressclass_immutable,
						.cells = ingressclass_cells };

static void networkpolicy_default(struct edit *e)
{
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec"), *types;

	if (!yyjson_mut_is_obj(spec) ||
	    yyjson_mut_arr_size(yyjson_mut_obj_get(spec, "policyTypes")))
		return;
	types = json_set_array(e->doc, spec, "policyTypes");
	json_append_str(e->doc, types, STR("Ingress"));
	if (yyjson_mut_arr_size(yyjson_mut_obj_get(spec, "egress")))
		json_append_str(e->doc, types, STR("Egress"));
}

static void networkpolicy_validate(struct edit *e, struct field_errors *errors)
{
	selector_validate(json_mut_get(e->root, "spec.podSelector"),
			  FIELD_NAME(FIELD_NAME(NULL, "spec"), "podSelector"), errors);
}

const struct strategy strategy_networkpolicy = {
	.default_object = networkpolicy_default,
	.validate = networkpolicy_validate,
	.cells = networkpolicy_cells,
};

/* ---- rbac ---- */

static void binding_default(struct edit *e)
{
	default_str(e, yyjson_mut_obj_get(e->root, "roleRef"), "apiGroup",
		    "rbac.authorization.k8s.io");
	JSON_MUT_EACH (subject, yyjson_mut_obj_get(e->root, "subjects")) {
		struct str kind = json_mut_get_str(subject, "kind");

		if (str_eq_c(kind, "User") || str_eq_c(kind, "Group"))
			default_str(e, subject, "apiGroup", "rbac.authorization.k8s.io");
	}
}

static void binding_validate(struct edit *e, struct field_errors *errors)
{
	struct str kind = json_mut_get_str(e->root, "roleRef.kind"),
		   name = json_mut_get_str(e->root, "roleRef.name");
	const struct field_path *path = FIELD_NAME(NULL, "roleRef");
	size_t i = 0;

	if (!str_eq_c(kind, "ClusterRole") &&
	    (e->kind == &kind_clusterrolebinding || !str_eq_c(kind, "Role")))
		field_unsupported(errors, FIELD_NAME(path, "kind"), kind,
				  e->kind == &kind_clusterrolebinding ? "ClusterRole"
								      : "Role|ClusterRole");
	if (!name.len)
		field_required(errors, FIELD_NAME(path, "name"), "");
	JSON_MUT_EACH (subject, yyjson_mut_obj_get(e->root, "subjects")) {
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(NULL, "subjects"), i++);
		struct str type = json_mut_get_str(subject, "kind");

		if (!json_mut_get_str(subject, "name").len)
			field_required(errors, FIELD_NAME(here, "name"), "");
		if (!schema_values_have(STR("ServiceAccount|User|Group"), type))
			field_unsupported(errors, FIELD_NAME(here, "kind"), type,
					  "ServiceAccount|User|Group");
		if (str_eq_c(type, "ServiceAccount") && e->kind == &kind_clusterrolebinding &&
		    !json_mut_get_str(subject, "namespace").len)
			field_required(errors, FIELD_NAME(here, "namespace"), "");
	}
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

static void role_validate(struct edit *e, struct field_errors *errors)
{
	size_t i = 0;

	JSON_MUT_EACH (rule, yyjson_mut_obj_get(e->root, "rules")) {
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(NULL, "rules"), i++);
		size_t urls = json_mut_get_count(rule, "nonResourceURLs");

		if (!json_mut_get_count(rule, "verbs"))
			field_required(errors, FIELD_NAME(here, "verbs"),
				       "verbs must contain at least one value");
		if (urls && kind_is_namespaced(e->kind))
			field_invalid_val(errors, FIELD_NAME(here, "nonResourceURLs"),
					  yyjson_mut_obj_get(rule, "nonResourceURLs"),
					  "namespaced rules cannot apply to non-resource URLs");
		if (urls)
			continue;
		if (!json_mut_get_count(rule, "apiGroups"))
			field_required(errors, FIELD_NAME(here, "apiGroups"),
				       "resource rules must supply at least one api group");
		if (!json_mut_get_count(rule, "resources"))
			field_required(errors, FIELD_NAME(here, "resources"),
				       "resource rules must supply at least one resource");
	}
}

const struct strategy strategy_role = { .validate = role_validate,
					.name_problem = name_is_path_segment };

/* ---- storage, scheduling, node, certificates, aggregation ---- */

static void priorityclass_validate(struct edit *e, struct field_errors *errors)
{
	int64_t value = json_mut_get_int(e->root, "value", 0);
	struct str name = json_mut_get_str(e->root, "metadata.name");

	if (str_has_prefix(name, STR("system-")) && !str_eq_c(name, "system-node-critical") &&
	    !str_eq_c(name, "system-cluster-critical"))
		field_forbidden(errors, FIELD_NAME(FIELD_NAME(NULL, "metadata"), "name"),
				"priority class names with 'system-' prefix are reserved for "
				"system use only");
	else if (value > 1000000000 && !str_has_prefix(name, STR("system-")))
		field_forbidden(errors, FIELD_NAME(NULL, "value"),
				"maximum allowed value of a user defined priority is 1000000000");
}

static const char *const priorityclass_immutable[] = { "value", "preemptionPolicy", NULL };

const struct strategy strategy_priorityclass = {
	.validate = priorityclass_validate,
	.immutable = priorityclass_immutable,
};

static void runtimeclass_validate(struct edit *e, struct field_errors *errors)
{
	struct str handler = json_mut_get_str(e->root, "handler");

	if (name_label_problem(handler))
		field_invalid_str(errors, FIELD_NAME(NULL, "handler"), handler,
				  name_label_problem(handler));
}

static const char *const runtimeclass_immutable[] = { "handler", NULL };

const struct strategy strategy_runtimeclass = {
	.validate = runtimeclass_validate,
	.immutable = runtimeclass_immutable,
};

static const char *const signing_request_immutable[] = { "spec", NULL };

static void signing_request_prepare_create(struct edit *e)
{
	(void)json_remove(e->root, STR("status")); /* the doc owns it */
}

static bool is_decision(struct str type)
{
	return str_eq_c(type, "Approved") || str_eq_c(type, "Denied");
}

/* Approval adds to the conditions and nothing else; the signer's endpoint leaves decisions as they
 * are. */
static void signing_request_prepare_status(struct edit *e)
{
	yyjson_mut_val *status = json_ensure_object(e->doc, e->root, "status"), *list;
	bool approves = str_eq_c(e->subresource, "approval");
	yyjson_val *certificate = json_get(e->old, "status.certificate");
	char text[TIME_TEXT_BYTES];

	if (approves) {
		(void)json_remove(status, STR("certificate")); /* the doc owns it */
		if (certificate)
			json_set(e->doc, status, "certificate", json_copy(e->doc, certificate));
	}
	list = json_mut_get(status, "conditions");
	JSON_MUT_EACH (condition, list)
		for (size_t i = 0; i < 2; i++) {
			const char *key = i ? "lastTransitionTime" : "lastUpdateTime";

			if (!json_mut_get_str(condition, key).len)
				json_set_str(e->doc, condition, key,
					     str_from(time_format(e->now_ns, text)));
		}
}

static yyjson_mut_val *find_condition(yyjson_mut_val *list, struct str type)
{
	JSON_MUT_EACH (condition, list)
		if (str_eq(json_mut_get_str(condition, "type"), type))
			return condition;
	return NULL;
}

static void signing_request_validate_status(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "status"), "conditions");
	yyjson_mut_val *list = json_mut_get(e->root, "status.conditions");
	yyjson_val *old = json_get(e->old, "status.conditions");
	size_t i = 0, known = 0;

	JSON_EACH (condition, old)
		if (!find_condition(list, json_get_str(condition, "type")))
			field_error_add(errors, FIELD_FORBIDDEN, path,
					"updates may not remove a condition of type \"" STR_FMT
					"\"",
					STR_ARG(json_get_str(condition, "type")));
	JSON_MUT_EACH (condition, list) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str type = json_mut_get_str(condition, "type");

		known = 0;
		JSON_EACH (before, old)
			known += str_eq(json_get_str(before, "type"), type);
		if (!type.len)
			field_required(errors, FIELD_NAME(here, "type"), "");
		else if (!known && is_decision(type) != str_eq_c(e->subresource, "approval") &&
			 (is_decision(type) || str_eq_c(type, "Failed")))
			field_error_add(errors, FIELD_FORBIDDEN, path,
					"updates may not add a condition of type \"" STR_FMT "\"",
					STR_ARG(type));
		if ((is_decision(type) || str_eq_c(type, "Failed")) &&
		    !str_eq_c(json_mut_get_str(condition, "status"), "True"))
			field_unsupported(errors, FIELD_NAME(here, "status"),
					  json_mut_get_str(condition, "status"), "True");
	}
	if (find_condition(list, STR("Approved")) && find_condition(list, STR("Denied")))
		field_invalid_str(errors, path, STR("Denied"),
				  "Approved and Denied conditions are mutually exclusive");
	if (json_get_str(e->old, "status.certificate").len &&
	    !str_eq(json_get_str(e->old, "status.certificate"),
		    json_mut_get_str(e->root, "status.certificate")))
		field_forbidden(errors, FIELD_NAME(FIELD_NAME(NULL, "status"), "certificate"),
				"updates may not change a set certificate");
}

static void signing_request_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *spec = FIELD_NAME(NULL, "spec");
	struct str signer = json_mut_get_str(e->root, "spec.signerName"), domain, rest;
	yyjson_mut_val *seconds = json_mut_get(e->root, "spec.expirationSeconds");

	if (!signer.len)
		field_required(errors, FIELD_NAME(spec, "signerName"), "");
	else if (!str_cut(signer, '/', &domain, &rest) || !rest.len ||
		 name_is_subdomain(domain, false) || str_find_char(domain, '.', 0) == SIZE_MAX)
		field_invalid_str(errors, FIELD_NAME(spec, "signerName"), signer,
				  "must be a fully qualified domain and path of the form "
				  "'example.com/signer-name'");
	else if (str_eq_c(signer, "kubernetes.io/legacy-unknown"))
		field_invalid_str(errors, FIELD_NAME(spec, "signerName"), signer,
				  "the legacy signerName is not allowed via this API version");
	if (!json_mut_get_count(e->root, "spec.usages"))
		field_required(errors, FIELD_NAME(spec, "usages"), "usages is required");
	if (seconds && json_mut_int(seconds, 0) < 600)
		field_invalid_int(errors, FIELD_NAME(spec, "expirationSeconds"),
				  json_mut_int(seconds, 0),
				  "may not specify a duration less than 600 seconds (10 minutes)");
}

const struct strategy strategy_signing_request = {
	.immutable = signing_request_immutable,
	.prepare_create = signing_request_prepare_create,
	.prepare_status_update = signing_request_prepare_status,
	.validate = signing_request_validate,
	.validate_status_update = signing_request_validate_status,
	.cells = signing_request_cells,
};

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
}

const struct strategy strategy_apiservice = { .validate = apiservice_validate,
					      .cells = apiservice_cells };
