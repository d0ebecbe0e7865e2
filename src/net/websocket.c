/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6455 frames, and the values of its handshake. */
#include "net/websocket.h"

#include <openssl/evp.h>
#include "net/limits.h"

void websocket_accept(struct str key, char to[WEBSOCKET_ACCEPT_BYTES])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *sha = EVP_MD_CTX_new();

	EVP_DigestInit_ex(sha, EVP_sha1(), NULL);
	EVP_DigestUpdate(sha, key.ptr ? key.ptr : "", key.len);
	EVP_DigestUpdate(sha, guid, sizeof(guid) - 1);
	EVP_DigestFinal_ex(sha, digest, NULL);
	EVP_MD_CTX_free(sha);
	EVP_EncodeBlock((unsigned char *)to, digest, 20);
}

bool websocket_is_request(const struct http_headers *h)
{
	return http_header_has_token(h, STR("Connection"), STR("upgrade")) &&
	       http_header_has_token(h, STR("Upgrade"), STR("websocket"));
}

/* Length field and what follows it. Returns the header's bytes, 0 when it is incomplete. */
static size_t header_bytes(const uint8_t *at, size_t len, uint64_t *ret_payload)
{
	size_t need = 2 + (at[1] & 0x80 ? 4 : 0);
	uint64_t payload = at[1] & 0x7f;
	int extra = payload == 126 ? 2 : payload == 127 ? 8 : 0;

	need += (size_t)extra;
	if (len < need)
		return 0;
	if (extra > 0)
		payload = 0;
	for (int i = 0; i < extra; i++)
		payload = payload << 8 | at[2 + i];
	*ret_payload = payload;
	return need;
}

int64_t websocket_decode_head(struct str bytes, bool from_client, struct websocket_head *ret, struct err *err)
{
	const uint8_t *at = (const uint8_t *)bytes.ptr;
	size_t header;

	if (bytes.len < 2)
		return 0;
	ret->is_masked = at[1] & 0x80;
	ret->opcode = at[0] & 0x0f;
	ret->is_final = at[0] & 0x80;
	if (at[0] & 0x70)
		return err_set(err, ERR_PARSE, "WebSocket frame with reserved bits");
	if (ret->opcode > WEBSOCKET_PONG || (ret->opcode > WEBSOCKET_BINARY && ret->opcode < WEBSOCKET_CLOSE))
		return err_set(err, ERR_PARSE, "WebSocket frame with unknown opcode %d", ret->opcode);
	if (ret->is_masked != from_client)
		return err_set(err, ERR_PARSE, "WebSocket frame %s a mask", ret->is_masked ? "with" : "without");
	if (ret->opcode >= WEBSOCKET_CLOSE && (!ret->is_final || (at[1] & 0x7f) > WEBSOCKET_CONTROL_BYTES_MAX))
		return err_set(err, ERR_PARSE, "WebSocket control frame is too long or in parts");
	header = header_bytes(at, bytes.len, &ret->payload_bytes);
	if (header > 0 && ret->is_masked)
		memcpy(ret->mask, at + header - sizeof(ret->mask), sizeof(ret->mask));
	return (int64_t)header;
}

void websocket_unmask(const struct websocket_head *head, char *payload, size_t len)
{
	for (size_t i = 0; head->is_masked && i < len; i++)
		payload[i] = (char)(payload[i] ^ head->mask[i % sizeof(head->mask)]);
}

int64_t websocket_decode(char *bytes, size_t len, bool from_client, struct websocket_frame *ret, struct err *err)
{
	struct websocket_head head;
	int64_t header = websocket_decode_head(str_sub(bytes, len), from_client, &head, err);

	if (header <= 0)
		return header;
	if (head.payload_bytes > WEBSOCKET_FRAME_BYTES_MAX)
		return err_set(err, ERR_TOO_LARGE, "WebSocket frame of %llu bytes",
			       (unsigned long long)head.payload_bytes);
	if (len - (size_t)header < head.payload_bytes)
		return 0;
	websocket_unmask(&head, bytes + header, (size_t)head.payload_bytes);
	*ret = (struct websocket_frame){ head.opcode, head.is_final,
					 str_sub(bytes + header, (size_t)head.payload_bytes) };
	return header + (int64_t)head.payload_bytes;
}

size_t websocket_encode_header(enum websocket_opcode opcode, size_t payload_bytes, char to[WEBSOCKET_HEADER_BYTES])
{
	size_t at = 0;

	to[at++] = (char)(0x80 | opcode);
	if (payload_bytes < 126) {
		to[at++] = (char)payload_bytes;
	} else if (payload_bytes <= 0xffff) {
		to[at++] = 126;
		to[at++] = (char)(payload_bytes >> 8);
		to[at++] = (char)payload_bytes;
	} else {
		to[at++] = 127;
		for (int shift = 56; shift >= 0; shift -= 8)
			to[at++] = (char)((uint64_t)payload_bytes >> shift);
	}
	return at;
}
