/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches over HTTP: each is a place in the store's history and a filter, nothing more. An event's
 * bytes are the stored ones between a short prefix and suffix. A client that does not keep up
 * pauses its own watch; when the history has left its place behind it is told to list again.
 */
#ifndef CUBE_APISERVER_HTTP_WATCH_H
#define CUBE_APISERVER_HTTP_WATCH_H

#include "loop/env.h"
#include "net/http.h"

/* The last event, as it goes to everybody who watches in the same way; until the turn is over. */
struct watch_shared {
	struct task turn_over;
	struct blob *object; /* NULL: none; counted */
	struct str name;     /* constant text */
	const struct kind *kind;
	int form, format;    /* of exchange.h */
	bool is_framed;
	struct http_chunk chunk;
};

struct apiserver;
struct custom_resource;
struct timer;

void http_watch_bookmarks(struct timer *timer);
/* politely: the streams end as after a timeout; else they are broken off. */
void http_watch_end_all(struct apiserver *server, bool politely);
/* Its definition changes or goes: who watches its kinds has to ask anew. */
void http_watch_end_custom(struct apiserver *server, const struct custom_resource *resource);

#endif
