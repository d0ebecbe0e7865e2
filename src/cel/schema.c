/* SPDX-License-Identifier: Apache-2.0 */
/* Structural schema → type. Depth is that of the schema's JSON, which is bounded. */
#include <stdlib.h>

#include "base/num.h"
#include "cel/cel_internal.h"
#include "codec/json_index.h"
#include "cel/schema.h"

#define STRING_BYTES_MIN 2
#define BOOL_BYTES_MIN 4
#define NUMBER_BYTES_MIN 1
#define DATE_BYTES 12
#define DATETIME_BYTES_MIN 21
#define DATETIME_BYTES_MAX 32
#define DURATION_BYTES_MIN 3
#define DURATION_BYTES_MAX 32
#define OPEN_BYTES_MAX \
	(CEL_REQUEST_BYTES_MAX - 2) /* a value without a limit, without its quotes or brackets */

static const struct cel_type *simple(struct arena *arena, yyjson_val *schema,
				     const struct cel_type *like, uint64_t size_max,
				     uint64_t bytes_min)
{
	struct cel_type *type = ARENA_NEW(arena, struct cel_type);

	*type = *like;
	type->size_max = size_max;
	type->bytes_min = bytes_min;
	return type;
}

/* A limit of the schema; fallback when there is none. */
static uint64_t limit(yyjson_val *schema, const char *name, uint64_t fallback)
{
	yyjson_val *v = json_get(schema, name);
	int64_t value = json_int(v, 0);

	return !v ? fallback : value < 0 ? 0 : (uint64_t)value;
}

/* Code points are up to four bytes, and upstream counts bytes. */
static uint64_t text_limit(yyjson_val *schema)
{
	return json_get(schema, "maxLength") ? cel_cost_times(limit(schema, "maxLength", 0), 4)
					     : OPEN_BYTES_MAX;
}

static uint64_t longest_value(yyjson_val *values)
{
	uint64_t longest = 0;

	JSON_EACH (value, values)
		longest = NUM_MAX(longest, (uint64_t)json_str(value).len);
	return longest;
}

static const struct cel_type *formatted(struct arena *arena, yyjson_val *schema,
					const struct cel_type *like, uint64_t size_max,
					uint64_t bytes_min)
{
	struct cel_type *type = ARENA_NEW(arena, struct cel_type);

	*type = *simple(arena, schema, like, size_max, bytes_min);
	type->from_string = true;
	return type;
}

static const struct cel_type *string_type(struct arena *arena, yyjson_val *schema)
{
	struct str format = json_get_str(schema, "format");
	yyjson_val *values = json_get(schema, "enum");

	if (str_eq_c(format, "byte"))
		return formatted(arena, schema, &cel_type_bytes,
				 limit(schema, "maxLength", OPEN_BYTES_MAX), STRING_BYTES_MIN);
	if (str_eq_c(format, "duration"))
		return formatted(arena, schema, &cel_type_duration, DURATION_BYTES_MAX,
				 DURATION_BYTES_MIN);
	if (str_eq_c(format, "date"))
		return formatted(arena, schema, &cel_type_timestamp, DATE_BYTES, DATE_BYTES);
	if (str_eq_c(format, "date-time"))
		return formatted(arena, schema, &cel_type_timestamp, DATETIME_BYTES_MAX,
				 DATETIME_BYTES_MIN);
	if (!json_get(schema, "maxLength") && yyjson_arr_size(values) > 0)
		return simple(arena, schema, &cel_type_string, longest_value(values),
			      STRING_BYTES_MIN);
	return simple(arena, schema, &cel_type_string, text_limit(schema), STRING_BYTES_MIN);
}

static const struct cel_type *list_type(struct arena *arena, yyjson_val *schema)
{
	yyjson_val *items = json_get(schema, "items");
	const struct cel_type *element =
		items ? cel_schema_type(
				arena, items,
				json_bool(json_key(items, STR("x-kubernetes-embedded-resource")),
					  false))
		      : NULL;
	struct str kind = json_str(json_key(schema, STR("x-kubernetes-list-type")));
	yyjson_val *keys = json_key(schema, STR("x-kubernetes-list-map-keys"));
	struct cel_type *type;
	struct str *names;

	if (!element)
		return NULL;
	type = ARENA_NEW(arena, struct cel_type);
	*type = (struct cel_type){
		.kind = CEL_LIST,
		.element = element,
		.size_max = limit(schema, "maxItems", OPEN_BYTES_MAX / (element->bytes_min + 1)),
		.bytes_min = 2,
	};
	if (str_eq_c(kind, "set"))
		type->list_type = CEL_LIST_SET;
	if (!str_eq_c(kind, "map") || yyjson_arr_size(keys) == 0)
		return type;
	type->list_type = CEL_LIST_MAP;
	names = arena_array(arena, yyjson_arr_size(keys), sizeof(*names));
	JSON_EACH (key, keys)
		names[type->list_key_count++] = json_str(key);
	type->list_keys = names;
	return type;
}

static const struct cel_type *map_type(struct arena *arena, yyjson_val *schema, yyjson_val *values)
{
	bool embedded = json_bool(json_key(values, STR("x-kubernetes-embedded-resource")), false);
	const struct cel_type *element = cel_schema_type(arena, values, embedded);
	struct cel_type *type;

	if (!element)
		return NULL;
	type = ARENA_NEW(arena, struct cel_type);
	*type = (struct cel_type){
		.kind = CEL_MAP,
		.key = simple(arena, NULL, &cel_type_string, 0, STRING_BYTES_MIN),
		.element = element,
		.size_max = limit(schema, "maxProperties",
				  OPEN_BYTES_MAX / (element->bytes_min + 6)),
		.bytes_min = 2,
	};
	return type;
}

/* ---- objects ---- */

struct fields {
	struct cel_field *items;
	size_t count;
};

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const struct cel_field *)a)->name, ((const struct cel_field *)b)->name);
}

static const struct cel_field *find_field(const struct cel_type *object, struct str name)
{
	const struct fields *fields = object->source;
	size_t low = 0;
	size_t high = fields->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int cmp = str_cmp(name, fields->items[middle].name);

		if (cmp == 0)
			return &fields->items[middle];
		if (cmp < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static const struct cel_fields field_table = { .find = find_field };

static void add_field(struct arena *arena, struct fields *fields, struct str json_name,
		      const struct cel_type *type)
{
	struct str name;

	if (cel_escape(arena, json_name, &name))
		fields->items[fields->count++] = (struct cel_field){ name, json_name, type };
}

static const struct cel_type *object_of(struct arena *arena, yyjson_val *schema,
					const struct fields *fields, uint64_t bytes_min)
{
	struct cel_type *type = ARENA_NEW(arena, struct cel_type);

	qsort(fields->items, fields->count, sizeof(*fields->items), by_name);
	*type = (struct cel_type){
		.kind = CEL_OBJECT,
		.name = STR("object"),
		.fields = &field_table,
		.source = fields,
		.size_max = 0, /* as upstream: only lists, maps and texts have a size */
		.bytes_min = bytes_min,
	};
	return type;
}

/* What every resource has. */
static void add_resource_fields(struct arena *arena, struct fields *fields)
{
	const struct cel_type *text = simple(arena, NULL, &cel_type_string, OPEN_BYTES_MAX,
					     STRING_BYTES_MIN);
	struct fields *metadata = ARENA_NEW(arena, struct fields);

	metadata->items = arena_array(arena, 2, sizeof(*metadata->items));
	add_field(arena, metadata, STR("name"), text);
	add_field(arena, metadata, STR("generateName"), text);
	add_field(arena, fields, STR("kind"), text);
	add_field(arena, fields, STR("apiVersion"), text);
	add_field(arena, fields, STR("metadata"), object_of(arena, NULL, metadata, 2));
}

static bool has_type(yyjson_val *properties, const char *name, const char *type)
{
	return str_eq_c(json_get_str(json_get(properties, name), "type"), type);
}

/* A schema that has all that every resource has, and maybe more of it, is taken at its word. */
static bool describes_resource(yyjson_val *properties)
{
	yyjson_val *metadata = json_get(json_get(properties, "metadata"), "properties");

	return has_type(properties, "kind", "string") &&
	       has_type(properties, "apiVersion", "string") &&
	       has_type(properties, "metadata", "object") && has_type(metadata, "name", "string") &&
	       has_type(metadata, "generateName", "string");
}

static const struct cel_type *object_type(struct arena *arena, yyjson_val *schema, bool is_resource)
{
	yyjson_val *properties = json_get(schema, "properties");
	yyjson_val *additional = json_get(schema, "additionalProperties");
	yyjson_val *required = json_get(schema, "required");
	AUTO_JSON_INDEX wanted = { .slots = NULL };
	struct fields *fields;
	uint64_t bytes_min = 2;

	if (yyjson_is_obj(additional) && !is_resource)
		return map_type(arena, schema, additional);
	is_resource = is_resource && !describes_resource(properties);
	fields = ARENA_NEW(arena, struct fields);
	fields->items = arena_array(arena, yyjson_obj_size(properties) + 3, sizeof(*fields->items));
	json_index_init(&wanted, yyjson_arr_size(required));
	JSON_EACH (name, required)
		(void)json_index_add(&wanted, json_str(name), name); /* twice is once */
	JSON_MEMBERS (key, property, properties) {
		struct str name = json_str(key);
		bool embedded = json_bool(json_key(property, STR("x-kubernetes-embedded-resource")),
					  false);
		const struct cel_type *type;

		if (is_resource && (str_eq_c(name, "kind") || str_eq_c(name, "apiVersion") ||
				    str_eq_c(name, "metadata")))
			continue;
		type = cel_schema_type(arena, property, embedded);
		if (!type)
			continue;
		add_field(arena, fields, name, type);
		if (json_index_get(&wanted, name) && !json_get(property, "default"))
			bytes_min += name.len + type->bytes_min + 4;
	}
	if (is_resource)
		add_resource_fields(arena, fields);
	return object_of(arena, schema, fields, bytes_min);
}

const struct cel_type *cel_schema_type(struct arena *arena, yyjson_val *schema, bool is_resource)
{
	struct str type = json_get_str(schema, "type");

	if (cel_arena_is_full(arena))
		return NULL; /* whoever compiles rules says so */
	if (json_bool(json_key(schema, STR("x-kubernetes-int-or-string")), false))
		return simple(arena, schema, &cel_type_dyn, text_limit(schema), NUMBER_BYTES_MIN);
	if (is_resource || str_eq_c(type, "object"))
		return object_type(arena, schema, is_resource);
	if (str_eq_c(type, "array"))
		return list_type(arena, schema);
	if (str_eq_c(type, "string"))
		return string_type(arena, schema);
	if (str_eq_c(type, "boolean"))
		return simple(arena, schema, &cel_type_bool, 0, BOOL_BYTES_MIN);
	if (str_eq_c(type, "number"))
		return simple(arena, schema, &cel_type_double, 0, NUMBER_BYTES_MIN);
	if (str_eq_c(type, "integer"))
		return simple(arena, schema, &cel_type_int, 0, NUMBER_BYTES_MIN);
	return NULL;
}
