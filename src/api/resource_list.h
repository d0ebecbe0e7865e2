/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resource lists: names to quantities, as containers ask for them and quotas limit them. Names are
 * borrowed from whatever tree was read. Pure.
 */
#ifndef CUBE_API_RESOURCE_LIST_H
#define CUBE_API_RESOURCE_LIST_H

#include "codec/quantity.h"
#include "base/arena.h"
#include "codec/json.h"

struct resource_amount {
	struct str name;
	struct quantity quantity;
};

struct resource_list {
	struct arena *arena;
	struct resource_amount *items;
	size_t count, room;
	uint32_t *slots;   /* by the hash of the name 1 + the index of the item; 0: free */
	size_t slot_count; /* a power of two, more than twice the items; 0: few items, no slots */
};

void resource_list_init(struct resource_list *list, struct arena *arena);
/* NULL when it is not in the list. */
struct quantity *resource_list_get(const struct resource_list *list, struct str name);
void resource_list_set(struct resource_list *list, struct str name, const struct quantity *q);
void resource_list_add(struct resource_list *list, struct str name, const struct quantity *q);
void resource_list_add_count(struct resource_list *list, struct str name, int64_t count);
void resource_list_sum(struct resource_list *list, const struct resource_list *other);
/* A JSON object of quantities; what cannot be parsed is left out. */
void resource_list_read(struct resource_list *list, yyjson_val *object);
/* "cpu=1,memory=1Gi", by name; only the names that among has, unless it is NULL. */
struct str resource_list_text(const struct resource_list *list, const struct resource_list *among);

enum pod_resource { POD_REQUESTS, POD_LIMITS };
/* What a pod asks for or is limited to in all: its containers and sidecars, or its largest init
 * container with the sidecars started before it, or what its spec says of the pod as a whole; and
 * its overhead. */
void pod_resources(yyjson_val *pod_spec, enum pod_resource which, struct resource_list *ret);

#endif
