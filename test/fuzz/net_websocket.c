/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames: nothing beyond the bytes given is touched, and what was decoded lies within them. */
#include <stdint.h>
#include <stdlib.h>
#include "base/mem.h"
#include "net/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	char *copy = mem_dup(size_bytes ? bytes : (const uint8_t *)"", size_bytes ? size_bytes : 1);
	struct websocket_frame frame;
	size_t at = 0;
	int64_t n;

	while ((n = websocket_decode(copy + at, size_bytes - at, at % 2 == 0, &frame, NULL)) > 0) {
		if (frame.payload.ptr < copy + at || frame.payload.ptr + frame.payload.len > copy + at + n)
			abort();
		at += (size_t)n;
	}
	mem_free(copy);
	return 0;
}
