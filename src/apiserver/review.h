/* SPDX-License-Identifier: Apache-2.0 */
/* A question that was posted and is being answered: shared by review.c and review_access.c. */
#ifndef CUBE_APISERVER_REVIEW_H
#define CUBE_APISERVER_REVIEW_H

#include "apiserver/exchange.h"

struct review {
	struct exchange *e;
	yyjson_mut_doc *doc;
	yyjson_mut_val *root, *spec, *status;
};

/* May I, may they, what may I: fill status, or refuse. */
int review_self_access(struct review *r) MUST_CHECK;
int review_access(struct review *r) MUST_CHECK;
int review_local_access(struct review *r) MUST_CHECK;
int review_self_rules(struct review *r) MUST_CHECK;

#endif
