/* SPDX-License-Identifier: Apache-2.0 */
/* CustomResourceDefinitions: defaults, and what makes a schema structural, in upstream's words. */
#include "api/custom.h"
#include "api/kinds/admission.h"
#include "api/meta.h"
#include "api/strategy.h"
#include "api/structural.h"
#include "cel/rules.h"
#include "codec/regex.h"

static void crd_default(struct edit *e)
{
	yyjson_mut_val *names = json_mut_get(e->root, "spec.names");
	struct str kind = json_mut_get_str(names, "kind");
	char lower[256];

	if (!yyjson_mut_is_obj(names) || kind.len >= sizeof(lower) || !kind.len)
		return;
	for (size_t i = 0; i < kind.len; i++)
		lower[i] = kind.ptr[i] >= 'A' && kind.ptr[i] <= 'Z'
				   ? (char)(kind.ptr[i] + 'a' - 'A')
				   : kind.ptr[i];
	if (!json_mut_get_str(names, "singular").len)
		json_set_str(e->doc, names, "singular", str_sub(lower, kind.len));
	if (!json_mut_get_str(names, "listKind").len)
		json_set_str(e->doc, names, "listKind",
			     str_printf_in(e->arena, STR_FMT "List", STR_ARG(kind)));
	if (!json_mut_get(e->root, "spec.conversion"))
		json_set_path_str(e->doc, e->root, "spec.conversion.strategy", STR("None"));
}

/* --- structural schemas --- */

static const char *const unsupported_members[] = {
	"$ref",		"$schema",	    "id", "additionalItems", "definitions",
	"dependencies", "patternProperties"
};

struct place {
	bool is_root;
	bool is_nested;	     /* inside allOf, anyOf, oneOf or not: values only */
	const char *missing; /* what an empty type is there */
};

static void check_schema(yyjson_mut_val *schema, const struct field_path *path, struct place place,
			 struct field_errors *errors);

static void check_type(yyjson_mut_val *schema, const struct field_path *path, struct place place,
		       struct field_errors *errors)
{
	struct str type = json_mut_get_str(schema, "type");
	bool may_be_empty =
		place.is_nested ||
		json_mut_bool(yyjson_mut_obj_get(schema, "x-kubernetes-int-or-string"), false) ||
		json_mut_bool(yyjson_mut_obj_get(schema, "x-kubernetes-preserve-unknown-fields"),
			      false);
	const struct field_path *here = FIELD_NAME(path, "type");

	if (str_eq_c(type, "null"))
		field_forbidden(errors, here,
				"type cannot be set to null, use nullable as an alternative");
	else if (type.len &&
		 !schema_values_have(STR("array|boolean|integer|number|object|string"), type))
		field_unsupported(errors, here, type, "array|boolean|integer|number|object|string");
	else if (place.is_nested && type.len)
		field_forbidden(errors, here, "must be empty to be structural");
	else if (place.is_root && type.len && !str_eq_c(type, "object"))
		field_invalid_str(errors, here, type, "must be object at the root");
	else if (!type.len && (place.is_root || !may_be_empty))
		field_required(errors, here, place.missing);
	if (str_eq_c(type, "array") && !place.is_nested && !yyjson_mut_obj_get(schema, "items"))
		field_required(errors, FIELD_NAME(path, "items"), "must be specified");
}

static void check_members(yyjson_mut_val *schema, const struct field_path *path, struct place place,
			  struct field_errors *errors)
{
	for (size_t i = 0; i < ARRAY_COUNT(unsupported_members); i++)
		if (yyjson_mut_obj_get(schema, unsupported_members[i]))
			field_error_add(errors, FIELD_FORBIDDEN,
					FIELD_NAME(path, unsupported_members[i]),
					"%s is not supported", unsupported_members[i]);
	if (json_mut_get_bool(schema, "uniqueItems", false))
		field_forbidden(errors, FIELD_NAME(path, "uniqueItems"),
				"uniqueItems cannot be set to true since the runtime complexity "
				"becomes quadratic");
	if (yyjson_mut_is_arr(yyjson_mut_obj_get(schema, "items")))
		field_forbidden(errors, FIELD_NAME(path, "items"),
				"items must be a schema object and not an array");
	if (place.is_root && yyjson_mut_obj_get(schema, "additionalProperties"))
		field_forbidden(errors, FIELD_NAME(path, "additionalProperties"),
				"must not be used at the root");
	if (yyjson_mut_obj_get(schema, "additionalProperties") &&
	    json_mut_get_count(schema, "properties"))
		field_forbidden(errors, FIELD_NAME(path, "additionalProperties"),
				"additionalProperties and properties are mutual exclusive");
}

static void check_pattern(yyjson_mut_val *schema, const struct field_path *path,
			  struct field_errors *errors)
{
	struct str pattern = json_mut_get_str(schema, "pattern");
	struct err err = { 0 };

	if (pattern.len && !regex_compile(errors->arena, pattern, &err))
		field_invalid_str(errors, FIELD_NAME(path, "pattern"), pattern,
				  str_printf_in(errors->arena,
						"must be a valid regular expression, but isn't: %s",
						err.msg)
					  .ptr);
}

static void check_list(yyjson_mut_val *schema, const struct field_path *path,
		       struct field_errors *errors)
{
	struct str list = json_mut_str(yyjson_mut_obj_get(schema, "x-kubernetes-list-type"));
	yyjson_mut_val *keys = yyjson_mut_obj_get(schema, "x-kubernetes-list-map-keys");
	const struct field_path *here = FIELD_NAME(path, "x-kubernetes-list-type");

	if (list.len && !schema_values_have(STR("atomic|map|set"), list))
		field_unsupported(errors, here, list, "atomic|map|set");
	if (list.len && !str_eq_c(json_mut_get_str(schema, "type"), "array"))
		field_invalid_str(errors, FIELD_NAME(path, "type"),
				  json_mut_get_str(schema, "type"),
				  "must be array if x-kubernetes-list-type is specified");
	if (str_eq_c(list, "map") && !yyjson_mut_arr_size(keys))
		field_required(errors, FIELD_NAME(path, "x-kubernetes-list-map-keys"),
			       "must not be empty if x-kubernetes-list-type is map");
	if (keys && !str_eq_c(list, "map"))
		field_invalid_str(errors, here, list,
				  "must be map if x-kubernetes-list-map-keys is non-empty");
	JSON_MUT_EACH (key, keys)
		if (!json_mut_key(json_mut_get(schema, "items.properties"), json_mut_str(key)))
			field_invalid_val(errors, FIELD_NAME(path, "x-kubernetes-list-map-keys"),
					  keys, "entries must all be names of item properties");
}

static void check_parts(yyjson_mut_val *schema, const struct field_path *path, struct place place,
			struct field_errors *errors)
{
	static const char *const junctors[] = { "allOf", "anyOf", "oneOf" };
	struct place inside = { .is_nested = place.is_nested };
	struct place values = { .is_nested = true };
	yyjson_mut_val *part;

	inside.missing = "must not be empty for specified object fields";
	JSON_MUT_MEMBERS (key, member, yyjson_mut_obj_get(schema, "properties"))
		check_schema(member, FIELD_KEY(FIELD_NAME(path, "properties"), json_mut_str(key)),
			     inside, errors);
	part = yyjson_mut_obj_get(schema, "additionalProperties");
	if (yyjson_mut_is_obj(part))
		check_schema(part, FIELD_NAME(path, "additionalProperties"), inside, errors);
	inside.missing = "must not be empty for specified array items";
	part = yyjson_mut_obj_get(schema, "items");
	if (yyjson_mut_is_obj(part))
		check_schema(part, FIELD_NAME(path, "items"), inside, errors);
	for (size_t i = 0; i < ARRAY_COUNT(junctors); i++) {
		size_t index = 0;

		JSON_MUT_EACH (item, yyjson_mut_obj_get(schema, junctors[i]))
			check_schema(item, FIELD_INDEX(FIELD_NAME(path, junctors[i]), index++),
				     values, errors);
	}
	part = yyjson_mut_obj_get(schema, "not");
	if (part)
		check_schema(part, FIELD_NAME(path, "not"), values, errors);
}

static void check_schema(yyjson_mut_val *schema, const struct field_path *path, struct place place,
			 struct field_errors *errors)
{
	static const char *const forbidden[] = { "default", "nullable",
						 "x-kubernetes-embedded-resource",
						 "x-kubernetes-preserve-unknown-fields" };

	check_type(schema, path, place, errors);
	check_members(schema, path, place, errors);
	check_pattern(schema, path, errors);
	check_list(schema, path, errors);
	for (size_t i = 0; place.is_nested && i < ARRAY_COUNT(forbidden); i++)
		if (yyjson_mut_obj_get(schema, forbidden[i]))
			field_forbidden(errors, FIELD_NAME(path, forbidden[i]),
					"must be undefined to be structural");
	check_parts(schema, path, place, errors);
}

/* --- rules --- */

struct reporter {
	struct cel_problems problems;
	struct field_errors *errors;
	const struct field_path *path;
};

static void report(struct cel_problems *problems, const struct cel_problem *problem)
{
	struct reporter *reporter = CONTAINER_OF(problems, struct reporter, problems);

	structural_report(reporter->errors, reporter->path, problem);
}

static void check_rules(yyjson_mut_val *schema, const struct field_path *path,
			struct field_errors *errors)
{
	struct reporter reporter = { .problems = { .report = report },
				     .errors = errors,
				     .path = path };
	AUTO_JSON frozen = json_freeze(schema);
	AUTO_ARENA arena = { 0 };
	bool failed = false;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	(void)cel_rules_compile(&arena, yyjson_doc_get_root(frozen), &reporter.problems,
				&failed); /* what failed was reported */
}

/* --- the rest of the definition --- */

/* Rules are about schemas that are fine otherwise. */
static void check_root(yyjson_mut_val *schema, const struct field_path *path,
		       struct field_errors *errors)
{
	struct place root = { .is_root = true, .missing = "must not be empty at the root" };
	size_t before = errors->count;

	check_schema(schema, path, root, errors);
	if (errors->count == before)
		check_rules(schema, path, errors);
}

static void check_versions(struct edit *e, const struct field_path *spec,
			   struct field_errors *errors)
{
	yyjson_mut_val *versions = json_mut_get(e->root, "spec.versions");
	bool keeps = json_mut_get_bool(e->root, "spec.preserveUnknownFields", false);
	const struct field_path *list = FIELD_NAME(spec, "versions");
	size_t i = 0, stored = 0;

	JSON_MUT_EACH (version, versions) {
		const struct field_path *here = FIELD_INDEX(list, i++);
		struct str name = json_mut_get_str(version, "name");
		yyjson_mut_val *schema = json_mut_get(version, "schema.openAPIV3Schema");
		size_t same = 0;

		stored += json_mut_get_bool(version, "storage", false);
		if (name_label_problem(name))
			field_invalid_str(errors, FIELD_NAME(here, "name"), name,
					  name_label_problem(name));
		JSON_MUT_EACH (other, versions)
			same += str_eq(json_mut_get_str(other, "name"), name);
		if (same > 1)
			field_invalid_val(errors, list, versions,
					  "must contain unique version names");
		if (!schema)
			field_required(errors,
				       FIELD_NAME(FIELD_NAME(here, "schema"), "openAPIV3Schema"),
				       "schemas are required");
		else if (!keeps)
			check_root(schema,
				   FIELD_NAME(FIELD_NAME(here, "schema"), "openAPIV3Schema"),
				   errors);
	}
	if (stored != 1)
		field_invalid_val(errors, list, versions,
				  "must have exactly one version marked as storage version");
}

static void check_names(struct edit *e, const struct field_path *spec, struct field_errors *errors)
{
	static const struct {
		const char *name;
		bool is_required, may_be_upper;
	} rows[] = { { "plural", true, false },
		     { "singular", false, false },
		     { "kind", true, true },
		     { "listKind", true, true } };
	yyjson_mut_val *names = json_mut_get(e->root, "spec.names");
	const struct field_path *path = FIELD_NAME(spec, "names");

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str name = json_mut_get_str(names, rows[i].name);
		char lower[254];
		const char *problem;

		if (!name.len) {
			if (rows[i].is_required)
				field_required(errors, FIELD_NAME(path, rows[i].name), "");
			continue;
		}
		for (size_t j = 0; j < name.len && j < sizeof(lower); j++)
			lower[j] = rows[i].may_be_upper && name.ptr[j] >= 'A' && name.ptr[j] <= 'Z'
					   ? (char)(name.ptr[j] + 'a' - 'A')
					   : name.ptr[j];
		problem = name.len > sizeof(lower) ? "must be no more than 63 characters"
						   : name_label_problem(str_sub(lower, name.len));
		if (problem)
			field_invalid_str(errors, FIELD_NAME(path, rows[i].name), name, problem);
	}
	if (str_eq(json_mut_get_str(names, "kind"), json_mut_get_str(names, "listKind")))
		field_invalid_str(errors, FIELD_NAME(path, "listKind"),
				  json_mut_get_str(names, "listKind"),
				  "kind and listKind may not be the same");
}

static void check_group(struct edit *e, const struct field_path *spec, struct field_errors *errors)
{
	struct str group = json_mut_get_str(e->root, "spec.group");
	struct str scope = json_mut_get_str(e->root, "spec.scope");
	const struct field_path *path = FIELD_NAME(spec, "group");

	if (!group.len)
		field_required(errors, path, "");
	else if (name_subdomain_problem(group))
		field_invalid_str(errors, path, group, name_subdomain_problem(group));
	else if (!str_contains(group, STR(".")))
		field_invalid_str(errors, path, group, "should be a domain with at least one dot");
	if (!scope.len)
		field_required(errors, FIELD_NAME(spec, "scope"), "");
	else if (!schema_values_have(STR("Cluster|Namespaced"), scope))
		field_unsupported(errors, FIELD_NAME(spec, "scope"), scope, "Cluster|Namespaced");
}

static bool has_version(struct edit *e, struct str name)
{
	JSON_MUT_EACH (version, json_mut_get(e->root, "spec.versions"))
		if (str_eq(json_mut_get_str(version, "name"), name))
			return true;
	return false;
}

/* Objects may lie there in every version that ever was the stored one. */
static void check_stored(struct edit *e, struct field_errors *errors)
{
	const struct field_path *list = FIELD_NAME(FIELD_NAME(NULL, "status"), "storedVersions");
	size_t i = 0;

	JSON_MUT_EACH (stored, json_mut_get(e->root, "status.storedVersions")) {
		const struct field_path *here = FIELD_INDEX(list, i++);
		const char *name = str_c_in(e->arena, json_mut_str(stored));
		struct str detail;

		if (has_version(e, json_mut_str(stored)))
			continue;
		detail = str_printf_in(
			e->arena,
			"missing from spec.versions; %s was previously a storage version, and must "
			"remain in spec.versions until a storage migration ensures no data remains "
			"persisted in %s and removes %s from status.storedVersions",
			name, name, name);
		field_invalid_str(errors, here, json_mut_str(stored), detail.ptr);
	}
}

/* Groups of the Kubernetes project itself. */
static void check_approval(struct edit *e, struct field_errors *errors)
{
	static const char key[] = "api-approved.kubernetes.io";
	struct str group = json_mut_get_str(e->root, "spec.group");
	yyjson_mut_val *annotations = json_mut_get(e->root, "metadata.annotations");
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "metadata"), "annotations");

	if ((!str_has_suffix(group, STR(".k8s.io")) &&
	     !str_has_suffix(group, STR(".kubernetes.io"))) ||
	    json_mut_str(yyjson_mut_obj_get(annotations, key)).len)
		return;
	field_required(errors, FIELD_KEY(path, str_from(key)),
		       "protected groups must have approval annotation "
		       "\"api-approved.kubernetes.io\", see "
		       "https://github.com/kubernetes/enhancements/pull/1111");
}

/* Paths are those of upstream's own form, which older versions of the API had. */
static void check_conversion(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), "conversion"),
				*config_path = FIELD_NAME(path, "webhookClientConfig"),
				*versions_path = FIELD_NAME(path, "conversionReviewVersions");
	yyjson_mut_val *conversion = json_mut_get(e->root, "spec.conversion"),
		       *config = json_mut_get(conversion, "webhook.clientConfig"),
		       *versions = json_mut_get(conversion, "webhook.conversionReviewVersions");
	struct str strategy = json_mut_get_str(conversion, "strategy");

	if (!conversion)
		return;
	if (!strategy.len)
		field_required(errors, FIELD_NAME(path, "strategy"), "");
	else if (!schema_values_have(STR("None|Webhook"), strategy))
		field_unsupported(errors, FIELD_NAME(path, "strategy"), strategy, "None|Webhook");
	if (str_eq_c(strategy, "Webhook")) {
		if (!yyjson_mut_is_obj(config))
			field_required(errors, config_path,
				       "required when strategy is set to Webhook");
		else
			webhook_client_config_validate(config, config_path, errors);
		webhook_versions_validate(versions, versions_path, errors);
		return;
	}
	if (yyjson_mut_is_obj(config))
		field_forbidden(errors, config_path,
				"should not be set when strategy is not set to Webhook");
	if (yyjson_mut_arr_size(versions))
		field_forbidden(errors, versions_path,
				"should not be set when strategy is not set to Webhook");
}

static void crd_validate(struct edit *e, struct field_errors *errors)
{
	struct str name = json_mut_get_str(e->root, "metadata.name");
	struct str want = str_printf_in(e->arena, STR_FMT "." STR_FMT,
					STR_ARG(json_mut_get_str(e->root, "spec.names.plural")),
					STR_ARG(json_mut_get_str(e->root, "spec.group")));
	const struct field_path *spec = FIELD_NAME(NULL, "spec");

	if (!str_eq(name, want))
		field_invalid_str(errors, FIELD_NAME(FIELD_NAME(NULL, "metadata"), "name"), name,
				  "must be spec.names.plural+\".\"+spec.group");
	check_group(e, spec, errors);
	check_versions(e, spec, errors);
	check_names(e, spec, errors);
	check_conversion(e, errors);
	check_stored(e, errors);
	if (!e->old)
		check_approval(e, errors);
}

static void crd_validate_update(struct edit *e, struct field_errors *errors)
{
	static const char *const fixed[] = { "scope", "group" };
	const struct field_path *spec = FIELD_NAME(NULL, "spec");
	yyjson_mut_val *kind = json_mut_get(e->root, "spec.names.kind");

	if (!custom_is_established(e->old))
		return;
	for (size_t i = 0; i < ARRAY_COUNT(fixed); i++) {
		yyjson_mut_val *now = yyjson_mut_obj_get(json_mut_get(e->root, "spec"), fixed[i]);

		if (!json_mixed_equal(now, yyjson_obj_get(json_get(e->old, "spec"), fixed[i])))
			field_invalid_val(errors, FIELD_NAME(spec, fixed[i]), now,
					  "field is immutable");
	}
	if (!json_mixed_equal(kind, json_get(e->old, "spec.names.kind")))
		field_invalid_val(errors, FIELD_NAME(FIELD_NAME(spec, "names"), "kind"), kind,
				  "field is immutable");
}

/* The version that is stored is one that there are objects of. */
static void note_stored(struct edit *e)
{
	yyjson_mut_val *status = json_ensure_object(e->doc, e->root, "status"), *list;
	bool has = false;

	list = json_ensure_array(e->doc, status, "storedVersions");
	JSON_MUT_EACH (version, json_mut_get(e->root, "spec.versions")) {
		if (!json_mut_get_bool(version, "storage", false))
			continue;
		JSON_MUT_EACH (there, list)
			has = has || str_eq(json_mut_str(there), json_mut_get_str(version, "name"));
		if (!has)
			json_append_str(e->doc, list, json_mut_get_str(version, "name"));
	}
}

const struct strategy strategy_crd = {
	.default_object = crd_default,
	.prepare_create = note_stored,
	.prepare_update = note_stored,
	.validate = crd_validate,
	.validate_update = crd_validate_update,
};
