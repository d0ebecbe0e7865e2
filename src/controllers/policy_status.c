/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the authors of ValidatingAdmissionPolicies what does not fit the types they name. */
#include "controllers/policy_status.h"

#include "controllers/controller.h"

static enum reconcile_result reconcile(struct controller *c, struct key key, struct err *err)
{
	struct informer_set set = informer_all(c->informers[1]);
	const struct obj *policy = informer_get(c->informers[0], key.text), **items;
	struct policy_definitions definitions = { .count = 0 };
	yyjson_mut_doc *patch;
	AUTO_ARENA arena = { 0 };

	(void)err; /* nothing here can fail before the API answers */
	if (!policy || obj_is_deleting(policy))
		return RECONCILE_DONE;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	items = arena_array(&arena, set.count + 1, sizeof(items[0]));
	INFORMER_SET_FOR_EACH (definition, set)
		items[definitions.count++] = definition;
	definitions.items = items;
	patch = policy_status_plan(policy, &definitions);
	if (patch)
		controller_submit_status(c, key.text, &kind_validatingadmissionpolicy, policy,
					 patch);
	return RECONCILE_DONE;
}

static void policy_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	(void)old;
	if (new_)
		queue_add_obj(&c->queue, new_);
}

const struct controller_type controller_policy_status = {
	.name = "validatingadmissionpolicy-status-controller",
	.component = "validatingadmissionpolicy-status-controller",
	.summary = "Checks the expressions of admission policies against the types they name",
	.watches = { { &kind_validatingadmissionpolicy, policy_changed },
		     { &kind_customresourcedefinition, NULL } },
	.reconcile = reconcile,
};
