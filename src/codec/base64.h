/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64 (RFC 4648): the standard alphabet with padding, and the URL alphabet without (JWT). */
#ifndef CUBE_CODEC_BASE64_H
#define CUBE_CODEC_BASE64_H

#include "base/buf.h"
#include "base/err.h"

void base64_encode(struct str bytes, struct buf *to); /* appends */
void base64_url_encode(struct str bytes, struct buf *to);
/* Appends the bytes. Strict: whole groups, right padding, no white space but line ends. ERR_PARSE
 * names the offset. */
int base64_decode(struct str text, struct buf *to, struct err *err) MUST_CHECK;
int base64_url_decode(struct str text, struct buf *to,
		      struct err *err) MUST_CHECK; /* padding optional */

#endif
