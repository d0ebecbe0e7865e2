/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash is FNV-1a (32 bits) over a canonical form of the template: members sorted bytewise by
 * key, each value behind a byte for its type, then the collision count as four little-endian bytes;
 * written in decimal with the digits mapped to letters that cannot spell words, as upstream does.
 * It must never change.
 */
#include "controllers/template.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"

#define FNV_OFFSET 2166136261u
#define FNV_PRIME 16777619u

static void hash_bytes(uint32_t *hash, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		*hash = (*hash ^ ((const uint8_t *)bytes)[i]) * FNV_PRIME;
}

static void hash_byte(uint32_t *hash, char byte)
{
	hash_bytes(hash, &byte, 1);
}

static void hash_str(uint32_t *hash, struct str s)
{
	hash_byte(hash, 's');
	hash_bytes(hash, s.ptr, s.len);
	hash_byte(hash, '\0');
}

static int compare_keys(const void *a, const void *b)
{
	return str_cmp(json_str(*(yyjson_val *const *)a), json_str(*(yyjson_val *const *)b));
}

static void hash_value(uint32_t *hash, yyjson_val *v);

static void hash_object(uint32_t *hash, yyjson_val *object)
{
	size_t count = yyjson_obj_size(object), i = 0;
	AUTO_FREE yyjson_val **keys = mem_calloc(count + 1, sizeof(yyjson_val *));

	JSON_MEMBERS (key, value, object)
		keys[i++] = key;
	qsort(keys, count, sizeof(yyjson_val *), compare_keys);
	hash_byte(hash, '{');
	for (i = 0; i < count; i++) {
		hash_str(hash, json_str(keys[i]));
		hash_value(hash, yyjson_obj_iter_get_val(keys[i]));
	}
	hash_byte(hash, '}');
}

static void hash_number(uint32_t *hash, yyjson_val *v)
{
	char text[40];
	int64_t whole = json_int(v, INT64_MIN);

	if (whole != INT64_MIN)
		(void)snprintf(text, sizeof(text), "%lld", (long long)whole); /* fits */
	else
		(void)snprintf(text, sizeof(text), "%.17g", yyjson_get_num(v)); /* fits */
	hash_byte(hash, 'n');
	hash_bytes(hash, text, strlen(text) + 1);
}

static void hash_value(uint32_t *hash, yyjson_val *v)
{
	if (yyjson_is_obj(v)) {
		hash_object(hash, v);
	} else if (yyjson_is_arr(v)) {
		hash_byte(hash, '[');
		JSON_EACH (item, v)
			hash_value(hash, item);
		hash_byte(hash, ']');
	} else if (yyjson_is_str(v)) {
		hash_str(hash, json_str(v));
	} else if (yyjson_is_num(v)) {
		hash_number(hash, v);
	} else {
		hash_byte(hash, yyjson_is_true(v) ? 't' : yyjson_is_false(v) ? 'f' : '0');
	}
}

const char *template_hash(yyjson_val *template, int64_t collision_count,
			  char to[TEMPLATE_HASH_BYTES])
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	uint32_t hash = FNV_OFFSET;

	hash_value(&hash, template);
	if (collision_count) {
		uint8_t bytes[4] = {
			(uint8_t)collision_count,
			(uint8_t)(collision_count >> 8),
			(uint8_t)(collision_count >> 16),
			(uint8_t)(collision_count >> 24),
		};

		hash_bytes(&hash, bytes, sizeof(bytes));
	}
	(void)snprintf(to, TEMPLATE_HASH_BYTES, "%u", hash); /* fits: ten digits */
	for (char *c = to; *c; c++)
		*c = letters[(unsigned char)*c % (sizeof(letters) - 1)];
	return to;
}

/* a's members are in b with equal values, except those called skip; how many were looked at. */
static bool members_in(yyjson_val *a, yyjson_val *b, struct str skip, size_t *ret_count)
{
	size_t count = 0;

	JSON_MEMBERS (key, value, a) {
		if (str_eq(json_str(key), skip))
			continue;
		if (!json_equal(value, json_key(b, json_str(key))))
			return false;
		count++;
	}
	*ret_count = count;
	return true;
}

static bool members_equal(yyjson_val *a, yyjson_val *b, struct str skip)
{
	size_t a_count, b_count = 0;

	if (!members_in(a, b, skip, &a_count))
		return false;
	JSON_MEMBERS (key, value, b)
		b_count += !str_eq(json_str(key), skip);
	return a_count == b_count;
}

bool template_equal(yyjson_val *a, yyjson_val *b)
{
	yyjson_val *a_metadata = yyjson_obj_get(a, "metadata"),
		   *b_metadata = yyjson_obj_get(b, "metadata");

	return members_equal(a, b, STR("metadata")) &&
	       members_equal(a_metadata, b_metadata, STR("labels")) &&
	       members_equal(yyjson_obj_get(a_metadata, "labels"),
			     yyjson_obj_get(b_metadata, "labels"), STR(TEMPLATE_HASH_LABEL));
}
