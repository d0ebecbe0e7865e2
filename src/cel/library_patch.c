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

/* ---- names of objects ---- */

struct name_check {
	struct cel_frame *f;
	struct buf name; /* what an object here must be called */
	unsigned depth;
	struct err *err;
};

static int check_names(struct name_check *c, struct cel_value v);

static int check_members(struct name_check *c, struct cel_value v)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value member;
	size_t len = c->name.len;

	for (bool more = cel_iterate(v, &it); more && cel_next(c->f, &it, &key, &member);) {
		if (v.kind == CEL_OBJECT)
			buf_printf(&c->name, "." STR_FMT, STR_ARG(cel_str(key)));
		if (check_names(c, member) < 0)
			return -1;
		buf_truncate(&c->name, len);
	}
	return 0;
}

static int check_names(struct name_check *c, struct cel_value v)
{
	int result;

	if ((v.kind != CEL_OBJECT && v.kind != CEL_LIST && v.kind != CEL_MAP) ||
	    v.form != CEL_FORM_OWN)
		return 0;
	if (v.kind == CEL_OBJECT && !str_eq(v.type->name, buf_str(&c->name)))
		return err_set(c->err, ERR_INVALID,
			       "unexpected type name \"" STR_FMT "\", expected \"" STR_FMT
			       "\", which matches field name path from root Object type",
			       STR_ARG(v.type->name), STR_ARG(buf_str(&c->name)));
	if (++c->depth > CEL_VALUE_DEPTH_MAX)
		return err_set(c->err, ERR_TOO_LARGE, "the value is nested too deep");
	result = check_members(c, v);
	c->depth--;
	return result;
}

static int check_root(struct name_check *c, struct cel_value v)
{
	buf_reset(&c->name);
	buf_put_str(&c->name, v.type->name);
	return check_names(c, v);
}

/* Objects that are values of operations; each begins anew. */
static int check_operation(struct name_check *c, struct cel_value operation)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;

	for (bool more = cel_iterate(operation, &it); more && cel_next(c->f, &it, &key, &v);)
		if (v.kind == CEL_OBJECT && v.form == CEL_FORM_OWN && check_root(c, v) < 0)
			return -1;
	return 0;
}

static int check_value(struct name_check *c, struct cel_value value)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;

	if (value.kind == CEL_OBJECT)
		return check_root(c, value);
	for (bool more = cel_iterate(value, &it); more && cel_next(c->f, &it, &key, &v);)
		if (v.kind == CEL_OBJECT && check_operation(c, v) < 0)
			return -1;
	return 0;
}

int cel_check_object_names(struct cel_value value, struct err *err)
{
	AUTO_ARENA scratch = { 0 };
	struct cel_evaluation evaluation = { .arena = &scratch, .cost_max = UINT64_MAX };
	struct cel_frame f = { .evaluation = &evaluation };
	struct name_check c = { .f = &f, .err = err };
	int result;

	arena_init(&scratch, ARENA_DEFAULT_MAX);
	buf_init(&c.name, CEL_EVALUATION_BYTES_MAX);
	result = check_value(&c, value);
	buf_deinit(&c.name);
	return result;
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
