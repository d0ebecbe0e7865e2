/* SPDX-License-Identifier: Apache-2.0 */
/* Access reviews: what may be asked, and the authorizers' answer with its reason. */
#include "apiserver/authz.h"
#include "apiserver/authz_node.h"
#include "apiserver/limits.h"
#include "apiserver/rbac.h"
#include "apiserver/review.h"
#include "codec/name.h"

#define SPEC FIELD_NAME(NULL, "spec")

/* --- what is asked --- */

static int refuse_fields(struct review *r, const struct field_errors *errors)
{
	struct refusal *refusal = &r->e->refusal;

	if (!errors->count)
		return 0;
	for (size_t i = 0; i < errors->count; i++)
		refusal_add_cause(refusal,
				  (struct refusal_cause){ .reason = str_from(field_error_reason(
								  errors->items[i].type)),
							  .message = errors->items[i].message,
							  .field = errors->items[i].field });
	return refusal_invalid(refusal,
			       (struct subject){ r->e->kind->group, r->e->kind->name, STR("") });
}

/* Operators that are not known are let through: a newer server that asks may know them. */
static void check_operator(yyjson_mut_val *requirement, const struct field_path *path,
			   struct field_errors *errors)
{
	struct str operator= json_mut_get_str(requirement, "operator");
	size_t count = json_mut_get_count(requirement, "values");

	path = FIELD_NAME(path, "values");
	if (schema_values_have(STR("In|NotIn"), operator) && !count)
		field_required(errors, path,
			       "must be specified when `operator` is 'In' or 'NotIn'");
	if (schema_values_have(STR("Exists|DoesNotExist"), operator) && count)
		field_forbidden(errors, path,
				"may not be specified when `operator` is 'Exists' or "
				"'DoesNotExist'");
}

static void check_field(yyjson_mut_val *requirement, const struct field_path *path,
			struct field_errors *errors)
{
	if (!json_mut_get_str(requirement, "key").len)
		field_required(errors, FIELD_NAME(path, "key"), "must be specified");
	check_operator(requirement, path, errors);
}

static void check_label(yyjson_mut_val *requirement, const struct field_path *path,
			struct field_errors *errors)
{
	const struct field_path *values = FIELD_NAME(path, "values");
	struct str key = json_mut_get_str(requirement, "key");
	const char *problem = name_qualified_problem(key);
	size_t i = 0;

	check_operator(requirement, path, errors);
	if (problem)
		field_invalid_str(errors, FIELD_NAME(path, "key"), key, problem);
	JSON_MUT_EACH (value, json_mut_get(requirement, "values")) {
		problem = name_label_value_problem(json_mut_str(value));
		if (problem)
			field_invalid_str(errors, FIELD_INDEX(values, i), json_mut_str(value),
					  problem);
		i++;
	}
}

static const struct narrowing {
	const char *name;
	void (*check)(yyjson_mut_val *requirement, const struct field_path *path,
		      struct field_errors *errors);
} narrowings[] = { { "fieldSelector", check_field }, { "labelSelector", check_label } };

static void check_selector(const struct review *r, const struct narrowing *how,
			   struct field_errors *errors)
{
	const char *name = how->name;
	const struct field_path *path = FIELD_NAME(FIELD_NAME(SPEC, "resourceAttributes"), name);
	yyjson_mut_val *selector = json_mut_get(json_mut_get(r->spec, "resourceAttributes"), name);
	struct str raw = json_mut_get_str(selector, "rawSelector");
	size_t count = json_mut_get_count(selector, "requirements"), i = 0;

	if (!selector)
		return;
	if (raw.len && count)
		field_invalid_str(errors, FIELD_NAME(path, "rawSelector"), raw,
				  "may not specified at the same time as requirements");
	if (!raw.len && !count)
		field_error_add(errors, FIELD_REQUIRED, FIELD_NAME(path, "requirements"),
				"when spec.resourceAttributes.%s is specified, "
				"requirements or rawSelector is required",
				name);
	path = FIELD_NAME(path, "requirements");
	JSON_MUT_EACH (requirement, json_mut_get(selector, "requirements"))
		how->check(requirement, FIELD_INDEX(path, i++), errors);
}

static void check_attributes(const struct review *r, struct field_errors *errors)
{
	yyjson_mut_val *resource = json_mut_get(r->spec, "resourceAttributes"),
		       *path = json_mut_get(r->spec, "nonResourceAttributes");

	if (resource && path)
		field_invalid_val(errors, FIELD_NAME(SPEC, "nonResourceAttributes"), path,
				  "cannot be specified in combination with resourceAttributes");
	if (!resource && !path)
		field_error_add(errors, FIELD_INVALID, FIELD_NAME(SPEC, "resourceAttributes"),
				"null: exactly one of nonResourceAttributes or "
				"resourceAttributes must be specified");
}

static void check_selectors(const struct review *r, struct field_errors *errors)
{
	for (size_t i = 0; i < ARRAY_COUNT(narrowings); i++)
		check_selector(r, &narrowings[i], errors);
}

/* It is no object: a name would mean nothing. */
static void check_metadata(const struct review *r, bool is_local, struct field_errors *errors)
{
	yyjson_mut_val *metadata = json_mut_get(r->root, "metadata");

	JSON_MUT_MEMBERS (key, value, metadata) {
		struct str name = json_mut_str(key);

		(void)value;
		if (str_eq_c(name, "managedFields") || (is_local && str_eq_c(name, "namespace")))
			continue;
		field_invalid_val(errors, FIELD_NAME(NULL, "metadata"), metadata,
				  is_local ? "must be empty except for namespace"
					   : "must be empty");
		return;
	}
}

static void check_user(const struct review *r, struct field_errors *errors)
{
	if (!json_mut_get_str(r->spec, "user").len && !json_mut_get_count(r->spec, "groups"))
		field_invalid_str(errors, FIELD_NAME(SPEC, "user"), STR(""),
				  "at least one of user or group must be specified");
}

/* --- who --- */

static struct str_list strings_of(struct arena *arena, yyjson_mut_val *list)
{
	struct str *items = arena_array(arena, yyjson_mut_arr_size(list) + 1, sizeof(items[0]));
	size_t count = 0;

	JSON_MUT_EACH (item, list)
		items[count++] = json_mut_str(item);
	return (struct str_list){ items, count };
}

static struct user user_of(struct review *r)
{
	struct arena *arena = r->e->arena;
	yyjson_mut_val *extra = json_mut_get(r->spec, "extra");
	struct user_extra *extras = arena_array(arena, yyjson_mut_obj_size(extra) + 1,
						sizeof(extras[0]));
	struct str_list groups = strings_of(arena, json_mut_get(r->spec, "groups"));
	struct user user = { .name = json_mut_get_str(r->spec, "user"),
			     .uid = json_mut_get_str(r->spec, "uid"),
			     .groups = groups.items,
			     .group_count = groups.count,
			     .extras = extras };

	JSON_MUT_MEMBERS (key, value, extra)
		extras[user.extra_count++] = (struct user_extra){ json_mut_str(key),
								  strings_of(arena, value) };
	return user;
}

/* --- selectors: what cannot be read narrows nothing --- */

/* "a=b,c!=d" as it would stand in a request's query. */
static void read_raw_fields(struct review *r, struct str raw, struct field_selector *ret)
{
	struct field_requirement *items;
	struct str term;
	size_t room = 1;

	if (raw.len > REQUEST_URI_BYTES_MAX)
		return;
	for (size_t i = 0; i < raw.len; i++)
		room += raw.ptr[i] == ',';
	items = arena_array(r->e->arena, room, sizeof(items[0]));
	while (raw.len && str_next_part(&raw, ',', &term)) {
		struct field_requirement *item = &items[ret->count];

		if (!str_cut(term, '=', &item->field, &item->value))
			continue;
		(void)str_strip_prefix(&item->value, STR("="));
		item->negated = str_strip_suffix(&item->field, STR("!"));
		ret->count++;
	}
	ret->requirements = items;
}

static void read_fields(struct review *r, yyjson_mut_val *selector, struct field_selector *ret)
{
	yyjson_mut_val *list = json_mut_get(selector, "requirements");
	struct field_requirement *items;

	if (!list) {
		read_raw_fields(r, json_mut_get_str(selector, "rawSelector"), ret);
		return;
	}
	items = arena_array(r->e->arena, yyjson_mut_arr_size(list) + 1, sizeof(items[0]));
	JSON_MUT_EACH (item, list) {
		struct str how = json_mut_get_str(item, "operator");
		yyjson_mut_val *values = json_mut_get(item, "values");

		/* of the operators only those that a query can say */
		if (yyjson_mut_arr_size(values) != 1 ||
		    !(str_eq_c(how, "In") || str_eq_c(how, "NotIn")))
			continue;
		items[ret->count++] = (struct field_requirement){
			.field = json_mut_get_str(item, "key"),
			.value = json_mut_str(yyjson_mut_arr_get_first(values)),
			.negated = str_eq_c(how, "NotIn"),
		};
	}
	ret->requirements = items;
}

/* --- the answer --- */

static int answer(struct review *r, const struct user *user)
{
	yyjson_mut_val *resource = json_mut_get(r->spec, "resourceAttributes");
	yyjson_mut_val *path = json_mut_get(r->spec, "nonResourceAttributes"),
		       *from = resource ? resource : path;
	struct target target = {
		.verb = json_mut_get_str(from, "verb"),
		.is_resource = resource != NULL,
		.path = json_mut_get_str(path, "path"),
		.group = json_mut_get_str(resource, "group"),
		.version = json_mut_get_str(resource, "version"),
		.resource = json_mut_get_str(resource, "resource"),
		.subresource = json_mut_get_str(resource, "subresource"),
		.name = json_mut_get_str(resource, "name"),
		.namespace_ = json_mut_get_str(resource, "namespace"),
	};
	struct authz_selectors selectors = { 0 };
	struct authz_reason reason = { .arena = r->e->arena };
	struct authz_attributes attributes = {
		.user = user,
		.target = &target,
		.selectors = &selectors,
		.reason = &reason,
		.wait = &r->e->wait,
	};
	enum authz_decision decision;

	read_fields(r, json_mut_get(resource, "fieldSelector"), &selectors.fields);
	decision = authz_decide(&r->e->server->registry, &attributes);
	if (decision == AUTHZ_LATER)
		return exchange_wait(r->e);
	json_set_bool(r->doc, r->status, "allowed", decision == AUTHZ_ALLOW);
	if (decision == AUTHZ_DENY)
		json_set_bool(r->doc, r->status, "denied", true);
	if (reason.text.len)
		json_set_str(r->doc, r->status, "reason", reason.text);
	if (reason.error.len)
		json_set_str(r->doc, r->status, "evaluationError", reason.error);
	return 0;
}

int review_self_access(struct review *r)
{
	struct field_errors errors;

	field_errors_init(&errors, r->e->arena);
	check_attributes(r, &errors);
	check_selectors(r, &errors);
	check_metadata(r, false, &errors);
	if (refuse_fields(r, &errors) < 0)
		return -1;
	return answer(r, r->e->user);
}

int review_access(struct review *r)
{
	struct field_errors errors;
	struct user user;

	field_errors_init(&errors, r->e->arena);
	check_attributes(r, &errors);
	check_user(r, &errors);
	check_selectors(r, &errors);
	check_metadata(r, false, &errors);
	if (refuse_fields(r, &errors) < 0)
		return -1;
	user = user_of(r);
	return answer(r, &user);
}

int review_local_access(struct review *r)
{
	const struct field_path *resource = FIELD_NAME(SPEC, "resourceAttributes");
	struct str namespace_ = r->e->target.namespace_,
		   given = json_mut_get_str(r->root, "metadata.namespace"), asked;
	struct field_errors errors;
	struct user user;

	if (given.len && !str_eq(given, namespace_))
		return refusal_bad_request(&r->e->refusal, "the namespace of the provided object "
							   "does not match the namespace sent on "
							   "the request");
	field_errors_init(&errors, r->e->arena);
	check_attributes(r, &errors);
	check_user(r, &errors);
	check_selectors(r, &errors);
	check_metadata(r, true, &errors);
	asked = json_mut_get_str(r->spec, "resourceAttributes.namespace");
	if (json_mut_get(r->spec, "resourceAttributes") && !str_eq(asked, namespace_))
		field_invalid_str(&errors, FIELD_NAME(resource, "namespace"), asked,
				  "must match metadata.namespace");
	if (json_mut_get(r->spec, "nonResourceAttributes"))
		field_invalid_val(&errors, FIELD_NAME(SPEC, "nonResourceAttributes"),
				  json_mut_get(r->spec, "nonResourceAttributes"),
				  "disallowed on this kind of request");
	if (refuse_fields(r, &errors) < 0)
		return -1;
	user = user_of(r);
	return answer(r, &user);
}

/* --- what may I --- */

static bool take_rule(void *arg, yyjson_val *rule)
{
	struct review *r = arg;
	bool is_resource = json_get_count(rule, "resources") > 0;
	static const char *const fields[] = { "verbs", "apiGroups", "resources", "resourceNames",
					      "nonResourceURLs" };
	yyjson_mut_val *list = json_mut_get(r->status,
					    is_resource ? "resourceRules" : "nonResourceRules"),
		       *item = json_append_object(r->doc, list);

	for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
		if (json_get_count(rule, fields[i]))
			json_set(r->doc, item, fields[i], json_copy_at(r->doc, rule, fields[i]));
	return true;
}

int review_self_rules(struct review *r)
{
	struct str namespace_ = json_mut_get_str(r->spec, "namespace"), node;
	bool is_node = user_is_node(r->e->user, &node);

	if (!namespace_.len)
		return refusal_bad_request(&r->e->refusal, "no namespace on request");
	(void)json_set_array(r->doc, r->status, "resourceRules");
	(void)json_set_array(r->doc, r->status, "nonResourceRules");
	rbac_each_rule(r->e->server->registry.rbac, r->e->user, namespace_, take_rule, r);
	json_set_bool(r->doc, r->status, "incomplete", is_node);
	if (is_node)
		json_set_str(r->doc, r->status, "evaluationError",
			     STR("node authorizer does not support user rule resolution"));
	return 0;
}
