/* SPDX-License-Identifier: Apache-2.0 */
/* Would break: a container runs as another user than its image's passwd says, or the host's passwd
 * is read. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/fd.h"
#include "container/user.h"

static char path[] = "/tmp/cube-user.XXXXXX";
static int roots[2];

static int make_roots(void **state)
{
	(void)state;
	if (!mkdtemp(path))
		return -1;
	for (int i = 0; i < 2; i++) {
		char name[80];

		snprintf(name, sizeof(name), "%s/%d/etc", path, i);
		if (fd_make_dirs(AT_FDCWD, name, 0755, NULL) < 0)
			return -1;
		snprintf(name, sizeof(name), "%s/%d", path, i);
		roots[i] = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	/* The upper layer has the passwd that counts, the lower one another and the only group
	 * file. */
	if (fd_replace_file(
		    roots[0], "etc/passwd",
		    STR("root:x:0:0:root:/root:/bin/sh\nbad line\nweb:x:33:34::/web:/bin/sh\n"
			"77:x:5:6::/seven:/bin/sh\nlast:x:9:9::/l:"),
		    0644, false, NULL) < 0 ||
	    fd_replace_file(roots[1], "etc/passwd", STR("web:x:1:1::/old:/bin/sh\n"), 0644, false,
			    NULL) < 0 ||
	    fd_replace_file(roots[1], "etc/group",
			    STR("root:x:0:\nstaff:x:50:web,other\nadm:x:51:web\n"), 0644, false,
			    NULL) < 0)
		return -1;
	return 0;
}

static int remove_roots(void **state)
{
	(void)state;
	close(roots[0]);
	close(roots[1]);
	return fd_remove_tree(AT_FDCWD, path, NULL);
}

static const uint32_t extra[] = { 1000, 50 };
static const struct {
	const char *user;
	struct container_spec spec;
	uint32_t uid, gid;
	const char *home;
	size_t groups;
	const char *error;
} cases[] = {
	{ "", {}, 0, 0, "/root", 0, NULL },
	{ "web", {}, 33, 34, "/web", 2, NULL },
	{ "33", {}, 33, 34, "/web", 2, NULL },
	{ "web:staff", {}, 33, 50, "/web", 0, NULL },
	{ "web:77", {}, 33, 77, "/web", 0, NULL },
	{ "1234", {}, 1234, 0, "/", 0, NULL },
	{ "1234:5", {}, 1234, 5, "/", 0, NULL },
	{ "77", {}, 5, 6, "/seven", 0, NULL }, /* a name that is a number */
	{ "last", {}, 9, 9, "/l", 0, NULL },
	{ "nobody",
	  {},
	  0,
	  0,
	  NULL,
	  0,
	  "unable to find user nobody: no matching entries in passwd file" },
	{ "web:none",
	  {},
	  0,
	  0,
	  NULL,
	  0,
	  "unable to find group none: no matching entries in group file" },
	{ "-1", {}, 0, 0, NULL, 0, "unable to find user -1: no matching entries in passwd file" },
	{ "web",
	  { .has_uid = true, .uid = 1001, .has_gid = true, .gid = 3 },
	  1001,
	  3,
	  "/",
	  0,
	  NULL },
	{ "web",
	  { .supplemental_groups = extra, .supplemental_group_count = 2 },
	  33,
	  34,
	  "/web",
	  3,
	  NULL },
	{ "web",
	  { .supplemental_groups = extra,
	    .supplemental_group_count = 1,
	    .only_listed_groups = true },
	  33,
	  34,
	  "/web",
	  1,
	  NULL },
};

static void test_lookup(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct user_lookup lookup = { roots, 2, str_from(cases[i].user), &cases[i].spec };
		AUTO_ARENA arena = { 0 };
		struct container_user u;
		struct err err = { 0 };
		int r;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		r = user_find(&lookup, &arena, &u, &err);
		if (cases[i].error) {
			assert_int_equal(r, -1);
			assert_string_equal(err.msg, cases[i].error);
			continue;
		}
		if (r < 0 || u.uid != cases[i].uid || u.gid != cases[i].gid ||
		    u.group_count != cases[i].groups || !str_eq_c(u.home, cases[i].home))
			fail_msg("case %zu %s: %u:%u %zu groups, home " STR_FMT, i, cases[i].user,
				 u.uid, u.gid, u.group_count, STR_ARG(u.home));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lookup) };

	return cmocka_run_group_tests(tests, make_roots, remove_roots);
}
