/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers in a binary heap, earliest deadline first, those of the same deadline in the order they were started. The env
 * below is armed for the earliest only. A timer with slack takes the deadline of one that already runs within its
 * slack, or else a multiple of the slack, so that unhurried timers fire together and an idle process sleeps.
 */
#include "loop/env.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/time.h"

#define DELAY_MAX_MS (INT64_MAX / TIME_NS_PER_MS / 4)

static bool is_before(const struct timer *a, const struct timer *b)
{
	return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->sequence < b->sequence;
}

static void place(struct env *env, struct timer *t, size_t index)
{
	env->timers[index] = t;
	t->heap_index = index + 1;
}

static void sift_up(struct env *env, struct timer *t, size_t index)
{
	while (index > 0 && is_before(t, env->timers[(index - 1) / 2])) {
		place(env, env->timers[(index - 1) / 2], index);
		index = (index - 1) / 2;
	}
	place(env, t, index);
}

static void sift_down(struct env *env, struct timer *t, size_t index)
{
	for (;;) {
		size_t child = index * 2 + 1;

		if (child >= env->timer_count)
			break;
		if (child + 1 < env->timer_count && is_before(env->timers[child + 1], env->timers[child]))
			child++;
		if (!is_before(env->timers[child], t))
			break;
		place(env, env->timers[child], index);
		index = child;
	}
	place(env, t, index);
}

static void insert(struct env *env, struct timer *t)
{
	if (env->timer_count == env->timer_cap) {
		env->timer_cap = env->timer_cap ? env->timer_cap * 2 : 16;
		env->timers = mem_realloc_array(env->timers, env->timer_cap, sizeof(struct timer *));
	}
	t->sequence = env->timer_sequence++;
	sift_up(env, t, env->timer_count++);
}

static void take_out(struct env *env, struct timer *t)
{
	size_t index = t->heap_index - 1;
	struct timer *last = env->timers[--env->timer_count];

	t->heap_index = 0;
	if (last == t)
		return;
	if (index > 0 && is_before(last, env->timers[(index - 1) / 2]))
		sift_up(env, last, index);
	else
		sift_down(env, last, index);
}

static int64_t earliest(const struct env *env)
{
	return env->timer_count ? env->timers[0]->deadline_ns : INT64_MAX;
}

void timer_init(struct timer *t, struct env *env, void (*fn)(struct timer *))
{
	*t = (struct timer){ .fn = fn, .env = env };
}

static void start_at(struct timer *t, int64_t deadline_ns)
{
	struct env *env = t->env;
	int64_t before_ns = earliest(env);

	if (t->heap_index)
		take_out(env, t);
	t->deadline_ns = deadline_ns;
	insert(env, t);
	if (earliest(env) != before_ns)
		env->ops->arm(env, earliest(env));
}

static int64_t deadline_after(struct timer *t, int64_t delay_ms)
{
	ASSERT(t->env && t->fn);
	if (delay_ms < 0)
		delay_ms = 0;
	if (delay_ms > DELAY_MAX_MS)
		delay_ms = DELAY_MAX_MS;
	return env_mono_ns(t->env) + delay_ms * TIME_NS_PER_MS;
}

void timer_start(struct timer *t, int64_t delay_ms)
{
	start_at(t, deadline_after(t, delay_ms));
}

void timer_start_slack(struct timer *t, int64_t delay_ms, int64_t slack_ms)
{
	int64_t deadline_ns = deadline_after(t, delay_ms), slack_ns, earliest_ns, rounded_ns;

	if (slack_ms > DELAY_MAX_MS)
		slack_ms = DELAY_MAX_MS;
	if (slack_ms > 0) {
		slack_ns = slack_ms * TIME_NS_PER_MS;
		earliest_ns = t->heap_index == 1 ? INT64_MAX : earliest(t->env);
		rounded_ns = (deadline_ns + slack_ns - 1) / slack_ns * slack_ns;
		if (earliest_ns >= deadline_ns && earliest_ns - deadline_ns <= slack_ns)
			deadline_ns = earliest_ns;
		else if (rounded_ns - deadline_ns <= slack_ns)
			deadline_ns = rounded_ns;
	}
	start_at(t, deadline_ns);
}

void timer_stop(struct timer *t)
{
	struct env *env = t->env;
	bool was_earliest = t->heap_index == 1;

	if (!t->heap_index)
		return;
	take_out(env, t);
	if (was_earliest && earliest(env) != t->deadline_ns)
		env->ops->arm(env, earliest(env));
}

bool timer_is_running(const struct timer *t)
{
	return t->heap_index != 0;
}

void env_run_timers(struct env *env)
{
	int64_t now_ns = env_mono_ns(env);
	uint64_t first_new = env->timer_sequence;

	/* A timer started by a callback waits for the next call, or one that restarts itself at 0 would never let
	 * go. */
	while (env->timer_count && env->timers[0]->deadline_ns <= now_ns && env->timers[0]->sequence < first_new) {
		struct timer *t = env->timers[0];

		take_out(env, t);
		t->fn(t);
	}
	env->ops->arm(env, earliest(env));
}

void env_deinit_timers(struct env *env)
{
	while (env->timer_count)
		take_out(env, env->timers[env->timer_count - 1]);
	mem_free(env->timers);
	env->timers = NULL;
	env->timer_cap = 0;
}
