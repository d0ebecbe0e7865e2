/* SPDX-License-Identifier: Apache-2.0 */
/* Between import.c and archive.c only. */
#ifndef CUBE_IMAGE_ARCHIVE_INTERNAL_H
#define CUBE_IMAGE_ARCHIVE_INTERNAL_H

#include <stdatomic.h>
#include "image/content.h"
#include "image/image.h"

struct archive_source {
	int fd;                                /* can be read again from 0 */
	struct content *content;
	struct arena *arena;
	const atomic_bool *cancel;
	struct str reference;
	const struct oci_image_config *config;
};

struct archive_image {
	struct str manifest;                   /* digest; manifest, config and layers are in the content store */
	struct str_list names;                 /* as written; an array that may be changed */
};

int archive_read_images(struct archive_source *source, struct archive_image **ret, size_t *ret_count,
			struct err *err) MUST_CHECK;

#endif
