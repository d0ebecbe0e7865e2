/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has used how much, for all who ask: /stats/summary and the pages of metrics. Values of
 * containers are those of the runtime's last reading, which asking renews; a container that was
 * never asked about has none yet.
 */
#include <unistd.h>

#include "kubelet/host_usage.h"
#include "kubelet/qos.h"
#include "kubelet/server.h"

#define PROC_BYTES_MAX ((size_t)1 << 20)

static void add_up(struct runtime_stats *total, const struct runtime_stats *s)
{
	total->wall_ns = s->wall_ns > total->wall_ns ? s->wall_ns : total->wall_ns;
	total->cpu_ns += s->cpu_ns;
	total->memory_bytes += s->memory_bytes;
	total->memory_working_set_bytes += s->memory_working_set_bytes;
	total->memory_rss_bytes += s->memory_rss_bytes;
	total->page_faults += s->page_faults;
	total->major_page_faults += s->major_page_faults;
}

void usage_of_pod(struct pod *pod, struct arena *arena, struct pod_usage *ret)
{
	struct pod_runtime *rt = pod->kubelet->runtime;

	*ret = (struct pod_usage){ .pod = pod,
				   .cgroup = pod_cgroup(&pod->spec, arena),
				   .containers = arena_array(arena, pod->spec.container_count,
							     sizeof(ret->containers[0])) };
	for (size_t i = 0; i < pod->spec.container_count; i++) {
		const struct run_state *state = &pod->state.containers[i];
		struct container_usage *c = &ret->containers[ret->count];

		if (state->phase != RUN_RUNNING ||
		    !rt->ops->stats(rt, str_from(state->id), &c->stats))
			continue;
		c->container = &pod->spec.containers[i];
		c->state = state;
		add_up(&ret->total, &c->stats);
		ret->count++;
	}
}

bool usage_of_node(struct kubelet *k, struct runtime_stats *ret)
{
	AUTO_BUF stat = { 0 }, meminfo = { 0 };

	buf_init(&stat, PROC_BYTES_MAX);
	buf_init(&meminfo, PROC_BYTES_MAX);
	*ret = (struct runtime_stats){ .wall_ns = env_wall_ns(k->env) };
	return env_read_file(k->env, "/proc/stat", PROC_BYTES_MAX, &stat, NULL) == 0 &&
	       env_read_file(k->env, "/proc/meminfo", PROC_BYTES_MAX, &meminfo, NULL) == 0 &&
	       host_usage_parse(buf_str(&stat), buf_str(&meminfo), sysconf(_SC_CLK_TCK), ret);
}
