/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding one container: its streams, log, clients and end. monitor_run() is called by main/ with a container that was
 * created (and maybe started) and returns when that is gone and everything is written.
 */
#ifndef CUBE_SHIM_MONITOR_H
#define CUBE_SHIM_MONITOR_H

#include <sys/types.h>
#include "linux/oom_watch.h"
#include "shim/log.h"

/* What is held, and what can be done with it. */
struct shim_subject {
	pid_t pid;
	int64_t created_ns, started_ns;  /* started_ns 0: waits for MONITOR_START */
	int state_dir_fd;
	int stdin_fd;                    /* write end, -1 without */
	int output_fds[2];               /* read ends of stdout and stderr, -1 without */
	int master_fd;                   /* terminal instead of those, -1 without */
	struct oom_watch oom;            /* blank without a cgroup */
	bool stdin_once;
	void *arg;
	int (*start)(void *arg, struct err *err);
	int (*signal)(void *arg, int signal, bool all);  /* -errno */
	/* Kills what outlived the first process, so that the streams end. */
	void (*end)(void *arg);
	/* Last: removes cgroups, runs hooks. */
	int (*finish)(void *arg, struct err *err);
};

/* Makes monitor.sock, so that the daemon can connect as soon as it got its answer. Returns the listening socket. */
int monitor_listen(int state_dir_fd, struct err *err) MUST_CHECK;
int monitor_run(struct shim_subject *subject, struct shim_log *log, int listen_fd, struct err *err) MUST_CHECK;

#endif
