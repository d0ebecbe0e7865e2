/* SPDX-License-Identifier: Apache-2.0 */
/* What the server makes of a new Pod: keys of its own labels as requirements of its selectors, the
 * condition of a Pod that is held back. */
#include "api/kinds/pod_birth.h"

#include "api/kinds/pod_spec.h"
#include "base/time.h"

#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED "preferredDuringSchedulingIgnoredDuringExecution"

static void require_labels(struct edit *e, yyjson_mut_val *holder, const char *keys,
			   const char *operator)
{
	yyjson_mut_val *labels = json_mut_get(e->root, "metadata.labels"),
		       *selector = yyjson_mut_obj_get(holder, "labelSelector");

	if (!yyjson_mut_is_obj(selector))
		return;
	JSON_MUT_EACH (key, yyjson_mut_obj_get(holder, keys)) {
		yyjson_mut_val *value = json_mut_key(labels, json_mut_str(key)), *expressions, *one,
			       *values;

		if (!value)
			continue;
		expressions = yyjson_mut_obj_get(selector, "matchExpressions");
		if (!yyjson_mut_is_arr(expressions)) {
			expressions = yyjson_mut_arr(e->doc);
			json_set(e->doc, selector, "matchExpressions", expressions);
		}
		one = yyjson_mut_arr_add_obj(e->doc, expressions);
		json_set_str(e->doc, one, "key", json_mut_str(key));
		json_set_str(e->doc, one, "operator", str_from(operator));
		values = yyjson_mut_arr(e->doc);
		yyjson_mut_arr_append(values, json_mut_copy(e->doc, value));
		json_set(e->doc, one, "values", values);
	}
}

static void require_in_term(struct edit *e, yyjson_mut_val *term)
{
	require_labels(e, term, "matchLabelKeys", "In");
	require_labels(e, term, "mismatchLabelKeys", "NotIn");
}

static void require_own_labels(struct edit *e, yyjson_mut_val *spec)
{
	static const char *const affinities[] = { "podAffinity", "podAntiAffinity" };
	yyjson_mut_val *affinity = yyjson_mut_obj_get(spec, "affinity");

	for (size_t i = 0; affinity && i < ARRAY_COUNT(affinities); i++) {
		yyjson_mut_val *one = yyjson_mut_obj_get(affinity, affinities[i]);

		JSON_MUT_EACH (term, yyjson_mut_obj_get(one, REQUIRED))
			require_in_term(e, term);
		JSON_MUT_EACH (wish, yyjson_mut_obj_get(one, PREFERRED))
			require_in_term(e, yyjson_mut_obj_get(wish, "podAffinityTerm"));
	}
	JSON_MUT_EACH (constraint, yyjson_mut_obj_get(spec, "topologySpreadConstraints"))
		require_labels(e, constraint, "matchLabelKeys", "In");
}

static void put_gated(struct edit *e, yyjson_mut_val *status)
{
	yyjson_mut_val *conditions = yyjson_mut_arr(e->doc),
		       *one = yyjson_mut_arr_add_obj(e->doc, conditions);
	char now[TIME_TEXT_BYTES];

	json_set(e->doc, one, "lastProbeTime", yyjson_mut_null(e->doc));
	json_set_str(e->doc, one, "lastTransitionTime", str_from(time_format(e->now_ns, now)));
	json_set_str(e->doc, one, "message",
		     STR("Scheduling is blocked due to non-empty scheduling gates"));
	json_set_int(e->doc, one, "observedGeneration", 1);
	json_set_str(e->doc, one, "reason", STR("SchedulingGated"));
	json_set_str(e->doc, one, "status", STR("False"));
	json_set_str(e->doc, one, "type", STR("PodScheduled"));
	json_set(e->doc, status, "conditions", conditions);
}

void pod_birth_prepare(struct edit *e)
{
	yyjson_mut_val *status = json_set_object(e->doc, e->root, "status"),
		       *spec = yyjson_mut_obj_get(e->root, "spec");

	if (json_mut_get_count(spec, "schedulingGates"))
		put_gated(e, status);
	json_set_str(e->doc, status, "phase", STR("Pending"));
	json_set_str(e->doc, status, "qosClass", str_from(pod_spec_qos(spec)));
	require_own_labels(e, spec);
}
