/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CustomResourceDefinitions at work: follows their objects in the store, decides on names, keeps
 * their status, puts what is established into the registry's set of kinds, and empties what is
 * being deleted. Whoever goes on with kinds of a definition as it was is told when it changes or
 * goes.
 */
#ifndef CUBE_APISERVER_CUSTOM_RESOURCES_H
#define CUBE_APISERVER_CUSTOM_RESOURCES_H

#include "apiserver/own_write.h"
#include "apiserver/registry.h"
#include "loop/env.h"

struct custom_resources {
	struct registry *registry;
	/* Told before resource is taken out of the kinds. */
	void (*withdrawn)(struct custom_resources *c, const struct custom_resource *resource);
	struct store_watcher watcher;
	struct own_writes writes;
	struct list emptied;   /* struct emptied: definitions that wait for their objects to go */
	struct timer emptying; /* when it is time to look at them again */
};

/* What is stored is known when this returns. */
void custom_resources_start(struct custom_resources *c, struct registry *registry,
			    void (*withdrawn)(struct custom_resources *c,
					      const struct custom_resource *resource));
void custom_resources_stop(struct custom_resources *c);

#endif
