/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schema tables as JSON Schema, in the dialects of OpenAPI v2 and v3, with the extensions that
 * clients read: patch strategies, list and map types, group-version-kinds.
 */
#include "api/limits.h"
#include "api/openapi_internal.h"

#include "api/schema.h"

static const struct {
	const char *type, *format;
} scalars[SCHEMA_VALUE_COUNT] = {
	[SCHEMA_STRING] = { "string", NULL },	  [SCHEMA_INT32] = { "integer", "int32" },
	[SCHEMA_INT64] = { "integer", "int64" },  [SCHEMA_BOOL] = { "boolean", NULL },
	[SCHEMA_DOUBLE] = { "number", "double" }, [SCHEMA_BYTES] = { "string", "byte" },
	[SCHEMA_DURATION] = { "string", NULL },	  [SCHEMA_RAW] = { "object", NULL },
	[SCHEMA_FIELDSET] = { "object", NULL },
};

/* Values that upstream publishes as types of their own. */
static const struct {
	const char *full_name, *type, *format;
} named[SCHEMA_VALUE_COUNT] = {
	[SCHEMA_TIME] = { "io.k8s.apimachinery.pkg.apis.meta.v1.Time", "string", "date-time" },
	[SCHEMA_MICROTIME] = { "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime", "string",
			       "date-time" },
	[SCHEMA_QUANTITY] = { "io.k8s.apimachinery.pkg.api.resource.Quantity", "string", NULL },
	[SCHEMA_INT_OR_STRING] = { "io.k8s.apimachinery.pkg.util.intstr.IntOrString", "string",
				   "int-or-string" },
};

static void put_ref(struct openapi *o, yyjson_mut_val *at, struct str full_name)
{
	struct buf text;

	buf_init(&text, 1024);
	buf_printf(&text, "%s" STR_FMT, o->v3 ? "#/components/schemas/" : "#/definitions/",
		   STR_ARG(full_name));
	json_set_str(o->doc, at, "$ref", buf_str(&text));
	buf_deinit(&text);
}

void openapi_ref(struct openapi *o, yyjson_mut_val *at, struct schema_at type)
{
	size_t index = (size_t)(type.type - type.set->types);

	/* those of custom kinds are written with their paths */
	if (type.set == &schema_builtin && !o->seen[index]) {
		o->seen[index] = true;
		o->queue[o->queue_count++] = (uint32_t)index;
	}
	put_ref(o, at, schema_str(type.set, type.type->full_name));
}

void openapi_ref_name(struct openapi *o, yyjson_mut_val *at, const char *name)
{
	struct schema_at type = schema_find(str_from(name));

	if (type.type)
		openapi_ref(o, at, type);
}

void openapi_put_gvk(struct openapi *o, yyjson_mut_val *at, struct str group, struct str version,
		     struct str kind)
{
	json_set_str(o->doc, at, "group", group);
	json_set_str(o->doc, at, "kind", kind);
	json_set_str(o->doc, at, "version", version);
}

/* One element: a scalar, a named value or a type. Beside a $ref nothing may stand, so v3 wraps it
 * in allOf. */
static void put_value(struct openapi *o, yyjson_mut_val *at, struct schema_at holder,
		      const struct schema_field *field, bool with_default)
{
	yyjson_mut_val *target = at;
	struct schema_at type;

	if (scalars[field->value].type) {
		json_set_str(o->doc, at, "type", str_from(scalars[field->value].type));
		if (scalars[field->value].format)
			json_set_str(o->doc, at, "format", str_from(scalars[field->value].format));
		return;
	}
	if (field->value != SCHEMA_OBJECT && !named[field->value].full_name)
		return; /* any JSON value: the empty schema */
	if (o->v3)
		target = json_append_object(o->doc, json_set_array(o->doc, at, "allOf"));
	if (field->value != SCHEMA_OBJECT) {
		put_ref(o, target, str_from(named[field->value].full_name));
		return;
	}
	type = schema_ref(holder, field);
	openapi_ref(o, target, type);
	if (o->v3 && with_default && !(field->flags & SCHEMA_POINTER))
		json_set_object(o->doc, at, "default");
}

static void put_list_type(struct openapi *o, yyjson_mut_val *at, struct schema_at holder,
			  const struct schema_field *field)
{
	static const char *const names[] = { [SCHEMA_LIST_ATOMIC] = "atomic",
					     [SCHEMA_LIST_SET] = "set",
					     [SCHEMA_LIST_MAP] = "map" };
	const struct schema_extra *extra = schema_extra(holder, field);
	struct str keys, key;
	yyjson_mut_val *list;

	json_set_str(o->doc, at, "x-kubernetes-list-type", str_from(names[field->list]));
	if (!extra->list_keys)
		return;
	list = json_set_array(o->doc, at, "x-kubernetes-list-map-keys");
	keys = schema_str(holder.set, extra->list_keys);
	while (str_next_part(&keys, ',', &key))
		json_append_str(o->doc, list, key);
}

static void put_patch(struct openapi *o, yyjson_mut_val *at, struct schema_at holder,
		      const struct schema_field *field)
{
	const struct schema_extra *extra = schema_extra(holder, field);
	bool merge = field->flags & SCHEMA_PATCH_MERGE, retain = field->flags & SCHEMA_PATCH_RETAIN;

	if (merge || retain)
		json_set_str(o->doc, at, "x-kubernetes-patch-strategy",
			     merge && retain ? STR("merge,retainKeys")
			     : merge	     ? STR("merge")
					     : STR("retainKeys"));
	if (extra->merge_key)
		json_set_str(o->doc, at, "x-kubernetes-patch-merge-key",
			     schema_str(holder.set, extra->merge_key));
}

static void put_extra(struct openapi *o, yyjson_mut_val *at, struct schema_at holder,
		      const struct schema_field *field)
{
	const struct schema_extra *extra = schema_extra(holder, field);
	struct str values, value;
	yyjson_mut_val *list;
	AUTO_JSON fallback = NULL;

	if (field->flags & SCHEMA_DEFAULT) {
		fallback = json_parse(schema_str(holder.set, extra->default_json),
				      OPENAPI_DEFAULT_BYTES_MAX, NULL);
		if (fallback)
			json_set(o->doc, at, "default",
				 json_copy(o->doc, yyjson_doc_get_root(fallback)));
	}
	/* Closed sets only: the known values of an open string bind nobody. */
	if (!extra->values || !(field->flags & SCHEMA_CLOSED) || field->shape != SCHEMA_ONE)
		return;
	list = json_set_array(o->doc, at, "enum");
	values = schema_str(holder.set, extra->values);
	while (str_next_part(&values, '|', &value))
		json_append_str(o->doc, list, value);
}

static void put_shape(struct openapi *o, yyjson_mut_val *at, struct schema_at holder,
		      const struct schema_field *field)
{
	bool list = field->shape == SCHEMA_LIST || field->shape == SCHEMA_LIST_OF_LISTS;
	bool nested = field->shape == SCHEMA_LIST_OF_LISTS || field->shape == SCHEMA_MAP_OF_LISTS;
	yyjson_mut_val *element;

	if (field->shape == SCHEMA_ONE) {
		put_value(o, at, holder, field, true);
		return;
	}
	json_set_str(o->doc, at, "type", list ? STR("array") : STR("object"));
	element = json_set_object(o->doc, at, list ? "items" : "additionalProperties");
	if (nested) {
		json_set_str(o->doc, element, "type", STR("array"));
		element = json_set_object(o->doc, element, "items");
	}
	put_value(o, element, holder, field, true);
	if (list)
		put_list_type(o, at, holder, field);
	else if (field->flags & SCHEMA_ATOMIC)
		json_set_str(o->doc, at, "x-kubernetes-map-type", STR("atomic"));
}

static void put_field(struct openapi *o, yyjson_mut_val *properties, struct schema_at holder,
		      const struct schema_field *field)
{
	yyjson_mut_val *at = yyjson_mut_obj(o->doc);

	json_put(o->doc, properties, schema_name(holder.set, field), at);
	if (field->doc)
		json_set_str(o->doc, at, "description", schema_str(holder.set, field->doc));
	put_shape(o, at, holder, field);
	put_extra(o, at, holder, field);
	put_patch(o, at, holder, field);
}

static void put_gvk_of_type(struct openapi *o, yyjson_mut_val *at, struct schema_at type)
{
	struct str gvk = schema_str(type.set, type.type->gvk), group, rest, version, kind;
	yyjson_mut_val *list;

	if (!type.type->gvk)
		return;
	(void)str_cut(gvk, '/', &group,
		      &rest); /* "apps/v1/Deployment", "/v1/Pod": three parts always */
	(void)str_cut(rest, '/', &version, &kind);
	if (str_is_empty(kind)) { /* the core group may be left out */
		kind = version;
		version = group;
		group = STR_NONE;
	}
	list = json_set_array(o->doc, at, "x-kubernetes-group-version-kind");
	openapi_put_gvk(o, json_append_object(o->doc, list), group, version, kind);
}

static void write_type(struct openapi *o, struct schema_at type)
{
	const struct schema_field *fields = schema_fields(type);
	yyjson_mut_val *at = yyjson_mut_obj(o->doc), *properties, *required = NULL;

	json_put(o->doc, o->schemas, schema_str(type.set, type.type->full_name), at);
	if (type.type->doc)
		json_set_str(o->doc, at, "description", schema_str(type.set, type.type->doc));
	json_set_str(o->doc, at, "type", STR("object"));
	if (type.type->field_count)
		properties = json_set_object(o->doc, at, "properties");
	for (uint16_t i = 0; i < type.type->field_count; i++) {
		put_field(o, properties, type, &fields[i]);
		if (!(fields[i].flags & SCHEMA_REQUIRED))
			continue;
		if (!required)
			required = json_set_array(o->doc, at, "required");
		json_append_str(o->doc, required, schema_name(type.set, &fields[i]));
	}
	put_gvk_of_type(o, at, type);
	if (type.type->flags & SCHEMA_ATOMIC)
		json_set_str(o->doc, at, "x-kubernetes-map-type", STR("atomic"));
}

static void write_named(struct openapi *o)
{
	for (size_t i = 0; i < SCHEMA_VALUE_COUNT; i++) {
		yyjson_mut_val *at;

		if (!named[i].full_name)
			continue;
		at = yyjson_mut_obj(o->doc);
		json_put(o->doc, o->schemas, str_from(named[i].full_name), at);
		if (!o->v3 || i == SCHEMA_TIME || i == SCHEMA_MICROTIME)
			json_set_str(o->doc, at, "type", str_from(named[i].type));
		if (named[i].format)
			json_set_str(o->doc, at, "format", str_from(named[i].format));
		if (o->v3 && (i == SCHEMA_QUANTITY || i == SCHEMA_INT_OR_STRING)) {
			yyjson_mut_val *either = json_set_array(o->doc, at, "oneOf");

			json_set_str(o->doc, json_append_object(o->doc, either), "type",
				     STR("string"));
			json_set_str(o->doc, json_append_object(o->doc, either), "type",
				     i == SCHEMA_QUANTITY ? STR("number") : STR("integer"));
		}
	}
}

void openapi_write_types(struct openapi *o)
{
	while (o->queue_done < o->queue_count) {
		uint32_t index = o->queue[o->queue_done++];

		write_type(o, (struct schema_at){ &schema_builtin, &schema_builtin.types[index] });
	}
	write_named(o);
}
