/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI documents: info, the paths of each kind with their operations, and the types these lead
 * to. kubectl reads from the paths which query parameters and patch types a kind supports.
 */
#include "api/openapi.h"

#include "api/openapi_internal.h"
#include "api/version.h"
#include "base/mem.h"

#define PATH_BYTES_MAX 512

enum scope { AT_ALL, AT_COLLECTION, AT_ITEM };

static const struct operation {
	const char *method, *action, *word; /* the first one of operationId */
	uint16_t verb;
	enum scope scope;
	bool has_body, writes;
} operations[] = {
	{ "get", "list", "list", VERB_LIST, AT_ALL, false, false },
	{ "get", "list", "list", VERB_LIST, AT_COLLECTION, false, false },
	{ "post", "post", "create", VERB_CREATE, AT_COLLECTION, true, true },
	{ "delete", "deletecollection", "delete", VERB_DELETECOLLECTION, AT_COLLECTION, false,
	  false },
	{ "get", "get", "read", VERB_GET, AT_ITEM, false, false },
	{ "put", "put", "replace", VERB_UPDATE, AT_ITEM, true, true },
	{ "patch", "patch", "patch", VERB_PATCH, AT_ITEM, true, true },
	{ "delete", "delete", "delete", VERB_DELETE, AT_ITEM, false, false },
};

static const char *const patch_types[] = { "application/apply-patch+yaml",
					   "application/json-patch+json",
					   "application/merge-patch+json",
					   "application/strategic-merge-patch+json" };

static void put_parameter(struct openapi *o, yyjson_mut_val *list, const char *name, const char *in,
			  const char *type)
{
	yyjson_mut_val *at = json_append_object(o->doc, list);

	json_set_str(o->doc, at, "name", str_from(name));
	json_set_str(o->doc, at, "in", str_from(in));
	if (strcmp(in, "path") == 0)
		json_set_bool(o->doc, at, "required", true);
	json_set_bool(o->doc, at, "uniqueItems", true);
	json_set_str(o->doc, o->v3 ? json_set_object(o->doc, at, "schema") : at, "type",
		     str_from(type));
}

static void put_body_parameter(struct openapi *o, yyjson_mut_val *list,
			       const struct operation *operation, const struct kind *kind)
{
	yyjson_mut_val *at = json_append_object(o->doc, list), *schema;

	json_set_str(o->doc, at, "name", STR("body"));
	json_set_str(o->doc, at, "in", STR("body"));
	json_set_bool(o->doc, at, "required", true);
	schema = json_set_object(o->doc, at, "schema");
	if (operation->verb == VERB_PATCH)
		openapi_ref_name(o, schema, "meta/v1.Patch");
	else
		openapi_ref(o, schema, kind->schema);
}

static void put_parameters(struct openapi *o, yyjson_mut_val *at, const struct operation *operation,
			   const struct kind *kind)
{
	yyjson_mut_val *list = json_set_array(o->doc, at, "parameters");

	if (operation->verb == VERB_LIST || operation->verb == VERB_DELETECOLLECTION) {
		put_parameter(o, list, "labelSelector", "query", "string");
		put_parameter(o, list, "fieldSelector", "query", "string");
		put_parameter(o, list, "limit", "query", "integer");
		put_parameter(o, list, "continue", "query", "string");
		put_parameter(o, list, "resourceVersion", "query", "string");
		put_parameter(o, list, "resourceVersionMatch", "query", "string");
	}
	if (operation->verb == VERB_LIST) {
		put_parameter(o, list, "watch", "query", "boolean");
		put_parameter(o, list, "allowWatchBookmarks", "query", "boolean");
		put_parameter(o, list, "sendInitialEvents", "query", "boolean");
		put_parameter(o, list, "timeoutSeconds", "query", "integer");
	}
	if (operation->writes || operation->verb == VERB_DELETE ||
	    operation->verb == VERB_DELETECOLLECTION)
		put_parameter(o, list, "dryRun", "query", "string");
	if (operation->writes) {
		put_parameter(o, list, "fieldManager", "query", "string");
		put_parameter(o, list, "fieldValidation", "query", "string");
	}
	if (operation->verb == VERB_PATCH)
		put_parameter(o, list, "force", "query", "boolean");
	if (operation->has_body && !o->v3)
		put_body_parameter(o, list, operation, kind);
}

static void put_media(struct openapi *o, yyjson_mut_val *content, const char *media,
		      struct schema_at type)
{
	yyjson_mut_val *at = json_set_object(o->doc, content, media);

	openapi_ref(o, json_set_object(o->doc, at, "schema"), type);
}

static void put_body(struct openapi *o, yyjson_mut_val *at, const struct operation *operation,
		     struct schema_at type)
{
	yyjson_mut_val *body, *content, *list;

	if (!o->v3) {
		list = json_set_array(o->doc, at, "consumes");
		for (size_t i = 0; operation->verb == VERB_PATCH && i < ARRAY_COUNT(patch_types);
		     i++)
			json_append_str(o->doc, list, str_from(patch_types[i]));
		if (operation->verb != VERB_PATCH)
			json_append_str(o->doc, list, STR("*/*"));
		return;
	}
	body = json_set_object(o->doc, at, "requestBody");
	content = json_set_object(o->doc, body, "content");
	if (operation->verb == VERB_PATCH) {
		for (size_t i = 0; i < ARRAY_COUNT(patch_types); i++)
			openapi_ref_name(
				o,
				json_set_object(o->doc,
						json_set_object(o->doc, content, patch_types[i]),
						"schema"),
				"meta/v1.Patch");
	} else {
		put_media(o, content, "*/*", type);
	}
	json_set_bool(o->doc, body, "required", true);
}

static void put_answers(struct openapi *o, yyjson_mut_val *at, struct schema_at type)
{
	yyjson_mut_val *answers = json_set_object(o->doc, at, "responses");
	yyjson_mut_val *ok = json_set_object(o->doc, answers, "200");

	json_set_str(o->doc, ok, "description", STR("OK"));
	if (o->v3)
		put_media(o, json_set_object(o->doc, ok, "content"), "application/json", type);
	else
		openapi_ref(o, json_set_object(o->doc, ok, "schema"), type);
	json_set_str(o->doc, json_set_object(o->doc, answers, "401"), "description",
		     STR("Unauthorized"));
}

/* What an operation answers with: a list for list, Status for deletes, else the object. */
static struct schema_at answer_type(const struct kind *kind, const struct operation *operation)
{
	struct schema_at status = schema_find(STR("meta/v1.Status"));
	struct schema_at list = { .set = NULL };

	if (operation->verb == VERB_DELETE || operation->verb == VERB_DELETECOLLECTION)
		return status.type ? status : kind->schema;
	if (operation->verb == VERB_LIST) {
		struct str name = schema_str(kind->schema.set, kind->schema.type->name);
		struct buf text;

		buf_init(&text, PATH_BYTES_MAX);
		buf_printf(&text, STR_FMT "List", STR_ARG(name));
		list = schema_find(buf_str(&text));
		buf_deinit(&text);
	}
	return list.type ? list : kind->schema;
}

/* "rbac.authorization.k8s.io" as "RbacAuthorization", "" as "Core". */
static void put_group_words(struct str group, struct buf *to)
{
	struct str part;

	if (!group.len)
		group = STR("core");
	(void)str_strip_suffix(&group, STR(".k8s.io")); /* others keep all of it */
	while (str_next_part(&group, '.', &part)) {
		if (!part.len)
			continue;
		buf_put_char(to, part.ptr[0] >= 'a' && part.ptr[0] <= 'z' ? (char)(part.ptr[0] - 32)
									  : part.ptr[0]);
		buf_put_str(to, str_slice(part, 1, part.len));
	}
}

/* What generators of clients call it, and which of their classes it belongs to. */
static void put_name(struct openapi *o, yyjson_mut_val *at, const struct kind *kind,
		     const struct operation *operation)
{
	AUTO_BUF name = { 0 }, tag = { 0 };

	buf_init(&name, PATH_BYTES_MAX);
	buf_init(&tag, PATH_BYTES_MAX);
	buf_put_c(&name, operation->word);
	put_group_words(kind->group, &name);
	put_group_words(kind->version, &name);
	if (operation->verb == VERB_DELETECOLLECTION)
		buf_put_c(&name, "Collection");
	if (kind_is_namespaced(kind) && operation->scope != AT_ALL)
		buf_put_c(&name, "Namespaced");
	buf_put_str(&name, kind->name);
	if (operation->scope == AT_ALL)
		buf_put_c(&name, "ForAllNamespaces");
	json_set_str(o->doc, at, "operationId", buf_str(&name));
	put_group_words(kind->group, &tag);
	tag.ptr[0] = (char)(tag.ptr[0] >= 'A' && tag.ptr[0] <= 'Z' ? tag.ptr[0] + 32 : tag.ptr[0]);
	buf_printf(&tag, "_" STR_FMT, STR_ARG(kind->version));
	json_append_str(o->doc, json_set_array(o->doc, at, "tags"), buf_str(&tag));
}

static void put_operation(struct openapi *o, yyjson_mut_val *path, const struct kind *kind,
			  const struct operation *operation)
{
	yyjson_mut_val *at = json_set_object(o->doc, path, operation->method);

	put_name(o, at, kind, operation);
	put_parameters(o, at, operation, kind);
	if (operation->has_body)
		put_body(o, at, operation, kind->schema);
	put_answers(o, at, answer_type(kind, operation));
	json_set_str(o->doc, at, "x-kubernetes-action", str_from(operation->action));
	openapi_put_gvk(o, json_set_object(o->doc, at, "x-kubernetes-group-version-kind"),
			kind->group, kind->version, kind->name);
}

static void path_of(const struct kind *kind, enum scope scope, struct buf *to)
{
	if (str_is_empty(kind->group))
		buf_printf(to, "/api/" STR_FMT, STR_ARG(kind->version));
	else
		buf_printf(to, "/apis/" STR_FMT "/" STR_FMT, STR_ARG(kind->group),
			   STR_ARG(kind->version));
	if (kind_is_namespaced(kind) && scope != AT_ALL)
		buf_put_c(to, "/namespaces/{namespace}");
	buf_printf(to, "/" STR_FMT, STR_ARG(kind->plural));
	if (scope == AT_ITEM)
		buf_put_c(to, "/{name}");
}

static void put_path(struct openapi *o, yyjson_mut_val *paths, const struct kind *kind,
		     enum scope scope)
{
	yyjson_mut_val *path = NULL, *list;
	struct buf text;

	buf_init(&text, PATH_BYTES_MAX);
	path_of(kind, scope, &text);
	for (size_t i = 0; i < ARRAY_COUNT(operations); i++) {
		if (operations[i].scope != scope || !(kind->verbs & operations[i].verb))
			continue;
		if (!path) {
			path = yyjson_mut_obj(o->doc);
			json_put(o->doc, paths, buf_str(&text), path);
		}
		put_operation(o, path, kind, &operations[i]);
	}
	buf_deinit(&text);
	if (!path)
		return;
	list = json_set_array(o->doc, path, "parameters");
	if (scope == AT_ITEM)
		put_parameter(o, list, "name", "path", "string");
	if (kind_is_namespaced(kind) && scope != AT_ALL)
		put_parameter(o, list, "namespace", "path", "string");
	put_parameter(o, list, "pretty", "query", "string");
}

static void put_paths(struct openapi *o, yyjson_mut_val *paths, const struct kind *kind)
{
	if (kind_is_namespaced(kind))
		put_path(o, paths, kind, AT_ALL);
	put_path(o, paths, kind, AT_COLLECTION);
	put_path(o, paths, kind, AT_ITEM);
}

static void put_described(struct openapi *o, yyjson_mut_val *properties, const char *name,
			  const char *description)
{
	yyjson_mut_val *property = json_set_object(o->doc, properties, name);

	json_set_str(o->doc, property, "description", str_from(description));
	json_set_str(o->doc, property, "type", STR("string"));
}

/* The definition's own schema with what every object has. */
static yyjson_mut_val *custom_schema(struct openapi *o, yyjson_val *source)
{
	yyjson_mut_val *schema, *properties, *metadata;

	/* Whoever reads version 2 would refuse all fields that it does not name. */
	if (!o->v3 && json_get_bool(source, "x-kubernetes-preserve-unknown-fields", false))
		source = NULL;
	schema = source ? json_copy(o->doc, source) : yyjson_mut_obj(o->doc);
	if (source && !o->v3)
		openapi_strip_v2(schema);
	json_set_str(o->doc, schema, "type", STR("object"));
	if (!source)
		return schema;
	properties = json_ensure_object(o->doc, schema, "properties");
	/* `kubectl explain` shows them; upstream's conformance tests look for the first's begin */
	put_described(o, properties, "apiVersion",
		      "APIVersion defines the group and version of this representation.");
	put_described(o, properties, "kind", "The kind of this object.");
	metadata = json_set_object(o->doc, properties, "metadata");
	json_set_str(o->doc, metadata, "description", STR("Standard object's metadata."));
	/* in version 3 nothing may stand beside a reference */
	openapi_ref_name(o,
			 o->v3 ? json_append_object(o->doc, json_set_array(o->doc, metadata, "allOf"))
			       : metadata,
			 "meta/v1.ObjectMeta");
	return schema;
}

static void put_selectable(struct openapi *o, yyjson_mut_val *schema, const struct kind *kind)
{
	yyjson_mut_val *list = NULL;

	for (size_t i = 0; kind->selectable_fields && kind->selectable_fields[i]; i++) {
		if (!list)
			list = json_set_array(o->doc, schema, "x-kubernetes-selectable-fields");
		json_set_str(o->doc, json_append_object(o->doc, list), "fieldPath",
			     str_from(kind->selectable_fields[i]));
	}
}

static void put_custom(struct openapi *o, const struct kind *kind)
{
	yyjson_mut_val *schema = custom_schema(o, custom_version_of(kind)->schema);

	openapi_put_gvk(
		o,
		json_append_object(
			o->doc, json_set_array(o->doc, schema, "x-kubernetes-group-version-kind")),
		kind->group, kind->version, kind->name);
	put_selectable(o, schema, kind);
	json_put(o->doc, o->schemas, schema_str(kind->schema.set, kind->schema.type->full_name),
		 schema);
}

static void put_kind(struct openapi *o, yyjson_mut_val *paths, const struct kind *kind)
{
	put_paths(o, paths, kind);
	if (kind->flags & KIND_CUSTOM)
		put_custom(o, kind);
	else
		openapi_ref(o, yyjson_mut_obj(o->doc), kind->schema);
}

static bool is_of(const struct kind *kind, struct str group, struct str version)
{
	return !(kind->flags & KIND_UNSERVED) && str_eq(kind->group, group) &&
	       str_eq(kind->version, version);
}

static void open_document(struct openapi *o, bool v3)
{
	yyjson_mut_val *root;

	*o = (struct openapi){ .doc = json_new_object(), .v3 = v3 };
	o->seen = mem_calloc(schema_builtin.type_count, sizeof(*o->seen));
	o->queue = mem_calloc(schema_builtin.type_count, sizeof(*o->queue));
	root = yyjson_mut_doc_get_root(o->doc);
	json_set_str(o->doc, root, v3 ? "openapi" : "swagger", v3 ? STR("3.0.0") : STR("2.0"));
	json_set_path_str(o->doc, root, "info.title", STR("Kubernetes"));
	json_set_path_str(o->doc, root, "info.version", STR(KUBERNETES_VERSION));
	o->schemas = v3 ? json_set_object(o->doc, json_set_object(o->doc, root, "components"),
					  "schemas")
			: json_set_object(o->doc, root, "definitions");
}

static void close_document(struct openapi *o, struct buf *to)
{
	openapi_write_types(o);
	json_mut_write(yyjson_mut_doc_get_root(o->doc), to);
	json_mut_free(o->doc);
	mem_free(o->seen);
	mem_free(o->queue);
}

int openapi_v3_write(const struct kind_set *set, struct str group, struct str version,
		     struct buf *to, struct err *err)
{
	yyjson_mut_val *paths;
	struct openapi o;
	bool found = false;

	for (size_t i = 0; i < set->kind_count && !found; i++)
		found = is_of(set->kinds[i], group, version);
	if (!found)
		return err_set(err, ERR_NOT_FOUND,
			       "no OpenAPI document of group \"" STR_FMT "\" version \"" STR_FMT
			       "\"",
			       STR_ARG(group), STR_ARG(version));
	open_document(&o, true);
	paths = json_set_object(o.doc, yyjson_mut_doc_get_root(o.doc), "paths");
	for (size_t i = 0; i < set->kind_count; i++) {
		if (!is_of(set->kinds[i], group, version))
			continue;
		put_kind(&o, paths, set->kinds[i]);
	}
	close_document(&o, to);
	return 0;
}

void openapi_v2_write(const struct kind_set *set, struct buf *to)
{
	yyjson_mut_val *paths;
	struct openapi o;

	open_document(&o, false);
	paths = json_set_object(o.doc, yyjson_mut_doc_get_root(o.doc), "paths");
	for (size_t i = 0; i < set->kind_count; i++) {
		if (set->kinds[i]->flags & (KIND_UNSERVED | KIND_OFF_BY_DEFAULT))
			continue;
		put_kind(&o, paths, set->kinds[i]);
	}
	close_document(&o, to);
}

/* The built-in tables are constant: their sizes identify the documents. Custom kinds are known by
 * their definition and its generation. */
static uint64_t openapi_v3_hash(const struct kind_set *set, struct str group, struct str version)
{
	uint64_t hash = str_hash(group) * 31 + str_hash(version);

	for (size_t i = 0; i < set->kind_count; i++) {
		const struct schema_type *type = set->kinds[i]->schema.type;

		const struct custom_version *custom = custom_version_of(set->kinds[i]);

		if (is_of(set->kinds[i], group, version) && custom)
			hash = hash * 31 + (str_hash(custom->resource->definition->uid) ^
					    (uint64_t)custom->resource->definition->generation);
		if (is_of(set->kinds[i], group, version))
			hash = hash * 1099511628211ULL ^ str_hash(set->kinds[i]->name) ^
			       type->field_count ^
			       ((uint64_t)schema_builtin.field_count << 32 |
				schema_builtin.type_count);
	}
	return hash;
}

void openapi_v3_index(const struct kind_set *set, struct buf *to)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *paths = json_set_object(doc, yyjson_mut_doc_get_root(doc), "paths");

	for (size_t i = 0; i < set->group_count; i++) {
		const struct kind_group *g = &set->groups[i];
		yyjson_mut_val *at;
		struct buf path, url;

		if (!g->enabled)
			continue;
		buf_init(&path, PATH_BYTES_MAX);
		buf_init(&url, PATH_BYTES_MAX);
		if (str_is_empty(g->group))
			buf_printf(&path, "api/" STR_FMT, STR_ARG(g->version));
		else
			buf_printf(&path, "apis/" STR_FMT "/" STR_FMT, STR_ARG(g->group),
				   STR_ARG(g->version));
		buf_printf(&url, "/openapi/v3/" STR_FMT "?hash=%016llX", STR_ARG(buf_str(&path)),
			   (unsigned long long)openapi_v3_hash(set, g->group, g->version));
		at = yyjson_mut_obj(doc);
		json_put(doc, paths, buf_str(&path), at);
		json_set_str(doc, at, "serverRelativeURL", buf_str(&url));
		buf_deinit(&path);
		buf_deinit(&url);
	}
	json_mut_write(yyjson_mut_doc_get_root(doc), to);
}
