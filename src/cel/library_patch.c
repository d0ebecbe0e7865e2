/* SPDX-License-Identifier: Apache-2.0 */
/* What only MutatingAdmissionPolicy has: the types of its results, and escaping of JSON pointers.
 */
#include "cel/value_internal.h"

const struct cel_type cel_type_any_object = {
	.kind = CEL_OBJECT,
	.name = STR_INIT("Object"),
	.size_max = CEL_SIZE_UNKNOWN,
};

static const struct cel_field patch_fields[] = {
	{ STR_INIT("op"), STR_INIT("op"), &cel_type_string },
	{ STR_INIT("path"), STR_INIT("path"), &cel_type_string },
	{ STR_INIT("from"), STR_INIT("from"), &cel_type_string },
	{ STR_INIT("value"), STR_INIT("value"), &cel_type_dyn },
};

static const struct cel_field *find_patch_field(const struct cel_type *object, struct str name)
{
	for (size_t i = 0; i < ARRAY_COUNT(patch_fields); i++)
		if (str_eq(patch_fields[i].name, name))
			return &patch_fields[i];
	return NULL;
}

static const struct cel_fields patch_field_table = { .find = find_patch_field };

const struct cel_type cel_type_json_patch = {
	.kind = CEL_OBJECT,
	.name = STR_INIT("JSONPatch"),
	.fields = &patch_field_table,
	.size_max = CEL_SIZE_UNKNOWN,
};

static struct cel_value escape_key(struct cel_frame *f, const struct cel_value *args)
{
	struct str s = cel_str(args[0]);
	char *text = cel_take(f, 2 * s.len + 1);
	size_t len = 0;

	if (!text)
		return cel_stopped(f->evaluation);
	for (size_t i = 0; i < s.len; i++) {
		bool escaped = s.ptr[i] == '~' || s.ptr[i] == '/';

		text[len++] = escaped ? '~' : s.ptr[i];
		if (escaped)
			text[len++] = s.ptr[i] == '~' ? '0' : '1';
	}
	return cel_string(str_sub(text, len));
}

const struct cel_function cel_library_patch[] = {
	{ .name = "jsonpatch.escapeKey",
	  .count = 1,
	  .parameters = { &cel_type_string },
	  .result = &cel_type_string,
	  .call = escape_key,
	  .cost = CEL_COST_ESCAPE,
	  .feature = CEL_FEATURE_MUTATION },
	{ 0 },
};
