/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NodeRestriction: what a node writes is its own Node, its Lease and CSINode, mirrors of its static
 * pods, the status of pods that run there and tokens for them. Authorization (authz_node.c) let
 * the request through before the object was known.
 */
#include "apiserver/admission.h"

#include <stdlib.h>

#include "apiserver/authz_node.h"
#include "apiserver/limits.h"
#include "apiserver/node_pods.h"
#include "apiserver/registry.h"
#include "codec/json_index.h"
#include "net/x509.h"

#define LEASE_NAMESPACE "kube-node-lease"
#define MIRROR_ANNOTATION "kubernetes.io/config.mirror"

struct restriction {
	struct operation *op;
	struct str node; /* who asks */
	yyjson_mut_val *root;
	yyjson_val *old;
};

#define REFUSE(r, ...) refusal_forbidden(&(r)->op->refusal, operation_subject((r)->op), __VA_ARGS__)

static bool is_create(const struct restriction *r)
{
	return !r->old;
}

static int refuse_node(const struct restriction *r, const char *what)
{
	return REFUSE(r, "node \"" STR_FMT "\" %s", STR_ARG(r->node), what);
}

/* --- pods --- */

static bool note(void *arg, struct str name)
{
	(void)arg;
	(void)name;
	return false;
}

static int check_owner(struct restriction *r, const struct obj *pod)
{
	yyjson_val *owner = yyjson_arr_get_first(pod->owner_references);
	const struct obj *node;
	struct str uid = json_get_str(owner, "uid");

	if (yyjson_arr_size(pod->owner_references) > 1)
		return refuse_node(r, "can only create pods with a single owner reference set to "
				      "itself");
	if (!owner || !str_eq_c(json_get_str(owner, "apiVersion"), "v1") ||
	    !str_eq_c(json_get_str(owner, "kind"), "Node") ||
	    !str_eq(json_get_str(owner, "name"), r->node))
		return refuse_node(r, "can only create pods with an owner reference set to itself");
	if (!json_get_bool(owner, "controller", false))
		return refuse_node(r, "can only create pods with a controller owner reference set "
				      "to itself");
	if (json_get_bool(owner, "blockOwnerDeletion", false))
		return refuse_node(r, "must not set blockOwnerDeletion on an owner reference");
	node = registry_get_pending(r->op->registry, &kind_node, STR_NONE, r->node);
	if (!node)
		return refusal_not_found(&r->op->refusal,
					 (struct subject){ STR(""), STR("nodes"), r->node });
	if (!str_eq(uid, node->uid))
		return REFUSE(r, "node " STR_FMT " UID mismatch: expected " STR_FMT " got " STR_FMT,
			      STR_ARG(r->node), STR_ARG(uid), STR_ARG(node->uid));
	return 0;
}

/* A mirror gives its node nothing that it does not have. */
static int check_references(struct restriction *r, const struct obj *pod)
{
	static const struct {
		enum pod_reference what;
		const char *refusal;
	} rows[] = {
		{ POD_ACCOUNT, "can not create pods that reference a service account" },
		{ POD_SECRET, "can not create pods that reference secrets" },
		{ POD_CONFIG_MAP, "can not create pods that reference configmaps" },
		{ POD_CLAIM, "can not create pods that reference persistentvolumeclaims" },
		{ POD_RESOURCE_CLAIM, "can not create pods that reference resourceclaims" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (!pod_each_reference(pod, rows[i].what, note, NULL))
			return refuse_node(r, rows[i].refusal);
	JSON_EACH (volume, json_get(pod->root, "spec.volumes"))
		JSON_EACH (source, json_get(volume, "projected.sources"))
			if (json_get(source, "clusterTrustBundle"))
				return refuse_node(r, "can not create pods that reference "
						      "clustertrustbundles");
	return 0;
}

static int check_mirror(struct restriction *r, const struct obj *pod)
{
	if (!json_key(pod->annotations, STR(MIRROR_ANNOTATION)))
		return REFUSE(r,
			      "pod does not have \"" MIRROR_ANNOTATION "\" annotation, node "
			      "\"" STR_FMT "\" can only create mirror pods",
			      STR_ARG(r->node));
	if (!str_eq(json_get_str(pod->root, "spec.nodeName"), r->node))
		return refuse_node(r, "can only create pods with spec.nodeName set to itself");
	if (check_owner(r, pod) < 0)
		return -1;
	return check_references(r, pod);
}

static int admit_pod(struct restriction *r)
{
	AUTO_BLOB frozen = NULL;
	const struct obj *pod;

	if (!is_create(r))
		return REFUSE(r,
			      "unexpected operation \"UPDATE\", node \"" STR_FMT
			      "\" can only create and delete mirror pods",
			      STR_ARG(r->node));
	frozen = json_mut_to_blob(r->root);
	pod = obj_of(frozen, NULL);
	return pod ? check_mirror(r, pod) : REFUSE(r, "unexpected type");
}

static int admit_pod_status(struct restriction *r)
{
	if (!str_eq(json_get_str(r->old, "spec.nodeName"), r->node))
		return refuse_node(r, "can only update pod status for pods with spec.nodeName set "
				      "to itself");
	if (!json_mixed_equal(json_mut_get(r->root, "metadata.labels"),
			      json_get(r->old, "metadata.labels")))
		return refuse_node(r, "cannot update labels through pod status");
	if (!json_mixed_equal(json_mut_get(r->root, "status.resourceClaimStatuses"),
			      json_get(r->old, "status.resourceClaimStatuses")))
		return refuse_node(r, "cannot update resource claim statues");
	return 0;
}

static int admit_pods(struct restriction *r)
{
	struct str subresource = r->op->subresource;

	if (!subresource.len)
		return admit_pod(r);
	if (str_eq_c(subresource, "status"))
		return admit_pod_status(r);
	return REFUSE(r,
		      "unexpected pod subresource \"" STR_FMT
		      "\", only 'status' and 'eviction' are allowed",
		      STR_ARG(subresource));
}

/* --- the node --- */

static bool is_domain_of(struct str domain, const char *suffix)
{
	return str_eq_c(domain, suffix) ||
	       (str_strip_suffix(&domain, str_from(suffix)) && str_has_suffix(domain, STR(".")));
}

static bool is_kubelet_label(struct str key, struct str domain)
{
	static const char *const known[] = {
		"kubernetes.io/hostname",
		"topology.kubernetes.io/zone",
		"topology.kubernetes.io/region",
		"failure-domain.beta.kubernetes.io/zone",
		"failure-domain.beta.kubernetes.io/region",
		"beta.kubernetes.io/instance-type",
		"node.kubernetes.io/instance-type",
		"kubernetes.io/os",
		"kubernetes.io/arch",
		"beta.kubernetes.io/os",
		"beta.kubernetes.io/arch",
	};

	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		if (str_eq_c(key, known[i]))
			return true;
	return is_domain_of(domain, "kubelet.kubernetes.io") ||
	       is_domain_of(domain, "node.kubernetes.io");
}

static bool is_label_forbidden(struct str key)
{
	struct str domain, name;

	if (!str_cut(key, '/', &domain, &name))
		return false;
	if (is_domain_of(domain, "node-restriction.kubernetes.io"))
		return true;
	return (is_domain_of(domain, "kubernetes.io") || is_domain_of(domain, "k8s.io")) &&
	       !is_kubelet_label(key, domain);
}

static int compare_keys(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The labels that differ and that a node must leave alone, in order, as "a, b". */
static struct str forbidden_labels(const struct restriction *r)
{
	yyjson_mut_val *labels = json_mut_get(r->root, "metadata.labels");
	yyjson_val *old = json_get(r->old, "metadata.labels");
	struct str *keys = arena_array(r->op->arena,
				       yyjson_mut_obj_size(labels) + yyjson_obj_size(old) + 1,
				       sizeof(keys[0]));
	AUTO_JSON_INDEX before = { .slots = NULL };
	AUTO_JSON_INDEX after = { .slots = NULL };
	size_t count = 0;

	json_index_init_members(&before, old);
	json_index_init_members_mut(&after, labels);
	JSON_MUT_MEMBERS (key, value, labels) {
		struct str name = json_mut_str(key);

		if (!json_mixed_equal(value, json_index_get(&before, name)) &&
		    is_label_forbidden(name))
			keys[count++] = name;
	}
	JSON_MEMBERS (key, value, old) {
		struct str name = json_str(key);

		(void)value;
		if (!json_index_get(&after, name) && is_label_forbidden(name))
			keys[count++] = name;
	}
	qsort(keys, count, sizeof(keys[0]), compare_keys);
	return str_join_in(r->op->arena, keys, count, STR(", "));
}

static int admit_node(struct restriction *r)
{
	struct str labels;

	if (!str_eq(r->op->name, r->node))
		return REFUSE(r,
			      "node \"" STR_FMT "\" is not allowed to modify node \"" STR_FMT "\"",
			      STR_ARG(r->node), STR_ARG(r->op->name));
	if (json_mut_get(r->root, "spec.configSource") &&
	    !json_mixed_equal(json_mut_get(r->root, "spec.configSource"),
			      json_get(r->old, "spec.configSource")))
		return refuse_node(r, is_create(r) ? "is not allowed to create pods with a non-nil "
						     "configSource"
						   : "is not allowed to update configSource to a "
						     "new non-nil configSource");
	if (!is_create(r) && !json_mixed_equal(json_mut_get(r->root, "spec.taints"),
					       json_get(r->old, "spec.taints")))
		return refuse_node(r, "is not allowed to modify taints");
	labels = forbidden_labels(r);
	if (!labels.len)
		return 0;
	if (is_create(r))
		return REFUSE(r,
			      "node \"" STR_FMT
			      "\" is not allowed to set the following labels: " STR_FMT,
			      STR_ARG(r->node), STR_ARG(labels));
	return REFUSE(r, "is not allowed to modify labels: " STR_FMT, STR_ARG(labels));
}

/* --- claims --- */

/* What a node may change of a claim, left out of both. */
static void strip_claim(yyjson_mut_doc *doc)
{
	static const char *const paths[] = {
		"metadata.resourceVersion",  "metadata.managedFields",
		"status.capacity",	     "status.conditions",
		"status.allocatedResources", "status.allocatedResourceStatuses"
	};
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	for (size_t i = 0; i < ARRAY_COUNT(paths); i++)
		(void)json_remove_path(root, paths[i]); /* the doc owns it */
}

static int admit_claim(struct restriction *r)
{
	AUTO_JSON_MUT before = NULL;
	AUTO_JSON_MUT after = NULL;

	if (!str_eq_c(r->op->subresource, "status"))
		return REFUSE(r, "may only update PVC status");
	if (is_create(r))
		return REFUSE(r, "unexpected operation \"CREATE\"");
	before = json_thaw(r->old);
	after = json_new();
	yyjson_mut_doc_set_root(after, json_mut_copy(after, r->root));
	strip_claim(before);
	strip_claim(after);
	if (json_mut_equal(yyjson_mut_doc_get_root(before), yyjson_mut_doc_get_root(after)))
		return 0;
	return refuse_node(r, "is not allowed to update fields other than status.capacity and "
			      "status.conditions");
}

/* --- what bears the node's name --- */

static int admit_lease(struct restriction *r)
{
	if (!str_eq_c(r->op->namespace_, LEASE_NAMESPACE))
		return REFUSE(r, "can only access leases in the \"" LEASE_NAMESPACE
				 "\" system namespace");
	if (!str_eq(r->op->name, r->node))
		return REFUSE(r, "can only access node lease with the same name as the requesting "
				 "node");
	return 0;
}

static int admit_csi_node(struct restriction *r)
{
	if (str_eq(r->op->name, r->node))
		return 0;
	return REFUSE(r, "can only access CSINode with the same name as the requesting node");
}

static int admit_slice(struct restriction *r)
{
	struct str named = r->root ? json_mut_get_str(r->root, "spec.nodeName")
				   : json_get_str(r->old, "spec.nodeName");

	if (str_eq(named, r->node) &&
	    (!r->old || str_eq(json_get_str(r->old, "spec.nodeName"), r->node)))
		return 0;
	if (is_create(r))
		return REFUSE(r, "can only create ResourceSlice with the same NodeName as the "
				 "requesting node");
	return REFUSE(r, r->root ? "can only update ResourceSlice with the same NodeName as the "
				   "requesting node"
				 : "can only delete ResourceSlice with the same NodeName as the "
				   "requesting node");
}

/* Of the kubelet's certificates a node asks for its own. */
static int admit_request(struct restriction *r)
{
	struct str signer = json_mut_get_str(r->root, "spec.signerName");
	struct x509_request request;
	const char *problem;

	if (!is_create(r) || (!str_eq_c(signer, "kubernetes.io/kubelet-serving") &&
			      !str_eq_c(signer, "kubernetes.io/kube-apiserver-client-kubelet")))
		return 0;
	if (certificate_read(r->op, &request, &problem) < 0)
		return REFUSE(r, "unable to parse csr: %s", problem);
	if (str_strip_prefix(&request.common_name, STR("system:node:")) &&
	    str_eq(request.common_name, r->node))
		return 0;
	return REFUSE(r, "can only create a node CSR with CN=system:node:" STR_FMT,
		      STR_ARG(r->node));
}

static int remove_request(struct restriction *r)
{
	(void)r; /* authorization decides alone */
	return 0;
}

/* --- the table --- */

static int delete_pod(struct restriction *r)
{
	if (str_eq(json_get_str(r->old, "spec.nodeName"), r->node))
		return 0;
	return refuse_node(r, "can only delete pods with spec.nodeName set to itself");
}

static const struct {
	const struct kind *kind;
	int (*admit)(struct restriction *r);
	int (*remove)(struct restriction *r);
} rows[] = {
	{ &kind_pod, admit_pods, delete_pod },
	{ &kind_node, admit_node, admit_node },
	{ &kind_persistentvolumeclaim, admit_claim, admit_claim },
	{ &kind_lease, admit_lease, admit_lease },
	{ &kind_csinode, admit_csi_node, admit_csi_node },
	{ &kind_resourceslice, admit_slice, admit_slice },
	{ &kind_certificatesigningrequest, admit_request, remove_request },
};

/* True when the request is a node's; < 0 when it cannot be told which. */
static int begin(struct operation *op, struct restriction *r)
{
	*r = (struct restriction){ .op = op, .root = op->edit.root, .old = op->edit.old };
	if (!op->who || !user_is_node(op->who, &r->node))
		return false;
	if (!r->node.len)
		return REFUSE(r, "could not determine node from user \"" STR_FMT "\"",
			      STR_ARG(op->who->name));
	return true;
}

static size_t row_of(const struct kind *kind)
{
	size_t i = 0;

	/* other versions of a kind are the same resource */
	while (i < ARRAY_COUNT(rows) && !(str_eq(kind->group, rows[i].kind->group) &&
					  str_eq(kind->plural, rows[i].kind->plural)))
		i++;
	return i;
}

int node_restriction_admit(struct operation *op)
{
	struct restriction r;
	int is_node = begin(op, &r);
	size_t i = is_node > 0 ? row_of(op->kind) : ARRAY_COUNT(rows);

	if (is_node < 0)
		return -1;
	return i < ARRAY_COUNT(rows) ? rows[i].admit(&r) : 0;
}

int node_restriction_remove(struct operation *op)
{
	struct restriction r;
	int is_node = begin(op, &r);
	size_t i = is_node > 0 ? row_of(op->kind) : ARRAY_COUNT(rows);

	r.root = NULL;
	if (is_node < 0)
		return -1;
	return i < ARRAY_COUNT(rows) ? rows[i].remove(&r) : 0;
}

/* --- subresources that are no writes of the object --- */

int node_restriction_evict(struct operation *op)
{
	struct restriction r;
	int is_node = begin(op, &r);

	if (is_node <= 0)
		return is_node;
	if (str_eq(json_get_str(op->edit.old, "spec.nodeName"), r.node))
		return 0;
	return REFUSE(&r, "node " STR_FMT " can only evict pods with spec.nodeName set to itself",
		      STR_ARG(r.node));
}

struct audience_search {
	struct registry *registry;
	const struct obj *pod;
	struct str audience;
	bool is_found;
};

static bool driver_asks(struct audience_search *s, struct str driver)
{
	const struct obj *obj = driver.len ? registry_get(s->registry, &kind_csidriver, STR_NONE,
							  driver)
					   : NULL;

	JSON_EACH (request, obj ? json_get(obj->root, "spec.tokenRequests") : NULL)
		if (str_eq(json_get_str(request, "audience"), s->audience))
			return true;
	return false;
}

static bool look_at_claim(void *arg, struct str name)
{
	struct audience_search *s = arg;
	const struct obj *claim = registry_get(s->registry, &kind_persistentvolumeclaim,
					       s->pod->namespace_, name),
			 *volume = claim ? registry_get(
						   s->registry, &kind_persistentvolume, STR_NONE,
						   json_get_str(claim->root, "spec.volumeName"))
					 : NULL;

	s->is_found = volume && driver_asks(s, json_get_str(volume->root, "spec.csi.driver"));
	return !s->is_found;
}

/* Whether a volume of the pod needs tokens for the audience. */
static bool pod_asks(struct operation *op, const struct obj *pod, struct str audience)
{
	struct audience_search s = { op->registry, pod, audience, false };

	JSON_EACH (volume, json_get(pod->root, "spec.volumes")) {
		JSON_EACH (source, json_get(volume, "projected.sources")) {
			yyjson_val *token = json_get(source, "serviceAccountToken");

			if (token && str_eq(json_get_str(token, "audience"), audience))
				return true;
		}
		if (driver_asks(&s, json_get_str(volume, "csi.driver")))
			return true;
	}
	(void)pod_each_reference(pod, POD_CLAIM, look_at_claim, &s); /* it says so in s */
	return s.is_found;
}

static enum outcome check_audience(struct restriction *r, const struct obj *pod)
{
	struct operation *op = r->op;
	yyjson_mut_val *list = json_mut_get(r->root, "spec.audiences");
	struct str audience = json_mut_str(yyjson_mut_arr_get_first(list));
	struct target target = { .verb = STR("request-serviceaccounts-token-audience"),
				 .is_resource = true,
				 .version = STR("v1"),
				 .namespace_ = op->namespace_,
				 .resource = audience,
				 .name = op->name };
	struct authz_attributes attributes = { .user = op->who, .target = &target };

	enum outcome allowed = OUTCOME_REFUSED;

	if (yyjson_mut_arr_size(list) > 1)
		return outcome_of(REFUSE(r, "node may only request 0 or 1 audiences"));
	if (pod_asks(op, pod, audience))
		return OUTCOME_DONE;
	if (audience.len)
		allowed = operation_authorize(op, &attributes);
	if (allowed != OUTCOME_REFUSED)
		return allowed;
	return outcome_of(REFUSE(r,
				 "audience \"" STR_FMT "\" not found in pod spec volume, " STR_FMT
				 " is not authorized to request tokens for this audience",
				 STR_ARG(audience), STR_ARG(op->who->name)));
}

/* Whether a node may have a token that is bound to this pod, audiences apart. */
static int check_bound_pod(struct restriction *r, const struct obj **ret_pod)
{
	struct operation *op = r->op;
	yyjson_mut_val *reference = json_mut_get(op->edit.root, "spec.boundObjectRef");
	struct str name = json_mut_get_str(reference, "name"),
		   uid = json_mut_get_str(reference, "uid");
	const struct obj *pod;

	if (!name.len || !str_eq_c(json_mut_get_str(reference, "apiVersion"), "v1") ||
	    !str_eq_c(json_mut_get_str(reference, "kind"), "Pod"))
		return REFUSE(r, "node requested token not bound to a pod");
	if (!uid.len)
		return REFUSE(r, "node requested token with a pod binding without a uid");
	pod = registry_get_pending(op->registry, &kind_pod, op->namespace_, name);
	if (!pod)
		return refusal_not_found(&op->refusal,
					 (struct subject){ STR(""), STR("pods"), name });
	if (!str_eq(uid, pod->uid))
		return REFUSE(r,
			      "the UID in the bound object reference (" STR_FMT
			      ") does not match the UID in record. The object might have been "
			      "deleted and then recreated",
			      STR_ARG(uid));
	if (!str_eq(json_get_str(pod->root, "spec.nodeName"), r->node))
		return REFUSE(r,
			      "node requested token bound to a pod scheduled on a different node");
	*ret_pod = pod;
	return 0;
}

enum outcome node_restriction_token(struct operation *op)
{
	struct restriction r;
	const struct obj *pod = NULL;
	int is_node = begin(op, &r);

	if (is_node <= 0)
		return outcome_of(is_node);
	if (check_bound_pod(&r, &pod) < 0)
		return OUTCOME_REFUSED;
	return check_audience(&r, pod);
}
