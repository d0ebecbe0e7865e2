/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells of processes of a cgroup that were killed for lack of memory. What counts is the kernel's counter: the event of
 * v1 comes before the kill is counted and no other one follows, so that it is looked for a while; the file that v2 has
 * for events changes for lesser ones too.
 */
#ifndef CUBE_LINUX_OOM_WATCH_H
#define CUBE_LINUX_OOM_WATCH_H

#include "linux/cgroup.h"

#define OOM_LOOK_MS 10  /* between looks for a kill that was announced */
#define OOM_WAIT_MS 500 /* for that kill */

struct oom_watch {
	const struct cgroup *cgroup; /* NULL: nothing is watched */
	int fd;                      /* to be polled, -1 without; the caller may leave it out when it knows enough */
	short events;                /* to poll it for */
	uint64_t kills;              /* told of so far */
	int64_t until_ns;            /* a kill that was announced is looked for until then; 0: none was */
};

/* Tells of kills beyond the first `kills`. cgroup: NULL or one that outlives the watch. */
void oom_watch_open(struct oom_watch *watch, const struct cgroup *cgroup, uint64_t kills);
void oom_watch_close(struct oom_watch *watch);
/* The descriptor was ready. */
void oom_watch_event(struct oom_watch *watch, int64_t mono_ns);
/* Whether there are kills that were not told of. */
bool oom_watch_look(struct oom_watch *watch, int64_t mono_ns);
/* How long poll may wait before the next look; -1: until the descriptor is ready. */
int oom_watch_wait_ms(const struct oom_watch *watch);

#endif
