/* SPDX-License-Identifier: Apache-2.0 */
/* The config.json that `cube-oci spec` prints: a shell in a terminal. */
#ifndef CUBE_OCI_DEFAULT_SPEC_H
#define CUBE_OCI_DEFAULT_SPEC_H

#include <stdbool.h>
#include <sys/types.h>
#include "base/attr.h"

/* Heap memory, pretty-printed. For rootless use ids are mapped to uid and gid. With cgroup v1 there is no cgroup
 * namespace in it, as in the other runtimes'. */
char *oci_default_spec(bool rootless, bool cgroup_v2, uid_t uid, gid_t gid) MUST_CHECK;

#endif
