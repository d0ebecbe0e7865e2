/* SPDX-License-Identifier: Apache-2.0 */
/* When a network of Services may go, and what is said of it. Breaks when Services could be left
 * with addresses of no network, or a network that nobody uses stayed for good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "controllers/service_cidr.h"

static struct blob *quoted(const char *form, const char *a, const char *b)
{
	char json[1024];

	snprintf(json, sizeof(json), form, a, b);
	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	return blob_new(str_from(json));
}

#define CIDR "{'metadata':{'name':'%s'},'spec':{'cidrs':[%s]}}"
#define ADDRESS "{'metadata':{'name':'%s','labels':{'ipaddress.kubernetes.io/managed-by':'%s'}}}"
#define OURS "ipallocator.k8s.io"

static const struct {
	const char *name, *cidrs, *others, *address, *by;
	bool is_covered, alone_has;
} cases[] = {
	{ "its own address", "'10.0.0.0/24'", "'10.1.0.0/16'", "10.0.0.7", OURS, false, true },
	{ "an address of another", "'10.0.0.0/24'", "'10.1.0.0/16'", "10.1.0.7", OURS, false,
	  false },
	{ "an address that both have", "'10.0.0.0/24'", "'10.0.0.0/28'", "10.0.0.7", OURS, false,
	  false },
	{ "an address that the smaller one has not", "'10.0.0.0/24'", "'10.0.0.0/28'", "10.0.0.70",
	  OURS, false, true },
	{ "a user's address", "'10.0.0.0/24'", "'10.1.0.0/16'", "10.0.0.7", "me", false, false },
	{ "the same network twice", "'10.0.0.0/24'", "'10.0.0.0/24'", "10.0.0.7", OURS, true,
	  false },
	{ "bits within a byte", "'10.0.16.0/20'", "'10.0.0.0/19'", "10.0.17.7", OURS, true, false },
	{ "just beside", "'10.0.32.0/20'", "'10.0.0.0/19'", "10.0.33.7", OURS, false, true },
	{ "one of two families", "'10.0.0.0/24','fd00::/112'", "'10.0.0.0/16'", "fd00::5", OURS,
	  false, true },
	{ "both families", "'10.0.0.0/24','fd00::/112'", "'10.0.0.0/16','fd00::/64'", "fd00::5",
	  OURS, true, false },
	{ "a family's bits are not the other's", "'::/8'", "'0.0.0.0/8'", "::5", OURS, false,
	  true },
};

static void goes_when_nobody_needs_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct blob *cidr = quoted(CIDR, "a", cases[i].cidrs),
			    *other = quoted(CIDR, "b", cases[i].others),
			    *address = quoted(ADDRESS, cases[i].address, cases[i].by);
		const struct obj *items[] = { obj_get(cidr), obj_get(other) };
		struct service_cidrs all = { items, 2 };

		print_message("%s\n", cases[i].name);
		assert_int_equal(service_cidr_is_covered(items[0], &all), cases[i].is_covered);
		assert_int_equal(service_cidr_alone_has(items[0], obj_get(address), &all),
				 cases[i].alone_has);
		blob_unref(cidr);
		blob_unref(other);
		blob_unref(address);
	}
}

#define WITH_STATUS "{'metadata':{'name':'a'},'status':{'conditions':[%s%s]}}"
#define READY "{'type':'Ready','status':'True','message':'me'}"
#define OTHER "{'type':'Other','status':'True'}"

static const struct {
	const char *conditions;
	bool is_blocked;
	const char *want; /* NULL: nothing to write */
} statuses[] = {
	{ "", false,
	  "[{'type':'Ready','status':'True','lastTransitionTime':'1970-01-01T00:00:09Z','reason':''"
	  ","
	  "'message':'Kubernetes Service CIDR is ready'}]" },
	{ READY, false, NULL },
	{ OTHER "," READY, true,
	  "[" OTHER ",{'type':'Ready','status':'False','lastTransitionTime':'1970-01-01T00:00:09Z',"
	  "'reason':'Terminating','message':'There are still IPAddresses referencing the "
	  "ServiceCIDR, please remove them or create a new ServiceCIDR'}]" },
};

static void says_what_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		struct blob *cidr = quoted(WITH_STATUS, statuses[i].conditions, ""), *want;
		AUTO_JSON_MUT patch = service_cidr_status_plan(
			obj_get(cidr), statuses[i].is_blocked, INT64_C(9000000000));
		AUTO_BUF got = { 0 };

		assert_int_equal(patch != NULL, statuses[i].want != NULL);
		if (patch) {
			want = quoted("%s%s", statuses[i].want, "");
			buf_init(&got, 4096);
			json_mut_write(
				json_mut_get(yyjson_mut_doc_get_root(patch), "status.conditions"),
				&got);
			assert_true(str_eq(buf_str(&got), blob_str(want)));
			blob_unref(want);
		}
		blob_unref(cidr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_when_nobody_needs_it),
		cmocka_unit_test(says_what_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
