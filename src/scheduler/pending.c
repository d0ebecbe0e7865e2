/* SPDX-License-Identifier: Apache-2.0 */
/* Three binary heaps that know each item's place, so that a pod can leave any of them at once. */
#include "scheduler/pending.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "scheduler/cycle.h"

static bool is_before(const struct pending_pod *a, const struct pending_pod *b)
{
	if (a->queue == PENDING_ACTIVE && a->pod->priority != b->pod->priority)
		return a->pod->priority > b->pod->priority;
	if (a->queue != PENDING_ACTIVE && a->due_ns != b->due_ns)
		return a->due_ns < b->due_ns;
	return a->sequence < b->sequence;
}

static void heap_set(struct pending_heap *heap, size_t at, struct pending_pod *p)
{
	heap->items[at] = p;
	p->position = at;
}

static void heap_up(struct pending_heap *heap, size_t at)
{
	struct pending_pod *p = heap->items[at];

	while (at && is_before(p, heap->items[(at - 1) / 2])) {
		heap_set(heap, at, heap->items[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_set(heap, at, p);
}

static void heap_down(struct pending_heap *heap, size_t at)
{
	struct pending_pod *p = heap->items[at];

	for (size_t child; (child = at * 2 + 1) < heap->count; at = child) {
		if (child + 1 < heap->count &&
		    is_before(heap->items[child + 1], heap->items[child]))
			child++;
		if (!is_before(heap->items[child], p))
			break;
		heap_set(heap, at, heap->items[child]);
	}
	heap_set(heap, at, p);
}

static void push(struct pending *pending, struct pending_pod *p, enum pending_queue queue)
{
	struct pending_heap *heap = &pending->heaps[queue];

	if (heap->count == heap->cap) {
		heap->cap = heap->cap ? heap->cap * 2 : 64;
		heap->items = mem_realloc_array(heap->items, heap->cap, sizeof(*heap->items));
	}
	p->queue = queue;
	heap->items[heap->count] = p;
	heap_up(heap, heap->count++);
}

static void leave(struct pending *pending, struct pending_pod *p)
{
	struct pending_heap *heap = &pending->heaps[p->queue];
	struct pending_pod *last = heap->items[--heap->count];
	size_t at = p->position;

	if (last == p)
		return;
	heap_set(heap, at, last);
	heap_up(heap, at);
	heap_down(heap, last->position);
}

void pending_init(struct pending *pending)
{
	*pending = (struct pending){ .sequence = 0 };
	map_init(&pending->pods);
}

static void pending_pod_free(struct pending_pod *p)
{
	pod_state_free(p->pod);
	mem_free(p);
}

void pending_deinit(struct pending *pending)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(&pending->pods, &cursor, &key, &value))
		pending_pod_free(value);
	map_deinit(&pending->pods);
	for (int i = 0; i < PENDING_QUEUE_COUNT; i++)
		mem_free(pending->heaps[i].items);
}

static struct pending_pod *add(struct pending *pending, struct pod_state *pod)
{
	struct pending_pod *p = NEW(struct pending_pod);

	p->pod = pod;
	p->sequence = pending->sequence++;
	(void)map_put(&pending->pods, pod->uid, p); /* was not there */
	return p;
}

bool pending_set(struct pending *pending, struct pod_state *pod)
{
	struct pending_pod *p = map_get(&pending->pods, pod->uid);
	bool changed;

	if (!p) {
		push(pending, add(pending, pod), PENDING_ACTIVE);
		return true;
	}
	changed = !json_equal(p->pod->labels, pod->labels) ||
		  !json_equal(yyjson_obj_get(p->pod->obj->root, "spec"),
			      yyjson_obj_get(pod->obj->root, "spec"));
	leave(pending, p);
	pod_state_free(p->pod);
	p->pod = pod;
	/* A change of its status alone, as we make it ourselves, is no reason to try again. */
	push(pending, p, changed ? PENDING_ACTIVE : p->queue);
	return changed;
}

void pending_remove(struct pending *pending, struct str uid)
{
	struct pending_pod *p = map_remove(&pending->pods, uid);

	if (!p)
		return;
	leave(pending, p);
	pending_pod_free(p);
}

bool pending_has(const struct pending *pending, struct str uid)
{
	return map_get(&pending->pods, uid) != NULL;
}

struct pending_pod *pending_pop(struct pending *pending)
{
	struct pending_heap *heap = &pending->heaps[PENDING_ACTIVE];
	struct pending_pod *p;

	if (!heap->count)
		return NULL;
	p = heap->items[0];
	leave(pending, p);
	(void)map_remove(&pending->pods, p->pod->uid); /* it was there */
	p->attempts++;
	return p;
}

static int64_t backoff_ns(const struct pending_pod *p)
{
	int64_t ms = SCHEDULER_BACKOFF_BASE_MS;

	for (unsigned i = 1; i < p->attempts && ms < SCHEDULER_BACKOFF_MAX_MS; i++)
		ms *= 2;
	return NUM_MIN(ms, (int64_t)SCHEDULER_BACKOFF_MAX_MS) * TIME_NS_PER_MS;
}

static void give_back(struct pending *pending, struct pending_pod *p)
{
	struct pending_pod *other = map_put(&pending->pods, p->pod->uid, p);

	ASSERT(!other);
}

void pending_refused(struct pending *pending, struct pending_pod *p, uint32_t refused_by,
		     int64_t now_ns)
{
	p->refused_by = refused_by;
	p->backoff_until_ns = now_ns + backoff_ns(p);
	p->due_ns = now_ns + SCHEDULER_UNSCHEDULABLE_MS * TIME_NS_PER_MS;
	give_back(pending, p);
	push(pending, p, PENDING_UNSCHEDULABLE);
}

/* an error: after its back-off */
static void pending_failed(struct pending *pending, struct pending_pod *p, int64_t now_ns)
{
	p->due_ns = p->backoff_until_ns = now_ns + backoff_ns(p);
	give_back(pending, p);
	push(pending, p, PENDING_BACKOFF);
}

struct pod_state *pending_placed(struct pending_pod *p)
{
	struct pod_state *pod = p->pod;

	mem_free(p);
	return pod;
}

void pending_restore(struct pending *pending, struct pod_state *pod, unsigned attempts,
		     int64_t now_ns)
{
	struct pending_pod *p = NEW(struct pending_pod);

	p->pod = pod;
	p->sequence = pending->sequence++;
	p->attempts = attempts;
	pending_failed(pending, p, now_ns);
}

static bool may_fit(const struct pending_pod *p, uint32_t events)
{
	if (!p->refused_by) /* there was no node at all */
		return events & EVENT_NODE_ADDED;
	for (size_t i = 0; i < plugin_count; i++)
		if ((p->refused_by & UINT32_C(1) << i) && (plugins[i].wakes & events))
			return true;
	return false;
}

void pending_wake(struct pending *pending, uint32_t events, int64_t now_ns)
{
	struct pending_heap *heap = &pending->heaps[PENDING_UNSCHEDULABLE];
	/* With nobody else to place there is nothing to protect by making these wait. */
	bool idle = pending->heaps[PENDING_ACTIVE].count == 0;
	AUTO_FREE struct pending_pod **moving = mem_calloc(heap->count + 1, sizeof(*moving));
	size_t count = 0;

	for (size_t i = 0; i < heap->count; i++)
		if (may_fit(heap->items[i], events))
			moving[count++] = heap->items[i];
	for (size_t i = 0; i < count; i++) {
		leave(pending, moving[i]);
		moving[i]->due_ns = moving[i]->backoff_until_ns;
		push(pending, moving[i],
		     idle || moving[i]->backoff_until_ns <= now_ns ? PENDING_ACTIVE
								   : PENDING_BACKOFF);
	}
}

int64_t pending_advance(struct pending *pending, int64_t now_ns)
{
	static const enum pending_queue timed[] = { PENDING_BACKOFF, PENDING_UNSCHEDULABLE };
	int64_t next_ns = INT64_MAX;

	for (size_t i = 0; i < ARRAY_COUNT(timed); i++) {
		struct pending_heap *heap = &pending->heaps[timed[i]];

		while (heap->count && heap->items[0]->due_ns <= now_ns) {
			struct pending_pod *p = heap->items[0];

			leave(pending, p);
			push(pending, p, PENDING_ACTIVE);
		}
		if (heap->count)
			next_ns = NUM_MIN(next_ns, heap->items[0]->due_ns);
	}
	return next_ns;
}

size_t pending_active_count(const struct pending *pending)
{
	return pending->heaps[PENDING_ACTIVE].count;
}
