/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet filter of the network namespace the process is in, through libnftables. Applies rule
 * text (nft(8) syntax, written by codec/nft.h) as one transaction: all of it or nothing. Blocks;
 * one caller at a time per struct.
 */
#ifndef CUBE_LINUX_PACKET_FILTER_H
#define CUBE_LINUX_PACKET_FILTER_H

#include <stddef.h>
#include "base/attr.h"

struct packet_filter;

struct packet_filter *packet_filter_new(void) MUST_CHECK;
void packet_filter_free(struct packet_filter *filter); /* NULL is fine; rules stay */
/* 0, or -EINVAL with the library's words in message (always NUL-terminated, cut when too long). */
int packet_filter_apply(struct packet_filter *filter, const char *rules, char *message,
			size_t message_bytes) MUST_CHECK;

#endif
