/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts by descriptor: whatever is mounted, and where, is named by an fd that was resolved before, so that no link can
 * be swapped in between. Needs Linux 5.12 (mount_setattr). Functions return -errno.
 */
#ifndef CUBE_LINUX_MOUNTS_H
#define CUBE_LINUX_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/attr.h"

/* What the option strings of one mount come to. */
struct mount_options {
	unsigned long flags;       /* MS_… for a new file system or a bind */
	unsigned long cleared;     /* MS_… that words like "rw" took away */
	uint64_t attr_set, attr_clear;             /* MOUNT_ATTR_… of this mount */
	uint64_t rec_attr_set, rec_attr_clear;     /* the recursive ones ("rro") */
	unsigned long propagation; /* MS_PRIVATE, … with or without MS_REC; 0 = leave */
	bool is_bind, is_recursive;
	bool copy_up;              /* "tmpcopyup" */
	bool idmap, idmap_recursive;
};
/* True when text is one of the generic mount options, which it adds to *options; false: it is file system data. */
bool mount_option_parse(const char *text, struct mount_options *options);
/* Each word it knows; NULL at the end. */
const char *mount_option_name(size_t index) PURE;
/* "private", "rslave", … → MS_… flags; 0 when unknown. */
unsigned long mount_propagation(const char *text) PURE;

/* New file system of this type on top of target_fd (O_PATH). */
int mount_fs(const char *type, const char *source, int target_fd, unsigned long flags, const char *options) MUST_CHECK;
/* A detached copy of the tree at dir_fd/path (path may be ""). Returns its fd. */
int mount_clone(int dir_fd, const char *path, bool recursive) MUST_CHECK;
/* A file system that is mounted nowhere yet. Returns its root's fd. */
int mount_detached(const char *type) MUST_CHECK;
int mount_attach(int tree_fd, int target_fd) MUST_CHECK;
/* *ret: the MS_… flags of the mount and its file system. */
int mount_flags(int tree_fd, unsigned long *ret) MUST_CHECK;
int mount_set(int tree_fd, bool recursive, uint64_t attr_set, uint64_t attr_clear) MUST_CHECK;
int mount_set_propagation(int tree_fd, unsigned long propagation) MUST_CHECK;
int mount_set_idmap(int tree_fd, bool recursive, int userns_fd) MUST_CHECK;
/* Makes root_fd (a mount point) the root and lets go of the old one. */
int mount_pivot(int root_fd) MUST_CHECK;

#endif
