/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacks one layer into a folder as overlayfs wants it: whiteouts become 0:0 character devices,
 * opaque folders get their attribute. Nothing in the archive can touch anything outside the folder:
 * every parent is resolved beneath it with openat2 and last components are never followed. On
 * worker threads.
 */
#ifndef CUBE_IMAGE_UNPACK_H
#define CUBE_IMAGE_UNPACK_H

#include <stdatomic.h>
#include <stdint.h>
#include "base/err.h"
#include "image/image.h"

struct unpack {
	int archive_fd; /* tar, plain or compressed */
	int root_fd;	/* folder to fill: O_RDONLY */
	/* Folders of the layers below, topmost first: a folder that this layer does not describe
	 * gets its owner and mode from there. May be none. */
	const int *below_fds;
	size_t below_count;
	const atomic_bool *cancel; /* or NULL */
	/* results */
	int64_t bytes; /* of regular files */
	uint64_t entries;
	char diff_id[IMAGE_DIGEST_BYTES];
	const char *compression; /* "", "gzip", "zstd" */
};

/* On failure root_fd's folder holds part of it; the caller removes it. */
int unpack_layer(struct unpack *unpack, struct err *err) MUST_CHECK;

#endif
