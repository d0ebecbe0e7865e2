/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a client of autoscaling/v1 loses what only v2 has fields for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include "api/convert.h"
#include "api/limits.h"

static yyjson_mut_doc *parsed(const char *text)
{
	AUTO_JSON doc = json_parse(str_from(text), OBJECT_BYTES_MAX, NULL);

	assert_non_null(doc);
	return json_thaw(yyjson_doc_get_root(doc));
}

static void convert(yyjson_mut_doc *doc, bool to_v2)
{
	const struct kind *v1 = &kind_horizontalpodautoscaler_v1,
			  *v2 = &kind_horizontalpodautoscaler;
	struct err err = { 0 };

	assert_int_equal(convert_object(doc, to_v2 ? v1 : v2, to_v2 ? v2 : v1, &err), 0);
}

static const char whole[] =
	"{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/"
	"v2\",\"metadata\":{\"name\":"
	"\"h\",\"annotations\":{\"mine\":\"yes\"}},\"spec\":{\"scaleTargetRef\":{\"kind\":"
	"\"Deployment\","
	"\"name\":\"d\"},\"maxReplicas\":5,\"metrics\":["
	"{\"type\":\"Object\",\"object\":{\"describedObject\":{\"kind\":\"Ingress\",\"name\":\"i\"}"
	","
	"\"metric\":{\"name\":\"rps\",\"selector\":{\"matchLabels\":{\"a\":\"b\"}}},\"target\":{"
	"\"type\":"
	"\"Value\",\"value\":\"10k\"}}},"
	"{\"type\":\"Object\",\"object\":{\"describedObject\":{\"kind\":\"Ingress\",\"name\":\"i\"}"
	","
	"\"metric\":{\"name\":\"rps\"},\"target\":{\"type\":\"AverageValue\",\"averageValue\":"
	"\"5\"}}},"
	"{\"type\":\"Pods\",\"pods\":{\"metric\":{\"name\":\"qps\"},\"target\":{\"type\":"
	"\"AverageValue\","
	"\"averageValue\":\"1\"}}},"
	"{\"type\":\"Resource\",\"resource\":{\"name\":\"memory\",\"target\":{\"type\":"
	"\"AverageValue\","
	"\"averageValue\":\"1Gi\"}}},"
	"{\"type\":\"ContainerResource\",\"containerResource\":{\"name\":\"cpu\",\"container\":"
	"\"c\","
	"\"target\":{\"type\":\"Utilization\",\"averageUtilization\":60}}},"
	"{\"type\":\"External\",\"external\":{\"metric\":{\"name\":\"q\",\"selector\":{"
	"\"matchLabels\":{"
	"\"a\":\"b\"}}},\"target\":{\"type\":\"Value\",\"value\":\"30\"}}},"
	"{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{\"type\":"
	"\"Utilization\","
	"\"averageUtilization\":70}}}],"
	"\"behavior\":{\"scaleDown\":{\"stabilizationWindowSeconds\":60,\"selectPolicy\":\"Min\","
	"\"policies\":[{\"type\":\"Pods\",\"value\":4,\"periodSeconds\":15}]}}},"
	"\"status\":{\"currentReplicas\":1,\"desiredReplicas\":2,\"conditions\":[{\"type\":"
	"\"AbleToScale\","
	"\"status\":\"True\"}],\"currentMetrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":"
	"\"cpu\","
	"\"current\":{\"averageUtilization\":50,\"averageValue\":\"5m\"}}}]}}";

static void test_there_and_back(void **state)
{
	AUTO_JSON_MUT doc = parsed(whole);
	AUTO_JSON_MUT before = parsed(whole);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *annotations;

	(void)state; /* none is needed */
	convert(doc, false);
	assert_true(str_eq_c(json_mut_get_str(root, "apiVersion"), "autoscaling/v1"));
	assert_int_equal(json_mut_get_int(root, "spec.targetCPUUtilizationPercentage", 0), 70);
	assert_int_equal(json_mut_get_int(root, "status.currentCPUUtilizationPercentage", 0), 50);
	assert_null(json_mut_get(root, "spec.metrics"));
	assert_null(json_mut_get(root, "spec.behavior"));
	assert_null(json_mut_get(root, "status.conditions"));
	annotations = json_mut_get(root, "metadata.annotations");
	assert_true(str_eq_c(
		json_mut_str(
			json_mut_key(annotations, STR("autoscaling.alpha.kubernetes.io/behavior"))),
		"{\"ScaleDown\":{\"StabilizationWindowSeconds\":60,\"SelectPolicy\":\"Min\","
		"\"Policies\":[{\"Type\":\"Pods\",\"Value\":4,\"PeriodSeconds\":15}]}}"));
	assert_true(str_has_prefix(
		json_mut_str(
			json_mut_key(annotations, STR("autoscaling.alpha.kubernetes.io/metrics"))),
		STR("[{\"type\":\"Object\",\"object\":{\"target\":{\"kind\":\"Ingress\",\"name\":"
		    "\"i\"},"
		    "\"metricName\":\"rps\",\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
		    "\"targetValue\":\"10k\"}},")));
	convert(doc, true);
	assert_true(json_mut_equal(yyjson_mut_doc_get_root(doc), yyjson_mut_doc_get_root(before)));
}

static void test_damaged_annotations(void **state)
{
	/* Would break: what anybody writes into an annotation gets past the checks of its type. */
	static const char *const texts[] = {
		"{",
		"5",
		"[5]",
		"[{\\\"type\\\":\\\"Pods\\\",\\\"pods\\\":{\\\"metricName\\\":7}}]",
		"[{\\\"type\\\":\\\"Pods\\\",\\\"pods\\\":{\\\"targetAverageValue\\\":{}}}]",
	};

	(void)state; /* none is needed */
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		char text[600];
		AUTO_JSON_MUT doc = NULL;

		snprintf(text, sizeof(text),
			 "{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/v1\","
			 "\"metadata\":{\"annotations\":{\"autoscaling.alpha.kubernetes.io/"
			 "metrics\":"
			 "\"%s\"}},\"spec\":{\"targetCPUUtilizationPercentage\":70}}",
			 texts[i]);
		doc = parsed(text);
		convert(doc, true);
		print_message("%s\n", texts[i]);
		assert_int_equal(json_mut_get_int(yyjson_mut_doc_get_root(doc),
						  "spec.metrics.0.resource.target."
						  "averageUtilization",
						  0),
				 70);
		assert_null(json_mut_get(yyjson_mut_doc_get_root(doc), "metadata.annotations"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_there_and_back),
					    cmocka_unit_test(test_damaged_annotations) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
