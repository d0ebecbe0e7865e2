/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pod: keeps spec and state together and runs the cycle observe, plan, act, report. Everything
 * that happens to a pod ends in pod_poke; only pod_turn decides.
 */
#include <stdarg.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "kubelet/kubelet_internal.h"

#define POD_ARENA_BYTES_MAX ((size_t)64 << 20)

void pod_poke(struct pod *pod)
{
	if (!pod->kubelet->stopping)
		env_defer(pod->kubelet->env, &pod->turn);
}

void pod_operation_begin(struct pod *pod)
{
	pod->operation_count++;
	kubelet_operation_begin(pod->kubelet);
}

void pod_operation_end(struct pod *pod)
{
	struct kubelet *k = pod->kubelet;

	ASSERT(pod->operation_count > 0);
	pod->operation_count--;
	pod_poke(pod);
	kubelet_operation_end(k);
}

int64_t retry_next(int64_t *delay_ms)
{
	*delay_ms = *delay_ms ? NUM_MIN(*delay_ms * 2, INT64_C(0) + KUBELET_RETRY_MAX_MS)
			      : KUBELET_RETRY_BASE_MS;
	return *delay_ms;
}

void pod_event(struct pod *pod, int container, const char *type, const char *reason,
	       const char *fmt, ...)
{
	struct event_note note = event_note_about(pod->obj);
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };
	va_list ap;

	arena_init(&arena, 1 << 20);
	buf_init(&text, 1 << 16);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (container >= 0)
		note.field_path = container_field_path(&pod->spec.containers[container], &arena);
	note.type = type;
	note.reason = reason;
	note.message = buf_str(&text);
	recorder_note(pod->kubelet->recorder, &note);
}

static const struct obj *source_config_map(void *arg, struct str namespace_, struct str name)
{
	return object_watch_find(((struct pod *)arg)->kubelet, false, namespace_, name);
}

static const struct obj *source_secret(void *arg, struct str namespace_, struct str name)
{
	return object_watch_find(((struct pod *)arg)->kubelet, true, namespace_, name);
}

static struct str source_token(void *arg, struct str volume, size_t source_index)
{
	return token_cache_find(((struct pod *)arg)->tokens, volume, source_index);
}

struct volume_sources pod_sources(struct pod *pod)
{
	const struct kubelet_options *options = &pod->kubelet->options;
	struct str host = options->address_count > 0 ? options->addresses[0] : STR_NONE;

	return (struct volume_sources){
		.config_map = source_config_map,
		.secret = source_secret,
		.token = source_token,
		.arg = pod,
		.host_address = host,
		.pod_address = pod->spec.host_network ? host : str_from(pod->state.sandbox.address),
		.node_name = options->node_name,
		.node_cpu_milli = options->cpu_milli,
		.node_memory_bytes = options->memory_bytes,
		.root_dir = options->root_dir,
	};
}

/* --- what the pod refers to --- */

struct reference_list {
	struct pod *pod;
	struct object_watch **watches;
	size_t count, cap;
};

static void reference_add(void *arg, bool is_secret, struct str name)
{
	struct reference_list *list = arg;

	if (list->count == list->cap) {
		list->cap = list->cap ? list->cap * 2 : 8;
		list->watches = mem_realloc_array(list->watches, list->cap,
						  sizeof(struct object_watch *));
	}
	list->watches[list->count++] = object_watch_get(list->pod->kubelet, is_secret,
							list->pod->spec.namespace_, name);
}

static void references_drop(struct pod *pod)
{
	for (size_t i = 0; i < pod->watch_count; i++)
		object_watch_put(pod->watches[i]);
	mem_free(pod->watches);
	pod->watches = NULL;
	pod->watch_count = 0;
}

/* The new ones are taken before the old ones are let go of, so that what stays is not watched anew.
 */
static void references_refresh(struct pod *pod)
{
	struct reference_list list = { .pod = pod };

	if (!pod->state.finished && !pod->spec.deleting)
		pod_references(&pod->spec, reference_add, &list);
	references_drop(pod);
	pod->watches = list.watches;
	pod->watch_count = list.count;
}

static bool references_are_synced(const struct pod *pod)
{
	if (pod->static_pod)
		return true; /* it refers to nothing, and may be there before the API is */
	for (size_t i = 0; i < pod->watch_count; i++)
		if (!object_watch_is_synced(pod->watches[i]))
			return false;
	return informer_is_synced(pod->kubelet->service_informer);
}

/* --- spec --- */

static void work_deinit(struct container_work *w)
{
	timer_stop(&w->grace);
	timer_stop(&w->pull_turn);
	probers_free(w);
	container_work_reset(w);
	mem_free(w->early_message);
	arena_deinit(&w->arena);
}

/* Ephemeral containers may come along; the others stay as they are. */
static void containers_resize(struct pod *pod)
{
	size_t before = pod->state.container_count, count = pod->spec.container_count;

	if (count == before)
		return;
	pod->state.containers = mem_realloc_array(pod->state.containers, count,
						  sizeof(*pod->state.containers));
	pod->work = mem_realloc_array(pod->work, count, sizeof(struct container_work *));
	for (size_t i = before; i < count; i++) {
		struct container_work *w = NEW(struct container_work);

		pod->state.containers[i] = (struct run_state){
			.hash = pod->spec.containers[i].hash
		};
		w->pod = pod;
		w->index = i;
		arena_init(&w->arena, POD_ARENA_BYTES_MAX);
		pod->work[i] = w;
	}
	pod->state.container_count = count;
}

static void pod_set_obj(struct pod *pod, const struct obj *obj)
{
	struct arena arena;
	struct pod_spec spec;
	const struct obj *old = pod->obj;

	arena_init(&arena, POD_ARENA_BYTES_MAX);
	pod_spec_decode(obj, &arena, &spec);
	if (spec.container_count < pod->state.container_count) {
		arena_deinit(&arena);
		log_error("kubelet", "pod " STR_FMT "/" STR_FMT " lost containers: change ignored",
			  STR_ARG(spec.namespace_), STR_ARG(spec.name));
		return;
	}
	pod->obj = obj_ref(obj);
	arena_deinit(&pod->arena);
	pod->arena = arena;
	pod->spec = spec;
	obj_unref(old);
	containers_resize(pod);
}

/* --- the cycle --- */

static void act(struct pod *pod, const struct pod_step *step, bool synced)
{
	switch (step->kind) {
	case STEP_SETUP_VOLUMES:
		if (synced && token_cache_is_ready(pod->tokens))
			pod_setup_volumes(pod);
		break;
	case STEP_CREATE_SANDBOX:
		pod_create_sandbox(pod);
		break;
	case STEP_START:
		if (synced)
			container_begin(pod, step->container);
		break;
	case STEP_KILL:
		container_kill_begin(pod, step->container, step->reason);
		break;
	case STEP_REMOVE_SANDBOX:
		pod_remove_sandbox(pod, step->reason);
		break;
	case STEP_REMOVE_VOLUMES:
		pod_remove_volumes(pod);
		break;
	case STEP_FORGET:
		if (pod->logs_kept)
			pod_remove_volumes(pod);
		else
			pod_forget_in_api(pod);
		break;
	}
}

static void pod_arm(struct pod *pod, int64_t wake_ns)
{
	int64_t now = env_mono_ns(pod->kubelet->env);

	if (pod->report_not_before_ns > now)
		wake_ns = NUM_MIN(wake_ns, pod->report_not_before_ns);
	if (wake_ns == INT64_MAX)
		timer_stop(&pod->wake);
	else
		timer_start(&pod->wake, wake_ns <= now ? 1 : (wake_ns - now) / TIME_NS_PER_MS + 1);
}

/* Contents have changed under volumes that stand. */
static void refresh_volumes(struct pod *pod, struct pod_plan *plan)
{
	if (!pod->volumes_stale || pod->state.volumes != VOLUMES_READY || plan->finished ||
	    !references_are_synced(pod))
		return;
	if (pod->state.volumes_not_before_ns > env_mono_ns(pod->kubelet->env))
		plan->wake_ns = NUM_MIN(plan->wake_ns, pod->state.volumes_not_before_ns);
	else if (token_cache_is_ready(pod->tokens))
		pod_setup_volumes(pod);
}

static void pod_turn(struct task *task)
{
	struct pod *pod = CONTAINER_OF(task, struct pod, turn);
	struct kubelet *k = pod->kubelet;
	struct pod_plan plan;
	bool was_finished = pod->state.finished;

	if (k->stopping)
		return;
	pod->state.running_operations = pod->operation_count > 0;
	pod_plan(&pod->spec, &pod->state, env_mono_ns(k->env), env_wall_ns(k->env), &plan);
	pod->state.initialized = plan.initialized;
	pod->state.finished = plan.finished;
	if (plan.deadline_exceeded && !pod->state.reason) {
		pod->state.reason = "DeadlineExceeded";
		pod->state.message = mem_strdup(
			"Pod was active on the node longer than the specified deadline");
		pod_event(pod, -1, EVENT_NORMAL, "DeadlineExceeded", "%s", pod->state.message);
	}
	if (plan.finished && !was_finished) {
		references_refresh(pod);
		pod->state.volumes_not_before_ns = 0; /* was for setting up */
		pod_poke(pod);
	}
	for (size_t i = 0; i < plan.count; i++)
		act(pod, &plan.steps[i], references_are_synced(pod));
	refresh_volumes(pod, &plan);
	pod_report(pod);
	pod_arm(pod, plan.wake_ns);
	if (pod->gone && pod->forgetting && pod->operation_count == 0)
		pod_free(pod);
}

static void pod_wake(struct timer *timer)
{
	pod_poke(CONTAINER_OF(timer, struct pod, wake));
}

/* --- life --- */

static bool status_is_terminal(const struct obj *obj)
{
	struct str phase = json_get_str(obj->root, "status.phase");

	return str_eq(phase, STR("Succeeded")) || str_eq(phase, STR("Failed"));
}

/* What the API was told before counts on: start, end, conditions. */
static void pod_take_reported(struct pod *pod)
{
	struct str reason = json_get_str(pod->obj->root, "status.reason");
	int64_t start;

	condition_memory_load(&pod->conditions, pod->obj);
	if (time_parse(json_get_str(pod->obj->root, "status.startTime"), &start, NULL) == 0)
		pod->state.start_ns = start;
	if (!status_is_terminal(pod->obj))
		return;
	pod->state.finished = true;
	pod->state.initialized = true;
	pod->state.message = str_dup_c(json_get_str(pod->obj->root, "status.message"));
	if (!str_is_empty(reason))
		pod->state.reason = str_c_in(&pod->kubelet->arena, reason);
}

struct pod *pod_new(struct kubelet *k, const struct obj *obj)
{
	struct pod *pod = NEW(struct pod);

	pod->kubelet = k;
	task_init(&pod->turn, pod_turn);
	timer_init(&pod->wake, k->env, pod_wake);
	buf_init(&pod->reported, KUBELET_OBJECT_BYTES_MAX);
	arena_init(&pod->arena, POD_ARENA_BYTES_MAX);
	arena_init(&pod->sandbox_arena, POD_ARENA_BYTES_MAX);
	arena_init(&pod->volumes_arena, POD_ARENA_BYTES_MAX);
	pod_set_obj(pod, obj);
	pod_take_reported(pod);
	pod->tokens = token_cache_new(pod);
	pod_restore(pod);
	if (pod->state.start_ns == 0)
		pod->state.start_ns = env_wall_ns(k->env);
	references_refresh(pod);
	(void)map_put(&k->pods, pod->spec.uid, pod); /* the caller has looked */
	pod_poke(pod);
	return pod;
}

void pod_free(struct pod *pod)
{
	ASSERT(pod->operation_count == 0);
	if (pod->static_pod)
		static_pod_ended(pod->static_pod);
	(void)map_remove(&pod->kubelet->pods, pod->spec.uid); /* it need not be there any more */
	client_forget_owner(pod->kubelet->client, pod);
	env_cancel(pod->kubelet->env, &pod->turn);
	timer_stop(&pod->wake);
	references_drop(pod);
	token_cache_free(pod->tokens);
	for (size_t i = 0; i < pod->state.container_count; i++) {
		work_deinit(pod->work[i]);
		mem_free(pod->work[i]);
		run_state_deinit(&pod->state.containers[i]);
	}
	mem_free(pod->work);
	mem_free(pod->state.containers);
	mem_free(pod->state.message);
	buf_deinit(&pod->reported);
	arena_deinit(&pod->sandbox_arena);
	arena_deinit(&pod->volumes_arena);
	arena_deinit(&pod->arena);
	obj_unref(pod->obj);
	mem_free(pod);
}

void pod_update(struct pod *pod, const struct obj *obj)
{
	bool was_deleting = pod->spec.deleting;
	int64_t grace = pod->spec.grace_seconds;
	bool meta_changed = obj->labels != pod->obj->labels;

	if (obj->resource_version <= pod->obj->resource_version || pod->gone)
		return;
	pod_set_obj(pod, obj);
	if (pod->spec.deleting && (!was_deleting || pod->spec.grace_seconds < grace)) {
		references_refresh(pod);
		container_grace_changed(pod);
	} else if (!pod->state.finished) {
		references_refresh(pod);
	}
	if (meta_changed && !pod->spec.deleting)
		pod_contents_changed(pod); /* the downward API shows labels and annotations */
	pod_poke(pod);
}

void pod_remove(struct pod *pod)
{
	if (pod->gone)
		return;
	pod->gone = true;
	/* The spec stays as it was: the containers end with the grace they asked for, or what the
	 * last delete said. */
	pod->spec.deleting = true;
	pod_poke(pod);
}
