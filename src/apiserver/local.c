/* SPDX-License-Identifier: Apache-2.0 */
/* The in-process transport: calls over operations, watches over one shared store watcher. */
#include "apiserver/local.h"

#include "apiserver/aggregation.h"
#include "apiserver/limits.h"
#include "apiserver/operation.h"
#include "apiserver/scale.h"
#include "apiserver/watch_filter.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/env.h"

struct local {
	struct api_transport transport;
	struct local_hub *hub;
	struct str user;
	struct list link;
};

struct local_call {
	struct operation op;
	struct arena arena;
	struct local_hub *hub;
	struct api_call *call;
	struct task task; /* answers on the next turn what was finished at once */
	bool is_starting;
	struct err err;
	struct list link;
};

struct hub_kind {
	struct list watches;
};

/* What there is when a watch begins. It is told in parts, so that others get their turns. */
struct snapshot {
	struct blob **blobs;
	size_t count, room, next;
};

/* Of after the snapshot, while its parts are still being told; as few as the turns that takes. */
struct missed_event {
	struct list link;
	enum api_event_type type;
	struct blob *object;
	int64_t revision;
};

enum watch_state { WATCH_NEW, WATCH_STARTING, WATCH_LIVE };

struct local_watch {
	struct list link;
	struct local_hub *hub;
	struct api_watch *watch; /* NULL: stopped */
	struct watch_filter filter;
	struct arena arena;
	struct task task;
	struct timer again; /* not all that there is can be read */
	bool is_told; /* that it waits so */
	enum watch_state state;
	struct snapshot start;
	struct list missed;
	int64_t from_revision; /* what the start already showed */
	struct err err;
};

static struct local *local_of(struct api_transport *transport)
{
	return CONTAINER_OF(transport, struct local, transport);
}

/* --- calls --- */

static void call_free(struct local_call *call)
{
	env_cancel(call->hub->registry->env, &call->task);
	list_remove(&call->link);
	operation_deinit(&call->op);
	arena_deinit(&call->arena);
	mem_free(call);
}

static void call_finish(struct local_call *call)
{
	struct api_call *api_call = call->call;
	const struct obj *result = NULL;

	if (call->op.refusal.code)
		refusal_to_err(&call->op.refusal, &call->err);
	else
		result = obj_of(call->op.result, &call->err);
	api_call->impl = NULL;
	api_call->done(api_call, result, result ? NULL : &call->err);
	call_free(call);
}

static void call_task(struct task *task)
{
	call_finish(CONTAINER_OF(task, struct local_call, task));
}

static void call_done(struct operation *op)
{
	struct local_call *call = CONTAINER_OF(op, struct local_call, op);

	if (call->is_starting)
		env_defer(op->registry->env, &call->task);
	else
		call_finish(call);
}

/* A read needs no operation, only the committed state. */
static void call_get(struct local_call *call)
{
	struct operation *op = &call->op;
	const struct obj *obj = registry_get(op->registry, op->kind, op->namespace_, op->name);
	struct err err = { 0 };

	refusal_init(&op->refusal, op->arena);
	list_init(&op->link);
	if (!obj &&
	    store_check_readable(op->registry->store,
				 registry_key(op->registry, op->arena, op->kind, op->namespace_,
					      op->name),
				 &err) < 0) {
		(void)refusal_from_err(&op->refusal, &err);
	} else if (!obj) {
		(void)refusal_not_found(&op->refusal, operation_subject(op));
	} else if (str_eq_c(op->subresource, "scale")) {
		AUTO_JSON_MUT scale = scale_of(op->kind, obj->root, op->arena);

		op->result = json_mut_to_blob(yyjson_mut_doc_get_root(scale));
	} else {
		op->result = registry_present(op->kind, obj->blob, &err);
		if (!op->result)
			(void)refusal_from_err(&op->refusal, &err);
	}
	call_done(op);
}

static void local_call(struct api_transport *transport, struct api_call *api_call)
{
	static const enum operation_verb verbs[] = {
		[API_CREATE] = OPERATION_CREATE,
		[API_UPDATE] = OPERATION_UPDATE,
		[API_PATCH] = OPERATION_PATCH,
		[API_DELETE] = OPERATION_DELETE,
	};
	struct local *local = local_of(transport);
	struct local_call *call = NEW(struct local_call);
	struct str user;

	call->hub = local->hub;
	call->call = api_call;
	arena_init(&call->arena, ARENA_DEFAULT_MAX);
	user = str_in(&call->arena, local->user); /* the transport may go before its calls */
	task_init(&call->task, call_task);
	list_init(&call->link);
	list_push_back(&local->hub->calls, &call->link);
	call->op = (struct operation){
		.registry = local->hub->registry,
		.arena = &call->arena,
		.kind = api_call->kind,
		.namespace_ = kind_is_namespaced(api_call->kind) ? api_call->namespace_ : STR_NONE,
		.name = api_call->name,
		.subresource = api_call->subresource,
		.user = user,
		.field_manager = api_call->field_manager.len ? api_call->field_manager : user,
		.check = FIELDS_STRICT,
		.done = call_done,
		.wants_object = true,
		.force = api_call->force,
		.patch_type = api_call->patch,
	};
	api_call->impl = call;
	call->is_starting = true;
	if (api_call->verb == API_PATCH) {
		call->op.patch = json_freeze(yyjson_mut_doc_get_root(api_call->body));
		json_mut_free(api_call->body);
	} else {
		call->op.body = api_call->body;
	}
	api_call->body = NULL;
	if (api_call->verb == API_GET) {
		call_get(call);
	} else {
		call->op.verb = verbs[api_call->verb];
		operation_start(&call->op);
	}
	call->is_starting = false;
}

/* --- watches --- */

static void snapshot_free(struct snapshot *s)
{
	while (s->next < s->count)
		blob_unref(s->blobs[s->next++]);
	mem_free(s->blobs);
	*s = (struct snapshot){ .blobs = NULL };
}

static struct missed_event *missed_pop(struct local_watch *w)
{
	struct list *node = list_pop_front(&w->missed);

	return node ? LIST_ENTRY(node, struct missed_event, link) : NULL;
}

static void missed_free(struct missed_event *missed)
{
	blob_unref(missed->object);
	mem_free(missed);
}

static void watch_free(struct local_watch *w)
{
	struct missed_event *missed;

	env_cancel(w->hub->registry->env, &w->task);
	timer_stop(&w->again);
	while ((missed = missed_pop(w)))
		missed_free(missed);
	snapshot_free(&w->start);
	list_remove(&w->link);
	arena_deinit(&w->arena);
	custom_kind_unref(w->filter.kind);
	mem_free(w);
}

static void tell(struct local_watch *w, enum api_event_type type, struct blob *object,
		 int64_t revision)
{
	struct api_event event = { .type = type,
				   .obj = object ? obj_get(object) : NULL,
				   .revision = revision };

	if (w->watch)
		w->watch->on_event(w->watch, &event);
}

static void sweep(struct local_hub *hub)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	if (--hub->depth || !hub->has_stopped)
		return;
	hub->has_stopped = false;
	while (map_next(&hub->kinds, &cursor, &key, &value)) {
		struct hub_kind *kind = value;

		LIST_FOR_EACH (node, &kind->watches) {
			struct local_watch *w = LIST_ENTRY(node, struct local_watch, link);

			if (!w->watch)
				watch_free(w);
		}
	}
}

static void keep_missed(struct local_watch *w, enum api_event_type type, struct blob *object,
			int64_t revision)
{
	struct missed_event *missed = NEW(struct missed_event);

	*missed = (struct missed_event){ .type = type, .object = object, .revision = revision };
	list_push_back(&w->missed, &missed->link);
}

static void pass_on(struct local_watch *w, const struct store_event *event)
{
	enum api_event_type type;
	struct blob *object;

	if (!str_has_prefix(event->key, w->filter.prefix) ||
	    !watch_filter_event(&w->filter, event, &type, &object)) {
		if (w->state == WATCH_LIVE)
			tell(w, API_EVENT_PROGRESS, NULL, event->revision);
	} else if (w->state == WATCH_LIVE) {
		tell(w, type, object, event->revision);
		blob_unref(object);
	} else {
		keep_missed(w, type, object, event->revision);
	}
}

static void fan_out(struct hub_kind *kind, const struct store_event *event)
{
	LIST_FOR_EACH (node, &kind->watches) {
		struct local_watch *w = LIST_ENTRY(node, struct local_watch, link);

		if (w->state != WATCH_NEW && w->watch && event->revision > w->from_revision)
			pass_on(w, event);
	}
}

static struct hub_kind *find_kind(struct local_hub *hub, struct str key)
{
	size_t at = str_find_char(key, '/', sizeof("/registry/") - 1);
	struct hub_kind *kind;

	if (at == SIZE_MAX)
		return NULL;
	kind = map_get(&hub->kinds, str_slice(key, 0, at + 1));
	if (kind)
		return kind;
	at = str_find_char(key, '/', at + 1);
	return at == SIZE_MAX ? NULL : map_get(&hub->kinds, str_slice(key, 0, at + 1));
}

static void hub_event(struct store_watcher *watcher, const struct store_event *event)
{
	struct local_hub *hub = CONTAINER_OF(watcher, struct local_hub, watcher);
	struct hub_kind *kind = find_kind(hub, event->key);

	if (event->revision - 1 > hub->served)
		hub->served = event->revision - 1;
	if (kind) {
		hub->depth++;
		fan_out(kind, event);
		sweep(hub);
	}
	hub->served = event->revision;
}

static void hub_end(struct store_watcher *watcher, struct err *err)
{
	struct local_hub *hub = CONTAINER_OF(watcher, struct local_hub, watcher);

	hub->is_watching = false;
	/* never paused, so only the store's own end can end it */
	if (err->code != ERR_CLOSED)
		log_error("apiserver", "watch of this process's roles ended: %s", err->msg);
}

static bool take_entry(void *arg, struct str key, const struct store_entry *entry)
{
	struct local_watch *w = arg;
	struct snapshot *s = &w->start;
	struct blob *object;

	if (w->filter.has_selector) {
		const struct obj *obj = obj_of(entry->value, NULL);

		if (!obj || !watch_filter_matches(&w->filter, obj))
			return true;
	}
	object = registry_present(w->filter.kind, entry->value, NULL);
	if (!object)
		return true;
	if (s->count == s->room) {
		s->room = s->room ? s->room * 2 : 64;
		s->blobs = mem_realloc_array(s->blobs, s->room, sizeof(s->blobs[0]));
	}
	s->blobs[s->count++] = object;
	return true;
}

static void take_snapshot(struct local_watch *w)
{
	struct local_hub *hub = w->hub;

	if (!hub->is_watching) {
		hub->watcher = (struct store_watcher){ .event = hub_event, .end = hub_end };
		hub->served = store_revision(hub->registry->store);
		store_watch(hub->registry->store, &hub->watcher, STR("/registry/"), false,
			    hub->served);
		hub->is_watching = true;
	}
	w->from_revision = store_revision(hub->registry->store);
	store_walk(hub->registry->store, w->filter.prefix, STR_NONE, take_entry, w);
}

/* The next objects of the snapshot, until a turn's worth of them had to be parsed for it. */
static void tell_part(struct local_watch *w)
{
	struct snapshot *s = &w->start;
	size_t parsed_bytes = 0;

	while (s->next < s->count && parsed_bytes < LOCAL_PART_BYTES) {
		struct blob *object = s->blobs[s->next++];
		bool was_parsed = object->parsed;

		if (obj_of(object, NULL))
			tell(w, API_EVENT_ADDED, object, obj_get(object)->resource_version);
		/* A large store's trees at once would take several times what their bytes do. */
		if (!was_parsed) {
			parsed_bytes += object->len;
			blob_forget(object);
		}
		blob_unref(object);
	}
}

static void tell_missed(struct local_watch *w)
{
	struct missed_event *missed;

	while ((missed = missed_pop(w))) {
		w->from_revision = missed->revision;
		tell(w, missed->type, missed->object, missed->revision);
		missed_free(missed);
	}
}

/* To its role what nobody can read would be gone, and others would be deleted for that. It waits
 * for the value to be put right, or removed, as others do that are refused the list. */
static bool waits_for_readable(struct local_watch *w)
{
	struct err err = { 0 };

	if (store_check_readable_all(w->hub->registry->store, w->filter.prefix, &err) == 0)
		return false;
	if (!w->is_told)
		log_error("apiserver", "roles of this process wait for all " STR_FMT ": %s",
			  STR_ARG(w->filter.kind->plural), err.msg);
	w->is_told = true;
	timer_start(&w->again, LOCAL_READABLE_MS);
	return true;
}

/* Delivers what there is, then what has changed since. It is collected first: callbacks may write.
 */
static void watch_begin(struct task *task)
{
	struct local_watch *w = CONTAINER_OF(task, struct local_watch, task);
	struct local_hub *hub = w->hub;

	if (w->state == WATCH_NEW && waits_for_readable(w))
		return;
	if (w->state == WATCH_NEW)
		take_snapshot(w);
	w->state = WATCH_STARTING;
	hub->depth++;
	tell_part(w);
	if (w->start.next < w->start.count) {
		env_defer(hub->registry->env, &w->task);
	} else {
		snapshot_free(&w->start);
		tell_missed(w);
		w->state = WATCH_LIVE;
		tell(w, API_EVENT_SYNCED, NULL, w->from_revision);
	}
	sweep(hub);
}

static void on_again(struct timer *timer)
{
	watch_begin(&CONTAINER_OF(timer, struct local_watch, again)->task);
}

static void local_watch_start(struct api_transport *transport, struct api_watch *watch)
{
	struct local_hub *hub = local_of(transport)->hub;
	struct local_watch *w = NEW(struct local_watch);
	struct hub_kind *kind;
	struct str prefix;

	w->hub = hub;
	w->watch = watch;
	custom_kind_ref(watch->kind);
	arena_init(&w->arena, ARENA_DEFAULT_MAX);
	task_init(&w->task, watch_begin);
	timer_init(&w->again, hub->registry->env, on_again);
	list_init(&w->link);
	list_init(&w->missed);
	watch->impl = w;
	/* selectors of roles are literals of our own code */
	if (watch_filter_init(&w->filter, watch->kind, watch->label_selector, watch->field_selector,
			      &w->arena, &w->err) < 0)
		log_error("apiserver", "watch of " STR_FMT ": %s", STR_ARG(watch->kind->plural),
			  w->err.msg);
	ASSERT(!w->err.code);
	w->filter.prefix = registry_list_prefix(&w->arena, watch->kind, watch->namespace_);
	prefix = registry_prefix(&w->arena, watch->kind);
	kind = map_get(&hub->kinds, prefix);
	if (!kind) {
		kind = NEW(struct hub_kind);
		list_init(&kind->watches);
		(void)map_put(&hub->kinds, prefix, kind); /* there was none */
	}
	list_push_back(&kind->watches, &w->link);
	env_defer(hub->registry->env, &w->task);
}

static void local_watch_stop(struct api_transport *transport, struct api_watch *watch)
{
	struct local_watch *w = watch->impl;

	if (!w)
		return;
	watch->impl = NULL;
	w->watch = NULL;
	if (w->hub->depth)
		w->hub->has_stopped = true;
	else
		watch_free(w);
}

static int64_t local_revision(struct api_transport *transport)
{
	struct local_hub *hub = local_of(transport)->hub;

	return hub->is_watching ? hub->served : store_revision(hub->registry->store);
}

static void local_empty_others(struct api_transport *transport, struct api_remains *remains)
{
	aggregation_empty(local_of(transport)->hub->registry->aggregation, remains);
}

static void local_empty_others_cancel(struct api_transport *transport, struct api_remains *remains)
{
	(void)transport; /* the operation knows its server */
	aggregation_empty_cancel(remains);
}

static const struct api_transport_ops local_ops = {
	.empty_others = local_empty_others,
	.empty_others_cancel = local_empty_others_cancel,
	.call = local_call,
	.watch_start = local_watch_start,
	.watch_stop = local_watch_stop,
	.revision = local_revision,
};

struct api_transport *local_transport_new(struct local_hub *hub, struct str user)
{
	struct local *local = NEW(struct local);

	local->transport.ops = &local_ops;
	local->hub = hub;
	local->user = str_dup(user);
	list_push_back(&hub->transports, &local->link);
	return &local->transport;
}

void local_transport_free(struct api_transport *transport)
{
	struct local *local = local_of(transport);

	list_remove(&local->link);
	mem_free((void *)local->user.ptr);
	mem_free(local);
}

void local_hub_init(struct local_hub *hub, struct registry *registry)
{
	*hub = (struct local_hub){ .registry = registry };
	map_init(&hub->kinds);
	list_init(&hub->transports);
	list_init(&hub->calls);
}

void local_hub_deinit(struct local_hub *hub)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	while (!list_is_empty(&hub->calls))
		call_free(LIST_ENTRY(list_first(&hub->calls), struct local_call, link));
	while (map_next(&hub->kinds, &cursor, &key, &value)) {
		struct hub_kind *kind = value;

		while (!list_is_empty(&kind->watches))
			watch_free(
				LIST_ENTRY(list_first(&kind->watches), struct local_watch, link));
		mem_free(kind);
	}
	map_deinit(&hub->kinds);
	while (!list_is_empty(&hub->transports))
		local_transport_free(
			&LIST_ENTRY(list_first(&hub->transports), struct local, link)->transport);
}
