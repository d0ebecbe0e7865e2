/* SPDX-License-Identifier: Apache-2.0 */
/* libarchive's filters under its "raw" format: no archive format of libarchive's is ever enabled. */
#include "image/inflate.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "image/content.h"
#include "image/limits.h"

#define INFLATE_READ_BYTES (128u << 10)

struct inflate {
	struct archive *archive;
	const atomic_bool *cancel;
	void *hash;
	int fd;
	int os_errno;           /* of a failed read */
	int64_t in_bytes, out_bytes;
	bool opened, ended;
	char buffer[INFLATE_READ_BYTES];
};

static la_ssize_t inflate_read(struct archive *archive, void *arg, const void **ret)
{
	struct inflate *in = arg;
	ssize_t n;

	do {
		n = read(in->fd, in->buffer, sizeof(in->buffer));
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		in->os_errno = errno;
		archive_set_error(archive, errno, "read failed");
		return -1;
	}
	in->in_bytes += n;
	*ret = in->buffer;
	return n;
}

struct inflate *inflate_new(int fd, const atomic_bool *cancel)
{
	struct inflate *in = NEW(struct inflate);

	in->fd = fd;
	in->cancel = cancel;
	in->hash = digest_new();
	in->archive = archive_read_new();
	ASSERT(in->archive);
	archive_read_support_filter_gzip(in->archive);
	archive_read_support_filter_zstd(in->archive);
	archive_read_support_format_raw(in->archive);
	archive_read_support_format_empty(in->archive);
	return in;
}

void inflate_free(struct inflate *in)
{
	if (!in)
		return;
	digest_free(in->hash);
	archive_read_free(in->archive);
	mem_free(in);
}

void inflate_free_at(struct inflate **in)
{
	inflate_free(*in);
}

static int inflate_failed(struct inflate *in, struct err *err)
{
	const char *why = archive_error_string(in->archive);

	if (in->os_errno)
		return err_neg(err, -in->os_errno, "read");
	return err_set(err, ERR_PARSE, "decompress: %s", why ? why : "invalid data");
}

static int inflate_open(struct inflate *in, struct err *err)
{
	struct archive_entry *entry;
	int r;

	in->opened = true;
	if (archive_read_open(in->archive, in, NULL, inflate_read, NULL) != ARCHIVE_OK)
		return inflate_failed(in, err);
	r = archive_read_next_header(in->archive, &entry);
	if (r == ARCHIVE_EOF)
		in->ended = true;
	else if (r != ARCHIVE_OK)
		return inflate_failed(in, err);
	return 0;
}

int inflate_next(void *inflate, struct str *ret, struct err *err)
{
	struct inflate *in = inflate;
	const void *piece;
	size_t size = 0;
	la_int64_t offset;
	int r;

	if (in->cancel && atomic_load_explicit(in->cancel, memory_order_relaxed))
		return err_set(err, ERR_CANCELLED, "context canceled");
	if (!in->opened && inflate_open(in, err) < 0)
		return -1;
	while (!in->ended && size == 0) {
		r = archive_read_data_block(in->archive, &piece, &size, &offset);
		if (r == ARCHIVE_EOF)
			in->ended = true;
		else if (r != ARCHIVE_OK)
			return inflate_failed(in, err);
	}
	if (in->ended) {
		*ret = STR_NONE;
		return 0;
	}
	in->out_bytes += (int64_t)size;
	if (in->out_bytes > INFLATE_FREE_BYTES && in->out_bytes / INFLATE_RATIO_MAX > in->in_bytes)
		return err_set(err, ERR_TOO_LARGE, "decompress: more than %d times the size", INFLATE_RATIO_MAX);
	*ret = str_sub(piece, size);
	digest_add(in->hash, *ret);
	return 0;
}

void inflate_digest(struct inflate *in, char ret[IMAGE_DIGEST_BYTES])
{
	digest_end(in->hash, ret);
	in->hash = NULL;
}

const char *inflate_compression(const struct inflate *in)
{
	switch (archive_filter_code(in->archive, 0)) {
	case ARCHIVE_FILTER_GZIP:
		return "gzip";
	case ARCHIVE_FILTER_ZSTD:
		return "zstd";
	default:
		return "";
	}
}
