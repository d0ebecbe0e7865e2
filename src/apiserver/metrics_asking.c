/* SPDX-License-Identifier: Apache-2.0 */
/* Users, their certificates, and calls to servers outside. */
#include <stdio.h>

#include "apiserver/limits.h"
#include "apiserver/metrics.h"
#include "apiserver/tokens.h"
#include "base/attr.h"

_Static_assert(METRICS_SECRET_TOKENS == TOKEN_SECRET_INVALID + 1, "one count for each");

/* Names as upstream tells them apart: their number is bounded, and none of a person is told. */
static const char *const user_names[METRICS_USERS] = {
	"admin",    "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default",
	"email_id", "other",
};
enum { USER_EMAIL = METRICS_USERS - 2, USER_OTHER };

static const int64_t bounds_seconds[METRICS_EXPIRY_BUCKETS] = {
	0,	1800,	3600,	7200,	 21600,	  43200,    86400,
	172800, 345600, 604800, 2592000, 7776000, 15552000, 31104000,
};

void metrics_count_user(struct metrics *metrics, struct str name)
{
	struct metrics_asking *asking = &metrics->asking;
	size_t i = 0;

	if (!name.ptr) {
		asking->failed++;
		return;
	}
	asking->succeeded++;
	while (i < USER_EMAIL && !str_eq_c(name, user_names[i]))
		i++;
	if (i == USER_EMAIL && str_find_char(name, '@', 0) == SIZE_MAX)
		i = USER_OTHER;
	asking->users[i]++;
}

void metrics_count_certificate(struct metrics *metrics, double expiry_s)
{
	struct metrics_asking *asking = &metrics->asking;
	size_t bucket = 0;

	while (bucket < METRICS_EXPIRY_BUCKETS && expiry_s > (double)bounds_seconds[bucket])
		bucket++;
	asking->expiries[bucket]++;
	asking->sum_expiry_seconds += expiry_s;
}

void metrics_count_call(struct metrics *metrics, const struct metrics_call *call)
{
	char text[METRICS_LABELS_BYTES_MAX], code[16];
	int len;

	(void)snprintf(code, sizeof(code), "%d", call->status); /* fits */
	len = snprintf(text, sizeof(text),
		       "code=\"%s\",host=\"" STR_FMT "\",method=\"" STR_FMT "\"",
		       call->status ? code : "<error>", STR_ARG(call->host), STR_ARG(call->method));
	if (len >= 0 && len < METRICS_LABELS_BYTES_MAX)
		(*(int64_t *)metrics_series(&metrics->asking.calls, str_sub(text, (size_t)len),
					    sizeof(int64_t)))++;
}

/* --- text --- */

#define EXPIRATION "apiserver_client_certificate_expiration_seconds"

static void write_secret_tokens(const struct metrics_asking *asking, struct buf *to)
{
	static const struct {
		enum token_secret first, last;
		const char *name, *help;
	} rows[] = {
		{ TOKEN_SECRET_MANUAL, TOKEN_SECRET_AUTOMATIC, "legacy_tokens_total",
		  "Cumulative legacy service account tokens used" },
		{ TOKEN_SECRET_MANUAL, TOKEN_SECRET_MANUAL, "legacy_manual_token_uses_total",
		  "Cumulative manually created legacy tokens used" },
		{ TOKEN_SECRET_AUTOMATIC, TOKEN_SECRET_AUTOMATIC, "legacy_auto_token_uses_total",
		  "Cumulative auto-generated legacy tokens used" },
		{ TOKEN_SECRET_INVALID, TOKEN_SECRET_INVALID,
		  "invalid_legacy_auto_token_uses_total",
		  "Cumulative invalid auto-generated legacy tokens used" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char name[64];
		uint64_t sum = 0;

		(void)snprintf(name, sizeof(name), "serviceaccount_%s", rows[i].name); /* fits */
		for (size_t j = rows[i].first; j <= rows[i].last; j++)
			sum += asking->secret_tokens[j];
		metrics_head(to, name, "counter", rows[i].help);
		buf_printf(to, "%s %llu\n", name, (unsigned long long)sum);
	}
}

static void write_expiries(const struct metrics_asking *asking, struct buf *to)
{
	uint64_t sum = 0;

	metrics_head(
		to, EXPIRATION, "histogram",
		"Distribution of the remaining lifetime on the certificate used to authenticate a "
		"request.");
	for (size_t i = 0; i < METRICS_EXPIRY_BUCKETS; i++) {
		sum += asking->expiries[i];
		buf_printf(to, EXPIRATION "_bucket{le=\"%lld\"} %llu\n",
			   (long long)bounds_seconds[i], (unsigned long long)sum);
	}
	sum += asking->expiries[METRICS_EXPIRY_BUCKETS];
	buf_printf(to,
		   EXPIRATION "_bucket{le=\"+Inf\"} %llu\n" EXPIRATION "_sum %.17g\n" EXPIRATION
			      "_count %llu\n",
		   (unsigned long long)sum, asking->sum_expiry_seconds, (unsigned long long)sum);
}

void metrics_write_asking(const struct metrics *metrics, struct buf *to)
{
	const struct metrics_asking *asking = &metrics->asking;

	metrics_head(to, "authenticated_user_requests", "counter",
		     "Counter of authenticated requests broken out by username.");
	for (size_t i = 0; i < METRICS_USERS; i++)
		if (asking->users[i])
			buf_printf(to, "authenticated_user_requests{username=\"%s\"} %llu\n",
				   user_names[i], (unsigned long long)asking->users[i]);
	metrics_head(to, "authentication_attempts", "counter",
		     "Counter of authenticated attempts.");
	buf_printf(to,
		   "authentication_attempts{result=\"failure\"} %llu\n"
		   "authentication_attempts{result=\"success\"} %llu\n",
		   (unsigned long long)asking->failed, (unsigned long long)asking->succeeded);
	write_expiries(asking, to);
	write_secret_tokens(asking, to);
	metrics_head(to, "apiserver_audit_event_total", "counter",
		     "Counter of audit events generated and sent to the audit backend.");
	buf_printf(to, "apiserver_audit_event_total %llu\n",
		   (unsigned long long)asking->audit_events);
	metrics_head(
		to, "apiserver_audit_requests_rejected_total", "counter",
		"Counter of apiserver requests rejected due to an error in audit logging backend.");
	buf_printf(to, "apiserver_audit_requests_rejected_total %llu\n",
		   (unsigned long long)asking->audit_rejected);
	metrics_head(to, "apiserver_audit_error_total", "counter",
		     "Counter of audit events that failed to be audited properly. Plugin "
		     "identifies the plugin affected by the error.");
	buf_printf(to,
		   "apiserver_audit_error_total{plugin=\"log\"} %llu\n"
		   "apiserver_audit_error_total{plugin=\"webhook\"} %llu\n",
		   (unsigned long long)asking->audit_log_failures,
		   (unsigned long long)asking->audit_webhook_failures);
	metrics_head(to, "rest_client_requests_total", "counter",
		     "Number of HTTP requests, partitioned by status code, method, and host.");
	metrics_write_numbers(&asking->calls, "rest_client_requests_total", to);
}
