/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's log file: whole lines with a time and the stream, in the format of CRI ("<time> stdout F line") or of
 * Docker's json-file; rotated by size. What cannot be written is dropped, never waited for: a full disk must not stop
 * the container.
 */
#ifndef CUBE_SHIM_LOG_H
#define CUBE_SHIM_LOG_H

#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

enum shim_log_format { SHIM_LOG_NONE, SHIM_LOG_CRI, SHIM_LOG_JSON };

struct shim_log {
	enum shim_log_format format;
	const char *path;          /* absolute; borrowed */
	uint64_t max_size_bytes;   /* 0: never rotated */
	unsigned max_files;        /* with the current one; at least 1 */
	int fd;
	uint64_t size_bytes;
	struct buf lines[2];       /* unfinished line of stdout, stderr */
	uint64_t dropped_bytes;
};

int shim_log_open(struct shim_log *log, struct err *err) MUST_CHECK; /* the fields above fd are set */
/* stream 1 or 2. */
void shim_log_write(struct shim_log *log, int stream, struct str bytes, int64_t wall_ns);
/* The stream has ended: what is left of its last line is written as a part. */
void shim_log_end(struct shim_log *log, int stream, int64_t wall_ns);
int shim_log_reopen(struct shim_log *log, struct err *err) MUST_CHECK;
void shim_log_close(struct shim_log *log);

#endif
