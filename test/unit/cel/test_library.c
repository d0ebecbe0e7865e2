/* SPDX-License-Identifier: Apache-2.0 */
/* The libraries: strings, lists, sets, regular expressions, URLs, addresses, quantities, formats,
 * versions, patches. */
#include "cel_case.h"

static void test_strings(void **state)
{
	/* Would break: the functions of the language and of the extended strings library. */
	static const struct cel_case cases[] = {
		{ "'hello'.contains('ell')", NULL },
		{ "'hello'.contains('')", NULL },
		{ "'hello'.startsWith('he')", NULL },
		{ "'hello'.endsWith('lo')", NULL },
		{ "'hello'.endsWith('he')", "false" },
		{ "'hello'.matches('^h.*o$')", NULL },
		{ "matches('hello', 'ell')", NULL },
		{ "'hello'.matches('^ell')", "false" },
		{ "'x'.matches('(')", "?invalid matches argument" },
		{ "'x'.matches(self.s + '[')", "!error parsing regexp: missing closing ]: `[`" },
		{ "self.s.matches(self.s)", NULL },
		{ "'tacocat'.charAt(5)", "\"a\"" },
		{ "'tacocat'.charAt(7)", "\"\"" },
		{ "'tacocat'.charAt(8)", "!index out of range: 8" },
		{ "'ta\xc3\xa9x'.charAt(2) == '\xc3\xa9'", NULL },
		{ "'tacocat'.indexOf('')", "0" },
		{ "'tacocat'.indexOf('ac')", "1" },
		{ "'tacocat'.indexOf('none')", "-1" },
		{ "'tacocat'.indexOf('a', 3)", "5" },
		{ "'tacocat'.indexOf('a', 30)", "!index out of range: 30" },
		{ "'ta\xc3\xa9x'.indexOf('x')", "3" },
		{ "'tacocat'.lastIndexOf('at')", "5" },
		{ "'tacocat'.lastIndexOf('')", "7" },
		{ "'tacocat'.lastIndexOf('a', 2)", "1" },
		{ "'TacoCat'.lowerAscii()", "\"tacocat\"" },
		{ "'Taco\xc3\x89'.upperAscii() == 'TACO\xc3\x89'", NULL },
		{ "'12 days 12 hours'.replace('{0}', '2')", "\"12 days 12 hours\"" },
		{ "'{0} days {0} hours'.replace('{0}', '2')", "\"2 days 2 hours\"" },
		{ "'{0} days {0} hours'.replace('{0}', '2', 1)", "\"2 days {0} hours\"" },
		{ "'ab'.replace('', '-')", "\"-a-b-\"" },
		{ "'ab'.replace('', '-', 2)", "\"-a-b\"" },
		{ "'a b c'.split(' ')", "[\"a\",\"b\",\"c\"]" },
		{ "'a b c'.split(' ', 2)", "[\"a\",\"b c\"]" },
		{ "'a b c'.split(' ', 0)", "[]" },
		{ "'a b c'.split(' ', 1)", "[\"a b c\"]" },
		{ "'abc'.split('')", "[\"a\",\"b\",\"c\"]" },
		{ "''.split(',')", "[\"\"]" },
		{ "'tacocat'.substring(4)", "\"cat\"" },
		{ "'tacocat'.substring(0, 4)", "\"taco\"" },
		{ "'tacocat'.substring(40)", "!index out of range: 40" },
		{ "'tacocat'.substring(3, 1)", "!invalid substring range. start: 3, end: 1" },
		{ "' \\f\\n x y\\t'.trim()", "\"x y\"" },
		{ "'\\u00a0x\\u2003'.trim()", "\"x\"" },
	};

	check_cases(cases, ARRAY_COUNT(cases));
}

static void test_texts(void **state)
{
	/* Would break: joining, quoting, formatting, finding. */
	static const struct cel_case cases[] = {
		{ "['a', 'b'].join()", "\"ab\"" },
		{ "['a', 'b'].join(', ')", "\"a, b\"" },
		{ "[].join('-')", "\"\"" },
		{ "self.words.join('+')", "\"b+a\"" },
		{ "self.l.join('+')", "!no such overload" },
		{ "strings.quote('a\\n\"b\"')", "\"\\\"a\\\\n\\\\\\\"b\\\\\\\"\\\"\"" },
		{ "'%s and %d'.format([dyn('x'), 3])", "\"x and 3\"" },
		{ "'%%'.format([])", "\"%\"" },
		{ "'%.2f'.format([3.14159])", "\"3.14\"" },
		{ "'%e'.format([1052.032911275])", "\"1.052033\u00d710\u2070\u00b3\"" },
		{ "'%.1e'.format([0.00012])", "\"1.2\u00d710\u207b\u2070\u2074\"" },
		{ "'%.2f %f'.format([1234567.891, -100.5])", "\"1,234,567.89 -100.500000\"" },
		{ "'%f %e %s'.format(['NaN', '-Infinity', 1.0 / 0.0])", "\"NaN -\u221e +Inf\"" },
		{ "'%b %x %X %o'.format([5, 255, 255, 8])", "\"101 ff FF 10\"" },
		{ "'%x'.format(['hi'])", "\"6869\"" },
		{ "'%s'.format([[1, 2]])", "\"[1, 2]\"" },
		{ "'%s'.format([{'b': 1, 'a': 2}])", "\"{\\\"a\\\":2, \\\"b\\\":1}\"" },
		{ "'%s'.format([[1.5, null, b'x', duration('1m'), "
		  "timestamp('2001-02-03T04:05:06Z')]])",
		  "\"[1.500000, null, b\\\"x\\\", duration(\\\"60s\\\"), "
		  "timestamp(\\\"2001-02-03T04:05:06Z\\\")]\"" },
		{ "'%d'.format(self.empty)", "!index 0 out of range" },
		{ "'%'.format(self.l)", "!unexpected end of string" },
		{ "'%.f'.format(self.l)",
		  "!could not parse formatting clause: error while parsing precision: error while "
		  "converting precision to integer: strconv.Atoi: parsing \"\": invalid syntax" },
		{ "'%.65f'.format(self.l)",
		  "!could not parse formatting clause: error while parsing precision: precision is "
		  "more than 64" },
		{ "'%.2'.format(self.l)",
		  "!could not parse formatting clause: error while parsing precision: could not "
		  "find end of precision specifier" },
		{ "'%f'.format(self.l)", "!error during formatting: fixed-point clause can only be "
					 "used on doubles, was given int" },
		{ "'a'.format([1])",
		  "?too many arguments supplied to string.format (expected 0, got 1)" },
		{ "'%s'.format([[ip('::1')]])",
		  "?error during formatting: string clause can only be used on strings, bools, "
		  "bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given "
		  "net.IP" },
		{ "'%s %s'.format([dyn(true), null])", "\"true null\"" },
		{ "'%s'.format([duration('1h')])", "\"3600s\"" },
		{ "'%s'.format([int])", "\"int\"" },
		{ "'%d'.format([])", "?index 0 out of range" },
		{ "'%d'.format(['a'])", "?error during formatting: decimal clause can only be used "
					"on integers, was given string" },
		{ "'%q'.format([1])",
		  "?could not parse formatting clause: unrecognized formatting clause \"q\"" },
		{ "'abc'.find('[b-z]+')", "\"bc\"" },
		{ "'abc'.find('[x-z]')", "\"\"" },
		{ "'123 abc 456'.findAll('[0-9]+')", "[\"123\",\"456\"]" },
		{ "'123 abc 456'.findAll('[0-9]+', 1)", "[\"123\"]" },
		{ "'abc'.findAll('x*')", "[\"\",\"\",\"\",\"\"]" },
	};

	check_cases(cases, ARRAY_COUNT(cases));
}

static void test_lists(void **state)
{
	/* Would break: functions over lists and sets. */
	static const struct cel_case cases[] = {
		{ "[1, 2, 2].isSorted()", NULL },
		{ "[2, 1].isSorted()", "false" },
		{ "['a', 'b'].isSorted()", NULL },
		{ "self.words.isSorted()", "false" },
		{ "[[1]].isSorted()",
		  "?found no matching overload for 'isSorted' applied to 'list(list(int)).()'" },
		{ "[1, 2].sum()", "3" },
		{ "[1.5, 2.5].sum()", "4.0" },
		{ "[1u].sum()", "1" },
		{ "[duration('1s'), duration('2s')].sum() == duration('3s')", NULL },
		{ "[].sum() == 0", NULL },
		{ "[1.0].filter(x, x > 2.0).sum()", "0.0" },
		{ "['a'].sum()",
		  "?found no matching overload for 'sum' applied to 'list(string).()'" },
		{ "self.l.sum()", "6" },
		{ "[9223372036854775807, 1].sum()", "!integer overflow" },
		{ "[3, 1, 2].min()", "1" },
		{ "[3, 1, 2].max()", "3" },
		{ "['b', 'a'].min()", "\"a\"" },
		{ "self.empty.min()", "!min called on empty list" },
		{ "self.empty.max()", "!max called on empty list" },
		{ "[1, 2, 1].indexOf(1)", "0" },
		{ "[1, 2, 1].lastIndexOf(1)", "2" },
		{ "[1, 2].indexOf(3)", "-1" },
		{ "self.words.indexOf('a')", "1" },
		{ "sets.contains([1, 2, 3], [2, 3])", NULL },
		{ "sets.contains([1], [2])", "false" },
		{ "sets.contains([], [])", NULL },
		{ "sets.equivalent([1, 1], [1])", NULL },
		{ "sets.equivalent([1, 2], [1])", "false" },
		{ "sets.intersects([1, 2], [2, 3])", NULL },
		{ "sets.intersects([], [1])", "false" },
		{ "sets.contains(self.l, [1])", NULL },
		{ "[1, 2, 3, 4].slice(1, 3)", "[2,3]" },
		{ "[1, 2].slice(2, 1)",
		  "!cannot slice(2, 1), start index must be less than or equal to end index" },
		{ "[1, 2].slice(0, 3)", "!cannot slice(0, 3), list is length 2" },
		{ "[1, 2].slice(-1, 1)", "!cannot slice(-1, 1), negative indexes not supported" },
		{ "[[1], [2, 3]].flatten()", "[1,2,3]" },
		{ "[[1, [2]], dyn([[3]])].flatten(2)",
		  "?expected type 'int' but found 'list(int)'" },
		{ "[[[1]], [[2]]].flatten(2)", "[1,2]" },
		{ "[1, 2, 1].distinct()", "[1,2]" },
		{ "[1, 2, 3].reverse()", "[3,2,1]" },
		{ "[1, 2, 3].first().value() == 1 && [1, 2, 3].last().value() == 3", NULL },
		{ "[].first().hasValue() || [].last().hasValue()", "false" },
		{ "lists.range(3)", "[0,1,2]" },
		{ "[3, 1, 2].sort()", "[1,2,3]" },
		{ "['c', 'a', 'b'].sort()", "[\"a\",\"b\",\"c\"]" },
		{ "self.mixed.sort()", "!list elements must have the same type" },
		{ "[{'n': 2}, {'n': 1}].sortBy(x, x.n)", "[{\"n\":1},{\"n\":2}]" },
	};

	check_cases(cases, ARRAY_COUNT(cases));
}

static void test_net(void **state)
{
	/* Would break: URLs, addresses, prefixes. */
	static const struct cel_case cases[] = {
		{ "isURL('https://user:p@example.com:80/a%20b?c=d&c=e#f')", NULL },
		{ "isURL('/absolute/path')", NULL },
		{ "isURL('relative')", "false" },
		{ "isURL('http://a b.com/')", "false" },
		{ "isURL('../x')", "false" },
		{ "url('https://user:p@example.com:80/a%20b?c=d&c=e#f').getScheme()", "\"https\"" },
		{ "url('https://user:p@example.com:80/a').getHost()", "\"example.com:80\"" },
		{ "url('https://[::1]:80/a').getHostname()", "\"::1\"" },
		{ "url('https://example.com:80/a').getPort()", "\"80\"" },
		{ "url('https://example.com/a%20b').getEscapedPath()", "\"/a%20b\"" },
		{ "url('https://example.com/a b!/%41').getEscapedPath()", "\"/a%20b%21/A\"" },
		{ "optional.ofNonZeroValue(timestamp('0001-01-01T00:00:00Z')).hasValue()",
		  "false" },
		{ "'abc'.find(')')",
		  "?program instantiation failed: error parsing regexp: unexpected ): `)`" },
		{ "matches('abc', ')')", "?program instantiation failed: " },
		{ "'abc'.matches(')')", "?invalid matches argument" },
		{ "dyn([1, 2]).flatten()", "[1,2]" },
		{ "url('/a?k=1&k=2&l').getQuery()", "{\"k\":[\"1\",\"2\"],\"l\":[\"\"]}" },
		{ "url('/a?k=a%20b').getQuery().k[0]", "\"a b\"" },
		{ "url('/a').getScheme()", "\"\"" },
		{ "url('/a') == url('/a')", NULL },
		{ "url('nope')", "!URL parse error during conversion from string: parse \"nope\": "
				 "invalid URI for request" },
		{ "isIP('192.168.0.1')", NULL },
		{ "isIP('::1')", NULL },
		{ "isIP('192.168.0.256')", "false" },
		{ "isIP('192.168.0.01')", "false" },
		{ "isIP('fe80::1%eth0')", "false" },
		{ "isIP('::ffff:1.2.3.4')", "false" },
		{ "ip('::1').family()", "6" },
		{ "ip('1.2.3.4').family()", "4" },
		{ "ip('127.0.0.1').isLoopback()", NULL },
		{ "ip('::1').isLoopback()", NULL },
		{ "ip('0.0.0.0').isUnspecified()", NULL },
		{ "ip('224.0.0.1').isLinkLocalMulticast()", NULL },
		{ "ip('fe80::1').isLinkLocalUnicast()", NULL },
		{ "ip('8.8.8.8').isGlobalUnicast()", NULL },
		{ "ip('255.255.255.255').isGlobalUnicast()", "false" },
		{ "ip.isCanonical('2001:db8::abcd')", NULL },
		{ "ip.isCanonical('2001:DB8::ABCD')", "false" },
		{ "string(ip('2001:DB8:0:0::1'))", "\"2001:db8::1\"" },
		{ "ip('1.2.3.4') == ip('1.2.3.4')", NULL },
		{ "type(ip('1.2.3.4')) == net.IP", NULL },
		{ "ip('x')", "!IP Address \"x\" parse error during conversion from string: "
			     "ParseAddr(\"x\"): unable to parse IP" },
		{ "isCIDR('10.0.0.0/8')", NULL },
		{ "isCIDR('10.0.0.0/33')", "false" },
		{ "isCIDR('10.0.0.0')", "false" },
		{ "cidr('10.0.0.0/8').containsIP('10.1.2.3')", NULL },
		{ "cidr('10.0.0.0/8').containsIP(ip('11.1.2.3'))", "false" },
		{ "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')", NULL },
		{ "cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))", "false" },
		{ "cidr('10.1.2.3/8').prefixLength()", "8" },
		{ "string(cidr('10.1.2.3/12').masked())", "\"10.0.0.0/12\"" },
		{ "string(cidr('10.1.2.3/8').ip())", "\"10.1.2.3\"" },
		{ "cidr('2001:db8::/32').containsIP('2001:db8::1')", NULL },
	};

	check_cases(cases, ARRAY_COUNT(cases));
}

static void test_kubernetes(void **state)
{
	/* Would break: quantities, formats, versions, patches. */
	static const struct cel_case cases[] = {
		{ "isQuantity('1.3Gi')", NULL },
		{ "isQuantity('1.3GiB')", "false" },
		{ "quantity('1k').asInteger()", "1000" },
		{ "quantity('100m').isInteger()", "false" },
		{ "quantity('9999999999999999999999999999G').isInteger()", "false" },
		{ "quantity('-9999999999999999999999999999G').asInteger()", "!cannot convert value to integer" },
		{ "quantity('100m').asInteger()", "!cannot convert value to integer" },
		{ "quantity('1500m').asApproximateFloat()", "1.5" },
		{ "sign(quantity('-1'))", "-1" },
		{ "quantity('200M').compareTo(quantity('0.2G'))", "0" },
		{ "quantity('200M') == quantity('0.2G')", NULL },
		{ "quantity('50k').add(20) == quantity('50020')", NULL },
		{ "sign(quantity('50k').sub(quantity('50k')))", "0" },
		{ "quantity('50Mi').isGreaterThan(quantity('50M'))", NULL },
		{ "quantity('50M').isLessThan(quantity('50Mi'))", NULL },
		{ "type(quantity('1')) == kubernetes.Quantity", NULL },
		{ "!format.dns1123Label().validate('my-label').hasValue()", NULL },
		{ "format.dns1123Label().validate('my-Label').hasValue()", NULL },
		{ "!format.dns1123LabelPrefix().validate('my-').hasValue()", NULL },
		{ "format.dns1123Label().validate('my.label').value()",
		  "[\"must not contain dots\"]" },
		{ "!format.qualifiedName().validate('a.b/c').hasValue()", NULL },
		{ "!format.labelValue().validate('').hasValue()", NULL },
		{ "!format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()",
		  NULL },
		{ "format.uuid().validate('x').value()", "[\"does not match the UUID format\"]" },
		{ "!format.byte().validate('aGVsbG8=').hasValue()", NULL },
		{ "!format.date().validate('2021-01-01').hasValue()", NULL },
		{ "format.date().validate('2021-13-01').value()", "[\"invalid date\"]" },
		{ "!format.datetime().validate('2021-01-01T00:00:00Z').hasValue()", NULL },
		{ "!format.uri().validate('http://example.com').hasValue()", NULL },
		{ "format.named('dns1123Label').hasValue()", NULL },
		{ "format.named('nope').hasValue()", "false" },
		{ "format.named('uuid').value().validate('x').hasValue()", NULL },
		{ "isSemver('1.2.3-beta.1+build')", NULL },
		{ "isSemver('1.2')", "false" },
		{ "isSemver('v1.2', true)", NULL },
		{ "isSemver('1.02.3')", "false" },
		{ "isSemver('1.02.3', true)", NULL },
		{ "semver('1.2.3').major() + semver('1.2.3').minor() + semver('1.2.3').patch()",
		  "6" },
		{ "semver('1.2.3-alpha').isLessThan(semver('1.2.3'))", NULL },
		{ "semver('1.2.3-alpha.1').isGreaterThan(semver('1.2.3-alpha'))", NULL },
		{ "semver('1.2.3-2').isLessThan(semver('1.2.3-11'))", NULL },
		{ "semver('1.2.3').compareTo(semver('1.10.0'))", "-1" },
		{ "semver('x')", "!No Major.Minor.Patch elements found" },
		{ "semver('x.1.2')", "!Invalid character(s) found in number" },
		{ "quantity('1Mo')", "!quantities must match the regular expression "
				     "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'" },
		{ "quantity('1Mk')", "!unable to parse quantity's suffix" },
		{ "Object{spec: Object.spec{replicas: 1 + 2, ?missing: self.?q}}",
		  "{\"spec\":{\"replicas\":3}}" },
		{ "[JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey('x/y~z'), value: 1}]",
		  "[{\"op\":\"add\",\"path\":\"/a/x~1y~0z\",\"value\":1}]" },
		{ "JSONPatch{oops: 1}", "?undefined field 'oops'" },
		{ "JSONPatch{op: 1}",
		  "?expected type of field 'op' is 'string' but provided type is 'int'" },
		{ "Nope{}", "?undeclared reference to 'Nope' (in container '')" },
		{ "Object{a: 1}.a", "1" },
	};

	check_cases(cases, ARRAY_COUNT(cases));
}

/* May get pods; asked about anything else it fails. */
static int check_pods(const struct cel_authorizer *authorizer, const struct cel_attributes *a,
		      struct arena *arena, enum cel_decision *ret_decision, struct str *ret_reason,
		      struct err *err)
{
	if (str_eq_c(a->path, "/healthz"))
		*ret_decision = CEL_ALLOWED;
	else if (!str_eq_c(a->resource, "pods"))
		return err_set(err, ERR_INTERNAL, "who knows");
	else if (str_eq_c(a->verb, "get") && str_eq_c(a->namespace, "ns") &&
		 str_eq_c(a->service_account_name, "sa"))
		*ret_decision = CEL_ALLOWED;
	else
		*ret_decision = CEL_DENIED;
	*ret_reason = STR("because");
	return 0;
}

static void test_authorizer(void **state)
{
	/* Would break: policies that ask what the user may do. */
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "authorizer.path('/healthz').check('get').allowed()", "true" },
		{ "authorizer.group('').resource('pods').namespace('ns').check('get').allowed()",
		  "false" },
		{ "authorizer.serviceAccount('d', "
		  "'sa').group('').resource('pods').namespace('ns').check('get').allowed()",
		  "true" },
		{ "authorizer.group('').resource('pods').check('get').reason()", "\"because\"" },
		{ "authorizer.group('').resource('nodes').check('get').errored()", "true" },
		{ "authorizer.group('').resource('nodes').check('get').error()", "\"who knows\"" },
		{ "authorizer.group('').resource('pods').labelSelector('a=b').fieldSelector('c=d')."
		  "check('get').allowed()",
		  "false" },
		{ "authorizer.requestResource.check('get').allowed()", "true" },
	};
	static const struct cel_authorizer authorizer = { .check = check_pods };
	static const struct cel_attributes request = {
		.resource = STR_INIT("pods"),
		.namespace = STR_INIT("ns"),
		.service_account_name = STR_INIT("sa"),
	};
	const struct cel_variable variables[] = { { STR("authorizer"), &cel_type_authorizer },
						  { STR("authorizer.requestResource"),
						    &cel_type_resource_check } };
	const struct cel_env env = { .variables = variables, .variable_count = 2 };
	struct cel_value values[] = { cel_authorizer_value(), cel_resource_check_value(&request) };

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		AUTO_ARENA arena = { 0 };
		AUTO_BUF messages = { 0 };
		AUTO_BUF text = { 0 };
		AUTO_JSON_MUT out = json_new();
		const struct cel_program *program;
		struct cel_value value;
		struct err err = { 0 };

		arena_init(&arena, ARENA_DEFAULT_MAX);
		buf_init(&messages, CEL_ERROR_BYTES_MAX);
		buf_init(&text, 1000);
		program = cel_compile(&arena, &env, str_from(cases[i].text), &messages);
		if (!program)
			fail_msg("%s: %s", cases[i].text, messages.ptr);
		struct cel_evaluation evaluation = {
			.arena = &arena,
			.variables = values,
			.cost_max = CEL_CALL_COST_MAX,
			.authorizer = &authorizer,
		};

		assert_int_equal(cel_evaluate(program, &evaluation, &value, &err), 0);
		assert_true(evaluation.cost > 350000 && evaluation.cost < 350400);
		json_mut_write(cel_to_json(out, value, &err), &text);
		assert_string_equal(text.ptr, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),	   cmocka_unit_test(test_texts),
		cmocka_unit_test(test_lists),	   cmocka_unit_test(test_net),
		cmocka_unit_test(test_kubernetes), cmocka_unit_test(test_authorizer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
