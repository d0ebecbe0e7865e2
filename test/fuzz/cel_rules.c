/* SPDX-License-Identifier: Apache-2.0 */
/* {"schema": ..., "object": ..., "old": ...}: the rules of a schema are compiled and run on an
 * object, and on its update. */
#include <stdlib.h>
#include "cel/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void report(struct cel_problems *problems, const struct cel_problem *problem)
{
	if (problem->detail.len == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	AUTO_JSON doc = json_parse(str_sub((const char *)bytes, size_bytes), 1 << 14, NULL);
	AUTO_ARENA arena = { 0 };
	AUTO_ARENA scratch = { 0 };
	struct cel_problems problems = { .report = report };
	struct cel_rules_run run = { .scratch = &scratch, .problems = &problems, .budget = 50000 };
	yyjson_val *object = json_get(yyjson_doc_get_root(doc), "object");
	yyjson_val *old = json_get(yyjson_doc_get_root(doc), "old");
	const struct cel_rules *rules;
	bool failed = false;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	arena_init(&scratch, ARENA_DEFAULT_MAX);
	rules = cel_rules_compile(&arena, json_get(yyjson_doc_get_root(doc), "schema"), &problems,
				  &failed);
	if (rules && failed)
		abort();
	if (rules) {
		struct cel_value old_value = cel_json(old, cel_rules_type(rules));

		cel_rules_run(rules, &run, cel_json(object, cel_rules_type(rules)),
			      old ? &old_value : NULL);
		if (run.budget > 50000)
			abort();
	}
	return 0;
}
