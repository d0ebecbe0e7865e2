/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be computed before the first evaluation, as upstream does it, because it decides what
 * costs something: lists and maps of constants, conversions of constants, membership in a list of
 * constants. Constant patterns are compiled. Literals that cannot be converted are refused here.
 */
#include "codec/regex.h"
#include "cel/text_internal.h"
#include "cel/value_internal.h"

static bool all_constant(const struct cel_node *node)
{
	for (uint32_t i = 0; i < node->arg_count; i++)
		if (node->args[i]->kind != CEL_NODE_CONSTANT)
			return false;
	return true;
}

/* The value of a node that reads no variable; it lives as long as the program. */
static struct cel_value compute(struct cel_source *source, const struct cel_node *node)
{
	struct cel_evaluation evaluation = { .arena = source->arena, .cost_max = UINT64_MAX };
	struct cel_frame f = { .evaluation = &evaluation };
	struct cel_value v = cel_eval(&f, node);

	return evaluation.stopped ? cel_stopped(&evaluation) : v;
}

static void become(struct cel_node *node, struct cel_value value)
{
	node->kind = CEL_NODE_CONSTANT;
	node->constant = value;
	node->folded = true;
}

/* duration('x'), timestamp('x'), and conversions that cannot be. */
static void convert(struct cel_source *source, struct cel_node *node)
{
	struct cel_value v = compute(source, node);
	bool is_time = str_eq_c(node->name, "duration") || str_eq_c(node->name, "timestamp");

	if (!cel_is_error(v))
		become(node, v);
	else if (is_time)
		cel_message(source, node->args[0]->offset, "invalid " STR_FMT " argument",
			    STR_ARG(node->name));
	else if (source->instantiation.len == 0)
		source->instantiation = cel_str(v);
}

static void prepare_pattern(struct cel_source *source, struct cel_node *node)
{
	struct err err = { 0 };

	if (cel_arena_is_full(source->arena)) {
		cel_message(source, node->offset, "expressions take too much memory");
		return;
	}
	node->regex = regex_compile(source->arena, cel_str(node->args[1]->constant), &err);
	if (!node->regex && node->member && str_eq_c(node->name, "matches"))
		cel_message(source, node->args[1]->offset, "invalid matches argument");
	else if (!node->regex && source->instantiation.len == 0)
		source->instantiation = str_in(source->arena, str_from(err.msg));
}

static void optimise_call(struct cel_source *source, struct cel_node *node)
{
	const struct cel_function *row = node->overload_count > 0 ? node->overloads[0] : NULL;

	if (!row)
		return;
	if (node->op == CEL_OP_IN && node->args[1]->kind == CEL_NODE_CONSTANT &&
	    node->args[1]->constant.kind == CEL_LIST)
		node->in_constants = true;
	if (row->conversion && node->overload_count == 1 && all_constant(node))
		convert(source, node);
	else if ((row->cost == CEL_COST_MATCHES || row->cost == CEL_COST_FIND) &&
		 node->args[1]->kind == CEL_NODE_CONSTANT &&
		 node->args[1]->constant.kind == CEL_STRING)
		prepare_pattern(source, node);
}

static bool is_path(const struct cel_node *node)
{
	return node->kind == CEL_NODE_IDENT || node->kind == CEL_NODE_SELECT ||
	       (node->kind == CEL_NODE_CALL && node->op >= CEL_OP_INDEX &&
		node->op <= CEL_OP_OPTIONAL_SELECT);
}

void cel_optimise(struct cel_source *source, struct cel_node *node)
{
	if (node->optimised)
		return;
	node->optimised = true;
	if (node->target)
		cel_optimise(source, node->target);
	for (uint32_t i = 0; i < node->arg_count; i++)
		cel_optimise(source, node->args[i]);
	if (node->kind == CEL_NODE_SELECT)
		node->relative = !is_path(node->target);
	if (node->kind == CEL_NODE_CALL && is_path(node))
		node->relative = !is_path(node->args[0]);
	if (node->kind == CEL_NODE_CALL)
		optimise_call(source, node);
	if ((node->kind == CEL_NODE_LIST || node->kind == CEL_NODE_MAP) && !node->optional &&
	    all_constant(node)) {
		struct cel_value v = compute(source, node);

		if (!cel_is_error(v))
			become(node, v);
	}
}
