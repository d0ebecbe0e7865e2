/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods that wait for a place. A pod is in one of three queues: active (by priority, then by time),
 * back-off (after an attempt that failed, until its time has come) and unschedulable (until
 * something happens that the plugins which refused it care about, or five minutes have passed).
 *
 *   new ──> active ──pop──> (cycle) ──bound──> gone
 *             ^                └──refused──> unschedulable ──event──> active, or back-off while
 * others are active └──time──────────────────────────── back-off <──error──┘
 */
#ifndef CUBE_SCHEDULER_PENDING_H
#define CUBE_SCHEDULER_PENDING_H

#include "scheduler/view.h"

enum pending_queue { PENDING_ACTIVE, PENDING_BACKOFF, PENDING_UNSCHEDULABLE, PENDING_QUEUE_COUNT };

struct pending_pod {
	struct pod_state *pod; /* owned */
	enum pending_queue queue;
	size_t position; /* in the queue's heap */
	uint64_t sequence;
	int64_t due_ns; /* back-off ends; when unschedulable: looked at again whatever happens */
	int64_t backoff_until_ns;
	unsigned attempts;
	uint32_t refused_by; /* bits of plugins */
};

struct pending_heap {
	struct pending_pod **items;
	size_t count, cap;
};

struct pending {
	struct map pods; /* uid → struct pending_pod */
	struct pending_heap heaps[PENDING_QUEUE_COUNT];
	uint64_t sequence;
};

void pending_init(struct pending *pending);
void pending_deinit(struct pending *pending);
/* A pod that needs a place, new or changed; takes pod. True when it is to be tried now. */
bool pending_set(struct pending *pending, struct pod_state *pod);
void pending_remove(struct pending *pending, struct str uid);
bool pending_has(const struct pending *pending, struct str uid);
/* The next to try, NULL when none is active; the caller gives it back with one of the next three.
 */
struct pending_pod *pending_pop(struct pending *pending);
void pending_refused(struct pending *pending, struct pending_pod *p, uint32_t refused_by,
		     int64_t now_ns);
struct pod_state *pending_placed(struct pending_pod *p); /* ownership of the view moves */
/* Something happened (enum cluster_event bits): moves those that may fit now. */
void pending_wake(struct pending *pending, uint32_t events, int64_t now_ns);
/* Moves those whose time has come; when the next one's does (INT64_MAX: never). */
int64_t pending_advance(struct pending *pending, int64_t now_ns);
/* Puts a pod whose binding failed back, with the attempts it had. */
void pending_restore(struct pending *pending, struct pod_state *pod, unsigned attempts,
		     int64_t now_ns);
size_t pending_active_count(const struct pending *pending);

#endif
