/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer as messages of a WebSocket: its handler writes it with http_start, http_send and http_end
 * as any other, and each http_send is one message. What the client says is not listened to.
 */
#ifndef CUBE_NET_HTTP_MESSAGES_H
#define CUBE_NET_HTTP_MESSAGES_H

#include "net/http_server.h"

enum http_message_form {
	HTTP_MESSAGE_TEXT,   /* what is sent is UTF-8 */
	HTTP_MESSAGE_BINARY,
	HTTP_MESSAGE_BASE64, /* text */
};

struct http_messages_protocol {
	struct str name; /* empty: of a client that names none */
	enum http_message_form form;
};

struct http_messages_options {
	const struct http_messages_protocol *protocols;
	size_t protocol_count;       /* 0: any name is taken, and none */
	enum http_message_form form; /* then */
	bool has_greeting;           /* an empty message comes first */
};

/* For a request that asks for a WebSocket (websocket_is_request), before anything was answered. A
 * status other than 200 is answered without changing the protocol. No http_respond_source. On
 * failure the exchange was answered, in upstream's words, and err says how: ERR_BAD_REQUEST (400) or
 * ERR_FORBIDDEN (403). */
int http_messages_accept(struct http_exchange *x, const struct http_messages_options *options,
			 struct err *err) MUST_CHECK;

#endif
