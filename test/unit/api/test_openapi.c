/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI documents: complete in themselves, and with what kubectl looks for in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "api/openapi.h"
#include "codec/json.h"

#define DOCUMENT_BYTES_MAX ((size_t)64 << 20)

static struct kind_set kinds; /* the built-in ones */

static void check_refs(yyjson_val *at, yyjson_val *schemas, const char *prefix, size_t *count)
{
	JSON_EACH (item, at)
		check_refs(item, schemas, prefix, count);
	JSON_MEMBERS (key, value, at) {
		struct str target = json_str(value);

		if (yyjson_is_str(value) && str_eq(json_str(key), STR("$ref"))) {
			++*count;
			assert_true(str_strip_prefix(&target, str_from(prefix)));
			if (!json_key(schemas, target))
				fail_msg("$ref to " STR_FMT " leads nowhere", STR_ARG(target));
		}
		check_refs(value, schemas, prefix, count);
	}
}

static yyjson_doc *v3_document(const char *group, const char *version)
{
	struct buf text;
	struct err err = { 0 };
	yyjson_doc *doc;

	buf_init(&text, DOCUMENT_BYTES_MAX);
	if (openapi_v3_write(&kinds, str_from(group), str_from(version), &text, &err) < 0)
		fail_msg("%s", err.msg);
	doc = json_parse(buf_str(&text), DOCUMENT_BYTES_MAX, &err);
	if (!doc)
		fail_msg("%s", err.msg);
	buf_deinit(&text);
	return doc;
}

/* Would break: clients that follow references would fail on the whole group. */
static void test_every_reference_resolves(void **state)
{
	struct buf text;
	yyjson_doc *doc;
	size_t count = 0;

	for (size_t i = 0; i < kind_group_count; i++) {
		if (!kind_groups[i].enabled)
			continue;
		doc = v3_document(kind_groups[i].group.ptr, kind_groups[i].version.ptr);
		check_refs(yyjson_doc_get_root(doc),
			   json_get(yyjson_doc_get_root(doc), "components.schemas"),
			   "#/components/schemas/", &count);
		json_free(doc);
	}
	assert_true(count > 1000);
	count = 0;
	buf_init(&text, DOCUMENT_BYTES_MAX);
	openapi_v2_write(&kinds, &text);
	doc = json_parse(buf_str(&text), DOCUMENT_BYTES_MAX, NULL);
	assert_non_null(doc);
	check_refs(yyjson_doc_get_root(doc), json_get(yyjson_doc_get_root(doc), "definitions"),
		   "#/definitions/", &count);
	assert_true(count > 1000);
	json_free(doc);
	buf_deinit(&text);
}

/* Would break: kubectl apply would not validate on the server, or merge lists as a whole. */
static void test_what_kubectl_reads(void **state)
{
	yyjson_doc *doc = v3_document("apps", "v1");
	yyjson_val *root = yyjson_doc_get_root(doc), *paths, *patch, *spec;
	bool validation = false;

	paths = json_get(root, "paths");
	patch = json_get(
		json_key(paths, STR("/apis/apps/v1/namespaces/{namespace}/deployments/{name}")),
		"patch");
	assert_non_null(patch);
	JSON_EACH (parameter, json_get(patch, "parameters"))
		validation |= str_eq(json_get_str(parameter, "name"), STR("fieldValidation"));
	assert_true(validation);
	assert_true(str_eq(
		json_get_str(json_key(patch, STR("x-kubernetes-group-version-kind")), "kind"),
		STR("Deployment")));
	assert_non_null(json_key(json_get(patch, "requestBody.content"),
				 STR("application/strategic-merge-patch+json")));
	spec = json_key(json_get(root, "components.schemas"), STR("io.k8s.api.core.v1.PodSpec"));
	assert_true(str_eq(json_str(json_key(json_get(spec, "properties.containers"),
					     STR("x-kubernetes-patch-merge-key"))),
			   STR("name")));
	json_free(doc);
}

/* Would break: a client would wait for a document that is announced but not there. */
/* Generators of clients name their functions by these. */
static void test_operations_have_names(void **state)
{
	static const struct {
		const char *path, *method, *name;
	} cases[] = {
		{ "/api/v1/pods", "get", "listCoreV1PodForAllNamespaces" },
		{ "/api/v1/namespaces/{namespace}/pods", "post", "createCoreV1NamespacedPod" },
		{ "/api/v1/namespaces/{namespace}/pods", "delete",
		  "deleteCoreV1CollectionNamespacedPod" },
		{ "/api/v1/nodes/{name}", "get", "readCoreV1Node" },
		{ "/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}", "put",
		  "replaceRbacAuthorizationV1ClusterRole" },
	};
	struct buf text;
	yyjson_doc *doc;

	buf_init(&text, DOCUMENT_BYTES_MAX);
	openapi_v2_write(&kinds, &text);
	doc = json_parse(buf_str(&text), DOCUMENT_BYTES_MAX, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		yyjson_val *path = json_key(yyjson_obj_get(yyjson_doc_get_root(doc), "paths"),
					    str_from(cases[i].path));
		yyjson_val *at = yyjson_obj_get(path, cases[i].method);

		assert_string_equal(json_get_str(at, "operationId").ptr, cases[i].name);
	}
	json_free(doc);
	buf_deinit(&text);
}

/* The bytes of a document with one of everything that a path and a type can have. */
static void test_protobuf(void **state)
{
	static const char json[] =
		"{\"swagger\":\"2.0\",\"unknown\":1,\"definitions\":{\"T\":{\"type\":\"object\","
		"\"required\":[\"a\"],"
		"\"properties\":{\"a\":{\"$ref\":\"#\"}},\"x-y\":[1]}},\"paths\":{\"/p\":{\"get\":{"
		"\"parameters\":[{\"name\":\"q\",\"in\":\"query\"},{\"name\":\"b\",\"in\":\"body\","
		"\"schema\":{}}],\"responses\":{\"200\":{\"schema\":{\"additionalProperties\":true}"
		"}}}}}}";
	struct buf text;
	struct err err = { 0 };

	buf_init(&text, DOCUMENT_BYTES_MAX);
	assert_int_equal(openapi_v2_to_protobuf(str_from(json), &text, &err), 0);
	assert_memory_equal(text.ptr,
			    "\n\x03"
			    "2.0",
			    5);
	assert_non_null(memmem(text.ptr, text.len, "\xb2\x01\x08\n\x06object", 11));
	/* properties: a, which is a reference */
	assert_non_null(memmem(text.ptr, text.len,
			       "\xca\x01\x0a\n\x08\n\x01"
			       "a\x12\x03\n\x01#",
			       13));
	assert_non_null(memmem(text.ptr, text.len, "\xfa\x01\x0c\n\x03x-y\x12\x05\x12\x03[1]", 15));
	assert_null(memmem(text.ptr, text.len, "unknown", 7));
	buf_reset(&text);
	assert_int_equal(openapi_v2_to_protobuf(STR("{"), &text, &err), -1);
	buf_deinit(&text);
}

static void test_index_names_documents_that_exist(void **state)
{
	struct buf text;
	yyjson_doc *doc;
	size_t count = 0;

	buf_init(&text, DOCUMENT_BYTES_MAX);
	openapi_v3_index(&kinds, &text);
	doc = json_parse(buf_str(&text), DOCUMENT_BYTES_MAX, NULL);
	assert_non_null(doc);
	JSON_MEMBERS (key, value, json_get(yyjson_doc_get_root(doc), "paths")) {
		struct str url = json_get_str(value, "serverRelativeURL");

		assert_true(str_has_prefix(url, STR("/openapi/v3/")));
		assert_true(str_contains(url, json_str(key)));
		count++;
	}
	assert_true(count >= 10);
	json_free(doc);
	buf_reset(&text);
	assert_true(openapi_v3_write(&kinds, STR("nosuch.example"), STR("v1"), &text, NULL) < 0);
	buf_deinit(&text);
}

/* Another server's part: only its own paths, with all they lead to, and nothing of ours changes. */
static void test_merge(void **state)
{
	static const char own[] =
		"{\"paths\":{\"/apis/g/v1/a\":{\"x\":1}},\"definitions\":{\"A\":{\"type\":"
		"\"string\"},\"S\":{\"type\":\"integer\"}}}";
	static const char part[] = "{\"paths\":{\"/apis/g/v1/a\":{\"x\":2},\"/apis/g/v1/"
				   "b\":{\"r\":[{\"$ref\":\"#/definitions/A\"}]},"
				   "\"/apis/g/v11/c\":{},\"apis/g/v1\":{\"serverRelativeURL\":\"/"
				   "openapi/v3/apis/g/v1?hash=1\"}},"
				   "\"definitions\":{\"A\":{\"p\":{\"$ref\":\"#/definitions/"
				   "B\"},\"s\":{\"$ref\":\"#/definitions/S\"}},"
				   "\"B\":{\"i\":{\"$ref\":\"#/definitions/"
				   "A\"}},\"S\":{\"type\":\"integer\"},\"Unused\":{}}}";
	static const char want[] =
		"{\"paths\":{\"/apis/g/v1/a\":{\"x\":1},\"/apis/g/v1/b\":{\"r\":[{\"$ref\":\"#/"
		"definitions/A_v2\"}]},"
		"\"apis/g/v1\":{\"serverRelativeURL\":\"/openapi/v3/apis/g/"
		"v1?hash=1\"}},\"definitions\":{\"A\":{"
		"\"type\":\"string\"},\"S\":{\"type\":\"integer\"},\"A_v2\":{\"p\":{\"$ref\":\"#/"
		"definitions/B\"},\"s\":{"
		"\"$ref\":\"#/definitions/S\"}},\"B\":{\"i\":{\"$ref\":\"#/definitions/A_v2\"}}}}";
	AUTO_JSON before = json_parse(str_from(own), sizeof(own), NULL);
	AUTO_JSON other = json_parse(str_from(part), sizeof(part), NULL);
	AUTO_JSON_MUT whole = json_thaw(yyjson_doc_get_root(before));
	struct buf text;

	openapi_v2_merge(whole, yyjson_doc_get_root(other), STR("/apis/g/v1"));
	openapi_v3_merge(whole, yyjson_doc_get_root(other), STR("apis/g/v1"));
	openapi_v3_merge(whole, yyjson_doc_get_root(other), STR("apis/none/v1"));
	openapi_v2_merge(whole, NULL, STR("/apis/g/v1"));
	buf_init(&text, DOCUMENT_BYTES_MAX);
	json_mut_write(yyjson_mut_doc_get_root(whole), &text);
	assert_string_equal(text.ptr, want);
	buf_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_reference_resolves),
		cmocka_unit_test(test_what_kubectl_reads),
		cmocka_unit_test(test_operations_have_names),
		cmocka_unit_test(test_protobuf),
		cmocka_unit_test(test_index_names_documents_that_exist),
		cmocka_unit_test(test_merge),
	};

	int failed;

	kind_set_init(&kinds);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	kind_set_deinit(&kinds);
	return failed;
}
