/* SPDX-License-Identifier: Apache-2.0 */
/* Key sets of issuers: any bytes are a set or are refused, and each key of a set can be read. */
#include <stdint.h>
#include <stdlib.h>
#include "apiserver/jwks.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	AUTO_ARENA arena = { 0 };
	struct err err = { 0 };
	struct jwks keys;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (jwks_read(str_sub((const char *)bytes, size_bytes), &arena, &keys, &err) < 0) {
		if (!err.code || !err.msg[0])
			abort();
		return 0;
	}
	for (size_t i = 0; i < keys.count; i++)
		if (!str_has_prefix(keys.items[i].pem, STR("-----BEGIN PUBLIC KEY-----")))
			abort();
	return 0;
}
