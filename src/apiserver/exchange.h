/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request on its way through the pipeline (pipeline.c): what it asks, who asks, what form
 * the answer shall have. Lives in the http_exchange's arena until the exchange is let go of.
 */
#ifndef CUBE_APISERVER_EXCHANGE_H
#define CUBE_APISERVER_EXCHANGE_H

#include "api/field.h"
#include "api/kind.h"
#include "api/object.h"
#include "apiserver/apiserver_internal.h"
#include "apiserver/audit.h"
#include "apiserver/fairness.h"
#include "apiserver/conversion.h"
#include "apiserver/refusal.h"
#include "apiserver/review_hook.h"
#include "apiserver/target.h"
#include "apiserver/user.h"
#include "net/http_server.h"
#include "store/store.h"

struct exchange;
struct proxy_body;

enum answer_format { ANSWER_JSON, ANSWER_YAML, ANSWER_PROTOBUF };
enum answer_form { ANSWER_OBJECT, ANSWER_TABLE, ANSWER_PARTIAL_METADATA };

/* What is done for a request, in turn: 0: the next one; 1: it was answered, or waits to be taken
 * again; < 0: refused. The last one answers. */
struct pipeline {
	int (*const *steps)(struct exchange *e);
	size_t count;
	void (*refuse)(struct exchange *e); /* answers e->refusal */
};

struct exchange {
	const struct pipeline *pipeline;
	struct apiserver *server;
	struct http_exchange *x;
	struct arena *arena; /* x's */
	struct target target;
	const struct user *user;
	const struct kind *kind; /* NULL: not about a kind */
	const struct kind_subresource *subresource;
	enum answer_format format;
	enum answer_form form;
	bool is_beta;	 /* the form is that of meta.k8s.io/v1beta1 */
	bool wants_list; /* the form is one of lists only */
	bool is_pretty;
	bool is_negotiated; /* form and format are what Accept asks for */
	int64_t started_ns;
	int64_t deadline_ns; /* monotonic: what it waits for outside has so long */
	size_t answer_bytes; /* 0: not known */
	size_t *in_flight;   /* the counter that counts it; NULL when none does */
	struct refusal refusal;
	const struct notices *warnings; /* for the client, with a refusal too; NULL: none */
	struct store_sync sync;		/* waiting for what others wrote */
	struct review_wait wait;	/* waiting for somebody outside who was asked */
	size_t step; /* of the pipeline: which is being taken, or again after a wait */
	bool is_waiting;
	bool holds_kind;
	struct proxy_body *body; /* what is still to come of it; NULL: it is all there */
	struct fair_turn turn;	 /* waiting behind other requests of its flow */
	struct fair_place place;
	struct str audit_id;	    /* the client's, or one of our own */
	struct audit_record *audit; /* NULL: the policy wants none */
};

/* Begins a request on another pipeline than the API's. */
void pipeline_run(const struct pipeline *pipeline, struct apiserver *server,
		  struct http_exchange *x);

/* What proxies and browsers must not keep: all of the API. */
#define EXCHANGE_NOT_CACHED HTTP_HEADER(STR("Cache-Control"), STR("no-cache, private"))

/* --- answers; each lets go of the exchange --- */
void exchange_refuse(struct exchange *e); /* e->refusal */
void exchange_respond(struct exchange *e, int status, struct http_headers *headers,
		      struct http_piece *pieces, size_t count);
void exchange_answer_bytes(struct exchange *e, int status, struct str content_type,
			   struct str bytes);
/* A line of text that says what is wrong, as Go's http.Error. */
void exchange_answer_text(struct exchange *e, int status, struct str text);
/* The object or Status, in the form that was asked for. warnings may be NULL. */
void exchange_answer_object(struct exchange *e, int status, struct blob *object,
			    const struct notices *warnings);
void exchange_answer_json(struct exchange *e, int status,
			  struct str json); /* as JSON or YAML; in e's arena or constant */
/* e->wait was handed to somebody: the step that did so is taken again when it is told. Returns 1.
 */
int exchange_wait(struct exchange *e);
/* Accounts for it; called by all of the above, and when a stream starts. */
void exchange_count(struct exchange *e, int status);

/* As the value of a Warning header; in e's arena. */
struct str exchange_quote_warning(struct exchange *e, struct str text);
void deprecation_tell(struct exchange *e); /* deprecation.c: of e->kind, if it is to be told */
struct str exchange_content_type(const struct exchange *e);

/* Accept: form and format; refuses what cannot be had (406). */
enum accept_want {
	ACCEPT_PLAIN,	  /* objects as they are */
	ACCEPT_FORMS,	  /* Table and PartialObjectMetadata, too */
	ACCEPT_STREAMS,	  /* and as a stream of events */
	ACCEPT_DISCOVERY, /* nothing but all groups with what they have */
};
int accept_read(struct exchange *e, enum accept_want want) MUST_CHECK;
/* Whether the aggregated form of discovery is among what is accepted, wherever it stands, as
 * upstream has it; then in which format. */
bool accept_has_discovery(struct exchange *e);
/* The format of a Status that refuses: JSON when Accept has nothing else to offer. */
void accept_for_refusal(struct exchange *e);
/* One of these types, as "application/json;as=X;g=G;v=V" with parameters in any order. */
struct accept_type {
	struct str type, as, group, version, stream;
	bool is_pretty;
	unsigned quality; /* 0 to 1000 */
};
bool accept_next(struct str *header, struct accept_type *ret);

/* --- waiting for a conversion webhook (http_convert.c) --- */

/* In e's arena. */
struct exchange_conversion {
	struct exchange *e;
	void (*done)(void *arg,
		     const struct conversion *conversion); /* answers, with the results */
	void (*gone)(void *arg); /* nobody waits for an answer any more, or it was a refusal */
	void *arg;
	struct conversion *conversion; /* its own */
};
/* Of objects, which may be let go of. */
void exchange_convert(struct exchange_conversion *w, struct blob *const *objects, size_t count);

/* --- steps of the pipeline in route.c --- */
/* e->kind, and its subresource; refuses what there is not. */
int route_find_kind(struct exchange *e) MUST_CHECK;
int route_serve(struct exchange *e) MUST_CHECK; /* by the handler that it is for, as those below */

/* --- handlers: answer, or keep e->x and answer later; < 0: refused --- */
int read_get(struct exchange *e) MUST_CHECK;	/* http_read.c */
int read_list(struct exchange *e) MUST_CHECK;	/* http_list.c */
int watch_serve(struct exchange *e) MUST_CHECK; /* http_watch.c */
int write_serve(struct exchange *e) MUST_CHECK; /* http_write.c */
int write_collection(struct exchange *e) MUST_CHECK;
int connect_serve(struct exchange *e) MUST_CHECK; /* connect.c */
int connect_proxy(struct exchange *e) MUST_CHECK; /* connect_proxy.c: pods, services and nodes */
int connect_kubelet(struct exchange *e, const struct obj *node) MUST_CHECK; /* what it has itself */
/* connect_admission.c: next comes once admission agreed, before it returns or later. */
int connect_admit(struct exchange *e, int (*next)(struct exchange *e)) MUST_CHECK;
bool review_is(const struct kind *kind) PURE; /* review.c: kinds that are answered and not stored */
int review_serve(struct exchange *e, struct str body, enum object_format format,
		 yyjson_mut_doc *tree) MUST_CHECK;
int documents_serve(struct exchange *e) MUST_CHECK; /* documents.c; not about a kind */

#endif
