/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks when the default profile lets through what needs a capability, or forgets what every program needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "oci/default_seccomp.h"

static bool allows(const struct oci_seccomp *profile, const char *name)
{
	for (size_t i = 0; i < profile->syscalls.count; i++) {
		const struct oci_syscall *rule = OCI_ITEM(profile->syscalls, struct oci_syscall, i);

		for (size_t k = 0; k < rule->names.count && rule->args.count == 0; k++) {
			if (strcmp(rule->names.items[k], name) == 0 && strcmp(rule->action, "SCMP_ACT_ALLOW") == 0)
				return true;
		}
	}
	return false;
}

static void follows_the_capabilities(void **state)
{
	static const struct {
		const char *capability, *name;
	} cases[] = {
		{ "CAP_SYS_ADMIN", "mount" },
		{ "CAP_SYS_ADMIN", "unshare" },
		{ "CAP_SYS_ADMIN", "clone3" },
		{ "CAP_SYS_MODULE", "init_module" },
		{ "CAP_SYS_TIME", "clock_settime" },
		{ "CAP_SYS_CHROOT", "chroot" },
		{ "CAP_DAC_READ_SEARCH", "open_by_handle_at" },
		{ "CAP_SYS_BOOT", "reboot" },
		{ "CAP_BPF", "bpf" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		const char *with[] = { cases[i].capability, NULL };
		struct oci_capabilities none = { 0 }, one = { .bounding = { with, 1 } };
		struct oci_seccomp profile;
		AUTO_ARENA arena = { 0 };

		arena_init(&arena, ARENA_DEFAULT_MAX);
		oci_default_seccomp(&none, &arena, &profile);
		assert_false(allows(&profile, cases[i].name));
		assert_true(allows(&profile, "read"));
		assert_true(allows(&profile, "execve"));
		oci_default_seccomp(&one, &arena, &profile);
		assert_true(allows(&profile, cases[i].name));
	}
}

static void never_allows_the_dangerous(void **state)
{
	static const char *const never[] = { "kexec_load", "add_key", "keyctl", "request_key", "userfaultfd", "swapon",
					     "pivot_root", "io_uring_setup", "create_module", "nfsservctl" };
	struct oci_seccomp profile;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	oci_default_seccomp(NULL, &arena, &profile);
	for (size_t i = 0; i < ARRAY_COUNT(never); i++)
		assert_false(allows(&profile, never[i]));
	assert_string_equal(profile.default_action, "SCMP_ACT_ERRNO");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_capabilities),
		cmocka_unit_test(never_allows_the_dangerous),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
