/* SPDX-License-Identifier: Apache-2.0 */
/* Id maps of a new user namespace and offsets of a new time namespace. */
#ifndef CUBE_RUNTIME_USERNS_H
#define CUBE_RUNTIME_USERNS_H

#include <sys/types.h>
#include "base/err.h"
#include "oci/spec.h"

/* Writes uid_map and gid_map of pid, through newuidmap and newgidmap where we may not do it ourselves. */
int userns_map(const struct oci_spec *spec, pid_t pid, struct err *err) MUST_CHECK;
/* With linux.timeOffsets the time namespace is made here, for the children to come, and its flag taken out. */
int userns_time_offsets(const struct oci_spec *spec, uint64_t *namespaces, struct err *err) MUST_CHECK;

#endif
