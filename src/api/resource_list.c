/* SPDX-License-Identifier: Apache-2.0 */
/* Resource lists and what pods come to. */
#include "api/resource_list.h"

#include <stdlib.h>

#define RESOURCES_WITHOUT_SLOTS 16 /* a walk over so few is faster */

void resource_list_init(struct resource_list *list, struct arena *arena)
{
	*list = (struct resource_list){ .arena = arena };
}

static uint32_t *slot_of(const struct resource_list *list, struct str name)
{
	size_t mask = list->slot_count - 1, i = str_hash(name) & mask;

	while (list->slots[i] && !str_eq(list->items[list->slots[i] - 1].name, name))
		i = (i + 1) & mask;
	return &list->slots[i];
}

struct quantity *resource_list_get(const struct resource_list *list, struct str name)
{
	uint32_t found;

	if (list->slot_count) {
		found = *slot_of(list, name);
		return found ? &list->items[found - 1].quantity : NULL;
	}
	for (size_t i = 0; i < list->count; i++)
		if (str_eq(list->items[i].name, name))
			return &list->items[i].quantity;
	return NULL;
}

static void grow(struct resource_list *list)
{
	size_t room = list->room ? list->room * 2 : 8;
	struct resource_amount *items = arena_array(list->arena, room, sizeof(items[0]));

	if (list->count)
		memcpy(items, list->items, list->count * sizeof(items[0]));
	list->items = items;
	list->room = room;
	if (room <= RESOURCES_WITHOUT_SLOTS)
		return;
	list->slot_count = room * 4;
	list->slots = arena_array(list->arena, list->slot_count, sizeof(list->slots[0]));
	memset(list->slots, 0, list->slot_count * sizeof(list->slots[0]));
	for (size_t i = 0; i < list->count; i++)
		*slot_of(list, items[i].name) = (uint32_t)i + 1;
}

void resource_list_set(struct resource_list *list, struct str name, const struct quantity *q)
{
	struct quantity *found = resource_list_get(list, name);

	if (found) {
		*found = *q;
		return;
	}
	if (list->count == list->room)
		grow(list);
	if (list->slot_count)
		*slot_of(list, name) = (uint32_t)list->count + 1;
	list->items[list->count++] = (struct resource_amount){ name, *q };
}

void resource_list_add(struct resource_list *list, struct str name, const struct quantity *q)
{
	struct quantity *found = resource_list_get(list, name);

	if (found)
		quantity_add(found, q);
	else
		resource_list_set(list, name, q);
}

void resource_list_add_count(struct resource_list *list, struct str name, int64_t count)
{
	struct quantity q = quantity_of(count, QUANTITY_DECIMAL_SI);

	resource_list_add(list, name, &q);
}

/* For each name of other the larger of both. */
static void resource_list_max(struct resource_list *list, const struct resource_list *other)
{
	for (size_t i = 0; i < other->count; i++) {
		const struct resource_amount *item = &other->items[i];
		struct quantity *found = resource_list_get(list, item->name);

		if (!found || quantity_cmp(&item->quantity, found) > 0)
			resource_list_set(list, item->name, &item->quantity);
	}
}

void resource_list_sum(struct resource_list *list, const struct resource_list *other)
{
	for (size_t i = 0; i < other->count; i++)
		resource_list_add(list, other->items[i].name, &other->items[i].quantity);
}

void resource_list_read(struct resource_list *list, yyjson_val *object)
{
	JSON_MEMBERS (name, value, object) {
		struct quantity q;

		if (quantity_parse(json_str(value), &q, NULL) == 0)
			resource_list_add(list, json_str(name), &q);
	}
}

static int compare(const void *a, const void *b)
{
	return str_cmp(((const struct resource_amount *)a)->name,
		       ((const struct resource_amount *)b)->name);
}

struct str resource_list_text(const struct resource_list *list, const struct resource_list *among)
{
	struct resource_amount *sorted = arena_array(list->arena, list->count + 1,
						     sizeof(sorted[0]));
	struct str *parts = arena_array(list->arena, list->count + 1, sizeof(parts[0]));
	char text[QUANTITY_TEXT_BYTES];
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		if (!among || resource_list_get(among, list->items[i].name))
			sorted[count++] = list->items[i];
	qsort(sorted, count, sizeof(sorted[0]), compare);
	for (size_t i = 0; i < count; i++) {
		quantity_format(&sorted[i].quantity, text);
		parts[i] = str_printf_in(list->arena, STR_FMT "=%s", STR_ARG(sorted[i].name), text);
	}
	return str_join_in(list->arena, parts, count, STR(","));
}

/* --- pods --- */

static const char *const fields[] = {
	[POD_REQUESTS] = "resources.requests", [POD_LIMITS] = "resources.limits"
};

static void read_of(yyjson_val *object, enum pod_resource which, struct resource_list *ret,
		    struct arena *arena)
{
	resource_list_init(ret, arena);
	resource_list_read(ret, json_get(object, fields[which]));
}

static void add_init_containers(yyjson_val *pod_spec, enum pod_resource which,
				struct resource_list *ret)
{
	struct resource_list sidecars, largest, own;

	resource_list_init(&sidecars, ret->arena);
	resource_list_init(&largest, ret->arena);
	JSON_EACH (container, json_get(pod_spec, "initContainers")) {
		read_of(container, which, &own, ret->arena);
		if (str_eq_c(json_get_str(container, "restartPolicy"), "Always")) {
			resource_list_sum(ret, &own);
			resource_list_sum(&sidecars, &own);
			resource_list_max(&largest, &sidecars);
			continue;
		}
		resource_list_sum(&own, &sidecars);
		resource_list_max(&largest, &own);
	}
	resource_list_max(ret, &largest);
}

void pod_resources(yyjson_val *pod_spec, enum pod_resource which, struct resource_list *ret)
{
	struct resource_list own;

	JSON_EACH (container, json_get(pod_spec, "containers")) {
		read_of(container, which, &own, ret->arena);
		resource_list_sum(ret, &own);
	}
	add_init_containers(pod_spec, which, ret);
	read_of(pod_spec, which, &own, ret->arena);
	for (size_t i = 0; i < own.count; i++)
		resource_list_set(ret, own.items[i].name, &own.items[i].quantity);
	resource_list_init(&own, ret->arena);
	resource_list_read(&own, json_get(pod_spec, "overhead"));
	for (size_t i = 0; i < own.count; i++)
		/* overhead bounds only what is bounded */
		if (which == POD_REQUESTS || resource_list_get(ret, own.items[i].name))
			resource_list_add(ret, own.items[i].name, &own.items[i].quantity);
}
