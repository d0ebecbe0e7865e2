/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a Service of two address families gets other addresses than upstream gives it, or
 * keeps one that it let go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/attr.h"
#include "fixture.h"

#define SVC "/api/v1/namespaces/default/services"
#define CIDRS "/apis/networking.k8s.io/v1/servicecidrs"
#define ADDRESSES "/apis/networking.k8s.io/v1/ipaddresses"
#define SERVICE(name, spec) \
	"{'metadata':{'name':'" name "'},'spec':{'ports':[{'port':80,'protocol':'TCP'}]" spec "}}"
#define OF_BOTH(name, spec) SERVICE(name, ",'ipFamilyPolicy':'RequireDualStack'" spec)
#define PATCHED(spec) "{'spec':{" spec "}}"

static void run_on(const char *networks, const struct step *steps, size_t count)
{
	struct http_fixture f;

	http_fixture_open_with(&f,
			       (struct apiserver_options){ .service_cidr = str_from(networks) });
	for (size_t i = 0; i < count; i++)
		run_step(&f, &steps[i]);
	http_fixture_close(&f);
}

static void test_both(void **state)
{
	static const struct step steps[] = {
		{ "GET", CIDRS "/kubernetes", NULL, 200, "[\"10.96.0.0/24\",\"fd00:96::/112\"]" },
		{ "GET", SVC "/kubernetes", NULL, 200, "\"clusterIPs\":[\"10.96.0.1\"]" },
		{ "POST", SVC, SERVICE("one", ""), 201, "\"ipFamilies\":[\"IPv4\"]" },
		{ "POST", SVC, SERVICE("six", ",'ipFamilies':['IPv6']"), 201,
		  "\"clusterIPs\":[\"fd00:96::" },
		{ "POST", SVC,
		  OF_BOTH("two",
			  ",'clusterIP':'10.96.0.9','clusterIPs':['10.96.0.9','FD00:96:0::9']"),
		  201, "\"clusterIPs\":[\"10.96.0.9\",\"FD00:96:0::9\"]",
		  "spec.clusterIPs[1]: IPv6 address \\\"FD00:96:0::9\\\" should be in RFC 5952 "
		  "canonical format (\\\"fd00:96::9\\\")" },
		{ "GET", ADDRESSES "/10.96.0.9", NULL, 200, "ip-family\":\"IPv4\"" },
		{ "GET", ADDRESSES "/fd00:96::9", NULL, 200, "ip-family\":\"IPv6\"" },
		{ "POST", SVC,
		  OF_BOTH("three", ",'clusterIP':'fd00:96::9','clusterIPs':['fd00:96::9']"), 422,
		  "spec.clusterIPs: Invalid value: [\\\"fd00:96::9\\\"]: failed to allocate IP "
		  "fd00:96::9: provided IP is already allocated" },
		{ "POST", SVC,
		  OF_BOTH("three", ",'clusterIP':'10.96.0.8','clusterIPs':['10.96.0.8','fd00::1']"),
		  422,
		  "spec.clusterIPs: Invalid value: [\\\"10.96.0.8\\\",\\\"fd00::1\\\"]: failed to "
		  "allocate IP fd00::1: the provided network does not match the current range" },
		/* nothing of a refused one is kept */
		{ "GET", ADDRESSES "/10.96.0.8", NULL, 404, "" },
		/* the same again, without what was given out */
		{ "PUT", SVC "/two", SERVICE("two", ""), 200,
		  "\"clusterIPs\":[\"10.96.0.9\",\"FD00:96:0::9\"]" },
		{ "PATCH", SVC "/two", PATCHED("'clusterIPs':['10.96.0.9']"), 422,
		  "must be `SingleStack` to release the secondary cluster IP" },
		{ "PATCH", SVC "/two", PATCHED("'ipFamilyPolicy':'SingleStack'"), 200,
		  "\"clusterIPs\":[\"10.96.0.9\"]" },
		{ "GET", ADDRESSES "/fd00:96::9", NULL, 404, "" },
		{ "GET", ADDRESSES "/10.96.0.9", NULL, 200, "\"name\":\"two\"" },
		{ "PATCH", SVC "/two",
		  PATCHED("'ipFamilyPolicy':'PreferDualStack','clusterIPs':['10.96.0.9','fd00:96::"
			  "7']"),
		  200, "\"ipFamilies\":[\"IPv4\",\"IPv6\"]" },
		{ "GET", ADDRESSES "/fd00:96::7", NULL, 200, "\"name\":\"two\"" },
		{ "PATCH", SVC "/two", PATCHED("'type':'ExternalName','externalName':'a.b'"), 200,
		  "ExternalName" },
		{ "GET", ADDRESSES "/fd00:96::7", NULL, 404, "" },
		{ "GET", ADDRESSES "/10.96.0.9", NULL, 404, "" },
		{ "PATCH", SVC "/two",
		  PATCHED("'type':'ClusterIP','externalName':null,'ipFamilyPolicy':"
			  "'RequireDualStack','ipFamilies':['IPv6','IPv4']"),
		  200, "\"clusterIPs\":[\"fd00:96::" },
		{ "DELETE", SVC "/two", NULL, 200, "" },
		{ "DELETE", SVC "/one", NULL, 200, "" },
		{ "DELETE", SVC "/six", NULL, 200, "" },
		{ "GET", ADDRESSES "?labelSelector=ipaddress.kubernetes.io/ip-family%3DIPv6", NULL,
		  200, "\"items\":[]" },
		{ "POST", SVC "?dryRun=All", OF_BOTH("dry", ",'type':'NodePort'"), 201,
		  "\"clusterIPs\":[\"10.96.0.0\",\"fd00:96::\"]" },
		{ "POST", SVC "?dryRun=All", SERVICE("dry", ",'type':'NodePort'"), 201,
		  "\"nodePort\":32768" },
		{ "POST", SVC "?dryRun=All", SERVICE("dry", ",'clusterIP':'10.97.0.1'"), 422,
		  "failed to allocate IP 10.97.0.1: the provided IP (10.97.0.1) is not in the "
		  "valid "
		  "range. The range of valid IPs is 10.96.0.0/24" },
	};

	run_on("10.96.0.0/24,fd00:96::/112", steps, ARRAY_COUNT(steps));
}

static void test_six_first(void **state)
{
	static const struct step steps[] = {
		{ "GET", CIDRS "/kubernetes", NULL, 200, "[\"fd00:96::/112\",\"10.96.0.0/24\"]" },
		{ "GET", SVC "/kubernetes", NULL, 200, "\"clusterIPs\":[\"fd00:96::1\"]" },
		{ "GET", ADDRESSES "/fd00:96::1", NULL, 200, "\"name\":\"kubernetes\"" },
		{ "POST", SVC, SERVICE("one", ""), 201, "\"ipFamilies\":[\"IPv6\"]" },
		{ "POST", SVC, SERVICE("any", ",'ipFamilyPolicy':'PreferDualStack'"), 201,
		  "\"ipFamilies\":[\"IPv6\",\"IPv4\"]" },
		{ "POST", SVC, SERVICE("own", ",'clusterIP':'None'"), 201,
		  "\"ipFamilyPolicy\":\"RequireDualStack\"" },
	};

	run_on("fd00:96::/112,10.96.0.0/24", steps, ARRAY_COUNT(steps));
}

static void test_six(void **state)
{
	static const struct step steps[] = {
		{ "GET", CIDRS "/kubernetes", NULL, 200, "[\"fd00:96::/125\"]" },
		{ "POST", SVC, SERVICE("four", ",'ipFamilies':['IPv4']"), 422,
		  "spec.ipFamilies[0]: Invalid value: \\\"IPv4\\\": not configured on this "
		  "cluster" },
		{ "POST", SVC, OF_BOTH("two", ""), 422,
		  "this cluster is not configured for dual-stack services" },
		{ "POST", SVC, SERVICE("b", ",'clusterIP':'fd00:96::2'"), 201, "fd00:96::2" },
		{ "POST", SVC, SERVICE("c", ",'clusterIP':'fd00:96::3'"), 201, "fd00:96::3" },
		{ "POST", SVC, SERVICE("d", ",'clusterIP':'fd00:96::4'"), 201, "fd00:96::4" },
		{ "POST", SVC, SERVICE("e", ",'clusterIP':'fd00:96::5'"), 201, "fd00:96::5" },
		{ "POST", SVC, SERVICE("f", ",'clusterIP':'fd00:96::6'"), 201, "fd00:96::6" },
		{ "POST", SVC, SERVICE("g", ""), 201, "\"clusterIP\":\"fd00:96::7\"" },
		{ "POST", SVC, SERVICE("h", ""), 500,
		  "failed to allocate a serviceIP for Service \\\"h\\\": range is full" },
		/* a further network, of both families: the cluster still has one */
		{ "POST", CIDRS,
		  "{'metadata':{'name':'more'},'spec':{'cidrs':['fd00:97::/64','10.97.0.0/24']}}",
		  201, "" },
		{ "POST", SVC, SERVICE("h", ""), 201, "\"clusterIP\":\"fd00:97::" },
		{ "POST", SVC, SERVICE("i", ",'clusterIP':'10.97.0.1'"), 422,
		  "IPv4 is not configured on this cluster" },
		{ "POST", SVC, SERVICE("i", ",'clusterIP':'fd00:97::1:2:3:4'"), 201, "" },
		{ "GET", ADDRESSES "/fd00:97::1:2:3:4", NULL, 200, "\"name\":\"i\"" },
	};

	run_on("fd00:96::/125", steps, ARRAY_COUNT(steps));
}

#define LB ",'type':'LoadBalancer'"
#define LOCAL ",'externalTrafficPolicy':'Local'"

static void test_ports(void **state)
{
	static const struct step steps[] = {
		/* what is asked for is taken, also where nothing else is given out */
		{ "POST", SVC,
		  "{'metadata':{'name':'a'},'spec':{'type':'LoadBalancer',"
		  "'allocateLoadBalancerNodePorts':false,'ports':[{'port':80,'name':'a','nodePort':"
		  "30007},{'port':81,'name':'b'}],'externalTrafficPolicy':'Local',"
		  "'healthCheckNodePort':30008}}",
		  201, "\"healthCheckNodePort\":30008" },
		{ "POST", SVC,
		  "{'metadata':{'name':'b'},'spec':{'type':'NodePort','ports':[{'port':80,"
		  "'nodePort':30007}]}}",
		  422, "30007: provided port is already allocated" },
		{ "POST", SVC,
		  "{'metadata':{'name':'b'},'spec':{'type':'NodePort','ports':[{'port':80,"
		  "'nodePort':30008}]}}",
		  422, "30008: provided port is already allocated" },
		{ "POST", SVC, SERVICE("b", LB LOCAL ",'healthCheckNodePort':30008"), 500,
		  "failed to allocate requested HealthCheck NodePort 30008: provided port is "
		  "already "
		  "allocated" },
		/* of two protocols on one port, one number */
		{ "POST", SVC,
		  "{'metadata':{'name':'c'},'spec':{'type':'NodePort','ports':[{'port':53,'name':'"
		  "t',"
		  "'nodePort':30053},{'port':53,'protocol':'UDP','name':'u'}]}}",
		  201, "\"name\":\"u\",\"targetPort\":53,\"nodePort\":30053}" },
		/* known by its name, whatever else of it changes */
		{ "PUT", SVC "/c",
		  "{'metadata':{'name':'c'},'spec':{'type':'NodePort','ports':[{'port':54,'name':'"
		  "t'}]}"
		  "}",
		  200, "30053" },
		{ "DELETE", SVC "/a", NULL, 200, "" },
		{ "POST", SVC,
		  "{'metadata':{'name':'b'},'spec':{'type':'NodePort','ports':[{'port':80,'name':'"
		  "x',"
		  "'nodePort':30007},{'port':81,'name':'y','nodePort':30008}]}}",
		  201, "30008" },
	};

	run_on("10.96.0.0/24", steps, ARRAY_COUNT(steps));
}

/* What is wrong with a Service is told in upstream's order: first what it cannot be given. */
static void test_order(void **state)
{
	static const struct step steps[] = {
		{ "POST", SVC,
		  "{'metadata':{'name':'a'},'spec':{'type':'NodePort','ports':[{'port':80,"
		  "'nodePort':-1}],'sessionAffinity':'x'}}",
		  422,
		  "spec.ports[0].nodePort: Invalid value: -1: provided port is not in the valid "
		  "range. "
		  "The range of valid ports is 30000-32767\"" },
		{ "POST", SVC,
		  "{'metadata':{'name':'a'},'spec':{'ports':[{'port':80}],"
		  "'ipFamilies':['IPv4','IPv6','IPv4']}}",
		  422, "spec.ipFamilies" },
		{ "POST", SVC, SERVICE("A_", ",'type':'NodePort'"), 422, "metadata.name" },
	};

	run_on("10.96.0.0/24", steps, ARRAY_COUNT(steps));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both),  cmocka_unit_test(test_six_first),
		cmocka_unit_test(test_six),   cmocka_unit_test(test_ports),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
