/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kubelet needs of the machine, as a table: sandboxes, containers, images, volumes,
 * probes. runtime_container.c implements it over the container service; simulations and unit tests
 * bring a fake. The kubelet's own logic touches nothing else outside env and client.
 *
 * Each operation is a struct that begins with struct runtime_op; its caller owns the memory and
 * what the inputs point to until done ran, exactly once, on the loop and never from inside the
 * call. Outputs live until done returns.
 */
#ifndef CUBE_KUBELET_POD_RUNTIME_H
#define CUBE_KUBELET_POD_RUNTIME_H

#include <netinet/in.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct pod_runtime;

#define RUNTIME_ID_BYTES 65

struct runtime_op {
	void (*done)(struct runtime_op *op, const struct err *err); /* err NULL = success */
	void *owner;						    /* the caller's */
	void *impl;						    /* the implementation's */
};

/* cgroup settings as cgroup v1 names them; the container service translates. 0 = not set, except
 * where said. */
struct runtime_resources {
	uint64_t cpu_shares;
	int64_t cpu_quota_us; /* per cpu_period_us */
	uint64_t cpu_period_us;
	int64_t memory_bytes;
	int64_t memory_request_bytes;
	int64_t pids_max;
	int oom_score_adj;
	bool has_oom_score_adj;
};

struct runtime_pair {
	struct str name, value;
};

/* Who a container or sandbox belongs to; implementations keep it with the container and give it
 * back in records. */
struct runtime_owner {
	struct str pod_uid, namespace_, pod_name;
	struct str container; /* empty for the sandbox */
	uint32_t attempt;     /* restartCount, or the sandbox's number */
};

struct runtime_sandbox_create {
	struct runtime_op op;
	struct runtime_owner owner;
	struct str hostname, domain;
	struct str cgroup_parent;     /* "/kubepods/burstable/pod<uid>" */
	struct runtime_resources pod; /* of the pod's cgroup */
	bool host_network, host_pid, host_ipc;
	bool share_pid; /* one process namespace for all containers of the pod */
	struct str runtime_class;
	const struct runtime_pair *sysctls;
	size_t sysctl_count;
	char ret_id[RUNTIME_ID_BYTES];
	char ret_address[INET6_ADDRSTRLEN]; /* empty with host_network */
};

struct runtime_mount {
	struct str host_path, container_path;
	struct str sub_path; /* below host_path, and never outside it */
	bool read_only, recursive_read_only;
	enum runtime_propagation {
		PROPAGATION_NONE,
		PROPAGATION_FROM_HOST,
		PROPAGATION_BOTH
	} propagation;
};

enum runtime_pid_mode { PID_OWN, PID_POD, PID_HOST, PID_TARGET };

/* securityContext, pod's and container's merged. */
struct runtime_security {
	bool privileged, read_only_root, no_new_privileges;
	bool has_user, has_group;
	int64_t user, group;
	const int64_t *groups; /* supplementalGroups and fsGroup */
	size_t group_count;
	const struct str *add_capabilities, *drop_capabilities;
	size_t add_count, drop_count;
	enum runtime_seccomp { SECCOMP_UNCONFINED, SECCOMP_DEFAULT, SECCOMP_FILE } seccomp;
	struct str seccomp_file;
	bool proc_unmasked;
};

struct runtime_container_create {
	struct runtime_op op;
	struct runtime_owner owner;
	struct str sandbox_id;
	struct str image;		  /* id from runtime_image.ret_id */
	struct str image_name;		  /* as the pod spells it */
	const struct str *command, *args; /* override the image's ENTRYPOINT and CMD */
	size_t command_count, arg_count;
	const struct str *env; /* "NAME=value" */
	size_t env_count;
	struct str working_dir;
	const struct runtime_mount *mounts;
	size_t mount_count;
	struct runtime_security security;
	struct runtime_resources resources;
	struct str cgroup_parent;
	bool tty, stdin_open, stdin_once;
	enum runtime_pid_mode pid_mode;
	struct str pid_target;	 /* container id, PID_TARGET */
	struct str hash;	 /* of the container's spec; comes back in records */
	struct str message_path; /* terminationMessagePath */
	bool message_from_log;	 /* FallbackToLogsOnError */
	int64_t grace_seconds;
	struct str stop_signal; /* empty = the image's */
	bool run_as_non_root; /* refuse with "container has runAsNonRoot and image will run as root
				 ..." */
	struct str pod_dir;   /* for the termination message and etc-hosts */
	struct str hosts;     /* content of /etc/hosts; empty = not ours */
	struct str resolv_conf; /* content */
	char ret_id[RUNTIME_ID_BYTES];
};

struct runtime_container_op { /* start, remove; also for sandboxes */
	struct runtime_op op;
	struct str id;
};

struct runtime_kill {
	struct runtime_op op; /* done once the signal was delivered; the exit comes as an event */
	struct str id;
	int signal; /* 0 = the container's own stop signal */
};

struct runtime_image {
	struct runtime_op op;
	struct str name;
	bool pull; /* false: only look whether it is present (ERR_NOT_FOUND) */
	const struct str
		*credentials; /* dockerconfigjson documents of the pull secrets, in order */
	size_t credential_count;
	char ret_id[80];	    /* "sha256:..." */
	struct str ret_digest_name; /* "docker.io/library/nginx@sha256:..."; empty when loaded from
				       a file */
	int64_t ret_size_bytes;
	int64_t ret_user; /* of the image's config, when numeric; -1 = not numeric */
};

struct runtime_exit {
	int exit_code;
	int signal;
	bool oom_killed;
	int64_t started_ns, finished_ns;
	struct str message; /* termination message, already cut */
	struct str error;   /* why it could not be started; empty otherwise */
};

enum runtime_state { RUNTIME_CREATED, RUNTIME_RUNNING, RUNTIME_EXITED };

/* What exists on the machine, for restarts of the kubelet. */
struct runtime_record {
	struct str id;
	struct runtime_owner owner;
	enum runtime_state state;
	struct runtime_exit exit; /* started_ns valid when running */
	struct str image_id, image_digest_name, image_name, hash, sandbox_id;
	char address[INET6_ADDRSTRLEN]; /* of a sandbox */
};

struct runtime_list {
	struct runtime_op op;
	struct arena *arena; /* the caller's: results live there */
	struct runtime_record
		*ret_records; /* sandboxes (owner.container empty) and containers, oldest first */
	size_t ret_count;
	struct str *ret_pod_uids; /* pods that have folders on disk */
	size_t ret_pod_uid_count;
};

enum runtime_probe_kind { PROBE_EXEC, PROBE_HTTP, PROBE_TCP, PROBE_GRPC };
enum runtime_probe_result { PROBE_SUCCESS, PROBE_FAILURE, PROBE_UNKNOWN };

/* One attempt of a probe or a lifecycle hook. */
struct runtime_probe {
	struct runtime_op op; /* err only when the attempt itself was impossible */
	enum runtime_probe_kind kind;
	struct str container_id; /* exec */
	const struct str *command;
	size_t command_count;
	struct str host; /* address */
	uint16_t port;
	struct str path;	    /* HTTP */
	bool https, discard_status; /* hooks do not look at the status */
	const struct runtime_pair *headers;
	size_t header_count;
	struct str service; /* gRPC */
	int64_t timeout_ms;
	enum runtime_probe_result ret_result;
	int ret_exit_code;
	struct str ret_output; /* upstream's wording of the failure */
};

struct volume_set; /* volume_plan.h */

struct runtime_volumes {
	struct runtime_op op; /* an error's text is the FailedMount event's message */
	struct str pod_uid;
	const struct volume_set *set; /* setup */
	bool keep_logs;		      /* remove: the pod is over, but still in the API */
	struct str namespace_, pod_name;
};

struct runtime_stats {
	int64_t wall_ns;
	uint64_t cpu_ns;
	uint64_t memory_bytes, memory_working_set_bytes, memory_rss_bytes, page_faults,
		major_page_faults;
};

struct pod_runtime_events {
	/* The end of a container that was running; sandboxes too (owner.container empty). */
	void (*on_exit)(void *arg, const struct runtime_record *record);
	void *arg;
};

struct pod_runtime_ops {
	void (*listen)(struct pod_runtime *rt,
		       const struct pod_runtime_events *events); /* before any other call */
	void (*list)(struct pod_runtime *rt, struct runtime_list *op);
	void (*sandbox_create)(struct pod_runtime *rt,
			       struct runtime_sandbox_create *op); /* created and started */
	/* Kills what is left in it, gives back its address, forgets its containers; their logs
	 * stay. */
	void (*sandbox_remove)(struct pod_runtime *rt, struct runtime_container_op *op);
	/* Also removes logs of attempts before the last one. */
	void (*container_create)(struct pod_runtime *rt, struct runtime_container_create *op);
	void (*container_start)(struct pod_runtime *rt, struct runtime_container_op *op);
	void (*container_kill)(struct pod_runtime *rt, struct runtime_kill *op);
	void (*container_remove)(struct pod_runtime *rt,
				 struct runtime_container_op *op); /* its log stays */
	void (*image)(struct pod_runtime *rt, struct runtime_image *op);
	void (*volumes_setup)(struct pod_runtime *rt,
			      struct runtime_volumes *op); /* again when contents changed */
	void (*volumes_remove)(
		struct pod_runtime *rt,
		struct runtime_volumes *op); /* and the pod's folders, logs, cgroup */
	void (*probe)(struct pod_runtime *rt, struct runtime_probe *op);
	/* false when the container is unknown; cached by the implementation for at most a second.
	 */
	bool (*stats)(struct pod_runtime *rt, struct str id, struct runtime_stats *ret);
};

struct pod_runtime {
	const struct pod_runtime_ops *ops;
};

#endif
