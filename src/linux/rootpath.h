/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths inside a container's root, which its owner may have filled with hostile links. Resolution is openat2 with
 * RESOLVE_IN_ROOT and without magic links, so nothing outside root_fd is ever reached. Returns fds or -errno.
 */
#ifndef CUBE_LINUX_ROOTPATH_H
#define CUBE_LINUX_ROOTPATH_H

#include <sys/types.h>
#include "base/attr.h"

int rootpath_open(int root_fd, const char *path, int flags, mode_t mode) MUST_CHECK;
/* O_PATH of a folder that is reached without following any link; -ELOOP when there is one on the way. */
int rootpath_open_plain(int root_fd, const char *path) MUST_CHECK;
/* O_PATH of a folder, made with its parents where missing. */
int rootpath_make_dir(int root_fd, const char *path, mode_t mode) MUST_CHECK;
/* O_PATH of a regular file, made empty (with its folders) when missing. An existing thing of any
 * kind is returned as is. */
int rootpath_make_file(int root_fd, const char *path, mode_t mode) MUST_CHECK;
/* Opens the folder that holds the last component (made when missing) and points *ret_name at that component. */
int rootpath_parent(int root_fd, const char *path, const char **ret_name) MUST_CHECK;
/* "/proc/self/fd/N" for calls that take only paths. */
#define ROOTPATH_PROC_BYTES 32
const char *rootpath_proc(int fd, char to[ROOTPATH_PROC_BYTES]);

#endif
