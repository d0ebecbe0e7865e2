/* SPDX-License-Identifier: Apache-2.0 */
/* FlowSchema and PriorityLevelConfiguration. */
#include <math.h>
#include "api/kinds/cells.h"
#include "api/kinds/limits.h"
#include "api/meta.h"
#include "api/rules.h"
#include "codec/json_index.h"

#define VERBS "create|delete|deletecollection|get|list|patch|proxy|update|watch"

/* ---- FlowSchema ---- */

/* "*" stands alone; returns whether it is there. */
static bool check_all_alone(const struct scope *s, const struct field_path *path, yyjson_mut_val *v,
			    const char *what)
{
	bool all = false;

	JSON_MUT_EACH (item, v)
		all |= str_eq_c(json_mut_str(item), "*");
	if (all && yyjson_mut_arr_size(v) > 1)
		field_invalid_val(s->errors, path, v,
				  str_printf_in(s->errors->arena,
						"if '*' is present, must not specify other %s",
						what)
					  .ptr);
	return all;
}

static void check_groups(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	check_all_alone(s, path, v, "api groups");
}

static void check_resources(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	check_all_alone(s, path, v, "resources");
}

static void check_verbs(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	bool known = true;

	if (check_all_alone(s, path, v, "verbs"))
		return;
	JSON_MUT_EACH (verb, v)
		known &= schema_values_have(STR(VERBS), json_mut_str(verb));
	if (!known)
		field_unsupported_val(s->errors, path, v, VERBS);
}

static void check_spaces(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *spaces = yyjson_mut_obj_get(v, "namespaces");
	const struct field_path *here = FIELD_NAME(path, "namespaces");
	size_t i = 0;

	if (!yyjson_mut_arr_size(spaces) && !json_mut_get_bool(v, "clusterScope", false))
		field_required(
			s->errors, here,
			"resource rules that are not cluster scoped must supply at least one "
			"namespace");
	if (check_all_alone(s, here, spaces, "namespaces"))
		return;
	JSON_MUT_EACH (space, spaces) {
		struct str name = json_mut_str(space), rest = str_from(name_label_problem(name)),
			   problem;

		while (name_next_problem(&rest, &problem))
			field_invalid_str(s->errors, FIELD_INDEX(here, i), name,
					  str_printf_in(s->errors->arena,
							"each member of this list must be '*' or a "
							"DNS-1123 label; " STR_FMT,
							STR_ARG(problem))
						  .ptr);
		i++;
	}
}

static const struct rule resource_rule_rules[] = {
	RULE_NEED("verbs", "verbs must contain at least one value"),
	RULE_CALL("verbs", check_verbs),
	RULE_NEED("apiGroups", "resource rules must supply at least one api group"),
	RULE_CALL("apiGroups", check_groups),
	RULE_NEED("resources", "resource rules must supply at least one resource"),
	RULE_CALL("resources", check_resources),
	RULE_CALL(NULL, check_spaces),
	{ 0 },
};

static const char *url_problem(struct str path)
{
	size_t star = str_find_char(path, '*', 0);

	if (!path.len)
		return "must not be empty";
	if (str_eq_c(path, "/"))
		return NULL;
	if (path.ptr[0] != '/')
		return "must start with slash";
	if (str_find_char(path, ' ', 0) != SIZE_MAX)
		return "must not contain white-space";
	if (str_find(path, STR("//"), 0) != SIZE_MAX)
		return "must not contain double slash";
	if (star != SIZE_MAX && (star != path.len - 1 || path.ptr[star - 1] != '/'))
		return "wildcard can only do suffix matching";
	return NULL;
}

static void check_urls(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule each[] = { RULE_NAMES(NULL, url_problem), { 0 } };

	if (!check_all_alone(s, path, v, "non-resource URLs"))
		rules_check(s, each, path, v);
}

static const struct rule url_rule_rules[] = {
	RULE_NEED("verbs", "verbs must contain at least one value"),
	RULE_CALL("verbs", check_verbs),
	RULE_NEED("nonResourceURLs", "nonResourceURLs must contain at least one value"),
	RULE_CALL("nonResourceURLs", check_urls),
	{ 0 },
};

static void check_account(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule rules[] = {
		RULE_NAME("namespace", name_label_problem),
		RULE_NEED("namespace", "must specify namespace for service account"),
		{ 0 },
	};
	struct str name = json_mut_get_str(v, "name");

	if (name.len && !str_eq_c(name, "*") && name_subdomain_problem(name))
		field_invalid_str(s->errors, FIELD_NAME(path, "name"), name,
				  name_subdomain_problem(name));
	rules_check(s, rules, path, v);
}

static const struct {
	const char *kind, *field;
} subject_kinds[] = { { "ServiceAccount", "serviceAccount" },
		      { "User", "user" },
		      { "Group", "group" } };

static void check_subject(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str kind = json_mut_get_str(v, "kind");
	const struct field_path *here;
	yyjson_mut_val *subject;
	size_t i = 0;

	while (i < ARRAY_COUNT(subject_kinds) && !str_eq_c(kind, subject_kinds[i].kind))
		i++;
	if (i == ARRAY_COUNT(subject_kinds)) {
		field_unsupported(s->errors, FIELD_NAME(path, "kind"), kind,
				  "Group|ServiceAccount|User");
		return;
	}
	here = FIELD_NAME(path, subject_kinds[i].field);
	subject = yyjson_mut_obj_get(v, subject_kinds[i].field);
	if (!subject)
		field_error_add(s->errors, FIELD_REQUIRED, here,
				"%s is required when subject kind is '%s'", subject_kinds[i].field,
				subject_kinds[i].kind);
	else if (!json_mut_get_str(subject, "name").len)
		field_required(s->errors, FIELD_NAME(here, "name"), "");
	if (subject && i == 0)
		check_account(s, here, subject);
	for (size_t j = 0; j < ARRAY_COUNT(subject_kinds); j++)
		if (j != i && yyjson_mut_obj_get(v, subject_kinds[j].field))
			field_error_add(s->errors, FIELD_FORBIDDEN,
					FIELD_NAME(path, subject_kinds[j].field),
					"%s is forbidden when subject kind is not '%s'",
					subject_kinds[j].field, subject_kinds[j].kind);
}

static void check_some_rule(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (!json_mut_get_count(v, "resourceRules") && !json_mut_get_count(v, "nonResourceRules"))
		field_required(s->errors, path,
			       "at least one of resourceRules and nonResourceRules has to be "
			       "non-empty");
}

static const struct rule subjects_rules[] = {
	RULE_NEED("subjects", "subjects must contain at least one value"),
	RULE_CALL_EACH("subjects", check_subject),
	RULE_CALL(NULL, check_some_rule),
	RULE_EACH("resourceRules", resource_rule_rules),
	RULE_EACH("nonResourceRules", url_rule_rules),
	{ 0 },
};

static void check_precedence(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	struct str name = json_mut_get_str(s->edit->root, "metadata.name");
	int64_t precedence = json_mut_int(v, 0);

	if (precedence <= 0)
		field_invalid_int(s->errors, path, precedence, "must be a positive value");
	if (precedence > FLOW_PRECEDENCE_MAX)
		field_invalid_int(s->errors, path, precedence, "must not be greater than 10000");
	if (precedence == 1 && !str_eq_c(name, "exempt"))
		field_invalid_int(s->errors, path, precedence,
				  "only the schema named 'exempt' may have matchingPrecedence 1");
}

static void check_distinguisher(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	if (v && !schema_values_have(STR("ByNamespace|ByUser"), json_mut_get_str(v, "type")))
		field_unsupported_val(s->errors, FIELD_NAME(path, "type"), v, "ByNamespace|ByUser");
}

static const struct rule level_reference_rules[] = {
	RULE_NEED("name", "must reference a priority level"),
	RULE_NAME("name", name_subdomain_problem),
	{ 0 },
};

static const struct rule schema_spec_rules[] = {
	RULE_CALL("matchingPrecedence", check_precedence),
	RULE_CALL("distinguisherMethod", check_distinguisher),
	RULE_INSIDE("priorityLevelConfiguration", level_reference_rules),
	RULE_EACH("rules", subjects_rules),
	{ 0 },
};

static const struct rule schema_rules[] = { RULE_INSIDE("spec", schema_spec_rules), { 0 } };

/* Two schemas and two levels are as they are for everybody. */
static void check_fixed(struct edit *e, struct field_errors *errors)
{
	struct str name = json_mut_get_str(e->root, "metadata.name");
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec");

	if ((str_eq_c(name, "exempt") || str_eq_c(name, "catch-all")) &&
	    !json_mixed_equal(spec, yyjson_obj_get(e->old, "spec")))
		field_invalid_val(errors, FIELD_NAME(NULL, "spec"), spec,
				  str_printf_in(e->arena,
						"spec of '" STR_FMT "' must equal the fixed value",
						STR_ARG(name))
					  .ptr);
}

static void check_conditions(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "status"), "conditions");
	yyjson_mut_val *conditions = json_mut_get(e->root, "status.conditions");
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	json_index_init(&seen, yyjson_mut_arr_size(conditions));
	JSON_MUT_EACH (condition, conditions) {
		const struct field_path *here = FIELD_NAME(FIELD_INDEX(path, i++), "type");
		struct str type = json_mut_get_str(condition, "type");

		if (json_index_add(&seen, type, condition))
			field_duplicate_str(errors, here, type);
		if (!type.len)
			field_required(errors, here, "must not be empty");
	}
}

static void flowschema_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, schema_rules, errors);
}

static int64_t flowschema_rank(const struct obj *obj)
{
	return json_get_int(obj->root, "spec.matchingPrecedence", 0);
}

const struct strategy strategy_flowschema = {
	.prepare_status_update = meta_keep_for_status,
	.cells = flowschema_cells,
	.row_rank = flowschema_rank,
	.validate = flowschema_validate,
	.validate_update = check_fixed,
	.validate_status_update = check_conditions,
};

/* ---- PriorityLevelConfiguration ---- */

/* Bits of a hash that dealing a hand takes. */
static int64_t entropy_bits(int64_t queues, int64_t hand)
{
	return (int64_t)ceil(log2((double)queues) * (double)hand);
}

static void check_hand(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	int64_t queues = json_mut_get_int(v, "queues", 0),
		hand = json_mut_get_int(v, "handSize", 0);
	const struct field_path *here = FIELD_NAME(path, "handSize");

	if (queues > FLOW_QUEUES_MAX)
		field_invalid_int(s->errors, FIELD_NAME(path, "queues"), queues,
				  "must not be greater than 10000000");
	if (hand <= 0)
		field_invalid_int(s->errors, here, hand, "must be positive");
	else if (hand > queues)
		field_error_add(s->errors, FIELD_INVALID, here,
				"%lld: should not be greater than queues (%lld)", (long long)hand,
				(long long)queues);
	else if (entropy_bits(queues, hand) > FLOW_ENTROPY_BITS_MAX)
		field_error_add(
			s->errors, FIELD_INVALID, here,
			"%lld: required entropy bits of deckSize %lld and handSize %lld should "
			"not be greater than %d",
			(long long)hand, (long long)queues, (long long)hand, FLOW_ENTROPY_BITS_MAX);
}

static const struct rule queuing_rules[] = {
	RULE_RANGE("queueLengthLimit", 1, INT64_MAX, "must be positive"),
	RULE_RANGE("queues", 1, INT64_MAX, "must be positive"),
	RULE_CALL(NULL, check_hand),
	{ 0 },
};

static void check_response(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str type = json_mut_get_str(v, "type");
	yyjson_mut_val *queuing = yyjson_mut_obj_get(v, "queuing");
	const struct field_path *here = FIELD_NAME(path, "queuing");

	if (str_eq_c(type, "Reject")) {
		if (queuing)
			field_forbidden(s->errors, here,
					"must be nil if limited.limitResponse.type is not Limited");
	} else if (!str_eq_c(type, "Queue")) {
		field_unsupported(s->errors, FIELD_NAME(path, "type"), type, "Queue|Reject");
	} else if (!queuing) {
		field_required(s->errors, here,
			       "must not be empty if limited.limitResponse.type is Limited");
	} else {
		rules_check(s, queuing_rules, here, queuing);
	}
}

static const struct rule limited_rules[] = {
	RULE_RANGE("nominalConcurrencyShares", 0, INT64_MAX, "must be a non-negative integer"),
	RULE_CALL("limitResponse", check_response),
	RULE_RANGE("lendablePercent", 0, 100, "must be between 0 and 100, inclusive"),
	RULE_RANGE("borrowingLimitPercent", 0, INT64_MAX,
		   "if specified, must be a non-negative integer"),
	{ 0 },
};

static const struct rule exempt_rules[] = {
	RULE_RANGE("nominalConcurrencyShares", 0, INT64_MAX, "must be a non-negative integer"),
	RULE_RANGE("lendablePercent", 0, 100, "must be between 0 and 100, inclusive"),
	{ 0 },
};

static void check_level(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str name = json_mut_get_str(s->edit->root, "metadata.name"),
		   type = json_mut_get_str(v, "type");
	yyjson_mut_val *limited = yyjson_mut_obj_get(v, "limited"),
		       *exempt = yyjson_mut_obj_get(v, "exempt");
	bool is_exempt = str_eq_c(type, "Exempt");

	if (is_exempt != str_eq_c(name, "exempt"))
		field_invalid_str(s->errors, FIELD_NAME(path, "type"), type,
				  "type must be 'Exempt' if and only if name is 'exempt'");
	if (is_exempt && limited)
		field_forbidden(s->errors, FIELD_NAME(path, "limited"),
				"must be nil if the type is not Limited");
	if (is_exempt)
		rules_check(s, exempt_rules, FIELD_NAME(path, "exempt"), exempt);
	if (str_eq_c(type, "Limited")) {
		if (exempt)
			field_forbidden(s->errors, FIELD_NAME(path, "exempt"),
					"must be nil if the type is Limited");
		if (limited)
			rules_check(s, limited_rules, FIELD_NAME(path, "limited"), limited);
		else
			field_required(s->errors, FIELD_NAME(path, "limited"),
				       "must not be empty when type is Limited");
	} else if (!is_exempt) {
		field_unsupported(s->errors, FIELD_NAME(path, "type"), type, "Exempt|Limited");
	}
}

static const struct rule level_rules[] = { RULE_CALL("spec", check_level), { 0 } };

static void prioritylevel_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, level_rules, errors);
}

static void prioritylevel_validate_update(struct edit *e, struct field_errors *errors)
{
	if (str_eq_c(json_mut_get_str(e->root, "metadata.name"), "catch-all"))
		check_fixed(e, errors);
}

const struct strategy strategy_prioritylevel = {
	.prepare_status_update = meta_keep_for_status,
	.cells = prioritylevel_cells,
	.validate = prioritylevel_validate,
	.validate_update = prioritylevel_validate_update,
	.validate_status_update = check_conditions,
};
