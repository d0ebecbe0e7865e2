/* SPDX-License-Identifier: Apache-2.0 */
/* A tiny API server for one kubelet: keeps objects, answers a turn later, tells watches. Merge
 * patches, creates, deletes with grace; nothing is validated. */
#ifndef CUBE_TEST_KUBELET_FAKE_API_H
#define CUBE_TEST_KUBELET_FAKE_API_H

#include "api/transport.h"
#include "base/map.h"
#include "loop/env.h"

#define FAKE_WATCHES_MAX 64
#define FAKE_QUEUE_MAX 256

struct fake_api {
	struct api_transport transport;
	struct env *env;
	struct omap objects; /* "Kind/namespace/name" → struct blob */
	struct api_watch *watches[FAKE_WATCHES_MAX];
	bool synced[FAKE_WATCHES_MAX];
	size_t watch_count;
	struct api_call *queue[FAKE_QUEUE_MAX];
	size_t queue_count;
	struct task turn;
	int64_t revision;
	size_t status_writes; /* of pods */
	int fail_next;	      /* this many writes end in ERR_UNAVAILABLE */
};

void fake_api_init(struct fake_api *api, struct env *env);
void fake_api_deinit(struct fake_api *api);
/* Adds or replaces an object as another client would; watches are told. Missing metadata is filled
 * in. */
void fake_api_put(struct fake_api *api, const char *kind, const char *json);
/* NULL when there is none. */
const struct obj *fake_api_get(struct fake_api *api, const char *kind, const char *namespace_,
			       const char *name);
/* DELETE as kubectl does it: a bound pod gets a deletionTimestamp. */
void fake_api_delete(struct fake_api *api, const char *kind, const char *namespace_,
		     const char *name, int64_t grace);
/* How many Events have this reason. */
size_t fake_api_events(struct fake_api *api, const char *reason);

#endif
