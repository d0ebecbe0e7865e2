/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adoption and release. Candidates come from two indexes, so that a reconcile looks at its own
 * objects and at the few orphans of its namespace, never at everybody's.
 */
#include "controllers/owned.h"

#include "controllers/pod.h"

/* What to do with one candidate. */
static enum owned_claim owned_plan(const struct obj *owner, const struct selector *selector,
				   const struct obj *candidate)
{
	struct str uid = obj_controller_uid(candidate);
	bool matches = selector_matches(selector, candidate->labels);

	if (uid.len) {
		if (!str_eq(uid, owner->uid))
			return OWNED_IGNORE;
		if (matches)
			return OWNED_KEEP;
		return obj_is_deleting(owner) ? OWNED_IGNORE : OWNED_RELEASE;
	}
	if (obj_is_deleting(owner) || !matches || obj_is_deleting(candidate) ||
	    pod_is_terminal(candidate))
		return OWNED_IGNORE;
	return OWNED_ADOPT;
}

yyjson_mut_doc *owner_reference_removal(const struct obj *obj, struct str owner_uid)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *metadata = json_set_object(doc, yyjson_mut_doc_get_root(doc), "metadata");
	yyjson_mut_val *refs;

	json_set_str(doc, metadata, "uid", obj->uid);
	refs = json_set_array(doc, metadata, "ownerReferences");
	JSON_EACH (ref, obj->owner_references)
		if (!str_eq(json_get_str(ref, "uid"), owner_uid))
			yyjson_mut_arr_append(refs, json_copy(doc, ref));
	return doc;
}

static yyjson_mut_doc *adoption(const struct owned_query *query, const struct obj *obj)
{
	yyjson_mut_doc *doc = owner_reference_removal(obj, query->owner->uid);

	owner_reference_add(doc, json_mut_get(yyjson_mut_doc_get_root(doc), "metadata"),
			    query->owner_kind, query->owner);
	return doc;
}

static void submit_patch(struct controller *c, struct str key, const struct owned_query *query,
			 const struct obj *obj, yyjson_mut_doc *patch)
{
	struct request r = request_patch(query->kind, obj, API_PATCH_MERGE, patch);

	r.missing_is_fine = true;
	controller_submit(c, key, r);
}

struct owned_set owned_find(struct controller *c, struct str key, const struct owned_query *query,
			    struct arena *arena)
{
	struct informer_set mine = index_lookup(query->by_owner, query->owner->uid);
	struct informer_set orphans = index_lookup(query->orphans, query->owner->namespace_);
	struct owned_set set = { .count = 0 };

	set.objects = arena_array(arena, mine.count + 1, sizeof(*set.objects));
	INFORMER_SET_FOR_EACH (obj, mine) {
		if (!str_eq(obj->namespace_, query->owner->namespace_))
			continue;
		switch (owned_plan(query->owner, query->selector, obj)) {
		case OWNED_KEEP:
			set.objects[set.count++] = obj;
			break;
		case OWNED_RELEASE:
			submit_patch(c, key, query, obj,
				     owner_reference_removal(obj, query->owner->uid));
			set.changing = true;
			break;
		case OWNED_ADOPT:
		case OWNED_IGNORE:
			break;
		}
	}
	INFORMER_SET_FOR_EACH (obj, orphans) {
		if (owned_plan(query->owner, query->selector, obj) != OWNED_ADOPT)
			continue;
		submit_patch(c, key, query, obj, adoption(query, obj));
		set.changing = true;
	}
	return set;
}

void index_orphans(const struct obj *obj, struct index_values *values)
{
	if (!obj_controller_ref(obj))
		index_value_add(values, obj->namespace_);
}

static void add_owner(struct controller *c, const struct kind *owner_kind, const struct obj *obj)
{
	yyjson_val *ref = obj ? obj_controller_ref(obj) : NULL;

	if (ref && str_eq(json_get_str(ref, "kind"), owner_kind->name) &&
	    str_eq(json_get_str(ref, "apiVersion"), owner_kind->api_version))
		queue_add_name(&c->queue, obj->namespace_, json_get_str(ref, "name"));
}

void owned_changed(struct controller *c, const struct kind *owner_kind, const struct obj *old,
		   const struct obj *new_)
{
	if (old && (!new_ || !str_eq(obj_controller_uid(old), obj_controller_uid(new_))))
		add_owner(c, owner_kind, old);
	add_owner(c, owner_kind, new_);
}
