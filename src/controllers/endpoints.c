/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints objects: pods with the same ports make one subset, ready ones in addresses, others in
 * notReadyAddresses. The body is built anew each time and written only when it differs from what is
 * there.
 */
#include "controllers/endpoints.h"

#include "base/mem.h"
#include "controllers/controller.h"
#include "controllers/pod.h"

enum { WATCH_SERVICES, WATCH_ENDPOINTS, WATCH_PODS };

static void put_address(yyjson_mut_doc *doc, yyjson_mut_val *subset, const struct endpoint *e)
{
	yyjson_mut_val *address, *ref;

	address = json_append_object(
		doc, json_ensure_array(doc, subset, e->ready ? "addresses" : "notReadyAddresses"));
	json_set_str(doc, address, "ip", e->ip);
	if (e->hostname.len)
		json_set_str(doc, address, "hostname", e->hostname);
	if (e->node_name.len)
		json_set_str(doc, address, "nodeName", e->node_name);
	ref = json_set_object(doc, address, "targetRef");
	json_set_str(doc, ref, "kind", STR("Pod"));
	json_set_str(doc, ref, "namespace", e->pod->namespace_);
	json_set_str(doc, ref, "name", e->pod->name);
	json_set_str(doc, ref, "uid", e->pod->uid);
}

static void put_ports(yyjson_mut_doc *doc, yyjson_mut_val *subset, const struct endpoint *e)
{
	for (size_t i = 0; i < e->port_count; i++) {
		const struct endpoint_port *from = &e->ports[i];
		yyjson_mut_val *port = json_append_object(doc,
							  json_ensure_array(doc, subset, "ports"));

		if (from->name.len)
			json_set_str(doc, port, "name", from->name);
		json_set_int(doc, port, "port", from->port);
		json_set_str(doc, port, "protocol", from->protocol);
		if (from->app_protocol.len)
			json_set_str(doc, port, "appProtocol", from->app_protocol);
	}
}

/* Upstream leaves terminating pods out of Endpoints, unless they are wanted in any state. */
static bool is_listed(const struct endpoints_view *view, const struct endpoint *e)
{
	bool has_ports = json_get_count(view->service->root, "spec.ports") > 0;

	return (!e->terminating ||
		json_get_bool(view->service->root, "spec.publishNotReadyAddresses", false)) &&
	       (e->port_count > 0 || !has_ports);
}

static yyjson_mut_val *build_subsets(yyjson_mut_doc *doc, const struct endpoints_view *view)
{
	yyjson_mut_val *subsets = yyjson_mut_arr(doc);
	AUTO_FREE bool *done = mem_calloc(view->count + 1, sizeof(*done));
	size_t listed = 0;

	for (size_t i = 0; i < view->count && listed < ENDPOINTS_ADDRESSES_MAX; i++) {
		yyjson_mut_val *subset;

		if (done[i] || !is_listed(view, &view->endpoints[i]))
			continue;
		subset = json_append_object(doc, subsets);
		for (size_t k = i; k < view->count && listed < ENDPOINTS_ADDRESSES_MAX; k++) {
			const struct endpoint *e = &view->endpoints[k];

			if (done[k] || !is_listed(view, e) ||
			    !endpoint_ports_equal(e, &view->endpoints[i]))
				continue;
			done[k] = true;
			listed++;
			put_address(doc, subset, e);
		}
		put_ports(doc, subset, &view->endpoints[i]);
	}
	return subsets;
}

static yyjson_mut_val *build_labels(yyjson_mut_doc *doc, const struct obj *service)
{
	yyjson_mut_val *labels = service->labels ? json_copy(doc, service->labels)
						 : yyjson_mut_obj(doc);

	json_set_str(doc, labels, "endpoints.kubernetes.io/managed-by", STR("endpoint-controller"));
	if (str_eq(json_get_str(service->root, "spec.clusterIP"), STR("None")))
		json_set_str(doc, labels, "service.kubernetes.io/headless", STR_NONE);
	return labels;
}

static void submit(struct controller *c, struct key key, const struct endpoints_view *view,
		   const struct obj *old)
{
	yyjson_mut_doc *doc = old ? json_thaw(old->root) : json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *metadata,
		       *subsets = build_subsets(doc, view);
	yyjson_val *had = old ? json_get(old->root, "subsets") : NULL;
	yyjson_mut_val *labels = build_labels(doc, view->service);

	if (old && json_mixed_equal(labels, old->labels) &&
	    (json_mixed_equal(subsets, had) || (!had && yyjson_mut_arr_size(subsets) == 0))) {
		json_mut_free(doc);
		return;
	}
	json_set_str(doc, root, "apiVersion", STR("v1"));
	json_set_str(doc, root, "kind", STR("Endpoints"));
	metadata = json_ensure_object(doc, root, "metadata");
	json_set_str(doc, metadata, "name", view->service->name);
	json_set_str(doc, metadata, "namespace", view->service->namespace_);
	json_set(doc, metadata, "labels", labels);
	json_set(doc, root, "subsets", subsets);
	controller_submit(c, key.text,
			  old ? request_update(&kind_endpoints, old, doc)
			      : request_create(&kind_endpoints, view->service->namespace_, doc));
}

static enum reconcile_result endpoints_reconcile(struct controller *c, struct key key,
						 struct err *err)
{
	const struct obj *service = informer_get(c->informers[WATCH_SERVICES], key.text);
	const struct obj *old = informer_get(c->informers[WATCH_ENDPOINTS], key.text);
	struct endpoints_view view;
	bool v6;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	(void)err; /* nothing here can fail before the API answers */
	if (!service) {
		if (old && !obj_is_deleting(old) &&
		    obj_label(old, "endpoints.kubernetes.io/managed-by").len)
			controller_submit(c, key.text,
					  request_delete(&kind_endpoints, old, -1, NULL));
		return RECONCILE_DONE;
	}
	if (!service_is_selecting(service) || obj_is_deleting(service))
		return RECONCILE_DONE; /* somebody else's to fill in */
	v6 = str_eq(json_get_str(service->root, "spec.ipFamilies.0"), STR("IPv6"));
	endpoints_view(service, index_lookup(c->indexes[WATCH_PODS], service->namespace_), v6, NULL,
		       NULL, &arena, &view);
	submit(c, key, &view, old);
	return RECONCILE_DONE;
}

static void service_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	queue_add_obj(&c->queue, new_ ? new_ : old);
}

static void add_service(void *arg, const struct obj *service)
{
	struct controller *c = arg;

	queue_add_obj(&c->queue, service);
}

static void pod_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	endpoints_of_pod(c->indexes[WATCH_SERVICES], old, new_, add_service, c);
}

const struct controller_type controller_endpoints = {
	.name = "endpoints-controller",
	.component = "endpoint-controller",
	.summary = "Lists the pods behind each Service in its Endpoints",
	.watches = {
		{ &kind_service, service_changed, index_by_namespace },
		{ &kind_endpoints, service_changed },
		{ &kind_pod, pod_changed, index_by_namespace },
	},
	.reconcile = endpoints_reconcile,
};
