/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record's bytes: a head of fixed size in little endian, the key, the value. Used by the LMDB file and by snapshots,
 * so that both are read by one decoder.
 *   0 u32 key length   4 u32 zero   8 create revision   16 mod revision   24 version   32 expiry (Unix seconds)
 */
#include <endian.h>
#include "store/internal.h"

size_t store_record_size(const struct store_record *record)
{
	return RECORD_HEAD_BYTES + record->key.len + record->value.len;
}

static char *put_u64(char *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}

static int64_t get_i64(const char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return (int64_t)le64toh(value);
}

void store_record_encode(const struct store_record *record, void *to)
{
	char *at = put_u64(to, record->key.len);

	at = put_u64(at, (uint64_t)record->create_revision);
	at = put_u64(at, (uint64_t)record->mod_revision);
	at = put_u64(at, (uint64_t)record->version);
	at = put_u64(at, (uint64_t)record->expires_wall_s);
	memcpy(at, record->key.ptr, record->key.len);
	if (record->value.len)
		memcpy(at + record->key.len, record->value.ptr, record->value.len);
}

int store_record_decode(struct str bytes, struct store_record *ret, struct err *err)
{
	uint64_t key_len;

	if (bytes.len < RECORD_HEAD_BYTES)
		return err_set(err, ERR_PARSE, "record of %zu bytes is too short", bytes.len);
	key_len = (uint64_t)get_i64(bytes.ptr);
	if (key_len == 0 || key_len > STORE_KEY_BYTES_MAX || key_len > bytes.len - RECORD_HEAD_BYTES)
		return err_set(err, ERR_PARSE, "record has a key of %llu bytes", (unsigned long long)key_len);
	ret->create_revision = get_i64(bytes.ptr + 8);
	ret->mod_revision = get_i64(bytes.ptr + 16);
	ret->version = get_i64(bytes.ptr + 24);
	ret->expires_wall_s = get_i64(bytes.ptr + 32);
	ret->key = str_slice(bytes, RECORD_HEAD_BYTES, RECORD_HEAD_BYTES + key_len);
	ret->value = str_slice(bytes, RECORD_HEAD_BYTES + key_len, bytes.len);
	if (ret->value.len > STORE_VALUE_BYTES_MAX || ret->create_revision < 1 ||
	    ret->mod_revision < ret->create_revision || ret->version < 1 || ret->expires_wall_s < 0)
		return err_set(err, ERR_PARSE, "record has impossible revisions or an oversized value");
	return 0;
}

void record_from_op(const struct store_op *op, struct store_record *ret)
{
	*ret = (struct store_record){
		.id = op->id,
		.create_revision = op->create_revision,
		.mod_revision = op->mod_revision,
		.version = op->version,
		.expires_wall_s = op->expires_wall_s,
		.key = op->key,
		.value = op->type != STORE_PUT ? STR_NONE : blob_str(op->sealed ? op->sealed : op->value),
	};
}
