/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CustomResourceDefinition is refused for, over HTTP. Breaks when something that upstream
 * refuses is let in, or is refused in other words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "fixture.h"

#define JSON "Content-Type: application/json\r\n"
#define PATCH "Content-Type: application/json-patch+json\r\n"
#define CRDS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

static void want(struct http_fixture *f, const char *method, const char *path, const char *headers,
		 const char *sent, int status, const char *text)
{
	const char *body;
	int got = http_fixture_do(f, method, path, headers, sent, &body);

	if (got != status || (text && !strstr(body, text)))
		print_message("%.400s\n%d %.500s\nwanted %d %s\n", sent, got, body, status,
			      text ? text : "");
	assert_int_equal(got, status);
	assert_true(!text || strstr(body, text));
}

static void define(char *to, size_t size, const char *version, const char *schema)
{
	snprintf(to, size,
		 "{\"metadata\":{\"name\":\"things.example.com\"},\"spec\":{\"group\":"
		 "\"example.com\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"things\","
		 "\"kind\":"
		 "\"Thing\"},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true%s,"
		 "\"schema\":{\"openAPIV3Schema\":%s}}]}}",
		 version, schema);
}

struct row {
	const char *schema; /* of spec, or of the root when it begins with '!' */
	const char *text;   /* NULL: it is fine */
};

static void run_rows(const struct row *rows, size_t count, const char *version)
{
	struct http_fixture f;
	char schema[2048], body[4096];

	http_fixture_open(&f);
	for (size_t i = 0; i < count; i++) {
		const char *given = rows[i].schema;

		if (given[0] == '!')
			snprintf(schema, sizeof(schema), "%s", given + 1);
		else
			snprintf(schema, sizeof(schema),
				 "{\"type\":\"object\",\"properties\":{\"spec\":%s}}", given);
		define(body, sizeof(body), version, schema);
		want(&f, "POST", CRDS "?dryRun=All", JSON, body, rows[i].text ? 422 : 201,
		     rows[i].text);
	}
	http_fixture_close(&f);
}

#define ROWS(name, version, ...)                                         \
	static void name(void **state)                                   \
	{                                                                \
		static const struct row rows[] = { __VA_ARGS__ };        \
                                                                         \
		(void)state; /* each test makes its own */               \
		run_rows(rows, sizeof(rows) / sizeof(rows[0]), version); \
	}

#define SPEC "openAPIV3Schema.properties[spec]"

/* Values are specified once, outside of junctors. */
ROWS(test_structural, "",
     { "{\"type\":\"object\",\"properties\":{\"a\":{\"x-kubernetes-int-or-string\":true,\"anyOf\":["
       "{"
       "\"type\":\"integer\"},{\"type\":\"string\"}]}}}",
       NULL },
     { "{\"x-kubernetes-int-or-string\":true,\"allOf\":[{\"anyOf\":[{\"type\":\"integer\"},{"
       "\"type\":"
       "\"string\"}]},{\"minimum\":1}]}",
       NULL },
     { "{\"type\":\"string\",\"anyOf\":[{\"type\":\"string\"}]}",
       SPEC ".anyOf[0].type: Forbidden: must be empty to be structural" },
     { "{\"type\":\"string\",\"allOf\":[{\"default\":\"x\"}]}",
       SPEC ".allOf[0].default: Forbidden: must be undefined to be structural" },
     { "{\"type\":\"string\",\"not\":{\"nullable\":true}}",
       SPEC ".not.nullable: Forbidden: must be false to be structural" },
     { "{\"type\":\"string\",\"oneOf\":[{\"description\":\"x\"}]}",
       SPEC ".oneOf[0].description: Forbidden: must be empty to be structural" },
     { "{\"type\":\"string\",\"oneOf\":[{\"x-kubernetes-validations\":[{\"rule\":\"true\"}]}]}",
       SPEC ".oneOf[0].x-kubernetes-validations: Forbidden: must be empty to be structural" },
     { "!{\"type\":\"object\",\"anyOf\":[{\"properties\":{\"a\":{\"minimum\":1}}}]}",
       "openAPIV3Schema.properties[a]: Required value: because it is defined in "
       "spec.validation.openAPIV3Schema.anyOf[0].properties[a]" },
     { "{\"type\":\"object\",\"x-kubernetes-embedded-resource\":true}",
       SPEC ".properties: Required value: must not be empty if x-kubernetes-embedded-resource is "
	    "true without x-kubernetes-preserve-unknown-fields" },
     { "{\"type\":\"string\",\"x-kubernetes-embedded-resource\":true,"
       "\"x-kubernetes-preserve-unknown-fields\":true}",
       SPEC ".type: Invalid value: \\\"string\\\": must be object if "
	    "x-kubernetes-embedded-resource is true" },
     { "{\"x-kubernetes-int-or-string\":true,\"x-kubernetes-preserve-unknown-fields\":true}",
       "x-kubernetes-preserve-unknown-fields: Invalid value: true: must be false if "
       "x-kubernetes-int-or-string is true" },
     { "{\"type\":\"array\"}", SPEC ".items: Required value: must be specified" },
     { "{\"type\":\"array\",\"items\":{}}",
       SPEC ".items.type: Required value: must not be empty for specified array items" },
     { "!{\"type\":\"object\",\"properties\":{\"metadata\":{\"type\":\"object\",\"properties\":{"
       "\"labels\":{\"type\":\"object\"}}}}}",
       "properties[metadata]: Forbidden: must not specify anything other than name and "
       "generateName, but metadata is implicitly specified" },
     { "!{\"type\":\"object\",\"properties\":{\"metadata\":{\"type\":\"object\",\"properties\":{"
       "\"name\":{\"type\":\"string\",\"maxLength\":5}}}}}",
       NULL },
     { "!{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}",
       "openAPIV3Schema.additionalProperties: Forbidden: must not be used at the root" },
     { "!{\"type\":\"string\"}",
       "openAPIV3Schema.type: Invalid value: \\\"string\\\": must be object at the root" },
     { "!{\"type\":\"object\",\"nullable\":true}",
       "openAPIV3Schema.nullable: Forbidden: nullable cannot be true at the root" },
     { "{\"type\":\"string\",\"pattern\":\"[\"}",
       SPEC ".pattern: Invalid value: \\\"[\\\": must be a valid regular expression, but isn't: "
	    "error parsing regexp: missing closing ]: `[`" }, )

ROWS(test_openapi, "",
     { "{\"type\":\"strange\"}",
       SPEC ".type: Unsupported value: \\\"strange\\\": supported values: \\\"array\\\", "
	    "\\\"boolean\\\", \\\"integer\\\", \\\"number\\\", \\\"object\\\", \\\"string\\\"" },
     { "{\"type\":\"string\",\"$ref\":\"x\"}", SPEC ".$ref: Forbidden: $ref is not supported" },
     { "{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"type\":\"string\"}}",
       "uniqueItems cannot be set to true since the runtime complexity becomes quadratic" },
     { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"additionalProperties\":"
       "{"
       "\"type\":\"string\"}}",
       "additionalProperties and properties are mutual exclusive" },
     { "{\"type\":\"object\",\"x-kubernetes-map-type\":\"odd\"}",
       "x-kubernetes-map-type: Unsupported value: \\\"odd\\\": supported values: \\\"atomic\\\", "
       "\\\"granular\\\"" },
     { "{\"type\":\"string\",\"x-kubernetes-map-type\":\"atomic\"}",
       SPEC ".type: Invalid value: \\\"string\\\": must be object if x-kubernetes-map-type is "
	    "specified" },
     { "{\"type\":\"string\",\"x-kubernetes-list-type\":\"set\"}",
       SPEC ".type: Invalid value: \\\"string\\\": must be array if x-kubernetes-list-type is "
	    "specified" },
     { "{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"object\"}}",
       SPEC ".items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list "
	    "with x-kubernetes-list-type=set" },
     { "{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\","
       "\"nullable\":true}}",
       "cannot be nullable when x-kubernetes-list-type is set" },
     { "{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"items\":{\"type\":\"object\"}}",
       SPEC ".x-kubernetes-list-map-keys: Required value: must not be empty if "
	    "x-kubernetes-list-type is map" },
     { "{\"type\":\"array\",\"x-kubernetes-list-map-keys\":[\"a\"],\"items\":{\"type\":\"object\"}"
       "}",
       SPEC ".x-kubernetes-list-type: Required value: must be map if x-kubernetes-list-map-keys "
	    "is non-empty" },
     { "{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":["
       "\"a\"],"
       "\"items\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}",
       SPEC ".items.properties[a].default: Required value: this property is in "
	    "x-kubernetes-list-map-keys, so it must have a default or be a required property" },
     { "{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":["
       "\"b\"],"
       "\"items\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}",
       "entries must all be names of item properties" },
     { "{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":["
       "\"a\","
       "\"a\"],\"items\":{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":"
       "\"string\"}}}}",
       "must not contain duplicate entries" },
     { "{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":["
       "\"a\"],"
       "\"items\":{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":"
       "\"array\","
       "\"items\":{\"type\":\"string\"}}}}}",
       "must be a scalar type if parent array's x-kubernetes-list-type is map" },
     { "{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":false}",
       "x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined" }, )

ROWS(test_defaults, "",
     { "{\"type\":\"object\",\"default\":{},\"properties\":{\"a\":{\"type\":\"string\",\"default\":"
       "\"x\"}}}",
       NULL },
     { "{\"type\":\"integer\",\"default\":\"x\"}",
       SPEC ".default: Invalid value: \\\"string\\\":  in body must be of type integer: "
	    "\\\"string\\\"" },
     { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"default\":{\"a\":"
       "\"x\"}}",
       SPEC ".default.a: Invalid value: \\\"string\\\": a in body must be of type integer: "
	    "\\\"string\\\"" },
     { "{\"type\":\"integer\",\"minimum\":5,\"default\":1}",
       "should be greater than or equal to 5" },
     { "{\"type\":\"object\",\"default\":{\"b\":1},\"properties\":{\"a\":{\"type\":\"string\"}}}",
       SPEC ".default: Invalid value: {\\\"b\\\":1}: must not have unknown fields" },
     { "{\"type\":\"string\",\"default\":\"x\",\"x-kubernetes-validations\":[{\"rule\":\"self != "
       "'x'\","
       "\"message\":\"no x\"}]}",
       SPEC ".default: Invalid value: \\\"x\\\": no x" },
     { "!{\"type\":\"object\",\"properties\":{\"metadata\":{\"type\":\"object\",\"properties\":{"
       "\"name\":{\"type\":\"string\",\"default\":\"x\"}}}}}",
       "properties[metadata].properties[name].default: Forbidden: must not be set in top-level "
       "metadata" }, )

#define RULE SPEC ".x-kubernetes-validations[0]"
ROWS(test_rules, "",
     { "{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\" \"}]}",
       RULE ".rule: Required value: rule is not specified" },
     { "{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\"true\",\"message\":"
       "\"a\\nb\"}]}",
       RULE ".message: Invalid value: \\\"a\\\\nb\\\": must not contain line breaks" },
     { "{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\"self ==\\n'x'\"}]}",
       RULE ".message: Required value: message must be specified if rule contains line breaks" },
     { "{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\"true\",\"reason\":\"Odd\"}]"
       "}",
       RULE ".reason: Unsupported value: \\\"Odd\\\": supported values: "
	    "\\\"FieldValueDuplicate\\\", \\\"FieldValueForbidden\\\", \\\"FieldValueInvalid\\\", "
	    "\\\"FieldValueRequired\\\"" },
     { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"x-kubernetes-"
       "validations\":"
       "[{\"rule\":\"true\",\"fieldPath\":\".b\"}]}",
       RULE ".fieldPath: Invalid value: \\\".b\\\": must be a valid path" },
     { "{\"type\":\"object\",\"properties\":{\"it's\":{\"type\":\"string\"}},\"x-kubernetes-"
       "validations\":[{\"rule\":\"true\",\"fieldPath\":\"['it\\\\'s']\"}]}",
       NULL },
     { "{\"type\":\"object\",\"properties\":{\"q\":{\"type\":\"string\"}},\"x-kubernetes-"
       "validations\":[{\"rule\":\"true\",\"fieldPath\":\"['\\\\q']\"}]}",
       "must be a valid path" },
     { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"additionalProperties\":{"
       "\"type\":\"string\"}}},\"x-kubernetes-validations\":[{\"rule\":\"true\",\"fieldPath\":"
       "\".a['x.y']\"}]}",
       NULL },
     { "{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\"self.nope()\"}]}",
       RULE ".rule: Invalid value: " },
     { "{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\"self\"}]}",
       RULE ".rule: Invalid value: {\\\"Rule\\\":\\\"self\\\",\\\"Message\\\":\\\"\\\","
	    "\\\"MessageExpression\\\":\\\"\\\",\\\"Reason\\\":null,\\\"FieldPath\\\":\\\"\\\","
	    "\\\"OptionalOldSelf\\\":null}: cel expression must evaluate to a bool" },
     { "{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\"foo > 1\"}]}",
       RULE ".rule: Invalid value: {\\\"Rule\\\":\\\"foo \\\\u003e 1\\\"," },
     { "{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\"true\",\"reason\":\"Odd\"}]"
       "}",
       "is invalid: spec.validation." RULE ".reason: Unsupported value" }, /* once */
     { "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"x-kubernetes-validations\":[{"
       "\"rule\":\"self.nope()\"}]},\"uniqueItems\":true}",
       SPEC ".uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime "
	    "complexity becomes quadratic, spec.validation." SPEC
	    ".items.x-kubernetes-validations[0].rule: " }, /* what is below is looked at */
     { "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"x-kubernetes-validations\":[{"
       "\"rule\":\"self.nope()\"}]},\"x-kubernetes-validations\":[{\"rule\":\"self\"}]}",
       "is invalid: [spec.validation." SPEC ".items.x-kubernetes-validations[0].rule: " },
     { "{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\"true\",\"optionalOldSelf\":"
       "true}]}",
       RULE
       ".optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule" },
     { "{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\"!oldSelf.hasValue() || "
       "oldSelf.value() == self\",\"optionalOldSelf\":true}]}",
       NULL },
     { "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":"
       "\"self == oldSelf\"}]}}",
       "oldSelf cannot be used on the uncorrelatable portion of the schema within "
       "spec.validation." SPEC },
     { "{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"x-kubernetes-validations\":[{"
       "\"rule\":"
       "\"self.all(x, self.all(y, x == y))\"}]}",
       RULE ".rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try "
	    "simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, "
	    "maps, and strings are declared)" }, )

/* Beside the schema. */
static void test_versions(void **state)
{
	static const struct {
		const char *version, *text;
	} rows[] = {
		{ ",\"additionalPrinterColumns\":[{\"name\":\"a\",\"type\":\"odd\",\"jsonPath\":\"."
		  "a\"}]",
		  "additionalPrinterColumns[0].type: Invalid value: \\\"odd\\\": must be one of "
		  "boolean,date,integer,number,string" },
		{ ",\"additionalPrinterColumns\":[{\"name\":\"a\",\"type\":\"string\",\"jsonPath\":"
		  "\"a\"}]",
		  "additionalPrinterColumns[0].JSONPath: Invalid value: \\\"a\\\": must be a "
		  "simple "
		  "json path starting with ." },
		{ ",\"additionalPrinterColumns\":[{\"name\":\"a\",\"type\":\"string\",\"format\":"
		  "\"odd\","
		  "\"jsonPath\":\".a\"}]",
		  "format: Invalid value: \\\"odd\\\": must be one of "
		  "byte,date,date-time,double," },
		{ ",\"subresources\":{\"scale\":{\"specReplicasPath\":\".status.a\","
		  "\"statusReplicasPath\":\".status.a\"}}",
		  "subresources.scale.specReplicasPath: Invalid value: \\\".status.a\\\": should "
		  "be "
		  "a json path under .spec" },
		{ ",\"subresources\":{\"scale\":{\"specReplicasPath\":\".spec.a\","
		  "\"statusReplicasPath\":\".status.a\",\"labelSelectorPath\":\".x\"}}",
		  "should be a json path under either .spec or .status" },
		{ ",\"selectableFields\":[{\"jsonPath\":\".spec.a\"}]", NULL },
		{ ",\"selectableFields\":[{\"jsonPath\":\".spec.c\"}]",
		  "selectableFields[0].jsonPath: Invalid value: \\\".spec.c\\\": is an invalid "
		  "path: does not refer to a valid field" },
		{ ",\"selectableFields\":[{\"jsonPath\":\".spec.o\"}]",
		  "must point to a field of type string, boolean or integer." },
		{ ",\"selectableFields\":[{\"jsonPath\":\".metadata.name\"}]",
		  "must not point to fields in metadata" },
		{ ",\"selectableFields\":[{\"jsonPath\":\".spec.a\"},{\"jsonPath\":\".spec.a\"}]",
		  "selectableFields[1].jsonPath: Duplicate value: \\\".spec.a\\\"" },
		{ ",\"deprecated\":true,\"deprecationWarning\":\"\"",
		  "deprecationWarning: Invalid value: \\\"\\\": must not be an empty string" },
		{ ",\"deprecationWarning\":\"x\"",
		  "deprecationWarning: Invalid value: \\\"x\\\": can only be set for deprecated "
		  "versions" },
	};
	struct http_fixture f;
	char body[4096];

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		define(body, sizeof(body), rows[i].version,
		       "{\"type\":\"object\",\"properties\":{\"metadata\":{\"type\":\"object\","
		       "\"properties\":{\"name\":{\"type\":\"string\"}}},\"spec\":{\"type\":"
		       "\"object\","
		       "\"properties\":{\"a\":{\"type\":\"string\"},\"o\":{\"type\":\"object\"}}}}"
		       "}");
		want(&f, "POST", CRDS "?dryRun=All", JSON, body, rows[i].text ? 422 : 201,
		     rows[i].text);
	}
	http_fixture_close(&f);
}

#define BUDGET_SCHEMA                                                                         \
	"{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{" \
	"\"a\":{"                                                                             \
	"\"type\":\"string\"}}}}}"

/* What may change, and how groups of Kubernetes' own are told apart. */
static void test_updates(void **state)
{
	static const struct {
		const char *patch;
		int status;
		const char *text;
	} rows[] = {
		{ "[{\"op\":\"replace\",\"path\":\"/spec/scope\",\"value\":\"Cluster\"}]", 422,
		  "spec.scope: Invalid value: \\\"Cluster\\\": field is immutable" },
		{ "[{\"op\":\"replace\",\"path\":\"/spec/names/kind\",\"value\":\"Other\"}]", 422,
		  "spec.names.kind: Invalid value: \\\"Other\\\": field is immutable" },
		{ "[{\"op\":\"add\",\"path\":\"/spec/names/shortNames\",\"value\":[\"A\"]}]", 422,
		  "spec.names.shortNames[0]: Invalid value: \\\"A\\\": a DNS-1035 label must" },
		{ "[{\"op\":\"add\",\"path\":\"/spec/preserveUnknownFields\",\"value\":true}]", 422,
		  "spec.preserveUnknownFields: Invalid value: true: cannot set to true" },
		{ "[{\"op\":\"replace\",\"path\":\"/spec/versions/0/name\",\"value\":\"1\"}]", 422,
		  "spec.versions[0].name: Invalid value: \\\"1\\\": a DNS-1035 label must" },
		{ "[{\"op\":\"add\",\"path\":\"/spec/versions/"
		  "-\",\"value\":{\"name\":\"v1\",\"served\":"
		  "true,\"storage\":false,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}}"
		  "]",
		  422,
		  "spec.versions: Invalid value: [{\\\"Name\\\":\\\"v1\\\",\\\"Served\\\":true,"
		  "\\\"Storage\\\":true,\\\"Deprecated\\\":false,\\\"DeprecationWarning\\\":null,"
		  "\\\"Schema\\\":{\\\"OpenAPIV3Schema\\\":{\\\"ID\\\":\\\"\\\",\\\"Schema\\\":"
		  "\\\"\\\",\\\"Ref\\\":null," },
		{ "[{\"op\":\"add\",\"path\":\"/spec/versions/"
		  "-\",\"value\":{\"name\":\"v2\",\"served\":"
		  "true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}}"
		  "]",
		  422, "must have exactly one version marked as storage version" },
		{ "[{\"op\":\"replace\",\"path\":\"/spec/versions/0/storage\",\"value\":false}]",
		  422, "must have exactly one version marked as storage version" },
	};
	struct http_fixture f;
	char body[4096];

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	define(body, sizeof(body), "", BUDGET_SCHEMA);
	want(&f, "POST", CRDS, JSON, body, 201, NULL);
	http_fixture_until(&f, "/apis/example.com/v1/things", 200, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		want(&f, "PATCH", CRDS "/things.example.com", PATCH, rows[i].patch, rows[i].status,
		     rows[i].text);
	http_fixture_close(&f);
}

/* Would break: a definition of what is built in takes its place, or takes its objects along. */
static void test_built_in(void **state)
{
	static const char base[] =
		"{\"metadata\":{\"name\":\"apiservices.apiregistration.k8s.io\",\"annotations\":{"
		"\"api-approved.kubernetes.io\":\"unapproved, a test\"}},\"spec\":{\"group\":"
		"\"apiregistration.k8s.io\",\"scope\":\"Cluster\",\"names\":{\"plural\":"
		"\"apiservices\","
		"\"kind\":\"Mine\"},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":"
		"true,"
		"\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}";
	static const char service[] =
		"{\"metadata\":{\"name\":\"v1.example.com\"},\"spec\":{\"group\":"
		"\"example.com\",\"version\":\"v1\",\"groupPriorityMinimum\":100,"
		"\"versionPriority\":100}}";
	const char *services = "/apis/apiregistration.k8s.io/v1/apiservices";
	const char *definition = CRDS "/apiservices.apiregistration.k8s.io", *body;
	struct http_fixture f;
	int status = 200, tries = 0;

	http_fixture_open(&f);
	want(&f, "POST", services, JSON, service, 201, NULL);
	want(&f, "POST", CRDS, JSON, base, 201, NULL);
	do
		(void)http_fixture_do(&f, "GET", definition, "", NULL, &body);
	while (!strstr(body, "\"status\":\"True\",\"type\":\"Established\"") && ++tries < 100);
	assert_true(tries < 100);
	want(&f, "GET", "/apis/apiregistration.k8s.io/v1", "", NULL, 200, "\"APIService\"");
	(void)http_fixture_do(&f, "GET", "/apis/apiregistration.k8s.io/v1", "", NULL, &body);
	assert_null(strstr(body, "Mine"));
	want(&f, "DELETE", definition, "", NULL, 200, NULL);
	for (int i = 0; i < 50 && status != 404; i++)
		status = http_fixture_do(&f, "GET", definition, "", NULL, &body);
	assert_int_equal(status, 404);
	want(&f, "GET", "/apis/apiregistration.k8s.io/v1/apiservices/v1.example.com", "", NULL, 200,
	     NULL);
	http_fixture_close(&f);
}

static void test_approval(void **state)
{
	static const struct {
		const char *annotation;
		int status;
		const char *text;
	} rows[] = {
		{ "", 422, "Required value: protected groups must have approval annotation" },
		{ "x", 422, "with either a URL or a reason starting with \\\"unapproved\\\", see" },
		{ "https://github.com/x", 201, NULL },
	};
	struct http_fixture f;
	char body[1024];

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(body, sizeof(body),
			 "{\"metadata\":{\"name\":\"things.x.k8s.io\",\"annotations\":{"
			 "\"api-approved.kubernetes.io\":\"%s\"}},\"spec\":{\"group\":\"x.k8s.io\","
			 "\"scope\":\"Cluster\",\"names\":{\"plural\":\"things\",\"kind\":"
			 "\"Thing\"},"
			 "\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,"
			 "\"schema\":{"
			 "\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}",
			 rows[i].annotation);
		want(&f, "POST", CRDS, JSON, body, rows[i].status, rows[i].text);
	}
	http_fixture_until(&f, CRDS "/things.x.k8s.io", 200,
			   "\"message\":\"approved in https://github.com/x\",\"reason\":"
			   "\"ApprovedAnnotation\",\"status\":\"True\",\"type\":"
			   "\"KubernetesAPIApprovalPolicyConformant\"");
	http_fixture_close(&f);
}

#define FORMATTED(a, b)                                                                      \
	"{'metadata':{'name':'things.example.com'},'spec':{'group':'example.com','scope':"   \
	"'Cluster','names':{'plural':'things','kind':'Thing'},'versions':[{'name':'v1',"     \
	"'served':true,'storage':true,'schema':{'openAPIV3Schema':{'type':'object',"         \
	"'properties':{'a':{'type':'string','format':'" a "'},'l':{'type':'array','items':{" \
	"'type':'integer','format':'" b "'}}}}}}]}}"

/* Breaks when a format that nothing is held to goes unnoticed, or is told of again and again. */
static void test_formats(void **state)
{
	static const struct step steps[] = {
		{ "POST", CRDS "?dryRun=All", FORMATTED("date-time", "int32"), 201, NULL, NULL },
		{ "POST", CRDS, FORMATTED("colour", "int32"), 201, NULL,
		  "unrecognized format \\\"colour\\\"" },
		{ "PATCH", CRDS "/things.example.com", FORMATTED("colour", "int16"), 200, NULL,
		  "unrecognized format \\\"int16\\\"" },
	};
	struct http_fixture f;

	(void)state; /* each test makes its own */
	http_fixture_open(&f);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		run_step(&f, &steps[i]);
	assert_null(strstr(http_fixture_head(&f), "format \\\"colour"));
	http_fixture_close(&f);
}

/* Each item of each list has a default list: from a few lines grow a hundred million items. */
static void test_many_defaults(void **state)
{
	static const char items[] = "[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]";
	struct http_fixture f;
	char schema[8192] = "{\"type\":\"object\"}", inner[8192], body[16384];

	(void)state;
	http_fixture_open(&f);
	for (int i = 0; i < 6; i++) {
		memcpy(inner, schema, sizeof(inner));
		snprintf(schema, sizeof(schema),
			 "{\"type\":\"object\",\"properties\":{\"l\":{\"type\":\"array\","
			 "\"default\":%s,"
			 "\"items\":%.6000s}}}",
			 items, inner);
	}
	define(body, sizeof(body), "", schema);
	want(&f, "POST", CRDS, JSON, body, 201, NULL);
	http_fixture_until(&f, "/apis/example.com/v1/namespaces/default/things", 200, NULL);
	want(&f, "POST", "/apis/example.com/v1/namespaces/default/things", JSON,
	     "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"a\"}}",
	     422, "its defaults must have at most 500000 values");
	want(&f, "POST", "/apis/example.com/v1/namespaces/default/things", JSON,
	     "{\"apiVersion\":\"example.com/"
	     "v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"a\"},\"l\":[]}",
	     201, "\"l\":[]");
	http_fixture_close(&f);
}

#define HOOKED(bundle)                                                                       \
	"[{\"op\":\"add\",\"path\":\"/spec/"                                                 \
	"conversion\",\"value\":{\"strategy\":\"Webhook\",\"webhook\":{"                     \
	"\"conversionReviewVersions\":[\"v1\"],\"clientConfig\":{\"url\":\"https://a.b/c\"," \
	"\"caBundle\":\"" bundle "\"}}}}]"
#define BUNDLE_ERROR "spec.conversion.webhookClientConfig.caBundle: Invalid value: "
/* of "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", then with a DER sequence */
#define NO_DER "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
#define A_DER "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1BTUNBUUU9Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K"
#define A_KEY "LS0tLS1CRUdJTiBLRVktLS0tLQpBQUFBCi0tLS0tRU5EIEtFWS0tLS0tCg=="

/* A bundle without certificates makes a definition useless once it is at work. */
static void test_bundles(void **state)
{
	struct http_fixture f;
	char body[4096];

	(void)state;
	http_fixture_open(&f);
	define(body, sizeof(body), "", "{\"type\":\"object\"}");
	want(&f, "POST", CRDS, JSON, body, 201, NULL);
	http_fixture_until(&f, "/apis/example.com/v1/namespaces/default/things", 200, NULL);
	want(&f, "PATCH", CRDS "/things.example.com", PATCH, HOOKED("AAAA"), 422,
	     BUNDLE_ERROR
	     "\\\"AAAA\\\": unable to load root certificates: unable to parse bytes as PEM "
	     "block");
	want(&f, "PATCH", CRDS "/things.example.com", PATCH, HOOKED(NO_DER), 422,
	     "failed to parse certificate: x509: malformed certificate");
	want(&f, "PATCH", CRDS "/things.example.com", PATCH, HOOKED(A_KEY), 422,
	     "no valid certificate authority data seen");
	want(&f, "PATCH", CRDS "/things.example.com", PATCH, HOOKED(A_DER), 200, NULL);
	http_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structural), cmocka_unit_test(test_openapi),
		cmocka_unit_test(test_defaults),   cmocka_unit_test(test_rules),
		cmocka_unit_test(test_versions),   cmocka_unit_test(test_updates),
		cmocka_unit_test(test_approval),   cmocka_unit_test(test_built_in),
		cmocka_unit_test(test_formats),	   cmocka_unit_test(test_many_defaults),
		cmocka_unit_test(test_bundles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
