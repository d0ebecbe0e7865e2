/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filter, score, choose. The search stops early in big clusters once enough nodes fit; the message
 * about why none fits counts reasons and sorts them as texts, exactly as upstream prints it.
 */
#include "scheduler/cycle.h"

#include <stdlib.h>
#include "base/num.h"

enum refusal cycle_refuse(struct cycle *cycle, enum refusal kind, struct str text)
{
	for (size_t i = 0; i < cycle->reason_count; i++)
		if (str_eq(cycle->reasons[i].text, text)) {
			cycle->reasons[i].count++;
			return kind;
		}
	if (cycle->reason_count < SCHEDULER_REASONS_MAX)
		cycle->reasons[cycle->reason_count++] = (struct reason){ text, 1, cycle->current };
	return kind;
}

static void prepare(struct cycle *cycle)
{
	for (size_t i = 0; i < plugin_count; i++) {
		if (plugins[i].prepare ? plugins[i].prepare(cycle, i) : true)
			cycle->active |= plugins[i].filter ? UINT32_C(1) << i : 0;
	}
}

static enum refusal filter(struct cycle *cycle, const struct node_state *node)
{
	for (size_t i = 0; i < plugin_count; i++) {
		enum refusal refusal;

		if (!(cycle->active & UINT32_C(1) << i))
			continue;
		cycle->current = i;
		refusal = plugins[i].filter(cycle, node, i);
		if (refusal == REFUSED_NOT)
			continue;
		cycle->refused_by |= UINT32_C(1) << i;
		return refusal;
	}
	return REFUSED_NOT;
}

/* How many fitting nodes are enough: all of up to a hundred, then a falling share of at least five
 * percent. */
static size_t enough(size_t node_count)
{
	size_t percent = node_count / 125 < 45 ? 50 - node_count / 125 : 5;

	if (node_count <= SCHEDULER_NODES_MIN_FEASIBLE)
		return node_count;
	return NUM_MAX(node_count * percent / 100, (size_t)SCHEDULER_NODES_MIN_FEASIBLE);
}

void scores_normalize(int64_t *scores, size_t count, bool reverse)
{
	int64_t max = 0;

	for (size_t i = 0; i < count; i++)
		max = NUM_MAX(max, scores[i]);
	for (size_t i = 0; i < count; i++) {
		scores[i] = max ? scores[i] * SCORE_MAX / max : 0;
		if (reverse)
			scores[i] = SCORE_MAX - scores[i];
	}
}

static struct node_state *choose(struct cycle *cycle, struct node_state *const *nodes, size_t count)
{
	int64_t *sums, *scores;
	size_t best = 0;

	if (count == 1)
		return nodes[0];
	sums = arena_array(cycle->arena, count, sizeof(*sums));
	scores = arena_array(cycle->arena, count, sizeof(*scores));
	for (size_t i = 0; i < plugin_count; i++) {
		if (!plugins[i].score || !plugins[i].score(cycle, nodes, count, scores, i))
			continue;
		for (size_t n = 0; n < count; n++)
			sums[n] += scores[n] * plugins[i].weight;
	}
	for (size_t n = 1; n < count; n++)
		if (sums[n] > sums[best])
			best = n;
	return nodes[best];
}

static int compare_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* What would come of evicting others: nothing for nodes that refuse for good, and no victim
 * elsewhere. */
static struct str preemption_text(const struct cycle *cycle)
{
	size_t all = cycle->cluster->node_count, hopeless = cycle->refused_for_good;
	struct str a, b;

	if (cycle->pod->never_preempts)
		return STR("preemption: not eligible due to preemptionPolicy=Never.");
	a = str_printf_in(cycle->arena, "%zu Preemption is not helpful for scheduling", hopeless);
	b = str_printf_in(cycle->arena, "%zu No preemption victims found for incoming pod",
			  all - hopeless);
	if (hopeless == all || hopeless == 0)
		return str_printf_in(cycle->arena,
				     "preemption: 0/%zu nodes are available: " STR_FMT ".", all,
				     STR_ARG(hopeless ? a : b));
	return str_printf_in(
		cycle->arena, "preemption: 0/%zu nodes are available: " STR_FMT ", " STR_FMT ".",
		all, STR_ARG(str_cmp(a, b) < 0 ? a : b), STR_ARG(str_cmp(a, b) < 0 ? b : a));
}

static struct str refusal_text(const struct cycle *cycle)
{
	struct str *texts = arena_array(cycle->arena, cycle->reason_count + 1, sizeof(*texts));

	if (cycle->cluster->node_count == 0)
		return STR("no nodes available to schedule pods");
	for (size_t i = 0; i < cycle->reason_count; i++)
		texts[i] = str_printf_in(cycle->arena, "%zu " STR_FMT, cycle->reasons[i].count,
					 STR_ARG(cycle->reasons[i].text));
	qsort(texts, cycle->reason_count, sizeof(*texts), compare_str);
	return str_printf_in(
		cycle->arena, "0/%zu nodes are available: " STR_FMT ". " STR_FMT,
		cycle->cluster->node_count,
		STR_ARG(str_join_in(cycle->arena, texts, cycle->reason_count, STR(", "))),
		STR_ARG(preemption_text(cycle)));
}

void schedule_plan(const struct cluster *cluster, const struct pod_state *pod, size_t start,
		   struct arena *arena, struct schedule_plan *ret_plan)
{
	struct cycle *cycle = ARENA_NEW(arena, struct cycle);
	struct node_state **fitting = arena_array(arena, cluster->node_count + 1, sizeof(*fitting));
	size_t count = 0, wanted = enough(cluster->node_count), looked_at = 0;

	cycle->arena = arena;
	cycle->cluster = cluster;
	cycle->pod = pod;
	prepare(cycle);
	while (looked_at < cluster->node_count && count < wanted) {
		struct node_state *node =
			cluster->nodes[(start + looked_at++) % cluster->node_count];
		enum refusal refusal = filter(cycle, node);

		if (refusal == REFUSED_NOT)
			fitting[count++] = node;
		cycle->refused_for_good += refusal == REFUSED_FOR_GOOD;
	}
	*ret_plan = (struct schedule_plan){
		.node = count ? choose(cycle, fitting, count) : NULL,
		.refused_by = cycle->refused_by,
		.feasible_count = count,
		.looked_at = looked_at,
	};
	if (!count)
		ret_plan->message = refusal_text(cycle);
}
