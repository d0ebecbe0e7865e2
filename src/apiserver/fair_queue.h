/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queues of priority and fairness, ignorant of what is asked and by whom. A level has seats: as
 * many of its requests are executed at a time. A flow has credit: each turn of the loop gives it
 * some, each request takes one and a large answer takes more. What has neither waits in its flow's
 * queue; flows of a level are served in turns, so that who asks little never waits behind one that
 * floods. Queues and waits are bounded.
 */
#ifndef CUBE_APISERVER_FAIR_QUEUE_H
#define CUBE_APISERVER_FAIR_QUEUE_H

#include "base/buf.h"
#include "base/list.h"
#include "base/str.h"

struct env;
struct fair_flow;
struct fair_queues;
struct fair_series;

enum fair_answer { FAIR_REFUSED = -1, FAIR_GO, FAIR_QUEUED };

struct fair_level_spec {
	struct str name, uid;
	bool is_exempt; /* never waits */
	bool refuses;	/* what finds no seat is refused at once */
	int64_t shares; /* of the seats there are */
	int64_t lendable_percent;
	int64_t borrowing_percent; /* of its own seats; < 0: no limit */
	size_t queued_max;	   /* of all flows together */
	size_t flow_queued_max;
};

struct fair_level {
	struct list link;
	struct str name, uid; /* its own */
	bool is_exempt, refuses, is_gone;
	int64_t shares;
	int64_t lendable_percent, borrowing_percent;
	size_t seats, lendable, seats_max; /* seats_max: with borrowed ones */
	size_t queued_max, flow_queued_max, quantum;
	size_t queued, executing, flow_count;
	struct list running; /* struct fair_turn; of an exempt one */
	uint64_t served, refused;
};

/* A request; lies with it. Zero until it is asked for. */
struct fair_turn {
	struct list link;
	struct fair_level *level; /* NULL: it takes no part, or is over */
	struct fair_flow *flow;	  /* NULL: exempt */
	int64_t since_ns;
	struct list running; /* of the flow, or of the exempt level */
	struct fair_series *series;
	int64_t asked_ns, went_ns; /* for who looks at what there is */
	/* It was queued: its turn has come, or it waited for too long. */
	void (*run)(struct fair_turn *turn, bool may_go);
};

/* Which flow a request belongs to. */
struct fair_flow_name {
	struct fair_level *level;
	struct fair_series *series; /* of the schema that sent it there */
	struct str distinguisher;
};

struct fair_queues *fair_queues_new(struct env *env, size_t seat_count) MUST_CHECK;
void fair_queues_free(struct fair_queues *queues); /* NULL is fine; nothing may be queued */

/* Levels named between begin and end are what there is: others go, once what waits there is
 * served. Not while serving. */
void fair_queues_begin(struct fair_queues *queues);
struct fair_level *fair_queues_level(struct fair_queues *queues,
				     const struct fair_level_spec *spec);
struct fair_level *fair_queues_find(struct fair_queues *queues,
				    struct str name); /* NULL: there is none */
void fair_queues_end(struct fair_queues *queues);
/* What is counted of a schema's requests at a level; stays as long as the queues. */
struct fair_series *fair_queues_series(struct fair_queues *queues, const struct fair_level *level,
				       struct str schema);
bool fair_queues_are_serving(const struct fair_queues *queues);

/* GO and QUEUED: fair_turn_end has to follow. */
enum fair_answer fair_queues_ask(struct fair_queues *queues, const struct fair_flow_name *name,
				 struct fair_turn *turn) MUST_CHECK;
/* An answer was larger than most, or took long to find: its flow pays, and waits the longer. */
void fair_turn_charge(struct fair_turn *turn, size_t units);
/* It leaves the queue, or its seat. Fine when it has neither. */
void fair_turn_end(struct fair_turn *turn);

/* Levels, queues and requests as tables, in upstream's columns; metrics as Prometheus' text. */
struct fair_request_details {
	struct str user, verb, path, namespace_, name, api_version, resource, subresource;
};
/* Whose turn it is; NULL: no details are wanted. */
typedef void fair_describe_fn(const struct fair_turn *turn, struct fair_request_details *ret);
void fair_queues_dump_levels(const struct fair_queues *queues, struct buf *to);
void fair_queues_dump_queues(const struct fair_queues *queues, struct buf *to);
void fair_queues_dump_requests(const struct fair_queues *queues, fair_describe_fn *describe,
			       struct buf *to);
void fair_queues_write_metrics(const struct fair_queues *queues, struct buf *to);

#endif
