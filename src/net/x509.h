/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making keys, authorities and certificates, in PEM. Used when a cluster is set up, for kubelets,
 * service accounts and tests. Keys are ECDSA P-256 unless RSA is asked for.
 */
#ifndef CUBE_NET_X509_H
#define CUBE_NET_X509_H

#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "net/tls.h"

enum x509_key_type { X509_KEY_P256, X509_KEY_RSA2048 };
enum x509_usage { X509_USAGE_CA, X509_USAGE_SERVER, X509_USAGE_CLIENT, X509_USAGE_SERVER_AND_CLIENT };

/* A certificate and its key; both PEM, NUL-terminated, in the arena they were made in. */
struct x509_pair {
	struct str certificate_pem;
	struct str key_pem;
};

struct x509_spec {
	struct str common_name;
	const struct str *organizations;   /* O, in order */
	size_t organization_count;
	const struct str *dns_names;       /* subject alternative names */
	size_t dns_name_count;
	const struct str *ip_names;        /* "10.0.0.1", "::1" */
	size_t ip_name_count;
	enum x509_usage usage;
	enum x509_key_type key_type;
	int64_t not_before_ns, not_after_ns; /* wall clock */
	struct str request_pem;            /* x509_sign_request: subject, names and key come from it */
	struct str serial_bytes;           /* 8-20 random bytes from env_random; the top bit is cleared */
};

/* Signs with issuer, or with its own key when issuer is NULL (an authority). Refuses names that
 * X.509 cannot hold. */
int x509_make(const struct x509_spec *spec, const struct x509_pair *issuer, struct arena *arena,
	      struct x509_pair *ret, struct err *err) MUST_CHECK;
/* A key alone (service accounts): private and public (SubjectPublicKeyInfo) PEM. */
int x509_make_key(enum x509_key_type type, struct arena *arena, struct str *ret_private_pem,
		  struct str *ret_public_pem, struct err *err) MUST_CHECK;
/* Signs a PKCS#10 request as spec's usage and validity say; subject and names come from the
 * request. */
int x509_sign_request(const struct x509_spec *spec, const struct x509_pair *issuer, struct arena *arena,
		      struct str *ret_certificate_pem, struct err *err) MUST_CHECK;
/* What a PKCS#10 request asks for, once its signature proved that the key is its sender's. In the arena. */
struct x509_request {
	struct str common_name;
	struct str_list organizations;
	size_t dns_name_count, ip_name_count, other_name_count;
};
int x509_read_request(struct str pem, struct arena *arena, struct x509_request *ret,
		      struct err *err) MUST_CHECK;
/* Whether the text is CERTIFICATE blocks, at least one, and no other PEM; in the words of Kubernetes. */
int x509_check_chain(struct str pem, struct err *err) MUST_CHECK;
/* When a certificate ends, by the wall clock; INT64_MAX: it is none. */
int64_t x509_end_ns(struct str pem);
/* Whether the key belongs to the certificate. */
int x509_check_pair(const struct x509_pair *pair, struct err *err) MUST_CHECK;
/* Writes atomically; the key with mode 0600, the certificate 0644. */
int x509_write_pair(const struct x509_pair *pair, const char *certificate_path, const char *key_path,
		    struct err *err) MUST_CHECK;

/* JWS signatures (RFC 7515) over input with a PEM key: RS256 for RSA keys, ES256 for P-256 ones. The
 * others are only verified. */
enum x509_signature {
	X509_RS256,
	X509_ES256,
	X509_RS384,
	X509_RS512,
	X509_ES384,
	X509_ES512,
	X509_PS256,
	X509_PS384,
	X509_PS512,
	X509_SIGNATURE_COUNT
};
struct x509_jws {
	enum x509_signature kind;
	struct str signature; /* raw bytes, in the arena; ES*: R and S, each as long as the curve's numbers */
};
int x509_sign(struct str private_pem, struct str input, struct arena *arena, struct x509_jws *ret,
	      struct err *err) MUST_CHECK;
/* key_pem is a public key, a private key or a certificate. 0 when it holds, < 0 with
 * ERR_UNAUTHORIZED when it does not. */
int x509_verify(struct str key_pem, const struct x509_jws *jws, struct str input, struct err *err) MUST_CHECK;
/* Public halves of a key, as JWKS (RFC 7517) publishes them. */
struct x509_public {
	enum x509_signature kind;
	struct str key_id;     /* base64url of SHA-256 over SubjectPublicKeyInfo: Kubernetes' "kid" */
	struct str first, second; /* big-endian: modulus and exponent (RSA), x and y (P-256) */
};
int x509_public_of(struct str key_pem, struct arena *arena, struct x509_public *ret,
		   struct err *err) MUST_CHECK;
/* A public key of a JWKS as PEM: RSA by modulus and exponent, or a point of curve "P-256", "P-384",
 * "P-521"; big-endian numbers. */
int x509_rsa_pem(struct str modulus, struct str exponent, struct arena *arena, struct str *ret,
		 struct err *err) MUST_CHECK;
int x509_ec_pem(struct str curve, struct str x, struct str y, struct arena *arena, struct str *ret,
		struct err *err) MUST_CHECK;
/* Whether a client's certificate (DER) was signed by one of the authorities, and is good now. */
int x509_verify_client(struct str ca_pem, struct str der, struct err *err) MUST_CHECK;
#define X509_SHA256_BYTES 32
void x509_sha256(struct str bytes, uint8_t ret[X509_SHA256_BYTES]);
void x509_hmac_sha256(struct str key, struct str text, uint8_t ret[X509_SHA256_BYTES]); /* RFC 2104 */

#endif
