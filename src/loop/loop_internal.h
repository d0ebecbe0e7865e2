/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share about the real loop. Included by no other folder. */
#ifndef CUBE_LOOP_LOOP_INTERNAL_H
#define CUBE_LOOP_LOOP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>
#include "loop/loop.h"

struct loop {
	struct env env; /* first: env_loop() */
	uv_loop_t uv;
	uv_timer_t alarm;      /* armed for the earliest of env's timers */
	/* An eventfd, rung when the mailbox got a task or the loop shall stop. Not a uv_async: the loop may be
	 * awake before its ringer has left uv_async_send, and libuv then lets it spin for the ringer. */
	uv_poll_t bell;
	int bell_fd;
	uv_idle_t turn;        /* active while tasks are deferred */
	struct list deferred;
	struct list signals;
	struct list children;  /* watched until reaped */
	pthread_mutex_t mailbox_lock;
	struct list mailbox;   /* guarded by mailbox_lock */
	atomic_uint ringer_count; /* threads in the middle of ringing the bell */
	atomic_bool stop;
	size_t work_count;     /* with the pool, or on its way back */
};

static inline struct loop *env_loop(struct env *env)
{
	return CONTAINER_OF(env, struct loop, env);
}

/* pool.c: runs work on a pool thread and posts its done() to work->env. */
void pool_submit(struct work *work);

/* child.c */
int child_spawn(struct env *env, const struct child_spec *spec, struct child *child, struct err *err) MUST_CHECK;
void child_forget(struct env *env, struct child *child);
/* For loop_free: lets go of children that were forgotten and still run. */
void child_drop_all(struct loop *loop);

#endif
