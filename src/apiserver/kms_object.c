/* SPDX-License-Identifier: Apache-2.0 */
/* Data keys are derived as RFC 5869 says in section 2.3; one block of SHA-256 is a key. */
#include "apiserver/kms_object.h"

#include <stdlib.h>
#include <string.h>
#include "apiserver/limits.h"
#include "base/mem.h"
#include "codec/name.h"
#include "net/cipher.h"
#include "net/x509.h"

_Static_assert(KMS_NONCE_BYTES >= KMS_INFO_BYTES + CIPHER_NONCE_BYTES, "room for both");
_Static_assert(KMS_HASH_BYTES == X509_SHA256_BYTES, "hashes are of SHA-256");

const char *kms_id_text(struct str id, char to[KMS_ID_TEXT_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t hash[X509_SHA256_BYTES];
	size_t at = sizeof("sha256:") - 1;

	to[0] = '\0';
	if (!id.len)
		return to;
	x509_sha256(id, hash);
	memcpy(to, "sha256:", at);
	for (size_t i = 0; i < sizeof(hash); i++) {
		to[at++] = digits[hash[i] >> 4];
		to[at++] = digits[hash[i] & 15];
	}
	to[at] = '\0';
	return to;
}

int kms_check_id(struct str id, struct err *err)
{
	if (!id.len)
		return err_set(err, ERR_INVALID, "keyID is empty");
	if (id.len > KMS_ID_BYTES_MAX)
		return err_set(err, ERR_INVALID,
			       "keyID is %zu bytes, which exceeds the max size of %d", id.len,
			       KMS_ID_BYTES_MAX);
	return 0;
}

static int check_source(struct str source, struct err *err)
{
	if (!source.len)
		return err_set(
			err, ERR_INVALID,
			"failed to validate encrypted DEK source: encrypted DEK source is empty");
	if (source.len > KMS_SOURCE_BYTES_MAX)
		return err_set(
			err, ERR_INVALID,
			"failed to validate encrypted DEK source: encrypted DEK source is %zu "
			"bytes, which exceeds the max size of %d",
			source.len, KMS_SOURCE_BYTES_MAX);
	return 0;
}

static int check_annotations(const struct kms_object *o, struct err *err)
{
	size_t total = 0;

	for (size_t i = 0; i < o->annotations_count; i++) {
		struct str key = o->annotations[i].key;
		const char *problem = key.len ? name_subdomain_problem(key) : NULL;

		if (!key.len)
			return err_set(
				err, ERR_INVALID,
				"failed to validate annotations: annotations: Required value");
		if (!problem && str_find_char(key, '.', 0) == SIZE_MAX)
			problem = "should be a domain with at least two segments separated by dots";
		if (problem)
			return err_set(
				err, ERR_INVALID,
				"failed to validate annotations: annotations: Invalid value: "
				"\"" STR_FMT "\": %s",
				STR_ARG(key), problem);
		total += key.len + o->annotations[i].value.len;
	}
	if (total > KMS_ANNOTATION_BYTES_MAX)
		return err_set(err, ERR_INVALID,
			       "failed to validate annotations: total size of annotations is %zu, "
			       "which exceeds the max size of %d",
			       total, KMS_ANNOTATION_BYTES_MAX);
	return 0;
}

int kms_object_check(const struct kms_object *o, struct err *err)
{
	if (o->source_type != KMS_SOURCE_KEY && o->source_type != KMS_SOURCE_SEED)
		return err_set(err, ERR_INVALID, "unknown encryptedDEKSourceType: %d",
			       o->source_type);
	if (!o->data.len)
		return err_set(err, ERR_INVALID, "encrypted data is empty");
	if (check_source(o->source, err) < 0)
		return -1;
	if (kms_check_id(o->key_id, err) < 0)
		return err_wrap(err, "failed to validate key id");
	return check_annotations(o, err);
}

int kms_object_decode(struct str bytes, struct arena *arena, struct kms_object *ret,
		      struct err *err)
{
	struct kms_object o;

	if (proto_decode(&kms_object_message, bytes, arena, &o, err) < 0 ||
	    kms_object_check(&o, err) < 0)
		return -1;
	*ret = o;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct kms_annotation *left = a, *right = b;

	return str_cmp(left->key, right->key);
}

static void put_counted(struct buf *to, struct str bytes)
{
	uint32_t len = (uint32_t)bytes.len;

	buf_put(to, &len, sizeof(len));
	buf_put_str(to, bytes);
}

void kms_object_hash(const struct kms_object *o, struct arena *arena, uint8_t ret[KMS_HASH_BYTES])
{
	struct kms_annotation *sorted = arena_array(arena, o->annotations_count + 1,
						    sizeof(*sorted));
	AUTO_BUF text = { 0 };

	buf_init(&text, (size_t)1 << 20);
	buf_put(&text, &o->source_type, sizeof(o->source_type));
	put_counted(&text, o->source);
	put_counted(&text, o->key_id);
	for (size_t i = 0; i < o->annotations_count; i++)
		sorted[i] = o->annotations[i];
	/* A map's entries come in any order. */
	if (o->annotations_count > 1)
		qsort(sorted, o->annotations_count, sizeof(*sorted), by_key);
	for (size_t i = 0; i < o->annotations_count; i++) {
		put_counted(&text, sorted[i].key);
		put_counted(&text, sorted[i].value);
	}
	x509_sha256(buf_str(&text), ret);
}

/* --- with a data key --- */

int kms_data_key_set(struct kms_data_key *key, struct str bytes, enum kms_source_type type,
		     struct err *err)
{
	if (type == KMS_SOURCE_SEED ? bytes.len < KMS_SEED_BYTES || bytes.len > sizeof(key->bytes)
				    : !cipher_is_key(CIPHER_AES_GCM, bytes))
		return err_set(err, ERR_INVALID,
			       type == KMS_SOURCE_SEED
				       ? "invalid seed length %zu used for key generation"
				       : "crypto/aes: invalid key size %zu",
			       bytes.len);
	*key = (struct kms_data_key){ .len = bytes.len, .type = type };
	memcpy(key->bytes, bytes.ptr, bytes.len);
	return 0;
}

static void derive(const struct kms_data_key *key, const char info[KMS_INFO_BYTES],
		   uint8_t ret[X509_SHA256_BYTES])
{
	char block[KMS_INFO_BYTES + 1];

	memcpy(block, info, KMS_INFO_BYTES);
	block[KMS_INFO_BYTES] = 1;
	x509_hmac_sha256(str_sub(key->bytes, key->len), str_sub(block, sizeof(block)), ret);
}

int kms_data_seal(const struct kms_data_key *key, struct str context,
		  const char nonce[KMS_NONCE_BYTES], struct str clear, struct buf *to,
		  struct err *err)
{
	uint8_t derived[X509_SHA256_BYTES];
	int result;

	if (key->type == KMS_SOURCE_KEY)
		return cipher_seal(CIPHER_AES_GCM, str_sub(key->bytes, key->len), context,
				   nonce + KMS_INFO_BYTES, clear, to, err);
	derive(key, nonce, derived);
	buf_put(to, nonce, KMS_INFO_BYTES);
	result = cipher_seal(CIPHER_AES_GCM, str_sub((char *)derived, sizeof(derived)), context,
			     nonce + KMS_INFO_BYTES, clear, to, err);
	mem_wipe(derived, sizeof(derived));
	return result;
}

int kms_data_open(const struct kms_data_key *key, struct str context, struct str sealed,
		  struct buf *to, struct err *err)
{
	uint8_t derived[X509_SHA256_BYTES];
	int result;

	if (key->type == KMS_SOURCE_KEY)
		return cipher_open(CIPHER_AES_GCM, str_sub(key->bytes, key->len), context, sealed,
				   to, err);
	if (sealed.len < KMS_INFO_BYTES)
		return err_set(err, ERR_INVALID,
			       "the stored data was shorter than the required size");
	derive(key, sealed.ptr, derived);
	result = cipher_open(CIPHER_AES_GCM, str_sub((char *)derived, sizeof(derived)), context,
			     str_slice(sealed, KMS_INFO_BYTES, sealed.len), to, err);
	mem_wipe(derived, sizeof(derived));
	return result;
}
