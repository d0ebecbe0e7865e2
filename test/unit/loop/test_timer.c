/* SPDX-License-Identifier: Apache-2.0 */
/* The timer heap, on the simulated clock: order, restarting, stopping, slack, against a plain model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/time.h"
#include "sim/env_sim.h"

#define COUNT 200

struct probe {
	struct timer timer;
	struct sim *sim;
	int64_t due_ms; /* -1: not running */
	int64_t fired_ms;
	int *order;
	int place;
};

static void on_fire(struct timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);

	p->fired_ms = sim_now_ms(p->sim);
	p->place = (*p->order)++;
}

static void init(struct probe *p, struct sim *sim, int *order)
{
	*p = (struct probe){ .sim = sim, .due_ms = -1, .fired_ms = -1, .order = order };
	timer_init(&p->timer, sim_env(sim, "a"), on_fire);
}

static void test_order(void **state)
{
	/* Timers must fire by deadline, and those of one deadline in the order they were started. */
	struct sim *sim = sim_new(1);
	struct probe p[4];
	int order = 0;

	for (size_t i = 0; i < ARRAY_COUNT(p); i++)
		init(&p[i], sim, &order);
	timer_start(&p[0].timer, 30);
	timer_start(&p[1].timer, 10);
	timer_start(&p[2].timer, 20);
	timer_start(&p[3].timer, 20);
	while (sim_step(sim))
		;
	assert_int_equal(p[1].place, 0);
	assert_int_equal(p[2].place, 1);
	assert_int_equal(p[3].place, 2);
	assert_int_equal(p[0].place, 3);
	sim_free(sim);
}

static void test_random_model(void **state)
{
	/* Any mix of start, restart and stop must fire exactly the timers that are running, at their time. */
	for (uint64_t seed = 0; seed < 30; seed++) {
		struct sim *sim = sim_new(seed);
		static struct probe p[COUNT];
		int order = 0, expected = 0;

		for (size_t i = 0; i < COUNT; i++)
			init(&p[i], sim, &order);
		for (int step = 0; step < 1000; step++) {
			struct probe *one = &p[sim_random_below(sim, COUNT)];
			int64_t delay_ms = (int64_t)sim_random_below(sim, 5000);

			if (sim_chance(sim, 300)) {
				timer_stop(&one->timer);
				one->due_ms = -1;
			} else {
				timer_start(&one->timer, delay_ms);
				one->due_ms = delay_ms;
			}
			assert_int_equal(timer_is_running(&one->timer), one->due_ms >= 0);
		}
		while (sim_step(sim))
			;
		for (size_t i = 0; i < COUNT; i++) {
			assert_int_equal(p[i].fired_ms, p[i].due_ms);
			expected += p[i].due_ms >= 0;
		}
		assert_int_equal(order, expected);
		sim_free(sim);
	}
}

static void test_slack_coalesces(void **state)
{
	/* Unhurried timers must share wake-ups, never early and never later than their slack. */
	struct sim *sim = sim_new(5);
	static struct probe p[COUNT];
	int order = 0, wakeups = 0;

	for (size_t i = 0; i < COUNT; i++) {
		init(&p[i], sim, &order);
		p[i].due_ms = (int64_t)sim_random_below(sim, 10000);
		timer_start_slack(&p[i].timer, p[i].due_ms, 1000);
	}
	while (sim_step(sim))
		wakeups++;
	assert_int_equal(order, COUNT);
	assert_in_range(wakeups, 9, 12);
	for (size_t i = 0; i < COUNT; i++)
		assert_in_range(p[i].fired_ms - p[i].due_ms, 0, 1000);
	sim_free(sim);
}

static void restart_at_once(struct timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);

	p->place++;
	if (p->place < 100)
		timer_start(t, 0);
}

static void test_restart_at_zero(void **state)
{
	/* A timer that restarts itself at once must not fire again within the same round. */
	struct sim *sim = sim_new(5);
	struct probe p;
	int order = 0;

	init(&p, sim, &order);
	p.timer.fn = restart_at_once;
	timer_start(&p.timer, 0);
	assert_true(sim_step(sim));
	assert_int_equal(p.place, 1);
	while (sim_step(sim))
		;
	assert_int_equal(p.place, 100);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_random_model),
		cmocka_unit_test(test_slack_coalesces),
		cmocka_unit_test(test_restart_at_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
