/* SPDX-License-Identifier: Apache-2.0 */
/* Rules and selectors of webhooks and policies, in upstream's order of questions. */
#include "apiserver/admission_match.h"

#include "api/selector.h"

enum rule_scope { RULE_SCOPE_ANY, RULE_SCOPE_CLUSTER, RULE_SCOPE_NAMESPACED };

struct resource_rule {
	unsigned operations; /* enum admission_operation */
	enum rule_scope scope;
	struct str_list groups, versions, resources, names;
};

struct resource_rules {
	const struct resource_rule *rules;
	size_t count;
};

struct admission_filter {
	struct resource_rules rules, exclude_rules;
	struct selector namespaces, objects;
	bool is_exact, no_rules_match_all;
};

static const struct {
	enum admission_operation operation;
	struct str name;
} operations[] = {
	{ ADMISSION_CREATE, STR_INIT("CREATE") }, { ADMISSION_UPDATE, STR_INIT("UPDATE") },
	{ ADMISSION_DELETE, STR_INIT("DELETE") }, { ADMISSION_CONNECT, STR_INIT("CONNECT") },
	{ ADMISSION_ANY, STR_INIT("*") },
};

struct str admission_operation_name(enum admission_operation operation)
{
	for (size_t i = 0; i < ARRAY_COUNT(operations); i++)
		if (operations[i].operation == operation)
			return operations[i].name;
	return STR_NONE;
}

bool admission_is_configuration(const struct kind *kind)
{
	static const char *const plurals[] = {
		"validatingwebhookconfigurations", "mutatingwebhookconfigurations",
		"validatingadmissionpolicies",	   "validatingadmissionpolicybindings",
		"mutatingadmissionpolicies",	   "mutatingadmissionpolicybindings",
	};

	if (!str_eq_c(kind->group, "admissionregistration.k8s.io"))
		return false;
	for (size_t i = 0; i < ARRAY_COUNT(plurals); i++)
		if (str_eq_c(kind->plural, plurals[i]))
			return true;
	return false;
}

/* ---- compiling ---- */

static struct str_list read_list(struct arena *arena, yyjson_val *list)
{
	struct str *items = arena_array(arena, yyjson_arr_size(list) + 1, sizeof(*items));
	size_t count = 0;

	JSON_EACH (item, list)
		items[count++] = json_str(item);
	return (struct str_list){ items, count };
}

static enum rule_scope read_scope(struct str scope)
{
	if (str_eq_c(scope, "Cluster"))
		return RULE_SCOPE_CLUSTER;
	return str_eq_c(scope, "Namespaced") ? RULE_SCOPE_NAMESPACED : RULE_SCOPE_ANY;
}

static struct resource_rules read_rules(struct arena *arena, yyjson_val *list)
{
	struct resource_rule *rules = arena_array(arena, yyjson_arr_size(list) + 1, sizeof(*rules));
	size_t count = 0;

	JSON_EACH (from, list) {
		struct resource_rule *rule = &rules[count++];

		rule->scope = read_scope(json_get_str(from, "scope"));
		rule->groups = read_list(arena, json_get(from, "apiGroups"));
		rule->versions = read_list(arena, json_get(from, "apiVersions"));
		rule->resources = read_list(arena, json_get(from, "resources"));
		rule->names = read_list(arena, json_get(from, "resourceNames"));
		JSON_EACH (name, json_get(from, "operations"))
			for (size_t i = 0; i < ARRAY_COUNT(operations); i++)
				if (str_eq(json_str(name), operations[i].name))
					rule->operations |= operations[i].operation;
	}
	return (struct resource_rules){ rules, count };
}

static int read_selector(struct arena *arena, yyjson_val *from, struct selector *ret,
			 struct err *err)
{
	if (from && !yyjson_is_null(from))
		return selector_from_object(from, arena, ret, err);
	*ret = (struct selector){ 0 };
	return 0;
}

const struct admission_filter *admission_filter_new(struct arena *arena,
						    const struct admission_criteria *criteria,
						    struct err *err)
{
	struct admission_filter *filter = ARENA_NEW(arena, struct admission_filter);

	filter->rules = read_rules(arena, criteria->rules);
	filter->exclude_rules = read_rules(arena, criteria->exclude_rules);
	filter->is_exact = str_eq_c(criteria->match_policy, "Exact");
	filter->no_rules_match_all = criteria->no_rules_match_all;
	if (read_selector(arena, criteria->namespace_selector, &filter->namespaces, err) < 0 ||
	    read_selector(arena, criteria->object_selector, &filter->objects, err) < 0)
		return NULL;
	return filter;
}

/* ---- matching ---- */

static bool has_or_any(struct str_list list, struct str wanted)
{
	for (size_t i = 0; i < list.count; i++)
		if (str_eq_c(list.items[i], "*") || str_eq(list.items[i], wanted))
			return true;
	return false;
}

static bool scope_matches(const struct resource_rule *rule, const struct admission_request *request)
{
	bool is_cluster = request->kind == &kind_namespace || !request->namespace_.len;

	return rule->scope == RULE_SCOPE_ANY || is_cluster == (rule->scope == RULE_SCOPE_CLUSTER);
}

/* "pods", "pods/log", "pods" + "/" + "*", "*" (no subresources), or both parts "*". */
static bool resource_matches(struct str_list resources, struct str plural, struct str subresource)
{
	for (size_t i = 0; i < resources.count; i++) {
		struct str resource, part;

		(void)str_cut(resources.items[i], '/', &resource,
			      &part); /* without '/' the part is empty */
		if ((str_eq_c(resource, "*") || str_eq(resource, plural)) &&
		    (str_eq_c(part, "*") || str_eq(part, subresource)))
			return true;
	}
	return false;
}

static bool name_matches(struct str_list names, struct str name)
{
	if (!names.count)
		return true;
	for (size_t i = 0; i < names.count; i++)
		if (str_eq(names.items[i], name))
			return true;
	return false;
}

static bool rule_matches(const struct resource_rule *rule, const struct admission_request *request,
			 const struct kind *kind)
{
	return rule->operations & request->operation && scope_matches(rule, request) &&
	       has_or_any(rule->groups, kind->group) && has_or_any(rule->versions, kind->version) &&
	       resource_matches(rule->resources, kind->plural, request->subresource) &&
	       name_matches(rule->names, request->name);
}

/* Another version or group that serves the same stored objects, with the subresource. */
static bool is_equivalent(const struct kind *kind, const struct admission_request *request)
{
	if (kind == request->kind || kind->flags & KIND_UNSERVED)
		return false;
	if (kind->flags & KIND_CUSTOM) {
		const struct custom_version *a = custom_version_of(kind);
		const struct custom_version *b = custom_version_of(request->kind);

		if (!b || a->resource != b->resource)
			return false;
	} else if (kind_stored(kind) != kind_stored(request->kind)) {
		return false;
	}
	return !request->subresource.len || kind_subresource(kind, request->subresource);
}

static const struct kind *find_equivalent(const struct resource_rule *rule,
					  const struct admission_request *request)
{
	for (size_t i = 0; i < request->kinds->kind_count; i++) {
		const struct kind *kind = request->kinds->kinds[i];

		if (is_equivalent(kind, request) && rule_matches(rule, request, kind))
			return kind;
	}
	return NULL;
}

/* The kind by which a rule matches; NULL: none does. Earlier rules go first, but the request's own
 * version goes before all others. */
static const struct kind *rules_match(const struct admission_filter *filter,
				      const struct resource_rules *rules,
				      const struct admission_request *request)
{
	const struct kind *found = NULL;

	for (size_t i = 0; i < rules->count; i++)
		if (rule_matches(&rules->rules[i], request, request->kind))
			return request->kind;
	for (size_t i = 0; i < rules->count && !filter->is_exact && request->kinds && !found; i++)
		found = find_equivalent(&rules->rules[i], request);
	return found;
}

static bool object_matches(const struct selector *s, struct cel_value object)
{
	if (object.kind == CEL_NULL)
		return false;
	if (object.form == CEL_FORM_JSON_MUT)
		return selector_matches_mut(
			s,
			json_mut_get((yyjson_mut_val *)(uintptr_t)object.json, "metadata.labels"));
	return selector_matches(s,
				json_get((yyjson_val *)(uintptr_t)object.json, "metadata.labels"));
}

/* 1, 0, or < 0: the namespace whose labels decide is not there. */
static int namespace_matches(const struct admission_filter *filter,
			     const struct admission_request *request, struct err *err)
{
	bool is_own = request->kind == &kind_namespace;

	if (selector_is_everything(&filter->namespaces))
		return 1;
	if (is_own && !request->subresource.len &&
	    request->operation & (ADMISSION_CREATE | ADMISSION_UPDATE))
		return object_matches(&filter->namespaces, request->object);
	if (!is_own && !request->namespace_.len)
		return 1; /* what belongs to no namespace is exempted by none */
	if (!request->namespace_object)
		return err_set(err, ERR_NOT_FOUND, "namespaces \"" STR_FMT "\" not found",
			       STR_ARG(request->namespace_));
	return selector_matches(&filter->namespaces, request->namespace_object->labels);
}

int admission_filter_match(const struct admission_filter *filter,
			   const struct admission_request *request, const struct kind **ret_kind,
			   struct err *err)
{
	struct err missing = { 0 };
	int in_namespace = namespace_matches(filter, request, &missing);
	const struct kind *kind;

	if (!in_namespace)
		return 0;
	if (!selector_is_everything(&filter->objects) &&
	    !object_matches(&filter->objects, request->object) &&
	    !object_matches(&filter->objects, request->old_object))
		return 0;
	if (rules_match(filter, &filter->exclude_rules, request))
		return 0;
	if (!filter->rules.count && filter->no_rules_match_all)
		kind = request->kind;
	else
		kind = rules_match(filter, &filter->rules, request);
	if (!kind)
		return 0;
	if (in_namespace < 0) {
		if (err)
			*err = missing;
		return -1;
	}
	*ret_kind = kind;
	return 1;
}

/* ---- the request ---- */

static void set_kind(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *key,
		     const struct str parts[3])
{
	yyjson_mut_val *to = json_set_object(doc, root, key);

	json_set_str(doc, to, "group", parts[0]);
	json_set_str(doc, to, "version", parts[1]);
	json_set_str(doc, to, "kind", parts[2]);
}

static void set_resource(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *key,
			 const struct kind *kind)
{
	yyjson_mut_val *to = json_set_object(doc, root, key);

	json_set_str(doc, to, "group", kind->group);
	json_set_str(doc, to, "version", kind->version);
	json_set_str(doc, to, "resource", kind->plural);
}

static void set_if_any(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *key, struct str value)
{
	if (value.len)
		json_set_str(doc, root, key, value);
}

bool admission_is_converted(const struct admission_request *r, const struct kind *matched)
{
	return matched != r->kind && str_eq(r->body_kind, r->kind->name) &&
	       str_eq(r->body_group, r->kind->group);
}

void admission_request_write(const struct admission_request *r, const struct kind *matched,
			     yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	struct str own[3] = { r->body_group, r->body_version, r->body_kind };
	struct str as_matched[3] = { matched->group, matched->version, matched->name };

	set_kind(doc, root, "kind", admission_is_converted(r, matched) ? as_matched : own);
	set_resource(doc, root, "resource", matched);
	set_if_any(doc, root, "subResource", r->subresource);
	set_kind(doc, root, "requestKind", own);
	set_resource(doc, root, "requestResource", r->kind);
	set_if_any(doc, root, "requestSubResource", r->subresource);
	set_if_any(doc, root, "name", r->name);
	set_if_any(doc, root, "namespace", r->namespace_);
	json_set_str(doc, root, "operation", admission_operation_name(r->operation));
	user_write(r->user, doc, json_set_object(doc, root, "userInfo"));
	json_set_bool(doc, root, "dryRun", r->dry_run);
	if (r->options)
		json_set(doc, root, "options", json_mut_copy(doc, r->options));
}
