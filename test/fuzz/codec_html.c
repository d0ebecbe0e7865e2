/* SPDX-License-Identifier: Apache-2.0 */
/* A page that passes in pieces: the same comes out as in one, and nothing but links is changed. */
#include <stdint.h>
#include <stdlib.h>
#include "codec/html.h"

static char prefix[] = "/prefix";

static void nothing(void *arg, struct str value, struct buf *to)
{
	(void)arg;
	buf_put_str(to, value);
}

static void longer(void *arg, struct str value, struct buf *to)
{
	buf_put_c(to, arg);
	buf_put_str(to, value);
}

static void pass(struct str page, size_t step, void (*link)(void *, struct str, struct buf *),
		 struct buf *to)
{
	struct html_links l;

	html_links_init(&l, link, prefix);
	for (size_t at = 0; at < page.len; at += step)
		html_links_put(&l, str_slice(page, at, at + step < page.len ? at + step : page.len),
			       to);
	html_links_end(&l, to);
	html_links_deinit(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct str page = str_sub((const char *)bytes, size_bytes);
	AUTO_BUF same = { 0 }, whole = { 0 }, parts = { 0 };

	buf_init(&same, SIZE_MAX / 2);
	buf_init(&whole, SIZE_MAX / 2);
	buf_init(&parts, SIZE_MAX / 2);
	pass(page, 7, nothing, &same);
	if (!str_eq(buf_str(&same), page))
		abort();
	if (size_bytes > 4096)
		return 0; /* pieces of one byte would take long */
	pass(page, size_bytes ? size_bytes : 1, longer, &whole);
	pass(page, 1, longer, &parts);
	if (!str_eq(buf_str(&whole), buf_str(&parts)))
		abort();
	return 0;
}
