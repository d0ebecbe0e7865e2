/* SPDX-License-Identifier: Apache-2.0 */
/* Values against structural schemas. Breaks when a format lets something else through than
 * upstream's, or when objects inside of objects are not looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "api/structural.h"
#include "base/arena.h"
#include "codec/json.h"

struct format_row {
	const char *format;
	const char *good[6], *bad[6];
};

static const struct format_row formats[] = {
	{ "bsonobjectid",
	  { "507f1f77bcf86cd799439011" },
	  { "507f1f77bcf86cd79943901", "507f1f77bcf86cd79943901g" } },
	{ "byte", { "aGVsbG8=", "YQ==" }, { "", "a", "aGVsbG8", "a%==" } },
	{ "cidr", { "10.0.0.0/8", "fd00::/8" }, { "10.0.0.0", "10.0.0.0/33", "x/8" } },
	{ "creditcard",
	  { "4111-1111-1111-1111", "4111 1111 1111 1111", "378282246310005" },
	  { "4111-1111-1111-1112", "1234567890123", "41111" } },
	{ "date", { "2024-02-29" }, { "2023-02-29", "2024-2-9", "2024-02-29T00:00:00Z" } },
	{ "date-time",
	  { "2024-02-29T12:00:00Z", "2024-02-29T12:00:00.5+02:00" },
	  { "2024-02-29", "2024-02-29T25:00:00Z" } },
	{ "duration",
	  { "1h30m", "22 ns", "3 days", "-5s", "0", "1.5h" },
	  { "", "1", "h", "5 parsecs", "1..5h", "s5" } },
	{ "email",
	  { "a@b.c", "first.last@example.com", "Name <a@b>" },
	  { "a", "@b", "a@", "a@b@c", ".a@b", "a..b@c" } },
	{ "hexcolor", { "#fff", "#A0b1C2", "abc" }, { "#ff", "#ggg", "" } },
	{ "hostname",
	  { "a.example.com", "a", "a-b", "a-b-c.de" },
	  { "", "-a", "a..b", "a.b", "a-b-c" } },
	{ "ipv4", { "10.0.0.1" }, { "10.0.0", "10.0.0.256", "::1" } },
	{ "ipv6", { "::1", "fe80::1" }, { "10.0.0.1", ":::", "1" } },
	{ "isbn", { "0321751043", "978-0321751041" }, { "0321751044", "9780321751042", "x" } },
	{ "isbn10", { "0-321-75104-3", "080442957X" }, { "0321751044", "X321751043" } },
	{ "isbn13", { "978-0321751041" }, { "0321751043" } },
	{ "k8s-long-name", { "a.b-c" }, { "A", "a_b", "" } },
	{ "k8s-short-name", { "a-b" }, { "a.b", "-a", "" } },
	{ "mac",
	  { "01:23:45:67:89:ab", "01-23-45-67-89-ab-cd-ef", "0123.4567.89ab" },
	  { "01:23:45:67:89", "01:23:45:67:89-ab", "0123456789ab", "" } },
	{ "u-uid", { "123e4567-e89b-12d3-a456-426614174000" }, { "x" } },
	{ "ip", { "anything" }, { NULL } },
	{ "no-such-format", { "anything", "" }, { NULL } },
	{ "password", { "anything", "" }, { NULL } },
	{ "rgbcolor",
	  { "rgb(0,0,0)", "rgb(255, 100,1)" },
	  { "rgb(256,0,0)", "rgb(0,0)", "rgb(01,0,0)", "0,0,0" } },
	{ "ssn", { "111-00-1111", "111 00 1111", "111001111" }, { "111-00-111", "x" } },
	{ "uri",
	  { "http://a.b/c?d=e", "/path", "urn:x", "mailto:a@b" },
	  { "", "a", "a b://c", "://x", "http://a/%zz", "1a:b" } },
	{ "uuid",
	  { "00000000-0000-0000-0000-000000000000", "0123456789ABCDEF0123456789abcdef" },
	  { "0000000-0000-0000-0000-000000000000", "x", "0123456789abcdef0123456789abcdeg" } },
	{ "uuid3",
	  { "bcd02e22-68f0-3046-a512-327cca9def8f" },
	  { "bcd02e22-68f0-4046-a512-327cca9def8f" } },
	{ "uuid4",
	  { "025b0d74-00a2-4048-bf57-227c5111bb34" },
	  { "025b0d74-00a2-3048-bf57-227c5111bb34", "025b0d74-00a2-4048-cf57-227c5111bb34" } },
	{ "uuid5",
	  { "886313e1-3b8a-5372-9b90-0c9aee199e5d" },
	  { "886313e1-3b8a-4372-9b90-0c9aee199e5d" } },
};

static struct yyjson_doc *parse(const char *text)
{
	return json_parse(str_from(text), 1u << 16, NULL);
}

static bool is_of(const char *format, const char *value)
{
	struct arena arena;
	struct field_errors errors;
	struct str text;
	AUTO_JSON_MUT doc = json_new();
	AUTO_JSON schema = NULL;
	char json[128];
	bool ok;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	field_errors_init(&errors, &arena);
	snprintf(json, sizeof(json), "{\"type\":\"string\",\"format\":\"%s\"}", format);
	schema = parse(json);
	structural_validate_at(json_new_str(doc, str_from(value)),
			       (struct structural){ yyjson_doc_get_root(schema), NULL },
			       FIELD_NAME(NULL, "x"), &errors);
	ok = !errors.count;
	if (!ok) {
		text = str_printf_in(&arena, " in body must be of type %s: \"%s\"", format, value);
		assert_true(str_contains(errors.items[0].message, text));
	}
	arena_deinit(&arena);
	return ok;
}

static void test_formats(void **state)
{
	(void)state; /* no fixture */
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct format_row *row = &formats[i];

		for (size_t j = 0; j < 6 && row->good[j]; j++) {
			if (!is_of(row->format, row->good[j]))
				print_message("%s: %s\n", row->format, row->good[j]);
			assert_true(is_of(row->format, row->good[j]));
		}
		for (size_t j = 0; j < 6 && row->bad[j]; j++) {
			if (is_of(row->format, row->bad[j]))
				print_message("%s: %s\n", row->format, row->bad[j]);
			assert_false(is_of(row->format, row->bad[j]));
		}
	}
}

/* Objects inside of an object, in a map's lists. */
static void test_resources(void **state)
{
	static const char schema_text[] = "{\"type\":\"object\",\"additionalProperties\":{\"type\":"
					  "\"array\",\"items\":{\"type\":"
					  "\"object\",\"x-kubernetes-embedded-resource\":true,"
					  "\"x-kubernetes-preserve-unknown-fields\":true}}}";
	static const struct {
		const char *value, *field, *message;
	} rows[] = {
		{ "{\"a\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"}}]"
		  "}",
		  NULL, NULL },
		{ "{\"a\":[{\"kind\":\"Pod\"}]}", "[a][0].apiVersion", "Required value" },
		{ "{\"a\":[{\"apiVersion\":\"v1\"}]}", "[a][0].kind", "Required value" },
		{ "{\"a\":[{\"apiVersion\":1,\"kind\":\"Pod\"}]}", "[a][0].apiVersion",
		  "must be a string" },
		{ "{\"a\":[{\"apiVersion\":\"a/b/c\",\"kind\":\"Pod\"}]}", "[a][0].apiVersion",
		  "unexpected GroupVersion string: a/b/c" },
		{ "{\"a\":[{\"apiVersion\":\"v1\",\"kind\":\"P_d\"}]}", "[a][0].kind",
		  "may have mixed case, but should otherwise match" },
		{ "{\"a\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a/"
		  "b\"}}]}",
		  "[a][0].metadata.name", "may not contain '/'" },
		{ "{\"a\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"labels\":{\"a\":"
		  "\"b c\"}}}]}",
		  "[a][0].metadata.labels", "a valid label must be" },
		{ "{\"a\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":"
		  "\"A\"}}]}",
		  "[a][0].metadata.namespace", "a lowercase RFC 1123 label" },
		{ "{\"a\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"finalizers\":["
		  "\"a b\"]}}]}",
		  "[a][0].metadata.finalizers", "name part must consist of" },
	};
	AUTO_JSON schema = parse(schema_text);

	(void)state; /* no fixture */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena arena;
		struct field_errors errors;
		yyjson_doc *value = parse(rows[i].value);
		yyjson_mut_doc *doc = json_thaw(yyjson_doc_get_root(value));

		arena_init(&arena, ARENA_DEFAULT_MAX);
		field_errors_init(&errors, &arena);
		structural_validate_resources(
			yyjson_mut_doc_get_root(doc),
			(struct structural){ yyjson_doc_get_root(schema), NULL }, NULL, &errors);
		assert_int_equal(errors.count, rows[i].field ? 1 : 0);
		assert_true(!rows[i].field || str_eq_c(errors.items[0].field, rows[i].field));
		assert_true(!rows[i].field ||
			    str_contains(errors.items[0].message, str_from(rows[i].message)));
		arena_deinit(&arena);
		json_mut_free(doc);
		json_free(value);
	}
}

/* Their metadata has what metadata has, also where everything unknown is kept. */
static void test_pruned_resources(void **state)
{
	AUTO_JSON schema = parse("{\"type\":\"object\",\"properties\":{\"r\":{\"type\":\"object\","
				 "\"x-kubernetes-embedded-resource\":true,"
				 "\"x-kubernetes-preserve-unknown-fields\":true}}}");
	AUTO_JSON value = parse(
		"{\"r\":{\"metadata\":{\"name\":\"x\",\"shade\":1,\"ownerReferences\":[{\"kind\":"
		"\"K\",\"odd\":2}],\"labels\":{\"a\":\"b\"}},\"odd\":3}}");
	AUTO_JSON_MUT doc = json_new();
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };
	struct notices notices;

	(void)state; /* no fixture */
	arena_init(&arena, ARENA_DEFAULT_MAX);
	notices_init(&notices, &arena);
	buf_init(&text, 1000);
	json_mut_write(structural_copy(doc, yyjson_doc_get_root(value),
				       (struct structural){ yyjson_doc_get_root(schema), NULL },
				       NULL, &notices),
		       &text);
	assert_string_equal(
		text.ptr,
		"{\"r\":{\"metadata\":{\"name\":\"x\",\"ownerReferences\":[{\"kind\":\"K\"}],"
		"\"labels\":{\"a\":\"b\"}},\"odd\":3}}");
	assert_int_equal(notices.count, 2);
	assert_true(str_eq_c(notices.items[0], "unknown field \"r.metadata.shade\""));
	assert_true(
		str_eq_c(notices.items[1], "unknown field \"r.metadata.ownerReferences[0].odd\""));
}

struct value_row {
	const char *schema, *value, *want; /* want: "field: message" joined by "\n" */
};

/* A wrong type does not hide what else is wrong; what is said of parts stands at no field. */
static const struct value_row value_rows[] = {
	{ "{\"properties\":{\"a\":{\"type\":\"integer\",\"enum\":[1,2]}}}", "{\"a\":\"x\"}",
	  "a: Invalid value: \"string\": a in body must be of type integer: \"string\"\n"
	  "a: Unsupported value: \"x\": supported values: \"1\", \"2\"" },
	{ "{\"properties\":{\"a\":{\"type\":\"integer\"}}}", "{\"a\":1.5}",
	  "a: Invalid value: \"number\": a in body must be of type integer: \"number\"\n"
	  "<nil>: Invalid value: \"\": Checked value must be of type integer (default format) in "
	  "a" },
	{ "{\"properties\":{\"a\":{\"type\":\"integer\",\"format\":\"int32\"}}}",
	  "{\"a\":2147483648}",
	  "<nil>: Invalid value: \"\": Checked value must be of type integer with format int32 in "
	  "a" },
	{ "{\"properties\":{\"a\":{\"type\":\"integer\",\"format\":\"int64\"}}}", "{\"a\":1e19}",
	  "a: Invalid value: \"float64\": a in body must be of type int64: \"float64\"\n"
	  "<nil>: Invalid value: \"\": Checked value must be of type integer with format int64 in "
	  "a" },
	{ "{\"properties\":{\"a\":{\"type\":\"number\",\"format\":\"float\"}}}", "{\"a\":3.5e38}",
	  "<nil>: Invalid value: \"\": Checked value must be of type number with format float in "
	  "a" },
	{ "{\"properties\":{\"a\":{\"type\":\"number\",\"format\":\"float\"}}}", "{\"a\":3.4e38}",
	  "" },
	{ "{\"properties\":{\"a\":{\"type\":\"number\",\"multipleOf\":0.5}}}", "{\"a\":2.5}", "" },
	{ "{\"properties\":{\"a\":{\"type\":\"number\",\"minimum\":1.5}}}", "{\"a\":1}", "" },
	{ "{\"properties\":{\"a\":{\"nullable\":true,\"enum\":[\"A\",null]}}}", "{\"a\":null}",
	  "a: Unsupported value: null: supported values: \"A\", \"null\"" },
	{ "{\"properties\":{\"a\":{\"anyOf\":[{\"minimum\":5},{\"maximum\":1}]}}}", "{\"a\":3}",
	  "<nil>: Invalid value: \"\": \"a\" must validate at least one schema (anyOf)\n"
	  "a: Invalid value: 3: a in body should be greater than or equal to 5" },
	{ "{\"properties\":{\"a\":{\"oneOf\":[{\"minimum\":5},{\"maximum\":1}]}}}", "{\"a\":3}",
	  "<nil>: Invalid value: \"\": \"a\" must validate one and only one schema (oneOf). Found "
	  "none valid\n"
	  "a: Invalid value: 3: a in body should be greater than or equal to 5" },
	{ "{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", "{\"a\":1,\"b\":2}",
	  "<nil>: Invalid value: \"\": \"\" must validate one and only one schema (oneOf). Found 2 "
	  "valid alternatives" },
	{ "{\"properties\":{\"a\":{\"allOf\":[{\"minimum\":5},{\"maximum\":4}]}}}", "{\"a\":3}",
	  "a: Invalid value: 3: a in body should be greater than or equal to 5\n"
	  "<nil>: Invalid value: \"\": \"a\" must validate all the schemas (allOf)" },
	{ "{\"properties\":{\"a\":{\"allOf\":[{\"minimum\":5}]}}}", "{\"a\":3}",
	  "a: Invalid value: 3: a in body should be greater than or equal to 5\n"
	  "<nil>: Invalid value: \"\": \"a\" must validate all the schemas (allOf). None "
	  "validated" },
	{ "{\"properties\":{\"a\":{\"not\":{\"minimum\":1}}}}", "{\"a\":3}",
	  "<nil>: Invalid value: \"\": \"a\" must not validate the schema (not)" },
};

#define SET "\"x-kubernetes-list-type\":\"set\""
#define BY_NAME "\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"n\"]"

/* What is there twice is told of once, however often it is there. */
static const struct value_row list_rows[] = {
	{ "{\"properties\":{\"a\":{" SET "}}}", "{\"a\":[1,2,1,1,{\"x\":1},{\"x\":1}]}",
	  "a[2]: Duplicate value: 1\na[5]: Duplicate value: {\"x\":1}" },
	{ "{\"properties\":{\"a\":{\"additionalProperties\":{" SET "}}}}",
	  "{\"a\":{\"k.l\":[1,1]}}", "a[k.l][1]: Duplicate value: 1" },
	{ "{\"properties\":{\"a\":{" BY_NAME "}}}", "{\"a\":[{\"n\":\"x\"},{\"n\":\"x\"},{},{}]}",
	  "a[1]: Duplicate value: {\"n\":\"x\"}\na[3]: Duplicate value: {}" },
	{ "{\"properties\":{\"a\":{" BY_NAME "}}}", "{\"a\":[{},3]}",
	  "a[1]: Invalid value: 3: must be an object for an array of list-type map" },
};

static void run_values(const struct value_row *row, bool lists, yyjson_val *old)
{
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };
	AUTO_JSON schema = json_parse(str_from(row->schema), 10000, NULL);
	AUTO_JSON value = json_parse(str_from(row->value), 10000, NULL);
	AUTO_JSON_MUT edit = json_thaw(yyjson_doc_get_root(value));
	struct field_errors errors;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&text, 10000);
	field_errors_init(&errors, &arena);
	if (lists)
		structural_validate_lists(yyjson_mut_doc_get_root(edit), old,
					  (struct structural){ yyjson_doc_get_root(schema), NULL },
					  &errors);
	else
		structural_validate(yyjson_mut_doc_get_root(edit), old,
				    (struct structural){ yyjson_doc_get_root(schema), NULL },
				    &errors);
	for (size_t i = 0; i < errors.count; i++)
		buf_printf(&text, "%s" STR_FMT ": " STR_FMT, i ? "\n" : "",
			   STR_ARG(errors.items[i].field), STR_ARG(errors.items[i].message));
	if (!old)
		assert_string_equal(text.len ? text.ptr : "", row->want);
	else
		assert_int_equal(text.len, 0);
}

static void test_values(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(value_rows); i++)
		run_values(&value_rows[i], false, NULL);
}

static void test_lists(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(list_rows); i++) {
		AUTO_JSON old = json_parse(str_from(list_rows[i].value), 10000, NULL);

		run_values(&list_rows[i], true, NULL);
		run_values(&list_rows[i], true, yyjson_doc_get_root(old));
	}
}

/* Breaks when null stays where null is not allowed. */
static void test_default_for_null(void **state)
{
	static const char *const rows[][3] = {
		{ "{\"items\":{\"default\":\"A\"}}", "[null,\"b\",null]", "[\"A\",\"b\",\"A\"]" },
		{ "{\"items\":{\"default\":{\"x\":[1]}}}", "[null,2]", "[{\"x\":[1]},2]" },
		{ "{\"items\":{\"default\":\"A\",\"nullable\":true}}", "[null]", "[null]" },
		{ "{\"additionalProperties\":{\"default\":1}}", "{\"k\":null,\"l\":2}",
		  "{\"k\":1,\"l\":2}" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		AUTO_JSON schema = json_parse(str_from(rows[i][0]), 10000, NULL);
		AUTO_JSON value = json_parse(str_from(rows[i][1]), 10000, NULL);
		AUTO_JSON_MUT edit = json_thaw(yyjson_doc_get_root(value));
		AUTO_BUF text = { 0 };

		buf_init(&text, 10000);
		structural_default(edit, yyjson_mut_doc_get_root(edit),
				   (struct structural){ yyjson_doc_get_root(schema), NULL });
		json_mut_write(yyjson_mut_doc_get_root(edit), &text);
		assert_string_equal(text.ptr, rows[i][2]);
	}
}

/* The type is looked at although nothing changed: the old object's was made the new one's. */
static void test_same_object(void **state)
{
	AUTO_JSON schema = parse("{\"type\":\"object\",\"properties\":{\"apiVersion\":{\"type\":"
				 "\"string\",\"pattern\":\"^a$\"},\"x\":{\"type\":\"string\","
				 "\"pattern\":\"^a$\"}}}");
	AUTO_JSON value = parse("{\"apiVersion\":\"b\",\"x\":\"b\"}");
	AUTO_JSON_MUT doc = json_thaw(yyjson_doc_get_root(value));
	struct field_errors errors;
	AUTO_ARENA arena = { 0 };

	(void)state; /* no fixture */
	arena_init(&arena, ARENA_DEFAULT_MAX);
	field_errors_init(&errors, &arena);
	structural_validate(yyjson_mut_doc_get_root(doc), yyjson_doc_get_root(value),
			    (struct structural){ yyjson_doc_get_root(schema), NULL }, &errors);
	assert_int_equal(errors.count, 1);
	assert_true(str_eq_c(errors.items[0].field, "apiVersion"));
}

static struct str text_of(yyjson_mut_val *v, struct buf *text)
{
	buf_init(text, 1000);
	json_mut_write(v, text);
	return buf_str(text);
}

/* What is of a wrong type in metadata of an inner object is refused, or goes. */
static void test_decoded_resources(void **state)
{
	AUTO_JSON schema = parse("{\"type\":\"object\",\"properties\":{\"r\":{\"type\":\"object\","
				 "\"x-kubernetes-embedded-resource\":true}}}");
	AUTO_JSON value = parse(
		"{\"r\":{\"kind\":1,\"metadata\":{\"name\":\"x\",\"annotations\":{\"a\":"
		"1},\"labels\":{\"b\":\"c d\"},\"odd\":2}}}");
	AUTO_JSON_MUT doc = json_thaw(yyjson_doc_get_root(value));
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	struct err err = { 0 };
	AUTO_BUF text = { 0 };

	(void)state; /* no fixture */
	assert_int_equal(structural_decode_resources(
				 doc, root,
				 (struct structural){ yyjson_doc_get_root(schema), NULL }, false,
				 &err),
			 -1);
	assert_string_equal(err.msg, "r.kind: Invalid value: 1: must be a string");
	assert_int_equal(structural_decode_resources(
				 doc, root,
				 (struct structural){ yyjson_doc_get_root(schema), NULL }, true,
				 &err),
			 0);
	assert_true(str_eq_c(text_of(root, &text),
			     "{\"r\":{\"metadata\":{\"name\":\"x\",\"labels\":{\"b\":\"c d\"}}}}"));
}

/* Defaults bring nothing into metadata that it does not have. */
static void test_defaults_of_resources(void **state)
{
	AUTO_JSON schema = parse(
		"{\"type\":\"object\",\"properties\":{\"r\":{\"type\":\"object\","
		"\"x-kubernetes-embedded-resource\":true,\"properties\":{\"metadata\":{\"type\":"
		"\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"default\":\"x\"},"
		"\"odd\":{"
		"\"type\":\"string\",\"default\":\"y\"}}}}},\"s\":{\"type\":\"object\","
		"\"x-kubernetes-embedded-resource\":true,\"properties\":{\"metadata\":{\"type\":"
		"\"object\",\"default\":{\"name\":\"z\",\"odd\":\"y\"}}}}}}");
	AUTO_JSON value = parse("{\"r\":{\"metadata\":{}},\"s\":{}}");
	AUTO_JSON_MUT doc = json_thaw(yyjson_doc_get_root(value));
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	AUTO_BUF text = { 0 };

	(void)state; /* no fixture */
	structural_default(doc, root, (struct structural){ yyjson_doc_get_root(schema), NULL });
	assert_true(str_eq_c(text_of(root, &text), "{\"r\":{\"metadata\":{\"name\":\"x\"}},\"s\":{"
						   "\"metadata\":{\"name\":\"z\"}}}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_default_for_null),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_pruned_resources),
		cmocka_unit_test(test_same_object),
		cmocka_unit_test(test_decoded_resources),
		cmocka_unit_test(test_defaults_of_resources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
