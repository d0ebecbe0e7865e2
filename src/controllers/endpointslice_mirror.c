/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EndpointSlices of services without a selector, from the Endpoints that people write for them:
 * who reads slices alone finds those too. A key is the name that Endpoints and Service share.
 */
#include "controllers/endpointslice_mirror.h"

#include <stdio.h>
#include "api/limits.h"
#include "controllers/controller.h"
#include "controllers/endpointslice.h"
#include "controllers/pod.h"

enum { WATCH_ENDPOINTS, WATCH_SERVICES, WATCH_SLICES };

#define MANAGER "endpointslicemirroring-controller.k8s.io"

static bool is_ours(const struct obj *slice, struct key key)
{
	return str_eq(slice->namespace_, key.namespace_) && !obj_is_deleting(slice) &&
	       str_eq(obj_label(slice, SLICE_MANAGED_BY), STR(MANAGER));
}

static yyjson_mut_val *labels_of(yyjson_mut_doc *doc, const struct obj *endpoints)
{
	yyjson_mut_val *labels = endpoints->labels ? json_copy(doc, endpoints->labels)
						   : yyjson_mut_obj(doc);

	json_set_str(doc, labels, "kubernetes.io/service-name", endpoints->name);
	json_set_str(doc, labels, SLICE_MANAGED_BY, STR(MANAGER));
	return labels;
}

static bool is_as_wanted(const struct obj *slice, yyjson_mut_val *wanted, const char *list)
{
	yyjson_mut_val *want = yyjson_mut_obj_get(wanted, list);
	yyjson_val *have = json_get(slice->root, list);

	return json_mixed_equal(want, have) ||
	       (!yyjson_mut_arr_size(want) && !yyjson_arr_size(have));
}

static void submit_create(struct controller *c, struct key key, const struct obj *endpoints,
			  yyjson_mut_val *wanted)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = json_mut_copy(doc, wanted), *metadata;
	char prefix[DNS_SUBDOMAIN_BYTES_MAX + 2];

	(void)snprintf(prefix, sizeof(prefix), STR_FMT "-",
		       STR_ARG(endpoints->name)); /* names are no longer than that */
	yyjson_mut_doc_set_root(doc, root);
	json_set_str(doc, root, "apiVersion", STR("discovery.k8s.io/v1"));
	json_set_str(doc, root, "kind", STR("EndpointSlice"));
	metadata = json_set_object(doc, root, "metadata");
	json_set_str(doc, metadata, "generateName", str_from(prefix));
	json_set_str(doc, metadata, "namespace", endpoints->namespace_);
	json_set(doc, metadata, "labels", labels_of(doc, endpoints));
	owner_reference_add(doc, metadata, &kind_endpoints, endpoints);
	controller_submit(c, key.text,
			  request_create(&kind_endpointslice, endpoints->namespace_, doc));
}

static void submit_update(struct controller *c, struct key key, const struct obj *endpoints,
			  const struct obj *slice, yyjson_mut_val *wanted)
{
	yyjson_mut_doc *doc = json_thaw(slice->root);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *labels = labels_of(doc, endpoints);

	if (is_as_wanted(slice, wanted, "endpoints") && is_as_wanted(slice, wanted, "ports") &&
	    json_mixed_equal(labels, slice->labels)) {
		json_mut_free(doc);
		return;
	}
	json_set(doc, json_mut_get(root, "metadata"), "labels", labels);
	json_set(doc, root, "endpoints",
		 json_mut_copy(doc, yyjson_mut_obj_get(wanted, "endpoints")));
	json_set(doc, root, "ports", json_mut_copy(doc, yyjson_mut_obj_get(wanted, "ports")));
	controller_submit(c, key.text, request_update(&kind_endpointslice, slice, doc));
}

/* Takes the slice that becomes the wanted one out of the free ones: of the same family, best with
 * the same ports. */
static const struct obj *take_slice(const struct obj **slices, size_t count, yyjson_mut_val *wanted)
{
	const struct obj *slice;
	size_t best = count;

	for (size_t i = 0; i < count; i++) {
		if (!slices[i] || !str_eq(json_get_str(slices[i]->root, "addressType"),
					  json_mut_get_str(wanted, "addressType")))
			continue;
		if (best == count || is_as_wanted(slices[i], wanted, "ports"))
			best = i;
	}
	if (best == count)
		return NULL;
	slice = slices[best];
	slices[best] = NULL;
	return slice;
}

static enum reconcile_result reconcile(struct controller *c, struct key key, struct err *err)
{
	const struct obj *endpoints = informer_get(c->informers[WATCH_ENDPOINTS], key.text),
			 *service = informer_get(c->informers[WATCH_SERVICES], key.text), **slices;
	struct informer_set set = index_lookup(c->indexes[WATCH_SLICES], key.name);
	AUTO_JSON_MUT doc = json_new();
	AUTO_ARENA arena = { 0 };
	size_t count = 0;

	(void)err; /* nothing here can fail before the API answers */
	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	slices = arena_array(&arena, set.count + 1, sizeof(slices[0]));
	INFORMER_SET_FOR_EACH (slice, set)
		if (is_ours(slice, key))
			slices[count++] = slice;
	if (endpoints && mirror_is_wanted(endpoints, service)) {
		JSON_MUT_EACH (wanted, mirror_plan(endpoints, doc)) {
			const struct obj *slice = take_slice(slices, count, wanted);

			if (slice)
				submit_update(c, key, endpoints, slice, wanted);
			else
				submit_create(c, key, endpoints, wanted);
		}
	}
	for (size_t i = 0; i < count; i++)
		if (slices[i])
			controller_submit(c, key.text,
					  request_delete(&kind_endpointslice, slices[i], -1, NULL));
	return RECONCILE_DONE;
}

static void endpoints_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	queue_add_obj(&c->queue, new_ ? new_ : old);
}

static void slice_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	slice_changed_of(c, new_ ? new_ : old, MANAGER);
}

const struct controller_type controller_endpointslice_mirror = {
	.name = "endpointslice-mirroring-controller",
	.component = "endpoint-slice-mirroring-controller",
	.summary = "Mirrors the Endpoints of Services without a selector in EndpointSlices",
	.watches = {
		{ &kind_endpoints, endpoints_changed },
		{ &kind_service, endpoints_changed },
		{ &kind_endpointslice, slice_changed, index_by_service_name },
	},
	.reconcile = reconcile,
};
