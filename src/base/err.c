/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error values. Text is formatted beside the value first, because arguments often point into the old message. A message
 * that is too long is cut at a character's border.
 */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int http_status;
	const char *reason;
	int exit_code;
} rows[ERR_CODE_COUNT] = {
	[ERR_NONE] = { 200, "", 0 },
	[ERR_OS] = { 500, "InternalError", 1 },
	[ERR_PARSE] = { 400, "BadRequest", 1 },
	[ERR_BAD_REQUEST] = { 400, "BadRequest", 1 },
	[ERR_UNAUTHORIZED] = { 401, "Unauthorized", 1 },
	[ERR_FORBIDDEN] = { 403, "Forbidden", 1 },
	[ERR_NOT_FOUND] = { 404, "NotFound", 1 },
	[ERR_METHOD_NOT_ALLOWED] = { 405, "MethodNotAllowed", 1 },
	[ERR_NOT_ACCEPTABLE] = { 406, "NotAcceptable", 1 },
	[ERR_EXISTS] = { 409, "AlreadyExists", 1 },
	[ERR_CONFLICT] = { 409, "Conflict", 1 },
	[ERR_GONE] = { 410, "Expired", 1 },
	[ERR_TOO_LARGE] = { 413, "RequestEntityTooLarge", 1 },
	[ERR_UNSUPPORTED_MEDIA] = { 415, "UnsupportedMediaType", 1 },
	[ERR_INVALID] = { 422, "Invalid", 1 },
	[ERR_TOO_MANY] = { 429, "TooManyRequests", 1 },
	[ERR_INTERNAL] = { 500, "InternalError", 1 },
	[ERR_UNSUPPORTED] = { 501, "", 1 },
	[ERR_UNAVAILABLE] = { 503, "ServiceUnavailable", 1 },
	[ERR_TIMEOUT] = { 504, "Timeout", 1 },
	[ERR_NO_SPACE] = { 507, "", 1 },
	[ERR_CLOSED] = { 500, "InternalError", 1 },
	[ERR_CANCELLED] = { 500, "InternalError", 1 },
};

/* Stores text; when it was cut, drops a torn UTF-8 sequence at the end. */
static void store_text(struct err *err, const char *text, size_t full_len)
{
	size_t len = strlen(text);

	if (full_len > len) {
		size_t start = len;

		while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
			start--;
		if (start > 0 && (unsigned char)text[start - 1] >= 0xc0)
			len = start - 1;
	}
	memcpy(err->msg, text, len);
	err->msg[len] = '\0';
}

static int err_vset(struct err *err, enum err_code code, const char *fmt, va_list ap)
{
	char text[ERR_MSG_BYTES];
	int len;

	if (!err)
		return -1;
	len = vsnprintf(text, sizeof(text), fmt, ap);
	err->code = code;
	err->os_errno = 0;
	store_text(err, text, len < 0 ? 0 : (size_t)len);
	return -1;
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(err, code, fmt, ap);
	va_end(ap);
	return -1;
}

static void set_errno(struct err *err, int os_errno, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);

static void set_errno(struct err *err, int os_errno, const char *fmt, va_list ap)
{
	char text[ERR_MSG_BYTES], reason[96];
	int len, more;

	if (!err)
		return;
	len = vsnprintf(text, sizeof(text), fmt, ap);
	if (len < 0)
		len = 0;
	/* GNU strerror_r: returns the text, in our array or a constant. */
	more = snprintf(text + ((size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1),
			(size_t)len < sizeof(text) ? sizeof(text) - (size_t)len : 1, ": %s",
			strerror_r(os_errno, reason, sizeof(reason)));
	err->code = os_errno == ENOSPC || os_errno == EDQUOT ? ERR_NO_SPACE : ERR_OS;
	err->os_errno = os_errno;
	store_text(err, text, (size_t)len + (size_t)more);
}

int err_os(struct err *err, const char *fmt, ...)
{
	int os_errno = errno;
	va_list ap;

	va_start(ap, fmt);
	set_errno(err, os_errno, fmt, ap);
	va_end(ap);
	errno = os_errno;
	return -1;
}

int err_neg(struct err *err, int neg_errno, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_errno(err, -neg_errno, fmt, ap);
	va_end(ap);
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char text[ERR_MSG_BYTES];
	va_list ap;
	int len, more;

	if (!err)
		return -1;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(text))
		len = (int)sizeof(text) - 1;
	more = snprintf(text + len, sizeof(text) - (size_t)len, ": %s", err->msg);
	store_text(err, text, (size_t)len + (size_t)more);
	return -1;
}

int err_http_status(enum err_code code)
{
	return (unsigned int)code < ERR_CODE_COUNT ? rows[code].http_status : 500;
}

const char *err_reason(enum err_code code)
{
	return (unsigned int)code < ERR_CODE_COUNT ? rows[code].reason : "InternalError";
}

int err_exit_code(enum err_code code)
{
	return (unsigned int)code < ERR_CODE_COUNT ? rows[code].exit_code : 1;
}
