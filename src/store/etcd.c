/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to etcd. Each write is one Txn on the condition that its keys are still as they were when
 * it was decided, so that trying it again is harmless: of two tries at most one succeeds, and the
 * event that followed the state it was decided on tells whether it was ours. Writes to one key
 * follow each other, others are under way together; etcd groups what arrives together into one
 * flush of its disk. A write is reported once its event has been seen, so that index, history and
 * watchers keep etcd's order.
 */
#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/etcd_internal.h"

#define LEASE_REUSE_S 60
#define LEASE_USES_MAX 1000

static const struct store_remote remote;

static int64_t age_ms(struct etcd *e, int64_t since_ns)
{
	return (env_mono_ns(e->link.env) - since_ns) / TIME_NS_PER_MS;
}

static void set_state(struct etcd_write *ew, enum etcd_write_state state)
{
	list_remove(&ew->link);
	list_push_back(&ew->etcd->writes[state], &ew->link);
	ew->state = state;
}

static void tick_soon(struct etcd *e)
{
	if (!timer_is_running(&e->tick) && !e->is_stopped)
		timer_start(&e->tick, ETCD_TICK_MS);
}

static void free_write(struct etcd_write *ew)
{
	struct etcd *e = ew->etcd;

	for (size_t i = 0; i < ew->write->op_count; i++)
		list_remove(&ew->edges[i].link);
	ASSERT(list_is_empty(&ew->dependents));
	etcd_call_drop(&ew->call);
	if (map_get(&e->by_pending, etcd_number_key(&ew->write->pending_revision)) == ew)
		map_remove(&e->by_pending, etcd_number_key(&ew->write->pending_revision));
	list_remove(&ew->link);
	mem_free(ew->edges);
	mem_free(ew);
}

/* --- ends of a write --- */

static bool is_lost_race(enum err_code code)
{
	return code == ERR_CONFLICT || code == ERR_EXISTS || code == ERR_NOT_FOUND;
}

/* Inlined, gcc 12 takes the list for one that outlives the function it is a local of (-Wdangling-pointer). */
static NOINLINE void move_to(struct list *list, struct etcd_write *ew)
{
	list_remove(&ew->link);
	list_push_back(list, &ew->link);
}

/* It and all that builds on it; chains may be long. */
static void fail(struct etcd_write *first, const struct err *why)
{
	struct store *store = first->etcd->store;
	struct list doomed, *link, *edge;

	list_init(&doomed);
	move_to(&doomed, first);
	for (link = doomed.next; link != &doomed; link = link->next) {
		struct etcd_write *ew = LIST_ENTRY(link, struct etcd_write, link);

		while ((edge = list_pop_front(&ew->dependents))) {
			move_to(&doomed, LIST_ENTRY(edge, struct etcd_edge, link)->dependent);
		}
		store_forget_pending(store, ew->write);
	}
	while ((link = list_first(&doomed))) {
		struct etcd_write *ew = LIST_ENTRY(link, struct etcd_write, link);
		struct store_write *w = ew->write;
		struct err err = *why;

		if (ew != first && is_lost_race(why->code))
			err_set(&err, ERR_CONFLICT, "what this was decided on was not written: %s",
				why->msg);
		first = ew == first ? NULL : first;
		free_write(ew);
		store_report(store, w, &err);
	}
}

static void restate(struct etcd *e, struct store_op *op, int64_t revision)
{
	const struct store_entry *now = store_get(e->store, op->key);
	struct blob *value = NULL;

	blob_unref(op->previous);
	op->previous = now ? blob_ref(now->value) : NULL;
	op->previous_revision = now ? now->mod_revision : 0;
	op->create_revision = now ? now->create_revision : revision;
	op->version = (now ? now->version : 0) + (op->type == STORE_PUT);
	op->mod_revision = revision;
	op->expires_wall_s = 0; /* the lease is etcd's to end */
	if (!e->store->options.open)
		return;
	value = op->sealed ? store_unseal(e->store, op->key, op->sealed, revision, NULL) :
			     store_revise(e->store, op->key, op->value, revision);
	if (value) {
		blob_unref(op->value);
		op->value = value;
	}
}

static void unblock(struct etcd_write *ew, int64_t revision);

void etcd_finish_landed(struct etcd_write *ew)
{
	struct etcd *e = ew->etcd;
	struct store_write *w = ew->write;

	for (size_t i = 0; i < w->op_count; i++)
		if (w->ops[i].type != STORE_CHECK)
			restate(e, &w->ops[i], w->revision);
	free_write(ew);
	store_finish(e->store, w);
}

struct etcd_write *etcd_take_landed(struct etcd *e, int64_t revision)
{
	return map_remove(&e->landed, etcd_number_key(&revision));
}

static void take_seen(struct etcd *e, struct store_op *op, int64_t revision)
{
	const struct history *h = &e->store->history;
	const struct store_entry *now = store_get(e->store, op->key);
	struct blob *value = NULL;

	op->mod_revision = revision;
	for (uint64_t s = history_after(h, revision - 1); s < h->next_sequence; s++) {
		const struct store_event *event = history_at(h, s);

		if (event->revision > revision)
			break;
		if (str_eq(event->key, op->key))
			value = blob_ref(event->value);
	}
	if (!value && now && now->mod_revision == revision)
		value = blob_ref(now->value);
	if (!value)
		value = op->sealed ? store_unseal(e->store, op->key, op->sealed, revision, NULL) :
				     store_revise(e->store, op->key, op->value, revision);
	if (!value)
		return;
	blob_unref(op->value);
	op->value = value;
}

/* Its event was seen before its answer, or will be seen by itself. */
static void finish_seen(struct etcd_write *ew)
{
	struct etcd *e = ew->etcd;
	struct store_write *w = ew->write;

	for (size_t i = 0; i < w->op_count; i++) {
		struct store_op *op = &w->ops[i];
		const struct store_entry *now = store_get(e->store, op->key);

		if (op->type != STORE_CHECK) {
			take_seen(e, op, w->revision);
		} else if (now) {
			op->value = blob_ref(now->value);
			op->mod_revision = now->mod_revision;
		}
	}
	free_write(ew);
	store_forget_pending(e->store, w);
	store_report(e->store, w, NULL);
}

static bool is_check(const struct store_write *w)
{
	for (size_t i = 0; i < w->op_count; i++)
		if (w->ops[i].type != STORE_CHECK)
			return false;
	return true;
}

static void landed(struct etcd_write *ew, int64_t revision)
{
	struct etcd *e = ew->etcd;

	ew->write->revision = revision;
	set_state(ew, WRITE_LANDED);
	ew->wanted = revision;
	unblock(ew, revision);
	if (revision <= e->store->revision)
		finish_seen(ew);
	else if (!is_check(ew->write)) /* a check waits for the revision, not for an event of its
					  own */
		map_put(&e->landed, etcd_number_key(&ew->write->revision), ew);
}

/* --- no --- */

/* The event that ended the state a try was decided on. */
static const struct store_event *successor(struct etcd *e, const struct store_op *op)
{
	const struct history *h = &e->store->history;

	for (uint64_t s = history_after(h, op->previous_revision); s < h->next_sequence; s++) {
		const struct store_event *event = history_at(h, s);

		if (event->previous_revision == op->previous_revision &&
		    str_eq(event->key, op->key))
			return event;
	}
	return NULL;
}

/* An earlier try of a write whose answer was lost: the revision it has, or 0. */
static int64_t find_own(struct etcd_write *ew)
{
	struct etcd *e = ew->etcd;

	for (size_t i = 0; i < ew->write->op_count; i++) {
		const struct store_op *op = &ew->write->ops[i];
		const struct store_event *event = op->type == STORE_CHECK ? NULL : successor(e, op);
		AUTO_BLOB sealed = NULL, *same = NULL;

		if (!event)
			continue;
		if (op->type == STORE_DELETE)
			return event->type == STORE_DELETED ? event->revision : 0;
		sealed = op->sealed ? blob_ref(op->sealed) : blob_ref(op->value);
		same = store_unseal(e->store, op->key, sealed, event->revision, NULL);
		return same && event->type != STORE_DELETED &&
				       str_eq(blob_str(same), blob_str(event->value))
			       ? event->revision
			       : 0;
	}
	return 0;
}

static int judge(struct etcd_write *ew, struct err *err)
{
	struct etcd *e = ew->etcd;

	for (size_t i = 0; i < ew->write->op_count; i++) {
		const struct store_op *op = &ew->write->ops[i];

		if (op->expected_revision > STORE_REVISION_PENDING) {
			const struct store_entry *now = store_get(e->store, op->key);

			if ((now ? now->mod_revision : 0) != op->previous_revision)
				return err_set(err, ERR_CONFLICT,
					       "key '" STR_FMT "' was changed by somebody else",
					       STR_ARG(op->key));
		} else if (store_check_precondition(op, store_get(e->store, op->key), err) < 0) {
			return -1;
		}
	}
	return 0;
}

/* The newer state is known now. */
static void resolve(struct etcd_write *ew)
{
	struct etcd *e = ew->etcd;
	int64_t own = ew->is_repeated ? find_own(ew) : 0;
	struct err err;

	if (own) {
		landed(ew, own);
		return;
	}
	if (judge(ew, &err) < 0) {
		fail(ew, &err);
		return;
	}
	if (++ew->refuted_count > ETCD_REFUTED_MAX) {
		err_set(&err, ERR_CONFLICT, "others changed the key at every try");
		fail(ew, &err);
		return;
	}
	/* Without a precondition of the caller's, or the state is as wanted again. */
	for (size_t i = 0; i < ew->write->op_count; i++) {
		struct store_op *op = &ew->write->ops[i];
		const struct store_entry *now = store_get(e->store, op->key);

		op->previous_revision = now ? now->mod_revision : 0;
	}
	ew->is_repeated = false;
	set_state(ew, WRITE_READY);
	tick_soon(e);
	etcd_send_ready(e);
}

/* --- the transaction --- */

static void again(struct etcd_write *ew)
{
	ew->is_repeated = true;
	set_state(ew, WRITE_READY);
	tick_soon(ew->etcd);
}

static void on_txn(struct etcd_call *call, const void *message, const struct grpc_status *status)
{
	struct etcd_write *ew = CONTAINER_OF(call, struct etcd_write, call);
	const struct etcd_txn_answer *answer = message;
	struct etcd *e = ew->etcd;
	struct err err;

	if (!answer && status->code == GRPC_NOT_FOUND) { /* the lease is gone */
		e->lease.id = 0;
		again(ew);
	} else if (!answer && etcd_status_is_passing(status)) {
		again(ew);
	} else if (!answer) {
		(void)etcd_status_err(status, &err);
		fail(ew, &err);
	} else if (answer->succeeded) {
		e->refusal.code = ERR_NONE;
		landed(ew, answer->header ? answer->header->revision : 0);
	} else {
		ew->wanted = answer->header ? answer->header->revision : 0;
		set_state(ew, WRITE_REFUTED);
		if (ew->wanted <= e->store->revision)
			resolve(ew);
	}
	etcd_watch_release(e);
}

static struct str with_prefix(struct arena *arena, struct str prefix, struct str rest)
{
	char *key = arena_alloc(arena, prefix.len + rest.len);

	memcpy(key, prefix.ptr, prefix.len);
	memcpy(key + prefix.len, rest.ptr, rest.len);
	return str_sub(key, prefix.len + rest.len);
}

/* The key as etcd has it, in the arena unless it is the same. */
static struct str key_there(const struct etcd *e, struct arena *arena, struct str key)
{
	struct str rest = key;

	if (str_eq(e->options.prefix, e->options.local_prefix) ||
	    !str_strip_prefix(&rest, e->options.local_prefix))
		return key;
	return with_prefix(arena, e->options.prefix, rest);
}

bool etcd_key_here(const struct etcd *e, struct arena *arena, struct str *key)
{
	struct str rest = *key;

	if (!str_strip_prefix(&rest, e->options.prefix))
		return false;
	if (!str_eq(e->options.prefix, e->options.local_prefix))
		*key = with_prefix(arena, e->options.local_prefix, rest);
	return true;
}

bool etcd_awaits_answer(const struct etcd *e, struct str key)
{
	if (!omap_get(&e->store->pending, key))
		return false;
	LIST_FOR_EACH (link, &e->writes[WRITE_SENT]) {
		const struct store_write *w = LIST_ENTRY(link, struct etcd_write, link)->write;

		for (size_t i = 0; i < w->op_count; i++)
			if (w->ops[i].type != STORE_CHECK && str_eq(w->ops[i].key, key))
				return true;
	}
	return false;
}

static void send_write(struct etcd_write *ew)
{
	struct store_write *w = ew->write;
	struct etcd_compare *compare = mem_calloc(w->op_count, sizeof(*compare));
	struct etcd_request_op *success = mem_calloc(w->op_count, sizeof(*success));
	struct etcd_put *puts = mem_calloc(w->op_count, sizeof(*puts));
	struct etcd_delete *deletes = mem_calloc(w->op_count, sizeof(*deletes));
	struct etcd_txn txn = { .compare = compare, .success = success };
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, (size_t)STORE_OPS_MAX * STORE_KEY_BYTES_MAX * 4);
	for (size_t i = 0; i < w->op_count; i++) {
		const struct store_op *op = &w->ops[i];
		struct str key = key_there(ew->etcd, &arena, op->key);

		if (op->type != STORE_CHECK || op->expected_revision != STORE_REVISION_ANY)
			compare[txn.compare_count++] = (struct etcd_compare){
				.result = ETCD_EQUAL,
				.target = ETCD_MOD,
				.key = key,
				.mod_revision = op->previous_revision,
			};
		if (op->type == STORE_PUT) {
			puts[i] = (struct etcd_put){
				.key = key,
				.value = blob_str(op->sealed ? op->sealed : op->value),
				.lease = op->ttl_seconds > 0 ? ew->etcd->lease.id : 0
			};
			success[txn.success_count++].put = &puts[i];
		} else if (op->type == STORE_DELETE) {
			deletes[i] = (struct etcd_delete){ .key = key };
			success[txn.success_count++].delete_range = &deletes[i];
		}
	}
	set_state(ew, WRITE_SENT);
	ew->was_sent = true;
	ew->call.done = on_txn;
	etcd_link_call(&ew->etcd->link, &ew->call, ETCD_METHOD_TXN, &txn, ETCD_CALL_TIMEOUT_MS);
	mem_free(compare);
	mem_free(success);
	mem_free(puts);
	mem_free(deletes);
}

/* --- leases: one for the keys of a minute --- */

static void on_lease(struct etcd_call *call, const void *message, const struct grpc_status *status)
{
	struct etcd *e = CONTAINER_OF(call, struct etcd, lease.call);
	const struct etcd_lease_answer *answer = message;

	e->lease.is_asked = false;
	if (!answer) {
		tick_soon(e);
		return;
	}
	e->lease.id = answer->id;
	e->lease.use_count = 0;
	e->lease.expires_ns = env_mono_ns(e->link.env) + answer->ttl * TIME_NS_PER_SECOND;
	etcd_send_ready(e);
}

/* False: the write has to wait for it. */
static bool has_lease(struct etcd *e, const struct store_write *w)
{
	int64_t ttl_s = 0,
		left_s = (e->lease.expires_ns - env_mono_ns(e->link.env)) / TIME_NS_PER_SECOND;
	struct etcd_lease_grant request;

	for (size_t i = 0; i < w->op_count; i++)
		if (w->ops[i].type == STORE_PUT && w->ops[i].ttl_seconds > ttl_s)
			ttl_s = w->ops[i].ttl_seconds;
	if (!ttl_s)
		return true;
	/* Not too short, and not much too long for a key with a shorter life. */
	if (e->lease.id && left_s >= ttl_s && left_s <= ttl_s + LEASE_REUSE_S &&
	    e->lease.use_count++ < LEASE_USES_MAX)
		return true;
	if (e->lease.is_asked)
		return false;
	request = (struct etcd_lease_grant){ .ttl = ttl_s + LEASE_REUSE_S };
	e->lease.id = 0;
	e->lease.is_asked = true;
	e->lease.call.done = on_lease;
	etcd_link_call(&e->link, &e->lease.call, ETCD_METHOD_LEASE_GRANT, &request,
		       ETCD_CALL_TIMEOUT_MS);
	return false;
}

void etcd_send_ready(struct etcd *e)
{
	if (!e->link.is_up || !e->is_loaded || !e->is_known || e->lost.code || e->is_stopped)
		return;
	LIST_FOR_EACH (link, &e->writes[WRITE_READY]) {
		struct etcd_write *ew = LIST_ENTRY(link, struct etcd_write, link);

		if (has_lease(e, ew->write))
			send_write(ew);
	}
}

/* --- submitting --- */

static void unblock(struct etcd_write *ew, int64_t revision)
{
	struct list *link;
	bool any = false;

	while ((link = list_pop_front(&ew->dependents))) {
		struct etcd_edge *edge = LIST_ENTRY(link, struct etcd_edge, link);
		struct store_op *op = &edge->dependent->write->ops[edge->op_index];
		bool is_removed = false;

		for (size_t i = 0; i < ew->write->op_count; i++)
			if (str_eq(ew->write->ops[i].key, op->key))
				is_removed = ew->write->ops[i].type == STORE_DELETE;
		op->previous_revision = is_removed ? 0 : revision;
		if (--edge->dependent->blocked_count == 0) {
			set_state(edge->dependent, WRITE_READY);
			any = true;
		}
	}
	if (any)
		etcd_send_ready(ew->etcd);
}

static void etcd_submit(struct store *store, struct store_write *w)
{
	struct etcd *e = store->etcd;
	struct etcd_write *ew = NEW(struct etcd_write);

	ew->write = w;
	ew->etcd = e;
	ew->started_ns = env_mono_ns(e->link.env);
	ew->edges = mem_calloc(w->op_count, sizeof(*ew->edges));
	list_init(&ew->link);
	list_init(&ew->dependents);
	for (size_t i = 0; i < w->op_count; i++) {
		struct store_op *op = &w->ops[i];
		struct etcd_write *base = op->base_revision
						  ? map_get(&e->by_pending,
							    etcd_number_key(&op->base_revision))
						  : NULL;

		ew->edges[i] = (struct etcd_edge){ .dependent = ew, .op_index = i };
		list_init(&ew->edges[i].link);
		if (op->type == STORE_CHECK)
			op->previous_revision = op->expected_revision > 0 ? op->expected_revision
									  : 0;
		if (!base)
			continue;
		list_push_back(&base->dependents, &ew->edges[i].link);
		ew->blocked_count++;
	}
	map_put(&e->by_pending, etcd_number_key(&w->pending_revision), ew);
	list_push_back(&e->writes[WRITE_BLOCKED], &ew->link);
	if (!ew->blocked_count)
		set_state(ew, WRITE_READY);
	/* What it builds on has landed already. */
	for (size_t i = 0; i < w->op_count; i++) {
		struct etcd_write *base =
			w->ops[i].base_revision
				? map_get(&e->by_pending, etcd_number_key(&w->ops[i].base_revision))
				: NULL;

		if (base && base->state == WRITE_LANDED)
			unblock(base, base->write->revision);
	}
	if (e->link.is_up && ew->state == WRITE_READY)
		etcd_send_ready(e);
	tick_soon(e);
}

/* --- is it still the same cluster? --- */

/*
 * A backup brought back, or a member that lost its disk, would let revisions come again with other
 * contents: neither the index here nor what clients hold could be told from the truth. So nothing
 * is written or served on top of it; who starts anew reads what there is.
 */
static void lose(struct etcd *e, const struct etcd_header *header)
{
	struct grpc_call *watch = e->watch;

	err_set(&e->lost, ERR_UNAVAILABLE,
		"etcd is not the one that was read: cluster %llx is at revision %lld, cluster %llx "
		"was at %lld; if it was restored on purpose, restart this server",
		(unsigned long long)header->cluster_id, (long long)header->revision,
		(unsigned long long)e->cluster_id, (long long)e->resume_revision);
	log_error("etcd", "%s", e->lost.msg);
	e->watch = NULL;
	e->is_watching = false;
	if (watch)
		grpc_call_cancel(watch);
	tick_soon(e);
}

bool etcd_is_same(struct etcd *e, const struct etcd_header *header, int64_t at_least)
{
	if (e->lost.code)
		return false;
	if (!header)
		return true;
	if (!e->cluster_id)
		e->cluster_id = header->cluster_id;
	etcd_link_answered(&e->link);
	if (header->cluster_id == e->cluster_id && header->revision >= at_least)
		return true;
	lose(e, header);
	return false;
}

/* --- synchronising --- */

static void finish_sync(struct store_sync *sync, struct err *err)
{
	list_remove(&sync->link);
	sync->done(sync, err);
}

static void ask_sync(struct etcd *e);

/* etcd answers, but takes nothing from us: who we are, or what we may do, has changed there. */
static void refuse_syncs(struct etcd *e, const struct grpc_status *status)
{
	struct list *link;

	(void)etcd_status_err(status, &e->refusal);
	while ((link = list_first(&e->syncs_asked))) {
		struct err err = e->refusal;

		finish_sync(LIST_ENTRY(link, struct store_sync, link), &err);
	}
	tick_soon(e);
}

static void on_sync(struct etcd_call *call, const void *message, const struct grpc_status *status)
{
	struct etcd *e = CONTAINER_OF(call, struct etcd, sync_call);
	const struct etcd_range_answer *answer = message;
	struct list *link;

	if (!answer && !etcd_status_is_passing(status)) {
		refuse_syncs(e, status);
		return;
	}
	if (!answer || !answer->header) {
		while ((link = list_pop_front(&e->syncs_asked)))
			list_push_back(&e->syncs_next, link);
		tick_soon(e);
		return;
	}
	e->refusal.code = ERR_NONE;
	if (!etcd_is_same(e, answer->header, e->asked_revision)) {
		while ((link = list_pop_front(&e->syncs_asked)))
			list_push_back(&e->syncs_next, link);
		return;
	}
	if (!e->is_known) {
		e->is_known = true;
		etcd_send_ready(e);
	}
	while ((link = list_pop_front(&e->syncs_asked))) {
		LIST_ENTRY(link, struct store_sync, link)->revision = answer->header->revision;
		list_push_back(&e->syncs_waiting, link);
	}
	ask_sync(e);
	etcd_advanced(e);
}

/* One question at a time; who comes meanwhile waits for the next. */
static void ask_sync(struct etcd *e)
{
	struct etcd_range request = { .key = STR("cube"), .limit = 1, .count_only = true };
	struct list *link;

	if (!e->link.is_up || e->lost.code || e->sync_call.grpc ||
	    (list_is_empty(&e->syncs_next) && (e->is_known || !e->is_loaded)))
		return;
	while ((link = list_pop_front(&e->syncs_next)))
		list_push_back(&e->syncs_asked, link);
	e->asked_revision = e->resume_revision;
	e->sync_call.done = on_sync;
	etcd_link_call(&e->link, &e->sync_call, ETCD_METHOD_RANGE, &request, ETCD_CALL_TIMEOUT_MS);
}

static void etcd_sync(struct store *store, struct store_sync *sync)
{
	struct etcd *e = store->etcd;

	sync->started_ns = env_mono_ns(e->link.env);
	list_push_back(&e->syncs_next, &sync->link);
	ask_sync(e);
	tick_soon(e);
}

void etcd_advanced(struct etcd *e)
{
	int64_t revision = e->store->revision;
	struct list due, *link;

	list_init(&due);
	LIST_FOR_EACH (at, &e->syncs_waiting) {
		if (LIST_ENTRY(at, struct store_sync, link)->revision <= revision) {
			list_remove(at);
			list_push_back(&due, at);
		}
	}
	while ((link = list_first(&due)))
		finish_sync(LIST_ENTRY(link, struct store_sync, link), NULL);
	for (enum etcd_write_state state = WRITE_LANDED; state <= WRITE_REFUTED; state++) {
		LIST_FOR_EACH (at, &e->writes[state]) {
			if (LIST_ENTRY(at, struct etcd_write, link)->wanted <= revision) {
				list_remove(at);
				list_push_back(&due, at);
			}
		}
	}
	while ((link = list_first(&due))) {
		struct etcd_write *ew = LIST_ENTRY(link, struct etcd_write, link);

		if (ew->state == WRITE_REFUTED) {
			resolve(ew);
			continue;
		}
		(void)map_remove(&e->landed, etcd_number_key(&ew->write->revision));
		finish_seen(ew);
	}
}

/* --- time --- */

/* True: one of them, and what built on it, is gone; there may be more. */
static bool expire_one(struct etcd *e, enum etcd_write_state state)
{
	LIST_FOR_EACH (link, &e->writes[state]) {
		struct etcd_write *ew = LIST_ENTRY(link, struct etcd_write, link);
		struct err err;

		if (age_ms(e, ew->started_ns) < ETCD_WRITE_TIMEOUT_MS && !e->lost.code)
			continue;
		if (state == WRITE_LANDED) { /* it is written; its event will come by itself */
			(void)map_remove(&e->landed, etcd_number_key(&ew->write->revision));
			finish_seen(ew);
		} else if (e->lost.code) {
			err = e->lost;
			fail(ew, &err);
		} else if (ew->was_sent) {
			err_set(&err, ERR_TIMEOUT,
				"etcd did not answer in time: the write may have happened or not");
			fail(ew, &err);
		} else {
			err_set(&err, ERR_UNAVAILABLE, "etcd is not reachable: %s",
				e->link.why.msg);
			fail(ew, &err);
		}
		return true;
	}
	return false;
}

static void expire_writes(struct etcd *e, enum etcd_write_state state)
{
	while (expire_one(e, state))
		;
}

static void on_tick(struct timer *timer)
{
	struct etcd *e = CONTAINER_OF(timer, struct etcd, tick);
	struct list *link;
	struct err err;
	bool is_busy;

	if (e->link.is_up && !e->is_loaded && !e->lost.code)
		etcd_load(e);
	else if (e->link.is_up && !e->watch && !e->is_loading)
		etcd_watch_start(e);
	ask_sync(e);
	etcd_send_ready(e);
	while ((link = list_first(&e->syncs_next)) || (link = list_first(&e->syncs_waiting))) {
		struct store_sync *sync = LIST_ENTRY(link, struct store_sync, link);

		if (e->lost.code) {
			err = e->lost;
			finish_sync(sync, &err);
			continue;
		}
		if (age_ms(e, sync->started_ns) < ETCD_CALL_TIMEOUT_MS)
			break;
		err_set(&err, ERR_TIMEOUT, "etcd did not answer in time: %s", e->link.why.msg);
		finish_sync(sync, &err);
	}
	expire_writes(e, WRITE_READY);
	expire_writes(e, WRITE_LANDED);
	expire_writes(e, WRITE_REFUTED);
	is_busy = (!e->lost.code && (!e->is_loaded || !e->watch || !e->is_known)) || !list_is_empty(&e->syncs_next) ||
		  !list_is_empty(&e->syncs_asked) || !list_is_empty(&e->syncs_waiting);
	for (size_t i = 0; i < ARRAY_COUNT(e->writes); i++)
		is_busy |= !list_is_empty(&e->writes[i]);
	if (is_busy)
		tick_soon(e);
}

static void on_reopen(struct timer *timer)
{
	struct etcd *e = CONTAINER_OF(timer, struct etcd, reopen);

	if (e->is_loading)
		etcd_load_again(e);
	else
		etcd_watch_release(e);
}

static void on_up(struct etcd_link *link)
{
	struct etcd *e = CONTAINER_OF(link, struct etcd, link);

	if (e->lost.code)
		return;
	if (!e->is_loaded) {
		etcd_load(e);
	} else {
		etcd_watch_start(e);
		ask_sync(e);
		etcd_send_ready(e);
	}
	tick_soon(e);
}

static void on_down(struct etcd_link *link)
{
	struct etcd *e = CONTAINER_OF(link, struct etcd, link);

	e->lease.id = 0;
	e->is_known = false;
	if (!e->is_opened)
		e->opening_err = link->why;
	tick_soon(e);
}

/* --- opening and closing --- */

void etcd_opened(struct etcd *e, struct err *err)
{
	if (e->is_opened)
		return;
	e->is_opened = true;
	timer_stop(&e->opening);
	etcd_compact_start(e);
	e->options.opened(e->options.arg, err);
}

static void on_opening_timeout(struct timer *timer)
{
	struct etcd *e = CONTAINER_OF(timer, struct etcd, opening);
	struct err err = e->opening_err;

	if (!err.code)
		err_set(&err, ERR_TIMEOUT, "it did not answer");
	(void)err_wrap(&err, "no etcd within %d s", ETCD_OPEN_TIMEOUT_MS / 1000);
	etcd_opened(e, &err);
}

static int etcd_health(const struct store *store, struct err *err)
{
	const struct etcd *e = store->etcd;

	if (e->lost.code)
		return err_set(err, e->lost.code, "%s", e->lost.msg);
	if (e->refusal.code)
		return err_set(err, e->refusal.code, "%s", e->refusal.msg);
	if (e->link.is_up && e->is_watching)
		return 0;
	return err_set(err, ERR_UNAVAILABLE, "etcd is not reachable: %s",
		       e->link.why.code ? e->link.why.msg : "the watch is not established");
}

static void etcd_stop(struct store *store, bool reports)
{
	struct etcd *e = store->etcd;
	struct list *link;
	struct err err;

	e->is_stopped = true;
	timer_stop(&e->tick);
	timer_stop(&e->opening);
	err_set(&err, ERR_CLOSED, "the store is closing: the write may have happened or not");
	for (int state = WRITE_REFUTED; state >= WRITE_BLOCKED; state--) {
		while ((link = list_first(&e->writes[state]))) {
			struct etcd_write *ew = LIST_ENTRY(link, struct etcd_write, link);

			if (!reports) {
				while (list_pop_front(&ew->dependents))
					;
				store_forget_pending(store, ew->write);
				for (size_t i = 0; i < ew->write->op_count; i++) {
					struct store_op *op = &ew->write->ops[i];

					blob_unref(op->value);
					blob_unref(op->previous);
					blob_unref(op->sealed);
					op->value = op->previous = op->sealed = NULL;
				}
				free_write(ew);
			} else if (state == WRITE_LANDED) {
				finish_seen(ew);
			} else {
				fail(ew, &err);
			}
		}
	}
	while (reports &&
	       ((link = list_first(&e->syncs_asked)) || (link = list_first(&e->syncs_next)) ||
		(link = list_first(&e->syncs_waiting))))
		finish_sync(LIST_ENTRY(link, struct store_sync, link), &err);
	etcd_call_drop(&e->lease.call);
	etcd_call_drop(&e->sync_call);
	etcd_call_drop(&e->page_call);
	etcd_compact_stop(e);
	etcd_link_deinit(&e->link);
	etcd_load_stop(e);
	etcd_watch_forget(e);
}

static void etcd_free(struct store *store)
{
	struct etcd *e = store->etcd;

	map_deinit(&e->by_pending);
	map_deinit(&e->landed);
	omap_deinit(&e->unreadable);
	arena_deinit(&e->watch_arena);
	mem_free((void *)e->options.prefix.ptr);
	mem_free((void *)e->options.local_prefix.ptr);
	mem_free(e);
}

static const struct store_remote remote = {
	.submit = etcd_submit,
	.sync = etcd_sync,
	.health = etcd_health,
	.stop = etcd_stop,
	.free = etcd_free,
};

int store_open_etcd(struct env *env, const struct store_etcd_options *options,
		    const struct store_options *store_options, struct store **ret_store,
		    struct err *err)
{
	struct store *store;
	struct etcd *e;

	if (!options->endpoint_count || !options->prefix.len)
		return err_set(err, ERR_INVALID, "etcd: no endpoint, or no prefix");
	for (size_t i = 0; i < options->endpoint_count; i++)
		if (options->endpoints[i].is_tls && !options->tls)
			return err_set(err, ERR_INVALID,
				       "etcd: an endpoint with TLS, and no authority to trust");
	store = store_new(env, store_options);
	e = NEW(struct etcd);
	store->remote = &remote;
	store->etcd = e;
	e->store = store;
	e->options = *options;
	e->options.endpoints = NULL;
	e->options.prefix = str_dup(options->prefix);
	e->options.local_prefix =
		str_dup(options->local_prefix.len ? options->local_prefix : options->prefix);
	for (size_t i = 0; i < ARRAY_COUNT(e->writes); i++)
		list_init(&e->writes[i]);
	list_init(&e->held);
	list_init(&e->syncs_next);
	list_init(&e->syncs_asked);
	list_init(&e->syncs_waiting);
	map_init(&e->by_pending);
	map_init(&e->landed);
	omap_init(&e->unreadable);
	arena_init(&e->watch_arena, (size_t)GRPC_MESSAGE_BYTES_MAX * 4);
	timer_init(&e->tick, env, on_tick);
	timer_init(&e->reopen, env, on_reopen);
	timer_init(&e->opening, env, on_opening_timeout);
	timer_start(&e->opening, ETCD_OPEN_TIMEOUT_MS);
	store->revision = 1;
	store->next_revision = STORE_REVISION_PENDING + 1;
	history_init(&store->history, store->options.history_events_max,
		     store->options.history_bytes_max, 1);
	hub_init(&store->hub);
	etcd_link_init(&e->link, env, options);
	etcd_compact_init(e);
	e->link.on_up = on_up;
	e->link.on_down = on_down;
	etcd_link_start(&e->link);
	*ret_store = store;
	return 0;
}
