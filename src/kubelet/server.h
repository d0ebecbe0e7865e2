/* SPDX-License-Identifier: Apache-2.0 */
/* The kubelet API's requests, as server.c hands them to the file that serves them. */
#ifndef CUBE_KUBELET_SERVER_H
#define CUBE_KUBELET_SERVER_H

#include "codec/json.h"
#include "container/container.h"
#include "kubelet/kubelet_internal.h"
#include "net/http_server.h"

#define SERVER_PATH_PARTS_MAX 4
#define SERVER_QUEUE_HIGH_BYTES (256u << 10) /* a slow client: its source is paused above this */
#define SERVER_READ_BYTES 32768

struct server_request {
	struct kubelet *kubelet;
	struct http_exchange *x;
	struct str parts[SERVER_PATH_PARTS_MAX]; /* what the route's {} are, decoded */
	struct str query;
};

/* What was used by containers that run and were asked about before; server_usage.c. */
struct container_usage {
	const struct pod_container *container;
	const struct run_state *state;
	struct runtime_stats stats;
};
struct pod_usage {
	const struct pod *pod;
	struct str cgroup;
	struct container_usage *containers;
	size_t count;
	struct runtime_stats total;
};
void usage_of_pod(struct pod *pod, struct arena *arena, struct pod_usage *ret);
/* False: the machine does not say. */
bool usage_of_node(struct kubelet *k, struct runtime_stats *ret);

/* The pages of metrics, and {"kubeletconfig": KubeletConfiguration of v1beta1 in force}. */
void metrics_write_kubelet(struct kubelet *k, struct buf *to);
void metrics_write_resource(struct kubelet *k, struct arena *arena, struct buf *to);
void metrics_write_containers(struct kubelet *k, struct arena *arena, struct buf *to);
yyjson_mut_doc *configuration_object(const struct kubelet *k) MUST_CHECK;

/* Each answers the exchange, now or later. */
void serve_metrics(struct server_request *r);
void serve_metrics_resource(struct server_request *r);
void serve_metrics_containers(struct server_request *r);
void serve_configuration(struct server_request *r);
void serve_logs(struct server_request *r);
void serve_exec(struct server_request *r);
void serve_attach(struct server_request *r);
void serve_port_forward(struct server_request *r);
void serve_stats_summary(struct server_request *r);

/* A metav1.Status. */
void server_refuse(struct http_exchange *x, int code, const char *reason, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* The pod and container that the path names, or the exchange is refused and NULL returned.
 * *ret_index is -1 for a path without a container. */
struct pod *server_find(struct server_request *r, int *ret_index);

#endif
