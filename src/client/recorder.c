/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as upstream's correlator makes them, in this order: combine (ten different messages of one
 * reason about one object within ten minutes become one), count (an equal event patches the count
 * of the Event that is there), cut off (a bucket of tokens per source and object). What it
 * remembers is a bounded, least-recently-used set of records under three kinds of keys.
 */
#include "client/recorder.h"

#include <stdio.h>

#include "api/kind.h"
#include "api/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "client/limits.h"
#include "codec/json.h"

enum record_type { RECORD_SIMILAR, RECORD_EQUAL, RECORD_BUCKET };

struct record {
	struct list lru;
	struct str key; /* owned */
	int64_t last_ns;
	/* RECORD_SIMILAR */
	uint64_t messages[RECORDER_AGGREGATE_AFTER]; /* hashes of the different messages */
	size_t message_count;
	/* RECORD_EQUAL */
	int64_t count;
	int64_t first_ns;
	char name[DNS_SUBDOMAIN_BYTES_MAX + 1];
	/* RECORD_BUCKET */
	double tokens;
};

struct recorder {
	struct client *client;
	const struct kind *kind;
	struct str component, host;
	struct map records;
	struct list lru; /* least recently used first */
	int64_t last_name_ns;
};

struct recorder *recorder_new(struct client *client, struct str component, struct str host)
{
	struct recorder *recorder = NEW(struct recorder);

	recorder->client = client;
	recorder->kind = &kind_event;
	recorder->component = str_dup(component);
	recorder->host = str_dup(host);
	map_init(&recorder->records);
	list_init(&recorder->lru);
	return recorder;
}

static void record_free(struct recorder *recorder, struct record *record)
{
	(void)map_remove(&recorder->records, record->key); /* it is this record */
	list_remove(&record->lru);
	mem_free((void *)record->key.ptr);
	mem_free(record);
}

void recorder_free(struct recorder *recorder)
{
	struct list *node;

	if (!recorder)
		return;
	while ((node = list_first(&recorder->lru)))
		record_free(recorder, LIST_ENTRY(node, struct record, lru));
	map_deinit(&recorder->records);
	mem_free((void *)recorder->component.ptr);
	mem_free((void *)recorder->host.ptr);
	mem_free(recorder);
}

/* The record of this key, made when there is none; now the most recently used. */
static struct record *record_of(struct recorder *recorder, struct str key, bool *ret_fresh)
{
	struct record *record = map_get(&recorder->records, key);

	*ret_fresh = !record;
	if (record) {
		list_remove(&record->lru);
	} else {
		if (recorder->records.count >= RECORDER_CACHE_MAX)
			record_free(recorder,
				    LIST_ENTRY(list_first(&recorder->lru), struct record, lru));
		record = NEW(struct record);
		record->key = str_dup(key);
		list_init(&record->lru);
		(void)map_put(&recorder->records, record->key, record); /* was not there */
	}
	list_push_back(&recorder->lru, &record->lru);
	return record;
}

static void put_key(struct buf *to, enum record_type type, const struct event_note *note)
{
	buf_printf(to, "%d\n" STR_FMT "\n" STR_FMT "\n" STR_FMT "\n" STR_FMT "\n" STR_FMT,
		   (int)type, STR_ARG(note->kind), STR_ARG(note->namespace_), STR_ARG(note->name),
		   STR_ARG(note->uid), STR_ARG(note->api_version));
	if (type != RECORD_BUCKET)
		buf_printf(to, "\n%s\n%s", note->type, note->reason);
}

/* True when this is one of many similar ones, to be counted in one combined Event. */
static bool is_combined(struct recorder *recorder, const struct event_note *note, int64_t now_ns)
{
	AUTO_BUF key = { 0 };
	uint64_t hash = str_hash(note->message);
	struct record *record;
	bool fresh;

	buf_init(&key, RECORDER_MESSAGE_BYTES_MAX * 4);
	put_key(&key, RECORD_SIMILAR, note);
	record = record_of(recorder, buf_str(&key), &fresh);
	if (!fresh && now_ns - record->last_ns > RECORDER_AGGREGATE_SECONDS * TIME_NS_PER_SECOND)
		record->message_count = 0;
	record->last_ns = now_ns;
	for (size_t i = 0; i < record->message_count; i++)
		if (record->messages[i] == hash)
			return record->message_count >= RECORDER_AGGREGATE_AFTER;
	if (record->message_count >= RECORDER_AGGREGATE_AFTER)
		return true;
	record->messages[record->message_count++] = hash;
	return record->message_count >= RECORDER_AGGREGATE_AFTER;
}

static bool is_cut_off(struct recorder *recorder, const struct event_note *note, int64_t now_ns)
{
	AUTO_BUF key = { 0 };
	struct record *record;
	bool fresh;

	buf_init(&key, RECORDER_MESSAGE_BYTES_MAX * 4);
	put_key(&key, RECORD_BUCKET, note);
	record = record_of(recorder, buf_str(&key), &fresh);
	if (fresh)
		record->tokens = RECORDER_BURST;
	else
		record->tokens = NUM_MIN((double)RECORDER_BURST,
					 record->tokens + (double)(now_ns - record->last_ns) /
								  ((double)RECORDER_REFILL_SECONDS *
								   (double)TIME_NS_PER_SECOND));
	record->last_ns = now_ns;
	if (record->tokens < 1)
		return true;
	record->tokens -= 1;
	return false;
}

static yyjson_mut_doc *event_body(struct recorder *recorder, const struct event_note *note,
				  struct str message, const struct record *record)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *part;
	char first[TIME_TEXT_BYTES], last[TIME_TEXT_BYTES];

	json_set_str(doc, root, "apiVersion", STR("v1"));
	json_set_str(doc, root, "kind", STR("Event"));
	part = json_set_object(doc, root, "metadata");
	json_set_str(doc, part, "name", str_from(record->name));
	json_set_str(doc, part, "namespace",
		     note->namespace_.len ? note->namespace_ : STR("default"));
	part = json_set_object(doc, root, "involvedObject");
	json_set_str(doc, part, "kind", note->kind);
	if (note->namespace_.len)
		json_set_str(doc, part, "namespace", note->namespace_);
	json_set_str(doc, part, "name", note->name);
	json_set_str(doc, part, "uid", note->uid);
	json_set_str(doc, part, "apiVersion", note->api_version);
	if (note->resource_version.len)
		json_set_str(doc, part, "resourceVersion", note->resource_version);
	if (note->field_path.len)
		json_set_str(doc, part, "fieldPath", note->field_path);
	json_set_str(doc, root, "reason", str_from(note->reason));
	json_set_str(doc, root, "message", message);
	part = json_set_object(doc, root, "source");
	json_set_str(doc, part, "component", recorder->component);
	if (recorder->host.len)
		json_set_str(doc, part, "host", recorder->host);
	json_set_str(doc, root, "firstTimestamp", str_from(time_format(record->first_ns, first)));
	json_set_str(doc, root, "lastTimestamp", str_from(time_format(record->last_ns, last)));
	json_set_int(doc, root, "count", record->count);
	json_set_str(doc, root, "type", str_from(note->type));
	json_set_str(doc, root, "reportingComponent", recorder->component);
	json_set_str(doc, root, "reportingInstance", recorder->host);
	return doc;
}

static void name_event(struct recorder *recorder, struct record *record, struct str about,
		       int64_t now_ns)
{
	/* Two events of one object in the same nanosecond still need two names. */
	recorder->last_name_ns = NUM_MAX(now_ns, recorder->last_name_ns + 1);
	if (about.len > sizeof(record->name) - 18)
		about.len = sizeof(record->name) - 18;
	(void)snprintf(
		record->name, sizeof(record->name), STR_FMT ".%llx", STR_ARG(about),
		(unsigned long long)recorder->last_name_ns); /* fits: 17 bytes are left for it */
}

static void write_done(void *owner, const struct obj *result, const struct err *err)
{
	(void)owner;
	(void)result;
	if (err)
		log_debug("events", "dropped: %s", err->msg);
}

static void write_event(struct recorder *recorder, const struct event_note *note,
			struct str message, struct record *record)
{
	struct str namespace_ = note->namespace_.len ? note->namespace_ : STR("default");
	struct request r;

	if (record->count == 1) {
		r = request_create(recorder->kind, namespace_,
				   event_body(recorder, note, message, record));
	} else {
		yyjson_mut_doc *patch = json_new_object();
		yyjson_mut_val *root = yyjson_mut_doc_get_root(patch);
		char last[TIME_TEXT_BYTES];

		json_set_int(patch, root, "count", record->count);
		json_set_str(patch, root, "lastTimestamp",
			     str_from(time_format(record->last_ns, last)));
		json_set_str(patch, root, "message", message);
		r = (struct request){
			.verb = API_PATCH,
			.kind = recorder->kind,
			.namespace_ = namespace_,
			.name = str_from(record->name),
			.body = patch,
			.patch = API_PATCH_MERGE,
		};
	}
	r.done = write_done;
	r.owner = recorder;
	client_submit(recorder->client, &r);
}

void recorder_note(struct recorder *recorder, const struct event_note *note)
{
	AUTO_BUF key = { 0 };
	AUTO_BUF message = { 0 };
	int64_t now_ns = env_wall_ns(recorder->client->env);
	bool combined = is_combined(recorder, note, now_ns), fresh;
	struct record *record;

	buf_init(&message, RECORDER_MESSAGE_BYTES_MAX * 4);
	buf_init(&key, RECORDER_MESSAGE_BYTES_MAX * 8);
	if (is_cut_off(recorder, note, now_ns))
		return;
	if (combined)
		buf_put_c(&message, "(combined from similar events): ");
	buf_put_str(&message, str_slice(note->message, 0, RECORDER_MESSAGE_BYTES_MAX - 32));
	put_key(&key, RECORD_EQUAL, note);
	if (!combined) {
		buf_put_char(&key, '\n');
		buf_put_str(&key, note->field_path);
		buf_put_char(&key, '\n');
		buf_put_str(&key, buf_str(&message));
	}
	record = record_of(recorder, buf_str(&key), &fresh);
	if (fresh || record->count == 0) {
		record->first_ns = now_ns;
		name_event(recorder, record, note->name, now_ns);
	}
	record->count++;
	record->last_ns = now_ns;
	write_event(recorder, note, buf_str(&message), record);
}

struct event_note event_note_about(const struct obj *about)
{
	return (struct event_note){
		.api_version = about->api_version,
		.kind = about->kind,
		.namespace_ = about->namespace_,
		.name = about->name,
		.uid = about->uid,
		.resource_version = json_get_str(about->root, "metadata.resourceVersion"),
	};
}

void recorder_event(struct recorder *recorder, const struct obj *about, const char *type,
		    const char *reason, const char *fmt, ...)
{
	AUTO_BUF message = { 0 };
	struct event_note note = event_note_about(about);
	va_list ap;

	buf_init(&message, (size_t)64 << 10);
	va_start(ap, fmt);
	buf_vprintf(&message, fmt, ap);
	va_end(ap);
	note.type = type;
	note.reason = reason;
	note.message = buf_str(&message);
	recorder_note(recorder, &note);
}
