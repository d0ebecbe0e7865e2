/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DaemonSets: pods are bound to their node by a required node affinity on its name, so that the
 * scheduler still checks the rest. Each template that was ever used is kept as a
 * ControllerRevision, named by its hash, for `kubectl rollout history` and `undo`.
 */
#include "controllers/daemonset.h"

#include <stdio.h>
#include "api/limits.h"
#include "api/node_selector.h"
#include "api/toleration.h"
#include "api/selector.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "controllers/controller.h"
#include "controllers/owned.h"
#include "controllers/pod.h"
#include "controllers/template.h"

enum { WATCH_SETS, WATCH_PODS, WATCH_NODES, WATCH_REVISIONS };

#define HASH_LABEL "controller-revision-hash"

/* One reconcile. */
struct daemon_work {
	struct controller *c;
	struct key key;
	const struct obj *set;
	struct owned_set owned;
	struct arena *arena;
	struct daemon_view view;
	char hash[TEMPLATE_HASH_BYTES];
	int64_t next_available_ms;
};

static const struct {
	const char *key, *effect;
	bool host_network;
} daemon_tolerations[] = {
	{ "node.kubernetes.io/not-ready", "NoExecute", false },
	{ "node.kubernetes.io/unreachable", "NoExecute", false },
	{ "node.kubernetes.io/disk-pressure", "NoSchedule", false },
	{ "node.kubernetes.io/memory-pressure", "NoSchedule", false },
	{ "node.kubernetes.io/pid-pressure", "NoSchedule", false },
	{ "node.kubernetes.io/unschedulable", "NoSchedule", false },
	{ "node.kubernetes.io/network-unavailable", "NoSchedule", true },
};

/* --- observing --- */

static bool is_tolerated(yyjson_val *spec, const struct toleration_set *set,
			 const struct taint_words *taint)
{
	bool host_network = json_get_bool(spec, "hostNetwork", false);

	for (size_t i = 0; i < ARRAY_COUNT(daemon_tolerations); i++)
		if (str_eq_c(taint->key, daemon_tolerations[i].key) &&
		    str_eq_c(taint->effect, daemon_tolerations[i].effect) &&
		    (host_network || !daemon_tolerations[i].host_network))
			return true;
	return toleration_set_find(set, taint) != NULL;
}

static void view_taints(yyjson_val *spec, yyjson_val *taints, struct daemon_node *ret)
{
	struct toleration_set set;
	AUTO_ARENA arena = { 0 };

	if (!yyjson_arr_size(taints))
		return;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	toleration_set_read(&set, yyjson_obj_get(spec, "tolerations"), &arena);
	JSON_EACH (one, taints) {
		struct taint_words taint = taint_words_of(one);

		if (str_eq_c(taint.effect, "PreferNoSchedule") || is_tolerated(spec, &set, &taint))
			continue;
		ret->should_run = false;
		if (str_eq_c(taint.effect, "NoExecute"))
			ret->may_stay = false;
	}
}

static void view_node(const struct obj *set, const struct obj *node, struct daemon_node *ret)
{
	yyjson_val *spec = json_get(set->root, "spec.template.spec");
	yyjson_val *terms = json_get(
		spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
		      "nodeSelectorTerms");
	bool selected = node_selector_map_matches(yyjson_obj_get(spec, "nodeSelector"),
						  node->labels) &&
			(!terms || node_selector_terms_match(terms, node->labels, node->name));

	*ret = (struct daemon_node){ .name = node->name,
				     .should_run = selected,
				     .may_stay = selected };
	view_taints(spec, json_get(node->root, "spec.taints"), ret);
}

/* The node a pod is on or, before it is bound, the one it is meant for. */
static struct str node_of(const struct obj *pod)
{
	struct str name = pod_node_name(pod);

	if (name.len)
		return name;
	return json_get_str(
		pod->root,
		"spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
		"nodeSelectorTerms.0.matchFields.0.values.0");
}

static struct daemon_pod pod_view(struct daemon_work *w, const struct obj *pod, size_t index)
{
	int64_t min_ready_ns = json_get_int(w->set->root, "spec.minReadySeconds", 0) *
			       TIME_NS_PER_SECOND;
	int64_t since_ns = pod_ready_since_ns(pod),
		left_ns = since_ns + min_ready_ns - env_wall_ns(w->c->env);
	struct daemon_pod view = {
		.name = pod->name,
		.ended = pod_is_terminal(pod),
		.deleting = obj_is_deleting(pod),
		.ready = pod_is_ready(pod),
		.updated = str_eq_c(obj_label(pod, HASH_LABEL), w->hash),
		.created_ns = obj_created_ns(pod),
		.index = index,
	};

	view.available = view.ready && (min_ready_ns == 0 || (since_ns && left_ns <= 0));
	if (view.ready && !view.available && since_ns)
		w->next_available_ms = NUM_MIN(w->next_available_ms, left_ns / TIME_NS_PER_MS + 1);
	return view;
}

static void view_pods(struct daemon_work *w)
{
	struct daemon_node *nodes = w->view.nodes;

	for (size_t n = 0; n < w->view.node_count; n++)
		nodes[n].pods = arena_array(w->arena, w->owned.count + 1,
					    sizeof(struct daemon_pod));
	for (size_t i = 0; i < w->owned.count; i++) {
		struct str name = node_of(w->owned.objects[i]);
		size_t n = 0;

		while (n < w->view.node_count && !str_eq(nodes[n].name, name))
			n++;
		if (n < w->view.node_count)
			nodes[n].pods[nodes[n].pod_count++] = pod_view(w, w->owned.objects[i], i);
		else if (!pod_node_name(w->owned.objects[i]).len &&
			 !obj_is_deleting(w->owned.objects[i]))
			/* Meant for a node that is gone. */
			controller_submit(w->c, w->key.text,
					  request_delete(&kind_pod, w->owned.objects[i], -1, NULL));
	}
}

static void view_set(struct daemon_work *w)
{
	struct informer_set nodes = informer_all(w->c->informers[WATCH_NODES]);
	yyjson_val *spec = yyjson_obj_get(w->set->root, "spec");
	int64_t wanted = 0;

	w->view = (struct daemon_view){
		.on_delete = str_eq(json_get_str(spec, "updateStrategy.type"), STR("OnDelete")),
		.deleting = obj_is_deleting(w->set),
		.generation = w->set->generation,
	};
	w->view.nodes = arena_array(w->arena, nodes.count + 1, sizeof(*w->view.nodes));
	INFORMER_SET_FOR_EACH (node, nodes) {
		view_node(w->set, node, &w->view.nodes[w->view.node_count]);
		wanted += w->view.nodes[w->view.node_count++].should_run;
	}
	w->view.max_unavailable = scaled_value(
		json_get(spec, "updateStrategy.rollingUpdate.maxUnavailable"), wanted, true, 1);
	w->view.max_unavailable = NUM_MAX(w->view.max_unavailable, INT64_C(1));
	view_pods(w);
}

/* --- acting --- */

static void pod_written(void *owner, const struct request *request, const struct obj *result,
			const struct err *err)
{
	struct controller *c = owner;
	bool is_create = request->verb == API_CREATE;

	if (!err && is_create)
		recorder_event(c->recorder, request->about, EVENT_NORMAL, "SuccessfulCreate",
			       "Created pod: " STR_FMT, STR_ARG(result->name));
	else if (!err)
		recorder_event(c->recorder, request->about, EVENT_NORMAL, "SuccessfulDelete",
			       "Deleted pod: " STR_FMT, STR_ARG(request->name));
	else if (!str_contains(str_from(err->msg), STR("because it is being terminated")))
		recorder_event(c->recorder, request->about, EVENT_WARNING,
			       is_create ? "FailedCreate" : "FailedDelete", "Error %s: %s",
			       is_create ? "creating" : "deleting", err->msg);
}

static void submit_pod_write(struct daemon_work *w, struct request r)
{
	r.about = w->set;
	r.answered = pod_written;
	r.owner = w->c;
	controller_submit(w->c, w->key.text, r);
}

/* The pod belongs to this node: whatever terms the template has, each gets the node's name. */
static void put_affinity(yyjson_mut_doc *doc, yyjson_mut_val *spec, struct str node_name)
{
	yyjson_mut_val *required = json_ensure_object(
		doc,
		json_ensure_object(doc, json_ensure_object(doc, spec, "affinity"), "nodeAffinity"),
		"requiredDuringSchedulingIgnoredDuringExecution");
	yyjson_mut_val *field,
		*fields = json_set_array(
			doc,
			json_append_object(doc, json_set_array(doc, required, "nodeSelectorTerms")),
			"matchFields");

	/* The template's own terms were checked when the node was chosen. */
	field = json_append_object(doc, fields);
	json_set_str(doc, field, "key", STR("metadata.name"));
	json_set_str(doc, field, "operator", STR("In"));
	json_append_str(doc, json_set_array(doc, field, "values"), node_name);
}

static void put_tolerations(yyjson_mut_doc *doc, yyjson_mut_val *spec)
{
	yyjson_mut_val *list = json_ensure_array(doc, spec, "tolerations");
	bool host_network = json_mut_get_bool(spec, "hostNetwork", false);

	for (size_t i = 0; i < ARRAY_COUNT(daemon_tolerations); i++) {
		yyjson_mut_val *t;

		if (daemon_tolerations[i].host_network && !host_network)
			continue;
		t = json_append_object(doc, list);
		json_set_str(doc, t, "key", str_from(daemon_tolerations[i].key));
		json_set_str(doc, t, "operator", STR("Exists"));
		json_set_str(doc, t, "effect", str_from(daemon_tolerations[i].effect));
	}
}

static yyjson_mut_doc *pod_body(const struct daemon_work *w, struct str node_name)
{
	static const char *const kept[] = { "labels", "annotations", "finalizers" };
	yyjson_val *template = json_get(w->set->root, "spec.template");
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *metadata, *labels, *spec;
	char prefix[DNS_SUBDOMAIN_BYTES_MAX + 2], generation[24];

	json_set_str(doc, root, "apiVersion", STR("v1"));
	json_set_str(doc, root, "kind", STR("Pod"));
	metadata = json_set_object(doc, root, "metadata");
	(void)snprintf(prefix, sizeof(prefix), STR_FMT "-",
		       STR_ARG(w->set->name)); /* names are no longer than that */
	json_set_str(doc, metadata, "generateName", str_from(prefix));
	json_set_str(doc, metadata, "namespace", w->set->namespace_);
	for (size_t i = 0; i < ARRAY_COUNT(kept); i++) {
		yyjson_val *v = yyjson_obj_get(yyjson_obj_get(template, "metadata"), kept[i]);

		if (v)
			json_set(doc, metadata, kept[i], json_copy(doc, v));
	}
	labels = json_ensure_object(doc, metadata, "labels");
	json_set_str(doc, labels, HASH_LABEL, str_from(w->hash));
	(void)snprintf(generation, sizeof(generation), "%lld",
		       (long long)w->set->generation); /* fits */
	json_set_str(doc, labels, "pod-template-generation", str_from(generation));
	owner_reference_add(doc, metadata, &kind_daemonset, w->set);
	spec = json_copy(doc, yyjson_obj_get(template, "spec"));
	json_set(doc, root, "spec", spec);
	put_affinity(doc, spec, node_name);
	put_tolerations(doc, spec);
	return doc;
}

static void submit_pods(struct daemon_work *w)
{
	int64_t left = queue_failures(&w->c->queue, w->key.text) ? 1 : REPLICAS_BURST_MAX;

	for (size_t n = 0; n < w->view.node_count; n++) {
		const struct daemon_node *node = &w->view.nodes[n];

		if (node->create && left-- > 0)
			submit_pod_write(w, request_create(&kind_pod, w->set->namespace_,
							   pod_body(w, node->name)));
		for (size_t i = 0; i < node->pod_count; i++) {
			const struct daemon_pod *pod = &node->pods[i];

			if (!pod->remove)
				continue;
			if (pod->ended)
				recorder_event(w->c->recorder, w->set, EVENT_WARNING,
					       "FailedDaemonPod",
					       "Found failed daemon pod " STR_FMT "/" STR_FMT
					       " on node " STR_FMT ", will try to kill it",
					       STR_ARG(w->set->namespace_), STR_ARG(pod->name),
					       STR_ARG(node->name));
			submit_pod_write(w, request_delete(&kind_pod, w->owned.objects[pod->index],
							   -1, NULL));
		}
	}
}

static void submit_status(struct daemon_work *w, const struct daemon_status *to)
{
	const struct {
		const char *name;
		int64_t value;
	} fields[] = {
		{ "currentNumberScheduled", to->current },
		{ "desiredNumberScheduled", to->desired },
		{ "numberMisscheduled", to->misscheduled },
		{ "numberReady", to->ready },
		{ "updatedNumberScheduled", to->updated },
		{ "numberAvailable", to->available },
		{ "numberUnavailable", to->unavailable },
		{ "observedGeneration", to->observed_generation },
	};
	yyjson_val *old = yyjson_obj_get(w->set->root, "status");
	yyjson_mut_doc *patch;
	yyjson_mut_val *status = status_patch_new(&patch);
	bool changed = false;

	for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
		changed |= json_get_int(old, fields[i].name, 0) != fields[i].value;
		json_set_int(patch, status, fields[i].name, fields[i].value);
	}
	if (changed)
		controller_submit_status(w->c, w->key.text, &kind_daemonset, w->set, patch);
	else
		json_mut_free(patch);
}

/* --- revisions --- */

static yyjson_mut_doc *revision_body(const struct daemon_work *w, struct str name, int64_t revision)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *metadata, *labels, *template;
	yyjson_val *old_labels = json_get(w->set->root, "spec.template.metadata.labels"),
		   *annotations = json_get(w->set->root, "metadata.annotations");

	json_set_str(doc, root, "apiVersion", STR("apps/v1"));
	json_set_str(doc, root, "kind", STR("ControllerRevision"));
	metadata = json_set_object(doc, root, "metadata");
	json_set_str(doc, metadata, "name", name);
	json_set_str(doc, metadata, "namespace", w->set->namespace_);
	labels = old_labels ? json_copy(doc, old_labels) : yyjson_mut_obj(doc);
	json_set(doc, metadata, "labels", labels);
	json_set_str(doc, labels, HASH_LABEL, str_from(w->hash));
	if (annotations) /* `kubectl rollout history` reads the change's cause there */
		json_set(doc, metadata, "annotations", json_copy(doc, annotations));
	owner_reference_add(doc, metadata, &kind_daemonset, w->set);
	json_set_int(doc, root, "revision", revision);
	template = json_copy(doc, json_get(w->set->root, "spec.template"));
	json_set_str(doc, template, "$patch", STR("replace"));
	json_sort_keys(template); /* clients compare bytes with what they would write */
	json_set(doc, json_set_object(doc, json_set_object(doc, root, "data"), "spec"), "template",
		 template);
	return doc;
}

/* The template's revision exists and is the newest. */
static void keep_revision(struct daemon_work *w)
{
	struct informer_set all = index_lookup(w->c->indexes[WATCH_REVISIONS], w->set->uid);
	struct str name = str_printf_in(w->arena, STR_FMT "-%s", STR_ARG(w->set->name), w->hash);
	const struct obj *mine = NULL;
	int64_t newest = 0;
	struct request r;

	INFORMER_SET_FOR_EACH (revision, all) {
		newest = NUM_MAX(newest, json_get_int(revision->root, "revision", 0));
		if (str_eq(revision->name, name))
			mine = revision;
	}
	if (!mine) {
		r = request_create(&kind_controllerrevision, w->set->namespace_,
				   revision_body(w, name, newest + 1));
		r.exists_is_fine = true;
		controller_submit(w->c, w->key.text, r);
	} else if (json_get_int(mine->root, "revision", 0) < newest) {
		yyjson_mut_doc *patch = json_new_object();

		json_set_int(patch, yyjson_mut_doc_get_root(patch), "revision", newest + 1);
		controller_submit(
			w->c, w->key.text,
			request_patch(&kind_controllerrevision, mine, API_PATCH_MERGE, patch));
	}
}

static enum reconcile_result daemonset_reconcile(struct controller *c, struct key key,
						 struct err *err)
{
	AUTO_ARENA arena = { 0 };
	struct daemon_work w = {
		.c = c, .key = key, .arena = &arena, .next_available_ms = INT64_MAX
	};
	struct daemon_status status;
	struct selector selector;

	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	w.set = informer_get(c->informers[WATCH_SETS], key.text);
	if (!w.set || selector_from_object(json_get(w.set->root, "spec.selector"), &arena,
					   &selector, err) < 0)
		return RECONCILE_DONE; /* only a new spec can help, and it will be told */
	w.owned = owned_find(c, key.text,
			     &(struct owned_query){
				     .owner_kind = &kind_daemonset,
				     .owner = w.set,
				     .selector = &selector,
				     .kind = &kind_pod,
				     .by_owner = c->indexes[WATCH_PODS],
				     .orphans = c->indexes2[WATCH_PODS],
			     },
			     &arena);
	if (w.owned.changing)
		return RECONCILE_WAIT;
	(void)template_hash(json_get(w.set->root, "spec.template"), 0, w.hash); /* returns hash */
	view_set(&w);
	daemonset_plan(&w.view, &status);
	if (!w.view.deleting) {
		keep_revision(&w);
		submit_pods(&w);
	}
	submit_status(&w, &status);
	if (w.next_available_ms != INT64_MAX)
		queue_add_after(&c->queue, key.text, w.next_available_ms);
	return RECONCILE_DONE;
}

/* --- events --- */

static void set_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	queue_add_obj(&c->queue, new_ ? new_ : old);
}

static void pod_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	owned_changed(c, &kind_daemonset, old, new_);
}

static void node_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	struct informer_set sets;

	if (old && new_ && json_equal(old->labels, new_->labels) &&
	    json_equal(json_get(old->root, "spec.taints"), json_get(new_->root, "spec.taints")))
		return;
	sets = informer_all(c->informers[WATCH_SETS]);
	INFORMER_SET_FOR_EACH (set, sets)
		queue_add_obj(&c->queue, set);
}

const struct controller_type controller_daemonset = {
	.name = "daemonset-controller",
	.component = "daemonset-controller",
	.summary = "Keeps one pod of a DaemonSet on each node",
	.watches = {
		{ &kind_daemonset, set_changed },
		{ &kind_pod, pod_changed, index_by_owner_uid, index_orphans },
		{ &kind_node, node_changed },
		{ &kind_controllerrevision, NULL, index_by_owner_uid },
	},
	.reconcile = daemonset_reconcile,
};
