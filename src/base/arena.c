/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks are chained newest first and grow with the arena, so that a small request costs one malloc and a large one
 * few. used_bytes counts what callers asked for (rounded up), over all blocks.
 */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>
#include "base/assert.h"
#include "base/mem.h"

#define BLOCK_FIRST_BYTES 2048
#define BLOCK_MAX_BYTES ((size_t)256 << 10)
#define ALIGN_BYTES 16

struct arena_block {
	struct arena_block *older;
	size_t used_bytes;
	size_t size_bytes;
	_Alignas(ALIGN_BYTES) char bytes[];
};

void arena_init(struct arena *a, size_t max_bytes)
{
	*a = (struct arena){ .max_bytes = max_bytes };
}

void arena_deinit(struct arena *a)
{
	while (a->block) {
		struct arena_block *older = a->block->older;

		mem_free(a->block);
		a->block = older;
	}
	a->used_bytes = 0;
}

void arena_reset(struct arena *a)
{
	while (a->block && a->block->older) {
		struct arena_block *older = a->block->older;

		mem_free(a->block);
		a->block = older;
	}
	if (a->block)
		a->block->used_bytes = 0;
	a->used_bytes = 0;
}

static void add_block(struct arena *a, size_t need_bytes)
{
	size_t size_bytes = a->block ? a->block->size_bytes * 2 : BLOCK_FIRST_BYTES;
	struct arena_block *block;

	if (size_bytes > BLOCK_MAX_BYTES)
		size_bytes = BLOCK_MAX_BYTES;
	if (size_bytes < need_bytes)
		size_bytes = need_bytes;
	block = mem_alloc(sizeof(*block) + size_bytes);
	block->older = a->block;
	block->used_bytes = 0;
	block->size_bytes = size_bytes;
	a->block = block;
}

void *arena_alloc(struct arena *a, size_t size_bytes)
{
	size_t rounded;
	void *ptr;

	ASSERT(size_bytes <= SIZE_MAX / 2);
	rounded = (size_bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
	ASSERT(rounded <= a->max_bytes && a->used_bytes <= a->max_bytes - rounded);
	if (!a->block || a->block->size_bytes - a->block->used_bytes < rounded)
		add_block(a, rounded);
	ptr = a->block->bytes + a->block->used_bytes;
	a->block->used_bytes += rounded;
	a->used_bytes += rounded;
	return memset(ptr, 0, rounded);
}

void *arena_array(struct arena *a, size_t count, size_t size_bytes)
{
	size_t total;

	ASSERT(!__builtin_mul_overflow(count, size_bytes, &total));
	return arena_alloc(a, total);
}
