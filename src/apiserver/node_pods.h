/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pods are bound to which node, kept by the store's own events, and what they refer to, read
 * from the pods themselves when somebody asks. So the relation of a node to a Secret costs nothing
 * until it is asked for, and a name for each bound pod.
 */
#ifndef CUBE_APISERVER_NODE_PODS_H
#define CUBE_APISERVER_NODE_PODS_H

#include "apiserver/registry.h"

struct node_pods;

struct node_pods *node_pods_new(struct registry *registry) MUST_CHECK;
void node_pods_free(struct node_pods *pods); /* the store is closed; NULL is fine */

/* What pods may refer to. */
enum pod_reference {
	POD_SECRET,
	POD_CONFIG_MAP,
	POD_CLAIM,
	POD_RESOURCE_CLAIM,
	POD_ACCOUNT,
	POD_REFERENCE_COUNT
};

/* Calls fn for each name the pod refers to until it returns false; false when it did. A name may
 * come twice. */
bool pod_each_reference(const struct obj *pod, enum pod_reference what,
			bool (*fn)(void *arg, struct str name), void *arg);

/* Whether a pod bound to the node refers to it. Static pods' mirrors count for nothing: a node
 * makes them itself. */
bool node_pods_refer(struct node_pods *pods, struct str node, enum pod_reference what,
		     struct str namespace_, struct str name);
/* The same for a volume, through the claim it is bound to, and for a secret of such a volume. */
bool node_pods_reach_volume(struct node_pods *pods, struct str node, struct str volume);
bool node_pods_reach_volume_secret(struct node_pods *pods, struct str node, struct str namespace_,
				   struct str name);

#endif
