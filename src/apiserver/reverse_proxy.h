/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges handed on to a server behind this one (a pod, a Service), and its answers handed back
 * as they come: streams with back-pressure, and connections that change their protocol.
 */
#ifndef CUBE_APISERVER_REVERSE_PROXY_H
#define CUBE_APISERVER_REVERSE_PROXY_H

#include "apiserver/webhook_client.h"
#include "base/str.h"
#include "loop/env.h"

struct exchange;
struct reverse_proxy;

/* Of an API server behind this one: connections that are kept for it, and who asks it. */
struct proxy_aggregated {
	struct webhook_client *connections;
	struct webhook_lease lease; /* given back when the exchange is over */
	struct http_headers
		headers; /* in the exchange's arena; the client's own by these names are dropped */
};

/* Strings need not outlive the call. */
struct proxy_target {
	struct str scheme; /* "http", or "https" with whatever certificate is there */
	struct str host;   /* an address; of an aggregated server the name in its certificate */
	uint16_t port;
	struct str path;   /* begins with '/' */
	struct str query;  /* without '?'; or empty */
	struct str prefix; /* of this server, stands for "/" of the other: redirects get it */
	const struct proxy_aggregated *aggregated; /* NULL: a pod or a Service as such; copied */
};

struct reverse_proxy *reverse_proxy_new(struct env *env) MUST_CHECK;
/* Ends connections that changed their protocol: nothing else would, and no more are made. For the
 * time before the HTTP server goes, to which they belong. */
void reverse_proxy_stop(struct reverse_proxy *proxy);
void reverse_proxy_free(struct reverse_proxy *proxy); /* cuts what is under way */
/* The exchange is the proxy's from here on. */
void reverse_proxy_serve(struct reverse_proxy *proxy, struct exchange *e,
			 const struct proxy_target *target);

#endif
