/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte stream over a socket, plain or TLS. Reading delivers into memory shared by all connections
 * of one struct conn_pool, so an idle connection holds no buffer; writing takes pieces by reference
 * and gathers them into as few system calls and TLS records as it can, at the end of the loop's
 * turn. Used by the HTTP server and client, and by whoever upgraded one.
 */
#ifndef CUBE_NET_CONN_H
#define CUBE_NET_CONN_H

#include "base/list.h"
#include "loop/env.h"
#include "net/address.h"
#include "net/http.h"
#include "net/limits.h"
#include "net/tls.h"

_Static_assert(HTTP_REPLY_HEAD_BYTES_MAX <= CONN_UNREAD_BYTES_MAX, "a whole head must fit");

struct conn;

/* The buffers that connections of one owner share; on one loop. Must outlive them. */
struct conn_pool;
struct conn_pool *conn_pool_new(struct env *env) MUST_CHECK;
void conn_pool_free(struct conn_pool *pool);

struct conn_events {
	/* The peer began to shake hands: from here on to on_ready it costs the most. May close other
	 * connections, not this one, and pause this one: then it waits as it is. Optional. */
	void (*on_hello)(void *arg, struct conn *c);
	/* Connected, and the TLS handshake is done. Not called for plain connections that were
	 * connected at the start. */
	void (*on_ready)(void *arg, struct conn *c);
	/*
	 * Bytes arrived; borrowed for the call. Returns how many were taken: the rest is kept and
	 * delivered again, with more behind it, when more comes or after conn_resume. A reader that
	 * leaves CONN_UNREAD_BYTES_MAX untaken is not called before it calls conn_resume.
	 */
	size_t (*on_read)(void *arg, struct conn *c, struct str bytes);
	/* The peer will send no more (half-close); writing still works. Without it EOF counts as
	 * closed. */
	void (*on_eof)(void *arg, struct conn *c);
	/* Queued bytes have fallen to the low mark or below after being above it. */
	void (*on_drained)(void *arg, struct conn *c);
	/* No piece is held any more, after conn_flush had left some: their memory may go. Optional. */
	void (*on_sent)(void *arg, struct conn *c);
	/*
	 * Last event, once: broken or closed by the peer. err is ERR_CLOSED, ERR_OS or what TLS
	 * said. The owner then calls conn_close, here or later. Never called from inside a function
	 * below.
	 */
	void (*on_closed)(void *arg, struct conn *c, const struct err *err);
};

/* Takes over a connected, non-blocking fd. tls is an SSL prepared by tls.h (owned from here on), or
 * NULL. */
struct conn *conn_new(struct conn_pool *pool, int fd, struct ssl_st *tls, const struct conn_events *events,
		      void *arg) MUST_CHECK;
/* fd is still connecting: the first event is on_ready, or on_closed. */
struct conn *conn_new_connecting(struct conn_pool *pool, int fd, struct ssl_st *tls,
				 const struct conn_events *events, void *arg) MUST_CHECK;
/* Bytes that were not taken are delivered to the new events in a later turn. */
void conn_set_events(struct conn *c, const struct conn_events *events, void *arg);
/*
 * Queues for sending at the end of the turn. Pieces without owner are copied when copy is set, else
 * they must stay valid until conn_holds_pieces is false.
 */
void conn_write(struct conn *c, const struct http_piece *pieces, size_t piece_count, bool copy);
static inline void conn_write_bytes(struct conn *c, struct str bytes)
{
	conn_write(c, &HTTP_BYTES(bytes), 1, true);
}
/* Sends at once without queueing pieces; what the kernel does not take is copied. For bytes in
 * reused memory. */
void conn_send(struct conn *c, struct str bytes);
/* Asked by who makes bytes as they can be sent. False: it has sent its part, others come first;
 * on_drained says when it goes on. */
bool conn_has_turn(struct conn *c);
bool conn_holds_pieces(const struct conn *c) PURE;
size_t conn_queued_bytes(const struct conn *c) PURE;
uint64_t conn_sent_bytes(const struct conn *c) PURE;     /* grows while the peer takes anything */
void conn_set_low(struct conn *c, size_t low_bytes);     /* for on_drained; 64 KiB at first */
void conn_flush(struct conn *c);                         /* now, instead of at the end of the turn */
/* Nothing is sent until it is released; other connections go on. Both are safe once the connection is
 * gone. */
struct conn_hold {
	struct list link;
	struct conn *conn; /* NULL: none, or gone */
};
void conn_hold(struct conn *c, struct conn_hold *hold);
void conn_release(struct conn_hold *hold);
void conn_pause(struct conn *c);                         /* no on_read until conn_resume: back-pressure */
void conn_resume(struct conn *c);
/* Sends what is queued, then FIN (and close_notify); reading goes on. */
void conn_shutdown(struct conn *c);
/* Sends what is queued for at most linger_ms in the background, then closes. The caller lets go of
 * it now. */
void conn_close_after(struct conn *c, int64_t linger_ms);
void conn_close(struct conn *c); /* at once; NULL is fine; safe inside its own events */
bool conn_is_broken(const struct conn *c) PURE;
struct ssl_st *conn_tls(const struct conn *c) PURE;      /* NULL when plain */
int conn_fd(const struct conn *c) PURE;
struct env *conn_env(const struct conn *c) PURE;
/* Bytes that were read before the present events were set are delivered to them first. For
 * upgrades. */
void conn_unread(struct conn *c, struct str bytes);
/* Something that is freed together with the connection (after it). */
void conn_attach(struct conn *c, void *attachment, void (*attachment_free)(void *));
void *conn_attachment(const struct conn *c) PURE;

#endif
