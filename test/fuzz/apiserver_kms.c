/* SPDX-License-Identifier: Apache-2.0 */
/* What a KMS plug-in answers, and what is stored of an object that its keys encrypt. */
#include <stdint.h>
#include <stdlib.h>
#include "apiserver/kms_object.h"

static void decode(const struct proto_message *message, struct str bytes)
{
	union {
		struct kms_status status;
		struct kms_encrypted encrypted;
		struct kms_decrypted decrypted;
	} answer;
	struct arena arena;

	arena_init(&arena, (size_t)32 << 20);
	(void)(proto_decode(message, bytes, &arena, &answer, NULL) < 0); /* either is fine */
	arena_deinit(&arena);
}

static void read_object(struct str bytes)
{
	static const char seed[32] = "seed";
	uint8_t hash[KMS_HASH_BYTES];
	struct kms_data_key key;
	struct kms_object object;
	AUTO_ARENA arena = { 0 };
	AUTO_BUF clear = { 0 }, again = { 0 };
	struct err err = { 0 };

	arena_init(&arena, (size_t)32 << 20);
	buf_init(&clear, bytes.len + 64);
	buf_init(&again, bytes.len + 64);
	if (kms_object_decode(bytes, &arena, &object, &err) < 0) {
		if (!err.code || !err.msg[0])
			abort();
		return;
	}
	kms_object_hash(&object, &arena, hash);
	proto_encode(&kms_object_message, &object, &again);
	if (kms_data_key_set(&key, str_sub(seed, sizeof(seed)),
			     (enum kms_source_type)object.source_type, &err) < 0)
		abort();
	/* Nobody can have sealed it with this seed but a test. */
	(void)(kms_data_open(&key, STR("/registry/secrets/default/a"), object.data, &clear, &err) <
	       0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct str text = str_sub((const char *)bytes, size_bytes);

	decode(&kms_status_message, text);
	decode(&kms_encrypted_message, text);
	decode(&kms_decrypted_message, text);
	read_object(text);
	return 0;
}
