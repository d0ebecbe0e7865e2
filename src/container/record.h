/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written down about a container, <data_dir>/containers/<id>/record.json: the spec as asked for, what it was
 * resolved to, and its last known state. Enough to pick the container up again after the service was killed.
 */
#ifndef CUBE_CONTAINER_RECORD_H
#define CUBE_CONTAINER_RECORD_H

#include "codec/json.h"
#include "container/container.h"

#define RECORD_NAME "record.json"
#define RECORD_BYTES_MAX (8u << 20)

/* Who the program runs as. */
struct container_user {
	uint32_t uid, gid;
	const uint32_t *groups;
	size_t group_count;
	struct str home;
};

struct record {
	const char *id;
	enum container_status status;
	struct container_spec spec;
	struct container_user user;
	struct str image_id;
	int exit_code, exit_signal;
	bool oom_killed;
	uint32_t restart_count;
	int64_t created_ns, started_ns, finished_ns;
	struct str error;
};

void spec_encode(const struct container_spec *spec, yyjson_mut_doc *doc, yyjson_mut_val *to);
void spec_decode(yyjson_val *from, struct arena *arena, struct container_spec *ret);
void resources_copy(const struct container_resources *from, struct arena *arena, struct container_resources *ret);

int record_encode(const struct record *record, struct buf *to, struct err *err) MUST_CHECK;
/* Memory is in the arena. */
int record_decode(struct str bytes, struct arena *arena, struct record *ret, struct err *err) MUST_CHECK;

#endif
