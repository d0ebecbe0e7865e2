/* SPDX-License-Identifier: Apache-2.0 */
/* Values that a start leaves in the file: whoever looks meanwhile, writes or closes must see what
 * is stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "base/time.h"
#include "loop/loop.h"
#include "probe.h"
#include "store/internal.h"

#define COUNT 300
#define VALUE_BYTES 5000 /* all of them are more than one part */

_Static_assert(COUNT *VALUE_BYTES > STORE_UNREAD_PART_BYTES,
	       "several turns of the loop are needed");

struct fixture {
	char dir[64], data_dir[80];
	struct loop *loop;
	struct env *env;
	struct store *store;
	struct err err;
	size_t size_bytes; /* before it was closed */
	struct task task;
	const struct probe *probe;
};

/* Until the write is done or, without one, all is read. */
static void look(struct task *task)
{
	struct fixture *f = CONTAINER_OF(task, struct fixture, task);

	if (f->probe ? f->probe->done_count > 0 : !f->store->unread.is_holding)
		loop_stop(f->loop);
	else
		env_defer(f->env, task);
}

static void run_until(struct fixture *f, const struct probe *probe)
{
	f->probe = probe;
	env_defer(f->env, &f->task);
	loop_run(f->loop);
}

static void open_store(struct fixture *f)
{
	if (store_open_lmdb(f->env, f->data_dir, NULL, &f->store, &f->err) < 0)
		fail_msg("%s", f->err.msg);
}

static void close_store(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
}

static const char *key_of(int i, char to[32])
{
	snprintf(to, 32, "/k/%04d", i);
	return to;
}

static void write_one(struct fixture *f, enum store_op_type type, const char *key,
		      size_t value_bytes)
{
	struct probe p;

	probe_init(&p);
	p.value_bytes = value_bytes;
	probe_add(&p, type, key, STORE_REVISION_ANY);
	probe_submit(&p, f->store);
	run_until(f, &p);
	assert_int_equal(p.err.code, ERR_NONE);
}

/* A store of COUNT entries, opened again. */
static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);
	struct probe *probes = mem_calloc(COUNT, sizeof(*probes));
	char key[32];

	memcpy(f->dir, "/tmp/test-unread-XXXXXX", 24);
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->data_dir, sizeof(f->data_dir), "%s/db", f->dir);
	f->loop = loop_new();
	f->env = loop_env(f->loop);
	task_init(&f->task, look);
	open_store(f);
	for (int i = 0; i < COUNT; i++) {
		probe_init(&probes[i]);
		probes[i].value_bytes = VALUE_BYTES;
		probe_add(&probes[i], STORE_PUT, key_of(i, key), STORE_REVISION_NONE);
		probe_submit(&probes[i], f->store);
	}
	run_until(f, &probes[COUNT - 1]);
	f->size_bytes = store_size_bytes(f->store);
	close_store(f);
	mem_free(probes);
	open_store(f);
	assert_int_equal(f->store->unread.count, COUNT);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	loop_free(f->loop);
	assert_int_equal(fd_remove_tree(AT_FDCWD, f->dir, &f->err), 0);
	mem_free(f);
	return 0;
}

static size_t left_count(const struct fixture *f)
{
	size_t count = 0;
	void *live;
	struct str key = STR_NONE;

	while (omap_after(&f->store->index, key, &key, &live))
		count += ((struct live_entry *)live)->unread > 0;
	return count;
}

/* "0@2" and so on, padded. */
static bool check(void *arg, struct str key, const struct store_entry *entry)
{
	int *seen = arg;
	char wanted[32];

	assert_non_null(entry->value);
	assert_int_equal(entry->value->len, VALUE_BYTES);
	snprintf(wanted, sizeof(wanted), "@%lld", (long long)entry->mod_revision);
	assert_true(str_find(blob_str(entry->value), str_from(wanted), 0) != SIZE_MAX);
	(*seen)++;
	return true;
}

static void test_read_at_once(void **state)
{
	/* A get and a walk right after the start must find the values, and read no more than they
	 * ask for. */
	struct fixture *f = *state;
	int seen = 0;

	assert_int_equal(store_size_bytes(f->store), f->size_bytes);
	check(&seen, STR_NONE, store_get(f->store, STR("/k/0007")));
	check(&seen, STR_NONE, store_get_pending(f->store, STR("/k/0008")));
	assert_null(store_get(f->store, STR("/k/none")));
	assert_int_equal(left_count(f), COUNT - 2);
	assert_int_equal(store_count(f->store, STR("/k/")), COUNT);
	assert_int_equal(left_count(f), COUNT - 2);
	store_walk(f->store, STR("/k/001"), STR_NONE, check, &seen);
	assert_int_equal(seen, 12);
	assert_int_equal(left_count(f), COUNT - 12);
	assert_int_equal(store_size_bytes(f->store), f->size_bytes);
}

static void test_read_in_time(void **state)
{
	/* What nobody asks for must be in memory soon, and the file be given back. */
	struct fixture *f = *state;
	int seen = 0;

	run_until(f, NULL);
	assert_int_equal(left_count(f), 0);
	assert_null(f->store->unread.values);
	store_walk(f->store, STR("/k/"), STR_NONE, check, &seen);
	assert_int_equal(seen, COUNT);
	assert_int_equal(store_size_bytes(f->store), f->size_bytes);
}

static void test_write_over(void **state)
{
	/* Changing and deleting what was not read yet must leave no trace of it, in memory, in the
	 * history or in the size. */
	struct fixture *f = *state;
	int64_t revision = store_revision(f->store);
	struct watch_probe w = { .seen = { 0 } };
	int seen = 0;

	watch_probe_start(&w, f->store, "/k/0001", true, revision);
	write_one(f, STORE_PUT, "/k/0000", VALUE_BYTES);
	write_one(f, STORE_DELETE, "/k/0001", 0);
	assert_int_equal(w.count, 1);
	assert_true(str_has_prefix(buf_str(&w.seen), STR("-/k/0001=")));
	assert_int_equal(store_size_bytes(f->store),
			 f->size_bytes - VALUE_BYTES - strlen("/k/0001"));
	assert_int_equal(
		store_walk_at(f->store, revision, STR("/k/"), STR_NONE, check, &seen, &f->err), 0);
	assert_int_equal(seen, COUNT);
	run_until(f, NULL);
	seen = 0;
	store_walk(f->store, STR("/k/"), STR_NONE, check, &seen);
	assert_int_equal(seen, COUNT - 1);
	watch_probe_deinit(&w);
}

static void test_file_is_held(void **state)
{
	/* A commit to the file itself would change pages that are still to be read. */
	struct fixture *f = *state;
	int64_t begun_ns = env_mono_ns(f->env);
	char key[32];
	int seen = 0;

	for (int i = 0; i < 4; i++) /* LMDB takes pages of the last but one transaction again */
		write_one(f, STORE_PUT, key_of(i, key), STORE_JOURNAL_BYTES_MAX + 1);
	assert_false(f->store->unread.is_holding); /* both files of the journal had been full */
	assert_true(env_mono_ns(f->env) - begun_ns >= STORE_UNREAD_DELAY_MS * TIME_NS_PER_MS);
	for (int i = 0; i < 4; i++)
		write_one(f, STORE_DELETE, key_of(i, key), 0);
	store_walk(f->store, STR("/k/"), STR_NONE, check, &seen);
	assert_int_equal(seen, COUNT - 4);
}

static void test_closed_early(void **state)
{
	/* A store that is closed, or dropped, before all was read must commit what was submitted
	 * and not wait for itself. */
	struct fixture *f = *state;
	struct probe p;

	probe_init(&p);
	p.value_bytes = STORE_JOURNAL_BYTES_MAX + 1;
	probe_add(&p, STORE_PUT, "/k/0000", STORE_REVISION_ANY);
	probe_submit(&p, f->store);
	close_store(f);
	assert_int_equal(p.done_count, 1);
	assert_int_equal(p.err.code, ERR_NONE);
	open_store(f);
	assert_int_equal(store_get(f->store, STR("/k/0000"))->value->len,
			 STORE_JOURNAL_BYTES_MAX + 1);
	probe_init(&p);
	p.value_bytes = STORE_JOURNAL_BYTES_MAX + 1;
	probe_add(&p, STORE_PUT, "/k/0001", STORE_REVISION_ANY);
	probe_submit(&p, f->store);
	store_abandon(f->store);
	open_store(f);
	assert_int_equal(store_count(f->store, STR("/k/")), COUNT);
}

static void test_cold_file(void **state)
{
	/* After a reboot the file is read in large parts: by single pages a start takes ten times
	 * as long. */
	struct fixture *f = *state;
	char path[100];
	struct rusage before, after;
	AUTO_FD fd = -1;

	close_store(f);
	snprintf(path, sizeof(path), "%s/data.mdb", f->data_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	getrusage(RUSAGE_THREAD, &before);
	open_store(f);
	getrusage(RUSAGE_THREAD, &after);
	assert_in_range(after.ru_majflt - before.ru_majflt, 0,
			COUNT / 4); /* each value has a page of its own */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_is_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_early, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cold_file, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
