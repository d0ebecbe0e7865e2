/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks of config.json: programs run at fixed points with the container's state on stdin. */
#ifndef CUBE_RUNTIME_HOOKS_H
#define CUBE_RUNTIME_HOOKS_H

#include "base/err.h"
#include "base/str.h"
#include "oci/spec.h"

struct hooks_occasion {
	const char *name;               /* "prestart" … */
	const char *cwd;                /* NULL: as is */
	const char *const *environment; /* of hooks without "env"; NULL: ours, as with runc and crun */
	struct str state;               /* for their stdin */
};

/* Runs each of a list of struct oci_hook in turn; the first that fails or takes longer than its timeout is an error. */
int hooks_run(const struct oci_list *hooks, const struct hooks_occasion *occasion, struct err *err) MUST_CHECK;

#endif
