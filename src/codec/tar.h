/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading tar: ustar, pax and GNU, with long names, extended attributes, sparse files of all GNU
 * forms and base-256 numbers. Written here, and not taken from libarchive, because names must come
 * out byte for byte whatever the locale: libarchive converts and normalises pax names. Pure: bytes
 * come from a function, nothing is created. Image layers are hostile; every size is bounded and
 * checked.
 */
#ifndef CUBE_CODEC_TAR_H
#define CUBE_CODEC_TAR_H

#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define TAR_PATH_BYTES_MAX 4095u
#define TAR_PAX_BYTES_MAX (1u << 20) /* of one extended header */
#define TAR_XATTRS_MAX 256u
#define TAR_SPARSE_PARTS_MAX 65536u
#define TAR_BLOCK_BYTES 512u

enum tar_type { TAR_FILE, TAR_DIR, TAR_SYMLINK, TAR_HARDLINK, TAR_CHAR, TAR_BLOCK, TAR_FIFO };

struct tar_xattr {
	struct str name, value;
};

struct tar_entry {
	enum tar_type type;
	struct str path;	 /* as written; no NUL inside, not empty; NUL behind */
	struct str link;	 /* target of links; NUL behind */
	int64_t size_bytes;	 /* of the file once unpacked; only TAR_FILE has a size */
	uint32_t mode, uid, gid; /* mode without the type's bits */
	int64_t mtime_seconds;
	uint32_t mtime_ns;
	uint32_t device_major, device_minor;
	const struct tar_xattr *xattrs;
	size_t xattr_count;
};

struct tar_part {
	int64_t offset, length;
};

struct tar_reader {
	/* Gives the next piece of the archive, borrowed until the next call; empty at the end. */
	int (*next)(void *arg, struct str *ret, struct err *err);
	void *arg;
	/* below: private */
	struct str piece;
	bool input_ended, ended;
	int64_t stored_left, padding_left; /* of the present entry's data in the archive */
	int64_t part_at;
	size_t part_index;
	bool is_sparse;
	struct buf path, link, pax, parts, xattrs, xattr_bytes;
	struct tar_entry entry;
};

void tar_init(struct tar_reader *t, int (*next)(void *arg, struct str *ret, struct err *err),
	      void *arg);
void tar_deinit(struct tar_reader *t);
/* 1 with an entry (borrowed until the next call), 0 at the archive's end. What is left of the last
 * entry is skipped. */
int tar_next(struct tar_reader *t, const struct tar_entry **ret, struct err *err) MUST_CHECK;
/* The entry's data: 1 with a piece that belongs at offset, 0 when all was given. Holes are left
 * out. */
int tar_data(struct tar_reader *t, int64_t *ret_offset, struct str *ret,
	     struct err *err) MUST_CHECK;
/* Reads what stands behind the end marker, so that whoever hashes the input has seen all of it. */
int tar_drain(struct tar_reader *t, struct err *err) MUST_CHECK;

#endif
