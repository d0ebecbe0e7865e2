/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a request is for: the kind it is about, and the handler that answers it. */
#include "apiserver/aggregation.h"
#include "apiserver/documents.h"
#include "apiserver/exchange.h"
#include "apiserver/registry.h"

/* An answer may go on after its definition is gone. */
static void hold_kind(struct exchange *e)
{
	if (!custom_version_of(e->kind))
		return;
	custom_kind_ref(e->kind);
	e->holds_kind = true;
}

/* Of another server, also where this one has the kind. */
static bool is_aggregated(const struct exchange *e)
{
	const struct target *t = &e->target;
	const struct aggregation *a = e->server->aggregation;

	return t->is_resource ? aggregation_has(a, t->group, t->version)
			      : aggregation_has_path(a, t->path);
}

/* Paths below these are routes of their own, whatever is asked of them. */
static bool is_built_in(const struct target *t)
{
	for (size_t i = 0; i < kind_count; i++)
		if (str_eq(kind_table[i]->group, t->group) &&
		    str_eq(kind_table[i]->version, t->version))
			return true;
	return false;
}

static int answer_no_page(struct exchange *e)
{
	exchange_answer_text(e, 404, STR("404 page not found"));
	return 1;
}

/* A namespace where there is none, or none where one must be. */
static bool is_out_of_scope(const struct exchange *e)
{
	const struct target *t = &e->target;

	if (!kind_is_namespaced(e->kind))
		return t->namespace_.len && !str_eq_c(t->resource, "namespaces");
	if (t->namespace_.len || str_eq_c(t->verb, "list") || target_is_watch(t))
		return false;
	return t->name.len || custom_version_of(e->kind);
}

int route_find_kind(struct exchange *e)
{
	const struct target *t = &e->target;

	if (!t->is_resource || is_aggregated(e))
		return 0;
	e->kind = kind_set_find_plural(&e->server->registry.kinds, t->group, t->version,
				       t->resource);
	hold_kind(e);
	if (!e->kind || e->kind->flags & (KIND_UNSERVED | KIND_OFF_BY_DEFAULT))
		return is_built_in(t) ? refusal_no_route(&e->refusal) : answer_no_page(e);
	if (t->subresource.len) {
		e->subresource = kind_subresource(e->kind, t->subresource);
		if (!e->subresource && custom_version_of(e->kind))
			return refusal_not_found(
				&e->refusal, (struct subject){ t->group, t->resource, t->name });
		if (!e->subresource)
			return refusal_no_route(&e->refusal);
	}
	if (is_out_of_scope(e))
		return custom_version_of(e->kind) ? answer_no_page(e)
						  : refusal_no_route(&e->refusal);
	deprecation_tell(e);
	return 0;
}

/* Where a verb is taken, beyond what its kind allows. */
enum verb_place {
	PLACE_COLLECTION = 1 << 0,    /* not at an object; custom kinds refuse that by its name */
	PLACE_OBJECT = 1 << 1,	      /* not at a collection */
	PLACE_ONE_NAMESPACE = 1 << 2, /* only reading goes over all namespaces */
};

static const struct verb_row {
	const char *verb;
	uint16_t bit;
	unsigned places; /* enum verb_place */
	int (*serve)(struct exchange *e);
} verbs[] = {
	{ "get", VERB_GET, 0, read_get },
	{ "list", VERB_LIST, 0, read_list },
	{ "watch", VERB_WATCH, 0, watch_serve },
	{ "create", VERB_CREATE, PLACE_COLLECTION | PLACE_ONE_NAMESPACE, write_serve },
	{ "update", VERB_UPDATE, PLACE_OBJECT, write_serve },
	{ "patch", VERB_PATCH, PLACE_OBJECT, write_serve },
	{ "delete", VERB_DELETE, 0, write_serve },
	{ "deletecollection", VERB_DELETECOLLECTION, PLACE_ONE_NAMESPACE, write_collection },
};

static const struct verb_row *find_verb(struct str verb)
{
	for (size_t i = 0; i < ARRAY_COUNT(verbs); i++)
		if (str_eq_c(verb, verbs[i].verb))
			return &verbs[i];
	return NULL;
}

static int refuse_verb(struct exchange *e)
{
	const struct target *t = &e->target;

	if (!custom_version_of(e->kind))
		return refusal_method_not_allowed(&e->refusal);
	/* methods that are none of the API's have no verb */
	return refusal_method_not_supported(&e->refusal,
					    (struct subject){ t->group, t->resource, STR("") },
					    find_verb(t->verb) ? t->verb : STR(""));
}

static int refuse_route(struct exchange *e)
{
	return refusal_no_route(&e->refusal);
}

static int serve_verb(struct exchange *e)
{
	const struct target *t = &e->target;
	const struct verb_row *row = find_verb(t->verb);
	uint16_t allowed = e->subresource ? e->subresource->verbs : e->kind->verbs;
	bool is_custom = custom_version_of(e->kind), is_whole = !t->subresource.len;

	if (!row || !(allowed & row->bit))
		return refuse_verb(e);
	if (row->places & PLACE_COLLECTION && is_whole && t->name.len && !is_custom)
		return refuse_verb(e);
	if (row->places & PLACE_OBJECT && !t->name.len)
		return is_custom ? refusal_bad_request(&e->refusal, "name must be provided")
				 : refuse_verb(e);
	if (row->places & PLACE_ONE_NAMESPACE && is_whole && kind_is_namespaced(e->kind) &&
	    !t->namespace_.len)
		return is_custom ? refuse_route(e) : refuse_verb(e);
	return row->serve(e);
}

static bool is_of_other_server(const struct exchange *e)
{
	return !e->kind && is_aggregated(e);
}

static int serve_by_other(struct exchange *e)
{
	return aggregation_serve(e->server->aggregation, e);
}

static bool is_document(const struct exchange *e)
{
	return !e->target.is_resource;
}

/* Another server had it, and went while this waited. */
static bool has_no_kind(const struct exchange *e)
{
	return !e->kind;
}

static bool is_connection(const struct exchange *e)
{
	return e->subresource && target_is_stream(&e->target);
}

/* Kinds that are only asked with have no objects, and so no paths of objects. */
static bool is_no_object(const struct exchange *e)
{
	return e->target.name.len && !e->subresource &&
	       !(e->kind->verbs & (VERB_GET | VERB_UPDATE | VERB_PATCH | VERB_DELETE));
}

/* Upstream: only custom objects have a HEAD. */
static bool is_head(const struct exchange *e)
{
	return e->x->method == HTTP_HEAD && !custom_version_of(e->kind);
}

/* The first that is so serves it; what is none of them is asked of a kind by a verb. */
static const struct {
	bool (*is)(const struct exchange *e);
	int (*serve)(struct exchange *e);
} routes[] = {
	{ is_of_other_server, serve_by_other }, { is_document, documents_serve },
	{ has_no_kind, refuse_route },		{ is_connection, connect_serve },
	{ is_no_object, refuse_route },		{ is_head, refuse_verb },
};

int route_serve(struct exchange *e)
{
	for (size_t i = 0; i < ARRAY_COUNT(routes); i++)
		if (routes[i].is(e))
			return routes[i].serve(e);
	return serve_verb(e);
}
