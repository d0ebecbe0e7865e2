/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of kubelet/cm and kuberuntime: shares from requests, quota and limit from limits,
 * and pod-level values only where every container has one.
 */
#include "kubelet/qos.h"

#include "base/num.h"
#include "codec/json.h"

#define CPU_PERIOD_US 100000
#define CPU_QUOTA_MIN_US 1000
#define CPU_SHARES_MIN 2
#define CPU_SHARES_MAX 262144
#define OOM_GUARANTEED (-997)
#define OOM_BEST_EFFORT 1000

/* 1024 for a core, at least 2 */
static uint64_t cpu_shares_of(int64_t milli)
{
	int64_t shares = milli * 1024 / 1000;

	if (milli <= 0)
		return CPU_SHARES_MIN;
	shares = NUM_MAX(shares, INT64_C(0) + CPU_SHARES_MIN);
	return (uint64_t)NUM_MIN(shares, INT64_C(0) + CPU_SHARES_MAX);
}

/* per 100 ms; 0 = none, at least 1 ms */
static int64_t cpu_quota_of(int64_t milli)
{
	if (milli <= 0)
		return 0;
	return NUM_MAX(milli * CPU_PERIOD_US / 1000, INT64_C(0) + CPU_QUOTA_MIN_US);
}

struct str pod_cgroup(const struct pod_spec *spec, struct arena *arena)
{
	static const char *const parents[] = { "/besteffort", "/burstable", "" };

	return str_printf_in(arena, "/kubepods%s/pod" STR_FMT, parents[spec->qos],
			     STR_ARG(spec->uid));
}

static bool runs_for_long(const struct pod_container *c)
{
	return c->role == ROLE_MAIN || c->role == ROLE_SIDECAR;
}

/* What the scheduler counts: the sum of main containers and sidecars, or the largest init step. -1
 * fields become 0. */
static void pod_requests(const struct pod_spec *spec, struct pod_resources *ret)
{
	int64_t cpu = 0, memory = 0, storage = 0, sidecar_cpu = 0, sidecar_memory = 0, step_cpu = 0,
		step_memory = 0;

	for (size_t i = 0; i < spec->container_count; i++) {
		const struct pod_container *c = &spec->containers[i];
		int64_t c_cpu = NUM_MAX(c->resources.cpu_request_milli, INT64_C(0));
		int64_t c_memory = NUM_MAX(c->resources.memory_request_bytes, INT64_C(0));

		storage += runs_for_long(c)
				   ? NUM_MAX(c->resources.storage_request_bytes, INT64_C(0))
				   : 0;
		if (c->role == ROLE_SIDECAR) {
			sidecar_cpu += c_cpu;
			sidecar_memory += c_memory;
		} else if (c->role == ROLE_INIT) {
			step_cpu = NUM_MAX(step_cpu, sidecar_cpu + c_cpu);
			step_memory = NUM_MAX(step_memory, sidecar_memory + c_memory);
		} else if (c->role == ROLE_MAIN) {
			cpu += c_cpu;
			memory += c_memory;
		}
	}
	*ret = (struct pod_resources){
		.cpu_request_milli = NUM_MAX(cpu + sidecar_cpu, step_cpu),
		.memory_request_bytes = NUM_MAX(memory + sidecar_memory, step_memory),
		.storage_request_bytes = storage,
	};
}

void pod_cgroup_resources(const struct pod_spec *spec, struct runtime_resources *ret)
{
	int64_t cpu_limit = 0, memory_limit = 0;
	bool all_cpu = true, all_memory = true;
	struct pod_resources requests;

	pod_requests(spec, &requests);
	for (size_t i = 0; i < spec->container_count; i++) {
		const struct pod_container *c = &spec->containers[i];

		if (c->role == ROLE_EPHEMERAL)
			continue;
		all_cpu = all_cpu && c->resources.cpu_limit_milli > 0;
		all_memory = all_memory && c->resources.memory_limit_bytes > 0;
		if (!runs_for_long(c)) {
			cpu_limit = NUM_MAX(cpu_limit, c->resources.cpu_limit_milli);
			memory_limit = NUM_MAX(memory_limit, c->resources.memory_limit_bytes);
		}
	}
	*ret = (struct runtime_resources){ 0 };
	ret->cpu_shares = spec->qos == QOS_BEST_EFFORT ? CPU_SHARES_MIN
						       : cpu_shares_of(requests.cpu_request_milli);
	int64_t sum_cpu = 0, sum_memory = 0;
	for (size_t i = 0; i < spec->container_count; i++) {
		if (!runs_for_long(&spec->containers[i]))
			continue;
		sum_cpu += NUM_MAX(spec->containers[i].resources.cpu_limit_milli, INT64_C(0));
		sum_memory += NUM_MAX(spec->containers[i].resources.memory_limit_bytes, INT64_C(0));
	}
	if (spec->qos != QOS_BEST_EFFORT && all_cpu) {
		ret->cpu_quota_us = cpu_quota_of(NUM_MAX(sum_cpu, cpu_limit));
		ret->cpu_period_us = CPU_PERIOD_US;
	}
	if (spec->qos != QOS_BEST_EFFORT && all_memory)
		ret->memory_bytes = NUM_MAX(sum_memory, memory_limit);
}

static int oom_score_of(const struct pod_spec *spec, const struct pod_container *c,
			int64_t node_memory_bytes)
{
	int64_t request = NUM_MAX(c->resources.memory_request_bytes, INT64_C(0)), score;

	if (json_get_int(spec->json, "priority", 0) >= 2000000000 || spec->qos == QOS_GUARANTEED)
		return OOM_GUARANTEED;
	if (spec->qos == QOS_BEST_EFFORT || node_memory_bytes <= 0)
		return OOM_BEST_EFFORT;
	score = 1000 - (int64_t)((__int128)1000 * request / node_memory_bytes);
	if (score < 1000 + OOM_GUARANTEED)
		return 1000 + OOM_GUARANTEED;
	/* One below best effort, which is killed first. */
	return (int)(score == OOM_BEST_EFFORT ? score - 1 : score);
}

void container_cgroup_resources(const struct pod_spec *spec, const struct pod_container *c,
				int64_t node_memory_bytes, struct runtime_resources *ret)
{
	const struct pod_resources *r = &c->resources;

	*ret = (struct runtime_resources){
		.cpu_shares = cpu_shares_of(r->cpu_request_milli),
		.cpu_quota_us = cpu_quota_of(r->cpu_limit_milli),
		.cpu_period_us = r->cpu_limit_milli > 0 ? CPU_PERIOD_US : 0,
		.memory_bytes = NUM_MAX(r->memory_limit_bytes, INT64_C(0)),
		.memory_request_bytes = NUM_MAX(r->memory_request_bytes, INT64_C(0)),
		.has_oom_score_adj = true,
		.oom_score_adj = oom_score_of(spec, c, node_memory_bytes),
	};
}
