/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See seccomp.h. The cache key is a hash over everything that went into the program; a file that is not exactly a
 * header and whole instructions of the length it states is ignored and made anew.
 */
#include "runtime/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "linux/process.h"

#define PROGRAM_MAX 32768 /* BPF_MAXINSNS is 4096; what is larger the kernel refuses */
#define FLAG_WAIT_KILLABLE (1u << 5) /* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, not in every header */

static const struct {
	char name[24];
	uint32_t action;
	bool takes_errno;
} actions[] = {
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true },
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD, false },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP, false },
	{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG, false },
	{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY, false },
};

static int action_value(const char *name, const struct oci_u64 *errno_ret, const char *field, uint32_t *ret,
			struct err *err)
{
	for (size_t i = 0; i < ARRAY_COUNT(actions); i++) {
		if (strcmp(actions[i].name, name) != 0)
			continue;
		*ret = actions[i].action;
		if (actions[i].takes_errno)
			*ret |= errno_ret->is_set ? (uint32_t)errno_ret->value : (uint32_t)EPERM;
		return 0;
	}
	return err_set(err, ERR_INVALID, "%s: unknown action \"%.60s\"", field, name);
}

/* "SCMP_ARCH_X86_64" → SCMP_ARCH_X86_64; 0 when unknown. */
static uint32_t architecture_token(const char *name)
{
	char lower[24];
	size_t n = 0;

	if (strncmp(name, "SCMP_ARCH_", 10) == 0) {
		for (const char *c = name + 10; *c && n < sizeof(lower) - 1; c++)
			lower[n++] = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	}
	lower[n] = '\0';
	return seccomp_arch_resolve_name(lower);
}

static int add_architectures(scmp_filter_ctx filter, const struct oci_strings *architectures, struct err *err)
{
	for (size_t i = 0; i < architectures->count; i++) {
		const char *name = architectures->items[i];
		uint32_t token = architecture_token(name);
		int failed;

		if (token == 0)
			return err_set(err, ERR_INVALID,
				       "linux.seccomp.architectures[%zu]: unknown \"%.40s\"", i,
				       name);
		failed = seccomp_arch_add(filter, token);
		if (failed == -EDOM)
			return err_set(err, ERR_UNSUPPORTED,
				       "linux.seccomp.architectures[%zu]: %s: has another byte order "
				       "than this machine",
				       i, name);
		if (failed < 0 && failed != -EEXIST)
			return err_neg(err, failed, "linux.seccomp.architectures[%zu]: %s", i, name);
	}
	return 0;
}

static int add_rules(scmp_filter_ctx filter, const struct oci_syscall *rule, size_t index, uint32_t default_action,
		     struct err *err)
{
	struct scmp_arg_cmp compare[6];
	unsigned compare_count = 0;
	char field[64];
	uint32_t action = SCMP_ACT_KILL_PROCESS;

	snprintf(field, sizeof(field), "linux.seccomp.syscalls[%zu].action", index);
	if (action_value(rule->action, &rule->errno_ret, field, &action, err) < 0)
		return -1;
	if (action == default_action)
		return 0;
	if (rule->args.count > 6)
		return err_set(err, ERR_INVALID, "linux.seccomp.syscalls[%zu].args: more than 6", index);
	for (size_t i = 0; i < rule->args.count; i++) {
		const struct oci_seccomp_arg *arg = OCI_ITEM(rule->args, struct oci_seccomp_arg, i);

		compare[compare_count++] = (struct scmp_arg_cmp){ (unsigned)arg->index.value,
								  (enum scmp_compare)arg->op,
								  arg->value.value,
								  arg->value_two.value };
	}
	for (size_t i = 0; i < rule->names.count; i++) {
		int number = seccomp_syscall_resolve_name(rule->names.items[i]);
		int failed;

		if (number == __NR_SCMP_ERROR) /* of another kernel or architecture: nothing to filter here */
			continue;
		failed = seccomp_rule_add_array(filter, action, number, compare_count, compare);
		/* libseccomp refuses two conditions on one argument in one rule: they become one rule each */
		for (unsigned k = 0; failed == -EINVAL && k < compare_count; k++)
			failed = seccomp_rule_add_array(filter, action, number, 1, &compare[k]) < 0 ? -EIO : -EINVAL;
		if (failed == -EINVAL && compare_count > 0)
			failed = 0;
		if (failed < 0 && failed != -EEXIST)
			return err_neg(err, failed, "linux.seccomp.syscalls[%zu]: %s", index, rule->names.items[i]);
	}
	return 0;
}

static int parse_flags(const struct oci_seccomp *profile, unsigned *ret, struct err *err)
{
	struct stat st;

	*ret = 0;
	for (size_t i = 0; i < profile->flags.count; i++) {
		const char *name = profile->flags.items[i];

		if (strcmp(name, "SECCOMP_FILTER_FLAG_LOG") == 0)
			*ret |= SECCOMP_FILTER_FLAG_LOG;
		else if (strcmp(name, "SECCOMP_FILTER_FLAG_SPEC_ALLOW") == 0)
			*ret |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
		else if (strcmp(name, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV") == 0)
			*ret |= FLAG_WAIT_KILLABLE;
		else if (strcmp(name, "SECCOMP_FILTER_FLAG_TSYNC") != 0) /* one thread: nothing to synchronise */
			return err_set(err, ERR_INVALID, "linux.seccomp.flags[%zu]: unknown \"%.60s\"", i, name);
	}
	if (!profile->flags.items)
		*ret |= SECCOMP_FILTER_FLAG_SPEC_ALLOW; /* the kernel's own default of today, and the peers' */
	for (size_t i = 0; i < profile->syscalls.count; i++) {
		const struct oci_syscall *rule = OCI_ITEM(profile->syscalls, struct oci_syscall, i);

		if (strcmp(rule->action, "SCMP_ACT_NOTIFY") != 0)
			continue;
		*ret |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
		for (size_t k = 0; k < rule->names.count; k++) {
			/* handing over the listener takes one */
			if (strcmp(rule->names.items[k], "write") == 0)
				return err_set(err, ERR_INVALID,
					       "linux.seccomp.syscalls[%zu].names: SCMP_ACT_NOTIFY cannot be "
					       "used for the write syscall",
					       i);
		}
	}
	/* An agent that waits gets a listener. Callers also name one that is not there, without a rule for it. */
	if (profile->listener_path && stat(profile->listener_path, &st) == 0 && S_ISSOCK(st.st_mode))
		*ret |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	if ((*ret & SECCOMP_FILTER_FLAG_NEW_LISTENER) && !profile->listener_path)
		return err_set(err, ERR_INVALID, "linux.seccomp.listenerPath: SCMP_ACT_NOTIFY needs it");
	if ((*ret & FLAG_WAIT_KILLABLE) && !(*ret & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return err_set(err, ERR_INVALID,
			       "linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a listener");
	return 0;
}

static int read_program(int fd, struct seccomp_program *ret, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_os(err, "seccomp program");
	if (st.st_size <= 0 || st.st_size % (off_t)sizeof(struct sock_filter) != 0 ||
	    st.st_size > (off_t)(PROGRAM_MAX * sizeof(struct sock_filter)))
		return err_set(err, ERR_INTERNAL, "seccomp program of %lld bytes", (long long)st.st_size);
	ret->filter = mem_alloc((size_t)st.st_size);
	ret->count = (size_t)st.st_size / sizeof(struct sock_filter);
	if (lseek(fd, 0, SEEK_SET) < 0 || fd_read_exact(fd, ret->filter, (size_t)st.st_size, err) < 0) {
		seccomp_free(ret);
		return err_set(err, ERR_INTERNAL, "read seccomp program");
	}
	return 0;
}

#define X32_BIT 0x40000000u /* on x86-64 this makes a call one of the x32 ABI */
#define KNOWN_ARCHITECTURES_MAX 32

/* The highest call that the profile knows, of one architecture as seccomp_data names it. */
struct known_calls {
	uint32_t architecture;
	uint32_t last, last_x32;
};

static void add_known_calls(const struct oci_seccomp *profile, uint32_t token, struct known_calls *all, size_t *count)
{
	uint32_t architecture = token == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : token;
	int last = -1;
	size_t i = 0;

	for (size_t r = 0; r < profile->syscalls.count; r++) {
		const struct oci_syscall *rule = OCI_ITEM(profile->syscalls, struct oci_syscall, r);

		for (size_t n = 0; n < rule->names.count; n++) {
			int number = seccomp_syscall_resolve_name_arch(token, rule->names.items[n]);

			last = number > last ? number : last;
		}
	}
	while (i < *count && all[i].architecture != architecture)
		i++;
	if (last < 0 || i == KNOWN_ARCHITECTURES_MAX)
		return;
	if (i == *count)
		all[(*count)++] = (struct known_calls){ architecture, UINT32_MAX, UINT32_MAX };
	if (token == SCMP_ARCH_X32)
		all[i].last_x32 = (uint32_t)last | X32_BIT;
	else
		all[i].last = (uint32_t)last;
}

/* Programs try a new call and do without when there is none: for what came after the profile was written that is the
 * answer, not that of the default action, which they take for a failure. In front of libseccomp's own program. */
static int write_unknown_calls(const struct oci_seccomp *profile, int fd, struct err *err)
{
	struct known_calls all[KNOWN_ARCHITECTURES_MAX];
	struct sock_filter program[1 + 8 * KNOWN_ARCHITECTURES_MAX];
	size_t count = 0, n = 0, end;

	add_known_calls(profile, seccomp_arch_native(), all, &count);
	for (size_t i = 0; i < profile->architectures.count; i++)
		add_known_calls(profile, architecture_token(profile->architectures.items[i]), all, &count);
	end = 1 + 8 * count;
	program[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < count; i++) {
		const struct sock_filter block[8] = {
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, all[i].architecture, 0, 7),
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
			BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
			BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, all[i].last, 2, 0),
			BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)(end - (n + 5))),
			BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, all[i].last_x32, 0, 1),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
			BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)(end - (n + 8))),
		};

		memcpy(program + n, block, sizeof(block));
		n += ARRAY_COUNT(block);
	}
	return fd_write_all(fd, program, n * sizeof(program[0]), err);
}

static bool permits_by_default(uint32_t action)
{
	return action == SCMP_ACT_ALLOW || action == SCMP_ACT_LOG || (action & 0xffff0000u) == SCMP_ACT_TRACE(0) ||
	       action == SCMP_ACT_ERRNO(ENOSYS);
}

static int compile_into(const struct oci_seccomp *profile, int fd, struct err *err)
{
	uint32_t default_action = SCMP_ACT_KILL_PROCESS;
	scmp_filter_ctx filter;
	int failed = 0;

	if (action_value(profile->default_action, &profile->default_errno_ret, "linux.seccomp.defaultAction",
			 &default_action, err) < 0)
		return -1;
	filter = seccomp_init(default_action);
	if (!filter)
		return err_set(err, ERR_INTERNAL, "linux.seccomp: libseccomp cannot start");
	/* a binary tree: fewer instructions per call than a list of 300 comparisons */
	if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0 ||
	    seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) < 0)
		failed = err_set(err, ERR_INTERNAL, "linux.seccomp: libseccomp refuses its options");
	if (failed == 0)
		failed = add_architectures(filter, &profile->architectures, err);
	for (size_t i = 0; i < profile->syscalls.count && failed == 0; i++)
		failed = add_rules(filter, OCI_ITEM(profile->syscalls, struct oci_syscall, i), i, default_action, err);
	if (failed == 0 && !permits_by_default(default_action))
		failed = write_unknown_calls(profile, fd, err);
	if (failed == 0) {
		failed = seccomp_export_bpf(filter, fd);
		if (failed < 0)
			failed = err_neg(err, failed, "linux.seccomp: compile");
	}
	seccomp_release(filter);
	return failed < 0 ? -1 : 0;
}

/* In a process of its own: the compiler needs half a megabyte, which a monitor would hold on to for as long as its
 * container lives. */
static int compile(const struct oci_seccomp *profile, struct seccomp_program *ret, struct err *err)
{
	AUTO_FD fd = memfd_create("seccomp", MFD_CLOEXEC);
	AUTO_FD pidfd = -1;
	struct err inner;
	int status = 0;
	pid_t pid;

	if (fd < 0)
		return err_os(err, "linux.seccomp: make a file");
	pid = process_clone(0, -1, &pidfd);
	if (pid < 0)
		return err_neg(err, pid, "linux.seccomp: compile");
	if (pid == 0) {
		if (compile_into(profile, fd, &inner) == 0)
			_exit(0);
		_exit(ftruncate(fd, 0) == 0 && pwrite(fd, &inner, sizeof(inner), 0) == (ssize_t)sizeof(inner) ? 1 : 2);
	}
	if (process_wait(pidfd, &status) < 0)
		return err_os(err, "linux.seccomp: compile");
	if (status == 0)
		return read_program(fd, ret, err);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 1 ||
	    pread(fd, &inner, sizeof(inner), 0) != (ssize_t)sizeof(inner))
		return err_set(err, ERR_INTERNAL, "linux.seccomp: the compiler died");
	inner.msg[sizeof(inner.msg) - 1] = '\0';
	return err_set(err, inner.code, "%s", inner.msg);
}

static void hash_bytes(uint64_t *hash, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < len; i++)
		*hash = (*hash ^ p[i]) * UINT64_C(0x100000001b3);
}

static void hash_text(uint64_t *hash, const char *text)
{
	hash_bytes(hash, text, strlen(text) + 1);
}

/* Two differently seeded 64-bit hashes side by side; the cache is root's own, so it is chance they guard against. The
 * number says how programs are made: what an older runtime left is not used. */
static void cache_name(const struct oci_seccomp *profile, char *to, size_t to_bytes)
{
	uint64_t hash[2] = { UINT64_C(0xcbf29ce484222325), UINT64_C(0x9ae16a3b2f90404f) };

	for (int k = 0; k < 2; k++) {
		hash_text(&hash[k], profile->default_action);
		hash_bytes(&hash[k], &profile->default_errno_ret.value, sizeof(uint64_t));
		for (size_t i = 0; i < profile->architectures.count; i++)
			hash_text(&hash[k], profile->architectures.items[i]);
		for (size_t i = 0; i < profile->syscalls.count; i++) {
			const struct oci_syscall *rule = OCI_ITEM(profile->syscalls, struct oci_syscall, i);

			hash_text(&hash[k], rule->action);
			hash_bytes(&hash[k], &rule->errno_ret.value, sizeof(uint64_t));
			hash_bytes(&hash[k], &rule->errno_ret.is_set, 1);
			for (size_t n = 0; n < rule->names.count; n++)
				hash_text(&hash[k], rule->names.items[n]);
			for (size_t n = 0; n < rule->args.count; n++) {
				const struct oci_seccomp_arg *arg = OCI_ITEM(rule->args, struct oci_seccomp_arg, n);
				uint64_t all[4] = { arg->index.value, arg->value.value, arg->value_two.value,
						    (uint64_t)arg->op };

				hash_bytes(&hash[k], all, sizeof(all));
			}
		}
	}
	snprintf(to, to_bytes, ".seccomp-2-%016llx%016llx", (unsigned long long)hash[0], (unsigned long long)hash[1]);
}

int seccomp_compile(const struct oci_seccomp *profile, int cache_dir_fd, struct seccomp_program *ret,
		    struct err *err)
{
	char name[48];

	memset(ret, 0, sizeof(*ret));
	if (parse_flags(profile, &ret->flags, err) < 0)
		return -1;
	ret->listener_path = profile->listener_path;
	ret->listener_metadata = profile->listener_metadata;
	cache_name(profile, name, sizeof(name));
	if (cache_dir_fd >= 0) {
		AUTO_FD fd = openat(cache_dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

		if (fd >= 0 && read_program(fd, ret, NULL) == 0)
			return 0;
	}
	if (compile(profile, ret, err) < 0)
		return -1;
	/* the cache is only a help: without it the program was compiled all the same */
	if (cache_dir_fd >= 0 &&
	    fd_replace_file(cache_dir_fd, name,
			    str_sub((const char *)ret->filter, ret->count * sizeof(struct sock_filter)), 0600, false,
			    NULL) < 0)
		return 0;
	return 0;
}

void seccomp_free(struct seccomp_program *program)
{
	mem_free(program->filter);
	program->filter = NULL;
}
