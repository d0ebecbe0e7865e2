/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys with a time to live, ordered by deadline, one slack timer for the earliest. An expired key is deleted by an
 * ordinary write of the store's own, on the condition that nobody changed it meanwhile.
 */
#include <endian.h>
#include "base/mem.h"
#include "base/time.h"
#include "store/internal.h"

#define RETRY_MS 10000
#define LOOK_AGAIN_S 3600 /* the wall clock may have been set meanwhile */

struct removal {
	struct store_write write;
	struct store_op op;
	struct store *store;
	char key[];
};

static void on_timer(struct timer *timer);

void expiry_init(struct store *store)
{
	omap_init(&store->expiry.keys);
	timer_init(&store->expiry.timer, store->env, on_timer);
}

void expiry_deinit(struct store *store)
{
	timer_stop(&store->expiry.timer);
	omap_deinit(&store->expiry.keys);
}

/* The deadline in front makes bytewise order the order in time. */
static struct str deadline_key(struct str key, int64_t expires_wall_s, char to[8 + STORE_KEY_BYTES_MAX])
{
	uint64_t big_endian = htobe64((uint64_t)expires_wall_s);

	memcpy(to, &big_endian, 8);
	memcpy(to + 8, key.ptr, key.len);
	return str_sub(to, 8 + key.len);
}

static int64_t key_deadline(struct str key)
{
	uint64_t big_endian;

	memcpy(&big_endian, key.ptr, sizeof(big_endian));
	return (int64_t)be64toh(big_endian);
}

static int64_t wall_s(struct store *store)
{
	return env_wall_ns(store->env) / TIME_NS_PER_SECOND;
}

static void arm(struct store *store)
{
	int64_t delay_s;
	struct str first;
	void *live;

	if (!omap_at_least(&store->expiry.keys, STR(""), &first, &live)) {
		timer_stop(&store->expiry.timer);
		return;
	}
	delay_s = key_deadline(first) - wall_s(store);
	if (delay_s > LOOK_AGAIN_S)
		delay_s = LOOK_AGAIN_S;
	timer_start_slack(&store->expiry.timer, delay_s > 0 ? delay_s * 1000 : 0, STORE_EXPIRE_SLACK_MS);
}

void expiry_add(struct store *store, struct str key, struct live_entry *live)
{
	char bytes[8 + STORE_KEY_BYTES_MAX];
	struct str first, added = deadline_key(key, live->entry.expires_wall_s, bytes);
	void *value;

	omap_put(&store->expiry.keys, added, live);
	if (omap_at_least(&store->expiry.keys, STR(""), &first, &value) && str_eq(first, added))
		arm(store);
}

void expiry_remove(struct store *store, struct str key, const struct live_entry *live)
{
	char bytes[8 + STORE_KEY_BYTES_MAX];

	/* The timer may now be early; it looks again when it fires. */
	omap_remove(&store->expiry.keys, deadline_key(key, live->entry.expires_wall_s, bytes));
}

static struct blob *encode_last(struct store_op *op, int64_t revision, struct err *err)
{
	const struct store *store = CONTAINER_OF(op, struct removal, op)->store;
	const struct store_entry *entry = store_get_pending(store, op->key);

	if (!store->options.expired)
		return NULL;
	return store->options.expired(store->options.arg, op->key, entry->value, revision);
}

static void on_removed(struct store_write *write, int64_t revision, struct err *err)
{
	struct removal *r = CONTAINER_OF(write, struct removal, write);
	struct live_entry *live = err ? omap_get(&r->store->index, r->op.key) : NULL;

	/* It could not be made durable: try again later. Changed meanwhile: the change has put it where it belongs. */
	if (live && live->entry.mod_revision == r->op.expected_revision && !r->store->is_closing) {
		expiry_add(r->store, r->op.key, live);
		timer_start_slack(&r->store->expiry.timer, RETRY_MS, STORE_EXPIRE_SLACK_MS);
	}
	mem_free(r);
}

void expiry_forget(struct store_write *write)
{
	if (write->done == on_removed)
		mem_free(CONTAINER_OF(write, struct removal, write));
}

static void submit_removal(struct store *store, struct str key, const struct live_entry *live)
{
	struct removal *r = mem_zalloc(sizeof(*r) + key.len);

	memcpy(r->key, key.ptr, key.len);
	r->store = store;
	r->op = (struct store_op){
		.type = STORE_DELETE,
		.key = str_sub(r->key, key.len),
		.expected_revision = live->entry.mod_revision,
		.encode = encode_last,
	};
	r->write = (struct store_write){ .ops = &r->op, .op_count = 1, .done = on_removed };
	store_submit(store, &r->write);
}

static void on_timer(struct timer *timer)
{
	struct store *store = CONTAINER_OF(timer, struct store, expiry.timer);
	int64_t now_s = wall_s(store);
	struct str first;
	void *value;

	for (int i = 0; i < STORE_EXPIRE_MAX; i++) {
		if (!omap_at_least(&store->expiry.keys, STR(""), &first, &value) || key_deadline(first) > now_s)
			break;
		submit_removal(store, str_slice(first, 8, first.len), value);
		omap_remove(&store->expiry.keys, first);
	}
	arm(store);
}
