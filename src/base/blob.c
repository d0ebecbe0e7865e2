/* SPDX-License-Identifier: Apache-2.0 */
/* Shared immutable bytes. The last reference frees them, and its other forms with them, on whichever thread that is. */
#include "base/blob.h"

#include "base/assert.h"
#include "base/mem.h"

struct blob *blob_alloc(size_t len)
{
	struct blob *b;

	ASSERT(len < UINT32_MAX);
	b = mem_alloc(sizeof(*b) + len + 1);
	atomic_init(&b->refs, 1);
	b->len = (uint32_t)len;
	b->held = 0;
	b->is_warm = false;
	b->is_foreign = false;
	b->parsed = NULL;
	b->parsed_free = NULL;
	b->recoded = NULL;
	b->bytes[len] = '\0';
	return b;
}

struct blob *blob_new(struct str bytes)
{
	struct blob *b = blob_alloc(bytes.len);

	if (bytes.len)
		memcpy(b->bytes, bytes.ptr, bytes.len);
	return b;
}

struct blob *blob_ref(struct blob *b)
{
	if (b)
		atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

static void drop_forms(struct blob *b)
{
	if (b->parsed && b->parsed_free)
		b->parsed_free(b->parsed);
	b->parsed = NULL;
	blob_unref(b->recoded);
	b->recoded = NULL;
}

void blob_unref(struct blob *b)
{
	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	drop_forms(b);
	mem_free(b);
}

void blob_forget(struct blob *b)
{
	if (b && !b->held)
		drop_forms(b);
}

bool blob_cool(struct blob *b)
{
	if (!b->is_warm)
		blob_forget(b);
	b->is_warm = false;
	return b->parsed || b->recoded;
}

void blob_unref_at(struct blob **b)
{
	blob_unref(*b);
}
