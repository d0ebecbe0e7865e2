/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CertificateSigningRequest: what may be asked for, and who may write which part of the answer.
 * What is inside the PEM texts is checked where there is a library for it (apiserver). An update is
 * not refused for what was wrong already.
 */
#include "api/kinds/cells.h"
#include "api/kinds/frozen.h"
#include "api/rules.h"
#include "base/time.h"
#include "codec/json_index.h"

#define LEGACY_SIGNER "kubernetes.io/legacy-unknown"
#define SIGNER_FORM \
	"must be a fully qualified domain and path of the form 'example.com/signer-name'"
#define SIGNER_BYTES_MAX \
	(DNS_SUBDOMAIN_BYTES_MAX + 1 + DNS_LABEL_BYTES_MAX + 1 + DNS_SUBDOMAIN_BYTES_MAX)
#define USAGES                                                                                   \
	"any|cert sign|client auth|code signing|content commitment|crl sign|data encipherment|"  \
	"decipher only|digital signature|email protection|encipher only|ipsec end system|ipsec " \
	"tunnel|ipsec user|key agreement|key encipherment|microsoft sgc|netscape sgc|ocsp "      \
	"signing|s/mime|server auth|signing|timestamping"

/* What the stored object has already. */
struct before {
	bool has_both, has_repeated_type, has_empty_type, has_legacy_signer, has_odd_usage,
		has_repeated_usage;
};

static void look_at(yyjson_val *old, struct before *to)
{
	yyjson_val *conditions = json_get(old, "status.conditions"),
		   *usages = json_get(old, "spec.usages");
	bool approved = false, denied = false;
	AUTO_JSON_INDEX types = { .slots = NULL };
	AUTO_JSON_INDEX words = { .slots = NULL };

	json_index_init(&types, yyjson_arr_size(conditions));
	json_index_init(&words, yyjson_arr_size(usages));
	*to = (struct before){ .has_legacy_signer = str_eq_c(json_get_str(old, "spec.signerName"),
							     LEGACY_SIGNER) };
	JSON_EACH (condition, conditions) {
		struct str type = json_get_str(condition, "type");

		approved |= str_eq_c(type, "Approved");
		denied |= str_eq_c(type, "Denied");
		to->has_empty_type |= !type.len;
		to->has_repeated_type |= json_index_add(&types, type, condition) != NULL;
	}
	to->has_both = approved && denied;
	JSON_EACH (usage, usages) {
		to->has_odd_usage |= !schema_values_have(STR(USAGES), json_str(usage));
		to->has_repeated_usage |= json_index_add(&words, json_str(usage), usage) != NULL;
	}
}

/* ---- spec ---- */

static void check_part(const struct scope *s, const struct field_path *path, struct str part,
		       const char *(*problem)(struct str))
{
	struct str rest = part, label, problems, one;

	while (str_next_part(&rest, '.', &label)) {
		problems = str_from(problem(label));
		while (name_next_problem(&problems, &one))
			field_invalid_str(s->errors, path, part,
					  str_printf_in(s->errors->arena,
							"validating label \"" STR_FMT
							"\": " STR_FMT,
							STR_ARG(label), STR_ARG(one))
						  .ptr);
		if (problem(label))
			return; /* what follows would be the same again */
	}
}

static void check_signer(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	const struct before *before = s->own;
	struct str signer = json_mut_str(v), domain, rest;

	if (str_eq_c(signer, LEGACY_SIGNER) && !before->has_legacy_signer) {
		field_invalid_str(s->errors, path, signer,
				  "the legacy signerName is not allowed via this API version");
		return;
	}
	if (!signer.len) {
		field_required(s->errors, path, "");
		return;
	}
	if (!str_cut(signer, '/', &domain, &rest) || str_find_char(rest, '/', 0) != SIZE_MAX) {
		field_invalid_str(s->errors, path, signer, SIGNER_FORM);
		return;
	}
	if (domain.len > DNS_SUBDOMAIN_BYTES_MAX)
		field_too_long(s->errors, path, DNS_SUBDOMAIN_BYTES_MAX);
	check_part(s, path, domain, name_label_problem);
	if (str_find_char(domain, '.', 0) == SIZE_MAX)
		field_invalid_str(
			s->errors, path, domain,
			"should be a domain with at least two segments separated by dots");
	check_part(s, path, rest, name_subdomain_problem);
	if (signer.len > SIGNER_BYTES_MAX)
		field_too_long(s->errors, path, SIGNER_BYTES_MAX);
}

static void check_usages(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule no_repeats[] = { RULE_DISTINCT(NULL), { 0 } };
	const struct before *before = s->own;
	size_t i = 0;

	JSON_MUT_EACH (usage, v) {
		if (!before->has_odd_usage && !schema_values_have(STR(USAGES), json_mut_str(usage)))
			field_unsupported(s->errors, FIELD_INDEX(path, i), json_mut_str(usage),
					  USAGES);
		i++;
	}
	if (!before->has_repeated_usage)
		rules_check(s, no_repeats, path, v);
}

/* ---- status ---- */

static bool is_decision(struct str type)
{
	return str_eq_c(type, "Approved") || str_eq_c(type, "Denied");
}

static void check_condition_status(const struct scope *s, const struct field_path *path,
				   yyjson_mut_val *condition)
{
	struct str type = json_mut_get_str(condition, "type"),
		   status = json_mut_get_str(condition, "status");
	const char *values = is_decision(type) || str_eq_c(type, "Failed") ? "True"
									   : "False|True|Unknown";

	if (!status.len)
		field_required(s->errors, FIELD_NAME(path, "status"), "");
	else if (!schema_values_have(str_from(values), status))
		field_unsupported(s->errors, FIELD_NAME(path, "status"), status, values);
}

static void check_conditions(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	const struct before *before = s->own;
	bool approved = false, denied = false;
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	json_index_init(&seen, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (condition, v) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str type = json_mut_get_str(condition, "type");

		if (!type.len && !before->has_empty_type)
			field_required(s->errors, FIELD_NAME(here, "type"), "");
		check_condition_status(s, here, condition);
		approved |= str_eq_c(type, "Approved");
		denied |= str_eq_c(type, "Denied");
		if (is_decision(type) && approved && denied && !before->has_both)
			field_invalid_str(s->errors, path, type,
					  "Approved and Denied conditions are mutually exclusive");
		if (json_index_add(&seen, type, condition) && !before->has_repeated_type)
			field_duplicate_str(s->errors, FIELD_NAME(here, "type"), type);
	}
}

static const struct rule spec_rules[] = {
	RULE_NEED("usages", ""),
	RULE_CALL("usages", check_usages),
	RULE_CALL("signerName", check_signer),
	RULE_RANGE("expirationSeconds", 600, INT64_MAX,
		   "may not specify a duration less than 600 seconds (10 minutes)"),
	{ 0 },
};

static const struct rule status_rules[] = {
	RULE_CALL("conditions", check_conditions),
	{ 0 },
};

static const struct rule request_rules[] = {
	RULE_INSIDE("spec", spec_rules),
	RULE_INSIDE("status", status_rules),
	{ 0 },
};

static void request_validate(struct edit *e, struct field_errors *errors)
{
	struct before before;
	struct scope scope = { .edit = e, .errors = errors, .own = &before };

	look_at(e->old, &before);
	rules_check(&scope, request_rules, NULL, e->root);
}

/* ---- updates ---- */

static size_t count_of(yyjson_val *list, const char *type)
{
	size_t count = 0;

	JSON_EACH (condition, list)
		count += str_eq_c(json_get_str(condition, "type"), type);
	return count;
}

static size_t mut_count_of(yyjson_mut_val *list, const char *type)
{
	size_t count = 0;

	JSON_MUT_EACH (condition, list)
		count += str_eq_c(json_mut_get_str(condition, "type"), type);
	return count;
}

static void check_counts(struct edit *e, struct field_errors *errors)
{
	static const char *const types[] = { "Approved", "Denied", "Failed" };
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "status"), "conditions");
	yyjson_val *old = json_get(e->old, "status.conditions");
	yyjson_mut_val *now = json_mut_get(e->root, "status.conditions");

	for (size_t i = 0; i < ARRAY_COUNT(types); i++)
		if (mut_count_of(now, types[i]) < count_of(old, types[i]))
			field_error_add(errors, FIELD_FORBIDDEN, path,
					"updates may not remove a condition of type \"%s\"",
					types[i]);
	for (size_t i = 0; i < 2 && !str_eq_c(e->subresource, "approval"); i++)
		if (mut_count_of(now, types[i]) > count_of(old, types[i]))
			field_error_add(errors, FIELD_FORBIDDEN, path,
					"updates may not add a condition of type \"%s\"", types[i]);
}

static void request_validate_status(struct edit *e, struct field_errors *errors)
{
	struct str old = json_get_str(e->old, "status.certificate");

	request_validate(e, errors);
	check_counts(e, errors);
	if (old.len && !str_eq(old, json_mut_get_str(e->root, "status.certificate")))
		field_forbidden(errors, FIELD_NAME(FIELD_NAME(NULL, "status"), "certificate"),
				"updates may not modify existing certificate content");
}

/* What was asked for stays. */
static void request_prepare_update(struct edit *e)
{
	frozen_take_old(e->doc, e->root, e->old, "spec");
}

/* Decisions are made by approval: as many of a kind as before are those of before. */
static void keep_decisions(struct edit *e, const char *type)
{
	yyjson_val *old = json_get(e->old, "status.conditions");
	yyjson_mut_val *now = json_mut_get(e->root, "status.conditions");
	yyjson_mut_val *kept;
	yyjson_arr_iter before = json_arr_iter(old);

	if (!yyjson_mut_is_arr(now) || count_of(old, type) != mut_count_of(now, type))
		return;
	kept = yyjson_mut_arr(e->doc);
	JSON_MUT_EACH (condition, now) {
		yyjson_val *one = NULL;

		if (str_eq_c(json_mut_get_str(condition, "type"), type))
			do
				one = yyjson_arr_iter_next(&before);
			while (one && !str_eq_c(json_get_str(one, "type"), type));
		yyjson_mut_arr_append(kept, one ? json_copy(e->doc, one)
						: json_mut_copy(e->doc, condition));
	}
	json_set_path(e->doc, e->root, "status.conditions", kept);
}

static struct str state_of(struct edit *e, struct str type, struct str status)
{
	return str_printf_in(e->arena, STR_FMT "=" STR_FMT, STR_ARG(type), STR_ARG(status));
}

/* Conditions of before that say when they changed, by type and status. */
static void index_changes(struct edit *e, struct json_index *to)
{
	yyjson_val *conditions = json_get(e->old, "status.conditions");

	json_index_init(to, yyjson_arr_size(conditions));
	JSON_EACH (old, conditions)
		if (json_get_str(old, "lastTransitionTime").len)
			(void)json_index_add(
				to,
				state_of(e, json_get_str(old, "type"), json_get_str(old, "status")),
				old);
}

/* A condition keeps the time of its last change while its status stays. */
static void fill_times(struct edit *e, yyjson_mut_val *condition, const struct json_index *changes)
{
	char text[TIME_TEXT_BYTES];
	struct str now = str_from(time_format(e->now_ns, text));
	yyjson_val *old;

	if (!json_mut_get_str(condition, "lastUpdateTime").len)
		json_set_str(e->doc, condition, "lastUpdateTime", now);
	if (json_mut_get_str(condition, "lastTransitionTime").len)
		return;
	old = json_index_get(changes, state_of(e, json_mut_get_str(condition, "type"),
					       json_mut_get_str(condition, "status")));
	json_set_str(e->doc, condition, "lastTransitionTime",
		     old ? json_get_str(old, "lastTransitionTime") : now);
}

static void request_prepare_status(struct edit *e)
{
	yyjson_mut_val *status = json_ensure_object(e->doc, e->root, "status");
	AUTO_JSON_INDEX changes = { .slots = NULL };

	if (str_eq_c(e->subresource, "approval")) {
		frozen_take_old(e->doc, status, json_get(e->old, "status"), "certificate");
	} else {
		keep_decisions(e, "Approved");
		keep_decisions(e, "Denied");
	}
	index_changes(e, &changes);
	JSON_MUT_EACH (condition, yyjson_mut_obj_get(status, "conditions"))
		fill_times(e, condition, &changes);
}

static const char *any_name(struct str name, bool is_prefix)
{
	(void)name;
	(void)is_prefix;
	return NULL;
}

const struct strategy strategy_signing_request = {
	.prepare_update = request_prepare_update,
	.prepare_status_update = request_prepare_status,
	.validate = request_validate,
	.validate_status_update = request_validate_status,
	.name_problem = any_name,
	.cells = signing_request_cells,
};
