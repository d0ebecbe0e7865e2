/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and maps that expressions make. */
#include "base/num.h"
#include "cel/value_internal.h"

#define INDEX_MIN 8 /* entries of a map from which on it has an index */

static struct cel_value own_list(struct cel_frame *f, struct cel_items *items, size_t count)
{
	struct cel_list *list = cel_take_small(f, sizeof(*list));

	*list = (struct cel_list){ items, count };
	return (struct cel_value){
		.kind = CEL_LIST, .form = CEL_FORM_OWN, .list = list, .type = &cel_type_list_dyn
	};
}

static struct cel_items *new_items(struct cel_frame *f, size_t room)
{
	struct cel_items *items = cel_take_small(f, sizeof(*items));

	*items = (struct cel_items){ .values = cel_take(f, room * sizeof(struct cel_value)),
				     .room = room };
	return items->values || room == 0 ? items : NULL;
}

struct cel_value cel_list_new(struct cel_frame *f, size_t room)
{
	struct cel_items *items = new_items(f, room);

	return items ? own_list(f, items, 0) : cel_stopped(f->evaluation);
}

/* Memory that holds list's values in front and has room for more behind them: its own when it is
 * the newest. */
static struct cel_items *extend(struct cel_frame *f, struct cel_value list, size_t more)
{
	size_t count = cel_list_count(list);
	struct cel_items *items;
	struct cel_iterator it;
	struct cel_value key;

	if (list.form == CEL_FORM_OWN) {
		items = list.list->items;
		if (items->count == count && items->room - count >= more)
			return items;
	}
	items = new_items(f, NUM_MAX(count + more, 2 * count + 4));
	if (!items || !cel_iterate(list, &it))
		return NULL;
	while (items->count < count) {
		if (!cel_next(f, &it, &key, &items->values[items->count]))
			return NULL;
		items->count++;
	}
	return items;
}

struct cel_value cel_list_append(struct cel_frame *f, struct cel_value list, struct cel_value v)
{
	struct cel_items *items = extend(f, list, 1);

	if (!items)
		return cel_stopped(f->evaluation);
	items->values[items->count++] = v;
	return own_list(f, items, items->count);
}

struct cel_value cel_list_concat(struct cel_frame *f, struct cel_value a, struct cel_value b)
{
	size_t count = cel_list_count(b);
	struct cel_items *items;
	struct cel_iterator it;
	struct cel_value key;

	if (count == 0)
		return a;
	if (cel_list_count(a) == 0)
		return b;
	items = extend(f, a, count);
	if (!items || !cel_iterate(b, &it))
		return cel_stopped(f->evaluation);
	while (cel_next(f, &it, &key, &items->values[items->count]))
		items->count++;
	return f->evaluation->stopped ? cel_stopped(f->evaluation)
				      : own_list(f, items, items->count);
}

/* ---- maps ---- */

size_t cel_map_count(struct cel_value map)
{
	if (map.form == CEL_FORM_OWN)
		return map.map->count;
	return map.form == CEL_FORM_LOOKUP ? 0 : yyjson_get_len((yyjson_val *)(uintptr_t)map.json);
}

/* Keys that are equal have one form: whole numbers are int, or uint when they are larger. False: no
 * key. */
static bool normal_key(struct cel_value *key)
{
	if (key->kind == CEL_UINT && key->natural <= INT64_MAX)
		*key = cel_int((int64_t)key->natural);
	if (key->kind == CEL_DOUBLE) {
		if (key->real >= -0x1p63 && key->real < 0x1p63 &&
		    (double)(int64_t)key->real == key->real)
			*key = cel_int((int64_t)key->real);
		else if (key->real >= 0x1p63 && key->real < 0x1p64)
			*key = cel_make_uint((uint64_t)key->real);
	}
	return key->kind == CEL_BOOL || key->kind == CEL_INT || key->kind == CEL_UINT ||
	       key->kind == CEL_STRING;
}

static uint64_t hash_key(struct cel_value key)
{
	if (key.kind == CEL_STRING)
		return str_hash(cel_str(key));
	return ((uint64_t)key.kind + (key.kind == CEL_BOOL ? key.boolean : key.natural)) *
		       0x9e3779b97f4a7c15u >>
	       7;
}

static bool same_key(struct cel_value a, struct cel_value b)
{
	if (a.kind != b.kind)
		return false;
	if (a.kind == CEL_STRING)
		return str_eq(cel_str(a), cel_str(b));
	return a.kind == CEL_BOOL ? a.boolean == b.boolean : a.natural == b.natural;
}

static const struct cel_entry *find_entry(const struct cel_map *map, struct cel_value key,
					  uint64_t hash)
{
	const struct cel_entries *all = map->all;

	if (!all->index) {
		for (size_t i = 0; i < map->count; i++)
			if (all->entries[i].hash == hash && same_key(all->entries[i].key, key))
				return &all->entries[i];
		return NULL;
	}
	for (size_t i = hash & (all->index_count - 1); all->index[i];
	     i = (i + 1) & (all->index_count - 1)) {
		size_t at = all->index[i] - 1;

		if (at < map->count && all->entries[at].hash == hash &&
		    same_key(all->entries[at].key, key))
			return &all->entries[at];
	}
	return NULL;
}

bool cel_map_find(struct cel_frame *f, struct cel_value map, struct cel_value key,
		  struct cel_value *ret)
{
	const struct cel_entry *entry;

	if (!normal_key(&key))
		return false;
	if (map.form != CEL_FORM_OWN)
		return key.kind == CEL_STRING &&
		       cel_field_find(f, map, cel_str(key),
				      map.type->kind == CEL_MAP ? map.type->element : &cel_type_dyn,
				      ret);
	entry = find_entry(map.map, key, hash_key(key));
	if (entry)
		*ret = entry->value;
	return entry != NULL;
}

static struct cel_value own_map(struct cel_frame *f, struct cel_entries *all, size_t count)
{
	struct cel_map *map = cel_take_small(f, sizeof(*map));

	*map = (struct cel_map){ .all = all, .count = count };
	return (struct cel_value){
		.kind = CEL_MAP, .form = CEL_FORM_OWN, .map = map, .type = &cel_type_map_dyn
	};
}

struct cel_value cel_map_new(struct cel_frame *f, size_t room)
{
	struct cel_entries *all = cel_take_small(f, sizeof(*all));

	all->entries = cel_take(f, room * sizeof(*all->entries));
	all->room = room;
	return all->entries || room == 0 ? own_map(f, all, 0) : cel_stopped(f->evaluation);
}

static void index_entry(struct cel_entries *all, size_t at)
{
	size_t i = all->entries[at].hash & (all->index_count - 1);

	while (all->index[i])
		i = (i + 1) & (all->index_count - 1);
	all->index[i] = (uint32_t)at + 1;
}

static struct cel_entries *extend_map(struct cel_frame *f, const struct cel_map *map)
{
	struct cel_entries *all = map->all;
	struct cel_entries *larger;

	if (all->count == map->count && all->count < all->room)
		return all;
	larger = cel_take_small(f, sizeof(*larger));
	larger->room = 2 * map->count + 4;
	larger->entries = cel_take(f, larger->room * sizeof(*larger->entries));
	if (!larger->entries || !cel_work(f, map->count))
		return NULL;
	if (map->count > 0)
		memcpy(larger->entries, all->entries, map->count * sizeof(*larger->entries));
	larger->count = map->count;
	if (larger->room <= INDEX_MIN)
		return larger;
	for (larger->index_count = 16; larger->index_count < 2 * larger->room;)
		larger->index_count *= 2;
	larger->index = cel_take(f, larger->index_count * sizeof(*larger->index));
	for (size_t i = 0; larger->index && i < larger->count; i++)
		index_entry(larger, i);
	return larger->index ? larger : NULL;
}

struct cel_value cel_map_add(struct cel_frame *f, struct cel_value map, struct cel_value key,
			     struct cel_value v)
{
	struct cel_entries *all;
	uint64_t hash;

	if (key.kind == CEL_DOUBLE || !normal_key(&key))
		return cel_fail(f, "unsupported key type: %.*s", (int)cel_kind_name(key).len,
				cel_kind_name(key).ptr);
	hash = hash_key(key);
	if (find_entry(map.map, key, hash)) {
		AUTO_BUF text = { 0 };

		buf_init(&text, 512);
		if (key.kind == CEL_STRING)
			buf_put_str(&text, str_slice(cel_str(key), 0, 400));
		else
			buf_printf(&text, "%lld", (long long)key.integer);
		return cel_fail(f, "insert failed: key %s already exists", text.ptr);
	}
	all = extend_map(f, map.map);
	if (!all)
		return cel_stopped(f->evaluation);
	all->entries[all->count] = (struct cel_entry){ key, v, hash };
	if (all->index)
		index_entry(all, all->count);
	all->count++;
	return own_map(f, all, all->count);
}
