/* SPDX-License-Identifier: Apache-2.0 */
/* Between unpack.c and unpack_entry.c only. */
#ifndef CUBE_IMAGE_UNPACK_INTERNAL_H
#define CUBE_IMAGE_UNPACK_INTERNAL_H

#include "base/buf.h"
#include "codec/tar.h"
#include "image/unpack.h"

#define UNPACK_FOLDER_BYTES_MAX ((size_t)256 << 20)

struct unpacking {
	struct unpack *unpack;
	struct tar_reader tar;
	struct buf path, link;        /* cleaned, of the present entry */
	struct buf parent_path;
	int parent_fd;                /* the folder at parent_path; -1 when not open */
	struct buf folders;           /* folders whose times are set at the end: struct folder_times, path, NUL */
};

struct place {
	const char *name;             /* in parent_fd */
	bool folder_exists, was_whiteout;
};

int unpack_clean_path(struct str path, struct buf *to, struct err *err) MUST_CHECK;

/* Makes the entry at its place, with all its metadata. */
int unpack_make(struct unpacking *u, const struct tar_entry *e, const struct place *place, struct err *err) MUST_CHECK;
/* Metadata of a folder that is open. */
int unpack_folder_at(struct unpacking *u, const struct tar_entry *e, int fd, struct err *err) MUST_CHECK;
/* Sets the folders' times, once nothing more is put into them. */
int unpack_folder_times(struct unpacking *u, struct err *err) MUST_CHECK;

#endif
