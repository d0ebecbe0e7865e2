/* SPDX-License-Identifier: Apache-2.0 */
/* What is known to be wrong with calls of format() before anything is evaluated: the text is a
 * constant and the values are a list that is written out. */
#include "cel/format_internal.h"
#include "cel/function_internal.h"
#include "cel/value_internal.h"

/* The node that the clause cannot be used on: value itself, or for %s one inside of it. */
static const struct cel_node *misfit(const struct cel_format_clause *clause,
				     const struct cel_node *value)
{
	if (!cel_format_takes(clause, value->type->kind))
		return value;
	if (clause->letter != 's' || (value->kind != CEL_NODE_LIST && value->kind != CEL_NODE_MAP))
		return NULL;
	for (uint32_t i = 0; i < value->arg_count; i++) {
		const struct cel_node *inner = misfit(clause, value->args[i]);

		if (inner)
			return inner;
	}
	return NULL;
}

/* False once a message was given. */
static bool check_directive(struct cel_source *source, const struct cel_node *call,
			    const struct cel_node *values, uint32_t index, size_t *at)
{
	struct cel_directive directive;
	const struct cel_node *wrong;
	struct err err = { 0 };

	if (index >= values->arg_count) {
		cel_message(source, call->offset, "index %u out of range", index);
		return false;
	}
	if (cel_directive_read(cel_str(call->args[0]->constant), at, &directive, &err) < 0) {
		cel_message(source, call->offset, "%s", err.msg);
		return false;
	}
	wrong = misfit(directive.clause, values->args[index]);
	if (wrong)
		cel_message(source, wrong->offset, "error during formatting: %s" STR_FMT,
			    directive.clause->problem,
			    STR_ARG(cel_kind_name((struct cel_value){
				    .kind = (uint8_t)wrong->type->kind, .type = wrong->type })));
	return !wrong;
}

static void check_format(struct cel_source *source, const struct cel_node *call)
{
	struct str text = cel_str(call->args[0]->constant);
	const struct cel_node *values = call->args[1];
	uint32_t used = 0;

	for (size_t i = 0; i < text.len;) {
		if (text.ptr[i] != '%') {
			i++;
		} else if (i + 1 < text.len && text.ptr[i + 1] == '%') {
			i += 2;
		} else if (!check_directive(source, call, values, used++, &i)) {
			return;
		}
	}
	if (used < values->arg_count)
		cel_message(source, call->offset,
			    "too many arguments supplied to string.format (expected %u, got %u)",
			    used, values->arg_count);
}

void cel_check_formats(struct cel_source *source, struct cel_node *node)
{
	if (node->formats_checked)
		return;
	node->formats_checked = true;
	if (node->target)
		cel_check_formats(source, node->target);
	for (uint32_t i = 0; i < node->arg_count; i++)
		cel_check_formats(source, node->args[i]);
	if (node->kind == CEL_NODE_CALL && node->member && node->arg_count == 2 &&
	    str_eq_c(node->name, "format") && node->args[0]->kind == CEL_NODE_CONSTANT &&
	    node->args[0]->constant.kind == CEL_STRING && node->args[1]->kind == CEL_NODE_LIST)
		check_format(source, node);
}
