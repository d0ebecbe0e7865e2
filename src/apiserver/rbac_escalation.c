/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who writes a role must hold all that it grants, or have the verb "escalate" on it; who writes a
 * binding must hold all that the role grants, or have "bind" on the role.
 */
#include "apiserver/admission.h"
#include "apiserver/limits.h"
#include "apiserver/rbac.h"
#include "apiserver/rbac_rule.h"
#include "apiserver/registry.h"

#define API_GROUP "rbac.authorization.k8s.io"

static enum outcome may(struct operation *op, const char *verb, struct str resource,
			struct str namespace_, struct str name)
{
	struct target target = { .verb = str_from(verb),
				 .is_resource = true,
				 .group = STR(API_GROUP),
				 .version = STR("v1"),
				 .namespace_ = namespace_,
				 .resource = resource,
				 .name = name };
	struct authz_attributes attributes = { .user = op->who, .target = &target };

	return operation_authorize(op, &attributes);
}

struct owned {
	struct arena *arena;
	struct rbac_rules rules;
	size_t room;
};

static bool take_rule(void *arg, yyjson_val *rule)
{
	struct owned *owned = arg;

	if (owned->rules.count == owned->room) {
		yyjson_val **more;

		owned->room = owned->room ? 2 * owned->room : 64;
		more = arena_array(owned->arena, owned->room, sizeof(more[0]));
		if (owned->rules.count)
			memcpy(more, owned->rules.items, owned->rules.count * sizeof(more[0]));
		owned->rules.items = more;
	}
	owned->rules.items[owned->rules.count++] = rule;
	return true;
}

static struct str quote_groups(const struct user *user, struct arena *arena)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	buf_put_char(&text, '[');
	for (size_t i = 0; i < user->group_count; i++) {
		if (i)
			buf_put_char(&text, ' ');
		json_write_quoted(user->groups[i], &text);
	}
	buf_put_char(&text, ']');
	return str_in(arena, buf_str(&text));
}

/* What the user lacks of the rules, as text; empty: nothing. */
static int find_missing(struct operation *op, yyjson_val *rules, struct str *ret)
{
	struct owned owned = { .arena = op->arena };
	AUTO_BUF text = { 0 };
	struct err err = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	rbac_each_rule(op->registry->rbac, op->who, op->namespace_, take_rule, &owned);
	if (rbac_rules_missing(owned.rules, rules, op->arena, &text, &err) < 0)
		return refusal_from_err(&op->refusal, &err);
	*ret = str_in(op->arena, buf_str(&text));
	return 0;
}

static int check_rules(struct operation *op, yyjson_val *rules)
{
	struct str missing;

	if (find_missing(op, rules, &missing) < 0)
		return -1;
	if (!missing.len)
		return 0;
	return refusal_forbidden(
		&op->refusal, operation_subject(op),
		"user \"" STR_FMT "\" (groups=" STR_FMT
		") is attempting to grant RBAC permissions not currently held:\n" STR_FMT,
		STR_ARG(op->who->name), STR_ARG(quote_groups(op->who, op->arena)),
		STR_ARG(missing));
}

static bool is_unchanged(const struct operation *op, const char *field)
{
	return op->edit.old &&
	       json_mixed_equal(json_mut_get(op->edit.root, field), json_get(op->edit.old, field));
}

/* Everything: what a role that gathers others may come to hold. */
static yyjson_doc *all_rules(void)
{
	AUTO_JSON_MUT doc = json_new();
	yyjson_mut_val *list = yyjson_mut_arr(doc), *rule;
	static const char *const fields[][3] = { { "verbs", "apiGroups", "resources" },
						 { "verbs", "nonResourceURLs" } };

	for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
		rule = json_append_object(doc, list);
		for (size_t j = 0; j < ARRAY_COUNT(fields[i]) && fields[i][j]; j++)
			json_append_str(doc, json_set_array(doc, rule, fields[i][j]), STR("*"));
	}
	return json_freeze(list);
}

static int check_aggregation(struct operation *op)
{
	AUTO_JSON all = NULL;
	struct str missing;

	if (!json_mut_get(op->edit.root, "aggregationRule"))
		return 0;
	all = all_rules();
	if (find_missing(op, yyjson_doc_get_root(all), &missing) < 0)
		return -1;
	if (!missing.len)
		return 0;
	return refusal_forbidden(&op->refusal, operation_subject(op),
				 "must have cluster-admin privileges to use an aggregationRule");
}

static enum outcome check_role(struct operation *op)
{
	AUTO_JSON rules = NULL;
	enum outcome allowed;

	if (is_unchanged(op, "rules") && is_unchanged(op, "aggregationRule"))
		return OUTCOME_DONE;
	allowed = may(op, "escalate", op->kind->plural, op->namespace_, op->name);
	if (allowed != OUTCOME_REFUSED)
		return allowed;
	if (check_aggregation(op) < 0)
		return OUTCOME_REFUSED;
	if (!json_mut_get(op->edit.root, "rules"))
		return OUTCOME_DONE;
	rules = json_freeze(json_mut_get(op->edit.root, "rules"));
	return outcome_of(check_rules(op, yyjson_doc_get_root(rules)));
}

static enum outcome check_binding(struct operation *op)
{
	struct str kind = json_mut_get_str(op->edit.root, "roleRef.kind"),
		   name = json_mut_get_str(op->edit.root, "roleRef.name");
	bool is_cluster = str_eq_c(kind, "ClusterRole");
	const struct kind *role_kind = is_cluster ? &kind_clusterrole : &kind_role;
	const struct obj *role;
	enum outcome allowed;

	if (is_unchanged(op, "subjects") && is_unchanged(op, "roleRef"))
		return OUTCOME_DONE;
	allowed = may(op, "bind", role_kind->plural, op->namespace_, name);
	if (allowed != OUTCOME_REFUSED)
		return allowed;
	role = registry_get_pending(op->registry, role_kind, is_cluster ? STR_NONE : op->namespace_,
				    name);
	if (!role)
		return outcome_of(refusal_not_found(
			&op->refusal, (struct subject){ STR(API_GROUP), role_kind->plural, name }));
	return outcome_of(check_rules(op, json_get(role->root, "rules")));
}

enum outcome rbac_check_escalation(struct operation *op)
{
	bool is_role = op->kind == &kind_role || op->kind == &kind_clusterrole,
	     is_binding = op->kind == &kind_rolebinding || op->kind == &kind_clusterrolebinding;

	if ((!is_role && !is_binding) || !op->who || user_in_group(op->who, "system:masters"))
		return OUTCOME_DONE;
	return is_role ? check_role(op) : check_binding(op);
}
