/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bump allocation: one arena per request, reconcile or command run. Everything in it is freed at once. Memory is
 * cleared. arena_alloc past max_bytes aborts, so whoever reads input of unknown size checks it first.
 */
#ifndef CUBE_BASE_ARENA_H
#define CUBE_BASE_ARENA_H

#include <stddef.h>
#include "base/attr.h"

struct arena_block;

struct arena {
	struct arena_block *block;
	size_t used_bytes;
	size_t max_bytes;
};

#define ARENA_DEFAULT_MAX ((size_t)256 << 20)

void arena_init(struct arena *a, size_t max_bytes); /* allocates nothing until used */
void arena_deinit(struct arena *a);
void arena_reset(struct arena *a);                  /* keeps the first block */
void *arena_alloc(struct arena *a, size_t size_bytes);
void *arena_array(struct arena *a, size_t count, size_t size_bytes);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define AUTO_ARENA CLEANUP(arena_deinit) struct arena

#endif
