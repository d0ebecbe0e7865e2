/* SPDX-License-Identifier: Apache-2.0 */
/* Counting and Prometheus' text; bounds of buckets double from the first on. */
#include "apiserver/kms_metrics.h"

#include <stdio.h>
#include <string.h>
#include "apiserver/limits.h"
#include "apiserver/metrics.h"
#include "base/attr.h"
#include "base/mem.h"
#include "base/time.h"

#define ENVELOPE "apiserver_envelope_encryption_"
#define STORAGE "apiserver_storage_"
#define RELOADS "apiserver_encryption_config_controller_"
#define LATENCY_FIRST 0.0001 /* seconds */
#define MAKING_FIRST 5e-6

struct kms_transformation_time {
	uint64_t buckets[KMS_TRANSFORMATION_BUCKETS + 1];
	double sum_seconds;
};

struct kms_latency {
	uint64_t buckets[KMS_LATENCY_BUCKETS + 1]; /* the last has no bound */
	double sum_seconds;
};

static const char *const code_names[] = {
	"OK",
	"Canceled",
	"Unknown",
	"InvalidArgument",
	"DeadlineExceeded",
	"NotFound",
	"AlreadyExists",
	"PermissionDenied",
	"ResourceExhausted",
	"FailedPrecondition",
	"Aborted",
	"OutOfRange",
	"Unimplemented",
	"Internal",
	"Unavailable",
	"DataLoss",
	"Unauthenticated",
};

const char *kms_code_name(int code)
{
	return code >= 0 && (size_t)code < ARRAY_COUNT(code_names) ? code_names[code] : "Unknown";
}

void kms_metrics_init(struct kms_metrics *m)
{
	*m = (struct kms_metrics){ 0 };
	map_init(&m->latencies);
	map_init(&m->bad_ids);
	map_init(&m->cache_sizes);
	map_init(&m->transformations);
	map_init(&m->transformation_times);
}

void kms_metrics_deinit(struct kms_metrics *m)
{
	map_deinit_values(&m->latencies);
	map_deinit_values(&m->bad_ids);
	map_deinit_values(&m->cache_sizes);
	map_deinit_values(&m->transformations);
	map_deinit_values(&m->transformation_times);
}

static size_t bucket_of(double seconds, double first, size_t count)
{
	size_t i = 0;

	for (double bound = first; i < count && seconds > bound; bound *= 2)
		i++;
	return i;
}

void kms_metrics_call(struct kms_metrics *m, struct str provider, const char *method, int code,
		      int64_t duration_ns)
{
	char text[METRICS_LABELS_BYTES_MAX];
	double seconds = (double)duration_ns / (double)TIME_NS_PER_SECOND;
	struct kms_latency *series;
	int len = snprintf(text, sizeof(text),
			   "grpc_status_code=\"%s\",method_name=\"%s\",provider_name=\"" STR_FMT
			   "\"",
			   kms_code_name(code), method, STR_ARG(provider));

	if (len < 0 || len >= METRICS_LABELS_BYTES_MAX)
		return;
	series = metrics_series(&m->latencies, str_sub(text, (size_t)len), sizeof(*series));
	series->buckets[bucket_of(seconds, LATENCY_FIRST, KMS_LATENCY_BUCKETS)]++;
	series->sum_seconds += seconds;
}

static const char to_storage[] = "to_storage", from_storage[] = "from_storage";

static struct kms_id_use *find_use(struct kms_id_uses *uses, struct str provider, struct str id,
				   const char *type)
{
	char text[KMS_ID_TEXT_BYTES];
	struct kms_id_use *oldest = &uses->items[0];

	kms_id_text(id, text);
	for (size_t i = 0; i < uses->count; i++) {
		struct kms_id_use *use = &uses->items[i];

		if (use->type == type && str_eq_c(provider, use->provider) &&
		    strcmp(use->id, text) == 0)
			return use;
		if (use->last_wall_ns < oldest->last_wall_ns)
			oldest = use;
	}
	if (uses->count < KMS_NAMES_MAX)
		oldest = &uses->items[uses->count++];
	*oldest = (struct kms_id_use){ .type = type };
	snprintf(oldest->provider, sizeof(oldest->provider), STR_FMT, STR_ARG(provider));
	memcpy(oldest->id, text, sizeof(text));
	return oldest;
}

void kms_metrics_use(struct kms_metrics *m, struct str provider, struct str id, bool is_write,
		     int64_t wall_ns)
{
	struct kms_id_use *use = find_use(&m->uses, provider, id,
					  is_write ? to_storage : from_storage);

	use->count++;
	use->last_wall_ns = wall_ns;
}

void kms_metrics_transformation(struct kms_metrics *m, const struct kms_transformation *t)
{
	struct str prefix = t->prefix.len ? t->prefix : str_from(t->identity);
	double seconds = (double)t->duration_ns / (double)TIME_NS_PER_SECOND;
	struct kms_transformation_time *series;
	char labels[METRICS_LABELS_BYTES_MAX], how[METRICS_LABELS_BYTES_MAX];
	int len = snprintf(how, sizeof(how),
			   "transformation_type=\"%s\",transformer_prefix=\"" STR_FMT "\"",
			   t->is_write ? to_storage : from_storage, STR_ARG(prefix)),
	    all;

	if (len < 0 || len >= METRICS_LABELS_BYTES_MAX)
		return;
	all = snprintf(labels, sizeof(labels),
		       "resource=\"" STR_FMT "%s" STR_FMT "\",status=\"%s\",%s",
		       STR_ARG(t->resource), t->group.len ? "." : "", STR_ARG(t->group),
		       t->has_failed ? "unknown-non-grpc" : "OK", how);
	if (all < 0 || all >= METRICS_LABELS_BYTES_MAX)
		return;
	(*(int64_t *)metrics_series(&m->transformations, str_sub(labels, (size_t)all),
				    sizeof(int64_t)))++;
	if (t->has_failed)
		return;
	series = metrics_series(&m->transformation_times, str_sub(how, (size_t)len),
				sizeof(*series));
	series->buckets[bucket_of(seconds, MAKING_FIRST, KMS_TRANSFORMATION_BUCKETS)]++;
	series->sum_seconds += seconds;
}

void kms_metrics_status(struct kms_metrics *m, struct str provider, struct str id, int64_t wall_ns)
{
	find_use(&m->statuses, provider, id, NULL)->last_wall_ns = wall_ns;
}

static int64_t *number_of(struct map *map, const char *label, const char *value,
			  struct str provider)
{
	char text[METRICS_LABELS_BYTES_MAX];
	int len = snprintf(text, sizeof(text), "%s%s%sprovider_name=\"" STR_FMT "\"", label, value,
			   *label ? "\"," : "", STR_ARG(provider));

	if (len < 0 || len >= METRICS_LABELS_BYTES_MAX)
		return NULL;
	return metrics_series(map, str_sub(text, (size_t)len), sizeof(int64_t));
}

void kms_metrics_bad_id(struct kms_metrics *m, struct str provider, const char *error)
{
	int64_t *count = number_of(&m->bad_ids, "error=\"", error, provider);

	if (count)
		(*count)++;
}

void kms_metrics_cache(struct kms_metrics *m, struct str provider, size_t key_count)
{
	int64_t *size = number_of(&m->cache_sizes, "", "", provider);

	if (size)
		*size = (int64_t)key_count;
}

void kms_metrics_made(struct kms_metrics *m, int64_t duration_ns)
{
	double seconds = (double)duration_ns / (double)TIME_NS_PER_SECOND;

	m->made[bucket_of(seconds, MAKING_FIRST, KMS_MAKING_BUCKETS)]++;
	m->made_seconds += seconds;
}

void kms_metrics_reload(struct kms_metrics *m, bool succeeded, int64_t wall_ns)
{
	m->reloads[succeeded].count++;
	m->reloads[succeeded].last_wall_ns = wall_ns;
}

void kms_metrics_config(struct kms_metrics *m, struct str text)
{
	kms_id_text(text, m->config_hash);
}

/* --- text --- */

struct buckets {
	const uint64_t *counts; /* and behind them that of what is above all bounds */
	size_t count;
	double first; /* the bound of each is twice that of the one before it */
};

static uint64_t write_buckets(struct buf *to, const char *name, const char *labels,
			      struct buckets buckets)
{
	uint64_t sum = 0;
	double bound = buckets.first;

	for (size_t i = 0; i < buckets.count; i++, bound *= 2) {
		sum += buckets.counts[i];
		buf_printf(to, "%s_bucket{%sle=\"%.10g\"} %llu\n", name, labels, bound,
			   (unsigned long long)sum);
	}
	sum += buckets.counts[buckets.count];
	buf_printf(to, "%s_bucket{%sle=\"+Inf\"} %llu\n", name, labels, (unsigned long long)sum);
	return sum;
}

static void write_series(struct buf *to, const char *name, struct str labels,
			 struct buckets buckets, double sum_seconds)
{
	uint64_t count;
	char text[METRICS_LABELS_BYTES_MAX + 2];

	snprintf(text, sizeof(text), STR_FMT ",", STR_ARG(labels));
	count = write_buckets(to, name, text, buckets);
	buf_printf(to, "%s_sum{" STR_FMT "} %.17g\n", name, STR_ARG(labels), sum_seconds);
	buf_printf(to, "%s_count{" STR_FMT "} %llu\n", name, STR_ARG(labels),
		   (unsigned long long)count);
}

static void write_transformations(const struct kms_metrics *m, struct buf *to)
{
	static const char counts[] = STORAGE "transformation_operations_total",
			  times[] = STORAGE "transformation_duration_seconds";
	size_t cursor = 0;
	struct str labels;
	void *value;

	if (!m->transformations.count)
		return;
	metrics_head(to, counts, "counter",
		     "Total number of transformations. Successful transformation will have a "
		     "status 'OK' and a varied status string when the transformation fails.");
	metrics_write_numbers(&m->transformations, counts, to);
	if (m->transformation_times.count)
		metrics_head(to, times, "histogram",
			     "Latencies in seconds of value transformation operations.");
	while (map_next(&m->transformation_times, &cursor, &labels, &value)) {
		const struct kms_transformation_time *series = value;

		write_series(to, times, labels,
			     (struct buckets){ series->buckets, KMS_TRANSFORMATION_BUCKETS,
					       MAKING_FIRST },
			     series->sum_seconds);
	}
}

static void write_latencies(const struct kms_metrics *m, struct buf *to)
{
	static const char name[] = ENVELOPE "kms_operations_latency_seconds";
	size_t cursor = 0;
	struct str labels;
	void *value;

	if (!m->latencies.count)
		return;
	metrics_head(to, name, "histogram",
		     "KMS operation duration with gRPC error code status total.");
	while (map_next(&m->latencies, &cursor, &labels, &value)) {
		const struct kms_latency *series = value;

		write_series(
			to, name, labels,
			(struct buckets){ series->buckets, KMS_LATENCY_BUCKETS, LATENCY_FIRST },
			series->sum_seconds);
	}
}

enum column { COLUMN_COUNT, COLUMN_TIME };

static void write_column(struct buf *to, enum column column, uint64_t count, int64_t last_wall_ns)
{
	if (column == COLUMN_COUNT)
		buf_printf(to, "} %llu\n", (unsigned long long)count);
	else
		buf_printf(to, "} %.17g\n", (double)last_wall_ns / (double)TIME_NS_PER_SECOND);
}

/* One of what is kept per key or per reload, as a series of its own. */
struct family {
	const char *name, *type, *help;
	enum column column;
};

static void write_uses(const struct kms_metrics *m, struct buf *to, const struct kms_id_uses *uses,
		       const struct family *family)
{
	if (uses->count)
		metrics_head(to, family->name, family->type, family->help);
	for (size_t i = 0; i < uses->count; i++) {
		const struct kms_id_use *use = &uses->items[i];

		buf_printf(to,
			   "%s{apiserver_id_hash=\"%s\",key_id_hash=\"%s\",provider_name=\"%s\"",
			   family->name, m->server_id, use->id, use->provider);
		if (use->type)
			buf_printf(to, ",transformation_type=\"%s\"", use->type);
		write_column(to, family->column, use->count, use->last_wall_ns);
	}
}

static void write_reloads(const struct kms_metrics *m, struct buf *to, const struct family *family)
{
	static const char *const words[] = { "failure", "success" };

	if (m->reloads[0].count || m->reloads[1].count)
		metrics_head(to, family->name, family->type, family->help);
	for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
		if (!m->reloads[i].count)
			continue;
		buf_printf(to, "%s{apiserver_id_hash=\"%s\",status=\"%s\"", family->name,
			   m->server_id, words[i]);
		write_column(to, family->column, m->reloads[i].count, m->reloads[i].last_wall_ns);
	}
}

static void write_config(const struct kms_metrics *m, struct buf *to)
{
	if (!m->config_hash[0])
		return;
	metrics_head(to, RELOADS "last_config_info", "gauge",
		     "Information about the last applied encryption configuration with hash as "
		     "label, split by apiserver identity.");
	buf_printf(to, RELOADS "last_config_info{apiserver_id_hash=\"%s\",hash=\"%s\"} 1\n",
		   m->server_id, m->config_hash);
}

static const struct family use_families[] = {
	{ ENVELOPE "key_id_hash_total", "counter",
	  "Number of times a keyID is used split by transformation type, provider, and apiserver "
	  "identity.",
	  COLUMN_COUNT },
	{ ENVELOPE "key_id_hash_last_timestamp_seconds", "gauge",
	  "The last time in seconds when a keyID was used.", COLUMN_TIME },
};

static const struct family status_family = {
	ENVELOPE "key_id_hash_status_last_timestamp_seconds", "gauge",
	"The last time in seconds when a keyID was returned by the Status RPC call.", COLUMN_TIME
};

static const struct family reload_families[] = {
	{ RELOADS "automatic_reloads_total", "counter",
	  "Total number of reload successes and failures of encryption configuration split by "
	  "apiserver identity.",
	  COLUMN_COUNT },
	{ RELOADS "automatic_reload_last_timestamp_seconds", "gauge",
	  "Timestamp of the last successful or failed automatic reload of encryption "
	  "configuration split by apiserver identity.",
	  COLUMN_TIME },
};

void kms_metrics_write(const struct kms_metrics *m, struct buf *to)
{
	static const char made[] = STORAGE "data_key_generation_duration_seconds";
	uint64_t count;

	write_transformations(m, to);
	write_latencies(m, to);
	for (size_t i = 0; i < ARRAY_COUNT(use_families); i++)
		write_uses(m, to, &m->uses, &use_families[i]);
	write_uses(m, to, &m->statuses, &status_family);
	if (m->bad_ids.count) {
		metrics_head(to, ENVELOPE "invalid_key_id_from_status_total", "counter",
			     "Number of times an invalid keyID is returned by the Status RPC call "
			     "split by error.");
		metrics_write_numbers(&m->bad_ids, ENVELOPE "invalid_key_id_from_status_total", to);
	}
	if (m->cache_sizes.count) {
		metrics_head(to, ENVELOPE "dek_source_cache_size", "gauge",
			     "Number of records in data encryption key (DEK) source cache. On a "
			     "restart, this value is an approximation of the number of decrypt RPC "
			     "calls the server will make to the KMS plugin.");
		metrics_write_numbers(&m->cache_sizes, ENVELOPE "dek_source_cache_size", to);
	}
	metrics_head(to, STORAGE "envelope_transformation_cache_misses_total", "counter",
		     "Total number of cache misses while accessing key decryption key(KEK).");
	buf_printf(to, STORAGE "envelope_transformation_cache_misses_total %llu\n",
		   (unsigned long long)m->cache_misses);
	metrics_head(to, made, "histogram",
		     "Latencies in seconds of data encryption key(DEK) generation operations.");
	count = write_buckets(to, made, "",
			      (struct buckets){ m->made, KMS_MAKING_BUCKETS, MAKING_FIRST });
	buf_printf(to, "%s_sum %.17g\n%s_count %llu\n", made, m->made_seconds, made,
		   (unsigned long long)count);
	for (size_t i = 0; i < ARRAY_COUNT(reload_families); i++)
		write_reloads(m, to, &reload_families[i]);
	write_config(m, to);
}
