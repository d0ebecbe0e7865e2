/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One watch on all of etcd's keys: so every revision is seen, and that a revision has been reached
 * is known without progress notifications, which tell too much before etcd 3.4.25 and 3.5.8. Events
 * of other prefixes only count.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "store/etcd_internal.h"

#define ALL_KEYS STR("\0")

static void publish_change(struct etcd *e, int64_t revision, const struct etcd_change *change,
			   const struct store_entry *before, struct blob *last)
{
	struct store_event event = {
		.type = !change->entry.value ? STORE_DELETED
			: before->value	     ? STORE_UPDATED
					     : STORE_CREATED,
		.key = change->key,
		.value = change->entry.value ? change->entry.value : last,
		.previous = before->value,
		.revision = revision,
		.create_revision = change->entry.value ? change->entry.create_revision
						       : before->create_revision,
		.previous_revision = before->mod_revision,
		.version = change->entry.value ? change->entry.version : before->version,
	};

	hub_publish(e->store, &event);
}

/* The last state as the DELETE event carries it: as a delete of our own says that waits for its
 * answer. */
static struct blob *last_state(struct etcd *e, struct str key, struct blob *value, int64_t revision)
{
	const struct pending_entry *pending = omap_get(&e->store->pending, key);
	struct blob *last = store_revise(
		e->store, key, pending && pending->is_deleted ? pending->entry.value : value, revision);

	return last ? last : blob_ref(value);
}

/* Applied already: it came in the answer that an interrupted watch had begun with, or in a list. */
static bool is_old(const struct store_entry *before, const struct etcd_change *change,
		   int64_t revision)
{
	if (!change->entry.value)
		return !before || before->mod_revision > revision;
	return before && before->mod_revision >= change->entry.mod_revision;
}

void etcd_apply(struct etcd *e, int64_t revision, const struct etcd_change *changes, size_t count)
{
	struct store *store = e->store;
	struct store_entry *before = mem_calloc(count, sizeof(*before));
	bool *is_new = mem_calloc(count, sizeof(*is_new));

	/* All of a revision is in the index before anybody hears of it. */
	for (size_t i = 0; i < count; i++) {
		const struct store_entry *now = store_get(store, changes[i].key);

		if (is_old(now, &changes[i], revision))
			continue;
		is_new[i] = true;
		if (now)
			before[i] = *now;
		blob_ref(before[i].value);
		if (changes[i].entry.value)
			store_index_put(store, changes[i].key, &changes[i].entry);
		else
			store_index_remove(store, changes[i].key);
	}
	if (revision > store->revision)
		store->revision = revision;
	store->is_publishing = true;
	for (size_t i = 0; i < count; i++) {
		AUTO_BLOB last = NULL;

		if (!is_new[i])
			continue;
		if (!changes[i].entry.value)
			last = last_state(e, changes[i].key, before[i].value, revision);
		publish_change(e, revision, &changes[i], &before[i], last);
		blob_unref(before[i].value);
	}
	store->is_publishing = false;
	mem_free(before);
	mem_free(is_new);
}

/* False: it is none of ours, or cannot be read. */
static bool change_of(struct etcd *e, const struct etcd_event *event, struct etcd_change *ret)
{
	AUTO_BLOB sealed = NULL;
	struct err err = { 0 };

	*ret = (struct etcd_change){ .key = event->kv->key };
	if (!etcd_key_here(e, &e->watch_arena, &ret->key) || ret->key.len > STORE_KEY_BYTES_MAX)
		return false;
	if (event->type == ETCD_EVENT_DELETE) {
		store_unreadable_forget(e->store, ret->key);
		return true;
	}
	sealed = blob_new(event->kv->value);
	ret->entry = (struct store_entry){
		.create_revision = event->kv->create_revision,
		.mod_revision = event->kv->mod_revision,
		.version = event->kv->version,
		.value = store_unseal(e->store, ret->key, sealed, event->kv->mod_revision, &err),
	};
	if (ret->entry.value)
		return true;
	/* What it was before stays: to say that it is gone would have what it owns deleted. */
	log_error("etcd", "'" STR_FMT "' cannot be read: %s", STR_ARG(event->kv->key), err.msg);
	if (!store_get(e->store, ret->key))
		store_unreadable_put(e->store, ret->key, err.msg);
	return false;
}

/* Events of one revision. */
static void on_revision(struct etcd *e, int64_t revision, const struct etcd_event *events,
			size_t count)
{
	struct etcd_write *own = etcd_take_landed(e, revision);
	struct etcd_change *changes;
	size_t change_count = 0;

	if (own) {
		etcd_finish_landed(own);
		return;
	}
	changes = mem_calloc(count, sizeof(*changes));
	for (size_t i = 0; i < count; i++)
		if (change_of(e, &events[i], &changes[change_count]))
			change_count++;
	etcd_apply(e, revision, changes, change_count);
	for (size_t i = 0; i < change_count; i++)
		blob_unref(changes[i].entry.value);
	mem_free(changes);
}

static void on_events(struct etcd *e, const struct etcd_watch_answer *answer)
{
	size_t count = answer->events_count, next;
	int64_t revision = 0;

	for (size_t i = 0; i < count && !e->is_stopped; i = next) {
		const struct etcd_kv *kv = answer->events[i].kv;

		for (next = i + 1; next < count; next++)
			if (!answer->events[next].kv || !kv ||
			    answer->events[next].kv->mod_revision != kv->mod_revision)
				break;
		if (!kv)
			continue;
		revision = kv->mod_revision;
		on_revision(e, revision, &answer->events[i], next - i);
	}
	if (!revision)
		return;
	/* More of the last revision may be in the next fragment. */
	e->resume_revision = answer->fragment ? revision - 1 : revision;
	etcd_advanced(e);
}

static void on_answer(struct etcd *e, const struct etcd_watch_answer *answer)
{
	struct grpc_call *call = e->watch;

	if (answer->canceled) {
		log_warn("etcd", "the watch ended: " STR_FMT, STR_ARG(answer->cancel_reason));
		e->watch = NULL;
		e->is_watching = false;
		if (answer->compact_revision) /* what was missed is gone: read everything again */
			e->is_loaded = false;
		timer_start(&e->tick, ETCD_TICK_MS); /* nobody else may have anything to do */
		grpc_call_cancel(call);
	} else if (answer->created) {
		/* A member that lags behind may tell of an older revision. */
		if (!etcd_is_same(e, answer->header, 0))
			return;
		e->is_watching = true;
		if (!e->is_opened)
			etcd_opened(e, NULL);
		etcd_send_ready(e);
	} else {
		on_events(e, answer);
	}
}

/* --- events that overtake the answers to the writes they tell of --- */

/*
 * Published at once, such an event would look like somebody else's: whoever acts on it would be
 * refused, because the write that it is the outcome of still counts as pending.
 */
struct held_message {
	struct list link;
	size_t len;
	char bytes[];
};

static bool is_ahead(struct etcd *e, const struct etcd_watch_answer *answer)
{
	for (size_t i = 0; i < answer->events_count; i++) {
		const struct etcd_kv *kv = answer->events[i].kv;
		struct str key = kv ? kv->key : STR_NONE;

		if (kv && !map_get(&e->landed, etcd_number_key(&kv->mod_revision)) &&
		    etcd_key_here(e, &e->watch_arena, &key) && etcd_awaits_answer(e, key))
			return true;
	}
	return false;
}

/* All of its events say what they need, so that it is fetched at once. */
static bool can_open(struct etcd *e, const struct etcd_watch_answer *answer)
{
	const struct store_options *options = &e->store->options;
	bool good = true;

	for (size_t i = 0; options->can_open && i < answer->events_count; i++) {
		const struct etcd_event *event = &answer->events[i];
		struct str key = event->kv ? event->kv->key : STR_NONE;

		if (event->kv && event->type != ETCD_EVENT_DELETE &&
		    etcd_key_here(e, &e->watch_arena, &key))
			good &= options->can_open(options->arg, key, event->kv->value);
	}
	return good;
}

void etcd_reopen_later(struct etcd *e)
{
	if (timer_is_running(&e->reopen))
		return;
	e->reopen_ms = e->reopen_ms ? NUM_MIN(e->reopen_ms * 2, (int64_t)ETCD_REOPEN_LAST_MS) :
				      ETCD_REOPEN_FIRST_MS;
	timer_start(&e->reopen, e->reopen_ms);
}

/* There is no room to keep what waits: it is read anew. */
static void read_anew(struct etcd *e)
{
	struct grpc_call *call = e->watch;

	e->watch = NULL;
	e->is_watching = e->is_loaded = false;
	grpc_call_cancel(call);
	timer_start(&e->tick, ETCD_TICK_MS);
}

static void hold(struct etcd *e, struct str message)
{
	struct held_message *held = mem_zalloc(sizeof(*held) + message.len);

	held->len = message.len;
	memcpy(held->bytes, message.ptr, message.len);
	list_push_back(&e->held, &held->link);
	e->held_bytes += message.len;
}

/* False: it has to wait, and nothing was done. */
static bool take_message(struct etcd *e, struct str message)
{
	struct etcd_watch_answer answer;
	struct err err = { 0 };
	bool must_wait = false;

	if (proto_decode(&etcd_watch_answer_message, message, &e->watch_arena, &answer, &err) < 0) {
		struct grpc_call *call = e->watch;

		log_error("etcd", "watch: %s", err.msg);
		e->watch = NULL;
		grpc_call_cancel(call);
	} else if (e->held_bytes < ETCD_HELD_BYTES_MAX && is_ahead(e, &answer)) {
		must_wait = true;
	} else if (!can_open(e, &answer)) {
		must_wait = e->held_bytes < ETCD_HELD_BYTES_MAX;
		if (must_wait)
			etcd_reopen_later(e);
		else
			read_anew(e);
	} else {
		e->reopen_ms = 0;
		on_answer(e, &answer);
	}
	arena_reset(&e->watch_arena);
	return !must_wait;
}

void etcd_watch_forget(struct etcd *e)
{
	struct list *link;

	while ((link = list_pop_front(&e->held)))
		mem_free(LIST_ENTRY(link, struct held_message, link));
	e->held_bytes = 0;
}

void etcd_watch_release(struct etcd *e)
{
	struct list *link;

	if (e->is_releasing)
		return;
	e->is_releasing = true;
	while (e->watch && !e->is_stopped && (link = list_pop_front(&e->held))) {
		struct held_message *held = LIST_ENTRY(link, struct held_message, link);

		e->held_bytes -= held->len;
		if (!take_message(e, str_sub(held->bytes, held->len))) {
			list_push_front(&e->held, link);
			e->held_bytes += held->len;
			break;
		}
		mem_free(held);
	}
	e->is_releasing = false;
}

static void on_message(void *arg, struct grpc_call *call, struct str message)
{
	struct etcd *e = arg;

	if (!list_is_empty(&e->held) || e->is_releasing || !take_message(e, message)) {
		hold(e, message);
		etcd_watch_release(e); /* there may be too much of it now */
	}
}

static void on_end(void *arg, struct grpc_call *call, const struct grpc_status *status)
{
	struct etcd *e = arg;

	if (e->watch != call)
		return;
	e->watch = NULL;
	e->is_watching = false;
	etcd_watch_forget(e);
	if (e->link.is_up)
		log_warn("etcd", "the watch ended: %s", status->message);
	timer_start(&e->tick, ETCD_TICK_MS); /* begins it again when the link is up */
}

static const struct grpc_call_events watch_events = { .on_message = on_message, .on_end = on_end };

void etcd_watch_start(struct etcd *e)
{
	struct etcd_watch_create create = {
		.key = ALL_KEYS,
		.range_end = ALL_KEYS,
		.start_revision = e->resume_revision + 1,
		.fragment = true,
	};
	struct etcd_watch request = { .create = &create };
	AUTO_BUF frame = { 0 };
	size_t begin;

	if (e->watch || !e->link.is_up || e->lost.code)
		return;
	etcd_watch_forget(e);
	buf_init(&frame, 4096);
	begin = grpc_frame_begin(&frame);
	proto_encode(&etcd_watch_message, &request, &frame);
	grpc_frame_end(&frame, begin);
	e->watch = grpc_call_new(e->link.channel, "/etcdserverpb.Watch/Watch", 0, &watch_events, e);
	grpc_call_send(e->watch, buf_str(&frame), false);
}
