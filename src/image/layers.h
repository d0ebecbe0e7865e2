/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacked layers, in <dir>/layers/<hex of chain ID>/fs, shared by all images that have them. A folder of that name is
 * whole: it is unpacked beside and renamed. <dir>/l/<few digits> links to it, so that the lower folders of a hundred
 * layers fit into a page of mount options. On worker threads; two may unpack the same layer, one of them wins.
 */
#ifndef CUBE_IMAGE_LAYERS_H
#define CUBE_IMAGE_LAYERS_H

#include <stdatomic.h>
#include "base/arena.h"
#include "base/err.h"
#include "image/content.h"

struct layers {
	int layers_fd, links_fd;
	char *links_path;              /* absolute */
	atomic_uint next;
};

int layers_init(struct layers *l, int dir_fd, const char *dir_path, struct err *err) MUST_CHECK;
void layers_deinit(struct layers *l);

/* The chain ID of a layer upon `below` (empty for the first). OCI image-spec, "Layer ChainID". */
void layers_chain(struct str below, struct str diff_id, char ret[IMAGE_DIGEST_BYTES]);

struct layers_install {
	struct content *content;
	struct str blob;               /* digest in the content store */
	struct str diff_id;            /* what it must unpack to */
	const struct str *chains;      /* chain IDs bottom first; the last one is the layer's own */
	size_t chain_count;
	const atomic_bool *cancel;
};
/* Unpacks it unless it is there. */
int layers_install(struct layers *l, const struct layers_install *install, struct err *err) MUST_CHECK;
/* Absolute short path of an installed layer's folder, and its size. */
int layers_path(struct layers *l, struct str chain, struct arena *arena, struct str *ret_path, int64_t *ret_bytes,
		struct err *err) MUST_CHECK;
/* Removes layers, links and leftovers that keep() refuses. */
int layers_sweep(struct layers *l, bool (*keep)(void *arg, struct str chain), void *arg, struct err *err) MUST_CHECK;

#endif
