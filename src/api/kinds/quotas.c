/* SPDX-License-Identifier: Apache-2.0 */
/* ResourceQuota and LimitRange. */
#include "api/kinds/cells.h"
#include "api/kinds/resource_name.h"
#include "api/quantity.h"
#include "api/rules.h"
#include "codec/json_index.h"

#define SCOPES                                                                             \
	"BestEffort|CrossNamespacePodAffinity|NotBestEffort|NotTerminating|PriorityClass|" \
	"Terminating|VolumeAttributesClass"
#define POD_AMOUNTS "cpu|memory|limits.cpu|limits.memory|requests.cpu|requests.memory"
#define QUOTA_AMOUNTS                                                                          \
	POD_AMOUNTS "|pods|ephemeral-storage|requests.storage|requests.ephemeral-storage|"     \
		    "limits.ephemeral-storage|resourcequotas|services|replicationcontrollers|" \
		    "secrets|persistentvolumeclaims|configmaps|services.nodeports|services."   \
		    "loadbalancers"

/* ---- ResourceQuota ---- */

static bool scope_counts(struct str scope, struct str resource)
{
	if (str_eq_c(scope, "VolumeAttributesClass"))
		return schema_values_have(STR("persistentvolumeclaims|requests.storage"), resource);
	if (str_eq_c(scope, "BestEffort"))
		return str_eq_c(resource, "pods");
	return schema_values_have(STR("pods|" POD_AMOUNTS), resource);
}

static bool scope_fits(struct edit *e, struct str scope)
{
	JSON_MUT_MEMBERS (key, value, json_mut_get(e->root, "spec.hard"))
		if (value && schema_values_have(STR(QUOTA_AMOUNTS), json_mut_str(key)) &&
		    !scope_counts(scope, json_mut_str(key)))
			return false;
	return true;
}

static bool has_text(yyjson_mut_val *list, const char *key, const char *text)
{
	JSON_MUT_EACH (item, list)
		if (str_eq_c(key ? json_mut_get_str(item, key) : json_mut_str(item), text))
			return true;
	return false;
}

static bool is_torn(yyjson_mut_val *list, const char *key)
{
	return (has_text(list, key, "BestEffort") && has_text(list, key, "NotBestEffort")) ||
	       (has_text(list, key, "Terminating") && has_text(list, key, "NotTerminating"));
}

static void check_scopes(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	JSON_MUT_EACH (scope, v) {
		if (!schema_values_have(STR(SCOPES), json_mut_str(scope)))
			field_invalid_val(s->errors, path, v, "unsupported scope");
		else if (!scope_fits(s->edit, json_mut_str(scope)))
			field_invalid_val(s->errors, path, v,
					  "unsupported scope applied to resource");
	}
	if (is_torn(v, NULL))
		field_invalid_val(s->errors, path, v, "conflicting scopes");
}

static void check_scope_values(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	struct str operator= json_mut_get_str(v, "operator"),
		   scope = json_mut_get_str(v, "scopeName");
	yyjson_mut_val *values = yyjson_mut_obj_get(v, "values");
	const struct field_path *here = FIELD_NAME(path, "values");

	if (schema_values_have(STR("BestEffort|NotBestEffort|Terminating|NotTerminating|"
				   "CrossNamespacePodAffinity"),
			       scope) &&
	    !str_eq_c(operator, "Exists"))
		field_invalid_str(
			s->errors, FIELD_NAME(path, "operator"), operator,
			"must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, "
			"ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
			"ResourceQuotaScopeNotBestEffort or "
			"ResourceQuotaScopeCrossNamespacePodAffinity");
	if (schema_values_have(STR("In|NotIn"), operator)) {
		if (!yyjson_mut_arr_size(values))
			field_required(s->errors, here,
				       "must be at least one value when `operator` is 'In' or "
				       "'NotIn' for scope selector");
	} else if (!schema_values_have(STR("Exists|DoesNotExist"), operator)) {
		field_invalid_str(s->errors, FIELD_NAME(path, "operator"), operator,
				  "not a valid selector operator");
	} else if (yyjson_mut_arr_size(values)) {
		field_invalid_val(
			s->errors, here, values,
			"must be no value when `operator` is 'Exist' or 'DoesNotExist' for "
			"scope selector");
	}
}

/* Upstream names the list, not the item. */
static void check_scope_selector(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *v)
{
	const struct field_path *here = FIELD_NAME(path, "matchExpressions");
	yyjson_mut_val *list = yyjson_mut_obj_get(v, "matchExpressions");

	JSON_MUT_EACH (requirement, list) {
		struct str scope = json_mut_get_str(requirement, "scopeName");

		if (!schema_values_have(STR(SCOPES), scope))
			field_invalid_str(s->errors, FIELD_NAME(here, "scopeName"), scope,
					  "unsupported scope");
		else if (!scope_fits(s->edit, scope))
			field_invalid_val(s->errors, here, v,
					  "unsupported scope applied to resource");
		check_scope_values(s, here, requirement);
	}
	if (is_torn(list, "scopeName"))
		field_invalid_val(s->errors, here, yyjson_mut_obj_get(v, "scopes"),
				  "conflicting scopes");
}

static void check_hard(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	JSON_MUT_MEMBERS (key, value, v) {
		const struct field_path *here = FIELD_KEY(path, json_mut_str(key));

		resource_check_quota_name(s->errors, here, json_mut_str(key));
		resource_check_value(s->errors, here, json_mut_str(key), json_mut_str(value));
	}
}

static const struct rule quota_spec_rules[] = {
	RULE_CALL("hard", check_hard),
	RULE_CALL("scopes", check_scopes),
	RULE_CALL("scopeSelector", check_scope_selector),
	{ 0 },
};

static const struct rule quota_rules[] = { RULE_INSIDE("spec", quota_spec_rules), { 0 } };

static const struct rule quota_status_rules[] = {
	RULE_CALL("hard", check_hard),
	RULE_CALL("used", check_hard),
	{ 0 },
};

static const struct rule quota_update_rules[] = { RULE_INSIDE("status", quota_status_rules),
						  { 0 } };

static void quota_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, quota_rules, errors);
}

static void quota_validate_status(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, quota_update_rules, errors);
}

/* Their order may change. */
static void quota_validate_update(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *now = json_mut_get(e->root, "spec.scopes");
	yyjson_val *old = json_get(e->old, "spec.scopes");
	AUTO_JSON_INDEX before = { .slots = NULL };
	AUTO_JSON_INDEX after = { .slots = NULL };
	bool same = true;

	json_index_init_of(&before, old, NULL);
	json_index_init_of_mut(&after, now, NULL);
	JSON_EACH (scope, old)
		same &= json_index_get(&after, json_str(scope)) != NULL;
	JSON_MUT_EACH (scope, now)
		same &= json_index_get(&before, json_mut_str(scope)) != NULL;
	if (!same)
		field_invalid_val(errors, FIELD_NAME(FIELD_NAME(NULL, "spec"), "scopes"), now,
				  "field is immutable");
}

const struct strategy strategy_quota = {
	.validate = quota_validate,
	.validate_status_update = quota_validate_status,
	.validate_update = quota_validate_update,
	.cells = quota_cells,
};

/* ---- LimitRange ---- */

static void fill_from(struct edit *e, yyjson_mut_val *item, const char *to, const char *from)
{
	yyjson_mut_val *source = yyjson_mut_obj_get(item, from), *target;

	if (!yyjson_mut_obj_size(source))
		return;
	target = json_ensure_object(e->doc, item, to);
	json_fill(e->doc, target, source);
}

static void limitrange_default(struct edit *e)
{
	JSON_MUT_EACH (item, json_mut_get(e->root, "spec.limits")) {
		if (!str_eq_c(json_mut_get_str(item, "type"), "Container"))
			continue;
		fill_from(e, item, "default", "max");
		fill_from(e, item, "defaultRequest", "default");
		fill_from(e, item, "defaultRequest", "min");
	}
}

/* The amounts of one limit, by the names of resources. */
enum amounts { MAX, MIN, DEFAULT, DEFAULT_REQUEST, AMOUNTS_COUNT };

static const char *const amounts_names[] = {
	[MAX] = "max", [MIN] = "min", [DEFAULT] = "default", [DEFAULT_REQUEST] = "defaultRequest"
};

struct limit {
	bool is_of_pods;
	struct json_index amounts[AMOUNTS_COUNT];
};

static struct str amount_of(const struct limit *limit, enum amounts which, struct str name)
{
	return json_mut_str(json_index_get(&limit->amounts[which], name));
}

/* What must not be more than what; said of a member. */
static const struct {
	enum amounts less;
	const char *less_text;
	enum amounts more;
	const char *more_text;
	enum amounts said_of;
	bool shows_more; /* as the value */
} orders[] = {
	{ MIN, "min value", MAX, "max value", MIN, false },
	{ MIN, "min value", DEFAULT_REQUEST, "default request value", DEFAULT_REQUEST, true },
	{ DEFAULT_REQUEST, "default request value", MAX, "max value", DEFAULT_REQUEST, false },
	{ DEFAULT_REQUEST, "default request value", DEFAULT, "default limit value", DEFAULT_REQUEST,
	  false },
	{ MIN, "min value", DEFAULT, "default value", DEFAULT, false },
	{ DEFAULT, "default value", MAX, "max value", DEFAULT, true },
};

static void check_orders(const struct scope *s, const struct field_path *path,
			 const struct limit *limit, struct str name)
{
	/* of pods only the first: they have no defaults */
	for (size_t i = 0; i < (limit->is_of_pods ? 1 : ARRAY_COUNT(orders)); i++) {
		struct str less = amount_of(limit, orders[i].less, name),
			   more = amount_of(limit, orders[i].more, name);
		struct quantity a, b;

		if (quantity_parse(less, &a, NULL) < 0 || quantity_parse(more, &b, NULL) < 0 ||
		    quantity_cmp(&a, &b) <= 0)
			continue;
		field_invalid_str(
			s->errors,
			FIELD_KEY(FIELD_NAME(path, amounts_names[orders[i].said_of]), name),
			orders[i].shows_more ? more : less,
			str_printf_in(s->errors->arena,
				      "%s " STR_FMT " is greater than %s " STR_FMT,
				      orders[i].less_text, STR_ARG(less), orders[i].more_text,
				      STR_ARG(more))
				.ptr);
	}
}

static void check_ratio(const struct scope *s, const struct field_path *path,
			const struct limit *limit, struct str name, struct str text)
{
	struct str min_text = amount_of(limit, MIN, name), max_text = amount_of(limit, MAX, name);
	struct quantity ratio, min, max;
	double most;

	if (quantity_parse(text, &ratio, NULL) < 0)
		return;
	if (ratio.nano < INT64_C(1000000000))
		field_invalid_str(s->errors, path, text,
				  str_printf_in(s->errors->arena,
						"ratio " STR_FMT " is less than 1", STR_ARG(text))
					  .ptr);
	if (quantity_parse(min_text, &min, NULL) < 0 || quantity_parse(max_text, &max, NULL) < 0 ||
	    min.nano <= 0)
		return;
	most = (double)max.nano / (double)min.nano;
	if ((double)ratio.nano / 1e9 > most)
		field_invalid_str(s->errors, path, text,
				  str_printf_in(s->errors->arena,
						"ratio " STR_FMT " is greater than max/min = %f",
						STR_ARG(text), most)
					  .ptr);
}

static void check_limit_names(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *item)
{
	static const char *const lists[] = { "max", "min", "default", "defaultRequest",
					     "maxLimitRequestRatio" };
	struct str type = json_mut_get_str(item, "type");
	bool of_pod = str_eq_c(type, "Pod"), of_container = str_eq_c(type, "Container");

	for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
		const struct field_path *here = FIELD_NAME(path, lists[i]);
		yyjson_mut_val *list = yyjson_mut_obj_get(item, lists[i]);

		if (of_pod && (i == 2 || i == 3)) {
			if (yyjson_mut_obj_size(list))
				field_forbidden(s->errors, here,
						"may not be specified when `type` is 'Pod'");
			continue;
		}
		JSON_MUT_MEMBERS (key, value, list) {
			struct str name = json_mut_str(key);

			if (value && (of_pod || of_container))
				resource_check_container_name(s->errors, FIELD_KEY(here, name),
							      name);
			else if (value)
				resource_check_name(s->errors, FIELD_KEY(here, name), name);
		}
	}
}

/* Each name once, in the first list that has it. */
static void check_all_orders(const struct scope *s, const struct field_path *path,
			     const struct limit *limit, yyjson_mut_val *v)
{
	for (size_t i = 0; i < AMOUNTS_COUNT; i++)
		JSON_MUT_MEMBERS (key, value, yyjson_mut_obj_get(v, amounts_names[i])) {
			bool seen = false;

			for (size_t k = 0; k < i; k++)
				seen |= json_index_get(&limit->amounts[k], json_mut_str(key)) !=
					NULL;
			if (value && !seen)
				check_orders(s, path, limit, json_mut_str(key));
		}
}

static void check_limit(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct limit limit;
	struct str type = json_mut_get_str(v, "type");

	if (name_qualified_problem(type))
		field_invalid_str(s->errors, FIELD_NAME(path, "type"), type,
				  name_qualified_problem(type));
	else if (str_find_char(type, '/', 0) == SIZE_MAX &&
		 !schema_values_have(STR("Pod|Container|PersistentVolumeClaim"), type))
		field_invalid_str(s->errors, FIELD_NAME(path, "type"), type,
				  "must be a standard limit type or fully qualified");
	check_limit_names(s, path, v);
	if (str_eq_c(type, "PersistentVolumeClaim") && !json_mut_get(v, "min.storage") &&
	    !json_mut_get(v, "max.storage"))
		field_required(s->errors, FIELD_NAME(path, "limits"),
			       "either minimum or maximum storage value is required, but neither "
			       "was provided");
	limit.is_of_pods = str_eq_c(type, "Pod");
	for (size_t i = 0; i < AMOUNTS_COUNT; i++)
		json_index_init_members_mut(&limit.amounts[i],
					    yyjson_mut_obj_get(v, amounts_names[i]));
	check_all_orders(s, path, &limit, v);
	JSON_MUT_MEMBERS (name, ratio, yyjson_mut_obj_get(v, "maxLimitRequestRatio"))
		check_ratio(s,
			    FIELD_KEY(FIELD_NAME(path, "maxLimitRequestRatio"), json_mut_str(name)),
			    &limit, json_mut_str(name), json_mut_str(ratio));
	for (size_t i = 0; i < AMOUNTS_COUNT; i++)
		json_index_deinit(&limit.amounts[i]);
}

static const struct rule limit_rules[] = { RULE_CALL(NULL, check_limit), { 0 } };
static const struct rule limits_rules[] = { RULE_EACH_BY("limits", "type", limit_rules), { 0 } };
static const struct rule limitrange_rules[] = { RULE_INSIDE("spec", limits_rules), { 0 } };

static void limitrange_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, limitrange_rules, errors);
}

const struct strategy strategy_limitrange = { .default_object = limitrange_default,
					      .validate = limitrange_validate };
