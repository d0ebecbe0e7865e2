/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The garbage collector: follows ownerReferences over all kinds. All watches of the control plane are
 * served in one order of revisions, so that an object is not seen before the owner it was made for;
 * of one that is in no cache the API server has to say that it is gone. Deletions are guarded by
 * uid all the same. A key is "<index of the kind>|<namespace>/<name>".
 */
#include "controllers/garbage.h"

#include <stdio.h>
#include "base/num.h"
#include "controllers/absence.h"
#include "controllers/controller.h"
#include "controllers/kinds.h"
#include "controllers/owned.h"

#define FINALIZER_FOREGROUND "foregroundDeletion"
#define FINALIZER_ORPHAN "orphan"

struct garbage_controller {
	struct controller base;
	struct kinds kinds;
	struct absence absence;
};

static bool has_finalizer(const struct obj *obj, struct str name)
{
	JSON_EACH (finalizer, obj->finalizers)
		if (str_eq(json_str(finalizer), name))
			return true;
	return false;
}

static bool is_waiting(const struct obj *obj)
{
	return obj_is_deleting(obj) && has_finalizer(obj, STR(FINALIZER_FOREGROUND));
}

static void add_object(struct garbage_controller *c, const struct kinds_entry *entry,
		       const struct obj *obj)
{
	char text[CLIENT_KEY_BYTES_MAX];
	size_t len = (size_t)snprintf(text, sizeof(text), "%zu|", entry->index); /* fits */

	len += informer_key(obj, text + len, sizeof(text) - len);
	queue_add(&c->base.queue, str_sub(text, len));
}

enum owner_state { OWNER_SOLID, OWNER_WAITING, OWNER_GONE, OWNER_UNKNOWN };

static const struct obj *find_owner(const struct garbage_controller *c, const struct obj *obj,
				    yyjson_val *ref, const struct kinds_entry **ret_entry)
{
	const struct kinds_entry *entry = kinds_find(&c->kinds, json_get_str(ref, "apiVersion"),
						     json_get_str(ref, "kind"));
	const struct obj *owner;

	*ret_entry = entry;
	if (!entry)
		return NULL;
	owner = informer_find(entry->informer,
			      kind_is_namespaced(entry->kind) ? obj->namespace_ : STR_NONE,
			      json_get_str(ref, "name"));
	return owner && str_eq(owner->uid, json_get_str(ref, "uid")) ? owner : NULL;
}

static enum owner_state owner_state(const struct garbage_controller *c, const struct obj *obj,
				    yyjson_val *ref)
{
	const struct kinds_entry *entry;
	const struct obj *owner = find_owner(c, obj, ref, &entry);

	/* What is in no namespace cannot be owned from within one: who wrote so is not to lose it. */
	if (!entry || (!obj->namespace_.len && kind_is_namespaced(entry->kind)))
		return OWNER_UNKNOWN;
	return !owner ? OWNER_GONE : is_waiting(owner) ? OWNER_WAITING : OWNER_SOLID;
}

/* The same, once the API server has said of the missing that they are gone. */
static enum owner_state owner_state_now(struct garbage_controller *c, struct key key,
					const struct obj *obj, yyjson_val *ref)
{
	const struct kinds_entry *entry;
	enum owner_state state = owner_state(c, obj, ref);
	struct absence_of of;

	if (state != OWNER_GONE)
		return state;
	entry = kinds_find(&c->kinds, json_get_str(ref, "apiVersion"), json_get_str(ref, "kind"));
	of = (struct absence_of){
		.kind = entry->kind,
		.namespace_ = kind_is_namespaced(entry->kind) ? obj->namespace_ : STR_NONE,
		.name = json_get_str(ref, "name"),
		.uid = json_get_str(ref, "uid"),
	};
	if (!of.name.len || !of.uid.len)
		return OWNER_GONE; /* nothing is called so */
	return absence_is_sure(&c->absence, &of, key.text) ? OWNER_GONE : OWNER_UNKNOWN;
}

/* Every object that names this uid as an owner, of whatever kind. */
static void each_dependent(struct garbage_controller *c, struct str uid,
			   void (*fn)(struct garbage_controller *c, const struct kinds_entry *entry,
				      const struct obj *dependent, void *arg),
			   void *arg)
{
	for (size_t i = 0; i < c->kinds.count; i++) {
		struct informer_set set = index_lookup(c->kinds.entries[i]->by_owner, uid);

		INFORMER_SET_FOR_EACH (dependent, set)
			fn(c, c->kinds.entries[i], dependent, arg);
	}
}

static void add_dependent(struct garbage_controller *c, const struct kinds_entry *entry,
			  const struct obj *dependent, void *arg)
{
	(void)arg; /* the owner; all its dependents are looked at alike */
	if (!obj_is_deleting(dependent))
		add_object(c, entry, dependent);
}

struct counting {
	struct garbage_view *view;
	const struct obj *owner;
};

static void count_dependent(struct garbage_controller *c, const struct kinds_entry *entry,
			    const struct obj *dependent, void *arg)
{
	struct counting *counting = arg;

	(void)c;
	(void)entry;
	counting->view->dependents++;
	counting->view->deleting_dependents += is_waiting(dependent);
	JSON_EACH (ref, dependent->owner_references)
		if (str_eq(json_get_str(ref, "uid"), counting->owner->uid))
			counting->view->blocking_dependents += json_get_bool(
				ref, "blockOwnerDeletion", false);
}

static void view_object(struct garbage_controller *c, struct key key, const struct obj *obj,
			struct garbage_view *ret)
{
	struct counting counting = { ret, obj };

	*ret = (struct garbage_view){
		.deleting = obj_is_deleting(obj),
		.has_foreground = has_finalizer(obj, STR(FINALIZER_FOREGROUND)),
		.has_orphan = has_finalizer(obj, STR(FINALIZER_ORPHAN)),
	};
	JSON_EACH (ref, obj->owner_references) {
		ret->blocked_owners += json_get_bool(ref, "blockOwnerDeletion", false);
		/* of what is going anyway its owners are no matter */
		switch (ret->deleting ? owner_state(c, obj, ref)
				      : owner_state_now(c, key, obj, ref)) {
		case OWNER_SOLID:
			ret->solid_owners++;
			break;
		case OWNER_WAITING:
			ret->waiting_owners++;
			break;
		case OWNER_GONE:
			ret->gone_owners++;
			break;
		case OWNER_UNKNOWN:
			ret->unknown_owners++;
			break;
		}
	}
	each_dependent(c, obj->uid, count_dependent, &counting);
}

/* --- acting --- */

static void submit_patch(struct garbage_controller *c, struct key key, const struct kind *kind,
			 const struct obj *obj, yyjson_mut_doc *patch)
{
	struct request r = request_patch(kind, obj, API_PATCH_MERGE, patch);

	r.missing_is_fine = true;
	controller_submit(&c->base, key.text, r);
}

static yyjson_mut_doc *metadata_patch(const struct obj *obj, yyjson_mut_val **ret_metadata)
{
	yyjson_mut_doc *doc = json_new_object();

	*ret_metadata = json_set_object(doc, yyjson_mut_doc_get_root(doc), "metadata");
	json_set_str(doc, *ret_metadata, "uid", obj->uid);
	/* Lists are replaced as a whole: nobody else may have changed them meanwhile. */
	json_set_str(doc, *ret_metadata, "resourceVersion",
		     json_get_str(obj->root, "metadata.resourceVersion"));
	return doc;
}

static void remove_finalizer(struct garbage_controller *c, struct key key, const struct kind *kind,
			     const struct obj *obj, struct str name)
{
	yyjson_mut_val *metadata, *kept;
	yyjson_mut_doc *doc = metadata_patch(obj, &metadata);

	kept = json_set_array(doc, metadata, "finalizers");
	JSON_EACH (finalizer, obj->finalizers)
		if (!str_eq(json_str(finalizer), name))
			json_append_str(doc, kept, json_str(finalizer));
	submit_patch(c, key, kind, obj, doc);
}

static void drop_owners(struct garbage_controller *c, struct key key, const struct kind *kind,
			const struct obj *obj)
{
	yyjson_mut_val *metadata, *kept;
	yyjson_mut_doc *doc = metadata_patch(obj, &metadata);

	kept = json_set_array(doc, metadata, "ownerReferences");
	JSON_EACH (ref, obj->owner_references)
		if (owner_state(c, obj, ref) == OWNER_SOLID)
			yyjson_mut_arr_append(kept, json_copy(doc, ref));
	submit_patch(c, key, kind, obj, doc);
}

static void unblock_owners(struct garbage_controller *c, struct key key, const struct kind *kind,
			   const struct obj *obj)
{
	yyjson_mut_val *metadata, *references;
	yyjson_mut_doc *doc = metadata_patch(obj, &metadata);

	references = json_set_array(doc, metadata, "ownerReferences");
	JSON_EACH (ref, obj->owner_references) {
		yyjson_mut_val *copy = json_copy(doc, ref);

		json_set_bool(doc, copy, "blockOwnerDeletion", false);
		yyjson_mut_arr_append(references, copy);
	}
	submit_patch(c, key, kind, obj, doc);
}

struct orphaning {
	struct key key;
	const struct obj *owner;
};

static void orphan_dependent(struct garbage_controller *c, const struct kinds_entry *entry,
			     const struct obj *dependent, void *arg)
{
	struct orphaning *orphaning = arg;

	submit_patch(c, orphaning->key, entry->kind, dependent,
		     owner_reference_removal(dependent, orphaning->owner->uid));
}

static void act(struct garbage_controller *c, struct key key, const struct kinds_entry *entry,
		const struct obj *obj, const struct garbage_view *view)
{
	struct orphaning orphaning = { key, obj };

	switch (garbage_plan(view)) {
	case GARBAGE_KEEP:
		break;
	case GARBAGE_DELETE_BACKGROUND:
		controller_submit(&c->base, key.text,
				  request_delete(entry->kind, obj, -1, "Background"));
		break;
	case GARBAGE_DELETE_FOREGROUND:
		controller_submit(&c->base, key.text,
				  request_delete(entry->kind, obj, -1, "Foreground"));
		break;
	case GARBAGE_UNBLOCK_OWNERS:
		unblock_owners(c, key, entry->kind, obj);
		break;
	case GARBAGE_DELETE_ORPHAN:
		controller_submit(&c->base, key.text,
				  request_delete(entry->kind, obj, -1, "Orphan"));
		break;
	case GARBAGE_DROP_OWNERS:
		drop_owners(c, key, entry->kind, obj);
		break;
	case GARBAGE_DELETE_DEPENDENTS:
		each_dependent(c, obj->uid, add_dependent, NULL);
		break;
	case GARBAGE_FINISH_FOREGROUND:
		remove_finalizer(c, key, entry->kind, obj, STR(FINALIZER_FOREGROUND));
		break;
	case GARBAGE_ORPHAN_DEPENDENTS:
		if (view->dependents)
			each_dependent(c, obj->uid, orphan_dependent, &orphaning);
		else
			remove_finalizer(c, key, entry->kind, obj, STR(FINALIZER_ORPHAN));
		break;
	}
}

static enum reconcile_result garbage_reconcile(struct controller *base, struct key key,
					       struct err *err)
{
	struct garbage_controller *c = CONTAINER_OF(base, struct garbage_controller, base);
	struct str number, rest;
	struct garbage_view view;
	const struct obj *obj;
	uint64_t index;

	(void)str_cut(key.text, '|', &number, &rest); /* add_object put it there */
	if (num_parse_u64(number, c->kinds.count - 1, "kind", &index, err) < 0)
		return RECONCILE_DONE;
	obj = informer_get(c->kinds.entries[index]->informer, rest);
	if (!obj)
		return RECONCILE_DONE;
	view_object(c, key, obj, &view);
	act(c, key, c->kinds.entries[index], obj, &view);
	return RECONCILE_DONE;
}

/* --- events --- */

static bool has_lost_owner(const struct garbage_controller *c, const struct obj *obj)
{
	JSON_EACH (ref, obj->owner_references) {
		enum owner_state state = owner_state(c, obj, ref);

		if (state == OWNER_GONE || state == OWNER_WAITING)
			return true;
	}
	return false;
}

/* Owners that wait for their dependents look again when one has gone or changed. */
static void add_waiting_owners(struct garbage_controller *c, const struct obj *obj)
{
	JSON_EACH (ref, obj->owner_references) {
		const struct kinds_entry *entry;
		const struct obj *owner = find_owner(c, obj, ref, &entry);

		if (owner && obj_is_deleting(owner) && owner->finalizers)
			add_object(c, entry, owner);
	}
}

static void object_changed(struct kinds_entry *entry, const struct obj *old, const struct obj *new_)
{
	struct garbage_controller *c = CONTAINER_OF(entry->kinds, struct garbage_controller, kinds);

	if (old && old->owner_references &&
	    (!new_ || !json_equal(old->owner_references, new_->owner_references)))
		add_waiting_owners(c, old);
	if (!new_) {
		each_dependent(c, old->uid, add_dependent, NULL);
		return;
	}
	if (obj_is_deleting(new_) ? new_->finalizers != NULL
				  : new_->owner_references && has_lost_owner(c, new_))
		add_object(c, entry, new_);
}

static void garbage_start(struct controller *base)
{
	struct garbage_controller *c = CONTAINER_OF(base, struct garbage_controller, base);

	absence_init(&c->absence, base);
	kinds_start(&c->kinds, base,
		    &(struct kinds_options){ .without_events = true, .by_owner = true },
		    object_changed);
}

static void garbage_stop(struct controller *base)
{
	struct garbage_controller *c = CONTAINER_OF(base, struct garbage_controller, base);

	absence_deinit(&c->absence);
	kinds_stop(&c->kinds);
}

const struct controller_type controller_garbage = {
	.name = "garbage-collector-controller",
	.component = "garbage-collector-controller",
	.summary = "Deletes what has lost all its owners",
	.state_bytes = sizeof(struct garbage_controller),
	.reconcile = garbage_reconcile,
	.start = garbage_start,
	.stop = garbage_stop,
};
