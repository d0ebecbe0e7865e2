/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a Pod that the kubelet decides by, as small structs over the shared tree. Decoding
 * never fails: the API server has validated the object, and what is missing has its default.
 * Strings and values are borrowed from the object, arrays live in the arena.
 */
#ifndef CUBE_KUBELET_POD_SPEC_H
#define CUBE_KUBELET_POD_SPEC_H

#include "api/obj.h"
#include "base/arena.h"

enum container_role { ROLE_INIT, ROLE_SIDECAR, ROLE_MAIN, ROLE_EPHEMERAL };
enum restart_policy { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };
enum pull_policy { PULL_ALWAYS, PULL_IF_NOT_PRESENT, PULL_NEVER };
enum qos_class { QOS_BEST_EFFORT, QOS_BURSTABLE, QOS_GUARANTEED };
enum probe_type { PROBE_STARTUP, PROBE_READINESS, PROBE_LIVENESS, PROBE_TYPE_COUNT };

struct probe_spec {
	yyjson_val *json; /* NULL = no such probe */
	int64_t initial_delay_seconds, timeout_seconds, period_seconds;
	int64_t success_threshold, failure_threshold;
	int64_t grace_seconds; /* -1 = the pod's */
};

struct pod_resources {
	int64_t cpu_request_milli, cpu_limit_milli; /* -1 = not set */
	int64_t memory_request_bytes, memory_limit_bytes;
	int64_t storage_request_bytes, storage_limit_bytes;
};

struct pod_container {
	struct str name, image;
	yyjson_val *json;
	enum container_role role;
	enum restart_policy restart; /* the container's own, or the pod's */
	enum pull_policy pull;
	struct probe_spec probes[PROBE_TYPE_COUNT];
	yyjson_val *post_start, *pre_stop;
	struct pod_resources resources;
	struct str message_path;
	bool message_from_log;
	struct str stop_signal;
	uint64_t hash; /* of what makes a running container another one when changed */
};

struct pod_spec {
	const struct obj *obj; /* borrowed */
	yyjson_val *json;      /* .spec */
	struct str namespace_, name, uid;
	struct pod_container
		*containers; /* init (and sidecars) in order, then main, then ephemeral */
	size_t container_count, init_count, main_count;
	enum restart_policy restart;
	enum qos_class qos;
	bool host_network, host_pid, host_ipc, share_pid;
	int64_t grace_seconds; /* terminationGracePeriodSeconds, or deletionGracePeriodSeconds once
				  deleted */
	int64_t active_deadline_seconds; /* -1 = none */
	bool deleting;
	struct str node_name;
	struct str service_account;
};

void pod_spec_decode(const struct obj *pod, struct arena *arena, struct pod_spec *ret);
/* Index of a container, or -1. */
int pod_spec_find(const struct pod_spec *spec, struct str container) PURE;
bool container_is_init(const struct pod_container *c) PURE; /* of either kind */
/* "spec.containers{web}" */
struct str container_field_path(const struct pod_container *c, struct arena *arena);

/* "Always" when policy is empty and the tag is latest or missing and there is no digest; else
 * "IfNotPresent". */
enum pull_policy pull_policy_of(struct str policy, struct str image) PURE;
const char *pod_qos_text(enum qos_class qos); /* as status.qosClass has it */

#endif
