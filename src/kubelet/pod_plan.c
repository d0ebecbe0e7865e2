/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules by which a pod is started, kept running and ended. Sections, in the order in which they
 * are asked: ending (deleted, failed, deadline), over by itself, sandbox and volumes, init
 * containers, the others.
 */
#include "kubelet/pod_plan.h"

#include "base/assert.h"
#include "base/time.h"

static void step(struct pod_plan *plan, enum pod_step_kind kind, size_t container,
		 enum kill_reason reason)
{
	ASSERT(plan->count < sizeof(plan->steps) / sizeof(plan->steps[0]));
	plan->steps[plan->count++] = (struct pod_step){ .kind = kind,
							.container = container,
							.reason = reason };
}

static void wake_at(struct pod_plan *plan, int64_t at_ns)
{
	if (at_ns < plan->wake_ns)
		plan->wake_ns = at_ns;
}

bool container_wants_restart(const struct pod_container *spec, const struct run_state *state)
{
	if (state->phase != RUN_EXITED)
		return state->phase == RUN_WAITING;
	if (spec->role == ROLE_EPHEMERAL)
		return false;
	if (spec->role == ROLE_SIDECAR || spec->restart == RESTART_ALWAYS)
		return true;
	return spec->restart == RESTART_ON_FAILURE && state->end.exit_code != 0;
}

static bool is_alive(const struct run_state *c)
{
	return c->phase == RUN_RUNNING || c->phase == RUN_STARTING;
}

/* Main, ephemeral and plain init containers at once; sidecars one by one from the last, when those
 * are gone. Returns false once nothing is alive. */
static bool plan_kill_all(const struct pod_spec *spec, const struct pod_state *state,
			  enum kill_reason reason, struct pod_plan *plan)
{
	bool others = false;

	for (size_t i = 0; i < spec->container_count; i++) {
		if (spec->containers[i].role == ROLE_SIDECAR || !is_alive(&state->containers[i]))
			continue;
		others = true;
		if (state->containers[i].phase == RUN_RUNNING && !state->containers[i].killing)
			step(plan, STEP_KILL, i, reason);
	}
	if (others)
		return true;
	for (size_t i = spec->init_count; i-- > 0;) {
		if (!is_alive(&state->containers[i]))
			continue;
		if (state->containers[i].phase == RUN_RUNNING && !state->containers[i].killing)
			step(plan, STEP_KILL, i, reason);
		return true;
	}
	return false;
}

/* Everything down to the volumes; leaves the containers' records, which logs and status need. */
static void plan_end(const struct pod_spec *spec, const struct pod_state *state, int64_t now_ns,
		     struct pod_plan *plan)
{
	const struct sandbox_state *sandbox = &state->sandbox;

	plan->finished = true;
	if (plan_kill_all(spec, state, KILL_POD, plan))
		return;
	if (state->running_operations || sandbox->phase == SANDBOX_CREATING ||
	    sandbox->phase == SANDBOX_REMOVING)
		return;
	if (sandbox->phase != SANDBOX_NONE) {
		if (sandbox->not_before_ns > now_ns)
			wake_at(plan, sandbox->not_before_ns);
		else
			step(plan, STEP_REMOVE_SANDBOX, 0, KILL_POD);
		return;
	}
	if (state->volumes == VOLUMES_READY || (state->volumes == VOLUMES_NONE && spec->deleting)) {
		if (state->volumes_not_before_ns > now_ns)
			wake_at(plan, state->volumes_not_before_ns);
		else
			step(plan, STEP_REMOVE_VOLUMES, 0, KILL_POD);
	} else if (state->volumes != VOLUMES_REMOVING && spec->deleting) {
		step(plan, STEP_FORGET, 0, KILL_POD);
	}
}

/* True when no container will ever be started again: the pod has succeeded or failed. */
static bool is_over(const struct pod_spec *spec, const struct pod_state *state)
{
	size_t mains = 0;

	for (size_t i = 0; i < spec->container_count; i++) {
		const struct pod_container *c = &spec->containers[i];
		const struct run_state *s = &state->containers[i];

		if (c->role == ROLE_INIT && !state->initialized && s->phase == RUN_EXITED &&
		    s->end.exit_code != 0 && c->restart == RESTART_NEVER)
			return true;
		if (c->role != ROLE_MAIN)
			continue;
		mains++;
		if (s->phase != RUN_EXITED || container_wants_restart(c, s))
			return false;
	}
	return mains > 0;
}

static bool may_start(const struct run_state *s, int64_t now_ns, struct pod_plan *plan)
{
	if (s->not_before_ns <= now_ns)
		return true;
	wake_at(plan, s->not_before_ns);
	return false;
}

/* True once all are through; false when one has to be waited for. */
static bool plan_init(const struct pod_spec *spec, const struct pod_state *state, int64_t now_ns,
		      struct pod_plan *plan)
{
	for (size_t i = 0; i < spec->init_count; i++) {
		const struct pod_container *c = &spec->containers[i];
		const struct run_state *s = &state->containers[i];

		if (s->phase == RUN_STARTING)
			return false;
		if (s->phase == RUN_RUNNING) {
			if (c->role == ROLE_INIT || !s->started)
				return false;
			continue;
		}
		if (c->role == ROLE_INIT && s->phase == RUN_EXITED && s->end.exit_code == 0)
			continue;
		if (container_wants_restart(c, s) && may_start(s, now_ns, plan))
			step(plan, STEP_START, i, KILL_NONE);
		return false;
	}
	return true;
}

/* Containers whose process has to go although the pod stays. */
static void plan_unwanted(const struct pod_spec *spec, const struct pod_state *state,
			  struct pod_plan *plan)
{
	for (size_t i = 0; i < spec->container_count; i++) {
		const struct run_state *s = &state->containers[i];

		if (s->phase != RUN_RUNNING || s->killing)
			continue;
		if (s->kill_wanted)
			step(plan, STEP_KILL, i, s->kill_wanted);
		else if (s->hash != spec->containers[i].hash &&
			 spec->containers[i].role != ROLE_EPHEMERAL)
			step(plan, STEP_KILL, i, KILL_CHANGED);
	}
}

/* Main containers and broken sidecars in order, one at a time so that a postStart hook holds back
 * what follows. */
static void plan_containers(const struct pod_spec *spec, const struct pod_state *state,
			    int64_t now_ns, struct pod_plan *plan)
{
	bool starting = false;

	for (size_t i = 0; i < spec->container_count; i++) {
		const struct pod_container *c = &spec->containers[i];
		const struct run_state *s = &state->containers[i];

		if (c->role == ROLE_INIT)
			continue;
		if (s->phase == RUN_STARTING)
			starting = starting || c->role != ROLE_EPHEMERAL;
		else if (c->role == ROLE_EPHEMERAL && s->phase == RUN_WAITING &&
			 may_start(s, now_ns, plan))
			step(plan, STEP_START, i, KILL_NONE);
		else if (c->role != ROLE_EPHEMERAL && container_wants_restart(c, s) &&
			 may_start(s, now_ns, plan) && !starting) {
			step(plan, STEP_START, i, KILL_NONE);
			starting = true;
		}
	}
}

/* True once both are there. */
static bool plan_ground(const struct pod_spec *spec, const struct pod_state *state, int64_t now_ns,
			struct pod_plan *plan)
{
	const struct sandbox_state *sandbox = &state->sandbox;

	if (state->volumes == VOLUMES_NONE || state->volumes == VOLUMES_REMOVED) {
		if (state->volumes_not_before_ns <= now_ns)
			step(plan, STEP_SETUP_VOLUMES, 0, KILL_NONE);
		else
			wake_at(plan, state->volumes_not_before_ns);
	}
	if (sandbox->phase == SANDBOX_DEAD) {
		plan->initialized = false;
		if (!plan_kill_all(spec, state, KILL_SANDBOX, plan)) {
			if (sandbox->not_before_ns <= now_ns)
				step(plan, STEP_REMOVE_SANDBOX, 0, KILL_SANDBOX);
			else
				wake_at(plan, sandbox->not_before_ns);
		}
		return false;
	}
	if (sandbox->phase == SANDBOX_NONE) {
		if (sandbox->not_before_ns <= now_ns)
			step(plan, STEP_CREATE_SANDBOX, 0, KILL_NONE);
		else
			wake_at(plan, sandbox->not_before_ns);
	}
	return state->volumes == VOLUMES_READY && sandbox->phase == SANDBOX_READY;
}

void pod_plan(const struct pod_spec *spec, const struct pod_state *state, int64_t now_ns,
	      int64_t wall_ns, struct pod_plan *ret)
{
	struct pod_plan *plan = ret;

	ASSERT(state->container_count == spec->container_count);
	plan->count = 0;
	plan->wake_ns = INT64_MAX;
	plan->initialized = state->initialized;
	plan->finished = state->finished;
	plan->deadline_exceeded = false;

	if (spec->deleting || state->reason || state->finished || is_over(spec, state)) {
		plan_end(spec, state, now_ns, plan);
		return;
	}
	if (spec->active_deadline_seconds >= 0 && state->start_ns > 0) {
		int64_t left_ns = state->start_ns +
				  spec->active_deadline_seconds * TIME_NS_PER_SECOND - wall_ns;

		if (left_ns <= 0) {
			plan->deadline_exceeded = true;
			plan_end(spec, state, now_ns, plan);
			return;
		}
		wake_at(plan, now_ns + left_ns);
	}
	if (!plan_ground(spec, state, now_ns, plan))
		return;
	plan_unwanted(spec, state, plan);
	if (!plan->initialized) {
		if (!plan_init(spec, state, now_ns, plan))
			return;
		plan->initialized = true;
	}
	plan_containers(spec, state, now_ns, plan);
}
