/* SPDX-License-Identifier: Apache-2.0 */
/* Audit policies, and what they decide of requests. */
#include <stdint.h>
#include <stdlib.h>
#include "apiserver/audit.h"
#include "codec/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	static const struct target targets[] = {
		{ .verb = STR_INIT("get"), .path = STR_INIT("/healthz/ping") },
		{ .verb = STR_INIT("create"), .is_resource = true, .resource = STR_INIT("pods"),
		  .namespace_ = STR_INIT("default"), .subresource = STR_INIT("exec"),
		  .name = STR_INIT("a") },
	};
	AUTO_JSON_MUT doc = yaml_parse(str_sub((const char *)bytes, size_bytes), 1u << 20, NULL);
	AUTO_JSON policy = doc ? json_freeze(yyjson_mut_doc_get_root(doc)) : NULL;
	struct user user = { .name = STR("jane") };
	struct audit_wish wish;
	struct err err = { 0 };

	if (!policy)
		return 0;
	if (audit_policy_check(yyjson_doc_get_root(policy), &err) < 0) {
		if (!err.code || !err.msg[0])
			abort();
		return 0;
	}
	for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
		audit_policy_decide(yyjson_doc_get_root(policy), i ? &user : NULL, &targets[i], &wish);
		if (wish.level > AUDIT_REQUEST_RESPONSE)
			abort();
	}
	return 0;
}
