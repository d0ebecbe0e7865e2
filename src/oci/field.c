/* SPDX-License-Identifier: Apache-2.0 */
/* See field.h. The path of a field is a list on the stack, turned into text only when something is wrong. */
#include "oci/field.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/assert.h"
#include "base/str.h"

struct at {
	const struct at *above;
	const char *name; /* NULL: an index */
	size_t index;
	int depth;
};

static void path_text(const struct at *at, char *to, size_t to_bytes)
{
	const struct at *chain[FIELD_DEPTH_MAX * 2 + 4];
	size_t count = 0, len = 0;

	for (; at && count < ARRAY_COUNT(chain); at = at->above) {
		if (at->name || at->above)
			chain[count++] = at;
	}
	to[0] = '\0';
	while (count-- > 0 && len < to_bytes) {
		int n = chain[count]->name ?
				snprintf(to + len, to_bytes - len, "%s%s", len ? "." : "", chain[count]->name) :
				snprintf(to + len, to_bytes - len, "[%zu]", chain[count]->index);

		len += n > 0 ? (size_t)n : 0;
	}
}

static COLD int bad(const struct at *at, struct err *err, const char *expected, yyjson_val *got)
{
	char path[200];

	path_text(at, path, sizeof(path));
	if (yyjson_is_str(got))
		return err_set(err, ERR_INVALID, "%s: expected %s, got \"%.100s\"", path, expected,
			       yyjson_get_str(got));
	if (yyjson_is_sint(got))
		return err_set(err, ERR_INVALID, "%s: expected %s, got %lld", path, expected,
			       (long long)yyjson_get_sint(got));
	if (yyjson_is_uint(got))
		return err_set(err, ERR_INVALID, "%s: expected %s, got %llu", path, expected,
			       (unsigned long long)yyjson_get_uint(got));
	return err_set(err, ERR_INVALID, "%s: expected %s, got %s", path[0] ? path : "document", expected,
		       yyjson_get_type_desc(got));
}

static int decode_string(const struct at *at, yyjson_val *val, const char **ret, struct err *err)
{
	if (!yyjson_is_str(val))
		return bad(at, err, "a string", val);
	if (strlen(yyjson_get_str(val)) != yyjson_get_len(val))
		return bad(at, err, "a string without NUL", val);
	*ret = yyjson_get_str(val);
	return 0;
}

static int check_count(const struct at *at, yyjson_val *val, struct err *err)
{
	char path[200];

	if (yyjson_get_len(val) <= FIELD_LIST_MAX)
		return 0;
	path_text(at, path, sizeof(path));
	return err_set(err, ERR_TOO_LARGE, "%s: more than %d entries", path, FIELD_LIST_MAX);
}

static int decode_strings(const struct at *at, yyjson_val *val, struct arena *arena, struct oci_strings *ret,
			  struct err *err)
{
	struct at item = { .above = at };
	yyjson_arr_iter iter;

	if (!yyjson_is_arr(val))
		return bad(at, err, "an array of strings", val);
	if (check_count(at, val, err) < 0)
		return -1;
	ret->count = yyjson_arr_size(val);
	ret->items = arena_array(arena, ret->count + 1, sizeof(char *));
	yyjson_arr_iter_init(val, &iter);
	for (; item.index < ret->count; item.index++) {
		if (decode_string(&item, yyjson_arr_iter_next(&iter), &ret->items[item.index], err) < 0)
			return -1;
	}
	return 0;
}

static int decode_map(const struct at *at, yyjson_val *val, struct arena *arena, struct oci_map *ret, struct err *err)
{
	struct at item = { .above = at };
	yyjson_obj_iter iter;
	yyjson_val *key;

	if (!yyjson_is_obj(val))
		return bad(at, err, "an object of strings", val);
	if (check_count(at, val, err) < 0)
		return -1;
	ret->items = arena_array(arena, yyjson_obj_size(val) + 1, sizeof(struct oci_pair));
	ret->count = 0;
	yyjson_obj_iter_init(val, &iter);
	while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
		struct oci_pair *pair = &ret->items[ret->count++];

		item.name = yyjson_get_str(key);
		if (decode_string(&item, key, &pair->key, err) < 0 ||
		    decode_string(&item, yyjson_obj_iter_get_val(key), &pair->value, err) < 0)
			return -1;
	}
	return 0;
}

static int decode_i64(const struct at *at, yyjson_val *val, const struct field *field, struct oci_i64 *ret,
		      struct err *err)
{
	if (!yyjson_is_int(val) || (yyjson_is_uint(val) && yyjson_get_uint(val) > INT64_MAX))
		return bad(at, err, "a whole number", val);
	ret->value = yyjson_get_sint(val);
	if (field->max && (ret->value > (int64_t)field->max || ret->value < -(int64_t)field->max - 1))
		return bad(at, err, "a smaller number", val);
	ret->is_set = true;
	return 0;
}

static int decode_u64(const struct at *at, yyjson_val *val, uint64_t max, uint64_t *ret, struct err *err)
{
	if (!yyjson_is_uint(val))
		return bad(at, err, "a whole number of at least 0", val);
	*ret = yyjson_get_uint(val);
	if (max && *ret > max)
		return bad(at, err, "a smaller number", val);
	return 0;
}

static int decode_u32s(const struct at *at, yyjson_val *val, struct arena *arena, struct oci_u32s *ret,
		       struct err *err)
{
	struct at item = { .above = at };
	yyjson_arr_iter iter;
	uint64_t value = 0;

	if (!yyjson_is_arr(val))
		return bad(at, err, "an array of numbers", val);
	if (check_count(at, val, err) < 0)
		return -1;
	ret->count = yyjson_arr_size(val);
	ret->items = arena_array(arena, ret->count + 1, sizeof(uint32_t));
	yyjson_arr_iter_init(val, &iter);
	for (; item.index < ret->count; item.index++) {
		if (decode_u64(&item, yyjson_arr_iter_next(&iter), UINT32_MAX, &value, err) < 0)
			return -1;
		ret->items[item.index] = (uint32_t)value;
	}
	return 0;
}

static int decode_enum(const struct at *at, yyjson_val *val, const struct field_name *names, int *ret, struct err *err)
{
	char expected[300] = "one of";
	size_t len = strlen(expected);

	for (const struct field_name *n = names; n->name && yyjson_is_str(val); n++) {
		if (yyjson_equals_str(val, n->name)) {
			*ret = n->value;
			return 0;
		}
	}
	for (const struct field_name *n = names; n->name && len < sizeof(expected); n++) {
		int put = snprintf(expected + len, sizeof(expected) - len, " %s", n->name);

		len += put > 0 ? (size_t)put : 0;
	}
	return bad(at, err, expected, val);
}

static int decode_object(const struct at *at, const struct field_table *table, yyjson_val *val, struct arena *arena,
			 char *ret, struct err *err);

static int decode_list(const struct at *at, const struct field_table *table, yyjson_val *val, struct arena *arena,
		       struct oci_list *ret, struct err *err)
{
	struct at item = { .above = at, .depth = at->depth };
	yyjson_arr_iter iter;

	if (!yyjson_is_arr(val))
		return bad(at, err, "an array", val);
	if (check_count(at, val, err) < 0)
		return -1;
	ret->count = yyjson_arr_size(val);
	ret->items = arena_array(arena, ret->count + 1, table->size_bytes);
	yyjson_arr_iter_init(val, &iter);
	for (; item.index < ret->count; item.index++) {
		if (decode_object(&item, table, yyjson_arr_iter_next(&iter), arena,
				  (char *)ret->items + item.index * table->size_bytes, err) < 0)
			return -1;
	}
	return 0;
}

static int decode_field(const struct at *at, const struct field *field, yyjson_val *val, struct arena *arena, void *to,
			struct err *err)
{
	char path[200];
	void *object;

	switch ((enum field_type)field->type) {
	case FIELD_STRING:
		return decode_string(at, val, to, err);
	case FIELD_BOOL:
		if (!yyjson_is_bool(val))
			return bad(at, err, "true or false", val);
		*(bool *)to = yyjson_get_bool(val);
		return 0;
	case FIELD_I64:
		return decode_i64(at, val, field, to, err);
	case FIELD_U64:
		((struct oci_u64 *)to)->is_set = true;
		return decode_u64(at, val, field->max, &((struct oci_u64 *)to)->value, err);
	case FIELD_STRINGS:
		return decode_strings(at, val, arena, to, err);
	case FIELD_MAP:
		return decode_map(at, val, arena, to, err);
	case FIELD_U32S:
		return decode_u32s(at, val, arena, to, err);
	case FIELD_ENUM:
		return decode_enum(at, val, field->with.names, to, err);
	case FIELD_OBJECT:
		object = arena_alloc(arena, field->with.sub->size_bytes);
		*(void **)to = object;
		return decode_object(at, field->with.sub, val, arena, object, err);
	case FIELD_LIST:
		return decode_list(at, field->with.sub, val, arena, to, err);
	case FIELD_RAW:
		*(yyjson_val **)to = val;
		return 0;
	case FIELD_REFUSED:
		path_text(at, path, sizeof(path));
		return err_set(err, ERR_UNSUPPORTED, "%s: %s", path, field->with.text);
	}
	UNREACHABLE();
	return -1;
}

/* Decoders of Go take a name in any case when there is none that is the same. A key passed over for
 * its case could be one that hides or limits something. */
static bool is_folded(yyjson_val *key, const char *name)
{
	return strlen(name) == yyjson_get_len(key) && strcasecmp(name, yyjson_get_str(key)) == 0;
}

yyjson_val *field_get(yyjson_val *object, const char *name)
{
	yyjson_val *found = yyjson_obj_get(object, name), *key;
	yyjson_obj_iter iter;

	if (found || !yyjson_is_obj(object))
		return found;
	yyjson_obj_iter_init(object, &iter);
	while (!found && (key = yyjson_obj_iter_next(&iter)) != NULL) {
		if (is_folded(key, name))
			found = yyjson_obj_iter_get_val(key);
	}
	return found;
}

static const struct field *find_field(const struct field_table *table, yyjson_val *key, size_t hint)
{
	size_t at = 0;

	/* Writers keep an order much like the specification's, so the row after the last hit is tried first. */
	if (table->fields[hint].name && yyjson_equals_str(key, table->fields[hint].name))
		return &table->fields[hint];
	for (; table->fields[at].name; at++) {
		if (yyjson_equals_str(key, table->fields[at].name))
			return &table->fields[at];
	}
	for (at = 0; table->fields[at].name; at++) {
		if (is_folded(key, table->fields[at].name))
			return &table->fields[at];
	}
	return NULL;
}

static int decode_object(const struct at *at, const struct field_table *table, yyjson_val *val, struct arena *arena,
			 char *ret, struct err *err)
{
	struct at here = { .above = at, .depth = at->depth + 1 };
	yyjson_obj_iter iter;
	yyjson_val *key;
	uint64_t seen = 0;
	size_t hint = 0;

	if (!yyjson_is_obj(val))
		return bad(at, err, "an object", val);
	if (here.depth > FIELD_DEPTH_MAX)
		return bad(at, err, "less nesting", val);
	yyjson_obj_iter_init(val, &iter);
	while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
		const struct field *field = find_field(table, key, hint);
		yyjson_val *value = yyjson_obj_iter_get_val(key);

		if (!field)
			continue;
		hint = (size_t)(field - table->fields) + 1;
		if (yyjson_is_null(value)) /* as encoders in Go write what is not there */
			continue;
		here.name = field->name;
		ASSERT(hint <= 64);
		seen |= UINT64_C(1) << (hint - 1);
		if (decode_field(&here, field, value, arena, ret + field->offset, err) < 0)
			return -1;
	}
	for (size_t i = 0; table->fields[i].name; i++) {
		if (table->fields[i].is_required && !(seen >> i & 1)) {
			char path[200];

			here.name = table->fields[i].name;
			path_text(&here, path, sizeof(path));
			return err_set(err, ERR_INVALID, "%s: required field is missing", path);
		}
	}
	return 0;
}

int field_decode(const struct field_table *table, yyjson_val *object, struct arena *arena, void *ret, struct err *err)
{
	struct at root = { 0 };

	memset(ret, 0, table->size_bytes);
	return decode_object(&root, table, object, arena, ret, err);
}
