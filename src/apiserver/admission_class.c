/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DefaultStorageClass, DefaultIngressClass, StorageObjectInUseProtection,
 * PersistentVolumeClaimResize, TaintNodesByCondition, PodTopologyLabels and PodResizeValidator:
 * what objects get that say nothing of it, and how claims and pods may grow.
 */
#include "apiserver/admission.h"

#include "api/resource_list.h"
#include "apiserver/registry.h"
#include "codec/quantity.h"

static bool is_new(const struct operation *op, const struct kind *kind)
{
	return op->kind == kind && !op->edit.old && !op->subresource.len;
}

/* ---- default classes ---- */

struct class_search {
	const char *const *annotations; /* any of them marks a default; ends with NULL */
	const struct obj *found;
};

/* Of several the newest, and of those of one second the first by name. */
static bool take_default(void *arg, const struct obj *class)
{
	struct class_search *search = arg;
	struct str found_at, at = json_get_str(class->root, "metadata.creationTimestamp");
	bool is_default = false;

	for (size_t i = 0; search->annotations[i]; i++)
		is_default |= str_eq_c(obj_annotation(class, search->annotations[i]), "true");
	if (!is_default)
		return true;
	found_at = search->found ? json_get_str(search->found->root, "metadata.creationTimestamp")
				 : STR_NONE;
	if (!search->found || str_cmp(at, found_at) > 0)
		search->found = class;
	return true;
}

static void set_default_class(struct operation *op, const struct kind *kind,
			      const char *const *annotations, const char *field)
{
	struct class_search search = { .annotations = annotations };

	registry_each(op->registry, kind, STR_NONE, take_default, &search);
	if (search.found)
		json_set_str(op->edit.doc, json_ensure_object(op->edit.doc, op->edit.root, "spec"),
			     field, search.found->name);
}

static bool has_annotation(const struct operation *op, const char *name)
{
	return json_mut_key(json_mut_get(op->edit.root, "metadata.annotations"), str_from(name)) !=
	       NULL;
}

int storage_class_admit(struct operation *op)
{
	static const char *const marks[] = { "storageclass.kubernetes.io/is-default-class",
					     "storageclass.beta.kubernetes.io/is-default-class",
					     NULL };

	if (is_new(op, &kind_persistentvolumeclaim) &&
	    !has_annotation(op, "volume.beta.kubernetes.io/storage-class") &&
	    !json_mut_get(op->edit.root, "spec.storageClassName"))
		set_default_class(op, &kind_storageclass, marks, "storageClassName");
	return 0;
}

int ingress_class_admit(struct operation *op)
{
	static const char *const marks[] = { "ingressclass.kubernetes.io/is-default-class", NULL };

	if (is_new(op, &kind_ingress) && !has_annotation(op, "kubernetes.io/ingress.class") &&
	    !json_mut_get(op->edit.root, "spec.ingressClassName"))
		set_default_class(op, &kind_ingressclass, marks, "ingressClassName");
	return 0;
}

/* ---- protection ---- */

/* What is in use stays until its user is gone: controllers take these away. */
int storage_protection_admit(struct operation *op)
{
	static const struct {
		const struct kind *kind;
		const char *finalizer;
	} protected[] = {
		{ &kind_persistentvolumeclaim, "kubernetes.io/pvc-protection" },
		{ &kind_persistentvolume, "kubernetes.io/pv-protection" },
	};
	yyjson_mut_val *metadata = json_mut_get(op->edit.root, "metadata");

	for (size_t i = 0; i < ARRAY_COUNT(protected); i++) {
		bool is_there = false;

		if (!is_new(op, protected[i].kind))
			continue;
		JSON_MUT_EACH (finalizer, json_mut_get(metadata, "finalizers"))
			is_there |= str_eq_c(json_mut_str(finalizer), protected[i].finalizer);
		if (!is_there)
			json_append_str(op->edit.doc,
					json_ensure_array(op->edit.doc, metadata, "finalizers"),
					str_from(protected[i].finalizer));
	}
	return 0;
}

/* ---- growing ---- */

static struct str class_of(yyjson_val *claim)
{
	struct str class = json_str(json_key(json_get(claim, "metadata.annotations"),
					     STR("volume.beta.kubernetes.io/storage-class")));

	return class.len ? class : json_get_str(claim, "spec.storageClassName");
}

static bool may_grow(struct operation *op)
{
	AUTO_JSON claim = json_freeze(op->edit.root);
	struct str name = class_of(yyjson_doc_get_root(claim));
	const struct obj *class;

	if (!name.len || !str_eq(name, class_of(op->edit.old)))
		return false;
	class = registry_get_pending(op->registry, &kind_storageclass, STR_NONE, name);
	return class && json_get_bool(class->root, "allowVolumeExpansion", false);
}

int claim_resize_validate(struct operation *op)
{
	struct quantity old, wanted;

	if (op->kind != &kind_persistentvolumeclaim || !op->edit.old || op->subresource.len)
		return 0;
	if (quantity_parse(json_get_str(op->edit.old, "spec.resources.requests.storage"), &old,
			   NULL) < 0 ||
	    quantity_parse(json_mut_get_str(op->edit.root, "spec.resources.requests.storage"),
			   &wanted, NULL) < 0 ||
	    quantity_cmp(&wanted, &old) <= 0)
		return 0;
	if (!str_eq_c(json_get_str(op->edit.old, "status.phase"), "Bound"))
		return refusal_forbidden(&op->refusal, operation_subject(op),
					 "Only bound persistent volume claims can be expanded");
	if (!may_grow(op))
		return refusal_forbidden(
			&op->refusal, operation_subject(op),
			"only dynamically provisioned pvc can be resized and the "
			"storageclass that provisions the pvc must support resize");
	return 0;
}

/* ---- nodes ---- */

/* Nothing is placed on a node before it is known to be ready: the node's controller takes it away.
 */
int node_taint_admit(struct operation *op)
{
	static const struct str key = STR_INIT("node.kubernetes.io/not-ready");
	yyjson_mut_val *spec, *taint;

	if (!is_new(op, &kind_node))
		return 0;
	spec = json_ensure_object(op->edit.doc, op->edit.root, "spec");
	JSON_MUT_EACH (there, json_mut_get(spec, "taints"))
		if (str_eq(json_mut_get_str(there, "key"), key) &&
		    str_eq_c(json_mut_get_str(there, "effect"), "NoSchedule"))
			return 0;
	taint = json_append_object(op->edit.doc, json_ensure_array(op->edit.doc, spec, "taints"));
	json_set_str(op->edit.doc, taint, "key", key);
	json_set_str(op->edit.doc, taint, "effect", STR("NoSchedule"));
	return 0;
}

/* ---- PodTopologyLabels ---- */

/* A pod knows where its node is; what it says of that itself stays. */
void topology_labels_add(struct operation *op, struct str node)
{
	static const struct str names[] = { STR_INIT("topology.kubernetes.io/zone"),
					    STR_INIT("topology.kubernetes.io/region") };
	const struct obj *of = registry_get(op->registry, &kind_node, STR_NONE, node);

	for (size_t i = 0; of && i < ARRAY_COUNT(names); i++) {
		struct str value = json_str(json_key(of->labels, names[i]));
		yyjson_mut_val *labels;

		if (!value.len)
			continue;
		labels = json_ensure_object(
			op->edit.doc, json_ensure_object(op->edit.doc, op->edit.root, "metadata"),
			"labels");
		if (!json_mut_key(labels, names[i]))
			json_put_str(op->edit.doc, labels, names[i], value);
	}
}

int topology_labels_admit(struct operation *op)
{
	struct str node = json_mut_get_str(op->edit.root, "spec.nodeName");

	if (op->kind == &kind_pod && !op->subresource.len && node.len)
		topology_labels_add(op, node);
	return 0;
}

/* ---- devices that others use ---- */

#define ADMIN_LABEL "resource.kubernetes.io/admin-access"

/* What of the list asks for it, as an index; SIZE_MAX: nothing. */
static size_t find_admin(yyjson_mut_val *list, const char *field)
{
	size_t i = 0;

	JSON_MUT_EACH (item, list) {
		if (json_mut_get_bool(item, field, false))
			return i;
		i++;
	}
	return SIZE_MAX;
}

static int refuse_admin(struct operation *op, const struct field_path *list, size_t index)
{
	const struct obj *ns = registry_get_pending(op->registry, &kind_namespace, STR_NONE,
						    op->namespace_);
	struct field_errors errors;

	if (ns && str_eq_c(json_str(json_key(ns->labels, STR(ADMIN_LABEL))), "true"))
		return 0;
	field_errors_init(&errors, op->arena);
	field_forbidden(&errors, FIELD_NAME(FIELD_INDEX(list, index), "adminAccess"),
			"admin access to devices requires the `" ADMIN_LABEL
			": true` label on the containing namespace");
	return operation_take_fields(op, &errors, operation_kind_subject(op));
}

/* Who may look into devices that are others': a namespace's label says so. Specs do not change, nor
 * does an allocation once it is made. */
int device_admin_validate(struct operation *op)
{
	const struct field_path *spec = FIELD_NAME(NULL, "spec"), *status;
	bool is_claim = str_eq_c(op->kind->plural, "resourceclaims"),
	     is_template = str_eq_c(op->kind->plural, "resourceclaimtemplates");
	yyjson_mut_val *root = op->edit.root;
	size_t found;

	if (!str_eq_c(op->kind->group, "resource.k8s.io") || (!is_claim && !is_template))
		return 0;
	if (is_claim && str_eq_c(op->subresource, "status")) {
		if (json_get(op->edit.old, "status.allocation"))
			return 0;
		status = FIELD_NAME(FIELD_NAME(NULL, "status"), "allocation");
		found = find_admin(json_mut_get(root, "status.allocation.devices.results"),
				   "adminAccess");
		return found == SIZE_MAX
			       ? 0
			       : refuse_admin(op,
					      FIELD_NAME(FIELD_NAME(status, "devices"), "results"),
					      found);
	}
	if (op->edit.old || op->subresource.len)
		return 0;
	root = json_mut_get(root, is_template ? "spec.spec" : "spec");
	found = find_admin(json_mut_get(root, "devices.requests"), "exactly.adminAccess");
	if (found == SIZE_MAX) /* as the beta versions have it */
		found = find_admin(json_mut_get(root, "devices.requests"), "adminAccess");
	return found == SIZE_MAX
		       ? 0
		       : refuse_admin(op, FIELD_NAME(FIELD_NAME(spec, "devices"), "requests"),
				      found);
}

/* --- PodResizeValidator: no more than the pod's node has --- */

static bool is_beyond(const struct resource_list *wanted, const struct resource_list *node,
		      const char *name, struct buf *text)
{
	const struct quantity *want = resource_list_get(wanted, str_from(name)),
			      *have = resource_list_get(node, str_from(name));
	bool in_thousandths = !strcmp(name, "cpu");
	int64_t asked, there;

	if (!want)
		return false;
	asked = in_thousandths ? quantity_milli(want) : quantity_value(want);
	there = !have ? 0 : in_thousandths ? quantity_milli(have) : quantity_value(have);
	if (asked <= there)
		return false;
	buf_printf(text, "%s%s, requested: %lld, allocatable: %lld", text->len ? "; " : "", name,
		   (long long)asked, (long long)there);
	return true;
}

int resize_validate(struct operation *op)
{
	struct str name = json_mut_get_str(op->edit.root, "spec.nodeName");
	struct resource_list wanted, there;
	const struct obj *node;
	AUTO_JSON pod = NULL;
	AUTO_BUF text = { 0 };
	bool is_large;

	if (op->kind != &kind_pod || !str_eq_c(op->subresource, "resize") || !name.len ||
	    json_mixed_equal(json_mut_get(op->edit.root, "spec"), json_get(op->edit.old, "spec")))
		return 0;
	node = registry_get_pending(op->registry, &kind_node, STR_NONE, name);
	if (!node)
		return refusal_forbidden(&op->refusal, operation_subject(op),
					 "node \"" STR_FMT "\" not found", STR_ARG(name));
	pod = json_freeze(op->edit.root);
	resource_list_init(&wanted, op->arena);
	resource_list_init(&there, op->arena);
	pod_resources(json_get(yyjson_doc_get_root(pod), "spec"), POD_REQUESTS, &wanted);
	resource_list_read(&there, json_get(node->root, "status.allocatable"));
	buf_init(&text, 1024);
	is_large = is_beyond(&wanted, &there, "cpu", &text);
	is_large |= is_beyond(&wanted, &there, "memory", &text);
	if (is_large)
		return refusal_forbidden(&op->refusal, operation_subject(op),
					 "Node didn't have enough allocatable resources: " STR_FMT,
					 STR_ARG(buf_str(&text)));
	name = json_str(json_key(json_get(node->root, "metadata.labels"), STR("kubernetes.io/os")));
	if (str_eq_c(name, "linux"))
		return 0;
	return refusal_forbidden(&op->refusal, operation_subject(op),
				 "pod resize is only supported on linux nodes, node \"" STR_FMT
				 "\" is \"" STR_FMT "\"",
				 STR_ARG(node->name), STR_ARG(name));
}
