/* SPDX-License-Identifier: Apache-2.0 */
/* Both maps against a plain array as the model, with keys that hold any byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include "base/map.h"
#include "base/mem.h"

#define KEYS 500
#define STEPS 20000

struct model {
	struct str keys[KEYS]; /* in order */
	void *values[KEYS];    /* NULL: absent */
	size_t count;
	uint32_t seed;
	char bytes[KEYS][8];
};

static uint32_t next(struct model *m)
{
	m->seed = m->seed * 1664525 + 1013904223;
	return m->seed >> 8;
}

static int by_key(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static struct model *model_new(uint32_t seed)
{
	struct model *m = NEW(struct model);

	m->seed = seed;
	for (uint32_t i = 0; i < KEYS; i++) {
		/* Distinct, of different lengths, full of NULs and high bytes; the first is empty. */
		size_t len = 3 + i % 5;

		m->bytes[i][0] = (char)(i % 2 ? 0 : 0xff);
		m->bytes[i][1] = (char)(i >> 8);
		m->bytes[i][2] = (char)i;
		m->keys[i] = str_sub(m->bytes[i], i == 0 ? 0 : len);
	}
	qsort(m->keys, KEYS, sizeof(m->keys[0]), by_key);
	return m;
}

/* A random change: *ret_key and the new value, NULL for removal. Returns the value before. */
static void *change(struct model *m, struct str *ret_key, void **ret_value)
{
	size_t i = next(m) % KEYS;
	void *before = m->values[i];

	*ret_key = m->keys[i];
	m->values[i] = *ret_value = next(m) % 3 ? &m->bytes[next(m) % KEYS] : NULL;
	m->count += (m->values[i] != NULL) - (before != NULL);
	return before;
}

static void test_map_model(void **state)
{
	/* The hash table must hold what was put last and nothing that was removed, through many rehashes. */
	struct model *m = model_new(1);
	struct map map;
	struct str key;
	void *value;

	map_init(&map);
	for (int step = 0; step < STEPS; step++) {
		void *before = change(m, &key, &value);

		assert_ptr_equal(value ? map_put(&map, key, value) : map_remove(&map, key), before);
		assert_int_equal(map.count, m->count);
		assert_ptr_equal(map_get(&map, key), value);
		if (step % 100 == 0) {
			size_t cursor = 0, seen = 0;

			for (size_t i = 0; i < KEYS; i++)
				assert_ptr_equal(map_get(&map, m->keys[i]), m->values[i]);
			while (map_next(&map, &cursor, &key, &value))
				seen++;
			assert_int_equal(seen, m->count);
		}
	}
	assert_true(map.slot_count <= 2048);
	map_deinit(&map);
	map_deinit(&map);
	mem_free(m);
}

static void test_map_remove_while_iterating(void **state)
{
	/* Removing the key just returned must neither skip nor repeat another. */
	struct map map;
	char text[16];
	struct str key;
	size_t cursor = 0, seen = 0;
	void *value;

	map_init(&map);
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "%d", i);
		assert_null(map_put(&map, str_from(text), &map));
	}
	while (map_next(&map, &cursor, &key, &value)) {
		assert_ptr_equal(map_remove(&map, key), &map);
		seen++;
	}
	assert_int_equal(seen, 1000);
	assert_int_equal(map.count, 0);
	assert_null(map_get(&map, STR("1")));
	map_deinit(&map);
}

struct walk {
	const struct model *m;
	size_t at, seen, stop_after;
	struct str prefix, from;
};

static bool on_walk(void *arg, struct str key, void *value)
{
	struct walk *w = arg;

	while (!w->m->values[w->at] || !str_has_prefix(w->m->keys[w->at], w->prefix) ||
	       str_cmp(w->m->keys[w->at], w->from) < 0)
		w->at++;
	assert_true(str_eq(key, w->m->keys[w->at]));
	assert_ptr_equal(value, w->m->values[w->at]);
	w->at++;
	return ++w->seen != w->stop_after;
}

static size_t model_count(const struct model *m, struct str prefix, struct str from)
{
	size_t count = 0;

	for (size_t i = 0; i < KEYS; i++)
		count += m->values[i] && str_has_prefix(m->keys[i], prefix) && str_cmp(m->keys[i], from) >= 0;
	return count;
}

static void check_order(const struct omap *map, struct model *m)
{
	const struct str prefixes[] = { STR_NONE, STR("\xff"), STR_INIT("\0"), STR("\xff\x01"), STR("absent"),
					m->keys[next(m) % KEYS] };
	size_t i = next(m) % KEYS, bound = i;
	struct str key;
	void *value;

	while (bound < KEYS && !m->values[bound])
		bound++;
	assert_int_equal(omap_at_least(map, m->keys[i], &key, &value), bound < KEYS);
	assert_true(bound == KEYS || str_eq(key, m->keys[bound]));
	bound = i + 1;
	while (bound < KEYS && !m->values[bound])
		bound++;
	assert_int_equal(omap_after(map, m->keys[i], &key, &value), bound < KEYS);
	assert_true(bound == KEYS || str_eq(key, m->keys[bound]));
	for (size_t k = 0; k < ARRAY_COUNT(prefixes); k++) {
		struct walk all = { .m = m, .prefix = prefixes[k] };
		struct walk part = { .m = m, .prefix = prefixes[k], .from = m->keys[i], .stop_after = 3 };
		size_t count = model_count(m, prefixes[k], m->keys[i]);

		omap_walk_prefix(map, prefixes[k], on_walk, &all);
		assert_int_equal(all.seen, model_count(m, prefixes[k], STR_NONE));
		omap_walk_range(map, m->keys[i], prefixes[k], on_walk, &part);
		assert_int_equal(part.seen, count < 3 ? count : 3);
	}
}

static void test_omap_model(void **state)
{
	/* The ordered map must hold what the model holds and walk it in bytewise order from any key and prefix. */
	struct model *m = model_new(2);
	struct omap map;
	struct str key;
	void *value;

	omap_init(&map);
	for (int step = 0; step < STEPS; step++) {
		void *before = change(m, &key, &value);

		assert_ptr_equal(value ? omap_put(&map, key, value) : omap_remove(&map, key), before);
		assert_int_equal(map.count, m->count);
		assert_ptr_equal(omap_get(&map, key), value);
		if (step % 50 == 0)
			check_order(&map, m);
	}
	omap_deinit(&map);
	omap_deinit(&map);
	mem_free(m);
}

static void test_omap_ascending(void **state)
{
	/* Keys that come in order, the usual case and the worst for a plain tree, must not make it deep. */
	struct omap map;
	char text[16];

	omap_init(&map);
	for (int i = 0; i < 200000; i++) {
		snprintf(text, sizeof(text), "%08d", i);
		assert_null(omap_put(&map, str_from(text), &map));
	}
	for (int i = 0; i < 200000; i += 7) {
		snprintf(text, sizeof(text), "%08d", i);
		assert_ptr_equal(omap_remove(&map, str_from(text)), &map);
	}
	assert_int_equal(map.count, 200000 - 28572);
	omap_deinit(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_model),
		cmocka_unit_test(test_map_remove_while_iterating),
		cmocka_unit_test(test_omap_model),
		cmocka_unit_test(test_omap_ascending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
