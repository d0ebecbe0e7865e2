/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes keys and certificates. Names go in through OpenSSL's structures, never through its
 * configuration language, so no name can add an extension of its own.
 */
#include "net/x509.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include "base/assert.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/time.h"
#include "net/limits.h"
#include "net/openssl.h"

#define SERIAL_BYTES_MIN 8
#define SERIAL_BYTES_MAX 20
#define COMMON_NAME_BYTES_MAX 64 /* X.520's bound, which peers check */

static const struct {
	const char *basic, *key_usage, *extended;
} usages[] = {
	[X509_USAGE_CA] = { "critical,CA:TRUE", "critical,digitalSignature,keyEncipherment,keyCertSign,cRLSign", NULL },
	[X509_USAGE_SERVER] = { "critical,CA:FALSE", "critical,digitalSignature,keyEncipherment", "serverAuth" },
	[X509_USAGE_CLIENT] = { "critical,CA:FALSE", "critical,digitalSignature,keyEncipherment", "clientAuth" },
	[X509_USAGE_SERVER_AND_CLIENT] = { "critical,CA:FALSE", "critical,digitalSignature,keyEncipherment",
					   "serverAuth,clientAuth" },
};

static struct str bio_text(BIO *bio, struct arena *arena)
{
	char *bytes;
	long len = BIO_get_mem_data(bio, &bytes);

	return str_in(arena, str_sub(bytes, (size_t)len));
}

static EVP_PKEY *make_key(enum x509_key_type type)
{
	return type == X509_KEY_RSA2048 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
}

static int write_key(EVP_PKEY *key, struct arena *arena, struct str *ret, struct err *err)
{
	AUTO_BIO bio = BIO_new(BIO_s_secmem());

	if (PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return tls_err(err, ERR_INTERNAL, "write private key");
	*ret = bio_text(bio, arena);
	return 0;
}

static EVP_PKEY *read_key(struct str pem, struct err *err)
{
	EVP_PKEY *key = openssl_read_key(pem);

	if (!key)
		(void)tls_err(err, ERR_PARSE, "read private key");
	return key;
}

static X509 *read_certificate(struct str pem, struct err *err)
{
	AUTO_BIO bio = BIO_new_mem_buf(pem.ptr ? pem.ptr : "", (int)pem.len);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	if (!certificate)
		(void)tls_err(err, ERR_PARSE, "read certificate");
	return certificate;
}

static int add_name(X509_NAME *to, int kind, struct str value, struct err *err)
{
	const unsigned char *bytes = (const unsigned char *)value.ptr;

	if (value.len > COMMON_NAME_BYTES_MAX)
		return err_set(err, ERR_INVALID, "subject name '" STR_FMT "' is longer than %d bytes", STR_ARG(value),
			       COMMON_NAME_BYTES_MAX);
	if (X509_NAME_add_entry_by_NID(to, kind, MBSTRING_UTF8, bytes, (int)value.len, -1, 0) != 1)
		return tls_err(err, ERR_INVALID, "subject name '" STR_FMT "'", STR_ARG(value));
	return 0;
}

static int set_subject(X509 *certificate, const struct x509_spec *spec, struct err *err)
{
	X509_NAME *subject = X509_get_subject_name(certificate);

	for (size_t i = 0; i < spec->organization_count; i++) {
		if (add_name(subject, NID_organizationName, spec->organizations[i], err) < 0)
			return -1;
	}
	return spec->common_name.len > 0 ? add_name(subject, NID_commonName, spec->common_name, err) : 0;
}

static int push_name(GENERAL_NAMES *names, int kind, ASN1_STRING *value, const void *bytes, size_t len)
{
	GENERAL_NAME *name = GENERAL_NAME_new();

	if (!name || !value || ASN1_STRING_set(value, bytes, (int)len) != 1) {
		GENERAL_NAME_free(name);
		ASN1_STRING_free(value);
		return -1;
	}
	GENERAL_NAME_set0_value(name, kind, value);
	return sk_GENERAL_NAME_push(names, name) > 0 ? 0 : -1;
}

static int push_ip(GENERAL_NAMES *names, struct str text, struct err *err)
{
	char c[INET6_ADDRSTRLEN];
	unsigned char ip[16];
	size_t ip_bytes = 0;

	if (str_copy_to(text, c, sizeof(c)) == 0)
		ip_bytes = inet_pton(AF_INET, c, ip) == 1 ? 4 : inet_pton(AF_INET6, c, ip) == 1 ? 16 : 0;
	if (ip_bytes == 0)
		return err_set(err, ERR_INVALID, "'" STR_FMT "' is not an IP address", STR_ARG(text));
	if (push_name(names, GEN_IPADD, ASN1_OCTET_STRING_new(), ip, ip_bytes) < 0)
		return tls_err(err, ERR_INTERNAL, "alternative name");
	return 0;
}

static int set_names(X509 *certificate, const struct x509_spec *spec, struct err *err)
{
	AUTO_NAMES names = GENERAL_NAMES_new();

	if (spec->dns_name_count + spec->ip_name_count > TLS_NAMES_MAX)
		return err_set(err, ERR_TOO_LARGE, "more than %d alternative names", TLS_NAMES_MAX);
	for (size_t i = 0; i < spec->dns_name_count; i++) {
		struct str name = spec->dns_names[i];

		if (name.len == 0 || name.len > 253 || memchr(name.ptr, 0, name.len))
			return err_set(err, ERR_INVALID, "'" STR_FMT "' is not a DNS name", STR_ARG(name));
		if (push_name(names, GEN_DNS, ASN1_IA5STRING_new(), name.ptr, name.len) < 0)
			return tls_err(err, ERR_INTERNAL, "alternative name");
	}
	for (size_t i = 0; i < spec->ip_name_count; i++) {
		if (push_ip(names, spec->ip_names[i], err) < 0)
			return -1;
	}
	if (sk_GENERAL_NAME_num(names) > 0 &&
	    X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1)
		return tls_err(err, ERR_INTERNAL, "alternative names");
	return 0;
}

/* value is one of this file's constants. */
static int add_extension(X509 *certificate, X509V3_CTX *chain, int kind, const char *value, struct err *err)
{
	X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, chain, kind, value);
	int added = extension ? X509_add_ext(certificate, extension, -1) : 0;

	X509_EXTENSION_free(extension);
	return added == 1 ? 0 : tls_err(err, ERR_INTERNAL, "add extension %s", OBJ_nid2sn(kind));
}

static int set_extensions(X509 *certificate, X509 *issuer, enum x509_usage usage, struct err *err)
{
	X509V3_CTX chain;

	X509V3_set_ctx(&chain, issuer, certificate, NULL, NULL, 0);
	if (add_extension(certificate, &chain, NID_basic_constraints, usages[usage].basic, err) < 0 ||
	    add_extension(certificate, &chain, NID_key_usage, usages[usage].key_usage, err) < 0 ||
	    add_extension(certificate, &chain, NID_subject_key_identifier, "hash", err) < 0 ||
	    add_extension(certificate, &chain, NID_authority_key_identifier, "keyid", err) < 0)
		return -1;
	if (!usages[usage].extended)
		return 0;
	return add_extension(certificate, &chain, NID_ext_key_usage, usages[usage].extended, err);
}

static int set_serial(X509 *certificate, struct str bytes, struct err *err)
{
	unsigned char serial[SERIAL_BYTES_MAX];
	ASN1_INTEGER *number;
	BIGNUM *big;
	int set;

	if (bytes.len < SERIAL_BYTES_MIN || bytes.len > SERIAL_BYTES_MAX)
		return err_set(err, ERR_INVALID, "a serial number has %d to %d bytes, not %zu", SERIAL_BYTES_MIN,
			       SERIAL_BYTES_MAX, bytes.len);
	memcpy(serial, bytes.ptr, bytes.len);
	serial[0] &= 0x7f;
	serial[bytes.len - 1] |= 1; /* never zero */
	big = BN_bin2bn(serial, (int)bytes.len, NULL);
	number = BN_to_ASN1_INTEGER(big, NULL);
	BN_free(big);
	set = number ? X509_set_serialNumber(certificate, number) : 0;
	ASN1_INTEGER_free(number);
	return set == 1 ? 0 : tls_err(err, ERR_INTERNAL, "set serial number");
}

/* Version, serial, validity, key: what every certificate has. */
static X509 *begin_certificate(const struct x509_spec *spec, EVP_PKEY *key, struct err *err)
{
	AUTO_X509 certificate = X509_new();

	ASSERT(spec->not_after_ns > spec->not_before_ns);
	if (set_serial(certificate, spec->serial_bytes, err) < 0)
		return NULL;
	if (X509_set_version(certificate, X509_VERSION_3) != 1 || X509_set_pubkey(certificate, key) != 1 ||
	    !ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(spec->not_before_ns / TIME_NS_PER_SECOND)) ||
	    !ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(spec->not_after_ns / TIME_NS_PER_SECOND))) {
		(void)tls_err(err, ERR_INTERNAL, "make a certificate");
		return NULL;
	}
	return TAKE(certificate);
}

struct issuer {
	X509 *certificate; /* NULL: self-signed */
	EVP_PKEY *key;
};

/* Names the issuer, adds the extensions, signs, and writes it out. */
static int finish_certificate(X509 *certificate, const struct issuer *issuer, enum x509_usage usage,
			      struct str *ret_pem, struct arena *arena, struct err *err)
{
	X509 *above = issuer->certificate ? issuer->certificate : certificate;
	AUTO_BIO bio = BIO_new(BIO_s_mem());

	if (X509_set_issuer_name(certificate, X509_get_subject_name(above)) != 1)
		return tls_err(err, ERR_INTERNAL, "set issuer");
	if (set_extensions(certificate, above, usage, err) < 0)
		return -1;
	if (X509_sign(certificate, issuer->key, EVP_sha256()) <= 0)
		return tls_err(err, ERR_INTERNAL, "sign certificate");
	if (PEM_write_bio_X509(bio, certificate) != 1)
		return tls_err(err, ERR_INTERNAL, "write certificate");
	*ret_pem = bio_text(bio, arena);
	return 0;
}

int x509_make(const struct x509_spec *spec, const struct x509_pair *issuer, struct arena *arena,
	      struct x509_pair *ret, struct err *err)
{
	AUTO_KEY key = make_key(spec->key_type);
	AUTO_KEY issuer_key = NULL;
	AUTO_X509 issuer_certificate = NULL;
	AUTO_X509 certificate = NULL;
	struct x509_pair pair;

	if (!key)
		return tls_err(err, ERR_INTERNAL, "make a key");
	if (issuer) {
		issuer_key = read_key(issuer->key_pem, err);
		issuer_certificate = issuer_key ? read_certificate(issuer->certificate_pem, err) : NULL;
		if (!issuer_certificate)
			return err_wrap(err, "issuer");
	}
	certificate = begin_certificate(spec, key, err);
	if (!certificate || set_subject(certificate, spec, err) < 0 || set_names(certificate, spec, err) < 0)
		return -1;
	if (finish_certificate(certificate, &(struct issuer){ issuer_certificate, issuer ? issuer_key : key },
			       spec->usage, &pair.certificate_pem, arena, err) < 0 ||
	    write_key(key, arena, &pair.key_pem, err) < 0)
		return -1;
	*ret = pair;
	return 0;
}

int x509_make_key(enum x509_key_type type, struct arena *arena, struct str *ret_private_pem,
		  struct str *ret_public_pem, struct err *err)
{
	AUTO_KEY key = make_key(type);
	AUTO_BIO bio = BIO_new(BIO_s_mem());
	struct str private_pem;

	if (!key)
		return tls_err(err, ERR_INTERNAL, "make a key");
	if (write_key(key, arena, &private_pem, err) < 0)
		return -1;
	if (PEM_write_bio_PUBKEY(bio, key) != 1)
		return tls_err(err, ERR_INTERNAL, "write public key");
	*ret_private_pem = private_pem;
	*ret_public_pem = bio_text(bio, arena);
	return 0;
}

/* Alternative names are the only extension taken from a request: usage and constraints are the
 * signer's to say. */
static int copy_names(X509 *to, X509_REQ *request, struct err *err)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
	int at = extensions ? X509v3_get_ext_by_NID(extensions, NID_subject_alt_name, -1) : -1;
	int added = at < 0 ? 1 : X509_add_ext(to, X509v3_get_ext(extensions, at), -1);

	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return added == 1 ? 0 : tls_err(err, ERR_INVALID, "alternative names of the request");
}

int x509_sign_request(const struct x509_spec *spec, const struct x509_pair *issuer, struct arena *arena,
		      struct str *ret_certificate_pem, struct err *err)
{
	AUTO_BIO bio = BIO_new_mem_buf(spec->request_pem.ptr ? spec->request_pem.ptr : "",
				       (int)spec->request_pem.len);
	AUTO_X509_REQUEST request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;
	AUTO_KEY issuer_key = NULL;
	AUTO_X509 issuer_certificate = NULL;
	AUTO_X509 certificate = NULL;

	if (!key)
		return tls_err(err, ERR_PARSE, "read certificate request");
	if (X509_REQ_verify(request, key) != 1)
		return tls_err(err, ERR_INVALID, "the request is not signed by its own key");
	issuer_key = read_key(issuer->key_pem, err);
	issuer_certificate = issuer_key ? read_certificate(issuer->certificate_pem, err) : NULL;
	if (!issuer_certificate)
		return err_wrap(err, "issuer");
	certificate = begin_certificate(spec, key, err);
	if (!certificate)
		return -1;
	if (X509_set_subject_name(certificate, X509_REQ_get_subject_name(request)) != 1)
		return tls_err(err, ERR_INVALID, "subject of the request");
	if (copy_names(certificate, request, err) < 0)
		return -1;
	return finish_certificate(certificate, &(struct issuer){ issuer_certificate, issuer_key }, spec->usage,
				  ret_certificate_pem, arena, err);
}

static struct str name_text(const ASN1_STRING *from, struct arena *arena)
{
	unsigned char *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, from);
	struct str text = len < 0 ? STR_NONE : str_in(arena, str_sub((const char *)utf8, (size_t)len));

	OPENSSL_free(utf8);
	return text;
}

static void read_request_subject(X509_REQ *request, struct arena *arena, struct x509_request *to)
{
	const X509_NAME *subject = X509_REQ_get_subject_name(request);
	int count = X509_NAME_entry_count(subject);
	struct str *organizations = arena_array(arena, (size_t)count + 1, sizeof(organizations[0]));

	to->organizations.items = organizations;
	for (int i = 0; i < count; i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
		int kind = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
		struct str text = name_text(X509_NAME_ENTRY_get_data(entry), arena);

		if (kind == NID_commonName)
			to->common_name = text;
		else if (kind == NID_organizationName)
			organizations[to->organizations.count++] = text;
	}
}

static void read_request_names(X509_REQ *request, struct x509_request *to)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
	AUTO_NAMES names = extensions ? X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL) : NULL;

	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		int type = sk_GENERAL_NAME_value(names, i)->type;

		if (type == GEN_DNS)
			to->dns_name_count++;
		else if (type == GEN_IPADD)
			to->ip_name_count++;
		else
			to->other_name_count++;
	}
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

int x509_read_request(struct str pem, struct arena *arena, struct x509_request *ret, struct err *err)
{
	AUTO_BIO bio = BIO_new_mem_buf(pem.ptr ? pem.ptr : "", (int)pem.len);
	AUTO_X509_REQUEST request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;

	if (!request || !key)
		return tls_err(err, ERR_PARSE, "read certificate request");
	if (X509_REQ_verify(request, key) != 1)
		return tls_err(err, ERR_INVALID, "the request is not signed by its own key");
	*ret = (struct x509_request){ 0 };
	read_request_subject(request, arena, ret);
	read_request_names(request, ret);
	ERR_clear_error(); /* malformed extensions count as absent */
	return 0;
}

struct pem_block {
	char *name, *header;
	unsigned char *bytes;
	long size;
};

static int check_block(const struct pem_block *block, struct err *err)
{
	const unsigned char *at = block->bytes, *end = block->bytes + block->size;

	if (strcmp(block->name, PEM_STRING_X509) != 0)
		return err_set(err, ERR_INVALID,
			       "only CERTIFICATE PEM blocks are allowed, found \"%.64s\"",
			       block->name);
	if (block->header[0])
		return err_set(err, ERR_INVALID, "no PEM block headers are permitted");
	if (block->size == 0)
		return err_set(err, ERR_INVALID,
			       "found CERTIFICATE PEM block containing 0 certificates");
	while (at < end) {
		AUTO_X509 certificate = d2i_X509(NULL, &at, end - at);

		if (!certificate)
			return err_set(err, ERR_INVALID, "x509: malformed certificate");
	}
	return 0;
}

int x509_check_chain(struct str pem, struct err *err)
{
	AUTO_BIO bio = BIO_new_mem_buf(pem.ptr ? pem.ptr : "", (int)pem.len);
	struct pem_block block;
	size_t count = 0;
	int got = 0;

	while (got == 0 &&
	       PEM_read_bio(bio, &block.name, &block.header, &block.bytes, &block.size)) {
		got = check_block(&block, err);
		OPENSSL_free(block.name);
		OPENSSL_free(block.header);
		OPENSSL_free(block.bytes);
		count++;
	}
	ERR_clear_error(); /* that of the end, where there is no further block */
	if (got < 0 || count > 0)
		return got;
	return err_set(err, ERR_INVALID, "must contain at least one CERTIFICATE PEM block");
}

int64_t x509_end_ns(struct str pem)
{
	AUTO_X509 certificate = read_certificate(pem, NULL);
	struct tm tm;

	if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1) {
		ERR_clear_error();
		return INT64_MAX;
	}
	return (int64_t)timegm(&tm) * TIME_NS_PER_SECOND;
}

int x509_check_pair(const struct x509_pair *pair, struct err *err)
{
	AUTO_KEY key = read_key(pair->key_pem, err);
	AUTO_X509 certificate = key ? read_certificate(pair->certificate_pem, err) : NULL;

	if (!certificate)
		return -1;
	if (X509_check_private_key(certificate, key) != 1)
		return tls_err(err, ERR_INVALID, "the key does not belong to the certificate");
	return 0;
}

int x509_write_pair(const struct x509_pair *pair, const char *certificate_path, const char *key_path,
		    struct err *err)
{
	if (fd_replace_file(AT_FDCWD, key_path, pair->key_pem, 0600, true, err) < 0)
		return err_wrap(err, "write key");
	if (fd_replace_file(AT_FDCWD, certificate_path, pair->certificate_pem, 0644, true, err) < 0)
		return err_wrap(err, "write certificate");
	return 0;
}
