/* SPDX-License-Identifier: Apache-2.0 */
/* A journal file from anywhere: what is found in it are whole batches that build on each other, or
 * nothing. */
#include <stdint.h>
#include "base/assert.h"
#include "store/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct str all = str_sub((const char *)bytes, len), left;
	struct journal_batch batch;
	struct journal_run run;
	struct store_change change;
	struct err err = { 0 };

	journal_find_run(all, 3, &run);
	ASSERT(run.begin <= run.end && run.end <= len);
	ASSERT(run.revision == 0 || journal_holds_later(all, run.revision - 1));
	left = str_slice(all, run.begin, run.end);
	while (journal_next_batch(&left, &batch)) {
		ASSERT(batch.revision > 3 && batch.revision <= run.revision);
		while (journal_next_change(&batch, &change, &err))
			ASSERT(change.record.id > 0 &&
			       change.record.key.len <= STORE_KEY_BYTES_MAX);
		ASSERT(batch.change_count == 0 || err.code != ERR_NONE);
	}
	ASSERT(left.len == 0);
	return 0;
}
