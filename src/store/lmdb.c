/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LMDB back end. Two tables: "kv" maps a record's id to its bytes (ids ascend with creation, so that new records
 * fill the last page instead of being strewn over the tree, and long keys are no matter), "meta" holds the format
 * and, in the same transaction as the records, the revision. Read once, at the start; afterwards only the commit
 * thread uses it, so LMDB's own lock file is not needed: a lock of ours keeps other processes out.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/internal.h"

#define FORMAT 1
#define MAP_BYTES_FIRST ((size_t)64 << 20)
/* The file is kept this much longer than used, in written zeros: a commit then changes no metadata of the file
 * system, whose journal has nothing to do. Grown when less than half of it is left. */
#define RESERVE_BYTES ((off_t)2 << 20)
/* Pages of the map that reading touched are given back after so many records: the index has all of it anyway. */
#define RECORDS_PER_TRIM 1024

struct lmdb_backend {
	struct store_backend backend; /* first */
	char *dir;
	int lock_fd;
	MDB_env *env;
	MDB_dbi kv, meta;
	size_t map_bytes;
	int64_t revision;       /* of the last commit that was reported done */
	uint64_t highest_id;
	size_t touched_count;
	off_t page_bytes, reserved_bytes;
	bool is_in_doubt;       /* what the file holds is not what was reported: no write until that is settled */
	pthread_mutex_t lock;   /* guards what follows */
	pthread_cond_t released;
	bool is_held;           /* the map is read by the loop: no write until it is released */
};

/* The value of "state" in meta. */
struct state {
	uint64_t revision; /* little endian */
};

static int lmdb_error(const struct lmdb_backend *b, int r, const char *what, struct err *err)
{
	if (r == ENOSPC || r == EDQUOT || r == EFBIG || r == MDB_MAP_FULL) {
		err_set(err, ERR_NO_SPACE, "store: %s '%s': %s", what, b->dir, mdb_strerror(r));
		if (err && r > 0)
			err->os_errno = r;
		return -1;
	}
	if (r > 0)
		return err_neg(err, -r, "store: %s '%s'", what, b->dir);
	if (r == MDB_CORRUPTED || r == MDB_PAGE_NOTFOUND || r == MDB_CURSOR_FULL || r == MDB_BAD_DBI)
		return err_set(err, ERR_INTERNAL, "store: '%s' is damaged: %s", b->dir, mdb_strerror(r));
	return err_set(err, ERR_INTERNAL, "store: %s '%s': %s", what, b->dir, mdb_strerror(r));
}

static MDB_val to_val(const void *bytes, size_t len)
{
	return (MDB_val){ .mv_size = len, .mv_data = (void *)bytes };
}

/* --- opening --- */

static int check_format(struct lmdb_backend *b, MDB_txn *txn, struct err *err)
{
	MDB_val key = to_val("format", 6), value;
	uint32_t format = htole32(FORMAT);
	int r = mdb_get(txn, b->meta, &key, &value);

	if (r == MDB_NOTFOUND) {
		value = to_val(&format, sizeof(format));
		r = mdb_put(txn, b->meta, &key, &value, 0);
		return r ? lmdb_error(b, r, "write the format of", err) : 0;
	}
	if (r)
		return lmdb_error(b, r, "read the format of", err);
	if (value.mv_size != sizeof(format) || memcmp(value.mv_data, &format, sizeof(format)) != 0)
		return err_set(err, ERR_UNSUPPORTED, "store: '%s' was written by another version of this program",
			       b->dir);
	return 0;
}

static int read_revision(struct lmdb_backend *b, MDB_txn *txn, int64_t *ret, struct err *err)
{
	MDB_val key = to_val("state", 5), value;
	struct state state;
	int r = mdb_get(txn, b->meta, &key, &value);

	if (r == MDB_NOTFOUND) {
		*ret = 1;
		return 0;
	}
	if (r)
		return lmdb_error(b, r, "read the revision of", err);
	if (value.mv_size != sizeof(state))
		return err_set(err, ERR_INTERNAL, "store: '%s' is damaged: its revision is not readable", b->dir);
	memcpy(&state, value.mv_data, sizeof(state));
	*ret = (int64_t)le64toh(state.revision);
	return 0;
}

static int open_tables(struct lmdb_backend *b, struct err *err)
{
	MDB_txn *txn;
	int r = mdb_txn_begin(b->env, NULL, 0, &txn);

	if (r)
		return lmdb_error(b, r, "begin in", err);
	r = mdb_dbi_open(txn, "kv", MDB_CREATE | MDB_INTEGERKEY, &b->kv);
	if (!r)
		r = mdb_dbi_open(txn, "meta", MDB_CREATE, &b->meta);
	if (r) {
		mdb_txn_abort(txn);
		return lmdb_error(b, r, "open the tables of", err);
	}
	if (check_format(b, txn, err) < 0) {
		mdb_txn_abort(txn);
		return -1;
	}
	r = mdb_txn_commit(txn);
	return r ? lmdb_error(b, r, "open the tables of", err) : 0;
}

/* The file may end before the last page LMDB counts, when that one was freed again before it was ever written; or
 * because it lost its end, and then reading would be SIGBUS. Zero pages instead are found out by LMDB or by
 * store_record_decode. */
static int restore_length(struct lmdb_backend *b, struct err *err)
{
	mdb_filehandle_t fd;
	MDB_envinfo used;
	MDB_stat page;
	struct stat st;
	off_t length;

	if (mdb_env_get_fd(b->env, &fd) || mdb_env_info(b->env, &used) || mdb_env_stat(b->env, &page) ||
	    fstat(fd, &st) < 0)
		return err_set(err, ERR_INTERNAL, "store: '%s/data.mdb' cannot be examined", b->dir);
	b->page_bytes = page.ms_psize;
	b->reserved_bytes = st.st_size;
	length = ((off_t)used.me_last_pgno + 1) * b->page_bytes;
	if (st.st_size < length && ftruncate(fd, length) < 0)
		return err_os(err, "store: extend '%s/data.mdb'", b->dir);
	return 0;
}

static int open_env(struct lmdb_backend *b, struct err *err)
{
	int r = mdb_env_create(&b->env);

	if (r) {
		b->env = NULL;
		return lmdb_error(b, r, "create", err);
	}
	mdb_env_set_maxdbs(b->env, 2);
	r = mdb_env_set_mapsize(b->env, b->map_bytes);
	if (!r)
		r = mdb_env_open(b->env, b->dir, MDB_NORDAHEAD | MDB_NOLOCK, 0600);
	if (r) {
		mdb_env_close(b->env);
		b->env = NULL;
		if (r == MDB_INVALID || r == MDB_VERSION_MISMATCH)
			return err_set(err, ERR_INTERNAL, "store: '%s/data.mdb' is not a store: %s", b->dir,
				       mdb_strerror(r));
		return lmdb_error(b, r, "open", err);
	}
	return restore_length(b, err) < 0 ? -1 : open_tables(b, err);
}

static int take_lock(struct lmdb_backend *b, int dir_fd, struct err *err)
{
	b->lock_fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (b->lock_fd < 0)
		return err_os(err, "store: open '%s/lock'", b->dir);
	if (flock(b->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return err_set(err, ERR_UNAVAILABLE, "store: '%s' is in use by another process", b->dir);
		return err_os(err, "store: lock '%s'", b->dir);
	}
	return 0;
}

static void lmdb_close(struct store_backend *backend)
{
	struct lmdb_backend *b = CONTAINER_OF(backend, struct lmdb_backend, backend);

	if (b->env)
		mdb_env_close(b->env);
	fd_close(&b->lock_fd);
	pthread_cond_destroy(&b->released);
	pthread_mutex_destroy(&b->lock);
	mem_free(b->dir);
	mem_free(b);
}

/* --- loading --- */

/* LMDB does not tell where it mapped the file. */
static void advise(struct lmdb_backend *b, const int *advices, size_t count)
{
	char line[512], path[300];
	uintptr_t start, end;
	FILE *maps;

	if (snprintf(path, sizeof(path), "%s/data.mdb\n", b->dir) >= (int)sizeof(path))
		return;
	maps = fopen("/proc/self/maps", "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		if (!str_has_suffix(str_from(line), str_from(path)) ||
		    sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &start, &end) != 2)
			continue;
		for (size_t i = 0; i < count; i++)
			madvise((void *)start, end - start, advices[i]);
	}
	if (maps)
		fclose(maps);
}

/* All will be read, from the first page to the last: by many pages at once when they are not in memory. */
static void expect_all(struct lmdb_backend *b)
{
	static const int advices[] = { MADV_NORMAL };

	advise(b, advices, ARRAY_COUNT(advices));
}

/* Gives the pages of the map that are in memory back to the page cache: of a clean file nothing is lost. From here on
 * single pages are read, as MDB_NORDAHEAD says. */
static void trim(struct lmdb_backend *b)
{
	static const int advices[] = { MADV_DONTNEED, MADV_RANDOM };

	b->touched_count = 0;
	advise(b, advices, ARRAY_COUNT(advices));
}

static int load_records(struct lmdb_backend *b, MDB_txn *txn,
			int (*fn)(void *arg, const struct store_record *, struct err *), void *arg, struct err *err)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int r = mdb_cursor_open(txn, b->kv, &cursor), result = 0;

	if (r)
		return lmdb_error(b, r, "read", err);
	while (result == 0 && (r = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		struct store_record record;
		size_t id;

		if (key.mv_size != sizeof(id)) {
			result = err_set(err, ERR_INTERNAL, "record with a key of %zu bytes", key.mv_size);
			break;
		}
		memcpy(&id, key.mv_data, sizeof(id));
		result = store_record_decode(str_sub(value.mv_data, value.mv_size), &record, err);
		record.id = id;
		record.stays = b->is_held;
		b->highest_id = id;
		if (result == 0)
			result = fn(arg, &record, err);
		if (result < 0)
			err_wrap(err, "record %zu", id);
	}
	mdb_cursor_close(cursor);
	if (result < 0)
		return err_wrap(err, "store: '%s' is damaged", b->dir);
	return r && r != MDB_NOTFOUND ? lmdb_error(b, r, "read", err) : 0;
}

static int lmdb_load(struct store_backend *backend, int (*fn)(void *arg, const struct store_record *, struct err *),
		     void *arg, int64_t *ret_revision, struct err *err)
{
	struct lmdb_backend *b = CONTAINER_OF(backend, struct lmdb_backend, backend);
	MDB_txn *txn;
	int r = mdb_txn_begin(b->env, NULL, MDB_RDONLY, &txn), result;

	if (r)
		return lmdb_error(b, r, "begin in", err);
	expect_all(b);
	result = read_revision(b, txn, &b->revision, err);
	if (result == 0)
		result = load_records(b, txn, fn, arg, err);
	mdb_txn_abort(txn);
	if (!b->is_held)
		trim(b);
	*ret_revision = b->revision;
	return result;
}

/* LMDB changes pages of the map only in later transactions, and those come when it is released. */
static void lmdb_hold(struct store_backend *backend, bool is_held)
{
	struct lmdb_backend *b = CONTAINER_OF(backend, struct lmdb_backend, backend);

	if (!is_held)
		trim(b);
	pthread_mutex_lock(&b->lock);
	b->is_held = is_held;
	pthread_cond_signal(&b->released);
	pthread_mutex_unlock(&b->lock);
}

static void wait_for_release(struct lmdb_backend *b)
{
	pthread_mutex_lock(&b->lock);
	while (b->is_held)
		pthread_cond_wait(&b->released, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

/* --- committing --- */

static int put_record(struct lmdb_backend *b, MDB_txn *txn, const struct store_record *record)
{
	size_t id = record->id;
	MDB_val key = to_val(&id, sizeof(id)), value = to_val(NULL, store_record_size(record));
	unsigned int flags = MDB_RESERVE;
	int r;

	/* Appending fills pages to the brim instead of splitting them in halves. */
	if (id > b->highest_id)
		flags |= MDB_APPEND;
	r = mdb_put(txn, b->kv, &key, &value, flags);
	if (r)
		return r;
	store_record_encode(record, value.mv_data);
	b->highest_id = id > b->highest_id ? id : b->highest_id;
	return 0;
}

static int put_change(struct lmdb_backend *b, MDB_txn *txn, const struct store_change *change)
{
	size_t id = change->record.id;
	MDB_val key = to_val(&id, sizeof(id));

	b->touched_count++;
	if (change->is_delete)
		return mdb_del(txn, b->kv, &key, NULL);
	return put_record(b, txn, &change->record);
}

static int put_revision(struct lmdb_backend *b, MDB_txn *txn, int64_t revision)
{
	struct state state = { .revision = htole64((uint64_t)revision) };
	MDB_val key = to_val("state", 5), value = to_val(&state, sizeof(state));

	return mdb_put(txn, b->meta, &key, &value, 0);
}

static int put_changes(struct lmdb_backend *b, MDB_txn *txn, struct store_changes *changes, struct err *err)
{
	struct store_change change;
	int r = 0;

	changes->rewind(changes);
	while (!r && changes->next(changes, &change, err))
		r = put_change(b, txn, &change);
	if (r || err->code != ERR_NONE)
		return r ? r : EINVAL;
	return put_revision(b, txn, changes->revision);
}

/* One attempt. err is set when the changes themselves are at fault. */
static int try_commit(struct lmdb_backend *b, struct store_changes *changes, struct err *err)
{
	uint64_t highest_id = b->highest_id;
	MDB_txn *txn;
	int r = mdb_txn_begin(b->env, NULL, 0, &txn);

	if (r)
		return r;
	r = put_changes(b, txn, changes, err);
	if (r)
		mdb_txn_abort(txn);
	else
		r = mdb_txn_commit(txn);
	if (r)
		b->highest_id = highest_id;
	return r;
}

/* LMDB calls a write that was cut short EIO; whether the disk is full must be asked. */
static bool is_disk_full(struct lmdb_backend *b)
{
	mdb_filehandle_t fd;
	struct rlimit limit;
	struct stat st;

	if (!b->env || mdb_env_get_fd(b->env, &fd) || fstat(fd, &st) < 0)
		return false;
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
	    limit.rlim_cur < (rlim_t)st.st_size + STORE_BATCH_BYTES_MAX)
		return true;
	return fallocate(fd, FALLOC_FL_KEEP_SIZE, st.st_size, (off_t)STORE_BATCH_BYTES_MAX) < 0 &&
	       (errno == ENOSPC || errno == EDQUOT || errno == EFBIG);
}

static bool grow_map(struct lmdb_backend *b)
{
	if (b->map_bytes >= STORE_MAP_BYTES_MAX || mdb_env_set_mapsize(b->env, b->map_bytes * 2) != 0)
		return false;
	b->map_bytes *= 2;
	return true;
}

static int reopen(struct lmdb_backend *b, int64_t *ret_revision)
{
	struct err err = { 0 };
	MDB_txn *txn;
	int r;

	if (b->env)
		mdb_env_close(b->env);
	b->env = NULL;
	r = open_env(b, &err);
	if (r == 0 && mdb_txn_begin(b->env, NULL, MDB_RDONLY, &txn) == 0) {
		r = read_revision(b, txn, ret_revision, &err);
		mdb_txn_abort(txn);
		if (r == 0)
			return 0;
	}
	log_error("store", "reopen '%s' after a failed commit: %s", b->dir, err.msg);
	if (b->env)
		mdb_env_close(b->env);
	b->env = NULL;
	return -1;
}

/* The root whose write failed may be in the page cache alone, and a flush that fails once succeeds
 * the next time without having written it. What it refers to was flushed before, so that another
 * root makes all of it durable. */
static bool write_root_again(struct lmdb_backend *b, int64_t revision)
{
	MDB_txn *txn;

	if (mdb_txn_begin(b->env, NULL, 0, &txn) != 0)
		return false;
	if (put_revision(b, txn, revision) != 0) {
		mdb_txn_abort(txn);
		return false;
	}
	return mdb_txn_commit(txn) == 0;
}

/* Opens the file anew and finds out whether it holds what was reported last, or the batch as well
 * (durably), which failed and then is done after all. */
static void settle_doubt(struct lmdb_backend *b, int64_t batch_revision, bool *ret_is_done)
{
	int64_t revision;

	*ret_is_done = false;
	b->is_in_doubt = true;
	if (reopen(b, &revision) < 0)
		return;
	*ret_is_done = revision == batch_revision && write_root_again(b, revision);
	b->is_in_doubt = revision != b->revision && !*ret_is_done;
}

/* After a failed commit LMDB may refuse to go on, its last page write being in doubt. Returns 0 when
 * the batch is in the file, durably, or else r. */
static int resolve_doubt(struct lmdb_backend *b, int64_t batch_revision, int r)
{
	MDB_txn *txn;
	bool is_done;

	if (mdb_txn_begin(b->env, NULL, 0, &txn) == 0) {
		mdb_txn_abort(txn);
		return r;
	}
	settle_doubt(b, batch_revision, &is_done);
	return is_done ? 0 : r;
}

/* What is carried over leaves the journal: it must not go to a file that the next start does not find. */
static int check_file(const struct lmdb_backend *b, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/data.mdb", b->dir);
	mdb_filehandle_t fd;

	if (mdb_env_get_fd(b->env, &fd) == 0 && !fd_is_at(fd, AT_FDCWD, path))
		return err_set(err, ERR_UNAVAILABLE, "store: '%s' was removed: what is written would be lost", path);
	return 0;
}

int backend_apply_lmdb(struct store_backend *backend, struct store_changes *changes, struct err *err)
{
	struct lmdb_backend *b = CONTAINER_OF(backend, struct lmdb_backend, backend);
	struct err wrong = { 0 };
	bool is_done = false;
	int r = 0;

	wait_for_release(b);
	if (!b->env || b->is_in_doubt)
		settle_doubt(b, changes->revision, &is_done);
	if (!b->env)
		return err_set(err, ERR_UNAVAILABLE, "store: '%s' cannot be opened", b->dir);
	if (b->is_in_doubt)
		return err_set(err, ERR_UNAVAILABLE, "store: '%s' must be opened anew after a failed write", b->dir);
	if (check_file(b, err) < 0)
		return -1;
	do {
		r = is_done ? 0 : try_commit(b, changes, &wrong);
	} while (r == MDB_MAP_FULL && grow_map(b));
	if (wrong.code != ERR_NONE) {
		if (err)
			*err = wrong;
		return -1;
	}
	if (r)
		r = resolve_doubt(b, changes->revision, r);
	if (r)
		return lmdb_error(b, r == EIO && is_disk_full(b) ? ENOSPC : r, "commit to", err);
	b->revision = changes->revision;
	return 0;
}

int backend_revision_lmdb(struct store_backend *backend, int64_t *ret, struct err *err)
{
	struct lmdb_backend *b = CONTAINER_OF(backend, struct lmdb_backend, backend);
	MDB_txn *txn;
	int r = mdb_txn_begin(b->env, NULL, MDB_RDONLY, &txn), result;

	if (r)
		return lmdb_error(b, r, "begin in", err);
	result = read_revision(b, txn, ret, err);
	mdb_txn_abort(txn);
	return result;
}

/* The ops of writes that wait, as changes. */
struct write_changes {
	struct store_changes changes; /* first */
	const struct list *writes, *link;
	size_t op_index;
};

static void rewind_writes(struct store_changes *changes)
{
	struct write_changes *w = CONTAINER_OF(changes, struct write_changes, changes);

	w->link = w->writes->next;
	w->op_index = 0;
}

static bool next_of_writes(struct store_changes *changes, struct store_change *ret, struct err *err)
{
	struct write_changes *w = CONTAINER_OF(changes, struct write_changes, changes);

	for (; w->link != w->writes; w->link = w->link->next, w->op_index = 0) {
		const struct store_write *write = LIST_ENTRY(w->link, struct store_write, link);

		while (w->op_index < write->op_count) {
			const struct store_op *op = &write->ops[w->op_index++];

			if (op->type == STORE_CHECK)
				continue;
			record_from_op(op, &ret->record);
			ret->is_delete = op->type == STORE_DELETE;
			return true;
		}
	}
	return false;
}

static enum commit_outcome lmdb_commit(struct store_backend *backend, const struct list *writes, struct err *err)
{
	struct write_changes w = {
		.changes = { .rewind = rewind_writes, .next = next_of_writes,
			     .revision = LIST_ENTRY(writes->prev, struct store_write, link)->revision },
		.writes = writes,
	};

	return backend_apply_lmdb(backend, &w.changes, err) < 0 ? COMMIT_FAILED : COMMIT_DONE;
}

/* No room for the reserve is no error: the commit that needs the room will say so. */
static void grow_reserve(struct lmdb_backend *b)
{
	mdb_filehandle_t fd;
	MDB_envinfo used;
	struct stat st;
	struct err err = { 0 };
	char *zeros;

	if (mdb_env_info(b->env, &used) || mdb_env_get_fd(b->env, &fd) ||
	    b->reserved_bytes - (off_t)(used.me_last_pgno + 1) * b->page_bytes >= RESERVE_BYTES / 2)
		return;
	if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_END) < 0)
		return;
	zeros = mem_zalloc((size_t)RESERVE_BYTES);
	if (fd_write_all(fd, zeros, (size_t)RESERVE_BYTES, &err) < 0 || fsync(fd) < 0)
		log_debug("store", "reserve in '%s': %s", b->dir, err.msg);
	mem_free(zeros);
	b->reserved_bytes = st.st_size + RESERVE_BYTES; /* also when it failed: not to be tried at each commit */
}

static void lmdb_rest(struct store_backend *backend)
{
	struct lmdb_backend *b = CONTAINER_OF(backend, struct lmdb_backend, backend);

	if (!b->env)
		return;
	if (b->touched_count >= RECORDS_PER_TRIM)
		trim(b);
	grow_reserve(b);
}

static const struct store_backend_ops lmdb_ops = {
	.commit = lmdb_commit,
	.load = lmdb_load,
	.hold = lmdb_hold,
	.rest = lmdb_rest,
	.close = lmdb_close,
	.threaded = true,
};

int backend_open_lmdb(const char *dir, size_t map_bytes, struct store_backend **ret, struct err *err)
{
	struct lmdb_backend *b = NEW(struct lmdb_backend);
	AUTO_FD dir_fd = -1;
	struct stat st;

	b->backend.ops = &lmdb_ops;
	b->lock_fd = -1;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->released, NULL);
	b->dir = mem_strdup(dir);
	b->map_bytes = map_bytes ? map_bytes : MAP_BYTES_FIRST;
	if (fd_make_dirs(AT_FDCWD, dir, 0700, err) < 0) {
		lmdb_close(&b->backend);
		return err_wrap(err, "store");
	}
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0) {
		err_os(err, "store: open '%s'", dir);
		lmdb_close(&b->backend);
		return -1;
	}
	/* A file that grew beyond the first size must fit the map. */
	if (fstatat(dir_fd, "data.mdb", &st, 0) == 0) {
		while (b->map_bytes < (size_t)st.st_size + (size_t)st.st_size / 2 && b->map_bytes < STORE_MAP_BYTES_MAX)
			b->map_bytes *= 2;
	}
	if (take_lock(b, dir_fd, err) < 0 || open_env(b, err) < 0) {
		lmdb_close(&b->backend);
		return -1;
	}
	if (fsync(dir_fd) < 0) {
		err_os(err, "store: fsync '%s'", dir);
		lmdb_close(&b->backend);
		return -1;
	}
	*ret = &b->backend;
	return 0;
}
