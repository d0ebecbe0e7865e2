/* SPDX-License-Identifier: Apache-2.0 */
/* Environments of admission's expressions, and compiling in them. */
#include "api/admission_expression.h"

static const struct cel_type patch_object = { .kind = CEL_OBJECT,
					      .name = STR_INIT("Object"),
					      .size_max = CEL_SIZE_UNKNOWN };
static const struct cel_type json_patch = { .kind = CEL_OBJECT,
					    .name = STR_INIT("JSONPatch"),
					    .size_max = CEL_SIZE_UNKNOWN };
static const struct cel_type json_patches = { .kind = CEL_LIST,
					      .element = &json_patch,
					      .size_max = CEL_SIZE_UNKNOWN };

const struct admission_result admission_result_bool = { .types = { &cel_type_bool } };
const struct admission_result admission_result_message = { .types = { &cel_type_string },
							   .no_authorizer = true };
const struct admission_result admission_result_annotation = {
	.types = { &cel_type_string, &cel_type_null },
};
const struct admission_result admission_result_any = { 0 };
const struct admission_result admission_result_object = { .types = { &patch_object } };
const struct admission_result admission_result_patch = { .types = { &json_patches } };

/* ---- environments ---- */

static const struct cel_field *find_variable(const struct cel_type *object, struct str name)
{
	const struct admission_set *set = object->source;

	for (size_t i = set->variable_count; i > 0; i--)
		if (str_eq(set->variables[i - 1].name, name))
			return &set->variables[i - 1].field;
	return NULL;
}

static const struct cel_fields variable_fields = { .find = find_variable };

static void declare(struct admission_set *set, enum admission_name name, struct str text,
		    const struct cel_type *type)
{
	size_t i = set->env.variable_count++;

	set->declared[i] = (struct cel_variable){ text, type ? type : &cel_type_dyn };
	set->names[i] = name;
}

struct admission_set *admission_set_new(struct arena *arena, unsigned features,
					const struct admission_types *types)
{
	struct admission_set *set = ARENA_NEW(arena, struct admission_set);
	const struct cel_type *object = types ? types->object : NULL;

	set->arena = arena;
	set->features = features;
	set->env.variables = set->declared;
	set->env.features = features & ADMISSION_MUTATES ? CEL_FEATURE_MUTATION : 0;
	set->variables_type = (struct cel_type){
		.kind = CEL_OBJECT,
		.name = STR("kubernetes.variables"),
		.fields = &variable_fields,
		.source = set,
		.size_max = CEL_SIZE_UNKNOWN,
	};
	declare(set, ADMISSION_OBJECT, STR("object"), object);
	declare(set, ADMISSION_OLD_OBJECT, STR("oldObject"), object);
	declare(set, ADMISSION_NAMESPACE_OBJECT, STR("namespaceObject"), &admission_type_namespace);
	declare(set, ADMISSION_REQUEST, STR("request"), &admission_type_request);
	if (features & ADMISSION_HAS_PARAMS)
		declare(set, ADMISSION_PARAMS, STR("params"), types ? types->params : NULL);
	if (features & ADMISSION_HAS_VARIABLES)
		declare(set, ADMISSION_VARIABLES, STR("variables"), &set->variables_type);
	set->without_authorizer = set->env;
	declare(set, ADMISSION_AUTHORIZER, STR("authorizer"), &cel_type_authorizer);
	declare(set, ADMISSION_REQUEST_RESOURCE, STR("authorizer.requestResource"),
		&cel_type_resource_check);
	return set;
}

/* ---- compiling ---- */

static bool type_is(const struct cel_type *type, const struct cel_type *wanted)
{
	if (type->kind != wanted->kind)
		return false;
	if (wanted->kind == CEL_LIST)
		return type_is(type->element, wanted->element);
	return wanted->kind != CEL_OBJECT || str_eq(type->name, wanted->name);
}

/* What a result is called is not what the checker calls it. */
static struct str type_text(struct arena *arena, const struct cel_type *type)
{
	AUTO_BUF text = { 0 };

	if (type->kind == CEL_NULL)
		return STR("null_type");
	if (type->kind == CEL_TIMESTAMP)
		return STR("google.protobuf.Timestamp");
	if (type->kind == CEL_DURATION)
		return STR("google.protobuf.Duration");
	buf_init(&text, CEL_ERROR_BYTES_MAX);
	cel_type_write(type, &text);
	return str_in(arena, buf_str(&text));
}

static struct str type_problem(struct arena *arena, const struct cel_type *type,
			       const struct admission_result *result)
{
	struct str got = type_text(arena, type), first = type_text(arena, result->types[0]);

	if (!result->types[1])
		return str_printf_in(arena, "must evaluate to " STR_FMT " but got " STR_FMT,
				     STR_ARG(first), STR_ARG(got));
	return str_printf_in(
		arena, "must evaluate to one of [" STR_FMT " " STR_FMT "] but got " STR_FMT,
		STR_ARG(first), STR_ARG(type_text(arena, result->types[1])), STR_ARG(got));
}

void admission_compile(struct admission_set *set, struct str text,
		       const struct admission_result *result, struct admission_expression *ret)
{
	const struct cel_env *env = result->no_authorizer ? &set->without_authorizer : &set->env;
	const struct cel_program *program;
	const struct cel_type *type;
	AUTO_BUF messages = { 0 };

	*ret = (struct admission_expression){ .text = text };
	if (cel_arena_is_full(set->arena)) {
		ret->problem = STR("compilation failed: expressions take too much memory");
		return;
	}
	buf_init(&messages, CEL_ERROR_BYTES_MAX);
	program = cel_compile(set->arena, env, text, &messages);
	if (!program) {
		ret->problem = str_in(set->arena, buf_str(&messages));
		return;
	}
	type = cel_program_type(program);
	if (result->types[0] && !type_is(type, result->types[0]) &&
	    !(result->types[1] && type_is(type, result->types[1])))
		ret->problem = type_problem(set->arena, type, result);
	else
		ret->program = program;
}

/* What a variable's users know of its type: nothing of objects, optionals and opaque values. */
static const struct cel_type *known_type(struct arena *arena, const struct cel_type *type)
{
	if (type->kind == CEL_LIST)
		return cel_type_list(arena, known_type(arena, type->element), CEL_SIZE_UNKNOWN);
	if (type->kind == CEL_MAP)
		return cel_type_map(arena, known_type(arena, type->key),
				    known_type(arena, type->element), CEL_SIZE_UNKNOWN);
	switch (type->kind) {
	case CEL_NULL:
	case CEL_BOOL:
	case CEL_INT:
	case CEL_UINT:
	case CEL_DOUBLE:
	case CEL_STRING:
	case CEL_BYTES:
	case CEL_TIMESTAMP:
	case CEL_DURATION:
		return type;
	default:
		return &cel_type_dyn;
	}
}

void admission_set_add_variables(struct admission_set *set, yyjson_val *variables)
{
	set->variables = arena_array(set->arena, yyjson_arr_size(variables) + 1,
				     sizeof(*set->variables));
	JSON_EACH (from, variables) {
		struct admission_variable *variable = &set->variables[set->variable_count];
		const struct cel_program *program;

		variable->name = json_get_str(from, "name");
		admission_compile(set, json_get_str(from, "expression"), &admission_result_any,
				  &variable->expression);
		program = variable->expression.program;
		variable->field = (struct cel_field){
			variable->name, variable->name,
			program ? known_type(set->arena, cel_program_type(program)) : &cel_type_dyn
		};
		set->variable_count++;
	}
}
