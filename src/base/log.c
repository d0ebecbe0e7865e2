/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line, one write(): lines of several threads never mix. Control characters are escaped, so that text from outside
 * cannot forge a line. The settings here are the process's only mutable globals; they are set before threads start.
 */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "base/time.h"

#define LINE_BYTES 4096

static struct {
	_Atomic enum log_level level; /* also changed later, while others look at it */
	enum log_format format;
	int fd;
} setting = { LOG_INFO, LOG_TEXT, STDERR_FILENO };

static const char *const names[] = { "error", "warn", "info", "debug" };
static const char *const upper_names[] = { "ERROR", "WARN", "INFO", "DEBUG" };
static const char *const oci_names[] = { "error", "warning", "info", "debug" };

void log_set(enum log_level level, enum log_format format, int fd)
{
	setting.level = level;
	setting.format = format;
	setting.fd = fd;
}

void log_set_level(enum log_level level)
{
	setting.level = level;
}

int log_level_parse(struct str name, enum log_level *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		if (str_eq_c(name, names[i])) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "log level '" STR_FMT "': must be error, warn, info or debug", STR_ARG(name));
}

int log_fd(void)
{
	return setting.fd;
}

bool log_enabled(enum log_level level)
{
	return level <= setting.level;
}

/* Copies from to the line with control characters escaped, as far as it fits (two bytes stay free
 * for the end). */
static size_t put_escaped(char *line, size_t at, const char *from, bool quoted, bool json)
{
	static const char hex[] = "0123456789abcdef";

	for (; *from; from++) {
		unsigned char c = (unsigned char)*from;

		if (at + 8 >= LINE_BYTES)
			break;
		if (quoted && (c == '"' || c == '\\')) {
			line[at++] = '\\';
			line[at++] = (char)c;
		} else if (c >= 0x20 && c != 0x7f) {
			line[at++] = (char)c;
		} else if (json) {
			memcpy(line + at, "\\u00", 4);
			line[at + 4] = hex[c >> 4];
			line[at + 5] = hex[c & 15];
			at += 6;
		} else {
			memcpy(line + at, "\\x", 2);
			line[at + 2] = hex[c >> 4];
			line[at + 3] = hex[c & 15];
			at += 4;
		}
	}
	return at;
}

static bool is_json(void)
{
	return setting.format == LOG_JSON || setting.format == LOG_OCI_JSON;
}

static size_t format_line(char *line, enum log_level level, const char *part, const char *msg)
{
	char stamp[TIME_TEXT_BYTES];
	const char *end = "";
	struct timespec now;
	size_t at = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	time_format_micro((int64_t)now.tv_sec * TIME_NS_PER_SECOND + now.tv_nsec, stamp);
	switch (setting.format) {
	case LOG_TEXT:
		at = (size_t)snprintf(line, LINE_BYTES, "%s %s %s: ", stamp, upper_names[level],
				      part);
		break;
	case LOG_JSON:
		at = (size_t)snprintf(line, LINE_BYTES,
				      "{\"ts\":\"%s\",\"level\":\"%s\",\"part\":\"%s\",\"msg\":\"",
				      stamp, names[level], part);
		end = "\"}";
		break;
	case LOG_OCI_TEXT:
		at = (size_t)snprintf(line, LINE_BYTES, "time=\"%s\" level=%s msg=\"", stamp,
				      oci_names[level]);
		end = "\"";
		break;
	case LOG_OCI_JSON:
		at = (size_t)snprintf(line, LINE_BYTES,
				      "{\"level\":\"%s\",\"time\":\"%s\",\"msg\":\"",
				      oci_names[level], stamp);
		end = "\"}";
		break;
	}
	at = put_escaped(line, at, msg, setting.format != LOG_TEXT, is_json());
	for (; *end; end++)
		line[at++] = *end;
	line[at++] = '\n';
	return at;
}

void log_write(enum log_level level, const char *part, const char *fmt, ...)
{
	char msg[LINE_BYTES - 512], line[LINE_BYTES];
	int saved_errno = errno;
	va_list ap;
	size_t len;
	ssize_t wrote;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	/* JSON must be UTF-8; a message is bytes. */
	if (is_json() && !str_is_utf8(str_from(msg))) {
		for (char *c = msg; *c; c++)
			*c = (unsigned char)*c < 0x80 ? *c : '?';
	}
	len = format_line(line, level, part, msg);
	do {
		wrote = write(setting.fd, line, len);
	} while (wrote < 0 && errno == EINTR);
	/* Nobody is left to tell when the log itself cannot be written. */
	errno = saved_errno;
}
