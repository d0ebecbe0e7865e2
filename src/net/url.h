/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs, percent encoding and query strings (RFC 3986; queries as forms: '+' is a space). Decoding
 * is explicit: nothing is ever decoded twice.
 */
#ifndef CUBE_NET_URL_H
#define CUBE_NET_URL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum url_scheme { URL_HTTP, URL_HTTPS, URL_UNIX };

/* All parts borrow from the text they were parsed from and are as written there (still encoded). */
struct url {
	enum url_scheme scheme;
	struct str user;      /* "user:password", or empty */
	struct str host;      /* without brackets; for unix: the socket's path, percent-decoded by url_unix_path */
	uint16_t port;        /* the scheme's own when not given */
	struct str authority; /* host[:port] as written: what the Host header needs */
	struct str path;      /* at least "/" */
	struct str query;     /* without '?'; empty when there is none */
	bool has_query;
};

/* "http://…", "https://…", "unix://%2Frun%2Fx.sock/path" (host percent-encoded) or
 * "unix:///run/x.sock:/path" (up to the first ":/"). Fragments are dropped. Refuses control
 * characters, spaces, bad ports and bad percent escapes in the host. */
int url_parse(struct str text, struct url *ret, struct err *err) MUST_CHECK;
/* The URL that a reference (a Location header) means, relative to base; in the arena. */
int url_resolve(const struct url *base, struct str reference, struct arena *arena, struct str *ret,
		struct err *err) MUST_CHECK;
struct str url_unix_path(const struct url *url, struct arena *arena);

/* %XX decoded; a malformed escape is refused. Without any escape the result borrows s. */
int url_decode(struct str s, struct arena *arena, struct str *ret, struct err *err) MUST_CHECK;
/* The same, and '+' means a space. */
int url_decode_form(struct str s, struct arena *arena, struct str *ret, struct err *err) MUST_CHECK;
void url_encode(struct buf *to, struct str s);        /* all but unreserved characters: %XX */
void url_encode_path(struct buf *to, struct str s);   /* the same, but what means nothing in paths stays, and '/' */

/* Walks "a=1&a=2&b": *query starts as the raw query and becomes the rest. key and value are decoded
 * as forms, in the arena when they had to be. Returns 1 with a pair, 0 at the end, < 0 on a
 * malformed escape. Empty parts are skipped. */
int query_next(struct str *query, struct arena *arena, struct str *ret_key, struct str *ret_value,
	       struct err *err) MUST_CHECK;
/* First value of key: 1, or 0 when it is not there. */
int query_get(struct str query, struct str key, struct arena *arena, struct str *ret_value,
	      struct err *err) MUST_CHECK;
/* "1", "true", "True", "TRUE", "t", "T" are true; "0", "false", … false; absent false; present
 * without a value true; anything else is refused naming the key. */
int query_get_bool(struct str query, struct str key, struct arena *arena, bool *ret,
		   struct err *err) MUST_CHECK;

#endif
