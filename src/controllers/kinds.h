/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching every kind that is stored: what namespace deletion and garbage collection stand on.
 * Shares the client's informers. Custom kinds come in when their definition is established; they
 * stay, empty, when it goes, and are the same entry when it comes back.
 */
#ifndef CUBE_CONTROLLERS_KINDS_H
#define CUBE_CONTROLLERS_KINDS_H

#include "controllers/controller.h"

struct custom_resource;

struct kinds_entry {
	size_t index;			/* in kinds->entries */
	struct custom_resource *custom; /* whose kind it is; NULL: built in */
	const struct kind *kind;
	struct informer *informer;
	struct informer_index *by_namespace; /* NULL unless asked for */
	struct informer_index *by_owner;     /* index_by_any_owner_uid; likewise */
	struct informer_handler handler;
	struct kinds *kinds;
};

struct kinds_options {
	bool namespaced_only;
	bool without_events;
	bool scaled_custom_only; /* custom kinds that have a scale, no others */
	bool by_namespace, by_owner; /* indexes wanted */
};

struct kinds {
	struct controller *controller;
	void (*changed)(struct kinds_entry *entry, const struct obj *old, const struct obj *new_);
	struct kinds_entry **entries;
	size_t count, room;
	struct kinds_options options;
	struct informer *definitions;
	struct informer_handler definition_handler;
};

/* The controller's queue waits for all of them. */
void kinds_start(struct kinds *kinds, struct controller *controller,
		 const struct kinds_options *options,
		 void (*changed)(struct kinds_entry *entry, const struct obj *old,
				 const struct obj *new_));
void kinds_stop(struct kinds *kinds);
/* The entry of a kind in any of its versions; NULL when it is not watched. */
struct kinds_entry *kinds_find(const struct kinds *kinds, struct str api_version, struct str name);

#endif
