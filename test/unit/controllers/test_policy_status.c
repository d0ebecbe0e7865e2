/* SPDX-License-Identifier: Apache-2.0 */
/* What authors of admission policies are told of expressions that do not fit their types. Breaks
 * when they are told nothing, or are warned of what is fine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "controllers/policy_status.h"

#define RULE(group, version, resource) \
	"{'apiGroups':['" group "'],'apiVersions':['" version "'],'resources':['" resource "']}"
#define ON_DEPLOYMENTS \
	"'matchConstraints':{'resourceRules':[" RULE("apps", "v1", "deployments") "]},"

static const struct {
	const char *name, *spec;
	const char *want; /* of typeChecking; ` stands for ' */
} cases[] = {
	{ "nothing to say",
	  ON_DEPLOYMENTS "'validations':[{'expression':'object.spec.replicas > 1'}]", "{}" },
	{ "another type",
	  ON_DEPLOYMENTS "'validations':[{'expression':'object.spec.replicas > `1`'}]",
	  "{\"expressionWarnings\":[{\"fieldRef\":\"spec.validations[0].expression\",\"warning\":"
	  "\"apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for `_>_` "
	  "applied to `(int, string)`\\n | object.spec.replicas > `1`\\n | "
	  ".....................^\\n\"}]}" },
	{ "no such field",
	  ON_DEPLOYMENTS "'validations':[{'expression':'true'},{'expression':'true',"
			 "'messageExpression':'object.spec.maxSize'}]",
	  "{\"expressionWarnings\":[{\"fieldRef\":\"spec.validations[1].messageExpression\","
	  "\"warning\":\"apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field "
	  "`maxSize`\\n | "
	  "object.spec.maxSize\\n | ...........^\\n\"}]}" },
	{ "of each kind",
	  "'matchConstraints':{'resourceRules':[" RULE(
		  "apps", "v1",
		  "deployments','replicasets") "," RULE("", "v1",
							"pods") "]},'validations':[{'expression':'"
								"object.spec.replicas > 1'}]",
	  "{\"expressionWarnings\":[{\"fieldRef\":\"spec.validations[0].expression\",\"warning\":"
	  "\"/v1, "
	  "Kind=Pod: ERROR: <input>:1:12: undefined field `replicas`\\n | object.spec.replicas > "
	  "1\\n | "
	  "...........^\\n\"}]}" },
	{ "what a star may stand for is not known",
	  "'matchConstraints':{'resourceRules':[" RULE(
		  "*", "v1", "deployments") "]},'validations':[{'expression':'object.nothing'}]",
	  "{}" },
	{ "below lists, maps and recursive types",
	  ON_DEPLOYMENTS
	  "'validations':[{'expression':'object.spec.template.spec.containers.all(c, "
	  "c.image.startsWith(`a`)) && object.metadata.labels[`a`] == `b` && "
	  "object.metadata.creationTimestamp < timestamp(`2030-01-01T00:00:00Z`) && "
	  "object.metadata.__namespace__ == `x`'}]",
	  "{}" },
	{ "variables and parameters",
	  ON_DEPLOYMENTS "'paramKind':{'apiVersion':'v1','kind':'ConfigMap'},'variables':[{'name':'"
			 "n','expression':"
			 "'object.spec.replicas'}],'validations':[{'expression':'variables.n > "
			 "int(params.data[`max`]) && params.nothing == 1'}]",
	  "{\"expressionWarnings\":[{\"fieldRef\":\"spec.validations[0].expression\",\"warning\":"
	  "\"apps/v1, "
	  "Kind=Deployment: ERROR: <input>:1:48: undefined field `nothing`\\n | variables.n > "
	  "int(params.data[`max`]) && params.nothing == 1\\n | "
	  "...............................................^\\n\"}]}" },
	{ "custom kinds",
	  "'matchConstraints':{'resourceRules':[" RULE(
		  "example.com", "v1",
		  "gadgets") "]},'validations':[{'expression':'object.spec.size > 1 && "
			     "object.metadata.labels.size() == 0 && object.spec.sized'}]",
	  "{\"expressionWarnings\":[{\"fieldRef\":\"spec.validations[0].expression\",\"warning\":"
	  "\"example.com/v1, Kind=Gadget: ERROR: <input>:1:74: undefined field `sized`\\n | "
	  "object.spec.size > 1 && object.metadata.labels.size() == 0 && object.spec.sized\\n | "
	  ".........................................................................^\\n\"}]}" },
};

#define GADGETS                                                                                    \
	"{'metadata':{'name':'gadgets.example.com'},'spec':{'group':'example.com','names':{'"      \
	"plural':"                                                                                 \
	"'gadgets','kind':'Gadget'},'versions':[{'name':'v1','schema':{'openAPIV3Schema':{'type':" \
	"'object','properties':{'spec':{'type':'object','properties':{'size':{'type':'integer'}}}" \
	"}}"                                                                                       \
	"}}]}}"

static struct blob *blob_from(const char *text, char single)
{
	char *copy = str_dup_c(str_from(text));
	struct blob *blob;

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c == '`' ? single : *c;
	blob = blob_new(str_from(copy));
	mem_free(copy);
	return blob;
}

static void tells_what_does_not_fit(void **state)
{
	struct blob *gadgets = blob_from(GADGETS, '\'');
	const struct obj *items[] = { obj_get(gadgets) };
	struct policy_definitions definitions = { items, 1 };

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct arena arena;
		struct blob *policy;
		AUTO_JSON_MUT patch = NULL;
		AUTO_BUF got = { 0 };

		arena_init(&arena, ARENA_DEFAULT_MAX);
		policy = blob_from(
			str_c_in(&arena, str_printf_in(&arena,
						       "{'metadata':{'name':'p','generation':2},"
						       "'spec':{%s}}",
						       cases[i].spec)),
			'\'');
		patch = policy_status_plan(obj_get(policy), &definitions);
		assert_non_null(patch);
		assert_int_equal(json_mut_get_int(yyjson_mut_doc_get_root(patch),
						  "status.observedGeneration", 0),
				 2);
		if (yyjson_mut_is_null(json_mut_get(yyjson_mut_doc_get_root(patch),
						    "status.typeChecking.expressionWarnings")))
			(void)json_remove_path(yyjson_mut_doc_get_root(patch),
					       "status.typeChecking.expressionWarnings");
		buf_init(&got, 1u << 20);
		json_mut_write(json_mut_get(yyjson_mut_doc_get_root(patch), "status.typeChecking"),
			       &got);
		for (char *c = got.ptr; *c; c++)
			*c = *c == '\'' ? '`' : *c;
		if (strcmp(got.ptr, cases[i].want) != 0)
			fail_msg("%s:\nwant %s\n got %s", cases[i].name, cases[i].want, got.ptr);
		blob_unref(policy);
		arena_deinit(&arena);
	}
	blob_unref(gadgets);
}

static void checks_a_generation_once(void **state)
{
	struct blob *policy = blob_from(
		"{'metadata':{'name':'p','generation':2},'spec':{},'status':"
		"{'observedGeneration':2}}",
		'\'');
	struct policy_definitions none = { 0 };

	assert_null(policy_status_plan(obj_get(policy), &none));
	blob_unref(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_does_not_fit),
		cmocka_unit_test(checks_a_generation_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
