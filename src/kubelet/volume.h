/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a pod's volumes on disk, and takes them away. Blocks; for workers. */
#ifndef CUBE_KUBELET_VOLUME_H
#define CUBE_KUBELET_VOLUME_H

#include "kubelet/volume_plan.h"

/* Idempotent: a second call brings changed contents in. err as the FailedMount event has it. */
int volumes_make(const struct volume_set *set, struct err *err) MUST_CHECK;
/* Unmounts and removes pod_dir with everything in it. Missing is fine. */
int volumes_clear(const char *pod_dir, struct err *err) MUST_CHECK;

#endif
