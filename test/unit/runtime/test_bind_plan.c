/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a bind mount would have other flags than its options ask for, or lose one that is locked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <cmocka.h>
#include "base/mem.h"
#include "runtime/bind_plan.h"

#define RO MOUNT_ATTR_RDONLY
#define SUID MOUNT_ATTR_NOSUID
#define DEV MOUNT_ATTR_NODEV
#define EXEC MOUNT_ATTR_NOEXEC
#define LINKS MOUNT_ATTR_NOSYMFOLLOW
#define ALL (RO | SUID | DEV | EXEC | LINKS)
#define TIMES (MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME)

static const struct {
	const char *name, *options[6];
	unsigned long present;
	bool is_locked;
	uint64_t set, clear;
	const char *refused;
} cases[] = {
	{ "no flag: nothing changes", { "rbind", "rprivate" }, MS_RDONLY, false, 0, 0, NULL },
	{ "one flag: the others go", { "bind", "nosuid" }, MS_RDONLY, false, SUID, RO | DEV | EXEC | LINKS, NULL },
	{ "a word that clears is a flag", { "bind", "dev" }, MS_RDONLY | MS_NODIRATIME, false, 0, ALL, NULL },
	{ "locked ones stay", { "bind", "ro" }, MS_NOSUID | MS_NODEV, true, RO, EXEC | LINKS, NULL },
	{ "following links is never locked", { "bind", "ro" }, MS_NOSYMFOLLOW, true, RO, SUID | DEV | EXEC | LINKS,
	  NULL },
	{ "locked ones are not cleared", { "bind", "rw" }, MS_RDONLY, true, 0, 0, "cannot clear locked flags ro:" },
	{ "nor is an access time", { "bind", "ro", "atime" }, MS_NOATIME | MS_NODEV, true, 0, 0,
	  "cannot clear locked flags noatime:" },
	{ "alone that is no change at all", { "bind", "atime" }, MS_NOATIME, true, 0, ALL, NULL },
	{ "nor changed", { "bind", "relatime" }, MS_NOATIME, true, 0, 0, "cannot change locked atime flags:" },
	{ "the last word counts", { "bind", "rw", "ro" }, MS_RDONLY, true, RO, SUID | DEV | EXEC | LINKS, NULL },
	{ "access times change together", { "bind", "noatime" }, MS_RELATIME | MS_NODIRATIME, false, MOUNT_ATTR_NOATIME,
	  ALL | TIMES, NULL },
	{ "clearing one changes none", { "bind", "atime" }, MS_NOATIME, false, 0, ALL, NULL },
	{ "folders' alone makes them relative", { "bind", "nodiratime" }, 0, false, MOUNT_ATTR_NODIRATIME,
	  ALL | MOUNT_ATTR__ATIME, NULL },
	{ "the same as locked", { "bind", "noatime" }, MS_NOATIME, true, MOUNT_ATTR_NOATIME, ALL | TIMES, NULL },
};

static void flags_of_binds(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct mount_options options = { 0 };
		struct bind_plan plan;
		struct err err = { 0 };

		for (size_t k = 0; cases[i].options[k]; k++)
			assert_true(mount_option_parse(cases[i].options[k], &options));
		if (cases[i].refused) {
			assert_int_equal(bind_plan(&options, cases[i].present, cases[i].is_locked, &plan, &err), -1);
			assert_non_null(strstr(err.msg, cases[i].refused));
			continue;
		}
		assert_int_equal(bind_plan(&options, cases[i].present, cases[i].is_locked, &plan, &err), 0);
		if (plan.set != cases[i].set || plan.clear != cases[i].clear)
			fail_msg("%s: set %#lx clear %#lx", cases[i].name, (unsigned long)plan.set,
				 (unsigned long)plan.clear);
	}
}

static void every_word_is_understood(void **state)
{
	size_t count = 0;

	for (const char *name; (name = mount_option_name(count)) != NULL; count++) {
		struct mount_options options = { 0 };

		if (!mount_option_parse(name, &options) || strspn(name, "abcdefghijklmnopqrstuvwxyz") != strlen(name))
			fail_msg("%s", name);
	}
	assert_true(count > 60);
	assert_false(mount_option_parse("rnostrictatim", &(struct mount_options){ 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_of_binds),
		cmocka_unit_test(every_word_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
