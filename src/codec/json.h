/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON trees are yyjson values, used as they are; this adds what everybody needs on top: strict
 * parsing with limits, getters by dotted path that never allocate, building, copying, comparing and
 * writing. Numbers are int64, uint64 or double as Kubernetes has them. All memory comes through
 * json_alc, so that running out of it aborts. Keys passed as const char * are literals: trees point
 * to them. Keys and values passed as struct str are copied.
 */
#ifndef CUBE_CODEC_JSON_H
#define CUBE_CODEC_JSON_H

#include <yyjson.h>
#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "codec/json_quote.h"
#include "codec/limits.h"

extern const yyjson_alc json_alc;

/* ---- documents ---- */

/* One JSON value and nothing behind it (RFC 8259, UTF-8 checked), at most bytes_max long and
 * JSON_DEPTH_MAX deep. NULL: ERR_PARSE with line, column and what was expected, or ERR_TOO_LARGE.
 * The text may go away afterwards. */
yyjson_doc *json_parse(struct str text, size_t bytes_max, struct err *err) MUST_CHECK;
/* The same, and a key given twice in one object is ERR_PARSE: `duplicate field "spec.x"`. */
yyjson_doc *json_parse_unique(struct str text, size_t bytes_max, struct err *err) MUST_CHECK;
/* doc, moved to the memory that it needs: reading reserves for the densest text of its length, several
 * times that. For documents that are kept; values borrowed from doc before are gone. */
yyjson_doc *json_trim(yyjson_doc *doc) MUST_CHECK;
/* The same, and the strings of text, which doc was read from, are used where they stand: text must outlive doc. They do
 * not end with NUL. */
yyjson_doc *json_trim_onto(yyjson_doc *doc, struct str text) MUST_CHECK;

yyjson_mut_doc *json_new(void) MUST_CHECK;	       /* empty, without a root */
yyjson_mut_doc *json_new_object(void) MUST_CHECK;      /* the root is {} */
yyjson_mut_doc *json_thaw(yyjson_val *v) MUST_CHECK;   /* a deep copy that can be changed */
yyjson_mut_doc *json_mut_thaw(yyjson_mut_val *v) MUST_CHECK; /* likewise */
/* Members in the bytewise order of their keys, as Go writes a map; at every depth. */
void json_sort_keys(yyjson_mut_val *v);
yyjson_doc *json_freeze(yyjson_mut_val *v) MUST_CHECK; /* a deep copy that cannot; NULL of NULL */
void json_free(yyjson_doc *doc);		       /* NULL is fine, likewise */
void json_mut_free(yyjson_mut_doc *doc);
void json_free_at(yyjson_doc **doc);
void json_mut_free_at(yyjson_mut_doc **doc);
#define AUTO_JSON CLEANUP(json_free_at) yyjson_doc *
#define AUTO_JSON_MUT CLEANUP(json_mut_free_at) yyjson_mut_doc *

/* ---- reading: v may be NULL or of any type, what is missing is NULL or the fallback ---- */

/* Path: keys joined by '.', "spec.template.spec.containers"; a number steps into an array
 * ("0.name"). Keys that hold dots (labels): json_key. */
yyjson_val *json_get(yyjson_val *v, const char *path);
yyjson_val *json_key(yyjson_val *object, struct str key);
struct str json_str(yyjson_val *v); /* empty unless v is a string */
struct str json_get_str(yyjson_val *v, const char *path);
int64_t json_int(yyjson_val *v, int64_t fallback); /* doubles without a fraction count */
int64_t json_get_int(yyjson_val *v, const char *path, int64_t fallback);
bool json_bool(yyjson_val *v, bool fallback);
bool json_get_bool(yyjson_val *v, const char *path, bool fallback);
size_t json_get_count(yyjson_val *v, const char *path); /* elements or members; 0 when missing */
/* What Go's decoder calls v, which is there and not null, when it refuses it: "string", "bool",
 * "array", "object", "number". */
const char *json_go_type(yyjson_val *v);

yyjson_mut_val *json_mut_get(yyjson_mut_val *v, const char *path);
yyjson_mut_val *json_mut_key(yyjson_mut_val *object, struct str key);
struct str json_mut_str(yyjson_mut_val *v);
struct str json_mut_get_str(yyjson_mut_val *v, const char *path);
int64_t json_mut_int(yyjson_mut_val *v, int64_t fallback);
int64_t json_mut_get_int(yyjson_mut_val *v, const char *path, int64_t fallback);
bool json_mut_bool(yyjson_mut_val *v, bool fallback);
bool json_mut_get_bool(yyjson_mut_val *v, const char *path, bool fallback);
size_t json_mut_get_count(yyjson_mut_val *v, const char *path);

/* Loops over an array's items or an object's members; no round when it is NULL or something else.
 * The tree must not change inside. JSON_EACH(item, array) { use(item); }   JSON_MEMBERS(key, value,
 * object) { use(json_str(key), value); } */
#define JSON_EACH(item, array)                                                            \
	for (yyjson_arr_iter item##_at = json_arr_iter(array), *item##_more = &item##_at; \
	     item##_more; item##_more = NULL)                                             \
		for (yyjson_val * item; (item = yyjson_arr_iter_next(&item##_at));)
#define JSON_MEMBERS(key, value, object)                                                  \
	for (yyjson_obj_iter key##_at = json_obj_iter(object), *key##_more = &key##_at;   \
	     key##_more; key##_more = NULL)                                               \
		for (yyjson_val * key, *value; (key = yyjson_obj_iter_next(&key##_at)) && \
					       (value = yyjson_obj_iter_get_val(key));)
#define JSON_MUT_EACH(item, array)                                                                \
	for (yyjson_mut_arr_iter item##_at = json_mut_arr_iter(array), *item##_more = &item##_at; \
	     item##_more; item##_more = NULL)                                                     \
		for (yyjson_mut_val * item; (item = yyjson_mut_arr_iter_next(&item##_at));)
#define JSON_MUT_MEMBERS(key, value, object)                                                      \
	for (yyjson_mut_obj_iter key##_at = json_mut_obj_iter(object), *key##_more = &key##_at;   \
	     key##_more; key##_more = NULL)                                                       \
		for (yyjson_mut_val * key, *value; (key = yyjson_mut_obj_iter_next(&key##_at)) && \
						   (value = yyjson_mut_obj_iter_get_val(key));)
yyjson_arr_iter json_arr_iter(yyjson_val *array);
yyjson_obj_iter json_obj_iter(yyjson_val *object);
yyjson_mut_arr_iter json_mut_arr_iter(yyjson_mut_val *array);
yyjson_mut_obj_iter json_mut_obj_iter(yyjson_mut_val *object);

/* ---- building: a key that is there is replaced in place, else appended ---- */

void json_set(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, yyjson_mut_val *value);
void json_set_str(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, struct str value);
void json_set_int(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t value);
void json_set_bool(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, bool value);
yyjson_mut_val *json_set_object(yyjson_mut_doc *doc, yyjson_mut_val *object,
				const char *key); /* a new {}; returned */
yyjson_mut_val *json_set_array(yyjson_mut_doc *doc, yyjson_mut_val *object,
			       const char *key); /* a new []; returned */
/* Any key, copied. */
void json_put(yyjson_mut_doc *doc, yyjson_mut_val *object, struct str key, yyjson_mut_val *value);
void json_put_str(yyjson_mut_doc *doc, yyjson_mut_val *object, struct str key, struct str value);
/* Of a key that is known not to be there: without a look at the others. */
void json_put_new(yyjson_mut_doc *doc, yyjson_mut_val *object, struct str key,
		  yyjson_mut_val *value);
/* The object at key, made when it is missing or not an object. */
yyjson_mut_val *json_ensure_object(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key);
yyjson_mut_val *json_ensure_array(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key);
/* Sets at a dotted path (keys only), making the objects on the way. The path is copied. */
void json_set_path(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *path,
		   yyjson_mut_val *value);
void json_set_path_str(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *path,
		       struct str value);
void json_set_path_int(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *path,
		       int64_t value);
/* Puts what from is into the place of there, whatever stands before it; from is of no use then. */
void json_become(yyjson_mut_val *there, yyjson_mut_val *from);
/* Copies to target the members of source that it lacks. */
void json_fill(yyjson_mut_doc *doc, yyjson_mut_val *target, yyjson_mut_val *source);
/* Removes a member; returns what was there or NULL. */
yyjson_mut_val *json_remove(yyjson_mut_val *object, struct str key);
yyjson_mut_val *json_remove_path(yyjson_mut_val *object, const char *path);
void json_append_str(yyjson_mut_doc *doc, yyjson_mut_val *array, struct str value);
yyjson_mut_val *json_append_object(yyjson_mut_doc *doc,
				   yyjson_mut_val *array);	     /* a new {}; returned */
yyjson_mut_val *json_new_str(yyjson_mut_doc *doc, struct str value); /* copied */
/* Deep copies into doc, strings included. */
yyjson_mut_val *json_copy(yyjson_mut_doc *doc, yyjson_val *v);
yyjson_mut_val *json_mut_copy(yyjson_mut_doc *doc, yyjson_mut_val *v);
yyjson_mut_val *json_copy_at(yyjson_mut_doc *doc, yyjson_val *v,
			     const char *path); /* NULL when missing */

size_t json_mut_depth(yyjson_mut_val *v); /* 1 for a scalar */

/* ---- comparing: members in any order, numbers by value; NULL equals only NULL ---- */

bool json_equal(yyjson_val *a, yyjson_val *b);
bool json_mut_equal(yyjson_mut_val *a, yyjson_mut_val *b);
bool json_mixed_equal(yyjson_mut_val *a, yyjson_val *b);

/* ---- writing: compact, members as they are ---- */

void json_write(yyjson_val *v, struct buf *to);
void json_mut_write(yyjson_mut_val *v, struct buf *to);
void json_write_pretty(yyjson_val *v,
		       struct buf *to); /* two spaces, as kube-apiserver; newline behind */
void json_mut_write_pretty(yyjson_mut_val *v, struct buf *to);
struct blob *json_mut_to_blob(yyjson_mut_val *v) MUST_CHECK;

#endif
