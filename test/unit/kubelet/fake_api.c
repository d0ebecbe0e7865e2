/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_api.h. */
#include "fake_api.h"

#include <inttypes.h>

#include "api/kind.h"
#include "base/assert.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/json.h"
#include "codec/patch.h"

static struct fake_api *api_of(struct api_transport *transport)
{
	return CONTAINER_OF(transport, struct fake_api, transport);
}

static char *key_of(struct str kind, struct str namespace_, struct str name)
{
	return mem_printf(STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(kind), STR_ARG(namespace_),
			  STR_ARG(name));
}

static bool selects(const struct api_watch *w, const struct obj *obj)
{
	struct str field = w->field_selector;

	if (!str_eq(w->kind->name, obj->kind) ||
	    (w->namespace_.len && !str_eq(w->namespace_, obj->namespace_)))
		return false;
	if (str_strip_prefix(&field, STR("metadata.name=")))
		return str_eq(field, obj->name);
	if (str_strip_prefix(&field, STR("spec.nodeName=")))
		return str_eq(field, json_get_str(obj->root, "spec.nodeName"));
	return field.len == 0;
}

static void tell(struct fake_api *api, enum api_event_type type, struct blob *blob)
{
	struct api_event event = { type, obj_get(blob), api->revision };

	for (size_t i = 0; i < api->watch_count; i++)
		if (api->watches[i] && api->synced[i] && selects(api->watches[i], event.obj))
			api->watches[i]->on_event(api->watches[i], &event);
}

/* Takes the document. */
static struct blob *store(struct fake_api *api, yyjson_mut_doc *doc, struct str kind)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc),
		       *metadata = json_ensure_object(doc, root, "metadata");
	char text[32];
	char *key;
	struct blob *blob, *old;

	json_set_str(doc, root, "kind", kind);
	(void)snprintf(text, sizeof(text), "%" PRId64, ++api->revision);
	json_set_str(doc, metadata, "resourceVersion", str_from(text));
	if (!json_mut_get(metadata, "uid")) {
		(void)snprintf(text, sizeof(text), "uid-%" PRId64, api->revision);
		json_set_str(doc, metadata, "uid", str_from(text));
	}
	blob = json_mut_to_blob(root);
	json_mut_free(doc);
	key = key_of(kind, obj_get(blob)->namespace_, obj_get(blob)->name);
	old = omap_put(&api->objects, str_from(key), blob);
	mem_free(key);
	tell(api, old ? API_EVENT_MODIFIED : API_EVENT_ADDED, blob);
	blob_unref(old);
	return blob;
}

static void drop(struct fake_api *api, const struct obj *obj)
{
	char *key = key_of(obj->kind, obj->namespace_, obj->name);
	struct blob *blob = omap_remove(&api->objects, str_from(key));

	mem_free(key);
	api->revision++;
	tell(api, API_EVENT_DELETED, blob);
	blob_unref(blob);
}

void fake_api_put(struct fake_api *api, const char *kind, const char *json)
{
	AUTO_JSON doc = json_parse(str_from(json), 1 << 20, NULL);

	ASSERT(doc);
	(void)store(api, json_thaw(yyjson_doc_get_root(doc)), str_from(kind)); /* the map has it */
}

const struct obj *fake_api_get(struct fake_api *api, const char *kind, const char *namespace_,
			       const char *name)
{
	AUTO_FREE char *key = key_of(str_from(kind), str_from(namespace_), str_from(name));
	struct blob *blob = omap_get(&api->objects, str_from(key));

	return blob ? obj_get(blob) : NULL;
}

void fake_api_delete(struct fake_api *api, const char *kind, const char *namespace_,
		     const char *name, int64_t grace)
{
	const struct obj *obj = fake_api_get(api, kind, namespace_, name);
	char text[TIME_TEXT_BYTES];
	yyjson_mut_doc *doc;
	yyjson_mut_val *metadata;

	ASSERT(obj);
	if (grace == 0 || strcmp(kind, "Pod") != 0) {
		drop(api, obj);
		return;
	}
	doc = json_thaw(obj->root);
	metadata = json_mut_get(yyjson_mut_doc_get_root(doc), "metadata");
	json_set_str(doc, metadata, "deletionTimestamp",
		     str_from(time_format(env_wall_ns(api->env), text)));
	json_set_int(doc, metadata, "deletionGracePeriodSeconds", grace);
	(void)store(api, doc, STR("Pod")); /* the map has it */
}

struct count {
	const char *reason;
	size_t n;
};

static bool count_event(void *arg, struct str key, void *value)
{
	struct count *c = arg;
	const struct obj *event = obj_get(value);

	(void)key;
	if (str_eq_c(json_get_str(event->root, "reason"), c->reason))
		c->n += (size_t)json_get_int(event->root, "count", 1);
	return true;
}

size_t fake_api_events(struct fake_api *api, const char *reason)
{
	struct count c = { reason, 0 };

	omap_walk_prefix(&api->objects, STR("Event/"), count_event, &c);
	return c.n;
}

/* --- calls --- */

static struct blob *answer_patch(struct fake_api *api, struct api_call *call, struct blob *old,
				 struct err *err)
{
	AUTO_JSON patch = json_freeze(yyjson_mut_doc_get_root(call->body));
	struct str uid = json_get_str(yyjson_doc_get_root(patch), "metadata.uid");
	struct str revision = json_get_str(yyjson_doc_get_root(patch), "metadata.resourceVersion");
	yyjson_mut_doc *doc;

	ASSERT(call->patch == API_PATCH_MERGE);
	if (uid.len && !str_eq(uid, obj_get(old)->uid)) {
		(void)err_set(err, ERR_CONFLICT, "uid"); /* -1 */
		return NULL;
	}
	if (revision.len &&
	    !str_eq(revision, json_get_str(obj_get(old)->root, "metadata.resourceVersion"))) {
		(void)err_set(err, ERR_CONFLICT, "the object has been modified"); /* -1 */
		return NULL;
	}
	if (str_eq(call->kind->name, STR("Pod")) && str_eq(call->subresource, STR("status")))
		api->status_writes++;
	doc = patch_merge(obj_get(old)->root, yyjson_doc_get_root(patch), err);
	return doc ? store(api, doc, call->kind->name) : NULL;
}

static struct blob *answer_one(struct fake_api *api, struct api_call *call, struct err *err)
{
	struct str name = call->name.len ? call->name
					 : json_mut_get_str(yyjson_mut_doc_get_root(call->body),
							    "metadata.name");
	AUTO_FREE char *key = key_of(call->kind->name, call->namespace_, name);
	struct blob *old = omap_get(&api->objects, str_from(key));

	if (api->fail_next > 0) {
		api->fail_next--;
		(void)err_set(err, ERR_UNAVAILABLE, "try again"); /* -1 */
		return NULL;
	}
	if (call->verb == API_CREATE && old) {
		(void)err_set(err, ERR_EXISTS, "exists"); /* -1 */
		return NULL;
	}
	if (call->verb == API_CREATE) {
		yyjson_mut_doc *doc = call->body;

		call->body = NULL;
		return store(api, doc, call->kind->name);
	}
	if (!old) {
		(void)err_set(err, ERR_NOT_FOUND, "not found"); /* -1 */
		return NULL;
	}
	if (call->verb == API_PATCH)
		return answer_patch(api, call, old, err);
	ASSERT(call->verb == API_DELETE);
	blob_ref(old);
	drop(api, obj_get(old));
	return old;
}

static void answer(struct task *task)
{
	struct fake_api *api = CONTAINER_OF(task, struct fake_api, turn);

	while (api->queue_count > 0) {
		struct api_call *call = api->queue[0];
		struct err err;
		struct blob *blob;
		bool deleted = call->verb == API_DELETE;

		memmove(api->queue, api->queue + 1, --api->queue_count * sizeof(api->queue[0]));
		blob = answer_one(api, call, &err);
		json_mut_free(call->body);
		call->body = NULL;
		call->done(call, blob ? obj_get(blob) : NULL, blob ? NULL : &err);
		if (deleted)
			blob_unref(blob);
	}
}

static void call_start(struct api_transport *transport, struct api_call *call)
{
	struct fake_api *api = api_of(transport);

	ASSERT(api->queue_count < FAKE_QUEUE_MAX);
	api->queue[api->queue_count++] = call;
	env_defer(api->env, &api->turn);
}

/* --- watches --- */

struct first_events {
	struct fake_api *api;
	struct api_watch *watch;
	struct task task;
};

struct replay {
	struct fake_api *api;
	struct api_watch *watch;
};

static bool replay_one(void *arg, struct str key, void *value)
{
	struct replay *r = arg;
	struct api_event event = { API_EVENT_ADDED, obj_get(value), r->api->revision };

	(void)key;
	if (selects(r->watch, event.obj))
		r->watch->on_event(r->watch, &event);
	return true;
}

static void first_events(struct task *task)
{
	struct first_events *f = CONTAINER_OF(task, struct first_events, task);
	struct replay r = { f->api, f->watch };
	struct api_event synced = { API_EVENT_SYNCED, NULL, f->api->revision };

	for (size_t i = 0; i < f->api->watch_count; i++) {
		if (f->api->watches[i] != f->watch || f->api->synced[i])
			continue;
		omap_walk_prefix(&f->api->objects, STR(""), replay_one, &r);
		f->api->synced[i] = true;
		f->watch->on_event(f->watch, &synced);
		break;
	}
	mem_free(f);
}

static void watch_start(struct api_transport *transport, struct api_watch *watch)
{
	struct fake_api *api = api_of(transport);
	struct first_events *f = NEW(struct first_events);

	ASSERT(api->watch_count < FAKE_WATCHES_MAX);
	api->synced[api->watch_count] = false;
	api->watches[api->watch_count++] = watch;
	f->api = api;
	f->watch = watch;
	task_init(&f->task, first_events);
	env_defer(api->env, &f->task);
}

static void watch_stop(struct api_transport *transport, struct api_watch *watch)
{
	struct fake_api *api = api_of(transport);

	for (size_t i = 0; i < api->watch_count; i++)
		if (api->watches[i] == watch)
			api->watches[i] = NULL;
}

static int64_t revision_now(struct api_transport *transport)
{
	return api_of(transport)->revision;
}

static const struct api_transport_ops ops = { .call = call_start,
					      .watch_start = watch_start,
					      .watch_stop = watch_stop,
					      .revision = revision_now };

void fake_api_init(struct fake_api *api, struct env *env)
{
	*api = (struct fake_api){ .transport = { &ops }, .env = env };
	omap_init(&api->objects);
	task_init(&api->turn, answer);
}

void fake_api_deinit(struct fake_api *api)
{
	struct str key = STR_NONE;
	void *value;

	while (omap_at_least(&api->objects, STR(""), &key, &value)) {
		blob_unref(value);
		(void)omap_remove(&api->objects, key); /* it is there */
	}
	omap_deinit(&api->objects);
}
