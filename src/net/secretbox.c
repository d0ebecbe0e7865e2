/* SPDX-License-Identifier: Apache-2.0 */
/* libsodium's crypto_secretbox_easy, which puts the tag before the text. */
#include "net/secretbox.h"

#include <sodium.h>

_Static_assert(SECRETBOX_KEY_BYTES == crypto_secretbox_KEYBYTES, "of the library");
_Static_assert(SECRETBOX_NONCE_BYTES == crypto_secretbox_NONCEBYTES, "of the library");

int secretbox_seal(struct str key, const char nonce[SECRETBOX_NONCE_BYTES], struct str clear,
		   struct buf *to, struct err *err)
{
	unsigned char *out;

	buf_put(to, nonce, SECRETBOX_NONCE_BYTES);
	out = buf_room(to, crypto_secretbox_MACBYTES + clear.len);
	if (!out)
		return buf_check(to, "encrypted value", err);
	if (key.len != SECRETBOX_KEY_BYTES || sodium_init() < 0 ||
	    crypto_secretbox_easy(out, (const unsigned char *)clear.ptr, clear.len,
				  (const unsigned char *)nonce,
				  (const unsigned char *)key.ptr) != 0)
		return err_set(err, ERR_INTERNAL, "secretbox: cannot encrypt %zu bytes", clear.len);
	buf_added(to, crypto_secretbox_MACBYTES + clear.len);
	return 0;
}

int secretbox_open(struct str key, struct str sealed, struct buf *to, struct err *err)
{
	const unsigned char *nonce = (const unsigned char *)sealed.ptr;
	unsigned char *out;
	size_t len;

	if (key.len != SECRETBOX_KEY_BYTES ||
	    sealed.len < SECRETBOX_NONCE_BYTES + crypto_secretbox_MACBYTES)
		return err_set(err, ERR_INVALID, "%zu bytes are too few", sealed.len);
	len = sealed.len - SECRETBOX_NONCE_BYTES;
	out = buf_room(to, len); /* also where there is no text behind the tag */
	if (!out)
		return buf_check(to, "decrypted value", err);
	if (sodium_init() < 0 ||
	    crypto_secretbox_open_easy(out, nonce + SECRETBOX_NONCE_BYTES, len, nonce,
				       (const unsigned char *)key.ptr) != 0)
		return err_set(err, ERR_INVALID, "wrong key, or damaged");
	buf_added(to, len - crypto_secretbox_MACBYTES);
	return 0;
}
