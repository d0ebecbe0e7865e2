/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1 requests through the server's whole state machine. */
#include "net_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	static struct net_loop loop;

	if (size_bytes <= 65536)
		net_server_feed(&loop, STR_NONE, bytes, size_bytes);
	return 0;
}
