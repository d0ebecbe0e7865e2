/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as a server of etcd's v3 API, for etcdctl and other clients: KV, Watch, Lease, Cluster
 * and Maintenance over gRPC. What they write goes through the store like every write: watchers see
 * it. Runs on the store's loop and costs nothing while nobody is connected. A snapshot has the
 * store's own format, not etcd's.
 */
#ifndef CUBE_STORE_ETCD_SERVER_H
#define CUBE_STORE_ETCD_SERVER_H

#include "net/http_server.h"
#include "store/store.h"

struct etcd_server;

struct etcd_server_options {
	struct env *env;
	struct store *store;
	struct tls_server *tls;	 /* borrowed; NULL: plain */
	const char *scratch_dir; /* where a snapshot lies while it is sent */
	struct str name;	 /* of the one member */
	/* Bytes of somebody else as a value of the store, with the revision in place; NULL: as they
	 * are. */
	struct blob *(*adopt)(void *arg, struct str key, struct blob *bytes, int64_t revision,
			      struct err *err);
	void *arg;
};
/* Listens at the address. */
int etcd_server_new(const struct etcd_server_options *options, const struct address *address,
		    struct etcd_server **ret, struct err *err) MUST_CHECK;
/* Before the store is closed: ends all calls. NULL is fine. */
void etcd_server_stop(struct etcd_server *s);
void etcd_server_free(struct etcd_server *s); /* after it; NULL is fine */

#endif
