/* SPDX-License-Identifier: Apache-2.0 */
/* Custom kinds over HTTP, from their definition to its deletion. Breaks when a definition is not
 * served, or its objects are not pruned, defaulted and checked as upstream does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "api/limits.h"
#include "fixture.h"

#define JSON "Content-Type: application/json\r\n"
#define MERGE "Content-Type: application/merge-patch+json\r\n"
#define CRDS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define THINGS "/apis/example.com/v1/namespaces/default/things"

static const char definition[] =
	"{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\","
	"\"metadata\":{\"name\":\"things.example.com\"},\"spec\":{\"group\":\"example.com\","
	"\"scope\":\"Namespaced\",\"names\":{\"plural\":\"things\",\"kind\":\"Thing\","
	"\"shortNames\":[\"th\"],\"categories\":[\"all\"]},\"versions\":["
	"{\"name\":\"v1beta1\",\"served\":true,\"storage\":false,\"deprecated\":true,"
	"\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\","
	"\"x-kubernetes-preserve-unknown-fields\":true}}},"
	"{\"name\":\"v1\",\"served\":true,\"storage\":true,\"selectableFields\":[{\"jsonPath\":"
	"\".spec.size\"}],\"subresources\":{\"status\":{},"
	"\"scale\":{\"specReplicasPath\":\".spec.size\",\"statusReplicasPath\":"
	"\".status.size\"}},"
	"\"additionalPrinterColumns\":[{\"name\":\"Size\",\"type\":\"integer\",\"jsonPath\":"
	"\".spec.size\"}],\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{"
	"\"spec\":{\"type\":\"object\",\"x-kubernetes-validations\":[{\"rule\":"
	"\"self.size < 100\",\"message\":\"too large\"}],\"required\":[\"size\"],\"properties\":{"
	"\"size\":{\"type\":\"integer\",\"minimum\":0},"
	"\"ports\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\","
	"\"x-kubernetes-list-map-keys\":[\"name\"],\"items\":{\"type\":\"object\","
	"\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\"}}}},"
	"\"color\":{\"type\":\"string\",\"enum\":[\"red\",\"blue\"],\"default\":\"red\"},"
	"\"tag\":{\"type\":\"string\",\"pattern\":\"^[a-z]+$\",\"maxLength\":5}}},"
	"\"note\":{\"type\":\"string\",\"nullable\":true,\"description\":\"free\"},"
	"\"status\":{\"type\":\"object\",\"properties\":{\"ready\":{\"type\":\"boolean\"}}}}}}}]}}";

static void want(struct http_fixture *f, const char *method, const char *path, const char *headers,
		 const char *sent, int status, const char *text)
{
	const char *body;
	int got = http_fixture_do(f, method, path, headers, sent, &body);

	if (got != status || (text && !strstr(body, text)))
		print_message("%s %s\n%d %s\nwanted %d %s\n", method, path, got, body, status,
			      text ? text : "");
	assert_int_equal(got, status);
	assert_true(!text || strstr(body, text));
}

#define SPEC_OF_V1 "/spec/versions/1/schema/openAPIV3Schema/properties/spec/properties"

static void test_life_of_a_definition(void **state)
{
	struct http_fixture f;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "GET", THINGS, NULL, NULL, 404, "404 page not found");
	want(&f, "GET", "/apis", NULL, NULL, 200, "apps");
	want(&f, "POST", CRDS, JSON, definition, 201, "\"listKind\":\"ThingList\"");
	http_fixture_until(&f, THINGS, 200, NULL);
	want(&f, "GET", CRDS "/things.example.com", NULL, NULL, 200,
	     "\"reason\":\"InitialNamesAccepted\"");
	want(&f, "GET", "/apis", NULL, NULL, 200,
	     "\"preferredVersion\":{\"groupVersion\":\"example.com/v1\"");
	want(&f, "GET", "/apis/example.com/v1", NULL, NULL, 200, "\"shortNames\":[\"th\"]");
	want(&f, "GET", "/openapi/v3", NULL, NULL, 200, "apis/example.com/v1?hash=");
	want(&f, "GET", "/openapi/v3/apis/example.com/v1", NULL, NULL, 200,
	     "\"com.example.v1.Thing\"");
	want(&f, "GET", "/openapi/v3/apis/example.com/v1", NULL, NULL, 200,
	     "\"x-kubernetes-selectable-fields\":[{\"fieldPath\":\"spec.size\"}]");
	want(&f, "GET", "/openapi/v2", NULL, NULL, 200, "\"com.example.v1.Thing\"");
	/* whoever reads version 2 takes the fields that are named for the only ones */
	want(&f, "GET", "/openapi/v2", NULL, NULL, 200,
	     "\"com.example.v1beta1.Thing\":{\"type\":\"object\",\"x-kubernetes-group-version-"
	     "kind\"");
	want(&f, "GET", "/openapi/v2", NULL, NULL, 200, "\"note\":{\"description\":\"free\"}");
	want(&f, "POST", THINGS, JSON,
	     "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"a\"},"
	     "\"spec\":{\"size\":1,\"other\":2}}",
	     201, "\"spec\":{\"size\":1,\"color\":\"red\"}");
	want(&f, "GET", THINGS "/a", "Accept: application/json;as=Table;g=meta.k8s.io;v=v1\r\n",
	     NULL, 200, "\"cells\":[\"a\",1]");
	want(&f, "PATCH", THINGS "/a", MERGE, "{\"spec\":{\"size\":7}}", 200, "\"generation\":2");
	want(&f, "PATCH", THINGS "/a/status", MERGE, "{\"status\":{\"ready\":true}}", 200,
	     "\"generation\":2");
	want(&f, "PATCH", THINGS "/a/status", MERGE,
	     "{\"metadata\":{\"labels\":{\"not\":\"taken\"}},\"spec\":{\"size\":8},\"status\":{"
	     "\"ready\":false}}",
	     200, "\"status\":{\"ready\":false}");
	want(&f, "GET", THINGS "?labelSelector=not%3Dtaken", NULL, NULL, 200, "\"items\":[]");
	want(&f, "GET", THINGS "/a", NULL, NULL, 200, "\"spec\":{\"size\":7,");
	want(&f, "GET", "/apis/example.com/v1beta1/namespaces/default/things/a", NULL, NULL, 200,
	     "\"apiVersion\":\"example.com/v1beta1\"");
	want(&f, "GET", THINGS "/a/scale",
	     "Accept: application/json;as=Table;g=meta.k8s.io;v=v1\r\n", NULL, 200,
	     "\"description\":\"Number of desired replicas\"");
	want(&f, "PATCH", THINGS "/a/scale", MERGE, "{\"spec\":{\"replicas\":9}}", 200,
	     "\"spec\":{\"replicas\":9}");
	/* what is stored is read by the schema of today, in lists and watches too */
	want(&f, "PATCH", CRDS "/things.example.com",
	     "Content-Type: application/json-patch+json\r\n",
	     "[{\"op\":\"add\",\"path\":\"" SPEC_OF_V1 "/extra\",\"value\":{\"type\":\"string\","
	     "\"default\":\"new\"}},{\"op\":\"remove\",\"path\":\"" SPEC_OF_V1 "/color\"}]",
	     200, "\"generation\":2");
	http_fixture_until(&f, THINGS "/a", 200, "\"extra\"");
	want(&f, "GET", THINGS "/a", NULL, NULL, 200, "\"spec\":{\"size\":9,\"extra\":\"new\"}");
	want(&f, "GET", THINGS, NULL, NULL, 200, "\"spec\":{\"size\":9,\"extra\":\"new\"}");
	want(&f, "GET", THINGS "?watch=1&timeoutSeconds=1", NULL, NULL, 200,
	     "\"spec\":{\"size\":9,\"extra\":\"new\"}");
	want(&f, "DELETE", CRDS "/things.example.com", NULL, NULL, 200, NULL);
	http_fixture_until(&f, CRDS "/things.example.com", 404, NULL);
	want(&f, "GET", THINGS, NULL, NULL, 404, NULL);
	want(&f, "POST", CRDS, JSON, definition, 201, NULL);
	http_fixture_until(&f, THINGS, 200, NULL);
	want(&f, "GET", THINGS "/a", NULL, NULL, 404, "things.example.com \\\"a\\\" not found");
	http_fixture_close(&f);
}

/* What custom kinds answer otherwise than built-in ones. */
static void test_what_is_asked(void **state)
{
	struct http_fixture f;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "POST", CRDS, JSON, definition, 201, NULL);
	http_fixture_until(&f, THINGS, 200, NULL);
	want(&f, "POST", THINGS, JSON,
	     "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"a\"},"
	     "\"spec\":{\"size\":1}}",
	     201, NULL);
	want(&f, "GET", "/apis/example.com/v1", NULL, NULL, 200,
	     "\"verbs\":[\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"create\","
	     "\"update\",\"watch\"],\"shortNames\":[\"th\"],\"categories\":[\"all\"],"
	     "\"storageVersionHash\":\"MkkTy7bNlnM=\"");
	want(&f, "GET", THINGS, NULL, NULL, 200, "\"continue\":\"\"");
	want(&f, "POST", "/apis/example.com/v1/things", JSON, "{}", 404, "404 page not found");
	want(&f, "GET", "/apis/example.com/v1/others", NULL, NULL, 404, "404 page not found");
	want(&f, "GET", "/api/v1/others", NULL, NULL, 404, "the server could not find");
	want(&f, "GET", THINGS "/a/no", NULL, NULL, 404, "things.example.com \\\"a\\\" not found");
	want(&f, "PUT", THINGS, JSON, "{}", 400, "name must be provided");
	want(&f, "POST", THINGS "/a/status", JSON, "{}", 405,
	     "create is not supported on resources of kind \\\"things.example.com\\\"");
	want(&f, "GET", THINGS "/a",
	     "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1\r\n", NULL,
	     500, "content is not a list");
	want(&f, "PUT", THINGS "/a/scale", JSON, "{\"apiVersion\":\"v1\",\"kind\":\"Scale\"}", 400,
	     "does not match the expected API version (autoscaling/v1)");
	want(&f, "GET", THINGS, "Accept: application/json;as=Table;g=meta.k8s.io;v=v1\r\n", NULL,
	     200, "Custom resource definition column (in JSONPath format): .spec.size");
	http_fixture_close(&f);
}

static void test_values_are_checked(void **state)
{
	static const struct {
		const char *spec, *text;
	} rows[] = {
		{ "{\"size\":-1}", "spec.size: Invalid value: -1: spec.size in body should be "
				   "greater than or equal to 0" },
		{ "{\"size\":100}", "spec: Invalid value: too large" },
		{ "{\"size\":1,\"ports\":[{\"name\":\"a\"},{\"name\":\"a\"}]}",
		  "spec.ports[1]: Duplicate value: " },
		{ "{\"size\":1,\"ports\":[{},{}]}", "spec.ports[0].name: Required value" },
		{ "{}", "spec.size: Required value" },
		{ "{\"size\":\"x\"}", "spec.size: Invalid value: \\\"string\\\": spec.size in body "
				      "must be of type integer: \\\"string\\\"" },
		{ "{\"size\":1,\"color\":\"green\"}",
		  "spec.color: Unsupported value: \\\"green\\\": supported values: \\\"red\\\", "
		  "\\\"blue\\\"" },
		{ "{\"size\":1,\"tag\":\"A\"}", "spec.tag in body should match '^[a-z]+$'" },
		{ "{\"size\":1,\"tag\":\"abcdef\"}", "spec.tag: Too long: may not be more than 5" },
		{ "{\"size\":2147483648}", ".spec.size: Invalid value: 2147483648: should be less "
					   "than or equal to 2147483647" },
		{ "{\"size\":[]}", ".spec.size accessor error: [] is of the type []interface {}, "
				   "expected int64" },
	};
	struct http_fixture f;
	char body[512];

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "POST", CRDS, JSON, definition, 201, NULL);
	http_fixture_until(&f, THINGS, 200, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(body, sizeof(body),
			 "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Thing\","
			 "\"metadata\":{\"name\":\"a\"},\"spec\":%s}",
			 rows[i].spec);
		want(&f, "POST", THINGS, JSON, body, 422, rows[i].text);
	}
	want(&f, "POST", THINGS "?fieldValidation=Strict", JSON,
	     "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"a\"},"
	     "\"spec\":{\"size\":1,\"other\":2}}",
	     400, "unknown field \\\"spec.other\\\"");
	want(&f, "POST", THINGS, JSON,
	     "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Other\",\"metadata\":{\"name\":\"a\"}}",
	     422,
	     "Other.example.com \\\"a\\\" is invalid: kind: Invalid value: \\\"Other\\\": must be "
	     "Thing\"");
	http_fixture_close(&f);
}

/* What reads over all namespaces does not write over them. */
static void test_all_namespaces(void **state)
{
	struct http_fixture f;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "POST", CRDS, JSON, definition, 201, NULL);
	http_fixture_until(&f, THINGS, 200, NULL);
	want(&f, "GET", "/apis/example.com/v1/things", NULL, NULL, 200, "ThingList");
	want(&f, "DELETE", "/apis/example.com/v1/things", NULL, NULL, 404, "404 page not found");
	want(&f, "POST", "/apis/example.com/v1/things", JSON, "{}", 404, "404 page not found");
	want(&f, "DELETE", "/api/v1/configmaps", NULL, NULL, 405, "does not allow this method");
	http_fixture_close(&f);
}

/* Who asks to take dependents along in the old words is told whether the object is gone already. */
static void test_accepted_deletion(void **state)
{
	static const char kept[] = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
				   "\"name\":\"kept\",\"finalizers\":[\"x.com/y\"]}}";
	static const char plain[] = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
				    "\"name\":\"plain\"}}";
	static const char cascade[] = "{\"orphanDependents\":false}";
	struct http_fixture f;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "POST", "/api/v1/namespaces/default/configmaps", JSON, kept, 201, NULL);
	want(&f, "POST", "/api/v1/namespaces/default/configmaps", JSON, plain, 201, NULL);
	want(&f, "DELETE", "/api/v1/namespaces/default/configmaps/kept", JSON, cascade, 202, NULL);
	want(&f, "DELETE", "/api/v1/namespaces/default/configmaps/kept", JSON, "{}", 200, NULL);
	want(&f, "DELETE", "/api/v1/namespaces/default/configmaps/plain", JSON, cascade, 200, NULL);
	http_fixture_close(&f);
}

/* Whoever writes status again as it is writes nothing. */
static void test_same_status(void **state)
{
	static const char patch[] = "{\"spec\":{\"size\":8},\"status\":{\"ready\":true}}";
	struct http_fixture f;
	char version[64];
	const char *body;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "POST", CRDS, JSON, definition, 201, NULL);
	http_fixture_until(&f, THINGS, 200, NULL);
	want(&f, "POST", THINGS, JSON,
	     "{\"apiVersion\":\"example.com/"
	     "v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"size\":1}}",
	     201, NULL);
	assert_int_equal(http_fixture_do(&f, "PATCH", THINGS "/a/status", MERGE, patch, &body),
			 200);
	body = strstr(body, "\"resourceVersion\":");
	assert_non_null(body);
	snprintf(version, sizeof(version), "%.*s", (int)strcspn(body, ",}"), body);
	want(&f, "PATCH", THINGS "/a/status", MERGE, patch, 200, version);
	http_fixture_close(&f);
}

#define SEVERAL                                                                              \
	"{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\"," \
	"\"metadata\":{\"name\":\"beds.example.com\"},\"spec\":{\"group\":\"example.com\","  \
	"\"scope\":\"Cluster\",\"names\":{\"plural\":\"beds\",\"kind\":\"Bed\"},\"versions\":["
#define VERSION(name, more)                                                                        \
	"{\"name\":\"" name "\",\"served\":true," more "\"schema\":{\"openAPIV3Schema\":{"         \
	"\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"default\":{},"        \
	"\"properties\":{\"v1\":{\"type\":\"string\"" FIRST "},\"v2\":{\"type\":\"string\"" SECOND \
	"}}}}}}}"

/* A write is answered with the defaults of the stored version, which are not stored; one that was
 * stored as another version is stored anew though nothing changes. */
static void test_several_versions(void **state)
{
	static const char stores_v2[] = SEVERAL
#define FIRST ",\"default\":\"one\""
#define SECOND ""
		VERSION("v1", "\"storage\":false,") ","
#undef FIRST
#undef SECOND
#define FIRST ""
#define SECOND ",\"default\":\"two\""
		VERSION("v2", "\"storage\":true,") "]}}";
	static const char bed[] =
		"{\"apiVersion\":\"example.com/"
		"v1\",\"kind\":\"Bed\",\"metadata\":{\"name\":\"a\",\"namespace\":\"unused\"}}";
	struct http_fixture f;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "POST", CRDS, JSON, stores_v2, 201, NULL);
	http_fixture_until(&f, "/apis/example.com/v1/beds", 200, NULL);
	want(&f, "POST", "/apis/example.com/v1/beds", JSON, bed, 201,
	     "\"spec\":{\"v1\":\"one\",\"v2\":\"two\"}");
	want(&f, "GET", "/apis/example.com/v1/beds/a", NULL, NULL, 200, "\"resourceVersion\":");
	want(&f, "PATCH", CRDS "/beds.example.com", "Content-Type: application/json-patch+json\r\n",
	     "[{\"op\":\"remove\",\"path\":\"/spec/versions/1/schema/openAPIV3Schema/properties/"
	     "spec/properties/v2/default\"}]",
	     200, NULL);
	http_fixture_until(&f, "/apis/example.com/v1/beds/a", 200, "\"spec\":{\"v1\":\"one\"}");
	http_fixture_close(&f);
}

#define OF(kind) "{\"apiVersion\":\"example.com/v1\",\"kind\":\"" kind "\","

/* What a body must be; nothing of it is taken for granted. */
static void test_bodies_are_checked(void **state)
{
	static const struct {
		const char *body;
		int status;
		const char *text;
	} rows[] = {
		{ "", 400,
		  "the object provided is unrecognized (must be of type Thing): couldn't get "
		  "version/kind; json parse error: unexpected end of JSON input (<empty>)" },
		{ "{} x", 400,
		  "json parse error: invalid character 'x' after top-level value ({} x)" },
		{ "[]", 400,
		  "json: cannot unmarshal array into Go value of type struct { APIVersion string "
		  "\\\"json:\\\\\\\"apiVersion,omitempty\\\\\\\"\\\"; Kind string "
		  "\\\"json:\\\\\\\"kind,omitempty\\\\\\\"\\\" } (5b5d)" },
		{ "null", 400, "Object 'Kind' is missing in 'null' (6e756c6c)" },
		{ "{\"kind\":1}", 400,
		  "cannot unmarshal number into Go struct field .kind of type" },
		{ "{\"kind\":\"Thing\"}", 400,
		  "the API version in the data () does not match the expected API version "
		  "(example.com/v1)" },
		{ OF("Other") "\"metadata\":{\"name\":\"a\"}}", 422,
		  "Other.example.com \\\"a\\\" is invalid: kind: Invalid value: \\\"Other\\\": "
		  "must be "
		  "Thing" },
		{ OF("Thing") "\"metadata\":[]}", 400,
		  "json: cannot unmarshal array into Go value of type v1.ObjectMeta" },
		{ OF("Thing") "\"metadata\":{\"labels\":{\"a\":1}}}", 400,
		  "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type" },
		{ OF("Thing") "\"metadata\":{\"name\":\"a\"},\"spec\":{\"size\":null}}", 422,
		  "spec.size: Required value" },
		{ OF("Thing") "\"metadata\":{\"name\":\"a\"},\"spec\":{\"size\":-1}}", 422,
		  ".spec.size: Invalid value: -1: should be a non-negative integer" },
		{ OF("Thing") "\"metadata\":{\"name\":\"a\",\"no\":1},\"spec\":{\"z\":1,\"b\":1,"
			      "\"size\":1,\"size\":2}}",
		  400,
		  "strict decoding error: duplicate field \\\"spec.size\\\", unknown field "
		  "\\\"metadata.no\\\", unknown field \\\"spec.b\\\", unknown field "
		  "\\\"spec.z\\\"" },
		{ OF("Thing") "\"metadata\":{\"name\":\"a\"},\"spec\":{\"size\":1,\"tag\":null}}",
		  201, "\"spec\":{\"size\":1,\"color\":\"red\"}" },
	};
	struct http_fixture f;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "POST", CRDS, JSON, definition, 201, NULL);
	http_fixture_until(&f, THINGS, 200, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		want(&f, "POST", THINGS "?fieldValidation=Strict", JSON, rows[i].body,
		     rows[i].status, rows[i].text);
	want(&f, "POST", THINGS, "Content-Type: application/yaml\r\n", "a: [", 400,
	     "(must be of type Thing): yaml: line 1: did not find expected node content "
	     "(613a205b)");
	want(&f, "PUT", THINGS "/b", JSON,
	     OF("Thing") "\"metadata\":{\"name\":\"a\"},\"spec\":{\"size\":1}}", 400,
	     "the name of the object (a) does not match the name on the URL (b)");
	want(&f, "PUT", THINGS "/a", JSON,
	     OF("Thing") "\"metadata\":{\"name\":\"a\"},\"spec\":{\"size\":1}}", 422,
	     "things.example.com \\\"a\\\" is invalid: metadata.resourceVersion: Invalid value: 0");
	want(&f, "PATCH", THINGS "/a/status", MERGE, "{\"status\":{\"ready\":1}}", 422,
	     "status.ready: Invalid value: \\\"integer\\\": ready in body must be of type boolean");
	want(&f, "PATCH", THINGS "/a/scale", MERGE, "{\"spec\":{\"replicas\":-2}}", 422,
	     ".spec.size: Invalid value: -2: should be a non-negative integer");
	http_fixture_close(&f);
}

#define MIXED "/apis/example.com/v1/namespaces/default/mixeds"
#define MIXED2 "/apis/example.com/v2/namespaces/default/mixeds"
#define MIXED_OF(version, spec)                                \
	"{\"apiVersion\":\"example.com/" version               \
	"\",\"kind\":\"Mixed\",\"metadata\":{\"name\":\"a\"}," \
	"\"spec\":" spec "}"
#define TABLE "Accept: application/json;as=Table;g=meta.k8s.io;v=v1\r\n"
#define METADATA "Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1\r\n"

/* Two versions that know different members: each shows what it knows, and the stored one keeps what
 * it knows. And objects inside, numbers, and answers to writes. */
static const char mixed_definition[] =
	"{\"metadata\":{\"name\":\"mixeds.example.com\"},\"spec\":{\"group\":\"example.com\","
	"\"scope\":"
	"\"Namespaced\",\"names\":{\"plural\":\"mixeds\",\"kind\":\"Mixed\"},\"versions\":["
	"{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{"
	"\"type\":"
	"\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{"
	"\"a\":{\"type\":\"string\"},\"one\":{\"type\":\"integer\",\"default\":1},"
	"\"n\":{\"type\":\"number\",\"multipleOf\":0.5},\"d\":{\"type\":\"string\",\"format\":"
	"\"date\"},"
	"\"l\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\"}},"
	"\"in\":{\"type\":\"object\",\"x-kubernetes-embedded-resource\":true,"
	"\"x-kubernetes-preserve-unknown-fields\":true}}}}}}},"
	"{\"name\":\"v2\",\"served\":true,\"storage\":false,\"schema\":{\"openAPIV3Schema\":{"
	"\"type\":"
	"\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{"
	"\"a\":{\"type\":\"string\"},\"two\":{\"type\":\"integer\",\"default\":2}}}}}}}]}}";

static void test_versions_that_differ(void **state)
{
	struct http_fixture f;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "POST", CRDS, JSON, mixed_definition, 201, NULL);
	http_fixture_until(&f, MIXED, 200, NULL);
	want(&f, "POST", MIXED2, JSON, MIXED_OF("v2", "{\"a\":\"x\"}"), 201,
	     "\"spec\":{\"a\":\"x\"}");
	want(&f, "GET", MIXED "/a", NULL, NULL, 200, "\"spec\":{\"a\":\"x\",\"one\":1}");
	want(&f, "GET", MIXED2 "/a", NULL, NULL, 200, "\"spec\":{\"a\":\"x\"}");
	want(&f, "GET", MIXED2, NULL, NULL, 200, "\"spec\":{\"a\":\"x\"}");
	want(&f, "PATCH", MIXED "/a", MERGE, "{\"spec\":{\"one\":7,\"n\":2.0}}", 200,
	     "\"spec\":{\"a\":\"x\",\"one\":7,\"n\":2}");
	want(&f, "PATCH", MIXED2 "/a", MERGE, "{\"spec\":{\"a\":\"y\"}}", 200,
	     "\"spec\":{\"a\":\"y\"}");
	want(&f, "PUT", MIXED "/a", JSON, MIXED_OF("v1", "{\"n\":3}"), 422,
	     "must be specified for an update");
	want(&f, "PATCH", MIXED "/a", MERGE, "{\"spec\":{\"n\":0.3,\"d\":\"x\",\"l\":[]}}", 422,
	     "spec.l: Invalid value: 0: spec.l in body should have at least 1 items");
	want(&f, "PATCH", MIXED "/a", MERGE, "{\"spec\":{\"n\":0.3,\"d\":\"x\",\"l\":[]}}", 422,
	     "{\"reason\":\"FieldValueTypeInvalid\",\"message\":\"Invalid value: \\\"x\\\": spec.d "
	     "in "
	     "body must be of type date");
	want(&f, "POST", MIXED, JSON,
	     MIXED_OF("v1",
		      "{\"in\":{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"labels\":{"
		      "\"a\":1}}}}"),
	     400,
	     "spec.in.metadata: Invalid value: {\\\"labels\\\":{\\\"a\\\":1}}: json: cannot "
	     "unmarshal "
	     "number into Go struct field ObjectMeta.labels of type string");
	want(&f, "POST", MIXED, JSON, MIXED_OF("v1", "{\"in\":{\"apiVersion\":1,\"kind\":\"A\"}}"),
	     400, "spec.in.apiVersion: Invalid value: 1: must be a string");
	want(&f, "PATCH", MIXED "/a", MERGE TABLE, "{\"spec\":{\"a\":\"z\"}}", 200,
	     "\"rows\":[{\"cells\":[\"a\",");
	want(&f, "PATCH", MIXED "/a", MERGE METADATA, "{\"spec\":{\"a\":\"q\"}}", 200,
	     "{\"kind\":\"PartialObjectMetadata\"");
	http_fixture_close(&f);
}

static void test_definitions_are_checked(void **state)
{
	struct http_fixture f;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "POST", CRDS, JSON,
	     "{\"metadata\":{\"name\":\"a.example.com\"},\"spec\":{\"group\":\"example.com\","
	     "\"scope\":\"Cluster\",\"names\":{\"plural\":\"things\",\"kind\":\"Thing\"},"
	     "\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{"
	     "\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}",
	     422,
	     "metadata.name: Invalid value: \\\"a.example.com\\\": must be "
	     "spec.names.plural+\\\".\\\"+spec.group");
	want(&f, "POST", CRDS, JSON,
	     "{\"metadata\":{\"name\":\"things.example.com\"},\"spec\":{\"group\":\"example.com\","
	     "\"scope\":\"Cluster\",\"names\":{\"plural\":\"things\",\"kind\":\"Thing\"},"
	     "\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{"
	     "\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{}}}}}]}}",
	     422,
	     "properties[spec].type: Required value: must not be empty for specified object "
	     "fields");
	want(&f, "POST", CRDS, JSON,
	     "{\"metadata\":{\"name\":\"things.example.k8s.io\"},\"spec\":{\"group\":"
	     "\"example.k8s.io\",\"scope\":\"Cluster\",\"names\":{\"plural\":\"things\","
	     "\"kind\":\"Thing\"},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":"
	     "true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}",
	     422,
	     "metadata.annotations[api-approved.kubernetes.io]: Required value: protected "
	     "groups must have approval annotation");
	want(&f, "POST", CRDS, JSON, definition, 201, NULL);
	want(&f, "PATCH", CRDS "/things.example.com",
	     "Content-Type: application/json-patch+json\r\n",
	     "[{\"op\":\"replace\",\"path\":\"/spec/versions/1/name\",\"value\":\"v2\"}]", 422,
	     "status.storedVersions[0]: Invalid value: \\\"v1\\\": missing from spec.versions; v1 "
	     "was "
	     "previously a storage version");
	want(&f, "PATCH", CRDS "/things.example.com/status",
	     "Content-Type: application/merge-patch+json\r\n",
	     "{\"status\":{\"storedVersions\":[]}}", 200, "\"storedVersions\":[\"v1\"]");
	http_fixture_close(&f);
}

#define THING(name, more)                                                                      \
	"{\"apiVersion\":\"example.com/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"" name \
	"\"" more "},\"spec\":{\"size\":1}}"

/* depth objects in one another, in the member of that name. */
static void put_deep(struct buf *to, const char *before, int depth, const char *after)
{
	buf_reset(to);
	buf_put_c(to, before);
	for (int i = 0; i < depth; i++)
		buf_put_c(to, "{\"a\":");
	buf_put_c(to, "1");
	for (int i = 0; i < depth; i++)
		buf_put_c(to, "}");
	buf_put_c(to, after);
}

#define DEEP "/apis/example.com/v1/namespaces/default/deeps"
#define DEEP_HEAD                        \
	"{\"apiVersion\":\"example.com/" \
	"v1\",\"kind\":\"Deep\",\"metadata\":{\"name\":\"a\"},\"x\":"

#define DEEP_MAX (OBJECT_DEPTH_MAX - 2) /* the object itself, and the number within */

/* A schema as deep as a definition may be: two levels for each of its members. */
static void want_deep_schema(struct http_fixture *f, struct buf *text)
{
	int levels = (OBJECT_DEPTH_MAX - 20) / 2;

	buf_reset(text);
	buf_put_c(text, "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":"
			"\"CustomResourceDefinition\",\"metadata\":{\"name\":\"lows.example.com\"},"
			"\"spec\":{\"group\":\"example.com\",\"scope\":\"Namespaced\",\"names\":{"
			"\"plural\":\"lows\",\"kind\":\"Low\"},\"versions\":[{\"name\":\"v1\","
			"\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":");
	for (int i = 0; i < levels; i++) /* a default of the root would be refused */
		buf_printf(text, "{\"type\":\"object\"%s,\"properties\":{\"a\":",
			   i ? ",\"default\":{}" : "");
	buf_put_c(text,
		  "{\"type\":\"integer\",\"x-kubernetes-validations\":[{\"rule\":\"self > 1\"}]}");
	for (int i = 0; i < levels; i++)
		buf_put_c(text, "}}");
	buf_put_c(text, "}}]}}");
	want(f, "POST", CRDS, JSON, text->ptr, 201, NULL);
	http_fixture_until(f, "/apis/example.com/v1/namespaces/default/lows", 200, NULL);
	want(f, "POST", "/apis/example.com/v1/namespaces/default/lows", JSON,
	     "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Low\",\"metadata\":{\"name\":\"a\"}}",
	     201, "{\"a\":{\"a\":");
	http_fixture_until(f, "/openapi/v3/apis/example.com/v1", 200, "com.example.v1.Low");
}

/* As deep as JSON may be, every walker goes down to the end of it; one level more is refused. */
static void test_depth(void **state)
{
	AUTO_BUF text = { 0 };
	struct http_fixture f;

	(void)state;
	buf_init(&text, 1 << 20);
	http_fixture_open(&f);
	want(&f, "POST", CRDS, JSON,
	     "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\","
	     "\"metadata\":{\"name\":\"deeps.example.com\"},\"spec\":{\"group\":\"example.com\","
	     "\"scope\":\"Namespaced\",\"names\":{\"plural\":\"deeps\",\"kind\":\"Deep\"},"
	     "\"versions\":["
	     "{\"name\":\"v1\",\"served\":true,\"storage\":true,\"additionalPrinterColumns\":[{"
	     "\"name\":"
	     "\"x\",\"type\":\"string\",\"jsonPath\":\"..none\"}],\"schema\":{\"openAPIV3Schema\":{"
	     "\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true}}}]}}",
	     201, NULL);
	http_fixture_until(&f, DEEP, 200, NULL);
	put_deep(&text, DEEP_HEAD, DEEP_MAX + 1, "}");
	want(&f, "POST", DEEP, JSON, text.ptr, 400, "exceeded max depth");
	put_deep(&text, DEEP_HEAD, DEEP_MAX, "}");
	want(&f, "POST", DEEP, JSON, text.ptr, 201, "\"x\":{\"a\":{\"a\":");
	want(&f, "GET", DEEP "/a", NULL, NULL, 200, "{\"a\":1}}}}");
	want(&f, "GET", DEEP, "Accept: application/json;as=Table;g=meta.k8s.io;v=v1\r\n", NULL, 200,
	     "\"cells\":[\"a\",null]");
	put_deep(&text, "{\"x\":null,\"y\":", DEEP_MAX, "}");
	want(&f, "PATCH", DEEP "/a", MERGE, text.ptr, 200, "\"y\":{\"a\":{\"a\":");
	put_deep(&text, DEEP_HEAD, DEEP_MAX, "}");
	want(&f, "PATCH", DEEP "/a?fieldManager=m",
	     "Content-Type: application/apply-patch+yaml\r\n", text.ptr, 200,
	     "\"f:a\":{\".\":{},\"f:a\":");
	want(&f, "DELETE", DEEP "/a", NULL, NULL, 200, NULL);
	want(&f, "POST", DEEP, "Content-Type: application/yaml\r\n", text.ptr, 201, NULL);
	put_deep(&text, "[{\"op\":\"replace\",\"path\":\"/x\",\"value\":", DEEP_MAX, "}]");
	want(&f, "PATCH", DEEP "/a", "Content-Type: application/json-patch+json\r\n", text.ptr, 200,
	     NULL);
	put_deep(&text, "{\"metadata\":{\"name\":\"a\"},\"data\":", DEEP_MAX, "}");
	want(&f, "POST", "/api/v1/namespaces/default/configmaps", JSON, text.ptr, 400,
	     "cannot unmarshal object into Go struct field");
	put_deep(&text, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"template\":", DEEP_MAX - 1,
		 "}}");
	want(&f, "POST", "/apis/apps/v1/namespaces/default/deployments", JSON, text.ptr, 422, NULL);
	want_deep_schema(&f, &text);
	http_fixture_close(&f);
}

/* Objects go by their own rules, watches when the kind goes, and the same name may come back. */
static void test_end_of_a_definition(void **state)
{
	struct http_fixture f, watcher;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "POST", CRDS, JSON, definition, 201, NULL);
	http_fixture_until(&f, THINGS, 200, NULL);
	want(&f, "POST", THINGS, JSON, THING("a", ",\"finalizers\":[\"x.com/y\"]"), 201, NULL);
	assert_null(strstr(http_fixture_head(&f), "Warning: "));
	want(&f, "POST", THINGS "?dryRun=All", JSON, THING("b", ",\"finalizers\":[\"plain\"]"), 201,
	     NULL);
	assert_non_null(strstr(http_fixture_head(&f),
			       "Warning: 299 - \"metadata.finalizers: \\\"plain\\\": prefer a "
			       "domain-qualified finalizer name to avoid"));
	want(&f, "POST", THINGS "?dryRun=All", JSON, THING("b", ",\"finalizers\":[\"x.com\"]"), 201,
	     NULL);
	assert_non_null(strstr(http_fixture_head(&f),
			       "Warning: 299 - \"metadata.finalizers: \\\"x.com\\\": prefer a "
			       "domain-qualified finalizer name including a path (/) to avoid"));
	want(&f, "POST", THINGS, JSON, THING("b", ""), 201, NULL);
	http_fixture_connect(&watcher, &f);
	http_fixture_stream(&watcher, THINGS "?watch=1", "\"name\":\"b\"");
	want(&f, "DELETE", CRDS "/things.example.com", NULL, NULL, 200,
	     "\"reason\":\"InstanceDeletionPending\"");
	http_fixture_until(
		&f, CRDS "/things.example.com", 200,
		"\"message\":\"CustomResource deletion is in progress\",\"reason\":"
		"\"InstanceDeletionInProgress\",\"status\":\"True\",\"type\":\"Terminating\"");
	want(&f, "POST", THINGS, JSON, THING("c", ""), 403,
	     "things.example.com \\\"c\\\" is forbidden: create not allowed while custom resource "
	     "definition is terminating");
	want(&f, "PATCH", THINGS "/c?fieldManager=a",
	     "Content-Type: application/apply-patch+yaml\r\n", THING("c", ""), 403,
	     "create not allowed while");
	http_fixture_until(&f, THINGS "/b", 404, NULL);
	want(&f, "GET", THINGS "/a", NULL, NULL, 200, "\"deletionTimestamp\"");
	want(&f, "PATCH", THINGS "/a", MERGE, "{\"metadata\":{\"finalizers\":null}}", 200, NULL);
	http_fixture_until(&f, CRDS "/things.example.com", 404, NULL);
	want(&f, "GET", THINGS, NULL, NULL, 404, "404 page not found");
	http_fixture_wait(&watcher,
			  "\"type\":\"DELETED\",\"object\":{\"apiVersion\":\"example.com/v1\"");
	http_fixture_wait(&watcher, "\r\n0\r\n\r\n");
	http_fixture_disconnect(&watcher);
	want(&f, "POST", CRDS, JSON, definition, 201, NULL);
	http_fixture_until(&f, THINGS, 200, NULL);
	want(&f, "POST", THINGS, JSON, THING("a", ""), 201, NULL);
	http_fixture_close(&f);
}

#define POLICIES "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
#define BINDINGS "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"

/* What may not be deleted keeps its definition, which says so, until it may. */
static void test_refused_deletions(void **state)
{
	struct http_fixture f;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "POST", CRDS, JSON, definition, 201, NULL);
	http_fixture_until(&f, THINGS, 200, NULL);
	want(&f, "POST", THINGS, JSON, THING("a", ""), 201, NULL);
	want(&f, "POST", POLICIES, JSON,
	     "{\"metadata\":{\"name\":\"keep\"},\"spec\":{\"matchConstraints\":{\"resourceRules\":["
	     "{"
	     "\"apiGroups\":[\"example.com\"],\"apiVersions\":[\"*\"],\"operations\":[\"DELETE\"],"
	     "\"resources\":[\"things\"]}]},\"validations\":[{\"expression\":\"false\"}]}}",
	     201, NULL);
	want(&f, "POST", BINDINGS, JSON,
	     "{\"metadata\":{\"name\":\"keep\"},\"spec\":{\"policyName\":\"keep\","
	     "\"validationActions\":[\"Deny\"]}}",
	     201, NULL);
	want(&f, "DELETE", THINGS "/a", NULL, NULL, 422, "denied request");
	want(&f, "DELETE", CRDS "/things.example.com", NULL, NULL, 200, NULL);
	http_fixture_until(&f, CRDS "/things.example.com", 200,
			   "\"reason\":\"InstanceDeletionFailed\",\"status\":\"True\"");
	want(&f, "DELETE", BINDINGS "/keep", NULL, NULL, 200, NULL);
	http_fixture_until(&f, CRDS "/things.example.com", 404, NULL);
	http_fixture_close(&f);
}

/* A version that is served no more is not there, and who watches it learns so. */
static void test_unserved_version(void **state)
{
	struct http_fixture f, watcher;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "POST", CRDS, JSON, definition, 201, NULL);
	http_fixture_until(&f, THINGS, 200, NULL);
	want(&f, "POST", THINGS, JSON, THING("a", ""), 201, NULL);
	http_fixture_connect(&watcher, &f);
	http_fixture_stream(&watcher, "/apis/example.com/v1beta1/things?watch=1", "ADDED");
	want(&f, "PATCH", CRDS "/things.example.com",
	     "Content-Type: application/json-patch+json\r\n",
	     "[{\"op\":\"replace\",\"path\":\"/spec/versions/0/served\",\"value\":false}]", 200,
	     NULL);
	http_fixture_until(&f, "/apis/example.com/v1beta1/things", 404, NULL);
	http_fixture_wait(&watcher, "\r\n0\r\n\r\n");
	http_fixture_disconnect(&watcher);
	want(&f, "GET", THINGS "/a", NULL, NULL, 200, NULL);
	http_fixture_close(&f);
}

/* Their plural is that of a built-in kind which is treated otherwise: theirs are objects as others.
 */
static void test_plurals_of_built_in_kinds(void **state)
{
	static const struct {
		const char *plural, *kind;
	} rows[] = { { "bindings", "Binding" }, { "events", "Event" } };
	struct http_fixture f;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char text[1024], path[128], object[160];

		snprintf(text, sizeof(text),
			 "{\"metadata\":{\"name\":\"%s.example.com\"},\"spec\":{\"group\":"
			 "\"example.com\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"%s\","
			 "\"kind\":\"%s\"},\"versions\":[{\"name\":\"v1\",\"served\":true,"
			 "\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":"
			 "\"object\"}}}]}}",
			 rows[i].plural, rows[i].plural, rows[i].kind);
		want(&f, "POST", CRDS, JSON, text, 201, NULL);
		snprintf(path, sizeof(path), "/apis/example.com/v1/namespaces/default/%s",
			 rows[i].plural);
		http_fixture_until(&f, path, 200, NULL);
		snprintf(object, sizeof(object),
			 "{\"apiVersion\":\"example.com/v1\",\"kind\":\"%s\",\"metadata\":{"
			 "\"name\":\"a\"}}",
			 rows[i].kind);
		want(&f, "POST", path, JSON, object, 201, "\"name\":\"a\"");
		strcat(path, "/a");
		want(&f, "GET", path, NULL, NULL, 200, rows[i].kind);
		strcat(path, "?propagationPolicy=Foreground");
		want(&f, "DELETE", path, NULL, NULL, 200, "\"foregroundDeletion\"");
	}
	http_fixture_close(&f);
}

/* Names that another definition of the group has are not given, the others are; once they are free
 * they are given. */
static void test_names(void **state)
{
	static const char other[] =
		"{\"metadata\":{\"name\":\"others.example.com\"},\"spec\":{\"group\":\"example."
		"com\","
		"\"scope\":\"Cluster\",\"names\":{\"plural\":\"others\",\"kind\":\"Thing\","
		"\"listKind\":\"OtherList\",\"shortNames\":[\"th\",\"ot\",\"things\"]},"
		"\"versions\":[{"
		"\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{"
		"\"type\":\"object\"}}}]}}";
	struct http_fixture f;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	want(&f, "POST", CRDS, JSON, definition, 201, NULL);
	http_fixture_until(&f, THINGS, 200, NULL);
	want(&f, "POST", CRDS, JSON, other, 201, NULL);
	http_fixture_until(
		&f, CRDS "/others.example.com", 200,
		"\"message\":\"\\\"Thing\\\" is already in use\",\"reason\":\"KindConflict\"");
	want(&f, "GET", CRDS "/others.example.com", NULL, NULL, 200,
	     "\"acceptedNames\":{\"kind\":\"\",\"plural\":\"others\",\"listKind\":\"OtherList\"}");
	want(&f, "GET", CRDS "/others.example.com", NULL, NULL, 200, "\"reason\":\"NotAccepted\"");
	want(&f, "GET", "/apis/example.com/v1/others", NULL, NULL, 404, NULL);
	want(&f, "PATCH", CRDS "/others.example.com", MERGE,
	     "{\"spec\":{\"names\":{\"kind\":\"Other\",\"singular\":\"other\"}}}", 200, NULL);
	http_fixture_until(
		&f, CRDS "/others.example.com", 200,
		"\"message\":\"[\\\"th\\\" is already in use, \\\"things\\\" is already in use]\","
		"\"reason\":\"ShortNamesConflict\"");
	want(&f, "DELETE", CRDS "/things.example.com", NULL, NULL, 200, NULL);
	http_fixture_until(&f, "/apis/example.com/v1/others", 200, NULL);
	want(&f, "GET", CRDS "/others.example.com", NULL, NULL, 200,
	     "\"shortNames\":[\"th\",\"ot\",\"things\"]");
	http_fixture_close(&f);
}

#define GAUGES "/apis/example.com/v1/namespaces/default/gauges"
#define GAUGE_VERSION(name, is_storage, field)                                                     \
	"{'name':'" name "','served':true,'storage':" is_storage                                   \
	",'selectableFields':[{'jsonPath':'.spec." field "'}],'subresources':{'scale':{"           \
	"'specReplicasPath':'.spec.size','statusReplicasPath':'.status.size'}},"                   \
	"'additionalPrinterColumns':[{'name':'At','type':'date','jsonPath':'.spec.at'}],'schema':" \
	"{'openAPIV3Schema':{'type':'object','properties':{'spec':{'type':'object','properties':{" \
	"'size':{'type':'integer'},'at':{'type':'string'},'color':{'type':'string','description':" \
	"'" name "'}}},'status':{"                                                                 \
	"'type':'object','properties':{'size':{'type':'integer'}}}}}}}"

/* Breaks when the fields to select by are those of another version, when what is no date is shown
 * as one, or when a Scale makes replicas up. */
static void test_parts_by_version(void **state)
{
	static const struct step steps[] = {
		{ "POST", CRDS,
		  "{'apiVersion':'apiextensions.k8s.io/v1','kind':'CustomResourceDefinition',"
		  "'metadata':{'name':'gauges.example.com'},'spec':{'group':'example.com','scope':"
		  "'Namespaced','names':{'plural':'gauges','kind':'Gauge'},'versions':"
		  "[" GAUGE_VERSION("v1", "true", "size") "," GAUGE_VERSION("v2", "false",
									    "color") "]}}",
		  201 },

		{ "POST", GAUGES,
		  "{'apiVersion':'example.com/v1','kind':'Gauge','metadata':{'name':'g'},'spec':{"
		  "'at':'tomorrow','color':'red'}}",
		  201 },
		{ "GET", GAUGES "/g/scale", NULL, 500,
		  "the spec replicas field \\\".spec.size\\\" does not exist" },
		{ "PATCH", GAUGES "/g", "{'spec':{'size':3}}", 200 },
		{ "GET", GAUGES "/g/scale", NULL, 200, "\"spec\":{\"replicas\":3}" },
		{ "GET", GAUGES "?fieldSelector=spec.size%3D3", NULL, 200, "\"name\":\"g\"" },
		{ "GET", GAUGES "?fieldSelector=spec.size%3D4", NULL, 200, "\"items\":[]" },
		{ "GET", GAUGES "?fieldSelector=spec.color%3Dred", NULL, 400,
		  "field label not supported: spec.color" },
		{ "GET", "/apis/example.com/v2/gauges?fieldSelector=spec.color%3Dred", NULL, 200,
		  "\"name\":\"g\"" },
		{ "GET", "/apis/example.com/v2/gauges?fieldSelector=spec.size%3D3", NULL, 400,
		  "field label not supported: spec.size" },
	};
	struct http_fixture f;

	http_fixture_open(&f);
	for (size_t i = 0; i < ARRAY_COUNT(steps); i++)
		run_step(&f, &steps[i]);
	want(&f, "GET", GAUGES "/g", "Accept: application/json;as=Table;g=meta.k8s.io;v=v1\r\n",
	     NULL, 200, "\"cells\":[\"g\",\"<invalid>\"]");
	http_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life_of_a_definition),
		cmocka_unit_test(test_what_is_asked),
		cmocka_unit_test(test_values_are_checked),
		cmocka_unit_test(test_bodies_are_checked),
		cmocka_unit_test(test_versions_that_differ),
		cmocka_unit_test(test_all_namespaces),
		cmocka_unit_test(test_same_status),
		cmocka_unit_test(test_accepted_deletion),
		cmocka_unit_test(test_several_versions),
		cmocka_unit_test(test_definitions_are_checked),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_end_of_a_definition),
		cmocka_unit_test(test_refused_deletions),
		cmocka_unit_test(test_unserved_version),
		cmocka_unit_test(test_plurals_of_built_in_kinds),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_parts_by_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
