/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a Service gets other address families than upstream gives it, or is refused in other
 * words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "api/kind.h"
#include "api/service_family.h"
#include "base/attr.h"
#include "codec/yaml.h"

static const struct service_families four = { false, false }, six = { true, false },
				     both = { false, true }, six_first = { true, true };

static const struct test_case {
	const char *name;
	const struct service_families *cluster;
	const char *old; /* of the spec; NULL: it is created */
	const char *spec;
	const char *want; /* "policy families addresses", or what is refused */
} cases[] = {
	{ "nothing said", &four, NULL, "{}", "SingleStack [IPv4] []" },
	{ "nothing said, IPv6", &six, NULL, "{}", "SingleStack [IPv6] []" },
	{ "nothing said, both", &six_first, NULL, "{}", "SingleStack [IPv6] []" },
	{ "both if there are both", &both, NULL, "{ipFamilyPolicy: PreferDualStack}",
	  "PreferDualStack [IPv4,IPv6] []" },
	{ "both if there were both", &four, NULL, "{ipFamilyPolicy: PreferDualStack}",
	  "PreferDualStack [IPv4] []" },
	{ "both wanted", &six_first, NULL, "{ipFamilyPolicy: RequireDualStack}",
	  "RequireDualStack [IPv6,IPv4] []" },
	{ "both wanted where there is one", &four, NULL, "{ipFamilyPolicy: RequireDualStack}",
	  "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not "
	  "configured "
	  "for dual-stack services" },
	{ "the other family", &both, NULL, "{ipFamilies: [IPv6]}", "SingleStack [IPv6] []" },
	{ "the other family first", &both, NULL,
	  "{ipFamilies: [IPv6], ipFamilyPolicy: PreferDualStack}",
	  "PreferDualStack [IPv6,IPv4] []" },
	{ "a family that is not there", &four, NULL, "{ipFamilies: [IPv6]}",
	  "spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster" },
	{ "two families, one policy", &both, NULL, "{ipFamilies: [IPv4, IPv6]}",
	  "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or "
	  "'PreferDualStack' when multiple IP families are specified" },
	{ "two addresses, one policy", &both, NULL,
	  "{clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00::1']}",
	  "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or "
	  "'PreferDualStack' when multiple cluster IPs are specified" },
	{ "families by addresses", &both, NULL,
	  "{clusterIP: 'fd00::1', clusterIPs: ['fd00::1', 10.0.0.1], ipFamilyPolicy: "
	  "RequireDualStack}",
	  "RequireDualStack [IPv6,IPv4] [fd00::1,10.0.0.1]" },
	{ "one of both by its address", &both, NULL,
	  "{clusterIP: 'fd00::1', clusterIPs: ['fd00::1'], ipFamilyPolicy: PreferDualStack}",
	  "PreferDualStack [IPv6,IPv4] [fd00::1]" },
	{ "an address of no family here", &four, NULL,
	  "{clusterIP: 'fd00::1', clusterIPs: ['fd00::1']}",
	  "spec.clusterIPs[0]: Invalid value: [\"fd00::1\"]: IPv6 is not configured on this "
	  "cluster" },
	{ "an address of another family", &both, NULL,
	  "{clusterIP: 'fd00::1', clusterIPs: ['fd00::1'], ipFamilies: [IPv4]}",
	  "spec.clusterIPs[0]: Invalid value: \"fd00::1\": expected an IPv4 value as indicated by "
	  "`ipFamilies[0]`" },
	{ "no address at all", &four, NULL, "{type: ExternalName}", " [] []" },
	{ "headless", &four, NULL, "{clusterIP: None, clusterIPs: [None], selector: {a: b}}",
	  "SingleStack [IPv4] [None]" },
	{ "headless, both", &both, NULL,
	  "{clusterIP: None, clusterIPs: [None], selector: {a: b}, ipFamilyPolicy: "
	  "PreferDualStack}",
	  "PreferDualStack [IPv4,IPv6] [None]" },
	{ "headless, its user's own", &four, NULL, "{clusterIP: None, clusterIPs: [None]}",
	  "RequireDualStack [IPv4,IPv6] [None]" },
	{ "headless, its user's own, one", &six, NULL,
	  "{clusterIP: None, clusterIPs: [None], ipFamilyPolicy: SingleStack}",
	  "SingleStack [IPv6] [None]" },
	{ "headless, its user's own of a family that is not there", &four, NULL,
	  "{clusterIP: None, clusterIPs: [None], ipFamilies: [IPv6]}",
	  "RequireDualStack [IPv6,IPv4] [None]" },
	{ "a policy of another", &both, NULL, "{ipFamilyPolicy: Foo}",
	  "spec.ipFamilyPolicy: Unsupported value: \"Foo\": supported values: "
	  "\"PreferDualStack\", \"RequireDualStack\", \"SingleStack\"" },

#define ONE "clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1]"
#define TWO "clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00::1']"
	{ "a policy that was", &both,
	  "{" TWO ", ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack}", "{" TWO "}",
	  "RequireDualStack [IPv4,IPv6] [10.0.0.1,fd00::1]" },
	{ "up", &both, "{" ONE ", ipFamilies: [IPv4], ipFamilyPolicy: SingleStack}",
	  "{" ONE ", ipFamilies: [IPv4], ipFamilyPolicy: PreferDualStack}",
	  "PreferDualStack [IPv4,IPv6] [10.0.0.1]" },
	{ "up where there is one", &four,
	  "{" ONE ", ipFamilies: [IPv4], ipFamilyPolicy: SingleStack}",
	  "{" ONE ", ipFamilies: [IPv4], ipFamilyPolicy: RequireDualStack}",
	  "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not "
	  "configured "
	  "for dual-stack services" },
	{ "down by policy", &both,
	  "{" TWO ", ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack}",
	  "{" TWO ", ipFamilies: [IPv4, IPv6], ipFamilyPolicy: SingleStack}",
	  "SingleStack [IPv4] [10.0.0.1]" },
	{ "down by addresses alone", &both,
	  "{" TWO ", ipFamilies: [IPv4, IPv6], ipFamilyPolicy: PreferDualStack}",
	  "{" ONE ", ipFamilies: [IPv4], ipFamilyPolicy: PreferDualStack}",
	  "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be 'SingleStack' to "
	  "release the secondary cluster IP\nspec.ipFamilyPolicy: Invalid value: "
	  "\"PreferDualStack\": must be 'SingleStack' to release the secondary IP family" },
	{ "left alone when the cluster grew", &both,
	  "{" ONE ", ipFamilies: [IPv4], ipFamilyPolicy: PreferDualStack}",
	  "{" ONE ", ipFamilies: [IPv4], ipFamilyPolicy: PreferDualStack, selector: {a: b}}",
	  "PreferDualStack [IPv4] [10.0.0.1]" },
	{ "left alone when the cluster shrank", &four,
	  "{" TWO ", ipFamilies: [IPv4, IPv6], ipFamilyPolicy: PreferDualStack}",
	  "{" TWO ", ipFamilies: [IPv4, IPv6], ipFamilyPolicy: PreferDualStack}",
	  "PreferDualStack [IPv4,IPv6] [10.0.0.1,fd00::1]" },
	{ "from a name", &both, "{type: ExternalName}", "{ipFamilyPolicy: RequireDualStack}",
	  "RequireDualStack [IPv4,IPv6] []" },
	{ "headless from one to both", &both,
	  "{clusterIP: None, clusterIPs: [None], selector: {a: b}, ipFamilies: [IPv4], "
	  "ipFamilyPolicy: SingleStack}",
	  "{clusterIP: None, clusterIPs: [None], selector: {a: b}, ipFamilies: [IPv4], "
	  "ipFamilyPolicy: RequireDualStack}",
	  "RequireDualStack [IPv4,IPv6] [None]" },
};

static yyjson_mut_doc *object_of(const char *spec)
{
	yyjson_mut_doc *doc;
	AUTO_BUF text = { 0 };
	struct err err = { 0 };

	buf_init(&text, 10000);
	buf_printf(&text, "{type: ClusterIP, spec: %s}", spec);
	doc = yaml_parse(buf_str(&text), 10000, &err);
	if (!doc)
		fail_msg("%s: %s", spec, err.msg);
	return doc;
}

static void put_list(struct buf *to, yyjson_mut_val *list)
{
	bool is_first = true;

	buf_put_c(to, " [");
	JSON_MUT_EACH (item, list) {
		buf_printf(to, "%s" STR_FMT, is_first ? "" : ",", STR_ARG(json_mut_str(item)));
		is_first = false;
	}
	buf_put_c(to, "]");
}

static void put_outcome(struct buf *to, const struct field_errors *errors, yyjson_mut_val *spec)
{
	for (size_t i = 0; i < errors->count; i++)
		buf_printf(to, "%s" STR_FMT ": " STR_FMT, i ? "\n" : "",
			   STR_ARG(errors->items[i].field), STR_ARG(errors->items[i].message));
	if (errors->count)
		return;
	buf_put_str(to, json_mut_get_str(spec, "ipFamilyPolicy"));
	put_list(to, yyjson_mut_obj_get(spec, "ipFamilies"));
	put_list(to, yyjson_mut_obj_get(spec, "clusterIPs"));
}

static bool is_as_wanted(const struct test_case *c)
{
	AUTO_JSON_MUT doc = object_of(c->spec);
	AUTO_JSON_MUT old_doc = object_of(c->old ? c->old : "{}");
	AUTO_JSON old = json_freeze(yyjson_mut_doc_get_root(old_doc));
	AUTO_ARENA arena = { 0 };
	AUTO_BUF got = { 0 };
	struct field_errors errors;
	struct edit e = {
		.kind = &kind_service,
		.doc = doc,
		.root = yyjson_mut_doc_get_root(doc),
		.old = c->old ? yyjson_doc_get_root(old) : NULL,
		.arena = &arena,
	};

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&got, 10000);
	field_errors_init(&errors, &arena);
	service_families_plan(&e, c->cluster, &errors);
	put_outcome(&got, &errors, yyjson_mut_obj_get(e.root, "spec"));
	if (str_eq_c(buf_str(&got), c->want))
		return true;
	print_message("%s:\n" STR_FMT "\nwant\n%s\n", c->name, STR_ARG(buf_str(&got)), c->want);
	return false;
}

static void test_plan(void **state)
{
	size_t wrong = 0;

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		wrong += !is_as_wanted(&cases[i]);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_plan) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
