/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The static estimate: bounds of what an evaluation costs, from the sizes that types allow.
 * Upstream's algorithm: what can be reached by a path from a variable has the size its schema
 * allows; literals have their own; other sizes follow from calls. Nodes are estimated once, in the
 * scope they stand in.
 */
#include "base/mem.h"
#include "base/num.h"
#include "cel/check_internal.h"
#include "cel/cost_internal.h"

struct local {
	const struct cel_type *path;
	struct cel_cost_size size;
	struct cel_cost_entry entry;
};

struct estimator {
	struct cel_source *source;
	struct local locals[CHECK_LOCALS_MAX];
};

static struct cost_range estimate(struct estimator *e, struct cel_node *node);

static struct cost_range fixed(uint64_t n)
{
	return (struct cost_range){ n, n };
}

static struct cel_cost_size known(struct cost_range range)
{
	return (struct cel_cost_size){ true, range.min, range.max };
}

static struct cost_range range_of(struct cel_cost_size size)
{
	return size.known ? (struct cost_range){ size.min, size.max }
			  : (struct cost_range){ 0, UINT64_MAX };
}

static bool is_scalar(const struct cel_type *type)
{
	if (type->kind == CEL_OPTIONAL)
		return is_scalar(type->element);
	return type->kind == CEL_BOOL || type->kind == CEL_DOUBLE || type->kind == CEL_DURATION ||
	       type->kind == CEL_INT || type->kind == CEL_TIMESTAMP || type->kind == CEL_UINT;
}

static const struct local *local_of(const struct estimator *e, const struct cel_node *node)
{
	return node->kind == CEL_NODE_IDENT && node->slot >= 0 ? &e->locals[node->slot] : NULL;
}

static const struct cel_type *path_of(const struct estimator *e, const struct cel_node *node)
{
	const struct local *local = local_of(e, node);

	return local ? local->path : node->path;
}

/* What is written there tells its size. */
static bool literal_size(const struct cel_node *node, uint64_t *ret)
{
	switch ((enum cel_node_kind)node->kind) {
	case CEL_NODE_CONSTANT:
		if (node->constant.kind == CEL_STRING) {
			*ret = 0;
			for (size_t i = 0; i < node->constant.len; i++)
				*ret += ((unsigned char)node->constant.ptr[i] & 0xc0) != 0x80;
			return true;
		}
		/* names of types have the size of an object there, which is none */
		*ret = node->constant.kind == CEL_BYTES ? node->constant.len
							: node->constant.kind != CEL_TYPE;
		return true;
	case CEL_NODE_LIST:
		*ret = node->arg_count;
		return true;
	case CEL_NODE_MAP:
		*ret = node->arg_count / 2;
		return true;
	default:
		return false;
	}
}

static struct cel_cost_size size_of(const struct estimator *e, const struct cel_node *node)
{
	const struct local *local = local_of(e, node);
	const struct cel_type *path = path_of(e, node);
	uint64_t size;

	if (node->size.known)
		return node->size;
	if (literal_size(node, &size))
		return known(fixed(size));
	/* a scalar of a schema has size_max 0; the general types are not of a schema */
	if (path && path->size_max != CEL_SIZE_UNKNOWN && !(is_scalar(path) && path->size_max == 1))
		return (struct cel_cost_size){ true, 0, path->size_max };
	if (is_scalar(node->type))
		return known(fixed(1));
	return local ? local->size : (struct cel_cost_size){ 0 };
}

static struct cel_cost_entry entry_of(const struct estimator *e, const struct cel_node *node)
{
	const struct local *local = local_of(e, node);

	return node->entry.known || !local ? node->entry : local->entry;
}

static struct cel_cost_size size_union(struct cel_cost_size a, struct cel_cost_size b)
{
	return known(cost_union(range_of(a), range_of(b)));
}

static struct cel_cost_entry entry_union(struct cel_cost_entry a, struct cel_cost_entry b)
{
	if (!a.known || !b.known)
		return (struct cel_cost_entry){ 0 };
	a.key = size_union(a.key, b.key);
	a.value = size_union(a.value, b.value);
	return a;
}

/* ---- paths ---- */

static const struct cel_type *element_path(const struct cel_type *path)
{
	return path && (path->kind == CEL_LIST || path->kind == CEL_MAP) ? path->element : NULL;
}

static struct cost_range estimate_ident(struct estimator *e, struct cel_node *node)
{
	if (node->slot < 0)
		node->path = e->source->env->variables[-1 - node->slot].type;
	return fixed(1);
}

static struct cost_range estimate_select(struct estimator *e, struct cel_node *node)
{
	struct cost_range sum = estimate(e, node->target);
	enum cel_kind kind = node->target->type->kind;
	const struct cel_type *path = path_of(e, node->target);

	if (node->test_only)
		return sum;
	if (kind == CEL_MAP || kind == CEL_OBJECT)
		sum = cost_add(sum, fixed(1));
	/* a name is no path into a map: upstream looks for a field of this name */
	if (path && path->kind == CEL_OBJECT && node->field)
		node->path = node->field->type;
	return sum;
}

/* ---- calls ---- */

static struct cost_range sum_of_arguments(struct estimator *e, struct cel_node *node,
					  struct cost_range *costs)
{
	struct cost_range sum = { 0, 0 };

	for (uint32_t i = 0; i < node->arg_count; i++) {
		costs[i] = estimate(e, node->args[i]);
		sum = cost_add(sum, costs[i]);
	}
	return sum;
}

static struct cost_range estimate_logical(struct estimator *e, struct cel_node *node)
{
	struct cost_range left = estimate(e, node->args[0]);
	struct cost_range right = estimate(e, node->args[1]);

	return (struct cost_range){ left.min, cost_add(left, right).max };
}

static struct cost_range estimate_conditional(struct estimator *e, struct cel_node *node)
{
	struct cost_range condition = estimate(e, node->args[0]);
	struct cost_range yes = estimate(e, node->args[1]);
	struct cost_range no = estimate(e, node->args[2]);

	node->size = size_union(size_of(e, node->args[1]), size_of(e, node->args[2]));
	node->entry = entry_union(entry_of(e, node->args[1]), entry_of(e, node->args[2]));
	return cost_add(condition, cost_union(yes, no));
}

static struct cost_range element_size(const struct estimator *e, const struct cel_node *list)
{
	const struct cel_type *path = element_path(path_of(e, list));

	if (path && path->size_max != CEL_SIZE_UNKNOWN)
		return (struct cost_range){ 0, path->size_max };
	return (struct cost_range){ 0, UINT64_MAX };
}

/* The bounds over all overloads that the call may turn out to be. */
static struct cost_range estimate_overloads(struct estimator *e, struct cel_node *node,
					    struct cel_cost_size *result)
{
	struct cost_range sum = { UINT64_MAX, 0 };

	for (uint32_t i = 0; i < node->overload_count; i++) {
		struct cost_call call = { .node = node, .row = node->overloads[i] };

		for (uint32_t k = 0; k < node->arg_count; k++)
			call.sizes[k] = range_of(size_of(e, node->args[k]));
		if (node->arg_count > 0)
			call.element = element_size(e, node->args[0]);
		cost_of_call(&call);
		sum = cost_union(sum, call.cost);
		if (call.has_result)
			*result = result->known ? size_union(*result, known(call.result))
						: known(call.result);
		if (call.row->cost == CEL_COST_INDEX) {
			*result = entry_of(e, node->args[0]).value;
			node->path = element_path(path_of(e, node->args[0]));
		}
		if (call.row->cost == CEL_COST_ADD_LIST)
			node->entry = entry_union(entry_of(e, node->args[0]),
						  entry_of(e, node->args[1]));
	}
	return sum;
}

static struct cost_range estimate_call(struct estimator *e, struct cel_node *node)
{
	struct cost_range costs[CEL_PARAMETERS_MAX];
	struct cel_cost_size result = { 0 };
	struct cost_range sum;

	if (node->op == CEL_OP_AND || node->op == CEL_OP_OR)
		return estimate_logical(e, node);
	if (node->op == CEL_OP_CONDITIONAL)
		return estimate_conditional(e, node);
	sum = sum_of_arguments(e, node, costs);
	if (node->op == CEL_OP_OPTIONAL_SELECT)
		return cost_add(sum, fixed(1));
	if (node->overload_count == 0)
		return fixed(0);
	if (str_eq_c(node->name, "dyn")) {
		node->size = size_of(e, node->args[0]);
		node->entry = entry_of(e, node->args[0]);
		return cost_add(sum, fixed(1));
	}
	sum = cost_add(sum, estimate_overloads(e, node, &result));
	if (!result.known)
		result = size_of(e, node);
	node->size = result;
	return sum;
}

/* ---- literals ---- */

static struct cost_range estimate_list(struct estimator *e, struct cel_node *node)
{
	struct cost_range items = { node->arg_count == 0 ? 0 : UINT64_MAX, 0 };
	struct cost_range sum = fixed(10);

	for (uint32_t i = 0; i < node->arg_count; i++) {
		sum = cost_add(sum, estimate(e, node->args[i]));
		items = cost_union(items, range_of(size_of(e, node->args[i])));
	}
	node->entry = (struct cel_cost_entry){ true, true, known(fixed(1)), known(items) };
	return sum;
}

static struct cost_range estimate_map(struct estimator *e, struct cel_node *node)
{
	uint64_t least = node->arg_count == 0 ? 0 : UINT64_MAX;
	struct cost_range keys = { least, 0 };
	struct cost_range values = { least, 0 };
	struct cost_range sum = fixed(30);

	for (uint32_t i = 0; i < node->arg_count; i += 2) {
		sum = cost_add(sum, estimate(e, node->args[i]));
		sum = cost_add(sum, estimate(e, node->args[i + 1]));
		keys = cost_union(keys, range_of(size_of(e, node->args[i])));
		values = cost_union(values, range_of(size_of(e, node->args[i + 1])));
	}
	node->entry = (struct cel_cost_entry){ true, false, known(keys), known(values) };
	return sum;
}

static struct cost_range estimate_struct(struct estimator *e, struct cel_node *node)
{
	struct cost_range sum = fixed(40);

	for (uint32_t i = 0; i < node->arg_count; i++)
		sum = cost_add(sum, estimate(e, node->args[i]));
	return sum;
}

/* ---- comprehensions ---- */

static struct local local_for(const struct estimator *e, const struct cel_node *node)
{
	return (struct local){ path_of(e, node), size_of(e, node), entry_of(e, node) };
}

/* What a variable over node's range is: its key, or its value. */
static struct local local_over(const struct estimator *e, const struct cel_node *range, bool value)
{
	struct cel_cost_entry entry = entry_of(e, range);
	const struct cel_type *path = path_of(e, range);
	bool is_list = entry.known ? entry.is_list : range->type->kind == CEL_LIST;
	struct local local = { 0 };

	if (value)
		local.path = element_path(path);
	else if (!is_list && path && path->kind == CEL_MAP)
		local.path = path->key;
	if (entry.known)
		local.size = value ? entry.value : entry.key;
	return local;
}

static void set_iteration(struct estimator *e, const struct cel_node *node)
{
	struct cel_cost_entry entry = entry_of(e, node->target);
	bool is_list = entry.known ? entry.is_list : node->target->type->kind == CEL_LIST;

	if (node->iter2_slot >= 0) {
		e->locals[node->iter_slot] = local_over(e, node->target, false);
		e->locals[node->iter2_slot] = local_over(e, node->target, true);
	} else {
		e->locals[node->iter_slot] = local_over(e, node->target, is_list);
	}
}

static struct cost_range estimate_fold(struct estimator *e, struct cel_node *node)
{
	struct cost_range sum = estimate(e, node->target);
	struct cel_node *init = node->args[CEL_FOLD_INIT];
	struct cost_range count;
	struct cost_range loop;

	sum = cost_add(sum, estimate(e, init));
	e->locals[node->accu_slot] = local_for(e, init);
	if (!node->is_bind)
		e->locals[node->accu_slot].path = NULL;
	if (node->is_bind) {
		struct cel_node *result = node->args[CEL_FOLD_RESULT];

		sum = cost_add(sum, estimate(e, result));
		node->size = size_of(e, result);
		node->entry = entry_of(e, result);
		return sum;
	}
	set_iteration(e, node);
	loop = estimate(e, node->args[CEL_FOLD_CONDITION]);
	loop = cost_add(loop, estimate(e, node->args[CEL_FOLD_STEP]));
	sum = cost_add(sum, estimate(e, node->args[CEL_FOLD_RESULT]));
	count = range_of(size_of(e, node->target));
	sum = cost_add(sum, cost_multiply(count, loop));
	if (init->kind == CEL_NODE_CONSTANT) {
		node->size = size_of(e, init);
	} else if (init->kind == CEL_NODE_LIST || init->kind == CEL_NODE_MAP) {
		node->size = known(count);
		if (entry_of(e, node->args[CEL_FOLD_STEP]).known)
			node->entry = entry_of(e, node->args[CEL_FOLD_STEP]);
	}
	return sum;
}

/* ---- all of it ---- */

static struct cost_range estimate(struct estimator *e, struct cel_node *node)
{
	struct cost_range cost = { 0, 0 };

	if (node->estimated)
		return (struct cost_range){ node->cost.min, node->cost.max };
	switch ((enum cel_node_kind)node->kind) {
	case CEL_NODE_CONSTANT:
		if (node->constant.kind == CEL_TYPE) /* a name still */
			cost = (struct cost_range){ 1, 1 };
		break;
	case CEL_NODE_IDENT:
		cost = estimate_ident(e, node);
		break;
	case CEL_NODE_SELECT:
		cost = estimate_select(e, node);
		break;
	case CEL_NODE_CALL:
		cost = estimate_call(e, node);
		break;
	case CEL_NODE_LIST:
		cost = estimate_list(e, node);
		break;
	case CEL_NODE_MAP:
		cost = estimate_map(e, node);
		break;
	case CEL_NODE_STRUCT:
		cost = estimate_struct(e, node);
		break;
	case CEL_NODE_FOLD:
		cost = estimate_fold(e, node);
		break;
	}
	node->cost = (struct cel_cost){ cost.min, cost.max };
	node->estimated = true;
	return cost;
}

void cel_estimate(struct cel_source *source, struct cel_node *root)
{
	AUTO_FREE struct estimator *e = NEW(struct estimator);

	e->source = source;
	(void)estimate(e, root); /* left in the nodes */
}
