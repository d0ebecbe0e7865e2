/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JWS signatures (RFC 7515, 7518): RS256 and ES256. OpenSSL's ECDSA signatures are DER; JWS wants R
 * and S as 32 bytes each.
 */
#include "net/x509.h"

#include <openssl/core_names.h>
#include "base/assert.h"
#include "codec/base64.h"
#include "net/openssl.h"

#define ES256_HALF_BYTES 32

static EVP_PKEY *read_any_key(struct str pem)
{
	AUTO_BIO bio = BIO_new_mem_buf(pem.ptr ? pem.ptr : "", (int)pem.len);
	EVP_PKEY *key = NULL;

	if (str_contains(pem, STR("PRIVATE KEY-----"))) {
		key = openssl_read_key(pem);
	} else if (str_contains(pem, STR("BEGIN CERTIFICATE-----"))) {
		AUTO_X509 certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

		key = certificate ? X509_get_pubkey(certificate) : NULL;
	} else {
		key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	}
	return key;
}

static int kind_of(EVP_PKEY *key, enum x509_signature *ret, struct err *err)
{
	char group[32] = "";
	size_t len;

	if (EVP_PKEY_is_a(key, "RSA")) {
		*ret = X509_RS256;
		return 0;
	}
	EVP_PKEY_get_group_name(key, group, sizeof(group), &len);
	if (!EVP_PKEY_is_a(key, "EC") || !str_eq_c(str_from(group), "prime256v1"))
		return err_set(err, ERR_UNSUPPORTED, "only RSA and P-256 keys sign tokens");
	*ret = X509_ES256;
	return 0;
}

static int der_to_raw(struct str der, struct arena *arena, struct str *ret, struct err *err)
{
	const unsigned char *at = (const unsigned char *)der.ptr;
	AUTO_ECDSA pair = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
	unsigned char *raw = arena_alloc(arena, 2 * ES256_HALF_BYTES);

	if (!pair || BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, ES256_HALF_BYTES) < 0 ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + ES256_HALF_BYTES, ES256_HALF_BYTES) < 0)
		return tls_err(err, ERR_INTERNAL, "encode signature");
	*ret = str_sub((char *)raw, 2 * ES256_HALF_BYTES);
	return 0;
}

int x509_sign(struct str private_pem, struct str input, struct arena *arena, struct x509_jws *ret,
	      struct err *err)
{
	AUTO_KEY key = read_any_key(private_pem);
	AUTO_DIGEST digest = EVP_MD_CTX_new();
	enum x509_signature kind;
	unsigned char *bytes;
	size_t len = 0;

	if (!key)
		return tls_err(err, ERR_PARSE, "read private key");
	if (kind_of(key, &kind, err) < 0)
		return -1;
	if (EVP_DigestSignInit(digest, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(digest, NULL, &len, (const unsigned char *)input.ptr, input.len) != 1)
		return tls_err(err, ERR_INTERNAL, "sign");
	bytes = arena_alloc(arena, len);
	if (EVP_DigestSign(digest, bytes, &len, (const unsigned char *)input.ptr, input.len) != 1)
		return tls_err(err, ERR_INTERNAL, "sign");
	ret->kind = kind;
	ret->signature = str_sub((char *)bytes, len);
	return kind == X509_ES256 ? der_to_raw(ret->signature, arena, &ret->signature, err) : 0;
}

/* RFC 7518, 3.1. */
static const struct {
	const char *digest;
	size_t half_bytes; /* of ES*: R or S */
	const char *curve;
	bool is_pss;
} algorithms[X509_SIGNATURE_COUNT] = {
	[X509_RS256] = { "SHA256" },
	[X509_RS384] = { "SHA384" },
	[X509_RS512] = { "SHA512" },
	[X509_PS256] = { "SHA256", .is_pss = true },
	[X509_PS384] = { "SHA384", .is_pss = true },
	[X509_PS512] = { "SHA512", .is_pss = true },
	[X509_ES256] = { "SHA256", 32, "prime256v1" },
	[X509_ES384] = { "SHA384", 48, "secp384r1" },
	[X509_ES512] = { "SHA512", 66, "secp521r1" },
};

static int verify_der(EVP_PKEY *key, enum x509_signature kind, struct str input, struct str der_text)
{
	AUTO_DIGEST digest = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_context = NULL; /* the digest's */
	const unsigned char *der = (const unsigned char *)der_text.ptr;
	size_t der_bytes = der_text.len;

	if (EVP_DigestVerifyInit_ex(digest, &key_context, algorithms[kind].digest, NULL, NULL, key,
				    NULL) != 1)
		return -1;
	if (algorithms[kind].is_pss &&
	    (EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) != 1 ||
	     EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) != 1))
		return -1;
	return EVP_DigestVerify(digest, der, der_bytes, (const unsigned char *)input.ptr, input.len) == 1 ? 0 : -1;
}

static int verify_raw(EVP_PKEY *key, enum x509_signature kind, struct str input, struct str raw)
{
	int half = (int)algorithms[kind].half_bytes;
	const unsigned char *bytes = (const unsigned char *)raw.ptr;
	AUTO_ECDSA pair = ECDSA_SIG_new();
	BIGNUM *r, *s;
	unsigned char *der = NULL;
	int der_bytes, verified;

	if (raw.len != 2 * (size_t)half)
		return -1;
	r = BN_bin2bn(bytes, half, NULL);
	s = BN_bin2bn(bytes + half, half, NULL);
	ECDSA_SIG_set0(pair, r, s);
	der_bytes = i2d_ECDSA_SIG(pair, &der);
	verified = der_bytes > 0 ? verify_der(key, kind, input, str_sub((char *)der, (size_t)der_bytes))
				 : -1;
	OPENSSL_free(der);
	return verified;
}

/* Whether the key can have made a signature of the kind. */
static bool fits(EVP_PKEY *key, enum x509_signature kind)
{
	char group[32] = "";
	size_t len;

	if (!algorithms[kind].curve)
		return EVP_PKEY_is_a(key, "RSA");
	if (!EVP_PKEY_is_a(key, "EC"))
		return false;
	EVP_PKEY_get_group_name(key, group, sizeof(group), &len);
	return str_eq_c(str_from(group), algorithms[kind].curve);
}

int x509_verify(struct str key_pem, const struct x509_jws *jws, struct str input, struct err *err)
{
	AUTO_KEY key = read_any_key(key_pem);
	int verified;

	if (!key)
		return tls_err(err, ERR_PARSE, "read key");
	if (!fits(key, jws->kind))
		return err_set(err, ERR_UNAUTHORIZED, "the signature is of another kind than the key");
	if (algorithms[jws->kind].curve)
		verified = verify_raw(key, jws->kind, input, jws->signature);
	else
		verified = verify_der(key, jws->kind, input, jws->signature);
	ERR_clear_error();
	return verified == 0 ? 0 : err_set(err, ERR_UNAUTHORIZED, "the signature does not match");
}

void x509_sha256(struct str bytes, uint8_t ret[X509_SHA256_BYTES])
{
	ASSERT(EVP_Digest(bytes.ptr ? bytes.ptr : "", bytes.len, ret, NULL, EVP_sha256(), NULL) == 1);
}

void x509_hmac_sha256(struct str key, struct str text, uint8_t ret[X509_SHA256_BYTES])
{
	size_t len = 0;

	ASSERT(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key.ptr ? key.ptr : "", key.len,
			 (const unsigned char *)(text.ptr ? text.ptr : ""), text.len, ret,
			 X509_SHA256_BYTES, &len) != NULL &&
	       len == X509_SHA256_BYTES);
}

/* A number of the key, as many bytes as it needs, or exactly so many. */
static int read_number(EVP_PKEY *key, const char *name, int bytes_min, struct arena *arena,
		       struct str *ret, struct err *err)
{
	BIGNUM *number = NULL;
	unsigned char *bytes;
	int len;

	if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
		return tls_err(err, ERR_PARSE, "read key's %s", name);
	len = BN_num_bytes(number);
	if (len < bytes_min)
		len = bytes_min;
	bytes = arena_alloc(arena, (size_t)len);
	len = BN_bn2binpad(number, bytes, len);
	BN_free(number);
	*ret = str_sub((char *)bytes, (size_t)len);
	return 0;
}

static int read_key_id(EVP_PKEY *key, struct arena *arena, struct str *ret, struct err *err)
{
	unsigned char *der = NULL;
	int der_bytes = i2d_PUBKEY(key, &der);
	uint8_t sum[X509_SHA256_BYTES];
	AUTO_BUF text = { 0 };

	if (der_bytes <= 0)
		return tls_err(err, ERR_INTERNAL, "encode public key");
	x509_sha256(str_sub((char *)der, (size_t)der_bytes), sum);
	OPENSSL_free(der);
	buf_init(&text, 2 * sizeof(sum));
	base64_url_encode(str_sub((char *)sum, sizeof(sum)), &text);
	*ret = str_in(arena, buf_str(&text));
	return 0;
}

int x509_public_of(struct str key_pem, struct arena *arena, struct x509_public *ret, struct err *err)
{
	AUTO_KEY key = read_any_key(key_pem);
	struct x509_public public = { 0 };
	bool is_rsa;

	if (!key)
		return tls_err(err, ERR_PARSE, "read key");
	if (kind_of(key, &public.kind, err) < 0)
		return -1;
	is_rsa = public.kind == X509_RS256;
	if (read_key_id(key, arena, &public.key_id, err) < 0 ||
	    read_number(key, is_rsa ? OSSL_PKEY_PARAM_RSA_N : OSSL_PKEY_PARAM_EC_PUB_X,
			is_rsa ? 0 : ES256_HALF_BYTES, arena, &public.first, err) < 0 ||
	    read_number(key, is_rsa ? OSSL_PKEY_PARAM_RSA_E : OSSL_PKEY_PARAM_EC_PUB_Y,
			is_rsa ? 0 : ES256_HALF_BYTES, arena, &public.second, err) < 0)
		return -1;
	*ret = public;
	return 0;
}
