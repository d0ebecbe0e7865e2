/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds that make Pods of a template: what is defaulted around the template, and what must not
 * change. */
#include "api/kinds/cells.h"
#include "api/kinds/pod_spec.h"
#include "api/meta.h"
#include "api/selector.h"

static void default_str(struct edit *e, yyjson_mut_val *object, const char *key, const char *value)
{
	if (yyjson_mut_is_obj(object) && (!yyjson_mut_obj_get(object, key) ||
					  yyjson_mut_is_null(yyjson_mut_obj_get(object, key))))
		json_set_str(e->doc, object, key, str_from(value));
}

static void default_int(struct edit *e, yyjson_mut_val *object, const char *key, int64_t value)
{
	if (yyjson_mut_is_obj(object) && (!yyjson_mut_obj_get(object, key) ||
					  yyjson_mut_is_null(yyjson_mut_obj_get(object, key))))
		json_set_int(e->doc, object, key, value);
}

static yyjson_mut_val *spec_of(struct edit *e)
{
	return yyjson_mut_obj_get(e->root, "spec");
}

static void check_nonnegative(struct edit *e, const char *key, struct field_errors *errors)
{
	nonnegative_validate(yyjson_mut_obj_get(spec_of(e), key),
			     FIELD_NAME(FIELD_NAME(NULL, "spec"), key), errors);
}

/* "25%" or a number that is not negative. */
static void check_amount(yyjson_mut_val *v, const struct field_path *path,
			 struct field_errors *errors)
{
	struct str text = json_mut_str(v);
	bool good = text.len > 1 && text.ptr[text.len - 1] == '%';

	if (yyjson_mut_is_num(v)) {
		nonnegative_validate(v, path, errors);
		return;
	}
	if (!v || yyjson_mut_is_null(v))
		return;
	for (size_t i = 0; good && i + 1 < text.len; i++)
		good = text.ptr[i] >= '0' && text.ptr[i] <= '9';
	if (!good)
		field_invalid_str(
			errors, path, text,
			"a valid percent string must be a numeric string followed by an ending '%' "
			"(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')");
}

static bool is_zero_amount(yyjson_mut_val *v)
{
	struct str text = json_mut_str(v);

	if (yyjson_mut_is_num(v))
		return json_mut_int(v, 1) == 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != '0' && text.ptr[i] != '%')
			return false;
	}
	return text.len > 0;
}

static void check_restart_policy(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(
		FIELD_NAME(FIELD_NAME(FIELD_NAME(NULL, "spec"), "template"), "spec"),
		"restartPolicy");
	struct str policy = json_mut_get_str(e->root, "spec.template.spec.restartPolicy");

	if (!str_eq_c(policy, "Always"))
		field_unsupported(errors, path, policy, "Always");
}

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

static void deployment_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec"),
				*strategy_path = FIELD_NAME(path, "strategy");
	const struct field_path *rolling_path = FIELD_NAME(strategy_path, "rollingUpdate");
	yyjson_mut_val *strategy = yyjson_mut_obj_get(spec_of(e), "strategy");
	yyjson_mut_val *rolling = yyjson_mut_obj_get(strategy, "rollingUpdate");
	yyjson_mut_val *deadline = yyjson_mut_obj_get(spec_of(e), "progressDeadlineSeconds");
	struct str type = json_mut_get_str(strategy, "type");

	check_nonnegative(e, "replicas", errors);
	pod_template_validate_selected(e, "deployment", errors);
	check_restart_policy(e, errors);
	if (str_eq_c(type, "Recreate") && rolling)
		field_forbidden(errors, rolling_path,
				"may not be specified when strategy `type` is 'Recreate'");
	if (str_eq_c(type, "RollingUpdate")) {
		check_amount(yyjson_mut_obj_get(rolling, "maxUnavailable"),
			     FIELD_NAME(rolling_path, "maxUnavailable"), errors);
		check_amount(yyjson_mut_obj_get(rolling, "maxSurge"),
			     FIELD_NAME(rolling_path, "maxSurge"), errors);
		if (is_zero_amount(yyjson_mut_obj_get(rolling, "maxUnavailable")) &&
		    is_zero_amount(yyjson_mut_obj_get(rolling, "maxSurge")))
			field_invalid_val(errors, FIELD_NAME(rolling_path, "maxUnavailable"),
					  yyjson_mut_obj_get(rolling, "maxUnavailable"),
					  "may not be 0 when `maxSurge` is 0");
	}
	check_nonnegative(e, "minReadySeconds", errors);
	check_nonnegative(e, "revisionHistoryLimit", errors);
	check_nonnegative(e, "progressDeadlineSeconds", errors);
	if (deadline &&
	    json_mut_int(deadline, 0) <= json_mut_get_int(spec_of(e), "minReadySeconds", 0))
		field_invalid_int(errors, FIELD_NAME(path, "progressDeadlineSeconds"),
				  json_mut_int(deadline, 0),
				  "must be greater than minReadySeconds");
}

static const char *const selector_immutable[] = { "spec.selector", NULL };

const struct strategy strategy_deployment = {
	.default_object = deployment_default,
	.validate = deployment_validate,
	.immutable = selector_immutable,
	.cells = deployment_cells,
};

/* ---- ReplicaSet, ReplicationController, DaemonSet, StatefulSet ---- */

static void template_default(struct edit *e)
{
	pod_template_default(e, "spec.template");
}

static void replicaset_validate(struct edit *e, struct field_errors *errors)
{
	check_nonnegative(e, "replicas", errors);
	check_nonnegative(e, "minReadySeconds", errors);
	pod_template_validate_selected(e, "replicaset", errors);
	check_restart_policy(e, errors);
}

const struct strategy strategy_replicaset = {
	.default_object = template_default,
	.validate = replicaset_validate,
	.immutable = selector_immutable,
	.cells = replicaset_cells,
};

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

static void replicationcontroller_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec"),
				*template = FIELD_NAME(path, "template");
	yyjson_mut_val *selector = yyjson_mut_obj_get(spec_of(e), "selector");
	yyjson_mut_val *labels = json_mut_get(e->root, "spec.template.metadata.labels");

	check_nonnegative(e, "replicas", errors);
	check_nonnegative(e, "minReadySeconds", errors);
	if (!yyjson_mut_obj_size(selector))
		field_required(errors, FIELD_NAME(path, "selector"), "");
	JSON_MUT_MEMBERS (key, value, selector) {
		if (!str_eq(json_mut_str(json_mut_key(labels, json_mut_str(key))),
			    json_mut_str(value))) {
			field_invalid_val(errors,
					  FIELD_NAME(FIELD_NAME(template, "metadata"), "labels"),
					  labels, "`selector` does not match template `labels`");
			break;
		}
	}
	pod_template_validate(yyjson_mut_obj_get(spec_of(e), "template"), template, errors);
	check_restart_policy(e, errors);
}

const struct strategy strategy_replicationcontroller = {
	.default_object = replicationcontroller_default,
	.validate = replicationcontroller_validate,
	.cells = replicationcontroller_cells,
};

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

static void daemonset_validate(struct edit *e, struct field_errors *errors)
{
	check_nonnegative(e, "minReadySeconds", errors);
	check_nonnegative(e, "revisionHistoryLimit", errors);
	pod_template_validate_selected(e, "daemonset", errors);
	check_restart_policy(e, errors);
}

const struct strategy strategy_daemonset = {
	.default_object = daemonset_default,
	.validate = daemonset_validate,
	.immutable = selector_immutable,
	.cells = daemonset_cells,
};

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

static void statefulset_validate(struct edit *e, struct field_errors *errors)
{
	check_nonnegative(e, "replicas", errors);
	check_nonnegative(e, "minReadySeconds", errors);
	pod_template_validate_selected(e, "statefulset", errors);
	check_restart_policy(e, errors);
}

static void statefulset_validate_update(struct edit *e, struct field_errors *errors)
{
	static const char *const free_fields[] = { "replicas",
						   "ordinals",
						   "template",
						   "updateStrategy",
						   "revisionHistoryLimit",
						   "persistentVolumeClaimRetentionPolicy",
						   "minReadySeconds" };
	AUTO_JSON_MUT doc = json_new();
	yyjson_mut_val *now = json_mut_copy(doc, spec_of(e));
	yyjson_val *old = yyjson_obj_get(e->old, "spec");

	for (size_t i = 0; i < ARRAY_COUNT(free_fields); i++) {
		yyjson_val *value = yyjson_obj_get(old, free_fields[i]);

		(void)json_remove(now, str_from(free_fields[i]));
		if (value)
			json_set(doc, now, free_fields[i], json_copy(doc, value));
	}
	if (!json_mixed_equal(now, old))
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
	.cells = statefulset_cells,
};

static void podtemplate_default(struct edit *e)
{
	pod_template_default(e, "template");
}

static void podtemplate_validate(struct edit *e, struct field_errors *errors)
{
	pod_template_validate(yyjson_mut_obj_get(e->root, "template"), FIELD_NAME(NULL, "template"),
			      errors);
}

const struct strategy strategy_podtemplate = {
	.default_object = podtemplate_default,
	.validate = podtemplate_validate,
	.cells = podtemplate_cells,
};

static const char *const revision_immutable[] = { "data", NULL };

const struct strategy strategy_revision = { .immutable = revision_immutable,
					    .cells = revision_cells };

/* ---- Job and CronJob ---- */

static void job_default(struct edit *e)
{
	yyjson_mut_val *spec = spec_of(e),
		       *labels = json_mut_get(e->root, "spec.template.metadata.labels");
	bool neither = !yyjson_mut_obj_get(spec, "completions") &&
		       !yyjson_mut_obj_get(spec, "parallelism");

	pod_template_default(e, "spec.template");
	if (neither)
		json_set_int(e->doc, spec, "completions", 1);
	default_int(e, spec, "parallelism", 1);
	default_int(e, spec, "backoffLimit",
		    yyjson_mut_obj_get(spec, "backoffLimitPerIndex") ? INT32_MAX : 6);
	default_str(e, spec, "completionMode", "NonIndexed");
	default_str(e, spec, "podReplacementPolicy",
		    yyjson_mut_obj_get(spec, "podFailurePolicy") ? "Failed"
								 : "TerminatingOrFailed");
	if (!yyjson_mut_obj_get(spec, "suspend"))
		json_set_bool(e->doc, spec, "suspend", false);
	if (!yyjson_mut_obj_get(spec, "manualSelector"))
		json_set_bool(e->doc, spec, "manualSelector", false);
	if (labels && !yyjson_mut_obj_size(json_mut_get(e->root, "metadata.labels")))
		json_set(e->doc, json_ensure_object(e->doc, e->root, "metadata"), "labels",
			 json_mut_copy(e->doc, labels));
}

/* The pods of a Job are told apart by its uid, unless the client chose a selector of its own. */
static void job_prepare_create(struct edit *e)
{
	struct str uid = json_mut_get_str(e->root, "metadata.uid"),
		   name = json_mut_get_str(e->root, "metadata.name");
	yyjson_mut_val *labels, *template = yyjson_mut_obj_get(spec_of(e), "template");

	if (json_mut_get_bool(spec_of(e), "manualSelector", false) || !yyjson_mut_is_obj(template))
		return;
	labels = json_ensure_object(e->doc, json_ensure_object(e->doc, template, "metadata"),
				    "labels");
	json_set_str(e->doc, labels, "batch.kubernetes.io/controller-uid", uid);
	json_set_str(e->doc, labels, "controller-uid", uid);
	json_set_str(e->doc, labels, "batch.kubernetes.io/job-name", name);
	json_set_str(e->doc, labels, "job-name", name);
	labels = json_ensure_object(e->doc, json_ensure_object(e->doc, spec_of(e), "selector"),
				    "matchLabels");
	json_set_str(e->doc, labels, "batch.kubernetes.io/controller-uid", uid);
}

static void job_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec"),
				*template = FIELD_NAME(path, "template");
	struct str policy = json_mut_get_str(e->root, "spec.template.spec.restartPolicy");

	check_nonnegative(e, "parallelism", errors);
	check_nonnegative(e, "completions", errors);
	check_nonnegative(e, "activeDeadlineSeconds", errors);
	check_nonnegative(e, "backoffLimit", errors);
	check_nonnegative(e, "ttlSecondsAfterFinished", errors);
	if (!yyjson_mut_is_obj(yyjson_mut_obj_get(spec_of(e), "selector")))
		field_required(errors, FIELD_NAME(path, "selector"), "");
	else
		selector_validate(yyjson_mut_obj_get(spec_of(e), "selector"),
				  FIELD_NAME(path, "selector"), errors);
	pod_template_validate(yyjson_mut_obj_get(spec_of(e), "template"), template, errors);
	if (!str_eq_c(policy, "OnFailure") && !str_eq_c(policy, "Never"))
		field_error_add(errors, FIELD_REQUIRED,
				FIELD_NAME(FIELD_NAME(template, "spec"), "restartPolicy"),
				"valid values: \"OnFailure\", \"Never\"");
}

static void job_validate_update(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	yyjson_mut_val *completions = yyjson_mut_obj_get(spec_of(e), "completions");
	bool indexed = str_eq_c(json_mut_get_str(spec_of(e), "completionMode"), "Indexed");
	bool suspended = json_get_bool(e->old, "spec.suspend", false) &&
			 !json_get(e->old, "status.startTime");

	if (!json_mixed_equal(completions, json_get(e->old, "spec.completions")) &&
	    !(indexed &&
	      json_mut_equal(completions, yyjson_mut_obj_get(spec_of(e), "parallelism"))))
		field_invalid_val(errors, FIELD_NAME(path, "completions"), completions,
				  "field is immutable");
	if (!suspended && !json_mixed_equal(yyjson_mut_obj_get(spec_of(e), "template"),
					    json_get(e->old, "spec.template")))
		field_invalid_val(errors, FIELD_NAME(path, "template"),
				  yyjson_mut_obj_get(spec_of(e), "template"), "field is immutable");
}

static const char *const job_immutable[] = { "spec.selector",
					     "spec.completionMode",
					     "spec.podFailurePolicy",
					     "spec.backoffLimitPerIndex",
					     "spec.successPolicy",
					     "spec.managedBy",
					     NULL };

const struct strategy strategy_job = {
	.default_object = job_default,
	.prepare_create = job_prepare_create,
	.validate = job_validate,
	.validate_update = job_validate_update,
	.immutable = job_immutable,
	.cells = job_cells,
};

static void cronjob_default(struct edit *e)
{
	pod_template_default(e, "spec.jobTemplate.spec.template");
}

static void cronjob_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	struct str name = json_mut_get_str(e->root, "metadata.name");

	if (!json_mut_get_str(spec_of(e), "schedule").len)
		field_required(errors, FIELD_NAME(path, "schedule"), "");
	check_nonnegative(e, "startingDeadlineSeconds", errors);
	check_nonnegative(e, "successfulJobsHistoryLimit", errors);
	check_nonnegative(e, "failedJobsHistoryLimit", errors);
	pod_template_validate(
		json_mut_get(e->root, "spec.jobTemplate.spec.template"),
		FIELD_NAME(FIELD_NAME(FIELD_NAME(path, "jobTemplate"), "spec"), "template"),
		errors);
	if (!e->old && name.len > 52)
		field_invalid_str(errors, FIELD_NAME(FIELD_NAME(NULL, "metadata"), "name"), name,
				  "must be no more than 52 characters");
}

const struct strategy strategy_cronjob = {
	.default_object = cronjob_default,
	.validate = cronjob_validate,
	.cells = cronjob_cells,
};
