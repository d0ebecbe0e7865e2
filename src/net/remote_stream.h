/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes remote command streams (exec, attach, port-forward, logs over WebSocket), the server's
 * side: WebSocket subprotocols v5/v4/v3/v2/v1.channel.k8s.io and their base64 forms, and SPDY/3.1,
 * behind one interface.
 */
#ifndef CUBE_NET_REMOTE_STREAM_H
#define CUBE_NET_REMOTE_STREAM_H

#include "base/err.h"
#include "base/str.h"
#include "net/http_server.h"

struct remote_stream;

enum remote_channel {
	REMOTE_STDIN = 0,
	REMOTE_STDOUT = 1,
	REMOTE_STDERR = 2,
	REMOTE_ERROR = 3,
	REMOTE_RESIZE = 4,
	REMOTE_CHANNEL_COUNT,
};

struct remote_stream_events {
	/* All channels are there (at once for WebSocket; when the client has made its streams for
	 * SPDY): start the command. */
	void (*on_ready)(void *arg, struct remote_stream *r);
	/* STDIN bytes, or RESIZE: see remote_resize_decode. */
	void (*on_data)(void *arg, struct remote_stream *r, enum remote_channel channel, struct str bytes);
	/* The client ended this channel (EOF of stdin). */
	void (*on_channel_closed)(void *arg, struct remote_stream *r, enum remote_channel channel);
	/* Queued bytes have fallen to 64 KiB after being above. */
	void (*on_drained)(void *arg, struct remote_stream *r);
	/* The client is gone, or everything including remote_stream_finish has been sent. Last
	 * event; then call remote_stream_free. */
	void (*on_closed)(void *arg, struct remote_stream *r);
};

struct remote_stream_options {
	bool has_stdin, has_stdout, has_stderr, tty;
	const struct remote_stream_events *events; /* live, as arg, until on_closed */
	void *arg;
};

/* Negotiates and upgrades. On success the exchange is gone and the stream the caller's. On failure
 * the exchange was answered, in upstream's wording, and err says how. events and arg live until
 * on_closed. */
int remote_stream_accept(struct http_exchange *x, const struct remote_stream_options *options,
			 struct remote_stream **ret, struct err *err) MUST_CHECK;
/* Copies bytes. Nothing happens once the client is gone. */
void remote_stream_send(struct remote_stream *r, enum remote_channel channel, struct str bytes);
size_t remote_stream_queued_bytes(const struct remote_stream *r) PURE;
void remote_stream_pause(struct remote_stream *r, enum remote_channel channel); /* of STDIN: stops reading */
void remote_stream_resume(struct remote_stream *r, enum remote_channel channel);
/* Sends the v1.Status (JSON) on the error channel, or a plain message for protocols before v4, and
 * closes. */
void remote_stream_finish(struct remote_stream *r, struct str status_json);
/* Before v4 the error channel carries plain text, and nothing at all on success. */
bool remote_stream_wants_status(const struct remote_stream *r) PURE;
void remote_stream_free(struct remote_stream *r);   /* closes at once when still open */

/* {"Width":80,"Height":24} */
int remote_resize_decode(struct str json, uint16_t *ret_width, uint16_t *ret_height,
			 struct err *err) MUST_CHECK;

/* --- port-forward: pairs of a data and an error stream per connection --- */
struct port_forward;

struct port_forward_events {
	/* The client opened a connection to port; id names it from now on. */
	void (*on_open)(void *arg, struct port_forward *f, uint32_t id, uint16_t port);
	void (*on_data)(void *arg, struct port_forward *f, uint32_t id, struct str bytes);
	void (*on_eof)(void *arg, struct port_forward *f, uint32_t id);
	void (*on_drained)(void *arg, struct port_forward *f, uint32_t id);
	/* The client reset that connection: its id means nothing any more. */
	void (*on_end)(void *arg, struct port_forward *f, uint32_t id);
	void (*on_closed)(void *arg, struct port_forward *f); /* last event; then port_forward_free */
};

struct port_forward_options {
	const uint16_t *ports;
	size_t port_count;
	const struct port_forward_events *events; /* live, as arg, until on_closed */
	void *arg;
};

/* ports are those of the request's query (WebSocket v4.channel: one pair of channels each); SPDY
 * ignores them. */
int port_forward_accept(struct http_exchange *x, const struct port_forward_options *options,
			struct port_forward **ret, struct err *err) MUST_CHECK;
void port_forward_send(struct port_forward *f, uint32_t id, struct str bytes);
size_t port_forward_queued_bytes(const struct port_forward *f, uint32_t id) PURE;
void port_forward_pause(struct port_forward *f, uint32_t id);
void port_forward_resume(struct port_forward *f, uint32_t id);
/* Ends one connection; error_text (may be empty) goes to its error stream. */
void port_forward_close(struct port_forward *f, uint32_t id, struct str error_text);
void port_forward_free(struct port_forward *f);

#endif
