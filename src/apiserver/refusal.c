/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals in the API's own words. */
#include "apiserver/refusal.h"

#include "apiserver/limits.h"

void refusal_init(struct refusal *s, struct arena *arena)
{
	*s = (struct refusal){ .arena = arena };
}

static int refusal_vset(struct refusal *s, int code, const char *reason, const char *fmt,
			va_list ap)
{
	AUTO_BUF text = { 0 };

	if (s->code)
		return -1;
	buf_init(&text, 64u << 10);
	buf_vprintf(&text, fmt, ap);
	s->code = code;
	s->reason = str_from(reason);
	s->message = str_in(s->arena, buf_str(&text));
	return -1;
}

int refusal_set(struct refusal *s, int code, const char *reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	refusal_vset(s, code, reason, fmt, ap);
	va_end(ap);
	return -1;
}

int refusal_about(struct refusal *s, struct subject about)
{
	s->has_details = true;
	s->group = about.group;
	s->kind = about.resource;
	s->name = about.name;
	return -1;
}

int refusal_add_cause(struct refusal *s, struct refusal_cause cause)
{
	if (s->cause_count == STATUS_CAUSES_MAX)
		return -1;
	if (!s->causes)
		s->causes = arena_array(s->arena, STATUS_CAUSES_MAX, sizeof(s->causes[0]));
	s->causes[s->cause_count++] = cause;
	s->has_details = true;
	return -1;
}

int refusal_bad_request(struct refusal *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	refusal_vset(s, 400, "BadRequest", fmt, ap);
	va_end(ap);
	return -1;
}

static struct str formatted(struct arena *arena, const char *fmt, va_list ap)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, 64u << 10);
	buf_vprintf(&text, fmt, ap);
	return str_in(arena, buf_str(&text));
}

/* "deployments.apps", "pods" */
static struct str qualified(struct arena *arena, struct str resource, struct str group)
{
	if (!group.len)
		return resource;
	return str_printf_in(arena, STR_FMT "." STR_FMT, STR_ARG(resource), STR_ARG(group));
}

int refusal_not_found(struct refusal *s, struct subject about)
{
	if (s->code)
		return -1;
	refusal_set(s, 404, "NotFound", STR_FMT " \"" STR_FMT "\" not found",
		    STR_ARG(qualified(s->arena, about.resource, about.group)), STR_ARG(about.name));
	return refusal_about(s, about);
}

int refusal_no_route(struct refusal *s)
{
	s->has_details = true;
	return refusal_set(s, 404, "NotFound", "the server could not find the requested resource");
}

int refusal_exists(struct refusal *s, struct subject about)
{
	if (s->code)
		return -1;
	refusal_set(s, 409, "AlreadyExists", STR_FMT " \"" STR_FMT "\" already exists",
		    STR_ARG(qualified(s->arena, about.resource, about.group)), STR_ARG(about.name));
	return refusal_about(s, about);
}

int refusal_conflict(struct refusal *s, struct subject about, const char *fmt, ...)
{
	struct str text;
	va_list ap;

	if (s->code)
		return -1;
	va_start(ap, fmt);
	text = formatted(s->arena, fmt, ap);
	va_end(ap);
	refusal_set(s, 409, "Conflict",
		    "Operation cannot be fulfilled on " STR_FMT " \"" STR_FMT "\": " STR_FMT,
		    STR_ARG(qualified(s->arena, about.resource, about.group)), STR_ARG(about.name),
		    STR_ARG(text));
	return refusal_about(s, about);
}

int refusal_modified(struct refusal *s, struct subject about)
{
	return refusal_conflict(
		s, about,
		"the object has been modified; please apply your changes to the latest version "
		"and try again");
}

int refusal_forbidden(struct refusal *s, struct subject about, const char *fmt, ...)
{
	struct str text;
	va_list ap;

	if (s->code)
		return -1;
	va_start(ap, fmt);
	text = formatted(s->arena, fmt, ap);
	va_end(ap);
	if (!about.resource.len)
		refusal_set(s, 403, "Forbidden", "forbidden: " STR_FMT, STR_ARG(text));
	else if (!about.name.len)
		refusal_set(s, 403, "Forbidden", STR_FMT " is forbidden: " STR_FMT,
			    STR_ARG(qualified(s->arena, about.resource, about.group)),
			    STR_ARG(text));
	else
		refusal_set(s, 403, "Forbidden", STR_FMT " \"" STR_FMT "\" is forbidden: " STR_FMT,
			    STR_ARG(qualified(s->arena, about.resource, about.group)),
			    STR_ARG(about.name), STR_ARG(text));
	return refusal_about(s, about);
}

int refusal_method_not_allowed(struct refusal *s)
{
	s->has_details = true;
	return refusal_set(s, 405, "MethodNotAllowed",
			   "the server does not allow this method on the requested resource");
}

int refusal_method_not_supported(struct refusal *s, struct subject about, struct str verb)
{
	if (s->code)
		return -1;
	refusal_set(s, 405, "MethodNotAllowed",
		    STR_FMT " is not supported on resources of kind \"" STR_FMT "\"", STR_ARG(verb),
		    STR_ARG(qualified(s->arena, about.resource, about.group)));
	return refusal_about(s, about);
}

int refusal_too_many(struct refusal *s)
{
	s->retry_after_seconds = REQUEST_RETRY_AFTER_SECONDS;
	s->has_details = true;
	return refusal_set(s, 429, "TooManyRequests", "Too many requests, please try again later.");
}

int refusal_gone(struct refusal *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	refusal_vset(s, 410, "Expired", fmt, ap);
	va_end(ap);
	return -1;
}

int refusal_internal(struct refusal *s, const char *fmt, ...)
{
	struct str text;
	va_list ap;

	va_start(ap, fmt);
	text = formatted(s->arena, fmt, ap);
	va_end(ap);
	refusal_add_cause(s, (struct refusal_cause){ .message = text });
	return refusal_set(s, 500, "InternalError", "Internal error occurred: " STR_FMT,
			   STR_ARG(text));
}

static bool is_told(const struct refusal *s, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (str_eq(s->causes[i].field, s->causes[index].field) &&
		    str_eq(s->causes[i].message, s->causes[index].message))
			return true;
	return false;
}

int refusal_invalid(struct refusal *s, struct subject about)
{
	AUTO_BUF text = { 0 };
	size_t told = 0;

	if (s->code)
		return -1;
	buf_init(&text, 1u << 20);
	for (size_t i = 0; i < s->cause_count; i++)
		if (!is_told(s, i)) /* causes may repeat, the message does not */
			buf_printf(&text, "%s" STR_FMT "%s" STR_FMT, told++ ? ", " : "",
				   STR_ARG(s->causes[i].field), s->causes[i].field.len ? ": " : "",
				   STR_ARG(s->causes[i].message));
	refusal_set(s, 422, "Invalid", STR_FMT " \"" STR_FMT "\" is invalid%s%s" STR_FMT "%s",
		    STR_ARG(qualified(s->arena, about.resource, about.group)), STR_ARG(about.name),
		    told ? ": " : "", told > 1 ? "[" : "", STR_ARG(buf_str(&text)),
		    told > 1 ? "]" : "");
	return refusal_about(s, about);
}

int refusal_option(struct refusal *s, const char *kind, struct refusal_cause cause)
{
	refusal_add_cause(s, cause);
	return refusal_invalid(s, (struct subject){ STR("meta.k8s.io"), str_from(kind), STR("") });
}

int refusal_from_err(struct refusal *s, const struct err *err)
{
	if (err->code == ERR_NO_SPACE) /* in etcd's words, which clients and runbooks look for */
		return refusal_set(s, 500, "", "etcdserver: mvcc: database space exceeded%s%s",
				   err->os_errno ? ": " : "",
				   err->os_errno ? strerror(err->os_errno) : "");
	if (err->code == ERR_INTERNAL || err->code == ERR_OS)
		return refusal_internal(s, "%s", err->msg);
	return refusal_set(s, err_http_status(err->code), err_reason(err->code), "%s", err->msg);
}

static void add_str(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, struct str value)
{
	if (value.len)
		yyjson_mut_obj_add_strn(doc, object, key, value.ptr, value.len);
}

static void add_details(const struct refusal *s, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
	yyjson_mut_val *details, *causes;

	if (!s->has_details)
		return;
	details = json_set_object(doc, root, "details");
	add_str(doc, details, "name", s->name);
	add_str(doc, details, "group", s->group);
	add_str(doc, details, "kind", s->kind);
	add_str(doc, details, "uid", s->uid);
	if (s->cause_count) {
		causes = json_set_array(doc, details, "causes");
		for (size_t i = 0; i < s->cause_count; i++) {
			yyjson_mut_val *cause = json_append_object(doc, causes);

			add_str(doc, cause, "reason", s->causes[i].reason);
			add_str(doc, cause, "message", s->causes[i].message);
			add_str(doc, cause, "field", s->causes[i].field);
		}
	}
	if (s->retry_after_seconds)
		json_set_int(doc, details, "retryAfterSeconds", s->retry_after_seconds);
}

static yyjson_mut_doc *new_status(const char *status)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	json_set_str(doc, root, "kind", STR("Status"));
	json_set_str(doc, root, "apiVersion", STR("v1"));
	(void)json_set_object(doc, root, "metadata"); /* always there, and empty */
	json_set_str(doc, root, "status", str_from(status));
	return doc;
}

void refusal_write(const struct refusal *s, struct buf *to)
{
	AUTO_JSON_MUT doc = new_status("Failure");
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	if (s->continue_token.len)
		json_set_str(doc, json_mut_get(root, "metadata"), "continue", s->continue_token);
	add_str(doc, root, "message", s->message);
	add_str(doc, root, "reason", s->reason);
	add_details(s, doc, root);
	json_set_int(doc, root, "code", s->code);
	json_mut_write(root, to);
}

void refusal_write_success(struct subject about, struct str uid, struct buf *to)
{
	AUTO_JSON_MUT doc = new_status("Success");
	struct refusal s = { .has_details = true,
			     .name = about.name,
			     .group = about.group,
			     .kind = about.resource,
			     .uid = uid };

	add_details(&s, doc, yyjson_mut_doc_get_root(doc));
	json_mut_write(yyjson_mut_doc_get_root(doc), to);
}

static enum err_code code_of(const struct refusal *s)
{
	static const enum err_code codes[] = {
		ERR_BAD_REQUEST, ERR_UNAUTHORIZED,	 ERR_FORBIDDEN,
		ERR_NOT_FOUND,	 ERR_METHOD_NOT_ALLOWED, ERR_NOT_ACCEPTABLE,
		ERR_EXISTS,	 ERR_CONFLICT,		 ERR_GONE,
		ERR_TOO_LARGE,	 ERR_UNSUPPORTED_MEDIA,	 ERR_INVALID,
		ERR_TOO_MANY,	 ERR_UNSUPPORTED,	 ERR_UNAVAILABLE,
		ERR_TIMEOUT,	 ERR_NO_SPACE,
	};

	for (size_t i = 0; i < ARRAY_COUNT(codes); i++)
		if (err_http_status(codes[i]) == s->code &&
		    (s->code != 409 || str_eq_c(s->reason, err_reason(codes[i]))))
			return codes[i];
	return ERR_INTERNAL;
}

void refusal_to_err(const struct refusal *s, struct err *err)
{
	(void)err_set(err, code_of(s), STR_FMT,
		      STR_ARG(s->message)); /* its -1 is for callers that return it */
}
