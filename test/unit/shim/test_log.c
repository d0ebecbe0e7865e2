/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when log lines are cut, joined or rotated otherwise than the readers of CRI and json-file logs expect. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/fd.h"
#include "shim/limits.h"
#include "shim/log.h"

#define WALL_NS INT64_C(1475712009169794202)

static char dir[] = "/tmp/cube-log-XXXXXX";

static void read_whole(const char *path, struct buf *to)
{
	struct err err = { 0 };

	buf_init(to, 1 << 20);
	if (fd_read_file(AT_FDCWD, path, 1 << 20, to, &err) < 0)
		fail_msg("%s", err.msg);
}

static void open_log(struct shim_log *log, enum shim_log_format format, const char *path)
{
	struct err err = { 0 };

	*log = (struct shim_log){ .format = format, .path = path, .max_files = 1 };
	assert_int_equal(shim_log_open(log, &err), 0);
}

static void writes_each_format(void **state)
{
	static const struct {
		enum shim_log_format format;
		const char *want;
	} cases[] = {
		{ SHIM_LOG_CRI, "2016-10-06T00:00:09.169794202Z stdout F one\n"
				"2016-10-06T00:00:09.169794202Z stdout F \n"
				"2016-10-06T00:00:09.169794202Z stderr F a\"b\n"
				"2016-10-06T00:00:09.169794202Z stdout F two three\n"
				"2016-10-06T00:00:09.169794202Z stdout P end\n" },
		{ SHIM_LOG_JSON,
		  "{\"log\":\"one\\n\",\"stream\":\"stdout\",\"time\":\"2016-10-06T00:00:09."
		  "169794202Z\"}\n"
		  "{\"log\":\"\\n\",\"stream\":\"stdout\",\"time\":\"2016-10-06T00:00:09."
		  "169794202Z\"}\n"
		  "{\"log\":\"a\\\"b\\n\",\"stream\":\"stderr\",\"time\":\"2016-10-06T00:00:09."
		  "169794202Z\"}\n"
		  "{\"log\":\"two "
		  "three\\n\",\"stream\":\"stdout\",\"time\":\"2016-10-06T00:00:09.169794202Z\"}\n"
		  "{\"log\":\"end\",\"stream\":\"stdout\",\"time\":\"2016-10-06T00:00:09."
		  "169794202Z\"}\n" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct shim_log log;
		struct buf got;

		open_log(&log, cases[i].format, "log");
		shim_log_write(&log, 1, STR("one\n\ntwo"), WALL_NS);
		shim_log_write(&log, 2, STR("a\"b\n"), WALL_NS);
		shim_log_write(&log, 1, STR(" three\nend"), WALL_NS);
		shim_log_end(&log, 1, WALL_NS);
		shim_log_close(&log);
		read_whole("log", &got);
		assert_string_equal(got.ptr, cases[i].want);
		buf_deinit(&got);
		assert_int_equal(unlink("log"), 0);
	}
}

static void cuts_long_lines(void **state)
{
	char *text = malloc(SHIM_LINE_BYTES_MAX + 10);
	struct shim_log log;
	struct buf got;
	const char *second;

	memset(text, 'x', SHIM_LINE_BYTES_MAX + 10);
	text[SHIM_LINE_BYTES_MAX + 9] = '\n';
	open_log(&log, SHIM_LOG_CRI, "log");
	shim_log_write(&log, 1, str_sub(text, SHIM_LINE_BYTES_MAX + 10), WALL_NS);
	shim_log_close(&log);
	read_whole("log", &got);
	assert_non_null(strstr(got.ptr, " stdout P xxx"));
	second = strchr(got.ptr, '\n') + 1;
	assert_int_equal(second - got.ptr, SHIM_LINE_BYTES_MAX + 31 + 10);
	assert_string_equal(second + 30, " stdout F xxxxxxxxx\n");
	buf_deinit(&got);
	free(text);
	assert_int_equal(unlink("log"), 0);
}

static void rotates_by_size(void **state)
{
	struct shim_log log;
	struct stat st;
	struct err err = { 0 };

	open_log(&log, SHIM_LOG_CRI, "log");
	log.max_size_bytes = 100;
	log.max_files = 2;
	for (int i = 0; i < 10; i++)
		shim_log_write(&log, 1, STR("a line of text\n"), WALL_NS);
	assert_int_equal(stat("log", &st), 0);
	assert_true(st.st_size <= 100);
	assert_int_equal(stat("log.1", &st), 0);
	assert_int_equal(stat("log.2", &st), -1);
	assert_int_equal(rename("log", "moved"), 0);
	assert_int_equal(shim_log_reopen(&log, &err), 0);
	assert_int_equal(stat("log", &st), 0);
	assert_int_equal(st.st_size, 0);
	shim_log_close(&log);
}

/* Much at once goes to several files, by whole lines; only a line that is longer than a file is let through. */
static void splits_at_lines(void **state)
{
	struct shim_log log;
	char text[700] = "";
	struct stat st;

	open_log(&log, SHIM_LOG_CRI, "log");
	log.max_size_bytes = 200;
	log.max_files = 20;
	for (int i = 0; i < 40; i++)
		memcpy(text + i * 16, "fifteen letters\n", 16);
	shim_log_write(&log, 1, str_sub(text, 640), WALL_NS);
	shim_log_write(&log, 1, str_sub(text, 0), WALL_NS);
	for (int i = 1; i < 14; i++) {
		char name[12];

		snprintf(name, sizeof(name), "log.%d", i);
		assert_int_equal(stat(name, &st), 0);
		assert_int_equal(st.st_size, 3 * (30 + 10 + 16)); /* time, stream and tag before each line */
	}
	memset(text, 'x', 300);
	text[300] = '\n';
	shim_log_write(&log, 1, str_sub(text, 301), WALL_NS);
	assert_int_equal(stat("log", &st), 0);
	assert_true(st.st_size > 300 && st.st_size < 400);
	assert_int_equal(log.dropped_bytes, 0);
	shim_log_close(&log);
}

static int enter(void **state)
{
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int leave(void **state)
{
	struct err err;

	return chdir("/") < 0 ? -1 : fd_remove_tree(AT_FDCWD, dir, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_each_format),
		cmocka_unit_test(cuts_long_lines),
		cmocka_unit_test(rotates_by_size),
		cmocka_unit_test(splits_at_lines),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
