/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /stats/summary: cpu and memory of the node's pods, as metrics servers read it. Values are
 * those of the runtime's last reading, which asking renews.
 */
#include "base/time.h"
#include "codec/json.h"
#include "kubelet/server.h"

static void add_usage(yyjson_mut_doc *doc, yyjson_mut_val *to, const struct runtime_stats *s)
{
	char text[TIME_TEXT_BYTES];
	yyjson_mut_val *cpu = json_set_object(doc, to, "cpu"),
		       *memory = json_set_object(doc, to, "memory");

	json_set_str(doc, cpu, "time", str_from(time_format(s->wall_ns, text)));
	json_set_int(doc, cpu, "usageCoreNanoSeconds", (int64_t)s->cpu_ns);
	json_set_str(doc, memory, "time", str_from(time_format(s->wall_ns, text)));
	json_set_int(doc, memory, "usageBytes", (int64_t)s->memory_bytes);
	json_set_int(doc, memory, "workingSetBytes", (int64_t)s->memory_working_set_bytes);
	json_set_int(doc, memory, "rssBytes", (int64_t)s->memory_rss_bytes);
	json_set_int(doc, memory, "pageFaults", (int64_t)s->page_faults);
	json_set_int(doc, memory, "majorPageFaults", (int64_t)s->major_page_faults);
}

static void sum(struct runtime_stats *total, const struct runtime_stats *s)
{
	total->wall_ns = s->wall_ns > total->wall_ns ? s->wall_ns : total->wall_ns;
	total->cpu_ns += s->cpu_ns;
	total->memory_bytes += s->memory_bytes;
	total->memory_working_set_bytes += s->memory_working_set_bytes;
	total->memory_rss_bytes += s->memory_rss_bytes;
	total->page_faults += s->page_faults;
	total->major_page_faults += s->major_page_faults;
}

static void add_pod(yyjson_mut_doc *doc, yyjson_mut_val *list, struct pod *pod,
		    struct runtime_stats *node)
{
	struct pod_runtime *rt = pod->kubelet->runtime;
	yyjson_mut_val *p = json_append_object(doc, list), *ref = json_set_object(doc, p, "podRef"),
		       *containers, *c;
	struct runtime_stats total = { .wall_ns = 0 };
	char text[TIME_TEXT_BYTES];

	json_set_str(doc, ref, "name", pod->spec.name);
	json_set_str(doc, ref, "namespace", pod->spec.namespace_);
	json_set_str(doc, ref, "uid", pod->spec.uid);
	json_set_str(doc, p, "startTime", str_from(time_format(pod->state.start_ns, text)));
	containers = json_set_array(doc, p, "containers");
	for (size_t i = 0; i < pod->spec.container_count; i++) {
		const struct run_state *s = &pod->state.containers[i];
		struct runtime_stats usage;

		if (s->phase != RUN_RUNNING || !rt->ops->stats(rt, str_from(s->id), &usage))
			continue;
		c = json_append_object(doc, containers);
		json_set_str(doc, c, "name", pod->spec.containers[i].name);
		json_set_str(doc, c, "startTime", str_from(time_format(s->started_ns, text)));
		add_usage(doc, c, &usage);
		sum(&total, &usage);
	}
	if (total.wall_ns)
		add_usage(doc, p, &total);
	sum(node, &total);
}

void serve_stats_summary(struct server_request *r)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc),
		       *node = json_set_object(doc, root, "node"), *pods;
	struct runtime_stats total = { .wall_ns = 0 };
	size_t cursor = 0;
	struct str uid;
	void *value;
	AUTO_BUF body = { 0 };

	json_set_str(doc, node, "nodeName", r->kubelet->options.node_name);
	pods = json_set_array(doc, root, "pods");
	while (map_next(&r->kubelet->pods, &cursor, &uid, &value))
		add_pod(doc, pods, value, &total);
	if (total.wall_ns)
		add_usage(doc, node, &total);
	buf_init(&body, (size_t)64 << 20);
	json_mut_write(root, &body);
	http_respond_bytes(r->x, 200, STR("application/json"),
			   str_in(&r->x->arena, buf_str(&body)));
}
