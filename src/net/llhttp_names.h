/* SPDX-License-Identifier: Apache-2.0 */
/* <llhttp.h> with its method names out of the way of ours (net/http.h). Include this, never llhttp.h itself. */
#ifndef CUBE_NET_LLHTTP_NAMES_H
#define CUBE_NET_LLHTTP_NAMES_H

#define HTTP_GET LLHTTP_METHOD_GET
#define HTTP_HEAD LLHTTP_METHOD_HEAD
#define HTTP_POST LLHTTP_METHOD_POST
#define HTTP_PUT LLHTTP_METHOD_PUT
#define HTTP_PATCH LLHTTP_METHOD_PATCH
#define HTTP_DELETE LLHTTP_METHOD_DELETE
#define HTTP_OPTIONS LLHTTP_METHOD_OPTIONS
#define HTTP_CONNECT LLHTTP_METHOD_CONNECT
#define HTTP_TRACE LLHTTP_METHOD_TRACE
#include <llhttp.h>
#undef HTTP_GET
#undef HTTP_HEAD
#undef HTTP_POST
#undef HTTP_PUT
#undef HTTP_PATCH
#undef HTTP_DELETE
#undef HTTP_OPTIONS
#undef HTTP_CONNECT
#undef HTTP_TRACE

#include <stdbool.h>

/* In on_body: these were the last bytes of a body of known length. */
static inline bool http_body_is_complete(const llhttp_t *parser)
{
	return (parser->flags & F_CONTENT_LENGTH) && !(parser->flags & F_CHUNKED) && parser->content_length == 0;
}

#endif
