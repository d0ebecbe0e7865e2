/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a policy in their order: the first that matches says how much of a request is kept. */
#include "apiserver/audit.h"

static const char *const level_names[] = { [AUDIT_NONE] = "None",
					   [AUDIT_METADATA] = "Metadata",
					   [AUDIT_REQUEST] = "Request",
					   [AUDIT_REQUEST_RESPONSE] = "RequestResponse" };
static const char *const stage_names[] = { [AUDIT_REQUEST_RECEIVED] = "RequestReceived",
					   [AUDIT_RESPONSE_STARTED] = "ResponseStarted",
					   [AUDIT_RESPONSE_COMPLETE] = "ResponseComplete",
					   [AUDIT_PANIC] = "Panic" };

const char *audit_level_name(enum audit_level level)
{
	return level_names[level];
}

const char *audit_stage_name(enum audit_stage stage)
{
	return stage_names[stage];
}

static size_t index_of(const char *const *names, size_t count, struct str name)
{
	size_t i = 0;

	while (i < count && !str_eq_c(name, names[i]))
		i++;
	return i;
}

static int check_stages(yyjson_val *list, struct err *err)
{
	JSON_EACH (item, list)
		if (index_of(stage_names, ARRAY_COUNT(stage_names), json_str(item)) ==
		    ARRAY_COUNT(stage_names))
			return err_set(err, ERR_INVALID,
				       "omitStages: Invalid value: \"" STR_FMT
				       "\": allowed stages are RequestReceived, ResponseStarted, "
				       "ResponseComplete, Panic",
				       STR_ARG(json_str(item)));
	return 0;
}

static int check_rule(yyjson_val *rule, struct err *err)
{
	struct str level = json_get_str(rule, "level");
	bool is_resource = json_get_count(rule, "resources") || json_get_count(rule, "namespaces");

	if (index_of(level_names, ARRAY_COUNT(level_names), level) == ARRAY_COUNT(level_names))
		return err_set(err, ERR_INVALID,
			       "level: Unsupported value: \"" STR_FMT
			       "\": supported values: \"None\", \"Metadata\", \"Request\", "
			       "\"RequestResponse\"",
			       STR_ARG(level));
	if (is_resource && json_get_count(rule, "nonResourceURLs"))
		return err_set(err, ERR_INVALID,
			       "nonResourceURLs: Invalid value: rules cannot apply to both regular "
			       "resources and non-resource URLs");
	return check_stages(json_get(rule, "omitStages"), err);
}

int audit_policy_check(yyjson_val *policy, struct err *err)
{
	size_t i = 0;

	if (!str_eq_c(json_get_str(policy, "kind"), "Policy") ||
	    !str_eq_c(json_get_str(policy, "apiVersion"), "audit.k8s.io/v1"))
		return err_set(err, ERR_INVALID,
			       "kind and apiVersion are not Policy of audit.k8s.io/v1");
	if (!json_get_count(policy, "rules"))
		return err_set(err, ERR_INVALID, "loaded illegal policy with 0 rules");
	JSON_EACH (rule, json_get(policy, "rules")) {
		if (check_rule(rule, err) < 0)
			return err_wrap(err, "rules[%zu]", i);
		i++;
	}
	return check_stages(json_get(policy, "omitStages"), err);
}

/* --- matching --- */

static bool has(yyjson_val *list, struct str wanted)
{
	JSON_EACH (item, list)
		if (str_eq(json_str(item), wanted))
			return true;
	return false;
}

static bool is_of(yyjson_val *rule, const struct user *user)
{
	yyjson_val *users = json_get(rule, "users"), *groups = json_get(rule, "userGroups");

	if (yyjson_arr_size(users) && (!user || !has(users, user->name)))
		return false;
	if (!yyjson_arr_size(groups))
		return true;
	for (size_t i = 0; user && i < user->group_count; i++)
		if (has(groups, user->groups[i]))
			return true;
	return false;
}

/* "pods", "pods/log", "pods" with any subresource, any resource with one, all. */
static bool names_resource(struct str pattern, const struct target *t)
{
	struct str resource, subresource;

	if (str_eq_c(pattern, "*"))
		return true;
	(void)str_cut(pattern, '/', &resource, &subresource); /* without '/' the second is empty */
	if (!str_eq_c(resource, "*") && !str_eq(resource, t->resource))
		return false;
	return str_eq(subresource, t->subresource) ||
	       (str_eq_c(subresource, "*") && t->subresource.len);
}

static bool lists_resource(yyjson_val *list, const struct target *t)
{
	JSON_EACH (item, list) {
		yyjson_val *names = json_get(item, "resourceNames"),
			   *resources = json_get(item, "resources");

		if (!str_eq(json_get_str(item, "group"), t->group))
			continue;
		if (!yyjson_arr_size(resources))
			return true;
		JSON_EACH (resource, resources)
			if (names_resource(json_str(resource), t) &&
			    (!yyjson_arr_size(names) || has(names, t->name)))
				return true;
	}
	return false;
}

static bool matches(yyjson_val *rule, const struct user *user, const struct target *t)
{
	yyjson_val *verbs = json_get(rule, "verbs"), *resources = json_get(rule, "resources"),
		   *namespaces = json_get(rule, "namespaces"),
		   *paths = json_get(rule, "nonResourceURLs");

	if (!is_of(rule, user) || (yyjson_arr_size(verbs) && !has(verbs, t->verb)))
		return false;
	if (!yyjson_arr_size(resources) && !yyjson_arr_size(namespaces) && !yyjson_arr_size(paths))
		return true;
	if (!t->is_resource)
		return target_path_listed(paths, t->path);
	if (!yyjson_arr_size(resources) && !yyjson_arr_size(namespaces))
		return false;
	return (!yyjson_arr_size(namespaces) || has(namespaces, t->namespace_)) &&
	       (!yyjson_arr_size(resources) || lists_resource(resources, t));
}

static void omit(yyjson_val *list, struct audit_wish *wish)
{
	JSON_EACH (item, list)
		for (size_t i = 0; i < AUDIT_STAGE_COUNT; i++)
			wish->omits[i] |= str_eq_c(json_str(item), stage_names[i]);
}

void audit_policy_decide(yyjson_val *policy, const struct user *user, const struct target *target,
			 struct audit_wish *ret)
{
	*ret = (struct audit_wish){ .level = AUDIT_NONE };
	JSON_EACH (rule, json_get(policy, "rules")) {
		if (!matches(rule, user, target))
			continue;
		ret->level = (enum audit_level)index_of(level_names, ARRAY_COUNT(level_names) - 1,
							json_get_str(rule, "level"));
		ret->omits_managed_fields = json_get_bool(
			rule, "omitManagedFields",
			json_get_bool(policy, "omitManagedFields", false));
		omit(json_get(policy, "omitStages"), ret);
		omit(json_get(rule, "omitStages"), ret);
		return;
	}
}
