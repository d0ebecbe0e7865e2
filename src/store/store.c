/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's loop side: a write is checked against the pending state, gets its revision and its bytes, waits for its
 * commit, is applied to the index and handed to the watchers, and only then reported done. Pending entries exist
 * exactly for the keys of writes that are not committed yet; when a commit fails they are rebuilt from those that are
 * left.
 */
#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/internal.h"

/* What a write costs beside its values, for the limits. */
#define WRITE_BYTES 256

/* --- index --- */

/* Gives up what the entry holds. */
static void index_empty(struct store *store, struct str key, struct live_entry *live)
{
	store->size_bytes -= unread_len(store, live);
	if (live->entry.expires_wall_s)
		expiry_remove(store, key, live);
	unread_drop(store, live);
	blob_unref(live->entry.value);
}

static struct live_entry *index_put(struct store *store, struct str key)
{
	struct live_entry *live = omap_get(&store->index, key);

	if (live) {
		index_empty(store, key, live);
		return live;
	}
	live = NEW(struct live_entry);
	omap_put(&store->index, key, live);
	store->size_bytes += key.len;
	return live;
}

static void index_fill(struct store *store, struct str key, struct live_entry *live, const struct store_entry *entry,
		       uint64_t id)
{
	live->entry = *entry;
	live->id = id;
	blob_ref(entry->value);
	store->size_bytes += unread_len(store, live);
	if (entry->expires_wall_s)
		expiry_add(store, key, live);
}

static void index_set(struct store *store, struct str key, const struct store_entry *entry, uint64_t id)
{
	index_fill(store, key, index_put(store, key), entry, id);
	store_unreadable_forget(store, key);
}

/* When it is not there; NULL when it is. */
static struct live_entry *index_add(struct store *store, struct str key)
{
	struct live_entry *live = NEW(struct live_entry), *there = omap_put(&store->index, key, live);

	if (there) {
		(void)omap_put(&store->index, key, there); /* again: gives back the new one */
		mem_free(live);
		return NULL;
	}
	store->size_bytes += key.len;
	return live;
}

static void index_remove(struct store *store, struct str key)
{
	struct live_entry *live = omap_get(&store->index, key);

	ASSERT(live);
	index_empty(store, key, live);
	store->size_bytes -= key.len;
	omap_remove(&store->index, key);
	mem_free(live);
}

void store_index_put(struct store *store, struct str key, const struct store_entry *entry)
{
	index_set(store, key, entry, store->next_id++);
}

void store_index_remove(struct store *store, struct str key)
{
	index_remove(store, key);
}

struct blob *store_seal(struct store *store, struct str key, struct blob *value, struct err *err)
{
	return store->options.seal ? store->options.seal(store->options.arg, key, value, err) : blob_ref(value);
}

struct blob *store_unseal(struct store *store, struct str key, struct blob *sealed, int64_t revision, struct err *err)
{
	if (!store->options.open)
		return blob_ref(sealed);
	return store->options.open(store->options.arg, key, sealed, revision, err);
}

struct blob *store_revise(struct store *store, struct str key, struct blob *value, int64_t revision)
{
	AUTO_BLOB sealed = NULL;

	if (store->options.revise)
		return store->options.revise(store->options.arg, key, value, revision);
	sealed = store_seal(store, key, value, NULL);
	return sealed ? store_unseal(store, key, sealed, revision, NULL) : NULL;
}

/* --- pending state --- */

static void pending_set(struct store *store, const struct store_op *op)
{
	struct pending_entry *pending;

	if (op->type == STORE_CHECK)
		return;
	pending = omap_get(&store->pending, op->key);
	if (pending) {
		blob_unref(pending->entry.value);
	} else {
		pending = NEW(struct pending_entry);
		omap_put(&store->pending, op->key, pending);
	}
	pending->entry = (struct store_entry){
		.value = blob_ref(op->value),
		.create_revision = op->create_revision,
		.mod_revision = op->mod_revision,
		.version = op->version,
		.expires_wall_s = op->expires_wall_s,
	};
	pending->id = op->id;
	pending->is_deleted = op->type == STORE_DELETE;
}

static void pending_free(struct pending_entry *pending)
{
	blob_unref(pending->entry.value);
	mem_free(pending);
}

static void pending_clear(struct store *store)
{
	struct str key;
	void *pending;

	while (omap_at_least(&store->pending, STR(""), &key, &pending)) {
		omap_remove(&store->pending, key);
		pending_free(pending);
	}
}

/* --- submitting --- */

static int check_limits(struct store *store, const struct store_write *w, struct err *err)
{
	if (store->is_closing)
		return err_set(err, ERR_CLOSED, "the store is closing");
	if (store->waiting_count >= STORE_WAITING_WRITES_MAX || store->waiting_bytes >= STORE_WAITING_BYTES_MAX)
		return err_set(err, ERR_TOO_MANY, "too many writes are waiting for the disk");
	if (w->op_count > STORE_OPS_MAX)
		return err_set(err, ERR_TOO_LARGE, "a write of %zu operations: at most %d", w->op_count, STORE_OPS_MAX);
	for (size_t i = 0; i < w->op_count; i++) {
		if (!w->ops[i].key.len || w->ops[i].key.len > STORE_KEY_BYTES_MAX)
			return err_set(err, ERR_TOO_LARGE, "a key of %zu bytes: must have 1 to %d", w->ops[i].key.len,
				       STORE_KEY_BYTES_MAX);
	}
	return 0;
}

static int check_distinct(const struct store_write *w, struct err *err)
{
	struct omap keys;
	bool is_distinct = true;

	if (w->op_count < 2)
		return 0;
	omap_init(&keys);
	for (size_t i = 0; i < w->op_count && is_distinct; i++)
		is_distinct = omap_put(&keys, w->ops[i].key, &w->ops[i]) == NULL;
	omap_deinit(&keys);
	return is_distinct ? 0 : err_set(err, ERR_INVALID, "duplicate key given in txn request");
}

int store_check_precondition(const struct store_op *op, const struct store_entry *now, struct err *err)
{
	int64_t expected = op->expected_revision;

	if (!now && (op->type == STORE_DELETE || expected > 0))
		return err_set(err, ERR_NOT_FOUND, "key '" STR_FMT "' not found", STR_ARG(op->key));
	if (now && expected == STORE_REVISION_NONE)
		return err_set(err, ERR_EXISTS, "key '" STR_FMT "' already exists", STR_ARG(op->key));
	if (now && expected > 0 && expected != now->mod_revision)
		return err_set(err, ERR_CONFLICT, "key '" STR_FMT "' has revision %lld, not %lld", STR_ARG(op->key),
			       (long long)now->mod_revision, (long long)expected);
	return 0;
}

/* Fills in what the op becomes. On failure it holds no references. */
static int prepare_op(struct store *store, struct store_op *op, int64_t revision, struct err *err)
{
	const struct pending_entry *pending = store->pending.count ? omap_get(&store->pending, op->key) : NULL;
	const struct live_entry *live = pending ? NULL : omap_get(&store->index, op->key);
	const struct store_entry *now = store_get_pending(store, op->key);

	/* In case encode does not say. */
	err_set(err, ERR_INTERNAL, "encoding of '" STR_FMT "' failed", STR_ARG(op->key));
	op->value = op->encode ? op->encode(op, revision, err) : NULL;
	if (!op->value && op->type == STORE_PUT)
		return -1;
	if (op->value && op->value->len > STORE_VALUE_BYTES_MAX) {
		err_set(err, ERR_TOO_LARGE, "value of '" STR_FMT "' has %u bytes: at most %u", STR_ARG(op->key),
			op->value->len, STORE_VALUE_BYTES_MAX);
		blob_unref(op->value);
		op->value = NULL;
		return -1;
	}
	op->sealed = op->type == STORE_PUT && store->options.seal ? store_seal(store, op->key, op->value, err) : NULL;
	if (op->type == STORE_PUT && store->options.seal && !op->sealed) {
		blob_unref(op->value);
		op->value = NULL;
		return -1;
	}
	op->previous = now ? blob_ref(now->value) : NULL;
	if (!op->value)
		op->value = blob_ref(op->previous);
	op->previous_revision = now ? now->mod_revision : 0;
	op->base_revision = pending ? pending->entry.mod_revision : 0;
	op->mod_revision = revision;
	op->create_revision = now ? now->create_revision : revision;
	op->version = now ? now->version + (op->type == STORE_PUT) : 1;
	op->expires_wall_s = 0;
	if (op->type == STORE_PUT && op->ttl_seconds > 0)
		op->expires_wall_s = env_wall_ns(store->env) / TIME_NS_PER_SECOND + op->ttl_seconds;
	op->id = now ? (pending ? pending->id : live->id) : store->next_id++;
	return 0;
}

static void drop_values(struct store_op *op)
{
	blob_unref(op->value);
	blob_unref(op->previous);
	blob_unref(op->sealed);
	op->value = op->previous = op->sealed = NULL;
}

static int prepare(struct store *store, struct store_write *w, struct err *err)
{
	int64_t revision = store->next_revision;

	for (size_t i = 0; i < w->op_count; i++) {
		struct store_op *op = &w->ops[i];

		if (store_check_precondition(op, store_get_pending(store, op->key), err) < 0)
			return -1;
		if (store_check_readable(store, op->key, err) < 0)
			return op->expected_revision == STORE_REVISION_NONE
				       ? err_set(err, ERR_EXISTS, "key '" STR_FMT "' exists", STR_ARG(op->key))
				       : -1;
	}
	w->size_bytes = WRITE_BYTES;
	for (size_t i = 0; i < w->op_count; i++) {
		struct store_op *op = &w->ops[i];

		op->value = op->previous = op->sealed = NULL;
		if (op->type == STORE_CHECK) {
			const struct pending_entry *base = omap_get(&store->pending, op->key);

			op->base_revision = base ? base->entry.mod_revision : 0;
			continue;
		}
		if (prepare_op(store, op, revision, err) < 0) {
			while (i > 0)
				drop_values(&w->ops[--i]);
			return -1;
		}
		w->size_bytes += op->key.len + (op->type == STORE_PUT ? op->value->len : 0);
		if (w->size_bytes <= STORE_WRITE_BYTES_MAX)
			continue;
		for (size_t k = 0; k <= i; k++)
			drop_values(&w->ops[k]);
		return err_set(err, ERR_TOO_LARGE, "a write of more than %zu bytes", STORE_WRITE_BYTES_MAX);
	}
	return 0;
}

static void on_refuse(struct task *task)
{
	struct store *store = CONTAINER_OF(task, struct store, refuse);
	struct list turn, *link;

	list_init(&turn);
	while ((link = list_pop_front(&store->refused)))
		list_push_back(&turn, link);
	while ((link = list_pop_front(&turn))) {
		struct store_write *w = LIST_ENTRY(link, struct store_write, link);
		struct err err = w->err;

		w->done(w, 0, &err);
	}
}

static void refuse(struct store *store, struct store_write *w)
{
	list_push_back(&store->refused, &w->link);
	env_defer(store->env, &store->refuse);
}

void store_set_observer(struct store *store, void (*observe)(void *arg, int64_t duration_ns, bool failed), void *arg)
{
	store->observe = observe;
	store->observe_arg = arg;
}

void store_submit(struct store *store, struct store_write *w)
{
	if (store->is_dead)
		return;
	ASSERT(w->done && w->op_count > 0);
	memset(&w->err, 0, sizeof(w->err));
	list_init(&w->link);
	if (check_limits(store, w, &w->err) < 0 || check_distinct(w, &w->err) < 0 || prepare(store, w, &w->err) < 0) {
		refuse(store, w);
		return;
	}
	w->err.code = ERR_NONE;
	w->revision = w->pending_revision = store->next_revision++;
	for (size_t i = 0; i < w->op_count; i++)
		pending_set(store, &w->ops[i]);
	w->started_ns = env_mono_ns(store->env);
	store->waiting_count++;
	store->waiting_bytes += w->size_bytes;
	if (store->remote)
		store->remote->submit(store, w);
	else
		commit_submit(store->commit, w);
}

/* --- after the commit --- */

/* Calls done, with the values alive until it returned; the write may be gone by then. */
static void report(struct store *store, struct store_write *w, struct err *err)
{
	size_t op_count = w->op_count;
	struct blob *few[2], **held = op_count == 1 ? few : mem_calloc(op_count, 2 * sizeof(*held));

	store->waiting_count--;
	store->waiting_bytes -= w->size_bytes;
	if (store->observe)
		store->observe(store->observe_arg, env_mono_ns(store->env) - w->started_ns, err != NULL);
	for (size_t i = 0; i < op_count; i++) {
		held[i * 2] = w->ops[i].value;
		held[i * 2 + 1] = w->ops[i].previous;
		blob_unref(w->ops[i].sealed);
		w->ops[i].sealed = NULL;
		if (err)
			w->ops[i].value = w->ops[i].previous = NULL;
	}
	w->done(w, err ? 0 : w->revision, err);
	for (size_t i = 0; i < op_count * 2; i++)
		blob_unref(held[i]);
	if (held != few)
		mem_free(held);
}

static void apply(struct store *store, const struct store_write *w)
{
	for (size_t i = 0; i < w->op_count; i++) {
		const struct store_op *op = &w->ops[i];
		struct pending_entry *pending = omap_get(&store->pending, op->key);
		struct store_entry entry = {
			.value = op->value,
			.create_revision = op->create_revision,
			.mod_revision = w->revision,
			.version = op->version,
			.expires_wall_s = op->expires_wall_s,
		};

		if (op->type == STORE_CHECK)
			continue;
		if (op->type == STORE_PUT)
			index_set(store, op->key, &entry, op->id);
		else
			index_remove(store, op->key);
		if (store->options.written)
			store->options.written(store->options.arg, op->key, op->type == STORE_PUT ? op->sealed : NULL);
		ASSERT(pending || store->remote); /* a later write that failed may have taken it away */
		if (pending && pending->entry.mod_revision == w->pending_revision) {
			omap_remove(&store->pending, op->key);
			pending_free(pending);
		}
	}
	store->revision = w->revision;
}

static void publish(struct store *store, const struct store_write *w)
{
	for (size_t i = 0; i < w->op_count; i++) {
		const struct store_op *op = &w->ops[i];
		struct store_event event = {
			.type = op->type == STORE_DELETE ? STORE_DELETED : op->previous ? STORE_UPDATED : STORE_CREATED,
			.key = op->key,
			.value = op->value,
			.previous = op->previous,
			.revision = w->revision,
			.create_revision = op->create_revision,
			.previous_revision = op->previous_revision,
			.version = op->version,
		};

		if (op->type != STORE_CHECK)
			hub_publish(store, &event);
	}
}

void store_finish(struct store *store, struct store_write *w)
{
	store->is_publishing = true;
	apply(store, w);
	publish(store, w);
	report(store, w, NULL);
	store->is_publishing = false;
}

void store_report(struct store *store, struct store_write *w, struct err *err)
{
	report(store, w, err);
}

void store_forget_pending(struct store *store, const struct store_write *w)
{
	for (size_t i = 0; i < w->op_count; i++) {
		struct pending_entry *pending = omap_get(&store->pending, w->ops[i].key);

		if (w->ops[i].type == STORE_CHECK || !pending ||
		    pending->entry.mod_revision != w->pending_revision)
			continue;
		omap_remove(&store->pending, w->ops[i].key);
		pending_free(pending);
	}
}

static bool depends_on(const struct store_write *w, const int64_t *revisions, size_t count)
{
	for (size_t i = 0; i < w->op_count; i++) {
		size_t low = 0, high = count;

		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (revisions[middle] < w->ops[i].base_revision)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < count && revisions[low] == w->ops[i].base_revision)
			return true;
	}
	return false;
}

/* Moves queued writes that build on failed ones behind those, and rebuilds the pending state from the rest. */
static void fail_dependents(struct store *store, struct list *failed)
{
	int64_t *revisions = mem_calloc(store->waiting_count + 1, sizeof(*revisions));
	struct list *queue = commit_queue(store->commit);
	size_t count = 0;

	LIST_FOR_EACH(link, failed)
		revisions[count++] = LIST_ENTRY(link, struct store_write, link)->revision;
	pending_clear(store);
	LIST_FOR_EACH(link, queue) {
		struct store_write *w = LIST_ENTRY(link, struct store_write, link);

		if (depends_on(w, revisions, count)) {
			revisions[count++] = w->revision;
			list_remove(link);
			list_push_back(failed, link);
			continue;
		}
		for (size_t i = 0; i < w->op_count; i++)
			pending_set(store, &w->ops[i]);
	}
	mem_free(revisions);
}

/* Once when writing begins to fail and once when it works again, however many writes are tried in between. */
static void report_health(struct store *store, bool is_failing, const struct err *err)
{
	if (is_failing)
		store->failure = *err;
	if (store->is_failing == is_failing)
		return;
	store->is_failing = is_failing;
	if (is_failing)
		log_error("store", "writes fail: %s", err->msg);
	else
		log_info("store", "writes succeed again");
}

void store_on_committed(struct store *store)
{
	struct list done, failed, *link;
	struct err err;

	commit_take(store->commit, &done, &failed, &err);
	store->is_publishing = true;
	if (!list_is_empty(&done))
		report_health(store, false, &err);
	while ((link = list_pop_front(&done))) {
		struct store_write *w = LIST_ENTRY(link, struct store_write, link);

		apply(store, w);
		publish(store, w);
		report(store, w, NULL);
	}
	if (!list_is_empty(&failed)) {
		report_health(store, true, &err);
		fail_dependents(store, &failed);
		commit_resume(store->commit);
	}
	while ((link = list_pop_front(&failed))) {
		struct err copy = err;

		report(store, LIST_ENTRY(link, struct store_write, link), &copy);
	}
	store->is_publishing = false;
}

void store_on_crashed(struct store *store)
{
	store->is_dead = true;
	timer_stop(&store->expiry.timer);
	env_cancel(store->env, &store->refuse);
	env_cancel(store->env, &store->hub.replay);
	if (store->backend->ops->crashed)
		store->backend->ops->crashed(store->backend);
}

/* --- opening and closing --- */

/* Whether its bytes are the value. */
static bool is_clear(const struct store *store, const struct store_record *record)
{
	const struct store_options *options = &store->options;

	return !options->open || (options->is_clear && options->is_clear(options->arg, record->key, record->value));
}

/* NULL, without an error, when what it takes is being fetched. */
static int open_record(struct store *store, const struct store_record *record, struct blob **ret, struct err *err)
{
	AUTO_BLOB sealed = blob_new(record->value);
	struct err why = { 0 };

	*ret = store_unseal(store, record->key, sealed, record->mod_revision, &why);
	if (!*ret && why.code == ERR_UNAVAILABLE) {
		store->opening = why; /* the others say what they need as well */
		return 0;
	}
	if (!*ret && err)
		*err = why;
	return *ret ? 0 : -1;
}

static int on_record(void *arg, const struct store_record *record, struct err *err)
{
	struct store *store = arg;
	struct store_entry entry = {
		.create_revision = record->create_revision,
		.mod_revision = record->mod_revision,
		.version = record->version,
		.expires_wall_s = record->expires_wall_s,
	};
	bool is_left = record->stays && is_clear(store, record);
	AUTO_BLOB value = NULL;
	struct live_entry *live;

	if (!is_left && open_record(store, record, &value, err) < 0)
		return -1;
	if (!is_left && !value)
		return 0;
	live = index_add(store, record->key);
	if (!live)
		return err_set(err, ERR_INTERNAL, "key '" STR_FMT "' is there twice", STR_ARG(record->key));
	entry.value = value;
	if (is_left)
		unread_add(store, live, record->value);
	index_fill(store, record->key, live, &entry, record->id);
	if (record->id >= store->next_id)
		store->next_id = record->id + 1;
	return 0;
}

static void free_store(struct store *store)
{
	struct str key;
	void *live;

	env_cancel(store->env, &store->refuse);
	if (store->sync.fn)
		env_cancel(store->env, &store->sync);
	pending_clear(store);
	omap_deinit(&store->pending);
	unreadable_clear(&store->unreadable);
	omap_deinit(&store->unreadable);
	while (omap_at_least(&store->index, STR(""), &key, &live))
		index_remove(store, key);
	omap_deinit(&store->index);
	unread_deinit(store);
	expiry_deinit(store);
	compaction_deinit(store);
	history_deinit(&store->history);
	if (store->remote)
		store->remote->free(store);
	else
		store->backend->ops->close(store->backend);
	mem_free(store);
}

struct store *store_new(struct env *env, const struct store_options *options)
{
	struct store *store = NEW(struct store);

	store->env = env;
	if (options)
		store->options = *options;
	omap_init(&store->index);
	omap_init(&store->pending);
	omap_init(&store->unreadable);
	list_init(&store->refused);
	task_init(&store->refuse, on_refuse);
	store->next_id = 1;
	unread_init(store);
	expiry_init(store);
	compaction_init(store);
	return store;
}

int store_start(struct env *env, struct store_backend *backend, const struct store_options *options,
		struct store **ret_store, struct err *err)
{
	struct store *store = store_new(env, options);

	store->backend = backend;
	unread_begin(store);
	if (backend->ops->load(backend, on_record, store, &store->revision, err) < 0) {
		free_store(store);
		return -1;
	}
	if (store->opening.code) {
		if (err)
			*err = store->opening;
		free_store(store);
		return -1;
	}
	store->next_revision = store->revision + 1;
	history_init(&store->history, store->options.history_events_max, store->options.history_bytes_max,
		     store->revision);
	hub_init(&store->hub);
	store->commit = commit_new(store, backend);
	*ret_store = store;
	return 0;
}

void store_close(struct store *store)
{
	struct err err;

	if (!store)
		return;
	ASSERT(!store->is_publishing && !store->is_dead);
	store->is_closing = true;
	unread_finish(store); /* or the last commits would wait for it */
	if (store->remote) {
		store->remote->stop(store, true);
	} else {
		commit_stop(store->commit, true);
		/* Again after a failure: what did not depend on it is still to be committed, in vain or not. */
		for (store_on_committed(store); store->waiting_count; store_on_committed(store))
			commit_drain(store->commit);
	}
	while (!list_is_empty(&store->refused))
		on_refuse(&store->refuse);
	err_set(&err, ERR_CLOSED, "the store is closed");
	hub_deinit(store, &err);
	while (!list_is_empty(&store->refused))
		on_refuse(&store->refuse);
	if (!store->remote)
		commit_free(store->commit);
	free_store(store);
}

static void forget_writes(struct list *writes)
{
	struct list *link;

	while ((link = list_pop_front(writes))) {
		struct store_write *w = LIST_ENTRY(link, struct store_write, link);

		for (size_t i = 0; i < w->op_count; i++)
			drop_values(&w->ops[i]);
		expiry_forget(w);
	}
}

void store_abandon(struct store *store)
{
	struct list done, failed;
	struct err err;

	if (!store)
		return;
	ASSERT(!store->is_publishing);
	store->is_dead = true;
	unread_finish(store);
	if (store->remote) {
		store->remote->stop(store, false);
	} else {
		commit_stop(store->commit, false);
		commit_take(store->commit, &done, &failed, &err);
		forget_writes(&done);
		forget_writes(&failed);
		forget_writes(commit_queue(store->commit));
		commit_free(store->commit);
	}
	forget_writes(&store->refused);
	hub_deinit(store, NULL);
	free_store(store);
}
