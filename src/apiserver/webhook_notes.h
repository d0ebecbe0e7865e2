/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a webhook that was asked: to the request's audit event, and to /metrics. */
#ifndef CUBE_APISERVER_WEBHOOK_NOTES_H
#define CUBE_APISERVER_WEBHOOK_NOTES_H

#include "apiserver/admission_review.h"
#include "apiserver/annotations.h"
#include "apiserver/hook_set.h"
#include "apiserver/metrics.h"

struct webhook_note {
	const struct hook *hook;
	bool is_mutating;
	int round;
	size_t index;
	bool has_changed;	       /* the object, by its patch */
	bool has_failed;	       /* the call; */
	int status;		       /* what it was answered with, or what stands for that */
	const struct refusal *refusal; /* code 0: the request goes on */
	bool is_refusal;	       /* the webhook's own */
	enum admission_operation operation;
	int64_t duration_ns;
};

void webhook_note_answer(struct annotations *to, const struct webhook_note *note,
			 const struct review_answer *answer);
/* The webhook is done with. */
void webhook_note_over(struct annotations *to, struct metrics *metrics,
		       const struct webhook_note *note);

#endif
