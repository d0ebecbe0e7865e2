/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of net/ share: a real loop with a server on it, certificates, raw sockets to it,
 * and run-until with a limit. No test sleeps: it runs the loop until a condition holds.
 */
#ifndef CUBE_TEST_NET_FIXTURE_H
#define CUBE_TEST_NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/mem.h"
#include "loop/loop.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/x509.h"

#define FIXTURE_BYTES_MAX (64u << 20)

struct fixture {
	struct loop *loop;
	struct env *env;
	struct arena arena;
	struct x509_pair ca, other_ca, server_pair, client_pair, stranger_pair;
	struct tls_server *tls;
	struct http_server *server;
	struct address address;
	char url[160];              /* "http(s)://127.0.0.1:port" */
	bool timed_out;
};

/* Without options a plain server; tls says whether it speaks TLS. */
void fixture_open(struct fixture *f, const struct http_handlers *handlers, void *arg, bool tls,
		  const struct http_server_limits *limits);
void fixture_close(struct fixture *f);
void fixture_make_pair(struct fixture *f, struct x509_spec *spec, const struct x509_pair *issuer,
		       struct x509_pair *ret);
/* Runs the loop until *flag, or fails after ten seconds. */
void fixture_run_until(struct fixture *f, const bool *flag);
/* Runs the loop for about ms milliseconds: only to show that something does not happen. */
void fixture_run_for(struct fixture *f, int64_t ms);

/* A plain client that the test writes by hand. */
struct raw {
	struct fixture *fixture;
	int fd;
	struct io_watch watch;
	struct buf in;
	bool eof, has_wanted;
	const char *wanted;
};
void raw_open(struct raw *r, struct fixture *f);
void raw_send(struct raw *r, const char *bytes, size_t len);
void raw_wait_for(struct raw *r, const char *text); /* until in holds it */
void raw_wait_eof(struct raw *r);
void raw_close(struct raw *r);

#endif
