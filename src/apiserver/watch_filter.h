/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a store's event means to one watch: with selectors an update can be an addition or a
 * deletion. Shared by watches over HTTP and in process.
 */
#ifndef CUBE_APISERVER_WATCH_FILTER_H
#define CUBE_APISERVER_WATCH_FILTER_H

#include "api/selector.h"
#include "api/transport.h"
#include "store/store.h"

struct watch_filter {
	const struct kind *kind;
	struct str prefix; /* of the keys it is about */
	struct selector labels;
	struct field_selector fields;
	bool has_selector;
	bool fields_wait; /* a webhook converts the kind: fields are those of the version asked for,
			     and known once an object is in it */
};

/* Strings and requirements live in the arena. err has upstream's words (ERR_BAD_REQUEST). */
int watch_filter_init(struct watch_filter *filter, const struct kind *kind, struct str label_text,
		      struct str field_text, struct arena *arena, struct err *err) MUST_CHECK;
bool watch_filter_matches(const struct watch_filter *filter, const struct obj *obj);
/* The same; but of one that still waits for its conversion nobody knows the fields yet. */
bool watch_filter_may_match(const struct watch_filter *filter, const struct obj *obj);
/* False: not for this watch. *ret_object is the caller's reference, in the filter's version. */
bool watch_filter_event(const struct watch_filter *filter, const struct store_event *event,
			enum api_event_type *ret_type, struct blob **ret_object);

#endif
