/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field paths and what is wrong with fields, worded as upstream's field.Error, because clients
 * match on it. Paths are built on the stack while walking and become text only when there is
 * something to report.
 */
#ifndef CUBE_API_FIELD_H
#define CUBE_API_FIELD_H

#include <yyjson.h>
#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct field_path {
	const struct field_path *parent; /* NULL at the top */
	const char *name;		 /* ".name", or NULL */
	struct str key;			 /* "[key]" when key.ptr is set */
	size_t index;			 /* else "[index]" */
};

/* Children that live to the end of the enclosing block. */
#define FIELD_NAME(parent_, name_) \
	(&(const struct field_path){ .parent = (parent_), .name = (name_) })
#define FIELD_KEY(parent_, key_) (&(const struct field_path){ .parent = (parent_), .key = (key_) })
#define FIELD_INDEX(parent_, index_) \
	(&(const struct field_path){ .parent = (parent_), .index = (index_) })

/* Of the object as a whole, where upstream names no field: "[]". */
#define FIELD_ROOT FIELD_KEY(NULL, STR(""))

struct str field_path_in(struct arena *arena, const struct field_path *path);

struct kind;
struct structural_names;

enum field_error_type {
	FIELD_REQUIRED,
	FIELD_INVALID,
	FIELD_DUPLICATE,
	FIELD_UNSUPPORTED,
	FIELD_FORBIDDEN,
	FIELD_TOO_LONG,
	FIELD_TOO_MANY,
	FIELD_NOT_FOUND,
	FIELD_INTERNAL,
	FIELD_TYPE_INVALID,
};

struct field_error {
	enum field_error_type type;
	struct str field;   /* path as text */
	struct str message; /* without the path: `Invalid value: "x": must be ...` */
};

/* What was found in one object; everything lives in the arena. At most FIELD_ERRORS_MAX are kept.
 */
struct field_errors {
	struct arena *arena;
	struct field_error *items;
	size_t count, room;
	size_t seen; /* all, also those that are not kept: whether something was wrong shows here */
	bool truncated;
	const struct kind *kind;	/* of the object: how its values are shown; may be NULL */
	struct structural_names *names; /* of the schema that it is held against; may be NULL */
};

void field_errors_init(struct field_errors *errors, struct arena *arena);
void field_required(struct field_errors *e, const struct field_path *path, const char *detail);
/* value as it is printed by Go's %v quoted when a string; the kinds of values have one function
 * each. detail is one message, or what a function of codec/name.h says: all of its messages. */
void field_invalid_str(struct field_errors *e, const struct field_path *path, struct str value,
		       const char *detail);
void field_invalid_int(struct field_errors *e, const struct field_path *path, int64_t value,
		       const char *detail);
void field_invalid_val(struct field_errors *e, const struct field_path *path, yyjson_mut_val *value,
		       const char *detail);
/* value is JSON already. */
void field_invalid_json(struct field_errors *e, const struct field_path *path, struct str value,
			const char *detail);
void field_duplicate_str(struct field_errors *e, const struct field_path *path, struct str value);
void field_duplicate_val(struct field_errors *e, const struct field_path *path,
			 yyjson_mut_val *value);
/* values: "A|B|C" in the order to be printed. */
void field_unsupported(struct field_errors *e, const struct field_path *path, struct str value,
		       const char *values);
void field_unsupported_val(struct field_errors *e, const struct field_path *path,
			   yyjson_mut_val *value, const char *values);
void field_forbidden(struct field_errors *e, const struct field_path *path, const char *detail);
void field_too_long(struct field_errors *e, const struct field_path *path, size_t bytes_max);
void field_too_many(struct field_errors *e, const struct field_path *path, size_t count,
		    size_t count_max);
void field_not_found(struct field_errors *e, const struct field_path *path, struct str value);
/* One that was found while something was tried. */
void field_error_copy(struct field_errors *e, const struct field_error *error);
/* Any of them, detail formatted. */
void field_error_add(struct field_errors *e, enum field_error_type type,
		     const struct field_path *path, const char *fmt, ...) PRINTF_LIKE(4, 5);
const char *field_error_reason(enum field_error_type type) PURE; /* "FieldValueRequired", ... */

/* `a: Required value` or `[a: ..., b: ...]`. */
void field_errors_write(const struct field_errors *e, struct buf *to);

/* Texts for Warning headers (without code and quotes around); they live in the arena. */
struct notices {
	struct arena *arena;
	struct str *items;
	size_t count, room;
};

void notices_init(struct notices *n, struct arena *arena);
void notices_add(struct notices *n, const char *fmt, ...)
	PRINTF_LIKE(2, 3); /* at most OBJECT_NOTICES_MAX are kept */

#endif
