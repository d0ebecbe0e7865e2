/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads private keys. OpenSSL finds out anew at each key which of its decoders could lead from PEM to a key, for longer
 * than reading takes by a factor of ten; a start reads a dozen keys, and a token is signed and verified with one each
 * time. So the chain of decoders is made once and kept.
 */
#include <openssl/decoder.h>
#include "base/mem.h"
#include "net/openssl.h"

/* What stands for a private key and nothing else. Other text may begin with parameters, or be encrypted. */
static const struct str labels[] = {
	STR_INIT("-----BEGIN PRIVATE KEY-----"),
	STR_INIT("-----BEGIN EC PRIVATE KEY-----"),
	STR_INIT("-----BEGIN RSA PRIVATE KEY-----"),
};

int openssl_no_passphrase(char *to, int to_bytes, int is_writing, void *arg)
{
	return -1;
}

static bool has_label(struct str pem)
{
	for (size_t i = 0; i < ARRAY_COUNT(labels); i++)
		if (str_has_prefix(pem, labels[i]))
			return true;
	return false;
}

/* NULL without an error in the queue when it could not be read so. A chain belongs to one thread. */
static EVP_PKEY *read_by_chain(struct str pem)
{
	static _Thread_local OSSL_DECODER_CTX *chain;
	static _Thread_local EVP_PKEY *key;
	AUTO_BIO bio = NULL;
	EVP_PKEY *result = NULL;

	if (!chain) {
		chain = OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, NULL, EVP_PKEY_KEYPAIR, NULL, NULL);
		if (!chain)
			return NULL;
		OSSL_DECODER_CTX_set_pem_password_cb(chain, openssl_no_passphrase, NULL);
	}
	ERR_set_mark();
	bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	if (bio && OSSL_DECODER_from_bio(chain, bio) == 1)
		result = TAKE(key);
	EVP_PKEY_free(TAKE(key));
	ERR_pop_to_mark();
	return result;
}

EVP_PKEY *openssl_read_key(struct str pem)
{
	EVP_PKEY *key = has_label(pem) ? read_by_chain(pem) : NULL;
	AUTO_BIO bio = NULL;

	if (key)
		return key;
	bio = BIO_new_mem_buf(pem.ptr ? pem.ptr : "", (int)pem.len);
	return PEM_read_bio_PrivateKey(bio, NULL, openssl_no_passphrase, NULL);
}
