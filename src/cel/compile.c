/* SPDX-License-Identifier: Apache-2.0 */
/* Text → program: the stages one after the other, and the limits of the text. */
#include "base/mem.h"
#include "cel/function_internal.h"
#include "cel/text_internal.h"

/* The first limit of the text that is passed, as a message; true when there is none. */
static bool text_is_fit(struct cel_source *source)
{
	size_t points = text_count(source->text);

	if (!str_is_utf8(source->text)) {
		source->text = STR_NONE; /* cannot be shown */
		cel_message(source, 0, "expression is not UTF-8");
	} else if (points > CEL_TEXT_POINTS_MAX) {
		source->text = STR_NONE;
		cel_message(source, 0,
			    "expression code point size exceeds limit: size: %zu, limit %d", points,
			    CEL_TEXT_POINTS_MAX);
	}
	return source->message_count == 0;
}

const struct cel_program *cel_compile(struct arena *arena, const struct cel_env *env,
				      struct str text, struct buf *messages)
{
	AUTO_FREE struct cel_source *source = NEW(struct cel_source);
	struct cel_program *program = ARENA_NEW(arena, struct cel_program);
	struct cel_node *root = NULL;

	source->arena = arena;
	source->env = env;
	source->text = text;
	if (text_is_fit(source)) {
		source->text = str_in(arena, text);
		root = cel_parse(source);
	}
	if (root && source->message_count == 0)
		cel_check(source, root, &program->slot_count, &program->variables_used);
	if (root && source->message_count == 0)
		cel_check_formats(source, root);
	if (root && source->message_count == 0) {
		cel_estimate(source, root);
		cel_optimise(source, root);
	}
	if (source->message_count > 0) {
		buf_put_c(messages, "compilation failed: ");
		cel_messages_write(source, messages);
		return NULL;
	}
	if (source->instantiation.len > 0) {
		buf_printf(messages, "program instantiation failed: " STR_FMT,
			   STR_ARG(source->instantiation));
		return NULL;
	}
	program->root = root;
	program->env = env;
	program->type = root->type;
	program->cost = root->cost;
	return program;
}

const struct cel_type *cel_program_type(const struct cel_program *program)
{
	return program->type;
}

struct cel_cost cel_program_cost(const struct cel_program *program)
{
	return program->cost;
}

bool cel_program_uses(const struct cel_program *program, struct str variable)
{
	for (size_t i = 0; i < program->env->variable_count; i++)
		if (str_eq(program->env->variables[i].name, variable))
			return program->variables_used >> i & 1;
	return false;
}

static bool is_select(const struct cel_node *node, struct str variable, struct str field)
{
	const struct cel_node *operand = node->target;
	struct str name = node->name;

	if (node->kind == CEL_NODE_CALL && node->op == CEL_OP_OPTIONAL_SELECT) {
		operand = node->args[0];
		name = cel_str(node->args[1]->constant);
	} else if (node->kind != CEL_NODE_SELECT) {
		return false;
	}
	return operand->kind == CEL_NODE_IDENT && str_eq(operand->name, variable) &&
	       str_eq(name, field);
}

static bool selects(const struct cel_node *node, struct str variable, struct str field)
{
	if (is_select(node, variable, field) ||
	    (node->target && selects(node->target, variable, field)))
		return true;
	for (uint32_t i = 0; i < node->arg_count; i++)
		if (selects(node->args[i], variable, field))
			return true;
	return false;
}

bool cel_program_selects(const struct cel_program *program, struct str variable, struct str field)
{
	return selects(program->root, variable, field);
}

size_t cel_program_depth(const struct cel_program *program)
{
	return program->root->depth;
}

uint64_t cel_cost_times(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}
