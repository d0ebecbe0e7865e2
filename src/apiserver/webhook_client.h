/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to webhooks: HTTPS requests that this server makes on behalf of a request it was asked
 * (admission, conversion, authentication, authorization). Connections are kept, one pool for each
 * set of trusted authorities. Nothing blocks; a call always ends: answered, timed out or cancelled.
 */
#ifndef CUBE_APISERVER_WEBHOOK_CLIENT_H
#define CUBE_APISERVER_WEBHOOK_CLIENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "codec/json.h"
#include "net/http.h"

struct http_client;
struct registry;
struct webhook_client;
struct webhook_call;

/* Whom to ask. Strings are borrowed. */
struct webhook_target {
	struct str url; /* https://host[:port]/path: what errors name, and whose host the
			   certificate names */
	struct str namespace_, name; /* of a Service that leads there; empty: the URL's host does */
	int64_t port;		     /* of the Service */
	struct str ca_pem;	     /* empty: the system's authorities */
	struct str certificate_pem, key_pem; /* empty: no client certificate */
	struct str server_name;		     /* instead of the URL's host; empty: that */
	bool insecure;			     /* any certificate will do */
};

/* A clientConfig (url, or service {namespace, name, path, port}; caBundle), in the arena. < 0: what
 * is there cannot be called. */
int webhook_target_read(yyjson_val *client_config, struct arena *arena, struct webhook_target *ret,
			struct err *err) MUST_CHECK;

struct webhook_request {
	const struct webhook_target *target; /* need not outlive the start */
	struct str method;		     /* empty: POST */
	struct str query;		     /* behind the URL's '?': "timeout=10s"; or empty */
	struct http_headers headers;	     /* besides Content-Type and Accept, which are JSON's */
	struct str bearer_token;	     /* or empty */
	struct str body;		     /* lives until done */
	int64_t timeout_ms;		     /* 0: WEBHOOK_TIMEOUT_MS */
	size_t answer_bytes_max;	     /* 0: WEBHOOK_ANSWER_BYTES_MAX */
};

struct webhook_answer {
	int status;
	struct str content_type, body; /* borrowed for the call of done */
};

/* answer, or err in upstream's words: `Post "https://…": context deadline exceeded`. */
typedef void webhook_done_fn(void *arg, const struct webhook_answer *answer, const struct err *err);

/* Costs nothing until the first call. */
struct webhook_client *webhook_client_new(struct registry *registry) MUST_CHECK;
void webhook_client_free(struct webhook_client *client); /* cancels what is running */
/* done is called once, in a later turn, unless cancelled; the call is gone when it returns. */
struct webhook_call *webhook_client_start(struct webhook_client *client,
					  const struct webhook_request *request,
					  webhook_done_fn *done, void *arg);
void webhook_call_cancel(struct webhook_call *call); /* NULL is fine */

/* For a stream to a Service's server, which is no single call: connections that trust as target
 * says, and where they lead. < 0: ERR_NOT_FOUND or ERR_UNAVAILABLE when it leads nowhere; else what
 * target has is no good. */
struct trust;
struct webhook_lease {
	struct trust *trust;
	struct http_client *http; /* borrowed */
	struct str connect_host;  /* in the arena */
	uint16_t connect_port;
};
int webhook_client_lease(struct webhook_client *client, const struct webhook_target *target,
			 struct arena *arena, struct webhook_lease *ret,
			 struct err *err) MUST_CHECK;
void webhook_client_release(struct webhook_client *client,
			    struct webhook_lease *lease); /* once is enough */

/* Go's words for what a call failed of: the part behind `Post "…": `. */
void webhook_word_error(const struct err *from, struct err *ret);

#endif
