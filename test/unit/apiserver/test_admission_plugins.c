/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's own admission plug-ins over HTTP: what classes and accounts make of objects. Breaks
 * when something is not filled in, or is let by, that upstream fills in or refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "apiserver/admission_state.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "fixture.h"

#define PODS "/api/v1/namespaces/default/pods"
#define CLAIMS "/api/v1/namespaces/default/persistentvolumeclaims"
#define CLASSES "/apis/storage.k8s.io/v1/storageclasses"
#define PRIORITIES "/apis/scheduling.k8s.io/v1/priorityclasses"
#define INGRESSES "/apis/networking.k8s.io/v1/namespaces/default/ingresses"

#define POD(name, spec)                                                                            \
	"{'metadata':{'name':'" name "'},'spec':{'containers':[{'name':'c','image':'i'}]" spec "}" \
	"}"
#define CLASS(name, more, mark)                                                                 \
	"{'metadata':{'name':'" name "','annotations':{'storageclass.kubernetes.io/is-default-" \
	"class':'" mark "'}},'provisioner':'x'" more "}"
#define CLAIM(name, spec)                                                                       \
	"{'metadata':{'name':'" name "'},'spec':{'accessModes':['ReadWriteOnce'],'resources':{" \
	"'requests':{'storage':'1Gi'}}" spec "}}"

static void test_storage(void **state)
{
	static const struct step steps[] = {
		{ "POST", CLAIMS, CLAIM("early", ""), 201,
		  "\"finalizers\":[\"kubernetes.io/pvc-protection\"]" },
		{ "POST", CLASSES, CLASS("slow", "", "false"), 201 },
		{ "POST", CLASSES, CLASS("fast", ",'allowVolumeExpansion':true", "true"), 201 },
		{ "POST", CLAIMS, CLAIM("a", ""), 201, "\"storageClassName\":\"fast\"" },
		{ "POST", CLAIMS, CLAIM("b", ",'storageClassName':'slow'"), 201,
		  "\"storageClassName\":\"slow\"" },
		{ "POST", CLAIMS, CLAIM("none", ",'storageClassName':''"), 201,
		  "\"storageClassName\":\"\"" },
		{ "PATCH", CLAIMS "/a", "{'spec':{'resources':{'requests':{'storage':'2Gi'}}}}",
		  422, /* validation has its say before the plug-in that asks whether a claim may
			  grow */
		  "spec is immutable after creation except resources.requests" },
		{ "PATCH", CLAIMS "/a/status", "{'status':{'phase':'Bound'}}", 200 },
		{ "PATCH", CLAIMS "/b/status", "{'status':{'phase':'Bound'}}", 200 },
		{ "PATCH", CLAIMS "/b", "{'spec':{'resources':{'requests':{'storage':'2Gi'}}}}",
		  403,
		  "only dynamically provisioned pvc can be resized and the storageclass that "
		  "provisions the pvc must support resize" },
		{ "DELETE", CLAIMS "/a", NULL, 200, "\"deletionTimestamp\"" },
		{ "POST", "/api/v1/persistentvolumes",
		  "{'metadata':{'name':'v'},'spec':{'capacity':{'storage':'1Gi'},'accessModes':["
		  "'ReadWriteOnce'],'hostPath':{'path':'/tmp/x'}}}",
		  201, "\"finalizers\":[\"kubernetes.io/pv-protection\"]" },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

static void test_priorities(void **state)
{
	static const struct step steps[] = {
		{ "POST", PODS, POD("plain", ""), 201, "\"priority\":0" },
		{ "POST", PODS, POD("x", ",'priorityClassName':'nope'"), 403,
		  "pods \\\"x\\\" is forbidden: no PriorityClass with name nope was found" },
		{ "POST", PRIORITIES,
		  "{'metadata':{'name':'base'},'value':7,'globalDefault':true,'preemptionPolicy':"
		  "'Never'}",
		  201 },
		{ "POST", PRIORITIES, "{'metadata':{'name':'more'},'value':8,'globalDefault':true}",
		  403,
		  "PriorityClass base is already marked as default. Only one default can exist" },
		{ "PATCH", PRIORITIES "/base", "{'description':'d'}", 200 },
		{ "POST", PODS, POD("based", ""), 201, "\"preemptionPolicy\":\"Never\"" },
		{ "POST", PODS, POD("x", ",'priority':3"), 403,
		  "the integer value of priority (3) must not be provided in pod spec; priority "
		  "admission controller computed 7 from the given PriorityClass name" },
		{ "POST", PODS, POD("x", ",'preemptionPolicy':'PreemptLowerPriority'"), 403,
		  "the string value of PreemptionPolicy (PreemptLowerPriority) must not be "
		  "provided "
		  "in pod spec; priority admission controller computed Never" },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

static void test_runtime_classes(void **state)
{
	static const struct step steps[] = {
		{ "POST", PODS, POD("x", ",'runtimeClassName':'vm'"), 403,
		  "pod rejected: RuntimeClass \\\"vm\\\" not found" },
		{ "POST", PODS, POD("x", ",'overhead':{'cpu':'1'}"), 403,
		  "pod rejected: Pod Overhead set without corresponding RuntimeClass defined "
		  "Overhead" },
		{ "POST", "/apis/node.k8s.io/v1/runtimeclasses",
		  "{'metadata':{'name':'vm'},'handler':'vm','overhead':{'podFixed':{'cpu':'250m'}},"
		  "'scheduling':{'nodeSelector':{'vm':'yes'},'tolerations':[{'key':'vm','operator':"
		  "'Exists'}]}}",
		  201 },
		{ "POST", PODS, POD("a", ",'runtimeClassName':'vm'"), 201,
		  "\"overhead\":{\"cpu\":\"250m\"}" },
		{ "GET", PODS "/a", NULL, 200, "\"nodeSelector\":{\"vm\":\"yes\"}" },
		{ "GET", PODS "/a", NULL, 200, "{\"key\":\"vm\",\"operator\":\"Exists\"}" },
		{ "POST", PODS, POD("x", ",'runtimeClassName':'vm','overhead':{'cpu':'1'}"), 403,
		  "pod rejected: Pod`s Overhead doesn`t match RuntimeClass`s defined Overhead" },
		{ "POST", PODS, POD("x", ",'runtimeClassName':'vm','nodeSelector':{'vm':'no'}"),
		  403,
		  "conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; "
		  "pod.spec.nodeSelector[vm] = "
		  "no" },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

#define INGRESS(name, more)                                                                       \
	"{'metadata':{'name':'" name "'},'spec':{'defaultBackend':{'service':{'name':'s','port':" \
	"{'number':1}}}" more "}}"

static void test_others(void **state)
{
	static const struct step steps[] = {
		{ "POST", "/apis/networking.k8s.io/v1/ingressclasses",
		  "{'metadata':{'name':'web','annotations':{'ingressclass.kubernetes.io/is-default-"
		  "class':'true'}},'spec':{'controller':'example.com/c'}}",
		  201 },
		{ "POST", INGRESSES, INGRESS("a", ""), 201, "\"ingressClassName\":\"web\"" },
		{ "POST", INGRESSES, INGRESS("b", ",'ingressClassName':'own'"), 201,
		  "\"ingressClassName\":\"own\"" },
		{ "POST", "/api/v1/nodes", "{'metadata':{'name':'n'}}", 201,
		  "\"taints\":[{\"key\":\"node.kubernetes.io/"
		  "not-ready\",\"effect\":\"NoSchedule\"}]" },
		{ "POST", "/api/v1/namespaces/default/serviceaccounts",
		  "{'metadata':{'name':'strict','annotations':{'kubernetes.io/"
		  "enforce-mountable-secrets'"
		  ":'true'}},'secrets':[{'name':'known'}]}",
		  201 },
		{ "POST", PODS,
		  "{'metadata':{'name':'s'},'spec':{'serviceAccountName':'strict','containers':[{'"
		  "name':"
		  "'c','image':'i','envFrom':[{'secretRef':{'name':'other'}}]}]}}",
		  403,
		  "container c with envFrom referencing secret.secretName=\\\"other\\\" is not "
		  "allowed "
		  "because service account strict does not reference that secret" },
		{ "POST", PODS,
		  "{'metadata':{'name':'m','annotations':{'kubernetes.io/"
		  "config.mirror':'x'}},'spec':{"
		  "'nodeName':'n','containers':[{'name':'c','image':'i'}],'volumes':[{'name':'v','"
		  "secret':"
		  "{'secretName':'s'}}]}}",
		  403, "pods \\\"m\\\" is forbidden: a mirror pod may not reference secrets" },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

/* --- plug-ins that are chosen --- */

static void run_chosen(const char *on, const char *off, const struct step *steps, size_t count)
{
	struct str enabled[] = { str_from(on) }, disabled[] = { str_from(off) };
	struct http_fixture f;

	http_fixture_open_with(
		&f, (struct apiserver_options){ .plugins_on = { enabled, on != NULL },
						.plugins_off = { disabled, off != NULL } });
	for (size_t i = 0; i < count; i++)
		run_step(&f, &steps[i]);
	http_fixture_close(&f);
}

#define STEPS(...) \
	(const struct step[]){ __VA_ARGS__ }, ARRAY_COUNT(((const struct step[]){ __VA_ARGS__ }))

#define SERVICES "/api/v1/namespaces/default/services"
#define CONFIGMAPS "/api/v1/namespaces/default/configmaps"

static void test_choice(void **state)
{
	static const struct {
		const char *on[2], *off[2], *want;
	} rows[] = {
		{ { "NodeRestriction", "AlwaysPullImages" },
		  { "AlwaysAdmit", "PodSecurity" },
		  NULL },
		{ { "Nothing" },
		  { NULL },
		  "enable-admission-plugins plugin \"Nothing\" is unknown" },
		{ { NULL },
		  { "RBACEscalation" },
		  "disable-admission-plugins plugin "
		  "\"RBACEscalation\" is unknown" },
		{ { "Priority" },
		  { "Priority" },
		  "[Priority] in enable-admission-plugins and "
		  "disable-admission-plugins overlapped" },
		{ { "ImagePolicyWebhook" },
		  { NULL },
		  "couldn't init admission plugin \"ImagePolicyWebhook\": no config specified" },
		{ { "EventRateLimit" },
		  { NULL },
		  "couldn't init admission plugin \"EventRateLimit\": no config specified" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str on[2], off[2];
		struct str_list enable = { on, 0 }, disable = { off, 0 };
		struct registry registry = { 0 };
		struct admission_state *admission = NULL;
		struct err err = { 0 };

		for (size_t j = 0; j < 2 && rows[i].on[j]; j++)
			on[enable.count++] = str_from(rows[i].on[j]);
		for (size_t j = 0; j < 2 && rows[i].off[j]; j++)
			off[disable.count++] = str_from(rows[i].off[j]);
		assert_int_equal(
			admission_state_new(&registry, NULL, &enable, &disable, &admission, &err),
			rows[i].want ? -1 : 0);
		admission_state_free(admission);
		if (rows[i].want)
			assert_string_equal(err.msg, rows[i].want);
	}
}

static void test_switched_off(void **state)
{
	run_chosen(NULL, "DefaultTolerationSeconds",
		   STEPS({ "POST", PODS, POD("x", ""), 201, "\"spec\":{\"containers\"" },
			 { "DELETE", "/api/v1/namespaces/default", NULL, 403,
			   "this namespace may not be deleted" }));
	run_chosen(NULL, "NamespaceLifecycle",
		   STEPS({ "DELETE", "/api/v1/namespaces/kube-public", NULL, 200, "" }));
	run_chosen(
		NULL, "ValidatingAdmissionPolicy",
		STEPS({ "POST", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
			"{'metadata':{'name':'p'},'spec':{'matchConstraints':{'resourceRules':[{"
			"'operations':['*'],'apiGroups':[''],'apiVersions':['v1'],'resources':["
			"'configmaps']}]},'validations':[{'expression':'false'}]}}",
			201 },
		      { "POST",
			"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
			"{'metadata':{'name':'b'},'spec':{'policyName':'p','validationActions':['"
			"Deny']"
			"}}",
			201 },
		      { "POST", CONFIGMAPS, "{'metadata':{'name':'x'}}", 201 }));
}

static void test_optional(void **state)
{
	run_chosen("AlwaysDeny", NULL,
		   STEPS({ "POST", CONFIGMAPS, "{'metadata':{'name':'x'}}", 403,
			   "admission control is denying all modifications" }));
	run_chosen(
		"AlwaysPullImages", NULL,
		STEPS({ "POST", PODS,
			"{'metadata':{'name':'x'},'spec':{'containers':[{'name':'c','image':'i:1',"
			"'imagePullPolicy':'Never'}]}}",
			201, "\"imagePullPolicy\":\"Always\"" }));
	run_chosen(
		"LimitPodHardAntiAffinityTopology", NULL,
		STEPS({ "POST", PODS,
			POD("x", ",'affinity':{'podAntiAffinity':{"
				 "'requiredDuringSchedulingIgnoredDuringExecution':[{'topologyKey':"
				 "'zone','labelSelector':{}}]}}"),
			403,
			"affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone "
			"but "
			"only key kubernetes.io/hostname is allowed" },
		      { "POST", PODS,
			POD("x", ",'affinity':{'podAntiAffinity':{"
				 "'requiredDuringSchedulingIgnoredDuringExecution':[{'topologyKey':"
				 "'kubernetes.io/hostname','labelSelector':{}}]}}"),
			201 }));
	run_chosen("ExtendedResourceToleration", NULL,
		   STEPS({ "POST", PODS,
			   "{'metadata':{'name':'x'},'spec':{'containers':[{'name':'c','image':'i',"
			   "'resources':{'limits':{'example.com/gpu':'1'},'requests':{'example.com/"
			   "gpu':"
			   "'1'}}}]}}",
			   201, "{\"key\":\"example.com/gpu\",\"operator\":\"Exists\"}" }));
	run_chosen("DenyServiceExternalIPs", NULL,
		   STEPS({ "POST", SERVICES,
			   "{'metadata':{'name':'x'},'spec':{'externalIPs':['192.0.2.9'],'ports':[{"
			   "'port'"
			   ":80}]}}",
			   403, "Use of external IPs is denied by admission control" }));
}

static void test_node_selector(void **state)
{
	run_chosen(
		"PodNodeSelector", NULL,
		STEPS({ "PATCH", "/api/v1/namespaces/default",
			"{'metadata':{'annotations':{'scheduler.alpha.kubernetes.io/node-selector':"
			"'disk=fast,zone=a'}}}",
			200 },
		      { "POST", PODS, POD("x", ",'nodeSelector':{'zone':'a'}"), 201,
			"\"nodeSelector\":{\"zone\":\"a\",\"disk\":\"fast\"}" },
		      { "POST", PODS, POD("y", ",'nodeSelector':{'zone':'b'}"), 403,
			"pod node label selector conflicts with its namespace node label "
			"selector" }));
}

#define OWNED(more)                                                                          \
	"{'metadata':{'name':'x','ownerReferences':[{'apiVersion':'v1','kind':'ConfigMap','" \
	"name':'o','uid':'u'" more "}]}}"

/* Who may write a thing but not delete it, or not finalize its owner. */
static void test_owners(void **state)
{
	static const struct step as_admin[] = {
		{ "POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles",
		  "{'metadata':{'name':'w'},'rules':[{'verbs':['create','patch','get'],"
		  "'apiGroups':[''],'resources':['configmaps']}]}",
		  201 },
		{ "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
		  "{'metadata':{'name':'w'},'roleRef':{'apiGroup':'rbac.authorization.k8s.io',"
		  "'kind':'ClusterRole','name':'w'},'subjects':[{'apiGroup':'"
		  "rbac.authorization.k8s.io','kind':'User','name':'writer'}]}",
		  201 },
	};
	static const struct step as_writer[] = {
		{ "POST", CONFIGMAPS, OWNED(",'blockOwnerDeletion':true"), 403,
		  "cannot set blockOwnerDeletion if an ownerReference refers to a resource you "
		  "can't set finalizers on" },
		{ "POST", CONFIGMAPS, OWNED(""), 201 },
		{ "PATCH", CONFIGMAPS "/x", "{'metadata':{'ownerReferences':null}}", 403,
		  "cannot set an ownerRef on a resource you can't delete" },
		{ "PATCH", CONFIGMAPS "/x", "{'data':{'a':'b'}}", 200 },
	};
	struct str on = STR("OwnerReferencesPermissionEnforcement");
	struct http_fixture f, g;

	http_fixture_open_with(&f, (struct apiserver_options){ .plugins_on = { &on, 1 } });
	for (size_t i = 0; i < ARRAY_COUNT(as_admin); i++)
		run_step(&f, &as_admin[i]);
	f.user = "writer";
	f.group = NULL;
	http_fixture_connect(&g, &f);
	for (size_t i = 0; i < ARRAY_COUNT(as_writer); i++)
		run_step(&g, &as_writer[i]);
	http_fixture_disconnect(&g);
	http_fixture_close(&f);
}

static void test_topology(void **state)
{
	static const struct step steps[] = {
		{ "POST", "/api/v1/nodes",
		  "{'metadata':{'name':'n','labels':{'topology.kubernetes.io/zone':'z1',"
		  "'topology.kubernetes.io/region':'r1','other':'x'}}}",
		  201 },
		{ "POST", PODS, POD("x", ",'nodeName':'n'"), 201,
		  "\"labels\":{\"topology.kubernetes.io/zone\":\"z1\",\"topology.kubernetes.io/"
		  "region\":\"r1\"}" },
		{ "POST", PODS,
		  "{'metadata':{'name':'y','labels':{'topology.kubernetes.io/"
		  "zone':'mine'}},'spec':{"
		  "'containers':[{'name':'c','image':'i'}]}}",
		  201 },
		{ "POST", PODS "/y/binding",
		  "{'metadata':{'name':'y'},'target':{'kind':'Node','name':'n'}}", 201 },
		{ "GET", PODS "/y", NULL, 200,
		  "\"labels\":{\"topology.kubernetes.io/zone\":\"mine\",\"topology.kubernetes.io/"
		  "region\":\"r1\"}" },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

#define DEVICES "/apis/resource.k8s.io/v1/namespaces/default/"
#define ADMIN_REQUEST                                                                         \
	"{'devices':{'requests':[{'name':'a','exactly':{'deviceClassName':'c'}},{'name':'b'," \
	"'exactly':{'deviceClassName':'c','adminAccess':true}}]}}"

static void test_device_admin(void **state)
{
	static const struct step steps[] = {
		{ "POST", DEVICES "resourceclaims",
		  "{'metadata':{'name':'x'},'spec':" ADMIN_REQUEST "}", 422,
		  "spec.devices.requests[1].adminAccess: Forbidden: admin access to devices "
		  "requires the " },
		{ "POST", DEVICES "resourceclaimtemplates",
		  "{'metadata':{'name':'x'},'spec':{'spec':" ADMIN_REQUEST "}}", 422,
		  "admin access to devices requires" },
		{ "PATCH", "/api/v1/namespaces/default",
		  "{'metadata':{'labels':{'resource.kubernetes.io/admin-access':'true'}}}", 200 },
		{ "POST", DEVICES "resourceclaims",
		  "{'metadata':{'name':'x'},'spec':" ADMIN_REQUEST "}", 201 },
		{ "POST", DEVICES "resourceclaimtemplates",
		  "{'metadata':{'name':'x'},'spec':{'spec':" ADMIN_REQUEST "}}", 201 },
	};

	run_steps(steps, ARRAY_COUNT(steps));
}

static int post_tolerations(struct http_fixture *f, const char *name, size_t count,
			    const char **ret_body)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, 1u << 20);
	buf_printf(
		&text,
		"{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"containers\":[{\"name\":\"c\","
		"\"image\":\"i\",\"resources\":{\"requests\":{\"cpu\":\"1\"}}}],\"tolerations\":[",
		name);
	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%s{\"key\":\"k%zu\",\"operator\":\"Exists\"}", i ? "," : "", i);
	buf_put_c(&text, "]}}");
	buf_put_char(&text, '\0');
	return http_fixture_do(f, "POST", PODS, "Content-Type: application/json\r\n", text.ptr,
			       ret_body);
}

/* Would break: a pod of many tolerations holds up everybody while they are compared. */
static void test_many_tolerations(void **state)
{
	struct str enabled[] = { STR("PodTolerationRestriction") };
	struct http_fixture f;
	const char *body;

	http_fixture_open_with(&f, (struct apiserver_options){ .plugins_on = { enabled, 1 } });
	/* three more come from two plug-ins */
	assert_int_equal(post_tolerations(&f, "most", TOLERATIONS_COMPARED_MAX - 3, &body), 201);
	assert_int_equal(post_tolerations(&f, "more", TOLERATIONS_COMPARED_MAX - 2, &body), 422);
	assert_non_null(strstr(body, "4001 tolerations are more than the 4000 that are compared"));
	http_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_tolerations), cmocka_unit_test(test_choice),
		cmocka_unit_test(test_switched_off),	 cmocka_unit_test(test_optional),
		cmocka_unit_test(test_node_selector),	 cmocka_unit_test(test_owners),
		cmocka_unit_test(test_topology),	 cmocka_unit_test(test_device_admin),
		cmocka_unit_test(test_storage),		 cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_runtime_classes),	 cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
