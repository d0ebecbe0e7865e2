/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-side apply on a custom kind whose schema has lists, maps and resources below the root.
 * Breaks when what a definition says of them does not rule merging, ownership and conflicts as it
 * does for built-in kinds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "fixture.h"

#define CRDS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define WIDGETS "/apis/example.com/v1/namespaces/default/widgets"

/* YAML, as a user writes it. */
static const char definition[] =
	"apiVersion: apiextensions.k8s.io/v1\n"
	"kind: CustomResourceDefinition\n"
	"metadata: {name: widgets.example.com}\n"
	"spec:\n"
	"  group: example.com\n"
	"  scope: Namespaced\n"
	"  names: {plural: widgets, kind: Widget}\n"
	"  versions:\n"
	"  - name: v1\n"
	"    served: true\n"
	"    storage: true\n"
	"    subresources: {status: {}}\n"
	"    schema:\n"
	"      openAPIV3Schema:\n"
	"        type: object\n"
	"        properties:\n"
	"          status: {type: object, properties: {phase: {type: string}}}\n"
	"          spec:\n"
	"            type: object\n"
	"            properties:\n"
	"              ports:\n"
	"                type: array\n"
	"                x-kubernetes-list-type: map\n"
	"                x-kubernetes-list-map-keys: [port, protocol]\n"
	"                items:\n"
	"                  type: object\n"
	"                  required: [port]\n"
	"                  properties:\n"
	"                    port: {type: integer}\n"
	"                    protocol: {type: string, default: TCP}\n"
	"                    name: {type: string}\n"
	"              tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}\n"
	"              args: {type: array, items: {type: string}}\n"
	"              limits:\n"
	"                type: object\n"
	"                x-kubernetes-map-type: atomic\n"
	"                additionalProperties: {type: string}\n"
	"              labels: {type: object, additionalProperties: {type: string}}\n"
	"              free: {type: object, x-kubernetes-preserve-unknown-fields: true}\n"
	"              size: {x-kubernetes-int-or-string: true}\n"
	"              count: {type: integer}\n"
	"              template:\n"
	"                type: object\n"
	"                x-kubernetes-embedded-resource: true\n"
	"                properties: {data: {type: string}}\n"
	"              groups:\n"
	"                type: object\n"
	"                additionalProperties:\n"
	"                  type: array\n"
	"                  x-kubernetes-list-type: map\n"
	"                  x-kubernetes-list-map-keys: [id]\n"
	"                  items:\n"
	"                    type: object\n"
	"                    required: [id]\n"
	"                    properties:\n"
	"                      id: {type: string}\n"
	"                      note: {type: string}\n"
	"                      roles: {type: array, x-kubernetes-list-type: set, items: {type: "
	"string}}\n";

struct row {
	const char *manager; /* of an apply; NULL: body is created */
	const char *spec;
	int status;
	const char *want[4]; /* each must be in the answer */
	const char *not_wanted;
};

static void open_with_definition(struct http_fixture *f)
{
	const char *body;

	http_fixture_open(f);
	assert_int_equal(http_fixture_do(f, "POST", CRDS, "Content-Type: application/yaml\r\n",
					 definition, &body),
			 201);
	http_fixture_until(f, WIDGETS, 200, NULL);
}

static void check(const char *body, const struct row *r)
{
	for (size_t i = 0; i < 4 && r->want[i]; i++) {
		if (!strstr(body, r->want[i]))
			print_message("%s\nnot there: %s\nin: %s\n", r->spec, r->want[i], body);
		assert_non_null(strstr(body, r->want[i]));
	}
	if (r->not_wanted && strstr(body, r->not_wanted))
		print_message("%s\nthere: %s\nin: %s\n", r->spec, r->not_wanted, body);
	assert_true(!r->not_wanted || !strstr(body, r->not_wanted));
}

static void run_row(struct http_fixture *f, const struct row *r)
{
	char path[256], object[2048];
	const char *answer;
	int status;

	snprintf(object, sizeof(object),
		 "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Widget\",\"metadata\":{\"name\":"
		 "\"w\"},\"spec\":%s}",
		 r->spec);
	snprintf(path, sizeof(path), WIDGETS "%s%s", r->manager ? "/w?fieldManager=" : "",
		 r->manager ? r->manager : "?fieldManager=maker");
	status = http_fixture_do(f, r->manager ? "PATCH" : "POST", path,
				 r->manager ? "Content-Type: application/apply-patch+yaml\r\n"
					    : "Content-Type: application/json\r\n",
				 object, &answer);
	if (status != r->status)
		print_message("%s\n%d %s\n", r->spec, status, answer);
	assert_int_equal(status, r->status);
	check(answer, r);
}

#define SCRIPT(name, ...)                                                   \
	static void name(void **state)                                      \
	{                                                                   \
		static const struct row rows[] = { __VA_ARGS__ };           \
		struct http_fixture f;                                      \
                                                                            \
		(void)state;                                                \
		open_with_definition(&f);                                   \
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) \
			run_row(&f, &rows[i]);                              \
		http_fixture_close(&f);                                     \
	}

/* What a create owns: structs, maps and lists that were not there before are new themselves. */
SCRIPT(test_created,
       { NULL,
	 "{\"ports\":[{\"port\":80}],\"tags\":[\"b\",\"a\"],\"args\":[\"x\"],\"limits\":{\"cpu\":"
	 "\"1\"},\"labels\":{\"l\":\"1\"},\"free\":{\"any\":{\"x\":[1]}},\"size\":\"5%\","
	 "\"template\":{\"apiVersion\":\"v1\",\"kind\":\"X\",\"metadata\":{\"name\":\"t\","
	 "\"finalizers\":[\"f/g\"]},\"data\":\"d\"}}",
	 201,
	 { "\"fieldsV1\":{\"f:spec\":{\".\":{},\"f:args\":{},\"f:free\":{\".\":{},\"f:any\":{\".\":"
	   "{},"
	   "\"f:x\":{}}},\"f:labels\":{\".\":{},\"f:l\":{}},\"f:limits\":{},\"f:ports\":{\".\":{},"
	   "\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:port\":{},"
	   "\"f:protocol\":{}}},\"f:size\":{},\"f:tags\":{\".\":{},\"v:\\\"a\\\"\":{},"
	   "\"v:\\\"b\\\"\":{}},\"f:template\":{\".\":{},\"f:apiVersion\":{},\"f:data\":{},"
	   "\"f:kind\":{},\"f:metadata\":{\".\":{},\"f:finalizers\":{\".\":{},"
	   "\"v:\\\"f/g\\\"\":{}},\"f:name\":{}}}}}}]" } })

/* What an apply owns: fields, not the structs that have them. */
SCRIPT(test_applied,
       { "a",
	 "{\"ports\":[{\"port\":80}],\"tags\":[\"a\"],\"args\":[\"x\"],\"limits\":{\"cpu\":\"1\"},"
	 "\"labels\":{\"l\":\"1\"},\"free\":{\"any\":{\"x\":1}},\"size\":5,\"groups\":{\"g\":[{"
	 "\"id\":\"1\",\"roles\":[\"r\"]}]},\"template\":{\"apiVersion\":\"v1\",\"kind\":\"X\","
	 "\"metadata\":{\"labels\":{\"k\":\"v\"}}}}",
	 201,
	 { "\"fieldsV1\":{\"f:spec\":{\"f:args\":{},\"f:free\":{\"f:any\":{\".\":{},\"f:x\":{}}},"
	   "\"f:groups\":{\"f:g\":{\".\":{},\"k:{\\\"id\\\":\\\"1\\\"}\":{\".\":{},\"f:id\":{},"
	   "\"f:roles\":{\"v:\\\"r\\\"\":{}}}}},\"f:labels\":{\"f:l\":{}},\"f:limits\":{},"
	   "\"f:ports\":{\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},"
	   "\"f:port\":{}}},\"f:size\":{},\"f:tags\":{\"v:\\\"a\\\"\":{}},\"f:template\":{"
	   "\"f:apiVersion\":{},\"f:kind\":{},\"f:metadata\":{\"f:labels\":{\"f:k\":{}}}}}}}]",
	   "\"operation\":\"Apply\"" } },
       /* Another one's items stand beside those, and what he sets alike is both's. */
       { "b",
	 "{\"ports\":[{\"port\":443,\"name\":\"tls\"}],\"tags\":[\"a\",\"b\"],\"labels\":{\"m\":"
	 "\"2\"},\"groups\":{\"g\":[{\"id\":\"1\",\"roles\":[\"s\"]},{\"id\":\"2\"}]}}",
	 200,
	 { "\"ports\":[{\"port\":80,\"protocol\":\"TCP\"},{\"port\":443,\"name\":\"tls\","
	   "\"protocol\":\"TCP\"}]",
	   "\"tags\":[\"a\",\"b\"]", "\"labels\":{\"l\":\"1\",\"m\":\"2\"}",
	   "\"groups\":{\"g\":[{\"id\":\"1\",\"roles\":[\"r\",\"s\"]},{\"id\":\"2\"}]}" } },
       /* What the first one applies no more goes, unless somebody else has it. */
       { "a",
	 "{\"args\":[\"x\"],\"tags\":[]}",
	 200,
	 { "\"ports\":[{\"port\":443,", "\"tags\":[\"a\",\"b\"]", "\"labels\":{\"m\":\"2\"}",
	   "\"groups\":{\"g\":[{\"id\":\"1\",\"roles\":[\"s\"]},{\"id\":\"2\"}]}" },
	 "\"limits\"" }, )

SCRIPT(test_conflicts,
       { "a",
	 "{\"ports\":[{\"port\":80,\"name\":\"x\"}],\"args\":[\"x\"],\"limits\":{\"cpu\":\"1\"},"
	 "\"labels\":{\"l\":\"1\"},\"free\":{\"any\":1},\"groups\":{\"g\":[{\"id\":\"1\",\"note\":"
	 "\"n\"}]},\"template\":{\"apiVersion\":\"v1\",\"kind\":\"X\",\"metadata\":{\"labels\":{"
	 "\"k\":\"v\"}}}}",
	 201 },
       { "b",
	 "{\"ports\":[{\"port\":80,\"protocol\":\"TCP\",\"name\":\"y\"}]}",
	 409,
	 { "conflict with \\\"a\\\": .spec.ports[port=80,protocol=\\\"TCP\\\"].name" } },
       { "b", "{\"ports\":[{\"port\":80,\"protocol\":\"UDP\",\"name\":\"y\"}]}", 200 },
       { "b",
	 "{\"limits\":{\"memory\":\"1\"}}",
	 409,
	 { "conflict with \\\"a\\\": .spec.limits\"" } },
       { "b", "{\"args\":[\"x\",\"y\"]}", 409, { "conflict with \\\"a\\\": .spec.args\"" } },
       { "b", "{\"labels\":{\"m\":\"1\"},\"free\":{\"other\":1}}", 200 },
       { "b", "{\"free\":{\"any\":2}}", 409, { "conflict with \\\"a\\\": .spec.free.any\"" } },
       { "b",
	 "{\"groups\":{\"g\":[{\"id\":\"1\",\"note\":\"m\"}]}}",
	 409,
	 { "conflict with \\\"a\\\": .spec.groups.g[id=\\\"1\\\"].note" } },
       { "b",
	 "{\"template\":{\"metadata\":{\"labels\":{\"k\":\"w\"}}}}",
	 409,
	 { "conflict with \\\"a\\\": .spec.template.metadata.labels.k" } },
       { "b&force=true",
	 "{\"limits\":{\"memory\":\"1\"}}",
	 200,
	 { "\"limits\":{\"memory\":\"1\"}" } },
       { "a",
	 "{\"limits\":{\"cpu\":\"1\"}}",
	 409,
	 { "conflict with \\\"b\\\": .spec.limits\"" } }, )

#define PATCH_REFUSED "failed to create typed patch object (/w; example.com/v1, Kind=Widget): "

SCRIPT(test_refused,
       { "a", "{\"foo\":1}", 500, { PATCH_REFUSED ".spec.foo: field not declared in schema" } },
       { "a",
	 "{\"ports\":[{\"port\":80,\"foo\":1}]}",
	 500,
	 { ".spec.ports[port=80,protocol=\\\"TCP\\\"].foo: field not declared in schema" } },
       { "a",
	 "{\"ports\":[{\"port\":80},{\"port\":80,\"protocol\":\"TCP\"}]}",
	 500,
	 { ".spec.ports: duplicate entries for key [port=80,protocol=\\\"TCP\\\"]" } },
       { "a",
	 "{\"tags\":[\"x\",\"x\"]}",
	 500,
	 { ".spec.tags: duplicate entries for key [=\\\"x\\\"]" } },
       { "a",
	 "{\"groups\":{\"g\":[{\"note\":\"x\"}]}}",
	 500,
	 { ".spec.groups.g: element 0: associative list with keys has an element that omits all "
	   "key fields [\\\"id\\\"] (and doesn't have default values for any key fields)" } },
       { "a",
	 "{\"count\":\"x\"}",
	 500,
	 { ".spec.count: expected numeric (int or float), got string" } },
       { "a", "{\"args\":{\"x\":1}}", 500, { ".spec.args: expected list, got" } },
       { "a", "{\"labels\":[1]}", 500, { ".spec.labels: expected map, got" } },
       { "a", "{\"labels\":{\"x\":1}}", 500, { ".spec.labels.x: expected string, got" } },
       { "a",
	 "{\"template\":{\"metadata\":{\"foo\":1}}}",
	 500,
	 { ".spec.template.metadata.foo: field not declared in schema" } },
       { "a", "{\"free\":{\"x\":{\"y\":[{\"z\":1},null]}},\"size\":\"10%\"}", 201 }, )

static int apply_spec(struct http_fixture *f, const char *manager, const char *spec,
		      const char **ret_answer)
{
	char path[256], object[1024];

	snprintf(path, sizeof(path), WIDGETS "/w?fieldManager=%s", manager);
	snprintf(object, sizeof(object),
		 "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Widget\",\"metadata\":{\"name\":"
		 "\"w\"},\"spec\":%s}",
		 spec);
	return http_fixture_do(f, "PATCH", path, "Content-Type: application/apply-patch+yaml\r\n",
			       object, ret_answer);
}

static void change_definition(struct http_fixture *f, const char *patch)
{
	assert_int_equal(http_fixture_do(f, "PATCH", CRDS "/widgets.example.com",
					 "Content-Type: application/json-patch+json\r\n", patch,
					 NULL),
			 200);
}

#define SPEC "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/"

/* Lists and maps that are replaced as a whole since the definition changed are owned as a whole. */
static void test_became_atomic(void **state)
{
	struct http_fixture f;
	const char *answer;

	open_with_definition(&f);
	assert_int_equal(apply_spec(&f, "a",
				    "{\"labels\":{\"x\":\"1\",\"y\":\"2\"},\"tags\":[\"t\"]}",
				    NULL),
			 201);
	change_definition(&f, "[{\"op\":\"add\",\"path\":\"" SPEC "labels/x-kubernetes-map-type\","
			      "\"value\":\"atomic\"},{\"op\":\"replace\",\"path\":\"" SPEC
			      "tags/x-kubernetes-list-type\",\"value\":\"atomic\"}]");
	http_fixture_until(&f, "/openapi/v3/apis/example.com/v1", 200,
			   "\"x-kubernetes-list-type\":\"atomic\"");
	assert_int_equal(apply_spec(&f, "b", "{\"labels\":{\"x\":\"1\"}}", &answer), 409);
	assert_non_null(strstr(answer, "conflict with \\\"a\\\": .spec.labels\""));
	assert_int_equal(apply_spec(&f, "b", "{\"count\":1}", &answer), 200);
	assert_non_null(strstr(answer, "\"f:labels\":{},\"f:tags\":{}}}"));
	http_fixture_close(&f);
}

#define V0 "/apis/example.com/v0/namespaces/default/widgets"

/* Who owns fields in a version that the definition has no more ends an apply; an update forgets all
 * owners. */
static void test_version_gone(void **state)
{
	struct http_fixture f;
	const char *answer;

	open_with_definition(&f);
	change_definition(&f, "[{\"op\":\"copy\",\"from\":\"/spec/versions/0\",\"path\":"
			      "\"/spec/versions/1\"},{\"op\":\"replace\",\"path\":"
			      "\"/spec/versions/1/name\",\"value\":\"v0\"},{\"op\":\"replace\","
			      "\"path\":\"/spec/versions/1/storage\",\"value\":false}]");
	http_fixture_until(&f, V0, 200, NULL);
	assert_int_equal(http_fixture_do(&f, "PATCH", V0 "/w?fieldManager=a",
					 "Content-Type: application/apply-patch+yaml\r\n",
					 "{\"apiVersion\":\"example.com/v0\",\"kind\":\"Widget\","
					 "\"metadata\":{\"name\":\"w\"},\"spec\":{\"count\":1}}",
					 NULL),
			 201);
	change_definition(&f, "[{\"op\":\"remove\",\"path\":\"/spec/versions/1\"}]");
	http_fixture_until(&f, V0, 404, NULL);
	assert_int_equal(apply_spec(&f, "b", "{\"count\":1}", &answer), 500);
	assert_non_null(strstr(answer, "\"message\":\"request to convert CR to an invalid "
				       "group/version: example.com/v0\""));
	assert_int_equal(http_fixture_do(&f, "PATCH", WIDGETS "/w",
					 "Content-Type: application/merge-patch+json\r\n",
					 "{\"spec\":{\"count\":2}}", &answer),
			 200);
	assert_null(strstr(answer, "managedFields"));
	http_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_created),	      cmocka_unit_test(test_applied),
		cmocka_unit_test(test_conflicts),     cmocka_unit_test(test_refused),
		cmocka_unit_test(test_became_atomic), cmocka_unit_test(test_version_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
