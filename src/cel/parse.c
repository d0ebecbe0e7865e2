/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursive descent over the grammar of the language definition. Nesting is bounded by
 * CEL_DEPTH_MAX, chains of operators by CEL_TREE_DEPTH_MAX. One token too many or a bracket too few
 * is told and passed over, as upstream's parser recovers; what else does not fit ends it. Macros
 * are expanded as their calls are read.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "cel/cel_internal.h"

struct parser {
	struct cel_source *source;
	struct cel_token token; /* the one to look at */
	uint32_t at;		/* behind it */
	unsigned depth;
	const char *also; /* what may stand here besides an expression, in a message's order */
	uint32_t also_at; /* here: the offset */
};

struct node_list {
	struct cel_node **items;
	bool *optional;
	size_t count, room;
	bool any_optional;
};

static struct cel_node *parse_expression(struct parser *p);

static void advance(struct parser *p)
{
	p->token = cel_lex(p->source, &p->at);
}

/* The token behind the one to look at; what is wrong with it is told when it is reached. */
static struct cel_token peek(struct parser *p)
{
	uint32_t at = p->at, count = p->source->message_count,
		 left_out = p->source->message_left_out;
	struct cel_token token = cel_lex(p->source, &at);

	p->source->message_count = count;
	p->source->message_left_out = left_out;
	return token;
}

static bool is(const struct parser *p, const char *punctuation)
{
	return p->token.kind == CEL_TOKEN_PUNCTUATION && str_eq_c(p->token.text, punctuation);
}

static bool take(struct parser *p, const char *punctuation)
{
	if (!is(p, punctuation))
		return false;
	advance(p);
	return true;
}

static void *fail(struct parser *p, const char *expecting)
{
	if (!p->source->fatal)
		cel_message(p->source, p->token.offset,
			    "Syntax error: mismatched input '" STR_FMT "' expecting %s",
			    STR_ARG(p->token.text), expecting);
	p->source->fatal = true;
	return NULL;
}

/* One token too many is told and skipped, when one of these comes behind it. */
static bool skip_to(struct parser *p, const char *punctuation, const char *expecting)
{
	struct cel_token next = peek(p);

	if (next.kind != CEL_TOKEN_PUNCTUATION || next.text.len != 1 ||
	    !strchr(punctuation, next.text.ptr[0]))
		return false;
	cel_message(p->source, p->token.offset,
		    "Syntax error: extraneous input '" STR_FMT "' expecting %s",
		    STR_ARG(p->token.text), expecting);
	advance(p);
	return true;
}

/* A bracket that is missing is told, and reading goes on as if it were there. */
static void expect(struct parser *p, const char *punctuation)
{
	char quoted[8];

	snprintf(quoted, sizeof(quoted), "'%s'", punctuation);
	if (!is(p, punctuation) && !skip_to(p, punctuation, quoted))
		cel_message(p->source, p->token.offset, "Syntax error: missing %s at '" STR_FMT "'",
			    quoted, STR_ARG(p->token.text));
	(void)take(p, punctuation); /* told above when it is not there */
}

/* At "," or the closing bracket of a list of elements; what stands between is told. */
static bool end_element(struct parser *p, const char *closing, const char *expecting)
{
	char either[3] = { ',', closing[0], '\0' };

	if (!is(p, ",") && !is(p, closing) && !skip_to(p, either, expecting))
		return fail(p, expecting) != NULL;
	(void)take(p, ","); /* one behind the last is fine */
	return true;
}

static bool starts_expression(struct cel_token token)
{
	switch (token.kind) {
	case CEL_TOKEN_END:
	case CEL_TOKEN_IN:
	case CEL_TOKEN_ESCAPED:
	case CEL_TOKEN_BAD:
		return false;
	case CEL_TOKEN_PUNCTUATION:
		return token.text.len == 1 && strchr("[{(.-!", token.text.ptr[0]);
	case CEL_TOKEN_IDENT:
	case CEL_TOKEN_INT:
	case CEL_TOKEN_UINT:
	case CEL_TOKEN_DOUBLE:
	case CEL_TOKEN_STRING:
	case CEL_TOKEN_BYTES:
	case CEL_TOKEN_TRUE:
	case CEL_TOKEN_FALSE:
	case CEL_TOKEN_NULL:
		break;
	}
	return true;
}

/* There is no expression at the token. True: there is one behind it, and the token is skipped. */
static bool skip_to_expression(struct parser *p)
{
	bool is_extraneous = starts_expression(peek(p));
	const char *also = p->also && p->also_at == p->token.offset ? p->also : "";

	cel_message(p->source, p->token.offset,
		    "Syntax error: %s input '" STR_FMT "' expecting {'[', '{', '(', %s'.', '-', "
		    "'!', %s'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, "
		    "IDENTIFIER}",
		    is_extraneous ? "extraneous" : "mismatched", STR_ARG(p->token.text),
		    *also == ')' ? "')', " : "", *also == '?' ? "'?', " : "");
	if (is_extraneous)
		advance(p);
	else
		p->source->fatal = true;
	return is_extraneous;
}

static void may_be(struct parser *p, const char *also)
{
	p->also = also;
	p->also_at = p->token.offset;
}

static void list_add(struct parser *p, struct node_list *list, struct cel_node *node, bool optional)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 8;
		struct cel_node **items = arena_array(p->source->arena, room,
						      sizeof(struct cel_node *));
		bool *flags = arena_array(p->source->arena, room, sizeof(bool));

		for (size_t i = 0; i < list->count; i++) {
			items[i] = list->items[i];
			flags[i] = list->optional[i];
		}
		list->items = items;
		list->optional = flags;
		list->room = room;
	}
	list->items[list->count] = node;
	list->optional[list->count++] = optional;
	list->any_optional |= optional;
}

/* ---- literals ---- */

static struct cel_node *parse_int(struct parser *p, struct str text, uint32_t offset)
{
	bool negative = str_strip_prefix(&text, STR("-"));
	uint64_t magnitude = 0;
	unsigned base = 10;
	bool bad = false;

	if (str_strip_prefix(&text, STR("0x")) || str_strip_prefix(&text, STR("0X")))
		base = 16;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		unsigned digit = (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);

		bad |= __builtin_mul_overflow(magnitude, base, &magnitude) ||
		       __builtin_add_overflow(magnitude, digit, &magnitude);
	}
	if (bad || magnitude > (uint64_t)INT64_MAX + negative) {
		cel_message(p->source, offset, "invalid int literal");
		p->source->fatal = true;
		return NULL;
	}
	return cel_node_constant(p->source, offset,
				 cel_int(negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude));
}

static struct cel_node *parse_uint(struct parser *p, struct str text, uint32_t offset)
{
	uint64_t value = 0;
	unsigned base = 10;
	bool bad = false;

	text.len--; /* the u */
	if (str_strip_prefix(&text, STR("0x")) || str_strip_prefix(&text, STR("0X")))
		base = 16;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		unsigned digit = (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);

		bad |= __builtin_mul_overflow(value, base, &value) ||
		       __builtin_add_overflow(value, digit, &value);
	}
	if (bad) {
		cel_message(p->source, offset, "invalid uint literal");
		p->source->fatal = true;
		return NULL;
	}
	return cel_node_constant(p->source, offset,
				 (struct cel_value){ .kind = CEL_UINT, .natural = value });
}

static struct cel_node *parse_double(struct parser *p, struct str text, uint32_t offset)
{
	struct cel_value value = { .kind = CEL_DOUBLE };
	bool negative = str_strip_prefix(&text, STR("-"));

	/* ".5" is a number here */
	text = str_printf_in(p->source->arena, "%s0" STR_FMT, negative ? "-" : "", STR_ARG(text));
	if (num_parse_double(text, "number", &value.real, NULL) < 0 ||
	    __builtin_isinf(value.real)) {
		cel_message(p->source, offset, "invalid double literal");
		p->source->fatal = true;
		return NULL;
	}
	return cel_node_constant(p->source, offset, value);
}

static struct cel_node *parse_text(struct parser *p)
{
	struct cel_value value;

	if (!cel_literal_string(p->source->arena, p->token.text, &value)) {
		cel_message(p->source, p->token.offset,
			    "Syntax error: token recognition error at: '" STR_FMT "'",
			    STR_ARG(p->token.text));
		p->source->fatal = true;
		return NULL;
	}
	return cel_node_constant(p->source, p->token.offset, value);
}

/* A literal at the token, sign included; NULL without a message when there is none. */
static struct cel_node *parse_literal(struct parser *p)
{
	struct cel_token token = p->token;
	struct cel_node *node = NULL;
	bool negative = false;

	if (is(p, "-")) {
		struct cel_token number = peek(p);

		if (number.kind != CEL_TOKEN_INT && number.kind != CEL_TOKEN_DOUBLE)
			return NULL;
		advance(p);
		negative = true;
	}
	if (p->token.kind == CEL_TOKEN_INT || p->token.kind == CEL_TOKEN_DOUBLE) {
		struct str text = negative ? str_printf_in(p->source->arena, "-" STR_FMT,
							   STR_ARG(p->token.text))
					   : p->token.text;

		node = p->token.kind == CEL_TOKEN_INT ? parse_int(p, text, token.offset)
						      : parse_double(p, text, token.offset);
	} else if (p->token.kind == CEL_TOKEN_UINT) {
		node = parse_uint(p, token.text, token.offset);
	} else if (p->token.kind == CEL_TOKEN_STRING || p->token.kind == CEL_TOKEN_BYTES) {
		node = parse_text(p);
	} else if (p->token.kind == CEL_TOKEN_TRUE || p->token.kind == CEL_TOKEN_FALSE) {
		node = cel_node_constant(p->source, token.offset,
					 cel_bool(p->token.kind == CEL_TOKEN_TRUE));
	} else if (p->token.kind == CEL_TOKEN_NULL) {
		node = cel_node_constant(p->source, token.offset, cel_null());
	}
	if (node)
		advance(p);
	return node;
}

/* ---- lists, maps, structs ---- */

/* At the bracket that ends them. */
static struct cel_node *closed(struct parser *p, struct cel_node *node,
			       const struct node_list *list)
{
	advance(p);
	node->args = list->items;
	node->arg_count = (uint32_t)list->count;
	node->optional = list->any_optional ? list->optional : NULL;
	cel_node_deepen(p->source, node);
	return node;
}

/* [,] and {,} are empty, too. */
static void skip_comma(struct parser *p, const char *closing)
{
	struct cel_token next = peek(p);

	if (is(p, ",") && next.kind == CEL_TOKEN_PUNCTUATION && str_eq_c(next.text, closing))
		advance(p);
}

static struct cel_node *parse_list(struct parser *p)
{
	struct cel_node *node = cel_node_new(p->source, CEL_NODE_LIST, p->token.offset);
	struct node_list list = { 0 };

	advance(p);
	skip_comma(p, "]");
	while (!is(p, "]")) {
		bool optional = take(p, "?");
		struct cel_node *element = parse_expression(p);

		if (!element)
			return NULL;
		list_add(p, &list, element, optional);
		if (!end_element(p, "]", "{']', ','}"))
			return NULL;
		if (is(p, ","))
			return fail(p, "']'");
	}
	return closed(p, node, &list);
}

static struct cel_node *parse_map(struct parser *p)
{
	struct cel_node *node = cel_node_new(p->source, CEL_NODE_MAP, p->token.offset);
	struct node_list list = { 0 };

	advance(p);
	skip_comma(p, "}");
	while (!is(p, "}")) {
		bool optional = take(p, "?");
		struct cel_node *key = parse_expression(p);
		struct cel_node *value = NULL;

		if (key && !is(p, ":") && !starts_expression(p->token))
			return fail(p, "':'");
		if (key)
			expect(p, ":");
		value = key ? parse_expression(p) : NULL;
		if (!value)
			return NULL;
		list_add(p, &list, key, optional);
		list_add(p, &list, value, optional);
		if (!end_element(p, "}", "{'}', ','}"))
			return NULL;
	}
	return closed(p, node, &list);
}

static struct cel_node *parse_struct(struct parser *p, struct str name)
{
	struct cel_node *node = cel_node_new(p->source, CEL_NODE_STRUCT, p->token.offset);
	struct node_list list = { 0 };
	struct node_list names = { 0 };

	advance(p);
	while (!is(p, "}")) {
		bool optional = take(p, "?");
		struct cel_node *field = NULL;
		struct cel_node *value = NULL;

		if (p->token.kind != CEL_TOKEN_IDENT)
			return fail(p, "{'}', IDENTIFIER}");
		field = cel_node_ident(p->source, p->token.offset, p->token.text);
		advance(p);
		if (!is(p, ":") && !starts_expression(p->token))
			return fail(p, "':'");
		expect(p, ":");
		value = parse_expression(p);
		if (!value)
			return NULL;
		list_add(p, &names, field, optional);
		list_add(p, &list, value, optional);
		if (!end_element(p, "}", "{'}', ','}"))
			return NULL;
	}
	node->name = name;
	node->field_names = arena_array(p->source->arena, list.count + 1, sizeof(struct str));
	for (size_t i = 0; i < list.count; i++)
		node->field_names[i] = names.items[i]->name;
	return closed(p, node, &list);
}

/* ---- calls ---- */

/* Arguments and the closing parenthesis. */
static bool parse_arguments(struct parser *p, struct node_list *list)
{
	if (take(p, ")"))
		return true;
	may_be(p, ")");
	for (;;) {
		struct cel_node *arg = parse_expression(p);

		if (!arg)
			return false;
		list_add(p, list, arg, false);
		if (!is(p, ",")) {
			expect(p, ")");
			return true;
		}
		advance(p);
	}
}

/* name( at the token: a macro or a call, of target when there is one. */
static struct cel_node *parse_call(struct parser *p, struct cel_node *target, struct str name)
{
	uint32_t offset = p->token.offset;
	struct node_list list = { 0 };
	struct cel_node *node;
	bool is_macro = false;

	advance(p);
	if (target)
		list_add(p, &list, target, false);
	if (!parse_arguments(p, &list))
		return NULL;
	node = cel_macro(p->source, offset, target, name, target ? list.items + 1 : list.items,
			 list.count - (target != NULL), &is_macro);
	if (is_macro)
		return node;
	node = cel_node_call(p->source, offset, CEL_OP_FUNCTION, name, list.items, list.count);
	node->member = target != NULL;
	return node;
}

static bool is_reserved(struct str name)
{
	static const char *const reserved[] = {
		"as",	     "break", "const",	"continue", "else", "false", "for",
		"function",  "if",    "import", "in",	    "let",  "loop",  "package",
		"namespace", "null",  "return", "true",	    "var",  "void",  "while"
	};

	for (size_t i = 0; i < ARRAY_COUNT(reserved); i++)
		if (str_eq_c(name, reserved[i]))
			return true;
	return false;
}

/* "a.b.C" when the node is nothing but names, for structs. */
static bool qualified_name(struct parser *p, const struct cel_node *node, struct str *ret)
{
	struct str head;

	if (node->kind == CEL_NODE_IDENT) {
		*ret = node->name;
		return true;
	}
	if (node->kind != CEL_NODE_SELECT || node->test_only ||
	    !qualified_name(p, node->target, &head))
		return false;
	*ret = str_printf_in(p->source->arena, STR_FMT "." STR_FMT, STR_ARG(head),
			     STR_ARG(node->name));
	return true;
}

static void *no_selection(struct parser *p)
{
	bool is_end = p->token.kind == CEL_TOKEN_END;

	cel_message(p->source, p->token.offset,
		    "Syntax error: no viable alternative at input '." STR_FMT "'",
		    STR_ARG(is_end ? STR_NONE : p->token.text));
	p->source->fatal = true;
	return NULL;
}

static struct cel_node *parse_ident(struct parser *p)
{
	bool leading_dot = take(p, ".");
	struct cel_token token = p->token;
	struct cel_node *node;
	struct str name;

	if (token.kind != CEL_TOKEN_IDENT)
		return no_selection(p);
	name = token.text;
	if (is_reserved(name)) {
		cel_message(p->source, token.offset, "reserved identifier: " STR_FMT,
			    STR_ARG(name));
		p->source->fatal = true;
		return NULL;
	}
	advance(p);
	if (is(p, "("))
		return parse_call(p, NULL, name);
	node = cel_node_ident(p->source, token.offset, name);
	node->leading_dot = leading_dot;
	return node;
}

static struct cel_node *parse_primary(struct parser *p)
{
	struct cel_node *node;

	if (p->token.kind == CEL_TOKEN_IDENT || is(p, "."))
		return parse_ident(p);
	if (take(p, "(")) {
		node = parse_expression(p);
		if (node)
			expect(p, ")");
		return node;
	}
	if (is(p, "["))
		return parse_list(p);
	if (is(p, "{"))
		return parse_map(p);
	node = parse_literal(p);
	if (node || p->source->fatal)
		return node;
	return skip_to_expression(p) ? parse_primary(p) : NULL;
}

/* .name, .?name, .name(, .`name` behind a member. */
static struct cel_node *parse_selection(struct parser *p, struct cel_node *target)
{
	uint32_t offset = p->token.offset;
	struct cel_node *node;
	bool optional, callable;
	struct str name;

	advance(p);
	optional = take(p, "?");
	if (p->token.kind == CEL_TOKEN_ESCAPED)
		name = str_sub(p->token.text.ptr + 1, p->token.text.len - 2);
	else if (p->token.kind == CEL_TOKEN_IDENT)
		name = p->token.text;
	else
		return optional ? fail(p, "IDENTIFIER") : no_selection(p);
	callable = !optional && p->token.kind == CEL_TOKEN_IDENT;
	advance(p);
	if (callable && is(p, "("))
		return parse_call(p, target, name);
	if (optional) {
		struct cel_node *field = cel_node_constant(p->source, offset, cel_string(name));

		return cel_node_call(p->source, offset, CEL_OP_OPTIONAL_SELECT, STR_NONE,
				     (struct cel_node *[]){ target, field }, 2);
	}
	node = cel_node_new(p->source, CEL_NODE_SELECT, offset);
	node->name = name;
	node->target = target;
	cel_node_deepen(p->source, node);
	return node;
}

static struct cel_node *parse_index(struct parser *p, struct cel_node *target)
{
	uint32_t offset = p->token.offset;
	struct cel_node *index;
	bool optional;

	advance(p);
	may_be(p, "?");
	optional = take(p, "?");
	index = parse_expression(p);
	if (!index)
		return NULL;
	expect(p, "]");
	return cel_node_call(p->source, offset, optional ? CEL_OP_OPTIONAL_INDEX : CEL_OP_INDEX,
			     STR_NONE, (struct cel_node *[]){ target, index }, 2);
}

static struct cel_node *parse_member(struct parser *p)
{
	bool names_only = p->token.kind == CEL_TOKEN_IDENT || is(p, ".");
	struct cel_node *node = parse_primary(p);

	while (node && !p->source->fatal) {
		struct str name;

		if (is(p, "."))
			node = parse_selection(p, node);
		else if (is(p, "["))
			node = parse_index(p, node);
		else if (is(p, "{") && names_only && qualified_name(p, node, &name))
			node = parse_struct(p, name);
		else
			break;
	}
	return p->source->fatal ? NULL : node;
}

/* ---- operators ---- */

static struct cel_node *parse_unary(struct parser *p)
{
	uint32_t offset = p->token.offset;
	const char *sign = is(p, "!") ? "!" : is(p, "-") ? "-" : NULL;
	struct cel_node *node;
	unsigned count = 0;

	if (!sign)
		return parse_member(p);
	if (*sign == '-') {
		struct cel_token next = peek(p);

		if (next.kind == CEL_TOKEN_INT || next.kind == CEL_TOKEN_DOUBLE)
			return parse_member(p);
	}
	while (take(p, sign))
		count++;
	node = parse_member(p);
	if (!node || count % 2 == 0)
		return node;
	return cel_node_call(p->source, offset, *sign == '!' ? CEL_OP_NOT : CEL_OP_NEGATE, STR_NONE,
			     &node, 1);
}

struct binary {
	const char *text;
	enum cel_op op;
};

static const struct binary *find_binary(const struct parser *p, const struct binary *row)
{
	for (; row->text; row++)
		if (is(p, row->text) || (p->token.kind == CEL_TOKEN_IN && row->op == CEL_OP_IN))
			return row;
	return NULL;
}

/* Left-associative levels, the tightest last. */
static const struct binary relations[] = {
	{ "<", CEL_OP_LESS },
	{ "<=", CEL_OP_LESS_EQUAL },
	{ ">=", CEL_OP_GREATER_EQUAL },
	{ ">", CEL_OP_GREATER },
	{ "==", CEL_OP_EQUAL },
	{ "!=", CEL_OP_UNEQUAL },
	{ "in", CEL_OP_IN },
	{ 0 },
};
static const struct binary sums[] = { { "+", CEL_OP_ADD }, { "-", CEL_OP_SUBTRACT }, { 0 } };
static const struct binary products[] = {
	{ "*", CEL_OP_MULTIPLY },
	{ "/", CEL_OP_DIVIDE },
	{ "%", CEL_OP_MODULO },
	{ 0 },
};
static const struct binary *const levels[] = { relations, sums, products };

static struct cel_node *parse_level(struct parser *p, size_t level)
{
	struct cel_node *left = level == ARRAY_COUNT(levels) ? parse_unary(p)
							     : parse_level(p, level + 1);

	while (left && level < ARRAY_COUNT(levels) && !p->source->fatal) {
		const struct binary *row = find_binary(p, levels[level]);
		uint32_t offset = p->token.offset;
		struct cel_node *right;

		if (!row)
			break;
		advance(p);
		right = parse_level(p, level + 1);
		if (!right)
			return NULL;
		left = cel_node_call(p->source, offset, row->op, STR_NONE,
				     (struct cel_node *[]){ left, right }, 2);
	}
	return left;
}

/* Terms first..last of a chain as a balanced tree: long chains stay shallow. */
static struct cel_node *balance(struct parser *p, enum cel_op op, struct cel_node **terms,
				const uint32_t *offsets, size_t first, size_t last)
{
	size_t middle = (first + last + 1) / 2;
	struct cel_node *sides[2];

	if (first == last)
		return terms[first];
	sides[0] = balance(p, op, terms, offsets, first, middle - 1);
	sides[1] = balance(p, op, terms, offsets, middle, last);
	return cel_node_call(p->source, offsets[middle], op, STR_NONE, sides, 2);
}

static struct cel_node *parse_logical(struct parser *p, enum cel_op op)
{
	const char *text = op == CEL_OP_OR ? "||" : "&&";
	struct node_list terms = { 0 };
	uint32_t *offsets;

	for (uint32_t offset = 0;;) {
		struct cel_node *term = op == CEL_OP_OR ? parse_logical(p, CEL_OP_AND)
							: parse_level(p, 0);

		if (!term)
			return NULL;
		if (terms.count == 0 && !is(p, text))
			return term;
		list_add(p, &terms, term, false);
		/* the place of the operator is kept in a node of its own until the chain is
		 * complete */
		list_add(p, &terms, cel_node_new(p->source, CEL_NODE_CONSTANT, offset), false);
		offset = p->token.offset;
		if (!take(p, text))
			break;
	}
	offsets = arena_array(p->source->arena, terms.count, sizeof(*offsets));
	for (size_t i = 0; i < terms.count / 2; i++) {
		offsets[i] = terms.items[2 * i + 1]->offset;
		terms.items[i] = terms.items[2 * i];
	}
	return balance(p, op, terms.items, offsets, 0, terms.count / 2 - 1);
}

static struct cel_node *parse_conditional(struct parser *p)
{
	struct cel_node *args[3];
	uint32_t offset;

	args[0] = parse_logical(p, CEL_OP_OR);
	if (!args[0] || !is(p, "?"))
		return args[0];
	offset = p->token.offset;
	advance(p);
	args[1] = parse_logical(p, CEL_OP_OR);
	if (args[1] && !is(p, ":") && !starts_expression(p->token))
		return fail(p, "':'");
	if (!args[1])
		return NULL;
	expect(p, ":");
	args[2] = parse_expression(p);
	if (!args[2])
		return NULL;
	return cel_node_call(p->source, offset, CEL_OP_CONDITIONAL, STR_NONE, args, 3);
}

static struct cel_node *parse_expression(struct parser *p)
{
	struct cel_node *node;

	if (p->depth == CEL_DEPTH_MAX && !p->source->fatal) {
		cel_message(p->source, p->token.offset, "expression recursion limit exceeded: %d",
			    CEL_DEPTH_MAX);
		p->source->fatal = true;
	}
	if (p->source->fatal)
		return NULL;
	p->depth++;
	node = parse_conditional(p);
	p->depth--;
	return p->source->fatal ? NULL : node;
}

struct cel_node *cel_parse(struct cel_source *source)
{
	struct parser p = { .source = source };
	struct cel_node *node;

	advance(&p);
	node = parse_expression(&p);
	if (!node)
		return NULL;
	if (p.token.kind != CEL_TOKEN_END) {
		struct cel_token token = p.token;

		advance(&p);
		cel_message(source, token.offset,
			    "Syntax error: %s input '" STR_FMT "' expecting <EOF>",
			    p.token.kind == CEL_TOKEN_END ? "extraneous" : "mismatched",
			    STR_ARG(token.text));
	}
	return source->message_count ? NULL : node;
}
