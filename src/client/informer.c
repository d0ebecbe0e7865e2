/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache: a hash by key for lookups, a dense array for walks, and per index a hash from value to
 * a dense array, each entry knowing its places, so that every change is O(number of its index
 * values). Objects are counted, never copied. The cache is changed before handlers are told, and
 * handlers before those who wait for a revision.
 */
#include "client/informer.h"

#include "api/custom.h"
#include "base/assert.h"
#include "base/mem.h"
#include "client/client_internal.h"

struct bucket {
	struct str value; /* owned by the bucket */
	struct informer_index *index;
	struct informer_entry **entries;
	size_t count, cap;
};

struct informer_membership {
	struct bucket *bucket;
	size_t position;
};

struct informer_index {
	void (*fn)(const struct obj *obj, struct index_values *values);
	struct map buckets;
};

struct informer {
	struct client *client;
	struct list link;
	const struct kind *kind;
	struct informer_selector selector;
	struct api_watch watch;
	struct task start;
	bool watching;
	bool synced;
	int64_t revision;
	struct map cache;
	struct informer_entry **entries;
	size_t count, cap;
	struct informer_index *indexes[CLIENT_INDEXES_MAX];
	size_t index_count;
	struct list handlers;
	struct list waits; /* struct revision_wait, ascending */
};

size_t informer_key(const struct obj *obj, char *to, size_t to_bytes)
{
	size_t len = obj->namespace_.len ? obj->namespace_.len + 1 : 0;

	if (len + obj->name.len > to_bytes)
		return 0;
	if (len) {
		memcpy(to, obj->namespace_.ptr, obj->namespace_.len);
		to[len - 1] = '/';
	}
	memcpy(to + len, obj->name.ptr, obj->name.len);
	return len + obj->name.len;
}

static void *grown(void *array, size_t count, size_t *cap)
{
	if (count < *cap)
		return array;
	*cap = *cap ? *cap * 2 : 4;
	return mem_realloc_array(array, *cap, sizeof(void *));
}

/* --- indexes --- */

void index_value_add(struct index_values *values, struct str value)
{
	if (value.len && values->count < CLIENT_INDEX_VALUES_MAX)
		values->values[values->count++] = value;
}

static void bucket_free(struct bucket *bucket)
{
	mem_free((void *)bucket->value.ptr);
	mem_free(bucket->entries);
	mem_free(bucket);
}

static struct bucket *bucket_get(struct informer_index *index, struct str value)
{
	struct bucket *bucket = map_get(&index->buckets, value);

	if (bucket)
		return bucket;
	bucket = NEW(struct bucket);
	bucket->value = str_dup(value);
	bucket->index = index;
	(void)map_put(&index->buckets, bucket->value, bucket); /* was not there */
	return bucket;
}

static bool is_member(const struct informer_entry *entry, const struct bucket *bucket)
{
	for (size_t i = 0; i < entry->membership_count; i++)
		if (entry->memberships[i].bucket == bucket)
			return true;
	return false;
}

static void index_entry(struct informer_index *index, struct informer_entry *entry)
{
	struct index_values values = { .count = 0 };

	index->fn(obj_get(entry->object), &values);
	for (size_t i = 0; i < values.count; i++) {
		struct bucket *bucket = bucket_get(index, values.values[i]);

		if (is_member(entry, bucket))
			continue;
		entry->memberships = mem_realloc_array(entry->memberships,
						       entry->membership_count + 1,
						       sizeof(*entry->memberships));
		entry->memberships[entry->membership_count++] = (struct informer_membership){
			bucket, bucket->count
		};
		bucket->entries = grown(bucket->entries, bucket->count, &bucket->cap);
		bucket->entries[bucket->count++] = entry;
	}
}

static void bucket_remove(struct bucket *bucket, size_t position)
{
	struct informer_entry *moved = bucket->entries[--bucket->count];

	if (bucket->count == 0) {
		(void)map_remove(&bucket->index->buckets, bucket->value); /* it is this bucket */
		bucket_free(bucket);
		return;
	}
	bucket->entries[position] = moved;
	for (size_t i = 0; i < moved->membership_count; i++)
		if (moved->memberships[i].bucket == bucket)
			moved->memberships[i].position = position;
}

static void unindex_entry(struct informer_entry *entry)
{
	while (entry->membership_count) {
		struct informer_membership *m = &entry->memberships[--entry->membership_count];

		bucket_remove(m->bucket, m->position);
	}
}

struct informer_index *informer_add_index(struct informer *informer,
					  void (*fn)(const struct obj *obj,
						     struct index_values *values))
{
	struct informer_index *index;

	for (size_t i = 0; i < informer->index_count; i++)
		if (informer->indexes[i]->fn == fn)
			return informer->indexes[i];
	ASSERT(informer->index_count < CLIENT_INDEXES_MAX);
	index = NEW(struct informer_index);
	index->fn = fn;
	map_init(&index->buckets);
	informer->indexes[informer->index_count++] = index;
	for (size_t i = 0; i < informer->count; i++)
		index_entry(index, informer->entries[i]);
	return index;
}

struct informer_set index_lookup(const struct informer_index *index, struct str value)
{
	const struct bucket *bucket = map_get(&index->buckets, value);

	return bucket ? (struct informer_set){ bucket->entries, bucket->count }
		      : (struct informer_set){ NULL, 0 };
}

static void index_free(struct informer_index *index)
{
	size_t cursor = 0;
	struct str value;
	void *bucket;

	while (map_next(&index->buckets, &cursor, &value, &bucket))
		bucket_free(bucket);
	map_deinit(&index->buckets);
	mem_free(index);
}

void index_by_owner_uid(const struct obj *obj, struct index_values *values)
{
	index_value_add(values, obj_controller_uid(obj));
}

void index_by_any_owner_uid(const struct obj *obj, struct index_values *values)
{
	size_t i, max;
	yyjson_val *ref;

	yyjson_arr_foreach (obj->owner_references, i, max, ref) {
		yyjson_val *uid = yyjson_obj_get(ref, "uid");

		if (yyjson_is_str(uid))
			index_value_add(values, str_sub(yyjson_get_str(uid), yyjson_get_len(uid)));
	}
}

void index_by_namespace(const struct obj *obj, struct index_values *values)
{
	index_value_add(values, obj->namespace_);
}

void index_by_node_name(const struct obj *obj, struct index_values *values)
{
	yyjson_val *name = yyjson_obj_get(yyjson_obj_get(obj->root, "spec"), "nodeName");

	if (yyjson_is_str(name))
		index_value_add(values, str_sub(yyjson_get_str(name), yyjson_get_len(name)));
}

void index_by_service_name(const struct obj *obj, struct index_values *values)
{
	index_value_add(values, obj_label(obj, "kubernetes.io/service-name"));
}

/* --- cache --- */

/* Returns what was there, with its reference, or NULL. */
static struct blob *cache_put(struct informer *informer, struct str key, const struct obj *obj)
{
	struct informer_entry *entry = map_get(&informer->cache, key);
	struct blob *old = entry ? entry->object : NULL;

	if (entry) {
		unindex_entry(entry);
	} else {
		entry = NEW(struct informer_entry);
		(void)map_put(&informer->cache, key, entry); /* was not there */
		informer->entries = grown(informer->entries, informer->count, &informer->cap);
		entry->position = informer->count;
		informer->entries[informer->count++] = entry;
	}
	entry->object = blob_ref(obj->blob);
	for (size_t i = 0; i < informer->index_count; i++)
		index_entry(informer->indexes[i], entry);
	return old;
}

static struct blob *cache_remove(struct informer *informer, struct str key)
{
	struct informer_entry *entry = map_remove(&informer->cache, key);
	struct blob *old;
	struct informer_entry *moved;

	if (!entry)
		return NULL;
	unindex_entry(entry);
	moved = informer->entries[--informer->count];
	informer->entries[entry->position] = moved;
	moved->position = entry->position;
	old = entry->object;
	mem_free(entry->memberships);
	mem_free(entry);
	return old;
}

static void tell(struct informer *informer, const struct obj *old, const struct obj *new_)
{
	LIST_FOR_EACH (node, &informer->handlers) {
		struct informer_handler *handler = LIST_ENTRY(node, struct informer_handler, link);

		handler->on_change(handler, old, new_);
	}
}

static void apply_event(struct informer *informer, const struct api_event *event)
{
	char text[CLIENT_KEY_BYTES_MAX];
	struct str key = { text, informer_key(event->obj, text, sizeof(text)) };
	struct blob *replaced;
	const struct obj *old;

	if (event->type == API_EVENT_DELETED) {
		replaced = cache_remove(informer, key);
		if (replaced)
			tell(informer, event->obj, NULL);
		blob_unref(replaced);
		return;
	}
	old = informer_get(informer, key);
	if (old && old->resource_version == event->obj->resource_version)
		return; /* said again after a gap */
	replaced = cache_put(informer, key, event->obj); /* old keeps its bytes by it */
	if (old && !str_eq(old->uid, event->obj->uid)) {
		/* Deleted and made again while nobody looked: two changes. */
		tell(informer, old, NULL);
		tell(informer, NULL, event->obj);
	} else {
		tell(informer, old, event->obj);
	}
	blob_unref(replaced);
}

static void wake_waits(struct informer *informer)
{
	struct list *node;
	int64_t revision = informer_revision(informer);

	while ((node = list_first(&informer->waits))) {
		struct revision_wait *wait = LIST_ENTRY(node, struct revision_wait, link);

		if (wait->revision > revision)
			break;
		list_remove(node);
		wait->fn(wait);
	}
}

static void watch_event(struct api_watch *watch, const struct api_event *event)
{
	struct informer *informer = watch->owner;

	if (event->obj)
		apply_event(informer, event);
	if (event->revision > informer->revision)
		informer->revision = event->revision;
	if (event->type == API_EVENT_SYNCED && !informer->synced) {
		informer->synced = true;
		LIST_FOR_EACH (node, &informer->handlers) {
			struct informer_handler *handler = LIST_ENTRY(node, struct informer_handler,
								      link);

			if (handler->on_synced)
				handler->on_synced(handler);
		}
	}
	wake_waits(informer);
}

static void start_watch(struct task *task)
{
	struct informer *informer = CONTAINER_OF(task, struct informer, start);

	informer->watching = true;
	informer->client->transport->ops->watch_start(informer->client->transport,
						      &informer->watch);
}

static bool selector_eq(const struct informer_selector *a, const struct informer_selector *b)
{
	return str_eq(a->namespace_, b->namespace_) &&
	       str_eq(a->label_selector, b->label_selector) &&
	       str_eq(a->field_selector, b->field_selector);
}

struct informer *client_informer(struct client *client, const struct kind *kind,
				 const struct informer_selector *selector)
{
	struct informer_selector all = { .namespace_ = STR_NONE };
	struct informer *informer;

	if (!selector)
		selector = &all;
	LIST_FOR_EACH (node, &client->informers) {
		informer = LIST_ENTRY(node, struct informer, link);
		if (custom_kind_same(informer->kind, kind) &&
		    selector_eq(&informer->selector, selector))
			return informer;
	}
	informer = NEW(struct informer);
	informer->client = client;
	informer->kind = kind;
	custom_kind_ref(kind);
	informer->selector.namespace_ = str_dup(selector->namespace_);
	informer->selector.label_selector = str_dup(selector->label_selector);
	informer->selector.field_selector = str_dup(selector->field_selector);
	map_init(&informer->cache);
	list_init(&informer->handlers);
	list_init(&informer->waits);
	informer->watch = (struct api_watch){
		.kind = kind,
		.namespace_ = informer->selector.namespace_,
		.label_selector = informer->selector.label_selector,
		.field_selector = informer->selector.field_selector,
		.on_event = watch_event,
		.owner = informer,
	};
	list_push_back(&client->informers, &informer->link);
	task_init(&informer->start, start_watch);
	env_defer(client->env, &informer->start);
	return informer;
}

bool informer_is_selective(const struct informer *informer)
{
	const struct informer_selector *s = &informer->selector;

	return s->namespace_.len || s->label_selector.len || s->field_selector.len;
}

struct informer *client_informer_of(struct client *client, const struct kind *kind)
{
	struct informer *found = NULL;

	LIST_FOR_EACH (node, &client->informers) {
		struct informer *informer = LIST_ENTRY(node, struct informer, link);

		if (!custom_kind_same(informer->kind, kind))
			continue;
		if (!informer_is_selective(informer))
			return informer;
		if (!found)
			found = informer;
	}
	return found;
}

void informer_add_handler(struct informer *informer, struct informer_handler *handler)
{
	list_push_back(&informer->handlers, &handler->link);
	for (size_t i = 0; i < informer->count; i++)
		handler->on_change(handler, NULL, obj_get(informer->entries[i]->object));
}

void informer_remove_handler(struct informer *informer, struct informer_handler *handler)
{
	(void)informer; /* the link knows its list */
	list_remove(&handler->link);
}

const struct obj *informer_get(const struct informer *informer, struct str key)
{
	const struct informer_entry *entry = map_get(&informer->cache, key);

	return entry ? obj_get(entry->object) : NULL;
}

const struct obj *informer_find(const struct informer *informer, struct str namespace_,
				struct str name)
{
	char text[CLIENT_KEY_BYTES_MAX];
	struct obj probe = { .namespace_ = namespace_, .name = name };

	return informer_get(informer, str_sub(text, informer_key(&probe, text, sizeof(text))));
}

struct informer_set informer_all(const struct informer *informer)
{
	return (struct informer_set){ informer->entries, informer->count };
}

size_t informer_count(const struct informer *informer)
{
	return informer->count;
}

bool informer_is_synced(const struct informer *informer)
{
	return informer->synced;
}

int64_t informer_revision(const struct informer *informer)
{
	struct api_transport *transport = informer->client->transport;
	int64_t served = informer->synced ? transport->ops->revision(transport) : 0;

	return served > informer->revision ? served : informer->revision;
}

void informer_wait(struct informer *informer, struct revision_wait *wait, int64_t revision)
{
	struct list *at = &informer->waits;

	wait->revision = revision;
	/* Revisions come in ascending order, so the right place is nearly always the end. */
	while (at->prev != &informer->waits &&
	       LIST_ENTRY(at->prev, struct revision_wait, link)->revision > revision)
		at = at->prev;
	list_insert_before(at, &wait->link);
}

void informer_wait_cancel(struct revision_wait *wait)
{
	list_remove(&wait->link);
}

static void informer_free(struct informer *informer)
{
	struct client *client = informer->client;

	env_cancel(client->env, &informer->start);
	if (informer->watching)
		client->transport->ops->watch_stop(client->transport, &informer->watch);
	ASSERT(list_is_empty(&informer->waits)); /* queues go first */
	for (size_t i = 0; i < informer->index_count; i++)
		index_free(informer->indexes[i]);
	for (size_t i = 0; i < informer->count; i++) {
		blob_unref(informer->entries[i]->object);
		mem_free(informer->entries[i]->memberships);
		mem_free(informer->entries[i]);
	}
	mem_free(informer->entries);
	map_deinit(&informer->cache);
	mem_free((void *)informer->selector.namespace_.ptr);
	mem_free((void *)informer->selector.label_selector.ptr);
	mem_free((void *)informer->selector.field_selector.ptr);
	list_remove(&informer->link);
	custom_kind_unref(informer->kind);
	mem_free(informer);
}

void informers_free(struct client *client)
{
	struct list *node;

	while ((node = list_first(&client->informers)))
		informer_free(LIST_ENTRY(node, struct informer, link));
}
