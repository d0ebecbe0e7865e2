/* SPDX-License-Identifier: Apache-2.0 */
/* Values as JSON: what an expression made becomes part of a patch or of an annotation. */
#include <math.h>

#include "codec/base64.h"
#include "cel/value_internal.h"

struct writer {
	yyjson_mut_doc *doc;
	struct cel_frame *f;
	struct err *err;
	unsigned depth;
};

static yyjson_mut_val *write_value(struct writer *w, struct cel_value v);

static yyjson_mut_val *write_text(struct writer *w, struct cel_value text)
{
	if (cel_is_error(text)) {
		err_set(w->err, ERR_INVALID, STR_FMT, STR_ARG(cel_str(text)));
		return NULL;
	}
	return json_new_str(w->doc, cel_str(text));
}

static yyjson_mut_val *write_bytes(struct writer *w, struct cel_value v)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, 2 * v.len + 8);
	base64_encode(cel_str(v), &text);
	return json_new_str(w->doc, buf_str(&text));
}

static yyjson_mut_val *write_list(struct writer *w, struct cel_value v)
{
	yyjson_mut_val *array = yyjson_mut_arr(w->doc);
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value x;

	for (bool more = cel_iterate(v, &it); more && cel_next(w->f, &it, &key, &x);) {
		yyjson_mut_val *item;

		if (x.kind == CEL_OPTIONAL && !x.value)
			continue;
		item = write_value(w, x);
		if (!item)
			return NULL;
		yyjson_mut_arr_append(array, item);
	}
	return array;
}

/* Keys that are no strings become the text of what they are. */
static bool write_key(struct writer *w, struct cel_value key, struct buf *to)
{
	if (key.kind == CEL_STRING)
		buf_put_str(to, cel_str(key));
	else if (key.kind == CEL_BOOL)
		buf_put_c(to, key.boolean ? "true" : "false");
	else if (key.kind == CEL_INT)
		buf_printf(to, "%lld", (long long)key.integer);
	else if (key.kind == CEL_UINT)
		buf_printf(to, "%llu", (unsigned long long)key.natural);
	return buf_check(to, "key", w->err) == 0;
}

static yyjson_mut_val *write_map(struct writer *w, struct cel_value v)
{
	yyjson_mut_val *object = yyjson_mut_obj(w->doc);
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value x;

	for (bool more = cel_iterate(v, &it); more && cel_next(w->f, &it, &key, &x);) {
		AUTO_BUF text = { 0 };
		yyjson_mut_val *member;

		if (x.kind == CEL_OPTIONAL && !x.value)
			continue;
		buf_init(&text, CEL_EVALUATION_BYTES_MAX);
		member = write_value(w, x);
		if (!member || !write_key(w, key, &text))
			return NULL;
		yyjson_mut_obj_add(object, json_new_str(w->doc, buf_str(&text)), member);
	}
	return object;
}

static yyjson_mut_val *write_container(struct writer *w, struct cel_value v)
{
	yyjson_mut_val *made;

	if (v.form == CEL_FORM_JSON)
		return json_copy(w->doc, (yyjson_val *)(uintptr_t)v.json);
	if (v.form == CEL_FORM_JSON_MUT)
		return json_mut_copy(w->doc, (yyjson_mut_val *)(uintptr_t)v.json);
	if (++w->depth > CEL_VALUE_DEPTH_MAX) {
		err_set(w->err, ERR_TOO_LARGE, "the value is nested too deep");
		return NULL;
	}
	made = v.kind == CEL_LIST ? write_list(w, v) : write_map(w, v);
	w->depth--;
	if (made && w->f->evaluation->stopped) {
		err_set(w->err, ERR_TOO_LARGE, "the value is too large");
		return NULL;
	}
	return made;
}

static yyjson_mut_val *cannot(struct writer *w, struct cel_value v)
{
	err_set(w->err, ERR_INVALID, "a value of type " STR_FMT " cannot be JSON",
		STR_ARG(cel_kind_name(v)));
	return NULL;
}

static yyjson_mut_val *write_value(struct writer *w, struct cel_value v)
{
	switch ((enum cel_kind)v.kind) {
	case CEL_NULL:
		return yyjson_mut_null(w->doc);
	case CEL_BOOL:
		return yyjson_mut_bool(w->doc, v.boolean);
	case CEL_INT:
		return yyjson_mut_sint(w->doc, v.integer);
	case CEL_UINT:
		return yyjson_mut_uint(w->doc, v.natural);
	case CEL_DOUBLE:
		return isfinite(v.real) ? yyjson_mut_real(w->doc, v.real) : cannot(w, v);
	case CEL_STRING:
		return json_new_str(w->doc, cel_str(v));
	case CEL_BYTES:
		return write_bytes(w, v);
	case CEL_TIMESTAMP:
		return write_text(w, cel_timestamp_text(w->f, v));
	case CEL_DURATION:
		return write_text(w, cel_duration_text(w->f, v));
	case CEL_LIST:
	case CEL_MAP:
	case CEL_OBJECT:
		return v.form == CEL_FORM_LOOKUP ? cannot(w, v) : write_container(w, v);
	case CEL_OPTIONAL:
		return v.value ? write_value(w, *v.value) : yyjson_mut_null(w->doc);
	default:
		return cannot(w, v);
	}
}

yyjson_mut_val *cel_to_json(yyjson_mut_doc *doc, struct cel_value value, struct err *err)
{
	AUTO_ARENA scratch = { 0 };
	struct cel_evaluation evaluation = { .arena = &scratch, .cost_max = UINT64_MAX };
	struct cel_frame f = { .evaluation = &evaluation };
	struct writer w = { .doc = doc, .f = &f, .err = err };

	arena_init(&scratch, ARENA_DEFAULT_MAX);
	return write_value(&w, value);
}
