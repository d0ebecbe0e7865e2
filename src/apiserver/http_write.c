/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST, PUT, PATCH and DELETE over HTTP: an operation made from the request, an answer from what
 * became of it. The operation's memory is its own: a client that goes away does not take back what
 * was submitted.
 */
#include "api/protobuf.h"
#include "apiserver/authz.h"
#include "apiserver/exchange.h"
#include "apiserver/limits.h"
#include "apiserver/long_work.h"
#include "apiserver/operation.h"
#include "apiserver/patch_body.h"
#include "apiserver/read_options.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json_syntax.h"
#include "codec/yaml.h"

struct http_write {
	struct operation op;
	struct arena arena;
	struct exchange *e; /* NULL: the client is gone */
};

static void write_free(struct http_write *w)
{
	operation_deinit(&w->op);
	arena_deinit(&w->arena);
	mem_free(w);
}

/* An object may have been asked for in another form; a Status has none. */
static void answer_result(struct exchange *e, struct operation *op)
{
	const struct obj *obj = e->form == ANSWER_OBJECT ? NULL : obj_of(op->result, NULL);
	struct read_form form = { .warnings = &op->notices };

	if (obj && (op->returns_scale || str_eq(json_get_str(obj->root, "kind"), e->kind->name))) {
		(void)table_include_parse(params_get(&e->target.query, "includeObject"),
					  &form.include); /* what it does not know is the default */
		read_answer_form(e, op->http_status, obj, &form);
	} else {
		exchange_answer_object(e, op->http_status, op->result, &op->notices);
	}
}

static void write_done(struct operation *op)
{
	struct http_write *w = CONTAINER_OF(op, struct http_write, op);
	struct exchange *e = w->e;

	if (!e) {
		write_free(w);
		return;
	}
	http_set_events(e->x, NULL, NULL);
	audit_annotate(e, &op->annotations);
	if (op->refusal.code) {
		e->refusal = op->refusal;
		e->warnings = &op->notices;
		exchange_refuse(e);
	} else {
		answer_result(e, op);
	}
	write_free(w);
}

static void write_closed(void *arg, struct http_exchange *x)
{
	struct http_write *w = arg;
	struct exchange *e = w->e;

	w->e = NULL;
	w->op.body_bytes = STR_NONE;
	w->op.tries = PATCH_RETRIES_MAX; /* its body went with the exchange */
	exchange_count(e, 499);
	http_abort(x);
	operation_cancel(&w->op);
}

static const struct http_exchange_events write_events = { .on_closed = write_closed };

/* --- the body --- */

static struct str media_type(struct exchange *e)
{
	struct str header = http_header_get(&e->x->headers, STR("Content-Type")), type, parameters;

	(void)str_cut(header, ';', &type, &parameters); /* without parameters the second is empty */
	return str_trim(type);
}

static int refuse_media(struct exchange *e, const char *accepted)
{
	return refusal_set(&e->refusal, 415, "UnsupportedMediaType",
			   "the body of the request was in an unknown format - accepted media "
			   "types include: %s",
			   accepted);
}

/* Text stays text, *ret_tree is what protobuf was read into. */
static int read_format(struct exchange *e, enum object_format *ret, yyjson_mut_doc **ret_tree)
{
	struct str type = media_type(e);
	struct err err = { 0 };

	*ret = OBJECT_JSON;
	if (!type.len || str_eq_c(type, "application/json"))
		return 0;
	if (str_eq_c(type, "application/yaml")) {
		*ret = OBJECT_YAML;
		return 0;
	}
	if (!str_eq_c(type, "application/vnd.kubernetes.protobuf"))
		return refuse_media(
			e,
			"application/json, application/yaml, application/vnd.kubernetes.protobuf");
	*ret_tree = protobuf_decode(e->x->body, REQUEST_BODY_BYTES_MAX, NULL, &err);
	return *ret_tree ? 0 : refusal_from_err(&e->refusal, &err);
}

static const struct {
	const char *type;
	enum api_patch patch;
} patch_types[] = {
	{ "application/json-patch+json", API_PATCH_JSON },
	{ "application/merge-patch+json", API_PATCH_MERGE },
	{ "application/strategic-merge-patch+json", API_PATCH_STRATEGIC },
	{ "application/apply-patch+yaml", API_PATCH_APPLY },
};

/* YAML, of which JSON is the common case and quicker read. Nothing is null. */
static int read_apply(struct exchange *e, struct operation *op)
{
	struct str body = str_trim(e->x->body).len ? e->x->body : STR("null");
	struct err err = { 0 };
	AUTO_JSON_MUT doc = NULL;
	AUTO_BUF repeated = { 0 };

	if (str_has_prefix(body, STR("{")))
		op->patch = op->check == FIELDS_IGNORE
				    ? json_parse(body, REQUEST_BODY_BYTES_MAX, &err)
				    : json_parse_unique(body, REQUEST_BODY_BYTES_MAX, &err);
	if (op->patch)
		return 0;
	buf_init(&repeated, 64u << 10);
	doc = yaml_parse_duplicates(body, REQUEST_BODY_BYTES_MAX, &repeated, &err);
	op->patch = doc ? json_freeze(yyjson_mut_doc_get_root(doc)) : NULL;
	if (!op->patch)
		return err.code == ERR_TOO_LARGE
			       ? refusal_from_err(&e->refusal, &err)
			       : refusal_bad_request(
					 &e->refusal,
					 "error decoding YAML: error converting YAML to JSON: %s",
					 err.msg);
	if (repeated.len && op->check != FIELDS_IGNORE)
		op->patch_duplicates = str_printf_in(op->arena,
						     "error converting YAML to JSON: yaml: "
						     "unmarshal errors:" STR_FMT,
						     STR_ARG(buf_str(&repeated)));
	return 0;
}

/* Before anything else is looked at: what the query may ask for depends on it. */
static int read_patch_type(struct exchange *e, struct operation *op)
{
	struct str type = media_type(e);
	bool known = false;

	for (size_t i = 0; i < ARRAY_COUNT(patch_types); i++)
		if (str_eq_c(type, patch_types[i].type)) {
			op->patch_type = patch_types[i].patch;
			known = true;
		}
	if (known && !(op->kind->flags & KIND_CUSTOM && op->patch_type == API_PATCH_STRATEGIC))
		return 0;
	return refuse_media(
		e,
		op->kind->flags & KIND_CUSTOM
			? "application/json-patch+json, application/merge-patch+json, "
			  "application/apply-patch+yaml"
			: "application/json-patch+json, application/merge-patch+json, "
			  "application/strategic-merge-patch+json, application/apply-patch+yaml");
}

static int refuse_patch_text(struct exchange *e, struct operation *op, const struct err *err)
{
	AUTO_BUF why = { 0 };

	if (err->code == ERR_TOO_LARGE)
		return refusal_from_err(&e->refusal, err);
	if (op->check == FIELDS_IGNORE && op->patch_type == API_PATCH_MERGE)
		return refusal_bad_request(&e->refusal, "Invalid JSON Patch");
	buf_init(&why, ERR_MSG_BYTES);
	if (!json_syntax_problem(e->x->body, &why))
		buf_put_c(&why, err->msg);
	return refusal_bad_request(&e->refusal, "%s" STR_FMT, patch_decoding_prefix(op),
				   STR_ARG(buf_str(&why)));
}

static int read_patch(struct exchange *e, struct operation *op)
{
	struct err err = { 0 };

	if (op->patch_type == API_PATCH_APPLY)
		return read_apply(e, op);
	op->patch = json_parse_unique(e->x->body, REQUEST_BODY_BYTES_MAX, &err);
	if (!op->patch) {
		bool is_twice = str_has_prefix(str_from(err.msg), STR("duplicate field"));

		op->patch = json_parse(e->x->body, REQUEST_BODY_BYTES_MAX, &err);
		if (op->patch && is_twice)
			patch_take_duplicates(op, str_from(err.msg));
	}
	return op->patch ? patch_check_shape(op, &e->refusal) : refuse_patch_text(e, op, &err);
}

/* Go prints what it got as a list. */
static int refuse_dry_run(struct exchange *e, const char *kind, struct str value)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, OPTION_SHOWN_BYTES_MAX);
	buf_put_c(&text, "Unsupported value: [");
	json_write_quoted(value, &text);
	buf_put_c(&text, "]: supported values: ");
	json_write_quoted(STR("All"), &text);
	return refusal_option(
		&e->refusal, kind,
		(struct refusal_cause){ .reason = STR("FieldValueNotSupported"),
					.field = STR("dryRun"),
					.message = str_in(e->arena, buf_str(&text)) });
}

/* A list that says anything else must not be taken for leave to write. */
static int read_dry_run(struct exchange *e, struct operation *op, yyjson_mut_val *list)
{
	JSON_MUT_EACH (item, list) {
		if (!str_eq_c(json_mut_str(item), "All"))
			return refuse_dry_run(e, "DeleteOptions", json_mut_str(item));
		op->dry_run = true;
	}
	return 0;
}

/* DeleteOptions in the body, or as query parameters. */
static int read_delete(struct exchange *e, struct operation *op)
{
	const struct params *query = &e->target.query;
	struct decode_options options = { .kind = &kind_deleteoptions, .check = FIELDS_IGNORE };
	struct err err = { 0 };
	yyjson_mut_val *root;

	if (e->x->body.len) {
		if (read_format(e, &options.format, &op->body) < 0)
			return -1;
		if (!op->body)
			op->body = object_decode(e->x->body, &options, &err);
		if (!op->body)
			return refusal_from_err(&e->refusal, &err);
	} else {
		op->body = json_new_object();
	}
	root = yyjson_mut_doc_get_root(op->body);
	if (!e->x->body.len && params_has(query, "gracePeriodSeconds")) {
		struct str text = params_get(query, "gracePeriodSeconds");
		int64_t seconds;

		if (num_parse_i64(text, INT64_MIN, INT64_MAX, "gracePeriodSeconds", &seconds,
				  &err) < 0)
			return refusal_bad_request(&e->refusal,
						   "strconv.ParseInt: parsing \"" STR_FMT
						   "\": invalid syntax",
						   STR_ARG(text));
		json_set_int(op->body, root, "gracePeriodSeconds", seconds);
	}
	if (!e->x->body.len && params_get(query, "propagationPolicy").len)
		json_set_str(op->body, root, "propagationPolicy",
			     params_get(query, "propagationPolicy"));
	if (!e->x->body.len && params_has(query, "orphanDependents"))
		json_set_bool(op->body, root, "orphanDependents",
			      params_bool(query, "orphanDependents"));
	return read_dry_run(e, op, json_mut_get(root, "dryRun"));
}

static int read_body(struct exchange *e, struct operation *op)
{
	switch (op->verb) {
	case OPERATION_PATCH:
		return read_patch(e, op);
	case OPERATION_DELETE:
		return read_delete(e, op);
	case OPERATION_CREATE:
	case OPERATION_UPDATE:
	case OPERATION_VERB_COUNT:
		break;
	}
	op->body_bytes = e->x->body;
	return read_format(e, &op->body_format, &op->body);
}

/* --- the query --- */

static int refuse_manager(struct exchange *e, const char *kind, const char *reason, struct str text)
{
	return refusal_option(&e->refusal, kind,
			      (struct refusal_cause){ .reason = str_from(reason),
						      .field = STR("fieldManager"),
						      .message = text });
}

/* The name that managedFields will have for whoever writes, and what only an apply may ask for. */
static int check_manager(struct exchange *e, struct operation *op, const char *kind)
{
	struct str name = op->field_manager;
	bool is_patch = op->verb == OPERATION_PATCH;
	bool is_apply = is_patch && op->patch_type == API_PATCH_APPLY;

	if (is_apply && !name.len)
		return refuse_manager(e, kind, "FieldValueRequired",
				      STR("Required value: is required for apply patch"));
	if (is_patch && !is_apply && params_has(&e->target.query, "force"))
		return refusal_option(
			&e->refusal, kind,
			(struct refusal_cause){ .reason = STR("FieldValueForbidden"),
						.field = STR("force"),
						.message = STR("Forbidden: may not be specified "
							       "for non-apply patch") });
	if (name.len > FIELD_OWNER_NAME_BYTES_MAX)
		return refuse_manager(e, kind, "FieldValueTooLong",
				      STR("Too long: may not be more than 128 bytes"));
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f)
			return refuse_manager(
				e, kind, "FieldValueInvalid",
				str_printf_in(e->arena,
					      "Invalid value: \"" STR_FMT
					      "\": invalid character U+%04X (at position %zu)",
					      STR_ARG(name), (unsigned char)name.ptr[i], i));
	return 0;
}

static int read_query(struct exchange *e, struct operation *op)
{
	static const char *const option_kinds[] = { "CreateOptions", "UpdateOptions",
						    "PatchOptions", "DeleteOptions" };
	const struct params *query = &e->target.query;
	struct str dry_run = params_get(query, "dryRun"),
		   check = params_get(query, "fieldValidation");

	if (op->verb == OPERATION_PATCH && read_patch_type(e, op) < 0)
		return -1;
	if (dry_run.len && !str_eq_c(dry_run, "All"))
		return refuse_dry_run(e, option_kinds[op->verb], dry_run);
	if (!field_check_parse(check, &op->check))
		return refusal_option(
			&e->refusal, option_kinds[op->verb],
			(struct refusal_cause){
				.reason = STR("FieldValueNotSupported"),
				.field = STR("fieldValidation"),
				.message = str_printf_in(e->arena,
							 "Unsupported value: \"" STR_FMT
							 "\": supported values: \"\", \"Ignore\", "
							 "\"Strict\", \"Warn\"",
							 STR_ARG(check)) });
	op->dry_run = op->dry_run || dry_run.len > 0;
	op->force = params_bool(query, "force");
	op->field_manager = params_get(query, "fieldManager");
	if (check_manager(e, op, option_kinds[op->verb]) < 0)
		return -1;
	if (!op->field_manager.len) { /* as upstream: the client's own name up to its version */
		struct str agent = http_header_get(&e->x->headers, STR("User-Agent")), rest;

		(void)str_cut(agent, '/', &op->field_manager, &rest); /* without '/' all of it */
	}
	return 0;
}

static enum operation_verb verb_of(const struct exchange *e)
{
	if (str_eq_c(e->target.verb, "create"))
		return OPERATION_CREATE;
	if (str_eq_c(e->target.verb, "update"))
		return OPERATION_UPDATE;
	return str_eq_c(e->target.verb, "patch") ? OPERATION_PATCH : OPERATION_DELETE;
}

static struct http_write *write_new(struct exchange *e, struct str name)
{
	struct http_write *w = NEW(struct http_write);

	arena_init(&w->arena, ARENA_DEFAULT_MAX);
	w->e = e;
	w->op = (struct operation){
		.registry = &e->server->registry,
		.arena = &w->arena,
		.verb = verb_of(e),
		.kind = e->kind,
		.name = str_in(&w->arena, name),
		.subresource = str_in(&w->arena, e->target.subresource),
		.who = user_in(&w->arena, e->user),
		.done = write_done,
	};
	w->op.user = w->op.who->name;
	w->op.deadline_ns = e->deadline_ns;
	audit_want_annotations(e, &w->op.annotations, &w->arena);
	if (kind_is_namespaced(e->kind))
		w->op.namespace_ = str_in(&w->arena, e->target.namespace_);
	return w;
}

static int serve_review(struct exchange *e)
{
	enum object_format format;
	yyjson_mut_doc *tree = NULL;
	int result;

	if (read_format(e, &format, &tree) < 0)
		return -1;
	result = review_serve(e, e->x->body, format, tree);
	json_mut_free(tree);
	return result;
}

int write_serve(struct exchange *e)
{
	struct http_write *w;

	if (accept_read(e, review_is(e->kind) ? ACCEPT_PLAIN : ACCEPT_FORMS) < 0)
		return -1;
	if (review_is(e->kind))
		return serve_review(e);
	w = write_new(e, e->target.name);
	if (read_query(e, &w->op) < 0 || read_body(e, &w->op) < 0) {
		write_free(w);
		return -1;
	}
	w->op.field_manager = str_in(&w->arena, w->op.field_manager);
	http_set_events(e->x, &write_events, w);
	operation_start(&w->op);
	return 0;
}

/* --- delete of a collection: one operation per object, answered when all are done --- */

struct collection {
	struct exchange *e; /* NULL: the client is gone */
	struct apiserver *server;
	struct operation model;
	struct blob **blobs; /* what is to go; from next on not begun */
	size_t count, next, running;
	struct long_work work;
	bool is_starting;
	struct blob **results;
	size_t result_count;
	struct refusal refusal; /* the first that was not "gone already" */
	struct notices notices; /* of all, each text once */
	struct arena arena;
};

struct collection_op {
	struct operation op;
	struct arena arena;
	struct collection *collection;
};

static void collection_free(struct collection *c)
{
	for (size_t i = 0; i < c->count; i++)
		blob_unref(c->blobs[i]);
	for (size_t i = 0; i < c->result_count; i++)
		blob_unref(c->results[i]);
	mem_free(c->blobs);
	mem_free(c->results);
	json_mut_free(c->model.body);
	arena_deinit(&c->arena);
	mem_free(c);
}

static void collection_answer(struct collection *c)
{
	struct exchange *e = c->e;
	AUTO_BUF text = { 0 }, opening = { 0 };
	AUTO_BLOB blob = NULL;

	http_set_events(e->x, NULL, NULL);
	if (c->refusal.code) {
		e->refusal = c->refusal;
		e->warnings = &c->notices;
		exchange_refuse(e);
		return;
	}
	buf_init(&text, LIST_BYTES_MAX);
	buf_init(&opening, LIST_BYTES_MAX);
	object_list_head(e->kind, store_revision(c->server->store), STR_NONE, -1, &text);
	object_item_opening(e->kind, &opening);
	for (size_t i = 0; i < c->result_count; i++) {
		buf_put_c(&text, i ? ",{" : "{");
		buf_put_str(&text, object_list_item(buf_str(&opening), c->results[i]));
	}
	buf_put_c(&text, "]}");
	blob = blob_new(buf_str(&text));
	exchange_answer_object(e, 200, blob, &c->notices);
}

static void collection_finish(struct collection *c)
{
	if (c->e)
		collection_answer(c);
	collection_free(c);
}

/* Ends it when all is done, or lets more begin. */
static void collection_go_on(struct collection *c)
{
	if (c->is_starting)
		return;
	if (c->next == c->count && !c->running)
		collection_finish(c);
	else if (c->next < c->count && c->running < DELETIONS_RUNNING_MAX &&
		 !list_is_linked(&c->work.link))
		long_work_start(&c->server->works, &c->work);
}

static void collection_note(struct collection *c, struct str text)
{
	for (size_t i = 0; i < c->notices.count; i++)
		if (str_eq(c->notices.items[i], text))
			return;
	notices_add(&c->notices, STR_FMT, STR_ARG(text));
}

static void collection_done(struct operation *op)
{
	struct collection_op *cop = CONTAINER_OF(op, struct collection_op, op);
	struct collection *c = cop->collection;

	for (size_t i = 0; i < op->notices.count; i++)
		collection_note(c, op->notices.items[i]);
	if (op->refusal.code && op->refusal.code != 404 && !c->refusal.code) {
		refusal_init(&c->refusal, &c->arena);
		(void)refusal_set(&c->refusal, op->refusal.code, "", STR_FMT,
				  STR_ARG(op->refusal.message)); /* kept below */
		c->refusal.reason = str_in(&c->arena, op->refusal.reason);
	} else if (!op->refusal.code) {
		c->results[c->result_count++] = blob_ref(op->result);
	}
	operation_deinit(op);
	arena_deinit(&cop->arena);
	mem_free(cop);
	c->running--;
	collection_go_on(c);
}

static void start_one(struct collection *c, const struct obj *obj)
{
	const struct operation *model = &c->model;
	struct collection_op *cop = NEW(struct collection_op);

	arena_init(&cop->arena, ARENA_DEFAULT_MAX);
	cop->collection = c;
	cop->op = *model;
	cop->op.arena = &cop->arena;
	cop->op.body = model->body ? yyjson_mut_doc_mut_copy(model->body, &json_alc) : NULL;
	cop->op.namespace_ = str_in(&cop->arena, obj->namespace_);
	cop->op.name = str_in(&cop->arena, obj->name);
	cop->op.who = user_in(&cop->arena, model->who);
	cop->op.user = cop->op.who->name;
	cop->op.done = collection_done;
	cop->op.wants_object = true;
	c->running++;
	operation_start(&cop->op);
}

#define DELETION_COST ((size_t)8 << 10) /* besides the object; as long_work.h counts */

/* So many at once that a commit has enough, and so few in a turn that others have theirs. */
static bool start_some(struct long_work *work, size_t *cost)
{
	struct collection *c = CONTAINER_OF(work, struct collection, work);
	size_t most = *cost + LONG_WORK_PART_COST;
	bool has_more;

	c->is_starting = true;
	while (c->next < c->count && c->running < DELETIONS_RUNNING_MAX && *cost < most) {
		struct blob *blob = c->blobs[c->next++];

		*cost += DELETION_COST + blob->len;
		start_one(c, obj_get(blob));
	}
	c->is_starting = false;
	has_more = c->next < c->count && c->running < DELETIONS_RUNNING_MAX;
	if (!has_more)
		collection_go_on(c);
	return has_more;
}

/* What was not begun is not: the client does not know of it. */
static void collection_closed(void *arg, struct http_exchange *x)
{
	struct collection *c = arg;
	struct exchange *e = c->e;

	c->e = NULL;
	exchange_count(e, 499);
	http_abort(x);
	long_work_stop(&c->work);
	while (c->count > c->next)
		blob_unref(c->blobs[--c->count]);
	collection_go_on(c);
}

static const struct http_exchange_events collection_events = { .on_closed = collection_closed };

/* What is to go: all that is there, and of that what the selectors want. */
struct removal {
	struct exchange *e;
	struct operation model;
	struct watch_filter filter;
	struct blob **blobs;
	size_t count, room, limit; /* 0: all */
};

static bool take_object(void *arg, struct str key, const struct store_entry *entry)
{
	struct removal *r = arg;
	const struct obj *obj = obj_of(entry->value, NULL);

	if (!obj || !watch_filter_may_match(&r->filter, obj))
		return true;
	if (r->limit && r->count == r->limit)
		return false;
	if (r->count == r->room) {
		r->room = r->room ? r->room * 2 : 64;
		r->blobs = mem_realloc_array(r->blobs, r->room, sizeof(r->blobs[0]));
	}
	r->blobs[r->count++] = blob_ref(entry->value);
	return true;
}

static void removal_free(void *arg)
{
	struct removal *r = arg;

	for (size_t i = 0; i < r->count; i++)
		blob_unref(r->blobs[i]);
	mem_free(r->blobs);
	json_mut_free(r->model.body);
}

/* Takes over what r has. */
static void remove_all(struct removal *r)
{
	struct collection *c = NEW(struct collection);
	size_t cost = 0;

	arena_init(&c->arena, ARENA_DEFAULT_MAX);
	notices_init(&c->notices, &c->arena);
	c->e = r->e;
	c->server = r->e->server;
	c->model = r->model;
	c->model.who = user_in(&c->arena, r->model.who);
	c->model.field_manager = str_in(&c->arena, r->model.field_manager);
	c->blobs = r->blobs;
	c->count = r->count;
	c->results = mem_calloc(r->count + 1, sizeof(c->results[0]));
	c->work.part = start_some;
	http_set_events(r->e->x, &collection_events, c);
	if (start_some(&c->work, &cost))
		long_work_start(&c->server->works, &c->work);
}

/* Fields are those of the version that was asked for. */
static void remove_matching(void *arg, const struct conversion *conversion)
{
	struct removal *r = arg;
	size_t count = r->count;

	r->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct blob *stored = r->blobs[i];

		if (watch_filter_matches(&r->filter, obj_get(conversion_result(conversion, i))))
			r->blobs[r->count++] = stored;
		else
			blob_unref(stored);
	}
	remove_all(r);
}

static void remove_converted(struct removal *r)
{
	struct exchange_conversion *wait = ARENA_NEW(r->e->arena, struct exchange_conversion);

	*wait = (struct exchange_conversion){
		.e = r->e, .done = remove_matching, .gone = removal_free, .arg = r
	};
	exchange_convert(wait, r->blobs, r->count);
}

int write_collection(struct exchange *e)
{
	struct read_options options;
	struct removal *r = ARENA_NEW(e->arena, struct removal);
	struct err err = { 0 };
	struct str prefix;

	r->e = e;
	r->model = (struct operation){ .registry = &e->server->registry,
				       .verb = OPERATION_DELETE,
				       .kind = e->kind,
				       .of_collection = true,
				       .user = e->user->name,
				       .who = e->user };
	if (accept_read(e, ACCEPT_FORMS) < 0 || read_options_parse(e, &options) < 0 ||
	    read_query(e, &r->model) < 0 || read_delete(e, &r->model) < 0) {
		json_mut_free(r->model.body);
		return -1;
	}
	r->filter = options.filter;
	r->limit = (size_t)options.limit;
	prefix = registry_list_prefix(
		e->arena, e->kind, kind_is_namespaced(e->kind) ? e->target.namespace_ : STR_NONE);
	if (store_check_readable_all(e->server->store, prefix, &err) < 0) {
		json_mut_free(r->model.body);
		return refusal_from_err(&e->refusal, &err);
	}
	store_walk(e->server->store, prefix, STR_NONE, take_object, r);
	if (r->filter.fields_wait && r->count)
		remove_converted(r);
	else
		remove_all(r);
	return 0;
}
