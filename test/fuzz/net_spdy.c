/* SPDX-License-Identifier: Apache-2.0 */
/* SPDY/3.1 frames and their compressed headers, in two pieces. */
#include <stdint.h>
#include "net/spdy.h"

struct peer {
	struct spdy *spdy;
	size_t streams;
};

static void on_stream(void *arg, uint32_t id, const struct http_headers *headers, bool is_last)
{
	struct peer *p = arg;

	(void)http_header_get(headers, STR("streamtype"));
	if (p->streams++ % 2)
		spdy_reply(p->spdy, id);
	else
		spdy_reset(p->spdy, id, 3);
}

static void on_data(void *arg, uint32_t id, struct str bytes)
{
	spdy_data(((struct peer *)arg)->spdy, id, bytes, false);
}

static void on_end(void *arg, uint32_t id)
{
	spdy_data(((struct peer *)arg)->spdy, id, STR_NONE, true);
}

static void on_goaway(void *arg)
{
	spdy_goaway(((struct peer *)arg)->spdy);
}

static const struct spdy_events events = { .on_stream = on_stream, .on_data = on_data, .on_end = on_end,
					   .on_reset = on_end, .on_goaway = on_goaway };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct peer p = { 0 };
	struct str all = str_sub((const char *)bytes, size_bytes);
	AUTO_BUF out = { 0 };
	int64_t n;

	buf_init(&out, 1u << 20);
	p.spdy = spdy_new(&events, &p, &out);
	n = spdy_decode(p.spdy, str_slice(all, 0, size_bytes / 2), NULL);
	if (n >= 0)
		n = spdy_decode(p.spdy, str_slice(all, (size_t)n, size_bytes), NULL);
	spdy_free(p.spdy);
	return 0;
}
