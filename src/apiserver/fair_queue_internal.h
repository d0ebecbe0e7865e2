/* SPDX-License-Identifier: Apache-2.0 */
/* What fair_queue.c counts and fair_queue_dump.c tells. */
#ifndef CUBE_APISERVER_FAIR_QUEUE_INTERNAL_H
#define CUBE_APISERVER_FAIR_QUEUE_INTERNAL_H

#include "apiserver/fair_queue.h"
#include "base/map.h"
#include "loop/env.h"

#define FAIR_WAIT_BUCKETS 13

struct fair_waits {
	uint64_t buckets[FAIR_WAIT_BUCKETS + 1]; /* the last one has no bound */
	double sum_seconds;
};

enum fair_refusal {
	FAIR_QUEUE_FULL,
	FAIR_NO_SEAT,
	FAIR_TOO_LATE,
	FAIR_CANCELLED,
	FAIR_REFUSAL_COUNT
};

/* Of one schema's requests at one level. */
struct fair_series {
	char *schema, *level; /* its own */
	uint64_t dispatched, rejected[FAIR_REFUSAL_COUNT];
	size_t queued, executing;
	struct fair_waits went, refused;
};

struct fair_flow {
	struct list link; /* in queues->busy while it has a queue */
	struct fair_queues *queues;
	struct fair_level *level;
	struct fair_series *series;
	uint64_t round; /* in which its credit was given */
	int64_t credit;
	struct list queue, running; /* struct fair_turn */
	size_t queued, executing;
};

struct fair_queues {
	struct env *env;
	size_t seat_count, executing; /* of levels that are not exempt */
	struct list levels;
	struct omap flows;  /* level, schema and distinguisher → struct fair_flow */
	struct omap series; /* level and schema → struct fair_series */
	struct list busy;
	uint64_t round;
	bool is_serving; /* flows stay where they are while they are served */
	struct task task;
	struct timer too_late;
};

extern const double fair_wait_bounds_seconds[FAIR_WAIT_BUCKETS];

#endif
