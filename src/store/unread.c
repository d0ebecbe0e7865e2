/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that are still in the back end's file. A start reads keys and revisions, and leaves the
 * values where they are mapped: whoever asks for one has it copied then, the rest follows in the
 * background, a part in each turn of the loop. The back end is held meanwhile, so that no page of
 * the file changes; a commit to the file itself waits (those to the journal in front of it do not).
 */
#include "base/mem.h"
#include "store/internal.h"

struct unread_value {
	struct live_entry *live; /* NULL: it was read, or is not wanted any more */
	struct str bytes;
};

static struct unread_value *value_of(const struct store *store, const struct live_entry *live)
{
	return &store->unread.values[live->unread - 1];
}

static void release(struct store *store)
{
	struct unread *u = &store->unread;

	timer_stop(&u->timer);
	env_cancel(store->env, &u->task);
	if (u->is_holding)
		store->backend->ops->hold(store->backend, false);
	u->is_holding = false;
	mem_free(u->values);
	u->values = NULL;
	u->count = u->room = u->next = 0;
}

/* Copies values until they have so many bytes; true when all are there. */
static bool read_part(struct store *store, size_t bytes_max)
{
	struct unread *u = &store->unread;
	size_t bytes = 0;

	for (; u->next < u->count && bytes < bytes_max; u->next++) {
		struct live_entry *live = u->values[u->next].live;

		if (live)
			bytes += unread_get(store, live)->value->len;
	}
	return u->next == u->count;
}

static void on_turn(struct task *task)
{
	struct store *store = CONTAINER_OF(task, struct store, unread.task);

	if (read_part(store, STORE_UNREAD_PART_BYTES))
		release(store);
	else
		env_defer(store->env, task);
}

static void on_timer(struct timer *timer)
{
	struct store *store = CONTAINER_OF(timer, struct store, unread.timer);

	env_defer(store->env, &store->unread.task);
}

void unread_init(struct store *store)
{
	task_init(&store->unread.task, on_turn);
	timer_init(&store->unread.timer, store->env, on_timer);
}

void unread_begin(struct store *store)
{
	if (!store->backend->ops->hold)
		return;
	store->backend->ops->hold(store->backend, true);
	store->unread.is_holding = true;
	timer_start(&store->unread.timer, STORE_UNREAD_DELAY_MS);
}

void unread_add(struct store *store, struct live_entry *live, struct str bytes)
{
	struct unread *u = &store->unread;

	if (u->count == u->room) {
		u->room = u->room ? u->room * 2 : 1024;
		u->values = mem_realloc_array(u->values, u->room, sizeof(*u->values));
	}
	u->values[u->count++] = (struct unread_value){ live, bytes };
	live->unread = (uint32_t)u->count;
}

size_t unread_len(const struct store *store, const struct live_entry *live)
{
	return live->unread ? value_of(store, live)->bytes.len : live->entry.value->len;
}

const struct store_entry *unread_get(const struct store *store, struct live_entry *live)
{
	if (live && live->unread) {
		live->entry.value = blob_new(value_of(store, live)->bytes);
		unread_drop(store, live);
	}
	return live ? &live->entry : NULL;
}

void unread_drop(const struct store *store, struct live_entry *live)
{
	if (live->unread)
		value_of(store, live)->live = NULL;
	live->unread = 0;
}

void unread_finish(struct store *store)
{
	(void)read_part(store, SIZE_MAX);
	release(store);
}

void unread_deinit(struct store *store)
{
	release(store);
}
