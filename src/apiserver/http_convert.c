/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange that waits until objects are in the version it asks for. */
#include "apiserver/exchange.h"

static void on_closed(void *arg, struct http_exchange *x)
{
	struct exchange_conversion *w = arg;

	conversion_free(w->conversion);
	w->gone(w->arg);
	exchange_count(w->e, 499);
	http_abort(x);
}

static const struct http_exchange_events events = { .on_closed = on_closed };

static void on_converted(void *arg, struct conversion *conversion, const struct err *err)
{
	struct exchange_conversion *w = arg;
	struct exchange *e = w->e;

	http_set_events(e->x, NULL, NULL);
	if (err) {
		(void)conversion_refuse(&e->refusal, err); /* told below */
		w->gone(w->arg);
		conversion_free(conversion);
		exchange_refuse(e);
		return;
	}
	w->done(w->arg, conversion);
	conversion_free(conversion);
}

void exchange_convert(struct exchange_conversion *w, struct blob *const *objects, size_t count)
{
	struct exchange *e = w->e;

	http_set_events(e->x, &events, w);
	w->conversion = conversion_start(&e->server->registry, e->kind, objects, count,
					 on_converted, w);
}
