/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked once is kept: the operation runs again for each answer that a webhook gives. */
#include "apiserver/owner_versions.h"

#include "api/convert.h"
#include "api/kind_set.h"
#include "apiserver/conversion.h"
#include "apiserver/limits.h"
#include "apiserver/operation.h"
#include "apiserver/registry.h"

/* One conversion: of from, into a version. */
struct owner_view {
	struct operation *op;
	struct str api_version;
	yyjson_doc *from;
	struct conversion *conversion; /* under way */
	yyjson_doc *doc;	       /* what came of it, or */
	struct blob *blob;	       /* by a webhook, or */
	struct err err;
	struct owner_view *next;
};

void owner_versions_drop(struct operation *op)
{
	for (struct owner_view *view = op->owner_views; view; view = view->next) {
		conversion_free(view->conversion);
		json_free(view->from);
		json_free(view->doc);
		blob_unref(view->blob);
	}
	op->owner_views = NULL;
}

bool owner_versions_is_asking(const struct operation *op)
{
	return op->owner_views && op->owner_views->conversion;
}

/* NULL: unknown. */
static const struct kind *kind_in(struct operation *op, struct str api_version)
{
	const struct custom_version *custom = custom_version_of(op->kind);
	size_t slash = str_find_char(api_version, '/', 0);

	for (size_t i = 0; custom && i < custom->resource->version_count; i++)
		if (str_eq(custom->resource->versions[i].kind.api_version, api_version))
			return &custom->resource->versions[i].kind;
	if (custom)
		return NULL;
	if (slash == SIZE_MAX)
		return kind_set_find_name(&op->registry->kinds, STR_NONE, api_version,
					  op->kind->name);
	return kind_set_find_name(&op->registry->kinds, str_sub(api_version.ptr, slash),
				  str_sub(api_version.ptr + slash + 1, api_version.len - slash - 1),
				  op->kind->name);
}

static void on_converted(void *arg, struct conversion *conversion, const struct err *err)
{
	struct owner_view *view = arg;

	view->conversion = NULL;
	if (err)
		view->err = *err;
	else
		view->blob = blob_ref(conversion_result(conversion, 0));
	conversion_free(conversion);
	operation_resume(view->op);
}

/* Without saying who owns what: that is not converted. */
static yyjson_mut_doc *bare(yyjson_val *object)
{
	yyjson_mut_doc *doc = json_thaw(object);
	yyjson_mut_val *metadata = json_mut_get(yyjson_mut_doc_get_root(doc), "metadata");

	if (metadata)
		(void)json_remove(metadata, STR("managedFields")); /* the doc owns it */
	return doc;
}

static int ask(struct owner_view *view, const struct kind *to, yyjson_mut_doc *doc)
{
	AUTO_BLOB object = json_mut_to_blob(yyjson_mut_doc_get_root(doc));

	view->conversion = conversion_start(view->op->registry, to, &object, 1, on_converted, view);
	return -1;
}

static int convert_now(struct owner_view *view, struct str from, const struct kind *to)
{
	struct operation *op = view->op;
	AUTO_JSON_MUT doc = bare(yyjson_doc_get_root(view->from));

	if (op->kind->flags & KIND_CUSTOM && conversion_has_webhook(op->kind))
		return ask(view, to, doc);
	if (convert_object(doc, kind_in(op, from), to, &view->err) < 0)
		return -1;
	view->doc = json_freeze(yyjson_mut_doc_get_root(doc));
	return 0;
}

static int take_view(const struct owner_view *view, const struct kind *to, struct versioned *ret,
		     struct err *err)
{
	if (view->err.code)
		return err_set(err, view->err.code, "%s", view->err.msg);
	*ret = (struct versioned){ view->api_version, to->schema,
				   view->blob ? obj_get(view->blob)->root
					      : yyjson_doc_get_root(view->doc) };
	return 0;
}

static int find_view(struct operation *op, struct versioned from, const struct kind *to,
		     struct versioned *ret, struct err *err)
{
	AUTO_JSON_MUT copy = NULL;
	struct owner_view *view;
	size_t count = 0;

	for (view = op->owner_views; view; view = view->next, count++)
		if (str_eq(view->api_version, to->api_version) &&
		    json_equal(yyjson_doc_get_root(view->from), from.object))
			return take_view(view, to, ret, err);
	if (count == OWNER_VIEWS_MAX)
		return err_set(err, ERR_TOO_MANY,
			       "owners of fields wrote in more versions than can be converted");
	view = ARENA_NEW(op->arena, struct owner_view);
	view->op = op;
	view->api_version = str_in(op->arena, to->api_version);
	copy = json_thaw(from.object);
	view->from = json_freeze(yyjson_mut_doc_get_root(copy));
	view->next = op->owner_views;
	op->owner_views = view;
	if (convert_now(view, from.api_version, to) < 0 && view->conversion)
		return err_set(err, ERR_UNAVAILABLE, "the webhook has not answered yet");
	return take_view(view, to, ret, err);
}

static int convert(void *arg, struct versioned from, struct str api_version, struct versioned *ret,
		   struct err *err)
{
	struct operation *op = arg;
	const struct kind *to = kind_in(op, api_version);

	*ret = (struct versioned){ .object = NULL };
	if (to)
		return find_view(op, from, to, ret, err);
	if (op->kind->flags & KIND_CUSTOM)
		return err_set(err, ERR_INTERNAL,
			       "request to convert CR to an invalid group/version: " STR_FMT,
			       STR_ARG(api_version));
	return 0;
}

const struct version_converter *owner_versions_converter(struct operation *op)
{
	struct version_converter *converter = ARENA_NEW(op->arena, struct version_converter);

	*converter = (struct version_converter){ convert, op };
	return converter;
}
