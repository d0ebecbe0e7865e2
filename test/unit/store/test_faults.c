/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that fails at any one write of the journal: breaks when an acknowledged write is lost, when
 * one that failed is there after the next start, or when the store does not go on. And one that is
 * quick or slow: who writes to it. The linker puts this file's pwritev2 in front of libc's (--wrap).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "probe.h"

#define PUTS 9
#define PUT_BYTES 300000 /* so that the files grow and change places */

static struct {
	int calls, first, count; /* fail when first <= call < first + count */
	int error;
	bool is_written; /* the bytes arrive, but are not known to be durable */
	bool is_short;	 /* only some of the bytes arrive before the failure */
	useconds_t delay_us;
	bool is_on_loop; /* the last call came from the thread of main */
} faults = { .first = INT32_MAX };

ssize_t __real_pwritev64v2(int fd, const struct iovec *pieces, int count, off_t at, int flags);
ssize_t __wrap_pwritev64v2(int fd, const struct iovec *pieces, int count, off_t at, int flags);

ssize_t __wrap_pwritev64v2(int fd, const struct iovec *pieces, int count, off_t at, int flags)
{
	int call = faults.calls++;
	struct iovec some = { pieces[0].iov_base, pieces[0].iov_len / 2 };

	faults.is_on_loop = gettid() == getpid();
	if (faults.delay_us)
		usleep(faults.delay_us);
	if (call < faults.first || call >= faults.first + faults.count)
		return __real_pwritev64v2(fd, pieces, count, at, flags);
	if (faults.is_written)
		assert_true(__real_pwritev64v2(fd, pieces, count, at, 0) > 0);
	if (faults.is_short && some.iov_len)
		assert_true(__real_pwritev64v2(fd, &some, 1, at, 0) > 0);
	errno = faults.error;
	return -1;
}

/* Of LMDB's: the roots, short writes to the first two pages. Some are written though they fail, and what is then to put
 * the old one back fails as well. */
static struct {
	int calls, first, count; /* fail when first <= call < first + count */
} roots;

ssize_t root_pwrite(int fd, const void *from, size_t size_bytes, off_t at) __asm__("pwrite");

ssize_t root_pwrite(int fd, const void *from, size_t size_bytes, off_t at)
{
	int call = at < 2 * 4096 && size_bytes < 4096 ? roots.calls++ : -1;

	if (call < roots.first || call >= roots.first + roots.count)
		return syscall(SYS_pwrite64, fd, from, size_bytes, at);
	if ((call - roots.first) % 2 == 0)
		(void)!syscall(SYS_pwrite64, fd, from, size_bytes, at);
	errno = EIO;
	return -1;
}

struct fixture {
	char dir[64], data_dir[80];
	struct loop *loop;
	struct store *store;
	bool is_acked[PUTS];
	int failed_count;
};

static void open_store(struct fixture *f)
{
	struct err err = { 0 };

	if (store_open_lmdb(loop_env(f->loop), f->data_dir, NULL, &f->store, &err) < 0)
		fail_msg("%s", err.msg);
}

static void stop(struct probe *p)
{
	loop_stop(p->arg);
}

static int put_key(struct fixture *f, const char *key, size_t value_bytes, struct err *err)
{
	struct probe p;

	probe_init(&p);
	snprintf(p.text, sizeof(p.text), "v");
	p.value_bytes = value_bytes;
	p.then = stop;
	p.arg = f->loop;
	probe_add(&p, STORE_PUT, key, STORE_REVISION_NONE);
	probe_submit(&p, f->store);
	loop_run(f->loop);
	*err = p.err;
	/* What refuses writes is told, but for a full disk: there reads are all that is left to
	 * serve. */
	assert_int_equal(store_health(f->store, NULL),
			 p.err.code && p.err.code != ERR_NO_SPACE ? -1 : 0);
	return p.err.code ? -1 : 0;
}

static int put(struct fixture *f, int number, struct err *err)
{
	char key[32];

	snprintf(key, sizeof(key), "/k/%02d", number);
	return put_key(f, key, PUT_BYTES, err);
}

/* Lone writes, until the disk counts as quick and the loop commits them itself. */
static void warm_up(struct fixture *f)
{
	static int number;
	char key[32];
	struct err err;

	faults.is_on_loop = false;
	for (int i = 0; i < 5000 && !faults.is_on_loop; i++) {
		snprintf(key, sizeof(key), "/w/%d", number++);
		assert_int_equal(put_key(f, key, 0, &err), 0);
	}
	assert_true(faults.is_on_loop);
}

/* tolerated: a write that failed in a way that leaves open whether it happened. */
static void assert_state(struct fixture *f, int tolerated)
{
	char key[32];

	for (int i = 0; i < PUTS; i++) {
		snprintf(key, sizeof(key), "/k/%02d", i);
		if (i != tolerated &&
		    f->is_acked[i] != (store_get(f->store, str_from(key)) != NULL))
			fail_msg("write %d, the fault at call %d: acknowledged %d", i, faults.first,
				 f->is_acked[i]);
	}
}

/* Whether the fault came to pass. */
static bool run_with_fault(struct fixture *f, int first, bool may_break, bool is_lone)
{
	struct err err;
	int broken_at = -1;

	memset(f->is_acked, 0, sizeof(f->is_acked));
	f->failed_count = 0;
	faults.first = INT32_MAX;
	open_store(f);
	if (is_lone)
		warm_up(f);
	faults.calls = 0;
	faults.first = first;
	for (int i = 0; i < PUTS; i++) {
		f->is_acked[i] = put(f, i, &err) == 0;
		if (f->is_acked[i])
			continue;
		f->failed_count++;
		if (broken_at < 0)
			broken_at = i;
		assert_int_equal(err.code, faults.error == ENOSPC ? ERR_NO_SPACE : ERR_OS);
	}
	assert_true(f->failed_count <= faults.count); /* it goes on by itself */
	assert_state(f, -1);
	store_abandon(f->store);
	faults.first = INT32_MAX;
	open_store(f);
	assert_state(f, may_break ? broken_at : -1);
	store_close(f->store);
	assert_int_equal(fd_remove_tree(AT_FDCWD, f->data_dir, &err), 0);
	return faults.calls > first;
}

static const struct {
	const char *name;
	int error, count;
	bool is_written, is_short, is_lone, may_break; /* may_break: nobody knows of the first that failed */
} cases[] = {
	{ "an error, nothing written", EIO, 1 },
	{ "a full disk", ENOSPC, 1 },
	{ "half of it written", EIO, 1, .is_short = true },
	{ "half of it written, then the disk is full", ENOSPC, 1, .is_short = true },
	{ "all of it written, but not flushed", EIO, 1, .is_written = true },
	{ "not flushed, and taken back only later", EIO, 2, .is_written = true },
	{ "not flushed, and taken back after two attempts", EIO, 3, .is_written = true },
	{ "not flushed, and never taken back", EIO, 1000, .is_written = true, .may_break = true },
	{ "an error on the loop", EIO, 1, .is_lone = true },
	{ "on the loop, not flushed", EIO, 1, .is_written = true, .is_lone = true },
};

static void fixture_open(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	/* In memory where that is possible: what is under test is not the disk. */
	snprintf(f->dir, sizeof(f->dir), "%s/test-faults-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->data_dir, sizeof(f->data_dir), "%s/db", f->dir);
	f->loop = loop_new();
}

static void fixture_close(struct fixture *f)
{
	struct err err;

	loop_free(f->loop);
	assert_int_equal(fd_remove_tree(AT_FDCWD, f->dir, &err), 0);
}

/* Breaks if the loop waits for a disk that is slow, or for one with several writes at once. */
static void test_who_commits(void **state)
{
	struct fixture f;
	struct probe both[2];
	struct err err;

	fixture_open(&f);
	open_store(&f);
	faults.delay_us = 2000;
	for (int i = 0; i < 20; i++) {
		char key[32];

		snprintf(key, sizeof(key), "/s/%d", i);
		assert_int_equal(put_key(&f, key, 0, &err), 0);
		assert_false(faults.is_on_loop);
	}
	faults.delay_us = 0;
	warm_up(&f);
	for (int i = 0; i < 2; i++)
		probe_put(&both[i], f.store, i ? "/b" : "/a", "v", STORE_REVISION_NONE);
	both[1].then = stop;
	both[1].arg = f.loop;
	loop_run(f.loop);
	assert_int_equal(both[0].done_count + both[1].done_count, 2);
	assert_false(faults.is_on_loop);
	warm_up(&f);
	faults.delay_us = 2000;
	(void)put_key(&f, "/last-on-loop", 0, &err);
	assert_int_equal(put_key(&f, "/after", 0, &err), 0);
	assert_false(faults.is_on_loop);
	faults.delay_us = 0;
	store_close(f.store);
	fixture_close(&f);
}

static void test_faults(void **state)
{
	struct fixture f;

	fixture_open(&f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int at = 0;

		faults.error = cases[i].error;
		faults.count = cases[i].count;
		faults.is_written = cases[i].is_written;
		faults.is_short = cases[i].is_short;
		while (run_with_fault(&f, at, cases[i].may_break, cases[i].is_lone))
			at++;
		print_message("%s: at each of %d writes\n", cases[i].name, at);
		assert_true(at >= PUTS);
	}
	fixture_close(&f);
}

static void run_with_root_fault(int first, int count)
{
	static const size_t sizes[] = { 1000, STORE_JOURNAL_BYTES_MAX + 1, 1000, STORE_JOURNAL_BYTES_MAX / 2,
					STORE_JOURNAL_BYTES_MAX + 1, 1000 };
	bool is_acked[ARRAY_COUNT(sizes)];
	struct fixture f;
	struct err err;

	fixture_open(&f);
	open_store(&f);
	roots.calls = 0;
	roots.first = first;
	roots.count = count;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
		is_acked[i] = put_key(&f, (char[]){ (char)('a' + i), '\0' }, sizes[i], &err) == 0;
	store_abandon(f.store);
	roots.count = 0;
	open_store(&f);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
		if ((store_get(f.store, str_from((char[]){ (char)('a' + i), '\0' })) != NULL) != is_acked[i])
			fail_msg("write %zu, roots fail from %d on, %d times: acknowledged %d", i, first, count,
				 is_acked[i]);
	store_close(f.store);
	fixture_close(&f);
}

/* Breaks when LMDB keeps a write that was reported as failed, and so forgets one that was acknowledged after it. */
static void test_roots(void **state)
{
	for (int first = 0; first < 4; first++)
		for (int count = 1; count <= 7; count += 2)
			run_with_root_fault(first, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_faults), cmocka_unit_test(test_who_commits),
					    cmocka_unit_test(test_roots) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
