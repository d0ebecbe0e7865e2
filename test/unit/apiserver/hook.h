/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A webhook for tests: an HTTPS server on the loop of an http_fixture, with an authority of its
 * own. Its certificate is good for 127.0.0.1, hook.default.svc and nobody else.
 */
#ifndef CUBE_TEST_APISERVER_HOOK_H
#define CUBE_TEST_APISERVER_HOOK_H

#include "fixture.h"
#include "net/x509.h"

struct hook {
	struct http_fixture *fixture;
	struct arena arena;
	struct x509_pair ca, other_ca;
	struct tls_server *tls;
	struct http_server *server;
	struct http_handlers handlers;
	uint16_t port;
	struct str ca_base64;
	void (*answer)(struct hook *hook, struct http_exchange *x);
	void *arg;
	size_t count;		/* requests that came */
	struct http_peer *peer; /* of the last one */
};

void hook_open(struct hook *hook, struct http_fixture *fixture,
	       void (*answer)(struct hook *hook, struct http_exchange *x), void *arg);
void hook_close(struct hook *hook);
/* Runs the loop until *flag, or fails after ten seconds. */
void hook_run_until(struct hook *hook, const bool *flag);

/* An EndpointSlice of the Service default/hook, port https, that leads here: past validation, which
 * does not let endpoints be on the loopback. */
void hook_put_slice(struct hook *hook);

#endif
