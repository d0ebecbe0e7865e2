/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own parts, seen by the files of this folder that serve HTTP. */
#ifndef CUBE_APISERVER_APISERVER_INTERNAL_H
#define CUBE_APISERVER_APISERVER_INTERNAL_H

#include "apiserver/aggregation.h"
#include "apiserver/apiserver.h"
#include "apiserver/bootstrap.h"
#include "apiserver/custom_resources.h"
#include "apiserver/flow_keeper.h"
#include "apiserver/identity_lease.h"
#include "apiserver/form_sweep.h"
#include "apiserver/http_watch.h"
#include "apiserver/local.h"
#include "apiserver/long_work.h"
#include "apiserver/metrics.h"
#include "apiserver/rbac_bootstrap.h"
#include "apiserver/registry.h"
#include "apiserver/reverse_proxy.h"
#include "apiserver/service_repair.h"
#include "apiserver/token_tracking.h"
#include "net/http_gzip.h"

struct api_document; /* documents.c */
struct audit;
struct authn;
struct fairness;

struct apiserver {
	struct env *env;
	struct store *store;
	struct registry registry;
	struct authn *authn;
	struct fairness *fairness;
	struct audit *audit; /* NULL: nothing is audited */
	struct local_hub hub;
	struct custom_resources custom;
	struct aggregation *aggregation;
	uint64_t documents_generation;	/* of the kinds that documents tell of; likewise */
	uint64_t documents_aggregation; /* of other servers */
	struct service_repair service_repair;
	struct bootstrap bootstrap;
	struct rbac_bootstrap rbac_bootstrap;
	struct flow_keeper flow_keeper;
	struct identity_lease lease;
	struct token_tracking tracking;
	struct metrics metrics;
	const struct stored_form *form; /* NULL: objects are stored in clear */
	void (*more_metrics)(void *arg, struct buf *to);
	void *more_metrics_arg;
	void (*write_flags)(void *arg, struct buf *to); /* NULL: none are known */
	void *write_flags_arg;
	struct str version; /* "v1.36.0+cube" */
	struct apiserver_node_handler node_handler;
	struct str kubelet_name; /* of the node whose kubelet is in this process */
	struct reverse_proxy *proxy; /* to pods and services */
	uint64_t proxy_turn;	     /* whose endpoint is next */
	void (*on_ready)(void *arg, const struct err *err);
	void *on_ready_arg;
	bool is_bootstrapped, is_draining, leaves_scheduling, no_profiling;
	int64_t started_wall_ns, started_mono_ns;
	size_t reading_count, writing_count;
	struct list watches; /* struct http_watch */
	size_t watch_count;
	struct watch_shared watch_shared;
	struct http_gzip gzip;
	struct timer bookmarks;
	struct form_sweep forms;
	int64_t watch_seconds_min; /* that watches last which name no time */
	struct long_works works; /* long answers being made */
	struct list
		documents; /* struct api_document: discovery and OpenAPI, made at first request */
};

#endif
