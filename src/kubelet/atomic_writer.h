/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that change all at once: the visible names are links through "..data", which is swapped
 * from one folder to the next by rename. A reader sees the old set or the new one. Blocks; for
 * workers.
 */
#ifndef CUBE_KUBELET_ATOMIC_WRITER_H
#define CUBE_KUBELET_ATOMIC_WRITER_H

#include "kubelet/volume_plan.h"

/* dir_fd holds nothing but what this function made. Paths were checked by volume_plan. group < 0 =
 * root's. *ret_changed (may be NULL): false when everything was so already. */
int atomic_write(int dir_fd, const struct volume_file *files, size_t file_count, int64_t group,
		 bool *ret_changed, struct err *err) MUST_CHECK;

#endif
