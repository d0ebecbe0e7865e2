/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store under a random load with full disks, crashes, pausing and late watchers, checked against a plain model: the
 * list of all writes that got a revision. A failure prints its seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include "base/log.h"
#include "base/mem.h"
#include "probe.h"
#include "sim/env_sim.h"

#define SEEDS 150
#define STEPS 300
#define KEYS 10
#define WATCHERS 6
#define WRITES_MAX (STEPS * 4)

/* A write that got a revision, and what it did. */
struct record {
	struct probe *probe;
	int64_t revision;
	enum store_op_type types[PROBE_OPS];
	int keys[PROBE_OPS];
	size_t op_count;
	bool failed;
};

/* A client that keeps a copy of the state by watching: mod_revision per key, 0 for none. */
struct mirror {
	struct store_watcher watcher;
	struct world *world;
	int64_t revisions[KEYS];
	int64_t last_revision;
	bool is_paused, has_ended;
};

struct world {
	struct sim *sim;
	struct env *env;
	struct store_disk *disk;
	struct store *store;
	struct record records[WRITES_MAX];
	size_t record_count;
	struct mirror mirrors[WATCHERS];
	struct probe *probes[WRITES_MAX];
	size_t probe_count;
	int64_t acknowledged;
	bool is_crashed;
	unsigned int full_per_mille, crash_per_mille;
	uint64_t seed;
};

#define check(w, cond) \
	do { \
		if (!(cond)) \
			fail_msg("seed %llu: %s", (unsigned long long)(w)->seed, #cond); \
	} while (0)

static enum store_fault on_fault(void *arg, uint64_t write_index)
{
	struct world *w = arg;

	if (sim_chance(w->sim, w->crash_per_mille))
		return sim_chance(w->sim, 500) ? STORE_FAULT_CRASH_BEFORE : STORE_FAULT_CRASH_AFTER;
	return sim_chance(w->sim, w->full_per_mille) ? STORE_FAULT_FULL : STORE_FAULT_NONE;
}

static void on_crashed(void *arg)
{
	((struct world *)arg)->is_crashed = true;
}

/* The model: mod_revision of each key after all writes up to a revision. */
static void state_at(const struct world *w, int64_t revision, int64_t ret[KEYS])
{
	memset(ret, 0, KEYS * sizeof(ret[0]));
	for (size_t i = 0; i < w->record_count && w->records[i].revision <= revision; i++) {
		const struct record *r = &w->records[i];

		for (size_t k = 0; k < r->op_count && !r->failed; k++) {
			if (r->types[k] != STORE_CHECK)
				ret[r->keys[k]] = r->types[k] == STORE_PUT ? r->revision : 0;
		}
	}
}

static bool take_state(void *arg, struct str key, const struct store_entry *entry)
{
	long long in_value = 0;

	((int64_t *)arg)[key.ptr[key.len - 1] - '0'] = entry->mod_revision;
	sscanf(strchr(entry->value->bytes, '@'), "@%lld", &in_value);
	return in_value == entry->mod_revision; /* else the walk ends early and the states differ */
}

static void check_state(struct world *w)
{
	int64_t expected[KEYS], found[KEYS] = { 0 };

	state_at(w, store_revision(w->store), expected);
	store_walk(w->store, STR("/k/"), STR_NONE, take_state, found);
	check(w, memcmp(expected, found, sizeof(found)) == 0);
}

static void check_past(struct world *w)
{
	int64_t expected[KEYS], found[KEYS] = { 0 }, now = store_revision(w->store);
	int64_t revision = now - (int64_t)sim_random_below(w->sim, 40);
	struct err err;

	if (store_walk_at(w->store, revision, STR("/k/"), STR_NONE, take_state, found, &err) < 0) {
		check(w, err.code == ERR_GONE && revision < store_compact_revision(w->store));
		return;
	}
	state_at(w, revision, expected);
	check(w, memcmp(expected, found, sizeof(found)) == 0);
}

/* --- watchers --- */

static void on_event(struct store_watcher *watcher, const struct store_event *event)
{
	struct mirror *m = CONTAINER_OF(watcher, struct mirror, watcher);
	int64_t *revision = &m->revisions[event->key.ptr[event->key.len - 1] - '0'];

	check(m->world, !m->is_paused && !m->has_ended);
	check(m->world, event->revision >= m->last_revision);
	/* No event may have been skipped: each says what it follows. */
	check(m->world, event->previous_revision == *revision);
	*revision = event->type == STORE_DELETED ? 0 : event->revision;
	m->last_revision = event->revision;
	if (sim_chance(m->world->sim, 100)) {
		/* Often itself, else one whose turn for this event is over or still to come. */
		struct mirror *other = &m->world->mirrors[sim_random_below(m->world->sim, WATCHERS)];

		other = sim_chance(m->world->sim, 500) ? m : other;
		store_watch_pause(&other->watcher);
		other->is_paused = true;
	}
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	CONTAINER_OF(watcher, struct mirror, watcher)->has_ended = true;
}

/* As a client does: list at a revision that may be past, then watch from there. */
static void start_mirror(struct world *w, struct mirror *m)
{
	int64_t revision = store_revision(w->store) - (int64_t)sim_random_below(w->sim, 15);
	struct err err;

	*m = (struct mirror){ .world = w, .watcher = { .event = on_event, .end = on_end } };
	if (store_walk_at(w->store, revision, STR("/k/"), STR_NONE, take_state, m->revisions, &err) < 0) {
		m->has_ended = true;
		return;
	}
	m->last_revision = revision;
	store_watch(w->store, &m->watcher, STR("/k/"), false, revision);
}

static void disturb_mirror(struct world *w)
{
	struct mirror *m = &w->mirrors[sim_random_below(w->sim, WATCHERS)];

	if (m->has_ended || sim_chance(w->sim, 150)) {
		store_unwatch(&m->watcher);
		start_mirror(w, m);
	} else if (m->is_paused) {
		m->is_paused = false;
		store_watch_resume(&m->watcher);
	} else {
		m->is_paused = true;
		store_watch_pause(&m->watcher);
	}
}

static void check_mirrors(struct world *w)
{
	int64_t expected[KEYS];

	for (int i = 0; i < WATCHERS; i++) {
		struct mirror *m = &w->mirrors[i];

		/* A resumed one may pause itself again inside an event. */
		while (m->is_paused && !m->has_ended) {
			m->is_paused = false;
			store_watch_resume(&m->watcher);
			sim_run_for(w->sim, 5);
		}
		state_at(w, store_revision(w->store), expected);
		check(w, m->has_ended || memcmp(expected, m->revisions, sizeof(expected)) == 0);
	}
}

/* --- writes --- */

static void on_write_done(struct probe *p)
{
	struct world *w = p->arg;

	for (size_t i = 0; i < w->record_count; i++) {
		struct record *r = &w->records[i];

		if (r->probe != p)
			continue;
		r->failed = p->err.code != ERR_NONE;
		check(w, !r->failed || p->err.code == ERR_NO_SPACE);
		if (!r->failed) {
			check(w, p->revision == r->revision && p->revision > w->acknowledged);
			w->acknowledged = p->revision;
		}
	}
}

static void submit_random(struct world *w)
{
	struct probe *p = w->probes[w->probe_count++] = NEW(struct probe);
	struct record *r = &w->records[w->record_count];
	size_t op_count = sim_chance(w->sim, 800) ? 1 : 1 + sim_random_below(w->sim, PROBE_OPS);

	probe_init(p);
	p->arg = w;
	p->then = on_write_done;
	for (size_t i = 0; i < op_count; i++) {
		int index = (int)((sim_random_below(w->sim, KEYS) + i) % KEYS);
		char key[] = { '/', 'k', '/', (char)('0' + index), '\0' };
		const struct store_entry *now = store_get_pending(w->store, str_from(key));
		int64_t expected = now ? now->mod_revision : STORE_REVISION_NONE;
		uint64_t kind = sim_random_below(w->sim, 10);

		if (sim_chance(w->sim, 100))
			expected = sim_chance(w->sim, 500) ? STORE_REVISION_ANY : 3; /* often a conflict */
		r->types[i] = kind < 6 ? STORE_PUT : kind < 9 ? STORE_DELETE : STORE_CHECK;
		r->keys[i] = index;
		probe_add(p, r->types[i], key, expected);
	}
	probe_submit(p, w->store);
	if (!p->write.revision)
		return; /* refused */
	r->probe = p;
	r->revision = p->write.revision;
	r->op_count = op_count;
	r->failed = false;
	w->record_count++;
}

static void open_store(struct world *w)
{
	struct store_options options = { .history_events_max = 60, .history_bytes_max = 100000 };
	struct err err;

	if (store_open_memory(w->env, w->disk, &options, &w->store, &err) < 0)
		fail_msg("%s", err.msg);
	for (int i = 0; i < WATCHERS; i++)
		start_mirror(w, &w->mirrors[i]);
}

static void restart(struct world *w)
{
	int64_t revision;

	sim_crash(w->sim, w->env);
	store_abandon(w->store);
	w->is_crashed = false;
	open_store(w);
	revision = store_revision(w->store);
	check(w, revision >= w->acknowledged);
	/* What was in flight is in the file or never happened. */
	while (w->record_count && w->records[w->record_count - 1].revision > revision)
		w->record_count--;
	for (size_t i = 0; i < w->record_count; i++)
		w->records[i].probe = NULL;
	w->acknowledged = revision;
	check_state(w);
}

static void run_world(uint64_t seed)
{
	struct world *w = NEW(struct world);
	struct store_disk_faults faults = { .fault = on_fault, .crashed = on_crashed, .arg = w };

	w->seed = seed;
	w->sim = sim_new(seed);
	w->env = sim_env(w->sim, "server");
	w->disk = store_disk_new();
	faults.random_batches = seed % 7 != 0;
	faults.commit_delay_ms_max = (int64_t)(seed % 4) * 3;
	store_disk_set_faults(w->disk, &faults);
	w->full_per_mille = seed % 3 ? 40 : 0;
	w->crash_per_mille = seed % 5 ? 8 : 0;
	open_store(w);
	for (int step = 0; step < STEPS; step++) {
		for (uint64_t i = sim_random_below(w->sim, 4); i > 0; i--)
			submit_random(w);
		disturb_mirror(w);
		if (sim_chance(w->sim, 10))
			store_compact(w->store, store_revision(w->store) - 5);
		if (sim_chance(w->sim, 700))
			sim_run_for(w->sim, (int64_t)sim_random_below(w->sim, 6));
		check_state(w);
		check_past(w);
		if (w->is_crashed)
			restart(w);
	}
	w->full_per_mille = w->crash_per_mille = 0;
	sim_run_for(w->sim, 100);
	if (w->is_crashed)
		restart(w);
	check_state(w);
	check_mirrors(w);
	store_close(w->store);
	store_disk_free(w->disk);
	sim_free(w->sim);
	for (size_t i = 0; i < w->probe_count; i++)
		mem_free(w->probes[i]);
	mem_free(w);
}

static void test_random(void **state)
{
	/* No acknowledged write may be lost, no failed one seen, no event skipped or repeated, whatever goes wrong. */
	log_set(LOG_ERROR, LOG_TEXT, open("/dev/null", O_WRONLY | O_CLOEXEC)); /* full disks by the thousand */
	for (uint64_t seed = 0; seed < SEEDS; seed++)
		run_world(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
