/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ResourceQuotas: status.hard follows spec.hard, status.used is counted anew whenever something of
 * the namespace comes, goes or changes what it takes. Admission charges creations by itself; what
 * is counted here gives back what was deleted. A write that lost against a charge comes back.
 */
#include "controllers/quota.h"

#include "controllers/controller.h"
#include "controllers/kinds.h"

struct quota_controller {
	struct controller base;
	struct kinds kinds;
};

static void put_list(yyjson_mut_doc *doc, yyjson_mut_val *status, const char *name,
		     const struct resource_list *list)
{
	yyjson_mut_val *object = json_set_object(doc, status, name);
	char text[QUANTITY_TEXT_BYTES];

	for (size_t i = 0; i < list->count; i++) {
		quantity_format(&list->items[i].quantity, text);
		json_put_str(doc, object, list->items[i].name, str_from(text));
	}
}

static void submit_status(struct controller *c, struct key key, const struct quota_view *view)
{
	yyjson_mut_doc *doc = json_thaw(view->quota->root);
	yyjson_mut_val *status = json_set_object(doc, yyjson_mut_doc_get_root(doc), "status");
	struct resource_list hard;
	struct request request;

	resource_list_init(&hard, view->used.arena);
	resource_list_read(&hard, json_get(view->quota->root, "spec.hard"));
	put_list(doc, status, "hard", &hard);
	put_list(doc, status, "used", &view->used);
	request = request_update(&kind_resourcequota, view->quota, doc); /* of this version only */
	request.subresource = STR("status");
	request.missing_is_fine = true;
	controller_submit(c, key.text, request);
}

static enum reconcile_result quota_reconcile(struct controller *base, struct key key,
					     struct err *err)
{
	struct quota_controller *c = CONTAINER_OF(base, struct quota_controller, base);
	const struct obj *quota = informer_get(base->informers[0], key.text);
	struct quota_view view;
	AUTO_ARENA arena = { 0 };

	(void)err; /* nothing here can fail before the API answers */
	if (!quota)
		return RECONCILE_DONE;
	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	quota_view_init(&view, quota, env_wall_ns(base->env), &arena);
	for (size_t i = 0; i < c->kinds.count; i++) {
		const struct kinds_entry *entry = c->kinds.entries[i];
		struct informer_set set;

		if (!quota_view_wants(&view, entry->kind))
			continue;
		set = index_lookup(entry->by_namespace, key.namespace_);
		INFORMER_SET_FOR_EACH (obj, set)
			quota_view_add(&view, entry->kind, obj);
	}
	if (quota_view_differs(&view))
		submit_status(base, key, &view);
	return RECONCILE_DONE;
}

static void quota_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	(void)old;
	if (new_)
		queue_add_obj(&c->queue, new_);
}

static void content_changed(struct kinds_entry *entry, const struct obj *old,
			    const struct obj *new_)
{
	struct controller *c = entry->kinds->controller;
	const struct obj *obj = new_ ? new_ : old;
	struct informer_set quotas = index_lookup(c->indexes[0], obj->namespace_);

	if (!quotas.count || !quota_change_matters(entry->kind, old, new_, env_wall_ns(c->env)))
		return;
	INFORMER_SET_FOR_EACH (quota, quotas)
		queue_add_obj(&c->queue, quota);
}

static void quota_start(struct controller *base)
{
	struct quota_controller *c = CONTAINER_OF(base, struct quota_controller, base);

	kinds_start(&c->kinds, base,
		    &(struct kinds_options){
			    .namespaced_only = true, .without_events = true, .by_namespace = true },
		    content_changed);
}

static void quota_stop(struct controller *base)
{
	kinds_stop(&CONTAINER_OF(base, struct quota_controller, base)->kinds);
}

const struct controller_type controller_quota = {
	.name = "resourcequota-controller",
	.component = "resourcequota-controller",
	.summary = "Counts what namespaces with a ResourceQuota use",
	.state_bytes = sizeof(struct quota_controller),
	.watches = { { &kind_resourcequota, quota_changed, index_by_namespace } },
	.reconcile = quota_reconcile,
	.start = quota_start,
	.stop = quota_stop,
};
