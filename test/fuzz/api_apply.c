/* SPDX-License-Identifier: Apache-2.0 */
/* {"live": ..., "config": ..., "force": true}: an apply of a Deployment, with whatever
 * managedFields live has; what is written is read again as the same. */
#include "api/apply.h"
#include "api/kind.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void check_owners(struct field_owners *owners)
{
	for (size_t i = 0; i < owners->count; i++) {
		AUTO_BUF text = { 0 };
		AUTO_JSON fields = NULL;
		struct field_set *again = NULL;

		buf_init(&text, 64u << 20);
		field_set_write(owners->items[i].set, &text);
		fields = json_parse(buf_str(&text), text.len, NULL);
		if (!fields) /* deeper than is read */
			continue;
		ASSERT(field_set_read(owners->arena, yyjson_doc_get_root(fields), &again, NULL) ==
		       0);
		ASSERT(field_set_equal(owners->items[i].set, again));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct err err = { 0 };
	AUTO_JSON doc = json_parse(str_sub((const char *)bytes, size_bytes), 1 << 16, &err);
	yyjson_val *root = yyjson_doc_get_root(doc), *config = json_get(root, "config");
	AUTO_ARENA arena = { 0 };
	struct apply a = { .schema = kind_deployment.schema,
			   .live = json_get(root, "live"),
			   .config = config,
			   .writer = { .name = STR("kubectl"),
				       .api_version = STR("apps/v1"),
				       .time = STR("2026-01-01T00:00:00Z") },
			   .force = json_get_bool(root, "force", false) };
	AUTO_JSON_MUT result = NULL;

	if (!yyjson_is_obj(config) || (a.live && !yyjson_is_obj(a.live)))
		return 0;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	a.arena = &arena;
	result = apply_config(&a, &err);
	if (result)
		check_owners(&a.owners);
	return 0;
}
