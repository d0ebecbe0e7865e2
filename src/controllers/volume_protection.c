/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims stay while a pod on a node uses them, volumes while they are bound: a finalizer holds what
 * is deleted meanwhile.
 */
#include "controllers/volume_protection.h"

#include "controllers/controller.h"

#define CLAIM_FINALIZER "kubernetes.io/pvc-protection"
#define VOLUME_FINALIZER "kubernetes.io/pv-protection"

enum { WATCH_CLAIMS, WATCH_PODS };

void protection_submit(struct controller *c, struct str key, const struct kind *kind,
		       const struct obj *obj, const char *finalizer, enum protection plan)
{
	yyjson_mut_doc *doc;
	yyjson_mut_val *metadata, *list;

	if (plan == PROTECTION_AS_IT_IS)
		return;
	doc = json_thaw(obj->root);
	metadata = json_mut_get(yyjson_mut_doc_get_root(doc), "metadata");
	list = json_set_array(doc, metadata, "finalizers");
	JSON_EACH (name, obj->finalizers)
		if (!str_eq_c(json_str(name), finalizer))
			json_append_str(doc, list, json_str(name));
	if (plan == PROTECTION_ADD)
		json_append_str(doc, list, str_from(finalizer));
	controller_submit(c, key, request_update(kind, obj, doc));
}

/* ---- claims ---- */

static enum reconcile_result claim_reconcile(struct controller *c, struct key key, struct err *err)
{
	const struct obj *claim = informer_get(c->informers[WATCH_CLAIMS], key.text);
	bool in_use = false;

	(void)err; /* nothing here can fail before the API answers */
	if (!claim)
		return RECONCILE_DONE;
	INFORMER_SET_FOR_EACH (pod, index_lookup(c->indexes[WATCH_PODS], claim->namespace_))
		in_use = in_use || protection_pod_uses(pod, claim);
	protection_submit(c, key.text, &kind_persistentvolumeclaim, claim, CLAIM_FINALIZER,
			  protection_plan(claim, STR(CLAIM_FINALIZER), in_use));
	return RECONCILE_DONE;
}

static void object_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	(void)old;
	queue_add_obj(&c->queue, new_);
}

/* Only a pod that is gone or over lets go of its claims. */
static void pod_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	const struct obj *pod = new_ ? new_ : old;
	struct str phase = json_get_str(pod->root, "status.phase");

	if (new_ && !str_eq_c(phase, "Succeeded") && !str_eq_c(phase, "Failed"))
		return;
	JSON_EACH (volume, json_get(pod->root, "spec.volumes")) {
		struct str claim = json_get_str(volume, "persistentVolumeClaim.claimName");
		AUTO_BUF own = { 0 };

		if (json_get(volume, "ephemeral")) {
			buf_init(&own, 1024);
			buf_printf(&own, STR_FMT "-" STR_FMT, STR_ARG(pod->name),
				   STR_ARG(json_get_str(volume, "name")));
			claim = buf_str(&own);
		}
		if (claim.len)
			queue_add_name(&c->queue, pod->namespace_, claim);
	}
}

const struct controller_type controller_claim_protection = {
	.name = "persistentvolumeclaim-protection-controller",
	.component = "persistentvolumeclaim-protection-controller",
	.summary = "Keeps claims that pods use",
	.watches = { { &kind_persistentvolumeclaim, object_changed },
		     { &kind_pod, pod_changed, index_by_namespace } },
	.reconcile = claim_reconcile,
};

/* ---- volumes ---- */

static enum reconcile_result volume_reconcile(struct controller *c, struct key key, struct err *err)
{
	const struct obj *volume = informer_get(c->informers[0], key.text);

	(void)err; /* nothing here can fail before the API answers */
	if (volume)
		protection_submit(
			c, key.text, &kind_persistentvolume, volume, VOLUME_FINALIZER,
			protection_plan(
				volume, STR(VOLUME_FINALIZER),
				str_eq_c(json_get_str(volume->root, "status.phase"), "Bound")));
	return RECONCILE_DONE;
}

const struct controller_type controller_volume_protection = {
	.name = "persistentvolume-protection-controller",
	.component = "persistentvolume-protection-controller",
	.summary = "Keeps volumes that claims are bound to",
	.watches = { { &kind_persistentvolume, object_changed } },
	.reconcile = volume_reconcile,
};
