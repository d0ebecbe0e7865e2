/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Negotiation of upgrades, with upstream's answers: WebSocket subprotocols as
 * golang.org/x/net/websocket takes them, SPDY by X-Stream-Protocol-Version as k8s.io/apimachinery
 * does.
 */
#include "net/limits.h"
#include "net/remote_internal.h"
#include "net/websocket.h"

int remote_refuse(struct http_exchange *x, int status, const struct http_headers *headers, struct err *err)
{
	struct str text = str_printf_in(&x->arena, "%s\n", err->msg);
	size_t count = headers ? headers->count : 0;
	struct http_header *list = arena_array(&x->arena, count + 2, sizeof(*list));

	if (count > 0)
		memcpy(list, headers->list, count * sizeof(*list));
	list[count++] = HTTP_HEADER(STR("Content-Type"), STR("text/plain; charset=utf-8"));
	list[count++] = HTTP_HEADER(STR("X-Content-Type-Options"), STR("nosniff"));
	http_respond(x, status, &(struct http_headers){ list, count }, &HTTP_BYTES(text), 1);
	return -1;
}

/* All comma-separated values of a header, in order. */
static size_t read_offers(const struct http_headers *h, struct str name, struct str offers[WEBSOCKET_OFFERS_MAX])
{
	size_t cursor = 0, count = 0;
	struct str value, part;

	while (http_header_next(h, name, &cursor, &value)) {
		while (str_next_part(&value, ',', &part)) {
			part = str_trim(part);
			if (part.len > 0 && count < WEBSOCKET_OFFERS_MAX)
				offers[count++] = part;
		}
	}
	return count;
}

static bool choose(const struct str *offers, size_t offer_count, const struct str *ours, size_t our_count,
		   size_t *ret_index)
{
	for (size_t i = 0; i < offer_count; i++) {
		for (size_t k = 0; k < our_count; k++) {
			if (str_eq(offers[i], ours[k])) {
				*ret_index = k;
				return true;
			}
		}
	}
	return false;
}

/* An empty name among ours stands for a client that names none; NULL takes what the client names first. */
int websocket_handshake(struct http_exchange *x, const struct str *ours, size_t our_count,
			struct websocket_answer *ret, struct err *err)
{
	struct str offers[WEBSOCKET_OFFERS_MAX], key = http_header_get(&x->headers, STR("Sec-WebSocket-Key"));
	size_t offer_count = read_offers(&x->headers, STR("Sec-WebSocket-Protocol"), offers);
	struct http_header version = HTTP_HEADER(STR("Sec-WebSocket-Version"), STR("13"));
	char accept[WEBSOCKET_ACCEPT_BYTES];

	if (x->method != HTTP_GET || key.len == 0 || x->version != 11) {
		(void)err_set(err, ERR_BAD_REQUEST, "Bad Request");
		return remote_refuse(x, 400, NULL, err);
	}
	if (!str_eq(http_header_get(&x->headers, version.name), version.value)) {
		(void)err_set(err, ERR_BAD_REQUEST, "missing or bad WebSocket Version");
		return remote_refuse(x, 400, &(struct http_headers){ &version, 1 }, err);
	}
	if (offer_count == 0)
		offers[offer_count++] = STR("");
	ret->index = 0;
	if (ours && !choose(offers, offer_count, ours, our_count, &ret->index)) {
		(void)err_set(err, ERR_FORBIDDEN, "Forbidden");
		return remote_refuse(x, 403, NULL, err);
	}
	ret->protocol = ours ? ours[ret->index] : offers[0];
	websocket_accept(key, accept);
	ret->accept = str_in(&x->arena, str_from(accept));
	return 0;
}

struct http_headers websocket_answer_headers(const struct websocket_answer *answer, struct http_header list[3])
{
	struct http_headers headers = { list, 0 };

	list[headers.count++] = HTTP_HEADER(STR("Upgrade"), STR("websocket"));
	list[headers.count++] = HTTP_HEADER(STR("Sec-WebSocket-Accept"), answer->accept);
	if (answer->protocol.len > 0)
		list[headers.count++] = HTTP_HEADER(STR("Sec-WebSocket-Protocol"), answer->protocol);
	return headers;
}

int remote_accept_websocket(struct http_exchange *x, const struct str *ours, size_t our_count, size_t *ret_index,
			    struct conn **ret_conn, struct err *err)
{
	struct websocket_answer answer;
	struct http_header list[3];
	struct http_headers headers;

	if (websocket_handshake(x, ours, our_count, &answer, err) < 0)
		return -1;
	headers = websocket_answer_headers(&answer, list);
	*ret_index = answer.index;
	if (http_upgrade(x, &headers, ret_conn, err) < 0)
		return remote_refuse(x, 400, NULL, err);
	return 0;
}

static bool remote_wants_spdy(const struct http_exchange *x)
{
	return http_header_has_token(&x->headers, STR("Connection"), STR("upgrade")) &&
	       http_header_has_token(&x->headers, STR("Upgrade"), STR("SPDY/3.1"));
}

static int refuse_protocol(struct http_exchange *x, const struct str *offers, size_t offer_count,
			   const struct str *ours, size_t our_count, struct err *err)
{
	struct http_header *list = arena_array(&x->arena, our_count, sizeof(*list));

	for (size_t i = 0; i < our_count; i++)
		list[i] = HTTP_HEADER(STR("X-Accepted-Stream-Protocol-Versions"), ours[i]);
	(void)err_set(err, ERR_FORBIDDEN,
		      "unable to upgrade: unable to negotiate protocol: client supports [" STR_FMT
		      "], server accepts [" STR_FMT "]",
		      STR_ARG(str_join_in(&x->arena, offers, offer_count, STR(" "))),
		      STR_ARG(str_join_in(&x->arena, ours, our_count, STR(" "))));
	return remote_refuse(x, 403, &(struct http_headers){ list, our_count }, err);
}

int remote_accept_spdy(struct http_exchange *x, const struct str *ours, size_t our_count, size_t *ret_index,
		       struct conn **ret_conn, struct err *err)
{
	struct str offers[WEBSOCKET_OFFERS_MAX];
	size_t offer_count = read_offers(&x->headers, STR("X-Stream-Protocol-Version"), offers);
	struct http_header list[2];
	struct http_headers headers = { list, 2 };

	if (offer_count == 0) {
		(void)err_set(err, ERR_BAD_REQUEST, "unable to upgrade: X-Stream-Protocol-Version is required");
		return remote_refuse(x, 400, NULL, err);
	}
	if (!choose(offers, offer_count, ours, our_count, ret_index))
		return refuse_protocol(x, offers, offer_count, ours, our_count, err);
	if (!remote_wants_spdy(x)) {
		(void)err_set(err, ERR_BAD_REQUEST, "unable to upgrade: missing upgrade headers in request");
		return remote_refuse(x, 400, NULL, err);
	}
	list[0] = HTTP_HEADER(STR("Upgrade"), STR("SPDY/3.1"));
	list[1] = HTTP_HEADER(STR("X-Stream-Protocol-Version"), ours[*ret_index]);
	if (http_upgrade(x, &headers, ret_conn, err) < 0)
		return remote_refuse(x, 400, NULL, err);
	return 0;
}
