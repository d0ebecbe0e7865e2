/* SPDX-License-Identifier: Apache-2.0 */
/* One batch is on its way at a time: with the worker, or waiting for the peer. */
#include "net/http_gzip.h"

#include <zlib.h>
#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"

#define BATCH_PIECES 256
#define FILL_PIECES 16
#define BATCH_BYTES ((size_t)256 << 10)
#define GZIP_WINDOW_BITS (15 + 16) /* 16: with gzip's own head and checksum */
#define GZIP_LEVEL 1		   /* as kube-apiserver has it */
#define GZIP_MEMORY_LEVEL 8

struct gzip_answer {
	struct work work;
	struct http_gzip *gzip;
	struct http_exchange *x; /* NULL: the peer is gone, and gzip may be */
	struct http_source source;
	z_stream stream;
	struct http_piece pieces[BATCH_PIECES];
	size_t count;
	bool is_last, is_busy, is_waiting;
	struct buf out;
};

bool http_gzip_is_wanted(const struct http_gzip *gzip, const struct http_exchange *x,
			 size_t body_bytes)
{
	return body_bytes >= HTTP_GZIP_BYTES_MIN && gzip->count < HTTP_GZIP_ANSWERS_MAX &&
	       x->method != HTTP_HEAD &&
	       http_header_has_token(&x->headers, STR("Accept-Encoding"), STR("gzip"));
}

static void drop_pieces(struct gzip_answer *a)
{
	for (size_t i = 0; i < a->count; i++)
		blob_unref(a->pieces[i].owner);
	a->count = 0;
}

static void answer_free(struct gzip_answer *a)
{
	if (a->source.release)
		a->source.release(a->source.arg);
	(void)deflateEnd(&a->stream); /* breaking off is fine */
	buf_deinit(&a->out);
	mem_free(a);
}

/* On a worker: nothing of the exchange is touched. */
static void run(struct work *work)
{
	struct gzip_answer *a = CONTAINER_OF(work, struct gzip_answer, work);
	z_stream *z = &a->stream;

	for (size_t i = 0; i <= a->count; i++) {
		bool ends = i == a->count;
		struct str bytes = ends ? STR_NONE : a->pieces[i].bytes;

		if (ends && !a->is_last)
			break;
		z->next_in = (unsigned char *)(uintptr_t)bytes.ptr; /* zlib does not write there */
		z->avail_in = (unsigned)bytes.len;
		do {
			z->next_out = buf_room(&a->out, BATCH_BYTES / 4);
			ASSERT(z->next_out);
			z->avail_out = BATCH_BYTES / 4;
			ASSERT(deflate(z, ends ? Z_FINISH : Z_NO_FLUSH) != Z_STREAM_ERROR);
			buf_added(&a->out, BATCH_BYTES / 4 - z->avail_out);
		} while (!z->avail_out);
	}
}

static void next_batch(struct gzip_answer *a);

static void done(struct work *work)
{
	struct gzip_answer *a = CONTAINER_OF(work, struct gzip_answer, work);
	struct http_piece piece = HTTP_BYTES(buf_str(&a->out));
	struct http_exchange *x = a->x;

	drop_pieces(a);
	a->is_busy = false;
	if (!x) {
		answer_free(a);
		return;
	}
	http_send(x, &piece, 1);
	buf_reset(&a->out);
	if (!a->is_last) {
		next_batch(a);
		return;
	}
	http_set_events(x, NULL, NULL);
	a->gzip->count--;
	answer_free(a);
	http_end(x);
}

static void break_off(struct gzip_answer *a)
{
	struct http_exchange *x = a->x;

	http_set_events(x, NULL, NULL);
	a->x = NULL;
	a->gzip->count--;
	http_abort(x);
	if (!a->is_busy)
		answer_free(a);
}

static void next_batch(struct gzip_answer *a)
{
	size_t bytes = 0;

	a->is_waiting = http_queued_bytes(a->x) > HTTP_DRAINED_LOW_BYTES;
	if (a->is_waiting)
		return;
	a->count = 0;
	while (a->count + FILL_PIECES <= BATCH_PIECES && bytes < BATCH_BYTES) {
		int n = a->source.fill(a->source.arg, a->pieces + a->count, FILL_PIECES);

		a->is_last = n == 0;
		if (n < 0) {
			drop_pieces(a);
			break_off(a);
			return;
		}
		if (n == 0)
			break;
		for (int i = 0; i < n; i++) {
			(void)blob_ref(
				a->pieces[a->count].owner); /* until the worker has read it */
			bytes += a->pieces[a->count++].bytes.len;
		}
	}
	a->is_busy = true;
	a->work = (struct work){ .run = run, .done = done };
	env_work(a->gzip->env, &a->work);
}

static void on_drained(void *arg, struct http_exchange *x)
{
	struct gzip_answer *a = arg;

	if (a->is_waiting && !a->is_busy)
		next_batch(a);
}

static void on_closed(void *arg, struct http_exchange *x)
{
	break_off(arg);
}

void http_respond_gzip(struct http_gzip *gzip, struct http_exchange *x, int status,
		       const struct http_headers *headers, const struct http_source *source)
{
	static const struct http_exchange_events events = { .on_drained = on_drained,
							    .on_closed = on_closed };
	struct http_header *list = arena_array(&x->arena, headers->count + 2, sizeof(list[0]));
	struct http_headers all = { list, headers->count };
	struct gzip_answer *a = NEW(struct gzip_answer);

	if (headers->count)
		memcpy(list, headers->list, headers->count * sizeof(list[0]));
	list[all.count++] = HTTP_HEADER(STR("Content-Encoding"), STR("gzip"));
	list[all.count++] = HTTP_HEADER(STR("Vary"), STR("Accept-Encoding"));
	a->gzip = gzip;
	gzip->count++;
	a->x = x;
	a->source = *source;
	buf_init(&a->out, SIZE_MAX / 2);
	ASSERT(deflateInit2(&a->stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL,
			    Z_DEFAULT_STRATEGY) == Z_OK);
	http_set_events(x, &events, a);
	http_start(x, status, &all);
	next_batch(a);
}

/* --- a few pieces that are there already --- */

struct piece_source {
	size_t next, count;
	struct http_piece pieces[];
};

static int fill_pieces(void *arg, struct http_piece *to, size_t max)
{
	struct piece_source *s = arg;
	size_t n = 0;

	while (n < max && s->next < s->count)
		to[n++] = s->pieces[s->next++];
	return (int)n;
}

static void release_pieces(void *arg)
{
	struct piece_source *s = arg;

	for (size_t i = 0; i < s->count; i++)
		blob_unref(s->pieces[i].owner);
	mem_free(s);
}

void http_respond_gzip_pieces(struct http_gzip *gzip, struct http_exchange *x, int status,
			      const struct http_headers *headers, const struct http_piece *pieces,
			      size_t count)
{
	struct piece_source *s;
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += pieces[i].bytes.len;
	if (!http_gzip_is_wanted(gzip, x, bytes)) {
		http_respond(x, status, headers, pieces, count);
		return;
	}
	s = mem_zalloc(sizeof(*s) + count * sizeof(s->pieces[0]));
	s->count = count;
	for (size_t i = 0; i < count; i++) {
		struct blob *owner = pieces[i].owner;

		owner = owner ? blob_ref(owner) : blob_new(pieces[i].bytes);
		s->pieces[i] = (struct http_piece){ pieces[i].owner ? pieces[i].bytes
								    : blob_str(owner),
						    owner };
	}
	http_respond_gzip(gzip, x, status, headers,
			  &(struct http_source){ .fill = fill_pieces,
						 .release = release_pieces,
						 .arg = s,
						 .length_bytes = -1 });
}
