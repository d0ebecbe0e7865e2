/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node agent: registers the node, runs the pods bound to it, reports their status, and serves
 * logs, exec, attach and port-forward. Logic runs on the env's loop over struct client and struct
 * pod_runtime only, so that it is the same in a simulation; what blocks is behind the runtime's
 * table.
 *
 * Containers outlive it: a kubelet started again finds them by their records and restarts none.
 */
#ifndef CUBE_KUBELET_KUBELET_H
#define CUBE_KUBELET_KUBELET_H

#include "client/client.h"
#include "kubelet/pod_runtime.h"
#include "loop/env.h"

struct kubelet;
struct http_exchange;
struct container_service;
struct image_store;

/* Strings are borrowed for the kubelet's life. */
struct kubelet_options {
	struct env *env;
	struct client *client;
	struct pod_runtime *runtime;	      /* runtime_container_new(), or a fake */
	struct container_service *containers; /* for logs, exec, attach, port-forward and stats;
						 NULL: these answer 501 */
	struct str node_name;
	struct str pod_cidr;	     /* as text, for Node.spec.podCIDR */
	const struct str *addresses; /* the node's IP addresses; the first is hostIP */
	size_t address_count;
	struct str
		cluster_dns; /* address for resolv.conf, empty = the host's resolver for all pods */
	struct str cluster_domain; /* "cluster.local" when empty */
	struct str root_dir;	   /* pods' volumes and files: <data-dir>/kubelet */
	struct str log_dir; /* container logs: "<log_dir>/<ns>_<pod>_<uid>/<container>/<n>.log" */
	struct str manifest_dir; /* of static pods; made when missing; empty = none */
	struct str resolv_conf;	 /* "/etc/resolv.conf" when empty */
	struct str os_image, kernel_version, machine_id, boot_id,
		system_uuid;				/* nodeInfo, filled by kubelet_probe_host */
	int64_t cpu_milli, memory_bytes, storage_bytes; /* capacity; 0 = none known */
	int64_t pods_max;				/* 0 = KUBELET_PODS_MAX */
	const struct runtime_pair *labels;		/* further labels of the node */
	size_t label_count;
	uint16_t port; /* where its own API is served; 0 = nowhere */
	struct str bind_address, client_ca_file; /* of that; for /configz */
	struct str cgroup_root;			 /* likewise; "/" when empty */
	bool register_node;
};

/* Fills in nodeInfo and capacity of what is still empty from this machine; strings go into the
 * arena. Blocks a little; for start-up. */
void kubelet_probe_host(struct kubelet_options *options, struct arena *arena);

struct kubelet *kubelet_new(const struct kubelet_options *options) MUST_CHECK;
/* Restores what runs, registers the node, starts watching pods. Does not wait. */
int kubelet_start(struct kubelet *kubelet, struct err *err) MUST_CHECK;
/* Stops acting; containers go on. Operations still running in the runtime must have finished (their
 * done functions are called meanwhile) before kubelet_free: on_stopped says when. */
void kubelet_stop(struct kubelet *kubelet, void (*on_stopped)(void *arg), void *arg);
void kubelet_free(struct kubelet *kubelet);

/* Runtime and network are up (or not, with why): drives the node's Ready condition. Up at start. */
void kubelet_set_network_ready(struct kubelet *kubelet, bool ready, struct str why);

/* The kubelet API: one request whose path (without query) is "/containerLogs/...", "/exec/...",
 * "/attach/...",
 * "/portForward/...", "/pods", "/healthz", "/stats/summary", ... The caller has authorised it. path
 * and query are borrowed for the exchange's life; the exchange is ours from here on. */
void kubelet_handle(struct kubelet *kubelet, struct http_exchange *exchange, struct str path,
		    struct str query);

/* --- the real runtime --- */
struct runtime_container_options {
	struct env *env;
	struct container_service *containers;
	struct image_store *images;
	struct str root_dir, log_dir; /* as in kubelet_options */
};
struct pod_runtime *
runtime_container_new(const struct runtime_container_options *options) MUST_CHECK;
void runtime_container_free(struct pod_runtime *runtime);

#endif
