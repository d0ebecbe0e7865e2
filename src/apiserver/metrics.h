/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /metrics counts, in Prometheus' text format and upstream's names, so that dashboards made
 * for kube-apiserver show it. Counters live as long as the metrics; labels come from what exists
 * only, which bounds their number.
 */
#ifndef CUBE_APISERVER_METRICS_H
#define CUBE_APISERVER_METRICS_H

#include "apiserver/target.h"
#include "base/buf.h"
#include "base/map.h"

#define METRICS_BUCKETS 23 /* of upstream's latency histograms */

struct kind;

struct metrics_histogram {
	uint64_t buckets[METRICS_BUCKETS + 1]; /* the last one has no bound */
	double sum_seconds;
};

/* metrics_asking.c: who asked this server, and whom it asked. */
#define METRICS_USERS 7
#define METRICS_EXPIRY_BUCKETS 14
#define METRICS_SECRET_TOKENS 4
struct metrics_asking {
	uint64_t users[METRICS_USERS]; /* by kind of name */
	uint64_t succeeded, failed;
	uint64_t expiries[METRICS_EXPIRY_BUCKETS + 1]; /* of certificates; the last has no bound */
	double sum_expiry_seconds;
	uint64_t audit_events, audit_rejected, audit_log_failures, audit_webhook_failures;
	uint64_t secret_tokens[METRICS_SECRET_TOKENS]; /* by enum token_secret */
	struct map calls; /* to webhooks; labels → int64_t */
};

struct metrics {
	struct map requests;		 /* labels → struct request_series */
	struct map watches;		 /* labels → int64_t */
	struct map events;		 /* labels → int64_t */
	struct map webhooks;		 /* labels → struct webhook_series, metrics_webhook.c */
	struct metrics_asking asking;
	struct map deprecated; /* versions that were asked for; labels → int64_t */
	struct map webhook_failures;	 /* that were forgiven; labels → int64_t */
	struct metrics_histogram writes; /* of the store, from submission to durability */
	uint64_t failed_writes;
};

struct metrics_request {
	const struct target *target;
	int code;
	int64_t duration_ns;
	size_t answer_bytes; /* 0: not known */
};

void metrics_init(struct metrics *metrics);
void metrics_deinit(struct metrics *metrics);
/* Only for resources that exist: the number of series is bounded by the API. */
void metrics_count(struct metrics *metrics, const struct metrics_request *request);
/* A request's user; name STR_NONE: it has none that is believed. expiry_s: what is left to its
 * certificate, when it showed one. */
void metrics_count_user(struct metrics *metrics, struct str name);
void metrics_count_certificate(struct metrics *metrics, double expiry_s);
/* A call to a server outside was answered; 0: it was not. */
struct metrics_call {
	struct str host, method;
	int status;
};
void metrics_count_call(struct metrics *metrics, const struct metrics_call *call);
void metrics_write_asking(const struct metrics *metrics, struct buf *to);
/* A version that will go was asked for. */
void metrics_count_deprecated(struct metrics *metrics, const struct target *target,
			      const char *removed_release);
/* One question to a webhook of admission. */
struct metrics_webhook {
	struct str name, operation;
	const char *type; /* "admit", "validating" */
	int64_t duration_ns;
	int code;
	const char *error_type; /* NULL: the request was not rejected */
	bool has_failed_open;
};
void metrics_count_webhook(struct metrics *metrics, const struct metrics_webhook *webhook);
void metrics_write_webhooks(const struct metrics *metrics, struct buf *to);
void metrics_count_write(struct metrics *metrics, int64_t duration_ns, bool failed);
/* How many watches like this there are, and how many events of the kind were sent: the caller
 * counts. */
int64_t *metrics_watches(struct metrics *metrics, const struct target *target);
int64_t *metrics_watch_events(struct metrics *metrics, const struct kind *kind);

void metrics_write(const struct metrics *metrics, struct buf *to);
void metrics_write_numbers(const struct map *map, const char *name, struct buf *to);
/* A map's series of these labels, made of zeros when there was none. */
void *metrics_series(struct map *map, struct str labels, size_t size_bytes);
/* The two lines that begin a metric. */
void metrics_head(struct buf *to, const char *name, const char *type, const char *help);

#endif
