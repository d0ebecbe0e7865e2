/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end in memory: a disk object that outlives the store, with faults asked for at each write. It has bytes of
 * its own, never the store's blobs, as a real disk would.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "store/internal.h"

struct disk_record {
	struct store_record record; /* key and value are owned */
	struct list link;           /* by id */
};

struct store_disk {
	struct map records; /* id (8 bytes) -> struct disk_record */
	struct list order;
	int64_t revision;
	uint64_t write_count;
	struct store_disk_faults faults;
	bool is_open;
};

struct memory_backend {
	struct store_backend backend; /* first */
	struct store_disk *disk;
};

static struct store_disk *disk_of(struct store_backend *backend)
{
	return CONTAINER_OF(backend, struct memory_backend, backend)->disk;
}

struct store_disk *store_disk_new(void)
{
	struct store_disk *disk = NEW(struct store_disk);

	map_init(&disk->records);
	list_init(&disk->order);
	disk->revision = 1;
	return disk;
}

static struct str id_key(const uint64_t *id)
{
	return str_sub((const char *)id, sizeof(*id));
}

static void free_record(struct disk_record *r)
{
	list_remove(&r->link);
	mem_free((void *)r->record.key.ptr);
	mem_free((void *)r->record.value.ptr);
	mem_free(r);
}

void store_disk_free(struct store_disk *disk)
{
	if (!disk)
		return;
	ASSERT(!disk->is_open);
	while (!list_is_empty(&disk->order))
		free_record(LIST_ENTRY(list_first(&disk->order), struct disk_record, link));
	map_deinit(&disk->records);
	mem_free(disk);
}

void store_disk_set_faults(struct store_disk *disk, const struct store_disk_faults *faults)
{
	disk->faults = faults ? *faults : (struct store_disk_faults){ 0 };
}

uint64_t store_disk_write_count(const struct store_disk *disk)
{
	return disk->write_count;
}

static void write_op(struct store_disk *disk, const struct store_op *op)
{
	struct disk_record *r = map_get(&disk->records, id_key(&op->id));

	if (op->type == STORE_CHECK)
		return;
	if (op->type == STORE_DELETE) {
		ASSERT(r);
		map_remove(&disk->records, id_key(&op->id));
		free_record(r);
		return;
	}
	if (!r) {
		r = NEW(struct disk_record);
		map_put(&disk->records, id_key(&op->id), r);
		list_push_back(&disk->order, &r->link);
	} else {
		mem_free((void *)r->record.key.ptr);
		mem_free((void *)r->record.value.ptr);
	}
	record_from_op(op, &r->record);
	r->record.key = str_dup(r->record.key);
	r->record.value = str_dup(r->record.value);
}

/* The worst that is to happen to any write of the transaction. */
static enum store_fault ask_faults(struct store_disk *disk, const struct list *writes)
{
	enum store_fault worst = STORE_FAULT_NONE;

	LIST_FOR_EACH(link, (struct list *)writes) {
		uint64_t write_index = disk->write_count++;
		enum store_fault fault = STORE_FAULT_NONE;

		if (disk->faults.fault)
			fault = disk->faults.fault(disk->faults.arg, write_index);
		if (worst == STORE_FAULT_NONE)
			worst = fault;
	}
	return worst;
}

static enum commit_outcome memory_commit(struct store_backend *backend, const struct list *writes, struct err *err)
{
	struct store_disk *disk = disk_of(backend);
	enum store_fault fault = ask_faults(disk, writes);

	if (fault == STORE_FAULT_FULL) {
		err_set(err, ERR_NO_SPACE, "store: commit: No space left on device");
		return COMMIT_FAILED;
	}
	if (fault == STORE_FAULT_CRASH_BEFORE) {
		err_set(err, ERR_CLOSED, "store: the machine died");
		return COMMIT_CRASHED;
	}
	LIST_FOR_EACH(link, (struct list *)writes) {
		const struct store_write *w = LIST_ENTRY(link, struct store_write, link);

		for (size_t i = 0; i < w->op_count; i++)
			write_op(disk, &w->ops[i]);
		disk->revision = w->revision;
	}
	if (fault == STORE_FAULT_CRASH_AFTER) {
		err_set(err, ERR_CLOSED, "store: the machine died");
		return COMMIT_CRASHED;
	}
	return COMMIT_DONE;
}

static int memory_load(struct store_backend *backend, int (*fn)(void *arg, const struct store_record *, struct err *),
		       void *arg, int64_t *ret_revision, struct err *err)
{
	struct store_disk *disk = disk_of(backend);

	LIST_FOR_EACH(link, &disk->order) {
		if (fn(arg, &LIST_ENTRY(link, struct disk_record, link)->record, err) < 0)
			return -1;
	}
	*ret_revision = disk->revision;
	return 0;
}

static int64_t memory_delay_ms(struct store_backend *backend, struct env *env)
{
	int64_t max_ms = disk_of(backend)->faults.commit_delay_ms_max;

	return max_ms > 0 ? (int64_t)env_random_below(env, (uint64_t)max_ms + 1) : 0;
}

static size_t memory_batch_writes(struct store_backend *backend, struct env *env)
{
	return disk_of(backend)->faults.random_batches ? 1 + env_random_below(env, 4) : SIZE_MAX;
}

static void memory_crashed(struct store_backend *backend)
{
	struct store_disk *disk = disk_of(backend);

	if (disk->faults.crashed)
		disk->faults.crashed(disk->faults.arg);
}

static void memory_close(struct store_backend *backend)
{
	disk_of(backend)->is_open = false;
	mem_free(CONTAINER_OF(backend, struct memory_backend, backend));
}

static const struct store_backend_ops memory_ops = {
	.commit = memory_commit,
	.load = memory_load,
	.delay_ms = memory_delay_ms,
	.batch_writes = memory_batch_writes,
	.crashed = memory_crashed,
	.close = memory_close,
};

int store_open_memory(struct env *env, struct store_disk *disk, const struct store_options *options,
		      struct store **ret_store, struct err *err)
{
	struct memory_backend *b;

	if (disk->is_open)
		return err_set(err, ERR_UNAVAILABLE, "store: the disk is in use by another store");
	disk->is_open = true;
	b = NEW(struct memory_backend);
	b->backend.ops = &memory_ops;
	b->disk = disk;
	return store_start(env, &b->backend, options, ret_store, err);
}
