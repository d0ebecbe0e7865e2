/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every namespace gets: the ServiceAccount "default" and, when the cluster has its own
 * authority, the ConfigMap "kube-root-ca.crt" with its certificate, by which pods know the API
 * server. A key is a namespace.
 */
#include "controllers/controller.h"

enum { WATCH_NAMESPACES, WATCH_OWN };

#define ACCOUNT_NAME "default"
#define CA_NAME "kube-root-ca.crt"

static const struct obj *live_namespace(const struct controller *c, struct key key)
{
	const struct obj *namespace_ = informer_get(c->informers[WATCH_NAMESPACES], key.text);

	return namespace_ && !obj_is_deleting(namespace_) ? namespace_ : NULL;
}

static yyjson_mut_doc *body_new(const char *kind, const char *name, struct str namespace_)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	json_set_str(doc, root, "apiVersion", STR("v1"));
	json_set_str(doc, root, "kind", str_from(kind));
	json_set_path_str(doc, root, "metadata.name", str_from(name));
	json_set_path_str(doc, root, "metadata.namespace", namespace_);
	return doc;
}

static void submit_new(struct controller *c, struct key key, const struct kind *kind,
		       yyjson_mut_doc *body)
{
	struct request r = request_create(kind, key.name, body);

	r.exists_is_fine = true;
	controller_submit(c, key.text, r);
}

static enum reconcile_result account_reconcile(struct controller *c, struct key key,
					       struct err *err)
{
	(void)err; /* nothing here can fail before the API answers */
	if (live_namespace(c, key) &&
	    !informer_find(c->informers[WATCH_OWN], key.name, STR(ACCOUNT_NAME)))
		submit_new(c, key, &kind_serviceaccount,
			   body_new("ServiceAccount", ACCOUNT_NAME, key.name));
	return RECONCILE_DONE;
}

static enum reconcile_result ca_reconcile(struct controller *c, struct key key, struct err *err)
{
	const struct obj *old = informer_find(c->informers[WATCH_OWN], key.name, STR(CA_NAME));
	yyjson_mut_doc *doc;
	yyjson_mut_val *root;

	(void)err; /* nothing here can fail before the API answers */
	if (!c->options->root_ca.len || !live_namespace(c, key))
		return RECONCILE_DONE;
	if (old && json_get_count(old->root, "data") == 1 &&
	    str_eq(json_str(json_key(json_get(old->root, "data"), STR("ca.crt"))),
		   c->options->root_ca))
		return RECONCILE_DONE;
	doc = old ? json_thaw(old->root) : body_new("ConfigMap", CA_NAME, key.name);
	root = yyjson_mut_doc_get_root(doc);
	if (!old)
		json_put_str(doc,
			     json_ensure_object(doc, json_mut_get(root, "metadata"), "annotations"),
			     STR("kubernetes.io/description"),
			     STR("Contains a CA bundle that can be used to verify the "
				 "kube-apiserver when using internal "
				 "endpoints such as the internal service IP or "
				 "kubernetes.default.svc. No other usage is "
				 "guaranteed across distributions of Kubernetes clusters."));
	json_put_str(doc, json_set_object(doc, root, "data"), STR("ca.crt"), c->options->root_ca);
	if (old)
		controller_submit(c, key.text, request_update(&kind_configmap, old, doc));
	else
		submit_new(c, key, &kind_configmap, doc);
	return RECONCILE_DONE;
}

static void namespace_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	if (!old)
		queue_add_obj(&c->queue, new_);
}

static void account_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	if (!new_ && str_eq(old->name, STR(ACCOUNT_NAME)))
		queue_add(&c->queue, old->namespace_);
}

static void ca_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	const struct obj *obj = new_ ? new_ : old;

	if (old && str_eq(obj->name, STR(CA_NAME)))
		queue_add(&c->queue, obj->namespace_);
}

const struct controller_type controller_serviceaccount = {
	.name = "serviceaccount-controller",
	.component = "serviceaccount-controller",
	.summary = "Gives every namespace its default ServiceAccount",
	.watches = {
		{ &kind_namespace, namespace_changed },
		{ &kind_serviceaccount, account_changed },
	},
	.reconcile = account_reconcile,
};

const struct controller_type controller_root_ca = {
	.name = "root-ca-certificate-publisher-controller",
	.component = "root-ca-cert-publisher",
	.summary = "Publishes the cluster's certificate authority in every namespace",
	.watches = {
		{ &kind_namespace, namespace_changed },
		{ &kind_configmap, ca_changed },
	},
	.reconcile = ca_reconcile,
};
