/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Phase, conditions and addresses of a pod. The containers' part is in status_container.c.
 */
#include "kubelet/pod_status.h"

#include "api/condition.h"
#include "base/assert.h"
#include "base/time.h"

static const char *const condition_names[CONDITION_COUNT] = {
	[CONDITION_READY_TO_START] = "PodReadyToStartContainers",
	[CONDITION_INITIALIZED] = "Initialized",
	[CONDITION_READY] = "Ready",
	[CONDITION_CONTAINERS_READY] = "ContainersReady",
	[CONDITION_SCHEDULED] = "PodScheduled",
};

struct condition_value {
	bool is_true;
	const char *reason;
	struct buf message;
};

const char *pod_phase_text(enum pod_phase phase)
{
	static const char *const names[] = { "Pending", "Running", "Succeeded", "Failed" };

	return names[phase];
}

struct phase_counts {
	size_t running, waiting, stopped, succeeded;
	size_t init_pending, init_failed;
};

static void count_container(const struct pod_container *c, const struct run_state *s,
			    struct phase_counts *n)
{
	bool ran = s->id[0] && (s->end.present || s->last.present);

	switch (s->phase) {
	case RUN_RUNNING:
		n->running++;
		break;
	case RUN_EXITED:
		n->stopped++;
		if (s->end.exit_code == 0)
			n->succeeded++;
		break;
	case RUN_WAITING:
	case RUN_STARTING:
		/* Between two runs it counts as stopped. */
		if (ran)
			n->stopped++;
		else
			n->waiting++;
		break;
	}
	(void)c;
}

static struct phase_counts count_phases(const struct pod_spec *spec, const struct pod_state *state)
{
	struct phase_counts n = { 0 };

	for (size_t i = 0; i < spec->container_count; i++) {
		const struct pod_container *c = &spec->containers[i];
		const struct run_state *s = &state->containers[i];

		if (c->role == ROLE_MAIN) {
			count_container(c, s, &n);
		} else if (c->role == ROLE_INIT && !state->initialized) {
			if (s->phase == RUN_EXITED && s->end.exit_code != 0)
				n.init_failed++;
			else if (s->phase != RUN_EXITED)
				n.init_pending++;
		} else if (c->role == ROLE_SIDECAR && !state->initialized && !s->started) {
			n.init_pending++;
		}
	}
	return n;
}

enum pod_phase pod_phase_of(const struct pod_spec *spec, const struct pod_state *state)
{
	struct phase_counts n = count_phases(spec, state);
	bool dead = n.running == 0 && n.waiting == 0 && n.stopped > 0;

	if (state->reason)
		return POD_FAILED;
	if (n.init_failed > 0 && spec->restart == RESTART_NEVER)
		return POD_FAILED;
	/* A deleted pod whose processes are gone is over, whatever its policy says. */
	if (spec->deleting && state->finished && n.running == 0 && !state->running_operations)
		return n.succeeded == spec->main_count ? POD_SUCCEEDED : POD_FAILED;
	if (n.init_pending + n.init_failed > 0 || n.waiting > 0)
		return POD_PENDING;
	if (n.running > 0)
		return POD_RUNNING;
	if (!dead)
		return POD_PENDING;
	if (spec->restart == RESTART_ALWAYS)
		return POD_RUNNING;
	if (n.stopped == n.succeeded)
		return POD_SUCCEEDED;
	return spec->restart == RESTART_NEVER ? POD_FAILED : POD_RUNNING;
}

static void add_name(struct buf *names, struct str name)
{
	if (names->len > 0)
		buf_put_char(names, ' ');
	buf_put_str(names, name);
}

static bool counts_for_readiness(const struct pod_container *c)
{
	return c->role == ROLE_MAIN || c->role == ROLE_SIDECAR;
}

static void containers_ready(const struct status_input *in, enum pod_phase phase,
			     struct condition_value *ret)
{
	AUTO_BUF unready = { 0 };

	buf_init(&unready, 1 << 16);
	for (size_t i = 0; i < in->spec->container_count; i++) {
		const struct run_state *s = &in->state->containers[i];

		if (counts_for_readiness(&in->spec->containers[i]) &&
		    !(s->phase == RUN_RUNNING && s->ready))
			add_name(&unready, in->spec->containers[i].name);
	}
	if (phase == POD_SUCCEEDED || phase == POD_FAILED) {
		ret->reason = phase == POD_SUCCEEDED ? "PodCompleted" : "PodFailed";
		return;
	}
	if (unready.len == 0) {
		ret->is_true = true;
		return;
	}
	ret->reason = "ContainersNotReady";
	buf_printf(&ret->message, "containers with unready status: [" STR_FMT "]",
		   STR_ARG(buf_str(&unready)));
}

static void pod_ready(const struct status_input *in, const struct condition_value *containers,
		      struct condition_value *ret)
{
	if (!containers->is_true) {
		ret->reason = containers->reason;
		buf_put_str(&ret->message, buf_str(&containers->message));
		return;
	}
	JSON_EACH (gate, json_get(in->spec->json, "readinessGates")) {
		struct str type = json_get_str(gate, "conditionType");
		struct str status = json_get_str(
			condition_find(json_get(in->spec->obj->root, "status.conditions"), type),
			"status");

		if (str_eq(status, STR("True")))
			continue;
		if (ret->message.len > 0)
			buf_put_c(&ret->message, ", ");
		if (str_is_empty(status))
			buf_printf(&ret->message,
				   "corresponding condition of pod readiness gate \"" STR_FMT
				   "\" does not exist.",
				   STR_ARG(type));
		else
			buf_printf(&ret->message,
				   "the status of pod readiness gate \"" STR_FMT
				   "\" is not \"True\", but " STR_FMT,
				   STR_ARG(type), STR_ARG(status));
	}
	ret->is_true = ret->message.len == 0;
	if (!ret->is_true)
		ret->reason = "ReadinessGatesNotReady";
}

static void pod_initialized(const struct status_input *in, enum pod_phase phase,
			    struct condition_value *ret)
{
	AUTO_BUF incomplete = { 0 };

	ret->is_true = true;
	if (phase == POD_SUCCEEDED) {
		ret->reason = "PodCompleted";
		return;
	}
	if (in->state->initialized)
		return;
	buf_init(&incomplete, 1 << 16);
	for (size_t i = 0; i < in->spec->init_count; i++) {
		const struct pod_container *c = &in->spec->containers[i];
		const struct run_state *s = &in->state->containers[i];
		bool done = c->role == ROLE_SIDECAR
				    ? s->started
				    : s->phase == RUN_EXITED && s->end.exit_code == 0;

		if (!done)
			add_name(&incomplete, c->name);
	}
	if (incomplete.len == 0)
		return;
	ret->is_true = false;
	ret->reason = "ContainersNotInitialized";
	buf_printf(&ret->message, "containers with incomplete status: [" STR_FMT "]",
		   STR_ARG(buf_str(&incomplete)));
}

static void set_time(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t wall_ns)
{
	char text[TIME_TEXT_BYTES];

	json_set_str(doc, object, key, str_from(time_format(wall_ns, text)));
}

static bool is_ours(struct str type)
{
	for (size_t i = 0; i < CONDITION_COUNT; i++)
		if (str_eq_c(type, condition_names[i]))
			return true;
	return false;
}

static void add_conditions(yyjson_mut_doc *doc, yyjson_mut_val *status,
			   const struct status_input *in, struct condition_memory *memory,
			   enum pod_phase phase)
{
	struct condition_value values[CONDITION_COUNT] = { 0 };
	yyjson_mut_val *list = json_set_array(doc, status, "conditions");

	for (size_t i = 0; i < CONDITION_COUNT; i++)
		buf_init(&values[i].message, 1 << 16);
	values[CONDITION_READY_TO_START].is_true = in->state->sandbox.phase == SANDBOX_READY;
	values[CONDITION_SCHEDULED].is_true = true;
	pod_initialized(in, phase, &values[CONDITION_INITIALIZED]);
	containers_ready(in, phase, &values[CONDITION_CONTAINERS_READY]);
	pod_ready(in, &values[CONDITION_CONTAINERS_READY], &values[CONDITION_READY]);
	for (size_t i = 0; i < CONDITION_COUNT; i++) {
		yyjson_mut_val *c = json_append_object(doc, list);

		if (memory->since_ns[i] == 0 || memory->is_true[i] != values[i].is_true)
			memory->since_ns[i] = in->wall_ns;
		memory->is_true[i] = values[i].is_true;
		json_set_str(doc, c, "type", str_from(condition_names[i]));
		json_set_str(doc, c, "status", values[i].is_true ? STR("True") : STR("False"));
		if (in->spec->obj->generation > 0)
			json_set_int(doc, c, "observedGeneration", in->spec->obj->generation);
		json_set(doc, c, "lastProbeTime", yyjson_mut_null(doc));
		set_time(doc, c, "lastTransitionTime", memory->since_ns[i]);
		if (values[i].reason)
			json_set_str(doc, c, "reason", str_from(values[i].reason));
		if (values[i].message.len > 0)
			json_set_str(doc, c, "message", buf_str(&values[i].message));
		buf_deinit(&values[i].message);
	}
	JSON_EACH (old, json_get(in->spec->obj->root, "status.conditions"))
		if (!is_ours(json_get_str(old, "type")))
			yyjson_mut_arr_append(list, json_copy(doc, old));
}

static void add_addresses(yyjson_mut_doc *doc, yyjson_mut_val *status,
			  const struct status_input *in)
{
	struct str pod_address = str_from(in->state->sandbox.address);
	yyjson_mut_val *list;

	if (in->host_address_count > 0) {
		json_set_str(doc, status, "hostIP", in->host_addresses[0]);
		list = json_set_array(doc, status, "hostIPs");
		for (size_t i = 0; i < in->host_address_count; i++)
			json_set_str(doc, json_append_object(doc, list), "ip",
				     in->host_addresses[i]);
	}
	if (in->spec->host_network && in->state->sandbox.id[0] && in->host_address_count > 0)
		pod_address = in->host_addresses[0];
	if (str_is_empty(pod_address))
		return;
	json_set_str(doc, status, "podIP", pod_address);
	json_set_str(doc, json_append_object(doc, json_set_array(doc, status, "podIPs")), "ip",
		     pod_address);
}

void pod_status_add_nulls(yyjson_mut_doc *patch, const struct obj *pod)
{
	static const char *const names[] = {
		"reason",
		"message",
		"podIP",
		"podIPs",
		"hostIP",
		"hostIPs",
		"containerStatuses",
		"initContainerStatuses",
		"ephemeralContainerStatuses",
	};
	yyjson_mut_val *status = json_mut_get(yyjson_mut_doc_get_root(patch), "status");
	yyjson_val *old = json_get(pod->root, "status");

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (json_get(old, names[i]) && !json_mut_get(status, names[i]))
			json_set(patch, status, names[i], yyjson_mut_null(patch));
}

yyjson_mut_doc *pod_status_patch(const struct status_input *in, struct condition_memory *memory)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	yyjson_mut_val *metadata = json_set_object(doc, root, "metadata");
	yyjson_mut_val *status = json_set_object(doc, root, "status");
	enum pod_phase phase = pod_phase_of(in->spec, in->state);

	json_set_str(doc, metadata, "uid", in->spec->uid);
	if (in->spec->obj->generation > 0)
		json_set_int(doc, status, "observedGeneration", in->spec->obj->generation);
	json_set_str(doc, status, "phase", str_from(pod_phase_text(phase)));
	add_conditions(doc, status, in, memory, phase);
	if (in->state->message)
		json_set_str(doc, status, "message", str_from(in->state->message));
	if (in->state->reason)
		json_set_str(doc, status, "reason", str_from(in->state->reason));
	add_addresses(doc, status, in);
	if (in->state->start_ns > 0)
		set_time(doc, status, "startTime", in->state->start_ns);
	status_add_containers(doc, status, in);
	json_set_str(doc, status, "qosClass", str_from(pod_qos_text(in->spec->qos)));
	return doc;
}

void condition_memory_load(struct condition_memory *memory, const struct obj *pod)
{
	JSON_EACH (c, json_get(pod->root, "status.conditions")) {
		for (size_t i = 0; i < CONDITION_COUNT; i++) {
			int64_t since;

			if (!str_eq_c(json_get_str(c, "type"), condition_names[i]) ||
			    time_parse(json_get_str(c, "lastTransitionTime"), &since, NULL) < 0)
				continue;
			memory->is_true[i] = str_eq(json_get_str(c, "status"), STR("True"));
			memory->since_ns[i] = since;
		}
	}
}
