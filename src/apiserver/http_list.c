/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LIST: the stored bytes of all that matches, gathered behind a small head and sent as they are.
 * Pages continue at the revision of the first one for as long as the history reaches back to it.
 */
#include "api/object.h"
#include "api/protobuf.h"
#include "api/table.h"
#include "apiserver/exchange.h"
#include "apiserver/limits.h"
#include "apiserver/read_options.h"
#include "base/mem.h"
#include "loop/env.h"
#include "net/http_gzip.h"

#define ENCODE_BYTES ((size_t)256 << 10) /* of objects put into another encoding in one turn */

struct listing {
	struct exchange *e;
	struct read_options options;
	struct blob **blobs;
	size_t count, room, bytes, looked_at_bytes;
	size_t looked_at;
	int64_t revision;
	struct str prefix; /* of the keys of the kind; likewise: of those that are listed */
	struct str list_prefix;
	struct str more_from; /* key of the first that did not fit the page; empty: that was all */
	bool too_large;
	size_t next; /* of fill */
	bool head_sent;
	struct blob *head;
	struct str separator, tail;
	struct task encode; /* the next objects become fields */
	size_t encoded_count;
	int64_t remaining;
	struct err err;
};

static bool take_entry(void *arg, struct str key, const struct store_entry *entry)
{
	struct listing *l = arg;
	struct blob *object;

	l->looked_at_bytes += entry->value->len;
	l->looked_at++;
	if (l->options.filter.has_selector) {
		const struct obj *obj = obj_of(entry->value, NULL);

		if (!obj || !watch_filter_may_match(&l->options.filter, obj))
			return true;
	}
	if (l->options.limit && l->count == (size_t)l->options.limit) {
		l->more_from = str_in(l->e->arena, key);
		return false;
	}
	object = registry_present(l->e->kind, entry->value, &l->err);
	if (!object)
		return false;
	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->blobs = mem_realloc_array(l->blobs, l->room, sizeof(l->blobs[0]));
	}
	l->blobs[l->count++] = object;
	l->bytes += object->len;
	l->too_large = l->count > LIST_ITEMS_MAX || l->bytes > LIST_BYTES_MAX;
	return !l->too_large;
}

static void release(void *arg)
{
	struct listing *l = arg;

	for (size_t i = 0; i < l->count; i++)
		blob_unref(l->blobs[i]);
	mem_free(l->blobs);
	blob_unref(l->head);
	mem_free(l);
}

static int fill(void *arg, struct http_piece *to, size_t max)
{
	struct listing *l = arg;
	size_t n = 0;

	if (!l->head_sent && max) {
		to[n++] = HTTP_BLOB(l->head);
		l->head_sent = true;
	}
	while (l->next < l->count && n + 2 <= max) {
		if (l->next && l->separator.len)
			to[n++] = HTTP_BYTES(l->separator);
		to[n++] = HTTP_BLOB(l->blobs[l->next]);
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

static void respond(struct listing *l)
{
	struct exchange *e = l->e;
	struct http_header list[] = { HTTP_HEADER(STR("Content-Type"), exchange_content_type(e)),
				      EXCHANGE_NOT_CACHED };
	struct http_headers headers = { list, ARRAY_COUNT(list) };
	struct http_source source = { .fill = fill, .release = release, .arg = l };
	size_t between = l->count ? (l->count - 1) * l->separator.len : 0;

	source.length_bytes = (int64_t)(l->head->len + l->tail.len + l->bytes + between);
	e->answer_bytes = (size_t)source.length_bytes;
	exchange_count(e, 200);
	if (http_gzip_is_wanted(&e->server->gzip, e->x, (size_t)source.length_bytes))
		http_respond_gzip(&e->server->gzip, e->x, 200, &headers, &source);
	else
		http_respond_source(e->x, 200, &headers, &source);
}

static void answer_objects(struct listing *l, int64_t remaining)
{
	struct exchange *e = l->e;
	AUTO_BUF head = { 0 };

	buf_init(&head, 1u << 20);
	object_list_head(e->kind, l->revision, token_of(l), remaining, &head);
	l->head = blob_new(buf_str(&head));
	l->separator = STR(",");
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
				      .items_bytes = l->bytes };
	AUTO_BUF head = { 0 };

	buf_init(&head, 1u << 20);
	protobuf_write_list_head(&list, &head);
	l->head = blob_new(buf_str(&head));
	respond(l);
}

/* Each object becomes the field that it is in a protobuf list. False when more are left: others
 * shall not wait for thousands that nobody asked for in this form before. */
static bool encode_some(struct listing *l)
{
	const struct kind *kind = field_kind(l);
	size_t fresh_bytes = 0;

	for (; l->encoded_count < l->count; l->encoded_count++) {
		struct blob **at = &l->blobs[l->encoded_count], *object = *at;

		if (fresh_bytes >= ENCODE_BYTES)
			return false;
		if (!object->recoded)
			fresh_bytes += object->len;
		*at = kind == l->e->kind ? protobuf_field_of(object, kind->schema)
					 : protobuf_field_new(object, kind->schema);
		l->bytes += (*at)->len;
		blob_unref(object);
	}
	return true;
}

static void on_encode(struct task *task)
{
	struct listing *l = CONTAINER_OF(task, struct listing, encode);

	if (!encode_some(l)) {
		env_defer(l->e->server->env, &l->encode);
		return;
	}
	http_set_events(l->e->x, NULL, NULL);
	respond_with_fields(l);
}

static void on_client_gone(void *arg, struct http_exchange *x)
{
	struct listing *l = arg;
	struct exchange *e = l->e;

	env_cancel(e->server->env, &l->encode);
	release(l);
	exchange_count(e, 499);
	http_abort(x);
}

static const struct http_exchange_events encode_events = { .on_closed = on_client_gone };

static void answer_fields(struct listing *l, int64_t remaining)
{
	l->bytes = 0;
	l->remaining = remaining;
	if (encode_some(l)) {
		respond_with_fields(l);
		return;
	}
	task_init(&l->encode, on_encode);
	http_set_events(l->e->x, &encode_events, l);
	env_defer(l->e->server->env, &l->encode);
}

/* YAML, Table, metadata only and pretty JSON are made anew. */
static void write_objects(struct listing *l, int64_t remaining, struct buf *to)
{
	object_list_head(l->e->kind, l->revision, token_of(l), remaining, to);
	for (size_t i = 0; i < l->count; i++) {
		if (i)
			buf_put_char(to, ',');
		buf_put_str(to, blob_str(l->blobs[i]));
	}
	buf_put_c(to, "]}");
}

static void write_partial(struct listing *l, int64_t remaining, struct buf *to)
{
	object_list_head(&kind_partialobjectmetadata, l->revision, token_of(l), remaining, to);
	for (size_t i = 0; i < l->count; i++) {
		if (i)
			buf_put_char(to, ',');
		table_partial_metadata(obj_get(l->blobs[i]), to);
	}
	buf_put_c(to, "]}");
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

static void write_table(struct listing *l, int64_t remaining, struct buf *to)
{
	struct table_options options = {
		.kind = l->e->kind,
		.now_ns = env_wall_ns(l->e->server->env),
		.revision = l->revision,
		.continue_token = token_of(l),
		.remaining = remaining,
		.include = l->options.include,
	};
	struct table table;

	if (l->e->kind->strategy->row_rank)
		order_rows(l, l->e->kind->strategy->row_rank);
	table_start(&table, &options, to);
	for (size_t i = 0; i < l->count; i++)
		table_row(&table, obj_get(l->blobs[i]));
	table_end(&table);
}

static void answer_written(struct listing *l, int64_t remaining)
{
	struct exchange *e = l->e;
	AUTO_BUF text = { 0 };
	struct blob *blob;

	buf_init(&text, LIST_BYTES_MAX);
	if (e->form == ANSWER_TABLE)
		write_table(l, remaining, &text);
	else if (e->form == ANSWER_PARTIAL_METADATA)
		write_partial(l, remaining, &text);
	else
		write_objects(l, remaining, &text);
	blob = blob_new(buf_str(&text));
	release(l);
	exchange_answer_object(e, 200, blob, NULL);
	blob_unref(blob);
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
	int64_t remaining = remaining_of(l, l->list_prefix);
	bool is_as_stored;

	e->is_pretty = e->is_pretty && l->bytes <= LIST_PRETTY_BYTES_MAX;
	is_as_stored = e->form == ANSWER_OBJECT && e->format == ANSWER_JSON && !e->is_pretty;
	if (!is_as_stored || l->options.filter.has_selector)
		form_sweep_note(&e->server->forms, l->looked_at_bytes);
	if (is_as_stored)
		answer_objects(l, remaining);
	else if (e->format == ANSWER_PROTOBUF)
		answer_fields(l, remaining);
	else
		answer_written(l, remaining);
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
	struct exchange_wait *wait;
	size_t i = 0;

	if (!(l->e->kind->flags & KIND_CUSTOM) || !conversion_has_webhook(l->e->kind))
		return false;
	while (i < l->count && !conversion_is_needed(l->e->kind, l->blobs[i]))
		i++;
	if (i == l->count)
		return false;
	wait = ARENA_NEW(l->e->arena, struct exchange_wait);
	*wait = (struct exchange_wait){
		.e = l->e, .done = on_converted, .gone = release, .arg = l
	};
	exchange_convert(wait, l->blobs, l->count);
	return true;
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
	fair_turn_charge(&e->turn, l->looked_at / FAIR_CHARGE_ITEMS);
	if (l->err.code || l->too_large) {
		bool too_large = l->too_large;
		struct err err = l->err;

		release(l);
		return too_large ? refusal_set(&e->refusal, 413, "RequestEntityTooLarge",
					       "the list is too large: use limit and continue")
				 : refusal_from_err(&e->refusal, &err);
	}
	if (!waits_for_conversion(l))
		answer(l);
	return 0;
}
