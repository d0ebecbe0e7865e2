/* SPDX-License-Identifier: Apache-2.0 */
/* A call that fails before its first message is answered by headers alone ("Trailers-Only"). */
#include "net/grpc_server.h"

#include <stdio.h>

static void on_body(void *arg, struct http_exchange *x, struct str bytes, bool last)
{
	struct grpc_stream *s = arg;
	struct str message;
	struct err err;
	int got = 0;

	while (!s->is_finished &&
	       (got = grpc_reader_next(&s->reader, &bytes, &message, &err)) > 0) {
		if (s->method->is_unary && s->message_count++) {
			grpc_stream_finish(s, GRPC_INTERNAL, "grpc: more than one request message");
			return;
		}
		s->method->message(s, message);
	}
	if (s->is_finished)
		return;
	if (got < 0)
		grpc_stream_finish(
			s, err.code == ERR_TOO_LARGE ? GRPC_RESOURCE_EXHAUSTED : GRPC_UNIMPLEMENTED,
			"%s", err.msg);
	else if (last &&
		 (grpc_reader_is_inside(&s->reader) || (s->method->is_unary && !s->message_count)))
		grpc_stream_finish(s, GRPC_INTERNAL, "grpc: the request is incomplete");
	else if (last && s->method->ended)
		s->method->ended(s);
}

static void on_drained(void *arg, struct http_exchange *x)
{
	struct grpc_stream *s = arg;

	if (!s->is_finished && s->method->drained)
		s->method->drained(s);
}

static void on_closed(void *arg, struct http_exchange *x)
{
	struct grpc_stream *s = arg;

	if (!s->is_finished && s->method->closed)
		s->method->closed(s);
	s->is_finished = true;
	grpc_reader_deinit(&s->reader);
	http_abort(x);
}

static const struct http_exchange_events events = { .on_body = on_body,
						    .on_drained = on_drained,
						    .on_closed = on_closed };

static const struct grpc_method *find(const struct grpc_service *service, struct str path)
{
	for (const struct grpc_method *m = service->methods; m->path; m++)
		if (str_eq_c(path, m->path))
			return m;
	return NULL;
}

static bool is_grpc(const struct http_exchange *x)
{
	return x->version == 20 && x->method == HTTP_POST &&
	       str_has_prefix(http_header_get(&x->headers, STR("content-type")),
			      STR("application/grpc"));
}

static void refuse(struct http_exchange *x)
{
	struct http_header list[] = {
		HTTP_HEADER(STR("Content-Type"), STR("application/grpc")),
		HTTP_HEADER(STR("grpc-status"), STR("12")),
		HTTP_HEADER(STR("grpc-message"), STR("unknown service or method")),
	};
	struct http_headers headers = { list, ARRAY_COUNT(list) };

	if (is_grpc(x))
		http_respond(x, 200, &headers, NULL, 0);
	else
		http_respond_bytes(x, 415, STR("text/plain"), STR("this port speaks gRPC\n"));
}

static void on_headers(void *arg, struct http_exchange *x)
{
	const struct grpc_service *service = arg;
	const struct grpc_method *method = is_grpc(x) ? find(service, x->path) : NULL;
	struct grpc_stream *s;

	if (!method) {
		refuse(x);
		return;
	}
	s = ARENA_NEW(&x->arena, struct grpc_stream);
	s->arena = &x->arena;
	s->service = service;
	s->method = method;
	s->x = x;
	grpc_reader_init(&s->reader, service->message_bytes_max);
	x->user = s;
	http_stream_body(x);
	http_set_events(x, &events, s);
}

/* The body comes by its event. */
static void on_request(void *arg, struct http_exchange *x) {}

const struct http_handlers *grpc_http_handlers(void)
{
	static const struct http_handlers handlers = { .on_headers = on_headers,
						       .on_request = on_request };

	return &handlers;
}

void grpc_stream_send(struct grpc_stream *s, struct str frames)
{
	struct http_header type = HTTP_HEADER(STR("Content-Type"), STR("application/grpc"));
	struct http_headers headers = { &type, 1 };

	if (!http_is_started(s->x))
		http_start(s->x, 200, &headers);
	http_send(s->x, &HTTP_BYTES(frames), 1);
}

size_t grpc_stream_queued_bytes(const struct grpc_stream *s)
{
	return http_queued_bytes(s->x);
}

void grpc_stream_finish(struct grpc_stream *s, int code, const char *fmt, ...)
{
	struct grpc_status status;
	AUTO_BUF message = { 0 };
	va_list ap;
	struct http_header list[3] = {
		HTTP_HEADER(STR("grpc-status"), str_printf_in(s->arena, "%d", code)),
	};
	struct http_headers headers = { list, 2 };

	va_start(ap, fmt);
	(void)vsnprintf(status.message, sizeof(status.message), fmt, ap); /* cut when too long */
	va_end(ap);
	buf_init(&message, 4096);
	grpc_message_encode(str_from(status.message), &message);
	list[1] = HTTP_HEADER(STR("grpc-message"), str_in(s->arena, buf_str(&message)));
	s->is_finished = true;
	grpc_reader_deinit(&s->reader);
	http_set_events(s->x, NULL, NULL);
	if (http_is_started(s->x)) {
		http_end_with(s->x, &headers);
		return;
	}
	list[headers.count++] = HTTP_HEADER(STR("Content-Type"), STR("application/grpc"));
	http_respond(s->x, 200, &headers, NULL, 0);
}
