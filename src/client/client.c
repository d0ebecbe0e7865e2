/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests in flight. Each is one allocation that holds its strings and stays on the client's list
 * until the transport has answered, whoever asked for it being gone or not; that is what lets a
 * role be taken down at any moment.
 */
#include "client/client.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "client/client_internal.h"
#include "client/informer.h"
#include "client/queue.h"
#include "codec/json.h"

struct flight {
	struct api_call call;
	struct client *client;
	struct list link;
	struct request request; /* strings point behind this struct */
	struct task refused;	/* too many in flight */
	char strings[];
};

static void flight_free(struct flight *flight)
{
	obj_unref(flight->request.about);
	mem_free(flight);
}

struct client *client_new(struct env *env, struct api_transport *transport, struct str name)
{
	struct client *client = NEW(struct client);

	client->env = env;
	client->transport = transport;
	client->name = name;
	list_init(&client->informers);
	list_init(&client->requests);
	return client;
}

void client_close(struct client *client)
{
	if (client->closed)
		return;
	client->closed = true;
	informers_free(client);
	LIST_FOR_EACH (node, &client->requests) {
		struct flight *flight = LIST_ENTRY(node, struct flight, link);

		flight->request.done = NULL;
		flight->request.answered = NULL;
		flight->request.queue = NULL;
	}
}

void client_free(struct client *client)
{
	if (!client)
		return;
	client_close(client);
	if (list_is_empty(&client->requests))
		mem_free(client);
	else
		client->doomed = true;
}

void client_abandon(struct client *client)
{
	struct list *node;

	client_close(client);
	while ((node = list_pop_front(&client->requests))) {
		struct flight *flight = LIST_ENTRY(node, struct flight, link);

		env_cancel(client->env, &flight->refused);
		flight_free(flight);
	}
	mem_free(client);
}

/* The informer that will show the write; NULL when none is sure to. */
static struct informer *informer_for(struct client *client, const struct api_call *call,
				     const struct obj *result)
{
	struct informer *informer = client_informer_of(client, call->kind);

	if (!informer || !informer_is_selective(informer))
		return informer;
	return informer_find(informer, result->namespace_, result->name) ? informer : NULL;
}

static void flight_end(struct flight *flight, const struct obj *result, const struct err *err)
{
	struct client *client = flight->client;
	const struct request *r = &flight->request;

	list_remove(&flight->link);
	client->request_count--;
	if (err && ((err->code == ERR_NOT_FOUND && r->missing_is_fine) ||
		    (err->code == ERR_EXISTS && r->exists_is_fine)))
		err = NULL;
	if (r->queue && err && !r->drop_failed)
		writes_fail(r->queue, r->key);
	else if (r->queue)
		writes_end(r->queue, r->key,
			   result ? informer_for(client, &flight->call, result) : NULL,
			   result ? result->resource_version : 0);
	if (err)
		log_debug("client", STR_FMT ": " STR_FMT "/" STR_FMT ": %s", STR_ARG(client->name),
			  STR_ARG(r->namespace_), STR_ARG(r->name), err->msg);
	if (r->done)
		r->done(r->owner, result, err);
	else if (r->answered)
		r->answered(r->owner, r, result, err);
}

static void flight_release(struct flight *flight)
{
	struct client *client = flight->client;

	flight_free(flight);
	if (client->doomed && list_is_empty(&client->requests))
		mem_free(client);
}

static void call_done(struct api_call *call, const struct obj *result, const struct err *err)
{
	struct flight *flight = CONTAINER_OF(call, struct flight, call);

	flight_end(flight, err ? NULL : result, err);
	flight_release(flight);
}

static void refuse(struct task *task)
{
	struct flight *flight = CONTAINER_OF(task, struct flight, refused);
	struct err err;

	(void)err_set(&err, ERR_TOO_MANY, "more than %d requests in flight",
		      CLIENT_REQUESTS_MAX); /* is passed on */
	json_mut_free(flight->call.body);
	flight_end(flight, NULL, &err);
	flight_release(flight);
}

static struct str keep(char **at, struct str s)
{
	struct str kept = { *at, s.len };

	if (s.len)
		memcpy(*at, s.ptr, s.len);
	(*at)[s.len] = '\0';
	*at += s.len + 1;
	return kept;
}

void client_submit(struct client *client, const struct request *request)
{
	size_t bytes = request->namespace_.len + request->name.len + request->subresource.len +
		       request->key.len + 4;
	struct flight *flight = mem_zalloc(sizeof(*flight) + bytes);
	char *at = flight->strings;

	flight->client = client;
	flight->request = *request;
	flight->request.body = NULL;
	flight->request.namespace_ = keep(&at, request->namespace_);
	flight->request.name = keep(&at, request->name);
	flight->request.subresource = keep(&at, request->subresource);
	flight->request.key = keep(&at, request->key);
	flight->request.about = obj_ref(request->about);
	flight->call.verb = request->verb;
	flight->call.kind = request->kind;
	flight->call.namespace_ = flight->request.namespace_;
	flight->call.name = flight->request.name;
	flight->call.subresource = flight->request.subresource;
	flight->call.body = request->body;
	flight->call.patch = request->patch;
	flight->call.force = request->force;
	flight->call.field_manager = client->name;
	flight->call.done = call_done;
	list_init(&flight->link);
	list_push_back(&client->requests, &flight->link);
	client->request_count++;
	if (request->queue)
		writes_begin(request->queue, request->key);
	task_init(&flight->refused, refuse);
	if (client->request_count > CLIENT_REQUESTS_MAX)
		env_defer(client->env, &flight->refused);
	else
		client->transport->ops->call(client->transport, &flight->call);
}

void client_forget_owner(struct client *client, const void *owner)
{
	LIST_FOR_EACH (node, &client->requests) {
		struct flight *flight = LIST_ENTRY(node, struct flight, link);

		if (flight->request.owner == owner) {
			flight->request.done = NULL;
			flight->request.answered = NULL;
		}
	}
}

void client_forget_queue(struct client *client, const struct queue *queue)
{
	LIST_FOR_EACH (node, &client->requests) {
		struct flight *flight = LIST_ENTRY(node, struct flight, link);

		if (flight->request.queue == queue)
			flight->request.queue = NULL;
	}
}

struct request request_create(const struct kind *kind, struct str namespace_, yyjson_mut_doc *body)
{
	return (struct request){
		.verb = API_CREATE, .kind = kind, .namespace_ = namespace_, .body = body
	};
}

struct request request_update(const struct kind *kind, const struct obj *obj, yyjson_mut_doc *body)
{
	return (struct request){
		.verb = API_UPDATE,
		.kind = kind,
		.namespace_ = obj->namespace_,
		.name = obj->name,
		.body = body,
	};
}

struct request request_patch(const struct kind *kind, const struct obj *obj, enum api_patch patch,
			     yyjson_mut_doc *body)
{
	struct request r = request_update(kind, obj, body);

	r.verb = API_PATCH;
	r.patch = patch;
	return r;
}

struct request request_delete(const struct kind *kind, const struct obj *obj, int64_t grace_seconds,
			      const char *propagation)
{
	yyjson_mut_doc *body = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(body);
	struct request r = request_update(kind, obj, body);

	json_set_str(body, root, "apiVersion", STR("v1"));
	json_set_str(body, root, "kind", STR("DeleteOptions"));
	if (grace_seconds >= 0)
		json_set_int(body, root, "gracePeriodSeconds", grace_seconds);
	if (propagation)
		json_set_str(body, root, "propagationPolicy", str_from(propagation));
	json_set_path_str(body, root, "preconditions.uid", obj->uid);
	r.verb = API_DELETE;
	r.missing_is_fine = true;
	return r;
}

struct request request_tracked(struct request r, struct queue *queue, struct str key)
{
	r.queue = queue;
	r.key = key;
	return r;
}
