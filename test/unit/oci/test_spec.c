/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when config.json is decoded wrongly or a bad field is not named by its path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "oci/default_spec.h"
#include "oci/spec.h"

/* ' for ", to keep the rows readable */
static int decode(const char *text, struct arena *arena, struct oci_spec *ret, yyjson_doc **ret_doc, struct err *err)
{
	char *copy = strdup(text);
	int failed;

	for (char *c = copy; *c; c++) {
		if (*c == '\'')
			*c = '"';
	}
	*ret_doc = NULL;
	failed = oci_json_parse(str_from(copy), "config.json", ret_doc, err);
	free(copy);
	return failed < 0 ? -1 : oci_spec_decode(yyjson_doc_get_root(*ret_doc), arena, ret, err);
}

static const struct {
	const char *text, *message;
} refused[] = {
	{ "{", "config.json: " },
	{ "[]", "document: expected an object, got array" },
	{ "{}", "ociVersion: required field is missing" },
	{ "{'ociVersion':1}", "ociVersion: expected a string, got 1" },
	{ "{'ociVersion':'2.0.0'}", "ociVersion: expected 1.x, got \"2.0.0\"" },
	{ "{'ociVersion':'1.0.2','process':{}}", "process.cwd: required field is missing" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'x'}}",
	  "process.cwd: expected an absolute path, got \"x\"" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/','args':'sh'}}",
	  "process.args: expected an array of strings, got \"sh\"" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/','args':['sh',5]}}",
	  "process.args[1]: expected a string, got 5" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/','user':{'uid':4294967295}}}",
	  "process.user.uid: expected a smaller number, got 4294967295" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/','user':{'uid':-1}}}",
	  "process.user.uid: expected a whole number of at least 0, got -1" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/','user':{'umask':512}}}",
	  "process.user.umask: expected a smaller number, got 512" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/','terminal':1}}",
	  "process.terminal: expected true or false, got 1" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/','env':['=x']}}",
	  "process.env[0]: expected name=value, got \"=x\"" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/','args':['a\\u0000b']}}",
	  "process.args[0]: expected a string without NUL" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/"
	  "','rlimits':[{'type':'RLIMIT_X','hard':1,'soft':1}]}}",
	  "process.rlimits[0].type: expected one of RLIMIT_CPU" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/"
	  "','rlimits':[{'type':'RLIMIT_CPU','hard':1,'soft':2}]}}",
	  "process.rlimits[0].soft: greater than hard" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/','rlimits':[{'type':'RLIMIT_CPU','hard':1}]}}",
	  "process.rlimits[0].soft: required field is missing" },
	{ "{'ociVersion':'1.0.2','mounts':[{'destination':''}]}",
	  "mounts[0].destination: must not be empty" },
	{ "{'ociVersion':'1.0.2','mounts':[{'destination':'/"
	  "a','uidMappings':[{'containerID':0,'hostID':0,'size':1}]}]}",
	  "mounts[0].uidMappings: needs gidMappings" },
	{ "{'ociVersion':'1.0.2','linux':{'namespaces':[{'type':'pid'},{'type':'pid'}]}}",
	  "linux.namespaces[1].type: \"pid\" is given twice" },
	{ "{'ociVersion':'1.0.2','linux':{'namespaces':[{'type':'moon'}]}}",
	  "linux.namespaces[0].type: expected one of user pid mount" },
	{ "{'ociVersion':'1.0.2','linux':{'uidMappings':[{'containerID':0,'hostID':0,'size':1}]}}",
	  "linux.uidMappings: needs a namespace of type \"user\"" },
	{ "{'ociVersion':'1.0.2','linux':{'timeOffsets':{}}}",
	  "linux.timeOffsets: needs a namespace of type \"time\"" },
	{ "{'ociVersion':'1.0.2','linux':{'resources':{'memory':{'limit':'1g'}}}}",
	  "linux.resources.memory.limit: expected a whole number, got \"1g\"" },
	{ "{'ociVersion':'1.0.2','linux':{'resources':{'memory':{'limit':1.5}}}}",
	  "linux.resources.memory.limit: expected a whole number" },
	{ "{'ociVersion':'1.0.2','linux':{'resources':{'memory':{'limit':18446744073709551615}}}}",
	  "linux.resources.memory.limit: expected a whole number, got 18446744073709551615" },
	{ "{'ociVersion':'1.0.2','linux':{'devices':[{'path':'/dev/x','type':'c'}]}}",
	  "linux.devices[0].major: required field is missing" },
	{ "{'ociVersion':'1.0.2','linux':{'devices':[{'path':'/dev/x','type':'q'}]}}",
	  "linux.devices[0].type: expected c, b, u or p, got \"q\"" },
	{ "{'ociVersion':'1.0.2','linux':{'maskedPaths':['x']}}",
	  "linux.maskedPaths[0]: expected an absolute path" },
	{ "{'ociVersion':'1.0.2','linux':{'sysctl':{'../x':'1'}}}",
	  "linux.sysctl: \"../x\" is not a key" },
	{ "{'ociVersion':'1.0.2','linux':{'intelRdt':{}}}",
	  "linux.intelRdt: Intel RDT is not supported" },
	{ "{'ociVersion':'1.0.2','annotations':{'a':1}}",
	  "annotations.a: expected a string, got 1" },
	{ "{'ociVersion':'1.0.2','hooks':{'prestart':[{'path':'x'}]}}",
	  "hooks.prestart[0].path: expected an absolute path" },
	{ "{'ociVersion':'1.0.2','hooks':{'prestart':[{'path':'/x','timeout':0}]}}",
	  "hooks.prestart[0].timeout: expected more than 0" },
	{ "{'ociVersion':'1.x'}", "ociVersion: expected 1.x, got \"1.x\"" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/','env':['A']}}",
	  "process.env[0]: expected name=value, got \"A\"" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/','execCPUAffinity':{'final':'3-1'}}}",
	  "process.execCPUAffinity.final: expected a list" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/','execCPUAffinity':{'initial':'0-1,'}}}",
	  "process.execCPUAffinity.initial: expected a list" },
	{ "{'ociVersion':'1.0.2','process':{'cwd':'/','scheduler':{'policy':'SCHED_RR'}}}",
	  "process.scheduler.priority: expected 1 to 99" },
	{ "{'ociVersion':'1.0.2','linux':{'namespaces':[{'type':'user'}]}}",
	  "linux.uidMappings: needed with a new namespace" },
	{ "{'ociVersion':'1.0.2','linux':{'namespaces':[{'type':'user','path':'/x'}],'gidMappings':["
	  "{'containerID':0,'hostID':5,'size':4},{'containerID':9,'hostID':8,'size':1}]}}",
	  "linux.gidMappings[1]: overlaps linux.gidMappings[0]" },
	{ "{'ociVersion':'1.0.2','linux':{'namespaces':[{'type':'user','path':'/x'}],'gidMappings':["
	  "{'containerID':0,'hostID':1,'size':4294967295}]}}",
	  "linux.gidMappings[0].size: reaches beyond the last id" },
	{ "{'ociVersion':'1.0.2','linux':{'devices':[{'path':'/dev/x','type':'c','major':4096,'minor':0}]}}",
	  "linux.devices[0].major: expected 0 to 4095" },
	{ "{'ociVersion':'1.0.2','linux':{'resources':{'hugepageLimits':[{'pageSize':'../x','limit':1}]}}}",
	  "linux.resources.hugepageLimits[0].pageSize: expected one like 2MB" },
	{ "{'ociVersion':'1.0.2','linux':{'resources':{'pids':{'limit':-2}}}}",
	  "linux.resources.pids.limit: expected -1 or more" },
	{ "{'ociVersion':'1.0.2','linux':{'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','defaultErrnoRet':1}}}",
	  "linux.seccomp.defaultErrnoRet: not with the action SCMP_ACT_ALLOW" },
	{ "{'ociVersion':'1.0.2','linux':{'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','listenerMetadata':'m'}}}",
	  "linux.seccomp.listenerMetadata: needs listenerPath" },
	{ "{'ociVersion':'1.0.2','linux':{'namespaces':[{'type':'time'}],'timeOffsets':{'realtime':{}}}}",
	  "linux.timeOffsets.realtime: this clock is the same" },
	{ "{'ociVersion':'1.0.2','linux':{'resources':{'blockIO':{'weightDevice':[{'major':8,'minor':0}]}}}}",
	  "linux.resources.blockIO.weightDevice[0].weight: needed, or leafWeight" },
	{ "{'OCIVERSION':'1.0.2','Linux':{'Resources':{'pids':{'LIMIT':-2}}}}",
	  "linux.resources.pids.limit: expected -1 or more" },
};

static void names_the_field(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
		struct oci_spec spec;
		struct err err = { 0 };
		AUTO_ARENA arena = { 0 };
		yyjson_doc *doc;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		assert_int_equal(decode(refused[i].text, &arena, &spec, &doc, &err), -1);
		if (!strstr(err.msg, refused[i].message))
			fail_msg("%s: \"%s\" does not have \"%s\"", refused[i].text, err.msg, refused[i].message);
		yyjson_doc_free(doc);
	}
}

static void keeps_what_is_given(void **state)
{
	struct oci_spec spec;
	struct err err = { 0 };
	AUTO_ARENA arena = { 0 };
	yyjson_doc *doc;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	assert_int_equal(
		decode("{'unknown':{'a':[1]},'ociVersion':'1.2.0','process':{'cwd':'/"
		       "w','args':['a','b'],'env':null,"
		       "'user':{'gid':7,'additionalGids':[1,4294967295]},'oomScoreAdj':-5},"
		       "'root':{'path':'r','readonly':true},'linux':{'resources':{'memory':{'limit'"
		       ":-1},"
		       "'unified':{'memory.high':'5'}},'namespaces':[{'type':'network','path':'/"
		       "x'}]}}",
		       &arena, &spec, &doc, &err),
		0);
	assert_string_equal(spec.process->args.items[1], "b");
	assert_null(spec.process->args.items[2]);
	assert_int_equal(spec.process->env.count, 0);
	assert_int_equal(spec.process->user->uid.value, 0);
	assert_false(spec.process->user->uid.is_set);
	assert_int_equal(spec.process->user->gid.value, 7);
	assert_int_equal(spec.process->user->additional_gids.items[1], UINT32_MAX);
	assert_int_equal(spec.process->oom_score_adj.value, -5);
	assert_true(spec.root->readonly);
	assert_int_equal(spec.linux_part->resources->memory->limit.value, -1);
	assert_string_equal(spec.linux_part->resources->unified.items[0].value, "5");
	assert_int_equal(OCI_ITEM(spec.linux_part->namespaces, struct oci_namespace, 0)->type, OCI_NS_NETWORK);
	assert_null(spec.hooks);
	yyjson_doc_free(doc);
}

/* A key that is passed over for its case would leave undone what the writer believes done; the peers take it. */
static void names_in_any_case(void **state)
{
	struct oci_spec spec;
	struct err err = { 0 };
	AUTO_ARENA arena = { 0 };
	yyjson_doc *doc;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	assert_int_equal(decode("{'ociversion':'1.2.0','ROOT':{'ReadOnly':true},'linux':{'MaskedPaths':['/a'],"
				"'sysctl':{'Net.X':'1'},'masked':['/b']}}",
				&arena, &spec, &doc, &err),
			 0);
	assert_true(spec.root->readonly);
	assert_int_equal(spec.linux_part->masked_paths.count, 1);
	assert_string_equal(spec.linux_part->sysctl.items[0].key, "Net.X"); /* keys of maps are values */
	yyjson_doc_free(doc);
}

static void refuses_too_many_entries(void **state)
{
	size_t len = 0;
	char *text = malloc(FIELD_LIST_MAX * 8 + 200);
	struct oci_spec spec;
	struct err err = { 0 };
	AUTO_ARENA arena = { 0 };
	yyjson_doc *doc;

	for (int extra = 0; extra < 2; extra++) {
		arena_init(&arena, ARENA_DEFAULT_MAX);
		len = (size_t)snprintf(text, 200, "{'ociVersion':'1.0.0','process':{'cwd':'/','args':['a'");
		for (int i = 1; i < FIELD_LIST_MAX + extra; i++)
			len += (size_t)snprintf(text + len, 8, ",'a'");
		snprintf(text + len, 8, "]}}");
		assert_int_equal(decode(text, &arena, &spec, &doc, &err), extra ? -1 : 0);
		yyjson_doc_free(doc);
		arena_deinit(&arena);
	}
	assert_int_equal(err.code, ERR_TOO_LARGE);
	free(text);
}

static void default_documents_decode(void **state)
{
	for (int rootless = 0; rootless < 2; rootless++) {
		char *text = oci_default_spec(rootless, !rootless, 1000, 1000);
		struct oci_spec spec;
		struct err err = { 0 };
		AUTO_ARENA arena = { 0 };
		yyjson_doc *doc;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		assert_int_equal(decode(text, &arena, &spec, &doc, &err), 0);
		assert_int_equal(spec.linux_part->uid_mappings.count, rootless);
		yyjson_doc_free(doc);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_the_field),
		cmocka_unit_test(keeps_what_is_given),
		cmocka_unit_test(names_in_any_case),
		cmocka_unit_test(refuses_too_many_entries),
		cmocka_unit_test(default_documents_decode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
