/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted by what a toleration asks for; a taint is tolerated by one of six such wishes. */
#include "api/toleration.h"

#include <stdlib.h>

static int compare_wishes(const struct toleration *x, const struct toleration *y)
{
	int order = str_cmp(x->of.key, y->of.key);

	if (!order)
		order = x->exists - y->exists;
	if (!order)
		order = str_cmp(x->of.value, y->of.value);
	return order ? order : str_cmp(x->of.effect, y->of.effect);
}

static int compare(const void *a, const void *b)
{
	const struct toleration *x = a, *y = b;
	int order = compare_wishes(x, y);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

void toleration_set_read(struct toleration_set *set, yyjson_val *list, struct arena *arena)
{
	struct toleration *to;
	size_t i = 0;

	*set = (struct toleration_set){ .count = yyjson_arr_size(list) };
	if (!set->count)
		return;
	to = arena_array(arena, set->count, sizeof(*to));
	JSON_EACH (t, list) {
		bool exists = str_eq_c(json_get_str(t, "operator"), "Exists");

		to[i] = (struct toleration){ .of.key = json_get_str(t, "key"),
					     .of.effect = json_get_str(t, "effect"),
					     .exists = exists,
					     .index = i,
					     .seconds = json_get_int(t, "tolerationSeconds",
								     INT64_MAX) };
		if (!exists)
			to[i].of.value = json_get_str(t, "value");
		i++;
	}
	qsort(to, set->count, sizeof(*to), compare);
	set->items = to;
}

/* The first of those alike. */
static const struct toleration *find_wish(const struct toleration_set *set,
					  const struct toleration *wish)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_wishes(&set->items[middle], wish) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && compare_wishes(&set->items[low], wish) == 0 ? &set->items[low]
									       : NULL;
}

const struct toleration *toleration_set_find(const struct toleration_set *set,
					     const struct taint_words *taint)
{
	const struct toleration *first = NULL, *found;
	struct str effects[] = { taint->effect, STR("") };
	struct toleration wishes[] = {
		{ .of = { STR(""), STR(""), STR("") }, .exists = true },
		{ .of = { taint->key, STR(""), STR("") }, .exists = true },
		{ .of = { taint->key, taint->value, STR("") } },
	};

	for (size_t i = 0; i < ARRAY_COUNT(wishes) && set->count; i++)
		for (size_t j = 0; j < ARRAY_COUNT(effects); j++) {
			wishes[i].of.effect = effects[j];
			found = find_wish(set, &wishes[i]);
			if (found && (!first || found->index < first->index))
				first = found;
		}
	return first;
}

struct taint_words taint_words_of(yyjson_val *taint)
{
	return (struct taint_words){ json_get_str(taint, "key"), json_get_str(taint, "value"),
				     json_get_str(taint, "effect") };
}
