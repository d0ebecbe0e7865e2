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

static int read_mode(struct str mode, const char *plugin, enum audit_mode *ret, struct err *err)
{
	static const char *const modes[] = { [AUDIT_BATCH] = "batch",
					     [AUDIT_BLOCKING] = "blocking",
					     [AUDIT_BLOCKING_STRICT] = "blocking-strict" };

	for (size_t i = 0; i < ARRAY_COUNT(modes); i++)
		if (str_eq_c(mode, modes[i])) {
			*ret = (enum audit_mode)i;
			return 0;
		}
	return err_set(err, ERR_INVALID,
		       "invalid audit %s mode " STR_FMT
		       ", allowed modes are \"batch,blocking,blocking-strict\"",
		       plugin, STR_ARG(mode));
}

static int check_version(struct str version, struct err *err)
{
	if (str_eq_c(version, "audit.k8s.io/v1"))
		return 0;
	return err_set(err, ERR_INVALID,
		       "invalid group version, allowed versions are [\"audit.k8s.io/v1\"]");
}

static int check_truncation(const char *plugin, const struct audit_truncation *t, struct err *err)
{
	if (t->batch_bytes_max >= t->event_bytes_max)
		return 0;
	return err_set(err, ERR_INVALID,
		       "invalid audit truncate %s max batch size %zu, must be greater than max "
		       "event size (%zu)",
		       plugin, t->batch_bytes_max, t->event_bytes_max);
}

struct batch_flags {
	const char *plugin;
	int64_t queue_max, event_max, per_second, burst;
	bool throttles;
};

/* In upstream's order and words. */
static int check_batches(enum audit_mode mode, const struct batch_flags *f, struct err *err)
{
	const struct {
		bool is_used;
		int64_t value;
		const char *what;
	} rows[] = {
		{ true, f->queue_max, "buffer size" },
		{ true, f->event_max, "max batch size" },
		{ f->throttles, f->per_second, "throttle QPS" },
		{ f->throttles, f->burst, "throttle burst" },
	};

	for (size_t i = 0; mode == AUDIT_BATCH && i < ARRAY_COUNT(rows); i++)
		if (rows[i].is_used && rows[i].value <= 0)
			return err_set(err, ERR_INVALID,
				       "invalid audit batch %s %s %lld, must be a positive number",
				       f->plugin, rows[i].what, (long long)rows[i].value);
	return 0;
}

static int log_options(struct server *s, struct audit_options *to, struct err *err)
{
	const struct server_audit_opts *o = &s->opts->audit;
	struct audit_log_options *log = ARENA_NEW(s->arena, struct audit_log_options);
	const struct batch_flags flags = {
		"log",	      o->log_queue_max, o->log_batch_max, o->log_batches_per_second,
		o->log_burst, o->log_throttles
	};

	*log = (struct audit_log_options){ .path = str_c_in(s->arena, o->log_path),
					   .is_legacy = str_eq_c(o->log_format, "legacy"),
					   .compresses = o->log_compresses,
					   .size_max = o->log_megabytes_max * MEGABYTE,
					   .age_max_s = o->log_days_max * DAY_SECONDS,
					   .backup_max = o->log_backups_max };
	to->log = log;
	to->log_truncation = (struct audit_truncation){ o->log_truncates,
							(size_t)o->log_event_bytes_max,
							(size_t)o->log_batch_bytes_max };
	if (!log->is_legacy && !str_eq_c(o->log_format, "json"))
		return err_set(err, ERR_INVALID,
			       "invalid audit log format " STR_FMT
			       ", allowed formats are \"legacy,json\"",
			       STR_ARG(o->log_format));
	if (read_mode(o->log_mode, "log", &log->mode, err) < 0 ||
	    check_batches(log->mode, &flags, err) < 0 || check_version(o->log_version, err) < 0)
		return -1;
	log->batches = (struct audit_batches){
		.queue_max = (size_t)o->log_queue_max,
		.event_max = (size_t)o->log_batch_max,
		.wait_ms = o->log_wait_ns / TIME_NS_PER_MS,
		.per_second = o->log_throttles ? o->log_batches_per_second : 0,
		.burst = (size_t)o->log_burst,
	};
	return check_truncation("log", &to->log_truncation, err);
}

static int webhook_options(struct server *s, struct audit_options *to, struct err *err)
{
	const struct server_audit_opts *o = &s->opts->audit;
	struct review_hook_options *webhook = ARENA_NEW(s->arena, struct review_hook_options);
	const struct batch_flags flags = { "webhook",
					   o->webhook_queue_max,
					   o->webhook_batch_max,
					   o->webhook_batches_per_second,
					   o->webhook_burst,
					   o->webhook_throttles };

	to->batch_wait_ms = o->webhook_wait_ns / TIME_NS_PER_MS;
	to->retry_ms = o->webhook_backoff_ns / TIME_NS_PER_MS;
	to->batch_max = (size_t)o->webhook_batch_max;
	to->queue_max = (size_t)o->webhook_queue_max;
	to->batches_per_second = o->webhook_throttles ? o->webhook_batches_per_second : 0;
	to->batch_burst = (size_t)o->webhook_burst;
	to->webhook = webhook;
	to->webhook_truncation = (struct audit_truncation){ o->webhook_truncates,
							    (size_t)o->webhook_event_bytes_max,
							    (size_t)o->webhook_batch_bytes_max };
	if (read_mode(o->webhook_mode, "webhook", &to->webhook_mode, err) < 0 ||
	    check_batches(to->webhook_mode, &flags, err) < 0 ||
	    check_version(o->webhook_version, err) < 0 ||
	    check_truncation("webhook", &to->webhook_truncation, err) < 0)
		return -1;
	return kubeconfig_target_read(o->webhook_file, s->arena, webhook, err) < 0
		       ? err_wrap(err, "--audit-webhook-config-file")
		       : 0;
}

int server_audit_options(struct server *s, struct audit_options *to,
			 const struct audit_options **ret, struct err *err)
{
	const struct server_audit_opts *o = &s->opts->audit;

	*ret = NULL;
	if (!o->policy_file.len && !o->log_path.len && !o->webhook_file.len)
		return 0;
	if (!o->policy_file.len)
		return err_set(
			err, ERR_INVALID,
			"--audit-policy-file is needed: without a policy nothing is audited");
	*to = (struct audit_options){ 0 };
	if (read_policy(s, &to->policy, err) < 0 ||
	    (o->log_path.len && log_options(s, to, err) < 0) ||
	    (o->webhook_file.len && webhook_options(s, to, err) < 0))
		return -1;
	*ret = to;
	return 0;
}
