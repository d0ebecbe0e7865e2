/* SPDX-License-Identifier: Apache-2.0 */
/* Job and CronJob. */
#include "api/kinds/cells.h"
#include "api/kinds/frozen.h"
#include "api/kinds/job_indexes.h"
#include "api/kinds/job_status.h"
#include "api/kinds/limits.h"
#include "api/kinds/pod_spec.h"
#include "api/kinds/warnings.h"
#include "api/kinds/workload.h"
#include "api/selector.h"
#include "codec/cron.h"

#define UID_LABEL "batch.kubernetes.io/controller-uid"
#define NAME_LABEL "batch.kubernetes.io/job-name"
#define COMPLETIONS_HIGH 100000 /* above, the number of indexes that may fail is bounded */

static yyjson_mut_val *spec_of(struct edit *e)
{
	return yyjson_mut_obj_get(e->root, "spec");
}

/* ---- defaults ---- */

static void job_default(struct edit *e)
{
	yyjson_mut_val *spec = spec_of(e),
		       *labels = json_mut_get(e->root, "spec.template.metadata.labels");
	bool neither = !yyjson_mut_obj_get(spec, "completions") &&
		       !yyjson_mut_obj_get(spec, "parallelism");

	pod_template_default(e, "spec.template");
	if (!yyjson_mut_is_obj(spec))
		return;
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
static void put_missing(struct edit *e, yyjson_mut_val *object, const char *key, struct str value)
{
	if (!yyjson_mut_obj_get(object, key))
		json_set_str(e->doc, object, key, value);
}

static void job_prepare_create(struct edit *e)
{
	struct str uid = json_mut_get_str(e->root, "metadata.uid"),
		   name = json_mut_get_str(e->root, "metadata.name");
	yyjson_mut_val *labels, *template = yyjson_mut_obj_get(spec_of(e), "template");

	if (json_mut_get_bool(spec_of(e), "manualSelector", false) || !yyjson_mut_is_obj(template))
		return;
	labels = json_ensure_object(e->doc, json_ensure_object(e->doc, template, "metadata"),
				    "labels");
	put_missing(e, labels, UID_LABEL, uid);
	put_missing(e, labels, "controller-uid", uid);
	put_missing(e, labels, NAME_LABEL, name);
	put_missing(e, labels, "job-name", name);
	labels = json_ensure_object(e->doc, json_ensure_object(e->doc, spec_of(e), "selector"),
				    "matchLabels");
	put_missing(e, labels, UID_LABEL, uid);
}

/* ---- policies of failure and success ---- */

static void check_exit_values(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	struct str operator= json_mut_get_str(v, "operator");
	yyjson_mut_val *values = yyjson_mut_obj_get(v, "values");
	const struct field_path *here = FIELD_NAME(path, "values");
	AUTO_JSON_INDEX seen = { .slots = NULL };
	int64_t before = INT64_MIN;
	bool ordered = true;
	size_t i = 0;

	if (!yyjson_mut_arr_size(values))
		field_invalid_val(s->errors, here, values, "at least one value is required");
	else if (yyjson_mut_arr_size(values) > JOB_EXIT_CODES_MAX)
		field_too_many(s->errors, here, yyjson_mut_arr_size(values), JOB_EXIT_CODES_MAX);
	json_index_init(&seen, yyjson_mut_arr_size(values));
	JSON_MUT_EACH (value, values) {
		const struct field_path *at = FIELD_INDEX(here, i++);
		int64_t code = json_mut_int(value, 0);
		struct str key = str_printf_in(s->errors->arena, "%lld", (long long)code);

		if (code == 0 && str_eq_c(operator, "In"))
			field_invalid_int(s->errors, at, code, "must not be 0 for the In operator");
		if (json_index_add(&seen, key, value))
			field_duplicate_val(s->errors, at, value);
		ordered &= code >= before;
		before = code;
	}
	if (!ordered)
		field_invalid_val(s->errors, here, values, "must be ordered");
}

/* One of the words; when it is missing, they are told. */
static void check_word(const struct scope *s, const struct field_path *path, struct str word,
		       const char *values, const char *list)
{
	if (!word.len)
		field_error_add(s->errors, FIELD_REQUIRED, path, "valid values: [%s]", list);
	else if (!schema_values_have(str_from(values), word))
		field_unsupported(s->errors, path, word, values);
}

static void check_operator(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	check_word(s, path, json_mut_str(v), "In|NotIn", "\"In\" \"NotIn\"");
}

static void check_condition_status(const struct scope *s, const struct field_path *path,
				   yyjson_mut_val *v)
{
	check_word(s, path, json_mut_str(v), "False|True|Unknown",
		   "\"False\" \"True\" \"Unknown\"");
}

static void check_condition_type(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *v)
{
	const char *problem = name_qualified_problem(json_mut_str(v));

	if (problem)
		field_invalid_str(s->errors, path, json_mut_str(v), problem);
}

static void check_action(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (str_eq_c(json_mut_str(v), "FailIndex")) {
		if (!yyjson_mut_obj_get(s->own, "backoffLimitPerIndex"))
			field_invalid_str(s->errors, path, json_mut_str(v),
					  "requires the backoffLimitPerIndex to be set");
	} else {
		check_word(s, path, json_mut_str(v), "Count|FailIndex|FailJob|Ignore",
			   "\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"");
	}
}

static void check_container_name(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *v)
{
	static const char *const lists[] = { "containers", "initContainers" };
	yyjson_mut_val *pod = json_mut_get(s->own, "template.spec");
	struct str name = json_mut_str(v);

	if (!v)
		return;
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
		JSON_MUT_EACH (container, yyjson_mut_obj_get(pod, lists[i]))
			if (str_eq(json_mut_get_str(container, "name"), name))
				return;
	field_invalid_str(s->errors, path, name,
			  "must be one of the container or initContainer names in the pod "
			  "template");
}

static const struct rule exit_code_rules[] = {
	RULE_CALL("operator", check_operator),
	RULE_CALL("containerName", check_container_name),
	RULE_CALL(NULL, check_exit_values),
	{ 0 },
};

static const struct rule condition_rules[] = {
	RULE_CALL("type", check_condition_type),
	RULE_CALL("status", check_condition_status),
	{ 0 },
};

static void check_failure_match(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	yyjson_mut_val *codes = yyjson_mut_obj_get(v, "onExitCodes"),
		       *conditions = yyjson_mut_obj_get(v, "onPodConditions");
	size_t count = yyjson_mut_arr_size(conditions);

	if (codes && count)
		field_error_add(s->errors, FIELD_INVALID, path,
				"specifying both OnExitCodes and OnPodConditions is not supported");
	if (!codes && !count)
		field_error_add(s->errors, FIELD_INVALID, path,
				"specifying one of OnExitCodes and OnPodConditions is required");
}

static const struct rule failure_rules[] = {
	RULE_CALL("action", check_action),
	RULE_INSIDE("onExitCodes", exit_code_rules),
	RULE_AT_MOST("onPodConditions", JOB_PATTERNS_MAX),
	RULE_EACH("onPodConditions", condition_rules),
	RULE_CALL(NULL, check_failure_match),
	{ 0 },
};

static const struct rule failure_policy_rules[] = {
	RULE_AT_MOST("rules", JOB_POLICY_RULES_MAX),
	RULE_EACH("rules", failure_rules),
	{ 0 },
};

static void check_succeeded_count(const struct scope *s, const struct field_path *path,
				  int64_t count, int64_t indexes)
{
	int64_t completions = json_mut_get_int(s->own, "completions", INT64_MAX);

	if (count < 0)
		field_invalid_int(s->errors, path, count, "must be greater than or equal to 0");
	if (count > completions)
		field_invalid_int(s->errors, path, count,
				  str_printf_in(s->errors->arena,
						"must be less than or equal to %lld (the number "
						"of specified completions)",
						(long long)completions)
					  .ptr);
	if (count > indexes)
		field_invalid_int(s->errors, path, count,
				  str_printf_in(s->errors->arena,
						"must be less than or equal to %lld (the number of "
						"indexes in the specified succeededIndexes field)",
						(long long)indexes)
					  .ptr);
}

static void check_success_rule(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	static const struct rule length_rules[] = {
		RULE_LENGTH("succeededIndexes", JOB_SUCCEEDED_INDEXES_BYTES_MAX),
		{ 0 },
	};
	yyjson_mut_val *count = yyjson_mut_obj_get(v, "succeededCount"),
		       *indexes = yyjson_mut_obj_get(v, "succeededIndexes");
	int64_t named = INT64_MAX;

	if (!count && !indexes)
		field_required(s->errors, path,
			       "at least one of succeededCount or succeededIndexes must be "
			       "specified");
	rules_check(s, length_rules, path, v);
	if (indexes) {
		const char *problem = job_indexes_problem(
			s->errors->arena, json_mut_str(indexes),
			json_mut_get_int(s->own, "completions", INT32_MAX), &named);

		if (problem) {
			named = 0;
			field_invalid_str(s->errors, FIELD_NAME(path, "succeededIndexes"),
					  json_mut_str(indexes),
					  str_printf_in(s->errors->arena,
							"error parsing succeededIndexes: %s",
							problem)
						  .ptr);
		}
	}
	if (count)
		check_succeeded_count(s, FIELD_NAME(path, "succeededCount"), json_mut_int(count, 0),
				      named);
}

static void check_success_policy(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *v)
{
	static const struct rule rules[] = {
		RULE_NEED("rules", "at least one rules must be specified when the successPolicy "
				   "is specified"),
		RULE_AT_MOST("rules", JOB_POLICY_RULES_MAX),
		RULE_CALL_EACH("rules", check_success_rule),
		{ 0 },
	};

	if (!v)
		return;
	if (!str_eq_c(json_mut_get_str(s->own, "completionMode"), "Indexed"))
		field_invalid_val(s->errors, path, v, "requires indexed completion mode");
	else
		rules_check(s, rules, path, v);
}

static void check_replacement(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	struct str policy = json_mut_str(v);

	if (!policy.len)
		return;
	if (yyjson_mut_obj_get(s->own, "podFailurePolicy")) {
		if (!str_eq_c(policy, "Failed"))
			field_unsupported(s->errors, path, policy, "Failed");
	} else if (!schema_values_have(STR("Failed|TerminatingOrFailed"), policy)) {
		field_unsupported(s->errors, path, policy, "Failed|TerminatingOrFailed");
	}
}

/* ---- the spec of a Job ---- */

/* What a Job with very many indexes is bounded by. */
static void check_high(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const char detail[] =
		"must be less than or equal to 10000 when completions are above "
		"100000 and used with backoff limit per index";
	static const char *const fields[] = { "parallelism", "maxFailedIndexes" };

	if (!yyjson_mut_obj_get(v, "maxFailedIndexes"))
		field_required(s->errors, FIELD_NAME(path, "maxFailedIndexes"),
			       "must be specified when completions is above 100000");
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
		if (json_mut_get_int(v, fields[i], 0) > JOB_PARALLELISM_OF_HIGH_MAX)
			field_invalid_int(s->errors, FIELD_NAME(path, fields[i]),
					  json_mut_get_int(v, fields[i], 0), detail);
}

static void check_limit_for_failed(const struct scope *s, const struct field_path *path,
				   yyjson_mut_val *v)
{
	if (yyjson_mut_obj_get(v, "maxFailedIndexes") &&
	    !yyjson_mut_obj_get(v, "backoffLimitPerIndex"))
		field_required(s->errors, FIELD_NAME(path, "backoffLimitPerIndex"),
			       "when maxFailedIndexes is specified");
}

static void check_failed_indexes(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *v)
{
	yyjson_mut_val *per_index = yyjson_mut_obj_get(v, "backoffLimitPerIndex"),
		       *failed = yyjson_mut_obj_get(v, "maxFailedIndexes"),
		       *completions = yyjson_mut_obj_get(v, "completions");
	const struct field_path *here = FIELD_NAME(path, "maxFailedIndexes");
	bool indexed = str_eq_c(json_mut_get_str(v, "completionMode"), "Indexed");

	if (!indexed && per_index)
		field_invalid_int(s->errors, FIELD_NAME(path, "backoffLimitPerIndex"),
				  json_mut_int(per_index, 0), "requires indexed completion mode");
	if (!indexed && failed)
		field_invalid_int(s->errors, here, json_mut_int(failed, 0),
				  "requires indexed completion mode");
	if (!indexed)
		return;
	if (failed && completions && json_mut_int(failed, 0) > json_mut_int(completions, 0))
		field_invalid_int(s->errors, here, json_mut_int(failed, 0),
				  "must be less than or equal to completions");
	if (failed && json_mut_int(failed, 0) > JOB_FAILED_INDEXES_MAX)
		field_invalid_int(s->errors, here, json_mut_int(failed, 0),
				  "must be less than or equal to 100000");
	if (json_mut_int(completions, 0) > COMPLETIONS_HIGH && per_index)
		check_high(s, path, v);
}

static void check_mode(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str mode = json_mut_get_str(v, "completionMode");
	int64_t parallelism = json_mut_get_int(v, "parallelism", 0);

	if (!mode.len)
		return;
	if (!schema_values_have(STR("NonIndexed|Indexed"), mode))
		field_unsupported(s->errors, FIELD_NAME(path, "completionMode"), mode,
				  "NonIndexed|Indexed");
	if (!str_eq_c(mode, "Indexed"))
		return;
	if (!yyjson_mut_obj_get(v, "completions"))
		field_required(s->errors, FIELD_NAME(path, "completions"),
			       "when completion mode is Indexed");
	if (parallelism > JOB_INDEXED_PARALLELISM_MAX)
		field_invalid_int(s->errors, FIELD_NAME(path, "parallelism"), parallelism,
				  "must be less than or equal to 100000 when completion mode is "
				  "Indexed");
}

#define PATH_TEXT "^[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+$"

/* "acme.io/foo" */
static void check_domain_path(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	struct str text = json_mut_str(v), domain, rest;
	bool has_domain = str_cut(text, '/', &domain, &rest);

	if (!v)
		return;
	if (!text.len) {
		field_required(s->errors, path, "");
	} else if (!has_domain || !domain.len || !rest.len) {
		field_invalid_str(s->errors, path, text,
				  "must be a domain-prefixed path (such as \"acme.io/foo\")");
	} else {
		if (name_subdomain_problem(domain))
			field_invalid_str(s->errors, path, domain, name_subdomain_problem(domain));
		if (!text_matches(s->errors->arena, PATH_TEXT, rest))
			field_invalid_str(s->errors, path, rest,
					  "Invalid path (regex used for validation is "
					  "'[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')");
	}
}

static void check_restart(const struct scope *s, const struct field_path *path,
			  yyjson_mut_val *template)
{
	const struct field_path *here = FIELD_NAME(FIELD_NAME(path, "spec"), "restartPolicy");
	struct str policy = json_mut_get_str(template, "spec.restartPolicy");

	if (!policy.len || str_eq_c(policy, "Always"))
		field_required(s->errors, here, "valid values: \"OnFailure\", \"Never\"");
	else if (!schema_values_have(STR("OnFailure|Never"), policy))
		field_unsupported(s->errors, here, policy, "OnFailure|Never");
	else if (yyjson_mut_obj_get(s->own, "podFailurePolicy") && !str_eq_c(policy, "Never"))
		field_invalid_str(s->errors, here, policy,
				  "only \"Never\" is supported when podFailurePolicy is specified");
}

static const struct rule job_spec_rules[] = {
	RULE_NONNEGATIVE("parallelism"),
	RULE_NONNEGATIVE("completions"),
	RULE_NONNEGATIVE("activeDeadlineSeconds"),
	RULE_NONNEGATIVE("backoffLimit"),
	RULE_NONNEGATIVE("ttlSecondsAfterFinished"),
	RULE_NONNEGATIVE("backoffLimitPerIndex"),
	RULE_NONNEGATIVE("maxFailedIndexes"),
	RULE_CALL(NULL, check_limit_for_failed),
	RULE_CALL("managedBy", check_domain_path),
	RULE_LENGTH("managedBy", DNS_LABEL_BYTES_MAX),
	RULE_CALL(NULL, check_mode),
	RULE_CALL(NULL, check_failed_indexes),
	RULE_INSIDE("podFailurePolicy", failure_policy_rules),
	RULE_CALL("successPolicy", check_success_policy),
	RULE_CALL("podReplacementPolicy", check_replacement),
	RULE_CALL("template", rule_pod_template),
	RULE_CALL("template", check_restart),
	{ 0 },
};

static void check_job_spec(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct scope inner = { .edit = s->edit, .errors = s->errors, .own = v };

	rules_check(&inner, job_spec_rules, path, v);
}

/* ---- Job ---- */

static bool matches(struct edit *e, yyjson_mut_val *selector, yyjson_mut_val *labels)
{
	AUTO_JSON frozen = json_freeze(selector);
	AUTO_JSON frozen_labels = labels ? json_freeze(labels) : NULL;
	struct selector parsed;

	return selector_from_object(yyjson_doc_get_root(frozen), e->arena, &parsed, NULL) < 0 ||
	       selector_matches(&parsed, yyjson_doc_get_root(frozen_labels));
}

static void check_label(struct edit *e, const char *key, struct str value,
			struct field_errors *errors)
{
	const struct field_path *spec = FIELD_NAME(NULL, "spec"),
				*meta = FIELD_NAME(FIELD_NAME(spec, "template"), "metadata"),
				*path = FIELD_KEY(FIELD_NAME(meta, "labels"), str_from(key));
	yyjson_mut_val *labels = json_mut_get(e->root, "spec.template.metadata.labels"),
		       *label = yyjson_mut_obj_get(labels, key);
	const char *detail = str_printf_in(e->arena, "must be '" STR_FMT "'", STR_ARG(value)).ptr;

	if (!label)
		field_required(errors, path, detail);
	else if (!str_eq(json_mut_str(label), value))
		field_invalid_val(errors, path, labels, detail);
}

static void check_made_selector(struct edit *e, yyjson_mut_val *selector,
				struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	yyjson_mut_val *expected = yyjson_mut_obj(e->doc);
	struct str uid = json_mut_get_str(e->root, "metadata.uid"),
		   name = json_mut_get_str(e->root, "metadata.name");

	if (e->old || json_mut_get_bool(spec_of(e), "manualSelector", false))
		return;
	check_label(e, "controller-uid", uid, errors);
	check_label(e, "job-name", name, errors);
	check_label(e, UID_LABEL, uid, errors);
	check_label(e, NAME_LABEL, name, errors);
	json_set_str(e->doc, expected, UID_LABEL, uid);
	json_set_str(e->doc, expected, "controller-uid", uid);
	json_set_str(e->doc, expected, NAME_LABEL, name);
	json_set_str(e->doc, expected, "job-name", name);
	if (!matches(e, selector, expected))
		field_invalid_val(errors, FIELD_NAME(path, "selector"), selector,
				  "`selector` not auto-generated");
}

/* Pods of an indexed Job are hosts named after it and their index. */
static void check_host_names(struct edit *e, struct field_errors *errors)
{
	int64_t completions = json_mut_get_int(spec_of(e), "completions", 0);
	struct str name = json_mut_get_str(e->root, "metadata.name"), host;

	if (e->old || completions <= 0 ||
	    !str_eq_c(json_mut_get_str(spec_of(e), "completionMode"), "Indexed"))
		return;
	host = str_printf_in(e->arena, STR_FMT "-%lld", STR_ARG(name), (long long)completions - 1);
	if (name_label_problem(host))
		field_invalid_str(errors, FIELD_NAME(FIELD_NAME(NULL, "metadata"), "name"), name,
				  str_printf_in(e->arena,
						"will not able to create pod with invalid DNS "
						"label: " STR_FMT,
						STR_ARG(host))
					  .ptr);
}

static void job_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec"),
				*selector_path = FIELD_NAME(path, "selector"),
				*meta = FIELD_NAME(FIELD_NAME(path, "template"), "metadata");
	yyjson_mut_val *selector = yyjson_mut_obj_get(spec_of(e), "selector"),
		       *labels = json_mut_get(spec_of(e), "template.metadata.labels");
	struct scope scope = { .edit = e, .errors = errors };
	size_t before;

	if (yyjson_mut_is_obj(selector))
		check_made_selector(e, selector, errors);
	check_job_spec(&scope, path, spec_of(e));
	before = errors->seen;
	if (yyjson_mut_is_obj(selector))
		selector_validate(selector, selector_path, errors);
	else
		field_required(errors, selector_path, "");
	/* Nothing selects nothing. */
	if (errors->seen == before ? !matches(e, selector, labels) : !selector)
		field_invalid_val(errors, FIELD_NAME(meta, "labels"), labels,
				  "`selector` does not match template `labels`");
	check_host_names(e, errors);
}

/* While a Job waits, it may still be told where its pods shall run. */
static void level_directives(yyjson_mut_doc *doc, yyjson_mut_val *now, yyjson_val *old)
{
	static const char *const free_members[] = { "nodeSelector", "tolerations",
						    "schedulingGates" };
	yyjson_mut_val *meta = yyjson_mut_obj_get(now, "metadata"),
		       *spec = yyjson_mut_obj_get(now, "spec"),
		       *affinity = yyjson_mut_obj_get(spec, "affinity");
	yyjson_val *old_spec = yyjson_obj_get(old, "spec"),
		   *old_affinity = yyjson_obj_get(old_spec, "affinity");

	frozen_take_old(doc, meta, yyjson_obj_get(old, "metadata"), "labels");
	frozen_take_old(doc, meta, yyjson_obj_get(old, "metadata"), "annotations");
	for (size_t i = 0; i < ARRAY_COUNT(free_members); i++)
		frozen_take_old(doc, spec, old_spec, free_members[i]);
	if (!affinity && yyjson_obj_get(old_affinity, "nodeAffinity"))
		affinity = json_set_object(doc, spec, "affinity");
	frozen_take_old(doc, affinity, old_affinity, "nodeAffinity");
	if (!old_affinity && affinity && !yyjson_mut_obj_size(affinity))
		(void)json_remove(spec, STR("affinity")); /* the doc owns it */
}

static void check_template_update(struct edit *e, struct field_errors *errors)
{
	bool waits = json_get_bool(e->old, "spec.suspend", false) &&
		     !json_get(e->old, "status.startTime");
	yyjson_mut_val *template = yyjson_mut_obj_get(spec_of(e), "template"), *now;
	yyjson_val *old = json_get(e->old, "spec.template");
	AUTO_JSON_MUT doc = json_new();

	if (json_mixed_equal(template, old))
		return;
	now = json_mut_copy(doc, template);
	if (waits)
		level_directives(doc, now, old);
	if (!json_mixed_equal(now, old))
		field_invalid_val(errors, FIELD_NAME(FIELD_NAME(NULL, "spec"), "template"),
				  template, "field is immutable");
}

static void job_validate_update(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), "completions");
	yyjson_mut_val *completions = yyjson_mut_obj_get(spec_of(e), "completions");
	bool indexed = str_eq_c(json_mut_get_str(spec_of(e), "completionMode"), "Indexed");

	if (!json_mixed_equal(completions, json_get(e->old, "spec.completions"))) {
		if (!indexed)
			field_invalid_val(errors, path, completions, "field is immutable");
		else if (!json_mut_equal(completions,
					 yyjson_mut_obj_get(spec_of(e), "parallelism")))
			field_invalid_val(errors, path, completions,
					  "can only be modified in tandem with spec.parallelism");
	}
	check_template_update(e, errors);
}

static const char *const job_immutable[] = { "spec.selector",
					     "spec.completionMode",
					     "spec.podFailurePolicy",
					     "spec.backoffLimitPerIndex",
					     "spec.managedBy",
					     "spec.successPolicy",
					     NULL };

static void job_warn(struct edit *e, struct notices *notices)
{
	if (json_mut_get_int(spec_of(e), "completions", 0) > 100000 &&
	    json_mut_get_int(spec_of(e), "parallelism", 0) > 10000 &&
	    str_eq_c(json_mut_get_str(spec_of(e), "completionMode"), "Indexed"))
		notices_add(notices,
			    "In Indexed Jobs with a number of completions higher than 10^5 and "
			    "a parallelism higher than 10^4, Kubernetes might not be able to "
			    "track completedIndexes when a big number of indexes fail");
	warn_name_of_pods(e, notices);
	warn_pod(notices, "spec.template", yyjson_mut_obj_get(spec_of(e), "template"));
}

const struct strategy strategy_job = {
	.default_object = job_default,
	.prepare_create = job_prepare_create,
	.validate = job_validate,
	.validate_update = job_validate_update,
	.validate_status_update = job_status_validate,
	.warn = job_warn,
	.immutable = job_immutable,
	.cells = job_cells,
};

/* ---- CronJob ---- */

static void cronjob_default(struct edit *e)
{
	pod_template_default(e, "spec.jobTemplate.spec.template");
}

static void check_schedule(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str schedule = json_mut_get_str(v, "schedule"), zone = { .len = 0 };
	const struct field_path *here = FIELD_NAME(path, "schedule");
	struct err err = { 0 };

	if (!schedule.len) {
		field_required(s->errors, here, "");
		return;
	}
	if (cron_parse(schedule, NULL, &zone, &err) < 0)
		field_invalid_str(s->errors, here, schedule, err.msg);
	if (!text_matches(s->errors->arena, "TZ", schedule))
		return;
	if (!text_matches(s->errors->arena, "TZ", json_get_str(s->edit->old, "spec.schedule")))
		field_invalid_str(
			s->errors, here, schedule,
			"cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
	else if (yyjson_mut_obj_get(v, "timeZone"))
		field_invalid_str(s->errors, here, schedule,
				  "cannot use both timeZone field and TZ or CRON_TZ in schedule");
}

/* The zone database is the controller's; here names are known by their area. */
static bool may_be_zone(struct str zone)
{
	static const char areas
		[] = "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|"
		     "Etc|"
		     "Europe|Indian|Mexico|Pacific|US",
	   single[] =
		   "UTC|GMT|GMT0|GMT+0|GMT-0|UCT|Universal|Zulu|Greenwich|CET|CST6CDT|Cuba|EET|EST|"
		   "EST5EDT|Egypt|Eire|GB|GB-Eire|HST|Hongkong|Iceland|Iran|Israel|Jamaica|Japan|"
		   "Kwajalein|Libya|MET|MST|MST7MDT|NZ|NZ-CHAT|Navajo|PRC|PST8PDT|Poland|Portugal|"
		   "ROC|"
		   "ROK|Singapore|Turkey|W-SU|WET";
	struct str area, place;

	if (!str_cut(zone, '/', &area, &place))
		return schema_values_have(str_from(single), zone);
	for (size_t i = 0; i < place.len; i++) {
		char c = place.ptr[i];

		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') &&
		    !strchr("_-+/", c))
			return false;
	}
	return place.len && schema_values_have(str_from(areas), area);
}

static void check_zone(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str zone = json_mut_str(v);

	if (!v || yyjson_mut_is_null(v) ||
	    (s->edit->old && json_mixed_equal(v, json_get(s->edit->old, "spec.timeZone"))))
		return;
	if (!zone.len)
		field_invalid_str(s->errors, path, zone,
				  "timeZone must be nil or non-empty string");
	else if (text_matches(s->errors->arena, "^(?i)local$", zone))
		field_invalid_str(s->errors, path, zone,
				  "timeZone must be an explicit time zone as defined in "
				  "https://www.iana.org/time-zones");
	else if (!may_be_zone(zone))
		field_invalid_str(
			s->errors, path, zone,
			str_printf_in(s->errors->arena, "unknown time zone " STR_FMT, STR_ARG(zone))
				.ptr);
}

static void check_job_template(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	const struct field_path *here = FIELD_NAME(path, "spec");
	yyjson_mut_val *spec = yyjson_mut_obj_get(v, "spec"),
		       *selector = yyjson_mut_obj_get(spec, "selector");

	check_job_spec(s, here, spec);
	if (selector)
		field_invalid_val(s->errors, FIELD_NAME(here, "selector"), selector,
				  "`selector` will be auto-generated");
	if (json_mut_get_bool(spec, "manualSelector", false))
		field_error_add(s->errors, FIELD_UNSUPPORTED, FIELD_NAME(here, "manualSelector"),
				"true: supported values: \"nil\", \"false\"");
}

static const struct rule cronjob_spec_rules[] = {
	RULE_CALL(NULL, check_schedule),
	RULE_NONNEGATIVE("startingDeadlineSeconds"),
	RULE_CALL("timeZone", check_zone),
	RULE_NEED_ONE_OF("concurrencyPolicy", "Allow|Forbid|Replace"),
	RULE_CALL("jobTemplate", check_job_template),
	RULE_NONNEGATIVE("successfulJobsHistoryLimit"),
	RULE_NONNEGATIVE("failedJobsHistoryLimit"),
	{ 0 },
};

static const struct rule cronjob_rules[] = { RULE_INSIDE("spec", cronjob_spec_rules), { 0 } };

static void cronjob_validate(struct edit *e, struct field_errors *errors)
{
	struct str name = json_mut_get_str(e->root, "metadata.name");

	rules_check_edit(e, cronjob_rules, errors);
	if (!e->old && name.len > CRON_NAME_BYTES_MAX)
		field_invalid_str(errors, FIELD_NAME(FIELD_NAME(NULL, "metadata"), "name"), name,
				  "must be no more than 52 characters");
}

static void cronjob_warn(struct edit *e, struct notices *notices)
{
	struct str schedule = json_mut_get_str(e->root, "spec.schedule");

	if (str_has_prefix(schedule, STR("TZ=")) || str_has_prefix(schedule, STR("CRON_TZ=")))
		notices_add(
			notices,
			"CRON_TZ or TZ used in spec.schedule is not officially supported, see "
			"https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for "
			"more details");
	warn_name_of_pods(e, notices);
	warn_pod(notices, "spec.jobTemplate.spec.template",
		 json_mut_get(e->root, "spec.jobTemplate.spec.template"));
}

const struct strategy strategy_cronjob = {
	.default_object = cronjob_default,
	.validate = cronjob_validate,
	.warn = cronjob_warn,
	.cells = cronjob_cells,
};
