/* SPDX-License-Identifier: Apache-2.0 */
/* Files: whole reads, atomic replacement, resolution beneath a root, hostile trees, passing of descriptors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"

struct fixture {
	char path[64];
	int fd;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);

	memcpy(f->path, "/tmp/test-fd-XXXXXX", 20);
	assert_non_null(mkdtemp(f->path));
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fd_close(&f->fd);
	assert_int_equal(fd_remove_tree(AT_FDCWD, f->path, &f->err), 0);
	assert_int_equal(access(f->path, F_OK), -1);
	mem_free(f);
	return 0;
}

static void put(struct fixture *f, const char *path, const char *text)
{
	if (fd_replace_file(f->fd, path, str_from(text), 0640, true, &f->err) < 0)
		fail_msg("%s", f->err.msg);
}

static void test_replace(void **state)
{
	/* A replaced file must have the new bytes and mode, and nothing else may be left beside it. */
	struct fixture *f = *state;
	AUTO_BUF b = { 0 };
	struct stat st;

	buf_init(&b, 0);
	put(f, "file", "old");
	umask(077);
	put(f, "file", "new bytes");
	assert_int_equal(fd_read_file(f->fd, "file", 9, &b, &f->err), 0);
	assert_true(str_eq_c(buf_str(&b), "new bytes"));
	assert_int_equal(fd_read_file(f->fd, "file", 8, &b, &f->err), -1);
	assert_int_equal(f->err.code, ERR_TOO_LARGE);
	assert_true(str_eq_c(buf_str(&b), "new bytes"));
	assert_int_equal(fstatat(f->fd, "file", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(fd_read_file(f->fd, "missing", 9, &b, &f->err), -1);
	assert_int_equal(f->err.os_errno, ENOENT);
	assert_int_equal(unlinkat(f->fd, "file", 0), 0);
	assert_int_equal(fd_replace_file(f->fd, "no/such/dir", STR("x"), 0600, false, &f->err), -1);
	assert_int_equal(fd_replace_file(f->fd, "dir/", STR("x"), 0600, false, &f->err), -1);
	assert_int_equal(unlinkat(AT_FDCWD, f->path, AT_REMOVEDIR), 0);
	assert_int_equal(mkdir(f->path, 0700), 0);
}

static void test_large_file(void **state)
{
	/* Files larger than one read must come back whole; /proc files have no size. */
	struct fixture *f = *state;
	char *bytes = mem_zalloc(300001);
	AUTO_BUF b = { 0 };

	buf_init(&b, 0);
	memset(bytes, 'x', 300000);
	put(f, "large", bytes);
	assert_int_equal(fd_read_file(f->fd, "large", 300000, &b, &f->err), 0);
	assert_int_equal(b.len, 300000);
	assert_memory_equal(b.ptr, bytes, 300001);
	assert_int_equal(fd_read_file(AT_FDCWD, "/proc/self/status", 1 << 16, &b, &f->err), 0);
	assert_true(b.len > 100);
	mem_free(bytes);
}

static void test_beneath(void **state)
{
	/* No path may leave the root: not by "..", not by links, not through /proc's magic ones. */
	struct fixture *f = *state;
	AUTO_FD made = -1;
	char text[8] = "";

	assert_int_equal(fd_make_dirs(f->fd, "etc/deep/er", 0755, &f->err), 0);
	assert_int_equal(fd_make_dirs(f->fd, "etc/deep/er/", 0755, &f->err), 0);
	put(f, "etc/passwd", "ours");
	assert_int_equal(symlinkat("/etc/passwd", f->fd, "absolute"), 0);
	assert_int_equal(symlinkat("../../../../../../../etc/passwd", f->fd, "etc/deep/climbing"), 0);
	assert_int_equal(symlinkat("/proc/self/cwd", f->fd, "magic"), 0);
	for (int i = 0; i < 3; i++) {
		static const char *const paths[] = { "absolute", "etc/deep/climbing", "../../etc/passwd" };
		AUTO_FD fd = fd_open_beneath(f->fd, paths[i], O_RDONLY, 0, &f->err);

		assert_true(fd >= 0);
		assert_int_equal(fd_read_exact(fd, text, 4, &f->err), 0);
		assert_string_equal(text, "ours");
		assert_int_equal(fd_read_exact(fd, text, 1, &f->err), -1);
		assert_int_equal(f->err.code, ERR_CLOSED);
	}
	assert_int_equal(fd_open_beneath(f->fd, "magic", O_RDONLY, 0, &f->err), -1);
	made = fd_open_beneath(f->fd, "etc/made", O_WRONLY | O_CREAT | O_EXCL, 0600, &f->err);
	assert_true(made >= 0);
	assert_int_equal(fcntl(made, F_GETFD), FD_CLOEXEC);
	put(f, "notdir", "x");
	assert_int_equal(fd_make_dirs(f->fd, "notdir", 0755, &f->err), -1);
	assert_int_equal(f->err.os_errno, ENOTDIR);
}

static void test_write_file(void **state)
{
	/* Only existing files may be written to: a misspelt cgroup file must not come into being. */
	struct fixture *f = *state;

	put(f, "knob", "0");
	assert_int_equal(fd_write_file(f->fd, "knob", STR("1"), &f->err), 0);
	assert_int_equal(fd_write_file(f->fd, "knbo", STR("1"), &f->err), -1);
	assert_int_equal(f->err.os_errno, ENOENT);
}

static void test_remove_deep(void **state)
{
	/* A tree deeper than there are descriptors, with links out of it, must go, and what the links point at
	 * must stay. */
	struct fixture *f = *state;
	int at = dup(f->fd);

	put(f, "outside", "kept");
	assert_int_equal(mkdirat(at, "tree", 0755), 0);
	for (int i = 0; i < 3000; i++) {
		int next = openat(at, i ? "d" : "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_true(next >= 0);
		close(at);
		at = next;
		assert_int_equal(mkdirat(at, "d", 0755), 0);
		if (i % 100 == 0) {
			assert_int_equal(symlinkat(f->path, at, "link"), 0);
			close(openat(at, "file", O_CREAT | O_CLOEXEC | O_WRONLY, 0600));
		}
	}
	close(at);
	if (fd_remove_tree(f->fd, "tree", &f->err) < 0)
		fail_msg("%s", f->err.msg);
	assert_int_equal(faccessat(f->fd, "tree", F_OK, 0), -1);
	assert_int_equal(faccessat(f->fd, "outside", F_OK, 0), 0);
	assert_int_equal(fd_remove_tree(f->fd, "tree", &f->err), 0);
	assert_int_equal(fd_remove_tree(f->fd, "no/such/tree", &f->err), 0);
	assert_int_equal(fd_remove_tree(f->fd, "..", &f->err), -1);
	assert_int_equal(fd_remove_tree(f->fd, "outside", &f->err), 0);
}

/* In a child with mounts of its own: 0 when the mounted file survived, 77 when mounting is not allowed here. */
static int remove_with_mount(struct fixture *f)
{
	char target[128], source[128];

	snprintf(target, sizeof(target), "%s/tree/mnt", f->path);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	if (fd_make_dirs(f->fd, "tree/mnt", 0755, &f->err) < 0 || fd_make_dirs(f->fd, "other", 0755, &f->err) < 0)
		return 1;
	put(f, "other/precious", "x");
	snprintf(source, sizeof(source), "%s/other", f->path);
	if (mount(source, target, NULL, MS_BIND, NULL) < 0)
		return 77;
	if (fd_remove_tree(f->fd, "tree", &f->err) == 0 || !str_contains(str_from(f->err.msg), STR("mount point")))
		return 2;
	return faccessat(f->fd, "other/precious", F_OK, 0) == 0 ? 0 : 3;
}

static void test_remove_stops_at_mounts(void **state)
{
	/* Removing a container's folder must not empty a volume that is still mounted in it. */
	struct fixture *f = *state;
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(remove_with_mount(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_sealed(void **state)
{
	/* A sealed memfd must have the bytes and refuse every change. */
	struct fixture *f = *state;
	AUTO_FD fd = fd_sealed("job", STR("payload"), &f->err);
	char text[8] = "";

	assert_true(fd >= 0);
	assert_int_equal(fd_read_exact(fd, text, 7, &f->err), 0);
	assert_string_equal(text, "payload");
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, 0), -1);
}

static void test_passing(void **state)
{
	/* Descriptors must arrive open and close-on-exec; too many must be refused and none leak. */
	struct fixture *f = *state;
	int pair[2], sent[3] = { 0, 1, 2 }, got[4] = { -1, -1, -1, -1 };
	size_t count = 9;
	char text[8] = "";
	int lowest = dup(0);

	close(lowest);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fd_send_fds(pair[0], STR("abc"), sent, 3, &f->err), 0);
	assert_int_equal(fd_recv_fds(pair[1], text, sizeof(text), got, 4, &count, &f->err), 3);
	assert_int_equal(count, 3);
	assert_string_equal(text, "abc");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		close(got[i]);
	}
	assert_int_equal(fd_send_fds(pair[0], STR("abc"), sent, 3, &f->err), 0);
	assert_int_equal(fd_recv_fds(pair[1], text, sizeof(text), got, 2, &count, &f->err), -1);
	assert_int_equal(f->err.code, ERR_TOO_LARGE);
	assert_int_equal(fd_send_fds(pair[0], STR("x"), NULL, 0, &f->err), 0);
	assert_int_equal(fd_recv_fds(pair[1], text, sizeof(text), got, 2, &count, &f->err), 1);
	assert_int_equal(count, 0);
	close(pair[0]);
	assert_int_equal(fd_recv_fds(pair[1], text, sizeof(text), got, 2, &count, &f->err), 0);
	close(pair[1]);
	pair[0] = dup(0);
	assert_int_equal(pair[0], lowest);
	close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_replace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beneath, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_deep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_stops_at_mounts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sealed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_passing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
