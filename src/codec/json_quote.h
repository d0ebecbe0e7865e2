/* SPDX-License-Identifier: Apache-2.0 */
/* Strings as JSON has them. Apart from json.h, for programs that need nothing else of it. */
#ifndef CUBE_CODEC_JSON_QUOTE_H
#define CUBE_CODEC_JSON_QUOTE_H

#include "base/buf.h"
#include "base/str.h"

void json_write_quoted(struct str s, struct buf *to); /* one string with its quotes */

#endif
