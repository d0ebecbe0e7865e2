/* SPDX-License-Identifier: Apache-2.0 */
/* One nft command a line: a transaction is the whole text, so order is all that matters. */
#include "codec/nft.h"

#include "base/assert.h"

#define NAME_MAX_BYTES 128

bool nft_is_name(struct str name)
{
	if (name.len == 0 || name.len > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '_' || c == '-' ||
					    c == '.' || c == '/')))
			return false;
	}
	return true;
}

void nft_init(struct nft *n, struct buf *out, const char *family, const char *table)
{
	*n = (struct nft){ .out = out, .family = family, .table = table };
}

static void command(struct nft *n, const char *verb, const char *what, struct str name)
{
	ASSERT(!n->open.ptr);
	buf_printf(n->out, "%s %s %s %s", verb, what, n->family, n->table);
	if (name.len)
		buf_printf(n->out, " " STR_FMT, STR_ARG(name));
}

void nft_add_table(struct nft *n)
{
	command(n, "add", "table", STR_NONE);
	buf_put_char(n->out, '\n');
}

void nft_delete_table(struct nft *n)
{
	nft_add_table(n); /* deleting one that is not there would fail */
	command(n, "delete", "table", STR_NONE);
	buf_put_char(n->out, '\n');
}

void nft_add_set(struct nft *n, struct str name, const char *type, const char *extra)
{
	command(n, "add", "set", name);
	buf_printf(n->out, " { type %s; %s }\n", type, extra);
}

void nft_add_map(struct nft *n, struct str name, const char *type)
{
	command(n, "add", "map", name);
	buf_printf(n->out, " { type %s; }\n", type);
}

void nft_flush_set(struct nft *n, struct str name)
{
	command(n, "flush", "set", name);
	buf_put_char(n->out, '\n');
}

void nft_flush_map(struct nft *n, struct str name)
{
	command(n, "flush", "map", name);
	buf_put_char(n->out, '\n');
}

void nft_delete_set(struct nft *n, struct str name)
{
	command(n, "delete", "set", name);
	buf_put_char(n->out, '\n');
}

void nft_add_chain(struct nft *n, struct str name, const char *hook)
{
	command(n, "add", "chain", name);
	if (*hook)
		buf_printf(n->out, " { %s }", hook);
	buf_put_char(n->out, '\n');
}

void nft_flush_chain(struct nft *n, struct str name)
{
	command(n, "flush", "chain", name);
	buf_put_char(n->out, '\n');
}

void nft_delete_chain(struct nft *n, struct str name)
{
	command(n, "delete", "chain", name);
	buf_put_char(n->out, '\n');
}

void nft_rule(struct nft *n, struct str chain, const char *fmt, ...)
{
	va_list ap;

	command(n, "add", "rule", chain);
	buf_put_char(n->out, ' ');
	va_start(ap, fmt);
	buf_vprintf(n->out, fmt, ap);
	va_end(ap);
	buf_put_char(n->out, '\n');
}

void nft_elements_begin(struct nft *n, struct str set)
{
	ASSERT(!n->open.ptr);
	n->open = set;
	n->has_elements = false;
}

void nft_element(struct nft *n, const char *fmt, ...)
{
	struct str set = n->open;
	va_list ap;

	ASSERT(set.ptr);
	if (n->has_elements) {
		buf_put_c(n->out, ", ");
	} else {
		n->open = STR_NONE;
		command(n, "add", "element", set);
		buf_put_c(n->out, " { ");
		n->open = set;
	}
	n->has_elements = true;
	va_start(ap, fmt);
	buf_vprintf(n->out, fmt, ap);
	va_end(ap);
}

void nft_elements_end(struct nft *n)
{
	ASSERT(n->open.ptr);
	if (n->has_elements)
		buf_put_c(n->out, " }\n");
	n->open = STR_NONE;
}
