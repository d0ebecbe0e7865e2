/* SPDX-License-Identifier: Apache-2.0 */
/* The type checker: which overloads of a function fit its arguments, and structs. */
#include "cel/check_internal.h"

#define OVERLOADS_MAX 32

struct candidates {
	const struct cel_function *rows[OVERLOADS_MAX];
	size_t count;
	bool known; /* there is a function of this name, however it is called */
};

static void find_rows(struct checker *c, struct str name, size_t count, bool member,
		      struct candidates *found)
{
	*found = (struct candidates){ 0 };
	for (size_t i = 0; i < cel_library_count; i++) {
		for (const struct cel_function *row = cel_libraries[i]; row->name; row++) {
			if (!str_eq_c(name, row->name) ||
			    (row->feature && !(c->source->env->features & row->feature)))
				continue;
			found->known = true;
			if (row->member == member && row->count == count &&
			    found->count < OVERLOADS_MAX)
				found->rows[found->count++] = row;
		}
	}
}

static void no_overload(struct checker *c, const struct cel_node *node, struct str name)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, CEL_ERROR_BYTES_MAX);
	buf_printf(&text, "found no matching overload for '" STR_FMT "' applied to '",
		   STR_ARG(name));
	for (uint32_t i = 0; i < node->arg_count; i++) {
		if (i == 0 && !node->member)
			buf_put_char(&text, '(');
		else if (i > (node->member ? 1u : 0u))
			buf_put_c(&text, ", ");
		check_type_text(c, node->args[i]->type, &text);
		if (i == 0 && node->member)
			buf_put_c(&text, ".(");
	}
	if (node->arg_count == 0)
		buf_put_char(&text, '(');
	cel_message(c->source, node->offset, "%s)'", text.ptr);
}

static bool has_parameter(const struct cel_type *type)
{
	return type->kind == CEL_PARAM || (type->key && has_parameter(type->key)) ||
	       (type->element && has_parameter(type->element));
}

static bool is_generic(const struct cel_function *row)
{
	bool generic = has_parameter(row->result);

	for (uint8_t i = 0; i < row->count; i++)
		generic |= has_parameter(row->parameters[i]);
	return generic;
}

/* Whether the arguments fit; *ret_result is the type of the call then. Without a trace otherwise.
 */
static bool fits(struct checker *c, const struct cel_node *node, const struct cel_function *row,
		 const struct cel_type **ret_result)
{
	struct unify_change *before = c->unifier.changes;
	const struct cel_type *a = NULL;
	const struct cel_type *b = NULL;

	if (is_generic(row)) {
		a = unify_fresh(&c->unifier);
		b = unify_fresh(&c->unifier);
	}
	for (uint32_t i = 0; i < node->arg_count; i++) {
		const struct cel_type *parameter = unify_instantiate(&c->unifier,
								     row->parameters[i], a, b);

		/* the argument is what a parameter's place is checked against: as upstream, the
		 * other way round */
		if (!unify_assign(&c->unifier, node->args[i]->type, parameter)) {
			unify_undo(&c->unifier, before);
			return false;
		}
	}
	*ret_result = unify_instantiate(&c->unifier, row->result, a, b);
	return true;
}

static void resolve(struct checker *c, struct cel_node *node, struct str name,
		    const struct candidates *found)
{
	const struct cel_function *rows[OVERLOADS_MAX];
	const struct cel_function **kept;
	const struct cel_type *result = NULL;
	size_t count = 0;

	for (size_t i = 0; i < found->count; i++) {
		const struct cel_type *type;

		if (!fits(c, node, found->rows[i], &type))
			continue;
		rows[count++] = found->rows[i];
		type = unify_resolve(&c->unifier, type, false);
		if (!result)
			result = type;
		else if (result->kind != type->kind || result->element || type->element ||
			 result != type)
			result = &cel_type_dyn;
	}
	if (!result) {
		no_overload(c, node, name);
		return;
	}
	kept = arena_array(c->source->arena, count, sizeof(struct cel_function *));
	memcpy(kept, rows, count * sizeof(rows[0]));
	node->overloads = kept;
	node->overload_count = (uint32_t)count;
	check_set(node, result);
}

/* target.name(...) where "target.name" is the name of a function: the target is no argument then.
 */
static bool become_qualified(struct checker *c, struct cel_node *node, struct candidates *found)
{
	struct str head;
	struct str name;

	if (!check_qualified(c, node->args[0], 0, &head))
		return false;
	name = str_printf_in(c->source->arena, STR_FMT "." STR_FMT, STR_ARG(head),
			     STR_ARG(node->name));
	find_rows(c, name, node->arg_count - 1, false, found);
	if (!found->known)
		return false;
	node->member = false;
	node->name = name;
	node->args++;
	node->arg_count--;
	return true;
}

static void check_optional_select(struct checker *c, struct cel_node *node)
{
	check_node(c, node->args[0]);
	check_node(c, node->args[1]);
	check_set(node,
		  check_field(c, node, node->args[0], cel_str(node->args[1]->constant), true));
	if (check_type(c, node)->element->kind == CEL_OPTIONAL)
		check_set(node, check_type(c, node)->element);
}

void check_call(struct checker *c, struct cel_node *node)
{
	struct candidates found;

	if (node->op == CEL_OP_OPTIONAL_SELECT) {
		check_optional_select(c, node);
		return;
	}
	if (!node->member || !become_qualified(c, node, &found))
		find_rows(c, node->name, node->arg_count, node->member, &found);
	c->format_depth += str_eq_c(node->name, "format");
	for (uint32_t i = 0; i < node->arg_count; i++)
		check_node(c, node->args[i]);
	c->format_depth -= str_eq_c(node->name, "format");
	if (c->source->fatal)
		return;
	if (!found.known) {
		cel_message(c->source, node->offset,
			    "undeclared reference to '" STR_FMT "' (in container '')",
			    STR_ARG(node->name));
		return;
	}
	resolve(c, node, node->name, &found);
}

/* ---- structs ---- */

/* Objects whose fields are not known are told apart by their names. */
static const struct cel_type *named_object(struct checker *c, struct str name)
{
	struct cel_type *type;

	if (str_eq(name, cel_type_any_object.name))
		return &cel_type_any_object;
	type = ARENA_NEW(c->source->arena, struct cel_type);
	*type = cel_type_any_object;
	type->name = name;
	return type;
}

/* The type a struct's name stands for: "Object", "Object.spec", "JSONPatch". NULL: none. */
static const struct cel_type *struct_type(struct checker *c, struct cel_node *node)
{
	const struct cel_type *type = c->source->env->object ? c->source->env->object
							     : &cel_type_any_object;
	struct str rest = node->name;
	struct str part;

	if (!(c->source->env->features & CEL_FEATURE_MUTATION))
		return NULL;
	if (str_eq_c(node->name, "JSONPatch"))
		return &cel_type_json_patch;
	if (!str_next_part(&rest, '.', &part) || !str_eq_c(part, "Object"))
		return NULL;
	if (!c->source->env->object)
		return named_object(c, node->name);
	while (str_next_part(&rest, '.', &part)) {
		const struct cel_field *field = NULL;

		while (type->kind == CEL_LIST || type->kind == CEL_MAP)
			type = type->element;
		if (type->kind == CEL_DYN || (type->kind == CEL_OBJECT && !type->fields)) {
			type = &cel_type_any_object;
			continue;
		}
		if (type->kind == CEL_OBJECT)
			field = type->fields->find(type, part);
		if (!field)
			return NULL;
		type = field->type;
	}
	while (type->kind == CEL_LIST || type->kind == CEL_MAP)
		type = type->element;
	return type->kind == CEL_DYN	  ? &cel_type_any_object
	       : type->kind == CEL_OBJECT ? type
					  : NULL;
}

static void check_struct_field(struct checker *c, struct cel_node *node,
			       const struct cel_type *object, uint32_t i)
{
	struct cel_node *value = node->args[i];
	const struct cel_type *type;
	const struct cel_field *field;
	struct unify_change *before;
	AUTO_BUF text = { 0 };

	check_node(c, value);
	type = check_type(c, value);
	if (node->optional && node->optional[i] && type->kind == CEL_OPTIONAL)
		type = type->element;
	if (!object->fields)
		return;
	field = object->fields->find(object, node->field_names[i]);
	if (!field) {
		cel_message(c->source, node->offset, "undefined field '" STR_FMT "'",
			    STR_ARG(node->field_names[i]));
		return;
	}
	before = c->unifier.changes;
	if (unify_assign(&c->unifier, field->type, type))
		return;
	unify_undo(&c->unifier, before);
	buf_init(&text, CEL_ERROR_BYTES_MAX);
	buf_printf(&text, "expected type of field '" STR_FMT "' is '",
		   STR_ARG(node->field_names[i]));
	check_type_text(c, field->type, &text);
	buf_put_c(&text, "' but provided type is '");
	check_type_text(c, type, &text);
	cel_message(c->source, value->offset, "%s'", text.ptr);
}

void check_struct(struct checker *c, struct cel_node *node)
{
	const struct cel_type *type = struct_type(c, node);

	if (!type) {
		cel_message(c->source, node->offset,
			    "undeclared reference to '" STR_FMT "' (in container '')",
			    STR_ARG(node->name));
		return;
	}
	for (uint32_t i = 0; i < node->arg_count; i++)
		check_struct_field(c, node, type, i);
	check_set(node, type);
}
