/* SPDX-License-Identifier: Apache-2.0 */
/* What remote_stream.c, remote_websocket.c, remote_spdy.c, port_forward.c and http_messages.c share.
 * Included by no other folder. */
#ifndef CUBE_NET_REMOTE_INTERNAL_H
#define CUBE_NET_REMOTE_INTERNAL_H

#include "net/remote_stream.h"
#include "net/spdy.h"

#define REMOTE_LINGER_MS 5000
/* Go's client (up to 1.32 at least) reads the connection before it has made its streams, and drops what
 * comes for a stream it does not know. Containers here answer sooner than it is ready. */
#define REMOTE_SETTLE_MS 10

struct remote_stream {
	struct conn *conn;                      /* NULL once closed or handed to lingering */
	struct env *env;
	const struct remote_protocol *protocol;
	struct remote_stream_options options;
	int version;                            /* 1 to 5 */
	bool base64;
	bool ready, finished, closed, dead;
	bool paused, ready_due, closed_due;
	bool in_message;                        /* WebSocket: more of it is to come */
	bool in_read;                           /* in is being decoded */
	int depth;                              /* events that are running */
	struct task task;                       /* due events */
	struct buf in;                          /* WebSocket: undecoded bytes */
	struct buf message;                     /* WebSocket: a message in parts */
	struct spdy *spdy;
	struct buf out;                         /* SPDY frames of this turn */
	uint32_t ids[REMOTE_CHANNEL_COUNT];     /* SPDY: stream of each channel, 0 = none */
	uint32_t channel_mask;                  /* SPDY: channels that must come */
	struct timer timer;
};

struct remote_protocol {
	size_t (*read)(struct remote_stream *r, struct str bytes);
	void (*send)(struct remote_stream *r, enum remote_channel channel, struct str bytes);
	void (*finish)(struct remote_stream *r, struct str status);
};
extern const struct remote_protocol remote_websocket;
extern const struct remote_protocol remote_spdy;

void remote_spdy_open(struct remote_stream *r);
void remote_ready(struct remote_stream *r);        /* on_ready, in a later turn */
void remote_closed(struct remote_stream *r);       /* on_closed, in a later turn */
/* Events to the owner; false when it freed the stream inside (then nothing of it may be touched). */
bool remote_data(struct remote_stream *r, enum remote_channel channel, struct str bytes);
bool remote_channel_closed(struct remote_stream *r, enum remote_channel channel);

/* Text answer as Go's http.Error gives it. */
int remote_refuse(struct http_exchange *x, int status, const struct http_headers *headers, struct err *err);
/* What a WebSocket handshake comes to; in the exchange's arena. */
struct websocket_answer {
	struct str accept, protocol; /* protocol may be empty */
	size_t index;                /* of ours */
};
/* Answers when it refuses. */
int websocket_handshake(struct http_exchange *x, const struct str *ours, size_t our_count,
			struct websocket_answer *ret, struct err *err) MUST_CHECK;
struct http_headers websocket_answer_headers(const struct websocket_answer *answer, struct http_header list[3]);
/* WebSocket handshake with one of ours (first that the client names), upgrades. *ret_index says
 * which. */
int remote_accept_websocket(struct http_exchange *x, const struct str *ours, size_t our_count, size_t *ret_index,
			    struct conn **ret_conn, struct err *err) MUST_CHECK;
int remote_accept_spdy(struct http_exchange *x, const struct str *ours, size_t our_count, size_t *ret_index,
		       struct conn **ret_conn, struct err *err) MUST_CHECK;

#endif
