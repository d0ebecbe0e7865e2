/* SPDX-License-Identifier: Apache-2.0 */
/* Would break: layers unpack to other files than they say, or a hostile layer reaches outside its
 * folder. Needs root. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "base/fd.h"
#include "image/unpack.h"
#include "tar_build.h"

struct place {
	char path[64];
	int dir_fd, root_fd; /* root_fd: "<path>/root"; beside it lies "outside" with the file
				"secret" */
};

static void place_make(struct place *p)
{
	snprintf(p->path, sizeof(p->path), "/tmp/cube-unpack.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->dir_fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(p->dir_fd, "root", 0755), 0);
	assert_int_equal(mkdirat(p->dir_fd, "outside", 0755), 0);
	assert_int_equal(
		fd_replace_file(p->dir_fd, "outside/secret", STR("secret"), 0600, false, NULL), 0);
	p->root_fd = openat(p->dir_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->root_fd >= 0);
}

static void place_remove(struct place *p)
{
	close(p->root_fd);
	close(p->dir_fd);
	assert_int_equal(fd_remove_tree(AT_FDCWD, p->path, NULL), 0);
}

static int unpack_bytes(struct place *p, struct str archive, struct unpack *ret, struct err *err)
{
	int fd = memfd_create("tar", MFD_CLOEXEC), r;

	assert_int_equal(write(fd, archive.ptr, archive.len), archive.len);
	lseek(fd, 0, SEEK_SET);
	*ret = (struct unpack){ .archive_fd = fd, .root_fd = p->root_fd };
	r = unpack_layer(ret, err);
	close(fd);
	return r;
}

static int unpack_members(struct place *p, const struct tar_member *members, struct err *err)
{
	AUTO_BUF archive = { 0 };
	struct unpack unpack;

	buf_init(&archive, 1u << 20);
	for (; members->path; members++)
		tar_put(&archive, members);
	tar_put_end(&archive);
	return unpack_bytes(p, buf_str(&archive), &unpack, err);
}

static bool outside_is_untouched(const struct place *p)
{
	AUTO_BUF text = { 0 };
	struct stat st;

	buf_init(&text, 100);
	return fd_read_file(p->dir_fd, "outside/secret", 100, &text, NULL) == 0 &&
	       str_eq_c(buf_str(&text), "secret") &&
	       fstatat(p->dir_fd, "outside/made", &st, 0) < 0 &&
	       fstatat(p->dir_fd, "made", &st, 0) < 0 &&
	       fstatat(p->dir_fd, "outside/secret", &st, 0) == 0 && (st.st_mode & 0777) == 0600 &&
	       st.st_nlink == 1;
}

/* Each tries to make "made", or to change "secret", outside. want_error NULL: taken, but
 * harmlessly. */
static const struct {
	const char *name;
	struct tar_member members[4];
	const char *want_error;
} hostile[] = {
	{ "dots at the start", { { "../made", '0', .content = "x" } }, "leaves the root" },
	{ "dots in the middle", { { "a/../../made", '0', .content = "x" } }, "leaves the root" },
	{ "absolute path lands beneath", { { "/outside/made", '0', .content = "x" } }, NULL },
	{ "absolute symlink as a parent resolves beneath",
	  { { "a", '2', "/" }, { "a/outside/made", '0', .content = "x" } },
	  NULL },
	{ "climbing symlink as a parent",
	  { { "a", '2', "../outside" }, { "a/made", '0', .content = "x" } },
	  "not a folder" },
	{ "symlink replaced, not written through",
	  { { "a", '2', "../outside/secret" }, { "a", '0', .content = "x" } },
	  NULL },
	{ "hard link to the outside", { { "a", '1', "../outside/secret" } }, "leaves the root" },
	{ "hard link through a symlink",
	  { { "d", '2', "../outside" }, { "a", '1', "d/secret" } },
	  "hard link" },
	{ "hard link to a symlink links the symlink",
	  { { "s", '2', "../outside/secret" }, { "a", '1', "s" }, { "a", '0', .content = "x" } },
	  NULL },
	{ "whiteout that is a path",
	  { { "../.wh.secret", '0', .content = "" } },
	  "leaves the root" },
	{ "whiteout of the folder above", { { "d/.wh...", '0', .content = "" } }, "whiteout" },
	{ "whiteout of itself", { { "d/.wh..", '0', .content = "" } }, "whiteout" },
	{ "whiteout without a name", { { ".wh.", '0', .content = "" } }, "whiteout" },
	{ "file as a parent",
	  { { "a", '0', .content = "x" }, { "a/made", '0', .content = "x" } },
	  "not a folder" },
	{ "root as a file", { { "./", '0', .content = "x" } }, "not a folder" },
	{ "empty symlink", { { "a", '2', "" } }, "without a target" },
	{ "hard link to nothing", { { "a", '1', "b" } }, "hard link" },
};

static void test_hostile_layers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(hostile); i++) {
		struct err err = { 0 };
		struct place p;
		int r;

		place_make(&p);
		r = unpack_members(&p, hostile[i].members, &err);
		if ((r < 0) != (hostile[i].want_error != NULL) ||
		    (r < 0 && !strstr(err.msg, hostile[i].want_error)))
			fail_msg("%s: returned %d \"%s\"", hostile[i].name, r, err.msg);
		if (!outside_is_untouched(&p))
			fail_msg("%s: the outside was changed", hostile[i].name);
		place_remove(&p);
	}
}

static void test_metadata(void **state)
{
	static const struct tar_member members[] = {
		{ "d", '5', .mode = 01777 },
		{ "d/f", '0', .content = "hello", .mode = 04755 },
		{ "d/h", '1', "d/f" },
		{ "l", '2', "d/f" },
		{ "null", '3', .mode = 0666, .major = 1, .minor = 3 },
		{ "p", '6' },
		{ "x/y/z", '0', .content = "deep" },
		{ 0 },
	};
	struct place p;
	struct stat st, other;
	char target[16] = "";

	(void)state;
	place_make(&p);
	assert_int_equal(unpack_members(&p, members, NULL), 0);
	assert_int_equal(fstatat(p.root_fd, "d", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 01777);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000); /* set after the folder was filled */
	assert_int_equal(fstatat(p.root_fd, "d/f", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 04755);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_int_equal(fstatat(p.root_fd, "d/h", &other, 0), 0);
	assert_int_equal(other.st_ino, st.st_ino);
	assert_int_equal(readlinkat(p.root_fd, "l", target, sizeof(target)), 3);
	assert_string_equal(target, "d/f");
	assert_int_equal(fstatat(p.root_fd, "null", &st, 0), 0);
	assert_int_equal(st.st_rdev, makedev(1, 3));
	assert_int_equal(st.st_mode, S_IFCHR | 0666);
	assert_int_equal(fstatat(p.root_fd, "p", &st, 0), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(fstatat(p.root_fd, "x/y", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	place_remove(&p);
}

static void test_whiteouts(void **state)
{
	static const struct tar_member members[] = {
		{ "a/.wh.gone", '0', .content = "" },	{ "b/.wh..wh..opq", '0', .content = "" },
		{ "c/.wh.both", '0', .content = "" },	{ "c/both", '5' },
		{ "d/here", '0', .content = "x" },	{ "d/.wh.here", '0', .content = "" },
		{ ".wh..wh.plnk", '0', .content = "" }, { 0 },
	};
	struct place p;
	struct stat st;
	char value[2] = "";
	char path[128];

	(void)state;
	place_make(&p);
	assert_int_equal(unpack_members(&p, members, NULL), 0);
	assert_int_equal(fstatat(p.root_fd, "a/gone", &st, 0), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == 0);
	snprintf(path, sizeof(path), "%s/root/b", p.path);
	assert_int_equal(getxattr(path, "trusted.overlay.opaque", value, 1), 1);
	assert_string_equal(value, "y");
	snprintf(path, sizeof(path), "%s/root/c/both",
		 p.path); /* replaces what was below: opaque */
	assert_int_equal(getxattr(path, "trusted.overlay.opaque", value, 1), 1);
	assert_int_equal(fstatat(p.root_fd, "d/here", &st, 0), 0); /* the layer's own file stays */
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(fstatat(p.root_fd, ".wh..wh.plnk", &st, 0), -1);
	place_remove(&p);
}

static void test_pax(void **state)
{
	AUTO_BUF archive = { 0 };
	struct tar_member file = { "short", '0', .content = "x" };
	char name[300], value[4] = "";
	struct unpack unpack;
	struct place p;
	struct stat st;
	char path[512];

	(void)state;
	place_make(&p);
	buf_init(&archive, 1u << 20);
	memset(name, 'n', 200);
	memcpy(name + 150, "/\xc3\xa4\x01",
	       4); /* a byte above 127 and a control character: as they are */
	name[200] = '\0';
	tar_put_pax(&archive, "path", str_from(name));
	tar_put(&archive, &file);
	file.path = "attributes";
	tar_put_pax(&archive, "SCHILY.xattr.user.test", STR("a\0b"));
	tar_put(&archive, &file);
	file.path = "overlay";
	tar_put_pax(&archive, "SCHILY.xattr.trusted.overlay.redirect", STR("/etc"));
	tar_put(&archive, &file);
	file.path = "owner";
	tar_put_pax(&archive, "uid", STR("3000000000"));
	tar_put(&archive, &file);
	tar_put_end(&archive);
	assert_int_equal(unpack_bytes(&p, buf_str(&archive), &unpack, NULL), 0);
	assert_int_equal(fstatat(p.root_fd, name, &st, 0), 0);
	assert_int_equal(fstatat(p.root_fd, "owner", &st, 0), 0);
	assert_int_equal(st.st_uid, 3000000000u);
	snprintf(path, sizeof(path), "%s/root/attributes", p.path);
	if (getxattr(path, "user.test", value, sizeof(value)) == 3)
		assert_memory_equal(value, "a\0b", 3);
	else
		assert_int_equal(errno, EOPNOTSUPP);
	snprintf(path, sizeof(path), "%s/root/overlay", p.path); /* would lead into other layers */
	assert_int_equal(getxattr(path, "trusted.overlay.redirect", value, sizeof(value)), -1);
	place_remove(&p);
}

static void test_sparse(void **state)
{
	AUTO_BUF archive = { 0 };
	struct tar_member file = { "GNUSparseFile.0/s", '0', .content = "abcd" };
	struct unpack unpack;
	struct place p;
	struct stat st;
	char bytes[5] = "";
	int fd;

	(void)state;
	place_make(&p);
	buf_init(&archive, 1u << 20);
	tar_put_bytes(&archive, &(struct tar_member){ "pax", 'x' },
		      STR("26 GNU.sparse.name=sparse\n"
			  "28 GNU.sparse.size=10000000\n"
			  "35 GNU.sparse.map=4096,2,9999998,2\n"));
	tar_put(&archive, &file);
	tar_put_end(&archive);
	struct err err = { 0 };
	int r = unpack_bytes(&p, buf_str(&archive), &unpack, &err);
	if (r < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(fstatat(p.root_fd, "sparse", &st, 0), 0);
	assert_int_equal(st.st_size, 10000000);
	assert_true(st.st_blocks < 100);
	fd = openat(p.root_fd, "sparse", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, bytes, 2, 4096), 2);
	assert_int_equal(pread(fd, bytes + 2, 2, 9999998), 2);
	assert_string_equal(bytes, "abcd");
	close(fd);
	place_remove(&p);
}

static const struct {
	const char *name;
	size_t cut;  /* bytes kept of a good archive */
	size_t flip; /* byte changed, 0 = none */
	const char *want;
} broken[] = {
	{ "cut in the header", 300, 0, "unexpected end" },
	{ "cut in the data", 600, 0, "unexpected end" },
	{ "a changed name", 0, 3, "checksum" },
	{ "not a tar", 0, 149, "checksum" },
};

static void test_broken_archives(void **state)
{
	static const struct tar_member member = { "file", '0', .content = "0123456789" };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
		AUTO_BUF archive = { 0 };
		struct unpack unpack;
		struct err err = { 0 };
		struct place p;

		place_make(&p);
		buf_init(&archive, 1u << 20);
		tar_put(&archive, &member);
		tar_put_end(&archive);
		if (broken[i].flip)
			archive.ptr[broken[i].flip] ^= 1;
		if (broken[i].cut)
			archive.len = broken[i].cut;
		if (unpack_bytes(&p, buf_str(&archive), &unpack, &err) == 0 ||
		    !strstr(err.msg, broken[i].want))
			fail_msg("%s: \"%s\"", broken[i].name, err.msg);
		place_remove(&p);
	}
}

static void test_digest_covers_all(void **state)
{
	/* The diff ID is of the whole stream, also of what stands behind the end marker. */
	static const struct tar_member member = { "file", '0', .content = "x" };
	AUTO_BUF archive = { 0 };
	struct unpack a, b;
	struct place p;

	(void)state;
	place_make(&p);
	buf_init(&archive, 1u << 20);
	tar_put(&archive, &member);
	tar_put_end(&archive);
	assert_int_equal(unpack_bytes(&p, buf_str(&archive), &a, NULL), 0);
	buf_put_c(&archive, "trailing");
	assert_int_equal(unpack_bytes(&p, buf_str(&archive), &b, NULL), 0);
	assert_string_not_equal(a.diff_id, b.diff_id);
	assert_int_equal(a.entries, 1);
	assert_int_equal(a.bytes, 1);
	place_remove(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_layers),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_whiteouts),
		cmocka_unit_test(test_pax),
		cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_broken_archives),
		cmocka_unit_test(test_digest_covers_all),
	};

	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
