/* SPDX-License-Identifier: Apache-2.0 */
/* Both alphabets differ in two characters and in padding only. Decoding rejects what encoding would
 * not have produced. */
#include "codec/base64.h"

struct alphabet {
	char char_62, char_63;
	bool padded;
};

static const struct alphabet standard = { '+', '/', true };
static const struct alphabet url = { '-', '_', false };

static char digit(const struct alphabet *a, unsigned int value)
{
	if (value < 26)
		return (char)('A' + value);
	if (value < 52)
		return (char)('a' + value - 26);
	if (value < 62)
		return (char)('0' + value - 52);
	return value == 62 ? a->char_62 : a->char_63;
}

static int value_of(const struct alphabet *a, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == a->char_62)
		return 62;
	return c == a->char_63 ? 63 : -1;
}

static void encode(const struct alphabet *a, struct str bytes, struct buf *to)
{
	const uint8_t *in = (const uint8_t *)bytes.ptr;

	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		uint32_t group = (uint32_t)in[i] << 16;

		if (left > 1)
			group |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			group |= in[i + 2];
		buf_put_char(to, digit(a, group >> 18));
		buf_put_char(to, digit(a, group >> 12 & 63));
		if (left > 1)
			buf_put_char(to, digit(a, group >> 6 & 63));
		else if (a->padded)
			buf_put_char(to, '=');
		if (left > 2)
			buf_put_char(to, digit(a, group & 63));
		else if (a->padded)
			buf_put_char(to, '=');
	}
}

static int decode(const struct alphabet *a, struct str text, struct buf *to, struct err *err)
{
	size_t start = to->len, digits = 0, padding = 0;
	uint32_t group = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		int value = value_of(a, c);

		if (a->padded && (c == '\n' || c == '\r'))
			continue;
		if (c == '=' && digits % 4 >= 2 && padding < 2 && digits % 4 + padding < 4) {
			padding++;
			continue;
		}
		if (value < 0 || padding) {
			to->len = start;
			return err_set(err, ERR_PARSE, "illegal base64 data at input byte %zu", i);
		}
		group = group << 6 | (uint32_t)value;
		if (++digits % 4 == 0) {
			uint8_t out[3] = { (uint8_t)(group >> 16), (uint8_t)(group >> 8),
					   (uint8_t)group };

			buf_put(to, out, 3);
			group = 0;
		}
	}
	if (digits % 4 == 1 || (a->padded && (digits + padding) % 4) ||
	    (padding && (digits + padding) % 4)) {
		to->len = start;
		return err_set(err, ERR_PARSE, "illegal base64 data at input byte %zu", text.len);
	}
	if (digits % 4 == 2)
		buf_put_char(to, (char)(group >> 4));
	if (digits % 4 == 3) {
		buf_put_char(to, (char)(group >> 10));
		buf_put_char(to, (char)(group >> 2));
	}
	return buf_check(to, "base64 data", err);
}

void base64_encode(struct str bytes, struct buf *to)
{
	encode(&standard, bytes, to);
}

void base64_url_encode(struct str bytes, struct buf *to)
{
	encode(&url, bytes, to);
}

int base64_decode(struct str text, struct buf *to, struct err *err)
{
	return decode(&standard, text, to, err);
}

int base64_url_decode(struct str text, struct buf *to, struct err *err)
{
	return decode(&url, text, to, err);
}
