/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused in the kinds of networking.k8s.io, and what may change in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

#include "base/attr.h"

static void test_ingress(void **state)
{
	static const char base[] =
		"metadata: {name: i}\nspec: {rules: [{http: {paths: [{path: /, pathType: Prefix, "
		"backend: {service: {name: s, port: {number: 80}}}}]}}]}";
	static const struct kind_case cases[] = {
		{ "nothing to do", "!spec: {rules: null}",
		  "spec: Invalid value: null: either `defaultBackend` or `rules` must be "
		  "specified" },
		{ "an address as host", "!spec: {rules: [{host: 10.0.0.1}]}",
		  "spec.rules[0].host: Invalid value: \"10.0.0.1\": must be a DNS name, not an IP "
		  "address" },
		{ "a star in the middle", "!spec: {rules: [{host: a.*.b}]}",
		  "spec.rules[0].host: Invalid value: \"a.*.b\": a wildcard DNS-1123 subdomain "
		  "must start with '*.'..." },
		{ "no type",
		  "!spec: {rules: [{http: {paths: [{path: /, backend: {service: {name: s, port: "
		  "{number: 80}}}}]}}]}",
		  "spec.rules[0].http.paths[0].pathType: Required value: pathType must be "
		  "specified" },
		{ "an unknown type",
		  "!spec: {rules: [{http: {paths: [{path: /, pathType: Foo, backend: {service: "
		  "{name: s, port: {number: 80}}}}]}}]}",
		  "spec.rules[0].http.paths[0].pathType: Unsupported value: \"Foo\": supported "
		  "values: \"Exact\", \"ImplementationSpecific\", \"Prefix\"" },
		{ "a relative path",
		  "!spec: {rules: [{http: {paths: [{path: a, pathType: Exact, backend: {service: "
		  "{name: s, port: {number: 80}}}}]}}]}",
		  "spec.rules[0].http.paths[0].path: Invalid value: \"a\": must be an absolute "
		  "path" },
		{ "ways out",
		  "!spec: {rules: [{http: {paths: [{path: /a/../b//c/., pathType: Prefix, backend: "
		  "{service: {name: s, port: {number: 80}}}}]}}]}",
		  "spec.rules[0].http.paths[0].path: Invalid value: \"/a/../b//c/.\": must not "
		  "contain '//'\nspec.rules[0].http.paths[0].path: Invalid value: "
		  "\"/a/../b//c/.\": must not contain '/../'\nspec.rules[0].http.paths[0].path: "
		  "Invalid value: \"/a/../b//c/.\": cannot end with '/.'" },
		{ "no port",
		  "!spec: {rules: [{http: {paths: [{path: /, pathType: Exact, backend: {service: "
		  "{name: s}}}]}}]}",
		  "spec.rules[0].http.paths[0].backend: Required value: port name or number is "
		  "required" },
		{ "two ports",
		  "!spec: {rules: [{http: {paths: [{path: /, pathType: Exact, backend: {service: "
		  "{name: s, port: {name: a, number: 1}}}}]}}]}",
		  "spec.rules[0].http.paths[0].backend: Invalid value: \"\": cannot set both port "
		  "name & port number" },
		{ "no backend",
		  "!spec: {rules: [{http: {paths: [{path: /, pathType: Exact, backend: {}}]}}]}",
		  "spec.rules[0].http.paths[0].backend: Invalid value: \"\": resource or service "
		  "backend is required" },
		{ "a bad secret", "spec: {tls: [{hosts: [A], secretName: B}]}",
		  "spec.tls[0].hosts[0]: Invalid value: \"A\": a lowercase RFC 1123 "
		  "subdomain...\nspec.tls[0].secretName: Invalid value: \"B\": a lowercase RFC "
		  "1123 subdomain..." },
		{ "both classes",
		  "metadata: {annotations: {kubernetes.io/ingress.class: a}}\nspec: "
		  "{ingressClassName: b}",
		  "annotations.kubernetes.io/ingress.class: Invalid value: \"a\": can not be set "
		  "when the class field is also set" },
	};

	check_creates(&kind_ingress, base, cases, ARRAY_COUNT(cases));
}

static void test_ingress_warnings(void **state)
{
	static const char base[] =
		"metadata: {name: i}\nspec: {rules: [{http: {paths: [{path: /, pathType: Prefix, "
		"backend: {service: {name: s, port: {number: 80}}}}]}}]}";
	static const struct kind_case cases[] = {
		{ "the old class", "metadata: {annotations: {kubernetes.io/ingress.class: a}}",
		  "annotation \"kubernetes.io/ingress.class\" is deprecated, please use "
		  "'spec.ingressClassName' instead" },
	};

	check_warnings(&kind_ingress, base, cases, ARRAY_COUNT(cases));
}

static void test_ingressclass(void **state)
{
	static const char base[] = "metadata: {name: c}\nspec: {controller: a.b/c}";
	static const struct kind_case cases[] = {
		{ "nobody", "!spec: {controller: \"\"}", "spec.controller: Required value" },
		{ "without a domain", "spec: {controller: a}",
		  "spec.controller: Invalid value: \"a\": must be a domain-prefixed path (such as "
		  "\"acme.io/foo\")" },
		{ "a namespace of the cluster",
		  "spec: {parameters: {kind: K, name: a, scope: Cluster, namespace: b}}",
		  "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'" },
	};

	check_creates(&kind_ingressclass, base, cases, ARRAY_COUNT(cases));
}

static void test_ingressclass_update(void **state)
{
	static const struct kind_update update = { "metadata: {name: c}\nspec: {controller: a.b/c}",
						   "", "" };
	static const struct kind_case cases[] = {
		{ "another controller", "spec: {controller: a.b/d}",
		  "spec.controller: Invalid value: \"a.b/d\": field is immutable" },
	};

	check_updates(&kind_ingressclass, &update, cases, ARRAY_COUNT(cases));
}

static void test_networkpolicy(void **state)
{
	static const char base[] = "metadata: {name: p}\nspec: {podSelector: {}}";
	static const struct kind_case cases[] = {
		{ "nobody", "spec: {ingress: [{from: [{}]}]}",
		  "spec.ingress[0].from[0]: Required value: must specify a peer" },
		{ "a block and pods",
		  "spec: {egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]}",
		  "spec.egress[0].to[0]: Forbidden: may not specify both ipBlock and another "
		  "peer" },
		{ "no block", "spec: {egress: [{to: [{ipBlock: {cidr: 10.0.0.0/40}}]}]}",
		  "spec.egress[0].to[0].ipBlock.cidr: Invalid value: \"10.0.0.0/40\": must be a "
		  "valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)" },
		{ "except what is elsewhere",
		  "spec: {egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16, "
		  "10.1.0.0/16]}}]}]}",
		  "spec.egress[0].to[0].ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be "
		  "a strict subset of `cidr`" },
		{ "an end without a beginning", "spec: {ingress: [{ports: [{endPort: 5}]}]}",
		  "spec.ingress[0].ports[0].endPort: Invalid value: 5: may not be specified when "
		  "`port` is not specified" },
		{ "an end behind a name",
		  "spec: {ingress: [{ports: [{port: a--b, endPort: 70000}]}]}",
		  "spec.ingress[0].ports[0].endPort: Invalid value: 70000: may not be specified "
		  "when "
		  "`port` is non-numeric\n"
		  "spec.ingress[0].ports[0].port: Invalid value: \"a--b\": must not contain "
		  "consecutive "
		  "hyphens" },
		{ "an end before the beginning",
		  "spec: {ingress: [{ports: [{port: 9, endPort: 5}]}]}",
		  "spec.ingress[0].ports[0].endPort: Invalid value: 9: must be greater than or "
		  "equal to `port`" },
		{ "an unknown type", "spec: {policyTypes: [Sideways]}",
		  "spec.policyTypes[0]: Unsupported value: \"Sideways\": supported values: "
		  "\"Ingress\", \"Egress\"" },
	};

	check_creates(&kind_networkpolicy, base, cases, ARRAY_COUNT(cases));
}

static void test_networkpolicy_defaults(void **state)
{
	static const char base[] = "metadata: {name: p}\nspec: {podSelector: {}}";
	static const struct kind_default cases[] = {
		{ "in", "{}", "spec.policyTypes", "[\"Ingress\"]" },
		{ "and out", "spec: {egress: [{}]}", "spec.policyTypes",
		  "[\"Ingress\",\"Egress\"]" },
	};

	check_defaults(&kind_networkpolicy, base, cases, ARRAY_COUNT(cases));
}

static void test_ipaddress(void **state)
{
	static const char base[] =
		"metadata: {name: 10.0.0.1}\nspec: {parentRef: {resource: services, name: s}}";
	static const struct kind_case cases[] = {
		{ "no address", "metadata: {name: a}",
		  "metadata.name: Invalid value: \"a\": must be a valid IP address, (e.g. 10.9.8.7 "
		  "or 2001:db8::ffff)" },
		{ "of nobody", "!spec: {parentRef: null}", "spec.parentRef: Required value" },
		{ "of nothing", "spec: {parentRef: {resource: \"\"}}",
		  "spec.parentRef.resource: Required value" },
	};

	check_creates(&kind_ipaddress, base, cases, ARRAY_COUNT(cases));
}

static void test_servicecidr(void **state)
{
	static const char base[] = "metadata: {name: s}\nspec: {cidrs: [10.0.0.0/16]}";
	static const struct kind_case cases[] = {
		{ "three", "!spec: {cidrs: [a, b, c]}",
		  "spec.cidrs: Invalid value: {\"CIDRs\":[\"a\",\"b\",\"c\"]}: may only hold up to "
		  "2 "
		  "values" },
		{ "none", "!spec: {cidrs: []}",
		  "spec.cidrs: Required value: at least one CIDR required" },
		{ "two of one family", "!spec: {cidrs: [10.0.0.0/16, 10.1.0.0/16]}",
		  "spec.cidrs: Invalid value: {\"CIDRs\":[\"10.0.0.0/16\",\"10.1.0.0/16\"]}: may "
		  "specify no "
		  "more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64" },
		{ "another form", "!spec: {cidrs: [\"2001:DB8::/64\"]}",
		  "spec.cidrs[0]: Invalid value: \"2001:DB8::/64\": must be in canonical form "
		  "(\"2001:db8::/64\")" },
		{ "bits too many", "!spec: {cidrs: [10.0.0.1/16]}",
		  "spec.cidrs[0]: Invalid value: \"10.0.0.1/16\": must not have bits set beyond "
		  "the prefix length" },
		{ "both families", "!spec: {cidrs: [10.0.0.0/16, \"2001:db8::/64\"]}", "" },
	};

	static const struct kind_update update = { base, "", "" };
	static const struct kind_case changes[] = {
		{ "another range", "!spec: {cidrs: [10.1.0.0/16]}",
		  "spec.cidrs[0]: Invalid value: \"10.1.0.0/16\": field is immutable" },
		{ "a second family", "!spec: {cidrs: [10.0.0.0/16, \"2001:db8::/64\"]}", "" },
		{ "a second family before the first",
		  "!spec: {cidrs: [\"2001:db8::/64\", 10.0.0.0/16]}",
		  "spec.cidrs[0]: Invalid value: \"2001:db8::/64\": field is immutable" },
		{ "a second range of the same", "!spec: {cidrs: [10.0.0.0/16, 10.1.0.0/16]}",
		  "spec.cidrs: Invalid value: {\"CIDRs\":[\"10.0.0.0/16\",\"10.1.0.0/16\"]}: may "
		  "specify no more than one IP for each IP family, i.e 192.168.0.0/24 and "
		  "2001:db8::/64" },
		{ "three", "!spec: {cidrs: [10.0.0.0/16, \"2001:db8::/64\", 10.1.0.0/16]}",
		  "spec.cidrs: Invalid value: "
		  "[\"10.0.0.0/16\",\"2001:db8::/64\",\"10.1.0.0/16\"]: field is immutable" },
	};

	check_creates(&kind_servicecidr, base, cases, ARRAY_COUNT(cases));
	check_updates(&kind_servicecidr, &update, changes, ARRAY_COUNT(changes));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ingress),	      cmocka_unit_test(test_ingress_warnings),
		cmocka_unit_test(test_ingressclass),  cmocka_unit_test(test_ingressclass_update),
		cmocka_unit_test(test_networkpolicy), cmocka_unit_test(test_networkpolicy_defaults),
		cmocka_unit_test(test_ipaddress),     cmocka_unit_test(test_servicecidr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
