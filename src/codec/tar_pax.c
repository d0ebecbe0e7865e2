/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended (pax) headers: records "<length> <key>=<value>\n" that replace header fields, add
 * extended attributes, or describe GNU's sparse files (forms 0.0, 0.1 and 1.0). Called by tar.c for
 * each entry.
 */
#include <string.h>
#include "base/num.h"
#include "codec/tar_internal.h"

static int pax_number(struct str value, int64_t *ret, struct err *err)
{
	return num_parse_i64(value, 0, INT64_MAX, "tar: pax number", ret, err);
}

static int pax_id(struct str value, uint32_t *ret, struct err *err)
{
	uint64_t number;

	if (num_parse_u64(value, UINT32_MAX, "tar: pax id", &number, err) < 0)
		return -1;
	*ret = (uint32_t)number;
	return 0;
}

/* "[-]seconds[.fraction]" */
static int pax_time(struct str value, struct tar_entry *e, struct err *err)
{
	struct str whole, fraction;
	uint32_t ns = 0, unit = 100000000;
	bool negative = str_has_prefix(value, STR("-"));

	str_cut(value, '.', &whole, &fraction);
	if (num_parse_i64(whole, INT64_MIN / 2, INT64_MAX / 2, "tar: pax mtime", &e->mtime_seconds,
			  err) < 0)
		return -1;
	for (size_t i = 0; i < fraction.len; i++, unit /= 10) {
		if (fraction.ptr[i] < '0' || fraction.ptr[i] > '9')
			return err_set(err, ERR_PARSE, "tar: invalid pax mtime");
		ns += (uint32_t)(fraction.ptr[i] - '0') * unit;
	}
	if (negative && ns) {
		e->mtime_seconds--;
		ns = 1000000000 - ns;
	}
	e->mtime_ns = ns;
	return 0;
}

static int pax_name(struct str value, struct buf *to, struct err *err)
{
	if (value.len ==
	    0) /* an empty value takes the record back: the header's own field counts */
		return 0;
	buf_reset(to);
	buf_put_str(to, value);
	return buf_check(to, "tar: name", err);
}

/* "0,10,20,5": form 0.1 */
static int pax_sparse_map(struct tar_reader *t, struct str value, struct err *err)
{
	struct str first, second;

	buf_reset(&t->parts);
	while (value.len && str_next_part(&value, ',', &first)) {
		struct tar_part part;

		if (!value.ptr || !str_next_part(&value, ',', &second))
			return err_set(err, ERR_PARSE, "tar: invalid sparse map");
		if (pax_number(first, &part.offset, err) < 0 ||
		    pax_number(second, &part.length, err) < 0)
			return -1;
		buf_put(&t->parts, &part, sizeof(part));
		if (!value.ptr)
			break;
	}
	return 0;
}

static int pax_sparse(struct tar_reader *t, struct tar_pax *pax, struct str key, struct str value,
		      struct err *err)
{
	struct tar_part part;

	pax->is_sparse = true;
	if (str_eq_c(key, "name")) {
		pax->has_sparse_name =
			true; /* "path" is made up in this form, and may come later */
		return pax_name(value, &t->path, err);
	}
	if (str_eq_c(key, "size") || str_eq_c(key, "realsize"))
		return pax_number(value, &pax->real_size, err);
	if (str_eq_c(key, "map"))
		return pax_sparse_map(t, value, err);
	if (str_eq_c(key, "major")) {
		if (!str_eq_c(value, "1") && !str_eq_c(value, "0"))
			return err_set(err, ERR_PARSE, "tar: unsupported sparse format");
		pax->map_in_data = str_eq_c(value, "1");
		return 0;
	}
	if (str_eq_c(key, "offset")) { /* form 0.0: pairs of offset and numbytes */
		part = (struct tar_part){ .length = -1 };
		if (pax_number(value, &part.offset, err) < 0)
			return -1;
		buf_put(&t->parts, &part, sizeof(part));
		return 0;
	}
	if (str_eq_c(key, "numbytes")) {
		if (t->parts.len < sizeof(part))
			return err_set(err, ERR_PARSE, "tar: invalid sparse map");
		memcpy(&part, t->parts.ptr + t->parts.len - sizeof(part), sizeof(part));
		if (pax_number(value, &part.length, err) < 0)
			return -1;
		memcpy(t->parts.ptr + t->parts.len - sizeof(part), &part, sizeof(part));
	}
	return 0;
}

static int pax_xattr(struct tar_reader *t, struct str name, struct str value, struct err *err)
{
	struct tar_xattr xattr;
	size_t at = t->xattr_bytes.len;

	if (name.len == 0 || name.len > 255 || memchr(name.ptr, 0, name.len))
		return err_set(err, ERR_PARSE, "tar: invalid name of an extended attribute");
	buf_put_str(&t->xattr_bytes, name);
	buf_put_char(&t->xattr_bytes, '\0');
	buf_put_str(&t->xattr_bytes, value);
	if (buf_failed(&t->xattr_bytes))
		return err_set(err, ERR_TOO_LARGE, "tar: extended attributes too large");
	/* Offsets for now: the bytes may still move. */
	xattr.name = (struct str){ (const char *)at, name.len };
	xattr.value = (struct str){ (const char *)(at + name.len + 1), value.len };
	buf_put(&t->xattrs, &xattr, sizeof(xattr));
	if (buf_failed(&t->xattrs))
		return err_set(err, ERR_TOO_LARGE, "tar: more than %u extended attributes",
			       TAR_XATTRS_MAX);
	return 0;
}

static int pax_record(struct tar_reader *t, struct tar_pax *pax, struct str key, struct str value,
		      struct err *err)
{
	struct tar_entry *e = &t->entry;

	if (str_strip_prefix(&key, STR("SCHILY.xattr.")))
		return pax_xattr(t, key, value, err);
	if (str_strip_prefix(&key, STR("GNU.sparse.")))
		return pax_sparse(t, pax, key, value, err);
	if (str_eq_c(key, "path"))
		return pax->has_sparse_name ? 0 : pax_name(value, &t->path, err);
	if (str_eq_c(key, "linkpath"))
		return pax_name(value, &t->link, err);
	if (value.len == 0)
		return 0;
	if (str_eq_c(key, "size"))
		return pax_number(value, &pax->size, err);
	if (str_eq_c(key, "uid"))
		return pax_id(value, &e->uid, err);
	if (str_eq_c(key, "gid"))
		return pax_id(value, &e->gid, err);
	if (str_eq_c(key, "mtime"))
		return pax_time(value, e, err);
	return 0;
}

int tar_pax_apply(struct tar_reader *t, struct tar_pax *pax, struct err *err)
{
	struct str rest = buf_str(&t->pax), digits, record, key, value;
	struct tar_xattr *xattrs;
	uint64_t length;

	while (rest.len && rest.ptr[0] != '\0') {
		str_cut(rest, ' ', &digits, &record);
		if (num_parse_u64(digits, rest.len, "tar: pax record", &length, err) < 0)
			return -1;
		if (length <= digits.len + 1 || rest.ptr[length - 1] != '\n')
			return err_set(err, ERR_PARSE, "tar: invalid pax record");
		record = str_sub(rest.ptr + digits.len + 1, (size_t)length - digits.len - 2);
		if (!str_cut(record, '=', &key, &value) || key.len == 0)
			return err_set(err, ERR_PARSE, "tar: invalid pax record");
		if (pax_record(t, pax, key, value, err) < 0)
			return -1;
		rest = str_slice(rest, (size_t)length, rest.len);
	}
	xattrs = (struct tar_xattr *)t->xattrs.ptr;
	for (size_t i = 0; i < t->xattrs.len / sizeof(*xattrs); i++) {
		xattrs[i].name.ptr = t->xattr_bytes.ptr + (uintptr_t)xattrs[i].name.ptr;
		xattrs[i].value.ptr = t->xattr_bytes.ptr + (uintptr_t)xattrs[i].value.ptr;
	}
	return 0;
}

/* One decimal line; refills t->pax by blocks. */
static int map_number(struct tar_reader *t, size_t *at, int64_t *ret, struct err *err)
{
	for (;;) {
		size_t end = str_find_char(buf_str(&t->pax), '\n', *at);

		if (end != SIZE_MAX) {
			int r = pax_number(str_slice(buf_str(&t->pax), *at, end), ret, err);

			*at = end + 1;
			return r;
		}
		if (t->pax.len - *at > 20 || t->stored_left < (int64_t)TAR_BLOCK_BYTES)
			return err_set(err, ERR_PARSE, "tar: invalid sparse map");
		buf_consume(&t->pax, *at);
		*at = 0;
		if (tar_read_stored(t, &t->pax, TAR_BLOCK_BYTES, err) < 0)
			return -1;
		t->stored_left -= TAR_BLOCK_BYTES;
	}
}

int tar_pax_read_map(struct tar_reader *t, struct err *err)
{
	int64_t count;
	size_t at = 0;

	buf_reset(&t->pax);
	buf_reset(&t->parts);
	if (map_number(t, &at, &count, err) < 0)
		return -1;
	if (count > (int64_t)TAR_SPARSE_PARTS_MAX)
		return err_set(err, ERR_TOO_LARGE, "tar: too many sparse parts");
	for (int64_t i = 0; i < count; i++) {
		struct tar_part part;

		if (map_number(t, &at, &part.offset, err) < 0 ||
		    map_number(t, &at, &part.length, err) < 0)
			return -1;
		buf_put(&t->parts, &part, sizeof(part));
	}
	return 0;
}
