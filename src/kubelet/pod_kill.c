/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ending a container with grace: preStop hook, TERM, and KILL when the time is up.
 *
 *   container_kill_begin ──> hook ──(done, or time up)──> TERM ──(grace left)──> KILL
 *                        └──────────no hook, or no grace────┘
 *
 * The end itself comes as the runtime's exit event (container_exited), which calls
 * container_kill_forget.
 */
#include <signal.h>

#include "base/num.h"
#include "base/time.h"
#include "codec/json.h"
#include "kubelet/kubelet_internal.h"

static struct run_state *state_of(struct container_work *w)
{
	return &w->pod->state.containers[w->index];
}

/* --- handlers --- */

static int port_decode(const struct pod_container *c, yyjson_val *port, uint16_t *ret,
		       struct err *err)
{
	struct str name = json_str(port);
	int64_t number = json_int(port, -1);
	uint64_t parsed;

	if (number < 0 && num_parse_u64(name, UINT16_MAX, "port", &parsed, NULL) == 0)
		number = (int64_t)parsed;
	if (number < 0)
		JSON_EACH (p, json_get(c->json, "ports"))
			if (str_eq(json_get_str(p, "name"), name))
				number = json_get_int(p, "containerPort", -1);
	if (number < 0)
		return err_set(err, ERR_INVALID, "couldn't find port: " STR_FMT, STR_ARG(name));
	if (number < 1 || number > UINT16_MAX)
		return err_set(err, ERR_INVALID, "invalid port number: %lld", (long long)number);
	*ret = (uint16_t)number;
	return 0;
}

static int http_decode(const struct pod_container *c, yyjson_val *get, struct arena *arena,
		       struct runtime_probe *ret, struct err *err)
{
	yyjson_val *headers = json_get(get, "httpHeaders");
	struct runtime_pair *pairs = arena_array(arena, yyjson_arr_size(headers) + 1,
						 sizeof(*pairs));

	ret->kind = PROBE_HTTP;
	ret->path = json_get_str(get, "path");
	ret->https = str_eq(json_get_str(get, "scheme"), STR("HTTPS"));
	if (!str_is_empty(json_get_str(get, "host")))
		ret->host = json_get_str(get, "host");
	JSON_EACH (h, headers)
		pairs[ret->header_count++] = (struct runtime_pair){ json_get_str(h, "name"),
								    json_get_str(h, "value") };
	ret->headers = pairs;
	return port_decode(c, json_get(get, "port"), &ret->port, err);
}

int handler_decode(const struct pod *pod, size_t index, yyjson_val *handler, struct arena *arena,
		   struct runtime_probe *ret, struct err *err)
{
	const struct pod_container *c = &pod->spec.containers[index];
	const struct kubelet_options *o = &pod->kubelet->options;
	struct str address = str_from(pod->state.sandbox.address);
	yyjson_val *action, *command;
	struct str *list;

	if (pod->spec.host_network && o->address_count > 0)
		address = o->addresses[0];
	ret->host = str_in(arena, address);
	ret->timeout_ms = KUBELET_HOOK_TIMEOUT_MS;
	ret->discard_status = true;
	if ((action = json_get(handler, "exec"))) {
		command = json_get(action, "command");
		list = arena_array(arena, yyjson_arr_size(command) + 1, sizeof(*list));
		JSON_EACH (item, command)
			list[ret->command_count++] = json_str(item);
		ret->kind = PROBE_EXEC;
		ret->command = list;
		ret->container_id = str_in(arena, str_from(pod->state.containers[index].id));
		return 0;
	}
	if ((action = json_get(handler, "httpGet")))
		return http_decode(c, action, arena, ret, err);
	if ((action = json_get(handler, "grpc"))) {
		ret->kind = PROBE_GRPC;
		ret->service = json_get_str(action, "service");
		return port_decode(c, json_get(action, "port"), &ret->port, err);
	}
	if ((action = json_get(handler, "tcpSocket"))) {
		ret->kind = PROBE_TCP;
		if (!str_is_empty(json_get_str(action, "host")))
			ret->host = json_get_str(action, "host");
		return port_decode(c, json_get(action, "port"), &ret->port, err);
	}
	return err_set(err, ERR_INVALID, "missing handler");
}

/* --- signals --- */

static void kill_submit(struct container_work *w, int signal);

static void kill_done(struct runtime_op *op, const struct err *err)
{
	struct container_work *w = op->owner;
	struct run_state *s = state_of(w);
	struct pod *pod = w->pod;
	int next = w->kill_signal_next;

	w->kill_running = false;
	w->kill_signal_next = 0;
	if (s->phase == RUN_RUNNING && strcmp(s->id, w->kill_id) == 0) {
		if (err && err->code == ERR_NOT_FOUND) {
			/* Nobody will tell us of its end: the runtime does not know it. */
			struct runtime_exit exit = {
				.exit_code = 137, .finished_ns = env_wall_ns(pod->kubelet->env)
			};

			container_exited(pod, w->index, &exit);
			s->end.reason = "ContainerStatusUnknown";
		} else if (next) {
			kill_submit(w, next);
		} else if (err && err->code != ERR_CONFLICT) {
			pod_event(pod, -1, EVENT_WARNING, "FailedKillPod", "error killing pod: %s",
				  err->msg);
			timer_start(&w->grace, 1000); /* again, then with KILL */
		}
	}
	pod_operation_end(pod);
}

static void kill_submit(struct container_work *w, int signal)
{
	struct kubelet *k = w->pod->kubelet;

	if (w->kill_running) {
		w->kill_signal_next = signal;
		return;
	}
	memcpy(w->kill_id, state_of(w)->id, sizeof(w->kill_id));
	w->kill = (struct runtime_kill){
		.op = { .done = kill_done, .owner = w },
		.id = str_from(w->kill_id),
		.signal = signal,
	};
	w->kill_running = true;
	pod_operation_begin(w->pod);
	k->runtime->ops->container_kill(k->runtime, &w->kill);
}

static void send_term(struct container_work *w)
{
	int64_t left_ms = (w->grace_end_ns - env_mono_ns(w->pod->kubelet->env)) / TIME_NS_PER_MS;

	w->in_pre_stop = false;
	left_ms = NUM_MAX(left_ms, INT64_C(1000) * KUBELET_KILL_GRACE_MIN_SECONDS);
	kill_submit(w, 0);
	timer_start(&w->grace, left_ms);
}

static void grace_over(struct timer *timer)
{
	struct container_work *w = CONTAINER_OF(timer, struct container_work, grace);

	if (state_of(w)->phase != RUN_RUNNING)
		return;
	if (w->in_pre_stop)
		send_term(w); /* the hook has used it all */
	else
		kill_submit(w, SIGKILL);
}

static void pre_stop_done(struct runtime_op *op, const struct err *err)
{
	struct container_work *w = op->owner;
	struct run_state *s = state_of(w);
	struct pod *pod = w->pod;

	w->hook_running = false;
	if (s->phase == RUN_RUNNING && strcmp(s->id, w->hook_id) == 0) {
		if (err || w->hook.ret_result != PROBE_SUCCESS)
			pod_event(pod, (int)w->index, EVENT_WARNING, "FailedPreStopHook",
				  "PreStopHook failed");
		if (w->in_pre_stop)
			send_term(w);
	}
	pod_operation_end(pod);
}

static bool pre_stop_begin(struct container_work *w, int64_t grace_ms)
{
	struct kubelet *k = w->pod->kubelet;
	yyjson_val *handler = w->pod->spec.containers[w->index].pre_stop;
	yyjson_val *sleep = json_get(handler, "sleep");
	struct err err;

	if (!handler || w->hook_running)
		return false;
	w->in_pre_stop = true;
	if (sleep) {
		timer_start(&w->grace,
			    NUM_MIN(grace_ms, json_get_int(sleep, "seconds", 0) * 1000 + 1));
		return true;
	}
	container_work_reset(w);
	w->held = obj_ref(w->pod->obj);
	w->hook = (struct runtime_probe){ .op = { .done = pre_stop_done, .owner = w } };
	if (handler_decode(w->pod, w->index, handler, &w->arena, &w->hook, &err) < 0) {
		pod_event(w->pod, (int)w->index, EVENT_WARNING, "FailedPreStopHook",
			  "PreStopHook failed: %s", err.msg);
		w->in_pre_stop = false;
		return false;
	}
	w->hook.timeout_ms = grace_ms;
	memcpy(w->hook_id, state_of(w)->id, sizeof(w->hook_id));
	w->hook_running = true;
	timer_start(&w->grace, grace_ms);
	pod_operation_begin(w->pod);
	k->runtime->ops->probe(k->runtime, &w->hook);
	return true;
}

/* --- the whole --- */

static int64_t grace_of(const struct pod *pod, size_t index, enum kill_reason reason)
{
	const struct pod_container *c = &pod->spec.containers[index];
	int64_t grace = pod->spec.grace_seconds;

	if (reason == KILL_LIVENESS && c->probes[PROBE_LIVENESS].grace_seconds >= 0)
		grace = c->probes[PROBE_LIVENESS].grace_seconds;
	else if (reason == KILL_STARTUP && c->probes[PROBE_STARTUP].grace_seconds >= 0)
		grace = c->probes[PROBE_STARTUP].grace_seconds;
	grace = NUM_MAX(grace, INT64_C(0));
	return NUM_MIN(grace, INT64_C(1) << 31);
}

static void tell_killing(struct pod *pod, size_t index, enum kill_reason reason)
{
	static const char *const why[] = {
		[KILL_LIVENESS] = "Container " STR_FMT " failed liveness probe, will be restarted",
		[KILL_STARTUP] = "Container " STR_FMT " failed startup probe, will be restarted",
		[KILL_CHANGED] = "Container " STR_FMT " definition changed, will be restarted",
		[KILL_POST_START] = "FailedPostStartHook",
	};
	struct str name = pod->spec.containers[index].name;
	const char *text = (size_t)reason < ARRAY_COUNT(why) ? why[reason] : NULL;

	pod_event(pod, (int)index, EVENT_NORMAL, "Killing",
		  text ? text : "Stopping container " STR_FMT, STR_ARG(name));
}

void container_kill_begin(struct pod *pod, size_t index, enum kill_reason reason)
{
	struct container_work *w = pod->work[index];
	int64_t grace = grace_of(pod, index, reason);

	if (!w->grace.fn)
		timer_init(&w->grace, pod->kubelet->env, grace_over);
	pod->state.containers[index].killing = true;
	probers_stop(pod, index);
	tell_killing(pod, index, reason);
	w->grace_end_ns = env_mono_ns(pod->kubelet->env) + grace * TIME_NS_PER_SECOND;
	if (grace == 0)
		kill_submit(w, SIGKILL);
	else if (!pre_stop_begin(w, grace * 1000))
		send_term(w);
}

void container_grace_changed(struct pod *pod)
{
	int64_t end = env_mono_ns(pod->kubelet->env) + pod->spec.grace_seconds * TIME_NS_PER_SECOND;

	for (size_t i = 0; i < pod->state.container_count; i++) {
		struct container_work *w = pod->work[i];

		if (pod->state.containers[i].phase != RUN_RUNNING ||
		    !pod->state.containers[i].killing || w->grace_end_ns <= end)
			continue;
		w->grace_end_ns = end;
		if (pod->spec.grace_seconds == 0) {
			w->in_pre_stop = false;
			kill_submit(w, SIGKILL);
		} else {
			timer_start(&w->grace, pod->spec.grace_seconds * 1000);
		}
	}
}

void container_kill_forget(struct container_work *w)
{
	timer_stop(&w->grace);
	w->in_pre_stop = false;
	w->kill_signal_next = 0;
}
