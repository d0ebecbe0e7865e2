/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An informer mirrors one kind (or a selection of it) through a watch and tells handlers what
 * changed. One per kind and selector is shared by everybody who asks. It holds references on the
 * shared objects, never copies. What it returns is borrowed until control goes back to the loop;
 * obj_ref keeps an object longer.
 */
#ifndef CUBE_CLIENT_INFORMER_H
#define CUBE_CLIENT_INFORMER_H

#include "base/map.h"
#include "client/client.h"
#include "client/limits.h"

struct informer_entry {
	struct blob *object; /* one reference; its tree comes and goes */
	size_t position; /* in informer->entries */
	struct informer_membership *memberships;
	size_t membership_count;
};

/* A borrowed list of entries, valid until the informer's next event. */
struct informer_set {
	struct informer_entry *const *entries;
	size_t count;
};
#define INFORMER_SET_FOR_EACH(var, set)                                        \
	for (size_t var##_index = 0; var##_index < (set).count; var##_index++) \
		for (const struct obj *var = obj_get((set).entries[var##_index]->object); var; var = NULL)

/* old is NULL for ADDED, new_ NULL for DELETED (old is then the last state). MODIFIED has both. */
struct informer_handler {
	void (*on_change)(struct informer_handler *handler, const struct obj *old,
			  const struct obj *new_);
	void (*on_synced)(struct informer_handler *handler); /* may be NULL; the first time only */
	void *owner;
	struct list link;
};

struct informer_selector {
	struct str namespace_;
	struct str label_selector;
	struct str field_selector;
};

/* Shared: the same kind and selector give the same informer. selector NULL = everything. Starts
 * watching with the loop's next turn, so that handlers and indexes added now see everything. */
struct informer *client_informer(struct client *client, const struct kind *kind,
				 const struct informer_selector *selector);
/* The client's informer over all of a kind (or else any of this kind); NULL when there is none. */
struct informer *client_informer_of(struct client *client, const struct kind *kind);
/* Calls on_change for what is cached already, before it returns. */
void informer_add_handler(struct informer *informer, struct informer_handler *handler);
void informer_remove_handler(struct informer *informer, struct informer_handler *handler);

/* NULL when it is not there. key is "<namespace>/<name>", or "<name>" for cluster-scoped kinds. */
const struct obj *informer_get(const struct informer *informer, struct str key);
const struct obj *informer_find(const struct informer *informer, struct str namespace_,
				struct str name);
struct informer_set informer_all(const struct informer *informer);
size_t informer_count(const struct informer *informer);
bool informer_is_synced(const struct informer *informer);
/* All changes of this kind up to and including this revision are in the cache. */
int64_t informer_revision(const struct informer *informer);

/* --- indexes --- */
struct index_values {
	struct str values[CLIENT_INDEX_VALUES_MAX];
	size_t count;
};
void index_value_add(struct index_values *values,
		     struct str value); /* borrowed from the object; beyond the max: dropped */

struct informer_index;
/* fn is pure. Asking twice with the same fn gives the same index; entries that are there already
 * are indexed at once. */
struct informer_index *informer_add_index(struct informer *informer,
					  void (*fn)(const struct obj *obj,
						     struct index_values *values));
struct informer_set index_lookup(const struct informer_index *index, struct str value);

void index_by_owner_uid(const struct obj *obj,
			struct index_values *values); /* the controlling owner's uid */
void index_by_any_owner_uid(const struct obj *obj,
			    struct index_values *values); /* uids of all owners */
void index_by_namespace(const struct obj *obj, struct index_values *values);
void index_by_node_name(const struct obj *obj,
			struct index_values *values); /* spec.nodeName of pods */
void index_by_service_name(const struct obj *obj,
			   struct index_values *values); /* kubernetes.io/service-name label */

/* "<namespace>/<name>" or "<name>" into to; the length, 0 when it does not fit. */
size_t informer_key(const struct obj *obj, char *to, size_t to_bytes);

/* --- for queue.c: told once the informer has reached the revision --- */
struct revision_wait {
	int64_t revision;
	void (*fn)(struct revision_wait *wait);
	struct list link;
};
void informer_wait(struct informer *informer, struct revision_wait *wait, int64_t revision);
void informer_wait_cancel(struct revision_wait *wait);

#endif
