/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Macros: has(), the comprehensions over lists and maps with one or two variables,
 * optMap() and optFlatMap(). Their expansions are upstream's, so that costs come out the same.
 */
#include "cel/cel_internal.h"

#define ACCUMULATOR STR("@result")
#define UNUSED_VARIABLE STR("#unused")

struct macro_call {
	struct cel_source *source;
	uint32_t offset;
	struct cel_node *target;
	struct cel_node **args;
	size_t count;
	struct str iter, iter2; /* names of the variables, by then checked */
	unsigned variables;
};

static struct cel_node *ident(const struct macro_call *m, struct str name)
{
	return cel_node_ident(m->source, m->offset, name);
}

static struct cel_node *accumulator(const struct macro_call *m)
{
	return ident(m, ACCUMULATOR);
}

static struct cel_node *constant_bool(const struct macro_call *m, bool b)
{
	return cel_node_constant(m->source, m->offset, cel_bool(b));
}

static struct cel_node *op2(const struct macro_call *m, enum cel_op op, struct cel_node *a,
			    struct cel_node *b)
{
	return cel_node_call(m->source, m->offset, op, STR_NONE, (struct cel_node *[]){ a, b }, 2);
}

static struct cel_node *op1(const struct macro_call *m, enum cel_op op, struct cel_node *a)
{
	return cel_node_call(m->source, m->offset, op, STR_NONE, &a, 1);
}

static struct cel_node *op3(const struct macro_call *m, struct cel_node *a, struct cel_node *b,
			    struct cel_node *c)
{
	return cel_node_call(m->source, m->offset, CEL_OP_CONDITIONAL, STR_NONE,
			     (struct cel_node *[]){ a, b, c }, 3);
}

static struct cel_node *call(const struct macro_call *m, const char *name, struct cel_node **args,
			     size_t count)
{
	return cel_node_call(m->source, m->offset, CEL_OP_FUNCTION, str_from(name), args, count);
}

static struct cel_node *member(const struct macro_call *m, const char *name,
			       struct cel_node *target)
{
	struct cel_node *node = call(m, name, &target, 1);

	node->member = true;
	return node;
}

static struct cel_node *list_of(const struct macro_call *m, struct cel_node *element)
{
	struct cel_node *node = cel_node_new(m->source, CEL_NODE_LIST, m->offset);

	node->arg_count = element ? 1 : 0;
	node->args = arena_array(m->source->arena, 1, sizeof(*node->args));
	node->args[0] = element;
	cel_node_deepen(m->source, node);
	return node;
}

static struct cel_node *empty_map(const struct macro_call *m)
{
	return cel_node_new(m->source, CEL_NODE_MAP, m->offset);
}

static struct cel_node *fold(const struct macro_call *m, struct cel_node *init,
			     struct cel_node *condition, struct cel_node *step,
			     struct cel_node *result)
{
	struct cel_node *node = cel_node_new(m->source, CEL_NODE_FOLD, m->offset);

	node->target = m->target;
	node->iter = m->iter;
	node->iter2 = m->variables == 2 ? m->iter2 : STR_NONE;
	node->accu = ACCUMULATOR;
	node->arg_count = 4;
	node->args = arena_array(m->source->arena, 4, sizeof(*node->args));
	node->args[CEL_FOLD_INIT] = init;
	node->args[CEL_FOLD_CONDITION] = condition;
	node->args[CEL_FOLD_STEP] = step;
	node->args[CEL_FOLD_RESULT] = result;
	cel_node_deepen(m->source, node);
	return node;
}

static struct cel_node *make_bind(const struct macro_call *m, struct str name,
				  struct cel_node *init, struct cel_node *result)
{
	struct macro_call bind = *m;
	struct cel_node *node;

	bind.target = list_of(m, NULL);
	bind.iter = UNUSED_VARIABLE;
	bind.variables = 1;
	node = fold(&bind, init, constant_bool(m, false), ident(m, name), result);
	node->accu = name;
	node->is_bind = true;
	return node;
}

/* ---- expansions: the last argument first checked by the caller ---- */

static struct cel_node *expand_has(struct macro_call *m)
{
	struct cel_node *select = m->args[0];
	struct cel_node *node;

	if (select->kind != CEL_NODE_SELECT || select->test_only) {
		cel_message(m->source, select->offset, "invalid argument to has() macro");
		return NULL;
	}
	node = cel_node_new(m->source, CEL_NODE_SELECT, m->offset);
	node->name = select->name;
	node->target = select->target;
	node->test_only = true;
	cel_node_deepen(m->source, node);
	return node;
}

static struct cel_node *expand_all(struct macro_call *m)
{
	return fold(m, constant_bool(m, true), op1(m, CEL_OP_NOT_STRICTLY_FALSE, accumulator(m)),
		    op2(m, CEL_OP_AND, accumulator(m), m->args[m->count - 1]), accumulator(m));
}

static struct cel_node *expand_exists(struct macro_call *m)
{
	return fold(m, constant_bool(m, false),
		    op1(m, CEL_OP_NOT_STRICTLY_FALSE, op1(m, CEL_OP_NOT, accumulator(m))),
		    op2(m, CEL_OP_OR, accumulator(m), m->args[m->count - 1]), accumulator(m));
}

static struct cel_node *expand_exists_one(struct macro_call *m)
{
	struct cel_node *one = cel_node_constant(m->source, m->offset, cel_int(1));
	struct cel_node *step = op3(m, m->args[m->count - 1],
				    op2(m, CEL_OP_ADD, accumulator(m), one), accumulator(m));

	return fold(m, cel_node_constant(m->source, m->offset, cel_int(0)), constant_bool(m, true),
		    step,
		    op2(m, CEL_OP_EQUAL, accumulator(m),
			cel_node_constant(m->source, m->offset, cel_int(1))));
}

/* step, only when the filter in front of the last argument holds. */
static struct cel_node *filtered(struct macro_call *m, struct cel_node *step)
{
	if (m->count == m->variables + 1)
		return step;
	return op3(m, m->args[m->variables], step, accumulator(m));
}

static struct cel_node *expand_map(struct macro_call *m)
{
	struct cel_node *step = op2(m, CEL_OP_ADD, accumulator(m),
				    list_of(m, m->args[m->count - 1]));

	return fold(m, list_of(m, NULL), constant_bool(m, true), filtered(m, step), accumulator(m));
}

static struct cel_node *expand_filter(struct macro_call *m)
{
	struct cel_node *step = op2(m, CEL_OP_ADD, accumulator(m), list_of(m, m->args[0]));

	return fold(m, list_of(m, NULL), constant_bool(m, true),
		    op3(m, m->args[1], step, accumulator(m)), accumulator(m));
}

static struct cel_node *expand_transform_map(struct macro_call *m)
{
	struct cel_node *args[] = { accumulator(m), ident(m, m->iter), m->args[m->count - 1] };

	return fold(m, empty_map(m), constant_bool(m, true),
		    filtered(m, call(m, "cel.@mapInsert", args, 3)), accumulator(m));
}

static struct cel_node *expand_transform_map_entry(struct macro_call *m)
{
	struct cel_node *args[] = { accumulator(m), m->args[m->count - 1] };

	return fold(m, empty_map(m), constant_bool(m, true),
		    filtered(m, call(m, "cel.@mapInsert", args, 2)), accumulator(m));
}

static struct cel_node *expand_opt(struct macro_call *m, bool wrap)
{
	struct cel_node *bound = make_bind(m, m->iter, member(m, "value", m->target), m->args[1]);

	if (wrap)
		bound = call(m, "optional.of", &bound, 1);
	return op3(m, member(m, "hasValue", m->target), bound, call(m, "optional.none", NULL, 0));
}

static struct cel_node *expand_opt_map(struct macro_call *m)
{
	return expand_opt(m, true);
}

static struct cel_node *expand_opt_flat_map(struct macro_call *m)
{
	return expand_opt(m, false);
}

/* target.sortBy(e, key): bind the list, then sort by the mapped keys. */
static struct cel_node *expand_sort_by(struct macro_call *m)
{
	struct cel_node *bound = ident(m, STR("@__sortBy_input__"));
	struct macro_call map = *m;
	struct cel_node *args[2];

	map.target = ident(m, STR("@__sortBy_input__"));
	args[0] = bound;
	args[1] = expand_map(&map);
	bound = call(m, "@sortByAssociatedKeys", args, 2);
	bound->member = true;
	return make_bind(m, STR("@__sortBy_input__"), m->target, bound);
}

static const struct macro {
	const char *name;
	unsigned variables; /* names that stand first */
	unsigned count;
	const char *of; /* NULL: global; "": of any target; else of this name */
	struct cel_node *(*expand)(struct macro_call *m);
	const char *bad_name; /* NULL: the usual message */
} macros[] = {
	{ "has", 0, 1, NULL, expand_has },
	{ "all", 1, 2, "", expand_all },
	{ "all", 2, 3, "", expand_all },
	{ "exists", 1, 2, "", expand_exists },
	{ "exists", 2, 3, "", expand_exists },
	{ "exists_one", 1, 2, "", expand_exists_one },
	{ "existsOne", 1, 2, "", expand_exists_one },
	{ "existsOne", 2, 3, "", expand_exists_one },
	{ "exists_one", 2, 3, "", expand_exists_one },
	{ "map", 1, 2, "", expand_map, "argument is not an identifier" },
	{ "map", 1, 3, "", expand_map, "argument is not an identifier" },
	{ "filter", 1, 2, "", expand_filter, "argument is not an identifier" },
	{ "transformList", 2, 3, "", expand_map },
	{ "transformList", 2, 4, "", expand_map },
	{ "transformMap", 2, 3, "", expand_transform_map },
	{ "transformMap", 2, 4, "", expand_transform_map },
	{ "transformMapEntry", 2, 3, "", expand_transform_map_entry },
	{ "transformMapEntry", 2, 4, "", expand_transform_map_entry },
	{ "optMap", 1, 2, "", expand_opt_map,
	  "optMap() variable name must be a simple identifier" },
	{ "optFlatMap", 1, 2, "", expand_opt_flat_map,
	  "optFlatMap() variable name must be a simple identifier" },
	{ "sortBy", 1, 2, "", expand_sort_by },
};

static const struct macro *find_macro(const struct cel_node *target, struct str name, size_t count)
{
	for (size_t i = 0; i < ARRAY_COUNT(macros); i++) {
		const struct macro *row = &macros[i];

		if (row->count != count || !str_eq_c(name, row->name) ||
		    (row->of != NULL) != (target != NULL))
			continue;
		if (!row->of || !*row->of ||
		    (target->kind == CEL_NODE_IDENT && str_eq_c(target->name, row->of)))
			return row;
	}
	return NULL;
}

/* The names in front. */
static bool take_variables(struct macro_call *m, const struct macro *row)
{
	struct str names[2] = { STR_NONE, STR_NONE };

	for (unsigned i = 0; i < row->variables; i++) {
		const struct cel_node *arg = m->args[i];

		if (arg->kind != CEL_NODE_IDENT || arg->leading_dot) {
			cel_message(m->source, arg->offset, "%s",
				    row->bad_name ? row->bad_name
						  : "argument must be a simple name");
			return false;
		}
		if (str_eq(arg->name, ACCUMULATOR) || str_eq_c(arg->name, "__result__")) {
			cel_message(m->source, arg->offset,
				    "iteration variable overwrites accumulator variable");
			return false;
		}
		names[i] = arg->name;
	}
	if (row->variables == 2 && str_eq(names[0], names[1])) {
		cel_message(m->source, m->args[1]->offset, "duplicate variable name: " STR_FMT,
			    STR_ARG(names[1]));
		return false;
	}
	m->iter = names[0];
	m->iter2 = names[1];
	return true;
}

struct cel_node *cel_macro(struct cel_source *source, uint32_t offset, struct cel_node *target,
			   struct str name, struct cel_node **args, size_t count,
			   bool *ret_is_macro)
{
	struct macro_call m = {
		.source = source, .offset = offset, .target = target, .args = args, .count = count
	};
	const struct macro *row = find_macro(target, name, count);
	struct cel_node *node;

	*ret_is_macro = row != NULL;
	if (!row)
		return NULL;
	m.variables = row->variables;
	node = take_variables(&m, row) ? row->expand(&m) : NULL;
	if (!node)
		source->fatal = true;
	return node;
}
