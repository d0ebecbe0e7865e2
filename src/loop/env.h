/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct env is everything that is not a pure function of its input: clock, random, timers, deferred tasks, the
 * worker pool, child processes, files that hold a role's own state, sockets. Each loop has one; all code of a role
 * gets it as a parameter and never asks the operating system behind its back, so that test/sim can run the whole
 * control plane in one thread from a seed. loop.h makes the real one; test/sim/env_sim.c the simulated one.
 *
 * Unless said otherwise everything here is called on the env's own loop, and every callback runs there, never from
 * inside the call that asked for it.
 */
#ifndef CUBE_LOOP_ENV_H
#define CUBE_LOOP_ENV_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/str.h"

struct env;
struct timer;
struct task;
struct work;
struct child;
struct io_watch;
struct child_spec;

/* The table that a kind of env fills in. Use the functions below, not the slots. */
struct env_ops {
	int64_t (*wall_ns)(struct env *env);
	int64_t (*mono_ns)(struct env *env);
	void (*random)(struct env *env, void *to, size_t size_bytes);
	/* The earliest timer's deadline changed (monotonic ns, INT64_MAX for none): wake up then and call
	 * env_run_timers(). */
	void (*arm)(struct env *env, int64_t deadline_ns);
	void (*post)(struct env *env, struct task *task);         /* from any thread */
	void (*defer)(struct env *env, struct task *task);        /* from the loop */
	void (*work)(struct env *env, struct work *work);
	int (*spawn)(struct env *env, const struct child_spec *spec, struct child *child, struct err *err);
	void (*child_forget)(struct env *env, struct child *child);
	int (*read_file)(struct env *env, const char *path, size_t max_bytes, struct buf *ret, struct err *err);
	int (*replace_file)(struct env *env, const char *path, struct str bytes, mode_t mode, struct err *err);
	int (*remove_file)(struct env *env, const char *path, struct err *err);
	/* Sockets: only real envs have these; a simulated cluster connects its roles in process. */
	int (*io_start)(struct env *env, struct io_watch *watch, int fd, int events, struct err *err);
	void (*io_update)(struct env *env, struct io_watch *watch, int events);
	void (*io_stop)(struct env *env, struct io_watch *watch);
};

struct env {
	const struct env_ops *ops;
	struct timer **timers; /* binary heap by deadline, then by order of starting */
	size_t timer_count, timer_cap;
	uint64_t timer_sequence;
	bool has_stock; /* of random bytes for names and numbers, which are asked for a few at a time; real envs */
	size_t stock_left;
	unsigned char stock[512];
};

/* --- clock and random --- */
int64_t env_wall_ns(struct env *env);
int64_t env_mono_ns(struct env *env);
void env_random(struct env *env, void *to, size_t size_bytes);      /* cryptographic in real envs */
uint64_t env_random_below(struct env *env, uint64_t bound);         /* 0 <= result < bound, bound > 0 */
/* "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx" and NUL. */
#define ENV_UUID_BYTES 37
void env_uuid(struct env *env, char to[ENV_UUID_BYTES]);
/* count characters of Kubernetes' name-suffix alphabet ("bcdfghjklmnpqrstvwxz2456789") and NUL. */
void env_name_suffix(struct env *env, char *to, size_t count);

/* --- timers: one-shot, restarted by their owner; zero-initialise or timer_init before first use --- */
struct timer {
	void (*fn)(struct timer *timer);
	struct env *env;
	int64_t deadline_ns;
	uint64_t sequence;
	size_t heap_index; /* +1; 0 = not running */
};
void timer_init(struct timer *t, struct env *env, void (*fn)(struct timer *));
void timer_start(struct timer *t, int64_t delay_ms);                 /* restarts when running */
/* May fire up to slack_ms later than asked, together with others: use it for all that is not urgent. */
void timer_start_slack(struct timer *t, int64_t delay_ms, int64_t slack_ms);
void timer_stop(struct timer *t);
bool timer_is_running(const struct timer *t);
void env_run_timers(struct env *env);                                /* for envs: fires all that are due */
void env_deinit_timers(struct env *env);

/* --- tasks: a function to run on a loop; the owner keeps the memory until it ran; queued at most once at a time --- */
struct task {
	void (*fn)(struct task *task);
	struct list link;
};
static inline void task_init(struct task *t, void (*fn)(struct task *))
{
	t->fn = fn;
	list_init(&t->link);
}
void env_defer(struct env *env, struct task *task);  /* next turn of this loop; nothing when already queued */
void env_cancel(struct env *env, struct task *task); /* takes back a deferred (not a posted) task */
void env_post(struct env *env, struct task *task);   /* mailbox: from any thread to env's loop, in order */

/* --- worker pool: run() on a pool thread, may block; then done() on the loop --- */
struct work {
	void (*run)(struct work *work);
	void (*done)(struct work *work);
	struct list link;
	struct task back;
	struct env *env;
};
void env_work(struct env *env, struct work *work);

/* --- child processes: spawned and exec'd without copying this process; never through a shell --- */
struct child_fd {
	int from; /* ours */
	int to;   /* number in the child */
};
struct child_spec {
	const char *path;              /* absolute */
	const char *const *argv;       /* NULL-terminated */
	const char *const *envp;       /* NULL-terminated; NULL = empty environment */
	const struct child_fd *fds;    /* 0-2 that are not named become /dev/null; nothing else is inherited */
	size_t fd_count;
	bool new_session;              /* setsid */
};
struct child {
	struct env *env;
	pid_t pid;
	int pidfd;
	void (*on_exit)(struct child *child, int wait_status); /* as waitpid; child is free to reuse */
	void *impl;
};
/* child->on_exit must be set. */
int env_spawn(struct env *env, const struct child_spec *spec, struct child *child, struct err *err) MUST_CHECK;
/* on_exit will not be called any more; the process goes on and is reaped by the env. */
void env_child_forget(struct child *child);

/* --- a role's own small files (durable, atomically replaced) --- */
int env_read_file(struct env *env, const char *path, size_t max_bytes, struct buf *ret, struct err *err) MUST_CHECK;
int env_replace_file(struct env *env, const char *path, struct str bytes, mode_t mode, struct err *err) MUST_CHECK;
int env_remove_file(struct env *env, const char *path, struct err *err) MUST_CHECK; /* missing is fine */

/* --- sockets, pipes, pidfds, inotify: level-triggered readiness --- */
enum { IO_READ = 1, IO_WRITE = 2, IO_HANGUP = 4 };
struct io_watch {
	void (*fn)(struct io_watch *watch, int events); /* HANGUP is reported with READ when the peer closed */
	struct env *env;
	int fd;
	int events;
	void *impl;
};
/* watch->fn must be set. The fd stays the caller's and must stay open until io_stop. */
int io_start(struct env *env, struct io_watch *watch, int fd, int events, struct err *err) MUST_CHECK;
void io_update(struct io_watch *watch, int events); /* 0 = paused */
void io_stop(struct io_watch *watch);               /* fine when not started; after it fn is not called again */
bool io_is_started(const struct io_watch *watch);

#endif
