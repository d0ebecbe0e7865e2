/* SPDX-License-Identifier: Apache-2.0 */
/* A token among the subprotocols that a WebSocket handshake offers, as upstream reads it. */
#include "apiserver/authn.h"
#include "codec/base64.h"
#include "net/websocket.h"

#define TOKEN_PREFIX "base64url.bearer.authorization.k8s.io."
#define OFFERS_NAME STR("Sec-WebSocket-Protocol")

static int decode(struct str text, struct arena *arena, struct str *ret, struct err *err)
{
	AUTO_BUF token = { 0 };

	buf_init(&token, text.len + 1);
	if (str_find_char(text, '=', 0) != SIZE_MAX || base64_url_decode(text, &token, err) < 0 ||
	    !str_is_utf8(buf_str(&token)))
		return err_set(err, ERR_UNAUTHORIZED,
			       "invalid base64.bearer.authorization token encoding");
	*ret = str_in(arena, buf_str(&token));
	return 0;
}

int websocket_token_of(struct http_exchange *x, struct str *ret, struct err *err)
{
	struct str value, offer, token = STR_NONE;
	size_t cursor = 0, others = 0;

	if (!websocket_is_request(&x->headers))
		return 0;
	while (http_header_next(&x->headers, OFFERS_NAME, &cursor, &value)) {
		while (str_next_part(&value, ',', &offer)) {
			offer = str_trim(offer);
			if (!str_strip_prefix(&offer, STR(TOKEN_PREFIX))) {
				others++;
				continue;
			}
			if (token.ptr)
				return err_set(err, ERR_UNAUTHORIZED,
					       "multiple base64.bearer.authorization tokens specified");
			if (decode(offer, &x->arena, &token, err) < 0)
				return -1;
		}
	}
	if (token.ptr && !others)
		return err_set(err, ERR_UNAUTHORIZED, "missing additional subprotocol");
	*ret = token;
	return token.len > 0;
}

static struct str without_token(struct str value, struct arena *arena)
{
	AUTO_BUF kept = { 0 };
	struct str offer;

	buf_init(&kept, value.len * 2 + 1);
	while (str_next_part(&value, ',', &offer)) {
		offer = str_trim(offer);
		if (str_has_prefix(offer, STR(TOKEN_PREFIX)))
			continue;
		if (kept.len)
			buf_put_char(&kept, ',');
		buf_put_str(&kept, offer);
	}
	return str_in(arena, buf_str(&kept));
}

void websocket_token_forget(struct http_exchange *x)
{
	for (size_t i = 0; i < x->headers.count; i++) {
		struct http_header *header = &x->headers.list[i];

		if (str_eq_nocase(header->name, OFFERS_NAME))
			header->value = without_token(header->value, &x->arena);
	}
}
