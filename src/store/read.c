/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: the committed index as it is, as it will be, and, with the help of the history, as it was. */
#include "base/mem.h"
#include "store/internal.h"

int64_t store_revision(const struct store *store)
{
	return store->revision;
}

int64_t store_compact_revision(const struct store *store)
{
	return store->history.compact_revision;
}

size_t store_size_bytes(const struct store *store)
{
	return store->size_bytes;
}

const struct store_entry *store_get(const struct store *store, struct str key)
{
	return unread_get(store, omap_get(&store->index, key));
}

const struct store_entry *store_get_pending(const struct store *store, struct str key)
{
	const struct pending_entry *pending = store->pending.count ? omap_get(&store->pending, key) : NULL;

	if (pending)
		return pending->is_deleted ? NULL : &pending->entry;
	return store_get(store, key);
}

bool store_is_stale(const struct store *store, struct str key)
{
	return store->options.is_stale && store->options.is_stale(store->options.arg, key);
}

/* --- what nobody could read --- */

void unreadable_put(struct omap *unreadable, struct str key, const char *why)
{
	mem_free(omap_put(unreadable, key, str_dup_c(str_from(why))));
}

void unreadable_clear(struct omap *unreadable)
{
	struct str key;
	void *why;

	while (omap_at_least(unreadable, STR(""), &key, &why))
		mem_free(omap_remove(unreadable, key));
}

void store_unreadable_put(struct store *store, struct str key, const char *why)
{
	unreadable_put(&store->unreadable, key, why);
}

void store_unreadable_replace(struct store *store, struct omap *found)
{
	unreadable_clear(&store->unreadable);
	omap_deinit(&store->unreadable);
	store->unreadable = *found;
	omap_init(found);
}

void store_unreadable_forget(struct store *store, struct str key)
{
	if (store->unreadable.root)
		mem_free(omap_remove(&store->unreadable, key));
}

static int refuse_unreadable(struct str key, const char *why, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "unable to transform key \"" STR_FMT "\": %s", STR_ARG(key), why);
}

int store_check_readable(const struct store *store, struct str key, struct err *err)
{
	const char *why = store->unreadable.root ? omap_get(&store->unreadable, key) : NULL;

	return why ? refuse_unreadable(key, why, err) : 0;
}

int store_check_readable_all(const struct store *store, struct str prefix, struct err *err)
{
	struct str key;
	void *why;

	if (!store->unreadable.root || !omap_at_least(&store->unreadable, prefix, &key, &why) ||
	    !str_has_prefix(key, prefix))
		return 0;
	return refuse_unreadable(key, why, err);
}

bool store_next_unreadable(const struct store *store, struct str after, struct str *ret_key)
{
	void *why;

	return omap_after(&store->unreadable, after, ret_key, &why);
}

struct walk {
	const struct store *store;
	store_walk_fn *fn;
	void *arg;
};

static bool on_entry(void *arg, struct str key, void *value)
{
	struct walk *w = arg;

	return w->fn(w->arg, key, unread_get(w->store, value));
}

void store_walk(const struct store *store, struct str prefix, struct str from, store_walk_fn *fn, void *arg)
{
	struct walk w = { store, fn, arg };

	omap_walk_range(&store->index, from, prefix, on_entry, &w);
}

static bool on_count(void *arg, struct str key, void *value)
{
	(*(size_t *)arg)++;
	return true;
}

size_t store_count_from(const struct store *store, struct str prefix, struct str from)
{
	size_t count = 0;

	omap_walk_range(&store->index, from, prefix, on_count, &count);
	return count;
}

size_t store_count(const struct store *store, struct str prefix)
{
	return store_count_from(store, prefix, prefix);
}

/* --- as it was --- */

/* A key's state before its first change after the revision asked for. */
struct past_entry {
	struct store_entry entry; /* value NULL: it did not exist */
};

struct past_walk {
	const struct store *store;
	struct omap changed; /* key -> struct past_entry */
	struct str prefix;
	struct str changed_key; /* next changed key to come */
	struct past_entry *next;
	store_walk_fn *fn;
	void *arg;
	bool is_over;
};

static void step(struct past_walk *w)
{
	void *value;

	w->next = omap_after(&w->changed, w->changed_key, &w->changed_key, &value) ? value : NULL;
}

/* Hands out the changed keys that come before key (all of them when it is NULL). */
static void give_changed(struct past_walk *w, const struct str *key)
{
	while (!w->is_over && w->next && (!key || str_cmp(w->changed_key, *key) < 0)) {
		struct str given = w->changed_key;
		struct past_entry *past = w->next;

		step(w);
		if (past->entry.value)
			w->is_over = !w->fn(w->arg, given, &past->entry);
	}
}

static bool on_current(void *arg, struct str key, void *value)
{
	struct past_walk *w = arg;

	give_changed(w, &key);
	if (w->is_over)
		return false;
	if (w->next && str_eq(w->changed_key, key)) {
		struct past_entry *past = w->next;

		step(w);
		w->is_over = past->entry.value && !w->fn(w->arg, key, &past->entry);
	} else {
		w->is_over = !w->fn(w->arg, key, unread_get(w->store, value));
	}
	return !w->is_over;
}

static void collect_changes(const struct history *h, int64_t revision, struct past_walk *w)
{
	for (uint64_t s = history_after(h, revision); s < h->next_sequence; s++) {
		const struct store_event *event = history_at(h, s);
		struct past_entry *past;

		if (!str_has_prefix(event->key, w->prefix) || omap_get(&w->changed, event->key))
			continue;
		past = NEW(struct past_entry);
		if (event->previous)
			past->entry = (struct store_entry){
				.value = event->previous,
				.create_revision = event->create_revision,
				.mod_revision = event->previous_revision,
				.version = event->type == STORE_DELETED ? event->version : event->version - 1,
			};
		omap_put(&w->changed, event->key, past);
	}
}

int store_walk_at(const struct store *store, int64_t revision, struct str prefix, struct str from, store_walk_fn *fn,
		  void *arg, struct err *err)
{
	struct past_walk w = { .store = store, .prefix = prefix, .fn = fn, .arg = arg };
	struct str key;
	void *value;

	if (revision < store->history.compact_revision)
		return err_set(err, ERR_GONE, "The resourceVersion for the provided list is too old.");
	if (revision >= store->revision) {
		store_walk(store, prefix, from, fn, arg);
		return 0;
	}
	omap_init(&w.changed);
	collect_changes(&store->history, revision, &w);
	if (omap_at_least(&w.changed, from, &w.changed_key, &value))
		w.next = value;
	omap_walk_range(&store->index, from, prefix, on_current, &w);
	give_changed(&w, NULL);
	while (omap_at_least(&w.changed, STR(""), &key, &value)) {
		omap_remove(&w.changed, key);
		mem_free(value);
	}
	omap_deinit(&w.changed);
	return 0;
}

/* --- with others --- */

static void on_alone(struct task *task)
{
	struct store *store = CONTAINER_OF(task, struct store, sync);
	struct list turn, *link;

	list_init(&turn);
	while ((link = list_pop_front(&store->syncs)))
		list_push_back(&turn, link);
	while ((link = list_pop_front(&turn))) {
		struct store_sync *sync = LIST_ENTRY(link, struct store_sync, link);

		sync->done(sync, NULL);
	}
}

bool store_is_alone(const struct store *store)
{
	return store->remote == NULL;
}

void store_catch_up(struct store *store, struct store_sync *sync)
{
	sync->store = store;
	list_init(&sync->link);
	if (store->remote) {
		store->remote->sync(store, sync);
		return;
	}
	if (!store->sync.fn) {
		task_init(&store->sync, on_alone);
		list_init(&store->syncs);
	}
	list_push_back(&store->syncs, &sync->link);
	env_defer(store->env, &store->sync);
}

void store_catch_up_cancel(struct store_sync *sync)
{
	list_remove(&sync->link);
}

int store_health(const struct store *store, struct err *err)
{
	if (store->remote)
		return store->remote->health(store, err);
	if (!store->is_failing || store->failure.code == ERR_NO_SPACE)
		return 0;
	if (err)
		*err = store->failure;
	return -1;
}
