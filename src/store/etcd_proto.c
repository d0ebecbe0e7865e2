/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables; each message after those within it. */
#include "store/etcd_proto.h"

static const struct proto_field etcd_kv_fields[] = {
	PROTO_FIELD(1, BYTES, etcd_kv, key),
	PROTO_FIELD(2, INT64, etcd_kv, create_revision),
	PROTO_FIELD(3, INT64, etcd_kv, mod_revision),
	PROTO_FIELD(4, INT64, etcd_kv, version),
	PROTO_FIELD(5, BYTES, etcd_kv, value),
	PROTO_FIELD(6, INT64, etcd_kv, lease),
	{ 0 },
};
static const struct proto_message etcd_kv_message = PROTO_MESSAGE_OF(etcd_kv, etcd_kv_fields);

static const struct proto_field etcd_event_fields[] = {
	PROTO_FIELD(1, INT32, etcd_event, type),
	PROTO_SUB(2, etcd_event, kv, etcd_kv_message),
	PROTO_SUB(3, etcd_event, prev_kv, etcd_kv_message),
	{ 0 },
};
static const struct proto_message etcd_event_message = PROTO_MESSAGE_OF(etcd_event, etcd_event_fields);

static const struct proto_field etcd_header_fields[] = {
	PROTO_FIELD(1, UINT64, etcd_header, cluster_id),
	PROTO_FIELD(2, UINT64, etcd_header, member_id),
	PROTO_FIELD(3, INT64, etcd_header, revision),
	PROTO_FIELD(4, UINT64, etcd_header, raft_term),
	{ 0 },
};
static const struct proto_message etcd_header_message = PROTO_MESSAGE_OF(etcd_header, etcd_header_fields);

static const struct proto_field etcd_range_fields[] = {
	PROTO_FIELD(1, BYTES, etcd_range, key),
	PROTO_FIELD(2, BYTES, etcd_range, range_end),
	PROTO_FIELD(3, INT64, etcd_range, limit),
	PROTO_FIELD(4, INT64, etcd_range, revision),
	PROTO_FIELD(5, INT32, etcd_range, sort_order),
	PROTO_FIELD(6, INT32, etcd_range, sort_target),
	PROTO_FIELD(7, BOOL, etcd_range, serializable),
	PROTO_FIELD(8, BOOL, etcd_range, keys_only),
	PROTO_FIELD(9, BOOL, etcd_range, count_only),
	PROTO_FIELD(10, INT64, etcd_range, min_mod_revision),
	PROTO_FIELD(11, INT64, etcd_range, max_mod_revision),
	PROTO_FIELD(12, INT64, etcd_range, min_create_revision),
	PROTO_FIELD(13, INT64, etcd_range, max_create_revision),
	{ 0 },
};
const struct proto_message etcd_range_message = PROTO_MESSAGE_OF(etcd_range, etcd_range_fields);

static const struct proto_field etcd_range_answer_fields[] = {
	PROTO_SUB(1, etcd_range_answer, header, etcd_header_message),
	PROTO_SUBS(2, etcd_range_answer, kvs, etcd_kv_message),
	PROTO_FIELD(3, BOOL, etcd_range_answer, more),
	PROTO_FIELD(4, INT64, etcd_range_answer, count),
	{ 0 },
};
const struct proto_message etcd_range_answer_message = PROTO_MESSAGE_OF(etcd_range_answer,
									etcd_range_answer_fields);

static const struct proto_field etcd_put_fields[] = {
	PROTO_FIELD(1, BYTES, etcd_put, key),
	PROTO_FIELD(2, BYTES, etcd_put, value),
	PROTO_FIELD(3, INT64, etcd_put, lease),
	PROTO_FIELD(4, BOOL, etcd_put, prev_kv),
	PROTO_FIELD(5, BOOL, etcd_put, ignore_value),
	PROTO_FIELD(6, BOOL, etcd_put, ignore_lease),
	{ 0 },
};
const struct proto_message etcd_put_message = PROTO_MESSAGE_OF(etcd_put, etcd_put_fields);

static const struct proto_field etcd_put_answer_fields[] = {
	PROTO_SUB(1, etcd_put_answer, header, etcd_header_message),
	PROTO_SUB(2, etcd_put_answer, prev_kv, etcd_kv_message),
	{ 0 },
};
const struct proto_message etcd_put_answer_message = PROTO_MESSAGE_OF(etcd_put_answer,
								      etcd_put_answer_fields);

static const struct proto_field etcd_delete_fields[] = {
	PROTO_FIELD(1, BYTES, etcd_delete, key),
	PROTO_FIELD(2, BYTES, etcd_delete, range_end),
	PROTO_FIELD(3, BOOL, etcd_delete, prev_kv),
	{ 0 },
};
const struct proto_message etcd_delete_message = PROTO_MESSAGE_OF(etcd_delete, etcd_delete_fields);

static const struct proto_field etcd_delete_answer_fields[] = {
	PROTO_SUB(1, etcd_delete_answer, header, etcd_header_message),
	PROTO_FIELD(2, INT64, etcd_delete_answer, deleted),
	PROTO_SUBS(3, etcd_delete_answer, prev_kvs, etcd_kv_message),
	{ 0 },
};
const struct proto_message etcd_delete_answer_message = PROTO_MESSAGE_OF(etcd_delete_answer,
									 etcd_delete_answer_fields);

static const struct proto_field etcd_compare_fields[] = {
	PROTO_FIELD(1, INT32, etcd_compare, result),
	PROTO_FIELD(2, INT32, etcd_compare, target),
	PROTO_FIELD(3, BYTES, etcd_compare, key),
	PROTO_FIELD(4, INT64, etcd_compare, version),
	PROTO_FIELD(5, INT64, etcd_compare, create_revision),
	PROTO_FIELD(6, INT64, etcd_compare, mod_revision),
	PROTO_FIELD(7, BYTES, etcd_compare, value),
	PROTO_FIELD(8, INT64, etcd_compare, lease),
	PROTO_FIELD(64, BYTES, etcd_compare, range_end),
	{ 0 },
};
static const struct proto_message etcd_compare_message = PROTO_MESSAGE_OF(etcd_compare,
								   etcd_compare_fields);

static const struct proto_field etcd_request_op_fields[] = {
	PROTO_SUB(1, etcd_request_op, range, etcd_range_message),
	PROTO_SUB(2, etcd_request_op, put, etcd_put_message),
	PROTO_SUB(3, etcd_request_op, delete_range, etcd_delete_message),
	PROTO_SUB(4, etcd_request_op, txn, etcd_txn_message),
	{ 0 },
};
static const struct proto_message etcd_request_op_message = PROTO_MESSAGE_OF(etcd_request_op,
								      etcd_request_op_fields);

static const struct proto_field etcd_response_op_fields[] = {
	PROTO_SUB(1, etcd_response_op, range, etcd_range_answer_message),
	PROTO_SUB(2, etcd_response_op, put, etcd_put_answer_message),
	PROTO_SUB(3, etcd_response_op, delete_range, etcd_delete_answer_message),
	PROTO_SUB(4, etcd_response_op, txn, etcd_txn_answer_message),
	{ 0 },
};
static const struct proto_message etcd_response_op_message = PROTO_MESSAGE_OF(etcd_response_op,
								       etcd_response_op_fields);

static const struct proto_field etcd_txn_fields[] = {
	PROTO_SUBS(1, etcd_txn, compare, etcd_compare_message),
	PROTO_SUBS(2, etcd_txn, success, etcd_request_op_message),
	PROTO_SUBS(3, etcd_txn, failure, etcd_request_op_message),
	{ 0 },
};
const struct proto_message etcd_txn_message = PROTO_MESSAGE_OF(etcd_txn, etcd_txn_fields);

static const struct proto_field etcd_txn_answer_fields[] = {
	PROTO_SUB(1, etcd_txn_answer, header, etcd_header_message),
	PROTO_FIELD(2, BOOL, etcd_txn_answer, succeeded),
	PROTO_SUBS(3, etcd_txn_answer, responses, etcd_response_op_message),
	{ 0 },
};
const struct proto_message etcd_txn_answer_message = PROTO_MESSAGE_OF(etcd_txn_answer,
								      etcd_txn_answer_fields);

static const struct proto_field etcd_compaction_fields[] = {
	PROTO_FIELD(1, INT64, etcd_compaction, revision),
	PROTO_FIELD(2, BOOL, etcd_compaction, physical),
	{ 0 },
};
const struct proto_message etcd_compaction_message = PROTO_MESSAGE_OF(etcd_compaction,
								      etcd_compaction_fields);

static const struct proto_field etcd_watch_create_fields[] = {
	PROTO_FIELD(1, BYTES, etcd_watch_create, key),
	PROTO_FIELD(2, BYTES, etcd_watch_create, range_end),
	PROTO_FIELD(3, INT64, etcd_watch_create, start_revision),
	PROTO_FIELD(4, BOOL, etcd_watch_create, progress_notify),
	PROTO_LIST(5, INT64, etcd_watch_create, filters),
	PROTO_FIELD(6, BOOL, etcd_watch_create, prev_kv),
	PROTO_FIELD(7, INT64, etcd_watch_create, watch_id),
	PROTO_FIELD(8, BOOL, etcd_watch_create, fragment),
	{ 0 },
};
static const struct proto_message etcd_watch_create_message = PROTO_MESSAGE_OF(etcd_watch_create,
									etcd_watch_create_fields);

static const struct proto_field etcd_watch_cancel_fields[] = {
	PROTO_FIELD(1, INT64, etcd_watch_cancel, watch_id),
	{ 0 },
};
static const struct proto_message etcd_watch_cancel_message = PROTO_MESSAGE_OF(etcd_watch_cancel,
									etcd_watch_cancel_fields);

static const struct proto_field etcd_watch_progress_fields[] = {
	{ 0 },
};
static const struct proto_message etcd_watch_progress_message = PROTO_MESSAGE_OF(
	etcd_watch_progress, etcd_watch_progress_fields);

static const struct proto_field etcd_watch_fields[] = {
	PROTO_SUB(1, etcd_watch, create, etcd_watch_create_message),
	PROTO_SUB(2, etcd_watch, cancel, etcd_watch_cancel_message),
	PROTO_SUB(3, etcd_watch, progress, etcd_watch_progress_message),
	{ 0 },
};
const struct proto_message etcd_watch_message = PROTO_MESSAGE_OF(etcd_watch, etcd_watch_fields);

static const struct proto_field etcd_watch_answer_fields[] = {
	PROTO_SUB(1, etcd_watch_answer, header, etcd_header_message),
	PROTO_FIELD(2, INT64, etcd_watch_answer, watch_id),
	PROTO_FIELD(3, BOOL, etcd_watch_answer, created),
	PROTO_FIELD(4, BOOL, etcd_watch_answer, canceled),
	PROTO_FIELD(5, INT64, etcd_watch_answer, compact_revision),
	PROTO_FIELD(6, BYTES, etcd_watch_answer, cancel_reason),
	PROTO_FIELD(7, BOOL, etcd_watch_answer, fragment),
	PROTO_SUBS(11, etcd_watch_answer, events, etcd_event_message),
	{ 0 },
};
const struct proto_message etcd_watch_answer_message = PROTO_MESSAGE_OF(etcd_watch_answer,
									etcd_watch_answer_fields);

static const struct proto_field etcd_lease_grant_fields[] = {
	PROTO_FIELD(1, INT64, etcd_lease_grant, ttl),
	PROTO_FIELD(2, INT64, etcd_lease_grant, id),
	{ 0 },
};
const struct proto_message etcd_lease_grant_message = PROTO_MESSAGE_OF(etcd_lease_grant,
								       etcd_lease_grant_fields);

static const struct proto_field etcd_lease_id_fields[] = {
	PROTO_FIELD(1, INT64, etcd_lease_id, id),
	{ 0 },
};
const struct proto_message etcd_lease_id_message = PROTO_MESSAGE_OF(etcd_lease_id,
								    etcd_lease_id_fields);

static const struct proto_field etcd_lease_answer_fields[] = {
	PROTO_SUB(1, etcd_lease_answer, header, etcd_header_message),
	PROTO_FIELD(2, INT64, etcd_lease_answer, id),
	PROTO_FIELD(3, INT64, etcd_lease_answer, ttl),
	{ 0 },
};
const struct proto_message etcd_lease_answer_message = PROTO_MESSAGE_OF(etcd_lease_answer,
									etcd_lease_answer_fields);

static const struct proto_field etcd_answer_fields[] = {
	PROTO_SUB(1, etcd_answer, header, etcd_header_message),
	{ 0 },
};
const struct proto_message etcd_answer_message = PROTO_MESSAGE_OF(etcd_answer, etcd_answer_fields);

static const struct proto_field etcd_member_fields[] = {
	PROTO_FIELD(1, UINT64, etcd_member, id),
	PROTO_FIELD(2, BYTES, etcd_member, name),
	PROTO_LIST(3, BYTES, etcd_member, peer_urls),
	PROTO_LIST(4, BYTES, etcd_member, client_urls),
	{ 0 },
};
static const struct proto_message etcd_member_message = PROTO_MESSAGE_OF(etcd_member, etcd_member_fields);

static const struct proto_field etcd_members_answer_fields[] = {
	PROTO_SUB(1, etcd_members_answer, header, etcd_header_message),
	PROTO_SUBS(2, etcd_members_answer, members, etcd_member_message),
	{ 0 },
};
const struct proto_message etcd_members_answer_message = PROTO_MESSAGE_OF(
	etcd_members_answer, etcd_members_answer_fields);

static const struct proto_field etcd_status_answer_fields[] = {
	PROTO_SUB(1, etcd_status_answer, header, etcd_header_message),
	PROTO_FIELD(2, BYTES, etcd_status_answer, version),
	PROTO_FIELD(3, INT64, etcd_status_answer, db_size),
	PROTO_FIELD(4, UINT64, etcd_status_answer, leader),
	PROTO_FIELD(5, UINT64, etcd_status_answer, raft_index),
	PROTO_FIELD(6, UINT64, etcd_status_answer, raft_term),
	PROTO_FIELD(7, UINT64, etcd_status_answer, raft_applied),
	PROTO_FIELD(9, INT64, etcd_status_answer, db_size_in_use),
	{ 0 },
};
const struct proto_message etcd_status_answer_message = PROTO_MESSAGE_OF(etcd_status_answer,
									 etcd_status_answer_fields);

static const struct proto_field etcd_hash_answer_fields[] = {
	PROTO_SUB(1, etcd_hash_answer, header, etcd_header_message),
	PROTO_FIELD(2, UINT64, etcd_hash_answer, hash),
	PROTO_FIELD(3, INT64, etcd_hash_answer, compact_revision),
	{ 0 },
};
const struct proto_message etcd_hash_answer_message = PROTO_MESSAGE_OF(etcd_hash_answer,
								       etcd_hash_answer_fields);

static const struct proto_field etcd_snapshot_answer_fields[] = {
	PROTO_SUB(1, etcd_snapshot_answer, header, etcd_header_message),
	PROTO_FIELD(2, UINT64, etcd_snapshot_answer, remaining_bytes),
	PROTO_FIELD(3, BYTES, etcd_snapshot_answer, blob),
	{ 0 },
};
const struct proto_message etcd_snapshot_answer_message = PROTO_MESSAGE_OF(
	etcd_snapshot_answer, etcd_snapshot_answer_fields);

static const struct proto_field etcd_lease_life_fields[] = {
	PROTO_FIELD(1, INT64, etcd_lease_life, id),
	PROTO_FIELD(2, BOOL, etcd_lease_life, keys),
	{ 0 },
};
const struct proto_message etcd_lease_life_message = PROTO_MESSAGE_OF(etcd_lease_life,
								      etcd_lease_life_fields);

static const struct proto_field etcd_lease_life_answer_fields[] = {
	PROTO_SUB(1, etcd_lease_life_answer, header, etcd_header_message),
	PROTO_FIELD(2, INT64, etcd_lease_life_answer, id),
	PROTO_FIELD(3, INT64, etcd_lease_life_answer, ttl),
	PROTO_FIELD(4, INT64, etcd_lease_life_answer, granted_ttl),
	PROTO_LIST(5, BYTES, etcd_lease_life_answer, keys),
	{ 0 },
};
const struct proto_message etcd_lease_life_answer_message = PROTO_MESSAGE_OF(
	etcd_lease_life_answer, etcd_lease_life_answer_fields);

static const struct proto_field etcd_leases_answer_fields[] = {
	PROTO_SUB(1, etcd_leases_answer, header, etcd_header_message),
	PROTO_SUBS(2, etcd_leases_answer, leases, etcd_lease_id_message),
	{ 0 },
};
const struct proto_message etcd_leases_answer_message = PROTO_MESSAGE_OF(etcd_leases_answer,
									 etcd_leases_answer_fields);
