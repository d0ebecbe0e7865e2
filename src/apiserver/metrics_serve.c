/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics: what was counted, and what is there at the moment of asking. */
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#include "apiserver/documents_internal.h"
#include "api/version.h"
#include "apiserver/fairness.h"
#include "apiserver/metrics.h"
#include "apiserver/stored_form.h"
#include "base/time.h"
#include "loop/env.h"

#define STAT_BYTES_MAX 4096

static void write_number(struct buf *to, const char *name, const char *type, const char *help,
			 double value)
{
	metrics_head(to, name, type, help);
	buf_printf(to, "%s %.17g\n", name, value);
}

/* The first two numbers of /proc/self/statm: pages of address space and of memory. */
static void write_memory(struct apiserver *s, struct buf *to)
{
	unsigned long long pages[2] = { 0 };
	double page_bytes = (double)sysconf(_SC_PAGESIZE);
	AUTO_BUF stat = { 0 };

	buf_init(&stat, STAT_BYTES_MAX);
	if (env_read_file(s->env, "/proc/self/statm", STAT_BYTES_MAX, &stat, NULL) < 0 ||
	    sscanf(stat.ptr, "%llu %llu", &pages[0], &pages[1]) != 2)
		return; /* no /proc here: nothing to tell */
	write_number(to, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.",
		     (double)pages[0] * page_bytes);
	write_number(to, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
		     (double)pages[1] * page_bytes);
}

static void write_descriptors(struct buf *to)
{
	struct rlimit limit = { 0 };
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		write_number(to, "process_max_fds", "gauge",
			     "Maximum number of open file descriptors.", (double)limit.rlim_cur);
	if (!folder)
		return; /* no /proc here: nothing to tell */
	for (struct dirent *entry; (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	(void)closedir(folder); /* was only read */
	write_number(to, "process_open_fds", "gauge", "Number of open file descriptors.",
		     (double)(count - (count > 0))); /* without the folder's own */
}

static void write_process(struct apiserver *s, struct buf *to)
{
	struct rusage usage = { 0 };

	(void)getrusage(RUSAGE_SELF, &usage); /* zeros say the same as an error */
	write_number(to, "process_cpu_seconds_total", "counter",
		     "Total user and system CPU time spent in seconds.",
		     (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	write_memory(s, to);
	write_descriptors(to);
	write_number(to, "process_start_time_seconds", "gauge",
		     "Start time of the process since unix epoch in seconds.",
		     (double)s->started_wall_ns / 1e9);
}

static void write_in_flight(struct apiserver *s, struct buf *to)
{
	metrics_head(
		to, "apiserver_current_inflight_requests", "gauge",
		"Maximal number of currently used inflight request limit of this apiserver per "
		"request kind in last second.");
	buf_printf(to,
		   "apiserver_current_inflight_requests{request_kind=\"mutating\"} %zu\n"
		   "apiserver_current_inflight_requests{request_kind=\"readOnly\"} %zu\n",
		   s->writing_count, s->reading_count);
}

/* Versions of one kind share their objects: each is counted once, where it is stored. */
static void write_objects(struct apiserver *s, struct buf *to)
{
	const struct kind_set *set = &s->registry.kinds;
	AUTO_BUF by_group = { 0 };
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&by_group, DOCUMENT_BYTES_MAX);
	metrics_head(to, "apiserver_storage_objects", "gauge",
		     "[DEPRECATED, consider using apiserver_resource_objects instead] Number of "
		     "stored objects at the time of last check split by kind.");
	metrics_head(&by_group, "apiserver_resource_objects", "gauge",
		     "Number of stored objects at the time of last check split by kind.");
	for (size_t i = 0; i < set->kind_count; i++) {
		const struct kind *kind = set->kinds[i];
		size_t count;

		if (kind->flags & KIND_UNSERVED || !(kind->verbs & VERB_LIST) ||
		    kind_stored(kind) != kind)
			continue;
		count = store_count(s->store, registry_prefix(&arena, kind));
		buf_printf(to,
			   "apiserver_storage_objects{resource=\"" STR_FMT "%s" STR_FMT "\"} %zu\n",
			   STR_ARG(kind->plural), kind->group.len ? "." : "", STR_ARG(kind->group),
			   count);
		buf_printf(&by_group,
			   "apiserver_resource_objects{group=\"" STR_FMT "\",resource=\"" STR_FMT
			   "\"} %zu\n",
			   STR_ARG(kind->group), STR_ARG(kind->plural), count);
	}
	buf_put_str(to, buf_str(&by_group));
}

static void write_build(struct apiserver *s, struct buf *to)
{
	metrics_head(to, "kubernetes_build_info", "gauge",
		     "A metric with a constant '1' value labeled by major, minor, git version, git "
		     "commit, git tree state, build date, Go version, and compiler from which "
		     "Kubernetes was built, and platform on which it is running.");
	buf_printf(to,
		   "kubernetes_build_info{build_date=\"1970-01-01T00:00:00Z\",compiler=\"cc\","
		   "git_commit=\"\",git_tree_state=\"clean\",git_version=\"" STR_FMT
		   "\",go_version=\"none\",major=\"" KUBERNETES_MAJOR "\",minor=\"" KUBERNETES_MINOR
		   "\",platform=\"linux/" GO_ARCHITECTURE "\"} 1\n",
		   STR_ARG(s->version));
}

int metrics_serve(struct exchange *e, struct str rest)
{
	struct apiserver *s = e->server;
	AUTO_BUF text = { 0 };
	struct blob *blob;
	struct http_header header = HTTP_HEADER(STR("Content-Type"),
						STR("text/plain; version=0.0.4; charset=utf-8"));
	struct http_headers headers = { &header, 1 };
	struct http_piece piece;

	(void)rest; /* the path is whole */
	buf_init(&text, DOCUMENT_BYTES_MAX);
	metrics_write(&s->metrics, &text);
	write_in_flight(s, &text);
	fair_queues_write_metrics(fairness_queues(s->fairness), &text);
	write_objects(s, &text);
	metrics_head(&text, "apiserver_storage_size_bytes", "gauge",
		     "Size of the storage database file physically allocated in bytes.");
	buf_printf(&text, "apiserver_storage_size_bytes{storage_cluster_id=\"etcd-0\"} %zu\n",
		   store_size_bytes(s->store));
	health_write_levels(s, &text);
	write_build(s, &text);
	aggregation_write_metrics(s->aggregation, &text);
	if (s->form && s->form->encryption)
		kms_metrics_write(&s->form->metrics, &text);
	if (s->more_metrics)
		s->more_metrics(s->more_metrics_arg, &text);
	write_process(s, &text);
	blob = blob_new(buf_str(&text));
	piece = HTTP_BLOB(blob);
	exchange_respond(e, 200, &headers, &piece, 1);
	blob_unref(blob);
	return 0;
}
