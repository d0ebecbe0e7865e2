/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generator's connections: non-blocking socket, OpenSSL over it, and as much of HTTP as is
 * needed to see where an answer ends. Not a client for hostile servers: it trusts the framing of
 * the server under test.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/fd.h"
#include "base/num.h"
#include "load.h"

#define READ_BYTES (64u << 10)
#define OUT_BYTES_MAX (32u << 20)
#define HEAD_BYTES_MAX (64u << 10)

struct load_stream {
	int64_t started_ns;
	int status;
	struct str body;
	size_t body_sent;
	struct buf text; /* path and body of a request in flight */
};

struct load_conn {
	struct load *load;
	int fd;
	SSL *ssl;
	bool connecting, handshaking, dead, wants_write;
	struct buf out;
	struct buf head;        /* of an answer that came in parts */
	/* HTTP/1 */
	int64_t started_ns;
	int status;
	bool in_body, chunked, in_chunk_size;
	uint64_t left_bytes;    /* of the body, or of the chunk with its CRLF */
	uint64_t chunk_size;
	/* HTTP/2 */
	nghttp2_session *session;
};

static void give_up(struct load_conn *c, const char *why)
{
	struct load *load = c->load;

	if (c->dead)
		return;
	c->dead = true;
	load->open_count--;
	load->failures++;
	snprintf(load->failure, sizeof(load->failure), "%s", why);
	epoll_ctl(load->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
}

/* --- requests --- */

static void put_numbered(struct buf *to, struct str text, uint64_t number)
{
	size_t from = 0, at;

	while ((at = str_find(text, STR("%d"), from)) != SIZE_MAX) {
		buf_put_str(to, str_slice(text, from, at));
		buf_printf(to, "%llu", (unsigned long long)number);
		from = at + 2;
	}
	buf_put_str(to, str_slice(text, from, text.len));
}

/* Kinds take turns by weight, the same way in each run. */
static const struct load_kind *next_kind(struct load *load)
{
	uint64_t at = load->started % load->weight_sum;

	for (size_t i = 0; i < load->kind_count; i++) {
		if (at < load->kinds[i].weight)
			return &load->kinds[i];
		at -= load->kinds[i].weight;
	}
	return &load->kinds[0];
}

static bool may_start(struct load *load)
{
	if (load->watch)
		return true;
	if (load->stop || (load->request_max > 0 && load->started >= load->request_max))
		return false;
	return true;
}

static int64_t request_started(struct load *load)
{
	int64_t now_ns = load_now_ns();

	if (load->first_request_ns == 0)
		load->first_request_ns = now_ns;
	return now_ns;
}

static void start_http1(struct load_conn *c)
{
	struct load *load = c->load;
	const struct load_kind *kind = next_kind(load);
	uint64_t number = load->next_number;
	struct buf body;

	if (!may_start(load))
		return;
	load->started++;
	load->next_number++;
	buf_put_str(&c->out, kind->method);
	buf_put_char(&c->out, ' ');
	put_numbered(&c->out, kind->path, number);
	buf_put_c(&c->out, " HTTP/1.1\r\nHost: ");
	buf_put_str(&c->out, load->url.authority);
	for (size_t i = 0; i < load->header_count; i++) {
		buf_put_c(&c->out, "\r\n");
		buf_put_str(&c->out, load->headers[i]);
	}
	if (kind->body.len > 0) {
		buf_init(&body, OUT_BYTES_MAX);
		put_numbered(&body, kind->body, number);
		buf_printf(&c->out, "\r\nContent-Length: %zu\r\n\r\n", body.len);
		buf_put_str(&c->out, buf_str(&body));
		buf_deinit(&body);
	} else {
		buf_put_c(&c->out, "\r\n\r\n");
	}
	c->started_ns = request_started(load);
}

/* --- HTTP/1 answers --- */

static struct str header_value(struct str head, struct str name)
{
	struct str line;

	while (str_next_part(&head, '\n', &line)) {
		if (line.len > name.len && line.ptr[name.len] == ':' &&
		    str_eq_nocase(str_slice(line, 0, name.len), name))
			return str_trim(str_slice(line, name.len + 1, line.len));
	}
	return STR_NONE;
}

static void read_head(struct load_conn *c, struct str head)
{
	struct str length = header_value(head, STR("content-length"));
	uint64_t status = 0;

	if (num_parse_u64(str_slice(head, 9, 12), 599, "status", &status, NULL) < 0)
		status = 0;
	c->status = (int)status;
	c->in_body = true;
	c->chunked = length.len == 0 && header_value(head, STR("transfer-encoding")).len > 0;
	c->left_bytes = 0;
	c->in_chunk_size = c->chunked;
	c->chunk_size = 0;
	if (length.len > 0 && num_parse_u64(length, UINT64_MAX, "length", &c->left_bytes, NULL) < 0)
		give_up(c, "malformed Content-Length");
}

static void count_lines(struct load *load, const char *bytes, size_t len)
{
	const char *end = bytes + len;

	load->last_line_ns = load_now_ns();
	while ((bytes = memchr(bytes, '\n', (size_t)(end - bytes)))) {
		load->lines++;
		bytes++;
		if (load->lines % load->round_lines == 0 && load->lines / load->round_lines <= LOAD_ROUNDS_MAX)
			load->round_ns[load->lines / load->round_lines - 1] = load->last_line_ns;
	}
	if (load->request_max > 0 && load->lines >= load->request_max)
		load->stop = true;
}

static void answer_complete(struct load_conn *c)
{
	c->in_body = false;
	if (c->status >= 100 && c->status < 200)
		return;
	load_answered(c->load, c->status, c->started_ns);
	if (!c->load->watch)
		start_http1(c);
}

/* Takes what it can of a chunked body. */
static size_t read_chunks(struct load_conn *c, const char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len && c->in_body) {
		if (c->in_chunk_size) {
			char digit = bytes[at++];

			if (digit == '\n') {
				c->in_chunk_size = false;
				c->left_bytes = c->chunk_size + 2;
			} else if (digit != '\r') {
				c->chunk_size = c->chunk_size * 16 +
						(uint64_t)(digit <= '9' ? digit - '0' : (digit | 32) - 'a' + 10);
			}
			continue;
		}
		uint64_t part = NUM_MIN(c->left_bytes, (uint64_t)(len - at));

		if (c->load->watch && c->left_bytes > 2)
			count_lines(c->load, bytes + at, (size_t)NUM_MIN(part, c->left_bytes - 2));
		at += (size_t)part;
		c->left_bytes -= part;
		if (c->left_bytes > 0)
			continue;
		if (c->chunk_size == 0)
			answer_complete(c);
		c->in_chunk_size = true;
		c->chunk_size = 0;
	}
	return at;
}

static void read_http1(struct load_conn *c, const char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len && !c->dead) {
		if (c->in_body && c->chunked) {
			at += read_chunks(c, bytes + at, len - at);
		} else if (c->in_body) {
			size_t part = (size_t)NUM_MIN(c->left_bytes, (uint64_t)(len - at));

			at += part;
			c->left_bytes -= part;
			if (c->left_bytes == 0)
				answer_complete(c);
		} else {
			struct str rest = str_sub(bytes + at, len - at);
			size_t end = str_find(rest, STR("\r\n\r\n"), 0);

			if (c->head.len == 0 && end != SIZE_MAX) {
				read_head(c, str_slice(rest, 0, end));
				at += end + 4;
			} else {
				buf_put_char(&c->head, bytes[at++]);
				if (!str_has_suffix(buf_str(&c->head), STR("\r\n\r\n")))
					continue;
				read_head(c, buf_str(&c->head));
				buf_reset(&c->head);
			}
			if (!c->chunked && c->left_bytes == 0)
				answer_complete(c);
		}
	}
}

/* --- HTTP/2 --- */

static nghttp2_nv nv_of(struct str name, struct str value)
{
	return (nghttp2_nv){ (uint8_t *)name.ptr, (uint8_t *)value.ptr, name.len, value.len, 0 };
}

static ssize_t read_request_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t to_bytes, uint32_t *flags,
				 nghttp2_data_source *source, void *arg)
{
	struct load_stream *s = source->ptr;
	size_t len = NUM_MIN(to_bytes, s->body.len - s->body_sent);

	memcpy(to, s->body.ptr + s->body_sent, len);
	s->body_sent += len;
	if (s->body_sent == s->body.len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)len;
}

static void start_http2(struct load_conn *c)
{
	struct load *load = c->load;
	const struct load_kind *kind = next_kind(load);
	nghttp2_nv nv[4 + LOAD_HEADERS_MAX];
	nghttp2_data_provider body = { .read_callback = read_request_body };
	struct load_stream *s;
	struct str path;
	size_t count = 0;

	if (!may_start(load))
		return;
	s = NEW(struct load_stream);
	buf_init(&s->text, OUT_BYTES_MAX);
	put_numbered(&s->text, kind->path, load->next_number);
	count = s->text.len;
	put_numbered(&s->text, kind->body, load->next_number);
	path = str_sub(s->text.ptr, count);
	s->body = str_sub(s->text.ptr + count, s->text.len - count);
	load->started++;
	load->next_number++;
	count = 0;
	nv[count++] = nv_of(STR(":method"), kind->method);
	nv[count++] = nv_of(STR(":scheme"), load->tls ? STR("https") : STR("http"));
	nv[count++] = nv_of(STR(":authority"), load->url.authority);
	nv[count++] = nv_of(STR(":path"), path);
	for (size_t i = 0; i < load->header_count; i++) {
		struct str name, value;

		(void)str_cut(load->headers[i], ':', &name, &value);
		nv[count++] = nv_of(name, str_trim(value));
	}
	body.source.ptr = s;
	s->started_ns = request_started(load);
	if (nghttp2_submit_request(c->session, NULL, nv, count, s->body.len > 0 ? &body : NULL, s) < 0)
		give_up(c, "too many requests on one HTTP/2 connection");
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
	struct load_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	uint64_t status;

	if (s && name_len == 7 && memcmp(name, ":status", 7) == 0 &&
	    num_parse_u64(str_sub((const char *)value, value_len), 599, "status", &status, NULL) == 0)
		s->status = (int)status;
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len, void *arg)
{
	struct load_conn *c = arg;

	if (c->load->watch)
		count_lines(c->load, (const char *)bytes, len);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *arg)
{
	struct load_conn *c = arg;
	struct load_stream *s = nghttp2_session_get_stream_user_data(session, id);

	if (!s)
		return 0;
	load_answered(c->load, error_code == 0 ? s->status : 0, s->started_ns);
	buf_deinit(&s->text);
	mem_free(s);
	if (!c->load->watch)
		start_http2(c);
	return 0;
}

static void open_http2(struct load_conn *c)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_settings_entry window = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 16 << 20 };

	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_client_new(&c->session, callbacks, c);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &window, 1);
	nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, 64 << 20);
	for (uint64_t i = 0; i < c->load->stream_count; i++)
		start_http2(c);
}

static void collect_frames(struct load_conn *c)
{
	const uint8_t *bytes;
	ssize_t len;

	while (c->session && (len = nghttp2_session_mem_send(c->session, &bytes)) > 0)
		buf_put(&c->out, bytes, (size_t)len);
}

/* --- bytes --- */

static void watch_events(struct load_conn *c, bool write)
{
	struct epoll_event event = { .events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = c };

	if (write == c->wants_write || c->dead)
		return;
	c->wants_write = write;
	epoll_ctl(c->load->epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static void send_out(struct load_conn *c)
{
	size_t done = 0;

	collect_frames(c);
	while (c->out.len > 0 && !c->dead) {
		if (c->ssl) {
			if (SSL_write_ex(c->ssl, c->out.ptr, c->out.len, &done) != 1) {
				if (SSL_get_error(c->ssl, 0) == SSL_ERROR_WANT_WRITE)
					break;
				give_up(c, "TLS write failed");
				return;
			}
		} else {
			ssize_t n = send(c->fd, c->out.ptr, c->out.len, MSG_NOSIGNAL);

			if (n < 0 && errno == EAGAIN)
				break;
			if (n < 0) {
				give_up(c, strerror(errno));
				return;
			}
			done = (size_t)n;
		}
		buf_consume(&c->out, done);
	}
	watch_events(c, c->out.len > 0);
}

static ssize_t receive(struct load_conn *c, char *to, size_t to_bytes)
{
	size_t got;

	if (!c->ssl)
		return recv(c->fd, to, to_bytes, 0);
	if (SSL_read_ex(c->ssl, to, to_bytes, &got) == 1)
		return (ssize_t)got;
	errno = SSL_get_error(c->ssl, 0) == SSL_ERROR_WANT_READ ? EAGAIN : EPROTO;
	ERR_clear_error();
	return errno == EAGAIN ? -1 : 0;
}

static void begin(struct load_conn *c)
{
	c->handshaking = false;
	if (c->load->http2)
		open_http2(c);
	else
		start_http1(c);
	send_out(c);
}

static bool finish_handshake(struct load_conn *c)
{
	int done;

	if (!c->handshaking)
		return true;
	done = SSL_do_handshake(c->ssl);
	if (done == 1) {
		begin(c);
		return true;
	}
	switch (SSL_get_error(c->ssl, done)) {
	case SSL_ERROR_WANT_READ:
		watch_events(c, false);
		return false;
	case SSL_ERROR_WANT_WRITE:
		return false;
	default:
		give_up(c, ERR_reason_error_string(ERR_peek_error()) ? ERR_reason_error_string(ERR_peek_error()) :
								      "TLS handshake failed");
		ERR_clear_error();
		return false;
	}
}

void load_conn_turn(struct load_conn *c)
{
	char bytes[READ_BYTES];
	ssize_t n;

	if (c->dead)
		return;
	if (c->connecting) {
		c->connecting = false;
		if (!c->ssl)
			begin(c);
	}
	if (c->ssl && !finish_handshake(c))
		return;
	do {
		n = receive(c, bytes, sizeof(bytes));
		if (n > 0) {
			c->load->bytes += (uint64_t)n;
			if (!c->session)
				read_http1(c, bytes, (size_t)n);
			else if (nghttp2_session_mem_recv(c->session, (const uint8_t *)bytes, (size_t)n) < 0)
				give_up(c, "malformed HTTP/2");
		} else if (n == 0 || errno != EAGAIN) {
			give_up(c, n == 0 ? "closed by the server" : strerror(errno));
		}
	} while (n > 0 && !c->dead && (c->ssl ? SSL_has_pending(c->ssl) : n == (ssize_t)sizeof(bytes)));
	if (!c->dead)
		send_out(c);
}

struct load_conn *load_conn_open(struct load *load)
{
	struct load_conn *c = NEW(struct load_conn);
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
	struct err err;
	bool done;

	c->load = load;
	buf_init(&c->out, OUT_BYTES_MAX);
	buf_init(&c->head, HEAD_BYTES_MAX);
	c->fd = address_connect(&load->address, &done, &err);
	if (c->fd < 0) {
		load_fail("connect", err.msg);
		return NULL;
	}
	c->connecting = true;
	c->wants_write = true;
	if (load->tls) {
		if (tls_client_session(load->tls, load->url.host, &c->ssl, &err) < 0) {
			load_fail("TLS", err.msg);
			return NULL;
		}
		SSL_clear_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
		SSL_set_fd(c->ssl, c->fd);
		c->handshaking = true;
	}
	epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
	load->open_count++;
	return c;
}

void load_conn_close(struct load_conn *c)
{
	nghttp2_session_del(c->session);
	SSL_free(c->ssl);
	fd_close(&c->fd);
	buf_deinit(&c->out);
	buf_deinit(&c->head);
	mem_free(c);
}
