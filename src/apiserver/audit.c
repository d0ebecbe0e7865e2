/* SPDX-License-Identifier: Apache-2.0 */
/* One record for each request that the policy wants, and the events that come of it. */
#include "apiserver/audit_storing.h"

#include "api/protobuf.h"
#include "apiserver/exchange.h"
#include "apiserver/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/yaml.h"
#include "loop/env.h"

struct audit {
	struct registry *registry;
	yyjson_val *policy;
	struct audit_log *log;
	struct audit_webhook *webhook;
	struct audit_truncation log_truncation, webhook_truncation;
	enum audit_mode log_mode, webhook_mode;
	bool log_is_legacy;
	uint64_t dropped;
};

struct audit_record {
	struct audit_wish wish;
	const struct user *user; /* before impersonation; NULL: nobody known */
	int64_t received_ns;
	struct annotations annotations;
	int status;
	struct str response; /* JSON; only at that level */
	bool is_answered, is_stream;
	struct audit_storing *receiving; /* the first event, while it has to be waited for */
	bool is_lost;			 /* that event, which must not be */
};

int audit_new(struct registry *registry, const struct audit_options *options, struct audit **ret,
	      struct err *err)
{
	struct audit *audit;

	if (audit_policy_check(options->policy, err) < 0)
		return -1;
	audit = NEW(struct audit);
	audit->registry = registry;
	audit->policy = options->policy;
	audit->log_truncation = options->log_truncation;
	audit->webhook_truncation = options->webhook_truncation;
	audit->webhook_mode = options->webhook_mode;
	if (options->log) {
		audit->log_mode = options->log->mode;
		audit->log_is_legacy = options->log->is_legacy;
	}
	if (options->log && audit_log_new(registry, options->log, &audit->log, err) < 0) {
		mem_free(audit);
		return -1;
	}
	if (options->webhook)
		audit->webhook = audit_webhook_new(registry, options);
	*ret = audit;
	return 0;
}

void audit_free(struct audit *audit)
{
	if (!audit)
		return;
	audit_log_free(audit->log);
	audit_webhook_free(audit->webhook);
	mem_free(audit);
}

/* --- an event --- */

static void put_time(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *key, int64_t ns)
{
	char text[TIME_TEXT_BYTES];

	json_set_str(doc, root, key, str_from(time_format_micro(ns, text)));
}

static void put(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *key, struct str value)
{
	if (value.len)
		json_set_str(doc, to, key, value);
}

/* X-Forwarded-For, X-Real-Ip, and who is really connected. */
static void put_addresses(struct exchange *e, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	yyjson_mut_val *list = json_set_array(doc, root, "sourceIPs");
	struct str forwarded = http_header_get(&e->x->headers, STR("X-Forwarded-For")),
		   real = str_trim(http_header_get(&e->x->headers, STR("X-Real-Ip"))), part,
		   peer = str_from(e->x->peer->text);
	size_t colon = str_rfind_char(peer, ':'), count = 0;

	while (forwarded.len && count < AUDIT_ADDRESSES_MAX &&
	       str_next_part(&forwarded, ',', &part)) {
		json_append_str(doc, list, str_trim(part));
		count++;
	}
	if (real.len)
		json_append_str(doc, list, real);
	peer = str_slice(peer, 0, colon);
	if (str_strip_prefix(&peer, STR("[")))
		(void)str_strip_suffix(&peer, STR("]"));
	json_append_str(doc, list, peer);
}

static void put_object(struct exchange *e, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	const struct target *t = &e->target;
	yyjson_mut_val *to;

	if (!t->is_resource)
		return;
	to = json_set_object(doc, root, "objectRef");
	put(doc, to, "resource", t->resource);
	put(doc, to, "namespace", t->namespace_);
	put(doc, to, "name", t->name);
	put(doc, to, "apiGroup", t->group);
	put(doc, to, "apiVersion", t->version);
	put(doc, to, "subresource", t->subresource);
}

static void put_status(struct exchange *e, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	const struct audit_record *r = e->audit;
	yyjson_mut_val *to;
	AUTO_BUF text = { 0 };
	AUTO_JSON refusal = NULL;

	if (!r->status)
		return;
	if (e->refusal.code) {
		buf_init(&text, LIST_BYTES_MAX);
		refusal_write(&e->refusal, &text);
		refusal = json_parse(buf_str(&text), SIZE_MAX, NULL);
		to = json_copy(doc, yyjson_doc_get_root(refusal));
		(void)json_remove(to, STR("kind")); /* the doc owns it; likewise */
		(void)json_remove(to, STR("apiVersion"));
		json_set(doc, root, "responseStatus", to);
		return;
	}
	to = json_set_object(doc, root, "responseStatus");
	(void)json_set_object(doc, to, "metadata");
	json_set_int(doc, to, "code", r->status);
}

static void drop_managed_fields(yyjson_mut_val *object)
{
	(void)json_remove_path(object, "metadata.managedFields"); /* the doc owns it */
	JSON_MUT_EACH (item, json_mut_get(object, "items"))
		(void)json_remove_path(item, "metadata.managedFields");
}

/* A body as a tree; NULL when it is none that can be shown. */
static yyjson_mut_val *tree_of(struct str text, yyjson_mut_doc *doc)
{
	AUTO_JSON parsed = NULL;
	AUTO_JSON_MUT other = NULL;
	bool is_protobuf = str_has_prefix(text, STR("k8s\0"));

	text = is_protobuf ? text : str_trim(text);
	if (!text.len || text.len > AUDIT_BODY_BYTES_MAX)
		return NULL;
	if (str_has_prefix(text, STR("{")) || str_has_prefix(text, STR("["))) {
		parsed = json_parse(text, SIZE_MAX, NULL);
		return parsed ? json_copy(doc, yyjson_doc_get_root(parsed)) : NULL;
	}
	if (is_protobuf)
		other = protobuf_decode(text, AUDIT_BODY_BYTES_MAX, NULL, NULL);
	else if (str_is_utf8(text))
		other = yaml_parse(text, SIZE_MAX, NULL);
	return other ? json_mut_copy(doc, yyjson_mut_doc_get_root(other)) : NULL;
}

static void put_body(struct exchange *e, yyjson_mut_doc *doc, yyjson_mut_val *root, const char *key,
		     struct str text)
{
	yyjson_mut_val *tree = tree_of(text, doc);

	if (!tree)
		return;
	if (e->audit->wish.omits_managed_fields)
		drop_managed_fields(tree);
	json_set(doc, root, key, tree);
}

static void put_annotations(const struct audit_record *r, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	yyjson_mut_val *to;

	if (!r->annotations.count)
		return;
	to = json_set_object(doc, root, "annotations");
	for (size_t i = 0; i < r->annotations.count; i++)
		json_set_str(doc, to, str_c_in(r->annotations.arena, r->annotations.items[i].key),
			     r->annotations.items[i].value);
}

static void put_users(struct exchange *e, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	const struct audit_record *r = e->audit;
	yyjson_mut_val *to = json_set_object(doc, root, "user");

	if (!r->user)
		return;
	user_write(r->user, doc, to);
	if (e->user != r->user)
		user_write(e->user, doc, json_set_object(doc, root, "impersonatedUser"));
}

static void write_event(yyjson_mut_doc *doc, struct buf *to)
{
	buf_reset(to);
	json_mut_write(yyjson_mut_doc_get_root(doc), to);
}

/* Without the bodies, which says so; false: it had none. */
static bool shorten(yyjson_mut_doc *doc)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	bool had_any = json_remove(root, STR("requestObject")) != NULL;

	had_any |= json_remove(root, STR("responseObject")) != NULL;
	if (had_any)
		json_set_str(doc, json_ensure_object(doc, root, "annotations"),
			     "audit.k8s.io/truncated", STR("true"));
	return had_any;
}

/* Fits text to what one of them takes; false: it cannot be. */
static bool fit(struct audit *audit, const struct audit_truncation *truncation, yyjson_mut_doc *doc,
		struct buf *text)
{
	if (!truncation->is_on || text->len <= truncation->event_bytes_max)
		return true;
	if (shorten(doc))
		write_event(doc, text);
	if (text->len <= truncation->event_bytes_max)
		return true;
	if (audit->dropped++ % AUDIT_LOST_REPORT == 0)
		log_error("apiserver",
			  "audit: event is too large even after truncating; %llu dropped",
			  (unsigned long long)audit->dropped);
	return false;
}

static void put_log(struct audit *audit, yyjson_mut_doc *doc, struct str json,
		    struct audit_storing *storing)
{
	AUTO_BUF line = { 0 };

	if (audit->log_is_legacy) {
		buf_init(&line, AUDIT_LINE_BYTES_MAX);
		audit_write_line(yyjson_mut_doc_get_root(doc), &line);
		json = buf_str(&line);
	}
	audit_log_put(audit->log, json, audit_storing_part(storing, audit->log_mode));
}

/* Whoever takes more comes first: what is cut for one is cut for those after it. */
static void publish(struct audit *audit, yyjson_mut_doc *doc, struct audit_storing *storing)
{
	const struct audit_truncation *log = &audit->log_truncation,
				      *hook = &audit->webhook_truncation;
	bool log_first = !log->is_on ||
			 (hook->is_on && log->event_bytes_max >= hook->event_bytes_max);
	AUTO_BUF text = { 0 };

	audit->registry->metrics->asking.audit_events++;
	buf_init(&text, LIST_BYTES_MAX);
	write_event(doc, &text);
	for (int i = 0; i < 2; i++) {
		bool is_log = log_first == (i == 0);

		if (is_log && audit->log && fit(audit, log, doc, &text))
			put_log(audit, doc, buf_str(&text), storing);
		if (!is_log && audit->webhook && fit(audit, hook, doc, &text))
			audit_webhook_put(audit->webhook, buf_str(&text),
					  audit_storing_part(storing, audit->webhook_mode));
	}
}

/* NULL: nothing has to wait. Of an exchange that is over there is nothing to hold. */
static struct audit_storing *storing_of(struct exchange *e, enum audit_stage stage, bool is_over)
{
	struct audit *audit = e->server->audit;
	struct audit_storing *s;

	if (is_over || (audit->log_mode == AUDIT_BATCH && audit->webhook_mode == AUDIT_BATCH))
		return NULL;
	s = audit_storing_new();
	if (stage == AUDIT_REQUEST_RECEIVED) {
		e->audit->receiving = s;
		s->ret_storing = &e->audit->receiving;
		s->ret_failed = &e->audit->is_lost;
	} else {
		http_hold(e->x, &s->hold);
	}
	return s;
}

static void emit(struct exchange *e, enum audit_stage stage, bool is_over)
{
	const struct audit_record *r = e->audit;
	struct audit_storing *storing;
	struct audit *audit = e->server->audit;
	AUTO_JSON_MUT doc = NULL;
	yyjson_mut_val *root;

	if (r->wish.omits[stage])
		return;
	doc = json_new_object();
	root = yyjson_mut_doc_get_root(doc);
	json_set_str(doc, root, "kind", STR("Event"));
	json_set_str(doc, root, "apiVersion", STR("audit.k8s.io/v1"));
	json_set_str(doc, root, "level", str_from(audit_level_name(r->wish.level)));
	json_set_str(doc, root, "auditID", e->audit_id);
	json_set_str(doc, root, "stage", str_from(audit_stage_name(stage)));
	json_set_str(doc, root, "requestURI",
		     e->x->has_query ? str_printf_in(e->arena, STR_FMT "?" STR_FMT,
						     STR_ARG(e->x->path), STR_ARG(e->x->query))
				     : e->x->path);
	json_set_str(doc, root, "verb", e->target.verb);
	put_users(e, doc, root);
	put_addresses(e, doc, root);
	put(doc, root, "userAgent", http_header_get(&e->x->headers, STR("User-Agent")));
	put_object(e, doc, root);
	put_status(e, doc, root);
	if (r->wish.level >= AUDIT_REQUEST && stage != AUDIT_REQUEST_RECEIVED &&
	    e->target.is_resource)
		put_body(e, doc, root, "requestObject", e->x->body);
	if (stage == AUDIT_RESPONSE_COMPLETE)
		put_body(e, doc, root, "responseObject", r->response);
	put_time(doc, root, "requestReceivedTimestamp", r->received_ns);
	put_time(doc, root, "stageTimestamp", env_wall_ns(e->server->env));
	put_annotations(r, doc, root);
	storing = storing_of(e, stage, is_over);
	publish(audit, doc, storing);
	if (storing)
		audit_storing_handed_out(storing);
}

/* --- the way of a request --- */

void audit_begin(struct exchange *e)
{
	const struct user *user = e->refusal.code ? NULL : e->user;
	struct audit_record *r;
	struct audit_wish wish;

	if (!e->server->audit || e->audit)
		return;
	audit_policy_decide(e->server->audit->policy, user, &e->target, &wish);
	if (wish.level == AUDIT_NONE)
		return;
	r = ARENA_NEW(e->arena, struct audit_record);
	r->wish = wish;
	r->user = user;
	r->annotations.arena = e->arena;
	r->received_ns = env_wall_ns(e->server->env) -
			 (env_mono_ns(e->server->env) - e->started_ns);
	r->is_stream = target_is_stream(&e->target) || target_is_watch(&e->target);
	e->audit = r;
	emit(e, AUDIT_REQUEST_RECEIVED, false);
}

int audit_received(struct exchange *e)
{
	struct audit_record *r = e->audit;

	if (!r)
		return 0;
	if (r->receiving) {
		list_push_back(&r->receiving->told, &e->wait.link);
		return 1;
	}
	if (!r->is_lost)
		return 0;
	e->server->metrics.asking.audit_rejected++;
	e->audit = NULL; /* nor is what is said to it */
	return -1;
}

void audit_note(struct exchange *e, struct str key, struct str value)
{
	if (e->audit)
		annotations_add(&e->audit->annotations, key, value);
}

void audit_decided(struct exchange *e, bool is_allowed, struct str reason)
{
	audit_note(e, STR("authorization.k8s.io/decision"),
		   is_allowed ? STR("allow") : STR("forbid"));
	audit_note(e, STR("authorization.k8s.io/reason"), reason);
}

void audit_want_annotations(const struct exchange *e, struct annotations *ret, struct arena *arena)
{
	*ret = (struct annotations){ 0 };
	if (!e->audit)
		return;
	ret->arena = arena;
	ret->is_detailed = e->audit->wish.level >= AUDIT_REQUEST;
}

void audit_annotate(struct exchange *e, const struct annotations *from)
{
	for (size_t i = 0; i < from->count; i++)
		audit_note(e, from->items[i].key, from->items[i].value);
}

bool audit_keeps_answer(const struct exchange *e)
{
	return e->audit && e->audit->wish.level == AUDIT_REQUEST_RESPONSE &&
	       e->target.is_resource && e->answer_bytes <= AUDIT_BODY_BYTES_MAX;
}

void audit_answered(struct exchange *e, int status, const struct http_piece *pieces, size_t count)
{
	struct audit_record *r = e->audit;
	AUTO_BUF text = { 0 };

	if (!r || r->is_answered)
		return;
	r->is_answered = true;
	r->status = status;
	if (audit_keeps_answer(e)) {
		buf_init(&text, AUDIT_BODY_BYTES_MAX);
		for (size_t i = 0; i < count; i++)
			buf_put_str(&text, pieces[i].bytes);
		r->response = str_in(e->arena, buf_str(&text));
	}
	if (r->is_stream && !e->refusal.code)
		emit(e, AUDIT_RESPONSE_STARTED, false);
	else
		emit(e, AUDIT_RESPONSE_COMPLETE, false);
}

void audit_end(struct exchange *e)
{
	if (e->audit)
		audit_storing_forget(e->audit->receiving);
	if (e->audit && e->audit->is_answered && e->audit->is_stream && !e->refusal.code)
		emit(e, AUDIT_RESPONSE_COMPLETE, true);
}
