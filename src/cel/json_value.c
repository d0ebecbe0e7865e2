/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as values, in place. yyjson's two kinds of trees have scalars alike and differ in how
 * containers are walked. Long arrays and large objects that are asked more than once get an index
 * in the evaluation's cache, so that no expression makes one walk for each step of another.
 */
#include "base/assert.h"
#include "codec/base64.h"
#include "cel/value_internal.h"

struct cel_value cel_decode_bytes(struct cel_frame *f, struct str base64)
{
	AUTO_BUF bytes = { 0 };
	struct cel_value v;

	buf_init(&bytes, base64.len + 4);
	if (base64_decode(base64, &bytes, NULL) < 0)
		return cel_fail(f, "failed to parse base64 string");
	v = cel_text(f, buf_str(&bytes));
	if (!cel_is_error(v))
		v.kind = CEL_BYTES;
	return v;
}

static struct cel_value from_string(struct cel_frame *f, struct str s, const struct cel_type *type)
{
	struct cel_value v = { .kind = CEL_STRING, .ptr = s.ptr, .len = s.len };

	if (!type->from_string)
		return v;
	if (type->kind == CEL_TIMESTAMP)
		return cel_parse_timestamp(s, &v) ? v
		       : f ? cel_fail(f, "failed to parse date " STR_FMT, STR_ARG(s))
			   : v;
	if (type->kind == CEL_DURATION) {
		int64_t ns;

		if (cel_parse_duration(s, &ns))
			return cel_make_duration(ns);
		return f ? cel_fail(f, "failed to parse duration " STR_FMT, STR_ARG(s)) : v;
	}
	if (type->kind == CEL_BYTES && f)
		return cel_decode_bytes(f, s);
	return v;
}

static struct cel_value from_number(yyjson_val *v, const struct cel_type *type)
{
	if (type->kind == CEL_DOUBLE)
		return cel_make_double(yyjson_get_num(v));
	if (yyjson_is_sint(v) || (yyjson_is_uint(v) && yyjson_get_uint(v) <= INT64_MAX))
		return cel_int(yyjson_get_sint(v));
	if (type->kind == CEL_INT && yyjson_is_real(v)) {
		double real = yyjson_get_real(v);

		if (real >= -0x1p63 && real < 0x1p63 && (double)(int64_t)real == real)
			return cel_int((int64_t)real);
	}
	return cel_make_double(yyjson_get_num(v));
}

static struct cel_value container(const void *json, bool mut, enum cel_kind kind,
				  const struct cel_type *type)
{
	return (struct cel_value){
		.kind = (uint8_t)kind,
		.form = mut ? CEL_FORM_JSON_MUT : CEL_FORM_JSON,
		.json = json,
		.type = type,
	};
}

/* The value of a JSON value whatever its mutability; what cannot be converted is an error. */
static struct cel_value cel_from_json(struct cel_frame *f, const void *json, bool mut,
				      const struct cel_type *type)
{
	yyjson_val *v = (yyjson_val *)(uintptr_t)
		json; /* scalars are alike in both kinds of trees */

	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_BOOL:
		return cel_bool(yyjson_get_bool(v));
	case YYJSON_TYPE_NUM:
		return from_number(v, type);
	case YYJSON_TYPE_STR:
		return from_string(f, str_sub(yyjson_get_str(v), yyjson_get_len(v)), type);
	case YYJSON_TYPE_ARR:
		return container(json, mut, CEL_LIST,
				 type->kind == CEL_LIST ? type
				 : type->unescapes	? &cel_type_list_escaped
							: &cel_type_list_dyn);
	case YYJSON_TYPE_OBJ:
		if (type->kind == CEL_OBJECT)
			return container(json, mut, CEL_OBJECT, type);
		return container(json, mut, CEL_MAP,
				 type->kind == CEL_MAP ? type
				 : type->unescapes     ? &cel_type_map_escaped
						       : &cel_type_map_dyn);
	default:
		return cel_null();
	}
}

struct cel_value cel_json(yyjson_val *v, const struct cel_type *type)
{
	return v ? cel_from_json(NULL, v, false, type) : cel_null();
}

struct cel_value cel_json_mut(yyjson_mut_val *v, const struct cel_type *type)
{
	return v ? cel_from_json(NULL, v, true, type) : cel_null();
}

/* ---- the cache ---- */

#define INDEX_ARRAY_MIN 8
#define INDEX_OBJECT_MIN 32
#define CACHE_SLOTS_FIRST 16

struct cache_entry {
	const void *json;
	const void **items; /* arrays: elements; objects: open addressing over keys, slot_count of
			       them */
	size_t slot_count;
};

struct cel_cache {
	struct cache_entry *entries;
	size_t slot_count, used_count;
};

static size_t hash_pointer(const void *ptr)
{
	uint64_t x = (uint64_t)(uintptr_t)ptr >> 3;

	x *= 0x9e3779b97f4a7c15u;
	return (size_t)(x >> 20);
}

static struct cache_entry *cache_slot(struct cel_cache *cache, const void *json)
{
	size_t i = hash_pointer(json) & (cache->slot_count - 1);

	while (cache->entries[i].json && cache->entries[i].json != json)
		i = (i + 1) & (cache->slot_count - 1);
	return &cache->entries[i];
}

static bool cache_grow(struct cel_frame *f, struct cel_cache *cache)
{
	struct cel_cache larger = { .slot_count = cache->slot_count ? 2 * cache->slot_count
								    : CACHE_SLOTS_FIRST };

	larger.entries = cel_take(f, larger.slot_count * sizeof(*larger.entries));
	if (!larger.entries)
		return false;
	for (size_t i = 0; i < cache->slot_count; i++)
		if (cache->entries[i].json)
			*cache_slot(&larger, cache->entries[i].json) = cache->entries[i];
	larger.used_count = cache->used_count;
	*cache = larger;
	return true;
}

/* The entry of json, new ones are empty; NULL when the evaluation was stopped. */
static struct cache_entry *cache_entry(struct cel_frame *f, const void *json)
{
	struct cel_cache *cache = f->evaluation->cache;
	struct cache_entry *entry;

	if (!cache)
		cache = f->evaluation->cache = cel_take_small(f, sizeof(*cache));
	if (2 * cache->used_count >= cache->slot_count && !cache_grow(f, cache))
		return NULL;
	entry = cache_slot(cache, json);
	if (!entry->json) {
		entry->json = json;
		cache->used_count++;
	}
	return entry;
}

/* ---- arrays ---- */

static const void *array_first(const void *json, bool mut)
{
	yyjson_val *array = (yyjson_val *)(uintptr_t)json;

	if (yyjson_get_len(array) == 0)
		return NULL;
	return mut ? (const void *)yyjson_mut_arr_get_first((yyjson_mut_val *)(uintptr_t)json)
		   : (const void *)yyjson_arr_get_first(array);
}

static const void *value_after(const void *json, bool mut)
{
	if (mut)
		return ((const yyjson_mut_val *)json)->next;
	return unsafe_yyjson_get_next((yyjson_val *)(uintptr_t)json);
}

static const void *array_at(struct cel_frame *f, const void *json, bool mut, size_t index)
{
	size_t count = yyjson_get_len((yyjson_val *)(uintptr_t)json);
	const void *item = array_first(json, mut);
	struct cache_entry *entry;

	if (index < INDEX_ARRAY_MIN) {
		while (index-- > 0)
			item = value_after(item, mut);
		return item;
	}
	entry = cache_entry(f, json);
	if (!entry)
		return NULL;
	if (!entry->items) {
		const void **items = cel_take(f, count * sizeof(*items));

		if (!items || !cel_work(f, count))
			return NULL;
		for (size_t i = 0; i < count; i++, item = value_after(item, mut))
			items[i] = item;
		entry->items = items;
	}
	return entry->items[index];
}

size_t cel_list_count(struct cel_value list)
{
	return list.form == CEL_FORM_OWN ? list.list->count
					 : yyjson_get_len((yyjson_val *)(uintptr_t)list.json);
}

struct cel_value cel_list_at(struct cel_frame *f, struct cel_value list, size_t i)
{
	bool mut = list.form == CEL_FORM_JSON_MUT;
	const void *json;

	if (list.form == CEL_FORM_OWN)
		return list.list->items->values[i];
	json = array_at(f, list.json, mut, i);
	return json ? cel_from_json(f, json, mut, list.type->element) : cel_stopped(f->evaluation);
}

/* ---- objects ---- */

static struct str key_text(const void *key)
{
	yyjson_val *v = (yyjson_val *)(uintptr_t)key;

	return str_sub(yyjson_get_str(v), yyjson_get_len(v));
}

/* First key; NULL when there is none. Behind each key stands its value. */
static const void *object_first(const void *json, bool mut)
{
	if (yyjson_get_len((yyjson_val *)(uintptr_t)json) == 0)
		return NULL;
	/* uni.ptr of a mutable object is its last key; the ring's next one is the first */
	return mut ? (const void *)((yyjson_mut_val *)((const yyjson_mut_val *)json)->uni.ptr)
			       ->next->next
		   : (const void *)unsafe_yyjson_get_first((yyjson_val *)(uintptr_t)json);
}

static const void *object_value(const void *key, bool mut)
{
	return mut ? (const void *)((const yyjson_mut_val *)key)->next
		   : (const void *)((const yyjson_val *)key + 1);
}

static const void *scan_object(const void *json, bool mut, struct str name)
{
	size_t count = yyjson_get_len((yyjson_val *)(uintptr_t)json);
	const void *key = object_first(json, mut);

	for (; count > 0; count--) {
		const void *value = object_value(key, mut);

		if (str_eq(key_text(key), name))
			return value;
		if (count > 1)
			key = value_after(value, mut);
	}
	return NULL;
}

static bool index_object(struct cel_frame *f, struct cache_entry *entry, const void *json, bool mut)
{
	size_t count = yyjson_get_len((yyjson_val *)(uintptr_t)json);
	const void *key = object_first(json, mut);
	size_t slot_count = 64;
	const void **slots;

	while (slot_count < 2 * count)
		slot_count *= 2;
	slots = cel_take(f, slot_count * sizeof(*slots));
	if (!slots || !cel_work(f, count))
		return false;
	for (; count > 0; count--) {
		size_t i = str_hash(key_text(key)) & (slot_count - 1);

		while (slots[i] && !str_eq(key_text(slots[i]), key_text(key)))
			i = (i + 1) & (slot_count - 1);
		if (!slots[i])
			slots[i] = key;
		if (count > 1)
			key = value_after(object_value(key, mut), mut);
	}
	entry->items = slots;
	entry->slot_count = slot_count;
	return true;
}

static const void *object_get(struct cel_frame *f, const void *json, bool mut, struct str name)
{
	struct cache_entry *entry;
	size_t i;

	if (yyjson_get_len((yyjson_val *)(uintptr_t)json) < INDEX_OBJECT_MIN)
		return scan_object(json, mut, name);
	entry = cache_entry(f, json);
	if (!entry || (!entry->items && !index_object(f, entry, json, mut)))
		return NULL;
	i = str_hash(name) & (entry->slot_count - 1);
	while (entry->items[i] && !str_eq(key_text(entry->items[i]), name))
		i = (i + 1) & (entry->slot_count - 1);
	return entry->items[i] ? object_value(entry->items[i], mut) : NULL;
}

bool cel_field_find(struct cel_frame *f, struct cel_value object, struct str json_name,
		    const struct cel_type *type, struct cel_value *ret)
{
	bool mut = object.form == CEL_FORM_JSON_MUT;
	const void *json;

	if (object.form == CEL_FORM_LOOKUP)
		return object.lookup->get(object.lookup, f->evaluation, json_name, ret);
	if (object.form == CEL_FORM_OWN)
		return cel_map_find(f, object, cel_string(json_name), ret);
	if (object.type->unescapes)
		(void)cel_unescape(f->evaluation->arena, json_name,
				   &json_name); /* as it is, else */
	json = object_get(f, object.json, mut, json_name);
	/* a member that the schema knows of and that is null is as good as absent */
	if (json && object.kind == CEL_OBJECT && object.type->fields &&
	    yyjson_is_null((yyjson_val *)(uintptr_t)json))
		return false;
	if (json)
		*ret = cel_from_json(f, json, mut, type);
	return json != NULL;
}

/* ---- iteration ---- */

bool cel_iterate(struct cel_value v, struct cel_iterator *ret)
{
	*ret = (struct cel_iterator){ .range = v };
	if (v.kind == CEL_LIST) {
		ret->count = cel_list_count(v);
		if (v.form != CEL_FORM_OWN)
			ret->json = array_first(v.json, v.form == CEL_FORM_JSON_MUT);
		return true;
	}
	if (v.kind != CEL_MAP && v.kind != CEL_OBJECT)
		return false;
	ret->count = cel_map_count(v);
	if (v.form == CEL_FORM_JSON || v.form == CEL_FORM_JSON_MUT)
		ret->json = object_first(v.json, v.form == CEL_FORM_JSON_MUT);
	return true;
}

/* What the value of a member is: of maps alike for all, of objects by name. */
static const struct cel_type *member_type(struct cel_frame *f, const struct cel_type *type,
					  struct str *name)
{
	const struct cel_field *field = NULL;
	struct str escaped;

	if (type->kind != CEL_OBJECT)
		return type->element;
	if (type->fields && cel_escape(f->evaluation->arena, *name, &escaped)) {
		*name = escaped;
		field = type->fields->find(type, escaped);
	}
	return field ? field->type : &cel_type_dyn;
}

bool cel_next(struct cel_frame *f, struct cel_iterator *it, struct cel_value *ret_key,
	      struct cel_value *ret_value)
{
	bool mut = it->range.form == CEL_FORM_JSON_MUT;
	const void *value;
	struct str name;

	if (it->at == it->count || !cel_work(f, 1))
		return false;
	if (it->range.form == CEL_FORM_OWN && it->range.kind == CEL_LIST) {
		*ret_key = cel_int((int64_t)it->at);
		*ret_value = it->range.list->items->values[it->at++];
	} else if (it->range.form == CEL_FORM_OWN) {
		*ret_key = it->range.map->all->entries[it->at].key;
		*ret_value = it->range.map->all->entries[it->at++].value;
	} else if (it->range.kind == CEL_LIST) {
		*ret_key = cel_int((int64_t)it->at);
		*ret_value = cel_from_json(f, it->json, mut, it->range.type->element);
		if (++it->at < it->count)
			it->json = value_after(it->json, mut);
	} else {
		name = key_text(it->json);
		value = object_value(it->json, mut);
		*ret_value = cel_from_json(f, value, mut, member_type(f, it->range.type, &name));
		*ret_key = cel_string(name);
		if (++it->at < it->count)
			it->json = value_after(value, mut);
	}
	return true;
}
