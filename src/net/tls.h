/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.2 and 1.3 contexts. A server asks for a client certificate but does not insist: one that
 * its authority did not sign still completes the handshake and is reported as not verified, so that
 * the HTTP layer can answer 401. Certificates can be replaced while connections run.
 */
#ifndef CUBE_NET_TLS_H
#define CUBE_NET_TLS_H

#include <stdint.h>
#include "base/err.h"
#include "base/str.h"

struct ssl_st; /* OpenSSL's SSL */
struct ssl_ctx_st;
struct tls_server;
struct tls_client;

#define TLS_SHA256_BYTES 32

/* What a certificate says about its holder. Immutable; lives with its connection. */
struct tls_identity {
	bool verified;                  /* chain, validity and purpose hold against the CA bundle */
	const char *verify_message;     /* why not, in OpenSSL's words: "certificate has expired" */
	struct str common_name;         /* the last CN of the subject */
	struct str *organizations;      /* each O, in order */
	size_t organization_count;
	struct str *dns_names, *ip_names, *uri_names, *email_names;
	size_t dns_name_count, ip_name_count, uri_name_count, email_name_count;
	struct str der;
	uint8_t sha256[TLS_SHA256_BYTES];
	int64_t not_before_ns, not_after_ns;
	struct str serial;              /* hexadecimal */
};

struct tls_policy;

/* Shown to clients that ask for one of the names ("*." stands for one label) or, when they name
 * nothing, come to one that is an address. Without names: those that the certificate has. */
struct tls_named_pair {
	struct str certificate_pem, key_pem;
	struct str_list names;
};

struct tls_server_options {
	struct str certificate_pem;     /* chain, leaf first */
	struct str key_pem;
	struct str client_ca_pem;       /* empty: no client certificate is asked for */
	struct str other_ca_pem;        /* named to clients, too: some only show certificates of whom is named */
	bool require_client;            /* handshake fails without a verified one */
	bool no_http2;                  /* do not offer h2 */
	const struct tls_named_pair *named; /* instead of the above, where they fit */
	size_t named_count;
	const struct tls_policy *policy; /* NULL: TLS 1.2 and newer, with suites that HTTP/2 may have, too */
};

int tls_server_new(const struct tls_server_options *options, struct tls_server **ret,
		   struct err *err) MUST_CHECK;
/* New handshakes use the new material; running connections go on. On failure nothing changes. */
int tls_server_reload(struct tls_server *t, const struct tls_server_options *options,
		      struct err *err) MUST_CHECK;
uint64_t tls_server_generation(const struct tls_server *t) PURE;     /* grows with each reload */
void tls_server_free(struct tls_server *t);
/* fd: the connection's socket. */
struct ssl_st *tls_server_session(struct tls_server *t, int fd) MUST_CHECK;

struct tls_client_options {
	struct str ca_pem;              /* empty: the system's bundle */
	struct str certificate_pem;     /* empty: no client certificate */
	struct str key_pem;
	bool insecure;                  /* any server certificate will do */
	bool http2;                     /* offer h2 */
	struct str server_name;         /* verify this name instead of the URL's host; empty: the host */
};

int tls_client_new(const struct tls_client_options *options, struct tls_client **ret,
		   struct err *err) MUST_CHECK;
void tls_client_free(struct tls_client *t);
/* Prepared to verify host (a name or an IP). */
int tls_client_session(struct tls_client *t, struct str host, struct ssl_st **ret,
		       struct err *err) MUST_CHECK;

/* The peer's certificate of a finished handshake, parsed; NULL when there is none. */
struct tls_identity *tls_identity_of(struct ssl_st *ssl) MUST_CHECK;
int tls_identity_decode(struct str pem_or_der, struct tls_identity **ret, struct err *err) MUST_CHECK;
void tls_identity_free(struct tls_identity *identity);
bool tls_is_http2(struct ssl_st *ssl);                   /* ALPN chose h2 */
bool tls_suits_http2(struct ssl_st *ssl);                /* version and cipher suite are good enough for it */
/* The oldest error OpenSSL has queued on this thread, as text behind fmt; empties the queue.
 * Returns -1. */
int tls_err(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
