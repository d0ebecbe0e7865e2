/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LIST: the stored bytes of all that matches, gathered behind a small head and sent as they are.
 * Pages continue at the revision of the first one for as long as the history reaches back to it.
 * References to all that may match are taken at once, which is the state that is answered; to look
 * at each and to make other forms of them is long work.
 */
#include "api/object.h"
#include "api/protobuf.h"
#include "apiserver/component_status.h"
#include "apiserver/exchange.h"
#include "apiserver/limits.h"
#include "apiserver/list_writer.h"
#include "apiserver/read_options.h"
#include "base/mem.h"
#include "loop/env.h"
#include "net/http_gzip.h"

#define LOOK_COST 256 /* of any object that is looked at, as long_work.h counts */

struct listing {
	struct exchange *e;
	struct read_options options;
	struct blob **blobs;
	size_t count, room, bytes;
	size_t unsifted, unsifted_count; /* from the one to the other: as taken from the store */
	size_t looked_at, looked_at_bytes;
	int64_t revision;
	struct str prefix; /* of the keys of the kind; likewise: of those that are listed */
	struct str list_prefix;
	struct str more_from; /* key of the first that did not fit the page; empty: that was all */
	bool too_large;
	size_t next; /* of fill */
	bool head_sent;
	struct str opening; /* empty, or the blobs are objects as stored, which begin so */
	struct blob *head;
	struct str tail;
	struct long_work work; /* some, until nothing is left, and then done */
	bool (*some)(struct listing *l, size_t *cost);
	void (*done)(struct listing *l);
	size_t made_count; /* objects that have the form they are sent in */
	struct list_writer *writer;
	int64_t remaining;
	struct err err;
};

static void drop_unsifted(struct listing *l)
{
	while (l->unsifted < l->unsifted_count)
		blob_unref(l->blobs[l->unsifted++]);
}

static void drop_objects(struct listing *l)
{
	drop_unsifted(l);
	for (size_t i = 0; i < l->count; i++)
		blob_unref(l->blobs[i]);
	mem_free(l->blobs);
}

static void release(void *arg)
{
	struct listing *l = arg;

	drop_objects(l);
	blob_unref(l->head);
	list_writer_free(l->writer);
	mem_free(l);
}

static void refuse(struct listing *l)
{
	struct exchange *e = l->e;

	if (l->too_large)
		(void)refusal_set(&e->refusal, 413, "RequestEntityTooLarge",
				  "the list is too large: use limit and continue"); /* told below */
	else
		(void)refusal_from_err(&e->refusal, &l->err);
	release(l);
	exchange_refuse(e);
}

/* --- long work --- */

static void on_client_gone(void *arg, struct http_exchange *x)
{
	struct listing *l = arg;
	struct exchange *e = l->e;

	long_work_stop(&l->work);
	release(l);
	exchange_count(e, 499);
	http_abort(x);
}

static const struct http_exchange_events work_events = { .on_closed = on_client_gone };

static bool do_part(struct long_work *work, size_t *cost)
{
	struct listing *l = CONTAINER_OF(work, struct listing, work);

	if (l->some(l, cost))
		return true;
	http_set_events(l->e->x, NULL, NULL);
	l->done(l);
	return false;
}

/* What is short is done at once. */
static void work(struct listing *l, bool (*some)(struct listing *l, size_t *cost),
		 void (*done)(struct listing *l))
{
	size_t cost = 0;

	if (!some(l, &cost)) {
		done(l);
		return;
	}
	l->some = some;
	l->done = done;
	l->work.part = do_part;
	http_set_events(l->e->x, &work_events, l);
	long_work_start(&l->e->server->works, &l->work);
}

/* --- which objects --- */

/* Each has to be looked at, or put into the version asked for. */
static bool has_to_sift(const struct listing *l)
{
	return l->options.filter.has_selector || l->e->kind->flags & KIND_CUSTOM ||
	       registry_needs_conversion(l->e->kind);
}

static bool take_entry(void *arg, struct str key, const struct store_entry *entry)
{
	struct listing *l = arg;
	size_t *count = has_to_sift(l) ? &l->unsifted_count : &l->count;

	if (!l->options.filter.has_selector && l->options.limit &&
	    *count == (size_t)l->options.limit) {
		l->more_from = str_in(l->e->arena, key);
		return false;
	}
	if (*count == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->blobs = mem_realloc_array(l->blobs, l->room, sizeof(l->blobs[0]));
	}
	l->blobs[(*count)++] = blob_ref(entry->value);
	if (has_to_sift(l))
		return true;
	l->bytes += entry->value->len;
	l->too_large = l->count > LIST_ITEMS_MAX || l->bytes > LIST_BYTES_MAX;
	return !l->too_large;
}

/* False: the page is full without it. */
static bool sift(struct listing *l, struct blob *stored)
{
	const struct obj *obj = NULL;
	struct blob *object;

	l->looked_at++;
	l->looked_at_bytes += stored->len;
	if (l->options.filter.has_selector) {
		obj = obj_of(stored, NULL);
		if (!obj || !watch_filter_may_match(&l->options.filter, obj))
			return true;
	}
	if (obj && l->options.limit && l->count == (size_t)l->options.limit) {
		l->more_from = registry_key(&l->e->server->registry, l->e->arena, l->e->kind,
					    obj->namespace_, obj->name);
		return false;
	}
	object = registry_present(l->e->kind, stored, &l->err);
	if (!object)
		return false;
	l->blobs[l->count++] = object; /* in the place of one that was sifted */
	l->bytes += object->len;
	l->too_large = l->count > LIST_ITEMS_MAX || l->bytes > LIST_BYTES_MAX;
	return !l->too_large;
}

static bool sift_some(struct listing *l, size_t *cost)
{
	size_t most = *cost + LONG_WORK_PART_COST;

	for (; l->unsifted < l->unsifted_count; *cost += LOOK_COST) {
		struct blob *stored = l->blobs[l->unsifted++];
		bool was_parsed = stored->parsed, goes_on = sift(l, stored);

		if (!was_parsed && stored->parsed)
			*cost += stored->len;
		blob_unref(stored);
		if (!goes_on)
			return false;
		if (*cost >= most)
			return true;
	}
	return false;
}

static int fill(void *arg, struct http_piece *to, size_t max)
{
	struct listing *l = arg;
	size_t n = 0;

	if (l->head && !l->head_sent && max) {
		to[n++] = HTTP_BLOB(l->head);
		l->head_sent = true;
	}
	while (l->next < l->count && n + 2 <= max) {
		struct http_piece piece = HTTP_BLOB(l->blobs[l->next]);

		if (l->opening.len) {
			to[n++] = HTTP_BYTES(l->next ? STR(",{") : STR("{"));
			piece.bytes = object_list_item(l->opening, piece.owner);
		}
		to[n++] = piece;
		l->next++;
	}
	if (l->next == l->count && l->tail.len && n < max) {
		to[n++] = HTTP_BYTES(l->tail);
		l->tail = STR_NONE;
	}
	return (int)n;
}

static struct str token_of(struct listing *l)
{
	if (!l->more_from.len)
		return STR_NONE;
	return continue_token_in(l->e->arena, l->revision,
				 str_slice(l->more_from, l->prefix.len, l->more_from.len));
}

static bool count_entry(void *arg, struct str key, const struct store_entry *entry)
{
	(*(int64_t *)arg)++;
	return true;
}

/* Only known without selectors, as upstream has it. */
static int64_t remaining_of(struct listing *l, struct str prefix)
{
	int64_t count = 0;

	if (!l->more_from.len || l->options.filter.has_selector)
		return -1;
	store_walk(l->e->server->store, prefix, l->more_from, count_entry, &count);
	return count;
}

/* What fill is going to give. */
static void audit_filled(struct listing *l)
{
	struct str tail = l->tail;
	size_t room = 2 * l->count + 2;
	struct http_piece *pieces;
	int count;

	if (!audit_keeps_answer(l->e))
		return;
	pieces = mem_calloc(room, sizeof(pieces[0]));
	count = fill(l, pieces, room);
	l->head_sent = false;
	l->next = 0;
	l->tail = tail;
	audit_answered(l->e, 200, pieces, (size_t)count);
	mem_free(pieces);
}

static void respond(struct listing *l)
{
	struct exchange *e = l->e;
	struct http_header list[] = { HTTP_HEADER(STR("Content-Type"), exchange_content_type(e)),
				      EXCHANGE_NOT_CACHED };
	struct http_headers headers = { list, ARRAY_COUNT(list) };
	struct http_source source = { .fill = fill, .release = release, .arg = l };

	source.length_bytes = (int64_t)((l->head ? l->head->len : 0) + l->tail.len + l->bytes);
	e->answer_bytes = (size_t)source.length_bytes;
	audit_filled(l);
	exchange_count(e, 200);
	if (http_gzip_is_wanted(&e->server->gzip, e->x, (size_t)source.length_bytes))
		http_respond_gzip(&e->server->gzip, e->x, 200, &headers, &source);
	else
		http_respond_source(e->x, 200, &headers, &source);
}

static void answer_objects(struct listing *l)
{
	struct exchange *e = l->e;
	AUTO_BUF head = { 0 };

	buf_init(&head, 1u << 20);
	object_list_head(e->kind, l->revision, token_of(l), l->remaining, &head);
	l->head = blob_new(buf_str(&head));
	buf_reset(&head);
	object_item_opening(e->kind, &head);
	l->opening = str_in(e->arena, buf_str(&head));
	l->bytes = l->count ? l->count * 2 - 1 : 0; /* braces, and commas between them */
	for (size_t i = 0; i < l->count; i++)
		l->bytes += object_list_item(l->opening, l->blobs[i]).len;
	l->tail = STR("]}\n");
	respond(l);
}

static const struct kind *field_kind(const struct listing *l)
{
	return l->e->form == ANSWER_PARTIAL_METADATA ? &kind_partialobjectmetadata : l->e->kind;
}

static void respond_with_fields(struct listing *l)
{
	const struct kind *kind = field_kind(l);
	struct protobuf_list list = { .api_version = kind->api_version,
				      .kind = kind->list_name,
				      .revision = l->revision,
				      .continue_token = token_of(l),
				      .remaining = l->remaining,
				      .items_bytes = l->bytes,
				      .is_beta = l->e->is_beta };
	AUTO_BUF head = { 0 };

	if (list.is_beta)
		list.api_version = STR("meta.k8s.io/v1beta1");
	buf_init(&head, 1u << 20);
	protobuf_write_list_head(&list, &head);
	l->head = blob_new(buf_str(&head));
	respond(l);
}

/* Each object becomes the field that it is in a protobuf list. */
static bool encode_some(struct listing *l, size_t *cost)
{
	const struct kind *kind = field_kind(l);
	uint32_t number = l->e->is_beta ? PROTOBUF_BETA_ITEM : PROTOBUF_FIELD;
	size_t most = *cost + LONG_WORK_PART_COST;

	for (; l->made_count < l->count; l->made_count++) {
		struct blob **at = &l->blobs[l->made_count], *object = *at;
		bool is_kept = kind == l->e->kind;

		if (*cost >= most)
			return true;
		if (!is_kept || !object->recoded)
			*cost += object->len;
		*at = is_kept ? protobuf_field_of(object, kind->schema)
			      : protobuf_field_new(object, kind->schema, number);
		l->bytes += (*at)->len;
		blob_unref(object);
	}
	return false;
}

struct ranked {
	struct blob *blob;
	int64_t rank;
	size_t index;
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

static void order_rows(struct listing *l, int64_t (*rank)(const struct obj *obj))
{
	struct ranked *rows = mem_calloc(l->count, sizeof(*rows));

	for (size_t i = 0; i < l->count; i++)
		rows[i] = (struct ranked){ l->blobs[i], rank(obj_get(l->blobs[i])), i };
	if (l->count)
		qsort(rows, l->count, sizeof(*rows), compare_ranked);
	for (size_t i = 0; i < l->count; i++)
		l->blobs[i] = rows[i].blob;
	mem_free(rows);
}

static bool write_some(struct listing *l, size_t *cost)
{
	size_t most = *cost + LONG_WORK_PART_COST;

	for (; l->made_count < l->count; l->made_count++) {
		if (*cost >= most)
			return true;
		*cost += list_writer_add(l->writer, l->blobs[l->made_count]);
		if (list_writer_check(l->writer, &l->err) < 0)
			return false;
	}
	return false;
}

/* The text's parts take the objects' place. */
static void respond_written(struct listing *l)
{
	if (l->err.code) {
		l->too_large = l->err.code == ERR_TOO_LARGE;
		refuse(l);
		return;
	}
	drop_objects(l);
	l->blobs = list_writer_end(l->writer, &l->count, &l->bytes);
	respond(l);
}

/* YAML, Table, metadata only and JSON with line breaks are made anew. */
static void answer_written(struct listing *l)
{
	struct exchange *e = l->e;
	struct list_writing writing = {
		.list = { .kind = e->kind,
			  .now_ns = env_wall_ns(e->server->env),
			  .revision = l->revision,
			  .continue_token = token_of(l),
			  .remaining = l->remaining,
			  .include = l->options.include,
			  .is_beta = e->is_beta },
		.form = e->form,
		.format = e->format,
		.is_pretty = e->is_pretty,
	};

	if (e->form == ANSWER_TABLE && e->kind->strategy->row_rank)
		order_rows(l, e->kind->strategy->row_rank);
	l->writer = list_writer_new(&writing);
	work(l, write_some, respond_written);
}

/* The page's token is older than the history: say so, with a token that goes on in the newest
 * state. */
static int refuse_expired(struct listing *l)
{
	struct exchange *e = l->e;

	if (!l->options.continue_revision)
		return refusal_gone(&e->refusal,
				    "The resourceVersion for the provided list is too old.");
	e->refusal.continue_token = continue_token_in(e->arena, -1, l->options.continue_from);
	return refusal_gone(&e->refusal,
			    "The provided continue parameter is too old to display a consistent "
			    "list result. You can start "
			    "a new list without the continue parameter, or use the continue token "
			    "in this response to "
			    "retrieve the remainder of the results. Continuing with the provided "
			    "token results in an "
			    "inconsistent list - objects that were created, modified, or deleted "
			    "between the time the "
			    "first chunk was returned and now may show up in the list.");
}

static void collect_components(struct listing *l)
{
	struct store_entry entry = { .value = NULL };

	l->options.limit = 0;
	for (size_t i = 0; (entry.value = component_status_at(l->e->server, i)); i++) {
		(void)take_entry(l, STR(""), &entry); /* there are few */
		blob_unref(entry.value);
	}
}

static int collect(struct listing *l, struct str prefix)
{
	struct store *store = l->e->server->store;
	struct str from = STR_NONE;
	struct err err = { 0 };
	int64_t at = 0;

	if (l->options.continue_from.len)
		from = str_printf_in(l->e->arena, STR_FMT STR_FMT, STR_ARG(l->prefix),
				     STR_ARG(l->options.continue_from));
	if (l->options.continue_revision > 0)
		at = l->options.continue_revision;
	else if (l->options.match == MATCH_EXACT ||
		 (l->options.limit && l->options.revision && !l->options.match))
		at = l->options.revision;
	l->revision = at ? at : store_revision(store);
	if (component_status_is(l->e->kind)) {
		collect_components(l);
		return 0;
	}
	/* Who acts on what is not in a list must not take it for all there is. */
	if (store_check_readable_all(store, prefix, &err) < 0)
		return refusal_from_err(&l->e->refusal, &err);
	if (!at || at == store_revision(store)) {
		store_walk(store, prefix, from, take_entry, l);
		return 0;
	}
	if (at > store_revision(store))
		return refuse_expired(l);
	return store_walk_at(store, at, prefix, from, take_entry, l, &err) < 0 ? refuse_expired(l)
									       : 0;
}

static void answer(struct listing *l)
{
	struct exchange *e = l->e;
	bool is_as_stored = e->form == ANSWER_OBJECT && e->format == ANSWER_JSON && !e->is_pretty;

	l->remaining = remaining_of(l, l->list_prefix);
	if (!is_as_stored || l->options.filter.has_selector)
		form_sweep_note(&e->server->forms, l->looked_at_bytes);
	if (is_as_stored) {
		answer_objects(l);
	} else if (e->format == ANSWER_PROTOBUF) {
		l->bytes = 0;
		work(l, encode_some, respond_with_fields);
	} else {
		answer_written(l);
	}
}

static void on_converted(void *arg, const struct conversion *conversion)
{
	struct listing *l = arg;

	size_t count = l->count;

	l->bytes = 0;
	l->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct blob *object = conversion_result(conversion, i);

		blob_unref(l->blobs[i]);
		if (l->options.filter.fields_wait &&
		    !watch_filter_matches(&l->options.filter, obj_get(object)))
			continue;
		l->blobs[l->count++] = blob_ref(object);
		l->bytes += object->len;
	}
	answer(l);
}

/* Whether a webhook has to be asked first. */
static bool waits_for_conversion(struct listing *l)
{
	struct exchange_conversion *wait;
	size_t i = 0;

	if (!(l->e->kind->flags & KIND_CUSTOM) || !conversion_has_webhook(l->e->kind))
		return false;
	while (i < l->count && !conversion_is_needed(l->e->kind, l->blobs[i]))
		i++;
	if (i == l->count)
		return false;
	wait = ARENA_NEW(l->e->arena, struct exchange_conversion);
	*wait = (struct exchange_conversion){
		.e = l->e, .done = on_converted, .gone = release, .arg = l
	};
	exchange_convert(wait, l->blobs, l->count);
	return true;
}

static void sifted(struct listing *l)
{
	drop_unsifted(l);
	fair_turn_charge(&l->e->turn, l->looked_at / FAIR_CHARGE_ITEMS);
	if (l->err.code || l->too_large)
		refuse(l);
	else if (!waits_for_conversion(l))
		answer(l);
}

int read_list(struct exchange *e)
{
	struct listing *l;
	struct read_options options;

	if (accept_read(e, ACCEPT_FORMS) < 0 || read_options_parse(e, &options) < 0)
		return -1;
	l = NEW(struct listing);
	l->e = e;
	l->options = options;
	l->prefix = registry_prefix(e->arena, e->kind);
	l->list_prefix = registry_list_prefix(e->arena, e->kind, e->target.namespace_);
	if (collect(l, l->list_prefix) < 0) {
		release(l);
		return -1;
	}
	if (has_to_sift(l)) {
		work(l, sift_some, sifted);
		return 0;
	}
	l->looked_at = l->count;
	l->looked_at_bytes = l->bytes;
	sifted(l);
	return 0;
}
