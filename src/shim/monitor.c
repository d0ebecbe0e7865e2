/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See monitor.h. One poll() over: signals (SIGCHLD), the socket, the container's streams and its stdin, the clients.
 *
 *   CREATED --MONITOR_START--> RUNNING --SIGCHLD--> EXITED: streams drained --> exit.json --> MONITOR_EXITED --> end
 *
 * Streams are read only while no client is behind, so one chunk is all the memory output ever takes.
 */
#include "shim/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yyjson.h>
#include "base/fd.h"
#include "base/time.h"
#include "linux/process.h"
#include "shim/monitor_internal.h"

#define INPUT_BYTES_MAX (256u << 10) /* at most one block of each client that gave input */

enum { POLL_SIGNAL, POLL_LISTEN, POLL_STDOUT, POLL_STDERR, POLL_MASTER, POLL_STDIN, POLL_OOM, POLL_PEERS };

int monitor_listen(int state_dir_fd, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t old;
	int failed;

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" MONITOR_SOCKET_NAME, state_dir_fd);
	if (fd < 0)
		return err_os(err, "socket");
	old = umask(0177);
	failed = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(old);
	if (failed < 0 || listen(fd, SHIM_PEERS_MAX) < 0)
		return err_os(err, "make " MONITOR_SOCKET_NAME);
	return fd_take(&fd);
}

const char *monitor_status(const struct monitor *m)
{
	return m->has_exited ? "stopped" : m->subject->started_ns ? "running" : "created";
}

void monitor_give_input(struct monitor *m)
{
	struct shim_subject *s = m->subject;
	int fd = s->master_fd >= 0 ? s->master_fd : s->stdin_fd;
	ssize_t put;

	while (m->input.len > 0) {
		put = fd < 0 ? -1 : write(fd, m->input.ptr, m->input.len);
		if (put < 0 && fd >= 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (put < 0) {
			buf_reset(&m->input); /* nobody reads it any more */
			break;
		}
		buf_consume(&m->input, (size_t)put);
	}
	if (m->close_input && s->stdin_fd >= 0)
		fd_close(&s->stdin_fd);
}

/* One chunk of a stream to the log and to the clients. */
static void read_stream(struct monitor *m, int *fd, int stream)
{
	char chunk[SHIM_CHUNK_BYTES];
	ssize_t got = read(*fd, chunk, sizeof(chunk));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) { /* a terminal whose other end is closed says EIO */
		shim_log_end(m->log, stream, process_wall_ns());
		fd_close(fd);
		return;
	}
	shim_log_write(m->log, stream, str_sub(chunk, (size_t)got), process_wall_ns());
	peers_send_output(m, stream, str_sub(chunk, (size_t)got));
}

static void note_oom(struct monitor *m)
{
	if (m->was_oom || !oom_watch_look(&m->subject->oom, process_mono_ns()))
		return;
	m->was_oom = true;
	peers_send_all(m, MONITOR_OOM, STR_NONE);
}

static void on_signal(struct monitor *m)
{
	struct signalfd_siginfo si;
	int status;
	pid_t pid;

	/* several may have been merged into one: reap all */
	if (read(m->signal_fd, &si, sizeof(si)) < 0 && errno != EAGAIN)
		return;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != m->subject->pid || m->has_exited)
			continue;
		m->has_exited = true;
		m->wait_status = status;
		m->finished_ns = process_wall_ns();
		note_oom(m);
		m->subject->end(m->subject->arg);
	}
}

static bool streams_are_open(const struct shim_subject *s)
{
	return s->output_fds[0] >= 0 || s->output_fds[1] >= 0 || s->master_fd >= 0;
}

static unsigned fill(struct monitor *m, struct pollfd *fds)
{
	struct shim_subject *s = m->subject;
	bool blocked = peers_are_blocked(m), full = m->input.len > 0;

	fds[POLL_SIGNAL] = (struct pollfd){ m->signal_fd, POLLIN, 0 };
	fds[POLL_LISTEN] = (struct pollfd){ m->listen_fd, POLLIN, 0 };
	fds[POLL_STDOUT] = (struct pollfd){ blocked ? -1 : s->output_fds[0], POLLIN, 0 };
	fds[POLL_STDERR] = (struct pollfd){ blocked ? -1 : s->output_fds[1], POLLIN, 0 };
	fds[POLL_MASTER] = (struct pollfd){ blocked ? -1 : s->master_fd, POLLIN, 0 };
	fds[POLL_STDIN] = (struct pollfd){ full ? (s->master_fd >= 0 ? s->master_fd : s->stdin_fd) : -1, POLLOUT, 0 };
	fds[POLL_OOM] = (struct pollfd){ m->was_oom ? -1 : s->oom.fd, s->oom.events, 0 };
	for (unsigned i = 0; i < m->peer_count; i++) {
		struct peer *p = &m->peers[i];
		short events = (short)(p->out.len > 0 ? POLLOUT : (full && p->gave_input) ? 0 : POLLIN);

		fds[POLL_PEERS + i] = (struct pollfd){ p->fd, events, 0 };
	}
	return POLL_PEERS + m->peer_count;
}

static void dispatch(struct monitor *m, const struct pollfd *fds, unsigned count)
{
	struct shim_subject *s = m->subject;

	if (fds[POLL_STDOUT].revents)
		read_stream(m, &s->output_fds[0], 1);
	if (fds[POLL_STDERR].revents)
		read_stream(m, &s->output_fds[1], 2);
	if (fds[POLL_MASTER].revents)
		read_stream(m, &s->master_fd, 1);
	if (fds[POLL_STDIN].revents)
		monitor_give_input(m);
	if (fds[POLL_OOM].revents)
		oom_watch_event(&s->oom, process_mono_ns());
	for (unsigned i = POLL_PEERS; i < count; i++) {
		struct peer *p = &m->peers[i - POLL_PEERS];

		if (!fds[i].revents || p->fd != fds[i].fd)
			continue;
		if (p->out.len > 0)
			peer_flush(m, p);
		else
			peer_read(m, p);
	}
	if (fds[POLL_LISTEN].revents)
		peer_accept(m);
	if (fds[POLL_SIGNAL].revents)
		on_signal(m);
}

/* Serves until it has ended and everything it wrote is on its way. */
static int serve(struct monitor *m, struct err *err)
{
	struct pollfd fds[POLL_PEERS + SHIM_PEERS_MAX];
	int64_t deadline_ns = 0;

	while (!m->has_exited || streams_are_open(m->subject) || peers_are_blocked(m)) {
		unsigned count = fill(m, fds);
		int wait_ms = -1;

		if (m->has_exited) {
			int64_t now = process_mono_ns();

			if (!deadline_ns)
				deadline_ns = now + (peers_are_blocked(m) ? SHIM_PEER_DRAIN_MS
									  : SHIM_DRAIN_MS) *
							    TIME_NS_PER_MS;
			if (now >= deadline_ns)
				return 0;
			wait_ms = (int)((deadline_ns - now) / TIME_NS_PER_MS) + 1;
		} else {
			wait_ms = oom_watch_wait_ms(&m->subject->oom);
		}
		if (poll(fds, count, wait_ms) < 0) {
			if (errno != EINTR)
				return err_os(err, "poll");
			continue;
		}
		dispatch(m, fds, count);
		if (fds[POLL_OOM].revents || oom_watch_wait_ms(&m->subject->oom) >= 0)
			note_oom(m);
	}
	return 0;
}

static void add_time(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *name, int64_t wall_ns)
{
	char text[TIME_TEXT_BYTES] = "";

	if (wall_ns)
		time_format_nano(wall_ns, text);
	yyjson_mut_obj_add_strcpy(doc, root, name, text);
}

static char *exit_record(const struct monitor *m, const char *error)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	int signal = WIFSIGNALED(m->wait_status) ? WTERMSIG(m->wait_status) : 0;
	char *text;

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_int(doc, root, "exitCode", signal ? 128 + signal : WEXITSTATUS(m->wait_status));
	yyjson_mut_obj_add_int(doc, root, "signal", signal);
	yyjson_mut_obj_add_bool(doc, root, "oomKilled", m->was_oom);
	add_time(doc, root, "createdAt", m->subject->created_ns);
	add_time(doc, root, "startedAt", m->subject->started_ns);
	add_time(doc, root, "finishedAt", m->finished_ns);
	yyjson_mut_obj_add_str(doc, root, "error", error);
	text = yyjson_mut_write(doc, 0, NULL);
	yyjson_mut_doc_free(doc);
	return text;
}

/* The record is on disk before anybody hears of the end. */
static int conclude(struct monitor *m, struct err *err)
{
	struct err inner;
	bool clean = m->subject->finish(m->subject->arg, &inner) == 0;
	char *text = exit_record(m, clean ? "" : inner.msg);
	int failed = fd_replace_file(m->subject->state_dir_fd, MONITOR_EXIT_NAME, str_from(text), 0600, true, err);

	if (unlinkat(m->subject->state_dir_fd, MONITOR_SOCKET_NAME, 0) < 0 && errno != ENOENT && failed == 0)
		failed = err_os(err, "remove " MONITOR_SOCKET_NAME);
	/* connections that were waiting to be accepted are told as well */
	for (unsigned before = SHIM_PEERS_MAX + 1; before != m->peer_count && m->peer_count < SHIM_PEERS_MAX;) {
		before = m->peer_count;
		peer_accept(m);
	}
	peers_send_all(m, MONITOR_EXITED, str_from(text));
	free(text);
	for (unsigned i = 0; i < m->peer_count; i++) {
		struct peer *p = &m->peers[i];

		if (p->fd >= 0 && p->out.len > 0 &&
		    poll(&(struct pollfd){ p->fd, POLLOUT, 0 }, 1, SHIM_DRAIN_MS) > 0)
			peer_flush(m, p);
	}
	while (m->peer_count > 0)
		peer_close(m, &m->peers[m->peer_count - 1]);
	return failed;
}

static int set_nonblock(struct shim_subject *s, struct err *err)
{
	int *fds[] = { &s->stdin_fd, &s->output_fds[0], &s->output_fds[1], &s->master_fd };

	for (size_t i = 0; i < ARRAY_COUNT(fds); i++) {
		if (*fds[i] >= 0 && fd_set_nonblock(*fds[i], true, err) < 0)
			return -1;
	}
	return 0;
}

int monitor_run(struct shim_subject *subject, struct shim_log *log, int listen_fd, struct err *err)
{
	struct monitor m = { .subject = subject, .log = log, .listen_fd = listen_fd, .signal_fd = -1 };
	sigset_t set;
	int failed;

	buf_init(&m.input, INPUT_BYTES_MAX);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_os(err, "block SIGCHLD");
	m.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m.signal_fd < 0)
		return err_os(err, "signalfd");
	if (set_nonblock(subject, err) < 0)
		return -1;
	on_signal(&m); /* it may have ended before SIGCHLD was blocked */
	failed = serve(&m, err);
	if (failed == 0)
		failed = conclude(&m, err);
	shim_log_close(log);
	buf_deinit(&m.input);
	fd_close(&m.signal_fd);
	return failed;
}
