/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are not about a kind: a table of paths. */
#include "apiserver/documents.h"

#include <stdio.h>
#include <stdlib.h>
#include "api/openapi.h"
#include "api/protobuf.h"
#include "api/version.h"
#include "apiserver/discovery.h"
#include "apiserver/documents_internal.h"
#include "apiserver/exchange.h"
#include "apiserver/limits.h"
#include "apiserver/tokens.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/yaml.h"
#include "loop/env.h"
#include "net/http_gzip.h"

/* One made document: its bytes and what announces them. */
struct api_document {
	struct list link;
	struct str key; /* path and form; heap */
	struct str content_type;
	struct blob *bytes;
	char etag[20];
};

void documents_free(struct apiserver *s)
{
	while (!list_is_empty(&s->documents)) {
		struct api_document *d = LIST_ENTRY(list_first(&s->documents), struct api_document,
						    link);

		list_remove(&d->link);
		mem_free((void *)d->key.ptr);
		blob_unref(d->bytes);
		mem_free(d);
	}
}

/* Documents of another set of kinds are made anew. */
static struct api_document *find_document(struct apiserver *s, struct str key)
{
	uint64_t others = aggregation_generation(s->aggregation);

	if (s->documents_generation != s->registry.kinds.generation ||
	    s->documents_aggregation != others)
		documents_free(s);
	s->documents_generation = s->registry.kinds.generation;
	s->documents_aggregation = others;
	LIST_FOR_EACH (node, &s->documents) {
		struct api_document *d = LIST_ENTRY(node, struct api_document, link);

		if (str_eq(d->key, key))
			return d;
	}
	return NULL;
}

static struct api_document *keep_document(struct apiserver *s, struct str key,
					  struct str content_type, struct buf *text)
{
	struct api_document *d = NEW(struct api_document);

	d->key = str_dup(key);
	d->content_type = content_type;
	d->bytes = blob_new(buf_str(text));
	snprintf(d->etag, sizeof(d->etag), "\"%016llX\"",
		 (unsigned long long)str_hash(buf_str(text)));
	list_push_back(&s->documents, &d->link);
	return d;
}

static int answer_document(struct exchange *e, const struct api_document *d)
{
	struct http_header list[] = {
		HTTP_HEADER(STR("Content-Type"), d->content_type),
		HTTP_HEADER(STR("ETag"), str_from(d->etag)),
		HTTP_HEADER(STR("Vary"), STR("Accept")),
		HTTP_HEADER(STR("Cache-Control"), STR("no-cache, private")),
	};
	struct http_headers headers = { list, ARRAY_COUNT(list) };
	struct http_piece piece = HTTP_BLOB(d->bytes);
	struct str known = http_header_get(&e->x->headers, STR("If-None-Match"));

	list[1].value = str_in(e->arena, list[1].value);
	if (known.len && str_contains(known, str_from(d->etag))) {
		exchange_count(e, 304);
		http_respond(e->x, 304, &headers, NULL, 0);
		return 0;
	}
	exchange_count(e, 200);
	http_respond_gzip_pieces(&e->server->gzip, e->x, 200, &headers, &piece, 1);
	return 0;
}

#define DISCOVERY ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

static const struct str listing_types[] = {
	[ANSWER_JSON] = STR_INIT("application/json"),
	[ANSWER_YAML] = STR_INIT("application/yaml"),
	[ANSWER_PROTOBUF] = STR_INIT("application/vnd.kubernetes.protobuf"),
};

static const struct str aggregated_types[] = {
	[ANSWER_JSON] = STR_INIT("application/json" DISCOVERY),
	[ANSWER_YAML] = STR_INIT("application/yaml" DISCOVERY),
	[ANSWER_PROTOBUF] = STR_INIT("application/vnd.kubernetes.protobuf" DISCOVERY),
};

static int write_listing(const struct exchange *e, struct str json, struct buf *to, struct err *err)
{
	AUTO_JSON doc = json_parse(json, DOCUMENT_BYTES_MAX, err);
	yyjson_val *root = yyjson_doc_get_root(doc);

	if (!doc)
		return -1;
	if (e->format == ANSWER_PROTOBUF)
		return protobuf_encode(root, NULL, to, err);
	if (e->format == ANSWER_YAML)
		yaml_write(root, to);
	else
		json_write_pretty(root, to);
	return 0;
}

/* What is served, in the format that was negotiated. */
static int answer_listing(struct exchange *e, const struct api_document *json,
			  const struct str types[])
{
	struct api_document *d;
	struct err err = { 0 };
	AUTO_BUF text = { 0 };
	struct str key;

	if (e->format == ANSWER_JSON && !e->is_pretty)
		return answer_document(e, json);
	key = str_printf_in(e->arena, STR_FMT " format %d", STR_ARG(json->key), (int)e->format);
	d = find_document(e->server, key);
	if (d)
		return answer_document(e, d);
	buf_init(&text, DOCUMENT_BYTES_MAX);
	if (write_listing(e, blob_str(json->bytes), &text, &err) < 0)
		return refusal_from_err(&e->refusal, &err);
	return answer_document(e, keep_document(e->server, key, types[e->format], &text));
}

static const struct str json_type = STR_INIT("application/json");

/* --- discovery --- */

static struct discovery_view view_of(struct exchange *e)
{
	struct discovery_view view = { .set = &e->server->registry.kinds };
	struct api_group_version *list;

	aggregation_groups(e->server->aggregation, e->arena, &list, &view.count);
	view.list = list;
	return view;
}

/* Where clients reach it; empty when it tells nobody. */
static struct str server_address(struct exchange *e)
{
	const struct bootstrap *b = &e->server->bootstrap;

	if (!b->advertise_address.len)
		return STR("");
	return str_printf_in(e->arena, STR_FMT ":%u", STR_ARG(b->advertise_address),
			     b->secure_port);
}

static int serve_api_roots(struct exchange *e, struct str rest)
{
	bool core = str_eq_c(e->target.path, "/api") || str_eq_c(e->target.path, "/api/");
	bool aggregated = accept_has_discovery(e);
	const struct str *types = aggregated ? aggregated_types : listing_types;
	struct str key = str_printf_in(e->arena, "%s%s", core ? "/api" : "/apis",
				       aggregated ? " aggregated" : "");
	struct api_document *d;
	struct discovery_view view;
	AUTO_BUF text = { 0 };

	if (!aggregated && accept_read(e, ACCEPT_PLAIN) < 0)
		return -1;
	d = find_document(e->server, key);
	if (d)
		return answer_listing(e, d, types);
	view = view_of(e);
	buf_init(&text, DOCUMENT_BYTES_MAX);
	if (aggregated)
		discovery_aggregated(&view, core, &text);
	else if (core)
		discovery_core_versions(server_address(e), &text);
	else
		discovery_groups(&view, &text);
	return answer_listing(e, keep_document(e->server, key, types[ANSWER_JSON], &text), types);
}

/* /api/v1, /apis/<group>, /apis/<group>/<version> */
static int serve_group(struct exchange *e, struct str rest)
{
	struct str group = STR(""), version, path = e->target.path;
	struct discovery_view view;
	struct api_document *d;
	bool found;
	AUTO_BUF text = { 0 };

	(void)str_strip_suffix(&path, STR("/"));
	(void)str_strip_suffix(&rest, STR("/"));
	if (!rest.len)
		return serve_api_roots(e, rest);
	if (accept_read(e, ACCEPT_PLAIN) < 0)
		return -1;
	d = find_document(e->server, path);
	if (d)
		return answer_listing(e, d, listing_types);
	view = view_of(e);
	buf_init(&text, DOCUMENT_BYTES_MAX);
	if (str_has_prefix(path, STR("/api/")))
		found = discovery_resources(&e->server->registry.kinds, group, rest, &text);
	else if (str_cut(rest, '/', &group, &version))
		found = discovery_resources(&e->server->registry.kinds, group, version, &text);
	else
		found = discovery_group(&view, rest, &text);
	if (!found)
		return refusal_no_route(&e->refusal);
	return answer_listing(e, keep_document(e->server, path, json_type, &text), listing_types);
}

/* --- OpenAPI --- */

#define OPENAPI_FORMS 3

/* How clients name a form, and how it is called in the answer. */
struct openapi_form {
	const char *type, *answered;
	bool is_protobuf;
};

static const struct openapi_form openapi_v2_forms[OPENAPI_FORMS] = {
	{ "application/json", "application/json", false },
	{ "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
	  "application/com.github.proto-openapi.spec.v2.v1.0+protobuf", true },
	{ "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
	  "application/com.github.proto-openapi.spec.v2.v1.0+protobuf", true },
};

static const struct openapi_form openapi_v3_forms[OPENAPI_FORMS] = {
	{ "application/json", "application/json", false },
	{ "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
	  "application/com.github.proto-openapi.spec.v3.v1.0+protobuf", true },
	{ "application/com.github.proto-openapi.spec.v3@v1.0+protobuf",
	  "application/com.github.proto-openapi.spec.v3.v1.0+protobuf", true },
};

/* The one of them that the client likes best; refuses when there is none. */
static const struct openapi_form *choose_form(struct exchange *e, const struct openapi_form *forms)
{
	struct str header = http_header_get(&e->x->headers, STR("Accept"));
	struct accept_type t;
	unsigned best = 0;
	const struct openapi_form *form = header.len ? NULL : &forms[0];

	while (accept_next(&header, &t))
		for (size_t i = 0; i < OPENAPI_FORMS; i++) {
			bool any = str_eq_c(t.type, "*/*") || str_eq_c(t.type, "application/*");

			if (t.quality <= best || !(any || str_eq_c(t.type, forms[i].type)))
				continue;
			best = t.quality;
			form = &forms[i];
		}
	if (!form)
		(void)refusal_set(&e->refusal, 406, "NotAcceptable",
				  "only the following media types are accepted: %s, %s",
				  forms[0].type, forms[1].type); /* told by who asked */
	return form;
}

/* The same document in protobuf, made from the one in JSON once. */
static int answer_form(struct exchange *e, const struct api_document *json,
		       const struct openapi_form *form,
		       int (*convert)(struct str json, struct buf *to, struct err *err))
{
	struct str key = str_printf_in(e->arena, STR_FMT " protobuf", STR_ARG(json->key));
	struct api_document *d;
	struct err err = { 0 };
	AUTO_BUF text = { 0 };

	if (!form->is_protobuf)
		return answer_document(e, json);
	d = find_document(e->server, key);
	if (d)
		return answer_document(e, d);
	buf_init(&text, DOCUMENT_BYTES_MAX);
	if (convert(blob_str(json->bytes), &text, &err) < 0)
		return refusal_from_err(&e->refusal, &err);
	return answer_document(e, keep_document(e->server, key, str_from(form->answered), &text));
}

static struct api_document *openapi_v2_json(struct apiserver *s)
{
	struct api_document *d = find_document(s, STR("/openapi/v2"));
	AUTO_BUF text = { 0 };

	if (d)
		return d;
	buf_init(&text, DOCUMENT_BYTES_MAX);
	openapi_v2_write(&s->registry.kinds, &text);
	aggregation_merge_openapi(s->aggregation, true, &text);
	return keep_document(s, STR("/openapi/v2"), json_type, &text);
}

static int serve_openapi_v2(struct exchange *e, struct str rest)
{
	const struct openapi_form *form = choose_form(e, openapi_v2_forms);

	(void)rest; /* the path is whole */
	return form ? answer_form(e, openapi_v2_json(e->server), form, openapi_v2_to_protobuf) : -1;
}

static int serve_openapi_v3_index(struct exchange *e, struct str path)
{
	struct api_document *d = find_document(e->server, path);
	AUTO_BUF text = { 0 };

	if (d)
		return answer_document(e, d);
	buf_init(&text, DOCUMENT_BYTES_MAX);
	openapi_v3_index(&e->server->registry.kinds, &text);
	aggregation_merge_openapi(e->server->aggregation, false, &text);
	return answer_document(e, keep_document(e->server, path, json_type, &text));
}

/* "api/v1", "apis/apps/v1" */
static bool read_group_version(struct str rest, struct str *ret_group, struct str *ret_version)
{
	*ret_group = STR("");
	if (str_strip_prefix(&rest, STR("apis/")))
		return str_cut(rest, '/', ret_group, ret_version);
	*ret_version = rest;
	return str_strip_prefix(ret_version, STR("api/"));
}

static int serve_openapi_v3(struct exchange *e, struct str rest)
{
	struct str path = e->target.path, group, version;
	const struct openapi_form *form;
	struct api_document *d;
	struct err err = { 0 };
	AUTO_BUF text = { 0 };

	(void)str_strip_suffix(&path, STR("/"));
	(void)str_strip_suffix(&rest, STR("/"));
	if (!rest.len)
		return serve_openapi_v3_index(e, path);
	form = choose_form(e, openapi_v3_forms);
	if (!form)
		return -1;
	d = find_document(e->server, path);
	if (d)
		return answer_form(e, d, form, openapi_v3_to_protobuf);
	if (!read_group_version(rest, &group, &version))
		return refusal_no_route(&e->refusal);
	buf_init(&text, DOCUMENT_BYTES_MAX);
	if (openapi_v3_write(&e->server->registry.kinds, group, version, &text, &err) < 0)
		return err.code == ERR_NOT_FOUND ? refusal_no_route(&e->refusal)
						 : refusal_from_err(&e->refusal, &err);
	return answer_form(e, keep_document(e->server, path, json_type, &text), form,
			   openapi_v3_to_protobuf);
}

/* --- version, index --- */

static int serve_version(struct exchange *e, struct str rest)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	AUTO_BUF text = { 0 };

	buf_init(&text, 1u << 16);
	json_set_str(doc, root, "major", STR(KUBERNETES_MAJOR));
	json_set_str(doc, root, "minor", STR(KUBERNETES_MINOR));
	json_set_str(doc, root, "emulationMajor", STR(KUBERNETES_MAJOR));
	json_set_str(doc, root, "emulationMinor", STR(KUBERNETES_MINOR));
	json_set_str(doc, root, "minCompatibilityMajor", STR(KUBERNETES_MAJOR));
	json_set_str(doc, root, "minCompatibilityMinor", STR(KUBERNETES_MINOR_BEFORE));
	json_set_str(doc, root, "gitVersion", e->server->version);
	json_set_str(doc, root, "gitCommit", STR(""));
	json_set_str(doc, root, "gitTreeState", STR("clean"));
	json_set_str(doc, root, "buildDate", STR("1970-01-01T00:00:00Z"));
	json_set_str(doc, root, "goVersion", STR("none"));
	json_set_str(doc, root, "compiler", STR("cc"));
	json_set_str(doc, root, "platform", STR("linux/" GO_ARCHITECTURE));
	json_mut_write_pretty(root, &text);
	exchange_answer_bytes(e, 200, json_type, str_in(e->arena, buf_str(&text)));
	return 0;
}

/* --- issuer discovery --- */

static int serve_issuer(struct exchange *e, struct str type,
			void (*write)(const struct tokens *tokens, struct buf *to))
{
	AUTO_BUF text = { 0 };
	struct http_header list[] = { HTTP_HEADER(STR("Content-Type"), type),
				      HTTP_HEADER(STR("Cache-Control"),
						  STR("public, max-age=3600")) };
	struct http_headers headers = { list, ARRAY_COUNT(list) };
	struct http_piece piece;

	if (!e->server->registry.tokens)
		return refusal_no_route(&e->refusal);
	buf_init(&text, DOCUMENT_BYTES_MAX);
	write(e->server->registry.tokens, &text);
	piece = HTTP_BYTES(str_in(e->arena, buf_str(&text)));
	exchange_count(e, 200);
	http_respond(e->x, 200, &headers, &piece, 1);
	return 0;
}

static int serve_issuer_configuration(struct exchange *e, struct str rest)
{
	(void)rest; /* the path is whole */
	return serve_issuer(e, STR("application/json"), tokens_write_configuration);
}

static int serve_issuer_keys(struct exchange *e, struct str rest)
{
	(void)rest; /* the path is whole */
	return serve_issuer(e, STR("application/jwk-set+json"), tokens_write_keys);
}

static int serve_index(struct exchange *e, struct str rest);

/* Whose turn it is; for includeRequestDetails. */
static void describe(const struct fair_turn *turn, struct fair_request_details *ret)
{
	const struct exchange *e = CONTAINER_OF(turn, struct exchange, turn);
	const struct target *t = &e->target;

	*ret = (struct fair_request_details){ .user = e->user ? e->user->name : STR_NONE,
					      .verb = t->verb,
					      .path = t->path,
					      .namespace_ = t->namespace_,
					      .name = t->name,
					      .resource = t->resource,
					      .subresource = t->subresource };
	if (t->version.len)
		ret->api_version = t->group.len
					   ? str_printf_in(e->arena, STR_FMT "/" STR_FMT,
							   STR_ARG(t->group), STR_ARG(t->version))
					   : t->version;
}

static int serve_fairness(struct exchange *e, struct str rest)
{
	const struct fair_queues *queues = fairness_queues(e->server->fairness);
	AUTO_BUF text = { 0 };

	buf_init(&text, REQUEST_BODY_BYTES_MAX);
	if (str_eq_c(rest, "dump_priority_levels"))
		fair_queues_dump_levels(queues, &text);
	else if (str_eq_c(rest, "dump_queues"))
		fair_queues_dump_queues(queues, &text);
	else if (str_eq_c(rest, "dump_requests"))
		fair_queues_dump_requests(
			queues,
			params_get(&e->target.query, "includeRequestDetails").len ? describe : NULL,
			&text);
	else
		return refusal_no_route(&e->refusal);
	exchange_answer_bytes(e, 200, STR("text/plain; charset=utf-8"),
			      str_in(e->arena, buf_str(&text)));
	return 0;
}

static const struct {
	const char *path; /* with a '/' at the end: and everything below */
	int (*serve)(struct exchange *e, struct str rest);
	bool hidden;	    /* not in the index */
	bool is_any_method; /* its handler sees to that; else what reads */
} paths[] = {
	{ "/", serve_index, .hidden = true },
	{ "/.well-known/openid-configuration", serve_issuer_configuration },
	{ "/api", serve_api_roots },
	{ "/api/", serve_group, .hidden = true },
	{ "/apis", serve_api_roots },
	{ "/apis/", serve_group, .hidden = true },
	{ "/debug/api_priority_and_fairness/", serve_fairness, .hidden = true },
	{ "/debug/flags", debug_serve_flags, .hidden = true, .is_any_method = true },
	{ "/debug/flags/", debug_serve_flags, .hidden = true, .is_any_method = true },
	{ "/debug/pprof", debug_serve_profiles, .hidden = true },
	{ "/debug/pprof/", debug_serve_profiles, .hidden = true },
	{ "/flagz", debug_serve_started },
	{ "/healthz", health_serve },
	{ "/healthz/", health_serve, .hidden = true },
	{ "/livez", health_serve },
	{ "/livez/", health_serve, .hidden = true },
	{ "/metrics", metrics_serve },
	{ "/metrics/slis", health_serve_levels },
	{ "/openid/v1/jwks", serve_issuer_keys },
	{ "/openapi/v2", serve_openapi_v2 },
	{ "/openapi/v3", serve_openapi_v3 },
	{ "/openapi/v3/", serve_openapi_v3, .hidden = true },
	{ "/readyz", health_serve },
	{ "/readyz/", health_serve, .hidden = true },
	{ "/statusz", debug_serve_status },
	{ "/version", serve_version },
	{ "/version/", serve_version, .hidden = true },
};

const char *document_next_path(size_t *cursor)
{
	while (*cursor < ARRAY_COUNT(paths)) {
		size_t i = (*cursor)++;

		if (!paths[i].hidden)
			return paths[i].path;
	}
	return NULL;
}

struct path_list {
	struct exchange *e;
	struct str *items;
	size_t count;
};

static void add_path(struct path_list *list, const char *path)
{
	if (list->count == INDEX_PATHS_MAX)
		return; /* of hundreds of custom groups: an index is for reading */
	list->items[list->count++] = str_in(list->e->arena, str_from(path));
}

static int compare_paths(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Each group, and each of its versions. */
static void add_groups(struct path_list *list)
{
	const struct kind_set *set = &list->e->server->registry.kinds;
	char text[KIND_TEXT_BYTES];

	for (size_t i = 0; i < set->group_count; i++) {
		const struct kind_group *g = &set->groups[i];

		if (!g->enabled)
			continue;
		snprintf(text, sizeof(text), "/apis/" STR_FMT, STR_ARG(g->group));
		if (g->group.len && g->preferred)
			add_path(list, text);
		snprintf(text, sizeof(text),
			 g->group.len ? "/apis/" STR_FMT "/" STR_FMT : "/api" STR_FMT "/" STR_FMT,
			 STR_ARG(g->group), STR_ARG(g->version));
		add_path(list, text);
	}
}

static int serve_index(struct exchange *e, struct str rest)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *paths_ = json_set_array(doc, yyjson_mut_doc_get_root(doc), "paths");
	struct path_list list = { .e = e };
	char text[KIND_TEXT_BYTES];
	size_t cursor = 0;
	const char *path;
	AUTO_BUF out = { 0 };

	if (rest.len)
		return refusal_no_route(&e->refusal);
	list.items = arena_array(e->arena, INDEX_PATHS_MAX, sizeof(list.items[0]));
	while ((path = document_next_path(&cursor)))
		add_path(&list, path);
	cursor = 0;
	while (health_next_path(e->server, &cursor, text, sizeof(text)))
		add_path(&list, text);
	add_groups(&list);
	qsort(list.items, list.count, sizeof(list.items[0]), compare_paths);
	for (size_t i = 0; i < list.count; i++)
		json_append_str(doc, paths_, list.items[i]);
	buf_init(&out, 1u << 20);
	json_mut_write_pretty(yyjson_mut_doc_get_root(doc), &out);
	exchange_answer_bytes(e, 200, json_type, str_in(e->arena, buf_str(&out)));
	return 0;
}

int documents_serve(struct exchange *e)
{
	struct str path = e->target.path;
	bool reads = str_eq_c(e->target.method, "GET") || str_eq_c(e->target.method, "HEAD");

	for (size_t i = ARRAY_COUNT(paths); i-- > 0;) {
		struct str row = str_from(paths[i].path), rest = path;
		bool below = row.ptr[row.len - 1] == '/';

		if (!(below ? str_strip_prefix(&rest, row) : str_eq(path, row)))
			continue;
		if (!below)
			rest = STR_NONE;
		if (!reads && !paths[i].is_any_method)
			return refusal_method_not_allowed(&e->refusal);
		return paths[i].serve(e, rest);
	}
	return refusal_no_route(&e->refusal);
}
