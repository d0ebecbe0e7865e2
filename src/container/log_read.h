/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a container's log file, for `kubectl logs` and `docker logs`: both formats, from the end
 * or from a time on, and following it across rotation until the container has ended. Reading is
 * done on worker threads in bounded pieces, waiting by inotify; callbacks come on the loop.
 */
#ifndef CUBE_CONTAINER_LOG_READ_H
#define CUBE_CONTAINER_LOG_READ_H

#include "container/spec.h"
#include "loop/env.h"

/* One line of a log file, decoded. */
struct log_line {
	int64_t at_ns;
	int stream;	 /* 1 stdout, 2 stderr */
	bool partial;	 /* the program's line goes on in the next record */
	struct str text; /* with its newline, unless partial */
};

/* One record with or without its '\n'. text is borrowed from record, or for json-file from scratch
 * (reset first). */
int log_line_parse(enum container_log_format format, struct str record, struct buf *scratch,
		   struct log_line *ret, struct err *err) MUST_CHECK;

struct log_read {
	struct str path; /* kept by the caller until done */
	enum container_log_format format;
	int64_t tail_lines;	    /* < 0 = all */
	int64_t since_ns, until_ns; /* 0 = no bound */
	bool timestamps;	    /* "2024-01-02T03:04:05.123456789Z " before each line */
	bool want_stdout, want_stderr;
	bool follow;
	int64_t limit_bytes; /* 0 = none */
	/* Lines, as asked for; one stream a call. Return false to pause: log_read_resume goes on.
	 */
	bool (*lines)(struct log_read *read, int stream, struct str bytes);
	/* All was read, or it failed (ERR_NOT_FOUND when there is no file). Not after
	 * log_read_stop. */
	void (*done)(struct log_read *read, const struct err *err);
	void *owner;
	void *impl;
};
void log_read_start(struct env *env, struct log_read *read);
void log_read_resume(struct log_read *read);
/* The container has ended: what is in the file is still delivered, then done. Wakes a follower. */
void log_read_finish(struct log_read *read);
void log_read_stop(struct log_read *read); /* no callback after it; read may be freed */

#endif
