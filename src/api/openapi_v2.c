/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas of custom kinds as OpenAPI v2 can say them. */
#include "api/openapi_internal.h"
#include "codec/json_index.h"

static bool says(yyjson_mut_val *schema, const char *key)
{
	return yyjson_mut_get_bool(yyjson_mut_obj_get(schema, key));
}

static bool is_type(yyjson_mut_val *schema, const char *type)
{
	return yyjson_mut_equals_str(yyjson_mut_obj_get(schema, "type"), type);
}

/* A field that may be null has no type in version 2, and what has no type cannot be required. */
static void drop_required(yyjson_mut_val *schema)
{
	yyjson_mut_val *required = yyjson_mut_obj_get(schema, "required"), *name;
	yyjson_mut_val *properties = yyjson_mut_obj_get(schema, "properties");
	yyjson_mut_arr_iter iter = yyjson_mut_arr_iter_with(required);
	AUTO_JSON_INDEX nullable = { .slots = NULL };

	json_index_init(&nullable, 0);
	if (required)
		JSON_MUT_MEMBERS (key, member, properties)
			if (says(member, "nullable"))
				(void)json_index_add(&nullable, json_mut_str(key), member);
	while ((name = yyjson_mut_arr_iter_next(&iter)))
		if (json_index_get(&nullable, json_mut_str(name)))
			(void)yyjson_mut_arr_iter_remove(&iter); /* the doc owns it */
	if (says(yyjson_mut_obj_get(schema, "additionalProperties"), "nullable") ||
	    (required && !yyjson_mut_arr_size(required)))
		(void)json_remove(schema, STR("required"));
}

void openapi_strip_v2(yyjson_mut_val *schema)
{
	static const char *const unknown[] = { "anyOf", "oneOf", "not", "allOf" };
	bool nullable = says(schema, "nullable");
	bool preserves = says(schema, "x-kubernetes-preserve-unknown-fields");
	yyjson_mut_val *part;

	drop_required(schema);
	for (size_t i = 0; i < ARRAY_COUNT(unknown); i++)
		(void)json_remove(schema, str_from(unknown[i])); /* the doc owns it */
	(void)json_remove(schema, STR("nullable"));
	if (nullable || preserves) {
		(void)json_remove(schema, STR("items"));
		(void)json_remove(schema, STR("properties"));
	}
	part = yyjson_mut_obj_get(schema, "items");
	if (nullable || (preserves && is_type(schema, "object")) ||
	    (!part && is_type(schema, "array")))
		(void)json_remove(schema, STR("type"));
	if (yyjson_mut_is_obj(part))
		openapi_strip_v2(part);
	JSON_MUT_MEMBERS (key, member, yyjson_mut_obj_get(schema, "properties"))
		openapi_strip_v2(member);
	part = yyjson_mut_obj_get(schema, "additionalProperties");
	if (yyjson_mut_is_obj(part))
		openapi_strip_v2(part);
}
