/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases of clients: kept in memory, so that a restart ends them, and with them the keys' time
 * limits. Keys that the cluster's own objects have a time to live for are the store's matter, not
 * these.
 */
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "store/etcd_server_internal.h"

#define TTL_MAX_S 9000000000ll /* as etcd */

struct lease {
	struct etcd_server *server;
	struct list link;
	int64_t id, ttl_s, expires_ns;
	struct map keys; /* key -> its revision when it was put; changed since: it is not the
			    lease's any more */
	struct timer timer;
};

static struct lease *find(struct etcd_server *server, int64_t id)
{
	LIST_FOR_EACH (link, &server->leases)
		if (LIST_ENTRY(link, struct lease, link)->id == id)
			return LIST_ENTRY(link, struct lease, link);
	return NULL;
}

struct removal {
	struct store_write write;
	struct store_op op;
	char key[];
};

static void on_removed(struct store_write *write, int64_t revision, struct err *err)
{
	mem_free(CONTAINER_OF(write, struct removal, write)); /* gone already is as good */
}

static void free_lease(struct lease *l)
{
	timer_stop(&l->timer);
	list_remove(&l->link);
	l->server->lease_count--;
	map_deinit(&l->keys);
	mem_free(l);
}

static void end_lease(struct lease *l)
{
	struct store *store = l->server->store;
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(&l->keys, &cursor, &key, &value)) {
		struct removal *r = mem_zalloc(sizeof(*r) + key.len);

		memcpy(r->key, key.ptr, key.len);
		r->op = (struct store_op){ .type = STORE_DELETE,
					   .key = str_sub(r->key, key.len),
					   .expected_revision = (int64_t)(intptr_t)value };
		r->write = (struct store_write){ .ops = &r->op, .op_count = 1, .done = on_removed };
		store_submit(store, &r->write);
	}
	free_lease(l);
}

static int64_t left_s(const struct lease *l)
{
	int64_t left_ns = l->expires_ns - env_mono_ns(l->server->env);

	return left_ns > 0 ? (left_ns + TIME_NS_PER_SECOND - 1) / TIME_NS_PER_SECOND : 0;
}

static void renew(struct lease *l)
{
	l->expires_ns = env_mono_ns(l->server->env) + l->ttl_s * TIME_NS_PER_SECOND;
	timer_start(&l->timer, l->ttl_s * 1000);
}

static void on_expired(struct timer *timer)
{
	end_lease(CONTAINER_OF(timer, struct lease, timer));
}

static void finish_missing(struct grpc_stream *s)
{
	grpc_stream_finish(s, GRPC_NOT_FOUND, "etcdserver: requested lease not found");
}

void etcd_serve_grant(struct grpc_stream *s, struct str message)
{
	struct etcd_server *server = server_of(s);
	struct etcd_lease_grant request;
	struct etcd_lease_answer a = { 0 };
	struct lease *l;
	uint64_t id;

	if (!etcd_read(s, &etcd_lease_grant_message, message, &request))
		return;
	if (request.ttl < 1 || request.ttl > TTL_MAX_S) {
		grpc_stream_finish(s, GRPC_OUT_OF_RANGE, "etcdserver: too large lease TTL");
		return;
	}
	if (request.id && find(server, request.id)) {
		grpc_stream_finish(s, GRPC_FAILED_PRECONDITION, "etcdserver: lease already exists");
		return;
	}
	if (server->lease_count >= ETCD_LEASES_MAX) {
		grpc_stream_finish(s, GRPC_RESOURCE_EXHAUSTED, "etcdserver: too many leases");
		return;
	}
	l = NEW(struct lease);
	l->server = server;
	env_random(server->env, &id, sizeof(id));
	l->id = request.id ? request.id : (int64_t)(id >> 1 | 1);
	l->ttl_s = request.ttl;
	map_init(&l->keys);
	timer_init(&l->timer, server->env, on_expired);
	list_init(&l->link);
	list_push_back(&server->leases, &l->link);
	server->lease_count++;
	renew(l);
	a = (struct etcd_lease_answer){ .header = etcd_header_now(server),
					.id = l->id,
					.ttl = l->ttl_s };
	etcd_answer_last(s, &etcd_lease_answer_message, &a);
}

void etcd_serve_revoke(struct grpc_stream *s, struct str message)
{
	struct etcd_lease_id request;
	struct etcd_answer a;
	struct lease *l;

	if (!etcd_read(s, &etcd_lease_id_message, message, &request))
		return;
	l = find(server_of(s), request.id);
	if (!l) {
		finish_missing(s);
		return;
	}
	end_lease(l);
	a = (struct etcd_answer){ .header = etcd_header_now(server_of(s)) };
	etcd_answer_last(s, &etcd_answer_message, &a);
}

void etcd_serve_keepalive(struct grpc_stream *s, struct str message)
{
	struct etcd_lease_id request;
	struct etcd_lease_answer a;
	struct lease *l;

	if (!etcd_read(s, &etcd_lease_id_message, message, &request))
		return;
	l = find(server_of(s), request.id);
	if (l)
		renew(l);
	a = (struct etcd_lease_answer){ .header = etcd_header_now(server_of(s)),
					.id = request.id,
					.ttl = l ? l->ttl_s : 0 };
	etcd_answer(s, &etcd_lease_answer_message, &a);
}

void etcd_serve_keepalive_ended(struct grpc_stream *s)
{
	grpc_stream_finish(s, GRPC_OK, "%s", "");
}

void etcd_serve_time_to_live(struct grpc_stream *s, struct str message)
{
	struct etcd_server *server = server_of(s);
	struct etcd_lease_life request;
	struct etcd_lease_life_answer a;
	struct lease *l;
	size_t cursor = 0;
	void *value;

	if (!etcd_read(s, &etcd_lease_life_message, message, &request))
		return;
	l = find(server, request.id);
	a = (struct etcd_lease_life_answer){ .header = etcd_header_now(server),
					     .id = request.id,
					     .ttl = l ? left_s(l) : -1,
					     .granted_ttl = l ? l->ttl_s : 0 };
	if (l && request.keys) {
		a.keys = arena_array(s->arena, l->keys.count + 1, sizeof(*a.keys));
		while (map_next(&l->keys, &cursor, &a.keys[a.keys_count], &value))
			a.keys_count++;
	}
	etcd_answer_last(s, &etcd_lease_life_answer_message, &a);
}

void etcd_serve_leases(struct grpc_stream *s, struct str message)
{
	struct etcd_server *server = server_of(s);
	struct etcd_leases_answer a = { .header = etcd_header_now(server) };

	a.leases = arena_array(s->arena, server->lease_count + 1, sizeof(*a.leases));
	LIST_FOR_EACH (link, &server->leases)
		a.leases[a.leases_count++].id = LIST_ENTRY(link, struct lease, link)->id;
	etcd_answer_last(s, &etcd_leases_answer_message, &a);
}

bool etcd_lease_exists(struct etcd_server *server, int64_t id)
{
	return find(server, id) != NULL;
}

int64_t etcd_lease_of(struct etcd_server *server, struct str key)
{
	LIST_FOR_EACH (link, &server->leases)
		if (map_get(&LIST_ENTRY(link, struct lease, link)->keys, key))
			return LIST_ENTRY(link, struct lease, link)->id;
	return 0;
}

void etcd_lease_attach(struct etcd_server *server, int64_t id, struct str key, int64_t revision)
{
	struct lease *l;

	LIST_FOR_EACH (link, &server->leases)
		map_remove(&LIST_ENTRY(link, struct lease, link)->keys, key);
	l = id ? find(server, id) : NULL;
	if (l)
		map_put(&l->keys, key, (void *)(intptr_t)revision);
}

void etcd_leases_free(struct etcd_server *server)
{
	struct list *link;

	while ((link = list_first(&server->leases)))
		free_lease(LIST_ENTRY(link, struct lease, link));
}
