/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Priority and fairness: FlowSchemas say which requests make a flow and to which priority level it
 * goes; fair_queue.h says when each is served.
 */
#ifndef CUBE_APISERVER_FAIRNESS_H
#define CUBE_APISERVER_FAIRNESS_H

#include "apiserver/fair_queue.h"
#include "apiserver/registry.h"
#include "apiserver/target.h"
#include "apiserver/user.h"

struct fairness;

struct fair_request {
	const struct user *user;
	const struct target *target;
};

/* Where a request was put; the strings live until the next turn. */
struct fair_place {
	struct str schema_uid, level_uid;
};

struct fairness *fairness_new(struct registry *registry) MUST_CHECK;
void fairness_free(struct fairness *fairness); /* NULL is fine */
/* QUEUED: turn->run is called in a later turn, unless it is ended before. */
enum fair_answer fairness_ask(struct fairness *fairness, const struct fair_request *request,
			      struct fair_turn *turn, struct fair_place *ret) MUST_CHECK;
const struct fair_queues *fairness_queues(const struct fairness *fairness);

#endif
