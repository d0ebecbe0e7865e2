/* SPDX-License-Identifier: Apache-2.0 */
/* For fuzz targets of the HTTP server: the input is what a client sends before it leaves. */
#ifndef CUBE_FUZZ_NET_SERVER_H
#define CUBE_FUZZ_NET_SERVER_H

#include <sys/socket.h>
#include <unistd.h>
#include "net/http_messages.h"
#include "net_loop.h"

static inline void net_server_headers(void *arg, struct http_exchange *x)
{
	if (str_has_prefix(x->path, STR("/s")))
		http_stream_body(x);
}

static inline void net_server_closed(void *arg, struct http_exchange *x)
{
	http_abort(x);
}

/* An answer that goes on as messages of a WebSocket until the client has gone. */
static inline void net_server_messages(struct http_exchange *x)
{
	static const struct http_exchange_events events = { .on_closed = net_server_closed };
	struct http_messages_options options = { .form = HTTP_MESSAGE_BASE64, .has_greeting = true };
	struct err err;

	if (http_messages_accept(x, &options, &err) < 0)
		return;
	http_set_events(x, &events, NULL);
	http_start(x, 200, NULL);
	http_send(x, &HTTP_BYTES(x->path), 1);
}

static inline void net_server_request(void *arg, struct http_exchange *x)
{
	struct str key, value, query = x->query;

	while (query_next(&query, &x->arena, &key, &value, NULL) > 0)
		;
	if (x->method == HTTP_POST) {
		http_start(x, 200, NULL);
		http_send(x, (struct http_piece[]){ HTTP_BYTES(x->path), HTTP_BYTES(x->body) }, 2);
		http_end(x);
	} else if (str_has_prefix(x->path, STR("/m"))) {
		net_server_messages(x);
	} else if (str_eq(x->path, STR("/abort"))) {
		http_abort(x);
	} else {
		http_respond(x, 200, &x->headers, &HTTP_BYTES(x->path), 1);
	}
}

static inline bool net_server_is_idle(void *arg)
{
	return http_server_connection_count(arg) == 0;
}

static inline void net_server_feed(struct net_loop *l, struct str prefix, const uint8_t *bytes, size_t len)
{
	static const struct http_handlers handlers = { .on_headers = net_server_headers,
						       .on_request = net_server_request };
	struct http_server_options options = { .handlers = &handlers, .plain_http2 = true,
					       .limits = { .body_bytes_max = 10000, .head_bytes_max = 4000 } };
	struct http_server *server;
	struct err err;
	int fds[2];

	net_loop_init(l);
	options.env = l->env;
	server = http_server_new(&options);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0 ||
	    http_server_adopt(server, fds[0], &err) < 0)
		abort();
	if (send(fds[1], prefix.ptr, prefix.len, MSG_NOSIGNAL) < 0 || send(fds[1], bytes, len, MSG_NOSIGNAL) < 0)
		len = 0; /* the server closed already, or the input is larger than the socket takes */
	shutdown(fds[1], SHUT_WR);
	net_loop_run(l, net_server_is_idle, server);
	close(fds[1]);
	http_server_free(server);
}

#endif
