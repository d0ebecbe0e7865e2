/* SPDX-License-Identifier: Apache-2.0 */
/* Objects inside of objects (x-kubernetes-embedded-resource): they have a type and metadata. */
#include "api/structural.h"

#include "api/meta.h"
#include "codec/json.h"
#include "codec/name.h"

static void check_version(yyjson_mut_val *v, const struct field_path *path,
			  struct field_errors *errors)
{
	struct str text = json_mut_str(v), group, version;

	if (!v)
		field_required(errors, path, "");
	else if (!yyjson_mut_is_str(v))
		field_invalid_val(errors, path, v, "must be a string");
	else if (!text.len)
		field_invalid_str(errors, path, text, "must not be empty");
	else if (str_cut(text, '/', &group, &version) && str_contains(version, STR("/")))
		field_invalid_str(errors, path, text,
				  str_printf_in(errors->arena,
						"unexpected GroupVersion string: " STR_FMT,
						STR_ARG(text))
					  .ptr);
}

static void check_kind(yyjson_mut_val *v, const struct field_path *path,
		       struct field_errors *errors)
{
	struct str text = json_mut_str(v);
	const char *problem;
	char *lower;

	if (!v) {
		field_required(errors, path, "");
		return;
	}
	if (!yyjson_mut_is_str(v)) {
		field_invalid_val(errors, path, v, "must be a string");
		return;
	}
	if (!text.len) {
		field_invalid_str(errors, path, text, "must not be empty");
		return;
	}
	lower = arena_alloc(errors->arena, text.len);
	for (size_t i = 0; i < text.len; i++)
		lower[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] | 0x20)
								    : text.ptr[i];
	problem = name_problems_in(errors->arena, name_label1035_problem(str_sub(lower, text.len)),
				   ",");
	if (problem)
		field_invalid_str(
			errors, path, text,
			str_printf_in(errors->arena,
				      "may have mixed case, but should otherwise match: %s",
				      problem)
				.ptr);
}

static void check_metadata(yyjson_mut_val *v, const struct field_path *path,
			   struct field_errors *errors)
{
	if (v && !yyjson_mut_is_obj(v) && !yyjson_mut_is_null(v))
		field_invalid_val(errors, path, v, "must be an object");
	else if (v)
		meta_validate_embedded(v, path, errors);
}

static bool has_resource(yyjson_val *schema)
{
	yyjson_val *items = yyjson_obj_get(schema, "items"),
		   *additional = yyjson_obj_get(schema, "additionalProperties");

	return structural_is(schema, "x-kubernetes-embedded-resource") || items ||
	       yyjson_is_obj(additional) || yyjson_obj_get(schema, "properties");
}

void structural_validate_resources(yyjson_mut_val *v, yyjson_val *schema,
				   const struct field_path *path, struct field_errors *errors)
{
	yyjson_val *items = yyjson_obj_get(schema, "items");
	size_t index = 0;

	if (!schema || !has_resource(schema))
		return;
	if (yyjson_mut_is_obj(v) && structural_is(schema, "x-kubernetes-embedded-resource")) {
		check_version(yyjson_mut_obj_get(v, "apiVersion"), FIELD_NAME(path, "apiVersion"),
			      errors);
		check_kind(yyjson_mut_obj_get(v, "kind"), FIELD_NAME(path, "kind"), errors);
		check_metadata(yyjson_mut_obj_get(v, "metadata"), FIELD_NAME(path, "metadata"),
			       errors);
	}
	JSON_MUT_MEMBERS (key, value, v) {
		yyjson_val *member = yyjson_mut_is_ctn(value)
					     ? structural_member(schema, json_mut_str(key))
					     : NULL;

		structural_validate_resources(value, member,
					      FIELD_NAME(path, json_mut_str(key).ptr), errors);
	}
	if (items && yyjson_mut_is_arr(v))
		JSON_MUT_EACH (item, v)
			structural_validate_resources(item, items, FIELD_INDEX(path, index++),
						      errors);
}
