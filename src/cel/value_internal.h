/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values while they are computed. Lists and maps that an expression makes share growing memory:
 * adding to the newest one extends it in place, older ones keep their count and so their contents.
 * What is allocated is counted; when that or the work is used up the evaluation is stopped, and
 * everything above returns its error.
 */
#ifndef CUBE_CEL_VALUE_INTERNAL_H
#define CUBE_CEL_VALUE_INTERNAL_H

#include "cel/function_internal.h"

/* ---- accounts ---- */

/* Memory for size_bytes; NULL, and the evaluation is stopped, when that is too much. */
void *cel_take(struct cel_frame *f, size_t size_bytes);
/* For structs of fixed size: never NULL. The evaluator notices when it was too much. */
void *cel_take_small(struct cel_frame *f, size_t size_bytes);
void cel_charge(struct cel_frame *f, uint64_t cost);
/* False when the work is used up. */
bool cel_work(struct cel_frame *f, uint64_t amount);
struct cel_value cel_stopped(const struct cel_evaluation *evaluation);

struct cel_value cel_fail(struct cel_frame *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct cel_value cel_no_overload(void);
static inline bool cel_is_error(struct cel_value v)
{
	return v.kind == CEL_ERROR;
}
/* A copy of s. */
struct cel_value cel_text(struct cel_frame *f, struct str s);
struct cel_value cel_make_optional(struct cel_frame *f, struct cel_value v);
struct cel_value cel_make_opaque(const struct cel_type *type, const void *opaque);
struct cel_value cel_make_uint(uint64_t natural);
struct cel_value cel_make_double(double real);
struct cel_value cel_make_duration(int64_t ns);

struct cel_value cel_decode_bytes(struct cel_frame *f, struct str base64);

/* ---- lists ---- */

struct cel_items {
	struct cel_value *values;
	size_t count, room;
};

struct cel_list {
	struct cel_items *items;
	size_t count;
};

size_t cel_list_count(struct cel_value list);
struct cel_value cel_list_at(struct cel_frame *f, struct cel_value list, size_t i); /* i < count */
/* An empty list to cel_list_append to. */
struct cel_value cel_list_new(struct cel_frame *f, size_t room);
struct cel_value cel_list_append(struct cel_frame *f, struct cel_value list, struct cel_value v);
struct cel_value cel_list_concat(struct cel_frame *f, struct cel_value a, struct cel_value b);

/* ---- maps and objects ---- */

struct cel_entry {
	struct cel_value key, value;
	uint64_t hash;
};

struct cel_entries {
	struct cel_entry *entries;
	size_t count, room;
	uint32_t *index; /* hash → 1 + entry; NULL while there are few */
	size_t index_count;
};

struct cel_map {
	struct cel_entries *all;
	size_t count;
	const struct cel_type *type; /* objects that were constructed; NULL for maps */
};

size_t cel_map_count(struct cel_value map);
/* The value at key; false when there is none. Keys are equal across numeric types. */
bool cel_map_find(struct cel_frame *f, struct cel_value map, struct cel_value key,
		  struct cel_value *ret);
/* A field by its name in JSON. */
bool cel_field_find(struct cel_frame *f, struct cel_value object, struct str json_name,
		    const struct cel_type *type, struct cel_value *ret);
struct cel_value cel_map_new(struct cel_frame *f, size_t room);
/* An error when the key is there, or cannot be one. */
struct cel_value cel_map_add(struct cel_frame *f, struct cel_value map, struct cel_value key,
			     struct cel_value v);

/* ---- iteration over lists (index, element) and maps (key, value) ---- */

struct cel_iterator {
	struct cel_value range;
	size_t at, count;
	const void *json; /* next key, or element */
};

/* False when v is neither. */
bool cel_iterate(struct cel_value v, struct cel_iterator *ret);
bool cel_next(struct cel_frame *f, struct cel_iterator *it, struct cel_value *ret_key,
	      struct cel_value *ret_value);

/* ---- comparing ---- */

bool cel_equal(struct cel_frame *f, struct cel_value a, struct cel_value b);
/* -1, 0, 1; 2 when they have no order (NaN), 3 when they cannot be compared. */
int cel_compare(struct cel_value a, struct cel_value b);
uint64_t cel_size(struct cel_value v);	      /* what costs are counted in: 1 for scalars */
struct str cel_kind_name(struct cel_value v); /* for messages */
/* Whether elements a and b of a list of this type stand for the same: by its keys when it is a map,
 * else by equality. */
bool cel_list_matches(struct cel_frame *f, const struct cel_type *type, struct cel_value a,
		      struct cel_value b);
const struct cel_type *cel_kind_type(struct cel_value v); /* Whether a value fits a parameter. */
bool cel_fits(struct cel_value v, const struct cel_type *parameter);

/* ---- evaluation ---- */

struct cel_value cel_eval(struct cel_frame *f, const struct cel_node *node);
struct cel_value cel_operator1(struct cel_frame *f, enum cel_op op, struct cel_value a);
struct cel_value cel_operator2(struct cel_frame *f, enum cel_op op, struct cel_value a,
			       struct cel_value b);
/* What a call costs beyond its arguments. */
uint64_t cel_call_cost(struct cel_frame *f, const struct cel_function *row,
		       const struct cel_value *args, struct cel_value result);

/* Timestamps: "1970-01-01T00:00:00Z" and back; years 1 to 9999. */
struct cel_value cel_timestamp(struct cel_frame *f, int64_t seconds, int32_t nanos);
#define CEL_TIMESTAMP_SECONDS_MIN (-62135596800) /* year 1: the zero of timestamps */

bool cel_parse_timestamp(struct str text, struct cel_value *ret);
bool cel_parse_duration(struct str text, int64_t *ret_ns);
struct cel_value cel_timestamp_text(struct cel_frame *f, struct cel_value v);
struct cel_value cel_duration_text(struct cel_frame *f, struct cel_value v);
/* '...'.format([...]) */
struct cel_value cel_format_text(struct cel_frame *f, const struct cel_value *args);
/* The shortest decimal text that reads back as the same number, as Go's %v. */
struct str cel_double_text(double real, char to[32]);

#endif
