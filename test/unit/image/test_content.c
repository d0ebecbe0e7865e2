/* SPDX-License-Identifier: Apache-2.0 */
/* Would break: a blob with a wrong digest or size, or half of one, can be opened. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "image/content.h"

#define HELLO "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static char path[64];

static int count_files(int dir_fd)
{
	DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *e;
	int count = 0;

	while ((e = readdir(dir)))
		count += e->d_name[0] != '.';
	closedir(dir);
	return count;
}

static int put(struct content *c, const char *bytes, const char *want, int64_t size, struct err *err)
{
	AUTO_CONTENT w = { .fd = -1 };

	assert_int_equal(content_begin(c, &w, err), 0);
	assert_int_equal(content_write(&w, str_from(bytes), err), 0);
	assert_int_equal(content_has(c, STR(HELLO)), 0);
	return content_commit(&w, str_from(want), size, NULL, err);
}

static void test_verified(void **state)
{
	AUTO_BUF text = { 0 };
	struct content c;
	struct err err = { 0 };
	struct stat st;

	(void)state;
	buf_init(&text, 100);
	assert_int_equal(content_init(&c, AT_FDCWD, path, NULL), 0);
	assert_int_equal(put(&c, "hellx", HELLO, -1, &err), -1);
	assert_non_null(strstr(err.msg, "unexpected commit digest"));
	assert_int_equal(put(&c, "hello", HELLO, 6, &err), -1);
	assert_non_null(strstr(err.msg, "unexpected commit size 5, expected 6"));
	assert_int_equal(count_files(c.ingest_fd), 0);
	assert_int_equal(count_files(c.blobs_fd), 0);
	assert_int_equal(put(&c, "hello", HELLO, 5, &err), 0);
	assert_int_equal(content_size(&c, STR(HELLO)), 5);
	assert_int_equal(content_read(&c, STR(HELLO), 100, &text, NULL), 0);
	assert_true(str_eq_c(buf_str(&text), "hello"));
	assert_int_equal(fstatat(c.blobs_fd, &HELLO[7], &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(content_open(&c, STR("sha256:../../etc/passwd"), &err), -1);
	assert_int_equal(content_remove(&c, STR(HELLO), NULL), 0);
	assert_int_equal(content_open(&c, STR(HELLO), &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	content_deinit(&c);
}

static void test_damage_is_seen(void **state)
{
	AUTO_BUF text = { 0 };
	struct content c;
	struct err err = { 0 };
	int fd;

	(void)state;
	buf_init(&text, 100);
	assert_int_equal(content_init(&c, AT_FDCWD, path, NULL), 0);
	assert_int_equal(content_put(&c, STR("hello"), NULL, NULL), 0);
	fd = openat(c.blobs_fd, &HELLO[7], O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, "j", 1), 1);
	close(fd);
	assert_int_equal(content_read(&c, STR(HELLO), 100, &text, &err), -1);
	assert_non_null(strstr(err.msg, "damaged"));
	content_deinit(&c);
}

static void test_leftovers_go(void **state)
{
	struct content_writer w;
	struct content c;

	(void)state;
	assert_int_equal(content_init(&c, AT_FDCWD, path, NULL), 0);
	assert_int_equal(content_begin(&c, &w, NULL), 0); /* and then the process is killed */
	content_deinit(&c);
	assert_int_equal(content_init(&c, AT_FDCWD, path, NULL), 0);
	assert_int_equal(count_files(c.ingest_fd), 0);
	w.content = NULL;
	close(w.fd);
	w.fd = -1;
	content_abort(&w);
	content_deinit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_verified), cmocka_unit_test(test_damage_is_seen),
					    cmocka_unit_test(test_leftovers_go) };
	int r;

	memcpy(path, "/tmp/cube-content.XXXXXX", sizeof("/tmp/cube-content.XXXXXX"));
	if (!mkdtemp(path))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	if (fd_remove_tree(AT_FDCWD, path, NULL) < 0)
		return 1;
	return r;
}
