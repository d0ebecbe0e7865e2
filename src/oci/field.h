/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON objects decoded into C structs by tables: one row per field with its name, type and place. A wrong type, an
 * unknown enum value, a number out of range or a missing required field is an error that names the field's path
 * ("linux.namespaces[2].type"). Unknown fields are ignored, as the specifications demand; names are known in any
 * case of their letters, as to the decoders of Go that the peers have. Decoded strings are borrowed
 * from the document; arrays and objects come from the arena.
 */
#ifndef CUBE_OCI_FIELD_H
#define CUBE_OCI_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>
#include "base/arena.h"
#include "base/err.h"

struct oci_strings {
	const char **items; /* count of them, then NULL */
	size_t count;
};
struct oci_pair {
	const char *key, *value;
};
struct oci_map {
	struct oci_pair *items;
	size_t count;
};
struct oci_list {
	void *items; /* of the row's sub table */
	size_t count;
};
struct oci_i64 {
	int64_t value;
	bool is_set;
};
struct oci_u64 {
	uint64_t value;
	bool is_set;
};
struct oci_u32s {
	uint32_t *items;
	size_t count;
};

enum field_type {
	FIELD_STRING,  /* const char *, NULL when missing */
	FIELD_BOOL,    /* bool */
	FIELD_I64,     /* struct oci_i64 */
	FIELD_U64,     /* struct oci_u64 */
	FIELD_STRINGS, /* struct oci_strings */
	FIELD_MAP,     /* struct oci_map of strings */
	FIELD_U32S,    /* struct oci_u32s */
	FIELD_ENUM,    /* int: value from the row's names */
	FIELD_OBJECT,  /* pointer to the sub table's struct; NULL when missing */
	FIELD_LIST,    /* struct oci_list */
	FIELD_RAW,     /* yyjson_val *, whatever it is */
	FIELD_REFUSED, /* an error when present: the row's text says why */
};

struct field_name { /* last row: name NULL */
	const char *name;
	int value;
};

struct field {
	const char *name;
	uint8_t type;
	bool is_required;
	uint16_t offset;
	union {
		const struct field_table *sub;
		const struct field_name *names;
		const char *text;
	} with;
	uint64_t max; /* numbers: 0 = no bound but the type's; U64 also bounds list elements of U32S */
};

struct field_table {
	size_t size_bytes;
	const struct field *fields; /* last row: name NULL */
};

#define FIELD_LIST_MAX 4096
#define FIELD_DEPTH_MAX 16

/* A value by the name of a field, in any case as tables take it; for what is FIELD_RAW. NULL: none. */
yyjson_val *field_get(yyjson_val *object, const char *name) MUST_CHECK;
int field_decode(const struct field_table *table, yyjson_val *object, struct arena *arena, void *ret,
		 struct err *err) MUST_CHECK;

#endif
