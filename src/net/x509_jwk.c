/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a JWKS (RFC 7517, 7518) as PEM, and clients' certificates against authorities of choice. */
#include "net/limits.h"
#include "net/x509.h"

#include <openssl/core_names.h>
#include "net/openssl.h"

static int key_from(const char *type, OSSL_PARAM_BLD *params, struct arena *arena, struct str *ret,
		    struct err *err)
{
	AUTO_PARAM made = OSSL_PARAM_BLD_to_param(params);
	AUTO_MAKER maker = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	AUTO_BIO bio = BIO_new(BIO_s_mem());
	AUTO_KEY key = NULL;
	char *bytes;
	long len;

	if (!made || EVP_PKEY_fromdata_init(maker) != 1 ||
	    EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, made) != 1 ||
	    PEM_write_bio_PUBKEY(bio, key) != 1)
		return tls_err(err, ERR_PARSE, "%s key", type);
	len = BIO_get_mem_data(bio, &bytes);
	*ret = str_in(arena, str_sub(bytes, (size_t)len));
	return 0;
}

int x509_rsa_pem(struct str modulus, struct str exponent, struct arena *arena, struct str *ret,
		 struct err *err)
{
	AUTO_PARAMS params = OSSL_PARAM_BLD_new();
	AUTO_NUMBER n = NULL;
	AUTO_NUMBER e = NULL;

	if (!modulus.len || !exponent.len || modulus.len > JWK_NUMBER_BYTES_MAX || exponent.len > JWK_NUMBER_BYTES_MAX)
		return err_set(err, ERR_PARSE, "RSA key: its numbers are missing or too long");
	n = BN_bin2bn((const unsigned char *)modulus.ptr, (int)modulus.len, NULL);
	e = BN_bin2bn((const unsigned char *)exponent.ptr, (int)exponent.len, NULL);
	if (OSSL_PARAM_BLD_push_BN(params, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(params, OSSL_PKEY_PARAM_RSA_E, e) != 1)
		return tls_err(err, ERR_PARSE, "RSA key");
	return key_from("RSA", params, arena, ret, err);
}

int x509_ec_pem(struct str curve, struct str x, struct str y, struct arena *arena, struct str *ret,
		struct err *err)
{
	static const struct {
		const char *name, *group;
		size_t bytes;
	} curves[] = { { "P-256", "prime256v1", 32 }, { "P-384", "secp384r1", 48 }, { "P-521", "secp521r1", 66 } };
	AUTO_PARAMS params = OSSL_PARAM_BLD_new();
	unsigned char point[1 + 2 * 66] = { POINT_CONVERSION_UNCOMPRESSED };
	size_t i = 0, bytes;

	while (i < ARRAY_COUNT(curves) && !str_eq_c(curve, curves[i].name))
		i++;
	if (i == ARRAY_COUNT(curves))
		return err_set(err, ERR_UNSUPPORTED, "EC key: curve '" STR_FMT "' is not known", STR_ARG(curve));
	bytes = curves[i].bytes;
	if (!x.len || !y.len || x.len > bytes || y.len > bytes)
		return err_set(err, ERR_PARSE, "EC key: its numbers are missing or too long");
	memcpy(point + 1 + bytes - x.len, x.ptr, x.len);
	memcpy(point + 1 + 2 * bytes - y.len, y.ptr, y.len);
	if (OSSL_PARAM_BLD_push_utf8_string(params, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].group, 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(params, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * bytes) != 1)
		return tls_err(err, ERR_PARSE, "EC key");
	return key_from("EC", params, arena, ret, err);
}

static X509_STORE *read_authorities(struct str pem, struct err *err)
{
	AUTO_BIO bio = BIO_new_mem_buf(pem.ptr ? pem.ptr : "", (int)pem.len);
	AUTO_X509_STORE store = X509_STORE_new();
	X509_STORE *ret;
	X509 *certificate;
	size_t count = 0;

	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		bool is_fine = X509_STORE_add_cert(store, certificate) == 1;

		X509_free(certificate);
		if (!is_fine)
			break;
		count++;
	}
	ERR_clear_error();
	if (!count) {
		(void)err_set(err, ERR_PARSE, "CA bundle holds no certificate");
		return NULL;
	}
	ret = store;
	store = NULL;
	return ret;
}

int x509_verify_client(struct str ca_pem, struct str der, struct err *err)
{
	AUTO_X509_STORE store = read_authorities(ca_pem, err);
	const unsigned char *at = (const unsigned char *)der.ptr;
	AUTO_X509 certificate = d2i_X509(NULL, &at, (long)der.len);
	AUTO_CHAIN chain = X509_STORE_CTX_new();
	int verdict;

	if (!store)
		return -1;
	if (!certificate || X509_STORE_CTX_init(chain, store, certificate, NULL) != 1)
		return tls_err(err, ERR_PARSE, "read certificate");
	X509_STORE_CTX_set_purpose(chain, X509_PURPOSE_SSL_CLIENT);
	verdict = X509_verify_cert(chain);
	ERR_clear_error();
	if (verdict == 1)
		return 0;
	return err_set(err, ERR_UNAUTHORIZED, "%s",
		       X509_verify_cert_error_string(X509_STORE_CTX_get_error(chain)));
}
