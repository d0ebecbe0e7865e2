/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Immutable bytes with a reference count, shared by the store, its caches, watchers and connections. A blob may carry
 * one lazily parsed form of itself and the same in another encoding, which live and are shared exactly as long as the
 * bytes. Counting is atomic; these forms are set and read by one loop only.
 */
#ifndef CUBE_BASE_BLOB_H
#define CUBE_BASE_BLOB_H

#include <stdatomic.h>
#include <stdint.h>
#include "base/str.h"

struct blob {
	atomic_uint refs;
	uint32_t len;
	void *parsed;                       /* NULL until someone parsed it */
	void (*parsed_free)(void *parsed);
	struct blob *recoded;               /* NULL until someone asked for it; one reference */
	char bytes[];                       /* len bytes, then NUL */
};

struct blob *blob_new(struct str bytes) MUST_CHECK;      /* copies; one reference */
struct blob *blob_alloc(size_t len) MUST_CHECK;          /* bytes to be filled before it is shared */
struct blob *blob_ref(struct blob *b);                   /* returns b; NULL is fine */
void blob_unref(struct blob *b);                         /* NULL is fine */
static inline struct str blob_str(const struct blob *b) { return (struct str){ b->bytes, b->len }; }

void blob_unref_at(struct blob **b);
#define AUTO_BLOB CLEANUP(blob_unref_at) struct blob *

#endif
