/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes: the only place that makes any. posix_spawn shares our memory until the exec, so its cost does not
 * grow with the process. The child gets the descriptors named, /dev/null for the standard ones that are not, and
 * nothing else; default signal actions and an empty mask. Its end is seen through a pidfd; SIGCHLD is not touched.
 */
#include "loop/loop_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "base/mem.h"

#define CHILD_FD_MAX 64 /* numbers in the child are below it */

struct child_watch {
	struct io_watch exit;
	struct list link;
	struct child *child; /* NULL: forgotten */
	pid_t pid;
	int pidfd;
};

/* Sources moved out of the way of the child's numbers; closed again after the spawn. */
struct moved_fds {
	int fds[CHILD_FD_MAX];
	size_t count;
};

static void close_moved(struct moved_fds *moved)
{
	while (moved->count)
		close(moved->fds[--moved->count]);
}

static int plan_fds(const struct child_spec *spec, posix_spawn_file_actions_t *actions, struct moved_fds *moved,
		    struct err *err)
{
	bool named[CHILD_FD_MAX] = { 0 };
	int from, top = 2;

	for (size_t i = 0; i < spec->fd_count; i++) {
		int to = spec->fds[i].to;

		ASSERT(to >= 0 && to < CHILD_FD_MAX && !named[to]);
		named[to] = true;
		top = to > top ? to : top;
	}
	for (size_t i = 0; i < spec->fd_count; i++) {
		from = spec->fds[i].from;
		/* The number may be overwritten by an earlier row before it is its turn. */
		if (from <= top && from != spec->fds[i].to) {
			from = fcntl(from, F_DUPFD_CLOEXEC, top + 1);
			if (from < 0)
				return err_os(err, "duplicate file descriptor %d", spec->fds[i].from);
			moved->fds[moved->count++] = from;
		}
		posix_spawn_file_actions_adddup2(actions, from, spec->fds[i].to);
	}
	for (int fd = 0; fd <= top; fd++) {
		if (!named[fd] && fd <= 2)
			posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
		else if (!named[fd])
			posix_spawn_file_actions_addclose(actions, fd);
	}
	posix_spawn_file_actions_addclosefrom_np(actions, top + 1);
	return 0;
}

static void set_attributes(posix_spawnattr_t *attr, bool new_session)
{
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_setsigdefault(attr, &all);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setflags(attr, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
					       (new_session ? POSIX_SPAWN_SETSID : 0)));
}

static int spawn_process(const struct child_spec *spec, pid_t *ret_pid, struct err *err)
{
	static const char *const no_environment[] = { NULL };
	const char *const *envp = spec->envp ? spec->envp : no_environment;
	posix_spawn_file_actions_t actions;
	struct moved_fds moved = { .count = 0 };
	posix_spawnattr_t attr;
	int result, r;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	set_attributes(&attr, spec->new_session);
	result = plan_fds(spec, &actions, &moved, err);
	if (result == 0) {
		r = posix_spawn(ret_pid, spec->path, &actions, &attr, (char *const *)spec->argv,
				(char *const *)envp);
		if (r != 0)
			result = err_neg(err, -r, "start '%s'", spec->path);
	}
	close_moved(&moved);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

static void drop_watch(struct child_watch *watch)
{
	io_stop(&watch->exit);
	list_remove(&watch->link);
	fd_close(&watch->pidfd);
	mem_free(watch);
}

static void on_exit_ready(struct io_watch *exit, int events)
{
	struct child_watch *watch = CONTAINER_OF(exit, struct child_watch, exit);
	struct child *child = watch->child;
	int status = 0;
	pid_t got;

	do {
		got = waitpid(watch->pid, &status, WNOHANG);
	} while (got < 0 && errno == EINTR);
	if (got == 0)
		return;
	/* Somebody else reaping our child would be a bug of ours. */
	ASSERT(got == watch->pid);
	drop_watch(watch);
	if (!child)
		return;
	child->impl = NULL;
	child->pidfd = -1;
	child->on_exit(child, status);
}

/* The process runs but cannot be watched: end it rather than lose sight of it. */
static void abandon(struct child_watch *watch)
{
	kill(watch->pid, SIGKILL);
	while (waitpid(watch->pid, NULL, 0) < 0 && errno == EINTR)
		;
	fd_close(&watch->pidfd);
	mem_free(watch);
}

int child_spawn(struct env *env, const struct child_spec *spec, struct child *child, struct err *err)
{
	struct child_watch *watch = NEW(struct child_watch);

	watch->pidfd = -1;
	watch->exit.fn = on_exit_ready;
	watch->child = child;
	if (spawn_process(spec, &watch->pid, err) < 0) {
		mem_free(watch);
		return -1;
	}
	/* Not reaped yet, so the number still means our child. The kernel makes pidfds close-on-exec. */
	watch->pidfd = (int)syscall(SYS_pidfd_open, watch->pid, 0);
	if (watch->pidfd < 0) {
		err_os(err, "pidfd of '%s'", spec->path);
		abandon(watch);
		return -1;
	}
	if (io_start(env, &watch->exit, watch->pidfd, IO_READ, err) < 0) {
		abandon(watch);
		return err_wrap(err, "start '%s'", spec->path);
	}
	list_push_back(&env_loop(env)->children, &watch->link);
	child->pid = watch->pid;
	child->pidfd = watch->pidfd;
	child->impl = watch;
	return 0;
}

void child_forget(struct env *env, struct child *child)
{
	struct child_watch *watch = child->impl;

	if (!watch)
		return;
	watch->child = NULL;
	child->impl = NULL;
	child->pidfd = -1;
}

void child_drop_all(struct loop *loop)
{
	while (!list_is_empty(&loop->children))
		drop_watch(LIST_ENTRY(list_first(&loop->children), struct child_watch, link));
}
