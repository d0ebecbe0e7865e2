/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorizers. Rules of built-in identities are rows in tables, in the terms of RBAC, so that
 * they can be published as bootstrap roles unchanged.
 */
#include "apiserver/authz.h"

#include "apiserver/rbac.h"

struct rule {
	const char *verbs, *groups, *resources; /* resources with subresource as "pods/status" */
};

struct path_rule {
	const char *verbs, *path; /* a '*' at the end matches any rest */
};

struct identity {
	const char *user; /* or */
	const char *group;
	const struct rule *rules;
};

bool authz_word_matches(const char *words, struct str word)
{
	struct str rest = str_from(words), part;

	if (str_eq_c(rest, "*"))
		return true;
	while (str_next_part(&rest, ' ', &part))
		if (str_eq(part, word))
			return true;
	return false;
}

static enum authz_decision decide_masters(struct registry *registry,
					  const struct authz_attributes *a)
{
	return user_in_group(a->user, "system:masters") ? AUTHZ_ALLOW : AUTHZ_NO_OPINION;
}

static bool path_matches(struct str pattern, struct str path)
{
	if (str_strip_suffix(&pattern, STR("*")))
		return str_has_prefix(path, pattern);
	return str_eq(pattern, path);
}

static enum authz_decision decide_paths(const struct path_rule *rules,
					const struct authz_attributes *a)
{
	if (a->target->is_resource)
		return AUTHZ_NO_OPINION;
	for (; rules->path; rules++)
		if (authz_word_matches(rules->verbs, a->target->verb) &&
		    path_matches(str_from(rules->path), a->target->path))
			return AUTHZ_ALLOW;
	return AUTHZ_NO_OPINION;
}

/* Open to everybody also while there are no roles yet: whoever probes a server may not be known to
 * it. */
static enum authz_decision decide_health(struct registry *registry,
					 const struct authz_attributes *a)
{
	static const struct path_rule rules[] = {
		{ "get head", "/healthz" },
		{ "get head", "/livez" },
		{ "get head", "/readyz" },
		{ 0 },
	};

	return decide_paths(rules, a);
}

static const struct rule node_rules[] = {
	{ "create", "authentication.k8s.io", "tokenreviews" },
	{ "create", "authorization.k8s.io", "subjectaccessreviews localsubjectaccessreviews" },
	{ "get list watch", "", "services" },
	{ "create get list watch", "", "nodes" },
	{ "update patch", "", "nodes nodes/status" },
	{ "create update patch", "", "events" },
	{ "create update patch", "events.k8s.io", "events" },
	{ "get list watch create delete", "", "pods" },
	{ "update patch", "", "pods/status" },
	{ "create", "", "pods/eviction serviceaccounts/token" },
	{ "get list watch", "",
	  "configmaps secrets persistentvolumes persistentvolumeclaims endpoints" },
	{ "get update patch", "", "persistentvolumeclaims/status" },
	{ "get list watch", "discovery.k8s.io", "endpointslices" },
	{ "create get update patch delete", "coordination.k8s.io", "leases" },
	{ "get list watch create update patch delete", "storage.k8s.io", "csinodes" },
	{ "get list watch", "storage.k8s.io", "csidrivers volumeattachments" },
	{ "get list watch", "node.k8s.io", "runtimeclasses" },
	{ "create get list watch", "certificates.k8s.io", "certificatesigningrequests" },
	{ 0 },
};

static const struct identity identities[] = {
	{ .group = "system:nodes", .rules = node_rules },
};

/* "pods" covers pods only, "pods/status" that sub-resource only, "*" everything. */
static bool resource_matches(const char *resources, const struct target *t)
{
	struct str rest = str_from(resources), part, resource, subresource;

	if (str_eq_c(rest, "*"))
		return true;
	while (str_next_part(&rest, ' ', &part)) {
		(void)str_cut(part, '/', &resource,
			      &subresource); /* without '/' the second is empty */
		if (str_eq(resource, t->resource) && str_eq(subresource, t->subresource))
			return true;
	}
	return false;
}

static enum authz_decision decide_identities(struct registry *registry,
					     const struct authz_attributes *a)
{
	if (!a->target->is_resource)
		return AUTHZ_NO_OPINION;
	for (size_t i = 0; i < ARRAY_COUNT(identities); i++) {
		const struct identity *id = &identities[i];

		if (!(id->user && str_eq_c(a->user->name, id->user)) &&
		    !(id->group && user_in_group(a->user, id->group)))
			continue;
		for (const struct rule *rule = id->rules; rule->verbs; rule++)
			if (authz_word_matches(rule->verbs, a->target->verb) &&
			    authz_word_matches(rule->groups, a->target->group) &&
			    resource_matches(rule->resources, a->target))
				return AUTHZ_ALLOW;
	}
	return AUTHZ_NO_OPINION;
}

static const struct {
	const char *name;
	enum authz_decision (*decide)(struct registry *registry, const struct authz_attributes *a);
} authorizers[] = {
	{ "masters", decide_masters },
	{ "health", decide_health },
	{ "identities", decide_identities },
	{ "rbac", rbac_decide },
};

enum authz_decision authz_decide(struct registry *registry, const struct authz_attributes *a)
{
	for (size_t i = 0; i < ARRAY_COUNT(authorizers); i++) {
		enum authz_decision decision = authorizers[i].decide(registry, a);

		if (decision != AUTHZ_NO_OPINION)
			return decision;
	}
	return AUTHZ_NO_OPINION;
}

int authz_check(struct registry *registry, const struct authz_attributes *a,
		struct refusal *refusal)
{
	const struct target *t = a->target;
	struct str where, resource;

	if (authz_decide(registry, a) == AUTHZ_ALLOW)
		return 0;
	if (!t->is_resource)
		return refusal_forbidden(
			refusal, (struct subject){ 0 },
			"User \"" STR_FMT "\" cannot " STR_FMT " path \"" STR_FMT "\"",
			STR_ARG(a->user->name), STR_ARG(t->verb), STR_ARG(t->path));
	where = t->namespace_.len
			? str_printf_in(refusal->arena, "in the namespace \"" STR_FMT "\"",
					STR_ARG(t->namespace_))
			: STR("at the cluster scope");
	resource = t->subresource.len ? str_printf_in(refusal->arena, STR_FMT "/" STR_FMT,
						      STR_ARG(t->resource), STR_ARG(t->subresource))
				      : t->resource;
	return refusal_forbidden(refusal, (struct subject){ t->group, t->resource, t->name },
				 "User \"" STR_FMT "\" cannot " STR_FMT " resource \"" STR_FMT
				 "\" in API group \"" STR_FMT "\" " STR_FMT,
				 STR_ARG(a->user->name), STR_ARG(t->verb), STR_ARG(resource),
				 STR_ARG(t->group), STR_ARG(where));
}
