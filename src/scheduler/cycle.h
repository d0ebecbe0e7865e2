/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One scheduling cycle, pure: a pod, the nodes as they are, and which one it goes to or why none
 * fits. Filters and scores are rows of plugins (plugins.c); a filter runs only when it has
 * something to look at.
 */
#ifndef CUBE_SCHEDULER_CYCLE_H
#define CUBE_SCHEDULER_CYCLE_H

#include "scheduler/view.h"

/* All that is known of the cluster; kept by cache.c. */
struct cluster {
	struct node_state **nodes;
	size_t node_count;
	struct pod_state **with_terms; /* placed pods that have pod affinity or anti-affinity */
	size_t with_terms_count;
	const struct map *images; /* image name → struct image_use; may be NULL */
	const struct map *owners; /* controller's uid → struct pod_owner; may be NULL */
	/* metadata.labels of a namespace; may be NULL. */
	yyjson_val *(*namespace_labels)(void *arg, struct str name);
	void *arg;
};

/* How many pods of one controller are on each node. */
struct pod_owner {
	uint16_t *counts; /* by node slot */
	size_t room;
	size_t pod_count;
};

struct image_use {
	int64_t size_bytes;
	size_t node_count;
	struct map nodes; /* node name → itself */
};

struct plugin;
struct topology_counts;

enum refusal { REFUSED_NOT, REFUSED, REFUSED_FOR_GOOD /* removing pods would not help */ };

struct reason {
	struct str text;
	size_t count;
	size_t plugin; /* its index in plugins */
};

struct cycle {
	struct arena *arena;
	const struct cluster *cluster;
	const struct pod_state *pod;
	void *state[16]; /* by plugin: what its prepare left */
	uint32_t active; /* bit per plugin: has something to filter */
	struct reason reasons[SCHEDULER_REASONS_MAX];
	size_t reason_count;
	uint32_t refused_by;	 /* bit per plugin */
	size_t refused_for_good; /* nodes */
	size_t current;		 /* plugin that is running */
};

struct plugin {
	const char *name;
	/* Before the filters of a cycle: leaves what filter and score need in cycle->state[index];
	 * false = nothing to filter. NULL = always filters. */
	bool (*prepare)(struct cycle *cycle, size_t index);
	/* NULL = scores only. Refusals name their reason through cycle_refuse. */
	enum refusal (*filter)(struct cycle *cycle, const struct node_state *node, size_t index);
	/* One number per node into scores, 0..SCORE_MAX. NULL = filters only. false = all the same,
	 * add nothing. */
	bool (*score)(struct cycle *cycle, struct node_state *const *nodes, size_t count,
		      int64_t *scores, size_t index);
	int64_t weight;
	uint32_t wakes; /* enum cluster_event bits after which a pod that it refused may fit */
};

enum cluster_event {
	EVENT_NODE_ADDED = 1 << 0,
	EVENT_NODE_LABELS = 1 << 1,
	EVENT_NODE_TAINTS = 1 << 2,
	EVENT_NODE_RESOURCES = 1 << 3,
	EVENT_POD_GONE = 1 << 4,
	EVENT_POD_PLACED = 1 << 5,
	EVENT_POD_CHANGED = 1 << 6,
};

extern const struct plugin plugins[];
extern const size_t plugin_count;

struct schedule_plan {
	struct node_state *node; /* NULL = none */
	struct str message;	 /* why not, in upstream's words; in the arena */
	uint32_t refused_by;	 /* plugins, for wake-ups */
	size_t feasible_count, looked_at;
};

/* start: index of the node to begin with, so that equal nodes take turns. */
void schedule_plan(const struct cluster *cluster, const struct pod_state *pod, size_t start,
		   struct arena *arena, struct schedule_plan *ret_plan);

/* --- for plugins --- */
/* text lives as long as the cycle. Returns kind. */
enum refusal cycle_refuse(struct cycle *cycle, enum refusal kind, struct str text);
/* Scores from 0..max to 0..SCORE_MAX, reversed when asked: the most becomes 0. */
void scores_normalize(int64_t *scores, size_t count, bool reverse);

/* plugins_node.c, plugins_resources.c, plugins_topology.c */
bool unschedulable_prepare(struct cycle *cycle, size_t index);
enum refusal unschedulable_filter(struct cycle *cycle, const struct node_state *node, size_t index);
bool node_name_prepare(struct cycle *cycle, size_t index);
enum refusal node_name_filter(struct cycle *cycle, const struct node_state *node, size_t index);
enum refusal taints_filter(struct cycle *cycle, const struct node_state *node, size_t index);
bool taints_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
		  int64_t *scores, size_t index);
bool affinity_prepare(struct cycle *cycle, size_t index);
enum refusal affinity_filter(struct cycle *cycle, const struct node_state *node, size_t index);
bool affinity_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
		    int64_t *scores, size_t index);
bool ports_prepare(struct cycle *cycle, size_t index);
enum refusal ports_filter(struct cycle *cycle, const struct node_state *node, size_t index);
enum refusal fit_filter(struct cycle *cycle, const struct node_state *node, size_t index);
bool least_allocated_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
			   int64_t *scores, size_t index);
bool balanced_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
		    int64_t *scores, size_t index);
bool image_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
		 int64_t *scores, size_t index);
bool spread_prepare(struct cycle *cycle, size_t index);
enum refusal spread_filter(struct cycle *cycle, const struct node_state *node, size_t index);
bool spread_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
		  int64_t *scores, size_t index);
bool pod_affinity_prepare(struct cycle *cycle, size_t index);
enum refusal pod_affinity_filter(struct cycle *cycle, const struct node_state *node, size_t index);
bool pod_affinity_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
			int64_t *scores, size_t index);

#endif
