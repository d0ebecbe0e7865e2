/* SPDX-License-Identifier: Apache-2.0 */
/* Watches of one stream: each is a watcher of the store; a client that reads too slowly pauses
 * them. */
#include "base/mem.h"
#include "base/num.h"
#include "store/etcd_server_internal.h"
#include "store/limits.h"

#define QUEUED_HIGH_BYTES (1u << 20)

struct watch {
	struct store_watcher watcher; /* first */
	struct watch_stream *owner;
	struct list link;
	struct str key, end; /* owned */
	int64_t id;
	bool wants_previous, no_put, no_delete;
};

struct watch_stream {
	struct grpc_stream *stream;
	struct list watches;
	size_t count;
	int64_t next_id;
	bool is_paused;
};

static void free_watch(struct watch *w)
{
	store_unwatch(&w->watcher);
	list_remove(&w->link);
	w->owner->count--;
	mem_free((void *)w->key.ptr);
	mem_free((void *)w->end.ptr);
	mem_free(w);
}

static void answer(struct watch_stream *ws, struct etcd_watch_answer *a)
{
	a->header = etcd_header_now(server_of(ws->stream));
	etcd_answer(ws->stream, &etcd_watch_answer_message, a);
	if (ws->is_paused || grpc_stream_queued_bytes(ws->stream) < QUEUED_HIGH_BYTES)
		return;
	ws->is_paused = true;
	LIST_FOR_EACH (link, &ws->watches)
		store_watch_pause(&LIST_ENTRY(link, struct watch, link)->watcher);
}

static void on_event(struct store_watcher *watcher, const struct store_event *event)
{
	struct watch *w = CONTAINER_OF(watcher, struct watch, watcher);
	struct etcd_server *server = server_of(w->owner->stream);
	bool is_delete = event->type == STORE_DELETED;
	struct store_entry now = { .value = event->value,
				   .create_revision = event->create_revision,
				   .mod_revision = event->revision,
				   .version = event->version };
	struct store_entry before = { .value = event->previous,
				      .create_revision = event->create_revision,
				      .mod_revision = event->previous_revision,
				      .version = is_delete ? event->version : event->version - 1 };
	struct etcd_kv kv = { .key = event->key, .mod_revision = event->revision }, previous;
	struct etcd_event e = { .type = is_delete ? ETCD_EVENT_DELETE : ETCD_EVENT_PUT, .kv = &kv };
	struct etcd_watch_answer a = { .watch_id = w->id, .events = &e, .events_count = 1 };
	AUTO_ARENA arena = { 0 };

	if (!etcd_in_range(event->key, w->key, w->end) || (is_delete ? w->no_delete : w->no_put))
		return;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (!is_delete)
		kv = etcd_kv_of(server, &arena, event->key, &now);
	if (w->wants_previous && event->previous) {
		previous = etcd_kv_of(server, &arena, event->key, &before);
		e.prev_kv = &previous;
	}
	answer(w->owner, &a);
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	struct watch *w = CONTAINER_OF(watcher, struct watch, watcher);
	struct watch_stream *ws = w->owner;
	struct etcd_watch_answer a = {
		.watch_id = w->id,
		.canceled = true,
		.cancel_reason = STR("etcdserver: mvcc: required revision has been compacted")
	};

	if (err->code == ERR_GONE)
		a.compact_revision = store_compact_revision(watcher->store);
	else
		a.cancel_reason = STR("etcdserver: server stopped");
	free_watch(w);
	answer(ws, &a);
}

static bool is_id_taken(const struct watch_stream *ws, int64_t id)
{
	LIST_FOR_EACH (link, &ws->watches)
		if (LIST_ENTRY(link, struct watch, link)->id == id)
			return true;
	return false;
}

static void create(struct watch_stream *ws, const struct etcd_watch_create *r)
{
	struct store *store = server_of(ws->stream)->store;
	struct etcd_watch_answer a = { .watch_id = -1, .created = true };
	struct watch *w;

	if (ws->count >= ETCD_STREAM_WATCHES_MAX || (r->watch_id && is_id_taken(ws, r->watch_id)) ||
	    r->key.len > STORE_KEY_BYTES_MAX) {
		a.canceled = true;
		a.cancel_reason = ws->count >= ETCD_STREAM_WATCHES_MAX ? STR("too many watches on the stream")
				  : r->watch_id ? STR("mvcc: duplicate watch ID provided")
						: STR("the key is too long");
		answer(ws, &a);
		return;
	}
	w = NEW(struct watch);
	w->owner = ws;
	w->key = str_dup(r->key.len ? r->key : STR("\0"));
	w->end = str_dup(r->range_end);
	w->wants_previous = r->prev_kv;
	for (size_t i = 0; i < r->filters_count; i++) {
		w->no_put |= r->filters[i] == 0;
		w->no_delete |= r->filters[i] == 1;
	}
	w->id = r->watch_id;
	if (!w->id) {
		while (is_id_taken(ws, ws->next_id))
			ws->next_id++;
		w->id = ws->next_id++;
	}
	list_init(&w->link);
	list_push_back(&ws->watches, &w->link);
	ws->count++;
	a.watch_id = w->id;
	answer(ws, &a);
	w->watcher = (struct store_watcher){ .event = on_event, .end = on_end };
	store_watch(store, &w->watcher, etcd_range_prefix(w->key, w->end), !w->end.len,
		    r->start_revision > 0 ? r->start_revision - 1 : store_revision(store));
	if (ws->is_paused)
		store_watch_pause(&w->watcher);
}

static void cancel(struct watch_stream *ws, int64_t id)
{
	struct etcd_watch_answer a = { .watch_id = id, .canceled = true };

	LIST_FOR_EACH (link, &ws->watches) {
		struct watch *w = LIST_ENTRY(link, struct watch, link);

		if (w->id != id)
			continue;
		free_watch(w);
		answer(ws, &a);
		return;
	}
}

/* Only when every watch has been given all: the answer says so for the stream. */
static void tell_progress(struct watch_stream *ws)
{
	struct etcd_watch_answer a = { .watch_id = -1 };
	int64_t revision = store_revision(server_of(ws->stream)->store);

	LIST_FOR_EACH (link, &ws->watches)
		if (store_watch_progress(&LIST_ENTRY(link, struct watch, link)->watcher) < revision)
			return;
	answer(ws, &a);
}

void etcd_serve_watch(struct grpc_stream *s, struct str message)
{
	struct watch_stream *ws = s->user;
	struct etcd_watch request;

	if (!etcd_read(s, &etcd_watch_message, message, &request)) {
		etcd_serve_watch_closed(s);
		return;
	}
	if (!ws) {
		ws = s->user = NEW(struct watch_stream);
		ws->stream = s;
		list_init(&ws->watches);
	}
	if (request.create)
		create(ws, request.create);
	else if (request.cancel)
		cancel(ws, request.cancel->watch_id);
	else if (request.progress)
		tell_progress(ws);
}

void etcd_serve_watch_drained(struct grpc_stream *s)
{
	struct watch_stream *ws = s->user;

	if (!ws || !ws->is_paused)
		return;
	ws->is_paused = false;
	LIST_FOR_EACH (link, &ws->watches)
		store_watch_resume(&LIST_ENTRY(link, struct watch, link)->watcher);
}

void etcd_serve_watch_closed(struct grpc_stream *s)
{
	struct watch_stream *ws = s->user;
	struct list *link;

	if (!ws)
		return;
	while ((link = list_first(&ws->watches)))
		free_watch(LIST_ENTRY(link, struct watch, link));
	mem_free(ws);
	s->user = NULL;
}

void etcd_serve_watch_ended(struct grpc_stream *s)
{
	etcd_serve_watch_closed(s);
	grpc_stream_finish(s, GRPC_OK, "%s", "");
}
