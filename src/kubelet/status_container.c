/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerStatuses, initContainerStatuses and ephemeralContainerStatuses from spec and state.
 * Pure.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "kubelet/pod_status.h"

static void set_time(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t wall_ns)
{
	char text[TIME_TEXT_BYTES];

	json_set_str(doc, object, key, str_from(time_format(wall_ns, text)));
}

static void set_container_id(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *id)
{
	char text[RUNTIME_ID_BYTES + 8];
	int len = snprintf(text, sizeof(text), "cube://%s", id);

	json_set_str(doc, object, "containerID", str_sub(text, (size_t)len));
}

static const char *end_reason(const struct run_end *end)
{
	if (end->reason)
		return end->reason;
	if (end->oom_killed)
		return "OOMKilled";
	return end->exit_code == 0 ? "Completed" : "Error";
}

static void add_terminated(yyjson_mut_doc *doc, yyjson_mut_val *state, const struct run_end *end)
{
	yyjson_mut_val *t = json_set_object(doc, state, "terminated");

	if (end->id[0])
		set_container_id(doc, t, end->id);
	json_set_int(doc, t, "exitCode", end->exit_code);
	set_time(doc, t, "finishedAt", end->finished_ns);
	if (end->message && end->message[0])
		json_set_str(doc, t, "message", str_from(end->message));
	json_set_str(doc, t, "reason", str_from(end_reason(end)));
	if (end->signal)
		json_set_int(doc, t, "signal", end->signal);
	set_time(doc, t, "startedAt", end->started_ns);
}

static void add_waiting(yyjson_mut_doc *doc, yyjson_mut_val *state, const char *reason,
			struct str message)
{
	yyjson_mut_val *w = json_set_object(doc, state, "waiting");

	if (!str_is_empty(message))
		json_set_str(doc, w, "message", message);
	json_set_str(doc, w, "reason", str_from(reason));
}

/* The container waits between crashes. */
static bool container_is_crash_looping(const struct pod_container *spec,
				       const struct run_state *state, int64_t now_ns)
{
	return state->phase == RUN_EXITED && state->crash_waiting &&
	       state->not_before_ns > now_ns && container_wants_restart(spec, state);
}

static void add_crash_loop(yyjson_mut_doc *doc, yyjson_mut_val *out, const struct status_input *in,
			   size_t i)
{
	const struct pod_spec *spec = in->spec;
	char message[1024], delay[TIME_TEXT_BYTES];
	int len = snprintf(message, sizeof(message),
			   "back-off %s restarting failed container=" STR_FMT " pod=" STR_FMT
			   "_" STR_FMT "(" STR_FMT ")",
			   time_format_duration(
				   in->state->containers[i].crash_delay_ms * TIME_NS_PER_MS, delay),
			   STR_ARG(spec->containers[i].name), STR_ARG(spec->name),
			   STR_ARG(spec->namespace_), STR_ARG(spec->uid));

	add_waiting(doc, out, "CrashLoopBackOff",
		    str_sub(message, NUM_MIN((size_t)len, sizeof(message) - 1)));
}

/* state and lastState */
static void add_states(yyjson_mut_doc *doc, yyjson_mut_val *c, const struct status_input *in,
		       size_t i)
{
	const struct pod_container *spec = &in->spec->containers[i];
	const struct run_state *s = &in->state->containers[i];
	yyjson_mut_val *last = json_set_object(doc, c, "lastState");
	yyjson_mut_val *state = json_set_object(doc, c, "state");
	bool over = in->state->finished || in->spec->deleting;
	bool again = s->phase == RUN_EXITED && !over && container_wants_restart(spec, s);
	const char *fallback = in->spec->init_count > 0 ? "PodInitializing" : "ContainerCreating";

	if (s->phase == RUN_RUNNING) {
		set_time(doc, json_set_object(doc, state, "running"), "startedAt", s->started_ns);
		if (s->last.present)
			add_terminated(doc, last, &s->last);
	} else if (again && container_is_crash_looping(spec, s, in->now_ns)) {
		add_crash_loop(doc, state, in, i);
		add_terminated(doc, last, &s->end);
	} else if (s->end.present && !(again && s->waiting_reason)) {
		add_terminated(doc, state, &s->end);
		if (s->last.present)
			add_terminated(doc, last, &s->last);
	} else {
		add_waiting(doc, state, s->waiting_reason ? s->waiting_reason : fallback,
			    str_from(s->waiting_message));
		if (s->end.present)
			add_terminated(doc, last, &s->end);
	}
}

static void add_mounts(yyjson_mut_doc *doc, yyjson_mut_val *c, const struct pod_container *spec)
{
	yyjson_val *mounts = json_get(spec->json, "volumeMounts");
	yyjson_mut_val *list;

	if (yyjson_arr_size(mounts) == 0)
		return;
	list = json_set_array(doc, c, "volumeMounts");
	JSON_EACH (m, mounts) {
		yyjson_mut_val *to = json_append_object(doc, list);

		json_set_str(doc, to, "mountPath", json_get_str(m, "mountPath"));
		json_set_str(doc, to, "name", json_get_str(m, "name"));
		if (!json_get_bool(m, "readOnly", false))
			continue;
		json_set_bool(doc, to, "readOnly", true);
		json_set_str(doc, to, "recursiveReadOnly",
			     str_eq(json_get_str(m, "recursiveReadOnly"), STR("Enabled"))
				     ? STR("Enabled")
				     : STR("Disabled"));
	}
}

static void add_resources(yyjson_mut_doc *doc, yyjson_mut_val *c, const struct pod_container *spec)
{
	yyjson_val *resources = json_get(spec->json, "resources");

	if (yyjson_obj_size(resources) == 0 || !spec->json)
		return;
	if (json_get(resources, "requests"))
		json_set(doc, c, "allocatedResources", json_copy_at(doc, resources, "requests"));
	json_set(doc, c, "resources", json_copy(doc, resources));
}

static bool shows_ready(const struct pod_container *spec, const struct run_state *s)
{
	if (spec->role == ROLE_INIT)
		return s->phase == RUN_EXITED && s->end.exit_code == 0;
	return s->phase == RUN_RUNNING && s->ready && spec->role != ROLE_EPHEMERAL;
}

static void add_container(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct status_input *in,
			  size_t i)
{
	const struct pod_container *spec = &in->spec->containers[i];
	const struct run_state *s = &in->state->containers[i];
	yyjson_mut_val *c = json_append_object(doc, list);
	/* A first run is told of once it runs: what comes before would be a write of its own for
	 * nobody. */
	bool created = s->id[0] && (s->phase != RUN_STARTING || s->last.present);

	if (created)
		add_resources(doc, c, spec);
	if (created)
		set_container_id(doc, c, s->id);
	json_set_str(doc, c, "image",
		     created && s->image_name ? str_from(s->image_name) : spec->image);
	json_set_str(doc, c, "imageID",
		     !created ? STR("")
			      : str_from(s->image_digest_name && s->image_digest_name[0]
						 ? s->image_digest_name
						 : s->image_id));
	json_set_str(doc, c, "name", spec->name);
	json_set_bool(doc, c, "ready", shows_ready(spec, s));
	json_set_int(doc, c, "restartCount", s->restart_count);
	json_set_bool(doc, c, "started",
		      spec->role != ROLE_INIT && s->phase == RUN_RUNNING && s->started);
	add_states(doc, c, in, i);
	add_mounts(doc, c, spec);
}

static int by_name(const void *a, const void *b, void *arg)
{
	const struct pod_spec *spec = arg;

	return str_cmp(spec->containers[*(const size_t *)a].name,
		       spec->containers[*(const size_t *)b].name);
}

void status_add_containers(yyjson_mut_doc *doc, yyjson_mut_val *status,
			   const struct status_input *in)
{
	const struct pod_spec *spec = in->spec;
	size_t *order = mem_calloc(spec->container_count + 1, sizeof(*order));
	size_t main_end = spec->init_count + spec->main_count;
	yyjson_mut_val *list;

	for (size_t i = 0; i < spec->container_count; i++)
		order[i] = i;
	qsort_r(order + spec->init_count, spec->main_count, sizeof(*order), by_name, (void *)spec);
	list = json_set_array(doc, status, "containerStatuses");
	for (size_t i = spec->init_count; i < main_end; i++)
		add_container(doc, list, in, order[i]);
	if (spec->init_count > 0) {
		list = json_set_array(doc, status, "initContainerStatuses");
		for (size_t i = 0; i < spec->init_count; i++)
			add_container(doc, list, in, i);
	}
	if (main_end < spec->container_count) {
		list = json_set_array(doc, status, "ephemeralContainerStatuses");
		for (size_t i = main_end; i < spec->container_count; i++)
			add_container(doc, list, in, i);
	}
	mem_free(order);
}
