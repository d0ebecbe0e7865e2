/* SPDX-License-Identifier: Apache-2.0 */
/* Id maps of a new user namespace and offsets of a new time namespace. */
#ifndef CUBE_RUNTIME_USERNS_H
#define CUBE_RUNTIME_USERNS_H

#include <stdbool.h>
#include <sys/types.h>
#include "base/err.h"
#include "oci/spec.h"

/* We are root of a user namespace only, as under an engine that a user without privileges runs. */
bool userns_is_nested(void);
/* What a user without privileges can run: in a user namespace, with owners of mounts that are mapped in it. */
int userns_check_rootless(const struct oci_spec *spec, struct err *err) MUST_CHECK;
/* Writes uid_map and gid_map of pid, through newuidmap and newgidmap where we may not do it ourselves. */
int userns_map(const struct oci_spec *spec, pid_t pid, struct err *err) MUST_CHECK;
/* With linux.timeOffsets the time namespace is made here, for the children to come, and its flag taken out of
 * namespaces. Without privileges that is left to the child, in its user namespace: the flag moves to later. */
int userns_time_offsets(const struct oci_spec *spec, uint64_t *namespaces, uint64_t *later,
			struct err *err) MUST_CHECK;
/* There: makes the time namespace, with its offsets, and goes into it. Leaves the process dumpable. proc_fd: the host's
 * /proc. */
int userns_enter_time(const struct oci_spec *spec, int proc_fd, struct err *err) MUST_CHECK;

#endif
