/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf to trees. Messages of Go structs that JSON embeds are nested on the wire: their fields
 * carry the path of numbers (see pack_numbers in tools/gen_schema.py), and one walk follows it.
 */
#include "api/protobuf.h"
#include "api/protobuf_internal.h"

#include <math.h>
#include "api/convert.h"
#include "api/limits.h"
#include "api/object.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/base64.h"

struct reader {
	const unsigned char *at, *end;
};

struct element {
	uint32_t number;
	enum wire wire;
	uint64_t value;	  /* varint and fixed */
	struct str bytes; /* WIRE_BYTES */
};

struct decoder {
	yyjson_mut_doc *doc;
	unsigned depth;
	uint32_t part_count, element_count;
	struct err *err;
};

static int damaged(struct decoder *d, const char *what)
{
	return err_set(d->err, ERR_BAD_REQUEST, "couldn't decode protobuf: %s", what);
}

static bool read_varint(struct reader *r, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
		unsigned char byte = *r->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

static bool read_fixed(struct reader *r, size_t count, uint64_t *ret)
{
	if ((size_t)(r->end - r->at) < count)
		return false;
	*ret = 0;
	for (size_t i = 0; i < count; i++)
		*ret |= (uint64_t)*r->at++ << 8 * i;
	return true;
}

/* 1 with an element, 0 at the end. */
static int next_element(struct decoder *d, struct reader *r, struct element *ret)
{
	uint64_t tag, len;
	bool ok = true;

	if (r->at == r->end)
		return 0;
	if (++d->element_count > OBJECT_ELEMENTS_MAX)
		return err_set(d->err, ERR_TOO_LARGE,
			       "body has more than %u elements, which is not taken",
			       OBJECT_ELEMENTS_MAX);
	if (!read_varint(r, &tag) || tag >> 3 > UINT32_MAX || !(tag >> 3))
		return damaged(d, "invalid tag");
	*ret = (struct element){ .number = (uint32_t)(tag >> 3), .wire = (enum wire)(tag & 7) };
	switch (tag & 7) {
	case WIRE_VARINT:
		ok = read_varint(r, &ret->value);
		break;
	case WIRE_FIXED64:
		ok = read_fixed(r, 8, &ret->value);
		break;
	case WIRE_FIXED32:
		ok = read_fixed(r, 4, &ret->value);
		break;
	case WIRE_BYTES:
		ok = read_varint(r, &len) && len <= (uint64_t)(r->end - r->at);
		if (ok) {
			ret->bytes = str_sub((const char *)r->at, len);
			r->at += len;
		}
		break;
	default:
		return damaged(d, "unknown wire type");
	}
	return ok ? 1 : damaged(d, "unexpected EOF");
}

static struct reader reader_of(struct str bytes)
{
	const unsigned char *at =
		(const unsigned char *)(bytes.len ? bytes.ptr
						  : ""); /* a field that is missing has no bytes */

	return (struct reader){ at, at + bytes.len };
}

/* The numbers of a field, outermost first; returns how many. */
static unsigned unpack_numbers(uint16_t proto, uint32_t ret[EMBEDDED_MAX])
{
	if (proto & 0x8000) {
		ret[0] = proto >> 10 & 0x1f;
		ret[1] = proto >> 5 & 0x1f;
		ret[2] = proto & 0x1f;
		return 3;
	}
	if (proto >> 8) {
		ret[0] = proto >> 8;
		ret[1] = proto & 0xff;
		return 2;
	}
	ret[0] = proto;
	return proto ? 1 : 0;
}

uint32_t protobuf_number_at(const struct place *place, uint16_t proto, uint32_t *ret_embedded)
{
	uint32_t numbers[EMBEDDED_MAX];
	unsigned count = unpack_numbers(proto, numbers);

	*ret_embedded = 0;
	if (count <= place->outer_count ||
	    memcmp(numbers, place->outer, place->outer_count * sizeof(numbers[0])) != 0)
		return 0;
	if (count == place->outer_count + 1)
		return numbers[place->outer_count];
	*ret_embedded = numbers[place->outer_count];
	return 0;
}

/* The field of this number at this place; or, with *ret_embedded, that the number is an embedded
 * struct's. */
static const struct schema_field *find_field(const struct place *p, uint32_t number,
					     bool *ret_embedded)
{
	const struct schema_field *fields = schema_fields(p->at);
	uint32_t outer;

	*ret_embedded = false;
	for (uint16_t i = 0; i < p->at.type->field_count; i++) {
		if (protobuf_number_at(p, fields[i].proto, &outer) == number)
			return &fields[i];
		*ret_embedded = *ret_embedded || outer == number;
	}
	return NULL;
}

static int decode_message(struct decoder *d, const struct place *place, struct str bytes,
			  yyjson_mut_val *object);

/* --- values --- */

/* A message of scalars: element number i of it goes to ret[i]; strings to ret_text. */
static int read_scalars(struct decoder *d, struct str bytes, uint64_t ret[4],
			struct str ret_text[4])
{
	struct reader r = reader_of(bytes);
	struct element e = { 0 };
	int more;

	while ((more = next_element(d, &r, &e)) > 0)
		if (e.number < 4) {
			ret[e.number] = e.value;
			ret_text[e.number] = e.bytes;
		}
	return more;
}

static int new_time(struct decoder *d, const uint64_t numbers[4], bool micro, yyjson_mut_val **ret)
{
	struct time_point t = { (int64_t)numbers[1], (int64_t)numbers[2] };
	char text[TIME_TEXT_BYTES];

	*ret = NULL;
	if (!t.seconds && !t.rest_ns)
		return 0; /* Go's zero time: absent */
	if (!time_point_is_valid(&t))
		return damaged(d, "time out of range");
	*ret = json_new_str(d->doc, str_from(time_point_format(&t, micro ? 6 : 0, text)));
	return 0;
}

static int new_json(struct decoder *d, struct str text, yyjson_mut_val **ret)
{
	AUTO_JSON doc = NULL;

	*ret = NULL;
	if (!text.len)
		return 0;
	doc = json_parse(text, SIZE_MAX, d->err);
	if (!doc) {
		if (d->err)
			d->err->code = ERR_BAD_REQUEST;
		return -1;
	}
	*ret = json_copy(d->doc, yyjson_doc_get_root(doc));
	return 0;
}

static int new_text(struct decoder *d, struct str text, yyjson_mut_val **ret)
{
	if (!str_is_utf8(text))
		return damaged(d, "string field contains invalid UTF-8");
	*ret = json_new_str(d->doc, text);
	return 0;
}

static int decode_special(struct decoder *d, enum schema_value type, struct str bytes,
			  yyjson_mut_val **ret)
{
	uint64_t numbers[4] = { 0 };
	struct str texts[4] = { { NULL, 0 } };
	char text[TIME_TEXT_BYTES];

	*ret = NULL;
	if (read_scalars(d, bytes, numbers, texts) < 0)
		return -1;
	switch (type) {
	case SCHEMA_TIME:
	case SCHEMA_MICROTIME:
		return new_time(d, numbers, type == SCHEMA_MICROTIME, ret);
	case SCHEMA_DURATION:
		*ret = json_new_str(d->doc,
				    str_from(time_format_duration((int64_t)numbers[1], text)));
		return 0;
	case SCHEMA_QUANTITY:
		return new_text(d, texts[1], ret);
	case SCHEMA_INT_OR_STRING:
		if (numbers[1])
			return new_text(d, texts[3], ret);
		*ret = yyjson_mut_sint(d->doc, (int32_t)numbers[2]);
		return 0;
	case SCHEMA_RAW:
	case SCHEMA_ANY:
	case SCHEMA_FIELDSET:
		return new_json(d, texts[1], ret);
	default:
		return damaged(d, "unknown type of value");
	}
}

static int decode_object(struct decoder *d, struct schema_at at, struct str bytes,
			 yyjson_mut_val **ret)
{
	struct place place = { .at = at };

	*ret = yyjson_mut_obj(d->doc);
	return decode_message(d, &place, bytes, *ret);
}

/* An element of a union of JSON schemas: its second form is a list of schemas or of strings. */
static int decode_alternative(struct decoder *d, enum schema_value type, struct schema_at at,
			      const struct element *e, yyjson_mut_val **union_)
{
	unsigned schema_number = type == SCHEMA_OR_BOOL ? 2 : 1;
	yyjson_mut_val *value = NULL;

	if (e->number > 2)
		return 0;
	if (e->wire != (type == SCHEMA_OR_BOOL && e->number == 1 ? WIRE_VARINT : WIRE_BYTES))
		return damaged(d, "wrong wire type");
	if (e->wire == WIRE_VARINT) {
		if (!yyjson_mut_is_obj(*union_))
			*union_ = yyjson_mut_bool(d->doc, e->value != 0);
		return 0;
	}
	if (type == SCHEMA_OR_STRINGS && e->number == 2) {
		if (new_text(d, e->bytes, &value) < 0)
			return -1;
	} else if (decode_object(d, at, e->bytes, &value) < 0) {
		return -1;
	}
	if (e->number == schema_number) {
		*union_ = value;
		return 0;
	}
	if (!yyjson_mut_is_arr(*union_))
		*union_ = yyjson_mut_arr(d->doc);
	yyjson_mut_arr_append(*union_, value);
	return 0;
}

static int decode_union(struct decoder *d, enum schema_value type, struct schema_at at,
			struct str bytes, yyjson_mut_val **ret)
{
	struct reader r = reader_of(bytes);
	struct element e = { 0 };
	int more;

	*ret = NULL;
	while ((more = next_element(d, &r, &e)) > 0)
		if (decode_alternative(d, type, at, &e, ret) < 0)
			return -1;
	return more;
}

static int decode_bytes(struct decoder *d, struct str bytes, yyjson_mut_val **ret)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, (bytes.len / 3 + 1) * 4);
	base64_encode(bytes, &text);
	*ret = json_new_str(d->doc, buf_str(&text));
	return 0;
}

/* *ret is NULL for what JSON leaves out. */
static int decode_value(struct decoder *d, struct schema_at at, const struct schema_field *f,
			const struct element *e, yyjson_mut_val **ret)
{
	bool wants_bytes = true;
	double number;

	*ret = NULL;
	switch ((enum schema_value)f->value) {
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_BOOL:
		if (e->wire != WIRE_VARINT)
			return damaged(d, "wrong wire type");
		*ret = f->value == SCHEMA_BOOL ? yyjson_mut_bool(d->doc, e->value != 0)
					       : yyjson_mut_sint(d->doc, (int64_t)e->value);
		wants_bytes = false;
		break;
	case SCHEMA_DOUBLE:
		if (e->wire != WIRE_FIXED64)
			return damaged(d, "wrong wire type");
		memcpy(&number, &e->value, sizeof(number));
		if (!isfinite(number))
			return damaged(d, "number that JSON does not have");
		*ret = yyjson_mut_real(d->doc, number);
		wants_bytes = false;
		break;
	default:
		break;
	}
	if (!wants_bytes)
		return 0;
	if (e->wire != WIRE_BYTES)
		return damaged(d, "wrong wire type");
	if (f->value == SCHEMA_STRING)
		return new_text(d, e->bytes, ret);
	if (f->value == SCHEMA_BYTES)
		return decode_bytes(d, e->bytes, ret);
	if (f->value == SCHEMA_OBJECT)
		return decode_object(d, schema_ref(at, f), e->bytes, ret);
	if (f->value == SCHEMA_OR_LIST || f->value == SCHEMA_OR_BOOL ||
	    f->value == SCHEMA_OR_STRINGS)
		return decode_union(d, (enum schema_value)f->value, schema_ref(at, f), e->bytes,
				    ret);
	return decode_special(d, (enum schema_value)f->value, e->bytes, ret);
}

/* What Go's JSON would not write: zero values of fields that are not pointers and not always
 * written. */
static bool is_left_out(const struct schema_field *f, const struct element *e)
{
	if (f->flags & (SCHEMA_POINTER | SCHEMA_ALWAYS))
		return false;
	switch ((enum schema_value)f->value) {
	case SCHEMA_STRING:
	case SCHEMA_BYTES:
		return !e->bytes.len;
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_BOOL:
	case SCHEMA_DOUBLE:
		return !e->value;
	default:
		return false;
	}
}

/* {items=1} */
static int decode_items(struct decoder *d, struct schema_at at, const struct schema_field *f,
			struct str bytes, yyjson_mut_val **ret)
{
	struct reader r = reader_of(bytes);
	struct element e = { 0 };
	yyjson_mut_val *item;
	int more;

	*ret = yyjson_mut_arr(d->doc);
	while ((more = next_element(d, &r, &e)) > 0) {
		if (e.number != 1)
			continue;
		if (decode_value(d, at, f, &e, &item) < 0)
			return -1;
		if (item)
			yyjson_mut_arr_append(*ret, item);
	}
	return more;
}

/* One entry of a map: {key=1, value=2}; the value's zero is left off the wire by some writers. */
static int decode_entry(struct decoder *d, struct schema_at at, const struct schema_field *f,
			struct str bytes, yyjson_mut_val *map)
{
	bool is_number = f->value == SCHEMA_INT32 || f->value == SCHEMA_INT64 ||
			 f->value == SCHEMA_BOOL;
	struct element e = { 0 }, value = { .number = 2,
					    .wire = is_number ? WIRE_VARINT : WIRE_BYTES,
					    .bytes = STR("") };
	struct reader r = reader_of(bytes);
	struct str key = STR("");
	yyjson_mut_val *v = NULL;
	int more;

	while ((more = next_element(d, &r, &e)) > 0) {
		if (e.number == 1 && e.wire == WIRE_BYTES)
			key = e.bytes;
		else if (e.number == 2)
			value = e;
	}
	if (more < 0 || !str_is_utf8(key))
		return more < 0 ? -1 : damaged(d, "string field contains invalid UTF-8");
	if (f->shape == SCHEMA_MAP_OF_LISTS) {
		if (value.wire != WIRE_BYTES)
			return damaged(d, "wrong wire type");
		more = decode_items(d, at, f, value.bytes, &v);
	} else {
		more = decode_value(d, at, f, &value, &v);
	}
	if (more < 0)
		return -1;
	/* not json_put: looking for each key would take a hostile map quadratic time */
	yyjson_mut_obj_add(map, json_new_str(d->doc, key), v ? v : yyjson_mut_null(d->doc));
	return 0;
}

/* A message that comes again adds to what came before, as the encoding has it. */
static int decode_more(struct decoder *d, struct schema_at at, const struct schema_field *f,
		       const struct element *e, yyjson_mut_val *there)
{
	struct place place = { .at = schema_ref(at, f) };

	if (e->wire != WIRE_BYTES)
		return damaged(d, "wrong wire type");
	return decode_message(d, &place, e->bytes, there);
}

static int decode_field(struct decoder *d, struct schema_at at, const struct schema_field *f,
			const struct element *e, yyjson_mut_val *object)
{
	const char *name = at.set->strings + f->name;
	yyjson_mut_val *value;

	switch ((enum schema_shape)f->shape) {
	case SCHEMA_ONE:
		if (is_left_out(f, e))
			return 0;
		value = f->value == SCHEMA_OBJECT ? yyjson_mut_obj_get(object, name) : NULL;
		if (value)
			return decode_more(d, at, f, e, value);
		if (decode_value(d, at, f, e, &value) < 0)
			return -1;
		if (value)
			json_set(d->doc, object, name, value);
		return 0;
	case SCHEMA_LIST:
		if (f->flags & SCHEMA_WRAPPED) {
			if (e->wire != WIRE_BYTES)
				return damaged(d, "wrong wire type");
			if (decode_items(d, at, f, e->bytes, &value) < 0)
				return -1;
			json_set(d->doc, object, name, value);
			return 0;
		}
		if (decode_value(d, at, f, e, &value) < 0)
			return -1;
		if (value)
			yyjson_mut_arr_append(json_ensure_array(d->doc, object, name), value);
		return 0;
	case SCHEMA_MAP:
	case SCHEMA_MAP_OF_LISTS:
		if (e->wire != WIRE_BYTES)
			return damaged(d, "wrong wire type");
		return decode_entry(d, at, f, e->bytes, json_ensure_object(d->doc, object, name));
	case SCHEMA_LIST_OF_LISTS: /* no type has one */
		break;
	}
	return 0;
}

static int decode_message(struct decoder *d, const struct place *place, struct str bytes,
			  yyjson_mut_val *object)
{
	struct reader r = reader_of(bytes);
	struct element e = { 0 };
	int more;

	if (!place->at.type || ++d->depth > JSON_DEPTH_MAX)
		return damaged(d, "nested too deeply");
	if (++d->part_count > OBJECT_PARTS_MAX)
		return object_refuse_parts(d->err);
	while ((more = next_element(d, &r, &e)) > 0) {
		bool embedded;
		const struct schema_field *f = find_field(place, e.number, &embedded);

		if (f) {
			if (decode_field(d, place->at, f, &e, object) < 0)
				return -1;
		} else if (embedded && e.wire == WIRE_BYTES && place->outer_count < EMBEDDED_MAX) {
			struct place inner = *place;

			inner.outer[inner.outer_count++] = e.number;
			if (decode_message(d, &inner, e.bytes, object) < 0)
				return -1;
		} /* else: a field this version does not have; Go drops it too */
	}
	d->depth--;
	return more;
}

/* --- the envelope --- */

static int read_envelope(struct decoder *d, struct str bytes, struct str *ret_api_version,
			 struct str *ret_kind, struct str *ret_raw)
{
	uint64_t numbers[4] = { 0 };
	struct str texts[4] = { { NULL, 0 } };
	struct reader r;
	struct element e = { 0 };
	int more;

	if (!str_strip_prefix(&bytes, PROTOBUF_MAGIC))
		return damaged(d, "provided data does not appear to be a protobuf message, "
				  "expected prefix [107 56 115 0]");
	r = reader_of(bytes);
	while ((more = next_element(d, &r, &e)) > 0) {
		if (e.number == 1 && e.wire == WIRE_BYTES &&
		    read_scalars(d, e.bytes, numbers, texts) < 0)
			return -1;
		if (e.number == 2 && e.wire == WIRE_BYTES)
			*ret_raw = e.bytes;
	}
	*ret_api_version = texts[1];
	*ret_kind = texts[2];
	return more;
}

const struct kind *protobuf_kind(struct str api_version, struct str name)
{
	static const struct kind *const unserved[] = { &kind_scale, &kind_eviction,
						       &kind_deleteoptions, &kind_tokenrequest,
						       &kind_partialobjectmetadata };
	const struct kind *kind = convert_stored_kind(api_version, name);

	for (size_t i = 0; !kind && i < ARRAY_COUNT(unserved); i++)
		if (str_eq(unserved[i]->name, name))
			kind = unserved[i]; /* DeleteOptions comes under the version of what is
					       deleted */
	return kind;
}

yyjson_mut_doc *protobuf_decode(struct str bytes, size_t bytes_max, const struct kind **ret_kind,
				struct err *err)
{
	AUTO_JSON_MUT doc = NULL;
	struct decoder d = { .err = err };
	struct str api_version, name, raw = STR_NONE;
	const struct kind *kind;
	struct place place = { 0 };

	if (bytes.len > bytes_max) {
		err_set(err, ERR_TOO_LARGE, "body is too large: %zu bytes, at most %zu are allowed",
			bytes.len, bytes_max);
		return NULL;
	}
	if (read_envelope(&d, bytes, &api_version, &name, &raw) < 0)
		return NULL;
	kind = protobuf_kind(api_version, name);
	if (!kind) {
		err_set(err, ERR_BAD_REQUEST,
			"no kind \"" STR_FMT "\" is registered for version \"" STR_FMT "\"",
			STR_ARG(name), STR_ARG(api_version));
		return NULL;
	}
	d.doc = doc = json_new_object();
	json_set_str(doc, yyjson_mut_doc_get_root(doc), "kind", name);
	json_set_str(doc, yyjson_mut_doc_get_root(doc), "apiVersion", api_version);
	place.at = kind->schema;
	if (decode_message(&d, &place, raw, yyjson_mut_doc_get_root(doc)) < 0)
		return NULL;
	if (ret_kind)
		*ret_kind = kind;
	return TAKE(doc);
}
