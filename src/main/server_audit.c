/* SPDX-License-Identifier: Apache-2.0 */
/* Flags of the audit log: its policy, and where events go. */
#include <fcntl.h>

#include "apiserver/audit.h"
#include "apiserver/limits.h"
#include "base/fd.h"
#include "base/time.h"
#include "codec/yaml.h"
#include "main/server.h"

#define POLICY_BYTES_MAX ((size_t)1 << 20)
#define DAY_SECONDS (24 * 3600)
#define MEGABYTE (INT64_C(1) << 20)

static int read_policy(struct server *s, yyjson_val **ret, struct err *err)
{
	struct str path = s->opts->audit.policy_file;
	AUTO_BUF text = { 0 };
	AUTO_JSON_MUT doc = NULL;

	buf_init(&text, POLICY_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, str_c_in(s->arena, path), POLICY_BYTES_MAX, &text, err) < 0)
		return err_wrap(err, "--audit-policy-file");
	doc = yaml_parse(buf_str(&text), POLICY_BYTES_MAX, err);
	if (!doc)
		return err_wrap(err, "--audit-policy-file " STR_FMT, STR_ARG(path));
	server_keep(s, json_freeze(yyjson_mut_doc_get_root(doc)), ret);
	return 0;
}

/* No answer waits for its event: what upstream calls blocking is refused rather than promised. */
static int check_modes(const struct server_audit_opts *o, struct err *err)
{
	if (!str_eq_c(o->log_mode, "batch"))
		return err_set(err, ERR_INVALID,
			       "--audit-log-mode: '" STR_FMT "' is not batch, the only mode here",
			       STR_ARG(o->log_mode));
	if (!str_eq_c(o->webhook_mode, "batch"))
		return err_set(err, ERR_INVALID,
			       "--audit-webhook-mode: '" STR_FMT
			       "' is not batch, the only mode here",
			       STR_ARG(o->webhook_mode));
	if (!str_eq_c(o->log_format, "json"))
		return err_set(err, ERR_INVALID,
			       "--audit-log-format: '" STR_FMT
			       "' is not json, the only format here",
			       STR_ARG(o->log_format));
	return 0;
}

int server_audit_options(struct server *s, struct audit_options *to,
			 const struct audit_options **ret, struct err *err)
{
	const struct server_audit_opts *o = &s->opts->audit;
	struct audit_log_options *log;
	struct review_hook_options *webhook;

	*ret = NULL;
	if (!o->policy_file.len && !o->log_path.len && !o->webhook_file.len)
		return 0;
	if (!o->policy_file.len)
		return err_set(
			err, ERR_INVALID,
			"--audit-policy-file is needed: without a policy nothing is audited");
	if (check_modes(o, err) < 0)
		return -1;
	*to = (struct audit_options){
		.batch_wait_ms = o->webhook_wait_ns / TIME_NS_PER_MS,
		.retry_ms = o->webhook_backoff_ns / TIME_NS_PER_MS,
		.batch_max = (size_t)o->webhook_batch_max,
		.queue_max = (size_t)o->webhook_queue_max,
		.log_truncation = { o->log_truncates, (size_t)o->log_event_bytes_max,
				    AUDIT_QUEUE_BYTES_MAX },
		.webhook_truncation = { o->webhook_truncates, (size_t)o->webhook_event_bytes_max,
					(size_t)o->webhook_batch_bytes_max },
	};
	if (read_policy(s, &to->policy, err) < 0)
		return -1;
	if (o->log_path.len) {
		log = ARENA_NEW(s->arena, struct audit_log_options);
		*log = (struct audit_log_options){ .path = str_c_in(s->arena, o->log_path),
						   .size_max = o->log_megabytes_max * MEGABYTE,
						   .age_max_s = o->log_days_max * DAY_SECONDS,
						   .backup_max = o->log_backups_max };
		to->log = log;
	}
	if (o->webhook_file.len) {
		webhook = ARENA_NEW(s->arena, struct review_hook_options);
		if (kubeconfig_target_read(o->webhook_file, s->arena, webhook, err) < 0)
			return err_wrap(err, "--audit-webhook-config-file");
		to->webhook = webhook;
	}
	*ret = to;
	return 0;
}
