/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC client: calls, unary and streaming, over one HTTP/2 connection, which is a channel. A
 * channel that broke stays broken: its owner makes a new one, to the same or another address, and
 * decides which calls may be repeated.
 */
#ifndef CUBE_NET_GRPC_CLIENT_H
#define CUBE_NET_GRPC_CLIENT_H

#include "net/conn.h"
#include "net/grpc.h"

struct grpc_channel;
struct grpc_call;

struct grpc_channel_options {
	struct env *env;
	struct tls_client *tls; /* with http2 set; NULL: plain, prior knowledge */
	struct str host;	/* name or address, and port: for :authority and the certificate */
	uint16_t port;
	struct str unix_path; /* set: connect there; host alone is :authority. Without TLS */
	size_t message_bytes_max;   /* received; 0: GRPC_MESSAGE_BYTES_MAX */
	int64_t connect_timeout_ms; /* name, socket and handshakes; 0: GRPC_CONNECT_TIMEOUT_MS */
	/* A ping after so long without a byte while calls are open, and as long again for its
	 * answer; 0: none. */
	int64_t keepalive_ms;
};

struct grpc_channel_events {
	void (*on_ready)(void *arg);
	/* Last event: could not connect, or broke; all calls have ended. Free the channel, here or
	 * later. */
	void (*on_closed)(void *arg, const struct err *err);
};

struct grpc_call_events {
	/* Borrowed for the call. */
	void (*on_message)(void *arg, struct grpc_call *call, struct str message);
	/* Last event, exactly once unless cancelled. A broken connection is GRPC_UNAVAILABLE. */
	void (*on_end)(void *arg, struct grpc_call *call, const struct grpc_status *status);
};

/* events must live as long as the channel. Nothing below calls back from inside. */
struct grpc_channel *grpc_channel_new(const struct grpc_channel_options *options,
				      const struct grpc_channel_events *events,
				      void *arg) MUST_CHECK;
/* Calls that run are dropped without an event. Not from inside an event of a call. */
void grpc_channel_free(struct grpc_channel *ch);
/* path: "/etcdserverpb.KV/Range". deadline_ms 0: none. May be called before on_ready. */
struct grpc_call *grpc_call_new(struct grpc_channel *ch, const char *path, int64_t deadline_ms,
				const struct grpc_call_events *events, void *arg) MUST_CHECK;
/* frames: made by grpc_frame. last: no more will be sent. */
void grpc_call_send(struct grpc_call *call, struct str frames, bool last);
void grpc_call_cancel(struct grpc_call *call); /* no further event; the call is gone */

#endif
