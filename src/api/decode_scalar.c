/* SPDX-License-Identifier: Apache-2.0 */
/* Single values: type checks with the messages of Go's decoder, and the canonical forms that Go
 * would write back. */
#include "api/decode_internal.h"

#include <stdio.h>
#include "api/quantity.h"
#include "base/time.h"
#include "codec/base64.h"

/* The Go name of the type of one element: "int32", "v1.PodSpec", "v1.PullPolicy". */
static void element_type(const struct decode_at *at, struct buf *to)
{
	static const char *const names[SCHEMA_VALUE_COUNT] = {
		[SCHEMA_STRING] = "string",
		[SCHEMA_INT32] = "int32",
		[SCHEMA_INT64] = "int64",
		[SCHEMA_BOOL] = "bool",
		[SCHEMA_DOUBLE] = "float64",
		[SCHEMA_BYTES] = "[]uint8",
		[SCHEMA_TIME] = "string",
		[SCHEMA_MICROTIME] = "string",
		[SCHEMA_DURATION] = "string",
		[SCHEMA_QUANTITY] = "resource.Quantity",
		[SCHEMA_INT_OR_STRING] = "int32",
		[SCHEMA_RAW] = "runtime.RawExtension",
		[SCHEMA_ANY] = "v1.JSON",
		[SCHEMA_FIELDSET] = "v1.FieldsV1",
		[SCHEMA_OR_LIST] = "v1.JSONSchemaProps",
		[SCHEMA_OR_BOOL] = "v1.JSONSchemaProps",
		[SCHEMA_OR_STRINGS] = "[]string",
	};
	struct str go_type = schema_str(at->owner.set, schema_extra(at->owner, at->field)->go_type);
	struct schema_at ref = schema_ref(at->owner, at->field);

	if (go_type.len || at->field->value == SCHEMA_OBJECT) {
		struct str prefix = at->field->value == SCHEMA_OBJECT
					    ? schema_str(ref.set, ref.type->name)
					    : schema_str(at->owner.set, at->owner.type->name),
			   group, version;

		(void)str_cut(prefix, '/', &group, &version);
		(void)str_cut(version, '.', &group, &version);
		buf_put_str(to, group);
		buf_put_char(to, '.');
		buf_put_str(to, at->field->value == SCHEMA_OBJECT
					? schema_str(ref.set, ref.type->go_name)
					: go_type);
		return;
	}
	buf_put_c(to, names[at->field->value]);
}

static void go_type_write(const struct decode_at *at, bool whole, struct buf *to)
{
	static const char *const shapes[] = {
		[SCHEMA_ONE] = "",
		[SCHEMA_LIST] = "[]",
		[SCHEMA_MAP] = "map[string]",
		[SCHEMA_MAP_OF_LISTS] = "map[string][]",
		[SCHEMA_LIST_OF_LISTS] = "[][]",
	};

	if (whole && !(at->field->value == SCHEMA_QUANTITY && at->field->shape == SCHEMA_MAP))
		buf_put_c(to, shapes[at->field->shape]);
	if (whole && at->field->value == SCHEMA_QUANTITY && at->field->shape == SCHEMA_MAP)
		buf_put_c(to, "v1.ResourceList");
	else
		element_type(at, to);
}

/* Go names the path without indexes and keys, from where it began to read. */
static void go_path_write(const struct decoder *d, const struct field_path *path, struct buf *to)
{
	if (!path || path == d->start)
		return;
	go_path_write(d, path->parent, to);
	if (!path->name)
		return;
	buf_put_char(to, '.');
	buf_put_c(to, path->name);
}

void decode_note_type(struct decode_problem *problem, yyjson_val *found, struct str wanted)
{
	if (!problem)
		return;
	problem->type = DECODE_WRONG_TYPE;
	problem->found = json_go_type(found);
	(void)snprintf(problem->wanted, sizeof(problem->wanted), STR_FMT,
		       STR_ARG(wanted)); /* the schema has no longer one */
}

static int wrong_type(struct decoder *d, const struct decode_at *at, yyjson_val *v, bool whole,
		      bool with_number)
{
	AUTO_BUF text = { 0 };
	size_t at_type;

	buf_init(&text, 4096);
	buf_put_c(&text, "json: cannot unmarshal ");
	buf_put_c(&text, json_go_type(v));
	if (with_number) {
		buf_put_char(&text, ' ');
		json_write(v, &text);
	}
	buf_put_c(&text, " into Go struct field ");
	buf_put_str(&text, schema_str(at->owner.set, at->owner.type->go_name));
	go_path_write(d, at->path, &text);
	buf_put_c(&text, " of type ");
	at_type = text.len;
	go_type_write(at, whole, &text);
	decode_note_type(d->problem, v, str_slice(buf_str(&text), at_type, text.len));
	return err_set(d->err, ERR_BAD_REQUEST, "%s", text.ptr);
}

int decode_wrong_type(struct decoder *d, const struct decode_at *at, yyjson_val *v, bool whole)
{
	return wrong_type(d, at, v, whole, false);
}

/* Of what is no pointer, Go cannot tell zero from nothing: it gets the default. */
static bool keeps_zero(const struct decode_at *at)
{
	unsigned flags = at->field->flags;

	if (at->field->shape != SCHEMA_ONE || flags & SCHEMA_POINTER)
		return true;
	return flags & SCHEMA_ALWAYS && !(flags & SCHEMA_DEFAULT);
}

static int decode_string(struct decoder *d, const struct decode_at *at, yyjson_val *v,
			 yyjson_mut_val **ret)
{
	if (!yyjson_is_str(v))
		return decode_wrong_type(d, at, v, false);
	if (unsafe_yyjson_get_len(v) || keeps_zero(at))
		*ret = json_new_str(d->doc, json_str(v));
	return 0;
}

static int decode_int(struct decoder *d, const struct decode_at *at, yyjson_val *v,
		      yyjson_mut_val **ret)
{
	bool is_small = at->field->value != SCHEMA_INT64;
	int64_t number;

	if (!yyjson_is_num(v))
		return decode_wrong_type(d, at, v, false);
	if (yyjson_is_real(v) || (yyjson_is_uint(v) && unsafe_yyjson_get_uint(v) > INT64_MAX))
		return wrong_type(d, at, v, false, true);
	number = yyjson_is_uint(v) ? (int64_t)unsafe_yyjson_get_uint(v) : unsafe_yyjson_get_sint(v);
	if (is_small && (number < INT32_MIN || number > INT32_MAX))
		return wrong_type(d, at, v, false, true);
	if (number || keeps_zero(at) || at->field->value == SCHEMA_INT_OR_STRING)
		*ret = number < 0 ? yyjson_mut_sint(d->doc, number)
				  : yyjson_mut_uint(d->doc, (uint64_t)number);
	return 0;
}

static int decode_bool(struct decoder *d, const struct decode_at *at, yyjson_val *v,
		       yyjson_mut_val **ret)
{
	if (!yyjson_is_bool(v))
		return decode_wrong_type(d, at, v, false);
	if (unsafe_yyjson_get_bool(v) || keeps_zero(at))
		*ret = yyjson_mut_bool(d->doc, unsafe_yyjson_get_bool(v));
	return 0;
}

static int decode_double(struct decoder *d, const struct decode_at *at, yyjson_val *v,
			 yyjson_mut_val **ret)
{
	if (!yyjson_is_num(v))
		return decode_wrong_type(d, at, v, false);
	if (yyjson_get_num(v) != 0 || keeps_zero(at))
		*ret = json_copy(d->doc, v);
	return 0;
}

/* Base 64 is checked and written back without line ends, as Go does. */
static int decode_bytes(struct decoder *d, const struct decode_at *at, yyjson_val *v,
			yyjson_mut_val **ret)
{
	struct str text = json_str(v);
	struct err problem = { 0 };
	AUTO_BUF bytes = { 0 };
	AUTO_BUF again = { 0 };

	if (!yyjson_is_str(v))
		return decode_wrong_type(d, at, v, false);
	if (!text.len && !keeps_zero(at))
		return 0;
	buf_init(&bytes, text.len);
	if (base64_decode(text, &bytes, &problem) < 0)
		return err_set(d->err, ERR_BAD_REQUEST, "%s", problem.msg);
	if (str_find_char(text, '\n', 0) == SIZE_MAX && str_find_char(text, '\r', 0) == SIZE_MAX) {
		*ret = json_new_str(d->doc, text);
		return 0;
	}
	buf_init(&again, text.len + 4);
	base64_encode(buf_str(&bytes), &again);
	*ret = json_new_str(d->doc, buf_str(&again));
	return 0;
}

/* "2024-01-02T03:04:05Z": already as it is written. Digits are checked by time_point_parse all the
 * same.
 */
static int decode_time(struct decoder *d, const struct decode_at *at, yyjson_val *v,
		       yyjson_mut_val **ret)
{
	struct str text = json_str(v);
	char canonical[TIME_TEXT_BYTES];
	struct time_point t;

	if (!yyjson_is_str(v))
		return decode_wrong_type(d, at, v, false);
	if (time_point_parse(text, &t, NULL) < 0)
		return err_set(d->err, ERR_BAD_REQUEST,
			       "parsing time \"" STR_FMT "\" as \"%s\": cannot parse \"" STR_FMT
			       "\" as \"2006\"",
			       STR_ARG(text),
			       at->field->value == SCHEMA_TIME ? "2006-01-02T15:04:05Z07:00"
							       : "2006-01-02T15:04:05.000000Z07:00",
			       STR_ARG(text));
	(void)time_point_format(&t, at->field->value == SCHEMA_TIME ? 0 : 6, canonical);
	*ret = json_new_str(d->doc, str_from(canonical));
	return 0;
}

static int decode_quantity(struct decoder *d, const struct decode_at *at, yyjson_val *v,
			   yyjson_mut_val **ret)
{
	char canonical[QUANTITY_TEXT_BYTES];
	struct err problem = { 0 };
	struct quantity q;
	struct str text = str_trim(json_str(v));
	AUTO_BUF number = { 0 };

	buf_init(&number, 400);
	if (yyjson_is_num(v)) {
		json_write(v, &number);
		text = buf_str(&number);
	} else if (!yyjson_is_str(v)) {
		return err_set(d->err, ERR_BAD_REQUEST,
			       "quantities must match the regular expression "
			       "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
	}
	if (quantity_parse(text, &q, &problem) < 0)
		return err_set(d->err, ERR_BAD_REQUEST, "%s", problem.msg);
	if (at->field->shape == SCHEMA_MAP &&
	    q.nano % 1000000) /* a ResourceList holds nothing finer than thousandths */
		q.nano += q.nano > 0 ? 1000000 - q.nano % 1000000 : -1000000 - q.nano % 1000000;
	(void)quantity_format(&q, canonical);
	*ret = json_new_str(d->doc, str_from(canonical));
	return 0;
}

int decode_scalar(struct decoder *d, const struct decode_at *at, yyjson_val *v,
		  yyjson_mut_val **ret)
{
	*ret = NULL;
	switch ((enum schema_value)at->field->value) {
	case SCHEMA_STRING:
	case SCHEMA_DURATION:
		return decode_string(d, at, v, ret);
	case SCHEMA_INT_OR_STRING:
		if (yyjson_is_str(v)) {
			*ret = json_new_str(d->doc, json_str(v));
			return 0;
		}
		return decode_int(d, at, v, ret);
	case SCHEMA_INT32:
	case SCHEMA_INT64:
		return decode_int(d, at, v, ret);
	case SCHEMA_BOOL:
		return decode_bool(d, at, v, ret);
	case SCHEMA_DOUBLE:
		return decode_double(d, at, v, ret);
	case SCHEMA_BYTES:
		return decode_bytes(d, at, v, ret);
	case SCHEMA_TIME:
	case SCHEMA_MICROTIME:
		return decode_time(d, at, v, ret);
	case SCHEMA_QUANTITY:
		return decode_quantity(d, at, v, ret);
	case SCHEMA_FIELDSET:
		if (!yyjson_is_obj(v))
			return decode_wrong_type(d, at, v, false);
		FALLTHROUGH;
	default:
		*ret = json_copy(d->doc, v);
		return 0;
	}
}
