/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte streams. All work of a connection happens in conn_turn(): handshake, read, write, events, in this
 * order. What the owner calls only changes state and puts the connection on the pool's dirty list,
 * whose task calls conn_turn(); so no event ever comes from inside a call. Encrypted bytes are collected
 * in the pool's wire buffer (OpenSSL writes there through our BIO, which never refuses) and leave
 * by one send(); what the kernel does not take becomes the connection's own `left`. connecting →
 * handshaking → open → broken (on_closed) → dead (conn_close) → freed once no event of it runs
 */
#include "net/conn_internal.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/limits.h"

#define RECORD_ROOM_BYTES (CONN_RECORD_BYTES + 512u)
#define IOV_COUNT 64
#define LOW_BYTES (64u << 10)

/* --- state --- */

static void drop_left(struct conn *c)
{
	mem_free(c->left);
	c->left = NULL;
	c->left_bytes = c->left_offset = 0;
}

/* why is constant text. */
static void fail(struct conn *c, int os_errno, const char *why)
{
	if (c->broken)
		return;
	c->broken = true;
	c->broken_errno = os_errno;
	c->broken_why = why;
	piece_queue_clear(&c->queue);
	drop_left(c);
	conn_mark_dirty(c);
}

static void fail_tls(struct conn *c)
{
	unsigned long number = ERR_peek_error();
	const char *why = number ? ERR_reason_error_string(number) : NULL;

	if (ERR_GET_REASON(number) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		why = "connection cut off";
	ERR_clear_error();
	fail(c, 0, why ? why : "TLS failed");
}

static size_t total_bytes(const struct conn *c)
{
	return c->queue.bytes + c->left_bytes;
}

static void update_interest(struct conn *c)
{
	int events = 0;

	if (c->broken || c->dead || !io_is_started(&c->watch))
		return;
	if (!c->connecting && !c->paused && !c->stuffed && !c->eof)
		events |= IO_READ;
	if (c->connecting || c->blocked)
		events |= IO_WRITE;
	if (events != c->watch.events)
		io_update(&c->watch, events);
}

/* --- sending --- */

static void keep_left(struct conn *c, const char *bytes, size_t len)
{
	if (c->left_bytes == 0) {
		drop_left(c);
		c->left = mem_dup(bytes, len);
	} else {
		memmove(c->left, c->left + c->left_offset, c->left_bytes);
		c->left = mem_realloc(c->left, c->left_bytes + len);
		memcpy(c->left + c->left_bytes, bytes, len);
		c->left_offset = 0;
	}
	c->left_bytes += len;
}

static bool is_held(const struct conn *c)
{
	return !list_is_empty(&c->holds);
}

/* Bytes taken by the kernel; 0 when it is full or the connection broke. */
static size_t send_bytes(struct conn *c, const char *bytes, size_t len)
{
	ssize_t n;

	if (c->broken || c->blocked || is_held(c))
		return 0;
	n = send(c->fd, bytes, len, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		fail(c, errno, "send");
		return 0;
	}
	if (n < (ssize_t)len)
		c->blocked = true;
	return n > 0 ? (size_t)n : 0;
}

static void send_or_keep(struct conn *c, const char *bytes, size_t len)
{
	size_t sent = c->left_bytes > 0 ? 0 : send_bytes(c, bytes, len);

	if (sent < len && !c->broken)
		keep_left(c, bytes + sent, len - sent);
}

void conn_send_wire(struct conn *c)
{
	if (c->pool->wire_bytes > 0)
		send_or_keep(c, c->pool->wire, c->pool->wire_bytes);
	c->pool->wire_bytes = 0;
}

static void send_left(struct conn *c)
{
	size_t sent = send_bytes(c, c->left + c->left_offset, c->left_bytes);

	if (c->broken)
		return;
	c->left_offset += sent;
	c->sent_bytes += sent;
	c->left_bytes -= sent;
	conn_charge(c, sent);
	if (c->left_bytes == 0)
		drop_left(c);
}

static void consume(struct conn *c, size_t len)
{
	piece_queue_consume(&c->queue, len);
	c->sent_bytes += len;
	conn_charge(c, len);
}

static bool encrypt(struct conn *c, const char *bytes, size_t len)
{
	size_t done;

	ERR_clear_error();
	if (SSL_write_ex(c->ssl, bytes, len, &done) != 1 || done != len) {
		fail_tls(c);
		return false;
	}
	return true;
}

/* The next record's plain text: a part of the first piece, or small pieces put together. */
static const char *next_record(struct conn *c, size_t *ret_len)
{
	const struct http_piece *first = piece_queue_at(&c->queue, 0);

	if (first->bytes.len >= CONN_RECORD_BYTES || c->queue.count == 1) {
		*ret_len = NUM_MIN(first->bytes.len, (size_t)CONN_RECORD_BYTES);
		return first->bytes.ptr;
	}
	*ret_len = piece_queue_peek(&c->queue, c->pool->gather, CONN_RECORD_BYTES);
	return c->pool->gather;
}

static void send_encrypted(struct conn *c)
{
	while (c->queue.count > 0 && CONN_WIRE_BYTES - c->pool->wire_bytes >= RECORD_ROOM_BYTES) {
		size_t len;
		const char *bytes = next_record(c, &len);

		if (len > 0 && !encrypt(c, bytes, len))
			return;
		consume(c, len);
	}
	conn_send_wire(c);
}

static void send_plain(struct conn *c)
{
	struct iovec iov[IOV_COUNT];
	struct msghdr message = { .msg_iov = iov };
	size_t want = 0;
	ssize_t n;

	while (message.msg_iovlen < IOV_COUNT && message.msg_iovlen < c->queue.count) {
		struct str bytes = piece_queue_at(&c->queue, (uint32_t)message.msg_iovlen)->bytes;

		iov[message.msg_iovlen++] = (struct iovec){ (void *)bytes.ptr, bytes.len };
		want += bytes.len;
	}
	n = sendmsg(c->fd, &message, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		fail(c, errno, "send");
		return;
	}
	if (n < (ssize_t)want)
		c->blocked = true;
	consume(c, n > 0 ? (size_t)n : 0);
}

static void finish_sending(struct conn *c)
{
	c->fin_done = true;
	if (c->ssl) {
		ERR_clear_error();
		(void)SSL_shutdown(c->ssl); /* close_notify goes to the wire buffer; the answer is not waited for */
		ERR_clear_error();
		conn_send_wire(c);
	}
	if (c->left_bytes == 0)
		shutdown(c->fd, SHUT_WR);
}

static void flush(struct conn *c)
{
	if (c->connecting || c->handshaking || is_held(c))
		return;
	if (c->left_bytes > 0 && !c->blocked)
		send_left(c);
	while (c->queue.count > 0 && !c->blocked && !c->broken) {
		if (conn_bytes_left(c) == 0) {
			conn_mark_dirty(c);
			return;
		}
		if (c->ssl)
			send_encrypted(c);
		else
			send_plain(c);
	}
	if (c->fin_wanted && !c->broken && c->queue.count == 0 && c->left_bytes == 0) {
		if (!c->fin_done)
			finish_sending(c);
		else
			shutdown(c->fd, SHUT_WR);
	}
}

/* --- receiving --- */

static void keep_unread(struct conn *c, const char *bytes, size_t len)
{
	char *kept = len > 0 ? mem_dup(bytes, len) : NULL;

	mem_free(c->unread);
	c->unread = kept;
	c->unread_bytes = len;
	if (len >= CONN_UNREAD_BYTES_MAX)
		c->stuffed = true;
}

static void deliver(struct conn *c, const char *bytes, size_t len)
{
	size_t taken;

	if (c->lingering || c->broken)
		return; /* thrown away */
	if (c->unread_bytes == 0) {
		taken = c->events->on_read(c->arg, c, str_sub(bytes, len));
		ASSERT(taken <= len);
		if (!c->dead && taken < len)
			keep_unread(c, bytes + taken, len - taken);
		return;
	}
	c->unread = mem_realloc(c->unread, c->unread_bytes + len);
	memcpy(c->unread + c->unread_bytes, bytes, len);
	c->unread_bytes += len;
	taken = c->events->on_read(c->arg, c, str_sub(c->unread, c->unread_bytes));
	ASSERT(taken <= c->unread_bytes);
	if (c->dead)
		return;
	if (taken > 0)
		keep_unread(c, c->unread + taken, c->unread_bytes - taken);
	else if (c->unread_bytes >= CONN_UNREAD_BYTES_MAX)
		c->stuffed = true;
}

static size_t read_tls(struct conn *c)
{
	size_t got = 0, n;

	while (CONN_READ_BYTES - got >= CONN_RECORD_BYTES) {
		ERR_clear_error();
		if (SSL_read_ex(c->ssl, c->pool->read_bytes + got, CONN_READ_BYTES - got, &n) != 1)
			break;
		got += n;
		if (!SSL_has_pending(c->ssl))
			return got; /* the kernel tells when there is more */
	}
	if (CONN_READ_BYTES - got < CONN_RECORD_BYTES) {
		c->readable = true; /* more may be waiting inside OpenSSL, where the kernel does not see it */
		conn_mark_dirty(c);
		return got;
	}
	switch (SSL_get_error(c->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		break;
	case SSL_ERROR_ZERO_RETURN:
		c->eof = true;
		break;
	case SSL_ERROR_SYSCALL:
		fail(c, errno, "receive");
		break;
	default:
		fail_tls(c);
		break;
	}
	ERR_clear_error();
	return got;
}

static size_t read_plain(struct conn *c)
{
	ssize_t n = recv(c->fd, c->pool->read_bytes, CONN_READ_BYTES, 0);

	if (n > 0)
		return (size_t)n;
	if (n == 0)
		c->eof = true;
	else if (errno != EAGAIN && errno != EINTR)
		fail(c, errno, "receive");
	return 0;
}

static void receive(struct conn *c)
{
	size_t got;

	c->readable = false;
	got = c->ssl ? read_tls(c) : read_plain(c);
	conn_send_wire(c); /* answers to key updates and the like */
	if (got > 0) {
		bool was_broken = c->broken;

		c->broken = false; /* what came before the end is still delivered */
		deliver(c, c->pool->read_bytes, got);
		c->broken |= was_broken;
	}
	if (c->dead || !c->eof || c->eof_reported)
		return;
	c->eof_reported = true;
	if (c->events->on_eof && !c->lingering)
		c->events->on_eof(c->arg, c);
	else
		fail(c, 0, "closed by the peer");
}

static void redeliver(struct conn *c)
{
	size_t len = c->unread_bytes, taken;

	c->redeliver = false;
	if (len == 0)
		return;
	taken = c->events->on_read(c->arg, c, str_sub(c->unread, len));
	if (!c->dead && taken > 0)
		keep_unread(c, c->unread + taken, len - taken);
}

/* --- the turn --- */

static void finish_connect(struct conn *c)
{
	int os_errno = 0;
	socklen_t len = sizeof(os_errno);

	c->connecting = false;
	c->blocked = false;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &os_errno, &len) < 0)
		os_errno = errno;
	if (os_errno != 0)
		fail(c, os_errno, "connect");
	else if (!c->ssl)
		c->events->on_ready(c->arg, c);
	else
		c->readable = true;
}

/* A client that speaks plain HTTP to a TLS port is told so in its own tongue, as Go's servers do. */
static void answer_plain_http(struct conn *c)
{
	static const char text[] = "HTTP/1.0 400 Bad Request\r\n\r\n"
				   "Client sent an HTTP request to an HTTPS server.\n";
	char rest[1024];

	if (ERR_GET_REASON(ERR_peek_error()) != SSL_R_HTTP_REQUEST)
		return;
	c->pool->wire_bytes = 0; /* no alert: it would be read as part of the answer */
	/* What is unread at close makes a reset, which may overtake the answer. */
	(void)recv(c->fd, rest, sizeof(rest), MSG_DONTWAIT);
	(void)send_bytes(c, text, sizeof(text) - 1); /* what does not fit is not worth waiting for */
}

static void handshake(struct conn *c)
{
	int done;

	if (!c->hello_told && c->events->on_hello) {
		c->events->on_hello(c->arg, c);
		if (c->paused)
			return; /* told again when it is resumed */
	}
	c->hello_told = true;
	c->pool->cost += CONN_HANDSHAKE_COST;
	ERR_clear_error();
	done = SSL_do_handshake(c->ssl);
	if (done == 1) {
		c->handshaking = false;
		c->readable = true; /* data may have come with the last flight */
		conn_send_wire(c);
		if (c->events->on_ready)
			c->events->on_ready(c->arg, c);
		return;
	}
	switch (SSL_get_error(c->ssl, done)) {
	case SSL_ERROR_WANT_READ:
		break;
	case SSL_ERROR_SYSCALL:
		conn_send_wire(c);
		fail(c, c->bio_eof ? 0 : errno, "TLS handshake cut off");
		break;
	default:
		answer_plain_http(c);
		conn_send_wire(c); /* the alert */
		fail_tls(c);
		break;
	}
	ERR_clear_error();
	if (!c->broken)
		conn_send_wire(c);
	c->pool->wire_bytes = 0;
}

static void report_closed(struct conn *c)
{
	struct err err;

	c->reported = true;
	io_stop(&c->watch);
	if (c->lingering) {
		conn_close(c);
		return;
	}
	if (c->broken_errno == ECONNRESET || c->broken_errno == EPIPE)
		(void)err_set(&err, ERR_CLOSED, "connection reset by peer");
	else if (c->broken_errno != 0)
		(void)err_neg(&err, -c->broken_errno, "%s", c->broken_why);
	else
		(void)err_set(&err, ERR_CLOSED, "%s", c->broken_why);
	if (c->broken_errno == 0 && c->ssl && SSL_get_verify_result(c->ssl) != X509_V_OK &&
	    str_contains(str_from(c->broken_why), STR("verify failed")))
		(void)err_set(&err, ERR_CLOSED, "%s: %s", c->broken_why,
			      X509_verify_cert_error_string(SSL_get_verify_result(c->ssl)));
	c->events->on_closed(c->arg, c, &err);
}

static void tell_progress(struct conn *c)
{
	if (c->sent_wanted && c->queue.count == 0 && !c->broken) {
		c->sent_wanted = false;
		if (c->events->on_sent)
			c->events->on_sent(c->arg, c);
	}
	if (!c->dead && !c->broken && c->above_low && total_bytes(c) <= c->low_bytes &&
	    conn_bytes_left(c) > 0) {
		c->above_low = false;
		if (c->events->on_drained)
			c->events->on_drained(c->arg, c);
	}
}

static void deinit(struct conn *c)
{
	void *attachment = c->attachment;
	void (*attachment_free)(void *) = c->attachment_free;

	mem_free(c);
	if (attachment_free)
		attachment_free(attachment);
}

/* What events of this turn asked for after their step was over. */
static bool has_more(const struct conn *c)
{
	if (c->broken)
		return !c->reported;
	if (c->connecting || c->handshaking)
		return false;
	return (c->redeliver && !c->paused) || (c->readable && !c->paused && !c->stuffed && !c->eof) ||
	       (total_bytes(c) > 0 && !c->blocked && !is_held(c)) || (c->sent_wanted && c->queue.count == 0) ||
	       (c->above_low && total_bytes(c) <= c->low_bytes) ||
	       (c->fin_wanted && !c->fin_done && total_bytes(c) == 0 && !is_held(c));
}

static void leave(struct conn *c)
{
	if (--c->depth > 0)
		return;
	if (c->dead)
		deinit(c);
	else if (has_more(c))
		conn_mark_dirty(c);
}

void conn_turn(struct conn *c)
{
	c->depth++;
	if (!c->broken && !c->dead && !c->connecting && c->handshaking && !c->paused)
		handshake(c);
	if (!c->dead && !c->broken && c->redeliver && !c->paused && !c->handshaking)
		redeliver(c);
	if (!c->dead && !c->broken && c->readable && !c->eof && !c->paused && !c->stuffed && !c->handshaking &&
	    !c->connecting)
		receive(c);
	if (!c->dead && !c->broken)
		flush(c);
	if (!c->dead && !c->broken)
		tell_progress(c);
	if (!c->dead && c->broken && !c->reported)
		report_closed(c);
	if (!c->dead)
		update_interest(c);
	leave(c);
}

/* What may take long and is nobody's request: bytes that are left to send, hands to shake. */
static bool may_wait(const struct conn *c, int events)
{
	if (c->connecting || (events & IO_HANGUP))
		return false;
	return c->handshaking || (events == IO_WRITE);
}

static void on_io(struct io_watch *watch, int events)
{
	struct conn *c = CONTAINER_OF(watch, struct conn, watch);

	if (events & IO_WRITE)
		c->blocked = false;
	if (events & (IO_READ | IO_HANGUP))
		c->readable = true;
	if (may_wait(c, events) && conn_pool_is_busy(c->pool)) {
		io_update(&c->watch, 0); /* until its turn */
		conn_wait(c);
		return;
	}
	c->depth++;
	if (c->connecting && events)
		finish_connect(c);
	/* Nobody reads, and the kernel keeps saying that both directions are gone. */
	if ((events & IO_HANGUP) && (c->paused || c->stuffed || c->eof) && !c->dead)
		fail(c, 0, "closed by the peer");
	if (!c->dead)
		conn_turn(c);
	leave(c);
}

/* --- interface --- */

static struct conn *make(struct conn_pool *pool, int fd, struct ssl_st *tls, const struct conn_events *events,
			 void *arg)
{
	struct conn *c = NEW(struct conn);
	BIO *bio;

	c->pool = pool;
	c->fd = fd;
	c->ssl = tls;
	c->handshaking = tls != NULL;
	c->events = events;
	c->arg = arg;
	c->low_bytes = LOW_BYTES;
	list_init(&c->dirty_link);
	list_init(&c->holds);
	list_push_back(&pool->all, &c->all_link);
	if (tls) {
		bio = BIO_new(pool->bio);
		ASSERT(bio);
		BIO_set_data(bio, c);
		BIO_set_init(bio, 1);
		SSL_set_bio(tls, bio, bio);
	}
	c->watch.fn = on_io;
	return c;
}

static void start(struct conn *c)
{
	struct err err;

	if (io_start(c->pool->env, &c->watch, c->fd, c->connecting ? IO_WRITE : IO_READ, &err) < 0)
		fail(c, err.os_errno ? err.os_errno : EIO, "watch socket");
}

struct conn *conn_new(struct conn_pool *pool, int fd, struct ssl_st *tls, const struct conn_events *events,
		      void *arg)
{
	struct conn *c = make(pool, fd, tls, events, arg);

	start(c);
	if (tls && !SSL_is_server(tls))
		conn_mark_dirty(c); /* speaks first */
	return c;
}

struct conn *conn_new_connecting(struct conn_pool *pool, int fd, struct ssl_st *tls,
				 const struct conn_events *events, void *arg)
{
	struct conn *c = make(pool, fd, tls, events, arg);

	c->connecting = true;
	start(c);
	return c;
}

void conn_set_events(struct conn *c, const struct conn_events *events, void *arg)
{
	c->events = events;
	c->arg = arg;
	c->redeliver = true;
	conn_mark_dirty(c);
}

void conn_write(struct conn *c, const struct http_piece *pieces, size_t piece_count, bool copy)
{
	if (c->broken || c->dead || c->fin_wanted)
		return;
	for (size_t i = 0; i < piece_count; i++)
		piece_queue_push(&c->queue, &pieces[i], copy);
	/* A complete answer is made of references to what exists anyway; a stream could grow for ever. */
	if (copy && total_bytes(c) > CONN_QUEUE_BYTES_MAX)
		fail(c, 0, "the peer reads too slowly");
	if (total_bytes(c) > c->low_bytes)
		c->above_low = true;
	if (c->queue.count > 0)
		conn_mark_dirty(c);
}

void conn_send(struct conn *c, struct str bytes)
{
	if (c->broken || c->dead || c->fin_wanted)
		return;
	if (c->queue.count > 0 || c->connecting || c->handshaking) {
		conn_write_bytes(c, bytes);
		return;
	}
	if (!c->ssl) {
		send_or_keep(c, bytes.ptr, bytes.len);
	} else {
		for (size_t at = 0, len; at < bytes.len; at += len) {
			len = NUM_MIN(bytes.len - at, (size_t)CONN_RECORD_BYTES);
			if (CONN_WIRE_BYTES - c->pool->wire_bytes < RECORD_ROOM_BYTES)
				conn_send_wire(c);
			if (!encrypt(c, bytes.ptr + at, len))
				break;
		}
		conn_send_wire(c);
	}
	conn_charge(c, bytes.len);
	if (total_bytes(c) > c->low_bytes)
		c->above_low = true;
	if (c->depth == 0)
		update_interest(c);
}

bool conn_has_turn(struct conn *c)
{
	if (conn_bytes_left(c) > 0)
		return true;
	c->above_low = true;
	conn_mark_dirty(c);
	return false;
}

bool conn_holds_pieces(const struct conn *c)
{
	return c->queue.count > 0;
}

size_t conn_queued_bytes(const struct conn *c)
{
	return total_bytes(c);
}

uint64_t conn_sent_bytes(const struct conn *c)
{
	return c->sent_bytes;
}

void conn_set_low(struct conn *c, size_t low_bytes)
{
	c->low_bytes = low_bytes;
}

void conn_flush(struct conn *c)
{
	if (c->broken || c->dead)
		return;
	flush(c);
	c->sent_wanted = c->queue.count > 0;
	if (c->above_low && total_bytes(c) <= c->low_bytes)
		conn_mark_dirty(c);
	if (c->depth == 0)
		update_interest(c);
}

void conn_hold(struct conn *c, struct conn_hold *hold)
{
	*hold = (struct conn_hold){ 0 };
	if (c->dead)
		return;
	hold->conn = c;
	list_push_back(&c->holds, &hold->link);
}

void conn_release(struct conn_hold *hold)
{
	struct conn *c = hold->conn;

	if (!c)
		return;
	hold->conn = NULL;
	list_remove(&hold->link);
	if (!is_held(c))
		conn_mark_dirty(c);
}

static void forget_holds(struct conn *c)
{
	struct list *node;

	while ((node = list_pop_front(&c->holds)) != NULL)
		LIST_ENTRY(node, struct conn_hold, link)->conn = NULL;
}

void conn_pause(struct conn *c)
{
	c->paused = true;
	if (c->depth == 0)
		update_interest(c);
}

void conn_resume(struct conn *c)
{
	if (c->dead || c->broken || (!c->paused && !c->stuffed && c->unread_bytes == 0))
		return;
	c->paused = c->stuffed = false;
	c->redeliver = c->unread_bytes > 0;
	c->readable = true;
	conn_mark_dirty(c);
}

void conn_shutdown(struct conn *c)
{
	if (c->broken || c->dead)
		return;
	c->fin_wanted = true;
	conn_mark_dirty(c);
}

static void on_linger_over(struct timer *timer)
{
	conn_close(CONTAINER_OF(timer, struct conn, linger));
}

void conn_close_after(struct conn *c, int64_t linger_ms)
{
	static const struct conn_events none;

	if (c->broken || c->dead || (c->eof && total_bytes(c) == 0)) {
		if (!c->broken && !c->dead)
			flush(c);
		conn_close(c);
		return;
	}
	c->events = &none;
	c->lingering = true;
	c->paused = c->stuffed = false;
	c->fin_wanted = true;
	timer_init(&c->linger, c->pool->env, on_linger_over);
	timer_start_slack(&c->linger, linger_ms, linger_ms);
	c->readable = true;
	conn_mark_dirty(c);
}

void conn_close(struct conn *c)
{
	if (!c || c->dead)
		return;
	forget_holds(c);
	if (c->ssl && !c->broken && !c->handshaking && !c->connecting && !c->fin_done && c->left_bytes == 0)
		finish_sending(c);
	c->dead = true;
	io_stop(&c->watch);
	if (c->linger.fn)
		timer_stop(&c->linger);
	list_remove(&c->dirty_link);
	list_remove(&c->all_link);
	piece_queue_clear(&c->queue);
	drop_left(c);
	mem_free(c->unread);
	c->unread = NULL;
	SSL_free(c->ssl);
	c->ssl = NULL;
	fd_close(&c->fd);
	if (c->depth == 0)
		deinit(c);
}

bool conn_is_broken(const struct conn *c)
{
	return c->broken;
}

struct ssl_st *conn_tls(const struct conn *c)
{
	return c->ssl;
}

int conn_fd(const struct conn *c)
{
	return c->fd;
}

struct env *conn_env(const struct conn *c)
{
	return c->pool->env;
}

void conn_unread(struct conn *c, struct str bytes)
{
	char *joined;

	if (bytes.len == 0)
		return;
	joined = mem_alloc(bytes.len + c->unread_bytes);
	memcpy(joined, bytes.ptr, bytes.len);
	if (c->unread_bytes > 0)
		memcpy(joined + bytes.len, c->unread, c->unread_bytes);
	mem_free(c->unread);
	c->unread = joined;
	c->unread_bytes += bytes.len;
	c->redeliver = true;
	conn_mark_dirty(c);
}

void conn_attach(struct conn *c, void *attachment, void (*attachment_free)(void *))
{
	ASSERT(!c->attachment_free);
	c->attachment = attachment;
	c->attachment_free = attachment_free;
}

void *conn_attachment(const struct conn *c)
{
	return c->attachment;
}
