/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines to one descriptor: "<RFC 3339 time> <LEVEL> <part>: <message>" (or one JSON object a line). A role's
 * edge logs an error once; lower layers log at debug only. Never pass a secret. The two formats of an OCI runtime are
 * those that engines read back from its --log file: level, msg and time.
 */
#ifndef CUBE_BASE_LOG_H
#define CUBE_BASE_LOG_H

#include <stdbool.h>
#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON, LOG_OCI_TEXT, LOG_OCI_JSON };

void log_set(enum log_level level, enum log_format format, int fd); /* process-wide; before threads start */
void log_set_level(enum log_level level); /* at any time */
int log_level_parse(struct str name, enum log_level *ret, struct err *err) MUST_CHECK; /* error warn info debug */
bool log_enabled(enum log_level level);
int log_fd(void); /* where it goes: for who closes the rest */
void log_write(enum log_level level, const char *part, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_error(part, ...) log_write(LOG_ERROR, part, __VA_ARGS__)
#define log_warn(part, ...) log_write(LOG_WARN, part, __VA_ARGS__)
#define log_info(part, ...) log_write(LOG_INFO, part, __VA_ARGS__)
#define log_debug(part, ...) (log_enabled(LOG_DEBUG) ? log_write(LOG_DEBUG, part, __VA_ARGS__) : (void)0)

#endif
