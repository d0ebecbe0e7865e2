/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused in Services and endpoints, what may change, what users are warned of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

#include "base/attr.h"

static void test_ports(void **state)
{
	static const char base[] = "metadata: {name: s}\nspec: {clusterIP: 10.0.0.1, selector: {a: "
				   "b}, ports: [{port: 80}]}";
	static const struct kind_case cases[] = {
		{ "no ports", "!spec: {ports: []}", "spec.ports: Required value" },
		{ "a port too high", "!spec: {ports: [{port: 70000}]}",
		  "spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, "
		  "inclusive\nspec.ports[0].targetPort: Invalid value: 70000: must be between 1 "
		  "and 65535, inclusive" },
		{ "two without names", "!spec: {ports: [{port: 80}, {port: 81}]}",
		  "spec.ports[0].name: Required value\nspec.ports[1].name: Required value" },
		{ "one name and one port twice",
		  "!spec: {ports: [{port: 80, name: a}, {port: 80, name: a}]}",
		  "spec.ports[1].name: Duplicate value: \"a\"\nspec.ports[1]: Duplicate value: "
		  "{\"Name\":\"\",\"Protocol\":\"TCP\",\"Port\":80,\"TargetPort\":0,\"NodePort\":0,"
		  "\"AppProtocol\":null}" },
		{ "a port of nodes on a cluster address",
		  "!spec: {ports: [{port: 80, nodePort: 30000}]}",
		  "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'" },
		{ "one port of nodes twice",
		  "!spec: {type: NodePort, ports: [{port: 80, name: a, nodePort: 30000}, {port: "
		  "81, name: b, nodePort: 30000}]}",
		  "spec.ports[1].nodePort: Duplicate value: 30000" },
		{ "a protocol of its own", "!spec: {ports: [{port: 80, appProtocol: a b}]}",
		  "spec.ports[0].appProtocol: Invalid value: \"a b\": name part must consist "
		  "of..." },
	};

	check_creates(&kind_service, base, cases, ARRAY_COUNT(cases));
}

static void test_types(void **state)
{
	static const char base[] = "metadata: {name: s}\nspec: {clusterIP: 10.0.0.1, selector: {a: "
				   "b}, ports: [{port: 80}]}";
	static const struct kind_case cases[] = {
		{ "an unknown type", "spec: {type: Foo}",
		  "spec.type: Unsupported value: \"Foo\": supported values: \"ClusterIP\", "
		  "\"ExternalName\", \"LoadBalancer\", \"NodePort\"" },
		{ "headless but balanced", "spec: {type: LoadBalancer, clusterIP: None}",
		  "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for "
		  "LoadBalancer services" },
		{ "a name without one", "!spec: {type: ExternalName, clusterIP: null, ports: null}",
		  "spec.externalName: Required value" },
		{ "a name and an address", "spec: {type: ExternalName, externalName: a.b}",
		  "spec.clusterIPs: Forbidden: may not be set for ExternalName services" },
		{ "affinity for too long",
		  "spec: {sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: "
		  "{timeoutSeconds: 86401}}}",
		  "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must "
		  "be greater than 0 and less than 86400" },
		{ "an unknown affinity", "spec: {sessionAffinity: Maybe}",
		  "spec.sessionAffinity: Unsupported value: \"Maybe\": supported values: "
		  "\"ClientIP\", \"None\"" },
		{ "ranges without a balancer", "spec: {loadBalancerSourceRanges: [10.0.0.0/33]}",
		  "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is "
		  "'LoadBalancer'\nspec.LoadBalancerSourceRanges[0]: Invalid value: "
		  "\"10.0.0.0/33\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or "
		  "2001:db8::/64)" },
		{ "a class without a balancer",
		  "spec: {loadBalancerClass: a/b, allocateLoadBalancerNodePorts: true}",
		  "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is "
		  "'LoadBalancer'\nspec.loadBalancerClass: Forbidden: may only be used when `type` "
		  "is 'LoadBalancer'" },
		{ "a policy for nobody", "spec: {externalTrafficPolicy: Local}",
		  "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for "
		  "externally-accessible services" },
		{ "an unknown policy inside",
		  "spec: {internalTrafficPolicy: Foo, trafficDistribution: Far}",
		  "spec.internalTrafficPolicy: Unsupported value: \"Foo\": supported values: "
		  "\"Cluster\", \"Local\"\nspec.trafficDistribution: Unsupported value: \"Far\": "
		  "supported values: \"PreferClose\", \"PreferSameNode\", \"PreferSameZone\"" },
	};

	check_creates(&kind_service, base, cases, ARRAY_COUNT(cases));
}

static void test_addresses(void **state)
{
	static const char base[] = "metadata: {name: s}\nspec: {clusterIP: 10.0.0.1, selector: {a: "
				   "b}, ports: [{port: 80}]}";
	static const struct kind_case cases[] = {
		{ "no address", "spec: {clusterIP: x}",
		  "spec.clusterIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. "
		  "10.9.8.7 or 2001:db8::ffff)" },
		{ "two that differ", "!spec: {clusterIPs: [10.0.0.2]}",
		  "spec.clusterIPs: Invalid value: [\"10.0.0.2\"]: first value must match "
		  "`clusterIP`" },
		{ "two of one family", "!spec: {clusterIPs: [10.0.0.1, 10.0.0.2]}",
		  "spec.clusterIPs: Invalid value: [\"10.0.0.1\",\"10.0.0.2\"]: may specify no "
		  "more than one IP for each IP family" },
		{ "the other family", "!spec: {ipFamilies: [IPv6]}",
		  "spec.clusterIPs[0]: Invalid value: \"10.0.0.1\": expected an IPv6 value as "
		  "indicated by `ipFamilies[0]`" },
		{ "one family twice", "!spec: {ipFamilies: [IPv4, IPv4], ipFamilyPolicy: Foo}",
		  "spec.ipFamilies[1]: Duplicate value: \"IPv4\"\nspec.ipFamilyPolicy: Unsupported "
		  "value: \"Foo\": supported values: \"PreferDualStack\", \"RequireDualStack\", "
		  "\"SingleStack\"" },
		{ "external ones nobody reaches",
		  "!spec: {externalIPs: [x, 127.0.0.1, 0.0.0.0, 169.254.1.1]}",
		  "spec.externalIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. "
		  "10.9.8.7 or 2001:db8::ffff)\nspec.externalIPs[1]: Invalid value: \"127.0.0.1\": "
		  "may not be in the loopback range (127.0.0.0/8, ::1/128)\nspec.externalIPs[2]: "
		  "Invalid value: \"0.0.0.0\": may not be unspecified "
		  "(0.0.0.0)\nspec.externalIPs[3]: Invalid value: \"169.254.1.1\": may not be in "
		  "the link-local range (169.254.0.0/16, fe80::/10)" },
	};

	check_creates(&kind_service, base, cases, ARRAY_COUNT(cases));
}

static void test_updates(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: s}\nspec: {clusterIP: 10.0.0.1, selector: {a: b}, ports: [{port: "
		"80}], ipFamilies: [IPv4], ipFamilyPolicy: SingleStack}",
		"", ""
	};
	static const struct kind_case cases[] = {
		{ "another address", "spec: {clusterIP: 10.0.0.2, clusterIPs: [10.0.0.2]}",
		  "spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set" },
		{ "no address", "spec: {clusterIP: null, clusterIPs: null}", "" },
		{ "another family", "!spec: {ipFamilies: [IPv6]}",
		  "spec.clusterIPs[0]: Invalid value: \"10.0.0.1\": expected an IPv6 value as "
		  "indicated by `ipFamilies[0]`\nspec.ipFamilies[0]: Invalid value: [\"IPv6\"]: "
		  "may not change once set" },
		{ "another selector", "spec: {selector: {a: c}}", "" },
	};

	check_updates(&kind_service, &update, cases, ARRAY_COUNT(cases));
}

/* What was stored under the rules of before. */
static void test_old_forms(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: s}\nspec: {clusterIP: 10.0.0.1, type: LoadBalancer, "
		"healthCheckNodePort: 30001, externalTrafficPolicy: Local, ports: [{port: 80}], "
		"ipFamilies: [IPv4], ipFamilyPolicy: SingleStack}",
		"spec: {externalIPs: [10.0.0.01, \"::ffff:1.2.3.4\"], loadBalancerSourceRanges: "
		"[\" 10.0.0.1/8\"]}",
		""
	};
	static const struct kind_case cases[] = {
		{ "in another order", "!spec: {externalIPs: [\"::ffff:1.2.3.4\", 10.0.0.01]}", "" },
		{ "one more", "!spec: {externalIPs: [10.0.0.01, 10.0.0.02]}",
		  "spec.externalIPs[1]: Invalid value: \"10.0.0.02\": must not have leading 0s" },
		{ "another of both",
		  "!spec: {externalIPs: [\"::ffff:1.2.3.5\"], loadBalancerSourceRanges: "
		  "[10.0.0.1/8, "
		  "10.0.0.2/8]}",
		  "spec.externalIPs[0]: Invalid value: \"::ffff:1.2.3.5\": must not be an "
		  "IPv4-mapped IPv6 address\nspec.LoadBalancerSourceRanges[1]: Invalid value: "
		  "\"10.0.0.2/8\": must not have bits set beyond the prefix length" },
	};

	check_updates(&kind_service, &update, cases, ARRAY_COUNT(cases));
}

static void test_kept_families(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: s}\nspec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, "
		"\"fd00::1\"], selector: {a: b}, ports: [{port: 80}], ipFamilies: [IPv4, IPv6], "
		"ipFamilyPolicy: PreferDualStack}",
		"", ""
	};
	static const struct kind_case cases[] = {
		{ "one left, but not alone by policy",
		  "!spec: {clusterIPs: [10.0.0.1], ipFamilies: [IPv4]}",
		  "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be set to "
		  "'SingleStack' when releasing the secondary clusterIP\nspec.ipFamilyPolicy: "
		  "Invalid value: \"PreferDualStack\": must be set to 'SingleStack' when releasing "
		  "the secondary ipFamily" },
		{ "one left",
		  "!spec: {clusterIPs: [10.0.0.1], ipFamilies: [IPv4], ipFamilyPolicy: "
		  "SingleStack}",
		  "" },
		{ "the second left",
		  "!spec: {clusterIP: \"fd00::1\", clusterIPs: [\"fd00::1\"], ipFamilies: [IPv6], "
		  "ipFamilyPolicy: SingleStack}",
		  "spec.clusterIPs[0]: Invalid value: [\"fd00::1\"]: may not change once "
		  "set\nspec.ipFamilies[0]: Invalid value: [\"IPv6\"]: may not change once set" },
		{ "another second", "!spec: {clusterIPs: [10.0.0.1, \"fd00::2\"]}",
		  "spec.clusterIPs[1]: Invalid value: [\"10.0.0.1\",\"fd00::2\"]: may not change "
		  "once set" },
		{ "a name instead", "spec: {type: ExternalName, externalName: a.b}", "" },
	};

	check_updates(&kind_service, &update, cases, ARRAY_COUNT(cases));
}

static void test_status(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: s}\nspec: {clusterIP: 10.0.0.1, selector: {a: b}, ports: [{port: "
		"80}]}",
		"", "status"
	};
	static const struct kind_case cases[] = {
		{ "a balancer of none",
		  "status: {loadBalancer: {ingress: [{ip: 10.0.0.9, ipMode: VIP}]}}",
		  "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is "
		  "'LoadBalancer'" },
	};

	check_updates(&kind_service, &update, cases, ARRAY_COUNT(cases));
}

static void test_warnings(void **state)
{
	static const char base[] = "metadata: {name: s}\nspec: {clusterIP: 10.0.0.1, selector: {a: "
				   "b}, ports: [{port: 80}]}";
	static const struct kind_case cases[] = {
		{ "nothing", "{}", "" },
		{ "forms of IPv6",
		  "!spec: {clusterIP: \"fd00:0::1\", clusterIPs: [\"fd00:0::1\"], externalIPs: "
		  "[\"2001:DB8::1\"], loadBalancerIP: \"fd00::00\", loadBalancerSourceRanges: "
		  "[\"2001:DB8::/64\"]}",
		  "spec.clusterIPs[0]: IPv6 address \"fd00:0::1\" should be in RFC 5952 canonical "
		  "format (\"fd00::1\")\nspec.externalIPs[0]: IPv6 address \"2001:DB8::1\" should "
		  "be in RFC 5952 canonical format (\"2001:db8::1\")\nspec.loadBalancerIP: IPv6 "
		  "address \"fd00::00\" should be in RFC 5952 canonical format "
		  "(\"fd00::\")\nspec.loadBalancerSourceRanges[0]: IPv6 CIDR value "
		  "\"2001:DB8::/64\" should be in RFC 5952 canonical format (\"2001:db8::/64\")" },
		{ "the old word", "spec: {trafficDistribution: PreferClose}",
		  "spec.trafficDistribution: \"PreferClose\" is deprecated; use "
		  "\"PreferSameZone\"" },
		{ "affinity of nothing", "spec: {clusterIP: None, sessionAffinity: ClientIP}",
		  "spec.SessionAffinity is ignored for headless services" },
		{ "a name for nothing", "spec: {externalName: a.b}",
		  "spec.externalName is ignored when spec.type is not \"ExternalName\"" },
	};

	check_warnings(&kind_service, base, cases, ARRAY_COUNT(cases));
}

static void test_endpoints(void **state)
{
	static const char base[] = "metadata: {name: e}\nsubsets: [{addresses: [{ip: 10.0.0.1}], "
				   "ports: [{port: 80}]}]";
	static const struct kind_case cases[] = {
		{ "nobody", "!subsets: [{ports: [{port: 80}]}]",
		  "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`" },
		{ "oneself", "!subsets: [{addresses: [{ip: 127.0.0.1}]}]",
		  "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the "
		  "loopback range (127.0.0.0/8, ::1/128)" },
		{ "ports without names",
		  "!subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 80}, {port: 0, name: "
		  "a}]}]",
		  "subsets[0].ports[0].name: Required value\nsubsets[0].ports[1].port: Invalid "
		  "value: 0: must be between 1 and 65535, inclusive" },
	};

	check_creates(&kind_endpoints, base, cases, ARRAY_COUNT(cases));
}

static void test_slices(void **state)
{
	static const char base[] = "metadata: {name: e}\naddressType: IPv4\nendpoints: "
				   "[{addresses: [10.0.0.1]}]\nports: [{name: a, port: 80}]";
	static const struct kind_case cases[] = {
		{ "no type", "addressType: \"\"", "addressType: Required value" },
		{ "an unknown type", "addressType: IPX",
		  "addressType: Unsupported value: \"IPX\": supported values: \"FQDN\", \"IPv4\", "
		  "\"IPv6\"" },
		{ "the other family", "!endpoints: [{addresses: [\"2001:db8::1\"]}]",
		  "endpoints[0].addresses[0]: Invalid value: \"2001:db8::1\": must be an IPv4 "
		  "address" },
		{ "no address", "!endpoints: [{addresses: []}]",
		  "endpoints[0].addresses: Required value: must contain at least 1 address" },
		{ "a host", "!addressType: FQDN\nendpoints: [{addresses: [a]}]",
		  "endpoints[0].addresses[0]: Invalid value: \"a\": should be a domain with at "
		  "least two segments separated by dots" },
		{ "one port twice", "!ports: [{name: a, port: 80}, {name: a, port: 81}]",
		  "ports[1].name: Duplicate value: \"a\"" },
		{ "a hint without a node",
		  "!endpoints: [{addresses: [10.0.0.1], hints: {forZones: [{name: \"\"}], "
		  "forNodes: "
		  "[{name: \"\"}]}}]",
		  "endpoints[0].hints.forNodes[0].name: Invalid value: \"\": a lowercase..." },
	};

	check_creates(&kind_endpointslice, base, cases, ARRAY_COUNT(cases));
}

static void test_slice_updates(void **state)
{
	static const struct kind_update update = {
		"metadata: {name: e}\naddressType: IPv4\nendpoints: []\nports: []", "", ""
	};
	static const struct kind_case cases[] = {
		{ "another type", "addressType: IPv6",
		  "addressType: Invalid value: \"IPv6\": field is immutable" },
	};

	check_updates(&kind_endpointslice, &update, cases, ARRAY_COUNT(cases));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),	      cmocka_unit_test(test_types),
		cmocka_unit_test(test_addresses),     cmocka_unit_test(test_updates),
		cmocka_unit_test(test_old_forms),     cmocka_unit_test(test_kept_families),
		cmocka_unit_test(test_status),	      cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_endpoints),     cmocka_unit_test(test_slices),
		cmocka_unit_test(test_slice_updates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
