/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the etcd server share. Included by no other folder. */
#ifndef CUBE_STORE_ETCD_SERVER_INTERNAL_H
#define CUBE_STORE_ETCD_SERVER_INTERNAL_H

#include "net/grpc_server.h"
#include "store/etcd_proto.h"
#include "store/etcd_server.h"
#include "store/internal.h"
#include "store/limits.h"

struct etcd_server {
	struct etcd_server_options options;
	struct env *env;
	struct store *store;
	struct grpc_service service;
	struct http_server *http;
	struct str address; /* "https://127.0.0.1:2379"; owned */
	struct list leases;
	size_t lease_count;
	struct etcd_header header; /* of the answer being made */
};

static inline struct etcd_server *server_of(const struct grpc_stream *s)
{
	return s->service->owner;
}
/* The header with the store's revision, for an answer that is sent at once. */
struct etcd_header *etcd_header_now(struct etcd_server *server);
void etcd_answer(struct grpc_stream *s, const struct proto_message *type,
		 const void *answer); /* and go on */
void etcd_answer_last(struct grpc_stream *s, const struct proto_message *type, const void *answer);
/* False: the call was finished with an error. */
bool etcd_read(struct grpc_stream *s, const struct proto_message *type, struct str message,
	       void *ret);
void etcd_finish_err(struct grpc_stream *s, const struct err *err);
/* Whether the key is in [from, end) as etcd means it: end empty: from itself; "\0": all from there
 * on. */
bool etcd_in_range(struct str key, struct str from, struct str end) PURE;
/* Longest prefix that all keys of the range have. */
struct str etcd_range_prefix(struct str from, struct str end) PURE;
struct etcd_kv etcd_kv_of(struct etcd_server *server, struct arena *arena, struct str key,
			  const struct store_entry *entry);

/* etcd_server_kv.c */
void etcd_serve_range(struct grpc_stream *s, struct str message);
void etcd_serve_put(struct grpc_stream *s, struct str message);
void etcd_serve_delete(struct grpc_stream *s, struct str message);
void etcd_serve_txn(struct grpc_stream *s, struct str message);
void etcd_serve_kv_closed(struct grpc_stream *s);
/* etcd_server_watch.c */
void etcd_serve_watch(struct grpc_stream *s, struct str message);
void etcd_serve_watch_ended(struct grpc_stream *s);
void etcd_serve_watch_drained(struct grpc_stream *s);
void etcd_serve_watch_closed(struct grpc_stream *s);
/* etcd_server_lease.c */
void etcd_serve_grant(struct grpc_stream *s, struct str message);
void etcd_serve_revoke(struct grpc_stream *s, struct str message);
void etcd_serve_keepalive(struct grpc_stream *s, struct str message);
void etcd_serve_keepalive_ended(struct grpc_stream *s);
void etcd_serve_time_to_live(struct grpc_stream *s, struct str message);
void etcd_serve_leases(struct grpc_stream *s, struct str message);
bool etcd_lease_exists(struct etcd_server *server, int64_t id);
/* id 0: detaches. */
void etcd_lease_attach(struct etcd_server *server, int64_t id, struct str key, int64_t revision);
int64_t etcd_lease_of(struct etcd_server *server, struct str key);
void etcd_leases_free(struct etcd_server *server);

#endif
