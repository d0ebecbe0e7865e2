/* SPDX-License-Identifier: Apache-2.0 */
/* Building, copying and writing trees. Keys that are literals are pointed to, everything else is
 * copied into the document. */
#include "codec/json.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json_index.h"
#include "codec/json_quote.h"

static void put_value(yyjson_mut_val *object, yyjson_mut_val *key, yyjson_mut_val *value)
{
	yyjson_mut_val *at, *last;

	ASSERT(object && unsafe_yyjson_is_obj(object) && value);
	if (unsafe_yyjson_get_len(object)) {
		last = object->uni.ptr;
		at = last;
		for (size_t i = unsafe_yyjson_get_len(object); i > 0; i--) {
			yyjson_mut_val *name = at->next->next;

			if (unsafe_yyjson_equals_strn(name, unsafe_yyjson_get_str(key),
						      unsafe_yyjson_get_len(key))) {
				value->next = name->next->next;
				name->next = value;
				/* the list is a ring that starts behind the last key: value takes
				 * the old value's place */
				return;
			}
			at = name;
		}
	}
	yyjson_mut_obj_add(object, key, value);
}

static yyjson_mut_val *key_copy(yyjson_mut_doc *doc, struct str key)
{
	yyjson_mut_val *name = yyjson_mut_strncpy(doc, key.ptr ? key.ptr : "", key.len);

	ASSERT(name);
	return name;
}

void json_set(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, yyjson_mut_val *value)
{
	put_value(object, yyjson_mut_str(doc, key), value);
}

void json_put(yyjson_mut_doc *doc, yyjson_mut_val *object, struct str key, yyjson_mut_val *value)
{
	put_value(object, key_copy(doc, key), value);
}

void json_put_new(yyjson_mut_doc *doc, yyjson_mut_val *object, struct str key,
		  yyjson_mut_val *value)
{
	yyjson_mut_obj_add(object, key_copy(doc, key), value);
}

yyjson_mut_val *json_new_str(yyjson_mut_doc *doc, struct str value)
{
	return key_copy(doc, value);
}

void json_set_str(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, struct str value)
{
	json_set(doc, object, key, json_new_str(doc, value));
}

void json_set_int(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t value)
{
	json_set(doc, object, key, yyjson_mut_sint(doc, value));
}

void json_set_bool(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, bool value)
{
	json_set(doc, object, key, yyjson_mut_bool(doc, value));
}

yyjson_mut_val *json_set_object(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key)
{
	yyjson_mut_val *value = yyjson_mut_obj(doc);

	json_set(doc, object, key, value);
	return value;
}

yyjson_mut_val *json_set_array(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key)
{
	yyjson_mut_val *value = yyjson_mut_arr(doc);

	json_set(doc, object, key, value);
	return value;
}

void json_put_str(yyjson_mut_doc *doc, yyjson_mut_val *object, struct str key, struct str value)
{
	json_put(doc, object, key, json_new_str(doc, value));
}

yyjson_mut_val *json_ensure_object(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key)
{
	yyjson_mut_val *value = yyjson_mut_obj_get(object, key);

	return yyjson_mut_is_obj(value) ? value : json_set_object(doc, object, key);
}

yyjson_mut_val *json_ensure_array(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key)
{
	yyjson_mut_val *value = yyjson_mut_obj_get(object, key);

	return yyjson_mut_is_arr(value) ? value : json_set_array(doc, object, key);
}

void json_set_path(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *path,
		   yyjson_mut_val *value)
{
	const char *end;

	while ((end = strchr(path, '.'))) {
		struct str part = str_sub(path, (size_t)(end - path));
		yyjson_mut_val *next = json_mut_key(object, part);

		if (!yyjson_mut_is_obj(next)) {
			next = yyjson_mut_obj(doc);
			json_put(doc, object, part, next);
		}
		object = next;
		path = end + 1;
	}
	json_put(doc, object, str_from(path), value);
}

void json_set_path_str(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *path,
		       struct str value)
{
	json_set_path(doc, object, path, json_new_str(doc, value));
}

void json_set_path_int(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *path, int64_t value)
{
	json_set_path(doc, object, path, yyjson_mut_sint(doc, value));
}

yyjson_mut_val *json_remove(yyjson_mut_val *object, struct str key)
{
	return yyjson_mut_is_obj(object)
		       ? yyjson_mut_obj_remove_keyn(object, key.ptr ? key.ptr : "", key.len)
		       : NULL;
}

yyjson_mut_val *json_remove_path(yyjson_mut_val *object, const char *path)
{
	const char *end;

	while ((end = strchr(path, '.'))) {
		object = json_mut_key(object, str_sub(path, (size_t)(end - path)));
		path = end + 1;
	}
	return json_remove(object, str_from(path));
}

void json_append_str(yyjson_mut_doc *doc, yyjson_mut_val *array, struct str value)
{
	yyjson_mut_arr_append(array, json_new_str(doc, value));
}

yyjson_mut_val *json_append_object(yyjson_mut_doc *doc, yyjson_mut_val *array)
{
	yyjson_mut_val *value = yyjson_mut_obj(doc);

	yyjson_mut_arr_append(array, value);
	return value;
}

yyjson_mut_val *json_copy(yyjson_mut_doc *doc, yyjson_val *v)
{
	return v ? yyjson_val_mut_copy(doc, v) : NULL;
}

yyjson_mut_val *json_mut_copy(yyjson_mut_doc *doc, yyjson_mut_val *v)
{
	return v ? yyjson_mut_val_mut_copy(doc, v) : NULL;
}

yyjson_mut_val *json_copy_at(yyjson_mut_doc *doc, yyjson_val *v, const char *path)
{
	return json_copy(doc, json_get(v, path));
}

size_t json_mut_depth(yyjson_mut_val *v)
{
	size_t deepest = 0;

	JSON_MUT_EACH (item, v)
		deepest = NUM_MAX(deepest, json_mut_depth(item));
	JSON_MUT_MEMBERS (key, value, v)
		deepest = NUM_MAX(deepest, json_mut_depth(value));
	return deepest + 1;
}

/* ---- writing ---- */

/* Doubles that JSON cannot write were refused when they were read. */
#define WRITE_FLAGS YYJSON_WRITE_INF_AND_NAN_AS_NULL
#define PRETTY_FLAGS (WRITE_FLAGS | YYJSON_WRITE_PRETTY_TWO_SPACES | YYJSON_WRITE_NEWLINE_AT_END)

/* Rare: bytes that are no UTF-8 stand only in strings, and go through as they are. */
static struct str mend_text(char *text, size_t len)
{
	struct buf mended;

	ASSERT(text);
	buf_init(&mended, SIZE_MAX);
	json_put_utf8(str_sub(text, len), &mended, buf_put_str);
	mem_free(text);
	return buf_take(&mended);
}

static struct str text_of(yyjson_val *v, yyjson_write_flag flags)
{
	yyjson_write_err why = { 0 };
	size_t len = 0;
	char *text = yyjson_val_write_opts(v, flags, &json_alc, &len, &why);

	if (text)
		return str_sub(text, len);
	ASSERT(why.code == YYJSON_WRITE_ERROR_INVALID_STRING);
	flags |= YYJSON_WRITE_ALLOW_INVALID_UNICODE;
	text = yyjson_val_write_opts(v, flags, &json_alc, &len, NULL);
	return mend_text(text, len);
}

static struct str text_of_mut(yyjson_mut_val *v, yyjson_write_flag flags)
{
	yyjson_write_err why = { 0 };
	size_t len = 0;
	char *text = yyjson_mut_val_write_opts(v, flags, &json_alc, &len, &why);

	if (text)
		return str_sub(text, len);
	ASSERT(why.code == YYJSON_WRITE_ERROR_INVALID_STRING);
	flags |= YYJSON_WRITE_ALLOW_INVALID_UNICODE;
	text = yyjson_mut_val_write_opts(v, flags, &json_alc, &len, NULL);
	return mend_text(text, len);
}

static void put_text(struct str text, struct buf *to)
{
	buf_put_str(to, text);
	mem_free((char *)text.ptr);
}

void json_write(yyjson_val *v, struct buf *to)
{
	put_text(text_of(v, WRITE_FLAGS), to);
}

void json_mut_write(yyjson_mut_val *v, struct buf *to)
{
	put_text(text_of_mut(v, WRITE_FLAGS), to);
}

void json_write_pretty(yyjson_val *v, struct buf *to)
{
	put_text(text_of(v, PRETTY_FLAGS), to);
}

void json_mut_write_pretty(yyjson_mut_val *v, struct buf *to)
{
	put_text(text_of_mut(v, PRETTY_FLAGS), to);
}

struct blob *json_mut_to_blob(yyjson_mut_val *v)
{
	struct str text = text_of_mut(v, WRITE_FLAGS);
	struct blob *blob = blob_new(text);

	mem_free((char *)text.ptr);
	return blob;
}

void json_become(yyjson_mut_val *there, yyjson_mut_val *from)
{
	there->tag = from->tag;
	there->uni = from->uni;
}

void json_fill(yyjson_mut_doc *doc, yyjson_mut_val *target, yyjson_mut_val *source)
{
	AUTO_JSON_INDEX there = { .slots = NULL };

	json_index_init_members_mut(&there, target);
	JSON_MUT_MEMBERS (key, value, source)
		if (!json_index_add(&there, json_mut_str(key), value))
			yyjson_mut_obj_add(target, json_mut_copy(doc, key), json_mut_copy(doc, value));
}
