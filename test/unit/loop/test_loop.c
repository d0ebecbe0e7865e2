/* SPDX-License-Identifier: Apache-2.0 */
/* The real loop: timers, deferred and posted tasks, worker pool, child processes, readiness, and that idling is
 * idle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "base/time.h"
#include "loop/loop.h"

#define POST_COUNT 2000
#define WORK_COUNT 100

struct fixture {
	struct loop *loop;
	struct env *env;
	struct timer limit;
	bool timed_out;
};

static void on_limit(struct timer *t)
{
	struct fixture *f = CONTAINER_OF(t, struct fixture, limit);

	f->timed_out = true;
	loop_stop(f->loop);
}

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);

	f->loop = loop_new();
	f->env = loop_env(f->loop);
	timer_init(&f->limit, f->env, on_limit);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	timer_stop(&f->limit);
	loop_free(f->loop);
	mem_free(f);
	return 0;
}

/* Runs until somebody stops the loop; ten seconds are a failure. */
static void run(struct fixture *f)
{
	f->timed_out = false;
	timer_start(&f->limit, 10000);
	loop_run(f->loop);
	timer_stop(&f->limit);
	assert_false(f->timed_out);
}

struct step {
	struct timer timer;
	struct task task;
	struct fixture *f;
	int *count;
	int seen;
	int64_t at_ns;
};

static void on_step_timer(struct timer *t)
{
	struct step *s = CONTAINER_OF(t, struct step, timer);

	s->at_ns = env_mono_ns(s->f->env);
	s->seen = (*s->count)++;
	if (*s->count == 3)
		loop_stop(s->f->loop);
}

static void test_timers(void **state)
{
	/* Timers must fire in order, not before their time. */
	struct fixture *f = *state;
	struct step s[3];
	static const int delays[] = { 30, 5, 15 };
	int64_t start_ns = env_mono_ns(f->env);
	int count = 0;

	for (size_t i = 0; i < 3; i++) {
		s[i] = (struct step){ .f = f, .count = &count };
		timer_init(&s[i].timer, f->env, on_step_timer);
		timer_start(&s[i].timer, delays[i]);
	}
	run(f);
	assert_int_equal(s[1].seen, 0);
	assert_int_equal(s[2].seen, 1);
	assert_int_equal(s[0].seen, 2);
	for (size_t i = 0; i < 3; i++)
		assert_true(s[i].at_ns - start_ns >= delays[i] * TIME_NS_PER_MS);
}

static void on_step_task(struct task *t)
{
	struct step *s = CONTAINER_OF(t, struct step, task);

	s->seen = (*s->count)++;
	if (s->seen == 0)
		env_defer(s->f->env, t); /* once more, in a later turn */
	if (*s->count == 4)
		loop_stop(s->f->loop);
}

static void test_defer(void **state)
{
	/* A deferred task must not run inside the call, must run once however often it was deferred, and be
	 * cancellable. */
	struct fixture *f = *state;
	struct step s[3], cancelled;
	int count = 0, never = 0;

	for (size_t i = 0; i < 3; i++) {
		s[i] = (struct step){ .f = f, .count = &count };
		task_init(&s[i].task, on_step_task);
		env_defer(f->env, &s[i].task);
		env_defer(f->env, &s[i].task);
	}
	cancelled = (struct step){ .f = f, .count = &never };
	task_init(&cancelled.task, on_step_task);
	env_defer(f->env, &cancelled.task);
	env_cancel(f->env, &cancelled.task);
	assert_int_equal(count, 0);
	run(f);
	assert_int_equal(count, 4);
	assert_int_equal(s[0].seen, 3);
	assert_int_equal(s[1].seen, 1);
	assert_int_equal(s[2].seen, 2);
	assert_int_equal(never, 0);
}

struct poster {
	pthread_t thread;
	struct fixture *f;
	struct step steps[POST_COUNT];
	int next;
	int *total;
};

static void on_posted(struct task *t)
{
	struct step *s = CONTAINER_OF(t, struct step, task);
	struct poster *p = (struct poster *)(void *)s->count;

	assert_int_equal(s->seen, p->next);
	p->next++;
	if (++*p->total == 2 * POST_COUNT)
		loop_stop(p->f->loop);
}

static void *post_all(void *arg)
{
	struct poster *p = arg;

	for (int i = 0; i < POST_COUNT; i++)
		env_post(p->f->env, &p->steps[i].task);
	return NULL;
}

static void test_post(void **state)
{
	/* Tasks posted by several threads must all arrive, each thread's in its order. */
	struct fixture *f = *state;
	struct poster *p = mem_calloc(2, sizeof(*p));
	int total = 0;

	for (int i = 0; i < 2; i++) {
		p[i].f = f;
		p[i].total = &total;
		for (int k = 0; k < POST_COUNT; k++) {
			p[i].steps[k].seen = k;
			p[i].steps[k].count = (int *)(void *)&p[i];
			task_init(&p[i].steps[k].task, on_posted);
		}
		assert_int_equal(pthread_create(&p[i].thread, NULL, post_all, &p[i]), 0);
	}
	run(f);
	pthread_join(p[0].thread, NULL);
	pthread_join(p[1].thread, NULL);
	assert_int_equal(total, 2 * POST_COUNT);
	mem_free(p);
}

struct job {
	struct work work;
	struct fixture *f;
	pthread_t *loop_thread;
	atomic_int *running, *running_max;
	int *done_count;
	bool ran;
};

static void run_job(struct work *w)
{
	struct job *j = CONTAINER_OF(w, struct job, work);
	int running = atomic_fetch_add(j->running, 1) + 1, seen = atomic_load(j->running_max);

	while (running > seen && !atomic_compare_exchange_weak(j->running_max, &seen, running))
		;
	assert_false(pthread_equal(pthread_self(), *j->loop_thread));
	sched_yield();
	j->ran = true;
	atomic_fetch_sub(j->running, 1);
}

static void done_job(struct work *w)
{
	struct job *j = CONTAINER_OF(w, struct job, work);

	assert_true(j->ran);
	assert_true(pthread_equal(pthread_self(), *j->loop_thread));
	if (++*j->done_count == WORK_COUNT)
		loop_stop(j->f->loop);
}

static void test_work(void **state)
{
	/* Work must run off the loop, at most LOOP_WORKERS_MAX at once, and be reported on the loop. */
	struct fixture *f = *state;
	static struct job jobs[WORK_COUNT];
	pthread_t self = pthread_self();
	atomic_int running = 0, running_max = 0;
	int done_count = 0;

	for (size_t i = 0; i < WORK_COUNT; i++) {
		jobs[i] = (struct job){ .f = f, .loop_thread = &self, .running = &running,
					.running_max = &running_max, .done_count = &done_count };
		jobs[i].work.run = run_job;
		jobs[i].work.done = done_job;
		env_work(f->env, &jobs[i].work);
	}
	run(f);
	assert_int_equal(done_count, WORK_COUNT);
	assert_in_range(atomic_load(&running_max), 1, LOOP_WORKERS_MAX);
}

struct process {
	struct child child;
	struct fixture *f;
	int status;
	int exits;
};

static void on_exit_stop(struct child *child, int wait_status)
{
	struct process *p = CONTAINER_OF(child, struct process, child);

	p->status = wait_status;
	p->exits++;
	loop_stop(p->f->loop);
}

static void spawn_shell(struct fixture *f, struct process *p, const char *script, const struct child_fd *fds,
			size_t fd_count)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	const char *envp[] = { "GREETING=hello", NULL };
	struct child_spec spec = { .path = "/bin/sh", .argv = argv, .envp = envp, .fds = fds, .fd_count = fd_count };
	struct err err;

	*p = (struct process){ .f = f };
	p->child.on_exit = on_exit_stop;
	if (env_spawn(f->env, &spec, &p->child, &err) < 0)
		fail_msg("%s", err.msg);
}

static void test_child_status(void **state)
{
	/* Exit codes and killing signals must be told apart, and the child must be reaped. */
	struct fixture *f = *state;
	struct process p;

	spawn_shell(f, &p, "exit 7", NULL, 0);
	run(f);
	assert_true(WIFEXITED(p.status) && WEXITSTATUS(p.status) == 7);
	spawn_shell(f, &p, "kill -9 $$", NULL, 0);
	run(f);
	assert_true(WIFSIGNALED(p.status) && WTERMSIG(p.status) == SIGKILL);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_child_missing(void **state)
{
	/* A program that does not exist must fail the call, not the child. */
	struct fixture *f = *state;
	const char *argv[] = { "nothing", NULL };
	struct child_spec spec = { .path = "/nonexistent/nothing", .argv = argv };
	struct process p = { .f = f };
	struct err err = { 0 };

	p.child.on_exit = on_exit_stop;
	assert_int_equal(env_spawn(f->env, &spec, &p.child, &err), -1);
	assert_int_equal(err.os_errno, ENOENT);
	assert_true(str_contains(str_from(err.msg), STR("/nonexistent/nothing")));
}

static void test_child_descriptors(void **state)
{
	/* The child must get exactly the descriptors named, also when their numbers cross, and our environment
	 * never. */
	struct fixture *f = *state;
	int leak = open("/dev/zero", O_RDONLY); /* without close-on-exec, on purpose */
	int out[2], odd[2];
	char text[256] = "";
	struct process p;
	struct err err;
	ssize_t len;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(odd, O_CLOEXEC), 0);
	/* 3 and 4 in the child come from each other's number where possible: out and odd are low. */
	struct child_fd fds[] = { { out[1], 1 }, { odd[1], out[1] }, { out[1], odd[1] } };

	assert_int_equal(setenv("SECRET", "x", 1), 0);
	snprintf(text, sizeof(text), "echo to-odd >/proc/self/fd/%d; echo $GREETING$SECRET >/proc/self/fd/%d;"
		 "readlink /proc/self/fd/0; ls /proc/self/fd | wc -l", out[1], odd[1]);
	spawn_shell(f, &p, text, fds, ARRAY_COUNT(fds));
	close(out[1]);
	close(odd[1]);
	run(f);
	memset(text, 0, sizeof(text));
	len = read(odd[0], text, sizeof(text) - 1);
	assert_int_equal(len, 7);
	assert_string_equal(text, "to-odd\n");
	memset(text, 0, sizeof(text));
	assert_int_equal(fd_set_nonblock(out[0], true, &err), 0);
	len = read(out[0], text, sizeof(text) - 1);
	/* 0, 1, 2, the two named, and ls' own. */
	assert_string_equal(text, "hello\n/dev/null\n6\n");
	close(out[0]);
	close(odd[0]);
	close(leak);
}

static void test_child_forget(void **state)
{
	/* A forgotten child must be reaped without a call; one that still runs must not keep the loop from being
	 * freed. */
	struct fixture *f = *state;
	struct process gone, marker, running;

	spawn_shell(f, &gone, "exit 0", NULL, 0);
	env_child_forget(&gone.child);
	/* Its end comes after the other's is readable in most runs; either order must work. */
	spawn_shell(f, &marker, "exit 0", NULL, 0);
	run(f);
	assert_int_equal(gone.exits, 0);
	assert_int_equal(marker.exits, 1);
	spawn_shell(f, &running, "exec sleep 20", NULL, 0);
	pid_t pid = running.child.pid;
	env_child_forget(&running.child);
	loop_free(f->loop);
	f->loop = loop_new();
	f->env = loop_env(f->loop);
	timer_init(&f->limit, f->env, on_limit);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

struct reader {
	struct io_watch watch;
	struct fixture *f;
	int events, calls;
	char last;
	bool stop_on_hangup;
};

static void on_ready(struct io_watch *w, int events)
{
	struct reader *r = CONTAINER_OF(w, struct reader, watch);

	r->events = events;
	r->calls++;
	if (events & IO_READ && read(w->fd, &r->last, 1) < 0)
		r->last = '?';
	if (!r->stop_on_hangup || events & IO_HANGUP)
		loop_stop(r->f->loop);
}

static void test_readiness(void **state)
{
	/* Readiness must be reported for what was asked, stop when paused, and tell that the peer closed. */
	struct fixture *f = *state;
	struct reader r = { .f = f };
	struct err err;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	r.watch.fn = on_ready;
	assert_false(io_is_started(&r.watch));
	assert_int_equal(io_start(f->env, &r.watch, pair[0], IO_WRITE, &err), 0);
	run(f);
	assert_int_equal(r.events, IO_WRITE);
	assert_int_equal(write(pair[1], "x", 1), 1);
	io_update(&r.watch, IO_READ);
	run(f);
	assert_int_equal(r.events, IO_READ);
	assert_int_equal(r.last, 'x');
	io_update(&r.watch, 0);
	assert_int_equal(write(pair[1], "y", 1), 1);
	r.calls = 0;
	timer_start(&f->limit, 20);
	loop_run(f->loop);
	assert_int_equal(r.calls, 0);
	close(pair[1]);
	io_update(&r.watch, IO_READ);
	r.stop_on_hangup = true;
	run(f);
	assert_true(r.events & IO_READ && r.events & IO_HANGUP);
	io_stop(&r.watch);
	io_stop(&r.watch);
	assert_false(io_is_started(&r.watch));
	close(pair[0]);
}

static void test_broken_pipe_wakes_writer(void **state)
{
	/* Whoever waits to write into a pipe that nobody reads any more must be woken to find out. */
	struct fixture *f = *state;
	struct reader r = { .f = f };
	struct err err;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	r.watch.fn = on_ready;
	assert_int_equal(io_start(f->env, &r.watch, fds[1], IO_WRITE, &err), 0);
	close(fds[0]);
	run(f);
	assert_true(r.events & IO_WRITE);
	io_stop(&r.watch);
	close(fds[1]);
}

static int make_eventfd(int *ret_other)
{
	*ret_other = -1;
	return eventfd(0, EFD_CLOEXEC);
}

static void poke_eventfd(int fd, int other)
{
	assert_int_equal(eventfd_write(fd, 1), 0);
}

static int make_inotify(int *ret_other)
{
	int fd = inotify_init1(IN_CLOEXEC);

	*ret_other = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd;
}

static void poke_inotify(int fd, int other)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", other);
	assert_true(inotify_add_watch(fd, path, IN_MODIFY) > 0);
	assert_int_equal(write(other, "x", 1), 1);
}

static int make_pty(int *ret_other)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_int_equal(unlockpt(master), 0);
	*ret_other = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	return master;
}

static void poke_other(int fd, int other)
{
	assert_int_equal(write(other, "x", 1), 1);
}

static int make_pipe(int *ret_other)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	*ret_other = fds[1];
	return fds[0];
}

static const struct {
	const char *name;
	int (*make)(int *ret_other);
	void (*poke)(int fd, int other);
	bool hangs_up; /* when the other end is closed */
} descriptor_kinds[] = {
	{ "eventfd", make_eventfd, poke_eventfd, false },
	{ "inotify", make_inotify, poke_inotify, false },
	{ "terminal", make_pty, poke_other, true },
	{ "pipe", make_pipe, poke_other, true },
};

struct counting {
	struct io_watch watch;
	struct fixture *f;
	int calls, events;
};

static void on_counted(struct io_watch *w, int events)
{
	struct counting *c = CONTAINER_OF(w, struct counting, watch);
	char bytes[512];
	ssize_t got = read(w->fd, bytes, sizeof(bytes));

	c->calls++;
	c->events |= events;
	if (got <= 0)
		io_update(w, 0);
	loop_stop(c->f->loop);
}

static void test_descriptor_kinds(void **state)
{
	/* Whatever roles wait for must wake them once when it happens, not before, and tell the end of the peer. */
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_COUNT(descriptor_kinds); i++) {
		int other, fd = descriptor_kinds[i].make(&other);
		struct counting c = { .f = f, .watch = { .fn = on_counted } };
		struct err err;

		assert_int_equal(io_start(f->env, &c.watch, fd, IO_READ, &err), 0);
		timer_start(&f->limit, 10);
		loop_run(f->loop);
		assert_int_equal(c.calls, 0);
		descriptor_kinds[i].poke(fd, other);
		run(f);
		assert_int_equal(c.calls, 1);
		assert_int_equal(c.events, IO_READ);
		timer_start(&f->limit, 10);
		loop_run(f->loop);
		assert_int_equal(c.calls, 1);
		fd_close(&other);
		if (descriptor_kinds[i].hangs_up) {
			run(f);
			assert_true(c.events & IO_READ);
			assert_int_equal(c.calls, 2);
		}
		io_stop(&c.watch);
		close(fd);
	}
}

static void test_regular_file_refused(void **state)
{
	/* Files are always ready: watching one is a mistake that must be told, not a busy loop. */
	struct fixture *f = *state;
	struct reader r = { .f = f };
	AUTO_FD fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct err err;

	r.watch.fn = on_ready;
	assert_int_equal(io_start(f->env, &r.watch, fd, IO_READ, &err), -1);
	assert_int_equal(err.os_errno, EPERM);
	assert_false(io_is_started(&r.watch));
}

static void on_signal_stop(void *arg, int signo)
{
	struct fixture *f = arg;

	assert_int_equal(signo, SIGUSR1);
	loop_stop(f->loop);
}

static void test_signal(void **state)
{
	/* A signal must arrive as a call on the loop. */
	struct fixture *f = *state;
	struct err err;

	assert_int_equal(loop_on_signal(f->loop, SIGUSR1, on_signal_stop, f, &err), 0);
	kill(getpid(), SIGUSR1);
	run(f);
}

static void test_idle(void **state)
{
	/* A loop with one far timer must not wake up meanwhile. */
	struct fixture *f = *state;
	struct rusage before, after;

	timer_start(&f->limit, 300);
	getrusage(RUSAGE_THREAD, &before);
	loop_run(f->loop);
	getrusage(RUSAGE_THREAD, &after);
	assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 1, 3);
}

static void test_stop_before_run(void **state)
{
	/* A stop that comes before the loop runs must not be lost. */
	struct fixture *f = *state;

	loop_stop(f->loop);
	run(f);
}

static void test_random(void **state)
{
	/* Names and UUIDs must have their documented form; bounded numbers must stay within their bound. */
	struct fixture *f = *state;
	char uuid[ENV_UUID_BYTES], before[ENV_UUID_BYTES] = "", suffix[6];

	for (int i = 0; i < 1000; i++) {
		env_uuid(f->env, uuid);
		assert_int_equal(strlen(uuid), 36);
		for (int at = 8; at < 24; at += 5)
			assert_int_equal(uuid[at], '-');
		assert_int_equal(strspn(uuid, "0123456789abcdef-"), 36);
		assert_string_not_equal(uuid, before);
		memcpy(before, uuid, sizeof(before));
		assert_int_equal(uuid[14], '4');
		assert_non_null(strchr("89ab", uuid[19]));
		env_name_suffix(f->env, suffix, 5);
		assert_int_equal(strspn(suffix, "bcdfghjklmnpqrstvwxz2456789"), 5);
		assert_int_equal(suffix[5], '\0');
		assert_true(env_random_below(f->env, 3) < 3);
		assert_int_equal(env_random_below(f->env, 1), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_timers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_defer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_post, setup, teardown),
		cmocka_unit_test_setup_teardown(test_work, setup, teardown),
		cmocka_unit_test_setup_teardown(test_child_status, setup, teardown),
		cmocka_unit_test_setup_teardown(test_child_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_child_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_child_forget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readiness, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_pipe_wakes_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptor_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_regular_file_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_before_run, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
