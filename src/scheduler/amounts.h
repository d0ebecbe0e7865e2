/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts of resources: what a pod asks for, what a node has and what of it is taken. Pure. */
#ifndef CUBE_SCHEDULER_AMOUNTS_H
#define CUBE_SCHEDULER_AMOUNTS_H

#include "base/arena.h"
#include "codec/json.h"
#include "scheduler/limits.h"

struct amount_scalar {
	struct str name;
	int64_t value;
};

struct amounts {
	int64_t cpu_milli, memory, ephemeral, pods;
	struct amount_scalar
		scalars[SCHEDULER_SCALARS_MAX]; /* names borrowed from whoever was read */
	size_t scalar_count;
};

/* A ResourceList. */
void amounts_read(yyjson_val *list, struct amounts *ret);
/* What a pod's spec asks for: the sum of its containers or the largest init container, and
 * overhead; at least one pod. */
void amounts_of_pod(yyjson_val *spec, struct amounts *ret);
/* The same with upstream's assumptions for containers that ask for nothing, as scores want it. */
void amounts_assumed(yyjson_val *spec, int64_t *ret_cpu_milli, int64_t *ret_memory);
int64_t amounts_scalar(const struct amounts *a, struct str name);
/* sign 1 or -1. Names that *to does not know yet are borrowed from a; names_in gets copies when it
 * is not NULL. */
void amounts_add(struct amounts *to, const struct amounts *a, int sign, struct arena *names_in);

#endif
