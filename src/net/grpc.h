/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gRPC clients and servers share (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md): status codes,
 * messages behind their five-byte prefix, the text of grpc-message and grpc-timeout.
 */
#ifndef CUBE_NET_GRPC_H
#define CUBE_NET_GRPC_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "net/limits.h"

enum grpc_code {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_ALREADY_EXISTS = 6,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_ABORTED = 10,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_DATA_LOSS = 15,
	GRPC_UNAUTHENTICATED = 16,
};

#define GRPC_PREFIX_BYTES 5

struct grpc_status {
	int code;
	char message[256];
};
void grpc_status_set(struct grpc_status *status, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A prefix and the message behind it. */
void grpc_frame(struct str message, struct buf *to);
/* Begins a frame in to; the message is appended by the caller; grpc_frame_end fills in its length.
 */
size_t grpc_frame_begin(struct buf *to);
void grpc_frame_end(struct buf *to, size_t begin);

/* Messages out of a stream of bytes; init buf with message_bytes_max + GRPC_PREFIX_BYTES. */
struct grpc_reader {
	struct buf buf;
	size_t message_bytes_max;
};
void grpc_reader_init(struct grpc_reader *r, size_t message_bytes_max);
void grpc_reader_deinit(struct grpc_reader *r);
/* Takes a share of *bytes: 1 with a whole message in *ret (borrowed until the next call), 0 when
 * more bytes are needed; < 0: ERR_TOO_LARGE, ERR_UNSUPPORTED (compressed, which nobody offered). */
int grpc_reader_next(struct grpc_reader *r, struct str *bytes, struct str *ret,
		     struct err *err) MUST_CHECK;
/* Bytes of an incomplete message are waiting. */
bool grpc_reader_is_inside(const struct grpc_reader *r) PURE;

/* grpc-message: percent-encoded where it is not printable ASCII. */
void grpc_message_encode(struct str text, struct buf *to);
void grpc_message_decode(struct str text, char *to, size_t to_bytes); /* cut when too long */
/* "5S", "100m": milliseconds; < 0 when it is not a timeout. */
int64_t grpc_timeout_parse(struct str text);

#endif
