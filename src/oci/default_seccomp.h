/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp profile containers get when nothing else is said: the calls Docker's default profile
 * allows, some of them only together with a capability. All else fails with EPERM (clone3 with
 * ENOSYS, so that libraries fall back to clone).
 */
#ifndef CUBE_OCI_DEFAULT_SECCOMP_H
#define CUBE_OCI_DEFAULT_SECCOMP_H

#include "oci/spec.h"

/* capabilities: what the container's bounding set holds; NULL: everything is permitted. */
void oci_default_seccomp(const struct oci_capabilities *capabilities, struct arena *arena, struct oci_seccomp *ret);

#endif
