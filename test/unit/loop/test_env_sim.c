/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated env: the clock, the order of what happens, crashes, and that a seed replays byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/time.h"
#include "sim/env_sim.h"

struct counter {
	struct timer timer;
	struct task task;
	struct work work;
	struct sim *sim;
	const char *name;
	int left, ran, done;
	int64_t interval_ms;
};

static void on_timer(struct timer *t)
{
	struct counter *c = CONTAINER_OF(t, struct counter, timer);

	c->ran++;
	sim_trace(c->sim, "timer %s", c->name);
	if (--c->left > 0)
		timer_start(&c->timer, c->interval_ms);
}

static void on_task(struct task *t)
{
	struct counter *c = CONTAINER_OF(t, struct counter, task);

	c->ran++;
	sim_trace(c->sim, "task %s", c->name);
	if (--c->left > 0)
		env_defer(c->timer.env, &c->task);
}

static void run_work(struct work *w)
{
	CONTAINER_OF(w, struct counter, work)->ran++;
}

static void done_work(struct work *w)
{
	struct counter *c = CONTAINER_OF(w, struct counter, work);

	c->done++;
	sim_trace(c->sim, "work %s", c->name);
	if (--c->left > 0)
		env_work(c->timer.env, &c->work);
}

static void init(struct counter *c, struct sim *sim, const char *process, const char *name)
{
	*c = (struct counter){ .sim = sim, .name = name, .left = 1, .interval_ms = 10 };
	timer_init(&c->timer, sim_env(sim, process), on_timer);
	task_init(&c->task, on_task);
	c->work.run = run_work;
	c->work.done = done_work;
}

static void test_clock_jumps(void **state)
{
	/* A day of waiting must cost no real time and the timer must see exactly its deadline. */
	struct sim *sim = sim_new(1);
	struct counter c;

	init(&c, sim, "a", "c");
	timer_start(&c.timer, 24 * 3600 * 1000);
	assert_true(sim_step(sim));
	assert_int_equal(c.ran, 1);
	assert_int_equal(sim_now_ms(sim), 24 * 3600 * 1000);
	assert_false(sim_step(sim));
	sim_free(sim);
}

static bool has_run_thrice(void *arg)
{
	return ((struct counter *)arg)->ran == 3;
}

static void test_run_until(void **state)
{
	/* Waiting must end as soon as the condition holds, and at the limit when it never does. */
	struct sim *sim = sim_new(1);
	struct counter c;

	init(&c, sim, "a", "c");
	c.left = 100;
	timer_start(&c.timer, 10);
	assert_true(sim_run_until(sim, has_run_thrice, &c, 1000));
	assert_int_equal(sim_now_ms(sim), 30);
	sim_run_for(sim, 15);
	assert_int_equal(c.ran, 4);
	assert_false(sim_run_until(sim, has_run_thrice, &c, 500));
	assert_int_equal(sim_now_ms(sim), 545);
	timer_stop(&c.timer);
	assert_false(sim_run_until(sim, has_run_thrice, &c, 1000));
	assert_int_equal(sim_now_ms(sim), 1545);
	sim_free(sim);
}

static void test_nothing_starves(void **state)
{
	/* A task that always defers itself again must not keep timers from firing, nor the limit from being reached. */
	struct sim *sim = sim_new(1);
	struct counter busy, c;

	init(&busy, sim, "a", "busy");
	init(&c, sim, "a", "c");
	busy.left = 1 << 30;
	c.left = 3;
	c.interval_ms = 1;
	env_defer(sim_env(sim, "a"), &busy.task);
	timer_start(&c.timer, 1);
	sim_run_for(sim, 10);
	assert_int_equal(c.ran, 3);
	assert_true(busy.ran > 1000);
	sim_free(sim);
}

static void test_work_takes_time(void **state)
{
	/* Work must not be done inside the call that asked for it, and its done() must follow its run(). */
	struct sim *sim = sim_new(7);
	struct counter c;

	init(&c, sim, "a", "c");
	env_work(sim_env(sim, "a"), &c.work);
	assert_int_equal(c.ran, 0);
	sim_run_for(sim, 6);
	assert_int_equal(c.ran, 1);
	assert_int_equal(c.done, 1);
	sim_free(sim);
}

static void test_crash(void **state)
{
	/* A crashed process must do nothing more, keep its files, and leave other processes alone. */
	struct sim *sim = sim_new(3);
	struct env *a = sim_env(sim, "a");
	struct counter dead, alive;
	AUTO_BUF bytes = { 0 };
	struct err err;

	buf_init(&bytes, 100);
	init(&dead, sim, "a", "dead");
	init(&alive, sim, "b", "alive");
	timer_start(&dead.timer, 1);
	env_defer(a, &dead.task);
	env_work(a, &dead.work);
	timer_start(&alive.timer, 1);
	assert_int_equal(env_replace_file(a, "/state", STR("kept"), 0600, &err), 0);
	sim_crash(sim, a);
	assert_false(timer_is_running(&dead.timer));
	timer_stop(&dead.timer);
	env_cancel(a, &dead.task);
	sim_run_for(sim, 100);
	assert_int_equal(dead.ran, 0);
	assert_int_equal(alive.ran, 1);
	assert_int_equal(env_read_file(sim_env(sim, "a"), "/state", 100, &bytes, &err), 0);
	assert_true(str_eq_c(buf_str(&bytes), "kept"));
	assert_int_equal(env_read_file(sim_env(sim, "b"), "/state", 100, &bytes, &err), -1);
	assert_int_equal(err.os_errno, ENOENT);
	assert_int_equal(env_read_file(a, "/state", 3, &bytes, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_int_equal(env_remove_file(a, "/state", &err), 0);
	assert_int_equal(env_remove_file(a, "/state", &err), 0);
	assert_int_equal(env_read_file(a, "/state", 100, &bytes, &err), -1);
	sim_free(sim);
}

/* A busy world; returns its hash and, when text is not NULL, the trace. */
static uint64_t run_world(uint64_t seed, bool shuffle, struct buf *text)
{
	struct sim *sim = sim_new(seed);
	struct counter counters[12];
	static const char *const names[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11" };
	static const char *const processes[] = { "a", "b", "c" };
	AUTO_FD fd = memfd_create("trace", MFD_CLOEXEC);
	struct err err;
	uint64_t hash;

	sim_shuffle(sim, shuffle);
	sim_trace_to(sim, fd);
	for (size_t i = 0; i < ARRAY_COUNT(counters); i++) {
		init(&counters[i], sim, processes[i % 3], names[i]);
		counters[i].left = 20;
		if (i % 4 == 0)
			timer_start_slack(&counters[i].timer, (int64_t)i, 5);
		else if (i % 4 == 1)
			env_work(sim_env(sim, processes[i % 3]), &counters[i].work);
		else if (i % 4 == 2)
			env_post(sim_env(sim, processes[i % 3]), &counters[i].task);
		else
			timer_start(&counters[i].timer, (int64_t)env_random_below(counters[i].timer.env, 50));
	}
	sim_run_for(sim, 1000);
	hash = sim_hash(sim);
	if (text) {
		char path[40];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		assert_int_equal(fd_read_file(AT_FDCWD, path, 1 << 20, text, &err), 0);
	}
	sim_free(sim);
	return hash;
}

static void test_seed_replays(void **state)
{
	/* A failure that a seed found must be found again by the same seed. */
	AUTO_BUF first = { 0 };
	AUTO_BUF second = { 0 };

	buf_init(&first, 0);
	buf_init(&second, 0);
	for (uint64_t seed = 0; seed < 20; seed++) {
		assert_int_equal(run_world(seed, true, &first), run_world(seed, true, &second));
		assert_true(first.len > 1000);
		assert_true(str_eq(buf_str(&first), buf_str(&second)));
		assert_int_equal(run_world(seed, false, NULL), run_world(seed, false, NULL));
		assert_true(run_world(seed, true, NULL) != run_world(seed + 1, true, NULL));
	}
}

static void test_queue_order(void **state)
{
	/* Shuffling must never turn round two tasks of one mailbox. */
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct sim *sim = sim_new(seed);
		struct counter first, second, other;

		sim_shuffle(sim, true);
		init(&first, sim, "a", "first");
		init(&second, sim, "a", "second");
		init(&other, sim, "b", "other");
		env_post(sim_env(sim, "a"), &first.task);
		env_post(sim_env(sim, "a"), &second.task);
		env_post(sim_env(sim, "b"), &other.task);
		while (sim_step(sim))
			assert_true(first.ran || !second.ran);
		assert_int_equal(first.ran + second.ran + other.ran, 3);
		sim_free(sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_jumps),
		cmocka_unit_test(test_run_until),
		cmocka_unit_test(test_nothing_starves),
		cmocka_unit_test(test_work_takes_time),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_seed_replays),
		cmocka_unit_test(test_queue_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
