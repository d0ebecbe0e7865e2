/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control plane under crashes. By default a bounded part of all crash points and seeds is run;
 * CUBE_SIM_SEEDS=<n> runs n seeds and every crash point, CUBE_SIM_SEED=<s> one seed with its trace
 * on standard error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/log.h"
#include "base/num.h"
#include "sim/cluster.h"

struct run {
	uint64_t hash, writes;
	unsigned crashes;
	int64_t ms;
};

static uint64_t setting(const char *name, uint64_t fallback)
{
	uint64_t value;

	return getenv(name) && num_parse_u64(str_from(getenv(name)), UINT64_MAX, name, &value,
					     NULL) == 0
		       ? value
		       : fallback;
}

static struct run run(const struct cluster_options *options)
{
	struct cluster c;
	struct run r;
	const char *wrong;

	cluster_start(&c, options);
	if (getenv("CUBE_SIM_SEED")) {
		sim_trace_to(c.sim, 2);
		log_set(LOG_DEBUG, LOG_TEXT, 2);
	}
	wrong = cluster_run(&c);
	r = (struct run){ sim_hash(c.sim), store_disk_write_count(c.disk), c.crash_count,
			  sim_now_ms(c.sim) };
	if (wrong)
		fail_msg("%s in step \"%s\" at %lld ms: seed %llu, fault at %llu, %u crashes, node "
			 "kill %d",
			 wrong, script_step_name(c.step), (long long)r.ms,
			 (unsigned long long)options->seed, (unsigned long long)options->fault_at,
			 r.crashes, options->kill_node);
	cluster_end(&c);
	return r;
}

static struct cluster_options options_of(uint64_t seed)
{
	return (struct cluster_options){ .seed = setting("CUBE_SIM_SEED", seed),
					 .delay_ms_max = 20,
					 .shuffle = true };
}

/* If one seed could run in two ways, no failure found here could ever be looked into. */
static void replays(void **state)
{
	struct cluster_options options = options_of(1);
	struct run first = run(&options), second = run(&options);

	(void)state;
	print_message("%llu writes, %lld ms of simulated time\n", (unsigned long long)first.writes,
		      (long long)first.ms);
	assert_true(first.hash == second.hash);
	options.seed++;
	second = run(&options);
	assert_true(first.hash != second.hash);
}

static enum store_fault crash_before(struct cluster *c, uint64_t write_index)
{
	return write_index == c->options.fault_at && !c->crash_count ? STORE_FAULT_CRASH_BEFORE
								     : STORE_FAULT_NONE;
}

static enum store_fault crash_after(struct cluster *c, uint64_t write_index)
{
	return write_index == c->options.fault_at && !c->crash_count ? STORE_FAULT_CRASH_AFTER
								     : STORE_FAULT_NONE;
}

/* A crash at some write that leaves two replicas where one was wanted, or none, or something nobody
 * ever deletes. */
static void survives_a_crash_at_each_write(void **state)
{
	struct cluster_options options = options_of(1);
	uint64_t writes = run(&options).writes;
	uint64_t stride = setting("CUBE_SIM_SEEDS", 0) ? 1 : NUM_MAX(writes / 60, UINT64_C(1));

	(void)state;
	for (uint64_t at = 0; at < writes; at += stride) {
		options.fault_at = at;
		options.fault = crash_before;
		(void)run(&options); /* fails by itself */
		options.fault_at = NUM_MIN(at + stride / 2, writes - 1);
		options.fault = crash_after;
		(void)run(&options); /* likewise */
	}
}

static enum store_fault crash_by_chance(struct cluster *c, uint64_t write_index)
{
	(void)write_index;
	if (c->crash_count >= 30 || !sim_chance(c->sim, c->options.fault_per_mille))
		return STORE_FAULT_NONE;
	return sim_chance(c->sim, 500) ? STORE_FAULT_CRASH_BEFORE : STORE_FAULT_CRASH_AFTER;
}

/* Crashes in the middle of recovering from crashes. */
static void survives_many_crashes(void **state)
{
	uint64_t seeds = setting("CUBE_SIM_SEEDS", 10);

	(void)state;
	for (uint64_t seed = 100; seed < 100 + seeds; seed++) {
		struct cluster_options options = options_of(seed);

		options.fault = crash_by_chance;
		options.fault_per_mille = 50;
		(void)run(&options); /* fails by itself */
	}
}

/* A machine that is switched off: its pods must come up elsewhere, and what is left of it must go.
 */
static void survives_the_loss_of_a_node(void **state)
{
	uint64_t seeds = setting("CUBE_SIM_SEEDS", 5);

	(void)state;
	for (uint64_t seed = 200; seed < 200 + seeds; seed++) {
		struct cluster_options options = options_of(seed);

		options.kill_node = true;
		(void)run(&options); /* fails by itself */
		options.fault = crash_by_chance;
		options.fault_per_mille = 20;
		(void)run(&options); /* likewise */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays),
		cmocka_unit_test(survives_a_crash_at_each_write),
		cmocka_unit_test(survives_many_crashes),
		cmocka_unit_test(survives_the_loss_of_a_node),
	};

	return cmocka_run_group_tests_name("sim/cluster", tests, NULL, NULL);
}
