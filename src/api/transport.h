/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a client reaches an API server, as a table of functions: in process (the API server
 * implements it over its registry) or over HTTPS (client/ implements it). Roles cannot tell which
 * one they were given. Everything is called and calls back on the control loop; a callback never
 * runs inside the call that caused it.
 */
#ifndef CUBE_API_TRANSPORT_H
#define CUBE_API_TRANSPORT_H

#include "api/obj.h"

struct kind; /* api/kind.h */

enum api_verb { API_CREATE, API_GET, API_UPDATE, API_PATCH, API_DELETE };
enum api_patch { API_PATCH_JSON, API_PATCH_MERGE, API_PATCH_STRATEGIC, API_PATCH_APPLY };

/* One request. The caller owns the memory and keeps it, and the strings, until done ran. */
struct api_call {
	enum api_verb verb;
	const struct kind *kind;
	struct str namespace_;	/* empty for cluster-scoped kinds */
	struct str name;	/* empty for create */
	struct str subresource; /* "", "status", "binding", "scale", "finalize", "eviction", ... */
	/* Object (create, update, binding), patch or DeleteOptions (may be NULL). Ownership moves
	 * to the transport, so that in process no bytes are encoded and parsed again. */
	yyjson_mut_doc *body;
	enum api_patch patch;
	bool force;		  /* apply: take fields over */
	struct str field_manager; /* empty = the transport's default */
	/* Exactly once. result is borrowed for the call (obj_ref keeps it) and NULL on error; for a
	 * completed delete it is the last state. err->code is ERR_CONFLICT, ERR_EXISTS,
	 * ERR_NOT_FOUND, ... as the Status reason says. */
	void (*done)(struct api_call *call, const struct obj *result, const struct err *err);
	void *owner; /* the caller's */
	void *impl;  /* the transport's */
};

enum api_event_type {
	API_EVENT_ADDED,
	API_EVENT_MODIFIED,
	API_EVENT_DELETED,
	API_EVENT_SYNCED, /* all that existed at the start was delivered; obj is NULL, revision says
			     as of when */
	API_EVENT_PROGRESS, /* nothing for this watch up to and including revision */
};

struct api_event {
	enum api_event_type type;
	const struct obj
		*obj; /* borrowed; for DELETED the last state with the revision of the deletion */
	int64_t revision;
};

/* List + watch, resumed or restarted by the transport as needed: after a gap it delivers what
 * changed (DELETED for what is gone) and SYNCED again. Events of all watches of one transport come
 * in revision order. */
struct api_watch {
	const struct kind *kind;
	struct str namespace_;	   /* empty = all */
	struct str label_selector; /* as in a query string, empty = all; likewise */
	struct str field_selector;
	void (*on_event)(struct api_watch *watch, const struct api_event *event);
	void *owner;
	void *impl;
};

/* What API servers behind this one keep in a namespace, after all of it was deleted. */
struct api_remain {
	struct str group, resource;
	size_t count;
};
struct api_remains {
	struct str namespace_; /* lives until done */
	/* Exactly once, unless cancelled; what follows is borrowed for the call. */
	void (*done)(struct api_remains *remains);
	void *owner;
	const struct api_remain *left;
	size_t left_count;
	struct str failures; /* why some could not be asked; empty: all were */
	void *impl;	     /* the transport's */
};

struct api_transport {
	const struct api_transport_ops *ops;
};

struct api_transport_ops {
	void (*call)(struct api_transport *transport, struct api_call *call);
	void (*watch_start)(struct api_transport *transport, struct api_watch *watch);
	void (*watch_stop)(struct api_transport *transport,
			   struct api_watch *watch); /* no callback after it */
	/* Deletes what other servers keep in the namespace, and counts what is left. */
	void (*empty_others)(struct api_transport *transport, struct api_remains *remains);
	void (*empty_others_cancel)(struct api_transport *transport, struct api_remains *remains);
	/* Revision up to which all watches have been served. */
	int64_t (*revision)(struct api_transport *transport);
};

#endif
