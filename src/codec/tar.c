/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tar reader's frame: blocks in, entries and their data out. What extended headers say is in
 * tar_pax.c. The invariant: stored_left and padding_left are exactly the bytes between the read
 * position and the next header.
 */
#include "codec/tar.h"

#include <string.h>
#include "base/assert.h"
#include "base/num.h"
#include "codec/tar_internal.h"

void tar_init(struct tar_reader *t, int (*next)(void *arg, struct str *ret, struct err *err),
	      void *arg)
{
	*t = (struct tar_reader){ .next = next, .arg = arg };
	buf_init(&t->path, TAR_PATH_BYTES_MAX);
	buf_init(&t->link, TAR_PATH_BYTES_MAX);
	buf_init(&t->pax, TAR_PAX_BYTES_MAX);
	buf_init(&t->parts, TAR_SPARSE_PARTS_MAX * sizeof(struct tar_part));
	buf_init(&t->xattrs, TAR_XATTRS_MAX * sizeof(struct tar_xattr));
	buf_init(&t->xattr_bytes, 2 * TAR_PAX_BYTES_MAX);
}

void tar_deinit(struct tar_reader *t)
{
	buf_deinit(&t->path);
	buf_deinit(&t->link);
	buf_deinit(&t->pax);
	buf_deinit(&t->parts);
	buf_deinit(&t->xattrs);
	buf_deinit(&t->xattr_bytes);
}

/* True when there is at least one byte in t->piece; false at the end of input. */
static int tar_fill(struct tar_reader *t, struct err *err)
{
	while (t->piece.len == 0 && !t->input_ended) {
		if (t->next(t->arg, &t->piece, err) < 0)
			return -1;
		if (t->piece.len == 0)
			t->input_ended = true;
	}
	return t->piece.len != 0;
}

/* Up to max bytes of what is there. */
static int tar_take(struct tar_reader *t, int64_t max, struct str *ret, struct err *err)
{
	int more = tar_fill(t, err);

	if (more < 0)
		return -1;
	if (more == 0)
		return err_set(err, ERR_PARSE, "tar: unexpected end of archive");
	*ret = str_slice(t->piece, 0, (size_t)NUM_MIN((int64_t)t->piece.len, max));
	t->piece = str_slice(t->piece, ret->len, t->piece.len);
	return 0;
}

static int tar_skip(struct tar_reader *t, int64_t count, struct err *err)
{
	struct str part;

	while (count > 0) {
		if (tar_take(t, count, &part, err) < 0)
			return -1;
		count -= (int64_t)part.len;
	}
	return 0;
}

int tar_read_stored(struct tar_reader *t, struct buf *to, size_t count, struct err *err)
{
	struct str part;

	while (count > 0) {
		if (tar_take(t, (int64_t)count, &part, err) < 0)
			return -1;
		buf_put_str(to, part);
		if (buf_failed(to))
			return err_set(err, ERR_TOO_LARGE, "tar: header too large");
		count -= part.len;
	}
	return 0;
}

/* 1 with a block, 0 at a clean end of input. */
static int tar_block(struct tar_reader *t, unsigned char to[TAR_BLOCK_BYTES], struct err *err)
{
	size_t have = 0;
	struct str part;
	int more;

	while (have < TAR_BLOCK_BYTES) {
		more = tar_fill(t, err);
		if (more < 0)
			return -1;
		if (more == 0)
			break;
		if (tar_take(t, (int64_t)(TAR_BLOCK_BYTES - have), &part, err) < 0)
			return -1;
		memcpy(to + have, part.ptr, part.len);
		have += part.len;
	}
	if (have == 0)
		return 0;
	if (have < TAR_BLOCK_BYTES)
		return err_set(err, ERR_PARSE, "tar: unexpected end of archive");
	return 1;
}

static int tar_number(const unsigned char *field, size_t size, int64_t *ret, struct err *err)
{
	uint64_t value = 0;
	size_t i = 0;

	if (field[0] & 0x80) { /* base-256, two's complement */
		bool negative = field[0] & 0x40;
		unsigned char invert = negative ? 0xff : 0;

		for (i = 0; i < size; i++) {
			unsigned char c = (unsigned char)(field[i] ^ invert);

			if (i == 0)
				c &= 0x7f;
			if (value >> 55)
				return err_set(err, ERR_PARSE, "tar: number too large");
			value = value << 8 | c;
		}
		*ret = negative ? -(int64_t)value - 1 : (int64_t)value;
		return 0;
	}
	while (i < size && field[i] == ' ')
		i++;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++) {
		if (value >> 60)
			return err_set(err, ERR_PARSE, "tar: number too large");
		value = value << 3 | (unsigned char)(field[i] - '0');
	}
	for (; i < size; i++) {
		if (field[i] != ' ' && field[i] != '\0')
			return err_set(err, ERR_PARSE, "tar: invalid number in header");
	}
	*ret = (int64_t)value;
	return 0;
}

static int tar_check_sum(const unsigned char *block, struct err *err)
{
	int64_t want, sum_unsigned = 0, sum_signed = 0;

	if (tar_number(block + 148, 8, &want, err) < 0)
		return -1;
	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
		unsigned char c = i >= 148 && i < 156 ? ' ' : block[i];

		sum_unsigned += c;
		sum_signed += (signed char)c;
	}
	if (want != sum_unsigned && want != sum_signed)
		return err_set(err, ERR_PARSE, "tar: invalid header: checksum does not match");
	return 0;
}

static bool is_zero(const unsigned char *block)
{
	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
		if (block[i])
			return false;
	}
	return true;
}

static struct str field_text(const unsigned char *field, size_t size)
{
	return str_sub((const char *)field, strnlen((const char *)field, size));
}

/* The fields that every header has; extended ones replace them later. */
static int tar_decode_fields(struct tar_reader *t, const unsigned char *block, int64_t *ret_size,
			     struct err *err)
{
	bool is_ustar = memcmp(block + 257,
			       "ustar\0"
			       "00",
			       8) == 0;
	bool is_gnu = memcmp(block + 257, "ustar  ", 7) == 0;
	struct tar_entry *e = &t->entry;
	int64_t mode, uid, gid, major = 0, minor = 0;

	if (tar_number(block + 100, 8, &mode, err) < 0 ||
	    tar_number(block + 108, 8, &uid, err) < 0 ||
	    tar_number(block + 116, 8, &gid, err) < 0 ||
	    tar_number(block + 124, 12, ret_size, err) < 0 ||
	    tar_number(block + 136, 12, &e->mtime_seconds, err) < 0)
		return -1;
	if ((is_ustar || is_gnu) && (tar_number(block + 329, 8, &major, err) < 0 ||
				     tar_number(block + 337, 8, &minor, err) < 0))
		return -1;
	if (*ret_size < 0 || uid < 0 || uid > UINT32_MAX || gid < 0 || gid > UINT32_MAX ||
	    major < 0 || major > UINT32_MAX || minor < 0 || minor > UINT32_MAX)
		return err_set(err, ERR_PARSE, "tar: invalid header: number out of range");
	e->mode = (uint32_t)mode & 07777;
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	e->device_major = (uint32_t)major;
	e->device_minor = (uint32_t)minor;
	if (t->path.len == 0) {
		struct str prefix = is_ustar ? field_text(block + 345, 155) : STR_NONE;

		buf_put_str(&t->path, prefix);
		if (prefix.len)
			buf_put_char(&t->path, '/');
		buf_put_str(&t->path, field_text(block, 100));
	}
	if (t->link.len == 0)
		buf_put_str(&t->link, field_text(block + 157, 100));
	return 0;
}

static int64_t padding_of(int64_t size)
{
	return (TAR_BLOCK_BYTES - size % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES;
}

/* A GNU long name ('L') or link ('K') for the next header. */
static int tar_read_long(struct tar_reader *t, int64_t size, struct buf *to, struct err *err)
{
	if (size > (int64_t)TAR_PATH_BYTES_MAX + 1)
		return err_set(err, ERR_TOO_LARGE, "tar: name longer than %u bytes",
			       TAR_PATH_BYTES_MAX);
	buf_reset(&t->xattr_bytes);
	if (tar_read_stored(t, &t->xattr_bytes, (size_t)size, err) < 0 ||
	    tar_skip(t, padding_of(size), err) < 0)
		return -1;
	buf_reset(to);
	buf_put_str(to,
		    str_sub(t->xattr_bytes.ptr, strnlen(t->xattr_bytes.ptr, t->xattr_bytes.len)));
	buf_reset(&t->xattr_bytes);
	return buf_check(to, "tar: name", err);
}

static int tar_set_type(struct tar_reader *t, unsigned char flag, struct err *err)
{
	static const struct {
		char flag;
		enum tar_type type;
	} types[] = {
		{ '0', TAR_FILE },     { '\0', TAR_FILE },   { '7', TAR_FILE }, { 'S', TAR_FILE },
		{ '1', TAR_HARDLINK }, { '2', TAR_SYMLINK }, { '3', TAR_CHAR }, { '4', TAR_BLOCK },
		{ '5', TAR_DIR },      { '6', TAR_FIFO },
	};

	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		if (types[i].flag != (char)flag)
			continue;
		t->entry.type = types[i].type;
		if (flag == '\0' && t->path.len && t->path.ptr[t->path.len - 1] == '/')
			t->entry.type = TAR_DIR;
		return 0;
	}
	return err_set(err, ERR_PARSE, "tar: unsupported entry type 0x%02x", flag);
}

/* 'S': up to 4 parts here, 21 in each block that follows. */
static int tar_read_old_sparse(struct tar_reader *t, unsigned char *block, struct err *err)
{
	int64_t real_size;
	size_t at = 386, count = 4;
	bool extended = block[482];

	if (tar_number(block + 483, 12, &real_size, err) < 0)
		return -1;
	for (;;) {
		for (size_t i = 0; i < count && block[at + i * 24]; i++) {
			struct tar_part part;

			if (tar_number(block + at + i * 24, 12, &part.offset, err) < 0 ||
			    tar_number(block + at + i * 24 + 12, 12, &part.length, err) < 0)
				return -1;
			buf_put(&t->parts, &part, sizeof(part));
		}
		if (!extended)
			break;
		if (buf_failed(&t->parts))
			return err_set(err, ERR_TOO_LARGE, "tar: too many sparse parts");
		if (tar_block(t, block, err) <= 0)
			return err_set(err, ERR_PARSE, "tar: unexpected end of archive");
		at = 0;
		count = 21;
		extended = block[504];
	}
	t->is_sparse = true;
	t->entry.size_bytes = real_size;
	return 0;
}

/* Parts lie in order, within the file, and add up to what is stored. */
static int tar_check_parts(struct tar_reader *t, struct err *err)
{
	const struct tar_part *parts = (const struct tar_part *)t->parts.ptr;
	size_t count = t->parts.len / sizeof(*parts);
	int64_t end = 0, sum = 0;

	if (buf_failed(&t->parts))
		return err_set(err, ERR_TOO_LARGE, "tar: too many sparse parts");
	for (size_t i = 0; i < count; i++) {
		if (parts[i].offset < end || parts[i].length < 0 ||
		    parts[i].offset > t->entry.size_bytes ||
		    parts[i].length > t->entry.size_bytes - parts[i].offset)
			return err_set(err, ERR_PARSE, "tar: invalid sparse map");
		end = parts[i].offset + parts[i].length;
		sum += parts[i].length;
	}
	if (sum != t->stored_left)
		return err_set(err, ERR_PARSE, "tar: invalid sparse map");
	return 0;
}

static int tar_finish_entry(struct tar_reader *t, unsigned char *block, int64_t size,
			    struct err *err)
{
	struct tar_entry *e = &t->entry;
	struct tar_pax pax = { .size = size };

	if (tar_pax_apply(t, &pax, err) < 0 || tar_set_type(t, block[156], err) < 0)
		return -1;
	size = pax.size;
	t->stored_left = e->type == TAR_FILE ? size : 0;
	t->padding_left = padding_of(t->stored_left);
	e->size_bytes = t->stored_left;
	if (block[156] == 'S') {
		if (tar_read_old_sparse(t, block, err) < 0)
			return -1;
	} else if (pax.is_sparse && e->type == TAR_FILE) {
		t->is_sparse = true;
		e->size_bytes = pax.real_size;
		if (pax.map_in_data && tar_pax_read_map(t, err) < 0)
			return -1;
	}
	if (e->size_bytes < 0)
		return err_set(err, ERR_PARSE, "tar: invalid size");
	if (t->is_sparse && tar_check_parts(t, err) < 0)
		return -1;
	if (buf_failed(&t->path) || buf_failed(&t->link))
		return err_set(err, ERR_TOO_LARGE, "tar: name longer than %u bytes",
			       TAR_PATH_BYTES_MAX);
	if (t->path.len == 0 || memchr(t->path.ptr, 0, t->path.len) ||
	    memchr(t->link.ptr, 0, t->link.len))
		return err_set(err, ERR_PARSE, "tar: invalid name in header");
	e->path = buf_str(&t->path);
	e->link = buf_str(&t->link);
	e->xattrs = (const struct tar_xattr *)t->xattrs.ptr;
	e->xattr_count = t->xattrs.len / sizeof(struct tar_xattr);
	return 0;
}

static int tar_skip_entry(struct tar_reader *t, struct err *err)
{
	if (tar_skip(t, t->stored_left, err) < 0 || tar_skip(t, t->padding_left, err) < 0)
		return -1;
	t->stored_left = t->padding_left = 0;
	t->is_sparse = false;
	t->part_index = 0;
	t->part_at = 0;
	buf_reset(&t->path);
	buf_reset(&t->link);
	buf_reset(&t->pax);
	buf_reset(&t->parts);
	buf_reset(&t->xattrs);
	buf_reset(&t->xattr_bytes);
	t->entry = (struct tar_entry){ .type = TAR_FILE };
	return 0;
}

/* Headers that only describe the next one: 1 when it was one of those. */
static int tar_prelude(struct tar_reader *t, const unsigned char *block, struct err *err)
{
	int64_t size;

	if (!strchr("LKxgXV", block[156]) || !block[156])
		return 0;
	if (tar_number(block + 124, 12, &size, err) < 0)
		return -1;
	if (size < 0)
		return err_set(err, ERR_PARSE, "tar: invalid size");
	switch (block[156]) {
	case 'L':
		return tar_read_long(t, size, &t->path, err) < 0 ? -1 : 1;
	case 'K':
		return tar_read_long(t, size, &t->link, err) < 0 ? -1 : 1;
	case 'x':
	case 'X':
		buf_reset(&t->pax);
		if (size > (int64_t)TAR_PAX_BYTES_MAX)
			return err_set(err, ERR_TOO_LARGE, "tar: header too large");
		if (tar_read_stored(t, &t->pax, (size_t)size, err) < 0 ||
		    tar_skip(t, padding_of(size), err) < 0)
			return -1;
		return 1;
	default: /* global headers and volume labels say nothing about files */
		if (tar_skip(t, size, err) < 0 || tar_skip(t, padding_of(size), err) < 0)
			return -1;
		return 1;
	}
}

int tar_next(struct tar_reader *t, const struct tar_entry **ret, struct err *err)
{
	unsigned char block[TAR_BLOCK_BYTES];
	int64_t size;
	int r;

	if (t->ended)
		return 0;
	if (tar_skip_entry(t, err) < 0)
		return -1;
	for (;;) {
		r = tar_block(t, block, err);
		if (r < 0)
			return -1;
		if (r == 0 || is_zero(block)) {
			t->ended = true;
			return 0;
		}
		if (tar_check_sum(block, err) < 0)
			return -1;
		r = tar_prelude(t, block, err);
		if (r < 0)
			return -1;
		if (r == 0)
			break;
	}
	if (tar_decode_fields(t, block, &size, err) < 0 ||
	    tar_finish_entry(t, block, size, err) < 0)
		return -1;
	*ret = &t->entry;
	return 1;
}

int tar_data(struct tar_reader *t, int64_t *ret_offset, struct str *ret, struct err *err)
{
	const struct tar_part *part = (const struct tar_part *)t->parts.ptr;
	int64_t room = t->stored_left;

	if (t->stored_left == 0)
		return 0;
	if (t->is_sparse) {
		while (part[t->part_index].length == t->part_at) {
			t->part_index++;
			t->part_at = 0;
		}
		part += t->part_index;
		room = part->length - t->part_at;
		*ret_offset = part->offset + t->part_at;
	} else {
		*ret_offset = t->part_at;
	}
	if (tar_take(t, room, ret, err) < 0)
		return -1;
	t->part_at += (int64_t)ret->len;
	t->stored_left -= (int64_t)ret->len;
	return 1;
}

int tar_drain(struct tar_reader *t, struct err *err)
{
	int more;

	while ((more = tar_fill(t, err)) > 0)
		t->piece = STR_NONE;
	return more;
}
