/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when an address that upstream 1.36 refuses is taken, or the other way round, or when it is
 * written in another form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "codec/ip.h"

#define NO_IP "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
#define NO_CIDR "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
#define ZEROS "must not have leading 0s"
#define MAPPED "must not be an IPv4-mapped IPv6 address"
#define OLD(form, text, better)         \
	"non-standard " form " \"" text \
	"\" will be considered invalid in a future Kubernetes release: use \"" better "\""
#define SHOULD(form, text, better) \
	"IPv6 " form " \"" text "\" should be in RFC 5952 canonical format (\"" better "\")"

/* warnings: one a line */
static const struct test_case {
	const char *text, *problem, *canonical, *warnings;
} addresses[] = {
	{ "10.0.0.1", NULL, "10.0.0.1", "" },
	{ "2001:db8::1", NULL, "2001:db8::1", "" },
	{ "2001:DB8:0:0::1", NULL, "2001:db8::1",
	  SHOULD("address", "2001:DB8:0:0::1", "2001:db8::1") },
	{ "fe80:0:0:0:0:0:0:1", NULL, "fe80::1",
	  SHOULD("address", "fe80:0:0:0:0:0:0:1", "fe80::1") },
	{ "::102:304", NULL, "::102:304", "" },
	{ "::1.2.3.4", NULL, "::102:304", SHOULD("address", "::1.2.3.4", "::102:304") },
	{ "1:0:0:2:0:0:0:3", NULL, "1:0:0:2::3",
	  SHOULD("address", "1:0:0:2:0:0:0:3", "1:0:0:2::3") },
	{ "10.0.0.01", ZEROS, "10.0.0.1", OLD("IP address", "10.0.0.01", "10.0.0.1") },
	{ "00000000000000000010.0.0.1", ZEROS, "10.0.0.1",
	  OLD("IP address", "00000000000000000010.0.0.1", "10.0.0.1") },
	{ "::ffff:1.2.3.4", MAPPED, "1.2.3.4", OLD("IP address", "::ffff:1.2.3.4", "1.2.3.4") },
	{ "::ffff:102:304", MAPPED, "1.2.3.4", OLD("IP address", "::ffff:102:304", "1.2.3.4") },
	{ "10.0.0.0256", NO_IP, NULL, "" },
	{ "10.0.0.1.", NO_IP, NULL, "" },
	{ "10.0.0", NO_IP, NULL, "" },
	{ "fe80::1%eth0", NO_IP, NULL, "" },
	{ "1::2::3", NO_IP, NULL, "" },
	{ "", NO_IP, NULL, "" },
	{ "localhost", NO_IP, NULL, "" },
};

static const struct test_case networks[] = {
	{ "10.0.0.0/8", NULL, "10.0.0.0/8", "" },
	{ "0.0.0.0/0", NULL, "0.0.0.0/0", "" },
	{ "2001:db8::/64", NULL, "2001:db8::/64", "" },
	{ "::/0", NULL, "::/0", "" },
	{ "10.9.8.7/32", NULL, "10.9.8.7/32", "" },
	{ "2001:DB8::/64", NULL, "2001:db8::/64",
	  SHOULD("CIDR value", "2001:DB8::/64", "2001:db8::/64") },
	{ "010.0.0.0/8", ZEROS " in IP or prefix length", "10.0.0.0/8",
	  OLD("CIDR value", "010.0.0.0/8", "10.0.0.0/8") },
	{ "10.0.0.0/08", ZEROS " in IP or prefix length", "10.0.0.0/8",
	  OLD("CIDR value", "10.0.0.0/08", "10.0.0.0/8") },
	{ "::ffff:10.0.0.0/104", "must not have an IPv4-mapped IPv6 address", "10.0.0.0/8",
	  OLD("CIDR value", "::ffff:10.0.0.0/104", "10.0.0.0/8") },
	{ "10.0.0.1/8", "must not have bits set beyond the prefix length", "10.0.0.0/8",
	  "CIDR value \"10.0.0.1/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or "
	  "\"10.0.0.1/32\"?)" },
	{ "2001:db8::1/64", "must not have bits set beyond the prefix length", "2001:db8::/64",
	  "CIDR value \"2001:db8::1/64\" is ambiguous in this context (should be "
	  "\"2001:db8::/64\" or \"2001:db8::1/128\"?)" },
	{ "10.0.0.01/8", ZEROS " in IP or prefix length", "10.0.0.0/8",
	  "CIDR value \"10.0.0.01/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or "
	  "\"10.0.0.1/32\"?)\n" OLD("CIDR value", "10.0.0.01/8", "10.0.0.0/8") },
	{ "10.0.0.0/33", NO_CIDR, NULL, "" },
	{ "2001:db8::/129", NO_CIDR, NULL, "" },
	{ "10.0.0.0", NO_CIDR, NULL, "" },
	{ "10.0.0.0/", NO_CIDR, NULL, "" },
	{ "10.0.0.0/-1", NO_CIDR, NULL, "" },
	{ "/8", NO_CIDR, NULL, "" },
};

static void join(struct str *said, size_t count, char *to, size_t room)
{
	size_t len = 0;

	to[0] = '\0';
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(to + len, room - len, "%s" STR_FMT, i ? "\n" : "",
					STR_ARG(said[i]));
}

static void compare(const struct test_case *c, const char *problem, const char *canonical,
		    const char *warnings)
{
	const char *want = c->problem ? c->problem : "", *form = c->canonical ? c->canonical : "";

	if (strcmp(problem ? problem : "", want) != 0 || strcmp(canonical, form) != 0 ||
	    strcmp(warnings, c->warnings) != 0)
		fail_msg("%s: got '%s', '%s', '%s'", c->text, problem ? problem : "", canonical,
			 warnings);
}

static void test_addresses(void **state)
{
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct str text = str_from(addresses[i].text), said[IP_WARNINGS_MAX];
		char form[IP_TEXT_BYTES] = "", warnings[1000];

		(void)ip_canonical(text, form);
		join(said, ip_warnings(text, &arena, said), warnings, sizeof(warnings));
		compare(&addresses[i], ip_problem(text), form, warnings);
	}
}

static void test_networks(void **state)
{
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
		struct str text = str_from(networks[i].text), said[IP_WARNINGS_MAX];
		char form[IP_RANGE_TEXT_BYTES] = "", warnings[1000];

		(void)cidr_canonical(text, form);
		join(said, cidr_warnings(text, &arena, said), warnings, sizeof(warnings));
		compare(&networks[i], cidr_problem(text), form, warnings);
	}
}

static void test_inside(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool has;
	} cases[] = {
		{ "10.0.0.0/8", "10.1.0.0/16", true },	    { "10.0.0.0/8", "10.0.0.0/8", true },
		{ "10.0.0.0/8", "11.0.0.0/16", false },	    { "10.1.0.0/16", "10.0.0.0/8", false },
		{ "0.0.0.0/0", "10.1.0.0/16", true },	    { "::/0", "10.1.0.0/16", false },
		{ "2001:db8::/33", "2001:db8::/64", true }, { "fd00::/9", "fd80::/9", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_range outer, inner;

		assert_true(ip_range_read(&outer, str_from(cases[i].outer)));
		assert_true(ip_range_read(&inner, str_from(cases[i].inner)));
		print_message("%s %s\n", cases[i].outer, cases[i].inner);
		assert_int_equal(ip_range_has(&outer, &inner), cases[i].has);
	}
	assert_false(ip_range_read(&(struct ip_range){ 0 }, STR("10.0.0.0")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
