/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file's bytes, decompressed when they are gzip or zstd (told by their magic), with the sha256 of
 * what came out and a bound on how much more it may be than what went in. On worker threads.
 * Decompression is libarchive's.
 */
#ifndef CUBE_IMAGE_INFLATE_H
#define CUBE_IMAGE_INFLATE_H

#include <stdatomic.h>
#include "base/err.h"
#include "base/str.h"
#include "image/image.h"

struct inflate;

/* fd is read from its present offset and stays the caller's. cancel may be NULL: when it becomes
 * true, reading ends with ERR_CANCELLED. */
struct inflate *inflate_new(int fd, const atomic_bool *cancel) MUST_CHECK;
void inflate_free(struct inflate *in);
/* Next piece, empty at the end; fits tar_init(). Borrowed until the next call. */
int inflate_next(void *inflate, struct str *ret, struct err *err) MUST_CHECK;
/* Digest of all that came out; once, after the end. */
void inflate_digest(struct inflate *in, char ret[IMAGE_DIGEST_BYTES]);
/* "", "gzip" or "zstd"; known after the first piece. */
const char *inflate_compression(const struct inflate *in) PURE;
void inflate_free_at(struct inflate **in);
#define AUTO_INFLATE CLEANUP(inflate_free_at) struct inflate *

#endif
