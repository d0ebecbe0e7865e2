/* SPDX-License-Identifier: Apache-2.0 */
/* See default_seccomp.h. Names that a kernel or architecture does not have are skipped when the profile is compiled. */
#include "oci/default_seccomp.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

/* clang-format off */
static const char *const allowed[] = {
	"accept", "accept4", "access", "adjtimex", "alarm", "arch_prctl", "bind", "brk", "cachestat",
	"capget", "capset", "chdir", "chmod", "chown", "chown32", "clock_adjtime", "clock_adjtime64",
	"clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep",
	"clock_nanosleep_time64", "close", "close_range", "connect", "copy_file_range", "creat", "dup",
	"dup2", "dup3", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "execve", "execveat",
	"exit", "exit_group", "faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate",
	"fanotify_mark", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32", "fchownat",
	"fcntl", "fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork", "fremovexattr",
	"fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate",
	"ftruncate64", "futex", "futex_requeue", "futex_time64", "futex_wait", "futex_waitv", "futex_wake",
	"futimesat", "getcpu", "getcwd", "getdents", "getdents64", "getegid", "getegid32", "geteuid",
	"geteuid32", "getgid", "getgid32", "getgroups", "getgroups32", "getitimer", "getpeername",
	"getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresgid32",
	"getresuid", "getresuid32", "getrlimit", "get_robust_list", "getrusage", "getsid", "getsockname",
	"getsockopt", "get_thread_area", "gettid", "gettimeofday", "getuid", "getuid32", "getxattr",
	"getxattrat", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch",
	"io_cancel", "ioctl", "io_destroy", "io_getevents", "io_pgetevents", "io_pgetevents_time64",
	"ioprio_get", "ioprio_set", "io_setup", "io_submit", "ipc", "kill", "landlock_add_rule",
	"landlock_create_ruleset", "landlock_restrict_self", "lchown", "lchown32", "lgetxattr", "link",
	"linkat", "listen", "listmount", "listxattr", "listxattrat", "llistxattr", "_llseek",
	"lremovexattr", "lseek", "lsetxattr", "lstat", "lstat64", "madvise", "map_shadow_stack",
	"membarrier", "memfd_create", "memfd_secret", "mincore", "mkdir", "mkdirat", "mknod", "mknodat",
	"mlock", "mlock2", "mlockall", "mmap", "mmap2", "modify_ldt", "mprotect", "mq_getsetattr",
	"mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend",
	"mq_timedsend_time64", "mq_unlink", "mremap", "mseal", "msgctl", "msgget", "msgrcv", "msgsnd",
	"msync", "munlock", "munlockall", "munmap", "name_to_handle_at", "nanosleep", "newfstatat",
	"_newselect", "open", "openat", "openat2", "pause", "pidfd_open", "pidfd_send_signal", "pipe",
	"pipe2", "pkey_alloc", "pkey_free", "pkey_mprotect", "poll", "ppoll", "ppoll_time64", "prctl",
	"pread64", "preadv", "preadv2", "prlimit64", "process_mrelease", "pselect6", "pselect6_time64",
	"pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "recv",
	"recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "remap_file_pages", "removexattr",
	"removexattrat", "rename", "renameat", "renameat2", "restart_syscall", "rmdir", "riscv_hwprobe",
	"rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
	"rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo",
	"sched_getaffinity", "sched_getattr", "sched_getparam", "sched_get_priority_max",
	"sched_get_priority_min", "sched_getscheduler", "sched_rr_get_interval",
	"sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr", "sched_setparam",
	"sched_setscheduler", "sched_yield", "seccomp", "select", "semctl", "semget", "semop",
	"semtimedop", "semtimedop_time64", "send", "sendfile", "sendfile64", "sendmmsg", "sendmsg",
	"sendto", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups",
	"setgroups32", "setitimer", "setpgid", "setpriority", "setregid", "setregid32", "setresgid",
	"setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32", "setrlimit",
	"set_robust_list", "setsid", "setsockopt", "set_thread_area", "set_tid_address", "setuid",
	"setuid32", "setxattr", "setxattrat", "shmat", "shmctl", "shmdt", "shmget", "shutdown",
	"sigaltstack", "signalfd", "signalfd4", "sigprocmask", "sigreturn", "socketcall", "socketpair",
	"splice", "stat", "stat64", "statfs", "statfs64", "statmount", "statx", "symlink", "symlinkat",
	"sync", "sync_file_range", "syncfs", "sysinfo", "tee", "tgkill", "time", "timer_create",
	"timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime",
	"timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
	"timerfd_settime64", "times", "tkill", "truncate", "truncate64", "ugetrlimit", "umask", "uname",
	"unlink", "unlinkat", "uretprobe", "utime", "utimensat", "utimensat_time64", "utimes", "vfork",
	"vmsplice", "wait4", "waitid", "waitpid", "write", "writev", "process_vm_readv",
	"process_vm_writev", "ptrace",
};
static const char *const sys_admin[] = {
	"bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick",
	"lookup_dcookie", "lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr", "mount",
	"mount_setattr", "move_mount", "open_tree", "perf_event_open", "quotactl", "quotactl_fd",
	"setdomainname", "sethostname", "setns", "syslog", "umount", "umount2", "unshare",
};
static const char *const dac_read_search[] = { "open_by_handle_at" };
static const char *const sys_boot[] = { "reboot" };
static const char *const sys_chroot[] = { "chroot" };
static const char *const sys_module[] = { "delete_module", "init_module", "finit_module" };
static const char *const sys_pacct[] = { "acct" };
static const char *const sys_ptrace[] = { "kcmp", "pidfd_getfd", "process_madvise" };
static const char *const sys_rawio[] = { "iopl", "ioperm" };
static const char *const sys_time[] = { "settimeofday", "stime", "clock_settime", "clock_settime64" };
static const char *const sys_tty_config[] = { "vhangup" };
static const char *const sys_nice[] = {
	"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node",
};
static const char *const sys_syslog[] = { "syslog" };
static const char *const bpf_cap[] = { "bpf" };
static const char *const perfmon[] = { "perf_event_open" };

#define GROUP(cap, list) { cap, list, ARRAY_COUNT(list) }
static const struct {
	const char *capability; /* NULL: always */
	const char *const *names;
	size_t count;
} groups[] = {
	GROUP(NULL, allowed), GROUP("CAP_SYS_ADMIN", sys_admin), GROUP("CAP_DAC_READ_SEARCH", dac_read_search),
	GROUP("CAP_SYS_BOOT", sys_boot), GROUP("CAP_SYS_CHROOT", sys_chroot), GROUP("CAP_SYS_MODULE", sys_module),
	GROUP("CAP_SYS_PACCT", sys_pacct), GROUP("CAP_SYS_PTRACE", sys_ptrace), GROUP("CAP_SYS_RAWIO", sys_rawio),
	GROUP("CAP_SYS_TIME", sys_time), GROUP("CAP_SYS_TTY_CONFIG", sys_tty_config), GROUP("CAP_SYS_NICE", sys_nice),
	GROUP("CAP_SYSLOG", sys_syslog), GROUP("CAP_BPF", bpf_cap), GROUP("CAP_PERFMON", perfmon),
};
/* clang-format on */

#define AF_ALG_NUMBER 38
#define AF_VSOCK_NUMBER 40
#define NAMESPACE_FLAGS UINT64_C(2114060288) /* CLONE_NEW… that clone() takes */
enum { OP_LT = 2, OP_EQ = 4, OP_GT = 6, OP_MASKED_EQ = 7 };

static bool has(const struct oci_capabilities *capabilities, const char *name)
{
	if (!name || !capabilities)
		return true;
	for (size_t i = 0; i < capabilities->bounding.count; i++) {
		if (strcmp(capabilities->bounding.items[i], name) == 0)
			return true;
	}
	return false;
}

struct builder {
	struct arena *arena;
	struct oci_seccomp *profile;
};

static struct oci_syscall *add(struct builder *b, const char *const *names, size_t count, const char *action)
{
	struct oci_syscall *rule = &((struct oci_syscall *)b->profile->syscalls.items)[b->profile->syscalls.count++];

	rule->names = (struct oci_strings){ (const char **)(uintptr_t)names, count };
	rule->action = action;
	return rule;
}

static void add_with_arg(struct builder *b, const char *const *name, unsigned index, int op, uint64_t value)
{
	struct oci_syscall *rule = add(b, name, 1, "SCMP_ACT_ALLOW");
	struct oci_seccomp_arg *arg = ARENA_NEW(b->arena, struct oci_seccomp_arg);

	*arg = (struct oci_seccomp_arg){
		.index = { index, true }, .op = op,
		/* masked: valueTwo is compared with what the mask leaves */
		.value = { value, true }, .value_two = { 0, op == OP_MASKED_EQ },
	};
	rule->args = (struct oci_list){ arg, 1 };
}

void oci_default_seccomp(const struct oci_capabilities *capabilities, struct arena *arena, struct oci_seccomp *ret)
{
	static const char *const personality[] = { "personality" }, *const clone[] = { "clone" };
	static const char *const clone3[] = { "clone3" }, *const socket[] = { "socket" };
	static const uint64_t personalities[] = { 0x0, 0x8, 0x20000, 0x20008, 0xffffffff };
	static const char *const architectures[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" };
	struct builder b = { arena, ret };
	struct utsname host;

	memset(ret, 0, sizeof(*ret));
	ret->default_action = "SCMP_ACT_ERRNO";
	ret->default_errno_ret = (struct oci_u64){ EPERM, true };
	/* elsewhere the native architecture, which is always in, is all there is */
	if (uname(&host) == 0 && strcmp(host.machine, "x86_64") == 0)
		ret->architectures = (struct oci_strings){ (const char **)(uintptr_t)architectures,
							   ARRAY_COUNT(architectures) };
	ret->syscalls.items = arena_array(arena, ARRAY_COUNT(groups) + 16, sizeof(struct oci_syscall));
	for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
		if (has(capabilities, groups[i].capability))
			add(&b, groups[i].names, groups[i].count, "SCMP_ACT_ALLOW");
	}
	for (size_t i = 0; i < ARRAY_COUNT(personalities); i++)
		add_with_arg(&b, personality, 0, OP_EQ, personalities[i]);
	/* sockets of these two families reach the kernel's crypto code and the hypervisor */
	add_with_arg(&b, socket, 0, OP_LT, AF_ALG_NUMBER);
	add_with_arg(&b, socket, 0, OP_EQ, AF_ALG_NUMBER + 1);
	add_with_arg(&b, socket, 0, OP_GT, AF_VSOCK_NUMBER);
	if (!has(capabilities, "CAP_SYS_ADMIN")) {
		add_with_arg(&b, clone, 0, OP_MASKED_EQ, NAMESPACE_FLAGS);
		add(&b, clone3, 1, "SCMP_ACT_ERRNO")->errno_ret = (struct oci_u64){ ENOSYS, true };
	}
}
