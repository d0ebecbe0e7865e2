/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives pods their nodes: watches pods, nodes and namespaces, runs a cycle per pod, binds through
 * the API. Assumes what it has bound until the watch shows it.
 */
#ifndef CUBE_SCHEDULER_SCHEDULER_H
#define CUBE_SCHEDULER_SCHEDULER_H

#include "client/client.h"

struct scheduler;

struct scheduler_options {
	struct env *env;
	struct client *client;
	struct str name; /* spec.schedulerName it serves; empty = "default-scheduler" */
};

struct scheduler *scheduler_new(const struct scheduler_options *options) MUST_CHECK;
void scheduler_start(struct scheduler *scheduler); /* runs once its informers have synced */
void scheduler_free(struct scheduler *scheduler);  /* at any moment; before its client */

#endif
