/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as Status objects and back. */
#include "api/status.h"

#include <stdio.h>

static void start(yyjson_mut_doc *doc, const char *outcome)
{
	yyjson_mut_val *root = yyjson_mut_obj(doc);

	yyjson_mut_doc_set_root(doc, root);
	json_set_str(doc, root, "kind", STR("Status"));
	json_set_str(doc, root, "apiVersion", STR("v1"));
	(void)json_set_object(doc, root, "metadata");
	json_set_str(doc, root, "status", str_from(outcome));
}

static void put_subject(yyjson_mut_doc *doc, yyjson_mut_val *details,
			const struct status_subject *subject, bool by_kind)
{
	if (subject->name.len)
		json_set_str(doc, details, "name", subject->name);
	if (!subject->kind)
		return;
	if (subject->kind->group.len)
		json_set_str(doc, details, "group", subject->kind->group);
	json_set_str(doc, details, "kind",
		     by_kind || !subject->kind->plural.len ? subject->kind->name
							   : subject->kind->plural);
	if (subject->uid.len)
		json_set_str(doc, details, "uid", subject->uid);
}

static void put_causes(yyjson_mut_doc *doc, yyjson_mut_val *details,
		       const struct field_errors *errors)
{
	yyjson_mut_val *causes = json_set_array(doc, details, "causes");

	for (size_t i = 0; i < errors->count; i++) {
		yyjson_mut_val *cause = json_append_object(doc, causes);

		json_set_str(doc, cause, "reason",
			     str_from(field_error_reason(errors->items[i].type)));
		json_set_str(doc, cause, "message", errors->items[i].message);
		if (errors->items[i].field.len)
			json_set_str(doc, cause, "field", errors->items[i].field);
	}
}

static void put_message(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct err *err,
			const struct status_subject *subject, const struct field_errors *errors)
{
	char what[KIND_TEXT_BYTES];
	AUTO_BUF text = { 0 };

	if (!errors || !errors->count || !subject || !subject->kind) {
		json_set_str(doc, root, "message", str_from(err->msg));
		return;
	}
	buf_init(&text, 1 << 20);
	buf_printf(&text, "%s \"" STR_FMT "\" is invalid: ", kind_text(subject->kind, what),
		   STR_ARG(subject->name));
	field_errors_write(errors, &text);
	json_set_str(doc, root, "message", buf_str(&text));
}

int status_from_err(yyjson_mut_doc *doc, const struct err *err,
		    const struct status_subject *subject, const struct field_errors *errors)
{
	int code = err_http_status(err->code);
	const char *reason = err_reason(err->code);
	yyjson_mut_val *root, *details;

	start(doc, "Failure");
	root = yyjson_mut_doc_get_root(doc);
	put_message(doc, root, err, subject, errors);
	if (*reason)
		json_set_str(doc, root, "reason", str_from(reason));
	if (subject && (subject->kind || subject->name.len || subject->retry_after_seconds)) {
		details = json_set_object(doc, root, "details");
		put_subject(doc, details, subject, err->code == ERR_INVALID);
		if (errors && errors->count)
			put_causes(doc, details, errors);
		if (subject->retry_after_seconds)
			json_set_int(doc, details, "retryAfterSeconds",
				     subject->retry_after_seconds);
	}
	json_set_int(doc, root, "code", code);
	return code;
}

void status_success(yyjson_mut_doc *doc, const struct status_subject *subject)
{
	yyjson_mut_val *root;

	start(doc, "Success");
	root = yyjson_mut_doc_get_root(doc);
	if (subject)
		put_subject(doc, json_set_object(doc, root, "details"), subject, false);
}

void status_to_err(yyjson_val *status, int http_code, struct err *ret_err)
{
	static const enum err_code codes[] = {
		ERR_UNAUTHORIZED,   ERR_FORBIDDEN,
		ERR_NOT_FOUND,	    ERR_METHOD_NOT_ALLOWED,
		ERR_NOT_ACCEPTABLE, ERR_EXISTS,
		ERR_CONFLICT,	    ERR_GONE,
		ERR_TOO_LARGE,	    ERR_UNSUPPORTED_MEDIA,
		ERR_INVALID,	    ERR_TOO_MANY,
		ERR_TIMEOUT,	    ERR_UNAVAILABLE,
		ERR_UNSUPPORTED,    ERR_NO_SPACE,
		ERR_BAD_REQUEST,    ERR_INTERNAL,
	};
	struct str reason = json_get_str(status, "reason"),
		   message = json_get_str(status, "message");
	enum err_code code = http_code >= 500 ? ERR_INTERNAL : ERR_BAD_REQUEST;

	for (size_t i = ARRAY_COUNT(codes); i-- > 0;) {
		if (err_http_status(codes[i]) == http_code)
			code = codes[i];
	}
	for (size_t i = 0; reason.len && i < ARRAY_COUNT(codes); i++) {
		if (str_eq_c(reason, err_reason(codes[i]))) {
			code = codes[i];
			break;
		}
	}
	if (message.len)
		(void)err_set(ret_err, code, STR_FMT, STR_ARG(message));
	else
		(void)err_set(ret_err, code, "the server answered with HTTP status %d", http_code);
}

int status_not_found(struct err *err, const struct kind *kind, struct str name)
{
	char what[KIND_TEXT_BYTES];

	return err_set(err, ERR_NOT_FOUND, "%s \"" STR_FMT "\" not found",
		       kind_resource_text(kind, what), STR_ARG(name));
}

int status_exists(struct err *err, const struct kind *kind, struct str name)
{
	char what[KIND_TEXT_BYTES];

	return err_set(err, ERR_EXISTS, "%s \"" STR_FMT "\" already exists",
		       kind_resource_text(kind, what), STR_ARG(name));
}

int status_conflict(struct err *err, const struct kind *kind, struct str name, const char *detail)
{
	char what[KIND_TEXT_BYTES];

	return err_set(err, ERR_CONFLICT, "Operation cannot be fulfilled on %s \"" STR_FMT "\": %s",
		       kind_resource_text(kind, what), STR_ARG(name),
		       detail ? detail
			      : "the object has been modified; please apply your changes to the "
				"latest version and try again");
}
