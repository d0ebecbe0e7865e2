/* SPDX-License-Identifier: Apache-2.0 */
/* What a value is to apply, and how the nodes of its set are named. */
#include "api/typed_internal.h"

void typed_walk_init(struct typed_walk *walk, struct arena *arena, struct err *err)
{
	*walk = (struct typed_walk){ .arena = arena, .err = err };
	buf_init(&walk->text, OBJECT_BYTES_MAX);
}

void typed_walk_deinit(struct typed_walk *walk)
{
	buf_deinit(&walk->text);
}

struct typed typed_root(struct schema_at at)
{
	yyjson_val *tree = schema_tree(at);

	return tree ? typed_tree_root(at, tree, false) : (struct typed){ .at = at };
}

static enum typed_form form_of_itself(yyjson_val *v)
{
	return yyjson_is_obj(v) ? TYPED_MAP : TYPED_LEAF;
}

/* The type that a STRUCT's fields are of. */
static struct schema_at type_of(struct typed t)
{
	return t.field ? schema_ref(t.at, t.field) : t.at;
}

static bool is_atomic(struct typed t)
{
	struct schema_at at = type_of(t);

	return (t.field && t.field->flags & SCHEMA_ATOMIC) ||
	       (at.type && at.type->flags & SCHEMA_ATOMIC);
}

static enum typed_form form_of_one(struct typed t, yyjson_val *v)
{
	switch ((enum schema_value)t.field->value) {
	case SCHEMA_OBJECT:
		return is_atomic(t) ? TYPED_LEAF : TYPED_STRUCT;
	case SCHEMA_RAW:
	case SCHEMA_ANY:
	case SCHEMA_OR_LIST:
	case SCHEMA_OR_BOOL:
	case SCHEMA_OR_STRINGS:
		return t.field->flags & SCHEMA_ATOMIC ? TYPED_LEAF : form_of_itself(v);
	default:
		return TYPED_LEAF;
	}
}

enum typed_form typed_form(struct typed t, yyjson_val *v)
{
	if (t.tree)
		return typed_tree_form(t.tree, v);
	if (!t.field)
		return !t.at.type ? form_of_itself(v) : is_atomic(t) ? TYPED_LEAF : TYPED_STRUCT;
	switch ((enum schema_shape)t.shape) {
	case SCHEMA_ONE:
		return form_of_one(t, v);
	case SCHEMA_LIST:
		return t.field->list == SCHEMA_LIST_SET	  ? TYPED_SET
		       : t.field->list == SCHEMA_LIST_MAP ? TYPED_KEYED
							  : TYPED_LEAF;
	case SCHEMA_MAP:
	case SCHEMA_MAP_OF_LISTS:
		return t.field->flags & SCHEMA_ATOMIC ? TYPED_LEAF : TYPED_MAP;
	case SCHEMA_LIST_OF_LISTS:
		break;
	}
	return TYPED_LEAF;
}

struct typed typed_member(struct typed t, enum typed_form form, struct str name, bool *ret_declared)
{
	struct schema_at at = type_of(t);
	const struct schema_field *field;

	*ret_declared = false;
	if (t.tree)
		return typed_tree_member(t, name, ret_declared);
	if (form == TYPED_STRUCT) {
		field = at.type ? schema_field(at, name) : NULL;
		*ret_declared = field != NULL;
		return field ? (struct typed){ .at = at, .field = field, .shape = field->shape }
			     : (struct typed){ .at = { at.set, NULL } };
	}
	if (!t.field || t.shape == SCHEMA_ONE)
		return (struct typed){ .at = { t.at.set, NULL } };
	return (struct typed){ .at = t.at,
			       .field = t.field,
			       .shape = t.shape == SCHEMA_MAP_OF_LISTS ? SCHEMA_LIST_OF_LISTS
								       : SCHEMA_ONE };
}

struct typed typed_item(struct typed t)
{
	yyjson_val *items = yyjson_obj_get(t.tree, "items");

	if (t.tree)
		return items ? typed_tree_root(t.at, items, t.is_open)
			     : (struct typed){ .at = { t.at.set, NULL } };
	return (struct typed){ .at = t.at, .field = t.field, .shape = SCHEMA_ONE };
}

bool typed_is_open(struct typed t, enum typed_form form)
{
	struct schema_at at = type_of(t);

	if (t.tree)
		return typed_tree_is_open(t);
	return form != TYPED_STRUCT || !at.type || at.type->flags & SCHEMA_PRESERVE ||
	       (t.field && t.field->flags & (SCHEMA_PRESERVE | SCHEMA_EMBEDDED));
}

enum typed_scalar typed_scalar(struct typed t)
{
	if (t.tree)
		return typed_tree_scalar(t.tree);
	if (!t.field || t.shape != SCHEMA_ONE)
		return TYPED_ANY;
	switch ((enum schema_value)t.field->value) {
	case SCHEMA_STRING:
	case SCHEMA_BYTES:
	case SCHEMA_TIME:
	case SCHEMA_MICROTIME:
	case SCHEMA_DURATION:
		return TYPED_TEXT;
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_DOUBLE:
		return TYPED_NUMBER;
	case SCHEMA_BOOL:
		return TYPED_BOOL;
	default:
		return TYPED_ANY;
	}
}

enum typed_form typed_form_to_check(struct typed t, yyjson_val *v)
{
	enum typed_form form = typed_form(t, v);

	if (t.tree)
		return typed_tree_form_to_check(t.tree, v);
	if (form != TYPED_LEAF || !t.field)
		return form;
	if (t.shape == SCHEMA_ONE && t.field->value == SCHEMA_OBJECT)
		return TYPED_STRUCT;
	return t.shape == SCHEMA_MAP || t.shape == SCHEMA_MAP_OF_LISTS ? TYPED_MAP : TYPED_LEAF;
}

bool typed_is_plain_list(struct typed t, yyjson_val *v)
{
	enum typed_form form = typed_form(t, v);
	struct str type = json_str(yyjson_obj_get(t.tree, "type"));

	if (typed_is_list(form))
		return false;
	if (t.tree)
		return type.len ? str_eq_c(type, "array") : yyjson_is_arr(v);
	return t.field && (t.shape == SCHEMA_LIST || t.shape == SCHEMA_LIST_OF_LISTS);
}

/* ---- what is replaced as a whole ---- */

static void write_atomics(struct typed t, yyjson_val *v, struct buf *path, struct buf *to)
{
	enum typed_form form = typed_form(t, v);
	size_t len = path->len, index = 0;

	if (form == TYPED_LEAF && yyjson_is_ctn(v)) {
		buf_put_c(to, to->len ? ", " : "");
		buf_put_str(to, buf_str(path));
		return;
	}
	JSON_EACH (item, typed_is_list(form) ? v : NULL) {
		buf_printf(path, "[%zu]", index++);
		write_atomics(typed_item(t), item, path, to);
		buf_truncate(path, len);
	}
	JSON_MEMBERS (key, value, typed_is_map(form) ? v : NULL) {
		bool declared;

		buf_printf(path, "." STR_FMT, STR_ARG(json_str(key)));
		write_atomics(typed_member(t, form, json_str(key), &declared), value, path, to);
		buf_truncate(path, len);
	}
}

void typed_write_atomics(struct typed t, yyjson_val *v, struct buf *to)
{
	AUTO_BUF path = { 0 };

	buf_init(&path, OBJECT_BYTES_MAX);
	write_atomics(t, v, &path, to);
}

/* ---- names ---- */

struct str typed_member_name(struct typed_walk *walk, struct str name)
{
	char *text = arena_alloc(walk->arena, name.len + 2);

	text[0] = 'f';
	text[1] = ':';
	if (name.len)
		memcpy(text + 2, name.ptr, name.len);
	return str_sub(text, name.len + 2);
}

size_t typed_keys(struct typed t, struct str keys[FIELD_SET_KEYS_MAX])
{
	struct str list;
	size_t count = 0;

	if (t.tree)
		return typed_tree_keys(t.tree, keys);
	list = schema_str(t.at.set, schema_extra(t.at, t.field)->list_keys);
	while (count < FIELD_SET_KEYS_MAX && str_next_part(&list, ',', &keys[count]))
		count++;
	return count;
}

static void sort_keys(struct str *keys, size_t count)
{
	size_t at;

	for (size_t i = 1; i < count; i++) {
		struct str key = keys[i];

		for (at = i; at && str_cmp(keys[at - 1], key) > 0; at--)
			keys[at] = keys[at - 1];
		keys[at] = key;
	}
}

/* What the schema gives a key that is missing; nothing: false. */
static bool write_key_default(struct typed t, struct str key, struct buf *to)
{
	struct schema_at at = t.tree ? t.at : schema_ref(t.at, t.field);
	const struct schema_field *field = at.type ? schema_field(at, key) : NULL;
	yyjson_val *value = t.tree ? typed_tree_key_default(t.tree, key) : NULL;

	if (value)
		json_write(value, to);
	if (t.tree)
		return value != NULL;
	if (!field || !(field->flags & SCHEMA_DEFAULT))
		return false;
	buf_put_str(to, schema_str(at.set, schema_extra(at, field)->default_json));
	return true;
}

static bool write_key_value(struct typed t, yyjson_val *item, struct str key, struct buf *to)
{
	yyjson_val *value = json_key(item, key);

	if (!value || yyjson_is_ctn(value))
		return write_key_default(t, key, to);
	if (yyjson_is_str(value))
		json_write_quoted(json_str(value), to);
	else
		json_write(value, to);
	return true;
}

struct str typed_item_name(struct typed_walk *walk, struct typed t, enum typed_form form,
			   yyjson_val *item)
{
	struct buf *text = &walk->text;
	struct str keys[FIELD_SET_KEYS_MAX];
	size_t count, given = 0;

	buf_reset(text);
	if (form == TYPED_SET) {
		if (yyjson_is_ctn(item))
			return STR_NONE;
		buf_put_c(text, "v:");
		json_write(item, text);
		return str_in(walk->arena, buf_str(text));
	}
	if (!yyjson_is_obj(item))
		return STR_NONE;
	count = typed_keys(t, keys);
	sort_keys(keys, count);
	buf_put_c(text, "k:{");
	for (size_t i = 0; i < count; i++) {
		size_t len = text->len;

		if (given)
			buf_put_char(text, ',');
		json_write_quoted(keys[i], text);
		buf_put_char(text, ':');
		if (write_key_value(t, item, keys[i], text))
			given++;
		else
			buf_truncate(text, len);
	}
	buf_put_char(text, '}');
	return given ? str_in(walk->arena, buf_str(text)) : STR_NONE;
}

/* ---- items ---- */

void typed_items_init(struct typed_items *items, struct typed_walk *walk, struct typed t,
		      enum typed_form form, yyjson_val *list)
{
	size_t count = yyjson_is_arr(list) ? yyjson_arr_size(list) : 0;

	items->names = arena_array(walk->arena, count + 1, sizeof(items->names[0]));
	items->items = arena_array(walk->arena, count + 1, sizeof(items->items[0]));
	items->count = 0;
	json_index_init(&items->index, count);
	JSON_EACH (item, list) {
		struct str name = typed_item_name(walk, t, form, item);

		items->names[items->count] = name;
		items->items[items->count++] = item;
		if (name.len)
			(void)json_index_add(&items->index, name, item);
	}
}

void typed_items_deinit(struct typed_items *items)
{
	json_index_deinit(&items->index);
}
