/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup around all containers of a pod: made with its limits before the sandbox, removed after it. On workers. */
#ifndef CUBE_CONTAINER_POD_CGROUP_H
#define CUBE_CONTAINER_POD_CGROUP_H

#include "container/spec.h"

int pod_cgroup_make(struct str path, const struct container_resources *resources, struct err *err) MUST_CHECK;
/* With what is beneath it; fine when it is gone. */
int pod_cgroup_remove(struct str path, struct err *err) MUST_CHECK;

#endif
