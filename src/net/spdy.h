/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPDY/3.1 framing, the server's side, without any connection: bytes in, events out; frames to be
 * sent are appended to a buffer. Windows are announced but not obeyed: the clients of Kubernetes
 * never open theirs, and TCP pushes back.
 */
#ifndef CUBE_NET_SPDY_H
#define CUBE_NET_SPDY_H

#include "base/buf.h"
#include "base/err.h"
#include "net/http.h"

#define SPDY_DICTIONARY_BYTES 1423

struct spdy;

struct spdy_events {
	/* A stream was opened; headers live for the call. The owner answers with spdy_reply or
	 * spdy_reset. */
	void (*on_stream)(void *arg, uint32_t id, const struct http_headers *headers, bool is_last);
	void (*on_data)(void *arg, uint32_t id, struct str bytes);
	void (*on_end)(void *arg, uint32_t id);   /* the client sends no more on it */
	void (*on_reset)(void *arg, uint32_t id);
	void (*on_goaway)(void *arg);
};

struct spdy *spdy_new(const struct spdy_events *events, void *arg, struct buf *out) MUST_CHECK;
void spdy_free(struct spdy *s);
/* Takes what is complete from the front; returns how many bytes, or < 0 when the protocol is
 * broken. Stops early, between two frames, once spdy_pause was called. */
int64_t spdy_decode(struct spdy *s, struct str bytes, struct err *err) MUST_CHECK;
void spdy_pause(struct spdy *s, bool paused);

void spdy_reply(struct spdy *s, uint32_t id);
void spdy_data_header(uint32_t id, size_t len, bool is_last, uint8_t to[8]);
void spdy_data(struct spdy *s, uint32_t id, struct str bytes, bool is_last);
void spdy_reset(struct spdy *s, uint32_t id, uint32_t status);
void spdy_goaway(struct spdy *s);

void spdy_dictionary(uint8_t to[SPDY_DICTIONARY_BYTES]);

#endif
