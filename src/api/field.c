/* SPDX-License-Identifier: Apache-2.0 */
/* Field errors in upstream's words. Text is made only when there is something to report. */
#include "api/field.h"
#include "api/field_value.h"

#include <stdio.h>
#include "api/kind.h"
#include "api/limits.h"
#include "codec/json.h"
#include "codec/name.h"

#define MESSAGE_BYTES_MAX 8192

/* "spec.containers[0].name"; "" for NULL */
static void field_path_write(const struct field_path *path, struct buf *to)
{
	if (!path)
		return;
	field_path_write(path->parent, to);
	if (path->name) {
		if (to->len)
			buf_put_char(to, '.');
		buf_put_c(to, path->name);
	} else if (path->key.ptr) {
		buf_put_char(to, '[');
		buf_put_str(to, path->key);
		buf_put_char(to, ']');
	} else {
		buf_printf(to, "[%zu]", path->index);
	}
}

struct str field_path_in(struct arena *arena, const struct field_path *path)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, JSON_PATH_BYTES_MAX);
	field_path_write(path, &text);
	return str_in(arena, buf_str(&text));
}

void field_errors_init(struct field_errors *errors, struct arena *arena)
{
	*errors = (struct field_errors){ .arena = arena };
}

/* Counts one more. False: it is not kept, and nothing needs to be made for it, which for large
 * values takes long. */
static bool is_kept(struct field_errors *e)
{
	e->seen++;
	e->truncated |= e->count >= FIELD_ERRORS_MAX;
	return e->count < FIELD_ERRORS_MAX;
}

static void add_at(struct field_errors *e, enum field_error_type type, struct str field,
		   struct str message)
{
	if (!is_kept(e))
		return;
	if (e->count == e->room) {
		size_t room = e->room ? e->room * 2 : 8;
		struct field_error *items = arena_array(e->arena, room, sizeof(items[0]));

		if (e->count)
			memcpy(items, e->items, e->count * sizeof(items[0]));
		e->items = items;
		e->room = room;
	}
	e->items[e->count++] = (struct field_error){
		.type = type,
		.field = field,
		.message = str_in(e->arena, message),
	};
}

static void add(struct field_errors *e, enum field_error_type type, const struct field_path *path,
		struct str message)
{
	add_at(e, type, field_path_in(e->arena, path), message);
}

void field_error_copy(struct field_errors *e, const struct field_error *error)
{
	add_at(e, error->type, str_in(e->arena, error->field), error->message);
}

static const struct {
	const char *text, *reason;
} types[] = {
	[FIELD_REQUIRED] = { "Required value", "FieldValueRequired" },
	[FIELD_INVALID] = { "Invalid value", "FieldValueInvalid" },
	[FIELD_DUPLICATE] = { "Duplicate value", "FieldValueDuplicate" },
	[FIELD_UNSUPPORTED] = { "Unsupported value", "FieldValueNotSupported" },
	[FIELD_FORBIDDEN] = { "Forbidden", "FieldValueForbidden" },
	[FIELD_TOO_LONG] = { "Too long", "FieldValueTooLong" },
	[FIELD_TOO_MANY] = { "Too many", "FieldValueTooMany" },
	[FIELD_NOT_FOUND] = { "Not found", "FieldValueNotFound" },
	[FIELD_INTERNAL] = { "Internal error", "InternalError" },
	[FIELD_TYPE_INVALID] = { "Invalid value", "FieldValueTypeInvalid" },
};

const char *field_error_reason(enum field_error_type type)
{
	return types[type].reason;
}

/* "Type: value: detail" with what is given. */
static void report(struct field_errors *e, enum field_error_type type,
		   const struct field_path *path, struct str value, const char *detail)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, MESSAGE_BYTES_MAX);
	buf_put_c(&text, types[type].text);
	if (value.ptr) {
		buf_put_c(&text, ": ");
		buf_put_str(&text, value.len <= MESSAGE_BYTES_MAX / 2
					   ? value
					   : str_slice(value, 0, MESSAGE_BYTES_MAX / 2));
	}
	if (detail && *detail) {
		buf_put_c(&text, ": ");
		buf_put_c(&text, detail);
	}
	add(e, type, path, buf_str(&text));
}

/* As Go quotes: not as JSON what is no letter, digit or sign. */
static void put_quoted(struct str s, struct buf *to)
{
	static const char named[] = "\a\b\f\n\r\t\v\"\\", names[] = "abfnrtv\"\\";
	const char *found;

	buf_put_char(to, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		found = memchr(named, c, sizeof(named) - 1);
		if (found)
			buf_printf(to, "\\%c", names[found - named]);
		else if (c < ' ' || c == 0x7f)
			buf_printf(to, "\\x%02x", c);
		else
			buf_put_char(to, (char)c);
	}
	buf_put_char(to, '"');
}

static void report_quoted(struct field_errors *e, enum field_error_type type,
			  const struct field_path *path, struct str value, const char *detail)
{
	AUTO_BUF quoted = { 0 };

	buf_init(&quoted, MESSAGE_BYTES_MAX);
	put_quoted(value.len <= MESSAGE_BYTES_MAX / 8 ? value
						      : str_slice(value, 0, MESSAGE_BYTES_MAX / 8),
		   &quoted);
	report(e, type, path, buf_str(&quoted), detail);
}

static void report_int(struct field_errors *e, enum field_error_type type,
		       const struct field_path *path, int64_t value, const char *detail)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	report(e, type, path, str_from(text), detail);
}

static void report_json(struct field_errors *e, enum field_error_type type,
			const struct field_path *path, struct str value, const char *detail)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	json_escape_html(value, &text);
	report(e, type, path, buf_str(&text), detail);
}

static void report_val(struct field_errors *e, enum field_error_type type,
		       const struct field_path *path, yyjson_mut_val *value, const char *detail)
{
	AUTO_BUF text = { 0 };

	if (e->count >= FIELD_ERRORS_MAX) {
		(void)is_kept(e); /* not */
		return;
	}
	buf_init(&text, OBJECT_BYTES_MAX);
	field_value_write(e->kind, path, value, &text);
	if (yyjson_mut_is_ctn(value))
		report_json(e, type, path, buf_str(&text), detail);
	else
		report(e, type, path, buf_str(&text), detail);
}

void field_required(struct field_errors *e, const struct field_path *path, const char *detail)
{
	report(e, FIELD_REQUIRED, path, STR_NONE, detail);
}

/* Each of the messages that stand in detail (codec/name.h). */
void field_invalid_str(struct field_errors *e, const struct field_path *path, struct str value,
		       const char *detail)
{
	struct str rest = str_from(detail), one;

	if (!detail || !strpbrk(detail, NAME_PROBLEM_BREAK)) {
		report_quoted(e, FIELD_INVALID, path, value, detail);
		return;
	}
	while (name_next_problem(&rest, &one))
		report_quoted(e, FIELD_INVALID, path, value, str_c_in(e->arena, one));
}

void field_invalid_int(struct field_errors *e, const struct field_path *path, int64_t value,
		       const char *detail)
{
	report_int(e, FIELD_INVALID, path, value, detail);
}

void field_invalid_val(struct field_errors *e, const struct field_path *path, yyjson_mut_val *value,
		       const char *detail)
{
	struct str rest = str_from(detail), one;

	if (!rest.len)
		report_val(e, FIELD_INVALID, path, value, detail);
	while (name_next_problem(&rest, &one))
		report_val(e, FIELD_INVALID, path, value, str_c_in(e->arena, one));
}

void field_invalid_json(struct field_errors *e, const struct field_path *path, struct str value,
			const char *detail)
{
	report_json(e, FIELD_INVALID, path, value, detail);
}

void field_duplicate_str(struct field_errors *e, const struct field_path *path, struct str value)
{
	report_quoted(e, FIELD_DUPLICATE, path, value, NULL);
}

void field_duplicate_val(struct field_errors *e, const struct field_path *path,
			 yyjson_mut_val *value)
{
	report_val(e, FIELD_DUPLICATE, path, value, NULL);
}

static void write_values(const char *values, struct buf *to)
{
	struct str rest = str_from(values), part;

	buf_init(to, MESSAGE_BYTES_MAX);
	buf_put_c(to, "supported values: ");
	for (bool first = true; str_next_part(&rest, '|', &part); first = false) {
		if (!first)
			buf_put_c(to, ", ");
		json_write_quoted(part, to);
	}
}

void field_unsupported(struct field_errors *e, const struct field_path *path, struct str value,
		       const char *values)
{
	AUTO_BUF detail = { 0 };

	write_values(values, &detail);
	report_quoted(e, FIELD_UNSUPPORTED, path, value, detail.ptr);
}

void field_unsupported_val(struct field_errors *e, const struct field_path *path,
			   yyjson_mut_val *value, const char *values)
{
	AUTO_BUF detail = { 0 };

	write_values(values, &detail);
	report_val(e, FIELD_UNSUPPORTED, path, value, detail.ptr);
}

void field_forbidden(struct field_errors *e, const struct field_path *path, const char *detail)
{
	report(e, FIELD_FORBIDDEN, path, STR_NONE, detail);
}

void field_too_long(struct field_errors *e, const struct field_path *path, size_t bytes_max)
{
	char detail[64];

	(void)snprintf(detail, sizeof(detail), "may not be more than %zu bytes", bytes_max);
	report(e, FIELD_TOO_LONG, path, STR_NONE, detail);
}

void field_too_many(struct field_errors *e, const struct field_path *path, size_t count,
		    size_t count_max)
{
	char detail[64];

	(void)snprintf(detail, sizeof(detail), "must have at most %zu items", count_max);
	report_int(e, FIELD_TOO_MANY, path, (int64_t)count, detail);
}

void field_not_found(struct field_errors *e, const struct field_path *path, struct str value)
{
	report_quoted(e, FIELD_NOT_FOUND, path, value, NULL);
}

void field_error_add(struct field_errors *e, enum field_error_type type,
		     const struct field_path *path, const char *fmt, ...)
{
	AUTO_BUF detail = { 0 };
	va_list ap;

	buf_init(&detail, MESSAGE_BYTES_MAX);
	va_start(ap, fmt);
	buf_vprintf(&detail, fmt, ap);
	va_end(ap);
	report(e, type, path, STR_NONE, detail.ptr);
}

void field_errors_write(const struct field_errors *e, struct buf *to)
{
	if (e->count > 1)
		buf_put_char(to, '[');
	for (size_t i = 0; i < e->count; i++) {
		if (i)
			buf_put_c(to, ", ");
		if (e->items[i].field.len) {
			buf_put_str(to, e->items[i].field);
			buf_put_c(to, ": ");
		}
		buf_put_str(to, e->items[i].message);
	}
	if (e->count > 1)
		buf_put_char(to, ']');
}

/* ---- notices ---- */

void notices_init(struct notices *n, struct arena *arena)
{
	*n = (struct notices){ .arena = arena };
}

void notices_add(struct notices *n, const char *fmt, ...)
{
	AUTO_BUF text = { 0 };
	va_list ap;

	if (n->count >= OBJECT_NOTICES_MAX)
		return;
	if (n->count == n->room) {
		size_t room = n->room ? n->room * 2 : 4;
		struct str *items = arena_array(n->arena, room, sizeof(items[0]));

		if (n->count)
			memcpy(items, n->items, n->count * sizeof(items[0]));
		n->items = items;
		n->room = room;
	}
	buf_init(&text, MESSAGE_BYTES_MAX);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	n->items[n->count++] = str_in(n->arena, buf_str(&text));
}
