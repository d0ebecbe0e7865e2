/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct kubelet and struct pod as the files of this folder see them. Everything lives on the loop.
 * A pod is freed only once nothing of it is going on in the runtime (operation_count is 0) and the
 * API knows it no more.
 */
#ifndef CUBE_KUBELET_KUBELET_INTERNAL_H
#define CUBE_KUBELET_KUBELET_INTERNAL_H

#include "api/kind.h"
#include "base/list.h"
#include "base/map.h"
#include "client/client.h"
#include "client/informer.h"
#include "client/recorder.h"
#include "kubelet/kubelet.h"
#include "kubelet/limits.h"
#include "kubelet/pod_plan.h"
#include "kubelet/pod_status.h"
#include "kubelet/volume_plan.h"

struct node_reporter;
struct object_watch;
struct prober;
struct static_pod;
struct static_pods;
struct token_cache;

/* A client's exec, attach or port-forward: ended when the kubelet stops. */
struct client_stream {
	struct list link;
	void (*end)(struct client_stream *stream);
};

/* Somebody who reads a running container's log and has to know when it is complete. */
struct log_follower {
	struct list link;
	char id[RUNTIME_ID_BYTES];
	void (*ended)(struct log_follower *follower);
};

struct kubelet {
	struct kubelet_options options;
	struct env *env;
	struct client *client;
	struct pod_runtime *runtime;
	struct recorder *recorder;
	struct arena arena;	   /* as long as the kubelet */
	struct map pods;	   /* uid → struct pod */
	struct map restored;	   /* uid → struct restored_pod, until the API's pods are known */
	struct map object_watches; /* "s/ns/name" or "c/ns/name" → struct object_watch */
	struct informer *pod_informer, *service_informer, *node_informer;
	struct informer_handler pod_handler, service_handler, node_handler;
	struct pod_runtime_events events;
	struct runtime_list list;
	struct arena list_arena;
	struct node_reporter *node;
	struct static_pods *static_pods;
	struct list client_streams;         /* struct client_stream */
	struct list log_followers; /* struct log_follower */
	const struct kind *kind_pod, *kind_node, *kind_lease, *kind_config_map, *kind_secret,
		*kind_service, *kind_service_account;
	size_t operation_count; /* of all pods and orphans */
	bool started, pods_known, stopping;
	bool static_known; /* the folder of static pods was read */
	bool network_ready;
	char network_why[256];
	void (*on_stopped)(void *arg);
	void *on_stopped_arg;
};

/* Operations and timers of one container. state->containers[index] is what they have led to. */
struct container_work {
	struct pod *pod;
	size_t index;
	struct arena arena;	/* of the start or hook that is going on ... */
	const struct obj *held; /* ... and the version of the pod that it borrows from */
	struct runtime_image image;
	struct runtime_container_create create;
	struct runtime_container_op start;
	bool start_running;
	bool ended_early; /* its exit came before start's answer: */
	struct runtime_exit early;
	char *early_message;
	struct runtime_probe hook;	/* postStart, preStop */
	char hook_id[RUNTIME_ID_BYTES]; /* the run that a hook belongs to */
	bool hook_running;
	struct runtime_kill kill;
	char kill_id[RUNTIME_ID_BYTES];
	bool kill_running;
	int kill_signal_next; /* asked for while another was under way */
	struct timer grace;   /* TERM → KILL */
	int64_t grace_end_ns;
	bool in_pre_stop;
	struct timer pull_turn; /* ErrImagePull → ImagePullBackOff */
	int64_t pull_delay_ms, pull_updated_ns, pull_started_ns;
	struct prober *probers[PROBE_TYPE_COUNT];
};

struct pod {
	struct kubelet *kubelet;
	const struct obj *obj; /* counted */
	struct arena arena;    /* of the spec */
	struct pod_spec spec;
	struct pod_state state;
	struct container_work **work;
	struct task turn;
	struct timer wake;
	size_t operation_count;
	bool gone;	 /* the API has it no more */
	bool forgetting; /* the last delete is under way, or answered */
	bool logs_kept;
	struct list link;
	struct static_pod *static_pod; /* NULL: a pod of the API */

	struct arena sandbox_arena, volumes_arena;
	struct runtime_sandbox_create sandbox_create;
	struct runtime_container_op sandbox_remove;
	struct runtime_volumes volumes_op;
	struct volume_set volume_set;
	bool volumes_busy;
	bool volumes_stale; /* contents changed while a set-up was going on, or after it */
	int64_t sandbox_retry_ms, volumes_retry_ms;
	struct object_watch **watches;
	size_t watch_count;
	struct token_cache *tokens;

	struct condition_memory conditions;
	struct buf reported;		/* the status the API has, as it was sent */
	struct yyjson_mut_doc *pending; /* not sent yet */
	bool reporting;
	int64_t report_not_before_ns, report_retry_ms;
	int64_t reported_revision; /* of the object our last status made */
};

/* --- kubelet.c --- */
void kubelet_operation_begin(struct kubelet *k);
void kubelet_operation_end(struct kubelet *k);
struct pod *kubelet_find_pod(struct kubelet *k, struct str namespace_, struct str name);

void kubelet_static_known(struct kubelet *k);

/* --- pod.c --- */
struct pod *pod_new(struct kubelet *k, const struct obj *obj);
void pod_free(struct pod *pod);
void pod_update(struct pod *pod, const struct obj *obj);
void pod_remove(struct pod *pod); /* the API has it no more */
void pod_poke(struct pod *pod);	  /* observe, plan and act in the next turn */
void pod_operation_begin(struct pod *pod);
void pod_operation_end(struct pod *pod);
void pod_event(struct pod *pod, int container, const char *type, const char *reason,
	       const char *fmt, ...) PRINTF_LIKE(5, 6); /* container -1 = about the pod */
struct volume_sources pod_sources(struct pod *pod);
int64_t retry_next(int64_t *delay_ms); /* doubles within the limits; returns the delay to wait */

/* --- pod_ground.c: sandbox and volumes --- */
void pod_create_sandbox(struct pod *pod);
void pod_remove_sandbox(struct pod *pod, enum kill_reason reason);
void pod_setup_volumes(struct pod *pod);
void pod_remove_volumes(struct pod *pod);
void pod_contents_changed(struct pod *pod); /* a ConfigMap, Secret, label or token */

/* --- pod_container.c --- */
void container_begin(struct pod *pod, size_t index);
void container_exited(struct pod *pod, size_t index, const struct runtime_exit *exit);
void container_work_reset(struct container_work *w);
void run_end_set(struct run_end *end, const char *id, const struct runtime_exit *exit);
void run_state_deinit(struct run_state *s);

/* --- pod_kill.c --- */
void container_kill_begin(struct pod *pod, size_t index, enum kill_reason reason);
void container_grace_changed(struct pod *pod);	      /* a second delete with less patience */
void container_kill_forget(struct container_work *w); /* it has ended */
/* Fills in probe from a handler ({exec,httpGet,tcpSocket,grpc}); < 0 when a port name is unknown or
 * there is no handler. */
int handler_decode(const struct pod *pod, size_t index, yyjson_val *handler, struct arena *arena,
		   struct runtime_probe *ret, struct err *err) MUST_CHECK;

/* --- pod_report.c --- */
void pod_report(struct pod *pod);	 /* sends the status if it changed */
void pod_forget_in_api(struct pod *pod); /* the final delete */

void pod_mirror_replaced(struct pod *pod); /* all is to be told again */

/* --- static_pods.c --- */
void static_pods_new(struct kubelet *k);
void static_pods_start(struct kubelet *k); /* kubelet_static_known follows, perhaps at once */
void static_pods_stop(struct kubelet *k);
void static_pods_free(struct kubelet *k);
void static_pods_poke(struct kubelet *k);
/* True when it is a mirror, which is not to be run. */
bool static_pods_saw(struct kubelet *k, const struct obj *old, const struct obj *new_);
const struct obj *static_pod_mirror(const struct static_pod *entry); /* NULL: nobody to tell yet */
void static_pod_reported(struct static_pod *entry, const struct obj *mirror);
void static_pod_ended(struct static_pod *entry); /* its pod is being freed */

/* --- restore.c --- */
struct restored_pod;
void kubelet_restore(struct kubelet *k); /* list's results → restored */
void pod_restore(struct pod *pod);	 /* takes what was restored for it */
void kubelet_clear_orphans(struct kubelet *k);
void kubelet_restored_free(struct kubelet *k);

/* --- object_watch.c --- */
struct object_watch *object_watch_get(struct kubelet *k, bool is_secret, struct str namespace_,
				      struct str name);
void object_watch_put(struct object_watch *w);
const struct obj *object_watch_find(struct kubelet *k, bool is_secret, struct str namespace_,
				    struct str name);
bool object_watch_is_synced(const struct object_watch *w);

/* --- probe.c --- */
void probers_start(struct pod *pod, size_t index);
void probers_stop(struct pod *pod, size_t index);
void probers_free(struct container_work *w);

/* --- token.c --- */
struct token_cache *token_cache_new(struct pod *pod);
void token_cache_free(struct token_cache *cache);
bool token_cache_is_ready(struct token_cache *cache); /* starts what is missing */
struct str token_cache_find(struct token_cache *cache, struct str volume, size_t source_index);

/* --- node.c --- */
struct node_reporter *node_new(struct kubelet *k);
void node_free(struct node_reporter *n);
void node_start(struct node_reporter *n);
void node_stop(struct node_reporter *n);
void node_changed(struct node_reporter *n); /* conditions are to be looked at now */
void node_saw(struct node_reporter *n, const struct obj *node);

#endif
