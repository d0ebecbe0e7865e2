/* SPDX-License-Identifier: Apache-2.0 */
/* The container's state machine: one table of transitions, one function that makes them. */
#include <stdio.h>
#include "container/service_internal.h"

static const struct {
	enum container_status from;
	enum container_cause cause;
	enum container_status to;
} transitions[] = {
	{ CONTAINER_CREATED, CAUSE_START, CONTAINER_STARTING },
	{ CONTAINER_EXITED, CAUSE_START, CONTAINER_STARTING },
	{ CONTAINER_STARTING, CAUSE_STARTED, CONTAINER_RUNNING },
	{ CONTAINER_STARTING, CAUSE_START_FAILED, CONTAINER_EXITED },
	{ CONTAINER_STARTING, CAUSE_ENDED, CONTAINER_EXITED },
	{ CONTAINER_RUNNING, CAUSE_ENDED, CONTAINER_EXITED },
	{ CONTAINER_CREATED, CAUSE_REMOVE, CONTAINER_REMOVING },
	{ CONTAINER_EXITED, CAUSE_REMOVE, CONTAINER_REMOVING },
	{ CONTAINER_REMOVING, CAUSE_REMOVE_FAILED, CONTAINER_EXITED },
};

bool container_may(enum container_status status, enum container_cause cause, enum container_status *ret_next)
{
	for (size_t i = 0; i < ARRAY_COUNT(transitions); i++) {
		if (transitions[i].from == status && transitions[i].cause == cause) {
			*ret_next = transitions[i].to;
			return true;
		}
	}
	return false;
}

static void note_end(struct unit *u, const struct container_end *end)
{
	struct list ended, *node;

	u->c.exit_code = end->exit_code;
	u->c.exit_signal = end->exit_signal;
	u->c.oom_killed = end->oom_killed;
	u->c.finished_ns = end->finished_ns ? end->finished_ns : env_wall_ns(u->service->env);
	u->c.pid = 0;
	snprintf(u->c.error, sizeof(u->c.error), "%s", end->error ? end->error : "");
	unit_close_namespaces(u);
	list_init(&ended);
	while ((node = list_pop_front(&u->waiters)))
		list_push_back(&ended, node);
	unit_save(u, !u->c.sandbox && !u->spec.is_sandbox);
	service_emit(u, CONTAINER_EVENT_DIED);
	while ((node = list_pop_front(&ended))) {
		struct waiter *waiter = LIST_ENTRY(node, struct waiter, link);

		waiter->fn(waiter);
	}
}

bool container_advance(struct unit *u, enum container_cause cause, const struct container_end *end)
{
	enum container_status next;

	if (!container_may(u->c.status, cause, &next))
		return false;
	u->c.status = next;
	switch (cause) {
	case CAUSE_START:
		if (u->c.started_ns)
			u->c.restart_count++;
		u->c.exit_code = u->c.exit_signal = 0;
		u->c.oom_killed = false;
		u->c.started_ns = u->c.finished_ns = 0;
		u->c.error[0] = '\0';
		break;
	case CAUSE_STARTED:
		unit_save(u, false);
		service_emit(u, CONTAINER_EVENT_STARTED);
		break;
	case CAUSE_START_FAILED:
	case CAUSE_ENDED:
		note_end(u, end);
		break;
	case CAUSE_REMOVE:
	case CAUSE_REMOVE_FAILED:
		break;
	}
	return true;
}
