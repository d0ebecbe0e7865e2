/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end that makes a commit cost one flush of the disk: a journal of two files in front of
 * LMDB. A batch is appended to the active file and flushed; that is all a writer waits for. When
 * the file is full the other one becomes active, and a thread carries the full one over to LMDB in
 * one transaction, after which it is clean and may be written again from its begin:
 *
 *   CLEAN --switch_files--> ACTIVE --switch_files--> FULL --settle--> CLEAN
 *
 * Invariants: a file is overwritten only after LMDB holds all of it, durably; each batch names the
 * revision it builds on, so that a start (journal_load) finds what LMDB lacks whatever moment the
 * last process ended at. Files consist of written zeros before they are used: a commit changes no
 * metadata of the file system. A batch that is larger than a file makes it grow until it is carried
 * over: written to LMDB at once, a disk that fails then would leave open what LMDB holds. Only who
 * commits touches the active file, only the settling thread the full one and LMDB.
 */
#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"

#define ZEROS_BYTES ((size_t)256 << 10)
#define BUFFER_KEPT_BYTES ((size_t)256 << 10)

enum file_state { FILE_CLEAN, FILE_ACTIVE, FILE_FULL };

struct journal_file {
	const char *name;
	char *path; /* with the folder's */
	int fd;		       /* -1: not made yet */
	size_t capacity, used; /* bytes */
	enum file_state state;
};

struct journal_backend {
	struct store_backend backend; /* first */
	struct store_backend *lmdb;
	char *dir;
	int dir_fd;
	struct journal_file files[2], *active;
	int64_t revision;	  /* of the last durable batch */
	int64_t settled_revision; /* of what LMDB holds */
	struct buf batch;
	bool is_in_doubt; /* the active file may hold what was reported as failed: no write until
			     that is taken back */
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock; /* guards files[].state and everything below */
	pthread_cond_t wake, settled;
	bool is_asked, is_stopping;
	struct err err; /* of the last attempt to settle */
};

static struct journal_file *other_file(struct journal_backend *b)
{
	return b->active == &b->files[0] ? &b->files[1] : &b->files[0];
}

static int file_error(const struct journal_backend *b, const struct journal_file *file,
		      const char *what, struct err *err)
{
	int os_errno = errno;

	if (os_errno != ENOSPC && os_errno != EDQUOT && os_errno != EFBIG)
		return err_os(err, "store: %s '%s/%s'", what, b->dir, file->name);
	err_set(err, ERR_NO_SPACE, "store: %s '%s/%s': %s", what, b->dir, file->name,
		strerror(os_errno));
	if (err)
		err->os_errno = os_errno;
	return -1;
}

/* --- files --- */

/* flags: RWF_DSYNC makes it durable. */
static int write_at(int fd, const char *bytes, size_t len, size_t offset, int flags)
{
	while (len > 0) {
		struct iovec piece = { (void *)bytes, len };
		ssize_t n = pwritev2(fd, &piece, 1, (off_t)offset, flags);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? ENOSPC : errno;
			return -1;
		}
		bytes += n;
		len -= (size_t)n;
		offset += (size_t)n;
	}
	return 0;
}

/* On failure the file is as long as before. */
static int grow_file(struct journal_backend *b, struct journal_file *file, size_t capacity,
		     struct err *err)
{
	AUTO_FREE char *zeros = NULL;

	if (file->fd < 0) {
		file->fd = openat(b->dir_fd, file->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
				  0600);
		if (file->fd < 0)
			return file_error(b, file, "create", err);
		if (fsync(b->dir_fd) < 0)
			return file_error(b, file, "create", err);
	}
	if (capacity <= file->capacity)
		return 0;
	zeros = mem_zalloc(ZEROS_BYTES);
	for (size_t at = file->capacity; at < capacity; at += ZEROS_BYTES) {
		size_t len = capacity - at < ZEROS_BYTES ? capacity - at : ZEROS_BYTES;

		if (write_at(file->fd, zeros, len, at, 0) == 0)
			continue;
		file_error(b, file, "extend", err);
		if (ftruncate(file->fd, (off_t)file->capacity) < 0)
			log_debug("store", "'%s/%s' cannot be cut back", b->dir, file->name);
		return -1;
	}
	file->capacity = capacity;
	return 0;
}

/* A file that took a batch of unusual size, once LMDB has it. */
static void shrink_file(struct journal_backend *b, struct journal_file *file)
{
	if (file->capacity <= STORE_JOURNAL_BYTES_MAX)
		return;
	if (ftruncate(file->fd, (off_t)STORE_JOURNAL_BYTES_MAX) == 0)
		file->capacity = STORE_JOURNAL_BYTES_MAX;
	else
		log_debug("store", "'%s/%s' stays large", b->dir, file->name);
}

struct mapping {
	void *bytes;
	size_t size_bytes;
};

static void mapping_deinit(struct mapping *m)
{
	if (m->size_bytes > 0)
		munmap(m->bytes, m->size_bytes);
	m->size_bytes = 0;
}
#define AUTO_MAPPING CLEANUP(mapping_deinit) struct mapping

static int map_file(const struct journal_backend *b, const struct journal_file *file,
		    size_t size_bytes, struct mapping *ret, struct err *err)
{
	void *bytes;

	if (size_bytes == 0)
		return 0;
	bytes = mmap(NULL, size_bytes, PROT_READ, MAP_SHARED, file->fd, 0);
	if (bytes == MAP_FAILED)
		return file_error(b, file, "read", err);
	*ret = (struct mapping){ bytes, size_bytes };
	return 0;
}

/* --- settling: from a file to LMDB --- */

/* All changes of a run, one batch after the other. */
struct run_changes {
	struct store_changes changes; /* first */
	struct str bytes, left;
	struct journal_batch batch;
};

static void rewind_run(struct store_changes *changes)
{
	struct run_changes *run = CONTAINER_OF(changes, struct run_changes, changes);

	run->left = run->bytes;
	run->batch = (struct journal_batch){ 0 };
}

static bool next_of_run(struct store_changes *changes, struct store_change *ret, struct err *err)
{
	struct run_changes *run = CONTAINER_OF(changes, struct run_changes, changes);

	while (run->batch.change_count == 0) {
		if (!journal_next_batch(&run->left, &run->batch))
			return false;
	}
	return journal_next_change(&run->batch, ret, err);
}

static void run_changes_init(struct run_changes *run, struct str bytes,
			     const struct journal_run *found)
{
	*run = (struct run_changes){
		.changes = { .rewind = rewind_run,
			     .next = next_of_run,
			     .revision = found->revision },
		.bytes = str_slice(bytes, found->begin, found->end),
	};
	rewind_run(&run->changes);
}

/* No lock held: nobody else touches the file or LMDB. */
static int settle(struct journal_backend *b, struct journal_file *file, struct err *err)
{
	AUTO_MAPPING mapping = { 0 };
	struct journal_run found;
	struct run_changes run;
	struct str bytes;

	if (map_file(b, file, file->used, &mapping, err) < 0)
		return -1;
	bytes = str_sub(mapping.bytes, mapping.size_bytes);
	journal_find_run(bytes, b->settled_revision, &found);
	if (found.end == found.begin)
		return 0;
	run_changes_init(&run, bytes, &found);
	if (backend_apply_lmdb(b->lmdb, &run.changes, err) < 0)
		return -1;
	b->settled_revision = found.revision;
	if (b->lmdb->ops->rest)
		b->lmdb->ops->rest(b->lmdb);
	return 0;
}

static void *run_thread(void *arg)
{
	struct journal_backend *b = arg;

	pthread_setname_np(pthread_self(), "cube-settle");
	pthread_mutex_lock(&b->lock);
	while (!b->is_stopping) {
		struct journal_file *file;
		struct err err = { 0 };
		int result;

		if (!b->is_asked) {
			pthread_cond_wait(&b->wake, &b->lock);
			continue;
		}
		file = other_file(b);
		pthread_mutex_unlock(&b->lock);
		result = settle(b, file, &err);
		/* Busy stores get larger files, so that a record written often reaches LMDB seldom;
		 * no room is no error. */
		if (result == 0 && file->capacity < STORE_JOURNAL_BYTES_MAX &&
		    (grow_file(b, file, file->capacity * 2, NULL) < 0 || fdatasync(file->fd) < 0))
			log_debug("store", "'%s/%s' stays small", b->dir, file->name);
		if (result == 0)
			shrink_file(b, file);
		pthread_mutex_lock(&b->lock);
		if (result == 0)
			file->state = FILE_CLEAN;
		b->err = err;
		b->is_asked = false;
		pthread_cond_signal(&b->settled);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

/* Lock held. */
static void ask_to_settle(struct journal_backend *b)
{
	sigset_t all, before;
	int r;

	b->is_asked = true;
	pthread_cond_signal(&b->wake);
	if (b->has_thread)
		return;
	sigfillset(&all); /* as in commit.c */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&b->thread, NULL, run_thread, b);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	ASSERT(r == 0); /* as out of memory */
	b->has_thread = true;
}

/* Waits until the file that is not active is clean; lock held. */
static int wait_for_other(struct journal_backend *b, struct err *err)
{
	while (b->is_asked)
		pthread_cond_wait(&b->settled, &b->lock);
	if (other_file(b)->state == FILE_CLEAN)
		return 0;
	ask_to_settle(b); /* the last attempt failed: perhaps there is room again */
	while (b->is_asked)
		pthread_cond_wait(&b->settled, &b->lock);
	if (other_file(b)->state == FILE_CLEAN)
		return 0;
	*err = b->err;
	return -1;
}

static int switch_files(struct journal_backend *b, size_t size_bytes, struct err *err)
{
	struct journal_file *next = other_file(b);
	size_t capacity = STORE_JOURNAL_BYTES_MIN;
	int result;

	pthread_mutex_lock(&b->lock);
	result = wait_for_other(b, err);
	pthread_mutex_unlock(&b->lock);
	while (capacity < size_bytes)
		capacity *= 2;
	if (result < 0 || grow_file(b, next, capacity, err) < 0)
		return -1;
	pthread_mutex_lock(&b->lock);
	next->used = 0;
	next->state = FILE_ACTIVE;
	b->active->state = FILE_FULL;
	b->active = next;
	ask_to_settle(b);
	pthread_mutex_unlock(&b->lock);
	return 0;
}

/* --- committing --- */

/* What was written but not flushed must not come back at the next start. */
static void take_back(struct journal_backend *b)
{
	static const char nothing[JOURNAL_HEAD_BYTES];

	b->is_in_doubt = write_at(b->active->fd, nothing, sizeof(nothing), b->active->used,
				  RWF_DSYNC) < 0;
}

/* Before anything is written. A file, or the folder around it, may have been moved away or removed:
 * the next start would not find what is in it. */
static int check_file(struct journal_backend *b, struct err *err)
{
	struct journal_file *file = b->active;

	if (b->is_in_doubt)
		take_back(b);
	if (b->is_in_doubt)
		return file_error(b, file, "write to", err);
	if (file->fd >= 0 ? !fd_is_at(file->fd, AT_FDCWD, file->path)
			  : !fd_is_at(b->dir_fd, AT_FDCWD, b->dir))
		return err_set(err, ERR_UNAVAILABLE,
			       "store: '%s' was removed: what is written would be lost",
			       file->fd >= 0 ? file->path : b->dir);
	return 0;
}

static int append(struct journal_backend *b, const struct list *writes, int64_t revision,
		  struct err *err)
{
	struct journal_file *file = b->active;
	int result = 0;

	buf_reset(&b->batch);
	journal_encode(writes, b->revision, revision, &b->batch);
	if (write_at(file->fd, b->batch.ptr, b->batch.len, file->used, RWF_DSYNC) < 0) {
		result = file_error(b, file, "write to", err);
		take_back(b);
	} else {
		file->used += b->batch.len;
		b->revision = revision;
	}
	if (b->batch.len > BUFFER_KEPT_BYTES) {
		buf_deinit(&b->batch);
		buf_init(&b->batch, STORE_JOURNAL_LARGE_BYTES_MAX);
	}
	return result;
}

static enum commit_outcome journal_commit(struct store_backend *backend, const struct list *writes,
					  struct err *err)
{
	struct journal_backend *b = CONTAINER_OF(backend, struct journal_backend, backend);
	int64_t revision = LIST_ENTRY(writes->prev, struct store_write, link)->revision;
	size_t size_bytes = journal_size(writes);

	if (check_file(b, err) < 0)
		return COMMIT_FAILED;
	if (b->active->capacity == 0 && grow_file(b, b->active, STORE_JOURNAL_BYTES_MIN, err) < 0)
		return COMMIT_FAILED;
	if (size_bytes > b->active->capacity - b->active->used &&
	    switch_files(b, size_bytes, err) < 0)
		return COMMIT_FAILED;
	return append(b, writes, revision, err) < 0 ? COMMIT_FAILED : COMMIT_DONE;
}

static void journal_hold(struct store_backend *backend, bool is_held)
{
	struct journal_backend *b = CONTAINER_OF(backend, struct journal_backend, backend);

	b->lmdb->ops->hold(b->lmdb, is_held);
}

static bool journal_is_short(struct store_backend *backend, const struct list *writes)
{
	struct journal_backend *b = CONTAINER_OF(backend, struct journal_backend, backend);

	return !b->is_in_doubt && journal_size(writes) <= b->active->capacity - b->active->used;
}

/* --- loading --- */

struct loading {
	int (*fn)(void *arg, const struct store_record *, struct err *);
	void *arg;
	struct map
		changes; /* id -> struct store_change, the last one; strings point into the files */
};

static struct str id_key(const uint64_t *id)
{
	return str_sub((const char *)id, sizeof(*id));
}

static int load_if_current(void *arg, const struct store_record *record, struct err *err)
{
	struct loading *l = arg;

	return map_get(&l->changes, id_key(&record->id)) ? 0 : l->fn(l->arg, record, err);
}

static int collect_run(struct loading *l, struct run_changes *run, struct err *err)
{
	struct store_change change;

	while (run->changes.next(&run->changes, &change, err)) {
		struct store_change *kept = map_get(&l->changes, id_key(&change.record.id));

		if (!kept) {
			kept = NEW(struct store_change);
			kept->record.id = change.record.id;
			map_put(&l->changes, id_key(&kept->record.id), kept);
		}
		*kept = change;
	}
	return run->batch.change_count > 0 ? -1 : 0;
}

static int load_changes(struct loading *l, struct err *err)
{
	size_t cursor = 0;
	struct str key;
	void *change;
	int result = 0;

	while (result == 0 && map_next(&l->changes, &cursor, &key, &change)) {
		const struct store_change *last = change;

		if (!last->is_delete)
			result = l->fn(l->arg, &last->record, err);
	}
	return result;
}

static void free_changes(struct loading *l)
{
	map_deinit_values(&l->changes);
}

/* The files as the last process left them: which one was full and which active, and up to where. */
static int order_files(struct journal_backend *b, const struct journal_run runs[2], struct err *err)
{
	int64_t revision = b->settled_revision;

	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < 2; i++) {
			if (runs[i].end == runs[i].begin || runs[i].from_revision != revision)
				continue;
			b->active->state = b->active->used > 0 ? FILE_FULL : FILE_CLEAN;
			b->active = &b->files[i];
			b->active->state = FILE_ACTIVE;
			b->active->used = runs[i].end;
			revision = runs[i].revision;
			break;
		}
	}
	b->revision = revision;
	for (int i = 0; i < 2; i++) {
		if (runs[i].revision > revision)
			return err_set(err, ERR_INTERNAL,
				       "store: '%s/%s' is damaged: it builds on revision %lld, "
				       "which is nowhere",
				       b->dir, b->files[i].name, (long long)runs[i].from_revision);
	}
	return 0;
}

static int check_rest(struct journal_backend *b, int index, struct str bytes,
		      const struct journal_run *run, struct err *err)
{
	int64_t revision = run->revision ? run->revision : b->settled_revision;

	if (!journal_holds_later(str_slice(bytes, run->end, bytes.len), revision))
		return 0;
	return err_set(
		err, ERR_INTERNAL,
		"store: '%s/%s' is damaged at byte %zu: what was written after revision %lld "
		"cannot be read",
		b->dir, b->files[index].name, run->end, (long long)revision);
}

static int journal_load(struct store_backend *backend,
			int (*fn)(void *arg, const struct store_record *, struct err *), void *arg,
			int64_t *ret_revision, struct err *err)
{
	struct journal_backend *b = CONTAINER_OF(backend, struct journal_backend, backend);
	AUTO_MAPPING first = { 0 };
	AUTO_MAPPING second = { 0 };
	struct mapping *mappings[2] = { &first, &second };
	struct loading loading = { .fn = fn, .arg = arg };
	struct journal_run runs[2];
	struct run_changes run;
	int result = backend_revision_lmdb(b->lmdb, &b->settled_revision, err);

	for (int i = 0; i < 2 && result == 0; i++) {
		result = map_file(b, &b->files[i], b->files[i].capacity, mappings[i], err);
		journal_find_run(str_sub(mappings[i]->bytes, mappings[i]->size_bytes),
				 b->settled_revision, &runs[i]);
	}
	for (int i = 0; i < 2 && result == 0; i++)
		result = check_rest(b, i, str_sub(mappings[i]->bytes, mappings[i]->size_bytes),
				    &runs[i], err);
	if (result < 0 || order_files(b, runs, err) < 0)
		return -1;
	map_init(&loading.changes);
	for (int i = 0; i < 2 && result == 0; i++) { /* the older one first */
		const struct journal_file *file = i == 0 ? other_file(b) : b->active;
		size_t index = file == &b->files[0] ? 0 : 1;

		run_changes_init(&run, str_sub(mappings[index]->bytes, mappings[index]->size_bytes),
				 &runs[index]);
		result = collect_run(&loading, &run, err);
		if (result < 0)
			err_wrap(err, "store: '%s/%s' is damaged", b->dir, file->name);
	}
	if (result == 0)
		result = b->lmdb->ops->load(b->lmdb, load_if_current, &loading, ret_revision, err);
	if (result == 0)
		result = load_changes(&loading, err);
	free_changes(&loading);
	*ret_revision = b->revision;
	return result;
}

/* --- opening and closing --- */

static void journal_close(struct store_backend *backend)
{
	struct journal_backend *b = CONTAINER_OF(backend, struct journal_backend, backend);
	struct journal_file *files[] = { other_file(b), b->active };

	if (b->has_thread) {
		pthread_mutex_lock(&b->lock);
		b->is_stopping = true;
		pthread_cond_signal(&b->wake);
		pthread_mutex_unlock(&b->lock);
		pthread_join(b->thread, NULL);
	}
	for (int i = 0; i < 2; i++) {
		struct err err = { 0 };

		/* What stays in the journal is found there at the next start. */
		if (files[i]->state != FILE_CLEAN && files[i]->used > 0 &&
		    settle(b, files[i], &err) < 0) {
			log_debug("store", "settle at the end: %s", err.msg);
			break;
		}
	}
	for (int i = 0; i < 2; i++) {
		fd_close(&b->files[i].fd);
		mem_free(b->files[i].path);
	}
	fd_close(&b->dir_fd);
	b->lmdb->ops->close(b->lmdb);
	pthread_cond_destroy(&b->wake);
	pthread_cond_destroy(&b->settled);
	pthread_mutex_destroy(&b->lock);
	buf_deinit(&b->batch);
	mem_free(b->dir);
	mem_free(b);
}

static const struct store_backend_ops journal_ops = {
	.commit = journal_commit,
	.is_short = journal_is_short,
	.load = journal_load,
	.hold = journal_hold,
	.close = journal_close,
	.threaded = true,
};

static int open_file(struct journal_backend *b, struct journal_file *file, struct err *err)
{
	struct stat st;

	file->fd = openat(b->dir_fd, file->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (file->fd < 0 && errno == ENOENT)
		return 0;
	if (file->fd < 0 || fstat(file->fd, &st) < 0)
		return file_error(b, file, "open", err);
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)STORE_JOURNAL_LARGE_BYTES_MAX)
		return err_set(err, ERR_INTERNAL, "store: '%s/%s' is not a journal", b->dir,
			       file->name);
	file->capacity = (size_t)st.st_size;
	return 0;
}

/* The same with a journal in front of it, journal.c. */
static int backend_open_journal(const char *dir, size_t map_bytes, struct store_backend **ret,
				struct err *err)
{
	struct journal_backend *b;
	struct store_backend *lmdb;

	if (backend_open_lmdb(dir, map_bytes, &lmdb, err) < 0) /* locks the directory */
		return -1;
	b = NEW(struct journal_backend);
	b->backend.ops = &journal_ops;
	b->lmdb = lmdb;
	b->dir = mem_strdup(dir);
	b->files[0] = (struct journal_file){ .name = "journal.0", .fd = -1 };
	b->files[1] = (struct journal_file){ .name = "journal.1", .fd = -1 };
	for (size_t i = 0; i < ARRAY_COUNT(b->files); i++)
		b->files[i].path = mem_printf("%s/%s", dir, b->files[i].name);
	b->active = &b->files[0];
	b->active->state = FILE_ACTIVE;
	buf_init(&b->batch, STORE_JOURNAL_LARGE_BYTES_MAX);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->wake, NULL);
	pthread_cond_init(&b->settled, NULL);
	b->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->dir_fd < 0)
		err_os(err, "store: open '%s'", dir);
	if (b->dir_fd < 0 || open_file(b, &b->files[0], err) < 0 ||
	    open_file(b, &b->files[1], err) < 0) {
		journal_close(&b->backend);
		return -1;
	}
	*ret = &b->backend;
	return 0;
}

int store_open_lmdb(struct env *env, const char *dir, const struct store_options *options,
		    struct store **ret_store, struct err *err)
{
	struct store_backend *backend;

	if (backend_open_journal(dir, options ? options->map_bytes : 0, &backend, err) < 0)
		return -1;
	return store_start(env, backend, options, ret_store, err);
}
