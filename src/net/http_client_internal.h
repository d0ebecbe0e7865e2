/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What http_client.c, http_call.c and http_pool.c share about the client: its calls and what ends
 * them. Included by no other folder.
 */
#ifndef CUBE_NET_HTTP_CLIENT_INTERNAL_H
#define CUBE_NET_HTTP_CLIENT_INTERNAL_H

#include "net/address.h"
#include "net/http_client.h"
#include "net/llhttp_names.h"
#include "net/lookup.h"

struct http_client {
	struct http_client_options options;
	struct env *env;
	struct conn_pool *pool;
	struct tls_client *own_tls; /* system authorities */
	char *user_agent;
	struct list idle;           /* longest idle first */
	size_t idle_count;
	struct list calls;
	struct list ended;          /* calls whose on_end is due */
	struct task task;
};

struct http_call {
	struct http_client *client;
	const struct http_call_events *events;
	void *arg;
	struct list link;
	struct arena arena;
	struct http_request request; /* everything but pieces copied into the arena */
	struct str url_text;
	struct url url;
	struct str key;              /* of the pool: scheme, host, port */
	struct lookup *lookup;
	struct address addresses[LOOKUP_ADDRESSES_MAX];
	size_t address_count, address_next;
	struct conn *conn;
	llhttp_t parser;
	struct http_reply reply;
	size_t scanned_bytes;
	uint64_t source_left_bytes;
	int redirect_count, informational_count;
	struct timer deadline, idle;
	struct err err;
	bool has_deadline, reused, retried, answered, has_source, source_open, drop_credentials, replace_method;
	bool in_head, in_body, complete, keep_alive, in_parser, paused, ended, failed, redirecting, no_body;
};

/* http_client.c */
void call_end(struct http_call *call);                /* once; on_end comes in a later turn */
void call_fail(struct http_call *call);               /* with call->err */
void call_touch(struct http_call *call);              /* something moved: the idle time starts again */
void call_resolve(struct http_call *call);            /* (again) from the URL to a connection */
void call_connect_next(struct http_call *call);       /* the next of the addresses */
/* http_call.c */
extern const struct conn_events call_conn_events;
void call_ask(struct http_call *call);                /* the connection is up: sends the request */
/* Hands the connection back or closes it, and ends the call or follows its redirect. */
void call_answer_complete(struct http_call *call, bool all_taken);
/* http_pool.c */
void call_keep(struct http_call *call);               /* its connection may serve another one */
struct conn *call_take_kept(struct http_call *call);  /* NULL when there is none */
void http_pool_clear(struct http_client *c);

#endif
