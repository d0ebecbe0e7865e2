/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a certificate says about its holder, read once per connection into one arena. Names are
 * copied out as bytes; one with an embedded NUL keeps it and so equals nothing that a rule can
 * name.
 */
#include "net/tls.h"

#include <arpa/inet.h>
#include <time.h>
#include "base/arena.h"
#include "base/mem.h"
#include "base/time.h"
#include "net/limits.h"
#include "net/openssl.h"

#define IDENTITY_BYTES_MAX ((size_t)4 << 20)

struct identity {
	struct tls_identity public;
	struct arena arena;
};

static struct str text_of(struct arena *arena, const ASN1_STRING *from)
{
	unsigned char *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, from);
	struct str text = STR_NONE;

	if (len >= 0)
		text = str_in(arena, str_sub((const char *)utf8, (size_t)len));
	OPENSSL_free(utf8);
	return text;
}

static void read_subject(struct identity *id, const X509 *certificate)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	int count = X509_NAME_entry_count(subject);

	id->public.organizations = arena_array(&id->arena, TLS_ORGANIZATIONS_MAX, sizeof(struct str));
	for (int i = 0; i < count; i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
		int kind = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
		const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);

		if (kind == NID_commonName)
			id->public.common_name = text_of(&id->arena, value);
		else if (kind == NID_organizationName && id->public.organization_count < TLS_ORGANIZATIONS_MAX)
			id->public.organizations[id->public.organization_count++] = text_of(&id->arena, value);
	}
}

static struct str ip_text(struct arena *arena, const ASN1_OCTET_STRING *ip)
{
	char text[INET6_ADDRSTRLEN] = "";
	int len = ASN1_STRING_length(ip);

	if (len == 4 || len == 16)
		inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), text, sizeof(text));
	return str_in(arena, str_from(text));
}

static void read_names(struct identity *id, const X509 *certificate)
{
	AUTO_NAMES names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	struct tls_identity *to = &id->public;
	int count = names ? sk_GENERAL_NAME_num(names) : 0;

	if (count > TLS_NAMES_MAX)
		count = TLS_NAMES_MAX;
	to->dns_names = arena_array(&id->arena, (size_t)count + 1, sizeof(struct str));
	to->ip_names = arena_array(&id->arena, (size_t)count + 1, sizeof(struct str));
	to->uri_names = arena_array(&id->arena, (size_t)count + 1, sizeof(struct str));
	to->email_names = arena_array(&id->arena, (size_t)count + 1, sizeof(struct str));
	for (int i = 0; i < count; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			to->dns_names[to->dns_name_count++] = text_of(&id->arena, name->d.dNSName);
		else if (name->type == GEN_IPADD)
			to->ip_names[to->ip_name_count++] = ip_text(&id->arena, name->d.iPAddress);
		else if (name->type == GEN_URI)
			to->uri_names[to->uri_name_count++] =
				text_of(&id->arena, name->d.uniformResourceIdentifier);
		else if (name->type == GEN_EMAIL)
			to->email_names[to->email_name_count++] = text_of(&id->arena, name->d.rfc822Name);
	}
}

static int64_t time_of(const ASN1_TIME *from)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(from, &tm) != 1)
		return 0;
	return (int64_t)timegm(&tm) * TIME_NS_PER_SECOND;
}

static void read_serial(struct identity *id, const X509 *certificate)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	char *hex = number ? BN_bn2hex(number) : NULL;

	id->public.serial = str_in(&id->arena, str_from(hex));
	OPENSSL_free(hex);
	BN_free(number);
}

static struct tls_identity *identity_of(X509 *certificate, long verdict)
{
	struct identity *id = NEW(struct identity);
	unsigned char *der = NULL;
	int der_bytes = i2d_X509(certificate, &der);

	arena_init(&id->arena, IDENTITY_BYTES_MAX);
	id->public.verified = verdict == X509_V_OK;
	id->public.verify_message = X509_verify_cert_error_string(verdict);
	id->public.der = str_in(&id->arena, str_sub((const char *)der, der_bytes > 0 ? (size_t)der_bytes : 0));
	OPENSSL_free(der);
	EVP_Digest(id->public.der.ptr, id->public.der.len, id->public.sha256, NULL, EVP_sha256(), NULL);
	read_subject(id, certificate);
	read_names(id, certificate);
	read_serial(id, certificate);
	id->public.not_before_ns = time_of(X509_get0_notBefore(certificate));
	id->public.not_after_ns = time_of(X509_get0_notAfter(certificate));
	ERR_clear_error(); /* malformed extensions count as absent */
	return &id->public;
}

struct tls_identity *tls_identity_of(struct ssl_st *ssl)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl);

	return certificate ? identity_of(certificate, SSL_get_verify_result(ssl)) : NULL;
}

int tls_identity_decode(struct str pem_or_der, struct tls_identity **ret, struct err *err)
{
	const unsigned char *at = (const unsigned char *)pem_or_der.ptr;
	AUTO_X509 certificate = NULL;

	if (pem_or_der.len > IDENTITY_BYTES_MAX / 4)
		return err_set(err, ERR_TOO_LARGE, "certificate is larger than %zu bytes", IDENTITY_BYTES_MAX / 4);
	if (str_contains(pem_or_der, STR("-----BEGIN"))) {
		AUTO_BIO bio = BIO_new_mem_buf(pem_or_der.ptr, (int)pem_or_der.len);

		certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	} else {
		certificate = d2i_X509(NULL, &at, (long)pem_or_der.len);
	}
	if (!certificate)
		return tls_err(err, ERR_PARSE, "read certificate");
	*ret = identity_of(certificate, X509_V_ERR_UNSPECIFIED);
	return 0;
}

void tls_identity_free(struct tls_identity *identity)
{
	struct identity *id;

	if (!identity)
		return;
	id = CONTAINER_OF(identity, struct identity, public);
	arena_deinit(&id->arena);
	mem_free(id);
}
