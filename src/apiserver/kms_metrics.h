/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /metrics tells of encryption at rest, in upstream's names. It outlives the configuration,
 * which may change while the server runs.
 */
#ifndef CUBE_APISERVER_KMS_METRICS_H
#define CUBE_APISERVER_KMS_METRICS_H

#include "apiserver/kms_object.h"
#include "apiserver/limits.h"
#include "base/map.h"

#define KMS_LATENCY_BUCKETS 20
#define KMS_MAKING_BUCKETS 14
#define KMS_TRANSFORMATION_BUCKETS 25

/* Ids by their hash; the one unused for longest goes when there are too many. */
struct kms_id_use {
	char provider[64], id[KMS_ID_TEXT_BYTES];
	const char *type; /* "to_storage", "from_storage"; NULL: of a status */
	uint64_t count;
	int64_t last_wall_ns;
};
struct kms_id_uses {
	struct kms_id_use items[KMS_NAMES_MAX];
	size_t count;
};

struct kms_metrics {
	char server_id[KMS_ID_TEXT_BYTES]; /* the hash of its name */
	struct map latencies;		   /* labels → struct kms_latency */
	struct map bad_ids;		   /* labels → int64_t */
	struct map cache_sizes;		   /* the same */
	struct map transformations;	   /* the same */
	struct map transformation_times;   /* labels → struct kms_transformation_time */
	struct kms_id_uses uses, statuses;
	uint64_t cache_misses;
	uint64_t made[KMS_MAKING_BUCKETS + 1]; /* data keys, by how long it took */
	double made_seconds;
	/* --encryption-provider-config-automatic-reload */
	struct kms_reloads {
		uint64_t count;
		int64_t last_wall_ns;
	} reloads[2]; /* that failed, that did not */
	char config_hash[KMS_ID_TEXT_BYTES];
};

/* A value on its way to or from the store, by one of the transformers that its rule names. */
struct kms_transformation {
	struct str resource, group;
	struct str prefix;    /* of what is stored: "k8s:enc:aescbc:v1:", "key1:" */
	const char *identity; /* what is said instead of no prefix */
	bool is_write, has_failed;
	int64_t duration_ns;
};

void kms_metrics_init(struct kms_metrics *m);
void kms_metrics_deinit(struct kms_metrics *m);
/* code: of gRPC. */
void kms_metrics_call(struct kms_metrics *m, struct str provider, const char *method, int code,
		      int64_t duration_ns);
void kms_metrics_use(struct kms_metrics *m, struct str provider, struct str id, bool is_write,
		     int64_t wall_ns);
void kms_metrics_transformation(struct kms_metrics *m, const struct kms_transformation *t);
void kms_metrics_status(struct kms_metrics *m, struct str provider, struct str id, int64_t wall_ns);
void kms_metrics_bad_id(struct kms_metrics *m, struct str provider, const char *error);
void kms_metrics_cache(struct kms_metrics *m, struct str provider, size_t key_count);
void kms_metrics_made(struct kms_metrics *m, int64_t duration_ns);
void kms_metrics_reload(struct kms_metrics *m, bool succeeded, int64_t wall_ns);
/* The text of the configuration that is in use. */
void kms_metrics_config(struct kms_metrics *m, struct str text);
/* "Unavailable", as Go's library prints codes. */
const char *kms_code_name(int code);
void kms_metrics_write(const struct kms_metrics *m, struct buf *to);

#endif
