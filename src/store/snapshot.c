/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: magic, revision and count, then each record (id, size, bytes), then the CRC-32C of all before it. Saving
 * takes references on the loop and writes on a pool thread; restoring reads the file twice, first to believe it.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "store/internal.h"

#define MAGIC "cube store v1\n\0\0"
#define MAGIC_BYTES 16
#define IO_BYTES ((size_t)64 << 10)
#define RECORD_BYTES_MAX (RECORD_HEAD_BYTES + STORE_KEY_BYTES_MAX + STORE_VALUE_BYTES_MAX)
#define RESTORE_BATCH_OPS 1000

static uint32_t crc_add(uint32_t crc, const void *bytes, size_t len)
{
	return (uint32_t)crc32(crc, bytes, (unsigned int)len); /* records are far below 4 GiB */
}

/* --- saving --- */

struct kept {
	struct store_record record; /* key owned */
	struct blob *value;
};

struct saving {
	struct work work;
	struct store *store;
	char *path;
	void (*done)(void *arg, int64_t revision, struct err *err);
	void *arg;
	int64_t revision;
	struct kept *kept;
	size_t count;
	struct err err;
	bool failed;
};

struct writer {
	int fd;
	uint32_t crc;
	struct buf buf;
	struct err *err;
};

static int flush(struct writer *w)
{
	if (fd_write_all(w->fd, w->buf.ptr, w->buf.len, w->err) < 0)
		return -1;
	buf_reset(&w->buf);
	return 0;
}

static int put(struct writer *w, const void *bytes, size_t len)
{
	w->crc = crc_add(w->crc, bytes, len);
	buf_put(&w->buf, bytes, len);
	return w->buf.len >= IO_BYTES ? flush(w) : 0;
}

static int put_u64(struct writer *w, uint64_t value)
{
	value = htole64(value);
	return put(w, &value, sizeof(value));
}

static int put_record(struct writer *w, const struct kept *k)
{
	size_t size_bytes = store_record_size(&k->record);
	char *room;

	if (put_u64(w, k->record.id) < 0 || put_u64(w, size_bytes) < 0)
		return -1;
	room = buf_room(&w->buf, size_bytes);
	store_record_encode(&k->record, room);
	w->crc = crc_add(w->crc, room, size_bytes);
	buf_added(&w->buf, size_bytes);
	return w->buf.len >= IO_BYTES ? flush(w) : 0;
}

static int write_all(struct writer *w, const struct saving *s)
{
	uint64_t crc;

	if (put(w, MAGIC, MAGIC_BYTES) < 0 || put_u64(w, (uint64_t)s->revision) < 0 || put_u64(w, s->count) < 0)
		return -1;
	for (size_t i = 0; i < s->count; i++) {
		if (put_record(w, &s->kept[i]) < 0)
			return -1;
	}
	crc = htole64(w->crc);
	buf_put(&w->buf, &crc, sizeof(crc));
	if (flush(w) < 0)
		return -1;
	return fsync(w->fd) < 0 ? err_os(w->err, "fsync") : 0;
}

static int save(struct saving *s, struct err *err)
{
	struct writer w = { .err = err };
	AUTO_FREE char *partial = mem_printf("%s.partial", s->path);
	AUTO_FREE char *parent = str_dup_c(path_dir(str_from(s->path)));
	AUTO_FD fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	AUTO_FD dir_fd = -1;
	int r;

	if (fd < 0)
		return err_os(err, "create '%s'", partial);
	w.fd = fd;
	buf_init(&w.buf, IO_BYTES * 2 + RECORD_BYTES_MAX);
	r = write_all(&w, s);
	buf_deinit(&w.buf);
	if (r == 0 && rename(partial, s->path) < 0)
		r = err_os(err, "rename to '%s'", s->path);
	if (r < 0) {
		unlink(partial);
		return err_wrap(err, "write '%s'", s->path);
	}
	dir_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0 || fsync(dir_fd) < 0)
		return err_os(err, "fsync '%s'", parent);
	return 0;
}

static void run_save(struct work *work)
{
	struct saving *s = CONTAINER_OF(work, struct saving, work);

	s->failed = s->failed || save(s, &s->err) < 0;
}

static void done_save(struct work *work)
{
	struct saving *s = CONTAINER_OF(work, struct saving, work);

	for (size_t i = 0; i < s->count; i++) {
		mem_free((void *)s->kept[i].record.key.ptr);
		blob_unref(s->kept[i].value);
	}
	s->done(s->arg, s->revision, s->failed ? &s->err : NULL);
	mem_free(s->kept);
	mem_free(s->path);
	mem_free(s);
}

static bool keep(void *arg, struct str key, const struct store_entry *entry)
{
	struct saving *s = arg;
	const struct live_entry *live = CONTAINER_OF(entry, struct live_entry, entry);
	/* What is encrypted at rest is so in the file as well. */
	struct blob *sealed = store_seal(s->store, key, entry->value, &s->err);

	if (!sealed) {
		s->failed = true;
		return false;
	}
	s->kept[s->count++] = (struct kept){
		.record = {
			.id = live->id,
			.create_revision = entry->create_revision,
			.mod_revision = entry->mod_revision,
			.version = entry->version,
			.expires_wall_s = entry->expires_wall_s,
			.key = str_dup(key),
			.value = blob_str(sealed),
		},
		.value = sealed,
	};
	return true;
}

void store_snapshot_save(struct store *store, const char *path,
			 void (*done)(void *arg, int64_t revision, struct err *err), void *arg)
{
	struct saving *s = NEW(struct saving);

	s->store = store;
	s->path = mem_strdup(path);
	s->done = done;
	s->arg = arg;
	s->revision = store->revision;
	s->kept = mem_calloc(store->index.count, sizeof(*s->kept));
	store_walk(store, STR(""), STR(""), keep, s);
	s->work.run = run_save;
	s->work.done = done_save;
	env_work(store->env, &s->work);
}

/* --- restoring --- */

struct reader {
	FILE *file;
	uint32_t crc;
	struct err *err;
	const char *path;
};

static int take(struct reader *r, void *to, size_t len)
{
	if (fread(to, 1, len, r->file) != len)
		return ferror(r->file) ? err_os(r->err, "read '%s'", r->path)
				       : err_set(r->err, ERR_PARSE, "snapshot '%s' is cut short", r->path);
	r->crc = crc_add(r->crc, to, len);
	return 0;
}

/* A file that came through etcd's API ends in zeros up to a whole sector and a SHA-256. */
static bool is_end(struct reader *r)
{
	char rest[512 + 32];

	return fread(rest, 1, sizeof(rest), r->file) < sizeof(rest);
}

static int take_u64(struct reader *r, uint64_t *ret)
{
	if (take(r, ret, sizeof(*ret)) < 0)
		return -1;
	*ret = le64toh(*ret);
	return 0;
}

static int take_head(struct reader *r, uint64_t *ret_revision, uint64_t *ret_count)
{
	char magic[MAGIC_BYTES];

	if (take(r, magic, sizeof(magic)) < 0)
		return -1;
	if (memcmp(magic, MAGIC, MAGIC_BYTES) != 0)
		return err_set(r->err, ERR_PARSE, "'%s' is not a snapshot", r->path);
	if (take_u64(r, ret_revision) < 0 || take_u64(r, ret_count) < 0)
		return -1;
	if (*ret_revision < 1 || *ret_revision > STORE_REVISION_PENDING - STORE_RESTORE_REVISIONS)
		return err_set(r->err, ERR_PARSE, "snapshot '%s' has an impossible revision", r->path);
	return 0;
}

/* The record's strings point into bytes. */
static int take_record(struct reader *r, struct buf *bytes, struct store_record *ret)
{
	uint64_t id, size_bytes;
	char *room;

	if (take_u64(r, &id) < 0 || take_u64(r, &size_bytes) < 0)
		return -1;
	if (size_bytes > RECORD_BYTES_MAX || id == 0)
		return err_set(r->err, ERR_PARSE, "snapshot '%s' has an impossible record", r->path);
	buf_reset(bytes);
	room = buf_room(bytes, size_bytes);
	if (take(r, room, size_bytes) < 0)
		return -1;
	buf_added(bytes, size_bytes);
	if (store_record_decode(buf_str(bytes), ret, r->err) < 0)
		return err_wrap(r->err, "snapshot '%s'", r->path);
	ret->id = id;
	return 0;
}

/* Reads everything and the checksum. */
static int verify(struct reader *r, struct buf *bytes)
{
	uint64_t revision, count, crc;
	struct omap keys;
	struct store_record record;
	uint32_t expected;
	int result = take_head(r, &revision, &count);

	omap_init(&keys);
	for (uint64_t i = 0; i < count && result == 0; i++) {
		result = take_record(r, bytes, &record);
		if (result == 0 && ((uint64_t)record.mod_revision > revision || omap_put(&keys, record.key, r)))
			result = err_set(r->err, ERR_PARSE, "snapshot '%s' contradicts itself at key '" STR_FMT "'",
					 r->path, STR_ARG(record.key));
	}
	omap_deinit(&keys);
	if (result < 0)
		return -1;
	expected = r->crc;
	if (take_u64(r, &crc) < 0)
		return -1;
	if (crc != expected || !is_end(r))
		return err_set(r->err, ERR_PARSE, "snapshot '%s' is damaged: its checksum does not match", r->path);
	rewind(r->file);
	r->crc = 0;
	return 0;
}

struct batch {
	struct store_write write;
	struct store_op ops[RESTORE_BATCH_OPS];
	struct list writes;
};

static int commit_batch(struct store_backend *backend, struct batch *batch, struct err *err)
{
	enum commit_outcome outcome;

	list_init(&batch->writes);
	list_init(&batch->write.link);
	list_push_back(&batch->writes, &batch->write.link);
	batch->write.ops = batch->ops;
	outcome = backend->ops->commit(backend, &batch->writes, err);
	for (size_t i = 0; i < batch->write.op_count; i++) {
		mem_free((void *)batch->ops[i].key.ptr);
		blob_unref(batch->ops[i].value);
	}
	batch->write.op_count = 0;
	return outcome == COMMIT_DONE ? 0 : -1;
}

static int load(struct reader *r, struct buf *bytes, struct store_backend *backend)
{
	struct batch *batch = NEW(struct batch);
	uint64_t revision, count;
	struct store_record record;
	int result = take_head(r, &revision, &count);

	batch->write.revision = (int64_t)revision + STORE_RESTORE_REVISIONS;
	for (uint64_t i = 0; i < count && result == 0; i++) {
		struct store_op *op = &batch->ops[batch->write.op_count];

		result = take_record(r, bytes, &record);
		if (result < 0)
			break;
		*op = (struct store_op){
			.type = STORE_PUT,
			.key = str_dup(record.key),
			.value = blob_new(record.value),
			.create_revision = record.create_revision,
			.version = record.version,
			.expires_wall_s = record.expires_wall_s,
			.id = record.id,
			.mod_revision = record.mod_revision,
		};
		batch->write.op_count++;
		if (batch->write.op_count == RESTORE_BATCH_OPS)
			result = commit_batch(backend, batch, r->err);
	}
	if (result == 0)
		result = commit_batch(backend, batch, r->err);
	mem_free(batch);
	return result;
}

/* An empty store's back end in dir, which must not have one yet. */
static int open_target(const char *dir, struct store_backend **ret, struct err *err)
{
	static const char *const names[] = { "data.mdb", "journal.0", "journal.1" };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		AUTO_FREE char *file = mem_printf("%s/%s", dir, names[i]);

		if (access(file, F_OK) == 0)
			return err_set(err, ERR_EXISTS, "'%s' has a store already", dir);
	}
	return backend_open_lmdb(dir, 0, ret, err);
}

static int ignore_record(void *arg, const struct store_record *record, struct err *err)
{
	return err_set(err, ERR_EXISTS, "the store is not empty");
}

static int restore(struct reader *r, const char *dir, struct err *err)
{
	struct store_backend *backend;
	int64_t revision;
	AUTO_BUF bytes = { 0 };
	int result;

	buf_init(&bytes, RECORD_BYTES_MAX);
	if (verify(r, &bytes) < 0 || open_target(dir, &backend, err) < 0)
		return -1;
	result = backend->ops->load(backend, ignore_record, NULL, &revision, err);
	if (result == 0)
		result = load(r, &bytes, backend);
	backend->ops->close(backend);
	if (result < 0) {
		AUTO_FREE char *file = mem_printf("%s/data.mdb", dir);

		unlink(file); /* half a store must not pass for one */
	}
	return result;
}

int store_snapshot_restore(const char *path, const char *dir, struct err *err)
{
	struct reader r = { .err = err, .path = path };
	int result;

	r.file = fopen(path, "re");
	if (!r.file)
		return err_os(err, "open '%s'", path);
	result = restore(&r, dir, err);
	fclose(r.file);
	return result < 0 ? err_wrap(err, "restore") : 0;
}
