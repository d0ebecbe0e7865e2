/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks of config.json: programs run at fixed points with the container's state on stdin. */
#ifndef CUBE_RUNTIME_HOOKS_H
#define CUBE_RUNTIME_HOOKS_H

#include "base/err.h"
#include "base/str.h"
#include "oci/spec.h"

/* Runs each of a list of struct oci_hook in turn; the first that fails or takes longer than its timeout is an error.
 * The hook's working folder is cwd (NULL: as is). */
int hooks_run(const struct oci_list *hooks, const char *name, const char *cwd, struct str state,
	      struct err *err) MUST_CHECK;

#endif
