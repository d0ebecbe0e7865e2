/* SPDX-License-Identifier: Apache-2.0 */
/* See job.h. */
#include "shim/job.h"

#include <string.h>
#include "base/path.h"
#include "base/str.h"
#include "oci/monitor.h"
#include "shim/limits.h"
#include "shim/log.h"

/* clang-format off */
static const struct field_name format_names[] = {
	{ "cri", SHIM_LOG_CRI }, { "json-file", SHIM_LOG_JSON }, { "none", SHIM_LOG_NONE }, { 0 },
};
static const struct field log_fields[] = {
	{ .name = "path", .type = FIELD_STRING, .offset = offsetof(struct shim_job_log, path) },
	{ .name = "format", .type = FIELD_ENUM, .offset = offsetof(struct shim_job_log, format), .is_required = true,
	  .with.names = format_names },
	{ .name = "maxSizeBytes", .type = FIELD_U64, .offset = offsetof(struct shim_job_log, max_size_bytes) },
	{ .name = "maxFiles", .type = FIELD_U64, .offset = offsetof(struct shim_job_log, max_files),
	  .max = SHIM_LOG_FILES_MAX },
	{ 0 },
};
static const struct field_table log_table = { sizeof(struct shim_job_log), log_fields };
static const struct field overlay_fields[] = {
	{ .name = "lower", .type = FIELD_STRINGS, .offset = offsetof(struct shim_job_overlay, lower),
	  .is_required = true },
	{ .name = "upper", .type = FIELD_STRING, .offset = offsetof(struct shim_job_overlay, upper) },
	{ .name = "work", .type = FIELD_STRING, .offset = offsetof(struct shim_job_overlay, work) },
	{ 0 },
};
static const struct field_table overlay_table = { sizeof(struct shim_job_overlay), overlay_fields };
static const struct field job_fields[] = {
	{ .name = "version", .type = FIELD_U64, .offset = offsetof(struct shim_job, version), .is_required = true },
	{ .name = "id", .type = FIELD_STRING, .offset = offsetof(struct shim_job, id), .is_required = true },
	{ .name = "stateDir", .type = FIELD_STRING, .offset = offsetof(struct shim_job, state_dir),
	  .is_required = true },
	{ .name = "config", .type = FIELD_RAW, .offset = offsetof(struct shim_job, config), .is_required = true },
	{ .name = "overlay", .type = FIELD_OBJECT, .offset = offsetof(struct shim_job, overlay),
	  .with.sub = &overlay_table },
	{ .name = "sandbox", .type = FIELD_BOOL, .offset = offsetof(struct shim_job, is_sandbox) },
	{ .name = "seccomp", .type = FIELD_STRING, .offset = offsetof(struct shim_job, seccomp) },
	{ .name = "start", .type = FIELD_RAW, .offset = offsetof(struct shim_job, start_value) },
	{ .name = "stdin", .type = FIELD_BOOL, .offset = offsetof(struct shim_job, has_stdin) },
	{ .name = "stdinOnce", .type = FIELD_BOOL, .offset = offsetof(struct shim_job, stdin_once) },
	{ .name = "log", .type = FIELD_OBJECT, .offset = offsetof(struct shim_job, log), .with.sub = &log_table },
	{ 0 },
};
static const struct field_table job_table = { sizeof(struct shim_job), job_fields };
/* clang-format on */

int shim_job_decode(yyjson_val *root, struct arena *arena, struct shim_job *ret, struct err *err)
{
	if (field_decode(&job_table, root, arena, ret, err) < 0)
		return -1;
	if (ret->version.value != MONITOR_JOB_VERSION)
		return err_set(err, ERR_UNSUPPORTED, "version: expected %d", MONITOR_JOB_VERSION);
	if (ret->state_dir[0] != '/' || !str_eq_c(path_base(str_from(ret->state_dir)), ret->id))
		return err_set(
			err, ERR_INVALID,
			"stateDir: expected an absolute path that ends in the id, got \"%.200s\"",
			ret->state_dir);
	if (ret->start_value && !yyjson_is_bool(ret->start_value))
		return err_set(err, ERR_INVALID, "start: expected true or false");
	ret->start = !ret->start_value || yyjson_get_bool(ret->start_value);
	if (ret->seccomp && strcmp(ret->seccomp, "default") != 0)
		return err_set(err, ERR_INVALID, "seccomp: expected default, got \"%.40s\"", ret->seccomp);
	if (ret->overlay && (ret->overlay->lower.count == 0 || !ret->overlay->upper != !ret->overlay->work))
		return err_set(err, ERR_INVALID, "overlay: expected lower, and upper together with work");
	if (ret->log && ret->log->format != SHIM_LOG_NONE && (!ret->log->path || ret->log->path[0] != '/'))
		return err_set(err, ERR_INVALID, "log.path: expected an absolute path");
	return 0;
}
