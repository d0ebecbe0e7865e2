/* SPDX-License-Identifier: Apache-2.0 */
/* Files that change all at once, in a folder of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "kubelet/atomic_writer.h"

struct place {
	char path[64];
	int fd;
};

static int setup(void **state)
{
	static struct place place;

	memcpy(place.path, "/tmp/cube-test.XXXXXX", sizeof("/tmp/cube-test.XXXXXX"));
	if (!mkdtemp(place.path))
		return -1;
	place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &place;
	return place.fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	fd_close(&place->fd);
	return fd_remove_tree(AT_FDCWD, place->path, NULL);
}

static void expect(struct place *place, const char *name, const char *content)
{
	AUTO_BUF got = { 0 };

	buf_init(&got, 1 << 16);
	if (!content) {
		assert_true(faccessat(place->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0);
		return;
	}
	assert_int_equal(fd_read_file(place->fd, name, 1 << 16, &got, NULL), 0);
	assert_string_equal(got.ptr, content);
}

static bool write_all(struct place *place, const struct volume_file *files, size_t count)
{
	bool changed = false;
	struct err err;

	if (atomic_write(place->fd, files, count, -1, &changed, &err) < 0)
		fail_msg("%s", err.msg);
	return changed;
}

#define FILE_OF(name, text)                          \
	{                                            \
		STR_INIT(name), STR_INIT(text), 0644 \
	}

static void test_changes(void **state)
{
	/* Would break: readers that see half of a change, files that stay, needless rewriting. */
	static const struct volume_file first[] = { FILE_OF("a", "1"), FILE_OF("dir/b", "2") };
	static const struct volume_file second[] = { FILE_OF("a", "3"), FILE_OF("c", "4") };
	struct place *place = *state;
	char link[64] = "";

	assert_true(write_all(place, first, 2));
	expect(place, "a", "1");
	expect(place, "dir/b", "2");
	assert_false(write_all(place, first, 2));
	assert_true(write_all(place, second, 2));
	expect(place, "a", "3");
	expect(place, "c", "4");
	expect(place, "dir", NULL);
	expect(place, "..v0", NULL);
	assert_true(readlinkat(place->fd, "a", link, sizeof(link) - 1) > 0);
	assert_string_equal(link, "..data/a");
	assert_true(write_all(place, NULL, 0));
	expect(place, "a", NULL);
}

static void test_modes(void **state)
{
	/* Would break: defaultMode, and keys that everybody may read. */
	static const struct volume_file secret[] = { { STR_INIT("key"), STR_INIT("x"), 0400 } };
	static const struct volume_file open_[] = { { STR_INIT("key"), STR_INIT("x"), 0444 } };
	struct place *place = *state;
	struct stat st;

	assert_true(write_all(place, secret, 1));
	assert_int_equal(fstatat(place->fd, "key", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0400);
	assert_true(write_all(place, open_, 1));
	assert_int_equal(fstatat(place->fd, "key", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0444);
}

static void test_crashed_writer(void **state)
{
	/* Would break: a volume that can never be written again after a crash in the middle. */
	static const struct volume_file files[] = { FILE_OF("a", "1") };
	struct place *place = *state;

	assert_int_equal(mkdirat(place->fd, "..v0", 0755), 0);
	assert_int_equal(symlinkat("..v0", place->fd, "..data_tmp"), 0);
	assert_true(write_all(place, files, 1));
	expect(place, "a", "1");
	expect(place, "..data_tmp", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_modes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crashed_writer, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
