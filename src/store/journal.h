/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of the journal: batches of changes, one behind the other, each with a checksum and the
 * revision it builds on. Pure. A file is read from its begin; what is left of an earlier use of the
 * file lies behind the last batch and never builds on it, so reading ends there, as it does at a
 * batch that was cut off by a crash. Included by this folder only.
 */
#ifndef CUBE_STORE_JOURNAL_H
#define CUBE_STORE_JOURNAL_H

#include "base/buf.h"
#include "store/internal.h"

/*
 * A batch, in little endian:
 *   0 u32 magic   4 u32 checksum of all that follows   8 u32 bytes of the batch   12 u32 number of
 * changes 16 u64 revision it builds on   24 u64 revision after it and its changes, each u64 id, u32
 * record bytes (0: the record is deleted), the record as in record.c.
 */
#define JOURNAL_HEAD_BYTES 32
#define JOURNAL_CHANGE_HEAD_BYTES 12

/* Appends one batch made of writes (struct store_write by link). */
void journal_encode(const struct list *writes, int64_t from_revision, int64_t revision,
		    struct buf *to);
/* An upper bound of what journal_encode will append. */
size_t journal_size(const struct list *writes) PURE;

struct journal_batch {
	int64_t from_revision, revision;
	uint32_t change_count;
	struct str changes;
};
/* The batch at the begin of *bytes, which is moved behind it. False at the end: there is none, or a
 * damaged one. */
bool journal_next_batch(struct str *bytes, struct journal_batch *ret);
/* The next change of a batch; strings point into the journal's bytes. False at the end of the
 * batch, and with *err set when it makes no sense (its checksum was right, so it was written so).
 */
bool journal_next_change(struct journal_batch *batch, struct store_change *ret, struct err *err);

/* Which part of a file's bytes holds batches after revision: skips those that are older. */
struct journal_run {
	size_t begin, end; /* offsets; equal when there is none */
	int64_t from_revision, revision;
};
void journal_find_run(struct str bytes, int64_t revision, struct journal_run *ret);
/* Whether a batch after revision lies anywhere in bytes: what a crash cuts off is the last one, so
 * behind the end of a run there is none unless the run was damaged. */
bool journal_holds_later(struct str bytes, int64_t revision);

#endif
