/* SPDX-License-Identifier: Apache-2.0 */
/*
 * API servers behind this one: APIServices say which group version a Service answers. This follows
 * those objects, asks now and then whether the servers are there (none is asked while there are
 * none), keeps the objects of the groups that are answered here, and hands requests on.
 */
#ifndef CUBE_APISERVER_AGGREGATION_H
#define CUBE_APISERVER_AGGREGATION_H

#include "api/transport.h"
#include "apiserver/api_service_plan.h"
#include "apiserver/front_proxy.h"
#include "apiserver/registry.h"
#include "base/buf.h"

struct aggregation;
struct exchange;

/* What is stored is known when this returns. front may be NULL: others are asked without a
 * certificate. */
struct aggregation *aggregation_new(struct registry *registry,
				    const struct front_proxy *front) MUST_CHECK;
/* Before the clients that it uses go; the store may be closed. NULL is fine. */
void aggregation_free(struct aggregation *a);
/* Makes the APIServices of this server's own groups, and keeps those of custom ones; done is called
 * once, when those that must be there are. */
void aggregation_register(struct aggregation *a, void (*done)(void *arg), void *arg);

/* Whether the group version is answered by another server. */
bool aggregation_has(const struct aggregation *a, struct str group, struct str version);
/* The same of "/apis/<group>/<version>..." or its OpenAPI, "/openapi/v3/apis/<group>/<version>". */
bool aggregation_has_path(const struct aggregation *a, struct str path);
/* Of one that aggregation_has: the exchange is handed on, or refused. */
int aggregation_serve(struct aggregation *a, struct exchange *e) MUST_CHECK;

/* For struct api_transport_ops.empty_others: what other servers that are available keep in the
 * namespace is deleted, and counted. */
void aggregation_empty(struct aggregation *a, struct api_remains *remains);
void aggregation_empty_cancel(struct api_remains *remains);

/* --- for documents --- */

uint64_t aggregation_generation(const struct aggregation *a) PURE; /* changes with what follows */
/* All group versions, those of the set of kinds and those of other servers, in the order of
 * discovery; in the arena. */
void aggregation_groups(const struct aggregation *a, struct arena *arena,
			struct api_group_version **ret, size_t *ret_count);
/* APIResourceList of a group version's remote, as its server gave it; NULL: it is not known. */
yyjson_val *aggregation_resources(const void *remote);
bool aggregation_is_fresh(const void *remote);
/* Adds what other servers say to the whole document of version 2, or to the index of version 3. */
void aggregation_merge_openapi(const struct aggregation *a, bool v2, struct buf *text);

void aggregation_write_metrics(const struct aggregation *a, struct buf *to);

#endif
