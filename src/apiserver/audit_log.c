/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as lines of a file. They gather here and are written by a pool thread, one write for all
 * that came meanwhile; a file that is full is renamed with the time in its name, as
 * "audit-2006-01-02T15-04-05.000.log".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "apiserver/audit_storing.h"
#include "apiserver/limits.h"
#include "apiserver/metrics.h"
#include "apiserver/registry.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/rate.h"
#include "base/time.h"
#include "loop/env.h"

#define COMPRESSED STR(".gz")
#define BLOCK_BYTES 65536
#define STAMP_BYTES (sizeof("-2006-01-02T15-04-05.000") - 1)

struct audit_log {
	struct work work;
	struct env *env;
	struct audit_log_options options;
	struct str path, dir, stem, suffix; /* "/var/log/", "audit", ".log" */
	struct arena arena;
	int fd;
	int64_t size;
	int64_t now_ns;
	struct buf waiting, writing;
	size_t waiting_count; /* events */
	struct timer later;   /* a batch becomes full, or may be written */
	struct rate rate;
	struct err err; /* of the last write */
	bool is_writing, is_failing, is_doomed;
	bool is_due; /* the batch waits for its turn alone */
	uint64_t lost;
	uint64_t number, writing_number, written_number; /* of the last event, and of those */
	struct list parts;				 /* of events that somebody waits for */
	struct registry *registry;			 /* NULL: the server is gone */
};

static void split_path(struct audit_log *log)
{
	struct str path = log->path;
	size_t slash = str_rfind_char(path, '/'), dot;

	log->dir = slash == SIZE_MAX ? STR("./") : str_slice(path, 0, slash + 1);
	log->stem = slash == SIZE_MAX ? path : str_slice(path, slash + 1, path.len);
	dot = str_rfind_char(log->stem, '.');
	log->suffix = dot == SIZE_MAX ? STR("") : str_slice(log->stem, dot, log->stem.len);
	log->stem = str_slice(log->stem, 0, log->stem.len - log->suffix.len);
}

static int open_file(struct audit_log *log, struct err *err)
{
	struct stat st;

	log->fd = open(log->path.ptr, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (log->fd < 0 || fstat(log->fd, &st) < 0)
		return err_os(err, "audit log %s", log->path.ptr);
	log->size = st.st_size;
	return 0;
}

static void on_later(struct timer *timer);

/* Answers that wait for their events are not kept waiting for others'. */
static const struct audit_batches *batches_of(const struct audit_log *log)
{
	static const struct audit_batches none = { 0 };

	return log->options.mode == AUDIT_BATCH ? &log->options.batches : &none;
}

int audit_log_new(struct registry *registry, const struct audit_log_options *options,
		  struct audit_log **ret, struct err *err)
{
	struct audit_log *log = NEW(struct audit_log);

	log->env = registry->env;
	log->registry = registry;
	list_init(&log->parts);
	log->options = *options;
	log->fd = -1;
	arena_init(&log->arena, ARENA_DEFAULT_MAX);
	buf_init(&log->waiting, AUDIT_QUEUE_BYTES_MAX);
	buf_init(&log->writing, AUDIT_QUEUE_BYTES_MAX);
	timer_init(&log->later, log->env, on_later);
	rate_init(&log->rate, batches_of(log)->per_second, (int64_t)batches_of(log)->burst,
		  env_mono_ns(log->env));
	log->path = str_from(str_c_in(&log->arena, str_from(options->path)));
	log->options.path = log->path.ptr;
	split_path(log);
	if (!str_eq_c(log->path, "-") && open_file(log, err) < 0) {
		audit_log_free(log);
		return -1;
	}
	*ret = log;
	return 0;
}

static void destroy(struct audit_log *log)
{
	timer_stop(&log->later);
	audit_parts_done(&log->parts, UINT64_MAX, false);
	fd_close(&log->fd);
	buf_deinit(&log->waiting);
	buf_deinit(&log->writing);
	arena_deinit(&log->arena);
	mem_free(log);
}

/* --- on a pool thread --- */

/* Whether a file of the folder is one of ours that was rotated away. */
static bool is_backup(const struct audit_log *log, struct str name)
{
	(void)str_strip_suffix(&name, COMPRESSED); /* with it or without */
	return name.len == log->stem.len + STAMP_BYTES + log->suffix.len &&
	       str_has_prefix(name, log->stem) && str_has_suffix(name, log->suffix) &&
	       name.ptr[log->stem.len] == '-';
}

static int compare_names(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)b, *(const struct str *)a);
}

/* Newest first; those beyond the number or the age go. */
static void remove_old(struct audit_log *log)
{
	DIR *dir = opendir(str_c_in(&log->arena, log->dir));
	AUTO_ARENA arena = { 0 };
	struct str *names;
	struct dirent *entry;
	struct stat st;
	size_t count = 0;

	if (!dir)
		return;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	names = arena_array(&arena, AUDIT_BACKUPS_MAX, sizeof(names[0]));
	while (count < AUDIT_BACKUPS_MAX && (entry = readdir(dir)))
		if (is_backup(log, str_from(entry->d_name)))
			names[count++] = str_in(&arena, str_from(entry->d_name));
	closedir(dir);
	qsort(names, count, sizeof(names[0]), compare_names);
	for (size_t i = 0; i < count; i++) {
		const char *path = path_join(&arena, log->dir, names[i]).ptr;
		bool is_many = log->options.backup_max && (int64_t)i >= log->options.backup_max;
		bool is_old = log->options.age_max_s && stat(path, &st) == 0 &&
			      st.st_mtime + log->options.age_max_s <
				      log->now_ns / TIME_NS_PER_SECOND;

		if ((is_many || is_old) && unlink(path) < 0)
			log_warn("apiserver", "audit log: cannot remove %s", path);
	}
}

static int compress_into(int from, gzFile to, const char *path, struct err *err)
{
	char block[BLOCK_BYTES];
	ssize_t len;

	while ((len = read(from, block, sizeof(block))) > 0)
		if (gzwrite(to, block, (unsigned)len) != (int)len)
			return err_os(err, "audit log: write %s", path);
	return len < 0 ? err_os(err, "audit log: read, for %s", path) : 0;
}

/* A file that cannot be compressed stays as it is. */
static void compress_file(struct arena *arena, struct str path)
{
	const char *to =
		str_printf_in(arena, STR_FMT STR_FMT, STR_ARG(path), STR_ARG(COMPRESSED)).ptr;
	AUTO_FD from = open(path.ptr, O_RDONLY | O_CLOEXEC),
		out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	gzFile gz = from < 0 || out < 0 ? NULL : gzdopen(out, "wb");
	struct err err = { 0 };
	int done;

	if (!gz) {
		log_warn("apiserver", "audit log: cannot compress %s", path.ptr);
		return;
	}
	(void)fd_take(&out); /* gzclose closes it */
	done = compress_into(from, gz, to, &err);
	if (gzclose(gz) != Z_OK && done == 0)
		done = err_os(&err, "audit log: write %s", to);
	if (done < 0)
		log_warn("apiserver", "%s", err.msg);
	if (unlink(done < 0 ? to : path.ptr) < 0)
		log_warn("apiserver", "audit log: cannot remove what became of %s", path.ptr);
}

static int rotate(struct audit_log *log, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	char stamp[TIME_TEXT_BYTES], *text;
	struct str name;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	text = (char *)str_c_in(&arena, str_slice(str_from(time_format_nano(log->now_ns, stamp)), 0,
						  STAMP_BYTES - 1));
	for (char *c = text; *c; c++)
		if (*c == ':')
			*c = '-';
	name = str_printf_in(&arena, STR_FMT STR_FMT "-%s" STR_FMT, STR_ARG(log->dir),
			     STR_ARG(log->stem), text, STR_ARG(log->suffix));
	if (rename(log->path.ptr, name.ptr) < 0)
		return err_os(err, "audit log: rename to %s", name.ptr);
	fd_close(&log->fd);
	if (log->options.compresses)
		compress_file(&arena, name);
	remove_old(log);
	return open_file(log, err);
}

static int write_out(struct audit_log *log, struct err *err)
{
	bool is_file = log->fd >= 0;

	if (is_file && log->options.size_max && log->size &&
	    log->size + (int64_t)log->writing.len > log->options.size_max && rotate(log, err) < 0)
		return -1;
	if (fd_write_all(is_file ? log->fd : STDOUT_FILENO, log->writing.ptr, log->writing.len,
			 err) < 0)
		return err_wrap(err, "audit log");
	log->size += (int64_t)log->writing.len;
	return 0;
}

static void run(struct work *work)
{
	struct audit_log *log = CONTAINER_OF(work, struct audit_log, work);

	log->err = (struct err){ 0 };
	log->is_failing = write_out(log, &log->err) < 0;
}

/* --- on the loop --- */

static void start_soon(struct audit_log *log);

static void count_failures(struct audit_log *log, uint64_t events)
{
	if (log->registry)
		log->registry->metrics->asking.audit_log_failures += events;
}

static void done(struct work *work)
{
	struct audit_log *log = CONTAINER_OF(work, struct audit_log, work);

	log->is_writing = false;
	buf_reset(&log->writing);
	if (log->is_failing) {
		log_error("apiserver", "%s", log->err.msg);
		count_failures(log, log->writing_number - log->written_number);
	}
	log->written_number = log->writing_number;
	audit_parts_done(&log->parts, log->writing_number, !log->is_failing);
	if (log->waiting.len)
		start_soon(log);
	else if (log->is_doomed)
		destroy(log);
}

/* Where the first count lines end. */
static size_t lines_end(struct str text, size_t count)
{
	size_t at = 0;

	while (count--)
		at = str_find_char(text, '\n', at) + 1; /* there are as many */
	return at;
}

/* What is one batch goes; the rest waits for the next. */
static void take_batch(struct audit_log *log)
{
	size_t event_max = batches_of(log)->event_max, end;
	struct buf all = log->waiting;

	if (log->is_doomed || !event_max || log->waiting_count <= event_max) {
		log->waiting = log->writing;
		log->writing = all;
		log->writing_number = log->number;
		log->waiting_count = 0;
		return;
	}
	end = lines_end(buf_str(&all), event_max);
	buf_put(&log->writing, all.ptr, end);
	buf_consume(&log->waiting, end);
	log->waiting_count -= event_max;
	log->writing_number = log->number - log->waiting_count;
}

static void start(struct audit_log *log)
{
	timer_stop(&log->later);
	log->is_due = false;
	take_batch(log);
	log->now_ns = env_wall_ns(log->env);
	log->is_writing = true;
	log->work = (struct work){ .run = run, .done = done };
	env_work(log->env, &log->work);
}

/* A batch that is full, or has waited, goes when its rate allows. */
static void start_soon(struct audit_log *log)
{
	const struct audit_batches *batches = batches_of(log);
	int64_t wait_ns;

	if (log->is_writing)
		return; /* what comes meanwhile is looked at when that is done */
	if (!log->is_due && !log->is_doomed && log->waiting_count < batches->event_max &&
	    batches->wait_ms) {
		if (!timer_is_running(&log->later))
			timer_start(&log->later, batches->wait_ms);
		return;
	}
	if (log->is_due && timer_is_running(&log->later))
		return; /* until its rate allows */
	log->is_due = true;
	wait_ns = log->is_doomed ? 0 : rate_take_ns(&log->rate, env_mono_ns(log->env));
	if (wait_ns)
		timer_start(&log->later, wait_ns / TIME_NS_PER_MS + 1);
	else
		start(log);
}

static void on_later(struct timer *timer)
{
	struct audit_log *log = CONTAINER_OF(timer, struct audit_log, later);

	log->is_due = true; /* it has waited long enough */
	start_soon(log);
}

void audit_log_put(struct audit_log *log, struct str event, struct audit_part *part)
{
	size_t queue_max = batches_of(log)->queue_max;

	if (log->waiting.len + event.len + 1 > AUDIT_QUEUE_BYTES_MAX ||
	    (queue_max && log->waiting_count >= queue_max)) {
		if (log->lost++ % AUDIT_LOST_REPORT == 0)
			log_error("apiserver", "audit log: the disk is too slow; %llu events lost",
				  (unsigned long long)log->lost);
		count_failures(log, 1);
		audit_part_done(part, false);
		return;
	}
	log->number++;
	if (part) {
		part->number = log->number;
		list_push_back(&log->parts, &part->link);
	}
	buf_put_str(&log->waiting, event);
	buf_put_char(&log->waiting, '\n');
	log->waiting_count++;
	start_soon(log);
}

void audit_log_free(struct audit_log *log)
{
	if (!log)
		return;
	log->registry = NULL;
	log->is_doomed =
		true; /* what is being written, and what waits behind it, is still written */
	if (log->is_writing)
		return;
	if (log->waiting.len)
		start(log);
	else
		destroy(log);
}
