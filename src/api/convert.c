/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions between versions that share a stored form. Most pairs differ in apiVersion only;
 * Event (core and events.k8s.io) moves fields, and HorizontalPodAutoscaler has a file of its own.
 * What has no common form is refused.
 */
#include "api/convert.h"
#include "api/convert_internal.h"

#include "api/custom.h"
#include "api/structural.h"

struct move {
	const char *core, *events;
};

static const struct move event_moves[] = {
	{ "involvedObject", "regarding" },
	{ "message", "note" },
	{ "source", "deprecatedSource" },
	{ "firstTimestamp", "deprecatedFirstTimestamp" },
	{ "lastTimestamp", "deprecatedLastTimestamp" },
	{ "count", "deprecatedCount" },
	{ "reportingComponent", "reportingController" },
};

/* Versions that are no longer served but have their successor's fields. */
static const struct {
	const char *api_version, *name;
	const struct kind *kind;
} former[] = {
	{ "autoscaling/v2beta2", "HorizontalPodAutoscaler", &kind_horizontalpodautoscaler },
	{ "batch/v1beta1", "CronJob", &kind_cronjob },
	{ "coordination.k8s.io/v1beta1", "Lease", &kind_lease },
	{ "discovery.k8s.io/v1beta1", "EndpointSlice", &kind_endpointslice },
	{ "events.k8s.io/v1beta1", "Event", &kind_events_event },
	{ "policy/v1beta1", "PodDisruptionBudget", &kind_poddisruptionbudget },
	{ "scheduling.k8s.io/v1beta1", "PriorityClass", &kind_priorityclass },
	{ "storage.k8s.io/v1beta1", "CSIDriver", &kind_csidriver },
	{ "storage.k8s.io/v1beta1", "CSINode", &kind_csinode },
	{ "storage.k8s.io/v1beta1", "CSIStorageCapacity", &kind_csistoragecapacity },
	{ "storage.k8s.io/v1beta1", "StorageClass", &kind_storageclass },
	{ "storage.k8s.io/v1beta1", "VolumeAttachment", &kind_volumeattachment },
};

const struct kind *convert_stored_kind(struct str api_version, struct str name)
{
	const struct kind *kind = kind_find_api_version(api_version, name);

	for (size_t i = 0; !kind && i < ARRAY_COUNT(former); i++)
		if (str_eq_c(api_version, former[i].api_version) && str_eq_c(name, former[i].name))
			kind = former[i].kind;
	return kind;
}

static bool is_event(const struct kind *kind)
{
	return kind == &kind_event || kind == &kind_events_event;
}

static bool is_autoscaler(const struct kind *kind)
{
	return kind == &kind_horizontalpodautoscaler || kind == &kind_horizontalpodautoscaler_v1;
}

static void rename_member(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *from,
			  const char *to)
{
	yyjson_mut_val *value = json_remove(root, str_from(from));

	if (value)
		json_set(doc, root, to, value);
}

static void convert_event(yyjson_mut_doc *doc, yyjson_mut_val *root, bool to_core)
{
	for (size_t i = 0; i < ARRAY_COUNT(event_moves); i++) {
		if (to_core)
			rename_member(doc, root, event_moves[i].events, event_moves[i].core);
		else
			rename_member(doc, root, event_moves[i].core, event_moves[i].events);
	}
}

int convert_object(yyjson_mut_doc *doc, const struct kind *from, const struct kind *to,
		   struct err *err)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	if (kind_stored(from) != kind_stored(to))
		return err_set(err, ERR_UNSUPPORTED,
			       "no conversion from " STR_FMT " " STR_FMT " to " STR_FMT " " STR_FMT,
			       STR_ARG(from->api_version), STR_ARG(from->name),
			       STR_ARG(to->api_version), STR_ARG(to->name));
	if (from == to && !(from->flags & KIND_CUSTOM))
		return 0;
	if (is_event(from))
		convert_event(doc, root, to == &kind_event);
	else if (is_autoscaler(from) && yyjson_mut_is_obj(yyjson_mut_obj_get(root, "spec")))
		(to == &kind_horizontalpodautoscaler ? convert_autoscaler_to_v2
						     : convert_autoscaler_to_v1)(doc);
	json_set_str(doc, root, "apiVersion", to->api_version);
	return 0;
}

/* Without the stored version's defaults: those come by reading, whatever they are then. */
static void fit_custom(yyjson_mut_doc *doc, const struct kind *to)
{
	struct structural schema = custom_structural(custom_version_of(to));
	AUTO_JSON frozen = json_freeze(yyjson_mut_doc_get_root(doc));
	yyjson_mut_val *root = structural_copy(doc, yyjson_doc_get_root(frozen), schema, NULL,
					       NULL);

	structural_drop_nulls(root, schema);
	yyjson_mut_doc_set_root(doc, root);
}

int convert_stored(yyjson_mut_doc *doc, const struct kind *from, const struct kind *to,
		   struct err *err)
{
	if (convert_object(doc, from, to, err) < 0)
		return -1;
	if (to->flags & KIND_CUSTOM)
		fit_custom(doc, to);
	return 0;
}
