/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts. One SSL_CTX holds all that a handshake needs; reloading makes a new one and swaps
 * it in, so a running connection keeps the one it was made with. A new context has new ticket keys:
 * no session outlives the authorities that it was verified against.
 */
#include "net/tls.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include "base/log.h"
#include "base/mem.h"
#include "net/limits.h"
#include "net/openssl.h"
#include "net/tls_names.h"
#include "net/tls_policy.h"

#define CIPHERS_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define CIPHERS_12 \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:" \
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

struct tls_server {
	SSL_CTX *context;
	struct tls_names names;
	uint64_t generation;
	bool no_http2;
};

struct tls_client {
	SSL_CTX *context;
	bool insecure;
	char *server_name; /* or NULL */
};

int tls_err(struct err *err, enum err_code code, const char *fmt, ...)
{
	unsigned long number = ERR_get_error();
	const char *reason = number ? ERR_reason_error_string(number) : NULL;
	char what[ERR_MSG_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	ERR_clear_error();
	return err_set(err, code, "%s: %s", what, reason ? reason : "unknown TLS error");
}

static BIO *bio_of(struct str bytes)
{
	return BIO_new_mem_buf(bytes.ptr ? bytes.ptr : "", (int)bytes.len);
}

static int check_pem_size(struct str pem, const char *what, struct err *err)
{
	if (pem.len > TLS_PEM_BYTES_MAX)
		return err_set(err, ERR_TOO_LARGE, "%s is larger than %u bytes", what, TLS_PEM_BYTES_MAX);
	return 0;
}

/* Leaf first, then the chain; and the key that belongs to it. */
static int use_pair(SSL_CTX *context, struct str certificate_pem, struct str key_pem, struct err *err)
{
	AUTO_BIO chain = NULL;
	AUTO_X509 leaf = NULL;
	AUTO_KEY key = NULL;
	X509 *above;

	if (check_pem_size(certificate_pem, "certificate", err) < 0 || check_pem_size(key_pem, "key", err) < 0)
		return -1;
	chain = bio_of(certificate_pem);
	leaf = PEM_read_bio_X509(chain, NULL, openssl_no_passphrase, NULL);
	if (!leaf || SSL_CTX_use_certificate(context, leaf) != 1)
		return tls_err(err, ERR_PARSE, "read certificate");
	while ((above = PEM_read_bio_X509(chain, NULL, openssl_no_passphrase, NULL))) {
		if (SSL_CTX_add0_chain_cert(context, above) != 1) {
			X509_free(above);
			return tls_err(err, ERR_PARSE, "read certificate chain");
		}
	}
	ERR_clear_error(); /* the end of the PEM file */
	key = openssl_read_key(key_pem);
	if (!key || SSL_CTX_use_PrivateKey(context, key) != 1)
		return tls_err(err, ERR_PARSE, "read private key");
	if (SSL_CTX_check_private_key(context) != 1)
		return tls_err(err, ERR_PARSE, "private key does not belong to the certificate");
	return 0;
}

static int trust(SSL_CTX *context, X509 *authority)
{
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
}

static int announce(SSL_CTX *context, X509 *authority)
{
	return SSL_CTX_add_client_CA(context, authority);
}

/* Of every certificate of the bundle. */
static int use_authorities(SSL_CTX *context, struct str pem, int (*use)(SSL_CTX *context, X509 *authority),
			   struct err *err)
{
	AUTO_BIO bio = NULL;
	size_t count = 0;
	X509 *certificate;

	if (check_pem_size(pem, "CA bundle", err) < 0)
		return -1;
	bio = bio_of(pem);
	while ((certificate = PEM_read_bio_X509(bio, NULL, openssl_no_passphrase, NULL))) {
		bool is_fine = use(context, certificate) == 1;

		X509_free(certificate);
		if (!is_fine)
			return tls_err(err, ERR_PARSE, "CA bundle");
		count++;
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return tls_err(err, ERR_PARSE, "CA bundle");
	ERR_clear_error();
	if (count == 0)
		return err_set(err, ERR_PARSE, "CA bundle holds no certificate");
	return 0;
}

static void set_defaults(SSL_CTX *context)
{
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_ciphersuites(context, CIPHERS_13);
	SSL_CTX_set_cipher_list(context, CIPHERS_12);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_read_ahead(context, 1); /* one system call for a record, not two */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static int use_policy(SSL_CTX *context, const struct tls_policy *policy, struct err *err)
{
	SSL_CTX_set_min_proto_version(context, policy->version_min);
	/* OpenSSL lets the versions that sign with SHA-1 happen on its lowest level only. */
	if (policy->version_min < TLS1_2_VERSION)
		SSL_CTX_set_security_level(context, 0);
	if (policy->version_min < TLS1_3_VERSION && SSL_CTX_set_cipher_list(context, policy->suites_12) != 1)
		return tls_err(err, ERR_INVALID, "cipher suites");
	return 0;
}

/* Completes the handshake whatever the chain is worth; the verdict stays in SSL_get_verify_result. */
static int note_verdict(int is_fine, X509_STORE_CTX *chain)
{
	return 1;
}

static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_bytes,
			   const unsigned char *in, unsigned int in_bytes, void *arg)
{
	static const unsigned char with_http2[] = "\x02h2\x08http/1.1";
	const struct tls_server *t = arg;
	const unsigned char *ours = t->no_http2 ? with_http2 + 3 : with_http2;
	unsigned int ours_bytes = (unsigned int)sizeof(with_http2) - 1 - (t->no_http2 ? 3 : 0);
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, out_bytes, ours, ours_bytes, in, in_bytes) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK; /* as if it had not asked: HTTP/1.1 */
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Called whether or not the client names anything. */
static int select_certificate(SSL *ssl, int *alert, void *arg)
{
	const struct tls_server *t = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *chosen;

	(void)alert; /* a name that is not known is no reason to refuse */
	if (!name)
		return SSL_TLSEXT_ERR_NOACK;
	chosen = tls_names_find(&t->names, str_from(name));
	SSL_set_SSL_CTX(ssl, chosen ? chosen : t->context);
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_server_context(struct tls_server *t, const struct tls_server_options *options,
				    struct err *err)
{
	AUTO_SSL_CONTEXT context = SSL_CTX_new(TLS_server_method());
	static const unsigned char session_context[] = "cube";

	if (!context) {
		(void)tls_err(err, ERR_INTERNAL, "make a TLS context");
		return NULL;
	}
	set_defaults(context);
	SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_num_tickets(context, 1);
	SSL_CTX_set_session_id_context(context, session_context, sizeof(session_context) - 1);
	SSL_CTX_set_alpn_select_cb(context, select_protocol, t);
	if (options->named_count) {
		SSL_CTX_set_tlsext_servername_callback(context, select_certificate);
		SSL_CTX_set_tlsext_servername_arg(context, t);
	}
	if (options->policy && use_policy(context, options->policy, err) < 0)
		return NULL;
	if (use_pair(context, options->certificate_pem, options->key_pem, err) < 0)
		return NULL;
	if (options->client_ca_pem.len > 0) {
		if (use_authorities(context, options->client_ca_pem, trust, err) < 0 ||
		    use_authorities(context, options->client_ca_pem, announce, err) < 0)
			return NULL;
		if (options->other_ca_pem.len && use_authorities(context, options->other_ca_pem, announce, err) < 0)
			return NULL;
		if (options->require_client)
			SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		else
			SSL_CTX_set_verify(context, SSL_VERIFY_PEER, note_verdict);
	}
	return TAKE(context);
}

int tls_server_new(const struct tls_server_options *options, struct tls_server **ret, struct err *err)
{
	struct tls_server *t = NEW(struct tls_server);

	if (tls_server_reload(t, options, err) < 0) {
		mem_free(t);
		return -1;
	}
	*ret = t;
	return 0;
}

struct named_making {
	struct tls_server *server;
	const struct tls_server_options *options;
};

static SSL_CTX *make_named_context(void *arg, const struct tls_named_pair *pair, struct err *err)
{
	const struct named_making *m = arg;
	struct tls_server_options options = *m->options;

	options.certificate_pem = pair->certificate_pem;
	options.key_pem = pair->key_pem;
	return make_server_context(m->server, &options, err);
}

int tls_server_reload(struct tls_server *t, const struct tls_server_options *options, struct err *err)
{
	struct named_making making = { t, options };
	SSL_CTX *context = make_server_context(t, options, err);
	struct tls_names names;

	if (!context)
		return -1;
	if (tls_names_init(&names, options, make_named_context, &making, err) < 0) {
		SSL_CTX_free(context);
		return -1;
	}
	if (t->context)
		SSL_CTX_free(t->context);
	tls_names_deinit(&t->names);
	t->context = context;
	t->names = names;
	t->no_http2 = options->no_http2;
	t->generation++;
	return 0;
}

uint64_t tls_server_generation(const struct tls_server *t)
{
	return t->generation;
}

void tls_server_free(struct tls_server *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->context);
	tls_names_deinit(&t->names);
	mem_free(t);
}

struct ssl_st *tls_server_session(struct tls_server *t, int fd)
{
	SSL_CTX *own = tls_names_find_address(&t->names, fd);
	SSL *ssl = SSL_new(own ? own : t->context);

	SSL_set_accept_state(ssl);
	return ssl;
}

int tls_client_new(const struct tls_client_options *options, struct tls_client **ret, struct err *err)
{
	static const unsigned char protocols[] = "\x02h2\x08http/1.1";
	AUTO_SSL_CONTEXT context = SSL_CTX_new(TLS_client_method());
	struct tls_client *t;

	if (!context)
		return tls_err(err, ERR_INTERNAL, "make a TLS context");
	set_defaults(context);
	if (options->certificate_pem.len > 0 &&
	    use_pair(context, options->certificate_pem, options->key_pem, err) < 0)
		return err_wrap(err, "client certificate");
	if (options->ca_pem.len > 0) {
		if (use_authorities(context, options->ca_pem, trust, err) < 0)
			return -1;
	} else if (!options->insecure && SSL_CTX_set_default_verify_paths(context) != 1) {
		return tls_err(err, ERR_INTERNAL, "load the system's authorities");
	}
	SSL_CTX_set_verify(context, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_alpn_protos(context, protocols + (options->http2 ? 0 : 3),
				(unsigned int)sizeof(protocols) - 1 - (options->http2 ? 0 : 3));
	t = NEW(struct tls_client);
	t->context = TAKE(context);
	t->insecure = options->insecure;
	if (options->server_name.len > 0)
		t->server_name = str_dup_c(options->server_name);
	*ret = t;
	return 0;
}

void tls_client_free(struct tls_client *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->context);
	mem_free(t->server_name);
	mem_free(t);
}

int tls_client_session(struct tls_client *t, struct str host, struct ssl_st **ret, struct err *err)
{
	AUTO_SSL ssl = SSL_new(t->context);
	char name[256];
	unsigned char ip[16];
	bool is_ip;

	if (t->server_name)
		host = str_from(t->server_name);
	if (!ssl)
		return tls_err(err, ERR_INTERNAL, "make a TLS session");
	if (host.len == 0 || str_copy_to(host, name, sizeof(name)) < 0)
		return err_set(err, ERR_PARSE, "'" STR_FMT "' cannot be a TLS server's name", STR_ARG(host));
	is_ip = inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1;
	if (!is_ip && SSL_set_tlsext_host_name(ssl, name) != 1)
		return tls_err(err, ERR_PARSE, "server name '%s'", name);
	if (!t->insecure && is_ip && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) != 1)
		return tls_err(err, ERR_PARSE, "server address '%s'", name);
	if (!t->insecure && !is_ip && SSL_set1_host(ssl, name) != 1)
		return tls_err(err, ERR_PARSE, "server name '%s'", name);
	SSL_set_connect_state(ssl);
	*ret = TAKE(ssl);
	return 0;
}

bool tls_is_http2(struct ssl_st *ssl)
{
	const unsigned char *protocol;
	unsigned int len;

	SSL_get0_alpn_selected(ssl, &protocol, &len);
	return len == 2 && memcmp(protocol, "h2", 2) == 0;
}

/* RFC 9113 9.2: from TLS 1.2 on, and no suite of its appendix A, which are those without an authenticated cipher or
 * without keys that are forgotten. */
bool tls_suits_http2(struct ssl_st *ssl)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	int exchange = cipher ? SSL_CIPHER_get_kx_nid(cipher) : NID_undef;

	return cipher && SSL_version(ssl) >= TLS1_2_VERSION && SSL_CIPHER_is_aead(cipher) &&
	       (exchange == NID_kx_ecdhe || exchange == NID_kx_dhe || exchange == NID_kx_any);
}
