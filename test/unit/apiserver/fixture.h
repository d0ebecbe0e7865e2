/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An API server over a memory store, once on the real loop behind an HTTP connection (struct
 * http_fixture), once in a simulation with nothing but the in-process transport (struct
 * sim_fixture).
 */
#ifndef CUBE_TEST_APISERVER_FIXTURE_H
#define CUBE_TEST_APISERVER_FIXTURE_H

#include "apiserver/apiserver.h"
#include "apiserver/audit.h"
#include "base/buf.h"
#include "codec/json.h"
#include "loop/loop.h"
#include "net/http_server.h"
#include "store/store.h"

struct http_fixture {
	struct loop *loop;
	struct env *env;
	struct store_disk *disk;
	struct store *store;
	struct apiserver *apiserver;
	struct http_server *server;
	struct http_handlers handlers;
	const char *user; /* NULL: anonymous */
	const char *group;
	int fd;
	struct io_watch watch;
	struct buf received;
	bool chunked_ok; /* stop as soon as want_text is there, the stream goes on */
	const char *want_text;
	struct timer limit;
	bool timed_out;
};

void http_fixture_open(struct http_fixture *f);
/* The same with what only some tests need, such as tokens; environment and store are filled in. */
void http_fixture_open_with(struct http_fixture *f, struct apiserver_options options);
void http_fixture_close(struct http_fixture *f);
/* Sends a request and waits for the whole answer. Returns the status; body is NUL-terminated until
 * the next call. headers: "A: b\r\nC: d\r\n" or NULL. */
int http_fixture_do(struct http_fixture *f, const char *method, const char *path,
		    const char *headers, const char *body, const char **ret_body);
/* Gets what is at path until the answer has this status and, unless NULL, text in it. */
void http_fixture_until(struct http_fixture *f, const char *path, int status, const char *text);
/* Only sends. */
void http_fixture_send(struct http_fixture *f, const char *method, const char *path,
		       const char *headers, const char *body);
/* Sends a request whose answer goes on (a watch) and waits until text has come; likewise waits for
 * more of it. */
void http_fixture_stream(struct http_fixture *f, const char *path, const char *text);
void http_fixture_wait(struct http_fixture *f, const char *text);
/* A second connection to the same server, for writes while the first one watches. */
void http_fixture_connect(struct http_fixture *f, struct http_fixture *of);
void http_fixture_disconnect(struct http_fixture *f);
const char *http_fixture_head(struct http_fixture *f); /* the headers of the last answer */

/* A request and what it must answer, for tables of them. In body and want ' stands for " and ` for
 * '; want and warning are parts of the answer and of its headers, NULL: any. */
struct step {
	const char *method, *path, *body;
	int status;
	const char *want, *warning;
};
void run_step(struct http_fixture *f, const struct step *step);
void run_steps(const struct step *steps, size_t count); /* on a server of their own */

/* An audit log in a file of its own, for http_fixture_open_with. */
struct audited {
	struct audit_options options;
	struct audit_log_options log;
	yyjson_doc *policy;
	char path[64];
	struct buf text; /* of the file, as expected last */
};
void audited_init(struct audited *a, const char *policy);
void audited_deinit(struct audited *a); /* once the server is gone */
/* The log holds it, now or once it was written. */
void audited_expect(struct audited *a, struct http_fixture *f, const char *part);
/* Of all requests but those to /version, which audited_expect makes. */
#define AUDITED_ALL                                                           \
	"{\"kind\":\"Policy\",\"apiVersion\":\"audit.k8s.io/v1\",\"rules\":[" \
	"{\"level\":\"None\",\"nonResourceURLs\":[\"/"                        \
	"version\"]},{\"level\":\"RequestResponse\"}]}"

#endif
