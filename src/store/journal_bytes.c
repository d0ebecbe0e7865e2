/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of the journal to bytes and back. Called by journal.c; nothing here touches a file. */
#include <endian.h>
#include <zlib.h>
#include "base/assert.h"
#include "store/journal.h"

#define MAGIC 0x6a627563u /* "cubj" */
#define MAGIC_LAST (MAGIC >> 24)

static void set_u32(char *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static void set_u64(char *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

static uint32_t get_u32(const char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static uint64_t get_u64(const char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

static uint32_t checksum(const char *batch, size_t size_bytes)
{
	return (uint32_t)crc32(0, (const unsigned char *)batch + 8, (unsigned int)(size_bytes - 8));
}

size_t journal_size(const struct list *writes)
{
	size_t size_bytes = JOURNAL_HEAD_BYTES;

	LIST_FOR_EACH (link, (struct list *)writes) {
		const struct store_write *w = LIST_ENTRY(link, struct store_write, link);

		for (size_t i = 0; i < w->op_count; i++) {
			size_bytes += JOURNAL_CHANGE_HEAD_BYTES;
			if (w->ops[i].type == STORE_PUT)
				size_bytes += RECORD_HEAD_BYTES + w->ops[i].key.len +
					      w->ops[i].value->len;
		}
	}
	return size_bytes;
}

static void put_change(struct buf *to, const struct store_op *op)
{
	struct store_record record;
	size_t record_bytes = 0;
	char *at;

	record_from_op(op, &record);
	if (op->type == STORE_PUT)
		record_bytes = store_record_size(&record);
	at = buf_room(to, JOURNAL_CHANGE_HEAD_BYTES + record_bytes);
	ASSERT(at); /* the buffer has room for journal_size() */
	set_u64(at, op->id);
	set_u32(at + 8, (uint32_t)record_bytes);
	if (record_bytes > 0)
		store_record_encode(&record, at + JOURNAL_CHANGE_HEAD_BYTES);
	buf_added(to, JOURNAL_CHANGE_HEAD_BYTES + record_bytes);
}

void journal_encode(const struct list *writes, int64_t from_revision, int64_t revision,
		    struct buf *to)
{
	size_t begin = to->len, size_bytes;
	uint32_t change_count = 0;
	char head[JOURNAL_HEAD_BYTES] = { 0 };
	char *at;

	buf_put(to, head, sizeof(head));
	LIST_FOR_EACH (link, (struct list *)writes) {
		const struct store_write *w = LIST_ENTRY(link, struct store_write, link);

		for (size_t i = 0; i < w->op_count; i++) {
			if (w->ops[i].type == STORE_CHECK)
				continue;
			put_change(to, &w->ops[i]);
			change_count++;
		}
	}
	at = to->ptr + begin;
	size_bytes = to->len - begin;
	set_u32(at, MAGIC);
	set_u32(at + 8, (uint32_t)size_bytes);
	set_u32(at + 12, change_count);
	set_u64(at + 16, (uint64_t)from_revision);
	set_u64(at + 24, (uint64_t)revision);
	set_u32(at + 4, checksum(at, size_bytes));
}

/* What the head says, which its sum has yet to prove. */
static bool read_head(struct str bytes, struct journal_batch *ret)
{
	size_t size_bytes;

	if (bytes.len < JOURNAL_HEAD_BYTES || get_u32(bytes.ptr) != MAGIC)
		return false;
	size_bytes = get_u32(bytes.ptr + 8);
	if (size_bytes < JOURNAL_HEAD_BYTES || size_bytes > bytes.len)
		return false;
	ret->change_count = get_u32(bytes.ptr + 12);
	ret->from_revision = (int64_t)get_u64(bytes.ptr + 16);
	ret->revision = (int64_t)get_u64(bytes.ptr + 24);
	ret->changes = str_slice(bytes, JOURNAL_HEAD_BYTES, size_bytes);
	return ret->from_revision >= 1 && ret->revision > ret->from_revision;
}

bool journal_next_batch(struct str *bytes, struct journal_batch *ret)
{
	size_t size_bytes;

	if (!read_head(*bytes, ret))
		return false;
	size_bytes = JOURNAL_HEAD_BYTES + ret->changes.len;
	if (get_u32(bytes->ptr + 4) != checksum(bytes->ptr, size_bytes))
		return false;
	*bytes = str_slice(*bytes, size_bytes, bytes->len);
	return true;
}

bool journal_next_change(struct journal_batch *batch, struct store_change *ret, struct err *err)
{
	struct str left = batch->changes;
	size_t record_bytes;

	if (batch->change_count == 0)
		return false;
	if (left.len < JOURNAL_CHANGE_HEAD_BYTES ||
	    get_u32(left.ptr + 8) > left.len - JOURNAL_CHANGE_HEAD_BYTES ||
	    get_u64(left.ptr) == 0) {
		err_set(err, ERR_PARSE, "a change of revision %lld is cut short",
			(long long)batch->revision);
		return false;
	}
	*ret = (struct store_change){ .record.id = get_u64(left.ptr) };
	record_bytes = get_u32(left.ptr + 8);
	ret->is_delete = record_bytes == 0;
	left = str_slice(left, JOURNAL_CHANGE_HEAD_BYTES, left.len);
	if (!ret->is_delete &&
	    store_record_decode(str_slice(left, 0, record_bytes), &ret->record, err) < 0) {
		err_wrap(err, "a change of revision %lld", (long long)batch->revision);
		return false;
	}
	batch->changes = str_slice(left, record_bytes, left.len);
	batch->change_count--;
	return true;
}

/* The file is megabytes of batches that LMDB has long had. So heads are looked for by the rarest of their letters, and
 * only one that claims to be later is worth its sum. */
bool journal_holds_later(struct str bytes, int64_t revision)
{
	const char *end = bytes.ptr + bytes.len, *at = bytes.ptr;
	struct journal_batch batch;

	while (at < end && (at = memchr(at, MAGIC_LAST, (size_t)(end - at)))) {
		struct str left;

		at++;
		if (at - bytes.ptr < (ptrdiff_t)sizeof(uint32_t))
			continue;
		left = str_slice(bytes, (size_t)(at - bytes.ptr) - sizeof(uint32_t), bytes.len);
		if (read_head(left, &batch) && batch.revision > revision && journal_next_batch(&left, &batch))
			return true;
	}
	return false;
}

void journal_find_run(struct str bytes, int64_t revision, struct journal_run *ret)
{
	struct str left = bytes;
	struct journal_batch batch;
	int64_t last = 0;

	*ret = (struct journal_run){ 0 };
	while (journal_next_batch(&left, &batch) && (last == 0 || batch.from_revision == last)) {
		size_t end = bytes.len - left.len;

		last = batch.revision;
		if (batch.revision <= revision) {
			*ret = (struct journal_run){ .begin = end, .end = end };
			continue;
		}
		if (ret->revision == 0) {
			ret->begin = end - JOURNAL_HEAD_BYTES - batch.changes.len;
			ret->from_revision = batch.from_revision;
		}
		ret->end = end;
		ret->revision = batch.revision;
	}
}
