/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call on its connection: the request goes out, the answer comes in. A head is parsed once it
 * is complete; bodies are handed on as they come, and not at all while the reader has paused.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include "base/mem.h"
#include "base/num.h"
#include "net/http_client_internal.h"

#define QUEUE_HIGH_BYTES (256u << 10)
#define SOURCE_PIECES 64

/* --- answer --- */

static struct http_call *of_parser(llhttp_t *parser)
{
	return CONTAINER_OF(parser, struct http_call, parser);
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
	struct http_call *call = of_parser(parser);
	struct http_headers *h = &call->reply.headers;

	if (h->count >= HTTP_REPLY_HEADER_COUNT_MAX)
		return -1;
	http_header_add(h, &call->arena, HTTP_HEADER(str_sub(at, len), STR_NONE));
	return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
	struct http_headers *h = &of_parser(parser)->reply.headers;

	if (h->count == 0 || h->list[h->count - 1].value.ptr)
		return -1;
	h->list[h->count - 1].value = str_trim(str_sub(at, len));
	return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
	struct http_call *call = of_parser(parser);

	call->reply.status = llhttp_get_status_code(parser);
	call->reply.length_bytes = (parser->flags & F_CONTENT_LENGTH) ? (int64_t)parser->content_length : -1;
	call->reply.url = call->url_text;
	call->no_body = str_eq(call->request.method, STR("HEAD"));
	call->keep_alive = llhttp_should_keep_alive(parser);
	return call->no_body ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
	struct http_call *call = of_parser(parser);

	if (call->redirecting)
		return 0;
	if (call->events->on_body)
		call->events->on_body(call->arg, call, str_sub(at, len));
	/* No byte would come that lets the parser go on to the end: pausing here would be for ever. */
	if (call->paused && !call->ended && http_body_is_complete(parser))
		return 0;
	return call->paused || call->ended ? HPE_PAUSED : 0;
}

static int on_message_complete(llhttp_t *parser)
{
	of_parser(parser)->complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t parser_settings = {
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

static bool is_redirect(const struct http_call *call)
{
	int status = call->reply.status;

	return call->request.redirect_max > 0 && http_header_get(&call->reply.headers, STR("Location")).ptr &&
	       (status == 301 || status == 302 || status == 303 || status == 307 || status == 308);
}

/* Starts again at the Location. */
static void follow(struct http_call *call)
{
	struct str location = http_header_get(&call->reply.headers, STR("Location"));
	int status = call->reply.status;
	struct url url;

	call->redirecting = false;
	if (++call->redirect_count > NUM_MIN(call->request.redirect_max, HTTP_REDIRECTS_MAX)) {
		(void)err_set(&call->err, ERR_INTERNAL, "stopped after %d redirects", call->redirect_count - 1);
		call_fail(call);
		return;
	}
	if (url_resolve(&call->url, location, &call->arena, &call->url_text, &call->err) < 0 ||
	    url_parse(call->url_text, &url, &call->err) < 0) {
		call_fail(call);
		return;
	}
	if ((status == 307 || status == 308) && call->request.source) {
		(void)err_set(&call->err, ERR_UNSUPPORTED, "redirected, but the body cannot be sent twice");
		call_fail(call);
		return;
	}
	if (url.scheme != call->url.scheme || url.port != call->url.port || !str_eq(url.host, call->url.host))
		call->drop_credentials = true;
	call->url = url;
	if (status == 303 || ((status == 301 || status == 302) && str_eq(call->request.method, STR("POST")))) {
		if (!str_eq(call->request.method, STR("HEAD")))
			call->request.method = STR("GET");
		call->request.pieces = NULL;
		call->request.piece_count = 0;
		call->replace_method = true;
	}
	call_resolve(call);
}

void call_answer_complete(struct http_call *call, bool all_taken)
{
	bool reusable = call->keep_alive && all_taken && !call->source_open && !conn_holds_pieces(call->conn) &&
			conn_queued_bytes(call->conn) == 0;

	call->in_body = false;
	if (reusable)
		call_keep(call);
	if (!call->redirecting) {
		call_end(call);
		return;
	}
	conn_close(call->conn);
	call->conn = NULL;
	follow(call);
}

static void upgraded(struct http_call *call)
{
	struct conn *conn = call->conn;

	if (!call->events->on_upgraded) {
		(void)err_set(&call->err, ERR_PARSE, "unexpected answer 101");
		call_fail(call);
		return;
	}
	if (call->events->on_headers)
		call->events->on_headers(call->arg, call, &call->reply);
	if (call->ended)
		return;
	call->conn = NULL;
	call->events->on_upgraded(call->arg, call, conn);
	call_end(call);
}

static void broken_answer(struct http_call *call)
{
	const char *reason = llhttp_get_error_reason(&call->parser);

	(void)err_set(&call->err, ERR_PARSE, "malformed answer: %s", reason ? reason : "not HTTP");
	call_fail(call);
}

static void read_head(struct http_call *call, struct str head)
{
	struct str copy = str_in(&call->arena, head);
	llhttp_errno_t outcome;
	int status;

	call->reply = (struct http_reply){ 0 };
	call->scanned_bytes = 0;
	call->complete = false;
	llhttp_init(&call->parser, HTTP_RESPONSE, &parser_settings);
	outcome = llhttp_execute(&call->parser, copy.ptr, copy.len);
	if (outcome != HPE_OK && outcome != HPE_PAUSED && outcome != HPE_PAUSED_UPGRADE) {
		broken_answer(call);
		return;
	}
	status = call->reply.status;
	if (status == 101) {
		upgraded(call);
		return;
	}
	if (status < 200) { /* 100 Continue and its like: the answer is still to come */
		if (++call->informational_count > HTTP_INFORMATIONAL_MAX) {
			(void)err_set(&call->err, ERR_PARSE, "net/http: too many 1xx informational responses");
			call_fail(call);
		}
		return;
	}
	call->in_head = false;
	call->in_body = true;
	call->redirecting = is_redirect(call);
	if (!call->redirecting && call->events->on_headers)
		call->events->on_headers(call->arg, call, &call->reply);
}

/* Bytes taken. */
static size_t read_body(struct http_call *call, struct str bytes)
{
	llhttp_errno_t outcome;

	if (llhttp_get_errno(&call->parser) == HPE_PAUSED)
		llhttp_resume(&call->parser);
	call->in_parser = true;
	outcome = llhttp_execute(&call->parser, bytes.ptr, bytes.len);
	call->in_parser = false;
	if (outcome == HPE_OK)
		return bytes.len;
	if (outcome == HPE_PAUSED || outcome == HPE_PAUSED_UPGRADE)
		return (size_t)(llhttp_get_error_pos(&call->parser) - bytes.ptr);
	if (!call->ended)
		broken_answer(call);
	return bytes.len;
}

/* Bytes of the head, 0 when incomplete; too long a one ends the call. */
static size_t head_bytes(struct http_call *call, struct str bytes)
{
	size_t from = call->scanned_bytes > 3 ? NUM_MIN(call->scanned_bytes - 3, bytes.len) : 0;
	size_t end = str_find(bytes, STR("\r\n\r\n"), from);

	if (end != SIZE_MAX && end + 4 <= HTTP_REPLY_HEAD_BYTES_MAX)
		return end + 4;
	call->scanned_bytes = bytes.len;
	if (end == SIZE_MAX && bytes.len < HTTP_REPLY_HEAD_BYTES_MAX)
		return 0;
	(void)err_set(&call->err, ERR_TOO_LARGE, "net/http: server response headers exceeded %u bytes; aborted",
		      HTTP_REPLY_HEAD_BYTES_MAX);
	call_fail(call);
	return 0;
}

static size_t on_read(void *arg, struct conn *conn, struct str bytes)
{
	struct http_call *call = arg;
	size_t taken = 0;

	call->answered = true;
	call_touch(call);
	while (call->conn == conn && !call->paused && taken < bytes.len) {
		struct str rest = str_slice(bytes, taken, bytes.len);

		if (call->in_head) {
			size_t head = head_bytes(call, rest);

			if (head == 0)
				break;
			taken += head;
			read_head(call, str_slice(rest, 0, head));
		} else {
			taken += read_body(call, rest);
		}
		if (call->conn == conn && call->in_body && call->complete && !call->ended && !call->paused)
			call_answer_complete(call, taken == bytes.len);
	}
	return taken;
}

/* A kept connection that died unheard: once more, unless the request might then be carried out twice. */
static bool may_retry(const struct http_call *call)
{
	struct str method = call->request.method;
	bool changes = (str_eq(method, STR("POST")) || str_eq(method, STR("PATCH"))) && !call->request.repeatable;

	return call->reused && !call->answered && !call->retried && !call->request.source && !changes;
}

static void retry(struct http_call *call)
{
	call->retried = true;
	conn_close(call->conn);
	call->conn = NULL;
	call_resolve(call);
}

static void on_eof(void *arg, struct conn *conn)
{
	struct http_call *call = arg;

	if (may_retry(call)) {
		retry(call);
		return;
	}
	if (call->in_body && llhttp_message_needs_eof(&call->parser)) {
		call->keep_alive = false;
		call_answer_complete(call, true);
		return;
	}
	(void)err_set(&call->err, ERR_CLOSED, call->in_body ? "the answer was cut off" : "closed without an answer");
	call_fail(call);
}

static void on_closed(void *arg, struct conn *conn, const struct err *err)
{
	char address[ADDRESS_TEXT_BYTES];
	struct http_call *call = arg;

	if (may_retry(call)) {
		retry(call);
		return;
	}
	if (!call->in_head && !call->in_body && call->address_next < call->address_count) {
		call_connect_next(call);
		return;
	}
	call->err = *err;
	if (!call->in_head && !call->in_body && err->code == ERR_OS && call->address_next > 0)
		(void)err_wrap(&call->err, "dial %s",
			       address_format(&call->addresses[call->address_next - 1], address));
	call_fail(call);
}

/* --- request --- */

static void pump(struct http_call *call)
{
	const struct http_source *source = call->request.source;
	struct http_piece pieces[SOURCE_PIECES];
	char size[24];

	while (call->source_open && conn_queued_bytes(call->conn) < QUEUE_HIGH_BYTES) {
		int count = source->fill(source->arg, pieces, SOURCE_PIECES);
		uint64_t len = 0;

		if (count == HTTP_SOURCE_LATER)
			return;
		for (int i = 0; i < count; i++)
			len += pieces[i].bytes.len;
		if (count < 0 || (source->length_bytes >= 0 && (len > call->source_left_bytes ||
								 (count == 0 && call->source_left_bytes > 0)))) {
			(void)err_set(&call->err, ERR_CANCELLED, "the body broke off");
			call_fail(call);
			return;
		}
		call->source_left_bytes -= len;
		/* An empty chunk in the middle would end the body. */
		if (source->length_bytes < 0 && (len > 0 || count == 0)) {
			snprintf(size, sizeof(size), "%llx\r\n", (unsigned long long)len);
			conn_write_bytes(call->conn, str_from(size));
		}
		conn_write(call->conn, pieces, (size_t)count, false);
		if (source->length_bytes < 0 && (len > 0 || count == 0))
			conn_write(call->conn, &HTTP_BYTES(STR("\r\n")), 1, false);
		conn_flush(call->conn);
		if (count == 0) {
			call->source_open = false; /* released with the call: pieces of it may be queued */
		}
	}
}

void http_call_continue(struct http_call *call)
{
	if (!call->source_open || !call->conn)
		return; /* not asked yet, or answered already */
	call_touch(call);
	pump(call);
}

static void on_drained(void *arg, struct conn *conn)
{
	struct http_call *call = arg;

	call_touch(call);
	if (call->source_open)
		pump(call);
}

static void put_basic(struct buf *to, const struct http_request *request)
{
	AUTO_BUF plain = { 0 };
	unsigned char *encoded;

	buf_init(&plain, HTTP_HEAD_BYTES_MAX);
	buf_put_str(&plain, request->basic_user);
	buf_put_char(&plain, ':');
	buf_put_str(&plain, request->basic_password);
	encoded = mem_alloc(plain.len / 3 * 4 + 5);
	EVP_EncodeBlock(encoded, (const unsigned char *)plain.ptr, (int)plain.len);
	buf_printf(to, "Authorization: Basic %s\r\n", (char *)encoded);
	mem_wipe(plain.ptr, plain.len);
	mem_free(encoded);
}

static bool is_credential(struct str name)
{
	return str_eq_nocase(name, STR("Authorization")) || str_eq_nocase(name, STR("Cookie"));
}

static void put_headers(struct http_call *call, struct buf *to)
{
	const struct http_request *r = &call->request;
	const struct http_headers *h = &r->headers;

	for (size_t i = 0; i < h->count; i++) {
		if (call->drop_credentials && is_credential(h->list[i].name))
			continue;
		if (call->replace_method && str_eq_nocase(h->list[i].name, STR("Content-Type")))
			continue;
		buf_printf(to, STR_FMT ": " STR_FMT "\r\n", STR_ARG(h->list[i].name), STR_ARG(h->list[i].value));
	}
	if (!http_header_get(h, STR("Host")).ptr)
		buf_printf(to, "Host: " STR_FMT "\r\n", STR_ARG(call->url.authority));
	if (!http_header_get(h, STR("User-Agent")).ptr)
		buf_printf(to, "User-Agent: %s\r\n", call->client->user_agent);
	if (!call->drop_credentials && r->bearer_token.len > 0)
		buf_printf(to, "Authorization: Bearer " STR_FMT "\r\n", STR_ARG(r->bearer_token));
	else if (!call->drop_credentials && r->basic_user.len > 0)
		put_basic(to, r);
}

static void put_framing(struct http_call *call, struct buf *to)
{
	const struct http_request *r = &call->request;
	size_t len = 0;
	bool wants_length = r->piece_count > 0 || str_eq(r->method, STR("POST")) || str_eq(r->method, STR("PUT")) ||
			    str_eq(r->method, STR("PATCH"));

	for (size_t i = 0; i < r->piece_count; i++)
		len += r->pieces[i].bytes.len;
	if (r->source && r->source->length_bytes < 0)
		buf_put_c(to, "Transfer-Encoding: chunked\r\n");
	else if (r->source)
		buf_printf(to, "Content-Length: %lld\r\n", (long long)r->source->length_bytes);
	else if (wants_length)
		buf_printf(to, "Content-Length: %zu\r\n", len);
}

/* The connection is up. */
void call_ask(struct http_call *call)
{
	const struct http_request *r = &call->request;
	struct str head;
	AUTO_BUF to = { 0 };

	buf_init(&to, HTTP_REPLY_HEAD_BYTES_MAX);
	buf_printf(&to, STR_FMT " " STR_FMT, STR_ARG(r->method), STR_ARG(call->url.path));
	if (call->url.has_query)
		buf_printf(&to, "?" STR_FMT, STR_ARG(call->url.query));
	buf_put_c(&to, " HTTP/1.1\r\n");
	put_headers(call, &to);
	put_framing(call, &to);
	buf_put_c(&to, "\r\n");
	if (buf_check(&to, "request headers", &call->err) < 0) {
		call_fail(call);
		return;
	}
	call->in_head = true;
	call->answered = false;
	call->scanned_bytes = 0;
	head = str_in(&call->arena, buf_str(&to));
	conn_write(call->conn, &HTTP_BYTES(head), 1, false);
	conn_write(call->conn, r->pieces, r->piece_count, false);
	call_touch(call);
	if (r->source) {
		call->source_open = true;
		call->source_left_bytes = r->source->length_bytes < 0 ? UINT64_MAX : (uint64_t)r->source->length_bytes;
		pump(call);
	}
}

static void on_ready(void *arg, struct conn *conn)
{
	call_ask(arg);
}

const struct conn_events call_conn_events = {
	.on_ready = on_ready,
	.on_read = on_read,
	.on_eof = on_eof,
	.on_drained = on_drained,
	.on_closed = on_closed,
};
