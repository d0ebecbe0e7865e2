/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes nft(8) rule text: the only place that knows its syntax of braces and element lists. One
 * struct nft is one transaction. Names that nft would not read back as one word are refused by
 * nft_is_name; callers skip such objects.
 */
#ifndef CUBE_CODEC_NFT_H
#define CUBE_CODEC_NFT_H

#include "base/buf.h"

struct nft {
	struct buf *out;
	const char *family; /* "ip" */
	const char *table;
	struct str open; /* set or map whose elements are being written */
	bool has_elements;
};

/* Letters, digits, '_', '-', '.', '/'; starting with a letter; at most 128 bytes. */
bool nft_is_name(struct str name) PURE;

void nft_init(struct nft *n, struct buf *out, const char *family, const char *table);
void nft_add_table(struct nft *n);
void nft_delete_table(struct nft *n); /* also when there is none */
/* type: "ipv4_addr . inet_proto . inet_service" or, for maps, "... : verdict". extra: "flags
 * dynamic,timeout; timeout 3h;" or
 * "". Existing ones are kept with what is in them. */
void nft_add_set(struct nft *n, struct str name, const char *type, const char *extra);
void nft_add_map(struct nft *n, struct str name, const char *type);
void nft_flush_set(struct nft *n, struct str name);
void nft_flush_map(struct nft *n, struct str name);
void nft_delete_set(struct nft *n, struct str name);
/* hook: "type nat hook output priority -100; policy accept;" or "" for a chain to jump to. */
void nft_add_chain(struct nft *n, struct str name, const char *hook);
void nft_flush_chain(struct nft *n, struct str name);
void nft_delete_chain(struct nft *n, struct str name);
void nft_rule(struct nft *n, struct str chain, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Between begin and end: elements only; an empty list writes nothing. */
void nft_elements_begin(struct nft *n, struct str set);
void nft_element(struct nft *n, const char *fmt, ...) PRINTF_LIKE(2, 3);
void nft_elements_end(struct nft *n);

#endif
