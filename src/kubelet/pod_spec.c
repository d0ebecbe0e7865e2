/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes the fields of a Pod that decisions depend on. Called once for each new version of a pod.
 */
#include "kubelet/pod_spec.h"

#include "api/quantity.h"
#include "base/num.h"
#include "codec/json.h"
#include "kubelet/limits.h"

static enum restart_policy restart_policy_of(struct str s, enum restart_policy fallback)
{
	if (str_eq(s, STR("Always")))
		return RESTART_ALWAYS;
	if (str_eq(s, STR("OnFailure")))
		return RESTART_ON_FAILURE;
	if (str_eq(s, STR("Never")))
		return RESTART_NEVER;
	return fallback;
}

enum pull_policy pull_policy_of(struct str policy, struct str image)
{
	size_t slash, colon;

	if (str_eq(policy, STR("Always")))
		return PULL_ALWAYS;
	if (str_eq(policy, STR("Never")))
		return PULL_NEVER;
	if (str_eq(policy, STR("IfNotPresent")) || str_find_char(image, '@', 0) != SIZE_MAX)
		return PULL_IF_NOT_PRESENT;
	slash = str_rfind_char(image, '/');
	colon = str_find_char(image, ':', slash == SIZE_MAX ? 0 : slash);
	if (colon == SIZE_MAX || str_eq(str_slice(image, colon + 1, image.len), STR("latest")))
		return PULL_ALWAYS;
	return PULL_IF_NOT_PRESENT;
}

/* Any number may stand there; nothing waits for longer than this. */
static int64_t grace_decode(yyjson_val *v, int64_t fallback)
{
	return NUM_MIN(json_int(v, fallback), KUBELET_GRACE_SECONDS_MAX);
}

static void probe_decode(yyjson_val *json, struct probe_spec *ret)
{
	ret->json = json;
	ret->initial_delay_seconds = json_get_int(json, "initialDelaySeconds", 0);
	ret->timeout_seconds = NUM_MAX(json_get_int(json, "timeoutSeconds", 1), INT64_C(1));
	ret->period_seconds = NUM_MAX(json_get_int(json, "periodSeconds", 10), INT64_C(1));
	ret->success_threshold = NUM_MAX(json_get_int(json, "successThreshold", 1), INT64_C(1));
	ret->failure_threshold = NUM_MAX(json_get_int(json, "failureThreshold", 3), INT64_C(1));
	ret->grace_seconds = grace_decode(json_get(json, "terminationGracePeriodSeconds"), -1);
}

/* -1 when it is not there. Static pods may have plain numbers: nothing has made them canonical. */
static int64_t quantity_at(yyjson_val *resources, const char *list, struct str name, bool milli)
{
	yyjson_val *v = json_key(json_get(resources, list), name);

	if (yyjson_is_int(v))
		return json_int(v, 0) * (milli ? 1000 : 1);
	if (yyjson_is_real(v))
		return (int64_t)(yyjson_get_real(v) * (milli ? 1000 : 1));
	return milli ? quantity_text_milli(json_str(v), -1) : quantity_text_value(json_str(v), -1);
}

static void resources_decode(yyjson_val *json, struct pod_resources *ret)
{
	ret->cpu_request_milli = quantity_at(json, "requests", STR("cpu"), true);
	ret->cpu_limit_milli = quantity_at(json, "limits", STR("cpu"), true);
	ret->memory_request_bytes = quantity_at(json, "requests", STR("memory"), false);
	ret->memory_limit_bytes = quantity_at(json, "limits", STR("memory"), false);
	ret->storage_request_bytes = quantity_at(json, "requests", STR("ephemeral-storage"), false);
	ret->storage_limit_bytes = quantity_at(json, "limits", STR("ephemeral-storage"), false);
	/* The API server defaults requests from limits; static pods have not been through it. */
	if (ret->cpu_request_milli < 0)
		ret->cpu_request_milli = ret->cpu_limit_milli;
	if (ret->memory_request_bytes < 0)
		ret->memory_request_bytes = ret->memory_limit_bytes;
}

static void container_decode(yyjson_val *json, enum container_role role,
			     enum restart_policy pod_restart, struct pod_container *ret)
{
	struct str own = json_get_str(json, "restartPolicy");

	ret->json = json;
	ret->name = json_get_str(json, "name");
	ret->image = json_get_str(json, "image");
	ret->restart = restart_policy_of(own, pod_restart);
	if (role == ROLE_INIT && str_eq(own, STR("Always")))
		role = ROLE_SIDECAR;
	else if (role == ROLE_INIT && str_is_empty(own) && pod_restart == RESTART_ALWAYS)
		ret->restart = RESTART_ON_FAILURE;
	else if (role == ROLE_EPHEMERAL)
		ret->restart = RESTART_NEVER;
	ret->role = role;
	ret->pull = pull_policy_of(json_get_str(json, "imagePullPolicy"), ret->image);
	probe_decode(json_get(json, "startupProbe"), &ret->probes[PROBE_STARTUP]);
	probe_decode(json_get(json, "readinessProbe"), &ret->probes[PROBE_READINESS]);
	probe_decode(json_get(json, "livenessProbe"), &ret->probes[PROBE_LIVENESS]);
	ret->post_start = json_get(json, "lifecycle.postStart");
	ret->pre_stop = json_get(json, "lifecycle.preStop");
	ret->stop_signal = json_get_str(json, "lifecycle.stopSignal");
	resources_decode(json_get(json, "resources"), &ret->resources);
	ret->message_path = json_get_str(json, "terminationMessagePath");
	if (str_is_empty(ret->message_path))
		ret->message_path = STR("/dev/termination-log");
	ret->message_from_log = str_eq(json_get_str(json, "terminationMessagePolicy"),
				       STR("FallbackToLogsOnError"));
	ret->hash = str_hash(ret->name) * 31 + str_hash(ret->image);
}

const char *pod_qos_text(enum qos_class qos)
{
	static const char *const names[] = { "BestEffort", "Burstable", "Guaranteed" };

	return names[qos];
}

/* As the API server has it; a static pod has nobody's word yet. Guaranteed: every container has
 * equal, positive requests and limits of cpu and memory. BestEffort: nothing is set. */
static enum qos_class qos_of(const struct pod_spec *spec)
{
	struct str given = json_get_str(spec->obj->root, "status.qosClass");
	bool any = false, all = true;

	for (enum qos_class qos = QOS_BEST_EFFORT; qos <= QOS_GUARANTEED; qos++)
		if (str_eq_c(given, pod_qos_text(qos)))
			return qos;
	for (size_t i = 0; i < spec->container_count; i++) {
		const struct pod_resources *r = &spec->containers[i].resources;

		if (spec->containers[i].role == ROLE_EPHEMERAL)
			continue;
		if (r->cpu_request_milli > 0 || r->cpu_limit_milli > 0 ||
		    r->memory_request_bytes > 0 || r->memory_limit_bytes > 0)
			any = true;
		if (r->cpu_limit_milli <= 0 || r->memory_limit_bytes <= 0 ||
		    r->cpu_request_milli != r->cpu_limit_milli ||
		    r->memory_request_bytes != r->memory_limit_bytes)
			all = false;
	}
	if (!any)
		return QOS_BEST_EFFORT;
	return all ? QOS_GUARANTEED : QOS_BURSTABLE;
}

static size_t containers_decode(struct pod_spec *spec, const char *list, enum container_role role)
{
	size_t before = spec->container_count;

	JSON_EACH (item, json_get(spec->json, list)) {
		if (spec->container_count == KUBELET_CONTAINERS_MAX)
			break;
		container_decode(item, role, spec->restart,
				 &spec->containers[spec->container_count++]);
	}
	return spec->container_count - before;
}

void pod_spec_decode(const struct obj *pod, struct arena *arena, struct pod_spec *ret)
{
	yyjson_val *json = json_get(pod->root, "spec");
	size_t count = json_get_count(json, "initContainers") + json_get_count(json, "containers") +
		       json_get_count(json, "ephemeralContainers");

	*ret = (struct pod_spec){
		.obj = pod,
		.json = json,
		.namespace_ = pod->namespace_,
		.name = pod->name,
		.uid = pod->uid,
		.restart = restart_policy_of(json_get_str(json, "restartPolicy"), RESTART_ALWAYS),
		.host_network = json_get_bool(json, "hostNetwork", false),
		.host_pid = json_get_bool(json, "hostPID", false),
		.host_ipc = json_get_bool(json, "hostIPC", false),
		.share_pid = json_get_bool(json, "shareProcessNamespace", false),
		.grace_seconds = grace_decode(json_get(json, "terminationGracePeriodSeconds"), 30),
		.active_deadline_seconds = json_get_int(json, "activeDeadlineSeconds", -1),
		.deleting = obj_is_deleting(pod),
		.node_name = json_get_str(json, "nodeName"),
		.service_account = json_get_str(json, "serviceAccountName"),
	};
	if (ret->deleting)
		ret->grace_seconds = grace_decode(
			json_get(pod->root, "metadata.deletionGracePeriodSeconds"),
			ret->grace_seconds);
	ret->containers = arena_array(arena, NUM_MIN(count, (size_t)KUBELET_CONTAINERS_MAX) + 1,
				      sizeof(*ret->containers));
	ret->init_count = containers_decode(ret, "initContainers", ROLE_INIT);
	ret->main_count = containers_decode(ret, "containers", ROLE_MAIN);
	(void)containers_decode(ret, "ephemeralContainers",
				ROLE_EPHEMERAL); /* the rest of the array */
	ret->qos = qos_of(ret);
}

int pod_spec_find(const struct pod_spec *spec, struct str container)
{
	for (size_t i = 0; i < spec->container_count; i++)
		if (str_eq(spec->containers[i].name, container))
			return (int)i;
	return -1;
}

bool container_is_init(const struct pod_container *c)
{
	return c->role == ROLE_INIT || c->role == ROLE_SIDECAR;
}

/* "containers", "initContainers", "ephemeralContainers" */
static const char *container_list_name(const struct pod_container *c)
{
	if (container_is_init(c))
		return "initContainers";
	return c->role == ROLE_MAIN ? "containers" : "ephemeralContainers";
}

struct str container_field_path(const struct pod_container *c, struct arena *arena)
{
	return str_printf_in(arena, "spec.%s{" STR_FMT "}", container_list_name(c),
			     STR_ARG(c->name));
}
