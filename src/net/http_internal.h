/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What http_server.c, http_exchange.c, http1.c, http2.c and http_messages.c share. A server_conn is
 * one accepted connection, spoken to by one of three struct http_protocol tables; an exchange is one
 * request on it. Included by no other folder.
 */
#ifndef CUBE_NET_HTTP_INTERNAL_H
#define CUBE_NET_HTTP_INTERNAL_H

#include "base/list.h"
#include "net/http_server.h"
#include "net/llhttp_names.h"
#include "net/piece_queue.h"

struct http2;
struct http2_head;
struct http_messages;
struct server_conn;
struct nghttp2_session_callbacks;
struct nghttp2_option;

#define HTTP_DATE_BYTES 40
#define SOURCE_PIECES 128           /* asked of a source at once */
#define QUEUE_HIGH_BYTES (256u << 10) /* a source is not asked for more while this is waiting */
#define EXCHANGE_SPARE_MAX 64

struct exchange {
	struct http_exchange x;          /* first */
	struct http_server *server;
	struct server_conn *sc;          /* NULL once the peer is gone */
	const struct http_exchange_events *events;
	void *arg;
	struct list link;                /* server's spare list, or http2's exchanges */
	size_t body_bytes_max;
	struct buf body;
	char *body_fixed;                /* in the arena: a small body of known length; else the buf */
	size_t body_bytes;
	struct http_source source;
	uint64_t source_left_bytes;
	int status;
	int refused_status;              /* of a head that broke a rule; 0: of HTTP in general */
	const char *refused_why;         /* constant text, or NULL */
	bool held;                       /* the handler owns it */
	bool asked;                      /* on_request was called, or will never be */
	bool stream_body, body_done, body_paused, body_refused;
	bool started, ended;             /* response head given; response complete */
	bool has_source, source_ended;   /* not released yet; nothing more to be had */
	bool length_known, no_body, chunked, aborted;
	bool closed, closed_told;
	bool keep_alive, expects_continue, upgrade; /* HTTP/1 */
	const struct http_messages *messages; /* the answer goes as messages of a WebSocket; NULL: it does not */
	uint64_t skip_bytes;             /* of a message that came, and nobody wants */
	int32_t stream_id;               /* HTTP/2 from here */
	struct list holds;               /* struct http_hold */
	struct http2_head *held_head;    /* not sent because of them; in the arena */
	struct piece_queue out;
	struct http_headers trailers;
	bool deferred, above_low;
	size_t unconsumed_bytes;
};

enum deadline_kind { DEADLINE_NONE, DEADLINE_HEAD, DEADLINE_BODY, DEADLINE_IDLE, DEADLINE_SEND, DEADLINE_STALL };

struct server_conn {
	struct http_server *server;
	struct list link;
	struct list stranger_link;       /* while protocol is NULL */
	struct list idle_link;           /* while nothing is asked on it */
	struct list handshake_link;      /* while it shakes hands, or waits to */
	int64_t hello_ns;                /* when it began; 0: it waits */
	struct conn *conn;
	const struct http_protocol *protocol; /* NULL until it is known */
	struct http_peer peer;
	struct tls_identity *identity;
	int64_t deadline_ns;
	enum deadline_kind deadline_kind;
	uint64_t sent_mark;
	struct exchange *current;        /* HTTP/1: the one that is read or answered */
	size_t scanned_bytes;            /* of an unfinished head */
	bool in_read, in_parser, closing, eof;
	bool detached;                   /* upgraded: what was not read yet is the new owner's */
	llhttp_t parser;
	struct http2 *h2;
};

/* A response as it starts. length < 0: not known. */
struct response_head {
	int status;
	const struct http_headers *headers;
	int64_t length_bytes;
};

struct http_protocol {
	void (*open)(struct server_conn *sc);
	size_t (*read)(struct server_conn *sc, struct str bytes);
	void (*eof)(struct server_conn *sc);
	void (*drained)(struct server_conn *sc);
	void (*sent)(struct server_conn *sc);
	void (*timed_out)(struct server_conn *sc);
	void (*drain)(struct server_conn *sc);          /* finish and go */
	void (*closed)(struct server_conn *sc);         /* the connection is gone: let go of all exchanges */
	void (*start)(struct exchange *ex, const struct response_head *head);
	void (*send)(struct exchange *ex, const struct http_piece *pieces, size_t piece_count, bool copy);
	void (*send_chunk)(struct exchange *ex, const struct http_chunk *chunk); /* NULL: as send */
	void (*finish)(struct exchange *ex);            /* response complete; ex may be freed */
	void (*abort)(struct exchange *ex);             /* ex may be freed */
	size_t (*queued)(const struct exchange *ex);
	void (*body_paused)(struct exchange *ex);       /* NULL: nothing to do */
	void (*body_resumed)(struct exchange *ex);
	void (*released)(struct exchange *ex);          /* nobody holds it any more; NULL: its connection is held */
};
extern const struct http_protocol http1_protocol;
extern const struct http_protocol http2_protocol;
extern const struct http_protocol http_messages_protocol; /* an HTTP/1 connection once it changed to WebSocket */

struct http_server {
	struct http_server_options options;
	struct http_server_limits limits;
	struct env *env;
	struct conn_pool *pool;
	struct list conns;
	size_t conn_count, place_count;
	bool is_out_of_fds;              /* and that was told */
	struct list strangers;           /* still in their handshake or without a byte, the oldest first */
	struct list idles;               /* between two requests, the longest first */
	struct list handshakes;          /* those of them that have said something, the oldest first */
	size_t open_handshake_count;
	struct list held;                /* those that wait until another's is over */
	struct timer patience;           /* while there are any */
	struct list listeners;
	struct timer sweep;
	int64_t sweep_at_ns;             /* INT64_MAX: not running */
	struct timer trim;               /* after many handshakes */
	size_t handshake_count;          /* since the last trim */
	struct list spares;              /* exchanges to be used again */
	size_t spare_count;
	struct list dead;                /* server_conns freed in the next turn */
	struct task reap;
	bool draining;
	struct timer drain_timer;
	void (*on_drained)(void *arg);
	void *drained_arg;
	int64_t date_second;
	char date[HTTP_DATE_BYTES];
	struct buf head;                 /* a response head while it is built */
	struct buf frames;               /* HTTP/2 frames of one flush */
	struct list h2_dirty;
	struct task h2_task;
	struct nghttp2_session_callbacks *h2_callbacks;
	struct nghttp2_option *h2_option;
};

/* http_server.c */
void server_conn_deadline(struct server_conn *sc, enum deadline_kind kind);
/* Sends what is queued, then closes; the exchange on it must be gone. */
void server_conn_close(struct server_conn *sc);
/* Closes at once, telling exchanges. */
void server_conn_break(struct server_conn *sc);
/* Takes the connection out for an upgrade, peer attached to it. */
struct conn *server_conn_detach(struct server_conn *sc);
void server_conn_watch_sending(struct server_conn *sc);
struct str server_date(struct http_server *s); /* "Date: …\r\n" is not included */

/* http_exchange.c */
struct exchange *exchange_new(struct server_conn *sc);
void exchange_free(struct exchange *ex);
/* The head is complete: on_headers. Afterwards ex->asked says whether an answer was given already. */
void exchange_head_done(struct exchange *ex);
void exchange_ask(struct exchange *ex);        /* on_request: the handler owns it now */
/* False when the limit is passed. */
bool exchange_body(struct exchange *ex, struct str bytes);
void exchange_body_done(struct exchange *ex);  /* last piece of a streamed body, or on_request */
void exchange_too_large(struct exchange *ex);
/* The peer is gone: tells the handler, or frees it when nobody holds it. */
void exchange_peer_gone(struct exchange *ex);
void exchange_drained(struct exchange *ex);
/* Status line, Date and headers of an answer by HTTP/1, into the server's head. */
struct buf *http1_put_head(struct exchange *ex, int status, const struct http_headers *headers);
/* An answer of the server's own. */
void exchange_answer(struct exchange *ex, int status);
/* Next pieces of the source: count, 0 at the end, < 0 when it broke off. */
int exchange_pull(struct exchange *ex, struct http_piece *to, size_t max);
static inline bool exchange_is_pulling(const struct exchange *ex) { return ex->has_source && !ex->source_ended; }
static inline struct exchange *exchange_of(const struct http_exchange *x) { return (struct exchange *)x; }

#endif
