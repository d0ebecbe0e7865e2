/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of an exchange on its way to a server behind this one, as it comes: no more of it is
 * held than PROXY_QUEUE_BYTES_MAX and what one read brought. The exchange streams its body
 * (http_stream_body).
 */
#ifndef CUBE_APISERVER_PROXY_BODY_H
#define CUBE_APISERVER_PROXY_BODY_H

#include "loop/env.h"
#include "net/http_client.h"
#include "net/http_server.h"

struct proxy_body {
	struct env *env;
	struct http_exchange *x;
	struct http_call *call;	   /* NULL: not started, or over */
	struct http_source source; /* for the call */
	/* own */
	struct list waiting, taken; /* struct body_part; taken ones go with the next look */
	size_t waiting_bytes;
	bool is_whole, is_paused;
	struct task resume;
};

/* Paused until it is started. */
void proxy_body_init(struct proxy_body *body, struct env *env, struct http_exchange *x);
void proxy_body_start(struct proxy_body *body, struct http_call *call);
/* For http_exchange_events.on_body. */
void proxy_body_take(struct proxy_body *body, struct str bytes, bool last);
/* When the exchange is let go of. */
void proxy_body_deinit(struct proxy_body *body);

#endif
