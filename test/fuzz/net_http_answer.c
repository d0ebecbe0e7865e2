/* SPDX-License-Identifier: Apache-2.0 */
/* What a hostile server may answer to our client: heads, chunks, lengths, redirects. */
#include <sys/socket.h>
#include <unistd.h>
#include "net/http_client.h"
#include "net_loop.h"

struct peer {
	struct io_watch watch;
	int fd, accepted;
	struct address address;
	const uint8_t *bytes;
	size_t len;
	bool ended;
};

static void on_accept(struct io_watch *watch, int events)
{
	struct peer *p = CONTAINER_OF(watch, struct peer, watch);
	p->accepted = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	/* The whole answer before the request is read; the socket stays open, lest a reset takes the bytes away. */
	if (p->accepted >= 0 && send(p->accepted, p->bytes, p->len, MSG_NOSIGNAL) >= 0)
		shutdown(p->accepted, SHUT_WR);
}

static void on_end(void *arg, struct http_call *call, const struct err *err)
{
	((struct peer *)arg)->ended = true;
}

static bool has_ended(void *arg)
{
	return ((struct peer *)arg)->ended;
}

static void listen_once(struct peer *p, struct net_loop *loop)
{
	struct err err;
	socklen_t len = sizeof(p->address.socket);

	if (io_is_started(&p->watch))
		return;
	net_loop_init(loop);
	if (address_parse(STR("127.0.0.1:0"), &p->address, &err) < 0 ||
	    (p->fd = address_listen(&p->address, 0600, &err)) < 0 ||
	    getsockname(p->fd, (struct sockaddr *)&p->address.socket, &len) < 0)
		abort();
	p->watch.fn = on_accept;
	if (io_start(loop->env, &p->watch, p->fd, IO_READ, &err) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	static struct net_loop loop;
	static struct peer peer;
	static const struct http_call_events events = { .on_end = on_end };
	char url[ADDRESS_TEXT_BYTES + 16] = "http://";
	struct http_client *client;

	if (size_bytes > 65536)
		return 0;
	listen_once(&peer, &loop);
	peer.bytes = bytes;
	peer.len = size_bytes;
	peer.ended = false;
	peer.accepted = -1;
	address_format(&peer.address, url + 7);
	client = http_client_new(&(struct http_client_options){ .env = loop.env });
	(void)http_client_start(client, &(struct http_request){ .url = str_from(url) }, &events, &peer);
	net_loop_run(&loop, has_ended, &peer);
	http_client_free(client);
	if (peer.accepted >= 0)
		close(peer.accepted);
	return 0;
}
