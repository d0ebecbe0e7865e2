/* SPDX-License-Identifier: Apache-2.0 */
/* What calls are estimated to cost, by the rules of their rows: upstream's formulas over ranges of
 * sizes. */
#include <math.h>

#include "base/num.h"
#include "cel/cost_internal.h"
#include "cel/text_internal.h"

#define TRAVERSAL 0.1
#define PATTERN 0.25
#define AUTHORIZE 350000
#define NAME_PATTERN_SIZE 128

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t cost_scale(uint64_t x, double factor)
{
	double scaled = ceil((double)x * factor);

	return scaled >= 0x1p64 ? UINT64_MAX : (uint64_t)scaled;
}

struct cost_range cost_add(struct cost_range a, struct cost_range b)
{
	return (struct cost_range){ add(a.min, b.min), add(a.max, b.max) };
}

struct cost_range cost_multiply(struct cost_range a, struct cost_range b)
{
	return (struct cost_range){ cel_cost_times(a.min, b.min), cel_cost_times(a.max, b.max) };
}

static struct cost_range cost_factor(struct cost_range a, double factor)
{
	return (struct cost_range){ cost_scale(a.min, factor), cost_scale(a.max, factor) };
}

struct cost_range cost_union(struct cost_range a, struct cost_range b)
{
	return (struct cost_range){ NUM_MIN(a.min, b.min), NUM_MAX(a.max, b.max) };
}

static struct cost_range fixed(uint64_t n)
{
	return (struct cost_range){ n, n };
}

static void set_result(struct cost_call *call, struct cost_range size)
{
	call->result = size;
	call->has_result = true;
}

static void of_equal(struct cost_call *call)
{
	uint64_t max = NUM_MIN(call->sizes[0].max, call->sizes[1].max);
	const struct cel_type *left = call->node->args[0]->type;

	if (left->kind == CEL_OPAQUE && left == call->node->args[1]->type)
		call->cost = fixed(1);
	else
		call->cost = cost_factor((struct cost_range){ max > 0, max }, TRAVERSAL);
}

/* Functions that look at each element once, or at each byte of a string. */
static void of_list(struct cost_call *call)
{
	const struct cel_type *type = call->node->args[0]->type;
	struct cost_range each = fixed(1);

	if (type->kind != CEL_LIST) {
		call->cost = cost_factor(call->sizes[0], TRAVERSAL);
		return;
	}
	if (type->element->kind == CEL_STRING || type->element->kind == CEL_BYTES)
		each = cost_add(each, cost_factor(call->element, TRAVERSAL));
	call->cost = cost_multiply(call->sizes[0], each);
}

static void of_pattern(struct cost_call *call)
{
	struct cost_range text = cost_factor(cost_add(call->sizes[0], fixed(1)), TRAVERSAL);

	if (!call->node->member) /* matches(text, pattern): upstream has no rule for this form */
		return;
	call->cost = cost_multiply(text, cost_factor(call->sizes[1], PATTERN));
	if (call->row->cost == CEL_COST_FIND)
		set_result(call, (struct cost_range){ 0, call->sizes[0].max });
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
	return cost_scale(a, 1 / (double)b);
}

static void of_replace(struct cost_call *call)
{
	struct cost_range text = call->sizes[0];
	struct cost_range old = call->sizes[1];
	struct cost_range new = call->sizes[2];
	struct cost_range count = { 0, 0 };
	struct cost_range kept = { 0, 0 };

	if (old.min == 0) {
		count.max = add(text.max, 1);
		kept.max = text.max;
	} else if (new.max <= old.min) {
		kept.max = text.max;
	} else {
		count.max = divide_up(text.max, old.min);
	}
	if (old.max == 0) {
		count.min = add(text.min, 1);
		kept.min = text.min;
	} else if (old.max <= new.min) {
		kept.min = text.min;
	} else {
		count.min = divide_up(text.min, old.max);
	}
	call->cost = cost_factor(text, 2 * TRAVERSAL);
	set_result(call, cost_add(cost_multiply(count, new), kept));
}

static void of_split(struct cost_call *call)
{
	const struct cel_node *node = call->node;
	uint64_t max = call->sizes[0].max;

	if (node->arg_count > 2 && node->args[2]->kind == CEL_NODE_CONSTANT)
		max = node->args[2]->constant.natural;
	call->cost = cost_factor(call->sizes[0], 2 * TRAVERSAL);
	set_result(call, (struct cost_range){ 0, max });
}

static void of_join(struct cost_call *call)
{
	struct cost_range list = call->sizes[0];
	struct cost_range size = cost_multiply(list, call->element);

	if (call->node->arg_count > 1) {
		struct cost_range separators = { list.min > 0 ? list.min - 1 : 0,
						 list.max > 0 ? list.max - 1 : 0 };

		size = cost_add(size, cost_multiply(call->sizes[1], separators));
	}
	call->cost = cost_factor(size, TRAVERSAL);
	set_result(call, size);
}

static void of_address(struct cost_call *call)
{
	enum cel_cost_rule rule = call->row->cost;
	struct cost_range address = { 4, 16 };

	call->cost = cost_factor(cost_add(address, address), TRAVERSAL);
	if (rule == CEL_COST_CONTAINS_CIDR || rule == CEL_COST_CONTAINS_CIDR_STRING)
		call->cost = cost_add(cost_add(call->cost, cost_factor(address, TRAVERSAL)),
				      fixed(1));
	if (rule == CEL_COST_CONTAINS_IP_STRING || rule == CEL_COST_CONTAINS_CIDR_STRING)
		call->cost = cost_add(call->cost, cost_factor(call->sizes[1], TRAVERSAL));
}

static void of_selector(struct cost_call *call)
{
	struct cost_range requirements = cost_factor(cost_factor(call->sizes[1], 0.5), 50);

	call->cost = cost_add(cost_add(fixed(10), cost_factor(call->sizes[1], TRAVERSAL)),
			      requirements);
}

/* Conversions from and to text, quoting: how much longer or shorter the result may be. */
static void of_conversion(struct cost_call *call)
{
	struct cost_range size = call->sizes[0];

	call->cost = cost_factor(size, TRAVERSAL);
	if (call->row->cost == CEL_COST_CANONICAL)
		call->cost = cost_factor(size, 2 * TRAVERSAL);
	else if (call->row->cost == CEL_COST_TO_BYTES)
		set_result(call, (struct cost_range){ size.min, cel_cost_times(size.max, 4) });
	else if (call->row->cost == CEL_COST_TO_STRING)
		set_result(call, (struct cost_range){ size.min / 4, size.max });
	else if (call->row->cost == CEL_COST_QUOTE)
		set_result(call, (struct cost_range){ add(size.min, 2),
						      add(cel_cost_times(size.max, 2), 2) });
}

static void of_sizes(struct cost_call *call)
{
	struct cost_range both = cost_multiply(call->sizes[0], call->sizes[1]);

	switch (call->row->cost) {
	case CEL_COST_SETS:
		call->cost = cost_add(both, fixed(1));
		break;
	case CEL_COST_SETS_TWICE:
		call->cost = cost_add(cost_factor(both, 2), fixed(1));
		break;
	case CEL_COST_QUADRATIC:
		call->cost = cost_add(cost_multiply(call->sizes[0], call->sizes[0]), fixed(11));
		set_result(call, (struct cost_range){ 0, call->sizes[0].max });
		break;
	default:
		call->cost = cost_add(call->sizes[0], fixed(11));
		set_result(call, call->sizes[0]);
		break;
	}
}

static void of_text(struct cost_call *call)
{
	switch (call->row->cost) {
	case CEL_COST_ADD_TEXT:
		set_result(call, cost_add(call->sizes[0], call->sizes[1]));
		call->cost = cost_factor(call->result, TRAVERSAL);
		break;
	case CEL_COST_ADD_LIST:
		set_result(call, cost_add(call->sizes[0], call->sizes[1]));
		break;
	case CEL_COST_IN_LIST:
		call->cost = call->sizes[1];
		break;
	case CEL_COST_AFFIX:
		call->cost = cost_factor(call->sizes[1], TRAVERSAL);
		break;
	case CEL_COST_CONTAINS:
		call->cost = cost_multiply(cost_factor(call->sizes[0], TRAVERSAL),
					   cost_factor(call->sizes[1], TRAVERSAL));
		break;
	case CEL_COST_FORMAT:
		call->cost = cost_factor(call->sizes[0], TRAVERSAL);
		break;
	default: /* as long as its argument */
		call->cost = cost_factor(call->sizes[0], TRAVERSAL);
		set_result(call, call->sizes[0]);
		break;
	}
}

void cost_of_call(struct cost_call *call)
{
	static void (*const rules[])(struct cost_call * call) = {
		[CEL_COST_EQUAL] = of_equal,
		[CEL_COST_ADD_TEXT] = of_text,
		[CEL_COST_ADD_LIST] = of_text,
		[CEL_COST_IN_LIST] = of_text,
		[CEL_COST_AFFIX] = of_text,
		[CEL_COST_MATCHES] = of_pattern,
		[CEL_COST_CONTAINS] = of_text,
		[CEL_COST_TO_BYTES] = of_conversion,
		[CEL_COST_TO_STRING] = of_conversion,
		[CEL_COST_QUOTE] = of_conversion,
		[CEL_COST_FORMAT] = of_text,
		[CEL_COST_LIST_TRAVERSAL] = of_list,
		[CEL_COST_SAME_LENGTH] = of_text,
		[CEL_COST_ESCAPE] = of_text,
		[CEL_COST_REPLACE] = of_replace,
		[CEL_COST_SPLIT] = of_split,
		[CEL_COST_JOIN] = of_join,
		[CEL_COST_FIND] = of_pattern,
		[CEL_COST_PARSE] = of_conversion,
		[CEL_COST_CANONICAL] = of_conversion,
		[CEL_COST_CONTAINS_IP] = of_address,
		[CEL_COST_CONTAINS_IP_STRING] = of_address,
		[CEL_COST_CONTAINS_CIDR] = of_address,
		[CEL_COST_CONTAINS_CIDR_STRING] = of_address,
		[CEL_COST_SELECTOR] = of_selector,
		[CEL_COST_SETS] = of_sizes,
		[CEL_COST_SETS_TWICE] = of_sizes,
		[CEL_COST_QUADRATIC] = of_sizes,
		[CEL_COST_LINEAR] = of_sizes,
		[CEL_COST_SORT] = of_sizes,
	};

	call->cost = fixed(1);
	if (call->row->cost == CEL_COST_AUTHORIZE)
		call->cost = fixed(AUTHORIZE);
	else if (call->row->cost == CEL_COST_VALIDATE)
		call->cost = cost_factor(cost_factor(call->sizes[1], TRAVERSAL),
					 NAME_PATTERN_SIZE * PATTERN);
	else if (call->row->cost < ARRAY_COUNT(rules) && rules[call->row->cost])
		rules[call->row->cost](call);
}
