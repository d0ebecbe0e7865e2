/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kubelet that starts again: what runs is recognised by its records and goes on, what ended
 * meanwhile is accounted for, what belongs to no pod is cleared away. What records do not hold
 * (readiness, the run before, the phase) is read from the status that the API has.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "codec/json.h"
#include "kubelet/kubelet_internal.h"

struct restored_pod {
	struct runtime_record **records; /* borrowed from the list */
	size_t count;
	bool has_folder;
};

static struct restored_pod *restored_of(struct kubelet *k, struct str uid)
{
	struct restored_pod *r = map_get(&k->restored, uid);

	if (!r) {
		r = NEW(struct restored_pod);
		(void)map_put(&k->restored, uid, r); /* was not there */
	}
	return r;
}

void kubelet_restore(struct kubelet *k)
{
	for (size_t i = 0; i < k->list.ret_count; i++) {
		struct restored_pod *r = restored_of(k, k->list.ret_records[i].owner.pod_uid);

		r->records = mem_realloc_array(r->records, r->count + 1,
					       sizeof(struct runtime_record *));
		r->records[r->count++] = &k->list.ret_records[i];
	}
	for (size_t i = 0; i < k->list.ret_pod_uid_count; i++)
		restored_of(k, k->list.ret_pod_uids[i])->has_folder = true;
}

static void restored_free(struct restored_pod *r)
{
	mem_free(r->records);
	mem_free(r);
}

void kubelet_restored_free(struct kubelet *k)
{
	size_t cursor = 0;
	struct str uid;
	void *value;

	while (map_next(&k->restored, &cursor, &uid, &value))
		restored_free(value);
	map_deinit(&k->restored);
	map_init(&k->restored);
}

/* --- from the API's status --- */

static struct str bare_id(struct str container_id)
{
	size_t at = str_find(container_id, STR("://"), 0);

	return at == SIZE_MAX ? STR_NONE : str_slice(container_id, at + 3, container_id.len);
}

static int64_t time_at(yyjson_val *v, const char *key)
{
	int64_t ns;

	return time_parse(json_get_str(v, key), &ns, NULL) == 0 ? ns : 0;
}

/* Reasons are constants in the state: the ones that can be read back. */
static const char *reason_constant(struct str reason)
{
	static const char *const known[] = { "StartError", "ContainerStatusUnknown",
					     "DeadlineExceeded" };

	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		if (str_eq_c(reason, known[i]))
			return known[i];
	return NULL;
}

static void end_from_status(struct run_end *end, yyjson_val *terminated)
{
	struct str id = bare_id(json_get_str(terminated, "containerID"));
	struct str reason = json_get_str(terminated, "reason"),
		   message = json_get_str(terminated, "message");

	if (!terminated)
		return;
	mem_free(end->message);
	*end = (struct run_end){
		.present = true,
		.exit_code = (int)json_get_int(terminated, "exitCode", 0),
		.oom_killed = str_eq(reason, STR("OOMKilled")),
		.started_ns = time_at(terminated, "startedAt"),
		.finished_ns = time_at(terminated, "finishedAt"),
		.reason = reason_constant(reason),
		.message = str_is_empty(message) ? NULL : str_dup_c(message),
	};
	if (str_copy_to(id, end->id, sizeof(end->id)) < 0)
		end->id[0] = 0;
}

static void state_from_status(struct run_state *s, yyjson_val *status)
{
	yyjson_val *state = json_get(status, "state"),
		   *last = json_get(status, "lastState.terminated");

	if (str_copy_to(bare_id(json_get_str(status, "containerID")), s->id, sizeof(s->id)) < 0)
		s->id[0] = 0;
	s->restart_count = (uint32_t)json_get_int(status, "restartCount", 0);
	s->image_name = str_dup_c(json_get_str(status, "image"));
	s->image_id = str_dup_c(json_get_str(status, "imageID"));
	if (json_get(state, "terminated")) {
		end_from_status(&s->end, json_get(state, "terminated"));
		end_from_status(&s->last, last);
		s->phase = RUN_EXITED;
	} else if (json_get(state, "running")) {
		s->ready = json_get_bool(status, "ready", false);
		s->started = json_get_bool(status, "started", false);
		s->started_ns = time_at(json_get(state, "running"), "startedAt");
		end_from_status(&s->last, last);
	} else if (last) { /* it was waiting between two runs */
		end_from_status(&s->end, last);
		s->phase = RUN_EXITED;
	}
}

static yyjson_val *status_of(const struct pod *pod, size_t index)
{
	const struct pod_container *c = &pod->spec.containers[index];
	yyjson_val *list = json_get(json_get(pod->obj->root, "status"),
				    container_is_init(c)   ? "initContainerStatuses"
				    : c->role == ROLE_MAIN ? "containerStatuses"
							   : "ephemeralContainerStatuses");

	JSON_EACH (item, list)
		if (str_eq(json_get_str(item, "name"), c->name))
			return item;
	return NULL;
}

/* --- from the records --- */

/* In which delay it would be had it been watched all along. */
static void backoff_from_count(struct pod *pod, struct run_state *s)
{
	int64_t now = env_mono_ns(pod->kubelet->env),
		ago = env_wall_ns(pod->kubelet->env) - s->end.finished_ns;

	for (uint32_t i = 0; i < s->restart_count && s->crash_delay_ms < KUBELET_BACKOFF_MAX_MS;
	     i++)
		s->crash_delay_ms = s->crash_delay_ms ? NUM_MIN(s->crash_delay_ms * 2,
								INT64_C(0) + KUBELET_BACKOFF_MAX_MS)
						      : KUBELET_BACKOFF_BASE_MS;
	s->crash_updated_ns = now;
	if (s->phase != RUN_EXITED || s->crash_delay_ms == 0)
		return;
	s->crash_waiting = true;
	s->not_before_ns = now + s->crash_delay_ms * TIME_NS_PER_MS - NUM_MAX(ago, INT64_C(0));
}

static uint64_t hash_decode(struct str hex)
{
	uint64_t v = 0;

	for (size_t i = 0; i < hex.len && i < 16; i++) {
		char c = hex.ptr[i];

		v = v * 16 + (uint64_t)(c >= 'a' ? c - 'a' + 10 : c - '0');
	}
	return v;
}

static void state_from_record(struct pod *pod, size_t index, const struct runtime_record *r)
{
	struct run_state *s = &pod->state.containers[index];
	bool known = str_eq_c(r->id, s->id);

	mem_free(s->image_id);
	mem_free(s->image_name);
	mem_free(s->image_digest_name);
	s->image_id = str_dup_c(r->image_id);
	s->image_name = str_dup_c(r->image_name);
	s->image_digest_name = str_dup_c(r->image_digest_name);
	s->hash = hash_decode(r->hash);
	if (!known && s->end.present) { /* begun after the last report */
		mem_free(s->last.message);
		s->last = s->end;
		s->end = (struct run_end){ .present = false };
	}
	if (!known)
		s->ready = s->started = false;
	if (str_copy_to(r->id, s->id, sizeof(s->id)) < 0)
		return;
	s->restart_count = r->owner.attempt;
	s->started_ns = r->exit.started_ns;
	if (r->state == RUNTIME_RUNNING) {
		s->phase = RUN_RUNNING;
		mem_free(s->end.message);
		s->end = (struct run_end){ .present = false };
	} else {
		run_end_set(&s->end, s->id, &r->exit);
		s->phase = RUN_EXITED;
		s->ready = s->started = false;
	}
	backoff_from_count(pod, s);
}

static void sandbox_from_record(struct pod *pod, const struct runtime_record *r)
{
	struct sandbox_state *s = &pod->state.sandbox;

	if (str_copy_to(r->id, s->id, sizeof(s->id)) < 0)
		return;
	memcpy(s->address, r->address, sizeof(s->address));
	s->attempt = r->owner.attempt + 1;
	s->phase = r->state == RUNTIME_RUNNING ? SANDBOX_READY : SANDBOX_DEAD;
}

/* What the API says was initialised stays so while the same sandbox stands. */
static bool was_initialized(const struct pod *pod)
{
	if (pod->spec.init_count == 0)
		return true;
	for (size_t i = pod->spec.init_count; i < pod->spec.container_count; i++)
		if (pod->state.containers[i].id[0])
			return true;
	return pod->conditions.is_true[CONDITION_INITIALIZED] &&
	       pod->conditions.since_ns[CONDITION_INITIALIZED] > 0;
}

/* It ran when last heard of, and there is no record of it any more. */
static void lost_without_trace(struct pod *pod, struct run_state *s)
{
	struct runtime_exit exit = {
		.exit_code = 137,
		.started_ns = s->started_ns,
		.finished_ns = env_wall_ns(pod->kubelet->env),
		.message = STR("The container could not be located when the pod was terminated"),
	};

	run_end_set(&s->end, s->id, &exit);
	s->end.reason = "ContainerStatusUnknown";
	s->phase = RUN_EXITED;
	s->ready = s->started = false;
}

void pod_restore(struct pod *pod)
{
	struct kubelet *k = pod->kubelet;
	struct restored_pod *restored = map_remove(&k->restored, pod->spec.uid);

	for (size_t i = 0; i < pod->spec.container_count; i++) {
		yyjson_val *status = status_of(pod, i);

		if (status)
			state_from_status(&pod->state.containers[i], status);
	}
	if (str_copy_to(json_get_str(pod->obj->root, "status.podIP"), pod->state.sandbox.address,
			sizeof(pod->state.sandbox.address)) < 0)
		pod->state.sandbox.address[0] = 0; /* too long for an address */
	for (size_t i = 0; restored && i < restored->count; i++) {
		const struct runtime_record *r = restored->records[i];
		int index = pod_spec_find(&pod->spec, r->owner.container);

		if (str_is_empty(r->owner.container))
			sandbox_from_record(pod, r);
		else if (index >= 0 && r->state != RUNTIME_CREATED)
			state_from_record(pod, (size_t)index, r);
	}
	pod->logs_kept = restored && restored->has_folder;
	if (pod->state.finished)
		pod->state.volumes = restored && restored->has_folder ? VOLUMES_READY
								      : VOLUMES_REMOVED;
	else if (pod->state.sandbox.phase == SANDBOX_READY)
		pod->state.initialized = was_initialized(pod);
	if (restored)
		restored_free(restored);
	for (size_t i = 0; i < pod->spec.container_count; i++) {
		struct run_state *s = &pod->state.containers[i];

		if (s->phase == RUN_RUNNING)
			probers_start(pod, i);
		else if (s->phase == RUN_WAITING && s->id[0] && !pod->state.finished)
			lost_without_trace(pod, s);
	}
}

/* --- orphans --- */

struct orphan {
	struct kubelet *kubelet;
	struct runtime_container_op sandbox;
	struct runtime_volumes volumes;
	struct restored_pod *restored;
	size_t next;
	char uid[RUNTIME_ID_BYTES];
};

static void orphan_next(struct orphan *o);

static void orphan_sandbox_done(struct runtime_op *op, const struct err *err)
{
	struct orphan *o = op->owner;

	if (err)
		log_warn("kubelet", "orphaned pod %s: %s", o->uid, err->msg);
	orphan_next(o);
}

static void orphan_volumes_done(struct runtime_op *op, const struct err *err)
{
	struct orphan *o = op->owner;
	struct kubelet *k = o->kubelet;

	if (err)
		log_warn("kubelet", "volumes of orphaned pod %s: %s", o->uid, err->msg);
	restored_free(o->restored);
	mem_free(o);
	kubelet_operation_end(k);
}

/* Its sandboxes (which take their containers along), then its folders. */
static void orphan_next(struct orphan *o)
{
	struct kubelet *k = o->kubelet;

	while (o->next < o->restored->count &&
	       !str_is_empty(o->restored->records[o->next]->owner.container))
		o->next++;
	if (o->next < o->restored->count) {
		o->sandbox = (struct runtime_container_op){
			.op = { .done = orphan_sandbox_done, .owner = o },
			.id = o->restored->records[o->next++]->id,
		};
		k->runtime->ops->sandbox_remove(k->runtime, &o->sandbox);
		return;
	}
	o->volumes = (struct runtime_volumes){
		.op = { .done = orphan_volumes_done, .owner = o },
		.pod_uid = str_from(o->uid),
	};
	k->runtime->ops->volumes_remove(k->runtime, &o->volumes);
}

void kubelet_clear_orphans(struct kubelet *k)
{
	size_t cursor = 0;
	struct str uid;
	void *value;

	while (map_next(&k->restored, &cursor, &uid, &value)) {
		struct orphan *o = NEW(struct orphan);

		o->kubelet = k;
		o->restored = value;
		if (str_copy_to(uid, o->uid, sizeof(o->uid)) < 0) {
			mem_free(o);
			continue;
		}
		log_info("kubelet", "clearing away what is left of pod %s", o->uid);
		(void)map_remove(&k->restored, uid); /* it is the orphan's now */
		kubelet_operation_begin(k);
		orphan_next(o);
	}
}
