/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group commit. Writes wait in a queue; whoever commits takes all that wait, up to a size, as one transaction. A
 * threaded back end has its own commit thread, which goes on with the next batch at once after a success and stands
 * still after a failure until the loop has failed what depended on it. Another back end commits in a task on the loop.
 * So does the threaded one while writes come one by one and the disk is quick
 * (doc/decisions/0012-a-lone-write-is-committed-on-the-loop.md).
 * The object outlives its store when a result is still in the mailbox.
 */
#include <pthread.h>
#include <signal.h>
#include "base/assert.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/internal.h"

/* A disk is quick when so many commits in a row, of one write each, took less than this: others may have to wait for
 * the loop so long. */
#define QUICK_NS (TIME_NS_PER_MS * 3 / 10)
#define QUICK_COMMITS 16

struct commit {
	struct store *store; /* NULL: stopped and disowned */
	struct env *env;
	struct store_backend *backend;
	struct task task;
	struct task lone;   /* ends a turn of the loop in which a write came alone */
	struct timer timer; /* instead of the task, for simulated disks that take their time */
	pthread_t thread;
	pthread_mutex_t lock; /* guards everything below */
	pthread_cond_t wake;
	struct list waiting, done, failed;
	struct err err;
	int quick_count;    /* commits in a row, at most QUICK_COMMITS */
	bool is_committing;
	bool is_halted;  /* a batch failed and the loop has not resumed yet */
	bool is_stopping, is_draining;
	bool is_posted;  /* task is in the mailbox or queued */
	bool is_crashed;
};

static void move_batch(struct list *from, struct list *to, size_t writes_max)
{
	size_t bytes = 0;

	for (; writes_max > 0 && !list_is_empty(from); writes_max--) {
		struct store_write *write = LIST_ENTRY(list_first(from), struct store_write, link);

		if (bytes && bytes + write->size_bytes > STORE_BATCH_BYTES_MAX)
			return;
		bytes += write->size_bytes;
		list_remove(&write->link);
		list_push_back(to, &write->link);
	}
}

static void move_all(struct list *from, struct list *to)
{
	struct list *link;

	while ((link = list_pop_front(from)))
		list_push_back(to, link);
}

/* Lock held. */
static void note_duration(struct commit *c, int64_t ns, bool was_alone)
{
	if (ns >= QUICK_NS || !was_alone)
		c->quick_count = 0;
	else if (c->quick_count < QUICK_COMMITS)
		c->quick_count++;
}

/* Lock held, and given up meanwhile. */
static void commit_batch(struct commit *c)
{
	const struct store_backend_ops *ops = c->backend->ops;
	struct list batch;
	enum commit_outcome outcome;
	struct err err = { 0 };
	int64_t begun_ns, took_ns;

	list_init(&batch);
	move_batch(&c->waiting, &batch, ops->batch_writes ? ops->batch_writes(c->backend, c->env) : SIZE_MAX);
	c->is_committing = true;
	pthread_mutex_unlock(&c->lock);
	begun_ns = env_mono_ns(c->env);
	outcome = ops->commit(c->backend, &batch, &err);
	took_ns = env_mono_ns(c->env) - begun_ns;
	pthread_mutex_lock(&c->lock);
	c->is_committing = false;
	note_duration(c, took_ns, batch.next == batch.prev);
	if (outcome == COMMIT_DONE) {
		move_all(&batch, &c->done);
		return;
	}
	c->is_halted = true;
	c->is_crashed = outcome == COMMIT_CRASHED;
	c->err = err;
	move_all(&batch, &c->failed);
}

/* What the thread does between two batches without the lock: waking the loop first, which wants the lock. */
static void announce(struct commit *c)
{
	bool is_first = !c->is_posted && !c->is_stopping;
	bool is_resting = list_is_empty(&c->waiting) && c->backend->ops->rest && !c->is_stopping;

	c->is_posted = c->is_posted || is_first;
	pthread_mutex_unlock(&c->lock);
	if (is_first)
		env_post(c->env, &c->task);
	if (is_resting)
		c->backend->ops->rest(c->backend);
	pthread_mutex_lock(&c->lock);
}

static void *run_thread(void *arg)
{
	struct commit *c = arg;

	pthread_setname_np(pthread_self(), "cube-commit");
	pthread_mutex_lock(&c->lock);
	for (;;) {
		while (!c->is_stopping && (c->is_halted || list_is_empty(&c->waiting)))
			pthread_cond_wait(&c->wake, &c->lock);
		if (c->is_stopping && (!c->is_draining || c->is_halted || list_is_empty(&c->waiting)))
			break;
		commit_batch(c);
		announce(c);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void on_results(struct task *task)
{
	struct commit *c = CONTAINER_OF(task, struct commit, task);

	pthread_mutex_lock(&c->lock);
	c->is_posted = false;
	pthread_mutex_unlock(&c->lock);
	if (c->store)
		store_on_committed(c->store);
	else
		commit_free(c);
}

/* The loop's own turn at committing, for back ends without a thread. */
static void commit_now(struct commit *c)
{
	pthread_mutex_lock(&c->lock);
	if (!c->is_halted && !list_is_empty(&c->waiting))
		commit_batch(c);
	c->is_posted = !list_is_empty(&c->waiting) && !c->is_halted;
	pthread_mutex_unlock(&c->lock);
	if (c->is_posted)
		env_defer(c->env, &c->task);
	if (c->is_crashed)
		store_on_crashed(c->store);
	else
		store_on_committed(c->store);
}

static void on_turn(struct task *task)
{
	commit_now(CONTAINER_OF(task, struct commit, task));
}

static void on_delay_over(struct timer *timer)
{
	commit_now(CONTAINER_OF(timer, struct commit, timer));
}

/* Lock held. Whether all that there is to do is one short write. */
static bool is_alone(const struct commit *c)
{
	const struct store_backend_ops *ops = c->backend->ops;

	return c->quick_count >= QUICK_COMMITS && !c->is_committing && !c->is_halted &&
	       !list_is_empty(&c->waiting) && c->waiting.next == c->waiting.prev && ops->is_short &&
	       ops->is_short(c->backend, &c->waiting);
}

static void on_lone(struct task *task)
{
	struct commit *c = CONTAINER_OF(task, struct commit, lone);
	bool alone;

	pthread_mutex_lock(&c->lock);
	alone = is_alone(c);
	if (alone)
		commit_batch(c);
	pthread_mutex_unlock(&c->lock);
	if (alone)
		store_on_committed(c->store);
	else
		pthread_cond_signal(&c->wake);
}

static void start_thread(struct commit *c)
{
	sigset_t all, before;
	int r;

	/* Signals are for the loops; SIGXFSZ above all must be an error of write(), not the end of the process. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&c->thread, NULL, run_thread, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	ASSERT(r == 0); /* as out of memory */
}

struct commit *commit_new(struct store *store, struct store_backend *backend)
{
	struct commit *c = NEW(struct commit);

	c->store = store;
	c->env = store->env;
	c->backend = backend;
	list_init(&c->waiting);
	list_init(&c->done);
	list_init(&c->failed);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	task_init(&c->task, backend->ops->threaded ? on_results : on_turn);
	task_init(&c->lone, on_lone);
	timer_init(&c->timer, c->env, on_delay_over);
	if (backend->ops->threaded)
		start_thread(c);
	return c;
}

void commit_submit(struct commit *c, struct store_write *write)
{
	int64_t delay_ms;
	bool alone;

	pthread_mutex_lock(&c->lock);
	list_push_back(&c->waiting, &write->link);
	alone = is_alone(c);
	pthread_mutex_unlock(&c->lock);
	if (alone) {
		env_defer(c->env, &c->lone);
		return;
	}
	if (c->backend->ops->threaded) {
		/* Without the lock: the thread, woken at once, would only go to sleep again for it. */
		pthread_cond_signal(&c->wake);
		return;
	}
	if (c->is_posted)
		return;
	c->is_posted = true;
	delay_ms = c->backend->ops->delay_ms ? c->backend->ops->delay_ms(c->backend, c->env) : 0;
	if (delay_ms > 0)
		timer_start(&c->timer, delay_ms);
	else
		env_defer(c->env, &c->task);
}

void commit_drain(struct commit *c)
{
	pthread_mutex_lock(&c->lock);
	while (!c->is_halted && !list_is_empty(&c->waiting))
		commit_batch(c);
	pthread_mutex_unlock(&c->lock);
}

void commit_stop(struct commit *c, bool drain)
{
	if (!c->backend->ops->threaded) {
		env_cancel(c->env, &c->task);
		timer_stop(&c->timer);
		c->is_posted = false;
		if (drain)
			commit_drain(c);
		return;
	}
	env_cancel(c->env, &c->lone);
	pthread_mutex_lock(&c->lock);
	c->is_stopping = true;
	c->is_draining = drain;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
}

void commit_take(struct commit *c, struct list *ret_done, struct list *ret_failed, struct err *ret_err)
{
	list_init(ret_done);
	list_init(ret_failed);
	pthread_mutex_lock(&c->lock);
	move_all(&c->done, ret_done);
	move_all(&c->failed, ret_failed);
	*ret_err = c->err;
	pthread_mutex_unlock(&c->lock);
}

struct list *commit_queue(struct commit *c)
{
	/* The thread leaves the queue alone while halted, or is gone; nobody but the loop adds to it. */
	return &c->waiting;
}

void commit_resume(struct commit *c)
{
	pthread_mutex_lock(&c->lock);
	c->is_halted = false;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	if (!c->backend->ops->threaded && c->store && !c->is_posted && !list_is_empty(&c->waiting)) {
		c->is_posted = true;
		env_defer(c->env, &c->task);
	}
}

void commit_free(struct commit *c)
{
	bool is_posted;

	pthread_mutex_lock(&c->lock);
	is_posted = c->is_posted;
	pthread_mutex_unlock(&c->lock);
	if (is_posted) {
		c->store = NULL; /* on_results frees it */
		return;
	}
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	mem_free(c);
}
