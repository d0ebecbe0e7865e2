/* SPDX-License-Identifier: Apache-2.0 */
/* What criu answers, and the descriptors.json of images that came from somewhere. */
#include <stddef.h>
#include <stdint.h>
#include "base/assert.h"
#include "runtime/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct str input = str_sub((const char *)bytes, len);
	struct criu_notification notification;
	struct criu_inherit inherits[3];
	struct criu_options options = { .inherits = inherits };
	AUTO_ARENA arena = { 0 };
	enum criu_type type;
	struct err err;

	arena_init(&arena, 4u << 20);
	if (criu_decode(input, &arena, &type, &notification, &err) == 0)
		ASSERT(type != CRIU_NOTIFY || notification.script.len <= len);
	if (checkpoint_plan_descriptors(input, &arena, &options, &err) == 0)
		ASSERT(options.inherits_count <= 3);
	return 0;
}
