/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a schema → programs, with all that a CustomResourceDefinition is refused for. */
#include <stdio.h>

#include "base/num.h"
#include "cel/cel_internal.h"
#include "cel/rules_internal.h"

#define EXPENSIVE_MAX 4 /* rules that are named when the whole schema costs too much */
#define ADVICE                                                                               \
	"(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where " \
	"arrays, maps, and strings "                                                         \
	"are declared)"

struct expensive {
	struct str path;
	uint64_t cost;
};

struct compiler {
	struct arena *arena;
	struct cel_problems *problems;
	bool failed;
	bool full;
	uint64_t total;
	struct expensive expensive[EXPENSIVE_MAX];
	size_t expensive_count;
};

/* Where in the schema. */
struct place {
	yyjson_val *schema;
	struct str path;
	uint64_t cardinality;	   /* how often a rule here may run for one object */
	struct str uncorrelatable; /* the path from which on values have no old ones; empty = they
				      have */
};

static void report(struct compiler *c, enum cel_reason reason, struct str path, struct str value,
		   struct str detail)
{
	struct cel_problem problem = {
		.reason = reason, .path = path, .value = value, .detail = detail
	};

	c->failed = true;
	c->problems->report(c->problems, &problem);
}

/* What is wrong with one of its expressions is told of a rule as a whole. */
static void report_rule(struct compiler *c, yyjson_val *rule, struct str path, struct str value,
			struct str detail)
{
	struct cel_problem problem = { .reason = CEL_REASON_INVALID,
				       .path = path,
				       .value = value,
				       .detail = detail,
				       .rule = rule };

	c->failed = true;
	c->problems->report(c->problems, &problem);
}

static void report_bare(struct compiler *c, struct str path, struct str value, struct str detail)
{
	struct cel_problem problem = { .reason = CEL_REASON_INVALID,
				       .path = path,
				       .value = value,
				       .detail = detail,
				       .is_bare = true };

	c->failed = true;
	c->problems->report(c->problems, &problem);
}

static struct str exceeds(struct compiler *c, const char *what, uint64_t cost, uint64_t max)
{
	double factor = (double)cost / (double)max;

	if (factor > 100)
		return str_printf_in(c->arena,
				     "%s exceeds budget by factor of more than 100x " ADVICE, what);
	return str_printf_in(c->arena,
			     factor < 1.5 ? "%s exceeds budget by factor of %fx " ADVICE
					  : "%s exceeds budget by factor of %.1fx " ADVICE,
			     what, factor);
}

static void count_cost(struct compiler *c, struct str path, uint64_t cost)
{
	size_t at;

	if (__builtin_add_overflow(c->total, cost, &c->total))
		c->total = UINT64_MAX;
	if (cost < CEL_CRD_ESTIMATE_MAX / 100)
		return;
	for (at = c->expensive_count; at > 0 && c->expensive[at - 1].cost < cost; at--)
		if (at < EXPENSIVE_MAX)
			c->expensive[at] = c->expensive[at - 1];
	if (at == EXPENSIVE_MAX)
		return;
	c->expensive[at] = (struct expensive){ path, cost };
	if (c->expensive_count < EXPENSIVE_MAX)
		c->expensive_count++;
}

static void check_cost(struct compiler *c, const struct place *place,
		       const struct cel_program *program, struct str path, const char *what)
{
	uint64_t cost = cel_cost_times(cel_program_cost(program).max, place->cardinality);

	if (cost > CEL_EXPRESSION_ESTIMATE_MAX)
		report(c, CEL_REASON_FORBIDDEN, path, STR_NONE,
		       exceeds(c, what, cost, CEL_EXPRESSION_ESTIMATE_MAX));
	count_cost(c, path, cost);
}

static const struct cel_env *make_env(struct compiler *c, const struct cel_type *self,
				      bool optional_old)
{
	struct cel_env *env = ARENA_NEW(c->arena, struct cel_env);
	struct cel_variable *variables = arena_array(c->arena, 2, sizeof(*variables));
	struct cel_type *optional = ARENA_NEW(c->arena, struct cel_type);

	*optional = (struct cel_type){ .kind = CEL_OPTIONAL,
				       .element = self,
				       .size_max = CEL_SIZE_UNKNOWN };
	variables[0] = (struct cel_variable){ STR("self"), self };
	variables[1] = (struct cel_variable){ STR("oldSelf"), optional_old ? optional : self };
	*env = (struct cel_env){ .variables = variables, .variable_count = 2 };
	return env;
}

/* name: which expression of the rule. */
static const struct cel_program *compile(struct compiler *c, const struct cel_env *env,
					 yyjson_val *rule, const char *name, struct str path)
{
	struct str text = json_get_str(rule, name);
	bool is_message = strcmp(name, "messageExpression") == 0;
	AUTO_BUF messages = { 0 };
	const struct cel_program *program;
	struct str problem;

	buf_init(&messages, CEL_ERROR_BYTES_MAX);
	program = cel_compile(c->arena, env, text, &messages);
	problem = buf_str(&messages);
	if (is_message)
		(void)str_strip_prefix(&problem, STR("program ")); /* says the same of both */
	if (!program)
		report_rule(c, rule, path, text,
			    str_printf_in(c->arena, "%s" STR_FMT,
					  is_message ? "messageExpression " : "",
					  STR_ARG(problem)));
	return program;
}

static enum cel_reason reason_named(struct str name)
{
	static const char *const names[] = { "FieldValueInvalid", "FieldValueForbidden",
					     "FieldValueRequired", "FieldValueDuplicate" };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (str_eq_c(name, names[i]))
			return (enum cel_reason)i;
	return CEL_REASON_INVALID;
}

static bool is_blank(struct str s)
{
	return str_trim(s).len == 0;
}

static void compile_message(struct compiler *c, const struct place *place,
			    const struct cel_env *env, yyjson_val *v, struct str path,
			    struct cel_rule *rule)
{
	struct str text = json_get_str(v, "messageExpression");
	struct str at = str_printf_in(c->arena, STR_FMT ".messageExpression", STR_ARG(path));
	const struct cel_program *program;

	if (text.len == 0)
		return;
	if (is_blank(text)) {
		report(c, CEL_REASON_REQUIRED, at, STR_NONE,
		       STR("messageExpression must be non-empty if specified"));
		return;
	}
	program = compile(c, env, v, "messageExpression", at);
	if (!program)
		return;
	if (cel_program_type(program)->kind != CEL_STRING) {
		report_rule(c, v, at, text, STR("messageExpression must evaluate to a string"));
		return;
	}
	check_cost(c, place, program, at, "estimated messageExpression cost");
	rule->message_program = program;
	rule->message_expression = text;
}

static void compile_rule(struct compiler *c, const struct place *place, const struct cel_type *type,
			 yyjson_val *v, size_t index, struct cel_rule *rule)
{
	struct str path = str_printf_in(c->arena, STR_FMT ".x-kubernetes-validations[%zu]",
					STR_ARG(place->path), index);
	struct str at = str_printf_in(c->arena, STR_FMT ".rule", STR_ARG(path));
	const struct cel_env *env;

	rule->text = json_get_str(v, "rule");
	rule->message = json_get_str(v, "message");
	rule->field_path = json_get_str(v, "fieldPath");
	rule->reason = reason_named(json_get_str(v, "reason"));
	rule->optional_old = json_get_bool(v, "optionalOldSelf", false);
	if (is_blank(rule->text)) {
		report(c, CEL_REASON_REQUIRED, at, STR_NONE, STR("rule is not specified"));
		return;
	}
	env = make_env(c, type, rule->optional_old);
	rule->program = compile(c, env, v, "rule", at);
	if (rule->program && cel_program_type(rule->program)->kind != CEL_BOOL) {
		report_rule(c, v, at, rule->text, STR("cel expression must evaluate to a bool"));
		rule->program = NULL;
	}
	if (rule->program) {
		check_cost(c, place, rule->program, at, "estimated rule cost");
		compile_message(c, place, env, v, path, rule);
		rule->uses_old = cel_program_uses(rule->program, STR("oldSelf"));
	}
	if (rule->uses_old && place->uncorrelatable.len > 0)
		report(c, CEL_REASON_INVALID, at, rule->text,
		       str_printf_in(c->arena,
				     "oldSelf cannot be used on the uncorrelatable portion of the "
				     "schema within " STR_FMT,
				     STR_ARG(place->uncorrelatable)));
	if (!rule->uses_old && json_key(v, STR("optionalOldSelf")))
		report_bare(c, str_printf_in(c->arena, STR_FMT ".optionalOldSelf", STR_ARG(path)),
			    rule->optional_old ? STR("true") : STR("false"),
			    STR("may not be set if oldSelf is not used in rule"));
}

static const struct cel_rules *compile_node(struct compiler *c, const struct place *place,
					    const struct cel_type *type, bool is_resource);

static const struct cel_type *type_below(struct compiler *c, yyjson_val *schema,
					 const struct cel_type *known, bool *ret_embedded)
{
	*ret_embedded = json_bool(json_key(schema, STR("x-kubernetes-embedded-resource")), false);
	return known ? known : cel_schema_type(c->arena, schema, *ret_embedded);
}

/* Never empty. */
static struct str place_text(struct compiler *c, const struct place *place)
{
	struct str base = c->problems->base;

	if (!base.len && !place->path.len)
		base = STR("openAPIV3Schema");
	return str_printf_in(c->arena, STR_FMT STR_FMT, STR_ARG(base), STR_ARG(place->path));
}

static const struct cel_rules *compile_items(struct compiler *c, const struct place *place,
					     const struct cel_type *type)
{
	struct str kind = json_str(json_key(place->schema, STR("x-kubernetes-list-type")));
	struct place below = *place;
	const struct cel_type *element;
	bool embedded;

	below.schema = json_get(place->schema, "items");
	if (!below.schema || !type || type->kind != CEL_LIST)
		return NULL;
	below.path = str_printf_in(c->arena, STR_FMT ".items", STR_ARG(place->path));
	below.cardinality = cel_cost_times(place->cardinality, type->size_max);
	if (below.uncorrelatable.len == 0 && !str_eq_c(kind, "map"))
		below.uncorrelatable = place_text(c, place);
	element = type_below(c, below.schema, type->element, &embedded);
	return compile_node(c, &below, element, embedded);
}

static const struct cel_rules *compile_additional(struct compiler *c, const struct place *place,
						  const struct cel_type *type)
{
	struct place below = *place;
	const struct cel_type *element;
	bool embedded;

	below.schema = json_get(place->schema, "additionalProperties");
	if (!yyjson_is_obj(below.schema) || !type || type->kind != CEL_MAP)
		return NULL;
	below.path = str_printf_in(c->arena, STR_FMT ".additionalProperties", STR_ARG(place->path));
	below.cardinality = cel_cost_times(place->cardinality, type->size_max);
	element = type_below(c, below.schema, type->element, &embedded);
	return compile_node(c, &below, element, embedded);
}

static void compile_properties(struct compiler *c, const struct place *place,
			       const struct cel_type *type, struct cel_rules *rules)
{
	yyjson_val *properties = json_get(place->schema, "properties");

	rules->properties = arena_array(c->arena, yyjson_obj_size(properties) + 1,
					sizeof(*rules->properties));
	JSON_MEMBERS (key, property, properties) {
		const struct cel_field *field = NULL;
		struct place below = *place;
		const struct cel_rules *found;
		const struct cel_type *element;
		struct str name;
		bool embedded;

		if (c->full)
			break;
		if (type && type->kind == CEL_OBJECT && cel_escape(c->arena, json_str(key), &name))
			field = type->fields->find(type, name);
		below.schema = property;
		below.path = str_printf_in(c->arena, STR_FMT ".properties[" STR_FMT "]",
					   STR_ARG(place->path), STR_ARG(json_str(key)));
		if (rules->foreign_map && below.uncorrelatable.len == 0)
			below.uncorrelatable = place_text(c, place);
		element = type_below(c, property, field ? field->type : NULL, &embedded);
		found = compile_node(c, &below, element, embedded);
		if (found)
			rules->properties[rules->property_count++] = (struct cel_rules_member){
				json_str(key), found
			};
	}
}

static void compile_here(struct compiler *c, const struct place *place, const struct cel_type *type,
			 struct cel_rules *rules)
{
	yyjson_val *list = json_key(place->schema, STR("x-kubernetes-validations"));
	size_t index = 0;

	if (yyjson_arr_size(list) == 0 ||
	    (c->problems->is_skipped && c->problems->is_skipped(c->problems, place->schema)))
		return;
	if (!type) {
		report(c, CEL_REASON_INVALID, place->path, STR_NONE,
		       str_printf_in(
			       c->arena,
			       "rule declared on schema that does not support validation rules "
			       "type: '" STR_FMT "' x-kubernetes-preserve-unknown-fields: '%s'",
			       STR_ARG(rules->schema_type),
			       json_bool(json_key(place->schema,
						  STR("x-kubernetes-preserve-unknown-fields")),
					 false)
				       ? "true"
				       : "false"));
		return;
	}
	rules->rules = arena_array(c->arena, yyjson_arr_size(list), sizeof(*rules->rules));
	JSON_EACH (rule, list) {
		compile_rule(c, place, type, rule, index, &rules->rules[index]);
		rules->rule_count = ++index;
	}
}

/* Members of maps, merged one by one or replaced as a whole, stand for each other by their names;
 * of other kinds of maps nothing is known. */
static bool is_foreign_map(yyjson_val *schema)
{
	struct str kind = json_str(json_key(schema, STR("x-kubernetes-map-type")));

	return kind.len > 0 && !str_eq_c(kind, "granular") && !str_eq_c(kind, "atomic");
}

static const struct cel_rules *compile_node(struct compiler *c, const struct place *place,
					    const struct cel_type *type, bool is_resource)
{
	struct cel_rules *rules;

	if (c->full || cel_arena_is_full(c->arena)) {
		if (!c->full)
			report(c, CEL_REASON_INVALID, STR(""), STR_NONE,
			       STR("the schema and its rules take too much memory"));
		c->full = true;
		return NULL;
	}
	rules = ARENA_NEW(c->arena, struct cel_rules);
	rules->type = type;
	rules->schema_type = json_get_str(place->schema, "type");
	if (rules->schema_type.len == 0 && is_resource)
		rules->schema_type = STR("object");
	rules->foreign_map = is_foreign_map(place->schema);
	rules->additional = compile_additional(c, place, type);
	compile_properties(c, place, type, rules);
	rules->items = compile_items(c, place, type);
	compile_here(c, place, type, rules);
	return rules->rule_count || rules->items || rules->additional || rules->property_count
		       ? rules
		       : NULL;
}

static const struct cel_rules *compile_all(struct compiler *c, yyjson_val *schema, bool is_resource,
					   bool *ret_failed)
{
	struct place root = { .schema = schema, .path = STR(""), .cardinality = 1 };
	const struct cel_rules *rules;

	rules = compile_node(c, &root, cel_schema_type(c->arena, schema, is_resource), is_resource);
	if (c->total > CEL_CRD_ESTIMATE_MAX) {
		for (size_t i = 0; i < c->expensive_count; i++)
			report(c, CEL_REASON_FORBIDDEN, c->expensive[i].path, STR_NONE,
			       STR("contributed to estimated rule cost total exceeding cost limit "
				   "for entire OpenAPIv3 schema"));
		report(c, CEL_REASON_FORBIDDEN, STR(""), STR_NONE,
		       exceeds(c,
			       "x-kubernetes-validations estimated rule cost total for entire "
			       "OpenAPIv3 schema",
			       c->total, CEL_CRD_ESTIMATE_MAX));
	}
	*ret_failed = c->failed;
	return c->failed ? NULL : rules;
}

const struct cel_rules *cel_rules_compile(struct arena *arena, yyjson_val *schema,
					  struct cel_problems *problems, bool *ret_failed)
{
	struct compiler *c = ARENA_NEW(arena, struct compiler);

	*c = (struct compiler){ .arena = arena, .problems = problems };
	return compile_all(c, schema, true, ret_failed);
}

const struct cel_rules *cel_rules_compile_part(struct arena *arena, yyjson_val *schema,
					       struct cel_problems *problems, bool *ret_failed)
{
	struct compiler *c = ARENA_NEW(arena, struct compiler);

	*c = (struct compiler){ .arena = arena, .problems = problems };
	return compile_all(
		c, schema,
		json_bool(json_key(schema, STR("x-kubernetes-embedded-resource")), false),
		ret_failed);
}

const struct cel_type *cel_rules_type(const struct cel_rules *rules)
{
	return rules->type;
}
