/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue item exists while there is something to remember of its key: being ready, a delayed add,
 * failures, writes in flight or not yet seen. The list of ready keys is in order of adding.
 *
 *   idle --add--> ready --popped--> (reconcile) --> idle | delayed
 *     \--add while writes are unsettled--> blocked --settled--> ready
 */
#include "client/queue.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "client/client_internal.h"

struct queue_need {
	struct list link;
	struct informer *informer;
	struct informer_handler handler;
};

struct item_wait {
	struct revision_wait wait;
	struct queue_item *item;
	struct informer *informer;
	struct list link; /* item->waits */
};

struct queue_item {
	struct queue *queue;
	struct list ready; /* on queue->ready */
	struct list waits;
	unsigned in_flight;
	unsigned failures;
	bool blocked;	   /* to become ready when its writes have settled */
	bool batch_failed; /* one of the writes in flight failed */
	bool forget;	   /* reconciled well: forget the failures unless a write fails */
	bool running;
	size_t heap_index; /* +1 in queue->delayed; 0 = not there */
	int64_t due_ns;
	uint64_t sequence;
	int64_t ready_ns;
	size_t key_len;
	char key[];
};

static struct str item_key(const struct queue_item *item)
{
	return str_sub(item->key, item->key_len);
}

static struct key key_of(struct str text)
{
	struct key key = { .text = text };

	if (!str_cut(text, '/', &key.namespace_, &key.name)) {
		key.name = text;
		key.namespace_ = STR_NONE;
	}
	return key;
}

/* --- heap of delayed adds --- */

static bool is_before(const struct queue_item *a, const struct queue_item *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->sequence < b->sequence;
}

static void heap_set(struct queue *queue, size_t at, struct queue_item *item)
{
	queue->delayed[at] = item;
	item->heap_index = at + 1;
}

static void heap_up(struct queue *queue, size_t at)
{
	struct queue_item *item = queue->delayed[at];

	while (at && is_before(item, queue->delayed[(at - 1) / 2])) {
		heap_set(queue, at, queue->delayed[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_set(queue, at, item);
}

static void heap_down(struct queue *queue, size_t at)
{
	struct queue_item *item = queue->delayed[at];

	for (;;) {
		size_t child = at * 2 + 1;

		if (child >= queue->delayed_count)
			break;
		if (child + 1 < queue->delayed_count &&
		    is_before(queue->delayed[child + 1], queue->delayed[child]))
			child++;
		if (!is_before(queue->delayed[child], item))
			break;
		heap_set(queue, at, queue->delayed[child]);
		at = child;
	}
	heap_set(queue, at, item);
}

static void heap_remove(struct queue *queue, struct queue_item *item)
{
	size_t at = item->heap_index - 1;
	struct queue_item *last = queue->delayed[--queue->delayed_count];

	item->heap_index = 0;
	if (last == item)
		return;
	heap_set(queue, at, last);
	heap_up(queue, at);
	heap_down(queue, last->heap_index - 1);
}

static void arm(struct queue *queue)
{
	int64_t delay_ns;

	if (!queue->delayed_count) {
		timer_stop(&queue->timer);
		return;
	}
	delay_ns = queue->delayed[0]->due_ns - env_mono_ns(queue->env);
	timer_start(&queue->timer,
		    delay_ns <= 0 ? 0 : (delay_ns + TIME_NS_PER_MS - 1) / TIME_NS_PER_MS);
}

/* --- items --- */

static bool is_settled(const struct queue_item *item)
{
	return item->in_flight == 0 && list_is_empty(&item->waits);
}

static struct queue_item *item_of(struct queue *queue, struct str key)
{
	struct queue_item *item = map_get(&queue->items, key);

	if (item)
		return item;
	item = mem_zalloc(sizeof(*item) + key.len + 1);
	item->queue = queue;
	list_init(&item->ready);
	list_init(&item->waits);
	item->key_len = key.len;
	memcpy(item->key, key.ptr, key.len);
	(void)map_put(&queue->items, key, item); /* was not there */
	return item;
}

static void item_release(struct queue_item *item)
{
	if (item->running || item->failures || item->blocked || item->heap_index ||
	    !is_settled(item) || list_is_linked(&item->ready))
		return;
	(void)map_remove(&item->queue->items, item_key(item)); /* it is this item */
	mem_free(item);
}

static bool has_synced(const struct queue *queue)
{
	LIST_FOR_EACH (node, &queue->needs)
		if (!informer_is_synced(LIST_ENTRY(node, struct queue_need, link)->informer))
			return false;
	return true;
}

static void kick(struct queue *queue)
{
	if (queue->started && queue->ready_count && has_synced(queue))
		env_defer(queue->env, &queue->task);
}

static void make_ready(struct queue_item *item)
{
	struct queue *queue = item->queue;

	if (list_is_linked(&item->ready))
		return;
	if (!is_settled(item)) {
		item->blocked = true;
		return;
	}
	item->blocked = false;
	item->ready_ns = env_mono_ns(queue->env);
	list_push_back(&queue->ready, &item->ready);
	queue->ready_count++;
	queue->counts.adds++;
	kick(queue);
}

static void item_delay(struct queue_item *item, int64_t delay_ns)
{
	struct queue *queue = item->queue;
	int64_t due_ns = env_mono_ns(queue->env) + delay_ns;

	if (item->heap_index) {
		if (item->due_ns <= due_ns)
			return;
		heap_remove(queue, item);
	}
	item->due_ns = due_ns;
	item->sequence = queue->sequence++;
	if (queue->delayed_count == queue->delayed_cap) {
		queue->delayed_cap = queue->delayed_cap ? queue->delayed_cap * 2 : 16;
		queue->delayed = mem_realloc_array(queue->delayed, queue->delayed_cap,
						   sizeof(*queue->delayed));
	}
	queue->delayed[queue->delayed_count] = item;
	heap_up(queue, queue->delayed_count++);
	arm(queue);
}

static void item_backoff(struct queue_item *item)
{
	int64_t delay_ms = QUEUE_BACKOFF_MAX_MS;

	item->queue->counts.retries++;
	if (item->failures < 20)
		delay_ms = NUM_MIN((int64_t)QUEUE_BACKOFF_BASE_MS << item->failures, delay_ms);
	item->failures++;
	/* Up to a tenth of jitter, so that keys that failed together do not come back together. */
	item_delay(item,
		   delay_ms * TIME_NS_PER_MS +
			   (int64_t)env_random_below(item->queue->env,
						     (uint64_t)(delay_ms * TIME_NS_PER_MS / 10)));
}

static void timer_fired(struct timer *timer)
{
	struct queue *queue = CONTAINER_OF(timer, struct queue, timer);
	int64_t now_ns = env_mono_ns(queue->env);

	while (queue->delayed_count && queue->delayed[0]->due_ns <= now_ns) {
		struct queue_item *item = queue->delayed[0];

		heap_remove(queue, item);
		make_ready(item);
	}
	arm(queue);
}

/* --- running --- */

static void observe(struct queue_times *times, int64_t duration_ns)
{
	size_t bucket = 0;

	for (int64_t bound_ns = 10; bucket < QUEUE_TIME_BUCKETS && duration_ns > bound_ns;
	     bound_ns *= 10)
		bucket++;
	times->buckets[bucket]++;
	times->sum_seconds += (double)duration_ns / 1e9;
}

static void item_reconcile(struct queue_item *item)
{
	struct queue *queue = item->queue;
	struct err err = { .code = ERR_NONE };
	int64_t started_ns = env_mono_ns(queue->env);
	enum reconcile_result result;

	ASSERT(!item->running); /* one reconcile of a key at a time */
	observe(&queue->counts.waiting, started_ns - item->ready_ns);
	item->running = true;
	item->forget = false;
	result = queue->reconcile(queue, key_of(item_key(item)), &err);
	item->running = false;
	observe(&queue->counts.working, env_mono_ns(queue->env) - started_ns);
	switch (result) {
	case RECONCILE_DONE:
		if (item->in_flight)
			item->forget = true;
		else
			item->failures = 0;
		break;
	case RECONCILE_RETRY:
		if (err.code != ERR_NONE)
			log_warn(queue->name, STR_FMT ": %s", STR_ARG(item_key(item)), err.msg);
		item_backoff(item);
		break;
	case RECONCILE_WAIT:
		if (is_settled(item))
			item_backoff(item); /* nothing will wake it */
		else
			item->blocked = true;
		break;
	}
	item_release(item);
}

static void run_batch(struct task *task)
{
	struct queue *queue = CONTAINER_OF(task, struct queue, task);

	if (!queue->started || !has_synced(queue))
		return;
	for (int i = 0; i < QUEUE_BATCH_MAX && queue->ready_count; i++) {
		struct queue_item *item = LIST_ENTRY(list_pop_front(&queue->ready),
						     struct queue_item, ready);

		queue->ready_count--;
		if (is_settled(item))
			item_reconcile(item);
		else
			item->blocked = true;
	}
	kick(queue);
}

static void need_changed(struct informer_handler *handler, const struct obj *old,
			 const struct obj *new_)
{
	(void)handler; /* only interested in the sync; keys are added by their controllers */
	(void)old;
	(void)new_;
}

static void need_synced(struct informer_handler *handler)
{
	kick(handler->owner);
}

void queue_init(struct queue *queue, struct env *env, const char *name,
		enum reconcile_result (*reconcile)(struct queue *queue, struct key key,
						   struct err *err),
		void *owner)
{
	*queue = (struct queue){ .env = env, .name = name, .reconcile = reconcile, .owner = owner };
	map_init(&queue->items);
	list_init(&queue->ready);
	list_init(&queue->needs);
	task_init(&queue->task, run_batch);
	timer_init(&queue->timer, env, timer_fired);
}

void queue_deinit(struct queue *queue, struct client *client)
{
	size_t cursor = 0;
	struct str key;
	struct list *node;
	void *value;

	client_forget_queue(client, queue);
	queue_stop(queue);
	timer_stop(&queue->timer);
	while ((node = list_pop_front(&queue->needs))) {
		struct queue_need *need = LIST_ENTRY(node, struct queue_need, link);

		informer_remove_handler(need->informer, &need->handler);
		mem_free(need);
	}
	while (map_next(&queue->items, &cursor, &key, &value)) {
		struct queue_item *item = value;

		while ((node = list_pop_front(&item->waits))) {
			struct item_wait *wait = LIST_ENTRY(node, struct item_wait, link);

			informer_wait_cancel(&wait->wait);
			mem_free(wait);
		}
		mem_free(item);
	}
	map_deinit(&queue->items);
	mem_free(queue->delayed);
	*queue = (struct queue){ .env = NULL };
}

void queue_need(struct queue *queue, struct informer *informer)
{
	struct queue_need *need = NEW(struct queue_need);

	list_init(&need->link);
	list_push_back(&queue->needs, &need->link);
	need->informer = informer;
	need->handler.on_change = need_changed;
	need->handler.on_synced = need_synced;
	need->handler.owner = queue;
	informer_add_handler(informer, &need->handler);
}

void queue_start(struct queue *queue)
{
	queue->started = true;
	kick(queue);
}

void queue_stop(struct queue *queue)
{
	queue->started = false;
	env_cancel(queue->env, &queue->task);
}

void queue_add(struct queue *queue, struct str key)
{
	make_ready(item_of(queue, key));
}

void queue_add_name(struct queue *queue, struct str namespace_, struct str name)
{
	char text[CLIENT_KEY_BYTES_MAX];
	struct obj probe = { .namespace_ = namespace_, .name = name };

	queue_add(queue, str_sub(text, informer_key(&probe, text, sizeof(text))));
}

void queue_add_obj(struct queue *queue, const struct obj *obj)
{
	if (obj)
		queue_add_name(queue, obj->namespace_, obj->name);
}

void queue_add_after(struct queue *queue, struct str key, int64_t delay_ms)
{
	struct queue_item *item = item_of(queue, key);

	if (delay_ms <= 0)
		make_ready(item);
	else
		item_delay(item, delay_ms * TIME_NS_PER_MS);
}

size_t queue_depth(const struct queue *queue)
{
	return queue->ready_count;
}

unsigned queue_failures(const struct queue *queue, struct str key)
{
	const struct queue_item *item = map_get(&queue->items, key);

	return item ? item->failures : 0;
}

/* --- writes --- */

/* After a write was answered or seen: whether the key may go on. */
static void item_settle(struct queue_item *item)
{
	if (item->in_flight == 0 && item->batch_failed) {
		item->batch_failed = false;
		item->blocked = false; /* comes back after the back-off */
		item_backoff(item);
	} else if (item->in_flight == 0 && item->forget) {
		item->failures = 0;
	}
	if (item->in_flight == 0)
		item->forget = false;
	if (is_settled(item) && item->blocked)
		make_ready(item);
	item_release(item);
}

static void wait_done(struct revision_wait *done)
{
	struct item_wait *wait = CONTAINER_OF(done, struct item_wait, wait);
	struct queue_item *item = wait->item;

	list_remove(&wait->link);
	mem_free(wait);
	item_settle(item);
}

void writes_begin(struct queue *queue, struct str key)
{
	item_of(queue, key)->in_flight++;
}

static void item_wait_for(struct queue_item *item, struct informer *informer, int64_t revision)
{
	struct item_wait *wait;

	if (!informer || revision <= informer_revision(informer))
		return;
	LIST_FOR_EACH (node, &item->waits) {
		wait = LIST_ENTRY(node, struct item_wait, link);
		if (wait->informer != informer)
			continue;
		if (revision > wait->wait.revision) {
			informer_wait_cancel(&wait->wait);
			informer_wait(informer, &wait->wait, revision);
		}
		return;
	}
	wait = NEW(struct item_wait);
	wait->item = item;
	wait->informer = informer;
	wait->wait.fn = wait_done;
	list_push_back(&item->waits, &wait->link);
	informer_wait(informer, &wait->wait, revision);
}

void writes_end(struct queue *queue, struct str key, struct informer *informer, int64_t revision)
{
	struct queue_item *item = map_get(&queue->items, key);

	ASSERT(item && item->in_flight);
	item->in_flight--;
	item_wait_for(item, informer, revision);
	item_settle(item);
}

void writes_fail(struct queue *queue, struct str key)
{
	struct queue_item *item = map_get(&queue->items, key);

	ASSERT(item && item->in_flight);
	item->in_flight--;
	item->batch_failed = true;
	item_settle(item);
}

int64_t writes_revision(const struct queue *queue, struct str key)
{
	const struct queue_item *item = map_get(&queue->items, key);
	int64_t revision = 0;

	if (!item)
		return 0;
	if (item->in_flight)
		return INT64_MAX;
	LIST_FOR_EACH (node, &item->waits) {
		const struct item_wait *wait = LIST_ENTRY(node, struct item_wait, link);

		revision = NUM_MAX(revision, wait->wait.revision);
	}
	return revision;
}
