/* SPDX-License-Identifier: Apache-2.0 */
/* See json_quote.h. */
#include "codec/json_quote.h"

static void put_escaped(struct buf *to, struct str s)
{
	static const char hex[] = "0123456789abcdef";
	size_t from = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		const char *escape = NULL;
		char unicode[7];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		if (c == '"' || c == '\\') {
			escape = c == '"' ? "\\\"" : "\\\\";
		} else if (c == '\n' || c == '\t' || c == '\r') {
			escape = c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r";
		} else {
			memcpy(unicode, "\\u00", 4);
			unicode[4] = hex[c >> 4];
			unicode[5] = hex[c & 15];
			unicode[6] = '\0';
			escape = unicode;
		}
		buf_put(to, s.ptr + from, i - from);
		buf_put_c(to, escape);
		from = i + 1;
	}
	buf_put(to, s.ptr ? s.ptr + from : "", s.len - from);
}

void json_put_utf8(struct str s, struct buf *to, void (*put)(struct buf *to, struct str run))
{
	size_t from = 0;

	for (size_t end; (end = str_utf8_end(s, from)) < s.len; from = end + 1) {
		put(to, str_slice(s, from, end));
		buf_put_c(to, "\xef\xbf\xbd");
	}
	put(to, str_slice(s, from, s.len));
}

void json_write_quoted(struct str s, struct buf *to)
{
	buf_put_char(to, '"');
	json_put_utf8(s, to, put_escaped);
	buf_put_char(to, '"');
}

void json_escape_html(struct str json, struct buf *to)
{
	size_t from = 0;

	for (size_t i = 0; i < json.len; i++) {
		char c = json.ptr[i];

		if (c != '<' && c != '>' && c != '&')
			continue;
		buf_put_str(to, str_slice(json, from, i));
		buf_put_c(to, c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026");
		from = i + 1;
	}
	buf_put_str(to, str_slice(json, from, json.len));
}
