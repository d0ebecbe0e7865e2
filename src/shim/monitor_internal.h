/* SPDX-License-Identifier: Apache-2.0 */
/* What monitor.c (streams, loop, end) and peer.c (connections) share. */
#ifndef CUBE_SHIM_MONITOR_INTERNAL_H
#define CUBE_SHIM_MONITOR_INTERNAL_H

#include "oci/monitor.h"
#include "shim/limits.h"
#include "shim/monitor.h"

struct peer {
	int fd;                       /* -1: slot is free */
	struct monitor_frame frame;   /* being received */
	unsigned header_got;          /* of its header */
	uint32_t payload_got;
	char payload[64];             /* of everything but INPUT */
	struct buf out; /* not yet sent; while it holds anything nothing more is read from the
			   container */
	bool want_output[3];          /* by stream */
	bool gave_input, want_input;
};

struct monitor {
	struct shim_subject *subject;
	struct shim_log *log;
	int listen_fd, signal_fd;
	struct peer peers[SHIM_PEERS_MAX];
	unsigned peer_count;          /* slots in use lie below it */
	struct buf input;             /* for stdin, not yet taken by the container */
	bool close_input;             /* once input is empty */
	bool has_exited, was_oom;
	int wait_status;
	int64_t finished_ns;
};

/* peer.c */
void peer_accept(struct monitor *m);
/* The socket is ready: reads at most once. */
void peer_read(struct monitor *m, struct peer *p);
void peer_flush(struct monitor *m, struct peer *p);
void peer_close(struct monitor *m, struct peer *p);
void peers_send_output(struct monitor *m, int stream, struct str bytes);
void peers_send_all(struct monitor *m, enum monitor_type type, struct str payload);
bool peers_are_blocked(const struct monitor *m);
/* monitor.c */
void monitor_give_input(struct monitor *m);
const char *monitor_status(const struct monitor *m);

#endif
