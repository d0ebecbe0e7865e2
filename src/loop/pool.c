/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker threads for whatever blocks, shared by all loops of the process: hence the one mutable global here. A thread
 * is started when work waits and none is idle, and leaves after ten idle seconds; work is taken first in, first out.
 */
#include "loop/loop_internal.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include "base/assert.h"

#define IDLE_SECONDS 10
#define STACK_BYTES ((size_t)1 << 20)

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool wake_ready;
	struct list queue;
	size_t queued_count;
	size_t idle_count;
	size_t thread_count;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .queue = { &pool.queue, &pool.queue } };

static void run_done(struct task *task)
{
	struct work *work = CONTAINER_OF(task, struct work, back);

	env_loop(work->env)->work_count--;
	work->done(work);
}

/* Waits for work until the thread has been idle long enough. Lock held. */
static bool wait_for_work(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	pool.idle_count++;
	while (!pool.queued_count) {
		if (pthread_cond_timedwait(&pool.wake, &pool.lock, &until) == ETIMEDOUT)
			break;
	}
	pool.idle_count--;
	return pool.queued_count > 0;
}

static void *run_worker(void *arg)
{
	pthread_mutex_lock(&pool.lock);
	while (pool.queued_count || wait_for_work()) {
		struct work *work = LIST_ENTRY(list_pop_front(&pool.queue), struct work, link);

		pool.queued_count--;
		pthread_mutex_unlock(&pool.lock);
		work->run(work);
		task_init(&work->back, run_done);
		env_post(work->env, &work->back);
		pthread_mutex_lock(&pool.lock);
	}
	pool.thread_count--;
	pthread_mutex_unlock(&pool.lock);
	return NULL;
}

/* Lock held. Workers take no signals: those are for the loops. */
static bool start_worker(void)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, &attr, run_worker, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (r == 0)
		pool.thread_count++;
	return r == 0;
}

static void prepare_wake(void)
{
	pthread_condattr_t attr;

	if (pool.wake_ready)
		return;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&pool.wake, &attr);
	pthread_condattr_destroy(&attr);
	pool.wake_ready = true;
}

void pool_submit(struct work *work)
{
	pthread_mutex_lock(&pool.lock);
	prepare_wake();
	list_push_back(&pool.queue, &work->link);
	pool.queued_count++;
	if (pool.queued_count <= pool.idle_count)
		pthread_cond_signal(&pool.wake);
	else if (pool.thread_count < LOOP_WORKERS_MAX && !start_worker())
		ASSERT(pool.thread_count > 0); /* no thread at all: as out of memory */
	pthread_mutex_unlock(&pool.lock);
}
