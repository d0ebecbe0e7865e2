/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that another server, or anybody, has put into a shared store, under the key that the first
 * byte chooses: refused, or objects of the stored version that can be read and carry the revision.
 */
#include <stdlib.h>
#include "api/obj.h"
#include "apiserver/stored_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const keys[] = {
		"/registry/events/default/e",
		"/registry/horizontalpodautoscalers/default/h",
		"/registry/example.com/things/default/t",
		"elsewhere",
	};
	struct stored_form form = { .is_shared = true };
	struct err err = { 0 };
	struct str key;

	if (!size)
		return 0;
	key = str_from(keys[bytes[0] % ARRAY_COUNT(keys)]);
	stored_form_init(&form, STR("fuzz"));
	{
		AUTO_BLOB stored = blob_new(str_sub((const char *)bytes + 1, size - 1));
		AUTO_BLOB read = stored_form_adopt(&form, key, stored, 7, &err);

		if (!read && (!err.code || !err.msg[0]))
			abort();
		if (read && str_has_prefix(key, STR("/registry/")) &&
		    obj_get(read)->resource_version != 7)
			abort();
	}
	stored_form_deinit(&form);
	return 0;
}
