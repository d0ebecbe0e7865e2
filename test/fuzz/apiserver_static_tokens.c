/* SPDX-License-Identifier: Apache-2.0 */
/* The file of static tokens: quotes, columns, and who each token is. */
#include <stdint.h>
#include <stdlib.h>
#include "apiserver/authn.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct str text = str_sub((const char *)bytes, size_bytes);
	struct static_tokens *tokens = NULL;
	struct err err = { 0 };
	const struct user *user;

	if (static_tokens_new(text, &tokens, &err) < 0) {
		if (!err.code || !err.msg[0])
			abort();
		return 0;
	}
	user = static_tokens_find(tokens, STR("token"));
	if (user && !user->group_count)
		abort(); /* who is known is authenticated at least */
	static_tokens_free(tokens);
	return 0;
}
