/* SPDX-License-Identifier: Apache-2.0 */
/* Making nodes of the tree, each counted against the limits. */
#include "base/num.h"
#include "cel/cel_internal.h"

static const char *const op_names[CEL_OP_COUNT] = {
	[CEL_OP_CONDITIONAL] = "_?_:_",
	[CEL_OP_AND] = "_&&_",
	[CEL_OP_OR] = "_||_",
	[CEL_OP_NOT] = "!_",
	[CEL_OP_NEGATE] = "-_",
	[CEL_OP_EQUAL] = "_==_",
	[CEL_OP_UNEQUAL] = "_!=_",
	[CEL_OP_LESS] = "_<_",
	[CEL_OP_LESS_EQUAL] = "_<=_",
	[CEL_OP_GREATER] = "_>_",
	[CEL_OP_GREATER_EQUAL] = "_>=_",
	[CEL_OP_ADD] = "_+_",
	[CEL_OP_SUBTRACT] = "_-_",
	[CEL_OP_MULTIPLY] = "_*_",
	[CEL_OP_DIVIDE] = "_/_",
	[CEL_OP_MODULO] = "_%_",
	[CEL_OP_IN] = "@in",
	[CEL_OP_INDEX] = "_[_]",
	[CEL_OP_OPTIONAL_INDEX] = "_[?_]",
	[CEL_OP_OPTIONAL_SELECT] = "_?._",
	[CEL_OP_NOT_STRICTLY_FALSE] = "@not_strictly_false",
};

static const char *cel_op_name(enum cel_op op)
{
	return op_names[op];
}

bool cel_arena_is_full(const struct arena *arena)
{
	return arena->max_bytes < CEL_COMPILE_RESERVE_BYTES ||
	       arena->used_bytes > arena->max_bytes - CEL_COMPILE_RESERVE_BYTES;
}

struct cel_node *cel_node_new(struct cel_source *source, enum cel_node_kind kind, uint32_t offset)
{
	struct cel_node *node = ARENA_NEW(source->arena, struct cel_node);

	if (++source->node_count > CEL_NODES_MAX && !source->fatal) {
		cel_message(source, offset, "expression has more than %d nodes", CEL_NODES_MAX);
		source->fatal = true;
	}
	if (cel_arena_is_full(source->arena) && !source->fatal) {
		cel_message(source, offset, "expressions take too much memory");
		source->fatal = true;
	}
	node->kind = (uint8_t)kind;
	node->offset = offset;
	node->depth = 1;
	node->iter2_slot = -1;
	return node;
}

struct cel_node *cel_node_ident(struct cel_source *source, uint32_t offset, struct str name)
{
	struct cel_node *node = cel_node_new(source, CEL_NODE_IDENT, offset);

	node->name = name;
	return node;
}

struct cel_node *cel_node_constant(struct cel_source *source, uint32_t offset,
				   struct cel_value value)
{
	struct cel_node *node = cel_node_new(source, CEL_NODE_CONSTANT, offset);

	node->constant = value;
	return node;
}

struct cel_node *cel_node_call(struct cel_source *source, uint32_t offset, enum cel_op op,
			       struct str name, struct cel_node *const *args, size_t count)
{
	struct cel_node *node = cel_node_new(source, CEL_NODE_CALL, offset);

	node->op = (uint8_t)op;
	node->name = op == CEL_OP_FUNCTION ? name : str_from(cel_op_name(op));
	node->arg_count = (uint32_t)count;
	node->args = arena_array(source->arena, count + 1, sizeof(*node->args));
	for (size_t i = 0; i < count; i++)
		node->args[i] = args[i];
	cel_node_deepen(source, node);
	return node;
}

void cel_node_deepen(struct cel_source *source, struct cel_node *node)
{
	uint16_t depth = node->target ? node->target->depth : 0;

	for (uint32_t i = 0; i < node->arg_count; i++)
		depth = NUM_MAX(depth, node->args[i]->depth);
	node->depth = (uint16_t)(depth + 1);
	if (node->depth > CEL_TREE_DEPTH_MAX && !source->fatal) {
		cel_message(source, node->offset, "expression recursion limit exceeded: %d",
			    CEL_TREE_DEPTH_MAX);
		source->fatal = true;
	}
}
