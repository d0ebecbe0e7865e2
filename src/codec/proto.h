/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protocol buffer messages as C structs, by tables: a struct has one member per field, a struct
 * proto_message says which. Strings and bytes are struct str and borrow from the bytes decoded; a
 * message within is a pointer (NULL: absent); a repeated field is an array of its type (of struct
 * str, of int64_t, of the message's struct) and a size_t count. A field that is not in the table is
 * skipped, as its format asks. Members of a oneof are fields like others: messages tell by their
 * pointer which is set.
 */
#ifndef CUBE_CODEC_PROTO_H
#define CUBE_CODEC_PROTO_H

#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum proto_type {
	PROTO_BOOL,   /* bool */
	PROTO_INT32,  /* int32_t; also enums */
	PROTO_INT64,  /* int64_t; the one type of repeated numbers */
	PROTO_UINT64, /* uint64_t; also uint32 */
	PROTO_BYTES,  /* struct str; also string */
	PROTO_MESSAGE,
};

struct proto_message;

struct proto_field {
	uint32_t number; /* 0 ends the table */
	enum proto_type type;
	size_t offset;
	size_t count_offset; /* of a repeated field's count */
	bool is_repeated;
	bool is_explicit; /* of proto2: 0 is a value, and not what is meant when nothing is said */
	const struct proto_message *message;
};

struct proto_message {
	const char *name;
	size_t size_bytes;
	const struct proto_field *fields;
};

/* Rows of a field table; s is the struct, m its member. Repeated members have a count named
 * <member>_count. */
#define PROTO_FIELD(n, t, s, m)                                                   \
	{                                                                         \
		.number = (n), .type = PROTO_##t, .offset = offsetof(struct s, m) \
	}
#define PROTO_EXPLICIT(n, t, s, m)                                                  \
	{                                                                          \
		.number = (n), .type = PROTO_##t, .offset = offsetof(struct s, m), \
		.is_explicit = true                                                \
	}
#define PROTO_SUB(n, s, m, sub)                                                        \
	{                                                                              \
		.number = (n), .type = PROTO_MESSAGE, .offset = offsetof(struct s, m), \
		.message = &(sub)                                                      \
	}
#define PROTO_LIST(n, t, s, m)                                                     \
	{                                                                          \
		.number = (n), .type = PROTO_##t, .offset = offsetof(struct s, m), \
		.is_repeated = true, .count_offset = offsetof(struct s, m##_count) \
	}
#define PROTO_SUBS(n, s, m, sub)                                                       \
	{                                                                              \
		.number = (n), .type = PROTO_MESSAGE, .offset = offsetof(struct s, m), \
		.is_repeated = true, .count_offset = offsetof(struct s, m##_count),    \
		.message = &(sub)                                                      \
	}
#define PROTO_MESSAGE_OF(s, table)                                            \
	{                                                                     \
		.name = #s, .size_bytes = sizeof(struct s), .fields = (table) \
	}

/* ret (of message's struct) is overwritten; what it points to lies in bytes and in the arena.
 * ERR_PARSE for damaged bytes, ERR_TOO_LARGE beyond PROTO_DEPTH_MAX and PROTO_ITEMS_MAX. */
int proto_decode(const struct proto_message *message, struct str bytes, struct arena *arena,
		 void *ret, struct err *err) MUST_CHECK;
/* Appends; numbers that are 0 (unless explicit) and empty strings are left out. The buffer tells when its max is
 * reached. */
void proto_encode(const struct proto_message *message, const void *value, struct buf *to);
size_t proto_size(const struct proto_message *message, const void *value) PURE;

#endif
