/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines of both formats, and records, which a broken disk may change; the first byte picks one.
 */
#include <stdint.h>
#include "base/assert.h"
#include "container/log_read.h"
#include "container/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO_ARENA arena = { 0 };
	AUTO_BUF scratch = { 0 };
	struct log_line line;
	struct record record;
	struct str text;

	if (size == 0)
		return 0;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&scratch, 64u << 20);
	text = str_sub((const char *)bytes + 1, size - 1);
	if (bytes[0] == 'r') {
		if (record_decode(text, &arena, &record, NULL) == 0)
			ASSERT(strlen(record.id) == CONTAINER_ID_BYTES - 1 &&
			       record_encode(&record, &scratch, NULL) == 0);
	} else if (log_line_parse(bytes[0] == 'j' ? CONTAINER_LOG_JSON_FILE : CONTAINER_LOG_CRI,
				  text, &scratch, &line, NULL) == 0) {
		ASSERT(line.stream == 1 || line.stream == 2);
	}
	return 0;
}
