/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps a container from reaching the runtime's own program file through /proc/self/exe. */
#ifndef CUBE_RUNTIME_SELFEXE_H
#define CUBE_RUNTIME_SELFEXE_H

#include "base/err.h"

/*
 * The program file through another mount than it was executed from, which saves copying it; -1: not to be had. Who has
 * just been cloned into a new mount namespace finds one by the path it was executed as. In all other cases the parent
 * prepares one that is detached: closing that takes the kernel's time (synchronize_rcu_expedited).
 */
int selfexe_find(void) MUST_CHECK;
int selfexe_prepare(void) MUST_CHECK;

/*
 * Called by the child that is about to exec the container's program, while it still has all capabilities: moves this
 * process's program image into anonymous memory and makes /proc/self/exe an empty sealed file. ERR_UNSUPPORTED when the
 * kernel or a missing CAP_SYS_RESOURCE do not let it; then the caller decides.
 */
int selfexe_detach(int again_fd, struct err *err) MUST_CHECK;

#endif
