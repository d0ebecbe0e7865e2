/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a policy in their order: the first that matches says how much of a request is kept. */
#include "apiserver/audit.h"

#include "api/field.h"
#include "codec/name.h"

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

static struct str text_of(struct arena *arena, yyjson_val *list)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, ERR_MSG_BYTES);
	json_write(list, &text);
	return str_in(arena, buf_str(&text));
}

static void check_stages(yyjson_val *list, const struct field_path *path,
			 struct field_errors *errors)
{
	size_t i = 0;

	JSON_EACH (item, list) {
		const struct field_path *here = FIELD_INDEX(path, i++);

		if (index_of(stage_names, ARRAY_COUNT(stage_names), json_str(item)) ==
		    ARRAY_COUNT(stage_names))
			field_invalid_str(errors, here, json_str(item),
					  "allowed stages are RequestReceived,ResponseStarted,"
					  "ResponseComplete,Panic");
	}
}

static void check_level(struct str level, const struct field_path *path,
			struct field_errors *errors)
{
	if (!level.len)
		field_required(errors, path, "");
	else if (index_of(level_names, ARRAY_COUNT(level_names), level) == ARRAY_COUNT(level_names))
		field_unsupported(errors, path, level, "None|Metadata|Request|RequestResponse");
}

static void check_urls(yyjson_val *list, const struct field_path *path, struct field_errors *errors)
{
	size_t i = 0;

	JSON_EACH (item, list) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str url = json_str(item);
		size_t star = str_find_char(url, '*', 0);

		if (str_eq_c(url, "*"))
			continue;
		if (!str_has_prefix(url, STR("/")))
			field_invalid_str(errors, here, url,
					  "non-resource URL rules must begin with a '/' character");
		if (star != SIZE_MAX && star + 1 < url.len)
			field_invalid_str(errors, here, url,
					  "non-resource URL wildcards '*' must be the final "
					  "character of the rule");
	}
}

static void check_resources(yyjson_val *list, const struct field_path *path,
			    struct field_errors *errors)
{
	JSON_EACH (item, list) {
		struct str group = json_get_str(item, "group");
		const char *problem = name_subdomain_problem(group);

		if (group.len && !str_eq_c(group, "*") && problem)
			field_invalid_str(errors, FIELD_NAME(path, "group"), group,
					  name_problems_in(errors->arena, problem, ","));
		if (json_get_count(item, "resourceNames") && !json_get_count(item, "resources"))
			field_error_add(
				errors, FIELD_INVALID, FIELD_NAME(path, "resourceNames"),
				STR_FMT ": using resourceNames requires at least one "
					"resource",
				STR_ARG(text_of(errors->arena, json_get(item, "resourceNames"))));
	}
}

static void check_rule(yyjson_val *rule, const struct field_path *path, struct field_errors *errors)
{
	const struct field_path *urls_path = FIELD_NAME(path, "nonResourceURLs");
	yyjson_val *urls = json_get(rule, "nonResourceURLs");

	check_level(json_get_str(rule, "level"), FIELD_NAME(path, "level"), errors);
	check_urls(urls, urls_path, errors);
	check_resources(json_get(rule, "resources"), FIELD_NAME(path, "resources"), errors);
	check_stages(json_get(rule, "omitStages"), FIELD_NAME(path, "omitStages"), errors);
	if (yyjson_arr_size(urls) &&
	    (json_get_count(rule, "resources") || json_get_count(rule, "namespaces")))
		field_error_add(errors, FIELD_INVALID, urls_path,
				STR_FMT ": rules cannot apply to both regular resources and "
					"non-resource URLs",
				STR_ARG(text_of(errors->arena, urls)));
}

int audit_policy_check(yyjson_val *policy, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };
	struct field_errors errors;
	size_t i = 0;

	if (!str_eq_c(json_get_str(policy, "kind"), "Policy") ||
	    !str_eq_c(json_get_str(policy, "apiVersion"), "audit.k8s.io/v1"))
		return err_set(err, ERR_INVALID,
			       "kind and apiVersion are not Policy of audit.k8s.io/v1");
	if (!json_get_count(policy, "rules"))
		return err_set(err, ERR_INVALID, "loaded illegal policy with 0 rules");
	arena_init(&arena, ARENA_DEFAULT_MAX);
	field_errors_init(&errors, &arena);
	check_stages(json_get(policy, "omitStages"), FIELD_NAME(NULL, "omitStages"), &errors);
	JSON_EACH (rule, json_get(policy, "rules"))
		check_rule(rule, FIELD_INDEX(FIELD_NAME(NULL, "rules"), i++), &errors);
	if (!errors.count)
		return 0;
	buf_init(&text, ERR_MSG_BYTES);
	field_errors_write(&errors, &text);
	return err_set(err, ERR_INVALID, STR_FMT, STR_ARG(buf_str(&text)));
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

		struct str group = json_get_str(item, "group");

		if (!str_eq(group, t->group) && !str_eq_c(group, "*"))
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
