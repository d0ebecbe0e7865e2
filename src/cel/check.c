/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The type checker: names to variables and slots, fields, literals, comprehensions. Calls are in
 * check_call.c. Whatever fails gets the type "error", which fits everywhere, so that one mistake
 * gives one message.
 */
#include "base/mem.h"
#include "base/num.h"
#include "cel/check_internal.h"

static const struct cel_type *check_optional_of(struct checker *c, const struct cel_type *element);

static const struct cel_type check_error;

void check_set(struct cel_node *node, const struct cel_type *type)
{
	node->type = type;
}

const struct cel_type *check_type(struct checker *c, const struct cel_node *node)
{
	return unify_resolve(&c->unifier, node->type, false);
}

void check_type_text(struct checker *c, const struct cel_type *type, struct buf *to)
{
	cel_type_write(unify_resolve(&c->unifier, type, false), to);
}

static void mismatch(struct checker *c, const struct cel_node *node,
		     const struct cel_type *expected, const struct cel_type *found)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, CEL_ERROR_BYTES_MAX);
	buf_put_c(&text, "expected type '");
	check_type_text(c, expected, &text);
	buf_put_c(&text, "' but found '");
	check_type_text(c, found, &text);
	cel_message(c->source, node->offset, "%s'", text.ptr);
}

/* ---- names ---- */

static bool set_slot(struct checker *c, struct cel_node *node, struct str name)
{
	for (size_t i = c->local_count; i > 0; i--) {
		if (str_eq(c->locals[i - 1].name, name)) {
			node->slot = (int)(i - 1);
			check_set(node, c->locals[i - 1].type);
			return true;
		}
	}
	return false;
}

static bool set_variable(struct checker *c, struct cel_node *node, struct str name)
{
	const struct cel_env *env = c->source->env;

	for (size_t i = 0; i < env->variable_count; i++) {
		if (str_eq(env->variables[i].name, name)) {
			node->kind = CEL_NODE_IDENT;
			node->target = NULL;
			node->slot = -1 - (int)i;
			c->variables_used |= UINT64_C(1) << i;
			check_set(node, env->variables[i].type);
			return true;
		}
	}
	return false;
}

/* The name of a type is a constant. */
static bool set_type_name(struct checker *c, struct cel_node *node, struct str name)
{
	const struct cel_type *named = cel_named_type(name);
	struct cel_type *type;

	if (!named)
		return false;
	type = ARENA_NEW(c->source->arena, struct cel_type);
	*type = cel_type_type;
	type->element = named;
	node->kind = CEL_NODE_CONSTANT;
	node->target = NULL;
	node->constant = (struct cel_value){ .kind = CEL_TYPE, .named = named };
	check_set(node, type);
	return true;
}

static void check_ident(struct checker *c, struct cel_node *node)
{
	if (!node->leading_dot && set_slot(c, node, node->name))
		return;
	if (set_variable(c, node, node->name) || set_type_name(c, node, node->name))
		return;
	cel_message(c->source, node->offset,
		    "undeclared reference to '" STR_FMT "' (in container '')", STR_ARG(node->name));
	check_set(node, &check_error);
}

bool check_qualified(struct checker *c, const struct cel_node *node, unsigned depth,
		     struct str *ret)
{
	struct str head;

	if (node->kind == CEL_NODE_IDENT) {
		*ret = node->name;
		return true;
	}
	if (node->kind != CEL_NODE_SELECT || node->test_only || depth == 8 ||
	    !check_qualified(c, node->target, depth + 1, &head))
		return false;
	*ret = str_printf_in(c->source->arena, STR_FMT "." STR_FMT, STR_ARG(head),
			     STR_ARG(node->name));
	return true;
}

static bool is_local(const struct checker *c, struct str name)
{
	for (size_t i = 0; i < c->local_count; i++)
		if (str_eq(c->locals[i].name, name))
			return true;
	return false;
}

/* The name that a chain of selects begins with. */
static const struct cel_node *chain_root(const struct cel_node *node)
{
	while (node->kind == CEL_NODE_SELECT)
		node = node->target;
	return node;
}

/* ---- fields ---- */

static const struct cel_type *unwrap(const struct cel_type *type, bool *ret_optional)
{
	*ret_optional = type->kind == CEL_OPTIONAL;
	return *ret_optional ? type->element : type;
}

const struct cel_type *check_field(struct checker *c, struct cel_node *node,
				   const struct cel_node *operand, struct str name, bool optional)
{
	AUTO_BUF text = { 0 };
	bool was_optional;
	const struct cel_type *target = unwrap(check_type(c, operand), &was_optional);
	const struct cel_type *result = &cel_type_dyn;

	target = unify_resolve(&c->unifier, target, false);
	if (target->kind == CEL_MAP) {
		result = target->element;
	} else if (target->kind == CEL_OBJECT) {
		if (target->fields) {
			node->field = cel_field_named(target, name);
			result = node->field ? node->field->type : &check_error;
			if (!node->field)
				cel_message(c->source, node->offset,
					    "undefined field '" STR_FMT "'", STR_ARG(name));
		}
	} else if (target->kind == CEL_PARAM) {
		(void)unify_assign(&c->unifier, &cel_type_dyn, target); /* a variable takes dyn */
	} else if (target->kind != CEL_DYN && target->kind != CEL_ERROR) {
		buf_init(&text, CEL_ERROR_BYTES_MAX);
		check_type_text(c, target, &text);
		cel_message(c->source, node->offset, "type '%s' does not support field selection",
			    text.ptr);
		result = &check_error;
	}
	if (was_optional || optional)
		result = check_optional_of(c, result);
	return result;
}

static const struct cel_type *check_optional_of(struct checker *c, const struct cel_type *element)
{
	struct cel_type *type = ARENA_NEW(c->source->arena, struct cel_type);

	*type = (struct cel_type){ .kind = CEL_OPTIONAL,
				   .element = element,
				   .size_max = CEL_SIZE_UNKNOWN };
	return type;
}

static void check_select(struct checker *c, struct cel_node *node)
{
	const struct cel_node *root = chain_root(node);
	const struct cel_type *type;
	struct str name;

	if (root->kind == CEL_NODE_IDENT && (root->leading_dot || !is_local(c, root->name)) &&
	    !node->test_only && check_qualified(c, node, 0, &name) &&
	    (set_variable(c, node, name) || set_type_name(c, node, name)))
		return;
	check_node(c, node->target);
	type = check_field(c, node, node->target, node->name, false);
	check_set(node, node->test_only ? &cel_type_bool : type);
}

/* ---- literals ---- */

/* The common type of what was seen before and node; messages when there is none. */
static const struct cel_type *join(struct checker *c, const struct cel_node *node,
				   const struct cel_type *previous, const struct cel_type *current)
{
	struct unify_change *before = c->unifier.changes;

	if (!previous)
		return current;
	if (previous->kind == CEL_ERROR) /* told before */
		return previous;
	if (unify_assign(&c->unifier, previous, current))
		return unify_general(unify_resolve(&c->unifier, previous, false),
				     unify_resolve(&c->unifier, current, false));
	unify_undo(&c->unifier, before);
	if (c->format_depth > 0)
		return &cel_type_dyn;
	mismatch(c, node, previous, current);
	return &check_error;
}

/* The type of an element or a value; of `?x` what is inside the optional. */
static const struct cel_type *element_type(struct checker *c, struct cel_node *parent, uint32_t i)
{
	struct cel_node *node = parent->args[i];
	const struct cel_type *type;

	check_node(c, node);
	type = check_type(c, node);
	if (!parent->optional || !parent->optional[i] || type->kind == CEL_ERROR)
		return type;
	if (type->kind == CEL_OPTIONAL)
		return type->element;
	if (type->kind != CEL_DYN && type->kind != CEL_PARAM)
		mismatch(c, node, check_optional_of(c, type), type);
	return &cel_type_dyn;
}

static void check_list(struct checker *c, struct cel_node *node)
{
	const struct cel_type *element = NULL;

	for (uint32_t i = 0; i < node->arg_count; i++) {
		const struct cel_type *type = element_type(c, node, i);

		element = join(c, node->args[i], element, type);
	}
	if (!element)
		element = unify_fresh(&c->unifier);
	check_set(node, cel_type_list(c->source->arena, element, CEL_SIZE_UNKNOWN));
}

static void check_map(struct checker *c, struct cel_node *node)
{
	const struct cel_type *key = NULL;
	const struct cel_type *value = NULL;

	for (uint32_t i = 0; i < node->arg_count; i += 2) {
		const struct cel_type *type;

		check_node(c, node->args[i]);
		type = check_type(c, node->args[i]);
		/* keys with parts fail when evaluated; as dyn they keep types from growing like
		 * trees */
		key = join(c, node->args[i], key, type->element ? &cel_type_dyn : type);
		type = element_type(c, node, i + 1);
		value = join(c, node->args[i + 1], value, type);
	}
	if (!key) {
		key = unify_fresh(&c->unifier);
		value = unify_fresh(&c->unifier);
	}
	check_set(node, cel_type_map(c->source->arena, key, value, CEL_SIZE_UNKNOWN));
}

/* ---- comprehensions ---- */

static int push_local(struct checker *c, const struct cel_node *node, struct str name,
		      const struct cel_type *type)
{
	if (c->local_count == CHECK_LOCALS_MAX) {
		if (!c->source->fatal)
			cel_message(c->source, node->offset, "comprehensions are nested too deep");
		c->source->fatal = true;
		return 0;
	}
	c->locals[c->local_count] = (struct check_local){ name, type };
	c->slot_count = NUM_MAX(c->slot_count, (uint32_t)c->local_count + 1);
	return (int)c->local_count++;
}

/* What the variables stand for: key (or index) and value. */
static void range_types(struct checker *c, const struct cel_node *range,
			const struct cel_type **ret_key, const struct cel_type **ret_value)
{
	const struct cel_type *type = check_type(c, range);
	AUTO_BUF text = { 0 };

	*ret_key = *ret_value = &cel_type_dyn;
	if (type->kind == CEL_LIST) {
		*ret_key = &cel_type_int;
		*ret_value = type->element;
	} else if (type->kind == CEL_MAP) {
		*ret_key = type->key;
		*ret_value = type->element;
	} else if (type->kind == CEL_PARAM) {
		(void)unify_assign(&c->unifier, &cel_type_dyn, type); /* a variable takes dyn */
	} else if (type->kind != CEL_DYN && type->kind != CEL_ERROR) {
		buf_init(&text, CEL_ERROR_BYTES_MAX);
		check_type_text(c, type, &text);
		cel_message(c->source, range->offset,
			    "expression of type '%s' cannot be range of a comprehension (must be "
			    "list, map, or dynamic)",
			    text.ptr);
		*ret_key = *ret_value = &check_error;
	}
}

static void assert_type(struct checker *c, const struct cel_node *node,
			const struct cel_type *expected)
{
	struct unify_change *before = c->unifier.changes;

	if (unify_assign(&c->unifier, expected, node->type))
		return;
	unify_undo(&c->unifier, before);
	mismatch(c, node, expected, node->type);
}

static void check_fold(struct checker *c, struct cel_node *node)
{
	const struct cel_type *key;
	const struct cel_type *value;
	size_t outside = c->local_count;
	const struct cel_type *accu;

	check_node(c, node->target);
	check_node(c, node->args[CEL_FOLD_INIT]);
	accu = node->args[CEL_FOLD_INIT]->type;
	range_types(c, node->target, &key, &value);
	node->accu_slot = push_local(c, node, node->accu, accu);
	if (node->iter2.len > 0) {
		node->iter_slot = push_local(c, node, node->iter, key);
		node->iter2_slot = push_local(c, node, node->iter2, value);
	} else {
		bool over_map = check_type(c, node->target)->kind == CEL_MAP;

		node->iter_slot = push_local(c, node, node->iter, over_map ? key : value);
	}
	if (!c->source->fatal) {
		check_node(c, node->args[CEL_FOLD_CONDITION]);
		assert_type(c, node->args[CEL_FOLD_CONDITION], &cel_type_bool);
		check_node(c, node->args[CEL_FOLD_STEP]);
		assert_type(c, node->args[CEL_FOLD_STEP], accu);
		c->local_count = outside + 1; /* the result sees the accumulator alone */
		check_node(c, node->args[CEL_FOLD_RESULT]);
		check_set(node, node->args[CEL_FOLD_RESULT]->type);
	}
	c->local_count = outside;
}

/* ---- all of it ---- */

static void check_constant(struct cel_node *node)
{
	static const struct cel_type *const types[CEL_KIND_COUNT] = {
		[CEL_NULL] = &cel_type_null,	 [CEL_BOOL] = &cel_type_bool,
		[CEL_INT] = &cel_type_int,	 [CEL_UINT] = &cel_type_uint,
		[CEL_DOUBLE] = &cel_type_double, [CEL_STRING] = &cel_type_string,
		[CEL_BYTES] = &cel_type_bytes,
	};

	check_set(node, types[node->constant.kind]);
}

void check_node(struct checker *c, struct cel_node *node)
{
	if (node->type)
		return;
	if (cel_arena_is_full(c->source->arena) && !c->source->fatal) {
		cel_message(c->source, node->offset, "expressions take too much memory");
		c->source->fatal = true;
	}
	if (c->source->fatal) {
		check_set(node, &check_error);
		return;
	}
	switch ((enum cel_node_kind)node->kind) {
	case CEL_NODE_CONSTANT:
		check_constant(node);
		break;
	case CEL_NODE_IDENT:
		check_ident(c, node);
		break;
	case CEL_NODE_SELECT:
		check_select(c, node);
		break;
	case CEL_NODE_CALL:
		check_call(c, node);
		break;
	case CEL_NODE_LIST:
		check_list(c, node);
		break;
	case CEL_NODE_MAP:
		check_map(c, node);
		break;
	case CEL_NODE_STRUCT:
		check_struct(c, node);
		break;
	case CEL_NODE_FOLD:
		check_fold(c, node);
		break;
	}
	if (!node->type)
		check_set(node, &check_error);
}

/* Types without variables, once all are known. */
static void resolve_all(struct checker *c, struct cel_node *node)
{
	if (node->resolved)
		return;
	node->resolved = true;
	node->type = unify_resolve(&c->unifier, node->type, true);
	if (node->target)
		resolve_all(c, node->target);
	for (uint32_t i = 0; i < node->arg_count; i++)
		resolve_all(c, node->args[i]);
}

static const struct cel_type check_error = { .kind = CEL_ERROR, .size_max = CEL_SIZE_UNKNOWN };

void cel_check(struct cel_source *source, struct cel_node *root, uint32_t *ret_slots,
	       uint64_t *ret_variables)
{
	AUTO_FREE struct checker *c = NEW(struct checker);

	c->source = source;
	c->unifier.arena = source->arena;
	check_node(c, root);
	if (source->message_count == 0)
		resolve_all(c, root);
	*ret_slots = c->slot_count;
	*ret_variables = c->variables_used;
}
