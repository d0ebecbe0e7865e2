/* SPDX-License-Identifier: Apache-2.0 */
/* See criu.h. Numbers of fields and types: criu's images/rpc.proto, which newer releases only add
 * to. */
#include "runtime/criu.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/proto.h"
#include "linux/process.h"
#include "runtime/init.h"

#define LOG_TAIL_BYTES 8192
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const struct proto_field page_server_fields[] = {
	PROTO_FIELD(1, BYTES, criu_page_server, address),
	PROTO_FIELD(2, INT32, criu_page_server, port),
	{ 0 },
};
static const struct proto_message page_server_message = PROTO_MESSAGE_OF(criu_page_server,
									 page_server_fields);
static const struct proto_field mount_fields[] = {
	PROTO_FIELD(1, BYTES, criu_mount, key),
	PROTO_FIELD(2, BYTES, criu_mount, value),
	{ 0 },
};
static const struct proto_message mount_message = PROTO_MESSAGE_OF(criu_mount, mount_fields);
static const struct proto_field join_fields[] = {
	PROTO_FIELD(1, BYTES, criu_join, type),
	PROTO_FIELD(2, BYTES, criu_join, path),
	{ 0 },
};
static const struct proto_message join_message = PROTO_MESSAGE_OF(criu_join, join_fields);
static const struct proto_field inherit_fields[] = {
	PROTO_FIELD(1, BYTES, criu_inherit, key),
	PROTO_FIELD(2, INT32, criu_inherit, fd),
	{ 0 },
};
static const struct proto_message inherit_message = PROTO_MESSAGE_OF(criu_inherit, inherit_fields);
static const struct proto_field cgroup_root_fields[] = {
	PROTO_FIELD(1, BYTES, criu_cgroup_root, controller),
	PROTO_FIELD(2, BYTES, criu_cgroup_root, path),
	{ 0 },
};
static const struct proto_message cgroup_root_message = PROTO_MESSAGE_OF(criu_cgroup_root,
									 cgroup_root_fields);

static const struct proto_field options_fields[] = {
	PROTO_FIELD(1, INT32, criu_options, images_dir_fd),
	PROTO_FIELD(2, INT32, criu_options, pid),
	PROTO_FIELD(3, BOOL, criu_options, leave_running),
	PROTO_FIELD(4, BOOL, criu_options, ext_unix_sk),
	PROTO_FIELD(5, BOOL, criu_options, tcp_established),
	PROTO_FIELD(6, BOOL, criu_options, evasive_devices),
	PROTO_FIELD(7, BOOL, criu_options, shell_job),
	PROTO_FIELD(8, BOOL, criu_options, file_locks),
	PROTO_FIELD(9, INT32, criu_options, log_level),
	PROTO_FIELD(10, BYTES, criu_options, log_file),
	PROTO_SUB(11, criu_options, page_server, page_server_message),
	PROTO_FIELD(12, BOOL, criu_options, notify_scripts),
	PROTO_FIELD(13, BYTES, criu_options, root),
	PROTO_FIELD(14, BYTES, criu_options, parent_img),
	PROTO_FIELD(15, BOOL, criu_options, track_mem),
	PROTO_FIELD(16, BOOL, criu_options, auto_dedup),
	PROTO_FIELD(17, INT32, criu_options, work_dir_fd),
	PROTO_SUBS(23, criu_options, mounts, mount_message),
	PROTO_FIELD(24, BOOL, criu_options, manage_cgroups),
	PROTO_SUBS(25, criu_options, cgroup_roots, cgroup_root_message),
	PROTO_FIELD(26, BOOL, criu_options, rst_sibling),
	PROTO_SUBS(27, criu_options, inherits, inherit_message),
	PROTO_EXPLICIT(34, INT32, criu_options, manage_cgroups_mode),
	PROTO_LIST(37, BYTES, criu_options, externals),
	PROTO_FIELD(38, UINT64, criu_options, empty_ns),
	PROTO_SUBS(39, criu_options, joins, join_message),
	PROTO_FIELD(44, BYTES, criu_options, freeze_cgroup),
	PROTO_FIELD(48, BOOL, criu_options, lazy_pages),
	PROTO_FIELD(49, INT32, criu_options, status_fd),
	PROTO_FIELD(50, BOOL, criu_options, orphan_pts_master),
	PROTO_FIELD(51, BYTES, criu_options, config_file),
	PROTO_FIELD(53, BYTES, criu_options, lsm_profile),
	PROTO_FIELD(63, BYTES, criu_options, lsm_mount_context),
	PROTO_FIELD(64, INT32, criu_options, network_lock),
	{ 0 },
};
static const struct proto_message options_message = PROTO_MESSAGE_OF(criu_options, options_fields);

struct criu_request {
	int32_t type;
	const struct criu_options *options;
	bool notify_success;
};
static const struct proto_field request_fields[] = {
	PROTO_FIELD(1, INT32, criu_request, type),
	PROTO_SUB(2, criu_request, options, options_message),
	PROTO_FIELD(3, BOOL, criu_request, notify_success),
	{ 0 },
};
static const struct proto_message request_message = PROTO_MESSAGE_OF(criu_request, request_fields);

static const struct proto_field notification_fields[] = {
	PROTO_FIELD(1, BYTES, criu_notification, script),
	PROTO_FIELD(2, INT32, criu_notification, pid),
	{ 0 },
};
static const struct proto_message notification_message = PROTO_MESSAGE_OF(criu_notification,
									  notification_fields);

struct criu_answer {
	int32_t type;
	bool success;
	struct criu_notification *notification;
	int32_t error;
};
static const struct proto_field answer_fields[] = {
	PROTO_FIELD(1, INT32, criu_answer, type),
	PROTO_FIELD(2, BOOL, criu_answer, success),
	PROTO_SUB(5, criu_answer, notification, notification_message),
	PROTO_FIELD(7, INT32, criu_answer, error),
	{ 0 },
};
static const struct proto_message answer_message = PROTO_MESSAGE_OF(criu_answer, answer_fields);

const char *criu_find_program(const char *name, struct arena *arena)
{
	const char *path = getenv("PATH");
	struct str rest, dir;

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? name : NULL;
	/* whoever calls us may have no /usr/sbin in its PATH */
	rest = str_printf_in(arena, "%s:" PATH_DEFAULT, path ? path : "");
	while (str_next_part(&rest, ':', &dir)) {
		const char *file = str_printf_in(arena, STR_FMT "/%s", STR_ARG(dir), name).ptr;

		if (dir.len > 0 && access(file, X_OK) == 0)
			return file;
	}
	return NULL;
}

int criu_find(const char *program, struct arena *arena, const char **ret_path, struct err *err)
{
	const char *path;

	if (!program || !program[0])
		program = "criu";
	path = criu_find_program(program, arena);
	if (!path)
		return err_set(err, ERR_UNSUPPORTED,
			       "criu: executable file %s not found: install criu", program);
	*ret_path = path;
	return 0;
}

int criu_encode(enum criu_type type, const struct criu_options *options, struct buf *to,
		struct err *err)
{
	struct criu_request request = { .type = type,
					.options = options,
					.notify_success = !options };

	proto_encode(&request_message, &request, to);
	return buf_check(to, "the request to criu", err);
}

int criu_decode(struct str bytes, struct arena *arena, enum criu_type *ret_type,
		struct criu_notification *ret, struct err *err)
{
	struct criu_answer answer;

	if (proto_decode(&answer_message, bytes, arena, &answer, err) < 0)
		return err_wrap(err, "criu's answer");
	if (!answer.success)
		return err_set(err, ERR_INTERNAL, "errno %d", (int)answer.error);
	if (answer.type == CRIU_NOTIFY && !answer.notification)
		return err_set(err, ERR_PARSE, "criu's answer: a notification without its name");
	*ret_type = (enum criu_type)answer.type;
	*ret = answer.notification ? *answer.notification : (struct criu_notification){ 0 };
	return 0;
}

static NORETURN void exec_criu(const struct criu_call *call, const char *path, int sock, int report)
{
	struct err err;
	sigset_t none;

	sigemptyset(&none);
	if (call->prepare && call->prepare(call->arg, &err) < 0)
		init_fail(report, &err);
	if (dup2(sock, 3) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0) {
		err_os(&err, "start criu");
		init_fail(report, &err);
	}
	execl(path, path, "swrk", "3", NULL);
	err_os(&err, "start %s", path);
	init_fail(report, &err);
}

/* Ends without a word when criu runs; else with why not. */
static int wait_for_exec(int report, struct err *err)
{
	char message[1 + sizeof(struct err)];
	ssize_t got;

	do {
		got = recv(report, message, sizeof(message), 0);
	} while (got < 0 && errno == EINTR);
	if (got == 0)
		return 0;
	if (got == (ssize_t)sizeof(message) && err) {
		memcpy(err, message + 1, sizeof(*err));
		err->msg[sizeof(err->msg) - 1] = '\0';
	}
	return -1;
}

static int serve(const struct criu_call *call, int sock, struct arena *arena, struct err *err)
{
	char *message = arena_alloc(arena, CRIU_MESSAGE_MAX);
	int status_fd = call->options->status_fd;
	AUTO_BUF bytes = { 0 };

	buf_init(&bytes, CRIU_MESSAGE_MAX);
	if (criu_encode(call->type, call->options, &bytes, err) < 0)
		return -1;
	for (;;) {
		struct criu_notification notification;
		enum criu_type type;
		size_t fd_count;
		ssize_t got;
		AUTO_FD fd = -1;

		if (send(sock, bytes.ptr, bytes.len, MSG_NOSIGNAL) < 0)
			return err_os(err, "speak to criu");
		got = fd_recv_fds(sock, message, CRIU_MESSAGE_MAX, &fd, 1, &fd_count, err);
		if (status_fd > 0) /* criu has opened it for itself; who reads it waits for the last
				      one to close */
			fd_close(&status_fd);
		if (got == 0)
			return err_set(err, ERR_INTERNAL, "it ended without an answer");
		if (got < 0 || criu_decode(str_sub(message, (size_t)got), arena, &type,
					   &notification, err) < 0)
			return -1;
		if (type != CRIU_NOTIFY)
			return type == call->type
				       ? 0
				       : err_set(err, ERR_INTERNAL,
						 "it answered what was not asked (%d)", type);
		log_debug("runtime", "criu: notify: " STR_FMT, STR_ARG(notification.script));
		if (call->notified && call->notified(call->arg, &notification, &fd, err) < 0)
			return -1;
		buf_reset(&bytes);
		if (criu_encode(CRIU_NOTIFY, NULL, &bytes, err) < 0)
			return -1;
	}
}

/* The last error of its log says more than its number does. */
static void add_reason(const char *log_path, struct err *err)
{
	char tail[LOG_TAIL_BYTES];
	struct str rest, line, reason = STR_NONE;
	off_t size;
	ssize_t got;

	AUTO_FD fd = open(log_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	if (size < 0)
		return;
	got = pread(fd, tail, sizeof(tail),
		    size > (off_t)sizeof(tail) ? size - (off_t)sizeof(tail) : 0);
	rest = str_sub(tail, got > 0 ? (size_t)got : 0);
	while (str_next_part(&rest, '\n', &line)) {
		size_t at = str_find(line, STR("Error ("), 0);

		/* that it failed is known, and its util.c tells of programs that had to end */
		if (at < line.len && !str_contains(line, STR("FAILED")) &&
		    !str_contains(line, STR("(criu/util.c")))
			reason = str_slice(line, at, at + 160);
	}
	if (reason.len > 0) {
		size_t len = strlen(err->msg);

		snprintf(err->msg + len, sizeof(err->msg) - len, ": " STR_FMT, STR_ARG(reason));
	}
}

static int failed_call(const struct criu_call *call, struct err *err)
{
	static const char *const names[] = {
		[CRIU_DUMP] = "DUMP", [CRIU_RESTORE] = "RESTORE", [CRIU_PRE_DUMP] = "PRE_DUMP"
	};

	err_wrap(err, "criu failed: type %s", names[call->type]);
	if (err) {
		size_t len = strlen(err->msg);

		snprintf(err->msg + len, sizeof(err->msg) - len, ": log file: %s", call->log_path);
		add_reason(call->log_path, err);
	}
	return -1;
}

int criu_run(const struct criu_call *call, struct arena *arena, struct err *err)
{
	int pair[2], report[2], status = 0, failed;
	AUTO_FD pidfd = -1;
	const char *path;
	pid_t pid;

	if (criu_find(call->program, arena, &path, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_os(err, "socketpair");
	AUTO_FD sock = pair[0];
	AUTO_FD theirs = pair[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report) < 0)
		return err_os(err, "socketpair");
	AUTO_FD report_sock = report[0];
	AUTO_FD report_theirs = report[1];
	pid = process_clone(0, -1, &pidfd);
	if (pid < 0)
		return err_neg(err, pid, "make a process for criu");
	if (pid == 0)
		exec_criu(call, path, pair[1], report[1]);
	fd_close(&theirs);
	fd_close(&report_theirs);
	if (wait_for_exec(report_sock, err) < 0)
		return process_wait(pidfd, &status) < 0 ? err_os(err, "wait for criu") : -1;
	failed = serve(call, sock, arena, err);
	fd_close(&sock);
	/* after a pre-dump it waits for the next one */
	if (call->type == CRIU_PRE_DUMP && process_signal(pidfd, SIGKILL) < 0)
		log_debug("runtime", "criu has ended");
	if (process_wait(pidfd, &status) < 0)
		return err_os(err, "wait for criu");
	if (status != 0 &&
	    (failed == 0 ? call->type != CRIU_PRE_DUMP : err && err->code == ERR_OS)) {
		/* that says more than that it does not listen any more */
		failed = err_set(err, ERR_INTERNAL,
				 WIFSIGNALED(status) ? "ended by signal %d" : "exit status %d",
				 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
	return failed < 0 ? failed_call(call, err) : 0;
}
