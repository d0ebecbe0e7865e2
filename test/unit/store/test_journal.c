/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal in front of LMDB: its bytes, whatever a crash leaves of them, and stores that are
 * opened as a crash at any moment would have left them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "probe.h"
#include "store/journal.h"

#define JOURNAL_TEST_BYTES (1u << 20)

/* --- bytes --- */

/* One batch that puts key=value; from and to are its revisions. */
static void add_batch(struct buf *to, int64_t from, int64_t revision, const char *key,
		      const char *value)
{
	struct store_op op = { .type = value ? STORE_PUT : STORE_DELETE,
			       .key = str_from(key),
			       .id = 7,
			       .create_revision = 1,
			       .mod_revision = revision,
			       .version = 1 };
	struct store_write write = { .ops = &op, .op_count = 1, .revision = revision };
	struct list writes;

	op.value = blob_new(str_from(value ? value : ""));
	list_init(&writes);
	list_init(&write.link);
	list_push_back(&writes, &write.link);
	assert_true(journal_size(&writes) >= JOURNAL_HEAD_BYTES);
	journal_encode(&writes, from, revision, to);
	blob_unref(op.value);
}

static void test_round_trip(void **state)
{
	/* What was written must be what is read, puts and deletions. */
	AUTO_BUF bytes = { 0 };
	struct journal_batch batch;
	struct store_change change;
	struct err err = { 0 };
	struct str left;

	buf_init(&bytes, JOURNAL_TEST_BYTES);
	add_batch(&bytes, 1, 2, "/k", "value");
	add_batch(&bytes, 2, 5, "/k", NULL);
	left = buf_str(&bytes);
	assert_true(journal_next_batch(&left, &batch));
	assert_int_equal(batch.from_revision, 1);
	assert_int_equal(batch.revision, 2);
	assert_true(journal_next_change(&batch, &change, &err));
	assert_false(change.is_delete);
	assert_int_equal(change.record.id, 7);
	assert_true(str_eq(change.record.key, STR("/k")) &&
		    str_eq(change.record.value, STR("value")));
	assert_false(journal_next_change(&batch, &change, &err));
	assert_int_equal(err.code, ERR_NONE);
	assert_true(journal_next_batch(&left, &batch));
	assert_true(journal_next_change(&batch, &change, &err));
	assert_true(change.is_delete);
	assert_false(journal_next_batch(&left, &batch));
}

static void test_cut_anywhere(void **state)
{
	/* A batch that was cut off at any byte, or has any byte wrong, must end the run before it,
	 * never be half applied. */
	AUTO_BUF bytes = { 0 };
	struct journal_run run;
	size_t first_bytes;

	buf_init(&bytes, JOURNAL_TEST_BYTES);
	add_batch(&bytes, 1, 2, "/a", "first");
	first_bytes = bytes.len;
	add_batch(&bytes, 2, 3, "/b", "second");
	for (size_t len = 0; len <= bytes.len; len++) {
		int64_t want = len == bytes.len ? 3 : len >= first_bytes ? 2 : 0;

		journal_find_run(str_sub(bytes.ptr, len), 1, &run);
		assert_int_equal(run.revision, want);
		assert_int_equal(run.end, want == 3 ? bytes.len : want == 2 ? first_bytes : 0);
	}
	for (size_t at = first_bytes; at < bytes.len; at++) {
		bytes.ptr[at] ^= 0x10;
		journal_find_run(buf_str(&bytes), 1, &run);
		assert_int_equal(run.revision, 2);
		bytes.ptr[at] ^= 0x10;
	}
}

static void test_leftovers(void **state)
{
	/* Batches of the file's earlier use lie behind the last one: they must never count again.
	 */
	AUTO_BUF bytes = { 0 };
	struct journal_run run;

	buf_init(&bytes, JOURNAL_TEST_BYTES);
	add_batch(&bytes, 20, 21, "/new", "x");
	add_batch(&bytes, 21, 22, "/new", "y");
	add_batch(&bytes, 11, 12, "/old", "z");
	journal_find_run(buf_str(&bytes), 20, &run);
	assert_int_equal(run.revision, 22);
	assert_int_equal(run.from_revision, 20);
	assert_int_equal(run.begin, 0);
	journal_find_run(buf_str(&bytes), 21, &run);
	assert_int_equal(run.from_revision, 21);
	assert_true(run.begin > 0 && run.begin < run.end);
	journal_find_run(buf_str(&bytes), 22, &run);
	assert_int_equal(run.begin, run.end);
}

static void test_holds_later(void **state)
{
	/* What lies behind a damaged batch must be told from what an earlier use of the file left.
	 */
	AUTO_BUF bytes = { 0 };
	struct str rest;

	buf_init(&bytes, JOURNAL_TEST_BYTES);
	add_batch(&bytes, 20, 21, "/a", "x");
	rest = str_from("anything cubj else");
	buf_put(&bytes, rest.ptr, rest.len);
	add_batch(&bytes, 21, 22, "/b", "y");
	assert_true(journal_holds_later(buf_str(&bytes), 21));
	assert_false(journal_holds_later(buf_str(&bytes), 22));
	for (size_t len = 0; len < bytes.len; len++)
		assert_false(journal_holds_later(str_sub(bytes.ptr, len), 21));
}

/* --- stores --- */

struct fixture {
	char dir[64], data_dir[80], copy_dir[80];
	struct loop *loop;
	struct store *store, *copy;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);

	memcpy(f->dir, "/tmp/test-store-XXXXXX", 23);
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->data_dir, sizeof(f->data_dir), "%s/db", f->dir);
	snprintf(f->copy_dir, sizeof(f->copy_dir), "%s/copy", f->dir);
	f->loop = loop_new();
	if (store_open_lmdb(loop_env(f->loop), f->data_dir, NULL, &f->store, &f->err) < 0)
		fail_msg("%s", f->err.msg);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	store_close(f->copy);
	loop_free(f->loop);
	assert_int_equal(fd_remove_tree(AT_FDCWD, f->dir, &f->err), 0);
	mem_free(f);
	return 0;
}

static void stop(struct probe *p)
{
	loop_stop(p->arg);
}

static int put(struct fixture *f, const char *key, size_t value_bytes)
{
	struct probe p;

	probe_init(&p);
	snprintf(p.text, sizeof(p.text), "%s", key);
	p.value_bytes = value_bytes;
	p.then = stop;
	p.arg = f->loop;
	probe_add(&p, STORE_PUT, key, STORE_REVISION_ANY);
	probe_submit(&p, f->store);
	loop_run(f->loop);
	f->err = p.err;
	return p.err.code == ERR_NONE ? 0 : -1;
}

static void copy_file(struct fixture *f, const char *name)
{
	char from[120], to[120];
	AUTO_BUF bytes = { 0 };

	snprintf(from, sizeof(from), "%s/%s", f->data_dir, name);
	snprintf(to, sizeof(to), "%s/%s", f->copy_dir, name);
	if (access(from, F_OK) < 0)
		return;
	buf_init(&bytes, 256 << 20);
	assert_int_equal(fd_read_file(AT_FDCWD, from, 256 << 20, &bytes, &f->err), 0);
	assert_int_equal(fd_replace_file(AT_FDCWD, to, buf_str(&bytes), 0600, false, &f->err), 0);
}

/* Opens what a crash now would leave. LMDB's file is copied first: what is carried over meanwhile
 * is in the journal, too, as long as no file is written again from its begin. */
static void open_copy(struct fixture *f)
{
	store_close(f->copy);
	f->copy = NULL;
	if (access(f->copy_dir, F_OK) == 0)
		assert_int_equal(fd_remove_tree(AT_FDCWD, f->copy_dir, &f->err), 0);
	assert_int_equal(mkdir(f->copy_dir, 0700), 0);
	copy_file(f, "data.mdb");
	copy_file(f, "journal.0");
	copy_file(f, "journal.1");
	if (store_open_lmdb(loop_env(f->loop), f->copy_dir, NULL, &f->copy, &f->err) < 0)
		fail_msg("%s", f->err.msg);
}

static char *list(struct store *store)
{
	struct listing l = { 0 };

	buf_init(&l.text, 64 << 20);
	store_walk(store, STR(""), STR_NONE, listing_add, &l);
	return (char *)buf_take(&l.text).ptr;
}

static void assert_copy_is_same(struct fixture *f)
{
	AUTO_FREE char *want = list(f->store);
	AUTO_FREE char *got = NULL;

	open_copy(f);
	got = list(f->copy);
	assert_string_equal(got, want);
	assert_int_equal(store_revision(f->copy), store_revision(f->store));
}

static void test_crash_at_any_moment(void **state)
{
	/* What was acknowledged must be there when the process ends now, however often the files
	 * have changed places. */
	struct fixture *f = *state;
	char key[32];

	for (int i = 0; i < 600; i++) {
		snprintf(key, sizeof(key), "/k/%d", i * 7 % 50);
		assert_int_equal(put(f, key, (size_t)(i * 997 % 60000)), 0);
		if (i % 23 == 0)
			assert_copy_is_same(f);
	}
	assert_copy_is_same(f);
}

static void test_deleted_in_journal(void **state)
{
	/* A deletion that LMDB does not know of yet must hold, and its place may be taken again. */
	struct fixture *f = *state;
	struct probe p;

	assert_int_equal(put(f, "/k/a", 0), 0);
	store_close(f->store); /* into LMDB */
	if (store_open_lmdb(loop_env(f->loop), f->data_dir, NULL, &f->store, &f->err) < 0)
		fail_msg("%s", f->err.msg);
	probe_init(&p);
	p.then = stop;
	p.arg = f->loop;
	probe_add(&p, STORE_DELETE, "/k/a", STORE_REVISION_ANY);
	probe_submit(&p, f->store);
	loop_run(f->loop);
	assert_copy_is_same(f);
	assert_int_equal(store_count(f->copy, STR("")), 0);
	assert_int_equal(put(f, "/k/a", 10), 0);
	assert_copy_is_same(f);
	assert_int_equal(store_count(f->copy, STR("")), 1);
}

static void test_larger_than_journal(void **state)
{
	/* A value that no file can hold must be stored all the same, in order with what lies in the
	 * journal. */
	struct fixture *f = *state;

	assert_int_equal(put(f, "/k/a", 10), 0);
	assert_int_equal(put(f, "/k/big", STORE_JOURNAL_BYTES_MAX + 1), 0);
	assert_copy_is_same(f);
	assert_int_equal(put(f, "/k/a", 20), 0);
	assert_int_equal(put(f, "/k/nearly", STORE_JOURNAL_BYTES_MAX - 1000), 0);
	assert_copy_is_same(f);
}

static void test_missing_file(void **state)
{
	/* When a journal file is gone whose batches others build on, the store must be refused, not
	 * be half a store. */
	struct fixture *f = *state;
	char path[120];

	for (int i = 0; i < 30; i++)
		assert_int_equal(put(f, "/k/a", 60000), 0);
	open_copy(f);
	store_close(f->copy); /* into LMDB: journal and file agree */
	f->copy = NULL;
	snprintf(path, sizeof(path), "%s/data.mdb", f->copy_dir);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/journal.0", f->copy_dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_open_lmdb(loop_env(f->loop), f->copy_dir, NULL, &f->copy, &f->err),
			 -1);
	f->copy = NULL;
	assert_non_null(strstr(f->err.msg, "journal.1' is damaged: it builds on revision"));
}

static int open_damaged(struct fixture *f, size_t at)
{
	AUTO_FD fd = -1;
	char path[120];

	snprintf(path, sizeof(path), "%s/journal.0", f->copy_dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "#", 1, (off_t)at), 1);
	return store_open_lmdb(loop_env(f->loop), f->copy_dir, NULL, &f->copy, &f->err);
}

static void test_damaged_inside(void **state)
{
	/* A batch that became unreadable and has others behind it must be told, not end the journal
	 * there: those were acknowledged. */
	struct fixture *f = *state;

	for (int i = 0; i < 5; i++)
		assert_int_equal(put(f, "/k/a", 1000), 0);
	mkdir(f->copy_dir, 0700);
	copy_file(f, "data.mdb");
	copy_file(f, "journal.0");
	assert_int_equal(open_damaged(f, 2500), -1);
	f->copy = NULL;
	assert_non_null(strstr(f->err.msg, "journal.0' is damaged at byte 2"));
	assert_non_null(strstr(f->err.msg, "what was written after revision 3 cannot be read"));
}

static void test_removed(void **state)
{
	/* Writes to a file that nobody will find again must be refused, not be acknowledged. */
	struct fixture *f = *state;
	char path[120];

	assert_int_equal(put(f, "/k/a", 10), 0);
	snprintf(path, sizeof(path), "%s/journal.0", f->data_dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(put(f, "/k/b", 10), -1);
	assert_int_equal(f->err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(f->err.msg, "was removed"));
	assert_int_equal(store_health(f->store, NULL), -1);
	assert_null(store_get(f->store, STR("/k/b")));
}

static void test_moved(void **state)
{
	/* The same when the folder is moved away or removed; when it is back, the store goes on. */
	struct fixture *f = *state;
	char away[120], path[120];

	assert_int_equal(put(f, "/k/a", 10), 0);
	snprintf(away, sizeof(away), "%s/away", f->dir);
	assert_int_equal(rename(f->data_dir, away), 0);
	assert_int_equal(put(f, "/k/b", 10), -1);
	assert_int_equal(f->err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(f->err.msg, "was removed"));
	assert_int_equal(store_health(f->store, NULL), -1);
	assert_int_equal(mkdir(f->data_dir, 0700), 0);
	assert_int_equal(put(f, "/k/b", 10), -1); /* another one in its place */
	assert_int_equal(rmdir(f->data_dir), 0);
	assert_int_equal(rename(away, f->data_dir), 0);
	assert_int_equal(put(f, "/k/c", 10), 0);
	assert_int_equal(store_health(f->store, NULL), 0);
	assert_copy_is_same(f);
	/* What leaves the journal must not go to a file that nobody finds either. */
	snprintf(path, sizeof(path), "%s/data.mdb", f->data_dir);
	assert_int_equal(rename(path, away), 0);
	for (int i = 0; i < 40 && put(f, "/k/d", 60000) == 0; i++)
		;
	assert_int_equal(f->err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(f->err.msg, "data.mdb' was removed"));
	assert_int_equal(rename(away, path), 0);
	assert_int_equal(put(f, "/k/d", 60000), 0);
	assert_copy_is_same(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_leftovers),
		cmocka_unit_test(test_holds_later),
		cmocka_unit_test_setup_teardown(test_crash_at_any_moment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deleted_in_journal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_larger_than_journal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moved, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
