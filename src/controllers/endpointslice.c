/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EndpointSlices of services with a selector, per address family; slices that others manage are
 * left alone. A service without pods has one slice without endpoints, so that readers can tell
 * "none" from "not known yet".
 */
#include "controllers/endpointslice.h"

#include <stdio.h>
#include "api/limits.h"
#include "controllers/controller.h"
#include "controllers/pod.h"

enum { WATCH_SERVICES, WATCH_SLICES, WATCH_PODS, WATCH_NODES };

#define MANAGER "endpointslice-controller.k8s.io"

static void put_endpoint(yyjson_mut_doc *doc, yyjson_mut_val *endpoints, const struct endpoint *e)
{
	yyjson_mut_val *to = json_append_object(doc, endpoints), *part;

	json_append_str(doc, json_set_array(doc, to, "addresses"), e->ip);
	part = json_set_object(doc, to, "conditions");
	json_set_bool(doc, part, "ready", e->ready);
	json_set_bool(doc, part, "serving", e->serving);
	json_set_bool(doc, part, "terminating", e->terminating);
	if (e->hostname.len)
		json_set_str(doc, to, "hostname", e->hostname);
	if (e->node_name.len)
		json_set_str(doc, to, "nodeName", e->node_name);
	if (e->zone.len)
		json_set_str(doc, to, "zone", e->zone);
	part = json_set_object(doc, to, "targetRef");
	json_set_str(doc, part, "kind", STR("Pod"));
	json_set_str(doc, part, "namespace", e->pod->namespace_);
	json_set_str(doc, part, "name", e->pod->name);
	json_set_str(doc, part, "uid", e->pod->uid);
}

static yyjson_mut_val *build_ports(yyjson_mut_doc *doc, const struct endpoint *e)
{
	yyjson_mut_val *ports = yyjson_mut_arr(doc);

	for (size_t i = 0; e && i < e->port_count; i++) {
		yyjson_mut_val *port = json_append_object(doc, ports);

		json_set_str(doc, port, "name", e->ports[i].name);
		json_set_int(doc, port, "port", e->ports[i].port);
		json_set_str(doc, port, "protocol", e->ports[i].protocol);
		if (e->ports[i].app_protocol.len)
			json_set_str(doc, port, "appProtocol", e->ports[i].app_protocol);
	}
	return ports;
}

static yyjson_mut_val *build_endpoints(yyjson_mut_doc *doc, const struct slice_view *slice)
{
	yyjson_mut_val *endpoints = yyjson_mut_arr(doc);

	for (size_t i = 0; i < slice->member_count; i++)
		put_endpoint(doc, endpoints, slice->members[i]);
	return endpoints;
}

static yyjson_mut_val *build_labels(yyjson_mut_doc *doc, const struct obj *service)
{
	yyjson_mut_val *labels = service->labels ? json_copy(doc, service->labels)
						 : yyjson_mut_obj(doc);

	json_set_str(doc, labels, "kubernetes.io/service-name", service->name);
	json_set_str(doc, labels, SLICE_MANAGED_BY, STR(MANAGER));
	if (str_eq(json_get_str(service->root, "spec.clusterIP"), STR("None")))
		json_set_str(doc, labels, "service.kubernetes.io/headless", STR_NONE);
	return labels;
}

static bool list_equal(yyjson_mut_val *a, yyjson_val *b)
{
	return json_mixed_equal(a, b) || (yyjson_mut_arr_size(a) == 0 && yyjson_arr_size(b) == 0);
}

static void submit_update(struct controller *c, struct key key, const struct obj *service,
			  const struct slice_view *slice)
{
	yyjson_mut_doc *doc = json_thaw(slice->obj->root);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc),
		       *endpoints = build_endpoints(doc, slice);
	yyjson_mut_val *labels = build_labels(doc, service),
		       *ports = build_ports(doc, slice->ports_of);

	if (list_equal(endpoints, json_get(slice->obj->root, "endpoints")) &&
	    list_equal(ports, json_get(slice->obj->root, "ports")) &&
	    json_mixed_equal(labels, slice->obj->labels)) {
		json_mut_free(doc);
		return;
	}
	json_set(doc, json_mut_get(root, "metadata"), "labels", labels);
	json_set(doc, root, "endpoints", endpoints);
	json_set(doc, root, "ports", ports);
	controller_submit(c, key.text, request_update(&kind_endpointslice, slice->obj, doc));
}

static void submit_create(struct controller *c, struct key key, const struct obj *service,
			  const struct slice_view *slice, bool v6)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *metadata;
	char prefix[DNS_SUBDOMAIN_BYTES_MAX + 2];

	(void)snprintf(prefix, sizeof(prefix), STR_FMT "-",
		       STR_ARG(service->name)); /* names are no longer than that */
	json_set_str(doc, root, "apiVersion", STR("discovery.k8s.io/v1"));
	json_set_str(doc, root, "kind", STR("EndpointSlice"));
	metadata = json_set_object(doc, root, "metadata");
	json_set_str(doc, metadata, "generateName", str_from(prefix));
	json_set_str(doc, metadata, "namespace", service->namespace_);
	json_set(doc, metadata, "labels", build_labels(doc, service));
	owner_reference_add(doc, metadata, &kind_service, service);
	json_set_str(doc, root, "addressType", v6 ? STR("IPv6") : STR("IPv4"));
	json_set(doc, root, "endpoints", build_endpoints(doc, slice));
	json_set(doc, root, "ports", build_ports(doc, slice->ports_of));
	controller_submit(c, key.text,
			  request_create(&kind_endpointslice, service->namespace_, doc));
}

static struct str zone_of(void *arg, struct str node_name)
{
	struct controller *c = arg;
	const struct obj *node = informer_get(c->informers[WATCH_NODES], node_name);

	return node ? obj_label(node, "topology.kubernetes.io/zone") : STR_NONE;
}

static void reconcile_family(struct controller *c, struct key key, const struct obj *service,
			     bool v6, struct informer_set slices)
{
	struct endpoints_view view;
	struct slices_plan plan;
	const struct obj **existing;
	size_t existing_count = 0;
	bool used = false;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	existing = arena_array(&arena, slices.count + 1, sizeof(*existing));
	INFORMER_SET_FOR_EACH (slice, slices)
		if (str_eq(slice->namespace_, service->namespace_) && !obj_is_deleting(slice) &&
		    str_eq(obj_label(slice, SLICE_MANAGED_BY), STR(MANAGER)) &&
		    str_eq(json_get_str(slice->root, "addressType"),
			   v6 ? STR("IPv6") : STR("IPv4")))
			existing[existing_count++] = slice;
	endpoints_view(service, index_lookup(c->indexes[WATCH_PODS], service->namespace_), v6,
		       zone_of, c, &arena, &view);
	slices_plan(&view, existing, existing_count, ENDPOINT_SLICE_ENDPOINTS_MAX, &arena, &plan);
	for (size_t i = 0; i < plan.count; i++)
		used |= plan.slices[i].member_count > 0;
	for (size_t i = 0; i < plan.count; i++) {
		const struct slice_view *slice = &plan.slices[i];

		if (!slice->obj)
			submit_create(c, key, service, slice, v6);
		else if (slice->member_count || (!used && i == 0))
			submit_update(c, key, service, slice);
		else
			controller_submit(
				c, key.text,
				request_delete(&kind_endpointslice, slice->obj, -1, NULL));
	}
	if (plan.count == 0)
		submit_create(c, key, service, &(struct slice_view){ .obj = NULL }, v6);
}

/* families: those that stay, NULL: none. */
static void delete_left_over(struct controller *c, struct key key, yyjson_val *families,
			     struct informer_set slices)
{
	INFORMER_SET_FOR_EACH (slice, slices) {
		bool is_wanted = false;

		JSON_EACH (family, families)
			is_wanted |= str_eq(json_get_str(slice->root, "addressType"),
					    json_str(family));
		if (!is_wanted && str_eq(slice->namespace_, key.namespace_) &&
		    !obj_is_deleting(slice) &&
		    str_eq(obj_label(slice, SLICE_MANAGED_BY), STR(MANAGER)))
			controller_submit(c, key.text,
					  request_delete(&kind_endpointslice, slice, -1, NULL));
	}
}

static enum reconcile_result endpointslice_reconcile(struct controller *c, struct key key,
						     struct err *err)
{
	const struct obj *service = informer_get(c->informers[WATCH_SERVICES], key.text);
	struct informer_set slices = index_lookup(c->indexes[WATCH_SLICES], key.name);
	yyjson_val *families;

	(void)err; /* nothing here can fail before the API answers */
	if (!service) {
		delete_left_over(c, key, NULL, slices);
		return RECONCILE_DONE;
	}
	if (!service_is_selecting(service) || obj_is_deleting(service))
		return RECONCILE_DONE;
	families = json_get(service->root, "spec.ipFamilies");
	if (!yyjson_arr_size(families)) { /* of before there were two */
		reconcile_family(c, key, service, false, slices);
		return RECONCILE_DONE;
	}
	JSON_EACH (family, families)
		reconcile_family(c, key, service, str_eq(json_str(family), STR("IPv6")), slices);
	delete_left_over(c, key, families, slices);
	return RECONCILE_DONE;
}

static void service_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	queue_add_obj(&c->queue, new_ ? new_ : old);
}

void slice_changed_of(struct controller *controller, const struct obj *slice, const char *manager)
{
	struct str service = obj_label(slice, "kubernetes.io/service-name");

	if (service.len && str_eq_c(obj_label(slice, SLICE_MANAGED_BY), manager))
		queue_add_name(&controller->queue, slice->namespace_, service);
}

static void slice_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	slice_changed_of(c, new_ ? new_ : old, MANAGER);
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

const struct controller_type controller_endpointslice = {
	.name = "endpointslice-controller",
	.component = "endpoint-slice-controller",
	.summary = "Lists the pods behind each Service in EndpointSlices",
	.watches = {
		{ &kind_service, service_changed, index_by_namespace },
		{ &kind_endpointslice, slice_changed, index_by_service_name },
		{ &kind_pod, pod_changed, index_by_namespace },
		{ &kind_node, NULL },
	},
	.reconcile = endpointslice_reconcile,
};
