/* SPDX-License-Identifier: Apache-2.0 */
/* The watch hub: prefixes, replay from the history, being overrun, pausing, and changes from inside a call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "base/mem.h"
#include "probe.h"
#include "sim/env_sim.h"

#define WATCHERS 10000

struct fixture {
	struct sim *sim;
	struct env *env;
	struct store_disk *disk;
	struct store *store;
	struct err err;
};

static int setup_with(void **state, size_t events_max, size_t bytes_max)
{
	struct fixture *f = NEW(struct fixture);
	struct store_options options = { .history_events_max = events_max, .history_bytes_max = bytes_max };

	f->sim = sim_new(1);
	f->env = sim_env(f->sim, "server");
	f->disk = store_disk_new();
	assert_int_equal(store_open_memory(f->env, f->disk, &options, &f->store, &f->err), 0);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, 0, 0);
}

static int setup_small(void **state)
{
	return setup_with(state, 10, 1000);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	store_disk_free(f->disk);
	sim_free(f->sim);
	mem_free(f);
	return 0;
}

static void settle(struct fixture *f)
{
	sim_run_for(f->sim, 50);
}

static void put(struct fixture *f, const char *key, const char *text)
{
	struct probe p;

	probe_put(&p, f->store, key, text, STORE_REVISION_ANY);
	settle(f);
	assert_int_equal(p.err.code, ERR_NONE);
}

static void drop(struct fixture *f, const char *key)
{
	struct probe p;

	probe_delete(&p, f->store, key, STORE_REVISION_ANY);
	settle(f);
	assert_int_equal(p.err.code, ERR_NONE);
}

static void test_live(void **state)
{
	/* A watcher must see exactly what happens below its prefix, with the values before and after. */
	struct fixture *f = *state;
	struct watch_probe all, pods, one, prefix_of_one;

	watch_probe_start(&all, f->store, "", false, 1);
	watch_probe_start(&pods, f->store, "/pods/", false, 1);
	watch_probe_start(&one, f->store, "/pods/a", true, 1);
	watch_probe_start(&prefix_of_one, f->store, "/pods/a", false, 1);
	put(f, "/pods/a", "1");
	put(f, "/pods/ab", "2");
	put(f, "/nodes/a", "3");
	put(f, "/pods/a", "4");
	drop(f, "/pods/a");
	assert_string_equal(all.seen.ptr, "+/pods/a=1@2 +/pods/ab=2@3 +/nodes/a=3@4 ~/pods/a=4@5<1@2 "
					  "-/pods/a=gone@6<4@5 ");
	assert_string_equal(pods.seen.ptr, "+/pods/a=1@2 +/pods/ab=2@3 ~/pods/a=4@5<1@2 -/pods/a=gone@6<4@5 ");
	assert_string_equal(one.seen.ptr, "+/pods/a=1@2 ~/pods/a=4@5<1@2 -/pods/a=gone@6<4@5 ");
	assert_string_equal(prefix_of_one.seen.ptr, pods.seen.ptr);
	watch_probe_deinit(&pods);
	put(f, "/pods/c", "5");
	assert_int_equal(pods.count, 4);
	assert_int_equal(all.count, 6);
	watch_probe_deinit(&all);
	watch_probe_deinit(&one);
	watch_probe_deinit(&prefix_of_one);
}

static void test_replay(void **state)
{
	/* From any revision on, a watcher must get what came after it once, in order, never from inside the call. */
	struct fixture *f = *state;
	struct watch_probe w[12];
	char key[16];

	for (int i = 0; i < 10; i++) {
		snprintf(key, sizeof(key), "/%c/%d", i % 2 ? 'a' : 'b', i);
		put(f, key, "x");
	}
	for (int i = 0; i < 12; i++) {
		watch_probe_start(&w[i], f->store, "/a/", false, i + 1);
		assert_int_equal(w[i].count, 0);
	}
	/* Writes that come while watchers are still catching up. */
	put(f, "/a/last", "x");
	drop(f, "/a/last");
	for (int i = 0; i < 12; i++) {
		assert_int_equal(w[i].count, (size_t)(i < 10 ? (11 - i) / 2 : 0) + (i <= 10 ? 2 : 1));
		assert_true(str_has_suffix(buf_str(&w[i].seen), STR("-/a/last=gone@13<x@12 ")));
		watch_probe_deinit(&w[i]);
	}
}

static void test_long_replay(void **state)
{
	/* A replay longer than one turn's share must be complete, with live events after it and not among it. */
	struct fixture *f = *state;
	struct probe *p = mem_calloc(3 * STORE_REPLAY_EVENTS_MAX, sizeof(*p));
	struct watch_probe w, sparse;

	for (size_t i = 0; i < 3 * STORE_REPLAY_EVENTS_MAX; i++)
		probe_put(&p[i], f->store, "/a/x", "x", STORE_REVISION_ANY);
	settle(f);
	watch_probe_start(&w, f->store, "/a/", false, 1);
	watch_probe_start(&sparse, f->store, "/b/", false, 1);
	for (int i = 0; i < 2; i++)
		assert_true(sim_step(f->sim));
	assert_true(w.count < 3 * STORE_REPLAY_EVENTS_MAX);
	put(f, "/a/y", "live");
	put(f, "/b/y", "live");
	assert_int_equal(w.count, 3 * STORE_REPLAY_EVENTS_MAX + 1);
	assert_true(str_has_suffix(buf_str(&w.seen), STR(" +/a/y=live@770 ")));
	assert_string_equal(sparse.seen.ptr, "+/b/y=live@771 ");
	watch_probe_deinit(&w);
	watch_probe_deinit(&sparse);
	mem_free(p);
}

static void test_overrun(void **state)
{
	/* Whoever asks for events that left the ring must be told so, and nobody else. */
	struct fixture *f = *state;
	struct watch_probe gone, edge;

	for (int i = 0; i < 15; i++)
		put(f, "/a/x", "x");
	/* Ten are kept: 7 to 16. */
	assert_int_equal(store_compact_revision(f->store), 6);
	watch_probe_start(&gone, f->store, "/a/", false, 5);
	watch_probe_start(&edge, f->store, "/a/", false, 6);
	assert_int_equal(gone.end.code, ERR_NONE);
	settle(f);
	assert_int_equal(gone.end.code, ERR_GONE);
	assert_string_equal(gone.end.msg, "too old resource version: 5 (6)");
	assert_int_equal(gone.count, 0);
	assert_int_equal(edge.count, 10);
	assert_int_equal(edge.end.code, ERR_NONE);
	watch_probe_deinit(&gone);
	watch_probe_deinit(&edge);
}

static void test_overrun_by_bytes(void **state)
{
	/* The ring must be bounded by bytes as well as by count, but keep the newest event whatever its size. */
	struct fixture *f = *state;
	struct probe p[3];
	struct watch_probe w;

	for (int i = 0; i < 3; i++) {
		probe_init(&p[i]);
		p[i].value_bytes = i == 2 ? 5000 : 400;
		probe_add(&p[i], STORE_PUT, "/a/x", STORE_REVISION_ANY);
		probe_submit(&p[i], f->store);
		settle(f);
		assert_int_equal(store_compact_revision(f->store), i < 2 ? 1 : 3);
	}
	watch_probe_start(&w, f->store, "/a/", false, 3);
	settle(f);
	assert_int_equal(w.count, 1);
	watch_probe_deinit(&w);
}

static void test_pause(void **state)
{
	/* A paused watcher must lose and repeat nothing, unless the ring overruns it, which it must be told. */
	struct fixture *f = *state;
	struct watch_probe w;

	watch_probe_start(&w, f->store, "/a/", false, 1);
	put(f, "/a/1", "x");
	store_watch_pause(&w.watcher);
	store_watch_pause(&w.watcher);
	put(f, "/a/2", "x");
	put(f, "/a/3", "x");
	assert_int_equal(w.count, 1);
	store_watch_resume(&w.watcher);
	store_watch_resume(&w.watcher);
	settle(f);
	put(f, "/a/4", "x");
	assert_string_equal(w.seen.ptr, "+/a/1=x@2 +/a/2=x@3 +/a/3=x@4 +/a/4=x@5 ");
	store_watch_pause(&w.watcher);
	for (int i = 0; i < 11; i++)
		put(f, "/a/x", "x");
	assert_int_equal(w.end.code, ERR_NONE);
	store_watch_resume(&w.watcher);
	settle(f);
	assert_int_equal(w.end.code, ERR_GONE);
	assert_int_equal(w.count, 4);
	watch_probe_deinit(&w);
}

static void test_progress(void **state)
{
	/* A bookmark must never promise more than was delivered: a client that resumes from it would miss the rest. */
	struct fixture *f = *state;
	struct watch_probe w, elsewhere;

	put(f, "/a/1", "x");
	put(f, "/b/1", "x");
	watch_probe_start(&w, f->store, "/a/", false, 1);
	watch_probe_start(&elsewhere, f->store, "/c/", false, 3);
	assert_int_equal(store_watch_progress(&w.watcher), 1);
	settle(f);
	assert_int_equal(store_watch_progress(&w.watcher), 3);
	put(f, "/b/2", "x");
	assert_int_equal(store_watch_progress(&w.watcher), 4);
	assert_int_equal(store_watch_progress(&elsewhere.watcher), 4);
	store_watch_pause(&w.watcher);
	assert_int_equal(store_watch_progress(&w.watcher), 4);
	put(f, "/b/3", "x");
	put(f, "/a/2", "x");
	assert_int_equal(store_watch_progress(&w.watcher), 4);
	store_watch_resume(&w.watcher);
	assert_int_equal(store_watch_progress(&w.watcher), 4);
	settle(f);
	assert_int_equal(store_watch_progress(&w.watcher), 6);
	assert_int_equal(w.count, 2);
	watch_probe_deinit(&w);
	watch_probe_deinit(&elsewhere);
}

static void test_compact(void **state)
{
	/* After a compaction older revisions must be gone; newer ones must not be. */
	struct fixture *f = *state;
	struct watch_probe old, recent;

	for (int i = 0; i < 5; i++)
		put(f, "/a/x", "x");
	store_compact(f->store, 4);
	watch_probe_start(&old, f->store, "/a/", false, 3);
	watch_probe_start(&recent, f->store, "/a/", false, 4);
	settle(f);
	assert_int_equal(old.end.code, ERR_GONE);
	assert_int_equal(recent.count, 2);
	store_compact(f->store, 1000);
	assert_int_equal(store_compact_revision(f->store), 6);
	watch_probe_deinit(&old);
	watch_probe_deinit(&recent);
}

/* Breaks if a continue token of a quiet cluster never ends: upstream's conformance tests wait for it. */
static void test_compact_by_time(void **state)
{
	struct fixture *f = *state;
	struct store_options options = { .compact_interval_ms = 1000 };
	struct watch_probe fresh, recent, old;

	store_close(f->store);
	assert_int_equal(store_open_memory(f->env, f->disk, &options, &f->store, &f->err), 0);
	put(f, "/a/x", "1");
	put(f, "/a/x", "2");
	sim_run_for(f->sim, 900); /* seen once, not an interval old */
	put(f, "/a/x", "3");
	watch_probe_start(&fresh, f->store, "/a/", false, 2);
	settle(f);
	assert_int_equal(fresh.count, 2);
	sim_run_for(f->sim, 600);
	watch_probe_start(&old, f->store, "/a/", false, 2);
	watch_probe_start(&recent, f->store, "/a/", false, 3);
	settle(f);
	assert_int_equal(old.end.code, ERR_GONE);
	assert_int_equal(recent.count, 1);
	assert_int_equal(fresh.end.code, 0); /* who follows misses nothing */
	watch_probe_deinit(&fresh);
	watch_probe_deinit(&recent);
	watch_probe_deinit(&old);
}

/* --- changes from inside a call --- */

static void pause_and_resume(struct watch_probe *w, const struct store_event *event)
{
	store_watch_pause(&w->watcher);
	store_watch_resume(&w->watcher);
}

static void pause_only(struct watch_probe *w, const struct store_event *event)
{
	store_watch_pause(&w->watcher);
}

static void stop(struct watch_probe *w, const struct store_event *event)
{
	store_unwatch(&w->watcher);
}

static void stop_other(struct watch_probe *w, const struct store_event *event)
{
	store_unwatch(&((struct watch_probe *)w->arg)->watcher);
}

static void pause_other(struct watch_probe *w, const struct store_event *event)
{
	store_watch_pause(&((struct watch_probe *)w->arg)->watcher);
}

static void start_other(struct watch_probe *w, const struct store_event *event)
{
	struct watch_probe *other = w->arg;

	if (!other->watcher.event)
		watch_probe_start(other, w->watcher.store, "/a/", false, event->revision);
}

static void compact_all(struct watch_probe *w, const struct store_event *event)
{
	store_compact(w->watcher.store, event->revision);
}

static void test_pause_inside(void **state)
{
	/* Pausing and resuming at each event, live or replayed, must neither lose nor repeat one. */
	struct fixture *f = *state;
	struct watch_probe w, late;

	watch_probe_start(&w, f->store, "/a/", false, 1);
	w.then = pause_and_resume;
	put(f, "/a/1", "x");
	put(f, "/a/2", "x");
	put(f, "/a/3", "x");
	watch_probe_start(&late, f->store, "/a/", false, 1);
	late.then = pause_and_resume;
	settle(f);
	assert_string_equal(w.seen.ptr, "+/a/1=x@2 +/a/2=x@3 +/a/3=x@4 ");
	assert_string_equal(late.seen.ptr, w.seen.ptr);
	late.then = pause_only;
	put(f, "/a/4", "x");
	put(f, "/a/5", "x");
	assert_int_equal(late.count, 4);
	for (int i = 0; i < 3; i++) {
		store_watch_resume(&late.watcher);
		settle(f);
	}
	assert_string_equal(late.seen.ptr, w.seen.ptr);
	watch_probe_deinit(&w);
	watch_probe_deinit(&late);
}

static void test_stop_inside(void **state)
{
	/* A watcher may end itself or another during an event; those ended are not called again, others are. */
	struct fixture *f = *state;
	struct watch_probe w[4];

	for (int i = 0; i < 4; i++)
		watch_probe_start(&w[i], f->store, "/a/", false, 1);
	w[0].then = stop;
	w[1].then = stop_other;
	w[1].arg = &w[2];
	put(f, "/a/1", "x");
	put(f, "/a/2", "x");
	assert_int_equal(w[0].count, 1);
	assert_int_equal(w[1].count, 2);
	assert_int_equal(w[2].count, 0);
	assert_int_equal(w[3].count, 2);
	for (int i = 0; i < 4; i++)
		watch_probe_deinit(&w[i]);
}

static void test_pause_other_inside(void **state)
{
	/* One that is paused while its turn for an event is still to come must get it after resuming. */
	struct fixture *f = *state;
	struct watch_probe w[3];

	for (int i = 0; i < 3; i++)
		watch_probe_start(&w[i], f->store, "/a/", false, 1);
	w[1].then = pause_other;
	for (int other = 0; other < 3; other += 2) {
		w[1].arg = &w[other];
		put(f, "/a/x", "x");
		assert_int_equal(w[other].count, other ? w[1].count - 1 : w[1].count);
		w[1].then = NULL;
		store_watch_resume(&w[other].watcher);
		settle(f);
		assert_string_equal(w[other].seen.ptr, w[1].seen.ptr);
		w[1].then = pause_other;
	}
	for (int i = 0; i < 3; i++)
		watch_probe_deinit(&w[i]);
}

static void test_start_inside(void **state)
{
	/* A watcher that starts during an event, from its revision, must get the next one first. */
	struct fixture *f = *state;
	struct watch_probe w, other;

	memset(&other, 0, sizeof(other));
	watch_probe_start(&w, f->store, "/a/", false, 1);
	w.then = start_other;
	w.arg = &other;
	put(f, "/a/1", "x");
	put(f, "/a/2", "x");
	assert_string_equal(other.seen.ptr, "+/a/2=x@3 ");
	watch_probe_deinit(&w);
	watch_probe_deinit(&other);
}

static void test_compact_inside(void **state)
{
	/* Compacting during an event must not pull it from under the watchers that follow. */
	struct fixture *f = *state;
	struct watch_probe w, after;

	watch_probe_start(&w, f->store, "/a/", false, 1);
	watch_probe_start(&after, f->store, "/a/", false, 1);
	w.then = compact_all;
	put(f, "/a/1", "x");
	assert_string_equal(after.seen.ptr, "+/a/1=x@2 ");
	assert_int_equal(store_compact_revision(f->store), 2);
	watch_probe_deinit(&w);
	watch_probe_deinit(&after);
}

static void test_many_watchers(void **state)
{
	/* Ten thousand watchers must all get the one value itself, not copies; a thousand prefixes must not mix. */
	struct fixture *f = *state;
	struct watch_probe *w = mem_calloc(WATCHERS, sizeof(*w));
	char prefix[32];

	for (int i = 0; i < WATCHERS; i++) {
		snprintf(prefix, sizeof(prefix), "/n%d/", i % 1000);
		watch_probe_start(&w[i], f->store, i < WATCHERS / 2 ? "/n7/" : prefix, false, 1);
	}
	put(f, "/n7/x", "x");
	for (int i = 0; i < WATCHERS; i++) {
		assert_int_equal(w[i].count, i < WATCHERS / 2 || i % 1000 == 7);
		watch_probe_deinit(&w[i]);
	}
	assert_int_equal(atomic_load(&store_get(f->store, STR("/n7/x"))->value->refs), 2); /* index and history */
	mem_free(w);
}

static void test_transaction_events(void **state)
{
	/* Events of one transaction must all come, under one revision, also when the watcher pauses between them. */
	struct fixture *f = *state;
	struct watch_probe w;
	struct probe p;

	watch_probe_start(&w, f->store, "/a/", false, 1);
	w.then = pause_only;
	probe_init(&p);
	probe_add(&p, STORE_PUT, "/a/1", 0);
	probe_add(&p, STORE_PUT, "/a/2", 0);
	probe_add(&p, STORE_PUT, "/a/3", 0);
	probe_submit(&p, f->store);
	settle(f);
	assert_string_equal(w.seen.ptr, "+/a/1=@2 ");
	w.then = NULL;
	store_watch_resume(&w.watcher);
	settle(f);
	assert_string_equal(w.seen.ptr, "+/a/1=@2 +/a/2=@2 +/a/3=@2 ");
	watch_probe_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_live, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_replay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overrun, setup_small, teardown),
		cmocka_unit_test_setup_teardown(test_overrun_by_bytes, setup_small, teardown),
		cmocka_unit_test_setup_teardown(test_pause, setup_small, teardown),
		cmocka_unit_test_setup_teardown(test_progress, setup, teardown),
		cmocka_unit_test_setup_teardown(test_compact, setup, teardown),
		cmocka_unit_test_setup_teardown(test_compact_by_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause_other_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_compact_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_watchers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_transaction_events, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
