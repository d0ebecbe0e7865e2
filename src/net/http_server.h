/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.0, 1.1 and 2 over TCP, TLS and unix sockets on one env. A request is a struct
 * http_exchange, whichever version brought it.
 *
 * Ownership: an exchange belongs to the handler from on_request (or its first answer in on_headers)
 * until it calls http_respond, http_respond_source, http_end, http_abort or http_upgrade; after that
 * it must not touch it. This holds also when the peer is gone meanwhile: then on_closed is called
 * (once, if set), whatever is sent is dropped, and the handler still has to let go. So a handler that
 * waits for a commit may simply answer later.
 */
#ifndef CUBE_NET_HTTP_SERVER_H
#define CUBE_NET_HTTP_SERVER_H

#include "loop/env.h"
#include "net/address.h"
#include "net/conn.h"
#include "net/http.h"
#include "net/limits.h"
#include "net/tls.h"
#include "net/url.h"

struct http_server;
struct http_exchange;

/* The connection that an exchange came on. Lives at least as long as each of its exchanges. */
struct http_peer {
	char text[ADDRESS_TEXT_BYTES];    /* "1.2.3.4:5678", "@" for unix */
	struct address address;
	bool is_tls;
	const struct tls_identity *identity; /* the client's certificate, NULL when it sent none */
	/* The server's user may keep what it found out about this connection (its authenticated
	 * user). */
	void *attachment;
	void (*attachment_free)(void *attachment);
	uint64_t tls_generation;          /* of the tls_server that made the handshake */
};

struct http_exchange {
	struct arena arena;               /* freed with the exchange */
	enum http_method method;
	struct str method_text;
	struct str path;                  /* as sent, without query; "*" for OPTIONS * */
	struct str query;                 /* as sent, without '?' */
	bool has_query;
	struct str host;                  /* Host or :authority */
	struct http_headers headers;
	struct str body;                  /* complete in on_request, unless the handler streams it */
	struct http_headers added;        /* by http_add_header */
	struct http_peer *peer;
	int version;                      /* 10, 11 or 20 */
	void *user;                       /* the handler's own */
	void (*let_go)(struct http_exchange *x); /* before the arena goes; NULL = nothing to do */
};

struct http_handlers {
	/* The headers are there, the body is not; the exchange is not the handler's yet. Optional. May
	 * call http_set_body_max or http_stream_body, or answer at once (then on_request is not
	 * called). */
	void (*on_headers)(void *arg, struct http_exchange *x);
	/* Headers and body are there (or, with http_stream_body: the headers). */
	void (*on_request)(void *arg, struct http_exchange *x);
	/* Instead of on_request: the body is larger than its limit. Optional; without it 413 is answered. */
	void (*on_body_too_large)(void *arg, struct http_exchange *x);
};

/* 0 takes the default of limits.h. */
struct http_server_limits {
	size_t body_bytes_max;
	size_t head_bytes_max;
	size_t header_count_max;
	size_t connection_max;
	int fd_max; /* higher ones are too many as well; by default the process's limit, less some */
	size_t handshake_max;
	uint32_t stream_max;
	int64_t handshake_patience_ms;
	int64_t header_timeout_ms, body_timeout_ms, idle_timeout_ms, send_timeout_ms;
	int64_t idle_kept_ms; /* idle for longer, a connection may have to make place for another one */
};

struct http_server_options {
	struct env *env;
	const struct http_handlers *handlers;
	void *arg;
	struct tls_server *tls;           /* NULL: listeners speak plain HTTP; borrowed */
	bool plain_http2;                 /* HTTP/2 with prior knowledge on plain connections (gRPC) */
	struct http_server_limits limits;
};

struct http_server *http_server_new(const struct http_server_options *options) MUST_CHECK;
/* Closes everything at once; exchanges still held by handlers get on_closed and must be let go of
 * inside it. */
void http_server_free(struct http_server *s);
/* Listens on one more address; unix sockets get mode. *ret_bound (may be NULL) is where: port 0
 * becomes a real one. */
int http_server_listen(struct http_server *s, const struct address *a, mode_t mode, struct address *ret_bound,
		       struct err *err) MUST_CHECK;
/* The same for a descriptor inherited listening; the server owns it afterwards, also on failure. */
int http_server_listen_fd(struct http_server *s, int fd, struct err *err) MUST_CHECK;
/* Serves one connected socket (tests, socket activation); owns the fd. */
int http_server_adopt(struct http_server *s, int fd, struct err *err) MUST_CHECK;
/* Stops accepting, tells peers to go (GOAWAY, Connection: close), lets running exchanges finish
 * until the deadline, then closes them. on_drained is called on the loop once no connection is
 * left. Streams that never end by themselves (watches) are the handler's to end. */
void http_server_drain(struct http_server *s, int64_t deadline_ms, void (*on_drained)(void *arg), void *arg);
size_t http_server_connection_count(const struct http_server *s) PURE;

/* --- request --- */
void http_set_body_max(struct http_exchange *x, size_t body_bytes_max);    /* in on_headers */
/* In on_headers: bytes come through on_body as they arrive, unlimited in sum; on_request follows at
 * once. */
void http_stream_body(struct http_exchange *x);
void http_body_pause(struct http_exchange *x); /* with http_stream_body: back-pressure */
void http_body_resume(struct http_exchange *x);

struct http_exchange_events {
	/* last may come with no bytes. */
	void (*on_body)(void *arg, struct http_exchange *x, struct str bytes, bool last);
	/* What http_send queued has gone down to HTTP_DRAINED_LOW_BYTES. */
	void (*on_drained)(void *arg, struct http_exchange *x);
	void (*on_closed)(void *arg, struct http_exchange *x);  /* the peer is gone */
};
/* events and arg must live as long as the exchange. */
void http_set_events(struct http_exchange *x, const struct http_exchange_events *events, void *arg);

/* A header of whatever answer is given, by whomever: at most HTTP_ADDED_HEADERS_MAX of one exchange.
 * Both must be constant or lie in its arena. */
#define HTTP_ADDED_HEADERS_MAX 8
void http_add_header(struct http_exchange *x, struct str name, struct str value);

/* Nothing that is sent leaves before http_release: of its stream by HTTP/2, else of its connection. Both are safe
 * once the exchange is over. */
struct http_hold {
	struct conn_hold conn;
	struct list link;
	struct http_exchange *stream; /* NULL: it is not a stream that is held, or it is over */
};
void http_hold(struct http_exchange *x, struct http_hold *hold);
void http_release(struct http_hold *hold);

/* --- response: all at once --- */
/* Content-Length and Date are added; HEAD, 204 and 304 send no body. Pieces are copied as
 * references: pieces without owner must lie in the exchange's arena or be constant. headers may be
 * dropped after the call. */
void http_respond(struct http_exchange *x, int status, const struct http_headers *headers,
		  const struct http_piece *pieces, size_t piece_count);
void http_respond_source(struct http_exchange *x, int status, const struct http_headers *headers,
			 const struct http_source *source);
/* One piece, one Content-Type. bytes as above. */
void http_respond_bytes(struct http_exchange *x, int status, struct str content_type, struct str bytes);

/* --- response: a stream --- */
#define HTTP_DRAINED_LOW_BYTES (64u << 10)
/* Sends the headers. Unknown length: chunked, DATA frames, or until close for HTTP/1.0. */
void http_start(struct http_exchange *x, int status, const struct http_headers *headers);
/* Queues pieces; those without owner are copied. What several calls in one turn of the loop queue
 * goes out together. Nothing happens once the peer is gone. */
void http_send(struct http_exchange *x, const struct http_piece *pieces, size_t piece_count);
void http_send_chunk(struct http_exchange *x, const struct http_chunk *chunk); /* the same, shared with others */
size_t http_queued_bytes(const struct http_exchange *x) PURE; /* given to http_send, not yet to the kernel */
bool http_is_closed(const struct http_exchange *x) PURE;      /* the peer is gone */
bool http_is_started(const struct http_exchange *x) PURE;     /* a status was sent */
void http_end(struct http_exchange *x);
/* With trailers; they are lost on a version that has none. Copied. */
void http_end_with(struct http_exchange *x, const struct http_headers *trailers);
/* Breaks off: the peer sees a reset stream or a connection cut short. */
void http_abort(struct http_exchange *x);

/* --- response: another protocol --- */
/* HTTP/1.1 only (else ERR_UNSUPPORTED, nothing sent, the exchange stays the handler's). Sends 101
 * with Connection: Upgrade and these headers (Upgrade among them); on success the exchange is let
 * go of and the connection is the caller's, who sets its events; bytes that came behind the request
 * are delivered through them. ERR_CLOSED when the peer is gone. peer moves along with the
 * connection (http_conn_peer). */
int http_upgrade(struct http_exchange *x, const struct http_headers *headers, struct conn **ret_conn,
		 struct err *err) MUST_CHECK;
/* As http_upgrade, with a status other than 101 ("200 OK" of Docker's hijacked streams). */
int http_hijack(struct http_exchange *x, int status, const struct http_headers *headers,
		struct conn **ret_conn, struct err *err) MUST_CHECK;

/* The peer of an upgraded connection. */
const struct http_peer *http_conn_peer(const struct conn *c);

#endif
