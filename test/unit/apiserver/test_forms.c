/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a client that speaks protobuf gets other objects than one that speaks JSON, or when
 * the form of an answer is not the one that Accept prefers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include "api/protobuf.h"
#include "base/mem.h"
#include "codec/yaml.h"
#include "fixture.h"

#define CM "/api/v1/namespaces/default/configmaps"
#define JSON "Content-Type: application/json\r\n"
#define PROTOBUF "Accept: application/vnd.kubernetes.protobuf\r\n"
#define BODY_BYTES_MAX ((size_t)1 << 20)

static struct str body_of(struct http_fixture *f, const char *body)
{
	const char *length = strstr(http_fixture_head(f), "Content-Length: ");

	assert_non_null(length);
	return str_sub(body, (size_t)atoi(length + 16));
}

static void expect_type(struct http_fixture *f, const char *type)
{
	char line[160];

	snprintf(line, sizeof(line), "Content-Type: %s\r\n", type);
	if (!strstr(http_fixture_head(f), line))
		print_message("%s\n", http_fixture_head(f));
	assert_non_null(strstr(http_fixture_head(f), line));
}

/* Decodes, compares to what the same request answers in JSON. */
static void same_as_json(struct http_fixture *f, const char *path)
{
	struct err err = { 0 };
	AUTO_JSON_MUT doc = NULL;
	AUTO_JSON want = NULL;
	const char *body;

	assert_int_equal(http_fixture_do(f, "GET", path, PROTOBUF, NULL, &body), 200);
	expect_type(f, "application/vnd.kubernetes.protobuf");
	doc = protobuf_decode(body_of(f, body), BODY_BYTES_MAX, NULL, &err);
	if (!doc)
		print_message("%s: %s\n", path, err.msg);
	assert_non_null(doc);
	assert_int_equal(http_fixture_do(f, "GET", path, NULL, NULL, &body), 200);
	want = json_parse(body_of(f, body), BODY_BYTES_MAX, &err);
	assert_true(json_mixed_equal(yyjson_mut_doc_get_root(doc), yyjson_doc_get_root(want)));
}

static void test_protobuf(void **state)
{
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	assert_int_equal(
		http_fixture_do(&f, "POST", CM, JSON PROTOBUF,
				"{\"metadata\":{\"name\":\"x\"},\"data\":{\"b\":\"1\",\"a\":"
				"\"\"},\"binaryData\":{\"z\":\"AAE=\"}}",
				&body),
		201);
	expect_type(&f, "application/vnd.kubernetes.protobuf");
	assert_memory_equal(body, "k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12", 22);
	same_as_json(&f, CM "/x");
	same_as_json(&f, CM "/x"); /* from what was kept */
	same_as_json(&f, "/api/v1/namespaces/default");
	same_as_json(&f, "/api/v1/namespaces/default/services/kubernetes");
	same_as_json(&f, "/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin");
	assert_int_equal(http_fixture_do(&f, "GET", CM "/none", PROTOBUF, NULL, &body), 404);
	expect_type(&f, "application/vnd.kubernetes.protobuf");
	assert_memory_equal(body, "k8s\0\n\x0c\n\x02v1\x12\x06Status\x12", 19);
	assert_int_equal(http_fixture_do(&f, "DELETE", CM "/x", PROTOBUF, NULL, &body), 200);
	assert_memory_equal(body, "k8s\0\n\x0c\n\x02v1\x12\x06Status\x12", 19);
	http_fixture_close(&f);
}

static void test_lists(void **state)
{
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	assert_int_equal(http_fixture_do(&f, "GET", CM, PROTOBUF, NULL, &body), 200);
	assert_memory_equal(body, "k8s\0\n\x13\n\x02v1\x12\rConfigMapList\x12", 26);
	assert_int_equal(
		http_fixture_do(&f, "POST", CM, JSON, "{\"metadata\":{\"name\":\"x\"}}", &body),
		201);
	assert_int_equal(http_fixture_do(&f, "GET", CM, PROTOBUF, NULL, &body), 200);
	expect_type(&f, "application/vnd.kubernetes.protobuf");
	/* metadata.name of the one item */
	assert_non_null(memmem(body, body_of(&f, body).len, "\n\x01x", 3));
	assert_int_equal(http_fixture_do(&f, "GET", CM,
					 "Accept: application/vnd.kubernetes.protobuf;as="
					 "PartialObjectMetadataList;g=meta.k8s.io;v=v1\r\n",
					 NULL, &body),
			 200);
	assert_non_null(memmem(body, body_of(&f, body).len, "PartialObjectMetadataList", 25));
	http_fixture_close(&f);
}

static void test_long_list(void **state)
{
	/* Would break: a list too long for one turn loses objects, or outlives its client. */
	size_t text_bytes = (size_t)170 << 10; /* two are more than what one turn takes */
	AUTO_FREE char *text = mem_alloc(text_bytes + 1);
	struct http_fixture f, gone = { 0 };
	const char *body;

	memset(text, 'x', text_bytes);
	text[text_bytes] = '\0';
	http_fixture_open(&f);
	for (int i = 0; i < 5; i++) {
		AUTO_FREE char *object = mem_printf(
			"{\"metadata\":{\"name\":\"long%d\"},\"data\":{\"a\":\"%s\"}}", i, text);

		assert_int_equal(http_fixture_do(&f, "POST", CM, JSON, object, &body), 201);
	}
	http_fixture_connect(&gone, &f);
	http_fixture_send(&gone, "GET", CM, PROTOBUF, NULL);
	http_fixture_disconnect(&gone);
	assert_int_equal(http_fixture_do(&f, "GET", CM, PROTOBUF, NULL, &body), 200);
	for (int i = 0; i < 5; i++) {
		char name[] = { '\n', 5, 'l', 'o', 'n', 'g', (char)('0' + i) };

		assert_non_null(memmem(body, body_of(&f, body).len, name, sizeof(name)));
	}
	assert_true(body_of(&f, body).len > 5 * text_bytes);
	http_fixture_close(&f);
}

/* What is asked for with PLAIN, made anew as a whole. */
static void whole(struct http_fixture *f, const char *path, const char *headers, bool is_yaml,
		  struct buf *to)
{
	const char *body;
	AUTO_JSON doc = NULL;

	assert_int_equal(http_fixture_do(f, "GET", path, headers, NULL, &body), 200);
	doc = json_parse(body_of(f, body), SIZE_MAX, NULL);
	assert_non_null(doc);
	buf_init(to, SIZE_MAX);
	if (is_yaml)
		yaml_write(yyjson_doc_get_root(doc), to);
	else
		json_write_pretty(yyjson_doc_get_root(doc), to);
}

#define AS(type, form) "Accept: " type ";as=" form ";g=meta.k8s.io;v=v1\r\n"

static const struct {
	const char *name, *path, *plain, *wanted;
	bool is_yaml;
} written[] = {
	{ "objects", CM, NULL, "Accept: application/json;pretty=1\r\n", false },
	{ "objects in YAML", CM, NULL, "Accept: application/yaml\r\n", true },
	{ "a table", CM, AS("application/json", "Table"), AS("application/json;pretty=1", "Table"),
	  false },
	{ "a table in YAML", CM, AS("application/json", "Table"), AS("application/yaml", "Table"),
	  true },
	{ "whole objects in a table", CM "?includeObject=Object", AS("application/json", "Table"),
	  AS("application/yaml", "Table"), true },
	{ "metadata", CM, AS("application/json", "PartialObjectMetadataList"),
	  AS("application/json;pretty=1", "PartialObjectMetadataList"), false },
	{ "metadata in YAML", CM, AS("application/json", "PartialObjectMetadataList"),
	  AS("application/yaml", "PartialObjectMetadataList"), true },
	{ "those with a label", CM "?labelSelector=odd%3Dyes", NULL, "Accept: application/yaml\r\n",
	  true },
	{ "a page of those", CM "?labelSelector=odd%3Dyes&limit=1", NULL,
	  "Accept: application/json;pretty=1\r\n", false },
	{ "none", CM "?labelSelector=none", NULL, "Accept: application/json;pretty=1\r\n", false },
	{ "none in YAML", CM "?labelSelector=none", NULL, "Accept: application/yaml\r\n", true },
};

static void create_long(struct http_fixture *f, int count, size_t text_bytes)
{
	AUTO_FREE char *text = mem_alloc(text_bytes + 1);
	const char *body;

	memset(text, 'x', text_bytes);
	text[text_bytes] = '\0';
	for (int i = 0; i < count; i++) {
		AUTO_FREE char *object = mem_printf(
			"{\"metadata\":{\"name\":\"long%d\",\"labels\":{\"odd\":\"%s\"}},"
			"\"data\":{\"a\":\"%s\",\"b\":\"1\\n2\"}}",
			i, i % 2 ? "yes" : "no", text);

		assert_int_equal(http_fixture_do(f, "POST", CM, JSON, object, &body), 201);
	}
}

/* Once more where a second went by between the two: the ages in them are another second's then. */
static bool is_written_alike(struct http_fixture *f, size_t i)
{
	const char *body = "";
	bool alike = false;

	for (int tries = 0; tries < 5 && !alike; tries++) {
		struct http_fixture gone = { 0 };
		AUTO_BUF want = { 0 };

		whole(f, written[i].path, written[i].plain, written[i].is_yaml, &want);
		http_fixture_connect(&gone, f);
		http_fixture_send(&gone, "GET", written[i].path, written[i].wanted, NULL);
		http_fixture_disconnect(&gone);
		assert_int_equal(
			http_fixture_do(f, "GET", written[i].path, written[i].wanted, NULL, &body),
			200);
		alike = str_eq(body_of(f, body), buf_str(&want));
	}
	if (!alike)
		print_message("%s: %.300s\n", written[i].name, body);
	return alike;
}

static void test_written_lists(void **state)
{
	/* Would break: a list made in parts differs from the same list made as a whole. */
	struct http_fixture f;

	http_fixture_open(&f);
	create_long(&f, 6, (size_t)70 << 10);
	for (size_t i = 0; i < ARRAY_COUNT(written); i++)
		assert_true(is_written_alike(&f, i));
	http_fixture_close(&f);
}

static void test_selected_pages(void **state)
{
	/* Would break: a page of what a selector takes does not go on where the last one ended. */
	struct http_fixture f;
	const char *body, *token;
	char path[512];

	http_fixture_open(&f);
	create_long(&f, 6, (size_t)70 << 10);
	assert_int_equal(http_fixture_do(&f, "GET", CM "?labelSelector=odd%3Dyes&limit=2", NULL,
					 NULL, &body),
			 200);
	assert_non_null(strstr(body, "\"name\":\"long1\""));
	assert_non_null(strstr(body, "\"name\":\"long3\""));
	assert_null(strstr(body, "\"name\":\"long5\""));
	token = strstr(body, "\"continue\":\"");
	assert_non_null(token);
	snprintf(path, sizeof(path), CM "?labelSelector=odd%%3Dyes&limit=1&continue=%.*s",
		 (int)strcspn(token + 12, "\""), token + 12);
	assert_int_equal(http_fixture_do(&f, "GET", path, NULL, NULL, &body), 200);
	assert_non_null(strstr(body, "\"name\":\"long5\""));
	assert_null(strstr(body, "\"name\":\"long3\""));
	assert_null(strstr(body, "\"continue\""));
	http_fixture_close(&f);
}

static void test_long_start(void **state)
{
	/* Would break: a watch that begins with more than one turn of the loop sends loses some of
	 * it, or what happens meanwhile, or sends that first. */
	static const char path[] = CM "?watch=1&labelSelector=odd%3Dyes&sendInitialEvents=true&"
				      "resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
	struct http_fixture f, writer = { 0 }, gone = { 0 };
	const char *body, *at;

	http_fixture_open(&f);
	create_long(&f, 6, (size_t)70 << 10);
	http_fixture_connect(&gone, &f);
	http_fixture_send(&gone, "GET", path, NULL, NULL);
	http_fixture_disconnect(&gone);
	http_fixture_connect(&writer, &f);
	http_fixture_send(&f, "GET", path, NULL, NULL);
	assert_int_equal(
		http_fixture_do(
			&writer, "POST", CM, JSON,
			"{\"metadata\":{\"name\":\"meanwhile\",\"labels\":{\"odd\":\"yes\"}}}",
			&body),
		201);
	http_fixture_wait(&f, "\"name\":\"meanwhile\"");
	at = f.received.ptr;
	for (size_t i = 0; i < 5; i++) {
		static const char *const wanted[] = { "\"name\":\"long1\"", "\"name\":\"long3\"",
						      "\"name\":\"long5\"", "initial-events-end",
						      "\"name\":\"meanwhile\"" };

		at = strstr(at, wanted[i]);
		assert_non_null(at);
	}
	assert_null(strstr(f.received.ptr, "\"name\":\"long0\""));
	http_fixture_disconnect(&writer);
	http_fixture_close(&f);
}

#define DISCOVERY ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

static const struct {
	const char *name, *path, *accept;
	int want;
	const char *type;
} negotiations[] = {
	{ "nothing asked for", CM, "", 200, "application/json" },
	{ "the first of equals", CM, "application/yaml, application/json", 200,
	  "application/yaml" },
	{ "the better one", CM, "application/yaml;q=0.5, application/json;q=0.9", 200,
	  "application/json" },
	{ "what is named before what is not", CM, "*/*, application/yaml", 200,
	  "application/yaml" },
	{ "what is refused", CM, "application/json;q=0, application/yaml;q=0.1", 200,
	  "application/yaml" },
	{ "all that are known", CM, "application/vnd.kubernetes.protobuf,application/json", 200,
	  "application/vnd.kubernetes.protobuf" },
	{ "tables are JSON", CM,
	  "application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1,application/"
	  "json;as=Table;g=meta.k8s.io;v=v1",
	  200, "application/json" },
	{ "an unknown form", CM, "application/json;as=Chair;g=meta.k8s.io;v=v1", 406,
	  "application/json" },
	{ "text", CM, "text/plain", 406, "application/json" },
	{ "what is served", "/apis", "application/yaml", 200, "application/yaml" },
	{ "what a group has", "/apis/apps/v1", "application/vnd.kubernetes.protobuf, */*", 200,
	  "application/vnd.kubernetes.protobuf" },
	{ "all at once, wherever it stands", "/apis",
	  "application/json, application/json" DISCOVERY, 200, "application/json" DISCOVERY },
	{ "all at once, as kubectl asks", "/api",
	  "application/json" DISCOVERY ",application/json;g=apidiscovery.k8s.io;v=v2beta1;as="
	  "APIGroupDiscoveryList,application/json",
	  200, "application/json" DISCOVERY },
	{ "all at once in protobuf", "/apis",
	  "application/vnd.kubernetes.protobuf" DISCOVERY ",application/json" DISCOVERY ";q=0.9",
	  200, "application/vnd.kubernetes.protobuf" DISCOVERY },
	{ "all at once in YAML", "/api", "application/yaml" DISCOVERY, 200,
	  "application/yaml" DISCOVERY },
	{ "the version that is gone falls back", "/apis",
	  "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
	  "application/yaml",
	  200, "application/yaml" },
	{ "the version that is gone alone", "/apis",
	  "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList", 406,
	  "application/json" },
	{ "all at once is not of one group", "/apis/apps", "application/json" DISCOVERY, 406,
	  "application/json" },
	{ "what is served as text", "/api", "text/plain", 406, "application/json" },
	{ "a stream of YAML", CM "?watch=1&timeoutSeconds=1", "application/yaml", 406,
	  "application/yaml" },
	{ "a stream by its name", CM "?watch=1&timeoutSeconds=1", "application/json;stream=watch",
	  200, "application/json" },
	{ "a stream of protobuf", CM "?watch=1&timeoutSeconds=1",
	  "application/vnd.kubernetes.protobuf;stream=watch", 200,
	  "application/vnd.kubernetes.protobuf;stream=watch" },
	{ "definitions of custom kinds", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
	  "application/vnd.kubernetes.protobuf", 200, "application/vnd.kubernetes.protobuf" },
	{ "custom kinds have no protobuf form", "/apis/example.com/v1/things",
	  "application/vnd.kubernetes.protobuf", 406, "application/vnd.kubernetes.protobuf" },
	{ "and fall back", "/apis/example.com/v1/things",
	  "application/vnd.kubernetes.protobuf,application/json", 200, "application/json" },
	{ "but for their metadata", "/apis/example.com/v1/things",
	  "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
	  200, "application/vnd.kubernetes.protobuf" },
};

static void test_negotiation(void **state)
{
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	assert_int_equal(
		http_fixture_do(
			&f, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", JSON,
			"{\"metadata\":{\"name\":\"things.example.com\"},\"spec\":{\"group\":"
			"\"example.com\",\"scope\":\"Cluster\",\"names\":{\"plural\":"
			"\"things\",\"kind\":\"Thing\"},\"versions\":[{\"name\":\"v1\","
			"\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{"
			"\"type\":\"object\"}}}]}}",
			&body),
		201);
	for (int i = 0; i < 100; i++)
		if (http_fixture_do(&f, "GET", "/apis/example.com/v1/things", NULL, NULL, &body) ==
		    200)
			break;
	for (size_t i = 0; i < sizeof(negotiations) / sizeof(negotiations[0]); i++) {
		char header[256];

		print_message("%s\n", negotiations[i].name);
		snprintf(header, sizeof(header), "Accept: %s\r\n", negotiations[i].accept);
		assert_int_equal(http_fixture_do(&f, "GET", negotiations[i].path,
						 *negotiations[i].accept ? header : NULL, NULL,
						 &body),
				 negotiations[i].want);
		expect_type(&f, negotiations[i].type);
	}
	http_fixture_close(&f);
}

/* --- messages by their numbers, as other programs read them --- */

static uint64_t take_varint(struct str *from)
{
	uint64_t value = 0;

	for (unsigned shift = 0; from->len && shift < 64; shift += 7) {
		unsigned char byte = (unsigned char)from->ptr[0];

		*from = str_slice(*from, 1, from->len);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	return value;
}

/* The index-th field of that number: bytes, or a number in *ret_number. */
static struct str field_at(struct str message, uint32_t number, size_t index, uint64_t *ret_number)
{
	while (message.len) {
		uint64_t tag = take_varint(&message), value = take_varint(&message);
		struct str bytes = STR_NONE;

		assert_true((tag & 7) == 0 || (tag & 7) == 2);
		if ((tag & 7) == 2) {
			assert_true(value <= message.len);
			bytes = str_slice(message, 0, value);
			message = str_slice(message, value, message.len);
		}
		if (tag >> 3 != number || index--)
			continue;
		if (ret_number)
			*ret_number = value;
		return bytes;
	}
	return STR_NONE;
}

static struct str bytes_at(struct str message, uint32_t number)
{
	return field_at(message, number, 0, NULL);
}

/* One of a repeated field whose own field number is text; fails when there is none. */
static struct str named(struct str message, uint32_t number, uint32_t name_number, const char *name)
{
	for (size_t i = 0; i < 200; i++) {
		struct str item = field_at(message, number, i, NULL);

		if (str_eq_c(bytes_at(item, name_number), name))
			return item;
	}
	fail_msg("no %s", name);
	return STR_NONE;
}

/* The message behind the envelope, which says what it is. */
static struct str message_of(struct http_fixture *f, const char *path, const char *accept,
			     const char *api_version, const char *kind)
{
	struct str body, type;
	char header[256];
	const char *text;

	snprintf(header, sizeof(header), "Accept: %s\r\n", accept);
	assert_int_equal(http_fixture_do(f, "GET", path, header, NULL, &text), 200);
	body = body_of(f, text);
	assert_true(str_strip_prefix(&body, str_sub("k8s\0", 4)));
	type = bytes_at(body, 1);
	assert_true(str_eq_c(bytes_at(type, 1), api_version));
	assert_true(str_eq_c(bytes_at(type, 2), kind));
	return bytes_at(body, 2);
}

#define IN_PROTOBUF "application/vnd.kubernetes.protobuf"

static void test_discovery_in_protobuf(void **state)
{
	/* Would break: Go's clients read other verbs than those that are served, or none. */
	struct http_fixture f;
	struct str message, item, verbs;
	uint64_t namespaced = 0;

	http_fixture_open(&f);
	message = message_of(&f, "/api", IN_PROTOBUF, "", "APIVersions");
	assert_true(str_eq_c(bytes_at(message, 1), "v1"));
	assert_true(str_eq_c(bytes_at(bytes_at(message, 2), 1), "0.0.0.0/0"));

	message = message_of(&f, "/apis", IN_PROTOBUF, "v1", "APIGroupList");
	item = named(message, 1, 1, "apps");
	assert_true(str_eq_c(bytes_at(bytes_at(item, 2), 1), "apps/v1"));
	assert_true(str_eq_c(bytes_at(bytes_at(item, 3), 2), "v1"));

	message = message_of(&f, "/apis/autoscaling", IN_PROTOBUF, "v1", "APIGroup");
	assert_true(str_eq_c(bytes_at(message, 1), "autoscaling"));
	assert_true(str_eq_c(bytes_at(field_at(message, 2, 1, NULL), 1), "autoscaling/v1"));

	message = message_of(&f, "/apis/apps/v1", IN_PROTOBUF, "v1", "APIResourceList");
	assert_true(str_eq_c(bytes_at(message, 1), "apps/v1"));
	item = named(message, 2, 1, "deployments");
	(void)field_at(item, 2, 0, &namespaced);
	assert_int_equal(namespaced, 1);
	assert_true(str_eq_c(bytes_at(item, 3), "Deployment"));
	assert_null(field_at(item, 4, 1, NULL).ptr); /* one message with all of them */
	verbs = bytes_at(item, 4);
	assert_true(str_eq_c(field_at(verbs, 1, 0, NULL), "create"));
	assert_true(str_eq_c(field_at(verbs, 1, 7, NULL), "watch"));
	assert_null(field_at(verbs, 1, 8, NULL).ptr);
	assert_true(str_eq_c(bytes_at(item, 5), "deploy"));
	assert_true(str_eq_c(bytes_at(item, 6), "deployment"));
	assert_true(str_eq_c(bytes_at(item, 7), "all"));
	item = named(message, 2, 1, "deployments/scale");
	assert_true(str_eq_c(bytes_at(item, 8), "autoscaling"));
	assert_true(str_eq_c(bytes_at(item, 9), "v1"));

	message = message_of(&f, "/api/v1", IN_PROTOBUF, "", "APIResourceList");
	assert_true(str_eq_c(bytes_at(named(message, 2, 1, "pods/log"), 3), "Pod"));
	http_fixture_close(&f);
}

static void test_aggregated_in_protobuf(void **state)
{
	struct http_fixture f;
	struct str message, version, item;

	http_fixture_open(&f);
	message = message_of(&f, "/apis", IN_PROTOBUF DISCOVERY, "apidiscovery.k8s.io/v2",
			     "APIGroupDiscoveryList");
	for (size_t i = 0;
	     !str_eq_c(bytes_at(bytes_at(item = field_at(message, 2, i, NULL), 1), 1), "apps"); i++)
		assert_true(i < 100);
	version = bytes_at(item, 2);
	assert_true(str_eq_c(bytes_at(version, 1), "v1"));
	assert_true(str_eq_c(bytes_at(version, 3), "Current"));
	item = named(version, 2, 1, "deployments");
	assert_true(str_eq_c(bytes_at(bytes_at(item, 2), 3), "Deployment"));
	assert_true(str_eq_c(bytes_at(item, 3), "Namespaced"));
	assert_true(str_eq_c(bytes_at(item, 4), "deployment"));
	assert_true(str_eq_c(field_at(item, 5, 7, NULL), "watch"));
	item = named(item, 8, 1, "scale");
	assert_true(str_eq_c(bytes_at(bytes_at(item, 2), 1), "autoscaling"));
	assert_true(str_eq_c(bytes_at(item, 4), "get"));
	http_fixture_close(&f);
}

#define METADATA_AS(form, version) IN_PROTOBUF ";as=" form ";g=meta.k8s.io;v=" version

static void test_metadata_in_protobuf(void **state)
{
	/* Would break: the fields of a list of metadata stand where the other version has them. */
	struct http_fixture f;
	struct str message;
	const char *body;

	http_fixture_open(&f);
	assert_int_equal(
		http_fixture_do(&f, "POST", CM, JSON, "{\"metadata\":{\"name\":\"x\"}}", &body),
		201);
	message = message_of(&f, CM, METADATA_AS("PartialObjectMetadataList", "v1"),
			     "meta.k8s.io/v1", "PartialObjectMetadataList");
	assert_true(bytes_at(bytes_at(message, 1), 2).len);
	assert_true(str_eq_c(bytes_at(bytes_at(bytes_at(message, 2), 1), 1), "x"));
	message = message_of(&f, CM, METADATA_AS("PartialObjectMetadataList", "v1beta1"),
			     "meta.k8s.io/v1beta1", "PartialObjectMetadataList");
	assert_true(bytes_at(bytes_at(message, 2), 2).len);
	assert_true(str_eq_c(bytes_at(bytes_at(bytes_at(message, 1), 1), 1), "x"));
	message = message_of(&f, CM "/x", METADATA_AS("PartialObjectMetadata", "v1beta1"),
			     "meta.k8s.io/v1beta1", "PartialObjectMetadata");
	assert_true(str_eq_c(bytes_at(bytes_at(message, 1), 1), "x"));
	http_fixture_close(&f);
}

static void test_items(void **state)
{
	/* Would break: items of lists say of which kind they are, which those of Go's typed lists
	 * do not, and those of custom kinds do. */
	static const char *const formats[] = { NULL, "Accept: application/json;pretty=1\r\n",
					       "Accept: application/yaml\r\n" };
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	for (int i = 0; i < 2; i++) /* whatever order the members have come in */
		assert_int_equal(http_fixture_do(&f, "POST", CM, JSON,
						 i ? "{\"metadata\":{\"name\":\"x\"},\"kind\":"
						     "\"ConfigMap\",\"apiVersion\":\"v1\"}"
						   : "{\"apiVersion\":\"v1\",\"data\":{\"a\":"
						     "\"b\"},\"kind\":\"ConfigMap\","
						     "\"metadata\":{\"name\":\"y\"}}",
						 &body),
				 201);
	assert_int_equal(http_fixture_do(&f, "GET", CM, NULL, NULL, &body), 200);
	assert_non_null(strstr(body, "\"items\":[{\"metadata\":{\"name\":\"x\""));
	assert_non_null(strstr(body, "},{\"data\":{\"a\":\"b\"},\"metadata\":{\"name\":\"y\""));
	for (size_t i = 0; i < ARRAY_COUNT(formats); i++) {
		assert_int_equal(http_fixture_do(&f, "GET", CM, formats[i], NULL, &body), 200);
		assert_null(memmem(body, body_of(&f, body).len, "\"ConfigMap\"", 11));
		assert_null(memmem(body, body_of(&f, body).len, "kind: ConfigMap\n", 16));
	}
	assert_int_equal(http_fixture_do(&f, "GET", CM "/x", NULL, NULL, &body), 200);
	assert_memory_equal(body, "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",", 38);
	assert_int_equal(http_fixture_do(&f, "DELETE", CM "?labelSelector=none", NULL, NULL, &body),
			 200);
	assert_int_equal(http_fixture_do(&f, "DELETE", CM, NULL, NULL, &body), 200);
	assert_null(strstr(body, "\"ConfigMap\""));
	http_fixture_close(&f);
}

#define EVENT                                                                            \
	"{\"metadata\":{\"name\":\"e\"},\"involvedObject\":{\"namespace\":\"default\"}," \
	"\"reason\":\"Tested\",\"message\":\"as it is\",\"type\":\"Normal\"}"

static void test_other_version(void **state)
{
	/* Would break: a list of a version that is not the stored one has what is stored. */
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	assert_int_equal(http_fixture_do(&f, "POST", "/api/v1/namespaces/default/events", JSON,
					 EVENT, &body),
			 201);
	assert_int_equal(http_fixture_do(&f, "GET",
					 "/apis/events.k8s.io/v1/namespaces/default/events", NULL,
					 NULL, &body),
			 200);
	assert_non_null(strstr(body, "\"note\":\"as it is\""));
	assert_null(strstr(body, "\"kind\":\"Event\""));
	http_fixture_close(&f);
}

static void test_scale_forms(void **state)
{
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	assert_int_equal(
		http_fixture_do(
			&f, "POST", "/apis/apps/v1/namespaces/default/replicasets", JSON,
			"{\"metadata\":{\"name\":\"x\"},\"spec\":{\"replicas\":3,\"selector\":{"
			"\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{"
			"\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":"
			"\"a\"}]}}}}",
			&body),
		201);
#define SCALE "/apis/apps/v1/namespaces/default/replicasets/x/scale"
	assert_int_equal(http_fixture_do(&f, "GET", SCALE,
					 "Accept: application/json;as=Table;g=meta.k8s.io;v=v1\r\n",
					 NULL, &body),
			 200);
	assert_non_null(strstr(body, "{\"name\":\"Desired\",\"type\":\"integer\""));
	assert_non_null(strstr(body, "\"rows\":[{\"cells\":[\"x\",3,0,\""));
	assert_int_equal(http_fixture_do(&f, "GET", SCALE,
					 "Accept: application/json;as=PartialObjectMetadata;g=meta."
					 "k8s.io;v=v1\r\n",
					 NULL, &body),
			 200);
	assert_non_null(strstr(body, "\"kind\":\"PartialObjectMetadata\""));
	assert_int_equal(http_fixture_do(&f, "GET", "/api/v1/componentstatuses/scheduler",
					 "Accept: application/json;as=Table;g=meta.k8s.io;v=v1\r\n",
					 NULL, &body),
			 200);
	assert_non_null(strstr(body, "\"cells\":[\"scheduler\",\"Healthy\",\"ok\",\"\"]"));
	http_fixture_close(&f);
}

/* What nothing is stored of, or leads elsewhere. */
static const struct {
	const char *path;
	int want;
	const char *text;
} elsewhere[] = {
	{ "/api/v1/componentstatuses", 200,
	  "\"items\":[{\"metadata\":{\"name\":\"controller-manager\"},\"conditions\":[{\"type\":"
	  "\"Healthy\",\"status\":\"True\",\"message\":\"ok\"}]},{\"metadata\":{\"name\":\"etcd-"
	  "0\"}" },
	{ "/api/v1/componentstatuses/etcd-0", 200,
	  "{\"kind\":\"ComponentStatus\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"etcd-"
	  "0\"}" },
	{ "/api/v1/componentstatuses/none", 404, "not found" },
	{ "/api/v1/nodes/a:b:c:d/proxy/", 400, "invalid node request \\\"a:b:c:d\\\"" },
	{ "/api/v1/nodes/a:99999/proxy/", 400, "invalid node request \\\"a:99999\\\"" },
	{ "/api/v1/nodes/none:80/proxy/", 404, "nodes \\\"none\\\" not found" },
};

static void test_elsewhere(void **state)
{
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	for (size_t i = 0; i < ARRAY_COUNT(elsewhere); i++) {
		assert_int_equal(http_fixture_do(&f, "GET", elsewhere[i].path, NULL, NULL, &body),
				 elsewhere[i].want);
		if (!strstr(body, elsewhere[i].text))
			fail_msg("%s", body);
	}
	http_fixture_close(&f);
}

static void write_flags(void *arg, struct buf *to)
{
	(void)arg; /* none is needed */
	buf_put_c(to, "secure-port=6443\nlabel=a=b\n");
}

static void test_pages(void **state)
{
	/* Would break: programs that read what a server was started with get the text for people.
	 */
	static const char page[] = "{\"kind\":\"Flagz\",\"apiVersion\":\"config.k8s.io/v1beta1\","
				   "\"metadata\":{\"name\":\"kube-apiserver\"},\"flags\":{"
				   "\"secure-port\":\"6443\",\"label\":\"a=b\"}}";
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	assert_int_equal(http_fixture_do(&f, "GET", "/flagz", NULL, NULL, &body), 404);
	apiserver_set_flags(f.apiserver, write_flags, NULL);
	assert_int_equal(http_fixture_do(&f, "GET", "/flagz", "Accept: application/json, */*\r\n",
					 NULL, &body),
			 200);
	assert_non_null(strstr(body, "\nsecure-port=6443\n"));
	assert_int_equal(
		http_fixture_do(&f, "GET", "/flagz",
				"Accept: application/json;g=config.k8s.io;v=v1beta1;as=Flagz"
				"\r\n",
				NULL, &body),
		200);
	assert_memory_equal(body, page, sizeof(page) - 1);
	assert_int_equal(
		http_fixture_do(&f, "GET", "/flagz",
				"Accept: application/yaml;g=config.k8s.io;v=v1alpha1;as=Flagz"
				"\r\n",
				NULL, &body),
		200);
	expect_type(&f, "application/yaml");
	assert_int_equal(
		http_fixture_do(&f, "GET", "/flagz", "Accept: application/json\r\n", NULL, &body),
		406);
	http_fixture_close(&f);
}

#define TABLE "Accept: application/json;as=Table;g=meta.k8s.io;v=v1\r\n"
#define NOT_UNLESS "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden "

/* What goes together in a read, in upstream's words: all that is wrong is named. */
static const struct {
	const char *query, *headers;
	int want;
	const char *text;
} options[] = {
	{ "?resourceVersion=0&resourceVersionMatch=NotOlderThan", NULL, 200, "ConfigMapList" },
	{ "?resourceVersionMatch=Exact", NULL, 422,
	  "ListOptions.meta.k8s.io \\\"\\\" is invalid: " NOT_UNLESS
	  "unless resourceVersion is provided" },
	{ "?resourceVersionMatch=Any&continue=x", NULL, 422,
	  "[" NOT_UNLESS "unless resourceVersion is provided, " NOT_UNLESS
	  "when continue is provided, resourceVersionMatch: Unsupported value: \\\"Any\\\": "
	  "supported values: \\\"Exact\\\", \\\"NotOlderThan\\\", \\\"\\\"]" },
	{ "?resourceVersion=0&resourceVersionMatch=Exact", NULL, 422,
	  "resourceVersionMatch \\\"exact\\\" is forbidden for resourceVersion \\\"0\\\"" },
	{ "?sendInitialEvents=false", NULL, 422,
	  "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list" },
	{ "?watch=1&resourceVersionMatch=NotOlderThan", NULL, 422,
	  NOT_UNLESS "for watch unless sendInitialEvents is provided" },
	{ "?watch=1&sendInitialEvents=true", NULL, 422,
	  "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan" },
	{ "?watch=1&sendInitialEvents=true&resourceVersionMatch=Exact", NULL, 422,
	  "Unsupported value: \\\"Exact\\\": supported values: \\\"NotOlderThan\\\"" },
	{ "?resourceVersion=-1", NULL, 400,
	  "strconv.ParseUint: parsing \\\"-1\\\": invalid syntax" },
	{ "?fieldSelector=metadata.name", NULL, 400,
	  "invalid selector: 'metadata.name'; can't understand 'metadata.name'" },
	{ "?includeObject=Some", TABLE, 400,
	  "Unable to convert to Table as requested: includeObject: Invalid value: "
	  "\\\"Some\\\": must "
	  "be 'Metadata', 'Object', 'None', or empty" },
	{ "", "Accept: application/json;as=Table;g=meta.k8s.io;v=v1beta1\r\n", 200,
	  "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1beta1\"" },
	{ "", "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1\r\n",
	  200, "\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1beta1\"" },
	{ "?includeObject=Some", NULL, 200, "ConfigMapList" },
	{ "", "User-Agent: curl/7\r\n", 200, "\n  \"kind\": \"ConfigMapList\"," },
	{ "?pretty=false", "User-Agent: curl/7\r\n", 200, "{\"kind\":\"ConfigMapList\"" },
	{ "?pretty=1", NULL, 200, "\n  \"kind\": \"ConfigMapList\"," },
};

static void test_options(void **state)
{
	struct http_fixture f;
	const char *body;

	http_fixture_open(&f);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		char path[256];

		snprintf(path, sizeof(path), CM "%s", options[i].query);
		print_message("%s\n", path);
		assert_int_equal(http_fixture_do(&f, "GET", path, options[i].headers, NULL, &body),
				 options[i].want);
		if (!strstr(body, options[i].text))
			fail_msg("%s", body);
	}
	http_fixture_close(&f);
}

static void join_chunks(const char *body, struct buf *to)
{
	for (;;) {
		char *end;
		size_t len = strtoul(body, &end, 16);

		if (!len)
			return;
		buf_put(to, end + 2, len);
		body = end + 2 + len + 2;
	}
}

/* A long answer may have many headers, too: one for each thing that the client is warned of. */
static void post_with_warnings(struct http_fixture *f, const char *text)
{
	AUTO_BUF object = { 0 };

	buf_init(&object, 400000);
	buf_printf(&object, "{\"metadata\":{\"name\":\"warned\"},\"data\":{\"k\":\"%s\"}", text);
	for (int i = 0; i < 40; i++)
		buf_printf(&object, ",\"unknown%d\":1", i);
	buf_put_char(&object, '}');
	assert_int_equal(
		http_fixture_do(f, "POST", CM, JSON "Accept-Encoding: gzip\r\n", object.ptr, NULL),
		201);
	assert_non_null(strstr(http_fixture_head(f), "Content-Encoding: gzip\r\n"));
	assert_non_null(strstr(http_fixture_head(f), "299 - \"unknown field \\\"unknown39\\\"\""));
}

/* Long lists are compressed for those who take that, and are the same then; short ones are not. */
static void test_gzip(void **state)
{
	struct http_fixture f;
	AUTO_BUF text = { 0 }, plain = { 0 }, packed = { 0 }, inflated = { 0 };
	z_stream z = { 0 };
	const char *body;

	http_fixture_open(&f);
	buf_init(&text, 300000);
	buf_init(&plain, 1000000);
	buf_init(&inflated, 1000000);
	for (int i = 0; i < 20000; i++)
		buf_printf(&text, "line %d", i);
	for (char name = 'a'; name < 'e'; name++) {
		AUTO_BUF object = { 0 };

		buf_init(&object, 400000);
		buf_printf(&object, "{\"metadata\":{\"name\":\"%c\"},\"data\":{\"k\":\"%s\"}}",
			   name, text.ptr);
		assert_int_equal(http_fixture_do(&f, "POST", CM, JSON, object.ptr, NULL), 201);
	}
	assert_int_equal(http_fixture_do(&f, "GET", CM, NULL, NULL, &body), 200);
	buf_put_str(&plain, body_of(&f, body));
	assert_int_equal(
		http_fixture_do(&f, "GET", CM, "Accept-Encoding: deflate, gzip\r\n", NULL, &body),
		200);
	assert_non_null(strstr(http_fixture_head(&f), "Content-Encoding: gzip\r\n"));
	buf_init(&packed, 1000000);
	join_chunks(body, &packed);
	assert_true(packed.len < plain.len / 2);
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (unsigned char *)packed.ptr;
	z.avail_in = (unsigned)packed.len;
	z.next_out = buf_room(&inflated, plain.len + 1);
	z.avail_out = (unsigned)plain.len + 1;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, plain.len);
	assert_memory_equal(inflated.ptr, plain.ptr, plain.len);
	inflateEnd(&z);
	assert_int_equal(http_fixture_do(&f, "GET", "/api/v1/namespaces",
					 "Accept-Encoding: gzip\r\n", NULL, &body),
			 200);
	assert_null(strstr(http_fixture_head(&f), "Content-Encoding"));
	assert_non_null(strstr(http_fixture_head(&f), "Cache-Control: no-cache, private\r\n"));
	post_with_warnings(&f, text.ptr);
	http_fixture_send(&f, "GET", CM, "Accept-Encoding: gzip\r\n", NULL);
	http_fixture_close(&f); /* in the middle of it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protobuf),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_written_lists),
		cmocka_unit_test(test_selected_pages),
		cmocka_unit_test(test_long_start),
		cmocka_unit_test(test_discovery_in_protobuf),
		cmocka_unit_test(test_aggregated_in_protobuf),
		cmocka_unit_test(test_metadata_in_protobuf),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_other_version),
		cmocka_unit_test(test_scale_forms),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_negotiation),
		cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
