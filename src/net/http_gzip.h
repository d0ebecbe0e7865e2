/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long answers, compressed (RFC 1952) on the way: a worker takes a batch of the body's pieces at a
 * time, the loop sends what became of the last one, and asks for more when the peer took it.
 */
#ifndef CUBE_NET_HTTP_GZIP_H
#define CUBE_NET_HTTP_GZIP_H

#include "net/http_server.h"

#define HTTP_GZIP_BYTES_MIN \
	(128u << 10) /* shorter bodies are not worth it; as kube-apiserver has it */

/* What answers of one server share: each costs a quarter of a megabyte until its peer took it all.
 */
struct http_gzip {
	struct env *env;
	size_t count; /* under way; HTTP_GZIP_ANSWERS_MAX of them, others go out as they are */
};

/* Whether the peer takes gzip, the body is long enough, and there is room for one more. */
bool http_gzip_is_wanted(const struct http_gzip *gzip, const struct http_exchange *x,
			 size_t body_bytes);
/* As http_respond_source; headers says nothing of lengths and encodings. Pieces without owner must
 * be constant here: a worker may read them when the exchange is gone. */
void http_respond_gzip(struct http_gzip *gzip, struct http_exchange *x, int status,
		       const struct http_headers *headers, const struct http_source *source);
/* As http_respond: compressed when it is wanted. */
void http_respond_gzip_pieces(struct http_gzip *gzip, struct http_exchange *x, int status,
			      const struct http_headers *headers, const struct http_piece *pieces,
			      size_t count);

#endif
