/* SPDX-License-Identifier: Apache-2.0 */
/* Objects inside of objects (x-kubernetes-embedded-resource): they have a type and metadata. */
#include "api/structural.h"

#include "api/meta.h"
#include "api/object.h"
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

/* ".name" of what the schema lists, else "[name]". */
static struct field_path member_path(const struct field_path *parent, struct structural s,
				     struct str name)
{
	if (structural_property(s.names, s.schema, name))
		return (struct field_path){ .parent = parent, .name = name.ptr };
	return (struct field_path){ .parent = parent, .key = name };
}

void structural_validate_resources(yyjson_mut_val *v, struct structural s,
				   const struct field_path *path, struct field_errors *errors)
{
	yyjson_val *schema = s.schema;
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
		struct str name = json_mut_str(key);
		struct field_path here = member_path(path, s, name);
		struct structural member = { .names = s.names };

		if (yyjson_mut_is_ctn(value))
			member.schema = structural_member(s.names, schema, name);
		structural_validate_resources(value, member, &here, errors);
	}
	if (items && yyjson_mut_is_arr(v))
		JSON_MUT_EACH (item, v)
			structural_validate_resources(item, (struct structural){ items, s.names },
						      FIELD_INDEX(path, index++), errors);
}

/* --- as their types want them --- */

struct resource_walk {
	yyjson_mut_doc *doc;
	struct structural_names *names;
	bool repairs;
	struct arena arena;
	struct err *err;
};

static int refuse_member(struct resource_walk *w, const struct field_path *path, yyjson_mut_val *v,
			 const char *why)
{
	struct field_errors errors;

	field_errors_init(&errors, &w->arena);
	field_invalid_val(&errors, path, v, why);
	return err_set(w->err, ERR_BAD_REQUEST, STR_FMT ": " STR_FMT,
		       STR_ARG(errors.items[0].field), STR_ARG(errors.items[0].message));
}

static int decode_resource(struct resource_walk *w, yyjson_mut_val *v,
			   const struct field_path *path)
{
	static const char *const words[] = { "apiVersion", "kind" };
	yyjson_mut_val *metadata = yyjson_mut_obj_get(v, "metadata"), *decoded;
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
		yyjson_mut_val *word = yyjson_mut_obj_get(v, words[i]);

		if (!word || yyjson_mut_is_str(word))
			continue;
		if (!w->repairs)
			return refuse_member(w, FIELD_NAME(path, words[i]), word,
					     "must be a string");
		(void)json_remove(v, str_from(words[i])); /* the doc owns it */
	}
	if (!metadata)
		return 0;
	if (metadata_decode(w->doc, metadata, w->repairs, &decoded, &err) < 0)
		return refuse_member(w, FIELD_NAME(path, "metadata"), metadata, err.msg);
	if (yyjson_mut_is_null(yyjson_mut_obj_get(decoded, "creationTimestamp")))
		(void)json_remove(decoded, STR("creationTimestamp")); /* the doc owns it */
	json_set(w->doc, v, "metadata", decoded);
	return 0;
}

static int decode_inside(struct resource_walk *w, yyjson_mut_val *v, yyjson_val *schema,
			 const struct field_path *path)
{
	yyjson_val *items = yyjson_obj_get(schema, "items");
	size_t i = 0;

	if (!schema || !has_resource(schema))
		return 0;
	if (yyjson_mut_is_obj(v) && structural_is(schema, "x-kubernetes-embedded-resource") &&
	    decode_resource(w, v, path) < 0)
		return -1;
	JSON_MUT_MEMBERS (key, value, v) {
		struct str name = json_mut_str(key);
		struct structural s = { schema, w->names };
		struct field_path here = member_path(path, s, name);
		yyjson_val *member = NULL;

		if (yyjson_mut_is_ctn(value))
			member = structural_member(w->names, schema, name);
		if (decode_inside(w, value, member, &here) < 0)
			return -1;
	}
	if (items && yyjson_mut_is_arr(v))
		JSON_MUT_EACH (item, v)
			if (decode_inside(w, item, items, FIELD_INDEX(path, i++)) < 0)
				return -1;
	return 0;
}

int structural_decode_resources(yyjson_mut_doc *doc, yyjson_mut_val *v, struct structural s,
				bool repairs, struct err *err)
{
	struct resource_walk w = { .doc = doc, .names = s.names, .repairs = repairs, .err = err };
	int failed;

	arena_init(&w.arena, ARENA_DEFAULT_MAX);
	failed = decode_inside(&w, v, s.schema, NULL);
	arena_deinit(&w.arena);
	return failed;
}
