/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables; each message after those within it. */
#include "apiserver/kms_proto.h"

static const struct proto_field kms_annotation_fields[] = {
	PROTO_FIELD(1, BYTES, kms_annotation, key),
	PROTO_FIELD(2, BYTES, kms_annotation, value),
	{ 0 },
};
static const struct proto_message kms_annotation_message = PROTO_MESSAGE_OF(kms_annotation,
									    kms_annotation_fields);

static const struct proto_field kms_nothing_fields[] = { { 0 } };
/* A message without fields has no struct of its own. */
const struct proto_message kms_nothing_message = { .name = "nothing",
						   .size_bytes = 1,
						   .fields = kms_nothing_fields };

static const struct proto_field kms_status_fields[] = {
	PROTO_FIELD(1, BYTES, kms_status, version),
	PROTO_FIELD(2, BYTES, kms_status, healthz),
	PROTO_FIELD(3, BYTES, kms_status, key_id),
	{ 0 },
};
const struct proto_message kms_status_message = PROTO_MESSAGE_OF(kms_status, kms_status_fields);

static const struct proto_field kms_decrypt_fields[] = {
	PROTO_FIELD(1, BYTES, kms_decrypt, ciphertext),
	PROTO_FIELD(2, BYTES, kms_decrypt, uid),
	PROTO_FIELD(3, BYTES, kms_decrypt, key_id),
	PROTO_SUBS(4, kms_decrypt, annotations, kms_annotation_message),
	{ 0 },
};
const struct proto_message kms_decrypt_message = PROTO_MESSAGE_OF(kms_decrypt, kms_decrypt_fields);

static const struct proto_field kms_decrypted_fields[] = {
	PROTO_FIELD(1, BYTES, kms_decrypted, plaintext),
	{ 0 },
};
const struct proto_message kms_decrypted_message = PROTO_MESSAGE_OF(kms_decrypted,
								    kms_decrypted_fields);

static const struct proto_field kms_encrypt_fields[] = {
	PROTO_FIELD(1, BYTES, kms_encrypt, plaintext),
	PROTO_FIELD(2, BYTES, kms_encrypt, uid),
	{ 0 },
};
const struct proto_message kms_encrypt_message = PROTO_MESSAGE_OF(kms_encrypt, kms_encrypt_fields);

static const struct proto_field kms_encrypted_fields[] = {
	PROTO_FIELD(1, BYTES, kms_encrypted, ciphertext),
	PROTO_FIELD(2, BYTES, kms_encrypted, key_id),
	PROTO_SUBS(3, kms_encrypted, annotations, kms_annotation_message),
	{ 0 },
};
const struct proto_message kms_encrypted_message = PROTO_MESSAGE_OF(kms_encrypted,
								    kms_encrypted_fields);

static const struct proto_field kms_object_fields[] = {
	PROTO_FIELD(1, BYTES, kms_object, data),
	PROTO_FIELD(2, BYTES, kms_object, key_id),
	PROTO_FIELD(3, BYTES, kms_object, source),
	PROTO_SUBS(4, kms_object, annotations, kms_annotation_message),
	PROTO_FIELD(5, INT32, kms_object, source_type),
	{ 0 },
};
const struct proto_message kms_object_message = PROTO_MESSAGE_OF(kms_object, kms_object_fields);
