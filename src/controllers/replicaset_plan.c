/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a ReplicaSet. Which pods go first when there are too many, as upstream ranks them:
 * not assigned, not running, not ready, cheaper, more siblings on the node, ready for less time (by
 * powers of two, so that age alone does not always hit the newest), more restarts, newer; the uid
 * decides what is left.
 */
#include "controllers/replicaset.h"

#include <stdlib.h>
#include "base/num.h"
#include "base/time.h"

/* Floor of the binary logarithm of an age; -1 for none. */
static int64_t age_rank(int64_t since_ns, int64_t now_ns)
{
	int64_t age_ns = now_ns - since_ns, rank = -1;

	while (age_ns > 0) {
		age_ns >>= 1;
		rank++;
	}
	return rank;
}

static int compare(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

/* The younger first; ages of one power of two count as equal and the uid decides. */
static int compare_ages(const struct rs_pod *a, const struct rs_pod *b, int64_t a_ns, int64_t b_ns,
			int64_t now_ns)
{
	int order;

	if (a_ns == 0 || b_ns == 0)
		return compare(a_ns != 0, b_ns != 0); /* unknown counts as youngest */
	order = compare(age_rank(a_ns, now_ns), age_rank(b_ns, now_ns));
	return order ? order : str_cmp(a->uid, b->uid);
}

/* < 0 when a goes before b. */
static int replicaset_delete_order(const struct rs_pod *a, const struct rs_pod *b, int64_t now_ns)
{
	int order = compare(a->assigned, b->assigned);

	if (!order)
		order = compare((int64_t)a->phase, (int64_t)b->phase);
	if (!order)
		order = compare(a->ready, b->ready);
	if (!order)
		order = compare(a->deletion_cost, b->deletion_cost);
	if (!order)
		order = compare(b->related_on_node, a->related_on_node);
	if (!order && a->ready && b->ready && a->ready_since_ns != b->ready_since_ns)
		order = compare_ages(a, b, a->ready_since_ns, b->ready_since_ns, now_ns);
	if (!order)
		order = compare(b->restarts, a->restarts);
	if (!order && a->created_ns != b->created_ns)
		order = compare_ages(a, b, a->created_ns, b->created_ns, now_ns);
	return order ? order : str_cmp(a->uid, b->uid);
}

static int compare_pods(const void *a, const void *b, void *view)
{
	return replicaset_delete_order(*(const struct rs_pod *const *)a,
				       *(const struct rs_pod *const *)b,
				       ((const struct rs_view *)view)->now_ns);
}

static void plan_status(const struct rs_view *view, struct rs_plan *plan)
{
	int64_t min_ready_ns = view->min_ready_seconds * TIME_NS_PER_SECOND, next_ns = INT64_MAX;

	plan->status.observed_generation = view->generation;
	for (size_t i = 0; i < view->pod_count; i++) {
		const struct rs_pod *pod = &view->pods[i];

		if (!pod->active)
			continue;
		plan->status.replicas++;
		plan->status.fully_labeled += pod->fully_labeled;
		plan->status.ready += pod->ready;
		if (!pod->ready)
			continue;
		if (min_ready_ns == 0 ||
		    (pod->ready_since_ns && pod->ready_since_ns + min_ready_ns <= view->now_ns))
			plan->status.available++;
		else if (pod->ready_since_ns)
			next_ns = NUM_MIN(next_ns,
					  pod->ready_since_ns + min_ready_ns - view->now_ns);
	}
	if (next_ns != INT64_MAX)
		plan->requeue_after_ms = next_ns / TIME_NS_PER_MS + 1;
}

void replicaset_plan(const struct rs_view *view, struct arena *arena, struct rs_plan *ret_plan)
{
	int64_t burst = view->burst ? view->burst : REPLICAS_BURST_MAX, diff;
	struct rs_plan plan = { .create_count = 0 };
	const struct rs_pod **active;
	size_t count = 0;

	plan_status(view, &plan);
	diff = plan.status.replicas - view->replicas;
	if (!view->deleting && diff < 0)
		plan.create_count = NUM_MIN(-diff, burst);
	if (!view->deleting && diff > 0) {
		active = arena_array(arena, view->pod_count, sizeof(struct rs_pod *));
		for (size_t i = 0; i < view->pod_count; i++)
			if (view->pods[i].active)
				active[count++] = &view->pods[i];
		qsort_r(active, count, sizeof(*active), compare_pods, (void *)view);
		plan.deletes = active;
		plan.delete_count = (size_t)NUM_MIN(diff, burst);
	}
	*ret_plan = plan;
}
