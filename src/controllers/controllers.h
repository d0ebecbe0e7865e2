/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All controllers of the cluster, on one loop and one client. main (or a simulation) makes them,
 * starts them, and stops them when leadership is lost.
 */
#ifndef CUBE_CONTROLLERS_CONTROLLERS_H
#define CUBE_CONTROLLERS_CONTROLLERS_H

#include "client/client.h"

struct controllers;

/* A certificate that was asked for and approved. */
struct certificate_wish {
	struct str request_pem, signer;
	struct str_list usages;
	int64_t seconds; /* 0: the signer's own */
};

/* An account's token that a Secret shall hold. */
struct token_wish {
	struct str namespace_, account, account_uid, secret;
};

/* What controllers decide in the cluster's name, by those who hold its keys and roles; a NULL
 * function: nobody here does that. */
struct controllers_authority {
	/* Signs for kubernetes.io's signers; ERR_INVALID: it must not. */
	int (*sign)(void *arg, const struct certificate_wish *wish, struct arena *arena,
		    struct str *ret_pem, struct err *err);
	/* Whether the request's asker may have it without anybody's approval: why, in the words of
	 * its condition; NULL: not. */
	const char *(*approve)(void *arg, const struct certificate_wish *wish,
			       const struct obj *request, struct arena *arena);
	/* When a certificate ends, by the wall clock; INT64_MAX: it is none. */
	int64_t (*ends_ns)(struct str pem);
	int (*make_token)(void *arg, const struct token_wish *wish, struct arena *arena,
			  struct str *ret, struct err *err);
	/* HMAC with SHA-256. */
	void (*authenticate)(struct str key, struct str text, uint8_t ret[32]);
	void *arg;
};

struct controllers_options {
	struct controllers_authority authority;
	struct env *env;
	struct client *client;
	struct str
		root_ca; /* PEM, for kube-root-ca.crt in every namespace; empty = not published */
	struct str cluster_cidr; /* pod addresses of all nodes; empty = nodes bring their own
				    podCIDR */
	int node_cidr_bits;	 /* of one node; 0 = 24 for IPv4, 64 for IPv6 */
	int64_t node_grace_ms;	 /* 0 = NODE_GRACE_MS; likewise */
	int64_t orphan_quarantine_ms;
	struct str_list chosen; /* names, "-name" for not this one, "*" for all others; none = all */
};

/* Strings are borrowed for the controllers' life. */
struct controllers *controllers_new(const struct controllers_options *options) MUST_CHECK;
/* Refuses a name that no controller has. */
int controllers_check_names(const struct str_list *chosen, struct err *err) MUST_CHECK;
void controllers_start(struct controllers *controllers); /* returns at once; they run when their
							    informers have synced */
void controllers_free(struct controllers *controllers);	 /* at any moment; before its client */
void controllers_write_metrics(struct controllers *controllers,
			       struct buf *to); /* of their queues */
/* Names and one-line summaries, for help and tests. */
void controllers_each(void (*fn)(void *arg, const char *name, const char *summary), void *arg);

#endif
