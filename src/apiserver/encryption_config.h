/* SPDX-License-Identifier: Apache-2.0 */
/* What an EncryptionConfiguration says, checked; private to encryption*.c. */
#ifndef CUBE_APISERVER_ENCRYPTION_CONFIG_H
#define CUBE_APISERVER_ENCRYPTION_CONFIG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "net/cipher.h"

enum provider_kind { PROVIDER_IDENTITY, PROVIDER_KEYS, PROVIDER_KMS };

struct encryption_key {
	struct str name, secret;
};
struct encryption_provider {
	enum provider_kind kind;
	const char *name; /* "aesgcm" */
	enum cipher cipher;
	struct encryption_key *keys;
	size_t key_count;
	struct str kms_name, kms_path;
	int64_t kms_timeout_ms;
	struct kms *kms; /* whoever uses the configuration makes it */
};
/* One for each resource that is named, in all rules together: "secrets" of "", "*" of "apps". */
struct encryption_rule {
	struct str resource, group;
	struct encryption_provider **providers; /* in their order */
	size_t provider_count;
};
struct encryption_config {
	struct encryption_rule *rules;
	size_t rule_count;
	struct encryption_provider *providers; /* each once */
	size_t provider_count;
};

/* All lies in the arena: secrets must be wiped before it goes. */
int encryption_config_read(struct str text, struct arena *arena, struct encryption_config *ret,
			   struct err *err) MUST_CHECK;
void encryption_config_wipe(struct encryption_config *config);

#endif
