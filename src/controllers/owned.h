/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which objects a controller's object owns: those whose controlling ownerReference says so, less
 * those its selector no longer selects (released), plus matching orphans (adopted). The rules are
 * pure; the writes they ask for are guarded by uid.
 */
#ifndef CUBE_CONTROLLERS_OWNED_H
#define CUBE_CONTROLLERS_OWNED_H

#include "api/selector.h"
#include "base/arena.h"
#include "controllers/controller.h"

enum owned_claim { OWNED_KEEP, OWNED_ADOPT, OWNED_RELEASE, OWNED_IGNORE };

struct owned_set {
	const struct obj **objects; /* in the arena; kept ones only */
	size_t count;
	bool changing; /* adoptions or releases were submitted: decide when they have been seen */
};

struct owned_query {
	const struct kind *owner_kind;
	const struct obj *owner;
	const struct selector *selector;
	const struct kind *kind;	       /* of the owned */
	const struct informer_index *by_owner; /* index_by_owner_uid */
	const struct informer_index *orphans;  /* index_orphans */
};
struct owned_set owned_find(struct controller *c, struct str key, const struct owned_query *query,
			    struct arena *arena);

/* Namespaces of objects that no controller owns. */
void index_orphans(const struct obj *obj, struct index_values *values);
/* Adds the key of the controlling owner when it is of this kind; old and new as a watch tells them.
 */
void owned_changed(struct controller *c, const struct kind *owner_kind, const struct obj *old,
		   const struct obj *new_);
/* {"metadata":{"uid":…,"ownerReferences":[…without uid…]}} */
yyjson_mut_doc *owner_reference_removal(const struct obj *obj, struct str owner_uid);

#endif
