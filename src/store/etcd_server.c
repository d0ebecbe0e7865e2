/* SPDX-License-Identifier: Apache-2.0 */
/* The table of methods, what their answers share, and those about the one member. */
#include "store/etcd_server.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "store/etcd_server_internal.h"

#define CLUSTER_ID 0x63756265u /* "cube" */
#define MEMBER_ID 1
#define VERSION "3.5.0" /* what it speaks */
#define CHUNK_BYTES (32u << 10)

struct etcd_header *etcd_header_now(struct etcd_server *server)
{
	server->header = (struct etcd_header){ .cluster_id = CLUSTER_ID,
					       .member_id = MEMBER_ID,
					       .revision = store_revision(server->store),
					       .raft_term = 1 };
	return &server->header;
}

void etcd_answer(struct grpc_stream *s, const struct proto_message *type, const void *answer)
{
	AUTO_BUF frame = { 0 };
	size_t begin;

	buf_init(&frame, GRPC_MESSAGE_BYTES_MAX);
	begin = grpc_frame_begin(&frame);
	proto_encode(type, answer, &frame);
	grpc_frame_end(&frame, begin);
	if (!buf_failed(&frame))
		grpc_stream_send(s, buf_str(&frame));
}

void etcd_answer_last(struct grpc_stream *s, const struct proto_message *type, const void *answer)
{
	if (proto_size(type, answer) > GRPC_MESSAGE_BYTES_MAX - GRPC_PREFIX_BYTES) {
		grpc_stream_finish(s, GRPC_RESOURCE_EXHAUSTED,
				   "etcdserver: the answer is too large: use a limit");
		return;
	}
	etcd_answer(s, type, answer);
	grpc_stream_finish(s, GRPC_OK, "%s", "");
}

bool etcd_read(struct grpc_stream *s, const struct proto_message *type, struct str message,
	       void *ret)
{
	struct err err;

	if (proto_decode(type, message, s->arena, ret, &err) == 0)
		return true;
	grpc_stream_finish(s, GRPC_INTERNAL, "grpc: error unmarshalling request: %s", err.msg);
	return false;
}

void etcd_finish_err(struct grpc_stream *s, const struct err *err)
{
	static const struct {
		enum err_code code;
		int grpc;
	} codes[] = {
		{ ERR_INVALID, GRPC_INVALID_ARGUMENT },
		{ ERR_TOO_LARGE, GRPC_INVALID_ARGUMENT },
		{ ERR_GONE, GRPC_OUT_OF_RANGE },
		{ ERR_NOT_FOUND, GRPC_NOT_FOUND },
		{ ERR_UNSUPPORTED, GRPC_UNIMPLEMENTED },
		{ ERR_NO_SPACE, GRPC_RESOURCE_EXHAUSTED },
		{ ERR_TOO_MANY, GRPC_RESOURCE_EXHAUSTED },
		{ ERR_CLOSED, GRPC_UNAVAILABLE },
		{ ERR_UNAVAILABLE, GRPC_UNAVAILABLE },
		{ ERR_CONFLICT, GRPC_UNAVAILABLE },
		{ ERR_EXISTS, GRPC_UNAVAILABLE },
	};

	for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
		if (codes[i].code == err->code) {
			grpc_stream_finish(s, codes[i].grpc, "%s", err->msg);
			return;
		}
	}
	grpc_stream_finish(s, GRPC_UNKNOWN, "%s", err->msg);
}

bool etcd_in_range(struct str key, struct str from, struct str end)
{
	if (!end.len)
		return str_eq(key, from);
	return str_cmp(key, from) >= 0 &&
	       ((end.len == 1 && end.ptr[0] == '\0') || str_cmp(key, end) < 0);
}

struct str etcd_range_prefix(struct str from, struct str end)
{
	size_t len = 0;

	if (!end.len)
		return str_slice(from, 0, NUM_MIN(from.len, (size_t)STORE_KEY_BYTES_MAX));
	while (len < from.len && len < end.len && from.ptr[len] == end.ptr[len] &&
	       len < STORE_KEY_BYTES_MAX)
		len++;
	/* "/a/" to "/a0": all of them begin with "/a/". */
	if (len + 1 == end.len && len + 1 == from.len && len < STORE_KEY_BYTES_MAX &&
	    (unsigned char)from.ptr[len] + 1 == (unsigned char)end.ptr[len])
		len++;
	return str_slice(from, 0, len);
}

struct etcd_kv etcd_kv_of(struct etcd_server *server, struct arena *arena, struct str key,
			  const struct store_entry *entry)
{
	/* What is encrypted at rest is so for who reads the storage; nothing, when it cannot be encrypted now. */
	struct blob *sealed = store_seal(server->store, key, entry->value, NULL);
	struct etcd_kv kv = { .key = key,
			      .create_revision = entry->create_revision,
			      .mod_revision = entry->mod_revision,
			      .version = entry->version,
			      .value = !sealed			? STR_NONE
				       : sealed == entry->value ? blob_str(entry->value)
								: str_in(arena, blob_str(sealed)),
			      .lease = server->lease_count ? etcd_lease_of(server, key) : 0 };

	blob_unref(sealed);
	return kv;
}

/* --- KV.Compact --- */

static void serve_compact(struct grpc_stream *s, struct str message)
{
	struct etcd_server *server = server_of(s);
	struct etcd_compaction request;
	struct etcd_answer a;

	if (!etcd_read(s, &etcd_compaction_message, message, &request))
		return;
	if (request.revision > store_revision(server->store)) {
		grpc_stream_finish(s, GRPC_OUT_OF_RANGE,
				   "etcdserver: mvcc: required revision is a future revision");
		return;
	}
	if (request.revision <= store_compact_revision(server->store)) {
		grpc_stream_finish(s, GRPC_OUT_OF_RANGE,
				   "etcdserver: mvcc: required revision has been compacted");
		return;
	}
	store_compact(server->store, request.revision);
	a.header = etcd_header_now(server);
	etcd_answer_last(s, &etcd_answer_message, &a);
}

/* --- Maintenance and Cluster --- */

static void serve_status(struct grpc_stream *s, struct str message)
{
	struct etcd_server *server = server_of(s);
	uint64_t revision = (uint64_t)store_revision(server->store);
	int64_t size_bytes = (int64_t)store_size_bytes(server->store);
	struct etcd_status_answer a = { .header = etcd_header_now(server),
					.version = STR(VERSION),
					.leader = MEMBER_ID,
					.raft_index = revision,
					.raft_term = 1,
					.raft_applied = revision,
					.db_size = size_bytes,
					.db_size_in_use = size_bytes };

	etcd_answer_last(s, &etcd_status_answer_message, &a);
}

static void serve_members(struct grpc_stream *s, struct str message)
{
	struct etcd_server *server = server_of(s);
	struct etcd_member member = { .id = MEMBER_ID,
				      .name = server->options.name,
				      .client_urls = &server->address,
				      .client_urls_count = 1,
				      .peer_urls = &server->address,
				      .peer_urls_count = 1 };
	struct etcd_members_answer a = { .header = etcd_header_now(server),
					 .members = &member,
					 .members_count = 1 };

	etcd_answer_last(s, &etcd_members_answer_message, &a);
}

/* Nothing to do, and that is done: no alarm is raised, no space is lost to fragments. */
static void serve_header(struct grpc_stream *s, struct str message)
{
	struct etcd_answer a = { .header = etcd_header_now(server_of(s)) };

	etcd_answer_last(s, &etcd_answer_message, &a);
}

static void serve_move_leader(struct grpc_stream *s, struct str message)
{
	grpc_stream_finish(s, GRPC_FAILED_PRECONDITION,
			   "etcdserver: not leader: there is one member alone");
}

static void serve_auth(struct grpc_stream *s, struct str message)
{
	grpc_stream_finish(s, GRPC_FAILED_PRECONDITION,
			   "etcdserver: authentication is not enabled");
}

static void serve_no_users(struct grpc_stream *s, struct str message)
{
	grpc_stream_finish(s, GRPC_UNIMPLEMENTED,
			   "etcdserver: there are no users and roles here: clients are known by "
			   "their certificates");
}

static void serve_no_change(struct grpc_stream *s, struct str message)
{
	grpc_stream_finish(s, GRPC_UNIMPLEMENTED,
			   "etcdserver: the embedded store is one member alone: use a real etcd "
			   "(--store etcd://...) for several");
}

static bool add_to_hash(void *arg, struct str key, const struct store_entry *entry)
{
	uint64_t *hash = arg;

	*hash = (*hash ^ str_hash(key) ^ (uint64_t)entry->mod_revision) * 1099511628211u;
	return true;
}

static void serve_hash(struct grpc_stream *s, struct str message)
{
	struct etcd_server *server = server_of(s);
	struct etcd_hash_answer a = { .header = etcd_header_now(server),
				      .compact_revision = store_compact_revision(server->store) };

	store_walk(server->store, STR(""), STR(""), add_to_hash, &a.hash);
	a.hash &= UINT32_MAX;
	etcd_answer_last(s, &etcd_hash_answer_message, &a);
}

/* --- Maintenance.Snapshot --- */

struct snapshot {
	struct etcd_server *server;
	struct grpc_stream *stream; /* NULL: the client is gone */
	char *path;
	int fd;
	uint64_t left_bytes; /* of the file */
	size_t padding_bytes;
	EVP_MD_CTX *digest;
	bool is_saved, is_over;
};

static void free_snapshot(struct snapshot *p)
{
	fd_close(&p->fd);
	(void)unlink(p->path); /* not there when saving failed */
	EVP_MD_CTX_free(p->digest);
	mem_free(p->path);
	mem_free(p);
}

static void send_chunk(struct snapshot *p, struct str bytes, uint64_t left_bytes)
{
	struct etcd_snapshot_answer a = { .header = etcd_header_now(p->server),
					  .remaining_bytes = left_bytes,
					  .blob = bytes };

	etcd_answer(p->stream, &etcd_snapshot_answer_message, &a);
}

/* etcdctl wants a file of whole sectors and a SHA-256 behind it. */
static void send_end(struct snapshot *p)
{
	char zeros[512] = "";
	unsigned char sum[32];
	unsigned int len;

	EVP_DigestUpdate(p->digest, zeros, p->padding_bytes);
	send_chunk(p, str_sub(zeros, p->padding_bytes), sizeof(sum));
	EVP_DigestFinal_ex(p->digest, sum, &len);
	send_chunk(p, str_sub((const char *)sum, sizeof(sum)), 0);
	p->stream->user = NULL;
	grpc_stream_finish(p->stream, GRPC_OK, "%s", "");
	free_snapshot(p);
}

static void send_more(struct snapshot *p)
{
	char bytes[CHUNK_BYTES];

	while (grpc_stream_queued_bytes(p->stream) < 1u << 20) {
		ssize_t len;

		if (!p->left_bytes) {
			send_end(p);
			return;
		}
		len = read(p->fd, bytes, NUM_MIN((uint64_t)sizeof(bytes), p->left_bytes));
		if (len <= 0) {
			p->stream->user = NULL;
			grpc_stream_finish(p->stream, GRPC_DATA_LOSS,
					   "etcdserver: the snapshot cannot be read");
			free_snapshot(p);
			return;
		}
		EVP_DigestUpdate(p->digest, bytes, (size_t)len);
		p->left_bytes -= (uint64_t)len;
		send_chunk(p, str_sub(bytes, (size_t)len), p->left_bytes + p->padding_bytes + 32);
	}
}

static void on_snapshot_saved(void *arg, int64_t revision, struct err *err)
{
	struct snapshot *p = arg;
	off_t size_bytes;

	p->is_saved = true;
	if (!p->stream) {
		free_snapshot(p);
		return;
	}
	if (!err) {
		p->fd = open(p->path, O_RDONLY | O_CLOEXEC);
		size_bytes = p->fd < 0 ? -1 : lseek(p->fd, 0, SEEK_END);
	}
	if (err || size_bytes < 0 || lseek(p->fd, 0, SEEK_SET) < 0) {
		p->stream->user = NULL;
		grpc_stream_finish(p->stream, GRPC_UNKNOWN, "etcdserver: %s",
				   err ? err->msg : "snapshot is not there");
		free_snapshot(p);
		return;
	}
	p->left_bytes = (uint64_t)size_bytes;
	p->padding_bytes = (512 - (size_t)size_bytes % 512) % 512;
	send_more(p);
}

static void serve_snapshot(struct grpc_stream *s, struct str message)
{
	struct etcd_server *server = server_of(s);
	struct snapshot *p;
	char name[ENV_UUID_BYTES];

	if (s->user)
		return;
	p = s->user = NEW(struct snapshot);
	env_uuid(server->env, name);
	p->server = server;
	p->stream = s;
	p->fd = -1;
	p->digest = EVP_MD_CTX_new();
	EVP_DigestInit_ex(p->digest, EVP_sha256(), NULL);
	p->path = mem_printf("%s/snapshot-%s", server->options.scratch_dir, name);
	store_snapshot_save(server->store, p->path, on_snapshot_saved, p);
}

static void snapshot_drained(struct grpc_stream *s)
{
	struct snapshot *p = s->user;

	if (p && p->is_saved)
		send_more(p);
}

static void snapshot_closed(struct grpc_stream *s)
{
	struct snapshot *p = s->user;

	if (!p)
		return;
	p->stream = NULL;
	s->user = NULL;
	if (p->is_saved)
		free_snapshot(p);
}

static void nothing_more(struct grpc_stream *s) {}

static const struct grpc_method methods[] = {
	{ "/etcdserverpb.KV/Range", true, etcd_serve_range },
	{ "/etcdserverpb.KV/Put", true, etcd_serve_put, .closed = etcd_serve_kv_closed },
	{ "/etcdserverpb.KV/DeleteRange", true, etcd_serve_delete, .closed = etcd_serve_kv_closed },
	{ "/etcdserverpb.KV/Txn", true, etcd_serve_txn, .closed = etcd_serve_kv_closed },
	{ "/etcdserverpb.KV/Compact", true, serve_compact },
	{ "/etcdserverpb.Watch/Watch", false, etcd_serve_watch, etcd_serve_watch_ended,
	  etcd_serve_watch_drained, etcd_serve_watch_closed },
	{ "/etcdserverpb.Lease/LeaseGrant", true, etcd_serve_grant },
	{ "/etcdserverpb.Lease/LeaseRevoke", true, etcd_serve_revoke },
	{ "/etcdserverpb.Lease/LeaseKeepAlive", false, etcd_serve_keepalive,
	  etcd_serve_keepalive_ended },
	{ "/etcdserverpb.Lease/LeaseTimeToLive", true, etcd_serve_time_to_live },
	{ "/etcdserverpb.Lease/LeaseLeases", true, etcd_serve_leases },
	{ "/etcdserverpb.Cluster/MemberList", true, serve_members },
	{ "/etcdserverpb.Maintenance/Status", true, serve_status },
	{ "/etcdserverpb.Maintenance/Alarm", true, serve_header },
	{ "/etcdserverpb.Maintenance/Defragment", true, serve_header },
	{ "/etcdserverpb.Maintenance/Hash", true, serve_hash },
	{ "/etcdserverpb.Maintenance/HashKV", true, serve_hash },
	{ "/etcdserverpb.Maintenance/MoveLeader", true, serve_move_leader },
	{ "/etcdserverpb.Maintenance/Snapshot", true, serve_snapshot, nothing_more,
	  snapshot_drained, snapshot_closed },
	{ "/etcdserverpb.Auth/Authenticate", true, serve_auth },
	{ "/etcdserverpb.Auth/AuthStatus", true, serve_header },
	{ "/etcdserverpb.Auth/AuthEnable", true, serve_no_users },
	{ "/etcdserverpb.Auth/AuthDisable", true, serve_no_users },
	{ "/etcdserverpb.Auth/UserAdd", true, serve_no_users },
	{ "/etcdserverpb.Auth/UserGet", true, serve_no_users },
	{ "/etcdserverpb.Auth/UserList", true, serve_no_users },
	{ "/etcdserverpb.Auth/UserDelete", true, serve_no_users },
	{ "/etcdserverpb.Auth/UserChangePassword", true, serve_no_users },
	{ "/etcdserverpb.Auth/UserGrantRole", true, serve_no_users },
	{ "/etcdserverpb.Auth/UserRevokeRole", true, serve_no_users },
	{ "/etcdserverpb.Auth/RoleAdd", true, serve_no_users },
	{ "/etcdserverpb.Auth/RoleGet", true, serve_no_users },
	{ "/etcdserverpb.Auth/RoleList", true, serve_no_users },
	{ "/etcdserverpb.Auth/RoleDelete", true, serve_no_users },
	{ "/etcdserverpb.Auth/RoleGrantPermission", true, serve_no_users },
	{ "/etcdserverpb.Auth/RoleRevokePermission", true, serve_no_users },
	{ "/etcdserverpb.Cluster/MemberAdd", true, serve_no_change },
	{ "/etcdserverpb.Cluster/MemberRemove", true, serve_no_change },
	{ "/etcdserverpb.Cluster/MemberUpdate", true, serve_no_change },
	{ "/etcdserverpb.Cluster/MemberPromote", true, serve_no_change },
	{ NULL },
};

/* --- opening and closing --- */

int etcd_server_new(const struct etcd_server_options *options, const struct address *address,
		    struct etcd_server **ret, struct err *err)
{
	struct etcd_server *s = NEW(struct etcd_server);
	struct http_server_options http = { .env = options->env,
					    .handlers = grpc_http_handlers(),
					    .tls = options->tls,
					    .plain_http2 = true };
	struct address bound;
	char text[ADDRESS_TEXT_BYTES];
	AUTO_FREE char *url = NULL;

	s->options = *options;
	s->env = options->env;
	s->store = options->store;
	list_init(&s->leases);
	s->service = (struct grpc_service){ .methods = methods,
					    .owner = s,
					    .message_bytes_max = ETCD_REQUEST_BYTES_MAX };
	http.arg = &s->service;
	s->http = http_server_new(&http);
	if (http_server_listen(s->http, address, 0600, &bound, err) < 0) {
		etcd_server_stop(s);
		etcd_server_free(s);
		return -1;
	}
	url = mem_printf("%s://%s", options->tls ? "https" : "http", address_format(&bound, text));
	s->address = str_dup(str_from(url));
	*ret = s;
	return 0;
}

void etcd_server_stop(struct etcd_server *s)
{
	if (!s)
		return;
	http_server_free(s->http);
	etcd_leases_free(s);
}

/* Writes that were under way are done only now. */
void etcd_server_free(struct etcd_server *s)
{
	if (!s)
		return;
	mem_free((void *)s->address.ptr);
	mem_free(s);
}
