/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What conn.c (a connection) and conn_pool.c (whose turn it is) share. Included by no other folder.
 */
#ifndef CUBE_NET_CONN_INTERNAL_H
#define CUBE_NET_CONN_INTERNAL_H

#include "net/conn.h"
#include "net/openssl.h"
#include "net/piece_queue.h"

#define CONN_READ_BYTES (64u << 10)
#define CONN_RECORD_BYTES 16384u
#define CONN_WIRE_BYTES (160u << 10)
#define CONN_HANDSHAKE_COST (256u << 10) /* of a flight of a TLS handshake, in bytes to send */

struct conn_pool {
	struct env *env;
	BIO_METHOD *bio;
	char *read_bytes;
	char *gather;      /* one record's plain text */
	char *wire;
	size_t wire_bytes; /* 0 whenever no function of this file runs */
	struct list dirty;
	struct list begun;       /* to go on with their handshake, behind the dirty ones */
	struct list waiting;     /* for their next part, behind these */
	struct list all;
	struct task task;
	size_t cost;             /* since turn_number last rose, and it rises when anybody waits */
	uint32_t turn_number;
};

struct conn {
	struct conn_pool *pool;
	struct io_watch watch;
	int fd;
	SSL *ssl;
	const struct conn_events *events;
	void *arg;

	struct piece_queue queue;
	char *left;              /* for the kernel as it is; heap */
	size_t left_bytes, left_offset;
	size_t low_bytes;
	uint64_t sent_bytes;     /* of pieces, ever */
	char *unread;            /* delivered but not taken; heap */
	size_t unread_bytes;

	struct list dirty_link, all_link;
	struct list holds;       /* of struct conn_hold */
	struct timer linger;
	void *attachment;
	void (*attachment_free)(void *);
	const char *broken_why;  /* constant text */
	int broken_errno;
	int depth;               /* events of it that are running */
	uint32_t turn_number;    /* of the pool, when turn_bytes were sent */
	uint32_t turn_bytes;
	bool connecting, handshaking, hello_told, paused, stuffed, eof, eof_reported, broken, reported, dead;
	bool readable;           /* try to read although the kernel did not say so */
	bool redeliver, blocked, above_low, sent_wanted, fin_wanted, fin_done, lingering, bio_eof;
};

/* --- conn.c --- */

void conn_turn(struct conn *c); /* handshake, read, write, events */
void conn_send_wire(struct conn *c);

/* --- conn_pool.c --- */

/* What of its part of this turn of the loop is left to it. */
size_t conn_bytes_left(struct conn *c);
void conn_charge(struct conn *c, size_t bytes);
bool conn_pool_is_busy(const struct conn_pool *pool); /* what may wait has to */
void conn_wait(struct conn *c);                       /* behind all others that wait */
/* Its turn comes in the loop's next one, or behind those that wait when it has had its part. */
void conn_mark_dirty(struct conn *c);

#endif
