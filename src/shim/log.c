/* SPDX-License-Identifier: Apache-2.0 */
/* See log.h. All lines of one read get one time and are written with one call. */
#include "shim/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/time.h"
#include "codec/json_quote.h"
#include "shim/limits.h"

#define OUT_BYTES_MAX (SHIM_CHUNK_BYTES * 16)

static int open_file(struct shim_log *log, int extra_flags, struct err *err)
{
	struct stat st;
	int fd = open(log->path, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC | O_NOFOLLOW | extra_flags, 0640);

	if (fd < 0 || fstat(fd, &st) < 0) {
		fd_close(&fd);
		return err_os(err, "log.path: open %s", log->path);
	}
	fd_close(&log->fd);
	log->fd = fd;
	log->size_bytes = (uint64_t)st.st_size;
	return 0;
}

int shim_log_open(struct shim_log *log, struct err *err)
{
	log->fd = -1;
	for (int i = 0; i < 2; i++)
		buf_init(&log->lines[i], SHIM_LINE_BYTES_MAX + 1);
	return log->format == SHIM_LOG_NONE ? 0 : open_file(log, 0, err);
}

int shim_log_reopen(struct shim_log *log, struct err *err)
{
	return log->format == SHIM_LOG_NONE ? 0 : open_file(log, 0, err);
}

void shim_log_close(struct shim_log *log)
{
	fd_close(&log->fd);
	for (int i = 0; i < 2; i++)
		buf_deinit(&log->lines[i]);
}

/* path.1 is the newest of the old ones. */
static void rotate(struct shim_log *log)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct err err;

	for (unsigned i = log->max_files - 1; i >= 1; i--) {
		snprintf(to, sizeof(to), "%s.%u", log->path, i);
		if (i == 1)
			snprintf(from, sizeof(from), "%s", log->path);
		else
			snprintf(from, sizeof(from), "%s.%u", log->path, i - 1);
		if (rename(from, to) < 0 && errno != ENOENT)
			return; /* goes on in the present file */
	}
	if (open_file(log, log->max_files == 1 ? O_TRUNC : 0, &err) < 0)
		fd_close(&log->fd);
}

/* Whole lines that the file has room for; 0: none. */
static size_t fitting(const struct shim_log *log, struct str lines)
{
	uint64_t room = log->max_size_bytes > log->size_bytes ? log->max_size_bytes - log->size_bytes : 0;
	const char *end;

	if (!log->max_size_bytes || lines.len <= room)
		return lines.len;
	end = memrchr(lines.ptr, '\n', (size_t)room);
	return end ? (size_t)(end - lines.ptr) + 1 : 0;
}

static void flush(struct shim_log *log, struct buf *out)
{
	struct str rest = buf_str(out);
	struct err err;

	while (rest.len > 0) {
		size_t len = fitting(log, rest), end = str_find_char(rest, '\n', 0);

		if (len == 0 && log->size_bytes > 0) {
			rotate(log);
			len = fitting(log, rest);
		}
		if (len == 0) /* longer than a whole file, or no new file can be had */
			len = end < rest.len ? end + 1 : rest.len;
		if (log->fd < 0 || fd_write_all(log->fd, rest.ptr, len, &err) < 0)
			log->dropped_bytes += len;
		else
			log->size_bytes += len;
		rest = str_slice(rest, len, rest.len);
	}
	buf_reset(out);
}

/* RFC 3339 with the zeros behind dropped, as Docker writes it. */
static void put_docker_time(struct buf *out, int64_t wall_ns)
{
	char text[TIME_TEXT_BYTES];
	size_t len = strlen(time_format_nano(wall_ns, text));

	len--; /* the Z */
	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	buf_put(out, text, len);
	buf_put_char(out, 'Z');
}

static void put_line(struct shim_log *log, struct buf *out, int stream, struct str line, bool whole, int64_t wall_ns)
{
	static const char *const names[] = { "", "stdout", "stderr" };
	char text[TIME_TEXT_BYTES];

	if (log->format == SHIM_LOG_CRI) {
		buf_put_c(out, time_format_nano(wall_ns, text));
		buf_put_char(out, ' ');
		buf_put_c(out, names[stream]);
		buf_put_c(out, whole ? " F " : " P ");
		buf_put_str(out, line);
	} else {
		if (whole)
			line.len++; /* the newline behind it belongs to the text here */
		buf_put_c(out, "{\"log\":");
		json_write_quoted(line, out);
		buf_put_c(out, ",\"stream\":\"");
		buf_put_c(out, names[stream]);
		buf_put_c(out, "\",\"time\":\"");
		put_docker_time(out, wall_ns);
		buf_put_c(out, "\"}");
	}
	buf_put_char(out, '\n');
	if (out->len > OUT_BYTES_MAX / 2)
		flush(log, out);
}

void shim_log_write(struct shim_log *log, int stream, struct str bytes, int64_t wall_ns)
{
	struct buf *held = &log->lines[stream - 1];
	AUTO_BUF out = { 0 };

	if (log->format == SHIM_LOG_NONE)
		return;
	buf_init(&out, OUT_BYTES_MAX);
	while (bytes.len > 0) {
		size_t end = str_find_char(bytes, '\n', 0);
		bool whole = end != SIZE_MAX;
		size_t take = whole ? end : bytes.len;
		size_t room = SHIM_LINE_BYTES_MAX - held->len;

		if (take > room) {
			take = room;
			whole = false;
		}
		if (held->len == 0 && whole) {
			put_line(log, &out, stream, str_slice(bytes, 0, take), true, wall_ns);
		} else {
			buf_put_str(held, str_slice(bytes, 0, take));
			if (whole) {
				size_t len = held->len;

				buf_put_char(held, '\n');
				put_line(log, &out, stream, str_sub(held->ptr, len), true, wall_ns);
				buf_reset(held);
			} else if (held->len == SHIM_LINE_BYTES_MAX) {
				put_line(log, &out, stream, buf_str(held), false, wall_ns);
				buf_reset(held);
			}
		}
		bytes = str_slice(bytes, take + (whole ? 1 : 0), bytes.len);
	}
	if (out.len > 0)
		flush(log, &out);
}

void shim_log_end(struct shim_log *log, int stream, int64_t wall_ns)
{
	struct buf *held = &log->lines[stream - 1];
	AUTO_BUF out = { 0 };

	if (held->len == 0)
		return;
	buf_init(&out, OUT_BYTES_MAX);
	put_line(log, &out, stream, buf_str(held), false, wall_ns);
	flush(log, &out);
	buf_reset(held);
}
