/* SPDX-License-Identifier: Apache-2.0 */
/* Bearer tokens: three parts in base 64, then claims; with the signature taken for good. */
#include <stdint.h>
#include <stdlib.h>
#include "apiserver/tokens_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct known_token known = { .claims.is_legacy = false };
	struct err err = { 0 };
	struct jwt jwt;
	AUTO_ARENA arena = { 0 };
	AUTO_JSON claims = NULL;
	AUTO_JSON plain = NULL;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	arena_init(&known.arena, ARENA_DEFAULT_MAX);
	if (jwt_decode(str_sub((const char *)bytes, size_bytes), &arena, &jwt, &err) == 0) {
		claims = jwt.claims;
		if (token_claims_read(yyjson_doc_get_root(claims), &known, NULL) < 0)
			known.user.name = STR_NONE;
	} else if (err.code != ERR_UNAUTHORIZED) {
		abort();
	}
	plain = json_parse(str_sub((const char *)bytes, size_bytes), 65536, NULL);
	if (plain && token_claims_read(yyjson_doc_get_root(plain), &known, NULL) == 0 &&
	    !known.user.name.len)
		abort(); /* who is let in has a name */
	arena_deinit(&known.arena);
	return 0;
}
