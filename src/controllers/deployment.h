/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Deployment decides: sizes and annotations of its replica sets, whether to make a new one,
 * which old ones to drop, and the status it shows. deployment_plan.c has the rules of sizes,
 * deployment_status.c those of the status.
 */
#ifndef CUBE_CONTROLLERS_DEPLOYMENT_H
#define CUBE_CONTROLLERS_DEPLOYMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/str.h"

/* One replica set. */
struct deployment_set {
	struct str name;
	int64_t created_ns;
	int64_t replicas; /* of its spec; the plan changes it */
	int64_t status_replicas, ready, available;
	int64_t generation, observed_generation;
	int64_t revision;	       /* annotation; 0 = none; the plan changes these three */
	int64_t desired, max_replicas; /* annotations; -1 = none */
	struct str failure_reason, failure_message,
		failure_time; /* its ReplicaFailure condition; empty = none */
	bool deleting;
	bool has_running_pods;	 /* pods of it that have not ended (Recreate) */
	bool is_new;		 /* has the template of the deployment */
	bool annotate;		 /* plan: annotations are to be written */
	bool drop;		 /* plan: to be deleted */
	int64_t replicas_before; /* plan */
	size_t index;		 /* the caller's */
};

struct deployment_condition {
	struct str status, reason, message; /* status empty = no such condition */
	int64_t updated_ns, changed_ns;
};

struct deployment_status {
	int64_t observed_generation, replicas, updated, ready, available, unavailable;
	int64_t collision_count;
	struct deployment_condition available_condition, progressing, replica_failure;
};

struct deployment_view {
	struct str name;
	int64_t replicas;
	int64_t max_surge, max_unavailable; /* resolved against replicas, not both 0 */
	bool recreate;
	bool paused;
	bool deleting;
	int64_t progress_deadline_seconds; /* INT64_MAX = none */
	int64_t revision_history_limit;	   /* INT64_MAX = none */
	int64_t generation;
	int64_t now_ns;
	struct deployment_set *sets; /* all it owns; the plan changes them */
	size_t set_count;
	struct str new_name;		 /* name a new set gets */
	bool new_name_taken;		 /* by a set that is not ours or has another template */
	struct str create_error;	 /* of the last attempt to make the new set; empty = none */
	struct deployment_status status; /* as it is */
};

struct deployment_plan {
	bool create; /* a new set, named new_name, of this size and revision */
	int64_t create_replicas;
	int64_t revision;		 /* the deployment's own annotation; 0 = leave it */
	struct deployment_status status; /* as it should be */
	int64_t requeue_after_ms;	 /* 0 = no need */
};

/* Pure. Texts in the result live in the arena or the view; changes of sets are in the view's sets.
 */
void deployment_plan(struct deployment_view *view, struct arena *arena,
		     struct deployment_plan *ret_plan);
/* The two numbers of a rolling update, from numbers already rounded up and down, so that one of
 * them is not 0. */
void deployment_fenceposts(int64_t replicas, int64_t *max_surge, int64_t *max_unavailable);

/* --- deployment_status.c --- */
enum deployment_mode {
	DEPLOYMENT_ROLLOUT,
	DEPLOYMENT_SYNC /* paused, scaled or deleted: conditions of progress rest */
};
void deployment_plan_status(const struct deployment_view *view, enum deployment_mode mode,
			    struct arena *arena, struct deployment_plan *plan);
bool deployment_is_complete(const struct deployment_view *view,
			    const struct deployment_status *status);
bool deployment_status_equal(const struct deployment_status *a, const struct deployment_status *b);

#endif
