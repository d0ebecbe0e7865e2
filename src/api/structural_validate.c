/* SPDX-License-Identifier: Apache-2.0 */
/* Values against a structural schema, worded as kube-openapi does. */
#include <math.h>
#include "api/limits.h"
#include "api/structural_internal.h"
#include "cel/rules.h"
#include "codec/json.h"
#include "codec/json_index.h"
#include "codec/regex.h"

#define PATTERN_STEPS_MAX 10000000u

static void validate(yyjson_mut_val *v, yyjson_val *old, yyjson_val *schema,
		     const struct field_path *path, struct field_errors *errors);

static const char *path_text(struct field_errors *e, const struct field_path *path)
{
	return field_path_in(e->arena, path).ptr;
}

/* `<path> in body <what>` with the value in front. */
static void invalid(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
		    struct str what)
{
	struct str text = str_printf_in(e->arena, "%s in body " STR_FMT, path_text(e, path),
					STR_ARG(what));

	field_invalid_val(e, path, v, text.ptr);
}

/* --- types --- */

static const char *type_of(yyjson_mut_val *v)
{
	double number;

	switch (yyjson_mut_get_type(v)) {
	case YYJSON_TYPE_NULL:
		return "null";
	case YYJSON_TYPE_BOOL:
		return "boolean";
	case YYJSON_TYPE_NUM:
		number = yyjson_mut_get_num(v);
		return yyjson_mut_is_real(v) && number != floor(number) ? "number" : "integer";
	case YYJSON_TYPE_STR:
		return "string";
	case YYJSON_TYPE_ARR:
		return "array";
	default:
		return "object";
	}
}

static bool is_of_type(yyjson_mut_val *v, yyjson_val *schema)
{
	struct str want = json_str(yyjson_obj_get(schema, "type"));
	const char *have = type_of(v);

	if (yyjson_mut_is_null(v) && structural_is(schema, "nullable"))
		return true;
	if (structural_is(schema, "x-kubernetes-int-or-string"))
		return strcmp(have, "integer") == 0 || strcmp(have, "string") == 0;
	if (!want.len || str_eq_c(want, have))
		return true;
	return str_eq_c(want, "number") && strcmp(have, "integer") == 0;
}

static void wrong_type(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
		       yyjson_val *schema)
{
	struct str want = structural_is(schema, "x-kubernetes-int-or-string")
				  ? STR("integer,string")
				  : json_str(yyjson_obj_get(schema, "type"));
	struct str text = str_printf_in(e->arena, "%s in body must be of type " STR_FMT ": \"%s\"",
					path_text(e, path), STR_ARG(want), type_of(v));

	field_error_add(e, FIELD_TYPE_INVALID, path, "\"%s\": " STR_FMT, type_of(v), STR_ARG(text));
}

/* --- scalars --- */

static void check_number(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			 yyjson_val *schema)
{
	yyjson_val *min = yyjson_obj_get(schema, "minimum"),
		   *max = yyjson_obj_get(schema, "maximum"),
		   *of = yyjson_obj_get(schema, "multipleOf");
	double number = yyjson_mut_get_num(v), quotient;
	bool above = structural_is(schema, "exclusiveMinimum");
	bool below = structural_is(schema, "exclusiveMaximum");

	if (min && (above ? number <= yyjson_get_num(min) : number < yyjson_get_num(min)))
		invalid(e, path, v,
			str_printf_in(e->arena, "should be greater than %s%.15g",
				      above ? "" : "or equal to ", yyjson_get_num(min)));
	if (max && (below ? number >= yyjson_get_num(max) : number > yyjson_get_num(max)))
		invalid(e, path, v,
			str_printf_in(e->arena, "should be less than %s%.15g",
				      below ? "" : "or equal to ", yyjson_get_num(max)));
	if (!of || yyjson_get_num(of) <= 0)
		return;
	quotient = number / yyjson_get_num(of);
	if (quotient != floor(quotient))
		invalid(e, path, v,
			str_printf_in(e->arena, "should be a multiple of %.15g",
				      yyjson_get_num(of)));
}

static bool is_int32(yyjson_mut_val *v)
{
	double number = yyjson_mut_get_num(v);

	return number >= INT32_MIN && number <= INT32_MAX;
}

static void check_format(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			 yyjson_val *schema)
{
	struct str format = json_str(yyjson_obj_get(schema, "format"));
	bool ok = true;

	if (yyjson_mut_is_num(v))
		ok = !str_eq_c(format, "int32") || is_int32(v);
	if (yyjson_mut_is_str(v))
		ok = structural_format_is(format, json_mut_str(v));
	if (!ok)
		invalid(e, path, v,
			str_printf_in(e->arena, "must be of type " STR_FMT ": \"" STR_FMT "\"",
				      STR_ARG(format), STR_ARG(json_mut_str(v))));
}

static void check_pattern(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			  struct str pattern)
{
	struct regex_search search = { .scratch = e->arena, .steps_max = PATTERN_STEPS_MAX };
	const struct regex *regex = regex_compile(e->arena, pattern, NULL);

	if (regex && regex_matches(regex, json_mut_str(v), &search) == REGEX_FOUND)
		return;
	invalid(e, path, v,
		str_printf_in(e->arena, "should match '" STR_FMT "'", STR_ARG(pattern)));
}

/* Code points: every byte that does not go on with one. */
static int64_t length_of(struct str s)
{
	int64_t count = 0;

	for (size_t i = 0; i < s.len; i++)
		count += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return count;
}

static void check_string(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			 yyjson_val *schema)
{
	int64_t length = length_of(json_mut_str(v));
	int64_t min = json_get_int(schema, "minLength", 0);
	int64_t max = json_get_int(schema, "maxLength", INT64_MAX);
	struct str pattern = json_str(yyjson_obj_get(schema, "pattern"));

	if (length > max)
		field_too_long(e, path, (size_t)max);
	if (length < min)
		invalid(e, path, v,
			str_printf_in(e->arena, "should be at least %lld chars long",
				      (long long)min));
	if (pattern.len)
		check_pattern(e, path, v, pattern);
}

static bool is_in_enum(yyjson_mut_val *v, yyjson_val *list)
{
	JSON_EACH (item, list)
		if (json_mixed_equal(v, item))
			return true;
	return false;
}

static void check_enum(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
		       yyjson_val *list)
{
	AUTO_BUF text = { 0 };
	size_t i = 0;

	if (!list || is_in_enum(v, list))
		return;
	buf_init(&text, 64u << 10);
	json_mut_write(v, &text);
	buf_put_c(&text, ": supported values: ");
	JSON_EACH (item, list) {
		buf_put_c(&text, i++ ? ", " : "");
		if (yyjson_is_str(item)) {
			json_write(item, &text);
		} else {
			buf_put_char(&text, '"');
			json_write(item, &text);
			buf_put_char(&text, '"');
		}
	}
	field_error_add(e, FIELD_UNSUPPORTED, path, "" STR_FMT, STR_ARG(buf_str(&text)));
}

/* --- lists and objects --- */

static void check_count(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			yyjson_val *schema)
{
	bool is_list = yyjson_mut_is_arr(v);
	int64_t count = (int64_t)unsafe_yyjson_get_len(v);
	int64_t min = json_get_int(schema, is_list ? "minItems" : "minProperties", 0);
	int64_t max = json_get_int(schema, is_list ? "maxItems" : "maxProperties", INT64_MAX);

	if (count < min)
		invalid(e, path, v,
			str_printf_in(e->arena, "should have at least %lld %s", (long long)min,
				      is_list ? "items" : "properties"));
	if (count > max)
		field_too_many(e, path, (size_t)count, (size_t)max);
}

/* What tells an element of a list from the others, as text: the values of its keys, or all of it.
 */
static struct str identity_of(yyjson_mut_val *item, yyjson_val *keys, struct arena *arena)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	JSON_EACH (key, keys) {
		yyjson_mut_val *value = json_mut_key(item, json_str(key));

		if (value)
			json_mut_write(value, &text);
		buf_put_char(&text, ',');
	}
	if (!keys)
		json_mut_write(item, &text);
	return str_in(arena, buf_str(&text));
}

static struct str old_identity_of(yyjson_val *item, yyjson_val *keys, struct arena *arena)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	JSON_EACH (key, keys) {
		yyjson_val *value = json_key(item, json_str(key));

		if (value)
			json_write(value, &text);
		buf_put_char(&text, ',');
	}
	return str_in(arena, buf_str(&text));
}

static void report_again(struct field_errors *e, const struct field_path *path,
			 yyjson_mut_val *item, yyjson_val *keys)
{
	AUTO_JSON_MUT doc = json_new();
	yyjson_mut_val *identity = yyjson_mut_obj(doc);

	JSON_EACH (key, keys) {
		yyjson_mut_val *value = json_mut_key(item, json_str(key));

		if (value)
			json_put(doc, identity, json_str(key), json_mut_copy(doc, value));
	}
	field_duplicate_val(e, path, keys ? identity : item);
}

/* Long lists come from strangers: looked up, not compared one by one. */
static void check_unique(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			 yyjson_val *keys)
{
	AUTO_JSON_INDEX index = { .slots = NULL };
	size_t i = 0;

	json_index_init(&index, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (item, v) {
		const struct field_path *here = FIELD_INDEX(path, i++);

		if (keys && !yyjson_mut_is_obj(item))
			continue; /* told of elsewhere */
		if (json_index_add(&index, identity_of(item, keys, e->arena), item))
			report_again(e, here, item, keys);
	}
}

/* Elements of a list map are compared with the old ones of the same keys, others with none. */
static void check_items(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			yyjson_val *old, yyjson_val *schema)
{
	struct str type = json_str(yyjson_obj_get(schema, "x-kubernetes-list-type"));
	yyjson_val *keys = str_eq_c(type, "map")
				   ? yyjson_obj_get(schema, "x-kubernetes-list-map-keys")
				   : NULL;
	AUTO_JSON_INDEX index = { .slots = NULL };
	bool correlates = keys && old;
	size_t i = 0;

	json_index_init(&index, correlates ? yyjson_arr_size(old) : 0);
	if (correlates)
		JSON_EACH (item, old)
			(void)json_index_add(&index, old_identity_of(item, keys, e->arena),
					     item); /* of two the first counts */
	JSON_MUT_EACH (item, v) {
		yyjson_val *before = NULL;

		if (correlates)
			before = json_index_get(&index, identity_of(item, keys, e->arena));
		validate(item, before, yyjson_obj_get(schema, "items"), FIELD_INDEX(path, i), e);
		i++;
	}
}

static void check_list(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
		       yyjson_val *old, yyjson_val *schema)
{
	struct str type = json_str(yyjson_obj_get(schema, "x-kubernetes-list-type"));
	yyjson_val *keys = NULL;

	if (str_eq_c(type, "map"))
		keys = yyjson_obj_get(schema, "x-kubernetes-list-map-keys");
	if (keys || str_eq_c(type, "set"))
		check_unique(e, path, v, keys);
	if (yyjson_obj_get(schema, "items"))
		check_items(e, path, v, old, schema);
}

static void check_object(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			 yyjson_val *old, yyjson_val *schema)
{
	JSON_EACH (name, yyjson_obj_get(schema, "required"))
		if (!json_mut_key(v, json_str(name)))
			field_required(e, FIELD_NAME(path, str_in(e->arena, json_str(name)).ptr), "");
	JSON_MUT_MEMBERS (key, value, v) {
		struct str name = json_mut_str(key);
		yyjson_val *member = structural_member(schema, name);

		if (member)
			validate(value, json_key(old, name), member, FIELD_NAME(path, name.ptr), e);
	}
}

/* --- junctors --- */

static size_t count_valid(yyjson_mut_val *v, yyjson_val *list, const struct field_path *path,
			  struct arena *arena)
{
	size_t count = 0;

	JSON_EACH (schema, list) {
		struct field_errors probe;

		field_errors_init(&probe, arena);
		validate(v, NULL, schema, path, &probe);
		count += probe.count == 0;
	}
	return count;
}

static void refuse_junctor(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			   const char *what)
{
	field_invalid_val(e, path, v,
			  str_printf_in(e->arena, "\"%s\" %s", path_text(e, path), what).ptr);
}

static void check_junctors(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			   yyjson_val *schema)
{
	yyjson_val *any = yyjson_obj_get(schema, "anyOf"), *one = yyjson_obj_get(schema, "oneOf"),
		   *not = yyjson_obj_get(schema, "not");
	struct field_errors probe;
	size_t count;

	if (any && !count_valid(v, any, path, e->arena))
		refuse_junctor(e, path, v, "must validate at least one schema (anyOf)");
	count = one ? count_valid(v, one, path, e->arena) : 1;
	if (!count)
		refuse_junctor(e, path, v,
			       "must validate one and only one schema (oneOf). Found none valid");
	if (count > 1)
		refuse_junctor(e, path, v,
			       str_printf_in(e->arena,
					     "must validate one and only one schema (oneOf). "
					     "Found %zu valid alternatives",
					     count)
				       .ptr);
	JSON_EACH (part, yyjson_obj_get(schema, "allOf"))
		validate(v, NULL, part, path, e);
	if (!not )
		return;
	field_errors_init(&probe, e->arena);
	validate(v, NULL, not, path, &probe);
	if (!probe.count)
		refuse_junctor(e, path, v, "must not validate the schema (not)");
}

static void validate(yyjson_mut_val *v, yyjson_val *old, yyjson_val *schema,
		     const struct field_path *path, struct field_errors *errors)
{
	if (!schema || (old && json_mixed_equal(v, old)))
		return;
	if (!is_of_type(v, schema)) {
		wrong_type(errors, path, v, schema);
		return;
	}
	if (yyjson_mut_is_null(v))
		return;
	check_enum(errors, path, v, yyjson_obj_get(schema, "enum"));
	if (yyjson_obj_get(schema, "format"))
		check_format(errors, path, v, schema);
	if (yyjson_mut_is_num(v))
		check_number(errors, path, v, schema);
	if (yyjson_mut_is_str(v))
		check_string(errors, path, v, schema);
	if (yyjson_mut_is_ctn(v))
		check_count(errors, path, v, schema);
	if (yyjson_mut_is_arr(v))
		check_list(errors, path, v, old, schema);
	if (yyjson_mut_is_obj(v))
		check_object(errors, path, v, old, schema);
	check_junctors(errors, path, v, schema);
}

void structural_report(struct field_errors *errors, const struct field_path *path,
		       const struct cel_problem *problem)
{
	struct str below = problem->path;
	const char *detail = str_c_in(errors->arena, problem->detail);
	struct field_path inside = { .parent = path };
	const struct field_path *here = path;

	(void)str_strip_prefix(&below, STR(".")); /* paths in schemas have one */
	inside.name = below.len ? str_c_in(errors->arena, below) : "<nil>";
	if (below.len || !path)
		here = &inside;
	switch (problem->reason) {
	case CEL_REASON_REQUIRED:
		field_required(errors, here, detail);
		break;
	case CEL_REASON_FORBIDDEN:
		field_forbidden(errors, here, detail);
		break;
	case CEL_REASON_DUPLICATE:
		if (problem->is_bare || problem->has_no_value)
			field_error_add(errors, FIELD_DUPLICATE, here, STR_FMT,
					STR_ARG(problem->value));
		else
			field_duplicate_str(errors, here, problem->value);
		break;
	case CEL_REASON_INVALID:
		if (problem->has_no_value)
			field_error_add(errors, FIELD_INVALID, here, "%s", detail);
		else if (problem->is_bare)
			field_error_add(errors, FIELD_INVALID, here, STR_FMT ": %s",
					STR_ARG(problem->value), detail);
		else
			field_invalid_str(errors, here, problem->value, detail);
		break;
	}
}

void structural_validate(yyjson_mut_val *v, yyjson_val *old, yyjson_val *schema,
			 struct field_errors *errors)
{
	validate(v, old, schema, NULL, errors);
}

void structural_validate_at(yyjson_mut_val *v, yyjson_val *schema, const struct field_path *path,
			    struct field_errors *errors)
{
	validate(v, NULL, schema, path, errors);
}
