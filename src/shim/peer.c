/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to the monitor's socket. Frames are received into a small fixed place, input passes
 * through; sending never blocks: what a client does not take at once waits in its buffer, and the
 * container waits with it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <yyjson.h>
#include "base/fd.h"
#include "base/time.h"
#include "linux/terminal.h"
#include "shim/monitor_internal.h"

#define OUT_BYTES_MAX (1u << 20)

void peer_close(struct monitor *m, struct peer *p)
{
	if (p->fd < 0)
		return;
	/* who was to give the input and goes away will not give any more */
	if (p->want_input && m->subject->stdin_once)
		m->close_input = true;
	fd_close(&p->fd);
	buf_deinit(&p->out);
	if (m->close_input)
		monitor_give_input(m);
	while (m->peer_count > 0 && m->peers[m->peer_count - 1].fd < 0)
		m->peer_count--;
}

void peer_accept(struct monitor *m)
{
	int fd = accept4(m->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (unsigned i = 0; i < SHIM_PEERS_MAX; i++) {
		struct peer *p = &m->peers[i];

		if (i < m->peer_count && p->fd >= 0)
			continue;
		memset(p, 0, sizeof(*p));
		p->fd = fd;
		buf_init(&p->out, OUT_BYTES_MAX);
		if (i >= m->peer_count)
			m->peer_count = i + 1;
		return;
	}
	close(fd);
}

void peer_flush(struct monitor *m, struct peer *p)
{
	ssize_t sent;

	while (p->fd >= 0 && p->out.len > 0) {
		sent = send(p->fd, p->out.ptr, p->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (sent < 0) {
			peer_close(m, p);
			return;
		}
		buf_consume(&p->out, (size_t)sent);
	}
	/* back to no memory at all */
	if (p->fd >= 0) {
		buf_deinit(&p->out);
		buf_init(&p->out, OUT_BYTES_MAX);
	}
}

static void peer_send(struct monitor *m, struct peer *p, struct monitor_frame frame,
		      const void *payload)
{
	struct iovec parts[2] = { { &frame, sizeof(frame) }, { (void *)(uintptr_t)payload, frame.length_bytes } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = frame.length_bytes ? 2 : 1 };
	size_t total = sizeof(frame) + frame.length_bytes, sent = 0;
	ssize_t got;

	if (p->fd < 0)
		return;
	if (p->out.len == 0) {
		got = sendmsg(p->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (got < 0 && errno != EAGAIN && errno != EINTR) {
			peer_close(m, p);
			return;
		}
		sent = got < 0 ? 0 : (size_t)got;
	}
	if (sent < sizeof(frame))
		buf_put(&p->out, (char *)&frame + sent, sizeof(frame) - sent);
	if (sent < total && frame.length_bytes) {
		size_t from = sent > sizeof(frame) ? sent - sizeof(frame) : 0;

		buf_put(&p->out, (const char *)payload + from, frame.length_bytes - from);
	}
	if (buf_failed(&p->out))
		peer_close(m, p); /* a megabyte of unread answers */
}

void peers_send_output(struct monitor *m, int stream, struct str bytes)
{
	for (unsigned i = 0; i < m->peer_count; i++) {
		if (m->peers[i].fd >= 0 && m->peers[i].want_output[stream])
			peer_send(m, &m->peers[i],
				  (struct monitor_frame){ (uint32_t)bytes.len, MONITOR_OUTPUT,
							  (uint8_t)stream, 0 },
				  bytes.ptr);
	}
}

void peers_send_all(struct monitor *m, enum monitor_type type, struct str payload)
{
	for (unsigned i = 0; i < m->peer_count; i++)
		peer_send(m, &m->peers[i],
			  (struct monitor_frame){ (uint32_t)payload.len, (uint8_t)type, 0, 0 },
			  payload.ptr);
}

bool peers_are_blocked(const struct monitor *m)
{
	for (unsigned i = 0; i < m->peer_count; i++) {
		if (m->peers[i].fd >= 0 && m->peers[i].out.len > 0)
			return true;
	}
	return false;
}

static void reply(struct monitor *m, struct peer *p, enum monitor_type type, const char *text)
{
	peer_send(m, p, (struct monitor_frame){ (uint32_t)strlen(text), (uint8_t)type, 0, p->frame.tag }, text);
}

static void reply_errno(struct monitor *m, struct peer *p, int failed, const char *what)
{
	char text[128];

	if (failed >= 0) {
		reply(m, p, MONITOR_REPLY, "");
		return;
	}
	snprintf(text, sizeof(text), "%s: %s", what, strerror(-failed));
	reply(m, p, MONITOR_ERROR, text);
}

static void reply_state(struct monitor *m, struct peer *p)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	char started[TIME_TEXT_BYTES] = "";
	char *text;

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "status", monitor_status(m));
	yyjson_mut_obj_add_int(doc, root, "pid", m->has_exited ? 0 : m->subject->pid);
	if (m->subject->started_ns)
		time_format_nano(m->subject->started_ns, started);
	yyjson_mut_obj_add_str(doc, root, "startedAt", started);
	yyjson_mut_obj_add_bool(doc, root, "oomKilled", m->was_oom);
	text = yyjson_mut_write(doc, 0, NULL);
	reply(m, p, text ? MONITOR_REPLY : MONITOR_ERROR, text ? text : "out of memory");
	free(text);
	yyjson_mut_doc_free(doc);
}

static void start(struct monitor *m, struct peer *p)
{
	struct shim_subject *s = m->subject;
	struct err err;

	if (s->started_ns) {
		reply(m, p, MONITOR_ERROR, "the container was started already");
	} else if (s->start(s->arg, &err) < 0) {
		reply(m, p, MONITOR_ERROR, err.msg);
	} else {
		struct timespec now;

		clock_gettime(CLOCK_REALTIME, &now);
		s->started_ns = now.tv_sec * TIME_NS_PER_SECOND + now.tv_nsec;
		reply(m, p, MONITOR_REPLY, "");
	}
}

static void attach(struct monitor *m, struct peer *p)
{
	struct monitor_attach want;

	memcpy(&want, p->payload, sizeof(want));
	p->want_input = want.want_stdin;
	p->want_output[1] = want.want_stdout;
	p->want_output[2] = want.want_stderr;
	reply(m, p, MONITOR_REPLY, "");
}

static void resize(struct monitor *m, struct peer *p)
{
	struct monitor_resize size;

	memcpy(&size, p->payload, sizeof(size));
	if (m->subject->master_fd < 0)
		reply(m, p, MONITOR_ERROR, "the container has no terminal");
	else
		reply_errno(m, p, terminal_resize(m->subject->master_fd, size.rows, size.columns), "resize");
}

static void kill_container(struct monitor *m, struct peer *p)
{
	struct monitor_kill what;

	memcpy(&what, p->payload, sizeof(what));
	if (m->has_exited)
		reply(m, p, MONITOR_ERROR, "the container is not running");
	else if (what.signal == 0 || what.signal > 64)
		reply(m, p, MONITOR_ERROR, "no such signal");
	else
		reply_errno(m, p, m->subject->signal(m->subject->arg, (int)what.signal, what.all != 0), "kill");
}

static void reopen(struct monitor *m, struct peer *p)
{
	struct err err;

	if (shim_log_reopen(m->log, &err) < 0)
		reply(m, p, MONITOR_ERROR, err.msg);
	else
		reply(m, p, MONITOR_REPLY, "");
}

/* What a client may ask, and how long its payload is. */
static const struct {
	uint8_t type;
	uint32_t length_bytes;
	void (*run)(struct monitor *m, struct peer *p);
} requests[] = {
	{ MONITOR_ATTACH, sizeof(struct monitor_attach), attach },
	{ MONITOR_RESIZE, sizeof(struct monitor_resize), resize },
	{ MONITOR_START, 0, start },
	{ MONITOR_STATE, 0, reply_state },
	{ MONITOR_REOPEN_LOG, 0, reopen },
	{ MONITOR_KILL, sizeof(struct monitor_kill), kill_container },
};

static bool header_is_fine(const struct monitor_frame *frame)
{
	if (frame->type == MONITOR_INPUT)
		return frame->length_bytes <= MONITOR_PAYLOAD_MAX;
	if (frame->type == MONITOR_INPUT_END)
		return frame->length_bytes == 0;
	for (size_t i = 0; i < ARRAY_COUNT(requests); i++) {
		if (requests[i].type == frame->type)
			return requests[i].length_bytes == frame->length_bytes;
	}
	return false;
}

static void frame_done(struct monitor *m, struct peer *p)
{
	p->header_got = 0;
	p->payload_got = 0;
	if (p->frame.type == MONITOR_INPUT)
		return;
	if (p->frame.type == MONITOR_INPUT_END) {
		if (m->subject->stdin_once)
			m->close_input = true;
		monitor_give_input(m);
		return;
	}
	for (size_t i = 0; i < ARRAY_COUNT(requests); i++) {
		if (requests[i].type == p->frame.type) {
			requests[i].run(m, p);
			return;
		}
	}
}

/* Takes what belongs to the present frame from the front of bytes. False: the client does not speak our language. */
static bool take(struct monitor *m, struct peer *p, struct str *bytes)
{
	size_t want, n;

	if (p->header_got < sizeof(p->frame)) {
		want = sizeof(p->frame) - p->header_got;
		n = bytes->len < want ? bytes->len : want;
		memcpy((char *)&p->frame + p->header_got, bytes->ptr, n);
		p->header_got += (unsigned)n;
		*bytes = str_slice(*bytes, n, bytes->len);
		if (p->header_got < sizeof(p->frame))
			return true;
		if (!header_is_fine(&p->frame))
			return false;
	}
	want = p->frame.length_bytes - p->payload_got;
	n = bytes->len < want ? bytes->len : want;
	if (p->frame.type == MONITOR_INPUT) {
		p->gave_input = true;
		/* a container without stdin, or whose stdin is closed, lets it go by */
		if (!m->has_exited && !m->close_input && (m->subject->stdin_fd >= 0 || m->subject->master_fd >= 0))
			buf_put_str(&m->input, str_slice(*bytes, 0, n));
	} else if (n > 0) {
		memcpy(p->payload + p->payload_got, bytes->ptr, n);
	}
	p->payload_got += (uint32_t)n;
	*bytes = str_slice(*bytes, n, bytes->len);
	if (p->payload_got == p->frame.length_bytes)
		frame_done(m, p);
	return true;
}

void peer_read(struct monitor *m, struct peer *p)
{
	char block[4096];
	ssize_t got = recv(p->fd, block, sizeof(block), MSG_DONTWAIT);
	struct str bytes = str_sub(block, got > 0 ? (size_t)got : 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		peer_close(m, p);
		return;
	}
	while (bytes.len > 0 && p->fd >= 0) {
		if (!take(m, p, &bytes)) {
			peer_close(m, p);
			return;
		}
	}
	monitor_give_input(m);
}
