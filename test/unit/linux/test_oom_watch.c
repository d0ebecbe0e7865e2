/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a kill for lack of memory is told of before it is counted, twice, or never. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/fd.h"
#include "base/time.h"
#include "linux/oom_watch.h"

#define MS(n) ((int64_t)(n)*TIME_NS_PER_MS)

static char dir[] = "/tmp/cube-oom-XXXXXX";

/* A folder that says what a cgroup would, and a pipe for its events. */
struct fixture {
	struct cgroup cgroup;
	struct oom_watch watch;
	int event_fd;
};

static void count_kills(const char *text)
{
	struct err err;
	AUTO_FD dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(fd_replace_file(dir_fd, "memory.oom_control", str_from(text), 0600, false, &err), 0);
	assert_int_equal(fd_replace_file(dir_fd, "memory.events", str_from(text), 0600, false, &err), 0);
}

static void begin(struct fixture *f, bool is_v2)
{
	int pair[2];

	f->cgroup = (struct cgroup){ .is_v2 = is_v2 };
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		f->cgroup.dir_fds[i] = -1;
	f->cgroup.dir_fds[is_v2 ? CGROUP_UNIFIED : CGROUP_MEMORY] = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	count_kills("oom_kill 2\n");
	assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
	f->watch = (struct oom_watch){ &f->cgroup, pair[0], is_v2 ? POLLPRI : POLLIN, 2, 0 };
	f->event_fd = pair[1];
}

static void end(struct fixture *f)
{
	oom_watch_close(&f->watch);
	assert_int_equal(f->watch.fd, -1);
	fd_close(&f->event_fd);
	fd_close(&f->cgroup.dir_fds[CGROUP_MEMORY]);
	fd_close(&f->cgroup.dir_fds[CGROUP_UNIFIED]);
}

static void looks_for_what_v1_announced(void **state)
{
	struct fixture f;

	begin(&f, false);
	assert_false(oom_watch_look(&f.watch, MS(1)));
	assert_int_equal(oom_watch_wait_ms(&f.watch), -1);
	assert_int_equal(write(f.event_fd, "12345678", 8), 8);
	oom_watch_event(&f.watch, MS(10));
	assert_false(oom_watch_look(&f.watch, MS(10)));
	assert_int_equal(oom_watch_wait_ms(&f.watch), OOM_LOOK_MS);
	count_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
	assert_true(oom_watch_look(&f.watch, MS(20)));
	assert_int_equal(oom_watch_wait_ms(&f.watch), -1);
	assert_false(oom_watch_look(&f.watch, MS(30)));
	end(&f);
}

static void gives_up_on_a_kill_that_does_not_come(void **state)
{
	struct fixture f;

	begin(&f, false);
	oom_watch_event(&f.watch, MS(10));
	assert_false(oom_watch_look(&f.watch, MS(10 + OOM_WAIT_MS) - 1));
	assert_int_equal(oom_watch_wait_ms(&f.watch), OOM_LOOK_MS);
	assert_false(oom_watch_look(&f.watch, MS(10 + OOM_WAIT_MS)));
	assert_int_equal(oom_watch_wait_ms(&f.watch), -1);
	end(&f);
}

static void passes_over_lesser_events_of_v2(void **state)
{
	struct fixture f;

	begin(&f, true);
	oom_watch_event(&f.watch, MS(10));
	assert_int_equal(oom_watch_wait_ms(&f.watch), -1);
	assert_false(oom_watch_look(&f.watch, MS(10)));
	count_kills("low 0\nmax 9\noom 1\noom_kill 4\n");
	assert_true(oom_watch_look(&f.watch, MS(20)));
	assert_false(oom_watch_look(&f.watch, MS(30)));
	end(&f);
}

static void watches_nothing_without_a_cgroup(void **state)
{
	struct oom_watch watch;

	oom_watch_open(&watch, NULL, 0);
	assert_int_equal(watch.fd, -1);
	assert_false(oom_watch_look(&watch, MS(1)));
	assert_int_equal(oom_watch_wait_ms(&watch), -1);
	oom_watch_close(&watch);
}

static int enter(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int leave(void **state)
{
	struct err err;

	return fd_remove_tree(AT_FDCWD, dir, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looks_for_what_v1_announced),
		cmocka_unit_test(gives_up_on_a_kill_that_does_not_come),
		cmocka_unit_test(passes_over_lesser_events_of_v2),
		cmocka_unit_test(watches_nothing_without_a_cgroup),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
