/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cluster as the scheduler believes it to be: nodes, the pods placed on them, and pods it has
 * just bound and not yet seen bound (assumed), so that the next cycle counts them. Every update is
 * O(1) in the size of the cluster.
 */
#ifndef CUBE_SCHEDULER_CACHE_H
#define CUBE_SCHEDULER_CACHE_H

#include "scheduler/cycle.h"

struct cache {
	struct map nodes;   /* name → struct node_state */
	struct map pods;    /* uid → struct pod_state, placed ones */
	struct map images;  /* name → struct image_use */
	struct map owners;  /* controller uid → struct pod_owner */
	size_t *free_slots; /* of nodes that are gone */
	size_t free_slot_count, slot_count;
	struct cluster cluster;
	size_t node_cap, with_terms_cap;
};

void cache_init(struct cache *cache);
void cache_deinit(struct cache *cache);
/* Both return the enum cluster_event bits that describe the change. */
uint32_t cache_node_set(struct cache *cache, const struct obj *node);
void cache_node_remove(struct cache *cache, struct str name);
/* A pod that is on a node: seen for the first time, changed, or assumed before. */
uint32_t cache_pod_set(struct cache *cache, const struct obj *pod);
bool cache_pod_remove(struct cache *cache, struct str uid); /* whether it was there */
bool cache_has_pod(const struct cache *cache, struct str uid);
/* The cache owns pod from here on. */
void cache_assume(struct cache *cache, struct pod_state *pod, struct node_state *node);

#endif
