/* SPDX-License-Identifier: Apache-2.0 */
/* URLs, escapes, queries, addresses. */
#include <stdint.h>
#include <stdlib.h>
#include "net/address.h"
#include "net/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct str text = str_sub((const char *)bytes, size_bytes), key, value, again, query = text;
	char formatted[ADDRESS_TEXT_BYTES];
	struct address address;
	struct url url, base;
	AUTO_ARENA arena = { 0 };
	AUTO_BUF encoded = { 0 };

	if (size_bytes > 65536)
		return 0;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&encoded, 1u << 20);
	if (url_parse(text, &url, NULL) == 0 && url.scheme == URL_UNIX)
		(void)url_unix_path(&url, &arena);
	if (url_parse(STR("https://h/a/b?c"), &base, NULL) == 0 &&
	    url_resolve(&base, text, &arena, &value, NULL) == 0 && url_parse(value, &url, NULL) < 0)
		abort(); /* what it resolved to must be a URL */
	while (query_next(&query, &arena, &key, &value, NULL) > 0)
		;
	url_encode(&encoded, text);
	if (url_decode(buf_str(&encoded), &arena, &again, NULL) < 0 || !str_eq(again, text))
		abort();
	if (address_parse(text, &address, NULL) == 0)
		(void)address_format(&address, formatted);
	return 0;
}
