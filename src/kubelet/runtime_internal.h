/* SPDX-License-Identifier: Apache-2.0 */
/* struct pod_runtime over the container service, as its files see it. */
#ifndef CUBE_KUBELET_RUNTIME_INTERNAL_H
#define CUBE_KUBELET_RUNTIME_INTERNAL_H

#include "base/map.h"
#include "container/container.h"
#include "kubelet/kubelet.h"
#include "kubelet/pod_runtime.h"

struct http_client;
struct tls_client;
struct conn_pool;

#define LABEL_POD_UID "io.kubernetes.pod.uid"
#define LABEL_POD_NAME "io.kubernetes.pod.name"
#define LABEL_POD_NAMESPACE "io.kubernetes.pod.namespace"
#define LABEL_CONTAINER "io.kubernetes.container.name"
#define LABEL_ATTEMPT "io.kubernetes.container.restartCount"
#define LABEL_HASH "io.kubernetes.container.hash"
#define LABEL_MESSAGE_POLICY "io.kubernetes.container.terminationMessagePolicy"
#define LABEL_IMAGE_NAME "io.cube.image-name"

struct runtime {
	struct pod_runtime base;
	struct env *env;
	struct container_service *containers;
	struct image_store *images;
	char *root_dir, *log_dir;
	const struct pod_runtime_events *events;
	struct container_listener listener;
	struct http_client *http; /* probes; made when first needed */
	struct tls_client *tls;
	struct map stats; /* id → struct stats_entry */
};

static inline struct runtime *runtime_of(struct pod_runtime *rt)
{
	return CONTAINER_OF(rt, struct runtime, base);
}

/* --- runtime_prepare.c: what has to be on disk around a container; all block --- */
struct pod_paths {
	struct str pod_dir; /* <root_dir>/pods/<uid> */
	struct str log_dir; /* <log_dir>/<ns>_<pod>_<uid> */
};
struct pod_paths pod_paths_of(const struct runtime *r, const struct runtime_owner *owner,
			      struct arena *arena);
struct str container_log_file(const struct pod_paths *paths, const struct runtime_owner *owner,
			      struct arena *arena);
struct str container_message_file(const struct pod_paths *paths, const struct runtime_owner *owner,
				  struct arena *arena);
/* Log folder (older logs go), termination message file, hosts file. */
int prepare_container(const struct pod_paths *paths, const struct runtime_owner *owner,
		      struct str hosts, struct err *err) MUST_CHECK;
/* The log folder whose name ends in the uid. */
int pod_logs_remove(const char *log_dir, struct str uid, struct err *err) MUST_CHECK;
/* What a container left in its message file, or the end of its log; at most
 * KUBELET_MESSAGE_BYTES_MAX. */
void read_message(struct str message_file, struct str log_file, bool from_log, struct buf *ret);

/* --- runtime_image.c --- */
void runtime_image(struct pod_runtime *rt, struct runtime_image *op);
/* --- runtime_probe.c --- */
void runtime_probe(struct pod_runtime *rt, struct runtime_probe *op);
void runtime_probe_close(struct runtime *r);
/* --- runtime_record.c --- */
void runtime_list(struct pod_runtime *rt, struct runtime_list *op);
void runtime_listen(struct pod_runtime *rt, const struct pod_runtime_events *events);
bool runtime_stats(struct pod_runtime *rt, struct str id, struct runtime_stats *ret);
void runtime_stats_close(struct runtime *r);

#endif
