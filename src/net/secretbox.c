/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XSalsa20 with Poly1305 (Bernstein: "The Salsa20 family of stream ciphers", "Extending the Salsa20
 * nonce"). OpenSSL has Poly1305, but of Salsa20 only its younger sister; the core is additions,
 * rotations and exclusive ors, which take the same time whatever they work on.
 */
#include "net/secretbox.h"

#include <string.h>
#include "base/mem.h"
#include "net/openssl.h"
#include "net/tls.h"

#define BLOCK_BYTES 64
#define TAG_BYTES 16
#define HALF_NONCE_BYTES 16 /* that choose the key */
#define ROUND_PAIRS 10

static uint32_t read_word(const uint8_t *from)
{
	return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
	       (uint32_t)from[3] << 24;
}

static void write_word(uint8_t *to, uint32_t word)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(word >> (8 * i));
}

static uint32_t rotate(uint32_t word, int bits)
{
	return word << bits | word >> (32 - bits);
}

static void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*b ^= rotate(*a + *d, 7);
	*c ^= rotate(*b + *a, 9);
	*d ^= rotate(*c + *b, 13);
	*a ^= rotate(*d + *c, 18);
}

static void rounds(uint32_t x[16])
{
	for (int i = 0; i < ROUND_PAIRS; i++) {
		quarter(&x[0], &x[4], &x[8], &x[12]);
		quarter(&x[5], &x[9], &x[13], &x[1]);
		quarter(&x[10], &x[14], &x[2], &x[6]);
		quarter(&x[15], &x[3], &x[7], &x[11]);
		quarter(&x[0], &x[1], &x[2], &x[3]);
		quarter(&x[5], &x[6], &x[7], &x[4]);
		quarter(&x[10], &x[11], &x[8], &x[9]);
		quarter(&x[15], &x[12], &x[13], &x[14]);
	}
}

/* "expand 32-byte k" on the diagonal, the key around it, 16 bytes of input in the middle. */
static void fill(uint32_t x[16], const uint8_t key[SECRETBOX_KEY_BYTES], const uint8_t input[16])
{
	static const uint8_t sigma[] = { 'e', 'x', 'p', 'a', 'n', 'd', ' ', '3',
					 '2', '-', 'b', 'y', 't', 'e', ' ', 'k' };

	for (int i = 0; i < 4; i++) {
		x[5 * i] = read_word(sigma + 4 * i);
		x[1 + i] = read_word(key + 4 * i);
		x[6 + i] = read_word(input + 4 * i);
		x[11 + i] = read_word(key + 16 + 4 * i);
	}
}

/* HSalsa20: another key, of this one and the first part of the nonce. */
static void derive(const uint8_t key[SECRETBOX_KEY_BYTES], const uint8_t nonce[16],
		   uint8_t ret[SECRETBOX_KEY_BYTES])
{
	uint32_t x[16];

	fill(x, key, nonce);
	rounds(x);
	for (int i = 0; i < 4; i++) {
		write_word(ret + 4 * i, x[5 * i]);
		write_word(ret + 16 + 4 * i, x[6 + i]);
	}
	mem_wipe(x, sizeof(x));
}

struct stream {
	uint8_t key[SECRETBOX_KEY_BYTES], input[16]; /* the rest of the nonce, and a counter */
	uint8_t block[BLOCK_BYTES];
};

static void next_block(struct stream *s)
{
	uint32_t before[16], x[16];
	uint64_t counter = (uint64_t)read_word(s->input + 8) | (uint64_t)read_word(s->input + 12)
								       << 32;

	fill(before, s->key, s->input);
	memcpy(x, before, sizeof(x));
	rounds(x);
	for (int i = 0; i < 16; i++)
		write_word(s->block + 4 * i, x[i] + before[i]);
	counter++;
	write_word(s->input + 8, (uint32_t)counter);
	write_word(s->input + 12, (uint32_t)(counter >> 32));
	mem_wipe(x, sizeof(x));
	mem_wipe(before, sizeof(before));
}

/* The first half of the first block is the tag's key. */
static void begin(struct stream *s, struct str key, const char *nonce)
{
	memset(s, 0, sizeof(*s));
	derive((const uint8_t *)key.ptr, (const uint8_t *)nonce, s->key);
	memcpy(s->input, nonce + HALF_NONCE_BYTES, SECRETBOX_NONCE_BYTES - HALF_NONCE_BYTES);
	next_block(s);
}

/* Begins behind the tag's key. */
static void apply(struct stream *s, const uint8_t *from, uint8_t *to, size_t len)
{
	size_t at = SECRETBOX_KEY_BYTES;

	for (size_t i = 0; i < len; i++) {
		if (at == BLOCK_BYTES) {
			next_block(s);
			at = 0;
		}
		to[i] = from[i] ^ s->block[at++];
	}
}

static int make_tag(const uint8_t key[SECRETBOX_KEY_BYTES], const uint8_t *text, size_t len,
		    uint8_t ret[TAG_BYTES], struct err *err)
{
	size_t tag_len;

	if (EVP_Q_mac(NULL, "POLY1305", NULL, NULL, NULL, key, SECRETBOX_KEY_BYTES, text, len, ret,
		      TAG_BYTES, &tag_len) == NULL)
		return tls_err(err, ERR_INTERNAL, "Poly1305");
	return 0;
}

int secretbox_seal(struct str key, const char nonce[SECRETBOX_NONCE_BYTES], struct str clear,
		   struct buf *to, struct err *err)
{
	struct stream s;
	uint8_t *out, first[SECRETBOX_KEY_BYTES];
	int made;

	buf_put(to, nonce, SECRETBOX_NONCE_BYTES);
	out = buf_room(to, TAG_BYTES + clear.len);
	if (!out)
		return buf_check(to, "encrypted value", err);
	begin(&s, key, nonce);
	memcpy(first, s.block, sizeof(first));
	apply(&s, (const uint8_t *)clear.ptr, out + TAG_BYTES, clear.len);
	made = make_tag(first, out + TAG_BYTES, clear.len, out, err);
	mem_wipe(&s, sizeof(s));
	mem_wipe(first, sizeof(first));
	if (made < 0)
		return -1;
	buf_added(to, TAG_BYTES + clear.len);
	return 0;
}

int secretbox_open(struct str key, struct str sealed, struct buf *to, struct err *err)
{
	const uint8_t *tag = (const uint8_t *)sealed.ptr + SECRETBOX_NONCE_BYTES;
	struct stream s;
	uint8_t *out, own[TAG_BYTES];
	size_t len;
	bool is_good;

	if (key.len != SECRETBOX_KEY_BYTES || sealed.len < SECRETBOX_NONCE_BYTES + TAG_BYTES)
		return err_set(err, ERR_INVALID, "%zu bytes are too few", sealed.len);
	len = sealed.len - SECRETBOX_NONCE_BYTES - TAG_BYTES;
	out = buf_room(to, len + 1);
	if (!out)
		return buf_check(to, "decrypted value", err);
	begin(&s, key, sealed.ptr);
	is_good = make_tag(s.block, tag + TAG_BYTES, len, own, err) == 0 &&
		  CRYPTO_memcmp(own, tag, TAG_BYTES) == 0;
	if (is_good) {
		apply(&s, tag + TAG_BYTES, out, len);
		buf_added(to, len);
	}
	mem_wipe(&s, sizeof(s));
	return is_good ? 0 : err_set(err, ERR_INVALID, "wrong key, or damaged");
}
