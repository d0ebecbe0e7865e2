/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients of exec, attach and port-forward send once the connection is theirs, by WebSocket and by SPDY, through
 * the whole state machine. The first byte says which they asked for.
 */
#include <sys/socket.h>
#include <unistd.h>
#include "net/http_server.h"
#include "net/remote_stream.h"
#include "net_loop.h"

#define WEBSOCKET \
	"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" \
	"Sec-WebSocket-Key: a\r\n"
#define SPDY "Host: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"

static const char *const requests[] = {
	"GET /exec HTTP/1.1\r\n" WEBSOCKET "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n",
	"GET /exec HTTP/1.1\r\n" WEBSOCKET "Sec-WebSocket-Protocol: base64.channel.k8s.io\r\n\r\n",
	"GET /exec HTTP/1.1\r\n" WEBSOCKET "\r\n",
	"POST /exec HTTP/1.1\r\n" SPDY "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n",
	"POST /portforward HTTP/1.1\r\n" SPDY "X-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n",
	"GET /portforward HTTP/1.1\r\n" WEBSOCKET "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n",
	"GET /portforward HTTP/1.1\r\n" WEBSOCKET "Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n\r\n",
};

struct service {
	struct net_loop loop;
	struct http_server *server;
	int open_count;
};

/* --- exec --- */

static void on_ready(void *arg, struct remote_stream *r)
{
	remote_stream_send(r, REMOTE_STDERR, STR("ready"));
}

static void release(struct service *s, struct remote_stream *r)
{
	s->open_count--;
	remote_stream_free(r);
}

static void on_data(void *arg, struct remote_stream *r, enum remote_channel channel, struct str bytes)
{
	uint16_t width, height;

	if (channel == REMOTE_RESIZE) {
		if (remote_resize_decode(bytes, &width, &height, NULL) < 0)
			remote_stream_send(r, REMOTE_STDERR, STR("no size"));
	} else if (bytes.len == 1 && bytes.ptr[0] == 'f') {
		release(arg, r);
	} else if (bytes.len == 1 && bytes.ptr[0] == 'e') {
		remote_stream_finish(r, STR("{}"));
	} else {
		remote_stream_pause(r, REMOTE_STDIN);
		remote_stream_send(r, REMOTE_STDOUT, bytes);
		remote_stream_resume(r, REMOTE_STDIN);
	}
}

static void on_channel_closed(void *arg, struct remote_stream *r, enum remote_channel channel)
{
	remote_stream_finish(r, STR("{\"status\":\"Success\"}"));
}

static void on_closed(void *arg, struct remote_stream *r)
{
	release(arg, r);
}

static const struct remote_stream_events stream_events = { .on_ready = on_ready, .on_data = on_data,
							   .on_channel_closed = on_channel_closed,
							   .on_closed = on_closed };

/* --- port-forward --- */

static void on_forward_open(void *arg, struct port_forward *f, uint32_t id, uint16_t port)
{
	if (port % 2)
		port_forward_close(f, id, STR("odd"));
	else
		port_forward_send(f, id, STR("open"));
}

static void on_forward_data(void *arg, struct port_forward *f, uint32_t id, struct str bytes)
{
	struct service *s = arg;

	if (bytes.len == 1 && bytes.ptr[0] == 'f') {
		s->open_count--;
		port_forward_free(f);
		return;
	}
	port_forward_pause(f, id);
	port_forward_send(f, id, bytes);
	port_forward_resume(f, id);
}

static void on_forward_eof(void *arg, struct port_forward *f, uint32_t id)
{
	port_forward_close(f, id, STR_NONE);
}

static void on_forward_end(void *arg, struct port_forward *f, uint32_t id)
{
	(void)id; /* means nothing any more */
}

static void on_forward_closed(void *arg, struct port_forward *f)
{
	((struct service *)arg)->open_count--;
	port_forward_free(f);
}

static const struct port_forward_events forward_events = { .on_open = on_forward_open, .on_data = on_forward_data,
							   .on_eof = on_forward_eof, .on_end = on_forward_end,
							   .on_closed = on_forward_closed };

/* --- the server --- */

static void on_request(void *arg, struct http_exchange *x)
{
	static const uint16_t ports[] = { 80, 442 };
	struct service *s = arg;
	struct port_forward_options forward = { ports, 2, &forward_events, s };
	struct remote_stream_options stream = { .has_stdin = true, .has_stdout = true, .has_stderr = true,
						.events = &stream_events, .arg = s };
	struct port_forward *f;
	struct remote_stream *r;
	struct err err;
	bool is_accepted = str_eq(x->path, STR("/portforward")) ? port_forward_accept(x, &forward, &f, &err) == 0
								: remote_stream_accept(x, &stream, &r, &err) == 0;

	s->open_count += is_accepted;
}

static bool is_idle(void *arg)
{
	struct service *s = arg;

	return s->open_count == 0 && http_server_connection_count(s->server) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	static const struct http_handlers handlers = { .on_request = on_request };
	static struct service s;
	struct http_server_options options = { .handlers = &handlers, .arg = &s };
	const char *request;
	struct err err;
	int fds[2];

	if (size_bytes == 0 || size_bytes > 65536)
		return 0;
	request = requests[bytes[0] % ARRAY_COUNT(requests)];
	net_loop_init(&s.loop);
	options.env = s.loop.env;
	s.server = http_server_new(&options);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0 ||
	    http_server_adopt(s.server, fds[0], &err) < 0)
		abort();
	if (send(fds[1], request, strlen(request), MSG_NOSIGNAL) < 0 ||
	    send(fds[1], bytes + 1, size_bytes - 1, MSG_NOSIGNAL) < 0)
		size_bytes = 0; /* larger than the socket takes: the beginning will do */
	shutdown(fds[1], SHUT_WR);
	net_loop_run(&s.loop, is_idle, &s);
	close(fds[1]);
	http_server_free(s.server);
	return 0;
}
