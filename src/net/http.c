/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods, status texts and header lists: the vocabulary of HTTP, without any connection.
 */
#include "net/http.h"

#include <stdio.h>
#include <string.h>
#include "base/num.h"

static const struct str method_names[] = {
	[HTTP_OTHER] = STR_INIT(""),
	[HTTP_GET] = STR_INIT("GET"),
	[HTTP_HEAD] = STR_INIT("HEAD"),
	[HTTP_POST] = STR_INIT("POST"),
	[HTTP_PUT] = STR_INIT("PUT"),
	[HTTP_PATCH] = STR_INIT("PATCH"),
	[HTTP_DELETE] = STR_INIT("DELETE"),
	[HTTP_OPTIONS] = STR_INIT("OPTIONS"),
	[HTTP_CONNECT] = STR_INIT("CONNECT"),
	[HTTP_TRACE] = STR_INIT("TRACE"),
};

enum http_method http_method_parse(struct str name)
{
	for (size_t i = 1; i < ARRAY_COUNT(method_names); i++) {
		if (str_eq(method_names[i], name))
			return (enum http_method)i;
	}
	return HTTP_OTHER;
}

static const struct {
	int status;
	const char *text;
} status_texts[] = {
	{ 100, "Continue" },
	{ 101, "Switching Protocols" },
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 203, "Non-Authoritative Information" },
	{ 204, "No Content" },
	{ 205, "Reset Content" },
	{ 206, "Partial Content" },
	{ 300, "Multiple Choices" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 402, "Payment Required" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 407, "Proxy Authentication Required" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Request Entity Too Large" },
	{ 414, "Request URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 416, "Requested Range Not Satisfiable" },
	{ 417, "Expectation Failed" },
	{ 418, "I'm a teapot" },
	{ 421, "Misdirected Request" },
	{ 422, "Unprocessable Entity" },
	{ 423, "Locked" },
	{ 426, "Upgrade Required" },
	{ 428, "Precondition Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
	{ 507, "Insufficient Storage" },
	{ 511, "Network Authentication Required" },
};

const char *http_status_text(int status)
{
	for (size_t i = 0; i < ARRAY_COUNT(status_texts); i++) {
		if (status_texts[i].status == status)
			return status_texts[i].text;
	}
	return "";
}

void http_chunk_make(struct http_chunk *ret, const struct http_piece *pieces, size_t piece_count)
{
	size_t len = 0;
	char size[24], *at;
	int size_bytes;

	for (size_t i = 0; i < piece_count; i++)
		len += pieces[i].bytes.len;
	size_bytes = snprintf(size, sizeof(size), "%zx\r\n", len);
	ret->framed = blob_alloc((size_t)size_bytes + len + 2);
	at = ret->framed->bytes;
	memcpy(at, size, (size_t)size_bytes);
	at += size_bytes;
	ret->body = str_sub(at, len);
	for (size_t i = 0; i < piece_count; i++) {
		memcpy(at, pieces[i].bytes.ptr, pieces[i].bytes.len);
		at += pieces[i].bytes.len;
	}
	memcpy(at, "\r\n", 2);
}

#define HEADERS_FIRST ((size_t)16)

void http_header_add(struct http_headers *headers, struct arena *arena, struct http_header header)
{
	size_t count = headers->count;
	struct http_header *list;

	/* room doubles: it is used up where the count is a power of two */
	if (!count || (count >= HEADERS_FIRST && !(count & (count - 1)))) {
		list = arena_array(arena, count ? 2 * count : HEADERS_FIRST, sizeof(*list));
		if (count)
			memcpy(list, headers->list, count * sizeof(*list));
		headers->list = list;
	}
	headers->list[headers->count++] = header;
}

struct str http_header_get(const struct http_headers *h, struct str name)
{
	size_t cursor = 0;
	struct str value;

	return http_header_next(h, name, &cursor, &value) ? value : STR_NONE;
}

bool http_header_next(const struct http_headers *h, struct str name, size_t *cursor, struct str *ret_value)
{
	while (*cursor < h->count) {
		const struct http_header *header = &h->list[(*cursor)++];

		if (header->name.len == name.len && str_eq_nocase(header->name, name)) {
			*ret_value = header->value;
			return true;
		}
	}
	return false;
}

bool http_header_has_token(const struct http_headers *h, struct str name, struct str token)
{
	size_t cursor = 0;
	struct str value, part;

	while (http_header_next(h, name, &cursor, &value)) {
		while (str_next_part(&value, ',', &part)) {
			if (str_eq_nocase(str_trim(part), token))
				return true;
		}
	}
	return false;
}

bool http_is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c <= ' ' || c >= 127 || strchr("\"(),/:;<=>?@[\\]{}", c))
			return false;
	}
	return s.len > 0;
}

bool http_is_value(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if ((c < ' ' && c != '\t') || c == 127)
			return false;
	}
	return true;
}

bool http_is_host(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    (c == 0 || !strchr("!$%&'()*+,-.:;=[]_~", c)))
			return false;
	}
	return true;
}
