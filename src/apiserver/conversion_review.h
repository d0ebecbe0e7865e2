/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConversionReview, the question and the answer (apiextensions.k8s.io/v1, v1beta1): objects of a
 * custom kind in one of its versions, made from others of its versions. Pure; the answer comes from
 * anybody.
 */
#ifndef CUBE_APISERVER_CONVERSION_REVIEW_H
#define CUBE_APISERVER_CONVERSION_REVIEW_H

#include "api/kind.h"
#include "codec/json.h"

struct conversion_question {
	const struct kind *kind; /* wanted */
	struct str uid;
	bool is_beta;
	yyjson_val *const *objects;
	size_t count;
};

void conversion_question_write(const struct conversion_question *q, struct buf *to);

/* The objects in order, in *ret_doc, which is the caller's. err has upstream's words behind
 * "conversion webhook for …". */
int conversion_answer_read(struct str body, const struct conversion_question *q,
			   yyjson_doc **ret_doc, yyjson_val **ret_objects,
			   struct err *err) MUST_CHECK;
/* What original has become: converted, with all metadata but labels and annotations as it was.
 * NULL: the webhook changed what it must not, err begins with "returned invalid". */
yyjson_mut_doc *conversion_take(const struct kind *kind, yyjson_val *original,
				yyjson_val *converted, struct err *err) MUST_CHECK;

#endif
