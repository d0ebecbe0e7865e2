/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metav1.Status objects: what every refusal is answered with. Message, reason, details and code as
 * upstream has them for each class of error.
 */
#ifndef CUBE_API_STATUS_H
#define CUBE_API_STATUS_H

#include "api/field.h"
#include "api/kind.h"
#include "codec/json.h"

struct status_subject {
	const struct kind *kind; /* NULL when the request was for no kind */
	struct str name;	 /* empty = none */
	struct str uid;
	int retry_after_seconds; /* 0 = none */
};

/* The root of doc becomes the Status for err (causes from errors, may be NULL; their full text is
 * the message then, even when it is longer than err->msg holds). Returns the HTTP code. */
int status_from_err(yyjson_mut_doc *doc, const struct err *err,
		    const struct status_subject *subject, const struct field_errors *errors);
/* {"status":"Success"} as DELETE answers, with details when subject is given. */
void status_success(yyjson_mut_doc *doc, const struct status_subject *subject);
/* The other direction, for clients: *ret_err from a Status object and HTTP code. */
void status_to_err(yyjson_val *status, int http_code, struct err *ret_err);

/* Messages clients match on. Each returns -1.  `pods "x" not found`, `pods "x" already exists`, */
int status_not_found(struct err *err, const struct kind *kind, struct str name);
int status_exists(struct err *err, const struct kind *kind, struct str name);
/* `Operation cannot be fulfilled on pods "x": <detail>`; detail NULL: the object has been modified;
 * ... */
int status_conflict(struct err *err, const struct kind *kind, struct str name, const char *detail);

#endif
