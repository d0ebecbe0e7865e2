/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port-forward: each connection of the client becomes one to 127.0.0.1 inside the pod's network.
 * The socket is made on a worker that steps into that network namespace and back; after that it is
 * a socket like any other.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "kubelet/server.h"
#include "net/remote_stream.h"
#include "net/url.h"

#define FORWARD_PORTS_MAX 64

struct forward {
	struct client_stream stream;
	struct kubelet *kubelet;
	struct port_forward *client; /* NULL once it is gone */
	struct conn_pool *pool;
	struct list links;
	pid_t pid; /* of the sandbox; 0 = the host's network */
};

struct forward_link {
	struct work work;
	struct forward *forward;
	struct list link;
	uint32_t id;
	uint16_t port;
	int fd, error;
	struct conn *conn;
	struct buf early; /* from the client, before the connection stands */
	bool opening, over, early_eof;
};

static void forward_end_if_idle(struct forward *f)
{
	if (f->client || !list_is_empty(&f->links))
		return;
	list_remove(&f->stream.link);
	conn_pool_free(f->pool);
	kubelet_operation_end(f->kubelet);
	mem_free(f);
}

static void link_free(struct forward_link *l)
{
	struct forward *f = l->forward;

	list_remove(&l->link);
	if (l->conn)
		conn_close(l->conn);
	fd_close(&l->fd);
	buf_deinit(&l->early);
	mem_free(l);
	forward_end_if_idle(f);
}

static struct forward_link *link_find(struct forward *f, uint32_t id)
{
	LIST_FOR_EACH (node, &f->links) {
		struct forward_link *l = LIST_ENTRY(node, struct forward_link, link);

		if (l->id == id && !l->over)
			return l;
	}
	return NULL;
}

/* --- the pod's side --- */

static size_t conn_read(void *arg, struct conn *c, struct str bytes)
{
	struct forward_link *l = arg;
	struct port_forward *client = l->forward->client;

	if (client) {
		port_forward_send(client, l->id, bytes);
		if (port_forward_queued_bytes(client, l->id) > SERVER_QUEUE_HIGH_BYTES)
			conn_pause(c);
	}
	return bytes.len;
}

static void conn_ended(void *arg, struct conn *c, const struct err *err)
{
	struct forward_link *l = arg;
	struct port_forward *client = l->forward->client;

	(void)c;
	l->over = true;
	if (client)
		port_forward_close(client, l->id,
				   err && err->code != ERR_CLOSED ? str_from(err->msg) : STR_NONE);
	link_free(l);
}

static void conn_drained(void *arg, struct conn *c)
{
	struct forward_link *l = arg;

	(void)c;
	if (l->forward->client)
		port_forward_resume(l->forward->client, l->id);
}

static const struct conn_events link_events = {
	.on_read = conn_read,
	.on_closed = conn_ended,
	.on_drained = conn_drained,
};

/* A thread that cannot come back must not go on: it would do its next job in the pod's network. */
static void link_open_run(struct work *work)
{
	struct forward_link *l = CONTAINER_OF(work, struct forward_link, work);
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(l->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	AUTO_FD own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	AUTO_FD theirs = -1;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)l->forward->pid); /* fits */
	if (l->forward->pid)
		theirs = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0 || (l->forward->pid && (theirs < 0 || setns(theirs, CLONE_NEWNET) < 0))) {
		l->error = errno;
		return;
	}
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		l->error = errno;
	if (l->forward->pid)
		ASSERT(setns(own, CLONE_NEWNET) == 0);
}

static void link_opened(struct work *work)
{
	struct forward_link *l = CONTAINER_OF(work, struct forward_link, work);
	struct forward *f = l->forward;
	char text[160];

	l->opening = false;
	if (!f->client || l->over) {
		link_free(l);
		return;
	}
	if (l->error || fd_set_nonblock(l->fd, true, NULL) < 0) {
		(void)snprintf(text, sizeof(text),
			       "failed to connect to localhost:%u inside namespace: dial tcp4 "
			       "127.0.0.1:%u: connect: %s",
			       l->port, l->port,
			       l->error == ECONNREFUSED ? "connection refused"
							: strerror(l->error)); /* cut is fine */
		l->over = true;
		port_forward_close(f->client, l->id, str_from(text));
		link_free(l);
		return;
	}
	l->conn = conn_new(f->pool, fd_take(&l->fd), NULL, &link_events, l);
	if (l->early.len > 0)
		conn_write_bytes(l->conn, buf_str(&l->early));
	buf_reset(&l->early);
	if (l->early_eof)
		conn_shutdown(l->conn);
	port_forward_resume(f->client, l->id);
}

/* --- the client's side --- */

static void on_open(void *arg, struct port_forward *client, uint32_t id, uint16_t port)
{
	struct forward *f = arg;
	struct forward_link *l = NEW(struct forward_link);

	(void)client;
	l->forward = f;
	l->id = id;
	l->port = port;
	l->fd = -1;
	l->opening = true;
	buf_init(&l->early, 2 * SERVER_QUEUE_HIGH_BYTES);
	list_push_back(&f->links, &l->link);
	l->work.run = link_open_run;
	l->work.done = link_opened;
	env_work(f->kubelet->env, &l->work);
}

static void on_data(void *arg, struct port_forward *client, uint32_t id, struct str bytes)
{
	struct forward_link *l = link_find(arg, id);

	if (!l)
		return;
	if (!l->conn) {
		buf_put_str(&l->early, bytes);
		if (l->early.len > SERVER_QUEUE_HIGH_BYTES / 2)
			port_forward_pause(client, id);
		return;
	}
	conn_write_bytes(l->conn, bytes);
	if (conn_queued_bytes(l->conn) > SERVER_QUEUE_HIGH_BYTES)
		port_forward_pause(client, id);
}

static void on_eof(void *arg, struct port_forward *client, uint32_t id)
{
	struct forward_link *l = link_find(arg, id);

	(void)client;
	if (l && l->conn)
		conn_shutdown(l->conn);
	else if (l)
		l->early_eof = true;
}

static void on_drained(void *arg, struct port_forward *client, uint32_t id)
{
	struct forward_link *l = link_find(arg, id);

	(void)client;
	if (l && l->conn)
		conn_resume(l->conn);
}

static void on_end(void *arg, struct port_forward *client, uint32_t id)
{
	struct forward_link *l = link_find(arg, id);

	(void)client;
	if (!l)
		return;
	l->over = true;
	if (!l->opening)
		link_free(l);
}

static void on_closed(void *arg, struct port_forward *client)
{
	struct forward *f = arg;

	/* The links go while client is still set, so that f stays; those that are opening see
	 * `over` later. */
	LIST_FOR_EACH (node, &f->links) {
		struct forward_link *l = LIST_ENTRY(node, struct forward_link, link);

		l->over = true;
		if (!l->opening)
			link_free(l);
	}
	f->client = NULL;
	port_forward_free(client);
	forward_end_if_idle(f);
}

static void forward_stop(struct client_stream *stream)
{
	struct forward *f = CONTAINER_OF(stream, struct forward, stream);

	list_remove(&stream->link);
	if (f->client)
		on_closed(f, f->client);
}

static const struct port_forward_events forward_events = {
	.on_open = on_open,
	.on_data = on_data,
	.on_eof = on_eof,
	.on_drained = on_drained,
	.on_end = on_end,
	.on_closed = on_closed,
};

static int ports_decode(struct server_request *r, uint16_t *ports, size_t *ret_count,
			struct err *err)
{
	struct str query = r->query, key, value, part;
	uint64_t number;
	int rc;

	*ret_count = 0;
	while ((rc = query_next(&query, &r->x->arena, &key, &value, err)) > 0) {
		if (!str_eq(key, STR("ports")) && !str_eq(key, STR("port")))
			continue;
		while (str_next_part(&value, ',', &part)) {
			if (*ret_count == FORWARD_PORTS_MAX)
				return err_set(err, ERR_TOO_LARGE, "at most %d ports",
					       FORWARD_PORTS_MAX);
			if (num_parse_u64(part, UINT16_MAX, "port", &number, err) < 0)
				return -1;
			ports[(*ret_count)++] = (uint16_t)number;
		}
	}
	return rc;
}

void serve_port_forward(struct server_request *r)
{
	struct port_forward_options options;
	uint16_t ports[FORWARD_PORTS_MAX];
	struct container *sandbox = NULL;
	struct forward *f;
	struct pod *pod;
	size_t count;
	struct err err;

	if (ports_decode(r, ports, &count, &err) < 0) {
		server_refuse(r->x, 400, "BadRequest", "%s", err.msg);
		return;
	}
	pod = kubelet_find_pod(r->kubelet, r->parts[0], r->parts[1]);
	if (pod && pod->state.sandbox.phase == SANDBOX_READY)
		sandbox = container_get(r->kubelet->options.containers,
					str_from(pod->state.sandbox.id));
	if (!sandbox || !sandbox->pid) {
		server_refuse(r->x, pod ? 500 : 404, pod ? "InternalError" : "NotFound",
			      pod ? "unable to upgrade connection: pod not found (\"" STR_FMT "\")"
				  : "pods \"" STR_FMT "\" not found",
			      STR_ARG(r->parts[1]));
		return;
	}
	f = NEW(struct forward);
	f->kubelet = r->kubelet;
	f->pid = pod->spec.host_network ? 0 : sandbox->pid;
	f->pool = conn_pool_new(r->kubelet->env);
	list_init(&f->links);
	kubelet_operation_begin(f->kubelet);
	f->stream.end = forward_stop;
	list_push_back(&f->kubelet->client_streams, &f->stream.link);
	options = (struct port_forward_options){
		.ports = ports, .port_count = count, .events = &forward_events, .arg = f
	};
	if (port_forward_accept(r->x, &options, &f->client, &err) < 0) {
		f->client = NULL; /* the exchange was answered */
		forward_end_if_idle(f);
	}
}
