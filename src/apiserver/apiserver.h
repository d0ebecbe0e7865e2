/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kubernetes API over a store: made once per process on the control loop. It serves two kinds
 * of callers from the same registry: HTTP exchanges (apiserver_http_handlers, given to net's
 * http_server by main) and roles of this process (apiserver_transport: no sockets, no encoding; all
 * that a simulation uses). Everything runs on env's loop.
 */
#ifndef CUBE_APISERVER_APISERVER_H
#define CUBE_APISERVER_APISERVER_H

#include "api/obj.h"
#include "api/transport.h"
#include "base/err.h"
#include "base/str.h"

struct admission_settings;
struct audit_options;
struct front_proxy;
struct authn_options;
struct authz_part;
struct env;
struct token_options;
struct store;
struct http_handlers;
struct stored_form;
struct http_exchange;
struct buf;
struct apiserver;

struct apiserver_options {
	struct env *env;
	struct store *store; /* open */
	struct str
		service_cidr; /* empty: 10.96.0.0/12; its first address is the kubernetes service */
	struct str advertise_address; /* where the kubernetes service leads; empty: the service gets
					 no endpoints */
	uint16_t secure_port;
	int64_t event_ttl_ns;		      /* how long events are kept; 0: an hour */
	int64_t watch_seconds_min;	      /* that watches last which name no time; 0: half an hour */
	const struct token_options *tokens;   /* NULL: no service account tokens are issued */
	const struct authn_options *authn;    /* NULL: certificates and the cluster's own tokens */
	const struct authz_part *authorizers; /* in their order; none: nodes and roles */
	size_t authorizer_count;
	struct str_list plugins_on, plugins_off; /* names of admission's plug-ins */
	const struct admission_settings
		*admission;		   /* NULL: none; else it lives as long as the server */
	const struct audit_options *audit; /* NULL: nothing is audited */
	const struct front_proxy *front; /* towards API servers behind this one; NULL: they are not
					    told whom to believe. Lives as long as the server */
	const struct stored_form
		*form;	   /* how objects are stored; NULL: in clear. Lives as long as the server */
	bool no_profiling; /* nothing is served below /debug/pprof and /debug/flags */
	bool leaves_scheduling; /* to a scheduler that is not a part of this process */
	struct str hostname;	/* by which this server has an identity, and a Lease; empty: it has
				   none */
	const char *build;	/* behind "v1.36.0+" in /version; NULL: "cube" */
};

/* Fails on options that cannot work. */
int apiserver_new(const struct apiserver_options *options, struct apiserver **ret,
		  struct err *err) MUST_CHECK;
/* The http_server and the roles are gone, and the store was closed or abandoned (that completed, or
 * lost, what was in flight): it is not touched any more. */
void apiserver_free(struct apiserver *apiserver);
/* Makes the objects every cluster has (system namespaces, the kubernetes service) and then calls
 * on_ready (may be NULL): /readyz is fine from then on. */
void apiserver_start(struct apiserver *apiserver,
		     void (*on_ready)(void *arg, const struct err *err), void *arg);
bool apiserver_is_ready(const struct apiserver *apiserver);
/* /readyz fails from now on, so that others are asked instead; all else goes on. */
void apiserver_announce_shutdown(struct apiserver *apiserver);
/* And watches end, so that http_server_drain can finish. */
void apiserver_drain(struct apiserver *apiserver);

/* What other roles of this process have to say in /metrics; NULL takes it back. */
void apiserver_set_metrics(struct apiserver *apiserver, void (*write)(void *arg, struct buf *to),
			   void *arg);

/* What the process was started with, for /flagz: lines "name=value". */
void apiserver_set_flags(struct apiserver *apiserver, void (*write)(void *arg, struct buf *to),
			 void *arg);

/* What configuration says that changed; < 0: it cannot be used, and nothing changes. */
int apiserver_replace_authn(struct apiserver *apiserver, const struct authn_options *options,
			    struct err *err) MUST_CHECK;
int apiserver_replace_authorizers(struct apiserver *apiserver, const struct authz_part *parts,
				  size_t count, struct err *err) MUST_CHECK;

/* For struct http_server_options, with the apiserver as arg. */
const struct http_handlers *apiserver_http_handlers(void);

/* A role's way in, trusted: it is not authorized again. user is "system:kube-scheduler" or so: it
 * is what admission and managedFields see. Freed by apiserver_transport_free, or with the
 * apiserver. */
struct api_transport *apiserver_transport(struct apiserver *apiserver, struct str user) MUST_CHECK;
void apiserver_transport_free(struct api_transport *transport);

/* Whether the authorizers let the user do that: for what this process decides in others' place. */
struct target;
struct user;
bool apiserver_allows(struct apiserver *apiserver, const struct user *user,
		      const struct target *target);

/* A token without an end, good for as long as the Secret holds it. ERR_UNSUPPORTED when no tokens
 * are issued here. */
struct apiserver_secret_token {
	struct str namespace_, account, account_uid, secret;
};
int apiserver_make_secret_token(struct apiserver *apiserver,
				const struct apiserver_secret_token *token, struct arena *arena,
				struct str *ret, struct err *err) MUST_CHECK;

/* Serves pods/log, exec, attach, portforward and nodes/proxy once the request was checked. path and
 * query are those of a kubelet's own API ("/exec/{ns}/{pod}/{container}" "command=ls&output=1",
 * "/containerLogs/{ns}/{pod}/{container}",
 * "/attach/..", "/portForward/{ns}/{pod}"); both lie in x's arena. The exchange is the handler's
 * from then on. */
struct apiserver_node_handler {
	void (*serve)(void *arg, struct http_exchange *x, const struct obj *node, struct str path,
		      struct str query);
	void *arg;
};
/* handler is copied; NULL takes it back: such requests get 503. */
void apiserver_set_node_handler(struct apiserver *apiserver,
				const struct apiserver_node_handler *handler);

/* The own port of the kubelet in this process, for struct http_server_options, with the apiserver
 * as arg: who asks is found as for the API, but for those whom nobody knows; what he may do is
 * nodes/metrics and so on of node_name, as a kubelet elsewhere would have it reviewed. Then the node
 * handler serves. name is borrowed. */
const struct http_handlers *apiserver_kubelet_handlers(void);
void apiserver_set_kubelet_name(struct apiserver *apiserver, struct str node_name);

#endif
