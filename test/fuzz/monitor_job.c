/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's job: accepted ones have all that the monitor relies on. */
#include <stdint.h>
#include <string.h>
#include "base/assert.h"
#include "shim/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct err err = { 0 };
	struct shim_job job;
	AUTO_ARENA arena = { 0 };
	yyjson_doc *doc;

	if (len > 65536 || oci_json_parse(str_sub((const char *)bytes, len), "job", &doc, &err) < 0)
		return 0;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (shim_job_decode(yyjson_doc_get_root(doc), &arena, &job, &err) == 0)
		ASSERT(job.id && job.state_dir[0] == '/' && job.config &&
		       (!job.overlay || job.overlay->lower.count > 0));
	else
		ASSERT(err.msg[0] != '\0');
	yyjson_doc_free(doc);
	return 0;
}
