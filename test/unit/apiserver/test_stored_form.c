/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when what another server has stored in another version is served as it lies there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include "api/obj.h"
#include "api/protobuf.h"
#include "apiserver/stored_form.h"

static const struct {
	const char *name, *key, *stored;
	const char *want[4]; /* in what is read */
	const char * not ;   /* NULL: nothing more */
} rows[] = {
	{ "an event of the other group",
	  "/registry/events/default/e",
	  "{\"kind\":\"Event\",\"apiVersion\":\"events.k8s.io/v1\",\"metadata\":{\"name\":\"e\","
	  "\"namespace\":\"default\"},\"regarding\":{\"kind\":\"Pod\",\"name\":\"p\"},\"note\":"
	  "\"as it is\",\"reportingController\":\"x.io/y\",\"deprecatedCount\":2}",
	  { "\"apiVersion\":\"v1\"", "\"message\":\"as it is\"",
	    "\"involvedObject\":{\"kind\":\"Pod\"", "\"count\":2" },
	  "\"note\"" },
	{ "an event as it should be",
	  "/registry/events/default/e",
	  "{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"e\"},\"message\":"
	  "\"m\"}",
	  { "\"apiVersion\":\"v1\"", "\"message\":\"m\"", "\"resourceVersion\":\"7\"" },
	  NULL },
	{ "an autoscaler of the first version",
	  "/registry/horizontalpodautoscalers/default/h",
	  "{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/v1\",\"metadata\":{"
	  "\"name\":\"h\"},\"spec\":{\"maxReplicas\":3,\"targetCPUUtilizationPercentage\":70}}",
	  { "\"apiVersion\":\"autoscaling/v2\"", "\"averageUtilization\":70", "\"name\":\"cpu\"" },
	  "targetCPU" },
	{ "a budget of a version that was",
	  "/registry/poddisruptionbudgets/default/b",
	  "{\"kind\":\"PodDisruptionBudget\",\"apiVersion\":\"policy/"
	  "v1beta1\",\"metadata\":{\"name\":"
	  "\"b\"},\"spec\":{\"minAvailable\":1}}",
	  { "\"apiVersion\":\"policy/v1\"", "\"minAvailable\":1" },
	  "v1beta1" },
	{ "a slice of a version that was",
	  "/registry/endpointslices/default/s",
	  "{\"kind\":\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/v1beta1\",\"metadata\":{"
	  "\"name\":\"s\"},\"addressType\":\"IPv4\",\"endpoints\":[]}",
	  { "\"apiVersion\":\"discovery.k8s.io/v1\"", "\"addressType\":\"IPv4\"" },
	  "v1beta1" },
	{ "a custom object stays in its version",
	  "/registry/example.com/things/t",
	  "{\"apiVersion\":\"example.com/"
	  "v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"t\"},\"note\":"
	  "\"x\"}",
	  { "\"apiVersion\":\"example.com/v1\"", "\"note\":\"x\"" },
	  NULL },
};

static void expect(struct stored_form *form, size_t row, struct blob *stored)
{
	struct err err = { 0 };
	AUTO_BLOB read = stored_form_adopt(form, str_from(rows[row].key), stored, 7, &err);

	print_message("%s\n", rows[row].name);
	if (!read)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < 4 && rows[row].want[i]; i++)
		if (!strstr(read->bytes, rows[row].want[i]))
			fail_msg("%s", read->bytes);
	if (rows[row].not )
		assert_null(strstr(read->bytes, rows[row].not ));
	assert_int_equal(obj_get(read)->resource_version, 7);
}

static void test_versions(void **state)
{
	struct stored_form form = { .is_shared = true };

	(void)state; /* one for all rows */
	stored_form_init(&form, STR("test"));
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		AUTO_BLOB stored = blob_new(str_from(rows[i].stored));

		expect(&form, i, stored);
	}
	stored_form_deinit(&form);
}

static void test_versions_in_protobuf(void **state)
{
	/* Would break: what kube-apiserver has written, in protobuf, is read as another version's.
	 */
	struct stored_form form = { .is_shared = true };

	(void)state; /* likewise */
	stored_form_init(&form, STR("test"));
	for (size_t i = 0; i < 3; i++) { /* those of versions that are served */
		AUTO_JSON doc = json_parse(str_from(rows[i].stored), SIZE_MAX, NULL);
		struct err err = { 0 };
		AUTO_BUF text = { 0 };
		AUTO_BLOB stored = NULL;

		buf_init(&text, 1u << 16);
		assert_int_equal(protobuf_encode(yyjson_doc_get_root(doc), NULL, &text, &err), 0);
		stored = blob_new(buf_str(&text));
		expect(&form, i, stored);
	}
	stored_form_deinit(&form);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_versions),
					    cmocka_unit_test(test_versions_in_protobuf) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
