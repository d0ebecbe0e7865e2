/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing on the in-memory back end: revisions, preconditions, pending state, failures, expiry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "base/mem.h"
#include "probe.h"
#include "sim/env_sim.h"

struct fixture {
	struct sim *sim;
	struct env *env;
	struct store_disk *disk;
	struct store_disk_faults faults;
	struct store *store;
	struct err err;
	uint64_t fail_at; /* write index; UINT64_MAX: never */
	enum store_fault fault;
	int crashed_count;
};

static enum store_fault on_fault(void *arg, uint64_t write_index)
{
	struct fixture *f = arg;

	return write_index == f->fail_at ? f->fault : STORE_FAULT_NONE;
}

static void on_crashed(void *arg)
{
	((struct fixture *)arg)->crashed_count++;
}

static void open_store(struct fixture *f, const struct store_options *options)
{
	if (store_open_memory(f->env, f->disk, options, &f->store, &f->err) < 0)
		fail_msg("%s", f->err.msg);
}

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);

	f->sim = sim_new(1);
	f->env = sim_env(f->sim, "server");
	f->disk = store_disk_new();
	f->fail_at = UINT64_MAX;
	f->faults = (struct store_disk_faults){ .fault = on_fault, .crashed = on_crashed, .arg = f };
	store_disk_set_faults(f->disk, &f->faults);
	open_store(f, NULL);
	*state = f;
	return 0;
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

static void assert_listing(struct fixture *f, const char *prefix, const char *expected)
{
	struct listing l = { 0 };

	buf_init(&l.text, 1 << 20);
	store_walk(f->store, str_from(prefix), STR_NONE, listing_add, &l);
	assert_string_equal(l.text.ptr, expected);
	assert_int_equal(store_count(f->store, str_from(prefix)), l.count);
	buf_deinit(&l.text);
}

static void assert_listing_at(struct fixture *f, int64_t revision, const char *from, const char *expected)
{
	struct listing l = { 0 };

	buf_init(&l.text, 1 << 20);
	assert_int_equal(store_walk_at(f->store, revision, STR("/p/"), str_from(from), listing_add, &l, &f->err), 0);
	assert_string_equal(l.text.ptr, expected);
	buf_deinit(&l.text);
}

static void test_put_get_delete(void **state)
{
	/* Each write must get the next revision, carry it in its bytes, and be invisible until committed. */
	struct fixture *f = *state;
	struct probe a, b, c;
	const struct store_entry *entry;

	assert_int_equal(store_revision(f->store), 1);
	probe_put(&a, f->store, "/p/a", "one", STORE_REVISION_NONE);
	assert_int_equal(a.encode_count, 1);
	assert_int_equal(a.done_count, 0);
	assert_null(store_get(f->store, STR("/p/a")));
	settle(f);
	assert_int_equal(a.done_count, 1);
	assert_int_equal(a.revision, 2);
	entry = store_get(f->store, STR("/p/a"));
	assert_true(str_eq_c(blob_str(entry->value), "one@2"));
	assert_int_equal(entry->create_revision, 2);
	assert_int_equal(entry->version, 1);
	probe_put(&b, f->store, "/p/a", "two", 2);
	settle(f);
	entry = store_get(f->store, STR("/p/a"));
	assert_int_equal(entry->create_revision, 2);
	assert_int_equal(entry->mod_revision, 3);
	assert_int_equal(entry->version, 2);
	assert_listing(f, "/p/", "/p/a=two@3 ");
	assert_int_equal(store_size_bytes(f->store), 9);
	probe_delete(&c, f->store, "/p/a", 3);
	settle(f);
	assert_int_equal(c.revision, 4);
	assert_null(store_get(f->store, STR("/p/a")));
	assert_int_equal(store_revision(f->store), 4);
	assert_int_equal(store_size_bytes(f->store), 0);
	assert_listing(f, "", "");
}

static const struct {
	const char *name;
	enum store_op_type type;
	bool exists;
	int64_t expected_revision; /* the existing one has revision 2 */
	enum err_code code;
} preconditions[] = {
	{ "create", STORE_PUT, false, STORE_REVISION_NONE, ERR_NONE },
	{ "create what exists", STORE_PUT, true, STORE_REVISION_NONE, ERR_EXISTS },
	{ "put blindly, new", STORE_PUT, false, STORE_REVISION_ANY, ERR_NONE },
	{ "put blindly, over", STORE_PUT, true, STORE_REVISION_ANY, ERR_NONE },
	{ "update", STORE_PUT, true, 2, ERR_NONE },
	{ "update an old one", STORE_PUT, true, 1, ERR_CONFLICT },
	{ "update a missing one", STORE_PUT, false, 2, ERR_NOT_FOUND },
	{ "delete", STORE_DELETE, true, 2, ERR_NONE },
	{ "delete blindly", STORE_DELETE, true, STORE_REVISION_ANY, ERR_NONE },
	{ "delete an old one", STORE_DELETE, true, 7, ERR_CONFLICT },
	{ "delete a missing one", STORE_DELETE, false, STORE_REVISION_ANY, ERR_NOT_FOUND },
	{ "check", STORE_CHECK, true, 2, ERR_NONE },
	{ "check an old one", STORE_CHECK, true, 3, ERR_CONFLICT },
	{ "check absence", STORE_CHECK, false, STORE_REVISION_NONE, ERR_NONE },
	{ "check absence of what exists", STORE_CHECK, true, STORE_REVISION_NONE, ERR_EXISTS },
};

static void test_preconditions(void **state)
{
	/* A write must go through exactly when its precondition holds, and otherwise change nothing and say why. */
	for (size_t i = 0; i < ARRAY_COUNT(preconditions); i++) {
		struct fixture *f;
		struct probe first, second;
		bool ok = preconditions[i].code == ERR_NONE;

		setup(state);
		f = *state;
		probe_put(&first, f->store, preconditions[i].exists ? "/p/a" : "/p/other", "first", 0);
		settle(f);
		probe_init(&second);
		probe_add(&second, preconditions[i].type, "/p/a", preconditions[i].expected_revision);
		probe_submit(&second, f->store);
		assert_int_equal(second.done_count, 0);
		settle(f);
		if (second.done_count != 1 || second.err.code != preconditions[i].code)
			fail_msg("%s: %d %s", preconditions[i].name, second.err.code, second.err.msg);
		assert_int_equal(store_revision(f->store), ok ? 3 : 2);
		assert_int_equal(second.encode_count, ok && preconditions[i].type != STORE_CHECK);
		teardown(state);
	}
	setup(state);
}

static void test_pending_state(void **state)
{
	/* Writers that follow each other before a commit must build on each other instead of conflicting. */
	struct fixture *f = *state;
	struct probe p[4];
	const struct store_entry *entry;

	probe_put(&p[0], f->store, "/p/a", "0", STORE_REVISION_NONE);
	entry = store_get_pending(f->store, STR("/p/a"));
	assert_int_equal(entry->mod_revision, 2);
	assert_true(str_eq_c(blob_str(entry->value), "0@2"));
	probe_put(&p[1], f->store, "/p/a", "1", entry->mod_revision);
	assert_int_equal(store_get_pending(f->store, STR("/p/a"))->version, 2);
	probe_delete(&p[2], f->store, "/p/a", 3);
	assert_null(store_get_pending(f->store, STR("/p/a")));
	probe_put(&p[3], f->store, "/p/a", "3", STORE_REVISION_NONE);
	settle(f);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(p[i].err.code, ERR_NONE);
		assert_int_equal(p[i].revision, i + 2);
	}
	entry = store_get_pending(f->store, STR("/p/a"));
	assert_ptr_equal(entry, store_get(f->store, STR("/p/a")));
	assert_int_equal(entry->create_revision, 5);
	assert_int_equal(entry->version, 1);
}

static void test_transaction(void **state)
{
	/* Operations of one write must happen together under one revision, or not at all. */
	struct fixture *f = *state;
	struct probe a, b, c;

	probe_put(&a, f->store, "/p/a", "a", 0);
	settle(f);
	probe_init(&b);
	memcpy(b.text, "txn", 4);
	probe_add(&b, STORE_CHECK, "/p/a", 2);
	probe_add(&b, STORE_PUT, "/p/b", STORE_REVISION_NONE);
	probe_add(&b, STORE_PUT, "/p/c", STORE_REVISION_ANY);
	probe_add(&b, STORE_DELETE, "/p/d", STORE_REVISION_ANY);
	probe_submit(&b, f->store);
	settle(f);
	assert_int_equal(b.err.code, ERR_NOT_FOUND);
	assert_int_equal(b.encode_count, 0);
	assert_listing(f, "/p/", "/p/a=a@2 ");
	probe_init(&b);
	memcpy(b.text, "txn", 4);
	probe_add(&b, STORE_DELETE, "/p/a", 2);
	probe_add(&b, STORE_PUT, "/p/b", STORE_REVISION_NONE);
	probe_add(&b, STORE_PUT, "/p/c", STORE_REVISION_ANY);
	probe_submit(&b, f->store);
	settle(f);
	assert_int_equal(b.err.code, ERR_NONE);
	assert_listing(f, "/p/", "/p/b=txn@3 /p/c=txn@3 ");
	probe_init(&c);
	probe_add(&c, STORE_PUT, "/p/b", STORE_REVISION_ANY);
	probe_add(&c, STORE_PUT, "/p/b", STORE_REVISION_ANY);
	probe_submit(&c, f->store);
	settle(f);
	assert_int_equal(c.err.code, ERR_INVALID);
}

static void test_encode_failure(void **state)
{
	/* A value that cannot be made must fail its write alone, use up no revision and leave nothing pending. */
	struct fixture *f = *state;
	struct probe a, b;

	probe_init(&a);
	a.encode_fails = true;
	probe_add(&a, STORE_PUT, "/p/a", 0);
	probe_submit(&a, f->store);
	assert_null(store_get_pending(f->store, STR("/p/a")));
	probe_put(&b, f->store, "/p/b", "b", 0);
	settle(f);
	assert_int_equal(a.err.code, ERR_INVALID);
	assert_string_equal(a.err.msg, "spec: wrong");
	assert_int_equal(b.revision, 2);
}

static void test_limits(void **state)
{
	/* One beyond each limit must be refused by name; exactly at the limit must work. */
	struct fixture *f = *state;
	char key[STORE_KEY_BYTES_MAX + 2];
	struct probe p;

	memset(key, 'k', sizeof(key));
	key[STORE_KEY_BYTES_MAX] = '\0';
	probe_put(&p, f->store, key, "x", 0);
	settle(f);
	assert_int_equal(p.err.code, ERR_NONE);
	key[STORE_KEY_BYTES_MAX] = 'k';
	key[STORE_KEY_BYTES_MAX + 1] = '\0';
	probe_put(&p, f->store, key, "x", 0);
	settle(f);
	assert_int_equal(p.err.code, ERR_TOO_LARGE);
	probe_put(&p, f->store, "", "x", 0);
	settle(f);
	assert_int_equal(p.err.code, ERR_TOO_LARGE);
	for (size_t extra = 0; extra < 2; extra++) {
		probe_init(&p);
		p.value_bytes = STORE_VALUE_BYTES_MAX + extra;
		probe_add(&p, STORE_PUT, "/p/large", STORE_REVISION_ANY);
		probe_submit(&p, f->store);
		settle(f);
		assert_int_equal(p.err.code, extra ? ERR_TOO_LARGE : ERR_NONE);
	}
	for (size_t extra = 0; extra < 2; extra++) {
		static const char *const keys[PROBE_OPS] = { "/p/1", "/p/2", "/p/3", "/p/4" };

		probe_init(&p);
		/* 256: what a write counts for beside its keys and values */
		p.value_bytes = (STORE_WRITE_BYTES_MAX - 256) / PROBE_OPS - strlen(keys[0]) + extra;
		for (size_t i = 0; i < PROBE_OPS; i++)
			probe_add(&p, STORE_PUT, keys[i], STORE_REVISION_ANY);
		probe_submit(&p, f->store);
		settle(f);
		assert_int_equal(p.err.code, extra ? ERR_TOO_LARGE : ERR_NONE);
	}
}

static void test_waiting_limit(void **state)
{
	/* Writes that come faster than the disk takes them must be refused, not pile up, and be taken again later. */
	struct fixture *f = *state;
	struct probe *p = mem_calloc(STORE_WAITING_WRITES_MAX + 1, sizeof(*p));
	char key[32];

	for (size_t i = 0; i <= STORE_WAITING_WRITES_MAX; i++) {
		snprintf(key, sizeof(key), "/p/%zu", i);
		probe_put(&p[i], f->store, key, "x", 0);
	}
	sim_run_for(f->sim, 1000);
	for (size_t i = 0; i < STORE_WAITING_WRITES_MAX; i++)
		assert_int_equal(p[i].err.code, ERR_NONE);
	assert_int_equal(p[STORE_WAITING_WRITES_MAX].err.code, ERR_TOO_MANY);
	probe_put(&p[0], f->store, "/p/again", "x", 0);
	settle(f);
	assert_int_equal(p[0].err.code, ERR_NONE);
	mem_free(p);
}

static void test_full_disk(void **state)
{
	/* When a commit fails, its writes and all that build on them must fail, others go on, and the store stay
	 * usable. */
	struct fixture *f = *state;
	struct probe before, failing, dependent, second_key, chained, independent, after;
	int order = 0;

	probe_put(&before, f->store, "/p/a", "before", 0);
	settle(f);
	f->fail_at = 1;
	f->fault = STORE_FAULT_FULL;
	f->faults.commit_delay_ms_max = 0;
	probe_put(&failing, f->store, "/p/a", "failing", 2);
	failing.order = &order;
	settle(f);
	assert_int_equal(failing.err.code, ERR_NO_SPACE);
	assert_true(str_eq_c(blob_str(store_get_pending(f->store, STR("/p/a"))->value), "before@2"));
	/* The same with writes queued behind: they are in the next batch only when the first is being committed. */
	f->fail_at = 2;
	probe_init(&failing);
	failing.value_bytes = STORE_BATCH_BYTES_MAX; /* fills its transaction alone */
	probe_add(&failing, STORE_PUT, "/p/a", 2);
	probe_submit(&failing, f->store);
	probe_put(&independent, f->store, "/p/b", "independent", 0);
	probe_put(&dependent, f->store, "/p/a", "dependent", STORE_REVISION_ANY);
	probe_init(&second_key);
	probe_add(&second_key, STORE_PUT, "/p/a", STORE_REVISION_ANY);
	probe_add(&second_key, STORE_PUT, "/p/b", STORE_REVISION_ANY);
	probe_submit(&second_key, f->store);
	probe_put(&chained, f->store, "/p/b", "chained", STORE_REVISION_ANY);
	settle(f);
	assert_int_equal(failing.err.code, ERR_NO_SPACE);
	assert_int_equal(dependent.err.code, ERR_NO_SPACE);
	assert_int_equal(second_key.err.code, ERR_NO_SPACE);
	assert_int_equal(chained.err.code, ERR_NO_SPACE);
	assert_int_equal(independent.err.code, ERR_NONE);
	assert_listing(f, "/p/", "/p/a=before@2 /p/b=independent@5 ");
	assert_ptr_equal(store_get_pending(f->store, STR("/p/b")), store_get(f->store, STR("/p/b")));
	probe_put(&after, f->store, "/p/a", "after", 2);
	settle(f);
	assert_int_equal(after.err.code, ERR_NONE);
	assert_int_equal(failing.done_count + dependent.done_count + independent.done_count + after.done_count, 4);
}

static void test_completion_order(void **state)
{
	/* Writes must be reported in the order of their revisions. */
	struct fixture *f = *state;
	struct probe p[50];
	char key[16];
	int order = 0;

	for (int i = 0; i < 50; i++) {
		snprintf(key, sizeof(key), "/p/%d", i % 7);
		probe_put(&p[i], f->store, key, "x", STORE_REVISION_ANY);
		p[i].order = &order;
	}
	settle(f);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(p[i].revision, i + 2);
		assert_int_equal(p[i].place, i);
	}
}

static void submit_next(struct probe *p)
{
	struct probe *next = p + 1;

	if (p->revision < 20)
		probe_put(next, p->store, "/p/chain", "x", p->revision), next->then = submit_next;
}

static void test_submit_from_done(void **state)
{
	/* Controllers submit their next write from the completion of the last. */
	struct fixture *f = *state;
	struct probe *p = mem_calloc(30, sizeof(*p));

	probe_put(p, f->store, "/p/chain", "x", 0);
	p->then = submit_next;
	settle(f);
	assert_int_equal(store_revision(f->store), 20);
	mem_free(p);
}

static void test_listing(void **state)
{
	/* Lists must come in key order and continue exactly behind the last key given. */
	struct fixture *f = *state;
	struct probe p[6];
	static const char *const keys[] = { "/p/b", "/p/a", "/q/x", "/p/a/1", "/o/y", "/p/c" };
	struct listing l = { .count_max = 2 };

	for (int i = 0; i < 6; i++)
		probe_put(&p[i], f->store, keys[i], "v", 0);
	settle(f);
	buf_init(&l.text, 1000);
	store_walk(f->store, STR("/p/"), STR_NONE, listing_add, &l);
	assert_string_equal(l.text.ptr, "/p/a=v@3 /p/a/1=v@5 ");
	buf_reset(&l.text);
	l.count_max = 0;
	/* The smallest key behind it ends in a NUL. */
	store_walk(f->store, STR("/p/"), str_sub(l.last_key, strlen(l.last_key) + 1), listing_add, &l);
	assert_string_equal(l.text.ptr, "/p/b=v@2 /p/c=v@7 ");
	buf_deinit(&l.text);
	assert_int_equal(store_count_from(f->store, STR("/p/"), STR("/p/b")), 2);
	assert_listing(f, "/q/", "/q/x=v@4 ");
	assert_listing(f, "/r/", "");
}

static void test_listing_in_the_past(void **state)
{
	/* Later pages of a list must show the state of the first page, whatever has been written since. */
	struct fixture *f = *state;
	struct probe p[9];

	probe_put(&p[0], f->store, "/p/b", "b", 0);   /* 2 */
	probe_put(&p[1], f->store, "/p/d", "d", 0);   /* 3 */
	probe_put(&p[2], f->store, "/p/b", "bb", 2);  /* 4 */
	probe_delete(&p[3], f->store, "/p/d", 3);     /* 5 */
	probe_put(&p[4], f->store, "/p/a", "a", 0);   /* 6 */
	probe_put(&p[5], f->store, "/p/d", "dd", 0);  /* 7 */
	probe_delete(&p[6], f->store, "/p/b", 4);     /* 8 */
	probe_put(&p[7], f->store, "/q/x", "x", 0);   /* 9 */
	probe_put(&p[8], f->store, "/p/z", "z", 0);   /* 10 */
	settle(f);
	assert_listing_at(f, 1, "", "");
	assert_listing_at(f, 2, "", "/p/b=b@2 ");
	assert_listing_at(f, 3, "", "/p/b=b@2 /p/d=d@3 ");
	assert_listing_at(f, 4, "", "/p/b=bb@4 /p/d=d@3 ");
	assert_listing_at(f, 5, "", "/p/b=bb@4 ");
	assert_listing_at(f, 7, "", "/p/a=a@6 /p/b=bb@4 /p/d=dd@7 ");
	assert_listing_at(f, 7, "/p/b", "/p/b=bb@4 /p/d=dd@7 ");
	assert_listing_at(f, 7, "/p/c", "/p/d=dd@7 ");
	assert_listing_at(f, 8, "", "/p/a=a@6 /p/d=dd@7 ");
	assert_listing_at(f, 10, "", "/p/a=a@6 /p/d=dd@7 /p/z=z@10 ");
	store_compact(f->store, 5);
	assert_listing_at(f, 5, "", "/p/b=bb@4 ");
	assert_int_equal(store_walk_at(f->store, 4, STR("/p/"), STR_NONE, listing_add, NULL, &f->err), -1);
	assert_int_equal(f->err.code, ERR_GONE);
}

static void test_expiry(void **state)
{
	/* A key must be deleted soon after its time, with an event, unless it was written again meanwhile. */
	struct fixture *f = *state;
	struct watch_probe w;
	struct probe short_lived, renewed, renewal;

	probe_init(&short_lived);
	memcpy(short_lived.text, "s", 2);
	probe_add(&short_lived, STORE_PUT, "/e/short", 0);
	short_lived.ops[0].ttl_seconds = 60;
	probe_submit(&short_lived, f->store);
	probe_init(&renewed);
	memcpy(renewed.text, "r", 2);
	probe_add(&renewed, STORE_PUT, "/e/renewed", 0);
	renewed.ops[0].ttl_seconds = 60;
	probe_submit(&renewed, f->store);
	settle(f);
	assert_true(store_get(f->store, STR("/e/short"))->expires_wall_s > 0);
	watch_probe_start(&w, f->store, "/e/", false, store_revision(f->store));
	sim_run_for(f->sim, 30000);
	probe_init(&renewal);
	memcpy(renewal.text, "r", 2);
	probe_add(&renewal, STORE_PUT, "/e/renewed", 3);
	renewal.ops[0].ttl_seconds = 600;
	probe_submit(&renewal, f->store);
	sim_run_for(f->sim, 29000);
	assert_int_equal(store_count(f->store, STR("/e/")), 2);
	sim_run_for(f->sim, 8000);
	assert_string_equal(w.seen.ptr, "~/e/renewed=r@4<r@3 -/e/short=s@2<s@2 ");
	/* It survives a restart. */
	watch_probe_deinit(&w);
	store_close(f->store);
	open_store(f, NULL);
	assert_int_equal(store_count(f->store, STR("/e/")), 1);
	sim_run_for(f->sim, 600000);
	assert_int_equal(store_count(f->store, STR("/e/")), 0);
}

static struct blob *last_words(void *arg, struct str key, struct blob *value, int64_t revision)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "expired@%lld", (long long)revision);

	return blob_new(str_sub(text, (size_t)len));
}

static void test_expiry_with_full_disk(void **state)
{
	/* An expired key that cannot be deleted now must be deleted later, with the last state its owner wants. */
	struct fixture *f = *state;
	struct store_options options = { .expired = last_words };
	struct watch_probe w;
	struct probe p;

	store_close(f->store);
	open_store(f, &options);
	probe_init(&p);
	probe_add(&p, STORE_PUT, "/e/a", 0);
	p.ops[0].ttl_seconds = 10;
	probe_submit(&p, f->store);
	f->fail_at = 1;
	f->fault = STORE_FAULT_FULL;
	watch_probe_start(&w, f->store, "/e/", false, 2);
	sim_run_for(f->sim, 19000);
	assert_int_equal(w.count, 0);
	sim_run_for(f->sim, 20000);
	assert_string_equal(w.seen.ptr, "-/e/a=expired@4<@2 ");
	watch_probe_deinit(&w);
}

static void test_many_expire_at_once(void **state)
{
	/* More expired keys than fit one turn must all go. */
	struct fixture *f = *state;
	struct probe *p = mem_calloc(2 * STORE_EXPIRE_MAX, sizeof(*p));
	char key[32];

	for (size_t i = 0; i < 2 * STORE_EXPIRE_MAX; i++) {
		probe_init(&p[i]);
		snprintf(key, sizeof(key), "/e/%zu", i);
		probe_add(&p[i], STORE_PUT, key, 0);
		p[i].ops[0].ttl_seconds = 5;
		probe_submit(&p[i], f->store);
	}
	settle(f);
	assert_int_equal(store_count(f->store, STR("/e/")), 2 * STORE_EXPIRE_MAX);
	sim_run_for(f->sim, 30000);
	assert_int_equal(store_count(f->store, STR("/e/")), 0);
	mem_free(p);
}

static void test_close_commits(void **state)
{
	/* Closing must make durable what was submitted and tell everybody. */
	struct fixture *f = *state;
	struct probe p[3];
	struct watch_probe w;

	watch_probe_start(&w, f->store, "", false, 1);
	for (int i = 0; i < 3; i++)
		probe_put(&p[i], f->store, i == 2 ? "/p/0" : i ? "/p/1" : "/p/0", "x", i == 2 ? 77 : 0);
	store_close(f->store);
	assert_int_equal(p[0].revision, 2);
	assert_int_equal(p[1].revision, 3);
	assert_int_equal(p[2].err.code, ERR_CONFLICT);
	assert_int_equal(w.end.code, ERR_CLOSED);
	assert_string_equal(w.seen.ptr, "+/p/0=x@2 +/p/1=x@3 ");
	watch_probe_deinit(&w);
	open_store(f, NULL);
	assert_int_equal(store_revision(f->store), 3);
	assert_listing(f, "", "/p/0=x@2 /p/1=x@3 ");
}

static void test_one_store_per_disk(void **state)
{
	/* Two stores on one disk would overwrite each other. */
	struct fixture *f = *state;
	struct store *second;

	assert_int_equal(store_open_memory(f->env, f->disk, NULL, &second, &f->err), -1);
	assert_int_equal(f->err.code, ERR_UNAVAILABLE);
}

static void test_crashes(void **state)
{
	/* After a crash before or after any write, exactly the durable ones are there and nobody was told otherwise. */
	for (uint64_t at = 0; at < 12; at++) {
		for (int after = 0; after < 2; after++) {
			struct fixture *f;
			struct probe p[12];
			char key[16];
			int64_t acknowledged = 1;

			setup(state);
			f = *state;
			f->fail_at = at;
			f->fault = after ? STORE_FAULT_CRASH_AFTER : STORE_FAULT_CRASH_BEFORE;
			for (int i = 0; i < 12; i++) {
				snprintf(key, sizeof(key), "/p/%d", i % 5);
				probe_put(&p[i], f->store, key, "x", STORE_REVISION_ANY);
				if (i % 3 == 2)
					settle(f);
			}
			settle(f);
			assert_int_equal(f->crashed_count, 1);
			for (int i = 0; i < 12; i++)
				acknowledged = p[i].done_count ? p[i].revision : acknowledged;
			sim_crash(f->sim, f->env);
			store_abandon(f->store);
			f->fail_at = UINT64_MAX;
			open_store(f, NULL);
			/* The batch of three that the write was in: all of it or nothing. */
			assert_int_equal(acknowledged, 1 + at / 3 * 3);
			assert_int_equal(store_revision(f->store), acknowledged + after * 3);
			probe_put(&p[0], f->store, "/p/new", "x", 0);
			settle(f);
			assert_int_equal(p[0].revision, acknowledged + after * 3 + 1);
			teardown(state);
		}
	}
	setup(state);
}

struct keyed {
	bool has_key;
	int asked_count;
};

static struct blob *open_with_key(void *arg, struct str key, struct blob *sealed, int64_t revision,
				  struct err *err)
{
	struct keyed *k = arg;

	(void)key;
	(void)revision;
	k->asked_count++;
	if (k->has_key)
		return blob_ref(sealed);
	err_set(err, ERR_UNAVAILABLE, "the key is being fetched");
	return NULL;
}

/* A store whose keys must be fetched first says so, after it showed all that needs one. */
static void test_keys_come_first(void **state)
{
	struct fixture *f = *state;
	struct keyed k = { 0 };
	struct store_options options = { .open = open_with_key, .arg = &k };
	struct probe p[2];

	probe_put(&p[0], f->store, "/a", "1", STORE_REVISION_NONE);
	probe_put(&p[1], f->store, "/b", "2", STORE_REVISION_NONE);
	settle(f);
	store_close(f->store);
	assert_int_equal(store_open_memory(f->env, f->disk, &options, &f->store, &f->err), -1);
	assert_int_equal(f->err.code, ERR_UNAVAILABLE);
	assert_string_equal(f->err.msg, "the key is being fetched");
	assert_int_equal(k.asked_count, 2);
	k.has_key = true;
	open_store(f, &options);
	assert_int_equal(store_count(f->store, STR("/")), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put_get_delete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pending_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_transaction, setup, teardown),
		cmocka_unit_test_setup_teardown(test_encode_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waiting_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_completion_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_submit_from_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_listing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_listing_in_the_past, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expiry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expiry_with_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_expire_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_commits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_store_per_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys_come_first, setup, teardown),
		cmocka_unit_test_teardown(test_preconditions, teardown),
		cmocka_unit_test_teardown(test_crashes, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
