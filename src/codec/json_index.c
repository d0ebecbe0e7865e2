/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing over borrowed keys; one allocation at most. */
#include "codec/json_index.h"

#include "base/assert.h"
#include "base/mem.h"
#include "codec/json.h"

static void allot(struct json_index *index, size_t count)
{
	size_t slots = 8;

	while (slots < count * 2)
		slots *= 2;
	index->slot_count = slots;
	if (slots <= JSON_INDEX_INLINE) {
		index->slots = index->inline_slots;
		memset(index->inline_slots, 0, slots * sizeof(index->inline_slots[0]));
	} else {
		index->slots = mem_calloc(slots, sizeof(index->slots[0]));
	}
}

void json_index_init(struct json_index *index, size_t count)
{
	index->count = 0;
	allot(index, count);
}

void json_index_deinit(struct json_index *index)
{
	if (index->slots && index->slots != index->inline_slots)
		mem_free(index->slots);
	index->slots = NULL;
}

static struct json_index_slot *slot_of(const struct json_index *index, struct str key,
				       uint64_t hash)
{
	size_t mask = index->slot_count - 1;

	for (size_t i = hash & mask, n = 0; n < index->slot_count; i = (i + 1) & mask, n++) {
		struct json_index_slot *slot = &index->slots[i];

		if (!slot->value || (slot->hash == hash && str_eq(slot->key, key)))
			return slot;
	}
	UNREACHABLE();
	return NULL;
}

void *json_index_get(const struct json_index *index, struct str key)
{
	return slot_of(index, key, str_hash(key))->value;
}

static void grow(struct json_index *index)
{
	struct json_index_slot inlined[JSON_INDEX_INLINE];
	struct json_index_slot *old = index->slots;
	size_t old_count = index->slot_count;

	if (old == index->inline_slots) {
		memcpy(inlined, old, old_count * sizeof(old[0]));
		old = inlined;
	}
	allot(index, index->count + 1);
	for (size_t i = 0; i < old_count; i++)
		if (old[i].value)
			*slot_of(index, old[i].key, old[i].hash) = old[i];
	if (old != inlined)
		mem_free(old);
}

void *json_index_add(struct json_index *index, struct str key, void *value)
{
	uint64_t hash = str_hash(key);
	struct json_index_slot *slot = slot_of(index, key, hash);

	if (slot->value)
		return slot->value;
	if ((index->count + 1) * 2 > index->slot_count) {
		grow(index);
		slot = slot_of(index, key, hash);
	}
	*slot = (struct json_index_slot){ .key = key, .hash = hash, .value = value };
	index->count++;
	return NULL;
}

void json_index_init_of(struct json_index *index, yyjson_val *list, const char *key)
{
	json_index_init(index, yyjson_arr_size(list));
	JSON_EACH (item, list)
		(void)json_index_add(index, key ? json_get_str(item, key) : json_str(item), item);
}

void json_index_init_of_mut(struct json_index *index, yyjson_mut_val *list, const char *key)
{
	json_index_init(index, yyjson_mut_arr_size(list));
	JSON_MUT_EACH (item, list)
		(void)json_index_add(index, key ? json_mut_get_str(item, key) : json_mut_str(item),
				     item);
}

void json_index_init_members(struct json_index *index, yyjson_val *object)
{
	json_index_init(index, yyjson_obj_size(object));
	JSON_MEMBERS (key, value, object)
		(void)json_index_add(index, json_str(key), value);
}

void json_index_init_members_mut(struct json_index *index, yyjson_mut_val *object)
{
	json_index_init(index, yyjson_mut_obj_size(object));
	JSON_MUT_MEMBERS (key, value, object)
		(void)json_index_add(index, json_mut_str(key), value);
}
