/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Priority and fairness: requests are put into flows by FlowSchemas, and when somebody sends more
 * than fits into a turn of the loop, what is too much waits in its flow's queue, from which flows
 * are served in turns, as many at a time as their priority level's shares say. A flow that asks for
 * little never waits behind one that floods. Queues are bounded: beyond, 429.
 */
#ifndef CUBE_APISERVER_FAIRNESS_H
#define CUBE_APISERVER_FAIRNESS_H

#include "apiserver/registry.h"
#include "apiserver/target.h"
#include "apiserver/user.h"
#include "base/list.h"

struct fairness;

/* A request in a queue; lies with it. */
struct fair_turn {
	struct list link;
	struct fair_flow *flow;
	void (*run)(struct fair_turn *turn);
};

struct fair_request {
	const struct user *user;
	const struct target *target;
};

/* Where a request was put; the strings live until the next turn. */
struct fair_place {
	struct str schema_uid, level_uid;
};

enum fair_answer { FAIR_REFUSED = -1, FAIR_GO, FAIR_QUEUED };

struct fairness *fairness_new(struct registry *registry) MUST_CHECK;
void fairness_free(struct fairness *fairness); /* NULL is fine */
/* QUEUED: turn->run is called in a later turn, unless cancelled. */
enum fair_answer fairness_ask(struct fairness *fairness, const struct fair_request *request,
			      struct fair_turn *turn, struct fair_place *ret);
void fair_turn_cancel(struct fair_turn *turn); /* fine when not queued */
/* Levels and queues as tables, for /debug/api_priority_and_fairness/. */
void fairness_dump(const struct fairness *fairness, struct str what, struct buf *to);

#endif
