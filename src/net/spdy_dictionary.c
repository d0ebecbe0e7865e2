/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dictionary that SPDY/3 header blocks are compressed with (draft-mbelshe-httpbis-spdy-00,
 * 2.6.10.1): words with their lengths before them, then running text. Its Adler-32 is e3c6a7c2,
 * which spdy_dictionary checks.
 */
#include "net/spdy.h"

#include <zlib.h>
#include "base/assert.h"

#define DICTIONARY_ADLER 0xe3c6a7c2u

static const char words[] =
	"options\0head\0post\0put\0delete\0trace\0accept\0accept-charset\0accept-encoding\0"
	"accept-language\0accept-ranges\0age\0allow\0authorization\0cache-control\0connection\0"
	"content-base\0content-encoding\0content-language\0content-length\0content-location\0"
	"content-md5\0content-range\0content-type\0date\0etag\0expect\0expires\0from\0host\0"
	"if-match\0if-modified-since\0if-none-match\0if-range\0if-unmodified-since\0"
	"last-modified\0location\0max-forwards\0pragma\0proxy-authenticate\0proxy-authorization\0"
	"range\0referer\0retry-after\0server\0te\0trailer\0transfer-encoding\0upgrade\0"
	"user-agent\0vary\0via\0warning\0www-authenticate\0method\0get\0status\0" "200 OK\0version\0"
	"HTTP/1.1\0url\0public\0set-cookie\0keep-alive\0origin\0";

static const char text[] =
	"100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
	"203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
	"403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
	"Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
	"chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
	"text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

void spdy_dictionary(uint8_t to[SPDY_DICTIONARY_BYTES])
{
	size_t at = 0;

	for (const char *word = words; word < words + sizeof(words) - 1; word += strlen(word) + 1) {
		size_t len = strlen(word);

		ASSERT(at + 4 + len <= SPDY_DICTIONARY_BYTES);
		to[at] = to[at + 1] = to[at + 2] = 0;
		to[at + 3] = (uint8_t)len;
		memcpy(to + at + 4, word, len);
		at += 4 + len;
	}
	ASSERT(at + sizeof(text) - 1 == SPDY_DICTIONARY_BYTES);
	memcpy(to + at, text, sizeof(text) - 1);
	ASSERT(adler32(adler32(0, NULL, 0), to, SPDY_DICTIONARY_BYTES) == DICTIONARY_ADLER);
}
