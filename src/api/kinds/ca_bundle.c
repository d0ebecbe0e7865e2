/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles of certificates in objects: whether Go's client would find one to trust in them. Whether
 * that is a good one is seen when somebody connects.
 */
#include "api/kinds/admission.h"
#include "codec/base64.h"

#define BEGIN STR("-----BEGIN ")
#define DASHES STR("-----")
#define CA_BUNDLE_BYTES_MAX ((size_t)4 << 20)

struct pem_block {
	struct str label, body; /* base 64, with what stands in lines before it */
};

/* The next block; *text moves behind it. */
static bool next_block(struct str *text, struct pem_block *ret)
{
	size_t at = str_find(*text, BEGIN, 0), end;
	char closing[96];
	int len;

	if (at == SIZE_MAX)
		return false;
	*text = str_slice(*text, at + BEGIN.len, text->len);
	at = str_find(*text, DASHES, 0);
	if (at == SIZE_MAX || at > 60)
		return false;
	ret->label = str_slice(*text, 0, at);
	*text = str_slice(*text, at + DASHES.len, text->len);
	len = snprintf(closing, sizeof(closing), "-----END " STR_FMT "-----", STR_ARG(ret->label));
	end = str_find(*text, str_sub(closing, (size_t)len), 0);
	if (end == SIZE_MAX)
		return false;
	ret->body = str_slice(*text, 0, end);
	*text = str_trim(str_slice(*text, end + (size_t)len, text->len));
	return true;
}

/* One sequence that takes up all of it: what every certificate is. */
static bool is_sequence(struct str der)
{
	const unsigned char *bytes = (const unsigned char *)der.ptr;
	size_t head = 2, size;

	if (der.len < head || bytes[0] != 0x30)
		return false;
	size = bytes[1];
	if (size >= 0x80) {
		head += size & 0x7f;
		size = 0;
		if (head > 6 || head > der.len)
			return false;
		for (size_t i = 2; i < head; i++)
			size = size << 8 | bytes[i];
	}
	return size && der.len - head == size;
}

static bool is_certificate(struct str body)
{
	AUTO_BUF base64 = { 0 };
	AUTO_BUF der = { 0 };

	buf_init(&base64, CA_BUNDLE_BYTES_MAX);
	buf_init(&der, CA_BUNDLE_BYTES_MAX);
	for (size_t i = 0; i < body.len; i++)
		if (!strchr(" \t\r\n", body.ptr[i]))
			buf_put_char(&base64, body.ptr[i]);
	return base64_decode(buf_str(&base64), &der, NULL) == 0 && is_sequence(buf_str(&der));
}

const char *ca_bundle_problem(struct str base64)
{
	AUTO_BUF text = { 0 };
	struct pem_block block;
	struct str rest;

	buf_init(&text, CA_BUNDLE_BYTES_MAX);
	if (base64_decode(base64, &text, NULL) < 0)
		return "unable to load root certificates: unable to parse bytes as PEM block";
	rest = buf_str(&text);
	while (rest.len) {
		if (!next_block(&rest, &block))
			return "unable to load root certificates: unable to parse bytes as PEM "
			       "block";
		/* with headers it is none */
		if (!str_eq_c(block.label, "CERTIFICATE") ||
		    str_find_char(block.body, ':', 0) != SIZE_MAX)
			continue;
		return is_certificate(block.body)
			       ? NULL
			       : "unable to load root certificates: failed to "
				 "parse certificate: x509: malformed certificate";
	}
	return "unable to load root certificates: no valid certificate authority data seen";
}
