/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What HTTP servers and clients share: methods, status texts, header lists, and pieces: the bytes
 * of a body, given as references and never copied together.
 */
#ifndef CUBE_NET_HTTP_H
#define CUBE_NET_HTTP_H

#include <stdint.h>
#include "base/arena.h"
#include "base/blob.h"
#include "base/err.h"
#include "base/str.h"

enum http_method {
	HTTP_OTHER, /* see the method's text */
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_CONNECT,
	HTTP_TRACE,
};
enum http_method http_method_parse(struct str name) PURE;
const char *http_status_text(int status) PURE;             /* "Not Found"; "" for unknown ones */

struct http_header {
	struct str name;
	struct str value;
};
#define HTTP_HEADER(name, value) ((struct http_header){ name, value })

struct http_headers {
	struct http_header *list;
	size_t count;
};
/* One more, in the arena; only of a list that was made so from the first on. */
void http_header_add(struct http_headers *headers, struct arena *arena, struct http_header header);
/* First value of name (ASCII case ignored); STR_NONE when there is none. */
struct str http_header_get(const struct http_headers *h, struct str name) PURE;
/* Repeated headers: *cursor starts at 0; false at the end. */
bool http_header_next(const struct http_headers *h, struct str name, size_t *cursor, struct str *ret_value);
/* True when one of name's comma-separated values is token (case ignored): Connection: keep-alive,
 * Upgrade. */
bool http_header_has_token(const struct http_headers *h, struct str name, struct str token) PURE;
/* Names are tokens, values have no control characters. What goes out is checked by this too. */
bool http_is_token(struct str s) PURE;
bool http_is_value(struct str s) PURE;
bool http_is_host(struct str s) PURE;  /* of a Host header: no byte that neither a name nor an address has */

/* A part of a body. With an owner the bytes lie within it and sending takes a reference of its own;
 * without one they must be constant, or live as long as the function they are given to says. */
struct http_piece {
	struct str bytes;
	struct blob *owner; /* or NULL */
};
#define HTTP_BYTES(s) ((struct http_piece){ (s), NULL })
#define HTTP_BLOB(b) ((struct http_piece){ blob_str(b), (b) })

/* A part of a body that goes to many exchanges, with what HTTP/1.1 puts around a chunk: made once,
 * and held by reference wherever it waits. */
struct http_chunk {
	struct blob *framed; /* one reference */
	struct str body;     /* inside it */
};
void http_chunk_make(struct http_chunk *ret, const struct http_piece *pieces, size_t piece_count);
static inline void http_chunk_deinit(struct http_chunk *chunk) { blob_unref(chunk->framed); }

/* A body made on demand, so that ten thousand objects need no list of ten thousand pieces. fill
 * writes up to max pieces and returns how many; 0 is the end, < 0 breaks the body off (the
 * connection or stream is reset: the peer must not take it for complete). Pieces without owner must
 * stay valid until release. */
#define HTTP_SOURCE_LATER INT32_MAX
struct http_source {
	int (*fill)(void *arg, struct http_piece *to, size_t max);
	/* HTTP_SOURCE_LATER (of a request only): nothing yet, http_call_continue says when. */
	void (*release)(void *arg); /* called once when no piece is needed any more; may be NULL */
	void *arg;
	int64_t length_bytes;       /* -1 = not known: chunked */
};

#endif
