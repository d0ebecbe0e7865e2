/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container without a mount namespace of its own: what is mounted for it is mounted on the host, on top of one copy
 * of its root's tree, and goes with it. A link in the state folder says which mount that is, so that a killed runtime
 * leaves nothing that `delete --force` does not find.
 */
#ifndef CUBE_RUNTIME_HOST_ROOT_H
#define CUBE_RUNTIME_HOST_ROOT_H

#include "runtime/container.h"

int host_root_mount(const struct container *c, struct err *err) MUST_CHECK;
/* Nothing to do is fine. */
int host_root_unmount(const struct container *c, struct err *err) MUST_CHECK;
/* The calling process: its root becomes that of the container. */
int host_root_enter(int root_fd, struct err *err) MUST_CHECK;

#endif
