/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refusals as the API words them: metav1.Status with code, reason, details and causes. Clients
 * match on reason and often on the message, so each kind of refusal is made by one function here.
 * Strings live in the request's arena.
 */
#ifndef CUBE_APISERVER_REFUSAL_H
#define CUBE_APISERVER_REFUSAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"

struct refusal_cause {
	struct str reason; /* "FieldValueRequired", ... */
	struct str message;
	struct str field; /* "spec.containers[0].name" */
};

struct refusal {
	int code; /* 0: nothing was refused */
	struct str reason;
	struct str message;
	bool has_details;
	struct str group, kind, name, uid;
	struct refusal_cause *causes;
	size_t cause_count;
	int retry_after_seconds;
	struct str continue_token; /* metadata.continue of an expired list */
	struct arena *arena;
};

/* What the refused request was about. kind is the plural ("pods") unless said otherwise. */
struct subject {
	struct str group, resource, name;
};

void refusal_init(struct refusal *s, struct arena *arena);
/* Each returns -1. The first refusal stays: later ones change nothing. */
int refusal_set(struct refusal *s, int code, const char *reason, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
int refusal_about(struct refusal *s, struct subject about);	      /* adds details */
int refusal_add_cause(struct refusal *s, struct refusal_cause cause); /* up to STATUS_CAUSES_MAX */
int refusal_bad_request(struct refusal *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
int refusal_not_found(struct refusal *s, struct subject about); /* pods "x" not found */
int refusal_no_route(struct refusal *s);			/* the server could not find ... */
int refusal_exists(struct refusal *s, struct subject about);
int refusal_conflict(struct refusal *s, struct subject about, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
int refusal_modified(struct refusal *s,
		     struct subject about); /* conflict: the object has been modified */
int refusal_forbidden(struct refusal *s, struct subject about, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
int refusal_method_not_allowed(struct refusal *s);
/* What custom kinds are not asked for. */
int refusal_method_not_supported(struct refusal *s, struct subject about, struct str verb);
int refusal_too_many(struct refusal *s);
int refusal_gone(struct refusal *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
int refusal_internal(struct refusal *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Kind "x" is invalid: <causes>; about.resource is the Kind here; call after the causes were added.
 */
int refusal_invalid(struct refusal *s, struct subject about);
/* The same of options of a request, of that kind. */
int refusal_option(struct refusal *s, const char *kind, struct refusal_cause cause);
int refusal_from_err(struct refusal *s, const struct err *err);

void refusal_write(const struct refusal *s, struct buf *to); /* the JSON of a v1.Status */
void refusal_to_err(const struct refusal *s, struct err *err);
/* {"kind":"Status",...,"status":"Success"} as a delete answers, with details.uid. */
void refusal_write_success(struct subject about, struct str uid, struct buf *to);

#endif
