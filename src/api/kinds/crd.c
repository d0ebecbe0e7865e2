/* SPDX-License-Identifier: Apache-2.0 */
/* CustomResourceDefinitions as a whole: defaults and checks; crd.h has their parts. */
#include "api/custom.h"
#include "api/kinds/admission.h"
#include "api/kinds/crd.h"
#include "api/meta.h"
#include "api/structural.h"
#include "api/strategy.h"
#include "codec/json_index.h"

static bool is_stored(yyjson_mut_val *all, struct str name)
{
	JSON_MUT_EACH (stored, all)
		if (str_eq(json_mut_str(stored), name))
			return true;
	return false;
}

/* The version that is stored is one that there are objects of. */
static void note_stored(struct edit *e)
{
	yyjson_mut_val *status = json_ensure_object(e->doc, e->root, "status"), *list;

	JSON_MUT_EACH (version, json_mut_get(e->root, "spec.versions")) {
		struct str name = json_mut_get_str(version, "name");

		if (!json_mut_get_bool(version, "storage", false))
			continue;
		list = json_ensure_array(e->doc, status, "storedVersions");
		if (!is_stored(list, name))
			json_append_str(e->doc, list, name);
		return;
	}
}

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
	if (!yyjson_mut_arr_size(json_mut_get(e->root, "status.storedVersions")))
		note_stored(e);
}

/* --- versions --- */

static bool has_same_schema(yyjson_val *version, yyjson_val *old)
{
	return old && json_equal(json_get(version, "schema.openAPIV3Schema"),
				 json_get(old, "schema.openAPIV3Schema"));
}

static yyjson_val *find_version(yyjson_val *definition, struct str name)
{
	JSON_EACH (version, json_get(definition, "spec.versions"))
		if (str_eq(json_get_str(version, "name"), name))
			return version;
	return NULL;
}

/* Rules that the definition has broken since before there were they. */
static unsigned broken_before(yyjson_val *definition, struct arena *arena)
{
	struct field_errors errors;
	struct crd_schema_check check = { .errors = &errors, .is_survey = true };

	field_errors_init(&errors, arena);
	JSON_EACH (version, json_get(definition, "spec.versions")) {
		yyjson_val *schema = json_get(version, "schema.openAPIV3Schema");

		if (schema)
			crd_schema_check(&check, schema, NULL);
	}
	return check.broken;
}

/* What tells of a root is also told of its status when that is written alone: nothing that looks
 * at both may stand there. */
static void check_root(yyjson_val *schema, const struct field_path *path,
		       struct field_errors *errors)
{
	static const char allowed[] =
		"description|type|format|title|maximum|exclusiveMaximum|minimum|exclusiveMinimum|"
		"maxLength|minLength|pattern|maxItems|minItems|uniqueItems|multipleOf|required|"
		"items|properties|externalDocs|example|x-kubernetes-preserve-unknown-fields|"
		"x-kubernetes-validations";
	struct str type = json_get_str(schema, "type");

	if (!str_eq_c(type, "object")) {
		field_invalid_str(
			errors, FIELD_NAME(path, "type"), type,
			"only \"object\" is allowed as the type at the root of the schema "
			"if the status subresource is enabled");
		return;
	}
	JSON_MEMBERS (key, value, schema) {
		if (yyjson_is_null(value) || yyjson_is_false(value) ||
		    schema_values_have(str_from(allowed), json_str(key)))
			continue;
		crd_invalid_schema(
			errors, path, schema,
			"only [Description Type Format Title Maximum ExclusiveMaximum "
			"Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems "
			"MinItems UniqueItems MultipleOf Required Items Properties "
			"ExternalDocs Example XPreserveUnknownFields XValidations] fields "
			"are allowed at the root of the schema if the status subresource "
			"is enabled");
		return;
	}
}

static bool has_status(yyjson_val *version)
{
	return json_get(version, "subresources.status") != NULL;
}

static bool any_has_status(yyjson_val *versions)
{
	JSON_EACH (version, versions)
		if (has_status(version))
			return true;
	return false;
}

static void check_schema(struct edit *e, yyjson_val *version, bool with_status,
			 const struct field_path *path, struct field_errors *errors)
{
	const struct field_path *here = FIELD_NAME(path, "openAPIV3Schema");
	yyjson_val *schema = json_get(version, "schema.openAPIV3Schema"),
		   *old = find_version(e->old, json_get_str(version, "name"));
	struct crd_schema_check check = { .errors = errors };

	if (!schema)
		return;
	if (json_mut_get_bool(e->root, "spec.preserveUnknownFields", false) ||
	    has_same_schema(version, old)) /* what was let in goes on */
		return;
	if (with_status)
		check_root(schema, here, errors);
	check.tolerated = e->old ? broken_before(e->old, e->arena) : 0;
	crd_schema_check(&check, schema, here);
}

static bool is_alike(yyjson_val *versions, const char *name)
{
	yyjson_val *first = yyjson_obj_get(yyjson_arr_get_first(versions), name);

	JSON_EACH (version, versions) {
		yyjson_val *value = yyjson_obj_get(version, name);
		bool is_empty = !yyjson_arr_size(value) && !yyjson_arr_size(first);

		if (!json_equal(value, first) &&
		    !(is_empty && !yyjson_is_obj(value) && !yyjson_is_obj(first)))
			return false;
	}
	return true;
}

/* enum crd_part: what all versions have alike. */
static unsigned parts_alike(yyjson_val *versions)
{
	static const char *const names[] = { "schema", "subresources", "additionalPrinterColumns",
					     "selectableFields" };
	unsigned alike = 0;

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		alike |= (unsigned)is_alike(versions, names[i]) << i;
	return alike;
}

static bool all_have_schemas(yyjson_val *versions)
{
	JSON_EACH (version, versions)
		if (!json_get(version, "schema.openAPIV3Schema"))
			return false;
	return true;
}

/* A definition that went without one before may go on as far as something would be kept. */
static void check_has_schemas(struct edit *e, yyjson_val *versions, const struct field_path *list,
			      struct field_errors *errors)
{
	bool is_strict = !e->old || all_have_schemas(json_get(e->old, "spec.versions"));
	bool keeps = json_mut_get_bool(e->root, "spec.preserveUnknownFields", false);
	size_t i = 0;

	JSON_EACH (version, versions) {
		const struct field_path *here = FIELD_NAME(FIELD_INDEX(list, i++), "schema");

		if (json_get(version, "schema.openAPIV3Schema"))
			continue;
		if (is_strict)
			field_required(errors, FIELD_NAME(here, "openAPIV3Schema"), "");
		else if (!keeps && json_get_bool(version, "served", false))
			field_required(errors, FIELD_NAME(here, "openAPIV3Schema"),
				       "because otherwise all fields are pruned");
	}
}

static void check_version_name(struct str name, const struct field_path *path,
			       struct field_errors *errors)
{
	const char *problem = name_label1035_problem(name);

	if (problem)
		field_invalid_str(errors, path, name,
				  name_problems_in(errors->arena, problem, ","));
}

static void check_versions(struct edit *e, yyjson_val *versions, const struct field_path *spec,
			   struct field_errors *errors)
{
	const struct field_path *list = FIELD_NAME(spec, "versions");
	unsigned alike = parts_alike(versions);
	AUTO_JSON_INDEX names = { .slots = NULL };
	bool is_repeated = false;
	size_t i = 0, stored = 0;

	json_index_init(&names, yyjson_arr_size(versions));

	check_has_schemas(e, versions, list, errors);
	JSON_EACH (version, versions) {
		const struct field_path *here = FIELD_INDEX(list, i++);
		struct str name = json_get_str(version, "name");

		stored += json_get_bool(version, "storage", false);
		check_version_name(name, FIELD_NAME(here, "name"), errors);
		is_repeated |= json_index_add(&names, name, version) != NULL;
		crd_warning_check(version, here, errors);
		if (!(alike & CRD_PART_SCHEMA))
			check_schema(e, version, has_status(version), FIELD_NAME(here, "schema"),
				     errors);
		crd_parts_check(&(struct crd_parts){ .version = version,
						     .parts = ~alike,
						     .has_schema = !(alike & CRD_PART_SCHEMA) },
				here, errors);
	}
	if (is_repeated)
		crd_invalid_versions(errors, list, versions, alike,
				     "must contain unique version names");
	if (stored != 1)
		crd_invalid_versions(errors, list, versions, alike,
				     "must have exactly one version marked as storage version");
	if (i > 0)
		check_version_name(json_get_str(yyjson_arr_get_first(versions), "name"),
				   FIELD_NAME(spec, "version"), errors);
}

static void check_alike(struct edit *e, yyjson_val *versions, const struct field_path *spec,
			struct field_errors *errors)
{
	unsigned alike = parts_alike(versions);
	yyjson_val *first = yyjson_arr_get_first(versions);

	if (alike & CRD_PART_SCHEMA)
		check_schema(e, first, any_has_status(versions), FIELD_NAME(spec, "validation"),
			     errors);
	crd_parts_check(&(struct crd_parts){ .version = first,
					     .parts = alike,
					     .has_schema = alike & CRD_PART_SCHEMA,
					     .is_alike = true },
			spec, errors);
}

static struct str lower_of(struct arena *arena, struct str text)
{
	char *lower = arena_alloc(arena, text.len + 1);

	for (size_t i = 0; i < text.len; i++)
		lower[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z'
				   ? (char)(text.ptr[i] + 'a' - 'A')
				   : text.ptr[i];
	return str_sub(lower, text.len);
}

static void check_words(struct edit *e, const char *name, const struct field_path *names,
			struct field_errors *errors)
{
	size_t index = 0;

	JSON_MUT_EACH (item, yyjson_mut_obj_get(json_mut_get(e->root, "spec.names"), name)) {
		struct str text = json_mut_str(item);
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(names, name), index++);

		if (name_label1035_problem(text))
			field_invalid_str(
				errors, here, text,
				name_problems_in(e->arena, name_label1035_problem(text), ","));
	}
}

static void check_names(struct edit *e, const struct field_path *spec, struct field_errors *errors)
{
	static const struct {
		const char *name;
		bool may_be_upper;
	} rows[] = {
		{ "plural", false }, { "singular", false }, { "kind", true }, { "listKind", true }
	};
	yyjson_mut_val *names = json_mut_get(e->root, "spec.names");
	const struct field_path *path = FIELD_NAME(spec, "names");

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str name = json_mut_get_str(names, rows[i].name);
		const char *problem = name_problems_in(
			e->arena,
			name_label1035_problem(rows[i].may_be_upper ? lower_of(e->arena, name)
								    : name),
			",");

		if (!name.len)
			field_required(errors, FIELD_NAME(path, rows[i].name), "");
		else if (problem && rows[i].may_be_upper)
			field_invalid_str(
				errors, FIELD_NAME(path, rows[i].name), name,
				str_printf_in(e->arena,
					      "may have mixed case, but should otherwise match: %s",
					      problem)
					.ptr);
		else if (problem)
			field_invalid_str(errors, FIELD_NAME(path, rows[i].name), name, problem);
	}
	check_words(e, "shortNames", path, errors);
	check_words(e, "categories", path, errors);
	if (json_mut_get_str(names, "kind").len &&
	    str_eq(json_mut_get_str(names, "kind"), json_mut_get_str(names, "listKind")))
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
		field_invalid_str(
			errors, path, group,
			name_problems_in(errors->arena, name_subdomain_problem(group), ","));
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
	yyjson_mut_val *all = json_mut_get(e->root, "status.storedVersions");
	size_t i = 0;

	if (!yyjson_mut_arr_size(all)) {
		field_invalid_val(errors, list, all, "must have at least one stored version");
		return;
	}
	JSON_MUT_EACH (version, json_mut_get(e->root, "spec.versions")) {
		struct str name = json_mut_get_str(version, "name");

		if (json_mut_get_bool(version, "storage", false) && !is_stored(all, name))
			field_invalid_val(errors, list, all,
					  str_printf_in(e->arena,
							"must have the storage version " STR_FMT,
							STR_ARG(name))
						  .ptr);
	}
	JSON_MUT_EACH (stored, all) {
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

static struct str approved_of(yyjson_val *definition)
{
	return json_str(
		json_key(json_get(definition, "metadata.annotations"), STR(CUSTOM_APPROVED_KEY)));
}

/* Who changes something else is not asked again. */
static void check_approval(struct edit *e, struct field_errors *errors)
{
	struct str group = json_mut_get_str(e->root, "spec.group"), reason = STR_NONE;
	struct str annotation = json_mut_str(json_mut_key(
		json_mut_get(e->root, "metadata.annotations"), STR(CUSTOM_APPROVED_KEY)));
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "metadata"), "annotations"),
				*here = FIELD_KEY(path, STR(CUSTOM_APPROVED_KEY));
	enum custom_approval now = custom_approval(group, annotation, e->arena, &reason), old;

	old = e->old ? custom_approval(group, approved_of(e->old), e->arena, &(struct str){ 0 })
		     : CUSTOM_APPROVAL_NONE;
	if (now == old)
		return;
	if (now == CUSTOM_APPROVAL_MISSING)
		field_required(errors, here, reason.ptr);
	else if (now == CUSTOM_APPROVAL_INVALID)
		field_invalid_str(errors, here, annotation, reason.ptr);
}

static void check_preserving(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *keeps = json_mut_get(e->root, "spec.preserveUnknownFields");

	if (yyjson_mut_is_true(keeps) &&
	    !json_get_bool(e->old, "spec.preserveUnknownFields", false))
		field_invalid_val(errors,
				  FIELD_NAME(FIELD_NAME(NULL, "spec"), "preserveUnknownFields"),
				  keeps,
				  "cannot set to true, set x-kubernetes-preserve-unknown-fields to "
				  "true in spec.versions[*].schema instead");
}

/* A bundle without certificates comes in before the definition is at work, and stays. */
static void check_bundle(struct edit *e, struct str bundle, const struct field_path *path,
			 struct field_errors *errors)
{
	struct str before = json_get_str(e->old, "spec.conversion.webhook.clientConfig.caBundle");
	const char *problem = bundle.len ? ca_bundle_problem(bundle) : NULL;

	if (problem && custom_is_established(e->old) && !(before.len && ca_bundle_problem(before)))
		field_invalid_str(errors, path, bundle, problem);
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
		check_bundle(e, json_mut_get_str(config, "caBundle"),
			     FIELD_NAME(config_path, "caBundle"), errors);
		if (!yyjson_mut_arr_size(versions))
			field_required(errors, versions_path, "");
		else /* what was let in goes on */
			webhook_versions_validate(
				versions,
				!webhook_versions_are_known(json_get(
					e->old,
					"spec.conversion.webhook.conversionReviewVersions")),
				versions_path, errors);
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
	yyjson_mut_val *list = json_mut_get(e->root, "spec.versions");
	AUTO_JSON frozen = list ? json_freeze(list) : NULL;
	yyjson_val *versions = yyjson_doc_get_root(frozen);

	if (!str_eq(name, want))
		field_invalid_str(errors, FIELD_NAME(FIELD_NAME(NULL, "metadata"), "name"), name,
				  "must be spec.names.plural+\".\"+spec.group");
	check_group(e, spec, errors);
	check_versions(e, versions, spec, errors);
	check_names(e, spec, errors);
	check_alike(e, versions, spec, errors);
	check_conversion(e, errors);
	if (!e->subresource.len)
		check_stored(e, errors);
	check_approval(e, errors);
	check_preserving(e, errors);
}

static void crd_validate_update(struct edit *e, struct field_errors *errors)
{
	static const struct {
		const char *name;
		bool is_once_established;
	} fixed[] = { { "scope", true },
		      { "names.kind", true },
		      { "group", false },
		      { "names.plural", false } };
	const struct field_path *spec = FIELD_NAME(NULL, "spec");

	for (size_t i = 0; i < ARRAY_COUNT(fixed); i++) {
		yyjson_mut_val *now = json_mut_get(json_mut_get(e->root, "spec"), fixed[i].name);

		if (fixed[i].is_once_established && !custom_is_established(e->old))
			continue;
		if (!json_mixed_equal(now, json_get(json_get(e->old, "spec"), fixed[i].name)))
			field_invalid_val(errors, FIELD_NAME(spec, fixed[i].name), now,
					  "field is immutable");
	}
}

static void crd_prepare_status(struct edit *e)
{
	meta_keep(e, (const char *const[]){ "labels", "annotations", "ownerReferences", NULL });
}

/* --- warnings --- */

static bool is_noticed(const struct notices *notices, struct str text)
{
	for (size_t i = 0; i < notices->count; i++)
		if (str_eq(notices->items[i], text))
			return true;
	return false;
}

/* Formats that nothing is held to, in schema and below. */
static void note_formats(yyjson_val *schema, struct notices *notices)
{
	static const char *const lists[] = { "allOf", "anyOf", "oneOf" }, *const parts[] = {
		"items", "additionalProperties", "not"
	};
	struct str format = json_get_str(schema, "format"), text;

	if (!yyjson_is_obj(schema))
		return;
	text = str_printf_in(notices->arena, "unrecognized format \"" STR_FMT "\"",
			     STR_ARG(format));
	if (format.len && !structural_format_is_known(json_get_str(schema, "type"), format) &&
	    !is_noticed(notices, text))
		notices_add(notices, STR_FMT, STR_ARG(text));
	JSON_MEMBERS (key, member, yyjson_obj_get(schema, "properties"))
		note_formats(member, notices);
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
		JSON_EACH (member, yyjson_obj_get(schema, lists[i]))
			note_formats(member, notices);
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
		note_formats(yyjson_obj_get(schema, parts[i]), notices);
}

static void note_all_formats(yyjson_val *versions, struct notices *notices)
{
	JSON_EACH (version, versions)
		note_formats(json_get(version, "schema.openAPIV3Schema"), notices);
}

/* What was there before is not told of again. */
static void crd_warn(struct edit *e, struct notices *notices)
{
	yyjson_mut_val *list = json_mut_get(e->root, "spec.versions");
	AUTO_JSON frozen = list ? json_freeze(list) : NULL;
	struct notices old, now;

	if (e->subresource.len)
		return;
	notices_init(&old, e->arena);
	notices_init(&now, e->arena);
	note_all_formats(json_get(e->old, "spec.versions"), &old);
	note_all_formats(yyjson_doc_get_root(frozen), &now);
	for (size_t i = 0; i < now.count; i++)
		if (!is_noticed(&old, now.items[i]))
			notices_add(notices, STR_FMT, STR_ARG(now.items[i]));
}

const struct strategy strategy_crd = {
	.warn = crd_warn,
	.default_object = crd_default,
	.prepare_create = note_stored,
	.prepare_update = note_stored,
	.prepare_status_update = crd_prepare_status,
	.validate = crd_validate,
	.validate_update = crd_validate_update,
};
