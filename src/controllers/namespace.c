/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a namespace: everything in it is deleted, pods before the rest, and once nothing is
 * left the "kubernetes" finalizer goes, which lets the namespace itself go. Conditions say what it
 * waits for.
 */
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "controllers/controller.h"
#include "controllers/kinds.h"
#include "controllers/namespace.h"
#include "controllers/pod.h"

struct namespace_controller {
	struct controller base;
	struct kinds kinds;
	struct map inquiries; /* key → struct inquiry */
};

/* What other servers were asked about a namespace. */
struct inquiry {
	struct namespace_controller *owner;
	struct str key;
	struct api_remains remains;
	struct arena arena; /* of what they said */
	struct api_remain *left;
	size_t left_count;
	struct str failures;
	bool is_answered;
};

static void submit_finalize(struct controller *c, struct key key, const struct obj *namespace_)
{
	yyjson_mut_doc *doc = json_thaw(namespace_->root);
	yyjson_mut_val *spec = json_ensure_object(doc, yyjson_mut_doc_get_root(doc), "spec"), *kept;
	struct request r;
	bool had = false;

	kept = json_set_array(doc, spec, "finalizers");
	JSON_EACH (finalizer, json_get(namespace_->root, "spec.finalizers")) {
		if (str_eq(json_str(finalizer), STR("kubernetes")))
			had = true;
		else
			json_append_str(doc, kept, json_str(finalizer));
	}
	if (!had) {
		json_mut_free(doc);
		return;
	}
	r = request_update(&kind_namespace, namespace_, doc);
	r.subresource = STR("finalize");
	r.missing_is_fine = true;
	controller_submit(c, key.text, r);
}

static void submit_conditions(struct controller *c, struct key key, const struct obj *namespace_,
			      const struct namespace_plan *plan)
{
	yyjson_val *old = json_get(namespace_->root, "status.conditions");
	yyjson_mut_doc *patch;
	yyjson_mut_val *status = status_patch_new(&patch),
		       *conditions = json_set_array(patch, status, "conditions");
	char now[TIME_TEXT_BYTES];
	bool changed = false;

	(void)time_format(env_wall_ns(c->env), now); /* returns now */
	for (size_t i = 0; i < NAMESPACE_CONDITION_COUNT; i++) {
		const struct namespace_condition *to = &plan->conditions[i];
		yyjson_val *had = condition_find(old, str_from(to->type));
		yyjson_mut_val *condition = json_append_object(patch, conditions);
		bool same_status = str_eq(json_get_str(had, "status"),
					  str_from(to->is_true ? "True" : "False"));

		json_set_str(patch, condition, "type", str_from(to->type));
		json_set_str(patch, condition, "status", str_from(to->is_true ? "True" : "False"));
		json_set_str(patch, condition, "lastTransitionTime",
			     same_status ? json_get_str(had, "lastTransitionTime") : str_from(now));
		json_set_str(patch, condition, "reason", str_from(to->reason));
		json_set_str(patch, condition, "message", to->message);
		changed |= !same_status || !str_eq(json_get_str(had, "message"), to->message);
	}
	if (changed)
		controller_submit_status(c, key.text, &kind_namespace, namespace_, patch);
	else
		json_mut_free(patch);
}

static void delete_contents(struct namespace_controller *c, struct key key, bool pods_only)
{
	size_t left = NAMESPACE_DELETES_MAX;

	for (size_t i = 0; i < c->kinds.count; i++) {
		const struct kinds_entry *entry = c->kinds.entries[i];
		struct informer_set set = index_lookup(entry->by_namespace, key.name);

		if (pods_only && entry->kind != &kind_pod)
			continue;
		INFORMER_SET_FOR_EACH (obj, set) {
			if (obj_is_deleting(obj) || left == 0)
				continue;
			left--;
			controller_submit(&c->base, key.text,
					  request_delete(entry->kind, obj, -1, "Background"));
		}
	}
}

static void view_contents(struct namespace_controller *c, struct key key, struct arena *arena,
			  struct namespace_view *ret)
{
	*ret = (struct namespace_view){ .count = 0 };
	ret->remains = arena_array(arena, c->kinds.count + 1, sizeof(*ret->remains));
	for (size_t i = 0; i < c->kinds.count; i++) {
		const struct kinds_entry *entry = c->kinds.entries[i];
		struct informer_set set = index_lookup(entry->by_namespace, key.name);

		if (!set.count)
			continue;
		ret->remains[ret->count++] = (struct namespace_remains){
			.kind = entry->kind,
			.objects = set.entries,
			.object_count = set.count,
		};
	}
}

/* An APIService of another server says that it is not there. */
static bool is_unknown(const struct obj *api_service)
{
	if (!json_get(api_service->root, "spec.service"))
		return false;
	return !str_eq_c(
		json_get_str(condition_find(json_get(api_service->root, "status.conditions"),
					    STR("Available")),
			     "status"),
		"True");
}

static void view_unknown(const struct controller *c, struct arena *arena,
			 struct namespace_view *ret)
{
	struct informer_set all = informer_all(c->informers[1]);

	ret->unknown = arena_array(arena, all.count + 1, sizeof(*ret->unknown));
	INFORMER_SET_FOR_EACH (obj, all)
		if (is_unknown(obj))
			ret->unknown[ret->unknown_count++] = str_printf_in(
				arena, STR_FMT "/" STR_FMT,
				STR_ARG(json_get_str(obj->root, "spec.group")),
				STR_ARG(json_get_str(obj->root, "spec.version")));
}

/* --- other servers --- */

static void inquiry_free(struct inquiry *q)
{
	struct api_transport *transport = q->owner->base.client->transport;

	transport->ops->empty_others_cancel(transport, &q->remains);
	mem_free((void *)q->key.ptr);
	arena_deinit(&q->arena);
	mem_free(q);
}

static void on_remains(struct api_remains *remains)
{
	struct inquiry *q = CONTAINER_OF(remains, struct inquiry, remains);

	q->left = arena_array(&q->arena, remains->left_count + 1, sizeof(*q->left));
	q->left_count = remains->left_count;
	for (size_t i = 0; i < remains->left_count; i++)
		q->left[i] = (struct api_remain){ str_in(&q->arena, remains->left[i].group),
						  str_in(&q->arena, remains->left[i].resource),
						  remains->left[i].count };
	q->failures = str_in(&q->arena, remains->failures);
	q->is_answered = true;
	queue_add(&q->owner->base.queue, q->key);
}

static void inquire(struct namespace_controller *c, struct key key)
{
	struct api_transport *transport = c->base.client->transport;
	struct inquiry *q = NEW(struct inquiry);

	q->owner = c;
	q->key = str_dup(key.text);
	arena_init(&q->arena, CONTROLLER_ARENA_BYTES_MAX);
	q->remains = (struct api_remains){ .namespace_ = q->key, .done = on_remains };
	(void)map_put(&c->inquiries, q->key, q); /* there was none */
	transport->ops->empty_others(transport, &q->remains);
}

static bool has_others(const struct controller *c)
{
	INFORMER_SET_FOR_EACH (obj, informer_all(c->informers[1]))
		if (json_get(obj->root, "spec.service") && !is_unknown(obj))
			return true;
	return false;
}

static void forget_inquiry(struct namespace_controller *c, struct key key)
{
	struct inquiry *q = map_remove(&c->inquiries, key.text);

	if (q)
		inquiry_free(q);
}

/* Asks, when they were not asked yet; what they said is taken once. */
static void view_others(struct namespace_controller *c, struct key key, struct arena *arena,
			struct namespace_view *ret)
{
	struct inquiry *q = map_get(&c->inquiries, key.text);
	struct api_remain *others;

	if (!has_others(&c->base)) {
		forget_inquiry(c, key);
		return;
	}
	if (!q)
		inquire(c, key);
	ret->is_asking = !q || !q->is_answered;
	if (ret->is_asking)
		return;
	others = arena_array(arena, q->left_count + 1, sizeof(*others));
	for (size_t i = 0; i < q->left_count; i++)
		others[i] = (struct api_remain){ str_in(arena, q->left[i].group),
						 str_in(arena, q->left[i].resource),
						 q->left[i].count };
	ret->others = others;
	ret->other_count = q->left_count;
	ret->failures = str_in(arena, q->failures);
	forget_inquiry(c, key);
}

static enum reconcile_result namespace_reconcile(struct controller *base, struct key key,
						 struct err *err)
{
	struct namespace_controller *c = CONTAINER_OF(base, struct namespace_controller, base);
	const struct obj *namespace_ = informer_get(base->informers[0], key.text);
	struct namespace_view view;
	struct namespace_plan plan;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	(void)err; /* nothing here can fail before the API answers */
	if (!namespace_ || !obj_is_deleting(namespace_)) {
		forget_inquiry(c, key);
		return RECONCILE_DONE;
	}
	view_contents(c, key, &arena, &view);
	view_unknown(base, &arena, &view);
	view_others(c, key, &arena, &view);
	namespace_plan(&view, &arena, &plan);
	if (plan.finalize) {
		submit_finalize(base, key, namespace_);
		return RECONCILE_DONE;
	}
	delete_contents(c, key, plan.pods_only);
	if (view.is_asking)
		return RECONCILE_DONE; /* the answer brings it back */
	submit_conditions(base, key, namespace_, &plan);
	return view.other_count || view.failures.len ? RECONCILE_RETRY : RECONCILE_DONE;
}

static void namespace_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	(void)old;
	if (new_ && obj_is_deleting(new_))
		queue_add_obj(&c->queue, new_);
}

/* Another server came or went: namespaces may have waited for it. */
static void api_service_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	bool was = old && is_unknown(old), is = new_ && is_unknown(new_);

	if (was == is)
		return;
	INFORMER_SET_FOR_EACH (namespace_, informer_all(c->informers[0]))
		if (obj_is_deleting(namespace_))
			queue_add_obj(&c->queue, namespace_);
}

/* Something left a namespace, or came into one, that is on its way out. */
static void content_changed(struct kinds_entry *entry, const struct obj *old,
			    const struct obj *new_)
{
	struct controller *c = entry->kinds->controller;
	const struct obj *obj = new_ ? new_ : old, *namespace_;

	if (old && new_)
		return;
	namespace_ = informer_get(c->informers[0], obj->namespace_);
	if (namespace_ && obj_is_deleting(namespace_))
		queue_add_obj(&c->queue, namespace_);
}

static void namespace_start(struct controller *base)
{
	struct namespace_controller *c = CONTAINER_OF(base, struct namespace_controller, base);

	kinds_start(&c->kinds, base,
		    &(struct kinds_options){ .namespaced_only = true, .by_namespace = true },
		    content_changed);
	map_init(&c->inquiries);
}

static void namespace_stop(struct controller *base)
{
	struct namespace_controller *c = CONTAINER_OF(base, struct namespace_controller, base);
	size_t cursor = 0;
	struct str key;
	void *q;

	while (map_next(&c->inquiries, &cursor, &key, &q))
		inquiry_free(q);
	map_deinit(&c->inquiries);
	kinds_stop(&c->kinds);
}

const struct controller_type controller_namespace = {
	.name = "namespace-controller",
	.component = "namespace-controller",
	.summary = "Empties namespaces that are being deleted",
	.state_bytes = sizeof(struct namespace_controller),
	.watches = { { &kind_namespace, namespace_changed },
		     { &kind_apiservice, api_service_changed } },
	.reconcile = namespace_reconcile,
	.start = namespace_start,
	.stop = namespace_stop,
};
