/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a tar archive, in pieces of changing size: what comes out must add up. */
#include <stdint.h>
#include "base/assert.h"
#include "codec/tar.h"

struct pieces {
	struct str left;
	size_t size;
};

static int next_piece(void *arg, struct str *ret, struct err *err)
{
	struct pieces *p = arg;

	(void)err;
	*ret = str_slice(p->left, 0, p->size);
	p->left = str_slice(p->left, ret->len, p->left.len);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct pieces pieces = { { (const char *)bytes, size }, size % 700 + 1 };
	const struct tar_entry *e;
	struct tar_reader tar;
	int64_t offset, end;
	struct str part;

	tar_init(&tar, next_piece, &pieces);
	while (tar_next(&tar, &e, NULL) > 0) {
		ASSERT(e->path.len && e->path.ptr[e->path.len] == '\0' && strlen(e->path.ptr) == e->path.len);
		for (size_t i = 0; i < e->xattr_count; i++)
			ASSERT(strlen(e->xattrs[i].name.ptr) == e->xattrs[i].name.len);
		end = 0;
		while (tar_data(&tar, &offset, &part, NULL) > 0) {
			ASSERT(offset >= end && part.len > 0);
			end = offset + (int64_t)part.len;
			ASSERT(end <= e->size_bytes);
		}
	}
	tar_deinit(&tar);
	return 0;
}
