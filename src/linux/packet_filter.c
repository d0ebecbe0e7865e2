/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnftables behind three functions. Its output is buffered, so that a refused rule ends in a
 * message for the caller instead of text on the process's stderr.
 */
#include "linux/packet_filter.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

struct packet_filter {
	struct nft_ctx *nft;
};

struct packet_filter *packet_filter_new(void)
{
	struct packet_filter *filter = NEW(struct packet_filter);

	filter->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	ASSERT(filter->nft); /* fails only without memory */
	ASSERT(nft_ctx_buffer_error(filter->nft) == 0);
	ASSERT(nft_ctx_buffer_output(filter->nft) == 0);
	return filter;
}

void packet_filter_free(struct packet_filter *filter)
{
	if (!filter)
		return;
	nft_ctx_free(filter->nft);
	mem_free(filter);
}

int packet_filter_apply(struct packet_filter *filter, const char *rules, char *message,
			size_t message_bytes)
{
	const char *words;
	size_t len;

	ASSERT(message_bytes > 0);
	message[0] = '\0';
	if (nft_run_cmd_from_buffer(filter->nft, rules) == 0)
		return 0;
	words = nft_ctx_get_error_buffer(filter->nft);
	len = words ? strlen(words) : 0;
	if (len >= message_bytes)
		len = message_bytes - 1;
	memcpy(message, words ? words : "", len);
	message[len] = '\0';
	return -EINVAL;
}
