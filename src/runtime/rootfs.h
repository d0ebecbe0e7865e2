/* SPDX-License-Identifier: Apache-2.0 */
/* Rarer kinds of mounts, used by rootfs.c. */
#ifndef CUBE_RUNTIME_ROOTFS_H
#define CUBE_RUNTIME_ROOTFS_H

#include "linux/mounts.h"
#include "runtime/init.h"

/* Maps the ids of a detached tree: by the mount's own mappings, else by the container's user namespace. */
int rootfs_idmap(struct init *init, const struct oci_mount *m, int tree_fd, bool recursive, struct err *err) MUST_CHECK;
/* "tmpcopyup": a tmpfs that starts with a copy of what it hides. */
int rootfs_tmpfs_copy(int root_fd, const struct oci_mount *m, const struct mount_options *options, const char *text,
		      struct err *err) MUST_CHECK;

#endif
