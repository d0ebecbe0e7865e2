/* SPDX-License-Identifier: Apache-2.0 */
/* From requests and limits to cgroup names and values, as upstream's kubelet computes them. Pure.
 */
#ifndef CUBE_KUBELET_QOS_H
#define CUBE_KUBELET_QOS_H

#include "kubelet/pod_runtime.h"
#include "kubelet/pod_spec.h"

/* "/kubepods/burstable/pod<uid>" */
struct str pod_cgroup(const struct pod_spec *spec, struct arena *arena);
void pod_cgroup_resources(const struct pod_spec *spec, struct runtime_resources *ret);
/* node_memory_bytes is the capacity, for the OOM score of burstable pods. */
void container_cgroup_resources(const struct pod_spec *spec, const struct pod_container *c,
				int64_t node_memory_bytes, struct runtime_resources *ret);

#endif
