/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash table with open addressing and linear probing. A removed slot keeps a mark, so that later keys of its chain are
 * still found; growing drops the marks. At most three quarters of the slots are in use, marks included. The hash is
 * the same in each process: where strangers choose many keys, use the ordered map, which no choice of keys can slow.
 */
#include "base/map.h"

#include "base/assert.h"
#include "base/mem.h"

#define SLOTS_FIRST 8

struct map_slot {
	char *key; /* NULL: never used */
	size_t key_len;
	uint64_t hash;
	void *value; /* NULL: removed */
};

/* Stands for the key of a removed slot. */
static const char removed_key[1] = "";

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
}

void map_deinit(struct map *m)
{
	for (size_t i = 0; i < m->slot_count; i++) {
		if (m->slots[i].value)
			mem_free(m->slots[i].key);
	}
	mem_free(m->slots);
	map_init(m);
}

void map_deinit_values(struct map *m)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(m, &cursor, &key, &value))
		mem_free(value);
	map_deinit(m);
}

static struct map_slot *find(const struct map *m, struct str key, uint64_t hash)
{
	if (!m->slot_count)
		return NULL;
	for (size_t at = hash & (m->slot_count - 1);; at = (at + 1) & (m->slot_count - 1)) {
		struct map_slot *slot = &m->slots[at];

		if (!slot->key)
			return NULL;
		if (slot->value && slot->hash == hash && str_eq(str_sub(slot->key, slot->key_len), key))
			return slot;
	}
}

void *map_get(const struct map *m, struct str key)
{
	struct map_slot *slot = m->count ? find(m, key, str_hash(key)) : NULL;

	return slot ? slot->value : NULL;
}

static struct map_slot *free_slot(struct map_slot *slots, size_t slot_count, uint64_t hash)
{
	size_t at = hash & (slot_count - 1);

	while (slots[at].value)
		at = (at + 1) & (slot_count - 1);
	return &slots[at];
}

static void rehash(struct map *m)
{
	size_t slot_count = SLOTS_FIRST;
	struct map_slot *slots;

	while (slot_count < m->count * 2 + 2)
		slot_count *= 2;
	slots = mem_calloc(slot_count, sizeof(*slots));
	for (size_t i = 0; i < m->slot_count; i++) {
		if (m->slots[i].value)
			*free_slot(slots, slot_count, m->slots[i].hash) = m->slots[i];
	}
	mem_free(m->slots);
	m->slots = slots;
	m->slot_count = slot_count;
	m->used_count = m->count;
}

void *map_put(struct map *m, struct str key, void *value)
{
	uint64_t hash = str_hash(key);
	struct map_slot *slot = find(m, key, hash);

	ASSERT(value);
	if (slot) {
		void *replaced = slot->value;

		slot->value = value;
		return replaced;
	}
	if ((m->used_count + 1) * 4 > m->slot_count * 3)
		rehash(m);
	slot = free_slot(m->slots, m->slot_count, hash);
	m->used_count += !slot->key;
	m->count++;
	*slot = (struct map_slot){ .key = str_dup_c(key), .key_len = key.len, .hash = hash, .value = value };
	return NULL;
}

void *map_remove(struct map *m, struct str key)
{
	struct map_slot *slot = m->count ? find(m, key, str_hash(key)) : NULL;
	void *removed;

	if (!slot)
		return NULL;
	removed = slot->value;
	mem_free(slot->key);
	*slot = (struct map_slot){ .key = (char *)removed_key };
	m->count--;
	return removed;
}

bool map_next(const struct map *m, size_t *cursor, struct str *ret_key, void **ret_value)
{
	for (; *cursor < m->slot_count; (*cursor)++) {
		struct map_slot *slot = &m->slots[*cursor];

		if (!slot->value)
			continue;
		*ret_key = str_sub(slot->key, slot->key_len);
		*ret_value = slot->value;
		(*cursor)++;
		return true;
	}
	return false;
}
