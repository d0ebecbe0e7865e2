/* SPDX-License-Identifier: Apache-2.0 */
/* The table of filters and scores, in the order in which filters run; names, weights and wake-ups
 * are upstream's. */
#include "scheduler/cycle.h"

const struct plugin plugins[] = {
	{
		.name = "NodeUnschedulable",
		.prepare = unschedulable_prepare,
		.filter = unschedulable_filter,
		.wakes = EVENT_NODE_ADDED | EVENT_NODE_TAINTS | EVENT_POD_CHANGED,
	},
	{
		.name = "NodeName",
		.prepare = node_name_prepare,
		.filter = node_name_filter,
		.wakes = EVENT_NODE_ADDED,
	},
	{
		.name = "TaintToleration",
		.filter = taints_filter,
		.score = taints_score,
		.weight = 3,
		.wakes = EVENT_NODE_ADDED | EVENT_NODE_TAINTS | EVENT_POD_CHANGED,
	},
	{
		.name = "NodeAffinity",
		.prepare = affinity_prepare,
		.filter = affinity_filter,
		.score = affinity_score,
		.weight = 2,
		.wakes = EVENT_NODE_ADDED | EVENT_NODE_LABELS,
	},
	{
		.name = "NodePorts",
		.prepare = ports_prepare,
		.filter = ports_filter,
		.wakes = EVENT_NODE_ADDED | EVENT_POD_GONE,
	},
	{
		.name = "NodeResourcesFit",
		.filter = fit_filter,
		.score = least_allocated_score,
		.weight = 1,
		.wakes = EVENT_NODE_ADDED | EVENT_NODE_RESOURCES | EVENT_POD_GONE |
			 EVENT_POD_CHANGED,
	},
	{
		.name = "PodTopologySpread",
		.prepare = spread_prepare,
		.filter = spread_filter,
		.score = spread_score,
		.weight = 2,
		.wakes = EVENT_NODE_ADDED | EVENT_NODE_LABELS | EVENT_NODE_TAINTS | EVENT_POD_GONE |
			 EVENT_POD_PLACED | EVENT_POD_CHANGED,
	},
	{
		.name = "InterPodAffinity",
		.prepare = pod_affinity_prepare,
		.filter = pod_affinity_filter,
		.score = pod_affinity_score,
		.weight = 2,
		.wakes = EVENT_NODE_ADDED | EVENT_NODE_LABELS | EVENT_POD_GONE | EVENT_POD_PLACED |
			 EVENT_POD_CHANGED,
	},
	{ .name = "NodeResourcesBalancedAllocation", .score = balanced_score, .weight = 1 },
	{ .name = "ImageLocality", .score = image_score, .weight = 1 },
};

const size_t plugin_count = ARRAY_COUNT(plugins);

_Static_assert(ARRAY_COUNT(plugins) <= ARRAY_COUNT(((struct cycle *)0)->state),
	       "each plugin has a place for its state");
