/* SPDX-License-Identifier: Apache-2.0 */
/* One APIService at work; seen by the aggregation's own files only. */
#ifndef CUBE_APISERVER_AGGREGATION_INTERNAL_H
#define CUBE_APISERVER_AGGREGATION_INTERNAL_H

#include "apiserver/aggregation.h"
#include "apiserver/own_write.h"
#include "apiserver/webhook_client.h"
#include "base/map.h"
#include "loop/env.h"

#define UNAVAILABLE_REASONS 6

struct api_service {
	struct aggregation *owner;
	const struct obj *object;   /* the newest; counted. Strings below lie in it */
	struct str group, version;
	struct str namespace_, name; /* of the Service */
	bool is_remote, is_available;
	struct arena arena; /* of target */
	struct webhook_target target;
	struct err target_err; /* code not 0: it cannot be called */
	/* being asked */
	struct webhook_call *call;
	struct timer timer; /* of the next look */
	bool is_stale_view; /* something changed while it was asked */
	unsigned tries_left, failure_count;
	uint64_t unavailable_counts[UNAVAILABLE_REASONS];
	/* what it said */
	yyjson_doc *resources;
	bool is_fresh;
};

struct aggregation {
	struct registry *registry;
	struct front_proxy front;
	struct map services; /* name → struct api_service */
	struct map remotes;  /* "group/version" → struct api_service, of another server */
	uint64_t generation;
	struct store_watcher api_services, definitions, endpoints, slices;
	struct own_writes writes;
	struct map registered; /* name → struct registered; api_service_register.c */
	bool is_registering;
	void (*done)(void *arg);
	void *arg;
};

/* --- api_service_check.c --- */

void api_service_check_init(struct api_service *s);
void api_service_check_deinit(struct api_service *s);
/* Soon: the object is new, or what it leads to changed. */
void api_service_check(struct api_service *s);
/* Of one that this server answers. */
void api_service_check_local(struct api_service *s);
void api_services_follow_endpoints(struct aggregation *a, bool follow);
void api_services_write_unavailable(const struct aggregation *a, struct buf *to);

/* --- api_service_register.c --- */

void registrations_init(struct aggregation *a);
void registrations_deinit(struct aggregation *a);
/* The object of that name changed. */
void registrations_look(struct aggregation *a, struct str name);

#endif
