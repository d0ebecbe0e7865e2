/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role based access from the objects themselves: bindings whose subjects name the user, and the
 * rules of the roles they refer to. Read from the registry's cache at each question; nothing is
 * kept beside it.
 */
#include "apiserver/rbac.h"

#include "apiserver/registry.h"

#define RBAC STR("rbac.authorization.k8s.io")

struct search {
	struct registry *registry;
	const struct authz_attributes *a;
	struct str namespace_; /* of role bindings; empty: cluster role bindings */
	bool allowed;
};

static bool has_item(yyjson_val *list, struct str wanted)
{
	JSON_EACH (item, list)
		if (str_eq_c(json_str(item), "*") || str_eq(json_str(item), wanted))
			return true;
	return false;
}

/* "pods", "pods/log", "*" for all; "*" with "/log" behind it: the logs of whatever has some. */
static bool has_resource(yyjson_val *list, const struct target *t)
{
	JSON_EACH (item, list) {
		struct str rule = json_str(item), resource, subresource;

		if (str_eq_c(rule, "*"))
			return true;
		(void)str_cut(rule, '/', &resource,
			      &subresource); /* without '/' the second is empty */
		if ((str_eq_c(resource, "*") || str_eq(resource, t->resource)) &&
		    str_eq(subresource, t->subresource))
			return true;
	}
	return false;
}

static bool has_path(yyjson_val *list, struct str path)
{
	JSON_EACH (item, list) {
		struct str pattern = json_str(item);

		if (str_strip_suffix(&pattern, STR("*")) ? str_has_prefix(path, pattern)
							 : str_eq(path, pattern))
			return true;
	}
	return false;
}

static bool has_name(yyjson_val *names, struct str name)
{
	if (!yyjson_arr_size(names))
		return true;
	JSON_EACH (item, names)
		if (str_eq(json_str(item), name))
			return true;
	return false;
}

static bool rule_allows(yyjson_val *rule, const struct target *t)
{
	if (!has_item(json_get(rule, "verbs"), t->verb))
		return false;
	if (!t->is_resource)
		return has_path(json_get(rule, "nonResourceURLs"), t->path);
	return has_item(json_get(rule, "apiGroups"), t->group) &&
	       has_resource(json_get(rule, "resources"), t) &&
	       has_name(json_get(rule, "resourceNames"), t->name);
}

static bool is_service_account(const struct user *user, struct str namespace_, struct str name)
{
	struct str rest = user->name;

	return str_strip_prefix(&rest, STR("system:serviceaccount:")) &&
	       str_strip_prefix(&rest, namespace_) && str_strip_prefix(&rest, STR(":")) &&
	       str_eq(rest, name);
}

static bool is_subject(const struct search *s, yyjson_val *subject)
{
	const struct user *user = s->a->user;
	struct str kind = json_get_str(subject, "kind"), name = json_get_str(subject, "name");
	struct str namespace_ = json_get_str(subject, "namespace");

	if (str_eq_c(kind, "User"))
		return str_eq(user->name, name);
	if (str_eq_c(kind, "ServiceAccount"))
		return is_service_account(user, namespace_.len ? namespace_ : s->namespace_, name);
	if (!str_eq_c(kind, "Group"))
		return false;
	for (size_t i = 0; i < user->group_count; i++)
		if (str_eq(user->groups[i], name))
			return true;
	return false;
}

static const struct obj *find_role(const struct search *s, yyjson_val *ref)
{
	struct str kind = json_get_str(ref, "kind"), name = json_get_str(ref, "name");
	bool is_cluster = str_eq_c(kind, "ClusterRole");

	if (!is_cluster && (!str_eq_c(kind, "Role") || !s->namespace_.len))
		return NULL;
	return registry_get(s->registry, kind_find(RBAC, STR("v1"), kind),
			    is_cluster ? STR_NONE : s->namespace_, name);
}

static bool check_binding(void *arg, const struct obj *binding)
{
	struct search *s = arg;
	const struct obj *role;
	bool ours = false;

	JSON_EACH (subject, json_get(binding->root, "subjects"))
		ours |= is_subject(s, subject);
	if (!ours)
		return true;
	role = find_role(s, json_get(binding->root, "roleRef"));
	JSON_EACH (rule, role ? json_get(role->root, "rules") : NULL)
		s->allowed |= rule_allows(rule, s->a->target);
	return !s->allowed;
}

enum authz_decision rbac_decide(struct registry *registry, const struct authz_attributes *a)
{
	struct search s = { .registry = registry, .a = a };

	registry_each(registry, kind_find(RBAC, STR("v1"), STR("ClusterRoleBinding")), STR_NONE,
		      check_binding, &s);
	if (!s.allowed && a->target->is_resource && a->target->namespace_.len) {
		s.namespace_ = a->target->namespace_;
		registry_each(registry, kind_find(RBAC, STR("v1"), STR("RoleBinding")),
			      s.namespace_, check_binding, &s);
	}
	return s.allowed ? AUTHZ_ALLOW : AUTHZ_NO_OPINION;
}
