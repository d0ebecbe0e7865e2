/* SPDX-License-Identifier: Apache-2.0 */
/* Ciphers over a buffer at once, for data at rest. */
#ifndef CUBE_NET_CIPHER_H
#define CUBE_NET_CIPHER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum cipher {
	CIPHER_AES_GCM, /* nonce of 12 bytes, text, tag of 16; context is authenticated too */
	CIPHER_AES_CBC, /* vector of 16 bytes, text padded as PKCS #7 says; context is not used */
	CIPHER_SECRETBOX, /* XSalsa20 and Poly1305: nonce of 24 bytes, tag of 16, text; context is not
			     used */
};

/* Of AES: 16, 24 or 32 bytes; else 32. */
bool cipher_is_key(enum cipher cipher, struct str key) PURE;
/* nonce: CIPHER_NONCE_BYTES random bytes, never twice with one key. Appends nonce and cipher text.
 */
#define CIPHER_NONCE_BYTES 24
int cipher_seal(enum cipher cipher, struct str key, struct str context,
		const char nonce[CIPHER_NONCE_BYTES], struct str clear, struct buf *to,
		struct err *err) MUST_CHECK;
/* ERR_INVALID when key, context or bytes are not those it was sealed with. Appends. */
int cipher_open(enum cipher cipher, struct str key, struct str context, struct str sealed,
		struct buf *to, struct err *err) MUST_CHECK;

#endif
