/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees to protobuf. What Go keeps apart by pointers is kept apart by what is in the tree: a member
 * that is there is written, also when it is zero.
 */
#include "api/protobuf.h"
#include "api/protobuf_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/time.h"
#include "codec/base64.h"

#define MESSAGE_BYTES_MAX ((size_t)1 << 30)

static void put_message(struct buf *to, const struct place *place, yyjson_val *object);

/* --- values --- */

static void put_time(struct buf *to, uint32_t number, struct str text, bool micro)
{
	size_t start = wire_open(to, number);
	struct time_point t;

	if (time_point_parse(text, &t, NULL) == 0) {
		wire_number(to, 1, t.seconds);
		wire_number(to, 2, micro ? t.rest_ns / 1000 * 1000 : 0);
	}
	wire_close(to, start);
}

static void put_duration(struct buf *to, uint32_t number, struct str text)
{
	size_t start = wire_open(to, number);
	int64_t ns;

	if (time_parse_duration(text, &ns, NULL) == 0)
		wire_number(to, 1, ns);
	wire_close(to, start);
}

/* {raw=1}: JSON within protobuf */
static void put_raw(struct buf *to, uint32_t number, yyjson_val *value)
{
	size_t start = wire_open(to, number), text;

	text = wire_open(to, 1);
	json_write(value, to);
	wire_close(to, text);
	wire_close(to, start);
}

static void put_int_or_string(struct buf *to, uint32_t number, yyjson_val *value)
{
	size_t start = wire_open(to, number);

	wire_number(to, 1, yyjson_is_str(value));
	if (yyjson_is_str(value))
		wire_text(to, 3, json_str(value));
	else
		wire_number(to, 2, json_int(value, 0));
	wire_close(to, start);
}

static void put_quantity(struct buf *to, uint32_t number, yyjson_val *value)
{
	size_t start = wire_open(to, number);

	if (yyjson_is_str(value)) {
		wire_text(to, 1, json_str(value));
	} else {
		size_t text = wire_open(to, 1);

		json_write(value, to);
		wire_close(to, text);
	}
	wire_close(to, start);
}

static void put_bytes(struct buf *to, uint32_t number, struct str text)
{
	size_t start = wire_open(to, number), at = to->len;

	if (base64_decode(text, to, NULL) < 0)
		buf_truncate(to, at); /* not from the registry: it decodes what it stores */
	wire_close(to, start);
}

static void put_object(struct buf *to, uint32_t number, struct schema_at at, yyjson_val *object)
{
	struct place place = { .at = at };
	size_t start = wire_open(to, number);

	put_message(to, &place, object);
	wire_close(to, start);
}

/* JSONSchemaPropsOrArray{schema=1, jSONSchemas=2}, ..OrBool{allows=1, schema=2},
 * ..OrStringArray{schema=1, property=2} */
static void put_union(struct buf *to, uint32_t number, enum schema_value type, struct schema_at at,
		      yyjson_val *value)
{
	size_t start = wire_open(to, number);
	bool is_object = yyjson_is_obj(value);

	if (type == SCHEMA_OR_BOOL) {
		wire_number(to, 1, is_object || json_bool(value, false));
		if (is_object)
			put_object(to, 2, at, value);
	} else if (is_object) {
		put_object(to, 1, at, value);
	} else {
		JSON_EACH (item, value) {
			if (type == SCHEMA_OR_LIST)
				put_object(to, 2, at, item);
			else
				wire_text(to, 2, json_str(item));
		}
	}
	wire_close(to, start);
}

static void put_value(struct buf *to, uint32_t number, struct schema_at at,
		      const struct schema_field *f, yyjson_val *value)
{
	switch ((enum schema_value)f->value) {
	case SCHEMA_STRING:
		wire_text(to, number, json_str(value));
		return;
	case SCHEMA_INT32:
	case SCHEMA_INT64:
		wire_number(to, number, json_int(value, 0));
		return;
	case SCHEMA_BOOL:
		wire_number(to, number, json_bool(value, false));
		return;
	case SCHEMA_DOUBLE:
		wire_double(to, number, yyjson_get_num(value));
		return;
	case SCHEMA_BYTES:
		put_bytes(to, number, json_str(value));
		return;
	case SCHEMA_TIME:
	case SCHEMA_MICROTIME:
		put_time(to, number, json_str(value), f->value == SCHEMA_MICROTIME);
		return;
	case SCHEMA_DURATION:
		put_duration(to, number, json_str(value));
		return;
	case SCHEMA_QUANTITY:
		put_quantity(to, number, value);
		return;
	case SCHEMA_INT_OR_STRING:
		put_int_or_string(to, number, value);
		return;
	case SCHEMA_RAW:
	case SCHEMA_ANY:
	case SCHEMA_FIELDSET:
		put_raw(to, number, value);
		return;
	case SCHEMA_OBJECT:
		put_object(to, number, schema_ref(at, f), value);
		return;
	case SCHEMA_OR_LIST:
	case SCHEMA_OR_BOOL:
	case SCHEMA_OR_STRINGS:
		put_union(to, number, (enum schema_value)f->value, schema_ref(at, f), value);
		return;
	case SCHEMA_VALUE_COUNT:
		break;
	}
}

/* --- maps: in the order of their keys, as Go writes them --- */

struct member {
	struct str key;
	yyjson_val *value;
};

static int member_cmp(const void *a, const void *b)
{
	return str_cmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

/* {items=1} */
static void put_wrapped(struct buf *to, uint32_t number, struct schema_at at,
			const struct schema_field *f, yyjson_val *list)
{
	size_t start = wire_open(to, number);

	JSON_EACH (item, list)
		put_value(to, 1, at, f, item);
	wire_close(to, start);
}

static void put_entry(struct buf *to, uint32_t number, struct schema_at at,
		      const struct schema_field *f, const struct member *m)
{
	size_t start = wire_open(to, number);

	wire_text(to, 1, m->key);
	if (f->shape == SCHEMA_MAP_OF_LISTS)
		put_wrapped(to, 2, at, f, m->value);
	else
		put_value(to, 2, at, f, m->value);
	wire_close(to, start);
}

static void put_map(struct buf *to, uint32_t number, struct schema_at at,
		    const struct schema_field *f, yyjson_val *map)
{
	size_t count = 0, room = yyjson_obj_size(map);
	struct member *members;
	bool sorted = true;

	if (!room)
		return;
	members = mem_calloc(room, sizeof(members[0]));
	JSON_MEMBERS (key, value, map) {
		members[count] = (struct member){ json_str(key), value };
		sorted = sorted && (!count || member_cmp(&members[count - 1], &members[count]) < 0);
		count++;
	}
	if (!sorted)
		qsort(members, count, sizeof(members[0]), member_cmp);
	for (size_t i = 0; i < count; i++)
		put_entry(to, number, at, f, &members[i]);
	mem_free(members);
}

/* --- messages --- */

static void put_field(struct buf *to, uint32_t number, struct schema_at at,
		      const struct schema_field *f, yyjson_val *value)
{
	switch ((enum schema_shape)f->shape) {
	case SCHEMA_ONE:
		put_value(to, number, at, f, value);
		return;
	case SCHEMA_LIST:
		if (f->flags & SCHEMA_WRAPPED) {
			put_wrapped(to, number, at, f, value);
			return;
		}
		JSON_EACH (item, value)
			put_value(to, number, at, f, item);
		return;
	case SCHEMA_MAP:
	case SCHEMA_MAP_OF_LISTS:
		put_map(to, number, at, f, value);
		return;
	case SCHEMA_LIST_OF_LISTS: /* no type has one */
		return;
	}
}

static void put_embedded(struct buf *to, const struct place *place, yyjson_val *object,
			 uint32_t number)
{
	struct place inner = *place;
	size_t start;

	if (inner.outer_count == EMBEDDED_MAX)
		return;
	inner.outer[inner.outer_count++] = number;
	start = wire_open(to, number);
	put_message(to, &inner, object);
	wire_close(to, start);
}

static void put_message(struct buf *to, const struct place *place, yyjson_val *object)
{
	uint64_t embedded = 0; /* numbers of embedded structs with members here */
	uint32_t number, outer;

	JSON_MEMBERS (key, value, object) {
		const struct schema_field *f = schema_field(place->at, json_str(key));

		if (!f || yyjson_is_null(value))
			continue;
		number = protobuf_number_at(place, f->proto, &outer);
		if (number)
			put_field(to, number, place->at, f, value);
		else if (outer < 64)
			embedded |= UINT64_C(1) << outer;
	}
	for (outer = 1; embedded >> 1; outer++) {
		embedded >>= 1;
		if (embedded & 1)
			put_embedded(to, place, object, outer);
	}
}

/* --- objects --- */

static void write_message(struct schema_at at, yyjson_val *object, struct buf *to)
{
	struct place place = { .at = at };

	put_message(to, &place, object);
}

/* The tree that is there, or one for this time only: those that are kept are several times as large
 * as the text, and most objects are only ever sent. */
struct blob *protobuf_field_new(const struct blob *object, struct schema_at at, uint32_t number)
{
	const struct obj *obj = object->parsed;
	AUTO_JSON doc = obj ? NULL : json_parse(blob_str(object), UINT32_MAX, NULL);
	AUTO_BUF text = { 0 };
	size_t start;

	buf_init(&text, MESSAGE_BYTES_MAX);
	start = wire_open(&text, number);
	write_message(at, obj ? obj->root : yyjson_doc_get_root(doc), &text);
	wire_close(&text, start);
	return blob_new(buf_str(&text));
}

struct blob *protobuf_field_of(struct blob *object, struct schema_at at)
{
	object->is_warm = true;
	if (!object->recoded)
		object->recoded = protobuf_field_new(object, at, PROTOBUF_FIELD);
	return blob_ref(object->recoded);
}

void protobuf_write_envelope(struct str api_version, struct str kind, struct buf *to)
{
	size_t start;

	buf_put_str(to, PROTOBUF_MAGIC);
	start = wire_open(to, 1);
	wire_text(to, 1, api_version);
	wire_text(to, 2, kind);
	wire_close(to, start);
}

/* The fields of a WatchEvent around an object of that size; its own are the type and {raw=1}. */
void protobuf_write_event_head(struct str type, size_t object_bytes, struct buf *to)
{
	size_t start = to->len, len;

	wire_text(to, 1, type);
	wire_tag(to, 2, WIRE_BYTES);
	wire_varint(to, 1 + wire_varint_bytes(object_bytes) + object_bytes);
	wire_tag(to, 1, WIRE_BYTES);
	wire_varint(to, object_bytes);
	len = to->len - start + object_bytes;
	if (buf_failed(to) || !buf_room(to, PROTOBUF_FRAME_HEAD_BYTES))
		return;
	memmove(to->ptr + start + PROTOBUF_FRAME_HEAD_BYTES, to->ptr + start, to->len - start);
	buf_added(to, PROTOBUF_FRAME_HEAD_BYTES);
	for (unsigned i = 0; i < PROTOBUF_FRAME_HEAD_BYTES; i++)
		to->ptr[start + i] = (char)(len >> (24 - 8 * i));
}

static void put_list_meta(const struct protobuf_list *list, struct buf *to)
{
	size_t start = wire_open(to, list->is_beta ? 2 : 1);
	char revision[24];

	if (list->revision) {
		(void)snprintf(revision, sizeof(revision), "%lld", (long long)list->revision);
		wire_text(to, 2, str_from(revision));
	}
	if (list->continue_token.len)
		wire_text(to, 3, list->continue_token);
	if (list->remaining >= 0)
		wire_number(to, 4, list->remaining);
	wire_close(to, start);
}

void protobuf_write_list_head(const struct protobuf_list *list, struct buf *to)
{
	AUTO_BUF meta = { 0 };

	buf_init(&meta, MESSAGE_BYTES_MAX);
	put_list_meta(list, &meta);
	protobuf_write_envelope(list->api_version, list->kind, to);
	wire_tag(to, PROTOBUF_FIELD, WIRE_BYTES);
	wire_varint(to, meta.len + list->items_bytes);
	buf_put_str(to, buf_str(&meta));
}

/* A list's own fields; the same in all of them. */
static void put_list(struct buf *to, struct schema_at item, yyjson_val *root)
{
	struct schema_at meta = schema_find(STR("meta/v1.ListMeta"));

	put_object(to, 1, meta, yyjson_obj_get(root, "metadata"));
	JSON_EACH (each, yyjson_obj_get(root, "items"))
		put_object(to, 2, item, each);
}

/* What says which kinds there are is none itself. */
struct listing {
	const char *name, *type;
	bool is_list; /* of that type */
};

static const struct listing listings[] = {
	{ "APIVersions", "meta/v1.APIVersions" },
	{ "APIGroupList", "meta/v1.APIGroupList" },
	{ "APIGroup", "meta/v1.APIGroup" },
	{ "APIResourceList", "meta/v1.APIResourceList" },
	{ "APIGroupDiscoveryList", "apidiscovery/v2.APIGroupDiscovery", true },
};

static const struct listing *find_listing(struct str api_version, struct str name)
{
	if (api_version.len && !str_eq_c(api_version, "v1") &&
	    !str_eq_c(api_version, "apidiscovery.k8s.io/v2"))
		return NULL;
	for (size_t i = 0; i < ARRAY_COUNT(listings); i++)
		if (str_eq_c(name, listings[i].name))
			return &listings[i];
	return NULL;
}

static void write_listing(const struct listing *listing, yyjson_val *root, struct buf *to)
{
	struct schema_at at = schema_find(str_from(listing->type));
	size_t start;

	protobuf_write_envelope(json_get_str(root, "apiVersion"), str_from(listing->name), to);
	start = wire_open(to, PROTOBUF_FIELD);
	if (listing->is_list)
		put_list(to, at, root);
	else
		write_message(at, root, to);
	wire_close(to, start);
}

int protobuf_encode(yyjson_val *root, const struct kind *kind, struct buf *to, struct err *err)
{
	struct str api_version = json_get_str(root, "apiVersion"),
		   name = json_get_str(root, "kind"), item = name;
	const struct listing *listing = kind ? NULL : find_listing(api_version, name);
	size_t start;

	if (listing) {
		write_listing(listing, root, to);
		return 0;
	}
	if (!kind)
		kind = protobuf_kind(api_version, name);
	if (!kind && str_strip_suffix(&item, STR("List")))
		kind = protobuf_kind(api_version, item);
	if (!kind || !kind->schema.type || kind->flags & KIND_CUSTOM)
		return err_set(err, ERR_UNSUPPORTED_MEDIA,
			       "object " STR_FMT " " STR_FMT " has no protobuf form",
			       STR_ARG(api_version), STR_ARG(name));
	protobuf_write_envelope(api_version, name, to);
	start = wire_open(to, PROTOBUF_FIELD);
	if (item.len != name.len)
		put_list(to, kind->schema, root);
	else
		write_message(kind->schema, root, to);
	wire_close(to, start);
	return 0;
}
