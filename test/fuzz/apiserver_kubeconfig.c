/* SPDX-License-Identifier: Apache-2.0 */
/* kubeconfigs of servers that are asked: clusters, users and what they hold. */
#include <stdint.h>
#include <stdlib.h>
#include "apiserver/review_hook.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	AUTO_ARENA arena = { 0 };
	struct review_hook_options options = { 0 };
	struct err err = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (kubeconfig_target_parse(str_sub((const char *)bytes, size_bytes), STR("/nonexistent/"),
				    &arena, &options, &err) < 0) {
		if (!err.code || !err.msg[0])
			abort();
		return 0;
	}
	if (!str_has_prefix(options.target.url, STR("https://")) &&
	    !str_has_prefix(options.target.url, STR("http://")))
		abort();
	return 0;
}
