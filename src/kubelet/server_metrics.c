/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics/resource (what metrics-server reads), /metrics/cadvisor (what dashboards of containers
 * read) and /metrics, in Prometheus' text form under upstream's names. A table says which figures
 * there are; what is measured nowhere here is not among them.
 */
#include "base/time.h"
#include "kubelet/server.h"
#include "kubelet/version.h"

#define METRICS_BYTES_MAX ((size_t)64 << 20)
#define NS_PER_MS 1000000

/* What one line is about: the node, a pod as a whole, or a container. */
enum subject_type { SUBJECT_NODE, SUBJECT_POD, SUBJECT_CONTAINER };

struct subject {
	enum subject_type type;
	const struct pod_usage *pod;	     /* NULL: the node */
	const struct container_usage *usage; /* of CONTAINER */
	const struct runtime_stats *stats;
};

struct metric {
	const char *name, *type, *help;
	unsigned subjects; /* bits of 1 << enum subject_type */
	double (*value)(const struct subject *s);
	const char *more_labels; /* behind the container's; may be NULL */
};

#define OF_NODE (1u << SUBJECT_NODE)
#define OF_PODS (1u << SUBJECT_POD)
#define OF_CONTAINERS (1u << SUBJECT_CONTAINER)

static double cpu_seconds(const struct subject *s)
{
	return (double)s->stats->cpu_ns / 1e9;
}

static double working_set(const struct subject *s)
{
	return (double)s->stats->memory_working_set_bytes;
}

static double usage_bytes(const struct subject *s)
{
	return (double)s->stats->memory_bytes;
}

static double rss_bytes(const struct subject *s)
{
	return (double)s->stats->memory_rss_bytes;
}

static double page_faults(const struct subject *s)
{
	return (double)s->stats->page_faults;
}

static double major_page_faults(const struct subject *s)
{
	return (double)s->stats->major_page_faults;
}

static double start_seconds(const struct subject *s)
{
	return (double)(s->usage ? s->usage->state->started_ns : s->pod->pod->state.start_ns) / 1e9;
}

static const struct metric resource_metrics[] = {
	{ "container_cpu_usage_seconds_total", "counter",
	  "[STABLE] Cumulative cpu time consumed by the container in core-seconds", OF_CONTAINERS,
	  cpu_seconds },
	{ "container_memory_working_set_bytes", "gauge",
	  "[STABLE] Current working set of the container in bytes", OF_CONTAINERS, working_set },
	{ "container_start_time_seconds", "gauge",
	  "[STABLE] Start time of the container since unix epoch in seconds", OF_CONTAINERS,
	  start_seconds },
	{ "node_cpu_usage_seconds_total", "counter",
	  "[STABLE] Cumulative cpu time consumed by the node in core-seconds", OF_NODE,
	  cpu_seconds },
	{ "node_memory_working_set_bytes", "gauge",
	  "[STABLE] Current working set of the node in bytes", OF_NODE, working_set },
	{ "pod_cpu_usage_seconds_total", "counter",
	  "[STABLE] Cumulative cpu time consumed by the pod in core-seconds", OF_PODS,
	  cpu_seconds },
	{ "pod_memory_working_set_bytes", "gauge",
	  "[STABLE] Current working set of the pod in bytes", OF_PODS, working_set },
};

static const struct metric container_metrics[] = {
	{ "container_cpu_usage_seconds_total", "counter",
	  "Cumulative cpu time consumed in seconds.", OF_PODS | OF_CONTAINERS, cpu_seconds,
	  "cpu=\"total\"" },
	{ "container_memory_failures_total", "counter",
	  "Cumulative count of memory allocation failures.", OF_PODS | OF_CONTAINERS, page_faults,
	  "failure_type=\"pgfault\",scope=\"container\"" },
	{ "container_memory_failures_total", NULL, NULL, OF_PODS | OF_CONTAINERS, major_page_faults,
	  "failure_type=\"pgmajfault\",scope=\"container\"" },
	{ "container_memory_rss", "gauge", "Size of RSS in bytes.", OF_PODS | OF_CONTAINERS,
	  rss_bytes },
	{ "container_memory_usage_bytes", "gauge",
	  "Current memory usage in bytes, including all memory regardless of when it was accessed",
	  OF_PODS | OF_CONTAINERS, usage_bytes },
	{ "container_memory_working_set_bytes", "gauge", "Current working set in bytes.",
	  OF_PODS | OF_CONTAINERS, working_set },
	{ "container_start_time_seconds", "gauge",
	  "Start time of the container since unix epoch in seconds.", OF_PODS | OF_CONTAINERS,
	  start_seconds },
};

struct page {
	struct buf *to;
	bool is_resource;
	struct subject *subjects;
	size_t count;
};

static void put_label(struct buf *to, const char *name, struct str value)
{
	if (to->ptr[to->len - 1] != '{' && to->ptr[to->len - 1] != ',')
		buf_put_char(to, ',');
	buf_printf(to, "%s=\"", name);
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] == '"' || value.ptr[i] == '\\')
			buf_put_char(to, '\\');
		buf_put_char(to, value.ptr[i]);
	}
	buf_put_char(to, '"');
}

static void put_labels(const struct page *page, const struct metric *m, const struct subject *s)
{
	const struct pod_spec *spec = s->pod ? &s->pod->pod->spec : NULL;
	struct buf *to = page->to;

	buf_printf(to, "%s", m->name);
	if (!spec)
		return;
	buf_put_char(to, '{');
	if (s->usage || !page->is_resource)
		put_label(to, "container", s->usage ? s->usage->container->name : STR(""));
	if (m->more_labels)
		buf_printf(to, ",%s", m->more_labels);
	if (!page->is_resource) {
		buf_printf(to, ",id=\"" STR_FMT "%s%s\"", STR_ARG(s->pod->cgroup),
			   s->usage ? "/" : "", s->usage ? s->usage->state->id : "");
		put_label(to, "image", s->usage ? s->usage->container->image : STR(""));
		put_label(to, "name", s->usage ? str_from(s->usage->state->id) : STR(""));
	}
	put_label(to, "namespace", spec->namespace_);
	put_label(to, "pod", spec->name);
	buf_put_char(to, '}');
}

static void put_head(struct buf *to, const char *name, const char *type, const char *help)
{
	buf_printf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_metrics(const struct page *page, const struct metric *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct metric *m = &rows[i];

		if (m->help)
			put_head(page->to, m->name, m->type, m->help);
		for (size_t j = 0; j < page->count; j++) {
			const struct subject *s = &page->subjects[j];

			if (!(m->subjects & 1u << s->type))
				continue;
			put_labels(page, m, s);
			buf_printf(page->to, " %.17g %lld\n", m->value(s),
				   (long long)(s->stats->wall_ns / NS_PER_MS));
		}
	}
}

static void add_pod(struct page *page, struct pod *pod, struct arena *arena)
{
	struct pod_usage *usage = ARENA_NEW(arena, struct pod_usage);

	usage_of_pod(pod, arena, usage);
	if (!usage->count)
		return;
	page->subjects[page->count++] = (struct subject){ .type = SUBJECT_POD,
							  .pod = usage,
							  .stats = &usage->total };
	for (size_t i = 0; i < usage->count; i++)
		page->subjects[page->count++] = (struct subject){
			.type = SUBJECT_CONTAINER,
			.pod = usage,
			.usage = &usage->containers[i],
			.stats = &usage->containers[i].stats
		};
}

static void collect(struct page *page, struct kubelet *k, struct arena *arena)
{
	struct runtime_stats *node = ARENA_NEW(arena, struct runtime_stats);
	size_t cursor = 0, count = 1;
	struct str uid;
	void *value;

	while (map_next(&k->pods, &cursor, &uid, &value))
		count += 1 + ((struct pod *)value)->spec.container_count;
	page->subjects = arena_array(arena, count, sizeof(page->subjects[0]));
	if (usage_of_node(k, node))
		page->subjects[page->count++] = (struct subject){ .type = SUBJECT_NODE,
								  .stats = node };
	for (cursor = 0; map_next(&k->pods, &cursor, &uid, &value);)
		add_pod(page, value, arena);
}

void metrics_write_resource(struct kubelet *k, struct arena *arena, struct buf *to)
{
	struct page page = { .to = to, .is_resource = true };

	collect(&page, k, arena);
	put_metrics(&page, resource_metrics, ARRAY_COUNT(resource_metrics));
	put_head(to, "resource_scrape_error", "gauge",
		 "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise");
	buf_put_c(to, "resource_scrape_error 0\n");
}

void metrics_write_containers(struct kubelet *k, struct arena *arena, struct buf *to)
{
	struct page page = { .to = to };

	collect(&page, k, arena);
	put_metrics(&page, container_metrics, ARRAY_COUNT(container_metrics));
	put_head(to, "machine_cpu_cores", "gauge", "Number of logical CPU cores.");
	buf_printf(to, "machine_cpu_cores %lld\n", (long long)k->options.cpu_milli / 1000);
	put_head(to, "machine_memory_bytes", "gauge", "Amount of memory installed on the machine.");
	buf_printf(to, "machine_memory_bytes %lld\n", (long long)k->options.memory_bytes);
}

/* --- of the kubelet itself --- */

static const struct {
	enum run_phase phase;
	const char *name;
} states[] = { { RUN_STARTING, "created" }, { RUN_EXITED, "exited" }, { RUN_RUNNING, "running" } };

static size_t count_containers(struct kubelet *k, enum run_phase phase)
{
	size_t cursor = 0, count = 0;
	struct str uid;
	void *value;

	while (map_next(&k->pods, &cursor, &uid, &value)) {
		const struct pod *pod = value;

		for (size_t i = 0; i < pod->spec.container_count; i++)
			count += pod->state.containers[i].phase == phase;
	}
	return count;
}

static size_t count_running_pods(struct kubelet *k)
{
	size_t cursor = 0, count = 0;
	struct str uid;
	void *value;

	while (map_next(&k->pods, &cursor, &uid, &value))
		count += ((struct pod *)value)->state.sandbox.phase == SANDBOX_READY;
	return count;
}

void metrics_write_kubelet(struct kubelet *k, struct buf *to)
{
	put_head(to, "kubelet_node_name", "gauge",
		 "[ALPHA] The node's name. The count is always 1.");
	buf_printf(to, "kubelet_node_name{node=\"" STR_FMT "\"} 1\n",
		   STR_ARG(k->options.node_name));
	put_head(to, "kubelet_running_containers", "gauge",
		 "[ALPHA] Number of containers currently running");
	for (size_t i = 0; i < ARRAY_COUNT(states); i++)
		buf_printf(to, "kubelet_running_containers{container_state=\"%s\"} %zu\n",
			   states[i].name, count_containers(k, states[i].phase));
	put_head(to, "kubelet_running_pods", "gauge",
		 "[ALPHA] Number of pods that have a running pod sandbox");
	buf_printf(to, "kubelet_running_pods %zu\n", count_running_pods(k));
	put_head(to, "kubernetes_build_info", "gauge",
		 "[ALPHA] A metric with a constant '1' value labeled by major, minor, git version, "
		 "git commit, git tree state, build date, Go version, and compiler from which "
		 "Kubernetes was built, and platform on which it is running.");
	buf_printf(to, "kubernetes_build_info{git_version=\"" KUBELET_KUBERNETES_VERSION
		       "\",major=\"" KUBERNETES_MAJOR "\",minor=\"" KUBERNETES_MINOR "\"} 1\n");
}

/* --- serving --- */

static void answer(struct server_request *r, const struct buf *text)
{
	http_respond_bytes(r->x, 200, STR("text/plain; version=0.0.4; charset=utf-8"),
			   str_in(&r->x->arena, buf_str(text)));
}

void serve_metrics(struct server_request *r)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, METRICS_BYTES_MAX);
	metrics_write_kubelet(r->kubelet, &text);
	answer(r, &text);
}

void serve_metrics_resource(struct server_request *r)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, METRICS_BYTES_MAX);
	metrics_write_resource(r->kubelet, &r->x->arena, &text);
	answer(r, &text);
}

void serve_metrics_containers(struct server_request *r)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, METRICS_BYTES_MAX);
	metrics_write_containers(r->kubelet, &r->x->arena, &text);
	answer(r, &text);
}
