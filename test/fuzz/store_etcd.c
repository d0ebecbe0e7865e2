/* SPDX-License-Identifier: Apache-2.0 */
/* What an etcd peer sends: framed messages in pieces, decoded as every message spoken; what was
 * read is written and read again. The first byte picks the message. */
#include <stdlib.h>
#include "net/grpc.h"
#include "store/etcd_proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static const struct proto_message *const messages[] = {
	&etcd_range_answer_message, &etcd_txn_message,		&etcd_txn_answer_message,
	&etcd_watch_message,	    &etcd_watch_answer_message, &etcd_lease_answer_message,
	&etcd_compaction_message,   &etcd_range_message,
};

static void check(const struct proto_message *type, struct str message)
{
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };
	void *value, *again;
	struct err err;

	arena_init(&arena, 256 << 20);
	buf_init(&text, 16 << 20);
	value = arena_alloc(&arena, type->size_bytes);
	again = arena_alloc(&arena, type->size_bytes);
	if (proto_decode(type, message, &arena, value, &err) < 0)
		return;
	proto_encode(type, value, &text);
	if (text.len != proto_size(type, value) ||
	    proto_decode(type, buf_str(&text), &arena, again, &err) < 0 ||
	    proto_size(type, again) != text.len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct grpc_reader r;
	struct str message;
	struct err err;
	size_t step;

	if (size_bytes < 2)
		return 0;
	step = 1 + bytes[1];
	check(messages[bytes[0] % ARRAY_COUNT(messages)],
	      str_sub((const char *)bytes + 2, size_bytes - 2));
	grpc_reader_init(&r, 1000);
	for (size_t at = 2; at < size_bytes; at += step) {
		struct str rest = str_sub((const char *)bytes + at,
					  size_bytes - at < step ? size_bytes - at : step);
		int got;

		while ((got = grpc_reader_next(&r, &rest, &message, &err)) > 0)
			check(messages[bytes[0] % ARRAY_COUNT(messages)], message);
		if (got < 0)
			break;
	}
	grpc_reader_deinit(&r);
	return 0;
}
