/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.x on a server connection: one exchange at a time. A head is parsed only once it is
 * complete, in the arena of its exchange, so that every name and value is a reference into one
 * copy. While an exchange is answered, what follows on the connection stays unread (pipelining);
 * when its last piece has left, the next head is looked at. head → (on_headers) → body →
 * (on_request) → answering → sent → head | close
 */
#include <stdio.h>
#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/http_internal.h"

#define FIXED_BODY_BYTES (64u << 10)

static void look_for_next(struct server_conn *sc);
static void progress(struct server_conn *sc);

/* --- parsing --- */

static struct exchange *of_parser(llhttp_t *parser)
{
	return CONTAINER_OF(parser, struct server_conn, parser)->current;
}

/* For callbacks of the parser to return. why is constant text, as Go's servers have it. */
static int refuse_head(struct exchange *ex, int status, const char *why)
{
	ex->refused_status = status;
	ex->refused_why = why;
	return HPE_USER;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
	struct http_exchange *x = &of_parser(parser)->x;

	if (x->path.ptr)
		return -1;
	x->has_query = str_cut(str_sub(at, len), '?', &x->path, &x->query);
	return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
	struct exchange *ex = of_parser(parser);
	struct http_headers *h = &ex->x.headers;

	if (h->count == ex->server->limits.header_count_max)
		return refuse_head(ex, 431, NULL);
	http_header_add(h, &ex->x.arena, HTTP_HEADER(str_sub(at, len), STR_NONE));
	return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
	struct http_headers *h = &of_parser(parser)->x.headers;

	/* A second part would be a folded line, which RFC 9112 5.2 lets servers refuse. */
	if (h->count == 0 || h->list[h->count - 1].value.ptr)
		return -1;
	h->list[h->count - 1].value = str_trim(str_sub(at, len));
	return 0;
}

/* RFC 9112 3.2 */
static int find_host(struct exchange *ex)
{
	size_t cursor = 0;
	struct str again;

	if (!http_header_next(&ex->x.headers, STR("Host"), &cursor, &ex->x.host))
		return ex->x.version < 11 || ex->x.method == HTTP_CONNECT
			       ? 0
			       : refuse_head(ex, 400, "missing required Host header");
	if (http_header_next(&ex->x.headers, STR("Host"), &cursor, &again))
		return refuse_head(ex, 400, NULL);
	return http_is_host(ex->x.host) ? 0 : refuse_head(ex, 400, "malformed Host header");
}

/* One coding, which is chunked, or none: what else RFC 9112 allows is how requests are smuggled. */
static int check_coding(struct exchange *ex)
{
	size_t cursor = 0;
	struct str coding, again;

	if (!http_header_next(&ex->x.headers, STR("Transfer-Encoding"), &cursor, &coding))
		return 0;
	if (str_eq_nocase(coding, STR("chunked")) &&
	    !http_header_next(&ex->x.headers, STR("Transfer-Encoding"), &cursor, &again))
		return 0;
	return refuse_head(ex, 501, "Unsupported transfer encoding");
}

/* Chunks count, not the length beside them, which nobody behind us is to see; and the connection ends with the
 * answer: RFC 9112 6.1. */
static void forget_length(struct exchange *ex)
{
	struct http_headers *h = &ex->x.headers;
	size_t kept = 0;

	for (size_t i = 0; i < h->count; i++) {
		if (!str_eq_nocase(h->list[i].name, STR("Content-Length")))
			h->list[kept++] = h->list[i];
	}
	h->count = kept;
	ex->keep_alive = false;
}

static int check_expectation(struct exchange *ex)
{
	struct str expected = http_header_get(&ex->x.headers, STR("Expect"));

	ex->expects_continue = ex->x.version == 11 &&
			       http_header_has_token(&ex->x.headers, STR("Expect"), STR("100-continue"));
	if (expected.len == 0 || http_header_has_token(&ex->x.headers, STR("Expect"), STR("100-continue")))
		return 0;
	return refuse_head(ex, 417, NULL);
}

/* http://host/path, as proxies are asked: only path and query matter here. */
static void strip_origin(struct http_exchange *x)
{
	struct str rest = x->path;
	size_t slash;

	if (rest.len == 0 || rest.ptr[0] == '/')
		return;
	if (!str_strip_prefix(&rest, STR("http://")) && !str_strip_prefix(&rest, STR("https://")))
		return;
	slash = str_find_char(rest, '/', 0);
	x->path = slash == SIZE_MAX ? STR("/") : str_slice(rest, slash, rest.len);
}

static int on_headers_complete(llhttp_t *parser)
{
	struct exchange *ex = of_parser(parser);
	struct server_conn *sc = ex->sc;
	struct http_exchange *x = &ex->x;
	bool has_body = (parser->flags & F_CHUNKED) || parser->content_length > 0;

	x->version = parser->http_major * 10 + parser->http_minor;
	if (!x->method_text.len)
		x->method_text = str_from(llhttp_method_name(llhttp_get_method(parser)));
	x->method = http_method_parse(x->method_text);
	if (x->version < 10)
		return refuse_head(ex, 400, NULL);
	if (check_coding(ex) != 0 || find_host(ex) != 0 || check_expectation(ex) != 0)
		return HPE_USER;
	strip_origin(x);
	ex->upgrade = parser->upgrade;
	ex->keep_alive = x->version == 11 && llhttp_should_keep_alive(parser) && !sc->server->draining;
	if ((parser->flags & F_CHUNKED) && (parser->flags & F_CONTENT_LENGTH))
		forget_length(ex);
	ex->body_done = !has_body;
	exchange_head_done(ex);
	if (!sc->conn || ex->ended || !has_body)
		return 0;
	if (ex->stream_body)
		return 0;
	if (!(parser->flags & F_CHUNKED)) {
		if (parser->content_length > ex->body_bytes_max)
			return 0; /* http1_read answers: not from inside the parser */
		if (parser->content_length <= FIXED_BODY_BYTES)
			ex->body_fixed = arena_alloc(&x->arena, (size_t)parser->content_length);
	}
	return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
	struct exchange *ex = of_parser(parser);

	if (!ex)
		return HPE_PAUSED; /* broken off by the handler */
	if (!exchange_body(ex, str_sub(at, len)))
		ex->body_refused = true;
	/* No byte would come that lets the parser go on to the end: pausing here would be for ever. */
	if (ex->body_paused && !ex->body_refused && http_body_is_complete(parser))
		return 0;
	return (ex->body_refused || ex->body_paused) && !ex->ended ? HPE_PAUSED : 0;
}

static int on_message_complete(llhttp_t *parser)
{
	struct exchange *ex = of_parser(parser);

	if (ex)
		ex->body_done = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t parser_settings = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

/* --- refusing --- */

/* Answers in the place of the handler and gives the connection up. */
static void refuse(struct server_conn *sc, int status)
{
	struct exchange *ex = sc->current;

	if (!ex) {
		ex = exchange_new(sc);
		sc->current = ex;
	}
	if (ex->x.version == 0)
		ex->x.version = 11;
	ex->keep_alive = false;
	ex->body_refused = true;
	if (ex->asked) {
		server_conn_break(sc); /* somebody else is answering: only cutting off is left */
		return;
	}
	exchange_answer(ex, status);
}

/* --- reading --- */

static bool is_pause(llhttp_errno_t outcome)
{
	return outcome == HPE_OK || outcome == HPE_PAUSED || outcome == HPE_PAUSED_UPGRADE;
}

/* Handlers run inside the parser's callbacks; what they finish there is completed here, outside. */
static llhttp_errno_t parse(struct server_conn *sc, struct str bytes)
{
	llhttp_errno_t outcome;

	if (llhttp_get_errno(&sc->parser) == HPE_PAUSED)
		llhttp_resume(&sc->parser);
	sc->in_parser = true;
	outcome = llhttp_execute(&sc->parser, bytes.ptr, bytes.len);
	sc->in_parser = false;
	return outcome;
}

/* False when nothing is left to be done with ex, which may be gone. */
static bool settle(struct server_conn *sc, struct exchange *ex, llhttp_errno_t outcome)
{
	if (!sc->conn || sc->current != ex)
		return false;
	if (ex->ended) {
		progress(sc);
		return false;
	}
	if (!is_pause(outcome)) {
		refuse(sc, ex->refused_status ? ex->refused_status : 400);
		return false;
	}
	if (ex->body_refused) {
		exchange_too_large(ex);
		return false;
	}
	return true;
}

static void send_continue(struct server_conn *sc)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";

	conn_send(sc->conn, str_sub(line, sizeof(line) - 1));
}

/* A copy that the parser may write into. Any token may be a method (RFC 9110 9.1), and which of them
 * is allowed where is said by handlers: but the parser knows a list of its own, so a head with one
 * that this server has no name for is read as if it were GET. */
static struct str copy_head(struct exchange *ex, struct str head)
{
	static const struct str stand_in = STR_INIT("GET"), preface = STR_INIT("PRI");
	char *copy = arena_alloc(&ex->x.arena, stand_in.len + head.len);
	size_t method_len = str_find_char(head, ' ', 0);
	struct str method = str_slice(head, 0, method_len == SIZE_MAX ? 0 : method_len);
	char *begin = copy + stand_in.len;

	memcpy(begin, head.ptr, head.len);
	if (!http_is_token(method) || http_method_parse(method) != HTTP_OTHER ||
	    str_eq(method, preface))
		return str_sub(begin, head.len);
	ex->x.method_text = str_in(&ex->x.arena, method);
	begin = begin + method.len - stand_in.len;
	memcpy(begin, stand_in.ptr, stand_in.len);
	return str_sub(begin, head.len - method.len + stand_in.len);
}

/* The parser does not tell a version that it does not know from one that is none. */
static bool is_of_other_version(struct str head)
{
	struct str line = str_slice(head, 0, str_find(head, STR("\r\n"), 0)), version;
	size_t space = str_rfind_char(line, ' ');

	if (space == SIZE_MAX)
		return false;
	version = str_slice(line, space + 1, line.len);
	return version.len == 8 && str_strip_prefix(&version, STR("HTTP/")) && version.ptr[1] == '.' &&
	       version.ptr[0] >= '0' && version.ptr[0] <= '9' && version.ptr[0] != '1' && version.ptr[2] >= '0' &&
	       version.ptr[2] <= '9';
}

/* One complete head. */
static void read_head(struct server_conn *sc, struct str head)
{
	struct exchange *ex = exchange_new(sc);
	llhttp_errno_t outcome;

	sc->current = ex;
	sc->scanned_bytes = 0;
	if (is_of_other_version(head)) {
		ex->refused_why = "unsupported protocol version";
		refuse(sc, 505);
		return;
	}
	llhttp_init(&sc->parser, HTTP_REQUEST, &parser_settings);
	/* on_headers_complete judges these. */
	llhttp_set_lenient_chunked_length(&sc->parser, 1);
	llhttp_set_lenient_transfer_encoding(&sc->parser, 1);
	outcome = parse(sc, copy_head(ex, head));
	if (!settle(sc, ex, outcome))
		return;
	if (ex->body_done) {
		server_conn_deadline(sc, DEADLINE_NONE);
		if (ex->stream_body)
			exchange_ask(ex);
		if (sc->conn && sc->current == ex)
			exchange_body_done(ex);
		return;
	}
	if (!ex->stream_body && (sc->parser.flags & F_CONTENT_LENGTH) && !(sc->parser.flags & F_CHUNKED) &&
	    sc->parser.content_length > ex->body_bytes_max) {
		exchange_too_large(ex);
		return;
	}
	server_conn_deadline(sc, DEADLINE_BODY);
	if (ex->expects_continue)
		send_continue(sc);
	if (ex->stream_body && !ex->asked)
		exchange_ask(ex);
}

/* Bytes of the head at the front of bytes; 0 when it is not complete, SIZE_MAX when it is too long. */
static size_t head_bytes(struct server_conn *sc, struct str bytes)
{
	size_t from = sc->scanned_bytes > 3 ? sc->scanned_bytes - 3 : 0;
	size_t max = sc->server->limits.head_bytes_max;
	size_t end = str_find(bytes, STR("\r\n\r\n"), NUM_MIN(from, bytes.len));

	if (end != SIZE_MAX)
		return end + 4 <= max ? end + 4 : SIZE_MAX;
	if (bytes.len > max)
		return SIZE_MAX;
	sc->scanned_bytes = bytes.len;
	return 0;
}

static size_t feed_body(struct server_conn *sc, struct str bytes)
{
	struct exchange *ex = sc->current;
	llhttp_errno_t outcome;
	size_t taken = bytes.len;

	server_conn_deadline(sc, DEADLINE_BODY);
	outcome = parse(sc, bytes);
	if (outcome == HPE_PAUSED || outcome == HPE_PAUSED_UPGRADE)
		taken = (size_t)(llhttp_get_error_pos(&sc->parser) - bytes.ptr);
	ASSERT(taken <= bytes.len);
	if (!settle(sc, ex, outcome))
		return taken;
	if (ex->body_done) {
		server_conn_deadline(sc, DEADLINE_NONE);
		if (ex->body_paused) {
			ex->body_paused = false; /* nothing is left to hold back, and the next request is to be heard */
			conn_resume(sc->conn);
		}
		exchange_body_done(ex);
	}
	return taken;
}

/* Garbage shows in its first bytes: no need to wait for the end of a head that never comes. */
static bool may_be_request(struct str bytes)
{
	struct str begin = str_slice(bytes, 0, NUM_MIN(bytes.len, (size_t)3));
	size_t space = str_find_char(begin, ' ', 0);

	return http_is_token(space == SIZE_MAX ? begin : str_slice(begin, 0, space));
}

static size_t http1_read(struct server_conn *sc, struct str bytes)
{
	size_t taken = 0;

	ASSERT(!sc->in_read);
	sc->in_read = true;
	while (sc->conn && !sc->closing && taken < bytes.len) {
		struct str rest = str_slice(bytes, taken, bytes.len);
		struct exchange *ex = sc->current;
		size_t head;

		if (ex && !ex->body_done && !ex->body_refused && !ex->body_paused) {
			taken += feed_body(sc, rest);
			continue;
		}
		if (ex)
			break; /* being answered: the rest waits */
		if (rest.ptr[0] == '\r' || rest.ptr[0] == '\n') {
			taken++;
			continue;
		}
		head = may_be_request(rest) ? head_bytes(sc, rest) : 0;
		if (head == SIZE_MAX || !may_be_request(rest)) {
			taken = bytes.len;
			refuse(sc, head == SIZE_MAX ? 431 : 400);
			break;
		}
		if (head == 0) {
			if (sc->deadline_kind != DEADLINE_HEAD)
				server_conn_deadline(sc, DEADLINE_HEAD);
			break;
		}
		taken += head;
		read_head(sc, str_slice(rest, 0, head));
	}
	sc->in_read = false;
	if (!sc->detached && (!sc->conn || sc->closing))
		taken = bytes.len;
	return taken;
}

/* --- end of an exchange --- */

/* The exchange is answered and nothing of it is queued any more. */
static void finish_exchange(struct server_conn *sc)
{
	struct exchange *ex = sc->current;
	bool keep_alive = ex->keep_alive && ex->body_done && !ex->aborted && !sc->eof && !sc->server->draining;

	sc->current = NULL;
	exchange_free(ex);
	if (!keep_alive) {
		sc->closing = true;
		server_conn_close(sc);
		return;
	}
	look_for_next(sc);
}

static void look_for_next(struct server_conn *sc)
{
	server_conn_deadline(sc, DEADLINE_IDLE);
	if (!sc->in_read)
		conn_resume(sc->conn); /* bytes that waited */
}

static void pump(struct exchange *ex)
{
	struct server_conn *sc = ex->sc;
	struct http_piece pieces[SOURCE_PIECES];

	while (exchange_is_pulling(ex) && conn_queued_bytes(sc->conn) < QUEUE_HIGH_BYTES &&
	       conn_has_turn(sc->conn)) {
		int count = exchange_pull(ex, pieces, SOURCE_PIECES);

		if (count < 0) {
			server_conn_break(sc);
			return;
		}
		if (count == 0) {
			ex->source_ended = true; /* released when its last piece has gone */
			if (ex->chunked)
				conn_write(sc->conn, &HTTP_BYTES(STR("0\r\n\r\n")), 1, false);
			break;
		}
		sc->protocol->send(ex, pieces, (size_t)count, false);
		conn_flush(sc->conn);
	}
}

/* Sends what is there; once all has gone and the handler has let go, the exchange is over. */
static void progress(struct server_conn *sc)
{
	struct exchange *ex = sc->current;

	if (sc->in_parser)
		return;
	if (exchange_is_pulling(ex))
		pump(ex);
	if (!sc->conn)
		return;
	conn_flush(sc->conn);
	server_conn_watch_sending(sc);
	if (ex->ended && !exchange_is_pulling(ex) && !conn_holds_pieces(sc->conn) && !conn_is_broken(sc->conn))
		finish_exchange(sc);
}

static void http1_finish(struct exchange *ex)
{
	if (ex->chunked && !exchange_is_pulling(ex) && !ex->no_body)
		conn_write(ex->sc->conn, &HTTP_BYTES(STR("0\r\n\r\n")), 1, false);
	progress(ex->sc);
}

static void http1_abort(struct exchange *ex)
{
	server_conn_break(ex->sc);
}

/* --- sending --- */

/* A name or value that would break the framing is our bug or an attack through it: it is left out. */
static void put_header(struct buf *to, const struct http_header *header)
{
	if (!http_is_token(header->name) || !http_is_value(header->value))
		return;
	buf_put_str(to, header->name);
	buf_put(to, ": ", 2);
	buf_put_str(to, header->value);
	buf_put(to, "\r\n", 2);
}

static void put_headers(struct buf *to, const struct http_headers *headers)
{
	for (size_t i = 0; headers && i < headers->count; i++)
		put_header(to, &headers->list[i]);
}

static bool put_status(struct buf *to, struct exchange *ex, int status)
{
	if (status == 200)
		buf_put_str(to, STR("HTTP/1.1 200 OK\r\nDate: "));
	else
		buf_printf(to, "HTTP/1.1 %d %s%s%s\r\nDate: ", status, http_status_text(status),
			   ex->refused_why ? ": " : "", ex->refused_why ? ex->refused_why : "");
	buf_put_str(to, server_date(ex->server));
	buf_put(to, "\r\n", 2);
	return true;
}

static void put_number(struct buf *to, struct str name, uint64_t number)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	buf_put_str(to, name);
	buf_put(to, digits + at, sizeof(digits) - at);
	buf_put(to, "\r\n", 2);
}

static void send_head(struct exchange *ex, struct buf *head)
{
	struct str copy;

	if (buf_failed(head)) {
		server_conn_break(ex->sc); /* headers of our own beyond all limits */
		return;
	}
	copy = str_in(&ex->x.arena, buf_str(head));
	conn_write(ex->sc->conn, &HTTP_BYTES(copy), 1, false);
}

static void http1_start(struct exchange *ex, const struct response_head *head)
{
	struct buf *to = &ex->server->head;

	if (!ex->body_done || ex->body_refused || ex->server->draining || ex->sc->eof)
		ex->keep_alive = false; /* what is left of the body would be read as the next request */
	server_conn_deadline(ex->sc, DEADLINE_NONE);
	buf_reset(to);
	put_status(to, ex, head->status);
	put_headers(to, &ex->x.added);
	put_headers(to, head->headers);
	if (head->length_bytes >= 0 && head->status != 204) {
		put_number(to, STR("Content-Length: "), (uint64_t)head->length_bytes);
	} else if (head->status != 204 && head->status != 304) {
		ex->chunked = ex->x.version >= 11 && !ex->no_body;
		if (ex->x.version >= 11)
			buf_put_str(to, STR("Transfer-Encoding: chunked\r\n"));
		else
			ex->keep_alive = false;
	}
	if (!ex->keep_alive)
		buf_put_str(to, STR("Connection: close\r\n"));
	buf_put(to, "\r\n", 2);
	send_head(ex, to);
}

static void http1_send(struct exchange *ex, const struct http_piece *pieces, size_t piece_count, bool copy)
{
	struct conn *c = ex->sc->conn;
	size_t len = 0;

	if (!ex->chunked) {
		conn_write(c, pieces, piece_count, copy);
		if (copy)
			server_conn_watch_sending(ex->sc);
		return;
	}
	for (size_t i = 0; i < piece_count; i++)
		len += pieces[i].bytes.len;
	if (len == 0)
		return; /* would be the last chunk */
	char size[24];
	int size_bytes = snprintf(size, sizeof(size), "%zx\r\n", len);

	conn_write(c, &HTTP_BYTES(str_sub(size, (size_t)size_bytes)), 1, true);
	conn_write(c, pieces, piece_count, copy);
	conn_write(c, &HTTP_BYTES(STR("\r\n")), 1, false);
	if (copy)
		server_conn_watch_sending(ex->sc);
}

static void http1_send_chunk(struct exchange *ex, const struct http_chunk *chunk)
{
	struct http_piece body = { chunk->body, chunk->framed };

	conn_write(ex->sc->conn, ex->chunked ? &HTTP_BLOB(chunk->framed) : &body, 1, true);
	server_conn_watch_sending(ex->sc);
}

static size_t http1_queued(const struct exchange *ex)
{
	return conn_queued_bytes(ex->sc->conn);
}

/* --- events of the connection --- */

static void http1_open(struct server_conn *sc)
{
	server_conn_deadline(sc, DEADLINE_HEAD);
}

static void http1_eof(struct server_conn *sc)
{
	struct exchange *ex = sc->current;

	sc->eof = true;
	if (!ex) {
		server_conn_close(sc);
		return;
	}
	/* A request that was asked completely is still answered; a stream without end is over. */
	if (!ex->body_done || (ex->started && !ex->ended))
		server_conn_break(sc);
}

static void http1_drained(struct server_conn *sc)
{
	struct exchange *ex = sc->current;

	if (!ex)
		return;
	if (ex->ended)
		progress(sc);
	else
		exchange_drained(ex);
}

static void http1_sent(struct server_conn *sc)
{
	if (sc->current && sc->current->ended)
		progress(sc);
}

static void http1_timed_out(struct server_conn *sc)
{
	enum deadline_kind kind = sc->deadline_kind;

	server_conn_deadline(sc, DEADLINE_NONE);
	if ((kind == DEADLINE_HEAD && sc->scanned_bytes > 0) || kind == DEADLINE_BODY)
		refuse(sc, 408);
	else
		server_conn_close(sc);
}

static void http1_drain(struct server_conn *sc)
{
	if (!sc->current)
		server_conn_close(sc);
}

static void http1_closed(struct server_conn *sc)
{
	struct exchange *ex = sc->current;

	sc->current = NULL;
	sc->closing = true;
	if (ex)
		exchange_peer_gone(ex);
}

static void http1_body_paused(struct exchange *ex)
{
	/* The wait that follows is the handler's, not the client's. */
	if (ex->sc->deadline_kind == DEADLINE_BODY)
		server_conn_deadline(ex->sc, DEADLINE_NONE);
	conn_pause(ex->sc->conn);
}

static void http1_body_resumed(struct exchange *ex)
{
	if (!ex->body_done && ex->sc->deadline_kind == DEADLINE_NONE)
		server_conn_deadline(ex->sc, DEADLINE_BODY);
	conn_resume(ex->sc->conn);
}

const struct http_protocol http1_protocol = {
	.open = http1_open,
	.read = http1_read,
	.eof = http1_eof,
	.drained = http1_drained,
	.sent = http1_sent,
	.timed_out = http1_timed_out,
	.drain = http1_drain,
	.closed = http1_closed,
	.start = http1_start,
	.send = http1_send,
	.send_chunk = http1_send_chunk,
	.finish = http1_finish,
	.abort = http1_abort,
	.queued = http1_queued,
	.body_paused = http1_body_paused,
	.body_resumed = http1_body_resumed,
};

/* --- upgrade --- */

struct buf *http1_put_head(struct exchange *ex, int status, const struct http_headers *headers)
{
	struct buf *to = &ex->server->head;

	buf_reset(to);
	put_status(to, ex, status);
	if (status == 101)
		buf_put_str(to, STR("Connection: Upgrade\r\n"));
	put_headers(to, &ex->x.added);
	put_headers(to, headers);
	buf_put(to, "\r\n", 2);
	return to;
}

int http_hijack(struct http_exchange *x, int status, const struct http_headers *headers, struct conn **ret_conn,
		struct err *err)
{
	struct exchange *ex = exchange_of(x);
	struct server_conn *sc = ex->sc;
	struct buf *to;
	struct conn *c;

	ASSERT(!ex->started);
	if (!sc)
		return err_set(err, ERR_CLOSED, "the client is gone");
	if (x->version != 11)
		return err_set(err, ERR_UNSUPPORTED, "only HTTP/1.1 connections can be upgraded");
	if (!ex->body_done && !ex->stream_body)
		return err_set(err, ERR_BAD_REQUEST, "the request has a body that was not read");
	to = http1_put_head(ex, status, headers);
	if (buf_failed(to))
		return err_set(err, ERR_TOO_LARGE, "response headers");
	conn_send(sc->conn, buf_str(to));
	sc->current = NULL;
	sc->closing = true;
	c = server_conn_detach(sc);
	ex->sc = NULL;
	exchange_free(ex);
	*ret_conn = c;
	return 0;
}

int http_upgrade(struct http_exchange *x, const struct http_headers *headers, struct conn **ret_conn, struct err *err)
{
	return http_hijack(x, 101, headers, ret_conn, err);
}
