/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From events to cycles to bindings. A turn of the loop places a batch of pods and gives way;
 * bindings complete later. A binding that fails takes the assumption back and the pod is tried
 * again after its back-off.
 */
#include "scheduler/scheduler.h"

#include "api/condition.h"
#include "api/kind.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "client/informer.h"
#include "client/recorder.h"
#include "codec/json.h"
#include "scheduler/cache.h"
#include "scheduler/pending.h"

struct scheduler {
	struct env *env;
	struct client *client;
	struct str name;
	struct recorder *recorder;
	struct informer *pods, *nodes, *namespaces;
	struct informer_handler pod_handler, node_handler, namespace_handler;
	struct cache cache;
	struct pending pending;
	struct map
		attempts; /* uid → attempts + 1 as a pointer, of pods whose binding is in flight */
	struct task task;
	struct timer timer;
	uint32_t events; /* that woke nobody yet */
	size_t next_node;
	bool started;
};

static bool is_running(const struct scheduler *s)
{
	return s->started && informer_is_synced(s->pods) && informer_is_synced(s->nodes) &&
	       informer_is_synced(s->namespaces);
}

static void kick(struct scheduler *s)
{
	if (is_running(s) && (s->events || pending_active_count(&s->pending)))
		env_defer(s->env, &s->task);
}

static void note_events(struct scheduler *s, uint32_t events)
{
	s->events |= events;
	kick(s);
}

/* --- what happens in the cluster --- */

static bool is_ours(const struct scheduler *s, const struct obj *pod)
{
	struct str name = json_get_str(pod->root, "spec.schedulerName");

	return str_eq(name.len ? name : STR("default-scheduler"), s->name);
}

static bool has_ended(const struct obj *pod)
{
	struct str phase = json_get_str(pod->root, "status.phase");

	return str_eq(phase, STR("Succeeded")) || str_eq(phase, STR("Failed"));
}

static void pod_left(struct scheduler *s, const struct obj *pod)
{
	pending_remove(&s->pending, pod->uid);
	if (cache_pod_remove(&s->cache, pod->uid))
		note_events(s, EVENT_POD_GONE);
}

static void pod_changed(struct informer_handler *handler, const struct obj *old,
			const struct obj *new_)
{
	struct scheduler *s = handler->owner;

	if (!new_ || has_ended(new_)) {
		pod_left(s, new_ ? new_ : old);
	} else if (json_get_str(new_->root, "spec.nodeName").len) {
		pending_remove(&s->pending, new_->uid);
		note_events(s, cache_pod_set(&s->cache, new_));
	} else if (cache_has_pod(&s->cache, new_->uid)) {
		/* Its binding is on the way. */
	} else if (!is_ours(s, new_) || obj_is_deleting(new_) ||
		   json_get_count(new_->root, "spec.schedulingGates")) {
		pending_remove(&s->pending, new_->uid);
	} else if (pending_set(&s->pending, pod_state_new(new_))) {
		kick(s);
	}
}

static void node_changed(struct informer_handler *handler, const struct obj *old,
			 const struct obj *new_)
{
	struct scheduler *s = handler->owner;

	if (new_)
		note_events(s, cache_node_set(&s->cache, new_));
	else
		cache_node_remove(&s->cache, old->name);
}

static void namespace_changed(struct informer_handler *handler, const struct obj *old,
			      const struct obj *new_)
{
	/* Labels of namespaces are read when a cycle needs them; their change can only matter to
	 * pod affinity. */
	if (old && new_ && !json_equal(old->labels, new_->labels))
		note_events(handler->owner, EVENT_POD_CHANGED);
}

static void synced(struct informer_handler *handler)
{
	kick(handler->owner);
}

static yyjson_val *namespace_labels(void *arg, struct str name)
{
	struct scheduler *s = arg;
	const struct obj *namespace_ = informer_find(s->namespaces, STR_NONE, name);

	return namespace_ ? namespace_->labels : NULL;
}

/* --- no node --- */

static void submit_condition(struct scheduler *s, const struct obj *pod, struct str reason,
			     struct str message)
{
	yyjson_mut_doc *patch = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(patch), *condition;
	yyjson_val *had = condition_find(json_get(pod->root, "status.conditions"),
					 STR("PodScheduled"));
	char now[TIME_TEXT_BYTES];
	struct request r;

	if (str_eq(json_get_str(had, "status"), STR("False")) &&
	    str_eq(json_get_str(had, "reason"), reason) &&
	    str_eq(json_get_str(had, "message"), message)) {
		json_mut_free(patch);
		return;
	}
	json_set_path_str(patch, root, "metadata.uid", pod->uid);
	condition = json_append_object(
		patch, json_set_array(patch, json_set_object(patch, root, "status"), "conditions"));
	json_set_str(patch, condition, "type", STR("PodScheduled"));
	json_set_str(patch, condition, "status", STR("False"));
	json_set_str(patch, condition, "reason", reason);
	json_set_str(patch, condition, "message", message);
	if (str_eq(json_get_str(had, "status"), STR("False")))
		json_set_str(patch, condition, "lastTransitionTime",
			     json_get_str(had, "lastTransitionTime"));
	else
		json_set_str(patch, condition, "lastTransitionTime",
			     str_from(time_format(env_wall_ns(s->env), now)));
	r = request_patch(&kind_pod, pod, API_PATCH_STRATEGIC, patch);
	r.subresource = STR("status");
	r.missing_is_fine = true;
	client_submit(s->client, &r);
}

static void refuse(struct scheduler *s, struct pending_pod *p, const struct schedule_plan *plan)
{
	const struct obj *pod = p->pod->obj;

	recorder_event(s->recorder, pod, EVENT_WARNING, "FailedScheduling", STR_FMT,
		       STR_ARG(plan->message));
	submit_condition(s, pod, STR("Unschedulable"), plan->message);
	pending_refused(&s->pending, p, plan->refused_by, env_mono_ns(s->env));
}

/* --- binding --- */

static void bound(void *owner, const struct request *request, const struct obj *result,
		  const struct err *err)
{
	struct scheduler *s = owner;
	const struct obj *pod = request->about, *now;
	unsigned attempts = (unsigned)(uintptr_t)map_remove(&s->attempts, pod->uid);

	(void)result;
	if (!err) {
		recorder_event(s->recorder, pod, EVENT_NORMAL, "Scheduled",
			       "Successfully assigned " STR_FMT "/" STR_FMT " to " STR_FMT,
			       STR_ARG(pod->namespace_), STR_ARG(pod->name), STR_ARG(request->key));
		return;
	}
	now = informer_find(s->pods, pod->namespace_, pod->name);
	if (now && json_get_str(now->root, "spec.nodeName").len)
		return; /* somebody bound it; what we know of it is right already */
	if (cache_pod_remove(&s->cache, pod->uid))
		note_events(s, EVENT_POD_GONE);
	if (!now || !str_eq(now->uid, pod->uid) || obj_is_deleting(now) ||
	    pending_has(&s->pending, now->uid))
		return;
	log_debug("scheduler", "binding " STR_FMT "/" STR_FMT ": %s", STR_ARG(pod->namespace_),
		  STR_ARG(pod->name), err->msg);
	pending_restore(&s->pending, pod_state_new(now), attempts, env_mono_ns(s->env));
	timer_start(&s->timer, 0);
}

static void submit_binding(struct scheduler *s, struct pending_pod *p, struct node_state *node)
{
	const struct obj *pod = p->pod->obj;
	yyjson_mut_doc *body = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(body), *part;
	struct request r;

	json_set_str(body, root, "apiVersion", STR("v1"));
	json_set_str(body, root, "kind", STR("Binding"));
	part = json_set_object(body, root, "metadata");
	json_set_str(body, part, "name", pod->name);
	json_set_str(body, part, "namespace", pod->namespace_);
	json_set_str(body, part, "uid", pod->uid);
	part = json_set_object(body, root, "target");
	json_set_str(body, part, "apiVersion", STR("v1"));
	json_set_str(body, part, "kind", STR("Node"));
	json_set_str(body, part, "name", node->name);
	r = request_create(&kind_pod, pod->namespace_, body);
	r.name = pod->name;
	r.subresource = STR("binding");
	r.about = pod;
	r.key = node->name; /* kept with the request, for the event; no queue is involved */
	r.answered = bound;
	r.owner = s;
	client_submit(s->client, &r);
	(void)map_put(&s->attempts, pod->uid, (void *)(uintptr_t)p->attempts); /* was not there */
	cache_assume(&s->cache, pending_placed(p), node);
}

/* --- running --- */

static void schedule_one(struct scheduler *s, struct pending_pod *p)
{
	struct schedule_plan plan;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, SCHEDULER_CYCLE_ARENA_BYTES_MAX);
	schedule_plan(&s->cache.cluster, p->pod, s->next_node, &arena, &plan);
	s->next_node = s->cache.cluster.node_count
			       ? (s->next_node + NUM_MAX(plan.looked_at, (size_t)1)) %
					 s->cache.cluster.node_count
			       : 0;
	if (plan.node)
		submit_binding(s, p, plan.node);
	else
		refuse(s, p, &plan);
}

static void run(struct task *task)
{
	struct scheduler *s = CONTAINER_OF(task, struct scheduler, task);
	struct pending_pod *p;
	int64_t next_ns;

	if (!is_running(s))
		return;
	if (s->events)
		pending_wake(&s->pending, s->events, env_mono_ns(s->env));
	s->events = 0;
	for (int i = 0; i < SCHEDULER_BATCH_MAX && (p = pending_pop(&s->pending)); i++)
		schedule_one(s, p);
	next_ns = pending_advance(&s->pending, env_mono_ns(s->env));
	if (next_ns != INT64_MAX)
		timer_start_slack(&s->timer, (next_ns - env_mono_ns(s->env)) / TIME_NS_PER_MS + 1,
				  50);
	else
		timer_stop(&s->timer);
	kick(s);
}

static void timer_fired(struct timer *timer)
{
	struct scheduler *s = CONTAINER_OF(timer, struct scheduler, timer);

	(void)pending_advance(&s->pending,
			      env_mono_ns(s->env)); /* run asks again for when the next is due */
	if (is_running(s))
		env_defer(s->env, &s->task);
}

struct scheduler *scheduler_new(const struct scheduler_options *options)
{
	struct scheduler *s = NEW(struct scheduler);

	s->env = options->env;
	s->client = options->client;
	s->name = options->name.len ? options->name : STR("default-scheduler");
	s->recorder = recorder_new(s->client, s->name, STR_NONE);
	s->nodes = client_informer(s->client, &kind_node, NULL);
	s->pods = client_informer(s->client, &kind_pod, NULL);
	s->namespaces = client_informer(s->client, &kind_namespace, NULL);
	s->node_handler = (struct informer_handler){ .on_change = node_changed,
						     .on_synced = synced,
						     .owner = s };
	s->pod_handler = (struct informer_handler){ .on_change = pod_changed,
						    .on_synced = synced,
						    .owner = s };
	s->namespace_handler = (struct informer_handler){ .on_change = namespace_changed,
							  .on_synced = synced,
							  .owner = s };
	cache_init(&s->cache);
	s->cache.cluster.namespace_labels = namespace_labels;
	s->cache.cluster.arg = s;
	pending_init(&s->pending);
	map_init(&s->attempts);
	task_init(&s->task, run);
	timer_init(&s->timer, s->env, timer_fired);
	return s;
}

void scheduler_start(struct scheduler *s)
{
	s->started = true;
	informer_add_handler(s->nodes, &s->node_handler);
	informer_add_handler(s->namespaces, &s->namespace_handler);
	informer_add_handler(s->pods, &s->pod_handler);
	kick(s);
}

void scheduler_free(struct scheduler *s)
{
	if (!s)
		return;
	if (s->started) {
		informer_remove_handler(s->nodes, &s->node_handler);
		informer_remove_handler(s->namespaces, &s->namespace_handler);
		informer_remove_handler(s->pods, &s->pod_handler);
	}
	env_cancel(s->env, &s->task);
	timer_stop(&s->timer);
	client_forget_owner(s->client, s);
	recorder_free(s->recorder);
	pending_deinit(&s->pending);
	cache_deinit(&s->cache);
	map_deinit(&s->attempts);
	mem_free(s);
}
