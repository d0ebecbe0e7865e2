/* SPDX-License-Identifier: Apache-2.0 */
/* See console.h. */
#include "runtime/console.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "linux/process.h"
#include "linux/terminal.h"

/* Of the "container process state": what the specification's example and crun have. */
#define PROCESS_STATE_VERSION "0.2.0"

int console_connect(const char *path, const char *field, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, ERR_INVALID, "%s: the path is longer than %zu bytes", field,
			       sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_os(err, "%s: connect to %s", field, path);
	return fd_take(&sock);
}

int console_send(int sock, int master, struct err *err)
{
	return fd_send_fds(sock, STR("/dev/ptmx"), &master, 1, err);
}

int console_send_listener(const struct seccomp_program *program, const struct container *c, int listener,
			  struct err *err)
{
	yyjson_mut_doc *doc;
	yyjson_mut_val *root, *fds;
	char *state, *text;
	yyjson_doc *inner;
	int failed;

	AUTO_FD sock = console_connect(program->listener_path, "linux.seccomp.listenerPath", err);
	if (sock < 0)
		return err_wrap(err, "failed to connect with seccomp agent");
	doc = yyjson_mut_doc_new(NULL);
	root = yyjson_mut_obj(doc);
	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "ociVersion", PROCESS_STATE_VERSION);
	fds = yyjson_mut_obj_add_arr(doc, root, "fds");
	yyjson_mut_arr_add_str(doc, fds, "seccompFd");
	yyjson_mut_obj_add_int(doc, root, "pid", c->pid);
	yyjson_mut_obj_add_str(doc, root, "metadata", program->listener_metadata ? program->listener_metadata : "");
	state = container_state_json(c, CONTAINER_CREATING, false);
	inner = yyjson_read(state, strlen(state), 0);
	yyjson_mut_obj_add_val(doc, root, "state", yyjson_val_mut_copy(doc, yyjson_doc_get_root(inner)));
	text = yyjson_mut_write(doc, 0, NULL);
	failed = fd_send_fds(sock, str_from(text), &listener, 1, err);
	yyjson_doc_free(inner);
	yyjson_mut_doc_free(doc);
	free(state);
	free(text);
	return failed;
}

struct relay {
	int master, pidfd, signal_fd;
	struct notify notify;
	bool has_notified;
	bool stdin_open;
};

static int copy_once(int from, int to)
{
	char block[16384];
	ssize_t got = read(from, block, sizeof(block));
	struct err err;

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (got <= 0)
		return 0;
	return fd_write_all(to, block, (size_t)got, &err) < 0 ? 0 : 1;
}

static void on_signal(struct relay *r)
{
	struct signalfd_siginfo si;

	if (read(r->signal_fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGWINCH && r->master >= 0) {
		if (terminal_copy_size(0, r->master) < 0)
			return;
	} else if (si.ssi_signo != SIGCHLD && si.ssi_signo != SIGWINCH &&
		   process_signal(r->pidfd, (int)si.ssi_signo) < 0) {
		return; /* it has ended: the pidfd says so next */
	}
}

/* Whoever waits for it to be ready is not there to be told any more: the program goes on all the same. */
static void on_notify(struct relay *r)
{
	struct err err;

	/* a queue that nobody empties would stop a program that goes on to tell how it is */
	if (r->has_notified) {
		notify_discard(&r->notify);
	} else if (notify_pass(&r->notify, &r->has_notified, &err) < 0) {
		log_warn("runtime", "%s", err.msg);
		r->has_notified = true;
	}
}

static int relay_turn(struct relay *r, bool *ret_ended)
{
	struct pollfd fds[5] = {
		{ .fd = r->pidfd, .events = POLLIN },
		{ .fd = r->signal_fd, .events = POLLIN },
		{ .fd = r->master, .events = POLLIN },
		{ .fd = r->stdin_open && r->master >= 0 ? 0 : -1, .events = POLLIN },
		{ .fd = r->notify.sock, .events = POLLIN },
	};

	if (poll(fds, ARRAY_COUNT(fds), -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[4].revents)
		on_notify(r);
	if (fds[1].revents)
		on_signal(r);
	if (fds[2].revents && copy_once(r->master, 1) == 0)
		r->master = -1;
	if (fds[3].revents && copy_once(0, r->master) == 0)
		r->stdin_open = false;
	/* what the program wrote last is still in the pty, and what it said of itself in the socket */
	*ret_ended = fds[0].revents && !fds[4].revents && (r->master < 0 || !fds[2].revents);
	return 0;
}

int console_relay(int master, int pidfd, const struct notify *notify, int *ret_status, struct err *err)
{
	struct relay r = {
		.master = master, .pidfd = pidfd, .signal_fd = -1, .stdin_open = true,
		.notify = notify ? *notify : (struct notify){ .sock = -1 },
	};
	struct termios saved;
	bool raw = master >= 0 && isatty(0) && terminal_raw(0, &saved) == 0;
	sigset_t set;
	bool ended = false;
	int failed = 0;

	sigfillset(&set);
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGFPE);
	sigdelset(&set, SIGILL);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_os(err, "block signals");
	r.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r.signal_fd < 0)
		return err_os(err, "signalfd");
	if (raw && terminal_copy_size(0, master) < 0)
		raw = true; /* a terminal without a size */
	while (!ended && failed == 0)
		failed = relay_turn(&r, &ended);
	if (raw)
		terminal_restore(0, &saved);
	close(r.signal_fd);
	if (failed == 0)
		failed = process_wait(pidfd, ret_status);
	return failed < 0 ? err_neg(err, failed, "wait for the program") : 0;
}
