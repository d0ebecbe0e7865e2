/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the KMS v2 API (k8s.io/kms, service v2.KeyManagementService), and the EncryptedObject
 * that kube-apiserver stores; names are shortened, numbers are the protocol's.
 */
#ifndef CUBE_APISERVER_KMS_PROTO_H
#define CUBE_APISERVER_KMS_PROTO_H

#include "codec/proto.h"

struct kms_annotation { /* an entry of map<string, bytes> */
	struct str key;
	struct str value;
};
struct kms_status { /* StatusResponse; StatusRequest has no field */
	struct str version;
	struct str healthz;
	struct str key_id;
};
struct kms_decrypt { /* DecryptRequest */
	struct str ciphertext;
	struct str uid;
	struct str key_id;
	struct kms_annotation *annotations;
	size_t annotations_count;
};
struct kms_decrypted { /* DecryptResponse */
	struct str plaintext;
};
struct kms_encrypt { /* EncryptRequest */
	struct str plaintext;
	struct str uid;
};
struct kms_encrypted { /* EncryptResponse */
	struct str ciphertext;
	struct str key_id;
	struct kms_annotation *annotations;
	size_t annotations_count;
};
enum kms_source_type {			/* what source is when the plug-in has decrypted it */
		       KMS_SOURCE_KEY,	/* the key of AES-GCM itself */
		       KMS_SOURCE_SEED, /* each value has a key of its own: HKDF-Expand(seed, its
					   first 32 bytes) */
};
struct kms_object { /* EncryptedObject */
	struct str data;
	struct str key_id;
	struct str source; /* encryptedDEKSource */
	struct kms_annotation *annotations;
	size_t annotations_count;
	int32_t source_type;
};

extern const struct proto_message kms_nothing_message, kms_status_message, kms_decrypt_message,
	kms_decrypted_message, kms_encrypt_message, kms_encrypted_message, kms_object_message;

#endif
