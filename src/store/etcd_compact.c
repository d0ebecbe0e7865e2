/* SPDX-License-Identifier: Apache-2.0 */
/* Dropping etcd's history, by one of those who share it, in kube-apiserver's way and in turns with it. */
#include "base/log.h"
#include "base/mem.h"
#include "store/etcd_internal.h"

#define COMPACT_KEY STR("compact_rev_key") /* as kube-apiserver */

void etcd_compact_start(struct etcd *e)
{
	if (e->options.compact_interval_ms)
		timer_start_slack(&e->compaction, e->options.compact_interval_ms,
				  e->options.compact_interval_ms / 10);
}

static void on_compacted(struct etcd_call *call, const void *answer,
			 const struct grpc_status *status)
{
	if (!answer && status->code != GRPC_OUT_OF_RANGE)
		log_warn("etcd", "compaction: %s", status->message);
}

/*
 * The key's version counts the rounds, its value is the revision of one: whoever sees that nobody
 * took the round since its own last look takes it and drops what is older than the round before.
 */
static void on_round(struct etcd_call *call, const void *message, const struct grpc_status *status)
{
	struct etcd *e = CONTAINER_OF(call, struct etcd, compact_call);
	const struct etcd_txn_answer *answer = message;
	struct etcd_compaction request = { .revision = e->compact_revision };
	const struct etcd_range_answer *seen;

	if (!answer || !answer->header)
		return;
	if (answer->succeeded) {
		e->compact_time++;
	} else {
		seen = answer->responses_count ? answer->responses[0].range : NULL;
		e->compact_time = seen && seen->kvs_count ? seen->kvs[0].version : 0;
	}
	e->compact_revision = answer->header->revision;
	if (!answer->succeeded || !request.revision || !e->link.is_up)
		return;
	e->compact_call.done = on_compacted;
	etcd_link_call(&e->link, &e->compact_call, ETCD_METHOD_COMPACT, &request,
		       ETCD_CALL_TIMEOUT_MS);
}

static void on_compaction_due(struct timer *timer)
{
	struct etcd *e = CONTAINER_OF(timer, struct etcd, compaction);
	AUTO_FREE char *text = mem_printf("%lld", (long long)e->store->revision);
	struct etcd_compare compare = { .result = ETCD_EQUAL,
					.target = ETCD_VERSION,
					.key = COMPACT_KEY,
					.version = e->compact_time };
	struct etcd_put put = { .key = COMPACT_KEY, .value = str_from(text) };
	struct etcd_range range = { .key = COMPACT_KEY };
	struct etcd_request_op success = { .put = &put }, failure = { .range = &range };
	struct etcd_txn txn = { .compare = &compare,
				.compare_count = 1,
				.success = &success,
				.success_count = 1,
				.failure = &failure,
				.failure_count = 1 };

	etcd_compact_start(e);
	if (!e->link.is_up)
		return;
	e->compact_call.done = on_round;
	etcd_link_call(&e->link, &e->compact_call, ETCD_METHOD_TXN, &txn, ETCD_CALL_TIMEOUT_MS);
}

void etcd_compact_init(struct etcd *e)
{
	timer_init(&e->compaction, e->link.env, on_compaction_due);
}

void etcd_compact_stop(struct etcd *e)
{
	timer_stop(&e->compaction);
	etcd_call_drop(&e->compact_call);
}
