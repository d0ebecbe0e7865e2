/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way in which controllers, scheduler, kubelet, proxy and dns reach the API: requests that
 * return at once and complete later, and informers (informer.h) that cache what a watch delivers.
 * The transport below is in process or HTTPS; nothing here can tell. Everything runs on the env's
 * loop.
 */
#ifndef CUBE_CLIENT_CLIENT_H
#define CUBE_CLIENT_CLIENT_H

#include "api/transport.h"
#include "loop/env.h"

struct informer;
struct queue;

struct client {
	struct env *env;
	struct api_transport *transport;
	struct str name; /* field manager of its writes and "source.component" default */
	struct list informers;
	struct list requests; /* in flight */
	size_t request_count;
	bool closed; /* no informers any more; nobody is told of answers */
	bool doomed; /* freed with its last answer */
};

/* name is borrowed for the client's life. The transport outlives the client. */
struct client *client_new(struct env *env, struct api_transport *transport,
			  struct str name) MUST_CHECK;
/* Stops all informers; nobody is told of requests in flight any more. Queues, recorders and
 * electors of this client are deinitialised before. */
void client_close(struct client *client);
/* Closes it, and frees it as soon as the transport has answered what is in flight. */
void client_free(struct client *client);
/* Frees a closed client at once: its transport has died and will not answer. */
void client_abandon(struct client *client);

/* A request. Everything is copied but body, whose ownership moves. With a queue and a key it is a
 * tracked write: the key is not reconciled again until the write was answered and the informer of
 * its kind has shown it; when it fails the key comes back with back-off. */
struct request {
	enum api_verb verb;
	const struct kind *kind;
	struct str namespace_;
	struct str name;
	struct str subresource;
	yyjson_mut_doc *body;
	enum api_patch patch;
	bool force;
	bool missing_is_fine; /* NotFound counts as success (deletes) */
	bool exists_is_fine;  /* AlreadyExists counts as success (creates of fixed names) */
	bool drop_failed;     /* a failure does not bring the key back: done deals with it */
	struct queue *queue;
	struct str key;
	/* May be NULL. result is borrowed, NULL on error; err is NULL on success. */
	void (*done)(void *owner, const struct obj *result, const struct err *err);
	/* Instead of done, for those who need to know which request it was; request is the client's
	 * copy without body. */
	void (*answered)(void *owner, const struct request *request, const struct obj *result,
			 const struct err *err);
	void *owner;
	const struct obj *about; /* for answered: counted while in flight; may be NULL */
};
void client_submit(struct client *client, const struct request *request);
/* Nobody is told of requests in flight with this done owner any more (it is going away). */
void client_forget_owner(struct client *client, const void *owner);

/* --- the usual requests, filled in from an object; body moves --- */
/* Delete with a precondition on the uid; grace_seconds < 0 leaves the kind's default; propagation
 * NULL likewise. */
struct request request_delete(const struct kind *kind, const struct obj *obj, int64_t grace_seconds,
			      const char *propagation);
struct request request_create(const struct kind *kind, struct str namespace_, yyjson_mut_doc *body);
struct request request_update(const struct kind *kind, const struct obj *obj, yyjson_mut_doc *body);
struct request request_patch(const struct kind *kind, const struct obj *obj, enum api_patch patch,
			     yyjson_mut_doc *body);
/* Changes r so that it is a write of this key of this queue. */
struct request request_tracked(struct request r, struct queue *queue, struct str key);

#endif
