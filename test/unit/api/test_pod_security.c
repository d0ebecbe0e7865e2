/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a pod gets in that its namespace's standard forbids, or is refused for what it allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/pod_security.h"

static yyjson_doc *parse(const char *text)
{
	struct err err = { 0 };
	yyjson_doc *doc = json_parse(str_from(text), SIZE_MAX, &err);

	if (!doc)
		fail_msg("%s: %s", text, err.msg);
	return doc;
}

#define BASELINE { POD_SECURITY_BASELINE, POD_SECURITY_LATEST }
#define RESTRICTED { POD_SECURITY_RESTRICTED, POD_SECURITY_LATEST }
#define SPEC(rest) "{\"metadata\":{},\"spec\":{" rest "}}"
#define ONE(security) "\"containers\":[{\"name\":\"a\",\"securityContext\":{" security "}}]"
#define SAFE                                                                                 \
	"\"allowPrivilegeEscalation\":false,\"runAsNonRoot\":true,\"capabilities\":{\"drop\":[" \
	"\"ALL\"]},\"seccompProfile\":{\"type\":\"RuntimeDefault\"}"

static const struct {
	struct pod_security_standard standard;
	const char *pod, *want;
} cases[] = {
	{ { POD_SECURITY_PRIVILEGED, POD_SECURITY_LATEST }, SPEC("\"hostPID\":true," ONE("")), "" },
	{ BASELINE, SPEC(ONE("")), "" },
	{ BASELINE, SPEC("\"hostNetwork\":true,\"hostIPC\":true," ONE("")),
	  "host namespaces (hostNetwork=true, hostIPC=true)" },
	{ BASELINE,
	  SPEC("\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/\"}},{\"name\":\"w\","
	  "\"hostPath\":{}}]," ONE("")),
	  "hostPath volumes (volumes \"v\", \"w\")" },
	{ BASELINE, SPEC(ONE("\"privileged\":true")),
	  "privileged (container \"a\" must not set securityContext.privileged=true)" },
	{ BASELINE,
	  SPEC("\"containers\":[{\"name\":\"a\",\"ports\":[{\"hostPort\":90},{\"hostPort\":80}]}],"
	       "\"initContainers\":[{\"name\":\"i\",\"ports\":[{\"hostPort\":80}]}]"),
	  "hostPort (containers \"i\", \"a\" use hostPorts 80, 90)" },
	{ BASELINE, SPEC(ONE("\"capabilities\":{\"add\":[\"SYS_ADMIN\",\"CHOWN\",\"NET_ADMIN\"]}")),
	  "non-default capabilities (container \"a\" must not include \"NET_ADMIN\", \"SYS_ADMIN\" in "
	  "securityContext.capabilities.add)" },
	{ BASELINE, SPEC(ONE("\"procMount\":\"Unmasked\"")),
	  "procMount (container \"a\" must not set securityContext.procMount to \"Unmasked\")" },
	{ BASELINE, SPEC("\"hostUsers\":false," ONE("\"procMount\":\"Unmasked\"")), "" },
	{ BASELINE,
	  SPEC("\"securityContext\":{\"seLinuxOptions\":{\"type\":\"x_t\",\"user\":\"u\"}}," ONE("")),
	  "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type \"x_t\"; user may not be set)" },
	{ BASELINE,
	  SPEC("\"securityContext\":{\"seccompProfile\":{\"type\":\"Unconfined\"}}," ONE(
		  "\"seccompProfile\":{\"type\":\"Unconfined\"}")),
	  "seccompProfile (pod and container \"a\" must not set securityContext.seccompProfile.type "
	  "to \"Unconfined\")" },
	{ BASELINE,
	  SPEC("\"securityContext\":{\"sysctls\":[{\"name\":\"kernel.msgmax\"},"
	  "{\"name\":\"net.ipv4.tcp_rmem\"}]}," ONE(
		  "")),
	  "forbidden sysctls (kernel.msgmax)" },
	{ { POD_SECURITY_BASELINE, 30 },
	  SPEC("\"securityContext\":{\"sysctls\":[{\"name\":\"net.ipv4.tcp_rmem\"}]}," ONE("")),
	  "forbidden sysctls (net.ipv4.tcp_rmem)" },
	{ BASELINE, SPEC(ONE("\"windowsOptions\":{\"hostProcess\":true}")),
	  "hostProcess (container \"a\" must not set securityContext.windowsOptions.hostProcess=true)" },
	{ BASELINE,
	  "{\"metadata\":{\"annotations\":{\"container.apparmor.security.beta.kubernetes.io/a\":\"unconfined\"}},"
	  "\"spec\":{" ONE("") "}}",
	  "forbidden AppArmor profile (annotation must not set AppArmor profile type to "
	  "\"container.apparmor.security.beta.kubernetes.io/a=\"unconfined\"\")" },
	{ BASELINE, SPEC("\"securityContext\":{\"appArmorProfile\":{\"type\":\"Unconfined\"}}," ONE(
		    "\"appArmorProfile\":{\"type\":\"Unconfined\"}")),
	  "forbidden AppArmor profile (pod and container \"a\" must not set AppArmor profile type to \"Unconfined\")" },
	{ { POD_SECURITY_BASELINE, 18 },
	  "{\"metadata\":{\"annotations\":{\"seccomp.security.alpha.kubernetes.io/pod\":\"unconfined\"}},"
	  "\"spec\":{" ONE("") "}}",
	  "seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod=\"unconfined\")" },
	{ { POD_SECURITY_BASELINE, 34 }, SPEC("\"hostUsers\":false," ONE("\"procMount\":\"Unmasked\"")),
	  "procMount (container \"a\" must not set securityContext.procMount to \"Unmasked\")" },
	{ RESTRICTED, SPEC("\"hostUsers\":false," ONE(SAFE ",\"procMount\":\"Unmasked\"")),
	  "procMount (container \"a\" must not set securityContext.procMount to \"Unmasked\")" },
	{ RESTRICTED, SPEC("\"volumes\":[{\"name\":\"v\",\"hostPath\":{}}]," ONE(SAFE)),
	  "restricted volume types (volume \"v\" uses restricted volume type \"hostPath\")" },
	{ { POD_SECURITY_RESTRICTED, 21 },
	  SPEC(ONE("\"allowPrivilegeEscalation\":false,\"runAsNonRoot\":true,\"seccompProfile\":{\"type\":"
		   "\"RuntimeDefault\"},\"capabilities\":{\"add\":[\"SYS_ADMIN\"]}")),
	  "non-default capabilities (container \"a\" must not include \"SYS_ADMIN\" in "
	  "securityContext.capabilities.add)" },
	{ BASELINE,
	  SPEC("\"containers\":[{\"name\":\"a\",\"livenessProbe\":{\"httpGet\":{\"host\":\"10.0.0.1\"}}}]"),
	  "probe or lifecycle host (container \"a\" uses probe or lifecycle host \"10.0.0.1\")" },
	{ { POD_SECURITY_BASELINE, 33 },
	  SPEC("\"containers\":[{\"name\":\"a\",\"livenessProbe\":{\"httpGet\":{\"host\":\"10.0.0.1\"}}}]"), "" },
	{ RESTRICTED, SPEC(ONE(SAFE)), "" },
	{ RESTRICTED, SPEC(ONE("")),
	  "allowPrivilegeEscalation != false (container \"a\" must set "
	  "securityContext.allowPrivilegeEscalation=false), "
	  "unrestricted capabilities (container \"a\" must set securityContext.capabilities.drop=[\"ALL\"]), "
	  "runAsNonRoot != true (pod or container \"a\" must set securityContext.runAsNonRoot=true), "
	  "seccompProfile (pod or container \"a\" must set securityContext.seccompProfile.type to "
	  "\"RuntimeDefault\" or "
	  "\"Localhost\")" },
	{ RESTRICTED, SPEC("\"hostPID\":true,\"securityContext\":{\"runAsUser\":0}," ONE(SAFE)),
	  "host namespaces (hostPID=true), runAsUser=0 (pod must not set runAsUser=0)" },
	{ { POD_SECURITY_RESTRICTED, 22 }, SPEC("\"securityContext\":{\"runAsUser\":0}," ONE(SAFE)), "" },
	{ RESTRICTED,
	  SPEC("\"volumes\":[{\"name\":\"n\",\"nfs\":{}},{\"name\":\"e\",\"emptyDir\":{}},"
	  "{\"name\":\"s\",\"secret\":{}}]," ONE(
		  SAFE)),
	  "restricted volume types (volume \"n\" uses restricted volume type \"nfs\")" },
	{ RESTRICTED,
	  SPEC("\"securityContext\":{\"runAsNonRoot\":true,\"seccompProfile\":{\"type\":\"Localhost\"}}," ONE(
		  "\"allowPrivilegeEscalation\":false,\"capabilities\":{\"drop\":[\"ALL\"],\"add\":[\"CHOWN\","
		  "\"NET_BIND_SERVICE\"]}")),
	  "unrestricted capabilities (container \"a\" must not include \"CHOWN\" in "
	  "securityContext.capabilities.add)" },
	{ RESTRICTED, SPEC("\"os\":{\"name\":\"windows\"}," ONE("\"runAsNonRoot\":true")), "" },
	{ RESTRICTED,
	  SPEC(ONE(SAFE) ",\"ephemeralContainers\":[{\"name\":\"d\",\"securityContext\":{" SAFE
			 ",\"privileged\":true}}]"),
	  "privileged (container \"d\" must not set securityContext.privileged=true)" },
};

static void test_checks(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_ARENA arena = { 0 };
		AUTO_JSON pod = parse(cases[i].pod);
		struct pod_security_findings findings;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		pod_security_check(&cases[i].standard, yyjson_doc_get_root(pod), &arena, &findings);
		if (!str_eq_c(findings.details, cases[i].want))
			fail_msg("%s\n got: " STR_FMT "\nwant: %s", cases[i].pod,
				 STR_ARG(findings.details), cases[i].want);
	}
}

#define LABEL(mode, value) "\"pod-security.kubernetes.io/" mode "\":\"" value "\""

static const struct {
	const char *labels;
	const char *enforce, *warn; /* as text */
	const char *error;
} labels[] = {
	{ "{}", "privileged:latest", "privileged:latest", NULL },
	{ "{" LABEL("enforce", "baseline") "}", "baseline:latest", "baseline:latest", NULL },
	{ "{" LABEL("enforce", "baseline") "," LABEL("warn", "restricted") "," LABEL("warn-version", "v1.30") "}",
	  "baseline:latest", "restricted:v1.30", NULL },
	{ "{" LABEL("enforce", "strict") "}", "restricted:latest", "restricted:latest",
	  "Invalid value: \"strict\": must be one of privileged, baseline, restricted" },
	{ "{" LABEL("warn", "strict") "}", "privileged:latest", "privileged:latest",
	  "Invalid value: \"strict\": must be one of privileged, baseline, restricted" },
	{ "{" LABEL("enforce-version", "1.2") "}", "privileged:latest", "privileged:latest",
	  "Invalid value: \"1.2\": must be \"latest\" or \"v1.x\"" },
	{ "{" LABEL("enforce-version", "v1.007") "}", "privileged:latest", "privileged:latest",
	  "Invalid value: \"v1.007\": must be \"latest\" or \"v1.x\"" },
};

static void test_labels(void **state)
{
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		AUTO_ARENA arena = { 0 };
		AUTO_JSON doc = parse(labels[i].labels);
		struct pod_security_policy policy;
		struct field_errors errors;
		struct str enforce, warn;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		field_errors_init(&errors, &arena);
		pod_security_read(yyjson_doc_get_root(doc), &(struct pod_security_policy){ 0 },
				  &policy, &errors);
		enforce = pod_security_text(&policy.modes[POD_SECURITY_ENFORCE], &arena);
		warn = pod_security_text(&policy.modes[POD_SECURITY_WARN], &arena);
		print_message("%s\n", labels[i].labels);
		assert_true(str_eq_c(enforce, labels[i].enforce));
		assert_true(str_eq_c(warn, labels[i].warn));
		assert_int_equal(errors.count, labels[i].error ? 1 : 0);
		if (labels[i].error)
			assert_true(str_eq_c(errors.items[0].message, labels[i].error));
	}
}

static void test_updates(void **state)
{
	/* A label on a pod that is there must not be refused for what the pod was let in with. */
	AUTO_JSON before = parse(SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]"));
	AUTO_JSON labelled = parse("{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{"
				   "\"name\":\"a\",\"image\":\"x\"}]}}");
	AUTO_JSON image = parse(SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"y\"}]"));
	AUTO_JSON debugged = parse(SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"x\"}],"
					"\"ephemeralContainers\":[{\"name\":\"d\",\"image\":\"x\"}]"));
	yyjson_val *old = yyjson_doc_get_root(before);

	assert_false(pod_security_is_concerned(old, yyjson_doc_get_root(labelled)));
	assert_true(pod_security_is_concerned(old, yyjson_doc_get_root(image)));
	assert_true(pod_security_is_concerned(old, yyjson_doc_get_root(debugged)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_updates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
