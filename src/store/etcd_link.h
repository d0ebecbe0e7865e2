/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link to an etcd cluster: one channel to one of its endpoints, the next one when it breaks,
 * with growing pauses once none answered. Included by no other folder.
 */
#ifndef CUBE_STORE_ETCD_LINK_H
#define CUBE_STORE_ETCD_LINK_H

#include "base/arena.h"
#include "net/grpc_client.h"
#include "store/etcd_proto.h"
#include "store/store.h"

enum etcd_method {
	ETCD_METHOD_RANGE,
	ETCD_METHOD_TXN,
	ETCD_METHOD_COMPACT,
	ETCD_METHOD_LEASE_GRANT
};

struct etcd_link {
	struct env *env;
	struct store_etcd_endpoint *endpoints; /* hosts owned */
	size_t endpoint_count, endpoint_index;
	struct tls_client *tls;
	struct grpc_channel *channel;
	struct timer retry;
	struct task reconnect;
	size_t failure_count; /* in a row */
	bool is_up;
	struct err why; /* it is not up */
	void (*on_up)(struct etcd_link *link);
	void (*on_down)(struct etcd_link *link); /* calls have ended */
};
void etcd_link_init(struct etcd_link *link, struct env *env,
		    const struct store_etcd_options *options);
/* It has given an answer: only now it is known to take us, because a refused certificate shows after
 * the connection is made. */
void etcd_link_answered(struct etcd_link *link);
void etcd_link_start(struct etcd_link *link);
void etcd_link_deinit(struct etcd_link *link); /* no call ends after it */

/* A unary call; the memory is the caller's until done. */
struct etcd_call {
	/* answer (of the method's response) is borrowed; NULL: status says why. */
	void (*done)(struct etcd_call *call, const void *answer, const struct grpc_status *status);
	enum etcd_method method;
	struct grpc_call *grpc;
	struct arena arena;
	void *answer;
	bool is_damaged;
};
/* The link must be up. */
void etcd_link_call(struct etcd_link *link, struct etcd_call *call, enum etcd_method method,
		    const void *request, int64_t deadline_ms);
/* Before its memory goes: no answer will be wanted. Fine for one that is not under way. */
void etcd_call_drop(struct etcd_call *call);
/* Whether it is unknown, or known not to be so, that the call had an effect: it may be made again.
 */
bool etcd_status_is_passing(const struct grpc_status *status);
/* For what will not go away by itself. Returns -1. */
int etcd_status_err(const struct grpc_status *status, struct err *err);

#endif
