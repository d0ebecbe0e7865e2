/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Common Expression Language as Kubernetes has it: text → program (parsed, type-checked, its
 *cost estimated) → value. Pure: no I/O, and no clock (CEL has none). A program is immutable and may
 *be shared; evaluating it reads JSON trees in place and allocates from the arena handed in. Costs,
 *limits and messages are upstream's (cel-go and Kubernetes v1.36).
 *
 *	const struct cel_variable variables[] = { { STR("self"), &cel_type_dyn } };
 *	const struct cel_env env = { .variables = variables, .variable_count = 1 };
 *	const struct cel_program *program = cel_compile(&arena, &env, text, &messages);
 *	...
 *	struct cel_value self = cel_json(value, &cel_type_dyn);
 *	struct cel_evaluation evaluation = { .arena = &scratch, .variables = &self, .cost_max =
 *CEL_CALL_COST_MAX }; if (cel_evaluate(program, &evaluation, &result, &err) == 0 && result.kind ==
 *CEL_BOOL)
 *		... result.boolean
 */
#ifndef CUBE_CEL_CEL_H
#define CUBE_CEL_CEL_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "cel/limits.h"
#include "codec/json.h"

/* ---- types ---- */

enum cel_kind {
	CEL_DYN, /* types only: known when it is evaluated */
	CEL_NULL,
	CEL_BOOL,
	CEL_INT,
	CEL_UINT,
	CEL_DOUBLE,
	CEL_STRING,
	CEL_BYTES,
	CEL_TIMESTAMP,
	CEL_DURATION,
	CEL_LIST,
	CEL_MAP,
	CEL_OBJECT, /* fields with a type each */
	CEL_OPTIONAL,
	CEL_TYPE,
	CEL_OPAQUE, /* quantity, URL, IP, ...: which one is told by the pointer to its type */
	CEL_ERROR,  /* values: an evaluation that failed; types: an expression whose check failed */
	CEL_PARAM,  /* types of functions only: A, B, T */
	CEL_KIND_COUNT,
};

#define CEL_SIZE_UNKNOWN UINT64_MAX

/* How + and == treat a list (x-kubernetes-list-type). */
enum cel_list_type { CEL_LIST_ATOMIC, CEL_LIST_SET, CEL_LIST_MAP };

struct cel_type;

struct cel_field {
	struct str name;      /* as expressions spell it: "a__dash__b" */
	struct str json_name; /* as the JSON has it: "a-b" */
	const struct cel_type *type;
};

struct cel_fields {
	/* The field of an object type by its name in expressions; NULL when there is none. It and
	 * its type live as long as the object type. */
	const struct cel_field *(*find)(const struct cel_type *object, struct str name);
};

struct cel_type {
	enum cel_kind kind;
	enum cel_list_type list_type;
	struct str name;	    /* objects, opaque types, parameters: what messages call it */
	const struct cel_type *key; /* maps */
	const struct cel_type *element;	 /* lists, maps, optionals, types */
	const struct cel_fields *fields; /* objects; NULL = any field, dyn */
	const struct str *list_keys;	 /* CEL_LIST_MAP: the JSON names of its keys */
	size_t list_key_count;
	uint64_t size_max;  /* code points, bytes, elements or members that a value can have, or
			       CEL_SIZE_UNKNOWN */
	uint64_t bytes_min; /* least JSON text of a value; what estimates of lists without a limit
			       divide by */
	bool from_string; /* timestamps, durations and bytes that JSON holds as strings (format) */
	bool unescapes; /* maps: members are found by their escaped names, too ("a__dot__b");
			   dyn: so are those of maps below */
	const void *source; /* of whoever made the type: his fields.find reads it */
};

extern const struct cel_type cel_type_dyn, cel_type_null, cel_type_bool, cel_type_int,
	cel_type_uint, cel_type_double, cel_type_string, cel_type_bytes, cel_type_timestamp,
	cel_type_duration, cel_type_list_dyn, cel_type_map_dyn, cel_type_type;
/* A map of anything: it and maps inside of it find members by their escaped names. */
extern const struct cel_type cel_type_map_escaped;
extern const struct cel_type cel_type_quantity, cel_type_url, cel_type_ip, cel_type_cidr,
	cel_type_semver, cel_type_format, cel_type_authorizer, cel_type_path_check,
	cel_type_group_check, cel_type_resource_check, cel_type_decision;

const struct cel_type *cel_type_list(struct arena *arena, const struct cel_type *element,
				     uint64_t size_max);
const struct cel_type *cel_type_map(struct arena *arena, const struct cel_type *key,
				    const struct cel_type *element, uint64_t size_max);
/* "list(string)", "map(string, dyn)", "optional_type(int)": as messages have it. */
void cel_type_write(const struct cel_type *type, struct buf *to);

/* Property names as expressions spell them ("__dot__", "__dash__", "__slash__", "__underscores__",
 * "__if__"). False when it cannot be spelt (not [a-zA-Z_.-/][a-zA-Z0-9_.-/]*): such a property is
 * not visible. */
bool cel_escape(struct arena *arena, struct str property, struct str *ret_name) MUST_CHECK;
bool cel_unescape(struct arena *arena, struct str name, struct str *ret_property);

/* ---- values ---- */

struct cel_list;
struct cel_map;
struct cel_lookup;
struct cel_evaluation;

enum cel_form {
	CEL_FORM_OWN,	   /* scalars, and lists and maps that an expression made */
	CEL_FORM_JSON,	   /* lists, maps and objects: yyjson_val */
	CEL_FORM_JSON_MUT, /* yyjson_mut_val */
	CEL_FORM_LOOKUP,   /* objects whose fields are computed when asked for */
};

struct cel_value {
	uint8_t kind;  /* enum cel_kind; never CEL_DYN or CEL_PARAM */
	uint8_t form;  /* enum cel_form */
	int32_t nanos; /* timestamps: 0..999,999,999 */
	union {
		bool boolean;
		int64_t integer;  /* CEL_INT; CEL_DURATION in nanoseconds; CEL_TIMESTAMP in seconds
				     since 1970 */
		uint64_t natural; /* CEL_UINT */
		double real;
		const char *ptr; /* CEL_STRING, CEL_BYTES, CEL_ERROR: with len */
		const void *json;
		const struct cel_list *list;
		const struct cel_map *map;
		struct cel_lookup *lookup;
		const struct cel_value *value; /* CEL_OPTIONAL: NULL = none */
		const struct cel_type *named;  /* CEL_TYPE */
		const void *opaque;
	};
	union {
		size_t len;
		int64_t zone_seconds; /* CEL_TIMESTAMP: east of UTC, where it was written; does
					 not count when it is compared */
		const struct cel_type
			*type; /* CEL_FORM_JSON*, CEL_OBJECT, CEL_OPAQUE; never NULL there */
	};
};

/* A JSON value seen through a type. Borrows the tree: it must outlive whatever is computed from it.
 */
struct cel_value cel_json(yyjson_val *v, const struct cel_type *type);
struct cel_value cel_json_mut(yyjson_mut_val *v, const struct cel_type *type);
static inline struct cel_value cel_null(void)
{
	return (struct cel_value){ .kind = CEL_NULL };
}
static inline struct cel_value cel_bool(bool b)
{
	return (struct cel_value){ .kind = CEL_BOOL, .boolean = b };
}
static inline struct cel_value cel_int(int64_t i)
{
	return (struct cel_value){ .kind = CEL_INT, .integer = i };
}
static inline struct cel_value cel_string(struct str s) /* borrowed, UTF-8 */
{
	return (struct cel_value){ .kind = CEL_STRING, .ptr = s.ptr, .len = s.len };
}
/* optional.of(value) and, for value NULL, optional.none(): oldSelf of rules with optionalOldSelf.
 * Borrowed. */
static inline struct cel_value cel_optional(const struct cel_value *value)
{
	return (struct cel_value){ .kind = CEL_OPTIONAL, .value = value };
}
struct cel_value cel_authorizer_value(void); /* the variable `authorizer` */
struct cel_attributes;
/* The variable `authorizer.requestResource`: what the request is about. Borrowed. */
struct cel_value cel_resource_check_value(const struct cel_attributes *attributes);
static inline struct str
cel_str(struct cel_value v) /* of strings, bytes and errors; empty for others */
{
	bool has = v.kind == CEL_STRING || v.kind == CEL_BYTES || v.kind == CEL_ERROR;

	return has ? str_sub(v.ptr, v.len) : STR_NONE;
}

/* An object whose fields are computed when they are asked for, each once (`variables.x`). */
struct cel_lookup {
	/* The field's value, in the memory of the evaluation that asks. False when there is no such
	 * field. A failure is a value of kind CEL_ERROR. */
	bool (*get)(struct cel_lookup *lookup, struct cel_evaluation *evaluation, struct str name,
		    struct cel_value *ret);
};
static inline struct cel_value cel_lookup_value(struct cel_lookup *lookup,
						const struct cel_type *type) /* an object type */
{
	return (struct cel_value){
		.kind = CEL_OBJECT, .form = CEL_FORM_LOOKUP, .lookup = lookup, .type = type
	};
}

/* A copy as JSON into doc: timestamps, durations and bytes as strings; map keys as strings. What
 * JSON cannot hold (types, opaque values) is ERR_INVALID. optional.none() is left out of lists and
 * maps. */
yyjson_mut_val *cel_to_json(yyjson_mut_doc *doc, struct cel_value value,
			    struct err *err) MUST_CHECK;

/* Of an Object{}, or those in a list of JSONPatch{}, and all below: each is called after its place,
 * "Object.spec.template". */
int cel_check_object_names(struct cel_value value, struct err *err) MUST_CHECK;

/* ---- environments and programs ---- */

struct cel_variable {
	struct str name; /* may hold dots: "request.kind" is found before a field of "request" */
	const struct cel_type *type;
};

/* What only some places have. */
enum cel_feature {
	CEL_FEATURE_MUTATION = 1 << 0, /* Object{}, JSONPatch{}, jsonpatch.escapeKey() */
};

struct cel_env {
	const struct cel_variable *variables;
	size_t variable_count; /* at most CEL_VARIABLES_MAX */
	unsigned features;     /* enum cel_feature */
	/* CEL_FEATURE_MUTATION: the type that `Object` stands for; NULL = fields are not checked.
	 */
	const struct cel_type *object;
};

struct cel_program;

/* Compiles text. The program, its nodes and compiled patterns live in arena, and borrow from env
 * only types and names. NULL: messages holds what upstream prints, "compilation failed: " and one
 *or more of ERROR: <input>:1:5: undeclared reference to 'foo' (in container '') | 1 + foo | ....^
 * joined by newlines, or "program instantiation failed: " and why. What is over a limit of
 * cel/limits.h is refused the same way. */
const struct cel_program *cel_compile(struct arena *arena, const struct cel_env *env,
				      struct str text, struct buf *messages) MUST_CHECK;
/* True when no more should be compiled into it: what is made next may not fit. */
bool cel_arena_is_full(const struct arena *arena) PURE;
const struct cel_type *
cel_program_type(const struct cel_program *program) PURE; /* what it results in, or dyn */
bool cel_program_uses(const struct cel_program *program,
		      struct str variable) PURE; /* transition rules: "oldSelf" */

/* variable.field or variable.?field is written somewhere in it. */
bool cel_program_selects(const struct cel_program *program, struct str variable,
			 struct str field) PURE;
/* How deep evaluating it nests: who evaluates programs from within others bounds the sum. */
size_t cel_program_depth(const struct cel_program *program) PURE;

/* Bounds of what an evaluation costs in the units of upstream, from the types' size_max.
 * Saturating. */
struct cel_cost {
	uint64_t min, max;
};
struct cel_cost cel_program_cost(const struct cel_program *program) PURE;
/* a * b, saturating: a rule below a list is evaluated for each element. */
uint64_t cel_cost_times(uint64_t a, uint64_t b) PURE;

/* ---- evaluation ---- */

enum cel_decision { CEL_NO_OPINION, CEL_ALLOWED, CEL_DENIED };

/* What an expression asks the authorizer
 * (`authorizer.group('').resource('pods').check('get').allowed()`). */
struct cel_attributes {
	struct str service_account_namespace,
		service_account_name; /* empty: the user of the request */
	struct str verb;
	struct str path; /* of authorizer.path(); the rest is empty then */
	struct str group, resource, subresource, namespace, name;
	struct str field_selector, label_selector;
	bool has_field_selector, has_label_selector;
};

struct cel_authorizer {
	/* *ret_reason lives in arena. < 0: the authorizer failed; err becomes what .error() and
	 * .errored() say. */
	int (*check)(const struct cel_authorizer *authorizer,
		     const struct cel_attributes *attributes, struct arena *arena,
		     enum cel_decision *ret_decision, struct str *ret_reason, struct err *err);
};

struct cel_cache;

struct cel_evaluation {
	/* set by the caller */
	struct arena *arena; /* the result may point into it; CEL_EVALUATION_BYTES_MAX and a little
				must fit */
	const struct cel_value *variables; /* as many as, and in the order of, env.variables */
	uint64_t cost_max; /* CEL_CALL_COST_MAX, or what is left of a budget when that is less; 0 =
			      none */
	const struct cel_authorizer *authorizer; /* NULL: each check fails */
	/* told by cel_evaluate; zero at the beginning */
	uint64_t cost; /* what it cost: take it from the budget, also when it failed */
	uint64_t work;
	size_t bytes;
	bool stopped;		 /* cost, work or memory was used up */
	struct cel_cache *cache; /* indices over long lists and large maps; may be kept for the next
				  * evaluation of the same trees with the same arena */
};

/* < 0: err has upstream's words ("no such key: x", "no such overload", "division by zero", ...),
 * with ERR_INVALID, or with ERR_TOO_LARGE "operation cancelled: actual cost limit exceeded".
 * *evaluation may be used again for the next program: clear cost, work, bytes and stopped. */
int cel_evaluate(const struct cel_program *program, struct cel_evaluation *evaluation,
		 struct cel_value *ret_value, struct err *err) MUST_CHECK;

#endif
