/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to a monitor's socket (oci/monitor.h): frames in and out without blocking. The
 * owner embeds it. After on_closed, or monitor_link_close, nothing is called any more. The link may
 * be closed from inside its callbacks.
 */
#ifndef CUBE_CONTAINER_MONITOR_LINK_H
#define CUBE_CONTAINER_MONITOR_LINK_H

#include "base/buf.h"
#include "loop/env.h"
#include "oci/monitor.h"

#define MONITOR_LINK_QUEUE_MAX (1u << 20)

struct monitor_link {
	void (*on_frame)(struct monitor_link *link, const struct monitor_frame *frame,
			 struct str payload);
	void (*on_writable)(struct monitor_link *link); /* optional: the queue is empty again */
	void (*on_closed)(struct monitor_link *link);
	struct io_watch watch;
	int fd; /* -1 = closed */
	struct buf in, out;
	bool paused;
	bool *closed; /* set by a close, for whoever is calling back: the link itself may be gone
			 then */
};

void monitor_link_init(struct monitor_link *link);
/* state_dir: the container's. ERR_NOT_FOUND when no monitor listens there (any more). */
int monitor_link_open(struct env *env, struct monitor_link *link, const char *state_dir,
		      struct err *err) MUST_CHECK;
bool monitor_link_is_open(const struct monitor_link *link);
/* ERR_TOO_LARGE above MONITOR_LINK_QUEUE_MAX. */
int monitor_link_send(struct monitor_link *link, const struct monitor_frame *frame,
		      struct str payload, struct err *err) MUST_CHECK;
size_t monitor_link_queued(const struct monitor_link *link);
void monitor_link_pause(struct monitor_link *link, bool paused);
void monitor_link_close(struct monitor_link *link);

/* A plain connected socket, for start-up code that may block. */
int monitor_connect(const char *state_dir, struct err *err) MUST_CHECK;

#endif
