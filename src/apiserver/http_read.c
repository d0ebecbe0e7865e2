/* SPDX-License-Identifier: Apache-2.0 */
/* GET of one object: the bytes as they are stored, unless another form was asked for. */
#include "api/custom.h"
#include "api/protobuf.h"
#include "api/table.h"
#include "apiserver/component_status.h"
#include "apiserver/exchange.h"
#include "apiserver/read_options.h"
#include "apiserver/scale.h"
#include "loop/env.h"

static bool is_scale(const struct exchange *e)
{
	return str_eq_c(e->target.subresource, "scale");
}

#define SCALE_COLUMNS 4

/* As tables show it: of custom kinds in other words. */
static void scale_kind(const struct exchange *e, struct kind *ret,
		       struct kind_column columns[SCALE_COLUMNS + 1])
{
	*ret = kind_scale;
	if (!(e->kind->flags & KIND_CUSTOM))
		return;
	memcpy(columns, kind_scale.columns, (SCALE_COLUMNS + 1) * sizeof(columns[0]));
	columns[1].description = "Number of desired replicas";
	columns[2].description = "Number of actual replicas";
	columns[3].type = "date";
	ret->columns = columns;
}

static void write_table(struct exchange *e, const struct obj *obj, enum table_include include,
			struct buf *to)
{
	struct kind_column columns[SCALE_COLUMNS + 1];
	struct kind scale;
	struct table_options options = {
		.kind = is_scale(e) ? &scale : e->kind,
		.include = include,
		.is_beta = e->is_beta,
		.now_ns = env_wall_ns(e->server->env),
		.revision = obj->resource_version,
		.remaining = -1,
	};
	struct table table;

	scale_kind(e, &scale, columns);
	table_start(&table, &options, to);
	table_row(&table, obj);
	table_end(&table);
}

void read_answer_form(struct exchange *e, int status, const struct obj *obj,
		      const struct read_form *form)
{
	AUTO_BUF text = { 0 };
	struct blob *blob;

	buf_init(&text, (size_t)64 << 20);
	if (e->form == ANSWER_TABLE)
		write_table(e, obj, form->include, &text);
	else
		table_partial_metadata(obj, e->is_beta, &text);
	blob = blob_new(buf_str(&text));
	exchange_answer_object(e, status, blob, form->warnings);
	blob_unref(blob);
}

/* As protobuf: its kept field behind the envelope. */
static void answer_field(struct exchange *e, struct blob *object)
{
	struct http_header header = HTTP_HEADER(STR("Content-Type"), exchange_content_type(e));
	struct http_headers headers = { &header, 1 };
	struct http_piece pieces[2];
	AUTO_BLOB field = protobuf_field_of(object, e->kind->schema);
	AUTO_BUF envelope = { 0 };

	buf_init(&envelope, 1024);
	protobuf_write_envelope(e->kind->api_version, e->kind->name, &envelope);
	pieces[0] = HTTP_BYTES(str_in(e->arena, buf_str(&envelope)));
	pieces[1] = HTTP_BLOB(field);
	exchange_respond(e, 200, &headers, pieces, 2);
}

static void answer_scale(struct exchange *e, const struct obj *obj, enum table_include include)
{
	const struct custom_version *custom = custom_version_of(e->kind);
	AUTO_JSON_MUT doc = scale_of(e->kind, obj->root, e->arena);
	AUTO_BLOB scale = json_mut_to_blob(yyjson_mut_doc_get_root(doc));

	if (custom && !json_get(obj->root, custom->scale.spec_replicas)) {
		(void)refusal_internal(&e->refusal,
				       "the spec replicas field \".%s\" does not exist",
				       custom->scale.spec_replicas); /* answered below */
		exchange_refuse(e);
	} else if (e->form != ANSWER_OBJECT)
		read_answer_form(e, 200, obj_get(scale), &(struct read_form){ .include = include });
	else
		exchange_answer_object(e, 200, scale, NULL);
}

/* object is as the kind serves it; include: of a table. */
static void answer(struct exchange *e, struct blob *object, enum table_include include)
{
	if (is_scale(e))
		answer_scale(e, obj_get(object), include);
	else if (e->form != ANSWER_OBJECT)
		read_answer_form(e, 200, obj_get(object),
				 &(struct read_form){ .include = include });
	else if (e->format == ANSWER_PROTOBUF)
		answer_field(e, object);
	else
		exchange_answer_object(e, 200, object, NULL);
}

struct get_wait {
	struct exchange_conversion wait;
	enum table_include include;
};

static void on_converted(void *arg, const struct conversion *conversion)
{
	struct get_wait *w = arg;

	answer(w->wait.e, conversion_result(conversion, 0), w->include);
}

static void on_gone(void *arg)
{
	(void)arg; /* all lies in the exchange's arena */
}

static void wait_for_conversion(struct exchange *e, struct blob *object, enum table_include include)
{
	struct get_wait *w = ARENA_NEW(e->arena, struct get_wait);

	w->include = include;
	w->wait = (struct exchange_conversion){
		.e = e, .done = on_converted, .gone = on_gone, .arg = w
	};
	exchange_convert(&w->wait, &object, 1);
}

/* Upstream's words for it know nothing of custom kinds but that they are no list. */
static int refuse_list_form(struct exchange *e)
{
	struct str package = e->kind->group, rest;

	if (custom_version_of(e->kind))
		return refusal_set(&e->refusal, 500, "", "content is not a list");
	if (!package.len || str_eq_c(package, "events.k8s.io"))
		package = STR("core");
	(void)str_cut(package, '.', &package, &rest); /* without '.' all of it */
	return refusal_set(&e->refusal, 406, "NotAcceptable",
			   "you requested PartialObjectMetadataList, but the requested object is "
			   "not a list (*" STR_FMT "." STR_FMT ")",
			   STR_ARG(package), STR_ARG(e->kind->name));
}

/* The object that was asked for as it is stored, or made of what there is: a reference; NULL: there
 * is none, or err is set. */
static struct blob *find_object(const struct exchange *e, struct err *err)
{
	const struct target *t = &e->target;
	const struct store_entry *entry;
	struct blob *component;

	if (!component_status_is(e->kind)) {
		struct str key = registry_key(&e->server->registry, e->arena, e->kind,
					      t->namespace_, t->name);

		entry = store_get(e->server->store, key);
		if (!entry && store_check_readable(e->server->store, key, err) < 0)
			return NULL;
		return entry ? blob_ref(entry->value) : NULL;
	}
	for (size_t i = 0; (component = component_status_at(e->server, i)); i++) {
		if (str_eq(obj_get(component)->name, t->name))
			return component;
		blob_unref(component);
	}
	return NULL;
}

int read_get(struct exchange *e)
{
	const struct target *t = &e->target;
	AUTO_BLOB stored = NULL;
	struct read_options options;
	struct err err = { 0 };
	struct blob *object;

	if (accept_read(e, ACCEPT_FORMS) < 0 || read_options_parse(e, &options) < 0)
		return -1;
	stored = find_object(e, &err);
	if (err.code)
		return refusal_from_err(&e->refusal, &err);
	if (!stored)
		return refusal_not_found(&e->refusal,
					 (struct subject){ t->group, t->resource, t->name });
	if (e->wants_list)
		return refuse_list_form(e);
	object = registry_present(e->kind, stored, &err);
	if (!object)
		return refusal_from_err(&e->refusal, &err);
	if (conversion_is_needed(e->kind, object))
		wait_for_conversion(e, object, options.include);
	else
		answer(e, object, options.include);
	blob_unref(object);
	return 0;
}
