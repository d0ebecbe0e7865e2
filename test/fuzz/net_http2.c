/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 frames behind a correct preface. */
#include "net_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	static struct net_loop loop;
	struct str preface = STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0");

	if (size_bytes <= 65536)
		net_server_feed(&loop, preface, bytes, size_bytes);
	return 0;
}
