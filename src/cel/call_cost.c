/* SPDX-License-Identifier: Apache-2.0 */
/* What calls cost when they are made: upstream's rules, over the sizes of the values. */
#include <math.h>

#include "cel/opaque_internal.h"

#define TRAVERSAL 0.1
#define PATTERN 0.25
#define AUTHORIZE 350000

static uint64_t part(uint64_t size, double factor)
{
	return (uint64_t)ceil((double)size * factor);
}

static uint64_t times(uint64_t a, uint64_t b)
{
	return cel_cost_times(a, b);
}

static uint64_t pattern_cost(uint64_t text_size, uint64_t pattern_size)
{
	return times(part(text_size + 1, TRAVERSAL), part(pattern_size, PATTERN));
}

/* One for each scalar below v, a tenth for each byte of text. */
static uint64_t traversal(struct cel_frame *f, struct cel_value v, unsigned depth)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value value;
	uint64_t cost = 0;

	if (v.kind == CEL_STRING || v.kind == CEL_BYTES)
		return (uint64_t)((double)v.len * TRAVERSAL);
	if (depth == CEL_VALUE_DEPTH_MAX || !cel_iterate(v, &it))
		return 1;
	while (cel_next(f, &it, &key, &value)) {
		if (v.kind != CEL_LIST)
			cost += traversal(f, key, depth + 1);
		cost += traversal(f, value, depth + 1);
	}
	return cost;
}

static uint64_t selector_cost(uint64_t size)
{
	return 10 + part(size, TRAVERSAL) + part(part(size, 0.5), 50);
}

static uint64_t net_cost(enum cel_cost_rule rule, uint64_t range, uint64_t other)
{
	uint64_t cost = part(range + range, TRAVERSAL);

	if (rule == CEL_COST_CONTAINS_CIDR || rule == CEL_COST_CONTAINS_CIDR_STRING)
		cost += part(range, TRAVERSAL) + 1;
	if (rule == CEL_COST_CONTAINS_IP_STRING || rule == CEL_COST_CONTAINS_CIDR_STRING)
		cost += part(other, TRAVERSAL);
	return cost;
}

/* Rules that need the size of the first argument, or of two. */
static uint64_t sized_cost(enum cel_cost_rule rule, uint64_t a, uint64_t b)
{
	switch (rule) {
	case CEL_COST_EQUAL:
		return part(a < b ? a : b, TRAVERSAL);
	case CEL_COST_ADD_TEXT:
		return part(a + b, TRAVERSAL);
	case CEL_COST_IN_LIST:
		return b;
	case CEL_COST_MATCHES:
	case CEL_COST_FIND:
		return pattern_cost(a, b);
	case CEL_COST_AFFIX:
		return part(b, TRAVERSAL);
	case CEL_COST_CONTAINS:
		return times(part(a, TRAVERSAL), part(b, TRAVERSAL));
	case CEL_COST_REPLACE:
	case CEL_COST_SPLIT:
	case CEL_COST_CANONICAL:
		return part(2 * a, TRAVERSAL);
	case CEL_COST_CONTAINS_IP:
	case CEL_COST_CONTAINS_IP_STRING:
	case CEL_COST_CONTAINS_CIDR:
	case CEL_COST_CONTAINS_CIDR_STRING:
		return net_cost(rule, a, b);
	case CEL_COST_SELECTOR:
		return selector_cost(b);
	case CEL_COST_SETS:
		return 1 + times(a, b);
	case CEL_COST_SETS_TWICE:
		return 1 + 2 * times(a, b);
	default: /* one traversal of the text */
		return part(a, TRAVERSAL);
	}
}

/* All elements with all others, twice; texts are as long as the first one. */
static uint64_t comparing_cost(struct cel_frame *f, struct cel_value list)
{
	uint64_t count = cel_size(list);
	uint64_t pairs = times(count, count);
	struct cel_value first;

	if (count == 0)
		return 11;
	first = cel_list_at(f, list, 0);
	return 11 + times(2, pairs) +
	       (first.kind == CEL_STRING
			? (uint64_t)((double)pairs * TRAVERSAL * (double)cel_size(first))
			: 0);
}

uint64_t cel_call_cost(struct cel_frame *f, const struct cel_function *row,
		       const struct cel_value *args, struct cel_value result)
{
	switch (row->cost) {
	case CEL_COST_ONE:
	case CEL_COST_ADD_LIST:
	case CEL_COST_INDEX:
		return 1;
	case CEL_COST_LOGICAL:
	case CEL_COST_CONDITIONAL:
	case CEL_COST_FALLBACK:
		return 0;
	case CEL_COST_EQUAL:
		if (args[0].kind == CEL_OPAQUE)
			return 1;
		break;
	case CEL_COST_LIST_TRAVERSAL:
		return traversal(f, args[0], 0);
	case CEL_COST_JOIN:
		return part(2 * cel_size(result), TRAVERSAL);
	case CEL_COST_AUTHORIZE:
		return AUTHORIZE;
	case CEL_COST_QUADRATIC:
	case CEL_COST_SORT:
		return comparing_cost(f, args[0]);
	case CEL_COST_LINEAR: /* a list is made */
		return 11 + cel_size(result);
	case CEL_COST_VALIDATE:
		return pattern_cost(cel_size(args[1]), cel_format_pattern_size(args[0].opaque));
	default:
		break;
	}
	return sized_cost(row->cost, cel_size(args[0]), row->count > 1 ? cel_size(args[1]) : 0);
}
