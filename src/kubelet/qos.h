/* SPDX-License-Identifier: Apache-2.0 */
/* From requests and limits to cgroup names and values, as upstream's kubelet computes them. Pure.
 */
#ifndef CUBE_KUBELET_QOS_H
#define CUBE_KUBELET_QOS_H

#include "kubelet/pod_runtime.h"
#include "kubelet/pod_spec.h"

uint64_t cpu_shares_of(int64_t milli) PURE; /* 1024 for a core, at least 2 */
int64_t cpu_quota_of(int64_t milli) PURE;   /* per 100 ms; 0 = none, at least 1 ms */
/* "/kubepods/burstable/pod<uid>" */
struct str pod_cgroup(const struct pod_spec *spec, struct arena *arena);
void pod_cgroup_resources(const struct pod_spec *spec, struct runtime_resources *ret);
/* node_memory_bytes is the capacity, for the OOM score of burstable pods. */
void container_cgroup_resources(const struct pod_spec *spec, const struct pod_container *c,
				int64_t node_memory_bytes, struct runtime_resources *ret);
/* What the scheduler counts: the sum of main containers and sidecars, or the largest init step. -1
 * fields become 0. */
void pod_requests(const struct pod_spec *spec, struct pod_resources *ret);

#endif
