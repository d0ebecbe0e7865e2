/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of a definition's schema. First what makes it structural: each value is specified once,
 * outside of the junctors (allOf, anyOf, oneOf, not), which only narrow what is specified. Then
 * what OpenAPI allows of it. Depth is that of the definition's JSON, which is bounded.
 */
#include "api/kinds/crd.h"
#include "api/schema.h"
#include "api/structural.h"
#include "cel/rules.h"
#include "codec/json_index.h"
#include "codec/regex.h"

enum level { LEVEL_ROOT, LEVEL_FIELD, LEVEL_ITEM };

static const char *const junctors[] = { "allOf", "anyOf", "oneOf" };

void crd_invalid_val(struct field_errors *errors, const struct field_path *path, yyjson_val *value,
		     const char *detail)
{
	AUTO_JSON_MUT doc = NULL;

	if (errors->truncated)
		return;
	doc = json_new();
	field_invalid_val(errors, path, json_copy(doc, value), detail);
}

static struct str word(yyjson_val *schema, const char *name)
{
	return json_str(yyjson_obj_get(schema, name));
}

static bool is_resource_member(struct str name)
{
	return str_eq_c(name, "metadata") || str_eq_c(name, "kind") || str_eq_c(name, "apiVersion");
}

/* --- structural --- */

static void check_values(struct crd_schema_check *c, yyjson_val *v, const struct field_path *path,
			 bool skips_any, bool skips_all_any);

/* Not there, false, empty: as Go's zero. */
static bool is_zero(yyjson_val *v)
{
	return !v || yyjson_is_null(v) || yyjson_is_false(v) ||
	       ((yyjson_is_str(v) || yyjson_is_arr(v)) && !unsafe_yyjson_get_len(v));
}

/* What only stands outside of junctors. */
static const struct {
	const char *name, *want;
} generics[] = {
	{ "type", "must be empty to be structural" },
	{ "additionalProperties", "must be undefined to be structural" },
	{ "default", "must be undefined to be structural" },
	{ "title", "must be empty to be structural" },
	{ "description", "must be empty to be structural" },
	{ "nullable", "must be false to be structural" },
	{ "x-kubernetes-preserve-unknown-fields", "must be false to be structural" },
	{ "x-kubernetes-embedded-resource", "must be false to be structural" },
	{ "x-kubernetes-int-or-string", "must be false to be structural" },
	{ "x-kubernetes-list-map-keys", "must be empty to be structural" },
	{ "x-kubernetes-list-type", "must be undefined to be structural" },
	{ "x-kubernetes-map-type", "must be undefined to be structural" },
	{ "x-kubernetes-validations", "must be empty to be structural" },
};

static void check_nested(struct crd_schema_check *c, yyjson_val *v, const struct field_path *path,
			 bool skips_any)
{
	yyjson_val *properties = yyjson_obj_get(v, "properties"),
		   *items = yyjson_obj_get(v, "items");

	if (!yyjson_is_obj(v))
		return;
	check_values(c, v, path, skips_any, false);
	if (items)
		check_nested(c, items, FIELD_NAME(path, "items"), false);
	JSON_MEMBERS (key, member, properties)
		check_nested(c, member, FIELD_KEY(FIELD_NAME(path, "properties"), json_str(key)),
			     false);
	for (size_t i = 0; i < ARRAY_COUNT(generics); i++)
		if (!is_zero(yyjson_obj_get(v, generics[i].name)))
			field_forbidden(c->errors, FIELD_NAME(path, generics[i].name),
					generics[i].want);
	if (yyjson_obj_get(properties, "metadata"))
		field_forbidden(c->errors,
				FIELD_KEY(FIELD_NAME(path, "properties"), STR("metadata")),
				"must not be specified in a nested context");
}

static void check_pattern(struct crd_schema_check *c, yyjson_val *v, const struct field_path *path)
{
	struct str pattern = word(v, "pattern");
	struct err err = { 0 };

	if (pattern.len && !regex_compile(c->errors->arena, pattern, &err))
		field_invalid_str(c->errors, FIELD_NAME(path, "pattern"), pattern,
				  str_printf_in(c->errors->arena,
						"must be a valid regular expression, but isn't: %s",
						err.msg)
					  .ptr);
}

/* A type in a junctor is allowed in one form only: that of int-or-string. */
static void check_values(struct crd_schema_check *c, yyjson_val *v, const struct field_path *path,
			 bool skips_any, bool skips_all_any)
{
	yyjson_val *not = yyjson_obj_get(v, "not");

	for (size_t i = 0; i < ARRAY_COUNT(junctors); i++) {
		bool is_all = i == 0, is_any = i == 1;
		size_t index = 0;

		if (is_any && skips_any)
			continue;
		JSON_EACH (part, yyjson_obj_get(v, junctors[i])) {
			check_nested(c, part, FIELD_INDEX(FIELD_NAME(path, junctors[i]), index),
				     is_all && skips_all_any && !index);
			index++;
		}
	}
	if (not )
		check_nested(c, not, FIELD_NAME(path, "not"), false);
	check_pattern(c, v, path);
}

/* anyOf: [{type: integer}, {type: string}] */
static bool is_int_or_string(yyjson_val *any)
{
	static const char *const types[] = { "integer", "string" };

	if (yyjson_arr_size(any) != ARRAY_COUNT(types))
		return false;
	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		yyjson_val *part = yyjson_arr_get(any, i);

		if (yyjson_obj_size(part) != 1 || !str_eq_c(word(part, "type"), types[i]))
			return false;
	}
	return true;
}

static void check_type(struct crd_schema_check *c, yyjson_val *s, const struct field_path *path,
		       enum level level)
{
	static const char *const missing[] = {
		[LEVEL_ROOT] = "must not be empty at the root",
		[LEVEL_FIELD] = "must not be empty for specified object fields",
		[LEVEL_ITEM] = "must not be empty for specified array items",
	};
	struct str type = word(s, "type");
	const struct field_path *here = FIELD_NAME(path, "type");

	if (structural_is(s, "x-kubernetes-embedded-resource") && !str_eq_c(type, "object")) {
		const char *want = "must be object if x-kubernetes-embedded-resource is true";

		if (type.len)
			field_invalid_str(c->errors, here, type, want);
		else
			field_required(c->errors, here, want);
	} else if (!type.len && !structural_is(s, "x-kubernetes-int-or-string") &&
		   !structural_is(s, "x-kubernetes-preserve-unknown-fields")) {
		field_required(c->errors, here, missing[level]);
	}
	if (level == LEVEL_ROOT && type.len && !str_eq_c(type, "object"))
		field_invalid_str(c->errors, here, type, "must be object at the root");
}

static void check_extensions(struct crd_schema_check *c, yyjson_val *s,
			     const struct field_path *path)
{
	static const char *const others[] = { "x-kubernetes-preserve-unknown-fields",
					      "x-kubernetes-embedded-resource" };

	for (size_t i = 0; i < ARRAY_COUNT(others); i++)
		if (structural_is(s, "x-kubernetes-int-or-string") && structural_is(s, others[i]))
			crd_invalid_val(c->errors, FIELD_NAME(path, others[i]),
					yyjson_obj_get(s, others[i]),
					"must be false if x-kubernetes-int-or-string is true");
	if (!structural_is(s, "x-kubernetes-embedded-resource"))
		return;
	if (yyjson_obj_get(s, "additionalProperties"))
		field_forbidden(c->errors, FIELD_NAME(path, "additionalProperties"),
				"must not be used if x-kubernetes-embedded-resource is set");
	if (!structural_is(s, "x-kubernetes-preserve-unknown-fields") &&
	    !yyjson_obj_size(yyjson_obj_get(s, "properties")))
		field_required(c->errors, FIELD_NAME(path, "properties"),
			       "must not be empty if x-kubernetes-embedded-resource is true "
			       "without x-kubernetes-preserve-unknown-fields");
}

/* Of the metadata that every object has, only the name may be narrowed. */
static bool is_name_only(yyjson_val *metadata)
{
	JSON_MEMBERS (key, value, yyjson_obj_get(metadata, "properties"))
		if (!str_eq_c(json_str(key), "name") && !str_eq_c(json_str(key), "generateName"))
			return false;
	JSON_MEMBERS (key, value, metadata)
		if (!str_eq_c(json_str(key), "type") && !str_eq_c(json_str(key), "properties") &&
		    !str_eq_c(json_str(key), "default") && !is_zero(value))
			return false;
	return true;
}

static void check_resource(struct crd_schema_check *c, yyjson_val *s, const struct field_path *path,
			   enum level level)
{
	static const struct {
		const char *name, *type, *want;
	} rows[] = { { "kind", "string", "must be string" },
		     { "apiVersion", "string", "must be string" },
		     { "metadata", "object", "must be object" } };
	const struct field_path *list = FIELD_NAME(path, "properties");
	yyjson_val *properties = yyjson_obj_get(s, "properties"), *metadata;

	if (level != LEVEL_ROOT && !structural_is(s, "x-kubernetes-embedded-resource"))
		return;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		yyjson_val *member = yyjson_obj_get(properties, rows[i].name);

		if (member && !str_eq_c(word(member, "type"), rows[i].type))
			field_invalid_str(
				c->errors,
				FIELD_NAME(FIELD_KEY(list, str_from(rows[i].name)), "type"),
				word(member, "type"), rows[i].want);
	}
	metadata = yyjson_obj_get(properties, "metadata");
	if (level == LEVEL_ROOT && metadata && !is_name_only(metadata))
		field_forbidden(c->errors, FIELD_KEY(list, STR("metadata")),
				"must not specify anything other than name and generateName, but "
				"metadata is implicitly specified");
}

static void check_structural(struct crd_schema_check *c, yyjson_val *s,
			     const struct field_path *path, enum level level)
{
	yyjson_val *items = yyjson_obj_get(s, "items"),
		   *additional = yyjson_obj_get(s, "additionalProperties");
	yyjson_val *first = yyjson_arr_get_first(yyjson_obj_get(s, "allOf"));

	if (str_eq_c(word(s, "type"), "array") && !items)
		field_required(c->errors, FIELD_NAME(path, "items"), "must be specified");
	if (yyjson_is_obj(items))
		check_structural(c, items, FIELD_NAME(path, "items"), LEVEL_ITEM);
	JSON_MEMBERS (key, member, yyjson_obj_get(s, "properties"))
		check_structural(c, member,
				 FIELD_KEY(FIELD_NAME(path, "properties"), json_str(key)),
				 LEVEL_FIELD);
	if (additional && level == LEVEL_ROOT)
		field_forbidden(c->errors, FIELD_NAME(path, "additionalProperties"),
				"must not be used at the root");
	if (yyjson_is_obj(additional))
		check_structural(c, additional, FIELD_NAME(path, "additionalProperties"),
				 LEVEL_FIELD);
	check_extensions(c, s, path);
	check_values(c, s, path, is_int_or_string(yyjson_obj_get(s, "anyOf")),
		     is_int_or_string(yyjson_obj_get(first, "anyOf")));
	check_type(c, s, path, level);
	check_resource(c, s, path, level);
}

/* --- all that junctors narrow is specified outside of them --- */

struct outside {
	yyjson_val *schema; /* NULL: not there */
	const struct field_path *path;
};

static void check_part(struct crd_schema_check *c, yyjson_val *v, struct outside s,
		       const struct field_path *path);

static void check_parts(struct crd_schema_check *c, yyjson_val *v, struct outside s,
			const struct field_path *path)
{
	yyjson_val *not = yyjson_obj_get(v, "not");

	if (not )
		check_part(c, not, s, FIELD_NAME(path, "not"));
	for (size_t i = 0; i < ARRAY_COUNT(junctors); i++) {
		size_t index = 0;

		JSON_EACH (part, yyjson_obj_get(v, junctors[i]))
			check_part(c, part, s, FIELD_INDEX(FIELD_NAME(path, junctors[i]), index++));
	}
}

static void check_part(struct crd_schema_check *c, yyjson_val *v, struct outside s,
		       const struct field_path *path)
{
	yyjson_val *items = yyjson_obj_get(v, "items");

	if (!s.schema) {
		field_required(c->errors, s.path,
			       str_printf_in(c->errors->arena, "because it is defined in " STR_FMT,
					     STR_ARG(field_path_in(c->errors->arena, path)))
				       .ptr);
		return;
	}
	check_parts(c, v, s, path);
	if (items)
		check_part(c, items,
			   (struct outside){ yyjson_obj_get(s.schema, "items"),
					     FIELD_NAME(s.path, "items") },
			   FIELD_NAME(path, "items"));
	JSON_MEMBERS (key, member, yyjson_obj_get(v, "properties")) {
		struct str name = json_str(key);

		check_part(c, member,
			   (struct outside){ json_key(yyjson_obj_get(s.schema, "properties"), name),
					     FIELD_KEY(FIELD_NAME(s.path, "properties"), name) },
			   FIELD_KEY(FIELD_NAME(path, "properties"), name));
	}
}

/* --- OpenAPI --- */

struct setting {
	bool is_root;
	bool is_in_metadata;
	const char *no_defaults; /* why there may be none; NULL: there may */
};

static void check_openapi(struct crd_schema_check *c, yyjson_val *s, const struct field_path *path,
			  struct setting setting);

static void check_supported(struct crd_schema_check *c, yyjson_val *s,
			    const struct field_path *path, struct setting setting)
{
	static const char *const unsupported[] = {
		"id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"
	};
	struct str type = word(s, "type");

	if (type.len &&
	    !schema_values_have(STR("array|boolean|integer|number|object|string"), type))
		field_unsupported(c->errors, FIELD_NAME(path, "type"), type,
				  "array|boolean|integer|number|object|string");
	if (yyjson_obj_get(s, "default") && setting.no_defaults)
		field_forbidden(
			c->errors, FIELD_NAME(path, "default"),
			str_printf_in(c->errors->arena, "must not be set %s", setting.no_defaults)
				.ptr);
	for (size_t i = 0; i < ARRAY_COUNT(unsupported); i++)
		if (yyjson_obj_get(s, unsupported[i]))
			field_error_add(c->errors, FIELD_FORBIDDEN,
					FIELD_NAME(path, unsupported[i]), "%s is not supported",
					unsupported[i]);
	if (str_eq_c(type, "null"))
		field_forbidden(c->errors, FIELD_NAME(path, "type"),
				"type cannot be set to null, use nullable as an alternative");
	if (yyjson_is_arr(yyjson_obj_get(s, "items")))
		field_forbidden(c->errors, FIELD_NAME(path, "items"),
				"items must be a schema object and not an array");
	if (setting.is_in_metadata && structural_is(s, "x-kubernetes-embedded-resource"))
		field_forbidden(c->errors, FIELD_NAME(path, "x-kubernetes-embedded-resource"),
				"must not be used inside of resource meta");
	if (structural_is(s, "uniqueItems"))
		field_forbidden(c->errors, FIELD_NAME(path, "uniqueItems"),
				"uniqueItems cannot be set to true since the runtime complexity "
				"becomes quadratic");
}

static void want_type(struct crd_schema_check *c, yyjson_val *s, const struct field_path *path,
		      const char *type, const char *detail)
{
	struct str have = word(s, "type");

	if (str_eq_c(have, type))
		return;
	if (have.len)
		field_invalid_str(c->errors, FIELD_NAME(path, "type"), have, detail);
	else
		field_required(c->errors, FIELD_NAME(path, "type"), detail);
}

static void check_map(struct crd_schema_check *c, yyjson_val *s, const struct field_path *path)
{
	yyjson_val *keeps = yyjson_obj_get(s, "x-kubernetes-preserve-unknown-fields");
	struct str map = word(s, "x-kubernetes-map-type");

	if (yyjson_is_false(keeps))
		crd_invalid_val(c->errors, FIELD_NAME(path, "x-kubernetes-preserve-unknown-fields"),
				keeps, "must be true or undefined");
	if (!yyjson_obj_get(s, "x-kubernetes-map-type"))
		return;
	want_type(c, s, path, "object", "must be object if x-kubernetes-map-type is specified");
	if (!schema_values_have(STR("atomic|granular"), map))
		field_unsupported(c->errors, FIELD_NAME(path, "x-kubernetes-map-type"), map,
				  "atomic|granular");
}

static void broke(struct crd_schema_check *c, enum crd_rule rule, const struct field_path *path,
		  enum field_error_type type, const char *detail)
{
	c->broken |= rule;
	if (!(c->tolerated & rule))
		field_error_add(c->errors, type, path, "%s", detail);
}

static void check_set(struct crd_schema_check *c, yyjson_val *items, const struct field_path *path)
{
	static const char want[] =
		"must be atomic as item of a list with x-kubernetes-list-type=set";
	const struct field_path *here = FIELD_NAME(path, "items");
	struct str type = word(items, "type"), list = word(items, "x-kubernetes-list-type");
	struct str map = word(items, "x-kubernetes-map-type");
	const char *text;

	if (str_eq_c(type, "array") && list.len && !str_eq_c(list, "atomic")) {
		text = str_printf_in(c->errors->arena, "\"" STR_FMT "\": %s", STR_ARG(list), want)
			       .ptr;
		broke(c, CRD_RULE_SETS_ATOMIC, FIELD_NAME(here, "x-kubernetes-list-type"),
		      FIELD_INVALID, text);
	}
	if (str_eq_c(type, "object") && !str_eq_c(map, "atomic")) {
		text = map.len ? str_printf_in(c->errors->arena, "\"" STR_FMT "\": %s",
					       STR_ARG(map), want)
					 .ptr
			       : str_printf_in(c->errors->arena, "null: %s", want).ptr;
		broke(c, CRD_RULE_SETS_ATOMIC, FIELD_NAME(here, "x-kubernetes-map-type"),
		      FIELD_INVALID, text);
	}
}

static bool has_word(yyjson_val *list, struct str text)
{
	JSON_EACH (item, list)
		if (str_eq(json_str(item), text))
			return true;
	return false;
}

/* Keys tell elements apart: each has them. */
static void check_key(struct crd_schema_check *c, yyjson_val *items, const struct field_path *path,
		      struct str key)
{
	const struct field_path *properties = FIELD_NAME(path, "properties"),
				*here = FIELD_KEY(properties, key);
	yyjson_val *property = json_key(yyjson_obj_get(items, "properties"), key);
	struct str type = word(property, "type");

	if (str_eq_c(type, "array") || str_eq_c(type, "object"))
		field_invalid_str(c->errors, FIELD_NAME(here, "type"), type,
				  "must be a scalar type if parent array's "
				  "x-kubernetes-list-type is map");
	if (!has_word(yyjson_obj_get(items, "required"), key) &&
	    !yyjson_obj_get(property, "default"))
		broke(c, CRD_RULE_KEYS_PRESENT, FIELD_NAME(here, "default"), FIELD_REQUIRED,
		      "this property is in x-kubernetes-list-map-keys, so it must have a default "
		      "or be a required property");
	if (structural_is(property, "nullable"))
		broke(c, CRD_RULE_KEYS_PRESENT, FIELD_NAME(here, "nullable"), FIELD_FORBIDDEN,
		      "this property is in x-kubernetes-list-map-keys, so it cannot be nullable");
}

static void check_keys(struct crd_schema_check *c, yyjson_val *s, const struct field_path *path)
{
	yyjson_val *keys = yyjson_obj_get(s, "x-kubernetes-list-map-keys"),
		   *items = yyjson_obj_get(s, "items");
	const struct field_path *here = FIELD_NAME(path, "x-kubernetes-list-map-keys"),
				*inside = FIELD_NAME(path, "items");
	AUTO_JSON_INDEX seen = { .slots = NULL };
	AUTO_JSON_INDEX properties = { .slots = NULL };

	if (!yyjson_arr_size(keys))
		field_required(c->errors, here,
			       "must not be empty if x-kubernetes-list-type is map");
	if (!items)
		field_required(c->errors, inside,
			       "must have a schema if x-kubernetes-list-type is map");
	if (!yyjson_is_obj(items))
		return;
	if (!str_eq_c(word(items, "type"), "object")) {
		field_invalid_str(c->errors, FIELD_NAME(inside, "type"), word(items, "type"),
				  "must be object if parent array's x-kubernetes-list-type is map");
		return;
	}
	json_index_init(&seen, yyjson_arr_size(keys));
	json_index_init_members(&properties, yyjson_obj_get(items, "properties"));
	JSON_EACH (key, keys) {
		if (json_index_get(&properties, json_str(key)))
			check_key(c, items, inside, json_str(key));
		else
			crd_invalid_val(c->errors, here, keys,
					"entries must all be names of item properties");
		if (json_index_add(&seen, json_str(key), key))
			crd_invalid_val(c->errors, here, keys,
					"must not contain duplicate entries");
	}
}

static void check_list(struct crd_schema_check *c, yyjson_val *s, const struct field_path *path)
{
	struct str list = word(s, "x-kubernetes-list-type");
	yyjson_val *items = yyjson_obj_get(s, "items");
	const struct field_path *here = FIELD_NAME(path, "x-kubernetes-list-type");
	bool is_map = str_eq_c(list, "map"), is_set = str_eq_c(list, "set");

	if (list.len)
		want_type(c, s, path, "array",
			  "must be array if x-kubernetes-list-type is specified");
	if (list.len && !schema_values_have(STR("atomic|set|map"), list))
		field_unsupported(c->errors, here, list, "atomic|set|map");
	if (is_set && yyjson_is_obj(items))
		check_set(c, items, path);
	if (yyjson_arr_size(yyjson_obj_get(s, "x-kubernetes-list-map-keys")) && !is_map) {
		const char *want = "must be map if x-kubernetes-list-map-keys is non-empty";

		if (list.len)
			field_invalid_str(c->errors, here, list, want);
		else
			field_required(c->errors, here, want);
	}
	if (is_map)
		check_keys(c, s, path);
	if ((is_map || is_set) && structural_is(items, "nullable"))
		broke(c, CRD_RULE_KEYS_PRESENT, FIELD_NAME(FIELD_NAME(path, "items"), "nullable"),
		      FIELD_FORBIDDEN,
		      is_map ? "cannot be nullable when x-kubernetes-list-type is map"
			     : "cannot be nullable when x-kubernetes-list-type is set");
}

static void check_properties(struct crd_schema_check *c, yyjson_val *s,
			     const struct field_path *path, struct setting setting)
{
	yyjson_val *properties = yyjson_obj_get(s, "properties"),
		   *additional = yyjson_obj_get(s, "additionalProperties");
	struct setting inside = setting;

	inside.is_root = false;
	if (yyjson_obj_size(properties) && additional && !yyjson_is_true(additional))
		field_forbidden(c->errors, FIELD_NAME(path, "additionalProperties"),
				"additionalProperties and properties are mutual exclusive");
	if (inside.is_in_metadata)
		inside.no_defaults = "inside additionalProperties applying to object metadata";
	if (yyjson_is_obj(additional))
		check_openapi(c, additional, FIELD_NAME(path, "additionalProperties"), inside);
	JSON_MEMBERS (key, member, properties) {
		struct str name = json_str(key);

		inside = setting;
		inside.is_root = false;
		if ((setting.is_root || structural_is(s, "x-kubernetes-embedded-resource")) &&
		    is_resource_member(name)) {
			inside.is_in_metadata = true;
			if (setting.is_root)
				inside.no_defaults = str_printf_in(c->errors->arena,
								   "in top-level " STR_FMT,
								   STR_ARG(name))
							     .ptr;
		}
		check_openapi(c, member, FIELD_KEY(FIELD_NAME(path, "properties"), name), inside);
	}
}

static struct str node_key(yyjson_val *const *schema)
{
	return str_sub((const char *)schema, sizeof(*schema));
}

/* Rules are about schemas that are fine otherwise, down to the last part. */
static void note_wrong(struct crd_schema_check *c, yyjson_val *s, size_t before)
{
	if (c->errors->seen > before)
		(void)map_put(&c->wrong, node_key(&s), c); /* nothing was there */
}

static void check_openapi(struct crd_schema_check *c, yyjson_val *s, const struct field_path *path,
			  struct setting setting)
{
	static const char *const lists[] = { "allOf", "oneOf", "anyOf" };
	struct setting inside = setting;
	yyjson_val *items = yyjson_obj_get(s, "items"), *not = yyjson_obj_get(s, "not");
	size_t before = c->errors->seen;

	inside.is_root = false;
	check_supported(c, s, path, setting);
	check_properties(c, s, path, setting);
	if (not )
		check_openapi(c, not, FIELD_NAME(path, "not"), inside);
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
		size_t index = 0;

		JSON_EACH (part, yyjson_obj_get(s, lists[i]))
			check_openapi(c, part, FIELD_INDEX(FIELD_NAME(path, lists[i]), index++),
				      inside);
	}
	if (yyjson_is_obj(items))
		check_openapi(c, items, FIELD_NAME(path, "items"), inside);
	check_map(c, s, path);
	check_list(c, s, path);
	crd_rules_check(c, s, path);
	note_wrong(c, s, before);
}

/* --- expressions --- */

struct reporter {
	struct cel_problems problems;
	const struct crd_schema_check *check;
	const struct field_path *path;
};

static void report(struct cel_problems *problems, const struct cel_problem *problem)
{
	struct reporter *reporter = CONTAINER_OF(problems, struct reporter, problems);

	struct cel_problem shown = *problem;

	if (problem->rule) {
		shown.value = crd_rule_text(reporter->check->errors->arena, problem->rule);
		shown.is_bare = true;
	}
	structural_report(reporter->check->errors, reporter->path, &shown);
}

static bool is_skipped(struct cel_problems *problems, yyjson_val *schema)
{
	struct reporter *reporter = CONTAINER_OF(problems, struct reporter, problems);

	return map_get(&reporter->check->wrong, node_key(&schema)) != NULL;
}

static void check_expressions(struct crd_schema_check *c, yyjson_val *schema,
			      const struct field_path *path)
{
	struct reporter reporter = {
		.problems = { .report = report,
			      .base = field_path_in(c->errors->arena, path),
			      .is_skipped = is_skipped },
		.check = c,
		.path = path,
	};
	AUTO_ARENA arena = { 0 };
	bool failed = false;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	(void)cel_rules_compile(&arena, schema, &reporter.problems,
				&failed); /* what failed was reported */
}

/* --- the whole --- */

void crd_schema_check(struct crd_schema_check *c, yyjson_val *schema, const struct field_path *path)
{
	size_t before;
	bool is_structural;

	if (structural_is(schema, "nullable"))
		field_forbidden(c->errors, FIELD_NAME(path, "nullable"),
				"nullable cannot be true at the root");
	before = c->errors->seen;
	check_structural(c, schema, path, LEVEL_ROOT);
	check_parts(c, schema, (struct outside){ schema, path }, path);
	if (c->errors->seen == before)
		crd_defaults_check(c, schema, path);
	is_structural = c->errors->seen == before;
	map_init(&c->wrong);
	check_openapi(c, schema, path, (struct setting){ .is_root = true });
	if (is_structural && !c->is_survey)
		check_expressions(c, schema, path);
	map_deinit(&c->wrong);
}
