/* SPDX-License-Identifier: Apache-2.0 */
/* Deployment, ReplicaSet, ReplicationController, DaemonSet, StatefulSet, PodTemplate and
 * ControllerRevision. */
#include "api/kinds/cells.h"
#include "api/kinds/frozen.h"
#include "api/kinds/pod_spec.h"
#include "api/kinds/warnings.h"
#include "api/kinds/workload.h"

#define TOO_MANY "cannot be greater than status.replicas"
#define MORE_THAN_READY "cannot be greater than readyReplicas"

static yyjson_mut_val *spec_of(struct edit *e)
{
	return yyjson_mut_obj_get(e->root, "spec");
}

static void template_default(struct edit *e)
{
	pod_template_default(e, "spec.template");
}

static void template_warn(struct edit *e, struct notices *notices)
{
	warn_pod(notices, "spec.template", json_mut_get(e->root, "spec.template"));
}

static void named_template_warn(struct edit *e, struct notices *notices)
{
	warn_name_of_pods(e, notices);
	template_warn(e, notices);
}

static const char *const selector_immutable[] = { "spec.selector", NULL };

/* ---- Deployment ---- */

static void deployment_default(struct edit *e)
{
	yyjson_mut_val *strategy = json_ensure_object(e->doc, spec_of(e), "strategy"), *rolling;

	pod_template_default(e, "spec.template");
	if (!str_eq_c(json_mut_get_str(strategy, "type"), "RollingUpdate"))
		return;
	rolling = json_ensure_object(e->doc, strategy, "rollingUpdate");
	default_str(e, rolling, "maxSurge", "25%");
	default_str(e, rolling, "maxUnavailable", "25%");
}

static void check_template(const struct scope *s, const struct field_path *path,
			   yyjson_mut_val *spec, const char *selected, const char *endless)
{
	pod_template_validate_selected(s, selected, path, spec);
	pod_template_validate_endless(s, endless, FIELD_NAME(path, "template"),
				      yyjson_mut_obj_get(spec, "template"));
}

static void check_deployment_template(const struct scope *s, const struct field_path *path,
				      yyjson_mut_val *v)
{
	check_template(s, path, v, "deployment", "ReplicaSet");
}

static void check_not_above_all(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	if (is_above_all(v))
		field_invalid_str(s->errors, path, json_mut_str(v),
				  "must not be greater than 100%");
}

static void check_some_progress(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	yyjson_mut_val *unavailable = yyjson_mut_obj_get(v, "maxUnavailable");

	if (is_zero_amount(unavailable) && is_zero_amount(yyjson_mut_obj_get(v, "maxSurge")))
		field_invalid_val(s->errors, FIELD_NAME(path, "maxUnavailable"), unavailable,
				  "may not be 0 when `maxSurge` is 0");
}

static const struct rule rolling_rules[] = {
	RULE_CALL("maxUnavailable", rule_percentage),
	RULE_CALL("maxSurge", rule_percentage),
	RULE_CALL(NULL, check_some_progress),
	RULE_CALL("maxUnavailable", check_not_above_all),
	{ 0 },
};

static void check_deployment_strategy(const struct scope *s, const struct field_path *path,
				      yyjson_mut_val *v)
{
	struct str type = json_mut_get_str(v, "type");
	yyjson_mut_val *rolling = yyjson_mut_obj_get(v, "rollingUpdate");
	const struct field_path *here = FIELD_NAME(path, "rollingUpdate");

	if (str_eq_c(type, "Recreate")) {
		if (rolling)
			field_forbidden(s->errors, here,
					"may not be specified when strategy `type` is 'Recreate'");
	} else if (str_eq_c(type, "RollingUpdate")) {
		rules_check(s, rolling_rules, here, rolling);
	} else {
		field_unsupported(s->errors, FIELD_NAME(path, "type"), type,
				  "Recreate|RollingUpdate");
	}
}

static void check_progress_deadline(const struct scope *s, const struct field_path *path,
				    yyjson_mut_val *v)
{
	int64_t deadline = json_mut_get_int(v, "progressDeadlineSeconds", INT32_MAX);

	if (deadline <= json_mut_get_int(v, "minReadySeconds", 0))
		field_invalid_int(s->errors, FIELD_NAME(path, "progressDeadlineSeconds"), deadline,
				  "must be greater than minReadySeconds");
}

static const struct rule deployment_spec_rules[] = {
	RULE_NONNEGATIVE("replicas"),
	RULE_CALL(NULL, check_deployment_template),
	RULE_CALL("strategy", check_deployment_strategy),
	RULE_NONNEGATIVE("minReadySeconds"),
	RULE_NONNEGATIVE("revisionHistoryLimit"),
	RULE_NONNEGATIVE("progressDeadlineSeconds"),
	RULE_CALL(NULL, check_progress_deadline),
	{ 0 },
};

static const struct rule deployment_rules[] = {
	RULE_INSIDE("spec", deployment_spec_rules),
	{ 0 },
};

static const struct count_limit deployment_counts[] = {
	{ "observedGeneration" },
	{ "replicas" },
	{ "updatedReplicas" },
	{ "readyReplicas" },
	{ "availableReplicas" },
	{ "unavailableReplicas" },
	{ "terminatingReplicas" },
	{ "collisionCount" },
	{ "updatedReplicas", "replicas", TOO_MANY },
	{ "readyReplicas", "replicas", TOO_MANY },
	{ "availableReplicas", "replicas", TOO_MANY },
	{ "availableReplicas", "readyReplicas", MORE_THAN_READY },
	{ 0 },
};

static void deployment_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, deployment_rules, errors);
}

static void check_collisions(struct edit *e, struct field_errors *errors)
{
	int64_t now = json_mut_get_int(e->root, "status.collisionCount", 0);

	if (now < json_get_int(e->old, "status.collisionCount", 0))
		field_invalid_int(errors, FIELD_NAME(FIELD_NAME(NULL, "status"), "collisionCount"),
				  now, "cannot be decremented");
}

static void deployment_validate_status(struct edit *e, struct field_errors *errors)
{
	counts_check(e, deployment_counts, errors);
	check_collisions(e, errors);
}

const struct strategy strategy_deployment = {
	.default_object = deployment_default,
	.validate = deployment_validate,
	.validate_status_update = deployment_validate_status,
	.warn = named_template_warn,
	.immutable = selector_immutable,
	.cells = deployment_cells,
};

/* ---- ReplicaSet ---- */

static const struct rule replicaset_spec_rules[] = {
	RULE_NONNEGATIVE("replicas"),
	RULE_NONNEGATIVE("minReadySeconds"),
	RULE_CALL(NULL, check_deployment_template),
	{ 0 },
};

static const struct rule replicaset_rules[] = { RULE_INSIDE("spec", replicaset_spec_rules), { 0 } };

static const struct count_limit replica_counts[] = {
	{ "replicas" },
	{ "fullyLabeledReplicas" },
	{ "readyReplicas" },
	{ "availableReplicas" },
	{ "terminatingReplicas" },
	{ "observedGeneration" },
	{ "fullyLabeledReplicas", "replicas", TOO_MANY },
	{ "readyReplicas", "replicas", TOO_MANY },
	{ "availableReplicas", "replicas", TOO_MANY },
	{ "availableReplicas", "readyReplicas", MORE_THAN_READY },
	{ 0 },
};

static void replicaset_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, replicaset_rules, errors);
}

static void replicas_validate_status(struct edit *e, struct field_errors *errors)
{
	counts_check(e, replica_counts, errors);
}

const struct strategy strategy_replicaset = {
	.default_object = template_default,
	.validate = replicaset_validate,
	.validate_status_update = replicas_validate_status,
	.warn = named_template_warn,
	.immutable = selector_immutable,
	.cells = replicaset_cells,
};

/* ---- ReplicationController ---- */

static void replicationcontroller_default(struct edit *e)
{
	yyjson_mut_val *labels = json_mut_get(e->root, "spec.template.metadata.labels");

	pod_template_default(e, "spec.template");
	if (!labels)
		return;
	if (!yyjson_mut_obj_size(yyjson_mut_obj_get(spec_of(e), "selector")))
		json_set(e->doc, spec_of(e), "selector", json_mut_copy(e->doc, labels));
	if (!yyjson_mut_obj_size(json_mut_get(e->root, "metadata.labels")))
		json_set(e->doc, json_ensure_object(e->doc, e->root, "metadata"), "labels",
			 json_mut_copy(e->doc, labels));
}

static void check_selected_template(const struct scope *s, const struct field_path *path,
				    yyjson_mut_val *spec)
{
	const struct field_path *here = FIELD_NAME(path, "template");
	yyjson_mut_val *template = yyjson_mut_obj_get(spec, "template"),
		       *labels = json_mut_get(template, "metadata.labels");

	if (!yyjson_mut_is_obj(template)) {
		field_required(s->errors, here, "");
		return;
	}
	JSON_MUT_MEMBERS (key, value, yyjson_mut_obj_get(spec, "selector")) {
		if (str_eq(json_mut_str(json_mut_key(labels, json_mut_str(key))),
			   json_mut_str(value)))
			continue;
		field_invalid_val(s->errors, FIELD_NAME(FIELD_NAME(here, "metadata"), "labels"),
				  labels, "`selector` does not match template `labels`");
		break;
	}
	rule_pod_template(s, here, template);
	pod_template_validate_endless(s, "ReplicationController", here, template);
}

static const struct rule replicationcontroller_spec_rules[] = {
	RULE_NONNEGATIVE("minReadySeconds"),
	RULE_NEED("selector", ""),
	RULE_NONNEGATIVE("replicas"),
	RULE_CALL(NULL, check_selected_template),
	{ 0 },
};

static const struct rule replicationcontroller_rules[] = {
	RULE_INSIDE("spec", replicationcontroller_spec_rules),
	{ 0 },
};

static void replicationcontroller_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, replicationcontroller_rules, errors);
}

const struct strategy strategy_replicationcontroller = {
	.default_object = replicationcontroller_default,
	.validate = replicationcontroller_validate,
	.validate_status_update = replicas_validate_status,
	.warn = named_template_warn,
	.cells = replicationcontroller_cells,
};

/* ---- DaemonSet ---- */

static void daemonset_default(struct edit *e)
{
	yyjson_mut_val *strategy = json_ensure_object(e->doc, spec_of(e), "updateStrategy"),
		       *rolling;

	pod_template_default(e, "spec.template");
	if (!str_eq_c(json_mut_get_str(strategy, "type"), "RollingUpdate"))
		return;
	rolling = json_ensure_object(e->doc, strategy, "rollingUpdate");
	default_int(e, rolling, "maxSurge", 0);
	default_int(e, rolling, "maxUnavailable", 1);
}

static void check_daemonset_template(const struct scope *s, const struct field_path *path,
				     yyjson_mut_val *v)
{
	check_template(s, path, v, "daemonset", "DaemonSet");
}

static void check_one_way(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *surge = yyjson_mut_obj_get(v, "maxSurge");
	bool surges = !is_zero_amount(surge),
	     loses = !is_zero_amount(yyjson_mut_obj_get(v, "maxUnavailable"));

	if (surges && loses)
		field_invalid_val(s->errors, FIELD_NAME(path, "maxSurge"), surge,
				  "may not be set when maxUnavailable is non-zero");
	if (!surges && !loses)
		field_required(s->errors, FIELD_NAME(path, "maxUnavailable"),
			       "cannot be 0 when maxSurge is 0");
}

static const struct rule daemon_rolling_rules[] = {
	RULE_CALL("maxUnavailable", rule_percentage),
	RULE_CALL("maxSurge", rule_percentage),
	RULE_CALL("maxUnavailable", check_not_above_all),
	RULE_CALL("maxSurge", check_not_above_all),
	RULE_CALL(NULL, check_one_way),
	{ 0 },
};

static void check_daemon_strategy(const struct scope *s, const struct field_path *path,
				  yyjson_mut_val *v)
{
	struct str type = json_mut_get_str(v, "type");

	if (str_eq_c(type, "RollingUpdate"))
		rules_check(s, daemon_rolling_rules, FIELD_NAME(path, "rollingUpdate"),
			    yyjson_mut_obj_get(v, "rollingUpdate"));
	else if (!str_eq_c(type, "OnDelete"))
		field_unsupported(s->errors, FIELD_NAME(path, "type"), type,
				  "OnDelete|RollingUpdate");
}

static const struct rule daemonset_spec_rules[] = {
	RULE_CALL(NULL, check_daemonset_template),
	RULE_NONNEGATIVE("minReadySeconds"),
	RULE_CALL("updateStrategy", check_daemon_strategy),
	RULE_NONNEGATIVE("revisionHistoryLimit"),
	{ 0 },
};

static const struct rule daemonset_rules[] = { RULE_INSIDE("spec", daemonset_spec_rules), { 0 } };

static const struct count_limit daemon_counts[] = {
	{ "currentNumberScheduled" }, { "numberMisscheduled" },
	{ "desiredNumberScheduled" }, { "numberReady" },
	{ "observedGeneration" },     { "updatedNumberScheduled" },
	{ "numberAvailable" },	      { "numberUnavailable" },
	{ "collisionCount" },	      { 0 },
};

static void daemonset_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, daemonset_rules, errors);
}

static void daemonset_validate_status(struct edit *e, struct field_errors *errors)
{
	counts_check(e, daemon_counts, errors);
	check_collisions(e, errors);
}

const struct strategy strategy_daemonset = {
	.default_object = daemonset_default,
	.validate = daemonset_validate,
	.validate_status_update = daemonset_validate_status,
	.warn = template_warn,
	.immutable = selector_immutable,
	.cells = daemonset_cells,
};

/* ---- StatefulSet ---- */

static void statefulset_default(struct edit *e)
{
	yyjson_mut_val *spec = spec_of(e),
		       *strategy = json_ensure_object(e->doc, spec, "updateStrategy"), *retention;

	pod_template_default(e, "spec.template");
	if (str_eq_c(json_mut_get_str(strategy, "type"), "RollingUpdate"))
		default_int(e, json_ensure_object(e->doc, strategy, "rollingUpdate"), "partition",
			    0);
	retention = json_ensure_object(e->doc, spec, "persistentVolumeClaimRetentionPolicy");
	default_str(e, retention, "whenDeleted", "Retain");
	default_str(e, retention, "whenScaled", "Retain");
}

static void check_management(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	struct str policy = json_mut_str(v);

	if (!policy.len)
		field_required(s->errors, path, "");
	else if (!schema_values_have(STR("OrderedReady|Parallel"), policy))
		field_invalid_str(s->errors, path, policy, "must be 'OrderedReady' or 'Parallel'");
}

static void check_retention(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const char *const when[] = { "whenDeleted", "whenScaled" };

	for (size_t i = 0; v && i < ARRAY_COUNT(when); i++)
		if (!schema_values_have(STR("Retain|Delete"), json_mut_get_str(v, when[i])))
			field_unsupported(s->errors, FIELD_NAME(path, when[i]),
					  json_mut_get_str(v, when[i]), "Retain|Delete");
}

static const struct rule partition_rules[] = {
	RULE_NONNEGATIVE("partition"),
	RULE_CALL("maxUnavailable", rule_percentage),
	RULE_CALL("maxUnavailable", check_not_above_all),
	{ 0 },
};

static void check_stateful_strategy(const struct scope *s, const struct field_path *path,
				    yyjson_mut_val *v)
{
	struct str type = json_mut_get_str(v, "type");
	yyjson_mut_val *rolling = yyjson_mut_obj_get(v, "rollingUpdate");
	const struct field_path *here = FIELD_NAME(path, "rollingUpdate");

	if (!type.len)
		field_required(s->errors, path, "");
	else if (str_eq_c(type, "RollingUpdate"))
		rules_check(s, partition_rules, here, rolling);
	else if (!str_eq_c(type, "OnDelete"))
		field_invalid_val(s->errors, path, v, "must be 'RollingUpdate' or 'OnDelete'");
	else if (rolling)
		field_invalid_val(s->errors, here, rolling,
				  "only allowed for updateStrategy 'RollingUpdate'");
}

static bool has_named(yyjson_mut_val *list, struct str name)
{
	JSON_MUT_EACH (item, list)
		if (str_eq(json_mut_get_str(item, "name"), name))
			return true;
	return false;
}

/* The template of pods as they will be: claims made for them are volumes, too. */
static yyjson_mut_val *with_claims(yyjson_mut_doc *doc, yyjson_mut_val *spec)
{
	yyjson_mut_val *whole = json_mut_copy(doc, spec),
		       *pod = json_mut_get(whole, "template.spec"), *volumes, *volume;

	if (!yyjson_mut_is_obj(pod))
		return spec;
	volumes = json_ensure_array(doc, pod, "volumes");
	JSON_MUT_EACH (claim, yyjson_mut_obj_get(spec, "volumeClaimTemplates")) {
		struct str name = json_mut_get_str(claim, "metadata.name");

		if (!name.len || has_named(volumes, name))
			continue;
		volume = json_append_object(doc, volumes);
		json_set_str(doc, volume, "name", name);
		json_set_str(doc, json_set_object(doc, volume, "persistentVolumeClaim"),
			     "claimName", name);
	}
	return whole;
}

static void check_statefulset_template(const struct scope *s, const struct field_path *path,
				       yyjson_mut_val *v)
{
	bool has_claims = json_mut_get_count(v, "volumeClaimTemplates") > 0;

	check_template(s, path, has_claims ? with_claims(s->edit->doc, v) : v, "statefulset",
		       "StatefulSet");
}

static const struct rule ordinal_rules[] = { RULE_NONNEGATIVE("start"), { 0 } };

static const struct rule statefulset_spec_rules[] = {
	RULE_CALL("podManagementPolicy", check_management),
	RULE_CALL("updateStrategy", check_stateful_strategy),
	RULE_CALL("persistentVolumeClaimRetentionPolicy", check_retention),
	RULE_NONNEGATIVE("replicas"),
	RULE_NONNEGATIVE("minReadySeconds"),
	RULE_INSIDE("ordinals", ordinal_rules),
	RULE_NONNEGATIVE("revisionHistoryLimit"),
	RULE_CALL(NULL, check_statefulset_template),
	{ 0 },
};

static const struct rule statefulset_rules[] = {
	RULE_INSIDE("spec", statefulset_spec_rules),
	{ 0 },
};

static const struct count_limit stateful_counts[] = {
	{ "replicas" },
	{ "readyReplicas" },
	{ "currentReplicas" },
	{ "updatedReplicas" },
	{ "availableReplicas" },
	{ "observedGeneration" },
	{ "collisionCount" },
	{ "readyReplicas", "replicas", TOO_MANY },
	{ "currentReplicas", "replicas", TOO_MANY },
	{ "updatedReplicas", "replicas", TOO_MANY },
	{ "availableReplicas", "replicas", TOO_MANY },
	{ "availableReplicas", "readyReplicas", "cannot be greater than status.readyReplicas" },
	{ 0 },
};

static void statefulset_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, statefulset_rules, errors);
}

static void statefulset_validate_status(struct edit *e, struct field_errors *errors)
{
	counts_check(e, stateful_counts, errors);
}

static void statefulset_validate_update(struct edit *e, struct field_errors *errors)
{
	static const char *const free_members[] = { "replicas",
						    "ordinals",
						    "template",
						    "updateStrategy",
						    "revisionHistoryLimit",
						    "persistentVolumeClaimRetentionPolicy",
						    "minReadySeconds",
						    NULL };

	if (!frozen_is_same_but(spec_of(e), yyjson_obj_get(e->old, "spec"), free_members))
		field_forbidden(errors, FIELD_NAME(NULL, "spec"),
				"updates to statefulset spec for fields other than 'replicas', "
				"'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
				"'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
				"forbidden");
}

const struct strategy strategy_statefulset = {
	.default_object = statefulset_default,
	.validate = statefulset_validate,
	.validate_update = statefulset_validate_update,
	.validate_status_update = statefulset_validate_status,
	.warn = template_warn,
	.name_problem = name_is_label,
	.cells = statefulset_cells,
};

/* ---- PodTemplate and ControllerRevision ---- */

static void podtemplate_default(struct edit *e)
{
	pod_template_default(e, "template");
}

static const struct rule podtemplate_rules[] = { RULE_CALL("template", rule_pod_template), { 0 } };

static void podtemplate_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, podtemplate_rules, errors);
}

static void podtemplate_warn(struct edit *e, struct notices *notices)
{
	warn_pod(notices, "template", yyjson_mut_obj_get(e->root, "template"));
}

const struct strategy strategy_podtemplate = {
	.default_object = podtemplate_default,
	.validate = podtemplate_validate,
	.warn = podtemplate_warn,
	.cells = podtemplate_cells,
};

static void check_data(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (!v || yyjson_mut_is_null(v))
		field_required(s->errors, path, "data is mandatory");
}

static const struct rule revision_rules[] = {
	RULE_CALL("data", check_data),
	RULE_NONNEGATIVE("revision"),
	{ 0 },
};

static void revision_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, revision_rules, errors);
}

static const char *const revision_immutable[] = { "data", NULL };

const struct strategy strategy_revision = { .validate = revision_validate,
					    .immutable = revision_immutable,
					    .cells = revision_cells };
