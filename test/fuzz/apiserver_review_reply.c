/* SPDX-License-Identifier: Apache-2.0 */
/* What webhooks of authentication and authorization answer: any bytes are an answer or are refused,
 * and whoever an answer names can be written down. */
#include <stdint.h>
#include <stdlib.h>
#include "apiserver/review_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	AUTO_JSON doc = NULL;
	AUTO_JSON_MUT shown = NULL;
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };
	struct err err = { 0 };
	const struct user *user;
	yyjson_val *status;

	arena_init(&arena, (size_t)64 << 20);
	if (review_reply_read(200, str_sub((const char *)bytes, size_bytes), &doc, &err) < 0) {
		if (!err.code || !err.msg[0])
			abort();
		return 0;
	}
	status = json_get(yyjson_doc_get_root(doc), "status");
	(void)review_strings(json_get(status, "audiences"), &arena);
	user = review_user(json_get(status, "user"), &arena);
	if (!user_in_group(user, "system:authenticated"))
		abort();
	shown = json_new_object();
	user_write(user, shown, yyjson_mut_doc_get_root(shown));
	buf_init(&text, (size_t)64 << 20);
	json_mut_write(yyjson_mut_doc_get_root(shown), &text);
	return 0;
}
