/* SPDX-License-Identifier: Apache-2.0 */
/* A process that writes as fast as it can is killed at random moments: what it acknowledged must be there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "probe.h"

#define ROUNDS 25
#define OUTSTANDING 16
#define KEYS 40

/* What the writer tells through the pipe, one record per write that done() reported. */
struct ack {
	int64_t revision;
	uint32_t key, number; /* the value's text is the number */
};

struct writer {
	struct probe probe;
	struct store *store;
	struct ack ack;
	int pipe_fd;
	uint32_t *next_number;
};

static void write_next(struct probe *p)
{
	struct writer *w = CONTAINER_OF(p, struct writer, probe);
	char key[32];

	if (p->done_count) {
		if (p->err.code != ERR_NONE)
			_exit(2);
		w->ack.revision = p->revision;
		if (write(w->pipe_fd, &w->ack, sizeof(w->ack)) != (ssize_t)sizeof(w->ack))
			_exit(3);
	}
	w->ack.number = (*w->next_number)++;
	w->ack.key = w->ack.number % KEYS;
	probe_init(p);
	snprintf(p->text, sizeof(p->text), "%u", w->ack.number);
	snprintf(key, sizeof(key), "/k/%u", w->ack.key);
	p->value_bytes = 40 + w->ack.number * 97 % 3000;
	p->then = write_next;
	probe_add(p, STORE_PUT, key, STORE_REVISION_ANY);
	probe_submit(p, w->store);
}

static void run_writer(const char *dir, int pipe_fd, uint32_t first_number)
{
	struct loop *loop = loop_new();
	static struct writer writers[OUTSTANDING];
	struct store *store;
	struct err err;

	if (store_open_lmdb(loop_env(loop), dir, NULL, &store, &err) < 0)
		_exit(1);
	for (int i = 0; i < OUTSTANDING; i++) {
		writers[i] = (struct writer){ .store = store, .pipe_fd = pipe_fd, .next_number = &first_number };
		write_next(&writers[i].probe);
	}
	loop_run(loop);
}

struct seen {
	uint32_t number[KEYS]; /* acknowledged last, per key */
	int64_t revision;
	uint32_t next_number;
};

static bool check_entry(void *arg, struct str key, const struct store_entry *entry)
{
	const struct seen *seen = arg;
	unsigned int index, number;
	long long revision;

	assert_int_equal(sscanf(key.ptr, "/k/%u", &index), 1);
	assert_int_equal(sscanf(entry->value->bytes, "%u@%lld", &number, &revision), 2);
	assert_int_equal(revision, entry->mod_revision);
	assert_int_equal(number % KEYS, index);
	assert_true(number >= seen->number[index]);
	return true;
}

static void check(const char *dir, struct seen *seen)
{
	struct loop *loop = loop_new();
	struct store *store;
	struct err err;

	if (store_open_lmdb(loop_env(loop), dir, NULL, &store, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(store_revision(store) >= seen->revision);
	for (uint32_t i = 0; i < KEYS; i++) {
		char key[32];

		snprintf(key, sizeof(key), "/k/%u", i);
		assert_true(!seen->number[i] || store_get(store, str_from(key)));
	}
	store_walk(store, STR(""), STR_NONE, check_entry, seen);
	store_close(store);
	loop_free(loop);
}

static void run_round(const char *dir, struct seen *seen)
{
	unsigned char random;
	int fds[2], status;
	struct ack ack;
	struct err err;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(getrandom(&random, 1, 0), 1);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		run_writer(dir, fds[1], seen->next_number);
		_exit(4);
	}
	close(fds[1]);
	/* Killed after a random number of acknowledgements; those still in the pipe count as well. */
	for (int left = 20 + random; fd_read_exact(fds[0], &ack, sizeof(ack), &err) == 0; left--) {
		if (left == 0)
			kill(pid, SIGKILL);
		seen->number[ack.key] = ack.number;
		assert_true(ack.revision > seen->revision);
		seen->revision = ack.revision;
		seen->next_number = ack.number + OUTSTANDING + 1;
	}
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void test_kill(void **state)
{
	/* An acknowledged write must survive kill -9, with its revision, and nothing torn may be found. */
	char dir[] = "/tmp/test-crash-XXXXXX", data_dir[64];
	struct seen seen = { .next_number = KEYS };
	struct err err;

	assert_non_null(mkdtemp(dir));
	snprintf(data_dir, sizeof(data_dir), "%s/db", dir);
	for (int round = 0; round < ROUNDS; round++) {
		run_round(data_dir, &seen);
		check(data_dir, &seen);
	}
	assert_true(seen.revision > ROUNDS * 20);
	assert_int_equal(fd_remove_tree(AT_FDCWD, dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
