/* SPDX-License-Identifier: Apache-2.0 */
/* A table by resource: each row says which verbs, and how the object must be related to the node.
 */
#include "apiserver/authz_node.h"

#include "apiserver/node_pods.h"
#include "apiserver/rbac_defaults.h"

#define NODE_PREFIX "system:node:"
#define LEASE_NAMESPACE "kube-node-lease"

struct question {
	struct registry *registry;
	const struct authz_attributes *a;
	const struct target *t;
	struct str node;
};

bool user_is_node(const struct user *user, struct str *ret_name)
{
	*ret_name = user->name;
	return str_strip_prefix(ret_name, STR(NODE_PREFIX)) && user_in_group(user, "system:nodes");
}

static bool is_verb(const struct question *q, const char *verbs)
{
	return authz_word_matches(verbs, q->t->verb);
}

/* --- objects that pods need --- */

static bool reaches_secret(const struct question *q)
{
	struct node_pods *pods = q->registry->node_pods;

	return node_pods_refer(pods, q->node, POD_SECRET, q->t->namespace_, q->t->name) ||
	       node_pods_reach_volume_secret(pods, q->node, q->t->namespace_, q->t->name);
}

static bool reaches_config_map(const struct question *q)
{
	return node_pods_refer(q->registry->node_pods, q->node, POD_CONFIG_MAP, q->t->namespace_,
			       q->t->name);
}

static bool reaches_claim(const struct question *q)
{
	return node_pods_refer(q->registry->node_pods, q->node, POD_CLAIM, q->t->namespace_,
			       q->t->name);
}

static bool reaches_resource_claim(const struct question *q)
{
	return node_pods_refer(q->registry->node_pods, q->node, POD_RESOURCE_CLAIM,
			       q->t->namespace_, q->t->name);
}

static bool reaches_account(const struct question *q)
{
	return node_pods_refer(q->registry->node_pods, q->node, POD_ACCOUNT, q->t->namespace_,
			       q->t->name);
}

static bool reaches_volume(const struct question *q)
{
	return node_pods_reach_volume(q->registry->node_pods, q->node, q->t->name);
}

/* Objects that name their node. */
static bool names_node(const struct question *q, const struct kind *kind, const char *path)
{
	const struct obj *obj = registry_get(q->registry, kind, q->t->namespace_, q->t->name);

	return obj && str_eq(json_get_str(obj->root, path), q->node);
}

static bool reaches_attachment(const struct question *q)
{
	return names_node(q, &kind_volumeattachment, "spec.nodeName");
}

static bool reaches_slice(const struct question *q)
{
	return names_node(q, &kind_resourceslice, "spec.nodeName");
}

static bool reaches_pod(const struct question *q)
{
	return names_node(q, &kind_pod, "spec.nodeName");
}

static enum authz_decision related(const struct question *q,
				   bool (*reaches)(const struct question *q))
{
	if (!q->t->name.len)
		return authz_say(q->a, "No Object name found");
	if (!reaches(q))
		return authz_say(q->a,
				 "no relationship found between node '" STR_FMT "' and this object",
				 STR_ARG(q->node));
	return AUTHZ_ALLOW;
}

static enum authz_decision get_related(const struct question *q,
				       bool (*reaches)(const struct question *q))
{
	if (!is_verb(q, "get"))
		return authz_say(q->a, "can only get individual resources of this type");
	if (q->t->subresource.len)
		return authz_say(q->a, "cannot get subresource");
	return related(q, reaches);
}

static enum authz_decision read_related(const struct question *q,
					bool (*reaches)(const struct question *q))
{
	if (!is_verb(q, "get list watch"))
		return authz_say(q->a, "can only read resources of this type");
	if (q->t->subresource.len)
		return authz_say(q->a, "cannot read subresource");
	if (!q->t->namespace_.len)
		return authz_say(q->a, "can only read namespaced object of this type");
	return related(q, reaches);
}

static enum authz_decision on_secret(const struct question *q)
{
	return read_related(q, reaches_secret);
}

static enum authz_decision on_config_map(const struct question *q)
{
	return read_related(q, reaches_config_map);
}

static enum authz_decision on_claim(const struct question *q)
{
	if (!str_eq_c(q->t->subresource, "status"))
		return get_related(q, reaches_claim);
	if (!is_verb(q, "update patch"))
		return authz_say(q->a, "can only get/update/patch this type");
	return related(q, reaches_claim);
}

static enum authz_decision on_volume(const struct question *q)
{
	return get_related(q, reaches_volume);
}

static enum authz_decision on_resource_claim(const struct question *q)
{
	return get_related(q, reaches_resource_claim);
}

static enum authz_decision on_attachment(const struct question *q)
{
	return get_related(q, reaches_attachment);
}

static enum authz_decision on_account(const struct question *q)
{
	if (is_verb(q, "get") && !q->t->subresource.len)
		return related(q, reaches_account);
	if (!is_verb(q, "create") || !q->t->name.len)
		return authz_say(q->a, "can only create tokens for individual service accounts");
	if (!str_eq_c(q->t->subresource, "token"))
		return authz_say(q->a, "can only create token subresource of serviceaccount");
	return related(q, reaches_account);
}

/* --- objects of the node's own --- */

/* Creation tells no name: admission compares it. */
static bool is_own(const struct question *q)
{
	return is_verb(q, "create") || str_eq(q->t->name, q->node);
}

static enum authz_decision on_lease(const struct question *q)
{
	if (!is_verb(q, "get create update patch delete"))
		return authz_say(q->a,
				 "can only get, create, update, patch, or delete a node lease");
	if (!str_eq_c(q->t->namespace_, LEASE_NAMESPACE))
		return authz_say(q->a, "can only access leases in the \"" LEASE_NAMESPACE
				       "\" system namespace");
	if (!is_own(q))
		return authz_say(q->a, "can only access node lease with the same name as the "
				       "requesting node");
	return AUTHZ_ALLOW;
}

static enum authz_decision on_csi_node(const struct question *q)
{
	if (!is_verb(q, "get create update patch delete"))
		return authz_say(q->a, "can only get, create, update, patch, or delete a CSINode");
	if (q->t->subresource.len)
		return authz_say(q->a, "cannot authorize CSINode subresources");
	if (!is_own(q))
		return authz_say(q->a,
				 "can only access CSINode with the same name as the requesting "
				 "node");
	return AUTHZ_ALLOW;
}

static enum authz_decision on_slice(const struct question *q)
{
	if (q->t->subresource.len)
		return authz_say(q->a, "cannot authorize ResourceSlice subresources");
	if (is_verb(q, "create"))
		return AUTHZ_ALLOW;
	if (is_verb(q, "get update patch delete"))
		return related(q, reaches_slice);
	if (!is_verb(q, "list watch deletecollection"))
		return authz_say(q->a, "only the following verbs are allowed for a ResourceSlice: "
				       "get, watch, list, create, update, patch, delete, "
				       "deletecollection");
	if (authz_selects_field(q->a, "spec.nodeName", q->node))
		return AUTHZ_ALLOW;
	return authz_say(q->a, "can only list/watch/deletecollection resourceslices with nodeName "
			       "field selector");
}

static enum authz_decision on_node(const struct question *q)
{
	if (str_eq_c(q->t->subresource, "status") && is_verb(q, "update patch"))
		return AUTHZ_ALLOW;
	if (q->t->subresource.len)
		return AUTHZ_NO_OPINION;
	if (is_verb(q, "create update patch"))
		return AUTHZ_ALLOW;
	if (!is_verb(q, "get list watch"))
		return AUTHZ_NO_OPINION;
	if (str_eq(q->t->name, q->node))
		return AUTHZ_ALLOW;
	if (!q->t->name.len)
		return authz_say(
			q->a, "node '" STR_FMT "' cannot read all nodes, only its own Node object",
			STR_ARG(q->node));
	return authz_say(q->a,
			 "node '" STR_FMT "' cannot read '" STR_FMT "', only its own Node object",
			 STR_ARG(q->node), STR_ARG(q->t->name));
}

static enum authz_decision on_pods(const struct question *q)
{
	if (authz_selects_field(q->a, "spec.nodeName", q->node))
		return AUTHZ_ALLOW;
	if (q->t->name.len)
		return related(q, reaches_pod);
	return authz_say(q->a, "can only list/watch pods with spec.nodeName field selector");
}

static enum authz_decision on_pod(const struct question *q)
{
	struct str subresource = q->t->subresource;

	if (!subresource.len && is_verb(q, "get"))
		return get_related(q, reaches_pod);
	if (!subresource.len && is_verb(q, "list watch"))
		return on_pods(q);
	if ((!subresource.len && is_verb(q, "create delete")) ||
	    (str_eq_c(subresource, "status") && is_verb(q, "update patch")) ||
	    (str_eq_c(subresource, "eviction") && is_verb(q, "create")))
		return AUTHZ_ALLOW;
	return AUTHZ_NO_OPINION;
}

static const struct {
	const char *group, *resource;
	enum authz_decision (*decide)(const struct question *q);
} rows[] = {
	{ "", "secrets", on_secret },
	{ "", "configmaps", on_config_map },
	{ "", "persistentvolumeclaims", on_claim },
	{ "", "persistentvolumes", on_volume },
	{ "", "serviceaccounts", on_account },
	{ "", "nodes", on_node },
	{ "", "pods", on_pod },
	{ "resource.k8s.io", "resourceclaims", on_resource_claim },
	{ "resource.k8s.io", "resourceslices", on_slice },
	{ "storage.k8s.io", "volumeattachments", on_attachment },
	{ "storage.k8s.io", "csinodes", on_csi_node },
	{ "coordination.k8s.io", "leases", on_lease },
};

enum authz_decision node_decide(struct registry *registry, const struct authz_attributes *a)
{
	struct question q = { registry, a, a->target, STR_NONE };

	if (!user_is_node(a->user, &q.node))
		return AUTHZ_NO_OPINION;
	if (!q.node.len)
		return authz_say(a, "unknown node for user \"" STR_FMT "\"",
				 STR_ARG(a->user->name));
	for (size_t i = 0; a->target->is_resource && i < ARRAY_COUNT(rows); i++)
		if (str_eq_c(a->target->group, rows[i].group) &&
		    str_eq_c(a->target->resource, rows[i].resource))
			return rows[i].decide(&q);
	return default_rules_allow(rbac_node_rules, a->target) ? AUTHZ_ALLOW : AUTHZ_NO_OPINION;
}
