/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors are values in the caller's frame: failing never allocates and there is nothing to free. A function
 * that can fail returns < 0 and fills *err, which it leaves untouched on success. err may be NULL when the
 * caller does not want the text.
 */
#ifndef CUBE_BASE_ERR_H
#define CUBE_BASE_ERR_H

#include <stdarg.h>
#include "base/attr.h"

enum err_code {
	ERR_NONE = 0,
	ERR_OS,                 /* a system call failed: os_errno says why */
	ERR_PARSE,              /* bytes are not what their format says: 400 */
	ERR_BAD_REQUEST,        /* 400 BadRequest */
	ERR_UNAUTHORIZED,       /* 401 Unauthorized */
	ERR_FORBIDDEN,          /* 403 Forbidden */
	ERR_NOT_FOUND,          /* 404 NotFound */
	ERR_METHOD_NOT_ALLOWED, /* 405 MethodNotAllowed */
	ERR_NOT_ACCEPTABLE,     /* 406 NotAcceptable */
	ERR_EXISTS,             /* 409 AlreadyExists */
	ERR_CONFLICT,           /* 409 Conflict */
	ERR_GONE,               /* 410 Expired */
	ERR_TOO_LARGE,          /* 413 RequestEntityTooLarge: a named _max was reached */
	ERR_UNSUPPORTED_MEDIA,  /* 415 UnsupportedMediaType */
	ERR_INVALID,            /* 422 Invalid: a field has a value it must not have */
	ERR_TOO_MANY,           /* 429 TooManyRequests */
	ERR_INTERNAL,           /* 500 InternalError */
	ERR_UNSUPPORTED,        /* 501: asked for something that this host or build cannot do */
	ERR_UNAVAILABLE,        /* 503 ServiceUnavailable: try again */
	ERR_TIMEOUT,            /* 504 Timeout */
	ERR_NO_SPACE,           /* 507: the disk is full */
	ERR_CLOSED,             /* the peer or the owner closed it */
	ERR_CANCELLED,          /* given up on by the caller */
	ERR_CODE_COUNT,
};

#define ERR_MSG_BYTES 480

struct err {
	enum err_code code;
	int os_errno; /* 0 unless code is ERR_OS (or ERR_NO_SPACE) */
	char msg[ERR_MSG_BYTES]; /* "outer: inner", cut at the end when too long */
};

/* Each returns -1, so that a caller can write `return err_set(...)`. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* From errno; ENOSPC and EDQUOT become ERR_NO_SPACE, ENOENT stays ERR_OS. "<fmt>: <strerror>". */
int err_os(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same from a negative errno as linux/ returns it. */
int err_neg(struct err *err, int neg_errno, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Puts "<fmt>: " before the message that is there. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* One table: HTTP status, Kubernetes Status.reason ("" when there is none), process exit code. */
int err_http_status(enum err_code code) PURE;
const char *err_reason(enum err_code code) PURE;
int err_exit_code(enum err_code code) PURE;

#endif
