/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 6455 over an upgraded connection: handshake values, frame decoding and encoding. Whoever uses
 * it gets whole messages' fragments in order, control frames answered.
 */
#ifndef CUBE_NET_WEBSOCKET_H
#define CUBE_NET_WEBSOCKET_H

#include "base/buf.h"
#include "base/err.h"
#include "net/conn.h"
#include "net/http.h"

enum websocket_opcode {
	WEBSOCKET_CONTINUATION = 0,
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10,
};

#define WEBSOCKET_ACCEPT_BYTES 29 /* base64 of a SHA-1, and NUL */
#define WEBSOCKET_HEADER_BYTES 14
#define WEBSOCKET_CONTROL_BYTES_MAX 125 /* RFC 6455, section 5.5 */

struct websocket_frame {
	enum websocket_opcode opcode;
	bool is_final;
	struct str payload; /* unmasked, in place */
};

/* Sec-WebSocket-Accept for a key. */
void websocket_accept(struct str key, char to[WEBSOCKET_ACCEPT_BYTES]);
/* True when a request asks for an upgrade to WebSocket (Connection: upgrade, Upgrade: websocket). */
bool websocket_is_request(const struct http_headers *h) PURE;
/* What stands before a frame's payload. */
struct websocket_head {
	enum websocket_opcode opcode;
	bool is_final, is_masked;
	char mask[4];
	uint64_t payload_bytes; /* of any size: the caller bounds it */
};
/* Returns its bytes, 0 when more is needed, < 0 when it breaks the protocol. */
int64_t websocket_decode_head(struct str bytes, bool from_client, struct websocket_head *ret,
			      struct err *err) MUST_CHECK;
void websocket_unmask(const struct websocket_head *head, char *payload, size_t len);
/* One frame from the front of bytes, which are changed (unmasked). Returns the bytes it took, 0
 * when more is needed, < 0 when it breaks the protocol (reserved bits, wrong masking, oversized or
 * fragmented control, frame beyond the limit). */
int64_t websocket_decode(char *bytes, size_t len, bool from_client, struct websocket_frame *ret,
			 struct err *err) MUST_CHECK;
/* Header of an unmasked (server's) frame. Returns its length. */
size_t websocket_encode_header(enum websocket_opcode opcode, size_t payload_bytes,
			       char to[WEBSOCKET_HEADER_BYTES]);

#endif
