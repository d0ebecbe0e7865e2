/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when objects that Go clients send as protobuf would be read differently from their JSON,
 * or hostile bytes do harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/limits.h"
#include "api/protobuf.h"

/* Bytes as Go clients send them; each ends up as the JSON beside it. */
#define BYTES(s)                 \
	{                        \
		s, sizeof(s) - 1 \
	}

static const struct {
	const char *name;
	struct str bytes;
	const char *want; /* NULL: refused */
} cases[] = {
	{ "a namespace as kubectl create writes it: zero values are left out",
	  BYTES("k8s\0\n\x0f\n\x02v1\x12\tNamespace\x12\x1b"
		"\n\x13\n\x03"
		"foo\x12\0\x1a\0\"\0*\0002\x00"
		"8\0B\0\x12\0\x1a\x02\n\0\x1a\0\"\0"),
	  "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"foo\"},\"spec\":{"
	  "},\"status\":{}}" },
	{ "a message that comes twice is one",
	  BYTES("k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12\x0f"
		"\n\x03\n\x01x\n\x08\x5a\x06\n\x01k\x12\x01v"),
	  "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\",\"labels\":{"
	  "\"k\":\"v\"}}}" },
	{ "maps, bytes",
	  BYTES("k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12\x11"
		"\n\x03\n\x01x\x12\x06\n\x01k\x12\x01v\x1a\x02\n\0"),
	  "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"},\"data\":{"
	  "\"k\":\"v\"},"
	  "\"binaryData\":{\"\":\"\"}}" },
	{ "a volume's source, which JSON embeds, is nested on the wire; int-or-string; quantities",
	  BYTES("k8s\0\n\t\n\x02v1\x12\x03Pod\x12\x12"
		"\x12\x10\n\x0e\n\x01v\x12\t\x12\x07\n\x00\x12\x03\n\x01"
		"1"),
	  "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"volumes\":[{\"name\":\"v\","
	  "\"emptyDir\":{\"sizeLimit\":\"1\"}}]}}" },
	{ "time",
	  BYTES("k8s\0\n\t\n\x02v1\x12\x03Pod\x12\x08\n\x06"
		"B\x04\x08\x80\xa3\x05"),
	  "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"creationTimestamp\":\"1970-01-"
	  "02T00:00:00Z\"}}" },
	{ "time, before what nanoseconds reach",
	  BYTES("k8s\0\n\t\n\x02v1\x12\x03Pod"
		"\x12\x0f\x0a\x0d\x42\x0b\x08\x82\x92\xb8\xc3\x98\xfe\xff\xff\xff\x01"),
	  "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"creationTimestamp\":\"0001-01-"
	  "01T00:00:02Z\"}}" },
	{ "no envelope", BYTES("{\"kind\":\"Pod\"}"), NULL },
	{ "unknown kind", BYTES("k8s\0\n\t\n\x02v9\x12\x03Pod\x12\x00"), NULL },
	{ "a length beyond the end", BYTES("k8s\0\n\t\n\x02v1\x12\x03Pod\x12\x02\n\x7f"), NULL },
	{ "a varint without an end",
	  BYTES("k8s\0\n\t\n\x02v1\x12\x03Pod\x12\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
	  NULL },
	{ "a string that is not UTF-8",
	  BYTES("k8s\0\n\t\n\x02v1\x12\x03Pod\x12\x05\n\x03\n\x01\xff"), NULL },
	{ "a number where a message must be", BYTES("k8s\0\n\t\n\x02v1\x12\x03Pod\x12\x02\x08\x01"),
	  NULL },
};

static void test_decode(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };
		const struct kind *kind = NULL;
		yyjson_mut_doc *doc = protobuf_decode(cases[i].bytes, OBJECT_BYTES_MAX, &kind,
						      &err);
		struct buf text;

		print_message("%s\n", cases[i].name);
		if (!cases[i].want) {
			assert_null(doc);
			assert_int_equal(err.code, ERR_BAD_REQUEST);
			continue;
		}
		if (!doc)
			print_message("%s\n", err.msg);
		assert_non_null(doc);
		assert_non_null(kind);
		buf_init(&text, 1 << 20);
		json_mut_write(yyjson_mut_doc_get_root(doc), &text);
		assert_string_equal(text.ptr, cases[i].want);
		buf_deinit(&text);
		json_mut_free(doc);
	}
}

static void test_limit(void **state)
{
	struct err err = { 0 };

	assert_null(protobuf_decode(STR("k8s"), 2, NULL, &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

/* --- every kind there and back: a value for each field that its type has, down to a depth --- */

#define SAMPLE_DEPTH_MAX 9

static yyjson_mut_val *sample_object(yyjson_mut_doc *doc, struct schema_at at, unsigned depth);

static yyjson_mut_val *sample_raw(yyjson_mut_doc *doc)
{
	AUTO_JSON raw = json_parse(STR("{\"f:a\":{\".\":{}}}"), 99, NULL);

	return json_copy(doc, yyjson_doc_get_root(raw));
}

/* Values that Go's JSON writes the same way; none is zero. */
static yyjson_mut_val *sample_value(yyjson_mut_doc *doc, struct schema_at at,
				    const struct schema_field *f, unsigned depth)
{
	switch ((enum schema_value)f->value) {
	case SCHEMA_INT32:
		return yyjson_mut_sint(doc, -7);
	case SCHEMA_INT64:
		return yyjson_mut_sint(doc, INT64_MAX);
	case SCHEMA_BOOL:
		return yyjson_mut_bool(doc, true);
	case SCHEMA_DOUBLE:
		return yyjson_mut_real(doc, 1.5);
	case SCHEMA_BYTES:
		return yyjson_mut_str(doc, "AAEC/w==");
	case SCHEMA_TIME:
		return yyjson_mut_str(doc, "2026-11-30T08:12:52Z");
	case SCHEMA_MICROTIME:
		return yyjson_mut_str(doc, "1969-12-31T23:59:59.123456Z");
	case SCHEMA_DURATION:
		return yyjson_mut_str(doc, "1h30m0s");
	case SCHEMA_QUANTITY:
		return yyjson_mut_str(doc, "128Mi");
	case SCHEMA_INT_OR_STRING:
		return depth % 2 ? yyjson_mut_str(doc, "25%") : yyjson_mut_sint(doc, 80);
	case SCHEMA_RAW:
	case SCHEMA_ANY:
	case SCHEMA_FIELDSET:
		return sample_raw(doc);
	case SCHEMA_OBJECT:
		return sample_object(doc, schema_ref(at, f), depth + 1);
	case SCHEMA_OR_BOOL:
		return depth % 2 ? yyjson_mut_bool(doc, false)
				 : sample_object(doc, schema_ref(at, f), depth + 1);
	case SCHEMA_OR_LIST:
	case SCHEMA_OR_STRINGS: {
		yyjson_mut_val *list = yyjson_mut_arr(doc);

		if (depth % 2)
			return sample_object(doc, schema_ref(at, f), depth + 1);
		yyjson_mut_arr_append(list,
				      f->value == SCHEMA_OR_LIST
					      ? sample_object(doc, schema_ref(at, f), depth + 1)
					      : yyjson_mut_str(doc, "text"));
		return list;
	}
	default:
		return yyjson_mut_str(doc, "text");
	}
}

static yyjson_mut_val *sample_field(yyjson_mut_doc *doc, struct schema_at at,
				    const struct schema_field *f, unsigned depth)
{
	yyjson_mut_val *value = sample_value(doc, at, f, depth), *many;

	if (f->shape == SCHEMA_ONE)
		return value;
	if (f->shape == SCHEMA_LIST || f->shape == SCHEMA_MAP_OF_LISTS) {
		many = yyjson_mut_arr(doc);
		yyjson_mut_arr_append(many, value);
		yyjson_mut_arr_append(many, sample_value(doc, at, f, depth));
		if (f->shape == SCHEMA_LIST)
			return many;
		value = many;
	}
	many = yyjson_mut_obj(doc);
	yyjson_mut_obj_add_val(doc, many, "z", value);
	yyjson_mut_obj_add_val(doc, many, "a/b", sample_value(doc, at, f, depth));
	if (f->shape == SCHEMA_MAP_OF_LISTS)
		yyjson_mut_obj_remove_key(many, "a/b");
	return many;
}

static yyjson_mut_val *sample_object(yyjson_mut_doc *doc, struct schema_at at, unsigned depth)
{
	yyjson_mut_val *object = yyjson_mut_obj(doc);
	const struct schema_field *fields = schema_fields(at);

	for (uint16_t i = 0; i < at.type->field_count; i++) {
		bool leads_deeper = fields[i].ref != SCHEMA_NONE;

		if (!fields[i].proto || (leads_deeper && depth >= SAMPLE_DEPTH_MAX))
			continue;
		/* schemas hold schemas: one branch is enough below the first level */
		if (leads_deeper && schema_ref(at, &fields[i]).type == at.type && depth > 4)
			continue;
		yyjson_mut_obj_add(object, yyjson_mut_str(doc, at.set->strings + fields[i].name),
				   sample_field(doc, at, &fields[i], depth));
	}
	return object;
}

static void test_there_and_back(void **state)
{
	for (size_t i = 0; i < kind_count; i++) {
		const struct kind *kind = kind_table[i], *found = NULL;
		AUTO_JSON_MUT doc = json_new();
		AUTO_JSON_MUT back = NULL;
		AUTO_JSON frozen = NULL;
		AUTO_BUF bytes = { 0 };
		struct err err = { 0 };
		yyjson_mut_val *root;

		if (kind == &kind_meta_table)
			continue; /* JSON only */
		root = sample_object(doc, kind->schema, 0);
		json_set_str(doc, root, "apiVersion", kind->api_version);
		json_set_str(doc, root, "kind", kind->name);
		frozen = json_freeze(root);
		buf_init(&bytes, (size_t)64 << 20);
		assert_int_equal(protobuf_encode(yyjson_doc_get_root(frozen), NULL, &bytes, &err),
				 0);
		back = protobuf_decode(buf_str(&bytes), (size_t)64 << 20, &found, &err);
		if (!back)
			print_message("%s: %s\n", kind->name.ptr, err.msg);
		assert_non_null(back);
		assert_ptr_equal(found, kind);
		if (!json_mut_equal(yyjson_mut_doc_get_root(back), root))
			print_message("%s\n", kind->name.ptr);
		assert_true(json_mut_equal(yyjson_mut_doc_get_root(back), root));
	}
}

/* JSON and the bytes that Go's own encoder makes of it, but for the zero values that it writes. */
static const struct {
	const char *name, *json;
	struct str want;
} encodings[] = {
	{ "members of a map in the order of their keys",
	  "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"data\":{\"b\":\"1\",\"a\":\"2\"}}",
	  BYTES("k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12\x10"
		"\x12\x06\n\x01"
		"a\x12\x01"
		"2\x12\x06\n\x01"
		"b\x12\x01"
		"1") },
	{ "a pointer to zero is not nothing, null is",
	  "{\"kind\":\"ReplicaSet\",\"apiVersion\":\"apps/"
	  "v1\",\"metadata\":{\"creationTimestamp\":null},"
	  "\"spec\":{\"replicas\":0}}",
	  BYTES("k8s\0\n\x15\n\x07"
		"apps/v1\x12\nReplicaSet\x12\x06\n\x00\x12\x02\x08\x00") },
	{ "lists",
	  "{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":"
	  "\"7\"},"
	  "\"items\":[{\"metadata\":{\"name\":\"x\"}},{}]}",
	  BYTES("k8s\0\n\x13\n\x02v1\x12\rConfigMapList\x12\x0e"
		"\n\x03\x12\x01"
		"7\x12\x05\n\x03\n\x01x\x12\x00") },
	{ "custom kinds have none", "{\"kind\":\"Thing\",\"apiVersion\":\"example.com/v1\"}",
	  STR_INIT("") },
};

static void test_encode(void **state)
{
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		AUTO_JSON doc = json_parse(str_from(encodings[i].json), OBJECT_BYTES_MAX, NULL);
		AUTO_BUF bytes = { 0 };
		struct err err = { 0 };
		int result;

		print_message("%s\n", encodings[i].name);
		buf_init(&bytes, OBJECT_BYTES_MAX);
		result = protobuf_encode(yyjson_doc_get_root(doc), NULL, &bytes, &err);
		assert_int_equal(result, encodings[i].want.len ? 0 : -1);
		if (result < 0)
			assert_int_equal(err.code, ERR_UNSUPPORTED_MEDIA);
		assert_int_equal(bytes.len, encodings[i].want.len);
		assert_memory_equal(bytes.ptr, encodings[i].want.ptr, bytes.len);
	}
}

/* Lengths around one and two bytes of a varint: where messages are moved. */
static void test_lengths(void **state)
{
	for (size_t len = 100; len < 20000; len += len < 300 ? 1 : 997) {
		AUTO_JSON_MUT doc = json_new_object();
		AUTO_JSON_MUT back = NULL;
		AUTO_JSON frozen = NULL;
		AUTO_BUF bytes = { 0 }, text = { 0 };
		struct err err = { 0 };
		yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

		buf_init(&text, len);
		for (size_t i = 0; i < len; i++)
			buf_put_char(&text, 'x');
		json_set_str(doc, root, "kind", STR("Secret"));
		json_set_str(doc, root, "apiVersion", STR("v1"));
		json_set_str(doc, json_set_object(doc, root, "stringData"), "key", buf_str(&text));
		frozen = json_freeze(root);
		buf_init(&bytes, (size_t)1 << 20);
		assert_int_equal(protobuf_encode(yyjson_doc_get_root(frozen), NULL, &bytes, &err),
				 0);
		back = protobuf_decode(buf_str(&bytes), (size_t)1 << 20, NULL, &err);
		assert_non_null(back);
		assert_true(json_mut_equal(yyjson_mut_doc_get_root(back), root));
	}
}

static void test_kept(void **state)
{
	struct blob *blob = blob_new(
		STR("{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{"
		    "\"name\":\"x\"},\"data\":{\"a\":\"b\"}}"));
	struct blob *first = protobuf_field_of(blob, kind_configmap.schema);
	struct blob *again = protobuf_field_of(blob, kind_configmap.schema);
	struct blob *other = protobuf_field_new(blob, kind_partialobjectmetadata.schema,
						PROTOBUF_FIELD);

	assert_ptr_equal(first, again);
	assert_null(blob->parsed);
	assert_int_equal(other->len, 7);
	assert_memory_equal(other->bytes, "\x12\x05\n\x03\n\x01x", 7);
	blob_unref(blob);
	blob_unref(first);
	blob_unref(again);
	blob_unref(other);
}

/* A list put together from kept fields is what the list as a whole is encoded to. */
static void test_list_head(void **state)
{
	struct blob *blob = blob_new(STR(
		"{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"}}"));
	AUTO_JSON doc = json_parse(
		STR("{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{"
		    "\"resourceVersion\":\"70\",\"continue\":\"abc\",\"remainingItemCount\":"
		    "300},\"items\":[{\"metadata\":{\"name\":\"x\"}}]}"),
		OBJECT_BYTES_MAX, NULL);
	struct blob *field = protobuf_field_of(blob, kind_configmap.schema);
	struct protobuf_list list = { .api_version = STR("v1"),
				      .kind = STR("ConfigMapList"),
				      .revision = 70,
				      .continue_token = STR("abc"),
				      .remaining = 300,
				      .items_bytes = field->len };
	AUTO_BUF parts = { 0 }, whole = { 0 };
	struct err err = { 0 };

	buf_init(&parts, 1 << 20);
	buf_init(&whole, 1 << 20);
	protobuf_write_list_head(&list, &parts);
	buf_put_str(&parts, blob_str(field));
	assert_int_equal(protobuf_encode(yyjson_doc_get_root(doc), NULL, &whole, &err), 0);
	assert_int_equal(parts.len, whole.len);
	assert_memory_equal(parts.ptr, whole.ptr, whole.len);
	blob_unref(field);
	blob_unref(blob);
}

static void test_event_head(void **state)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, 64);
	protobuf_write_event_head(STR("ADDED"), 3, &text);
	assert_int_equal(text.len, 15);
	assert_memory_equal(text.ptr,
			    "\0\0\0\x0e\n\x05"
			    "ADDED\x12\x05\n\x03",
			    15);
}

/* As many empty elements of a field in metadata, two bytes each (in a ConfigMap). */
static void put_many(size_t count, unsigned char tag, struct buf *to)
{
	size_t bytes = count * 2;
	AUTO_BUF metadata = { 0 };

	buf_init(&metadata, OBJECT_BYTES_MAX);
	buf_put_char(&metadata, 0x0a);
	for (; bytes >= 0x80; bytes >>= 7)
		buf_put_char(&metadata, (char)(0x80 | (bytes & 0x7f)));
	buf_put_char(&metadata, (char)bytes);
	for (size_t i = 0; i < count; i++) {
		buf_put_char(&metadata, (char)tag);
		buf_put_char(&metadata, 0);
	}
	buf_put_str(to, str_sub("k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12", 22));
	for (bytes = metadata.len; bytes >= 0x80; bytes >>= 7)
		buf_put_char(to, (char)(0x80 | (bytes & 0x7f)));
	buf_put_char(to, (char)bytes);
	buf_put_str(to, buf_str(&metadata));
}

static int decode_many(size_t count, unsigned char tag)
{
	struct err err = { 0 };
	AUTO_BUF text = { 0 };
	yyjson_mut_doc *doc;

	buf_init(&text, OBJECT_BYTES_MAX);
	put_many(count, tag, &text);
	assert_false(buf_failed(&text));
	doc = protobuf_decode(buf_str(&text), OBJECT_BYTES_MAX, NULL, &err);
	json_mut_free(doc);
	return doc ? 0 : err.code;
}

static void test_bombs(void **state)
{
	/* Would break: two bytes each become objects without an end, or a number that JSON does not
	 * have gets into what is stored. */
	static const char nan_maximum[] = "k8s\0\n\x33\n\x17"
					  "apiextensions.k8s.io/v1\x12\x18"
					  "CustomResourceDefinition\x12\x11\x12\x0f\x3a\x0d\"\x0b\n"
					  "\x09\x49\0\0\0\0\0\0\xf8\x7f";
	struct err err = { 0 };

	(void)state; /* none is needed */
	/* owner references: with the object and its metadata */
	assert_int_equal(decode_many(OBJECT_PARTS_MAX - 2, 13 << 3 | 2), 0);
	assert_int_equal(decode_many(OBJECT_PARTS_MAX - 1, 13 << 3 | 2), ERR_TOO_LARGE);
	/* finalizers: with the envelope's two, three of its type, and metadata */
	assert_int_equal(decode_many(OBJECT_ELEMENTS_MAX - 5, 14 << 3 | 2), 0);
	assert_int_equal(decode_many(OBJECT_ELEMENTS_MAX - 4, 14 << 3 | 2), ERR_TOO_LARGE);
	assert_null(protobuf_decode(str_sub(nan_maximum, sizeof(nan_maximum) - 1), OBJECT_BYTES_MAX,
				    NULL, &err));
	assert_string_equal(err.msg, "couldn't decode protobuf: number that JSON does not have");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),	       cmocka_unit_test(test_limit),
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_encode),
		cmocka_unit_test(test_lengths),	       cmocka_unit_test(test_kept),
		cmocka_unit_test(test_event_head),     cmocka_unit_test(test_list_head),
		cmocka_unit_test(test_bombs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
