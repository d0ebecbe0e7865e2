/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ValidatingAdmissionPolicy sees objects of many kinds, so that its expressions are compiled
 * without knowing their types. Here they are checked against the types that its rules name, as far
 * as those are known; what is found are warnings.
 */
#include <stdlib.h>

#include "api/admission_expression.h"
#include "api/custom.h"
#include "api/kind.h"
#include "api/schema_type.h"
#include "base/attr.h"
#include "controllers/controller.h"
#include "controllers/policy_status.h"

#define KINDS_MAX 10 /* of one rule, as upstream */
#define WARNING_BYTES_MAX (64u << 10)

struct checked_kind {
	struct str group, version, kind;
	const struct cel_type *type;
};

struct plan {
	struct arena *arena;
	const struct policy_definitions *definitions;
	yyjson_val *spec;
	struct checked_kind kinds[64];
	size_t count;
	const struct cel_type *params;
};

/* ---- kinds ---- */

static yyjson_val *custom_version(const struct obj *definition, struct str version)
{
	JSON_EACH (v, json_get(definition->root, "spec.versions"))
		if (str_eq(json_get_str(v, "name"), version))
			return v;
	return NULL;
}

static const struct cel_type *custom_type(struct plan *p, const struct obj *definition,
					  struct str version)
{
	yyjson_val *v = custom_version(definition, version);

	return v ? schema_type_custom(p->arena, json_get(v, "schema.openAPIV3Schema")) : NULL;
}

/* Either by its plural or by its name. */
static bool find_kind(struct plan *p, struct str group, struct str version, const char *member,
		      struct str wanted, struct checked_kind *ret)
{
	bool by_plural = str_eq_c(str_from(member), "plural");

	for (size_t i = 0; i < kind_count; i++) {
		const struct kind *kind = kind_table[i];

		if (!str_eq(kind->group, group) || !str_eq(kind->version, version) ||
		    !str_eq(by_plural ? kind->plural : kind->name, wanted))
			continue;
		*ret = (struct checked_kind){ group, version, kind->name,
					      schema_type_new(p->arena, kind->schema) };
		return true;
	}
	for (size_t i = 0; i < p->definitions->count; i++) {
		const struct obj *definition = p->definitions->items[i];
		yyjson_val *names = json_get(definition->root, "spec.names");

		if (!str_eq(json_get_str(definition->root, "spec.group"), group) ||
		    !str_eq(json_get_str(names, member), wanted))
			continue;
		*ret = (struct checked_kind){ group, version, json_get_str(names, "kind"),
					      custom_type(p, definition, version) };
		return ret->type != NULL;
	}
	return false;
}

static void add_kind(struct plan *p, const struct checked_kind *kind)
{
	for (size_t i = 0; i < p->count; i++)
		if (str_eq(p->kinds[i].group, kind->group) &&
		    str_eq(p->kinds[i].version, kind->version) &&
		    str_eq(p->kinds[i].kind, kind->kind))
			return;
	if (p->count < ARRAY_COUNT(p->kinds))
		p->kinds[p->count++] = *kind;
}

/* A star says nothing of types, nor does a subresource of its resource's. */
static bool has_star(yyjson_val *list)
{
	JSON_EACH (item, list)
		if (str_find_char(json_str(item), '*', 0) != SIZE_MAX)
			return true;
	return false;
}

static void add_rule(struct plan *p, yyjson_val *rule)
{
	yyjson_val *groups = json_get(rule, "apiGroups"), *versions = json_get(rule, "apiVersions"),
		   *resources = json_get(rule, "resources");
	struct checked_kind found;
	size_t count = 0;

	if (has_star(groups) || has_star(versions))
		return;
	JSON_EACH (group, groups) {
		JSON_EACH (version, versions) {
			JSON_EACH (resource, resources) {
				if (count == KINDS_MAX ||
				    !find_kind(p, json_str(group), json_str(version), "plural",
					       json_str(resource), &found))
					continue;
				add_kind(p, &found);
				count++;
			}
		}
	}
}

static int by_name(const void *a, const void *b)
{
	const struct checked_kind *x = a, *y = b;
	int order = str_cmp(x->group, y->group);

	if (!order)
		order = str_cmp(x->version, y->version);
	return order ? order : str_cmp(x->kind, y->kind);
}

static void find_params(struct plan *p)
{
	yyjson_val *param = json_get(p->spec, "paramKind");
	struct checked_kind found;
	struct str group, version;

	if (!str_cut(json_get_str(param, "apiVersion"), '/', &group, &version)) {
		version = group;
		group = STR_NONE;
	}
	if (param && find_kind(p, group, version, "kind", json_get_str(param, "kind"), &found))
		p->params = found.type;
}

/* ---- expressions ---- */

static void check(struct plan *p, struct str text, struct buf *to)
{
	for (size_t i = 0; i < p->count; i++) {
		struct admission_types types = { p->kinds[i].type, p->params };
		unsigned features = ADMISSION_HAS_VARIABLES |
				    (p->params ? ADMISSION_HAS_PARAMS : 0);
		struct admission_set *set = admission_set_new(p->arena, features, &types);
		struct admission_expression expression;
		struct str problem;

		admission_set_add_variables(set, json_get(p->spec, "variables"));
		admission_compile(set, text, &admission_result_any, &expression);
		if (expression.program)
			continue;
		problem = expression.problem;
		(void)str_strip_prefix(
			&problem, STR("compilation failed: ")); /* a check says nothing of it */
		buf_printf(to, "%s" STR_FMT "/" STR_FMT ", Kind=" STR_FMT ": " STR_FMT "\n",
			   to->len ? "\n" : "", STR_ARG(p->kinds[i].group),
			   STR_ARG(p->kinds[i].version), STR_ARG(p->kinds[i].kind),
			   STR_ARG(problem));
	}
}

static void check_expression(struct plan *p, yyjson_mut_doc *doc, yyjson_mut_val *type_checking,
			     struct str text, struct str place)
{
	AUTO_BUF found = { 0 };
	yyjson_mut_val *warning;

	if (!text.len)
		return;
	buf_init(&found, WARNING_BYTES_MAX);
	check(p, text, &found);
	if (!found.len)
		return;
	warning = json_append_object(doc,
				     json_ensure_array(doc, type_checking, "expressionWarnings"));
	json_set_str(doc, warning, "fieldRef", place);
	json_set_str(doc, warning, "warning", buf_str(&found));
}

yyjson_mut_doc *policy_status_plan(const struct obj *policy,
				   const struct policy_definitions *definitions)
{
	AUTO_ARENA arena = { 0 };
	struct plan p = { .arena = &arena,
			  .definitions = definitions,
			  .spec = json_get(policy->root, "spec") };
	yyjson_mut_val *status, *type_checking;
	yyjson_mut_doc *doc;
	size_t i = 0;

	if (json_get_int(policy->root, "status.observedGeneration", 0) >= policy->generation)
		return NULL;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	JSON_EACH (rule, json_get(p.spec, "matchConstraints.resourceRules"))
		add_rule(&p, rule);
	qsort(p.kinds, p.count, sizeof(p.kinds[0]), by_name);
	find_params(&p);
	status = status_patch_new(&doc);
	json_set_int(doc, status, "observedGeneration", policy->generation);
	type_checking = json_set_object(doc, status, "typeChecking");
	JSON_EACH (validation, json_get(p.spec, "validations")) {
		check_expression(&p, doc, type_checking, json_get_str(validation, "expression"),
				 str_printf_in(&arena, "spec.validations[%zu].expression", i));
		check_expression(
			&p, doc, type_checking, json_get_str(validation, "messageExpression"),
			str_printf_in(&arena, "spec.validations[%zu].messageExpression", i));
		i++;
	}
	if (!json_mut_get(type_checking, "expressionWarnings"))
		json_set(doc, type_checking, "expressionWarnings", yyjson_mut_null(doc));
	return doc;
}
