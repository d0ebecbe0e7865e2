/* SPDX-License-Identifier: Apache-2.0 */
/* Watch streams. References to all that was there at the start are taken at once; sending them is
 * long work, and what happens since follows. */
#include "apiserver/http_watch.h"

#include "api/protobuf.h"
#include "api/table.h"
#include "apiserver/conversion.h"
#include "apiserver/exchange.h"
#include "apiserver/limits.h"
#include "apiserver/long_work.h"
#include "apiserver/read_options.h"
#include "base/mem.h"
#include "loop/env.h"
#include "net/http_messages.h"
#include "net/websocket.h"

struct http_watch {
	struct apiserver *server;
	struct http_exchange *x;
	const struct kind *kind;
	struct store_watcher watcher;
	struct watch_filter filter;
	struct arena *arena; /* x's */
	struct list link;
	struct timer timeout;
	enum answer_form form;
	bool is_beta;
	enum answer_format format; /* JSON or protobuf */
	enum table_include include;
	bool sent_columns;
	bool bookmarks;
	bool is_paused;
	bool is_starting; /* what was there is still to be sent; the store is not yet watched */
	bool is_framed;	  /* by a WebSocket: events carry no length of their own */
	int64_t revision; /* of the last event sent, or of the start */
	int64_t *active, *events;      /* counters of metrics */
	struct conversion *conversion; /* what is sent next waits for it; nothing overtakes it */
	struct {
		/* What was there at the start: shown ones that are to be converted, and from next
		 * on those that are still to be looked at. */
		struct blob **blobs;
		size_t count, room, shown_count, next;
		struct long_work work;
		bool ends_with_bookmark;
		enum api_event_type type;     /* else of the one event */
		enum store_event_type stored; /* of one whose fields are to be looked at in the
						 version asked for */
		int64_t revision;
	} waiting;
};

static void drop_waiting(struct http_watch *w)
{
	conversion_free(w->conversion);
	w->conversion = NULL;
	long_work_stop(&w->waiting.work);
	for (size_t i = 0; i < w->waiting.count; i++) {
		if (i < w->waiting.shown_count || i >= w->waiting.next)
			blob_unref(w->waiting.blobs[i]);
	}
	mem_free(w->waiting.blobs);
	w->waiting.blobs = NULL;
	w->waiting.count = w->waiting.room = w->waiting.shown_count = w->waiting.next = 0;
}

static void watch_free(struct http_watch *w)
{
	if (list_is_linked(&w->link)) {
		list_remove(&w->link);
		w->server->watch_count--;
		(*w->active)--;
	}
	timer_stop(&w->timeout);
	drop_waiting(w);
	custom_kind_unref(w->kind);
	mem_free(w);
}

/* Ends the stream and everything that is here of it. */
static void watch_end(struct http_watch *w, bool politely)
{
	struct http_exchange *x = w->x;

	store_unwatch(&w->watcher);
	watch_free(w);
	if (politely && !http_is_closed(x))
		http_end(x);
	else
		http_abort(x);
}

static struct str name_of(enum api_event_type type)
{
	switch (type) {
	case API_EVENT_ADDED:
		return STR("ADDED");
	case API_EVENT_MODIFIED:
		return STR("MODIFIED");
	case API_EVENT_DELETED:
		return STR("DELETED");
	case API_EVENT_SYNCED:
	case API_EVENT_PROGRESS:
		break;
	}
	return STR("BOOKMARK");
}

static struct str prefix_of(struct str name)
{
	if (str_eq_c(name, "ADDED"))
		return STR("{\"type\":\"ADDED\",\"object\":");
	if (str_eq_c(name, "MODIFIED"))
		return STR("{\"type\":\"MODIFIED\",\"object\":");
	if (str_eq_c(name, "DELETED"))
		return STR("{\"type\":\"DELETED\",\"object\":");
	if (str_eq_c(name, "ERROR"))
		return STR("{\"type\":\"ERROR\",\"object\":");
	return STR("{\"type\":\"BOOKMARK\",\"object\":");
}

#define FRAME_BYTES_MAX ((size_t)64 << 20)
#define FRAME_HEAD_BYTES_MAX 2048

static const struct str frame_end = STR_INIT("}\n");

static void write_form(struct http_watch *w, const struct obj *obj, struct buf *to)
{
	struct table_options options = {
		.kind = w->kind,
		.include = w->include,
		.is_beta = w->is_beta,
		.no_headers = w->sent_columns,
		.now_ns = env_wall_ns(w->server->env),
		.revision = obj->resource_version,
		.remaining = -1,
	};
	struct table table;

	if (w->form == ANSWER_PARTIAL_METADATA) {
		table_partial_metadata(obj, w->is_beta, to);
		return;
	}
	table_start(&table, &options, to);
	table_row(&table, obj);
	table_end(&table);
	w->sent_columns = true;
}

/* A frame of protobuf begins with its length, where nothing else tells it. */
static struct str head_of_frame(const struct http_watch *w, const struct buf *head)
{
	return str_slice(buf_str(head), w->is_framed ? PROTOBUF_FRAME_HEAD_BYTES : 0, head->len);
}

/* Of any object that is not one of the store's: a bookmark, an error, another form. */
static void send_text(struct http_watch *w, struct str name, struct str json)
{
	struct http_piece pieces[3] = { HTTP_BYTES(prefix_of(name)), HTTP_BYTES(json),
					HTTP_BYTES(frame_end) };
	AUTO_JSON doc = NULL;
	AUTO_BUF head = { 0 }, object = { 0 };

	if (w->format == ANSWER_JSON) {
		http_send(w->x, pieces, 3);
		return;
	}
	doc = json_parse(json, SIZE_MAX, NULL);
	buf_init(&head, FRAME_HEAD_BYTES_MAX);
	buf_init(&object, FRAME_BYTES_MAX);
	if (protobuf_encode(yyjson_doc_get_root(doc), NULL, &object, NULL) < 0)
		return; /* cannot be: text in this format is a Status */
	protobuf_write_event_head(name, object.len, &head);
	pieces[0] = HTTP_BYTES(head_of_frame(w, &head));
	pieces[1] = HTTP_BYTES(buf_str(&object));
	http_send(w->x, pieces, 2);
}

/* What is sent of an event whose object is as it is stored, or is the field kept of it. */
struct frame {
	struct http_piece pieces[3];
	struct buf head, envelope;
	struct blob *field;
};

static void frame_init(struct frame *f, const struct http_watch *w, struct str name,
		       struct blob *object)
{
	bool is_partial = w->form == ANSWER_PARTIAL_METADATA;
	const struct kind *kind = is_partial ? &kind_partialobjectmetadata : w->kind;

	*f = (struct frame){ .pieces = { HTTP_BYTES(prefix_of(name)), HTTP_BLOB(object),
					 HTTP_BYTES(frame_end) } };
	if (w->format != ANSWER_PROTOBUF)
		return;
	f->field = is_partial ? protobuf_field_new(object, kind->schema, PROTOBUF_FIELD)
			      : protobuf_field_of(object, kind->schema);
	buf_init(&f->envelope, FRAME_HEAD_BYTES_MAX);
	buf_init(&f->head, FRAME_HEAD_BYTES_MAX);
	protobuf_write_envelope(w->is_beta ? STR("meta.k8s.io/v1beta1") : kind->api_version,
				kind->name, &f->envelope);
	protobuf_write_event_head(name, f->envelope.len + f->field->len, &f->head);
	f->pieces[0] = HTTP_BYTES(head_of_frame(w, &f->head));
	f->pieces[1] = HTTP_BYTES(buf_str(&f->envelope));
	f->pieces[2] = HTTP_BLOB(f->field);
}

static void frame_deinit(struct frame *f)
{
	blob_unref(f->field);
	buf_deinit(&f->envelope);
	buf_deinit(&f->head);
}

static void shared_drop(struct watch_shared *shared)
{
	blob_unref(shared->object);
	http_chunk_deinit(&shared->chunk);
	shared->object = shared->chunk.framed = NULL;
}

static void on_turn_over(struct task *task)
{
	shared_drop(CONTAINER_OF(task, struct watch_shared, turn_over));
}

/* An event as all get it who watch in the same way: they are told of it one after the other, so it
 * is enough to keep the last one. */
static const struct http_chunk *share(struct http_watch *w, struct str name, struct blob *object)
{
	struct watch_shared *shared = &w->server->watch_shared;
	struct frame frame;

	if (shared->object == object && shared->kind == w->kind && shared->form == (int)w->form &&
	    shared->format == (int)w->format && shared->is_framed == w->is_framed &&
	    str_eq(shared->name, name))
		return &shared->chunk;
	shared_drop(shared);
	if (!shared->turn_over.fn)
		task_init(&shared->turn_over, on_turn_over);
	shared->object = blob_ref(object);
	shared->name = name;
	shared->kind = w->kind;
	shared->form = (int)w->form;
	shared->format = (int)w->format;
	shared->is_framed = w->is_framed;
	frame_init(&frame, w, name, object);
	http_chunk_make(&shared->chunk, frame.pieces, ARRAY_COUNT(frame.pieces));
	frame_deinit(&frame);
	env_defer(w->server->env, &shared->turn_over);
	return &shared->chunk;
}

/* What only this one gets is not copied. */
static void send_frame(struct http_watch *w, struct str name, struct blob *object)
{
	struct frame frame;

	if (store_is_watching(&w->watcher)) {
		http_send_chunk(w->x, share(w, name, object));
		return;
	}
	frame_init(&frame, w, name, object);
	http_send(w->x, frame.pieces, ARRAY_COUNT(frame.pieces));
	frame_deinit(&frame);
}

static void send_event(struct http_watch *w, enum api_event_type type, struct blob *object,
		       int64_t revision)
{
	struct str name = name_of(type);
	AUTO_BUF text = { 0 };

	w->revision = revision;
	(*w->events)++;
	if (w->format == ANSWER_PROTOBUF || w->form == ANSWER_OBJECT) {
		send_frame(w, name, object);
	} else {
		buf_init(&text, FRAME_BYTES_MAX);
		write_form(w, obj_get(object), &text);
		send_text(w, name, buf_str(&text));
	}
}

static void send_bookmark(struct http_watch *w, int64_t revision, bool ends_initial)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *metadata;
	AUTO_BLOB object = NULL;
	char number[24];

	snprintf(number, sizeof(number), "%lld", (long long)revision);
	json_set_str(doc, root, "kind", w->kind->name);
	json_set_str(doc, root, "apiVersion", w->kind->api_version);
	metadata = json_set_object(doc, root, "metadata");
	json_set_str(doc, metadata, "resourceVersion", str_from(number));
	if (ends_initial)
		json_set_str(doc, json_set_object(doc, metadata, "annotations"),
			     "k8s.io/initial-events-end", STR("true"));
	object = json_mut_to_blob(root);
	send_event(w, API_EVENT_PROGRESS, object, revision);
}

static void send_refusal(struct http_watch *w, const struct refusal *refusal)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, 1u << 16);
	refusal_write(refusal, &text);
	send_text(w, STR("ERROR"), buf_str(&text));
}

static void send_gone(struct http_watch *w, const char *message)
{
	struct refusal refusal;

	refusal_init(&refusal, w->arena);
	(void)refusal_gone(&refusal, "%s", message); /* its -1 is for callers that return it */
	send_refusal(w, &refusal);
}

static void check_queue(struct http_watch *w)
{
	if (w->is_paused || w->conversion || http_queued_bytes(w->x) < WATCH_QUEUE_BYTES_MAX)
		return;
	w->is_paused = true;
	store_watch_pause(&w->watcher);
}

/* --- events that wait for a conversion webhook --- */

/* What cannot be converted cannot be shown, and what comes behind it must not overtake it. */
static bool conversion_failed(struct http_watch *w, const struct err *err)
{
	struct refusal refusal;

	if (!err)
		return false;
	refusal_init(&refusal, w->arena);
	(void)conversion_refuse(&refusal, err); /* told here */
	send_refusal(w, &refusal);
	watch_end(w, true);
	return true;
}

static void on_event_converted(void *arg, struct conversion *conversion, const struct err *err)
{
	struct http_watch *w = arg;

	if (conversion_failed(w, err))
		return;
	send_event(w, w->waiting.type, conversion_result(conversion, 0), w->waiting.revision);
	drop_waiting(w);
	check_queue(w);
	if (!w->is_paused)
		store_watch_resume(&w->watcher);
}

/* Both states are in the version asked for now: what the event means shows in their fields. */
static void on_states_converted(void *arg, struct conversion *conversion, const struct err *err)
{
	struct http_watch *w = arg;
	struct store_event event = { .type = w->waiting.stored, .revision = w->waiting.revision };
	enum api_event_type type;
	struct blob *object;

	if (conversion_failed(w, err))
		return;
	event.value = conversion_result(conversion, 0);
	event.previous = w->waiting.count > 1 ? conversion_result(conversion, 1) : NULL;
	if (watch_filter_event(&w->filter, &event, &type, &object)) {
		send_event(w, type, object, event.revision);
		blob_unref(object);
	}
	drop_waiting(w);
	check_queue(w);
	if (!w->is_paused)
		store_watch_resume(&w->watcher);
}

static void keep_existing(struct http_watch *w, struct blob *object);

static void wait_for_states(struct http_watch *w, const struct store_event *event)
{
	struct blob *value = registry_present(w->kind, event->value, NULL), *previous = NULL;

	if (event->previous)
		previous = registry_present(w->kind, event->previous, NULL);
	if (!value || (event->previous && !previous)) { /* bytes that are none of ours */
		blob_unref(value);
		blob_unref(previous);
		return;
	}
	w->waiting.stored = event->type;
	w->waiting.revision = event->revision;
	keep_existing(w, value);
	if (previous)
		keep_existing(w, previous);
	store_watch_pause(&w->watcher);
	w->conversion = conversion_start(&w->server->registry, w->kind, w->waiting.blobs,
					 w->waiting.count, on_states_converted, w);
}

static bool has_to_convert(struct http_watch *w, const struct store_event *event)
{
	return w->filter.fields_wait &&
	       (conversion_is_needed(w->kind, event->value) ||
		(event->previous && conversion_is_needed(w->kind, event->previous)));
}

static void wait_for_event(struct http_watch *w, enum api_event_type type, struct blob *object,
			   int64_t revision)
{
	w->waiting.type = type;
	w->waiting.revision = revision;
	store_watch_pause(&w->watcher);
	w->conversion = conversion_start(&w->server->registry, w->kind, &object, 1,
					 on_event_converted, w);
}

static void on_event(struct store_watcher *watcher, const struct store_event *event)
{
	struct http_watch *w = CONTAINER_OF(watcher, struct http_watch, watcher);
	enum api_event_type type;
	struct blob *object;

	if (has_to_convert(w, event)) {
		wait_for_states(w, event);
		return;
	}
	if (!watch_filter_event(&w->filter, event, &type, &object))
		return;
	if (conversion_is_needed(w->kind, object)) {
		wait_for_event(w, type, object, event->revision);
	} else {
		send_event(w, type, object, event->revision);
		check_queue(w);
	}
	blob_unref(object);
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	struct http_watch *w = CONTAINER_OF(watcher, struct http_watch, watcher);
	struct http_exchange *x = w->x;
	char message[128];

	if (err->code == ERR_GONE) {
		snprintf(message, sizeof(message), "too old resource version: %lld (%lld)",
			 (long long)w->revision,
			 (long long)store_compact_revision(w->server->store));
		send_gone(w, message);
	}
	watch_free(w);
	if (http_is_closed(x))
		http_abort(x);
	else
		http_end(x);
}

static void on_drained(void *arg, struct http_exchange *x)
{
	struct http_watch *w = arg;

	if (!w->is_paused)
		return;
	w->is_paused = false;
	if (!w->conversion)
		store_watch_resume(&w->watcher);
}

static void on_closed(void *arg, struct http_exchange *x)
{
	watch_end(arg, false);
}

static const struct http_exchange_events watch_events = { .on_drained = on_drained,
							  .on_closed = on_closed };

static void on_timeout(struct timer *timer)
{
	struct http_watch *w = CONTAINER_OF(timer, struct http_watch, timeout);
	bool tell = w->bookmarks && !w->is_paused && !w->conversion && !w->is_starting;

	if (tell)
		send_bookmark(w, store_watch_progress(&w->watcher), false);
	watch_end(w, true);
}

/* All watches that asked for bookmarks and had nothing to say for a while; one timer for all. */
void http_watch_bookmarks(struct timer *timer)
{
	struct apiserver *s = CONTAINER_OF(timer, struct apiserver, bookmarks);
	bool any = false;

	LIST_FOR_EACH (node, &s->watches) {
		struct http_watch *w = LIST_ENTRY(node, struct http_watch, link);
		int64_t revision;

		any |= w->bookmarks;
		if (w->is_starting)
			continue;
		revision = store_watch_progress(&w->watcher); /* it may still be catching up */
		if (w->bookmarks && !w->is_paused && !w->conversion && revision > w->revision)
			send_bookmark(w, revision, false);
	}
	if (any)
		timer_start_slack(timer, WATCH_BOOKMARK_SECONDS * 1000, 5000);
}

void http_watch_end_all(struct apiserver *s, bool politely)
{
	while (!list_is_empty(&s->watches))
		watch_end(LIST_ENTRY(list_first(&s->watches), struct http_watch, link), politely);
	if (s->watch_shared.turn_over.fn)
		env_cancel(s->env, &s->watch_shared.turn_over);
	shared_drop(&s->watch_shared);
}

/* What the store has told already still goes out, as upstream waits a second too. */
void http_watch_end_custom(struct apiserver *s, const struct custom_resource *resource)
{
	LIST_FOR_EACH (node, &s->watches) {
		struct http_watch *w = LIST_ENTRY(node, struct http_watch, link);
		const struct custom_version *version = custom_version_of(w->kind);

		if (version && version->resource == resource)
			timer_start(&w->timeout, WATCH_WITHDRAWN_MS);
	}
}

/* Takes the reference: one question for all there is. */
static void keep_existing(struct http_watch *w, struct blob *object)
{
	if (w->waiting.count == w->waiting.room) {
		w->waiting.room = w->waiting.room ? w->waiting.room * 2 : 64;
		w->waiting.blobs = mem_realloc_array(w->waiting.blobs, w->waiting.room,
						     sizeof(w->waiting.blobs[0]));
	}
	w->waiting.blobs[w->waiting.count++] = object;
}

static bool keep_stored(void *arg, struct str key, const struct store_entry *entry)
{
	keep_existing(arg, blob_ref(entry->value));
	return true;
}

/* NULL: it is not to be shown. */
static struct blob *shown_of(const struct http_watch *w, struct blob *stored)
{
	const struct obj *obj;

	if (w->filter.has_selector) {
		obj = obj_of(stored, NULL);
		if (!obj || !watch_filter_may_match(&w->filter, obj))
			return NULL;
	}
	return registry_present(w->kind, stored, NULL);
}

#define LOOK_COST 256 /* as long_work.h counts */

/* Returns what it cost. */
static size_t show_existing(struct http_watch *w, struct blob *stored)
{
	bool was_parsed = stored->parsed, was_recoded = stored->recoded;
	struct blob *object = shown_of(w, stored);
	size_t cost = LOOK_COST;

	if (object && conversion_has_webhook(w->kind)) {
		w->waiting.blobs[w->waiting.shown_count++] = blob_ref(object);
	} else if (object) {
		send_event(w, API_EVENT_ADDED, object, w->waiting.revision);
		cost += w->form == ANSWER_OBJECT ? 0 : stored->len;
	}
	cost += !was_parsed && stored->parsed ? stored->len : 0;
	cost += !was_recoded && stored->recoded ? stored->len : 0;
	blob_unref(object);
	return cost;
}

/* False: that was all. */
static bool show_some(struct http_watch *w, size_t *cost)
{
	size_t most = *cost + LONG_WORK_PART_COST;

	while (w->waiting.next < w->waiting.count) {
		struct blob *stored = w->waiting.blobs[w->waiting.next++];

		*cost += show_existing(w, stored);
		blob_unref(stored);
		if (*cost >= most)
			return true;
	}
	return false;
}

static void start_timeout(struct http_watch *w, int64_t seconds)
{
	struct env *env = w->server->env;

	if (!seconds)
		seconds = w->server->watch_seconds_min +
			  (int64_t)env_random_below(env, (uint64_t)w->server->watch_seconds_min);
	timer_init(&w->timeout, env, on_timeout);
	timer_start_slack(&w->timeout,
			  seconds > INT64_MAX / 1000 ? INT64_MAX / 1000 : seconds * 1000,
			  seconds > 60 ? 5000 : 0);
}

/* What was there has been sent: on with what happens since. */
static void follow(struct http_watch *w, int64_t revision, bool ends_initial)
{
	w->revision = revision;
	w->is_starting = false;
	if (ends_initial)
		send_bookmark(w, revision, true);
	w->watcher = (struct store_watcher){ .event = on_event, .end = on_end };
	store_watch(w->server->store, &w->watcher, w->filter.prefix, false, revision);
	check_queue(w);
}

static void on_existing_converted(void *arg, struct conversion *conversion, const struct err *err)
{
	struct http_watch *w = arg;
	size_t count = w->waiting.count;

	if (conversion_failed(w, err))
		return;
	for (size_t i = 0; i < count; i++) {
		struct blob *object = conversion_result(conversion, i);

		if (!w->filter.fields_wait || watch_filter_matches(&w->filter, obj_get(object)))
			send_event(w, API_EVENT_ADDED, object, obj_get(object)->resource_version);
	}
	drop_waiting(w);
	follow(w, w->waiting.revision, w->waiting.ends_with_bookmark);
}

static void all_shown(struct http_watch *w)
{
	int64_t revision = w->waiting.revision;
	bool ends_with_bookmark = w->waiting.ends_with_bookmark;

	w->waiting.count = w->waiting.next = w->waiting.shown_count;
	if (!w->waiting.count) {
		drop_waiting(w);
		follow(w, revision, ends_with_bookmark);
		return;
	}
	w->conversion = conversion_start(&w->server->registry, w->kind, w->waiting.blobs,
					 w->waiting.count, on_existing_converted, w);
}

static bool on_part(struct long_work *work, size_t *cost)
{
	struct http_watch *w = CONTAINER_OF(work, struct http_watch, waiting.work);

	if (show_some(w, cost))
		return true;
	all_shown(w);
	return false;
}

static bool shows_existing(const struct read_options *options)
{
	return options->has_initial_events ? options->initial_events : !options->revision;
}

/* Returns how many objects there are to look at. */
static size_t begin(struct http_watch *w, const struct read_options *options)
{
	struct store *store = w->server->store;
	bool existing = shows_existing(options);
	size_t cost = 0, count;

	w->is_starting = true;
	w->waiting.revision = existing || !options->revision ? store_revision(store)
							     : options->revision;
	w->waiting.ends_with_bookmark = existing && options->initial_events && options->bookmarks;
	w->revision = w->waiting.revision;
	if (existing)
		store_walk(store, w->filter.prefix, STR_NONE, keep_stored, w);
	count = w->waiting.count;
	if (show_some(w, &cost)) {
		w->waiting.work.part = on_part;
		long_work_start(&w->server->works, &w->waiting.work);
	} else {
		all_shown(w);
	}
	return count;
}

static struct http_watch *watch_new(struct exchange *e, struct str namespace_)
{
	struct http_watch *w = NEW(struct http_watch);

	w->server = e->server;
	w->x = e->x;
	w->kind = e->kind;
	custom_kind_ref(w->kind);
	w->form = e->form;
	w->is_beta = e->is_beta;
	w->format = e->format;
	w->arena = e->arena;
	w->filter.prefix = registry_list_prefix(w->arena, e->kind, namespace_);
	return w;
}

/* /watch/pods/x of old, and GET of one object with watch: a field selector on the name. */
static int add_name(struct exchange *e, struct read_options *options)
{
	struct str text = str_printf_in(e->arena, "metadata.name=" STR_FMT,
					STR_ARG(e->target.name));
	struct err err = { 0 };

	if (!e->target.is_watch_path || !e->target.name.len)
		return 0;
	if (watch_filter_init(&options->filter, e->kind,
			      params_get(&e->target.query, "labelSelector"), text, e->arena,
			      &err) < 0)
		return refusal_from_err(&e->refusal, &err);
	return 0;
}

/* The handshake, when the client asks for a WebSocket. Any subprotocol will do: browsers name some
 * to have one besides that of their token, and events are never in base 64. False: refused. */
static bool accept_websocket(struct exchange *e)
{
	struct http_messages_options options = {
		.form = e->format == ANSWER_PROTOBUF ? HTTP_MESSAGE_BINARY : HTTP_MESSAGE_TEXT,
	};
	struct err err;

	if (http_messages_accept(e->x, &options, &err) == 0)
		return true;
	exchange_count(e, err.code == ERR_FORBIDDEN ? 403 : 400);
	return false;
}

/* Counts it, and sends the head of the answer. */
static void open_stream(struct http_watch *w, struct exchange *e)
{
	struct http_header list[] = { { .name = STR("Content-Type") }, EXCHANGE_NOT_CACHED };
	struct http_headers headers = { list, ARRAY_COUNT(list) };

	list_push_back(&e->server->watches, &w->link);
	e->server->watch_count++;
	w->active = metrics_watches(&e->server->metrics, &e->target);
	w->events = metrics_watch_events(&e->server->metrics, e->kind);
	(*w->active)++;
	exchange_count(e, w->is_framed ? 101 : 200);
	list[0].value = e->format == ANSWER_PROTOBUF
				? STR("application/vnd.kubernetes.protobuf;stream=watch")
				: STR("application/json");
	http_set_events(e->x, &watch_events, w);
	http_start(e->x, 200, &headers);
}

int watch_serve(struct exchange *e)
{
	bool is_websocket = websocket_is_request(&e->x->headers);
	struct read_options options;
	struct http_watch *w;
	struct str prefix;
	struct err err = { 0 };
	size_t looked_at;

	if (accept_read(e, ACCEPT_STREAMS) < 0 || read_options_parse(e, &options) < 0 ||
	    add_name(e, &options) < 0)
		return -1;
	prefix = registry_list_prefix(e->arena, e->kind, e->target.namespace_);
	if (shows_existing(&options) &&
	    store_check_readable_all(e->server->store, prefix, &err) < 0)
		return refusal_from_err(&e->refusal, &err);
	if (is_websocket && !accept_websocket(e))
		return 0;
	w = watch_new(e, e->target.namespace_);
	prefix = w->filter.prefix;
	/* the selectors' strings must outlive the exchange's own arena only as long as the exchange
	 * itself */
	w->filter = options.filter;
	w->filter.prefix = prefix;
	w->bookmarks = options.bookmarks;
	w->include = options.include;
	w->is_framed = is_websocket;
	start_timeout(w, options.timeout_seconds);
	open_stream(w, e);
	looked_at = begin(w, &options);
	fair_turn_charge(&e->turn, looked_at / FAIR_CHARGE_WATCHED);
	fair_turn_end(&e->turn);
	if (w->bookmarks && !timer_is_running(&e->server->bookmarks))
		timer_start_slack(&e->server->bookmarks, WATCH_BOOKMARK_SECONDS * 1000, 5000);
	return 0;
}
