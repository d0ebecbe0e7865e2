/* SPDX-License-Identifier: Apache-2.0 */
/* Rarer kinds of mounts, used by rootfs.c. */
#ifndef CUBE_RUNTIME_ROOTFS_H
#define CUBE_RUNTIME_ROOTFS_H

#include "linux/mounts.h"
#include "runtime/init.h"

/* Of all mounts: what each option means; text gets those that are the file system's own. */
#define ROOTFS_OPTIONS_MAX 4096
int rootfs_options(const struct oci_mount *m, struct mount_options *options, char text[ROOTFS_OPTIONS_MAX],
		   struct err *err) MUST_CHECK;
/* bind.c: a detached copy of the source. Returns the descriptor. */
int bind_source(struct init *init, const struct oci_mount *m, const struct mount_options *options,
		struct err *err) MUST_CHECK;
int bind_set_flags(const struct init *init, const struct mount_options *options, int tree_fd,
		   struct err *err) MUST_CHECK;
/* Maps the ids of a detached tree: by the mount's own mappings, else by the container's user namespace. */
int rootfs_idmap(struct init *init, const struct oci_mount *m, int tree_fd, bool recursive, struct err *err) MUST_CHECK;
/* "tmpcopyup": a tmpfs that starts with a copy of what it hides. */
int rootfs_tmpfs_copy(int root_fd, const struct oci_mount *m, const struct mount_options *options, const char *text,
		      struct err *err) MUST_CHECK;

#endif
