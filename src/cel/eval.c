/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evaluator walks the tree. An error is a value: it travels up unless && or || does not need
 * it. Costs are charged where upstream charges them: one for each name and each step of a path, and
 * by the rule of its row for each call.
 */
#include "base/assert.h"
#include "cel/value_internal.h"

/* What JSON could not be without a frame: strings of formats that need memory. */
static struct cel_value eval_variable(struct cel_frame *f, size_t index)
{
	struct cel_value v = f->evaluation->variables[index];
	const struct cel_type *type = f->program->env->variables[index].type;

	if (v.kind != CEL_STRING || !type->from_string)
		return v;
	if (type->kind == CEL_TIMESTAMP || type->kind == CEL_DURATION)
		return cel_fail(f, "failed to parse %s " STR_FMT,
				type->kind == CEL_DURATION ? "duration" : "date",
				STR_ARG(cel_str(v)));
	return cel_decode_bytes(f, cel_str(v));
}

static struct cel_value eval_ident(struct cel_frame *f, const struct cel_node *node)
{
	cel_charge(f, 1);
	return node->slot >= 0 ? f->slots[node->slot] : eval_variable(f, (size_t)(-1 - node->slot));
}

/* ---- fields and elements ---- */

static struct cel_value no_such_key(struct cel_frame *f, struct cel_value key)
{
	switch ((enum cel_kind)key.kind) {
	case CEL_STRING:
		return cel_fail(f, "no such key: " STR_FMT, STR_ARG(cel_str(key)));
	case CEL_INT:
		return cel_fail(f, "no such key: %lld", (long long)key.integer);
	case CEL_UINT:
		return cel_fail(f, "no such key: %llu", (unsigned long long)key.natural);
	case CEL_BOOL:
		return cel_fail(f, "no such key: %s", key.boolean ? "true" : "false");
	case CEL_DOUBLE: {
		char text[32];

		return cel_fail(f, "no such key: " STR_FMT,
				STR_ARG(cel_double_text(key.real, text)));
	}
	default:
		return cel_fail(f, "unsupported key type: " STR_FMT, STR_ARG(cel_kind_name(key)));
	}
}

/* The field of an object that was found by the checker, or by the type the value has now. */
static bool find_field(struct cel_frame *f, const struct cel_node *node, struct cel_value object,
		       struct str name, struct cel_value *ret)
{
	const struct cel_type *type = object.type;
	const struct cel_field *field = node ? node->field : NULL;

	if (object.form == CEL_FORM_OWN || object.form == CEL_FORM_LOOKUP)
		return cel_field_find(f, object, name, &cel_type_dyn, ret);
	if (!field && object.kind == CEL_OBJECT && type->fields)
		field = cel_field_named(type, name);
	if (object.kind == CEL_OBJECT && type->fields && !field)
		return false;
	if (field && object.kind == CEL_OBJECT)
		return cel_field_find(f, object, field->json_name, field->type, ret);
	return cel_field_find(f, object, name,
			      object.kind == CEL_MAP ? type->element : &cel_type_dyn, ret);
}

enum found { FOUND, ABSENT, FAILED };

/* Element or member of v at key. */
static enum found find_element(struct cel_frame *f, const struct cel_node *node, struct cel_value v,
			       struct cel_value key, struct cel_value *ret)
{
	int64_t index;

	if (v.kind == CEL_MAP || v.kind == CEL_OBJECT) {
		if (key.kind == CEL_STRING && (v.kind == CEL_OBJECT || v.form != CEL_FORM_OWN))
			return find_field(f, node, v, cel_str(key), ret) ? FOUND : ABSENT;
		return cel_map_find(f, v, key, ret) ? FOUND : ABSENT;
	}
	if (v.kind != CEL_LIST) {
		*ret = cel_no_overload();
		return FAILED;
	}
	if (key.kind == CEL_INT) {
		index = key.integer;
	} else if (key.kind == CEL_UINT) {
		index = key.natural <= INT64_MAX ? (int64_t)key.natural : -1;
	} else if (key.kind == CEL_DOUBLE && key.real > -0x1p62 && key.real < 0x1p62 &&
		   (double)(int64_t)key.real == key.real) {
		index = (int64_t)key.real;
	} else {
		*ret = cel_fail(f, "unsupported index type '" STR_FMT "' in list",
				STR_ARG(cel_kind_name(key)));
		return FAILED;
	}
	if (index < 0 || (uint64_t)index >= cel_list_count(v))
		return ABSENT;
	*ret = cel_list_at(f, v, (size_t)index);
	return FOUND;
}

static struct cel_value absent(struct cel_frame *f, struct cel_value v, struct cel_value key)
{
	if (f->evaluation->stopped)
		return cel_stopped(f->evaluation);
	if (v.kind == CEL_LIST && key.kind == CEL_INT)
		return cel_fail(f, "index out of bounds: %lld", (long long)key.integer);
	if (v.kind == CEL_LIST)
		return cel_fail(f, "index out of bounds");
	return no_such_key(f, key);
}

/* v.key, v[key]; of an optional v the result is optional too. optional: v.?key, v[?key]. */
static struct cel_value access(struct cel_frame *f, const struct cel_node *node, struct cel_value v,
			       struct cel_value key, bool optional)
{
	struct cel_value result;
	enum found found;

	if (cel_is_error(v))
		return v;
	if (cel_is_error(key))
		return key;
	if (v.kind == CEL_OPTIONAL) {
		if (!v.value)
			return v;
		v = *v.value;
		optional = true;
	}
	found = find_element(f, node, v, key, &result);
	if (found == FAILED)
		return result;
	if (found == ABSENT)
		return optional && !f->evaluation->stopped ? cel_optional(NULL) : absent(f, v, key);
	if (!optional || result.kind == CEL_OPTIONAL)
		return result;
	return cel_make_optional(f, result);
}

static struct cel_value eval_select(struct cel_frame *f, const struct cel_node *node)
{
	struct cel_value v = cel_eval(f, node->target);
	struct cel_value key = cel_string(node->name);
	struct cel_value result;
	enum found found;

	cel_charge(f, node->relative + !node->test_only);
	if (!node->test_only)
		return access(f, node, v, key, false);
	if (v.kind == CEL_OPTIONAL)
		v = v.value ? *v.value : cel_null();
	if (cel_is_error(v))
		return v;
	if (v.kind == CEL_NULL && node->target->type->kind == CEL_OPTIONAL)
		return cel_bool(false);
	found = find_element(f, node, v, key, &result);
	if (found == FAILED)
		return result;
	return found == FOUND && cel_is_error(result) ? result : cel_bool(found == FOUND);
}

static struct cel_value eval_index(struct cel_frame *f, const struct cel_node *node)
{
	struct cel_value v = cel_eval(f, node->args[0]);
	struct cel_value key = cel_eval(f, node->args[1]);
	uint8_t kind = node->args[1]->kind;
	bool path = kind == CEL_NODE_IDENT || kind == CEL_NODE_SELECT ||
		    (kind == CEL_NODE_CALL && node->args[1]->op >= CEL_OP_INDEX &&
		     node->args[1]->op <= CEL_OP_OPTIONAL_SELECT);

	cel_charge(f, (uint64_t)node->relative +
			      !path); /* a path as index is counted by its own steps */
	return access(f, node, v, key, node->op != CEL_OP_INDEX);
}

/* ---- operators that do not evaluate all of their operands ---- */

static struct cel_value eval_logical(struct cel_frame *f, const struct cel_node *node)
{
	bool decides = node->op == CEL_OP_OR;
	struct cel_value a = cel_eval(f, node->args[0]);
	struct cel_value b;

	if (a.kind == CEL_BOOL && a.boolean == decides)
		return a;
	b = cel_eval(f, node->args[1]);
	if (b.kind == CEL_BOOL && (b.boolean == decides || a.kind == CEL_BOOL))
		return b;
	if (cel_is_error(a))
		return a;
	return cel_is_error(b) ? b : cel_no_overload();
}

/* A variable and fields of it: to upstream part of the condition, and so without a cost of its own.
 */
static bool is_bare_path(const struct cel_node *node)
{
	while (node->kind == CEL_NODE_SELECT && !node->test_only)
		node = node->target;
	return node->kind == CEL_NODE_IDENT;
}

static struct cel_value eval_conditional(struct cel_frame *f, const struct cel_node *node)
{
	struct cel_value condition = cel_eval(f, node->args[0]);
	const struct cel_node *branch;
	struct cel_value v;
	uint64_t cost;

	if (cel_is_error(condition))
		return condition;
	if (condition.kind != CEL_BOOL)
		return cel_no_overload();
	branch = node->args[condition.boolean ? 1 : 2];
	cost = f->evaluation->cost;
	v = cel_eval(f, branch);
	if (is_bare_path(branch) && !f->evaluation->stopped)
		f->evaluation->cost = cost;
	return v;
}

static struct cel_value eval_fold(struct cel_frame *f, const struct cel_node *node)
{
	struct cel_value range = cel_eval(f, node->target);
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value value;

	if (cel_is_error(range))
		return range;
	if (!cel_iterate(range, &it))
		return cel_no_overload();
	f->slots[node->accu_slot] = cel_eval(f, node->args[CEL_FOLD_INIT]);
	while (!f->evaluation->stopped && cel_next(f, &it, &key, &value)) {
		struct cel_value condition;

		if (node->iter2_slot >= 0) {
			f->slots[node->iter_slot] = key;
			f->slots[node->iter2_slot] = value;
		} else {
			f->slots[node->iter_slot] = range.kind == CEL_LIST ? value : key;
		}
		condition = cel_eval(f, node->args[CEL_FOLD_CONDITION]);
		if (condition.kind == CEL_BOOL && !condition.boolean)
			break;
		f->slots[node->accu_slot] = cel_eval(f, node->args[CEL_FOLD_STEP]);
	}
	return cel_eval(f, node->args[CEL_FOLD_RESULT]);
}

/* ---- literals ---- */

/* The value of element i; false: it is optional and not there. Errors count as there. */
static bool eval_element(struct cel_frame *f, const struct cel_node *node, uint32_t i,
			 struct cel_value *ret)
{
	*ret = cel_eval(f, node->args[i]);
	if (!node->optional || !node->optional[i] || cel_is_error(*ret))
		return true;
	if (ret->kind != CEL_OPTIONAL) {
		*ret = cel_no_overload();
		return true;
	}
	if (ret->value)
		*ret = *ret->value;
	else
		return false;
	return true;
}

static struct cel_value eval_list(struct cel_frame *f, const struct cel_node *node)
{
	struct cel_value list = cel_list_new(f, node->arg_count);

	cel_charge(f, 10);
	for (uint32_t i = 0; i < node->arg_count && !cel_is_error(list); i++) {
		struct cel_value v;

		if (!eval_element(f, node, i, &v))
			continue;
		if (cel_is_error(v))
			return v;
		if (f->evaluation->stopped)
			return cel_stopped(f->evaluation);
		list.list->items->values[list.list->items->count++] = v;
		((struct cel_list *)(uintptr_t)list.list)->count++;
	}
	return list;
}

static struct cel_value eval_map(struct cel_frame *f, const struct cel_node *node)
{
	struct cel_value map = cel_map_new(f, node->arg_count / 2);

	cel_charge(f, 30);
	for (uint32_t i = 0; i < node->arg_count && !cel_is_error(map); i += 2) {
		struct cel_value key = cel_eval(f, node->args[i]);
		struct cel_value v;

		if (cel_is_error(key))
			return key;
		if (!eval_element(f, node, i + 1, &v))
			continue;
		if (cel_is_error(v))
			return v;
		map = cel_map_add(f, map, key, v);
	}
	return map;
}

static struct cel_value eval_struct(struct cel_frame *f, const struct cel_node *node)
{
	struct cel_value object = cel_map_new(f, node->arg_count);

	cel_charge(f, 40);
	for (uint32_t i = 0; i < node->arg_count && !cel_is_error(object); i++) {
		struct cel_value v;

		if (!eval_element(f, node, i, &v))
			continue;
		if (cel_is_error(v))
			return v;
		object = cel_map_add(f, object, cel_string(node->field_names[i]), v);
	}
	if (!cel_is_error(object)) {
		object.kind = CEL_OBJECT;
		object.type = node->type;
	}
	return object;
}

/* ---- calls ---- */

static const struct cel_function *pick(const struct cel_node *node, const struct cel_value *args)
{
	for (uint32_t i = 0; i < node->overload_count; i++) {
		const struct cel_function *row = node->overloads[i];
		uint8_t k = 0;

		while (k < row->count && cel_fits(args[k], row->parameters[k]))
			k++;
		if (k == row->count)
			return row;
	}
	return NULL;
}

static struct cel_value apply(struct cel_frame *f, const struct cel_node *node,
			      const struct cel_function *row, const struct cel_value *args)
{
	if (row && row->call) {
		f->node = node;
		return row->call(f, args);
	}
	return node->arg_count == 1 ? cel_operator1(f, node->op, args[0])
				    : cel_operator2(f, node->op, args[0], args[1]);
}

/* or(), orValue() of an optional that has a value. */
static struct cel_value eval_lazy(struct cel_frame *f, const struct cel_node *node,
				  struct cel_value optional)
{
	return node->overloads[0]->result->kind == CEL_OPTIONAL ? optional : *optional.value;
}

static struct cel_value eval_call(struct cel_frame *f, const struct cel_node *node)
{
	struct cel_value args[CEL_PARAMETERS_MAX];
	const struct cel_function *row;
	struct cel_value result;

	for (uint32_t i = 0; i < node->arg_count; i++) {
		args[i] = cel_eval(f, node->args[i]);
		if (i == 0 && node->overload_count > 0 && node->overloads[0]->lazy &&
		    args[0].kind == CEL_OPTIONAL && args[0].value)
			return eval_lazy(f, node, args[0]);
	}
	for (uint32_t i = 0; i < node->arg_count; i++)
		if (cel_is_error(args[i]))
			return args[i];
	if (f->evaluation->stopped)
		return cel_stopped(f->evaluation);
	row = pick(node, args);
	if (!row &&
	    (node->op == CEL_OP_FUNCTION || node->op == CEL_OP_NOT || node->op == CEL_OP_NEGATE)) {
		cel_charge(f, 1);
		return cel_no_overload();
	}
	result = apply(f, node, row, args);
	if (!node->in_constants)
		cel_charge(f, row ? cel_call_cost(f, row, args, result) : 1);
	return result;
}

static struct cel_value eval_operator(struct cel_frame *f, const struct cel_node *node)
{
	struct cel_value v;

	switch ((enum cel_op)node->op) {
	case CEL_OP_AND:
	case CEL_OP_OR:
		return eval_logical(f, node);
	case CEL_OP_CONDITIONAL:
		return eval_conditional(f, node);
	case CEL_OP_INDEX:
	case CEL_OP_OPTIONAL_INDEX:
	case CEL_OP_OPTIONAL_SELECT:
		return eval_index(f, node);
	case CEL_OP_NOT_STRICTLY_FALSE:
		v = cel_eval(f, node->args[0]);
		cel_charge(f, 1);
		return v.kind == CEL_BOOL ? v : cel_bool(true);
	default:
		return eval_call(f, node);
	}
}

struct cel_value cel_eval(struct cel_frame *f, const struct cel_node *node)
{
	if (f->evaluation->stopped)
		return cel_stopped(f->evaluation);
	switch ((enum cel_node_kind)node->kind) {
	case CEL_NODE_CONSTANT:
		return node->constant;
	case CEL_NODE_IDENT:
		return eval_ident(f, node);
	case CEL_NODE_SELECT:
		return eval_select(f, node);
	case CEL_NODE_CALL:
		return eval_operator(f, node);
	case CEL_NODE_LIST:
		return eval_list(f, node);
	case CEL_NODE_MAP:
		return eval_map(f, node);
	case CEL_NODE_STRUCT:
		return eval_struct(f, node);
	case CEL_NODE_FOLD:
		return eval_fold(f, node);
	}
	UNREACHABLE();
}

/* From inside cel_lookup.get: another program of the same variables, on the account of the outer
 * one. */
static struct cel_value cel_evaluate_inner(const struct cel_program *program,
					   struct cel_evaluation *evaluation)
{
	struct cel_frame f = { .evaluation = evaluation, .program = program };
	struct cel_value v;

	if (program->slot_count > 0) {
		f.slots = cel_take(&f, program->slot_count * sizeof(struct cel_value));
		if (!f.slots)
			return cel_stopped(evaluation);
	}
	v = cel_eval(&f, program->root);
	return evaluation->stopped ? cel_stopped(evaluation) : v;
}

int cel_evaluate(const struct cel_program *program, struct cel_evaluation *evaluation,
		 struct cel_value *ret_value, struct err *err)
{
	struct cel_value v = cel_evaluate_inner(program, evaluation);

	if (cel_is_error(v))
		return err_set(err, evaluation->stopped ? ERR_TOO_LARGE : ERR_INVALID, STR_FMT,
			       STR_ARG(cel_str(v)));
	*ret_value = v;
	return 0;
}
