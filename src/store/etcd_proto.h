/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of etcd's v3 API (etcdserverpb and mvccpb), as far as they are spoken here; names are
 * shortened, numbers are the protocol's.
 */
#ifndef CUBE_STORE_ETCD_PROTO_H
#define CUBE_STORE_ETCD_PROTO_H

#include "codec/proto.h"

enum { ETCD_EQUAL, ETCD_GREATER, ETCD_LESS, ETCD_NOT_EQUAL }; /* Compare.result */
enum {
	ETCD_VERSION,
	ETCD_CREATE,
	ETCD_MOD,
	ETCD_VALUE,
	ETCD_LEASE
};					    /* Compare.target, sort targets + key */
enum { ETCD_EVENT_PUT, ETCD_EVENT_DELETE }; /* Event.type */

struct etcd_txn;
struct etcd_txn_answer;

struct etcd_kv { /* KeyValue */
	struct str key;
	int64_t create_revision;
	int64_t mod_revision;
	int64_t version;
	struct str value;
	int64_t lease;
};
struct etcd_event { /* Event */
	int32_t type;
	struct etcd_kv *kv;
	struct etcd_kv *prev_kv;
};
struct etcd_header { /* ResponseHeader */
	uint64_t cluster_id;
	uint64_t member_id;
	int64_t revision;
	uint64_t raft_term;
};
struct etcd_range { /* RangeRequest */
	struct str key;
	struct str range_end;
	int64_t limit;
	int64_t revision;
	int32_t sort_order;
	int32_t sort_target;
	bool serializable;
	bool keys_only;
	bool count_only;
	int64_t min_mod_revision;
	int64_t max_mod_revision;
	int64_t min_create_revision;
	int64_t max_create_revision;
};
struct etcd_range_answer { /* RangeResponse */
	struct etcd_header *header;
	struct etcd_kv *kvs;
	size_t kvs_count;
	bool more;
	int64_t count;
};
struct etcd_put { /* PutRequest */
	struct str key;
	struct str value;
	int64_t lease;
	bool prev_kv;
	bool ignore_value;
	bool ignore_lease;
};
struct etcd_put_answer { /* PutResponse */
	struct etcd_header *header;
	struct etcd_kv *prev_kv;
};
struct etcd_delete { /* DeleteRangeRequest */
	struct str key;
	struct str range_end;
	bool prev_kv;
};
struct etcd_delete_answer { /* DeleteRangeResponse */
	struct etcd_header *header;
	int64_t deleted;
	struct etcd_kv *prev_kvs;
	size_t prev_kvs_count;
};
struct etcd_compare { /* Compare */
	int32_t result;
	int32_t target;
	struct str key;
	int64_t version;
	int64_t create_revision;
	int64_t mod_revision;
	struct str value;
	int64_t lease;
	struct str range_end;
};
struct etcd_request_op { /* RequestOp */
	struct etcd_range *range;
	struct etcd_put *put;
	struct etcd_delete *delete_range;
	struct etcd_txn *txn;
};
struct etcd_response_op { /* ResponseOp */
	struct etcd_range_answer *range;
	struct etcd_put_answer *put;
	struct etcd_delete_answer *delete_range;
	struct etcd_txn_answer *txn;
};
struct etcd_txn { /* TxnRequest */
	struct etcd_compare *compare;
	size_t compare_count;
	struct etcd_request_op *success;
	size_t success_count;
	struct etcd_request_op *failure;
	size_t failure_count;
};
struct etcd_txn_answer { /* TxnResponse */
	struct etcd_header *header;
	bool succeeded;
	struct etcd_response_op *responses;
	size_t responses_count;
};
struct etcd_compaction { /* CompactionRequest */
	int64_t revision;
	bool physical;
};
struct etcd_watch_create { /* WatchCreateRequest */
	struct str key;
	struct str range_end;
	int64_t start_revision;
	bool progress_notify;
	int64_t *filters;
	size_t filters_count;
	bool prev_kv;
	int64_t watch_id;
	bool fragment;
};
struct etcd_watch_cancel { /* WatchCancelRequest */
	int64_t watch_id;
};
struct etcd_watch_progress { /* WatchProgressRequest */
	int unused;	     /* the message has no field */
};
struct etcd_watch { /* WatchRequest */
	struct etcd_watch_create *create;
	struct etcd_watch_cancel *cancel;
	struct etcd_watch_progress *progress;
};
struct etcd_watch_answer { /* WatchResponse */
	struct etcd_header *header;
	int64_t watch_id;
	bool created;
	bool canceled;
	int64_t compact_revision;
	struct str cancel_reason;
	bool fragment;
	struct etcd_event *events;
	size_t events_count;
};
struct etcd_lease_grant { /* LeaseGrantRequest, LeaseTimeToLiveRequest (ID, keys) */
	int64_t ttl;
	int64_t id;
};
struct etcd_lease_id { /* requests and answers that are a lease's ID or a header */
	int64_t id;
};
struct etcd_lease_answer { /* LeaseGrantResponse, LeaseKeepAliveResponse */
	struct etcd_header *header;
	int64_t id;
	int64_t ttl;
};
struct etcd_answer { /* any response of which only the header counts */
	struct etcd_header *header;
};

struct etcd_member { /* Member */
	uint64_t id;
	struct str name;
	struct str *peer_urls;
	size_t peer_urls_count;
	struct str *client_urls;
	size_t client_urls_count;
};
struct etcd_members_answer { /* MemberListResponse */
	struct etcd_header *header;
	struct etcd_member *members;
	size_t members_count;
};
struct etcd_status_answer { /* StatusResponse */
	struct etcd_header *header;
	struct str version;
	int64_t db_size;
	uint64_t leader, raft_index, raft_term, raft_applied;
	int64_t db_size_in_use;
};
struct etcd_hash_answer { /* HashResponse, HashKVResponse */
	struct etcd_header *header;
	uint64_t hash;
	int64_t compact_revision;
};
struct etcd_snapshot_answer { /* SnapshotResponse */
	struct etcd_header *header;
	uint64_t remaining_bytes;
	struct str blob;
};
struct etcd_lease_life { /* LeaseTimeToLiveRequest */
	int64_t id;
	bool keys;
};
struct etcd_lease_life_answer { /* LeaseTimeToLiveResponse */
	struct etcd_header *header;
	int64_t id, ttl, granted_ttl;
	struct str *keys;
	size_t keys_count;
};
struct etcd_leases_answer { /* LeaseLeasesResponse */
	struct etcd_header *header;
	struct etcd_lease_id *leases;
	size_t leases_count;
};

extern const struct proto_message etcd_range_message;
extern const struct proto_message etcd_range_answer_message;
extern const struct proto_message etcd_put_message;
extern const struct proto_message etcd_put_answer_message;
extern const struct proto_message etcd_delete_message;
extern const struct proto_message etcd_delete_answer_message;
extern const struct proto_message etcd_txn_message;
extern const struct proto_message etcd_txn_answer_message;
extern const struct proto_message etcd_compaction_message;
extern const struct proto_message etcd_watch_message;
extern const struct proto_message etcd_watch_answer_message;
extern const struct proto_message etcd_lease_grant_message;
extern const struct proto_message etcd_lease_id_message;
extern const struct proto_message etcd_lease_answer_message;
extern const struct proto_message etcd_answer_message;
extern const struct proto_message etcd_members_answer_message;
extern const struct proto_message etcd_status_answer_message;
extern const struct proto_message etcd_hash_answer_message;
extern const struct proto_message etcd_snapshot_answer_message;
extern const struct proto_message etcd_lease_life_message;
extern const struct proto_message etcd_lease_life_answer_message;
extern const struct proto_message etcd_leases_answer_message;

#endif
