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
#define API_SERVICE_DOCUMENTS 2

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
	/* its OpenAPI; api_service_openapi.c */
	yyjson_doc *documents[API_SERVICE_DOCUMENTS]; /* index of version 3; version 2 */
	struct webhook_call *document_call;
	size_t document_index; /* which is being fetched */
	int64_t documents_ns;  /* when it began; 0: never */
};

struct aggregation {
	struct registry *registry;
	struct front_proxy front;
	struct map services; /* name → struct api_service */
	struct map remotes;  /* "group/version" → struct api_service, of another server */
	uint64_t generation;
	struct store_watcher api_services, definitions, endpoints, slices;
	struct own_writes writes;
	struct list emptyings; /* struct emptying; aggregation_empty.c */
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
/* Asks its server for a path, as the aggregator; request says what else matters. */
struct webhook_call *api_service_ask(struct api_service *s, struct str path,
				     const struct webhook_request *request, webhook_done_fn *done);
void api_services_follow_endpoints(struct aggregation *a, bool follow);
void api_services_write_unavailable(const struct aggregation *a, struct buf *to);

/* --- aggregation_empty.c --- */

void aggregation_empty_deinit(struct aggregation *a); /* nobody is told any more */

/* --- api_service_openapi.c --- */

/* Its server is there, and says something else than before or not. */
void api_service_openapi_look(struct api_service *s, bool is_new);
void api_service_openapi_deinit(struct api_service *s);

/* --- api_service_register.c --- */

void registrations_init(struct aggregation *a);
void registrations_deinit(struct aggregation *a);
/* The object of that name changed. */
void registrations_look(struct aggregation *a, struct str name);

#endif
