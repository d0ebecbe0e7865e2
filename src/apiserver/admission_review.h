/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AdmissionReview, the question and the answer (admission.k8s.io/v1, v1beta1): what a webhook is
 * sent and what is understood of what it says. Pure; the answer comes from anybody.
 */
#ifndef CUBE_APISERVER_ADMISSION_REVIEW_H
#define CUBE_APISERVER_ADMISSION_REVIEW_H

#include "apiserver/admission_match.h"
#include "apiserver/refusal.h"

struct review_question {
	const struct admission_request *request;
	const struct kind *matched;
	struct str uid;
	bool is_beta;
	yyjson_mut_val *object; /* as matched has them; NULL: null */
	yyjson_mut_val *old_object;
	struct str managed_fields; /* text of the object's; empty: it has none, or has them in it */
};

void review_question_write(const struct review_question *q, struct buf *to);

struct review_answer {
	yyjson_doc *doc; /* owned; the rest lies in it */
	bool is_allowed;
	yyjson_val *result;	  /* a Status; may be NULL, likewise */
	yyjson_val *warnings;	  /* strings */
	yyjson_val *annotations;  /* for the audit log */
	yyjson_doc *patch;	  /* owned; a JSON patch with operations, or NULL */
	struct str patch_problem; /* what was sent instead of one; in the arena */
};

/* What an answer has to fit. */
struct review_expectation {
	struct str uid;
	bool is_beta, is_mutating;
	struct arena *arena;
};

/* < 0: it is no answer; ret is not filled then. */
int review_answer_read(struct str body, const struct review_expectation *expected,
		       struct review_answer *ret, struct err *err) MUST_CHECK;
void review_answer_deinit(struct review_answer *answer);
/* A denial as the client gets it. Returns -1. */
int review_answer_refuse(const struct review_answer *answer, struct str webhook,
			 struct refusal *refusal);
/* Upstream's words for an HTTP status that is no success. */
void review_word_status(int status, struct str content_type, struct str body, struct err *ret);

#endif
