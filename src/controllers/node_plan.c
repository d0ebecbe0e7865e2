/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taints by condition: a node that says it is not ready, or says nothing any more, or is short of
 * something, or cordoned. Taints that others set are never touched.
 */
#include "controllers/node.h"

#include "api/toleration.h"
#include "base/num.h"
#include "controllers/pod.h"

#define TAINT_NOT_READY "node.kubernetes.io/not-ready"
#define TAINT_UNREACHABLE "node.kubernetes.io/unreachable"
#define TAINT_UNSCHEDULABLE "node.kubernetes.io/unschedulable"

static const struct {
	const char *condition, *key;
} pressures[] = {
	{ "MemoryPressure", "node.kubernetes.io/memory-pressure" },
	{ "DiskPressure", "node.kubernetes.io/disk-pressure" },
	{ "PIDPressure", "node.kubernetes.io/pid-pressure" },
	{ "NetworkUnavailable", "node.kubernetes.io/network-unavailable" },
};

bool node_taint_is_managed(struct str key)
{
	if (str_eq(key, STR(TAINT_NOT_READY)) || str_eq(key, STR(TAINT_UNREACHABLE)) ||
	    str_eq(key, STR(TAINT_UNSCHEDULABLE)))
		return true;
	for (size_t i = 0; i < ARRAY_COUNT(pressures); i++)
		if (str_eq_c(key, pressures[i].key))
			return true;
	return false;
}

static void want(struct node_plan *plan, const char *key, const char *effect)
{
	plan->taints[plan->taint_count++] = (struct node_taint){ key, effect };
}

static bool is_wanted(const struct node_plan *plan, yyjson_val *taint)
{
	for (size_t i = 0; i < plan->taint_count; i++)
		if (str_eq_c(json_get_str(taint, "key"), plan->taints[i].key) &&
		    str_eq_c(json_get_str(taint, "effect"), plan->taints[i].effect))
			return true;
	return false;
}

void node_plan(const struct obj *node, bool silent, struct node_plan *ret_plan)
{
	yyjson_val *conditions = json_get(node->root, "status.conditions");
	struct str ready = json_get_str(condition_find(conditions, STR("Ready")), "status");
	struct node_plan plan = { .silent = silent && !str_eq(ready, STR("Unknown")) };
	size_t had = 0, right = 0;

	plan.ready = str_eq(ready, STR("True")) && !silent;
	if (silent || str_eq(ready, STR("Unknown")) || !ready.len) {
		const char *key = ready.len || silent ? TAINT_UNREACHABLE : TAINT_NOT_READY;

		want(&plan, key, "NoSchedule");
		want(&plan, key, "NoExecute");
	} else if (str_eq(ready, STR("False"))) {
		want(&plan, TAINT_NOT_READY, "NoSchedule");
		want(&plan, TAINT_NOT_READY, "NoExecute");
	}
	for (size_t i = 0; i < ARRAY_COUNT(pressures); i++)
		if (str_eq(json_get_str(
				   condition_find(conditions, str_from(pressures[i].condition)),
				   "status"),
			   STR("True")))
			want(&plan, pressures[i].key, "NoSchedule");
	if (json_get_bool(node->root, "spec.unschedulable", false))
		want(&plan, TAINT_UNSCHEDULABLE, "NoSchedule");
	JSON_EACH (taint, json_get(node->root, "spec.taints")) {
		if (!node_taint_is_managed(json_get_str(taint, "key")))
			continue;
		had++;
		right += is_wanted(&plan, taint);
	}
	plan.taints_differ = had != right || right != plan.taint_count;
	*ret_plan = plan;
}

int64_t taint_eviction_seconds(yyjson_val *tolerations, yyjson_val *taints)
{
	int64_t least = INT64_MAX;
	struct toleration_set set;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	toleration_set_read(&set, tolerations, &arena);
	JSON_EACH (taint, taints) {
		struct taint_words words = taint_words_of(taint);
		const struct toleration *found;

		if (!str_eq_c(words.effect, "NoExecute"))
			continue;
		found = toleration_set_find(&set, &words);
		if (!found)
			return 0;
		least = NUM_MIN(least, found->seconds);
	}
	return least < 0 ? 0 : least;
}
