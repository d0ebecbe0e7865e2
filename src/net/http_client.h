/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 client on an env: keep-alive pool, TLS, deadlines, redirects, streams with
 * back-pressure, upgrades. For worker threads there is http_fetcher, which waits. Names are looked
 * up on the worker pool (by a fetcher: on its own thread).
 */
#ifndef CUBE_NET_HTTP_CLIENT_H
#define CUBE_NET_HTTP_CLIENT_H

#include "base/buf.h"
#include "loop/env.h"
#include "net/conn.h"
#include "net/http.h"
#include "net/limits.h"
#include "net/tls.h"
#include "net/url.h"

struct http_client;
struct http_call;

struct http_client_options {
	struct env *env;
	struct tls_client *tls;      /* for https; NULL: system authorities are loaded on first use; borrowed */
	struct str user_agent;       /* "cube" when empty */
	size_t idle_max;             /* connections kept; 0 = HTTP_POOL_IDLE_MAX */
	bool resolve_inline;         /* look names up on the calling thread: only where blocking is allowed */
};

struct http_request {
	struct str method;           /* "GET" */
	struct str url;
	struct http_headers headers; /* Host, Content-Length, User-Agent are added unless given */
	struct str bearer_token;     /* or empty; not sent on to another host by a redirect */
	struct str basic_user, basic_password;
	const struct http_piece *pieces; /* body; pieces without owner must live until on_end */
	size_t piece_count;
	/* Instead of pieces; cannot be repeated, so redirects with 307/308 fail. */
	const struct http_source *source;
	int redirect_max;            /* 0 = redirects are delivered as they are */
	int64_t deadline_ms;         /* for all of it, 0 = none */
	int64_t idle_timeout_ms;     /* without a byte in either direction, 0 = none */
	struct str unix_path;        /* connect here whatever the URL's host is */
	struct str connect_host;     /* or here: a name or an IP; the certificate must still be the URL's host's */
	uint16_t connect_port;
	bool repeatable;             /* a POST that may be carried out twice, if a kept connection died unheard */
	bool bare_errors;            /* errors do not begin with method and URL: the caller names them */
};

struct http_reply {
	int status;
	struct http_headers headers;
	int64_t length_bytes;        /* -1 = not known */
	struct str url;              /* after redirects */
};

struct http_call_events {
	/* reply lives until on_end returns. Optional. */
	void (*on_headers)(void *arg, struct http_call *call, const struct http_reply *reply);
	/* bytes are borrowed for the call. Optional: then they are dropped. */
	void (*on_body)(void *arg, struct http_call *call, struct str bytes);
	/* Last event, exactly once unless cancelled: err is NULL when the whole response was read. */
	void (*on_end)(void *arg, struct http_call *call, const struct err *err);
	/* 101 (or, with CONNECT-like hijacks, what accept_upgrade names): the connection is the
	 * receiver's; on_end follows. */
	void (*on_upgraded)(void *arg, struct http_call *call, struct conn *conn);
};

struct http_client *http_client_new(const struct http_client_options *options) MUST_CHECK;
void http_client_free(struct http_client *c);          /* cancels what is running */
/* Copies what it needs of request except pieces. Never calls back from inside; errors come through
 * on_end. events must live until then. */
struct http_call *http_client_start(struct http_client *c, const struct http_request *request,
				    const struct http_call_events *events, void *arg);
void http_call_cancel(struct http_call *call);         /* no further event; pieces may be freed after it */
void http_call_pause(struct http_call *call);          /* no on_body until resumed */
void http_call_resume(struct http_call *call);
/* The source has more, or its end, after it said HTTP_SOURCE_LATER. */
void http_call_continue(struct http_call *call);

/* --- for worker threads: one call after the other, on a loop of its own --- */
struct http_fetcher;

struct http_fetch_result {
	int status;
	struct http_headers headers;
	struct str url;              /* after redirects */
	struct str body;             /* when no on_body was given */
};

struct http_fetch_options {
	struct arena *arena;         /* where the result lives */
	size_t body_bytes_max;       /* of a collected body */
	/* Optional; < 0 with err filled breaks off. */
	int (*on_headers)(void *arg, const struct http_reply *reply, struct err *err);
	int (*on_body)(void *arg, struct str bytes, struct err *err);
	void *arg;
};

/* options->env is ignored. */
struct http_fetcher *http_fetcher_new(const struct http_client_options *options) MUST_CHECK;
void http_fetcher_free(struct http_fetcher *f);
/* Result memory is in the arena. Without events->on_body the body is collected, at most
 * body_bytes_max. Any status is success here; only transport failures, limits and what the events
 * return are errors. */
int http_fetch(struct http_fetcher *f, const struct http_request *request,
	       const struct http_fetch_options *options, struct http_fetch_result *ret,
	       struct err *err) MUST_CHECK;
/* From any thread: the running fetch, and each later one, ends with ERR_CANCELLED. */
void http_fetcher_cancel(struct http_fetcher *f);

#endif
