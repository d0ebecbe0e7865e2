/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share: the tree, messages with places, and the stages
 * parse → check → optimise → estimate. Trees live in the arena of the program. A macro may use one
 * of its arguments twice, so that the tree is a graph without cycles: stages mark what they did.
 */
#ifndef CUBE_CEL_INTERNAL_H
#define CUBE_CEL_INTERNAL_H

#include "cel/cel.h"

struct regex;
struct cel_function;

enum cel_node_kind {
	CEL_NODE_CONSTANT,
	CEL_NODE_IDENT,
	CEL_NODE_SELECT,
	CEL_NODE_CALL,
	CEL_NODE_LIST,
	CEL_NODE_MAP,
	CEL_NODE_STRUCT,
	CEL_NODE_FOLD,
};

enum cel_op {
	CEL_OP_FUNCTION, /* a call by name */
	CEL_OP_CONDITIONAL,
	CEL_OP_AND,
	CEL_OP_OR,
	CEL_OP_NOT,
	CEL_OP_NEGATE,
	CEL_OP_EQUAL,
	CEL_OP_UNEQUAL,
	CEL_OP_LESS,
	CEL_OP_LESS_EQUAL,
	CEL_OP_GREATER,
	CEL_OP_GREATER_EQUAL,
	CEL_OP_ADD,
	CEL_OP_SUBTRACT,
	CEL_OP_MULTIPLY,
	CEL_OP_DIVIDE,
	CEL_OP_MODULO,
	CEL_OP_IN,
	CEL_OP_INDEX,
	CEL_OP_OPTIONAL_INDEX,
	CEL_OP_OPTIONAL_SELECT,
	CEL_OP_NOT_STRICTLY_FALSE,
	CEL_OP_COUNT,
};

enum cel_fold_argument { CEL_FOLD_INIT, CEL_FOLD_CONDITION, CEL_FOLD_STEP, CEL_FOLD_RESULT };

struct cel_cost_size {
	bool known;
	uint64_t min, max;
};

struct cel_cost_entry {
	bool known;
	bool is_list;
	struct cel_cost_size key, value;
};

struct cel_node {
	uint8_t kind;	  /* enum cel_node_kind */
	uint8_t op;	  /* enum cel_op, of calls */
	bool test_only;	  /* has(a.b) */
	bool member;	  /* calls: written target.name(); the target is args[0] */
	bool leading_dot; /* ".name": never a variable of a macro */
	bool is_bind;	  /* folds of cel.bind */
	bool relative;	  /* selects and indices on something that was computed */
	bool resolved;	  /* type has no variables left */
	bool optimised;
	bool formats_checked;
	bool folded;	   /* was a list, a map or a conversion, and is a constant now */
	bool estimated;	   /* cost and sizes below are there */
	bool in_constants; /* `in` with a list of constants: costs nothing */
	uint16_t depth;	   /* 1 for a leaf */
	uint32_t arg_count;
	uint32_t offset;	 /* into the text, for messages */
	struct str name;	 /* identifier, field, function, type of a struct */
	struct cel_node **args;	 /* operands; list elements; map keys and values in turn; struct
				    values; of folds: enum cel_fold_argument */
	struct cel_node *target; /* operand of a select, range of a fold */
	struct str *field_names; /* structs */
	bool *optional;		 /* elements, entries or fields written with '?'; NULL = none */
	struct cel_value constant;
	const struct cel_type *type; /* by the checker */
	/* by the checker */
	const struct cel_field *field; /* select on an object type */
	const struct cel_function *const *overloads;
	uint32_t overload_count;
	int slot; /* idents: >= 0 variable of a fold, < 0: -1 - index of a variable of the env */
	int iter_slot, iter2_slot, accu_slot; /* folds; iter2_slot < 0 = none */
	struct str iter, iter2, accu;
	const struct regex *regex; /* constant pattern */
	/* by the estimator */
	struct cel_cost cost;
	struct cel_cost_size size;
	struct cel_cost_entry entry;
	const struct cel_type *path; /* type with limits, when it is reached from a variable */
};

struct cel_program {
	const struct cel_node *root;
	const struct cel_env *env;
	const struct cel_type *type;
	struct cel_cost cost;
	uint64_t variables_used; /* bit per variable of the env */
	uint32_t slot_count;
};

/* What `Object{}` and `JSONPatch{}` make. */
extern const struct cel_type cel_type_any_object, cel_type_json_patch;

/* ---- messages ---- */

struct cel_message {
	uint32_t offset;
	struct str text;
};

struct cel_source {
	struct arena *arena;
	const struct cel_env *env;
	struct str text;
	struct cel_message messages[CEL_ERRORS_MAX];
	uint32_t message_count;
	uint32_t message_left_out;
	uint32_t node_count;
	bool fatal;		  /* a limit was passed: stop */
	struct str instantiation; /* why there is no program, although the text is fine */
};

/* A list inside of a cel_type_map_escaped. */
extern const struct cel_type cel_type_list_escaped;
/* Of an object type with fields. One whose name is a keyword is found by it and by its escaped
 * name. */
const struct cel_field *cel_field_named(const struct cel_type *object, struct str name);

void cel_message(struct cel_source *source, uint32_t offset, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* All messages in the order of their places, as upstream displays them. */
void cel_messages_write(struct cel_source *source, struct buf *to);

/* ---- stages ---- */

struct cel_node *cel_parse(struct cel_source *source); /* NULL: messages say why */
struct cel_node *cel_node_new(struct cel_source *source, enum cel_node_kind kind, uint32_t offset);
struct cel_node *cel_node_ident(struct cel_source *source, uint32_t offset, struct str name);
struct cel_node *cel_node_constant(struct cel_source *source, uint32_t offset,
				   struct cel_value value);
/* A call with its operands; op or name, the other is CEL_OP_FUNCTION or empty. */
struct cel_node *cel_node_call(struct cel_source *source, uint32_t offset, enum cel_op op,
			       struct str name, struct cel_node *const *args, size_t count);
/* Takes depth over from the children; past CEL_TREE_DEPTH_MAX that is a message. */
void cel_node_deepen(struct cel_source *source, struct cel_node *node);
/* The expansion when name with so many arguments is a macro; NULL when it is none, or when messages
 * were added. */
struct cel_node *cel_macro(struct cel_source *source, uint32_t offset, struct cel_node *target,
			   struct str name, struct cel_node **args, size_t count,
			   bool *ret_is_macro);

/* Strings and bytes with prefix and quotes: the value, or false. */
bool cel_literal_string(struct arena *arena, struct str token, struct cel_value *ret);

/* ---- lexer ---- */

enum cel_token_kind {
	CEL_TOKEN_END,
	CEL_TOKEN_IDENT,
	CEL_TOKEN_INT,
	CEL_TOKEN_UINT,
	CEL_TOKEN_DOUBLE,
	CEL_TOKEN_STRING,
	CEL_TOKEN_BYTES,
	CEL_TOKEN_TRUE,
	CEL_TOKEN_FALSE,
	CEL_TOKEN_NULL,
	CEL_TOKEN_IN,
	CEL_TOKEN_PUNCTUATION, /* text tells */
	CEL_TOKEN_ESCAPED,     /* a name in backticks */
	CEL_TOKEN_BAD,	       /* a message was added; passed over */
};

struct cel_token {
	enum cel_token_kind kind;
	uint32_t offset;
	struct str text;
};

/* The token at or behind *at, which moves behind it. */
struct cel_token cel_lex(struct cel_source *source, uint32_t *at);

#endif
