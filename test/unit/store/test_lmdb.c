/* SPDX-License-Identifier: Apache-2.0 */
/* The LMDB back end on the real loop: what survives a restart, growth, full disks, damaged files, snapshots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "probe.h"

struct fixture {
	char dir[64];
	char data_dir[80], file[100], snapshot[100];
	struct loop *loop;
	struct env *env;
	struct store *store;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);

	memcpy(f->dir, "/tmp/test-store-XXXXXX", 23);
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->data_dir, sizeof(f->data_dir), "%s/db", f->dir);
	snprintf(f->file, sizeof(f->file), "%s/data.mdb", f->data_dir);
	snprintf(f->snapshot, sizeof(f->snapshot), "%s/snapshot", f->dir);
	f->loop = loop_new();
	f->env = loop_env(f->loop);
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

static void open_store(struct fixture *f, size_t map_bytes)
{
	struct store_options options = { .map_bytes = map_bytes };

	if (store_open_lmdb(f->env, f->data_dir, &options, &f->store, &f->err) < 0)
		fail_msg("%s", f->err.msg);
}

static void close_store(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
}

struct wait {
	struct loop *loop;
	struct probe *probes;
	size_t count;
	struct task task;
	struct env *env;
	const int *calls; /* when set: must be more than zero as well */
};

static void look(struct task *task)
{
	struct wait *w = CONTAINER_OF(task, struct wait, task);

	bool is_done = !w->calls || *w->calls;

	for (size_t i = 0; i < w->count && is_done; i++)
		is_done = w->probes[i].done_count > 0;
	if (is_done)
		loop_stop(w->loop);
	else
		env_defer(w->env, task);
}

/* Runs the loop until all of the writes are done. */
static void finish(struct fixture *f, struct probe *probes, size_t count)
{
	struct wait w = { .loop = f->loop, .probes = probes, .count = count, .env = f->env };

	task_init(&w.task, look);
	env_defer(f->env, &w.task);
	loop_run(f->loop);
}

static void finish_calls(struct fixture *f, const int *calls)
{
	struct wait w = { .loop = f->loop, .env = f->env, .calls = calls };

	task_init(&w.task, look);
	env_defer(f->env, &w.task);
	loop_run(f->loop);
}

static int put_bytes(struct fixture *f, const char *key, size_t value_bytes)
{
	struct probe p;

	probe_init(&p);
	p.value_bytes = value_bytes;
	probe_add(&p, STORE_PUT, key, STORE_REVISION_ANY);
	probe_submit(&p, f->store);
	finish(f, &p, 1);
	f->err = p.err;
	return p.err.code == ERR_NONE ? 0 : -1;
}

static void put(struct fixture *f, const char *key, const char *text)
{
	struct probe p;

	probe_put(&p, f->store, key, text, STORE_REVISION_ANY);
	finish(f, &p, 1);
	assert_int_equal(p.err.code, ERR_NONE);
}

static char *list(struct fixture *f)
{
	struct listing l = { 0 };

	buf_init(&l.text, 64 << 20);
	store_walk(f->store, STR(""), STR_NONE, listing_add, &l);
	return (char *)buf_take(&l.text).ptr;
}

static void assert_listing(struct fixture *f, const char *expected)
{
	AUTO_FREE char *text = list(f);

	assert_string_equal(text, expected);
}

static void test_restart(void **state)
{
	/* Entries, their revisions and versions, deletions, and the revision itself must be there after a restart. */
	struct fixture *f = *state;
	const struct store_entry *entry;
	struct probe p[3];
	struct stat st;

	open_store(f, 0);
	assert_int_equal(store_revision(f->store), 1);
	put(f, "/p/b", "b");
	put(f, "/p/a", "a");
	put(f, "/p/b", "bb");
	probe_delete(&p[0], f->store, "/p/a", 3);
	probe_put(&p[1], f->store, "/p/c", "c", 0);
	probe_delete(&p[2], f->store, "/p/c", STORE_REVISION_ANY);
	finish(f, p, 3);
	assert_listing(f, "/p/b=bb@4 ");
	close_store(f);
	assert_int_equal(stat(f->data_dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(f->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	for (int round = 0; round < 2; round++) {
		open_store(f, 0);
		assert_listing(f, "/p/b=bb@4 ");
		entry = store_get(f->store, STR("/p/b"));
		assert_int_equal(entry->create_revision, 2);
		assert_int_equal(entry->mod_revision, 4);
		assert_int_equal(entry->version, 2);
		assert_int_equal(store_revision(f->store), 7);
		assert_int_equal(store_compact_revision(f->store), 7);
		close_store(f);
	}
	open_store(f, 0);
	put(f, "/p/d", "d");
	assert_int_equal(store_get(f->store, STR("/p/d"))->mod_revision, 8);
}

static void test_long_keys(void **state)
{
	/* LMDB's own keys end at 511 bytes; names of custom resources do not. */
	struct fixture *f = *state;
	char one[STORE_KEY_BYTES_MAX + 1], two[STORE_KEY_BYTES_MAX + 1];

	memset(one, 'k', sizeof(one));
	one[STORE_KEY_BYTES_MAX] = '\0';
	memcpy(two, one, sizeof(two));
	two[STORE_KEY_BYTES_MAX - 1] = 'l';
	open_store(f, 0);
	put(f, one, "1");
	put(f, two, "2");
	close_store(f);
	open_store(f, 0);
	assert_true(str_eq_c(blob_str(store_get(f->store, str_from(one))->value), "1@2"));
	assert_true(str_eq_c(blob_str(store_get(f->store, str_from(two))->value), "2@3"));
}

static void test_random_history(void **state)
{
	/* What is read after a restart must be what was read before it, whatever was written in whatever batches. */
	struct fixture *f = *state;
	enum { COUNT = 60 };
	struct probe *p = mem_calloc(COUNT, sizeof(*p));
	uint32_t seed = 5;
	char key[32];

	for (int round = 0; round < 15; round++) {
		AUTO_FREE char *before = NULL, *after = NULL;
		int64_t revision;

		open_store(f, 0);
		for (int i = 0; i < COUNT; i++) {
			seed = seed * 1664525 + 1013904223;
			snprintf(key, sizeof(key), "/k/%u", (seed >> 8) % 40);
			probe_init(&p[i]);
			p[i].value_bytes = (seed >> 16) % 5000;
			probe_add(&p[i], (seed >> 30) ? STORE_PUT : STORE_DELETE, key, STORE_REVISION_ANY);
			probe_submit(&p[i], f->store);
		}
		finish(f, p, COUNT);
		before = list(f);
		revision = store_revision(f->store);
		close_store(f);
		open_store(f, 0);
		after = list(f);
		assert_string_equal(before, after);
		assert_int_equal(store_revision(f->store), revision);
		close_store(f);
	}
	mem_free(p);
}

static void test_map_grows(void **state)
{
	/* A store that outgrows its map must go on without anybody noticing, and open again with the small one. */
	struct fixture *f = *state;
	char key[32];

	open_store(f, 256 << 10);
	for (int i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "/k/%d", i);
		assert_int_equal(put_bytes(f, key, 100000), 0);
	}
	close_store(f);
	open_store(f, 256 << 10);
	assert_int_equal(store_count(f->store, STR("/k/")), 40);
	assert_int_equal(put_bytes(f, "/k/more", 100000), 0);
}

static void test_in_use(void **state)
{
	/* Two servers on one directory would destroy it. */
	struct fixture *f = *state;
	struct store *second;

	open_store(f, 0);
	assert_int_equal(store_open_lmdb(f->env, f->data_dir, NULL, &second, &f->err), -1);
	assert_int_equal(f->err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(f->err.msg, "is in use by another process"));
}

/* Fills until a write fails. Returns how many went through. */
static int fill(struct fixture *f)
{
	char key[32];
	int i = 0;

	for (; i < 2000; i++) {
		snprintf(key, sizeof(key), "/fill/%d", i);
		if (put_bytes(f, key, 20000) < 0)
			break;
	}
	return i;
}

static void test_file_size_limit(void **state)
{
	/* When the file cannot grow, writes must fail by name, reads go on, and writes again once it can. */
	struct fixture *f = *state;
	struct rlimit before, limit;
	int written;

	open_store(f, 0);
	put(f, "/p/a", "a");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 1 << 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	written = fill(f);
	assert_in_range(written, 10, 160); /* some 50 in LMDB's file and in each of the journal's */
	assert_int_equal(f->err.code, ERR_NO_SPACE);
	assert_int_equal(store_count(f->store, STR("/fill/")), written);
	assert_int_equal(put_bytes(f, "/fill/more", 20000), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(put_bytes(f, "/fill/more", 20000), 0);
	put(f, "/p/a", "b");
	close_store(f);
	open_store(f, 0);
	assert_int_equal(store_count(f->store, STR("/fill/")), written + 1);
}

/* In a child with mounts of its own; 77: mounting is not allowed here. */
static int full_disk(struct fixture *f)
{
	int written;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", f->dir, "tmpfs", 0, "size=2m") < 0)
		return 77;
	if (store_open_lmdb(f->env, f->data_dir, NULL, &f->store, &f->err) < 0)
		return 1;
	written = fill(f);
	if (written < 20 || f->err.code != ERR_NO_SPACE || store_count(f->store, STR("/fill/")) != (size_t)written)
		return 2;
	if (put_bytes(f, "/p/a", 20000) == 0 || f->err.code != ERR_NO_SPACE)
		return 3;
	close_store(f);
	if (store_open_lmdb(f->env, f->data_dir, NULL, &f->store, &f->err) < 0) {
		fprintf(stderr, "%s\n", f->err.msg);
		return 8; /* a full disk must not keep a server from starting */
	}
	if (put_bytes(f, "/p/a", 20000) == 0 || store_count(f->store, STR("/fill/")) != (size_t)written)
		return 9;
	if (mount("tmpfs", f->dir, "tmpfs", MS_REMOUNT, "size=8m") < 0)
		return 4;
	if (put_bytes(f, "/p/a", 20000) < 0) {
		fprintf(stderr, "%s\n", f->err.msg);
		return 5;
	}
	close_store(f);
	if (store_open_lmdb(f->env, f->data_dir, NULL, &f->store, &f->err) < 0)
		return 6;
	if (store_count(f->store, STR("")) != (size_t)written + 1)
		return 7;
	close_store(f);
	return 0;
}

static void test_full_disk(void **state)
{
	/* The same on a file system that really is full. */
	struct fixture *f = *state;
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(full_disk(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void assert_refused(struct fixture *f, const char *part)
{
	assert_int_equal(store_open_lmdb(f->env, f->data_dir, NULL, &f->store, &f->err), -1);
	f->store = NULL;
	if (!strstr(f->err.msg, part))
		fail_msg("%s", f->err.msg);
}

static void overwrite(const char *path, off_t at, const void *bytes, size_t len)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, bytes, len, at), len);
}

static void test_damaged_file(void **state)
{
	/* A damaged file must be refused with its name, never crash the server or pass for empty. */
	struct fixture *f = *state;
	char garbage[8192];

	memset(garbage, 0xa5, sizeof(garbage));
	open_store(f, 0);
	put(f, "/p/a", "a");
	assert_int_equal(put_bytes(f, "/p/b", 100000), 0);
	close_store(f);
	assert_int_equal(truncate(f->file, 20 << 10), 0);
	assert_refused(f, "is damaged");
	overwrite(f->file, 0, garbage, sizeof(garbage));
	assert_refused(f, "is not a store");
	assert_int_equal(unlink(f->file), 0);
	assert_int_equal(mkdir(f->file, 0700), 0);
	assert_refused(f, "Is a directory");
	assert_int_equal(rmdir(f->file), 0);
	assert_int_equal(fd_replace_file(AT_FDCWD, f->file, STR("text"), 0600, false, &f->err), 0);
	assert_refused(f, "is not a store");
}

/* --- snapshots --- */

struct saved {
	int64_t revision;
	struct err err;
	int calls;
};

static void on_saved(void *arg, int64_t revision, struct err *err)
{
	struct saved *s = arg;

	s->revision = revision;
	s->calls++;
	if (err)
		s->err = *err;
}

static void save(struct fixture *f, const char *path, struct saved *s)
{
	*s = (struct saved){ 0 };
	store_snapshot_save(f->store, path, on_saved, s);
	assert_int_equal(s->calls, 0);
	/* The snapshot is of the moment of the call. */
	put(f, "/later", "x");
	finish_calls(f, &s->calls);
	assert_int_equal(s->calls, 1);
}

static void fill_for_snapshot(struct fixture *f)
{
	open_store(f, 0);
	for (int i = 0; i < 30; i++) {
		char key[32];

		snprintf(key, sizeof(key), "/k/%d", i);
		assert_int_equal(put_bytes(f, key, (size_t)i * 1000), 0);
	}
	put(f, "/k/3", "again");
}

static void test_snapshot(void **state)
{
	/* A restored store must have every entry, with its revisions, as of the snapshot, and go on from there. */
	struct fixture *f = *state;
	AUTO_FREE char *before = NULL, *after = NULL;
	const struct store_entry *entry;
	struct watch_probe lost;
	struct saved s;
	struct stat st;

	fill_for_snapshot(f);
	before = list(f);
	save(f, f->snapshot, &s);
	assert_int_equal(s.err.code, ERR_NONE);
	assert_int_equal(s.revision, 32);
	assert_int_equal(stat(f->snapshot, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	close_store(f);
	assert_int_equal(store_snapshot_restore(f->snapshot, f->data_dir, &f->err), -1);
	assert_int_equal(f->err.code, ERR_EXISTS);
	assert_int_equal(fd_remove_tree(AT_FDCWD, f->data_dir, &f->err), 0);
	if (store_snapshot_restore(f->snapshot, f->data_dir, &f->err) < 0)
		fail_msg("%s", f->err.msg);
	open_store(f, 0);
	after = list(f);
	assert_string_equal(before, after);
	assert_int_equal(store_revision(f->store), 32 + STORE_RESTORE_REVISIONS);
	/* Who watched what was written after the snapshot must be told that it is gone. */
	watch_probe_start(&lost, f->store, "/k/", false, 40);
	entry = store_get(f->store, STR("/k/3"));
	assert_int_equal(entry->create_revision, 5);
	assert_int_equal(entry->mod_revision, 32);
	assert_int_equal(entry->version, 2);
	put(f, "/k/new", "x");
	assert_int_equal(lost.end.code, ERR_GONE);
	watch_probe_deinit(&lost);
	assert_int_equal(store_revision(f->store), 33 + STORE_RESTORE_REVISIONS);
	close_store(f);
	open_store(f, 0);
	assert_int_equal(store_count(f->store, STR("")), 31);
}

static void test_snapshot_cannot_be_written(void **state)
{
	/* A snapshot that fails must say so and leave the old one alone. */
	struct fixture *f = *state;
	char path[128];
	struct saved s;

	fill_for_snapshot(f);
	snprintf(path, sizeof(path), "%s/missing/snapshot", f->dir);
	save(f, path, &s);
	assert_int_equal(s.err.code, ERR_OS);
	assert_non_null(strstr(s.err.msg, "missing/snapshot"));
}

static void test_damaged_snapshot(void **state)
{
	/* Any change to the file must be noticed before anything is written. */
	struct fixture *f = *state;
	struct saved s;
	AUTO_BUF good = { 0 };
	struct str bytes;
	char *copy;

	buf_init(&good, 0);
	fill_for_snapshot(f);
	save(f, f->snapshot, &s);
	close_store(f);
	assert_int_equal(fd_remove_tree(AT_FDCWD, f->data_dir, &f->err), 0);
	assert_int_equal(fd_read_file(AT_FDCWD, f->snapshot, 8 << 20, &good, &f->err), 0);
	bytes = buf_str(&good);
	copy = mem_dup(bytes.ptr, bytes.len);
	for (size_t at = 0; at < bytes.len; at += at < 200 ? 1 : 4999) {
		copy[at] ^= 0x10;
		assert_int_equal(fd_replace_file(AT_FDCWD, f->snapshot, str_sub(copy, bytes.len), 0600, false,
						 &f->err), 0);
		copy[at] ^= 0x10;
		assert_int_equal(store_snapshot_restore(f->snapshot, f->data_dir, &f->err), -1);
		assert_int_equal(f->err.code, ERR_PARSE);
		assert_int_equal(access(f->data_dir, F_OK), -1);
	}
	for (size_t len = 0; len < bytes.len; len += len < 100 ? 1 : 20011) {
		assert_int_equal(fd_replace_file(AT_FDCWD, f->snapshot, str_sub(copy, len), 0600, false, &f->err), 0);
		assert_int_equal(store_snapshot_restore(f->snapshot, f->data_dir, &f->err), -1);
		assert_int_equal(f->err.code, ERR_PARSE);
	}
	mem_free(copy);
	assert_int_equal(store_snapshot_restore("/nonexistent", f->data_dir, &f->err), -1);
	assert_int_equal(f->err.os_errno, ENOENT);
}

static void test_abandon(void **state)
{
	/* Dropping a store mid-flight must end its thread, leak nothing and lose nothing acknowledged. */
	struct fixture *f = *state;
	struct probe *p = mem_calloc(200, sizeof(*p));
	size_t acknowledged = 0;
	char key[32];

	open_store(f, 0);
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "/k/%d", i);
		probe_put(&p[i], f->store, key, "x", 0);
	}
	finish(f, p, 1);
	for (int i = 0; i < 200; i++)
		acknowledged += (size_t)p[i].done_count;
	store_abandon(f->store);
	mem_free(p);
	open_store(f, 0);
	assert_in_range(store_count(f->store, STR("")), acknowledged, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_history, setup, teardown),
		cmocka_unit_test_setup_teardown(test_map_grows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_size_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_snapshot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_snapshot_cannot_be_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_snapshot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abandon, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
