/* SPDX-License-Identifier: Apache-2.0 */
/* Its form is that of k8s.io/apiserver: who asks the machine by its name finds the Lease. */
#include "apiserver/identity.h"

#include <string.h>
#include "base/buf.h"
#include "net/x509.h"

#define HASHED_BYTES 16 /* of the hash; the rest is not used */

static void put_counted(struct buf *to, struct str text)
{
	buf_put_char(to, (char)(text.len >> 8));
	buf_put_char(to, (char)text.len);
	buf_put_str(to, text);
}

/* RFC 4648 section 6, in small letters and without padding. */
static void base32(const uint8_t *bytes, size_t count, char *to)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint32_t bits = 0;
	int bit_count = 0;

	for (size_t i = 0; i < count; i++) {
		bits = bits << 8 | bytes[i];
		for (bit_count += 8; bit_count >= 5; bit_count -= 5)
			*to++ = digits[bits >> (bit_count - 5) & 31];
	}
	if (bit_count)
		*to++ = digits[bits << (5 - bit_count) & 31];
	*to = '\0';
}

const char *identity_of(struct str hostname, char to[IDENTITY_BYTES])
{
	static const char prefix[] = "apiserver-";
	uint8_t hash[X509_SHA256_BYTES];
	AUTO_BUF text = { 0 };

	buf_init(&text, hostname.len + 64);
	put_counted(&text, hostname);
	put_counted(&text, STR("kube-apiserver"));
	x509_sha256(buf_str(&text), hash);
	memcpy(to, prefix, sizeof(prefix));
	base32(hash, HASHED_BYTES, to + sizeof(prefix) - 1);
	return to;
}
