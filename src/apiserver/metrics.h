/* SPDX-License-Identifier: Apache-2.0 */
/* What /metrics counts: requests by what they were and how they ended, in Prometheus' text format
 * and upstream's names. */
#ifndef CUBE_APISERVER_METRICS_H
#define CUBE_APISERVER_METRICS_H

#include "apiserver/target.h"
#include "base/buf.h"
#include "base/map.h"

#define METRICS_BUCKETS 23

struct metrics {
	struct map requests; /* labels → struct request_series */
};

void metrics_init(struct metrics *metrics);
void metrics_deinit(struct metrics *metrics);
/* Only for resources that exist: the number of series is bounded by the API. */
void metrics_count(struct metrics *metrics, const struct target *target, int code,
		   int64_t duration_ns);
void metrics_write(const struct metrics *metrics, struct buf *to);
void metrics_gauge(struct buf *to, const char *name, const char *help, double value);

#endif
