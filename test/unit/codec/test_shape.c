/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration held against its shape. Breaks when a member that nobody knows, or one of a wrong
 * type, is taken for nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/shape.h"

#define SHAPE                                                                                   \
	"kind:s n:i on:b users:l labels:m any:* plugins[name:s limits[type:s qps:i]] a{b{c:s} " \
	"d:s}"

static const struct {
	const char *text, *want; /* NULL: it is fine; ' stands for " */
} rows[] = {
	{ "{}", NULL },
	{ "{'kind':'a','n':1,'on':true,'users':['x'],'labels':{'a.b/c':'d'},'any':[{'q':1}]}",
	  NULL },
	{ "{'plugins':[{'name':'a','limits':[{'qps':3}]},{}],'a':{'b':{'c':'x'},'d':'y'}}", NULL },
	{ "{'kind':null,'plugins':null,'users':null}", NULL },
	{ "{'kin':'a'}", "strict decoding error: unknown field \"kin\"" },
	{ "{'kinds':'a'}", "strict decoding error: unknown field \"kinds\"" },
	{ "{'c':'a'}", "strict decoding error: unknown field \"c\"" },
	{ "{'':1}", "strict decoding error: unknown field \"\"" },
	{ "{'plugins':[{},{'limits':[{'type':'a','qp':1}]}]}",
	  "strict decoding error: unknown field \"plugins[1].limits[0].qp\"" },
	{ "{'a':{'b':{'d':1}}}", "strict decoding error: unknown field \"a.b.d\"" },
	{ "{'kind':1}", "json: cannot unmarshal number into field \"kind\" of type string" },
	{ "{'n':'1'}", "json: cannot unmarshal string into field \"n\" of type int" },
	{ "{'n':1.5}", "json: cannot unmarshal number into field \"n\" of type int" },
	{ "{'on':'yes'}", "json: cannot unmarshal string into field \"on\" of type bool" },
	{ "{'users':'x'}", "json: cannot unmarshal string into field \"users\" of type list" },
	{ "{'users':['x',2]}",
	  "json: cannot unmarshal number into field \"users[1]\" of type string" },
	{ "{'labels':{'x':{}}}",
	  "json: cannot unmarshal object into field \"labels[x]\" of type string" },
	{ "{'plugins':[1]}",
	  "json: cannot unmarshal number into field \"plugins[0]\" of type object" },
	{ "{'a':[]}", "json: cannot unmarshal array into field \"a\" of type object" },
	{ "[]", "json: cannot unmarshal array into field \"\" of type object" },
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char text[512], *to = text;
		struct err err = { 0 };
		AUTO_JSON doc = NULL;
		int got;

		for (const char *from = rows[i].text; *from; from++)
			*to++ = *from == '\'' ? '"' : *from;
		doc = json_parse(str_sub(text, (size_t)(to - text)), SIZE_MAX, NULL);
		assert_non_null(doc);
		got = shape_check(yyjson_doc_get_root(doc), SHAPE, &err);
		if (!rows[i].want && got == 0)
			continue;
		if (!rows[i].want || got == 0 || strcmp(err.msg, rows[i].want) != 0)
			fail_msg("%s: got %s", rows[i].text, got ? err.msg : "no complaint");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
