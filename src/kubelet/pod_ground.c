/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pod stands on: its sandbox and its volumes. Acts for pod_turn; failures are told as events
 * and tried again with growing delay, by the plan, which reads the not_before times set here.
 */
#include "base/time.h"
#include "codec/json.h"
#include "kubelet/kubelet_internal.h"
#include "kubelet/pod_network.h"
#include "kubelet/qos.h"

/* --- sandbox --- */

static int64_t later(struct pod *pod, int64_t delay_ms)
{
	return env_mono_ns(pod->kubelet->env) + delay_ms * TIME_NS_PER_MS;
}

static void sandbox_created(struct runtime_op *op, const struct err *err)
{
	struct pod *pod = op->owner;
	struct sandbox_state *s = &pod->state.sandbox;

	if (err) {
		s->phase = SANDBOX_NONE;
		s->not_before_ns = later(pod, retry_next(&pod->sandbox_retry_ms));
		pod_event(pod, -1, EVENT_WARNING, "FailedCreatePodSandBox",
			  "Failed to create pod sandbox: %s", err->msg);
	} else {
		s->phase = SANDBOX_READY;
		s->attempt++;
		s->not_before_ns = 0;
		pod->sandbox_retry_ms = 0;
		memcpy(s->id, pod->sandbox_create.ret_id, sizeof(s->id));
		memcpy(s->address, pod->sandbox_create.ret_address, sizeof(s->address));
	}
	arena_reset(&pod->sandbox_arena);
	pod_operation_end(pod);
}

static void fill_sysctls(struct pod *pod, struct runtime_sandbox_create *c)
{
	yyjson_val *list = json_get(pod->spec.json, "securityContext.sysctls");
	struct runtime_pair *pairs = arena_array(&pod->sandbox_arena, yyjson_arr_size(list) + 1,
						 sizeof(*pairs));

	c->sysctls = pairs;
	JSON_EACH (item, list)
		pairs[c->sysctl_count++] = (struct runtime_pair){
			str_in(&pod->sandbox_arena, json_get_str(item, "name")),
			str_in(&pod->sandbox_arena, json_get_str(item, "value")),
		};
}

void pod_create_sandbox(struct pod *pod)
{
	struct kubelet *k = pod->kubelet;
	struct runtime_sandbox_create *c = &pod->sandbox_create;

	/* The spec's object may be replaced while this goes on: what is borrowed from it is copied.
	 */
	*c = (struct runtime_sandbox_create){
		.op = { .done = sandbox_created, .owner = pod },
		.owner = {
			.pod_uid = str_in(&pod->sandbox_arena, pod->spec.uid),
			.namespace_ = str_in(&pod->sandbox_arena, pod->spec.namespace_),
			.pod_name = str_in(&pod->sandbox_arena, pod->spec.name),
			.attempt = pod->state.sandbox.attempt,
		},
		.cgroup_parent = pod_cgroup(&pod->spec, &pod->sandbox_arena),
		.host_network = pod->spec.host_network,
		.host_pid = pod->spec.host_pid,
		.host_ipc = pod->spec.host_ipc,
		.share_pid = pod->spec.share_pid,
		.runtime_class = str_in(&pod->sandbox_arena, json_get_str(pod->spec.json, "runtimeClassName")),
	};
	pod_cgroup_resources(&pod->spec, &c->pod);
	pod_hostname(&pod->spec, k->options.cluster_domain, &pod->sandbox_arena, &c->hostname,
		     &c->domain);
	c->hostname = str_in(&pod->sandbox_arena, c->hostname);
	fill_sysctls(pod, c);
	pod->state.sandbox.phase = SANDBOX_CREATING;
	pod_operation_begin(pod);
	k->runtime->ops->sandbox_create(k->runtime, c);
}

/* A new sandbox starts from the beginning: init containers run again. */
static void sandbox_forget(struct pod *pod)
{
	struct sandbox_state *s = &pod->state.sandbox;

	s->phase = SANDBOX_NONE;
	s->id[0] = 0;
	s->not_before_ns = 0;
	pod->sandbox_retry_ms = 0;
	if (pod->state.finished || pod->spec.deleting)
		return;
	pod->state.initialized = false;
	for (size_t i = 0; i < pod->spec.init_count; i++)
		if (pod->spec.containers[i].role == ROLE_INIT &&
		    pod->state.containers[i].phase == RUN_EXITED)
			pod->state.containers[i].phase = RUN_WAITING;
}

static void sandbox_removed(struct runtime_op *op, const struct err *err)
{
	struct pod *pod = op->owner;
	struct sandbox_state *s = &pod->state.sandbox;

	if (err) {
		s->phase = SANDBOX_DEAD;
		s->not_before_ns = later(pod, retry_next(&pod->sandbox_retry_ms));
		pod_event(pod, -1, EVENT_WARNING, "FailedKillPod",
			  "error killing pod: failed to \"KillPodSandbox\" for \"" STR_FMT
			  "\" with KillPodSandboxError: \"%s\"",
			  STR_ARG(pod->spec.uid), err->msg);
	} else {
		sandbox_forget(pod);
	}
	pod_operation_end(pod);
}

void pod_remove_sandbox(struct pod *pod, enum kill_reason reason)
{
	struct kubelet *k = pod->kubelet;

	if (reason == KILL_SANDBOX && pod->sandbox_retry_ms == 0)
		pod_event(pod, -1, EVENT_NORMAL, "SandboxChanged",
			  "Pod sandbox changed, it will be killed and re-created.");
	pod->sandbox_remove = (struct runtime_container_op){
		.op = { .done = sandbox_removed, .owner = pod },
		.id = str_from(pod->state.sandbox.id),
	};
	pod->state.sandbox.phase = SANDBOX_REMOVING;
	pod_operation_begin(pod);
	k->runtime->ops->sandbox_remove(k->runtime, &pod->sandbox_remove);
}

/* --- volumes --- */

static void volumes_failed(struct pod *pod, const struct err *err)
{
	/* While an older set stands it goes on standing: only its contents are late. */
	if (pod->state.volumes != VOLUMES_READY)
		pod->state.volumes = VOLUMES_NONE;
	else
		pod->volumes_stale = true;
	pod->state.volumes_not_before_ns = later(pod, retry_next(&pod->volumes_retry_ms));
	pod_event(pod, -1, EVENT_WARNING, "FailedMount", "%s", err->msg);
}

static void volumes_done(struct runtime_op *op, const struct err *err)
{
	struct pod *pod = op->owner;

	pod->volumes_busy = false;
	if (err) {
		volumes_failed(pod, err);
	} else {
		pod->state.volumes = VOLUMES_READY;
		pod->volumes_retry_ms = 0;
		pod->logs_kept = true;
	}
	pod_operation_end(pod);
}

void pod_setup_volumes(struct pod *pod)
{
	struct kubelet *k = pod->kubelet;
	struct volume_sources sources = pod_sources(pod);
	struct err err;

	if (pod->volumes_busy)
		return;
	pod->volumes_stale = false;
	arena_reset(&pod->volumes_arena);
	if (volume_plan(&pod->spec, &sources, &pod->volumes_arena, &pod->volume_set, &err) < 0) {
		volumes_failed(pod, &err);
		return;
	}
	pod->volumes_op = (struct runtime_volumes){
		.op = { .done = volumes_done, .owner = pod },
		.pod_uid = str_in(&pod->volumes_arena, pod->spec.uid),
		.namespace_ = str_in(&pod->volumes_arena, pod->spec.namespace_),
		.pod_name = str_in(&pod->volumes_arena, pod->spec.name),
		.set = &pod->volume_set,
	};
	/* A refresh leaves READY alone: containers go on and may be started meanwhile. */
	if (pod->state.volumes != VOLUMES_READY)
		pod->state.volumes = VOLUMES_BUSY;
	pod->volumes_busy = true;
	pod_operation_begin(pod);
	k->runtime->ops->volumes_setup(k->runtime, &pod->volumes_op);
}

static void volumes_removed(struct runtime_op *op, const struct err *err)
{
	struct pod *pod = op->owner;

	if (err) {
		pod->state.volumes = VOLUMES_READY;
		pod->state.volumes_not_before_ns = later(pod, retry_next(&pod->volumes_retry_ms));
		pod_event(pod, -1, EVENT_WARNING, "FailedUnMount", "%s", err->msg);
	} else {
		pod->state.volumes = VOLUMES_REMOVED;
		pod->logs_kept = pod->volumes_op.keep_logs;
	}
	pod_operation_end(pod);
}

void pod_remove_volumes(struct pod *pod)
{
	struct kubelet *k = pod->kubelet;

	pod->volumes_op = (struct runtime_volumes){
		.op = { .done = volumes_removed, .owner = pod },
		.pod_uid = str_in(&pod->volumes_arena, pod->spec.uid),
		.namespace_ = str_in(&pod->volumes_arena, pod->spec.namespace_),
		.pod_name = str_in(&pod->volumes_arena, pod->spec.name),
		.keep_logs = !pod->spec.deleting,
	};
	pod->state.volumes = VOLUMES_REMOVING;
	pod_operation_begin(pod);
	k->runtime->ops->volumes_remove(k->runtime, &pod->volumes_op);
}

void pod_contents_changed(struct pod *pod)
{
	for (size_t i = 0; i < pod->state.container_count; i++) {
		struct run_state *s = &pod->state.containers[i];

		/* It failed for want of a key or an object, perhaps of this one. */
		if (s->waiting_reason &&
		    str_eq_c(STR("CreateContainerConfigError"), s->waiting_reason))
			s->not_before_ns = 0;
	}
	pod->state.volumes_not_before_ns = 0;
	pod->volumes_stale = true;
	pod_poke(pod);
}
