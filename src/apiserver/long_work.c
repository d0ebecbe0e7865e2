/* SPDX-License-Identifier: Apache-2.0 */
/* One queue for all long work, and one task that takes a turn's worth of parts from it. */
#include "apiserver/long_work.h"

#define TURN_COST (4 * LONG_WORK_PART_COST)

static void on_turn(struct task *task)
{
	struct long_works *works = CONTAINER_OF(task, struct long_works, task);
	struct list *node;
	size_t cost = 0;

	while (cost < TURN_COST && (node = list_pop_front(&works->waiting))) {
		struct long_work *work = LIST_ENTRY(node, struct long_work, link);

		if (work->part(work, &cost))
			list_push_back(&works->waiting, node);
	}
	if (!list_is_empty(&works->waiting))
		env_defer(works->env, &works->task);
}

void long_works_init(struct long_works *works, struct env *env)
{
	works->env = env;
	list_init(&works->waiting);
	task_init(&works->task, on_turn);
}

void long_works_deinit(struct long_works *works)
{
	env_cancel(works->env, &works->task);
}

void long_work_start(struct long_works *works, struct long_work *work)
{
	list_push_back(&works->waiting, &work->link);
	env_defer(works->env, &works->task);
}

void long_work_stop(struct long_work *work)
{
	list_remove(&work->link);
}
