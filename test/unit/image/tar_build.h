/* SPDX-License-Identifier: Apache-2.0 */
/* Builds archives for tests, among them those that no honest tool would write. */
#ifndef CUBE_TEST_TAR_BUILD_H
#define CUBE_TEST_TAR_BUILD_H

#include <stdio.h>
#include <string.h>
#include "base/buf.h"

struct tar_member {
	const char *path;
	char type;              /* '0' file, '1' hard link, '2' symbolic link, '3' char, '5' folder, 'x' pax … */
	const char *link;
	const char *content;
	unsigned mode;
	unsigned major, minor;
};

#define TAR_NUMBER_MAX 07777777u /* seven octal digits and their end */

static inline void tar_put_sum(unsigned char *block)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += block[i];
	snprintf((char *)block + 148, 8, "%06o", sum);
}

static inline void tar_put_bytes(struct buf *to, const struct tar_member *m, struct str content)
{
	unsigned char block[512] = { 0 };
	static const char zero[512];

	snprintf((char *)block, 100, "%s", m->path);
	snprintf((char *)block + 100, 8, "%07o",
		 (m->mode ? m->mode : m->type == '5' ? 0755 : 0644) & TAR_NUMBER_MAX);
	snprintf((char *)block + 108, 8, "%07o", 0);
	snprintf((char *)block + 116, 8, "%07o", 0);
	snprintf((char *)block + 124, 12, "%011o", (unsigned)content.len);
	snprintf((char *)block + 136, 12, "%011o", 1000000000u);
	block[156] = (unsigned char)m->type;
	if (m->link)
		snprintf((char *)block + 157, 100, "%s", m->link);
	memcpy(block + 257, "ustar\0" "00", 8);
	snprintf((char *)block + 329, 8, "%07o", m->major & TAR_NUMBER_MAX);
	snprintf((char *)block + 337, 8, "%07o", m->minor & TAR_NUMBER_MAX);
	tar_put_sum(block);
	buf_put(to, block, sizeof(block));
	buf_put_str(to, content);
	buf_put(to, zero, (512 - content.len % 512) % 512);
}

static inline void tar_put(struct buf *to, const struct tar_member *m)
{
	tar_put_bytes(to, m, str_from(m->content));
}

/* A pax header with one record, for the member that follows. */
static inline void tar_put_pax(struct buf *to, const char *key, struct str value)
{
	static const struct tar_member header = { "pax", 'x' };
	char text[8192];
	size_t body = strlen(key) + value.len + 3, len = body + 1;
	int n;

	while (len != body + (size_t)snprintf(text, sizeof(text), "%zu", len))
		len = body + (size_t)snprintf(text, sizeof(text), "%zu", len);
	n = snprintf(text, sizeof(text), "%zu %s=", len, key);
	memcpy(text + n, value.ptr, value.len);
	text[(size_t)n + value.len] = '\n';
	tar_put_bytes(to, &header, str_sub(text, len));
}

static inline void tar_put_end(struct buf *to)
{
	static const char zero[1024];

	buf_put(to, zero, sizeof(zero));
}

#endif
