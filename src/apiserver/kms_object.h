/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kube-apiserver stores behind "k8s:enc:kms:v2:NAME:", read and made with a data key that is
 * known: a value that either wrote the other can read. Pure.
 */
#ifndef CUBE_APISERVER_KMS_OBJECT_H
#define CUBE_APISERVER_KMS_OBJECT_H

#include "apiserver/kms_proto.h"

#define KMS_HASH_BYTES 32
#define KMS_INFO_BYTES 32
#define KMS_NONCE_BYTES 64 /* KMS_INFO_BYTES and what the cipher takes */

/* What the plug-in gave for an encrypted source. */
struct kms_data_key {
	char bytes[256];
	size_t len;
	enum kms_source_type type;
};

/* "sha256:…" of a key's id, "" of none: ids are in no message, log or metric as they are. */
#define KMS_ID_TEXT_BYTES 72
const char *kms_id_text(struct str id, char to[KMS_ID_TEXT_BYTES]);

/* ERR_INVALID in upstream's words. */
int kms_check_id(struct str id, struct err *err) MUST_CHECK;
int kms_object_check(const struct kms_object *object, struct err *err) MUST_CHECK;
/* Decoded and checked; what ret points to lies in bytes and in the arena. */
int kms_object_decode(struct str bytes, struct arena *arena, struct kms_object *ret,
		      struct err *err) MUST_CHECK;
/* One data key has one: of its source, its type, and all that the plug-in is told with it. */
void kms_object_hash(const struct kms_object *object, struct arena *arena,
		     uint8_t ret[KMS_HASH_BYTES]);

int kms_data_key_set(struct kms_data_key *key, struct str bytes, enum kms_source_type type,
		     struct err *err) MUST_CHECK;
/* context is the store's key: a value is no other key's. nonce: random bytes. Appends. */
int kms_data_seal(const struct kms_data_key *key, struct str context,
		  const char nonce[KMS_NONCE_BYTES], struct str clear, struct buf *to,
		  struct err *err) MUST_CHECK;
int kms_data_open(const struct kms_data_key *key, struct str context, struct str sealed,
		  struct buf *to, struct err *err) MUST_CHECK;

#endif
