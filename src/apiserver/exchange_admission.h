/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admission of what is asked for but never stored: the options of connections, and reviews.
 * Mutating policies and webhooks first, each seeing what the ones before made of it, then
 * validating ones.
 */
#ifndef CUBE_APISERVER_EXCHANGE_ADMISSION_H
#define CUBE_APISERVER_EXCHANGE_ADMISSION_H

#include "apiserver/exchange.h"
#include "apiserver/webhook_run.h"

/* In e's arena. */
struct exchange_admission {
	/* set by whoever starts it */
	struct exchange *e;
	struct admission_request request;
	yyjson_mut_doc *doc;	 /* owned: what is asked about */
	const struct kind *kind; /* it is read as, after changes; NULL: as no kind */
	/* Admission agreed. doc, as changes left it, is the callee's. < 0: refused. */
	int (*next)(struct exchange_admission *a, yyjson_mut_doc *doc);

	/* own */
	struct webhook_run run;
	struct notices notices;
	struct annotations annotations;
	bool is_mutated;
	unsigned stage;		  /* which is asked: exchange_admission.c has them in a table */
	struct review_wait asked; /* an authorizer outside, by a policy's expression */
	int questions;
};

/* Whether anybody could have something to say. */
bool exchange_admission_any(const struct exchange *e) MUST_CHECK;
/* next comes before it returns or later; < 0: refused. */
int exchange_admit(struct exchange_admission *a) MUST_CHECK;

#endif
