/* SPDX-License-Identifier: Apache-2.0 */
/* The scale of a custom object: what is at its places, and what may be there. */
#include "api/custom.h"

#include "api/field.h"
#include "codec/json.h"

int64_t custom_scale_spec(const struct kind *kind, yyjson_val *object)
{
	return json_get_int(object, custom_version_of(kind)->scale.spec_replicas, 0);
}

int64_t custom_scale_status(const struct kind *kind, yyjson_val *object)
{
	const char *path = custom_version_of(kind)->scale.status_replicas;

	return path ? json_get_int(object, path, 0) : 0;
}

struct str custom_scale_selector(const struct kind *kind, yyjson_val *object)
{
	const char *path = custom_version_of(kind)->scale.label_selector;

	return path ? json_get_str(object, path) : STR_NONE;
}

/* As Go names what JSON made of it. */
static const char *go_type(yyjson_mut_val *v)
{
	switch (yyjson_mut_get_type(v)) {
	case YYJSON_TYPE_NULL:
		return "<nil>";
	case YYJSON_TYPE_BOOL:
		return "bool";
	case YYJSON_TYPE_STR:
		return "string";
	case YYJSON_TYPE_ARR:
		return "[]interface {}";
	case YYJSON_TYPE_OBJ:
		return "map[string]interface {}";
	default:
		return yyjson_mut_is_real(v) ? "float64" : "int64";
	}
}

/* Called with the dotted path; the field is named with the dot that the definition has in front. */
static const struct field_path *place(struct field_errors *errors, const char *path)
{
	struct field_path *ret = ARENA_NEW(errors->arena, struct field_path);

	ret->name = str_printf_in(errors->arena, ".%s", path).ptr;
	return ret;
}

static struct str wrong_type(struct field_errors *errors, const char *path, yyjson_mut_val *v,
			     const char *expected)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, ERR_MSG_BYTES);
	if (yyjson_mut_is_str(v))
		buf_put_str(&text, json_mut_str(v));
	else if (yyjson_mut_is_null(v))
		buf_put_c(&text, "<nil>");
	else
		json_mut_write(v, &text);
	return str_printf_in(errors->arena,
			     ".%s accessor error: " STR_FMT " is of the type %s, expected %s", path,
			     STR_ARG(buf_str(&text)), go_type(v), expected);
}

static void check_replicas(yyjson_mut_val *root, const char *path, struct field_errors *errors)
{
	yyjson_mut_val *v = path ? json_mut_get(root, path) : NULL;

	if (!v)
		return;
	if (!yyjson_mut_is_int(v))
		field_invalid_int(errors, place(errors, path), 0,
				  wrong_type(errors, path, v, "int64").ptr);
	else if (yyjson_mut_is_sint(v) && yyjson_mut_get_sint(v) < 0)
		field_invalid_int(errors, place(errors, path), yyjson_mut_get_sint(v),
				  "should be a non-negative integer");
	else if (yyjson_mut_get_uint(v) > INT32_MAX)
		field_invalid_int(errors, place(errors, path), (int64_t)yyjson_mut_get_uint(v),
				  "should be less than or equal to 2147483647");
}

void custom_scale_check(const struct kind *kind, yyjson_mut_val *root, bool only_status,
			struct field_errors *errors)
{
	const struct custom_scale *scale = &custom_version_of(kind)->scale;
	yyjson_mut_val *selector;

	if (!only_status)
		check_replicas(root, scale->spec_replicas, errors);
	check_replicas(root, scale->status_replicas, errors);
	selector = scale->label_selector ? json_mut_get(root, scale->label_selector) : NULL;
	if (selector && !yyjson_mut_is_str(selector))
		field_invalid_str(
			errors, place(errors, scale->label_selector), STR_NONE,
			wrong_type(errors, scale->label_selector, selector, "string").ptr);
}
