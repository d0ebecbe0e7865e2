/* SPDX-License-Identifier: Apache-2.0 */
/* What a version of a definition has beside its schema: sub-resources, columns, selectable fields;
 * and what is said of rules without reading their expressions. */
#include "api/kinds/crd.h"
#include "api/limits.h"
#include "api/schema.h"
#include "api/structural.h"
#include "codec/json.h"

static struct str word(yyjson_val *v, const char *name)
{
	return json_str(yyjson_obj_get(v, name));
}

/* --- paths --- */

/* A path such as .spec.x or .map['key']. */
struct crd_path {
	struct str text;
	struct arena *arena; /* names that are quoted live there */
	bool has_brackets;   /* may have */
	struct str first;    /* what came of it: the first name, */
	yyjson_val *schema;  /* and the schema at its end */
};

static int step_into(struct crd_path *path, struct str name, bool is_first, struct err *err)
{
	yyjson_val *properties = yyjson_obj_get(path->schema, "properties"),
		   *additional = yyjson_obj_get(path->schema, "additionalProperties");

	if (is_first)
		path->first = name;
	if (yyjson_obj_size(properties))
		path->schema = json_key(properties, name);
	else
		path->schema = yyjson_is_obj(additional) ? additional : NULL;
	return path->schema ? 0 : err_set(err, ERR_INVALID, "does not refer to a valid field");
}

static bool is_delimiter(char c)
{
	return c == '.' || c == '[' || c == ']';
}

/* Delimiters one by one, what is between them whole; a quoted text hides them. */
static struct str next_token(struct str *rest)
{
	size_t len = 0;
	bool is_quoted = rest->len && rest->ptr[0] == '\'';
	struct str token;

	if (rest->len && is_delimiter(rest->ptr[0]))
		len = 1;
	for (; len < rest->len && (is_quoted || !is_delimiter(rest->ptr[len])) &&
	       !(len == 1 && is_delimiter(rest->ptr[0]));
	     len++)
		if (is_quoted && len && rest->ptr[len] == '\'' && rest->ptr[len - 1] != '\\') {
			len++;
			break;
		}
	token = str_slice(*rest, 0, len);
	*rest = str_slice(*rest, len, rest->len);
	return token;
}

/* What a text between single quotes stands for. */
static int unquote(struct crd_path *path, struct str quoted, struct str *ret, struct err *err)
{
	static const char letters[] = "abfnrtv'\\", values[] = "\a\b\f\n\r\t\v'\\";
	char *text = arena_alloc(path->arena, quoted.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < quoted.len; i++) {
		const char *letter;

		if (quoted.ptr[i] != '\\' || i + 1 == quoted.len) {
			text[len++] = quoted.ptr[i];
			continue;
		}
		letter = strchr(letters, quoted.ptr[++i]);
		if (!letter || !*letter)
			return err_set(err, ERR_INVALID,
				       "invalid string literal: invalid escape char \\%c",
				       quoted.ptr[i]);
		text[len++] = values[letter - letters];
	}
	*ret = str_sub(text, len);
	return 0;
}

static int bracket(struct crd_path *path, struct str *rest, bool is_first, struct err *err)
{
	struct str token = next_token(rest), name;

	if (!token.len)
		return err_set(err, ERR_INVALID, "unexpected end of JSON path");
	if (token.len < 2 || token.ptr[0] != '\'' || token.ptr[token.len - 1] != '\'')
		return err_set(err, ERR_INVALID, "expected single quoted string but got " STR_FMT,
			       STR_ARG(token));
	if (unquote(path, str_slice(token, 1, token.len - 1), &name, err) < 0 ||
	    step_into(path, name, is_first, err) < 0)
		return -1;
	token = next_token(rest);
	if (!token.len)
		return err_set(err, ERR_INVALID, "unexpected end of JSON path");
	return str_eq_c(token, "]")
		       ? 0
		       : err_set(err, ERR_INVALID, "expected ] but got " STR_FMT, STR_ARG(token));
}

/* err says what is wrong with it. */
static int resolve(struct crd_path *path, yyjson_val *schema, struct err *err)
{
	struct str rest = path->text, token;
	bool is_first = true;

	path->schema = schema;
	while (rest.len) {
		token = next_token(&rest);
		if (str_eq_c(token, "[") && path->has_brackets) {
			if (bracket(path, &rest, is_first, err) < 0)
				return -1;
		} else if (str_eq_c(token, ".")) {
			token = next_token(&rest);
			if (!token.len)
				return err_set(err, ERR_INVALID, "unexpected end of JSON path");
			if (step_into(path, token, is_first, err) < 0)
				return -1;
		} else {
			return err_set(err, ERR_INVALID, "expected [ or . but got: " STR_FMT,
				       STR_ARG(token));
		}
		is_first = false;
	}
	return 0;
}

/* --- rules --- */

static bool has_newline(struct str text)
{
	return str_contains(text, STR("\n")) || str_contains(text, STR("\r"));
}

static bool is_blank(struct str text)
{
	return text.len && !str_trim(text).len;
}

static void check_message(struct field_errors *errors, yyjson_val *rule,
			  const struct field_path *path)
{
	struct str text = word(rule, "rule"), message = word(rule, "message");
	const struct field_path *here = FIELD_NAME(path, "message");

	if (!str_trim(text).len)
		field_required(errors, FIELD_NAME(path, "rule"), "rule is not specified");
	else if (is_blank(message))
		field_invalid_str(errors, here, message, "must be non-empty if specified");
	else if (has_newline(str_trim(message)))
		field_invalid_str(errors, here, message, "must not contain line breaks");
	else if (has_newline(str_trim(text)) && !str_trim(message).len)
		field_required(errors, here,
			       "message must be specified if rule contains line breaks");
	if (is_blank(word(rule, "messageExpression")))
		field_required(errors, FIELD_NAME(path, "messageExpression"),
			       "messageExpression must be non-empty if specified");
}

static void check_field_path(struct field_errors *errors, yyjson_val *rule, yyjson_val *schema,
			     const struct field_path *path)
{
	struct crd_path target = { .text = word(rule, "fieldPath"),
				   .arena = errors->arena,
				   .has_brackets = true };
	const struct field_path *here = FIELD_NAME(path, "fieldPath");

	if (!target.text.len)
		return;
	if (is_blank(target.text))
		field_invalid_str(errors, here, target.text, "must be non-empty if specified");
	if (has_newline(target.text))
		field_invalid_str(errors, here, target.text, "must not contain line breaks");
	if (resolve(&target, schema, NULL) < 0)
		field_invalid_str(errors, here, target.text, "must be a valid path");
}

void crd_rules_check(struct crd_schema_check *c, yyjson_val *schema, const struct field_path *path)
{
	static const char reasons[] = "FieldValueDuplicate|FieldValueForbidden|FieldValueInvalid|"
				      "FieldValueRequired";
	const struct field_path *list = FIELD_NAME(path, "x-kubernetes-validations");
	size_t index = 0;

	JSON_EACH (rule, yyjson_obj_get(schema, "x-kubernetes-validations")) {
		const struct field_path *here = FIELD_INDEX(list, index++);
		struct str reason = word(rule, "reason");

		check_message(c->errors, rule, here);
		if (reason.len && !schema_values_have(str_from(reasons), reason))
			field_unsupported(c->errors, FIELD_NAME(here, "reason"), reason, reasons);
		check_field_path(c->errors, rule, schema, here);
	}
}

/* --- sub-resources --- */

static void check_scale_path(struct field_errors *errors, yyjson_val *scale, const char *name,
			     const struct field_path *path)
{
	bool is_spec = str_eq_c(str_from(name), "specReplicasPath"),
	     is_selector = str_eq_c(str_from(name), "labelSelectorPath");
	const struct field_path *here = FIELD_NAME(
		path, str_printf_in(errors->arena, "scale.%s", name).ptr);
	struct str text = word(scale, name);
	bool is_below_spec = str_has_prefix(text, STR(".spec.")),
	     is_below_status = str_has_prefix(text, STR(".status."));

	if (!text.len && !is_selector)
		field_required(errors, here, "");
	else if (!text.len)
		return;
	else if (text.ptr[0] != '.')
		field_invalid_str(errors, here, text, "must be a simple json path starting with .");
	else if (is_selector && !is_below_spec && !is_below_status)
		field_invalid_str(errors, here, text,
				  "should be a json path under either .spec or .status");
	else if (!is_selector && !(is_spec ? is_below_spec : is_below_status))
		field_invalid_str(errors, here, text,
				  is_spec ? "should be a json path under .spec"
					  : "should be a json path under .status");
}

static void check_scale(yyjson_val *version, const struct field_path *path,
			struct field_errors *errors)
{
	static const char *const names[] = { "specReplicasPath", "statusReplicasPath",
					     "labelSelectorPath" };
	yyjson_val *scale = json_get(version, "subresources.scale");

	for (size_t i = 0; scale && i < ARRAY_COUNT(names); i++)
		check_scale_path(errors, scale, names[i], FIELD_NAME(path, "subresources"));
}

/* --- columns --- */

static void check_word(struct field_errors *errors, yyjson_val *column,
		       const struct field_path *path, struct str words)
{
	struct str value = json_str(yyjson_obj_get(column, path->name));
	AUTO_BUF detail = { 0 };
	struct str one, rest = words;

	if (value.len && schema_values_have(words, value))
		return;
	buf_init(&detail, ERR_MSG_BYTES);
	buf_put_c(&detail, "must be one of ");
	while (str_next_part(&rest, '|', &one))
		buf_printf(&detail, STR_FMT "%s", STR_ARG(one), rest.len ? "," : "");
	if (value.len)
		field_invalid_str(errors, path, value, str_in(errors->arena, buf_str(&detail)).ptr);
	else
		field_required(errors, path, str_in(errors->arena, buf_str(&detail)).ptr);
}

static void check_column(yyjson_val *column, const struct field_path *path,
			 struct field_errors *errors)
{
	struct str json_path = word(column, "jsonPath");
	const struct field_path *here = FIELD_NAME(path, "JSONPath");

	if (!word(column, "name").len)
		field_required(errors, FIELD_NAME(path, "name"), "");
	check_word(errors, column, FIELD_NAME(path, "type"),
		   STR("boolean|date|integer|number|string"));
	if (word(column, "format").len)
		check_word(errors, column, FIELD_NAME(path, "format"),
			   STR("byte|date|date-time|double|float|int32|int64|password"));
	if (!json_path.len)
		field_required(errors, here, "");
	else if (json_path.ptr[0] != '.')
		field_invalid_str(errors, here, json_path,
				  "must be a simple json path starting with .");
}

/* --- selectable fields --- */

static bool is_selectable(yyjson_val *schema)
{
	return schema_values_have(STR("string|boolean|integer"), word(schema, "type"));
}

static bool is_repeated(yyjson_val *list, size_t index)
{
	struct str path = word(yyjson_arr_get(list, index), "jsonPath");

	for (size_t i = 0; i < index; i++)
		if (str_eq(word(yyjson_arr_get(list, i), "jsonPath"), path))
			return true;
	return false;
}

static void check_selectable(struct crd_path *path, yyjson_val *schema,
			     const struct field_path *here, struct field_errors *errors)
{
	struct err err = { 0 };

	if (!path->text.len) {
		field_required(errors, here, "");
	} else if (resolve(path, schema, &err) < 0) {
		field_invalid_str(
			errors, here, path->text,
			str_printf_in(errors->arena, "is an invalid path: %s", err.msg).ptr);
	} else {
		if (str_eq_c(path->first, "metadata"))
			field_invalid_str(errors, here, path->text,
					  "must not point to fields in metadata");
		if (!is_selectable(path->schema))
			field_invalid_str(errors, here, path->text,
					  "must point to a field of type string, boolean or "
					  "integer. Enum string fields and strings with formats "
					  "are allowed.");
	}
}

static void check_selectables(const struct crd_parts *parts, const struct field_path *path,
			      struct field_errors *errors)
{
	yyjson_val *list = yyjson_obj_get(parts->version, "selectableFields"),
		   *schema = parts->has_schema ? json_get(parts->version, "schema.openAPIV3Schema")
					       : NULL;
	const struct field_path *here = FIELD_NAME(path, "selectableFields");
	size_t index = 0, distinct = 0;

	if (yyjson_arr_size(list) && !schema)
		field_invalid_str(errors, here, STR_NONE,
				  parts->is_alike
					  ? "may only be set when validations.schema is included"
					  : "may only be set when "
					    "`version.schema.openAPIV3Schema` is not included");
	JSON_EACH (field, schema ? list : NULL) {
		const struct field_path *at = FIELD_NAME(FIELD_INDEX(here, index), "jsonPath");
		struct crd_path target = { .text = word(field, "jsonPath") };

		check_selectable(&target, schema, at, errors);
		if (is_repeated(list, index) && target.text.len)
			field_duplicate_str(errors, at, target.text);
		else
			distinct += target.text.len > 0;
		index++;
	}
	if (distinct > CUSTOM_SELECTABLE_MAX)
		field_too_many(errors, here, distinct, CUSTOM_SELECTABLE_MAX);
}

/* --- the whole --- */

void crd_warning_check(yyjson_val *version, const struct field_path *path,
		       struct field_errors *errors)
{
	yyjson_val *given = yyjson_obj_get(version, "deprecationWarning");
	const struct field_path *here = FIELD_NAME(path, "deprecationWarning");
	struct str text = json_str(given);

	if (!given)
		return;
	if (!structural_is(version, "deprecated")) {
		field_invalid_str(errors, here, text, "can only be set for deprecated versions");
		return;
	}
	if (text.len > 256)
		field_invalid_str(errors, here, text, "must be <= 256 characters long");
	if (!text.len)
		field_invalid_str(errors, here, text, "must not be an empty string");
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c >= 0x20 && c != 0x7f)
			continue;
		field_invalid_str(errors, here, text,
				  str_printf_in(errors->arena,
						"must only contain printable UTF-8 characters; "
						"non-printable character found at index %zu",
						i)
					  .ptr);
		break;
	}
}

void crd_parts_check(const struct crd_parts *parts, const struct field_path *path,
		     struct field_errors *errors)
{
	const struct field_path *columns = FIELD_NAME(path, "additionalPrinterColumns");
	size_t index = 0;

	if (parts->parts & CRD_PART_SUBRESOURCES)
		check_scale(parts->version, path, errors);
	if (parts->parts & CRD_PART_COLUMNS)
		JSON_EACH (column, yyjson_obj_get(parts->version, "additionalPrinterColumns"))
			check_column(column, FIELD_INDEX(columns, index++), errors);
	if (parts->parts & CRD_PART_SELECTABLE)
		check_selectables(parts, path, errors);
}
