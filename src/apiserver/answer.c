/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of the pipeline: the bytes as they are stored where that is what was asked for, else made
 * anew in the form that Accept names.
 */
#include "api/protobuf.h"
#include "apiserver/exchange.h"
#include "apiserver/limits.h"
#include "base/num.h"
#include "codec/yaml.h"
#include "loop/env.h"
#include "net/http_gzip.h"

void exchange_count(struct exchange *e, int status)
{
	if (e->in_flight)
		(*e->in_flight)--;
	e->in_flight = NULL;
	fair_turn_charge(&e->turn, e->answer_bytes / FAIR_CHARGE_BYTES);
	if (!target_is_watch(&e->target))
		fair_turn_end(&e->turn); /* a watch ends it once it has sent what was there */
	audit_answered(e, status, NULL, 0);
	if (!e->kind || (e->target.subresource.len && !e->subresource))
		return; /* names that nothing has are not counted: there is no end of them */
	metrics_count(&e->server->metrics,
		      &(struct metrics_request){ .target = &e->target,
						 .code = status,
						 .duration_ns = env_mono_ns(e->server->env) -
								e->started_ns,
						 .answer_bytes = e->answer_bytes });
}

void exchange_respond(struct exchange *e, int status, struct http_headers *headers,
		      struct http_piece *pieces, size_t count)
{
	struct http_header *list = arena_array(e->arena, headers->count + 1, sizeof(list[0]));
	struct http_headers all = { list, headers->count };

	memcpy(list, headers->list, headers->count * sizeof(list[0]));
	list[all.count++] = EXCHANGE_NOT_CACHED;
	for (size_t i = 0; i < count; i++)
		e->answer_bytes += pieces[i].bytes.len;
	audit_answered(e, status, pieces, count);
	exchange_count(e, status);
	http_respond_gzip_pieces(&e->server->gzip, e->x, status, &all, pieces, count);
}

void exchange_answer_bytes(struct exchange *e, int status, struct str content_type,
			   struct str bytes)
{
	struct http_header header = HTTP_HEADER(STR("Content-Type"), content_type);
	struct http_headers headers = { &header, 1 };
	struct http_piece piece = HTTP_BYTES(bytes);

	exchange_respond(e, status, &headers, &piece, 1);
}

void exchange_answer_text(struct exchange *e, int status, struct str text)
{
	struct http_header list[] = {
		HTTP_HEADER(STR("Content-Type"), STR("text/plain; charset=utf-8")),
		HTTP_HEADER(STR("X-Content-Type-Options"), STR("nosniff")),
	};
	struct http_headers headers = { list, ARRAY_COUNT(list) };
	struct http_piece piece = HTTP_BYTES(str_printf_in(e->arena, STR_FMT "\n", STR_ARG(text)));

	exchange_respond(e, status, &headers, &piece, 1);
}

/* JSON text in the format that was asked for, or with line breaks; false: it is too long, or has no
 * such form. */
static bool write_anew(struct exchange *e, struct str json, struct buf *to)
{
	AUTO_JSON doc = json_parse(json, SIZE_MAX, NULL);
	yyjson_val *root = yyjson_doc_get_root(doc);

	if (!doc)
		return false;
	switch (e->format) {
	case ANSWER_YAML:
		yaml_write(root, to);
		break;
	case ANSWER_PROTOBUF:
		if (protobuf_encode(root, NULL, to, NULL) < 0)
			return false;
		break;
	case ANSWER_JSON:
		json_write_pretty(root, to);
		break;
	}
	return !buf_failed(to);
}

/* A new blob; else NULL: as it is. */
static struct blob *reformat(struct exchange *e, struct str json)
{
	AUTO_BUF text = { 0 };

	if (e->format == ANSWER_JSON && !e->is_pretty)
		return NULL;
	buf_init(&text, LIST_BYTES_MAX);
	if (write_anew(e, json, &text))
		return blob_new(buf_str(&text));
	e->format = ANSWER_JSON;
	return NULL;
}

struct str exchange_content_type(const struct exchange *e)
{
	switch (e->format) {
	case ANSWER_YAML:
		return STR("application/yaml");
	case ANSWER_PROTOBUF:
		return STR("application/vnd.kubernetes.protobuf");
	case ANSWER_JSON:
		break;
	}
	return STR("application/json");
}

void exchange_answer_json(struct exchange *e, int status, struct str json)
{
	struct blob *text = reformat(e, json);
	struct http_header header = HTTP_HEADER(STR("Content-Type"), exchange_content_type(e));
	struct http_headers headers = { &header, 1 };
	struct http_piece piece = text ? HTTP_BLOB(text) : HTTP_BYTES(json);

	exchange_respond(e, status, &headers, &piece, 1);
	blob_unref(text);
}

/* Quoted-string of a Warning header: quotes and backslashes escaped, no control characters. */
struct str exchange_quote_warning(struct exchange *e, struct str text)
{
	AUTO_BUF out = { 0 };

	buf_init(&out, WARNING_BYTES_MAX);
	buf_put_c(&out, "299 - \"");
	for (size_t i = 0; i < text.len && out.len < WARNING_BYTES_MAX - 4; i++) {
		char c = text.ptr[i];

		if (c == '"' || c == '\\')
			buf_put_char(&out, '\\');
		buf_put_char(&out, (unsigned char)c < 0x20 || c == 0x7f ? ' ' : c);
	}
	buf_put_char(&out, '"');
	return str_in(e->arena, buf_str(&out));
}

#define OTHER_HEADERS_MAX 2 /* besides warnings */

/* Content-Type and warnings, with room for one more. */
static struct http_headers first_headers(struct exchange *e, const struct notices *warnings)
{
	size_t count = warnings ? NUM_MIN(warnings->count, (size_t)WARNINGS_MAX) : 0;
	struct http_headers headers = {
		arena_array(e->arena, count + OTHER_HEADERS_MAX, sizeof(headers.list[0])), 0
	};

	headers.list[headers.count++] = HTTP_HEADER(STR("Content-Type"), exchange_content_type(e));
	for (size_t i = 0; i < count; i++)
		headers.list[headers.count++] = HTTP_HEADER(
			STR("Warning"), exchange_quote_warning(e, warnings->items[i]));
	return headers;
}

void exchange_answer_object(struct exchange *e, int status, struct blob *object,
			    const struct notices *warnings)
{
	struct http_headers headers;
	struct http_piece pieces[2] = { HTTP_BLOB(object), HTTP_BYTES(STR("\n")) };
	struct blob *text = reformat(e, blob_str(object));

	headers = first_headers(e, warnings);
	if (text)
		pieces[0] = HTTP_BLOB(text);
	exchange_respond(e, status, &headers, pieces, text ? 1 : 2);
	blob_unref(text);
}

void exchange_refuse(struct exchange *e)
{
	struct http_headers headers;
	struct http_piece piece;
	struct str json;
	struct blob *text;
	AUTO_BUF out = { 0 };

	accept_for_refusal(e);
	buf_init(&out, 1u << 20);
	refusal_write(&e->refusal, &out);
	buf_put_char(&out, '\n');
	json = str_in(e->arena, buf_str(&out));
	text = reformat(e, json);
	piece = text ? HTTP_BLOB(text) : HTTP_BYTES(json);
	headers = first_headers(e, e->warnings);
	if (e->refusal.retry_after_seconds)
		headers.list[headers.count++] = HTTP_HEADER(
			STR("Retry-After"),
			str_printf_in(e->arena, "%d", e->refusal.retry_after_seconds));
	exchange_respond(e, e->refusal.code ? e->refusal.code : 500, &headers, &piece, 1);
	blob_unref(text);
}
