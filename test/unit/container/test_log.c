/* SPDX-License-Identifier: Apache-2.0 */
/* Would break: `logs` shows other lines than were written, or loses some at rotation. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/fd.h"
#include "container/log_read.h"
#include "loop/loop.h"

static const struct {
	enum container_log_format format;
	const char *record, *text;
	int stream;
	bool partial;
} lines[] = {
	{ CONTAINER_LOG_CRI, "2024-01-02T03:04:05.000000001Z stdout F hello world", "hello world\n",
	  1, false },
	{ CONTAINER_LOG_CRI, "2024-01-02T03:04:05.000000001Z stderr P half\n", "half", 2, true },
	{ CONTAINER_LOG_CRI, "2024-01-02T03:04:05+01:00 stdout F ", "\n", 1, false },
	{ CONTAINER_LOG_CRI, "2024-01-02T03:04:05Z stdout F:x tagged", "tagged\n", 1, false },
	{ CONTAINER_LOG_JSON_FILE,
	  "{\"log\":\"a\\n\",\"stream\":\"stderr\",\"time\":\"2024-01-02T03:04:05.5Z\"}", "a\n", 2,
	  false },
	{ CONTAINER_LOG_JSON_FILE,
	  "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"2024-01-02T03:04:05Z\"}", "a", 1, true },
	{ CONTAINER_LOG_CRI, "", NULL, 0, false },
	{ CONTAINER_LOG_CRI, "2024-01-02T03:04:05Z stdout", NULL, 0, false },
	{ CONTAINER_LOG_CRI, "yesterday stdout F x", NULL, 0, false },
	{ CONTAINER_LOG_CRI, "2024-01-02T03:04:05Z stdin F x", NULL, 0, false },
	{ CONTAINER_LOG_CRI, "2024-01-02T03:04:05Z stdout X x", NULL, 0, false },
	{ CONTAINER_LOG_JSON_FILE, "{\"log\":\"a\"", NULL, 0, false },
	{ CONTAINER_LOG_JSON_FILE, "[]", NULL, 0, false },
};

static void test_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
		AUTO_BUF scratch = { 0 };
		struct log_line line;
		int r;

		buf_init(&scratch, 1u << 20);
		r = log_line_parse(lines[i].format, str_from(lines[i].record), &scratch, &line,
				   NULL);
		if ((r < 0) != (lines[i].text == NULL))
			fail_msg("%s: %d", lines[i].record, r);
		if (r == 0 && (!str_eq_c(line.text, lines[i].text) ||
			       line.stream != lines[i].stream || line.partial != lines[i].partial))
			fail_msg("%s", lines[i].record);
	}
}

struct reading {
	struct loop *loop;
	struct buf text;
	char dir[64], path[80];
	struct log_read read;
	struct err err;
	bool failed, pause_once, paused, grows;
	int step;
	struct timer timer;
};

#define LINE(second, stream, text) "2024-01-02T03:04:0" #second "Z " stream " F " text "\n"

static void append(struct reading *r, const char *text)
{
	int fd = open(r->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static bool on_lines(struct log_read *read, int stream, struct str bytes)
{
	struct reading *r = read->owner;

	(void)stream;
	buf_put_str(&r->text, bytes);
	if (r->grows)
		append(r, LINE(5, "stdout", "meanwhile"));
	if (r->pause_once) {
		r->pause_once = false;
		r->paused = true;
		timer_start(&r->timer, 1);
		return false;
	}
	return true;
}

static void on_done(struct log_read *read, const struct err *err)
{
	struct reading *r = read->owner;

	r->failed = err != NULL;
	if (err)
		r->err = *err;
	loop_stop(r->loop);
}

static void begin(struct reading *r)
{
	memset(r, 0, sizeof(*r));
	snprintf(r->dir, sizeof(r->dir), "/tmp/cube-log.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->path, sizeof(r->path), "%s/0.log", r->dir);
	r->loop = loop_new();
	buf_init(&r->text, 1u << 20);
	r->read = (struct log_read){ .path = str_from(r->path),
				     .tail_lines = -1,
				     .want_stdout = true,
				     .want_stderr = true,
				     .lines = on_lines,
				     .done = on_done,
				     .owner = r };
}

static void end(struct reading *r)
{
	timer_stop(&r->timer);
	loop_free(r->loop);
	buf_deinit(&r->text);
	assert_int_equal(fd_remove_tree(AT_FDCWD, r->dir, NULL), 0);
}

#define FOUR                     \
	LINE(1, "stdout", "one") \
	LINE(2, "stderr", "two") LINE(3, "stdout", "three") LINE(4, "stdout", "four")
#define SECOND(n) (INT64_C(1704164640) * 1000000000 + (n)*INT64_C(1000000000))

static const struct {
	const char *name;
	struct log_read read;
	const char *want;
} selections[] = {
	{ "all",
	  { .tail_lines = -1, .want_stdout = true, .want_stderr = true },
	  "one\ntwo\nthree\nfour\n" },
	{ "last two",
	  { .tail_lines = 2, .want_stdout = true, .want_stderr = true },
	  "three\nfour\n" },
	{ "none", { .tail_lines = 0, .want_stdout = true, .want_stderr = true }, "" },
	{ "more than there are",
	  { .tail_lines = 9, .want_stdout = true, .want_stderr = true },
	  "one\ntwo\nthree\nfour\n" },
	{ "one stream", { .tail_lines = -1, .want_stderr = true }, "two\n" },
	{ "since",
	  { .tail_lines = -1, .since_ns = SECOND(3), .want_stdout = true },
	  "three\nfour\n" },
	{ "until", { .tail_lines = -1, .until_ns = SECOND(2), .want_stdout = true }, "one\n" },
	{ "bytes", { .tail_lines = -1, .limit_bytes = 5, .want_stdout = true }, "one\nt" },
	{ "times",
	  { .tail_lines = 1, .timestamps = true, .want_stdout = true },
	  "2024-01-02T03:04:04.000000000Z four\n" },
};

static void test_selections(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(selections); i++) {
		struct reading r;

		begin(&r);
		append(&r, FOUR);
		struct log_read wanted = selections[i].read;
		wanted.path = str_from(r.path);
		wanted.lines = on_lines;
		wanted.done = on_done;
		wanted.owner = &r;
		r.read = wanted;
		log_read_start(loop_env(r.loop), &r.read);
		loop_run(r.loop);
		assert_false(r.failed);
		if (!str_eq_c(buf_str(&r.text), selections[i].want))
			fail_msg("%s: %s", selections[i].name, r.text.ptr);
		end(&r);
	}
}

static void next_step(struct timer *timer)
{
	struct reading *r = CONTAINER_OF(timer, struct reading, timer);
	char old[100];

	if (r->paused) {
		r->paused = false;
		log_read_resume(&r->read);
		timer_start(&r->timer, 10);
		return;
	}
	switch (r->step++) {
	case 0:
		append(r, LINE(2, "stdout", "appended"));
		break;
	case 1: /* rotation, with a last line in the old file */
		append(r, LINE(3, "stdout", "last of old"));
		snprintf(old, sizeof(old), "%s.1", r->path);
		assert_int_equal(rename(r->path, old), 0);
		append(r, LINE(4, "stdout", "first of new"));
		break;
	case 2:
		append(r, LINE(5, "stdout", "end"));
		log_read_finish(&r->read);
		return;
	}
	timer_start(&r->timer, 20);
}

static void test_follow_across_rotation(void **state)
{
	struct reading r;

	(void)state;
	begin(&r);
	append(&r, LINE(1, "stdout", "before"));
	r.read.follow = true;
	r.pause_once = true;
	timer_init(&r.timer, loop_env(r.loop), next_step);
	log_read_start(loop_env(r.loop), &r.read);
	loop_run(r.loop);
	assert_false(r.failed);
	assert_string_equal(r.text.ptr, "before\nappended\nlast of old\nfirst of new\nend\n");
	end(&r);
}

/* Who does not follow gets what was there when he asked, however fast the program writes. */
static void test_growing(void **state)
{
	struct reading r;

	(void)state;
	begin(&r);
	append(&r, FOUR);
	r.read.tail_lines = 1;
	r.grows = true;
	log_read_start(loop_env(r.loop), &r.read);
	loop_run(r.loop);
	assert_false(r.failed);
	assert_string_equal(r.text.ptr, "four\n");
	end(&r);
}

static void test_missing(void **state)
{
	struct reading r;

	(void)state;
	begin(&r);
	log_read_start(loop_env(r.loop), &r.read);
	loop_run(r.loop);
	assert_true(r.failed);
	assert_int_equal(r.err.code, ERR_NOT_FOUND);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_records),
					    cmocka_unit_test(test_selections),
					    cmocka_unit_test(test_follow_across_rotation),
					    cmocka_unit_test(test_growing),
					    cmocka_unit_test(test_missing) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
