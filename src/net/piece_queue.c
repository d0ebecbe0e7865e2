/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of pieces. cap is a power of two; an emptied ring gives its memory back. */
#include "net/piece_queue.h"

#include "base/mem.h"
#include "base/num.h"

static struct http_piece *slots(struct piece_queue *q)
{
	return q->ring ? q->ring : q->small;
}

static uint32_t slot_count(const struct piece_queue *q)
{
	return q->ring ? q->cap : PIECE_QUEUE_INLINE;
}

struct http_piece *piece_queue_at(struct piece_queue *q, uint32_t index)
{
	return &slots(q)[(q->head + index) & (slot_count(q) - 1)];
}

static void grow(struct piece_queue *q)
{
	uint32_t cap = slot_count(q) * 4;
	struct http_piece *ring = mem_calloc(cap, sizeof(*ring));

	for (uint32_t i = 0; i < q->count; i++)
		ring[i] = *piece_queue_at(q, i);
	mem_free(q->ring);
	q->ring = ring;
	q->cap = cap;
	q->head = 0;
}

void piece_queue_push(struct piece_queue *q, const struct http_piece *piece, bool copy)
{
	struct http_piece held = *piece;

	if (held.bytes.len == 0)
		return;
	if (held.owner) {
		blob_ref(held.owner);
	} else if (copy) {
		held.owner = blob_new(held.bytes);
		held.bytes = blob_str(held.owner);
	}
	if (q->count == slot_count(q))
		grow(q);
	*piece_queue_at(q, q->count++) = held;
	q->bytes += held.bytes.len;
}

void piece_queue_consume(struct piece_queue *q, size_t len)
{
	q->bytes -= len;
	while (q->count > 0) {
		struct http_piece *piece = piece_queue_at(q, 0);
		size_t part = NUM_MIN(len, piece->bytes.len);

		piece->bytes = str_sub(piece->bytes.ptr + part, piece->bytes.len - part);
		len -= part;
		if (piece->bytes.len > 0)
			return;
		blob_unref(piece->owner);
		q->head = (q->head + 1) & (slot_count(q) - 1);
		q->count--;
	}
	piece_queue_clear(q);
}

size_t piece_queue_peek(struct piece_queue *q, char *to, size_t max)
{
	size_t len = 0;

	for (uint32_t i = 0; i < q->count && len < max; i++) {
		const struct http_piece *piece = piece_queue_at(q, i);
		size_t part = NUM_MIN(piece->bytes.len, max - len);

		memcpy(to + len, piece->bytes.ptr, part);
		len += part;
	}
	return len;
}

void piece_queue_clear(struct piece_queue *q)
{
	for (uint32_t i = 0; i < q->count; i++)
		blob_unref(piece_queue_at(q, i)->owner);
	mem_free(q->ring);
	q->ring = NULL;
	q->cap = q->head = q->count = 0;
	q->bytes = 0;
}
