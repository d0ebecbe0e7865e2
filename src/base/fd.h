/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptors: ownership (AUTO_FD, fd_take), whole reads and writes, files replaced atomically, paths resolved
 * beneath a root with openat2. Every descriptor is opened close-on-exec.
 */
#ifndef CUBE_BASE_FD_H
#define CUBE_BASE_FD_H

#include <stdint.h>
#include <sys/types.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

void fd_close(int *fd);                    /* closes unless < 0 and sets -1; keeps errno */
#define AUTO_FD CLEANUP(fd_close) int
static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

int fd_read_exact(int fd, void *to, size_t size_bytes, struct err *err) MUST_CHECK;      /* ERR_CLOSED at early end */
int fd_write_all(int fd, const void *from, size_t size_bytes, struct err *err) MUST_CHECK;
int fd_set_nonblock(int fd, bool nonblock, struct err *err) MUST_CHECK;
int fd_set_cloexec(int fd, bool cloexec, struct err *err) MUST_CHECK;

/* The whole of a file, at most max_bytes (else ERR_TOO_LARGE), relative to dir_fd (AT_FDCWD for none), into an
 * initialised buf, whose content is replaced on success. */
int fd_read_file(int dir_fd, const char *path, size_t max_bytes, struct buf *ret, struct err *err) MUST_CHECK;
/* Writes beside the file, fsyncs when durable, renames over it: readers see the old or the new bytes, never a mix. */
int fd_replace_file(int dir_fd, const char *path, struct str bytes, mode_t mode, bool durable,
		    struct err *err) MUST_CHECK;
/* Whether the path leads to what the descriptor is open on: not when that was moved or removed. */
bool fd_is_at(int fd, int dir_fd, const char *path);
/* One write() of a short string to an existing file, as /proc and cgroup files want it. */
int fd_write_file(int dir_fd, const char *path, struct str bytes, struct err *err) MUST_CHECK;

/* openat2 with RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS: path cannot leave root_fd. flags get O_CLOEXEC. Returns the fd
 * or -1. */
int fd_open_beneath(int root_fd, const char *path, int flags, mode_t mode, struct err *err) MUST_CHECK;
/* mkdir -p; existing folders are fine. Modes apply to the folders made. */
int fd_make_dirs(int dir_fd, const char *path, mode_t mode, struct err *err) MUST_CHECK;
/* Removes a file or a whole tree without following links or crossing into other file systems; missing is fine. */
int fd_remove_tree(int dir_fd, const char *path, struct err *err) MUST_CHECK;
/* A memfd with these bytes, sealed against change, offset 0. Returns the fd or -1. */
int fd_sealed(const char *name, struct str bytes, struct err *err) MUST_CHECK;
/* Sends / receives up to fd_count descriptors with at least one byte over a unix socket. */
int fd_send_fds(int sock, struct str bytes, const int *fds, size_t fd_count, struct err *err) MUST_CHECK;
/* Returns bytes received (0 = closed). *ret_fd_count descriptors were received, all close-on-exec. */
ssize_t fd_recv_fds(int sock, void *to, size_t to_bytes, int *ret_fds, size_t fd_max, size_t *ret_fd_count,
		    struct err *err) MUST_CHECK;

#endif
