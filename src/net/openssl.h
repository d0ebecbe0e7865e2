/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cleanup of OpenSSL's objects and their errors as struct err, for the files of net/ that talk to
 * it. Not for other folders.
 */
#ifndef CUBE_NET_OPENSSL_H
#define CUBE_NET_OPENSSL_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include "base/attr.h"
#include "base/str.h"

#define OPENSSL_CLEANUP(type, name, release) \
	static inline void name##_at(type **object) \
	{ \
		if (*object) \
			release(*object); \
	}
OPENSSL_CLEANUP(BIO, openssl_bio, BIO_free_all)
OPENSSL_CLEANUP(EVP_PKEY, openssl_key, EVP_PKEY_free)
OPENSSL_CLEANUP(EVP_MD_CTX, openssl_digest, EVP_MD_CTX_free)
OPENSSL_CLEANUP(X509, openssl_x509, X509_free)
OPENSSL_CLEANUP(X509_REQ, openssl_request, X509_REQ_free)
OPENSSL_CLEANUP(X509_STORE, openssl_store, X509_STORE_free)
OPENSSL_CLEANUP(SSL_CTX, openssl_context, SSL_CTX_free)
OPENSSL_CLEANUP(SSL, openssl_session, SSL_free)
OPENSSL_CLEANUP(GENERAL_NAMES, openssl_names, GENERAL_NAMES_free)
OPENSSL_CLEANUP(ECDSA_SIG, openssl_ecdsa, ECDSA_SIG_free)
OPENSSL_CLEANUP(OSSL_PARAM_BLD, openssl_params, OSSL_PARAM_BLD_free)
OPENSSL_CLEANUP(OSSL_PARAM, openssl_param, OSSL_PARAM_free)
OPENSSL_CLEANUP(EVP_PKEY_CTX, openssl_maker, EVP_PKEY_CTX_free)
OPENSSL_CLEANUP(BIGNUM, openssl_number, BN_free)
OPENSSL_CLEANUP(X509_STORE_CTX, openssl_chain, X509_STORE_CTX_free)
#define AUTO_BIO CLEANUP(openssl_bio_at) BIO *
#define AUTO_KEY CLEANUP(openssl_key_at) EVP_PKEY *
#define AUTO_DIGEST CLEANUP(openssl_digest_at) EVP_MD_CTX *
#define AUTO_X509 CLEANUP(openssl_x509_at) X509 *
#define AUTO_X509_REQUEST CLEANUP(openssl_request_at) X509_REQ *
#define AUTO_X509_STORE CLEANUP(openssl_store_at) X509_STORE *
#define AUTO_SSL_CONTEXT CLEANUP(openssl_context_at) SSL_CTX *
#define AUTO_SSL CLEANUP(openssl_session_at) SSL *
#define AUTO_NAMES CLEANUP(openssl_names_at) GENERAL_NAMES *
#define AUTO_ECDSA CLEANUP(openssl_ecdsa_at) ECDSA_SIG *
#define AUTO_PARAMS CLEANUP(openssl_params_at) OSSL_PARAM_BLD *
#define AUTO_PARAM CLEANUP(openssl_param_at) OSSL_PARAM *
#define AUTO_MAKER CLEANUP(openssl_maker_at) EVP_PKEY_CTX *
#define AUTO_NUMBER CLEANUP(openssl_number_at) BIGNUM *
#define AUTO_CHAIN CLEANUP(openssl_chain_at) X509_STORE_CTX *

/* An encrypted key is an error, never a prompt: for OpenSSL's functions that take a pem_password_cb. */
int openssl_no_passphrase(char *to, int to_bytes, int is_writing, void *arg);

/* The first private key of the text (PKCS #8, SEC 1 or PKCS #1 in PEM), the caller's to free; or NULL, with the
 * reason in OpenSSL's queue. */
EVP_PKEY *openssl_read_key(struct str pem);

#endif
