/* SPDX-License-Identifier: Apache-2.0 */
/* Values against a structural schema, worded as kube-openapi does. */
#include <float.h>
#include <math.h>

#include "api/limits.h"
#include "api/structural_internal.h"
#include "cel/rules.h"
#include "codec/json.h"
#include "codec/json_index.h"
#include "codec/regex.h"

#define NO_FIELD "<nil>"

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

/* Larger ones are not integers to who reads numbers as floating point. */
#define WHOLE_MAX 9007199254740991.0

static bool is_whole(yyjson_mut_val *v)
{
	double number = yyjson_mut_get_num(v);

	if (!yyjson_mut_is_real(v))
		return !yyjson_mut_is_uint(v) || yyjson_mut_get_uint(v) <= INT64_MAX;
	return number == floor(number) && fabs(number) <= WHOLE_MAX;
}

static const char *type_of(yyjson_mut_val *v)
{

	switch (yyjson_mut_get_type(v)) {
	case YYJSON_TYPE_NULL:
		return "null";
	case YYJSON_TYPE_BOOL:
		return "boolean";
	case YYJSON_TYPE_NUM:
		return is_whole(v) ? "integer" : "number";
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

/* Empty when it is none that the type has. */
static struct str format_of(yyjson_val *schema)
{
	struct str format = json_str(yyjson_obj_get(schema, "format"));

	return structural_format_is_known(json_str(yyjson_obj_get(schema, "type")), format)
		       ? format
		       : STR_NONE;
}

/* Where a format narrows a type, formats are what is told of. */
static void wrong_type(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
		       yyjson_val *schema)
{
	bool is_either = structural_is(schema, "x-kubernetes-int-or-string");
	struct str want = is_either ? STR("integer,string")
				    : json_str(yyjson_obj_get(schema, "type"));
	struct str format = format_of(schema);
	const char *have = type_of(v);
	struct str text;

	if (format.len && !is_either && !yyjson_mut_is_str(v) && !yyjson_mut_is_arr(v)) {
		want = format;
		have = !yyjson_mut_is_num(v) ? "" : is_whole(v) ? "int64" : "float64";
	}
	text = str_printf_in(e->arena, "%s in body must be of type " STR_FMT ": \"%s\"",
			     path_text(e, path), STR_ARG(want), have);
	field_error_add(e, FIELD_TYPE_INVALID, path, "\"%s\": " STR_FMT, have, STR_ARG(text));
}

/* What is said of a value as a whole stands at no field. */
static void refuse(struct field_errors *e, struct str text)
{
	field_invalid_str(e, FIELD_NAME(NULL, NO_FIELD), STR(""), str_c_in(e->arena, text));
}

/* --- scalars --- */

/* Whole numbers are compared as such: what is behind the point of a bound is cut. */
static double bound_of(yyjson_val *bound, bool is_int)
{
	double number = yyjson_get_num(bound);

	return is_int ? trunc(number) : number;
}

static void check_number(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			 yyjson_val *schema)
{
	yyjson_val *min = yyjson_obj_get(schema, "minimum"),
		   *max = yyjson_obj_get(schema, "maximum"),
		   *of = yyjson_obj_get(schema, "multipleOf");
	bool is_int = yyjson_mut_is_int(v);
	double number = yyjson_mut_get_num(v), low = bound_of(min, is_int),
	       high = bound_of(max, is_int), factor = bound_of(of, is_int), quotient;
	bool above = structural_is(schema, "exclusiveMinimum");
	bool below = structural_is(schema, "exclusiveMaximum");

	if (factor < 1) /* 1.0 came as it and is 1 by now */
		factor = yyjson_get_num(of);
	quotient = factor > 0 ? number / factor : 0;
	if (quotient != floor(quotient))
		invalid(e, path, v,
			str_printf_in(e->arena, "should be a multiple of %.15g", factor));
	if (max && (below ? number >= high : number > high))
		invalid(e, path, v,
			str_printf_in(e->arena, "should be less than %s%.15g",
				      below ? "" : "or equal to ", high));
	if (min && (above ? number <= low : number < low))
		invalid(e, path, v,
			str_printf_in(e->arena, "should be greater than %s%.15g",
				      above ? "" : "or equal to ", low));
}

static bool is_in_range(yyjson_mut_val *v, struct str type, struct str format)
{
	double number = yyjson_mut_get_num(v);

	if (!str_eq_c(type, "integer"))
		return !str_eq_c(format, "float") || fabs(number) <= (double)FLT_MAX;
	if (str_eq_c(format, "int32"))
		return is_whole(v) && number >= INT32_MIN && number <= INT32_MAX;
	return is_whole(v);
}

/* Numbers are held to the range of their type, also those that are of another one. */
static void check_range(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			yyjson_val *schema)
{
	struct str type = json_str(yyjson_obj_get(schema, "type"));
	struct str format = format_of(schema);

	if (is_in_range(v, type, format))
		return;
	if (format.len)
		refuse(e, str_printf_in(e->arena,
					"Checked value must be of type " STR_FMT
					" with format " STR_FMT " in %s",
					STR_ARG(type), STR_ARG(format), path_text(e, path)));
	else
		refuse(e, str_printf_in(e->arena,
					"Checked value must be of type " STR_FMT
					" (default format) in %s",
					STR_ARG(type), path_text(e, path)));
}

static void check_format(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			 yyjson_val *schema)
{
	struct str format = format_of(schema);
	AUTO_BUF value = { 0 };

	if (!yyjson_mut_is_str(v) || structural_format_is(format, json_mut_str(v)))
		return;
	buf_init(&value, OBJECT_BYTES_MAX);
	json_mut_write(v, &value);
	field_error_add(e, FIELD_TYPE_INVALID, path,
			STR_FMT ": %s in body must be of type " STR_FMT ": \"" STR_FMT "\"",
			STR_ARG(buf_str(&value)), path_text(e, path), STR_ARG(format),
			STR_ARG(json_mut_str(v)));
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
		if (!yyjson_is_null(item) && json_mixed_equal(v, item))
			return true;
	return false;
}

static void check_enum(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
		       yyjson_val *list)
{
	AUTO_BUF text = { 0 };
	size_t i = 0;

	if (!yyjson_arr_size(list) || is_in_enum(v, list))
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
		field_invalid_int(e, path, count,
				  str_printf_in(e->arena, "%s in body should have at least %lld %s",
						path_text(e, path), (long long)min,
						is_list ? "items" : "properties")
					  .ptr);
	if (count > max)
		field_too_many(e, path, (size_t)count, (size_t)max);
}

struct str structural_identity(yyjson_mut_val *item, yyjson_val *keys, struct arena *arena)
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
			before = json_index_get(&index, structural_identity(item, keys, e->arena));
		validate(item, before, yyjson_obj_get(schema, "items"), FIELD_INDEX(path, i), e);
		i++;
	}
}

static bool is_type(struct str name)
{
	return str_eq_c(name, "kind") || str_eq_c(name, "apiVersion");
}

static void check_required(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			   yyjson_val *required)
{
	AUTO_JSON_INDEX there = { .slots = NULL };

	json_index_init(&there, required ? yyjson_mut_obj_size(v) : 0);
	if (required)
		JSON_MUT_MEMBERS (key, value, v)
			(void)json_index_add(&there, json_mut_str(key), value); /* none twice */
	JSON_EACH (name, required) {
		if (e->truncated) /* who has all of them sent as much */
			return;
		if (!json_index_get(&there, json_str(name)))
			field_required(e, FIELD_NAME(path, str_in(e->arena, json_str(name)).ptr),
				       "");
	}
}

static void check_object(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			 yyjson_val *old, yyjson_val *schema)
{
	AUTO_JSON_INDEX before = { .slots = NULL };

	json_index_init(&before, yyjson_obj_size(old));
	JSON_MEMBERS (key, value, old)
		(void)json_index_add(&before, json_str(key), value); /* of two the first counts */
	JSON_MUT_MEMBERS (key, value, v) {
		struct str name = json_mut_str(key);
		yyjson_val *member = structural_member(e->names, schema, name);
		bool is_fresh = !path && is_type(name);

		/* The old object's type was made the new one's: nobody knows whether it changed. */
		if (member)
			validate(value, is_fresh ? NULL : json_index_get(&before, name), member,
				 FIELD_NAME(path, name.ptr), e);
	}
	check_required(e, path, v, yyjson_obj_get(schema, "required"));
}

/* --- junctors --- */

/* What part of a schema says of v; a value that is of its type comes closer to it. */
struct verdict {
	struct field_errors errors;
	bool is_of_type;
};

static void judge(struct verdict *verdict, yyjson_mut_val *v, yyjson_val *schema,
		  const struct field_path *path, const struct field_errors *e)
{
	field_errors_init(&verdict->errors, e->arena);
	verdict->errors.names = e->names;
	validate(v, NULL, schema, path, &verdict->errors);
	verdict->is_of_type = is_of_type(v, schema);
}

static void add_all(struct field_errors *to, const struct field_errors *from)
{
	for (size_t i = 0; i < from->count; i++)
		field_error_copy(to, &from->items[i]);
}

/* How many parts v fits; of those that it does not fit *ret_best is the closest, of several the
 * first. */
static size_t count_valid(yyjson_mut_val *v, yyjson_val *list, const struct field_path *path,
			  const struct field_errors *e, struct verdict *ret_best)
{
	bool has_best = false;
	size_t count = 0;

	JSON_EACH (schema, list) {
		struct verdict verdict;

		judge(&verdict, v, schema, path, e);
		count += verdict.errors.count == 0;
		if (verdict.errors.count > 0 &&
		    (!has_best || (verdict.is_of_type && !ret_best->is_of_type))) {
			*ret_best = verdict;
			has_best = true;
		}
	}
	return count;
}

static void refuse_junctor(struct field_errors *e, const struct field_path *path, const char *what)
{
	refuse(e, str_printf_in(e->arena, "\"%s\" %s", path_text(e, path), what));
}

static void check_any(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
		      yyjson_val *list)
{
	struct verdict best;

	if (!yyjson_arr_size(list) || count_valid(v, list, path, e, &best))
		return;
	refuse_junctor(e, path, "must validate at least one schema (anyOf)");
	add_all(e, &best.errors);
}

static void check_one(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
		      yyjson_val *list)
{
	struct verdict best;
	size_t count = yyjson_arr_size(list) ? count_valid(v, list, path, e, &best) : 1;

	if (!count) {
		refuse_junctor(e, path,
			       "must validate one and only one schema (oneOf). Found none valid");
		add_all(e, &best.errors);
	} else if (count > 1) {
		refuse_junctor(e, path,
			       str_printf_in(e->arena,
					     "must validate one and only one schema (oneOf). "
					     "Found %zu valid alternatives",
					     count)
				       .ptr);
	}
}

static void check_all(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
		      yyjson_val *list)
{
	size_t count = 0;

	JSON_EACH (schema, list) {
		struct verdict verdict;

		judge(&verdict, v, schema, path, e);
		count += verdict.errors.count == 0;
		add_all(e, &verdict.errors);
	}
	if (count < yyjson_arr_size(list))
		refuse_junctor(e, path,
			       count ? "must validate all the schemas (allOf)"
				     : "must validate all the schemas (allOf). None validated");
}

static void check_junctors(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			   yyjson_val *schema)
{
	yyjson_val *not = yyjson_obj_get(schema, "not");
	struct verdict verdict;

	check_any(e, path, v, yyjson_obj_get(schema, "anyOf"));
	check_one(e, path, v, yyjson_obj_get(schema, "oneOf"));
	check_all(e, path, v, yyjson_obj_get(schema, "allOf"));
	if (!not )
		return;
	judge(&verdict, v, not, path, e);
	if (!verdict.errors.count)
		refuse_junctor(e, path, "must not validate the schema (not)");
}

static void validate(yyjson_mut_val *v, yyjson_val *old, yyjson_val *schema,
		     const struct field_path *path, struct field_errors *errors)
{
	if (!schema || (old && json_mixed_equal(v, old)))
		return;
	if (!is_of_type(v, schema))
		wrong_type(errors, path, v, schema); /* the rest is looked at all the same */
	if (yyjson_mut_is_null(v)) { /* which no list of values has, whatever it names */
		check_enum(errors, path, v, yyjson_obj_get(schema, "enum"));
		return;
	}
	check_junctors(errors, path, v, schema);
	if (yyjson_mut_is_str(v))
		check_string(errors, path, v, schema);
	if (format_of(schema).len)
		check_format(errors, path, v, schema);
	if (yyjson_mut_is_num(v)) {
		check_range(errors, path, v, schema);
		check_number(errors, path, v, schema);
	}
	if (yyjson_mut_is_ctn(v))
		check_count(errors, path, v, schema);
	if (yyjson_mut_is_arr(v) && yyjson_obj_get(schema, "items"))
		check_items(errors, path, v, old, schema);
	check_enum(errors, path, v, yyjson_obj_get(schema, "enum"));
	if (yyjson_mut_is_obj(v))
		check_object(errors, path, v, old, schema);
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
			field_invalid_json(errors, here, problem->value, detail);
		else
			field_invalid_str(errors, here, problem->value, detail);
		break;
	}
}

/* Of an object that is as it was, its type alone is looked at again. */
static void validate_type(yyjson_mut_val *v, yyjson_val *schema, struct field_errors *errors)
{
	static const char *const names[] = { "apiVersion", "kind" };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		yyjson_mut_val *value = yyjson_mut_obj_get(v, names[i]);

		if (value)
			validate(value, NULL,
				 structural_member(errors->names, schema, str_from(names[i])),
				 FIELD_NAME(NULL, names[i]), errors);
	}
}

void structural_validate(yyjson_mut_val *v, yyjson_val *old, struct structural s,
			 struct field_errors *errors)
{
	errors->names = s.names;
	if (old && json_mixed_equal(v, old))
		validate_type(v, s.schema, errors);
	else
		validate(v, old, s.schema, NULL, errors);
}

/* What was found since is told of below front. */
static void move_below(struct field_errors *errors, size_t before, struct str front)
{
	for (size_t i = before; i < errors->count; i++) {
		struct str *field = &errors->items[i].field;

		if (!field->len || str_eq_c(*field, NO_FIELD))
			*field = front;
		else
			*field = str_printf_in(errors->arena, STR_FMT "%s" STR_FMT, STR_ARG(front),
					       field->ptr[0] == '[' ? "" : ".", STR_ARG(*field));
	}
}

void structural_validate_member(yyjson_mut_val *v, yyjson_val *old, struct structural s,
				const char *name, struct field_errors *errors)
{
	size_t before = errors->count;

	errors->names = s.names;
	validate(json_mut_key(v, str_from(name)), yyjson_obj_get(old, name),
		 structural_member(s.names, s.schema, str_from(name)), NULL, errors);
	move_below(errors, before, str_from(name));
}

void structural_validate_at(yyjson_mut_val *v, struct structural s, const struct field_path *path,
			    struct field_errors *errors)
{
	size_t before = errors->count;

	errors->names = s.names;
	validate(v, NULL, s.schema, NULL, errors);
	move_below(errors, before, field_path_in(errors->arena, path));
}
