/* SPDX-License-Identifier: Apache-2.0 */
/* NaCl's secretbox, for cipher.c: nonce, tag, text. */
#ifndef CUBE_NET_SECRETBOX_H
#define CUBE_NET_SECRETBOX_H

#include "base/buf.h"

#define SECRETBOX_KEY_BYTES 32
#define SECRETBOX_NONCE_BYTES 24

int secretbox_seal(struct str key, const char nonce[SECRETBOX_NONCE_BYTES], struct str clear,
		   struct buf *to, struct err *err) MUST_CHECK;
/* ERR_INVALID when key or bytes are not those it was sealed with. */
int secretbox_open(struct str key, struct str sealed, struct buf *to, struct err *err) MUST_CHECK;

#endif
