/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's job as the daemon states it (README.md), decoded and checked. */
#ifndef CUBE_SHIM_JOB_H
#define CUBE_SHIM_JOB_H

#include "oci/spec.h"

struct shim_job_log {
	const char *path;
	int format; /* enum shim_log_format */
	struct oci_u64 max_size_bytes, max_files;
};
struct shim_job_overlay {
	struct oci_strings lower;
	const char *upper, *work;
};
struct shim_job {
	struct oci_u64 version;
	const char *id, *state_dir, *seccomp;
	yyjson_val *config;
	struct shim_job_overlay *overlay;
	struct shim_job_log *log;
	bool is_sandbox, has_stdin, stdin_once;
	yyjson_val *start_value;
	bool start; /* default true */
};

int shim_job_decode(yyjson_val *root, struct arena *arena, struct shim_job *ret, struct err *err) MUST_CHECK;

#endif
