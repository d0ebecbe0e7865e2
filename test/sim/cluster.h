/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole cluster in one thread: store in memory, API server, controllers and scheduler as one
 * process that can crash at any write, three hollow nodes that live through it, and a user who
 * works through a script and repeats what was not acknowledged.
 */
#ifndef CUBE_SIM_CLUSTER_H
#define CUBE_SIM_CLUSTER_H

#include "client/client.h"
#include "client/informer.h"
#include "sim/env_sim.h"
#include "sim/hollow.h"
#include "sim/slow_transport.h"
#include "store/store.h"

#define CLUSTER_NODES 3

struct cluster;

struct cluster_options {
	uint64_t seed;
	int64_t delay_ms_max; /* of watch events; also of commits */
	bool shuffle;	      /* order of tasks by chance */
	/* Asked for each write of the store. */
	enum store_fault (*fault)(struct cluster *cluster, uint64_t write_index);
	uint64_t fault_at; /* for fault() */
	unsigned fault_per_mille;
	bool kill_node;
};

/* What holds at every moment; set by the script. */
struct bounds {
	int64_t active_max; /* pods that are neither ended nor being deleted */
	int64_t ready_min; /* must stay ready when a controller deletes a ready pod; 0 = not checked
			    */
};

struct cluster {
	struct cluster_options options;
	struct sim *sim;
	struct env *env; /* of the control plane */
	struct store_disk *disk;
	struct store *store;
	struct apiserver *apiserver;
	struct role {
		struct slow_transport *slow;
		struct client *client;
	} controlling, scheduling, nodes[CLUSTER_NODES];
	struct controllers *controllers;
	struct scheduler *scheduler;
	struct hollow *hollows[CLUSTER_NODES];
	struct client *user; /* sees everything undelayed */
	struct informer *deployments, *sets, *pods, *endpoints, *slices, *services;
	struct informer_handler watchers[4];
	bool is_up, crashed;
	unsigned crash_count;
	/* checks */
	struct bounds bounds;
	int64_t last_revision;	/* of events seen, over crashes */
	int64_t acked_revision; /* of answers given to the user */
	const char *violation;	/* the first one */
	/* script */
	size_t step;
	bool step_acked, step_submitted;
};

void cluster_start(struct cluster *c, const struct cluster_options *options);
/* Runs the script to its end; NULL, or what went wrong. */
const char *cluster_run(struct cluster *c);
void cluster_end(struct cluster *c);

/* --- check.c: rules that hold at every event --- */
void cluster_watch(struct cluster *c); /* the user's client is fresh */
void cluster_violate(struct cluster *c, const char *what);

/* --- script.c: what the user does --- */
extern const size_t script_step_count;
const char *script_step_name(size_t step);
void script_submit(
	struct cluster *c); /* the current step's request; sets step_acked when it is answered */
bool script_is_done(struct cluster *c); /* the cluster is as the current step wants it */
int64_t script_limit_ms(struct cluster *c);
void script_enter(struct cluster *c); /* bounds of the current step */

#endif
