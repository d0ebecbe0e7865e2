/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire format (protobuf.dev, "Encoding"): a field is a varint of number * 8 + wire type, then a
 * varint, eight or four bytes, or a length and so many bytes. Lists grow by doubling in the arena.
 */
#include "codec/proto.h"

#include "codec/limits.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct reader {
	const unsigned char *at, *end;
	struct arena *arena;
	size_t item_count; /* of all lists */
	struct err *err;
};

static int broken(struct reader *r, const char *what)
{
	return err_set(r->err, ERR_PARSE, "protobuf: %s", what);
}

static int read_varint(struct reader *r, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 70; shift += 7) {
		unsigned char byte;

		if (r->at == r->end)
			return broken(r, "a number is cut short");
		byte = *r->at++;
		if (shift == 63 && byte > 1)
			return broken(r, "a number has more than 64 bits");
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return 0;
		}
	}
	return broken(r, "a number has more than 64 bits");
}

static int read_bytes(struct reader *r, struct str *ret)
{
	uint64_t len;

	if (read_varint(r, &len) < 0)
		return -1;
	if (len > (size_t)(r->end - r->at))
		return broken(r, "a field is longer than its message");
	*ret = str_sub((const char *)r->at, (size_t)len);
	r->at += len;
	return 0;
}

static int skip(struct reader *r, unsigned int wire)
{
	struct str unused;
	uint64_t number;
	size_t fixed = wire == WIRE_64 ? 8 : 4;

	switch (wire) {
	case WIRE_VARINT:
		return read_varint(r, &number);
	case WIRE_BYTES:
		return read_bytes(r, &unused);
	case WIRE_64:
	case WIRE_32:
		if ((size_t)(r->end - r->at) < fixed)
			return broken(r, "a field is longer than its message");
		r->at += fixed;
		return 0;
	default:
		return broken(r, "a field of unknown type"); /* groups are long gone */
	}
}

static size_t element_bytes(const struct proto_field *field)
{
	if (field->type == PROTO_MESSAGE)
		return field->message->size_bytes;
	return field->type == PROTO_BYTES ? sizeof(struct str) : sizeof(int64_t);
}

/* Room for one more; cleared. NULL: there are too many. */
static void *list_add(struct reader *r, const struct proto_field *field, void *to)
{
	size_t *count = (void *)((char *)to + field->count_offset),
	       size_bytes = element_bytes(field);
	char **list = (void *)((char *)to + field->offset);

	if (++r->item_count > PROTO_ITEMS_MAX) {
		err_set(r->err, ERR_TOO_LARGE, "protobuf: more than %d list items",
			PROTO_ITEMS_MAX);
		return NULL;
	}
	if ((*count & (*count - 1)) == 0) { /* 0 or a power of two: full */
		char *grown = arena_array(r->arena, *count ? *count * 2 : 1, size_bytes);

		if (*count)
			memcpy(grown, *list, *count * size_bytes);
		*list = grown;
	}
	memset(*list + *count * size_bytes, 0, size_bytes);
	return *list + (*count)++ * size_bytes;
}

static void set_number(const struct proto_field *field, void *to, uint64_t value)
{
	switch (field->type) {
	case PROTO_BOOL:
		*(bool *)to = value != 0;
		break;
	case PROTO_INT32:
		*(int32_t *)to = (int32_t)value;
		break;
	case PROTO_INT64:
		*(int64_t *)to = (int64_t)value;
		break;
	case PROTO_UINT64:
		*(uint64_t *)to = value;
		break;
	case PROTO_BYTES:
	case PROTO_MESSAGE:
		break;
	}
}

static int read_number(struct reader *r, const struct proto_field *field, void *to)
{
	uint64_t value;
	int64_t *element;

	if (read_varint(r, &value) < 0)
		return -1;
	if (!field->is_repeated) {
		set_number(field, (char *)to + field->offset, value);
		return 0;
	}
	element = list_add(r, field, to);
	if (!element)
		return -1;
	*element = (int64_t)value;
	return 0;
}

static int read_packed(struct reader *r, const struct proto_field *field, struct str bytes,
		       void *to)
{
	const unsigned char *end = r->end;
	int result = 0;

	r->at = (const unsigned char *)bytes.ptr;
	r->end = r->at + bytes.len;
	while (result == 0 && r->at < r->end)
		result = read_number(r, field, to);
	r->end = end;
	return result;
}

static int read_message(struct reader *r, const struct proto_message *message, void *to, int depth);

static int read_sub(struct reader *r, const struct proto_field *field, struct str bytes, void *to,
		    int depth)
{
	const unsigned char *at = r->at, *end = r->end;
	void **pointer = (void *)((char *)to + field->offset);
	void *sub;
	int result;

	if (field->is_repeated) {
		sub = list_add(r, field, to);
		if (!sub)
			return -1;
	} else {
		if (!*pointer) /* the same field again is merged into it */
			*pointer = memset(arena_alloc(r->arena, field->message->size_bytes), 0,
					  field->message->size_bytes);
		sub = *pointer;
	}
	r->at = (const unsigned char *)bytes.ptr;
	r->end = r->at + bytes.len;
	result = read_message(r, field->message, sub, depth + 1);
	r->at = at;
	r->end = end;
	return result;
}

static int read_field(struct reader *r, const struct proto_field *field, unsigned int wire,
		      void *to, int depth)
{
	const unsigned char *after;
	struct str bytes, *element;

	if (field->type != PROTO_BYTES && field->type != PROTO_MESSAGE && wire == WIRE_VARINT)
		return read_number(r, field, to);
	if (wire != WIRE_BYTES)
		return skip(r, wire);
	if (read_bytes(r, &bytes) < 0)
		return -1;
	after = r->at;
	if (field->type == PROTO_MESSAGE)
		return read_sub(r, field, bytes, to, depth);
	if (field->type != PROTO_BYTES) {
		int result = field->is_repeated ? read_packed(r, field, bytes, to) : 0;

		r->at = after;
		return result;
	}
	element = field->is_repeated ? list_add(r, field, to)
				     : (void *)((char *)to + field->offset);
	if (!element)
		return -1;
	*element = bytes;
	return 0;
}

static int read_message(struct reader *r, const struct proto_message *message, void *to, int depth)
{
	if (depth > PROTO_DEPTH_MAX)
		return err_set(r->err, ERR_TOO_LARGE, "protobuf: messages nest deeper than %d",
			       PROTO_DEPTH_MAX);
	while (r->at < r->end) {
		const struct proto_field *field = message->fields;
		uint64_t tag;

		if (read_varint(r, &tag) < 0)
			return -1;
		if (tag >> 3 == 0 || tag > UINT32_MAX)
			return broken(r, "a field has an impossible number");
		while (field->number && field->number != tag >> 3)
			field++;
		if (field->number ? read_field(r, field, tag & 7, to, depth) < 0
				  : skip(r, tag & 7) < 0)
			return -1;
	}
	return 0;
}

int proto_decode(const struct proto_message *message, struct str bytes, struct arena *arena,
		 void *ret, struct err *err)
{
	struct reader r = { .at = (const unsigned char *)bytes.ptr, .arena = arena, .err = err };

	r.end = r.at + bytes.len;
	memset(ret, 0, message->size_bytes);
	if (bytes.len && read_message(&r, message, ret, 0) < 0)
		return err_wrap(err, "%s", message->name);
	return 0;
}

/* --- writing --- */

static size_t varint_size(uint64_t value)
{
	size_t size_bytes = 1;

	while (value >>= 7)
		size_bytes++;
	return size_bytes;
}

static void put_varint(struct buf *to, uint64_t value)
{
	char bytes[10];
	size_t len = 0;

	while (value >= 0x80) {
		bytes[len++] = (char)(value | 0x80);
		value >>= 7;
	}
	bytes[len++] = (char)value;
	buf_put(to, bytes, len);
}

static uint64_t number_of(const struct proto_field *field, const void *from)
{
	switch (field->type) {
	case PROTO_BOOL:
		return *(const bool *)from;
	case PROTO_INT32:
		return (uint64_t)(int64_t) * (const int32_t *)from;
	case PROTO_INT64:
		return (uint64_t) * (const int64_t *)from;
	case PROTO_UINT64:
		return *(const uint64_t *)from;
	case PROTO_BYTES:
	case PROTO_MESSAGE:
		break;
	}
	return 0;
}

static bool is_number(const struct proto_field *field)
{
	return field->type != PROTO_BYTES && field->type != PROTO_MESSAGE;
}

/* The elements of a field, one or many; what is left out counts as none. */
static size_t elements(const struct proto_field *field, const void *value, const char **ret_first)
{
	const void *member = (const char *)value + field->offset;

	*ret_first = member;
	if (field->is_repeated) {
		*ret_first = *(const char *const *)member;
		return *(const size_t *)(const void *)((const char *)value + field->count_offset);
	}
	if (field->type == PROTO_MESSAGE) {
		*ret_first = *(const char *const *)member;
		return *ret_first != NULL;
	}
	if (field->type == PROTO_BYTES)
		return ((const struct str *)member)->len > 0;
	return field->is_explicit || number_of(field, member) != 0;
}

static size_t element_size(const struct proto_field *field, const char *element)
{
	if (field->type == PROTO_MESSAGE)
		return proto_size(field->message, element);
	return ((const struct str *)(const void *)element)->len;
}

static size_t packed_size(const char *first, size_t count)
{
	size_t size_bytes = 0;

	for (size_t i = 0; i < count; i++)
		size_bytes += varint_size(((const uint64_t *)(const void *)first)[i]);
	return size_bytes;
}

size_t proto_size(const struct proto_message *message, const void *value)
{
	size_t size_bytes = 0;

	for (const struct proto_field *field = message->fields; field->number; field++) {
		size_t tag_bytes = varint_size((uint64_t)field->number << 3);
		const char *first;
		size_t count = elements(field, value, &first), len;

		if (!count)
			continue;
		if (is_number(field)) {
			len = field->is_repeated ? packed_size(first, count)
						 : varint_size(number_of(field, first));
			size_bytes += tag_bytes + len + (field->is_repeated ? varint_size(len) : 0);
			continue;
		}
		for (size_t i = 0; i < count; i++) {
			len = element_size(field, first + i * element_bytes(field));
			size_bytes += tag_bytes + varint_size(len) + len;
		}
	}
	return size_bytes;
}

static void put_numbers(const struct proto_field *field, const char *first, size_t count,
			struct buf *to)
{
	if (!field->is_repeated) {
		put_varint(to, (uint64_t)field->number << 3 | WIRE_VARINT);
		put_varint(to, number_of(field, first));
		return;
	}
	put_varint(to, (uint64_t)field->number << 3 | WIRE_BYTES);
	put_varint(to, packed_size(first, count));
	for (size_t i = 0; i < count; i++)
		put_varint(to, ((const uint64_t *)(const void *)first)[i]);
}

void proto_encode(const struct proto_message *message, const void *value, struct buf *to)
{
	for (const struct proto_field *field = message->fields; field->number; field++) {
		const char *first;
		size_t count = elements(field, value, &first);

		if (count && is_number(field)) {
			put_numbers(field, first, count, to);
			continue;
		}
		for (size_t i = 0; i < count; i++) {
			const char *element = first + i * element_bytes(field);

			put_varint(to, (uint64_t)field->number << 3 | WIRE_BYTES);
			put_varint(to, element_size(field, element));
			if (field->type == PROTO_MESSAGE)
				proto_encode(field->message, element, to);
			else
				buf_put_str(to, *(const struct str *)(const void *)element);
		}
	}
}
