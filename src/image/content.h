/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs named by their sha256, in <dir>/sha256/<hex>. A blob that can be opened is whole and has
 * the digest of its name: it is written under <dir>/ingest and renamed once both digest and size
 * are right. Called on worker threads; several may write at once, also the same blob.
 *
 * Nothing is synced here: whoever makes a blob part of an image syncs the file system first, and
 * what no image names is removed at start-up.
 */
#ifndef CUBE_IMAGE_CONTENT_H
#define CUBE_IMAGE_CONTENT_H

#include <stdatomic.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "image/image.h"

struct content {
	int blobs_fd, ingest_fd;
	atomic_uint next;
};

/* dir is made when missing; what lies in its ingest folder is removed. */
int content_init(struct content *c, int dir_fd, const char *dir, struct err *err) MUST_CHECK;
void content_deinit(struct content *c);

bool content_has(const struct content *c, struct str digest);
/* Size, or -1 when it is not there. */
int64_t content_size(const struct content *c, struct str digest);
/* A descriptor for reading, or -1 with ERR_NOT_FOUND. */
int content_open(const struct content *c, struct str digest, struct err *err) MUST_CHECK;
/* Reads a small one whole and checks its digest again. */
int content_read(const struct content *c, struct str digest, size_t max_bytes, struct buf *ret,
		 struct err *err) MUST_CHECK;
int content_remove(const struct content *c, struct str digest, struct err *err) MUST_CHECK;

struct content_writer {
	const struct content *content;
	int fd; /* -1 when not writing */
	void *hash;
	int64_t size_bytes;
	char name[24];
};
int content_begin(struct content *c, struct content_writer *w, struct err *err) MUST_CHECK;
int content_write(struct content_writer *w, struct str bytes, struct err *err) MUST_CHECK;
/* want empty / size < 0: whatever it is. ret_digest may be NULL. On failure nothing stays. */
int content_commit(struct content_writer *w, struct str want, int64_t size_bytes,
		   char ret_digest[IMAGE_DIGEST_BYTES], struct err *err) MUST_CHECK;
void content_abort(struct content_writer *w); /* also after commit; for AUTO_CONTENT */
#define AUTO_CONTENT CLEANUP(content_abort) struct content_writer

/* Stores bytes that are at hand. */
int content_put(struct content *c, struct str bytes, char ret_digest[IMAGE_DIGEST_BYTES],
		struct err *err) MUST_CHECK;

/* sha256 by itself. */
void digest_of(struct str bytes, char ret[IMAGE_DIGEST_BYTES]);
void *digest_new(void);
void digest_add(void *hash, struct str bytes);
void digest_end(void *hash, char ret[IMAGE_DIGEST_BYTES]); /* frees it */
void digest_free(void *hash);

#endif
