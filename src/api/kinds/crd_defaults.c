/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults of a definition's schema: each must be what its own schema would let through. */
#include "api/kinds/crd.h"
#include "api/structural.h"
#include "codec/json.h"
#include "cel/rules.h"

struct reporter {
	struct cel_problems problems;
	struct field_errors *errors; /* NULL: nobody wants to know */
	const struct field_path *path;
};

static void report(struct cel_problems *problems, const struct cel_problem *problem)
{
	struct reporter *reporter = CONTAINER_OF(problems, struct reporter, problems);

	if (reporter->errors)
		structural_report(reporter->errors, reporter->path, problem);
}

/* Rules that do not compile are told of where they stand. */
static void run_rules(struct crd_schema_check *c, yyjson_val *value, yyjson_val *schema,
		      const struct field_path *path)
{
	struct reporter reporter = { .problems = { .report = report }, .path = path };
	struct cel_rules_run run = { .problems = &reporter.problems, .budget = CEL_BUDGET_MAX };
	const struct cel_rules *rules;
	AUTO_ARENA arena = { 0 };
	AUTO_ARENA scratch = { 0 };
	bool failed = false;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	arena_init(&scratch, ARENA_DEFAULT_MAX);
	rules = cel_rules_compile_part(&arena, schema, &reporter.problems, &failed);
	if (!rules)
		return;
	run.scratch = &scratch;
	reporter.errors = c->errors;
	cel_rules_run(rules, &run, cel_json(value, cel_rules_type(rules)), NULL);
}

static void check_default(struct crd_schema_check *c, yyjson_val *value, yyjson_val *schema,
			  const struct field_path *path)
{
	struct structural s = { schema, &c->names };
	AUTO_JSON_MUT doc = json_new();
	size_t before = c->errors->seen;
	yyjson_mut_val *kept = structural_copy(doc, value, s, path, NULL);
	struct err err = { 0 };

	if (!structural_is_pruned(value, s)) {
		c->broken |= CRD_RULE_DEFAULTS_PRUNED;
		if (!(c->tolerated & CRD_RULE_DEFAULTS_PRUNED))
			crd_invalid_val(c->errors, path, value, "must not have unknown fields");
	}
	if (structural_decode_resources(doc, kept, s, false, &err) < 0)
		crd_invalid_val(c->errors, path, value,
				str_c_in(c->errors->arena, str_from(err.msg)));
	structural_validate_resources(kept, s, path, c->errors);
	structural_validate_at(kept, s, path, c->errors);
	if (c->errors->seen == before)
		run_rules(c, value, schema, path);
}

/* Inside of metadata what its type does not know comes to nothing. */
static void check_meta_default(struct crd_schema_check *c, yyjson_val *value, yyjson_val *schema,
			       const struct field_path *path)
{
	struct structural s = { schema, &c->names };
	AUTO_JSON_MUT doc = json_new();
	size_t before = c->errors->seen;

	structural_validate_at(json_copy(doc, value), s, path, c->errors);
	if (c->errors->seen == before)
		run_rules(c, value, schema, path);
}

static bool is_of_resource(yyjson_val *schema, struct str name)
{
	return structural_is(schema, "x-kubernetes-embedded-resource") &&
	       (str_eq_c(name, "metadata") || str_eq_c(name, "kind") ||
		str_eq_c(name, "apiVersion"));
}

static void check_all(struct crd_schema_check *c, yyjson_val *schema, const struct field_path *path,
		      bool in_metadata)
{
	yyjson_val *value = yyjson_obj_get(schema, "default"),
		   *items = yyjson_obj_get(schema, "items");

	if (structural_is(schema, "x-kubernetes-embedded-resource"))
		in_metadata = false;
	if (value && in_metadata)
		check_meta_default(c, value, schema, FIELD_NAME(path, "default"));
	else if (value)
		check_default(c, value, schema, FIELD_NAME(path, "default"));
	if (yyjson_is_obj(items))
		check_all(c, items, FIELD_NAME(path, "items"), in_metadata);
	JSON_MEMBERS (key, member, yyjson_obj_get(schema, "properties"))
		check_all(c, member, FIELD_KEY(FIELD_NAME(path, "properties"), json_str(key)),
			  in_metadata || is_of_resource(schema, json_str(key)));
}

/* Those in additionalProperties are never used. */
void crd_defaults_check(struct crd_schema_check *c, yyjson_val *schema,
			const struct field_path *path)
{
	structural_names_init(&c->names);
	check_all(c, schema, path, false);
	structural_names_deinit(&c->names);
}
