/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of several certificates a server shows: by the name that a client asks for, or by the
 * address that it came to. Names that were given come before those that stand in a certificate,
 * whole names before "*.", which stands for one label, and earlier certificates before later ones.
 * For tls.c.
 */
#ifndef CUBE_NET_TLS_NAMES_H
#define CUBE_NET_TLS_NAMES_H

#include "base/arena.h"
#include "net/openssl.h"
#include "net/tls.h"

struct tls_name {
	struct str name; /* in lower case */
	SSL_CTX *context;
};

struct tls_names {
	struct arena arena;
	SSL_CTX **contexts; /* one for each certificate */
	size_t context_count;
	struct tls_name *items; /* in the order in which they are looked for */
	size_t count, item_max;
	bool has_address;
};

/* Takes make's contexts; arg is handed to it. */
int tls_names_init(struct tls_names *names, const struct tls_server_options *options,
		   SSL_CTX *(*make)(void *arg, const struct tls_named_pair *pair, struct err *err),
		   void *arg, struct err *err) MUST_CHECK;
void tls_names_deinit(struct tls_names *names);
/* NULL: none of them. */
SSL_CTX *tls_names_find(const struct tls_names *names, struct str name) PURE;
/* By the socket's own address, for who names nothing. */
SSL_CTX *tls_names_find_address(const struct tls_names *names, int fd);

#endif
