/* SPDX-License-Identifier: Apache-2.0 */
/* For fuzz targets that drive a connection: one loop for the process, run until a condition holds. */
#ifndef CUBE_FUZZ_NET_LOOP_H
#define CUBE_FUZZ_NET_LOOP_H

#include <stdlib.h>
#include "loop/loop.h"

#define NET_LOOP_LIMIT_MS 5000

struct net_loop {
	struct loop *loop;
	struct env *env;
	struct task poll;
	struct timer limit;
	bool (*is_done)(void *arg);
	void *arg;
};

static inline void net_loop_poll(struct task *task)
{
	struct net_loop *l = CONTAINER_OF(task, struct net_loop, poll);

	if (l->is_done(l->arg))
		loop_stop(l->loop);
	else
		env_defer(l->env, task);
}

/* A connection that neither ends nor fails is a finding. */
static inline void net_loop_stuck(struct timer *timer)
{
	abort();
}

static inline void net_loop_init(struct net_loop *l)
{
	if (l->loop)
		return;
	l->loop = loop_new();
	l->env = loop_env(l->loop);
	task_init(&l->poll, net_loop_poll);
	timer_init(&l->limit, l->env, net_loop_stuck);
}

static inline void net_loop_run(struct net_loop *l, bool (*is_done)(void *arg), void *arg)
{
	l->is_done = is_done;
	l->arg = arg;
	timer_start(&l->limit, NET_LOOP_LIMIT_MS);
	env_defer(l->env, &l->poll);
	loop_run(l->loop);
	timer_stop(&l->limit);
}

#endif
