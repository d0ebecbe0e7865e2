/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See program.h. The order matters: limits are raised and the oom score lowered while we are root; without no_new_privs
 * the filter must be loaded while CAP_SYS_ADMIN is there, with it the filter comes last, so that it needs to allow
 * nothing but execve.
 */
#include "runtime/program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/defence.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "linux/filter.h"
#include "linux/process.h"
#include "runtime/label.h"
#include "runtime/placement.h"
#include "runtime/selfexe.h"

#define PASSWD_LINES_MAX 65536

static void parse_set(const struct oci_strings *names, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < names->count; i++) {
		int number = capability_number(names->items[i]);

		if (number >= 0)
			*ret |= UINT64_C(1) << number;
		else /* cannot be given; a profile for newer kernels is to run here as well */
			log_warn("runtime", "process.capabilities: \"%.40s\" is not known here", names->items[i]);
	}
}

/* The kernel raises only what is permitted and inheritable; the other runtimes warn, and images rely on it. */
static void drop_ambient(struct capability_sets *sets)
{
	uint64_t refused = sets->ambient & ~(sets->permitted & sets->inheritable);

	for (int i = 0; refused >> i; i++) {
		if (refused >> i & 1)
			log_warn("runtime",
				 "process.capabilities: can't raise ambient capability %s: operation not permitted",
				 capability_name(i));
	}
	sets->ambient &= ~refused;
}

int program_prepare(struct program *program, const struct oci_process *process, struct err *err)
{
	struct capability_sets *sets = &program->capabilities;

	program->process = process;
	if (!process->args.count || !process->args.items[0][0])
		return err_set(err, ERR_INVALID, "process.args: must not be empty");
	if (!process->capabilities)
		return 0; /* none at all, as the peers have it */
	parse_set(&process->capabilities->bounding, &sets->bounding);
	parse_set(&process->capabilities->effective, &sets->effective);
	parse_set(&process->capabilities->inheritable, &sets->inheritable);
	parse_set(&process->capabilities->permitted, &sets->permitted);
	parse_set(&process->capabilities->ambient, &sets->ambient);
	drop_ambient(sets);
	if (sets->effective & ~sets->permitted)
		return err_set(err, ERR_INVALID, "process.capabilities.effective: each must be permitted as well");
	return 0;
}

int program_become_root(const struct oci_process *process, struct err *err)
{
	/* where root is not mapped, the user is whoever is; the capabilities are there in any case */
	bool has_user = process && process->user;
	gid_t gid = has_user ? (gid_t)process->user->gid.value : 0;
	uid_t uid = has_user ? (uid_t)process->user->uid.value : 0;

	if (syscall(SYS_setresgid, 0, 0, 0) < 0 && (errno != EINVAL || syscall(SYS_setresgid, gid, gid, gid) < 0))
		return err_os(err, "become root's group in the user namespace");
	if (syscall(SYS_setresuid, 0, 0, 0) < 0 && (errno != EINVAL || syscall(SYS_setresuid, uid, uid, uid) < 0))
		return err_os(err, "become root of the user namespace");
	return 0;
}

int program_open_host(struct program *program, struct err *err)
{
	program->host_proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return program->host_proc_fd < 0 ? err_os(err, "open /proc") : 0;
}

/* linux/sched/types.h cannot be included beside sched.h. */
struct sched_attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

int program_write_self(const struct program *program, const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "%sself/%s", defence(DEFENCE_HOST_PROC) ? "" : "/proc/", name);
	return fd_write_file(program->host_proc_fd, path, str_from(text), NULL) < 0 ? -errno : 0;
}

static int set_oom_score(const struct program *program, struct err *err)
{
	const struct oci_i64 *want = &program->process->oom_score_adj;
	char text[16];

	if (!want->is_set)
		return 0;
	snprintf(text, sizeof(text), "%d", (int)want->value);
	if (program_write_self(program, "oom_score_adj", text) < 0)
		return err_set(err, ERR_FORBIDDEN, "process.oomScoreAdj: this host does not permit %s", text);
	return 0;
}

static int set_scheduler(const struct oci_process *p, struct err *err)
{
	static const struct {
		char name[28];
		uint64_t flag;
	} flags[] = {
		{ "SCHED_FLAG_RESET_ON_FORK", 1 },   { "SCHED_FLAG_RECLAIM", 2 },
		{ "SCHED_FLAG_DL_OVERRUN", 4 },	     { "SCHED_FLAG_KEEP_POLICY", 8 },
		{ "SCHED_FLAG_KEEP_PARAMS", 16 },    { "SCHED_FLAG_UTIL_CLAMP_MIN", 32 },
		{ "SCHED_FLAG_UTIL_CLAMP_MAX", 64 },
	};
	struct sched_attributes attr = { .size = sizeof(attr) };

	if (p->scheduler) {
		attr.policy = (uint32_t)p->scheduler->policy;
		attr.nice = (int32_t)p->scheduler->nice.value;
		attr.priority = (uint32_t)p->scheduler->priority.value;
		attr.runtime = p->scheduler->runtime.value;
		attr.deadline = p->scheduler->deadline.value;
		attr.period = p->scheduler->period.value;
		for (size_t i = 0; i < p->scheduler->flags.count; i++) {
			size_t k = 0;

			while (k < ARRAY_COUNT(flags) && strcmp(flags[k].name, p->scheduler->flags.items[i]) != 0)
				k++;
			if (k == ARRAY_COUNT(flags))
				return err_set(err, ERR_INVALID, "process.scheduler.flags[%zu]: unknown \"%.40s\"", i,
					       p->scheduler->flags.items[i]);
			attr.flags |= flags[k].flag;
		}
		if (syscall(SYS_sched_setattr, 0, &attr, 0) < 0) {
			/* sched_setattr(2): it wants all processors */
			if (errno == EPERM && attr.policy == 6)
				return err_set(err, ERR_FORBIDDEN,
					       "process.scheduler: process scheduler can't be used together with "
					       "AllowedCPUs, nor without the privilege");
			/* cpu.rt_runtime_us of a new group is 0 (sched-rt-group.rst) */
			if (errno == EPERM && (attr.policy == SCHED_FIFO || attr.policy == SCHED_RR))
				return err_set(err, ERR_FORBIDDEN,
					       "process.scheduler: operation not permitted: without the privilege, or "
					       "without linux.resources.cpu.realtimeRuntime for its cgroup");
			return err_os(err, "process.scheduler");
		}
	}
	if (p->io_priority &&
	    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
		    IOPRIO_PRIO_VALUE(p->io_priority->class, (int)p->io_priority->priority.value)) < 0)
		return err_os(err, "process.ioPriority");
	return 0;
}

static int set_personality(const struct oci_personality *p, struct err *err)
{
	if (!p)
		return 0;
	if (p->flags.count)
		return err_set(err, ERR_UNSUPPORTED, "linux.personality.flags: no flags are supported");
	if (strcmp(p->domain, "LINUX32") != 0 && strcmp(p->domain, "LINUX") != 0)
		return err_set(err, ERR_INVALID, "linux.personality.domain: expected LINUX or LINUX32, got \"%.40s\"",
			       p->domain);
	if (personality(p->domain[5] ? PER_LINUX32 : PER_LINUX) < 0)
		return err_os(err, "linux.personality.domain");
	return 0;
}

static int set_limits(const struct oci_process *p, struct err *err)
{
	for (size_t i = 0; i < p->rlimits.count; i++) {
		const struct oci_rlimit *want = OCI_ITEM(p->rlimits, struct oci_rlimit, i);
		struct rlimit limit = { want->soft.value, want->hard.value };

		if (setrlimit((__rlimit_resource_t)want->type, &limit) < 0)
			return err_os(err, "process.rlimits[%zu]", i);
	}
	return 0;
}

/* Programs reopen /dev/stdout by path, which needs the file to be theirs; what is shared with others stays as it is. */
static void own_stdio(uid_t uid)
{
	struct stat st;

	if (uid == 0)
		return;
	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) < 0 || st.st_uid == uid || (S_ISCHR(st.st_mode) && st.st_rdev != 0 && !isatty(fd)))
			continue;
		if (fchown(fd, uid, (gid_t)-1) < 0)
			continue; /* read-only, or of another user namespace */
	}
}

static int set_user(struct program *program, struct err *err)
{
	const struct oci_user *user = program->process->user;
	gid_t gid = (gid_t)user->gid.value;
	uid_t uid = (uid_t)user->uid.value;

	if (capability_drop_bounding(&program->capabilities) < 0)
		return err_os(err, "process.capabilities.bounding");
	if (defence(DEFENCE_GROUPS) && !program->keeps_groups &&
	    setgroups(user->additional_gids.count, user->additional_gids.items) < 0 &&
	    !(errno == EPERM && user->additional_gids.count == 0))
		return err_os(err, "process.user.additionalGids");
	if (syscall(SYS_setresgid, gid, gid, gid) < 0)
		return err_os(err, "process.user.gid");
	if (syscall(SYS_setresuid, uid, uid, uid) < 0)
		return err_os(err, "process.user.uid");
	if (user->umask.is_set)
		umask((mode_t)user->umask.value);
	return 0;
}

/* Once as root and once as the user: it is enough that one of them may go there. */
static int enter_cwd(const struct oci_process *p, bool is_there, struct err *err)
{
	char where[PATH_MAX];

	if (!is_there && chdir(p->cwd) < 0)
		return err_os(err, "process.cwd: %s", p->cwd);
	/* A folder outside our root (leaked by descriptor or mount) has no path here. */
	if (defence(DEFENCE_WORKING_FOLDER) && (syscall(SYS_getcwd, where, sizeof(where)) < 0 || where[0] != '/'))
		return err_set(err, ERR_FORBIDDEN, "process.cwd: %s is outside of the container", p->cwd);
	return 0;
}

static const char *environment(const struct oci_process *p, const char *name)
{
	size_t len = strlen(name);

	/* the last one wins, as with exec'd programs that scan from the end do not; so engines append overrides */
	for (size_t i = p->env.count; i-- > 0;) {
		if (strncmp(p->env.items[i], name, len) == 0 && p->env.items[i][len] == '=')
			return p->env.items[i] + len + 1;
	}
	return NULL;
}

static int check_file(const char *path, const char *name, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return err_set(err, ERR_NOT_FOUND,
				       "exec: \"%s\": stat %s: no such file or directory", name,
				       path);
		return err_set(err, ERR_FORBIDDEN, "exec: \"%s\": %s", name, strerror(errno));
	}
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_FORBIDDEN, "exec: \"%s\": permission denied: it is a directory", name);
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return err_set(err, ERR_FORBIDDEN, "exec: \"%s\": permission denied", name);
	return 0;
}

static int find_program(struct program *program, struct err *err)
{
	const char *name = program->process->args.items[0];
	const char *path = environment(program->process, "PATH");
	struct str rest, dir;
	struct err inner;
	bool denied = false;

	if (strchr(name, '/')) {
		if (str_copy_to(str_from(name), program->path, sizeof(program->path)) < 0)
			return err_set(err, ERR_INVALID, "process.args[0]: too long");
		return check_file(name, name, err);
	}
	rest = str_from(path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	while (str_next_part(&rest, ':', &dir)) {
		if (snprintf(program->path, sizeof(program->path), STR_FMT "/%s",
			     STR_ARG(dir.len ? dir : STR(".")), name) >= (int)sizeof(program->path))
			continue;
		if (check_file(program->path, name, &inner) == 0)
			return 0;
		denied |= inner.code == ERR_FORBIDDEN && faccessat(AT_FDCWD, program->path, F_OK, 0) == 0;
	}
	if (denied)
		return err_set(err, ERR_FORBIDDEN, "exec: \"%s\": permission denied", name);
	return err_set(err, ERR_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH", name);
}

static int take_stdio(struct program *program, struct err *err)
{
	for (int i = 0; i < 3; i++) {
		if (program->stdio[i] >= 0 && dup3(program->stdio[i], i, 0) < 0 && errno != EINVAL)
			return err_os(err, "pass stdio %d", i);
	}
	return 0;
}

/* The host's /dev/null is a file of a mount outside, which checkpoints stumble over: the container's own is as good,
 * when it is one. */
static void reopen_null(const struct program *program)
{
	const dev_t null_device = makedev(1, 3);
	char path[32];
	struct stat st;
	AUTO_FD own = -1;

	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != null_device)
			continue;
		if (own < 0) {
			AUTO_FD there = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);

			if (there < 0 || fstat(there, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != null_device)
				return;
			snprintf(path, sizeof(path), "self/fd/%d", there);
			own = openat(program->host_proc_fd, path, O_RDWR | O_CLOEXEC);
		}
		if (own < 0 || dup3(own, fd, 0) < 0)
			return;
	}
}

int program_enter(struct program *program, struct err *err)
{
	const uint64_t opens_files = UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_DAC_READ_SEARCH;
	const struct oci_process *p = program->process;
	bool is_there;
	sigset_t none;

	if (take_stdio(program, err) < 0 || set_oom_score(program, err) < 0 || set_scheduler(p, err) < 0 ||
	    set_personality(program->personality, err) < 0)
		return -1;
	reopen_null(program);
	if (placement_set_memory(program->memory_policy, err) < 0)
		return -1;
	if (label_set_exec(program, err) < 0)
		return -1;
	own_stdio((uid_t)p->user->uid.value);
	is_there = chdir(p->cwd) == 0;
	if (set_limits(p, err) < 0 || set_user(program, err) < 0 || enter_cwd(p, is_there, err) < 0)
		return -1;
	/* changing the user took the effective ones; the program itself may have what opens any file */
	if (p->user->uid.value != 0 && (program->capabilities.effective & opens_files) && capability_raise() < 0)
		return err_os(err, "raise capabilities");
	if (find_program(program, err) < 0)
		return -1;
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return err_os(err, "reset the signal mask");
	for (int i = 1; i < SIGRTMIN; i++) {
		struct sigaction action;

		/* ignored signals survive execve: give the program a clean start */
		if (sigaction(i, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
			action.sa_handler = SIG_DFL;
			if (sigaction(i, &action, NULL) < 0)
				return err_os(err, "reset signal %d", i);
		}
	}
	return 0;
}

static int load_filter(struct program *program, struct err *err)
{
	int listener = -1, failed;

	if (!program->seccomp.filter)
		return 0;
	log_debug("runtime", "seccomp filter flags: %u", program->seccomp.flags);
	failed = filter_seccomp(program->seccomp.filter, program->seccomp.count, program->seccomp.flags, &listener);
	if (failed < 0)
		return err_neg(err, failed, "linux.seccomp: load");
	if (listener >= 0) {
		failed = fd_send_fds(program->error_sock, STR("L"), &listener, 1, err);
		close(listener);
	}
	return failed;
}

/* HOME for programs that expect it, as a login would set it; from the container's own passwd file. */
static const char *home_folder(uid_t uid, char *line, size_t line_bytes)
{
	/* not fopen: the container may have put a pipe there to hold us up */
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		fclose(file);
		return "HOME=/";
	}
	/* nor with a file that has no end */
	for (int i = 0; i < PASSWD_LINES_MAX && file && fgets(line, (int)line_bytes, file); i++) {
		struct str rest = str_from(line), field[7];
		uint64_t number;
		int n = 0;

		while (n < 7 && str_next_part(&rest, ':', &field[n]))
			n++;
		if (n == 7 && num_parse_u64(field[2], UINT32_MAX, "uid", &number, NULL) == 0 && number == uid &&
		    field[5].len > 0) {
			memmove(line + 5, field[5].ptr, field[5].len);
			memcpy(line, "HOME=", 5);
			line[5 + field[5].len] = '\0';
			fclose(file);
			return line;
		}
	}
	if (file)
		fclose(file);
	return "HOME=/";
}

/* Of a name that is there more than once the last one, and no empty HOME. Returns how many. */
static size_t put_environment(const struct oci_process *p, const char **to)
{
	size_t count = 0;

	for (size_t i = 0; i < p->env.count; i++) {
		const char *item = p->env.items[i];
		size_t name_len = strcspn(item, "=") + 1;
		bool again = strcmp(item, "HOME=") == 0;

		for (size_t k = i + 1; k < p->env.count && !again; k++)
			again = strncmp(p->env.items[k], item, name_len) == 0;
		if (!again)
			to[count++] = item;
	}
	return count;
}

/* Closed, not only marked for it: execve looks up its file, and the interpreter of a script, while what is marked is
 * still open, and from a folder of the host's ".." leads to all of its files (CVE-2024-21626). */
static int close_others(const struct program *program)
{
	unsigned from = (unsigned)(3 + program->preserve_fds);
	int keep[2] = { program->error_sock, log_fd() };

	if (keep[0] > keep[1]) {
		keep[0] = log_fd();
		keep[1] = program->error_sock;
	}
	if (close_range(from, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_COUNT(keep); i++) {
		if (keep[i] < (int)from)
			continue;
		if (keep[i] > (int)from && close_range(from, (unsigned)keep[i] - 1, 0) < 0)
			return -errno;
		from = (unsigned)keep[i] + 1;
	}
	return close_range(from, ~0u, 0) < 0 ? -errno : 0;
}

int program_exec(struct program *program, struct err *err)
{
	const struct oci_process *p = program->process;
	const char **env = mem_calloc(p->env.count + 2, sizeof(*env));
	const char *home = environment(p, "HOME");
	char line[1024];
	size_t count = put_environment(p, env);
	int failed = defence(DEFENCE_DESCRIPTORS) ? close_others(program) : 0;

	if (failed < 0)
		return err_neg(err, failed, "close descriptors");
	if (!home || !home[0])
		env[count] = home_folder((uid_t)p->user->uid.value, line, sizeof(line));
	program->environment = env;
	if (!p->no_new_privileges && program->seccomp.filter) {
		/* setuid() took the effective ones; loading a filter needs CAP_SYS_ADMIN */
		if (p->user->uid.value != 0 && capability_raise() < 0)
			return err_os(err, "raise capabilities");
		if (load_filter(program, err) < 0)
			return -1;
	}
	if (capability_apply(&program->capabilities) < 0)
		return err_os(err, "process.capabilities");
	if (p->no_new_privileges) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			return err_os(err, "process.noNewPrivileges");
		if (load_filter(program, err) < 0)
			return -1;
	}
	log_debug("runtime",
		  "setns_init: about to exec"); /* the words of runc's, for whom they were made */
	if (program->before_exec && program->before_exec(program->before_exec_arg, err) < 0)
		return -1;
	/* from here the end of the connection means that it worked */
	if (send(program->error_sock, "X", 1, MSG_NOSIGNAL) < 0)
		return err_os(err, "speak to the parent");
	execve(program->path, (char *const *)(uintptr_t)p->args.items, (char *const *)(uintptr_t)env);
	if (errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, PROGRAM_REFUSED "%s: no such file or directory", program->path);
	return err_set(err, ERR_FORBIDDEN, PROGRAM_REFUSED "%s: %s", program->path,
		       errno == ENOEXEC ? "exec format error" : strerror(errno));
}
