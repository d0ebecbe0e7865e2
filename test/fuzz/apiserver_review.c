/* SPDX-License-Identifier: Apache-2.0 */
/* What webhooks answer: any bytes are an answer or are refused, and what an answer says can be
 * used. */
#include <stdlib.h>
#include "apiserver/admission_review.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO_ARENA arena = { 0 };
	struct review_expectation expected = { .uid = STR("u"), .arena = &arena };
	struct review_answer answer;
	struct refusal refusal;
	struct err err = { 0 };

	if (!size)
		return 0;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	expected.is_mutating = bytes[0] & 1;
	expected.is_beta = bytes[0] & 2;
	if (review_answer_read(str_sub((const char *)bytes + 1, size - 1), &expected, &answer,
			       &err) < 0) {
		if (!err.code || !err.msg[0])
			abort();
		return 0;
	}
	if (answer.patch && (answer.patch_problem.len || !expected.is_mutating))
		abort();
	refusal_init(&refusal, &arena);
	(void)review_answer_refuse(&answer, STR("x"), &refusal);
	if (refusal.code < 400 || !refusal.message.len)
		abort();
	review_answer_deinit(&answer);
	return 0;
}
