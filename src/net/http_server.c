/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepting, limits and the end of connections. One sweep timer serves all deadlines: it sleeps
 * until the earliest, and does not run at all while every connection is in a state without one (an
 * open watch), so an idle server never wakes up.
 */
#include "net/http_server.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "net/http_internal.h"

#define ACCEPT_BATCH 64
#define ACCEPT_RETRY_MS 200 /* after running out of descriptors */
#define LINGER_MS 2000
#define FRAMES_BYTES_MAX (128u << 10)
#define TRIM_HANDSHAKES 64
#define TRIM_DELAY_MS 2000

struct listener {
	struct http_server *server;
	struct list link;
	struct io_watch watch;
	struct timer retry;
	int fd;
};

/* --- deadlines --- */

static int64_t timeout_ms(const struct http_server *s, enum deadline_kind kind)
{
	switch (kind) {
	case DEADLINE_HEAD:
		return s->limits.header_timeout_ms;
	case DEADLINE_BODY:
		return s->limits.body_timeout_ms;
	case DEADLINE_IDLE:
		return s->limits.idle_timeout_ms;
	case DEADLINE_SEND:
	case DEADLINE_STALL:
		return s->limits.send_timeout_ms;
	case DEADLINE_NONE:
	default:
		return 0;
	}
}

static void sweep_at(struct http_server *s, int64_t deadline_ns, int64_t now_ns)
{
	int64_t delay_ms;

	if (deadline_ns >= s->sweep_at_ns)
		return;
	s->sweep_at_ns = deadline_ns;
	delay_ms = (deadline_ns - now_ns) / TIME_NS_PER_MS + 1;
	timer_start_slack(&s->sweep, delay_ms, delay_ms / 8);
}

void server_conn_deadline(struct server_conn *sc, enum deadline_kind kind)
{
	int64_t now_ns;

	list_remove(&sc->idle_link);
	if (kind == DEADLINE_IDLE)
		list_push_back(&sc->server->idles, &sc->idle_link);
	sc->deadline_kind = kind;
	if (kind == DEADLINE_NONE)
		return;
	now_ns = env_mono_ns(sc->server->env);
	sc->deadline_ns = now_ns + timeout_ms(sc->server, kind) * TIME_NS_PER_MS;
	sweep_at(sc->server, sc->deadline_ns, now_ns);
}

void server_conn_watch_sending(struct server_conn *sc)
{
	if (sc->deadline_kind == DEADLINE_SEND || conn_queued_bytes(sc->conn) == 0)
		return;
	sc->sent_mark = conn_sent_bytes(sc->conn);
	server_conn_deadline(sc, DEADLINE_SEND);
}

static void time_out(struct server_conn *sc)
{
	if (sc->deadline_kind == DEADLINE_SEND) {
		uint64_t sent = conn_sent_bytes(sc->conn);

		if (conn_queued_bytes(sc->conn) == 0) {
			server_conn_deadline(sc, DEADLINE_NONE);
		} else if (sent != sc->sent_mark) {
			sc->sent_mark = sent;
			server_conn_deadline(sc, DEADLINE_SEND);
		} else {
			server_conn_break(sc);
		}
		return;
	}
	if (sc->protocol)
		sc->protocol->timed_out(sc);
	else
		server_conn_break(sc); /* still in its handshake */
}

static void on_sweep(struct timer *timer)
{
	struct http_server *s = CONTAINER_OF(timer, struct http_server, sweep);
	int64_t now_ns = env_mono_ns(s->env), next_ns = INT64_MAX;

	s->sweep_at_ns = INT64_MAX;
	LIST_FOR_EACH (node, &s->conns) {
		struct server_conn *sc = LIST_ENTRY(node, struct server_conn, link);

		if (sc->deadline_kind != DEADLINE_NONE && sc->deadline_ns <= now_ns)
			time_out(sc); /* ends at most this one */
	}
	LIST_FOR_EACH (left, &s->conns) {
		struct server_conn *sc = LIST_ENTRY(left, struct server_conn, link);

		if (sc->deadline_kind != DEADLINE_NONE)
			next_ns = NUM_MIN(next_ns, sc->deadline_ns);
	}
	if (next_ns != INT64_MAX)
		sweep_at(s, next_ns, now_ns);
}

/* --- connections --- */

static void on_reap(struct task *task)
{
	struct http_server *s = CONTAINER_OF(task, struct http_server, reap);
	struct list *node;

	while ((node = list_pop_front(&s->dead)))
		mem_free(LIST_ENTRY(node, struct server_conn, link));
	if (s->draining && s->conn_count == 0 && s->on_drained) {
		void (*on_drained)(void *) = s->on_drained;

		s->on_drained = NULL;
		timer_stop(&s->drain_timer);
		on_drained(s->drained_arg);
	}
}

static void let_next_shake(struct http_server *s)
{
	struct list *next = list_pop_front(&s->held);

	if (next)
		conn_resume(LIST_ENTRY(next, struct server_conn, handshake_link)->conn);
}

static void end_handshake(struct server_conn *sc)
{
	struct http_server *s = sc->server;

	if (!list_is_linked(&sc->handshake_link))
		return;
	list_remove(&sc->handshake_link);
	if (!sc->hello_ns)
		return;
	s->open_handshake_count--;
	let_next_shake(s);
}

/* Off the list; the memory goes in the next turn, because callers up the stack may still look at
 * it. */
static void retire(struct server_conn *sc)
{
	struct http_server *s = sc->server;

	ASSERT(sc->server->conn_count > 0);
	s->conn_count--;
	list_remove(&sc->link);
	list_remove(&sc->stranger_link);
	list_remove(&sc->idle_link);
	end_handshake(sc);
	sc->conn = NULL;
	server_conn_deadline(sc, DEADLINE_NONE);
	if (sc->peer.attachment_free)
		sc->peer.attachment_free(sc->peer.attachment);
	tls_identity_free(sc->identity);
	sc->identity = NULL;
	list_push_back(&s->dead, &sc->link);
	env_defer(s->env, &s->reap);
}

void server_conn_close(struct server_conn *sc)
{
	struct conn *conn;

	if (!sc->conn)
		return;
	conn = sc->conn;
	sc->conn = NULL;
	conn_close_after(conn, LINGER_MS);
	if (sc->protocol)
		sc->protocol->closed(sc);
	retire(sc);
}

void server_conn_break(struct server_conn *sc)
{
	struct conn *conn;

	if (!sc->conn)
		return;
	conn = sc->conn;
	sc->conn = NULL;
	if (sc->protocol)
		sc->protocol->closed(sc);
	conn_close(conn); /* after the exchanges: their memory may still be queued */
	retire(sc);
}

struct moved_peer {
	struct http_peer peer;
	struct tls_identity *identity;
};

static void free_moved_peer(void *attachment)
{
	struct moved_peer *moved = attachment;

	if (moved->peer.attachment_free)
		moved->peer.attachment_free(moved->peer.attachment);
	tls_identity_free(moved->identity);
	mem_free(moved);
}

struct conn *server_conn_detach(struct server_conn *sc)
{
	struct moved_peer *moved = NEW(struct moved_peer);
	struct conn *conn = sc->conn;

	moved->peer = sc->peer;
	moved->identity = sc->identity;
	sc->peer.attachment_free = NULL;
	sc->identity = NULL;
	sc->detached = true;
	conn_attach(conn, moved, free_moved_peer);
	retire(sc);
	return conn;
}

const struct http_peer *http_conn_peer(const struct conn *c)
{
	const struct moved_peer *moved = conn_attachment(c);

	return moved ? &moved->peer : NULL;
}

static void choose(struct server_conn *sc, const struct http_protocol *protocol)
{
	sc->protocol = protocol;
	list_remove(&sc->stranger_link);
	list_remove(&sc->idle_link);
	protocol->open(sc);
}

/* A handshake takes some 50 KB for a moment. When hundreds come at once, these lie between what
 * stays, and glibc would never give their pages back by itself. */
static void on_trim(struct timer *timer)
{
	CONTAINER_OF(timer, struct http_server, trim)->handshake_count = 0;
	malloc_trim(0);
}

static void count_handshake(struct http_server *s)
{
	if (++s->handshake_count == TRIM_HANDSHAKES)
		timer_start_slack(&s->trim, TRIM_DELAY_MS, TRIM_DELAY_MS);
}

/* Ends the oldest handshake when it takes too long; or says in *ret_ms when it will. */
static bool gave_way(struct http_server *s, int64_t *ret_ms)
{
	struct server_conn *oldest = LIST_ENTRY(list_first(&s->handshakes), struct server_conn, handshake_link);
	int64_t left_ns = oldest->hello_ns + s->limits.handshake_patience_ms * TIME_NS_PER_MS - env_mono_ns(s->env);

	*ret_ms = left_ns / TIME_NS_PER_MS + 1;
	if (left_ns > 0)
		return false;
	server_conn_break(oldest);
	return true;
}

static void on_patience_over(struct timer *timer)
{
	struct http_server *s = CONTAINER_OF(timer, struct http_server, patience);
	int64_t left_ms = s->limits.handshake_patience_ms;

	/* Some whose turn came may have gone before they took it. */
	for (size_t i = s->open_handshake_count; i < s->limits.handshake_max; i++)
		let_next_shake(s);
	while (!list_is_empty(&s->held) && !list_is_empty(&s->handshakes) && gave_way(s, &left_ms))
		;
	if (!list_is_empty(&s->held))
		timer_start(&s->patience, left_ms);
}

/* Half of a handshake holds five times what a silent connection does, so fewer of these are kept. Many clients may come
 * at once, though, after a restart above all: only who takes long has to go. */
static void on_hello(void *arg, struct conn *c)
{
	struct server_conn *sc = arg;
	struct http_server *s = sc->server;
	int64_t left_ms;

	if (s->open_handshake_count >= s->limits.handshake_max && !gave_way(s, &left_ms)) {
		conn_pause(c);
		list_push_back(&s->held, &sc->handshake_link);
		if (!timer_is_running(&s->patience))
			timer_start(&s->patience, left_ms);
		return;
	}
	sc->hello_ns = env_mono_ns(s->env);
	list_push_back(&s->handshakes, &sc->handshake_link);
	s->open_handshake_count++;
}

static void on_ready(void *arg, struct conn *c)
{
	struct server_conn *sc = arg;

	end_handshake(sc);
	count_handshake(sc->server);
	sc->identity = tls_identity_of(conn_tls(c));
	sc->peer.identity = sc->identity;
	choose(sc, tls_is_http2(conn_tls(c)) ? &http2_protocol : &http1_protocol);
}

/* Prior knowledge: the preface begins as no HTTP/1 request can. */
static bool choose_plain(struct server_conn *sc, struct str bytes)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	size_t len = NUM_MIN(bytes.len, sizeof(preface) - 1);

	if (sc->server->options.plain_http2 && memcmp(bytes.ptr, preface, len) == 0) {
		if (len < sizeof(preface) - 1)
			return false;
		choose(sc, &http2_protocol);
		return true;
	}
	choose(sc, &http1_protocol);
	return true;
}

static size_t on_read(void *arg, struct conn *c, struct str bytes)
{
	struct server_conn *sc = arg;

	if (!sc->protocol && !choose_plain(sc, bytes))
		return 0;
	return sc->protocol->read(sc, bytes);
}

static void on_eof(void *arg, struct conn *c)
{
	struct server_conn *sc = arg;

	if (sc->protocol)
		sc->protocol->eof(sc);
	else
		server_conn_break(sc);
}

static void on_drained(void *arg, struct conn *c)
{
	struct server_conn *sc = arg;

	if (sc->protocol)
		sc->protocol->drained(sc);
}

static void on_sent(void *arg, struct conn *c)
{
	struct server_conn *sc = arg;

	if (sc->protocol)
		sc->protocol->sent(sc);
}

static void on_closed(void *arg, struct conn *c, const struct err *err)
{
	struct server_conn *sc = arg;

	log_debug("http", "%s: %s", sc->peer.text, err->msg);
	server_conn_break(sc);
}

static const struct conn_events conn_events = {
	.on_hello = on_hello,
	.on_ready = on_ready,
	.on_read = on_read,
	.on_eof = on_eof,
	.on_drained = on_drained,
	.on_sent = on_sent,
	.on_closed = on_closed,
};

/* Makes a place: who has said least for longest goes. To open connections and leave it at that must
 * not keep others out. */
static bool drop_stranger(struct http_server *s)
{
	struct list *node = list_first(&s->strangers);

	if (!node)
		return false;
	server_conn_break(LIST_ENTRY(node, struct server_conn, stranger_link));
	return true;
}

/* Likewise who has been asking nothing for longest: it may come again. One that has just been
 * answered stays, as its next request may be on its way. */
static bool drop_idle(struct http_server *s)
{
	struct list *node = list_first(&s->idles);
	struct server_conn *sc = node ? LIST_ENTRY(node, struct server_conn, idle_link) : NULL;

	int64_t kept_ms = s->limits.idle_timeout_ms - s->limits.idle_kept_ms; /* before its deadline */

	if (!sc || env_mono_ns(s->env) < sc->deadline_ns - kept_ms * TIME_NS_PER_MS)
		return false;
	server_conn_break(sc);
	return true;
}

static bool make_place(struct http_server *s)
{
	return drop_stranger(s) || drop_idle(s);
}

/* The kernel gives the lowest descriptor that is free: a high one tells that there are no more places
 * than are taken now. That holds until half of them are free again, as others may have freed theirs. */
static bool has_place(struct http_server *s, int fd)
{
	if (s->conn_count < s->place_count / 2)
		s->place_count = s->limits.connection_max;
	if (fd > s->limits.fd_max && s->conn_count < s->place_count)
		s->place_count = s->conn_count;
	return s->conn_count < s->place_count || make_place(s);
}

/* Owns fd. */
static void serve(struct http_server *s, int fd, const struct address *peer)
{
	struct ssl_st *ssl = NULL;
	struct server_conn *sc;
	int on = 1;

	if (s->draining || !has_place(s, fd)) {
		close(fd);
		return;
	}
	if (!address_is_unix(peer))
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* only slower without */
	sc = NEW(struct server_conn);
	sc->server = s;
	sc->peer.address = *peer;
	address_format(peer, sc->peer.text);
	sc->peer.is_tls = s->options.tls != NULL;
	if (s->options.tls) {
		sc->peer.tls_generation = tls_server_generation(s->options.tls);
		ssl = tls_server_session(s->options.tls, fd);
	}
	sc->conn = conn_new(s->pool, fd, ssl, &conn_events, sc);
	list_push_back(&s->conns, &sc->link);
	list_push_back(&s->strangers, &sc->stranger_link);
	s->conn_count++;
	server_conn_deadline(sc, DEADLINE_HEAD);
}

/* --- listeners --- */

static void on_retry(struct timer *timer)
{
	io_update(&CONTAINER_OF(timer, struct listener, retry)->watch, IO_READ);
}

/* Others of this process have taken all descriptors. Told once: who tries to connect may do so for
 * long. */
static void rest(struct listener *l)
{
	if (!l->server->is_out_of_fds)
		log_warn("http", "cannot accept connections: %s", strerror(errno));
	l->server->is_out_of_fds = true;
	(void)make_place(l->server); /* if there is none, somebody else must go */
	io_update(&l->watch, 0);
	timer_start(&l->retry, ACCEPT_RETRY_MS);
}

static void on_accept(struct io_watch *watch, int events)
{
	struct listener *l = CONTAINER_OF(watch, struct listener, watch);

	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct address peer = { .socket_bytes = sizeof(peer.socket) };
		int fd = accept4(l->fd, (struct sockaddr *)&peer.socket, &peer.socket_bytes,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			if (l->server->is_out_of_fds)
				log_info("http", "connections are accepted again");
			l->server->is_out_of_fds = false;
			if (peer.socket_bytes == 0)
				peer.socket.ss_family = AF_UNIX;
			serve(l->server, fd, &peer);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			rest(l);
			return;
		}
		if (errno != ECONNABORTED && errno != EINTR)
			return; /* EAGAIN: no more waiting */
	}
}

int http_server_listen_fd(struct http_server *s, int fd, struct err *err)
{
	struct listener *l = NEW(struct listener);

	l->server = s;
	l->fd = fd;
	l->watch.fn = on_accept;
	timer_init(&l->retry, s->env, on_retry);
	if (fd_set_nonblock(fd, true, err) < 0 || io_start(s->env, &l->watch, fd, IO_READ, err) < 0) {
		close(fd);
		mem_free(l);
		return -1;
	}
	list_push_back(&s->listeners, &l->link);
	return 0;
}

int http_server_listen(struct http_server *s, const struct address *a, mode_t mode, struct address *ret_bound,
		       struct err *err)
{
	struct address bound = { .socket_bytes = sizeof(bound.socket) };
	int fd = address_listen(a, mode, err);

	if (fd < 0)
		return -1;
	if (getsockname(fd, (struct sockaddr *)&bound.socket, &bound.socket_bytes) < 0) {
		(void)err_os(err, "name of the listening socket");
		close(fd);
		return -1;
	}
	if (http_server_listen_fd(s, fd, err) < 0)
		return -1;
	if (ret_bound)
		*ret_bound = bound;
	return 0;
}

int http_server_adopt(struct http_server *s, int fd, struct err *err)
{
	struct address peer = { .socket_bytes = sizeof(peer.socket) };

	if (getpeername(fd, (struct sockaddr *)&peer.socket, &peer.socket_bytes) < 0) {
		(void)err_os(err, "name of the peer");
		close(fd);
		return -1;
	}
	if (fd_set_nonblock(fd, true, err) < 0) {
		close(fd);
		return -1;
	}
	serve(s, fd, &peer);
	return 0;
}

static void stop_listening(struct http_server *s)
{
	struct list *node;

	while ((node = list_pop_front(&s->listeners))) {
		struct listener *l = LIST_ENTRY(node, struct listener, link);

		io_stop(&l->watch);
		timer_stop(&l->retry);
		close(l->fd);
		mem_free(l);
	}
}

/* --- the server --- */

static int fd_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX)
		return INT_MAX;
	/* Of few a good part: connections are what they are for. */
	if (limit.rlim_cur < HTTP_FDS_RESERVED * 4)
		return (int)(limit.rlim_cur - limit.rlim_cur / 4);
	return (int)limit.rlim_cur - HTTP_FDS_RESERVED;
}

static void default_limits(struct http_server_limits *l)
{
	static const struct http_server_limits defaults = {
		.body_bytes_max = HTTP_BODY_BYTES_MAX,
		.head_bytes_max = HTTP_HEAD_BYTES_MAX,
		.header_count_max = HTTP_HEADER_COUNT_MAX,
		.connection_max = HTTP_CONNECTIONS_MAX,
		.handshake_max = HTTP_HANDSHAKES_MAX,
		.handshake_patience_ms = HTTP_HANDSHAKE_PATIENCE_MS,
		.stream_max = HTTP_STREAMS_MAX,
		.header_timeout_ms = HTTP_HEADER_TIMEOUT_MS,
		.body_timeout_ms = HTTP_BODY_TIMEOUT_MS,
		.idle_timeout_ms = HTTP_IDLE_TIMEOUT_MS,
		.idle_kept_ms = HTTP_IDLE_KEPT_MS,
		.send_timeout_ms = HTTP_SEND_TIMEOUT_MS,
	};

	l->body_bytes_max = l->body_bytes_max ? l->body_bytes_max : defaults.body_bytes_max;
	l->head_bytes_max = l->head_bytes_max ? l->head_bytes_max : defaults.head_bytes_max;
	l->header_count_max = l->header_count_max ? l->header_count_max : defaults.header_count_max;
	l->connection_max = l->connection_max ? l->connection_max : defaults.connection_max;
	l->fd_max = l->fd_max ? l->fd_max : fd_max();
	l->handshake_max = l->handshake_max ? l->handshake_max : defaults.handshake_max;
	l->handshake_patience_ms =
		l->handshake_patience_ms ? l->handshake_patience_ms : defaults.handshake_patience_ms;
	l->stream_max = l->stream_max ? l->stream_max : defaults.stream_max;
	l->header_timeout_ms = l->header_timeout_ms ? l->header_timeout_ms : defaults.header_timeout_ms;
	l->body_timeout_ms = l->body_timeout_ms ? l->body_timeout_ms : defaults.body_timeout_ms;
	l->idle_timeout_ms = l->idle_timeout_ms ? l->idle_timeout_ms : defaults.idle_timeout_ms;
	l->idle_kept_ms = l->idle_kept_ms ? l->idle_kept_ms : defaults.idle_kept_ms;
	l->send_timeout_ms = l->send_timeout_ms ? l->send_timeout_ms : defaults.send_timeout_ms;
	ASSERT(l->head_bytes_max < CONN_UNREAD_BYTES_MAX);
}

struct http_server *http_server_new(const struct http_server_options *options)
{
	struct http_server *s = NEW(struct http_server);

	ASSERT(options->handlers && options->handlers->on_request);
	s->options = *options;
	s->limits = options->limits;
	default_limits(&s->limits);
	s->place_count = s->limits.connection_max;
	s->env = options->env;
	s->pool = conn_pool_new(s->env);
	list_init(&s->conns);
	list_init(&s->strangers);
	list_init(&s->idles);
	list_init(&s->handshakes);
	list_init(&s->held);
	timer_init(&s->patience, s->env, on_patience_over);
	list_init(&s->listeners);
	list_init(&s->spares);
	list_init(&s->dead);
	list_init(&s->h2_dirty);
	task_init(&s->reap, on_reap);
	timer_init(&s->sweep, s->env, on_sweep);
	timer_init(&s->trim, s->env, on_trim);
	s->sweep_at_ns = INT64_MAX;
	s->date_second = -1;
	buf_init(&s->head, HTTP_REPLY_HEAD_BYTES_MAX);
	buf_init(&s->frames, FRAMES_BYTES_MAX);
	return s;
}

void http_server_free(struct http_server *s)
{
	struct list *node;

	if (!s)
		return;
	stop_listening(s);
	s->draining = true; /* nothing new */
	s->on_drained = NULL;
	while ((node = list_first(&s->conns)))
		server_conn_break(LIST_ENTRY(node, struct server_conn, link));
	conn_pool_free(s->pool);
	env_cancel(s->env, &s->reap);
	on_reap(&s->reap);
	timer_stop(&s->sweep);
	timer_stop(&s->trim);
	timer_stop(&s->patience);
	if (s->drain_timer.fn)
		timer_stop(&s->drain_timer);
	if (s->h2_task.fn)
		env_cancel(s->env, &s->h2_task);
	while ((node = list_pop_front(&s->spares))) {
		struct exchange *ex = LIST_ENTRY(node, struct exchange, link);

		arena_deinit(&ex->x.arena);
		mem_free(ex);
	}
	nghttp2_session_callbacks_del(s->h2_callbacks);
	nghttp2_option_del(s->h2_option);
	buf_deinit(&s->head);
	buf_deinit(&s->frames);
	mem_free(s);
}

static void on_drain_deadline(struct timer *timer)
{
	struct http_server *s = CONTAINER_OF(timer, struct http_server, drain_timer);
	struct list *node;

	while ((node = list_first(&s->conns)))
		server_conn_break(LIST_ENTRY(node, struct server_conn, link));
}

void http_server_drain(struct http_server *s, int64_t deadline_ms, void (*on_done)(void *arg), void *arg)
{
	s->draining = true;
	s->on_drained = on_done;
	s->drained_arg = arg;
	stop_listening(s);
	LIST_FOR_EACH (node, &s->conns) {
		struct server_conn *sc = LIST_ENTRY(node, struct server_conn, link);

		if (sc->protocol)
			sc->protocol->drain(sc); /* ends at most this one */
	}
	timer_init(&s->drain_timer, s->env, on_drain_deadline);
	timer_start(&s->drain_timer, deadline_ms);
	env_defer(s->env, &s->reap);
}

size_t http_server_connection_count(const struct http_server *s)
{
	return s->conn_count;
}

struct str server_date(struct http_server *s)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	int64_t second = env_wall_ns(s->env) / TIME_NS_PER_SECOND;

	if (second != s->date_second) {
		time_t at = (time_t)second;
		struct tm tm;

		s->date_second = second;
		gmtime_r(&at, &tm);
		snprintf(s->date, sizeof(s->date), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday % 7],
			 tm.tm_mday % 100, months[tm.tm_mon % 12], (tm.tm_year + 1900) % 10000, tm.tm_hour % 100,
			 tm.tm_min % 100, tm.tm_sec % 100);
	}
	return str_from(s->date);
}
