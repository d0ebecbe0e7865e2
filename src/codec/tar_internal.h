/* SPDX-License-Identifier: Apache-2.0 */
/* Between tar.c and tar_pax.c only. */
#ifndef CUBE_CODEC_TAR_INTERNAL_H
#define CUBE_CODEC_TAR_INTERNAL_H

#include "codec/tar.h"

struct tar_pax {
	int64_t size;	   /* stored; in: the header's own */
	int64_t real_size; /* of a sparse file */
	bool is_sparse, map_in_data, has_sparse_name;
};

int tar_read_stored(struct tar_reader *t, struct buf *to, size_t count, struct err *err) MUST_CHECK;
/* Applies the records in t->pax to the entry. */
int tar_pax_apply(struct tar_reader *t, struct tar_pax *pax, struct err *err) MUST_CHECK;
/* GNU 1.0: the sparse map stands before the data. Takes it off stored_left. */
int tar_pax_read_map(struct tar_reader *t, struct err *err) MUST_CHECK;

#endif
