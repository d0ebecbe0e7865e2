/* SPDX-License-Identifier: Apache-2.0 */
/* GET /stats/summary: cpu and memory of the node and its pods, as metrics servers read it. */
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

static void add_pod(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct pod_usage *usage)
{
	const struct pod *pod = usage->pod;
	yyjson_mut_val *p = json_append_object(doc, list), *ref = json_set_object(doc, p, "podRef"),
		       *containers, *c;
	char text[TIME_TEXT_BYTES];

	json_set_str(doc, ref, "name", pod->spec.name);
	json_set_str(doc, ref, "namespace", pod->spec.namespace_);
	json_set_str(doc, ref, "uid", pod->spec.uid);
	json_set_str(doc, p, "startTime", str_from(time_format(pod->state.start_ns, text)));
	containers = json_set_array(doc, p, "containers");
	for (size_t i = 0; i < usage->count; i++) {
		c = json_append_object(doc, containers);
		json_set_str(doc, c, "name", usage->containers[i].container->name);
		json_set_str(doc, c, "startTime",
			     str_from(time_format(usage->containers[i].state->started_ns, text)));
		add_usage(doc, c, &usage->containers[i].stats);
	}
	if (usage->count)
		add_usage(doc, p, &usage->total);
}

static void add_node(yyjson_mut_doc *doc, yyjson_mut_val *root, struct kubelet *k)
{
	yyjson_mut_val *node = json_set_object(doc, root, "node");
	struct runtime_stats usage;

	json_set_str(doc, node, "nodeName", k->options.node_name);
	if (!usage_of_node(k, &usage))
		return;
	add_usage(doc, node, &usage);
	if ((uint64_t)k->options.memory_bytes > usage.memory_working_set_bytes)
		json_set_int(doc, json_mut_get(node, "memory"), "availableBytes",
			     k->options.memory_bytes - (int64_t)usage.memory_working_set_bytes);
}

void serve_stats_summary(struct server_request *r)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *pods;
	struct pod_usage usage;
	size_t cursor = 0;
	struct str uid;
	void *value;
	AUTO_BUF body = { 0 };

	add_node(doc, root, r->kubelet);
	pods = json_set_array(doc, root, "pods");
	while (map_next(&r->kubelet->pods, &cursor, &uid, &value)) {
		usage_of_pod(value, &r->x->arena, &usage);
		add_pod(doc, pods, &usage);
	}
	buf_init(&body, (size_t)64 << 20);
	json_mut_write(root, &body);
	http_respond_bytes(r->x, 200, STR("application/json"),
			   str_in(&r->x->arena, buf_str(&body)));
}
