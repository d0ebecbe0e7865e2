/* SPDX-License-Identifier: Apache-2.0 */
/* MutatingWebhookConfiguration and ValidatingWebhookConfiguration, in upstream's words. */
#include "api/admission_expression.h"
#include "api/kinds/admission.h"
#include "api/limits.h"
#include "api/selector.h"
#include "api/strategy.h"
#include "codec/json_index.h"
#include "codec/name.h"

/* ---- whom to call ---- */

#define URL_FORM "; desired format: https://host[/path]"

static void check_url(struct str url, const struct field_path *path, struct field_errors *errors)
{
	struct str rest = url, scheme = STR_NONE, authority, tail, user, query, fragment;
	size_t at = str_find(url, STR("://"), 0);

	if (at != SIZE_MAX) {
		scheme = str_slice(url, 0, at);
		rest = str_slice(url, at + 3, url.len);
	}
	if (str_has_prefix(url, STR(":"))) {
		field_required(errors, path,
			       str_printf_in(errors->arena,
					     "url must be a valid URL: parse \"" STR_FMT
					     "\": missing protocol scheme" URL_FORM,
					     STR_ARG(url))
				       .ptr);
		return;
	}
	if (!str_eq_c(scheme, "https"))
		field_invalid_str(errors, path, scheme,
				  "'https' is the only allowed URL scheme" URL_FORM);
	(void)str_cut(rest, '#', &rest, &fragment); /* what is missing is empty; likewise below */
	(void)str_cut(rest, '?', &rest, &query);
	(void)str_cut(rest, '/', &authority, &tail);
	at = str_rfind_char(authority, '@');
	user = at == SIZE_MAX ? STR_NONE : str_slice(authority, 0, at);
	if (at != SIZE_MAX)
		authority = str_slice(authority, at + 1, authority.len);
	if (!authority.len)
		field_invalid_str(errors, path, STR(""), "host must be specified" URL_FORM);
	if (at != SIZE_MAX)
		field_invalid_str(errors, path, user,
				  "user information is not permitted in the URL");
	if (fragment.len)
		field_invalid_str(errors, path, fragment, "fragments are not permitted in the URL");
	if (query.len)
		field_invalid_str(errors, path, query,
				  "query parameters are not permitted in the URL");
}

static void check_path(struct str text, const struct field_path *path, struct field_errors *errors)
{
	struct str rest = text, step;
	size_t i = 0;

	if (!text.len || str_eq_c(text, "/"))
		return;
	if (str_eq_c(text, "//")) {
		field_invalid_str(errors, path, text, "segment[0] may not be empty");
		return;
	}
	if (!str_has_prefix(text, STR("/")))
		field_invalid_str(errors, path, text, "must start with a '/'");
	rest = str_slice(rest, 1, rest.len);
	(void)str_strip_suffix(&rest, STR("/"));
	for (; str_next_part(&rest, '/', &step); i++) {
		struct str problems = str_from(step.len ? name_subdomain_problem(step) : NULL),
			   problem;

		if (!step.len)
			field_error_add(errors, FIELD_INVALID, path,
					"\"" STR_FMT "\": segment[%zu] may not be empty",
					STR_ARG(text), i);
		while (name_next_problem(&problems, &problem))
			field_error_add(errors, FIELD_INVALID, path,
					"\"" STR_FMT "\": segment[%zu]: " STR_FMT, STR_ARG(text), i,
					STR_ARG(problem));
	}
}

static void check_service(yyjson_mut_val *service, const struct field_path *path,
			  struct field_errors *errors)
{
	int64_t port = json_mut_get_int(service, "port", 443);

	if (!json_mut_get_str(service, "name").len)
		field_required(errors, FIELD_NAME(path, "name"), "");
	if (!json_mut_get_str(service, "namespace").len)
		field_required(errors, FIELD_NAME(path, "namespace"), "");
	if (port < 1 || port > 65535)
		field_invalid_int(errors, FIELD_NAME(path, "port"), port,
				  "port is not valid: must be between 1 and 65535, inclusive");
	check_path(json_mut_get_str(service, "path"), FIELD_NAME(path, "path"), errors);
}

static bool is_given(yyjson_mut_val *v)
{
	return v && !yyjson_mut_is_null(v);
}

void webhook_client_config_validate(yyjson_mut_val *config, const struct field_path *path,
				    struct field_errors *errors)
{
	yyjson_mut_val *url = json_mut_get(config, "url"),
		       *service = json_mut_get(config, "service");

	if (is_given(url) == is_given(service))
		field_required(errors, path, "exactly one of url or service is required");
	else if (is_given(url))
		check_url(json_mut_str(url), FIELD_NAME(path, "url"), errors);
	else
		check_service(service, FIELD_NAME(path, "service"), errors);
}

static bool is_known_review(struct str version)
{
	return str_eq_c(version, "v1") || str_eq_c(version, "v1beta1");
}

bool webhook_versions_are_known(yyjson_val *versions)
{
	JSON_EACH (version, versions)
		if (is_known_review(json_str(version)))
			return true;
	return yyjson_arr_size(versions) == 0;
}

void webhook_versions_validate(yyjson_mut_val *versions, bool one_is_known,
			       const struct field_path *path, struct field_errors *errors)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	json_index_init(&seen, yyjson_mut_arr_size(versions));
	JSON_MUT_EACH (version, versions) {
		struct str text = json_mut_str(version);
		const char *problem = name_is_label1035(text, false);
		const struct field_path *here = FIELD_INDEX(path, i);

		i++;
		if (json_index_add(&seen, text, version)) {
			field_invalid_str(errors, here, text, "duplicate version");
			continue;
		}
		if (problem)
			field_invalid_str(errors, here, text, problem);
		one_is_known |= is_known_review(text);
	}
	if (!one_is_known)
		field_invalid_val(errors, path, versions,
				  "must include at least one of v1, v1beta1");
}

/* ---- rules ---- */

static bool has_text(yyjson_mut_val *list, const char *text)
{
	JSON_MUT_EACH (item, list)
		if (str_eq_c(json_mut_str(item), text))
			return true;
	return false;
}

/* "*" stands alone. */
static void check_words(yyjson_mut_val *list, const struct field_path *path, const char *others,
			struct field_errors *errors)
{
	if (!yyjson_mut_arr_size(list))
		field_required(errors, path, "");
	if (yyjson_mut_arr_size(list) > 1 && has_text(list, "*"))
		field_invalid_val(errors, path, list,
				  str_printf_in(errors->arena,
						"if '*' is present, must not specify other %s",
						others)
					  .ptr);
}

/* Of what was met so far: resources with all subresources, subresources of all resources. */
struct wildcards {
	struct json_index resources, subresources;
};

static void check_resource(struct wildcards *seen, yyjson_mut_val *v, const struct field_path *here,
			   struct field_errors *errors)
{
	struct str text = json_mut_str(v), resource, sub;

	if (!text.len)
		field_required(errors, here, "");
	if (!str_cut(text, '/', &resource, &sub))
		return;
	if (json_index_get(&seen->resources, resource))
		field_error_add(errors, FIELD_INVALID, here,
				"\"" STR_FMT "\": if '" STR_FMT
				"/*' is present, must not specify " STR_FMT,
				STR_ARG(text), STR_ARG(resource), STR_ARG(text));
	if (json_index_get(&seen->subresources, sub))
		field_error_add(errors, FIELD_INVALID, here,
				"\"" STR_FMT "\": if '*/" STR_FMT
				"' is present, must not specify " STR_FMT,
				STR_ARG(text), STR_ARG(sub), STR_ARG(text));
	if (str_eq_c(sub, "*"))
		(void)json_index_add(&seen->resources, resource, v);
	if (str_eq_c(resource, "*"))
		(void)json_index_add(&seen->subresources, sub, v);
}

static void check_resources(yyjson_mut_val *resources, const struct field_path *path,
			    struct field_errors *errors)
{
	struct wildcards seen;
	bool has_plain = false;
	size_t i = 0, count = yyjson_mut_arr_size(resources);

	if (!count)
		field_required(errors, path, "");
	json_index_init(&seen.resources, count);
	json_index_init(&seen.subresources, count);
	JSON_MUT_EACH (v, resources) {
		struct str text = json_mut_str(v);

		if (text.len && !str_contains(text, STR("/")))
			has_plain = !str_eq_c(text, "*"); /* the last one decides, as upstream */
		check_resource(&seen, v, FIELD_INDEX(path, i++), errors);
	}
	json_index_deinit(&seen.resources);
	json_index_deinit(&seen.subresources);
	if (count > 1 && has_text(resources, "*/*"))
		field_invalid_val(errors, path, resources,
				  "if '*/*' is present, must not specify other resources");
	if (has_text(resources, "*") && has_plain)
		field_invalid_val(errors, path, resources,
				  "if '*' is present, must not specify other resources without "
				  "subresources");
}

void admission_rule_validate(yyjson_mut_val *rule, const struct field_path *path,
			     struct field_errors *errors)
{
	yyjson_mut_val *versions = json_mut_get(rule, "apiVersions");
	const struct field_path *here = FIELD_NAME(path, "apiVersions");
	size_t i = 0;

	check_words(json_mut_get(rule, "operations"), FIELD_NAME(path, "operations"), "operations",
		    errors);
	check_words(json_mut_get(rule, "apiGroups"), FIELD_NAME(path, "apiGroups"), "API groups",
		    errors);
	check_words(versions, here, "API versions", errors);
	JSON_MUT_EACH (version, versions) {
		if (!json_mut_str(version).len)
			field_required(errors, FIELD_INDEX(here, i), "");
		i++;
	}
	check_resources(json_mut_get(rule, "resources"), FIELD_NAME(path, "resources"), errors);
}

/* ---- match conditions ---- */

static void check_condition(yyjson_mut_val *condition, const struct field_path *path,
			    struct admission_set *set, struct field_errors *errors)
{
	struct str expression = str_trim(json_mut_get_str(condition, "expression")),
		   name = json_mut_get_str(condition, "name");
	const char *problem = name_qualified_problem(name);
	struct admission_expression compiled;

	if (!expression.len) {
		field_required(errors, FIELD_NAME(path, "expression"), "");
	} else {
		admission_compile(set, expression, &admission_result_bool, &compiled);
		if (!compiled.program)
			field_invalid_str(errors, FIELD_NAME(path, "expression"), expression,
					  str_c_in(errors->arena, compiled.problem));
	}
	if (!name.len)
		field_required(errors, FIELD_NAME(path, "name"), "");
	else if (problem)
		field_invalid_str(errors, FIELD_NAME(path, "name"), name, problem);
}

void admission_conditions_validate(yyjson_mut_val *conditions, unsigned features,
				   const struct field_path *path, struct field_errors *errors)
{
	AUTO_ARENA arena = { 0 };
	struct admission_set *set;
	size_t i = 0, count = yyjson_mut_arr_size(conditions);

	if (!count)
		return;
	if (count > MATCH_CONDITIONS_MAX) {
		field_too_many(errors, path, count, MATCH_CONDITIONS_MAX);
		return;
	}
	arena_init(&arena, ARENA_DEFAULT_MAX);
	set = admission_set_new(&arena, features, NULL);
	JSON_MUT_EACH (condition, conditions) {
		const struct field_path *here = FIELD_INDEX(path, i);

		check_condition(condition, here, set, errors);
		for (size_t j = 0; j < i; j++)
			if (str_eq(json_mut_get_str(yyjson_mut_arr_get(conditions, j), "name"),
				   json_mut_get_str(condition, "name"))) {
				field_duplicate_str(errors, FIELD_NAME(here, "name"),
						    json_mut_get_str(condition, "name"));
				break;
			}
		i++;
	}
}

/* ---- webhooks ---- */

static void check_name(struct str name, const struct field_path *path, struct field_errors *errors)
{
	const char *problem = name_subdomain_problem(name);
	size_t dots = 0;

	for (size_t i = 0; i < name.len; i++)
		dots += name.ptr[i] == '.';
	if (!name.len)
		field_required(errors, path, "");
	else if (problem)
		field_invalid_str(errors, path, name, problem);
	else if (dots < 2)
		field_invalid_str(
			errors, path, name,
			"should be a domain with at least three segments separated by dots");
}

static void check_side_effects(struct str effects, const struct field_path *path,
			       struct field_errors *errors)
{
	if (!effects.len)
		field_required(errors, path, "must specify one of None, NoneOnDryRun");
	else if (!schema_values_have(STR("None|NoneOnDryRun"), effects))
		field_unsupported(errors, path, effects, "None|NoneOnDryRun");
}

static void check_webhook(yyjson_mut_val *webhook, const struct field_path *path,
			  struct field_errors *errors)
{
	int64_t seconds = json_mut_get_int(webhook, "timeoutSeconds", 10);
	yyjson_mut_val *versions = json_mut_get(webhook, "admissionReviewVersions");
	size_t i = 0;

	check_name(json_mut_get_str(webhook, "name"), FIELD_NAME(path, "name"), errors);
	JSON_MUT_EACH (rule, json_mut_get(webhook, "rules"))
		admission_rule_validate(rule, FIELD_INDEX(FIELD_NAME(path, "rules"), i++), errors);
	check_side_effects(json_mut_get_str(webhook, "sideEffects"),
			   FIELD_NAME(path, "sideEffects"), errors);
	if (seconds < 1 || seconds > 30)
		field_invalid_int(errors, FIELD_NAME(path, "timeoutSeconds"), seconds,
				  "the timeout value must be between 1 and 30 seconds");
	selector_validate(json_mut_get(webhook, "namespaceSelector"),
			  FIELD_NAME(path, "namespaceSelector"), errors);
	selector_validate(json_mut_get(webhook, "objectSelector"),
			  FIELD_NAME(path, "objectSelector"), errors);
	webhook_client_config_validate(json_mut_get(webhook, "clientConfig"),
				       FIELD_NAME(path, "clientConfig"), errors);
	admission_conditions_validate(json_mut_get(webhook, "matchConditions"), 0,
				      FIELD_NAME(path, "matchConditions"), errors);
	if (!yyjson_mut_arr_size(versions))
		field_required(errors, FIELD_NAME(path, "admissionReviewVersions"),
			       "must specify one of v1, v1beta1");
	else
		webhook_versions_validate(versions, false,
					  FIELD_NAME(path, "admissionReviewVersions"), errors);
}

static void webhooks_validate(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *webhooks = json_mut_get(e->root, "webhooks");
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	json_index_init(&seen, yyjson_mut_arr_size(webhooks));
	JSON_MUT_EACH (webhook, webhooks) {
		const struct field_path *path = FIELD_INDEX(FIELD_NAME(NULL, "webhooks"), i++);
		struct str name = json_mut_get_str(webhook, "name");

		check_webhook(webhook, path, errors);
		if (name.len && json_index_add(&seen, name, webhook))
			field_duplicate_str(errors, FIELD_NAME(path, "name"), name);
	}
}

const struct strategy strategy_webhooks = { .validate = webhooks_validate };
