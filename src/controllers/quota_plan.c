/* SPDX-License-Identifier: Apache-2.0 */
/* Counting for one ResourceQuota. */
#include "controllers/quota.h"

void quota_view_init(struct quota_view *view, const struct obj *quota, int64_t now_ns,
		     struct arena *arena)
{
	struct quantity zero = quantity_of(0, QUANTITY_DECIMAL_SI);

	*view = (struct quota_view){ .quota = quota, .now_ns = now_ns };
	resource_list_init(&view->used, arena);
	JSON_MEMBERS (name, value, json_get(quota->root, "spec.hard")) {
		(void)value; /* names decide */
		resource_list_set(&view->used, json_str(name), &zero);
	}
}

bool quota_view_wants(const struct quota_view *view, const struct kind *kind)
{
	for (size_t i = 0; i < view->used.count; i++)
		if (quota_is_about(kind, view->used.items[i].name))
			return true;
	return false;
}

void quota_view_add(struct quota_view *view, const struct kind *kind, const struct obj *obj)
{
	struct resource_list usage;

	if (!quota_selects(view->quota->root, kind, obj->root))
		return;
	resource_list_init(&usage, view->used.arena);
	quota_usage(kind, obj->root, view->now_ns, &usage);
	for (size_t i = 0; i < usage.count; i++)
		if (resource_list_get(&view->used, usage.items[i].name))
			resource_list_add(&view->used, usage.items[i].name,
					  &usage.items[i].quantity);
}

static bool is_same(const struct resource_list *want, yyjson_val *have)
{
	struct quantity q;

	if (yyjson_obj_size(have) != want->count)
		return false;
	for (size_t i = 0; i < want->count; i++)
		if (quantity_parse(json_str(json_key(have, want->items[i].name)), &q, NULL) < 0 ||
		    quantity_cmp(&q, &want->items[i].quantity) != 0)
			return false;
	return true;
}

bool quota_view_differs(const struct quota_view *view)
{
	yyjson_val *root = view->quota->root;
	struct resource_list hard;

	resource_list_init(&hard, view->used.arena);
	resource_list_read(&hard, json_get(root, "spec.hard"));
	return !is_same(&hard, json_get(root, "status.hard")) ||
	       !is_same(&view->used, json_get(root, "status.used"));
}

bool quota_change_matters(const struct kind *kind, const struct obj *old, const struct obj *new_,
			  int64_t now_ns)
{
	struct resource_list before, after;
	AUTO_ARENA arena = { 0 };

	if (!old || !new_)
		return true;
	if (kind != &kind_pod && kind != &kind_service && kind != &kind_persistentvolumeclaim)
		return false;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	resource_list_init(&before, &arena);
	resource_list_init(&after, &arena);
	quota_usage(kind, old->root, now_ns, &before);
	quota_usage(kind, new_->root, now_ns, &after);
	if (before.count != after.count)
		return true;
	for (size_t i = 0; i < after.count; i++) {
		const struct quantity *q = resource_list_get(&before, after.items[i].name);

		if (!q || quantity_cmp(q, &after.items[i].quantity) != 0)
			return true;
	}
	return false;
}
