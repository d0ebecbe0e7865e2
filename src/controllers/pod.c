/* SPDX-License-Identifier: Apache-2.0 */
/* What several controllers read of pods and conditions. Pure: nothing here knows of a clock or a
 * client. */
#include "controllers/pod.h"

#include "api/kind.h"
#include "base/num.h"
#include "base/time.h"

struct str pod_phase(const struct obj *pod)
{
	return json_get_str(pod->root, "status.phase");
}

bool pod_is_terminal(const struct obj *pod)
{
	struct str phase = pod_phase(pod);

	return str_eq(phase, STR("Succeeded")) || str_eq(phase, STR("Failed"));
}

bool pod_is_active(const struct obj *pod)
{
	return !pod_is_terminal(pod) && !obj_is_deleting(pod);
}

static yyjson_val *ready_condition(const struct obj *pod)
{
	return condition_find(json_get(pod->root, "status.conditions"), STR("Ready"));
}

bool pod_is_ready(const struct obj *pod)
{
	return str_eq(json_get_str(ready_condition(pod), "status"), STR("True"));
}

int64_t time_of(struct str text)
{
	int64_t ns = 0;

	if (!text.len || time_parse(text, &ns, NULL) < 0)
		return 0;
	return ns;
}

int64_t pod_ready_since_ns(const struct obj *pod)
{
	yyjson_val *condition = ready_condition(pod);

	if (!str_eq(json_get_str(condition, "status"), STR("True")))
		return 0;
	return time_of(json_get_str(condition, "lastTransitionTime"));
}

int64_t pod_restarts(const struct obj *pod)
{
	int64_t most = 0;

	JSON_EACH (status, json_get(pod->root, "status.containerStatuses"))
		most = NUM_MAX(most, json_get_int(status, "restartCount", 0));
	return most;
}

int64_t pod_deletion_cost(const struct obj *pod)
{
	int64_t cost = 0;
	struct str text = obj_annotation(pod, "controller.kubernetes.io/pod-deletion-cost");

	if (!text.len || num_parse_i64(text, INT32_MIN, INT32_MAX, "cost", &cost, NULL) < 0)
		return 0;
	return cost;
}

struct str pod_node_name(const struct obj *pod)
{
	return json_get_str(pod->root, "spec.nodeName");
}

int64_t obj_created_ns(const struct obj *obj)
{
	return time_of(json_get_str(obj->root, "metadata.creationTimestamp"));
}

void owner_reference_add(yyjson_mut_doc *doc, yyjson_mut_val *metadata, const struct kind *kind,
			 const struct obj *owner)
{
	yyjson_mut_val *ref = json_append_object(
		doc, json_ensure_array(doc, metadata, "ownerReferences"));

	json_set_str(doc, ref, "apiVersion", kind->api_version);
	json_set_str(doc, ref, "kind", kind->name);
	json_set_str(doc, ref, "name", owner->name);
	json_set_str(doc, ref, "uid", owner->uid);
	json_set_bool(doc, ref, "controller", true);
	json_set_bool(doc, ref, "blockOwnerDeletion", true);
}

int64_t scaled_value(yyjson_val *int_or_percent, int64_t total, bool round_up, int64_t fallback)
{
	struct str text = json_str(int_or_percent);
	int64_t percent;

	if (!text.len)
		return json_int(int_or_percent, fallback);
	if (!str_strip_suffix(&text, STR("%")) ||
	    num_parse_i64(text, 0, INT32_MAX, "percent", &percent, NULL) < 0)
		return fallback;
	return (total * percent + (round_up ? 99 : 0)) / 100;
}
