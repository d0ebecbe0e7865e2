/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors handed to others: the pty's master, the seccomp listener. And the terminal of `run
 * -t` in the foreground. */
#ifndef CUBE_RUNTIME_CONSOLE_H
#define CUBE_RUNTIME_CONSOLE_H

#include "runtime/container.h"
#include "runtime/notify.h"
#include "runtime/seccomp.h"

int console_connect(const char *path, const char *field, struct err *err) MUST_CHECK; /* returns the socket */
int console_send(int sock, int master, struct err *err) MUST_CHECK;
int console_send_listener(const struct seccomp_program *program, const struct container *c, int listener,
			  struct err *err) MUST_CHECK;
/* Copies between our stdio and the master until the process of pidfd has ended; *ret_status as waitpid. With
 * master < 0 it only waits. Signals that arrive meanwhile go to the process; what it says of being ready goes to notify
 * (or NULL). */
int console_relay(int master, int pidfd, const struct notify *notify, int *ret_status, struct err *err) MUST_CHECK;

#endif
