/* SPDX-License-Identifier: Apache-2.0 */
/* The row of a Pod: READY, STATUS and RESTARTS are worked out of the container statuses exactly as
 * upstream's printer does. */
#include "api/kinds/cells.h"

#include <stdio.h>
#include "api/condition.h"
#include "base/time.h"

struct summary {
	struct buf *reason;
	int64_t restarts, ready, total;
	int64_t last_restart_ns; /* 0 = none */
};

static void set_reason(struct summary *s, const char *prefix, struct str reason)
{
	buf_reset(s->reason);
	buf_put_c(s->reason, prefix);
	buf_put_str(s->reason, reason);
}

static void note_restart(int64_t *last_ns, yyjson_val *status)
{
	int64_t finished_ns;

	if (time_parse(json_get_str(status, "lastState.terminated.finishedAt"), &finished_ns,
		       NULL) == 0 &&
	    finished_ns > *last_ns)
		*last_ns = finished_ns;
}

static void terminated_reason(struct summary *s, const char *prefix, yyjson_val *terminated)
{
	struct str reason = json_get_str(terminated, "reason");
	int64_t signal = json_get_int(terminated, "signal", 0);

	set_reason(s, prefix, reason);
	if (reason.len)
		return;
	if (signal)
		buf_printf(s->reason, "Signal:%lld", (long long)signal);
	else
		buf_printf(s->reason, "ExitCode:%lld",
			   (long long)json_get_int(terminated, "exitCode", 0));
}

static yyjson_val *init_container(yyjson_val *spec, struct str name)
{
	JSON_EACH (container, yyjson_obj_get(spec, "initContainers")) {
		if (str_eq(json_get_str(container, "name"), name))
			return container;
	}
	return NULL;
}

static bool is_sidecar(yyjson_val *container)
{
	return str_eq_c(json_get_str(container, "restartPolicy"), "Always");
}

/* Restarts of sidecars go on counting when the pod is initialized. */
struct sidecars {
	int64_t restarts, last_restart_ns;
};

/* True while the pod is still being initialized. */
static bool init_statuses(struct summary *s, yyjson_val *spec, yyjson_val *status,
			  struct sidecars *sidecars)
{
	size_t count = json_get_count(spec, "initContainers"), i = 0;

	JSON_EACH (one, yyjson_obj_get(status, "initContainerStatuses")) {
		yyjson_val *terminated = json_get(one, "state.terminated");
		struct str waiting = json_get_str(one, "state.waiting.reason");
		bool sidecar = is_sidecar(init_container(spec, json_get_str(one, "name")));

		s->restarts += json_get_int(one, "restartCount", 0);
		note_restart(&s->last_restart_ns, one);
		if (sidecar) {
			sidecars->restarts += json_get_int(one, "restartCount", 0);
			note_restart(&sidecars->last_restart_ns, one);
		}
		i++;
		if (terminated && json_get_int(terminated, "exitCode", 0) == 0)
			continue;
		if (sidecar && json_get_bool(one, "started", false)) {
			s->ready += json_get_bool(one, "ready", false);
			continue;
		}
		if (terminated) {
			terminated_reason(s, "Init:", terminated);
		} else if (waiting.len && !str_eq_c(waiting, "PodInitializing")) {
			set_reason(s, "Init:", waiting);
		} else {
			buf_reset(s->reason);
			buf_printf(s->reason, "Init:%zu/%zu", i - 1, count);
		}
		return true;
	}
	return false;
}

static bool condition_is_true(yyjson_val *status, const char *type)
{
	yyjson_val *condition = condition_find(yyjson_obj_get(status, "conditions"),
					       str_from(type));

	return str_eq_c(json_get_str(condition, "status"), "True");
}

static void container_statuses(struct summary *s, yyjson_val *status)
{
	yyjson_val *statuses = yyjson_obj_get(status, "containerStatuses");
	bool has_running = false;

	for (size_t i = yyjson_arr_size(statuses); i-- > 0;) {
		yyjson_val *one = yyjson_arr_get(statuses, i);
		yyjson_val *terminated = json_get(one, "state.terminated");
		struct str waiting = json_get_str(one, "state.waiting.reason");

		s->restarts += json_get_int(one, "restartCount", 0);
		note_restart(&s->last_restart_ns, one);
		if (waiting.len) {
			set_reason(s, "", waiting);
		} else if (terminated) {
			terminated_reason(s, "", terminated);
		} else if (json_get_bool(one, "ready", false) && json_get(one, "state.running")) {
			has_running = true;
			s->ready++;
		}
	}
	if (str_eq_c(buf_str(s->reason), "Completed") && has_running)
		set_reason(s, "",
			   condition_is_true(status, "Ready") ? STR("Running") : STR("NotReady"));
}

static bool is_gated(yyjson_val *status)
{
	yyjson_val *condition = condition_find(yyjson_obj_get(status, "conditions"),
					       STR("PodScheduled"));

	return str_eq_c(json_get_str(condition, "reason"), "SchedulingGated");
}

static void summarize(struct summary *s, const struct obj *obj)
{
	yyjson_val *spec = yyjson_obj_get(obj->root, "spec"),
		   *status = yyjson_obj_get(obj->root, "status");
	struct str phase = json_get_str(status, "phase"), reason = json_get_str(status, "reason");
	struct sidecars sidecars = { 0 };

	s->total = (int64_t)json_get_count(spec, "containers");
	JSON_EACH (container, yyjson_obj_get(spec, "initContainers"))
		s->total += is_sidecar(container);
	set_reason(s, "", reason.len ? reason : phase);
	if (is_gated(status))
		set_reason(s, "", STR("SchedulingGated"));
	if (!init_statuses(s, spec, status, &sidecars) ||
	    condition_is_true(status, "Initialized")) {
		s->restarts = sidecars.restarts;
		s->last_restart_ns = sidecars.last_restart_ns;
		container_statuses(s, status);
	}
	if (!obj_is_deleting(obj))
		return;
	if (str_eq_c(reason, "NodeLost"))
		set_reason(s, "", STR("Unknown"));
	else if (!str_eq_c(phase, "Succeeded") && !str_eq_c(phase, "Failed"))
		set_reason(s, "", STR("Terminating"));
}

static void gates_cell(struct cells *c, yyjson_val *spec, yyjson_val *status)
{
	size_t count = json_get_count(spec, "readinessGates"), open = 0;
	char type[320];

	if (!count) {
		cell_c(c, "<none>");
		return;
	}
	JSON_EACH (gate, yyjson_obj_get(spec, "readinessGates")) {
		if (str_copy_to(json_get_str(gate, "conditionType"), type, sizeof(type)) == 0)
			open += condition_is_true(status, type);
	}
	cell_printf(c, "%zu/%zu", open, count);
}

void pod_cells(struct cells *c)
{
	yyjson_val *spec = yyjson_obj_get(c->obj->root, "spec"),
		   *status = yyjson_obj_get(c->obj->root, "status");
	char ago[TIME_TEXT_BYTES];
	AUTO_BUF reason = { 0 };
	struct summary s = { .reason = &reason };

	buf_init(&reason, 4096);
	summarize(&s, c->obj);
	cell_name(c);
	cell_printf(c, "%lld/%lld", (long long)s.ready, (long long)s.total);
	cell_str(c, buf_str(&reason));
	if (s.restarts && s.last_restart_ns)
		cell_printf(c, "%lld (%s ago)", (long long)s.restarts,
			    time_format_age(c->now_ns - s.last_restart_ns, ago));
	else
		cell_printf(c, "%lld", (long long)s.restarts);
	cell_created_age(c);
	cell_or(c, json_get_str(status, "podIP"), "<none>");
	cell_or(c, json_get_str(spec, "nodeName"), "<none>");
	cell_or(c, json_get_str(status, "nominatedNodeName"), "<none>");
	gates_cell(c, spec, status);
}
