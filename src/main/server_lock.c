/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two servers on one data or run folder would undo each other's work. Whether one runs is asked of
 * the lock, never of the pid written in the file, which is for people and scripts to read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "main/server.h"

#define LOCK_NAME "server.lock"
#define LOCK_TRIES 30
#define LOCK_WAIT_NS 10000000

static int refuse(struct str dir, struct err *err)
{
	return err_set(err, ERR_CONFLICT,
		       "another server uses " STR_FMT
		       ": stop it first (SIGTERM), or take other folders (--data-dir, --run-dir)",
		       STR_ARG(dir));
}

/* Scripts ask whether a server runs by taking its lock for the time of one command: that is no
 * server. Blocks, at start-up only. */
static int take(int fd, int how)
{
	const struct timespec wait = { .tv_nsec = LOCK_WAIT_NS };

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, how | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -1;
		nanosleep(&wait, NULL); /* cut short by a signal, it is only tried again sooner */
		errno = EWOULDBLOCK;
	}
	return -1;
}

static int lock(struct arena *arena, struct str dir, int *ret_fd, struct err *err)
{
	struct str path = path_join(arena, dir, STR(LOCK_NAME));
	AUTO_FD fd = open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char pid[16];

	if (fd < 0)
		return err_os(err, "open %s", path.ptr);
	if (take(fd, LOCK_EX) < 0)
		return errno == EWOULDBLOCK ? refuse(dir, err) : err_os(err, "lock %s", path.ptr);
	(void)snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0)
		return err_os(err, "write %s", path.ptr);
	if (fd_write_all(fd, pid, strlen(pid), err) < 0)
		return err_wrap(err, "write %s", path.ptr);
	*ret_fd = fd_take(&fd);
	return 0;
}

int server_lock(const struct server_plan *plan, struct arena *arena, int ret_fds[2],
		struct err *err)
{
	/* Nothing is made where a server is already. */
	if (server_refuse_running(plan, arena, err) < 0 ||
	    fd_make_dirs(AT_FDCWD, plan->run_dir.ptr, 0755, err) < 0 ||
	    fd_make_dirs(AT_FDCWD, plan->data_dir.ptr, 0755, err) < 0 ||
	    lock(arena, plan->run_dir, &ret_fds[0], err) < 0)
		return -1;
	if (str_eq(plan->data_dir, plan->run_dir))
		return 0;
	return lock(arena, plan->data_dir, &ret_fds[1], err);
}

int server_refuse_running(const struct server_plan *plan, struct arena *arena, struct err *err)
{
	const struct str dirs[] = { plan->run_dir, plan->data_dir };

	for (size_t i = 0; i < ARRAY_COUNT(dirs); i++) {
		AUTO_FD fd = open(path_join(arena, dirs[i], STR(LOCK_NAME)).ptr,
				  O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && take(fd, LOCK_SH) < 0)
			return refuse(dirs[i], err);
	}
	return 0;
}

const char *server_forwarding_record(struct arena *arena, const struct server_plan *plan)
{
	return path_join(arena, plan->run_dir, STR("ip_forward")).ptr;
}
