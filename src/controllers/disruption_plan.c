/* SPDX-License-Identifier: Apache-2.0 */
/* A budget's numbers, and what its status is to say. */
#include "controllers/disruption.h"

#include "base/num.h"
#include "base/time.h"
#include "controllers/controller.h"
#include "controllers/limits.h"
#include "controllers/pod.h"

static const struct str condition_type = STR_INIT("DisruptionAllowed");

bool disruption_asks_wanted(yyjson_val *spec)
{
	return json_get(spec, "maxUnavailable") || yyjson_is_str(json_get(spec, "minAvailable"));
}

struct disruption_numbers disruption_plan(const struct disruption_view *v)
{
	yyjson_val *unavailable = json_get(v->spec, "maxUnavailable"),
		   *available = json_get(v->spec, "minAvailable");
	struct disruption_numbers n = { .healthy = v->healthy };

	if (v->problem.len)
		return n; /* nobody is to be taken away on a guess */
	if (unavailable) {
		n.expected = v->wanted;
		n.desired = NUM_MAX(0, v->wanted - scaled_value(unavailable, v->wanted, true, 0));
	} else if (available) {
		n.expected = yyjson_is_str(available) ? v->wanted : v->pod_count;
		n.desired = scaled_value(available, v->wanted, true, 0);
	}
	if (n.expected > 0)
		n.allowed = NUM_MAX(0, n.healthy - n.desired);
	return n;
}

int64_t disruption_awaited_until_ns(const struct obj *budget, struct str pod, int64_t now_ns)
{
	struct str since = json_str(json_key(json_get(budget->root, "status.disruptedPods"), pod));
	int64_t since_ns, until_ns;

	if (!since.len || time_parse(since, &since_ns, NULL) < 0)
		return 0;
	until_ns = since_ns + DISRUPTION_AWAIT_MS * TIME_NS_PER_MS;
	return until_ns > now_ns ? until_ns : 0;
}

static bool is_awaited(const struct disruption_view *view, struct str name)
{
	for (size_t i = 0; i < view->awaited.count; i++)
		if (str_eq(view->awaited.items[i], name))
			return true;
	return false;
}

/* Those that went, and those that did not in time, are no longer kept. True: there were some. */
static bool forget_disrupted(yyjson_mut_doc *doc, yyjson_mut_val *status, const struct obj *budget,
			     const struct disruption_view *view)
{
	yyjson_mut_val *changes = NULL;

	JSON_MEMBERS (name, since, json_get(budget->root, "status.disruptedPods")) {
		(void)since;
		if (is_awaited(view, json_str(name)))
			continue;
		if (!changes)
			changes = json_set_object(doc, status, "disruptedPods");
		json_put(doc, changes, json_str(name), yyjson_mut_null(doc));
	}
	return changes != NULL;
}

static struct str reason_of(const struct disruption_view *view, const struct disruption_numbers *n)
{
	if (view->problem.len)
		return STR("SyncFailed");
	return n->allowed > 0 ? STR("SufficientPods") : STR("InsufficientPods");
}

/* The conditions with ours brought up to date. */
static void put_conditions(yyjson_mut_doc *doc, yyjson_mut_val *status, const struct obj *budget,
			   const struct disruption_view *view, struct str since)
{
	struct disruption_numbers n = disruption_plan(view);
	yyjson_mut_val *list = json_set_array(doc, status, "conditions"), *ours;

	JSON_EACH (condition, json_get(budget->root, "status.conditions"))
		if (!str_eq(json_get_str(condition, "type"), condition_type))
			yyjson_mut_arr_append(list, json_copy(doc, condition));
	ours = json_append_object(doc, list);
	json_set_str(doc, ours, "type", condition_type);
	json_set_str(doc, ours, "status", n.allowed > 0 ? STR("True") : STR("False"));
	json_set_int(doc, ours, "observedGeneration", budget->generation);
	json_set_str(doc, ours, "lastTransitionTime", since);
	json_set_str(doc, ours, "reason", reason_of(view, &n));
	json_set_str(doc, ours, "message", view->problem);
}

yyjson_mut_doc *disruption_status_plan(const struct obj *budget, const struct disruption_view *view,
				       int64_t now_ns)
{
	struct disruption_numbers n = disruption_plan(view);
	yyjson_val *old = json_get(budget->root, "status"),
		   *condition = condition_find(json_get(old, "conditions"), condition_type);
	const struct {
		const char *name;
		int64_t value;
	} fields[] = {
		{ "expectedPods", n.expected },
		{ "currentHealthy", n.healthy },
		{ "desiredHealthy", n.desired },
		{ "disruptionsAllowed", n.allowed },
		{ "observedGeneration", budget->generation },
	};
	struct str was = json_get_str(condition, "status");
	char now[TIME_TEXT_BYTES];
	yyjson_mut_doc *patch;
	yyjson_mut_val *status = status_patch_new(&patch);
	bool is_same = str_eq_c(was, n.allowed > 0 ? "True" : "False"),
	     differs = !str_eq(json_get_str(condition, "reason"), reason_of(view, &n)) ||
		       !str_eq(json_get_str(condition, "message"), view->problem);

	differs |= forget_disrupted(patch, status, budget, view);
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
		differs |= !json_get(old, fields[i].name) ||
			   json_get_int(old, fields[i].name, 0) != fields[i].value;
		json_set_int(patch, status, fields[i].name, fields[i].value);
	}
	put_conditions(patch, status, budget, view,
		       is_same ? json_get_str(condition, "lastTransitionTime")
			       : str_from(time_format(now_ns, now)));
	/* An eviction may have taken a pod from the budget meanwhile: then these are old numbers. */
	json_set_str(patch, json_set_object(patch, yyjson_mut_doc_get_root(patch), "metadata"),
		     "resourceVersion", json_get_str(budget->root, "metadata.resourceVersion"));
	if (differs)
		return patch;
	json_mut_free(patch);
	return NULL;
}
