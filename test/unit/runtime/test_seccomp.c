/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when a profile does not compile, or a compiled program is taken for that of another profile. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/fd.h"
#include "oci/default_seccomp.h"
#include "runtime/seccomp.h"

static void caches_by_content(void **state)
{
	char dir[] = "/tmp/cube-seccomp-XXXXXX";
	struct oci_capabilities none = { 0 };
	struct oci_seccomp profile, other;
	struct seccomp_program first, second, third;
	struct err err = { 0 };
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	assert_non_null(mkdtemp(dir));
	AUTO_FD fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	oci_default_seccomp(&none, &arena, &profile);
	oci_default_seccomp(NULL, &arena, &other);
	if (seccomp_compile(&profile, fd, &first, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(seccomp_compile(&profile, fd, &second, &err), 0);
	assert_int_equal(seccomp_compile(&other, fd, &third, &err), 0);
	assert_int_equal(first.count, second.count);
	assert_memory_equal(first.filter, second.filter, first.count * sizeof(*first.filter));
	assert_true(third.count != first.count || memcmp(third.filter, first.filter, first.count * 8) != 0);
	seccomp_free(&first);
	seccomp_free(&second);
	seccomp_free(&third);
	assert_int_equal(fd_remove_tree(AT_FDCWD, dir, &err), 0);
}

static void names_what_is_wrong(void **state)
{
	static const char *const names[] = { "read", NULL };
	struct oci_syscall rule = { .names = { (const char **)(uintptr_t)names, 1 }, .action = "SCMP_ACT_NOTIFY" };
	const char *arch[] = { "SCMP_ARCH_MOON", NULL };
	struct oci_seccomp profile = { .default_action = "SCMP_ACT_NO" };
	struct seccomp_program program;
	struct err err = { 0 };

	assert_int_equal(seccomp_compile(&profile, -1, &program, &err), -1);
	assert_non_null(strstr(err.msg, "linux.seccomp.defaultAction"));
	profile.default_action = "SCMP_ACT_ALLOW";
	profile.architectures = (struct oci_strings){ arch, 1 };
	assert_int_equal(seccomp_compile(&profile, -1, &program, &err), -1);
	assert_non_null(strstr(err.msg, "linux.seccomp.architectures[0]"));
	profile.architectures.count = 0;
	profile.syscalls = (struct oci_list){ &rule, 1 };
	assert_int_equal(seccomp_compile(&profile, -1, &program, &err), -1);
	assert_non_null(strstr(err.msg, "linux.seccomp.listenerPath"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(caches_by_content),
		cmocka_unit_test(names_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
