/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real env over libuv. One uv_timer stands for all timers, one eventfd for the mailbox; a loop with nothing to do
 * blocks in epoll_wait without a timeout. Everything but post and loop_stop runs on the loop's own thread.
 */
#include "loop/loop_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/time.h"

struct io_poll {
	uv_poll_t poll;
	struct io_watch *watch;
};

struct signal_watch {
	uv_signal_t signal;
	struct list link;
	void (*fn)(void *arg, int signo);
	void *arg;
};

#define WORK_WAIT_NS 200000

static int64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * TIME_NS_PER_SECOND + now.tv_nsec;
}

static int64_t loop_wall_ns(struct env *env)
{
	return read_clock(CLOCK_REALTIME);
}

static int64_t loop_mono_ns(struct env *env)
{
	return read_clock(CLOCK_MONOTONIC);
}

static void loop_random(struct env *env, void *to, size_t size_bytes)
{
	size_t done = 0;

	while (done < size_bytes) {
		ssize_t got = getrandom((char *)to + done, size_bytes - done, 0);

		/* Only EINTR is possible with a valid address on the kernels we run on. */
		ASSERT(got >= 0 || errno == EINTR);
		if (got > 0)
			done += (size_t)got;
	}
}

static void on_alarm(uv_timer_t *alarm)
{
	env_run_timers(&CONTAINER_OF(alarm, struct loop, alarm)->env);
}

static void loop_arm(struct env *env, int64_t deadline_ns)
{
	struct loop *loop = env_loop(env);
	uint64_t due_ms, now_ms;

	if (deadline_ns == INT64_MAX) {
		uv_timer_stop(&loop->alarm);
		return;
	}
	/* uv_now() is the monotonic clock in whole milliseconds, so that rounding up never fires early. */
	due_ms = (uint64_t)((deadline_ns + TIME_NS_PER_MS - 1) / TIME_NS_PER_MS);
	now_ms = uv_now(&loop->uv);
	uv_timer_start(&loop->alarm, on_alarm, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

static void run_tasks(struct list *tasks)
{
	struct list *link;

	while ((link = list_pop_front(tasks))) {
		struct task *task = LIST_ENTRY(link, struct task, link);

		task->fn(task);
	}
}

static void ring(struct loop *loop)
{
	/* It fails only when it is full of rings already. */
	if (eventfd_write(loop->bell_fd, 1) < 0)
		ASSERT(errno == EAGAIN);
}

static void empty_mailbox(struct loop *loop)
{
	struct list tasks;

	list_init(&tasks);
	pthread_mutex_lock(&loop->mailbox_lock);
	list_splice_front(&tasks, &loop->mailbox);
	pthread_mutex_unlock(&loop->mailbox_lock);
	run_tasks(&tasks);
}

static void on_bell(uv_poll_t *bell, int status, int events)
{
	struct loop *loop = CONTAINER_OF(bell, struct loop, bell);
	eventfd_t ring_count;

	(void)eventfd_read(loop->bell_fd, &ring_count); /* how often says nothing, nor does a false alarm */
	empty_mailbox(loop);
	if (atomic_load(&loop->stop))
		uv_stop(&loop->uv);
}

static void loop_post(struct env *env, struct task *task)
{
	struct loop *loop = env_loop(env);
	bool was_empty;

	pthread_mutex_lock(&loop->mailbox_lock);
	was_empty = list_is_empty(&loop->mailbox);
	list_push_back(&loop->mailbox, &task->link);
	/* Once the task is visible its owner may end the loop, which waits for ringers. Rung without the lock: the
	 * loop, woken at once, wants it. */
	atomic_fetch_add(&loop->ringer_count, 1);
	pthread_mutex_unlock(&loop->mailbox_lock);
	if (was_empty)
		ring(loop);
	atomic_fetch_sub(&loop->ringer_count, 1);
}

static void on_turn(uv_idle_t *turn)
{
	struct loop *loop = CONTAINER_OF(turn, struct loop, turn);
	struct list tasks;

	list_init(&tasks);
	/* What these tasks defer runs in the turn after, so that I/O gets its chance in between. */
	list_splice_front(&tasks, &loop->deferred);
	uv_idle_stop(turn);
	run_tasks(&tasks);
}

static void loop_defer(struct env *env, struct task *task)
{
	struct loop *loop = env_loop(env);

	list_push_back(&loop->deferred, &task->link);
	if (!uv_is_active((uv_handle_t *)&loop->turn))
		uv_idle_start(&loop->turn, on_turn);
}

static void loop_work(struct env *env, struct work *work)
{
	env_loop(env)->work_count++;
	pool_submit(work);
}

static int loop_read_file(struct env *env, const char *path, size_t max_bytes, struct buf *ret, struct err *err)
{
	return fd_read_file(AT_FDCWD, path, max_bytes, ret, err);
}

static int loop_replace_file(struct env *env, const char *path, struct str bytes, mode_t mode, struct err *err)
{
	return fd_replace_file(AT_FDCWD, path, bytes, mode, true, err);
}

static int loop_remove_file(struct env *env, const char *path, struct err *err)
{
	return unlink(path) < 0 && errno != ENOENT ? err_os(err, "remove '%s'", path) : 0;
}

static void on_poll(uv_poll_t *poll, int status, int uv_events)
{
	struct io_watch *watch = CONTAINER_OF(poll, struct io_poll, poll)->watch;
	int events = 0;

	if (status < 0) {
		/* libuv stopped watching; the owner's read or write tells what is wrong. */
		watch->events = 0;
		watch->fn(watch, IO_READ | IO_WRITE | IO_HANGUP);
		return;
	}
	if (uv_events & UV_READABLE)
		events |= IO_READ;
	if (uv_events & UV_WRITABLE)
		events |= IO_WRITE;
	if (uv_events & UV_DISCONNECT)
		events |= IO_HANGUP;
	watch->fn(watch, events);
}

static void apply_events(struct io_poll *io, int events)
{
	int uv_events = 0;

	if (events & IO_READ)
		uv_events |= UV_READABLE | UV_DISCONNECT;
	if (events & IO_WRITE)
		uv_events |= UV_WRITABLE;
	if (events & IO_HANGUP)
		uv_events |= UV_DISCONNECT;
	if (uv_events)
		uv_poll_start(&io->poll, uv_events, on_poll);
	else
		uv_poll_stop(&io->poll);
}

static int loop_io_start(struct env *env, struct io_watch *watch, int fd, int events, struct err *err)
{
	struct io_poll *io = mem_alloc(sizeof(*io));
	int r = uv_poll_init(&env_loop(env)->uv, &io->poll, fd);

	if (r < 0) {
		mem_free(io);
		return err_neg(err, r, "watch file descriptor %d", fd);
	}
	io->watch = watch;
	watch->impl = io;
	apply_events(io, events);
	return 0;
}

static void loop_io_update(struct env *env, struct io_watch *watch, int events)
{
	apply_events(watch->impl, events);
}

static void free_poll(uv_handle_t *handle)
{
	mem_free(CONTAINER_OF(handle, struct io_poll, poll));
}

static void loop_io_stop(struct env *env, struct io_watch *watch)
{
	struct io_poll *io = watch->impl;

	uv_close((uv_handle_t *)&io->poll, free_poll);
}

static const struct env_ops loop_ops = {
	.wall_ns = loop_wall_ns,
	.mono_ns = loop_mono_ns,
	.random = loop_random,
	.arm = loop_arm,
	.post = loop_post,
	.defer = loop_defer,
	.work = loop_work,
	.spawn = child_spawn,
	.child_forget = child_forget,
	.read_file = loop_read_file,
	.replace_file = loop_replace_file,
	.remove_file = loop_remove_file,
	.io_start = loop_io_start,
	.io_update = loop_io_update,
	.io_stop = loop_io_stop,
};

struct loop *loop_new(void)
{
	struct loop *loop = NEW(struct loop);

	loop->env.ops = &loop_ops;
	loop->env.has_stock = true;
	list_init(&loop->deferred);
	list_init(&loop->signals);
	list_init(&loop->children);
	list_init(&loop->mailbox);
	pthread_mutex_init(&loop->mailbox_lock, NULL);
	/* These fail only for want of memory or descriptors, before there is anything to save. */
	ASSERT(uv_loop_init(&loop->uv) == 0);
	loop->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT(loop->bell_fd >= 0);
	ASSERT(uv_poll_init(&loop->uv, &loop->bell, loop->bell_fd) == 0);
	uv_poll_start(&loop->bell, UV_READABLE, on_bell);
	uv_timer_init(&loop->uv, &loop->alarm);
	uv_idle_init(&loop->uv, &loop->turn);
	return loop;
}

static void free_signal(uv_handle_t *handle)
{
	mem_free(CONTAINER_OF(handle, struct signal_watch, signal));
}

void loop_free(struct loop *loop)
{
	struct list *link;

	if (!loop)
		return;
	child_drop_all(loop);
	/* Tasks posted but not run may be their owner's last chance to free memory, and what workers still do
	 * comes back here. */
	empty_mailbox(loop);
	while (loop->work_count) {
		nanosleep(&(struct timespec){ .tv_nsec = WORK_WAIT_NS }, NULL);
		empty_mailbox(loop);
	}
	while ((link = list_pop_front(&loop->signals)))
		uv_close((uv_handle_t *)&LIST_ENTRY(link, struct signal_watch, link)->signal, free_signal);
	uv_close((uv_handle_t *)&loop->alarm, NULL);
	uv_close((uv_handle_t *)&loop->turn, NULL);
	while (atomic_load(&loop->ringer_count))
		sched_yield(); /* a few instructions from leaving loop_post or loop_stop */
	uv_close((uv_handle_t *)&loop->bell, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	ASSERT(uv_loop_close(&loop->uv) == 0);
	fd_close(&loop->bell_fd);
	env_deinit_timers(&loop->env);
	pthread_mutex_destroy(&loop->mailbox_lock);
	mem_free(loop);
}

struct env *loop_env(struct loop *loop)
{
	return &loop->env;
}

void loop_run(struct loop *loop)
{
	while (!atomic_load(&loop->stop))
		uv_run(&loop->uv, UV_RUN_DEFAULT);
	atomic_store(&loop->stop, false);
}

void loop_stop(struct loop *loop)
{
	atomic_fetch_add(&loop->ringer_count, 1);
	atomic_store(&loop->stop, true);
	ring(loop);
	atomic_fetch_sub(&loop->ringer_count, 1);
}

static void on_signal(uv_signal_t *signal, int signo)
{
	struct signal_watch *watch = CONTAINER_OF(signal, struct signal_watch, signal);

	watch->fn(watch->arg, signo);
}

int loop_on_signal(struct loop *loop, int signo, void (*fn)(void *arg, int signo), void *arg, struct err *err)
{
	struct signal_watch *watch = NEW(struct signal_watch);
	int r;

	watch->fn = fn;
	watch->arg = arg;
	r = uv_signal_init(&loop->uv, &watch->signal);
	if (r < 0) {
		mem_free(watch);
		return err_neg(err, r, "watch signal %d", signo);
	}
	r = uv_signal_start(&watch->signal, on_signal, signo);
	if (r < 0) {
		uv_close((uv_handle_t *)&watch->signal, free_signal);
		return err_neg(err, r, "watch signal %d", signo);
	}
	list_push_back(&loop->signals, &watch->link);
	return 0;
}
