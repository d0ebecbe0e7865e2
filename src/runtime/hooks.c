/* SPDX-License-Identifier: Apache-2.0 */
/* See hooks.h. The state is written before the hook can block us: it fits into a pipe's buffer, or a memfd is used. */
#include "runtime/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "linux/process.h"
#include "linux/signals.h"

#define SAID_MAX 4096

static NORETURN void exec_hook(const struct oci_hook *hook, const struct hooks_occasion *occasion, int stdin_fd,
			       int stderr_fd)
{
	const char *const *env = occasion->environment ? occasion->environment : (const char *const *)environ;
	const char *args[] = { hook->path, NULL };
	sigset_t none;

	sigemptyset(&none);
	if (dup2(stdin_fd, 0) < 0 || dup2(stderr_fd, 2) < 0 || close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0 ||
	    (occasion->cwd && chdir(occasion->cwd) < 0) || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		_exit(126);
	if (hook->env.items)
		env = hook->env.items;
	execve(hook->path, (char *const *)(hook->args.count ? hook->args.items : args),
	       (char *const *)(uintptr_t)env);
	_exit(errno == ENOENT ? 127 : 126);
}

/* What it had to say: part of the error it ended with, else passed on. */
static int report(int said_fd, int failed, struct err *err)
{
	char text[SAID_MAX];
	struct err inner;
	ssize_t got = pread(said_fd, text, SAID_MAX, 0);
	struct str said = str_trim(str_sub(text, got > 0 ? (size_t)got : 0));

	if (said.len == 0)
		return failed;
	if (failed == 0) {
		if (fd_write_all(2, text, (size_t)got, &inner) < 0)
			log_debug("runtime", "%s", inner.msg);
		return 0;
	}
	inner = *err;
	return err_set(err, inner.code, "%.100s, stderr: " STR_FMT, inner.msg, STR_ARG(str_slice(said, 0, 250)));
}

static int run_one(const struct oci_hook *hook, const struct hooks_occasion *occasion, struct err *err)
{
	int timeout_ms = hook->timeout.is_set
				 ? (int)(hook->timeout.value > 2000000 ? 2000000
								       : hook->timeout.value) *
					   1000
				 : -1;
	AUTO_FD input = memfd_create("state", MFD_CLOEXEC);
	AUTO_FD said = memfd_create("stderr", MFD_CLOEXEC);
	AUTO_FD pidfd = -1;
	char text[SIGNAL_TEXT_BYTES];
	int status = 0, got;
	pid_t pid;

	if (input < 0 || said < 0 || fd_write_all(input, occasion->state.ptr, occasion->state.len, err) < 0 ||
	    lseek(input, 0, SEEK_SET) < 0)
		return err_os(err, "hand over the state");
	pid = process_clone(0, -1, &pidfd);
	if (pid < 0)
		return err_neg(err, pid, "make a process");
	if (pid == 0)
		exec_hook(hook, occasion, input, said);
	do {
		got = poll(&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, timeout_ms);
	} while (got < 0 && errno == EINTR);
	if (got == 0 && process_signal(pidfd, SIGKILL) < 0)
		got = 0; /* it ended just now */
	if (process_wait(pidfd, &status) < 0)
		return err_os(err, "wait");
	if (got == 0)
		got = err_set(err, ERR_TIMEOUT, "took longer than %d s", timeout_ms / 1000);
	else if (WIFSIGNALED(status))
		got = err_set(err, ERR_INTERNAL, "signal: %s", signal_text(WTERMSIG(status), text));
	else if (WEXITSTATUS(status) != 0)
		got = err_set(err, ERR_INTERNAL, "exit status %d", WEXITSTATUS(status));
	return report(said, got < 0 ? -1 : 0, err);
}

int hooks_run(const struct oci_list *hooks, const struct hooks_occasion *occasion, struct err *err)
{
	for (size_t i = 0; i < hooks->count; i++) {
		const struct oci_hook *hook = OCI_ITEM(*hooks, struct oci_hook, i);

		if (run_one(hook, occasion, err) < 0)
			/* the words of runc, first up to 1.1, then since 1.2: both are looked for */
			return err_wrap(err, "error running hook: error running %s hook #%zu: %s", occasion->name, i,
					hook->path);
	}
	return 0;
}
