/* SPDX-License-Identifier: Apache-2.0 */
/* Strings as JSON has them. Apart from json.h, for programs that need nothing else of it. */
#ifndef CUBE_CODEC_JSON_QUOTE_H
#define CUBE_CODEC_JSON_QUOTE_H

#include "base/buf.h"
#include "base/str.h"

void json_write_quoted(struct str s, struct buf *to); /* one string with its quotes */
/* JSON as Go's encoder has it, with <, > and & as escapes: they stand in strings only. */
void json_escape_html(struct str json, struct buf *to);
/* What comes from addresses, headers and certificates need not be UTF-8, and JSON must: put gets
 * the runs that are, and each other byte becomes U+FFFD, as Go's encoder has it. */
void json_put_utf8(struct str s, struct buf *to, void (*put)(struct buf *to, struct str run));

#endif
