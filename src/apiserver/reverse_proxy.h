/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges handed on to a server behind this one (a pod, a Service), and its answers handed back
 * as they come: streams with back-pressure, and connections that change their protocol.
 */
#ifndef CUBE_APISERVER_REVERSE_PROXY_H
#define CUBE_APISERVER_REVERSE_PROXY_H

#include "base/str.h"
#include "loop/env.h"

struct exchange;
struct reverse_proxy;

/* Strings need not outlive the call. */
struct proxy_target {
	struct str scheme; /* "http", or "https" with whatever certificate is there */
	struct str host;   /* an address */
	uint16_t port;
	struct str path;   /* begins with '/' */
	struct str query;  /* without '?'; or empty */
	struct str prefix; /* of this server, stands for "/" of the other: redirects get it */
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
