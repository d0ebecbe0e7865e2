/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of the last events, from which watches start and resume. Sequence numbers count events and never repeat;
 * the ring holds first_sequence .. next_sequence - 1, revisions ascending, and grows up to its limits.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "store/internal.h"

#define CAP_FIRST 64

static struct store_event *slot(const struct history *h, uint64_t sequence)
{
	return &h->events[sequence & (h->cap - 1)];
}

/* What an event alone may keep alive: its value, once it is superseded. */
static size_t event_bytes(const struct store_event *event)
{
	return event->key.len + event->value->len;
}

void history_init(struct history *h, size_t events_max, size_t bytes_max, int64_t revision)
{
	*h = (struct history){
		.first_sequence = 1,
		.next_sequence = 1,
		.events_max = events_max ? events_max : STORE_HISTORY_EVENTS_MAX,
		.bytes_max = bytes_max ? bytes_max : STORE_HISTORY_BYTES_MAX,
		.compact_revision = revision,
	};
}

static void drop_first(struct history *h)
{
	struct store_event *event = slot(h, h->first_sequence++);

	h->bytes -= event_bytes(event);
	h->compact_revision = event->revision;
	mem_free((void *)event->key.ptr);
	blob_unref(event->value);
	blob_unref(event->previous);
}

void history_deinit(struct history *h)
{
	while (h->first_sequence < h->next_sequence)
		drop_first(h);
	mem_free(h->events);
	h->events = NULL;
	h->cap = 0;
}

static void grow(struct history *h)
{
	size_t cap = h->cap ? h->cap * 2 : CAP_FIRST;
	struct store_event *events = mem_calloc(cap, sizeof(*events));

	for (uint64_t s = h->first_sequence; s < h->next_sequence; s++)
		events[s & (cap - 1)] = *slot(h, s);
	mem_free(h->events);
	h->events = events;
	h->cap = cap;
}

const struct store_event *history_add(struct history *h, const struct store_event *event)
{
	struct store_event *added;

	if (h->next_sequence - h->first_sequence >= h->events_max)
		drop_first(h);
	if (h->next_sequence - h->first_sequence == h->cap)
		grow(h);
	added = slot(h, h->next_sequence++);
	*added = *event;
	added->key = str_dup(event->key);
	blob_ref(added->value);
	blob_ref(added->previous);
	h->bytes += event_bytes(added);
	while (h->bytes > h->bytes_max && h->next_sequence - h->first_sequence > 1)
		drop_first(h);
	return added;
}

const struct store_event *history_at(const struct history *h, uint64_t sequence)
{
	ASSERT(sequence >= h->first_sequence && sequence < h->next_sequence);
	return slot(h, sequence);
}

uint64_t history_after(const struct history *h, int64_t revision)
{
	uint64_t low = h->first_sequence, high = h->next_sequence;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (slot(h, middle)->revision > revision)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

void history_compact(struct history *h, int64_t revision)
{
	while (h->first_sequence < h->next_sequence && slot(h, h->first_sequence)->revision <= revision)
		drop_first(h);
	if (h->compact_revision < revision)
		h->compact_revision = revision;
}
