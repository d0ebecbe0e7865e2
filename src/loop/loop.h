/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real event loop (libuv) and worker pool behind struct env. One loop per thread that has one; the pool is shared
 * by all loops of the process and starts its threads on first use.
 */
#ifndef CUBE_LOOP_LOOP_H
#define CUBE_LOOP_LOOP_H

#include "loop/env.h"

#define LOOP_WORKERS_MAX 16 /* pool threads at most; idle ones leave after ten seconds */

struct loop;

struct loop *loop_new(void) MUST_CHECK;
void loop_free(struct loop *loop);                /* nothing may be running on it; posted tasks are still run */
struct env *loop_env(struct loop *loop);
void loop_run(struct loop *loop);                 /* until loop_stop */
void loop_stop(struct loop *loop);                /* from any thread */
/* Calls fn on the loop when the process gets the signal (SIGTERM, SIGINT, SIGHUP, SIGCHLD is not needed). */
int loop_on_signal(struct loop *loop, int signo, void (*fn)(void *arg, int signo), void *arg,
		   struct err *err) MUST_CHECK;

#endif
