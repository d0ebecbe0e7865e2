/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log reader: worker reads and decodes a piece -> loop delivers it -> next piece, or at the
 * file's end: done, or wait for inotify. While a worker runs, it alone touches the reading half of
 * struct reader.
 *
 * Rotation renames the file and makes a new one of its name: seen by the inode behind the path. The
 * old one is read to its end once more after that was seen, so that no line is lost.
 */
#include "container/log_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/time.h"
#include "container/limits.h"

struct segment {
	int stream;
	size_t len;
};

struct reader {
	struct log_read *request; /* NULL once stopped */
	struct env *env;
	struct work work;
	bool running, paused, finished, over;
	struct io_watch watch;
	int notify_fd;
	/* reading half */
	char *path;
	enum container_log_format format;
	int64_t tail_lines, since_ns, until_ns, left_bytes; /* left_bytes < 0: no bound */
	bool timestamps, want[3];
	int fd;
	int64_t offset,
		end; /* end: of the file as it was opened, where who does not follow stops */
	bool follows, opened, at_end, reached_bound, line_open[3];
	struct buf records, scratch, out, segments;
	size_t delivered_segments, delivered_bytes;
	bool failed;
	struct err err;
};

static void reader_free(struct reader *r)
{
	io_stop(&r->watch);
	fd_close(&r->notify_fd);
	fd_close(&r->fd);
	buf_deinit(&r->records);
	buf_deinit(&r->scratch);
	buf_deinit(&r->out);
	buf_deinit(&r->segments);
	mem_free(r->path);
	mem_free(r);
}

/* --- worker --- */

/* Where the last `lines` lines before end begin. */
static int find_tail(const struct reader *r, int64_t lines, int64_t *ret, struct err *err)
{
	char block[16384];
	int64_t at;
	bool last = true;

	*ret = r->end;
	if (lines == 0)
		return 0;
	for (at = r->end; at > 0;) {
		int64_t size = at < (int64_t)sizeof(block) ? at : (int64_t)sizeof(block);
		ssize_t n = pread(r->fd, block, (size_t)size, at - size);

		if (n != size)
			return err_os(err, "log file");
		for (int64_t i = size - 1; i >= 0; i--) {
			bool newline = block[i] == '\n';

			/* the newline at the very end closes the last line, it does not begin one
			 */
			if (newline && !(last && at - size + i == r->end - 1) && --lines == 0) {
				*ret = at - size + i + 1;
				return 0;
			}
			last = false;
		}
		at -= size;
	}
	*ret = 0;
	return 0;
}

static int open_log(struct reader *r, struct err *err)
{
	struct stat st;

	r->fd = open(r->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (r->fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND,
			       "failed to try resolving symlinks in path \"%s\": lstat %s: no such "
			       "file or "
			       "directory",
			       r->path, r->path);
	if (r->fd < 0)
		return err_os(err, "open %s", r->path);
	if (fstat(r->fd, &st) < 0)
		return err_os(err, "log file");
	r->offset = 0;
	r->end = st.st_size;
	if (!r->opened && r->tail_lines >= 0 && find_tail(r, r->tail_lines, &r->offset, err) < 0)
		return -1;
	r->opened = true;
	return 0;
}

static void put_segment(struct reader *r, int stream, struct str bytes)
{
	struct segment *last = (struct segment *)r->segments.ptr +
			       r->segments.len / sizeof(struct segment) - 1;

	if (r->left_bytes >= 0) {
		bytes = str_slice(bytes, 0, (size_t)r->left_bytes);
		r->left_bytes -= (int64_t)bytes.len;
		r->reached_bound = r->left_bytes == 0;
	}
	buf_put_str(&r->out, bytes);
	if (r->segments.len && last->stream == stream) {
		last->len += bytes.len;
	} else {
		struct segment s = { stream, bytes.len };

		buf_put(&r->segments, &s, sizeof(s));
	}
}

static void take_record(struct reader *r, struct str record)
{
	struct log_line line;
	char time[TIME_TEXT_BYTES + 1];

	/* A line that cannot be read (cut off by a crash) is left out, as upstream does. */
	if (r->reached_bound || log_line_parse(r->format, record, &r->scratch, &line, NULL) < 0)
		return;
	if (!r->want[line.stream] || line.at_ns < r->since_ns)
		return;
	if (r->until_ns && line.at_ns > r->until_ns) {
		r->reached_bound = true;
		return;
	}
	if (r->timestamps && !r->line_open[line.stream]) {
		time_format_nano(line.at_ns, time);
		put_segment(r, line.stream, str_from(time));
		if (!r->reached_bound)
			put_segment(r, line.stream, STR(" "));
	}
	r->line_open[line.stream] = line.partial;
	if (!r->reached_bound)
		put_segment(r, line.stream, line.text);
}

static void take_records(struct reader *r)
{
	struct str all = buf_str(&r->records);
	size_t at = 0;

	for (;;) {
		size_t end = str_find_char(all, '\n', at);

		if (end == SIZE_MAX)
			break;
		take_record(r, str_slice(all, at, end));
		at = end + 1;
	}
	buf_consume(&r->records, at);
	if (r->records.len > LOG_LINE_BYTES_MAX)
		buf_reset(&r->records); /* no line of ours is that long */
}

/* 1 when bytes were read, 0 at the end. */
static int read_piece(struct reader *r, struct err *err)
{
	void *room = buf_room(&r->records, LOG_PIECE_BYTES);
	size_t size = r->follows || r->end - r->offset > LOG_PIECE_BYTES
			      ? LOG_PIECE_BYTES
			      : (size_t)(r->end - r->offset);
	ssize_t n;

	if (!room)
		return err_set(err, ERR_TOO_LARGE, "log line is longer than %u bytes",
			       LOG_LINE_BYTES_MAX);
	do {
		n = pread(r->fd, room, size, r->offset);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_os(err, "read %s", r->path);
	buf_added(&r->records, (size_t)n);
	r->offset += n;
	return n > 0;
}

static bool was_rotated(const struct reader *r)
{
	struct stat there, ours;

	return stat(r->path, &there) == 0 && fstat(r->fd, &ours) == 0 &&
	       (there.st_ino != ours.st_ino || there.st_dev != ours.st_dev);
}

static int read_some(struct reader *r, struct err *err)
{
	int more;

	r->at_end = false;
	if (r->fd < 0 && open_log(r, err) < 0)
		return -1;
	more = read_piece(r, err);
	if (more == 0 && r->follows && was_rotated(r)) {
		more = read_piece(r, err); /* what came between the end and the renaming */
		if (more == 0) {
			fd_close(&r->fd);
			buf_reset(&r->records);
			if (open_log(r, err) < 0)
				return -1;
			more = read_piece(r, err);
		}
	}
	if (more < 0)
		return -1;
	r->at_end = more == 0;
	take_records(r);
	return 0;
}

static void read_run(struct work *work)
{
	struct reader *r = CONTAINER_OF(work, struct reader, work);

	r->failed = read_some(r, &r->err) < 0;
}

/* --- loop --- */

static void read_next(struct reader *r)
{
	if (r->running)
		return;
	r->running = true;
	buf_reset(&r->out);
	buf_reset(&r->segments);
	r->delivered_segments = r->delivered_bytes = 0;
	env_work(r->env, &r->work);
}

static void read_over(struct reader *r, const struct err *err)
{
	struct log_read *request = r->request;
	struct err why = err ? *err : (struct err){ 0 };

	request->impl = NULL;
	reader_free(r);
	request->done(request, err ? &why : NULL);
}

/* False when paused or stopped on the way. */
static bool deliver(struct reader *r)
{
	const struct segment *segments = (const struct segment *)r->segments.ptr;
	size_t count = r->segments.len / sizeof(*segments);

	while (r->delivered_segments < count) {
		const struct segment *s = &segments[r->delivered_segments++];
		struct str bytes = str_sub(r->out.ptr + r->delivered_bytes, s->len);

		r->delivered_bytes += s->len;
		r->running = true; /* so that a stop from inside does not free us */
		r->paused = bytes.len && !r->request->lines(r->request, s->stream, bytes);
		r->running = false;
		if (!r->request) {
			reader_free(r);
			return false;
		}
		if (r->paused)
			return false;
	}
	return true;
}

static void go_on(struct reader *r)
{
	bool finished = r->finished;

	if (!deliver(r))
		return;
	if (r->reached_bound) {
		read_over(r, NULL);
		return;
	}
	if (!r->at_end) {
		read_next(r);
		return;
	}
	/* The end was seen by a read that began after log_read_finish, or nobody follows. */
	if (!r->request->follow || (finished && r->over)) {
		read_over(r, NULL);
		return;
	}
	if (finished) {
		r->over = true;
		read_next(r);
		return;
	}
	io_update(&r->watch, IO_READ);
}

static void read_done(struct work *work)
{
	struct reader *r = CONTAINER_OF(work, struct reader, work);

	r->running = false;
	if (!r->request) {
		reader_free(r);
		return;
	}
	if (r->failed) {
		read_over(r, &r->err);
		return;
	}
	go_on(r);
}

static void notified(struct io_watch *watch, int events)
{
	struct reader *r = CONTAINER_OF(watch, struct reader, watch);
	char block[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	(void)events;
	while (read(r->notify_fd, block, sizeof(block)) > 0)
		;
	io_update(&r->watch, 0); /* until the file's end is reached again */
	read_next(r);
}

/* Before the first read, so that no change goes unseen. */
static int start_notify(struct reader *r, struct err *err)
{
	AUTO_FREE char *dir = str_dup_c(path_dir(str_from(r->path)));

	r->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (r->notify_fd < 0)
		return err_os(err, "inotify");
	if (inotify_add_watch(r->notify_fd, dir, IN_CREATE | IN_MOVED_TO | IN_MODIFY) < 0)
		return err_os(err, "watch %s", dir);
	r->watch.fn = notified;
	return io_start(r->env, &r->watch, r->notify_fd, 0, err);
}

static void refuse_run(struct work *work)
{
	(void)work;
}

void log_read_start(struct env *env, struct log_read *read)
{
	struct reader *r = NEW(struct reader);

	r->request = read;
	r->env = env;
	r->path = str_dup_c(read->path);
	r->format = read->format;
	r->tail_lines = read->tail_lines;
	r->since_ns = read->since_ns;
	r->until_ns = read->until_ns;
	r->left_bytes = read->limit_bytes > 0 ? read->limit_bytes : -1;
	r->timestamps = read->timestamps;
	r->follows = read->follow;
	r->want[1] = read->want_stdout;
	r->want[2] = read->want_stderr;
	r->fd = r->notify_fd = -1;
	buf_init(&r->records, 2 * LOG_LINE_BYTES_MAX + LOG_PIECE_BYTES);
	buf_init(&r->scratch, 2 * LOG_LINE_BYTES_MAX);
	buf_init(&r->out, 8 * LOG_LINE_BYTES_MAX);
	buf_init(&r->segments, 8 * LOG_LINE_BYTES_MAX);
	read->impl = r;
	r->work.run = read_run;
	r->work.done = read_done;
	if (read->follow && start_notify(r, &r->err) < 0) {
		r->failed = true;
		r->work.run = refuse_run;
	}
	read_next(r);
}

void log_read_resume(struct log_read *read)
{
	struct reader *r = read->impl;

	if (!r || !r->paused || r->running)
		return;
	r->paused = false;
	go_on(r);
}

void log_read_finish(struct log_read *read)
{
	struct reader *r = read->impl;

	if (!r || r->finished)
		return;
	r->finished = true;
	if (!r->running && !r->paused && r->at_end) {
		r->over = true;
		io_update(&r->watch, 0);
		read_next(r);
	}
}

void log_read_stop(struct log_read *read)
{
	struct reader *r = read->impl;

	if (!r)
		return;
	read->impl = NULL;
	r->request = NULL;
	io_stop(&r->watch);
	if (!r->running)
		reader_free(r);
}
