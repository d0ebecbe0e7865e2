/* SPDX-License-Identifier: Apache-2.0 */
/* Frames over a unix stream socket. */
#include "container/monitor_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/fd.h"

#define READ_BYTES 65536u

int monitor_connect(const char *state_dir, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD dir = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD sock = -1;

	if (dir < 0)
		return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "%s is missing", state_dir) :
					 err_os(err, "open %s", state_dir);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return err_os(err, "socket");
	/* Through the folder's descriptor: the path itself may be longer than an address. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" MONITOR_SOCKET_NAME, dir);
	if (connect(sock, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return err_set(err, ERR_NOT_FOUND, "the container's monitor is gone");
		return err_os(err, "connect to the container's monitor");
	}
	return fd_take(&sock);
}

void monitor_link_init(struct monitor_link *link)
{
	link->fd = -1;
	buf_init(&link->in, sizeof(struct monitor_frame) + MONITOR_PAYLOAD_MAX + READ_BYTES);
	buf_init(&link->out, MONITOR_LINK_QUEUE_MAX + MONITOR_PAYLOAD_MAX);
}

bool monitor_link_is_open(const struct monitor_link *link)
{
	return link->fd >= 0;
}

size_t monitor_link_queued(const struct monitor_link *link)
{
	return link->out.len;
}

void monitor_link_close(struct monitor_link *link)
{
	if (link->fd < 0)
		return;
	if (link->closed)
		*link->closed = true;
	link->closed = NULL;
	io_stop(&link->watch);
	fd_close(&link->fd);
	buf_deinit(&link->in);
	buf_deinit(&link->out);
	monitor_link_init(link);
}

static void link_lost(struct monitor_link *link)
{
	monitor_link_close(link);
	link->on_closed(link);
}

static void link_update(struct monitor_link *link)
{
	io_update(&link->watch, (link->paused ? 0 : IO_READ) | (link->out.len ? IO_WRITE : 0));
}

/* Frames that are whole; false when the link was closed meanwhile. */
static bool link_deliver(struct monitor_link *link)
{
	bool closed = false;
	size_t at = 0;

	link->closed = &closed;
	while (link->in.len - at >= sizeof(struct monitor_frame)) {
		struct monitor_frame frame;

		memcpy(&frame, link->in.ptr + at, sizeof(frame));
		if (frame.length_bytes > MONITOR_PAYLOAD_MAX) {
			link_lost(link);
			return false;
		}
		if (link->in.len - at - sizeof(frame) < frame.length_bytes)
			break;
		at += sizeof(frame) + frame.length_bytes;
		link->on_frame(link, &frame, str_sub(link->in.ptr + at - frame.length_bytes, frame.length_bytes));
		if (closed)
			return false;
	}
	link->closed = NULL;
	buf_consume(&link->in, at);
	return true;
}

static void link_read(struct monitor_link *link)
{
	void *room = buf_room(&link->in, READ_BYTES);
	ssize_t n;

	if (!room) {
		link_lost(link);
		return;
	}
	n = read(link->fd, room, READ_BYTES);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		link_lost(link);
		return;
	}
	buf_added(&link->in, (size_t)n);
	(void)link_deliver(link); /* closed meanwhile: nothing is left to do */
}

static int link_flush(struct monitor_link *link)
{
	while (link->out.len) {
		ssize_t n = send(link->fd, link->out.ptr, link->out.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		buf_consume(&link->out, (size_t)n);
	}
	return 0;
}

static void link_ready(struct io_watch *watch, int events)
{
	struct monitor_link *link = CONTAINER_OF(watch, struct monitor_link, watch);
	bool closed = false;

	if ((events & IO_WRITE) && link->out.len) {
		if (link_flush(link) < 0) {
			/* what the monitor still sent (its end) is read below */
			buf_reset(&link->out);
		}
		link_update(link);
		if (link->out.len == 0 && link->on_writable) {
			link->closed = &closed;
			link->on_writable(link);
			if (closed)
				return;
			link->closed = NULL;
		}
	}
	if (events & (IO_READ | IO_HANGUP))
		link_read(link);
}

int monitor_link_open(struct env *env, struct monitor_link *link, const char *state_dir, struct err *err)
{
	AUTO_FD sock = monitor_connect(state_dir, err);

	if (sock < 0 || fd_set_nonblock(sock, true, err) < 0)
		return -1;
	link->paused = false;
	link->watch = (struct io_watch){ .fn = link_ready };
	if (io_start(env, &link->watch, sock, IO_READ, err) < 0)
		return -1;
	link->fd = fd_take(&sock);
	return 0;
}

int monitor_link_send(struct monitor_link *link, const struct monitor_frame *frame, struct str payload,
		      struct err *err)
{
	struct monitor_frame head = *frame;

	if (link->fd < 0)
		return err_set(err, ERR_CLOSED, "the container's monitor is gone");
	if (link->out.len + sizeof(head) + payload.len > MONITOR_LINK_QUEUE_MAX || payload.len > MONITOR_PAYLOAD_MAX)
		return err_set(err, ERR_TOO_LARGE, "too much is queued for the container");
	head.length_bytes = (uint32_t)payload.len;
	buf_put(&link->out, &head, sizeof(head));
	buf_put_str(&link->out, payload);
	if (link_flush(link) < 0) {
		buf_reset(&link->out);
		return err_set(err, ERR_CLOSED, "the container's monitor is gone");
	}
	link_update(link);
	return 0;
}

void monitor_link_pause(struct monitor_link *link, bool paused)
{
	link->paused = paused;
	if (link->fd >= 0)
		link_update(link);
}
