/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo terminals. Functions return -errno. */
#ifndef CUBE_LINUX_TERMINAL_H
#define CUBE_LINUX_TERMINAL_H

#include <stdint.h>
#include <termios.h>
#include "base/attr.h"

/* Opens a new pty through this /dev/ptmx and its other end without looking at any path in /dev/pts. */
int terminal_open(int ptmx_fd_dir, const char *ptmx_path, int *ret_master, int *ret_slave) MUST_CHECK;
int terminal_resize(int fd, uint16_t rows, uint16_t columns) MUST_CHECK;
int terminal_copy_size(int from_fd, int to_fd) MUST_CHECK;
/* Makes it the controlling terminal of this session. */
int terminal_control(int slave_fd) MUST_CHECK;
/* A newline stays one: for who hands what is written on to another terminal, which does that. */
int terminal_keep_newlines(int fd) MUST_CHECK;
/* Raw mode; *ret_saved is what terminal_restore needs. */
int terminal_raw(int fd, struct termios *ret_saved) MUST_CHECK;
void terminal_restore(int fd, const struct termios *saved);

#endif
