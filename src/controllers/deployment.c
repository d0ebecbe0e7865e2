/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deployments: read what is there into a view, let deployment_plan decide, write the replica sets,
 * the revision and the status that differ. A new replica set's name follows from its template, so
 * that a create repeated after a crash finds the first one instead of making a second.
 */
#include "controllers/deployment.h"

#include <stdio.h>
#include "api/limits.h"
#include "api/selector.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "controllers/controller.h"
#include "controllers/owned.h"
#include "controllers/pod.h"
#include "controllers/template.h"

enum { WATCH_DEPLOYMENTS, WATCH_SETS, WATCH_PODS };

#define ANNOTATION_REVISION "deployment.kubernetes.io/revision"
#define ANNOTATION_HISTORY "deployment.kubernetes.io/revision-history"
#define ANNOTATION_DESIRED "deployment.kubernetes.io/desired-replicas"
#define ANNOTATION_MAX "deployment.kubernetes.io/max-replicas"

struct deployment_controller {
	struct controller base;
	struct map create_errors; /* key → char *, of the last attempt to make a replica set */
};

/* One reconcile. */
struct work_on {
	struct deployment_controller *c;
	struct key key;
	const struct obj *deployment;
	struct owned_set owned;
	struct arena *arena;
	struct deployment_view view;
	struct deployment_plan plan;
	char hash[TEMPLATE_HASH_BYTES];
};

/* --- observing --- */

static int64_t int_annotation(const struct obj *obj, const char *name, int64_t fallback)
{
	struct str text = obj_annotation(obj, name);
	int64_t value;

	if (!text.len || num_parse_i64(text, 0, INT64_MAX, name, &value, NULL) < 0)
		return fallback;
	return value;
}

static bool has_running_pods(const struct deployment_controller *c, const struct obj *set)
{
	struct informer_set pods = index_lookup(c->base.indexes[WATCH_PODS], set->uid);

	INFORMER_SET_FOR_EACH (pod, pods)
		if (!pod_is_terminal(pod))
			return true;
	return false;
}

static struct deployment_set set_view(const struct work_on *w, const struct obj *set, size_t index)
{
	yyjson_val *failure = condition_find(json_get(set->root, "status.conditions"),
					     STR("ReplicaFailure"));

	return (struct deployment_set){
		.name = set->name,
		.created_ns = obj_created_ns(set),
		.replicas = json_get_int(set->root, "spec.replicas", 1),
		.status_replicas = json_get_int(set->root, "status.replicas", 0),
		.ready = json_get_int(set->root, "status.readyReplicas", 0),
		.available = json_get_int(set->root, "status.availableReplicas", 0),
		.generation = set->generation,
		.observed_generation = json_get_int(set->root, "status.observedGeneration", 0),
		.revision = int_annotation(set, ANNOTATION_REVISION, 0),
		.desired = int_annotation(set, ANNOTATION_DESIRED, -1),
		.max_replicas = int_annotation(set, ANNOTATION_MAX, -1),
		.failure_reason = json_get_str(failure, "reason"),
		.failure_message = json_get_str(failure, "message"),
		.deleting = obj_is_deleting(set),
		.has_running_pods = w->view.recreate && has_running_pods(w->c, set),
		.is_new = template_equal(json_get(set->root, "spec.template"),
					 json_get(w->deployment->root, "spec.template")),
		.index = index,
	};
}

static struct deployment_condition condition_view(const struct obj *deployment, struct str type)
{
	yyjson_val *c = condition_find(json_get(deployment->root, "status.conditions"), type);

	return (struct deployment_condition){
		.status = json_get_str(c, "status"),
		.reason = json_get_str(c, "reason"),
		.message = json_get_str(c, "message"),
		.updated_ns = time_of(json_get_str(c, "lastUpdateTime")),
		.changed_ns = time_of(json_get_str(c, "lastTransitionTime")),
	};
}

static struct deployment_status status_view(const struct obj *deployment)
{
	yyjson_val *status = yyjson_obj_get(deployment->root, "status");

	return (struct deployment_status){
		.observed_generation = json_get_int(status, "observedGeneration", 0),
		.replicas = json_get_int(status, "replicas", 0),
		.updated = json_get_int(status, "updatedReplicas", 0),
		.ready = json_get_int(status, "readyReplicas", 0),
		.available = json_get_int(status, "availableReplicas", 0),
		.unavailable = json_get_int(status, "unavailableReplicas", 0),
		.collision_count = json_get_int(status, "collisionCount", 0),
		.available_condition = condition_view(deployment, STR("Available")),
		.progressing = condition_view(deployment, STR("Progressing")),
		.replica_failure = condition_view(deployment, STR("ReplicaFailure")),
	};
}

static int64_t limit_of(yyjson_val *spec, const char *field)
{
	int64_t value = json_get_int(spec, field, INT64_MAX);

	return value >= INT32_MAX ? INT64_MAX : value;
}

static bool is_owned(const struct work_on *w, const struct obj *set)
{
	for (size_t i = 0; i < w->owned.count; i++)
		if (w->owned.objects[i] == set)
			return true;
	return false;
}

static void view_deployment(struct work_on *w)
{
	const struct obj *d = w->deployment, *same_name;
	yyjson_val *spec = yyjson_obj_get(d->root, "spec"),
		   *template = yyjson_obj_get(spec, "template");
	struct deployment_view *view = &w->view;

	*view = (struct deployment_view){
		.name = d->name,
		.replicas = json_get_int(spec, "replicas", 1),
		.recreate = str_eq(json_get_str(spec, "strategy.type"), STR("Recreate")),
		.paused = json_get_bool(spec, "paused", false),
		.deleting = obj_is_deleting(d),
		.progress_deadline_seconds = limit_of(spec, "progressDeadlineSeconds"),
		.revision_history_limit = limit_of(spec, "revisionHistoryLimit"),
		.generation = d->generation,
		.now_ns = env_wall_ns(w->c->base.env),
		.status = status_view(d),
	};
	view->max_surge = scaled_value(json_get(spec, "strategy.rollingUpdate.maxSurge"),
				       view->replicas, true, 0);
	view->max_unavailable = scaled_value(
		json_get(spec, "strategy.rollingUpdate.maxUnavailable"), view->replicas, false, 0);
	deployment_fenceposts(view->replicas, &view->max_surge, &view->max_unavailable);
	view->sets = arena_array(w->arena, w->owned.count + 1, sizeof(*view->sets));
	for (size_t i = 0; i < w->owned.count; i++)
		view->sets[view->set_count++] = set_view(w, w->owned.objects[i], i);
	view->new_name = str_printf_in(
		w->arena, STR_FMT "-%s", STR_ARG(d->name),
		template_hash(template, view->status.collision_count, w->hash));
	same_name = informer_find(w->c->base.informers[WATCH_SETS], d->namespace_, view->new_name);
	view->new_name_taken = same_name &&
			       (!is_owned(w, same_name) ||
				!template_equal(json_get(same_name->root, "spec.template"),
						template));
	view->create_error = str_from(map_get(&w->c->create_errors, w->key.text));
}

/* --- acting --- */

static bool is_own_annotation(struct str name)
{
	return str_eq(name, STR("kubectl.kubernetes.io/last-applied-configuration")) ||
	       str_eq(name, STR(ANNOTATION_REVISION)) || str_eq(name, STR(ANNOTATION_HISTORY)) ||
	       str_eq(name, STR(ANNOTATION_DESIRED)) || str_eq(name, STR(ANNOTATION_MAX)) ||
	       str_eq(name, STR("deprecated.deployment.rollback.to"));
}

static void put_int(yyjson_mut_doc *doc, yyjson_mut_val *annotations, const char *name,
		    int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)value); /* fits */
	json_set_str(doc, annotations, name, str_from(text));
}

/* The revisions this set had before, when it gets a new one. */
static void put_history(const struct work_on *w, yyjson_mut_doc *doc, yyjson_mut_val *annotations,
			const struct obj *set)
{
	struct str had = obj_annotation(set, ANNOTATION_REVISION),
		   history = obj_annotation(set, ANNOTATION_HISTORY);
	struct str part;

	if (!had.len)
		return;
	while (history.len + had.len + 1 > REVISION_HISTORY_CHARS_MAX)
		if (!str_next_part(&history, ',', &part))
			break;
	json_set_str(doc, annotations, ANNOTATION_HISTORY,
		     history.len ? str_printf_in(w->arena, STR_FMT "," STR_FMT, STR_ARG(history),
						 STR_ARG(had))
				 : had);
}

/* The deployment's own annotations that the new set lacks. */
static bool copy_annotations(const struct work_on *w, yyjson_mut_doc *doc,
			     yyjson_mut_val *annotations, const struct obj *set)
{
	bool changed = false;

	JSON_MEMBERS (name, value, w->deployment->annotations) {
		if (is_own_annotation(json_str(name)) ||
		    (set && json_equal(json_key(set->annotations, json_str(name)), value)))
			continue;
		json_put_str(doc, annotations, json_str(name), json_str(value));
		changed = true;
	}
	return changed;
}

static void tell_scaled(const struct work_on *w, struct str name, int64_t from, int64_t to)
{
	recorder_event(w->c->base.recorder, w->deployment, EVENT_NORMAL, "ScalingReplicaSet",
		       "Scaled %s replica set " STR_FMT " from %lld to %lld",
		       to > from ? "up" : "down", STR_ARG(name), (long long)from, (long long)to);
}

static void set_written(void *owner, const struct request *request, const struct obj *result,
			const struct err *err)
{
	struct deployment_controller *c = owner;
	int64_t replicas;

	if (!err) {
		mem_free(map_remove(&c->create_errors, request->key));
		replicas = json_get_int(result->root, "spec.replicas", 0);
		if (replicas > 0)
			recorder_event(c->base.recorder, request->about, EVENT_NORMAL,
				       "ScalingReplicaSet",
				       "Scaled up replica set " STR_FMT " from 0 to %lld",
				       STR_ARG(result->name), (long long)replicas);
		return;
	}
	if (err->code == ERR_EXISTS ||
	    str_contains(str_from(err->msg), STR("because it is being terminated")))
		return; /* the cache will show the one that exists; or all of this is going away */
	mem_free(map_put(&c->create_errors, request->key, mem_strdup(err->msg)));
	recorder_event(c->base.recorder, request->about, EVENT_WARNING, "ReplicaSetCreateError",
		       "Failed to create new replica set: %s", err->msg);
}

static void put_hash(yyjson_mut_doc *doc, yyjson_mut_val *labels, const char *hash)
{
	json_set_str(doc, labels, TEMPLATE_HASH_LABEL, str_from(hash));
}

static yyjson_mut_doc *set_body(const struct work_on *w)
{
	const struct obj *d = w->deployment;
	yyjson_val *old_spec = yyjson_obj_get(d->root, "spec");
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *metadata, *spec, *template,
		       *annotations;

	json_set_str(doc, root, "apiVersion", STR("apps/v1"));
	json_set_str(doc, root, "kind", STR("ReplicaSet"));
	metadata = json_set_object(doc, root, "metadata");
	json_set_str(doc, metadata, "name", w->view.new_name);
	json_set_str(doc, metadata, "namespace", d->namespace_);
	owner_reference_add(doc, metadata, &kind_deployment, d);
	spec = json_set_object(doc, root, "spec");
	json_set_int(doc, spec, "replicas", w->plan.create_replicas);
	json_set_int(doc, spec, "minReadySeconds", json_get_int(old_spec, "minReadySeconds", 0));
	json_set(doc, spec, "selector", json_copy(doc, yyjson_obj_get(old_spec, "selector")));
	put_hash(doc, json_ensure_object(doc, json_mut_get(spec, "selector"), "matchLabels"),
		 w->hash);
	template = json_copy(doc, yyjson_obj_get(old_spec, "template"));
	json_set(doc, spec, "template", template);
	put_hash(doc,
		 json_ensure_object(doc, json_ensure_object(doc, template, "metadata"), "labels"),
		 w->hash);
	json_set(doc, metadata, "labels",
		 json_mut_copy(doc, json_mut_get(template, "metadata.labels")));
	annotations = json_set_object(doc, metadata, "annotations");
	(void)copy_annotations(w, doc, annotations,
			       NULL); /* whether there are any does not matter */
	put_int(doc, annotations, ANNOTATION_REVISION, w->plan.revision);
	put_int(doc, annotations, ANNOTATION_DESIRED, w->view.replicas);
	put_int(doc, annotations, ANNOTATION_MAX,
		w->view.replicas + (w->view.recreate ? 0 : w->view.max_surge));
	return doc;
}

static void submit_create(struct work_on *w)
{
	struct request r = request_create(&kind_replicaset, w->deployment->namespace_, set_body(w));

	r.about = w->deployment;
	r.answered = set_written;
	r.owner = w->c;
	controller_submit(&w->c->base, w->key.text, r);
}

static void submit_set(struct work_on *w, const struct deployment_set *planned)
{
	const struct obj *set = w->owned.objects[planned->index];
	yyjson_mut_doc *patch = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(patch), *metadata, *annotations, *spec;
	int64_t min_ready = json_get_int(w->deployment->root, "spec.minReadySeconds", 0);
	bool changed = planned->annotate || planned->replicas != planned->replicas_before;

	metadata = json_set_object(patch, root, "metadata");
	json_set_str(patch, metadata, "uid", set->uid);
	annotations = json_set_object(patch, metadata, "annotations");
	spec = json_set_object(patch, root, "spec");
	if (planned->is_new) {
		changed |= copy_annotations(w, patch, annotations, set);
		if (json_get_int(set->root, "spec.minReadySeconds", 0) != min_ready) {
			json_set_int(patch, spec, "minReadySeconds", min_ready);
			changed = true;
		}
		if (planned->revision != int_annotation(set, ANNOTATION_REVISION, 0)) {
			put_int(patch, annotations, ANNOTATION_REVISION, planned->revision);
			put_history(w, patch, annotations, set);
		}
	}
	if (!changed || w->view.deleting) {
		json_mut_free(patch);
		return;
	}
	if (planned->replicas != planned->replicas_before) {
		json_set_int(patch, spec, "replicas", planned->replicas);
		tell_scaled(w, planned->name, planned->replicas_before, planned->replicas);
	}
	if (planned->desired >= 0)
		put_int(patch, annotations, ANNOTATION_DESIRED, planned->desired);
	if (planned->max_replicas >= 0)
		put_int(patch, annotations, ANNOTATION_MAX, planned->max_replicas);
	controller_submit(&w->c->base, w->key.text,
			  request_patch(&kind_replicaset, set, API_PATCH_MERGE, patch));
}

static void submit_revision(struct work_on *w)
{
	yyjson_mut_doc *patch;
	yyjson_mut_val *metadata;

	if (!w->plan.revision ||
	    w->plan.revision == int_annotation(w->deployment, ANNOTATION_REVISION, 0))
		return;
	patch = json_new_object();
	metadata = json_set_object(patch, yyjson_mut_doc_get_root(patch), "metadata");
	json_set_str(patch, metadata, "uid", w->deployment->uid);
	put_int(patch, json_set_object(patch, metadata, "annotations"), ANNOTATION_REVISION,
		w->plan.revision);
	controller_submit(&w->c->base, w->key.text,
			  request_patch(&kind_deployment, w->deployment, API_PATCH_MERGE, patch));
}

static void put_condition(yyjson_mut_doc *doc, yyjson_mut_val *conditions, const char *type,
			  const struct deployment_condition *c)
{
	yyjson_mut_val *to;
	char text[TIME_TEXT_BYTES];

	if (!c->status.len)
		return;
	to = json_append_object(doc, conditions);
	json_set_str(doc, to, "type", str_from(type));
	json_set_str(doc, to, "status", c->status);
	json_set_str(doc, to, "lastUpdateTime", str_from(time_format(c->updated_ns, text)));
	json_set_str(doc, to, "lastTransitionTime", str_from(time_format(c->changed_ns, text)));
	json_set_str(doc, to, "reason", c->reason);
	json_set_str(doc, to, "message", c->message);
}

/* What others say in the status stays. */
static void put_others(yyjson_mut_doc *doc, yyjson_mut_val *conditions,
		       const struct obj *deployment)
{
	JSON_EACH (condition, json_get(deployment->root, "status.conditions")) {
		struct str type = json_get_str(condition, "type");

		if (!str_eq_c(type, "Available") && !str_eq_c(type, "Progressing") &&
		    !str_eq_c(type, "ReplicaFailure"))
			yyjson_mut_arr_append(conditions, json_copy(doc, condition));
	}
}

static void submit_status(struct work_on *w)
{
	const struct deployment_status *to = &w->plan.status;
	yyjson_mut_doc *patch;
	yyjson_mut_val *status, *conditions;

	if (deployment_status_equal(&w->view.status, to))
		return;
	status = status_patch_new(&patch);
	json_set_int(patch, status, "observedGeneration", to->observed_generation);
	json_set_int(patch, status, "replicas", to->replicas);
	json_set_int(patch, status, "updatedReplicas", to->updated);
	json_set_int(patch, status, "readyReplicas", to->ready);
	json_set_int(patch, status, "availableReplicas", to->available);
	json_set_int(patch, status, "unavailableReplicas", to->unavailable);
	if (to->collision_count)
		json_set_int(patch, status, "collisionCount", to->collision_count);
	conditions = json_set_array(patch, status, "conditions");
	put_others(patch, conditions, w->deployment);
	put_condition(patch, conditions, "Available", &to->available_condition);
	put_condition(patch, conditions, "Progressing", &to->progressing);
	put_condition(patch, conditions, "ReplicaFailure", &to->replica_failure);
	controller_submit_status(&w->c->base, w->key.text, &kind_deployment, w->deployment, patch);
}

static void apply_plan(struct work_on *w)
{
	for (size_t i = 0; i < w->view.set_count; i++) {
		const struct deployment_set *set = &w->view.sets[i];

		if (set->drop)
			controller_submit(&w->c->base, w->key.text,
					  request_delete(&kind_replicaset,
							 w->owned.objects[set->index], -1, NULL));
		else
			submit_set(w, set);
	}
	if (w->plan.create)
		submit_create(w);
	submit_revision(w);
	submit_status(w);
	if (w->plan.requeue_after_ms)
		queue_add_after(&w->c->base.queue, w->key.text, w->plan.requeue_after_ms);
}

static enum reconcile_result select_all(struct work_on *w)
{
	recorder_event(w->c->base.recorder, w->deployment, EVENT_WARNING, "SelectingAll",
		       "This deployment is selecting all pods. A non-empty selector is required.");
	w->view.status = status_view(w->deployment);
	w->plan.status = w->view.status;
	w->plan.status.observed_generation = w->deployment->generation;
	submit_status(w);
	return RECONCILE_DONE;
}

static enum reconcile_result deployment_reconcile(struct controller *base, struct key key,
						  struct err *err)
{
	struct deployment_controller *c = CONTAINER_OF(base, struct deployment_controller, base);
	AUTO_ARENA arena = { 0 };
	struct selector selector;
	struct work_on w = { .c = c, .key = key, .arena = &arena };

	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	w.deployment = informer_get(base->informers[WATCH_DEPLOYMENTS], key.text);
	if (!w.deployment) {
		mem_free(map_remove(&c->create_errors, key.text));
		return RECONCILE_DONE;
	}
	if (selector_from_object(json_get(w.deployment->root, "spec.selector"), &arena, &selector,
				 err) < 0)
		return RECONCILE_DONE; /* only a new spec can help, and it will be told */
	if (selector_is_everything(&selector))
		return select_all(&w);
	w.owned = owned_find(base, key.text,
			     &(struct owned_query){
				     .owner_kind = &kind_deployment,
				     .owner = w.deployment,
				     .selector = &selector,
				     .kind = &kind_replicaset,
				     .by_owner = base->indexes[WATCH_SETS],
				     .orphans = base->indexes2[WATCH_SETS],
			     },
			     &arena);
	if (w.owned.changing)
		return RECONCILE_WAIT;
	view_deployment(&w);
	deployment_plan(&w.view, &arena, &w.plan);
	apply_plan(&w);
	return RECONCILE_DONE;
}

/* --- events --- */

static void deployment_changed(struct controller *base, const struct obj *old,
			       const struct obj *new_)
{
	queue_add_obj(&base->queue, new_ ? new_ : old);
}

static void set_changed(struct controller *base, const struct obj *old, const struct obj *new_)
{
	struct informer_set deployments;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	owned_changed(base, &kind_deployment, old, new_);
	if (!new_ || obj_controller_ref(new_) ||
	    (old && !obj_controller_ref(old) && json_equal(old->labels, new_->labels)))
		return;
	deployments = index_lookup(base->indexes[WATCH_DEPLOYMENTS], new_->namespace_);
	INFORMER_SET_FOR_EACH (d, deployments) {
		struct selector selector;

		if (selector_from_object(json_get(d->root, "spec.selector"), &arena, &selector,
					 NULL) == 0 &&
		    selector_matches(&selector, new_->labels))
			queue_add_obj(&base->queue, d);
	}
}

/* Only a pod's end matters, and only to Recreate: the new pods wait for it. */
static void pod_changed(struct controller *base, const struct obj *old, const struct obj *new_)
{
	yyjson_val *ref, *set_ref;
	const struct obj *set;

	if (new_ && !(old && !pod_is_terminal(old) && pod_is_terminal(new_)))
		return;
	ref = obj_controller_ref(old);
	if (!ref || !str_eq(json_get_str(ref, "kind"), kind_replicaset.name))
		return;
	set = informer_find(base->informers[WATCH_SETS], old->namespace_,
			    json_get_str(ref, "name"));
	set_ref = set ? obj_controller_ref(set) : NULL;
	if (set_ref && str_eq(json_get_str(set_ref, "kind"), kind_deployment.name))
		queue_add_name(&base->queue, set->namespace_, json_get_str(set_ref, "name"));
}

static void deployment_start(struct controller *base)
{
	map_init(&CONTAINER_OF(base, struct deployment_controller, base)->create_errors);
}

static void deployment_stop(struct controller *base)
{
	struct deployment_controller *c = CONTAINER_OF(base, struct deployment_controller, base);

	map_deinit_values(&c->create_errors);
}

const struct controller_type controller_deployment = {
	.name = "deployment-controller",
	.component = "deployment-controller",
	.summary = "Rolls Deployments out over ReplicaSets",
	.state_bytes = sizeof(struct deployment_controller),
	.watches = {
		{ &kind_deployment, deployment_changed, index_by_namespace },
		{ &kind_replicaset, set_changed, index_by_owner_uid, index_orphans },
		{ &kind_pod, pod_changed, index_by_owner_uid },
	},
	.reconcile = deployment_reconcile,
	.start = deployment_start,
	.stop = deployment_stop,
};
