/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing with limits and reading by path. yyjson's reader does not recurse; depth and duplicates
 * are checked over its flat array of values afterwards.
 */
#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/assert.h"
#include "base/mem.h"
#include "codec/json_index.h"

static void *alc_malloc(void *unused, size_t size_bytes)
{
	return mem_alloc(size_bytes);
}

static void *alc_realloc(void *unused, void *ptr, size_t old_bytes, size_t size_bytes)
{
	return mem_realloc(ptr, size_bytes);
}

static void alc_free(void *unused, void *ptr)
{
	mem_free(ptr);
}

const yyjson_alc json_alc = { .malloc = alc_malloc, .realloc = alc_realloc, .free = alc_free };

/* Depth of the deepest value, at most JSON_DEPTH_MAX + 1. */
static bool is_too_deep(yyjson_val *root)
{
	yyjson_val *end[JSON_DEPTH_MAX + 1];
	size_t depth = 0;
	yyjson_val *v = root, *stop;

	if (!unsafe_yyjson_is_ctn(root))
		return false;
	stop = unsafe_yyjson_get_next(root);
	while (v < stop) {
		while (depth && v >= end[depth - 1])
			depth--;
		if (unsafe_yyjson_is_ctn(v)) {
			if (depth >= JSON_DEPTH_MAX)
				return true;
			end[depth++] = unsafe_yyjson_get_next(v);
		}
		v++;
	}
	return false;
}

yyjson_doc *json_parse(struct str text, size_t bytes_max, struct err *err)
{
	yyjson_read_err failure;
	yyjson_doc *doc;

	if (text.len > bytes_max) {
		(void)err_set(err, ERR_TOO_LARGE,
			      "JSON of %zu bytes is larger than the limit of %zu", text.len,
			      bytes_max);
		return NULL;
	}
	if (!text.len) {
		(void)err_set(err, ERR_PARSE, "unexpected end of JSON input");
		return NULL;
	}
	doc = yyjson_read_opts((char *)text.ptr, text.len, YYJSON_READ_NOFLAG, &json_alc, &failure);
	if (!doc) {
		size_t line = 1, column = 1, character;

		yyjson_locate_pos(text.ptr, text.len, failure.pos, &line, &column, &character);
		(void)err_set(err, ERR_PARSE, "invalid JSON at line %zu, column %zu: %s", line,
			      column, failure.msg);
		return NULL;
	}
	if (is_too_deep(yyjson_doc_get_root(doc))) {
		json_free(doc);
		(void)err_set(err, ERR_PARSE, "exceeded max depth of %d", JSON_DEPTH_MAX);
		return NULL;
	}
	return doc;
}

yyjson_doc *json_trim(yyjson_doc *doc)
{
	size_t before_bytes = (size_t)((const char *)doc->root - (const char *)doc);
	yyjson_doc *trimmed;

	/* The document lies at the head of its array of values, which refer to each other by distance;
	 * strings lie elsewhere. A yyjson that lays it out otherwise is left as it is. */
	if (before_bytes < sizeof(*doc) || before_bytes > sizeof(*doc) + sizeof(*doc->root))
		return doc;
	/* Moved, not cut: what realloc leaves behind each document would lie between those that stay. */
	trimmed = mem_dup(doc, before_bytes + doc->val_read * sizeof(*doc->root));
	trimmed->root = (yyjson_val *)(void *)((char *)trimmed + before_bytes);
	mem_free(doc);
	return trimmed;
}

/* Where the string stands in the text that doc was read from; NULL when it has escapes there. doc's own strings are a
 * copy of that text, in which escapes were resolved on the spot. */
static const char *place_in(struct str text, const yyjson_doc *doc, yyjson_val *v)
{
	size_t at = (size_t)(v->uni.str - doc->str_pool), len = unsafe_yyjson_get_len(v);

	if (at >= text.len || len >= text.len - at || text.ptr[at + len] != '"')
		return NULL;
	return memcmp(text.ptr + at, v->uni.str, len) == 0 ? text.ptr + at : NULL;
}

yyjson_doc *json_trim_onto(yyjson_doc *doc, struct str text)
{
	yyjson_val *v, *end;
	size_t kept_bytes = 0;
	char *pool = NULL, *to;

	doc = json_trim(doc);
	end = doc->root + doc->val_read;
	for (v = doc->root; v < end; v++)
		if (unsafe_yyjson_is_str(v) && !place_in(text, doc, v))
			kept_bytes += unsafe_yyjson_get_len(v) + 1;
	to = pool = kept_bytes > 0 ? mem_alloc(kept_bytes) : NULL;
	for (v = doc->root; v < end; v++) {
		const char *place = unsafe_yyjson_is_str(v) ? place_in(text, doc, v) : NULL;

		if (!unsafe_yyjson_is_str(v))
			continue;
		if (!place) {
			place = to;
			to = (char *)memcpy(to, v->uni.str, unsafe_yyjson_get_len(v)) +
			     unsafe_yyjson_get_len(v);
			*to++ = '\0';
		}
		v->uni.str = place;
	}
	mem_free(doc->str_pool);
	doc->str_pool = pool;
	return doc;
}

/* ---- duplicates ---- */

struct search {
	void (*found)(void *arg, struct str path);
	void *arg;
	struct buf path;
};

static void search_value(struct search *s, yyjson_val *v);

static void search_object(struct search *s, yyjson_val *object)
{
	size_t path_len = s->path.len;
	AUTO_JSON_INDEX index = { .slots = NULL };

	json_index_init(&index, unsafe_yyjson_get_len(object));
	JSON_MEMBERS (key, value, object) {
		struct str name = json_str(key);

		if (path_len)
			buf_put_char(&s->path, '.');
		buf_put_str(&s->path, name);
		if (json_index_add(&index, name, value))
			s->found(s->arg, buf_str(&s->path));
		search_value(s, value);
		buf_truncate(&s->path, path_len);
	}
}

static void search_value(struct search *s, yyjson_val *v)
{
	size_t path_len = s->path.len, i = 0;

	if (unsafe_yyjson_is_obj(v)) {
		search_object(s, v);
		return;
	}
	JSON_EACH (item, v) {
		if (unsafe_yyjson_is_ctn(item)) {
			buf_printf(&s->path, "[%zu]", i);
			search_value(s, item);
			buf_truncate(&s->path, path_len);
		}
		i++;
	}
}

/* Calls found for each key given twice, with the path as kubectl prints it
 * ("spec.containers[0].name"). */
static void json_find_duplicates(yyjson_val *root, void (*found)(void *arg, struct str path),
				 void *arg)
{
	struct search s = { .found = found, .arg = arg };

	buf_init(&s.path, JSON_PATH_BYTES_MAX);
	if (root && unsafe_yyjson_is_ctn(root))
		search_value(&s, root);
	buf_deinit(&s.path);
}

struct first_duplicates {
	struct buf text;
	size_t count;
};

static void note_duplicate(void *arg, struct str path)
{
	struct first_duplicates *d = arg;

	if (d->count++ >= JSON_DUPLICATES_MAX)
		return;
	buf_printf(&d->text, "%sduplicate field \"" STR_FMT "\"", d->text.len ? ", " : "",
		   STR_ARG(path));
}

yyjson_doc *json_parse_unique(struct str text, size_t bytes_max, struct err *err)
{
	struct first_duplicates d = { .count = 0 };
	yyjson_doc *doc = json_parse(text, bytes_max, err);

	if (!doc)
		return NULL;
	buf_init(&d.text, ERR_MSG_BYTES);
	json_find_duplicates(yyjson_doc_get_root(doc), note_duplicate, &d);
	if (d.count) {
		json_free(doc);
		doc = NULL;
		(void)err_set(err, ERR_PARSE, STR_FMT, STR_ARG(buf_str(&d.text)));
	}
	buf_deinit(&d.text);
	return doc;
}

/* ---- documents ---- */

yyjson_mut_doc *json_new(void)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(&json_alc);

	ASSERT(doc);
	return doc;
}

yyjson_mut_doc *json_new_object(void)
{
	yyjson_mut_doc *doc = json_new();

	yyjson_mut_doc_set_root(doc, yyjson_mut_obj(doc));
	return doc;
}

yyjson_mut_doc *json_thaw(yyjson_val *v)
{
	yyjson_mut_doc *doc = json_new();

	yyjson_mut_doc_set_root(doc, json_copy(doc, v));
	return doc;
}

yyjson_mut_doc *json_mut_thaw(yyjson_mut_val *v)
{
	yyjson_mut_doc *doc = json_new();

	yyjson_mut_doc_set_root(doc, json_mut_copy(doc, v));
	return doc;
}

yyjson_doc *json_freeze(yyjson_mut_val *v)
{
	yyjson_doc *doc = v ? yyjson_mut_val_imut_copy(v, &json_alc) : NULL;

	ASSERT(doc || !v);
	return doc;
}

void json_free(yyjson_doc *doc)
{
	yyjson_doc_free(doc);
}

void json_mut_free(yyjson_mut_doc *doc)
{
	yyjson_mut_doc_free(doc);
}

void json_free_at(yyjson_doc **doc)
{
	yyjson_doc_free(*doc);
}

void json_mut_free_at(yyjson_mut_doc **doc)
{
	yyjson_mut_doc_free(*doc);
}

/* ---- reading ---- */

yyjson_arr_iter json_arr_iter(yyjson_val *array)
{
	yyjson_arr_iter iter = { 0 };

	(void)yyjson_arr_iter_init(array,
				   &iter); /* leaves an empty iterator for anything but an array */
	return iter;
}

yyjson_obj_iter json_obj_iter(yyjson_val *object)
{
	yyjson_obj_iter iter = { 0 };

	(void)yyjson_obj_iter_init(object, &iter);
	return iter;
}

yyjson_mut_arr_iter json_mut_arr_iter(yyjson_mut_val *array)
{
	yyjson_mut_arr_iter iter = { 0 };

	(void)yyjson_mut_arr_iter_init(array, &iter);
	return iter;
}

yyjson_mut_obj_iter json_mut_obj_iter(yyjson_mut_val *object)
{
	yyjson_mut_obj_iter iter = { 0 };

	(void)yyjson_mut_obj_iter_init(object, &iter);
	return iter;
}

/* The next part of a dotted path; false at the end. */
static bool next_part(const char **path, struct str *ret_part)
{
	const char *end;

	if (!*path)
		return false;
	end = strchr(*path, '.');
	*ret_part = end ? str_sub(*path, (size_t)(end - *path)) : str_from(*path);
	*path = end ? end + 1 : NULL;
	return true;
}

static bool part_index(struct str part, size_t *ret)
{
	size_t index = 0;

	if (!part.len || part.len > 8)
		return false;
	for (size_t i = 0; i < part.len; i++) {
		if (part.ptr[i] < '0' || part.ptr[i] > '9')
			return false;
		index = index * 10 + (size_t)(part.ptr[i] - '0');
	}
	*ret = index;
	return true;
}

yyjson_val *json_key(yyjson_val *object, struct str key)
{
	return yyjson_obj_getn(object, key.ptr ? key.ptr : "", key.len);
}

yyjson_val *json_get(yyjson_val *v, const char *path)
{
	struct str part;
	size_t index;

	while (v && next_part(&path, &part)) {
		if (yyjson_is_arr(v))
			v = part_index(part, &index) ? yyjson_arr_get(v, index) : NULL;
		else
			v = json_key(v, part);
	}
	return v;
}

struct str json_str(yyjson_val *v)
{
	return yyjson_is_str(v) ? str_sub(unsafe_yyjson_get_str(v), unsafe_yyjson_get_len(v))
				: STR_NONE;
}

struct str json_get_str(yyjson_val *v, const char *path)
{
	return json_str(json_get(v, path));
}

static int64_t double_to_int(double number, int64_t fallback)
{
	if (!(number >= -9223372036854775808.0 && number < 9223372036854775808.0))
		return fallback;
	return (double)(int64_t)number == number ? (int64_t)number : fallback;
}

int64_t json_int(yyjson_val *v, int64_t fallback)
{
	if (yyjson_is_sint(v))
		return unsafe_yyjson_get_sint(v);
	if (yyjson_is_uint(v))
		return unsafe_yyjson_get_uint(v) <= INT64_MAX ? (int64_t)unsafe_yyjson_get_uint(v)
							      : fallback;
	return yyjson_is_real(v) ? double_to_int(unsafe_yyjson_get_real(v), fallback) : fallback;
}

int64_t json_get_int(yyjson_val *v, const char *path, int64_t fallback)
{
	return json_int(json_get(v, path), fallback);
}

bool json_bool(yyjson_val *v, bool fallback)
{
	return yyjson_is_bool(v) ? unsafe_yyjson_get_bool(v) : fallback;
}

bool json_get_bool(yyjson_val *v, const char *path, bool fallback)
{
	return json_bool(json_get(v, path), fallback);
}

size_t json_get_count(yyjson_val *v, const char *path)
{
	v = json_get(v, path);
	return yyjson_is_ctn(v) ? unsafe_yyjson_get_len(v) : 0;
}

const char *json_go_type(yyjson_val *v)
{
	return yyjson_is_str(v)	   ? "string"
	       : yyjson_is_bool(v) ? "bool"
	       : yyjson_is_arr(v)  ? "array"
	       : yyjson_is_obj(v)  ? "object"
				   : "number";
}

yyjson_mut_val *json_mut_key(yyjson_mut_val *object, struct str key)
{
	return yyjson_mut_obj_getn(object, key.ptr ? key.ptr : "", key.len);
}

yyjson_mut_val *json_mut_get(yyjson_mut_val *v, const char *path)
{
	struct str part;
	size_t index;

	while (v && next_part(&path, &part)) {
		if (yyjson_mut_is_arr(v))
			v = part_index(part, &index) ? yyjson_mut_arr_get(v, index) : NULL;
		else
			v = json_mut_key(v, part);
	}
	return v;
}

struct str json_mut_str(yyjson_mut_val *v)
{
	return yyjson_mut_is_str(v) ? str_sub(unsafe_yyjson_get_str(v), unsafe_yyjson_get_len(v))
				    : STR_NONE;
}

struct str json_mut_get_str(yyjson_mut_val *v, const char *path)
{
	return json_mut_str(json_mut_get(v, path));
}

int64_t json_mut_int(yyjson_mut_val *v, int64_t fallback)
{
	return json_int((yyjson_val *)v,
			fallback); /* both kinds of value start with the same tag and number */
}

int64_t json_mut_get_int(yyjson_mut_val *v, const char *path, int64_t fallback)
{
	return json_mut_int(json_mut_get(v, path), fallback);
}

bool json_mut_bool(yyjson_mut_val *v, bool fallback)
{
	return yyjson_mut_is_bool(v) ? unsafe_yyjson_get_bool(v) : fallback;
}

bool json_mut_get_bool(yyjson_mut_val *v, const char *path, bool fallback)
{
	return json_mut_bool(json_mut_get(v, path), fallback);
}

size_t json_mut_get_count(yyjson_mut_val *v, const char *path)
{
	v = json_mut_get(v, path);
	return yyjson_mut_is_ctn(v) ? unsafe_yyjson_get_len(v) : 0;
}

struct member {
	yyjson_mut_val *key, *value;
};

static int by_key(const void *a, const void *b)
{
	const struct member *left = a, *right = b;

	return str_cmp(json_mut_str(left->key), json_mut_str(right->key));
}

void json_sort_keys(yyjson_mut_val *v)
{
	AUTO_FREE struct member *members = NULL;
	size_t count = 0;

	JSON_MUT_EACH (item, v)
		json_sort_keys(item);
	if (!yyjson_mut_is_obj(v))
		return;
	members = mem_calloc(yyjson_mut_obj_size(v) + 1, sizeof(members[0]));
	JSON_MUT_MEMBERS (key, value, v) {
		json_sort_keys(value);
		members[count++] = (struct member){ key, value };
	}
	qsort(members, count, sizeof(members[0]), by_key);
	yyjson_mut_obj_clear(v);
	for (size_t i = 0; i < count; i++)
		(void)yyjson_mut_obj_add(v, members[i].key, members[i].value);
}
