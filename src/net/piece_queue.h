/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces waiting to be sent, each with its reference, in a ring that needs no memory of its own
 * while it is short. Shared by conn and http2 only.
 */
#ifndef CUBE_NET_PIECE_QUEUE_H
#define CUBE_NET_PIECE_QUEUE_H

#include "net/http.h"

#define PIECE_QUEUE_INLINE 4u

struct piece_queue {
	struct http_piece *ring; /* NULL: small */
	uint32_t cap, head, count;
	size_t bytes;
	struct http_piece small[PIECE_QUEUE_INLINE];
};

/* Takes a reference; empty pieces are skipped. With copy, bytes without owner are copied. A zeroed
 * queue is empty. */
void piece_queue_push(struct piece_queue *q, const struct http_piece *piece, bool copy);
struct http_piece *piece_queue_at(struct piece_queue *q, uint32_t index) PURE;
void piece_queue_consume(struct piece_queue *q, size_t len); /* from the front; drops what is used up */
/* Copies up to max bytes from the front without consuming. */
size_t piece_queue_peek(struct piece_queue *q, char *to, size_t max);
void piece_queue_clear(struct piece_queue *q);

#endif
