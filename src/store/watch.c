/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watchers, grouped by prefix: an event looks up the prefixes of its key whose length is in use, so that its cost
 * follows the watchers it concerns, not those there are.
 *
 *   store_watch ──► REPLAYING ──caught up──► LIVE ──store_watch_pause──► PAUSED
 *                      ▲  └──────pause──────────────────────────────────►  │
 *                      └───────────────── store_watch_resume ──────────────┘
 *   every state ── store_unwatch, overrun, end of the store ──► IDLE
 *
 * A replaying or paused watcher is a place in the history; nothing is queued for it.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "store/internal.h"

enum { IDLE, REPLAYING, LIVE, PAUSED };

#define SEQUENCE_GONE 0
/* Events looked at per watcher and turn; most may belong to other prefixes. */
#define REPLAY_SCANNED_MAX (STORE_REPLAY_EVENTS_MAX * 16)

struct store_watch_group {
	struct str prefix;
	struct list by_prefix; /* live watchers */
	struct list exact;
	size_t watcher_count;  /* live or not */
	struct list unused;
};

static void on_replay(struct task *task);

void hub_init(struct hub *hub)
{
	map_init(&hub->groups);
	hub->group_count_by_length = mem_calloc(STORE_KEY_BYTES_MAX + 1, sizeof(unsigned int));
	list_init(&hub->replaying);
	list_init(&hub->paused);
	list_init(&hub->unused);
	task_init(&hub->replay, on_replay);
}

static struct store_watch_group *group_get(struct hub *hub, struct str prefix)
{
	struct store_watch_group *group = map_get(&hub->groups, prefix);

	if (!group) {
		group = NEW(struct store_watch_group);
		group->prefix = str_dup(prefix);
		list_init(&group->by_prefix);
		list_init(&group->exact);
		list_init(&group->unused);
		map_put(&hub->groups, prefix, group);
		hub->group_count_by_length[prefix.len]++;
	}
	group->watcher_count++;
	return group;
}

static void group_free(struct hub *hub, struct store_watch_group *group)
{
	hub->group_count_by_length[group->prefix.len]--;
	map_remove(&hub->groups, group->prefix);
	mem_free((void *)group->prefix.ptr);
	mem_free(group);
}

static void group_put(struct hub *hub, struct store_watch_group *group)
{
	if (--group->watcher_count)
		return;
	/* While events are handed out, a list of this group may be being walked. */
	if (!hub->is_dispatching)
		group_free(hub, group);
	else if (!list_is_linked(&group->unused))
		list_push_back(&hub->unused, &group->unused);
}

static void dispatch_end(struct store *store)
{
	struct hub *hub = &store->hub;
	struct list *link;

	hub->is_dispatching = false;
	while ((link = list_pop_front(&hub->unused))) {
		struct store_watch_group *group = LIST_ENTRY(link, struct store_watch_group, unused);

		if (!group->watcher_count)
			group_free(hub, group);
	}
	if (store->compact_wanted) {
		history_compact(&store->history, store->compact_wanted);
		store->compact_wanted = 0;
	}
}

static void leave_list(struct store_watcher *w)
{
	struct hub *hub = &w->store->hub;

	if (hub->dispatch_next == &w->link)
		hub->dispatch_next = w->link.next;
	list_remove(&w->link);
}

static void enter(struct store_watcher *w, unsigned char state)
{
	struct hub *hub = &w->store->hub;

	w->state = state;
	if (state == LIVE)
		list_push_back(w->exact ? &w->group->exact : &w->group->by_prefix, &w->link);
	else
		list_push_back(state == PAUSED ? &hub->paused : &hub->replaying, &w->link);
	if (state == REPLAYING)
		env_defer(w->store->env, &hub->replay);
}

void store_watch(struct store *store, struct store_watcher *w, struct str prefix, bool exact, int64_t from_revision)
{
	struct history *h = &store->history;

	ASSERT(w->state == IDLE && w->event && w->end && !store->is_closing);
	ASSERT(prefix.len <= STORE_KEY_BYTES_MAX);
	w->store = store;
	w->exact = exact;
	w->from_revision = from_revision;
	w->group = group_get(&store->hub, prefix);
	list_init(&w->link);
	w->next_sequence = from_revision < h->compact_revision ? SEQUENCE_GONE : history_after(h, from_revision);
	/* The test on from_revision keeps a watcher that starts while an event is handed out from getting that one. */
	enter(w, w->next_sequence == h->next_sequence ? LIVE : REPLAYING);
}

void store_unwatch(struct store_watcher *w)
{
	struct hub *hub;

	if (w->state == IDLE)
		return;
	hub = &w->store->hub;
	leave_list(w);
	if (hub->current == w)
		hub->current = NULL;
	w->state = IDLE;
	group_put(hub, w->group);
	w->group = NULL;
}

bool store_is_watching(const struct store_watcher *w)
{
	return w->state != IDLE;
}

int64_t store_watch_progress(const struct store_watcher *w)
{
	const struct history *h;
	int64_t before_next;

	if (w->state == IDLE)
		return w->from_revision;
	h = &w->store->history;
	if (w->state == LIVE && !w->store->hub.is_live_event)
		return w->store->revision;
	if (w->state == LIVE || w->next_sequence < h->first_sequence)
		return w->from_revision; /* in the middle of an event, or overrun */
	if (w->next_sequence == h->next_sequence)
		return w->store->revision;
	before_next = history_at(h, w->next_sequence)->revision - 1;
	return before_next > w->from_revision ? before_next : w->from_revision;
}

void store_watch_pause(struct store_watcher *w)
{
	if (w->state != LIVE && w->state != REPLAYING)
		return;
	if (w->state == LIVE) {
		uint64_t next = w->store->history.next_sequence;

		/* It has seen all, but for the event that is just being handed out when its turn is still to come. */
		w->next_sequence = w->store->hub.is_live_event && w->next_sequence != next ? next - 1 : next;
	}
	leave_list(w);
	enter(w, PAUSED);
}

void store_watch_resume(struct store_watcher *w)
{
	if (w->state != PAUSED)
		return;
	leave_list(w);
	enter(w, REPLAYING);
}

/* False when the watcher was stopped by the call. */
static bool call(struct store_watcher *w, const struct store_event *event)
{
	struct hub *hub = &w->store->hub;

	hub->current = w;
	w->event(w, event);
	if (hub->current != w)
		return false;
	hub->current = NULL;
	return true;
}

static bool concerns(const struct store_watcher *w, const struct store_event *event)
{
	if (event->revision <= w->from_revision)
		return false;
	return w->exact ? str_eq(event->key, w->group->prefix) : str_has_prefix(event->key, w->group->prefix);
}

static void finish(struct store_watcher *w, const struct err *err)
{
	struct err copy = *err;

	store_unwatch(w);
	w->end(w, &copy);
}

/* One watcher's share of a turn. */
static void replay(struct store *store, struct store_watcher *w)
{
	struct history *h = &store->history;
	size_t called_count = 0, scanned_count = 0;
	struct err err;

	if (w->next_sequence < h->first_sequence) {
		err_set(&err, ERR_GONE, "too old resource version: %lld (%lld)", (long long)w->from_revision,
			(long long)h->compact_revision);
		finish(w, &err);
		return;
	}
	while (w->next_sequence < h->next_sequence) {
		const struct store_event *event = history_at(h, w->next_sequence);

		if (called_count >= STORE_REPLAY_EVENTS_MAX || scanned_count >= REPLAY_SCANNED_MAX) {
			enter(w, REPLAYING);
			return;
		}
		w->next_sequence++;
		scanned_count++;
		if (!concerns(w, event))
			continue;
		called_count++;
		w->from_revision = event->revision - 1; /* for the message when it is overrun */
		/* On a list again: it was paused inside the call. */
		if (!call(w, event) || list_is_linked(&w->link))
			return;
	}
	enter(w, LIVE);
}

static void on_replay(struct task *task)
{
	struct hub *hub = CONTAINER_OF(task, struct hub, replay);
	struct store *store = CONTAINER_OF(hub, struct store, hub);
	struct list turn, *link;

	/* Those that are not done with this turn enter the hub's list anew. */
	list_init(&turn);
	while ((link = list_pop_front(&hub->replaying)))
		list_push_back(&turn, link);
	hub->is_dispatching = true;
	while ((link = list_pop_front(&turn)))
		replay(store, LIST_ENTRY(link, struct store_watcher, link));
	dispatch_end(store);
}

static void call_list(struct store *store, struct list *watchers, const struct store_event *event)
{
	struct hub *hub = &store->hub;
	struct list *link = watchers->next;

	while (link != watchers) {
		struct store_watcher *w = LIST_ENTRY(link, struct store_watcher, link);

		hub->dispatch_next = link->next;
		if (event->revision > w->from_revision) {
			w->next_sequence = store->history.next_sequence;
			(void)call(w, event); /* stopped or not, the list tells who is next */
		}
		link = hub->dispatch_next;
	}
	hub->dispatch_next = NULL;
}

void hub_publish(struct store *store, const struct store_event *event)
{
	struct hub *hub = &store->hub;
	const struct store_event *kept = history_add(&store->history, event);

	hub->is_dispatching = hub->is_live_event = true;
	for (size_t len = 0; len <= kept->key.len; len++) {
		struct store_watch_group *group;

		if (!hub->group_count_by_length[len])
			continue;
		group = map_get(&hub->groups, str_slice(kept->key, 0, len));
		if (!group)
			continue;
		call_list(store, &group->by_prefix, kept);
		if (len == kept->key.len)
			call_list(store, &group->exact, kept);
	}
	hub->is_live_event = false;
	/* In the history only their bytes are of use, mostly. */
	blob_forget(kept->previous);
	if (kept->type == STORE_DELETED)
		blob_forget(kept->value);
	dispatch_end(store);
}

void store_compact(struct store *store, int64_t revision)
{
	if (revision > store->revision)
		revision = store->revision;
	if (revision > store->compact_wanted)
		store->compact_wanted = revision;
	if (!store->hub.is_dispatching)
		dispatch_end(store);
}

static void finish_list(struct list *watchers, const struct err *err)
{
	struct list *link;

	while ((link = list_first(watchers))) {
		struct store_watcher *w = LIST_ENTRY(link, struct store_watcher, link);

		if (err) {
			finish(w, err);
			continue;
		}
		list_remove(link);
		w->state = IDLE;
	}
}

void hub_deinit(struct store *store, const struct err *err)
{
	struct hub *hub = &store->hub;
	size_t cursor = 0;
	struct str prefix;
	void *value;

	env_cancel(store->env, &hub->replay);
	hub->is_dispatching = true; /* groups stay while their lists are walked */
	finish_list(&hub->replaying, err);
	finish_list(&hub->paused, err);
	while (map_next(&hub->groups, &cursor, &prefix, &value)) {
		struct store_watch_group *group = value;

		finish_list(&group->by_prefix, err);
		finish_list(&group->exact, err);
		list_remove(&group->unused); /* its last watcher put it there just now */
		map_remove(&hub->groups, prefix);
		mem_free((void *)group->prefix.ptr);
		mem_free(group);
	}
	map_deinit(&hub->groups);
	mem_free(hub->group_count_by_length);
}
