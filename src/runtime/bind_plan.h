/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of the flags of a bind's source, by runc's reading of mount(8): without a flag among its options it
 * keeps all it has; with one, those that are not named are cleared, except the access times. Flags that a mount brought
 * into another user namespace are locked: there what is not named stays, and what is to be cleared is refused. Pure.
 */
#ifndef CUBE_RUNTIME_BIND_PLAN_H
#define CUBE_RUNTIME_BIND_PLAN_H

#include "base/err.h"
#include "linux/mounts.h"

struct bind_plan {
	uint64_t set, clear; /* MOUNT_ATTR_… */
};

/* present: the source's own MS_… flags; is_locked: they may not be weakened. */
int bind_plan(const struct mount_options *options, unsigned long present, bool is_locked, struct bind_plan *ret,
	      struct err *err) MUST_CHECK;

#endif
