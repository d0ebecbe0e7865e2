/* SPDX-License-Identifier: Apache-2.0 */
/* EncryptionConfigurations, and stored bytes that may be sealed by one. */
#include <stdint.h>
#include <stdlib.h>
#include "apiserver/encryption.h"
#include "sim/env_sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	/* what is behind a zero is what the store holds */
	const uint8_t *zero = size_bytes ? memchr(bytes, 0, size_bytes) : NULL;
	size_t text_bytes = zero ? (size_t)(zero - bytes) : size_bytes;
	struct sim *sim = sim_new(1);
	struct encryption *encryption = NULL;
	struct err err = { 0 };
	bool is_stale;

	if (encryption_parse(sim_env(sim, "server"), str_sub((const char *)bytes, text_bytes), &encryption,
			     &err) < 0 &&
	    (!err.code || !err.msg[0]))
		abort();
	if (zero) {
		AUTO_BLOB sealed = blob_new(str_sub((const char *)zero + 1, size_bytes - text_bytes - 1));
		struct blob *clear = encryption_open(encryption, STR("/registry/secrets/default/a"), sealed,
						  &is_stale, &err);

		blob_unref(clear);
	}
	encryption_free(encryption);
	sim_free(sim);
	return 0;
}
