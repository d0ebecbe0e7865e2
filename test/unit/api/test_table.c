/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that kubectl get prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/table.h"

#define NOW_NS INT64_C(1704164705000000000) /* 2024-01-02T03:05:05Z */

static void check(const struct kind *kind, const char *object, const char *cells)
{
	struct table_options options = { .kind = kind,
					 .include = TABLE_INCLUDE_NONE,
					 .now_ns = NOW_NS };
	AUTO_BLOB blob = blob_new(str_from(object));
	AUTO_BUF text = { 0 };
	struct table table;
	const char *row;

	buf_init(&text, 100000);
	table_start(&table, &options, &text);
	table_row(&table, obj_get(blob));
	table_end(&table);
	row = strstr(text.ptr, "\"rows\":[{\"cells\":[");
	assert_non_null(row);
	row += sizeof("\"rows\":[{\"cells\":[") - 1;
	if (strncmp(row, cells, strlen(cells)) != 0)
		fail_msg("%s\nis not\n%s", row, cells);
}

#define META                                                                                      \
	"\"metadata\":{\"name\":\"x\",\"namespace\":\"n\",\"creationTimestamp\":\"2024-01-02T03:" \
	"04:05Z\"}"

static void test_pods(void **state)
{
	/* Would break: READY, STATUS and RESTARTS of kubectl get pods. */
	static const struct {
		const char *rest, *cells;
	} cases[] = {
		{ "\"spec\":{\"containers\":[{}],\"nodeName\":\"n1\"},\"status\":{\"phase\":"
		  "\"Running\",\"podIP\":\"10.0.0.1\","
		  "\"containerStatuses\":[{\"ready\":true,\"restartCount\":0,\"state\":{"
		  "\"running\":{}}}]}",
		  "\"x\",\"1/"
		  "1\",\"Running\",\"0\",\"60s\",\"10.0.0.1\",\"n1\",\"<none>\",\"<none>\"]" },
		{ "\"spec\":{\"containers\":[{}]},\"status\":{\"phase\":\"Running\","
		  "\"containerStatuses\":[{\"restartCount\":3,"
		  "\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}},\"lastState\":{"
		  "\"terminated\":{\"finishedAt\":"
		  "\"2024-01-02T03:04:55Z\"}}}]}",
		  "\"x\",\"0/1\",\"CrashLoopBackOff\",\"3 (10s ago)\"" },
		{ "\"spec\":{\"containers\":[{}],\"initContainers\":[{\"name\":\"a\"},{\"name\":"
		  "\"b\"}]},\"status\":{\"phase\":"
		  "\"Pending\",\"initContainerStatuses\":[{\"name\":\"a\",\"state\":{"
		  "\"terminated\":{\"exitCode\":0}}},"
		  "{\"name\":\"b\",\"state\":{\"running\":{}}}]}",
		  "\"x\",\"0/1\",\"Init:1/2\",\"0\"" },
		{ "\"spec\":{\"containers\":[{}]},\"status\":{\"phase\":\"Failed\","
		  "\"containerStatuses\":[{\"state\":"
		  "{\"terminated\":{\"exitCode\":2}}}]}",
		  "\"x\",\"0/1\",\"ExitCode:2\"" },
		{ "\"spec\":{\"containers\":[{}]},\"status\":{\"phase\":\"Succeeded\","
		  "\"containerStatuses\":[{\"state\":"
		  "{\"terminated\":{\"exitCode\":0,\"reason\":\"Completed\"}}}]}",
		  "\"x\",\"0/1\",\"Completed\"" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_BUF text = { 0 };

		buf_init(&text, 10000);
		buf_printf(&text, "{%s,%s}", META, cases[i].rest);
		check(&kind_pod, text.ptr, cases[i].cells);
	}
}

static void test_others(void **state)
{
	/* Would break: the tables of the other kinds of a first session. */
	check(&kind_deployment,
	      "{" META
	      ",\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":"
	      "{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}}},\"status\":{"
	      "\"readyReplicas\":2,"
	      "\"updatedReplicas\":3,\"availableReplicas\":2}}",
	      "\"x\",\"2/3\",3,2,\"60s\",\"c\",\"i:1\",\"a=b\"]");
	check(&kind_service,
	      "{" META ",\"spec\":{\"type\":\"NodePort\",\"clusterIP\":\"10.1.0.1\",\"clusterIPs\":"
	      "[\"10.1.0.1\"],"
	      "\"ports\":[{\"port\":80,\"nodePort\":30080,\"protocol\":\"TCP\"},{\"port\":53,"
	      "\"protocol\":\"UDP\"}],"
	      "\"selector\":{\"b\":\"2\",\"a\":\"1\"}}}",
	      "\"x\",\"NodePort\",\"10.1.0.1\",\"<none>\",\"80:30080/TCP,53/"
	      "UDP\",\"60s\",\"a=1,b=2\"]");
	check(&kind_node,
	      "{\"metadata\":{\"name\":\"x\",\"creationTimestamp\":\"2024-01-02T03:04:05Z\","
	      "\"labels\":"
	      "{\"node-role.kubernetes.io/"
	      "control-plane\":\"\"}},\"spec\":{\"unschedulable\":true},\"status\":{\"conditions\":"
	      "[{\"type\":\"Ready\",\"status\":\"True\"}],\"nodeInfo\":{\"kubeletVersion\":\"v1\"}}"
	      "}",
	      "\"x\",\"Ready,SchedulingDisabled\",\"control-plane\",\"60s\",\"v1\",\"<none>\",\"<"
	      "none>\"");
	check(&kind_endpoints,
	      "{" META ",\"subsets\":[{\"addresses\":[{\"ip\":\"1.1.1.1\"},{\"ip\":\"1.1.1.2\"},{"
	      "\"ip\":\"1.1.1.3\"},"
	      "{\"ip\":\"1.1.1.4\"}],\"ports\":[{\"port\":80}]}]}",
	      "\"x\",\"1.1.1.1:80,1.1.1.2:80,1.1.1.3:80 + 1 more...\",\"60s\"]");
	check(&kind_namespace, "{" META ",\"status\":{\"phase\":\"Active\"}}",
	      "\"x\",\"Active\",\"60s\"]");
	check(&kind_configmap, "{" META ",\"data\":{\"a\":\"\",\"b\":\"\"}}", "\"x\",2,\"60s\"]");
	check(&kind_event,
	      "{" META ",\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\"},\"reason\":"
	      "\"Started\",\"type\":\"Normal\","
	      "\"message\":\"hi\\n\",\"lastTimestamp\":\"2024-01-02T03:05:00Z\",\"firstTimestamp\":"
	      "\"2024-01-02T03:04:05Z\"}",
	      "\"5s\",\"Normal\",\"Started\",\"pod/p\",\"\",\"\",\"hi\",\"60s\",\"1\",\"x\"]");
}

static void test_policies(void **state)
{
	/* Would break: what policies take as parameters, and which ones a binding gives them. */
	check(&kind_validatingadmissionpolicy,
	      "{" META
	      ",\"spec\":{\"paramKind\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\"},"
	      "\"validations\":[{},{}]}}",
	      "\"x\",2,\"apps/v1/Deployment\",\"60s\"]");
	check(&kind_mutatingadmissionpolicy, "{" META ",\"spec\":{\"mutations\":[{}]}}",
	      "\"x\",1,\"<unset>\",\"60s\"]");
	check(&kind_validatingadmissionpolicybinding, "{" META ",\"spec\":{\"policyName\":\"p\"}}",
	      "\"x\",\"p\",\"<unset>\",\"60s\"]");
	check(&kind_validatingadmissionpolicybinding,
	      "{" META ",\"spec\":{\"policyName\":\"p\",\"paramRef\":{\"name\":\"a\"}}}",
	      "\"x\",\"p\",\"*/a\",\"60s\"]");
	check(&kind_mutatingadmissionpolicybinding,
	      "{" META
	      ",\"spec\":{\"policyName\":\"p\",\"paramRef\":{\"name\":\"a\",\"namespace\":\"b\"}}}",
	      "\"x\",\"p\",\"b/a\",\"60s\"]");
	check(&kind_mutatingadmissionpolicybinding,
	      "{" META ",\"spec\":{\"policyName\":\"p\",\"paramRef\":{\"selector\":{"
		       "\"matchLabels\":{\"a\":\"b\"},"
	      "\"matchExpressions\":[{\"key\":\"c\",\"operator\":\"In\",\"values\":[\"d\",\"e\"]}]}"
	      "}}}",
	      "\"x\",\"p\",\"&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:"
	      "[]LabelSelectorRequirement{LabelSelectorRequirement{Key:c,Operator:In,Values:[d "
	      "e],},},}\",\"60s\"]");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pods),
					    cmocka_unit_test(test_others),
					    cmocka_unit_test(test_policies) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
