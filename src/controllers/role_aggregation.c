/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ClusterRoles with an aggregationRule hold the rules of all ClusterRoles that its selectors find,
 * in the order of their names. A key is such a role.
 */
#include <stdlib.h>
#include "api/selector.h"
#include "base/mem.h"
#include "controllers/controller.h"
#include "controllers/role_aggregation.h"

static bool is_selected(const struct obj *role, yyjson_val *selectors, struct arena *arena)
{
	struct selector selector;

	JSON_EACH (item, selectors)
		if (selector_from_object(item, arena, &selector, NULL) == 0 &&
		    selector_matches(&selector, role->labels))
			return true;
	return false;
}

static void add_rule(yyjson_mut_doc *doc, yyjson_mut_val *rules, yyjson_val *rule)
{
	JSON_MUT_EACH (have, rules)
		if (json_mixed_equal(have, rule))
			return;
	yyjson_mut_arr_append(rules, json_copy(doc, rule));
}

/* The role with the rules of all that it gathers (all: by name); NULL when it has them already. */
static yyjson_mut_doc *role_aggregation_plan(const struct obj *role, const struct obj *const *all,
				      size_t count, struct arena *arena)
{
	yyjson_val *selectors = json_get(role->root, "aggregationRule.clusterRoleSelectors");
	AUTO_JSON_MUT doc = json_thaw(role->root);
	yyjson_mut_val *rules = json_set_array(doc, yyjson_mut_doc_get_root(doc), "rules");

	for (size_t i = 0; i < count; i++) {
		if (str_eq(all[i]->name, role->name) || !is_selected(all[i], selectors, arena))
			continue;
		JSON_EACH (rule, json_get(all[i]->root, "rules"))
			add_rule(doc, rules, rule);
	}
	return json_mixed_equal(rules, json_get(role->root, "rules")) ? NULL : TAKE(doc);
}

static int compare_names(const void *a, const void *b)
{
	return str_cmp((*(const struct obj *const *)a)->name,
		       (*(const struct obj *const *)b)->name);
}

static enum reconcile_result reconcile(struct controller *c, struct key key, struct err *err)
{
	struct informer_set set = informer_all(c->informers[0]);
	const struct obj *role = informer_get(c->informers[0], key.text), **all;
	yyjson_mut_doc *body;
	AUTO_ARENA arena = { 0 };
	size_t count = 0;

	(void)err; /* nothing here can fail before the API answers */
	if (!role || !json_get(role->root, "aggregationRule") || obj_is_deleting(role))
		return RECONCILE_DONE;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	all = arena_array(&arena, set.count + 1, sizeof(all[0]));
	INFORMER_SET_FOR_EACH (other, set)
		all[count++] = other;
	qsort(all, count, sizeof(all[0]), compare_names);
	body = role_aggregation_plan(role, all, count, &arena);
	if (body)
		controller_submit(c, key.text, request_update(&kind_clusterrole, role, body));
	return RECONCILE_DONE;
}

/* Any role may be part of any that gathers: there are few of those. */
static void role_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	struct informer_set set = informer_all(c->informers[0]);

	(void)old;
	(void)new_;
	INFORMER_SET_FOR_EACH (role, set)
		if (json_get(role->root, "aggregationRule"))
			queue_add_obj(&c->queue, role);
}

const struct controller_type controller_role_aggregation = {
	.name = "clusterrole-aggregation-controller",
	.component = "clusterrole-aggregation-controller",
	.summary = "Fills ClusterRoles that gather the rules of others",
	.watches = { { &kind_clusterrole, role_changed } },
	.reconcile = reconcile,
};
