/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Immutable bytes with a reference count, shared by the store, its caches, watchers and connections. A blob may carry
 * one lazily parsed form of itself and the same in another encoding, which are shared as the bytes are and
 * live no longer. Counting is atomic; these forms are set and read by one loop only,
 * and may be taken away between two of its turns (blob_cool) unless somebody holds them.
 */
#ifndef CUBE_BASE_BLOB_H
#define CUBE_BASE_BLOB_H

#include <stdatomic.h>
#include <stdint.h>
#include "base/str.h"

struct blob {
	atomic_uint refs;
	uint32_t len;
	uint32_t held;                      /* by so many the forms are used beyond the present turn of the loop */
	bool is_warm;                       /* whoever uses a form sets it; blob_cool clears it */
	bool is_foreign;                    /* another program wrote it: nobody here has checked it */
	void *parsed;                       /* NULL until someone parsed it */
	void (*parsed_free)(void *parsed);
	struct blob *recoded;               /* NULL until someone asked for it; one reference */
	char bytes[];                       /* len bytes, then NUL */
};

struct blob *blob_new(struct str bytes) MUST_CHECK;      /* copies; one reference */
struct blob *blob_alloc(size_t len) MUST_CHECK;          /* bytes to be filled before it is shared */
struct blob *blob_ref(struct blob *b);                   /* returns b; NULL is fine */
void blob_unref(struct blob *b);                         /* NULL is fine */
void blob_forget(struct blob *b);                        /* drops the forms unless they are held; NULL is fine */
/* The same when they have not been used since the last call. True when something of them is left. */
bool blob_cool(struct blob *b);
static inline struct str blob_str(const struct blob *b) { return (struct str){ b->bytes, b->len }; }

void blob_unref_at(struct blob **b);
#define AUTO_BLOB CLEANUP(blob_unref_at) struct blob *

#endif
