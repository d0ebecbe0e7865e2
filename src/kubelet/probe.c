/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes of one container. A prober is a timer and at most one attempt in flight; a result counts
 * only for the run it was made for. While a startup probe has not passed, the others wait.
 *
 * Liveness and startup ask for the container's end through kill_wanted; readiness changes `ready`;
 * pod_poke does the rest.
 */
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "kubelet/kubelet_internal.h"

#define PROBE_SLACK_PERCENT 10 /* of the period: probes of many pods share wake-ups */
#define PROBE_SLACK_MAX_MS 1000
#define PROBE_EAGER_MS 1000 /* this long after a start readiness is looked at ... */
#define PROBE_EAGER_INTERVAL_MS 50

struct prober {
	struct container_work *work;
	enum probe_type type;
	struct timer timer;
	struct runtime_probe attempt;
	struct arena arena;
	const struct obj *held; /* what the attempt borrows from */
	char run_id[RUNTIME_ID_BYTES];
	bool running, stopped;
	int64_t successes, failures; /* in a row */
	int64_t due_ns;		     /* monotonic: of the next attempt, before slack */
};

static const char *const type_names[PROBE_TYPE_COUNT] = {
	[PROBE_STARTUP] = "Startup",
	[PROBE_READINESS] = "Readiness",
	[PROBE_LIVENESS] = "Liveness",
};

static struct run_state *state_of(const struct prober *p)
{
	return &p->work->pod->state.containers[p->work->index];
}

static const struct probe_spec *spec_of(const struct prober *p)
{
	return &p->work->pod->spec.containers[p->work->index].probes[p->type];
}

static void prober_schedule(struct prober *p, int64_t delay_ms)
{
	int64_t slack = spec_of(p)->period_seconds * 1000 * PROBE_SLACK_PERCENT / 100;

	p->due_ns = env_mono_ns(p->timer.env) + delay_ms * TIME_NS_PER_MS;
	/* The first success is what somebody waits for. */
	if (p->successes == 0)
		slack = NUM_MIN(slack, INT64_C(100));
	timer_start_slack(&p->timer, delay_ms, NUM_MIN(slack, INT64_C(0) + PROBE_SLACK_MAX_MS));
}

static int64_t age_ms_of(const struct pod *pod, size_t index)
{
	int64_t ns = env_wall_ns(pod->kubelet->env) - pod->state.containers[index].started_ns;

	return NUM_MAX(ns / TIME_NS_PER_MS, INT64_C(0));
}

static int64_t first_delay_ms(const struct pod *pod, size_t index, size_t type)
{
	int64_t delay = pod->spec.containers[index].probes[type].initial_delay_seconds * 1000;

	return NUM_MAX(delay - age_ms_of(pod, index), INT64_C(0));
}

static void others_begin(struct prober *startup)
{
	for (size_t t = 0; t < PROBE_TYPE_COUNT; t++) {
		struct prober *p = startup->work->probers[t];

		if (p && p != startup)
			prober_schedule(p, first_delay_ms(p->work->pod, p->work->index, t));
	}
}

static void succeeded(struct prober *p)
{
	struct run_state *s = state_of(p);
	struct pod *pod = p->work->pod;

	p->failures = 0;
	if (++p->successes != spec_of(p)->success_threshold)
		return;
	if (p->type == PROBE_STARTUP) {
		s->started = true;
		if (!p->work->probers[PROBE_READINESS])
			s->ready = true;
		timer_stop(&p->timer);
		others_begin(p);
	} else if (p->type == PROBE_READINESS) {
		s->ready = true;
	}
	pod_poke(pod);
}

static void failed(struct prober *p, bool errored, struct str output)
{
	struct run_state *s = state_of(p);
	struct pod *pod = p->work->pod;

	/* A program that is just coming up is not unhealthy yet: look again soon rather than a
	 * period later. */
	if (p->type == PROBE_READINESS && !s->ready && !errored &&
	    age_ms_of(pod, p->work->index) < PROBE_EAGER_MS) {
		prober_schedule(p, PROBE_EAGER_INTERVAL_MS);
		return;
	}
	pod_event(pod, (int)p->work->index, EVENT_WARNING, "Unhealthy", "%s probe %s: " STR_FMT,
		  type_names[p->type], errored ? "errored" : "failed", STR_ARG(output));
	p->successes = 0;
	if (++p->failures < spec_of(p)->failure_threshold)
		return;
	if (p->type == PROBE_READINESS) {
		s->ready = false;
	} else {
		s->kill_wanted = p->type == PROBE_LIVENESS ? KILL_LIVENESS : KILL_STARTUP;
		timer_stop(&p->timer);
	}
	pod_poke(pod);
}

static void attempt_done(struct runtime_op *op, const struct err *err)
{
	struct prober *p = op->owner;
	struct run_state *s = state_of(p);
	struct pod *pod = p->work->pod;
	const struct probe_spec *spec = spec_of(p);
	int64_t wait_ns = p->due_ns + spec->period_seconds * TIME_NS_PER_SECOND -
			  env_mono_ns(p->timer.env);

	p->running = false;
	if (!p->stopped && !pod->kubelet->stopping && s->phase == RUN_RUNNING && !s->killing &&
	    strcmp(s->id, p->run_id) == 0) {
		prober_schedule(p, NUM_MAX(wait_ns / TIME_NS_PER_MS, INT64_C(0)));
		if (err)
			failed(p, true, str_from(err->msg));
		else if (p->attempt.ret_result == PROBE_SUCCESS)
			succeeded(p);
		else
			failed(p, p->attempt.ret_result == PROBE_UNKNOWN, p->attempt.ret_output);
	}
	arena_reset(&p->arena);
	obj_unref(p->held);
	p->held = NULL;
	pod_operation_end(pod);
}

static void prober_fire(struct timer *timer)
{
	struct prober *p = CONTAINER_OF(timer, struct prober, timer);
	struct pod *pod = p->work->pod;
	struct kubelet *k = pod->kubelet;
	const struct run_state *s = state_of(p);
	struct err err;

	if (p->stopped || p->running || s->phase != RUN_RUNNING || s->killing)
		return;
	if (p->type != PROBE_STARTUP && !s->started)
		return; /* others_begin starts it */
	p->due_ns = env_mono_ns(k->env);
	p->attempt = (struct runtime_probe){ .op = { .done = attempt_done, .owner = p } };
	if (handler_decode(pod, p->work->index, spec_of(p)->json, &p->arena, &p->attempt, &err) <
	    0) {
		prober_schedule(p, spec_of(p)->period_seconds * 1000);
		arena_reset(&p->arena);
		failed(p, true, str_from(err.msg));
		return;
	}
	p->attempt.timeout_ms = spec_of(p)->timeout_seconds * 1000;
	p->attempt.discard_status = false;
	memcpy(p->run_id, s->id, sizeof(p->run_id));
	p->held = obj_ref(pod->obj);
	p->running = true;
	pod_operation_begin(pod);
	k->runtime->ops->probe(k->runtime, &p->attempt);
}

static struct prober *prober_get(struct container_work *w, enum probe_type type)
{
	struct prober *p = w->probers[type];

	if (!p) {
		p = NEW(struct prober);
		p->work = w;
		p->type = type;
		timer_init(&p->timer, w->pod->kubelet->env, prober_fire);
		arena_init(&p->arena, (size_t)1 << 20);
		w->probers[type] = p;
	}
	p->stopped = false;
	p->successes = p->failures = 0;
	return p;
}

/* A run has begun, or was recognised: `started` and `ready` may be set from before. */
void probers_start(struct pod *pod, size_t index)
{
	const struct pod_container *c = &pod->spec.containers[index];
	struct run_state *s = &pod->state.containers[index];

	if (c->role == ROLE_INIT || c->role == ROLE_EPHEMERAL) {
		s->started = c->role == ROLE_EPHEMERAL;
		return;
	}
	if (!c->probes[PROBE_STARTUP].json)
		s->started = true;
	if (!c->probes[PROBE_READINESS].json)
		s->ready = s->started;
	for (size_t t = 0; t < PROBE_TYPE_COUNT; t++) {
		if (!c->probes[t].json || (t == PROBE_STARTUP && s->started))
			continue;
		prober_schedule(prober_get(pod->work[index], (enum probe_type)t),
				first_delay_ms(pod, index, t));
	}
}

void probers_stop(struct pod *pod, size_t index)
{
	for (size_t t = 0; t < PROBE_TYPE_COUNT; t++) {
		struct prober *p = pod->work[index]->probers[t];

		if (!p)
			continue;
		p->stopped = true;
		timer_stop(&p->timer);
	}
}

void probers_free(struct container_work *w)
{
	for (size_t t = 0; t < PROBE_TYPE_COUNT; t++) {
		struct prober *p = w->probers[t];

		if (!p)
			continue;
		timer_stop(&p->timer);
		arena_deinit(&p->arena);
		obj_unref(p->held);
		mem_free(p);
		w->probers[t] = NULL;
	}
}
