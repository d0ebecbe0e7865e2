/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KV. A transaction is decided on the state that a write submitted now will meet, becomes one write
 * of the store, with the compared keys as conditions, and is answered when that is durable; what it
 * reads it reads then.
 */
#include <stdlib.h>
#include "base/mem.h"
#include "base/num.h"
#include "store/etcd_server_internal.h"

enum { SORT_NONE, SORT_ASCEND, SORT_DESCEND };
enum { SORT_KEY, SORT_VERSION, SORT_CREATE, SORT_MOD, SORT_VALUE };

/* --- reading --- */

struct range_walk {
	struct etcd_server *server;
	struct arena *arena;
	const struct etcd_range *request;
	struct etcd_kv *kvs;
	size_t kv_count, cap;
	int64_t count;
	size_t stop_after; /* kvs; 0: all are needed */
};

static bool is_wanted(const struct etcd_range *r, const struct store_entry *e)
{
	return (!r->min_mod_revision || e->mod_revision >= r->min_mod_revision) &&
	       (!r->max_mod_revision || e->mod_revision <= r->max_mod_revision) &&
	       (!r->min_create_revision || e->create_revision >= r->min_create_revision) &&
	       (!r->max_create_revision || e->create_revision <= r->max_create_revision);
}

static bool take(void *arg, struct str key, const struct store_entry *entry)
{
	struct range_walk *w = arg;
	const struct etcd_range *r = w->request;

	if (!etcd_in_range(key, r->key, r->range_end))
		return r->range_end.len == 1 || str_cmp(key, r->range_end) < 0;
	w->count++;
	if (r->count_only || !is_wanted(r, entry) || (w->stop_after && w->kv_count > w->stop_after))
		return true;
	if (w->kv_count == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 64;
		w->kvs = mem_realloc_array(w->kvs, w->cap, sizeof(*w->kvs));
	}
	w->kvs[w->kv_count] = etcd_kv_of(w->server, w->arena, str_in(w->arena, key), entry);
	if (r->keys_only)
		w->kvs[w->kv_count].value = STR_NONE;
	w->kv_count++;
	return true;
}

static int compare_by(const struct etcd_kv *a, const struct etcd_kv *b, int target)
{
	int64_t left, right;

	if (target == SORT_KEY || target == SORT_VALUE)
		return target == SORT_KEY ? str_cmp(a->key, b->key) : str_cmp(a->value, b->value);
	left = target == SORT_VERSION  ? a->version
	       : target == SORT_CREATE ? a->create_revision
				       : a->mod_revision;
	right = target == SORT_VERSION	? b->version
		: target == SORT_CREATE ? b->create_revision
					: b->mod_revision;
	return left < right ? -1 : left > right;
}

static int by_request(const void *a, const void *b, void *arg)
{
	const struct etcd_range *r = arg;
	int order = compare_by(a, b, r->sort_target);

	return r->sort_order == SORT_DESCEND ? -order : order;
}

static int range(struct etcd_server *server, struct arena *arena, struct etcd_range *r,
		 struct etcd_range_answer *ret, struct err *err)
{
	struct range_walk w = { .server = server, .arena = arena, .request = r };
	struct str prefix = etcd_range_prefix(r->key, r->range_end);
	bool sorts = r->sort_order != SORT_NONE || r->sort_target != SORT_KEY;

	if (!r->key.len)
		return err_set(err, ERR_INVALID, "etcdserver: key is not provided");
	if (r->sort_order < SORT_NONE || r->sort_order > SORT_DESCEND ||
	    r->sort_target < SORT_KEY || r->sort_target > SORT_VALUE)
		return err_set(err, ERR_INVALID, "etcdserver: invalid sort option");
	if (r->revision > store_revision(server->store))
		return err_set(err, ERR_GONE,
			       "etcdserver: mvcc: required revision is a future revision");
	if (r->limit > 0 && !sorts)
		w.stop_after = (size_t)r->limit; /* one more tells that there are more */
	if (r->revision > 0 && r->revision < store_revision(server->store)) {
		if (store_walk_at(server->store, r->revision, prefix, r->key, take, &w, NULL) < 0)
			return err_set(err, ERR_GONE,
				       "etcdserver: mvcc: required revision has been compacted");
	} else {
		store_walk(server->store, prefix, r->key, take, &w);
	}
	if (sorts && w.kv_count)
		qsort_r(w.kvs, w.kv_count, sizeof(*w.kvs), by_request, r);
	*ret = (struct etcd_range_answer){ .count = w.count };
	ret->more = r->limit > 0 && w.kv_count > (size_t)r->limit;
	ret->kvs_count = ret->more ? (size_t)r->limit : w.kv_count;
	ret->kvs = arena_array(arena, ret->kvs_count + 1, sizeof(*ret->kvs));
	if (ret->kvs_count)
		memcpy(ret->kvs, w.kvs, ret->kvs_count * sizeof(*ret->kvs));
	mem_free(w.kvs);
	return 0;
}

void etcd_serve_range(struct grpc_stream *s, struct str message)
{
	struct etcd_server *server = server_of(s);
	struct etcd_range request;
	struct etcd_range_answer answer;
	struct err err;

	if (!etcd_read(s, &etcd_range_message, message, &request))
		return;
	if (range(server, s->arena, &request, &answer, &err) < 0) {
		etcd_finish_err(s, &err);
		return;
	}
	answer.header = etcd_header_now(server);
	etcd_answer_last(s, &etcd_range_answer_message, &answer);
}

/* --- writing --- */

struct put_value {
	struct str bytes;
	bool keeps; /* ignore_value */
	int64_t lease;
	bool keeps_lease;
};

enum write_answer { ANSWER_PUT, ANSWER_DELETE, ANSWER_TXN };

/* One request's write; on its own, as the client may go before it is done. */
struct kv_write {
	struct store_write write;
	struct etcd_server *server;
	struct grpc_stream *stream; /* NULL: the client is gone */
	struct arena arena;
	struct store_op *ops;
	size_t op_cap;
	enum write_answer answer;
	bool wants_previous;
	struct etcd_txn_answer txn;
	const struct etcd_request_op *requests; /* of the branch taken */
	size_t request_count;
	struct etcd_delete removal; /* of ANSWER_DELETE */
};

static void free_write(struct kv_write *k)
{
	arena_deinit(&k->arena);
	mem_free(k);
}

static struct kv_write *new_write(struct grpc_stream *s, enum write_answer answer)
{
	struct kv_write *k = NEW(struct kv_write);

	k->server = server_of(s);
	k->stream = s;
	k->answer = answer;
	arena_init(&k->arena, ARENA_DEFAULT_MAX);
	s->user = k;
	return k;
}

void etcd_serve_kv_closed(struct grpc_stream *s)
{
	struct kv_write *k = s->user;

	if (k)
		k->stream = NULL;
}

static void fail(struct kv_write *k, const struct err *err)
{
	if (k->stream)
		etcd_finish_err(k->stream, err);
	free_write(k);
}

/* An op is found again by its key, which lies behind what belongs to it. */
struct kv_key {
	struct kv_write *owner;
	struct put_value put;
	char key[];
};

static struct kv_key *key_of(const struct store_op *op)
{
	return CONTAINER_OF(op->key.ptr, struct kv_key, key);
}

static struct blob *encode(struct store_op *op, int64_t revision, struct err *err)
{
	const struct kv_key *k = key_of(op);
	const struct etcd_server_options *o = &k->owner->server->options;
	const struct store_entry *now = store_get_pending(k->owner->server->store, op->key);
	AUTO_BLOB bytes = k->put.keeps && now
				  ? store_seal(k->owner->server->store, op->key, now->value, err)
				  : blob_new(k->put.bytes);

	if (!bytes)
		return NULL;
	return o->adopt ? o->adopt(o->arg, op->key, bytes, revision, err) : blob_ref(bytes);
}

static struct store_op *add_op(struct kv_write *k, enum store_op_type type, struct str key,
			       struct err *err)
{
	struct kv_key *named;
	struct store_op *op;

	if (!key.len || key.len > STORE_KEY_BYTES_MAX) {
		if (key.len)
			err_set(err, ERR_INVALID,
				"etcdserver: key of %zu bytes is too long: at most %d", key.len,
				STORE_KEY_BYTES_MAX);
		else
			err_set(err, ERR_INVALID, "etcdserver: key is not provided");
		return NULL;
	}
	for (size_t i = 0; i < k->write.op_count; i++) {
		if (!str_eq(k->ops[i].key, key))
			continue;
		if (k->ops[i].type == STORE_CHECK) { /* the condition stays with what is done now */
			k->ops[i].type = type;
			return &k->ops[i];
		}
		if (type == STORE_CHECK)
			return &k->ops[i];
		err_set(err, ERR_INVALID, "etcdserver: duplicate key given in txn request");
		return NULL;
	}
	if (k->write.op_count == STORE_OPS_MAX) {
		err_set(err, ERR_INVALID, "etcdserver: too many operations in txn request");
		return NULL;
	}
	if (k->write.op_count == k->op_cap) {
		size_t cap = k->op_cap ? k->op_cap * 2 : 8;
		struct store_op *grown = arena_array(&k->arena, cap, sizeof(*grown));

		if (k->op_cap)
			memcpy(grown, k->ops, k->op_cap * sizeof(*grown));
		k->ops = grown;
		k->op_cap = cap;
	}
	named = arena_alloc(&k->arena, sizeof(*named) + key.len);
	named->owner = k;
	memcpy(named->key, key.ptr, key.len);
	op = &k->ops[k->write.op_count++];
	*op = (struct store_op){ .type = type,
				 .key = str_sub(named->key, key.len),
				 .expected_revision = STORE_REVISION_ANY };
	return op;
}

static int add_put(struct kv_write *k, const struct etcd_put *r, struct err *err)
{
	struct store_op *op;
	struct kv_key *named;

	if (r->ignore_value && r->value.len)
		return err_set(err, ERR_INVALID, "etcdserver: value is provided");
	if (r->ignore_lease && r->lease)
		return err_set(err, ERR_INVALID, "etcdserver: lease is provided");
	if (r->lease && !etcd_lease_exists(k->server, r->lease))
		return err_set(err, ERR_NOT_FOUND, "etcdserver: requested lease not found");
	if ((r->ignore_value || r->ignore_lease) && !store_get_pending(k->server->store, r->key))
		return err_set(err, ERR_INVALID, "etcdserver: key not found");
	op = add_op(k, STORE_PUT, r->key, err);
	if (!op)
		return -1;
	op->encode = encode;
	named = key_of(op);
	named->put = (struct put_value){ .bytes = str_in(&k->arena, r->value),
					 .keeps = r->ignore_value,
					 .lease = r->lease,
					 .keeps_lease = r->ignore_lease };
	if (r->prev_kv)
		k->wants_previous = true;
	return 0;
}

struct delete_walk {
	struct kv_write *write;
	const struct etcd_delete *request;
	struct err *err;
	bool failed;
};

static bool add_delete(void *arg, struct str key, const struct store_entry *entry)
{
	struct delete_walk *w = arg;

	if (!etcd_in_range(key, w->request->key, w->request->range_end))
		return w->request->range_end.len == 1 || str_cmp(key, w->request->range_end) < 0;
	/* Gone once what is under way is done. */
	if (!store_get_pending(w->write->server->store, key))
		return true;
	w->failed = add_op(w->write, STORE_DELETE, key, w->err) == NULL;
	return !w->failed;
}

static int add_deletes(struct kv_write *k, const struct etcd_delete *r, struct err *err)
{
	struct delete_walk w = { .write = k, .request = r, .err = err };
	struct store *store = k->server->store;

	if (!r->key.len)
		return err_set(err, ERR_INVALID, "etcdserver: key is not provided");
	if (!r->range_end.len) { /* also what is not committed yet */
		if (store_get_pending(store, r->key) && !add_op(k, STORE_DELETE, r->key, err))
			return -1;
		return 0;
	}
	store_walk(store, etcd_range_prefix(r->key, r->range_end), r->key, add_delete, &w);
	return w.failed ? -1 : 0;
}

/* --- answers --- */

static void fill_put(struct kv_write *k, struct arena *arena, const struct store_op *op, bool wants,
		     struct etcd_put_answer *ret)
{
	struct store_entry before = { .value = op->previous,
				      .create_revision = op->create_revision,
				      .mod_revision = op->previous_revision,
				      .version = op->version - 1 };

	if (!wants || !op->previous)
		return;
	ret->prev_kv = ARENA_NEW(arena, struct etcd_kv);
	*ret->prev_kv = etcd_kv_of(k->server, arena, op->key, &before);
}

static void fill_delete(struct kv_write *k, struct arena *arena, const struct etcd_delete *r,
			struct etcd_delete_answer *ret)
{
	ret->prev_kvs = arena_array(arena, k->write.op_count + 1, sizeof(*ret->prev_kvs));
	for (size_t i = 0; i < k->write.op_count; i++) {
		const struct store_op *op = &k->ops[i];
		struct store_entry before = { .value = op->previous,
					      .create_revision = op->create_revision,
					      .mod_revision = op->previous_revision,
					      .version = op->version };

		if (op->type != STORE_DELETE || !etcd_in_range(op->key, r->key, r->range_end))
			continue;
		ret->deleted++;
		if (r->prev_kv)
			ret->prev_kvs[ret->prev_kvs_count++] = etcd_kv_of(k->server, arena, op->key,
									  &before);
	}
}

static const struct store_op *op_at(const struct kv_write *k, struct str key)
{
	for (size_t i = 0; i < k->write.op_count; i++)
		if (str_eq(k->ops[i].key, key))
			return &k->ops[i];
	return NULL;
}

static int answer_txn(struct kv_write *k, struct err *err)
{
	struct etcd_txn_answer *a = &k->txn;
	struct arena *arena = &k->arena;

	a->responses = arena_array(arena, k->request_count + 1, sizeof(*a->responses));
	for (size_t i = 0; i < k->request_count; i++) {
		const struct etcd_request_op *r = &k->requests[i];
		struct etcd_response_op *to = &a->responses[a->responses_count++];

		if (r->range) {
			to->range = ARENA_NEW(arena, struct etcd_range_answer);
			if (range(k->server, arena, r->range, to->range, err) < 0)
				return -1;
			to->range->header = etcd_header_now(k->server);
		} else if (r->put) {
			to->put = ARENA_NEW(arena, struct etcd_put_answer);
			to->put->header = etcd_header_now(k->server);
			fill_put(k, arena, op_at(k, r->put->key), r->put->prev_kv, to->put);
		} else if (r->delete_range) {
			to->delete_range = ARENA_NEW(arena, struct etcd_delete_answer);
			to->delete_range->header = etcd_header_now(k->server);
			fill_delete(k, arena, r->delete_range, to->delete_range);
		}
	}
	a->header = etcd_header_now(k->server);
	etcd_answer_last(k->stream, &etcd_txn_answer_message, a);
	return 0;
}

static void answer_write(struct kv_write *k)
{
	struct etcd_put_answer put = { .header = etcd_header_now(k->server) };
	struct etcd_delete_answer removed = { .header = etcd_header_now(k->server) };
	struct err err;

	switch (k->answer) {
	case ANSWER_PUT:
		fill_put(k, &k->arena, &k->ops[0], k->wants_previous, &put);
		etcd_answer_last(k->stream, &etcd_put_answer_message, &put);
		break;
	case ANSWER_DELETE:
		fill_delete(k, &k->arena, &k->removal, &removed);
		etcd_answer_last(k->stream, &etcd_delete_answer_message, &removed);
		break;
	case ANSWER_TXN:
		if (answer_txn(k, &err) < 0)
			etcd_finish_err(k->stream, &err);
		break;
	}
}

static void on_done(struct store_write *write, int64_t revision, struct err *err)
{
	struct kv_write *k = CONTAINER_OF(write, struct kv_write, write);

	if (err) {
		fail(k, err);
		return;
	}
	for (size_t i = 0; i < k->write.op_count; i++) {
		const struct kv_key *named = key_of(&k->ops[i]);

		if (k->ops[i].type == STORE_DELETE)
			etcd_lease_attach(k->server, 0, k->ops[i].key, 0);
		else if (k->ops[i].type == STORE_PUT)
			etcd_lease_attach(k->server,
					  named->put.keeps_lease
						  ? etcd_lease_of(k->server, k->ops[i].key)
						  : named->put.lease,
					  k->ops[i].key, revision);
	}
	if (k->stream)
		answer_write(k);
	free_write(k);
}

static void submit(struct kv_write *k)
{
	if (!k->write.op_count) { /* nothing to be written: answered as things are */
		answer_write(k);
		free_write(k);
		return;
	}
	k->write.ops = k->ops;
	k->write.done = on_done;
	store_submit(k->server->store, &k->write);
}

static bool is_too_large(struct grpc_stream *s, struct str message)
{
	if (message.len <= ETCD_WRITE_BYTES_MAX)
		return false;
	grpc_stream_finish(s, GRPC_INVALID_ARGUMENT, "etcdserver: request is too large");
	return true;
}

void etcd_serve_put(struct grpc_stream *s, struct str message)
{
	struct etcd_put request;
	struct kv_write *k;
	struct err err;

	if (is_too_large(s, message) || !etcd_read(s, &etcd_put_message, message, &request))
		return;
	k = new_write(s, ANSWER_PUT);
	if (add_put(k, &request, &err) < 0)
		fail(k, &err);
	else
		submit(k);
}

void etcd_serve_delete(struct grpc_stream *s, struct str message)
{
	struct etcd_delete request;
	struct kv_write *k;
	struct err err;

	if (!etcd_read(s, &etcd_delete_message, message, &request))
		return;
	k = new_write(s, ANSWER_DELETE);
	k->removal = (struct etcd_delete){ .key = str_in(&k->arena, request.key),
					   .range_end = str_in(&k->arena, request.range_end),
					   .prev_kv = request.prev_kv };
	if (add_deletes(k, &request, &err) < 0)
		fail(k, &err);
	else
		submit(k);
}

/* --- transactions --- */

static bool holds_for(struct kv_write *k, const struct etcd_compare *c, struct str key,
		      const struct store_entry *e)
{
	int64_t number = 0, wanted = 0;
	int order;
	AUTO_BLOB sealed = NULL;

	switch (c->target) {
	case ETCD_VERSION:
		number = e ? e->version : 0;
		wanted = c->version;
		break;
	case ETCD_CREATE:
		number = e ? e->create_revision : 0;
		wanted = c->create_revision;
		break;
	case ETCD_MOD:
		number = e ? e->mod_revision : 0;
		wanted = c->mod_revision;
		break;
	case ETCD_LEASE:
		number = etcd_lease_of(k->server, key);
		wanted = c->lease;
		break;
	default:
		if (!e)
			return false; /* nothing compares with no value */
		sealed = store_seal(k->server->store, key, e->value, NULL);
		break;
	}
	order = c->target == ETCD_VALUE ? (sealed ? str_cmp(blob_str(sealed), c->value) : 1)
					: (number > wanted) - (number < wanted);
	switch (c->result) {
	case ETCD_EQUAL:
		return order == 0;
	case ETCD_GREATER:
		return order > 0;
	case ETCD_LESS:
		return order < 0;
	default:
		return order != 0;
	}
}

struct compare_walk {
	struct kv_write *write;
	const struct etcd_compare *compare;
	bool holds;
};

static bool compare_entry(void *arg, struct str key, const struct store_entry *entry)
{
	struct compare_walk *w = arg;

	if (etcd_in_range(key, w->compare->key, w->compare->range_end))
		w->holds = w->holds && holds_for(w->write, w->compare, key, entry);
	return w->holds;
}

/* 1: it holds, and will when the write is done. */
static int evaluate(struct kv_write *k, const struct etcd_compare *c, struct err *err)
{
	const struct store_entry *entry = store_get_pending(k->server->store, c->key);
	struct compare_walk w = { .write = k, .compare = c, .holds = true };
	struct store_op *op;

	if (!c->key.len)
		return err_set(err, ERR_INVALID, "etcdserver: key is not provided");
	if (c->range_end.len) {
		store_walk(k->server->store, etcd_range_prefix(c->key, c->range_end), c->key,
			   compare_entry, &w);
		return w.holds;
	}
	op = add_op(k, STORE_CHECK, c->key, err);
	if (!op)
		return -1;
	op->expected_revision = entry ? entry->mod_revision : STORE_REVISION_NONE;
	return holds_for(k, c, c->key, entry);
}

/* Conditions alone need no write. */
static void drop_conditions(struct kv_write *k)
{
	for (size_t i = 0; i < k->write.op_count; i++)
		if (k->ops[i].type != STORE_CHECK)
			return;
	k->write.op_count = 0;
}

static int add_requests(struct kv_write *k, struct err *err)
{
	for (size_t i = 0; i < k->request_count; i++) {
		const struct etcd_request_op *r = &k->requests[i];

		if (r->txn)
			return err_set(
				err, ERR_UNSUPPORTED,
				"etcdserver: transactions within transactions are not supported");
		if (r->put && add_put(k, r->put, err) < 0)
			return -1;
		if (r->delete_range && add_deletes(k, r->delete_range, err) < 0)
			return -1;
	}
	return 0;
}

void etcd_serve_txn(struct grpc_stream *s, struct str message)
{
	struct etcd_txn request;
	struct kv_write *k;
	struct err err;
	int holds = 1;

	if (is_too_large(s, message))
		return;
	message = str_in(s->arena, message); /* its keys are looked at again for the answer */
	if (!etcd_read(s, &etcd_txn_message, message, &request))
		return;
	k = new_write(s, ANSWER_TXN);
	if (request.compare_count > ETCD_TXN_OPS_MAX || request.success_count > ETCD_TXN_OPS_MAX ||
	    request.failure_count > ETCD_TXN_OPS_MAX) {
		err_set(&err, ERR_INVALID, "etcdserver: too many operations in txn request");
		fail(k, &err);
		return;
	}
	for (size_t i = 0; i < request.compare_count && holds > 0; i++)
		holds = evaluate(k, &request.compare[i], &err);
	if (holds < 0) {
		fail(k, &err);
		return;
	}
	k->txn.succeeded = holds;
	k->requests = holds ? request.success : request.failure;
	k->request_count = holds ? request.success_count : request.failure_count;
	if (add_requests(k, &err) < 0) {
		fail(k, &err);
		return;
	}
	drop_conditions(k);
	submit(k);
}
