/* SPDX-License-Identifier: Apache-2.0 */
/* The layouts are those of kube-apiserver's encryption providers, so that either reads the other's
 * data. */
#include "net/cipher.h"

#include <limits.h>
#include "net/openssl.h"
#include "net/secretbox.h"
#include "net/tls.h"

#define GCM_NONCE_BYTES 12
#define TAG_BYTES 16
#define BLOCK_BYTES 16

bool cipher_is_key(enum cipher cipher, struct str key)
{
	if (cipher == CIPHER_SECRETBOX)
		return key.len == SECRETBOX_KEY_BYTES;
	return key.len == 16 || key.len == 24 || key.len == 32;
}

static const EVP_CIPHER *find(enum cipher cipher, struct str key)
{
	if (cipher == CIPHER_AES_GCM)
		return key.len == 16   ? EVP_aes_128_gcm()
		       : key.len == 24 ? EVP_aes_192_gcm()
				       : EVP_aes_256_gcm();
	return key.len == 16   ? EVP_aes_128_cbc()
	       : key.len == 24 ? EVP_aes_192_cbc()
			       : EVP_aes_256_cbc();
}

static int nonce_bytes(enum cipher cipher)
{
	return cipher == CIPHER_AES_GCM ? GCM_NONCE_BYTES : BLOCK_BYTES;
}

static bool run(EVP_CIPHER_CTX *c, struct str in, unsigned char *out, int *ret_len)
{
	int len = 0, rest = 0;

	if (in.len &&
	    EVP_CipherUpdate(c, out, &len, (const unsigned char *)in.ptr, (int)in.len) != 1)
		return false;
	if (EVP_CipherFinal_ex(c, out + len, &rest) != 1)
		return false;
	*ret_len = len + rest;
	return true;
}

static bool begin(EVP_CIPHER_CTX *c, enum cipher cipher, struct str key, struct str context,
		  const char *nonce, bool seals)
{
	int unused;

	if (EVP_CipherInit_ex(c, find(cipher, key), NULL, (const unsigned char *)key.ptr,
			      (const unsigned char *)nonce, seals) != 1)
		return false;
	return cipher != CIPHER_AES_GCM || !context.len ||
	       EVP_CipherUpdate(c, NULL, &unused, (const unsigned char *)context.ptr,
				(int)context.len) == 1;
}

int cipher_seal(enum cipher cipher, struct str key, struct str context,
		const char nonce[CIPHER_NONCE_BYTES], struct str clear, struct buf *to,
		struct err *err)
{
	EVP_CIPHER_CTX *c;
	unsigned char *out, tag[TAG_BYTES];
	int len;
	bool good;

	if (!cipher_is_key(cipher, key) || clear.len > INT_MAX / 2)
		return err_set(err, ERR_INVALID, "a key of %zu bytes cannot be used", key.len);
	if (cipher == CIPHER_SECRETBOX)
		return secretbox_seal(key, nonce, clear, to, err);
	buf_put(to, nonce, (size_t)nonce_bytes(cipher));
	out = buf_room(to, clear.len + BLOCK_BYTES);
	if (!out)
		return buf_check(to, "encrypted value", err);
	c = EVP_CIPHER_CTX_new();
	good = begin(c, cipher, key, context, nonce, true) && run(c, clear, out, &len);
	if (good)
		buf_added(to, (size_t)len);
	if (good && cipher == CIPHER_AES_GCM) {
		good = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) == 1;
		buf_put(to, tag, TAG_BYTES);
	}
	EVP_CIPHER_CTX_free(c);
	return good ? buf_check(to, "encrypted value", err) : tls_err(err, ERR_INTERNAL, "encrypt");
}

int cipher_open(enum cipher cipher, struct str key, struct str context, struct str sealed,
		struct buf *to, struct err *err)
{
	size_t head = (size_t)nonce_bytes(cipher), tail = cipher == CIPHER_AES_GCM ? TAG_BYTES : 0;
	struct str text;
	EVP_CIPHER_CTX *c;
	unsigned char *out, tag[TAG_BYTES];
	int len;
	bool good;

	if (cipher == CIPHER_SECRETBOX)
		return secretbox_open(key, sealed, to, err);
	if (!cipher_is_key(cipher, key) || sealed.len < head + tail || sealed.len > INT_MAX / 2)
		return err_set(err, ERR_INVALID, "%zu bytes are too few", sealed.len);
	text = str_slice(sealed, head, sealed.len - tail);
	out = buf_room(to, text.len + BLOCK_BYTES);
	if (!out)
		return buf_check(to, "decrypted value", err);
	c = EVP_CIPHER_CTX_new();
	good = begin(c, cipher, key, context, sealed.ptr, false);
	if (good && tail) {
		memcpy(tag, sealed.ptr + sealed.len - tail, tail);
		good = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1;
	}
	good = good && run(c, text, out, &len);
	if (good)
		buf_added(to, (size_t)len);
	EVP_CIPHER_CTX_free(c);
	ERR_clear_error();
	return good ? 0 : err_set(err, ERR_INVALID, "wrong key, or damaged");
}
