/* SPDX-License-Identifier: Apache-2.0 */
/* Recording writes, watchers and listings. They check on the way that the store keeps its order. */
#include "probe.h"

#include <stdio.h>
#include "base/assert.h"

static struct blob *encode(struct store_op *op, int64_t revision, struct err *err)
{
	struct probe *p = NULL;
	char text[128];
	size_t len;
	struct blob *value;

	/* The op is one of an array inside the probe; its key tells which. */
	for (size_t i = 0; i < PROBE_OPS && !p; i++) {
		struct probe *candidate = (struct probe *)(void *)((char *)(op - i) - offsetof(struct probe, ops));

		if (op->key.ptr == candidate->keys[i])
			p = candidate;
	}
	ASSERT(p);
	p->encode_count++;
	if (p->encode_fails) {
		err_set(err, ERR_INVALID, "spec: wrong");
		return NULL;
	}
	len = (size_t)snprintf(text, sizeof(text), "%s@%lld", p->text, (long long)revision);
	value = blob_alloc(len > p->value_bytes ? len : p->value_bytes);
	memset(value->bytes, '.', value->len);
	memcpy(value->bytes, text, len);
	return value;
}

static void on_done(struct store_write *write, int64_t revision, struct err *err)
{
	struct probe *p = CONTAINER_OF(write, struct probe, write);

	p->done_count++;
	p->revision = revision;
	if (err)
		p->err = *err;
	if (p->order)
		p->place = (*p->order)++;
	if (!err) {
		/* Whoever hears of a write can read it. */
		for (size_t i = 0; i < write->op_count; i++) {
			const struct store_entry *entry = store_get(p->store, write->ops[i].key);

			/* Where others write too, they may have done so meanwhile. */
			if (!store_is_alone(p->store) && store_revision(p->store) > revision)
				break;
			if (write->ops[i].type == STORE_PUT)
				ASSERT(entry && entry->mod_revision == revision && entry->value == write->ops[i].value);
			else if (write->ops[i].type == STORE_DELETE)
				ASSERT(!entry);
		}
		if (store_is_alone(p->store))
			ASSERT(store_revision(p->store) == revision);
		else
			ASSERT(store_revision(p->store) >= revision);
	}
	if (p->then)
		p->then(p);
}

void probe_init(struct probe *p)
{
	memset(p, 0, sizeof(*p));
	p->write.ops = p->ops;
	p->write.done = on_done;
}

void probe_add(struct probe *p, enum store_op_type type, const char *key, int64_t expected_revision)
{
	size_t i = p->write.op_count++;

	ASSERT(i < PROBE_OPS && str_copy_to(str_from(key), p->keys[i], PROBE_KEY_BYTES) == 0);
	p->ops[i] = (struct store_op){
		.type = type, .key = str_from(p->keys[i]), .expected_revision = expected_revision, .encode = encode,
	};
}

void probe_submit(struct probe *p, struct store *store)
{
	p->store = store;
	store_submit(store, &p->write);
}

void probe_put(struct probe *p, struct store *store, const char *key, const char *text, int64_t expected_revision)
{
	probe_init(p);
	ASSERT(str_copy_to(str_from(text), p->text, sizeof(p->text)) == 0);
	probe_add(p, STORE_PUT, key, expected_revision);
	probe_submit(p, store);
}

void probe_delete(struct probe *p, struct store *store, const char *key, int64_t expected_revision)
{
	probe_init(p);
	memcpy(p->text, "gone", 5);
	probe_add(p, STORE_DELETE, key, expected_revision);
	probe_submit(p, store);
}

static void on_event(struct store_watcher *watcher, const struct store_event *event)
{
	struct watch_probe *w = CONTAINER_OF(watcher, struct watch_probe, watcher);

	ASSERT(event->revision >= w->last_revision);
	ASSERT((event->previous == NULL) == (event->type == STORE_CREATED));
	ASSERT((event->previous_revision == 0) == (event->type == STORE_CREATED));
	w->last_revision = event->revision;
	w->count++;
	buf_printf(&w->seen, "%c" STR_FMT "=" STR_FMT, "+~-"[event->type], STR_ARG(event->key),
		   STR_ARG(blob_str(event->value)));
	if (event->previous)
		buf_printf(&w->seen, "<" STR_FMT, STR_ARG(blob_str(event->previous)));
	buf_put_char(&w->seen, ' ');
	if (w->then)
		w->then(w, event);
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	struct watch_probe *w = CONTAINER_OF(watcher, struct watch_probe, watcher);

	ASSERT(!store_is_watching(watcher));
	w->end = *err;
}

void watch_probe_start(struct watch_probe *w, struct store *store, const char *prefix, bool exact,
		       int64_t from_revision)
{
	memset(w, 0, sizeof(*w));
	buf_init(&w->seen, 16 << 20);
	w->watcher.event = on_event;
	w->watcher.end = on_end;
	w->last_revision = from_revision;
	store_watch(store, &w->watcher, str_from(prefix), exact, from_revision);
}

void watch_probe_deinit(struct watch_probe *w)
{
	store_unwatch(&w->watcher);
	buf_deinit(&w->seen);
}

bool listing_add(void *arg, struct str key, const struct store_entry *entry)
{
	struct listing *l = arg;

	buf_printf(&l->text, STR_FMT "=" STR_FMT " ", STR_ARG(key), STR_ARG(blob_str(entry->value)));
	ASSERT(str_copy_to(key, l->last_key, sizeof(l->last_key)) == 0);
	return ++l->count != l->count_max;
}
