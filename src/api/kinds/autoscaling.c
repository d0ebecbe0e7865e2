/* SPDX-License-Identifier: Apache-2.0 */
/* HorizontalPodAutoscaler (v1 and v2) and PodDisruptionBudget. */
#include "api/kinds/cells.h"
#include "api/kinds/limits.h"
#include "api/kinds/resource_name.h"
#include "api/kinds/workload.h"
#include "api/quantity.h"

#define METRIC_TYPES "ContainerResource|External|Object|Pods|Resource"

/* ---- defaults ---- */

static void add_policy(struct edit *e, yyjson_mut_val *policies, const char *type, int64_t value)
{
	yyjson_mut_val *policy = json_append_object(e->doc, policies);

	json_set_str(e->doc, policy, "type", str_from(type));
	json_set_int(e->doc, policy, "value", value);
	json_set_int(e->doc, policy, "periodSeconds", 15);
}

static void default_behavior(struct edit *e, yyjson_mut_val *behavior)
{
	yyjson_mut_val *rules = json_ensure_object(e->doc, behavior, "scaleUp"), *policies;

	default_str(e, rules, "selectPolicy", "Max");
	default_int(e, rules, "stabilizationWindowSeconds", 0);
	if (!yyjson_mut_obj_get(rules, "policies")) {
		policies = json_set_array(e->doc, rules, "policies");
		add_policy(e, policies, "Pods", 4);
		add_policy(e, policies, "Percent", 100);
	}
	rules = json_ensure_object(e->doc, behavior, "scaleDown");
	default_str(e, rules, "selectPolicy", "Max");
	if (!yyjson_mut_obj_get(rules, "policies"))
		add_policy(e, json_set_array(e->doc, rules, "policies"), "Percent", 100);
}

static void autoscaler_default(struct edit *e)
{
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec"),
		       *behavior = yyjson_mut_obj_get(spec, "behavior");

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
	if (yyjson_mut_is_obj(behavior))
		default_behavior(e, behavior);
}

/* ---- metrics ---- */

static void check_above_zero(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	struct quantity q;

	if (quantity_parse(json_mut_str(v), &q, NULL) == 0 && q.nano <= 0)
		field_invalid_str(s->errors, path, json_mut_str(v), "must be positive");
}

static void check_target_type(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	struct str type = json_mut_str(v);

	if (!type.len)
		field_required(s->errors, path, "must specify a metric target type");
	if (!schema_values_have(STR("Utilization|Value|AverageValue"), type))
		field_invalid_str(s->errors, path, type,
				  "must be either Utilization, Value, or AverageValue");
}

static const struct rule target_rules[] = {
	RULE_CALL("type", check_target_type),
	RULE_CALL("value", check_above_zero),
	RULE_CALL("averageValue", check_above_zero),
	RULE_RANGE("averageUtilization", 1, INT64_MAX, "must be greater than 0"),
	{ 0 },
};

/* At least one of two members of the target, and for some sources only one. */
static void check_choice(const struct scope *s, const struct field_path *path,
			 yyjson_mut_val *source, const char *const members[2],
			 const char *const details[2])
{
	yyjson_mut_val *target = yyjson_mut_obj_get(source, "target");
	bool first = yyjson_mut_obj_get(target, members[0]) != NULL,
	     second = yyjson_mut_obj_get(target, members[1]) != NULL;
	const struct field_path *here = FIELD_NAME(path, "target");

	if (!first && !second)
		field_required(s->errors, FIELD_NAME(here, members[0]), details[0]);
	if (first && second && details[1])
		field_forbidden(s->errors, FIELD_NAME(here, members[1]), details[1]);
}

static void check_object_target(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	check_choice(
		s, path, v, (const char *const[]){ "averageValue", "value" },
		(const char *const[]){ "must set either a target value or averageValue", NULL });
}

static void check_external_target(const struct scope *s, const struct field_path *path,
				  yyjson_mut_val *v)
{
	check_choice(s, path, v, (const char *const[]){ "averageValue", "value" },
		     (const char *const[]){
			     "must set either a target value for metric or a per-pod target",
			     "may not set both a target value for metric and a per-pod target" });
}

static void check_resource_target(const struct scope *s, const struct field_path *path,
				  yyjson_mut_val *v)
{
	check_choice(s, path, v, (const char *const[]){ "averageUtilization", "averageValue" },
		     (const char *const[]){
			     "must set either a target raw value or a target utilization",
			     "may not set both a target raw value and a target utilization" });
}

static void check_pods_target(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	if (!json_mut_get(v, "target.averageValue"))
		field_required(s->errors, FIELD_NAME(FIELD_NAME(path, "target"), "averageValue"),
			       "must specify a positive target averageValue");
}

static const struct rule reference_rules[] = {
	RULE_NEED_NAME("kind", name_path_segment_problem),
	RULE_NEED_NAME("name", name_path_segment_problem),
	{ 0 },
};

static const struct rule metric_name_rules[] = {
	RULE_NEED("name", "must specify a metric name"),
	RULE_NAME("name", name_path_segment_problem),
	{ 0 },
};

static void check_metric_name(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	rules_check(s, metric_name_rules, path, v);
}

static void check_resource_name(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	struct str name = json_mut_str(v);

	if (!name.len)
		field_required(s->errors, path, "must specify a resource name");
	else
		resource_check_container_name(s->errors, path, name);
}

static const struct rule object_rules[] = {
	RULE_INSIDE("describedObject", reference_rules),
	RULE_CALL("metric", check_metric_name),
	RULE_INSIDE("target", target_rules),
	RULE_CALL(NULL, check_object_target),
	{ 0 },
};
static const struct rule external_rules[] = {
	RULE_CALL("metric", check_metric_name),
	RULE_INSIDE("target", target_rules),
	RULE_CALL(NULL, check_external_target),
	{ 0 },
};
static const struct rule pods_rules[] = {
	RULE_CALL("metric", check_metric_name),
	RULE_INSIDE("target", target_rules),
	RULE_CALL(NULL, check_pods_target),
	{ 0 },
};
static const struct rule resource_rules[] = {
	RULE_NEED("name", "must specify a resource name"),
	RULE_INSIDE("target", target_rules),
	RULE_CALL(NULL, check_resource_target),
	{ 0 },
};
static const struct rule container_resource_rules[] = {
	RULE_CALL("name", check_resource_name),
	RULE_NEED("container", "must specify a container"),
	RULE_NAME("container", name_label_problem),
	RULE_INSIDE("target", target_rules),
	RULE_CALL(NULL, check_resource_target),
	{ 0 },
};

/* In the order in which they are looked for. */
static const struct {
	const char *type;
	struct rule rules[2];
} sources[] = {
	{ "Object", { RULE_INSIDE("object", object_rules) } },
	{ "External", { RULE_INSIDE("external", external_rules) } },
	{ "Pods", { RULE_INSIDE("pods", pods_rules) } },
	{ "Resource", { RULE_INSIDE("resource", resource_rules) } },
	{ "ContainerResource", { RULE_INSIDE("containerResource", container_resource_rules) } },
};

static void check_metric(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str type = json_mut_get_str(v, "type");
	bool known = schema_values_have(STR(METRIC_TYPES), type);
	size_t found = 0;

	if (!type.len)
		field_required(s->errors, FIELD_NAME(path, "type"),
			       "must specify a metric source type");
	if (!known)
		field_unsupported(s->errors, FIELD_NAME(path, "type"), type, METRIC_TYPES);
	for (size_t i = 0; i < ARRAY_COUNT(sources); i++)
		if (yyjson_mut_obj_get(v, sources[i].rules[0].field) && !found++)
			rules_check(s, sources[i].rules, path, v);
	for (size_t i = 0; i < ARRAY_COUNT(sources); i++)
		if (str_eq_c(type, sources[i].type) &&
		    !yyjson_mut_obj_get(v, sources[i].rules[0].field))
			field_required(s->errors, FIELD_NAME(path, sources[i].rules[0].field),
				       "must populate information for the given metric source");
	if (!known) /* as upstream: a second time */
		field_unsupported(s->errors, FIELD_NAME(path, "type"), type, METRIC_TYPES);
	for (size_t i = 0; found > 1 && i < ARRAY_COUNT(sources); i++)
		if (!str_eq_c(type, sources[i].type) &&
		    yyjson_mut_obj_get(v, sources[i].rules[0].field))
			field_forbidden(s->errors, FIELD_NAME(path, sources[i].rules[0].field),
					"must populate the given metric source only");
}

/* ---- behavior ---- */

static void check_policy_type(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	if (!schema_values_have(STR("Percent|Pods"), json_mut_str(v)))
		field_unsupported(s->errors, path, json_mut_str(v), "Percent|Pods");
}

static const struct rule policy_rules[] = {
	RULE_CALL("type", check_policy_type),
	RULE_RANGE("value", 1, INT64_MAX, "must be greater than zero"),
	RULE_RANGE("periodSeconds", 1, INT64_MAX, "must be greater than zero"),
	RULE_RANGE("periodSeconds", INT64_MIN, SCALING_PERIOD_SECONDS_MAX,
		   "must be less than or equal to 1800"),
	{ 0 },
};

static const struct rule scaling_rules[] = {
	RULE_RANGE("stabilizationWindowSeconds", 0, INT64_MAX,
		   "must be greater than or equal to zero"),
	RULE_RANGE("stabilizationWindowSeconds", INT64_MIN, SCALING_WINDOW_SECONDS_MAX,
		   "must be less than or equal to 3600"),
	RULE_ONE_OF("selectPolicy", "Disabled|Max|Min"),
	RULE_NEED("policies", "must specify at least one Policy"),
	RULE_EACH("policies", policy_rules),
	RULE_CALL("tolerance", rule_quantity_nonnegative),
	{ 0 },
};

static const struct rule behavior_rules[] = {
	RULE_INSIDE("scaleUp", scaling_rules),
	RULE_INSIDE("scaleDown", scaling_rules),
	{ 0 },
};

static void check_replicas(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	int64_t least = json_mut_get_int(v, "minReplicas", 1),
		most = json_mut_get_int(v, "maxReplicas", 0);
	const struct field_path *here = FIELD_NAME(path, "maxReplicas");
	/* Without the feature nobody gets there, but who is there may stay. */
	bool may_be_none = json_get_int(s->edit->old, "spec.minReplicas", 1) == 0;

	if (least < 1 - may_be_none)
		field_invalid_int(s->errors, FIELD_NAME(path, "minReplicas"), least,
				  may_be_none ? "must be greater than or equal to 0"
					      : "must be greater than or equal to 1");
	if (most < 1)
		field_invalid_int(s->errors, here, most, "must be greater than 0");
	if (most < least)
		field_invalid_int(s->errors, here, most,
				  "must be greater than or equal to `minReplicas`");
}

static void check_zero_metrics(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	bool found = json_mut_get_int(v, "minReplicas", 1) != 0;

	JSON_MUT_EACH (metric, yyjson_mut_obj_get(v, "metrics"))
		found |= schema_values_have(STR("External|Object"),
					    json_mut_get_str(metric, "type"));
	if (!found)
		field_forbidden(s->errors, FIELD_NAME(path, "metrics"),
				"must specify at least one Object or External metric to support "
				"scaling to zero replicas");
}

/* v1 has the one metric under another name. */
static void check_utilization(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	const struct field_path *metric = FIELD_INDEX(FIELD_NAME(path, "metrics"), 0);
	yyjson_mut_val *percent = yyjson_mut_obj_get(v, "targetCPUUtilizationPercentage");

	if (percent && json_mut_int(percent, 0) < 1)
		field_invalid_int(s->errors,
				  FIELD_NAME(FIELD_NAME(FIELD_NAME(metric, "resource"), "target"),
					     "averageUtilization"),
				  json_mut_int(percent, 0), "must be greater than 0");
}

static const struct rule autoscaler_spec_rules[] = {
	RULE_CALL(NULL, check_replicas),
	RULE_INSIDE("scaleTargetRef", reference_rules),
	RULE_CALL_EACH("metrics", check_metric),
	RULE_CALL(NULL, check_zero_metrics),
	RULE_CALL(NULL, check_utilization),
	RULE_INSIDE("behavior", behavior_rules),
	{ 0 },
};

static const struct rule autoscaler_rules[] = { RULE_INSIDE("spec", autoscaler_spec_rules), { 0 } };

static void autoscaler_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, autoscaler_rules, errors);
}

static void autoscaler_validate_status(struct edit *e, struct field_errors *errors)
{
	static const struct count_limit counts[] = {
		{ "currentReplicas" },
		{ "desiredReplicas" },
		{ 0 },
	};

	counts_check(e, counts, errors);
}

const struct strategy strategy_autoscaler = {
	.default_object = autoscaler_default,
	.validate = autoscaler_validate,
	.validate_status_update = autoscaler_validate_status,
	.cells = autoscaler_cells,
};

/* ---- PodDisruptionBudget ---- */

static void check_one_bound(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (yyjson_mut_obj_get(v, "minAvailable") && yyjson_mut_obj_get(v, "maxUnavailable"))
		field_invalid_val(s->errors, path, v,
				  "minAvailable and maxUnavailable cannot be both set");
}

static void check_bound(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	rule_percentage(s, path, v);
	if (is_above_all(v))
		field_invalid_str(s->errors, path, json_mut_str(v),
				  "must not be greater than 100%");
}

static const struct rule budget_spec_rules[] = {
	RULE_CALL(NULL, check_one_bound),
	RULE_CALL("minAvailable", check_bound),
	RULE_CALL("maxUnavailable", check_bound),
	RULE_CALL("selector", rule_selector),
	RULE_ONE_OF("unhealthyPodEvictionPolicy", "AlwaysAllow|IfHealthyBudget"),
	{ 0 },
};

static const struct rule budget_rules[] = { RULE_INSIDE("spec", budget_spec_rules), { 0 } };

static void disruption_budget_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, budget_rules, errors);
}

static void disruption_budget_validate_status(struct edit *e, struct field_errors *errors)
{
	static const struct count_limit counts[] = {
		{ "disruptionsAllowed" },
		{ "currentHealthy" },
		{ "desiredHealthy" },
		{ "expectedPods" },
		{ 0 },
	};
	struct scope scope = { .edit = e, .errors = errors };

	rule_conditions(&scope, FIELD_NAME(FIELD_NAME(NULL, "status"), "conditions"),
			json_mut_get(e->root, "status.conditions"));
	counts_check(e, counts, errors);
}

const struct strategy strategy_disruption_budget = {
	.validate = disruption_budget_validate,
	.validate_status_update = disruption_budget_validate_status,
	.cells = disruption_budget_cells,
};
