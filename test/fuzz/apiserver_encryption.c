/* SPDX-License-Identifier: Apache-2.0 */
/* EncryptionConfigurations, and stored bytes that may be sealed by one. */
#include <stdint.h>
#include <stdlib.h>
#include "apiserver/encryption.h"
#include "apiserver/encryption_config.h"
#include "apiserver/kms_metrics.h"
#include "apiserver/limits.h"
#include "sim/env_sim.h"

/* False: it is wrong, or names a socket, and none is to be connected to here. */
static bool read_config(struct str text)
{
	struct encryption_config config;
	struct arena arena;
	struct err err = { 0 };
	bool good;

	arena_init(&arena, ENCRYPTION_CONFIG_BYTES_MAX * 64);
	good = encryption_config_read(text, &arena, &config, &err) == 0;
	if (!good && (!err.code || !err.msg[0]))
		abort();
	for (size_t i = 0; good && i < config.provider_count; i++)
		good = config.providers[i].kind != PROVIDER_KMS;
	arena_deinit(&arena);
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	/* what is behind a zero is what the store holds */
	const uint8_t *zero = size_bytes ? memchr(bytes, 0, size_bytes) : NULL;
	size_t text_bytes = zero ? (size_t)(zero - bytes) : size_bytes;
	struct sim *sim = sim_new(1);
	struct encryption *encryption = NULL;
	struct err err = { 0 };
	struct kms_metrics metrics;
	struct encryption_options options = { .env = sim_env(sim, "server"), .metrics = &metrics };

	kms_metrics_init(&metrics);
	if (read_config(str_sub((const char *)bytes, text_bytes)) &&
	    encryption_parse(&options, str_sub((const char *)bytes, text_bytes), &encryption,
			     &err) < 0)
		abort();
	if (zero) {
		AUTO_BLOB sealed = blob_new(
			str_sub((const char *)zero + 1, size_bytes - text_bytes - 1));
		struct blob *clear = encryption_open(encryption, STR("/registry/secrets/default/a"),
						     sealed, &err);
		uint64_t mark = encryption_mark(blob_str(sealed)), next;

		/* What is in clear says so, and what opens as it would be written is not stale. */
		if (clear == sealed && mark)
			abort();
		(void)encryption_next_mark(encryption, STR("/registry/secrets/default/a"), &next);
		blob_unref(clear);
	}
	encryption_free(encryption);
	kms_metrics_deinit(&metrics);
	sim_free(sim);
	return 0;
}
