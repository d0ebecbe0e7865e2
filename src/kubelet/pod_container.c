/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting one container: image, configuration, create, start, postStart hook; and what follows its
 * end: back-off. While this goes on the container is RUN_STARTING. Every step that fails says so in
 * an event and in the waiting state, and sets not_before_ns; the plan asks again.
 */
#include <inttypes.h>
#include <signal.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "kubelet/container_config.h"
#include "kubelet/kubelet_internal.h"

#define PULL_TURN_MS 2000 /* how long ErrImagePull is shown before ImagePullBackOff */

static struct run_state *state_of(struct container_work *w)
{
	return &w->pod->state.containers[w->index];
}

static const struct pod_container *spec_of(struct container_work *w)
{
	return &w->pod->spec.containers[w->index];
}

static struct env *env_of(struct container_work *w)
{
	return w->pod->kubelet->env;
}

static void container_set_waiting(struct run_state *s, const char *reason, struct str message)
{
	mem_free(s->waiting_message);
	s->waiting_message = str_is_empty(message) ? NULL : str_dup_c(message);
	s->waiting_reason = reason;
}

void run_end_set(struct run_end *end, const char *id, const struct runtime_exit *exit)
{
	mem_free(end->message);
	*end = (struct run_end){
		.present = true,
		.exit_code = exit->exit_code,
		.signal = 0,
		.oom_killed = exit->oom_killed,
		.started_ns = exit->started_ns,
		.finished_ns = exit->finished_ns,
		.message = str_is_empty(exit->message) ? NULL : str_dup_c(exit->message),
	};
	memcpy(end->id, id, sizeof(end->id));
	if (!str_is_empty(exit->error)) {
		end->reason = "StartError";
		mem_free(end->message);
		end->message = str_dup_c(exit->error);
	}
}

static void run_end_clear(struct run_end *end)
{
	mem_free(end->message);
	*end = (struct run_end){ .present = false };
}

void run_state_deinit(struct run_state *s)
{
	run_end_clear(&s->end);
	run_end_clear(&s->last);
	mem_free(s->image_id);
	mem_free(s->image_name);
	mem_free(s->image_digest_name);
	mem_free(s->waiting_message);
}

void container_work_reset(struct container_work *w)
{
	arena_reset(&w->arena);
	obj_unref(w->held);
	w->held = NULL;
}

/* The attempt is over without a run. */
static void start_failed(struct container_work *w, const char *reason, struct str message,
			 int64_t delay_ms)
{
	struct run_state *s = state_of(w);

	s->phase = s->end.present ? RUN_EXITED : RUN_WAITING;
	container_set_waiting(s, reason, message);
	s->crash_waiting = false;
	s->not_before_ns = env_mono_ns(env_of(w)) + delay_ms * TIME_NS_PER_MS;
	container_work_reset(w);
}

/* --- image --- */

static void pull_turned(struct timer *timer)
{
	struct container_work *w = CONTAINER_OF(timer, struct container_work, pull_turn);
	struct run_state *s = state_of(w);
	AUTO_FREE char *message = NULL;

	if (s->phase == RUN_STARTING || s->phase == RUN_RUNNING || !s->waiting_reason ||
	    !str_eq_c(STR("ErrImagePull"), s->waiting_reason) || w->pod->state.finished)
		return;
	message = mem_printf("Back-off pulling image \"" STR_FMT "\": ErrImagePull: %s",
			     STR_ARG(spec_of(w)->image),
			     s->waiting_message ? s->waiting_message : "");
	container_set_waiting(s, "ImagePullBackOff", str_from(message));
	pod_event(w->pod, (int)w->index, EVENT_NORMAL, "BackOff",
		  "Back-off pulling image \"" STR_FMT "\"", STR_ARG(spec_of(w)->image));
	pod_event(w->pod, (int)w->index, EVENT_WARNING, "Failed", "Error: ImagePullBackOff");
	pod_poke(w->pod);
}

static void image_failed(struct container_work *w, const struct err *err, bool pulled)
{
	struct pod *pod = w->pod;
	int64_t now = env_mono_ns(env_of(w));
	struct str image = spec_of(w)->image;

	if (err->code == ERR_BAD_REQUEST || err->code == ERR_PARSE) {
		AUTO_FREE char *message = mem_printf("Failed to apply default image tag \"" STR_FMT
						     "\": couldn't parse image name \"" STR_FMT
						     "\": invalid reference format",
						     STR_ARG(image), STR_ARG(image));

		pod_event(pod, (int)w->index, EVENT_WARNING, "InspectFailed", "%s", message);
		pod_event(pod, (int)w->index, EVENT_WARNING, "Failed", "Error: InvalidImageName");
		start_failed(w, "InvalidImageName", str_from(message), KUBELET_BACKOFF_BASE_MS);
		return;
	}
	if (!pulled) {
		AUTO_FREE char *message = mem_printf("Container image \"" STR_FMT
						     "\" is not present with pull policy of Never",
						     STR_ARG(image));

		pod_event(pod, (int)w->index, EVENT_WARNING, "ErrImageNeverPull", "%s", message);
		pod_event(pod, (int)w->index, EVENT_WARNING, "Failed", "Error: ErrImageNeverPull");
		start_failed(w, "ErrImageNeverPull", str_from(message), KUBELET_BACKOFF_BASE_MS);
		return;
	}
	if (w->pull_delay_ms == 0 ||
	    now - w->pull_updated_ns > 2 * KUBELET_BACKOFF_MAX_MS * TIME_NS_PER_MS)
		w->pull_delay_ms = KUBELET_BACKOFF_BASE_MS;
	else
		w->pull_delay_ms = NUM_MIN(w->pull_delay_ms * 2,
					   INT64_C(0) + KUBELET_BACKOFF_MAX_MS);
	w->pull_updated_ns = now;
	pod_event(pod, (int)w->index, EVENT_WARNING, "Failed",
		  "Failed to pull image \"" STR_FMT "\": %s", STR_ARG(image), err->msg);
	pod_event(pod, (int)w->index, EVENT_WARNING, "Failed", "Error: ErrImagePull");
	start_failed(w, "ErrImagePull", str_from(err->msg), w->pull_delay_ms);
	timer_start(&w->pull_turn, PULL_TURN_MS);
}

static void container_create_now(struct container_work *w);

/* True when the pod has turned away from starting this meanwhile. */
static bool is_unwanted(struct container_work *w)
{
	struct run_state *s = state_of(w);

	if (!w->pod->spec.deleting && !w->pod->state.finished && !w->pod->kubelet->stopping &&
	    w->pod->state.sandbox.phase == SANDBOX_READY)
		return false;
	s->phase = s->end.present ? RUN_EXITED : RUN_WAITING;
	container_work_reset(w);
	return true;
}

static void pull_begin(struct container_work *w);

static void image_done(struct runtime_op *op, const struct err *err)
{
	struct container_work *w = op->owner;
	const struct pod_container *spec = spec_of(w);
	struct pod *pod = w->pod;
	char took[TIME_TEXT_BYTES];

	if (is_unwanted(w)) {
		pod_operation_end(pod);
		return;
	}
	if (err && err->code == ERR_NOT_FOUND && !w->image.pull &&
	    spec->pull == PULL_IF_NOT_PRESENT) {
		pull_begin(w);
		pod_operation_end(pod);
		return;
	}
	if (err) {
		image_failed(w, err, w->image.pull);
		pod_operation_end(pod);
		return;
	}
	w->pull_delay_ms = 0;
	if (w->image.pull) {
		int64_t ns = env_mono_ns(env_of(w)) - w->pull_started_ns;

		(void)time_format_duration(ns / TIME_NS_PER_MS * TIME_NS_PER_MS,
					   took); /* writes to took */
		pod_event(pod, (int)w->index, EVENT_NORMAL, "Pulled",
			  "Successfully pulled image \"" STR_FMT
			  "\" in %s (%s including waiting). Image size: %" PRId64 " bytes.",
			  STR_ARG(spec->image), took, took, w->image.ret_size_bytes);
	} else {
		pod_event(pod, (int)w->index, EVENT_NORMAL, "Pulled",
			  "Container image \"" STR_FMT "\" already present on machine",
			  STR_ARG(spec->image));
	}
	container_create_now(w);
	pod_operation_end(pod);
}

static void image_submit(struct container_work *w, bool pull)
{
	struct kubelet *k = w->pod->kubelet;

	w->image = (struct runtime_image){
		.op = { .done = image_done, .owner = w },
		.name = str_in(&w->arena, spec_of(w)->image),
		.pull = pull,
	};
	if (pull)
		w->image.credential_count = config_pull_secrets(w->pod, &w->arena,
								&w->image.credentials);
	pod_operation_begin(w->pod);
	k->runtime->ops->image(k->runtime, &w->image);
}

static void pull_begin(struct container_work *w)
{
	w->pull_started_ns = env_mono_ns(env_of(w));
	pod_event(w->pod, (int)w->index, EVENT_NORMAL, "Pulling", "Pulling image \"" STR_FMT "\"",
		  STR_ARG(spec_of(w)->image));
	image_submit(w, true);
}

/* --- create and start --- */

static void become_running(struct container_work *w)
{
	struct run_state *s = state_of(w);

	s->phase = RUN_RUNNING;
	probers_start(w->pod, w->index);
	container_work_reset(w);
	pod_poke(w->pod);
}

static void post_start_done(struct runtime_op *op, const struct err *err)
{
	struct container_work *w = op->owner;
	struct run_state *s = state_of(w);
	struct pod *pod = w->pod;

	w->hook_running = false;
	/* It may have ended, or another run may have begun, while the hook ran. */
	if (s->phase == RUN_STARTING && strcmp(s->id, w->hook_id) == 0) {
		if (err || w->hook.ret_result != PROBE_SUCCESS) {
			pod_event(pod, (int)w->index, EVENT_WARNING, "FailedPostStartHook",
				  "PostStartHook failed");
			container_set_waiting(s, "PostStartHookError",
					      err ? str_from(err->msg) : w->hook.ret_output);
			s->kill_wanted = KILL_POST_START;
		}
		become_running(w);
	}
	pod_operation_end(pod);
}

static void container_started(struct container_work *w)
{
	struct kubelet *k = w->pod->kubelet;
	struct run_state *s = state_of(w);
	const struct pod_container *spec = spec_of(w);
	struct err err;

	s->started_ns = env_wall_ns(k->env);
	container_set_waiting(s, NULL, STR_NONE);
	pod_event(w->pod, (int)w->index, EVENT_NORMAL, "Started", "Started container " STR_FMT,
		  STR_ARG(spec->name));
	if (!spec->post_start) {
		become_running(w);
		return;
	}
	container_work_reset(w);
	w->held = obj_ref(w->pod->obj);
	w->hook = (struct runtime_probe){ .op = { .done = post_start_done, .owner = w } };
	if (handler_decode(w->pod, w->index, spec->post_start, &w->arena, &w->hook, &err) < 0) {
		pod_event(w->pod, (int)w->index, EVENT_WARNING, "FailedPostStartHook",
			  "PostStartHook failed: %s", err.msg);
		s->kill_wanted = KILL_POST_START;
		become_running(w);
		return;
	}
	memcpy(w->hook_id, s->id, sizeof(w->hook_id));
	w->hook_running = true;
	pod_operation_begin(w->pod);
	k->runtime->ops->probe(k->runtime, &w->hook);
}

static void start_done(struct runtime_op *op, const struct err *err)
{
	struct container_work *w = op->owner;
	struct run_state *s = state_of(w);
	struct pod *pod = w->pod;

	w->start_running = false;
	if (err) {
		int64_t now = env_wall_ns(env_of(w));
		struct runtime_exit exit = {
			.exit_code = 128,
			.started_ns = 0,
			.finished_ns = now,
			.error = str_from(err->msg),
		};

		pod_event(pod, (int)w->index, EVENT_WARNING, "Failed", "Error: %s", err->msg);
		container_exited(pod, w->index, &exit);
		container_set_waiting(s, "RunContainerError", str_from(err->msg));
	} else if (s->phase == RUN_STARTING) {
		container_started(w);
	}
	if (w->ended_early) {
		w->ended_early = false;
		if (!err)
			container_exited(pod, w->index, &w->early);
		mem_free(TAKE(w->early_message));
	}
	pod_operation_end(pod);
}

struct removal {
	struct runtime_container_op op;
	struct kubelet *kubelet;
	char id[RUNTIME_ID_BYTES];
};

static void removal_done(struct runtime_op *op, const struct err *err)
{
	struct removal *r = op->owner;
	struct kubelet *k = r->kubelet;

	/* A record too many does no harm: it goes with the sandbox. */
	(void)err;
	mem_free(r);
	kubelet_operation_end(k);
}

static void remove_old(struct container_work *w, const char *id)
{
	struct kubelet *k = w->pod->kubelet;
	struct removal *r = NEW(struct removal);

	r->kubelet = k;
	memcpy(r->id, id, sizeof(r->id));
	r->op = (struct runtime_container_op){ .op = { .done = removal_done, .owner = r },
					       .id = str_from(r->id) };
	kubelet_operation_begin(k);
	k->runtime->ops->container_remove(k->runtime, &r->op);
}

static void take_image(struct container_work *w)
{
	struct run_state *s = state_of(w);

	mem_free(s->image_id);
	mem_free(s->image_name);
	mem_free(s->image_digest_name);
	s->image_id = mem_strdup(w->image.ret_id);
	s->image_name = str_dup_c(w->create.image_name);
	s->image_digest_name = str_dup_c(w->image.ret_digest_name);
}

/* The crash back-off grows when a run begins, as upstream's does, so that the first crash is
 * followed by a start at once. */
static void backoff_grow(struct container_work *w)
{
	struct run_state *s = state_of(w);
	int64_t now = env_mono_ns(env_of(w));

	if (!s->end.present)
		return;
	if (s->crash_delay_ms == 0 ||
	    now - s->crash_updated_ns > KUBELET_BACKOFF_RESET_MS * TIME_NS_PER_MS)
		s->crash_delay_ms = KUBELET_BACKOFF_BASE_MS;
	else
		s->crash_delay_ms = NUM_MIN(s->crash_delay_ms * 2,
					    INT64_C(0) + KUBELET_BACKOFF_MAX_MS);
	s->crash_updated_ns = now;
}

static void create_done(struct runtime_op *op, const struct err *err)
{
	struct container_work *w = op->owner;
	struct kubelet *k = w->pod->kubelet;
	struct run_state *s = state_of(w);
	struct pod *pod = w->pod;

	if (err) {
		bool config = err->code == ERR_INVALID;

		pod_event(pod, (int)w->index, EVENT_WARNING, "Failed", "Error: %s", err->msg);
		start_failed(w, config ? "CreateContainerConfigError" : "CreateContainerError",
			     str_from(err->msg), KUBELET_BACKOFF_BASE_MS);
		pod_operation_end(pod);
		return;
	}
	backoff_grow(w);
	if (s->id[0]) {
		s->restart_count++;
		remove_old(w, s->id);
	}
	if (s->end.present) {
		run_end_clear(&s->last);
		s->last = s->end;
		s->end = (struct run_end){ .present = false };
	}
	memcpy(s->id, w->create.ret_id, sizeof(s->id));
	s->hash = spec_of(w)->hash;
	s->crash_waiting = s->ready = s->started = s->killing = false;
	s->kill_wanted = KILL_NONE;
	s->not_before_ns = 0;
	take_image(w);
	pod_event(pod, (int)w->index, EVENT_NORMAL, "Created", "Created container: " STR_FMT,
		  STR_ARG(spec_of(w)->name));
	w->start_running = true;
	w->start = (struct runtime_container_op){ .op = { .done = start_done, .owner = w },
						  .id = str_from(w->create.ret_id) };
	pod_operation_begin(pod);
	k->runtime->ops->container_start(k->runtime, &w->start);
	pod_operation_end(pod);
}

static void container_create_now(struct container_work *w)
{
	struct kubelet *k = w->pod->kubelet;
	struct err err;

	w->create = (struct runtime_container_create){ .op = { .done = create_done, .owner = w } };
	if (container_config(w->pod, w->index, &w->image, &w->arena, &w->create, &err) < 0) {
		pod_event(w->pod, (int)w->index, EVENT_WARNING, "Failed", "Error: %s", err.msg);
		start_failed(w, "CreateContainerConfigError", str_from(err.msg),
			     KUBELET_BACKOFF_BASE_MS);
		return;
	}
	pod_operation_begin(w->pod);
	k->runtime->ops->container_create(k->runtime, &w->create);
}

void container_begin(struct pod *pod, size_t index)
{
	struct container_work *w = pod->work[index];
	struct run_state *s = &pod->state.containers[index];

	if (w->hook_running || w->start_running)
		return; /* of the run before: the end of that operation comes back here */
	if (!w->pull_turn.fn)
		timer_init(&w->pull_turn, pod->kubelet->env, pull_turned);
	timer_stop(&w->pull_turn);
	s->phase = RUN_STARTING;
	container_work_reset(w);
	w->held = obj_ref(pod->obj);
	if (pod->spec.containers[index].pull == PULL_ALWAYS)
		pull_begin(w);
	else
		image_submit(w, false);
}

/* --- the end of a run --- */

/* A program may be over before it is known that it began. */
static void end_early(struct container_work *w, const struct runtime_exit *exit)
{
	w->ended_early = true;
	mem_free(w->early_message);
	w->early_message = str_dup_c(exit->message);
	w->early = *exit;
	w->early.message = str_from(w->early_message);
	w->early.error = STR_NONE; /* start's answer has it */
}

static void tell_followers(struct kubelet *k, const char *id)
{
	LIST_FOR_EACH (node, &k->log_followers) {
		struct log_follower *f = LIST_ENTRY(node, struct log_follower, link);

		if (strcmp(f->id, id) == 0)
			f->ended(f);
	}
}

void container_exited(struct pod *pod, size_t index, const struct runtime_exit *exit)
{
	struct run_state *s = &pod->state.containers[index];
	const struct pod_container *spec = &pod->spec.containers[index];
	int64_t now = env_mono_ns(pod->kubelet->env);

	if (s->phase == RUN_EXITED)
		return;
	if (pod->work[index]->start_running) {
		end_early(pod->work[index], exit);
		return;
	}
	probers_stop(pod, index);
	container_kill_forget(pod->work[index]);
	tell_followers(pod->kubelet, s->id);
	s->phase = RUN_EXITED;
	s->ready = s->started = s->killing = false;
	s->kill_wanted = KILL_NONE;
	if (!s->waiting_reason || !str_eq_c(STR("PostStartHookError"), s->waiting_reason))
		container_set_waiting(s, NULL, STR_NONE);
	run_end_set(&s->end, s->id, exit);
	if (s->end.started_ns == 0 && str_is_empty(exit->error))
		s->end.started_ns = s->started_ns;
	/* A run that lasted wipes the slate. */
	if (s->crash_delay_ms &&
	    now - s->crash_updated_ns > KUBELET_BACKOFF_RESET_MS * TIME_NS_PER_MS)
		s->crash_delay_ms = 0;
	s->crash_waiting = s->crash_delay_ms > 0 && container_wants_restart(spec, s);
	s->not_before_ns = s->crash_waiting ? now + s->crash_delay_ms * TIME_NS_PER_MS : 0;
	if (s->crash_waiting && !pod->spec.deleting && !pod->state.finished)
		pod_event(pod, (int)index, EVENT_WARNING, "BackOff",
			  "Back-off restarting failed container " STR_FMT " in pod " STR_FMT
			  "_" STR_FMT "(" STR_FMT ")",
			  STR_ARG(spec->name), STR_ARG(pod->spec.name),
			  STR_ARG(pod->spec.namespace_), STR_ARG(pod->spec.uid));
	pod_poke(pod);
}
