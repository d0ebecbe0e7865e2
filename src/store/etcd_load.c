/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything under the prefix as of one revision, page by page. The first time it becomes the
 * index; later, when the watch missed what etcd has dropped, the difference becomes events in the
 * order of their revisions, so that watchers here go on: they miss states in between, not the
 * outcome.
 */
#include <stdlib.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "store/etcd_internal.h"

static void drop_records(struct etcd *e, size_t from)
{
	for (size_t i = from; i < e->record_count; i++) {
		mem_free((void *)e->records[i].key.ptr);
		blob_unref(e->records[i].entry.value);
	}
	e->record_count = from;
}

static void forget(struct etcd *e)
{
	drop_records(e, 0);
	mem_free(e->records);
	mem_free(e->page_from);
	e->records = NULL;
	e->page_from = NULL;
	e->record_count = e->record_cap = 0;
	unreadable_clear(&e->unreadable);
	e->load_revision = 0;
}

void etcd_load_stop(struct etcd *e)
{
	timer_stop(&e->reopen);
	forget(e);
	e->is_loading = false;
}

static int by_revision(const void *a, const void *b)
{
	const struct etcd_record *left = a, *right = b;

	return left->entry.mod_revision < right->entry.mod_revision
		       ? -1
		       : left->entry.mod_revision > right->entry.mod_revision;
}

struct survey {
	struct omap listed; /* key -> struct etcd_record */
	struct str *gone;
	size_t gone_count, gone_cap;
};

static bool look_for_gone(void *arg, struct str key, const struct store_entry *entry)
{
	struct survey *s = arg;

	if (omap_get(&s->listed, key))
		return true;
	if (s->gone_count == s->gone_cap) {
		s->gone_cap = s->gone_cap ? s->gone_cap * 2 : 64;
		s->gone = mem_realloc_array(s->gone, s->gone_cap, sizeof(*s->gone));
	}
	s->gone[s->gone_count++] = str_dup(key);
	return true;
}

static void apply_difference(struct etcd *e)
{
	struct survey s = { 0 };

	omap_init(&s.listed);
	for (size_t i = 0; i < e->record_count; i++)
		omap_put(&s.listed, e->records[i].key, &e->records[i]);
	store_walk(e->store, STR(""), STR(""), look_for_gone, &s);
	omap_deinit(&s.listed);
	qsort(e->records, e->record_count, sizeof(*e->records), by_revision);
	for (size_t i = 0; i < e->record_count; i++) {
		const struct etcd_record *r = &e->records[i];
		const struct store_entry *now = store_get(e->store, r->key);
		struct etcd_change change = { .key = r->key, .entry = r->entry };
		struct etcd_change removal = { .key = r->key };
		struct etcd_write *own;

		if (r->entry.mod_revision <= e->store->revision)
			continue; /* seen */
		own = etcd_take_landed(e, r->entry.mod_revision);
		if (own) {
			etcd_finish_landed(own);
			continue;
		}
		if (now &&
		    now->create_revision != r->entry.create_revision) /* removed and made again */
			etcd_apply(e, r->entry.mod_revision, &removal, 1);
		etcd_apply(e, r->entry.mod_revision, &change, 1);
	}
	for (size_t i = 0; i < s.gone_count; i++) {
		struct etcd_change removal = { .key = s.gone[i] };

		etcd_apply(e, e->load_revision, &removal, 1);
		mem_free((void *)s.gone[i].ptr);
	}
	mem_free(s.gone);
}

static void finish(struct etcd *e)
{
	struct store *store = e->store;

	if (e->is_opened) {
		apply_difference(e);
	} else {
		for (size_t i = 0; i < e->record_count; i++)
			store_index_put(store, e->records[i].key, &e->records[i].entry);
		history_deinit(&store->history);
		history_init(&store->history, store->options.history_events_max,
			     store->options.history_bytes_max, e->load_revision);
	}
	store_unreadable_replace(store, &e->unreadable);
	if (e->load_revision > store->revision)
		store->revision = e->load_revision;
	e->resume_revision = e->load_revision;
	e->is_loaded = e->is_known = true;
	etcd_load_stop(e);
	etcd_advanced(e);
	etcd_watch_start(e);
}

static void push_record(struct etcd *e, const struct etcd_record *record)
{
	if (e->record_count == e->record_cap) {
		e->record_cap = e->record_cap ? e->record_cap * 2 : 256;
		e->records = mem_realloc_array(e->records, e->record_cap, sizeof(*e->records));
	}
	e->records[e->record_count++] = *record;
}

/* What cannot be read now stays as it was: to say that it is gone would have what it owns deleted.
 */
static void keep_known(struct etcd *e, struct str key, const struct err *why)
{
	const struct store_entry *now = e->is_opened ? store_get(e->store, key) : NULL;
	struct etcd_record record = { .key = key };

	if (!now) {
		unreadable_put(&e->unreadable, key, why->msg);
		return;
	}
	record.entry = *now;
	record.key = str_dup(key);
	blob_ref(now->value);
	push_record(e, &record);
}

static int add_record(struct etcd *e, const struct etcd_kv *kv, struct err *err)
{
	struct etcd_record record;
	AUTO_ARENA arena = { 0 };
	AUTO_BLOB sealed = blob_new(kv->value);
	struct str key = kv->key;
	struct blob *value;

	arena_init(&arena, (size_t)GRPC_MESSAGE_BYTES_MAX);
	if (!etcd_key_here(e, &arena, &key))
		return 0; /* the range is the prefix's */
	value = store_unseal(e->store, key, sealed, kv->mod_revision, err);
	if (!value && err->code != ERR_UNAVAILABLE)
		keep_known(e, key, err);
	if (!value)
		return err_wrap(err, "'" STR_FMT "'", STR_ARG(kv->key));
	record = (struct etcd_record){
		.key = str_dup(key),
		.entry = { .value = value,
			   .create_revision = kv->create_revision,
			   .mod_revision = kv->mod_revision,
			   .version = kv->version },
	};
	push_record(e, &record);
	return 0;
}

static void ask_page(struct etcd *e);

static void on_page(struct etcd_call *call, const void *message, const struct grpc_status *status)
{
	struct etcd *e = CONTAINER_OF(call, struct etcd, page_call);
	const struct etcd_range_answer *answer = message;
	size_t had_count = e->record_count;
	bool must_wait = false;
	struct err err = { 0 };

	if (!answer) {
		/* Pages of large values; what else fails is tried again with the next tick or link.
		 */
		if (status->code == GRPC_RESOURCE_EXHAUSTED && e->page_limit > 1)
			e->page_limit /= 4;
		(void)etcd_status_err(status, &e->opening_err);
		if (!e->link.failure_count)
			log_warn("etcd", "reading the state: %s", status->message);
		etcd_load_stop(e);
		timer_start(&e->tick, ETCD_TICK_MS);
		return;
	}
	if (!etcd_is_same(e, answer->header, e->resume_revision)) {
		etcd_load_stop(e);
		return;
	}
	if (!e->load_revision && answer->header)
		e->load_revision = answer->header->revision;
	for (size_t i = 0; i < answer->kvs_count; i++) {
		if (add_record(e, &answer->kvs[i], &err) == 0)
			continue;
		if (err.code == ERR_UNAVAILABLE) { /* the others say what they need as well */
			e->opening_err = err;
			must_wait = true;
			continue;
		}
		if (err.code == ERR_UNSUPPORTED) { /* somebody else's, or damaged */
			log_error("etcd", "passed over: %s", err.msg);
			continue;
		}
		log_error("etcd", "%s", err.msg);
		if (!e->is_opened) {
			etcd_load_stop(e);
			etcd_opened(e, &err);
			return;
		}
	}
	if (must_wait) {
		drop_records(e, had_count);
		etcd_reopen_later(e);
		return;
	}
	e->reopen_ms = 0;
	if (!answer->more || !answer->kvs_count) {
		finish(e);
		return;
	}
	mem_free(e->page_from);
	e->page_from_len = answer->kvs[answer->kvs_count - 1].key.len +
			   1; /* with a NUL: the key right behind it */
	e->page_from = str_dup_c(answer->kvs[answer->kvs_count - 1].key);
	ask_page(e);
}

static void ask_page(struct etcd *e)
{
	struct str prefix = e->options.prefix;
	AUTO_FREE char *end = str_dup_c(prefix);
	struct etcd_range request = {
		.key = e->page_from ? str_sub(e->page_from, e->page_from_len) : prefix,
		.range_end = str_sub(end, prefix.len),
		.limit = e->page_limit,
		.revision = e->load_revision,
	};

	end[prefix.len - 1]++; /* "/registry0": the first key behind the prefix */
	e->page_call.done = on_page;
	etcd_link_call(&e->link, &e->page_call, ETCD_METHOD_RANGE, &request,
		       ETCD_CALL_TIMEOUT_MS * 4);
}

void etcd_load_again(struct etcd *e)
{
	if (e->link.is_up) {
		ask_page(e);
		return;
	}
	etcd_load_stop(e);
	timer_start(&e->tick, ETCD_TICK_MS);
}

void etcd_load(struct etcd *e)
{
	if (e->is_loading || !e->link.is_up)
		return;
	e->is_loading = true;
	if (!e->page_limit)
		e->page_limit = ETCD_PAGE_KEYS;
	ask_page(e);
}
