/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every bound of net/. What peers send is refused beyond these; servers and clients may be given
 * smaller ones.
 */
#ifndef CUBE_NET_LIMITS_H
#define CUBE_NET_LIMITS_H

#define HTTP_BODY_BYTES_MAX (3u << 20)         /* a request body, unless the handler says otherwise: 413 */
#define HTTP_HEAD_BYTES_MAX (64u << 10)        /* request line and headers: then 431 */
#define HTTP_HEADER_COUNT_MAX 1024             /* then 431; impersonation names each group in one of its own */
#define HTTP_REPLY_HEADER_COUNT_MAX 512         /* of an answer that a client gets */
#define HTTP_INFORMATIONAL_MAX 5               /* answers 1xx before the one that was asked for */
#define HTTP_REPLY_HEAD_BYTES_MAX (128u << 10) /* a response head, sent or accepted */
#define HTTP_STREAMS_MAX 250                   /* concurrent streams of one HTTP/2 connection */
#define HTTP_CONNECTIONS_MAX 20000             /* of one server; then the oldest that said nothing goes, or it */
#define HTTP_FDS_RESERVED 128                  /* of the process's limit, for files, children and its own calls */
#define HTTP_HANDSHAKES_MAX 12000              /* begun and not finished, of one server; others wait */
#define HTTP_HANDSHAKE_PATIENCE_MS 2000        /* when others wait, those that take longer go */
#define HTTP_REDIRECTS_MAX 10
#define HTTP_POOL_IDLE_MAX 64                  /* idle connections a client keeps */
#define HTTP_HEADER_TIMEOUT_MS 20000           /* from the first byte of a head (or accept) to its end */
#define HTTP_BODY_TIMEOUT_MS 60000             /* between two pieces of a body */
#define HTTP_IDLE_KEPT_MS 1000                 /* then it gives way when there are too many connections */
#define HTTP_IDLE_TIMEOUT_MS 180000            /* between two requests */
#define HTTP_SEND_TIMEOUT_MS 120000            /* for the peer to take anything of what is queued */
#define HTTP2_RESETS_MAX 1000                  /* streams a peer may reset in HTTP2_FLOOD_WINDOW_MS */
#define HTTP2_CONTROLS_MAX 2000                /* PING, SETTINGS, PRIORITY, empty DATA … in that time */
#define HTTP2_FLOOD_WINDOW_MS 10000
#define TLS_PEM_BYTES_MAX (4u << 20)           /* a bundle of certificates */
#define TLS_ORGANIZATIONS_MAX 64
#define TLS_SERVER_NAMES_MAX 1024              /* of all certificates that a server chooses from */
#define TLS_NAMES_MAX 256                      /* subject alternative names read or written */
#define CONN_QUEUE_BYTES_MAX (64u << 20)       /* of a stream waiting to be sent on one connection; then it is cut */
#define HTTP_GZIP_ANSWERS_MAX 100              /* compressed at the same time by one server */
#define URL_BYTES_MAX (16u << 10)
#define WEBSOCKET_FRAME_BYTES_MAX (1u << 20)
#define WEBSOCKET_PONG_QUEUE_BYTES_MAX (64u << 10) /* a client that asks and does not read gets no more answers */
#define SPDY_FRAME_BYTES_MAX (64u << 10)       /* control frames; data has no bound but is never kept */
#define SPDY_HEADER_BYTES_MAX (64u << 10)      /* one header block, inflated */
#define REMOTE_QUEUE_BYTES_MAX (16u << 20)
#define REMOTE_STREAM_TIMEOUT_MS 30000         /* for a SPDY client to create all streams it promised */
#define GRPC_MESSAGE_BYTES_MAX (256u << 20)     /* a client takes so much from a server it asked: RESOURCE_EXHAUSTED */
#define GRPC_CONNECT_TIMEOUT_MS 5000           /* name, socket, handshakes */
#define WEBSOCKET_OFFERS_MAX 32                /* protocols a client offers; more are not looked at */
#define REMOTE_RESIZE_BYTES_MAX 4096           /* what says a terminal's size */
#define PORT_FORWARD_CONNECTIONS_MAX 256       /* at once, of one client; more are refused */
#define PORT_FORWARD_PORTS_MAX 64              /* of one WebSocket; more are refused */
#define SPDY_HEADER_COUNT_MAX 64               /* of one stream; then the connection ends */
#define JWK_NUMBER_BYTES_MAX 2048              /* RSA keys of 16384 bits */
#define LOOKUP_ADDRESSES_MAX 8                 /* of one name; more are not tried */
#define CONN_UNREAD_BYTES_MAX (128u << 10)     /* kept of what a reader has not taken; then reading pauses */
#define HTTP_CALL_BYTES_MAX ((size_t)16 << 20) /* all that one call of a client keeps */
#define HTTP_EXCHANGE_BYTES_MAX ((size_t)256 << 20) /* all that one exchange of a server keeps */

#endif
